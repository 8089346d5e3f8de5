"""Shapley values: what each of several practices brings to what they earn together under one contract."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import factorial

import numpy as np
import pandas as pd

from acomodel.contract.distribution.allocation import sharers
from acomodel.contract.settlement import settle
from acomodel.contract.terms import Terms
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.programs import minimum_savings_rate

EXACT = 16
"""Most players whose coalitions are all worked out: 65,536 of them."""
AT_ONCE = 1 << 14
"""Coalitions of sampled orders that are worked out at a time."""
Coalitions = Callable[[np.ndarray], np.ndarray]
"""Value of each coalition, a row of yes and no by player. [$]"""


@dataclass(frozen=True, eq=False, repr=False)
class ShapleyValues(Shown):
    """
    Shapley values of players.

    Parameters
    ----------
    table : pandas.DataFrame
        By player: `value`, `alone` (what the player would earn by itself), `last` (what all lose without it) and
        `standard_error`, zero where every coalition was worked out. [$]
    sampled : int
        Orders of the players that were drawn; 0 where none had to be.
    """

    table: pd.DataFrame
    sampled: int

    def to_frame(self) -> pd.DataFrame:
        """By player, at full precision. [$]"""
        return self.table.copy(deep=False)

    @property
    def value(self) -> pd.Series:
        """Shapley values. [$]"""
        return self.table["value"]

    def exhibit(self) -> Exhibit:
        """Players down."""
        names = {"value": "Shapley value", "alone": "Alone", "last": "Lost without it", "standard_error": "±"}
        table = self.table.rename(columns=names)
        if not self.sampled:
            table = table.drop(columns="±")
        how = f"From {self.sampled:,} random orders of the players." if self.sampled else "All coalitions worked out."
        return Exhibit("Shapley values", table, dict.fromkeys(table.columns, "$."), how)


def coalition_payments(
    participants: pd.DataFrame,
    terms: Terms,
    *,
    level: str = "participant",
    quality_score: float | None = None,
    quality_standard: str = "met",
    revenue: float | None = None,
    least_members: float = 0.0,
) -> tuple[Coalitions, list[str]]:
    r"""
    What any coalition of practices would have been paid by itself under a contract.

    Parameters
    ----------
    participants : pandas.DataFrame
        As `sharers` takes them; those with a benchmark are the players.
    terms : Terms
        The contract.
    level : {"participant", "tin"}
        Who a player is.
    quality_score : float, optional
        Score of every coalition; by default the average of its own by members. [share]
    quality_standard : str
        As for `settle`.
    revenue : float, optional
        Participants' revenue, in proportion to benchmarks, where the terms refer to it. [$]
    least_members : float
        Members below which a coalition has no contract and earns nothing. [members]

    Returns
    -------
    callable, list of str
        Function of coalitions (a row of yes and no each), and the names of the players in its columns.

    Raises
    ------
    InputError
        Nobody has a benchmark, or what the terms need is missing.

    Notes
    -----
    .. math:: v(S) = P\Bigl(\sum_{i \in S} B_i, \sum_{i \in S} A_i\Bigr)

    with the payment :math:`P` of `settle`, a threshold by size at :math:`\sum_{i \in S} n_i` members; nothing for
    nobody, and where a size is below the threshold's table. So small practices are worth more together than apart:
    their threshold falls, and losses of one may swallow what another saves.

    Examples
    --------
    >>> two = pd.DataFrame({"participant": ["A", "B"], "benchmark": [1000.0, 1000.0], "actual": [900.0, 985.0]})
    >>> value, players = coalition_payments(two, Terms(sharing_rate=0.5, msr=0.02))
    >>> value(np.array([[True, False], [False, True], [True, True]])).tolist()
    [50.0, 0.0, 57.5]
    """
    everybody = sharers(participants)
    units = everybody.by_tin() if level == "tin" else everybody
    units = units.at(np.flatnonzero(units["benchmark"] > 0))
    if not len(units):
        raise InputError("Shapley values: no participant has a benchmark; what each would earn cannot be worked out")
    columns = {name: units[name] for name in ("benchmark", "actual", "members")}
    scores = units["quality_score"]
    if quality_score is None and terms.needs_quality_score and np.isnan(scores).any():
        name = units.names[int(np.isnan(scores).argmax())]
        raise InputError(f"Shapley values: '{name}' has no quality_score, and the terms depend on it")
    by_size = terms.msr == "size" or (terms.two_sided and terms.mlr == "size")
    if by_size and not (columns["members"] > 0).all():
        name = units.names[int((columns["members"] <= 0).argmax())]
        raise InputError(f"Shapley values: '{name}' has no members, and the threshold goes by size")
    counted = columns["members"] if columns["members"].any() else np.ones(len(units))

    def value(coalitions: np.ndarray) -> np.ndarray:
        inside = np.atleast_2d(np.asarray(coalitions)).astype(float)
        benchmark, actual, members = (inside @ columns[name] for name in ("benchmark", "actual", "members"))
        able = (inside.any(axis=1)) & (members >= least_members)
        if by_size:
            able &= ~np.isnan(np.asarray(minimum_savings_rate(members)))
        found = np.zeros(len(inside))
        if not able.any():
            return found
        weight = inside @ counted
        score = quality_score
        if score is None:
            score = (inside @ (counted * np.nan_to_num(scores, nan=1.0)))[able] / weight[able]
        paid = settle(
            benchmark[able],
            actual[able],
            terms,
            members=members[able] if members.any() else None,
            quality_score=np.clip(score, 0.0, 1.0),
            quality_standard=quality_standard,
            revenue=None if revenue is None else revenue * benchmark[able] / columns["benchmark"].sum(),
        )
        found[able] = paid.payment
        return found

    return value, list(units.names)


def shapley(values_of_coalition: Coalitions, players: Sequence[str]) -> ShapleyValues:
    r"""
    Shapley values, exactly, from every coalition.

    Parameters
    ----------
    values_of_coalition : callable
        Values of coalitions: an array with a row of yes and no for each, a column for each player. [$]
    players : sequence of str
        Their names, at most 16; `sampled_shapley` takes more.

    Returns
    -------
    ShapleyValues
        They sum to the value of all together less that of nobody.

    Raises
    ------
    InputError
        No players, too many, or one named twice.

    Notes
    -----
    .. math:: \varphi_i = \sum_{S \not\ni i} \frac{|S|!\,(n - |S| - 1)!}{n!} \bigl(v(S \cup i) - v(S)\bigr)

    over all :math:`2^n` coalitions at once.

    References
    ----------
    .. [1] L. S. Shapley, "A Value for n-Person Games," Contributions to the Theory of Games II, 1953, pp. 307-317.

    Examples
    --------
    The glove game: one left glove and two right ones, a pair is worth 1:

    >>> found = shapley(lambda s: (s[:, 0] & (s[:, 1] | s[:, 2])).astype(float), ["left", "right", "other right"])
    >>> found.value.round(4).tolist()
    [0.6667, 0.1667, 0.1667]
    """
    size = _checked_players(players)
    if size > EXACT:
        raise InputError(f"Shapley values: {size} players; at most {EXACT} are worked out exactly, more are sampled")
    codes = np.arange(1 << size)
    inside = (codes[:, None] >> np.arange(size)) & 1 == 1
    worth = np.asarray(values_of_coalition(inside), dtype=float)
    members = inside.sum(axis=1)
    order = np.array([factorial(s) * factorial(size - s - 1) / factorial(size) for s in range(size)])
    found = np.empty(size)
    for player in range(size):
        without = codes[~inside[:, player]]
        found[player] = order[members[without]] @ (worth[without | (1 << player)] - worth[without])
    alone, last = worth[1 << np.arange(size)] - worth[0], worth[-1] - worth[(1 << size) - 1 - (1 << np.arange(size))]
    return ShapleyValues(_table(players, found, alone, last, np.zeros(size)), 0)


def sampled_shapley(
    values_of_coalition: Coalitions, players: Sequence[str], *, orders: int = 2_000, seed: int = 1
) -> ShapleyValues:
    r"""
    Shapley values from random orders of the players, with standard errors.

    Parameters
    ----------
    values_of_coalition : callable
        As for `shapley`.
    players : sequence of str
        Their names, as many as there are.
    orders : int
        Orders drawn; every second is the one before it turned round. At least 4. [number]
    seed : int
        Seed of the random numbers.

    Returns
    -------
    ShapleyValues
        They too sum to the value of all together, exactly, as each order's contributions do.

    Raises
    ------
    InputError
        No players, one named twice, or too few orders.

    Notes
    -----
    In each order a player contributes :math:`v(S \cup i) - v(S)` to those before it; the estimate is the mean over
    orders, and its standard error that of the means of pairs of opposite orders.

    References
    ----------
    .. [1] J. Castro, D. Gómez and J. Tejada, "Polynomial calculation of the Shapley value based on sampling," Computers
       & Operations Research 36, 2009, pp. 1726-1730.

    Examples
    --------
    >>> found = sampled_shapley(lambda s: s @ np.array([1.0, 2.0, 3.0]), ["A", "B", "C"], orders=4)
    >>> found.value.round(9).tolist()
    [1.0, 2.0, 3.0]
    """
    size = _checked_players(players)
    if orders < 4:
        raise InputError(f"Shapley values: {orders} orders; at least 4 are wanted")
    draw = np.random.default_rng(seed)
    pairs = orders // 2
    drawn = np.array([draw.permutation(size) for _ in range(pairs)])
    step = max(1, AT_ONCE // (2 * size))
    means = np.concatenate(
        [_contributions(values_of_coalition, drawn[first : first + step]) for first in range(0, pairs, step)]
    )
    ends = np.vstack([np.eye(size, dtype=bool), ~np.eye(size, dtype=bool)])
    worth = np.asarray(values_of_coalition(ends), dtype=float)
    nobody, everybody = np.asarray(values_of_coalition(np.array([[False] * size, [True] * size])), dtype=float)
    alone, last = worth[:size] - nobody, everybody - worth[size:]
    error = means.std(axis=0, ddof=1) / pairs**0.5
    return ShapleyValues(_table(players, means.mean(axis=0), alone, last, error), 2 * pairs)


def _contributions(values_of_coalition: Coalitions, orders: np.ndarray) -> np.ndarray:
    """What each player adds to those before it, on average over each order and the same turned round. [$]"""
    count, size = orders.shape
    both = np.concatenate([orders, orders[:, ::-1]])
    place = both.argsort(axis=1)
    inside = place[:, None, :] < np.arange(size + 1)[None, :, None]
    worth = np.asarray(values_of_coalition(inside.reshape(-1, size)), dtype=float).reshape(2 * count, size + 1)
    found = np.take_along_axis(np.diff(worth, axis=1), place, axis=1)
    return (found[:count] + found[count:]) / 2


def _checked_players(players: Sequence[str]) -> int:
    if not len(players) or len(set(players)) < len(players):
        raise InputError("Shapley values: no players, or one named twice; different names are wanted")
    return len(players)


def _table(players: Sequence[str], *columns: np.ndarray) -> pd.DataFrame:
    names = ("value", "alone", "last", "standard_error")
    return pd.DataFrame(dict(zip(names, columns, strict=True)), index=pd.Index(players, name="player"))
