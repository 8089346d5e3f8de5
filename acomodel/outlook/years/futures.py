"""What years that were drawn become under a contract: futures, payments, and their figures with standard errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from acomodel.contract.settlement import settle
from acomodel.contract.terms import Terms
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.outlook.years.draws import QUANTILES, figures, mean_error
from acomodel.rates import Numeric

if TYPE_CHECKING:
    from acomodel.outlook.years.simulation import Prospect, Scores

CHUNK = 16_384
"""Futures worked out at a time, so that they stay in the processor's cache."""
TOTAL = "All years"
"""Label of the row of all years together."""
NAMES = {
    "expected": ("Expected payment", "$"),
    "chance_earned": ("Chance that the ACO earns", "%."),
    "chance_owed": ("Chance that the ACO owes", "%."),
    "sd": ("Standard deviation", "$"),
    "worst": ("Average of the worst 5%", "$"),
    **{f"q{p * 100:02.0f}": (f"{p:.0%} quantile", "$") for p in QUANTILES},
}
"""Words and formats of the figures of a simulation."""


def no_bar() -> None:
    """Nothing to show."""


@dataclass(frozen=True, eq=False, repr=False)
class Futures(Shown):
    """
    What costs, benchmarks and quality scores become, future by future and year by year.

    Parameters
    ----------
    prospect : Prospect
        Whose years these are.
    scores : Scores
        What was drawn.
    benchmark, actual : numpy.ndarray
        A row for each future, a column for each year. [$]
    quality_score : numpy.ndarray
        [share]
    true_savings : numpy.ndarray
        What the ACO really saves of its expected cost, luck aside. [share]
    """

    prospect: Prospect
    scores: Scores
    benchmark: np.ndarray
    actual: np.ndarray
    quality_score: np.ndarray
    true_savings: np.ndarray

    @property
    def savings_rate(self) -> np.ndarray:
        """Savings over benchmark. [share]"""
        return 1 - self.actual / self.benchmark

    def settle(self, terms: Terms | Sequence[Terms]) -> Simulation:
        """
        Settle every year of every future.

        Parameters
        ----------
        terms : Terms or sequence of Terms
            One contract, or one for each year.

        Raises
        ------
        InputError
            As many contracts as years are not given, or as `settle`.

        Notes
        -----
        Losses that a contract carries on stand against savings of the next year; they lapse with a contract that does
        not.
        """
        return self.settled(terms, no_bar)

    def settled(self, terms: Terms | Sequence[Terms], tick: Callable[[], object]) -> Simulation:
        """As `settle`, calling `tick` after each chunk."""
        years = self.prospect.years
        contracts = (terms,) * years if isinstance(terms, Terms) else tuple(terms)
        if len(contracts) != years or not all(isinstance(c, Terms) for c in contracts):
            raise InputError(f"simulation: {len(contracts)} terms for {years} years; one, or one for each, is wanted")
        payment = np.empty((years, self.scores.draws))
        for start in range(0, self.scores.draws, CHUNK):
            rows = slice(start, start + CHUNK)
            carried: Numeric = self.prospect.carried_losses
            for t, contract in enumerate(contracts):
                revenue = self.prospect.revenue
                found = settle(
                    _one(self.benchmark.T[t], rows),
                    self.actual.T[t, rows],
                    contract,
                    members=self.prospect.person_years or self.prospect.members,
                    quality_score=_one(self.quality_score.T[t], rows),
                    quality_standard=self.prospect.quality_standard,
                    revenue=None if revenue is None else revenue * (1 + self.prospect.growth) ** t,
                    carried_losses=carried,
                )
                payment[t, rows], carried = found.payment, found.carried_on
            tick()
        return Simulation(self, contracts, payment.T)

    def saving(self, true_savings: float) -> Futures:
        """
        The same futures had the ACO other true savings, all years alike.

        Parameters
        ----------
        true_savings : float
            Expected true savings of every year. [share]

        Raises
        ------
        InputError
            The share is not between -50 % and 50 %.
        """
        try:
            other = replace(
                self.prospect.uncertainty, true_savings=float(true_savings), long_run_savings=float(true_savings)
            )
        except ValidationError:
            raise InputError(
                f"simulation: true_savings is {true_savings!r}; a share above -0.5 and below 0.5 is wanted"
            ) from None
        return replace(self.prospect, uncertainty=other).futures(self.scores)

    def to_frame(self) -> pd.DataFrame:
        """One row per year: expected benchmark, actual, true savings and savings rate, with standard errors."""
        columns = {"benchmark": self.benchmark, "actual": self.actual}
        columns |= {"true_savings": self.true_savings, "savings_rate": self.savings_rate}
        rows = []
        for t in range(self.prospect.years):
            row: dict[str, float] = {}
            for name, values in columns.items():
                row |= {name: float(values[:, t].mean()), f"{name}_se": mean_error(values[:, t])}
            rate = figures(columns["savings_rate"][:, t])
            row |= {name: rate[name] for name in rate if name[0] == "q" or name[:2] == "sd"}
            rows.append(row)
        return pd.DataFrame(rows, index=_years(self.prospect.years)).rename_axis("year")

    def exhibit(self) -> Exhibit:
        """Means by year with standard errors, and the spread of the savings rate."""
        names = {
            "benchmark": ("Benchmark", "$"),
            "actual": ("Actual spending", "$"),
            "true_savings": ("True savings", "%."),
            "savings_rate": ("Savings rate", "%."),
            "sd": ("Standard deviation of the savings rate", "%."),
            **{f"q{p * 100:02.0f}": (f"{p:.0%} quantile of the savings rate", "%.") for p in QUANTILES},
        }
        title = f"Coming years of {self.prospect.members:,} members, {self.scores.draws:,} futures"
        return _down(title, self.to_frame(), names)


