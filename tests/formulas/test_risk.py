"""Risk: factors by age and sex, markers and weights, limits of a programme, capitation, prediction."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acomodel import InputError
from acomodel.budget.capitation import adjusted_capitation
from acomodel.budget.demographics import age_sex_cells, age_sex_set, estimate_factors, full_credibility_claims
from acomodel.budget.factor_sets import cell_index, check_factors
from acomodel.budget.markers import explain, fit_weights, marker_table, risk_scores
from acomodel.budget.prediction import high_risk_list, hold_back, predictive_check, risk_drivers
from acomodel.budget.risk_ratio import (
    RiskRule,
    aggregate_limited,
    continuing_risk_ratio,
    program_risk_ratio,
    risk_ratio_capped,
    risk_rule,
)
from acomodel.programs import rule_table

STANDARD = age_sex_set()
HACHEMEISTER = """
1738 1642 1794 2051 2079 2234 2032 2035 2115 2262 2267 2517|7861 9251 8706 8575 7917 8263 9456 8003 7365 7832 7849 9077
1364 1408 1597 1444 1342 1675 1470 1448 1464 1831 1612 1471|1622 1742 1523 1515 1622 1602 1964 1515 1527 1748 1654 1861
1759 1685 1479 1763 1674 2103 1502 1622 1828 2155 2233 2059|1147 1357 1329 1204 998 1077 1277 1218 896 1003 1108 1121
1223 1146 1010 1257 1426 1532 1953 1123 1343 1243 1762 1306|407 396 348 341 315 328 352 331 287 384 321 342
1456 1499 1609 1741 1482 1572 1606 1735 1607 1573 1613 1690|2902 3172 3046 3068 2693 2910 3275 2697 2663 3017 3242 3425
"""


def test_credibility_of_hachemeister_states():
    """Bühlmann-Straub on the data of Hachemeister (1975), five states and twelve quarters, as R's actuar prints it."""
    rows = []
    for state, line in enumerate(HACHEMEISTER.strip().splitlines()):
        ratios, weights = ([float(n) for n in part.split()] for part in line.split("|"))
        rows += [(10 * state, "M", w, w * x) for x, w in zip(ratios, weights, strict=True)]
    members = pd.DataFrame(rows, columns=["age", "sex", "months", "allowed"])
    low = np.array([0.0, 10, 20, 30, 40, 0])
    flat = pd.DataFrame(
        {"age_from": low, "age_to": [9, 19, 29, 39, np.inf, np.inf], "sex": list("MMMMMF"), "factor": 1.0}
    )
    fit = estimate_factors(members, flat)
    men = fit.cells.query("sex == 'M'")
    mean = members["allowed"].sum() / members["months"].sum()
    assert men["credibility"].round(7).tolist() == [0.9847404, 0.9276352, 0.8984754, 0.7279092, 0.9587911]
    assert (men["observed"] * mean).round(3).tolist() == [2060.921, 1511.224, 1805.843, 1352.976, 1599.829]
    assert fit.process_variance * mean**2 == pytest.approx(139_120_026, abs=0.5)
    assert fit.between_variance * mean**2 == pytest.approx(89_638.73, abs=0.005)
    assert np.isnan(fit.cells.query("sex == 'F'")["observed"].iloc[0])


def test_classical_full_credibility():
    assert round(full_credibility_claims()) == 1082
    assert full_credibility_claims(0.9, 0.025) == pytest.approx(4 * full_credibility_claims())
    with pytest.raises(InputError, match="between 0 and 1"):
        full_credibility_claims(1.0)


def book(size, *, seed=1, factors=None, spread=1.5, months=12):
    """Members of every cell whose cost has a known mean and a known coefficient of variation."""
    rng = np.random.default_rng(seed)
    ages, sexes = rng.integers(0, 85, size), rng.choice(["F", "M"], size)
    truth = STANDARD["factor"].to_numpy() if factors is None else np.asarray(factors)
    mean = 300 * truth[cell_index(ages, sexes, STANDARD)] * months
    allowed = mean * rng.gamma(1 / spread**2, spread**2, size)
    return pd.DataFrame({"age": ages, "sex": sexes, "months": float(months), "allowed": allowed})


def test_sets_are_dated():
    assert len(age_sex_set(on=date(2010, 1, 1))) == 22
    with pytest.raises(InputError, match="starts on 2008-06-01; 2008-05-31 is before it"):
        age_sex_set(on=date(2008, 5, 31))
    with pytest.raises(InputError, match="no set 'tolkit'; known are toolkit. Did you mean 'toolkit'"):
        age_sex_set("tolkit")
    assert (STANDARD["source"].str.strip() != "").all()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda t: t.drop(columns="sex"), "no column 'sex'"),
        (lambda t: t.drop(index=2), "sex M wants a band from 19; found 25-29"),
        (lambda t: t.assign(age_to=t["age_to"].where(t.index != 0, 20)), "sex M wants a band from 21; found 19-24"),
        (lambda t: t.iloc[:-2], "end at 64; the last one is to be open"),
        (lambda t: t.assign(factor=t["factor"].where(t.index != 4, 0)), "M 25-29 has the factor 0.0; above zero"),
        (lambda t: t.assign(sex=t["sex"].where(t.index != 4, "U")), "row 4 has the sex 'U'"),
    ],
)
def test_factor_tables_cover_every_age_once(edit, message):
    with pytest.raises(InputError, match=message):
        check_factors(edit(STANDARD))


