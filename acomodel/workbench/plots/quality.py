"""Charts of quality: points by measure, payment by score, dollars per point."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, PercentFormatter

from acomodel.workbench.model import Run
from acomodel.workbench.plots.drawing import BLUE, GREEN, GREY, ORANGE, axes_of, dollars, nothing, scale_of
from acomodel.workbench.quality import domains_shown, hidden_measures, payments_by_score, quality_of, worth

NONE = "No results of quality measures are given."
LENGTH = 44
"""Letters of a measure's name beside its bar."""


def points(run: Run, ax: Axes | None = None) -> Axes:
    """Points of each measure against those possible, by domain."""
    ax = axes_of(ax)
    found = quality_of(run.scenario, run.tables)
    if found is None:
        return nothing(ax, NONE, left_out=True)
    found = domains_shown(run, found)
    table = found.measures[found.measures["basis"].isin(["performance", "reporting", "few"])]
    order = [name for domain in found.domains.index for name in table.index[table["domain"] == domain]]
    table = table.loc[order + [name for name in table.index if name not in order]]
    at, level = np.zeros(len(table)), 0.0
    for row, (domain, before) in enumerate(zip(table["domain"], [None, *table["domain"][:-1]], strict=True)):
        level += 1.0 if before is None or domain == before else 1.7
        at[row] = level
    colors = [{"performance": BLUE, "reporting": GREY}.get(basis, ORANGE) for basis in table["basis"]]
    counts = (table["basis"] != "few").to_numpy()
    ax.barh(at[counts], table["possible"][counts], color="#e5e7eb", height=0.72, label="possible")
    for level in at[~counts]:
        ax.text(
            0.01 * float(table["possible"].max()),
            level,
            "too few cases, not counted",
            va="center",
            color=GREY,
            fontsize=8,
        )
    ax.barh(at, table["points"], color=colors, height=0.72)
    for basis, color in (("performance", BLUE), ("reporting", GREY)):
        if (table["basis"] == basis).any():
            words = {"performance": "earned by performance", "reporting": "for reporting"}[basis]
            ax.barh(at[:1], [0], color=color, label=words)
    size = 8.5 if len(table) < 16 else 6.4
    ax.set_yticks(at, [_named(str(name), row["name"]) for name, row in table.iterrows()], fontsize=size)
    ax.tick_params(axis="y", length=0)
    most = float(table["possible"].max())
    for domain in found.domains.index:
        mine = at[(table["domain"] == domain).to_numpy()]
        share, reward = found.domains.loc[domain, ["share", "reward"]]
        added = f"\n+{reward:.2f} for improvement" if reward else ""
        ax.text(most * 1.03, mine.mean(), f"{domain}\n{share:.1%}{added}", va="center", fontsize=8, color=GREY)
    ax.set_xlim(0, most * (1.42 if found.domains["reward"].any() else 1.28))
    ax.set_ylim(at[-1] + 0.6, at[0] - 0.6)
    ax.set_xticks(np.arange(0, most + 1e-9, 1 if most <= 4 else 2))
    ax.set_xlabel("points")
    ax.set_title(f"Points by measure; score {found.score:.2%}", pad=22)
    ax.legend(frameon=False, fontsize=8.5, ncols=3, loc="lower left", bbox_to_anchor=(0, 1.0), borderpad=0)
    return ax


