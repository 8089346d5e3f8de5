"""What a result depends on: one assumption at a time, two at a time, and where it crosses a target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pydantic.dataclasses
from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from acomodel.exhibit import Exhibit, Shown, show
from acomodel.inputs import InputError

STEPS = 40
"""Equal parts of a range that are searched for a break-even."""
WIDTH = 1e-6
"""Width to which a break-even is known, as a part of the range searched. [share]"""


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class Range:
    """Two values of one setting to try against its base."""

    key: str = Field(description="setting, such as trend.adjustment")
    low: float = Field(description="low value")
    high: float = Field(description="high value")
    label: str = Field(default="", description="words for the setting in tables and charts")

    @model_validator(mode="after")
    def _apart(self) -> Range:
        if not self.low < self.high:
            raise ValueError(f"low = {self.low:g} must lie below high = {self.high:g}")
        return self


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class Grid:
    """Two settings whose values are tried against each other."""

    row: str = Field(description="setting down the side")
    row_values: list[float] = Field(description="its values", min_length=1)
    column: str = Field(description="setting across the top")
    column_values: list[float] = Field(description="its values", min_length=1)


def _rows(value: Any) -> Any:
    """Rows of a TOML array as tuples."""
    return tuple(tuple(row) if isinstance(row, list) else row for row in value) if isinstance(value, list) else value


def correlation_matrix(keys: Sequence[str], rows: Sequence[tuple[str, str, float]]) -> np.ndarray:
    """
    Correlation of normal scores from rows of two names and their correlation; pairs not named have none.

    Parameters
    ----------
    keys : sequence of str
        Names, in the order of the matrix.
    rows : sequence of tuple
        Two names and the correlation of their scores. [-1 to 1]

    Returns
    -------
    numpy.ndarray
        A correlation matrix.

    Raises
    ------
    InputError
        An unknown name, a pair twice or of one name, a correlation out of range, or correlations that cannot be.

    Examples
    --------
    >>> correlation_matrix(["trend", "risk"], [("trend", "risk", 0.3)]).tolist()
    [[1.0, 0.3], [0.3, 1.0]]
    """
    at, found, seen = {key: i for i, key in enumerate(keys)}, np.eye(len(keys)), set()
    for one, other, rho in rows:
        for name in (one, other):
            if name not in at:
                raise InputError(f"correlation: '{name}' is not drawn; one of {', '.join(keys)} is wanted")
        pair = frozenset((one, other))
        if one == other or not -1 <= rho <= 1:
            raise InputError(f"correlation: {one}, {other}, {rho:g}; two assumptions and -1 to 1 are wanted")
        if pair in seen:
            raise InputError(f"correlation: {one} and {other} stand twice")
        seen.add(pair)
        found[at[one], at[other]] = found[at[other], at[one]] = rho
    if len(keys) and np.linalg.eigvalsh(found)[0] < -1e-9:
        raise InputError("correlation: nothing can be correlated like that; the matrix is not positive")
    return found


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class SensitivitySettings:
    """Which assumptions are moved, and how far; sensible ones where nothing is said."""

    one_way: list[Range] = Field(default_factory=list, description="assumptions moved one at a time")
    two_way: Grid | None = Field(default=None, description="assumptions moved two at a time")
    correlation: Annotated[tuple[tuple[str, str, float], ...], BeforeValidator(_rows)] = Field(
        default=(), description="rows of two assumptions moved and the correlation of their normal scores"
    )
    sobol_draws: int = Field(
        default=4096, ge=64, le=2**20, description="draws of all assumptions at once, a power of 2 [draws]"
    )

    @model_validator(mode="after")
    def _drawable(self) -> SensitivitySettings:
        if self.sobol_draws & (self.sobol_draws - 1):
            raise ValueError(f"sobol_draws: found {self.sobol_draws}; a power of 2 is wanted")
        try:
            correlation_matrix(sorted({key for row in self.correlation for key in row[:2]}), self.correlation)
        except InputError as error:
            raise ValueError(str(error)) from None
        return self


@dataclass(frozen=True, eq=False, repr=False)
class OneWay(Shown):
    """
    Result at the low and the high value of each assumption, the others at their base.

    Parameters
    ----------
    outcome : str
        What was evaluated.
    base : float
        Its value at the base.
    table : pandas.DataFrame
        Index the label of the assumption; columns `low`, `high` (the values tried), `at_low`, `at_high`
        (the outcome) and `swing`, the largest distance between base and the two outcomes.
    """

    outcome: str
    base: float
    table: pd.DataFrame

    def exhibit(self, style: str = "$.") -> Exhibit:
        """The table, widest swing first."""
        names = {"low": "Low", "high": "High", "at_low": "At low", "at_high": "At high", "swing": "Swing"}
        frame = self.table.rename(columns=names)
        frame.index.name = "Assumption"
        shares = frame[["Low", "High"]].abs().max(axis=1) <= 1
        for end in ("Low", "High"):
            values = zip(frame[end], shares, strict=True)
            frame[end] = pd.Series([show(v, "%") if s else show(v, "#") for v, s in values], frame.index, dtype=object)
        formats = {"At low": style, "At high": style, "Swing": style}
        note = f"Base: {show(self.base, style)}."
        return Exhibit(f"{self.outcome}: one assumption at a time", frame, formats, note)


Evaluate = Callable[[Mapping[str, float]], float]
"""Outcome at given values of some settings, the others at their base."""


def one_way(evaluate: Evaluate, ranges: Sequence[Range], outcome: str = "Outcome", *, sort: bool = True) -> OneWay:
    """
    Move each assumption to its low and its high value, the others held at their base.

    Parameters
    ----------
    evaluate : callable
        Outcome for a mapping of settings to values; an empty mapping gives the base.
    ranges : sequence of Range
        Assumptions and the values to try.
    outcome : str
        What `evaluate` returns, in words.
    sort : bool
        Widest swing first; otherwise the order given.

    Returns
    -------
    OneWay

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, p. 47: sensitivity, trend above all.

    Examples
    --------
    >>> tornado = one_way(lambda at: 100 * (1 + at.get("trend", 0.05)), [Range("trend", 0.04, 0.07)])
    >>> tornado.base, tornado.table[["at_low", "at_high"]].values.tolist()
    (105.0, [[104.0, 107.0]])
    """
    base = float(evaluate({}))
    rows = []
    for item in ranges:
        at_low, at_high = float(evaluate({item.key: item.low})), float(evaluate({item.key: item.high}))
        swing = max(abs(at_low - base), abs(at_high - base), abs(at_high - at_low))
        rows.append((item.label or item.key, item.low, item.high, at_low, at_high, swing))
    table = pd.DataFrame(rows, columns=["assumption", "low", "high", "at_low", "at_high", "swing"])
    table = table.set_index("assumption")
    if sort:
        table = table.sort_values("swing", ascending=False, kind="stable")
    return OneWay(outcome, base, table)


def two_way(evaluate: Evaluate, grid: Grid) -> pd.DataFrame:
    """
    Outcome for every pair of values of two assumptions.

    Parameters
    ----------
    evaluate : callable
        Outcome for a mapping of settings to values.
    grid : Grid
        The two settings and their values.

    Returns
    -------
    pandas.DataFrame
        Rows and columns the values, cells the outcome.

    Examples
    --------
    >>> grid = Grid("price", [1.0, 1.1], "use", [2.0, 3.0])
    >>> two_way(lambda at: at["price"] * at["use"], grid).round(1).values.tolist()
    [[2.0, 3.0], [2.2, 3.3]]
    """
    cells = [[float(evaluate({grid.row: r, grid.column: c})) for c in grid.column_values] for r in grid.row_values]
    index = pd.Index(grid.row_values, name=grid.row)
    return pd.DataFrame(np.array(cells), index=index, columns=pd.Index(grid.column_values, name=grid.column))


@dataclass(frozen=True, eq=False, repr=False)
class BreakEven(Shown):
    """
    Value of one setting at which an outcome starts to be on another side of a target.

    Parameters
    ----------
    key, outcome : str
        The setting that was moved, and what was evaluated.
    target : float
        Outcome that is looked for.
    base, at_base : float
        The setting as it is, and the outcome there.
    low, high : float
        Range searched.
    at : float or None
        The value nearest the base beyond which the outcome is on another side of the target; None where there is
        none in the range.
    width : float
        How closely `at` is known. [as the setting]
    near, far : float or None
        Outcome just on the base's side of `at`, and just beyond it.
    jump : bool
        Whether the outcome jumps from the one to the other.
    """

    key: str
    outcome: str
    target: float
    base: float
    at_base: float
    low: float
    high: float
    at: float | None
    width: float
    near: float | None = None
    far: float | None = None
    jump: bool = False

    def to_frame(self) -> pd.DataFrame:
        """The figures, one row each."""
        rows: dict[str, float | None] = {
            "base": self.base,
            "outcome at base": self.at_base,
            "target": self.target,
            "break-even": self.at,
        }
        rows |= {"outcome before": self.near, "outcome beyond": self.far, "low": self.low, "high": self.high}
        return pd.Series(rows, name=self.key, dtype=float).rename_axis("figure").to_frame()

    def exhibit(self, style: str = "$.") -> Exhibit:
        """Break-even, and the outcome on both sides of it."""
        shares = max(abs(self.low), abs(self.high)) <= 1

        def setting(value: float) -> str:
            return show(value, "%.." if shares else "#.")

        rows: dict[str, tuple[str, float | None]] = {"Base": (setting(self.base), self.at_base)}
        note = f"Target: {show(self.target, style)}, looked for from {setting(self.low)} to {setting(self.high)}."
        if self.at is None:
            note += " The outcome stays on one side of it."
        else:
            rows["Just before"], rows["Just beyond"] = (setting(self.at), self.near), (setting(self.at), self.far)
            note += f" {self._words(style)} Known to {setting(self.width)}."
        table = pd.DataFrame.from_dict(rows, orient="index", columns=["Setting", "Outcome"]).rename_axis(self.key)
        return Exhibit(f"{self.outcome}: break-even", table, {"Outcome": style}, note)

    def _words(self, style: str) -> str:
        """How the outcome passes the break-even, in words."""
        assert self.near is not None and self.far is not None
        if self.jump:
            return f"At the break-even it jumps from {show(self.near, style)} to {show(self.far, style)}."
        if _side(self.at_base, self.target) == 0:
            return "Up to there it stays at the target, and leaves it gradually."
        return "It gets there gradually" + (" and stays." if _side(self.far, self.target) == 0 else " and passes on.")


def _side(outcome: float, target: float) -> int:
    """Whether an outcome lies below, at or above a target."""
    return 0 if np.isclose(outcome, target, rtol=1e-12, atol=1e-9) else int(np.sign(outcome - target))


def break_even(
    evaluate: Evaluate,
    key: str,
    low: float,
    high: float,
    *,
    target: float = 0.0,
    base: float | None = None,
    outcome: str = "Outcome",
) -> BreakEven:
    """
    Value of one setting, nearest its base, at which an outcome starts to be on another side of a target.

    Parameters
    ----------
    evaluate : callable
        Outcome for a mapping of settings to values.
    key : str
        Setting to move.
    low, high : float
        Range to search. [as the setting]
    target : float
        Outcome to look for. [as the outcome]
    base : float, optional
        The setting as it is; the middle of the range by default. [as the setting]
    outcome : str
        What `evaluate` returns, in words.

    Returns
    -------
    BreakEven

    Raises
    ------
    InputError
        A range that is empty or does not hold the base, or an outcome that is no number.

    Notes
    -----
    A payment is a step function with flat stretches, so that "where is it zero?" has no answer or very many. An
    outcome is below, at or above its target. From the base outwards, on both sides, the range is searched in steps of
    1/40 for a value at which the outcome is on another of these three sides than at the base, which is bisected to a
    millionth of the range; the nearer one counts. Where the outcome is at the target at the base, that is the point
    where it leaves the target; else it is the point where the target is first reached or passed. A stretch on another
    side that is narrower than a step may be missed. The outcome jumps where its change over the last interval stays
    when that is halved twenty times more.

    Examples
    --------
    Nothing is paid within 2 % of a benchmark of 100, then half from the first dollar:

    >>> def payment(at):
    ...     savings = 103 * (1 + at.get("trend", 0.0)) - 100
    ...     return 0.5 * savings if savings >= 2 else 0.0
    >>> found = break_even(payment, "trend", -0.1, 0.1)
    >>> round(found.at, 5), found.jump, round(found.near, 4), found.far
    (-0.00971, True, 1.0, 0.0)
    """
    at_base_of = (low + high) / 2 if base is None else float(base)
    if not (low < high and low <= at_base_of <= high):
        raise InputError(f"break-even of {key}: a base of {at_base_of:g} between {low:g} and {high:g} is wanted")

    def value(at: float) -> float:
        found = float(evaluate({key: at}))
        if not np.isfinite(found):
            raise InputError(f"break-even: the outcome at {key} = {at:g} is {found}; a number is wanted")
        return found

    at_base, width = value(at_base_of), WIDTH * (high - low)
    side = _side(at_base, target)
    known: dict[str, Any] = {"key": key, "outcome": outcome, "target": float(target), "base": at_base_of}
    known |= {"at_base": at_base, "low": float(low), "high": float(high), "width": width}

    def as_base(at: float) -> bool:
        return _side(value(at), target) == side

    brackets = []
    for end in (low, high):
        parts = max(1, round(STEPS * abs(end - at_base_of) / (high - low)))
        tried = np.linspace(at_base_of, end, parts + 1).tolist()
        for inner, outer in pairwise(tried):
            if outer != inner and not as_base(outer):
                brackets.append(_bisected(as_base, inner, outer, width))
                break
    if not brackets:
        return BreakEven(**known, at=None)
    inner, outer = min(brackets, key=lambda pair: abs(pair[0] - at_base_of))
    near, far = value(inner), value(outer)
    closest = [value(end) for end in _bisected(as_base, inner, outer, width / 2**20)]
    jump = abs(closest[1] - closest[0]) > max(abs(far - near) / 1000, 1e-9)
    return BreakEven(**known, at=(inner + outer) / 2, near=near, far=far, jump=jump)


def _bisected(holds: Callable[[float], bool], inner: float, outer: float, width: float) -> tuple[float, float]:
    """Ends of an interval of a width, at the first of which something holds and at the second not."""
    while abs(outer - inner) > width:
        middle = (inner + outer) / 2
        if middle in (inner, outer):
            break
        if holds(middle):
            inner = middle
        else:
            outer = middle
    return inner, outer
