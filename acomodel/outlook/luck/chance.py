"""Exact chance that noise alone earns or costs an ACO money, beside what approximations make of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.outlook.luck.approximations import normal, saddlepoint
from acomodel.outlook.luck.costs import cost_distribution
from acomodel.outlook.luck.inversion import invert
from acomodel.outlook.luck.ratio import TIE, Noise, Side, SpendingRatio
from acomodel.rates import Numeric

METHODS = {
    "cosine": "Fourier-cosine inversion",
    "lattice": "fast Fourier transform on a lattice of costs",
    "points": "the costs themselves",
    "certain": "no cost differs from another",
}
"""Words for how a chance was worked out."""


def chance_of_savings(
    annual_costs: Any,
    members: Numeric,
    threshold: Numeric,
    *,
    true_savings: Numeric = 0.0,
    truncate: float | None = None,
    noise: Noise | None = None,
) -> Numeric:
    r"""
    Chance that the savings rate reaches a threshold.

    Parameters
    ----------
    annual_costs : array-like, Claimants or CostDistribution
        Costs of members in a year, from which the ACO's are drawn. [$]
    members : numeric
        Members of the ACO, at least 1; parts are rounded. [members]
    threshold : numeric
        Minimum savings rate, 0 to 1; at 0 savings must be above zero, as in a settlement. [share of benchmark]
    true_savings : numeric
        What the ACO really saves of the expected cost of each member, below 1; negative where it costs more. [share]
    truncate : float, optional
        Amount per member and year above which costs do not count, for the benchmark as for the year. [$]
    noise : Noise, optional
        Error of the baseline and a common shock; by default the benchmark is exact and members are independent.

    Returns
    -------
    numeric
        Chance, of the shape that members, threshold and true savings make together. One below 1e-12 is lost in
        rounding: Chernoff's upper bound then takes its place, which `chance` says. [share]

    Raises
    ------
    InputError
        Costs whose mean is not above zero, no members, or a share out of range.

    Notes
    -----
    With true savings :math:`\delta`, expected cost :math:`\mu`, threshold :math:`m`,

    .. math:: P\Bigl(1 - (1-\delta) \frac{Y \bar X_n}{\bar B} \ge m\Bigr)
        = P\Bigl(\frac{Y \bar X_n}{\bar B} \le \frac{1-m}{1-\delta}\Bigr),

    with :math:`\bar B = \mu` and :math:`Y = 1` unless `noise` says otherwise. `invert` states how, and the error.

    References
    ----------
    .. [1] Fang and Oosterlee, SIAM J. Sci. Comput. 31(2), 2008, pp. 826-848.
    .. [2] DeLia, Hoover and Cantor, "Statistical uncertainty in the Medicare shared savings program," Medicare &
       Medicaid Research Review 2(4), 2012: chances of rewards and penalties without true savings.

    Examples
    --------
    One member in a hundred costs $100,000, and 5,000 of them save 20 % or more by luck alone:

    >>> costs = np.repeat([0.0, 100_000.0], [99, 1])
    >>> round(chance_of_savings(costs, 5_000, 0.20), 6)
    0.084993
    """
    return _numeric(annual_costs, members, threshold, true_savings, truncate, noise, -1)


def chance_of_loss(
    annual_costs: Any,
    members: Numeric,
    threshold: Numeric,
    *,
    true_savings: Numeric = 0.0,
    truncate: float | None = None,
    noise: Noise | None = None,
) -> Numeric:
    r"""
    Chance that the loss rate reaches a threshold.

    Parameters
    ----------
    annual_costs, members, true_savings, truncate, noise
        As for `chance_of_savings`.
    threshold : numeric
        Minimum loss rate, 0 to 1; at 0 losses must be above zero. [share of benchmark]

    Returns
    -------
    numeric
        Chance; Chernoff's upper bound where it is below 1e-12. [share]

    Raises
    ------
    InputError
        As `chance_of_savings`.

    Notes
    -----
    .. math:: P\Bigl(\frac{Y \bar X_n}{\bar B} \ge \frac{1+m}{1-\delta}\Bigr)

    References
    ----------
    .. [1] DeLia, Hoover and Cantor, Medicare & Medicaid Research Review 2(4), 2012.

    Examples
    --------
    >>> costs = np.repeat([0.0, 100_000.0], [99, 1])
    >>> round(chance_of_loss(costs, 5_000, 0.20), 6)
    0.091175
    """
    return _numeric(annual_costs, members, threshold, true_savings, truncate, noise, 1)


def _share(name: str, given: Numeric, low: float, high: float, words: str) -> np.ndarray:
    """Shares of an input as numbers, refused where one is missing or out of range."""
    try:
        array = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"chance: {name} is {given!r}; {words} is wanted") from None
    if (bad := ~((array >= low) & (array <= high))).any():
        raise InputError(f"chance: {name} is {array[bad].flat[0]:g}; {words} is wanted")
    return array


def _inputs(members: Numeric, threshold: Numeric, true_savings: Numeric) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    size = _share("members", members, 0.5, 1e10, "a number of at least 1")
    limit = _share("threshold", threshold, 0, 1, "a share from 0 to 1 (3 percent is 0.03)")
    saved = _share("true_savings", true_savings, -1, 1 - 1e-9, "a share from -1 to below 1")
    try:
        size, limit, saved = np.broadcast_arrays(np.maximum(np.rint(size), 1), limit, saved)
    except ValueError:
        raise InputError(
            f"chance: members, threshold and true savings of {size.shape}, {limit.shape} and {saved.shape} values "
            "do not fit together"
        ) from None
    return size, limit, saved


def _numeric(
    annual_costs: Any,
    members: Numeric,
    threshold: Numeric,
    true_savings: Numeric,
    truncate: float | None,
    noise: Noise | None,
    side: Side,
) -> Numeric:
    """Chance of one side, of the shape given."""
    costs = cost_distribution(annual_costs, truncate=truncate)
    size, limit, saved = _inputs(members, threshold, true_savings)
    found = np.empty(size.shape)
    for n in np.unique(size):
        at = size == n
        ratio = SpendingRatio(costs, int(n), noise or Noise())
        found[at] = _one_side(ratio, limit[at], saved[at], side)[0]
    index = next((x.index for x in (members, threshold, true_savings) if isinstance(x, pd.Series)), None)
    if index is not None:
        return pd.Series(found, index=index)
    return found if found.ndim else float(found)


def _one_side(
    ratio: SpendingRatio, threshold: np.ndarray, true_savings: np.ndarray, side: Side
) -> tuple[np.ndarray, np.ndarray]:
    """Chance of a rate at or beyond a threshold, and where it is a bound."""
    return ratio.chance((1 + side * threshold) / (1 - true_savings), side, threshold <= TIE)


@dataclass(frozen=True, eq=False, repr=False)
class Chance(Shown):
    """
    Chance of savings and of losses by luck, with how it was worked out and what approximations say.

    Parameters
    ----------
    members : int
        Members of the ACO. [members]
    threshold, loss_threshold, true_savings : float
        Minimum savings and loss rate, and true savings. [share]
    probability_of_savings, probability_of_loss : float
        Chance of reaching either threshold. [share]
    method : str
        How both were worked out, and which of them is only an upper bound.
    error_bound : float
        Bound on the error of both; on a lattice of costs, an estimate. [share]
    savings_is_bound, loss_is_bound : bool
        Whether either chance is lost in rounding, so that an upper bound is given.
    mean, cv, skewness : float
        Of a member's annual cost, truncated as said. [$, ratio, ratio]
    normal, saddlepoint : tuple of float
        Chance of savings and of losses by these approximations. [share]
    """

    members: int
    threshold: float
    loss_threshold: float
    true_savings: float
    probability_of_savings: float
    probability_of_loss: float
    method: str
    error_bound: float
    savings_is_bound: bool
    loss_is_bound: bool
    mean: float
    cv: float
    skewness: float
    normal: tuple[float, float]
    saddlepoint: tuple[float, float]

    def to_frame(self) -> pd.DataFrame:
        """Chance of savings and of losses by the inversion and by each approximation."""
        rows = {
            "exact": (self.probability_of_savings, self.probability_of_loss),
            "normal": self.normal,
            "saddlepoint": self.saddlepoint,
        }
        return pd.DataFrame.from_dict(rows, orient="index", columns=["savings", "loss"]).rename_axis("method")

    def to_json(self) -> dict[str, Any]:
        """The result as one document."""
        plain = {
            name: getattr(self, name)
            for name in self.__dataclass_fields__
            if name not in ("normal", "saddlepoint", "skewness")
        }
        near = {
            name: dict(zip(("probability_of_savings", "probability_of_loss"), getattr(self, name), strict=True))
            for name in ("normal", "saddlepoint")
        }
        order = ["probability_of_savings", "probability_of_loss", "method", "members"]
        return {k: plain[k] for k in [*order, *(k for k in plain if k not in order)]} | {"approximations": near}

    def exhibit(self) -> Exhibit:
        """The chances, with members, thresholds and method in title and note."""
        table = self.to_frame().rename(columns={"savings": "Savings", "loss": "Losses"}).rename_axis("Method")
        title = f"Chance of reaching {self.threshold:.2%} savings or {self.loss_threshold:.2%} losses by luck"
        title += f" with {self.members:,} member{'s' * (self.members > 1)}"
        if self.true_savings:
            title += f" who really save {self.true_savings:.2%}"
        note = f"{self.method}; error at most {self.error_bound:.0e}; coefficient of variation {self.cv:.3f}"
        return Exhibit(title, table, dict.fromkeys(("Savings", "Losses"), "%.."), note)


def chance(
    annual_costs: Any,
    members: int,
    threshold: float,
    *,
    loss_threshold: float | None = None,
    true_savings: float = 0.0,
    truncate: float | None = None,
    noise: Noise | None = None,
) -> Chance:
    """
    Chance of savings and of losses at one size and threshold, with its method, error and approximations.

    Parameters
    ----------
    annual_costs, members, threshold, true_savings, truncate, noise
        As for `chance_of_savings`, plain numbers.
    loss_threshold : float, optional
        Minimum loss rate; that of savings if not given. [share of benchmark]

    Returns
    -------
    Chance

    Raises
    ------
    InputError
        As `chance_of_savings`.

    Examples
    --------
    >>> chance(np.repeat([0.0, 100_000.0], [99, 1]), 5_000, 0.20)
    Chance of reaching 20.00% savings or 20.00% losses by luck with 5,000 members
                 Savings   Losses
    Method
    exact        8.4993%  9.1175%
    normal       7.7609%  7.7609%
    saddlepoint  7.3930%  8.0842%
    Fourier-cosine inversion; error at most 2e-14; coefficient of variation 9.950
    """
    costs = cost_distribution(annual_costs, truncate=truncate)
    loss = threshold if loss_threshold is None else loss_threshold
    size, limit, saved = _inputs(members, np.array([threshold, loss], dtype=float), true_savings)
    ratio = SpendingRatio(costs, int(size[0]), noise or Noise())
    values, lost, near = [], [], {"normal": normal, "saddlepoint": saddlepoint}
    sides: tuple[Side, Side] = (-1, 1)
    other: dict[str, list[float]] = {name: [] for name in near}
    for i, side in enumerate(sides):
        p, bound = _one_side(ratio, limit[i : i + 1], saved[i : i + 1], side)
        values.append(float(p[0]))
        lost.append(bool(bound[0]))
        at = (1 + side * limit[i : i + 1]) / (1 - saved[i : i + 1])
        for name, approximate in near.items():
            other[name].append(float(approximate(ratio, at, side)[0]))
    method, error = _how(ratio, float(limit[0]), float(saved[0]), lost)
    return Chance(
        int(size[0]),
        float(threshold),
        float(loss),
        float(true_savings),
        values[0],
        values[1],
        method,
        error,
        lost[0],
        lost[1],
        costs.mean,
        costs.cv,
        costs.skewness if costs.sd else 0.0,
        (other["normal"][0], other["normal"][1]),
        (other["saddlepoint"][0], other["saddlepoint"][1]),
    )


def _how(ratio: SpendingRatio, threshold: float, true_savings: float, lost: list[bool]) -> tuple[str, float]:
    """Words for the method, with what is a bound, and the error of the inversion."""
    drawn = (
        ratio.year
        if ratio.noise.baseline_members is None
        else invert(ratio.parts((1 - threshold) / (1 - true_savings)))
    )
    words = METHODS[drawn.method]
    if ratio.noise.shock_sd:
        words += f", averaged over a common {ratio.noise.shock} factor"
    sides = [name for name, low in zip(("savings", "loss"), lost, strict=True) if low]
    if sides:
        words += f"; the chance of {' and of '.join(sides)} is below {drawn.floor:.0e}: Chernoff's upper bound is given"
    return words, drawn.error
