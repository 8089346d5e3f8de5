"""The benchmark of record of a performance year: base years, risk, update and adjustments in one chain of lines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
import pydantic.dataclasses
from pydantic import ConfigDict, Field, model_validator

from acomodel.budget.mssp.adjustments import benchmark_adjustment
from acomodel.budget.mssp.historical import BASE_YEARS, base_year_weights, historical_benchmark
from acomodel.budget.mssp.prospective import prospective_update
from acomodel.budget.mssp.record_inputs import base_years_of, given_in, of_growth, update_inputs
from acomodel.budget.mssp.steps import TYPES, BenchmarkSteps, Line, Worksheet
from acomodel.budget.mssp.updates import PER_PERSON_YEAR, at_current_risk, blended_update, national_update, update_rule
from acomodel.exhibit import Assumption, Exhibit, Shown
from acomodel.inputs import InputError, nearest
from acomodel.programs import Rules
from acomodel.rates import MONTHS


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class HistoricalSettings:
    """How base years become the historical benchmark of a performance year."""

    table: str = Field(description="base years by enrollment type [file]")
    growth: str = Field(description="growth to BY3 and since BY3 by enrollment type [file]")
    year: int = Field(ge=2012, le=2100, description="performance year of the historical benchmark [year]")
    agreement_start: int = Field(ge=2012, le=2100, description="year in which the agreement began [year]")
    agreement_period: int = Field(default=1, ge=1, description="number of the agreement; 1 is the first [number]")
    weights: Literal["rule"] | list[float] = Field(
        default="rule", description="weights of BY1, BY2 and BY3: rule, or three that sum to 1 [share]"
    )
    update: Literal["rule", "none", "national", "regional", "blend", "prospective"] = Field(
        default="rule",
        description="update to the performance year: rule, none, national dollars, regional growth, blend of both, or "
        "prospective [method]",
    )
    national_weight: float | None = Field(
        default=None, ge=0, le=1, description="weight of national growth: the ACO's share of its region [share]"
    )
    acpt: list[float] = Field(
        default_factory=list, description="prospective trend of each year since BY3: annual growth [share]"
    )
    regional_adjustment: float | None = Field(
        default=None, description="regional adjustment of the historical benchmark [$ per person year]"
    )
    prior_savings: float | None = Field(
        default=None, ge=0, description="prior-savings adjustment of the historical benchmark [$ per person year]"
    )
    override: dict[str, float | dict[str, float]] = Field(
        default_factory=dict, description="lines stated in place of worked ones: a number, or numbers by type"
    )
    adjustment: float = Field(default=0.0, gt=-1, lt=1, description="what-if: change of the benchmark [share]")

    @model_validator(mode="after")
    def _weights_whole(self) -> HistoricalSettings:
        if self.weights == "rule":
            return self
        if len(self.weights) != len(BASE_YEARS):
            raise ValueError(f"historical.weights: found {len(self.weights)} weights; one a base year is wanted")
        if min(self.weights) < 0 or abs(sum(self.weights) - 1) > 1e-6:
            raise ValueError(
                f"historical.weights: found {', '.join(f'{w:g}' for w in self.weights)}, which sum to "
                f"{sum(self.weights):g}; none below zero and a sum of 1 are wanted"
            )
        return self


@dataclass(frozen=True, eq=False, repr=False)
class Record(Shown):
    """
    Historical benchmark of a performance year and every line of its making.

    Parameters
    ----------
    historical, adjusted, updated, settled : BenchmarkSteps
        Base years to historical benchmark; with its adjustments; in the performance year; as it is settled.
    method : str
        Method of the update: "none", "national", "regional", "blend" or "prospective".
    person_years : float or None
        Of the performance year, where the table of growth gives them. [person years]
    summary : pandas.DataFrame
        Index the step; columns `change` and `pmpm` after it, the first change being the first level [$ PMPM], and
        `per_capita` after it [$ per person year].
    assumptions : tuple of Assumption
        Rules used, lines stated, and what stands in for figures that are not given.
    """

    historical: BenchmarkSteps
    adjusted: BenchmarkSteps
    updated: BenchmarkSteps
    settled: BenchmarkSteps
    method: str
    person_years: float | None
    summary: pd.DataFrame
    assumptions: tuple[Assumption, ...]

    @property
    def stages(self) -> tuple[BenchmarkSteps, ...]:
        """The stages in order; no two of their lines have one name."""
        return self.historical, self.adjusted, self.updated, self.settled

    @property
    def per_capita(self) -> float:
        """Benchmark of the performance year. [$ per person year]"""
        return float(self.settled.per_capita)

    @property
    def pmpm(self) -> float:
        """Benchmark of the performance year. [$ PMPM]"""
        return self.per_capita / MONTHS

    def figures(self) -> list[dict[str, Any]]:
        """Every line of every stage as plain numbers; None for a line without a figure of all types."""
        found = []
        for stage in self.stages:
            lines = []
            for line in stage.lines:
                types = {} if line.by_type is None else dict(zip(TYPES, line.by_type.tolist(), strict=True))
                overall = None if np.isnan(line.overall) else float(line.overall)
                lines.append({"name": line.name, "by_type": types, "all_types": overall, "stated": line.stated})
            found.append({"title": stage.title, "lines": lines})
        return found

    def to_frame(self) -> pd.DataFrame:
        """The summary, unrounded."""
        return self.summary.copy(deep=False)

    def exhibit(self) -> Exhibit:
        """The summary as a table."""
        names = {"change": "Change PMPM", "pmpm": "PMPM", "per_capita": "Per person year"}
        table = self.summary.rename(columns=names).rename_axis("Step")
        stated = [line.name for stage in self.stages for line in stage.lines if line.stated]
        said = f" Stated and not worked out: {'; '.join(stated)}." if stated else ""
        note = f"A person year is {MONTHS} member months; nothing is rounded between steps.{said}"
        return Exhibit("From base years to benchmark", table, dict.fromkeys(names.values(), "$."), note)


IN_PERFORMANCE_YEAR = {
    "Share of person years": "Share of person years, performance year",
    "Historical benchmark": "Historical benchmark, performance year",
    "Updated benchmark": "Updated benchmark by type",
}
"""Lines of the update that would bear the name of another stage's line, and their names in a record."""

