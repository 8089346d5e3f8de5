"""Simulation: exact luck against the inversion and members drawn one by one, moments of causes, variance by cause."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from acomodel.contract.settlement import settle
from acomodel.contract.terms import Terms
from acomodel.inputs import InputError
from acomodel.outlook.luck.chance import chance_of_savings
from acomodel.outlook.luck.costs import cost_distribution, severity_costs
from acomodel.outlook.luck.populations import _severity
from acomodel.outlook.luck.ratio import Noise, SpendingRatio
from acomodel.outlook.luck.savings import savings_distribution
from acomodel.outlook.years import futures as futures_module
from acomodel.outlook.years import simulation as simulation_module
from acomodel.outlook.years.draws import correlated, figures, luck, resampled_ratio
from acomodel.outlook.years.simulation import Prospect, difference, simulate
from acomodel.outlook.years.uncertainty import CAUSES, LUCK_ONLY, Uncertainty
from acomodel.outlook.years.variance import layout, shapley_split, variance_by_cause

MEDICARE = stats.gengamma(0.739, 0.590, scale=4_000)
UNCAPPED = severity_costs(MEDICARE, zero_share=0.05)
CAPPED = severity_costs(MEDICARE, zero_share=0.05, truncate=90_000)
ONE_SIDED = Terms(sharing_rate=0.5, msr=0.02)
TWO_SIDED = Terms(
    sharing_rate=0.6,
    msr=0.01,
    loss_method="one_minus_final_rate",
    loss_limit_benchmark=0.03,
    savings_cap_benchmark=0.05,
    sequestration=0.02,
)
EVERYTHING = Terms(sharing_rate=1.0, loss_method="fixed", loss_rate=1.0)
NOTHING = {"skill_sd": 0.0, "benchmark_sd": 0.0, "benchmark_constant": 0.0}
EVERY = Uncertainty(trend_sd=0.01, completion_sd=0.01, risk_sd=0.008, quality_sd=0.05, market_sd=0.006)
SURE = cost_distribution([1_000.0])


def prospect(members=5_000, *, costs=CAPPED, **given):
    return Prospect(costs, members, 12_000.0 * members, **given)


# ---- luck ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("costs", [CAPPED, UNCAPPED], ids=["capped", "uncapped"])
@pytest.mark.parametrize("members", [500, 5_000, 250_000])
def test_one_lucky_year_pays_what_the_exact_distribution_says(costs, members):
    spread = costs.cv / members**0.5
    ahead = prospect(members, costs=costs, years=1, uncertainty=LUCK_ONLY, quality_score=0.9)
    futures = ahead.futures(ahead.draw(60_000, seed=3))
    exact = savings_distribution(costs, members)
    for z, other in ((0.0, {}), (1.0, {"share_from": "threshold"}), (2.0, {"quality_method": "multiplier"})):
        terms = dataclasses.replace(TWO_SIDED, msr=z * spread, **other)
        want = exact.payments(terms, benchmark=ahead.benchmark, quality_score=0.9)
        found = futures.settle(terms).to_frame().loc["Year 1"]
        for name, figure in (
            ("expected", want.expected_payment),
            ("chance_earned", want.chance_earned),
            ("chance_owed", want.chance_owed),
            ("sd", want.sd),
            ("worst", want.worst_payment),
        ):
            assert abs(found[name] - figure) <= 4 * found[f"{name}_se"] + 1e-6, (z, name)


@pytest.mark.parametrize("members", [500, 5_000, 250_000])
def test_tabulated_quantiles_are_those_of_the_inversion(members):
    z = np.array([-6.0, -4.2, -2.33, -1.0, -0.0123, 0.5, 1.77, 3.1, 5.5])
    ratio = SpendingRatio(UNCAPPED, members, Noise())
    x = ratio.total * (luck(UNCAPPED, members)(z) - 1)
    low, high = ratio.year.at_most(x)[0], ratio.year.at_least(x)[0]
    assert stats.norm.ppf(low)[:6] == pytest.approx(z[:6], abs=2e-4)
    assert -stats.norm.ppf(high)[4:] == pytest.approx(z[4:], abs=2e-4)


@pytest.mark.parametrize(("costs", "members"), [(UNCAPPED, 300), (CAPPED, 1_000)])
def test_members_drawn_one_by_one_have_the_distribution_of_the_exact_draws(costs, members):
    one_by_one = resampled_ratio(costs, members, 20_000, seed=5)
    ratio = SpendingRatio(costs, members, Noise())
    drawn = luck(costs, members)(np.random.default_rng(6).standard_normal(200_000))
    for found in (one_by_one, drawn):
        assert stats.kstest(found[:20_000], lambda y: ratio.year.cdf(ratio.total * (y - 1))).pvalue > 0.01
    assert stats.ks_2samp(one_by_one, drawn).pvalue > 0.01
    sd = costs.cv / members**0.5
    for found in (one_by_one, drawn):
        assert abs(found.mean() - 1) < 4 * sd / len(found) ** 0.5
        assert found.std() == pytest.approx(sd, rel=0.03)
        assert stats.skew(found) == pytest.approx(costs.skewness / members**0.5, rel=0.2)


def test_resampling_keeps_strata_and_counts_out_of_weights():
    costs = cost_distribution([0, 100, 5_000, 9_000], counts=[90, 10, 1, 9], strata=["a", "a", "b", "b"])
    found = resampled_ratio(costs, 220, 30_000, seed=2)
    p, q = 0.1, 0.9
    total = 200 * 100 * p + 20 * (5_000 + 4_000 * q)
    sd = math.sqrt(200 * 100**2 * p * (1 - p) + 20 * 4_000**2 * q * (1 - q)) / total
    assert abs(found.mean() - 1) < 4 * sd / 30_000**0.5
    assert found.std() == pytest.approx(sd, rel=0.02)
    assert (resampled_ratio(costs, 220, 10, seed=2) == resampled_ratio(costs, 220, 10, seed=2)).all()


def test_rare_claims_are_drawn_in_whole_numbers():
    costs = cost_distribution([0.0, 100_000.0], counts=[999, 1])
    drawn = luck(costs, 3_000)(np.random.default_rng(1).standard_normal(100_000)) * 3
    assert np.allclose(drawn, np.rint(drawn), atol=1e-9)
    seen = np.bincount(np.rint(drawn).astype(int), minlength=9)[:9]
    chances = stats.binom.pmf(np.arange(9), 3_000, 0.001)
    assert (np.abs(seen / 1e5 - chances) < 4 * np.sqrt(chances / 1e5) + 1e-9).all()


@pytest.mark.parametrize("members", [1, 2])
def test_one_member_and_two_are_drawn_exactly(members):
    costs = cost_distribution([0.0, 10.0, 10.0, 77.7])
    drawn = luck(costs, members)(np.random.default_rng(2).standard_normal(40_000)) * costs.mean * members
    sums = [sum(pair) for pair in itertools.product([0.0, 10.0, 10.0, 77.7], repeat=members)]
    for value in set(sums):
        chance = sums.count(value) / len(sums)
        seen = (np.abs(drawn - value) < 0.02).mean()
        assert abs(seen - chance) < 4 * (chance * (1 - chance) / 40_000) ** 0.5


def test_certain_costs_draw_nothing():
    ahead = prospect(costs=SURE, uncertainty=LUCK_ONLY)
    assert ahead.causes == () and ahead.draw(100).by_cause == {}
    assert (ahead.futures(ahead.draw(100)).savings_rate == 0).all()


# ---- one cause at a time -------------------------------------------------------------------------------------------


def only(years=6, draws=40_000, members=12_000, **sizes):
    """Futures in which only the causes given are uncertain; costs are certain."""
    ahead = prospect(members, costs=SURE, years=years, uncertainty=Uncertainty(**(NOTHING | sizes)))
    return ahead.futures(ahead.draw(draws, seed=4))


def test_skill_is_stationary_and_what_was_given_is_forgotten():
    found = only(skill_sd=0.03, skill_persistence=0.7, true_savings=0.04, long_run_savings=0.01).true_savings
    want = 0.01 + 0.7 ** np.arange(6) * 0.03
    assert found.mean(axis=0) == pytest.approx(want, abs=4 * 0.03 / 200)
    assert found.std(axis=0) == pytest.approx(np.full(6, 0.03), rel=4 / 283)
    corr = np.corrcoef(found.T)
    for lag in (1, 2, 3):
        assert np.diag(corr, lag) == pytest.approx(np.full(6 - lag, 0.7**lag), abs=0.02)
    assert stats.kstest((found[:, 5] - want[5]) / 0.03, "norm").pvalue > 0.01


def test_skill_spreads_less_in_large_acos():
    small, large = (only(1, 20_000, n, skill_sd=0.0346).true_savings.std() for n in (3_000, 48_000))
    assert small == pytest.approx(0.0346 * 4**0.25, rel=0.02) and large == pytest.approx(0.0346 / 4**0.25, rel=0.02)


def test_the_error_of_the_benchmark_stays_until_the_reset():
    found = np.log(only(benchmark_sd=0.02, benchmark_constant=1.5, agreement_years=4).benchmark)
    assert (np.ptp(found[:, :4], axis=1) < 1e-12).all() and (np.ptp(found[:, 4:], axis=1) < 1e-12).all()
    assert abs(np.corrcoef(found[:, 3], found[:, 4])[0, 1]) < 4 / 200
    want = math.hypot(0.02, 1.5 / 12_000**0.5)
    assert np.exp(found[:, 0]).std() / (12_000.0 * 12_000) == pytest.approx(want, rel=0.02)


def test_the_error_of_the_trend_grows_until_the_reset():
    found = np.log(only(trend_sd=0.01, trend_years=2.0, agreement_years=3).benchmark)
    assert found.std(axis=0) == pytest.approx(np.array([0.02, 0.03, 0.04] * 2), rel=0.02)
    assert np.corrcoef(found[:, 0], found[:, 2])[0, 1] == pytest.approx(1)
    far = only(4, trend_sd=0.1, trend_years=2.0).benchmark / (12_000.0 * 12_000)
    assert (np.abs(far.mean(axis=0) - 1) < 4 * far.std(axis=0) / 200).all()
    assert abs(np.corrcoef(found[:, 2], found[:, 3])[0, 1]) < 4 / 200


def test_risk_drifts_anew_with_each_agreement_and_the_market_drifts_on():
    risk = only(risk_sd=0.01, risk_drift=0.005, agreement_years=3)
    spread = np.log(risk.benchmark).std(axis=0)
    assert spread == pytest.approx(0.01 * np.sqrt([1, 2, 3, 1, 2, 3]), rel=0.02)
    market = only(market_sd=0.01, market_drift=0.004, agreement_years=3)
    assert np.log(market.benchmark).std(axis=0) == pytest.approx(0.01 * np.sqrt(np.arange(1, 7)), rel=0.02)
    for found, growth in ((risk, 1.005 ** np.array([0, 1, 2, 0, 1, 2])), (market, 1.004 ** np.arange(6))):
        mean = found.benchmark.mean(axis=0) / found.prospect.benchmark
        assert (np.abs(mean - growth) < 4 * found.benchmark.std(axis=0) / found.prospect.benchmark / 200).all()
    assert market.savings_rate[:, 5].mean() == pytest.approx(5 * 0.004, abs=0.002)


def test_completion_and_quality_are_drawn_anew_each_year():
    spent = only(completion_sd=0.015).actual
    assert spent.std(axis=0) / spent.mean() == pytest.approx(np.full(6, 0.015), rel=0.02)
    assert abs(np.corrcoef(spent[:, 0], spent[:, 1])[0, 1]) < 4 / 200
    ahead = dataclasses.replace(only(quality_sd=0.1).prospect, quality_score=0.95)
    score = ahead.futures(ahead.draw(40_000)).quality_score
    assert score.max() == 1.0 and (score == 1).mean() == pytest.approx(stats.norm.sf(0.5), abs=0.005)
    assert abs(np.corrcoef(score[:, 0], score[:, 1])[0, 1]) < 4 / 200


def test_without_true_savings_and_drift_expected_savings_are_nothing_and_the_rate_lies_below():
    ahead = prospect(5_000, uncertainty=EVERY, years=4, growth=0.03)
    found = ahead.futures(ahead.draw(100_000))
    savings = found.benchmark - found.actual
    assert (np.abs(savings.mean(axis=0)) < 4 * savings.std(axis=0) / 1e5**0.5).all()
    below = (found.benchmark.std(axis=0) / found.benchmark.mean(axis=0)) ** 2
    rate = found.savings_rate
    assert (np.abs(rate.mean(axis=0) + below) < 4 * rate.std(axis=0) / 1e5**0.5).all()


def test_defaults_give_the_correlations_of_published_savings_rates():
    """`sim_check_moments.csv`: within an agreement 0.674 (20 panels: 0.659 to 0.684), across 0.426 (0.380 to 0.465)."""
    costs = cost_distribution([0.0, 1_000.0], counts=[2.0103**2, 1.0])  # coefficient of variation 2.0103
    sizes = np.exp(stats.norm(np.log(13_200), 0.784).ppf((np.arange(60) + 0.5) / 60)).clip(5_000, 75_000)
    kept = Uncertainty(agreement_years=2)
    panel = []
    for number, n in enumerate(sizes.astype(int)):
        ahead = prospect(int(n), costs=costs, years=4, uncertainty=kept)
        panel.append(ahead.futures(ahead.draw(2_000, seed=number)).savings_rate)
    corr = np.corrcoef(np.clip(np.concatenate(panel), -0.2, 0.2).T)
    assert (corr[0, 1] + corr[2, 3]) / 2 == pytest.approx(0.674, abs=0.02)
    assert corr[1, 2] == pytest.approx(0.426, abs=0.03)


# ---- correlation ---------------------------------------------------------------------------------------------------

MIXED = (("luck", "benchmark", -0.7), ("trend", "benchmark", 0.5), ("trend", "completion", 0.4), ("skill", "risk", 0.3))


def test_scores_of_each_year_correlate_as_stated():
    ahead = prospect(years=5, uncertainty=dataclasses.replace(EVERY, correlation=MIXED))
    scores = ahead.draw(60_000, seed=9)
    groups, covariance = layout(ahead)
    every = np.concatenate([scores.by_cause[cause] for cause in groups], axis=1)
    assert np.abs(np.cov(every.T) - covariance).max() < 5 / 60_000**0.5
    at = {cause: columns[0] for cause, columns in groups.items()}
    for one, other, rho in MIXED:
        assert covariance[at[one], at[other]] == pytest.approx(rho)
    a, b = groups["luck"][:2]
    assert covariance[a, b] == pytest.approx(0.49 / 0.75)  # both years see the same benchmark and trend
    assert covariance[groups["luck"][2], groups["luck"][3]] == 0  # another agreement
    assert np.linalg.eigvalsh(covariance)[0] > -1e-12


def test_perfect_correlation_of_luck_and_completion_and_of_every_cause_with_the_benchmark():
    ahead = prospect(uncertainty=dataclasses.replace(EVERY, correlation=(("luck", "completion", 1.0),)))
    z = ahead.draw(500).by_cause
    assert np.allclose(z["luck"], z["completion"], atol=1e-7)
    rows = (("luck", "benchmark", -1.0), ("trend", "benchmark", 1.0), ("trend", "luck", -1.0))
    z = prospect(uncertainty=dataclasses.replace(EVERY, correlation=rows)).draw(500).by_cause
    assert np.allclose(z["luck"], -z["benchmark"], atol=1e-7) and np.allclose(z["trend"], z["benchmark"], atol=1e-7)


def test_correlation_changes_the_spread_of_the_savings_rate():
    spread = []
    for rho in (-0.8, 0.0, 0.8):
        sizes = dataclasses.replace(LUCK_ONLY, benchmark_sd=0.02, correlation=(("luck", "benchmark", rho),))
        ahead = prospect(years=1, uncertainty=sizes)
        spread.append(ahead.futures(ahead.draw(40_000)).savings_rate.std())
    a, b = CAPPED.cv / 5_000**0.5, 0.02
    assert spread == pytest.approx([math.sqrt(a**2 + b**2 - 2 * rho * a * b) for rho in (-0.8, 0.0, 0.8)], rel=0.02)


def test_a_cause_made_certain_leaves_the_scores_of_the_others():
    fewer = Uncertainty(skill_sd=0.0)
    all_of_them, few = (prospect(uncertainty=u).draw(300, seed=7).by_cause for u in (EVERY, fewer))
    assert set(few) == {"luck", "benchmark"}
    assert all((all_of_them[cause] == few[cause]).all() for cause in few)
    same = dict(few)
    assert correlated(same, np.eye(2), ("benchmark",), [0, 0, 0]) == same


# ---- settlement ----------------------------------------------------------------------------------------------------


def test_every_year_is_settled_by_settle():
    ahead = prospect(300, uncertainty=EVERY, years=3, quality_score=0.8, revenue=5e5, growth=0.04)
    contracts = [
        ONE_SIDED,
        dataclasses.replace(TWO_SIDED, msr="size"),
        Terms(sharing_rate=0.5, msr=0.01, quality_method="multiplier", savings_cap_revenue=0.02),
    ]
    futures = ahead.futures(ahead.draw(500))
    found = futures.settle(contracts)
    for at in range(0, 500, 25):
        for t, terms in enumerate(contracts):
            want = settle(
                float(futures.benchmark[at, t]),
                float(futures.actual[at, t]),
                terms,
                members=300,
                quality_score=float(futures.quality_score[at, t]),
                revenue=5e5 * 1.04**t,
            ).payment
            assert found.payment[at, t] == pytest.approx(want, rel=1e-12)
    assert found.total == pytest.approx(found.payment.sum(axis=1))
    assert (futures.settle([ONE_SIDED] * 3).payment == futures.settle(ONE_SIDED).payment).all()


def test_growth_and_a_later_year_with_luck_only_is_the_first_year_with_a_larger_benchmark():
    found = simulate(CAPPED, 5_000, 60e6, TWO_SIDED, uncertainty=LUCK_ONLY, growth=0.05, draws=40_000).to_frame()
    for t, year in enumerate(("Year 1", "Year 2", "Year 3")):
        want = savings_distribution(CAPPED, 5_000).payments(TWO_SIDED, benchmark=60e6 * 1.05**t)
        assert abs(found.loc[year, "expected"] - want.expected_payment) < 4 * found.loc[year, "expected_se"]
    assert found.loc["All years", "expected"] == pytest.approx(found["expected"].iloc[:3].sum())


def test_losses_carried_are_set_against_savings_of_later_years():
    terms = Terms(sharing_rate=0.5, msr=0.01, losses_carried=True)
    futures = prospect().futures(prospect().draw(20_000))
    found, free = (futures.settle(t).payment for t in (terms, dataclasses.replace(terms, losses_carried=False)))
    assert (found[:, 0] == free[:, 0]).all() and (found <= free + 1e-6).all() and (found[:, 1:] < free[:, 1:]).any()
    savings = futures.benchmark - futures.actual
    rate = savings / futures.benchmark
    owed = np.where(rate[:, 0] <= -0.01, -savings[:, 0], 0.0)
    second = np.where(rate[:, 1] >= 0.01, 0.5 * np.maximum(savings[:, 1] - owed, 0.0), 0.0)
    assert found[:, 1] == pytest.approx(second, abs=1e-4)


def test_other_true_savings_are_tried_on_the_same_scores():
    futures = prospect(uncertainty=EVERY, years=5).futures(prospect(uncertainty=EVERY, years=5).draw(300))
    more = futures.saving(0.03)
    assert more.scores is futures.scores and (more.benchmark == futures.benchmark).all()
    assert more.true_savings - futures.true_savings == pytest.approx(0.03 * np.ones((300, 5)))
    ratio = (1 - more.true_savings) / (1 - futures.true_savings)
    assert more.actual == pytest.approx(futures.actual * ratio)
    with pytest.raises(InputError, match=r"true_savings is 0\.6; a share above -0\.5 and below 0\.5"):
        futures.saving(0.6)


@st.composite
def contracts(draw):
    share = st.floats(0, 1).map(lambda x: round(x, 3))
    method = draw(st.sampled_from(["none", "fixed", "one_minus_final_rate", "one_minus_rate_times_quality"]))
    return Terms(
        sharing_rate=draw(share),
        share_from=draw(st.sampled_from(["first_dollar", "threshold"])),
        msr=draw(st.floats(0, 0.06)),
        mlr=draw(st.floats(0, 0.06)),
        quality_method=draw(st.sampled_from(["none", "multiplier", "gate"])),
        quality_gate=draw(st.sampled_from([0.0, 0.85])),
        savings_cap_benchmark=draw(st.none() | st.floats(0, 0.1)),
        loss_method=method,
        loss_rate=draw(share) if method == "fixed" else None,
        loss_limit_benchmark=draw(st.none() | st.floats(0, 0.1)),
        loss_forgiven=draw(share),
        sequestration=draw(share),
        below_msr_factor=draw(st.sampled_from([0.0, 0.5])),
    )


def better(terms, draw):
    """The same contract with every clause that may move moved in the ACO's favour, or left as it is."""

    def up(name, top=1.0):
        value = getattr(terms, name)
        return None if value is None else draw(st.floats(value, top) | st.just(value))

    def down(name):
        value = getattr(terms, name)
        return draw(st.floats(0, value) | st.just(value))

    moved = {name: up(name) for name in ("sharing_rate", "mlr", "savings_cap_benchmark", "loss_forgiven")}
    moved |= {"below_msr_factor": up("below_msr_factor")}
    moved |= {name: down(name) for name in ("msr", "sequestration", "quality_gate")}
    if terms.loss_rate is not None:
        moved["loss_rate"] = down("loss_rate")
    if terms.loss_limit_benchmark is not None:
        moved["loss_limit_benchmark"] = down("loss_limit_benchmark")
    if terms.savings_cap_benchmark is not None and draw(st.booleans()):
        moved["savings_cap_benchmark"] = None
    return dataclasses.replace(terms, **moved)


