"""What share of an outcome's variance each uncertain assumption brings: Sobol indices, and Shapley effects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd

from acomodel.exhibit import Exhibit, Shown, show
from acomodel.inputs import InputError
from acomodel.outlook.sensitivity.sampling import (
    Distribution,
    EvaluateMany,
    checked,
    evaluated,
    interval,
    labels,
    mean_and_sd,
    points,
    resampled,
    shares,
)
from acomodel.outlook.years.draws import regression, root, shapley_weights

MOST_SUBSETS = 10
"""Inputs up to which every subset is drawn for Shapley effects; beyond, random orders."""


@dataclass(frozen=True, eq=False, repr=False)
class Sobol(Shown):
    """
    Shares of an outcome's variance by independent assumptions.

    Parameters
    ----------
    outcome : str
        What was evaluated.
    mean, sd : float
        Of the outcome. [as the outcome]
    table : pandas.DataFrame
        Index the label of the assumption, largest share first; columns `key`, `first`, `first_low`, `first_high`,
        `total`, `total_low`, `total_high`: shares with their intervals. [share of variance]
    draws, resamples : int
        Draws of each of the two samples, and of bootstrap resamples.
    confidence : float
        Of the intervals. [share]
    note : str
        A sentence for the exhibit.
    """

    outcome: str
    mean: float
    sd: float
    table: pd.DataFrame
    draws: int
    resamples: int
    confidence: float
    note: str = ""

    @property
    def interaction(self) -> float:
        """Share of the variance that no assumption brings alone; 0 where nothing varies. [share of variance]"""
        return 1 - float(self.table["first"].sum()) if self.sd else 0.0

    def to_frame(self) -> pd.DataFrame:
        """The table, unrounded."""
        return self.table.copy(deep=False)

    def exhibit(self, style: str = "$.") -> Exhibit:
        """Shares of the variance with their intervals."""
        names = {"first": "Alone", "first_low": "Alone, low", "first_high": "Alone, high"}
        names |= {"total": "With interactions", "total_low": "With, low", "total_high": "With, high"}
        table = self.table[list(names)].rename(columns=names).rename_axis("Assumption")
        note = _said(self.mean, self.sd, self.draws * (len(table) + 2), style)
        if self.sd:
            note += f" Interactions: {show(self.interaction, '%')}. Intervals: bootstrap, {self.confidence:.0%}."
        formats = dict.fromkeys(names.values(), "%")
        return Exhibit(f"{self.outcome}: shares of its variance", table, formats, f"{note} {self.note}".strip())


@dataclass(frozen=True, eq=False, repr=False)
class Shapley(Shown):
    """
    Shares of an outcome's variance by assumptions that may be correlated; they sum to one.

    Parameters
    ----------
    outcome : str
        What was evaluated.
    mean, sd : float
        Of the outcome. [as the outcome]
    table : pandas.DataFrame
        Index the label of the assumption, largest share first; columns `key`, `effect`, `low`, `high`.
        [share of variance]
    evaluations : int
        Times the outcome was evaluated.
    confidence : float
        Of the intervals. [share]
    note : str
        A sentence for the exhibit.
    """

    outcome: str
    mean: float
    sd: float
    table: pd.DataFrame
    evaluations: int
    confidence: float
    note: str = ""

    def to_frame(self) -> pd.DataFrame:
        """The table, unrounded."""
        return self.table.copy(deep=False)

    def exhibit(self, style: str = "$.") -> Exhibit:
        """Shares of the variance with their intervals."""
        names = {"effect": "Share of variance", "low": "Low", "high": "High"}
        table = self.table[list(names)].rename(columns=names).rename_axis("Assumption")
        note = _said(self.mean, self.sd, self.evaluations, style)
        if self.sd:
            note += " Shapley effects, which share out what correlated assumptions bring together."
            note += f" Intervals: bootstrap, {self.confidence:.0%}."
        formats = dict.fromkeys(names.values(), "%")
        return Exhibit(f"{self.outcome}: shares of its variance", table, formats, f"{note} {self.note}".strip())


def _said(mean: float, sd: float, evaluations: int, style: str) -> str:
    """Mean and standard deviation in a sentence; what it means that there is none."""
    if not sd:
        return (
            f"The outcome is {show(mean, style)} in all {evaluations:,} evaluations: there is no variance to share out."
        )
    return f"Mean {show(mean, style)}, standard deviation {show(sd, style)}, over {evaluations:,} evaluations."


def sobol(
    evaluate: EvaluateMany,
    inputs: Mapping[str, Distribution],
    *,
    draws: int = 2**12,
    seed: int = 1,
    resamples: int = 999,
    confidence: float = 0.95,
    outcome: str = "Outcome",
    note: str = "",
) -> Sobol:
    r"""
    Sobol indices of independent assumptions: what share of the variance each brings alone, and with interactions.

    Parameters
    ----------
    evaluate : callable
        Outcomes for a mapping of every key to an array of values.
    inputs : mapping of str to Uniform, Normal or Triangular
        Uncertain assumptions and their distributions.
    draws : int
        Draws of each of two samples, a power of 2; the outcome is evaluated this often for each input and twice more.
    seed : int
        Of the draws and of the bootstrap.
    resamples : int
        Bootstrap resamples.
    confidence : float
        Of the intervals. [share]
    outcome, note : str
        What `evaluate` returns, in words, and a sentence for the exhibit.

    Returns
    -------
    Sobol
        Shares, all 0 where the outcome never varies.

    Raises
    ------
    InputError
        No inputs, draws that are no power of 2 or too few, outcomes that are no numbers.

    Notes
    -----
    With samples A and B and :math:`A_B^{(i)}`, which is A but for input i of B,

    .. math:: S_i = \frac{1}{n V} \sum_j f(B)_j \bigl( f(A_B^{(i)})_j - f(A)_j \bigr), \qquad
        T_i = \frac{1}{2 n V} \sum_j \bigl( f(A)_j - f(A_B^{(i)})_j \bigr)^2

    The draws are a scrambled Sobol sequence, as those of `scipy.stats.sobol_indices`, whose estimates these are. The
    intervals are percentiles of a bootstrap of the rows. It takes rows for independent, which those of a sequence are
    not: they do better, so that the intervals are too wide rather than too narrow. Both estimates are means over rows
    divided by a variance, so that all resamples are one product of how often each row was taken and what it brings.
    A share that is nearly zero may be estimated below it.

    References
    ----------
    .. [1] Saltelli et al., "Variance based sensitivity analysis of model output," Computer Physics Communications
       181 (2010) 259-270, table 2 (b) and (f).

    Examples
    --------
    >>> from acomodel.outlook.sensitivity.sampling import Uniform
    >>> inputs = {"price": Uniform(0.0, 1.0), "use": Uniform(0.0, 2.0)}
    >>> found = sobol(lambda at: at["price"] + at["use"], inputs)
    >>> found.table["total"].round(2).to_dict()
    {'use': 0.8, 'price': 0.2}
    """
    keys = checked(inputs, draws, resamples, confidence)
    uniform = points(2 * len(keys), draws, seed).reshape(2, len(keys), draws)
    first, second = ({key: inputs[key].ppf(rows[i]) for i, key in enumerate(keys)} for rows in uniform)
    work = partial(evaluated, evaluate, draws)
    f_a, f_b = work(first), work(second)
    mean, sd = mean_and_sd(np.concatenate([f_a, f_b]))
    a, b = f_a - mean, f_b - mean
    ab = np.array([work(first | {key: second[key]}) for key in keys]) - mean
    if not sd and np.ptp(ab) > 1e-12 * abs(mean):
        raise InputError(f"sensitivity: the outcome moves in hardly any of {draws:,} draws; more are wanted")
    rows = np.vstack([b * (ab - a), (a - ab) ** 2 / 2, (a + b) / 2, (a**2 + b**2) / 2])
    table = pd.DataFrame({"key": keys}, index=labels(inputs))
    found = shares(rows.mean(axis=1)[None, :], sd)[0].reshape(2, -1)
    ends = interval(shares(resampled(rows, resamples, seed), sd), confidence).reshape(2, 2, -1)
    for i, order in enumerate(("first", "total")):
        table[order], table[f"{order}_low"], table[f"{order}_high"] = found[i], ends[0, i], ends[1, i]
    table = table.sort_values("total", ascending=False, kind="stable")
    return Sobol(outcome, mean, sd, table, draws, resamples, confidence, note)


def shapley_effects(
    evaluate: EvaluateMany,
    inputs: Mapping[str, Distribution],
    correlation: np.ndarray,
    *,
    draws: int = 2**12,
    seed: int = 1,
    orders: int = 128,
    resamples: int = 999,
    confidence: float = 0.95,
    outcome: str = "Outcome",
    note: str = "",
) -> Shapley:
    r"""
    Shapley effects of assumptions that may be correlated: shares of the variance that sum to one.

    Parameters
    ----------
    evaluate : callable
        Outcomes for a mapping of every key to an array of values.
    inputs : mapping of str to Uniform, Normal or Triangular
        Uncertain assumptions and their distributions.
    correlation : array-like
        Correlation of the normal scores of the inputs, in their order (a Gaussian copula). [-1 to 1]
    draws : int
        Draws of each subset of the inputs, a power of 2.
    seed : int
        Of the draws, the orders and the bootstrap.
    orders : int
        Random orders of more than ten inputs, each with its reverse; up to ten inputs every subset is drawn.
    resamples : int
        Bootstrap resamples.
    confidence : float
        Of the intervals. [share]
    outcome, note : str
        What `evaluate` returns, in words, and a sentence for the exhibit.

    Returns
    -------
    Shapley
        Shares that sum to one; all 0 where the outcome never varies.

    Raises
    ------
    InputError
        As `sobol`, or a matrix that is no correlation of these inputs.

    Notes
    -----
    Sobol indices of dependent inputs do not add up. With :math:`c(u)` the variance that is left to the inputs
    :math:`u` when the others are known, the effect of an input is what it adds to it on average over all orders,

    .. math:: \phi_i = \frac{1}{d\,V} \sum_{u \not\ni i} \binom{d-1}{|u|}^{-1} \bigl( c(u \cup i) - c(u) \bigr),
        \qquad c(u) = \tfrac12 E\bigl[ (Y - Y'_u)^2 \bigr]

    where in :math:`Y'_u` the scores of :math:`u` are drawn anew, given those of the others: with an independent draw
    :math:`z^*` of all, :math:`z'_u = z^*_u + R_{u,-u} R_{-u,-u}^{-1} (z_{-u} - z^*_{-u})`. For all inputs together
    :math:`c` is the variance of the sample, so that the sum is one. Intervals as for `sobol`; those of more than ten
    inputs count the error of the random orders too.

    References
    ----------
    .. [1] Owen & Prieur, "On Shapley value for measuring importance of dependent inputs," SIAM/ASA Journal on
       Uncertainty Quantification 5 (2017) 986-1002.
    .. [2] Song, Nelson & Staum, "Shapley effects for global sensitivity analysis," SIAM/ASA Journal on Uncertainty
       Quantification 4 (2016) 1060-1083.

    Examples
    --------
    Two that move together share alike, though only one enters the outcome:

    >>> from acomodel.outlook.sensitivity.sampling import Normal
    >>> inputs = {"price": Normal(0.0, 1.0), "use": Normal(0.0, 1.0)}
    >>> found = shapley_effects(lambda at: at["price"], inputs, [[1.0, 0.999], [0.999, 1.0]])
    >>> found.table["effect"].round(2).to_dict()
    {'price': 0.5, 'use': 0.5}
    """
    from scipy.special import ndtr, ndtri

    keys = checked(inputs, draws, resamples, confidence)
    matrix, mixing = _checked(np.asarray(correlation, dtype=float), len(keys))
    count = len(keys)
    scores, anew = (mixing @ rows for rows in ndtri(points(2 * count, draws, seed)).reshape(2, count, draws))
    chances = ndtr(scores)
    base = {key: inputs[key].ppf(chances[i]) for i, key in enumerate(keys)}
    work = partial(evaluated, evaluate, draws)
    y = work(base)
    mean, sd = mean_and_sd(y)
    every = _orders(count, orders, seed)
    weights = shapley_weights(count) if every is None else _weights_of(every)
    whole = weights.pop(2**count - 1)
    parts, left = np.zeros((count, draws)), {0: 0.0, 2**count - 1: sd**2}
    for subset, weight in weights.items():
        inside = (subset >> np.arange(count) & 1).astype(bool)
        moved = anew[inside] + regression(matrix, inside) @ (scores - anew)[~inside]
        drawn = {keys[i]: inputs[keys[i]].ppf(ndtr(z)) for i, z in zip(np.flatnonzero(inside), moved, strict=True)}
        squares = (y - work(base | drawn)) ** 2 / 2
        parts += weight[:, None] * squares
        left[subset] = float(squares.mean())
    rows = np.vstack([parts, y - mean, (y - mean) ** 2])
    effects = shares(rows.mean(axis=1)[None, :], sd)[0] + whole * (sd > 0)
    found = shares(resampled(rows, resamples, seed), sd) + whole * (sd > 0)
    if every is not None and sd:
        by_order = _by_order(every, left) / sd**2
        found += resampled(by_order.T, resamples, seed + 1) - by_order.mean(axis=0)
    low, high = interval(found, confidence)
    table = pd.DataFrame({"key": keys, "effect": effects, "low": low, "high": high}, index=labels(inputs))
    table = table.sort_values("effect", ascending=False, kind="stable")
    return Shapley(outcome, mean, sd, table, draws * (len(weights) + 1), confidence, note)


def _checked(matrix: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """A correlation matrix and its symmetric root; what is none is refused."""
    if matrix.shape != (count, count):
        raise InputError(f"sensitivity: a correlation of shape {matrix.shape} for {count} inputs; one each is wanted")
    if not (np.allclose(matrix, matrix.T) and np.allclose(np.diag(matrix), 1)):
        raise InputError("sensitivity: the correlation must be symmetric, with ones on its diagonal")
    if np.linalg.eigvalsh(matrix)[0] < -1e-9:
        raise InputError("sensitivity: nothing can be correlated like that; the matrix is not positive")
    return matrix, root(matrix)


def _orders(count: int, orders: int, seed: int) -> np.ndarray | None:
    """Random orders of the inputs, each followed by its reverse; None where all subsets can be drawn."""
    if count <= MOST_SUBSETS:
        return None
    drawn = np.random.default_rng(seed).permuted(np.tile(np.arange(count), (orders, 1)), axis=1)
    return np.stack([drawn, drawn[:, ::-1]], axis=1).reshape(-1, count)


def _weights_of(every: np.ndarray) -> dict[int, np.ndarray]:
    """As `shapley_weights`, averaged over some orders."""
    found: dict[int, np.ndarray] = {}
    for order in every.tolist():
        subset = 0
        for i in order:
            if subset:
                found[subset][i] -= 1 / len(every)
            subset |= 1 << i
            found.setdefault(subset, np.zeros(len(order)))[i] += 1 / len(every)
    return found


def _by_order(every: np.ndarray, left: Mapping[int, float]) -> np.ndarray:
    """Effects in each pair of an order and its reverse."""
    found = np.zeros(every.shape)
    for row, order in enumerate(every.tolist()):
        steps = [0, *np.cumsum([1 << i for i in order]).tolist()]
        for i, (before, after) in zip(order, pairwise(steps), strict=True):
            found[row, i] = left[after] - left[before]
    return found.reshape(-1, 2, every.shape[1]).mean(axis=1)