@pytest.mark.parametrize(
    ("ages", "sexes", "months", "message"),
    [
        ([30, -1], ["F", "M"], 1, "row 2 has the age -1"),
        ([30, np.nan], ["F", "M"], 1, "row 2 has the age nan"),
        ([30, 40], ["F", "U"], 1, "row 2 has the sex 'U'"),
        ([30, 40], ["F"], 1, "2 ages and 1 sexes"),
        ([30, 40], ["F", "M"], [1, -1], "row 2 has -1 months"),
        ([30, 40], ["F", "M"], [1, 1, 1], "3 entries for 2 members"),
        ([30, 40], ["F", "M"], 0, "no members"),
    ],
)
def test_populations_that_cannot_be_used(ages, sexes, months, message):
    with pytest.raises(InputError, match=message):
        age_sex_cells(ages, sexes, months, STANDARD)


def test_bounds_of_the_bands():
    ages = [18, 18.99, 19, 64.5, 65, 110]
    assert STANDARD["factor"].to_numpy()[cell_index(ages, ["F"] * 6, STANDARD)].tolist() == [
        0.532, 0.532, 0.846, 2.17, 2.646, 2.646,
    ]  # fmt: skip


people = st.lists(st.tuples(st.integers(0, 100), st.sampled_from("FM"), st.integers(1, 12)), min_size=1, max_size=8)


@given(people, st.randoms())
def test_average_factor_is_an_average_and_knows_no_order(members, random):
    ages, sexes, months = map(list, zip(*members, strict=True))
    whole = age_sex_cells(ages, sexes, months, STANDARD)
    each = np.array([age_sex_cells([a], [s], 1, STANDARD).factor for a, s in zip(ages, sexes, strict=True)])
    assert whole.factor == pytest.approx((each * months).sum() / sum(months))
    assert each.min() - 1e-12 <= whole.factor <= each.max() + 1e-12
    random.shuffle(members)
    assert age_sex_cells(*map(list, zip(*members, strict=True)), STANDARD).factor == pytest.approx(whole.factor)


def test_cells_of_few_members_are_not_shown():
    shown = age_sex_cells([30] * 10 + [40] * 11, ["F"] * 21, 12, STANDARD).exhibit().shown()
    assert shown.loc["F 30-34", ["Members", "Member months"]].tolist() == ["1–10", "–"]
    assert shown.loc["F 40-44", ["Members", "Member months"]].tolist() == ["11", "132"]


def test_observed_costs_are_those_of_the_cells():
    members = book(3_000, factors=STANDARD["factor"] * np.linspace(0.5, 2, 22))
    fit = estimate_factors(members, STANDARD)
    assert 0 < fit.cells["credibility"].min() < fit.cells["credibility"].max() < 1
    at = cell_index(members["age"], members["sex"], STANDARD)
    sums = members.groupby(at)[["allowed", "months"]].sum()
    average = sums["allowed"].sum() / sums["months"].sum()
    assert fit.cells["observed"].to_numpy() == pytest.approx((sums["allowed"] / sums["months"] / average).to_numpy())
    for column in ("standard", "factor"):
        assert (fit.cells[column] * fit.cells["months"]).sum() == pytest.approx(fit.cells["months"].sum())
    assert fit.scale == pytest.approx(age_sex_cells(members["age"], members["sex"], 12, STANDARD).factor)
    assert fit.factors()["factor"].to_numpy() == pytest.approx(fit.cells["factor"].to_numpy())
    assert "R squared" in repr(fit)


def test_regression_is_that_of_statsmodels():
    import statsmodels.api as sm

    members = book(1_500).assign(months=lambda t: np.arange(len(t)) % 12 + 1.0)
    fit = estimate_factors(members, STANDARD)
    cost, months = (members["allowed"] / members["months"]).to_numpy(), members["months"].to_numpy()
    at = cell_index(members["age"], members["sex"], STANDARD)
    design = (at[:, None] == np.arange(22)).astype(float)
    peer = sm.WLS(cost / np.average(cost, weights=months), design, weights=months).fit()
    assert fit.cells["observed"].to_numpy() == pytest.approx(peer.params)
    assert fit.cells["standard_error"].to_numpy() == pytest.approx(peer.get_robustcov_results("HC1").bse)
    assert fit.fit[["R squared", "F", "p-value, F"]].tolist() == pytest.approx(
        [peer.rsquared, peer.fvalue, peer.f_pvalue]
    )


