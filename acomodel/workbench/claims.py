"""Claims of a scenario: worked out once, completed, and handed to the budget as monthly experience."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from acomodel.budget.claimants import Claimants
from acomodel.budget.truncation import excess
from acomodel.claims.care.measure_codes import NOT_HEDIS
from acomodel.claims.care.measures import measures_total
from acomodel.claims.care.tables import Care, care_of, read_care
from acomodel.claims.completion import CompletionSettings
from acomodel.claims.population import Population
from acomodel.claims.runoff import ALL, Completion, complete
from acomodel.claims.study import ClaimsSettings, Study, made_with, open_book, read_study, study
from acomodel.claims.triangles import last_whole_month
from acomodel.claims.visits import day_literal
from acomodel.exhibit import show
from acomodel.inputs import InputError
from acomodel.workbench.people import People, read_people
from acomodel.workbench.reduction import people_of


@dataclass(frozen=True, eq=False)
class Claims:
    """
    Claims of a scenario as experience.

    Parameters
    ----------
    study : Study
        What left the engine.
    people : People
        Members as counts and sums.
    completion : Completion
        Completed claims and use by month and category.
    monthly : pandas.DataFrame
        Rows of the table `monthly`, completed, of every month with exposure.
    actuals : pandas.DataFrame
        Index calendar year that is over; `member_months`, `reported` and `allowed` (completed) [$], its
        `standard_error` [$] and the ends `low` and `high` of its interval [$].
    in_progress : pandas.Series or None
        The same of the year that is not over, under its number, as it is forecast from its claims so far.
    care : Care or None
        Tables on the year and on physicians, where they are asked for.
    """

    study: Study
    people: People
    completion: Completion
    monthly: pd.DataFrame
    actuals: pd.DataFrame
    in_progress: pd.Series | None = None
    care: Care | None = None

    @property
    def years(self) -> list[int]:
        """Calendar years that the claims tell of, the one in progress among them."""
        return [*map(int, self.actuals.index), *([] if self.in_progress is None else [int(str(self.in_progress.name))])]

    def is_forecast(self, year: int) -> bool:
        """Whether a year is in progress, so that its figures are forecast to its end."""
        return self.in_progress is not None and self.in_progress.name == year

    def of_year(self, year: int) -> pd.Series:
        """Row of a year: completed, or forecast where it is in progress."""
        if self.in_progress is not None and self.is_forecast(year):
            return self.in_progress
        return self.actuals.loc[year]

    def before(self, year: int | None) -> pd.DataFrame:
        """Monthly experience of whole years before a calendar year; all of them where none is given."""
        of = self.monthly["month"].dt.year
        kept = of < (year or of.max() + 1)
        return self.monthly[kept if self.in_progress is None else kept & (of != self.in_progress.name)]

    def completion_ratio(self, year: int) -> float:
        """Completed over reported allowed claims of a calendar year. [factor]"""
        row = self.actuals.loc[year]
        return float(row["allowed"] / row["reported"]) if row["reported"] else 1.0

    def claimants(self, year: int) -> Claimants:
        """Distribution of the completed claims of a calendar year; each member's claims are completed alike."""
        return self.people.claims_of(year).scaled(self.completion_ratio(year))

    def excess(self, year: int, threshold: float, *, prorate: bool) -> float:
        """
        Completed claims of a calendar year above a threshold; each claimant's claims are completed alike. [$]

        Of a year in progress it is the share that it was of the years before.

        Raises
        ------
        InputError
            The claims hold no such year, or know members one by one only above another amount.
        """
        if self.in_progress is not None and self.is_forecast(year):
            over = sum(self.excess(int(y), threshold, prorate=prorate) for y in self.actuals.index)
            return over / float(self.actuals["allowed"].sum()) * float(self.in_progress["allowed"])
        listed = self.claimants(year)
        if threshold < listed.floor:
            raise InputError(
                f"large_claims: a threshold of {threshold:,.0f} is too low: in {year} claimants are known one by one "
                f"above {listed.floor:,.0f}"
            )
        months = listed.months if prorate else None
        over = excess(listed.allowed, threshold, months=months, prorate=prorate)
        return float(np.sum(over))

    def fingerprint(self) -> dict[str, object]:
        """Rows, sums and a hash of the figures the experience is made of."""
        cells, exposure = self.study.cells, self.study.exposure
        text = cells.to_csv(index=False, float_format="%.12g") + exposure.to_csv(float_format="%.12g")
        sums = {name: float(cells[name].sum()) for name in ("paid", "member_cost_share", "allowed")}
        return {
            "table": "claims",
            "rows": int(cells["lines"].sum()),
            "sums": sums,
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
        }


