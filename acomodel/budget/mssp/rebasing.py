"""Rebasing: what it does to a benchmark that the ACO's own years become the base of the next agreement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from acomodel.budget.mssp.adjustments import prior_savings_adjustment
from acomodel.budget.mssp.historical import EQUAL, FIRST_AGREEMENT, historical_per_capita
from acomodel.budget.mssp.steps import TYPES, by_type, positive
from acomodel.exhibit import Exhibit, Shown, show
from acomodel.inputs import InputError


@dataclass(frozen=True, eq=False, repr=False)
class Rebasing(Shown):
    """
    Benchmarks of several agreements, rebased and not.

    Parameters
    ----------
    years : pandas.DataFrame
        Index performance year. Columns `agreement` [number], `base_years`; [$ per person year]: `actual`,
        `first_base` (benchmark still on the first three base years), `rebased`, `prior_savings`, `benchmark`
        (`rebased` with `prior_savings`), `effect` (`benchmark` less `first_base`), `savings` (`benchmark` less
        `actual`) and `savings_without` (`first_base` less `actual`).
    """

    years: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """The years, unrounded."""
        return self.years.copy(deep=False)

    def exhibit(self) -> Exhibit:
        """The years as a table."""
        table = self.years.rename(columns=lambda name: name.replace("_", " ").capitalize())
        formats = dict.fromkeys(table.columns[2:], "$.")
        later = self.years[self.years["agreement"] > 1]
        mean = later["effect"].mean() if len(later) else 0.0
        note = f"Dollars per person year. Years after the first agreement move by {show(mean, '$.')} on average."
        return Exhibit("Effect of rebasing by year", table, formats, note)


def rebase(
    expenditures: pd.DataFrame,
    growth: pd.DataFrame,
    *,
    first_performance_year: int,
    agreement_years: int,
    risk: pd.DataFrame | None = None,
    person_years: pd.DataFrame | None = None,
    weights_first: Sequence[float] = FIRST_AGREEMENT,
    weights_later: Sequence[float] = EQUAL,
    prior_savings_share: float = 0.0,
    prior_savings_ceiling: float | None = None,
) -> Rebasing:
    r"""
    Benchmarks of a contract that runs over several agreements, and what rebasing does to each year.

    Parameters
    ----------
    expenditures : pandas.DataFrame
        Index calendar year, columns the types: what the ACO's people cost, from three years before the first
        performance year to the last. [$ per person year]
    growth : pandas.DataFrame
        The same years and types: growth of the trend from the year before. [factor]
    first_performance_year : int
        First year of the first agreement. [year]
    agreement_years : int
        Length of an agreement: 3 to 2018, 5 since. [years]
    risk : pandas.DataFrame, optional
        Mean risk of the same years and types; level by default. [score]
    person_years : pandas.DataFrame, optional
        Of the same years and types; a quarter each by default. [person years]
    weights_first, weights_later : sequence of float
        Of the base years. [share]
    prior_savings_share : float
        Part of the average savings of the base years given back after the first agreement. [share]
    prior_savings_ceiling : float, optional
        Largest amount given back. [$ per person year]

    Returns
    -------
    Rebasing

    Raises
    ------
    InputError
        A year or type is missing, a figure is not above zero.

    Notes
    -----
    Each agreement starts from the three years before it; its historical benchmark moves to year :math:`y` by the
    trend and by risk,

    .. math:: B_y = \sum_t p_{yt} H_t \frac{R_{yt}}{R_{3t}} \prod_{k=BY3+1}^{y} g_{kt}

    The prior savings that come back are an average over the base years that were performance years, a plain
    amount, level through the agreement; that is a simplification.

    References
    ----------
    .. [1] 42 CFR 425.602 and 425.603 (2015): base years, weights, resetting.

    Examples
    --------
    An ACO that saves 5 % from its first year on has that for its base in the second agreement:

    >>> index = range(2013, 2022)
    >>> level = pd.DataFrame(10_000.0, index=index, columns=list(TYPES))
    >>> level.loc[2016:] *= 0.95
    >>> flat = pd.DataFrame(1.0, index=index, columns=list(TYPES))
    >>> found = rebase(level, flat, first_performance_year=2016, agreement_years=3)
    >>> found.years["effect"].round(2).tolist()
    [0.0, 0.0, 0.0, -500.0, -500.0, -500.0]
    """
    if agreement_years < 1:
        raise InputError(f"rebasing: an agreement of {agreement_years} years; at least 1 is wanted")
    last = int(expenditures.index.max())
    wanted = list(range(first_performance_year - 3, last + 1))
    if last < first_performance_year:
        raise InputError(
            f"rebasing: expenditures end in {last}, before the first performance year {first_performance_year}"
        )
    ones = pd.DataFrame(1.0, index=wanted, columns=list(TYPES))
    spent = _years(expenditures, wanted, "expenditures")
    trend = _years(growth, wanted, "growth")
    scores = _years(ones if risk is None else risk, wanted, "risk")
    counts = _years(ones if person_years is None else person_years, wanted, "person years", zero=True)
    shares = counts / counts.sum(axis=1, keepdims=True)
    price = np.cumprod(trend, axis=0)

    def benchmark(start: int, year: int, weights: Sequence[float]) -> float:
        """Benchmark of a year on the three base years before `start`; all are positions in `wanted`."""
        base = slice(start - 3, start)
        to_third = price[start - 1] / price[start - 3 : start - 1]
        moved = scores[year] / scores[start - 1] * price[year] / price[start - 1]
        return float(historical_per_capita(spent[base] * moved, scores[base], shares[year], to_third, weights))

    rows: list[tuple[object, ...]] = []
    paid: dict[int, float] = {}
    for year in range(3, len(wanted)):
        agreement = (year - 3) // agreement_years + 1
        start = 3 + (agreement - 1) * agreement_years
        actual = float((spent[year] * shares[year]).sum())
        first = benchmark(3, year, weights_first)
        rebased = benchmark(start, year, weights_first if agreement == 1 else weights_later)
        own = [paid[y] for y in range(start - 3, start) if y in paid]
        back = 0.0
        if agreement > 1 and prior_savings_share:
            back = float(
                prior_savings_adjustment(own, share=prior_savings_share, ceiling=prior_savings_ceiling).per_capita
            )
        paid[year] = rebased + back - actual
        bases = f"{wanted[start - 3]}-{wanted[start - 1]}"
        rows.append(
            (
                agreement,
                bases,
                actual,
                first,
                rebased,
                back,
                rebased + back,
                rebased + back - first,
                paid[year],
                first - actual,
            )
        )
    columns = ["agreement", "base_years", "actual", "first_base", "rebased", "prior_savings", "benchmark", "effect"]
    frame = pd.DataFrame(
        rows, columns=[*columns, "savings", "savings_without"], index=pd.Index(wanted[3:], name="Year")
    )
    return Rebasing(frame)


def _years(frame: pd.DataFrame, wanted: list[int], what: str, zero: bool = False) -> np.ndarray:
    """Figures of the wanted years in order, above zero unless zero may stand."""
    missing = [year for year in wanted if year not in frame.index]
    if missing:
        raise InputError(f"rebasing: {what}: the year {missing[0]} is missing; {wanted[0]} to {wanted[-1]} are wanted")
    found = by_type(frame.loc[wanted], f"rebasing: {what}")
    return found if zero and (found >= 0).all() else positive(found, f"rebasing: {what}")
