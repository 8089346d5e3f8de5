"""Scenarios on a historical benchmark: the published figure, what-ifs by one line, faults in one line, the report."""

# ruff: noqa: E501

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from conftest import SCENARIOS
from hypothesis import given, settings
from hypothesis import strategies as st

from acomodel import InputError, change, compare, load_scenario, read_puf, run, sweep
from acomodel.budget.mssp.cohorts import COLUMNS, cohorts, fit_national_trends
from acomodel.budget.mssp.prospective import acpt_growth, prospective_update
from acomodel.budget.mssp.record import HistoricalSettings, benchmark_of_record
from acomodel.budget.mssp.steps import TYPES
from acomodel.budget.mssp.updates import blended_update, national_update
from acomodel.cli import main
from acomodel.workbench import exhibits, plots
from acomodel.workbench.report.folder import make_report, results_text

NAME, ACO = "mssp-historical", "A76261"
HISTORICAL, UPDATED, BENCHMARK, PAYMENT = 13_219, 13_099, 198_546_103, 2_832_988
OVERRIDE = "historical.override"


@pytest.fixture(scope="module")
def scenario():
    return load_scenario(SCENARIOS / f"{NAME}.toml")


@pytest.fixture
def folder(tmp_path):
    """A copy of the scenario and its tables to spoil."""
    shutil.copytree(SCENARIOS / NAME, tmp_path / "s" / NAME)
    shutil.copy(SCENARIOS / f"{NAME}.toml", tmp_path / "s")
    return tmp_path / "s"


def tables(base_person_years=(78.4, 864.9, 412.6, 9672.7), **columns):
    """Base years and growth of an ACO made up: what is not given stays level."""
    spent = {"BY1": (80e3, 10e3, 15e3, 9e3), "BY2": (82e3, 11e3, 15e3, 9.5e3), "BY3": (85e3, 11e3, 16e3, 10e3)}
    rows = [
        (year, kind, years, amount, 1.0)
        for year, amounts in spent.items()
        for kind, years, amount in zip(TYPES, base_person_years, amounts, strict=True)
    ]
    names = ["period", "enrollment_type", "person_years", "per_capita", "risk_score"]
    growth = pd.DataFrame({"enrollment_type": list(TYPES), "by1_to_by3": 1.08, "by2_to_by3": 1.04} | columns)
    return pd.DataFrame(rows, columns=names), growth


def settings_of(**values):
    given = {"table": "base.csv", "growth": "growth.csv", "year": 2014, "agreement_start": 2013} | values
    return HistoricalSettings(**given)


def test_published_benchmark_and_payment(scenario):
    result = run(scenario)
    assert result.record.historical.per_capita == pytest.approx(HISTORICAL, abs=1)
    assert result.record.per_capita == pytest.approx(UPDATED, abs=0.5)
    head = result.headline()
    assert head["benchmark"] == pytest.approx(BENCHMARK, abs=1)
    assert head["payment"] == pytest.approx(PAYMENT, abs=1)
    before = run(SCENARIOS / "hackensack-2014.toml").headline()
    assert head["payment"] == pytest.approx(before["payment"], abs=0.5)


