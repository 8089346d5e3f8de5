"""Annual costs of a population as a distribution in strata: from data, from claimants and sums, or from a severity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from acomodel.budget.claimants import Claimants
from acomodel.budget.truncation import truncate as truncated
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.outlook.luck.characteristic import Cells, compressed
from acomodel.rates import MONTHS, Numeric

REST_NODES = 48
"""Points of the beta distribution that stands for members known only in sums."""
PANEL_NODES = 16
"""Gauss points of a fitted severity between two of its `PANELS`."""
TAIL = 10.0 ** -np.arange(1, 13.5, 0.25)
PANELS = np.concatenate([[0.0], TAIL[::-1], np.arange(0.2, 0.85, 0.1), 1 - TAIL, [1.0]])
"""Probabilities between which a fitted severity is integrated: ever finer towards its tails."""


@dataclass(frozen=True, eq=False)
class Stratum:
    """
    Annual costs of one group of members that are drawn from alike.

    Parameters
    ----------
    costs : numpy.ndarray
        Costs of a member. [$]
    weights : numpy.ndarray
        Probability of each; they add up to 1.
    share : float
        Share of all members. [share]
    name : str
        What the group is called.
    """

    costs: np.ndarray
    weights: np.ndarray
    share: float = 1.0
    name: str = "all"

    @property
    def mean(self) -> float:
        """Expected cost of a member. [$]"""
        return float(self.weights @ self.costs)


@dataclass(frozen=True, eq=False, repr=False)
class CostDistribution(Shown):
    """
    Annual costs of the members of a population, in strata of fixed shares.

    Parameters
    ----------
    strata : tuple of Stratum
        Groups whose shares add up to 1. Their shares hold in every population drawn, so that what lies between the
        groups is not noise.
    basis : str
        What the distribution was made from.
    """

    strata: tuple[Stratum, ...]
    basis: str = ""

    @property
    def mean(self) -> float:
        """Expected cost of a member. [$]"""
        return sum(s.share * s.mean for s in self.strata)

    def _central(self, power: int) -> float:
        """Central moment within strata, the noise of one member."""
        return sum(s.share * float(s.weights @ (s.costs - s.mean) ** power) for s in self.strata)

    @property
    def sd(self) -> float:
        """Standard deviation of a member's cost about the mean of his stratum. [$]"""
        return self._central(2) ** 0.5

    @property
    def cv(self) -> float:
        """Standard deviation over mean: the noise of a savings rate is this over the root of the members. [ratio]"""
        return self.sd / self.mean if self.mean else float("nan")

    @property
    def skewness(self) -> float:
        """Third central moment within strata over the cube of the standard deviation. [ratio]"""
        return self._central(3) / self.sd**3 if self.sd else float("nan")

    def to_frame(self) -> pd.DataFrame:
        """One row per stratum: share, mean, standard deviation, share without cost."""
        return pd.DataFrame(
            {
                "share": [s.share for s in self.strata],
                "mean": [s.mean for s in self.strata],
                "sd": [float(s.weights @ (s.costs - s.mean) ** 2) ** 0.5 for s in self.strata],
                "zero": [float(s.weights[s.costs == 0].sum()) for s in self.strata],
            },
            index=pd.Index([s.name for s in self.strata], name="stratum"),
        )

    def exhibit(self) -> Exhibit:
        """The strata, with the coefficient of variation of the whole in the note."""
        names = {"share": "Share", "mean": "Mean", "sd": "Standard deviation", "zero": "Without cost"}
        table = self.to_frame().rename(columns=names).rename_axis("Stratum")
        note = f"{self.basis}; coefficient of variation {self.cv:.3f}, skewness {self.skewness:.2f}".lstrip("; ")
        formats = {"Share": "%.", "Mean": "$.", "Standard deviation": "$.", "Without cost": "%."}
        return Exhibit("Annual costs of a member", table, formats, note)

    def cells(self) -> tuple[Cells, ...]:
        """Costs of each stratum compressed for characteristic functions; worked out once."""
        if "_cells" not in self.__dict__:
            object.__setattr__(self, "_cells", tuple(compressed(s.costs, s.weights) for s in self.strata))
        return self.__dict__["_cells"]

    def counts(self, members: int) -> list[int]:
        """Members of each stratum in a population: its share, rounded so that all add up."""
        wanted = np.array([s.share for s in self.strata]) * members
        whole = np.floor(wanted + 1e-9).astype(int)
        for at in np.argsort(-(wanted - whole), kind="stable")[: members - int(whole.sum())]:
            whole[at] += 1
        return [int(n) for n in whole]