def test_known_factors_are_recovered_within_their_standard_errors():
    """Factors unlike the standard's: the interval of two standard errors holds the truth in 95 % of cells."""
    truth = STANDARD["factor"].to_numpy() * np.where(STANDARD["sex"] == "M", 1.4, 0.7)
    inside, total = 0, 0
    for seed in range(20):
        fit = estimate_factors(book(8_000, seed=seed, factors=truth), STANDARD)
        scaled = truth / np.average(truth, weights=fit.cells["months"])
        inside += (np.abs(fit.cells["observed"] - scaled) < 1.96 * fit.cells["standard_error"]).sum()
        total += len(scaled)
        assert fit.fit["p-value, chi-square"] < 1e-6
        assert fit.fit["p-value, F"] < 1e-6
        closer = np.abs(fit.cells["factor"] - scaled).mean()
        assert closer < np.abs(fit.cells["standard"] - scaled).mean()
    assert 0.91 * total <= inside <= 0.98 * total  # 418 of 440 expected, standard error 5


def test_credibility_grows_with_months_from_nothing_to_all():
    truth = STANDARD["factor"].to_numpy() * np.where(np.arange(22) % 3 == 0, 1.5, 0.9)
    small, large = (estimate_factors(book(size, factors=truth), STANDARD) for size in (2_000, 200_000))
    assert large.cells["credibility"].min() > 0.97
    assert small.cells["credibility"].mean() < 0.9
    assert (large.cells["credibility"] > small.cells["credibility"]).all()
    order = np.argsort((large.cells["months"] * large.cells["standard"]).to_numpy())
    assert (np.diff(large.cells["credibility"].to_numpy()[order]) >= 0).all()
    members = pd.concat(
        [book(60_000, factors=truth).query("age < 65 or sex == 'F'"), book(200).query("age >= 65").head(1)]
    )
    thin = estimate_factors(members.assign(sex=members["sex"].where(members["age"] < 65, "M")), STANDARD).cells
    nobody = thin.query("age_from == 65 and sex == 'F'").iloc[0]
    assert (nobody["members"], nobody["credibility"]) == (0, 0)
    tiny = members[members["age"] < 65]
    one = pd.concat([tiny, tiny.head(1).assign(age=80, sex="F", months=1.0, allowed=1e5)])
    cell = estimate_factors(one, STANDARD).cells.query("age_from == 65 and sex == 'F'").iloc[0]
    assert cell["credibility"] < 0.05
    assert np.isnan(cell["standard_error"])


def test_costs_as_the_standard_has_them_leave_the_standard():
    fit = estimate_factors(book(20_000, seed=5), STANDARD)
    assert fit.cells["credibility"].max() < 0.7
    assert np.abs(fit.cells["factor"] / fit.cells["standard"] - 1).max() < 0.06
    assert np.abs(fit.cells["observed"] / fit.cells["standard"] - 1).max() > 0.08
    assert fit.fit["p-value, chi-square"] > 0.01


def test_chi_square_is_uniform_under_the_standard():
    values = [estimate_factors(book(4_000, seed=s), STANDARD).fit["p-value, chi-square"] for s in range(60)]
    assert 0.35 < np.mean(values) < 0.65  # 0.5 expected, standard error 0.037


def test_limited_fluctuation_counts_claims():
    members = book(5_000).assign(claims=1)
    fit = estimate_factors(members, STANDARD, credibility="limited-fluctuation", claims_full=400)
    count = fit.cells["members"].to_numpy()
    assert fit.cells["credibility"].to_numpy() == pytest.approx(np.minimum(1, np.sqrt(count / 400)))
    assert (count > 400).any()
    full = fit.cells[count > 400]
    ratio = full["factor"] / full["observed"]
    assert ratio.max() == pytest.approx(ratio.min())
    with pytest.raises(InputError, match="no column 'claims'"):
        estimate_factors(book(50), STANDARD, credibility="limited-fluctuation")
    with pytest.raises(InputError, match="found 'greatest'; one of"):
        estimate_factors(members, STANDARD, credibility="greatest")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda t: t.assign(allowed=0.0), r"add up to \$0"),
        (lambda t: t.assign(allowed=t["allowed"].where(t.index != 3)), "row 4 has no allowed amount"),
        (lambda t: t.assign(age=30, sex="F"), "in 1 cells"),
        (lambda t: t.drop(columns="months"), "no column 'months'"),
        (lambda t: t.assign(months=-1.0), "row 1 has -1 months"),
    ],
)
def test_members_that_cannot_be_used(edit, message):
    with pytest.raises(InputError, match=message):
        estimate_factors(edit(book(50)), STANDARD)


WEIGHTS = pd.DataFrame({"now": [2.0, 0.5, 0.3], "next": [1.5, np.nan, 0.7]}, index=["CHF", "Asthma", "F 35-44"])


@given(st.lists(st.lists(st.floats(0, 3), min_size=3, max_size=3), min_size=1, max_size=6))
def test_scores_add_up_and_all_members_score_as_each(rows):
    table = pd.DataFrame(rows, columns=WEIGHTS.index)
    scores = risk_scores(table, WEIGHTS)
    assert scores["now"].to_numpy() == pytest.approx(table.to_numpy() @ [2.0, 0.5, 0.3])
    assert scores["next"].to_numpy() == pytest.approx(table.to_numpy() @ [1.5, 0.0, 0.7])
    each = [risk_scores(table.iloc[[n]], WEIGHTS["now"]).iloc[0] for n in range(len(table))]
    assert each == pytest.approx(scores["now"].tolist())
    assert risk_scores(table * 2, WEIGHTS).to_numpy() == pytest.approx(2 * scores.to_numpy())