WIDE = prospect(1_000, uncertainty=EVERY, quality_score=0.85)
WIDE_FUTURES = WIDE.futures(WIDE.draw(2_000))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_contract_better_in_every_clause_never_pays_less_in_any_future(data):
    """Domain: the minimum loss rate is stated by itself, for one that mirrors a lower threshold is a worse clause."""
    worse = data.draw(contracts())
    best = better(worse, data.draw)
    assert (WIDE_FUTURES.settle(best).payment >= WIDE_FUTURES.settle(worse).payment - 1e-6).all()


def test_a_lower_threshold_that_losses_mirror_is_no_better_contract():
    terms = dataclasses.replace(TWO_SIDED, msr=0.03, mlr="msr")
    apart = WIDE_FUTURES.settle(dataclasses.replace(terms, msr=0.01)).payment - WIDE_FUTURES.settle(terms).payment
    assert apart.min() < 0 < apart.max()


# ---- figures -------------------------------------------------------------------------------------------------------


def test_standard_errors_are_what_figures_vary_by():
    law = stats.gamma(1.5)
    runs = [figures(np.where((x := law.rvs(1_000, random_state=k)) < 1, -x, x)) for k in range(400)]
    for name in [n for n in runs[0] if not n.endswith("_se")]:
        seen = np.std([run[name] for run in runs], ddof=1)
        said = math.sqrt(np.mean([run[f"{name}_se"] ** 2 for run in runs]))
        assert said == pytest.approx(seen, rel=0.15), name


