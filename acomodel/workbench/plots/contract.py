"""Charts of a benchmark and a settlement."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from acomodel.exhibit import show
from acomodel.workbench.model import Run
from acomodel.workbench.plots.drawing import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    axes_of,
    nothing,
    scale_of,
    waterfall,
)


def benchmark_steps(run: Run, ax: Axes | None = None) -> Axes:
    """Waterfall from baseline PMPM to benchmark PMPM; an empty frame with a note where none is built."""
    ax = axes_of(ax)
    if run.made is None:
        return nothing(ax, "The benchmark is stated, not built.")
    steps = run.made.to_frame()
    bars = steps["change"].copy()
    bars.loc["Benchmark"] = run.made.pmpm
    totals = (str(steps.index[0]), "Benchmark")
    waterfall(ax, bars, scale=1.0, style="$.", totals=totals)
    levels = steps["pmpm"].to_numpy()
    reach = levels.max() - levels.min()
    if reach < 0.6 * levels.min():
        bottom = max(0.0, levels.min() - 1.1 * reach)
        ax.set_ylim(bottom, levels.max() + 0.35 * reach)
        ax.set_ylabel(f"$ PMPM; the axis starts at {show(float(bottom), '$')}")
    else:
        ax.set_ylabel("$ PMPM")
    of = run.scenario.benchmark or run.scenario.historical
    ax.set_title(f"Benchmark {of.year if of else ''}, step by step")
    return ax


def settlement_steps(run: Run, ax: Axes | None = None) -> Axes:
    """Waterfall from savings or losses to the payment of the headline year."""
    ax = axes_of(ax)
    position = run.scenario.headline()
    walk = run.settlement.walk(position)
    scale, unit = scale_of(float(walk.abs().max()))
    waterfall(ax, walk, scale=scale, style="$", totals=(str(walk.index[0]), "Payment"))
    ax.set_ylabel(unit)
    ax.set_title(f"From savings to payment, {run.scenario.years[position].label}")
    return ax


def trend(run: Run, ax: Axes | None = None) -> Axes:
    """Allowed PMPM observed, fitted with its interval, and projected."""
    ax = axes_of(ax)
    if run.budget is None:
        return nothing(ax, "The benchmark is stated, not built.")
    budget = run.budget
    projected = budget.projection.groupby("year")["allowed_pmpm"].sum()
    if run.tables.monthly is not None and run.scenario.trend is not None:
        fit = run.fitted.fit("All", run.scenario.trend.rule, "allowed_pmpm")
        points = fit.points
        first = points["first"].iloc[0].start_time
        width = (points["last"].iloc[0] - points["first"].iloc[0]).n + 1
        at = [first.year + (first.month - 1) / 12 + width / 24 + years for years in points["years"]]
        ax.fill_between(at, points["low"], points["high"], color=BLUE, alpha=0.18, lw=0, label="interval of the fit")
        ax.plot(at, points["fitted"], color=BLUE, lw=1.4, label="fit")
        ax.plot(at, points["observed"], "o", color=GREY, ms=3.2, label="observed")
        rate = f"{fit.annual_factor - 1:.1%} a year"
        if fit.method == "regression":
            rate += f" ({fit.low - 1:.1%} to {fit.high - 1:.1%})"
    else:
        history = budget.report["allowed_pmpm"].groupby("year").sum()
        at = [year + 0.5 for year in history.index]
        ax.plot(at, history, "o-", color=BLUE, lw=1.4, ms=5, label="experience")
        for x, value in zip(at, history, strict=True):
            ax.annotate(
                show(float(value), "$."), (x, value), (0, 8), textcoords="offset points", ha="center", fontsize=8.5
            )
        changes = [f"{b / a - 1:.1%}" for a, b in pairwise(history)]
        rate = "ratios " + ", ".join(changes)
        every = [*history.index, *projected.index]
        ax.set_xticks([year + 0.5 for year in every], [str(year) for year in every])
    base = float(budget.report.loc[budget.base_year, "allowed_pmpm"].sum())
    kept = float(run.fitted.report.loc[budget.base_year, "allowed_pmpm"].sum()) / base
    projected, base = projected * kept, base * kept
    words = "projected, unadjusted" if run.fitted is run.tables else "projected, large claims left out"
    xs = [budget.base_year + 0.5, *(year + 0.5 for year in projected.index)]
    ax.plot(xs, [base, *projected], "s--", color=ORANGE, lw=1.2, ms=4.5, label=words)
    for x, value in zip(xs[1:], projected, strict=True):
        ax.annotate(
            show(float(value), "$."), (x, value), (0, -15), textcoords="offset points", ha="center", fontsize=8.5
        )
    ax.margins(y=0.16)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"${v:,.0f}"))
    ax.set_ylabel("allowed $ PMPM")
    ax.set_title(f"Allowed claims PMPM, all services: {rate}")
    ax.legend(frameon=False, loc="upper left", fontsize=8.5)
    return ax


def tornado(run: Run, ax: Axes | None = None) -> Axes:
    """Payment at the low and the high of each assumption, around its base."""
    ax = axes_of(ax)
    result = run.one_way()
    table = result.table.iloc[::-1]
    scale, unit = scale_of(float(table[["at_low", "at_high"]].abs().to_numpy().max()))
    base = result.base / scale
    place = np.arange(len(table))
    ends = table[["at_low", "at_high"]].to_numpy() / scale
    for y, (low, high) in zip(place, ends, strict=True):
        ax.barh(y, low - base, left=base, color=ORANGE, height=0.55, label="at low value" if y == 0 else None)
        ax.barh(y, high - base, left=base, color=BLUE, height=0.55, label="at high value" if y == 0 else None)
    ax.use_sticky_edges = False
    ax.margins(x=0.22)
    for y, (low, high) in zip(place, ends, strict=True):
        left, right = min(low, high, base), max(low, high, base)
        ax.annotate(
            show(float(left) * scale, "$"),
            (left, y),
            (-4, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=8.5,
        )
        if right > left:
            ax.annotate(
                show(float(right) * scale, "$"),
                (right, y),
                (4, 0),
                textcoords="offset points",
                va="center",
                fontsize=8.5,
            )
    ax.axvline(base, color=GREY, lw=1)
    ax.set_yticks(place, list(table.index))
    ax.set_xlabel(f"payment, {unit}; base {show(result.base, '$')}")
    ax.set_title("Payment, one assumption at a time")
    ax.legend(frameon=False, fontsize=8.5, loc="lower right")
    return ax


def payment_by_outcome(run: Run, ax: Axes | None = None) -> Axes:
    """Payment of the headline year against the savings rate, with thresholds and the year's own outcome."""
    ax = axes_of(ax)
    position = run.scenario.headline()
    rates = run.scenario.outcomes.savings_rates
    curve = run.outcomes(rates=np.linspace(min(rates), max(rates), 801))["payment"]
    scale, unit = scale_of(float(curve.abs().max()))
    head = run.headline()
    ax.plot(curve.index, curve / scale, color=BLUE, lw=1.6)
    ax.fill_between(curve.index, curve / scale, 0, where=curve > 0, color=GREEN, alpha=0.15, lw=0)
    ax.fill_between(curve.index, curve / scale, 0, where=curve < 0, color=RED, alpha=0.15, lw=0)
    ax.axhline(0, color=GREY, lw=0.8)
    marks = [(head["msr"], f"threshold {head['msr']:.2%}")]
    if run.terms[position].two_sided:
        marks.append((-head["mlr"], f"−{head['mlr']:.2%}"))
    for at, words in marks:
        ax.axvline(at, color=GREY, lw=0.9, ls=":")
        ax.annotate(
            words, (at, 1), (3, -4), ("data", "axes fraction"), "offset points", va="top", fontsize=8.5, color=GREY
        )
    ax.plot([head["savings_rate"]], [head["payment"] / scale], "o", color=ORANGE, ms=6)
    ax.annotate(
        f"this scenario\n{show(float(head['payment']), '$')}",
        (head["savings_rate"], head["payment"] / scale),
        (-8, 10),
        textcoords="offset points",
        ha="right",
        fontsize=8.5,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1},
    )
    ax.margins(y=0.12)
    ax.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 2, 5, 10]))
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.10g}".replace("-", "−")))
    ax.set_xlabel("savings rate (negative: losses)")
    ax.set_ylabel(f"payment to the ACO, {unit}")
    ax.set_title(f"Payment by outcome, {run.scenario.years[position].label}")
    return ax
