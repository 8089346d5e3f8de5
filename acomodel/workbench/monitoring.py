"""The contract year of a run as it goes: months seen, completed, against their budget, and how its forecast moved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd

from acomodel.claims.completion import CompletionSettings, completion_factors
from acomodel.claims.runoff import ALL, Completion, complete
from acomodel.claims.triangles import last_whole_month, triangle
from acomodel.inputs import InputError
from acomodel.outlook.forecast.path import ForecastPath
from acomodel.outlook.monitoring.changes import Changes, what_changed
from acomodel.outlook.monitoring.drift import Drift, departures
from acomodel.outlook.monitoring.expected import expected_months, looks_at, trend_deviation
from acomodel.outlook.monitoring.items import divided, planned
from acomodel.outlook.monitoring.rolling import rolling_rates
from acomodel.outlook.monitoring.settings import MonitoringSettings
from acomodel.outlook.monitoring.variance import EFFECTS, Variances, budget_to_actual
from acomodel.rates import MONTHS, THOUSAND_MEMBER_YEARS
from acomodel.workbench.adjustments import applied_ratio, measured_ratio
from acomodel.workbench.claims import Claims, completed_monthly, every_month, payments_of
from acomodel.workbench.forecasts import Forecasts, path
from acomodel.workbench.model import Run

LEAST = 0.03
"""Share of the budget below which a service category is not watched on its own. [share]"""


@dataclass(frozen=True, eq=False)
class Monitoring:
    """
    The contract year of a run as it was seen at the end of a month.

    Parameters
    ----------
    run : Run
        The run.
    settings : MonitoringSettings
        What is shown, and when an alarm is raised.
    as_of : pandas.Period
        The month.
    completion : Completion
        Claims paid by then, completed.
    monthly : pandas.DataFrame
        By `month` and `service_category`, all months until then: `member_months`, `services`, `claims` (allowed),
        completed.
    phase : pandas.Series
        PMPM expected of each month of the year over that of the year. [factor]
    forecasts : Forecasts
        Forecasts of the year made by then.
    """

    run: Run
    settings: MonitoringSettings
    as_of: pd.Period
    completion: Completion
    monthly: pd.DataFrame
    phase: pd.Series
    forecasts: Forecasts

    @property
    def claims(self) -> Claims:
        """Claims of the run."""
        found = self.run.tables.claims
        assert found is not None
        return found

    @property
    def year(self) -> int:
        """The contract year."""
        return self.forecasts.path.year

    @property
    def is_newest(self) -> bool:
        """Whether the month is the last whole one of payments, so that the run says the same of the year."""
        return self.as_of == last_whole_month(str(self.claims.completion.rule.paid_through))

    @property
    def months(self) -> pd.PeriodIndex:
        """Months of the year seen by then."""
        known = self.monthly["month"].unique()
        return pd.PeriodIndex([m for m in self.phase.index if m in known], freq="M")

    @property
    def exposure(self) -> pd.Series:
        """Member months by month. [member months]"""
        return self.monthly.drop_duplicates("month").set_index("month")["member_months"]

    @property
    def to_date(self) -> float:
        """PMPM expected of the months seen over that of the year. [factor]"""
        return float(np.average(self.phase.loc[self.months], weights=self.exposure.loc[self.months]))

    @property
    def own_targets(self) -> bool:
        """Whether service categories have targets of the ACO's own in place of the budget."""
        table = self.run.tables.targets
        return table is not None and bool((table["kind"] == "category").any())

    def counted_risk(self) -> float:
        """Risk ratio that the budget of the categories includes. [factor]"""
        budget = self.run.budget
        assert budget is not None
        if self.own_targets:
            return 1.0
        printed = budget.benchmark.rounding == "printed"
        return applied_ratio(self.run.scenario, budget.risk, printed=printed)

    @property
    def risk_measured(self) -> bool:
        """Whether a change of risk is measured beside what the budget includes; targets of one's own have their own."""
        return self.run.budget is not None and self.run.budget.risk is not None and not self.own_targets

    def risk_beyond(self) -> float:
        """Risk of the members there were over the risk that the budget of the categories includes. [factor]"""
        budget = self.run.budget
        if not self.risk_measured or budget is None or budget.risk is None:
            return 1.0
        printed = budget.benchmark.rounding == "printed"
        return measured_ratio(self.run.scenario, budget.risk, printed=printed) / self.counted_risk()

    def budget(self) -> pd.DataFrame:
        """
        Budget of the whole year by category, of all claims, with the risk that it includes.

        Returns
        -------
        pandas.DataFrame
            Index service category; `allowed_pmpm` [$ PMPM], `utilization_pmpm` [services per member per month], NaN
            where it is taken as it comes.

        Raises
        ------
        InputError
            A category with claims and without a target, or a target of no category of the claims.
        """
        budget, targets = self.run.budget, self.run.tables.targets
        assert budget is not None
        if not self.own_targets:
            rows = budget.projection.loc[self.year, ["allowed_pmpm", "utilization_pmpm"]]
            return rows * self.counted_risk()
        assert targets is not None
        rows = targets[targets["kind"] == "category"].set_index("name")
        file = self.run.scenario.folder / self.run.tables.files["targets"]
        seen = set(self.monthly["service_category"])
        for name, known, lacks in (
            *((n, rows.index, "has claims and no target") for n in sorted(seen)),
            *((n, seen, "has a target and no claims") for n in rows.index),
        ):
            if name not in known:
                raise InputError(f"{file}: service category '{name}' {lacks}; known are {', '.join(sorted(seen))}")
        return pd.DataFrame(
            {
                "allowed_pmpm": rows["target_pmpm"].astype(float),
                "utilization_pmpm": rows["target_per_1000"].astype(float) / THOUSAND_MEMBER_YEARS,
            }
        )

    def items(self) -> pd.DataFrame:
        """
        Completed use and claims by month, category and specialty.

        Returns
        -------
        pandas.DataFrame
            `month`, `service_category`, `specialty` (CMS code; empty where it is not known, or where the scenario asks
            for no specialties), `units`, `allowed`: the completed months of each category, divided as the claims
            reported so far are.
        """
        care = self.claims.care
        whole = self.monthly.rename(columns={"services": "units", "claims": "allowed"})
        if care is None:
            return whole.assign(specialty="")[["month", "service_category", "specialty", "units", "allowed"]]
        return divided(whole, care.specialties)

    def variances(self) -> Variances:
        """Budget to actual of the months seen; see `budget_to_actual`."""
        run, budget = self.run, self.run.budget
        assert budget is not None
        plan, actual, lives = self._planned_and_came()
        stated = None if run.scenario.benchmark is None else run.scenario.benchmark.member_months
        expected = lives if stated is None else stated / MONTHS * len(self.months)
        level, came = float(plan["allowed_pmpm"].sum()), float(actual["allowed"].sum()) / lives
        agreed, beside = None, None
        if not self.own_targets:
            kept = float(budget.benchmark.steps["factor"].get("Large-claim adjustment", 1.0))
            agreed = self.forecasts.benchmark_pmpm * self.to_date
            left_out = (1 - kept) * level - self.forecasts.removed[self.year] * came
            beside = pd.Series({"Large claims left out": left_out, "Rounding and what-ifs": kept * level - agreed})
            beside = beside[beside.abs() > 1e-9]
        return budget_to_actual(
            plan,
            actual.rename(columns={"service_category": "group", "specialty": "item"}),
            actual_months=lives,
            budget_months=expected,
            risk=self.risk_beyond(),
            agreed=agreed,
            beside=beside,
        )

    def _planned_and_came(self) -> tuple[pd.DataFrame, pd.DataFrame, float]:
        """Budget and actual of the months seen by category and specialty, and their exposure."""
        assert self.run.budget is not None
        seen, lives = self.items(), float(self.exposure.loc[self.months].sum())
        keys = ["service_category", "specialty"]
        actual = seen[seen["month"].isin(self.months)].groupby(keys, as_index=False)[["units", "allowed"]].sum()
        base = seen[seen["month"].dt.year == self.run.budget.base_year]
        return planned(self.budget() * self.to_date, base, actual, lives), actual, lives

    def specialties(self) -> pd.DataFrame:
        """
        Months seen by specialty against the same months a year before and the target, as figure 4.1.

        Returns
        -------
        pandas.DataFrame
            Index specialty (CMS code); `prior`, `current`, `target` [$ PMPM]; `risk`, `use`, `price`, `mix`, which
            make the variance from the target [$ PMPM], NaN where the target has no use to split it by; per 1,000 and
            per service of the current months; empty where the scenario asks for no specialties.

        Notes
        -----
        The split is that of `variances` with specialty and service category exchanged: use is of all services of a
        specialty, at its unit cost; mix is of its service categories.
        """
        run = self.run
        if self.claims.care is None:
            return pd.DataFrame()
        seen, lives = self.items(), self.exposure
        before = self.months - MONTHS
        then = float(lives.reindex(before).sum())
        plan, actual, now = self._planned_and_came()
        current = actual.groupby("specialty")[["units", "allowed"]].sum()
        prior = seen[seen["month"].isin(before)].groupby("specialty")["allowed"].sum()
        every = current.index.union(prior.index).union(plan["item"].unique())
        table = pd.DataFrame(
            {
                "prior": prior.reindex(every, fill_value=0.0) / then if then else np.nan,
                "current": current["allowed"].reindex(every, fill_value=0.0) / now,
                "target": plan.groupby("item")["allowed_pmpm"].sum().reindex(every, fill_value=0.0),
                "per_1000": current["units"].reindex(every, fill_value=0.0) / now * THOUSAND_MEMBER_YEARS,
                "unit_cost": current["allowed"] / current["units"].where(current["units"] != 0),
            },
            index=every,
        ).rename_axis("specialty")
        plan = plan.rename(columns={"group": "item", "item": "group"})
        came = actual.rename(columns={"specialty": "group", "service_category": "item"})
        loose = self.budget()["utilization_pmpm"].isna() if self.own_targets else pd.Series(dtype=bool)
        whole = plan.loc[plan["item"].isin(loose.index[loose]) & (plan["allowed_pmpm"] != 0), "group"]
        risk, stated = self.risk_beyond(), run.tables.targets
        if stated is not None and (rows := stated[stated["kind"] == "specialty"]).size:
            own = _stated(rows, every, run)
            table["target"] = own["allowed_pmpm"] * self.to_date
            plan = (own * self.to_date).dropna(subset="allowed_pmpm").rename_axis("group").reset_index()
            plan, came, risk = plan.assign(item=""), came.assign(item=""), 1.0
            whole = own.index[own["utilization_pmpm"].isna()]
        split = pd.DataFrame(columns=["risk", *EFFECTS], dtype=float)
        if len(plan):
            split = budget_to_actual(plan, came, actual_months=now, risk=risk).categories[list(split)]
        table = table.join(split[~split.index.isin(whole)])
        return table.sort_values("current", ascending=False, kind="stable")

    def rolling(self, length: int, category: str | None = None) -> pd.DataFrame:
        """
        Rolling rates until then, all services or one category; see `rolling_rates`.

        Returns
        -------
        pandas.DataFrame
            As `rolling_rates`, with `budget_pmpm`, the budget of the same months where all lie in the contract year.
            [$ PMPM]
        """
        rows = self.monthly if category is None else self.monthly[self.monthly["service_category"] == category]
        sums = rows.groupby("month")[["services", "claims"]].sum()
        table = rolling_rates(sums.assign(member_months=self.exposure), length)
        budget = self.budget()["allowed_pmpm"]
        level = float(budget.sum() if category is None else budget[category])
        lives = self.exposure.loc[self.months]
        planned = (lives * self.phase.loc[self.months] * level).rolling(length).sum() / lives.rolling(length).sum()
        return table.assign(budget_pmpm=planned.reindex(table.index))

    def changes(self) -> Changes | None:
        """Why the forecast and the expected settlement moved in the last month; None at the first forecast."""
        made = self.forecasts.path.forecasts
        if len(made) < 2:
            return None
        found = self.forecasts
        return what_changed(made[-2], made[-1], found.terms, benchmark_pmpm=found.benchmark_pmpm, **found.clauses)

    def drift(self) -> Drift | None:
        """When spending, all of it or a category's, departs from budget; None where too little is seen yet."""
        return _drift(self)