@dataclass(frozen=True, eq=False, repr=False)
class Simulation(Shown):
    """
    What one contract pays in every future.

    Parameters
    ----------
    futures : Futures
        What was settled.
    terms : tuple of Terms
        The contract of each year.
    payment : numpy.ndarray
        Payment to the ACO, negative where it pays: a row for each future, a column for each year. [$]
    """

    futures: Futures
    terms: tuple[Terms, ...]
    payment: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """Payment of all years of each future. [$]"""
        found: np.ndarray = self.payment.sum(axis=1)
        return found

    def to_frame(self) -> pd.DataFrame:
        """One row per year and one for all: the figures of `figures`, each with its standard error."""
        columns = [*self.payment.T, self.total]
        index = [*_years(len(self.terms)), TOTAL]
        return pd.DataFrame([figures(np.ascontiguousarray(x)) for x in columns], index=index).rename_axis("year")

    def exhibit(self) -> Exhibit:
        """The figures down, the years across."""
        names = list(dict.fromkeys(contract.name for contract in self.terms))
        title = f"{', '.join(names)}: {len(self.payment):,} futures of {len(self.terms)} years"
        return _down(title, self.to_frame(), NAMES)


def _one(values: np.ndarray, rows: slice) -> Any:
    """A slice of an array, or its one number where it repeats that."""
    return float(values[0]) if values.strides[0] == 0 else values[rows]


def _years(count: int) -> list[str]:
    return [f"Year {t + 1}" for t in range(count)]


def _down(title: str, frame: pd.DataFrame, names: Mapping[str, tuple[str, str]]) -> Exhibit:
    """Figures down with their standard errors below them, years across."""
    rows, formats = {}, {}
    for name, (words, style) in names.items():
        rows[words], formats[words] = frame[name], style
        if f"{name}_se" in frame:
            below = f"± {words[0].lower()}{words[1:]}" if words[0].isalpha() else f"± {words}"
            rows[below], formats[below] = frame[f"{name}_se"], style
    table = pd.DataFrame(rows).T.rename_axis("Figure")
    return Exhibit(title, table.rename_axis(None, axis=1), formats, "Below each figure (±) its standard error.")


@dataclass(frozen=True, repr=False)
class Difference(Shown):
    """
    What one contract pays more than another, on the same futures.

    Parameters
    ----------
    expected : float
        Expected difference of all years. [$]
    standard_error : float
        Its standard error, of differences future by future. [$]
    """

    expected: float
    standard_error: float

    def exhibit(self) -> Exhibit:
        """Both numbers."""
        rows = {"Expected difference": self.expected, "Standard error": self.standard_error}
        table = pd.Series(rows, name="Amount").rename_axis("Figure").to_frame()
        return Exhibit("Difference between two contracts", table, {"Amount": "$"})


def difference(a: Simulation, b: Simulation) -> Difference:
    """
    Expected payment of one contract less that of another, all years together.

    Parameters
    ----------
    a, b : Simulation
        Two contracts on the same futures.

    Returns
    -------
    Difference
        Its standard error is that of pairs: what both contracts owe to the same luck has cancelled.

    Raises
    ------
    InputError
        The futures are not the same.
    """
    drawn = ("benchmark", "actual", "quality_score")
    if a.futures is not b.futures and not all(
        np.array_equal(getattr(a.futures, name), getattr(b.futures, name)) for name in drawn
    ):
        raise InputError("simulation: the contracts were settled on different futures; the same are wanted")
    apart = a.total - b.total
    return Difference(float(apart.mean()), mean_error(apart))
