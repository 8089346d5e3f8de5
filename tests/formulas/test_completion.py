"""Completion: Mack's published triangle, his formulas written out again, known patterns, and data that resist."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from acomodel import InputError
from acomodel.claims.completion import CompletionSettings, completion_factors, mack_error, share_at
from acomodel.claims.runoff import actual_against_expected, back_test, complete
from acomodel.claims.triangles import triangle
from acomodel.periods import Span

LADDER = CompletionSettings(method="chain_ladder")
SHARES = np.array([0.25, 0.72, 0.88, 0.935, 0.95, 0.965, 0.98, 0.985, 0.99, 0.995, 0.997, 0.999, 1.0])
SIGMAS = np.array([60, 20, 12, 8, 5, 4, 4, 3, 3, 2, 1, 1.0])
TAYLOR_ASHE = """
357848 1124788 1735330 2218270 2745596 3319994 3466336 3606286 3833515 3901463
352118 1236139 2170033 3353322 3799067 4120063 4647867 4914039 5339085
290507 1292306 2218525 3235179 3985995 4132918 4628910 4909315
310608 1418858 2195047 3757447 4029929 4381982 4588268
443160 1136350 2128333 2897821 3402672 3873311
396132 1333217 2180715 2985752 3691712
440832 1288463 2419861 3483130
359480 1421128 2864498
376686 1363294
344014
"""


def stairs(cumulative, gap=0):
    """Incremental triangle of full cumulative rows, cut along the diagonal `gap` lags after the newest row."""
    rows, lags = cumulative.shape
    cells = np.diff(np.c_[np.zeros(rows), cumulative], axis=1)
    known = np.arange(lags) <= np.arange(rows)[::-1, None] + gap
    return pd.DataFrame(np.where(known, cells, np.nan), pd.period_range("2021-01", periods=rows, freq="M"))


def simulated(seed, rows=36, spread=0.03, size=1e6):
    """Full cumulative rows that follow Mack's model."""
    rng = np.random.default_rng(seed)
    full = np.empty((rows, len(SHARES)))
    full[:, 0] = SHARES[0] * size * (1 + spread * rng.normal(size=rows))
    for k, (factor, sigma) in enumerate(zip(SHARES[1:] / SHARES[:-1], SIGMAS * np.sqrt(size / 1e6), strict=True)):
        full[:, k + 1] = factor * full[:, k] + sigma * np.sqrt(full[:, k]) * rng.normal(size=rows)
    return full


def payments(rows=30, categories=("Primary Care", "Imaging"), noise=0.0, seed=0, first="2021-01"):
    """Long table of payments of whole triangles: allowed, paid as 80 % of it, units of $90."""
    rng = np.random.default_rng(seed)
    months = pd.period_range(first, periods=rows, freq="M")
    cells = []
    for size, name in zip((1e6, 2e5, 5e4), categories, strict=False):
        increments = size * np.diff(np.r_[0, SHARES])
        for i, month in enumerate(months):
            paid = increments[: rows - i] * (1 + noise * rng.normal(size=len(increments[: rows - i])))
            cells += [(month, month + k, name, 0.8 * x, x, x / 90) for k, x in enumerate(paid)]
    return pd.DataFrame(
        cells, columns=["incurred_month", "paid_month", "service_category", "paid", "allowed", "units"]
    ).astype({"incurred_month": "period[M]", "paid_month": "period[M]"})


def members(rows=30, first="2021-01"):
    return pd.Series(10_000.0, pd.period_range(first, periods=rows, freq="M"))


def mack_1993(cells, averaged):
    """Reserve errors of theorem 3 and its corollary, as printed, with sums over the newest links only."""
    c = cells.to_numpy().cumsum(axis=1)
    rows, lags = c.shape
    f, sigma2, volume = np.ones(lags - 1), np.zeros(lags - 1), np.zeros(lags - 1)
    for k in range(lags - 1):
        use = [i for i in range(rows) if not np.isnan(c[i, k + 1])][-averaged:]
        volume[k] = sum(c[i, k] for i in use)
        f[k] = sum(c[i, k + 1] for i in use) / volume[k]
        if len(use) > 1:
            sigma2[k] = sum(c[i, k] * (c[i, k + 1] / c[i, k] - f[k]) ** 2 for i in use) / (len(use) - 1)
        else:
            sigma2[k] = min(sigma2[k - 1] ** 2 / sigma2[k - 2], sigma2[k - 2], sigma2[k - 1])
    full, last = c.copy(), (~np.isnan(c)).sum(axis=1) - 1
    for i in range(rows):
        for k in range(last[i], lags - 1):
            full[i, k + 1] = full[i, k] * f[k]
    ultimate = full[:, -1]
    each, total = np.zeros(rows), 0.0
    for i in range(rows):
        ahead = range(last[i], lags - 1)
        each[i] = ultimate[i] ** 2 * sum(sigma2[k] / f[k] ** 2 * (1 / full[i, k] + 1 / volume[k]) for k in ahead)
        later = ultimate[i + 1 :].sum()
        total += each[i] + ultimate[i] * later * sum(2 * sigma2[k] / f[k] ** 2 / volume[k] for k in ahead)
    return f, ultimate, np.sqrt(each), np.sqrt(total)


