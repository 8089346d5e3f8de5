"""Terms of equal value: which value of a clause makes one contract worth to the ACO what another is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from acomodel.contract.terms import Terms
from acomodel.exhibit import Exhibit, Shown, show
from acomodel.inputs import InputError
from acomodel.outlook.negotiation.compared import CLAUSES, Contract, with_clauses
from acomodel.outlook.years.draws import mean_error

if TYPE_CHECKING:
    from acomodel.outlook.years.simulation import Futures

POINTS = 33
"""Values of a clause at which expected payments are compared before a crossing is narrowed down."""
CENT = 0.01
"""Expected payments closer than this are equal. [$]"""


@dataclass(frozen=True, eq=False, repr=False)
class EqualValue(Shown):
    """
    Value of a clause at which a contract is worth to the ACO what another is.

    Parameters
    ----------
    clause : str
        Clause that was moved.
    value : float or None
        Its value of equal worth; none if no value between `low` and `high` is. [share]
    value_error : float or None
        Standard error of that value; none where the expected payment does not move with it. [share]
    closest : float
        The value tried whose expected payment is closest: `value` where there is one. [share]
    terms : Terms or sequence of Terms
        The contract with the clause at `closest`.
    payment, reference : float
        Expected payments over all years, of that contract and of the reference. [$]
    difference, difference_error : float
        Their difference, and its standard error on paired futures. [$]
    low, high : float
        Values between which was sought. [share]
    least, most : float
        Least and most expected payment found between them. [$]
    crossings : int
        Values of equal worth between them, as far as the values tried tell.
    """

    clause: str
    value: float | None
    value_error: float | None
    closest: float
    terms: Contract
    payment: float
    reference: float
    difference: float
    difference_error: float
    low: float
    high: float
    least: float
    most: float
    crossings: int

    def to_frame(self) -> pd.DataFrame:
        """One line each."""
        word = CLAUSES[self.clause][0]
        lines = {
            f"{word} of equal value": "none" if self.value is None else show(self.value, "%."),
            "± of it": show(self.value_error, "%."),
            "Expected payment, reference": show(self.reference, "$."),
            f"Expected payment at {show(self.closest, '%.')}": show(self.payment, "$."),
            "Difference": show(self.difference, "$."),
            "± of the difference": show(self.difference_error, "$."),
        }
        return pd.Series(lines, name="Value").rename_axis("Line").to_frame()

    def exhibit(self) -> Exhibit:
        """The lines, and in words what was not found."""
        word = CLAUSES[self.clause][0].lower()
        between = f"between {show(self.low, '%.')} and {show(self.high, '%.')}"
        note = f"Expected payments over all years, on the same futures; ± one standard error. Sought {between}."
        if self.value is None:
            note += (
                f" No {word} there makes the contracts worth the same: expected payments run from "
                f"{show(self.least, '$')} to {show(self.most, '$')}; {show(self.reference, '$')} is wanted."
            )
        elif self.crossings > 1:
            note += f" {self.crossings} values there are of equal worth; the one closest to the contract is shown."
        elif self.least == self.most:
            note += f" The {word} does not matter: every value is of equal worth."
        return Exhibit(f"{CLAUSES[self.clause][0]} of equal value", self.to_frame(), note=note)


def equal_value(
    futures: Futures,
    terms: Contract,
    reference: Contract,
    clause: str = "sharing_rate",
    *,
    low: float | None = None,
    high: float | None = None,
) -> EqualValue:
    r"""
    Find the value of a clause at which a contract is worth to the ACO what another is.

    Parameters
    ----------
    futures : Futures
        Futures of an ACO, the same for both contracts.
    terms : Terms or sequence of Terms
        Contract whose clause is moved.
    reference : Terms or sequence of Terms
        Contract whose expected payment is wanted.
    clause : str
        Clause of `CLAUSES`, such as "sharing_rate", "msr" or "loss_rate".
    low, high : float, optional
        Values between which it is sought; from 0 to the end given in `CLAUSES`. [share]

    Returns
    -------
    EqualValue

    Raises
    ------
    InputError
        There is no such clause, the terms do not allow its values, or `low` is not below `high`.

    Notes
    -----
    Solved for :math:`v` on the same futures:

    .. math:: E[P(\text{terms}_v)] = E[P(\text{reference})]

    from a grid of values and by halving the interval in which the difference changes its sign. A threshold moves the
    payments of a sample in small jumps: the side of the jump that is closer counts as solved where the difference
    left is within its standard error. Where several values are of equal worth (a threshold that is one for losses
    too), the one closest to that of the contract is taken.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, p. 50: threshold, share and sides balance the risk.
    """
    with_clauses(terms, {} if clause in CLAUSES else {clause: 0.0})
    start = terms if isinstance(terms, Terms) else next(iter(terms))
    if low is None:
        low = start.loss_rate_floor if clause == "loss_rate_ceiling" else 0.0
    if high is None:
        high = start.loss_rate_ceiling if clause == "loss_rate_floor" else CLAUSES[clause][1]
    if not low < high:
        raise InputError(f"{clause}: sought between {low:g} and {high:g}; the first must lie below the second")
    wanted = futures.settle(reference).total

    def paid(value: float) -> np.ndarray:
        found: np.ndarray = futures.settle(with_clauses(terms, {clause: value})).total
        return found

    target = float(wanted.mean())
    means: dict[float, float] = {}

    def gap(value: float) -> float:
        means[value] = float(paid(value).mean())
        return means[value] - target

    stated = getattr(start, clause)
    present = float(stated) if isinstance(stated, int | float) else None
    closest, crossings = crossing(gap, _grid(low, high, present), present)
    at = paid(closest)
    difference, error = float((at - wanted).mean()), mean_error(at - wanted)
    agrees = crossings > 0 and abs(difference) <= max(error, CENT)
    step = (high - low) / 50
    ends = max(closest - step, low), min(closest + step, high)
    slope = float((paid(ends[1]) - paid(ends[0])).mean()) / (ends[1] - ends[0])
    return EqualValue(
        clause,
        closest if agrees else None,
        error / abs(slope) if agrees and slope else None,
        closest,
        with_clauses(terms, {clause: closest}),
        float(at.mean()),
        target,
        difference,
        error,
        float(low),
        float(high),
        min(means.values()),
        max(means.values()),
        crossings,
    )


def _grid(low: float, high: float, present: float | None) -> list[float]:
    """Values to try, with the present one among them."""
    inside = [] if present is None or not low <= present <= high else [present]
    return sorted({*np.linspace(low, high, POINTS).tolist(), *inside})


def crossing(gap: Callable[[float], float], values: Sequence[float], home: float | None = None) -> tuple[float, int]:
    """
    Find where a gap is zero, from values to try and by halving the interval in which it changes its sign.

    Parameters
    ----------
    gap : callable
        Gap at a value. [$]
    values : sequence of float
        Rising values to try.
    home : float, optional
        Value next to which a crossing is wanted; the first value by default.

    Returns
    -------
    (float, int)
        The value, or that of the smallest gap where there is no crossing, and the number of crossings seen.

    Examples
    --------
    >>> crossing(lambda x: x - 250, [0.0, 1_000.0])
    (250.0, 1)
    """
    gaps = np.array([gap(value) for value in values])
    signs = np.where(np.abs(gaps) <= CENT, 0.0, np.sign(gaps))
    hits = [value for value, sign in zip(values, signs, strict=True) if sign == 0]
    changes = [i for i in range(len(values) - 1) if signs[i] * signs[i + 1] < 0]
    if not changes and not hits:
        return float(values[int(np.abs(gaps).argmin())]), 0
    solved = [_halved(values[i], values[i + 1], float(gaps[i]), gap) for i in changes]
    start = values[0] if home is None else home
    found = min([*solved, *hits], key=lambda value: (abs(value - start), value))
    return float(found), 1 if len(hits) == len(values) else len(solved) + len(hits)


def _halved(low: float, high: float, gap_low: float, gap: Callable[[float], float]) -> float:
    """Value between two at which a gap changes its sign, on the side where it is smaller."""
    ends: dict[float, float] = {}
    while high - low > 1e-12 * max(abs(high), 1.0):
        middle = (low + high) / 2
        ends[middle] = gap(middle)
        if np.sign(ends[middle]) == np.sign(gap_low):
            low = middle
        else:
            high = middle
        if abs(ends[middle]) <= CENT / 100:
            return middle
    return min(ends, key=lambda value: abs(ends[value]))
