"""Charts of a payment's distribution within the ACO, and of the ACO as a venture."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from acomodel.contract.distribution.settings import LEFT, LINES
from acomodel.workbench.distribution import distribution_of, folded, venture_of
from acomodel.workbench.model import Run
from acomodel.workbench.plots import drawing
from acomodel.workbench.plots.drawing import BLUE, GREEN, GREY, ORANGE, RED, axes_of, nothing, scale_of

NONE = "The scenario does not say how a payment is divided."
NO_VENTURE = "The scenario does not say what the ACO costs."
NO_CHOICE = "No pool is paid by a rule that another could stand for."
MOST = 14
"""Participants that a chart shows, the largest first."""
_MARKS = {
    "agreed": ("*", BLUE),
    "members": ("o", BLUE),
    "contribution": ("D", ORANGE),
    "quality": ("s", GREEN),
    "shapley": ("^", RED),
    "equal": ("|", GREY),
}


def waterfall(run: Run, ax: Axes | None = None) -> Axes:
    """From the payment through operating cost to the pools, to what is left with the ACO."""
    ax = axes_of(ax)
    found = distribution_of(run)
    if found is None:
        return nothing(ax, NONE, left_out=True)
    steps = found.of_year.walk()
    if abs(steps[LEFT]) < 0.005 and len(steps) > 2:
        steps = steps.drop(LEFT)
    scale, unit = scale_of(float(steps.abs().max()))
    drawing.waterfall(ax, steps, scale=scale, style="$", totals=(LINES[0], LEFT))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.10g}".replace("-", "−")))
    ax.set_ylabel(unit)
    ax.set_title(f"From the payment to the pools, {found.leading}")
    return ax


def rules(run: Run, ax: Axes | None = None) -> Axes:
    """What each participant would get under each rule, the widest apart on top."""
    ax = axes_of(ax)
    found = distribution_of(run)
    made = None if found is None else found.rules()
    if found is None or made is None:
        return nothing(ax, NONE if found is None else NO_CHOICE, left_out=True)
    table, _ = folded(
        made.to_frame().rename_axis(None), found.units["members"], small_cells=run.scenario.report.show_small_cells
    )
    spread = (table.max(axis=1) - table.min(axis=1)).sort_values(ascending=False, kind="stable")
    table = table.loc[spread.index[:MOST]].iloc[::-1]
    scale, unit = scale_of(float(table.abs().to_numpy().max()))
    at = np.arange(len(table))
    ax.hlines(at, table.min(axis=1) / scale, table.max(axis=1) / scale, color=GREY, lw=1.1, alpha=0.6, zorder=1)
    for rule in table:
        mark, color = _MARKS[str(rule)]
        size = {"|": 10.0, "o": 7.5}.get(mark, 4.8)
        inside = "none" if mark == "o" else color
        ax.plot(table[rule] / scale, at, mark, color=color, ms=size, mfc=inside, mew=1.5, label=_word(str(rule)))
    ax.set_yticks(at, [str(name)[:28] for name in table.index], fontsize=8.5)
    ax.set_ylim(-0.7, len(table) - 0.3)
    ax.axvline(0, color=GREY, lw=0.6)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.10g}".replace("-", "−")))
    ax.set_xlabel(f"share of the pools, {unit}" + (f" (the {MOST} widest apart)" if len(spread) > MOST else ""))
    ax.set_title(f"Who gains under which rule, {found.leading}")
    ax.legend(frameon=False, fontsize=8.5, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax


def _word(rule: str) -> str:
    return {
        "agreed": "as agreed",
        "shapley": "Shapley value",
        "equal": "equal parts",
        "quality": "quality × members",
    }.get(rule, rule)


def venture(run: Run, ax: Axes | None = None) -> Axes:
    """Cumulative cash of the ACO with its fan, the partners' capital, and the chance of having lost money."""
    ax = axes_of(ax)
    made = venture_of(run)
    if made is None:
        return nothing(ax, NO_VENTURE, left_out=True)
    table = made.to_frame()
    scale, unit = scale_of(float(table[["q05", "q95", "cumulative"]].abs().to_numpy().max()))
    at = table.index.to_numpy()
    if not made.certain:
        for low, high, shade in (("q05", "q95", 0.18), ("q25", "q75", 0.32)):
            words = "90% interval" if low == "q05" else "50% interval"
            ax.fill_between(at, table[low] / scale, table[high] / scale, color=BLUE, alpha=shade, lw=0, label=words)
    ax.plot(at, table["cumulative"] / scale, "o-", color=BLUE, lw=1.6, ms=4, label="expected")
    ax.axhline(0, color=GREY, lw=0.8)
    if made.settings.capital:
        ax.axhline(-made.capital / scale, color=ORANGE, lw=1.2, ls="--", label="capital used up")
    if not made.certain:
        labels = [f"Year {year}\n{table.loc[year, 'chance_lost']:.0%}" if year else "Start" for year in at]
        ax.set_xlabel("chance of having lost money by the end of the year, below each")
    else:
        labels = [f"Year {year}" if year else "Start" for year in at]
    ax.set_xticks(at, labels)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.10g}".replace("-", "−")))
    ax.set_ylabel(f"cumulative cash, {unit}")
    ax.set_title("Cash of the ACO, as it may come")
    ax.legend(frameon=False, fontsize=8.5, loc="upper left")
    return ax
