"""Distribution of a savings rate, and what a contract pays over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from acomodel.contract.settlement import settle
from acomodel.contract.terms import Terms
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.outlook.luck.costs import cost_distribution
from acomodel.outlook.luck.ratio import Noise, SpendingRatio
from acomodel.rates import Numeric

CELLS = 2000
"""Cells of savings rates that payments are averaged over."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles that an exhibit shows."""


@dataclass(frozen=True, eq=False, repr=False)
class SavingsDistribution(Shown):
    """
    Distribution of the savings rate of an ACO.

    Parameters
    ----------
    ratio : SpendingRatio
        Costs, members and noise.
    true_savings : float
        What is really saved of the expected cost. [share]
    """

    ratio: SpendingRatio
    true_savings: float

    @property
    def sd(self) -> float:
        """Standard deviation of the savings rate; nearly, with a noisy baseline. [share]"""
        return (1 - self.true_savings) * self.ratio.sd

    def _spent(self, rate: Numeric) -> np.ndarray:
        return np.atleast_1d((1 - np.asarray(rate, dtype=float)) / (1 - self.true_savings))

    def cdf(self, rate: Numeric) -> Numeric:
        """
        Chance of a savings rate at or below a rate.

        Parameters
        ----------
        rate : numeric
            Savings rate, losses below zero. [share of benchmark]
        """
        at = self._spent(rate)
        return _shaped(self.ratio.chance(at, 1, np.zeros(at.shape, dtype=bool))[0], rate)

    def survival(self, rate: Numeric) -> Numeric:
        """
        Chance of a savings rate at or above a rate.

        Parameters
        ----------
        rate : numeric
            Savings rate, losses below zero. [share of benchmark]
        """
        at = self._spent(rate)
        return _shaped(self.ratio.chance(at, -1, np.zeros(at.shape, dtype=bool))[0], rate)

    def density(self, rate: Numeric) -> Numeric:
        """
        Density of the savings rate.

        Parameters
        ----------
        rate : numeric
            Savings rate. [share of benchmark]

        Returns
        -------
        numeric
            [1/share]
        """
        if self.ratio.noise.baseline_members is None and self.ratio.sd:
            total = self.ratio.total
            year = self.ratio.year
            fineness = year.sd / total
            factors, weights = self.ratio.noise.factors(fineness)
            at = self._spent(rate)[..., None] / factors
            found = (year.density(total * (at - 1)) / factors) @ weights * total / (1 - self.true_savings)
            return _shaped(found, rate)
        if not self.sd:
            raise InputError("savings: nothing is left to chance, so that the savings rate has no density")
        h, x = self.sd / 20, np.asarray(rate, dtype=float)
        near, far = (self.cdf(x + k * h) - self.cdf(x - k * h) for k in (1, 2))
        return _shaped(np.atleast_1d(np.maximum((8 * np.asarray(near) - np.asarray(far)) / (12 * h), 0.0)), rate)

    def quantile(self, chance: Numeric) -> Numeric:
        """
        Least savings rate at or below which the rate lies with a chance.

        Parameters
        ----------
        chance : numeric
            Chance, from 1e-10 to 1 - 1e-10. [share]

        Returns
        -------
        numeric
            Savings rate. [share of benchmark]

        Raises
        ------
        InputError
            The chance is out of range.
        """
        wanted = np.atleast_1d(np.asarray(chance, dtype=float))
        if not ((wanted >= 1e-10) & (wanted <= 1 - 1e-10)).all():
            raise InputError(f"savings: a chance of {wanted.min():g}; one from 1e-10 to 1 - 1e-10 is wanted")
        low, high = self.span()
        lower, upper = np.full(wanted.shape, low - 1e-9), np.full(wanted.shape, high + 1e-9)
        rows = np.arange(wanted.size)
        while (upper - lower).max() > 1e-13:
            points = np.linspace(lower, upper, 66)
            reached = np.asarray(self.cdf(points[1:-1])) >= wanted
            first = np.where(reached.any(axis=0), reached.argmax(axis=0), 64)
            lower, upper = points[first, rows], points[first + 1, rows]
        return _shaped(upper, chance)

    def span(self) -> tuple[float, float]:
        """Rates between which all but 1e-11 of the chance lies."""
        spread = self.ratio.sd
        if not spread:
            return self.true_savings, self.true_savings
        ratios = 1 + spread * np.concatenate([np.linspace(-12, 10, 111), np.geomspace(10.5, 200, 40)])
        ratios = ratios[ratios > -1 / spread if (self.ratio.costs.strata[0].costs < 0).any() else ratios > 0]
        rates = 1 - (1 - self.true_savings) * ratios
        above = np.asarray(self.survival(rates))  # rates fall
        first = int(np.argmax(above > 1e-11))
        last = int(np.argmax(1 - above < 1e-11)) or len(rates) - 1
        return float(rates[last]), float(rates[max(first - 1, 0)])

    def cells(self, cuts: Numeric = ()) -> tuple[np.ndarray, np.ndarray]:
        """
        Middles of cells of savings rates and their chances.

        Parameters
        ----------
        cuts : array-like
            Rates at which a cell must end: savings at a cut above zero lie above it, losses at a cut below zero
            below it, as thresholds have it. [share]
        """
        low, high = self.span()
        if low == high:
            return np.array([low]), np.ones(1)
        inner = [c for c in np.ravel(cuts) if low < c < high]
        edges = np.unique(np.concatenate([np.linspace(low, high, CELLS + 1), inner, [0.0] if low < 0 < high else []]))
        gains = edges > 0
        above, below = np.ones(len(edges)), np.ones(len(edges))
        if gains.any():
            above[gains] = self.survival(edges[gains])
            below[gains] = 1 - above[gains]
        if (~gains).any():
            below[~gains] = self.cdf(edges[~gains])
            above[~gains] = 1 - below[~gains]
        chances = np.where(gains[:-1], above[:-1] - above[1:], below[1:] - below[:-1])
        chances = np.maximum(chances, 0.0)
        return (edges[:-1] + edges[1:]) / 2, chances / chances.sum()

    def to_frame(self) -> pd.DataFrame:
        """Standard deviation and quantiles of the savings rate."""
        rows = {"true savings": self.true_savings, "standard deviation": self.sd}
        rows |= {f"{q:.0%} quantile": self.quantile(q) for q in QUANTILES}
        return pd.Series(rows, name="savings rate").rename_axis("figure").to_frame()

    def exhibit(self) -> Exhibit:
        """Standard deviation and quantiles."""
        table = self.to_frame().rename(columns={"savings rate": "Savings rate"}).rename_axis("Figure")
        return Exhibit(f"Savings rate of {self.ratio.members:,} members", table, {"Savings rate": "%."})

    def payments(
        self,
        terms: Terms,
        *,
        benchmark: float | None = None,
        quality_score: float = 1.0,
        quality_standard: str = "met",
        revenue: float | None = None,
        settled_members: float | None = None,
        carried_losses: float = 0.0,
        worst: float = 0.05,
    ) -> PaymentOutlook:
        r"""
        What a contract pays over the distribution of the savings rate.

        Parameters
        ----------
        terms : Terms
            The contract.
        benchmark : float, optional
            Benchmark of the year; the members' expected cost if not given. [$]
        quality_score, quality_standard, revenue
            As for `settle`.
        settled_members : float, optional
            Members on whom thresholds by size depend, such as person years; those drawn if not given. [members]
        carried_losses : float
            Losses brought forward into the year. [$]
        worst : float
            Share of worst outcomes whose average is wanted. [share]

        Returns
        -------
        PaymentOutlook

        Raises
        ------
        InputError
            As `settle`, or a share of worst outcomes that is not above 0 and at most 1.

        Notes
        -----
        .. math:: E[g(S)] \approx \sum_i P(S \in C_i)\, g(s_i)

        over 2,000 cells :math:`C_i` with middles :math:`s_i`, one of which ends at each threshold, so that the error
        is of second order in the width of a cell, a hundredth of a standard deviation.
        """
        if not 0 < worst <= 1:
            raise InputError(f"payments: worst {worst:g} of outcomes; a share above 0 and at most 1 is wanted")
        total = self.ratio.total if benchmark is None else float(benchmark)
        given: dict[str, Any] = {
            "members": self.ratio.members if settled_members is None else settled_members,
            "quality_score": quality_score,
            "quality_standard": quality_standard,
            "revenue": revenue,
            "carried_losses": carried_losses,
        }
        limits = settle(total, total, terms, **given)
        rates, chances = self.cells([float(limits.msr), -float(limits.mlr)])
        payment = np.asarray(settle(np.full(len(rates), total), total * (1 - rates), terms, **given).payment)
        order = np.argsort(payment, kind="stable")
        reached = np.cumsum(chances[order])
        part = np.clip(np.minimum(reached, worst) - np.append(0.0, reached[:-1]), 0.0, None)
        return PaymentOutlook(
            self.ratio.members,
            total,
            float(chances @ np.maximum(payment, 0)),
            float(chances @ np.maximum(-payment, 0)),
            float(chances[payment > 0].sum()),
            float(chances[payment < 0].sum()),
            worst,
            float(part @ payment[order] / part.sum()),
            float(chances @ rates),
            float(chances @ (payment - chances @ payment) ** 2) ** 0.5,
        )