def payment(run: Run, ax: Axes | None = None) -> Axes:
    """Payment by quality score, the present one marked."""
    ax = axes_of(ax)
    found = quality_of(run.scenario, run.tables)
    if found is None:
        return nothing(ax, NONE, left_out=True)
    at = np.unique(np.append(np.linspace(0, 1, 401), found.score))
    table = payments_by_score(run, at)
    scale, unit = scale_of(float(table["payment"].abs().max()))
    here = table.index == found.score
    _line(ax, table["payment"][~here] / scale)
    ax.axhline(0, color=GREY, lw=0.8)
    now = float(table["payment"][here].iloc[0])
    ax.plot([found.score], [now / scale], "o", color=ORANGE, ms=7, zorder=3)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.16 * (high - low))
    right = found.score > 0.7
    ax.annotate(
        f"now: {found.score:.2%}, {dollars(now)}",
        (found.score, now / scale),
        (-8 if right else 8, 9),
        textcoords="offset points",
        ha="right" if right else "left",
        color=ORANGE,
    )
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.10g}".replace("-", "−")))
    ax.set_xlabel("quality score")
    ax.set_ylabel(f"payment to the ACO, {unit}")
    ax.set_title(f"Payment by quality score, {_label(run)}")
    return ax


def _line(ax: Axes, paid: pd.Series) -> None:
    """Payments by score; a jump stands upright and dotted."""
    values, scores = paid.to_numpy(), paid.index.to_numpy()
    jumps = np.flatnonzero(np.abs(np.diff(values)) > 0.05 * max(np.ptp(values), 1e-12))
    for start, end in zip([0, *(jumps + 1)], [*(jumps + 1), len(values)], strict=True):
        ax.plot(scores[start:end], values[start:end], color=BLUE, lw=1.8)
    for jump in jumps:
        ax.plot([scores[jump + 1]] * 2, values[jump : jump + 2], color=BLUE, lw=1.0, ls=":")


def dollars_per_point(run: Run, ax: Axes | None = None) -> Axes:
    """Dollars for a percentage point of a measure and for the way to its next step, the measures that move most."""
    ax = axes_of(ax)
    found = worth(run)
    if found is None:
        return nothing(ax, NONE, left_out=True)
    table = found.table.head(8).copy()
    hidden = hidden_measures(run).reindex(table.index, fill_value=False)
    table.loc[hidden, "dollars_at_next"] = np.nan
    gains = table[["dollars_at_next", "dollars_per_point"]].fillna(0.0)
    if not gains.abs().to_numpy().any():
        return nothing(ax, "No measure moves the payment as things stand.")
    scale, unit = scale_of(float(gains.abs().to_numpy().max()))
    at = np.arange(len(table))
    steps, ones = gains["dollars_at_next"] / scale, gains["dollars_per_point"] / scale
    ax.barh(at - 0.19, steps, color=BLUE, height=0.36, label="to the next step")
    ax.barh(at + 0.19, ones, color=GREEN, height=0.36, label="for one percentage point")
    for where, amounts in ((at - 0.19, gains["dollars_at_next"]), (at + 0.19, gains["dollars_per_point"])):
        for level, amount in zip(where, amounts, strict=True):
            if amount:
                offset = (4, 0) if amount > 0 else (-4, 0)
                side = "left" if amount > 0 else "right"
                ax.annotate(
                    dollars(amount),
                    (amount / scale, level),
                    offset,
                    textcoords="offset points",
                    va="center",
                    ha=side,
                    fontsize=7.8,
                )
    ax.set_yticks(at, [_named(str(name), row["name"]) for name, row in table.iterrows()], fontsize=8.5)
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    low, high = ax.get_xlim()
    ax.set_xlim(low - (0.16 * (high - low) if low < 0 else 0), high + 0.16 * (high - low))
    ax.axvline(0, color=GREY, lw=0.8)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.10g}".replace("-", "−")))
    ax.set_xlabel(f"change of the payment, {unit}")
    ax.set_title(f"Dollars per point of quality, {_label(run)}", pad=22)
    ax.legend(frameon=False, fontsize=8.5, ncols=2, loc="lower left", bbox_to_anchor=(0, 1.0), borderpad=0)
    return ax


def _named(code: str, name: str) -> str:
    """A measure beside its bar: its code where it has a name too, and the name, cut to fit."""
    words = code if name == code else f"{code}  {name}"
    return words if len(words) <= LENGTH else f"{words[: LENGTH - 1].rstrip(' ,;:')}…"


def _label(run: Run) -> str:
    return run.scenario.years[run.scenario.headline()].label