def test_long_and_wide_markers_are_one():
    long = pd.DataFrame({"member": ["b", "a", "b", "b"], "marker": ["CHF", "Asthma", "F 35-44", "CHF"]})
    wide = pd.DataFrame({"CHF": [True, False], "F 35-44": [True, False], "Asthma": [False, True]}, index=["b", "a"])
    assert risk_scores(long, WEIGHTS).equals(risk_scores(wide, WEIGHTS))
    assert list(explain(long, WEIGHTS).index) == [
        ("b", "CHF"), ("b", "F 35-44"), ("b", "Total risk score"), ("a", "Asthma"), ("a", "Total risk score"),
    ]  # fmt: skip
    assert np.isnan(explain(long, WEIGHTS).loc[("a", "Asthma"), "next"])


@pytest.mark.parametrize(
    ("markers", "weights", "message"),
    [
        (pd.DataFrame({"Asthmaa": [1]}), WEIGHTS, "'Asthmaa' has no weight in any model. Did you mean 'Asthma'"),
        (pd.DataFrame({"CHF": [np.nan]}, index=["m"]), WEIGHTS, "'CHF' of member 'm' has no value"),
        (pd.DataFrame({"CHF": ["yes"]}), WEIGHTS, "'CHF' holds 'yes'; numbers or yes/no"),
        (pd.DataFrame({"CHF": [1, 1]}, index=["m", "m"]), WEIGHTS, "the member 'm' stands twice"),
        (pd.DataFrame({"member": ["a"], "marker": [None]}), WEIGHTS, "row 1 lacks its member or marker"),
        (pd.DataFrame({"member": ["a"], "marker": ["CHF"], "code": [1]}), WEIGHTS, "unknown column 'code'"),
        (pd.DataFrame({"member": ["a"] * 2, "marker": ["CHF"] * 2, "value": [1, 2]}), WEIGHTS, "has two values"),
        (pd.DataFrame({"CHF": [1]}), pd.concat([WEIGHTS, WEIGHTS]), "the marker 'CHF' stands twice"),
        (pd.DataFrame({"CHF": [1]}), WEIGHTS.replace(2.0, np.inf), "infinite weight"),
        (pd.DataFrame({"CHF": [1]}), WEIGHTS.astype(object).replace(2.0, "two"), "weights: not a number"),
    ],
)
def test_markers_and_weights_that_cannot_be_used(markers, weights, message):
    with pytest.raises(InputError, match=message):
        risk_scores(markers, weights)


def clinic(size, *, seed=1, noise=1.0):
    """Members with cells of age, three conditions, and next year's cost from known weights."""
    rng = np.random.default_rng(seed)
    old = rng.random(size) < 0.4
    markers = pd.DataFrame(
        {
            "under 55": ~old,
            "55 and over": old,
            "Diabetes": rng.random(size) < np.where(old, 0.3, 0.08),
            "CHF": rng.random(size) < np.where(old, 0.12, 0.02),
            "Asthma": rng.random(size) < 0.07,
        },
        index=pd.Index([f"m{n:05d}" for n in range(size)], name="member"),
    )
    truth = pd.Series({"under 55": 0.4, "55 and over": 0.9, "Diabetes": 1.1, "CHF": 3.2, "Asthma": 0.3})
    months = pd.Series(rng.integers(6, 13, size).astype(float), index=markers.index)
    mean = (markers @ truth) * 350 * months
    shape = 1 / noise**2 if noise else 0
    cost = mean * (rng.gamma(shape, 1 / shape, size) if noise else 1.0)
    return markers, truth, months, cost


def test_weights_without_noise_are_recovered():
    markers, truth, months, cost = clinic(400, noise=0)
    fit = fit_weights(markers, cost, months)
    risk = markers.astype(float) @ fit.weights
    assert np.average(risk, weights=months) == pytest.approx(1)
    assert (fit.weights * fit.mean_cost).to_numpy() == pytest.approx((truth * 350).to_numpy())
    assert fit.r_squared == pytest.approx(1)
    assert fit_weights(markers, cost, months, nonnegative=True).weights.to_numpy() == pytest.approx(
        fit.weights.to_numpy()
    )


def test_weights_are_those_of_a_peer_and_within_its_errors():
    import statsmodels.api as sm

    markers, truth, months, cost = clinic(6_000)
    fit = fit_weights(markers, cost, months)
    peer = sm.WLS((cost / months).to_numpy(dtype=float), markers.to_numpy(float), weights=months.to_numpy()).fit()
    assert (fit.weights * fit.mean_cost).to_numpy() == pytest.approx(peer.params, rel=1e-8)
    error = peer.get_robustcov_results("HC1").bse
    assert (np.abs(peer.params - 350 * truth.to_numpy()) < 3 * error).all()
    assert fit.r_squared == pytest.approx(peer.rsquared)
    assert "R squared" in repr(fit)


