"""Characteristic and cumulant generating functions of many costs, and the interval that their sum lies in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CELLS = 512
"""Cells of equal width that many costs are gathered in."""
FEW_STEPS = 64
"""Distinct costs among which a step other than cents is looked for."""
ORDER = 7
"""Highest moment kept of each cell."""
FEW = 2400
"""Fewer distinct costs than this are kept as they are."""
RARE = 1e-9
"""Chance that a population has a cost beyond the amount to which `folded` counts."""
OUTSIDE = 1e-15
"""Chance allowed outside the interval of the series, on each side."""
TILTS = np.geomspace(0.05, 300, 56)
"""Exponents tried for the bound on a tail, in standard deviations of the sum."""


@dataclass(frozen=True, eq=False)
class Cells:
    """
    Costs of one kind of member, centred at their mean and gathered in cells.

    Parameters
    ----------
    costs, weights : numpy.ndarray
        Costs [$] and their probabilities.
    mean, sd, low, high : float
        Mean, standard deviation and ends of the costs. [$]
    step : float
        Largest amount that divides every cost less the least one, to the cent; 0 where there is none. [$]
    centres : numpy.ndarray
        Middle of each cell that is not empty, less the mean. [$]
    half : float
        Half the width of a cell; 0 where costs were left as they are. [$]
    moments : numpy.ndarray
        Moments about the middle of each cell, in units of half its width, each over its factorial.
    """

    costs: np.ndarray
    weights: np.ndarray
    mean: float
    sd: float
    low: float
    high: float
    step: float
    centres: np.ndarray
    half: float
    moments: np.ndarray

    def characteristic(self, t: np.ndarray) -> np.ndarray:
        """Logarithm of the characteristic function of the centred cost at arguments `t`. [1/$ to number]"""
        angle = np.multiply.outer(t, self.centres)
        half_angle = angle / 2
        half_sine = np.sin(half_angle)
        sine = 2 * half_sine * np.cos(half_angle)
        fall = 2 * half_sine * half_sine
        real = -_product(fall, self.moments[:1].T)[:, 0]
        imag = _product(sine - angle, self.moments[:1].T)[:, 0]
        if self.half:
            u = t * self.half
            turned = self.moments[1:].T
            c, s = -_product(fall, turned), _product(sine, turned)
            c[:, 1:] += self.moments[2:].sum(axis=1)
            power = u.astype(complex) * 1j
            for j in range(ORDER):
                term = power * (c[:, j] + 1j * s[:, j])
                real += term.real
                imag += term.imag
                power = power * u * 1j
        with np.errstate(divide="ignore"):
            size = 0.5 * np.log1p(np.maximum(2 * real + real**2 + imag**2, -1.0))
        return size + 1j * np.arctan2(imag, 1 + real)

    def cumulant(self, theta: np.ndarray) -> np.ndarray:
        """Cumulant generating function of the centred cost; infinite where it would overflow."""
        power = np.multiply.outer(theta, self.centres)
        far = (np.abs(theta) * max(self.high - self.mean, self.mean - self.low) > 600) | (
            np.abs(theta) * self.half > 0.25
        )
        power = np.where(far[:, None], 0.0, power)
        rise = np.expm1(power) - power
        total = _product(rise, self.moments[:1].T)[:, 0]
        if self.half:
            grown = np.exp(power)
            u = np.where(far, 0.0, theta) * self.half
            inner = _product(grown, self.moments[1:].T)
            inner[:, 0] -= self.moments[1].sum()
            for j in range(ORDER):
                total += u ** (j + 1) * inner[:, j]
        return np.where(far, np.inf, np.log1p(np.maximum(total, -1 + 1e-300)))

    def error(self, t: np.ndarray) -> np.ndarray:
        """Bound on the error of the characteristic function that cells make."""
        return (t * self.half) ** (ORDER + 1) / math.factorial(ORDER + 1)


def _product(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Matrix product in one thread: this small, threads of a busy machine wait for each other."""
    found: np.ndarray = np.einsum("tb,bj->tj", rows, columns)
    return found


def _step(values: np.ndarray, low: float) -> float:
    """Largest amount, in cents or among a few values any, that divides all values less the least; 0 where none does."""
    cents = (values - low) * 100
    whole = np.rint(cents)
    near = np.abs(whole).max() < 2**50 and (np.abs(cents - whole) <= 1e-6 * np.maximum(1, whole * 1e-6)).all()
    if near and (common := int(np.gcd.reduce(whole.astype(np.int64)))):
        return common / 100
    if len(values) > FEW_STEPS and len(values := np.unique(values)) > FEW_STEPS:
        return 0.0
    step, top = 0.0, float(values.max() - low)
    for value in np.unique(values - low)[1:]:
        one, other = float(value), step
        while other > 1e-9 * top:
            one, other = other, math.fmod(one, other)
            other = 0.0 if other > one - 1e-9 * top else other
        step = one
    return step if step > 1e-5 * top else 0.0


