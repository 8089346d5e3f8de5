"""The tables of a report on risk: how sick the population is, how that changes, and what the score is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from acomodel.budget.demographics import age_sex_cells, age_sex_set
from acomodel.budget.factor_sets import cell_label
from acomodel.exhibit import Exhibit, Note, show
from acomodel.inputs import InputError
from acomodel.privacy import SMALL_CELL, printed, suppressed, why
from acomodel.workbench.adjustments import applied_ratio, listed_claims, measured_ratio, threshold
from acomodel.workbench.exhibits import record
from acomodel.workbench.exhibits.large_claims import amounts_shown
from acomodel.workbench.figures import figures_of, headline_value
from acomodel.workbench.model import Run
from acomodel.workbench.people import DEMOGRAPHIC, EVERYBODY, People
from acomodel.workbench.scenario import change

NO_RISK = "No change in the population's risk enters the benchmark."
COMMERCIAL = (
    "CMS-HCC is calibrated on Medicare; no member here bears a status of Medicare, so read it as a rough index."
)


def people_of_run(run: Run) -> People | None:
    """Members behind the claims of a run; None without claims."""
    return None if run.tables.claims is None else run.tables.claims.people


def change_in_risk(run: Run) -> Exhibit | Note:
    """Risk in both periods, the ratio, what floor and cap leave of it, and what that is worth; or risk by type."""
    if (by_types := record.risk(run)) is not None:
        return by_types
    wanted, budget = run.scenario.risk, run.budget
    if budget is None or wanted is None:
        return Note(NO_RISK)
    printed = budget.benchmark.rounding == "printed"
    measured, applied = (f(run.scenario, budget.risk, printed=printed) for f in (measured_ratio, applied_ratio))
    if budget.risk is None:
        if wanted.ratio is None:
            return Note(NO_RISK)
        rows = {"Ratio as stated": measured}
        note = "The scenario states the ratio."
    else:
        risk = budget.risk
        rows = {
            f"Average in {risk.base_period}": risk.base,
            f"Average in {risk.current_period}": risk.current,
            "Ratio as measured": measured,
        }
        note = f"Measure: {risk.measure}."
        if printed and measured != risk.current / risk.base:
            note += " The ratio is that of the averages as printed in the source, with two decimals."
    for words, limit in (("Floor", wanted.floor), ("Cap", wanted.cap)):
        if limit is not None:
            rows[f"{words} of the ratio"] = 1 + limit
    within = applied / (1 + wanted.adjustment)
    rows["Ratio that counts"] = within
    if wanted.adjustment:
        rows["With the what-if"] = applied
    if within != measured:
        lost = budget.benchmark.pmpm * (measured / within - 1)
        note += (
            f" Between the ratio as measured and the one that counts: {show(abs(lost), '$.')} PMPM of the benchmark, "
            f"{show(abs(lost) * budget.benchmark.member_months, '$')} in all."
        )
    table = pd.DataFrame({"Factor": rows}).rename_axis("Risk of the population")
    return Exhibit("Change in the population's risk", table, {"Factor": "0.0000"}, note)


def findings(run: Run) -> Exhibit | Note | None:
    """What is wrong with ages, statuses and diagnoses, by year; None without claims."""
    people = people_of_run(run)
    if people is None:
        return None
    if people.findings.empty:
        return Note("Every member has an age and a sex, and every year scored has diagnoses of the year before.")
    rows = people.findings
    counts = rows["members"]
    if not run.scenario.report.show_small_cells:
        counts = printed(counts, suppressed(counts))
    table = pd.DataFrame({"Finding": rows["what"].to_numpy(), "Members": counts.to_numpy()})
    table.index = pd.Index(
        [f"{y}: {c}" for y, c in zip(rows["year"], rows["check"], strict=True)], name="Year and check"
    )
    return Exhibit("Findings on risk", table, {"Members": "#"})


def measures(run: Run) -> Exhibit | None:
    """Average risk by year under each measure that the claims allow, relative to the baseline year."""
    people = people_of_run(run)
    if people is None or run.budget is None:
        return None
    table = relative_risk(run).T.rename_axis("Measure")
    note = f"Average risk of each year over that of {run.budget.base_year}."
    if not medicare(people):
        note += f" {COMMERCIAL}"
    return Exhibit("Risk by year and measure", table, dict.fromkeys(table.columns, "0.000"), note)


def relative_risk(run: Run) -> pd.DataFrame:
    """Average risk by year (index) and measure (columns), over that of the baseline year; missing where not known."""
    people = people_of_run(run)
    assert people is not None and run.budget is not None
    base = run.budget.base_year
    asked = {
        "Age/sex, Toolkit": lambda year: people.mean_factor(year, age_sex_set()),
        "Age/sex, own costs": lambda year: people.mean_factor(year, people.own_factors(base)),
        "CMS-HCC V28": lambda year: people.mean_score(year, "V28"),
        "CMS-HCC V24": lambda year: people.mean_score(year, "V24"),
    }
    years = sorted(run.tables.claims.actuals.index) if run.tables.claims is not None else []
    found: dict[str, dict[str, float]] = {}
    for name, level in asked.items():
        for year in years:
            try:
                found.setdefault(name, {})[str(year)] = level(year)
            except InputError:
                continue
    frame = pd.DataFrame(found)
    return frame / frame.loc[str(base)] if str(base) in frame.index else frame


def medicare(people: People) -> bool:
    """Whether members have types of enrollment, which only Medicare gives."""
    return people.scores.empty or bool((people.scores["type"] != EVERYBODY).any())


def population(run: Run) -> Exhibit | None:
    """Members of the claims by age and sex, in the baseline and the contract year, with their factors."""
    people = people_of_run(run)
    if people is None or run.budget is None or run.budget.risk is None:
        return None
    factors = age_sex_set()
    table = pd.DataFrame({"Factor, Toolkit": factors["factor"].to_numpy()})
    own = people.factors[people.factors["year"] == run.budget.base_year]
    if len(own):
        few = cells_hidden(run, own["members"], run.budget.base_year)
        table["Factor, own costs"] = own["factor"].mask(few).to_numpy()
    told = ""
    for year in sorted({run.budget.base_year, *_current_years(run)}):
        rows = people.ages[people.ages["year"] == year]
        rows = rows.loc[rows.index.repeat(rows["members"])].assign(months=1)
        if len(rows):
            counts = age_sex_cells(rows["age"], rows["sex"], rows["months"], factors).cells["members"]
            hidden = cells_hidden(run, counts, year)
            told = told or why(counts, hidden)
            table[f"Members {year}"] = printed(counts, hidden).to_numpy() if hidden.any() else counts.to_numpy()
    table.index = pd.Index([cell_label(cell) for _, cell in factors.iterrows()], name="Sex and age")
    formats = {c: "0.000" if c.startswith("Factor") else "#" for c in table}
    note = f"Own costs: estimated from the claims of {run.budget.base_year}, drawn towards the Toolkit's where thin."
    return Exhibit("Members by age and sex", table, formats, f"{note} {told}".strip())


def cells_hidden(run: Run, counts: pd.Series, year: int) -> pd.Series:
    """Parts of a year's members that are not printed, all members and those without age or sex being known."""
    people = people_of_run(run)
    if people is None or run.scenario.report.show_small_cells:
        return pd.Series(False, index=counts.index)
    rows = people.findings
    unknown = int(rows.loc[(rows["year"] == year) & rows["check"].isin(DEMOGRAPHIC), "members"].sum())
    cells = pd.Series([*counts, unknown, counts.sum() + unknown])
    parts, total = range(len(cells) - 1), len(cells) - 1
    hidden = suppressed(cells, rows={total: parts}, known=[total] + [total - 1] * (unknown > SMALL_CELL))
    return pd.Series(hidden.to_numpy()[: len(counts)], index=counts.index)