def test_figures_of_known_numbers():
    found = figures(np.arange(-10.0, 90.0))
    assert (found["expected"], found["chance_earned"], found["chance_owed"]) == (39.5, 0.89, 0.10)
    assert found["worst"] == -8.0 and found["q50"] == pytest.approx(39.5, abs=0.51)
    assert found["expected_se"] == pytest.approx(np.arange(100).std(ddof=1) / 10)
    flat = figures(np.zeros(200))
    assert all(v == 0 for k, v in flat.items() if not k.startswith("chance"))
    assert flat["chance_owed"] == 0 and 0 < flat["chance_owed_se"] < 0.01  # never seen is not impossible


def test_the_mean_of_the_worst_counts_a_part_of_the_last_one():
    values = np.arange(110.0)  # five and a half of 110
    assert figures(values)["worst"] == pytest.approx((0 + 1 + 2 + 3 + 4 + 0.5 * 5) / 5.5)


def test_differences_are_paired():
    futures = prospect().futures(prospect().draw(2_000))
    a, b = futures.settle(ONE_SIDED), futures.settle(dataclasses.replace(ONE_SIDED, sharing_rate=0.6))
    found = difference(b, a)
    assert found.expected == pytest.approx(0.2 * a.total.mean())
    assert found.standard_error == pytest.approx(0.2 * a.to_frame().loc["All years", "expected_se"])
    assert found.standard_error < 0.3 * b.to_frame().loc["All years", "expected_se"]
    twin = prospect().futures(prospect().draw(2_000)).settle(ONE_SIDED)
    assert difference(a, twin).expected == 0
    other = prospect().futures(prospect().draw(2_000, seed=2)).settle(ONE_SIDED)
    with pytest.raises(InputError, match="different futures"):
        difference(a, other)
    assert "Standard error" in repr(found)