@pytest.fixture(scope="module")
def taylor_ashe():
    lines = [list(map(float, line.split())) for line in TAYLOR_ASHE.strip().splitlines()]
    cumulative = np.array([line + [np.nan] * (10 - len(line)) for line in lines])
    return pd.DataFrame(np.diff(np.c_[np.zeros(10), cumulative], axis=1), index=range(1, 11))


# Published


def test_taylor_ashe_as_mack_printed_it(taylor_ashe):
    """Mack 1993, example of Taylor and Ashe: factors, reserves in thousands, errors in percent of them."""
    found = completion_factors(taylor_ashe, LADDER)
    factors = [3.4906, 1.7473, 1.4574, 1.1739, 1.1038, 1.0863, 1.0539, 1.0766, 1.0177]
    assert found.development["age_to_age"].iloc[:-1].round(4).tolist() == factors
    reserve = found.months["completed"] - found.months["paid_to_date"]
    assert (reserve / 1000).round().tolist() == [0, 95, 470, 710, 985, 1419, 2178, 3920, 4279, 4626]
    percent = (100 * found.months["standard_error"] / reserve).iloc[1:].round()
    assert percent.tolist() == [80, 26, 19, 27, 29, 26, 22, 23, 29]
    assert round(reserve.sum()) == 18_680_856
    assert round(found.total_standard_error) == 2_447_095


# Against formulas and the library


@pytest.mark.parametrize(
    ("rows", "lags", "gap", "averaged"),
    [(10, 10, 0, 99), (20, 20, 0, 12), (24, 13, 0, 6), (15, 15, 0, 2), (20, 12, 5, 4), (14, 13, 14, 3)],
)
def test_mack_written_out_again(rows, lags, gap, averaged):
    rng = np.random.default_rng(rows * lags)
    full = 1e4 * np.cumsum(rng.gamma(4, 0.4 ** np.arange(lags), (rows, lags)), axis=1)
    cells = stairs(full, gap)
    found = completion_factors(cells, replace(LADDER, averaged_months=averaged))
    factors, ultimate, each, total = mack_1993(cells, averaged)
    assert found.development["age_to_age"].iloc[:-1].to_numpy() == pytest.approx(factors, rel=1e-10)
    assert found.months["completed"].to_numpy() == pytest.approx(ultimate, rel=1e-10)
    assert found.months["standard_error"].to_numpy() == pytest.approx(each, rel=1e-8)
    assert found.total_standard_error == pytest.approx(total, rel=1e-8)


def test_error_of_some_months_is_that_of_their_sum():
    """Errors of parts and of the whole obey the variance of a sum: the months between share factors."""
    found = completion_factors(stairs(simulated(1)), LADDER)
    early, late = found.months.index[:30], found.months.index[30:]
    parts = [found.standard_error(part) for part in (early, late)]
    assert np.hypot(*parts) < found.total_standard_error < sum(parts)
    assert found.standard_error() == found.total_standard_error
    assert found.standard_error(late[-1:]) == pytest.approx(found.months["standard_error"].iloc[-1])


def test_bornhuetter_ferguson_of_the_library(taylor_ashe):
    import chainladder as cl

    cells = taylor_ashe.to_numpy().cumsum(axis=1)
    row, lag = np.nonzero(~np.isnan(cells))
    dates = pd.period_range("2000", periods=20, freq="Y").to_timestamp()
    frame = pd.DataFrame({"o": dates[row], "d": dates[row + lag], "v": cells[row, lag]})
    peer = cl.Triangle(frame, origin="o", development="d", columns="v", cumulative=True)
    fit = cl.BornhuetterFerguson(apriori=5e6).fit(
        cl.Development().fit_transform(peer), sample_weight=peer.latest_diagonal * 0 + 1
    )
    rule = CompletionSettings(bf_months=10, averaged_months=10)
    found = completion_factors(taylor_ashe, rule, apriori=5e6).months["completed"].to_numpy()
    assert found == pytest.approx(np.ravel(fit.ultimate_.to_frame().to_numpy()), rel=1e-10)


