"""Charts: functions of a result and an axis that give the axis back, and the picture a page shows."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from itertools import pairwise

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from acomodel.exhibit import show
from acomodel.workbench.model import Run

BLUE, ORANGE, GREEN, RED, GREY = "#1f5a94", "#c46a16", "#3b7d4f", "#a83232", "#6b7280"
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "figure.dpi": 100,
    "svg.hashsalt": "acomodel",
    "svg.fonttype": "path",
    "text.parse_math": False,
}


@dataclass(frozen=True)
class Picture:
    """A finished chart as SVG, with the words that stand for it."""

    svg: str
    words: str

    def __repr__(self) -> str:
        """The words."""
        return f"[chart] {self.words}"

    def _repr_html_(self) -> str:
        """The chart with its caption."""
        return (
            f"<figure class='picture'><div role='img' aria-label='{escape(self.words, quote=True)}'>{self.svg}</div>"
            f"<figcaption>{escape(self.words)}</figcaption></figure>"
        )


def picture(
    draw: Callable[..., Axes], run: Run, words: str, *, size: tuple[float, float] = (7.6, 3.7)
) -> Picture | None:
    """
    Draw a chart of a run and finish it as a picture.

    Parameters
    ----------
    draw : callable
        A chart of this module.
    run : Run
        What it shows.
    words : str
        Caption, which also stands for the chart where it cannot be seen.
    size : tuple of float
        Width and height. [inches]

    Returns
    -------
    Picture or None
        None for a chart of a budget where the benchmark is stated, or of claims where none are read.
    """
    if (run.made is None and draw is benchmark_steps) or (run.budget is None and draw is trend):
        return None
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        drawn = draw(run, ax=figure.add_subplot())
        if not drawn.axison and run.tables.claims is None:
            return None
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    return Picture(svg[svg.index("<svg") :], words)


def axes_of(ax: Axes | None) -> Axes:
    """The axes given, or new ones in the house style."""
    if ax is not None:
        return ax
    with matplotlib.rc_context(STYLE):
        return Figure(figsize=(7.6, 3.7), layout="constrained").add_subplot()


def scale_of(largest: float) -> tuple[float, str]:
    """Divisor and unit that keep axis labels short."""
    if largest >= 2e6:
        return 1e6, "$ million"
    return (1e3, "$ thousand") if largest >= 2e4 else (1.0, "$")


def dollars(amount: float) -> str:
    """Amount in short, in millions or thousands where it is large."""
    scale, unit = scale_of(abs(amount))
    if scale == 1:
        return show(amount, "$")
    return f"{'−' if amount < 0 else ''}${abs(amount) / scale:,.{2 if scale == 1e6 else 0}f} {unit[2:]}"


def waterfall(ax: Axes, steps: pd.Series, *, scale: float, style: str, totals: tuple[str, ...]) -> Axes:
    """Bars from running level to running level; the named steps stand on zero."""
    level = 0.0
    positions = np.arange(len(steps))
    amounts = steps.to_numpy(dtype=float) / scale
    tops = []
    for position, (name, amount) in enumerate(zip(steps.index, amounts, strict=True)):
        whole = name in totals
        start = 0.0 if whole else level
        color = BLUE if whole else GREEN if amount >= 0 else ORANGE
        ax.bar(position, amount, bottom=start, color=color, width=0.62)
        level = amount if whole else level + amount
        if position + 1 < len(steps):
            ax.plot([position + 0.31, position + 0.69], [level, level], color=GREY, lw=0.8)
        tops.append((position, max(start, start + amount), amount))
    low, high = ax.get_ylim()
    for position, top, amount in tops:
        text = show(float(amount) * scale, style)
        ax.annotate(text, (position, top), (0, 2), textcoords="offset points", ha="center", va="bottom", fontsize=8.5)
    ax.set_ylim(low, high + 0.08 * (high - low))
    ax.axhline(0, color=GREY, lw=0.8)
    width, size = min(14, 90 // len(steps)), 8.5 if len(steps) < 9 else 7.8
    ax.set_xticks(positions, [_wrapped(str(name), width) for name in steps.index], fontsize=size)
    return ax


def _wrapped(text: str, width: int) -> str:
    """Label broken into short lines at spaces."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


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


def nothing(ax: Axes, words: str) -> Axes:
    """Words where there is nothing to draw."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, words, ha="center", va="center", color=GREY, transform=ax.transAxes)
    return ax
