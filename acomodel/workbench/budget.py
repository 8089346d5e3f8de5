"""The budget of a scenario: its tables read, its chain from experience to benchmark worked out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from acomodel.budget.benchmark import Benchmark, projected_benchmark
from acomodel.budget.projection import blend, project, uniform_trend
from acomodel.budget.risk import age_sex_factors, risk_ratio
from acomodel.budget.trend import Measure, TrendFit, TrendRule, all_categories, fit_trend
from acomodel.budget.truncation import excess_by_period, large_claim_factor
from acomodel.claims.experience import annual_from_monthly, check_whole, cost_utilization_report, trend_report
from acomodel.inputs import InputError, dictionary, read_table
from acomodel.workbench.claims import Claims, read_claims
from acomodel.workbench.scenario import Scenario

_KEYS = {
    "experience": ("year", "service_category"),
    "monthly": ("month", "service_category"),
    "demographics": ("period", "age_band", "sex"),
    "large_claims": ("period", "claimant"),
    "trend": ("year", "service_category"),
}


@dataclass(frozen=True, eq=False)
class Tables:
    """Tables that a scenario points at, read and checked; None where it points at none."""

    files: dict[str, str]
    experience: pd.DataFrame | None = None
    monthly: pd.DataFrame | None = None
    demographics: pd.DataFrame | None = None
    large_claims: pd.DataFrame | None = None
    trend: pd.DataFrame | None = None
    claims: Claims | None = None
    _fits: dict[tuple[str, TrendRule, Measure], TrendFit] = field(default_factory=dict, repr=False)

    def fit(self, category: str, rule: TrendRule, measure: Measure) -> TrendFit:
        """Trend of one category ("All" for their sum) and measure; fitted once, for sensitivities ask again."""
        key = (category, rule, measure)
        if key not in self._fits:
            if self.monthly is None:
                raise InputError("trend: a regression needs monthly experience")
            every = category == "All"
            part = all_categories(self.monthly) if every else self.monthly.query("service_category == @category")
            self._fits[key] = fit_trend(part, rule, measure=measure)
        return self._fits[key]

    def with_part(self, part: str, other: Tables) -> Tables:
        """These tables with those of one part of the scenario taken from another set."""
        parts = {"experience": ["experience", "monthly"], "claims": ["claims", "monthly"], "risk": ["demographics"]}
        names = [name for name in parts.get(part, [part]) if name in (*_KEYS, "claims")]
        taken = {name: getattr(other, name) for name in names}
        files = {k: v for k, v in self.files.items() if k not in taken}
        files |= {k: v for k, v in other.files.items() if k in taken}
        return replace(self, files=files, **taken, _fits={}) if taken else self

    def given(self) -> dict[str, pd.DataFrame]:
        """The tables that are there, by name."""
        return {name: getattr(self, name) for name in _KEYS if getattr(self, name) is not None}

    def exposure(self, scenario: Scenario) -> float | None:
        """
        Exposure of the contract year: as stated, else that of the year in the claims, else of the latest year.

        None where neither states it. [member months]
        """
        if scenario.benchmark is not None and scenario.benchmark.member_months is not None:
            return scenario.benchmark.member_months
        if scenario.benchmark is None or self.claims is None:
            return None
        months = self.claims.actuals["member_months"]
        return float(months.get(scenario.benchmark.year, months.iloc[-1]))

    @cached_property
    def report(self) -> pd.DataFrame:
        """Cost and utilization by year and category, from annual or monthly experience."""
        annual = self.experience
        if annual is None and self.monthly is not None:
            check_whole(self.monthly, "month")
            annual = annual_from_monthly(self.monthly)
        if annual is None:
            raise InputError("experience: neither a table nor monthly experience is given")
        check_whole(annual, "year")
        return cost_utilization_report(annual)

    @cached_property
    def history(self) -> pd.DataFrame | None:
        """Trend factors from year to year; None with a single year."""
        return trend_report(self.report) if self.report.index.unique("year").size > 1 else None

    def fingerprints(self) -> dict[str, object]:
        """Hash of each table's figures, by name."""
        found = {name: self.fingerprint(name)["sha256"] for name in self.given()}
        return found if self.claims is None else found | {"claims": self.claims.fingerprint()["sha256"]}

    def fingerprint(self, name: str) -> dict[str, object]:
        """Rows, sums and a hash of a table's figures; labels of claimants are left out."""
        frame = getattr(self, name).drop(columns=["claimant"], errors="ignore")
        text = frame.to_csv(index=False, float_format="%.12g")
        units = dictionary().query("table == @name").set_index("column")["unit"]
        sums = {c: float(frame[c].sum()) for c in frame if units.get(c) in ("$", "members", "services")}
        return {
            "table": name,
            "rows": len(frame),
            "sums": sums,
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
        }


TABLE_SETTINGS = {
    "experience": "experience.table",
    "monthly": "experience.monthly",
    "demographics": "risk.table",
    "large_claims": "large_claims.table",
    "trend": "trend.table",
}
"""Table name to the setting that names its file."""


