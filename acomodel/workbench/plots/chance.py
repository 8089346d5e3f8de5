"""Charts of chance: by size and threshold, over savings rates, by cause, and payments over the coming years."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from acomodel.contract.settlement import settle
from acomodel.exhibit import show
from acomodel.outlook.luck.savings import SavingsDistribution
from acomodel.outlook.years.uncertainty import WORDS
from acomodel.workbench.exhibits.chance import (
    REAL_SAVER,
    by_size,
    reaching,
    variance_of,
)
from acomodel.workbench.model import Run
from acomodel.workbench.outlook import Outlook
from acomodel.workbench.plots.drawing import BLUE, GREEN, GREY, ORANGE, RED, axes_of, nothing

NONE = "Nobody says how many members this scenario has."
CURVES = (0.01, 0.02, 0.03, 0.04, 0.05)
"""Thresholds drawn against size. [share]"""
POINTS = 25
"""Sizes that a curve is drawn through."""
TICKS = (1, 3, 10, 30, 100, 300, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 300_000, 1_000_000)
"""Sizes that the axis names, as far as it reaches. [members]"""
BOX = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}


def chance_by_size(run: Run, ax: Axes | None = None) -> Axes:
    """Chance that luck alone reaches each of several thresholds against size, and the contract's own point."""
    ax = axes_of(ax)
    outlook = run.outlook
    if outlook is None:
        return nothing(ax, NONE)
    own = outlook.limits[0]
    low, high = min(1_000, round(0.8 * outlook.members)), max(100_000, round(1.25 * outlook.members))
    sizes = tuple(int(n) for n in np.unique(np.rint(np.geomspace(low, high, POINTS)).astype(int)))
    found = by_size(outlook, sizes, CURVES)
    for limit, color in zip(CURVES, (GREY, BLUE, GREEN, ORANGE, RED), strict=True):
        ax.plot(sizes, found[limit], color=color, lw=1.6, label=f"{limit:.0%}")
    here = reaching(outlook.savings(), own)
    words = f"{here:.1%}" if here >= 0.0005 else "below 0.1%"
    ax.plot([outlook.members], [here], "o", color="black", ms=7, zorder=5, clip_on=False)
    ax.annotate(
        f"this contract: {outlook.members:,} members,\nthreshold {own:.2%}, chance {words}",
        (outlook.members, here),
        (0.55, 0.98),
        textcoords="axes fraction",
        ha="center",
        va="top",
        fontsize=8.5,
        arrowprops={"arrowstyle": "-", "color": GREY, "lw": 0.8, "shrinkB": 5},
    )
    ax.set_xscale("log")
    ticks = [n for n in TICKS if low <= n <= high]
    ax.set_xticks(ticks, [f"{n:,}" for n in ticks])
    ax.minorticks_off()
    ax.set_xlim(low, high)
    ax.set_ylim(0, 0.6)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set_xlabel("members (log scale)")
    ax.set_ylabel("chance that luck alone reaches it")
    ax.set_title("Savings by luck alone, by size and threshold")
    ax.legend(title="threshold", frameon=False, fontsize=8.5, title_fontsize=8.5, loc="upper right")
    return ax


