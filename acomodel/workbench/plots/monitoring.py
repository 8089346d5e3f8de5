"""Charts of a monthly report: budget to actual, categories against budget, rolling rates, departures."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, PercentFormatter

from acomodel.exhibit import show
from acomodel.workbench.exhibits.monitoring import NONE
from acomodel.workbench.model import Run
from acomodel.workbench.monitoring import monitoring
from acomodel.workbench.plots.drawing import BLUE, GREEN, GREY, ORANGE, RED, axes_of, nothing, waterfall

EFFECTS = {"risk": GREY, "use": BLUE, "price": ORANGE, "mix": GREEN}
"""Causes of a variance within a category, and their colours."""
SHOWN = 24
"""Months of rolling rates that are drawn. [months]"""


def bridge(run: Run, ax: Axes | None = None) -> Axes:
    """From the budget to the actual PMPM of the months seen: risk, use, price, mix and what the contract leaves out."""
    ax = axes_of(ax)
    found = monitoring(run)
    if found is None:
        return nothing(ax, NONE)
    steps = found.variances().bridge.rename({"Budget": "Target" if found.own_targets else "Benchmark"})
    first = str(steps.index[0])
    waterfall(ax, steps, scale=1.0, style="$.", totals=(first, "Actual"), costs=True)
    levels = [float(steps.iloc[0]), *(float(steps.iloc[0] + steps.iloc[1:n].sum()) for n in range(2, len(steps)))]
    low, high = min([*levels, float(steps.iloc[-1])]), max([*levels, float(steps.iloc[-1])])
    room = max(high - low, 0.02 * high)
    ax.set_ylim(max(low - 0.6 * room, 0), high + 0.35 * room)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"${v:,.0f}"))
    ax.set_ylabel("$ PMPM (axis cut off)")
    ax.set_title(f"{found.year} to the end of {found.months[-1]:%B}: from budget to actual")
    return ax


def categories(run: Run, ax: Axes | None = None) -> Axes:
    """Variance of each service category from its budget, and what of it is risk, use, price and mix."""
    ax = axes_of(ax)
    found = monitoring(run)
    if found is None:
        return nothing(ax, NONE)
    rows = found.variances().categories
    gap = rows["actual"] - rows["budget"]
    rows = rows.loc[gap.abs().sort_values(kind="stable").index[-10:]]
    gap, at = gap.loc[rows.index], np.arange(len(rows))
    up, down = np.zeros(len(rows)), np.zeros(len(rows))
    for name, color in EFFECTS.items():
        amount = rows[name].to_numpy(float)
        if not np.abs(amount).max() > 0.005:
            continue
        start = np.where(amount >= 0, up, down)
        ax.barh(at, amount, left=start, color=color, height=0.62, label=name.capitalize())
        up, down = up + amount.clip(min=0), down + amount.clip(max=0)
    ax.plot(gap, at, "D", color=RED, ms=4.5, label="Together", ls="none")
    for y, (value, right) in enumerate(zip(gap, up, strict=True)):
        words = f"+{show(float(value), '$.')}" if value > 0 else show(float(value), "$.")
        ax.annotate(words, (right, y), (5, 0), textcoords="offset points", va="center", fontsize=8.5)
    ax.axvline(0, color=GREY, lw=0.8)
    left, right_end = ax.get_xlim()
    ax.set_xlim(left, right_end + 0.12 * (right_end - left))
    ax.set_yticks(at, [str(name) for name in rows.index])
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.10g}".replace("-", "−")))
    ax.set_xlabel("above budget (+) or below (−), $ PMPM")
    ax.set_title(f"Service categories against budget, {found.year}")
    ax.set_ylim(-0.6, len(rows) + 0.4)
    ax.legend(frameon=False, fontsize=8.5, loc="upper left", ncols=5, borderaxespad=0.0)
    return ax


def rolling(run: Run, ax: Axes | None = None) -> Axes:
    """Rolling PMPM of the latest two years, and the budget of the contract year's months."""
    ax = axes_of(ax)
    found = monitoring(run)
    if found is None:
        return nothing(ax, NONE)
    ends = found.exposure.index[-SHOWN:]
    at = np.arange(len(ends))
    month = found.rolling(1).reindex(ends)
    ax.plot(at, month["pmpm"], "o", color=GREY, ms=3, alpha=0.8, label="month")
    for length, color in zip(found.settings.rolling, (BLUE, GREEN, RED, GREY), strict=False):
        frame = found.rolling(length).reindex(ends)
        ax.plot(at, frame["pmpm"], color=color, lw=1.6, label=f"{length} months")
        if frame["budget_pmpm"].notna().any():
            ax.plot(at, frame["budget_pmpm"], color=color, lw=1.1, ls="--")
    ax.plot([], [], color=GREY, lw=1.1, ls="--", label="budget of the same months")
    label = [m.strftime("%b\n%Y") if m.month == 1 or n == 0 else m.strftime("%b") for n, m in enumerate(ends)]
    every = 1 if len(ends) <= 12 else 2
    first = next((n for n, m in enumerate(ends) if m.month == 1), 0) % every
    ax.set_xticks(at[first::every], label[first::every])
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"${v:,.0f}"))
    ax.set_ylabel("allowed $ PMPM, completed")
    ax.set_xlabel("months to the end of")
    ax.set_title("Rolling PMPM against budget")
    ax.margins(y=0.22)
    ax.legend(frameon=False, fontsize=8.5, loc="upper left", ncols=4)
    return ax