def compressed(values: np.ndarray, weights: np.ndarray) -> Cells:
    """
    Costs gathered in cells, with the moments by which characteristic functions stay exact to rounding.

    Parameters
    ----------
    values, weights : numpy.ndarray
        Costs [$] and their probabilities, which add up to 1.

    Returns
    -------
    Cells

    Notes
    -----
    Within a cell of half width :math:`w` the exponential is expanded to order 7, so that the characteristic function
    errs by at most :math:`(t w)^8 / 8!`.

    Examples
    --------
    >>> cells = compressed(np.array([0.0, 100.0]), np.array([0.5, 0.5]))
    >>> bool(np.isclose(np.exp(cells.characteristic(np.array([0.01]))[0]).real, np.cos(0.5)))
    True
    """
    keep = weights > 0
    if not keep.all():
        values, weights = values[keep], weights[keep]
    mean = float((weights * values).sum())
    low, high = float(values.min()), float(values.max())
    centred = values - mean
    sd = math.sqrt(float((weights * centred**2).sum()))
    step = _step(values, low) if high > low else 0.0
    if len(values) <= FEW:
        return Cells(values, weights, mean, sd, low, high, step, centred, 0.0, weights[None, :])
    half = (high - low) / (2 * CELLS) or 1.0
    at = np.minimum(((values - low) / (2 * half)).astype(np.int64), CELLS - 1)
    middle = low - mean + half * (2 * np.arange(CELLS) + 1)
    inside = (centred - middle[at]) / half
    moments, part = [], weights
    for j in range(ORDER + 1):
        if j:
            part = part * inside / j
        moments.append(np.bincount(at, part, CELLS))
    filled = moments[0] > 0
    kept = np.array(moments)[:, filled]
    return Cells(values, weights, mean, sd, low, high, step, middle[filled], half, kept)


@dataclass(frozen=True, eq=False)
class Part:
    """
    Independent members of one kind in a weighted sum.

    Parameters
    ----------
    cells : Cells
        Costs of a member.
    count : int
        Members. [members]
    scale : float
        What each cost is multiplied by.
    """

    cells: Cells
    count: int
    scale: float = 1.0

    @property
    def ends(self) -> tuple[float, float]:
        """Least and largest total less the expected one. [$]"""
        ends = [self.count * self.scale * (x - self.cells.mean) for x in (self.cells.low, self.cells.high)]
        return min(ends), max(ends)


def folded(part: Part) -> Part:
    """
    The same members with their rarest costs counted up to an amount that few populations exceed at all.

    Notes
    -----
    No total of the members lies beyond but for a chance of `RARE`, by which chances err.
    """
    cells = part.cells
    order = np.argsort(-cells.costs, kind="stable")
    beyond = np.cumsum(cells.weights[order]) * part.count
    at = int(np.searchsorted(beyond, RARE, side="right"))
    most = float(cells.costs[order[min(at, len(order) - 1)]])
    return (
        part
        if most >= cells.high
        else Part(compressed(np.minimum(cells.costs, most), cells.weights), part.count, part.scale)
    )


def tilts(parts: Sequence[Part], sd: float, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Exponents of one sign and the cumulant generating function of the centred sum at them."""
    theta = side * TILTS / sd
    growth = sum(p.count * p.cells.cumulant(theta * p.scale) for p in parts)
    kept = np.isfinite(growth)
    return theta[kept], np.asarray(growth)[kept]


def interval(parts: Sequence[Part], sd: float, outside: float = OUTSIDE) -> tuple[float, float]:
    r"""
    Ends between which a centred sum lies but for a stated chance on each side.

    Notes
    -----
    With the cumulant generating function :math:`K`, Chernoff's bound gives
    :math:`P(S \ge b) \le \exp(K(\theta) - \theta b)` for every :math:`\theta > 0`; solved for :math:`b`, the least over
    :math:`\theta` is taken. No sum lies outside all costs at their least or largest.
    """
    ends = []
    for side in (-1, 1):
        theta, growth = tilts(parts, sd, side)
        ends.append(np.min((growth - math.log(outside)) / np.abs(theta), initial=np.inf))
    least, most = (sum(p.ends[i] for p in parts) for i in (0, 1))
    return max(-float(ends[0]), least), min(float(ends[1]), most)
