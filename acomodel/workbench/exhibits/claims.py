"""Tables of what the claims say: where they went, who is attributed, what is completed, price, use and mix."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from acomodel.claims.drilldown import cost_utilization_trend, price_use_mix
from acomodel.claims.findings import findings_exhibit
from acomodel.exhibit import Exhibit, Note, show
from acomodel.inputs import InputError
from acomodel.privacy import printed, suppressed, why
from acomodel.workbench.claims import Claims
from acomodel.workbench.figures import figures_of, headline_value
from acomodel.workbench.model import Run

NO_CLAIMS = "The scenario starts from finished experience, so no claims are read here."
METHOD_WORDS = {"dartmouth": "Dartmouth", "mssp": "MSSP", "pgp": "PGP"}


def claims_used(run: Run) -> Note | None:
    """In sentences: which claims, whose, how complete; nothing where the scenario starts from experience."""
    claims = run.tables.claims
    if claims is None:
        return None
    found = claims.study
    about, part = found.source["tables"]["claims"], found.experience.conservation()
    share = part.loc["attributed", "allowed"] / part.loc["Total", "allowed"]
    method = METHOD_WORDS[run.scenario.claims.attribution.method] if run.scenario.claims is not None else ""
    last = claims.actuals.iloc[-1]
    points = [
        f"{about['rows']:,} claim lines, {show(about['sums']['allowed'], '$')} allowed; {share:.1%} of it belongs to "
        f"members attributed to {found.source['aco_id']} by the {method} method.",
        f"{claims.actuals.index[-1]}: {show(last['reported'], '$')} reported, {show(last['allowed'], '$')} completed "
        f"({last['reported'] / last['allowed']:.1%} complete), standard error {show(last['standard_error'], '$')}.",
        f"Findings in the data: {len(found.findings) or 'none'}.",
    ]
    return Note("The experience is made of claims.", points)


def findings(run: Run) -> Exhibit | Note:
    """What was found in the data, with rows, members and dollars at stake."""
    claims = run.tables.claims
    if claims is None:
        return Note(NO_CLAIMS)
    if claims.study.findings.empty:
        return Note("The checks of the data found nothing.")
    return findings_exhibit(claims.study.findings)


def conservation(run: Run) -> Exhibit | Note:
    """Where every claim dollar went."""
    claims = run.tables.claims
    return Note(NO_CLAIMS) if claims is None else claims.study.experience.exhibit()


def _shown(counts: pd.Series, hidden: pd.Series) -> pd.Series:
    return printed(counts, hidden) if hidden.any() else counts


def attributed(run: Run) -> Exhibit | Note:
    """Members by ACO in the latest year."""
    claims = run.tables.claims
    if claims is None:
        return Note(NO_CLAIMS)
    found = claims.study
    counts = found.attributed["members"]
    parts = [label for label in counts.index if label != "Total"]
    hidden = _closed(run, suppressed(counts, rows={"Total": parts} if "Total" in counts.index else {}))
    contested = pd.Series([found.source["contested"]])
    of_them = _shown(contested, _closed(run, suppressed(contested))).iloc[0]
    of_them = of_them if isinstance(of_them, str) else f"{of_them:,}"
    note = f"{of_them} members were contested and decided by the later keys of the rule. {why(counts, hidden)}"
    table = pd.DataFrame({"Members": _shown(counts, hidden)}).rename_axis("Attributed to")
    title = f"Members by claims from {found.source['claims_from']} to {found.source['claims_to']}"
    return Exhibit(title, table, {"Members": "#"}, note.strip())


def _closed(run: Run, hidden: Any) -> Any:
    """What is not printed: nothing where the scenario has small cells shown."""
    return hidden & (not run.scenario.report.show_small_cells)


def members(run: Run) -> Exhibit | Note:
    """Members assigned in each year, and what became of them."""
    claims = run.tables.claims
    if claims is None:
        return Note(NO_CLAIMS)
    frame = claims.study.members
    months = claims.actuals["member_months"]
    hidden = _closed(run, suppressed(frame))
    table = pd.DataFrame({c[0].upper() + c[1:].replace("_", " "): _shown(frame[c], hidden[c]) for c in frame})
    table.insert(1, "Member months", months.reindex(frame.index))
    note = "Of those assigned; a member may stand in several columns. Counts of 1 to 10 members are not printed."
    return Exhibit("Members assigned, by year", table.rename_axis("Year"), {"Member months": "#"}, note)


def practices(run: Run) -> Exhibit | Note:
    """Share of each practice's patients who are attributed to the ACO, the largest first."""
    claims = run.tables.claims
    if claims is None:
        return Note(NO_CLAIMS)
    frame = claims.study.practices.head(15)
    counts = frame[["patients", "attributed"]].assign(others=frame["patients"] - frame["attributed"])
    hidden = suppressed(counts, columns={"patients": ["attributed", "others"]}, unpublished=["others"])
    hidden = _closed(run, hidden[["patients", "attributed"]])
    table = pd.DataFrame(
        {
            "Patients": _shown(frame["patients"], hidden["patients"]),
            "Attributed": _shown(frame["attributed"], hidden["attributed"]),
            "Share": frame["share"].mask(hidden.any(axis=1)),
            "Against 20% to 60%": frame["enough"].mask(hidden.all(axis=1), "–"),
        }
    ).rename_axis("Practice")
    note = (
        "Patients: seen at qualifying visits. From 20% to 60% of an office's patients its ways are expected to change. "
        + why(frame[["patients", "attributed"]], hidden)
    ).strip()
    return Exhibit("Critical mass: the ACO's share of each practice", table, {"Share": "%"}, note)