def test_tables_are_those_of_the_public_use_file(scenario, puf_folder):
    file = read_puf(puf_folder / "puf_2014.csv")
    row = file.table.set_index("aco_id").loc[ACO]
    cohort = next(c for c in cohorts(file)[0] if ACO in c.ids)
    fit = fit_national_trends(cohort)
    result = run(scenario)
    base = result.tables.base_years.set_index(["period", "enrollment_type"])
    growth = result.tables.type_growth.set_index("enrollment_type")
    for name, kind in zip(COLUMNS, TYPES, strict=True):
        for year in ("BY1", "BY2", "BY3"):
            assert base.loc[(year, kind), "per_capita"] == row[f"per_capita_{name}_{year.lower()}"]
            assert base.loc[(year, kind), "risk_score"] == pytest.approx(row[f"risk_{name}_{year.lower()}"], abs=1e-8)
        assert base.loc[("BY3", kind), "person_years"] == pytest.approx(row[f"person_years_{name}_by3"], abs=1e-6)
        assert growth.loc[kind, "person_years"] == pytest.approx(row[f"person_years_{name}_py"], abs=1e-6)
        ratio = row[f"risk_{name}_py"] / row[f"risk_{name}_by3"]
        assert growth.loc[kind, "risk_ratio"] == pytest.approx(ratio, abs=1e-6)
        assert growth.loc[kind, "by1_to_by3"] == pytest.approx(fit.trends.loc["BY1", kind], abs=1e-6)
        assert growth.loc[kind, "by2_to_by3"] == pytest.approx(fit.trends.loc["BY2", kind], abs=1e-6)
    assert row["historical_benchmark"] == HISTORICAL
    assert row["updated_benchmark"] == UPDATED
    assert result.record.per_capita == pytest.approx(row["benchmark"] / row["person_years"], abs=1e-5)
    assert "26 ACOs of the cohort of April 2012" in scenario.basis["historical.growth"]
    assert len(cohort.ids) == 26


def test_the_waterfall_adds_up_from_by3_to_benchmark(scenario):
    variants = [{}, {"historical.adjustment": 0.01}, {f"{OVERRIDE}.Adjustment of the benchmark": -40.0}]
    variants.append({f"{OVERRIDE}.Benchmark of the performance year": 13_000.0})
    variants.append({f"{OVERRIDE}.BY1 at the risk and price of BY3": 12_000.0})
    for values in variants:
        record = run(change(scenario, values)).record
        steps = record.summary
        assert steps["change"].sum() == pytest.approx(record.pmpm, abs=1e-9)
        assert steps["pmpm"].iloc[-1] == pytest.approx(record.per_capita / 12, abs=1e-9)
        assert np.cumsum(steps["change"]).to_numpy() == pytest.approx(steps["pmpm"].to_numpy())
    names = ["BY3 expenditure", "Base years weighted", "Risk of BY3", "Trend to BY3", "Adjustments"]
    names += ["Types of the year", "Risk of the year", "To the stated benchmark"]
    worked = run(change(scenario, {"historical.override": {}})).record.summary.index
    assert list(worked) == [*names[:-1], "Update"]
    assert list(run(scenario).record.summary.index) == names
    assert list(run(change(scenario, variants[1])).record.summary.index) == [*names, "What-if"]
    assert list(run(change(scenario, variants[3])).record.summary.index) == [*names, "As stated"]


def test_the_chart_ends_at_the_benchmark(scenario):
    result = run(scenario)
    axis = plots.contract.benchmark_steps(result)
    bars = [p for p in axis.patches if p.get_width() == pytest.approx(0.62)]
    assert len(bars) == len(result.record.summary) + 1
    assert bars[-1].get_height() == pytest.approx(result.record.pmpm)
    assert [t.get_text() for t in axis.texts][-1] == "$1,091.56"
    assert plots.picture(plots.contract.benchmark_steps, result, "steps") is not None
    assert plots.picture(plots.contract.trend, result, "trend") is None


def free(scenario, **values):
    """The scenario without its stated line, so that each line reaches the benchmark."""
    return change(scenario, {OVERRIDE: {}} | {f"historical.{k}": v for k, v in values.items()})


def test_a_stated_line_moves_the_benchmark_by_what_it_says(scenario):
    base = run(free(scenario)).record
    lower = run(change(free(scenario), {f"{OVERRIDE}.BY2 trend to BY3.ESRD": 1.0})).record
    line, trend = base.historical.line("BY2 at the risk and price of BY3"), base.historical.line("BY2 trend to BY3")
    share, ratio = base.updated.line("Share of person years, performance year").by_type[0], 1.052676
    moved = 0.3 * line.by_type[0] * (1 / trend.by_type[0] - 1) * share * ratio
    assert lower.per_capita - base.per_capita == pytest.approx(moved)
    assert "BY2 trend to BY3" in {n.name for n in lower.historical.lines if n.stated}
    flat = change(free(scenario), {f"{OVERRIDE}.Risk ratio to the performance year": 1.0})
    assert run(flat).record.summary.loc["Risk of the year", "change"] == pytest.approx(0)


