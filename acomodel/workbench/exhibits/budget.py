"""The tables of a budget: experience, trend, projection, benchmark step by step."""

from __future__ import annotations

import pandas as pd

from acomodel.budget.trend import WORDS, trend_study
from acomodel.exhibit import Exhibit, Note, show
from acomodel.privacy import printed, suppressed, why
from acomodel.workbench.exhibits.record import base_years, growth
from acomodel.workbench.model import Run

NO_BUDGET = "The scenario states its benchmark, so no budget is built here."


_COST = {
    "incurred_pmpm": "Incurred PMPM",
    "cost_share_pmpm": "Cost sharing PMPM",
    "allowed_pmpm": "Allowed PMPM",
    "utilization_pmpm": "Use PMPM",
    "unit_cost": "Cost per service",
}


_COST_FORMATS = dict.fromkeys(("Incurred PMPM", "Cost sharing PMPM", "Allowed PMPM", "Cost per service"), "$.") | {
    "Use PMPM": "0.000"
}


def experience(run: Run) -> Exhibit | Note:
    """Baseline year: incurred, cost sharing, allowed, use and unit cost by service category; or the base years."""
    if run.budget is None:
        return base_years(run) or Note(NO_BUDGET)
    frame = run.budget.report.loc[run.budget.base_year][list(_COST)].rename(columns=_COST)
    frame = frame.rename_axis("Service category").dropna(axis=1, how="all")
    summed = [c for c in frame if c.endswith("PMPM") and c != "Use PMPM"]
    frame.loc["Total"] = frame[summed].sum()
    return Exhibit(f"Cost and utilization, {run.budget.base_year}", frame, _COST_FORMATS)


def trends(run: Run) -> Exhibit | Note | None:
    """Trend factors from year to year, or growth by enrollment type."""
    if run.budget is None:
        return growth(run)
    if run.budget.history is None:
        return Note("One year of experience shows no trend.")
    names = {"cost_trend": "Unit cost", "utilization_trend": "Use", "allowed_trend": "Allowed"}
    wide = run.budget.history.rename(columns=names).unstack("year").swaplevel(axis=1)
    years = sorted(run.budget.history.index.unique("year"), reverse=True)
    wide = wide[[(year, name) for year in years for name in names.values()]]
    order = run.budget.history.loc[years[0]].index
    wide = wide.reindex(order).rename_axis("Service category")
    wide.columns = [f"{name} {year}" for year, name in wide.columns]
    return Exhibit("Annual trend factors", wide, dict.fromkeys(wide.columns, "0.000"))


def regressions(run: Run) -> Exhibit | Note | None:
    """Regression trends of all categories by grouping of months, or why there are none."""
    if run.budget is None:
        return None
    if run.tables.monthly is None or run.scenario.trend is None:
        years = run.budget.report.index.unique("year").size
        return Note(
            f"Annual experience, {years} points, is too little for a regression: trends are ratios of one year to the "
            "year before. Monthly experience allows regression on groups of 12, 6, 3 and 1 months, with intervals."
        )
    monthly = run.fitted.monthly
    assert monthly is not None
    study = trend_study(monthly, run.scenario.trend.rule)
    frame = study["annual_trend"].unstack("grouping")
    frame = frame[[g for g in (12, 6, 3, 1) if g in frame]]
    frame.columns = [f"{g} month{'s' * (g > 1)}" for g in frame.columns]
    grouping = run.scenario.trend.rule.grouping
    frame["Low"] = study["low"].xs(grouping, level="grouping")
    frame["High"] = study["high"].xs(grouping, level="grouping")
    frame = frame.reindex(study.index.droplevel("grouping").unique())
    frame.index = pd.Index([f"{c}, {WORDS[m]}" for c, m in frame.index], name="Annual trend fitted to points of")
    confidence = run.scenario.trend.rule.confidence
    used = "trend.own" in {a.note.removeprefix("setting ") for a in run.assumptions}
    used = used and run.scenario.trend.own == "regression"
    note = f"Low and high: {confidence:.0%} interval of the {grouping}-month fit"
    note += ", which the budget uses." if used else "; the budget uses another trend."
    if run.fitted is not run.tables:
        note += " Claims above the threshold are left out."
    return Exhibit("Trend by log-linear regression", frame, dict.fromkeys(frame.columns, "%."), note)


def diagnostics(run: Run) -> Exhibit | None:
    """Diagnostics of the regression on all services."""
    if run.tables.monthly is None or run.scenario.trend is None:
        return None
    return run.fitted.fit("All", run.scenario.trend.rule, "allowed_pmpm").exhibit()


