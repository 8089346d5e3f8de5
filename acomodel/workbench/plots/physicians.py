"""Charts of physicians against their peers."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, PercentFormatter

from acomodel.claims.care.peers import ABOVE, BELOW
from acomodel.claims.care.physicians import Profile
from acomodel.reliability import reliability as reliability_of
from acomodel.workbench.exhibits.physicians import SHOWN, enough
from acomodel.workbench.model import Run
from acomodel.workbench.physicians import physicians
from acomodel.workbench.plots.drawing import BLUE, GREEN, GREY, ORANGE, axes_of, nothing

NONE = "The scenario tells of no physicians: [claims.care] or [physicians] with tables is wanted."
FEW = "No physician has enough cases to be compared."
NAMED = 32
"""Physicians up to which a chart names each."""


def caterpillar(run: Run, ax: Axes | None = None) -> Axes:
    """Shrunk cost ratios with intervals in order, coloured where the interval does not reach 1."""
    return _caterpillar(run, axes_of(ax), "costs", "cost of episodes over that of peers", "Cost of episodes")


def quality(run: Run, ax: Axes | None = None) -> Axes:
    """Shrunk quality ratios with intervals in order, coloured where the interval does not reach 1."""
    return _caterpillar(run, axes_of(ax), "quality", "compliance over that of peers", "Quality", good=ABOVE)


def panels(run: Run, ax: Axes | None = None) -> Axes:
    """Shrunk ratios of the cost of attributed members with intervals in order."""
    return _caterpillar(run, axes_of(ax), "panels", "cost of members over that of peers", "Cost of members")


def _caterpillar(run: Run, ax: Axes, name: str, words: str, title: str, *, good: str = BELOW) -> Axes:
    profile, lacking = _of(run, name)
    if profile is None:
        return nothing(ax, lacking)
    rows = enough(run, profile)
    rows = rows[rows["shrunk"].notna()].nlargest(SHOWN, "exposure").reset_index()
    if rows.empty:
        return nothing(ax, FEW)
    rows = rows.sort_values(["shrunk", "physician"], ignore_index=True)
    at = np.arange(len(rows))
    ax.axhline(1.0, color=GREY, lw=1.0, ls="--")
    bad = ABOVE if good == BELOW else BELOW
    groups = {good: GREEN, bad: ORANGE, "not told apart, or not reliably": GREY}
    for word, color in groups.items():
        mine = (rows["standing"] == word) if color != GREY else ~rows["standing"].isin([good, bad])
        part, where = rows[mine], at[mine]
        if part.empty:
            continue
        ax.vlines(where, part["low"], part["high"], color=color, lw=2.2 if color != GREY else 1.2, alpha=0.8)
        ax.plot(where, part["shrunk"], "o", color=color, ms=4, label=f"{word} ({len(part)})")
    ax.plot(at, rows["ratio"], "_", color="black", ms=5, alpha=0.55, label="as observed")
    low, high = rows[["low", "ratio"]].min().min(), rows[["high", "ratio"]].max().max()
    ax.set_ylim(max(0.0, low - 0.05), high + 0.22 * (high - low))
    ax.set_ylabel(words)
    if len(rows) <= NAMED:
        ax.set_xticks(at, rows["physician"].astype(str).tolist(), rotation=90, fontsize=7)
    else:
        ax.set_xticks([])
        ax.set_xlabel(f"the {len(rows)} physicians with most cases, in order of the shrunk ratio")
    ax.set_xlim(-0.7, len(rows) - 0.3)
    ax.set_title(f"{title} against peers at own mix, {profile.rule.level:.0%} intervals")
    ax.legend(frameon=False, fontsize=8, loc="upper left", ncols=2)
    return ax


def reliability(run: Run, ax: Axes | None = None) -> Axes:
    """Reliability of each physician's cost ratio by number of episodes, and the curve of a physician of average mix."""
    ax = axes_of(ax)
    profile, lacking = _of(run, "costs")
    if profile is None:
        return nothing(ax, lacking)
    rows = enough(run, profile)
    rows = rows[rows["reliability"].notna()]
    if rows.empty:
        return nothing(ax, FEW)
    specialties = rows["units"].groupby("specialty").sum().sort_values(ascending=False, kind="stable").index
    cases = np.geomspace(5, max(200.0, float(rows["units"].max()) * 1.6), 80)
    for name, color in zip(specialties[:3], (BLUE, ORANGE, GREEN), strict=False):
        part = rows.xs(name, level="specialty")
        one = float((part["error_variance"] * part["units"]).median())
        ax.plot(cases, reliability_of(float(profile.spread[name]) ** 2, one / cases), color=color, lw=1.3)
        ax.plot(part["units"], part["reliability"], "o", color=color, ms=4, alpha=0.75, label=str(name))
    rest = rows[~rows.index.get_level_values("specialty").isin(specialties[:3])]
    if len(rest):
        ax.plot(rest["units"], rest["reliability"], "o", color=GREY, ms=3, alpha=0.6, label="other specialties")
    threshold = profile.rule.minimum_reliability
    ax.axhline(threshold, color=GREY, lw=1.0, ls="--")
    ax.annotate(
        f"judged from {threshold:.0%} on", (cases[0], threshold), (2, 3), textcoords="offset points", fontsize=8
    )
    ax.set_xscale("log")
    ticks = [t for t in (5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000) if t <= cases[-1]]
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_ylim(0, 1.02)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    ax.set_xlabel("episodes")
    ax.set_ylabel("reliability")
    ax.set_title("Reliability of the cost ratio by number of episodes")
    ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def referrals(run: Run, ax: Axes | None = None) -> Axes:
    """Referred PMPM of each physician of primary care by specialty, with the mean and its deviations."""
    ax = axes_of(ax)
    found = physicians(run)
    if found is None:
        return nothing(ax, NONE)
    if found.referrals is None:
        return nothing(ax, FEW)
    table = found.referrals.table
    names = list(table.index.unique("specialty"))
    for at, name in enumerate(names):
        part = table.xs(name, level="specialty")
        mean, sd = float(part["mean"].iloc[0]), float(part["sd"].fillna(0).iloc[0])
        for times, shade in ((2, 0.12), (1, 0.2)):
            ax.fill_between([at - 0.36, at + 0.36], mean - times * sd, mean + times * sd, color=BLUE, alpha=shade, lw=0)
        ax.hlines(mean, at - 0.36, at + 0.36, color=BLUE, lw=1.2)
        spread = np.linspace(-0.26, 0.26, len(part)) if len(part) > 1 else np.zeros(1)
        ordered = part.sort_values("total", kind="stable")
        colors = ordered["mark"].map({"": GREY, "^": ORANGE, "^^": ORANGE}).tolist()
        ax.scatter(at + spread, ordered["total"], c=colors, s=16, zorder=3)
        for x, (who, row) in zip(at + spread, ordered.iterrows(), strict=True):
            if row["mark"]:
                said, where = f"{who} {row['mark']}", (x, row["total"])
                ax.annotate(said, where, (6, 0), textcoords="offset points", fontsize=7.5, va="center")
    ax.set_xticks(range(len(names)), [str(name) for name in names], fontsize=8.5)
    ax.set_xlim(-0.6, len(names) - 0.4)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"${v:,.0f}"))
    ax.set_ylabel("referred services, $ PMPM")
    ax.set_title("Referred services by physician of primary care: mean, one and two deviations")
    return ax


def _of(run: Run, name: str) -> tuple[Profile | None, str]:
    """What is compared, or why nothing is."""
    found = physicians(run)
    if found is None:
        return None, NONE
    return getattr(found, name), FEW