def test_the_same_seed_gives_the_same_bits_whatever_the_chunks_and_the_bar(monkeypatch, capsys):
    def run(seed=1, **given):
        sizes = dataclasses.replace(EVERY, correlation=MIXED)
        return simulate(CAPPED, 700, 8e6, TWO_SIDED, draws=2_500, seed=seed, uncertainty=sizes, **given).payment

    first = run()
    assert (run() == first).all() and (run(progress=True) == first).all()
    assert "Simulation" in capsys.readouterr().err
    monkeypatch.setattr(simulation_module, "CHUNK", 333)
    monkeypatch.setattr(futures_module, "CHUNK", 401)
    assert (run() == first).all()
    assert (run(seed=2) != first).any()


def test_truncation_of_costs_and_scores_shared_between_prospects():
    capped = simulate(UNCAPPED, 2_000, 2e7, EVERYTHING, uncertainty=LUCK_ONLY, years=1, truncate=50_000.0)
    free = simulate(UNCAPPED, 2_000, 2e7, EVERYTHING, uncertainty=LUCK_ONLY, years=1)
    assert capped.total.std() < free.total.std()
    assert stats.spearmanr(capped.total, free.total).statistic == pytest.approx(1)


def test_exhibits_show_each_figure_with_its_error():
    found = simulate(CAPPED, 5_000, 60e6, TWO_SIDED, draws=500)
    text = repr(found)
    for words in ("500 futures of 3 years", "All years", "Expected payment", "± chance that the ACO owes", "worst 5%"):
        assert words in text
    assert "Savings rate" in repr(found.futures) and "<table" in found._repr_html_()
    assert repr(found.futures.scores) == "500 futures of 3 years, seed 1: luck, skill, benchmark"
    assert not found.to_frame().isna().any().any() and not found.futures.to_frame().isna().any().any()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"benchmark": 0.0}, "benchmark is 0.0; dollars above zero"),
        ({"benchmark": math.nan}, "benchmark is nan"),
        ({"years": 0}, "years is 0; 1 or more"),
        ({"years": 2.5}, "years is 2.5"),
        ({"draws": 99}, "draws is 99; 100 or more"),
        ({"seed": -1}, "seed is -1"),
        ({"members": 0}, "members is 0"),
        ({"members": 10.5}, "members is 10.5"),
        ({"quality_score": 1.2}, "quality_score is 1.2"),
        ({"quality_standard": "good"}, "quality_standard is 'good'"),
        ({"growth": -1.0}, "growth is -1.0"),
        ({"revenue": -5.0}, "revenue is -5.0"),
        ({"annual_costs": [0.0, 0.0]}, "mean annual cost is 0.00"),
        ({"terms": [ONE_SIDED]}, "1 terms for 3 years"),
        ({"terms": Terms(sharing_rate=0.5, savings_cap_revenue=0.1)}, "revenue it refers to is needed"),
    ],
)
def test_bad_input_is_one_line(changed, words):
    usual = {"annual_costs": CAPPED, "members": 1_000, "benchmark": 1e7, "terms": ONE_SIDED, "draws": 100}
    with pytest.raises(InputError) as error:
        simulate(**(usual | changed))
    assert words in str(error.value) and "\n" not in str(error.value)


