"""Settings and their values in the words of a negotiation."""

from __future__ import annotations

from typing import Any

from acomodel.outlook.negotiation.compared import CLAUSES
from acomodel.workbench.exhibits.settings import field_of, in_words
from acomodel.workbench.scenario import Scenario

NAMES = {f"terms.{clause}": words for clause, (words, _, _) in CLAUSES.items()} | {
    "terms.name": "Name of the contract",
    "terms.share_from": "Savings shared from",
    "terms.corridors": "Corridors",
    "terms.losses_carried": "Losses carried forward",
    "terms.loss_method": "Loss sharing",
    "terms.quality_method": "Quality clause",
    "terms.quality_ladder": "Quality ladder",
    "terms.quality_part": "Part that quality decides",
    "terms.benchmark_discount": "Discount on the benchmark",
    "terms.benchmark_at_risk": "Benchmark held back for quality",
    "terms.withheld": "Withheld until later",
    "terms.share": "Sharing rate chosen",
    "terms.discount": "Discount chosen",
    "terms.cap": "Cap chosen",
    "terms.retention": "Retention withhold",
    "terms.low_revenue": "Low-revenue ACO",
    "terms.revenue_limit": "Losses limited by revenue",
    "experience.base_year": "Baseline year",
    "risk.ratio": "Risk ratio",
    "risk.cap": "Cap on the risk ratio",
    "risk.floor": "Floor of the risk ratio",
    "risk.adjustment": "What-if: risk",
    "large_claims.threshold": "Threshold of large claims",
    "large_claims.percentile": "Threshold of large claims",
    "large_claims.table": "List of large claims",
    "large_claims.factor": "Large-claim factor",
    "large_claims.prorate": "Threshold prorated",
    "trend.table": "Table of trends",
    "trend.method": "Trend method",
    "trend.own": "Measure of own trend",
    "trend.rule": "Fit of the own trend",
    "trend.national": "National trend",
    "trend.regional": "Regional trend",
    "trend.weights": "Weights of the trends",
    "trend.adjustment": "What-if: trend",
    "benchmark.year": "Contract year",
    "benchmark.member_months": "Expected exposure",
    "benchmark.rounding": "Rounding between steps",
    "historical.table": "Base years",
    "historical.growth": "Growth of the base years",
    "historical.weights": "Weights of the base years",
    "historical.update": "Update of the benchmark",
    "historical.regional_adjustment": "Regional adjustment",
    "historical.prior_savings": "Prior-savings adjustment",
    "historical.override": "Lines stated",
    "historical.adjustment": "What-if: benchmark",
    "monitoring.as_of": "Seen at the end of",
    "monitoring.rolling": "Rolling rates",
    "monitoring.false_alarm": "Chance of a false alarm",
    "monitoring.table": "Table of targets",
    "distribution.table": "Participants",
    "distribution.operating_cost": "Operating cost of the ACO",
    "distribution.pools": "Pools",
    "aco.start_up": "Start-up investment",
    "aco.fixed_cost": "Fixed operating cost",
    "aco.cost_per_member": "Operating cost of a member",
    "quality.scheme": "Quality scheme",
    "quality.table": "Results of quality measures",
    "quality.performance_year": "Year of the quality measures",
    "quality.agreement_year": "Year of the agreement",
    "quality.minimum_denominator": "Fewest cases of a measure",
    "quality.incentive": "Incentive for electronic reporting",
    "years.performance_year": "Performance year",
    "years.benchmark": "Benchmark",
    "years.benchmark_pmpm": "Benchmark PMPM",
    "years.actual": "Spending",
    "years.actual_pmpm": "Spending PMPM",
    "years.member_months": "Exposure",
    "years.members": "Members",
    "years.quality_score": "Quality score",
    "years.quality_standard": "Quality standard",
    "years.revenue": "Participants' revenue",
    "years.disaster_adjustment": "Disaster relief",
    "years.advance_balance": "Advance payments",
    "years.capitated_actual": "Capitated spending",
    "years.carried_losses": "Losses brought forward",
    "years.benchmark_addition": "Added to the benchmark",
    "years.withheld_released": "Withheld before and paid now",
    "years.benchmark_adjustment": "What-if: benchmark",
    "years.actual_adjustment": "What-if: spending",
}
"""Settings in the words of a negotiation."""
PARTS = {
    "claims": "Claims",
    "experience": "Experience",
    "risk": "Risk adjustment",
    "large_claims": "Large claims",
    "trend": "Trend",
    "benchmark": "Contract year",
    "historical": "Historical benchmark",
    "quality": "Quality",
    "terms": "Terms of the contract",
    "years": "Years settled",
}
"""Parts of a scenario that the payment depends on, in words."""


def name_of(scenario: Scenario, key: str) -> str:
    """
    A setting in words.

    >>> from acomodel import load_scenario
    >>> name_of(load_scenario("scenarios/hackensack-2014.toml"), "years.1.quality_score")
    '2014: quality score'
    """
    steps = key.split(".")
    if steps[0] == "years" and len(steps) > 2:
        words = NAMES.get(f"years.{steps[2]}") or _described(scenario, key)
        many = len(scenario.years) > 1 and int(steps[1]) < len(scenario.years)
        return f"{scenario.years[int(steps[1])].label}: {words[0].lower()}{words[1:]}" if many else words
    if key.startswith("historical.override."):
        return f"Line stated: {key.removeprefix('historical.override.')}"
    return PARTS.get(key) or NAMES.get(key) or _described(scenario, key)


def _described(scenario: Scenario, key: str) -> str:
    words = field_of(scenario, key)[0].replace(";", ":").partition(":")[0].partition(",")[0]
    return f"{words[0].upper()}{words[1:]}" if words else key


def value_in_words(value: Any, key: str, unit: str) -> str:
    """
    Value of a setting as a person writes it.

    >>> value_in_words(((0.02, 0.0), (float("inf"), 0.5)), "terms.corridors", ""), value_in_words(0.4, "", "share")
    ('0% to 2%, 50% beyond', '40%')
    """
    if value and key == "terms.corridors":
        return ", ".join(f"{in_words(s, 'share')} {_until(end)}" for end, s in value)
    if value and key == "terms.quality_ladder":
        return ", ".join(f"{in_words(share, 'share')} from {in_words(score, 'share')}" for score, share in value)
    return in_words(value, unit)


def _until(end: float) -> str:
    return "beyond" if end == float("inf") else f"to {in_words(end, 'share')}"


def printable(text: str) -> str:
    """
    Text without marks that a terminal would obey or a chart cannot draw.

    >>> printable("2014\\x1b[31m")
    '2014 [31m'
    """
    return "".join(c if c.isprintable() else " " for c in text)
