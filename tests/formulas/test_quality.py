"""Quality: monotone in every rate, unmoved by order, points at their limits, clear errors, dollars that add up."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from conftest import SCENARIOS
from hypothesis import given, settings
from hypothesis import strategies as st

from acomodel import InputError, Rules, Terms, load_scenario, run, settle
from acomodel.contract.quality import app, mssp, points, rates, tables, value
from acomodel.exhibit import show
from acomodel.programs import rule_table
from acomodel.workbench import quality as bench
from acomodel.workbench.changes import Mixture, changes_of
from acomodel.workbench.exhibits import quality as exhibits
from acomodel.workbench.plots import quality as plots
from acomodel.workbench.report.workbook import lines
from acomodel.workbench.scenario import change

SHARES = st.floats(0, 1)
SET = tables.measure_set("mssp", 2018).query("scored_in == ''")
FLAT = np.arange(0.3, 0.95, 0.1)


def results(**columns):
    """A table of results: as many measures as the longest column."""
    size = max((len(v) for v in columns.values() if isinstance(v, list)), default=1)
    return pd.DataFrame({"measure": [f"M{i}" for i in range(size)]} | columns)


def of_2018(base=0.65, **own):
    """Rates of the 2018 set, all at one value but for those named."""
    rate = [own.get(name, 0.0 if SET.loc[name, "better"] == "lower" else base) for name in SET.index]
    return rates.measure_rates(pd.DataFrame({"measure": SET.index, "rate": rate}), largest=SET["largest"].to_dict())


# --- rates


def test_rates_pool_across_payers_and_measures():
    table = pd.DataFrame(
        {"measure": ["A", "A", "B"], "payer": ["x", "y", "x"], "numerator": [8, 12, 9], "denominator": [10, 30, 10]}
    )
    found = rates.measure_rates(table)
    assert found["rate"].tolist() == [0.5, 0.9] and found["enough"].tolist() == [True, False]
    together = rates.measure_rates(table.assign(composite="Both"))
    assert together.index.tolist() == ["Both"] and together["rate"].iloc[0] == pytest.approx(29 / 50)
    assert together["denominator"].iloc[0] == 50 and together["enough"].iloc[0]


def test_thirty_cases_count_and_twenty_nine_do_not():
    found = rates.measure_rates(results(numerator=[15, 15], denominator=[30, 29]))
    assert found["enough"].tolist() == [True, False]
    scored = points.toolkit_quality(found.assign(threshold=0.5))
    assert scored.measures["basis"].tolist() == ["performance", "few"] and scored.domains["possible"].sum() == 2


def test_interval_and_reliability_of_a_rate():
    found = rates.measure_rates(results(numerator=[60], denominator=[100], between_sd=[0.05])).iloc[0]
    assert found["low"] < 0.6 < found["high"]
    assert found["reliability"] == pytest.approx(0.0025 / (0.0025 + 0.6 * 0.4 / 100))
    none = rates.measure_rates(results(rate=[0.6])).iloc[0]
    assert np.isnan(none["reliability"]) and np.isnan(none["low"])


@given(x=st.integers(1, 399), n=st.integers(400, 800))
def test_reliability_rises_with_cases(x, n):
    table = results(numerator=[x, 4 * x], denominator=[n, 4 * n], between_sd=0.03)
    few, many = rates.measure_rates(table)["reliability"]
    assert 0 < few < many < 1


@pytest.mark.parametrize(
    "row, words",
    [
        ({"numerator": [40], "denominator": [30]}, "numerator 40 is above denominator 30"),
        ({"rate": [85.0]}, "85 percent is 0.85"),
        ({"rate": [-0.1]}, "at least 0 is wanted"),
        ({"numerator": [3]}, "denominator is missing"),
        ({"prior_numerator": [5], "prior_denominator": [4], "rate": [0.5]}, "prior_numerator 5 is above"),
        ({"rate": [0.5], "numerator": [9], "denominator": [10]}, "give one of them"),
        ({"payer": ["x"]}, "neither numerator and denominator nor a rate"),
        ({"rate": [0.5], "threshold": [60.0]}, "threshold is 60"),
        ({"rate": [0.5], "better": ["up"]}, "higher or lower is wanted"),
    ],
)
def test_wrong_results_are_refused(row, words):
    with pytest.raises(InputError, match=words):
        rates.measure_rates(results(**row))


def test_unknown_measures_and_rates_without_counts_to_pool_are_refused():
    with pytest.raises(InputError, match="Did you mean 'DM_Comp'"):
        rates.measure_rates(pd.DataFrame({"measure": ["DM_Compo"], "rate": [0.5]}), known=list(SET.index))
    twice = pd.DataFrame({"measure": ["A", "A"], "payer": ["x", "y"], "rate": [0.5, 0.6]})
    with pytest.raises(InputError, match="pooling wants numerator and denominator"):
        rates.measure_rates(twice)
    with pytest.raises(InputError, match="give different threshold"):
        rates.measure_rates(twice.assign(numerator=3, denominator=6, rate=np.nan, threshold=[0.5, 0.6]))


@given(now=SHARES, before=SHARES, n=st.integers(10, 2000))
def test_change_turns_about_and_vector_is_scalar(now, before, n):
    one = rates.significant_change(now, n, before, n)
    assert (
        one
        == -rates.significant_change(before, n, now, n)
        == -rates.significant_change(now, n, before, n, lower_is_better=True)
    )
    many = rates.significant_change(np.array([now, before]), n, np.array([before, now]), n)
    assert many.tolist() == [one, -one]


def test_change_by_the_normal_test():
    # z = (0.6 - 0.5) / sqrt(0.55 * 0.45 * 2 / 200) = 2.010
    assert rates.significant_change(0.6, 200, 0.5, 200) == 1
    assert rates.significant_change(0.6, 200, 0.5, 200, confidence=0.96) == 0
    assert rates.significant_change(1.0, 50, 1.0, 50) == 0


# --- points of one's own targets

RULES = st.builds(
    points.PointRule,
    at_threshold=st.sampled_from([0.0, 0.5, 1.0]),
    at_top=st.just(2.0),
    steps=st.integers(0, 4),
    for_improvement=st.sampled_from([0.0, 1.0, 2.0]),
    improvement=st.sampled_from(["instead", "added"]),
)


@given(rule=RULES, low=SHARES, high=SHARES, prior=SHARES, lower=st.booleans())
def test_toolkit_points_never_fall_as_a_rate_gets_better(rule, low, high, prior, lower):
    low, high = sorted((low, high))
    worse, better = (1 - low, 1 - high) if lower else (low, high)
    ends = {"threshold": 0.4, "top": 0.2} if lower else {"threshold": 0.6, "top": 0.8}
    table = results(rate=[worse, better], prior_rate=[prior, prior], better="lower" if lower else "higher", **ends)
    found = points.toolkit_quality(rates.measure_rates(table), rule).measures["points"]
    assert 0 <= found.iloc[0] <= found.iloc[1] <= 2


def test_toolkit_points_at_their_limits():
    at = np.array([0.599, 0.6, 0.65, 0.7, 0.8, 1.0])
    assert points.attainment_points(at, 0.6, 0.8).round(9).tolist() == [0, 1, 1.25, 1.5, 2, 2]
    steps = points.PointRule(steps=2)
    assert points.attainment_points(at, 0.6, 0.8, steps).tolist() == [0, 1, 1, 1.5, 2, 2]
    assert points.attainment_points(at, 0.6, np.nan).tolist() == [0, 2, 2, 2, 2, 2]
    assert points.attainment_points(0.3, 0.4, 0.2, lower_is_better=True) == pytest.approx(1.5)
    assert [points.attainment_points(x, 0.6, 0.8) for x in at] == points.attainment_points(at, 0.6, 0.8).tolist()


def test_improvement_counts_instead_or_besides():
    table = rates.measure_rates(results(rate=[0.65], prior_rate=[0.5], threshold=[0.6], top=[0.8]))
    earned = {
        how: points.toolkit_quality(table, points.PointRule(for_improvement=1.5, improvement=how)).score * 2
        for how in ("instead", "added")
    }
    assert earned == pytest.approx({"instead": 1.5, "added": 2.0})
    small = points.PointRule(for_improvement=1.5, gap_closed=0.51)
    assert points.toolkit_quality(table, small).score * 2 == pytest.approx(1.25)  # half of the gap was closed


def test_ten_percent_of_the_gap_is_enough_and_less_is_not():
    rule = points.PointRule(for_improvement=1.0)
    table = rates.measure_rates(results(rate=[0.53, 0.529], prior_rate=0.5, threshold=0.6, top=0.8))
    assert points.toolkit_quality(table, rule).measures["points"].tolist() == [1.0, 0.0]
    nearer = points.toolkit_quality(table.assign(target=0.79), rule).measures["points"]
    assert nearer.tolist() == [1.0, 1.0]


def test_minimum_points_decide_who_shares():
    table = rates.measure_rates(results(rate=[0.7, 0.5], threshold=0.6, top=0.8))
    assert points.toolkit_quality(table, points.PointRule(minimum_points=0.375)).standard == "met"
    failed = points.toolkit_quality(table, points.PointRule(minimum_points=0.376))
    assert failed.standard == "failed" and failed.score == pytest.approx(0.375)
    for method in ("none", "multiplier"):
        paid = settle(1e6, 9e5, Terms(sharing_rate=0.5, quality_method=method), quality_score=failed.score,
                      quality_standard=failed.standard)  # fmt: skip
        assert paid.payment == 0


def test_targets_at_fault_are_refused():
    with pytest.raises(InputError, match="neither a threshold nor a 50th percentile"):
        points.toolkit_quality(rates.measure_rates(results(rate=[0.5])))
    with pytest.raises(InputError, match="wrong side of the threshold"):
        points.toolkit_quality(rates.measure_rates(results(rate=[0.5], threshold=[0.6], top=[0.5])))
    with pytest.raises(InputError, match="none has cases enough"):
        points.toolkit_quality(rates.measure_rates(results(numerator=[1], denominator=[2], threshold=[0.6])))
    with pytest.raises(ValueError, match="at_top is below at_threshold"):
        points.PointRule(at_threshold=3.0)


# --- Shared Savings Program to 2020


def test_steps_and_ties():
    at = np.array([0.0, 0.2999, 0.3, 0.399, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    wanted = [0, 0, 1.1, 1.1, 1.25, 1.4, 1.55, 1.7, 1.85, 2.0, 2.0]
    assert mssp.mssp_points(at, FLAT).tolist() == wanted
    assert mssp.mssp_points(1 - at, 1 - FLAT, lower_is_better=True).tolist() == wanted
    assert [mssp.mssp_points(x, FLAT) for x in at] == wanted
    with pytest.raises(InputError, match="seven cut points"):
        mssp.mssp_points(0.5, FLAT[::-1])


def test_reward_of_improvement():
    assert mssp.improvement_reward(np.array([-1, 0, 0.09, 0.1, 0.5, 0.9, 1])).tolist() == [0, 0, 0, 0.48, 2.24, 4, 4]
    assert mssp.improvement_reward(1.0, 2014) == 0
    assert (np.diff(mssp.improvement_reward(np.linspace(-1, 1, 41))) >= 0).all()


@pytest.mark.parametrize("year", range(2012, 2021))
def test_maxima_of_domains_are_the_sums_of_their_measures(year):
    scored = tables.measure_set("mssp", year).query("scored_in == ''")
    sums = (2 * scored["weight"]).groupby(scored["domain"]).sum()
    for domain in mssp.DOMAINS:
        assert sums[domain] == Rules("quality", year).number("domain_maximum", domain)


def test_sizes_of_the_measure_sets():
    parts = {year: len(tables.measure_set("mssp", year)) for year in (2013, 2015, 2016, 2018, 2020)}
    composites = {2013: 2, 2015: 1, 2016: 1, 2018: 1, 2020: 0}
    assert {y: n - composites[y] for y, n in parts.items()} == {2013: 33, 2015: 33, 2016: 34, 2018: 31, 2020: 23}


@settings(max_examples=20)
@given(name=st.sampled_from(list(SET.index)), low=SHARES, high=SHARES)
def test_score_never_falls_as_a_rate_gets_better(name, low, high):
    low, high = sorted((low, high))
    worse, better = (high, low) if SET.loc[name, "better"] == "lower" else (low, high)
    scores = [mssp.mssp_quality(of_2018(**{name: r}), 2018, 2).score for r in (worse, better)]
    assert 0 <= scores[0] <= scores[1] <= 1


def test_limits_of_the_score_and_its_standard():
    best, worst = (mssp.mssp_quality(of_2018(base), 2018, 2) for base in (1.0, 0.0))
    assert best.score == pytest.approx(1.0) and best.standard == "met"
    assert worst.standard == "failed" and 0 < worst.score < 1  # what is reported only counts in full
    assert mssp.mssp_quality(of_2018(), 2018, 2, complete=False).standard == "failed"


def test_order_of_measures_does_not_matter():
    whole = of_2018(0.55, ACO14=0.9, ACO5=0.6)
    turned = mssp.mssp_quality(whole.iloc[::-1], 2018, 2)
    assert turned.score == pytest.approx(mssp.mssp_quality(whole, 2018, 2).score, abs=1e-15)


def test_phase_in_first_years_and_disasters():
    low = of_2018(0.35)
    scores = {year: mssp.mssp_quality(low, 2018, year).score for year in (1, 2)}
    assert scores[1] == 1.0 > scores[2]
    assert mssp.mssp_quality(low, 2018, 2, disaster_mean=0.95).score == 0.95
    with pytest.raises(InputError, match="no benchmark of 2018"):
        mssp.mssp_quality(low, 2018, 3)  # readmissions are scored from the third year; their benchmark was not found
    cuts = pd.DataFrame({f"p{p}": [0.2 - p / 1000] for p in range(30, 100, 10)})
    own = low.copy()
    for name in ("ACO8", "ACO35", "ACO36", "ACO37", "ACO38"):
        own.loc[name, cuts.columns] = cuts.iloc[0]
    assert mssp.mssp_quality(own, 2018, 3).score < scores[2]  # two screenings are scored now, at their lowest step


def test_reward_is_capped_at_the_maximum_of_a_domain():
    found = mssp.mssp_quality(of_2018(0.95), 2018, 2, rewards={"preventive": 4.0})
    assert found.domains.loc["preventive", "share"] == 1.0
    with pytest.raises(InputError, match="0 to 4 points"):
        mssp.mssp_quality(of_2018(), 2018, 2, rewards={"preventive": 5.0})
    with pytest.raises(InputError, match="Did you mean 'preventive'"):
        mssp.mssp_quality(of_2018(), 2018, 2, rewards={"preventative": 1.0})


def test_measures_that_lack_or_do_not_belong_are_named():
    with pytest.raises(InputError, match=r"'ACO14' \(Influenza immunization\) is missing"):
        mssp.mssp_quality(of_2018().drop("ACO14"), 2018, 2)
    with pytest.raises(InputError, match="not in the set of 2020"):
        mssp.mssp_quality(of_2018(), 2020, 2)
    with pytest.raises(InputError, match="2012 to 2020"):
        tables.measure_set("mssp", 2021)


# --- pathway from 2021


def test_decile_points():
    cuts = np.arange(0.1, 0.95, 0.1)
    assert app.decile_points(np.array([0.05, 0.1, 0.15, 0.89, 0.9]), cuts).round(6).tolist() == [1, 2, 2.5, 9.9, 10]
    assert app.decile_points(0.05, cuts, floor=3) == 3
    assert app.decile_points(0.85, 1 - cuts, lower_is_better=True) == pytest.approx(2.5)
    assert np.isnan(app.decile_points(np.nan, cuts))
    crowded = np.array([0.3, 0.7, 0.9, 0.97, 0.99, 1.0, 1.0, 1.0, 1.0])
    assert app.decile_points(1.0, crowded) == 10


@given(low=st.floats(0, 1.2), high=st.floats(0, 1.2), at=st.integers(0, 10_000))
def test_decile_points_rise_with_the_rate(low, high, at):
    row = tables.cut_points("app", 2023).iloc[at % len(tables.cut_points("app", 2023))]
    sign = row["lower_better"] == "1" if "lower_better" in row else row["p10"] > row["p90"]
    cuts = row[list(rates.PERCENTILES)].astype(float)
    low, high = sorted((low, high))
    both = np.array([high, low] if sign else [low, high])
    worse, better = app.decile_points(both, cuts, lower_is_better=sign, largest=1.2)
    assert 1 <= worse <= better <= 10


def test_standard_and_final_rate():
    assert app.app_standard(np.array([0.6576, 0.6575]), 2023).tolist() == ["met", "alternative"]
    assert app.app_standard(0.5, 2021) == "failed"
    assert app.app_standard(0.5, 2024, first_year=True) == app.app_standard(0.5, 2024, incentive=True) == "met"
    assert app.app_standard(0.99, 2024, reported=False) == app.app_standard(0.5, 2024, outcome=False) == "failed"
    assert app.final_share_rate(np.array([0.75, 0.75, 0.5]), np.array(["met", "alternative", "failed"]), 0.6) == (
        pytest.approx([0.75, 0.45, 0.0])
    )
    for how in ("met", "alternative", "failed"):
        paid = settle(
            1e8, 9e7, Terms(sharing_rate=0.75, quality_method="standard"), quality_score=0.6, quality_standard=how
        )
        assert paid.final_sharing_rate == pytest.approx(app.final_share_rate(0.75, how, 0.6))
    with pytest.raises(InputError, match="begins in 2021"):
        app.app_standard(0.5, 2020)


def pathway(**columns):
    return rates.measure_rates(pd.DataFrame(columns), largest={"484": 10.0})


def test_score_of_the_pathway():
    table = pathway(measure=["110", "001", "479", "438", "CAHPS_1", "CAHPS_2"], rate=[0.85, 0.15, 0.16, 0.9, 0.99, 0.0])
    found = app.app_quality(table, 2023)
    assert found.measures.loc["438", "basis"] == "unscored"
    assert found.measures.loc["CAHPS", "points"] == pytest.approx(5.5)  # mean of 10 and 1
    assert found.score == pytest.approx(
        (9.5 + 9.5 + 4.0 + (0.1613 - 0.16) / (0.1613 - 0.1578) - 0 + 5.5) / 40, abs=0.01
    )
    grown = app.app_quality(table, 2023, prior_achievement=found.score / 1.2)
    assert grown.score == pytest.approx(found.score + 0.02)
    assert app.app_quality(table, 2023, prior_achievement=1.0).score == pytest.approx(found.score)
    lifted = app.app_quality(pathway(measure=["110"], rate=[0.2]), 2023, disaster=True)
    assert lifted.score == 0.6576 and lifted.standard == "met"


def test_incentive_wants_all_electronic_measures_and_two_percentiles():
    whole = pathway(measure=["001", "134", "236"], rate=[0.5, 0.43, 0.3], collection="electronic")
    assert app.earns_incentive(whole, 2024)  # 001 beyond the 10th percentile, 134 at the 40th
    assert not app.earns_incentive(whole.assign(collection=""), 2024)
    assert not app.earns_incentive(whole.drop("236"), 2024)
    poor = whole.assign(rate=[0.99, 0.43, 0.3])
    assert not app.earns_incentive(poor, 2024)
    assert app.app_quality(whole, 2024).standard == "met" and app.app_quality(whole, 2024).score < 0.7705
    assert app.app_quality(poor, 2024).standard == "failed"  # no outcome measure at the 10th percentile either


# --- rows


def test_every_row_is_sourced_and_said_once():
    for name in ("quality", "quality_measures", "quality_cuts"):
        assert (rule_table(name)["source"].str.strip() != "").all()
    assert not rule_table("quality").duplicated(["parameter", "track", "effective_from"]).any()
    cuts = rule_table("quality_cuts")
    assert not cuts.duplicated(["scheme", "measure", "collection", "first_year"]).any()
    steps = cuts[[f"p{p}" for p in range(30, 100, 10)]].astype(float).diff(axis=1).iloc[:, 1:]
    assert ((steps >= 0).all(axis=1) | (steps <= 0).all(axis=1)).all()
    share = float(Rules("quality", 2024).number("threshold_score", "app"))
    assert (share, Rules("quality", 2023).number("standard_percentile", "app")) == (0.7705, 30)


@pytest.mark.parametrize(
    "year, whole, part",
    [
        (2014, ("measure set of 2014, 28 measures", "maximum points in 2014", "scale of points", "least attain"), ()),
        (2018, ("least attainment in each domain",), ("measure set of 2018, 28 measures", "reward for improvement")),
        (2019, ("measure set of 2019, 23 measures", "maximum points in 2019"), ("reward for improvement",)),
    ],
)
def test_what_is_from_memory_is_named(year, whole, part):
    sets = tables.measure_set("mssp", year).query("scored_in == ''")
    only = "yes" if year != 2018 else ""
    given = pd.DataFrame({"measure": sets.index, "rate": 0.65, "reporting_only": only})
    found = mssp.mssp_quality(rates.measure_rates(given), year, 2)
    said = {one.partition(": ")[0]: one for one in found.notes}
    assert all(words in said["From memory, unverified"] for words in whole)
    assert all(words in said["In part from memory, unverified"] for words in part)
    assert ("scale of points" in said["From memory, unverified"]) == (year < 2017)
    listed = [one for one in found.assumptions if one.name.startswith(f"Measure set of {year}")]
    assert sum(one.value for one in listed) == len(sets)
    assert {one.source for one in listed} == set(sets["source"])


def test_cut_points_from_memory_are_named():
    sets = tables.measure_set("mssp", 2016).query("scored_in == ''")
    scored = ["ACO13", "ACO14"]
    only = ["" if name in scored else "yes" for name in sets.index]
    given = rates.measure_rates(pd.DataFrame({"measure": sets.index, "rate": 0.65, "reporting_only": only}))
    assert any("cut points of ACO13, ACO14" in note for note in mssp.mssp_quality(given, 2016, 2).notes)


# --- percents and other faults


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: mssp.mssp_points(90, FLAT), "rate: found 90; a share from 0 to 1 is wanted; 90 percent is 0.9"),
        (lambda: mssp.mssp_points(0.9, 100 * FLAT), "cut point: found 30; .*30 percent is 0.3"),
        (lambda: mssp.mssp_points("high", FLAT), "found 'high'; a share"),
        (lambda: mssp.mssp_quality(of_2018(), 2018, disaster_mean=90), "disaster_mean: found 90; .*is 0.9"),
        (lambda: mssp.mssp_quality(of_2018(), 2018, disaster_mean=np.nan), "disaster_mean: found nan"),
        (lambda: points.attainment_points(70, 0.6, 0.8), "rate: found 70"),
        (lambda: points.attainment_points(0.7, 60, 80), "threshold: found 60"),
        (lambda: points.gap_closed(0.6, 50, 0.9), "prior: found 50; .*50 percent is 0.5"),
        (lambda: points.gap_closed(-0.1, 0.5, 0.9), "rate: found -0.1; a share from 0 to 1 is wanted.$"),
        (lambda: app.decile_points([0.2, 85], np.arange(0.1, 1, 0.1)), "rate: found 85"),
        (lambda: app.improvement_score(0.8, 64), "prior: found 64"),
        (lambda: app.app_standard(70, 2024), "score: found 70"),
        (lambda: app.final_share_rate(0.75, "alternative", 60), "score: found 60"),
        (lambda: app.final_share_rate(75, "met", 0.6), "maximum: found 75"),
        (lambda: app.final_share_rate(0.75, ["met", "alternativ"], 0.6), "'alternativ'.*Did you mean 'alternative'"),
        (lambda: app.app_quality(pathway(measure=["110"], rate=[0.2]), 2023, prior_achievement=64),
         "prior_achievement: found 64; .*64 percent is 0.64"),
        (lambda: rates.composite_rate([20, 70], [40, 60]), "numerator 70 of denominator 60"),
        (lambda: rates.composite_rate([20, 30], [60]), "2 numerators and 1 denominators"),
        (lambda: points.toolkit_quality(rates.measure_rates(results(rate=[0.7], threshold=0.6, weight=-1.0))),
         "'M0': weight is -1; at least 0 is wanted"),
        (lambda: rates.measure_rates(results(rate=[0.7, "85%"])), "'M1': rate is '85%'; a number is wanted"),
        (lambda: rates.measure_rates(results(numerator=["x"], denominator=[40])), "'M0': numerator is 'x'"),
    ],
)  # fmt: skip
def test_percents_and_words_are_refused(call, words):
    with pytest.raises(InputError, match=words) as refused:
        call()
    assert "\n" not in str(refused.value)


def test_rates_that_are_no_shares_pass():
    ratio = np.array([1.24, 1.02, 0.84, 0.66, 0.52, 0.36, 0.0])
    assert mssp.mssp_points(np.array([1.3, 1.02, np.nan]), ratio, lower_is_better=True)[:2].tolist() == [0, 1.25]
    assert np.isnan(mssp.mssp_points(np.nan, ratio, lower_is_better=True))
    assert rates.measure_rates(results(numerator=["7", ""], denominator=[" 10", ""], rate=["", "0.5"]))[
        "rate"
    ].tolist() == [0.7, 0.5]
    many = pd.DataFrame({"measure": ["484"], "numerator": [60], "denominator": [40]})
    assert rates.measure_rates(many, largest={"484": 10.0})["rate"].tolist() == [1.5]


# --- dollars


def test_dollars_add_up_with_a_linear_scheme():
    table = rates.measure_rates(results(rate=[0.65, 0.7, 0.85], threshold=0.6, top=0.8))
    terms = Terms(sharing_rate=0.5, quality_method="multiplier")
    worth = value.dollars_per_point(table, points.toolkit_quality, 1e8, 9.6e7, terms)
    # a point moves one of three measures by 0.05 of 6 points: 0.05 / 6 of 2 million
    assert worth.table.loc[["M0", "M1"], "dollars_per_point"].round(4).tolist() == [16666.6667] * 2
    assert worth.table.loc["M2", "dollars_per_point"] == 0 and np.isnan(worth.table.loc["M2", "dollars_at_next"])
    assert worth.table.index.tolist() == ["M0", "M1", "M2"]
    assert worth.payment == pytest.approx(2e6 * (1.25 + 1.5 + 2) / 6)
    assert worth.payment + worth.table["dollars_at_next"].sum() == pytest.approx(2e6)


def test_dollars_follow_a_gate_and_a_measure_that_is_better_lower():
    table = rates.measure_rates(results(rate=[0.3], threshold=[0.25], top=[0.1], better=["lower"]))
    terms = Terms(sharing_rate=0.5, quality_method="gate", quality_gate=0.5)
    worth = value.dollars_per_point(table, points.toolkit_quality, 1e8, 9.6e7, terms, point=0.04).table.iloc[0]
    assert worth["next_rate"] == 0.25 and worth["dollars_at_next"] == pytest.approx(2e6)
    assert worth["dollars_per_point"] == 0
    inside = table.assign(rate=0.2)
    linear = Terms(sharing_rate=0.5, quality_method="multiplier")
    gained = value.dollars_per_point(inside, points.toolkit_quality, 1e8, 9.6e7, linear).table.iloc[0]
    assert gained["dollars_per_point"] == pytest.approx(2e6 / 2 * 0.01 / 0.15)  # a lower rate earns more
    with pytest.raises(InputError, match="above 0 is wanted"):
        value.dollars_per_point(table, points.toolkit_quality, 1e8, 9.6e7, terms, point=0.0)


# --- scenario


def test_a_point_stops_at_a_rate_of_one():
    table = rates.measure_rates(results(rate=[0.995], threshold=0.9, top=1.0))
    terms = Terms(sharing_rate=0.5, quality_method="multiplier")
    worth = value.dollars_per_point(table, points.toolkit_quality, 1e8, 9.6e7, terms)
    assert worth.table["dollars_per_point"].iloc[0] == pytest.approx(worth.table["dollars_at_next"].iloc[0])


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    """A stated benchmark, a multiplier, three measures of two payers; one of them with few members."""
    folder = tmp_path_factory.mktemp("quality")
    (folder / "measures.csv").write_text(
        "measure,payer,domain,numerator,denominator,threshold,top\n"
        "Screening,A,Prevention,60,80,0.6,0.8\nScreening,B,Prevention,10,20,0.6,0.8\n"
        "Testing,A,Chronic care,93,100,0.9,0.95\nFollow-up,A,Chronic care,150,300,0.6,0.8\n"
    )
    text = """