def read_claims(wanted: ClaimsSettings, folder: Path) -> Claims:
    """
    Work out the claims of a scenario, and complete them.

    Parameters
    ----------
    wanted : ClaimsSettings
        Claims and rules of the scenario.
    folder : Path
        Folder of the scenario.

    Returns
    -------
    Claims

    Raises
    ------
    InputError
        Claims that cannot be read, or an ACO or year that is not in them.
    """
    if wanted.tables is not None:
        found, people = read_study(folder / wanted.tables, wanted.scope), read_people(folder / wanted.tables / "people")
        _check_unchanged(wanted, found)
        care = None if wanted.care is None else read_care(folder / wanted.tables / "care")
    else:
        with open_book(wanted, folder) as dataset:
            found, population = study(wanted, dataset)
            seen = _known_so_far(wanted, found, population)
            people = people_of(dataset, seen, wanted.years, wanted.scope)
            care = None if wanted.care is None else care_of(dataset, seen, wanted.years, wanted.scope, wanted.care)
    ours = found.experience
    exposure = ours.exposure["member_months"]
    exposure = exposure[exposure > 0]
    rule, through, notes = _paid_through(wanted, found)
    payments, undated = payments_of(found), ours.undated()
    if through is None or payments.empty:
        rule = replace(rule, method="none", paid_through=None)
        payments = undated.rename(columns={"month": "incurred_month"})
        payments = payments.assign(paid_month=payments["incurred_month"])
        undated = undated.iloc[:0]
    payments = payments[payments["incurred_month"].isin(exposure.index)]
    running = _check_reach(wanted, payments, rule)
    if running is not None:
        exposure = exposure[exposure.index <= last_whole_month(str(rule.paid_through))]
        payments = payments[payments["incurred_month"].isin(exposure.index)]
    completion = complete(every_month(payments, exposure, rule), exposure, rule)
    completion = replace(completion, notes=(*notes, *completion.notes))
    if not undated.empty:
        words = (
            f"{undated['allowed'].sum():,.0f} of allowed bears no day of payment: it stands as reported, not completed"
        )
        completion = replace(completion, notes=(words, *completion.notes))
    monthly = completed_monthly(completion, exposure, undated)
    late = undated.groupby(undated["month"].dt.year)["allowed"].sum()
    rows = {}
    for year in [y for y in sorted(wanted.years) if y != running]:
        total = completion.pmpm(year).loc[ALL]
        members, bare = float(total["member_months"]), float(late.get(year, 0.0))
        rows[year] = {
            "member_months": members,
            "reported": float(total["allowed"]) + bare,
            "allowed": float(total["completed_allowed"]) + bare,
            "standard_error": float(total["standard_error"]) * members,
            "low": float(total["low"]) * members + bare,
            "high": float(total["high"]) * members + bare,
        }
    actuals = pd.DataFrame.from_dict(rows, orient="index").rename_axis("year")
    if running is None:
        return Claims(found, people, completion, monthly, actuals, care=care)
    row, words = _to_its_end(running, payments, exposure, rule, undated)
    completion = replace(completion, notes=(words, *completion.notes))
    return Claims(found, people, completion, monthly, actuals, row, care)


def _known_so_far(wanted: ClaimsSettings, found: Study, population: Population) -> Population:
    """Members as they are known when the payments end: who joins a year in progress later is not yet among them."""
    _, through, _ = _paid_through(wanted, found)
    if through is None or through >= pd.Period(f"{max(wanted.years)}-12", "M"):
        return population
    import ibis

    last = day_literal(through.end_time.date())
    windows = population.windows.filter(population.windows.start_date <= last)
    return replace(population, windows=windows.mutate(end_date=ibis.least(windows.end_date, last)))


