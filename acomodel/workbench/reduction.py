"""From the members of a population to the small tables that risk and large claims are worked out from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from acomodel.budget.claimants import compress
from acomodel.budget.demographics import age_sex_set, estimate_factors
from acomodel.budget.factor_sets import cell_index, cell_label
from acomodel.budget.hcc.scores import HccScores, hcc_scores
from acomodel.budget.hcc.tables import hcc_tables
from acomodel.budget.markers import fit_weights, risk_scores
from acomodel.budget.mssp.steps import TYPES
from acomodel.budget.prediction import high_risk_list, hold_back, predictive_check
from acomodel.budget.truncation import threshold_at, truncate
from acomodel.claims.incurred import ContractScope
from acomodel.claims.members import diagnosed, member_years
from acomodel.claims.population import Population
from acomodel.claims.tables import Dataset
from acomodel.inputs import InputError
from acomodel.privacy import SMALL_CELL
from acomodel.rates import MONTHS
from acomodel.workbench.people import DEMOGRAPHIC, EVERYBODY, People

if TYPE_CHECKING:
    import ibis.expr.types as ir

MODELS = ("V28", "V24")
"""CMS-HCC models under which members are scored, so that a change of model is a change of one setting."""
LISTED = 90.0
"""Percentile of annual claims above which claimants are kept one by one, unnamed; lower thresholds are not served."""
TRUNCATED = 99.0
"""Percentile at which claims are truncated before age/sex factors are estimated from them."""
NEWCOMERS = 0.05
"""Share of members without coverage in the year before above which a finding is made. [share]"""
UNEVEN = 1.4
"""Ratio of diagnoses a member between two years above which, or below its inverse, a finding is made."""
CONDITIONS = 8
"""Conditions, the most frequent first, for which predictions are checked. [count]"""
HIGHEST = 15
"""Members of the highest predicted cost who are listed. [members]"""
FEW = 100
"""Members below which predictions are not checked. [members]"""
_PREDICTION = ["year", "model", "kind", "part", "members", "months", "predicted", "actual", "value"]
_HIGH_RISK = ["year", "rank", "relative_risk", "predicted_cost", "drivers"]
_FINDINGS = ["year", "check", "what", "members"]
_DUAL, _OREC = [*(f"{n:02d}" for n in range(11)), "NA", "99"], ["0", "1", "2", "3"]
_FULL_OR_PARTIAL_DUAL = [f"{n:02d}" for n in (1, 2, 3, 4, 5, 6, 8)]


def people_of(dataset: Dataset, population: Population, years: Sequence[int], scope: ContractScope) -> People:
    """
    Reduce the members of a population to the tables that risk and large claims are worked out from.

    Parameters
    ----------
    dataset : Dataset
        Canonical claims tables.
    population : Population
        Who is assigned, and when.
    years : sequence of int
        Calendar years.
    scope : ContractScope
        What the contract counts.

    Returns
    -------
    People
    """
    members = member_years(dataset, population, years, scope)
    members = members[members["months"] > 0]
    members = members.assign(months=members["months"].clip(upper=float(MONTHS)))
    known = members[members["age"].notna() & members["sex"].isin(["F", "M"])]
    known, odd = _statuses(known.assign(age=known["age"].astype(int)))
    known = known.assign(type=enrollment_type(known))
    cells = known.assign(age=_banded(known["age"])).groupby(["year", "age", "sex"], as_index=False)
    ages = cells.agg(members=("member_id", "size"), months=("months", "sum"))
    factors, fits, claimants = [], [], []
    for year in sorted(years):
        rows = members[members["year"] == year]
        if rows["allowed"].sum() > 0:
            floor = threshold_at(rows["allowed"].clip(lower=0), LISTED, months=rows["months"])
            listed = compress(rows["allowed"], rows["months"], max(float(np.floor(floor / 1000) * 1000), 1000.0))
            claimants.append(listed.to_frame().assign(year=year))
            found = _estimated(known[known["year"] == year])
            if found is not None:
                factors.append(found[0].assign(year=year))
                fits.append(found[1].assign(year=year))
    findings = _unknown(members, known, odd)
    scored = _scored_years(dataset, known, years, findings)
    told = [_foretold(rows, found, year) for year, (rows, found) in scored.items() if _enough(rows)]
    last = max(scored, default=None)
    return People(
        ages,
        _stacked(factors, ["age_from", "age_to", "sex", "members", "months", "observed", "standard_error", "standard"]),
        _stacked(fits, ["statistic", "value"]),
        _stacked(claimants, ["kind", "members", "months", "allowed", "squares"]),
        _stacked(
            [_by_type(rows, s, year) for year, (rows, found) in scored.items() for s in found.values()],
            ["model", "type", "assigned", "members", "months", "score"],
        ),
        _stacked(
            [_prevalence(s, year, model) for year, (_, found) in scored.items() for model, s in found.items()],
            ["model", "category", "label", "members"],
        ),
        _predicted(pd.concat(told), max(years)) if told else pd.DataFrame(columns=_PREDICTION),
        _highest(scored[last][0], scored[last][1][MODELS[0]], last)
        if last is not None and _enough(scored[last][0])
        else pd.DataFrame(columns=_HIGH_RISK),
        pd.DataFrame(findings, columns=_FINDINGS),
    )


def _enough(members: pd.DataFrame) -> bool:
    """Whether there are members and claims enough to check a prediction on."""
    return bool(members["allowed"].sum() > 0 and len(members) > FEW)


def _banded(ages: pd.Series) -> np.ndarray:
    """First age of each member's cell in the standard factors."""
    starts = np.unique(age_sex_set()["age_from"])
    return starts[np.searchsorted(starts, ages, side="right") - 1].astype(int)