def test_every_line_can_be_stated_under_its_own_name(scenario):
    record = run(free(scenario)).record
    names = [line.name for stage in record.stages for line in stage.lines]
    assert len(names) == len(set(names))
    for stage in record.stages:
        for line in stage.lines:
            value = line.overall if line.by_type is None else dict(zip(TYPES, line.by_type.tolist(), strict=True))
            stated = value if isinstance(value, dict) else float(value)
            again = run(change(free(scenario), {f"{OVERRIDE}.{line.name}": stated})).record
            assert again.per_capita == pytest.approx(record.per_capita), line.name
            assert [n.name for s in again.stages for n in s.lines if n.stated] == [line.name]


def test_set_on_the_command_line_states_a_line():
    arguments = ["run", str(SCENARIOS / f"{NAME}.toml"), "--json", "--set", f"{OVERRIDE}.Updated benchmark=13200"]
    outcome = CliRunner().invoke(main, arguments)
    assert outcome.exit_code == 0, outcome.output
    figures = json.loads(outcome.stdout)["results"]
    assert figures["benchmark"]["per_capita"] == 13_200
    assert figures["settlement"]["benchmark"] == pytest.approx(13_200 * 15_157.66666663)


def test_weights_and_exposure(scenario):
    thirds = run(free(scenario, weights=[0.0, 0.0, 1.0])).record
    assert thirds.historical.per_capita == pytest.approx(thirds.summary["per_capita"].iloc[0])
    result = run(change(scenario, {"years.0.member_months": 120_000.0}))
    assert result.headline()["benchmark"] == pytest.approx(10_000 * result.record.per_capita)
    stated = run(change(scenario, {"years.0.benchmark": 2e8}))
    assert stated.headline()["benchmark"] == 2e8
    assert stated.record is not None


def test_each_update_is_that_of_its_formula():
    national, regional, dollars = [1.04, 1.05, 1.06, 1.07], [1.02] * 4, [800.0, 100.0, 150.0, 90.0]
    counts, ratio = [90.0, 1000.0, 500.0, 9000.0], [1.01, 0.98, 1.0, 1.02]
    given = {"national": national, "regional": regional, "flat_dollars": dollars}
    base, growth = tables(person_years=counts, risk_ratio=ratio, **given)
    level = benchmark_of_record(settings_of(update="none"), base, growth).historical

    def made(**values):
        return benchmark_of_record(settings_of(**values), base, growth)

    after = national_update(level, dollars, counts, risk_ratio=ratio).per_capita
    assert made().per_capita == made(update="national").per_capita == pytest.approx(after)
    blend = blended_update(level, national, regional, 0.2, counts, risk_ratio=ratio).per_capita
    assert made(update="blend", national_weight=0.2).per_capita == pytest.approx(blend)
    assert made(update="regional").per_capita == pytest.approx(made(update="blend", national_weight=0.0).per_capita)
    late = {"year": 2025, "agreement_start": 2024, "national_weight": 0.2}
    later = benchmark_of_record(settings_of(**late, update="none"), base, growth).historical
    acpt = [acpt_growth([0.049, 0.043])] * 4
    three = prospective_update(later, national, regional, 0.2, counts, acpt=acpt, risk_ratio=ratio).per_capita
    assert made(**late, acpt=[0.049, 0.043]).per_capita == pytest.approx(three)
    flat = prospective_update(later, national, regional, 0.2, counts, flat_dollars=dollars, risk_ratio=ratio)
    assert made(**late).per_capita == pytest.approx(flat.per_capita)
    assert [made(**late).method, made(update="blend", national_weight=1.0).method] == ["prospective", "blend"]


def test_level_figures_stay_level():
    base, growth = tables(by1_to_by3=1.0, by2_to_by3=1.0)
    base["per_capita"] = 10_000.0
    record = benchmark_of_record(settings_of(update="none"), base, growth)
    assert record.per_capita == pytest.approx(10_000)
    assert record.summary["change"].iloc[1:].abs().max() < 1e-9
    assert record.person_years is None
    words = {a.source for a in record.assumptions if a.basis == "judgment"}
    assert len(words) == 2
    assert "the table of growth gives no person years" in words


