"""What a simulation draws, and how sure its figures are: exact luck, correlated normal scores, standard errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import factorial
from typing import Any

import numpy as np

from acomodel.inputs import InputError
from acomodel.outlook.luck.costs import CostDistribution, cost_distribution
from acomodel.outlook.luck.inversion import Sum
from acomodel.outlook.luck.ratio import Noise, SpendingRatio

REACH = 7.0
"""Largest normal score told apart; a larger one comes up once in 400 billion draws."""
NODES = 8193
"""Normal scores at which the quantiles of luck are tabulated."""
ATOMS = 100_000
"""Most possible costs of a year that are told apart one by one."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles shown."""
WORST = 0.05
"""Share of worst outcomes that is averaged."""
AT_ONCE = 1 << 20
"""Members drawn at a time."""


@dataclass(frozen=True, eq=False)
class Luck:
    """
    Quantile function of the mean cost of the members over its expectation, at normal scores.

    Parameters
    ----------
    values : numpy.ndarray
        Quantiles at evenly spaced scores, or the values that alone are possible. [factor]
    rises : numpy.ndarray
        Differences between neighbouring values. [factor]
    edges : numpy.ndarray
        Normal scores up to which each possible value is drawn; empty where quantiles lie close enough to be continuous.
    """

    values: np.ndarray
    rises: np.ndarray
    edges: np.ndarray

    @property
    def certain(self) -> bool:
        """Whether nothing is left to chance."""
        return len(self.values) == 1

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """
        Mean cost over expectation at normal scores: linear between the tabulated ones.

        Parameters
        ----------
        scores : numpy.ndarray
            Standard normal scores.

        Returns
        -------
        numpy.ndarray
            [factor]
        """
        if self.certain:
            return np.full(np.shape(scores), self.values[0])
        if len(self.edges):
            return self.values[np.searchsorted(self.edges, scores, side="left")]
        place = scores * ((NODES - 1) / (2 * REACH))
        place += (NODES - 1) / 2
        np.clip(place, 0, NODES - 1, out=place)
        node = place.astype(np.intp)
        place -= node
        place *= self.rises.take(node, mode="clip")
        place += self.values.take(node, mode="clip")
        return place


@lru_cache(maxsize=8)
def luck(costs: CostDistribution, members: int) -> Luck:
    r"""
    Tabulate the luck of a year, once for each population and size.

    Parameters
    ----------
    costs : CostDistribution
        Annual costs of a member.
    members : int
        Members of the year. [members]

    Returns
    -------
    Luck

    Raises
    ------
    InputError
        No members, or costs whose mean is not above zero.

    Notes
    -----
    With the distribution function :math:`F` of :math:`Y = \bar X_n / E \bar X_n` that `invert` gives and a standard
    normal score :math:`z`, a draw is :math:`F^{-1}(\Phi(z))`, so that luck keeps its exact distribution and
    correlates with the other causes through its score. Quantiles stand at 8,193 scores from -7 to 7 and are linear
    between, which moves a draw by less than a hundred-thousandth of a standard deviation where F is smooth. Where at
    most 100,000 costs of a year are possible, the draw is the one whose probability holds the score.

    Examples
    --------
    >>> round(float(luck(cost_distribution([0.0, 2_000.0, 30_000.0]), 5_000)(np.array([-1.6449]))[0]), 4)
    0.9702
    """
    ratio = SpendingRatio(costs, members, Noise())
    year, total = ratio.year, ratio.total
    if year.method == "certain":
        return Luck(np.ones(1), np.zeros(1), np.empty(0))
    atoms = _atoms(year)
    if atoms is not None:
        worth, reached = atoms
        return Luck(1 + worth / total, np.empty(0), _scores(reached[:-1]))
    values = 1 + _quantiles(year) / total
    return Luck(values, np.append(np.diff(values), 0.0), np.empty(0))