@lru_cache(maxsize=2)
def monitoring(run: Run) -> Monitoring | None:
    """
    The contract year of a run as it was seen at the end of the month that its settings name.

    Parameters
    ----------
    run : Run
        A run whose contract year the claims tell of.

    Returns
    -------
    Monitoring or None
        None where there is no forecast of the year (`acomodel.workbench.forecasts.path`), or no budget by category.

    Raises
    ------
    InputError
        A month after the last payments, or before anything is known of the year.

    Examples
    --------
    >>> import acomodel
    >>> monitoring(acomodel.run("scenarios/hackensack-2014.toml")) is None
    True
    """
    claims, budget = run.tables.claims, run.budget
    if claims is None or budget is None or claims.completion.rule.paid_through is None:
        return None
    wanted = run.scenario.monitoring or MonitoringSettings()
    newest = last_whole_month(claims.completion.rule.paid_through)
    as_of = newest if wanted.as_of is None else pd.Period(wanted.as_of, "M")
    year = run.scenario.years[run.scenario.headline()].performance_year
    _check_told(run, as_of, pd.Period(f"{year}-01", "M"), newest)
    found = path(run)
    if found is None or not found.path.forecasts or year not in budget.projection.index.unique("year"):
        return None
    _check_told(run, as_of, found.path.forecasts[0].as_of, newest)
    kept = tuple(one for one in found.path.forecasts if one.as_of <= as_of)
    until = replace(found, path=ForecastPath(year, kept, found.path.reported[: kept[-1].as_of]))
    completion, monthly = (claims.completion, claims.monthly) if as_of == newest else _completed(claims, as_of)
    factor = 1 + run.scenario.years[run.scenario.headline()].actual_adjustment
    amounts = (monthly["incurred_claims"] + monthly["member_cost_share"]).where(
        monthly["month"].dt.year != year, (monthly["incurred_claims"] + monthly["member_cost_share"]) * factor
    )
    frame = monthly[["month", "service_category", "member_months", "services"]].assign(claims=amounts)
    whole = frame.groupby("month")["claims"].sum()
    phase = expected_months(whole, completion.exposure, year).phase
    return Monitoring(run, wanted, as_of, completion, frame, phase, until)


