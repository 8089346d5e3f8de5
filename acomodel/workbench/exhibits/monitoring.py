"""The tables of a monthly report: where the year stands, budget to actual, rolling rates, alarms, what changed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from acomodel.claims.care.specialties import ALL_CASES, high_cost_rates
from acomodel.claims.categories import specialty_table
from acomodel.claims.drilldown import cost_utilization_trend
from acomodel.exhibit import Exhibit, Note, show
from acomodel.outlook.monitoring.drift import MADE
from acomodel.outlook.monitoring.variance import EFFECTS, target_variance
from acomodel.privacy import printed, suppressed, why
from acomodel.rates import MONTHS
from acomodel.workbench.exhibits.claims import NO_CLAIMS, trend_exhibit
from acomodel.workbench.model import Run
from acomodel.workbench.monitoring import Monitoring, monitoring

NONE = "The claims tell of no month of the contract year, so that there is nothing to watch."
NO_CARE = "The scenario does not ask for care by specialty and diagnosis: [claims.care]."
NO_SPECIALTY = "Not named on the claim"


def _absent(run: Run) -> Note:
    return Note(NO_CLAIMS if run.tables.claims is None else NONE)


def _span(found: Monitoring) -> str:
    """Months seen, in words."""
    first, last = found.months[0], found.months[-1]
    return f"{first:%B %Y}" if first == last else f"{first:%B} to {last:%B %Y}"


def summary(run: Run) -> Note | None:
    """One page in words: where the year stands, why, the expected settlement, what changed, alarms."""
    found = monitoring(run)
    if found is None:
        return None
    points = [_stands(found), _causes(found), _settlement(found), _moved(found), _alarms(found), _dear(found)]
    return Note(f"{found.year} as seen at the end of {found.as_of:%B %Y}.", [point for point in points if point])


def _stands(found: Monitoring) -> str:
    steps = found.variances().bridge
    budget, actual = float(steps["Budget"]), float(steps["Actual"])
    word = "above" if actual > budget else "below"
    against = "target" if found.own_targets else "benchmark"
    return (
        f"{_span(found)}, {len(found.months)} of {MONTHS} months: {show(actual, '$.')} PMPM as the contract counts it, "
        f"completed, against {show(budget, '$.')} of the {against}: {show(abs(actual - budget), '$.')} or "
        f"{abs(actual / budget - 1):.1%} {word}."
    )


def _causes(found: Monitoring) -> str:
    made = found.variances()
    steps = made.bridge.drop(["Budget", "Actual"])
    largest = steps.abs().sort_values(ascending=False, kind="stable").index[:3]
    gaps = made.categories["actual"] - made.categories["budget"]
    top = gaps.abs().sort_values(ascending=False, kind="stable").index[:2]
    said = ", ".join(f"{name.lower()} {_signed(float(steps[name]))}" for name in largest)
    which = " and ".join(f"{name} ({_signed(float(gaps[name]))})" for name in top)
    return f"What made the difference, PMPM: {said}. The service categories furthest from budget: {which}."


def _signed(amount: float) -> str:
    return f"+{show(amount, '$.')}" if amount > 0 else show(amount, "$.")


def seen_earlier(run: Run) -> str:
    """What was to be expected at the month of the report, where that lies before the latest; else an empty string."""
    found = None if run.scenario.monitoring is None else monitoring(run)
    if found is None or found.is_newest:
        return ""
    return f"As it was seen at the end of {found.as_of:%B %Y}: {_settlement(found)}"


def _settlement(found: Monitoring) -> str:
    one = found.forecasts
    paid = one.path.payments(one.terms, (0.05, 0.95), benchmark_pmpm=one.benchmark_pmpm, **one.clauses).iloc[-1]
    owed = f", that it owes {paid['owed']:.0%}" if one.terms.two_sided else ""
    over = found.is_newest and not one.forecast
    settled = f" This run, whose completion is not a forecast, settles {show(one.payment, '$')}." if over else ""
    year = one.path.to_frame((0.05, 0.95)).iloc[-1]
    return (
        f"The year is expected to come to {show(float(year['expected']), '$')}, with 90% chance between "
        f"{show(float(year[0.05]), '$')} and {show(float(year[0.95]), '$')}, against a benchmark of "
        f"{show(float(paid['benchmark']), '$')}. Expected settlement: {show(float(paid['expected']), '$')} to the ACO, "
        f"with 90% chance between {show(float(paid[0.05]), '$')} and {show(float(paid[0.95]), '$')}. "
        "Chance that it is paid "
        f"{paid['earned']:.0%}{owed}.{settled}"
    )


def _moved(found: Monitoring) -> str:
    made = found.changes()
    if made is None:
        return ""
    rows = made.table
    inner = rows.drop(index=["before", "after"])
    moved = float(rows.loc["after", "spending"] - rows.loc["before", "spending"])
    cause = str(inner["spending"].abs().idxmax())
    words = {"exposure": "exposure", "restated": "earlier months restated", "new": "the month newly seen"}
    said = words.get(cause, "the months to come")
    up = "up" if moved > 0 else "down"
    paid = float(rows.loc["after", "payment"] - rows.loc["before", "payment"])
    return (
        f"Since the end of {made.before.as_of:%B %Y} the spending expected of the year went {up} by "
        f"{show(abs(moved), '$')}, most of it by {said}; the expected settlement moved by {show(paid, '$')}."
    )


def _alarms(found: Monitoring) -> str:
    made = found.drift()
    if made is None:
        return ""
    chance = f"a year which runs as budgeted raises one with a chance of {made.false_alarm:.0%}, {MADE}"
    if not made.alarms:
        return f"No alarm: nothing departs from budget beyond chance ({chance})."
    said = "; ".join(_alarm(found, alarm.series) for alarm in made.alarms)
    return f"Alarms: {said}. Once in a while chance alone raises one: {chance}."


def _alarm(found: Monitoring, series: str) -> str:
    """An alarm in words: how large the departure looks now, and when it was seen first."""
    made = found.drift()
    assert made is not None
    first = next(alarm for alarm in made.alarms if alarm.series == series)
    name = "all services" if series == "All" else series
    now = made.latest.loc[series]
    if not now["alarm"]:
        return f"{name} (raised at the end of {first.month:%B %Y}, within bounds again)"
    side = "over" if now["size"] > 0 else "under"
    return (
        f"{name} {side} budget by {abs(float(now['size'])):.0%} since {now['since']:%B %Y} (first seen at the end of "
        f"{first.month:%B %Y})"
    )


def _dear(found: Monitoring) -> str:
    made = high_cost(found.run)
    if not isinstance(made, Exhibit):
        return ""
    cases, rate = made.table["Cases"].loc["Total"], float(made.table["PMPM"].loc["Total"])
    if np.isnan(rate):
        return ""
    count = cases if isinstance(cases, str) else f"{cases:,}"
    return f"{made.title}, the latest year that was over: {count} cases, {show(rate, '$.')} PMPM."


def budget_to_actual(run: Run) -> Exhibit | Note:
    """Budget to actual by service category, with variances of risk, use, price and mix."""
    found = monitoring(run)
    if found is None:
        return _absent(run)
    made = found.variances().exhibit()
    if shown := abs(found.variances().categories["risk"]).max() > 0:
        risk = "Risk: what members were sicker than the contract counts, at the budget's cost. "
    elif found.risk_measured:
        risk = "The contract counts the whole change of risk. "
    else:
        risk = "The targets are taken as they stand. " if found.own_targets else "No change of risk is measured. "
    plan = (
        "targets of the ACO's own"
        if found.own_targets
        else "the projected category with the risk that the contract counts, before large claims are left out"
    )
    note = (
        f"{_span(found)}, completed. Budget: {plan}, for these months with their seasons. {risk}Use, price and mix of "
        f"specialties: {'of the rest' if shown else 'of the variance'}. Each row adds up."
    )
    table = made.table if shown else made.table.drop(columns="Risk")
    return Exhibit(f"Budget to actual by service category, $ PMPM, {found.year}", table, made.formats, note)


def bridge(run: Run) -> Exhibit | Note:
    """From the budget to the actual in steps that add up, PMPM and dollars, enrolment apart."""
    found = monitoring(run)
    if found is None:
        return _absent(run)
    made = found.variances()
    dollars = made.dollars
    table = pd.DataFrame({"PMPM": made.bridge.reindex(dollars.index), "Dollars": dollars})
    words = "Target" if found.own_targets else "Benchmark"
    table = table.rename(index={"Budget": f"{words} to date", "Actual": "Actual, as the contract counts it"})
    table = table.rename_axis("Step")
    stated = run.scenario.benchmark is not None and run.scenario.benchmark.member_months is not None
    exposure = "the exposure that was expected" if stated else "the exposure there was: none was stated beforehand"
    note = (
        f"{_span(found)}, completed. Enrolment: members beyond those expected, at the budget's PMPM; the budget stands "
        f"at {exposure}. Large claims left out: of the claims, less what the budget leaves out."
    )
    return Exhibit(f"From budget to actual, {found.year}", table, {"PMPM": "$.", "Dollars": "$"}, note)


def specialties(run: Run, most: int = 14) -> Exhibit | Note:
    """Claims by provider specialty: prior, current, target and why they differ, as figure 4.1, the largest first."""
    found = monitoring(run)
    if found is None:
        return _absent(run)
    frame = found.specialties()
    if frame.empty:
        return Note(NO_CARE)
    names = specialty_table().set_index("specialty")["name"].to_dict()
    rest = frame.iloc[most:]
    rows = frame.iloc[:most].rename(index=lambda code: str(names.get(code, code or NO_SPECIALTY)))
    causes = ["risk", *EFFECTS]
    for name, part in {"All others": rest, "Total": frame}.items():
        if len(part):
            sums = part[["prior", "current"]].sum()
            rows.loc[name] = pd.concat([sums, part[["target", *causes]].sum(skipna=False)])
    gaps = target_variance(rows["current"], rows["target"])
    shown = causes if rows["risk"].abs().max() > 0 else [*EFFECTS]
    if rows[causes].isna().all(axis=None):
        shown = []
    table = pd.DataFrame(
        {
            "Prior": rows["prior"],
            "Current": rows["current"],
            "Target": rows["target"],
            "Variance": gaps["variance"],
            "Of target": gaps["share"],
            **{name.capitalize(): rows[name] for name in shown},
            "Per 1,000": rows["per_1000"],
            "Per service": rows["unit_cost"],
        }
    ).rename_axis("Provider specialty")
    formats = dict.fromkeys(table, "$.") | {"Of target": "%", "Per 1,000": "#"}
    before = found.months - MONTHS
    own = run.tables.targets is not None and bool((run.tables.targets["kind"] == "specialty").any())
    target = "as stated" if own else "the budget of each service category, divided by specialty as the baseline was"
    note = (
        f"$ PMPM, completed. Prior: {before[0]:%B} to {before[-1]:%B %Y}. Current: {_span(found)}. Target: {target}. "
        f"Facility claims bear no specialty. {_split(frame, shown)}"
    ).strip()
    return Exhibit("Summary cost by provider specialty", table, formats, note)


def _split(frame: pd.DataFrame, shown: list[str]) -> str:
    """How variances of specialties are split, in words."""
    whole = frame["use"].isna() & frame["target"].notna()
    if not shown:
        return "Price and use are not split: the targets state no use." if whole.any() else ""
    said = (
        f"{', '.join(shown).capitalize()}: they add up to the variance, split as by service category. Use is of all "
        "services of a specialty, days and visits alike, at its cost per service, and mix is of its service "
        "categories, so that their totals are others than those by service category."
    )
    if whole.any():
        said += " Where they are not shown, price and use are not split: the target states no use."
    if frame["target"].isna().any():
        said += " Specialties without a target have no variance, nor has a sum with them."
    return said


def trends(run: Run) -> Exhibit | Note:
    """PMPM, use per 1,000 and unit cost of calendar years and of the latest twelve months, as figure 4.2."""
    found = monitoring(run)
    if found is None:
        return _absent(run)
    last = found.monthly["month"].max()
    years = found.monthly["month"].dt.year
    whole = [y for y in sorted(years.unique()) if (found.exposure.index.year == y).sum() == MONTHS][-4:]
    spans = {str(y): pd.period_range(f"{y}-01", f"{y}-12", freq="M") for y in whole}
    latest = pd.period_range(last - (MONTHS - 1), last, freq="M")
    if last.month < MONTHS:
        spans["Latest 12 months"] = latest
    rows = {}
    for name, months in spans.items():
        sums = found.monthly[found.monthly["month"].isin(months)][["services", "claims"]].sum()
        rows[name] = {
            "member_months": float(found.exposure.reindex(months).sum()),
            "procedures": float(sums["services"]),
            "claims": float(sums["claims"]),
        }
    made = trend_exhibit(
        "Cost and utilization trends, all services",
        cost_utilization_trend(pd.DataFrame.from_dict(rows, orient="index")),
    )
    note = made.note + (
        f" Latest 12 months: {latest[0]} to {latest[-1]}, against the year before." if last.month < 12 else ""
    )
    return Exhibit(made.title, made.table.rename_axis("Period"), made.formats, note)


def rolling_rates(run: Run, months: int = 12) -> Exhibit | Note:
    """Rolling PMPM, use and unit cost of the latest months, against the same months a year before and the budget."""
    found = monitoring(run)
    if found is None:
        return _absent(run)
    table = pd.DataFrame({"Member months": found.exposure.tail(months)})
    formats = {"Member months": "#"}
    for length in found.settings.rolling:
        frame = found.rolling(length).reindex(table.index)
        table[f"{length}-month PMPM"] = frame["pmpm"]
        table[f"{length}-month change"] = frame["pmpm_change"]
        table[f"{length}-month budget"] = frame["budget_pmpm"]
        formats |= dict.fromkeys((f"{length}-month PMPM", f"{length}-month budget"), "$.")
        formats[f"{length}-month change"] = "%"
    length = found.settings.rolling[-1]
    frame = found.rolling(length).reindex(table.index)
    table[f"{length}-month use per 1,000"] = frame["utilization_per_1000"]
    table[f"{length}-month unit cost"] = frame["unit_cost"]
    formats |= {f"{length}-month use per 1,000": "#", f"{length}-month unit cost": "$."}
    table.index = pd.Index([str(m) for m in table.index], name="Months to the end of")
    note = (
        "All claims, completed. Change: from the same months a year before. Budget: of the same months with their "
        "seasons, all claims, where they lie in the contract year."
    )
    return Exhibit("Rolling rates", table, formats, note)


def high_cost(run: Run) -> Exhibit | Note:
    """High-cost cases by group of diagnoses, as figure 4.4; groups of 1 to 10 cases without their dollars."""
    found = monitoring(run)
    if found is None:
        return _absent(run)
    claims = found.claims
    if claims.care is None:
        return Note(NO_CARE)
    rows, newest = claims.care.high_cost, claims.completion.exposure.index.max()
    seen = [int(y) for y in rows["year"].unique() if found.as_of >= min(pd.Period(f"{y}-12", "M"), newest)]
    if not seen:
        return Note("No calendar year of the claims was over at that month.")
    year = max(seen)
    completed = claims.of_year(year) if year in claims.years else None
    lives = float(claims.completion.exposure[claims.completion.exposure.index.year == year].sum())
    factor = 1.0
    if completed is not None and not claims.is_forecast(year):
        factor = claims.completion_ratio(year)
    frame = rows[rows["year"] == year].set_index("diagnosis_group").rename(index={ALL_CASES: "Total"})
    if frame.loc["Total", "cases"] == 0:
        return Note(f"No member's claims of {year} exceed {show(_threshold(run), '$')}.")
    made = high_cost_rates(frame, lives, factor)
    parts = [name for name in made.index if name != "Total"]
    hidden = suppressed(made["cases"], rows={"Total": parts}) & (not run.scenario.report.show_small_cells)
    names = {
        "per_1000": "Per 1,000",
        "cases": "Cases",
        "services": "Services",
        "allowed": "Claims",
        "pmpm": "PMPM",
        "per_case": "Per case",
    }
    table = made[list(names)].astype({"services": float, "allowed": float}).rename(columns=names)
    for name in ("Per 1,000", "Services", "Claims", "PMPM", "Per case"):
        table[name] = table[name].mask(hidden)
    if hidden.any():
        table["Cases"] = printed(made["cases"], hidden)
    formats = {"Per 1,000": "#.", "Cases": "#", "Services": "#", "Claims": "$", "PMPM": "$.", "Per case": "$"}
    running = " so far" if claims.is_forecast(year) else ""
    note = (
        f"Members whose allowed claims of {year}{running} exceed {show(_threshold(run), '$')}, by the group of "
        "diagnoses that stands for most of their dollars. PMPM completed; claims and claims per case as reported. "
        + why(made["cases"], hidden)
    ).strip()
    return Exhibit(f"High-cost cases by diagnosis, {year}", table.rename_axis("Group of diagnoses"), formats, note)


def _threshold(run: Run) -> float:
    assert run.scenario.claims is not None and run.scenario.claims.care is not None
    return run.scenario.claims.care.high_cost


def people(run: Run) -> Exhibit | Note:
    """Who the members are: exposure, age, sex and risk of the contract year against the years before."""
    found = monitoring(run)
    if found is None:
        return _absent(run)
    claims, rows = found.claims, {}
    model = run.scenario.risk.model if run.scenario.risk is not None else "V28"
    for year in [y for y in claims.years if y <= found.as_of.year]:
        ages = claims.people.ages[claims.people.ages["year"] == year]
        scores = claims.people.scores
        scores = scores[(scores["year"] == year) & (scores["model"] == model)]
        lives = found.exposure[found.exposure.index.year == year]
        known = ages["months"].sum()
        rows[str(year)] = {
            "Member months": float(lives.sum()),
            "First month": float(lives.iloc[0]) if len(lives) else np.nan,
            "Last month": float(lives.iloc[-1]) if len(lives) else np.nan,
            "Average age": float(np.average(ages["age"], weights=ages["months"])) if known else np.nan,
            "Women": float(ages.loc[ages["sex"] == "F", "months"].sum() / known) if known else np.nan,
            f"CMS-HCC {model}": float(np.average(scores["score"], weights=scores["months"])) if len(scores) else np.nan,
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("Year")
    formats = dict.fromkeys(("Member months", "First month", "Last month"), "#") | {"Average age": "#.", "Women": "%"}
    formats[f"CMS-HCC {model}"] = "0.000"
    if run.budget is not None and run.budget.risk is not None:
        risk = run.budget.risk
        both = f"{risk.base:.4f} in {risk.base_period}, {risk.current:.4f} in {risk.current_period}"
        said = f" Risk by {risk.measure}: {both}."
    else:
        said = ""
    note = (
        "Ages are those of the calendar year, by months of exposure, and the members are those of this run: who is "
        f"attributed may have been known otherwise at the time.{said}"
    )
    return Exhibit("Who the members are", table, formats, note)


def changes(run: Run) -> Exhibit | Note:
    """What changed since last month: why the forecast and the expected settlement moved."""
    found = monitoring(run)
    if found is None:
        return _absent(run)
    made = found.changes()
    return Note("This is the first month that the year is forecast from.") if made is None else made.exhibit()


def settlement(run: Run) -> Exhibit | Note:
    """Spending and settlement as they were to be expected month by month, until the month of the report."""
    found = monitoring(run)
    if found is None:
        return _absent(run)
    made = found.forecasts.exhibit()
    table = made.table.drop(columns="Reported")
    note = made.note.replace("Reported and completed:", "Completed:", 1)
    return Exhibit(made.title, table if found.is_newest else table.drop(index="This run"), made.formats, note)


def departures(run: Run) -> Exhibit | Note:
    """Departures from budget, all services and the larger categories, with the chance of a false alarm."""
    found = monitoring(run)
    if found is None:
        return _absent(run)
    made = found.drift()
    return Note("Too little of the year is paid to test it.") if made is None else made.exhibit()