def _scores(chance: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri

    found: np.ndarray = ndtri(np.clip(chance, 1e-300, 1.0))
    return found


def _atoms(year: Sum) -> tuple[np.ndarray, np.ndarray] | None:
    """Possible sums less the mean and the chance at or below each, where there are few enough."""
    if year.method == "points":
        worth = np.unique(year.parts[0].scale * (year.parts[0].cells.costs - year.parts[0].cells.mean))
        return worth, year.cdf(worth)
    if year.method == "lattice":
        width = (year.high - year.low) / (len(year.terms) - 1)
        reached = np.cumsum(year.terms)
        kept = year.terms > 0
        return (year.low + width * np.arange(len(reached)))[kept], (reached / reached[-1])[kept]
    if not year.step or (year.high - year.low) / year.step > ATOMS:
        return None
    least, most = year.ends
    first = np.ceil((max(year.low, least) - least) / year.step - 1e-9)
    last = np.floor((min(year.high, most) - least) / year.step + 1e-9)
    worth = least + year.step * np.arange(first, last + 1)
    reached = np.maximum.accumulate(year.cdf(worth))
    kept = np.diff(reached, prepend=0.0) > 0
    return worth[kept], reached[kept]


def _quantiles(year: Sum) -> np.ndarray:
    """Quantiles of a smooth sum, less its mean, at even normal scores; knots where scores are even, twice refined."""
    from scipy.interpolate import PchipInterpolator

    def score(x: np.ndarray) -> np.ndarray:
        low, high = _scores(year.at_most(x)[0]), -_scores(year.at_least(x)[0])
        return np.where(low < 0, low, high)

    knots = year.sd * np.concatenate([np.linspace(-8, 6, 113), np.geomspace(6.25, 100, 40)])
    knots = knots[(knots > year.ends[0]) & (knots < year.ends[1])]
    reached = np.maximum.accumulate(score(knots))
    for count in (225, 897):
        new = np.interp(np.linspace(-REACH, REACH, count), reached, knots)
        knots, first = np.unique(np.append(knots, new), return_index=True)
        reached = np.maximum.accumulate(np.append(reached, score(new))[first])
    apart = np.append(True, np.diff(reached) > 1e-9) & (np.abs(reached) < 30)
    curve = PchipInterpolator(reached[apart], knots[apart])
    ends = reached[apart][[0, -1]]
    found: np.ndarray = curve(np.clip(np.linspace(-REACH, REACH, NODES), *ends))
    return found


def resampled_ratio(annual_costs: Any, members: int, draws: int = 1_000, seed: int = 1) -> np.ndarray:
    """
    Mean cost over its expectation of members drawn one by one: the check on what is drawn at once.

    Parameters
    ----------
    annual_costs : array-like, Claimants or CostDistribution
        Costs of members in a year; each stratum keeps its members. [$]
    members : int
        Members of the year. [members]
    draws : int
        Years.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    numpy.ndarray
        One for each year. [factor]

    Raises
    ------
    InputError
        No members, no draws, or costs whose mean is not above zero.

    References
    ----------
    .. [1] Efron, "Bootstrap methods: another look at the jackknife," Annals of Statistics 7(1), 1979.

    Examples
    --------
    >>> resampled_ratio([0.0, 2_000.0, 30_000.0], 100, draws=3).round(2)
    array([1.02, 1.21, 1.01])
    """
    costs = cost_distribution(annual_costs)
    if draws < 1:
        raise InputError(f"simulation: {draws} years to draw; at least 1 is wanted")
    counts = costs.counts(SpendingRatio(costs, members, Noise()).members)
    rng = np.random.default_rng(seed)
    rows = max(1, AT_ONCE // members)
    total = np.zeros(draws)
    for stratum, count in zip(costs.strata, counts, strict=True):
        reached = np.cumsum(stratum.weights)
        even = np.ptp(stratum.weights) == 0
        for start in range(0, draws, rows):
            shape = (min(rows, draws - start), count)
            if even:
                drawn = rng.integers(0, len(reached), shape)
            else:
                drawn = np.searchsorted(reached, rng.random(shape) * reached[-1], side="right")
            total[start : start + rows] += stratum.costs[drawn].sum(axis=1)
    expected = sum(n * s.mean for n, s in zip(counts, costs.strata, strict=True))
    return total / expected


def root(matrix: np.ndarray) -> np.ndarray:
    """Symmetric square root of a covariance matrix, singular ones too."""
    if (matrix == np.diag(np.diag(matrix))).all():
        return np.sqrt(matrix)
    values, vectors = np.linalg.eigh(matrix)
    found: np.ndarray = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return found


def regression(matrix: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Coefficients of the normal scores inside a subset, a mask, on those outside it."""
    outside = ~inside
    return matrix[np.ix_(inside, outside)] @ np.linalg.pinv(matrix[np.ix_(outside, outside)], hermitian=True)


def shapley_weights(count: int) -> dict[int, np.ndarray]:
    """Subset, as bits, to the weight of its variance in the effect of each input, averaged over all orders."""
    found = {}
    for subset in range(1, 2**count):
        size = subset.bit_count()
        with_it = factorial(size - 1) * factorial(count - size) / factorial(count)
        without = factorial(size) * factorial(count - size - 1) / factorial(count) if size < count else 0.0
        found[subset] = np.where(subset >> np.arange(count) & 1, with_it, -without)
    return found


def correlated(
    scores: Mapping[str, np.ndarray], matrix: np.ndarray, kept: Sequence[str], agreement: Sequence[int]
) -> dict[str, np.ndarray]:
    r"""
    Correlate independent normal scores of causes.

    Parameters
    ----------
    scores : mapping of str to numpy.ndarray
        Independent standard normal scores of each cause, a row for each year, or for each agreement.
    matrix : numpy.ndarray
        Correlation of the causes, in their order.
    kept : sequence of str
        Causes of one score an agreement.
    agreement : sequence of int
        Agreement of each year, from 0.

    Returns
    -------
    dict of str to numpy.ndarray
        Scores of the same shapes.

    Notes
    -----
    The scores :math:`S_g` of an agreement are drawn first, with their part of the matrix. Those of a year are drawn
    given the agreement's,

    .. math:: Y_t = M_{YS} M_{SS}^{-1} S_{g(t)} + R\,\varepsilon_t, \qquad R R' = M_{YY} - M_{YS} M_{SS}^{-1} M_{SY},

    independent from year to year but for that. So the causes of each year have the given correlation exactly, whatever
    the matrix and the number of years. A yearly cause that correlates with one of an agreement, by :math:`r`, thereby
    correlates with itself from year to year of the agreement, by :math:`r^2` (in general by the part of its variance
    that the agreement's scores explain): both years see the same error. For skill, risk scores and the market the score
    is what is new in the year.
    """
    names = list(scores)
    if (matrix == np.eye(len(names))).all():
        return dict(scores)
    s = [i for i, name in enumerate(names) if name in kept]
    y = [i for i, name in enumerate(names) if name not in kept]
    found = {name: np.empty_like(values) for name, values in scores.items()}
    shared_root = root(matrix[np.ix_(s, s)])
    weights = matrix[np.ix_(y, s)] @ np.linalg.pinv(matrix[np.ix_(s, s)])
    own_root = root(matrix[np.ix_(y, y)] - weights @ matrix[np.ix_(s, y)])
    for g in range(max(agreement) + 1):
        for row, i in zip(shared_root, s, strict=True):
            found[names[i]][g] = sum(w * scores[names[j]][g] for w, j in zip(row, s, strict=True))
    for t, g in enumerate(agreement):
        for given, own, i in zip(weights, own_root, y, strict=True):
            mixed = sum(w * scores[names[j]][t] for w, j in zip(own, y, strict=True) if w)
            found[names[i]][t] = mixed + sum(w * found[names[j]][g] for w, j in zip(given, s, strict=True) if w)
    return found


def mean_error(values: np.ndarray) -> float:
    """Standard error of a mean of independent values."""
    return float(values.std(ddof=1) / len(values) ** 0.5)


def figures(values: np.ndarray) -> dict[str, float]:
    r"""
    Figures of independent payments, each with its standard error.

    Parameters
    ----------
    values : numpy.ndarray
        Payment of each future, negative where the ACO pays. [$]

    Returns
    -------
    dict of str to float
        `expected`, `chance_earned`, `chance_owed`, `sd`, `worst` (mean of the worst twentieth) and the quantiles `q05`
        to `q95`, each followed by its standard error under the same name with `_se`.

    Notes
    -----
    Of :math:`N` values with mean :math:`m`, deviation :math:`s`, fourth central moment :math:`m_4`, quantile
    :math:`q_p` and tail :math:`\alpha`,

    .. math:: SE(m) = \frac{s}{\sqrt N}, \quad SE(s) = \frac{1}{2s}\sqrt{\frac{m_4 - s^4}{N}}, \quad
        SE(\text{worst}) = \frac{sd\bigl((q_\alpha - X)^+\bigr)}{\alpha\sqrt N}, \quad
        SE(q_p) = \tfrac12\bigl(X_{(Np + k)} - X_{(Np - k)}\bigr),\; k = \sqrt{N p (1-p)},

    and for a chance seen :math:`x` times :math:`\sqrt{p(1-p)/N}` at :math:`p = (x+1)/(N+2)`, which is not zero where
    the event has never, or always, come up.

    References
    ----------
    .. [1] Rockafellar and Uryasev, "Optimization of conditional value-at-risk," Journal of Risk 2(3), 2000: the mean of
       the worst is a minimum over the quantile, so that its error does not depend on the quantile's.
    .. [2] David and Nagaraja, *Order Statistics*, 3rd ed., 2003, section 7.1: intervals for quantiles.
    """
    size = len(values)
    ranked = np.sort(values)
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    found = {"expected": mean, "expected_se": sd / size**0.5}
    for name, count in (("chance_earned", (values > 0).sum()), ("chance_owed", (values < 0).sum())):
        near = (count + 1) / (size + 2)
        found |= {name: float(count / size), f"{name}_se": float((near * (1 - near) / size) ** 0.5)}
    fourth = float(((values - mean) ** 4).mean())
    found |= {"sd": sd, "sd_se": max(fourth - sd**4, 0.0) ** 0.5 / (2 * sd * size**0.5) if sd else 0.0}
    edge = ranked[max(int(np.ceil(size * WORST)) - 1, 0)]
    short = np.maximum(edge - values, 0.0)
    found |= {"worst": float(edge - short.mean() / WORST), "worst_se": mean_error(short) / WORST}
    for p in QUANTILES:
        reach = (size * p * (1 - p)) ** 0.5
        at = np.clip(np.rint([size * p - reach - 0.5, size * p - 0.5, size * p + reach - 0.5]), 0, size - 1).astype(int)
        low, middle, high = ranked[at]
        found |= {f"q{p * 100:02.0f}": float(middle), f"q{p * 100:02.0f}_se": float(high - low) / 2}
    return found