def table_files(scenario: Scenario) -> dict[str, str]:
    """Table name to file name, for the tables a scenario points at."""
    found = {}
    for table, key in TABLE_SETTINGS.items():
        part, name = key.split(".")
        file = getattr(getattr(scenario, part), name, None)
        if file:
            found[table] = file
    return found


def read_tables(scenario: Scenario) -> Tables:
    """
    Read every table a scenario points at.

    Raises
    ------
    InputError
        A file that is missing or at fault, or a risk or large-claim clause without its table.
    """
    files = table_files(scenario)
    read = {t: read_table(scenario.folder / f, t, key=_KEYS[t]) for t, f in files.items()}
    if scenario.claims is None:
        return Tables(files, **read)
    try:
        claims = read_claims(scenario.claims, scenario.folder)
    except InputError as error:
        raise InputError(str(error) if str(scenario.folder) in str(error) else f"{scenario.path}: {error}") from None
    until = scenario.benchmark.year if scenario.benchmark is not None else None
    return Tables(files, **read, monthly=claims.before(until), claims=claims)


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
    age_sex : tuple of float or None
        Average factor of the base and the current population.
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
    age_sex: tuple[float, float] | None
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
    trends, notes = _trends(scenario, tables, years, list(baseline.index))
    projection = project(baseline, trends, adjustment=scenario.trend.adjustment)
    age_sex = _age_sex(scenario, tables)
    removed = _removed(scenario, tables)
    notes += _large_claim_notes(scenario, tables)
    months = tables.exposure(scenario)
    assert months is not None
    both = [
        _chain(scenario, months, baseline, base_year, projection, age_sex, removed, rounded)
        for rounded in (scenario.benchmark.rounding == "printed", False)
    ]
    return Budget(
        report,
        tables.history,
        base_year,
        age_sex,
        removed,
        trends,
        projection,
        both[0],
        both[1],
        tuple(notes),
    )


def _age_sex(scenario: Scenario, tables: Tables) -> tuple[float, float] | None:
    if scenario.risk is None or scenario.risk.ratio is not None or tables.demographics is None:
        return None
    return age_sex_factors(tables.demographics, scenario.risk.base, scenario.risk.current)


def _removed(scenario: Scenario, tables: Tables) -> float | None:
    wanted = scenario.large_claims
    if wanted is None or wanted.factor is not None or tables.large_claims is None:
        return None
    return float(excess_by_period(tables.large_claims, wanted.threshold).get("baseline", 0.0))


def _large_claim_notes(scenario: Scenario, tables: Tables) -> list[str]:
    """What a reader must know of a list of large claims that does not fit its threshold."""
    if scenario.large_claims is None or tables.large_claims is None:
        return []
    threshold, claims = scenario.large_claims.threshold, tables.large_claims["allowed"]
    notes, below = [], int((claims <= threshold).sum())
    if below:
        notes.append(f"{below} of {len(claims)} listed claimants stay at or below {threshold:,.0f} and change nothing")
    elif len(claims) > 1 and claims.min() > 1.25 * threshold:
        notes.append(
            f"the smallest listed claimant has {claims.min():,.0f}, well above the threshold of {threshold:,.0f}: if "
            "claimants in between are not listed, the excess is understated"
        )
    return notes


def _chain(
    scenario: Scenario,
    member_months: float,
    baseline: pd.DataFrame,
    base_year: int,
    projection: pd.DataFrame,
    age_sex: tuple[float, float] | None,
    removed: float | None,
    printed: bool,
) -> Benchmark:
    """Benchmark with or without the rounding of printed exhibits."""
    assert scenario.benchmark is not None

    def rounded(value: float, places: int) -> float:
        return round(value, places) if printed else value

    ratio = 1.0
    if scenario.risk is not None:
        if scenario.risk.ratio is not None:
            ratio = scenario.risk.ratio
        elif age_sex is not None:
            ratio = rounded(risk_ratio(rounded(age_sex[1], 2), rounded(age_sex[0], 2)), 3)
        ratio *= 1 + scenario.risk.adjustment
    factor = 1.0
    if scenario.large_claims is not None and scenario.large_claims.factor is not None:
        factor = scenario.large_claims.factor
    elif removed is not None:
        months = baseline["member_months"].dropna()
        if months.empty:
            raise InputError(f"experience: {base_year} has no member months, which the large-claim adjustment needs")
        allowed = float((baseline["allowed_pmpm"] * baseline["member_months"].fillna(months.max())).sum())
        factor = rounded(float(large_claim_factor(allowed, removed)), 3)
    level = rounded(float(baseline["allowed_pmpm"].sum()), 2)
    totals = projection.groupby("year")["allowed_pmpm"].sum()
    steps = {int(y): rounded(float(v), 2) for y, v in totals.items()}
    before = dict(zip(steps, [level, *list(steps.values())[:-1]], strict=True))
    return projected_benchmark(
        level,
        risk_ratio=ratio,
        large_claim_factor=factor,
        trend_factors={year: value / before[year] for year, value in steps.items()},
        member_months=member_months,
        base_label=f"Allowed claims {base_year}",
        rounding="printed" if printed else "none",
    )


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
