"""Scenarios: strict, frozen, extended, written back; runs, sweeps and comparisons."""

import dataclasses
import shutil

import pandas as pd
import pytest
from conftest import SCENARIOS

from acomodel import change, load_scenario, run, settle, sweep
from acomodel.workbench import exhibits
from acomodel.workbench.scenario import settings

NAMES = ["toolkit-2010", "commercial-two-sided", "hackensack-2014"]


@pytest.fixture(scope="module", params=NAMES)
def scenario(request):
    return load_scenario(SCENARIOS / f"{request.param}.toml")


def test_writing_and_reading_back_changes_nothing(scenario, tmp_path):
    path = scenario.folder / f".{scenario.name}.again.toml"
    try:
        path.write_text(scenario.to_toml(), encoding="utf-8")
        again = load_scenario(path)
        assert dataclasses.replace(again, path=scenario.path) == scenario
        assert run(again).results() == run(scenario).results()
    finally:
        path.unlink(missing_ok=True)


def test_frozen(scenario):
    with pytest.raises(dataclasses.FrozenInstanceError):
        scenario.title = "another"
    other = change(scenario, {"years.0.quality_score": 0.5})
    assert other.years[0].quality_score == 0.5
    assert scenario.years[0].quality_score != 0.5


def test_every_setting_has_words(scenario):
    from acomodel.workbench.faults import described
    from acomodel.workbench.scenario import Scenario

    for key in settings(scenario):
        assert described(Scenario, key.split(".")) != "a value", key


def test_every_assumption_of_the_examples_has_a_source(scenario):
    assert not [a.note for a in run(scenario).assumptions if a.source in ("", "not stated")]


def test_extends_lays_tables_over_another_scenario():
    path = SCENARIOS / ".variant.toml"
    try:
        path.write_text('extends = "toolkit-2010.toml"\nname = "variant"\n[terms]\nmsr = 0.0\n', encoding="utf-8")
        variant = load_scenario(path)
    finally:
        path.unlink(missing_ok=True)
    base = load_scenario(SCENARIOS / "toolkit-2010.toml")
    assert (variant.name, variant.terms.msr, variant.terms.sharing_rate) == ("variant", 0.0, 0.5)
    assert variant.years == base.years


def test_terms_stated_in_full_replace_those_of_a_programme():
    path = SCENARIOS / ".variant.toml"
    try:
        path.write_text('extends = "hackensack-2014.toml"\nname = "v"\n[terms]\nsharing_rate = 0.8\n', encoding="utf-8")
        assert load_scenario(path).terms.sharing_rate == 0.8
    finally:
        path.unlink(missing_ok=True)


def test_headline_is_the_year_of_the_budget_else_the_last():
    assert run(load_scenario(SCENARIOS / "toolkit-2010.toml")).headline().name == "2010"
    assert run(load_scenario(SCENARIOS / "hackensack-2014.toml")).headline().name == "2014"


def test_run_settles_with_the_one_settle(scenario):
    result = run(scenario)
    lines = result.lines()
    for i, terms in enumerate(result.terms):
        year = scenario.years[i]
        members = year.members or year.member_months / 12
        score = 1.0 if year.quality_score is None else year.quality_score
        again = settle(
            lines["benchmark"].iloc[i],
            lines["actual"].iloc[i],
            terms,
            members=members,
            quality_score=score,
        )
        assert again.payment == lines["payment"].iloc[i]


def test_outcome_at_the_scenarios_own_rate_is_its_payment(scenario):
    result = run(scenario)
    head = result.headline()
    same = result.outcomes(rates=[float(head["savings_rate"])])
    assert same["payment"].iloc[0] == pytest.approx(head["payment"], abs=0.01)


def test_one_way_puts_trend_first_and_agrees_with_a_sweep():
    result = run(load_scenario(SCENARIOS / "commercial-two-sided.toml"))
    tornado = result.one_way()
    assert tornado.table.index[0].startswith("Annual trend")
    assert tornado.base == result.headline()["payment"]
    rows = sweep(result.scenario, {"trend.adjustment": [-0.01, 0.01]})
    assert tornado.table.iloc[0][["at_low", "at_high"]].tolist() == pytest.approx(rows["payment"].tolist())
    assert tornado.table["swing"].iloc[1:].is_monotonic_decreasing


def test_two_way_agrees_with_a_sweep():
    result = run(load_scenario(SCENARIOS / "hackensack-2014.toml"))
    grid = result.two_way()
    rows = sweep(result.scenario, {grid.index.name: list(grid.index), grid.columns.name: list(grid.columns)})
    assert grid.to_numpy().ravel() == pytest.approx(rows["payment"].to_numpy())