def test_scores_of_another_prospect_must_fit():
    ahead = prospect(uncertainty=EVERY)
    for other in (prospect(uncertainty=LUCK_ONLY), prospect(uncertainty=EVERY, years=2)):
        with pytest.raises(InputError, match="scores are of"):
            ahead.futures(other.draw(100))
    assert prospect(uncertainty=LUCK_ONLY).futures(ahead.draw(100)).benchmark.std() == 0


# ---- variance by cause ---------------------------------------------------------------------------------------------


def closed_form(weights, covariance, groups):
    """Shapley, first and total effects of a linear function of normal inputs."""
    names, costs = list(groups), {}
    for size in range(len(names) + 1):
        for u in itertools.combinations(names, size):
            inside = [i for name in u for i in groups[name]]
            rest = [i for i in range(len(weights)) if i not in inside]
            part = (
                covariance[np.ix_(inside, inside)]
                - covariance[np.ix_(inside, rest)]
                @ np.linalg.pinv(covariance[np.ix_(rest, rest)])
                @ covariance[np.ix_(rest, inside)]
            )
            costs[frozenset(u)] = float(weights[inside] @ part @ weights[inside])
    every, found = frozenset(names), {}
    for name in names:
        shapley = sum(
            (costs[u | {name}] - costs[u]) / len(names) / math.comb(len(names) - 1, len(u))
            for u in costs
            if name not in u
        )
        found[name] = (shapley, costs[every] - costs[every - {name}], costs[frozenset({name})])
    return costs[every], found


