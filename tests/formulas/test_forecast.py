"""Forecasts of a year under way: limits, invariants, coverage, the scores they are judged by, and a run's own."""

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, SCENARIOS
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm

from acomodel import InputError, change, load_scenario, run
from acomodel.claims.completion import CompletionSettings, completion_factors
from acomodel.claims.triangles import triangle
from acomodel.contract.settlement import settle
from acomodel.contract.terms import Terms
from acomodel.outlook.forecast import path as paths
from acomodel.outlook.forecast.monthly_model import ForecastSettings
from acomodel.outlook.forecast.path import completion_covariance, forecast_path, seen_at
from acomodel.outlook.forecast.scoring import coverage, crps, pit
from acomodel.outlook.forecast.year_end import forecast_year
from acomodel.workbench import exhibits, forecasts, plots

KEPT = ROOT / "benchmarks" / "forecast.csv"
TWO_SIDED = Terms(sharing_rate=0.5, msr=0.02, mlr=0.02, loss_method="fixed", loss_rate=0.5)
PLAIN = ForecastSettings(trend=0.0, trend_sd=0.0, season_sd=0.0, drift_sd=0.0, member_cv=5.0, member_cv_sd=0.0)
"""A level and the chance of the month, of known size; nothing else."""


def months(number, start="2021-01"):
    return pd.period_range(start, periods=number, freq="M")


def claims(number, seed=0, noise=0.03, level=2e6, start="2021-01"):
    at = months(number, start)
    z = noise * np.random.default_rng(seed).standard_normal(number)
    return pd.Series(level * 1.05 ** (np.arange(number) / 12) * np.exp(z), at)


def lives(series, n=5_000.0):
    return pd.Series(n, series.index)


# Scores.


@pytest.mark.parametrize(("mean", "sd", "truth"), [(0.0, 1.0, 0.0), (0.0, 1.0, 1.7), (50.0, 4.0, 41.0)])
def test_score_of_a_normal_forecast_is_that_of_gneiting_and_raftery(mean, sd, truth):
    """Their closed form, p. 367: sd (1/sqrt(pi) - 2 phi(z) - z (2 Phi(z) - 1)), with the sign turned."""
    draws = norm.ppf((np.arange(200_000) + 0.5) / 200_000, mean, sd)
    z = (truth - mean) / sd
    wanted = sd * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))
    assert crps(draws, truth) == pytest.approx(wanted, rel=1e-4)
    assert pit(draws, truth) == pytest.approx(norm.cdf(z), abs=1e-5)


@given(arrays(float, (3, 7), elements=st.floats(-1e6, 1e6)), arrays(float, 3, elements=st.floats(-1e6, 1e6)))
def test_score_is_its_definition_and_row_by_row_the_same(draws, truth):
    found = crps(draws, truth)
    for row, y, score in zip(draws, truth, found, strict=True):
        wanted = np.abs(row - y).mean() - np.abs(row[:, None] - row[None, :]).mean() / 2
        assert score == pytest.approx(wanted, abs=1e-6)
        assert crps(row, y) == pytest.approx(score, abs=1e-6)
        assert score >= -1e-6


def test_a_forecast_that_is_right_has_the_best_expected_score():
    truth = np.random.default_rng(1).standard_normal(4_000)
    draws = norm.ppf((np.arange(200) + 0.5) / 200)
    right = crps(np.tile(draws, (4_000, 1)), truth).mean()
    for other in (draws * 0.6, draws * 1.6, draws + 0.4, np.zeros(1)):
        assert crps(np.tile(other, (4_000, 1)), truth).mean() > right + 0.005


def test_coverage_counts_the_truths_inside():
    draws = np.tile(np.arange(101.0), (4, 1))
    assert coverage(draws, [4.0, 5.0, 95.0, 96.0]) == 0.5
    assert coverage(draws, [4.0, 5.0, 95.0, 96.0], level=0.99) == 1.0
    assert pit(draws[0], 50.0) == pytest.approx(50.5 / 101)


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda: crps([[1.0, 2.0]], [1.0, 2.0]), "draws of shape"),
        (lambda: crps([], 1.0), "draws of shape"),
        (lambda: pit([1.0, np.nan], 1.0), "is no number"),
        (lambda: coverage([[1.0]], [1.0], level=1.0), "a level of 1"),
        (lambda: coverage(np.empty((0, 5)), np.empty(0)), "no forecast"),
    ],
)
def test_scores_refuse_what_is_none(work, words):
    with pytest.raises(InputError, match=words):
        work()