def test_adjustments_come_before_the_update_and_the_higher_counts():
    base, growth = tables()
    plain = benchmark_of_record(settings_of(update="none"), base, growth).per_capita
    late = {"update": "none", "year": 2025, "agreement_start": 2024}

    def moved(**values):
        return benchmark_of_record(settings_of(**values), base, growth).per_capita - plain

    regional = {"year": 2021, "agreement_start": 2019}
    later = {"update": "none", "year": 2017, "agreement_start": 2016, "agreement_period": 2}
    even = benchmark_of_record(settings_of(**late), base, growth).per_capita
    assert moved(**regional, update="none", regional_adjustment=-50.0) == pytest.approx(-50)
    thirds = benchmark_of_record(settings_of(**later), base, growth).per_capita - plain
    assert moved(**later, prior_savings=80.0) - thirds == pytest.approx(80)
    grown, sicker = tables(regional=[1.1] * 4), tables(risk_ratio=[1.2] * 4)
    for other, factor, how in ((grown, 1.1, "regional"), (sicker, 1.2, "none")):
        with_it, without = (
            benchmark_of_record(settings_of(**regional, update=how, regional_adjustment=a), *other).per_capita
            for a in (-50.0, 0.0)
        )
        assert with_it - without == pytest.approx(-50 * factor)
    assert plain + moved(**late, regional_adjustment=-50.0, prior_savings=80.0) == pytest.approx(even + 80)
    assert plain + moved(**late, regional_adjustment=90.0, prior_savings=80.0) == pytest.approx(even + 90)
    assert plain + moved(**late, regional_adjustment=-90.0) == pytest.approx(even)  # none below zero from 2024
    for wrong, words in (
        ({"regional_adjustment": 1.0}, "regional_adjustment: given, but an agreement begun 2013 knows no adjustment"),
        ({"prior_savings": 1.0} | regional, "knows a regional adjustment alone; state the line"),
    ):
        with pytest.raises(InputError, match=words):
            moved(**wrong, update="none")


@given(st.lists(st.floats(0.01, 1), min_size=3, max_size=3), st.floats(-0.5, 0.5))
@settings(max_examples=25)
def test_summary_ends_at_the_benchmark(parts, adjustment):
    weights = [part / sum(parts) for part in parts]
    base, growth = tables(risk_ratio=[1.1, 0.9, 1.0, 1.05], flat_dollars=[900.0, -100.0, 50.0, 20.0])
    record = benchmark_of_record(settings_of(weights=weights, adjustment=adjustment), base, growth)
    assert record.summary["change"].sum() == pytest.approx(record.pmpm)
    same = benchmark_of_record(settings_of(weights=weights), base, growth)
    assert record.per_capita == pytest.approx(same.per_capita * (1 + adjustment))


def test_what_if_moves_benchmark_pmpm_in_sweeps_and_sensitivities(scenario):
    rows = sweep(scenario, {"historical.adjustment": [-0.01, 0.0, 0.01]})
    assert rows["benchmark_pmpm"].tolist() == pytest.approx(
        [run(scenario).record.pmpm * (1 + x) for x in (-0.01, 0, 0.01)]
    )
    assert rows["payment"].is_monotonic_increasing
    result = run(scenario)
    tornado = result.one_way("benchmark_pmpm")
    assert tornado.base == result.record.pmpm
    assert tornado.table.loc["Historical benchmark, ± 1 %", "at_high"] == pytest.approx(1.01 * result.record.pmpm)
    assert list(exhibits.sensitivity.one_way(result, "benchmark_pmpm").to_frame().index) == [
        "Historical benchmark, ± 1 %"
    ]
    assert not [label for label in result.one_way().table.index if label == "Benchmark, ± 1 %"]
    assert result.two_way().index.name == "historical.adjustment"


