"""Charts of claims: months reported and completed, development by lag, use, price and mix, methods."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from acomodel.exhibit import Note, show
from acomodel.workbench.exhibits.claims import METHOD_WORDS, bridge_table, methods
from acomodel.workbench.model import Run
from acomodel.workbench.plots.drawing import BLUE, GREEN, GREY, ORANGE, RED, axes_of, nothing, waterfall

NONE = "No claims are read in this scenario."


def completed_months(run: Run, ax: Axes | None = None) -> Axes:
    """Allowed PMPM by month of service: reported, completed, and the interval of what is still to be paid."""
    ax = axes_of(ax)
    claims = run.tables.claims
    if claims is None:
        return nothing(ax, NONE)
    rows = claims.completion.monthly
    rows = rows.assign(variance=rows["standard_error"] ** 2).groupby("month")
    sums = rows[["allowed", "completed_allowed", "variance"]].sum().tail(36)
    months = claims.completion.exposure.reindex(sums.index)
    at = [m.year + (m.month - 0.5) / 12 for m in sums.index]
    reported, completed = sums["allowed"] / months, sums["completed_allowed"] / months
    width = NormalDist().inv_cdf((1 + claims.completion.rule.confidence) / 2) * np.sqrt(sums["variance"]) / months
    ax.fill_between(at, completed - width, completed + width, color=ORANGE, alpha=0.2, lw=0, label="interval")
    ax.plot(at, completed, color=ORANGE, lw=1.4, label="completed")
    ax.plot(at, reported, "o-", color=BLUE, lw=1.1, ms=3, label="reported")
    ax.set_ylim(0, None)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"${v:,.0f}"))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylabel("allowed $ PMPM")
    ax.set_title("Allowed PMPM by month of service")
    ax.legend(frameon=False, loc="lower left", fontsize=8.5)
    return ax


def development_curves(run: Run, ax: Axes | None = None) -> Axes:
    """Share of allowed that is paid by months after service, for the largest categories."""
    ax = axes_of(ax)
    claims = run.tables.claims
    if claims is None:
        return nothing(ax, NONE)
    sums = claims.completion.monthly.groupby("service_category")["completed_allowed"].sum()
    largest = sums.sort_values(ascending=False, kind="stable").index[:5]
    for name, color in zip(largest, (BLUE, ORANGE, GREEN, RED, GREY), strict=False):
        share = claims.completion.patterns[name, "dollars"].development["share_complete"].iloc[:13]
        ax.plot(share.index, share, "o-", color=color, lw=1.3, ms=3, label=str(name))
    ax.set_ylim(0, 1.04)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("months after the month of service")
    ax.set_ylabel("share paid")
    ax.set_title("How claims come in")
    ax.legend(frameon=False, loc="lower right", fontsize=8.5)
    return ax


def use_price_mix(run: Run, ax: Axes | None = None) -> Axes:
    """Allowed PMPM from one year to the next: what use, price and mix did."""
    ax = axes_of(ax)
    found = bridge_table(run)
    if found is None:
        return nothing(ax, NONE if run.tables.claims is None else "One year of claims makes no bridge.")
    first, last, frame = found
    total = frame.loc["Total"]
    names = {"before": f"{first}", "use": "Use", "price": "Price", "mix": "Mix", "after": f"{last}"}
    steps = pd.Series({words: float(total[name]) for name, words in names.items()})
    waterfall(ax, steps, scale=1.0, style="$.", totals=(f"{first}", f"{last}"))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"${v:,.0f}"))
    ax.set_ylabel("allowed $ PMPM")
    ax.set_title(f"Allowed PMPM from {first} to {last}")
    return ax


def methods_side_by_side(run: Run, ax: Axes | None = None) -> Axes:
    """Allowed PMPM and exposure under each method of attribution."""
    ax = axes_of(ax)
    made = methods(run)
    if isinstance(made, Note):
        return nothing(ax, made.text)
    table = made.to_frame()
    at = np.arange(len(table))
    ax.bar(at, table["Allowed PMPM"], width=0.5, color=[BLUE, *[GREY] * (len(table) - 1)])
    for x, (_, row) in zip(at, table.iterrows(), strict=True):
        words = f"{show(float(row['Allowed PMPM']), '$.')}\n{row['Member months']:,.0f} member months"
        ax.annotate(words, (x, row["Allowed PMPM"]), (0, 4), textcoords="offset points", ha="center", fontsize=8.5)
    ax.margins(y=0.2)
    ax.set_xticks(at, [str(name) for name in table.index])
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"${v:,.0f}"))
    ax.set_ylabel("allowed $ PMPM")
    chosen = run.scenario.claims.attribution.method if run.scenario.claims is not None else ""
    ax.set_title(f"Allowed PMPM by method of attribution; the scenario uses {METHOD_WORDS.get(chosen, chosen)}")
    return ax