def _to_its_end(
    year: int, payments: pd.DataFrame, exposure: pd.Series, rule: CompletionSettings, undated: pd.DataFrame
) -> tuple[pd.Series, str]:
    """A year in progress as forecast from its claims so far, and that in words."""
    from acomodel.outlook.forecast.path import forecast_path

    last = last_whole_month(str(rule.paid_through))
    late = undated.groupby("month")["allowed"].sum() if len(undated) else None
    path = forecast_path(payments, exposure, year, rule=rule, as_of=[last], added=late)
    if not path.forecasts:
        raise InputError(f"claims.years: too little is paid of {year} to forecast it; leave the year out")
    found = path.forecasts[-1]
    low, high = found.interval(rule.confidence)
    figures = {
        "member_months": found.exposure,
        "reported": float(path.reported.iloc[-1]),
        "allowed": found.mean,
        "standard_error": found.sd,
        "low": low,
        "high": high,
    }
    words = (
        f"{year} is in progress: claims paid through {last} are in, its exposure and spending are forecast to its end; "
        "large claims are left out at the share that they were of the years before"
    )
    return pd.Series(figures, name=year), words


def measured(results: pd.DataFrame, care: Care | None) -> pd.DataFrame:
    """
    Results of quality measures, those without figures taken from the claims where these tell of the measure.

    Parameters
    ----------
    results : pandas.DataFrame
        Table `measures`; a row without counts and rate names a measure of `claims_measures`, by its key or its name.
    care : Care or None
        What was worked out of the claims.

    Returns
    -------
    pandas.DataFrame
        The table, filled.
    """
    bare = results.reindex(columns=["numerator", "denominator", "rate"]).isna().all(axis=1)
    if care is None or not bare.any():
        return results
    found = measures_total(care.measures)
    found = found[(found["denominator"] > 0) & (found["per"] == 1)]
    keys = {str(name): key for key, name in found["name"].items()} | {str(key): key for key in found.index}
    filled = results.copy()
    for at, name in results.loc[bare, "measure"].items():
        for column, source in _FILLED.items() if name in keys else ():
            if column == "measure" or pd.isna(filled.loc[at, column]) or filled.loc[at, column] == "":
                filled.loc[at, column] = found.loc[keys[name], source]
    return filled


def told_by_claims(results: pd.DataFrame, care: Care | None) -> str:
    """What must be said of results that come from claims: which they are, what they are not, what they cannot see."""
    if care is None:
        return ""
    found = measures_total(care.measures)
    stated = set(zip(results["measure"], results["numerator"], results["denominator"], strict=True))
    rows = zip(found["name"], found["numerator"], found["denominator"], strict=True)
    ours = found[[row[2] > 0 and row in stated for row in rows]]
    if ours.empty:
        return ""
    short = ours[ours["look_back_seen"] < 1]
    said = [
        f"{name} {show(float(part), '%')}" for name, part in zip(short["name"], short["look_back_seen"], strict=True)
    ]
    reach = f" Of the years looked back the claims reach: {', '.join(said)}; care before is not seen." if said else ""
    return f"From the claims: {', '.join(ours['name'])}. {NOT_HEDIS}{reach}"


_FILLED = {
    "measure": "name",
    "domain": "area",
    "better": "direction",
    "numerator": "numerator",
    "denominator": "denominator",
}
"""Columns that the claims fill, and where from."""


def _check_unchanged(wanted: ClaimsSettings, found: Study) -> None:
    """Refuse settings other than those that the kept tables were worked out with: they would change nothing."""
    was = found.source.get("made_with", {})
    now = made_with(wanted, wanted.aco_id or str(found.source["aco_id"]))
    for key in [k for k in was if was[k] != now.get(k) and not (k == "care" and wanted.care is None)]:
        raise InputError(
            f"claims.{key}: found {json.dumps(now.get(key))}; the tables in '{wanted.tables}' were worked out with "
            f"{json.dumps(was[key])}, and another choice needs the claims themselves"
        )


WHOLE = 4
"""Days at the end of a month on which nothing need be paid for the month to be whole: a weekend and a holiday."""


