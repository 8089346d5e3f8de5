"""Distribution of actual spending over the benchmark where members, the baseline and a common shock are chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pydantic.dataclasses
from pydantic import ConfigDict, Field

from acomodel.inputs import InputError
from acomodel.outlook.luck.characteristic import Part
from acomodel.outlook.luck.costs import CostDistribution
from acomodel.outlook.luck.inversion import Sum, invert

TIE = 1e-12
"""Rates closer than this are equal, as in a settlement."""
MANY = 50
"""Ratios beyond which a noisy baseline is inverted at `KNOTS` and interpolated between."""
KNOTS = np.concatenate([np.linspace(-8.5, 9, 176), np.linspace(9.5, 24, 30)])
"""Those ratios, in standard deviations from 1."""
Side = Literal[-1, 1]
"""Chance at or below a value, or at or above it."""


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class Noise:
    """What is chance in a savings rate besides the members of the year."""

    baseline_members: int | None = Field(
        default=None, ge=1, description="member years that the benchmark was measured on; none: it is exact [members]"
    )
    shock_sd: float = Field(
        default=0.0, ge=0, le=0.5, description="standard deviation of a factor common to all members [share]"
    )
    shock: Literal["lognormal", "normal"] = Field(default="lognormal", description="distribution of that factor")

    def shock_chance(self, ratio: np.ndarray, side: Side) -> np.ndarray:
        """Chance of the common factor alone at or below (-1), or at or above (+1)."""
        from scipy.special import ndtr

        if self.shock == "normal":
            z = (ratio - 1) / self.shock_sd
        else:
            log_sd = np.sqrt(np.log1p(self.shock_sd**2))
            z = (np.log(np.maximum(ratio, 1e-300)) + log_sd**2 / 2) / log_sd
        found: np.ndarray = ndtr(-side * z)
        return found

    def factors(self, fineness: float) -> tuple[np.ndarray, np.ndarray]:
        """Values of the common factor, mean 1, and their probabilities, finer than the other noise."""
        if not self.shock_sd:
            return np.ones(1), np.ones(1)
        step = min(0.25, max(0.5 * fineness / self.shock_sd, 0.0005))
        z = np.arange(-8.5, 8.5 + step / 2, step)
        weights = np.exp(-(z**2) / 2)
        log_sd = np.sqrt(np.log1p(self.shock_sd**2))
        values = 1 + self.shock_sd * z if self.shock == "normal" else np.exp(log_sd * z - log_sd**2 / 2)
        kept = values > 0
        return values[kept], weights[kept] / weights[kept].sum()


def effective_baseline(members: list[int], weights: list[float]) -> int:
    r"""
    Member years of one year that are as noisy as a weighted baseline of several.

    Parameters
    ----------
    members : list of int
        Members of each base year. [members]
    weights : list of float
        Weight of each base year; they add up to 1. [share]

    Returns
    -------
    int
        [members]

    Raises
    ------
    InputError
        Lengths differ, a year has no members, or the weights do not add up to 1.

    Notes
    -----
    .. math:: n_b = 1 \big/ \sum_y w_y^2 / n_y

    if a member's costs of different years are independent; they are not, so that a real baseline is noisier.

    References
    ----------
    .. [1] 42 CFR 425.602(a)(9) (2015): weights of 10, 30 and 60 percent.

    Examples
    --------
    >>> effective_baseline([10_000, 10_000, 10_000], [0.1, 0.3, 0.6])
    21739
    """
    if len(members) != len(weights) or not members or min(members) < 1 or abs(sum(weights) - 1) > 1e-9:
        raise InputError(
            f"baseline: {len(members)} years of members and {len(weights)} weights that add up to {sum(weights):g}; "
            "as many of both, members above zero and weights that add up to 1 are wanted"
        )
    return round(1 / sum(w**2 / n for w, n in zip(weights, members, strict=True)))


@dataclass(frozen=True, eq=False)
class SpendingRatio:
    r"""
    Distribution of actual spending over the benchmark, without true savings.

    Parameters
    ----------
    costs : CostDistribution
        Annual costs of a member.
    members : int
        Members of the year. [members]
    noise : Noise
        Baseline and common shock.

    Notes
    -----
    .. math:: R = Y \bar X_n / \bar B_{n_b}

    with the mean cost :math:`\bar X_n` of the members, that of the baseline, and the common factor :math:`Y`.
    """

    costs: CostDistribution
    members: int
    noise: Noise

    def __post_init__(self) -> None:
        if self.members < 1:
            raise InputError(f"chance: {self.members} members; at least 1 is wanted")
        if not self.costs.mean > 0:
            raise InputError(
                f"chance: the mean annual cost is {self.costs.mean:,.2f}; a benchmark above zero is wanted"
            )

    @cached_property
    def year(self) -> Sum:
        """Distribution of the members' total."""
        return invert(self._year_parts())

    @property
    def total(self) -> float:
        """Expected spending of the members, the benchmark. [$]"""
        counts = self.costs.counts(self.members)
        return sum(n * c.mean for n, c in zip(counts, self.costs.cells(), strict=True))

    @property
    def sd(self) -> float:
        """Standard deviation of the ratio, nearly. [share]"""
        parts = self.parts(1.0)
        own = sum(p.count * (p.scale * p.cells.sd) ** 2 for p in parts) ** 0.5 / self.total
        return float(np.hypot(own, self.noise.shock_sd))

    def _year_parts(self) -> list[Part]:
        counts = self.costs.counts(self.members)
        return [Part(c, n) for n, c in zip(counts, self.costs.cells(), strict=True)]

    def parts(self, ratio: float) -> list[Part]:
        """Independent costs whose sum is actual spending less the ratio times the benchmark. [$]"""
        found = self._year_parts()
        if self.noise.baseline_members is None:
            return found
        counts = self.costs.counts(self.noise.baseline_members)
        expected = sum(n * c.mean for n, c in zip(counts, self.costs.cells(), strict=True))
        if not expected > 0:
            raise InputError("chance: the strata with members in the baseline cost nothing; more members are wanted")
        scale = -ratio * self.total / expected
        return found + [Part(c, n, scale) for n, c in zip(counts, self.costs.cells(), strict=True)]

    def own(self, ratio: np.ndarray, side: Side, strict: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Chance of a ratio at or below (-1), or at or above (+1), without the shock, and where it is a bound."""
        slack = -side * TIE * self.total * np.ones(ratio.shape)
        if self.noise.baseline_members is None:
            apart = max(TIE * self.total, 1e-6 * self.year.step)
            x = self.total * (ratio - 1) + np.where(strict, side * apart, slack)
            return self.year.at_most(x) if side < 0 else self.year.at_least(x)
        if ratio.size > MANY:
            return self._between(ratio, side)
        found = np.empty(ratio.shape)
        lost = np.zeros(ratio.shape, dtype=bool)
        for at in np.ndindex(ratio.shape):
            drawn = invert(self.parts(float(ratio[at])))
            x = np.array([self.total * (ratio[at] - 1) + slack[at]])
            p, below = drawn.at_most(x) if side < 0 else drawn.at_least(x)
            found[at], lost[at] = p[0], below[0]
        return found, lost

    @cached_property
    def _scores(self) -> dict[Side, tuple[Callable[[np.ndarray], np.ndarray], float, float]]:
        """Splines of the normal scores of chances over a range of ratios, and its ends, by side; made when wanted."""
        return {}

    def _between(self, ratio: np.ndarray, side: Side) -> tuple[np.ndarray, np.ndarray]:
        """The same for many ratios by a spline of normal scores."""
        from scipy.interpolate import CubicSpline
        from scipy.special import ndtr, ndtri

        if side not in self._scores:
            spread = float(np.sqrt(self.sd**2 - self.noise.shock_sd**2))
            knots = 1 + spread * KNOTS
            knots = knots[knots > 0]
            each = [self.own(np.array([k]), side, np.zeros(1, dtype=bool)) for k in knots]
            found, lost = (np.concatenate(column) for column in zip(*each, strict=True))
            known = (found > 1e-12) & (found < 1 - 1e-12) & ~lost
            knots = knots[known]
            self._scores[side] = CubicSpline(knots, ndtri(found[known])), float(knots[0]), float(knots[-1])
        score, first, last = self._scores[side]
        inside = ndtr(score(np.clip(ratio, first, last)))
        return inside, ((ratio < first) | (ratio > last)) & (inside < 0.5)

    def chance(self, ratio: np.ndarray, side: Side, strict: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """
        Chance of a ratio at or below (-1) or at or above (+1), and where it is a bound.

        Parameters
        ----------
        ratio : numpy.ndarray
            Actual over benchmark. [factor]
        side : {-1, 1}
            Which side.
        strict : numpy.ndarray of bool
            Where a ratio that is equal does not count.
        """
        if self.noise.shock_sd and self.noise.baseline_members is None and self.year.method == "certain":
            return self.noise.shock_chance(ratio, side), np.zeros(ratio.shape, dtype=bool)
        return self.mixed(ratio, lambda r: self.own(r, side, np.broadcast_to(strict[..., None], r.shape)))

    def mixed(
        self, ratio: np.ndarray, chance: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """A chance averaged over the common factor; a bound where all that counts of it is bound."""
        fineness = float(np.sqrt(max(self.sd**2 - self.noise.shock_sd**2, 1e-18)))
        factors, weights = self.noise.factors(fineness)
        found, lost = chance(ratio[..., None] / factors)
        total = found @ weights
        return total, lost.any(axis=-1) & (np.where(lost, found * weights, 0.0).sum(axis=-1) >= 0.01 * total)
