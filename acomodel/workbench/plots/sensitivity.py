"""Charts of what a result depends on."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from acomodel.outlook.sensitivity.sobol import Shapley
from acomodel.workbench.model import Run
from acomodel.workbench.plots.drawing import BLUE, ORANGE, axes_of, nothing

NOTHING = "Nothing that is uncertain moves the payment."


def variance_shares(run: Run, ax: Axes | None = None) -> Axes:
    """Shares of the variance of the payment by assumption, alone and with what it brings about with others."""
    ax = axes_of(ax)
    found = run.sobol()
    if not found.sd:
        return nothing(ax, NOTHING)
    table = found.table.iloc[::-1]
    place = np.arange(len(table))
    kinds = [("effect", "low", "high", BLUE, "share")]
    if not isinstance(found, Shapley):
        kinds = [("total", "total_low", "total_high", ORANGE, "with interactions")]
        kinds += [("first", "first_low", "first_high", BLUE, "alone")]
    height = 0.72 / len(kinds)
    for n, (name, low, high, color, words) in enumerate(kinds):
        at = place + (n - (len(kinds) - 1) / 2) * height
        value = table[name].to_numpy()
        spread = np.abs(np.vstack([value - table[low], table[high] - value]))
        ax.barh(at, value, height=height * 0.92, color=color, label=words)
        ax.errorbar(value, at, xerr=spread, fmt="none", ecolor="#222222", lw=0.9)
        for y, x, reach in zip(at, value, table[high], strict=True):
            ax.annotate(f"{x:.0%}", (max(x, reach), y), (4, 0), textcoords="offset points", va="center", fontsize=8.5)
    ax.set_yticks(place, list(table.index))
    ax.set_xlim(0, None)
    ax.margins(x=0.12)
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set_xlabel(f"share of the variance of the payment, {found.confidence:.0%} intervals")
    ax.set_title("What the payment's variance comes from")
    ax.legend(frameon=False, fontsize=8.5, loc="lower right")
    return ax
