"""Budget to actual: what of a variance is enrolment, risk, use, price and mix, each exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from acomodel.claims.drilldown import price_use_mix
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.rates import pmpm

EFFECTS = ("use", "price", "mix")
"""Causes within a service category, in the order in which they are shown."""


def target_variance(current: pd.Series, target: pd.Series) -> pd.DataFrame:
    """
    Variance of current rates from their targets.

    Parameters
    ----------
    current, target : pandas.Series
        Rates of the same rows, such as incurred claims by specialty. [$ PMPM]

    Returns
    -------
    pandas.DataFrame
        Of the rows of `current`: `variance` [$ PMPM], above zero where more was spent than the target, and `share` of
        the target [share]; NaN where there is no target.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, appendix 4.A, figure 4.1.

    Examples
    --------
    Internal medicine in the figure:

    >>> target_variance(pd.Series({"Internal medicine": 4.81}), pd.Series({"Internal medicine": 4.73})).round(3)
                       variance  share
    Internal medicine      0.08  0.017
    """
    agreed = target.reindex(current.index).astype(float)
    gap = current.astype(float) - agreed
    return pd.DataFrame({"variance": gap, "share": gap / agreed.where(agreed != 0)})


@dataclass(frozen=True, eq=False, repr=False)
class Variances(Shown):
    """
    Budget to actual of a stretch of months.

    Parameters
    ----------
    categories : pandas.DataFrame
        Index service category; `budget`, `risk`, `use`, `price`, `mix`, `actual` [$ PMPM]; each row adds up.
    budget_months, actual_months : float
        Exposure that the budget expected, and that there was. [member months]
    agreed : float
        Budget that the bridge starts from: the sum of the categories', or what the contract agrees. [$ PMPM]
    beside : pandas.Series
        Causes outside the categories, by name: what leads from the agreed budget to that of the categories, and from
        their claims to what the contract counts. [$ PMPM]
    """

    categories: pd.DataFrame
    budget_months: float
    actual_months: float
    agreed: float
    beside: pd.Series

    @property
    def bridge(self) -> pd.Series:
        """From budget to actual PMPM in steps that add up: "Budget", the causes, "Actual". [$ PMPM]"""
        sums = self.categories.sum()
        steps = {name.capitalize(): float(sums[name]) for name in ("risk", *EFFECTS)}
        steps |= {str(name): float(value) for name, value in self.beside.items()}
        whole = self.agreed + float(sums["actual"] - sums["budget"] + self.beside.sum())
        return pd.Series({"Budget": self.agreed} | steps | {"Actual": whole})

    @property
    def dollars(self) -> pd.Series:
        """The same in dollars, the exposure that was not budgeted as its own step. [$]"""
        steps = self.bridge * self.actual_months
        budget = float(self.bridge["Budget"])
        enrolment = budget * (self.actual_months - self.budget_months)
        head = {"Budget": budget * self.budget_months, "Enrolment": enrolment}
        return pd.concat([pd.Series(head), steps.drop("Budget")])

    def exhibit(self) -> Exhibit:
        """Categories with their variances, and the bridge below."""
        frame = self.categories.assign(variance=self.categories["actual"] - self.categories["budget"])
        frame = frame[["budget", "actual", "variance", "risk", *EFFECTS]]
        table = frame.rename(columns=str.capitalize).rename_axis("Service category")
        table.loc["Total"] = table.sum()
        return Exhibit("Budget to actual, $ PMPM", table, dict.fromkeys(table, "$."))


def budget_to_actual(
    budget: pd.DataFrame,
    actual: pd.DataFrame,
    *,
    actual_months: float,
    budget_months: float | None = None,
    risk: float = 1.0,
    agreed: float | None = None,
    beside: pd.Series | None = None,
) -> Variances:
    r"""
    Variance of actual claims from a budget, split exactly into enrolment, risk, use, price and mix.

    Parameters
    ----------
    budget : pandas.DataFrame
        One row per item; columns `group` (service category), `item` (specialty or procedure: what has a price of its
        own), `utilization_pmpm` [services per member per month] and `allowed_pmpm` [$ PMPM].
    actual : pandas.DataFrame
        One row per item; columns `group`, `item`, `units` [services] and `allowed` [$], completed.
    actual_months, budget_months : float
        Exposure that there was, and that the budget expected (the same by default). [member months]
    risk : float
        Risk of the members there were, over that of the budget. [factor]
    agreed : float, optional
        Budget that the bridge starts from, where it is not the sum of the categories'. [$ PMPM]
    beside : pandas.Series, optional
        Causes outside the categories, PMPM by name, such as large claims left out. [$ PMPM]

    Returns
    -------
    Variances

    Raises
    ------
    InputError
        No row, a column that is missing, exposure or risk that is not above zero.

    Notes
    -----
    With budget :math:`b` and actual :math:`a` PMPM, exposure :math:`N_b` and :math:`N_a`, and risk :math:`\rho`,

    .. math:: N_a a - N_b b = \underbrace{(N_a - N_b)\, b}_{enrolment} + N_a \Big[ \underbrace{(\rho - 1)\, b}_{risk}
        + use + price + mix \Big]

    Use, price and mix lead from :math:`\rho b` to :math:`a` by the identity of
    `acomodel.claims.drilldown.price_use_mix`: sicker members are expected to use more at the same price. A category
    without a count of services has no price: its variance is price, as there.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, appendix 4.A: incurred claims against the target; the split
       is by the index numbers named in `price_use_mix`.

    Examples
    --------
    >>> plan = pd.DataFrame({"group": ["Lab"], "item": ["a"], "utilization_pmpm": [2.0], "allowed_pmpm": [100.0]})
    >>> came = pd.DataFrame({"group": ["Lab"], "item": ["a"], "units": [2_310.0], "allowed": [121_000.0]})
    >>> found = budget_to_actual(plan, came, actual_months=1_000.0, budget_months=900.0, risk=1.1)
    >>> found.dollars.round().astype(int).to_dict()
    {'Budget': 90000, 'Enrolment': 10000, 'Risk': 10000, 'Use': 5631, 'Price': 5369, 'Mix': 0, 'Actual': 121000}
    """
    expected = actual_months if budget_months is None else budget_months
    for name, value in (("actual exposure", actual_months), ("budget exposure", expected), ("risk", risk)):
        if not (np.isfinite(value) and value > 0):
            raise InputError(f"budget to actual: {name} is {value:g}; a number above zero is wanted")
    for name, frame, columns in (
        ("budget", budget, ("group", "item", "utilization_pmpm", "allowed_pmpm")),
        ("actual", actual, ("group", "item", "units", "allowed")),
    ):
        absent = [c for c in columns if c not in frame]
        if absent or frame.empty:
            lacking = f"column '{absent[0]}' is missing" if absent else "there is no row"
            raise InputError(f"budget to actual: the {name}: {lacking}")
    plan = pd.DataFrame(
        {
            "group": budget["group"],
            "item": budget["item"],
            "units": budget["utilization_pmpm"].fillna(0.0) * risk,
            "allowed": budget["allowed_pmpm"] * risk,
            "member_months": 1.0,
        }
    )
    came = pd.DataFrame(
        {
            "group": actual["group"],
            "item": actual["item"],
            "units": pmpm(actual["units"], actual_months),
            "allowed": pmpm(actual["allowed"], actual_months),
            "member_months": 1.0,
        }
    )
    split = price_use_mix(plan, came).drop(index="Total")
    level = budget.groupby("group")["allowed_pmpm"].sum().reindex(split.index).fillna(0.0)
    table = pd.DataFrame(
        {
            "budget": level,
            "risk": level * (risk - 1.0),
            **{name: split[name] for name in EFFECTS},
            "actual": split["after"],
        }
    )
    order = table["budget"].sort_values(ascending=False, kind="stable").index
    found = pd.Series(dtype=float) if beside is None else beside.astype(float)
    start = float(level.sum()) if agreed is None else float(agreed)
    return Variances(table.loc[order], float(expected), float(actual_months), start, found)