def _statuses(members: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Members with their Medicare status in one spelling, one that is none left out, and where that was so."""
    dual = members["dual_status"].astype("string").str.strip().str.zfill(2)
    orec = members["orec"].astype("string").str.strip()
    odd_dual, odd_orec = dual.notna() & ~dual.isin(_DUAL), orec.notna() & ~orec.isin(_OREC)
    plain = {"dual_status": dual.mask(odd_dual), "orec": orec.mask(odd_orec)}
    plain = {name: text.astype(object).where(text.notna(), None) for name, text in plain.items()}
    return members.assign(**plain), (odd_dual | odd_orec).astype(bool)


def _unknown(members: pd.DataFrame, known: pd.DataFrame, odd: pd.Series) -> list[tuple[int, str, str, int]]:
    """Findings on demographics: who is left out of risk, whose status is not a code, who has ESRD."""
    found = []
    for year, rows in members.groupby("year"):
        theirs = known["year"] == year
        left_out, strange = len(rows) - int(theirs.sum()), int((odd & theirs).sum())
        esrd = int((known["type"][theirs] == TYPES[0]).sum())
        if left_out:
            words = f"{_share(left_out, len(rows))} members have no age or sex that can be, and are left out of risk"
            found.append((int(year), DEMOGRAPHIC[0], words, left_out))
        if strange:
            words = "dual status or reason for entitlement is no code of CMS, and counts as not given"
            found.append((int(year), "status-unknown", words, strange))
        if esrd:
            words = "members with end-stage renal disease are scored by the model of the community"
            found.append((int(year), "esrd-in-the-community", words, esrd))
    return found


def _share(part: int, whole: int) -> str:
    """
    Share of members in words that do not give a small number of them away.

    >>> _share(50, 400), _share(3, 400)
    ('12.5% of', 'few')
    """
    return f"{part / whole:.1%} of" if part > SMALL_CELL else "few"


def _scored_years(
    dataset: Dataset, known: pd.DataFrame, years: Sequence[int], findings: list[tuple[int, str, str, int]]
) -> dict[int, tuple[pd.DataFrame, dict[str, HccScores]]]:
    """Members and their scores by year and model, by the diagnoses of the year before; findings are added."""
    scored: dict[int, tuple[pd.DataFrame, dict[str, HccScores]]] = {}
    before = None
    for year in sorted(years):
        rows = known[known["year"] == year]
        if rows.empty:
            continue
        codes = dataset.keep(diagnosed(dataset, year - 1).semi_join(_among(rows["member_id"]), "member_id"))
        per_member = int(codes.count().to_pandas()) / len(rows)
        if not per_member:
            words = f"the claims hold no diagnosis of {year - 1}, and nobody is scored for {year}"
            findings.append((year, "diagnoses-absent", words, len(rows)))
            continue
        if before is not None and not 1 / UNEVEN < per_member / before < UNEVEN:
            words = f"{per_member:.1f} diagnoses a member, {before:.1f} for the year before: scores may not compare"
            findings.append((year, "diagnoses-uneven", words, len(rows)))
        before = per_member
        new = int((rows["covered_before"] == 0).sum())
        if new > NEWCOMERS * len(rows):
            words = f"{_share(new, len(rows))} members were not covered in {year - 1}: no diagnosis speaks for them"
            findings.append((year, "no-year-before", words, new))
        try:
            scored[year] = (rows, {model: _scored(codes, rows, model) for model in MODELS})
        except InputError as error:
            findings.append((year, "not-scored", str(error), len(rows)))
            continue
        for _, found in scored[year][1][MODELS[0]].findings.iterrows():
            findings.append((year, str(found["check"]), str(found["what"]), int(found["members"])))
    return scored


def _stacked(parts: list[pd.DataFrame], names: list[str]) -> pd.DataFrame:
    """Tables of several years as one, the year in front."""
    if not parts:
        return pd.DataFrame(columns=["year", *names])
    frame = pd.concat(parts, ignore_index=True)
    return frame[["year", *(c for c in frame if c != "year")]]


def enrollment_type(members: pd.DataFrame) -> pd.Series:
    """
    Enrollment type of each member: ESRD, disabled (under 65), aged and dual, aged and not dual; else `EVERYBODY`.

    >>> rows = pd.DataFrame({"age": [50, 70, 70], "esrd": False, "dual_status": [None, "02", "00"], "orec": "0"})
    >>> enrollment_type(rows).tolist()
    ['disabled', 'aged/dual', 'aged/non-dual']
    """
    if not medicare(members):
        return pd.Series(EVERYBODY, index=members.index, name="type")
    dual = members["dual_status"].isin(_FULL_OR_PARTIAL_DUAL)
    aged = np.where(dual, TYPES[2], TYPES[3])
    kind = np.where(members["esrd"].astype(bool), TYPES[0], np.where(members["age"] < 65, TYPES[1], aged))
    return pd.Series(kind, index=members.index, name="type")


def medicare(members: pd.DataFrame) -> bool:
    """Whether any member bears a status of Medicare."""
    return bool(members["orec"].notna().any() or members["dual_status"].notna().any() or members["esrd"].any())


def _estimated(members: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Age/sex factors of a year's own costs, truncated; None where there are too few to tell."""
    if members.empty:
        return None
    top = threshold_at(members["allowed"].clip(lower=0), TRUNCATED, months=members["months"])
    kept = truncate(members["allowed"], top, months=members["months"], prorate=True)
    try:
        found = estimate_factors(members.assign(allowed=kept), age_sex_set())
    except InputError:
        return None
    return found.to_frame(), found.fit.rename_axis("statistic").rename("value").reset_index()


def _scored(codes: ir.Table, members: pd.DataFrame, model: str) -> HccScores:
    """
    Scores of members by diagnoses of the year before.

    Where no member has a status of Medicare, nobody is scored as a new enrollee of it.
    """
    columns = ["member_id", "age", "sex", "dual_status", "orec"]
    people = members[columns].assign(new_enrollee=medicare(members) & (members["covered_before"] < MONTHS))
    return hcc_scores(codes, people, model)


def _by_type(members: pd.DataFrame, scored: HccScores, year: int) -> pd.DataFrame:
    """Mean scores by type of enrollment, newly and continuously assigned."""
    rows = members.assign(model=scored.model, score=scored.frame["raw_score"].to_numpy())
    assigned = rows["continuing"].map({True: "continuously", False: "newly"}, na_action="ignore").fillna("")
    rows = rows.assign(weighted=rows["score"] * rows["months"], year=year, assigned=assigned.astype("str"))
    sums = rows.groupby(["year", "model", "type", "assigned"], as_index=False).agg(
        members=("member_id", "size"), months=("months", "sum"), weighted=("weighted", "sum")
    )
    sums["score"] = sums.pop("weighted") / sums["months"]
    return sums


def _prevalence(scored: HccScores, year: int, model: str) -> pd.DataFrame:
    """Members with each category that hierarchies leave, most frequent first."""
    held = scored.frame["hccs"].str.split(";").explode()
    counts = held[held != ""].value_counts()
    labels = [scored.tables.labels.get(category, "") for category in counts.index]
    found = {"model": model, "category": counts.index, "label": labels, "members": counts.to_numpy()}
    return pd.DataFrame(found).assign(year=year)


def _foretold(members: pd.DataFrame, scored: dict[str, HccScores], year: int) -> pd.DataFrame:
    """Members of a year with their scores and conditions, costs relative to the average of the year."""
    level = members["allowed"].sum() / members["months"].sum()
    rows = members[["member_id", "age", "sex", "months"]].assign(cost=members["allowed"] / level, level=level)
    for model, found in scored.items():
        rows[model] = found.frame["raw_score"].to_numpy()
    rows["hccs"] = (";" + scored[MODELS[0]].frame["hccs"] + ";").to_numpy()
    rows.index = pd.Index(rows["member_id"] + f"/{year}")
    return rows


def _predicted(rows: pd.DataFrame, year: int) -> pd.DataFrame:
    """Check of each measure on members held back in all their years: statistics, deciles, frequent conditions."""
    members = pd.Index(rows["member_id"].unique())
    held = hold_back(members).reindex(rows["member_id"]).set_axis(rows.index)
    rows = rows.assign(allowed=rows["cost"] * rows["level"].iloc[-1])
    predicted = {f"CMS-HCC {model}": rows[model].to_numpy() for model in MODELS}
    at = {"toolkit": age_sex_set()}
    own = _estimated(rows[~held])
    if own is not None:
        at["own"] = own[0]
    for name, factors in at.items():
        predicted[f"Age/sex, {name}"] = factors["factor"].to_numpy()[cell_index(rows["age"], rows["sex"], factors)]
    own_weights = _own_weights(rows, ~held.to_numpy(), at["toolkit"])
    if own_weights is not None:
        predicted["Age/sex and conditions, own"] = own_weights.to_numpy()
    counts = rows["hccs"].str.strip(";").str.split(";").explode().value_counts()
    frequent = [category for category in counts.index if category][:CONDITIONS]
    labels = hcc_tables(MODELS[0]).labels
    groups = {labels[c]: rows["hccs"].str.contains(f";{c};", regex=False) for c in frequent}
    check = predictive_check(
        pd.DataFrame(predicted, index=rows.index), rows["allowed"], rows["months"], groups or None, holdout=held
    )
    summary = check.summary.rename_axis("model").reset_index().melt("model", var_name="part", value_name="value")
    parts = [summary.assign(kind="statistic", members=check.members)]
    for kind, table in (("decile", check.deciles), ("condition", check.groups)):
        if len(table):
            flat = table.reset_index().set_axis(["model", "part", *table.columns], axis=1)
            parts.append(flat.assign(kind=kind, value=flat["predictive_ratio"]))
    frame = pd.concat(parts, ignore_index=True).assign(year=year)
    return frame.assign(part=frame["part"].astype(str)).reindex(columns=_PREDICTION)


def _own_weights(rows: pd.DataFrame, fitted: np.ndarray, cells: pd.DataFrame) -> pd.Series | None:
    """Risk by weights of age/sex cells and conditions that fit the claims of some of the members; None where thin."""
    at = cell_index(rows["age"], rows["sex"], cells)
    markers = {cell_label(cell): at == n for n, (_, cell) in enumerate(cells.iterrows())}
    lists = rows["hccs"]
    held = lists[fitted].str.strip(";").str.split(";").explode().value_counts()
    markers |= {f"HCC {name}": lists.str.contains(f";{name};", regex=False).to_numpy() for name in held.index if name}
    table = pd.DataFrame(markers, index=rows.index).astype(float)
    table = table.loc[:, table[fitted].sum() > SMALL_CELL]
    seen = rows[fitted]
    top = threshold_at(seen["allowed"].clip(lower=0), TRUNCATED, months=seen["months"])
    cost = pd.Series(truncate(rows["allowed"], top, months=rows["months"], prorate=True), index=rows.index)
    try:
        fit = fit_weights(table[fitted], cost[fitted], rows["months"][fitted], nonnegative=True)
    except InputError:
        return None
    risk = risk_scores(table, fit.weights)
    assert isinstance(risk, pd.Series)
    return risk


def _highest(members: pd.DataFrame, scored: HccScores, year: int) -> pd.DataFrame:
    """Members of the highest predicted cost, by rank, with the conditions that weigh most."""
    scores = scored.frame.set_index("member_id")["raw_score"]
    months = members["months"].to_numpy()
    cost = float(members["allowed"].sum() / months.sum() * MONTHS)
    top = high_risk_list(
        scores, top=HIGHEST, average_cost=cost, average_score=float(np.average(scores, weights=months)), identify=True
    ).to_frame()
    drivers = []
    for member in top.index:
        parts = scored.explain(str(member)).query("part == 'category' and coefficient > 0")
        heaviest = parts.sort_values("coefficient", ascending=False, kind="stable")["label"].head(3)
        drivers.append("; ".join(heaviest))
    table = top.assign(drivers=drivers, rank=range(1, len(top) + 1), year=year)
    return table.reset_index(drop=True)[_HIGH_RISK]


def _among(members: pd.Series) -> ir.Table:
    import ibis

    return ibis.memtable(pd.DataFrame({"member_id": members.astype(str)}))