# Limits.


def test_where_nothing_is_uncertain_growth_goes_on():
    """Months on a line, a known trend, hardly any chance: the year is the line's."""
    sure = dataclasses.replace(PLAIN, trend=0.06, member_cv=1e-3)
    at = months(48)
    line = pd.Series(1e6 * 1.06 ** (np.arange(48) / 12), at)
    found = forecast_year(line[:40], lives(line[:40]), 2024, settings=sure)
    assert found.mean == pytest.approx(line[36:].sum(), rel=1e-5)
    assert found.sd / found.mean < 1e-4


def test_a_level_alone_is_the_mean_of_the_logarithms_and_known_as_well_as_its_months():
    series, n = claims(30, noise=0.05), 5_000.0
    found = forecast_year(series, lives(series, n), 2023, settings=PLAIN)
    z, variance = np.log(series / n), np.log1p(25 / n)
    assert np.log(found.months["expected"].iloc[-1] / n) == pytest.approx(
        z.mean() + variance * (1 + 1 / 30) / 2, abs=2e-4
    )
    relative = found.months["sd"].iloc[-1] / found.months["expected"].iloc[-1]
    assert relative == pytest.approx(np.sqrt(np.expm1(variance * (1 + 1 / 30))), rel=0.01)
    to_come = found.months["expected"].iloc[6:]
    shared, own = variance / 30 * to_come.sum() ** 2, variance * (to_come**2).sum()
    assert found.sd == pytest.approx(np.sqrt(shared + own), rel=0.02)


def test_seasons_and_trend_of_the_months_before_are_found():
    at = months(63, "2019-01")
    season = np.tile(1 + 0.1 * np.sin(2 * np.pi * np.arange(12) / 12), 6)[:63]
    series = pd.Series(1e6 * 1.08 ** (np.arange(63) / 12) * season, at)
    found = forecast_year(series, lives(series, 500_000.0), 2024)
    wanted = 1e6 * 1.08 ** (np.arange(60, 72) / 12) * (1 + 0.1 * np.sin(2 * np.pi * np.arange(12) / 12))
    assert found.months["expected"].to_numpy() == pytest.approx(wanted, rel=0.01)
    assert found.fitted["trend"] == pytest.approx(0.08, abs=0.005)


def test_a_drifted_level_is_followed():
    """The last half year lies a tenth higher: with drift the rest of the year is expected up there, without it not."""
    series = claims(42, noise=0.004)
    series[-6:] *= 1.1
    big = lives(series, 1e6)
    moving = forecast_year(series, big, 2024).months["expected"].iloc[-1] / series.iloc[-1]
    held = dataclasses.replace(ForecastSettings(), drift_sd=0.0, trend_sd=0.0, season_sd=0.0)
    fixed = forecast_year(series, big, 2024, settings=held).months["expected"].iloc[-1] / series.iloc[-1]
    assert moving == pytest.approx(1.05**0.5, abs=0.015)
    assert fixed < moving - 0.05


def test_noise_shrinks_with_the_root_of_exposure():
    series = claims(40)
    small, large = (forecast_year(series, lives(series, n), 2024, settings=PLAIN) for n in (2_000.0, 200_000.0))
    assert small.sd / large.sd == pytest.approx(10, rel=0.02)


def test_each_month_has_the_noise_of_its_own_exposure():
    """A level well known from large months; then months of ever fewer members."""
    series = claims(40, noise=0.0)
    uneven = pd.concat([lives(series, 1e6), pd.Series([10_000.0, 2_500.0, 625.0], months(3, "2024-05"))])
    found = forecast_year(series, uneven, 2024, settings=PLAIN).months
    relative = (found["sd"] / found["expected"])["2024-05":"2024-07"]
    assert relative.to_numpy() == pytest.approx([0.05, 0.1, 0.2], rel=0.05)


def test_chance_is_learnt_from_the_months():
    calm, wild = (forecast_year(claims(40, noise=s), lives(claims(40)), 2024) for s in (0.01, 0.08))
    assert calm.fitted["noise"] == pytest.approx(0.01, rel=0.4)
    assert wild.fitted["noise"] == pytest.approx(0.08, rel=0.4)
    assert wild.sd > 3 * calm.sd