METHODS = {
    "national_flat_dollar": "national",
    "regional": "regional",
    "blend": "blend",
    "blend_with_acpt": "prospective",
}
"""Methods of the rules and how the settings name them."""

KINDS = {"Regional adjustment": "regional", "Prior-savings adjustment": "prior_savings"}
"""Lines of adjustments and the rule under which an agreement has each; "higher_of_both" knows both."""
KEYS = {"Regional adjustment": "regional_adjustment", "Prior-savings adjustment": "prior_savings"}
WORDS = {
    "none": "no adjustment",
    "regional": "a regional adjustment alone",
    "prior_savings": "an adjustment for prior savings alone",
}

ACPT_WEIGHT = 1 / 3
"""Weight of the prospective trend where no rule is in force. [share]"""


def benchmark_of_record(settings: HistoricalSettings, base_years: pd.DataFrame, growth: pd.DataFrame) -> Record:
    r"""
    Historical benchmark of a performance year: base years, risk, update and adjustments.

    Parameters
    ----------
    settings : HistoricalSettings
        What is to be made of the tables.
    base_years : pandas.DataFrame
        Columns `period` (BY1, BY2, BY3), `enrollment_type`, `person_years` [person years; those of BY3 are
        needed], `per_capita` [$ per person year] and `risk_score` [score].
    growth : pandas.DataFrame
        Columns `enrollment_type`, `by1_to_by3` and `by2_to_by3` [factor]; as the update needs them `national` and
        `regional` since BY3 [factor] and `flat_dollars` [$ per person year]; and, of the performance year,
        `person_years` [person years] and `risk_ratio` over BY3 [factor].

    Returns
    -------
    Record

    Raises
    ------
    InputError
        A period, type or column is missing, a stated line does not exist, a figure is not above zero.

    Notes
    -----
    With the historical benchmark :math:`H_t`, the shares :math:`p_t` and risk ratio :math:`R_t / R_{3t}` of the
    performance year, the update :math:`f_t` and the adjustment :math:`a`, the same dollars for every type,

    .. math:: B = \sum_t p_t (H_t + a) \frac{R_t}{R_{3t}} f_t

    Without a risk ratio the risk of BY3 stays; without person years the types keep their shares of BY3.
    Of two stated adjustments the higher counts, where the rules of the agreement know both.

    References
    ----------
    .. [1] 42 CFR 425.602 (2015) and later sections; ``data/rules/mssp_benchmark.csv``, each row with its source.

    Examples
    --------
    >>> years = [(y, t, 100.0, 10_000.0, 1.0) for y in ("BY1", "BY2", "BY3") for t in TYPES]
    >>> columns = ["period", "enrollment_type", "person_years", "per_capita", "risk_score"]
    >>> growth = pd.DataFrame({"enrollment_type": TYPES, "by1_to_by3": 1.1, "by2_to_by3": 1.05, "flat_dollars": 300.0})
    >>> settings = HistoricalSettings(table="", growth="", year=2014, agreement_start=2013)
    >>> record = benchmark_of_record(settings, pd.DataFrame(years, columns=columns), growth)
    >>> round(record.historical.per_capita, 2), round(record.per_capita, 2)
    (10250.0, 10550.0)
    """
    which = "first" if settings.agreement_period <= 1 else "later"
    rule = update_rule(settings.year, settings.agreement_start, settings.agreement_period)
    method = METHODS[rule.method] if settings.update == "rule" else settings.update
    grids = base_years_of(settings, base_years)
    table = growth.set_index("enrollment_type")
    trends = np.stack([of_growth(settings, table, name) for name in ("by1_to_by3", "by2_to_by3")])
    weights = settings.weights
    if weights == "rule":
        weights = list(base_year_weights(settings.agreement_period, settings.agreement_start))
    inputs = update_inputs(settings, table, method, rule.acpt_weight or ACPT_WEIGHT)
    names = _line_names(settings, method, inputs)
    _check_override(settings, [line for stage in names for line in stage])
    stated = [{line.name: settings.override[line.name] for line in s if line.name in settings.override} for s in names]

    first = historical_benchmark(
        grids["per_capita"], grids["risk_score"], grids["person_years"], trends, weights=weights, override=stated[0]
    )
    counted, known = (given_in(table, name) for name in ("person_years", "risk_ratio"))
    counts = of_growth(settings, table, "person_years") if counted else grids["person_years"][-1]
    ratio = of_growth(settings, table, "risk_ratio") if known else np.ones(len(TYPES))
    second = _adjusted(settings, first, grids["person_years"][-1], rule.adjustment, stated[1])
    if not (np.asarray(second.by_type) > 0).all():
        least = np.asarray(second.by_type).min()
        raise InputError(f"historical: the adjusted benchmark of a type is {least:,.2f}; above zero is wanted")
    third = _updated(method, second, counts, ratio, inputs, stated[2])
    fourth = _settled(settings, float(third.per_capita), stated[3])
    if not fourth.per_capita > 0:
        raise InputError(f"historical: the benchmark is {fourth.per_capita:,.2f}; above zero is wanted")
    found = _rules(settings, which, method)
    if not known:
        source = "the table of growth gives no risk ratio, so the risk of BY3 stays"
        found.append(Assumption("Risk ratio to the performance year", 1.0, "factor", "judgment", source))
    if not counted:
        source = "the table of growth gives no person years"
        found.append(Assumption("Types in the performance year", "shares of BY3", "", "judgment", source))
    stages = (first, second, third, fourth)
    found += [_stated(line) for stage in stages for line in stage.lines if line.stated]
    total = float(counts.sum()) if counted else None
    return Record(*stages, method, total, _summary(settings, *stages), tuple(found))