def cost_distribution(
    annual_costs: Numeric | Claimants | CostDistribution,
    *,
    counts: Numeric | None = None,
    months: Numeric | None = None,
    strata: Sequence[Any] | np.ndarray | pd.Series | None = None,
    truncate: float | None = None,
    prorate: bool = False,
) -> CostDistribution:
    r"""
    Distribution of members' annual costs.

    Parameters
    ----------
    annual_costs : array-like or Claimants
        Costs of each member in a year, or claimants above a floor with the sums of all others. [$]
    counts : array-like, optional
        Members that each cost stands for, where costs are a table of values. [members]
    months : array-like, optional
        Months of enrollment of each member. Members of equal months are a stratum: the exposure of a settlement is
        known, and is not noise. [months]
    strata : array-like, optional
        Group of each member, such as the enrollment type, whose shares are held fixed.
    truncate : float, optional
        Amount per member and year above which costs do not count. [$]
    prorate : bool
        Whether a member enrolled for part of the year has that part of the threshold.

    Returns
    -------
    CostDistribution

    Raises
    ------
    InputError
        Nobody is there, lengths differ, a number is missing or cannot be, or claimants are to be truncated below
        their floor.

    Notes
    -----
    Members whom `Claimants` holds only in sums get a beta distribution between zero and the floor with their mean and
    mean square. So mean and variance of the whole are those of the members themselves and the third moment is nearly
    so; what this does to a chance is of the order of 1 percent of it at 500 members and less above.

    References
    ----------
    .. [1] 42 CFR 425.602(a) (2015): expenditures by enrollment type, truncated.

    Examples
    --------
    >>> found = cost_distribution([0, 500, 4000], counts=[50, 30, 20], truncate=2500)
    >>> found.mean, round(found.cv, 3)
    (650.0, 1.462)
    """
    if truncate is not None and not truncate > 0:
        raise InputError(f"costs: truncation at {truncate:g}; dollars above zero are wanted")
    if isinstance(annual_costs, CostDistribution | Claimants):
        if any(x is not None for x in (counts, months, strata)):
            raise InputError("costs: a distribution has counts, months and strata of its own; no others are wanted")
        if isinstance(annual_costs, Claimants):
            return _from_claimants(annual_costs, truncate, prorate)
        return annual_costs if truncate is None else _truncated(annual_costs, truncate, prorate)
    values = _column("costs", annual_costs, None, "dollars are wanted")
    weights = np.ones(len(values)) if counts is None else _column("counts", counts, len(values), "members are wanted")
    if (weights < 0).any() or not weights.sum() > 0:
        raise InputError(f"costs: a count is {weights.min():g}; members at or above zero, some above, are wanted")
    groups: list[np.ndarray] = []
    if months is not None:
        enrolled = _column("months", months, len(values), "months are wanted")
        if (wrong := ~((enrolled > 0) & (enrolled <= MONTHS))).any():
            at = int(np.argmax(wrong))
            raise InputError(f"costs: row {at + 1} has {enrolled[at]:g} months; above 0 and at most 12 are wanted")
        groups.append(enrolled)
    elif prorate:
        raise InputError("costs: a prorated threshold wants each member's months of enrollment; none are given")
    if truncate is not None:
        values = np.asarray(truncated(values, truncate, months=groups[0] if groups else None, prorate=prorate))
    if strata is not None:
        if len(strata) != len(values):
            raise InputError(f"costs: {len(values)} members have costs, {len(strata)} have a stratum")
        groups.insert(0, np.asarray(pd.Series(strata).astype(str)))
    return CostDistribution(_grouped(values, weights, groups), f"{weights.sum():,.0f} costs")