def test_a_year_wholly_seen_is_left_with_its_completion_error():
    series = claims(48)
    sure = forecast_year(series, lives(series), 2024)
    assert sure.mean == pytest.approx(series[36:].sum(), rel=1e-6)
    assert sure.sd / sure.mean < 1e-5
    error = pd.Series(np.where(np.arange(48) < 36, 0.0, 100.0), series.index)
    apart = forecast_year(series, lives(series), 2024, error=error)
    assert apart.sd == pytest.approx(100 * np.sqrt(12), rel=0.02)
    together = pd.DataFrame(np.outer(error, error), series.index, series.index)
    assert forecast_year(series, lives(series), 2024, error=together).sd == pytest.approx(1_200, rel=0.02)


def test_a_month_completed_without_knowledge_counts_for_nothing():
    series = claims(40)
    odd = series.copy()
    odd.iloc[-1] *= 3
    error = pd.Series(0.0, series.index)
    error.iloc[-1] = 1e12
    without = forecast_year(series[:-1], lives(series), 2024)
    blind = forecast_year(odd, lives(series), 2024, error=error)
    assert blind.mean == pytest.approx(without.mean, rel=0.005)
    trusted = forecast_year(odd, lives(series), 2024)
    assert trusted.mean > 1.05 * without.mean


def test_newest_months_are_weighed_against_what_was_expected():
    """A month three times as high as expected, with an error of half of it: between the two."""
    series = claims(40)
    expected = forecast_year(series[:-1], lives(series), 2024).months["expected"].iloc[3]
    series.iloc[-1] = 3 * expected
    error = pd.Series(0.0, series.index)
    error.iloc[-1] = series.iloc[-1] / 2
    found = forecast_year(series, lives(series), 2024, error=error).months.iloc[3]
    assert 1.002 * expected < found["expected"] < 1.3 * expected
    assert found["completed"] == series.iloc[-1]
    assert found["completion_error"] == pytest.approx(found["completed"] / 2)


# Invariants.


@settings(max_examples=25)
@given(st.floats(0.01, 100), st.integers(1, 11), st.integers(1, 30))
def test_dollars_scale(factor, seen, before):
    series = claims(before + seen, start=str(pd.Period("2024-01", "M") - before))
    one = forecast_year(series, lives(series), 2024, draws=256)
    other = forecast_year(series * factor, lives(series), 2024, draws=256)
    assert other.draws == pytest.approx(one.draws * factor, rel=1e-6)
    assert one.scaled(factor).draws == pytest.approx(other.draws, rel=1e-6)
    assert (one.draws > 0).all()
    assert one.months["expected"].sum() == pytest.approx(one.mean)


def test_exposure_to_come_is_the_last_unless_it_is_given():
    series = claims(40)
    flat = forecast_year(series, lives(series), 2024)
    assert flat.exposure == 60_000
    more = pd.concat([lives(series), pd.Series(10_000.0, months(8, "2024-05"))])
    grown = forecast_year(series, more, 2024)
    assert grown.exposure == 100_000
    to_come = slice("2024-05", "2024-12")
    ratio = grown.months.loc[to_come, "expected"].sum() / flat.months.loc[to_come, "expected"].sum()
    assert ratio == pytest.approx(2, rel=0.002)


def test_seeds_give_the_same_and_nearly_the_same():
    series = claims(42)
    one, again, other = (forecast_year(series, lives(series), 2024, seed=s) for s in (1, 1, 2))
    assert (one.draws == again.draws).all()
    assert other.mean == pytest.approx(one.mean, rel=2e-4)
    assert other.interval() == pytest.approx(one.interval(), rel=2e-3)
    assert (one.draws != other.draws).any()


def test_order_of_months_does_not_matter():
    series = claims(42)
    mixed = series.sample(frac=1, random_state=1)
    assert forecast_year(mixed, lives(series), 2024).draws == pytest.approx(
        forecast_year(series, lives(series), 2024).draws
    )


def test_intervals_narrow_as_the_year_goes_on():
    series = claims(48)
    spread = [forecast_year(series[: 36 + m], lives(series), 2024).sd for m in (1, 4, 7, 10, 12)]
    assert spread == sorted(spread, reverse=True)


# Payments.


