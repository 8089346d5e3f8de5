"""Forecast of a contract year that its claims tell of: what was to be expected month after month, against what came."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from acomodel.contract.terms import Terms
from acomodel.exhibit import Exhibit, Shown, show
from acomodel.outlook.forecast.path import ForecastPath, forecast_path
from acomodel.workbench.adjustments import listed_claims, threshold
from acomodel.workbench.claims import Claims, payments_of
from acomodel.workbench.model import Run
from acomodel.workbench.years import months_of

LEVEL = 0.9
"""Chance with which an interval holds the year. [share]"""
"""Quantiles between which the picture is shaded."""


@dataclass(frozen=True, eq=False, repr=False)
class Forecasts(Shown):
    """
    Forecasts of the contract year of a run by the month they were seen at, as the contract counts spending.

    Parameters
    ----------
    run : Run
        The run.
    path : ForecastPath
        Spending of the year, large claims left out where the contract does.
    terms : Terms
        Contract of the year.
    clauses : dict
        What the year hands to `settle` beside benchmark and spending.
    benchmark_pmpm : float
        Benchmark of the year. [$ PMPM]
    member_months : float
        Exposure of the year as the run has it. [member months]
    removed : dict of int to float
        Share of the claims of each calendar year that lies above the threshold of large claims. [share]
    """

    run: Run
    path: ForecastPath
    terms: Terms
    clauses: dict[str, Any]
    benchmark_pmpm: float
    member_months: float
    removed: dict[int, float]

    @property
    def forecast(self) -> bool:
        """Whether the year is in progress, so that the run's own figure is a forecast too."""
        return self.run.tables.claims is not None and self.run.tables.claims.is_forecast(self.path.year)

    @property
    def actual(self) -> float:
        """Spending of the year as the run has it. [$]"""
        return float(self.run.headline()["actual"])

    @property
    def payment(self) -> float:
        """Payment of the year as the run has it. [$]"""
        return float(self.run.headline()["payment"])

    def payments(self) -> pd.DataFrame:
        """Settlement by the month it was forecast at; see `ForecastPath.payments`."""
        return self.path.payments(self.terms, benchmark_pmpm=self.benchmark_pmpm, **self.clauses)

    def to_frame(self) -> pd.DataFrame:
        """
        Spending and settlement by the month they were forecast at.

        Returns
        -------
        pandas.DataFrame
            Index `as_of`; `reported`, `completed`, `expected` spending and the ends `low` and `high` of its interval,
            `benchmark`, expected `payment` and the ends `payment_low` and `payment_high` of its own [$], chances
            `earned` and `owed` [share].
        """
        ends = (1 - LEVEL) / 2, (1 + LEVEL) / 2
        spent = self.path.to_frame(ends)
        spent = spent.set_axis(["exposure", "reported", "completed", "expected", "sd", "low", "high"], axis=1)
        paid = self.path.payments(self.terms, ends, benchmark_pmpm=self.benchmark_pmpm, **self.clauses)
        names = {"expected": "payment"} | dict(zip(ends, ("payment_low", "payment_high"), strict=True))
        paid = paid.rename(columns=names)[["benchmark", "payment", "payment_low", "payment_high", "earned", "owed"]]
        return spent.drop(columns=["exposure", "sd"]).join(paid)

    def exhibit(self) -> Exhibit:
        """Spending and settlement by the month they were forecast at, and the run's own beneath."""
        table = self.to_frame()
        table.index = pd.Index([str(month) for month in table.index], name="Seen at the end of")
        head = self.run.headline()
        now = {
            "reported": table["reported"].iloc[-1],
            "completed": np.nan if self.forecast else head["actual"],
            "expected": head["actual"],
        }
        now |= {"benchmark": head["benchmark"], "payment": head["payment"]}
        table.loc["This run"] = pd.Series({name: float(value) for name, value in now.items()}).reindex(table.columns)
        names = {
            "reported": "Reported",
            "completed": "Completed",
            "expected": "Spending expected",
            "low": "Spending, low",
            "high": "Spending, high",
            "benchmark": "Benchmark",
            "payment": "Expected payment",
            "payment_low": "Payment, low",
            "payment_high": "Payment, high",
            "earned": "Chance of payment",
            "owed": "Chance of loss",
        }
        formats = {words: "%" if name in ("earned", "owed") else "$" for name, words in names.items()}
        title = f"{self.path.year} as it was to be expected, month after month"
        return Exhibit(title, table.rename(columns=names), formats, self._note())

    def _note(self) -> str:
        """What the forecasts rest on."""
        year = self.path.year
        said = (
            f"Reported and completed: months of {year} until then. Low and high: the {LEVEL:.0%} interval of the "
            "year's spending, and that of the payment, whose low end goes with high spending; where nearly all "
            "outcomes pay the same, the mean lies beyond an end. Exposure to come is taken as that of the last month, "
            "so that a group that joins moves year and benchmark when it comes; the forecast weighs what is paid "
            "against its own expectation, completion does not. Who is attributed, and "
            f"the benchmark of {show(self.benchmark_pmpm, '$.')} PMPM, are those of this run."
        )
        if any(self.removed.values()):
            before = [share for y, share in self.removed.items() if y < year]
            known = "as in the years before" if self.forecast else "which was not known then"
            said += (
                " Large claims are left out as each year's share of claims, from its months in proportion: "
                f"{self.removed[year]:.1%} of {year}, {known}, and {np.mean(before):.1%} of the years "
                "before."
            )
        return said


