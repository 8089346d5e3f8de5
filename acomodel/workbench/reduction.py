"""From the members of a population to the small tables that risk and large claims are worked out from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from acomodel.budget.claimants import compress
from acomodel.budget.demographics import age_sex_set, estimate_factors
from acomodel.budget.factor_sets import cell_index, cell_label
from acomodel.budget.hcc import HccScores, hcc_scores
from acomodel.budget.hcc_tables import hcc_tables
from acomodel.budget.markers import fit_weights, risk_scores
from acomodel.budget.prediction import high_risk_list, hold_back, predictive_check
from acomodel.budget.truncation import threshold_at, truncate
from acomodel.claims.incurred import ContractScope
from acomodel.claims.members import diagnosed, member_years
from acomodel.claims.population import Population
from acomodel.claims.tables import Dataset
from acomodel.exhibit import SMALL_CELL
from acomodel.inputs import InputError
from acomodel.rates import MONTHS
from acomodel.workbench.people import EVERYBODY, People

if TYPE_CHECKING:
    import ibis.expr.types as ir

MODELS = ("V28", "V24")
"""CMS-HCC models under which members are scored, so that a change of model is a change of one setting."""
LISTED = 95.0
"""Percentile of annual claims above which claimants are kept one by one, unnamed; lower thresholds are not served."""
TRUNCATED = 99.0
"""Percentile at which claims are truncated before age/sex factors are estimated from them."""
TYPES = ("ESRD", "disabled", "aged/dual", "aged/non-dual")
"""Enrollment types of the Shared Savings Program, 42 CFR 425.601(a)."""
CONDITIONS = 8
"""Conditions, the most frequent first, for which predictions are checked. [count]"""
HIGHEST = 15
"""Members of the highest predicted cost who are listed. [members]"""
FEW = 100
"""Members below which predictions are not checked. [members]"""
_PREDICTION = ["year", "model", "kind", "part", "members", "months", "predicted", "actual", "value"]
_HIGH_RISK = ["year", "rank", "relative_risk", "predicted_cost", "drivers"]
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
    known = known.assign(age=known["age"].astype(int), type=enrollment_type(known))
    cells = known.groupby(["year", "age", "sex"], as_index=False)
    ages = cells.agg(members=("member_id", "size"), months=("months", "sum"))
    factors, fits, claimants, scores, categories = [], [], [], [], []
    told, listed_risks = [], pd.DataFrame(columns=_HIGH_RISK)
    first = pd.Timestamp(dataset.claims.service_date.min().to_pandas()).date()
    for year in sorted(years):
        rows, of_year = members[members["year"] == year], known[known["year"] == year]
        if rows["allowed"].sum() > 0:
            floor = threshold_at(rows["allowed"].clip(lower=0), LISTED, months=rows["months"])
            listed = compress(rows["allowed"], rows["months"], max(float(np.floor(floor / 1000) * 1000), 1000.0))
            claimants.append(listed.to_frame().assign(year=year))
            found = _estimated(of_year)
            if found is not None:
                factors.append(found[0].assign(year=year))
                fits.append(found[1].assign(year=year))
        if len(of_year) and first <= date(year - 1, 1, 31):
            theirs = _among(of_year["member_id"])
            codes = dataset.keep(diagnosed(dataset, year - 1).semi_join(theirs, "member_id"))
            by_model = {model: _scored(codes, of_year, model) for model in MODELS}
            for model, scored in by_model.items():
                scores.append(_by_type(of_year, scored, year))
                categories.append(_prevalence(scored, year, model))
            if of_year["allowed"].sum() > 0 and len(of_year) > FEW:
                told.append(_foretold(of_year, by_model, year))
                listed_risks = _highest(of_year, by_model[MODELS[0]], year)
    return People(
        ages,
        _stacked(factors, ["age_from", "age_to", "sex", "members", "months", "observed", "standard_error", "standard"]),
        _stacked(fits, ["statistic", "value"]),
        _stacked(claimants, ["kind", "members", "months", "allowed", "squares"]),
        _stacked(scores, ["model", "type", "continuing", "members", "months", "score"]),
        _stacked(categories, ["model", "category", "label", "members"]),
        _predicted(pd.concat(told), max(years)) if told else pd.DataFrame(columns=_PREDICTION),
        listed_risks,
    )


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
    rows = rows.assign(weighted=rows["score"] * rows["months"], year=year)
    sums = rows.groupby(["year", "model", "type", "continuing"], as_index=False).agg(
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
    top = threshold_at(rows["allowed"].clip(lower=0), TRUNCATED, months=rows["months"])
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