def test_ridge_shrinks_and_no_weight_is_below_zero_where_asked():
    markers, _, months, cost = clinic(3_000)
    plain, ridge = fit_weights(markers, cost, months), fit_weights(markers, cost, months, penalty=300.0)
    assert ridge.weights["CHF"] < plain.weights["CHF"]
    assert ridge.r_squared < plain.r_squared
    assert np.average(markers.astype(float) @ ridge.weights, weights=months) == pytest.approx(1)
    cheap = cost * np.where(markers["Asthma"], 0.02, 1.0)
    assert fit_weights(markers, cheap, months).weights["Asthma"] < 0
    held = fit_weights(markers, cheap, months, nonnegative=True)
    assert held.weights.min() == 0
    assert np.average(markers.astype(float) @ held.weights, weights=months) == pytest.approx(1)


def test_fits_that_cannot_be_made():
    markers, _, months, cost = clinic(60, noise=0)
    with pytest.raises(InputError, match="'all' follows from the other markers"):
        fit_weights(markers.assign(all=1), cost, months)
    assert fit_weights(markers.assign(all=1), cost, months, penalty=1e-6).r_squared > 0.999
    with pytest.raises(InputError, match="nobody has 'Gout'"):
        fit_weights(markers.assign(Gout=0), cost, months)
    with pytest.raises(InputError, match="costs: nothing for member 'm00059'"):
        fit_weights(markers, cost.iloc[:-1], months)
    with pytest.raises(InputError, match="'m00000' has no exposure"):
        fit_weights(markers, cost, months.where(months.index != "m00000", 0))
    with pytest.raises(InputError, match="penalty of -1"):
        fit_weights(markers, cost, months, penalty=-1)


score = st.floats(0.2, 5)
limit = st.floats(0, 0.2)


@given(score, score, limit, limit, st.floats(-0.05, 0.05))
def test_a_ratio_stays_between_its_limits(current, base, cap, depth, growth):
    plain = risk_ratio_capped(current, base)
    held = risk_ratio_capped(current, base, cap=cap, floor=-depth, demographic_growth=growth)
    low, high = 1 + growth - depth, 1 + growth + cap
    assert plain == current / base
    assert low - 1e-12 <= held <= high + 1e-12
    assert held == (plain if low <= plain <= high else low if plain < low else high)
    assert risk_ratio_capped(np.array([current, base]), base, cap=cap)[0] == risk_ratio_capped(current, base, cap=cap)
    series = risk_ratio_capped(
        pd.Series([current], index=["x"]), base, cap=cap, floor=-depth, demographic_growth=growth
    )
    assert series.to_dict() == {"x": held}


def test_limits_that_cannot_be():
    with pytest.raises(InputError, match=r"the cap -1.00% is below the floor \+2.00%"):
        risk_ratio_capped(1.0, 1.0, cap=-0.01, floor=0.02)
    with pytest.raises(InputError, match="cap"):
        aggregate_limited([1.0], 0.0, [1], cap=-0.01, floor=0.02)
    with pytest.raises(InputError, match="base risk score of 0"):
        risk_ratio_capped(1.0, np.array([1.0, 0.0]))
    with pytest.raises(InputError, match="weights"):
        aggregate_limited([1.0, 1.0], 0.0, [0, 0], cap=0.03)


types = st.lists(st.tuples(st.floats(0.8, 1.3), st.floats(0.95, 1.05), st.floats(0.1, 10)), min_size=1, max_size=4)


@given(types, limit)
def test_a_cap_over_all_types(rows, cap):
    ratio, demographic, weight = np.array(rows).T
    used = aggregate_limited(ratio, demographic - 1, weight, cap=cap)
    bound = np.average(demographic, weights=weight) + cap
    total = np.average(ratio, weights=weight)
    if total <= bound - 1e-9:
        assert (used == ratio).all()
    elif total > bound + 1e-9:
        assert used == pytest.approx(np.minimum(ratio, bound))
        assert np.average(used, weights=weight) <= bound + 1e-9
    both = aggregate_limited(np.stack([ratio, ratio * 2]), demographic - 1, weight, cap=cap)
    assert both[0] == pytest.approx(used)


def test_a_floor_over_all_types_mirrors_the_cap():
    up = aggregate_limited([1.10, 0.99], 0.0, [3, 1], cap=0.03)
    down = aggregate_limited([0.90, 1.01], 0.0, [3, 1], floor=-0.03)
    assert up == pytest.approx([1.03, 0.99])
    assert down == pytest.approx(2 - up)


@given(score, score)
def test_continuing_members_follow_hcc_only_down(hcc, demographic):
    assert continuing_risk_ratio(hcc, demographic) == (hcc if hcc < 1 else demographic)
    assert continuing_risk_ratio(np.array([hcc]), np.array([demographic]))[0] == continuing_risk_ratio(hcc, demographic)


def scores(**columns):
    """Four enrollment types of an ACO."""
    table = pd.DataFrame(
        {
            "enrollment_type": ["ESRD", "disabled", "aged/dual", "aged/non-dual"],
            "base_hcc": [1.0, 0.9, 1.1, 1.0],
            "current_hcc": [1.07, 0.9, 1.1, 1.02],
            "base_demographic": 1.0,
            "current_demographic": [1.0, 1.0, 1.01, 1.01],
            "person_years": [100, 900, 1_000, 8_000],
            "benchmark": [80_000, 10_000, 16_000, 10_000],
        }
    )
    return table.assign(**columns)