# Limits and invariants


@given(
    steps=st.lists(st.floats(0.01, 1), min_size=3, max_size=15),
    level=st.lists(st.floats(100, 1e6), min_size=16, max_size=24),
)
@settings(max_examples=20, deadline=None)
def test_noiseless_payments_give_back_their_pattern(steps, level):
    shares = np.cumsum(steps) / sum(steps)
    cells = stairs(np.outer(level, shares))
    exposure = pd.Series(level, cells.index) / 300
    for rule in (LADDER, CompletionSettings()):
        found = completion_factors(cells, rule, exposure=exposure)
        assert found.development["share_complete"].to_numpy() == pytest.approx(shares, rel=1e-9)
        assert found.months["completed"].to_numpy() == pytest.approx(np.array(level), rel=1e-8)
        assert found.months["completion_factor"].to_numpy() == pytest.approx(found.months["share_complete"], rel=1e-8)
        assert found.total_standard_error == pytest.approx(0, abs=1e-5 * sum(level))


@given(scale=st.floats(1e-3, 1e6))
@settings(max_examples=10, deadline=None)
def test_scale_of_dollars_does_not_matter(scale):
    cells = stairs(simulated(2))
    one, other = completion_factors(cells), completion_factors(cells * scale)
    shares = ["share_complete", "completion_factor"]
    assert other.months[shares].to_numpy() == pytest.approx(one.months[shares].to_numpy(), rel=1e-8)
    for name in ("completed", "standard_error", "apriori_error"):
        assert other.months[name].to_numpy() == pytest.approx(scale * one.months[name].to_numpy(), rel=1e-7)
    assert other.total_standard_error == pytest.approx(scale * one.total_standard_error, rel=1e-7)


def test_months_old_enough_are_complete_and_certain():
    full = simulated(3)
    found = completion_factors(stairs(full, gap=len(SHARES) - 1))
    assert (found.months["completion_factor"] == 1).all()
    assert found.months["completed"].to_numpy() == pytest.approx(full[:, -1])
    assert (found.months["standard_error"] == 0).all()
    assert found.total_standard_error == 0
    assert (found.months["method"] == "complete").all()
    assert (found.development["sigma"].iloc[:-1] > 0).all()  # the pattern is there for others all the same


def test_methods_take_the_months_they_are_meant_for():
    cells = stairs(simulated(4))
    ladder, mixed, none = (
        completion_factors(cells, CompletionSettings(method=name, bf_months=2))
        for name in ("chain_ladder", "bornhuetter_ferguson", "none")
    )
    assert mixed.months["method"].value_counts().to_dict() == {
        "complete": 24,
        "chain_ladder": 10,
        "bornhuetter_ferguson": 2,
    }
    same = mixed.months.index[:-2]
    assert mixed.months.loc[same, "completed"].equals(ladder.months.loc[same, "completed"])
    newest = mixed.months.iloc[-1]
    assert newest["completed"] * newest["completion_factor"] == pytest.approx(newest["paid_to_date"])
    assert none.months["completed"].equals(none.months["paid_to_date"])
    assert none.total_standard_error == 0


def test_bornhuetter_ferguson_lies_between_expected_and_chain_ladder():
    cells = stairs(simulated(5))
    cells.iloc[-1, 0] *= 2
    ladder = completion_factors(cells, LADDER).months.iloc[-1]
    found = completion_factors(cells, apriori=1e6).months.iloc[-1]
    share = ladder["share_complete"]
    assert found["completed"] == pytest.approx(share * ladder["completed"] + (1 - share) * 1e6)
    assert 1e6 < found["completed"] < ladder["completed"]