def overlap(run: Run) -> Exhibit | Note:
    """Members of the latest year under two methods at once."""
    claims = run.tables.claims
    if claims is None or claims.study.overlap.empty:
        return Note(NO_CLAIMS if claims is None else "Only one method of attribution was asked for.")
    frame = claims.study.overlap.rename(index=METHOD_WORDS, columns=METHOD_WORDS).rename_axis("Method")
    hidden = _closed(run, _overlap_hidden(frame))
    note = f"On the diagonal: all members of the method. {why(frame, hidden)}".strip()
    table = frame.apply(lambda column: _shown(column, hidden[column.name]))
    return Exhibit("Members assigned under both methods", table, dict.fromkeys(frame.columns, "#"), note)


def _overlap_hidden(frame: pd.DataFrame) -> pd.DataFrame:
    """Overlaps that are not printed: nor may it be known how few are of one method and not of another."""
    names = list(frame.index)
    cells: dict[Any, float] = {(a, b): float(frame.loc[a, b]) for n, a in enumerate(names) for b in names[n:]}
    both = {(a, b): (a, b) if (a, b) in cells else (b, a) for a in names for b in names}
    alone: dict[Any, float] = {("only", a, b): cells[a, a] - cells[both[a, b]] for a in names for b in names if a != b}
    counts = pd.Series({**cells, **alone}.values(), index=pd.Index([*cells, *alone], dtype=object, tupleize_cols=False))
    sums = [((a, a), [both[a, b], one]) for one in alone for a, b in [one[1:]]]
    hidden = suppressed(counts, rows=sums, unpublished=list(alone), known=[(names[0], names[0])])
    found = dict(zip(counts.index, hidden, strict=True))
    return pd.DataFrame({b: {a: found[both[a, b]] for a in names} for b in names})


def methods(run: Run) -> Exhibit | Note:
    """What each method of attribution makes of exposure, PMPM, benchmark and payment, all else as it is."""
    claims = run.tables.claims
    if claims is None or claims.study.methods.empty:
        return Note(NO_CLAIMS if claims is None else "Only one method of attribution was asked for.")
    if claims.is_forecast(run.scenario.years[run.scenario.headline()].performance_year):
        return Note("The year is in progress: other methods are set beside this one when it is over.")
    rows = {}
    for name in claims.study.methods["method"].unique():
        chosen = run.scenario.claims is not None and name == run.scenario.claims.attribution.method
        other = claims if chosen else _by_method(claims, str(name))
        last = other.actuals.iloc[-1]
        row = {"Member months": last["member_months"], "Allowed PMPM": last["allowed"] / last["member_months"]}
        until = run.scenario.benchmark.year if run.scenario.benchmark is not None else None
        tables = dataclasses.replace(run.tables, claims=other, monthly=other.before(until), _fits={})
        try:
            figures = figures_of(run.scenario, tables)
        except InputError:  # too small a population under this method for the chain
            row |= {"Benchmark PMPM": np.nan, "Savings rate": np.nan, "Payment": np.nan}
        else:
            row |= {
                "Benchmark PMPM": figures[0].benchmark.pmpm if figures[0] is not None else np.nan,
                "Savings rate": headline_value(run.scenario, figures, "savings_rate"),
                "Payment": headline_value(run.scenario, figures, "payment"),
            }
        rows[METHOD_WORDS[str(name)]] = row
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("Method")
    formats = {"Member months": "#", "Savings rate": "%.", "Payment": "$"}
    formats |= dict.fromkeys(("Allowed PMPM", "Benchmark PMPM"), "$.")
    note = f"Exposure and PMPM of {claims.actuals.index[-1]}. The development of the first method completes all."
    return Exhibit("What the choice of method does", table, formats, note)


HARDLY = 0.02
"""Share complete below which a month of another method is not scaled up from what is paid."""


