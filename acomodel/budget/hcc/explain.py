"""How one member's risk score comes about: what each diagnosis led to, what dropped it, what each part weighs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from acomodel.budget.hcc.esrd import esrd_parts, interacting, segment_of
from acomodel.budget.hcc.esrd_tables import IMPLIED
from acomodel.budget.hcc.members import CELLS, Members, cells, demographic_parts
from acomodel.budget.hcc.tables import COUNTS, INTERACTIONS, NEEDS_ANOTHER, SEGMENTS, HccTables
from acomodel.budget.hcc.variables import CODE_SHAPE, apply_hierarchies, interactions, normal_code
from acomodel.inputs import InputError, nearest

if TYPE_CHECKING:
    from acomodel.budget.hcc.scores import HccScores

Row = tuple[str, str, str, str, str, float]
COLUMNS = ("part", "variable", "label", "diagnoses", "outcome", "coefficient")


def explain(scores: HccScores, member_id: str) -> pd.DataFrame:
    """
    Parts of one member's raw score.

    Parameters
    ----------
    scores : HccScores
        Scores of a population.
    member_id : str
        The member.

    Returns
    -------
    pandas.DataFrame
        `part`, `variable`, `label`, `diagnoses`, `outcome` and `coefficient` [factor], as `HccScores.explain` says.

    Raises
    ------
    InputError
        No such member.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, appendix, table 1: a member's risk score by its parts.

    Examples
    --------
    >>> from acomodel.budget.hcc.scores import hcc_scores
    >>> member = pd.DataFrame({"member_id": ["A"], "age": [70], "sex": ["F"]})
    >>> found = pd.DataFrame({"member_id": ["A", "A"], "code": ["E1122", "E119"]})
    >>> explain(hcc_scores(found, member), "A")[["variable", "diagnoses", "outcome", "coefficient"]]
      variable diagnoses            outcome  coefficient
    0   F70_74                       counts        0.395
    1    HCC37     E1122             counts        0.166
    2    HCC38      E119  dropped by HCC 37        0.000
    3       D1               counts, weighs nothing        0.000
    """
    where = np.flatnonzero(scores.members.member_id == member_id)
    if not len(where):
        raise InputError(f"members: no member '{member_id}'.{nearest(member_id, scores.members.member_id[:1000])}")
    one, tables = scores.members.only(int(where[0])), scores.tables
    codes = sorted(set(normal_code(scores.codes_of(member_id))))
    segment = tables.segments[segment_of(one, tables)[0]]
    led, rows = _categories(codes, one, tables, mce=scores.mce_edits)
    demographics = _esrd_demographics if tables.esrd else _demographics
    rows = [*demographics(one, tables), *_held(led, segment, one, tables), *rows]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _demographics(one: Members, tables: HccTables) -> list[Row]:
    """Age and sex, original disability and Medicaid."""
    parts = {name: int(value[0]) / 1000 for name, value in demographic_parts(one, tables).items()}
    cell = CELLS[int(cells(one)[0])]
    sex = "Male" if one.male[0] else "Female"
    institution = SEGMENTS[one.segment[0]] == "INS"
    rows = [("demographic", cell, f"{sex}, {one.age[0]} years", "", "counts", parts["cell"])]
    if parts["originally disabled"]:
        name = "ORIGDS" if institution else f"OriginallyDisabled_{sex}"
        label = "Originally entitled by disability"
        rows.append(("demographic", name, label, "", "counts", parts["originally disabled"]))
    if parts["medicaid"]:
        rows.append(("demographic", "LTIMCAID", "Medicaid, institutional", "", "counts", parts["medicaid"]))
    return rows


def _esrd_demographics(one: Members, tables: HccTables) -> list[Row]:
    """Age and sex, or the transplant, and the other variables that weigh something."""
    who = f"{'Male' if one.male[0] else 'Female'}, {one.age[0]} years"
    return [
        ("demographic", part.names[part.place[0]], part.label or who, "", "counts", int(value[0]) / 1000)
        for part, value in esrd_parts(one, tables).items()
        if value[0] or not part.label
    ]


def _categories(
    codes: list[str], one: Members, tables: HccTables, *, mce: bool
) -> tuple[dict[str, list[str]], list[Row]]:
    """Categories with the codes that led to them, and the codes that led to none or elsewhere."""
    led: dict[str, list[str]] = {}
    rows: list[Row] = []
    for code in codes:
        if code not in tables.codes:
            outcome = "no payment category" if CODE_SHAPE.fullmatch(code) else "not an ICD-10-CM code"
            rows.append(("diagnosis", "", "", code, outcome, 0.0))
            continue
        slot = tables.slots[tables.codes[code]]
        kept = slot.categories
        if slot.applies(one.age, one.male, mce=mce)[0]:
            kept = slot.instead
            what = f"moved to HCC {', '.join(kept)}" if kept else "dropped"
            names = ", ".join(f"HCC{c}" for c in slot.categories)
            label = "; ".join(tables.labels[c] for c in slot.categories)
            rows.append(("diagnosis", names, label, code, f"{what} by edit ({slot.words()})", 0.0))
        for category in kept:
            led.setdefault(category, []).append(code)
    return led, rows


def _held(led: dict[str, list[str]], segment: str, one: Members, tables: HccTables) -> list[Row]:
    """Categories, what dropped them, and the interactions and the count of those that are left."""
    before = np.array([[category in led] for category in tables.categories])
    after = before.copy()
    apply_hierarchies(after, tables)
    left = {c for c, there in zip(tables.categories, after[:, 0], strict=True) if there}
    weights = tables.coefficients[segment]
    rows: list[Row] = []
    for category in sorted(led, key=int):
        outcome = _outcome(category, led, left, tables)
        weight = weights.get(f"hcc{category}", 0) / 1000 if category in left else 0.0
        if category in left and not weight:
            outcome = f"counts, weighs nothing in segment {segment}"
        text = "; ".join(led[category])
        rows.append(("category", f"HCC{category}", tables.labels[category], text, outcome, weight))
    products = interactions(after, interacting(one, tables), tables)[:, 0]
    present = [("interaction", name) for name, there in zip(INTERACTIONS[tables.model], products, strict=True) if there]
    present += [("count", COUNTS[min(len(left), len(COUNTS)) - 1])] if left else []
    for part, name in present:
        if name.lower() in weights:
            weight = weights[name.lower()] / 1000
            label = f"{len(left)} payment categories" if part == "count" else name.replace("_", " × ")
            rows.append((part, name, label, "", "counts" if weight else "counts, weighs nothing", weight))
    return rows


def _outcome(category: str, led: dict[str, list[str]], left: set[str], tables: HccTables) -> str:
    """What became of a category."""
    if category in left:
        return "counts"
    if category in IMPLIED.get(tables.model, ()):
        return "dropped: implied by end-stage renal disease"
    above = [p for p, children in tables.hierarchies if category in children]
    if by := [p for p in above if p in left] or [p for p in above if p in led]:
        return f"dropped by HCC {by[0]}"
    others = NEEDS_ANOTHER[tables.model][category]
    return f"dropped: needs HCC {', '.join(others[:-1])} or {others[-1]}"