def test_expected_follows_exposure_trend_and_a_series():
    cells = stairs(np.outer(np.full(24, 1000.0), SHARES))
    cells.iloc[-1, 0] = 0
    lives = pd.Series(10.0, cells.index)
    lives.iloc[-1] = 20
    open_ = 1 - SHARES[0]
    found = completion_factors(cells, exposure=lives)
    assert found.months["completed"].iloc[-1] == pytest.approx(2 * 1000 * open_)
    by_month = completion_factors(cells, exposure=lives, apriori=pd.Series(50.0, cells.index))
    assert by_month.months["completed"].iloc[-1] == pytest.approx(20 * 50 * open_)
    grown = np.outer(1000 * 1.06 ** (np.arange(24) / 12), SHARES)
    trended = completion_factors(stairs(grown), CompletionSettings(apriori_trend=0.06))
    assert trended.months["completed"].to_numpy() == pytest.approx(grown[:, -1])


def test_expected_is_of_the_latest_year():
    level = np.where(np.arange(30) < 12, 500.0, 1000.0)
    found = completion_factors(stairs(np.outer(level, SHARES))).months["completed"]
    assert found.to_numpy() == pytest.approx(level)


def test_error_of_the_expected_is_the_spread_of_the_months_before():
    level = np.where(np.arange(24) % 2, 1100.0, 900.0)
    found = completion_factors(stairs(np.outer(level, [0.4, 1.0])), CompletionSettings(bf_months=1)).months
    spread = np.sqrt(12 * (level[11:23] - 1000) ** 2).mean() / np.sqrt(11)  # of one month, eleven degrees of freedom
    wanted = 0.6 * spread * np.sqrt(1 + 1 / 12)
    assert found["apriori_error"].iloc[-1] == pytest.approx(wanted, rel=1e-3)
    assert found["standard_error"].iloc[-1] == pytest.approx(wanted, rel=1e-3)  # development itself is exact
    assert (found["apriori_error"].iloc[:-1] == 0).all()


def test_tail_completes_what_the_last_lag_leaves_open():
    cells = stairs(simulated(6))
    plain, tail = (completion_factors(cells, replace(LADDER, development_months=13, tail=t)) for t in (1.0, 1.02))
    open_ = plain.months["lag"] <= 12
    ratio = tail.months["completed"] / plain.months["completed"]
    assert ratio[open_].to_numpy() == pytest.approx(1.02)
    assert (ratio[~open_] == 1).all()
    errors = tail.months["standard_error"] / plain.months["standard_error"].where(plain.months["standard_error"] > 0)
    assert errors.dropna().to_numpy() == pytest.approx(1.02)


def test_development_is_cut_where_claims_are_complete_unless_the_triangle_shows_more():
    cells = stairs(np.outer(np.full(30, 1e5), SHARES))
    assert len(completion_factors(cells, replace(LADDER, development_months=11)).development) == 11  # 0.3 % is left
    longer = completion_factors(cells, replace(LADDER, development_months=6))
    assert len(longer.development) == 13
    assert any("payments after 6 months add" in note for note in longer.notes)
    assert any("only 13 months of development are seen" in n for n in completion_factors(cells, LADDER).notes)


def test_shares_beyond_the_pattern_are_whole():
    development = completion_factors(stairs(simulated(7))).development
    lags = np.arange(20)
    assert share_at(development, lags).tolist() == [float(share_at(development, np.array([k]))[0]) for k in lags]
    assert (share_at(development, lags)[13:] == 1).all()


# Guards


def test_an_empty_month_leaves_the_others_as_they_were():
    full = simulated(8)
    gone = full.copy()
    gone[29] = 0.0
    found = completion_factors(stairs(gone), LADDER)
    factors, _, _, _ = mack_1993(stairs(np.delete(full, 29, axis=0)), 999)
    everything = completion_factors(stairs(gone), replace(LADDER, averaged_months=99)).development
    assert everything["age_to_age"].iloc[7] == pytest.approx(factors[7], rel=1e-3)
    assert np.isfinite(found.months.drop(columns="method").astype(float).to_numpy()).all()
    empty = found.months.iloc[29]
    assert empty["method"] == "bornhuetter_ferguson"
    assert 0 < empty["completed"] < 0.03e6
    assert any("nothing is paid yet for 2023-06" in note for note in found.notes)


def test_an_empty_newest_month_is_expected_and_not_nothing():
    cells = stairs(simulated(9))
    cells.iloc[-1, 0] = 0.0
    for rule in (LADDER, CompletionSettings()):
        newest = completion_factors(cells, rule).months.iloc[-1]
        assert newest["completed"] == pytest.approx(0.75e6, rel=0.05)
        assert newest["completion_factor"] == 0
        assert newest["standard_error"] > 0