def _current_years(run: Run) -> list[int]:
    """Contract year, where the claims hold it."""
    assert run.scenario.benchmark is not None
    claims = run.tables.claims
    year = run.scenario.benchmark.year
    return [year] if claims is not None and year in claims.actuals.index else []


def own_factors(run: Run) -> Exhibit | None:
    """Age/sex factors estimated from the claims of the baseline, with their credibility and fit."""
    people = people_of_run(run)
    if people is None or run.budget is None:
        return None
    rows = people.factors[people.factors["year"] == run.budget.base_year]
    if rows.empty:
        return None
    few = cells_hidden(run, rows["members"], run.budget.base_year)
    table = pd.DataFrame(
        {
            "Members": printed(rows["members"], few) if few.any() else rows["members"],
            "Observed": rows["observed"].mask(few),
            "Standard error": rows["standard_error"].mask(few),
            "Standard": rows["standard"],
            "Credibility": rows["credibility"].mask(few),
            "Used": rows["factor"].mask(few),
        }
    )
    table.index = pd.Index([cell_label(cell) for _, cell in rows.iterrows()], name="Sex and age")
    fit = people.fit[people.fit["year"] == run.budget.base_year].set_index("statistic")["value"]
    note = (
        f"Relative cost, average 1. R squared {fit['R squared']:.3f}; F test of no difference between cells: p "
        f"{fit['p-value, F']:.2g}; chi-square test of the standard set: p {fit['p-value, chi-square']:.2g}. Claims "
        f"truncated at their 99th percentile. {why(rows['members'], few)}"
    ).strip()
    formats = dict.fromkeys(table.columns[1:], "0.000") | {"Members": "#", "Credibility": "%"}
    return Exhibit(f"Age/sex factors from the claims of {run.budget.base_year}", table, formats, note)