def test_a_line_not_yet_stated_may_be_moved(scenario):
    moved = {"sensitivity.one_way": [{"key": f"{OVERRIDE}.BY1 weight", "low": 0.1, "high": 0.1000001, "label": "w"}]}
    table = run(change(free(scenario), moved)).one_way("benchmark_pmpm").table
    assert table.loc["w", "at_low"] == pytest.approx(run(free(scenario)).record.pmpm)


def test_comparison_takes_the_tables_with_the_part(folder):
    before = run(folder / f"{NAME}.toml")
    table = folder / NAME / "growth.csv"
    table.write_text(table.read_text().replace("13114.5", "13000"), encoding="utf-8")
    after = run(change(load_scenario(folder / f"{NAME}.toml"), {"historical.adjustment": 0.01}))
    steps = compare(before, after).steps
    assert list(steps.index) == ["before", "Growth of the base years", "What-if: benchmark", "after"]
    assert steps.loc["after", "payment"] == pytest.approx(after.headline()["payment"], abs=0.01)
    assert before.headline()["payment"] != after.headline()["payment"]


def test_results_and_assumptions_hold_every_line(scenario):
    result = run(scenario)
    figures = result.results()["results"]["benchmark"]
    assert [len(s["lines"]) for s in figures["stages"]] == [len(s.lines) for s in result.record.stages]
    line = figures["stages"][3]["lines"][0]
    assert line == {"name": "Updated benchmark", "by_type": {}, "all_types": 13_098.724713, "stated": True}
    assert figures["total"] == pytest.approx(BENCHMARK, abs=1)
    assert [s["step"] for s in figures["steps"]] == list(result.record.summary.index)
    listed = {a.name: a for a in result.assumptions}
    assert listed["Stated line: Updated benchmark"].source.startswith("CMS, public use file, 2014, row A76261: total")
    assert listed["Base years by enrollment type"].basis == "data"
    assert not [a.note for a in result.assumptions if a.source in ("", "not stated")]
    rules = [a for a in result.assumptions if a.name == "Weights of BY1, BY2 and BY3" and a.value == "0.1, 0.3, 0.6"]
    assert len(rules) == 1
    assert "historical.adjustment" not in {a.note.removeprefix("setting ") for a in result.assumptions}
    assert {p["table"] for p in result.manifest()["data"]} == {"base_years", "type_growth"}


def test_exhibits_show_the_record_and_nothing_without_one(scenario):
    result, other = run(scenario), run(SCENARIOS / "hackensack-2014.toml")
    assert exhibits.record.adjusted(result) is None
    moved = run(change(scenario, {f"{OVERRIDE}.Adjustment of the benchmark": 40.0}))
    assert "Adjustment of the benchmark" in repr(exhibits.record.adjusted(moved))
    for name in ("base_years", "growth", "risk", "historical", "updated", "settled"):
        show = getattr(exhibits.record, name)
        assert show(other) is None
        assert show(result)._repr_html_().startswith("<")
    assert exhibits.budget.experience(result).title == "Base years by enrollment type"
    assert exhibits.budget.trends(result).title == "Growth by enrollment type"
    assert exhibits.risk.change_in_risk(result).title == "Risk by enrollment type"
    assert "$13,098.72 per person year" in repr(exhibits.contract.summary(result))
    assert "Historical benchmark from three base years" in repr(
        exhibits.disclosures.disclosures(result).to_frame().loc["Methods", "Statement"]
    )
    assert "Updated benchmark" in exhibits.budget.benchmark(result).note
    assert exhibits.record.base_years(result).to_frame().loc["Total", "Expenditure BY3"] == pytest.approx(
        result.record.summary["per_capita"].iloc[0]
    )