def test_sweep_may_change_the_trend_method():
    scenario = load_scenario(SCENARIOS / "commercial-two-sided.toml")
    rows = sweep(scenario, {"trend.method": ["own", "regional", "blend"]})
    own, regional, blended = rows["benchmark_pmpm"]
    assert min(own, regional) < blended < max(own, regional)


BASELINE = 323.75 * (1.0999755620723364 / 1.0511203263086335) * (19_025 / 19_425)


def exact(**trend):
    """The Toolkit's benchmark with nothing rounded, on another trend."""
    scenario = load_scenario(SCENARIOS / "toolkit-2010.toml")
    values = {"benchmark.rounding": "none", "trend.table": None} | {f"trend.{k}": v for k, v in trend.items()}
    return run(change(scenario, values)).budget.benchmark.pmpm


def own_trend(average):
    """Each category's allowed PMPM of 2008 grown for two years by its own ratio, by hand from the report."""
    report = run(load_scenario(SCENARIOS / "toolkit-2010.toml")).budget.report["allowed_pmpm"].unstack("year")
    growth = (report[2008] / report[2006]) ** 0.5 if average else report[2008] / report[2007]
    return BASELINE / 323.75 * (report[2008] * growth**2).sum()


def test_every_trend_method_against_a_benchmark_by_hand():
    assert exact(method="national", national=[0.05, 0.04], regional=[0.9]) == pytest.approx(BASELINE * 1.05 * 1.04)
    assert exact(method="regional", regional=0.06, national=0.9) == pytest.approx(BASELINE * 1.06**2)
    assert exact(method="own") == pytest.approx(own_trend(average=False))
    assert exact(method="own", own="average_ratio") == pytest.approx(own_trend(average=True))
    assert exact(method="national", national=0.05, adjustment=0.01) == pytest.approx(BASELINE * 1.06**2)


def test_what_ifs_move_the_way_they_say():
    scenario = load_scenario(SCENARIOS / "toolkit-2010.toml")
    base = run(change(scenario, {"benchmark.rounding": "none"})).headline()
    riskier = run(change(scenario, {"benchmark.rounding": "none", "risk.adjustment": 0.02})).headline()
    assert riskier["benchmark"] == pytest.approx(1.02 * base["benchmark"])
    moved = {"years.0.actual_adjustment": -0.03, "years.0.benchmark_adjustment": 0.01, "benchmark.rounding": "none"}
    other = run(change(scenario, moved)).headline()
    assert other["actual"] == pytest.approx(0.97 * base["actual"])
    assert other["benchmark"] == pytest.approx(1.01 * base["benchmark"])


def test_own_regression_puts_price_and_use_where_they_belong():
    budget = run(load_scenario(SCENARIOS / "commercial-two-sided.toml")).budget
    own = run(
        change(load_scenario(SCENARIOS / "commercial-two-sided.toml"), {"trend.method": "own"})
    ).budget.trends.loc[2024]
    assert own.loc["Pharmacy", "cost_trend"] == pytest.approx(1.06, abs=0.005)
    assert own.loc["Pharmacy", "utilization_trend"] == pytest.approx(1.02, abs=0.01)
    assert own.loc["Hospital Inpatient", "utilization_trend"] == pytest.approx(1.0, abs=0.015)
    assert budget.trends.loc[(2025, "Pharmacy"), "cost_trend"] < budget.trends.loc[(2024, "Pharmacy"), "cost_trend"]


def test_swing_is_the_widest_distance():
    tornado = run(load_scenario(SCENARIOS / "hackensack-2014.toml")).one_way()
    for _, row in tornado.table.iterrows():
        ends = [row["at_low"], row["at_high"], tornado.base]
        assert row["swing"] == pytest.approx(max(ends) - min(ends))


@pytest.mark.parametrize("own", ["latest_ratio", "average_ratio", "regression"])
def test_own_trend_of_annual_experience(own):
    scenario = load_scenario(SCENARIOS / "toolkit-2010.toml")
    result = run(change(scenario, {"trend.method": "own", "trend.own": own}))
    assert 400 < result.budget.benchmark.pmpm < 420
    assert bool(result.budget.notes) == (own == "regression")
    if own == "regression":
        assert "3 annual points are too few for a regression" in result.budget.notes[0]


def test_stated_risk_ratio_and_factor_replace_the_tables():
    scenario = load_scenario(SCENARIOS / "toolkit-2010.toml")
    stated = run(change(scenario, {"risk.ratio": 1.0, "large_claims.factor": 1.0})).budget.benchmark
    assert stated.pmpm == pytest.approx(391.83)