def scores(run: Run) -> Exhibit | None:
    """Mean CMS-HCC scores by year, enrollment type, and newly or continuously assigned."""
    people = people_of_run(run)
    if people is None or people.scores.empty:
        return None
    rows, keys = people.scores, ["year", "type", "assigned"]
    first = rows.drop_duplicates(keys).set_index(keys)
    table = pd.DataFrame({"Members": first["members"], "Member months": first["months"]})
    for model in rows["model"].unique():
        table[f"Mean {model}"] = rows[rows["model"] == model].set_index(keys)["score"]
    counts = table["Members"]
    years = counts.index.get_level_values("year")
    few = pd.concat([cells_hidden(run, counts[years == year], int(year)) for year in years.unique()])
    few = few.reindex(counts.index)
    if few.any():
        table = table.mask(few).assign(Members=printed(counts, few))
    table.index = pd.Index([f"{y}, {t}" + (f", {a} assigned" if a else "") for y, t, a in table.index], name="Members")
    formats = {"Members": "#", "Member months": "#"} | {c: "0.000" for c in table if c.startswith("Mean ")}
    note = f"Raw scores, not normalized; by the diagnoses of the year before. {why(counts, few)}".strip()
    return Exhibit("Risk scores", table, formats, note if medicare(people) else f"{note} {COMMERCIAL}")


def conditions(run: Run, most: int = 12) -> Exhibit | None:
    """The most frequent conditions of the last year scored, and how many have them in other years."""
    people = people_of_run(run)
    if people is None or people.categories.empty:
        return None
    model = run.scenario.risk.model if run.scenario.risk is not None else "V28"
    rows = people.categories[people.categories["model"] == model]
    wide = rows.pivot_table(index=["category", "label"], columns="year", values="members", aggfunc="sum")
    totals = people.scores[people.scores["model"] == model].groupby("year")["members"].sum()
    wide = wide.fillna(0).sort_values(wide.columns[-1], ascending=False, kind="stable").head(most)
    shares = wide / totals.reindex(wide.columns) * 1000
    if not run.scenario.report.show_small_cells:
        shares = shares.mask((wide >= 1) & (wide <= SMALL_CELL))
    shares.columns = [str(year) for year in wide.columns]
    shares.index = pd.Index([f"{category} {label}" for category, label in wide.index], name=f"{model} category")
    note = "Members per 1,000 assigned, by diagnoses of the year before; those of 1 to 10 members are not shown."
    return Exhibit("Conditions per 1,000 members", shares, dict.fromkeys(shares.columns, "#."), note)


def prediction(run: Run) -> Exhibit | None:
    """How well each measure predicts the cost of members held back."""
    people = people_of_run(run)
    if people is None or people.prediction.empty:
        return None
    rows = people.prediction[people.prediction["kind"] == "statistic"]
    names = {
        "r_squared": "R squared",
        "r_squared_truncated": "R squared, truncated",
        "mean_absolute_error": "Mean absolute error",
    }
    table = rows.pivot(index="model", columns="part", values="value").reindex(rows["model"].unique())[list(names)]
    table = table.rename(columns=names).rename_axis("Measure", axis=0).rename_axis(None, axis=1)
    year, members = int(rows["year"].iloc[0]), int(rows["members"].iloc[0])
    note = (
        f"Cost of the years through {year}, each by the diagnoses of the year before; {members:,} member years held "
        "back, levels and own weights set on the others; truncated at $250,000. Errors in shares of the mean cost. "
        "Below zero: worse than giving everybody the mean."
    )
    return Exhibit("Prediction of members held back", table, dict.fromkeys(names.values(), "%."), note)


