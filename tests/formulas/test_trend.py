"""Trend: what was put in comes out, on every grouping; few points fall back to ratios and say so."""

import numpy as np
import pandas as pd
import pytest
from conftest import SCENARIOS
from hypothesis import given
from hypothesis import strategies as st

from acomodel import InputError, fit_trend
from acomodel.budget.trend import TrendRule, trend_study
from acomodel.inputs import read_table


def months(count=36, *, price=0.04, use=0.01, season=0.05, noise=0.0, seed=1, first="2021-01"):
    """Monthly experience of known price and use trends."""
    rng = np.random.default_rng(seed)
    month = pd.period_range(first, periods=count, freq="M")
    years = np.arange(count) / 12
    wave = 1 + season * np.sin(2 * np.pi * month.month.to_numpy() / 12)
    members = 10_000 + 40.0 * np.arange(count)
    services = members * 0.3 * wave * (1 + use) ** years * np.exp(rng.normal(0, noise, count))
    dollars = services * 90 * (1 + price) ** years * np.exp(rng.normal(0, noise, count))
    return pd.DataFrame(
        {"month": month, "member_months": members, "services": services, "incurred_claims": dollars}
    ).assign(service_category="Primary Care")


@given(price=st.floats(-0.1, 0.2), use=st.floats(-0.1, 0.2))
def test_noiseless_months_give_back_the_trend(price, use):
    data = months(price=price, use=use, season=0.1)
    assert fit_trend(data, measure="unit_cost").annual_factor == pytest.approx(1 + price, abs=1e-9)
    assert fit_trend(data, measure="utilization_per_1000").annual_factor == pytest.approx(1 + use, abs=1e-9)
    assert fit_trend(data).annual_factor == pytest.approx((1 + price) * (1 + use), abs=1e-9)


@pytest.mark.parametrize("grouping", [12, 6, 3, 1])
def test_groupings_agree(grouping):
    fit = fit_trend(months(noise=0.01), TrendRule(grouping=grouping))
    assert len(fit.points) == 36 // grouping
    assert fit.method == "regression"
    assert fit.annual_factor == pytest.approx(1.04 * 1.01, abs=0.01)
    assert fit.low < fit.annual_factor < fit.high


def test_interval_covers_the_truth_as_often_as_it_says():
    hits = 0
    for seed in range(200):
        fit = fit_trend(months(noise=0.02, seed=seed), TrendRule(confidence=0.9), measure="utilization_per_1000")
        hits += fit.low <= 1.01 <= fit.high
    assert 168 <= hits <= 192  # 180 expected, standard error 4.2


def test_against_statsmodels_formula():
    """The coefficient is that of a weighted least squares fit written out in a formula."""
    import statsmodels.formula.api as smf

    data = months(noise=0.03)
    data["y"] = np.log(data["incurred_claims"] / data["member_months"])
    data["t"], data["m"] = np.arange(36) / 12, data["month"].dt.month
    peer = smf.wls("y ~ t + C(m)", data, weights=data["member_months"]).fit()
    fit = fit_trend(data)
    assert np.log(fit.annual_factor) == pytest.approx(peer.params["t"], rel=1e-10)
    assert np.log([fit.low, fit.high]) == pytest.approx(peer.conf_int().loc["t"].to_numpy(), rel=1e-8)
    assert fit.diagnostics["R squared"] == pytest.approx(peer.rsquared)
    studentized = peer.get_influence().resid_studentized_internal if hasattr(peer, "get_influence") else None
    if studentized is not None:
        assert abs(fit.diagnostics["largest studentized residual"]) == pytest.approx(np.abs(studentized).max())


def test_season_matters_when_it_is_there():
    seasonal, flat = months(season=0.2, noise=0.01), months(season=0.0, noise=0.01)
    assert fit_trend(seasonal).diagnostics["p-value, no seasons"] < 1e-6
    assert fit_trend(flat).diagnostics["p-value, no seasons"] > 0.01
    partial = seasonal.iloc[:32]
    with_season = fit_trend(partial).annual_factor
    without = fit_trend(partial, TrendRule(seasonality=False)).annual_factor
    assert abs(with_season - 1.0504) < abs(without - 1.0504)


def test_robust_errors_change_the_interval_and_not_the_trend():
    data = months(noise=0.02)
    plain, robust = fit_trend(data), fit_trend(data, TrendRule(errors="newey-west"))
    assert robust.annual_factor == pytest.approx(plain.annual_factor)
    assert robust.high - robust.low != pytest.approx(plain.high - plain.low)


@pytest.mark.parametrize(
    ("count", "grouping"), [(24, 12), (13, 1), (12, 6), (15, 3)], ids=["2 years", "13 months", "2 halves", "5 quarters"]
)
def test_few_points_fall_back_to_a_ratio_and_say_so(count, grouping):
    fit = fit_trend(months(count), TrendRule(grouping=grouping))
    assert fit.method == "ratio"
    assert np.isnan(fit.low)
    assert np.isnan(fit.high)
    assert "too few for a regression" in fit.note
    assert fit.annual_factor == pytest.approx(1.0504, abs=0.25 if count == 12 else 1e-4)


def test_months_left_over_are_named():
    fit = fit_trend(months(38), TrendRule(grouping=12))
    assert len(fit.points) == 3
    assert "first 2 months left out" in fit.note
    assert str(fit.points["last"].iloc[-1]) == "2024-02"


def test_completion_is_taken_out_before_the_fit():
    data = months()
    factor = np.where(np.arange(36) >= 33, [0.9] * 36, 1.0)
    short = data.assign(
        incurred_claims=data["incurred_claims"] * factor, services=data["services"] * factor, completion_factor=factor
    )
    assert fit_trend(short).annual_factor == pytest.approx(fit_trend(data).annual_factor)


def test_several_categories_are_added_up_over_the_same_members():
    one, other = months(noise=0.01, seed=1), months(noise=0.01, seed=2).assign(service_category="Specialty Care")
    both = pd.concat([one, other])
    parts = [fit_trend(part).points["observed"].to_numpy() for part in (one, other)]
    assert fit_trend(both).points["observed"].to_numpy() == pytest.approx(parts[0] + parts[1])


def test_order_of_rows_does_not_matter():
    data = months(noise=0.02)
    shuffled = data.sample(frac=1, random_state=3)
    assert fit_trend(shuffled).annual_factor == pytest.approx(fit_trend(data).annual_factor, rel=1e-12)


def test_a_missing_month_and_an_empty_one_are_named():
    with pytest.raises(InputError, match="2022-02 is missing"):
        fit_trend(months().drop(index=13))
    with pytest.raises(InputError, match="of Primary Care: allowed PMPM of 2021-04 is not above zero"):
        fit_trend(months().assign(incurred_claims=lambda d: d["incurred_claims"].where(d.index != 3, 0.0)))


def test_illustrative_months_give_back_their_stated_trends():
    path = SCENARIOS / "commercial-two-sided" / "monthly.csv"
    study = trend_study(read_table(path, "monthly", key=["month", "service_category"]))
    pharmacy = study.loc[("Pharmacy", "unit_cost", 1)]
    assert pharmacy["low"] <= 0.06 <= pharmacy["high"]
    assert set(study.index.get_level_values("grouping")) == {1, 3, 6, 12}
    assert (study["low"] <= study["annual_trend"]).all()
