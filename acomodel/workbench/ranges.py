"""Which assumptions are moved, and how far, where a scenario does not say."""

from __future__ import annotations

from acomodel.contract.terms import Terms
from acomodel.outlook.sensitivity.one_way import Grid, Range
from acomodel.workbench.scenario import Scenario


def default_ranges(scenario: Scenario) -> list[Range]:
    """Assumptions moved when a scenario names none: trend first, as the Toolkit asks (part 3, p. 47)."""
    at, year = scenario.headline(), scenario.years[scenario.headline()]
    ranges = []
    if scenario.trend is not None:
        base = scenario.trend.adjustment
        ranges.append(Range("trend.adjustment", base - 0.01, base + 0.01, "Annual trend, ± 1 point"))
    if scenario.risk is not None:
        base = scenario.risk.adjustment
        ranges.append(Range("risk.adjustment", base - 0.01, base + 0.01, "Risk ratio, ± 1 %"))
    if scenario.historical is not None:
        base = scenario.historical.adjustment
        ranges.append(Range("historical.adjustment", base - 0.01, base + 0.01, "Historical benchmark, ± 1 %"))
        weight = scenario.historical.national_weight
        if weight is not None:
            low, high = max(0.0, weight - 0.1), min(1.0, weight + 0.1)
            ranges.append(Range("historical.national_weight", low, high, "Weight of national growth, ± 10 points"))
    built = scenario.trend is not None or scenario.historical is not None
    for name, words in (
        ("benchmark_adjustment", "Benchmark, ± 1 %"),
        ("actual_adjustment", "Actual spending, ± 2 %"),
    ):
        base, step = getattr(year, name), 0.02 if name.startswith("actual") else 0.01
        if name != "benchmark_adjustment" or not built:
            ranges.append(Range(f"years.{at}.{name}", base - step, base + step, words))
    terms = scenario.terms
    if year.quality_score is not None:
        low, high = max(0.0, year.quality_score - 0.1), min(1.0, year.quality_score + 0.1)
        ranges.append(Range(f"years.{at}.quality_score", low, high, "Quality score, ± 10 points"))
    if isinstance(terms, Terms) and isinstance(terms.msr, float):
        low, high = max(0.0, terms.msr - 0.01), min(1.0, terms.msr + 0.01)
        ranges.append(Range("terms.msr", low, high, "Savings threshold, ± 1 point"))
    return ranges


def default_grid(scenario: Scenario) -> Grid:
    """Pair of assumptions tried against each other when a scenario names none."""
    at = scenario.headline()
    steps = [-0.02, -0.01, 0.0, 0.01, 0.02]
    actual = [-0.06, -0.04, -0.02, 0.0, 0.02, 0.04]
    row = "trend.adjustment" if scenario.trend is not None else f"years.{at}.benchmark_adjustment"
    row = "historical.adjustment" if scenario.historical is not None else row
    return Grid(row, steps, f"years.{at}.actual_adjustment", actual)
