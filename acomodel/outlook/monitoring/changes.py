"""What changed since last month: why the forecast of the year and its expected settlement moved, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from acomodel.contract.settlement import settle
from acomodel.contract.terms import Terms
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.outlook.forecast.year_end import Forecast
from acomodel.rates import MONTHS

CAUSES = {
    "exposure": "Exposure",
    "restated": "Earlier months restated",
    "new": "Months newly seen",
    "to_come": "Months to come",
    "spread": "What is still uncertain",
}
"""Causes in the order in which they are taken, and in words."""


@dataclass(frozen=True, eq=False, repr=False)
class Changes(Shown):
    """
    Why a forecast moved from one month to another.

    Parameters
    ----------
    before, after : Forecast
        The forecasts.
    table : pandas.DataFrame
        Index "before", the causes, "after"; `exposure` [member months], `spending`, `benchmark` and `payment` [$]: the
        level in the first and last row, what each cause moved in between. Each column adds up.
    earned : tuple of float
        Chances of a payment before and after. [share]
    """

    before: Forecast
    after: Forecast
    table: pd.DataFrame
    earned: tuple[float, float]

    def exhibit(self) -> Exhibit:
        """Levels and causes in words."""
        names = CAUSES | {
            "before": f"At the end of {self.before.as_of}",
            "after": f"At the end of {self.after.as_of}",
        }
        table = self.table.rename(index=names).rename_axis("")
        table = table.rename(columns={"payment": "expected payment"}).rename(columns=str.capitalize)
        formats = dict.fromkeys(table, "$") | {"Exposure": "#"}
        note = (
            "Causes are taken in the order of the rows, and each column adds up. Earlier months restated: what was "
            "paid since, and how it is completed now. Months newly seen: against what was expected of them. What "
            "is still uncertain: the narrower range of outcomes, at the same mean. Chance of a payment: "
            f"{self.earned[0]:.0%} before, {self.earned[1]:.0%} now."
        )
        return Exhibit(f"What changed since the end of {self.before.as_of}", table, formats, note)


def what_changed(
    before: Forecast,
    after: Forecast,
    terms: Terms,
    *,
    benchmark_pmpm: float,
    members: float | None = None,
    **given: Any,
) -> Changes:
    r"""
    Split the move of a year's forecast and of its expected settlement from one month to another.

    Parameters
    ----------
    before, after : Forecast
        Forecasts of the same year, the earlier one first.
    terms : Terms
        The contract.
    benchmark_pmpm : float
        Benchmark, which goes with exposure. [$ PMPM]
    members : float, optional
        Members that thresholds go by; those of each forecast by default. [members]
    **given
        Quality, revenue and the like, as for `settle`.

    Returns
    -------
    Changes

    Raises
    ------
    InputError
        Forecasts of different years, or not in order.

    Notes
    -----
    With expected PMPM :math:`p` and exposure :math:`N` of the months :math:`m`, 0 before and 1 after,

    .. math:: F_1 - F_0 = \sum_m (N_{1m} - N_{0m}) p_{0m} + \sum_m N_{1m} (p_{1m} - p_{0m})

    the second sum apart for months seen before, newly seen, and to come. The payment is settled anew after each cause,
    every outcome of the earlier forecast moved in proportion, and last at the outcomes of the later one: what is left
    is the change of the spread. Taken in another order, the causes of the payment would come to other amounts.

    Examples
    --------
    >>> from acomodel.outlook.forecast.year_end import forecast_year
    >>> month = pd.period_range("2022-01", periods=28, freq="M")
    >>> claims, lives = pd.Series(2e6, month), pd.Series(5_000.0, month)
    >>> old, new = (forecast_year(claims[:n], lives[:n], 2024) for n in (27, 28))
    >>> found = what_changed(old, new, Terms(sharing_rate=0.5), benchmark_pmpm=405.0).table
    >>> bool(np.isclose(found["spending"].iloc[:-1].sum(), found["spending"].iloc[-1]))
    True
    """
    if before.year != after.year or not before.as_of < after.as_of:
        raise InputError(
            f"what changed: a forecast of {before.year} at {before.as_of} and one of {after.year} at {after.as_of}; "
            "two of one year, the earlier one first, are wanted"
        )
    old, new = before.months, after.months
    rate = old["expected"] / old["exposure"]
    exposure = (new["exposure"] - old["exposure"]) * rate
    moved = new["expected"] - new["exposure"] * rate
    seen, known = old["completed"].notna(), new["completed"].notna()
    spending = {
        "exposure": float(exposure.sum()),
        "restated": float(moved[seen].sum()),
        "new": float(moved[known & ~seen].sum()),
        "to_come": float(moved[~known & ~seen].sum()),
    }
    agreed = (benchmark_pmpm * before.exposure, benchmark_pmpm * after.exposure)

    def paid(draws: np.ndarray, benchmark: float, lives: float) -> np.ndarray:
        counted = lives / MONTHS if members is None else members
        made = settle(np.full(draws.size, benchmark), draws, terms, members=counted, **given)
        return np.asarray(made.payment, dtype=float)

    first, last = paid(before.draws, agreed[0], before.exposure), paid(after.draws, agreed[1], after.exposure)
    level, at, payments = float(first.mean()), before.mean, {}
    for name, amount in spending.items():
        at += amount
        here = float(paid(before.draws * (at / before.mean), agreed[1], after.exposure).mean())
        payments[name], level = here - level, here
    payments["spread"] = float(last.mean()) - level
    rows = {"before": (before.exposure, before.mean, agreed[0], float(first.mean()))}
    for name, amount in (spending | {"spread": after.mean - at}).items():
        whole = name == "exposure"
        lives = after.exposure - before.exposure if whole else 0.0
        rows[name] = (lives, amount, agreed[1] - agreed[0] if whole else 0.0, payments[name])
    rows["after"] = (after.exposure, after.mean, agreed[1], float(last.mean()))
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["exposure", "spending", "benchmark", "payment"])
    return Changes(before, after, table, (float((first > 0).mean()), float((last > 0).mean())))