def test_a_cap_in_each_type_from_july_2019():
    result = program_risk_ratio(scores(), year=2023, agreement_start=2022)
    assert result.table["ratio"].to_numpy() == pytest.approx([1.03, 1.0, 1.0, 1.02])
    assert result.table["lower"].isna().all()
    weight = [8e6, 9e6, 16e6, 80e6]
    assert result.ratio == pytest.approx(np.average([1.03, 1.0, 1.0, 1.02], weights=weight))
    assert result.unlimited == pytest.approx(np.average([1.07, 1.0, 1.0, 1.02], weights=weight))
    assert program_risk_ratio(scores(current_hcc=0.5), year=2020).table["ratio"].iloc[0] == 0.5
    assert "1.0300" in repr(result)
    assert {a.basis for a in result.assumptions} == {"rule"}


def test_a_cap_over_all_types_for_agreements_from_2024():
    free = program_risk_ratio(scores(), year=2024)
    assert free.table["ratio"].equals(free.table["hcc_ratio"])
    grown = scores(current_hcc=[1.0, 0.9, 1.32, 1.08])
    held = program_risk_ratio(grown, year=2024)
    bound = 1 + 0.01 * 96 / 113 + 0.03
    assert held.table["upper"].to_numpy() == pytest.approx(np.full(4, bound))
    assert held.table["ratio"].to_numpy() == pytest.approx([1.0, 1.0, bound, bound])
    assert held.ratio < bound < held.unlimited
    earlier = program_risk_ratio(grown, year=2024, agreement_start=2023)
    assert earlier.table["ratio"].to_numpy() == pytest.approx([1.0, 1.0, 1.03, 1.03])
    assert "newest row stands in for 2027" in repr(program_risk_ratio(grown, year=2027))


def test_new_and_continuing_members_until_mid_2019():
    new = scores(assignment="new", person_years=[10, 90, 100, 800], current_hcc=[1.2, 0.9, 1.1, 1.05])
    old = scores(assignment="continuing", person_years=[90, 810, 900, 7_200], current_hcc=[1.3, 0.72, 1.1, 0.99])
    both = pd.concat([new, old])
    result = program_risk_ratio(both, year=2014, agreement_start=2012)
    expected = [0.1 * 1.2 + 0.9 * 1.0, 0.1 * 1.0 + 0.9 * 0.8, 0.1 * 1.0 + 0.9 * 1.01, 0.1 * 1.05 + 0.9 * 0.99]
    assert result.table["ratio"].to_numpy() == pytest.approx(expected)
    assert result.table["person_years"].tolist() == [100, 900, 1_000, 8_000]
    assert result.table[["lower", "upper"]].isna().all(axis=None)
    shuffled = program_risk_ratio(both.sample(frac=1, random_state=4), year=2018)
    assert shuffled.ratio == pytest.approx(result.ratio)
    assert program_risk_ratio(both, year=2019, agreement_start=2018).rule.method == "new_and_continuing"
    with pytest.raises(InputError, match="'ESRD' stands twice"):
        program_risk_ratio(both, year=2019)
    with pytest.raises(InputError, match="'returning'; new or continuing"):
        program_risk_ratio(scores(assignment="returning"), year=2013)
    with pytest.raises(InputError, match="'ESRD' has two benchmarks"):
        program_risk_ratio(pd.concat([new, old.assign(benchmark=1.0)]), year=2013)


def test_aco_reach_has_a_floor_and_follows_demographics_but_for_esrd():
    low = scores(current_hcc=[0.5, 0.45, 1.1, 1.3], current_demographic=[1.05, 1.02, 1.0, 1.01])
    after = program_risk_ratio(low, program="ACO REACH", year=2025).table
    assert after["ratio"].to_numpy() == pytest.approx([0.97, 0.99, 1.0, 1.04])
    before = program_risk_ratio(low, program="ACO REACH", year=2023).table
    assert before["ratio"].to_numpy() == pytest.approx([0.97, 0.97, 1.0, 1.03])


def test_a_rule_of_ones_own():
    own = replace(risk_rule("MSSP", 2022)[0], cap=0.05, floor=0.0)
    table = program_risk_ratio(scores(current_hcc=[1.07, 0.8, 1.1, 1.02]), year=2022, rule=own).table
    assert table["ratio"].to_numpy() == pytest.approx([1.05, 1.0, 1.0, 1.02])
    crossed = RiskRule(method="aggregate", cap=-0.02, floor=0.0)
    with pytest.raises(InputError, match="below the floor"):
        program_risk_ratio(scores(), year=2024, rule=crossed)


