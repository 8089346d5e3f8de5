"""Historical benchmark of record: three base years by enrollment type, at the risk and price of the third."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from acomodel.budget.mssp.steps import TYPES, BenchmarkSteps, Override, Worksheet, by_type, positive
from acomodel.inputs import InputError
from acomodel.programs import Rules

BASE_YEARS = ("BY1", "BY2", "BY3")
"""Base years, oldest first."""

FIRST_AGREEMENT = (0.1, 0.3, 0.6)
"""Weights of the base years in a first agreement. [share]"""

EQUAL = (1 / 3, 1 / 3, 1 / 3)
"""Weights of the base years in a later agreement. [share]"""


def base_year_weights(agreement_period: int, start_year: int) -> tuple[float, float, float]:
    """
    Weights of the three base years by the dated rules.

    Parameters
    ----------
    agreement_period : int
        1 for a first agreement, 2 and more for later ones. [number]
    start_year : int
        Year in which the agreement began. [year]

    Returns
    -------
    tuple of float
        Weights of BY1, BY2 and BY3. [share]

    References
    ----------
    .. [1] 42 CFR 425.602(a) and 425.603(b); ``data/rules/mssp_benchmark.csv``.

    Examples
    --------
    >>> base_year_weights(1, 2014)
    (0.1, 0.3, 0.6)
    """
    which = "first" if agreement_period <= 1 else "later"
    text = str(Rules("mssp_benchmark", max(start_year, 2013)).value(f"base_year_weights_{which}", "*").value)
    first, second, third = (float(Fraction(part)) for part in text.split("|"))
    return first, second, third


def historical_per_capita(
    expenditures: np.ndarray,
    risk: np.ndarray,
    shares: np.ndarray,
    trends: np.ndarray,
    weights: Sequence[float] = FIRST_AGREEMENT,
) -> np.ndarray:
    r"""
    Historical benchmark per person year: the bare formula, for arrays.

    Parameters
    ----------
    expenditures : array, shape (..., 3, 4)
        Annualized, truncated expenditure per person year, base years by types. [$ per person year]
    risk : array, shape (..., 3, 4)
        Mean risk score. [score]
    shares : array, shape (..., 4)
        Person years of BY3 by type, as shares. [share]
    trends : array, shape (2, 4)
        National growth by type from BY1 and from BY2 to BY3. [factor]
    weights : sequence of float
        Weights of BY1, BY2, BY3. [share]

    Returns
    -------
    array, shape (...)
        [$ per person year]

    Notes
    -----
    .. math:: H = \sum_t p_t \left[ w_1 E_{1t} \frac{R_{3t}}{R_{1t}} T_{13t}
        + w_2 E_{2t} \frac{R_{3t}}{R_{2t}} T_{23t} + w_3 E_{3t} \right]

    References
    ----------
    .. [1] 42 CFR 425.602(a) (2015).

    Examples
    --------
    Level spending, level risk and no trend leave the spending:

    >>> level = np.full((3, 4), 100.0)
    >>> float(historical_per_capita(level, level, np.full(4, 0.25), np.ones((2, 4))))
    100.0
    """
    factors = np.concatenate([np.asarray(trends, dtype=float), np.ones((1, len(TYPES)))])
    at_risk = expenditures * (risk[..., 2:3, :] / risk)
    by_types = np.einsum("y,...yt,yt->...t", np.asarray(weights, dtype=float), at_risk, factors)
    return (by_types * shares).sum(axis=-1)


def historical_benchmark(
    expenditures: Any,
    risk: Any,
    person_years: Any,
    trends: Any,
    *,
    weights: Sequence[float] = FIRST_AGREEMENT,
    override: Override | None = None,
    labels: Sequence[Any] | None = None,
) -> BenchmarkSteps:
    r"""
    Historical benchmark per person year, with every line of its making.

    Parameters
    ----------
    expenditures : DataFrame (BY1-BY3 by types) or array, shape (..., 3, 4)
        Annualized, truncated and completed expenditure per person year. [$ per person year]
    risk : as `expenditures`
        Mean risk score. [score]
    person_years : mapping, Series or array, shape (..., 4)
        Person years of BY3; a table of three years is read at its last. [person years]
    trends : DataFrame (BY1, BY2 by types) or array, shape (2, 4)
        National growth by type from BY1 and from BY2 to BY3. [factor]
    weights : sequence of float
        Weights of BY1, BY2 and BY3: 10/30/60 in a first agreement, thirds in a later one. [share]
    override : mapping, optional
        Lines stated in place of worked ones.
    labels : sequence, optional
        Names of the ACOs where there are many.

    Returns
    -------
    BenchmarkSteps
        Its `per_capita` is a number for one ACO and an array for many.

    Raises
    ------
    InputError
        A year or type is missing, a figure is not above zero, weights do not sum to 1.

    Notes
    -----
    .. math:: H = \sum_t p_t \left[ w_1 E_{1t} \frac{R_{3t}}{R_{1t}} T_{13t}
        + w_2 E_{2t} \frac{R_{3t}}{R_{2t}} T_{23t} + w_3 E_{3t} \right]

    A type without person years in BY3 does not matter to the sum but still needs figures. Where the base years
    are from the rules: `base_year_weights`.

    References
    ----------
    .. [1] 42 CFR 425.602(a) (2015): base years, weights, trend, risk by enrollment type.
    .. [2] CMS, Shared Savings Program public use files, 2014 to 2019: the formula gives back the published
       benchmarks (see ``docs/historical-benchmarks.md``).

    Examples
    --------
    >>> frame = pd.DataFrame(10_000.0, index=BASE_YEARS, columns=list(TYPES))
    >>> ones = pd.DataFrame(1.0, index=BASE_YEARS, columns=list(TYPES))
    >>> growth = pd.DataFrame(1.05, index=["BY1", "BY2"], columns=list(TYPES))
    >>> steps = historical_benchmark(frame, ones, [1, 1, 1, 7], growth)
    >>> round(steps.per_capita, 2)
    10200.0
    >>> stated = {"BY1 trend to BY3": 1.0, "BY2 trend to BY3": 1.0}
    >>> round(historical_benchmark(frame, ones, [1, 1, 1, 7], growth, override=stated).per_capita, 2)
    10000.0
    """
    name = "historical benchmark"
    spent = positive(_by_year(expenditures, f"{name}: expenditures", BASE_YEARS), f"{name}: expenditures")
    scores = positive(_by_year(risk, f"{name}: risk", BASE_YEARS), f"{name}: risk")
    growth = positive(_by_year(trends, f"{name}: trends", BASE_YEARS[:2]), f"{name}: trends")
    counts = by_type(_last_year(person_years, spent.ndim), f"{name}: person years")
    shape = spent.shape[:-2]
    if scores.shape != spent.shape or counts.shape != (*shape, len(TYPES)):
        raise InputError(
            f"{name}: expenditures have shape {spent.shape}, risk {scores.shape}, person years {counts.shape}; "
            "the same ACOs, years and types are wanted."
        )
    if np.shape(weights) != (len(BASE_YEARS),):
        raise InputError(f"{name}: found {np.size(weights)} weights; one for each of {', '.join(BASE_YEARS)} is wanted")
    sheet = Worksheet(name, override)
    sheet.shares(counts)
    total, used = np.zeros((*shape, len(TYPES))), []
    for year, label in enumerate(BASE_YEARS):
        per_capita = sheet.of_types(f"{label} per capita", spent[..., year, :], "$.")
        if label != BASE_YEARS[-1]:
            ratio = scores[..., 2, :] / scores[..., year, :]
            ratio = sheet.of_types(f"{label} risk ratio to BY3", ratio, "0.0000")
            trend = np.broadcast_to(growth[..., year, :], ratio.shape)
            trend = sheet.of_types(f"{label} trend to BY3", trend, "0.0000")
            per_capita = sheet.of_types(f"{label} at the risk and price of BY3", per_capita * ratio * trend, "$.")
        used.append(sheet.overall(f"{label} weight", np.full(shape, weights[year]), "%."))
        total = total + per_capita * used[-1][..., None]
    if np.min(used) < 0 or np.abs(np.sum(used, axis=0) - 1).max() > 1e-6:
        raise InputError(
            f"{name}: the weights of the base years are {', '.join(f'{np.min(w):g}' for w in used)}; "
            "none below zero and a sum of 1 are wanted"
        )
    sheet.of_types("Historical benchmark", total, "$.")
    note = "Dollars per person year; the last column is weighted by the person years of BY3."
    return sheet.close("Historical benchmark", note, labels)


def _by_year(values: Any, what: str, years: Sequence[str]) -> np.ndarray:
    """Figures with years and types as the last two axes."""
    if isinstance(values, pd.DataFrame):
        missing = [y for y in years if y not in values.index]
        if missing:
            raise InputError(f"{what}: the year {missing[0]} is missing; {', '.join(years)} are wanted.")
        values = values.loc[list(years)]
    array = by_type(values, what)
    if array.ndim < 2 or array.shape[-2] != len(years):
        found = array.shape[-2] if array.ndim > 1 else 1
        raise InputError(f"{what}: found {found} years; {', '.join(years)} are wanted.")
    return array


def _last_year(person_years: Any, axes: int) -> Any:
    """Person years of BY3 where a table of years is given."""
    if isinstance(person_years, pd.DataFrame) and axes == 2:
        missing = "BY3" not in person_years.index
        if missing:
            raise InputError("historical benchmark: person years: the year BY3 is missing.")
        return person_years.loc["BY3"]
    if not isinstance(person_years, (pd.Series, pd.DataFrame, dict)) and np.ndim(person_years) == axes:
        return np.asarray(person_years, dtype=float)[..., -1, :]
    return person_years