def _check_told(run: Run, as_of: pd.Period, first: pd.Period, newest: pd.Period) -> None:
    """Refuse a month at which nothing was known of the year, or that is not yet paid."""
    if first <= newest and not first <= as_of <= newest:
        raise InputError(
            f"{run.scenario.path}: monitoring.as_of: found {as_of}; the claims tell of the year from the end of "
            f"{first} to the end of {newest}"
        )


def _rule(claims: Claims, as_of: pd.Period) -> CompletionSettings:
    return replace(claims.completion.rule, paid_through=f"{as_of.end_time:%Y-%m-%d}")


def _completed(claims: Claims, as_of: pd.Period) -> tuple[Completion, pd.DataFrame]:
    """Claims as they were seen at the end of an earlier month, completed by the same rule."""
    exposure = claims.completion.exposure[:as_of]
    payments = payments_of(claims.study)
    payments = payments[(payments["paid_month"] <= as_of) & payments["incurred_month"].isin(exposure.index)]
    rule = _rule(claims, as_of)
    made = complete(every_month(payments, exposure, rule), exposure, rule)
    undated = claims.study.experience.undated()
    return made, completed_monthly(made, exposure, undated[undated["month"] <= as_of])


def _stated(rows: pd.DataFrame, codes: pd.Index, run: Run) -> pd.DataFrame:
    """Targets of specialties by code, NaN where there are none; those of a name are found by it."""
    from acomodel.claims.categories import specialty_table

    names = specialty_table()
    by_name = dict(zip(names["name"].str.lower(), names["specialty"], strict=True))
    stated: dict[str, tuple[float, float]] = {}
    for name, target, per_1000 in zip(rows["name"], rows["target_pmpm"], rows["target_per_1000"], strict=True):
        code = name if name in set(names["specialty"]) | set(codes) else by_name.get(str(name).lower())
        if code is None:
            file = run.scenario.folder / run.tables.files["targets"]
            raise InputError(f"{file}: specialty '{name}': neither a CMS specialty code nor the name of one")
        stated[str(code)] = (float(target), float(per_1000) / THOUSAND_MEMBER_YEARS)
    columns = ["allowed_pmpm", "utilization_pmpm"]
    return pd.DataFrame.from_dict(stated, orient="index", columns=columns).reindex(codes)