def projection(run: Run) -> Exhibit | None:
    """Projected cost and use by year and service category."""
    if run.budget is None:
        return None
    names = {
        "cost_trend": "Cost trend",
        "utilization_trend": "Use trend",
        "unit_cost": "Cost per service",
        "utilization_pmpm": "Use PMPM",
        "allowed_pmpm": "Allowed PMPM",
    }
    parts = []
    years = sorted(run.budget.projection.index.unique("year"))
    for year in years:
        part = run.budget.projection.loc[year].rename(columns=names)
        part.loc["Total"] = pd.Series({"Allowed PMPM": part["Allowed PMPM"].sum()})
        parts.append(part.add_prefix(f"{year}: "))
    frame = pd.concat(parts, axis=1).rename_axis("Service category")
    styles = {"Cost trend": "0.000", "Use trend": "0.000", "Cost per service": "$.", "Use PMPM": "0.000"}
    formats = {c: styles.get(c.split(": ")[1], "$.") for c in frame}
    return Exhibit("Projected cost and use, before risk and large-claim adjustments", frame, formats)


def demographics(run: Run) -> Exhibit | None:
    """Members of a demographic table by age and sex in both periods; cells of 1 to 10 members are not shown."""
    table, risk = run.tables.demographics, run.scenario.risk
    if table is None or risk is None or run.budget is None or run.budget.risk is None:
        return None
    cells = table.set_index(["age_band", "sex", "period"])["members"].unstack("period")[[risk.base, risk.current]]
    order = pd.MultiIndex.from_frame(table[["age_band", "sex"]].drop_duplicates())
    cells = cells.reindex(order)
    factor = table.drop_duplicates(["age_band", "sex"]).set_index(["age_band", "sex"])["factor"].reindex(order)
    hidden = _hidden_cells(run, cells, factor)
    shown = cells if run.scenario.report.show_small_cells else printed(cells, hidden)
    shown = shown.add_prefix("Members ").rename_axis(None, axis=1)
    shown.insert(0, "Factor", factor)
    shown.index = pd.Index([f"{band}, {sex}" for band, sex in order], name="Age and sex")
    base, current = run.budget.risk.base, run.budget.risk.current
    note = (
        f"Average factor {base:.4f} in {risk.base} and {current:.4f} in {risk.current}: ratio {current / base:.4f} "
        f"unrounded. {why(cells, hidden)}"
    ).strip()
    return Exhibit("Age/sex factors", shown, {"Factor": "0.000"} | dict.fromkeys(shown.columns[1:], "#"), note)


def _hidden_cells(run: Run, cells: pd.DataFrame, factor: pd.Series) -> pd.DataFrame:
    """
    Cells that are not printed: nobody may work them out from all members or from the average factor.

    Both are printed, the sum as what was read or as exposure.
    """
    risk = run.budget.risk if run.budget is not None else None
    found = {}
    for period, average in zip(cells, (risk.base, risk.current) if risk is not None else (), strict=False):
        counts = pd.Series([*cells[period], cells[period].sum()])
        parts = range(len(cells))
        weights = pd.Series((factor - average).to_numpy(), index=parts)
        hidden = suppressed(counts, rows={len(cells): parts}, balances=[weights], known=[len(cells)])
        found[period] = pd.Series(hidden.to_numpy()[:-1] & (not run.scenario.report.show_small_cells), cells.index)
    return pd.DataFrame(found)


def benchmark(run: Run) -> Exhibit | Note:
    """Steps from baseline or base years to benchmark, or the benchmarks as stated."""
    if run.made is not None:
        return run.made.exhibit()
    stated = [f"{label}: {show(value, '$')}" for label, value in run.lines()["benchmark"].items()]
    return Note("Benchmarks are taken as stated.", stated)


def rounding(run: Run) -> Note | None:
    """Which benchmark the report shows, and what the other rounding would give."""
    if run.budget is None:
        return None
    shown, exact = run.budget.benchmark, run.budget.unrounded
    if shown.rounding == "none":
        return Note(f"The benchmark of {show(shown.pmpm, '$.')} PMPM carries every digit from step to step.")
    return Note(
        f"The benchmark of {show(shown.pmpm, '$.')} PMPM is rounded between steps as printed in its source: average "
        f"factors to 2 decimals, adjustments to 3, PMPM to cents. With nothing rounded it is "
        f"{show(exact.pmpm, '$.')} PMPM, a difference of {show((shown.pmpm - exact.pmpm) * shown.member_months, '$')} "
        f"over {shown.member_months:,.0f} member months."
    )