def _updated(
    method: str, benchmark: Any, counts: np.ndarray, ratio: np.ndarray, inputs: Mapping[str, Any], stated: Any
) -> BenchmarkSteps:
    """The historical benchmark in the performance year, with the names its lines have in a record."""
    override = {inner: stated[outer] for inner, outer in IN_PERFORMANCE_YEAR.items() if outer in stated}
    override |= {name: value for name, value in stated.items() if name not in IN_PERFORMANCE_YEAR.values()}
    blend: dict[str, Any] = {name: inputs.get(name) for name in ("national", "regional", "national_weight")}
    given: dict[str, Any] = {"person_years": counts, "risk_ratio": ratio, "override": override}
    if method == "national":
        steps = national_update(benchmark, inputs["flat_dollars"], **given)
    elif method == "blend":
        steps = blended_update(benchmark, **blend, **given)
    elif method == "prospective":
        acpt: dict[str, Any] = {name: inputs.get(name) for name in ("acpt", "flat_dollars", "acpt_weight")}
        steps = prospective_update(benchmark, **blend, **acpt, **given)
    else:
        sheet = Worksheet("update", override)
        level = at_current_risk(sheet, benchmark, counts, ratio)
        if method == "none":
            steps = sheet.close("Benchmark at the risk of the performance year", PER_PERSON_YEAR)
        else:
            factor = sheet.of_types("Regional growth", inputs["regional"], "0.0000")
            sheet.of_types("Updated benchmark", level * factor, "$.")
            steps = sheet.close("Benchmark updated by regional growth", PER_PERSON_YEAR)
    renamed = (replace(n, name=IN_PERFORMANCE_YEAR.get(n.name, n.name)) for n in steps.lines)
    return replace(steps, lines=tuple(renamed))