def agrees(effects, want, variance):
    for cause, parts in want.items():
        for name, value in zip(("share", "first", "total"), parts, strict=True):
            row = effects.table.loc[cause]
            assert abs(row[name] - value / variance) < 4 * row[f"{name}_se"] + 1e-9, (cause, name)
            assert row[f"{name}_se"] < 0.05


def test_linear_functions_of_correlated_inputs_have_the_closed_form():
    groups = {"a": [0, 3], "b": [1], "c": [2, 4]}
    mix = np.random.default_rng(8).standard_normal((5, 5))
    covariance, weights = mix @ mix.T / 3, np.array([1.0, -0.7, 0.5, 0.3, 1.2])
    variance, want = closed_form(weights, covariance, groups)
    found = shapley_split(lambda x: {"f": x @ weights}, covariance, groups, draws=8_000)["f"]
    agrees(found, want, variance)
    assert found.table["share"].sum() == pytest.approx(1, abs=1e-12)
    assert abs(found.variance - variance) < 4 * found.variance_se
    two = np.array([[1.0, 0.5], [0.5, 1.0]])  # Owen and Prieur 2017, theorem 1: (b1² (1 - r²/2) + r b1 b2 + b2² r²/2)
    share = closed_form(np.array([1.0, 2.0]), two, {"a": [0], "b": [1]})[1]["a"][0]
    assert share == pytest.approx(1 * (1 - 0.125) + 0.5 * 2 + 4 * 0.125)


