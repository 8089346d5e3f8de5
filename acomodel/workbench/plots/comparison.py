"""The chart of a comparison: the payment of one run walked to that of another."""

from __future__ import annotations

import textwrap
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from acomodel.exhibit import show
from acomodel.workbench.comparison import Bridge
from acomodel.workbench.plots.drawing import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    Picture,
    axes_of,
    picture,
    scale_of,
    waterfall,
)

MOST = 16
"""Steps that one chart can hold; the smaller ones beyond are drawn as one."""
UPRIGHT = 7
"""Bars that stand side by side under their words; more lie one below the other."""


def bridge(bridge: Bridge, ax: Axes | None = None) -> Axes:
    """Waterfall from one payment to the other, a bar for each step that changes it; lying down where there are many."""
    ax = axes_of(ax)
    bars = _bars(bridge)
    scale, unit = scale_of(float(bars.abs().max()))
    if len(bars) > UPRIGHT:
        _lying(ax, bars / scale, scale)
        ax.set_xlabel(f"payment, {unit}")
    else:
        waterfall(ax, bars, scale=scale, style="$", totals=(str(bars.index[0]), str(bars.index[-1])))
        ax.set_xticks(range(len(bars)), [_ticked(str(name), min(16, 100 // len(bars))) for name in bars.index])
        ax.set_ylabel(f"payment, {unit}")
    year = bridge.labels[0] if bridge.labels[0] == bridge.labels[1] else " to ".join(bridge.labels)
    ax.set_title(f"Change of the payment, {year}: {show(bridge.total, '$')}")
    return ax


def _lying(ax: Axes, bars: pd.Series, scale: float) -> None:
    """Bars one below the other, from level to level; the first and the last begin at nothing."""
    level, last = 0.0, len(bars) - 1
    for at, amount in enumerate(bars):
        whole = at in (0, last)
        start = 0.0 if whole else level
        ax.barh(at, amount, left=start, height=0.62, color=BLUE if whole else GREEN if amount >= 0 else ORANGE)
        level = amount if whole else level + amount
        if at < last:
            ax.plot([level, level], [at + 0.31, at + 0.69], color=GREY, lw=0.8)
        text = show(float(amount) * scale, "$")
        ax.annotate(
            text, (max(start, start + amount), at), (4, 0), textcoords="offset points", va="center", fontsize=8.5
        )
    ax.set_yticks(range(len(bars)), [": ".join(str(name).split("\n")) for name in bars.index], fontsize=8.5)
    ax.invert_yaxis()
    ax.axvline(0, color=GREY, lw=0.8)
    low, high = ax.get_xlim()
    ax.set_xlim(low - 0.02 * (high - low) * (low < 0), high + 0.1 * (high - low))


def _ticked(name: str, width: int) -> str:
    """Label in short lines, its values on lines of their own."""
    return "\n".join(
        "\n".join(textwrap.wrap(line, width, break_on_hyphens=False, break_long_words=False))
        for line in name.split("\n")
    )


def _bars(bridge: Bridge) -> pd.Series:
    """Heights of the bars under their words; steps without effect are left out."""
    walk = bridge.steps.iloc[1:-1]
    moved = walk[walk["change"] != 0]
    largest = moved["change"].abs().sort_values(ascending=False, kind="stable").index[: MOST - 1]
    kept = moved if len(moved) <= MOST else moved.loc[[label in largest for label in moved.index]]
    years = bridge.labels
    names = ["Before", "After"] if years[0] == years[1] else [f"Before, {years[0]}", f"After, {years[1]}"]
    parts = [(names[0], float(bridge.steps["payment"].iloc[0]))]
    parts += [(_label(str(step), row), float(row["change"])) for step, row in kept.iterrows()]
    if len(kept) < len(moved):
        parts.append((f"{len(moved) - len(kept)} smaller steps", float(moved["change"].sum() - kept["change"].sum())))
    parts.append((names[1], float(bridge.steps["payment"].iloc[-1])))
    return pd.Series([v for _, v in parts], index=[k for k, _ in parts])


def _label(step: str, row: pd.Series) -> str:
    """A step in words, with its values where they are short."""
    values = f"{row['was']} to {row['became']}"
    short = len(values) <= 18 and ";" not in values and row["was"] != "in force" != row["became"]
    return f"{step}\n{values}" if short else step


def drawn(bridge_made: Bridge) -> Picture:
    """The chart as a picture for a page, with the words that stand for it."""
    made: Any = bridge_made
    first, last = (float(level) for level in made.steps["payment"].iloc[[0, -1]])
    moved = made.steps.iloc[1:-1].query("change != 0")["change"]
    walked = "; ".join(f"{step} {show(float(value), '$.')}" for step, value in moved.items()) or "no step changes it"
    words = f"Payment from {show(first, '$.')} to {show(last, '$.')}: {walked}."
    found = picture(
        bridge, made, words, size=(7.6, 4.1 if len(moved) + 2 <= UPRIGHT else 1.2 + 0.31 * (len(moved) + 2))
    )
    assert found is not None
    return found