def test_payments_are_settle_on_the_outcomes():
    series = claims(42)
    found = forecast_year(series, lives(series), 2024)
    fixed = found.payments(TWO_SIDED, 30e6)
    wanted = settle(np.full(found.draws.size, 30e6), found.draws, TWO_SIDED, members=5_000)
    assert (fixed.payment == wanted.payment).all()
    assert fixed.expected == wanted.payment.mean()
    assert fixed.chance_earned == (wanted.earns).mean()
    assert fixed.chance_owed == (wanted.owes).mean()
    by_exposure = found.payments(TWO_SIDED, benchmark_pmpm=30e6 / found.exposure)
    assert by_exposure.payment == pytest.approx(fixed.payment)
    assert found.payments(Terms(sharing_rate=0.5, msr=0.02), 20e6).chance_owed == 0
    assert found.payments(TWO_SIDED, 60e6).chance_earned == 1
    assert found.payments(TWO_SIDED, 15e6).chance_owed == 1


def test_a_year_wholly_seen_pays_what_it_settles_to():
    series = claims(48)
    found = forecast_year(series, lives(series), 2024).payments(TWO_SIDED, 30e6)
    wanted = settle(30e6, float(series[36:].sum()), TWO_SIDED, members=5_000)
    assert wanted.payment != 0
    assert found.expected == pytest.approx(wanted.payment, rel=1e-4)
    assert found.quantile([0.05, 0.95]) == pytest.approx([wanted.payment] * 2, rel=1e-3)


def test_results_show_themselves():
    series = claims(42)
    found = forecast_year(series, lives(series), 2024)
    assert "as seen at the end of 2024-06" in repr(found)
    assert "Chance that the ACO pays" in repr(found.payments(TWO_SIDED, 30e6))
    assert found.to_frame().loc["Months seen", "Forecast"] == 6
    assert found.quantile(0.5) == found.to_frame().loc["50% quantile", "Forecast"]


# Coverage.


def synthetic_year(rng, seen):
    """
    Months of a year and the two before it, those of the year seen completed with an error.

    A level that drifts, a trend and seasons drawn anew; what is paid of a month after k months scatters around the
    lag pattern, the less the more is paid.
    """
    number = 36
    drift = np.cumsum(rng.normal(0, 0.02 / np.sqrt(12), number))
    season = rng.normal(0, 0.03, 12)[np.arange(number) % 12]
    trend = rng.normal(0.05, 0.03) * np.arange(number) / 12
    noise = rng.normal(0, rng.choice([0.02, 0.04]), number)
    truth = pd.Series(2e6 * np.exp(drift + season + trend + noise), months(number, "2022-01"))
    known = truth[: 24 + seen]
    share = np.append(1 - 0.6 * 0.45 ** np.arange(12), np.ones(number))[: len(known)][::-1]
    scatter = 0.25 * (1 - share)
    completed = known * np.exp(scatter * rng.standard_normal(len(known)) - scatter**2 / 2)
    return truth[24:].sum(), completed, completed * np.sqrt(np.expm1(scatter**2))


@pytest.mark.parametrize("seen", [3, 9])
def test_ninety_percent_intervals_hold_85_to_95_of_100_years(seen):
    rng = np.random.default_rng(20 + seen)
    truths, draws, last = [], [], []
    for _ in range(120):
        truth, completed, error = synthetic_year(rng, seen)
        found = forecast_year(completed, lives(completed), 2024, error=error, draws=1024)
        truths.append(truth)
        draws.append(found.draws)
        last.append(completed[12:24].sum() * 1.05)
    drawn, true = np.array(draws), np.array(truths)
    assert 0.85 <= coverage(drawn, true) <= 0.95
    assert abs(pit(drawn, true).mean() - 0.5) < 0.08
    assert (crps(drawn, true) / true).mean() < 0.8 * (np.abs(np.array(last) - true) / true).mean()


def kept_summary():
    frame = pd.read_csv(KEPT)
    inside = frame["truth"].between(frame["low"], frame["high"])
    share = frame[["crps", "annualized_error", "trended_error"]].div(frame["truth"], axis=0)
    keys = [frame["population"], frame["month"]]
    return inside.groupby(keys).agg(["size", "sum"]), share.groupby(keys).mean()