def test_an_empty_first_month_is_as_good_as_none():
    rng = np.random.default_rng(3)
    full = 1e4 * np.cumsum(rng.gamma(4, 0.4 ** np.arange(7), (7, 7)), axis=1)
    full[0] = 0.0
    cells = stairs(full)
    found, without = completion_factors(cells, LADDER), completion_factors(cells.iloc[1:], LADDER)
    factors, _, each, total = mack_1993(cells.iloc[1:, :-1], 12)
    assert found.development["age_to_age"].iloc[:5].to_numpy() == pytest.approx(factors)
    assert found.months["standard_error"].iloc[1:].to_numpy() == pytest.approx(each)
    assert found.total_standard_error == pytest.approx(total)
    assert without.total_standard_error == pytest.approx(total)


def test_negative_increments_are_fine_while_something_is_left():
    full = simulated(10)
    full[20, 3:] -= 0.02 * full[20, 3:]
    full[25, 4:] *= 0.97
    cells = stairs(full)
    assert (cells < 0).any(axis=None)
    found = completion_factors(cells, LADDER)
    assert found.source == "own"
    assert found.development["age_to_age"].iloc[3] == pytest.approx(mack_1993(cells, 12)[0][3])


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda c: c.mul(np.where(c.index == c.index[-3], -1, 1), axis=0), "a cumulative amount is below zero"),
        (lambda c: c * (np.arange(len(c)) >= len(c) - 3)[:, None], "3 months with payments are too few"),
        (lambda c: c.iloc[-3:, :3], "3 months with payments are too few"),
        (lambda c: c * 0, "0 months with payments are too few"),
    ],
    ids=["below zero", "late beginner", "three months", "nothing"],
)
def test_what_cannot_be_fitted_falls_back_and_says_so(spoil, why):
    whole = completion_factors(stairs(simulated(11)))
    cells = spoil(stairs(simulated(12, size=1e4)))
    found = completion_factors(cells, LADDER, fallback=whole)
    assert found.source == "fallback"
    assert found.development is whole.development
    assert any(note.startswith(why) and "all categories" in note for note in found.notes)
    assert np.isfinite(found.months["completed"]).all()
    alone = completion_factors(cells, LADDER)
    assert alone.source == "none"
    assert (alone.months["completion_factor"] == 1).all()
    assert alone.total_standard_error == 0
    assert any(note.startswith(why) and "taken as complete" in note for note in alone.notes)


def test_a_month_on_the_fallback_has_its_share_and_an_error():
    whole = completion_factors(stairs(simulated(11)), LADDER)
    few = stairs(simulated(13))
    few.iloc[:-3] = few.iloc[:-3] * 0
    found = completion_factors(few, LADDER, fallback=whole).months.iloc[-1]
    assert found["completed"] == pytest.approx(found["paid_to_date"] / whole.development["share_complete"].iloc[0])
    assert found["standard_error"] > 0


def test_a_lag_without_payments():
    """Nothing in the month of service: the pattern begins a lag later; nothing later on: the factor is one."""
    full = simulated(14)
    full[:, 0] = 0.0
    full[:, 5] = full[:, 4]
    found = completion_factors(stairs(full), replace(LADDER, development_months=13))
    assert found.source == "own"
    assert found.development["share_complete"].iloc[:2].to_numpy() == pytest.approx([0, 0.72], abs=0.01)
    assert found.development["age_to_age"].iloc[4] == 1
    newest = found.months.iloc[-1]
    assert newest["method"] == "bornhuetter_ferguson"
    assert newest["completed"] == pytest.approx(1e6, rel=0.05)
    assert newest["standard_error"] > 0
    assert np.isfinite(found.total_standard_error)


def test_months_that_begin_with_nothing_count_in_the_average():
    cells = stairs(np.outer(np.full(14, 1000.0), [0.5, 1.0]))
    cells.iloc[5:9, 0], cells.iloc[5:9, 1] = 0.0, 1000.0
    found = completion_factors(cells, replace(LADDER, averaged_months=13)).development
    assert found["age_to_age"].iloc[0] == pytest.approx(13_000 / 4_500)


def test_late_lags_without_links_take_the_pattern_of_all():
    full = simulated(15, rows=13)
    full[:4] = 0.0
    whole = completion_factors(stairs(simulated(16)), LADDER)
    found = completion_factors(stairs(full), LADDER, fallback=whole)
    assert found.source == "own"
    assert found.development["age_to_age"].iloc[8:].tolist() == whole.development["age_to_age"].iloc[8:].tolist()
    alone = completion_factors(stairs(full), LADDER)
    assert (alone.development["age_to_age"].iloc[8:] == 1).all()
    assert any("no development is seen after lag 8" in note for note in alone.notes)