def test_standard_errors_of_shares_are_what_they_vary_by():
    covariance, groups = np.array([[1.0, 0.4], [0.4, 1.0]]), {"a": [0], "b": [1]}
    runs = [
        shapley_split(lambda x: {"f": x[:, 0] + np.exp(x[:, 1])}, covariance, groups, draws=400, seed=k)["f"].table
        for k in range(300)
    ]
    for name in ("share", "first", "total"):
        seen = np.std([run.loc["a", name] for run in runs], ddof=1)
        said = np.sqrt(np.mean([run.loc["a", f"{name}_se"] ** 2 for run in runs]))
        assert said == pytest.approx(seen, rel=0.2), name


@pytest.mark.parametrize("rows", [(), (("skill", "benchmark", 0.6), ("luck", "benchmark", -0.3))], ids=["free", "tied"])
def test_a_contract_that_hands_over_all_savings_splits_as_its_linear_form(rows):
    sizes = Uncertainty(correlation=rows, skill_sd=0.01, benchmark_sd=0.01, benchmark_constant=0.0)
    ahead = prospect(20_000, uncertainty=sizes, years=4)
    groups, covariance = layout(ahead)
    rho, weights = 0.76, np.zeros(len(covariance))
    for s, at in enumerate(groups["skill"]):  # what the innovation of a year does to it and to later ones
        weights[at] = sizes.skill_deviation(20_000) * sum(rho ** (t - s) for t in range(s, 4))
        weights[at] *= 1.0 if s == 0 else math.sqrt(1 - rho**2)
    weights[groups["luck"]] = -CAPPED.cv / 20_000**0.5
    weights[groups["benchmark"]] = [0.03, 0.01]  # three years of the first agreement, one of the second
    variance, want = closed_form(weights, covariance, groups)
    found = variance_by_cause(ahead, EVERYTHING, draws=8_000)
    for effects in (found.payment, found.savings_rate):
        agrees(effects, want, variance)
        assert effects.table["share"].sum() == pytest.approx(1, abs=1e-12)
    assert found.payment.sd == pytest.approx(math.sqrt(variance) * ahead.benchmark, rel=0.04)