name = "q"
title = "Quality"
[terms]
sharing_rate = 0.5
quality_method = "multiplier"
[[years]]
label = "2025"
performance_year = 2025
benchmark = 1e8
actual = 9.6e7
members = 10000
[quality]
scheme = "toolkit"
table = "measures.csv"
"""
    (folder / "q.toml").write_text(text)
    return load_scenario(folder / "q.toml")


def test_the_score_worked_out_is_what_is_settled(scenario):
    result = run(scenario)
    score = ((1 + 0.5) + (1 + 0.6) + 0) / 6
    assert result.headline()["quality_score"] == pytest.approx(score)
    assert result.headline()["payment"] == pytest.approx(2e6 * score)
    said = {a.name: a for a in result.assumptions}
    assert said["2025: quality score"].value == round(score, 6)
    assert "3 measures" in said["2025: quality score"].source and "2025: quality score as measured" not in said
    assert change(scenario, {"quality.points.minimum_points": 0.6}) != scenario
    failed = run(change(scenario, {"quality.points.minimum_points": 0.6}))
    assert failed.headline()["payment"] == 0


def test_a_score_from_two_sides_is_refused(scenario):
    with pytest.raises(InputError, match=r"states a quality_score and \[quality\] works it out"):
        change(scenario, {"years.0.quality_score": 0.9})
    with pytest.raises(InputError, match="'points' is given|points is given"):
        change(scenario, {"quality.scheme": "app", "quality.points.steps": 2})
    with pytest.raises(InputError, match="agreement_year: missing"):
        run(change(scenario, {"quality.scheme": "mssp", "quality.performance_year": 2018}))


def test_faults_of_the_table_name_it(scenario):
    with pytest.raises(InputError, match="'Screening' of A: no measure of the set"):
        run(change(scenario, {"quality.scheme": "app"}))
    with pytest.raises(InputError, match="nowhere.csv: no such file"):
        run(change(scenario, {"quality.table": "nowhere.csv"}))


def test_tables_hide_what_tells_of_few_members(scenario):
    result = run(scenario)
    shown = exhibits.measures(result).shown()
    assert shown.loc["Testing", ["Cases", "Rate", "Points"]].tolist() == ["*", "–", "*"]  # seven missed it
    assert shown.loc["Screening", ["Cases", "Points"]].tolist() == ["*", "*"]  # it would give the other away
    assert shown.loc["Follow-up", ["Cases", "Rate"]].tolist() == ["300", "50.00%"]
    open_run = run(dataclasses.replace(scenario, report=dataclasses.replace(scenario.report, show_small_cells=True)))
    assert exhibits.measures(open_run).shown().loc["Testing", "Rate"] == "93.00%"
    assert exhibits.domains(result).table["Points"].iloc[0] == 1.5


def test_tables_say_what_quality_does(scenario):
    result = run(scenario)
    paid = exhibits.payments(result).table
    assert paid.loc["0%", "Payment"] == 0 and paid.loc["100%", "Payment"] == pytest.approx(2e6)
    assert any(label.endswith("(now)") for label in paid.index)
    worth = bench.worth(result)
    assert exhibits.dollars(result).table.index.tolist() == worth.table.index.tolist()
    assert show(worth.payment, "$") == show(float(result.headline()["payment"]), "$")


LADDER = {"terms.quality_method": "ladder"}
GATE = {"terms.quality_method": "gate"}


@pytest.mark.parametrize(
    "clauses, words",
    [
        (LADDER | {"terms.quality_ladder": [[0.3, 0.5], [0.95, 1.0]]},
         "No measure alone reaches the next step of the ladder, 95%, which is 43.3 points of score away."),
        (LADDER | {"terms.quality_ladder": [[0.3, 0.5], [0.6, 1.0]]},
         "only a whole step does. The next step of the ladder, 60%, is 8.3 points of score away."),
        (LADDER | {"terms.quality_ladder": [[0.3, 0.5], [0.5, 1.0]]}, "at the highest step that is paid"),
        (GATE | {"terms.quality_gate": 0.9}, "No measure alone reaches the gate, 90%, which is 38.3 points"),
        ({"terms.quality_method": "none"}, "the payment is the same at every score"),
        ({"quality.points.minimum_points": 0.9}, "standard is not met, and no measure alone changes that"),
        ({"terms.msr": 0.05}, "Savings do not reach the least that is shared"),
        ({"terms.savings_cap_benchmark": 0.001}, "The cap holds the payment down"),
        ({"years.0.actual": 1.1e8}, "There are no savings to share"),
        ({"quality.points.steps": 2}, "only a whole step does."),
        ({}, "Score: its change."),
    ],
)  # fmt: skip
def test_dollars_say_why_a_measure_moves_nothing(scenario, clauses, words):
    note = exhibits.dollars(run(change(scenario, clauses))).note
    assert note.endswith(words) if not clauses else words in note


def test_a_step_lost_to_floating_point_is_reached():
    table = rates.measure_rates(results(rate=[0.62, 0.72, 0.50], threshold=0.6, top=0.8))
    score = points.toolkit_quality(table).score
    terms = Terms(
        sharing_rate=0.5, quality_method="ladder", quality_ladder=((0.3, 0.5), (0.45, 0.8), (0.6, 1.0)),
        quality_gate=0.45,
    )  # fmt: skip
    assert score < 0.45
    paid = settle(1e8, 9.6e7, terms, quality_score=score)
    assert paid.quality_factor == 0.8
    line = {name: getattr(paid, name) for name in lines.FORMULAS if hasattr(paid, name)}
    assert lines.values_of(terms, line, None, 0.0, 0)["ladder_step"] == 0.8
    assert "{quality_score}<{terms_quality_gate}-1E-09" in lines.FORMULAS["quality_factor"]
    assert lines.workings(0)["ladder_step"][2].count("<={quality_score}+1E-09") == 2


def test_charts_show_it_and_are_left_out_without_it(scenario):
    result, none = run(scenario), run(SCENARIOS / "hackensack-2014.toml")
    for draw in (plots.points, plots.payment, plots.dollars_per_point):
        assert draw(result).axison and not draw(none).axison
    for table in (exhibits.measures, exhibits.domains, exhibits.dollars, exhibits.payments):
        assert table(none) is None


def test_comparison_takes_the_score_as_one_step(scenario):
    made = run(scenario)
    stated = {"quality": None, "years.0.quality_score": 0.9, "terms.sharing_rate": 0.4}
    other = run(change(scenario, stated))
    for before, after in ((made, other), (other, made)):
        steps = changes_of(before, after)
        assert [one.part for one in steps] == ["quality", "terms"]
        mixed = Mixture(before, after)
        halfway = run(mixed.scenario(steps[:1]), mixed.tables(steps[:1], mixed.scenario(steps[:1])))
        rate, score = (
            run_.headline()[name] for run_, name in ((before, "final_sharing_rate"), (after, "quality_score"))
        )
        rate /= before.headline()["quality_score"]
        assert halfway.headline()["payment"] == pytest.approx(4e6 * rate * score)
