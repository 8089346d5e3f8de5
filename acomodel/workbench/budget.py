"""The budget of a scenario: its chain from experience to benchmark worked out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from acomodel.budget.benchmark import Benchmark, benchmark_levels, projected_benchmark, rounded
from acomodel.budget.projection import blend, project, projected_totals, uniform_trend
from acomodel.budget.truncation import large_claim_factor
from acomodel.inputs import InputError
from acomodel.privacy import suppressed
from acomodel.rates import Numeric
from acomodel.workbench.adjustments import (
    RiskChange,
    applied_ratio,
    remarks,
    removed_from,
    risk_change,
    without_large_claims,
)
from acomodel.workbench.scenario import Scenario
from acomodel.workbench.tables import Tables


@dataclass(frozen=True, eq=False)
class Budget:
    """
    Chain from experience to benchmark.

    Parameters
    ----------
    report : pandas.DataFrame
        Cost and utilization by year and service category.
    history : pandas.DataFrame or None
        Trend factors from year to year.
    base_year : int
        Year of the baseline.
    risk : RiskChange or None
        Risk of the base and the current population; None where no change of risk is measured.
    removed : float or None
        Excess of large claims taken from the baseline. [$]
    trends, projection : pandas.DataFrame
        Factors used, and the projected cost and use, by year and category.
    benchmark, unrounded : Benchmark
        The benchmark as the contract rounds it, and with nothing rounded.
    notes : tuple of str
        What was decided on the way.
    """

    report: pd.DataFrame
    history: pd.DataFrame | None
    base_year: int
    risk: RiskChange | None
    removed: float | None
    trends: pd.DataFrame
    projection: pd.DataFrame
    benchmark: Benchmark
    unrounded: Benchmark
    notes: tuple[str, ...]


def make_budget(scenario: Scenario, tables: Tables) -> Budget | None:
    """
    Work out a scenario's budget; None where its benchmark is stated.

    Raises
    ------
    InputError
        Tables that do not fit the settings: a base year or trend that is not there, no exposure, …
    """
    if scenario.benchmark is None or scenario.trend is None or scenario.experience is None:
        return None
    report = tables.report
    known = sorted(report.index.unique("year"))
    base_year = scenario.experience.base_year or known[-1]
    if base_year not in known:
        raise InputError(f"experience: no year {base_year}; the table holds {', '.join(map(str, known))}")
    if scenario.benchmark.year <= base_year:
        raise InputError(f"benchmark.year: {scenario.benchmark.year} does not come after the baseline {base_year}")
    baseline = report.loc[base_year]
    years = list(range(base_year + 1, scenario.benchmark.year + 1))
    fitted = without_large_claims(scenario, tables, base_year)
    trends, notes = _trends(scenario, fitted, years, list(baseline.index))
    projection = project(baseline, trends, adjustment=scenario.trend.adjustment)
    risk = risk_change(scenario, tables, base_year)
    removed = removed_from(scenario, tables, base_year)
    notes += _large_claim_notes(scenario, tables) + remarks(scenario, tables, risk)
    months = tables.exposure(scenario)
    assert months is not None
    totals = projected_totals(baseline, trends, adjustment=scenario.trend.adjustment)
    both = []
    for printed in (scenario.benchmark.rounding == "printed", False):
        ratio = applied_ratio(scenario, risk, printed=printed)
        level, factors = _factors(scenario, baseline, totals, ratio, removed, printed)
        made = projected_benchmark(
            float(level),
            risk_ratio=float(factors.pop("risk")),
            large_claim_factor=float(factors.pop("large claims")),
            trend_factors={int(year): float(factor) for year, factor in factors.items()},
            member_months=months,
            base_label=f"Allowed claims {base_year}",
            rounding="printed" if printed else "none",
        )
        both.append(made)
    return Budget(
        report,
        fitted.history,
        base_year,
        risk,
        removed,
        trends,
        projection,
        both[0],
        both[1],
        tuple(notes),
    )


def _large_claim_notes(scenario: Scenario, tables: Tables) -> list[str]:
    """What a reader must know of a list of large claims that does not fit its threshold."""
    if scenario.large_claims is None or tables.large_claims is None:
        return []
    threshold, claims = scenario.large_claims.threshold, tables.large_claims["allowed"]
    assert threshold is not None
    notes, below = [], int((claims <= threshold).sum())
    if below:
        few = suppressed(pd.Series([below, len(claims) - below])).any() and not scenario.report.show_small_cells
        which = "some" if few else f"{below} of {len(claims)}"
        notes.append(f"{which} listed claimants stay at or below {threshold:,.0f} and change nothing")
    elif len(claims) > 1 and claims.min() > 1.25 * threshold:
        least = f", the smallest with {claims.min():,.0f}" if scenario.report.show_small_cells else ""
        notes.append(
            f"all listed claimants are well above the threshold of {threshold:,.0f}{least}: if claimants in between "
            "are not listed, the excess is understated"
        )
    return notes


def _factors(
    scenario: Scenario,
    baseline: pd.DataFrame,
    totals: Mapping[int, Numeric],
    ratio: Numeric,
    removed: float | None,
    printed: bool,
) -> tuple[float, dict[str, Numeric]]:
    """Baseline PMPM and the factors of a benchmark, rounded as printed or not; for one projection or for many."""

    def kept(value: Numeric, places: int) -> Numeric:
        return rounded(value, places) if printed else value

    factor: Numeric = 1.0
    if scenario.large_claims is not None and scenario.large_claims.factor is not None:
        factor = scenario.large_claims.factor
    elif removed is not None:
        months = baseline["member_months"].dropna()
        if months.empty:
            raise InputError("experience: the baseline has no member months, which the large-claim adjustment needs")
        allowed = float((baseline["allowed_pmpm"] * baseline["member_months"].fillna(months.max())).sum())
        factor = kept(float(large_claim_factor(allowed, removed)), 3)
    level = float(kept(float(baseline["allowed_pmpm"].sum()), 2))
    steps = {year: kept(total, 2) for year, total in totals.items()}
    before = dict(zip(steps, [level, *list(steps.values())[:-1]], strict=True))
    trends = {str(year): value / before[year] for year, value in steps.items()}
    return level, {"risk": ratio, "large claims": factor, **trends}


def benchmarks_at(
    scenario: Scenario, budget: Budget, *, trend: np.ndarray | float, risk: np.ndarray | float
) -> np.ndarray:
    """
    Benchmarks of a scenario's budget at many values of its two what-ifs, everything else as it is.

    Parameters
    ----------
    scenario, budget
        A scenario and its budget.
    trend : array-like
        Values of `trend.adjustment`. [share]
    risk : array-like
        Values of `risk.adjustment`; without effect where no risk is adjusted. [share]

    Returns
    -------
    numpy.ndarray
        Benchmark, rounded as the contract rounds it. [$ PMPM]

    Raises
    ------
    InputError
        A trend or risk at which a step is not above zero.
    """
    at, counted = (np.atleast_1d(a) for a in np.broadcast_arrays(np.asarray(trend, float), np.asarray(risk, float)))
    baseline, rounding = budget.report.loc[budget.base_year], budget.benchmark.rounding
    totals = projected_totals(baseline, budget.trends, adjustment=at)
    ratio: Numeric = np.ones(at.shape)
    if scenario.risk is not None:
        as_it_is = replace(scenario, risk=replace(scenario.risk, adjustment=0.0))
        ratio = applied_ratio(as_it_is, budget.risk, printed=rounding == "printed") * (1 + counted)
    level, factors = _factors(scenario, baseline, totals, ratio, budget.removed, rounding == "printed")
    return np.asarray(benchmark_levels(level, factors, rounding)[-1])


def _trends(
    scenario: Scenario, tables: Tables, years: list[int], categories: list[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Trend factors by year and category, by the method of the scenario, and what was decided."""
    wanted = scenario.trend
    assert wanted is not None
    notes: list[str] = []

    def source(name: str) -> pd.DataFrame:
        if name == "stated":
            assert tables.trend is not None
            stated = tables.trend.set_index(["year", "service_category"])
            missing = [y for y in years if y not in stated.index.unique("year")]
            if missing:
                raise InputError(f"trend: the table holds no factors for {missing[0]}")
            return stated.loc[years]
        if name in ("national", "regional"):
            return uniform_trend(getattr(wanted, name), years, categories)
        own, said = _own_trend(scenario, tables, years, categories)
        notes.extend(said)
        return own

    if wanted.method != "blend":
        return source(wanted.method), notes
    assert wanted.weights is not None
    weights = {n: getattr(wanted.weights, n) for n in ("own", "national", "regional", "stated")}
    return blend({name: source(name) for name, weight in weights.items() if weight > 0}, weights), notes