def condition_ratios(run: Run) -> Exhibit | None:
    """Predicted over actual cost of members with each condition, held back from the fit."""
    people = people_of_run(run)
    rows = pd.DataFrame() if people is None else people.prediction[people.prediction["kind"] == "condition"]
    if rows.empty:
        return None
    if not run.scenario.report.show_small_cells:
        rows = rows.assign(value=rows["value"].mask(rows["members"] <= SMALL_CELL))
    table = rows.pivot(index="part", columns="model", values="value")
    table = table.reindex(index=rows["part"].unique(), columns=rows["model"].unique())
    counts = rows.drop_duplicates("part").set_index("part")["members"]
    hide = not run.scenario.report.show_small_cells
    table.insert(0, "Members", printed(counts, suppressed(counts)) if hide else counts)
    table = table.rename_axis("Condition", axis=0).rename_axis(None, axis=1)
    formats = {"Members": "#"} | dict.fromkeys(table.columns[1:], "0.000")
    note = "Predicted over actual cost; 1 is right, below 1 the measure underpays those who have the condition."
    return Exhibit("Predictive ratios by condition", table, formats, note)


def high_risk(run: Run) -> Exhibit | Note | None:
    """Members of the highest predicted cost, unnamed; shown only where small cells may be."""
    people = people_of_run(run)
    if people is None or people.high_risk.empty:
        return None
    if not run.scenario.report.show_small_cells:
        return Note(
            "The list of members of the highest predicted cost is left out: each row stands for one member "
            "(report.show_small_cells)."
        )
    table = people.high_risk.drop(columns=["year", "rank"]).set_index(
        pd.Index([f"Member {n}" for n in people.high_risk["rank"]], name="Member")
    )
    table = table.fillna({"drivers": ""})
    names = {"relative_risk": "Relative risk", "predicted_cost": "Predicted annual cost", "drivers": "Drivers"}
    formats = {"Relative risk": "0.000", "Predicted annual cost": "$"}
    note = f"By diagnoses of the year before {int(people.high_risk['year'].iloc[0])}; no row names a member."
    return Exhibit("Members of the highest predicted cost", table.rename(columns=names), formats, note)


def what_ifs(run: Run) -> Exhibit | None:
    """The settlement under other choices about risk and large claims, each a change of one setting."""
    if run.budget is None or (run.scenario.risk is None and run.scenario.large_claims is None):
        return None
    rows: dict[str, Mapping[str, Any]] = {"As in this scenario": {}}
    wanted, large = run.scenario.risk, run.scenario.large_claims
    if wanted is not None:
        if wanted.cap is not None:
            rows["Cap on the risk ratio off"] = {"risk.cap": None}
        elif run.budget.risk is not None:
            rows["Cap of 3 % on the risk ratio"] = {"risk.cap": 0.03}
        rows["No risk adjustment"] = {"risk": None}
        if run.tables.claims is not None and run.tables.demographics is None and wanted.ratio is None:
            other = {"risk.method": "age_sex", "risk.factors": "own" if wanted.factors == "toolkit" else "toolkit"}
            words = {"own": "from own costs", "toolkit": "of the Toolkit"}[other["risk.factors"]]
            rows[f"Age/sex factors {words}"] = other
            if wanted.method == "hcc":
                rows["Age/sex factors of the Toolkit"] = {"risk.method": "age_sex", "risk.factors": "toolkit"}
            else:
                rows["CMS-HCC V28 instead of age and sex"] = {"risk.method": "hcc", "risk.model": "V28"}
    claims = listed_claims(run.scenario, run.tables)
    if large is not None and claims is not None:
        now = threshold(run.scenario, run.tables, run.budget.base_year)
        floor = max(claims.claimants(y).floor for y in claims.actuals.index)
        amounts = amounts_shown(run, (100_000.0, 150_000.0, 250_000.0, 500_000.0, 0.0))
        for amount in amounts:
            if amount != now and amount >= floor:
                changed = {"large_claims.threshold": amount, "large_claims.percentile": None}
                rows[f"Large claims truncated at {show(amount, '$')}"] = changed
        if 0.0 in amounts:
            rows["Large claims not truncated"] = {"large_claims": None}
    found = {}
    for words, changes in rows.items():
        try:
            variant = change(run.scenario, changes) if changes else run.scenario
            figures = figures_of(variant, run.tables)
        except InputError:
            continue
        found[words] = {
            "Benchmark PMPM": headline_value(variant, figures, "benchmark_pmpm"),
            "Savings rate": headline_value(variant, figures, "savings_rate"),
            "Payment": headline_value(variant, figures, "payment"),
        }
    table = pd.DataFrame.from_dict(found, orient="index").rename_axis("What if")
    label = run.scenario.years[run.scenario.headline()].label
    note = "Each row changes one choice and leaves everything else as it is."
    if wanted is not None and (wanted.cap is not None or wanted.floor is not None):
        note += " Measures beyond the same cap or floor come to the same."
    formats = {"Benchmark PMPM": "$.", "Savings rate": "%.", "Payment": "$"}
    return Exhibit(f"Other choices about risk and large claims, {label}", table, formats, note)
