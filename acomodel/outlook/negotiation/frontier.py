"""What one side can gain without costing the other, and which clauses move most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from acomodel.contract.terms import Terms
from acomodel.exhibit import Exhibit, Shown, show
from acomodel.inputs import InputError, nearest
from acomodel.outlook.negotiation.compared import (
    CLAUSES,
    Contract,
    contract_scores,
    with_clauses,
    without_savings,
)
from acomodel.outlook.years.draws import WORST, mean_error
from acomodel.programs import minimum_savings_rate

if TYPE_CHECKING:
    from acomodel.outlook.years.simulation import Futures

OBJECTIVES: dict[str, tuple[str, str, int]] = {
    "payment": ("Expected payment to the ACO", "$", 1),
    "worst": ("ACO's worst twentieth", "$", 1),
    "chance": ("Chance that the ACO is paid in any year", "%.", 1),
    "loss": ("Chance that the ACO pays on balance", "%.", -1),
    "unsaved": ("Paid without savings", "$", -1),
    "payer_keeps": ("Savings that the payer keeps", "$", 1),
}
"""Objectives of a frontier: words, format, and 1 where more is better for the side that has it, -1 where less is."""
MOST = 20_000
"""Most combinations of clauses."""


@dataclass(frozen=True, eq=False, repr=False)
class Frontier(Shown):
    """
    Combinations of clauses by what they give to one side and cost the other.

    Parameters
    ----------
    clauses : tuple of str
        Clauses that were combined.
    gain, cost : str
        Objective of the ACO and of the payer, of `OBJECTIVES`.
    table : pandas.DataFrame
        One row per combination: the clauses, `gain` and `cost` with `gain_error` and `cost_error`, and `efficient`.
    draws : int
        Futures behind each row.
    """

    clauses: tuple[str, ...]
    gain: str
    cost: str
    table: pd.DataFrame
    draws: int

    def to_frame(self) -> pd.DataFrame:
        """All combinations at full precision, ready for a picture."""
        return self.table.copy(deep=False)

    def exhibit(self) -> Exhibit:
        """The efficient combinations, from the cheapest for the payer."""
        found = self.table[self.table["efficient"]]
        found = found.sort_values(["cost", "gain"], ascending=OBJECTIVES[self.cost][2] < 0, kind="stable")
        words = {clause: CLAUSES[clause][0] for clause in self.clauses}
        heads = {"gain": OBJECTIVES[self.gain][0], "cost": OBJECTIVES[self.cost][0]}
        frame = found[[*self.clauses, "gain", "gain_error", "cost", "cost_error"]].rename(columns=words | heads)
        spread = {f"{side}_error": f"± {_lower(head)}" for side, head in heads.items()}
        frame = frame.rename(columns=spread).reset_index(drop=True)
        styles = {heads[k]: OBJECTIVES[o][1] for k, o in (("gain", self.gain), ("cost", self.cost))}
        errors = {spread[f"{k}_error"]: OBJECTIVES[o][1] for k, o in (("gain", self.gain), ("cost", self.cost))}
        formats = dict.fromkeys(words.values(), "%.") | styles | errors
        note = (
            f"{len(found):,} of {len(self.table):,} combinations, each on the same {self.draws:,} futures: no other "
            "gives one side more without costing the other. ± one standard error."
        )
        return Exhibit("Efficient combinations of clauses", frame, formats, note)


def _lower(words: str) -> str:
    return words[0].lower() + words[1:]


def frontier(
    futures: Futures,
    terms: Contract,
    clauses: Mapping[str, Sequence[float]],
    *,
    gain: str = "payment",
    cost: str = "unsaved",
) -> Frontier:
    """
    Combine values of clauses and find those that no other combination betters for both sides.

    Parameters
    ----------
    futures : Futures
        Futures of an ACO, the same for all combinations.
    terms : Terms or sequence of Terms
        The contract whose clauses are moved.
    clauses : mapping of str to sequence of float
        Clause of `CLAUSES` to the values tried; all combinations are made.
    gain : str
        What the ACO wants, of `OBJECTIVES`.
    cost : str
        What the payer wants, or wants little of, of `OBJECTIVES`.

    Returns
    -------
    Frontier

    Raises
    ------
    InputError
        No clauses, no values, too many combinations, an unknown objective, or values the terms do not allow.

    Notes
    -----
    A payment is a transfer: what one side has more, the other has less. The sides' interests part in what is paid
    *for*: the ACO wants to be paid at its true savings, the payer not to pay without savings, which is what is expected
    on the same futures had nothing been saved in any of them. A combination is efficient if none is at least as good in
    both objectives and better in one. All draws are used.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, p. 50: threshold, share and sides as tools to balance
       the levels of risk that providers and payers are prepared to take.
    """
    for objective in (gain, cost):
        if objective not in OBJECTIVES:
            hint = nearest(objective, OBJECTIVES) or f" One of {', '.join(OBJECTIVES)} is wanted."
            raise InputError(f"frontier: '{objective}' is no objective.{hint}")
    empty = [clause for clause, values in clauses.items() if not len(values)]
    if not clauses or empty:
        raise InputError(f"frontier: {empty[0] if empty else 'no clause'} has values to try; at least one is wanted")
    names = tuple(clauses)
    combinations = list(product(*clauses.values()))
    if len(combinations) > MOST:
        raise InputError(f"frontier: {len(combinations):,} combinations of clauses; at most {MOST:,} are wanted")
    contracts = [with_clauses(terms, dict(zip(names, values, strict=True))) for values in combinations]
    idle = without_savings(futures) if "unsaved" in (gain, cost) else None
    rows = []
    for values, contract in zip(combinations, contracts, strict=True):
        simulation = futures.settle(contract)
        scores = contract_scores(simulation, simulation if idle is None else idle.settle(contract))
        figures = [f(scores[name]) for name in (gain, cost) for f in (np.mean, mean_error)]
        rows.append((*map(float, values), *map(float, figures)))
    columns = [*names, "gain", "gain_error", "cost", "cost_error"]
    table = pd.DataFrame(rows, columns=columns)
    signed = table[["gain", "cost"]].to_numpy() * [OBJECTIVES[gain][2], OBJECTIVES[cost][2]]
    table["efficient"] = efficient(signed)
    return Frontier(names, gain, cost, table, len(futures.actual))


def efficient(points: np.ndarray) -> np.ndarray:
    """
    Points that no other is at least as good as in both objectives and better in one.

    Parameters
    ----------
    points : numpy.ndarray
        One row per point, two objectives of which more is better; differences below 1e-12 of their size are none.

    Returns
    -------
    numpy.ndarray of bool
        Points that coincide stand or fall together.

    Examples
    --------
    >>> efficient(np.array([[1.0, 3.0], [2.0, 2.0], [1.0, 2.0], [2.0, 2.0]])).tolist()
    [True, True, False, True]
    """
    size = np.abs(points).max(axis=0)
    one, other = np.round(points / np.where(size > 0, size, 1.0), 12).T
    order = np.lexsort((-other, -one))
    first, second = one[order], other[order]
    start = np.flatnonzero(np.append(True, np.diff(first) != 0))
    top = np.maximum.reduceat(second, start)
    before = np.append(-np.inf, np.maximum.accumulate(top)[:-1])
    group = np.cumsum(np.append(True, np.diff(first) != 0)) - 1
    found = np.empty(len(points), dtype=bool)
    found[order] = (second == top[group]) & (top[group] > before[group])
    return found


MOVED = ("payment", "chance", "worst")
"""Figures that clauses are ranked by."""


@dataclass(frozen=True, eq=False, repr=False)
class ClauseRanking(Shown):
    """
    Clauses by what they move.

    Parameters
    ----------
    base : dict of str to float
        Figures of the contract as it is.
    table : pandas.DataFrame
        Index the clause, widest first; columns `low`, `high` (values tried), for each of `payment`, `chance` and
        `worst` its value at both with `_low` and `_high`, the difference of high to low with `_moved` and its
        standard error on paired futures with `_error`.
    """

    base: dict[str, float]
    table: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """The figures at full precision."""
        return self.table.copy(deep=False)

    def exhibit(self) -> Exhibit:
        """What each clause moves from its low to its high value."""
        heads = {
            "low": "Low",
            "high": "High",
            "payment_low": "Payment at low",
            "payment_high": "Payment at high",
            "payment_moved": "Payment moved",
            "payment_error": "± payment",
            "chance_moved": "Chance moved",
            "chance_error": "± chance",
            "worst_moved": "Worst twentieth moved",
            "worst_error": "± worst",
        }
        frame = self.table[list(heads)].rename(columns=heads)
        frame.index = pd.Index([CLAUSES[clause][0] for clause in frame.index], name="Clause")
        formats = {head: "%." if "chance" in key or key in ("low", "high") else "$" for key, head in heads.items()}
        words = (show(self.base[name], style) for name, style in (("payment", "$"), ("chance", "%."), ("worst", "$")))
        expected, chance, worst = words
        note = (
            f"As it is: expected payment {expected}, chance of a payment in any year {chance}, worst {worst}. "
            "Moved: at high less at low, on the same futures; ± one standard error."
        )
        return Exhibit("Clauses by what they move", frame, formats, note)


def usual_changes(terms: Terms, members: float) -> dict[str, tuple[float, float]]:
    """
    Changes of the clauses in force that a negotiation is likely to bring up.

    Parameters
    ----------
    terms : Terms
        The contract.
    members : float
        Members, for a threshold that depends on size. [members]

    Returns
    -------
    dict of str to (float, float)
        Clause to a low and a high value: a step of `CLAUSES` (assumed) to either side, within 0 and 1. [share]

    Examples
    --------
    >>> usual_changes(Terms(sharing_rate=0.5, msr=0.02), 10_000)
    {'sharing_rate': (0.4, 0.6), 'msr': (0.01, 0.03)}
    """
    found = {}
    always = {"sharing_rate", "msr"} | ({"mlr"} if terms.two_sided else set())
    for clause, (_, _, step) in CLAUSES.items():
        value = getattr(terms, clause)
        idle = clause.startswith("loss_") and not terms.two_sided
        unset = value is None or value == (1.0 if clause == "loss_rate_ceiling" else 0.0)
        if idle or value == "msr" or (unset and clause not in always):
            continue
        at = float(minimum_savings_rate(members)) if value == "size" else float(value)
        low = max(at - step, terms.loss_rate_floor if clause == "loss_rate_ceiling" else 0.0)
        high = min(at + step, terms.loss_rate_ceiling if clause == "loss_rate_floor" else 1.0)
        found[clause] = (low, high)
    return found


def rank_clauses(
    futures: Futures,
    terms: Contract,
    changes: Mapping[str, tuple[float, float]] | None = None,
    *,
    worst: float = WORST,
) -> ClauseRanking:
    """
    Rank clauses by what they move: expected payment, chance of payment, worst futures.

    Parameters
    ----------
    futures : Futures
        Futures of an ACO, the same throughout.
    terms : Terms or sequence of Terms
        The contract as it is.
    changes : mapping of str to (float, float), optional
        Clause to a low and a high value; `usual_changes` of the first year's terms by default. [share]
    worst : float
        Share of worst futures whose average is wanted. [share]

    Returns
    -------
    ClauseRanking
        Clauses that move the expected payment most come first.

    Raises
    ------
    InputError
        No changes, a low value that is not below the high one, or values the terms do not allow.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, pp. 50-52: threshold, share, one or two sides.
    """
    if changes is None:
        start = terms if isinstance(terms, Terms) else next(iter(terms))
        changes = usual_changes(start, futures.prospect.members)
    if not changes:
        raise InputError("clauses: no changes are given; at least one clause with a low and a high value is wanted")

    def scores(contract: Contract) -> dict[str, np.ndarray]:
        simulation = futures.settle(contract)
        found = contract_scores(simulation, simulation, worst)
        return {name: found[name] for name in MOVED}

    base = {name: float(one.mean()) for name, one in scores(terms).items()}
    rows: dict[str, dict[str, Any]] = {}
    for clause, (low, high) in changes.items():
        if not low < high:
            raise InputError(f"{clause}: low = {low:g} must lie below high = {high:g}")
        ends = [scores(with_clauses(terms, {clause: value})) for value in (low, high)]
        row: dict[str, Any] = {"low": float(low), "high": float(high)}
        for name in MOVED:
            moved = ends[1][name] - ends[0][name]
            row |= {f"{name}_low": float(ends[0][name].mean()), f"{name}_high": float(ends[1][name].mean())}
            row |= {f"{name}_moved": float(moved.mean()), f"{name}_error": mean_error(moved)}
        rows[clause] = row
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("clause")
    order = table["payment_moved"].abs().sort_values(ascending=False, kind="stable").index
    return ClauseRanking(base, table.loc[order])