# file of the scenario, what is done to its text, words that the one line must hold
FAULTS = {
    "type missing": ("base_years.csv", ("BY2,aged/dual,,23358,1.210404025\n", ""), "BY2 has no row for the type 'aged/dual'"),
    "period missing": ("base_years.csv", ("BY2,", "BY4,"), "row 6, column 'period': found 'BY4'; one of BY1, BY2, BY3"),
    "period left out": ("base_years.csv", None, "the period BY1 is missing; BY2, BY3 alone are given"),
    "unknown type": ("base_years.csv", ("BY1,disabled", "BY1,Disabled"), "found 'Disabled'; one of ESRD, disabled"),
    "same row twice": ("growth.csv", ("disabled,", "ESRD,"), "repeats an earlier row (enrollment_type = ESRD)"),
    "suppressed figure": ("base_years.csv", ("106720", "*"), "row 2, column 'per_capita': found the suppressed mark"),
    "no person years of BY3": ("base_years.csv", ("864.9166667", ""), "BY3, 'disabled': person_years is empty"),
    "nothing spent": ("base_years.csv", ("106720", "0"), "found 0; at least 0.01"),
    "type without growth": ("growth.csv", ("ESRD,0.991244,1.008918,93.08333333,1.052676\n", ""), "the type 'ESRD' is missing"),
    "half a column": ("growth.csv", ("769,0.926409", "769,"), "column 'risk_ratio': aged/dual is not a number"),
    "unknown column": ("growth.csv", ("risk_ratio", "risk"), "unknown column 'risk' for the table 'type_growth'"),
    "misspelt key": ("toml", ("agreement_period", "agreement_perod"), "unknown key 'historical.agreement_perod'. Did you mean"),
    "weights not whole": ("toml", ('weights = "rule"', "weights = [0.1, 0.3, 0.5]"), "found 0.1, 0.3, 0.5, which sum to 0.9"),
    "two weights": ("toml", ('weights = "rule"', "weights = [0.4, 0.6]"), "found 2 weights; one a base year is wanted"),
    "negative weight": ("toml", ('weights = "rule"', "weights = [-0.1, 0.5, 0.6]"), "none below zero"),
    "stated weight alone": ("toml", ('"Updated benchmark" =', '"BY1 weight" = 0.2\n"Updated benchmark" ='), "a sum of 1 are wanted"),
    "line beyond reason": ("toml", ('"Updated benchmark" =', '"BY1 trend to BY3" = 4\n"Updated benchmark" ='), "found 4; a factor from 0.5 to 2 is wanted"),
    "unknown line": ("toml", ('"Updated benchmark" =', '"Updatd benchmark" ='), "there is no line 'Updatd benchmark'. Did you mean"),
    "types of a whole": ("toml", ("13098.724713", "{ESRD = 1.0}"), "is of all types together; one number"),
    "unknown type of a line": ("toml", ('"Updated benchmark" = 13098.724713', '"BY1 trend to BY3" = {esrd = 1.0}'), "Did you mean 'ESRD'"),
    "text for a line": ("toml", ("13098.724713", '"high"'), "found 'high'; a number"),
    "stated below zero": ("toml", ("13098.724713", "-13098.7"), "the benchmark is -13,098.70; above zero is wanted"),
    "unknown update": ("toml", ('update = "none"', 'update = "nation"'), "historical.update: found 'nation'"),
    "dollars not given": ("toml", ('update = "none"', 'update = "rule"'), "the update 'national' needs the column 'flat_dollars'"),
    "growth not given": ("toml", ('update = "none"', 'update = "blend"'), "the update 'blend' needs the column 'national'"),
    "beside a budget": ("toml", ("[terms]", '[experience]\ntable = "x.csv"\n[terms]'), "[experience] is given beside it"),
    "beside a benchmark": ("toml", ("[terms]", "[benchmark]\nyear = 2014\n[terms]"), "[benchmark] is given beside it"),
    "beside a risk": ("toml", ("[terms]", "[risk]\nratio = 1.0\n[terms]"), "[risk] is given beside it"),
    "another agreement": ("toml", ("year = 2014\nagreement_start = 2012", "year = 2014\nagreement_start = 2013"), "terms.agreement_start is 2012"),
    "another year": ("toml", ("csv\"\nyear = 2014", "csv\"\nyear = 2015"), "the historical benchmark is for 2015, not 2014"),
    "agreement after the year": ("toml", ("agreement_start = 2012", "agreement_start = 2016"), "begins in 2016, after the performance year"),
    "no table": ("toml", ('growth = "mssp-historical/growth.csv"', ""), "historical.growth: missing; growth to BY3 and since BY3"),
    "table not there": ("toml", ("historical/growth.csv", "historical/grwth.csv"), "no such file. Did you mean 'growth.csv'"),
    "no exposure": ("growth.csv", "no counts", "'2014' has no member_months, and the table of growth no person_years"),
}  # fmt: skip