def _paid_through(wanted: ClaimsSettings, found: Study) -> tuple[CompletionSettings, pd.Period | None, list[str]]:
    """Completion settings with the last day of payments of the data where none is stated, its month, and notes."""
    rule, seen = wanted.completion, found.source["paid_through"]
    if seen is None:
        return rule, None, ["no line bears a day of payment: nothing is completed, reported claims stand"]
    day = pd.Timestamp(seen)
    if rule.paid_through is not None:
        if pd.Timestamp(rule.paid_through) > day + pd.Timedelta(days=31):
            raise InputError(
                f"claims.completion.paid_through: found {rule.paid_through}; the payments in the claims end with {seen}"
            )
        day = pd.Timestamp(rule.paid_through)
    end = day + pd.offsets.MonthEnd(0)
    if (end - day).days <= WHOLE:
        day = end
    notes = [] if day == end else [f"payments end with {day:%Y-%m-%d}: that month is not whole, and is left out"]
    last = day.to_period("M") if day == end else day.to_period("M") - 1
    return replace(rule, paid_through=f"{day:%Y-%m-%d}"), last, notes


def payments_of(found: Study) -> pd.DataFrame:
    """Payments with a month of payment; those dated after the last payments of the data count in that month."""
    rows = found.experience.payments()
    if rows.empty or found.source["paid_through"] is None:
        return rows
    last = max(pd.Period(found.source["paid_through"], "M"), rows["incurred_month"].max())
    return rows.assign(paid_month=rows["paid_month"].where(rows["paid_month"] <= last, last))


def _check_reach(wanted: ClaimsSettings, payments: pd.DataFrame, rule: CompletionSettings) -> int | None:
    """The last year where it is in progress; refuse an earlier one that the payments do not reach the end of."""
    if rule.paid_through is None:
        return None
    last = (pd.Timestamp(rule.paid_through) + pd.Timedelta(days=1)).to_period("M") - 1
    newest = max(wanted.years)
    for year in sorted(wanted.years):
        if last < pd.Period(f"{year}-12", "M"):
            if year == newest > min(wanted.years) and last >= pd.Period(f"{year}-01", "M") and rule.method != "none":
                return year
            raise InputError(
                f"claims.years: {year} is not over in the claims, whose last whole month of payments is {last}; leave "
                "the year out"
            )
    if payments.empty:
        raise InputError("claims: no payment of an assigned member")
    return None


def every_month(payments: pd.DataFrame, exposure: pd.Series, rule: CompletionSettings) -> pd.DataFrame:
    """Payments with a row of zeros for months with exposure and nothing paid yet, so that they are completed too."""
    seen, category = payments["incurred_month"].unique(), payments["service_category"].iloc[0]
    last = None if rule.paid_through is None else pd.Period(rule.paid_through, "M")
    absent = [m for m in exposure.index if m not in seen and (last is None or m <= last) and m >= min(seen)]
    zeros = pd.DataFrame(
        {
            "incurred_month": pd.PeriodIndex(absent, freq="M"),
            "paid_month": pd.PeriodIndex(absent, freq="M"),
            "service_category": category,
            "paid": 0.0,
            "allowed": 0.0,
            "units": 0.0,
        }
    )
    return pd.concat([payments, zeros], ignore_index=True) if absent else payments


def completed_monthly(completion: Completion, exposure: pd.Series, undated: pd.DataFrame) -> pd.DataFrame:
    """Completed experience as rows of the table `monthly`; lines without a day of payment stand as reported."""
    rows = completion.monthly
    keys = ["month", "service_category"]
    bare = (
        undated.set_index(keys)[["paid", "allowed", "units"]].reindex(pd.MultiIndex.from_frame(rows[keys])).fillna(0.0)
    )
    paid = rows["completed_paid"] + bare["paid"].to_numpy()
    allowed = rows["completed_allowed"] + bare["allowed"].to_numpy()
    return pd.DataFrame(
        {
            "month": rows["month"],
            "service_category": rows["service_category"],
            "member_months": exposure.reindex(rows["month"]).to_numpy(),
            "incurred_claims": paid,
            "member_cost_share": allowed - paid,
            "completion_factor": 1.0,
            "services": rows["completed_units"] + bare["units"].to_numpy(),
        }
    )