def _fits(scenario: Scenario, tables: Tables, category: str) -> tuple[float, float, list[str]]:
    """
    Annual factors of unit cost and use of a category by regression, and what was decided.

    A thin category whose months are not all above zero is fitted to the next coarser points that are; where even years
    are not, all services together stand for it.
    """
    assert scenario.trend is not None
    rule = scenario.trend.rule
    for grouping in [g for g in (1, 3, 6, 12) if g >= rule.grouping]:
        tried = replace(rule, grouping=grouping)
        try:
            cost, use = (tables.fit(category, tried, m) for m in ("unit_cost", "utilization_per_1000"))
        except InputError:
            continue
        words = [f"{category}: {fit.note}" for fit in (cost, use) if fit.method == "ratio"]
        if grouping != rule.grouping:
            words.append(f"{category}: months without services or cost; fitted to points of {grouping} months")
        return cost.annual_factor, use.annual_factor, words
    whole = tables.fit("All", rule, "allowed_pmpm").annual_factor
    return whole, 1.0, [f"{category}: too thin for a trend of its own; the trend of all services stands for it"]


def _own_trend(
    scenario: Scenario, tables: Tables, years: list[int], categories: list[str]
) -> tuple[pd.DataFrame, list[str]]:
    """The ACO's own trend: regression on months, or ratios of years; the same for every projected year."""
    assert scenario.trend is not None
    how, notes = scenario.trend.own, []
    if how == "regression" and tables.monthly is not None:
        factors = {}
        for category in categories:
            cost, use, words = _fits(scenario, tables, category)
            factors[category] = (cost, use)
            notes += words
        each = pd.DataFrame.from_dict(factors, orient="index", columns=["cost_trend", "utilization_trend"])
    else:
        history = tables.history
        if history is None:
            raise InputError("trend: the ACO's own trend needs at least two years of experience")
        if how == "regression":
            count = history.index.unique("year").size + 1
            notes.append(f"{count} annual points are too few for a regression: the ratios of the latest years are used")
        columns = history[["cost_trend", "utilization_trend"]]
        latest = history.index.unique("year").max()
        by_category = np.log(columns).groupby("service_category").mean()
        each = (np.exp(by_category) if how == "average_ratio" else columns.loc[latest]).reindex(categories)
        unknown = each.isna().any(axis=1)
        allowed = history["allowed_trend"].loc[latest].reindex(categories)
        each.loc[unknown, "cost_trend"] = allowed[unknown]
        each.loc[unknown, "utilization_trend"] = 1.0
    return pd.concat(dict.fromkeys(years, each), names=["year", "service_category"]), notes
