"""Distribution of a weighted sum of independent costs by Fourier-cosine inversion, with a bound on its error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from acomodel.inputs import InputError
from acomodel.outlook.luck.characteristic import OUTSIDE, RARE, Part, folded, interval, tilts

WIDE = 150
"""Width of the interval, in standard deviations, from which the rarest costs are counted up to an amount only."""
FINE = 20
"""Points of a lattice between the quartiles of a sum, fewer of which tell too little."""
DECAY = 1e-15
"""Size of a term, against the first, at which the series ends."""
TERMS = 8192
"""Most terms of the series; where it wants more, costs are put on a lattice."""
LATTICE = 1 << 17
"""Points of that lattice."""
BLOCK = 1 << 20
"""Sines taken at a time."""
FLOOR = 1e-12
"""Chances below this are lost in rounding; a bound takes their place."""


@dataclass(frozen=True, eq=False)
class Sum:
    """
    Distribution function of a weighted sum of independent costs.

    Parameters
    ----------
    parts : tuple of Part
        What is added up.
    mean, sd : float
        Expected sum and its standard deviation. [$]
    method : {"cosine", "lattice", "points", "certain"}
        Series inverted, costs on a lattice, the costs of one member themselves, or nothing left to chance.
    low, high : float
        Interval of the inversion, less the mean. [$]
    error : float
        Bound on the error of a chance; on a lattice an estimate from a lattice half as fine.
    floor : float
        Chance below which rounding leaves nothing; a bound takes its place.
    step : float
        Amount between possible sums; 0 where there is none to speak of. [$]
    terms : numpy.ndarray
        Coefficients of the series, or chances of the points of the lattice.
    """

    parts: tuple[Part, ...]
    mean: float
    sd: float
    method: Literal["cosine", "lattice", "points", "certain"]
    low: float
    high: float
    error: float
    floor: float
    step: float
    terms: np.ndarray

    @property
    def ends(self) -> tuple[float, float]:
        """Least and largest sum less the mean. [$]"""
        return sum(p.ends[0] for p in self.parts), sum(p.ends[1] for p in self.parts)

    def bound(self, x: np.ndarray, side: int) -> np.ndarray:
        """Chernoff's bound on the chance of a centred sum at or below (side -1), or at or above (+1)."""
        theta, growth = tilts(self.parts, self.sd, side)
        exponents = (growth[:, None] - np.multiply.outer(theta, np.ravel(x))).min(axis=0, initial=0.0)
        return np.exp(exponents).reshape(np.shape(x))

    def _series(self, y: np.ndarray) -> np.ndarray:
        """Sum of the series at centred sums."""
        wave = np.pi * np.arange(1, len(self.terms)) / (self.high - self.low)
        coefficients = self.terms[1:] / wave
        if self.step:
            coefficients = coefficients * (wave * self.step / 2) / np.sin(wave * self.step / 2)
        at = np.ravel(np.clip(y, self.low, self.high) - self.low)
        found = self.terms[0] / 2 * at
        rows = max(1, BLOCK // len(wave))
        for start in range(0, len(at), rows):
            block = slice(start, start + rows)
            found[block] += np.sin(np.multiply.outer(at[block], wave)) @ coefficients
        return found.reshape(np.shape(y))

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Chance of a sum less its mean at or below `x`; ties count. [$ to share]"""
        y = np.asarray(x, dtype=float)
        if self.method == "certain":
            return (y >= 0).astype(float)
        least, most = self.ends
        if self.method == "points":
            worth = self.parts[0].scale * (self.parts[0].cells.costs - self.parts[0].cells.mean)
            order = np.argsort(worth, kind="stable")
            reached = np.append(0.0, np.cumsum(self.parts[0].cells.weights[order]))
            found = reached[np.searchsorted(worth[order], y + 1e-12 * (most - least), side="right")]
        elif self.method == "lattice" and self.step:
            at = np.floor((y - self.low) / self.step + 1e-9).astype(np.int64)
            found = np.append(0.0, np.cumsum(self.terms))[np.clip(at + 1, 0, len(self.terms))]
        elif self.method == "lattice":
            between = (y - self.low) / (self.high - self.low) * (len(self.terms) - 1) + 0.5
            found = np.interp(between, np.arange(len(self.terms) + 1), np.append(0.0, np.cumsum(self.terms)))
        else:
            if self.step:
                y = least + self.step * (np.floor((y - least) / self.step + 1e-9) + 0.5)
            found = self._series(y)
            y = np.asarray(x, dtype=float)
        tie = 1e-12 * (most - least)
        found = np.maximum(np.clip(found, 0.0, 1.0), self.least_chance)
        return np.where(y < least - tie, 0.0, np.where(y >= most - tie, 1.0, found))

    @property
    def least_chance(self) -> float:
        """Chance that every cost is the one that makes the sum least: the sum's atom at its lower end."""
        logs = 0.0
        for part in self.parts:
            end = part.cells.low if part.scale > 0 else part.cells.high
            near = np.abs(part.cells.costs - end) <= 1e-12 * (part.cells.high - part.cells.low)
            logs += part.count * math.log(min(float(part.cells.weights[near].sum()), 1.0))
        return math.exp(logs)

    def at_most(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """
        Chance of a centred sum at or below `x`, and where it is a bound because rounding leaves no more.

        A sum that cannot be has chance 0, and one at the lower end the chance that all costs are least.
        """
        y = np.asarray(x, dtype=float)
        found = self.cdf(y)
        if self.method in ("certain", "points"):
            return found, np.zeros(y.shape, dtype=bool)
        least, most = self.ends
        end = np.abs(y - least) <= 1e-12 * (most - least)
        lost = (found < self.floor) & (y >= least) & ~end
        capped = np.minimum(self.bound(y, -1), self.floor) if lost.any() else found
        return np.where(end, self.least_chance, np.where(lost, capped, found)), lost

    def at_least(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Chance of a centred sum at or above `x`, and where it is a bound."""
        return self.mirrored().at_most(-np.asarray(x, dtype=float))

    def mirrored(self) -> Sum:
        """Distribution of the sum with its sign turned."""
        turned = tuple(Part(p.cells, p.count, -p.scale) for p in self.parts)
        terms = self.terms
        if self.method == "cosine":
            terms = terms * (-1.0) ** np.arange(len(terms))
        low, high = -self.high, -self.low
        if self.method == "lattice":
            terms = terms[::-1]
        return Sum(turned, -self.mean, self.sd, self.method, low, high, self.error, self.floor, self.step, terms)

    def density(self, x: np.ndarray) -> np.ndarray:
        """Density of a sum less its mean. [$ to 1/$]"""
        y = np.asarray(x, dtype=float)
        if self.method != "cosine":
            width = max(self.sd / 200, self.step, 1e-9)
            return (self.cdf(y + width / 2) - self.cdf(y - width / 2)) / width
        wave = np.pi * np.arange(1, len(self.terms)) / (self.high - self.low)
        inside = (y >= self.low) & (y <= self.high)
        at = np.ravel(y) - self.low
        found = np.full(at.shape, self.terms[0] / 2)
        rows = max(1, BLOCK // len(wave))
        for start in range(0, len(at), rows):
            block = slice(start, start + rows)
            found[block] += np.cos(np.multiply.outer(at[block], wave)) @ self.terms[1:]
        return np.where(inside, np.maximum(found.reshape(y.shape), 0.0), 0.0)


def invert(parts: Sequence[Part]) -> Sum:
    r"""
    Invert the characteristic function of a weighted sum of independent costs.

    Parameters
    ----------
    parts : sequence of Part
        Independent members of each kind; costs of negative scale are subtracted.

    Returns
    -------
    Sum

    Notes
    -----
    On :math:`[a, b]` the distribution function of the centred sum with characteristic function :math:`\varphi` is

    .. math:: F(x) \approx \tfrac{A_0}{2}(x - a) + \sum_{k=1}^{N-1} A_k \frac{b-a}{k\pi} \sin\frac{k\pi(x-a)}{b-a},
        \qquad A_k = \frac{2}{b-a} \Re\bigl[\varphi(\tfrac{k\pi}{b-a}) e^{-i k \pi a/(b-a)}\bigr].

    Its error is at most the chance outside the interval, twice 1e-15 by Chernoff's bound, plus the terms left out,
    which end where :math:`|\varphi|` has fallen to 1e-15, plus what the cells of `compressed` do, a bound on which is
    summed over the terms, plus rounding. Costs that are multiples of a step give sums that are so: each coefficient is
    multiplied by :math:`(h t/2)/\sin(h t/2)` and the series read half a step above, which is exact on such a lattice.
    Where the interval is wider than 150 standard deviations, the rarest costs are counted up to an amount that no
    member of the population exceeds but for a chance of 1e-9, which is added to the error. Where :math:`|\varphi|` does
    not fall, for a few members, each cost is divided between two points of a lattice, mean preserved, and the power
    taken by fast Fourier transform.

    References
    ----------
    .. [1] Fang, F. and Oosterlee, C. W., "A novel pricing method for European options based on Fourier-cosine series
       expansions," SIAM J. Sci. Comput. 31(2), 2008, pp. 826-848, sections 2 and 3.

    Examples
    --------
    At most 509 heads among 1,000 tosses of a coin:

    >>> from acomodel.outlook.luck.characteristic import compressed
    >>> coin = compressed(np.array([0.0, 1.0]), np.array([0.5, 0.5]))
    >>> float(invert([Part(coin, 1000)]).cdf(np.array([9.0]))[0].round(6))
    0.726014
    """
    parts = tuple(p for p in parts if p.count > 0 and p.scale != 0)
    mean = sum(p.count * p.scale * p.cells.mean for p in parts)
    sd = math.sqrt(sum(p.count * (p.scale * p.cells.sd) ** 2 for p in parts))
    if sd <= 1e-13 * (abs(mean) + sum(abs(p.count * p.scale * p.cells.mean) for p in parts)) or sd == 0:
        return Sum(parts, mean, sd, "certain", 0.0, 0.0, 0.0, 0.0, 0.0, np.empty(0))
    if len(parts) == 1 and parts[0].count == 1:
        return Sum(parts, mean, sd, "points", *parts[0].ends, 0.0, 0.0, 0.0, np.empty(0))
    a, b = interval(parts, sd)
    rare = 0.0
    if b - a > WIDE * sd:
        parts, rare = tuple(folded(p) for p in parts), RARE * len(parts)
        a, b = interval(parts, sd)
    step = _common_step(parts)
    least = sum(p.ends[0] for p in parts)
    if step:
        a = least + step * (math.floor((a - least) / step + 1e-9) - 0.5)
        b = least + step * (math.ceil((b - least) / step - 1e-9) + 0.5)
    most = min(TERMS, round((b - a) / step)) if step else TERMS
    wanted = max(16, math.ceil((b - a) / (math.pi * sd) * math.sqrt(-2 * math.log(DECAY / 100))) + 4)
    while True:
        size = min(wanted, most)
        t = np.pi * np.arange(size) / (b - a)
        logs = sum(p.count * _turned(p, t) for p in parts)
        fallen = np.abs(np.exp(np.asarray(logs)[-min(8, size) :].real)).max() < DECAY
        if fallen or size == most:
            break
        wanted *= 2
    if not fallen and not (step and size == round((b - a) / step)):
        return _on_lattice(parts, mean, sd, a, b, step)
    phi = np.exp(np.asarray(logs))
    terms = 2 / (b - a) * (phi * np.exp(-1j * t * a)).real
    k = np.arange(1, size)
    cells = sum((p.count * p.cells.error(np.abs(t[1:] * p.scale)) for p in parts), np.zeros(size - 1))
    error = 2 * OUTSIDE + float((2 / (np.pi * k) * np.abs(phi[1:]) * np.expm1(np.minimum(cells, 1.0))).sum())
    error += 0.0 if step and size == round((b - a) / step) else 8 * DECAY
    return Sum(parts, mean, sd, "cosine", a, b, error + rare + 1e-14, max(FLOOR, rare), step, terms)


def _turned(part: Part, t: np.ndarray) -> np.ndarray:
    """Logarithm of the characteristic function of a scaled, centred cost."""
    logs = part.cells.characteristic(t * abs(part.scale))
    return np.conj(logs) if part.scale < 0 else logs


def _common_step(parts: Sequence[Part]) -> float:
    """Step of all possible sums where every part has the same, scaled; 0 otherwise."""
    if len({abs(p.scale) for p in parts}) != 1 or any(not p.cells.step and p.cells.sd for p in parts):
        return 0.0
    cents = [round(p.cells.step * 100) for p in parts if p.cells.sd]
    return float(np.gcd.reduce(cents)) / 100 * abs(parts[0].scale)


def _on_lattice(parts: tuple[Part, ...], mean: float, sd: float, a: float, b: float, step: float) -> Sum:
    """Power of a lattice distribution by fast Fourier transform, with the error seen against half the points."""
    exact = bool(step) and (b - a) / step <= 8 * LATTICE
    size = 1 << math.ceil(math.log2((b - a) / step + 2)) if exact else LATTICE
    low, width, chances = _convolved(parts, a, b, size, step if exact else 0.0)
    high = low + width * (size - 1)
    rounding = 1e-15 * (10 + sum(p.count for p in parts))
    floor = max(FLOOR, 10 * rounding)
    found = Sum(parts, mean, sd, "lattice", low, high, rounding, floor, width if exact else 0.0, chances)
    if exact:
        return found
    low, width, chances = _convolved(parts, a, b, size // 2, 0.0)
    middle = np.searchsorted(np.cumsum(found.terms), (0.25, 0.75))
    if middle[1] - middle[0] < FINE and max(_shared(p, width / 2) for p in parts) > 0.25:
        raise InputError(
            f"chance: one cost can be {max(p.cells.high for p in parts):,.0f}, too far beyond all others for the "
            f"chances of {max(p.count for p in parts):,} members to be worked out; truncate the costs"
        )
    coarse = replace(found, low=low, high=low + width * (size // 2 - 1), terms=chances)
    at = np.linspace(a, b, 4001)
    seen = float(np.abs(found.cdf(at) - coarse.cdf(at)).max())
    return replace(found, error=rounding + seen)


def _shared(part: Part, width: float) -> float:
    """Share of costs that lie within one step of a lattice with another cost."""
    place = np.floor((part.cells.costs - part.cells.low) * abs(part.scale) / width).astype(np.int64)
    order = np.argsort(part.cells.costs, kind="stable")
    costs, place, weights = part.cells.costs[order], place[order], part.cells.weights[order]
    other = (np.diff(place) == 0) & (np.diff(costs) > 0)
    return float(weights[np.append(other, False) | np.append(False, other)].sum())


def _convolved(parts: Sequence[Part], a: float, b: float, size: int, step: float) -> tuple[float, float, np.ndarray]:
    """First point, width and chances of a lattice on which the sum lies."""
    width = step or (b - a) / (size - 4)
    least = sum(p.ends[0] for p in parts)
    first = math.floor((a - least) / width + 1e-9)
    total = np.ones(size // 2 + 1, dtype=complex)
    for part in parts:
        worth = part.scale * part.cells.costs
        place = (worth - worth.min()) / width
        under = np.floor(place + 1e-9).astype(np.int64)
        over = np.clip(place - under, 0.0, 1.0)
        over[over < 1e-7] = 0.0
        pmf = np.bincount(under % size, part.cells.weights * (1 - over), size)
        pmf += np.bincount((under + 1) % size, part.cells.weights * over, size)
        total *= np.fft.rfft(pmf) ** part.count
    chances = np.roll(np.fft.irfft(total, size), -(first % size))
    return least + width * first, width, np.maximum(chances, 0.0)