def _column(what: str, given: Any, wanted: int | None, remedy: str) -> np.ndarray:
    """Numbers of each member, checked."""
    if np.ndim(given) > 1:
        raise InputError(f"costs: {what} are a table of shape {np.shape(given)}; one number for each member is wanted")
    try:
        values = np.asarray(given, dtype=float).ravel()
    except (TypeError, ValueError) as error:
        raise InputError(f"costs: {what} must be numbers ({error})") from None
    if not values.size:
        raise InputError(f"costs: no {what}; those of at least one member are wanted")
    if wanted is not None and values.size == 1:
        values = np.full(wanted, values[0])
    if wanted is not None and values.size != wanted:
        raise InputError(f"costs: {wanted} members have costs, {values.size} have {what}; as many are wanted")
    if (bad := ~np.isfinite(values)).any():
        at = int(np.argmax(bad))
        raise InputError(f"costs: row {at + 1} of {what} is {values[at]}; {remedy}")
    return values


def _grouped(values: np.ndarray, weights: np.ndarray, groups: Sequence[np.ndarray]) -> tuple[Stratum, ...]:
    """Strata of members who agree in every grouping."""
    if not groups:
        return (Stratum(values, weights / weights.sum()),)
    frame = pd.DataFrame(dict(enumerate(groups)))
    found = []
    for key, at in frame.groupby(list(frame.columns), sort=True).indices.items():
        size = weights[at].sum()
        kinds = key if isinstance(key, tuple) else (key,)
        words = [f"{k:g} months" if isinstance(k, float) else str(k) for k in kinds]
        if size > 0:
            found.append(Stratum(values[at], weights[at] / size, float(size / weights.sum()), ", ".join(words)))
    return tuple(found)


def _truncated(costs: CostDistribution, amount: float, prorate: bool) -> CostDistribution:
    """The same population with costs counted up to an amount."""
    if prorate:
        raise InputError("costs: a distribution no longer knows months; truncate when it is made")
    cut = [Stratum(np.minimum(s.costs, amount), s.weights, s.share, s.name) for s in costs.strata]
    return CostDistribution(tuple(cut), f"{costs.basis}, truncated at ${amount:,.0f}".lstrip(", "))


def _from_claimants(book: Claimants, amount: float | None, prorate: bool) -> CostDistribution:
    """Claimants one by one, the rest as a beta distribution with their mean and mean square."""
    from scipy.special import roots_jacobi

    if amount is not None and amount < book.floor:
        raise InputError(
            f"costs: truncation at {amount:,.2f} lies below the floor {book.floor:,.2f}, under which members are "
            "known only in sums; an amount at or above the floor is wanted"
        )
    listed = book.allowed
    if amount is not None:
        listed = np.asarray(truncated(listed, amount, months=book.months, prorate=prorate))
    values, weights = [listed], [np.ones(len(listed))]
    if n := book.rest_members:
        first, second = book.rest_allowed / n, book.rest_squares / n
        spread = second - first**2
        if first < 0 or first > book.floor or spread > first * (book.floor - first) * (1 + 1e-9):
            raise InputError(
                f"costs: the {n:,} members below the floor cost {first:,.2f} each with a mean square of {second:,.2f}, "
                f"which costs between 0 and {book.floor:,.2f} cannot; give the costs of each member"
            )
        if spread <= 1e-12 * max(second, 1.0):
            values.append(np.array([first]))
            weights.append(np.array([float(n)]))
        else:
            mean = first / book.floor
            size = max(first * (book.floor - first) / spread - 1, 1e-6)
            nodes, parts = roots_jacobi(REST_NODES, (1 - mean) * size - 1, mean * size - 1)
            values.append(book.floor * (1 + nodes) / 2)
            weights.append(n * parts / parts.sum())
    chance = np.concatenate(weights) / book.members
    words = f"{len(listed):,} claimants above ${book.floor:,.0f} and the sums of {book.rest_members:,} members"
    return CostDistribution((Stratum(np.concatenate(values), chance),), words)