def test_a_partial_last_month_is_left_out_and_said_so():
    data = payments()
    whole, cut = triangle(data, through="2023-06-30"), triangle(data, through="2023-06-17")
    assert str(whole.index[-1]) == "2023-06"
    assert not whole.attrs["notes"]
    assert str(cut.index[-1]) == "2023-05"
    assert cut.shape == (29, 29)
    left = data.loc[data["paid_month"] == "2023-06", "allowed"].sum()
    assert f"payments after 2023-05, the last whole month, are left out: {left:,.0f} of allowed" in cut.attrs["notes"]
    assert cut.attrs["notes"][0] in completion_factors(cut).notes
    days = [CompletionSettings(paid_through=day) for day in ("2023-05-31", "2023-06-29")]
    assert complete(data, members(), days[0]).monthly.equals(complete(data, members(), days[1]).monthly)


def test_payments_before_service_count_in_lag_0():
    data = payments(rows=8)
    early = data.iloc[[0]].assign(incurred_month=pd.Period("2021-05"), paid_month=pd.Period("2021-03"), allowed=70.0)
    plain, found = triangle(data), triangle(pd.concat([data, early], ignore_index=True))
    assert (found - plain).loc["2021-05", 0] == pytest.approx(70)
    assert "70 of allowed paid before the month of service is counted in lag 0" in found.attrs["notes"]


# Triangles


@given(
    cells=st.lists(
        st.tuples(st.integers(0, 11), st.integers(-1, 11), st.integers(-50_000, 100_000)), min_size=1, max_size=40
    )
)
@settings(max_examples=50, deadline=None)
def test_cells_add_up_to_the_payments(cells):
    base = pd.Period("2023-01", "M")
    rows = [(base + i, base + max(i + k, 0), f"category {i % 2}", c / 200, c / 100, 1.0) for i, k, c in cells]
    rows.append((base, base + 24, "category 0", 0.0, 0.0, 0.0))
    names = ["incurred_month", "paid_month", "service_category", "paid", "allowed", "units"]
    data = pd.DataFrame(rows, columns=names).astype(dict.fromkeys(names[:2], "period[M]"))
    for value in ("paid", "allowed", "units"):
        whole = triangle(data, value)
        assert np.nansum(whole) == pytest.approx(data[value].sum(), abs=1e-6)
        parts = [triangle(data, value, name) for name in data["service_category"].unique()]
        assert sum(part.to_numpy() for part in parts) == pytest.approx(whole.to_numpy(), abs=1e-6, nan_ok=True)


def test_months_without_rows_are_zeros():
    data = payments(rows=6)
    data = data[(data["incurred_month"] != "2021-03") & ~(data["paid_month"] == "2021-05")]
    found = triangle(data)
    assert len(found) == 6
    assert found.loc["2021-03"].dropna().tolist() == [0, 0, 0, 0]
    assert found.loc["2021-04", 1] == 0
    assert found.notna().sum(axis=1).tolist() == [6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: d.drop(columns="units"), "column units is missing"),
        (lambda d: d.astype({"paid_month": str}), "column paid_month holds str; monthly periods are wanted"),
        (lambda d: d.assign(allowed=d["allowed"].where(d.index != 3)), "allowed of row 3 is empty"),
        (lambda d: d.assign(paid="much"), "must be numbers"),
        (lambda d: d.iloc[:0], "none are of months up to"),
    ],
)
def test_payments_that_cannot_be_used(spoil, message):
    with pytest.raises(InputError, match=message):
        triangle(spoil(payments(rows=6)), through="2021-06-30")
    with pytest.raises(InputError, match=message):
        complete(spoil(payments(rows=6)), rule=CompletionSettings(paid_through="2021-06-30"))


