"""The prospective trend of agreements from 2024: its growth, its blend with nation and region, its guardrail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from acomodel.budget.mssp.steps import BenchmarkSteps, Override, Worksheet, by_type, positive
from acomodel.budget.mssp.updates import PER_PERSON_YEAR, at_current_risk, blended_growth
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.rates import Numeric


def acpt_growth(annual_growth: Sequence[float]) -> float:
    r"""
    Accountable Care Prospective Trend over several years.

    Parameters
    ----------
    annual_growth : sequence of float
        Growth of each year since BY3, as set before the agreement. [share]

    Returns
    -------
    float
        Growth since BY3. [factor]

    Notes
    -----
    .. math:: G = \prod_k (1 + g_k)

    References
    ----------
    .. [1] Milliman, "Under pressure: ACPT pushing MSSP starters": 4.9 % and then 4.3 % make 9.4 %.

    Examples
    --------
    >>> round(acpt_growth([0.049, 0.043]) - 1, 3)
    0.094
    """
    return float(np.prod(1 + np.asarray(annual_growth, dtype=float)))


def acpt_dollars(national_per_capita: Numeric, growth: Numeric) -> Numeric:
    r"""
    Flat dollar amount of the Accountable Care Prospective Trend.

    Parameters
    ----------
    national_per_capita : numeric
        National expenditure per person year in BY3. [$ per person year]
    growth : numeric
        `acpt_growth` since BY3. [factor]

    Returns
    -------
    numeric
        The same dollars for every ACO. [$ per person year]

    Notes
    -----
    .. math:: A = N_3 (G - 1)

    References
    ----------
    .. [1] 42 CFR 425.660(b), opened in part: a flat dollar amount from annualized rates of growth. That the
       rates meet the national expenditure of BY3 is assumed.

    Examples
    --------
    >>> round(acpt_dollars(10_000, 1.094), 2)
    940.0
    """
    return national_per_capita * (growth - 1)


def prospective_update(
    benchmark: Any,
    national: Any,
    regional: Any,
    national_weight: Any,
    person_years: Any,
    *,
    acpt: Any = None,
    flat_dollars: Any = None,
    acpt_weight: float = 1 / 3,
    risk_ratio: Any = 1.0,
    override: Override | None = None,
    labels: Sequence[Any] | None = None,
) -> BenchmarkSteps:
    r"""
    Updated benchmark by a prospective trend and the blend, as for agreements from 2024.

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
    acpt : by type, optional
        Prospective trend since BY3 as a factor. [factor]
    flat_dollars : by type, optional
        The same as dollars, in place of `acpt`: `acpt_dollars`. [$ per person year]
    acpt_weight : float
        Weight of the prospective trend: a third, a sixth in 2024. [share]
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
        Both or neither of `acpt` and `flat_dollars`, a weight not from 0 to 1, or what `blended_update` raises.

    Notes
    -----
    .. math:: f_t = a\, G_t + (1 - a) \left[ w\, g^{nat}_t + (1 - w)\, g^{reg}_t \right], \qquad
        B = \sum_t p_t H_t \frac{R_t}{R_{3t}} f_t

    Flat dollars :math:`A_t` stand for the factor :math:`G_t = 1 + A_t / H_t`: an ACO below the national average
    grows by more than the trend, one above by less. That division is assumed.

    References
    ----------
    .. [1] Milliman, "Predictability vs. accuracy in MSSP benchmarks," Feb. 2025: the formula of the trend factor.
    .. [2] 42 CFR 425.660, opened in part.

    Examples
    --------
    >>> even = [10_000] * 4
    >>> steps = prospective_update(even, [1.04] * 4, [1.08] * 4, 0.25, [1, 1, 1, 7], acpt=[1.049] * 4)
    >>> round(steps.per_capita, 2)
    10630.0
    """
    sheet = Worksheet("prospective update", override)
    if (acpt is None) == (flat_dollars is None):
        given = "both" if acpt is not None else "neither"
        raise InputError(f"prospective update: {given} of acpt and flat_dollars given; one of them is wanted")
    if not 0 <= acpt_weight <= 1:
        raise InputError(f"prospective update: the ACPT weight is {acpt_weight:g}; a share from 0 to 1 is wanted")
    level = at_current_risk(sheet, benchmark, person_years, risk_ratio)
    blended = blended_growth(sheet, level, national, regional, national_weight)
    if acpt is None:
        dollars = np.broadcast_to(by_type(flat_dollars, "prospective update: flat dollars"), level.shape)
        dollars = sheet.of_types("ACPT, flat dollars", dollars, "$.")
        trend = 1 + dollars / next(line.by_type for line in sheet.lines if line.name == "Historical benchmark")
    else:
        trend = np.broadcast_to(by_type(acpt, "prospective update: ACPT"), level.shape)
    trend = sheet.of_types("ACPT growth", positive(trend, "prospective update: ACPT"), "0.0000")
    weight = sheet.overall("ACPT weight", np.full(level.shape[:-1], acpt_weight), "%.")[..., None]
    factor = sheet.of_types("Update factor", weight * trend + (1 - weight) * blended, "0.0000")
    sheet.of_types("Updated benchmark", level * factor, "$.")
    return sheet.close("Benchmark updated by prospective trend, nation and region", PER_PERSON_YEAR, labels)


@dataclass(frozen=True, eq=False, repr=False)
class Guardrail(Shown):
    """
    Benchmark after the guardrail of the prospective trend.

    Parameters
    ----------
    benchmark : numeric
        Benchmark against which the ACO is settled. [$ per person year]
    applied : numeric of bool
        Whether the two-way blend took the place of the three-way one; savings are then not paid.
    steps : pandas.DataFrame
        What was compared, one row an ACO.
    """

    benchmark: Numeric
    applied: Any
    steps: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """What was compared."""
        return self.steps.copy(deep=False)

    def exhibit(self) -> Exhibit:
        """What was compared, as a table."""
        table = self.steps.rename(columns=lambda name: name.replace("_", " ").capitalize())
        formats = {name: "$." for name in table.columns if name != "Applied"}
        return Exhibit("Guardrail", table, formats, "Where it applies, savings are not paid.")


def guardrail(three_way: Any, two_way: Any, actual: Any, *, minimum_loss_rate: float = 0.0) -> Guardrail:
    """
    Guardrail: losses that the blend without the prospective trend would not show are not owed.

    Parameters
    ----------
    three_way, two_way : numeric or BenchmarkSteps
        Updated benchmark with and without the prospective trend. [$ per person year]
    actual : numeric
        Expenditure of the performance year. [$ per person year]
    minimum_loss_rate : float
        Losses below this share are not owed anyway, so that nothing is to be mended. [share of benchmark]

    Returns
    -------
    Guardrail
        The two-way benchmark where the three-way one shows a loss at or beyond the minimum loss rate and the
        two-way one is higher; else the three-way one.

    References
    ----------
    .. [1] From memory, unverified. CMS's public use file of 2024 flags two ACOs, which kept a small surplus and
       earned nothing.

    Examples
    --------
    >>> found = guardrail(10_000, 10_400, 10_300)
    >>> found.benchmark, found.applied
    (10400.0, True)
    """
    given = [b.per_capita if isinstance(b, BenchmarkSteps) else b for b in (three_way, two_way)]
    three, two = (np.asarray(value, dtype=float) for value in given)
    spent = np.asarray(actual, dtype=float)
    loss = spent - three
    applied = (loss > 0) & (loss >= minimum_loss_rate * three) & (two > three)
    used = np.where(applied, two, three)
    columns = {"three_way": three, "two_way": two, "actual": spent, "applied": applied, "benchmark": used}
    arrays = dict(zip(columns, np.broadcast_arrays(*columns.values()), strict=True))
    steps = pd.DataFrame({name: np.atleast_1d(values) for name, values in arrays.items()})
    if used.ndim == 0:
        return Guardrail(float(used), bool(applied), steps)
    return Guardrail(used, applied, steps)