def departures(run: Run, ax: Axes | None = None) -> Axes:
    """Control chart: statistic of all services and of the categories nearest an alarm against the bound, by month."""
    ax = axes_of(ax)
    found = monitoring(run)
    made = None if found is None else found.drift()
    if found is None or made is None:
        return nothing(ax, NONE if found is None else "Too little of the year is paid to test it.")
    wide = made.table["statistic"].unstack("series")
    if not wide.notna().any().any():
        return nothing(ax, "Two months of the year are wanted before spending is tested.")
    bound = made.table["bound"].groupby("as_of").first().replace(np.inf, np.nan)
    at = np.arange(len(wide))
    alarms = {alarm.series: alarm for alarm in made.alarms}
    near = wide.drop(columns="All", errors="ignore").div(bound, axis=0).max().sort_values(ascending=False).index[:3]
    for name, color in zip(("All", *near), (BLUE, ORANGE, GREEN, RED), strict=False):
        if name not in wide:
            continue
        ax.plot(at, wide[name], "o-", color=color, lw=1.5, ms=3, label="All services" if name == "All" else str(name))
        if name in alarms:
            first = wide.index.get_loc(alarms[name].month)
            ax.plot(first, wide[name].iloc[first], "o", mfc="none", mec=color, ms=11, mew=1.6)
    ax.plot(at, bound, color=GREY, lw=1.3, ls="--", label="bound of an alarm")
    if alarms:
        ax.plot([], [], "o", mfc="none", mec=GREY, ms=10, mew=1.4, ls="none", label="first alarm")
    ax.set_ylim(0, 1.3 * max(float(np.nanmax(bound)), float(np.nanmax(wide.to_numpy(float)))))
    ax.set_xticks(at, [m.strftime("%b" if m.month > 1 else "%b\n%Y") for m in wide.index])
    ax.set_xlabel("seen at the end of")
    ax.set_ylabel("distance from budget,\nin standard errors")
    ax.set_title(f"Departures from budget: chance raises an alarm in {made.false_alarm:.0%} of years")
    ax.legend(frameon=False, fontsize=8.5, loc="upper left", ncols=3)
    return ax


def months(run: Run, ax: Axes | None = None) -> Axes:
    """Each month of the year against its budget, all services, with what chance alone makes of it."""
    ax = axes_of(ax)
    found = monitoring(run)
    made = None if found is None else found.drift()
    if found is None or made is None or "All" not in made.deviations:
        return nothing(ax, NONE if found is None else "Too little of the year is paid to test it.")
    off = made.deviations["All"].dropna()
    at = np.arange(len(off))
    ax.bar(at, off, width=0.62, color=[ORANGE if value > 0 else BLUE for value in off])
    ax.axhline(0, color=GREY, lw=0.8)
    lives = found.exposure.reindex(off.index)
    weights = found.phase.reindex(off.index) * lives
    whole = (off * weights).cumsum() / weights.cumsum()
    ax.plot(at, whole, "o-", color=RED, lw=1.4, ms=3, label="year to date")
    ax.set_xticks(at, [m.strftime("%b" if m.month > 1 else "%b\n%Y") for m in off.index])
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set_ylabel("completed over budget, less one")
    ax.set_title(f"Months of {found.year} against budget, as seen at the end of {found.as_of:%B %Y}")
    ax.legend(frameon=False, fontsize=8.5, loc="best")
    return ax
