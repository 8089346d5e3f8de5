"""What a point of quality is worth: the change of a payment with the rate of each measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from acomodel.contract.quality.result import Quality
from acomodel.contract.settlement import settle
from acomodel.contract.terms import Terms
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError

POINT = 0.01
"""A percentage point of a rate. [share]"""


@dataclass(frozen=True, eq=False, repr=False)
class DollarsPerPoint(Shown):
    """
    Change of a payment with each measure's rate, the others as they are.

    Parameters
    ----------
    table : pandas.DataFrame
        Index measure, the most dollars first; `name`, `domain`, `rate` [share], `points`, `possible`, `score_per_point`
        [share] and `dollars_per_point` [$] for a percentage point in the better direction; `next_rate` from which it
        earns more [share], `score_at_next` [share] and `dollars_at_next` [$].
    payment : float
        Payment at the present score. [$]
    score : float
        Present score. [share]
    """

    table: pd.DataFrame
    payment: float
    score: float

    def exhibit(self) -> Exhibit:
        """Dollars by measure."""
        names = {
            "name": "Measure",
            "rate": "Rate",
            "dollars_per_point": "$ for one point",
            "next_rate": "Next step at",
            "score_at_next": "Score at next step",
            "dollars_at_next": "$ at next step",
        }
        shown = self.table[list(names)].rename(columns=names)
        shares = ("Rate", "Next step at", "Score at next step")
        formats = dict.fromkeys(shares, "%.") | {"$ for one point": "$", "$ at next step": "$"}
        note = (
            "Change of the payment with one measure's rate, the others as they are: for one percentage point in the "
            "better direction, and for the whole way to the rate from which it earns more points. Score: its change."
        )
        return Exhibit("Dollars per point of quality", shown, formats, note)


def dollars_per_point(
    rates: pd.DataFrame,
    score: Callable[[pd.DataFrame], Quality],
    benchmark: float,
    actual: float,
    terms: Terms,
    *,
    point: float = POINT,
    **given: Any,
) -> DollarsPerPoint:
    """
    Change of a payment with the rate of each measure.

    Parameters
    ----------
    rates : pandas.DataFrame
        Rates from `measure_rates`.
    score : callable
        Scheme: a function of rates that gives a `Quality`.
    benchmark, actual : float
        Benchmark and spending. [$]
    terms : Terms
        Contract.
    point : float
        Change of a rate that is tried. [share]
    **given
        What else `settle` takes, but for the quality score and standard.

    Returns
    -------
    DollarsPerPoint

    Raises
    ------
    InputError
        A point that is not above zero, or what `settle` refuses.

    Notes
    -----
    Every change is scored and settled anew, so that steps, caps of domains, gates and improvement count as they fall.

    Examples
    --------
    >>> from acomodel.contract.quality.mssp import mssp_quality
    >>> from acomodel.contract.quality.points import toolkit_quality
    >>> from acomodel.contract.quality.rates import measure_rates
    >>> rates = measure_rates(pd.DataFrame({"measure": ["A", "B"], "rate": [0.7, 0.5], "threshold": 0.6, "top": 0.8}))
    >>> contract = Terms(sharing_rate=0.5, quality_method="multiplier")
    >>> worth = dollars_per_point(rates, toolkit_quality, 1e8, 96e6, contract)
    >>> worth.table["dollars_per_point"].round().tolist(), worth.table["dollars_at_next"].round().tolist()
    ([0.0, 25000.0], [500000.0, 250000.0])
    """
    if not point > 0:
        raise InputError(f"quality: a point of {point:g}; above 0 is wanted.")
    now = score(rates)
    counted = now.measures[now.measures["basis"].isin(["performance", "part"])]
    counted = counted[counted["rate"].notna()]
    tried: list[Quality] = [now]
    for name in counted.index:
        sign = -1.0 if _falls(counted.loc[name], rates.loc[name]) else 1.0
        rate = float(rates.loc[name, "rate"])
        tried.append(score(_moved(rates, name, min(max(0.0, rate + sign * point), max(1.0, rate)))))
        ahead = counted.loc[name, "next_cut"]
        tried.append(now if np.isnan(ahead) else score(_moved(rates, name, float(ahead))))
    scores = np.array([one.score for one in tried])
    standards = np.array([one.standard for one in tried])
    paid = settle(benchmark, actual, terms, quality_score=scores, quality_standard=standards, **given)
    payment = np.asarray(paid.payment)
    made = counted[["name", "domain", "rate", "points", "possible"]].copy()
    made["score_per_point"], made["dollars_per_point"] = scores[1::2] - scores[0], payment[1::2] - payment[0]
    made["next_rate"] = counted["next_cut"]
    made["score_at_next"], made["dollars_at_next"] = scores[2::2] - scores[0], payment[2::2] - payment[0]
    nowhere = made["next_rate"].isna()
    made.loc[nowhere, ["score_at_next", "dollars_at_next"]] = np.nan
    order = made.assign(rank=made["dollars_at_next"].fillna(0.0))
    order = order.sort_values(["rank", "dollars_per_point"], ascending=False, kind="stable").index
    return DollarsPerPoint(made.loc[order], float(payment[0]), now.score)


def _falls(measured: pd.Series, row: pd.Series) -> bool:
    """Whether a measure is better when lower, as its cut points or its row say."""
    if not np.isnan(measured["next_cut"]):
        return bool(measured["next_cut"] < row["rate"])
    return bool(row["better"] == "lower" or measured["cut"] > row["rate"])


def _moved(rates: pd.DataFrame, name: Any, rate: float) -> pd.DataFrame:
    """Rates with one measure at another rate."""
    moved = rates.copy()
    moved.loc[name, "rate"] = rate
    return moved
