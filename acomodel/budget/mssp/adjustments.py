"""Adjustments of the historical benchmark: towards the region, for prior savings, and the choice between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pydantic.dataclasses
from pydantic import ConfigDict, Field

from acomodel.budget.mssp.steps import BenchmarkSteps, Override, Worksheet, by_type, number_or_types, positive
from acomodel.inputs import InputError
from acomodel.programs import Rules


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class RegionalTerms:
    """How far the benchmark moves towards the region."""

    percent_below: float = Field(
        default=0.35, ge=0, le=1, description="part of the difference taken by an ACO that spends less [share]"
    )
    percent_above: float = Field(
        default=0.15, ge=0, le=1, description="part of the difference taken by an ACO that spends more [share]"
    )
    ceiling: float | None = Field(
        default=0.05, description="largest adjustment of a type [share of national assignable per capita]"
    )
    floor: float | None = Field(
        default=-0.015, description="smallest adjustment of a type [share of national assignable per capita]"
    )
    negative: Literal["kept", "removed"] = Field(
        default="removed", description="an adjustment that is below zero over all types: kept or removed [method]"
    )


def regional_terms(agreement_start: int, application: int = 1) -> RegionalTerms:
    """
    Terms of the regional adjustment by the dated rules.

    Parameters
    ----------
    agreement_start : int
        Year in which the agreement began, 2017 or later. [year]
    application : int
        How many agreements with a regional adjustment the ACO has had, this one included. [number]

    Returns
    -------
    RegionalTerms

    Raises
    ------
    InputError
        No regional adjustment in that year, or an application below 1.

    References
    ----------
    .. [1] ``data/rules/mssp_benchmark.csv``: the first step of the ladder is second-hand, later ones from memory.

    Examples
    --------
    >>> terms = regional_terms(2024)
    >>> terms.percent_below, terms.percent_above, terms.floor
    (0.35, 0.15, -0.015)
    """
    if application < 1:
        raise InputError(f"regional adjustment: application {application}; 1 for the first and so on is wanted")
    rules = Rules("mssp_benchmark", agreement_start)

    def rung(side: str) -> float:
        for step in range(application, 0, -1):
            value = rules.number(f"regional_percent_{side}_{step}", "*")
            if value is not None:
                return value
        raise InputError(f"regional adjustment: agreements begun {agreement_start} have none; 2017 was the first")

    return RegionalTerms(
        rung("below"),
        rung("above"),
        rules.number("regional_ceiling", "*"),
        rules.number("regional_floor", "*"),
        "removed" if rules.text("regional_negative", "*") == "removed" else "kept",
    )


def regional_adjustment(
    benchmark: Any,
    regional: Any,
    national: Any,
    person_years: Any,
    terms: RegionalTerms | None = None,
    *,
    risk_ratio: Any = 1.0,
    override: Override | None = None,
    labels: Sequence[Any] | None = None,
) -> BenchmarkSteps:
    r"""
    Regional adjustment of the historical benchmark.

    Parameters
    ----------
    benchmark : by type, or the BenchmarkSteps of a historical benchmark
        Historical benchmark. [$ per person year]
    regional : by type
        Expenditure of the ACO's region in BY3: `regional_figures`. [$ per person year]
    national : by type
        National expenditure of assignable beneficiaries, on which the caps rest. [$ per person year]
    person_years : by type
        Of BY3. [person years]
    terms : RegionalTerms, optional
        Percentages and caps: `regional_terms` by the rules.
    risk_ratio : number or by type
        Risk of the ACO over that of its region in BY3, both renormalized. [factor]
    override : mapping, optional
        Lines stated in place of worked ones.
    labels : sequence, optional
        Names of the ACOs where there are many.

    Returns
    -------
    BenchmarkSteps
        Its `per_capita` is the adjustment. [$ per person year]

    Raises
    ------
    InputError
        A type is missing, a figure is not above zero, a ceiling stands below the floor.

    Notes
    -----
    With :math:`d_t = E^{reg}_t R_t / R^{reg}_t - H_t` and :math:`d = \sum_t p_t d_t`,

    .. math:: q = \begin{cases} q_{below} & d \ge 0 \\ q_{above} & d < 0 \end{cases}, \qquad
        a_t = \min(\max(q\, d_t, f N_t), c N_t), \qquad a = \sum_t p_t a_t

    From 2024 an :math:`a` below zero is removed. That the side is decided over all types and the caps hold by
    type is taken from the workbook of [1]_.

    References
    ----------
    .. [1] Benchmark workbook in a public repository, second-hand: 35 % below and 15 % above the region,
       caps of +5 % and -1.5 % of national assignable expenditure.
    .. [2] CMS fact sheet, CY 2024 Physician Fee Schedule, second-hand: no adjustment below zero over all types.

    Examples
    --------
    An ACO $1,000 below its region takes 35 % of the difference:

    >>> even = [10_000] * 4
    >>> regional_adjustment(even, [11_000] * 4, even, [1, 1, 1, 7]).per_capita
    350.0
    """
    name = "regional adjustment"
    used = terms or RegionalTerms()
    ceiling, floor = used.ceiling, used.floor
    if ceiling is not None and floor is not None and ceiling < floor:
        raise InputError(f"{name}: the ceiling {ceiling:g} stands below the floor {floor:g}")
    sheet = Worksheet(name, override)
    sheet.shares(person_years)
    own = sheet.of_types("Historical benchmark", positive(by_type(benchmark, f"{name}: benchmark"), name), "$.")
    region = np.broadcast_to(positive(by_type(regional, f"{name}: region"), f"{name}: region"), own.shape)
    region = sheet.of_types("Region per capita", region, "$.")
    ratio = positive(number_or_types(risk_ratio, own.shape, f"{name}: risk ratio"), f"{name}: risk ratio")
    ratio = sheet.of_types("Risk of the ACO over that of the region", ratio, "0.0000")
    region = sheet.of_types("Region at the ACO's risk", region * ratio, "$.")
    gap = sheet.of_types("Region less ACO", region - own, "$.")
    side = np.where(sheet.lines[-1].overall >= 0, used.percent_below, used.percent_above)
    percent = sheet.overall("Percentage", side, "%.")
    moved = sheet.of_types("Adjustment before caps", gap * percent[..., None], "$.")
    nation = np.broadcast_to(positive(by_type(national, f"{name}: national"), f"{name}: national"), own.shape)
    nation = sheet.of_types("National assignable per capita", nation, "$.")
    if ceiling is not None:
        moved = np.minimum(moved, sheet.of_types("Ceiling", ceiling * nation, "$."))
    if floor is not None:
        moved = np.maximum(moved, sheet.of_types("Floor", floor * nation, "$."))
    moved = sheet.of_types("Adjustment after caps", moved, "$.")
    if used.negative == "removed":
        kept = np.asarray(sheet.lines[-1].overall)[..., None] >= 0
        sheet.of_types("Regional adjustment", np.where(kept, moved, 0.0), "$.")
    else:
        sheet.of_types("Regional adjustment", moved, "$.")
    note = "Dollars per person year; the last column is weighted by the person years of BY3."
    return sheet.close("Regional adjustment", note, labels)


def prior_savings_adjustment(
    savings: Any,
    *,
    share: float = 0.5,
    ceiling: float | None = None,
    override: Override | None = None,
    labels: Sequence[Any] | None = None,
) -> BenchmarkSteps:
    r"""
    Adjustment of a rebased benchmark for the savings of the years that became its base.

    Parameters
    ----------
    savings : array, shape (..., years)
        Benchmark less expenditure of each year, losses below zero. [$ per person year]
    share : float
        Part of the average that comes back. [share]
    ceiling : float, optional
        Largest adjustment: 5 % of national assignable expenditure by the rules. [$ per person year]
    override : mapping, optional
        Lines stated in place of worked ones.
    labels : sequence, optional
        Names of the ACOs where there are many.

    Returns
    -------
    BenchmarkSteps
        Its `per_capita` is the adjustment, never below zero. [$ per person year]

    Raises
    ------
    InputError
        No year, a saving that is not a number, a share not from 0 to 1, a ceiling below zero.

    Notes
    -----
    .. math:: a = \min\left( s \max(\bar S, 0), c \right)

    with the plain average :math:`\bar S` of the years; that the years count alike is assumed.

    References
    ----------
    .. [1] 42 CFR 425.658, second-hand: 50 % of average savings.
    .. [2] CMS, Shared Savings Program public use files of 2016 and 2018: the adjustment of that time is added in
       full to the benchmark (see ``docs/historical-benchmarks.md``).

    Examples
    --------
    >>> prior_savings_adjustment([300, 0, 600]).per_capita
    150.0
    """
    name = "prior savings"
    years = np.asarray(savings, dtype=float)
    if years.ndim == 0 or years.shape[-1] == 0 or not np.isfinite(years).all():
        raise InputError(f"{name}: a saving for each year of the base is wanted; a missing year is not zero")
    if not 0 <= share <= 1:
        raise InputError(f"{name}: the share is {share:g}; from 0 to 1 is wanted")
    if ceiling is not None and ceiling < 0:
        raise InputError(f"{name}: the ceiling is {ceiling:g}; zero or more is wanted")
    sheet = Worksheet(name, override)
    for year in range(years.shape[-1]):
        sheet.overall(f"Savings of year {year + 1}", years[..., year], "$.")
    average = np.mean([line.overall for line in sheet.lines], axis=0)
    average = sheet.overall("Average savings", average, "$.")
    part = sheet.overall("Share that comes back", np.full(average.shape, share), "%.")
    back = np.asarray(sheet.overall("Adjustment before the cap", np.maximum(average, 0) * part, "$."))
    if ceiling is not None:
        back = np.minimum(back, sheet.overall("Ceiling", np.full(back.shape, ceiling), "$."))
    sheet.overall("Prior-savings adjustment", back, "$.")
    return sheet.close("Prior-savings adjustment", "Dollars per person year.", labels)


def benchmark_adjustment(
    regional: Any, prior_savings: Any, *, override: Override | None = None, labels: Sequence[Any] | None = None
) -> BenchmarkSteps:
    """
    The higher of the regional and the prior-savings adjustment, as for agreements from 2024.

    Parameters
    ----------
    regional, prior_savings : numeric or BenchmarkSteps
        The two adjustments. [$ per person year]
    override : mapping, optional
        Lines stated in place of worked ones.
    labels : sequence, optional
        Names of the ACOs where there are many.

    Returns
    -------
    BenchmarkSteps

    References
    ----------
    .. [1] CMS, public use file of 2024, column FinalAdjCat, second-hand: one of the two is used, the higher.

    Examples
    --------
    >>> benchmark_adjustment(120.0, 150.0).per_capita
    150.0
    """
    sheet = Worksheet("benchmark adjustment", override)
    given = {"Regional adjustment": regional, "Prior-savings adjustment": prior_savings}
    both = [
        sheet.overall(name, value.per_capita if isinstance(value, BenchmarkSteps) else value, "$.")
        for name, value in given.items()
    ]
    if not np.isfinite(np.broadcast_arrays(*both)).all():
        raise InputError("benchmark adjustment: one of the two is not a number; a missing adjustment is not zero")
    sheet.overall("Adjustment of the benchmark", np.maximum(*both), "$.")
    return sheet.close("Adjustment of the benchmark", "Dollars per person year; the higher of the two.", labels)