def severity_costs(severity: Any, *, zero_share: float = 0.0, truncate: float | None = None) -> CostDistribution:
    r"""
    Distribution of annual costs from a fitted severity, with members who cost nothing.

    Parameters
    ----------
    severity : object with a method ``ppf``
        Distribution of a member's cost where there is one, such as a frozen distribution of `scipy.stats`. [$]
    zero_share : float
        Share of members without cost. [share]
    truncate : float, optional
        Amount above which costs do not count. [$]

    Returns
    -------
    CostDistribution
        Gauss points of the severity between probabilities ever nearer to 1; those up to the truncation alone where
        there is one, with the rest of the probability at it.

    Raises
    ------
    InputError
        The share is not from 0 to below 1, or the severity has no such quantiles.

    Notes
    -----
    What lies beyond the probability :math:`1 - 10^{-13}` is integrated on one panel: the mean of a lognormal of
    coefficient of variation 5 comes out within 1e-6 of itself, its standard deviation within 1e-4.

    References
    ----------
    .. [1] Klugman, Panjer and Willmot, *Loss Models*, 4th ed., 2012, section 8.5.

    Examples
    --------
    >>> from scipy.stats import expon
    >>> costs = severity_costs(expon(scale=5_000), zero_share=0.2)
    >>> round(costs.mean, 2), round(costs.cv, 6)
    (4000.0, 1.224745)
    """
    if not 0 <= zero_share < 1:
        raise InputError(f"costs: a share of {zero_share:g} without cost; 0 to below 1 is wanted")
    top = 1.0 if truncate is None else float(severity.cdf(truncate))
    edges = np.append([p for p in PANELS if p < top - 1e-15], top)
    nodes, parts = np.polynomial.legendre.leggauss(PANEL_NODES)
    half = np.diff(edges)[:, None] / 2
    reach = (edges[:-1, None] + half * (1 + nodes)).ravel()
    values = np.asarray(severity.ppf(reach), dtype=float)
    weights = (half * parts).ravel()
    if not np.isfinite(values).all():
        raise InputError(
            "costs: the severity has no finite quantiles between 0 and 1; a distribution of costs is wanted"
        )
    if truncate is not None:
        values, weights = np.append(values, truncate), np.append(weights, max(1 - top, 0.0))
    values, weights = np.append(values, 0.0), np.append(weights * (1 - zero_share), zero_share)
    words = "fitted severity" + (f", truncated at ${truncate:,.0f}" if truncate is not None else "")
    return CostDistribution((Stratum(values, weights / weights.sum()),), words)


def pooled(populations: Sequence[tuple[CostDistribution, int]]) -> CostDistribution:
    """
    Distribution of costs of several populations that settle as one.

    Parameters
    ----------
    populations : sequence of (CostDistribution, int)
        Costs and members of each ACO of the pool. [members]

    Returns
    -------
    CostDistribution
        Strata of all, with shares of the pool; used with the members of the pool together.

    Raises
    ------
    InputError
        The pool is empty, or an ACO has no members.

    Examples
    --------
    >>> small, large = cost_distribution([0.0, 100.0]), cost_distribution([0.0, 300.0])
    >>> pooled([(small, 100), (large, 300)]).mean
    125.0
    """
    if not populations or any(n < 1 for _, n in populations):
        raise InputError("costs: a pool wants at least one ACO, and members above zero for each")
    total = sum(n for _, n in populations)
    found = [
        Stratum(s.costs, s.weights, s.share * n / total, f"ACO {number}, {s.name}")
        for number, (costs, n) in enumerate(populations, start=1)
        for s in costs.strata
    ]
    return CostDistribution(tuple(found), f"{len(populations)} ACOs pooled")