def test_a_failed_standard_of_later_years_pays_nothing():
    scenario = load_scenario(SCENARIOS / "hackensack-2014.toml")
    later = {"terms.track": "BASIC B", "terms.agreement_start": 2022}
    later |= {f"years.{i}.performance_year": 2023 for i in (0, 1)}
    paid = [
        run(change(scenario, {**later, "years.1.quality_standard": how})).headline()["payment"]
        for how in ("met", "alternative", "failed")
    ]
    assert paid == pytest.approx([0.98 * 0.4 * 6_464_896, 0.98 * 0.4 * 0.894308036 * 6_464_896, 0])


def test_a_year_beyond_the_rules_is_said_where_it_is_read():
    scenario = load_scenario(SCENARIOS / "hackensack-2014.toml")
    later = {"terms.track": "BASIC B", "terms.agreement_start": 2027, "years.1.performance_year": 2027}
    result = run(change(scenario, {**later, "years.0.performance_year": 2027}))
    assert "newest row stands in for 2027" in result.terms[1].name
    assert "newest row stands in for 2027" in repr(exhibits.contract.summary(result))
    assert "newest row stands in for 2027" in repr(exhibits.contract.terms(result))


def test_only_assumptions_in_force_are_listed():
    def listed(values):
        scenario = change(load_scenario(SCENARIOS / "commercial-two-sided.toml"), values)
        return {a.note.removeprefix("setting ").split(";")[0] for a in run(scenario).assumptions}

    blended, own = listed({}), listed({"trend.method": "own", "trend.own": "latest_ratio"})
    assert {"trend.weights.own", "trend.regional", "trend.rule.grouping"} <= blended
    assert not {"trend.weights.own", "trend.regional", "trend.rule.grouping"} & own
    assert "risk.table" not in listed({"risk.ratio": 1.01})


def test_what_a_stated_figure_replaces_is_not_worked_out():
    scenario = load_scenario(SCENARIOS / "toolkit-2010.toml")
    stated = run(change(scenario, {"risk.ratio": 1.02, "large_claims.factor": 0.99}))
    names = {a.name for a in stated.assumptions}
    assert not [n for n in names if n.startswith(("Average risk", "Excess of large claims"))]
    assert exhibits.budget.demographics(stated) is None


def test_the_regression_note_says_whether_the_budget_uses_it():
    scenario = load_scenario(SCENARIOS / "commercial-two-sided.toml")
    assert "which the budget uses" in exhibits.budget.regressions(run(scenario)).note
    for values in ({"trend.method": "regional"}, {"trend.own": "latest_ratio"}):
        assert "the budget uses another trend" in exhibits.budget.regressions(run(change(scenario, values))).note


def test_a_list_of_large_claims_that_does_not_fit_its_threshold_is_said():
    scenario = load_scenario(SCENARIOS / "commercial-two-sided.toml")
    below = run(change(scenario, {"large_claims.threshold": 200_000})).budget.notes
    assert "some listed claimants stay at or below 200,000" in below[-1]
    above = run(change(scenario, {"large_claims.threshold": 100_000})).budget.notes
    assert "all listed claimants are well above the threshold of 100,000: " in above[-1]
    shown = run(change(scenario, {"large_claims.threshold": 100_000, "report.show_small_cells": True})).budget.notes
    assert "the smallest with 151,300" in shown[-1]
    assert not run(scenario).budget.notes


def test_large_claims_of_a_settled_year_are_left_out(tmp_path):
    shutil.copytree(SCENARIOS, tmp_path / "s")
    table = tmp_path / "s" / "commercial-two-sided" / "large_claims.csv"
    scenario = load_scenario(tmp_path / "s" / "commercial-two-sided.toml")
    before = run(scenario).headline()["actual"]
    table.write_text(table.read_text(encoding="utf-8") + "2025,case 21,400000\n", encoding="utf-8")
    assert run(scenario).headline()["actual"] == pytest.approx(before - 250_000)


def test_fingerprint_leaves_labels_of_claimants_out():
    from acomodel.workbench.budget import Tables

    table = pd.DataFrame({"period": ["baseline"], "claimant": ["A"], "allowed": [1.0]})
    prints = [Tables({}, large_claims=table.assign(claimant=c)).fingerprint("large_claims") for c in "AB"]
    assert prints[0] == prints[1]
    other = Tables({}, large_claims=table.assign(allowed=2.0)).fingerprint("large_claims")
    assert other["sha256"] != prints[0]["sha256"]