def test_without_other_causes_all_is_luck_and_without_variance_nothing():
    found = variance_by_cause(prospect(uncertainty=LUCK_ONLY), TWO_SIDED, draws=500)
    assert found.payment.table.loc["luck", ["share", "first", "total"]].tolist() == [1, 1, 1]
    never = Terms(sharing_rate=0.0)
    for ahead in (prospect(), prospect(costs=SURE, uncertainty=LUCK_ONLY)):
        split = variance_by_cause(ahead, never, draws=100)
        assert split.payment.variance == 0 and (split.payment.table.to_numpy() == 0).all()
        assert "nan" not in repr(split).lower()


def test_the_split_adds_up_with_every_cause_and_any_correlation_and_names_it():
    ahead = prospect(uncertainty=dataclasses.replace(EVERY, correlation=MIXED), quality_score=0.8)
    terms = dataclasses.replace(TWO_SIDED, quality_method="multiplier")
    found = variance_by_cause(ahead, terms, draws=400)
    assert list(found.payment.table.index) == list(CAUSES)
    assert found.to_frame().groupby("outcome")["share"].sum().tolist() == pytest.approx([1, 1], abs=1e-12)
    total = ahead.futures(ahead.draw(20_000)).settle(terms).total
    assert abs(found.payment.variance - total.var()) < 5 * found.payment.variance_se
    assert "Luck: what the members of the year happen to cost" in repr(found) and "Total" in repr(found)
    again = variance_by_cause(ahead, terms, draws=400)
    assert again.payment.table.equals(found.payment.table)


def test_too_many_groups_or_too_few_draws_are_refused():
    groups = {str(i): [i] for i in range(9)}
    with pytest.raises(InputError, match="9 causes and 4096 draws"):
        shapley_split(lambda x: {"f": x[:, 0]}, np.eye(9), groups)
    with pytest.raises(InputError, match="50 draws"):
        variance_by_cause(prospect(), ONE_SIDED, draws=50)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(-0.9, 0.9), min_size=6, max_size=6),
    st.integers(1, 7),
    st.integers(1, 4),
)
def test_any_positive_matrix_gives_scores_of_unit_variance_in_every_year(values, years, agreement_years):
    names = ["luck", "benchmark", "trend", "risk"]
    rows = tuple((a, b, r) for (a, b), r in zip(itertools.combinations(names, 2), values, strict=True))
    matrix = np.eye(4)
    matrix[np.triu_indices(4, 1)] = values
    matrix = np.maximum(matrix, matrix.T) + np.minimum(matrix, matrix.T) - np.eye(4)
    assume(np.linalg.eigvalsh(matrix)[0] > 0)
    sizes = dataclasses.replace(EVERY, correlation=rows, agreement_years=agreement_years)
    groups, covariance = layout(prospect(years=years, uncertainty=sizes))
    assert np.linalg.eigvalsh(covariance)[0] > -1e-9
    assert np.diag(covariance) == pytest.approx(np.ones(len(covariance)))
    agreements = prospect(years=years, uncertainty=sizes).agreements
    for t in range(years):
        at = [groups[c][agreements[t] if c in ("benchmark", "trend") else t] for c in names]
        assert covariance[np.ix_(at, at)] == pytest.approx(matrix)


@pytest.mark.parametrize(("members", "top"), [(2, 1 - 1e-6), (50, 1 - 1e-6), (500, 1.0)])
def test_the_heaviest_published_costs_are_drawn_as_members_drawn_one_by_one(members, top):
    """Uncapped, one member may cost $979 million: neither cells nor lattice may lose sight of the others."""
    severity = _severity("commercial", 10_000.0)
    capped = None if top == 1 else float(severity.ppf(top))
    costs = severity_costs(severity, zero_share=0.13, truncate=capped)
    drawn = 1 - resampled_ratio(costs, members, 20_000, seed=3)
    for threshold in (0.03, 0.15, 0.3):
        exact = chance_of_savings(costs, members, threshold)
        seen = float((drawn >= threshold).mean())
        assert exact == pytest.approx(seen, abs=4 * (seen * (1 - seen) / 20_000) ** 0.5 + 1e-3)


@pytest.mark.parametrize(
    ("severity", "members"), [(stats.lognorm(s=3.0), 2), (stats.pareto(b=1.2), 2), (stats.pareto(b=1.2), 50)]
)
def test_costs_beyond_any_lattice_are_refused(severity, members):
    with pytest.raises(InputError, match="truncate the costs"):
        chance_of_savings(severity_costs(severity), members, 0.03)


def test_few_costs_that_share_no_lattice_are_no_such_thing():
    drawn = 1 - resampled_ratio([0.0] * 98 + [2_000.123, 7e8], 3, 100_000, seed=1)
    exact = chance_of_savings([0.0] * 98 + [2_000.123, 7e8], 3, 0.5)
    assert exact == pytest.approx((drawn >= 0.5).mean(), abs=0.005)