def _by_method(claims: Claims, method: str) -> Claims:
    """Claims as they would be under another method, completed month by month as under the chosen one."""
    keys = ["month", "service_category"]
    chosen = claims.completion.monthly.set_index(keys)
    rows = claims.study.methods[claims.study.methods["method"] == method].drop(columns="method")
    rows = rows[rows["month"].isin(chosen.index.unique("month"))].set_index(keys)
    chosen = chosen.reindex(rows.index)
    ours = claims.completion.exposure.reindex(rows.index.get_level_values("month")).to_numpy()
    expected = chosen["completed_allowed"] / ours * rows["member_months"]

    def completed(reported: pd.Series, factor: pd.Series, instead: pd.Series) -> pd.Series:
        """Reported over its share complete; where hardly anything is paid yet, as the chosen members cost."""
        return (reported / factor.where(factor >= HARDLY)).fillna(instead.fillna(reported))

    part = (rows["incurred_claims"] / (rows["incurred_claims"] + rows["member_cost_share"])).fillna(1.0)
    dollars = chosen["completion_factor"]
    use = chosen["completed_units"] / ours * rows["member_months"]
    monthly = rows.assign(
        incurred_claims=completed(rows["incurred_claims"], dollars, expected * part),
        member_cost_share=completed(rows["member_cost_share"], dollars, expected * (1 - part)),
        services=completed(rows["services"], chosen["units_completion_factor"], use),
        completion_factor=1.0,
    ).reset_index()
    year = monthly["month"].dt.year
    exposure = monthly.drop_duplicates("month").groupby(monthly["month"].dt.year)["member_months"].sum()
    allowed = (monthly["incurred_claims"] + monthly["member_cost_share"]).groupby(year).sum()
    actuals = claims.actuals.assign(member_months=exposure, allowed=allowed)
    return dataclasses.replace(claims, monthly=monthly, actuals=actuals)


def cost_trend(run: Run) -> Exhibit | Note:
    """PMPM, use per 1,000 and unit cost of each year with the change from the year before, all services."""
    claims = run.tables.claims
    if claims is None:
        return Note(NO_CLAIMS)
    rows = claims.monthly.assign(
        year=claims.monthly["month"].dt.year,
        claims=claims.monthly["incurred_claims"] + claims.monthly["member_cost_share"],
    )
    months = rows.drop_duplicates("month").groupby("year")["member_months"].sum()
    sums = rows.groupby("year")[["services", "claims"]].sum().rename(columns={"services": "procedures"})
    sums = sums.loc[sums.index.isin(claims.actuals.index)].assign(member_months=months)
    return trend_exhibit("Cost and utilization trends, all services", cost_utilization_trend(sums))


def utilization(run: Run) -> Exhibit | Note:
    """Use of the base year per 1,000 members in the unit of each category, stays and their length, unit cost."""
    claims = run.tables.claims
    if claims is None:
        return Note(NO_CLAIMS)
    year = run.budget.base_year if run.budget is not None else int(claims.actuals.index[-1])
    frame = claims.study.experience.utilization(year)
    names = {
        "unit": "Unit",
        "per_1000": "Per 1,000",
        "stays_per_1000": "Stays per 1,000",
        "length_of_stay": "Days a stay",
        "unit_cost": "Per unit",
        "allowed_pmpm": "Allowed PMPM",
    }
    table = frame[list(names)].rename(columns=names).rename_axis("Service category")
    formats = {"Per 1,000": "#", "Stays per 1,000": "#.", "Days a stay": "#."}
    formats |= dict.fromkeys(("Per unit", "Allowed PMPM"), "$.")
    return Exhibit(f"Utilization, {year}", table, formats, "As reported, a year, net of reversals.")


def specialties(run: Run) -> Exhibit | Note:
    """The largest specialties in the latest two years, as the next level of the drill-down."""
    claims = run.tables.claims
    if claims is None:
        return Note(NO_CLAIMS)
    rows = _completed_items(claims)
    rows = rows[(rows["specialty"] != "") & rows["year"].isin(claims.actuals.index[-2:])]
    from acomodel.claims.categories import specialty_table

    names = specialty_table().set_index("specialty")["name"]
    sums = rows.groupby(["specialty", "year"])[["units", "allowed"]].sum()
    sums = sums.set_axis(["procedures", "claims"], axis=1)
    parts = {}
    largest = sums["claims"].groupby("specialty").sum().sort_values(ascending=False, kind="stable").index[:8]
    for code in largest:
        frame = sums.loc[code].reindex(claims.actuals.index[-2:], fill_value=0.0)
        frame = frame.assign(member_months=claims.actuals["member_months"])
        parts[str(names.get(code, code))] = cost_utilization_trend(frame).iloc[-1]
    table = pd.DataFrame(parts).T.rename_axis("Specialty")
    return trend_exhibit(f"Largest specialties, {claims.actuals.index[-1]}", table)