def _shaped(found: np.ndarray, given: Numeric) -> Numeric:
    """Result in the shape of what was given."""
    if isinstance(given, pd.Series):
        return pd.Series(found, index=given.index)
    return found if np.ndim(given) else float(found[0])


@dataclass(frozen=True, repr=False)
class PaymentOutlook(Shown):
    """
    What a contract is expected to pay to each side.

    Parameters
    ----------
    members : int
        Members. [members]
    benchmark : float
        Benchmark of the year. [$]
    expected_earned, expected_owed : float
        Expected payment to the ACO, and from it. [$]
    chance_earned, chance_owed : float
        Chance that either is paid. [share]
    worst : float
        Share of worst outcomes. [share]
    worst_payment : float
        Average payment in these, negative where the ACO pays. [$]
    expected_rate : float
        Expected savings rate. [share]
    sd : float
        Standard deviation of the payment. [$]
    """

    members: int
    benchmark: float
    expected_earned: float
    expected_owed: float
    chance_earned: float
    chance_owed: float
    worst: float
    worst_payment: float
    expected_rate: float
    sd: float

    @property
    def expected_payment(self) -> float:
        """Expected payment to the ACO, less what it pays. [$]"""
        return self.expected_earned - self.expected_owed

    def to_frame(self) -> pd.DataFrame:
        """One line each, at full precision."""
        lines = {
            "Benchmark": self.benchmark,
            "Expected savings rate": self.expected_rate,
            "Chance that the ACO earns": self.chance_earned,
            "Chance that the ACO owes": self.chance_owed,
            "Expected payment to the ACO": self.expected_earned,
            "Expected payment from the ACO": self.expected_owed,
            "Expected payment, net": self.expected_payment,
            "Standard deviation of the payment": self.sd,
            f"Average of the worst {self.worst:.0%}": self.worst_payment,
        }
        return pd.Series(lines, name="Outlook").rename_axis("Line").to_frame()

    def exhibit(self) -> Exhibit:
        """The lines."""
        frame = self.to_frame()
        styles = ("$", "%.", "%.", "%.", "$", "$", "$", "$", "$")
        title = f"Payments expected with {self.members:,} members"
        return Exhibit(title, frame, dict(zip(frame.index, styles, strict=True)))