def _adjusted(
    settings: HistoricalSettings, historical: BenchmarkSteps, person_years: np.ndarray, rule: str, stated: Any
) -> BenchmarkSteps:
    """The historical benchmark with its adjustments, which are the same dollars for every type."""
    sheet = Worksheet("adjustments", stated)
    sheet.shares(person_years)
    named = {"Regional adjustment": settings.regional_adjustment, "Prior-savings adjustment": settings.prior_savings}
    given = {name: sheet.overall(name, value, "$.") for name, value in named.items() if value is not None}
    for name in given:
        if rule != "higher_of_both" and KINDS[name] != rule:
            raise InputError(
                f"historical.{KEYS[name]}: given, but an agreement begun {settings.agreement_start} knows "
                f"{WORDS[rule]}; state the line 'Adjustment of the benchmark' in historical.override to argue for one"
            )
    regional = given.get("Regional adjustment")
    if rule == "higher_of_both" and regional is not None and regional < 0:
        given["Regional adjustment"] = sheet.overall("Regional adjustment, none below zero", 0.0, "$.")
    moved = benchmark_adjustment(*given.values()).per_capita if len(given) > 1 else sum(given.values())
    moved = sheet.overall("Adjustment of the benchmark", moved, "$.")
    sheet.of_types("Adjusted historical benchmark", np.asarray(historical.by_type) + moved, "$.")
    note = "Dollars per person year; the last column is weighted by the person years of BY3."
    steps = sheet.close("Adjusted historical benchmark", note)
    return replace(steps, lines=steps.lines[1:])


def _settled(settings: HistoricalSettings, updated: float, stated: Any) -> BenchmarkSteps:
    """The updated benchmark as it is settled, all types together."""
    sheet = Worksheet("benchmark", stated)
    level = sheet.overall("Updated benchmark", updated, "$.")
    change = sheet.overall("What-if", settings.adjustment, "%.") if settings.adjustment else 0.0
    sheet.overall("Benchmark of the performance year", level * (1 + change), "$.")
    return sheet.close("Benchmark of the performance year", "Dollars per person year, all types together.")


def _line_names(settings: HistoricalSettings, method: str, inputs: Mapping[str, Any]) -> list[tuple[Line, ...]]:
    """Lines of each stage, found by working the chain out on ones."""
    ones = np.ones((len(BASE_YEARS), len(TYPES)))
    first = historical_benchmark(ones, ones, ones[0], ones[:2])
    second = _adjusted(settings, first, ones[0], "higher_of_both", {})
    third = _updated(method, ones[0], ones[0], ones[0], inputs, {})
    fourth = _settled(settings, 1.0, {})
    return [first.lines, second.lines, third.lines, fourth.lines]


RANGES = {"0.0000": (0.5, 2.0, "a factor from 0.5 to 2"), "%.": (0.0, 1.0, "a share from 0 to 1")}
"""What a stated line may be, by the format it is shown in."""


