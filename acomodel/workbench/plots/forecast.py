"""Charts of the forecast of a contract year, month after month."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from acomodel.workbench.forecasts import path
from acomodel.workbench.model import Run
from acomodel.workbench.plots.drawing import BLUE, GREY, ORANGE, axes_of, nothing

BANDS = (0.05, 0.25, 0.75, 0.95)


NONE = "The claims tell of no month of the contract year, so that there is nothing to forecast it from."


def fan(run: Run, ax: Axes | None = None) -> Axes:
    """Fan of the year's spending PMPM by the month it was forecast at, benchmark, and what the run says now."""
    ax = axes_of(ax)
    found = path(run)
    if found is None:
        return nothing(ax, NONE)
    frame = found.path.to_frame(BANDS)
    _bands(ax, frame[["expected", *BANDS]].div(frame["exposure"], axis=0), found.actual / found.member_months)
    ax.axhline(found.benchmark_pmpm, color=GREY, lw=1.2, ls="--", label="benchmark")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"${v:,.0f}"))
    ax.set_ylabel("spending of the year, $ PMPM")
    ax.set_title(f"Spending of {found.path.year}, as it was to be expected")
    ax.legend(frameon=False, fontsize=8.5, loc="best")
    return ax


def payment_fan(run: Run, ax: Axes | None = None) -> Axes:
    """Fan of the payment by the month it was forecast at, and what the run says now."""
    ax = axes_of(ax)
    found = path(run)
    if found is None:
        return nothing(ax, NONE)
    frame = found.path.payments(found.terms, BANDS, benchmark_pmpm=found.benchmark_pmpm, **found.clauses)
    frame = frame[["expected", *BANDS]]
    scale, unit = (1e6, "$ million") if frame.abs().to_numpy().max() >= 2e6 else (1e3, "$ thousand")
    _bands(ax, frame / scale, found.payment / scale)
    ax.axhline(0, color=GREY, lw=0.8)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.10g}".replace("-", "−")))
    ax.set_ylabel(f"payment to the ACO, {unit}")
    ax.set_title(f"Payment of {found.path.year}, as it was to be expected")
    ax.legend(frameon=False, fontsize=8.5, loc="best")
    return ax


def _bands(ax: Axes, frame: pd.DataFrame, now: float) -> None:
    """Shaded bands of quantiles by month, the mean, and the latest as a line."""
    at = np.arange(len(frame))
    for low, high, shade in ((BANDS[0], BANDS[-1], 0.18), (BANDS[1], BANDS[-2], 0.32)):
        ax.fill_between(at, frame[low], frame[high], color=BLUE, alpha=shade, lw=0, label=f"{high - low:.0%} interval")
    ax.plot(at, frame["expected"], "o-", color=BLUE, lw=1.4, ms=3, label="expected")
    ax.axhline(now, color=ORANGE, lw=1.4, label="this run")
    ax.set_xticks(at, [month.strftime("%b" if month.month > 1 else "%b\n%Y") for month in frame.index])
    ax.set_xlabel("seen at the end of")
