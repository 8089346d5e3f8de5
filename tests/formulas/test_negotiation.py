"""Contracts on the same futures: dollars conserved, equal value, frontier, ranking, size; against brute force."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acomodel.contract.terms import Terms
from acomodel.inputs import InputError
from acomodel.outlook.luck.costs import cost_distribution
from acomodel.outlook.luck.savings import savings_distribution
from acomodel.outlook.negotiation.compared import (
    compare_contracts,
    saving_more,
    with_clauses,
    without_savings,
    worst_scores,
)
from acomodel.outlook.negotiation.equivalence import crossing, equal_value
from acomodel.outlook.negotiation.frontier import efficient, frontier, rank_clauses, usual_changes
from acomodel.outlook.negotiation.levels import by_size, levels
from acomodel.outlook.years.simulation import Prospect, difference
from acomodel.outlook.years.uncertainty import LUCK_ONLY, Uncertainty

COSTS = cost_distribution([0.0, 2_000.0, 30_000.0])
MEMBERS, BENCHMARK = 10_000, 10_000 * COSTS.mean
ONE = Terms(sharing_rate=0.5, msr=0.02)
TWO = Terms(
    sharing_rate=0.6,
    msr=0.02,
    mlr=0.02,
    loss_method="fixed",
    loss_rate=0.4,
    savings_cap_benchmark=0.1,
    loss_limit_benchmark=0.05,
)
ALL = Terms(sharing_rate=1.0, loss_method="fixed", loss_rate=1.0)
PARTIAL = Terms(sharing_rate=0.8, loss_method="fixed", loss_rate=0.8, capitated=0.4)
CONTRACTS = {"one": ONE, "two": TWO, "partial": PARTIAL, "all": ALL}


def prospect(uncertainty=None, years=3, **changed):
    saver = Uncertainty(true_savings=0.02, long_run_savings=0.02, trend_sd=0.01, quality_sd=0.05)
    return Prospect(COSTS, MEMBERS, BENCHMARK, years, saver if uncertainty is None else uncertainty, **changed)


def drawn(uncertainty=None, draws=4_000, seed=1, years=3, **changed):
    made = prospect(uncertainty, years, **changed)
    return made.futures(made.draw(draws, seed))


FUTURES = drawn()
LUCKY = drawn(LUCK_ONLY)
CERTAIN = Prospect(
    cost_distribution([1_000.0]), 100, 100_000.0, 2, replace(LUCK_ONLY, true_savings=0.02, long_run_savings=0.02)
)
CERTAIN = CERTAIN.futures(CERTAIN.draw(100))


# side by side


@pytest.mark.parametrize("terms", CONTRACTS.values(), ids=CONTRACTS)
def test_every_dollar_is_somewhere_in_every_future(terms):
    found = compare_contracts(FUTURES, {"it": terms})
    made = found.simulations["it"]
    keeps = (FUTURES.benchmark - FUTURES.actual).sum(axis=1) - made.total
    total = made.total + keeps + FUTURES.actual.sum(axis=1)
    np.testing.assert_allclose(total, FUTURES.benchmark.sum(axis=1), rtol=1e-12)
    figures = found.to_frame()["value"]["it"]
    expected = (FUTURES.benchmark - FUTURES.actual).sum(axis=1).mean()
    assert figures["payment"] + figures["payer_keeps"] == pytest.approx(expected, rel=1e-10)
    assert figures["payer_keeps"] == pytest.approx(keeps.mean(), rel=1e-9)


def test_figures_are_those_of_the_simulation():
    table = compare_contracts(FUTURES, CONTRACTS).to_frame()
    for name, terms in CONTRACTS.items():
        simulation = FUTURES.settle(terms)
        total = simulation.to_frame().loc["All years"]
        assert table.loc[(name, "payment"), "value"] == pytest.approx(total["expected"])
        assert table.loc[(name, "payment"), "standard_error"] == pytest.approx(total["expected_se"])
        assert table.loc[(name, "worst"), "value"] == pytest.approx(total["worst"], rel=1e-9)
        assert table.loc[(name, "worst"), "standard_error"] == pytest.approx(total["worst_se"], rel=0.02)
        by_year = simulation.to_frame().iloc[:-1]
        assert table.loc[(name, "chance_year"), "value"] == pytest.approx(by_year["chance_earned"].mean())
        assert table.loc[(name, "loss_year"), "value"] == pytest.approx(by_year["chance_owed"].mean())
        assert table.loc[(name, "loss"), "value"] == pytest.approx((simulation.total < 0).mean())
        assert table.loc[(name, "chance"), "value"] == pytest.approx((simulation.payment > 0).any(axis=1).mean())


def test_differences_are_those_of_pairs():
    table = compare_contracts(FUTURES, CONTRACTS).to_frame()
    paired = difference(FUTURES.settle(TWO), FUTURES.settle(ONE))
    row = table.loc[("two", "payment")]
    assert row["difference"] == pytest.approx(paired.expected)
    assert row["difference_error"] == pytest.approx(paired.standard_error)
    apart = np.hypot(row["standard_error"], table.loc[("one", "payment"), "standard_error"])
    assert row["difference_error"] < 0.6 * apart
    own = table.loc["one", ["difference", "difference_error"]].drop(index="break_even")
    assert (own == 0).all(axis=None)


def test_paid_for_luck_is_what_the_exact_distribution_expects():
    luck = compare_contracts(LUCKY, {"one": ONE, "two": TWO}).to_frame()
    for name, terms in (("one", ONE), ("two", TWO)):
        exact = savings_distribution(COSTS, MEMBERS).payments(terms)
        row = luck.loc[(name, "unsaved")]
        assert row["value"] == pytest.approx(3 * exact.expected_payment, abs=4 * row["standard_error"])
        assert row["value"] == luck.loc[(name, "payment"), "value"]


def test_paid_for_luck_counts_no_savings_however_skilled():
    skilled = drawn(Uncertainty(true_savings=0.05, long_run_savings=0.05, benchmark_sd=0.0, benchmark_constant=0.0))
    found = compare_contracts(skilled, {"one": ONE}).to_frame().loc["one"]
    exact = 3 * savings_distribution(COSTS, MEMBERS).payments(ONE).expected_payment
    assert found.loc["unsaved", "value"] == pytest.approx(exact, abs=4 * found.loc["unsaved", "standard_error"])
    assert found.loc["payment", "value"] > 3 * exact


def test_break_even_covers_the_programme_on_the_same_scores():
    cost = 400_000.0
    table = compare_contracts(FUTURES, CONTRACTS, programme_cost=cost).to_frame()
    for name, terms in CONTRACTS.items():
        row = table.loc[(name, "break_even")]
        at = FUTURES.saving(row["value"]).settle(terms).total
        assert at.mean() == pytest.approx(3 * cost, rel=1e-3)
        value, paid = table.loc[(name, "return"), "value"], table.loc[(name, "payment"), "value"]
        unsaved = table.loc[(name, "unsaved"), "value"]
        assert value == pytest.approx((paid - unsaved - 3 * cost) / (3 * cost))


def test_return_of_a_programme_is_what_it_adds():
    cost, saved = 400_000.0, np.array([0.01, 0.015, 0.02])
    found = compare_contracts(FUTURES, CONTRACTS, programme_cost=cost, programme_savings=saved).to_frame()
    for name, terms in CONTRACTS.items():
        more = saving_more(FUTURES, saved).settle(terms).total.mean() - FUTURES.settle(terms).total.mean()
        assert found.loc[(name, "return"), "value"] == pytest.approx((more - 3 * cost) / (3 * cost))


def test_break_even_where_every_dollar_is_the_acos():
    found = compare_contracts(LUCKY, {"all": ALL}, programme_cost=1e6).to_frame().loc[("all", "break_even")]
    assert found["value"] == pytest.approx(1e6 / BENCHMARK, abs=4 * found["standard_error"])
    luck = savings_distribution(COSTS, MEMBERS).sd
    assert found["standard_error"] == pytest.approx(luck / np.sqrt(3 * 4_000), rel=0.05)


def test_break_even_that_does_not_exist_is_said():
    never = Terms(sharing_rate=0.1, savings_cap_benchmark=0.001)
    found = compare_contracts(FUTURES, {"free": ONE, "never": never}, programme_cost=1e6)
    assert found.to_frame().loc[("never", "break_even"), "value"] == np.inf
    assert found.exhibit().to_frame().loc["Break-even savings", "never"] == "none"
    free = compare_contracts(FUTURES, {"one": ONE})
    assert free.to_frame().loc[("one", "break_even"), "value"] == -np.inf
    assert "Return on the ACO's investment" not in free.exhibit().to_frame().index
    for shown in (found, found.differences(), free):
        assert "nan" not in repr(shown)


def test_a_chance_not_seen_is_not_sure():
    row = compare_contracts(FUTURES, {"one": ONE}).to_frame().loc[("one", "loss")]
    assert row["value"] == 0
    assert 0 < row["standard_error"] < 1e-3


def test_distributions_are_quantiles_of_the_payments():
    found = compare_contracts(FUTURES, CONTRACTS)
    quantiles = found.distributions([0.0, 0.5, 1.0])
    assert list(quantiles.columns) == list(CONTRACTS)
    assert quantiles.loc[1.0, "two"] == FUTURES.settle(TWO).total.max()
    assert quantiles.loc[0.5, "all"] == pytest.approx(np.median(FUTURES.settle(ALL).total))
    assert len(found.distributions()) == 99
    assert found.payments().shape == (4_000, 4)


@given(amounts=st.lists(st.integers(-50, 50), min_size=2, max_size=40), worst=st.floats(0.01, 1.0, exclude_min=True))
def test_worst_scores_average_the_worst_in_part(amounts, worst):
    ordered = np.sort(np.array(amounts, dtype=float))
    counted = np.clip(worst * len(ordered) - np.arange(len(ordered)), 0, 1)
    expected = counted @ ordered / counted.sum()
    assert worst_scores(np.array(amounts, dtype=float), worst).mean() == pytest.approx(expected, abs=1e-6)


def test_saving_more_is_saving_another_share():
    zero = FUTURES.saving(0.0)
    np.testing.assert_allclose(saving_more(zero, [0.03] * 3).actual, FUTURES.saving(0.03).actual, rtol=1e-12)
    idle = without_savings(FUTURES)
    assert not idle.true_savings.any()
    np.testing.assert_allclose(idle.actual * (1 - FUTURES.true_savings), FUTURES.actual, rtol=1e-12)


# better for the ACO in every clause

shares = st.floats(0, 1)


@st.composite
def better_and_worse(draw):
    """Two contracts alike but for clauses that are better for the ACO in the first."""
    low_rate, rate = sorted([draw(shares), draw(shares)])
    msr, high_msr = sorted([draw(st.floats(0, 0.06)), draw(st.floats(0, 0.06))])
    low_mlr, mlr = sorted([draw(st.floats(0, 0.06)), draw(st.floats(0, 0.06))])
    loss, high_loss = sorted([draw(shares), draw(shares)])
    low_cap, cap = sorted([draw(st.floats(0, 0.2)), draw(st.floats(0, 0.2))])
    limit, high_limit = sorted([draw(st.floats(0, 0.2)), draw(st.floats(0, 0.2))])
    low_forgiven, forgiven = sorted([draw(shares), draw(shares)])
    two = draw(st.booleans())
    alike = {
        "share_from": draw(st.sampled_from(["first_dollar", "threshold"])),
        "quality_method": draw(st.sampled_from(["none", "multiplier"])),
        "capitated": draw(st.sampled_from([0.0, 0.3])),
        "loss_method": "fixed" if two else "none",
    }
    better = Terms(rate, msr=msr, mlr=mlr, loss_rate=loss if two else None, savings_cap_benchmark=cap,
                   loss_limit_benchmark=limit, loss_forgiven=forgiven, **alike)  # fmt: skip
    worse = Terms(low_rate, msr=high_msr, mlr=low_mlr, loss_rate=high_loss if two else None,
                  savings_cap_benchmark=low_cap, loss_limit_benchmark=high_limit, loss_forgiven=low_forgiven,
                  **alike)  # fmt: skip
    return better, worse


@settings(max_examples=30, deadline=None)
@given(pair=better_and_worse())
def test_a_contract_better_in_every_clause_never_pays_less(pair):
    better, worse = (FUTURES.settle(terms) for terms in pair)
    assert (better.payment >= worse.payment - 1e-6).all()


@settings(max_examples=30, deadline=None)
@given(pair=better_and_worse())
def test_one_sided_never_owes(pair):
    one_sided = replace(pair[1], loss_method="none", loss_rate=None, capitated=0.0)
    assert (FUTURES.settle(one_sided).payment >= 0).all()


def test_a_contract_better_in_every_clause_ranks_above():
    better = with_clauses(TWO, {"sharing_rate": 0.7, "msr": 0.01, "loss_rate": 0.3})
    table = compare_contracts(FUTURES, {"better": better, "worse": TWO}).to_frame()
    value = table["value"].unstack()
    for figure in ("payment", "chance_year", "worst", "unsaved"):
        assert value.loc["better", figure] > value.loc["worse", figure]
    assert value.loc["better", "payer_keeps"] < value.loc["worse", "payer_keeps"]
    assert value.loc["better", "break_even"] < value.loc["worse", "break_even"]


def test_more_capitated_is_more_uncertain():
    spread = [FUTURES.settle(replace(ONE, capitated=c)).total.std() for c in np.linspace(0, 1, 6)]
    assert (np.diff(spread) > 0).all()
    budget = FUTURES.settle(replace(ONE, capitated=1.0)).payment
    np.testing.assert_allclose(budget, FUTURES.benchmark - FUTURES.actual, atol=1e-6)


# equal value


@pytest.mark.parametrize(
    ("clause", "terms", "reference"),
    [
        ("sharing_rate", replace(ONE, msr=0.03), ONE),
        ("sharing_rate", TWO, replace(ONE, sharing_rate=0.4)),
        ("msr", replace(ONE, sharing_rate=0.6), ONE),
        ("mlr", TWO, replace(TWO, mlr=0.03)),
        ("loss_rate", TWO, replace(TWO, sharing_rate=0.5, loss_rate=0.3)),
        ("savings_cap_benchmark", TWO, replace(TWO, savings_cap_benchmark=0.03)),
        ("loss_limit_benchmark", replace(TWO, sharing_rate=0.58), TWO),
        ("capitated", PARTIAL, replace(PARTIAL, capitated=0.7)),
    ],
)
def test_equal_value_is_equal(clause, terms, reference):
    found = equal_value(FUTURES, terms, reference, clause)
    assert found.value is not None
    wanted = FUTURES.settle(reference).total
    solved = FUTURES.settle(with_clauses(terms, {clause: found.value})).total
    paired = (solved - wanted).std(ddof=1) / np.sqrt(len(wanted))
    assert abs(solved.mean() - wanted.mean()) <= max(paired, 0.01)
    assert found.difference == pytest.approx(solved.mean() - wanted.mean(), abs=1e-6)
    assert found.terms == with_clauses(terms, {clause: found.value})
    assert "nan" not in repr(found)


def test_sharing_rate_of_equal_value_is_in_proportion():
    """Which sharing rate makes a threshold of 3 percent worth what 2 percent and a half was?"""
    found = equal_value(FUTURES, replace(ONE, msr=0.03), ONE)
    wanted = 0.5 * FUTURES.settle(ONE).total.mean() / FUTURES.settle(replace(ONE, msr=0.03)).total.mean()
    assert found.value == pytest.approx(wanted, abs=1e-9)
    assert found.value > 0.5
    assert found.crossings == 1


def test_error_of_an_equal_value_is_that_of_other_draws():
    runs = [equal_value(drawn(draws=1_000, seed=seed), replace(ONE, msr=0.03), ONE) for seed in range(1, 25)]
    spread = np.std([run.value for run in runs], ddof=1)
    assert np.mean([run.value_error for run in runs]) == pytest.approx(spread, rel=0.45)


def test_equal_value_that_does_not_exist_is_said():
    found = equal_value(FUTURES, replace(ONE, msr=0.04), replace(ONE, sharing_rate=1.0))
    assert found.value is None
    assert found.closest == 1.0
    assert found.most == pytest.approx(FUTURES.settle(replace(ONE, msr=0.04, sharing_rate=1.0)).total.mean())
    assert found.least == 0
    assert "No sharing rate there" in repr(found)
    assert "nan" not in repr(found)


def test_almost_is_not_equal():
    """A cap that never binds leaves the contract a little short, by less than a standard error."""
    uncapped = replace(TWO, savings_cap_benchmark=None)
    alike = equal_value(FUTURES, replace(uncapped, msr=0.03), uncapped)
    reference = with_clauses(alike.terms, {"sharing_rate": alike.value + 0.0005})
    found = equal_value(FUTURES, TWO, reference, "savings_cap_benchmark")
    assert 0 < -found.difference < found.difference_error
    assert found.crossings == 0
    assert found.value is None


def test_a_jump_is_no_equal_value():
    """Nothing is left to chance: 2 percent is saved, so that a threshold pays all or nothing."""
    found = equal_value(CERTAIN, ONE, replace(ONE, sharing_rate=0.2), "msr")
    assert found.value is None
    assert found.closest == pytest.approx(0.02, abs=0.1)
    assert abs(found.difference) == pytest.approx(2 * 2_000 * 0.2)
    whole = equal_value(CERTAIN, replace(ONE, msr=0.03), ONE, "msr")
    assert whole.value <= 0.02 + 1e-9
    assert whole.difference == pytest.approx(0, abs=1e-6)


def test_a_clause_that_does_not_matter_is_of_equal_value_as_it_is():
    found = equal_value(FUTURES, ONE, ONE, "loss_limit_benchmark")
    assert found.least == found.most
    assert found.value is not None
    assert found.value_error is None
    assert "does not matter" in repr(found)


def test_of_several_equal_values_the_one_next_to_the_contract():
    """A symmetric threshold under which a saver earns and a loser owes: worth rises, then falls."""
    assert crossing(lambda x: (x - 0.2) * (x - 0.7) * 1e6, np.linspace(0, 1, 8).tolist(), 0.6) == (
        pytest.approx(0.7, abs=1e-8),
        2,
    )
    assert crossing(lambda x: x * x + 1, [-1.0, 0.0, 2.0]) == (0.0, 0)


# frontier


@given(st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=1, max_size=30))
def test_efficient_points_are_those_of_brute_force(points):
    p = np.array(points, dtype=float)
    brute = [not any((q >= x).all() and (q > x).any() for q in p) for x in p]
    assert efficient(p).tolist() == brute


def test_no_efficient_combination_is_dominated():
    clauses = {"sharing_rate": [0.4, 0.6, 0.8], "msr": [0.0, 0.02, 0.04], "loss_rate": [0.0, 0.4]}
    table = frontier(FUTURES, TWO, clauses).to_frame()
    assert len(table) == 18
    p = np.c_[table["gain"], -table["cost"]]
    brute = [not any((q >= x).all() and (q > x).any() for q in p) for x in p]
    assert table["efficient"].tolist() == brute
    assert 1 < table["efficient"].sum() < 18
    row = table.iloc[7]
    terms = with_clauses(TWO, row[["sharing_rate", "msr", "loss_rate"]].to_dict())
    assert row["gain"] == pytest.approx(FUTURES.settle(terms).total.mean())
    assert row["cost"] == pytest.approx(without_savings(FUTURES).settle(terms).total.mean())
    assert (table[["gain_error", "cost_error"]] > 0).all(axis=None)


def test_what_one_side_is_paid_the_other_pays():
    found = frontier(FUTURES, ONE, {"sharing_rate": [0.3, 0.5, 0.7]}, cost="payer_keeps").to_frame()
    assert found["efficient"].all()
    assert (found["gain"] + found["cost"]).std() == pytest.approx(0, abs=1e-3)


def test_one_side_of_the_frontier_may_be_chance_or_the_worst():
    clauses = {"loss_rate": [0.2, 0.4, 0.6]}
    worst = frontier(FUTURES, TWO, clauses, gain="worst", cost="payer_keeps").to_frame()
    assert (np.diff(worst["gain"]) < 0).all()
    assert worst["efficient"].all()
    chance = frontier(FUTURES, TWO, clauses, gain="chance", cost="unsaved").to_frame()
    assert chance["gain"].min() == chance["gain"].max()
    assert chance["efficient"].tolist() == [False, False, True]  # alike in chance, the last pays least for luck
    alone = frontier(FUTURES, TWO, {"msr": [0.02]})
    assert alone.to_frame()["efficient"].tolist() == [True]
    assert "1 of 1 combinations" in repr(alone)


# ranking


def test_ranking_moves_each_clause_alone():
    found = rank_clauses(FUTURES, TWO, {"sharing_rate": (0.5, 0.7), "msr": (0.01, 0.03), "loss_rate": (0.3, 0.5)})
    table = found.to_frame()
    assert table["payment_moved"].abs().is_monotonic_decreasing
    low, high = (FUTURES.settle(replace(TWO, msr=msr)).total for msr in (0.01, 0.03))
    row = table.loc["msr"]
    assert row["payment_moved"] == pytest.approx((high - low).mean())
    assert row["payment_error"] == pytest.approx((high - low).std(ddof=1) / np.sqrt(4_000))
    assert row["payment_moved"] < 0 < table.loc["sharing_rate", "payment_moved"]
    assert table.loc["loss_rate", "chance_moved"] == 0
    assert table.loc["loss_rate", "worst_moved"] < 0
    assert "nan" not in repr(found)


def test_usual_changes_are_of_the_clauses_in_force():
    assert set(usual_changes(ONE, 10_000)) == {"sharing_rate", "msr"}
    assert set(usual_changes(TWO, 10_000)) == {
        "sharing_rate",
        "msr",
        "mlr",
        "loss_rate",
        "savings_cap_benchmark",
        "loss_limit_benchmark",
    }
    assert "capitated" in usual_changes(PARTIAL, 10_000)
    assert "loss_forgiven" not in usual_changes(replace(ONE, loss_forgiven=0.5), 10_000)
    assert usual_changes(replace(ONE, msr="size"), 5_000)["msr"] == pytest.approx((0.029, 0.049))
    assert usual_changes(replace(ONE, sharing_rate=0.95), 5_000)["sharing_rate"][1] == 1.0
    assert rank_clauses(FUTURES, TWO).to_frame().index[0] == "sharing_rate"


# by size


def test_chance_of_loss_falls_with_size_where_all_is_luck():
    table = by_size(COSTS, [1_000, 5_000, 25_000], uncertainty=LUCK_ONLY, draws=4_000).to_frame()
    two = table.loc["Level 2: two-sided"]
    assert (np.diff(two["loss_year"]) < -0.05).all()
    assert (np.diff(two["chance_year"]) < -0.05).all()
    assert (np.diff(table.loc["Level 3: partial capitation", "worst"]) > 0).all()
    one = table.loc["Level 1: one-sided"]
    assert (one[["loss_year", "worst"]] == 0).all(axis=None)
    assert (np.diff(one["payment"]) < 0).all()
    for size, row in one.iterrows():
        exact = savings_distribution(COSTS, size).payments(levels()["Level 1: one-sided"])
        assert row["payment"] == pytest.approx(exact.expected_payment / size, abs=4 * row["payment_se"])
        assert row["chance_year"] == pytest.approx(exact.chance_earned, abs=4 * row["chance_year_se"])


def test_by_size_is_the_simulation_of_each_size():
    found = by_size(COSTS, [MEMBERS], {"two": TWO}, uncertainty=prospect().uncertainty, draws=4_000).to_frame()
    simulation = FUTURES.settle(TWO)
    row = found.loc[("two", MEMBERS)]
    assert row["payment"] == pytest.approx(simulation.total.mean() / (3 * MEMBERS))
    assert row["worst"] == pytest.approx(simulation.to_frame().loc["All years", "worst"] / (3 * MEMBERS))


def test_levels_rise_in_risk():
    one, two, three = levels().values()
    assert (one.two_sided, two.two_sided, three.two_sided) == (False, True, True)
    assert (one.sharing_rate, one.msr, one.share_from) == (0.5, 0.02, "threshold")
    assert three.capitated == pytest.approx(0.5624, abs=5e-5)
    spread = [FUTURES.settle(terms).total.std() for terms in (one, two, three)]
    assert spread == sorted(spread)


# input


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: compare_contracts(FUTURES, {}), "none are given"),
        (lambda: compare_contracts(FUTURES, CONTRACTS, programme_cost=-1.0), "programme cost"),
        (lambda: compare_contracts(FUTURES, CONTRACTS, worst=0.0), "worst 0"),
        (lambda: compare_contracts(FUTURES, CONTRACTS).distributions([1.5]), "levels from 0 to 1"),
        (lambda: equal_value(FUTURES, ONE, TWO, "sharing"), "Did you mean 'sharing_rate'"),
        (lambda: equal_value(FUTURES, ONE, TWO, "loss_rate"), "does not use it"),
        (lambda: equal_value(FUTURES, ONE, TWO, low=0.5, high=0.5), "must lie below"),
        (lambda: equal_value(FUTURES, ONE, TWO, high=1.5), "at most 1 is wanted"),
        (lambda: frontier(FUTURES, ONE, {}), "no clause"),
        (lambda: frontier(FUTURES, ONE, {"msr": []}), "'?msr'? has no|msr"),
        (lambda: frontier(FUTURES, ONE, {"msr": [0.0]}, gain="pay"), "no objective"),
        (lambda: frontier(FUTURES, ONE, {"msr": np.linspace(0, 1, 30_000)}), "30,000 combinations"),
        (lambda: rank_clauses(FUTURES, ONE, {}), "no changes"),
        (lambda: rank_clauses(FUTURES, ONE, {"msr": (0.02, 0.01)}), "must lie below"),
        (lambda: by_size(COSTS, []), "0 sizes"),
        (lambda: by_size(COSTS, [5_000], {}), "0 contracts"),
        (lambda: levels(sharing_rates=(0.5, 0.6, 1.8)), "shares from 0 to 1"),
        (lambda: saving_more(FUTURES, [1.0] * 3), "less than all spending"),
    ],
)
def test_unusable_input_is_named(call, words):
    with pytest.raises(InputError, match=words) as error:
        call()
    assert "\n" not in str(error.value)


def test_terms_of_each_year_are_moved_together():
    each = [ONE, replace(ONE, msr=0.03), TWO]
    moved = with_clauses(each, {"sharing_rate": 0.3})
    assert [(t.sharing_rate, t.msr) for t in moved] == [(0.3, 0.02), (0.3, 0.03), (0.3, 0.02)]
    found = equal_value(FUTURES, each, ONE)
    assert found.value is not None
    assert isinstance(rank_clauses(FUTURES, each).to_frame(), pd.DataFrame)
