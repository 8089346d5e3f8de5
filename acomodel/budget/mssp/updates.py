"""From historical to updated benchmark: flat national dollars, or a blend of nation and region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from acomodel.budget.mssp.steps import BenchmarkSteps, Override, Worksheet, by_type, number_or_types, positive
from acomodel.inputs import InputError
from acomodel.programs import Rules

PER_PERSON_YEAR = "Dollars per person year; the last column is weighted by the person years of the performance year."


@dataclass(frozen=True)
class UpdateRule:
    """
    How the benchmark of an agreement is adjusted and updated.

    Parameters
    ----------
    method : str
        "national_flat_dollar", "regional", "blend" or "blend_with_acpt".
    acpt_weight : float
        Weight of the prospective trend; 0 where there is none. [share]
    adjustment : str
        "none", "prior_savings", "regional" or "higher_of_both".
    source : str
        Where the method comes from.
    """

    method: str
    acpt_weight: float
    adjustment: str
    source: str


def update_rule(year: int, agreement_start: int, agreement_period: int = 1) -> UpdateRule:
    """
    Method of a performance year by the dated rules.

    Parameters
    ----------
    year, agreement_start : int
        Performance year, and year in which the agreement began. [year]
    agreement_period : int
        1 for a first agreement. [number]

    Returns
    -------
    UpdateRule

    Raises
    ------
    InputError
        The agreement begins after the year, or no rule is in force.

    References
    ----------
    .. [1] ``data/rules/mssp_benchmark.csv``, each row with its source.

    Examples
    --------
    >>> [update_rule(2024, start).method for start in (2018, 2022, 2024)]
    ['national_flat_dollar', 'blend', 'blend_with_acpt']
    >>> round(update_rule(2024, 2024).acpt_weight, 4), round(update_rule(2025, 2024).acpt_weight, 4)
    (0.1667, 0.3333)
    """
    if agreement_start > year:
        raise InputError(f"update: the agreement begins in {agreement_start}, after the performance year {year}")
    rules = Rules("mssp_benchmark", year, max(agreement_start, 2013))
    which = "first" if agreement_period <= 1 else "later"
    method = rules.value(f"update_method_{which}", "*")
    weight = rules.text("acpt_weight", "*")
    adjustment = rules.text(f"adjustment_{which}", "*") or "none"
    return UpdateRule(str(method.value), float(Fraction(weight)) if weight else 0.0, adjustment, method.source)


def at_current_risk(sheet: Worksheet, benchmark: Any, person_years: Any, risk_ratio: Any) -> np.ndarray:
    """
    Record the lines from the historical benchmark to that at the risk of the performance year.

    Parameters
    ----------
    sheet : Worksheet
        Where they go.
    benchmark, person_years : by type
        [$ per person year, person years]
    risk_ratio : number or by type
        [factor]

    Returns
    -------
    array, shape (..., 4)
        [$ per person year]
    """
    sheet.shares(person_years)
    level = positive(by_type(benchmark, f"{sheet.title}: benchmark"), f"{sheet.title}: benchmark")
    ratio = positive(
        number_or_types(risk_ratio, level.shape, f"{sheet.title}: risk ratio"), f"{sheet.title}: risk ratio"
    )
    level = sheet.of_types("Historical benchmark", level, "$.")
    ratio = sheet.of_types(
        "Risk ratio to the performance year", positive(ratio, f"{sheet.title}: risk ratio"), "0.0000"
    )
    return sheet.of_types("Benchmark at the risk of the performance year", level * ratio, "$.")


def national_update(
    benchmark: Any,
    growth_dollars: Any,
    person_years: Any,
    *,
    risk_ratio: Any = 1.0,
    override: Override | None = None,
    labels: Sequence[Any] | None = None,
) -> BenchmarkSteps:
    r"""
    Updated benchmark by the flat dollars of national growth, as through 2018.

    Parameters
    ----------
    benchmark : by type, or the BenchmarkSteps of a historical benchmark
        Historical benchmark. [$ per person year]
    growth_dollars : by type
        Growth of national expenditure per person year since BY3. [$ per person year]
    person_years : by type
        Of the performance year. [person years]
    risk_ratio : number or by type
        Risk of the performance year over that of BY3. [factor]
    override : mapping, optional
        Lines stated in place of worked ones.
    labels : sequence, optional
        Names of the ACOs where there are many.

    Returns
    -------
    BenchmarkSteps

    Raises
    ------
    InputError
        A type is missing, a benchmark or ratio is not above zero.

    Notes
    -----
    .. math:: B = \sum_t p_t \left( H_t \frac{R_t}{R_{3t}} + \Delta_t \right)

    That risk comes before the dollars is assumed; the text read does not say it.

    References
    ----------
    .. [1] 42 CFR 425.602(b) (2015): flat dollar equivalent of national growth, by enrollment type.

    Examples
    --------
    >>> steps = national_update([80_000, 10_000, 15_000, 9_000], [800, 100, 150, 90], [0, 10, 10, 80])
    >>> round(steps.per_capita, 2)
    9797.0
    """
    sheet = Worksheet("national update", override)
    level = at_current_risk(sheet, benchmark, person_years, risk_ratio)
    dollars = np.broadcast_to(by_type(growth_dollars, "national update: growth"), level.shape)
    dollars = sheet.of_types("National growth, flat dollars", dollars, "$.")
    sheet.of_types("Updated benchmark", level + dollars, "$.")
    return sheet.close("Benchmark updated by national dollars", PER_PERSON_YEAR, labels)


def blended_update(
    benchmark: Any,
    national: Any,
    regional: Any,
    national_weight: Any,
    person_years: Any,
    *,
    risk_ratio: Any = 1.0,
    override: Override | None = None,
    labels: Sequence[Any] | None = None,
) -> BenchmarkSteps:
    r"""
    Updated benchmark by a blend of national and regional growth, as for agreements from 2019 to 2023.

    Parameters
    ----------
    benchmark : by type, or the BenchmarkSteps of a historical benchmark
        Historical benchmark. [$ per person year]
    national, regional : by type
        Growth since BY3 of the nation and of the ACO's region. [factor]
    national_weight : number or by type
        The ACO's share of the assignable beneficiaries of its region. [share]
    person_years : by type
        Of the performance year. [person years]
    risk_ratio : number or by type
        Risk of the performance year over that of BY3. [factor]
    override : mapping, optional
        Lines stated in place of worked ones.
    labels : sequence, optional
        Names of the ACOs where there are many.

    Returns
    -------
    BenchmarkSteps

    Raises
    ------
    InputError
        A type is missing, a factor is not above zero, a weight is not from 0 to 1.

    Notes
    -----
    .. math:: B = \sum_t p_t H_t \frac{R_t}{R_{3t}} \left[ w\, g^{nat}_t + (1 - w)\, g^{reg}_t \right]

    References
    ----------
    .. [1] Milliman, "Predictability vs. accuracy in MSSP benchmarks," Feb. 2025: the two-way part of its formula.

    Examples
    --------
    >>> even = [10_000] * 4
    >>> steps = blended_update(even, [1.04] * 4, [1.08] * 4, 0.25, [1, 1, 1, 7])
    >>> round(steps.per_capita, 2)
    10700.0
    """
    sheet = Worksheet("blended update", override)
    level = at_current_risk(sheet, benchmark, person_years, risk_ratio)
    factor = blended_growth(sheet, level, national, regional, national_weight)
    sheet.of_types("Updated benchmark", level * factor, "$.")
    return sheet.close("Benchmark updated by nation and region", PER_PERSON_YEAR, labels)


def blended_growth(
    sheet: Worksheet, level: np.ndarray, national: Any, regional: Any, national_weight: Any
) -> np.ndarray:
    """Lines of the blend of national and regional growth."""
    title = sheet.title
    growth = {}
    for name, given in {"National growth": national, "Regional growth": regional}.items():
        factors = positive(by_type(given, f"{title}: {name.lower()}"), f"{title}: {name.lower()}")
        growth[name] = sheet.of_types(name, np.broadcast_to(factors, level.shape), "0.0000")
    weight = number_or_types(national_weight, level.shape, f"{title}: national weight")
    weight = sheet.of_types("National weight", weight, "%.")
    if not ((weight >= 0) & (weight <= 1)).all():
        bad = weight[~((weight >= 0) & (weight <= 1))].flat[0]
        raise InputError(f"{title}: the national weight is {bad:g}; a share from 0 to 1 is wanted")
    blended = weight * growth["National growth"] + (1 - weight) * growth["Regional growth"]
    return sheet.of_types("Blended growth", blended, "0.0000")