@pytest.mark.parametrize(
    ("table", "keywords", "message"),
    [
        (scores(), {"year": 2011}, "the rules of MSSP begin in 2012; found the performance year 2011"),
        (scores(), {"year": 2024, "program": "pgp"}, "no rules for 'PGP'; known are MSSP, ACO REACH"),
        (scores(), {"year": 2020, "agreement_start": 2021}, "starts in 2021 has no performance year 2020"),
        (scores().drop(columns="benchmark"), {"year": 2024}, "no column 'benchmark'"),
        (scores(base_hcc=[1, 0, 1, 1]), {"year": 2024}, "base_hcc of 'disabled' is 0; above zero"),
        (scores(person_years=-1), {"year": 2024}, "person_years of 'ESRD' is -1; at least zero"),
        (scores(person_years=0), {"year": 2024}, "add up to nothing"),
    ],
)
def test_scores_that_cannot_be_used(table, keywords, message):
    with pytest.raises(InputError, match=message):
        program_risk_ratio(table, **keywords)


def test_a_type_without_members_is_left_out():
    empty = scores(person_years=[0, 900, 1_000, 8_000], base_hcc=[np.nan, 0.9, 1.1, 1.0])
    assert list(program_risk_ratio(empty, year=2024).table.index) == ["disabled", "aged/dual", "aged/non-dual"]


def test_every_risk_rule_names_its_source():
    table = rule_table("mssp_risk")
    assert (table["source"].str.strip() != "").all()
    assert not table.duplicated(["parameter", "track", "effective_from", "agreement_from"]).any()


rows_of_groups = st.lists(
    st.tuples(st.floats(0, 5), st.integers(0, 100_000), st.floats(0, 500).map(lambda rate: round(rate, 2))),
    min_size=1,
    max_size=12,
).filter(lambda rows: sum(risk * members * rate for risk, members, rate in rows) > 1)


@given(rows_of_groups)
def test_adjusted_payments_add_up_to_the_unadjusted_to_the_cent(rows):
    risk, members, base = map(np.array, zip(*rows, strict=True))
    groups = adjusted_capitation(base, risk, members).groups
    paid = [round(value * 100) for value in groups["adjusted"]]
    assert sum(paid) == sum(round(value * 100) for value in groups["unadjusted"])
    assert groups["unadjusted"].to_numpy() == pytest.approx(base * members, abs=0.0051)
    assert (np.abs(groups["adjusted_rate"] * members - groups["adjusted"]) <= 0.01 * (len(rows) + 1)).all()
    assert (groups["adjusted"] >= 0).all()


@given(st.floats(0.1, 10), st.floats(1, 100))
def test_only_relative_risk_moves_capitation(scale, rate):
    risk, members = np.array([1.2, 0.7, 1.0]), [300, 500, 40]
    one, other = adjusted_capitation(rate, risk, members), adjusted_capitation(rate, risk * scale, members)
    assert other.groups["adjusted_rate"].to_numpy() == pytest.approx(one.groups["adjusted_rate"].to_numpy())
    flat = adjusted_capitation(rate, [scale] * 3, members)
    assert flat.groups["adjusted_rate"].to_numpy() == pytest.approx([rate] * 3)
    assert flat.neutrality == pytest.approx(1 / scale)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((30, [1.0, -0.1], [5, 5]), "relative risk of group 2 is -0.1"),
        ((30, [1.0, 1.0], [5]), "2 risks, 1 members, 1 rates"),
        ((30, [0.0, 1.0], [5, 0]), "nothing to spread"),
        (([30, np.nan], [1.0, 1.0], [5, 5]), "base rate of group 2 is nan"),
    ],
)
def test_capitation_that_cannot_be_made(arguments, message):
    with pytest.raises(InputError, match=message):
        adjusted_capitation(*arguments)


def test_a_list_names_no_member_unless_asked():
    scores = pd.Series({"secret-2": 3.0, "secret-1": 3.0, "secret-3": 0.5})
    listed = high_risk_list(scores, pd.Series({"secret-1": "CHF"}), top=2, average_cost=1_000, average_score=1.5)
    assert "secret" not in repr(listed) + str(listed.table.to_dict())
    assert listed.table["predicted_cost"].tolist() == [2_000.0, 2_000.0]
    assert listed.table["drivers"].tolist() == ["CHF", ""]
    named = high_risk_list(scores, top=9, average_cost=1_000, identify=True)
    assert list(named.table.index) == ["secret-1", "secret-2", "secret-3"]
    with pytest.raises(InputError, match="average cost 0; above zero"):
        high_risk_list(scores, average_cost=0)
    with pytest.raises(InputError, match="risk scores: nothing for member 'secret-1'"):
        high_risk_list(scores.where(scores.index != "secret-1"), average_cost=1)


def test_drivers_are_the_heaviest_markers():
    table = pd.DataFrame({"CHF": [1, 0], "Asthma": [1, 0], "Ulcer": [1, 0]}, index=["a", "b"])
    weights = pd.Series({"CHF": 2.0, "Asthma": 0.1, "Ulcer": 3.0})
    assert risk_drivers(table, weights, most=2).to_dict() == {"a": "Ulcer, CHF", "b": ""}
    assert risk_drivers(table, weights.drop("Ulcer"))["a"] == "CHF, Asthma"