def test_other_input_that_cannot_be_used():
    data, cells = payments(rows=12), stairs(simulated(1, rows=12))
    with pytest.raises(InputError, match="no service_category 'Lab'; there are Imaging, Primary Care"):
        triangle(data, category="Lab")
    with pytest.raises(InputError, match="found '30.6.2021'; a date written YYYY-MM-DD"):
        triangle(data, through="30.6.2021")
    with pytest.raises(InputError, match="exposure: 2021-12 is missing"):
        completion_factors(cells, exposure=members(11))
    with pytest.raises(InputError, match="exposure: 2021-01 is there twice"):
        completion_factors(cells, exposure=pd.concat([members(12), members(12)]))
    with pytest.raises(InputError, match="apriori: 2021-12 has none"):
        completion_factors(cells, apriori=members(11))
    with pytest.raises(InputError, match="row 2021-05 has 7 lags; every row wants one lag more"):
        completion_factors(cells.where(lambda c: ~((c.index == "2021-05").reshape(-1, 1) & (c.columns == 7))))
    with pytest.raises(InputError, match="triangle: empty"):
        completion_factors(cells.iloc[:0])
    with pytest.raises(InputError, match="fewer are wanted"):
        back_test(data, months=12)
    with pytest.raises(InputError, match="at least 1 month"):
        actual_against_expected(data, months=0)
    with pytest.raises(ValidationError, match="averaged_months"):
        CompletionSettings(averaged_months=1)


# Chance


@pytest.mark.parametrize(
    ("method", "count", "hits", "inside"),
    [("chain_ladder", 100, (88, 100), (83, 100)), ("bornhuetter_ferguson", 60, (51, 60), (47, 60))],
)
def test_interval_covers_the_truth_as_often_as_it_says(method, count, hits, inside):
    """95 % of totals, and of factors what Student's t with 11 degrees says of 1.96: 92.4 %; three errors and more."""
    rule = CompletionSettings(method=method)
    off, factors = [], []
    for seed in range(count):
        full = simulated(seed)
        found = completion_factors(stairs(full), rule)
        off.append((found.months["completed"].sum() - full[:, -1].sum()) / found.total_standard_error)
        wanted = SHARES[1:4] / SHARES[:3]
        factors.append((found.development["age_to_age"].iloc[:3] - wanted) / found.development["standard_error"][:3])
    assert hits[0] <= np.sum(np.abs(off) < 1.96) <= hits[1]
    within = np.sum(np.abs(factors) < 1.96, axis=0)
    assert (within >= inside[0]).all()
    assert (within <= inside[1]).all()
    assert abs(np.mean(off)) < 3.5 / np.sqrt(count)


# All categories


def test_categories_are_completed_each_by_its_own():
    found = complete(payments(), members())
    young = complete(payments(rows=20), members(20))
    assert young.notes == ("only 20 months of development are seen; a tail of 1 stands for the rest",)  # said once
    month = found.monthly
    truth = month["service_category"].map({"Primary Care": 1e6, "Imaging": 2e5})
    assert month["completed_allowed"].to_numpy() == pytest.approx(truth, rel=1e-9)
    assert month["completed_paid"].to_numpy() == pytest.approx(0.8 * truth, rel=1e-9)
    assert month["completed_units"].to_numpy() == pytest.approx(truth / 90, rel=1e-9)
    assert month["allowed"].sum() == pytest.approx(payments()["allowed"].sum())
    factor = month[month["service_category"] == "Imaging"]["completion_factor"].to_numpy()[::-1]
    assert factor[:13] == pytest.approx(SHARES)
    assert set(found.patterns) == {(c, k) for c in ("All", "Primary Care", "Imaging") for k in ("dollars", "units")}
    for shown in (found, found.patterns["Imaging", "units"]):
        assert "complet" in repr(shown).lower()


def test_dollars_paid_and_allowed_share_a_factor():
    month = complete(payments(noise=0.1), members()).monthly
    assert (month["paid"] / month["completed_paid"]).to_numpy() == pytest.approx(month["completion_factor"])
    assert (month["allowed"] / month["completed_allowed"]).to_numpy() == pytest.approx(month["completion_factor"])


def test_a_small_category_falls_back_to_all():
    data = payments(noise=0.02, categories=("Primary Care", "Imaging", "Hospice"))
    few = (data["service_category"] != "Hospice") | data["incurred_month"].isin(
        pd.PeriodIndex(["2023-03", "2023-06"], freq="M")
    )
    found = complete(data[few], members())
    hospice = found.patterns["Hospice", "dollars"]
    assert hospice.source == "fallback"
    assert hospice.development is found.patterns["All", "dollars"].development
    assert sum("Hospice, dollars: 2 months with payments are too few" in note for note in found.notes) == 1
    assert found.monthly.drop(columns=["month", "service_category"]).notna().all(axis=None)
    newest = found.monthly[found.monthly["service_category"] == "Hospice"].iloc[-2]
    assert newest["allowed"] == 0
    assert newest["completed_paid"] == pytest.approx(0.8 * newest["completed_allowed"])