def test_kept_figures_of_synthetic_books_hold_85_to_95_percent_of_truths_and_beat_simple_forecasts():
    held, scores = kept_summary()
    assert set(held.index) == {(p, m) for p in ("commercial", "medicare") for m in (3, 6, 9)}
    assert (held["size"] == 200).all()
    assert (held["sum"] / held["size"]).between(0.85, 0.95).all()
    assert (scores["crps"] < scores["annualized_error"]).all()
    assert (scores["crps"] < scores["trended_error"]).all()


def test_kept_figures_are_those_of_the_documentation():
    held, scores = kept_summary()
    text = " ".join((forecast_path.__doc__ or "").split())
    for population in ("commercial", "medicare"):
        counts = held.loc[population, "sum"]
        assert f"{counts[3]}, {counts[6]} and {counts[9]} of 200 {population}" in text
        for name in scores:
            figures = [100 * scores.loc[(population, m), name] for m in (3, 6, 9)]
            assert "{:.1f}, {:.1f} and {:.1f} %".format(*figures) in text


# Earlier views.


def payments(number=48, seed=3, start="2021-01", categories=("Imaging", "Hospice")):
    """Payments with a lag pattern of six months."""
    rng = np.random.default_rng(seed)
    at = months(number, start)
    curve = np.array([0.35, 0.35, 0.15, 0.1, 0.04, 0.01])
    parts = []
    for name in categories:
        amount = 1e6 * 1.05 ** (np.arange(number) / 12) * np.exp(0.04 * rng.standard_normal(number))
        cells = amount[:, None] * curve * np.exp(0.1 * rng.standard_normal((number, 6)))
        for k in range(6):
            parts.append(
                pd.DataFrame(
                    {
                        "incurred_month": at,
                        "paid_month": at + k,
                        "service_category": name,
                        "paid": cells[:, k] * 0.8,
                        "allowed": cells[:, k],
                        "units": 5.0,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


EXPOSURE = pd.Series(5_000.0, months(48))
JUNE = pd.Period("2024-06", "M")


def test_errors_of_completed_months_add_up_to_those_of_mack():
    found = completion_factors(
        triangle(payments(), through="2024-06-30"), CompletionSettings(method="chain_ladder"), exposure=EXPOSURE
    )
    matrix = completion_covariance(found)
    assert np.sqrt(np.diag(matrix)) == pytest.approx(found.months["standard_error"].to_numpy())
    for span in (slice(None), slice("2024-01", "2024-06"), slice("2024-05", "2024-06")):
        inside = matrix.loc[span, span]
        assert np.sqrt(inside.to_numpy().sum()) == pytest.approx(found.standard_error(inside.index))
    assert matrix.iloc[-1, -2] > 0
    assert np.linalg.eigvalsh(matrix.to_numpy()).min() > -1e-3


def test_what_is_paid_or_covered_later_is_not_known_then():
    rows = payments()
    other = rows.assign(allowed=rows["allowed"].where(rows["paid_month"] <= JUNE, 17 * rows["allowed"]))
    grown = EXPOSURE.where(EXPOSURE.index <= JUNE, 99_999.0)
    one, two = (
        forecast_path(r, e, 2024, as_of=[JUNE]).forecasts[0].draws for r, e in ((rows, EXPOSURE), (other, grown))
    )
    assert (one == two).all()
    earlier = rows.assign(allowed=rows["allowed"].where(rows["paid_month"] < JUNE, 17 * rows["allowed"]))
    assert (forecast_path(earlier, EXPOSURE, 2024, as_of=[JUNE]).forecasts[0].draws != one).any()


def test_a_view_is_the_chain_ladder_of_its_time():
    found = seen_at(payments(), EXPOSURE, JUNE)
    paid = payments().query("paid_month <= @JUNE").groupby("incurred_month")["allowed"].sum()
    assert found.reported["2024-06"] == pytest.approx(paid["2024-06"])
    ladder = CompletionSettings(method="chain_ladder", paid_through="2024-06-30")
    fitted = completion_factors(triangle(payments(), through="2024-06-30"), ladder).months
    assert found.completed.to_numpy() == pytest.approx(fitted["completed"].to_numpy())
    assert found.completed["2024-06"] == pytest.approx(paid["2024-06"] / 0.35, rel=0.1)
    assert found.completed["2023-06"] == pytest.approx(paid["2023-06"])
    plain = seen_at(payments(), EXPOSURE, JUNE, CompletionSettings(method="none"))
    assert plain.completed["2024-06"] == plain.reported["2024-06"]


def test_a_path_ends_at_what_was_incurred():
    rows = payments()
    path = forecast_path(rows, EXPOSURE, 2024)
    frame = path.to_frame()
    truth = rows.loc[rows["incurred_month"].dt.year == 2024, "allowed"].sum()
    assert list(frame.index) == list(pd.period_range("2024-01", "2025-05", freq="M"))
    assert frame["expected"].iloc[-1] == pytest.approx(truth, rel=1e-4)
    assert frame["reported"].iloc[-1] == pytest.approx(truth)
    assert frame["sd"].iloc[-1] < 0.001 * truth < frame["sd"].iloc[0]
    assert (frame[0.05] < frame[0.95]).all()
    assert "90% interval" in repr(path)
    assert path.draws().shape == (17, 8192)


def test_of_a_year_the_contract_counts_a_share():
    whole = forecast_path(payments(), EXPOSURE, 2024, as_of=[JUNE]).to_frame()
    half = forecast_path(
        payments(), EXPOSURE, 2024, as_of=[JUNE], kept=dict.fromkeys(range(2021, 2025), 0.5)
    ).to_frame()
    assert half["expected"].iloc[0] == pytest.approx(whole["expected"].iloc[0] / 2, rel=1e-6)
    assert half["reported"].iloc[0] == pytest.approx(whole["reported"].iloc[0] / 2)


def test_claims_without_a_day_of_payment_are_added_as_they_are():
    more = pd.Series(1e5, EXPOSURE.index)
    end = [pd.Period("2025-05", "M")]
    whole = forecast_path(payments(), EXPOSURE, 2024, as_of=end).to_frame().iloc[0]
    added = forecast_path(payments(), EXPOSURE, 2024, as_of=end, added=more).to_frame().iloc[0]
    assert added["expected"] - whole["expected"] == pytest.approx(1.2e6, rel=0.01)
    assert added["reported"] - whole["reported"] == pytest.approx(1.2e6)


def test_settlements_along_the_path():
    path = forecast_path(payments(), EXPOSURE, 2024, as_of=months(12, "2024-01")[2::3])
    found = path.payments(TWO_SIDED, benchmark_pmpm=480.0)
    assert list(found["benchmark"]) == pytest.approx([480.0 * 60_000] * 4)
    for forecast, (_, row) in zip(path.forecasts, found.iterrows(), strict=True):
        single = forecast.payments(TWO_SIDED, benchmark_pmpm=480.0)
        assert row["expected"] == single.expected
        assert (row["earned"], row["owed"]) == (single.chance_earned, single.chance_owed)
        assert row["worst"] <= row[0.05] <= row[0.95]
        assert row["worst"] == pytest.approx(np.sort(single.payment)[:410].mean())


# Errors.


def broken(**changes):
    series = claims(40)
    given = {"completed": series, "exposure": lives(series), "year": 2024} | changes
    return forecast_year(given.pop("completed"), given.pop("exposure"), given.pop("year"), **given)


FLAT = claims(40)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"year": 2025}, "no month of 2025 is in the claims so far"),
        ({"year": 2021}, "no month before 2021 is in the claims"),
        ({"exposure": lives(FLAT, 0.0)}, "exposure of 2021-01 is 0; member months above zero are wanted"),
        ({"exposure": lives(FLAT)[1:]}, "exposure of 2021-01 is nan"),
        ({"completed": FLAT - FLAT.iloc[0]}, "completed claims of 2021-01 are 0"),
        ({"completed": FLAT.reset_index(drop=True)}, "completed is by int64; monthly periods are wanted"),
        ({"completed": pd.concat([FLAT, FLAT[:1]])}, "2021-01 is in completed twice"),
        ({"exposure": lives(FLAT) * np.nan}, "exposure of 2021-01 is empty"),
        ({"error": lives(FLAT)[3:]}, "the completion error of 2021-01 is not given"),
        ({"draws": 1}, "1 draws; a number from 2"),
    ],
)
def test_forecasts_refuse_what_makes_none(changes, words):
    with pytest.raises(InputError, match=re.escape(words)) as error:
        broken(**changes)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda: forecast_path(payments(), EXPOSURE, 2026), "the claims hold no payment for 2026 with exposure"),
        (lambda: forecast_path(payments(), EXPOSURE, 2021), "the claims hold no month before 2021"),
        (lambda: forecast_path(payments(), EXPOSURE * 0, 2024), "the claims hold no payment for 2024 with exposure"),
        (lambda: seen_at(payments(), EXPOSURE, pd.Period("2019-01", "M")), "nothing is paid by the end of 2019-01"),
        (lambda: broken().payments(TWO_SIDED), "one of benchmark and benchmark_pmpm"),
        (lambda: broken().payments(TWO_SIDED, 1e6, benchmark_pmpm=5.0), "one of benchmark and benchmark_pmpm"),
        (
            lambda: forecast_path(payments(), EXPOSURE, 2024, as_of=[JUNE]).payments(TWO_SIDED, worst=0, benchmark=1e6),
            "worst 0 of outcomes",
        ),
    ],
)
def test_paths_and_payments_refuse_what_makes_none(work, words):
    with pytest.raises(InputError, match=words):
        work()