@lru_cache(maxsize=2)
def path(run: Run) -> Forecasts | None:
    """
    Forecasts of the contract year as they were to be made at the end of each of its months and of its run-off.

    Parameters
    ----------
    run : Run
        A run whose contract year the claims tell of.

    Returns
    -------
    Forecasts or None
        None where the claims hold no month of the contract year or none before it, where its spending is stated, or
        where nothing tells what was paid when.

    Examples
    --------
    >>> import acomodel
    >>> path(acomodel.run("scenarios/hackensack-2014.toml")) is None
    True
    """
    claims, position = run.tables.claims, run.scenario.headline()
    year = run.scenario.years[position]
    if claims is None or claims.completion.rule.method == "none" or claims.completion.rule.paid_through is None:
        return None
    if year.actual is not None or year.actual_pmpm is not None or year.performance_year not in claims.years:
        return None
    exposure = claims.completion.exposure
    contract = int(year.performance_year)
    payments = payments_of(claims.study)
    incurred = payments.loc[payments["incurred_month"].isin(exposure.index[exposure > 0]), "incurred_month"].dt.year
    if not (incurred == contract).any() or not (incurred < contract).any():
        return None
    removed = _removed(run, claims)
    undated = claims.study.experience.undated()
    running = claims.is_forecast(contract)
    found = forecast_path(
        payments,
        exposure,
        contract,
        rule=claims.completion.rule,
        kept=None if running else {y: 1 - share for y, share in removed.items()},
        added=undated.groupby("month")["allowed"].sum() if len(undated) else None,
    )
    months = months_of(run.scenario, run.tables, position)
    if not months or not found.forecasts:
        return None
    pmpm = float(run.headline()["benchmark"]) / months
    clauses = run.given(position)
    counted = found.scaled((1 + year.actual_adjustment) * (1 - removed[contract] if running else 1.0))
    return Forecasts(run, counted, run.terms[position], clauses, pmpm, months, removed)


def _removed(run: Run, claims: Claims) -> dict[int, float]:
    """Share of each year's claims above the threshold of large claims; zeros where none are left out."""
    wanted, base = run.scenario.large_claims, None if run.budget is None else run.budget.base_year
    years = claims.years
    if wanted is None or base is None or listed_claims(run.scenario, run.tables) is None:
        return dict.fromkeys(years, 0.0)
    amount = threshold(run.scenario, run.tables, base)
    return {y: claims.excess(y, amount, prorate=wanted.prorated) / float(claims.of_year(y)["allowed"]) for y in years}
