"""Tables of the forecast of a contract year, month after month."""

from __future__ import annotations

import numpy as np
import pandas as pd

from acomodel.exhibit import Exhibit, show
from acomodel.outlook.forecast.scoring import crps, pit
from acomodel.workbench.forecasts import LEVEL, path
from acomodel.workbench.model import Run


def table(run: Run) -> Exhibit | None:
    """By the month it was seen at: claims reported and completed, the year expected, its interval, the settlement."""
    found = path(run)
    return None if found is None else found.exhibit()


def score(run: Run) -> Exhibit | None:
    """How the forecasts fared against what the run says now: error, score, and where in the forecast it lay."""
    found = path(run)
    if found is None or found.forecast:
        return None
    exposure = found.path.to_frame()["exposure"].to_numpy()
    draws, actual = found.path.draws() / exposure[:, None], found.actual / found.member_months
    now = np.full(len(draws), actual)
    share = pit(draws, now)
    frame = pd.DataFrame(
        {
            "Error of the mean": draws.mean(axis=1) / actual - 1,
            "Standard deviation": draws.std(axis=1) / actual,
            "Score (CRPS)": crps(draws, now) / actual,
            "Chance of less": share,
            f"In the {LEVEL:.0%} interval": (share >= (1 - LEVEL) / 2) & (share <= (1 + LEVEL) / 2),
        },
        index=pd.Index([str(f.as_of) for f in found.path.forecasts], name="Seen at the end of"),
    )
    formats = dict.fromkeys(frame.columns[:3], "%.") | {"Chance of less": "%"}
    note = (
        f"Against {show(actual, '$.')} PMPM, the year's spending in this run, and in shares of it. Score: mean "
        "distance of the forecast from what came, less its own spread; smaller is better. Chance of less: what the "
        "forecast gave to a year at or below what came. One year is one outcome: forecasts of its months err together."
    )
    return Exhibit(f"Forecasts of {found.path.year} against what came", frame, formats, note)
