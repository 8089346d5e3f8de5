"""Charts of risk and large claims: factors by age, risk by year and its cap, prediction, choice of threshold."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, PercentFormatter

from acomodel.exhibit import show
from acomodel.privacy import SMALL_CELL
from acomodel.workbench.adjustments import threshold
from acomodel.workbench.exhibits.large_claims import tradeoff_of
from acomodel.workbench.exhibits.risk import cells_hidden, people_of_run, relative_risk
from acomodel.workbench.model import Run
from acomodel.workbench.plots.drawing import BLUE, GREEN, GREY, ORANGE, RED, axes_of, nothing

NONE = "No claims are read in this scenario."


def age_sex_factors(run: Run, ax: Axes | None = None) -> Axes:
    """Age/sex factors of the population's own costs with their standard errors, beside the standard ones."""
    ax = axes_of(ax)
    people = people_of_run(run)
    if people is None or run.budget is None:
        return nothing(ax, NONE)
    rows = people.factors[people.factors["year"] == run.budget.base_year]
    if rows.empty:
        return nothing(ax, "Too few members to estimate factors from.")
    rows = rows[(rows["members"] > SMALL_CELL) & ~cells_hidden(run, rows["members"], run.budget.base_year)]
    for sex, color, words in (("F", ORANGE, "women"), ("M", BLUE, "men")):
        part = rows[rows["sex"] == sex]
        at = (part["age_from"] + part["age_to"].clip(upper=part["age_from"].max() + 5) + 1) / 2
        at = at + (0.35 if sex == "F" else -0.35)
        ax.errorbar(at, part["observed"], part["standard_error"], fmt="none", ecolor=color, alpha=0.35, lw=1.2)
        ax.plot(at, part["observed"], "o", color=color, ms=3, alpha=0.45)
        ax.plot(at, part["factor"], "-", color=color, lw=1.6, label=f"used, {words}")
        ax.plot(at, part["standard"], ":", color=color, lw=1.3, label=f"Toolkit, {words}")
    ax.set_ylim(0, None)
    ax.set_xlabel("age")
    ax.set_ylabel("relative cost (average 1)")
    ax.set_title(f"Age/sex factors: own costs of {run.budget.base_year} and the Toolkit's")
    ax.legend(frameon=False, fontsize=8.5, loc="upper left", ncols=2)
    return ax


def risk_by_year(run: Run, ax: Axes | None = None) -> Axes:
    """Average risk by year and measure, with the floor and cap of the contract."""
    ax = axes_of(ax)
    if run.tables.claims is None or run.budget is None:
        return nothing(ax, NONE)
    found = relative_risk(run)
    if found.empty:
        return nothing(ax, "No measure of risk can be worked out from these claims.")
    years = [int(y) for y in found.index]
    for name, color, style in zip(found, (BLUE, ORANGE, GREEN, GREY), ("o-", "s-", "^--", "v:"), strict=False):
        ax.plot(years, found[name], style, color=color, lw=1.4, ms=4.5, label=name)
    wanted = run.scenario.risk
    for limit, words in (
        (wanted.cap if wanted else None, "cap"),
        (wanted.floor if wanted else None, "floor"),
    ):
        if limit is not None:
            ax.axhline(1 + limit, color=RED, lw=0.9, ls="--")
            ax.annotate(
                f"{words} {limit:+.1%}".replace("-", "−"),
                (years[0], 1 + limit),
                (0, 3),
                textcoords="offset points",
                fontsize=8.5,
                color=RED,
            )
    ax.margins(y=0.15)
    ax.set_xticks(years, [str(y) for y in years])
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:.2f}"))
    ax.set_ylabel(f"risk relative to {run.budget.base_year}")
    ax.set_title("Risk of the population by year")
    ax.legend(frameon=False, fontsize=8.5, loc="best")
    return ax


def predicted_deciles(run: Run, ax: Axes | None = None) -> Axes:
    """Predicted and actual cost of members held back, by decile of the prediction."""
    ax = axes_of(ax)
    people = people_of_run(run)
    rows = pd.DataFrame() if people is None else people.prediction.query("kind == 'decile'")
    if rows.empty:
        return nothing(ax, NONE if people is None else "Too few members to hold some back.")
    shown = [m for m in ("CMS-HCC V28", "Age/sex, own", "Age/sex and conditions, own") if m in set(rows["model"])]
    for model, color in zip(shown, (BLUE, GREEN, ORANGE), strict=False):
        part = rows[(rows["model"] == model) & (rows["members"] > SMALL_CELL)].sort_values("predicted")
        ax.plot(part["predicted"], part["actual"], "o-", color=color, lw=1.2, ms=4.5, label=model)
    top = float(rows.loc[rows["model"].isin(shown), ["predicted", "actual"]].max().max())
    ax.plot([0, top], [0, top], color=GREY, lw=0.8, ls="--", label="predicted = actual")
    money = FuncFormatter(lambda v, _: f"${v:,.0f}")
    ax.xaxis.set_major_formatter(money)
    ax.yaxis.set_major_formatter(money)
    ax.set_xlim(0, None)
    ax.set_ylim(0, None)
    ax.set_xlabel("predicted $ PMPM, by decile")
    ax.set_ylabel("actual $ PMPM")
    ax.set_title("Members held back: predicted and actual cost")
    ax.legend(frameon=False, fontsize=8.5, loc="upper left")
    return ax


def threshold_choice(run: Run, ax: Axes | None = None) -> Axes:
    """Dollars that a threshold removes against the chance it leaves in the mean of a population of this size."""
    ax = axes_of(ax)
    found = tradeoff_of(run)
    if found is None or run.budget is None or run.tables.claims is None:
        return nothing(ax, NONE)
    own = run.tables.claims.claimants(run.budget.base_year).members
    table = found.to_frame()
    column = f"sd_of_mean_{own}"
    last = table.loc[np.inf, column]
    table = table[np.isfinite(table.index)]
    if table.empty:
        return nothing(ax, "Too few claimants to show what a threshold trades.")
    thousands = table.index.to_numpy() / 1000
    (removed,) = ax.plot(thousands, table["removed"], "o-", color=BLUE, lw=1.6, ms=4.5)
    other = ax.twinx()
    other.spines["right"].set_visible(True)
    (left,) = other.plot(thousands, table[column], "s-", color=ORANGE, lw=1.6, ms=4.5)
    none = other.axhline(last, color=ORANGE, lw=0.9, ls=":")
    ax.set_xscale("log")
    ax.set_xticks(thousands, [f"${t:,.0f}k" for t in thousands], rotation=30)
    ax.minorticks_off()
    for axis in (ax, other):
        axis.set_ylim(0, None)
        axis.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    ax.set_ylabel("share of dollars removed", color=BLUE)
    other.set_ylabel("SD of the mean by chance", color=ORANGE)
    handles = [removed, left, none]
    words = ["dollars removed (left)", f"chance in the mean of {own:,} members (right)", "without truncation (right)"]
    if run.scenario.large_claims is not None:
        now = threshold(run.scenario, run.tables, run.budget.base_year)
        handles.append(ax.axvline(now / 1000, color=GREY, lw=0.9, ls="--"))
        words.append(f"this scenario: {show(now, '$')}")
    for axis in (ax, other):
        axis.set_ylim(0, axis.get_ylim()[1] * 1.25)
    ax.legend(handles, words, frameon=False, fontsize=8.5, loc="upper center", ncols=2)
    ax.set_title(f"The choice of threshold, claims of {run.budget.base_year}")
    return ax