def savings_distribution(
    annual_costs: Any,
    members: int,
    *,
    true_savings: float = 0.0,
    truncate: float | None = None,
    noise: Noise | None = None,
) -> SavingsDistribution:
    """
    Distribution of the savings rate that members' costs make.

    Parameters
    ----------
    annual_costs : array-like, Claimants or CostDistribution
        Costs of members in a year. [$]
    members : int
        Members of the ACO. [members]
    true_savings : float
        What is really saved of the expected cost, below 1. [share]
    truncate : float, optional
        Amount per member and year above which costs do not count. [$]
    noise : Noise, optional
        Error of the baseline and a common shock.

    Returns
    -------
    SavingsDistribution
        With distribution function, quantiles, density and the payments of a contract.

    Raises
    ------
    InputError
        As `chance_of_savings`.

    References
    ----------
    .. [1] Fang and Oosterlee, SIAM J. Sci. Comput. 31(2), 2008, pp. 826-848.

    Examples
    --------
    >>> found = savings_distribution([0.0, 2_000.0, 30_000.0], 5_000, true_savings=0.02)
    >>> round(found.quantile(0.5), 4), round(found.survival(0.039), 4)
    (0.02, 0.1427)
    >>> outlook = found.payments(Terms(sharing_rate=0.5, msr=0.02))
    >>> round(outlook.chance_earned, 4)
    0.5005
    """
    if not 1 <= members < 1e10:
        raise InputError(f"savings: {members!r} members; a number of at least 1 is wanted")
    if not -1 <= true_savings < 1:
        raise InputError(f"savings: true_savings is {true_savings!r}; a share from -1 to below 1 is wanted")
    costs = cost_distribution(annual_costs, truncate=truncate)
    return SavingsDistribution(SpendingRatio(costs, int(members), noise or Noise()), float(true_savings))