def _trend_error(found: Monitoring, category: str) -> float:
    """Deviation of the budget's logarithm by the error of a trend that is regressed on the months before; else none."""
    wanted, budget = found.run.scenario.trend, found.run.budget
    if wanted is None or budget is None or wanted.method != "own" or wanted.own != "regression" or found.own_targets:
        return 0.0
    try:
        fit = found.run.fitted.fit(category, wanted.rule, "allowed_pmpm")
    except InputError:  # too thin for a trend of its own
        return 0.0
    return max(found.year - budget.base_year, 0) * trend_deviation(fit)


@lru_cache(maxsize=2)
def _drift(found: Monitoring) -> Drift | None:
    claims, as_of, year = found.claims, found.as_of, found.year
    lives, rule = found.completion.exposure, replace(_rule(claims, as_of), method="chain_ladder")
    payments = payments_of(claims.study)
    payments = payments[(payments["paid_month"] <= as_of) & payments["incurred_month"].isin(lives.index)]
    undated = claims.study.experience.undated()
    factor = np.log1p(found.run.scenario.years[found.run.scenario.headline()].actual_adjustment)
    budget = found.budget()["allowed_pmpm"]
    looks = {}
    for name in (ALL, *budget.index[budget >= LEAST * budget.sum()]):
        level = float(budget.sum() if name == ALL else budget[name])
        category = None if name == ALL else str(name)
        if category is not None and category not in set(payments["service_category"]):
            continue
        cells = triangle(payments, "allowed", category, rule.paid_through)
        pattern = found.completion.patterns.get((str(name), "dollars"))
        if pattern is None:
            pattern = completion_factors(cells, rule, exposure=lives)
        bare = undated if category is None else undated[undated["service_category"] == category]
        added = bare.groupby("month")["allowed"].sum() if len(bare) else None
        made = looks_at(
            cells, pattern, lives, level, year, as_of, added=added, budget_sd=_trend_error(found, category or ALL)
        )
        looks[str(name)] = [replace(one, deviation=one.deviation + factor) for one in made]
    if not any(len(one.deviation) for several in looks.values() for one in several):
        return None
    return departures(looks, false_alarm=found.settings.false_alarm, year=year)
