"""Projection, blends, risk, large claims and the chain to the benchmark: properties and limits."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from acomodel import InputError, age_sex_factor, large_claim_factor, project, projected_benchmark, truncate
from acomodel.budget.projection import BlendWeights, TrendSettings, blend, uniform_trend
from acomodel.budget.truncation import excess, excess_by_period
from acomodel.claims.experience import annual_from_monthly, cost_utilization_report, trend_report

BASE = pd.DataFrame(
    {"unit_cost": [100.0, 20.0], "utilization_pmpm": [0.5, 2.0], "allowed_pmpm": [50.0, 40.0]},
    index=pd.Index(["A", "B"], name="service_category"),
)
factors = st.floats(0.8, 1.3)


def trends(cost, use, years=(2021, 2022)):
    index = pd.MultiIndex.from_product([years, ["A", "B"]], names=["year", "service_category"])
    return pd.DataFrame({"cost_trend": cost, "utilization_trend": use}, index=index)


@given(cost=factors, use=factors)
def test_price_times_use_is_projected_cost_every_year(cost, use):
    result = project(BASE, trends(cost, use))
    assert (result["unit_cost"] * result["utilization_pmpm"]).to_numpy() == pytest.approx(
        result["allowed_pmpm"].to_numpy()
    )
    assert result.loc[(2022, "A"), "allowed_pmpm"] == pytest.approx(50 * (cost * use) ** 2)


@given(cost=factors, use=factors, points=st.floats(-0.05, 0.05))
def test_adjustment_moves_the_combined_trend_by_that_many_points(cost, use, points):
    moved = project(BASE, trends(cost, use, years=(2021,)), adjustment=points)
    assert moved["allowed_pmpm"].to_numpy() == pytest.approx(BASE["allowed_pmpm"].to_numpy() * (cost * use + points))
    assert moved["utilization_trend"].to_numpy() == pytest.approx(use)


def test_no_trend_changes_nothing():
    assert project(BASE, trends(1.0, 1.0)).loc[2022, "allowed_pmpm"].tolist() == [50, 40]


def test_trends_may_differ_by_year():
    each = trends(1.0, 1.0)
    each.loc[(2022, "A"), "cost_trend"] = 1.1
    assert project(BASE, each)["allowed_pmpm"].tolist() == pytest.approx([50, 40, 55, 40])


def test_projection_names_what_is_missing():
    with pytest.raises(InputError, match="no factors for 'B' in 2022"):
        project(BASE, trends(1.0, 1.0).drop((2022, "B")))
    with pytest.raises(InputError, match="not consecutive"):
        project(BASE, trends(1.0, 1.0, years=(2021, 2023)))


@given(own=factors, use=factors, national=factors, weight=st.floats(0.01, 0.99))
def test_blend_lies_between_its_parts_and_conserves_the_product(own, use, national, weight):
    parts = {"own": trends(own, use), "national": uniform_trend([national - 1], [2021, 2022], ["A", "B"])}
    mixed = blend(parts, {"own": weight, "national": 1 - weight})
    product = mixed["cost_trend"] * mixed["utilization_trend"]
    assert product.to_numpy() == pytest.approx(weight * own * use + (1 - weight) * national)


def test_blend_of_one_is_that_one():
    only = trends(1.07, 1.02)
    mixed = blend({"own": only, "national": trends(9.0, 9.0)}, {"own": 1.0, "national": 0.0})
    pd.testing.assert_frame_equal(mixed, only)


def test_uniform_trend_wants_one_rate_or_one_a_year():
    assert uniform_trend([0.05], [2021, 2022], ["A"])["cost_trend"].tolist() == [1.05, 1.05]
    assert uniform_trend([0.05, 0.04], [2021, 2022], ["A"])["cost_trend"].tolist() == [1.05, 1.04]
    with pytest.raises(InputError, match="3 rates for 2 years"):
        uniform_trend([0.05, 0.04, 0.03], [2021, 2022], ["A"])


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "national"},
        {"method": "stated"},
        {"method": "blend"},
        {"method": "blend", "weights": BlendWeights(own=0.5, regional=0.5)},
        {"method": "national", "national": 6.5},
    ],
)
def test_trend_settings_that_lack_what_they_need(settings):
    with pytest.raises(ValidationError):
        TrendSettings(**settings)


def test_weights_of_a_blend_sum_to_one():
    with pytest.raises(ValidationError, match="sum to 0.9"):
        BlendWeights(own=0.5, national=0.4)


@given(claims=st.lists(st.floats(0, 5e6), min_size=1), threshold=st.floats(1, 1e6))
def test_truncated_and_excess_make_the_claims(claims, threshold):
    values = np.array(claims)
    assert truncate(values, threshold) + excess(values, threshold) == pytest.approx(values)
    assert (truncate(values, threshold) <= threshold).all()
    assert (excess(values, threshold) >= 0).all()
    assert [truncate(v, threshold) for v in values] == truncate(values, threshold).tolist()


def test_large_claim_factor_limits():
    assert large_claim_factor(1e6, 0.0) == 1
    assert large_claim_factor(1e6, 1e6) == 0
    assert large_claim_factor(1e6, -5e4) == pytest.approx(1.05)  # long-term illness added in
    with pytest.raises(InputError, match="exceeds the allowed"):
        large_claim_factor(1e6, 1e6 + 1)


def test_excess_is_taken_claimant_by_claimant():
    table = pd.DataFrame({"period": ["baseline", "baseline", "2025"], "allowed": [60_000.0, 40_000.0, 75_000.0]})
    assert excess_by_period(table, 50_000).to_dict() == {"baseline": 10_000, "2025": 25_000}


@given(members=st.lists(st.integers(0, 5_000), min_size=2, max_size=20).filter(sum), factor=st.floats(0.1, 4))
def test_age_sex_factor_of_equal_factors_is_that_factor(members, factor):
    assert age_sex_factor(members, [factor] * len(members)) == pytest.approx(factor)
    doubled = age_sex_factor([2 * m for m in members], [factor] * len(members))
    assert doubled == pytest.approx(factor)


def test_age_sex_factor_refuses_nobody_and_less_than_nobody():
    with pytest.raises(InputError, match="no members"):
        age_sex_factor([0, 0], [1, 2])
    with pytest.raises(InputError, match="-5 members"):
        age_sex_factor([-5, 10], [1, 2])


@given(
    level=st.floats(50, 2000),
    risk=factors,
    large=st.floats(0.5, 1),
    growth=st.lists(st.floats(0.9, 1.2), min_size=1, max_size=5),
)
def test_steps_of_a_benchmark_add_and_multiply_up(level, risk, large, growth):
    years = {2021 + i: g for i, g in enumerate(growth)}
    made = projected_benchmark(level, risk_ratio=risk, large_claim_factor=large, trend_factors=years, member_months=12)
    assert made.steps["change"].sum() == pytest.approx(made.pmpm)
    assert level * made.steps["factor"].iloc[1:].prod() == pytest.approx(made.pmpm)
    assert made.total == pytest.approx(12 * made.pmpm)


def test_benchmark_refuses_a_step_that_is_not_above_zero():
    with pytest.raises(InputError, match="Large-claim adjustment is 0"):
        projected_benchmark(400.0, large_claim_factor=0.0, trend_factors={2021: 1.05})


def test_completion_raises_claims_and_use_alike():
    row = {"year": [2024], "service_category": ["A"], "member_months": [1000.0], "incurred_claims": [90_000.0]}
    row |= {"utilization": [450.0], "utilization_basis": ["services"]}
    whole = cost_utilization_report(pd.DataFrame(row))
    short = cost_utilization_report(pd.DataFrame(row | {"completion_factor": [0.9]}))
    assert short["allowed_pmpm"].iloc[0] == pytest.approx(whole["allowed_pmpm"].iloc[0] / 0.9)
    assert short["unit_cost"].iloc[0] == pytest.approx(whole["unit_cost"].iloc[0])


def test_rows_that_cannot_be_priced_are_named():
    with pytest.raises(InputError, match="experience of Lab, 2024: neither dollars"):
        cost_utilization_report(pd.DataFrame({"year": [2024], "service_category": ["Lab"]}))
    row = {"year": [2024], "service_category": ["Lab"], "allowed_pmpm": [1.0], "utilization": [3.0]}
    with pytest.raises(InputError, match="without its basis"):
        cost_utilization_report(pd.DataFrame(row))


def test_trends_want_consecutive_years():
    row = {"service_category": "A", "allowed_pmpm": 1.0}
    with pytest.raises(InputError, match="not consecutive: 2020, 2022"):
        trend_report(cost_utilization_report(pd.DataFrame([{"year": 2020} | row, {"year": 2022} | row])))
    with pytest.raises(InputError, match="at least two years"):
        trend_report(cost_utilization_report(pd.DataFrame([{"year": 2020} | row])))


def test_only_whole_calendar_years_make_annual_experience():
    months = pd.period_range("2022-07", "2024-06", freq="M")
    monthly = pd.DataFrame({"month": months, "service_category": "A", "member_months": 10.0, "incurred_claims": 100.0})
    annual = annual_from_monthly(monthly.assign(services=5.0))
    assert annual["year"].tolist() == [2023]
    assert annual["incurred_claims"].tolist() == [1200.0]
    with pytest.raises(InputError, match="no calendar year"):
        annual_from_monthly(monthly.iloc[:11].assign(services=5.0))