def test_pmpm_of_a_year():
    found = complete(payments(noise=0.05), members())
    table = found.pmpm(2022)
    year = found.monthly[found.monthly["month"].dt.year == 2022]
    assert table.loc["All", "allowed_pmpm"] == pytest.approx(year["completed_allowed"].sum() / 120_000)
    assert table.loc["All", "member_months"] == 120_000
    latest = found.pmpm(Span.of("2023-01", "2023-06"))
    months = pd.period_range("2023-01", "2023-06", freq="M")
    parts = np.array([found.patterns[name, "dollars"].standard_error(months) for name in ("Primary Care", "Imaging")])
    assert latest["standard_error"].to_numpy() == pytest.approx(np.r_[parts, np.hypot(*parts)] / 60_000)
    tied = found.pmpm(Span.of("2023-01", "2023-06"), correlation=1.0)
    assert tied.loc["All", "standard_error"] == pytest.approx(parts.sum() / 60_000)
    assert (latest["high"] - latest["low"]).to_numpy() == pytest.approx(2 * 1.959964 * latest["standard_error"])
    with pytest.raises(InputError, match="2023-07 has no payments or no exposure"):
        found.pmpm(2023)
    with pytest.raises(InputError, match="2022-01 has no payments or no exposure"):
        complete(payments()).pmpm(2022)


def test_actual_follows_expected_and_tells_where_it_does_not():
    data = payments()
    exact = actual_against_expected(data, months=3, exposure=members())
    since = data[(data["paid_month"] > "2023-03") & (data["incurred_month"] <= "2023-03")]
    assert exact["actual"].tolist() == pytest.approx(
        [*since.groupby("service_category", sort=False)["allowed"].sum(), since["allowed"].sum()]
    )
    assert exact["actual_to_expected"].to_numpy() == pytest.approx(1)
    assert exact["difference"].to_numpy() == pytest.approx(0, abs=1e-4)
    slow = (data["service_category"] == "Imaging") & (data["paid_month"] == "2023-06")
    found = actual_against_expected(data.assign(allowed=data["allowed"].where(~slow, data["allowed"] / 2)))
    assert found["actual_to_expected"].loc[["Primary Care", "Imaging"]].to_numpy() == pytest.approx([1, 0.5])
    assert found.loc["All", "difference"] == pytest.approx(found.loc["Imaging", "difference"], abs=1e-4)


def test_back_test_compares_what_was_open_then():
    data = payments(rows=36, noise=0.05)
    found = back_test(data, months=6, exposure=members(36))
    earlier = complete(data, members(36), CompletionSettings(paid_through="2023-06-30"))
    today = complete(data, members(36))
    month = pd.Period("2023-05", "M")
    row = found.loc[("Imaging", month)]
    for kind, whole in (("estimate", earlier), ("today", today)):
        part = whole.monthly[(whole.monthly["service_category"] == "Imaging") & (whole.monthly["month"] == month)]
        assert row[kind] == pytest.approx(part["completed_allowed"].item())
    assert row["error"] == pytest.approx(row["estimate"] / row["today"] - 1)
    assert row["error_in_standard_errors"] == pytest.approx((row["estimate"] - row["today"]) / row["standard_error"])
    assert found.loc["All"].index[-1] == pd.Period("2023-06", "M")
    assert found.loc["All"].index[0] == pd.Period("2021-08", "M")  # 23 months old then
    assert found.loc["Imaging"].index.equals(found.loc["All"].index)
    both = found.loc[[("Imaging", month), ("Primary Care", month)]]
    assert found.loc[("All", month), "estimate"] == pytest.approx(both["estimate"].sum())
    assert found.loc[("All", month), "standard_error"] == pytest.approx(np.hypot(*both["standard_error"]))
    assert found["error_in_standard_errors"].abs().max() < 5


def test_back_test_of_noiseless_payments_finds_no_error():
    found = back_test(payments(rows=36), months=6, exposure=members(36))
    assert found["error"].abs().max() < 1e-9
    assert len(found) > 30


def test_mack_error_is_nothing_without_months():
    development = completion_factors(stairs(simulated(1))).development
    empty = pd.DataFrame({"lag": [], "share_complete": [], "completed": []}).astype({"lag": int})
    each, total = mack_error(empty, development)
    assert len(each) == 0
    assert total == 0