def test_least_share_leaves_a_month_out(monkeypatch):
    monkeypatch.setattr(paths, "LEAST_SHARE", 0.5)
    assert JUNE not in seen_at(payments(), EXPOSURE, JUNE).completed.index
    assert JUNE - 1 in seen_at(payments(), EXPOSURE, JUNE).completed.index


# A run.


@pytest.fixture(scope="module")
def demo():
    small = {"claims.synthetic.members": 5000, "claims.synthetic.months": 36, "claims.synthetic.start": "2022-01"}
    small |= {"claims.years": [2023, 2024], "claims.compare": False}
    return run(change(load_scenario(SCENARIOS / "claims-demo.toml"), small))


def test_a_run_is_forecast_month_after_month(demo):
    found = forecasts.path(demo)
    frame = found.to_frame()
    assert list(frame.index) == list(pd.period_range("2024-01", "2025-02", freq="M"))
    assert frame["expected"].iloc[-1] == pytest.approx(found.actual, rel=0.02)
    assert frame["benchmark"].iloc[-1] == pytest.approx(demo.headline()["benchmark"])
    over = demo.tables.claims.excess(2024, 250_000, prorate=False)
    assert found.removed[2024] == pytest.approx(over / demo.tables.claims.actuals.loc[2024, "allowed"])
    reported = demo.tables.claims.actuals.loc[2024, "reported"]
    assert frame["reported"].iloc[-1] == pytest.approx(reported * (1 - found.removed[2024]))
    width = (frame["high"] - frame["low"]) / frame["expected"]
    assert width.iloc[-1] < 0.3 * width.iloc[0]
    assert frame[["earned", "owed"]].min().min() >= 0
    assert forecasts.path(demo) is found


