"""What a result depends on: one assumption at a time, two at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pydantic.dataclasses
from pydantic import ConfigDict, Field, model_validator

from acomodel.exhibit import Exhibit, Shown, show


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


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class SensitivitySettings:
    """Which assumptions are moved, and how far; sensible ones where nothing is said."""

    one_way: list[Range] = Field(default_factory=list, description="assumptions moved one at a time")
    two_way: Grid | None = Field(default=None, description="assumptions moved two at a time")


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