def _check_override(settings: HistoricalSettings, lines: list[Line]) -> None:
    """Refuse a stated line that no stage has, or figures by type for a line of all types together."""
    known = {line.name: line for line in lines}
    for name, value in settings.override.items():
        if name not in known:
            hint = nearest(name, known)
            raise InputError(f"historical.override: there is no line '{name}'.{hint} Lines: {_list(known)}.")
        if isinstance(value, Mapping) and known[name].by_type is None:
            raise InputError(
                f"historical.override: the line '{name}' is of all types together; one number is wanted, not "
                f"{len(value)} by type"
            )
        low, high, wanted = RANGES.get(known[name].style, (-math.inf, math.inf, ""))
        for given in value.values() if isinstance(value, Mapping) else [value]:
            if not low <= given <= high:
                raise InputError(f"historical.override: '{name}': found {given:g}; {wanted} is wanted")


def _list(names: Any) -> str:
    """Names one after another."""
    return ", ".join(map(str, names))


def _rules(settings: HistoricalSettings, which: str, method: str) -> list[Assumption]:
    """Dated rules that were used because the settings ask for them."""
    found, began = [], max(settings.agreement_start, 2013)
    if settings.weights == "rule":
        row = Rules("mssp_benchmark", began).value(f"base_year_weights_{which}", "*")
        found.append(replace(row, name="Weights of BY1, BY2 and BY3", value=str(row.value).replace("|", ", ")))
    rules = Rules("mssp_benchmark", settings.year, began)
    if settings.update == "rule":
        found.append(replace(rules.value(f"update_method_{which}", "*"), name="Update to the performance year"))
    if method == "prospective" and rules.row("acpt_weight", "*") is not None:
        found.append(replace(rules.value("acpt_weight", "*"), name="Weight of the prospective trend"))
    return found


UNITS = {"$.": "$ per person year", "%.": "share", "0.0000": "factor"}
"""Units of lines by the format they are shown in."""


def _stated(line: Line) -> Assumption:
    """A stated line as an assumption."""
    values = [float(line.overall)] if line.by_type is None else [float(v) for v in line.by_type]
    same = len(set(values)) == 1
    words = "; ".join(f"{t} {v:,.6g}" for t, v in zip(TYPES, values, strict=False))
    note = f"setting historical.override.{line.name}"
    name = f"Stated line: {line.name}"
    return Assumption(name, values[0] if same else words, UNITS[line.style], "judgment", "not stated", note)


def _summary(
    settings: HistoricalSettings,
    first: BenchmarkSteps,
    second: BenchmarkSteps,
    third: BenchmarkSteps,
    fourth: BenchmarkSteps,
) -> pd.DataFrame:
    """Levels after each step, of which the changes add up to the benchmark."""

    def types(name: str) -> np.ndarray:
        return np.asarray(first.line(name).by_type)

    shares = types("Share of person years")
    weights = np.array([float(first.line(f"{year} weight").overall) for year in BASE_YEARS])
    spent = np.stack([types(f"{year} per capita") for year in BASE_YEARS])
    ratios = [types(f"{year} risk ratio to BY3") for year in BASE_YEARS[:-1]]
    at_risk = spent * np.stack([*ratios, np.ones(len(TYPES))])
    updated = fourth.line("Updated benchmark").overall
    levels = {
        "BY3 expenditure": first.line("BY3 per capita").overall,
        "Base years weighted": weights @ spent @ shares,
        "Risk of BY3": weights @ at_risk @ shares,
        "Trend to BY3": first.per_capita,
        "Adjustments": second.line("Adjusted historical benchmark").overall,
        "Types of the year": third.line(IN_PERFORMANCE_YEAR["Historical benchmark"]).overall,
        "Risk of the year": third.line("Benchmark at the risk of the performance year").overall,
        ("To the stated benchmark" if fourth.line("Updated benchmark").stated else "Update"): updated,
    }
    if fourth.per_capita != updated:
        levels["What-if" if settings.adjustment else "As stated"] = fourth.per_capita
    yearly = pd.Series({name: float(level) for name, level in levels.items()}).rename_axis("step")
    monthly = yearly / MONTHS
    return pd.DataFrame({"change": monthly.diff().fillna(monthly), "pmpm": monthly, "per_capita": yearly})