def test_who_is_held_back_depends_on_the_seed_and_not_on_the_order():
    members = pd.Index([f"m{n}" for n in range(1_000)])
    held = hold_back(members, 0.25, seed=3)
    assert held.sum() == 250
    assert hold_back(members[::-1], 0.25, seed=3).reindex(members).equals(held)
    assert not hold_back(members, 0.25, seed=4).equals(held)
    with pytest.raises(InputError, match="leaves nobody"):
        hold_back(members, 1.0)


@pytest.fixture(scope="module")
def checked():
    """Weights fitted on 70 % of a clinic, checked on the rest beside age alone, no model, and the truth."""
    markers, truth, months, cost = clinic(20_000, noise=1.5, seed=8)
    held = hold_back(markers.index, 0.3, seed=2)
    fit = {
        name: fit_weights(part[~held], cost[~held], months[~held]).weights
        for name, part in (("prospective", markers), ("age alone", markers[["under 55", "55 and over"]]))
    }
    models = pd.DataFrame({name: risk_scores(markers[own.index], own) for name, own in fit.items()})
    models = models.assign(none=1.0, truth=risk_scores(markers, truth))
    return models, cost, months, markers, held


def test_conditions_predict_what_age_alone_does_not(checked):
    models, cost, months, markers, held = checked
    check = predictive_check(models, cost, months, markers[["Diabetes", "CHF"]], holdout=held)
    r2 = check.summary["r_squared"]
    assert r2["prospective"] > 2 * r2["age alone"] > 0
    assert abs(r2["none"]) < 0.002
    assert r2["prospective"] == pytest.approx(r2["truth"], abs=0.01)
    assert check.summary["mean_absolute_error"].idxmin() in ("prospective", "truth")
    ratios = check.groups["predictive_ratio"]
    assert ratios["prospective", "CHF"] == pytest.approx(1, abs=0.1)
    assert ratios["age alone", "CHF"] < 0.6
    assert (check.members, check.fitted) == (6_000, 14_000)
    assert "6,000 members held back" in repr(check)


def test_deciles_hold_everybody_once(checked):
    models, cost, months, _, held = checked
    check = predictive_check(models, cost, months, holdout=held)
    for _, part in check.deciles.groupby("model"):
        assert part["members"].sum() == 6_000
        assert part["months"].sum() == months[held].sum()
        assert np.nansum(part["actual"] * part["months"]) == pytest.approx(cost[held].sum())
    held_ratio = check.summary["predictive_ratio"]
    assert held_ratio["none"] == pytest.approx(
        (cost[~held].sum() / months[~held].sum()) / (cost[held].sum() / months[held].sum())
    )
    assert check.groups.empty
    assert "prospective: 10" in repr(check.ratios())
    assert "none: 10" not in repr(check.ratios())


def test_order_and_scale_of_predictions_do_not_matter(checked):
    models, cost, months, markers, held = checked
    check = predictive_check(models, cost, months, markers[["CHF"]], holdout=held)
    other = predictive_check(
        models.sample(frac=1, random_state=1) * 420, cost, months, {"CHF": markers["CHF"]}, holdout=held
    )
    for one, two in ((check.summary, other.summary), (check.deciles, other.deciles), (check.groups, other.groups)):
        assert one.to_numpy(dtype=float) == pytest.approx(two.to_numpy(dtype=float), nan_ok=True, rel=1e-9)


def test_limits_of_the_measures():
    _, _, months, cost = clinic(500)
    perfect = predictive_check(cost / months, cost, months, truncation=1e9)
    assert perfect.summary.loc["model"].tolist() == pytest.approx([1, 1, 0, 1])
    assert perfect.deciles["predictive_ratio"].to_numpy() == pytest.approx(np.ones(10))
    same = predictive_check(cost / months, cost, months, truncation=1e9, seed=2)
    assert same.deciles["actual"].to_numpy() != pytest.approx(perfect.deciles["actual"].to_numpy())
    shock = cost.where(cost.index != cost.index[7], 5e6)
    held = pd.Series(True, index=cost.index).where(cost.index < "m00250", False)
    wild = predictive_check(cost / months, shock, months, holdout=held, truncation=100_000)
    assert wild.summary.loc["model", "r_squared"] < 0.05
    assert wild.summary.loc["model", "r_squared_truncated"] > 0.5
    flat = predictive_check(pd.Series(1.0, index=cost.index), months * 10, months)
    assert np.isnan(flat.summary.loc["model", "r_squared"])


def test_checks_that_cannot_be_made():
    markers, _, months, cost = clinic(100)
    one = pd.Series(1.0, index=markers.index)
    with pytest.raises(InputError, match="add up to nothing"):
        predictive_check(one * 0, cost, months)
    with pytest.raises(InputError, match="actual cost: nothing for member 'm00000'"):
        predictive_check(one, cost.iloc[1:], months)
    with pytest.raises(InputError, match="0 of 100 members; some on either side"):
        predictive_check(one, cost, months, holdout=one * 0)
    with pytest.raises(InputError, match=r"truncation: found \$0"):
        predictive_check(one, cost, months, truncation=0)


def test_markers_in_numbers_and_marks_are_kept():
    table = marker_table(pd.DataFrame({"member": ["a"], "marker": ["count"], "value": [3]}))
    assert table.loc["a", "count"] == 3.0