@pytest.mark.parametrize(("file", "edit", "words"), FAULTS.values(), ids=FAULTS)
def test_faults_are_one_line(folder, file, edit, words):
    path = folder / f"{NAME}.toml" if file == "toml" else folder / NAME / file
    text = path.read_text(encoding="utf-8")
    if edit is None:
        spoiled = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("BY1"))
    elif edit == "no counts":
        rows = [line.split(",") for line in text.splitlines()]
        spoiled = "\n".join(",".join(row[:3] + row[4:]) for row in rows) + "\n"
    else:
        assert edit[0] in text
        spoiled = text.replace(*edit)
    path.write_text(spoiled, encoding="utf-8")
    outcome = CliRunner().invoke(main, ["run", str(folder / f"{NAME}.toml")])
    assert outcome.exit_code == 1, outcome.output
    assert isinstance(outcome.exception, SystemExit)
    lines = outcome.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    assert words in lines[0]
    assert str(folder) in lines[0]


def test_faults_of_the_prospective_update():
    base, growth = tables(national=1.04, regional=1.05)
    late = {"year": 2025, "agreement_start": 2024}
    with pytest.raises(InputError, match="needs the ACO's share of its region"):
        benchmark_of_record(settings_of(**late), base, growth)
    with pytest.raises(InputError, match="historical.acpt: missing, and growth.csv has no column 'flat_dollars'"):
        benchmark_of_record(settings_of(**late, national_weight=0.1), base, growth)
    with pytest.raises(InputError, match="found 1 rates; one for each of the 2 years from BY3 to 2025"):
        benchmark_of_record(settings_of(**late, national_weight=0.1, acpt=[0.05]), base, growth)


def test_a_new_scenario_from_this_one_runs(folder):
    outcome = CliRunner().invoke(main, ["new", "mine", "--from", NAME, "--folder", str(folder)])
    assert outcome.exit_code == 0, outcome.output
    mine = load_scenario(folder / "mine.toml")
    assert mine.historical.table == "mine/base_years.csv"
    assert run(mine).headline()["payment"] == pytest.approx(PAYMENT, abs=1)


def test_check_says_what_stands_in(folder):
    path = folder / NAME / "growth.csv"
    rows = [line.split(",") for line in path.read_text().splitlines()]
    path.write_text("\n".join(",".join(row[:4]) for row in rows) + "\n", encoding="utf-8")
    outcome = CliRunner().invoke(main, ["check", str(folder / f"{NAME}.toml")])
    assert outcome.exit_code == 0, outcome.output
    assert "note: the table of growth gives no risk ratio, so the risk of BY3 stays" in outcome.stdout
    assert "base_years: 12 rows read" in outcome.stdout


def test_report_is_whole_and_gives_its_results_again(tmp_path):
    first = make_report(load_scenario(SCENARIOS / f"{NAME}.toml"), tmp_path / "one", chapters=["2-budget"])
    assert sorted(p.name for p in (first / "inputs").iterdir()) == ["base_years.csv", "type_growth.csv"]
    assert results_text(run(first / "scenario.toml")).encode() == (first / "results.json").read_bytes()
    budget = (first / "budget.html").read_text(encoding="utf-8")
    assert budget.count("<svg") == 1
    for words in (
        "BY1 at the risk and price of BY3",
        "Benchmark at the risk of the performance year",
    ):
        assert words in budget or words in budget.replace("\n", " ")
    headings = re.findall(r"<h2 id=[^>]*>(.*?)</h2>", budget)
    assert headings == [
        "Baseline experience",
        "Trend",
        "Change in the population",
        "Large claims",
        "From baseline to benchmark",
    ]
    assert "Stated and not worked out: Updated benchmark" in budget