def test_tables_and_pictures_of_a_run(demo):
    table = exhibits.forecast.table(demo)
    assert table.table.index[-1] == "This run"
    assert table.table.loc["This run", "Expected payment"] == pytest.approx(demo.headline()["payment"])
    assert "Large claims are left out" in table.note
    scores = exhibits.forecast.score(demo).table
    assert len(scores) == 14
    assert scores["Score (CRPS)"].iloc[-1] < 0.02
    assert plots.forecast.fan(demo).get_title() == "Spending of 2024, as it was to be expected"
    assert len(plots.forecast.payment_fan(demo).collections) == 2


@pytest.mark.parametrize("name", ["commercial-two-sided", "hackensack-2014"])
def test_no_forecast_of_a_year_without_claims(name):
    other = run(SCENARIOS / f"{name}.toml")
    assert forecasts.path(other) is None
    assert exhibits.forecast.table(other) is None
    assert exhibits.forecast.score(other) is None
    assert not plots.forecast.fan(other).axison
    assert not plots.forecast.payment_fan(other).axison


def test_no_forecast_where_spending_is_stated(demo):
    stated = run(change(demo.scenario, {"years.0.actual_pmpm": 700.0}), demo.tables)
    assert forecasts.path(stated) is None


def test_a_what_if_on_spending_moves_the_forecast(demo):
    other = run(change(demo.scenario, {"years.0.actual_adjustment": 0.1}), demo.tables)
    frames = [forecasts.path(r).to_frame()[["reported", "completed", "expected", "high"]] for r in (other, demo)]
    assert (frames[0] / frames[1]).to_numpy() == pytest.approx(1.1)
