"""Charts of a negotiation: contracts side by side, clauses, the frontier, contracts by size."""

from __future__ import annotations

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from acomodel.exhibit import show
from acomodel.outlook.negotiation.compared import CLAUSES
from acomodel.outlook.negotiation.frontier import OBJECTIVES
from acomodel.workbench.exhibits.negotiation import NOBODY
from acomodel.workbench.model import Run
from acomodel.workbench.plots.drawing import BLUE, GREEN, GREY, ORANGE, RED, axes_of, dollars, nothing, scale_of

COLORS = (BLUE, ORANGE, GREEN, RED, "#6b4c9a", "#8c6d31", GREY)


def contract_distributions(run: Run, ax: Axes | None = None) -> Axes:
    """Distribution of the payment over all years under each contract: twentieths, quarters, median and mean."""
    ax = axes_of(ax)
    if run.negotiation is None:
        return nothing(ax, NOBODY)
    found = run.negotiation.comparison
    levels = found.distributions([0.05, 0.25, 0.5, 0.75, 0.95])
    means = found.to_frame()["value"].xs("payment", level="figure")
    scale, unit = scale_of(float(levels.abs().to_numpy().max()))
    place = np.arange(len(levels.columns))[::-1]
    for y, name in zip(place, levels.columns, strict=True):
        low, first, middle, third, high = levels[name].to_numpy() / scale
        ax.plot([low, high], [y, y], color=BLUE, lw=1.4, solid_capstyle="butt")
        ax.barh(y, third - first, left=first, height=0.42, color=BLUE, alpha=0.35)
        ax.plot([middle, middle], [y - 0.21, y + 0.21], color=BLUE, lw=2)
        ax.plot([means[name] / scale], [y], "D", color=ORANGE, ms=5.5)
        ax.annotate(
            dollars(float(means[name])), (means[name] / scale, y), (0, 12), textcoords="offset points", ha="center",
            fontsize=8.5, color=ORANGE,
        )  # fmt: skip
    ax.axvline(0, color=GREY, lw=0.8)
    ax.set_yticks(place, [textwrap.fill(str(name), 26) for name in levels.columns])
    ax.set_ylim(-0.6, len(place) - 0.35)
    years = run.scenario.outlook.years
    ax.set_xlabel(f"payment to the ACO over {years} years, {unit}")
    ax.set_title("Contracts on the same futures")
    return ax


def clause_tornado(run: Run, ax: Axes | None = None) -> Axes:
    """Expected payment at the low and the high value of each clause."""
    ax = axes_of(ax)
    if run.negotiation is None:
        return nothing(ax, NOBODY)
    ranking = run.negotiation.clauses
    table = ranking.table.iloc[:8].iloc[::-1]
    base = ranking.base["payment"]
    scale, unit = scale_of(float(table[["payment_low", "payment_high"]].abs().to_numpy().max()))
    place = np.arange(len(table))
    for end, color, words in (("low", ORANGE, "at low value"), ("high", BLUE, "at high value")):
        width = (table[f"payment_{end}"] - base) / scale
        ax.barh(place, width, left=base / scale, color=color, height=0.55, label=words)
    for y, (_, row) in zip(place, table.iterrows(), strict=True):
        for left, end in enumerate(sorted(("high", "low"), key=lambda e: -float(row[f"payment_{e}"]))):
            x = float(row[f"payment_{end}"]) / scale
            x = min(x, base / scale) if left else max(x, base / scale)
            ax.annotate(
                f"{row[end]:.1%}", (x, y), (-4 if left else 4, 0), textcoords="offset points",
                ha="right" if left else "left", va="center", fontsize=8.5,
            )  # fmt: skip
    ax.use_sticky_edges = False
    ax.margins(x=0.16)
    ax.axvline(base / scale, color=GREY, lw=1)
    ax.set_yticks(place, [CLAUSES[clause][0] for clause in table.index])
    ax.set_xlabel(f"expected payment to the ACO, {unit}; as it is {dollars(base)}")
    ax.set_title("Clauses by what they move")
    ax.legend(frameon=False, fontsize=8.5, loc="lower right")
    return ax