def trend_exhibit(title: str, frame: pd.DataFrame) -> Exhibit:
    """Periods of `cost_utilization_trend` with their changes, under a title."""
    names = {
        "member_months": "Member months",
        "procedures": "Services",
        "claims": "Claims",
        "pmpm": "PMPM",
        "pmpm_change": "PMPM, change",
        "utilization_per_1000": "Per 1,000",
        "utilization_change": "Use, change",
        "unit_cost": "Per service",
        "unit_cost_change": "Unit cost, change",
    }
    table = frame[list(names)].rename(columns=names)
    formats = dict.fromkeys(("Member months", "Services", "Claims", "Per 1,000"), "#")
    formats |= dict.fromkeys(("PMPM", "Per service"), "$.")
    formats |= dict.fromkeys([n for n in table if n.endswith("change")], "%")
    if table.index.dtype.kind in "iu":
        table.index = pd.Index([str(i) for i in table.index], name="Year")
    return Exhibit(title, table, formats, "Completed. Services are counted in the unit of each category.")


def bridge(run: Run) -> Exhibit | Note:
    """Change of allowed PMPM between the latest two years, split exactly into use, price and mix."""
    found = bridge_table(run)
    if found is None:
        return Note(NO_CLAIMS if run.tables.claims is None else "One year of claims makes no bridge.")
    first, last, frame = found
    table = frame.rename(columns={"before": str(first), "after": str(last)} | {n: n.capitalize() for n in _EFFECTS})
    note = "Mix: between procedures of a category. Completed by category; each row adds up exactly."
    table = table.rename_axis("Service category")
    return Exhibit(f"From {first} to {last}: use, price and mix, $ PMPM", table, dict.fromkeys(table, "$."), note)


_EFFECTS = ("use", "price", "mix")


def bridge_table(run: Run) -> tuple[int, int, pd.DataFrame] | None:
    """Two years and the bridge between them; None where there are no two years of claims."""
    claims = run.tables.claims
    if claims is None or len(claims.actuals) < 2:
        return None
    rows = _completed_items(claims)
    rows = rows.assign(group=rows["service_category"], item=rows["item"] + rows["specialty"])
    first, last = (int(y) for y in claims.actuals.index[-2:])
    both = [rows[rows["year"] == y].assign(member_months=claims.actuals.loc[y, "member_months"]) for y in (first, last)]
    return first, last, price_use_mix(*both)


def _completed_items(claims: Claims) -> pd.DataFrame:
    """Items with dollars and use raised by the completion of their category and year."""
    rows = claims.completion.monthly
    sums = rows.groupby([rows["month"].dt.year.rename("year"), "service_category"])[
        ["allowed", "completed_allowed", "units", "completed_units"]
    ].sum()
    dollars = (sums["completed_allowed"] / sums["allowed"].where(sums["allowed"] != 0)).fillna(1.0)
    use = (sums["completed_units"] / sums["units"].where(sums["units"] != 0)).fillna(1.0)
    found = claims.study.items
    found = found[found["year"].isin(claims.actuals.index)]
    keys = pd.MultiIndex.from_frame(found[["year", "service_category"]])
    return found.assign(
        allowed=found["allowed"].to_numpy() * dollars.reindex(keys).fillna(1.0).to_numpy(),
        units=found["units"].to_numpy() * use.reindex(keys).fillna(1.0).to_numpy(),
    )


def network(run: Run) -> Exhibit | Note:
    """Allowed PMPM of the latest year inside and outside the ACO, by category: what leaves it."""
    claims = run.tables.claims
    if claims is None:
        return Note(NO_CLAIMS)
    year = claims.actuals.index[-1]
    rows = _completed_items(claims)
    wide = rows[rows["year"] == year].pivot_table(
        index="service_category", columns="network", values="allowed", aggfunc="sum", fill_value=0.0, sort=False
    )
    wide = (
        wide.reindex(columns=["in the ACO", "outside the ACO"], fill_value=0.0)
        / claims.actuals.loc[year, "member_months"]
    )
    wide.loc["Total"] = wide.sum()
    table = pd.DataFrame(
        {
            "In the ACO, PMPM": wide["in the ACO"],
            "Outside, PMPM": wide["outside the ACO"],
            "Share outside": wide["outside the ACO"] / wide.sum(axis=1).where(wide.sum(axis=1) != 0),
        }
    ).rename_axis("Service category")
    formats = {"In the ACO, PMPM": "$.", "Outside, PMPM": "$.", "Share outside": "%"}
    return Exhibit(f"Where care was given, {year}", table, formats, "The ACO answers for all of it.")