def savings_density(run: Run, ax: Axes | None = None) -> Axes:
    """Density of the savings rate by luck alone and of a real saver, over the regions in which the contract pays."""
    ax = axes_of(ax)
    outlook = run.outlook
    if outlook is None:
        return nothing(ax, NONE)
    saved = outlook.true_savings or REAL_SAVER
    luck, saver = outlook.savings(), outlook.savings(saved)
    if not luck.sd:
        return nothing(ax, "No cost differs from another: nothing is left to chance.")
    msr, mlr = outlook.limits
    marks = sorted({msr} if np.isnan(mlr) else {-mlr if mlr else 0.0, msr})
    reach = [f(d.quantile(p) for d in (luck, saver)) for f, p in ((min, 0.001), (max, 0.999))]
    room = 0.12 * (reach[1] - reach[0])
    low, high = min(reach[0], min(marks) - 2 * room), max(reach[1], max(marks) + 2 * room)
    rates = np.linspace(low, high, 801)
    payment = _payment(outlook, rates)
    heights = np.asarray(luck.density(rates))
    top = max(float(heights.max()), float(np.asarray(saver.density(rates)).max()))
    for sign, color in ((1, GREEN), (-1, RED), (0, GREY)):
        ax.fill_between(rates, heights, where=np.sign(payment) == sign, color=color, alpha=0.3, lw=0)
    ax.plot(rates, heights, color=BLUE, lw=1.6)
    ax.plot(rates, saver.density(rates), color=ORANGE, lw=1.4, ls="--")
    _label_curves(ax, luck, saver, saved)
    chances = {}
    for share, words in ((0.0, "luck alone"), (saved, f"saves {show(saved, '%')}")):
        paid = outlook.payments(share)
        rest = max(1 - paid.chance_earned - paid.chance_owed, 0.0)
        chances[words] = {1: paid.chance_earned, -1: paid.chance_owed, 0: rest}
    for sign, word, color in ((1, "earns", GREEN), (-1, "owes", RED), (0, "nothing paid", GREY)):
        middle = _widest(rates, np.sign(payment) == sign)
        if middle is None:
            continue
        lines = [word, *(f"{name}: {at[sign]:.1%}" for name, at in chances.items())]
        ax.text(middle, 1.5 * top, "\n".join(lines), ha="center", va="top", fontsize=8.2, color=color, bbox=BOX)
    close = len(marks) == 2 and marks[1] - marks[0] < 0.2 * (high - low)
    for mark, side in zip(marks, ("right", "left") if close else ("center", "center"), strict=False):
        ax.axvline(mark, color=GREY, lw=0.9, ls=":")
        frame = ("data", "axes fraction")
        ax.annotate(show(mark, "%."), (mark, 1), (0, 1), frame, "offset points", ha=side, fontsize=8.2, color=GREY)
    ax.set_xlim(low, high)
    ax.set_ylim(0, 1.55 * top)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(9, steps=[1, 2, 5, 10]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{round(v * 100, 6):.10g}%".replace("-", "−")))
    ax.set_xlabel("savings rate (negative: losses)")
    ax.set_title(f"Savings rate of {outlook.members:,} members: by luck alone, and with true savings", pad=16)
    return ax


def _payment(outlook: Outlook, rates: np.ndarray) -> np.ndarray:
    """Payment of the headline contract at savings rates. [$]"""
    benchmark = np.full(len(rates), outlook.benchmark)
    found = settle(benchmark, benchmark * (1 - rates), outlook.terms, members=outlook.members, **outlook.quality)
    return np.asarray(found.payment)


def _widest(rates: np.ndarray, inside: np.ndarray) -> float | None:
    """Middle of the widest run of rates inside a region; None where there is none to write in."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(int), [0]])))
    if not len(edges):
        return None
    starts, ends = edges[::2], edges[1::2] - 1
    widest = int(np.argmax(ends - starts))
    if ends[widest] - starts[widest] < 0.02 * len(rates):
        return None
    return float((rates[starts[widest]] + rates[ends[widest]]) / 2)


def _label_curves(ax: Axes, luck: SavingsDistribution, saver: SavingsDistribution, saved: float) -> None:
    """Names beside the outer flanks of both curves."""
    outer = -1 if saved > 0 else 1
    sides = ((luck, outer, BLUE, "luck alone"), (saver, -outer, ORANGE, f"saves {show(saved, '%')}"))
    for rates, side, color, words in sides:
        at = float(rates.quantile(0.22 if side < 0 else 0.78))
        align = "right" if side < 0 else "left"
        place = (at, float(np.asarray(rates.density(np.array([at])))[0]))
        ax.annotate(
            words, place, (6 * side, 3), textcoords="offset points", ha=align, va="bottom", fontsize=8.5, color=color
        )


def variance_bars(run: Run, ax: Axes | None = None) -> Axes:
    """Share of the variance of payment and savings rate that each cause makes, with standard errors."""
    ax = axes_of(ax)
    outlook = run.outlook
    if outlook is None:
        return nothing(ax, NONE)
    split = variance_of(outlook)
    table = split.payment.table.iloc[::-1]
    rate = split.savings_rate.table.loc[table.index]
    if not len(table):
        return nothing(ax, "Nothing is uncertain.")
    place = np.arange(len(table))
    for offset, found, color, words in ((0.19, table, BLUE, "payment"), (-0.19, rate, ORANGE, "savings rate")):
        ax.barh(place + offset, found["share"], height=0.36, color=color, label=words)
        ax.errorbar(found["share"], place + offset, xerr=found["share_se"], fmt="none", ecolor="black", elinewidth=0.8)
        for y, share, error in zip(place + offset, found["share"], found["share_se"], strict=True):
            ax.annotate(
                show(float(share), "%"),
                (max(share + error, 0), y),
                (4, 0),
                textcoords="offset points",
                va="center",
                fontsize=8.2,
            )
    names = [WORDS[cause].split(":")[0] for cause in table.index]
    ax.set_yticks(place, names)
    ax.set_xlim(min(0, float(table["share"].min())), 1.15 * float(max(table["share"].max(), rate["share"].max())))
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    years = outlook.prospect.years
    span = f"{years} years together" if years > 1 else "one year"
    ax.set_xlabel(f"share of the variance, {span} (± one standard error)")
    ax.set_title("What makes the result uncertain")
    ax.legend(frameon=False, fontsize=8.5, loc="lower right")
    return ax


def futures_fan(run: Run, ax: Axes | None = None) -> Axes:
    """Quantiles of the payment of each coming year, its expectation, and the chances to earn and to owe."""
    ax = axes_of(ax)
    outlook = run.outlook
    if outlook is None:
        return nothing(ax, NONE)
    payment = outlook.simulation.payment
    levels = np.quantile(payment, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
    scale, unit = (1e6, "$ million") if np.abs(levels).max() >= 2e6 else (1e3, "$ thousand")
    years = np.arange(1, payment.shape[1] + 1)
    x, bands = years.astype(float), levels / scale
    if len(years) == 1:
        x, bands = np.array([0.8, 1.2]), np.repeat(bands, 2, axis=1)
    ax.fill_between(x, bands[0], bands[4], color=BLUE, alpha=0.15, lw=0, label="9 of 10 futures")
    ax.fill_between(x, bands[1], bands[3], color=BLUE, alpha=0.3, lw=0, label="half of them")
    ax.plot(x, bands[2], color=BLUE, lw=1.6, label="median")
    ax.plot(years, payment.mean(axis=0) / scale, "o--", color=ORANGE, lw=1.2, ms=5, label="expected")
    ax.axhline(0, color=GREY, lw=0.8)
    earned, owed = (payment > 0).mean(axis=0), (payment < 0).mean(axis=0)
    names = [f"year {t}\nearns {p:.0%}" for t, p in zip(years, earned, strict=True)]
    if (payment < 0).any():
        names = [f"{name}\nowes {p:.0%}" for name, p in zip(names, owed, strict=True)]
    every = -(-len(years) // 8)
    ax.set_xticks(years[::every], names[::every])
    ax.set_xlim(years[0] - 0.35, years[-1] + 0.35)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.18 * (high - low))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.10g}".replace("-", "−")))
    ax.set_ylabel(f"payment to the ACO, {unit}")
    ax.set_title(f"Payment over the coming years, {len(payment):,} futures")
    ax.legend(frameon=False, fontsize=8.5, loc="upper left", ncols=4)
    return ax