def frontier(run: Run, ax: Axes | None = None) -> Axes:
    """Combinations of clauses: what the ACO gains against what is paid without savings, the efficient ones joined."""
    ax = axes_of(ax)
    if run.negotiation is None:
        return nothing(ax, NOBODY)
    found = run.negotiation.frontier
    table = found.to_frame()
    gain, cost = run.negotiation.place()
    scale, unit = scale_of(float(table[["gain", "cost"]].abs().to_numpy().max()))
    best = table[table["efficient"]].sort_values("cost")
    rest = table[~table["efficient"]]
    ax.plot(rest["cost"] / scale, rest["gain"] / scale, "o", color=GREY, ms=3.2, alpha=0.55, label="dominated")
    ax.plot(best["cost"] / scale, best["gain"] / scale, "o-", color=BLUE, ms=4, lw=1.2, label="efficient")
    ax.plot([cost / scale], [gain / scale], "D", color=ORANGE, ms=8, label="the contract as it is")
    ends = [*table["cost"] / scale, *table["gain"] / scale]
    ax.plot([min(ends), max(ends)], [min(ends), max(ends)], ":", color=GREY, lw=0.9)
    ax.set_xlim(*_wide(table["cost"] / scale))
    ax.set_ylim(*_wide(table["gain"] / scale))
    marks = np.linspace(best["gain"].min(), best["gain"].max(), 6)
    near = sorted({int((best["gain"] - mark).abs().argmin()) for mark in marks})
    for _, row in best.iloc[near].iterrows():
        words = ", ".join(f"{row[c]:.0%}" for c in found.clauses)
        ax.annotate(
            words, (row["cost"] / scale, row["gain"] / scale), (-7, 5), textcoords="offset points", fontsize=7.8,
            ha="right", color=BLUE,
        )  # fmt: skip
    ax.axhline(0, color=GREY, lw=0.6)
    ax.axvline(0, color=GREY, lw=0.6)
    ax.set_xlabel(
        f"{_lower(OBJECTIVES[found.cost][0])}, {unit} (labels: {', '.join(_short(c) for c in found.clauses)})"
    )
    ax.set_ylabel(f"{_lower(OBJECTIVES[found.gain][0])}, {unit}")
    ax.set_title("What the ACO gains, and what is paid without savings")
    ax.legend(frameon=False, fontsize=8.5, loc="lower right")
    return ax


def _short(clause: str) -> str:
    return "threshold" if clause == "msr" else _lower(CLAUSES[clause][0])


def _lower(words: str) -> str:
    return words[0].lower() + words[1:]


def _wide(values: np.ndarray) -> tuple[float, float]:
    """Limits of an axis with room for labels."""
    low, high = float(np.min(values)), float(np.max(values))
    room = 0.08 * (high - low) or 1.0
    return low - 2 * room, high + room


def by_size(run: Run, ax: Axes | None = None) -> Axes:
    """Expected payment and worst twentieth a member, by size of ACO and level of risk."""
    ax = axes_of(ax)
    if run.negotiation is None:
        return nothing(ax, NOBODY)
    table = run.negotiation.sizes.to_frame()
    for color, (name, rows) in zip(COLORS, table.groupby(level="contract", sort=False), strict=False):
        sizes = rows.index.get_level_values("members").to_numpy()
        ax.plot(sizes, rows["payment"], "o-", color=color, lw=1.6, ms=4, label=str(name))
        if rows["worst"].any():
            ax.plot(sizes, rows["worst"], "s--", color=color, lw=1.2, ms=3.5)
    ax.axhline(0, color=GREY, lw=0.8)
    ax.axvline(run.negotiation.outlook.members, color=GREY, lw=0.9, ls=":")
    ax.set_xscale("log")
    sizes = sorted(set(table.index.get_level_values("members")))
    ax.set_xticks(sizes, [f"{n:,}" for n in sizes])
    ax.xaxis.set_minor_formatter(FuncFormatter(lambda *_: ""))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: show(float(v), "$")))
    ax.set_xlabel("members (dotted: this ACO)")
    ax.set_ylabel("$ a member and year")
    ax.set_title("Expected payment (solid) and worst twentieth (dashed), by size")
    ax.legend(frameon=False, fontsize=8.5, loc="lower right")
    return ax
