"""Settlement: limits known by thought, dollars conserved, vector equals scalar, and properties over all terms."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from acomodel import InputError, settle
from acomodel.contract.settlement import LINES, Settlement
from acomodel.contract.terms import Terms

ONE = Terms(sharing_rate=0.5, msr=0.02)
TWO = Terms(sharing_rate=0.6, msr=0.02, loss_method="fixed", loss_rate=0.6)

shares = st.floats(0, 1)
limits = st.none() | st.floats(0.01, 0.3)


@st.composite
def contracts(draw):
    method = draw(st.sampled_from(["none", "fixed", "one_minus_final_rate", "one_minus_rate_times_quality"]))
    floor, ceiling = sorted([draw(shares), draw(shares)])
    quality = draw(st.sampled_from(["none", "multiplier", "gate", "ladder"]))
    bands = draw(st.booleans())
    carried = draw(st.booleans()) and method == "none"
    return Terms(
        sharing_rate=draw(shares),
        share_from=draw(st.sampled_from(["first_dollar", "threshold"])),
        msr=draw(st.floats(0, 0.1)),
        mlr=draw(st.just("msr") | st.floats(0, 0.1)),
        quality_method=quality,
        quality_gate=draw(shares),
        quality_ladder=((0.3, 0.5), (0.7, 1.0)) if quality == "ladder" else (),
        savings_cap_benchmark=draw(limits),
        loss_method=method,
        loss_rate=draw(shares) if method == "fixed" else None,
        loss_rate_floor=floor,
        loss_rate_ceiling=ceiling,
        loss_limit_benchmark=draw(limits),
        loss_forgiven=draw(st.sampled_from([0.0, 0.5, 1.0])),
        corridors=((0.05, 1.0), (0.1, 0.5), (math.inf, 0.2)) if bands else (),
        sequestration=draw(st.floats(0, 0.05)),
        capitated=draw(st.sampled_from([0.0, 0.0, 0.3, 1.0])),
        losses_carried=carried,
        benchmark_discount=draw(st.sampled_from([0.0, 0.0, 0.03])),
        benchmark_at_risk=draw(st.sampled_from([0.0, 0.0, 0.05])),
        quality_part=draw(st.sampled_from([1.0, 0.4, 0.0])) if quality in ("multiplier", "ladder") else 1.0,
        withheld=draw(st.sampled_from([0.0, 0.0, 0.25])),
    )


amounts = st.floats(1e4, 1e9)
rates = st.floats(-0.5, 0.5)
given_a_settlement = given(contract=contracts(), benchmark=amounts, rate=rates, score=shares, advance=st.floats(0, 1e7))


@given_a_settlement
def test_lines_add_up_whatever_the_terms(contract, benchmark, rate, score, advance):
    s = settle(benchmark, benchmark * (1 - rate), contract, quality_score=score, advance_balance=advance)
    cent = 1e-9 * benchmark
    taken = s.discount + s.benchmark_unearned
    assert s.final_benchmark == pytest.approx(s.benchmark - taken, abs=cent)
    assert s.savings == pytest.approx(s.final_benchmark - s.actual - s.capitation_result, abs=cent)
    assert s.capitation_result == s.capitation - s.capitated_actual
    assert s.earned_savings == pytest.approx(s.gross_savings - s.sequestration - s.cut_by_cap, abs=cent)
    assert s.owed_losses == pytest.approx(s.gross_losses - s.loss_relief - s.cut_by_limit, abs=cent)
    paid = s.earned_savings - s.owed_losses - s.recouped - s.withheld
    assert s.payment == pytest.approx(paid + s.capitation_result, abs=cent)
    assert s.walk().iloc[:-1].sum() == pytest.approx(s.payment, abs=cent)
    assert not (s.earns and s.owes)
    assert min(s.gross_savings, s.cut_by_cap, s.earned_savings, s.owed_losses, s.loss_relief, s.recouped) >= -cent
    assert -cent <= s.withheld <= s.earned_savings + cent


@given_a_settlement
def test_payment_never_exceeds_what_was_saved_or_lost(contract, benchmark, rate, score, advance):
    s = settle(benchmark, benchmark * (1 - rate), contract, quality_score=score, advance_balance=advance)
    cent = 1e-9 * benchmark
    saved = s.final_benchmark - s.actual
    assert -max(-saved, 0) - cent <= s.payment <= max(saved, 0) + cent
    assert s.earned_savings <= s.savings_cap + cent
    assert s.owed_losses <= s.loss_limit + cent
    assert s.recouped <= s.earned_savings


@given(contract=contracts(), benchmark=amounts, rates=st.lists(rates, min_size=2, max_size=2), score=shares)
def test_payment_rises_with_savings(contract, benchmark, rates, score):
    less, more = sorted(rates)
    pair = settle(benchmark, benchmark * (1 - np.array([less, more])), contract, quality_score=score)
    assert pair.earned[0] <= pair.earned[1] + 1e-9 * benchmark


@given(contract=contracts(), benchmark=amounts, rate=rates, scores=st.lists(shares, min_size=2, max_size=2))
def test_payment_rises_with_quality(contract, benchmark, rate, scores):
    pair = settle(
        benchmark,
        benchmark * (1 - rate),
        [
            dataclasses.replace(contract, benchmark_at_risk=0.0),
            dataclasses.replace(contract, loss_limit_benchmark=None, corridors=()),
        ],
        quality_score=np.sort(scores)[:, None],
    )
    assert (pair.earned[0] <= pair.earned[1] + 1e-9 * benchmark).all()
    assert (pair.payment[0] <= pair.payment[1] + 1e-9 * benchmark).all()


@given(contract=contracts(), rate=rates, score=shares, scale=st.floats(0.01, 100))
def test_payment_scales_with_dollars(contract, rate, score, scale):
    unit = settle(1e6, 1e6 * (1 - rate), contract, quality_score=score)
    scaled = settle(scale * 1e6, scale * 1e6 * (1 - rate), contract, quality_score=score)
    assert scaled.payment == pytest.approx(scale * unit.payment, rel=1e-6, abs=scale * 1e-3)


@given(
    many=st.lists(st.tuples(contracts(), amounts, rates, shares, st.integers(5_000, 90_000)), min_size=1, max_size=6)
)
def test_vector_equals_scalar(many):
    terms, benchmark, rate, score, members = map(list, zip(*many, strict=True))
    bench, actual = np.array(benchmark), np.array(benchmark) * (1 - np.array(rate))
    terms[0] = dataclasses.replace(terms[0], msr="size", mlr="size")
    whole = settle(bench, actual, terms, quality_score=np.array(score), members=np.array(members))
    for i, contract in enumerate(terms):
        one = settle(bench[i], actual[i], contract, quality_score=score[i], members=members[i])
        for line in LINES:
            assert getattr(one, line) == getattr(whole, line)[i], line


def test_quality_standard_opens_halves_or_shuts():
    contract = Terms(sharing_rate=0.4, quality_method="standard")
    paid = settle(100.0, 90.0, contract, quality_score=0.5, quality_standard=np.array(["met", "alternative", "failed"]))
    assert paid.payment == pytest.approx([4, 2, 0])
    assert settle(100.0, 90.0, ONE, quality_standard="failed").payment == 0
    with pytest.raises(InputError, match="quality_standard is 'missed'; one of met, alternative, failed"):
        settle(100.0, 90.0, contract, quality_standard="missed")


def test_walk_names_every_clause_that_takes_or_gives():
    contract = Terms(sharing_rate=0.5, sequestration=0.02, savings_cap_benchmark=0.1)
    walk = settle(100.0, 60.0, contract, advance_balance=3.0).walk()
    expected = {"Savings": 40, "Payer's share": -20, "Sequestration": -0.4, "Cap": -9.6, "Advance recouped": -3}
    assert walk.to_dict() == pytest.approx({**expected, "Payment": 7})
    limited = dataclasses.replace(TWO, share_from="threshold", loss_limit_benchmark=0.1)
    walk = settle(100.0, 140.0, limited, disaster_adjustment=2.0).walk()
    expected = {"Losses": -40, "Within the threshold": 2, "Payer's share": 15.2, "Relief": 2, "Limit on losses": 10.8}
    assert walk.to_dict() == pytest.approx({**expected, "Payment": -10})
    assert settle(100.0, 99.0, ONE).walk().to_dict() == {"Savings": 1.0, "Not shared": -1.0, "Payment": 0.0}


def test_corridors_count_from_the_benchmark_even_beyond_a_threshold():
    bands = ((0.05, 1.0), (0.1, 0.5), (math.inf, 0.2))
    contract = Terms(sharing_rate=1.0, msr=0.03, share_from="threshold", corridors=bands)
    assert settle(100.0, 88.0, contract).payment == pytest.approx(2 + 2.5 + 0.4)
    high = dataclasses.replace(contract, msr=0.07)
    assert settle(100.0, 88.0, high).payment == pytest.approx(1.5 + 0.4)


def test_lines_are_the_fields_of_the_result():
    assert list(LINES) == [field.name for field in dataclasses.fields(Settlement)]


@pytest.mark.parametrize(
    ("benchmark", "actual", "terms", "options", "payment"),
    [
        pytest.param(100.0, 100.0, TWO, {}, 0, id="nothing saved, nothing paid"),
        pytest.param(100.0, 98.0, ONE, {}, 1.0, id="the threshold is met at equality"),
        pytest.param(100.0, 98.0001, ONE, {}, 0, id="just below the threshold"),
        pytest.param(100.0, 102.0, TWO, {}, -1.2, id="the loss threshold is met at equality"),
        pytest.param(100.0, 101.9999, TWO, {}, 0, id="just within the loss threshold"),
        pytest.param(100.0, 150.0, ONE, {}, 0, id="one-sided never owes"),
        pytest.param(100.0, 0.0, Terms(sharing_rate=1.0), {}, 100, id="everything saved, everything shared"),
        pytest.param(100.0, 90.0, dataclasses.replace(ONE, share_from="threshold"), {}, 4, id="beyond the threshold"),
        pytest.param(100.0, 90.0, ONE, {"eligible": False}, 0, id="sharing refused"),
        pytest.param(100.0, 110.0, TWO, {"disaster_adjustment": 2.0}, -4, id="relief after the rate"),
        pytest.param(100.0, 110.0, TWO, {"disaster_adjustment": 99.0}, 0, id="relief never pays"),
        pytest.param(100.0, 90.0, ONE, {"advance_balance": 3.0}, 2, id="advance recouped"),
        pytest.param(100.0, 90.0, ONE, {"advance_balance": 9.0}, 0, id="advance recouped from savings only"),
        pytest.param(100.0, 110.0, TWO, {"advance_balance": 9.0}, -6, id="no recoupment from losses"),
        pytest.param(
            100.0, 50.0, Terms(sharing_rate=0.5, sequestration=0.02, savings_cap_benchmark=0.2), {}, 20, id="cap uncut"
        ),
        pytest.param(
            100.0, 80.0, Terms(sharing_rate=0.5, sequestration=0.02), {}, 9.8, id="sequestration from earned savings"
        ),
        pytest.param(
            100.0,
            140.0,
            Terms(sharing_rate=0.5, loss_method="fixed", loss_rate=0.5, loss_limit_benchmark=0.15),
            {},
            -15,
            id="loss limit of benchmark",
        ),
        pytest.param(
            100.0,
            140.0,
            Terms(
                sharing_rate=0.5,
                loss_method="fixed",
                loss_rate=0.5,
                loss_limit_benchmark=0.15,
                loss_limit_revenue=0.08,
            ),
            {"revenue": 60.0},
            -4.8,
            id="the lesser limit, of revenue",
        ),
        pytest.param(
            100.0, 50.0, Terms(sharing_rate=0.5, savings_cap_revenue=0.1), {"revenue": 60.0}, 6, id="cap of revenue"
        ),
        pytest.param(
            100.0,
            90.0,
            Terms(sharing_rate=0.5, quality_method="gate", quality_gate=0.7),
            {"quality_score": 0.69},
            0,
            id="gate shut",
        ),
        pytest.param(
            100.0,
            90.0,
            Terms(sharing_rate=0.5, quality_method="gate", quality_gate=0.7),
            {"quality_score": 0.7},
            5,
            id="gate open",
        ),
        pytest.param(
            100.0,
            90.0,
            Terms(sharing_rate=0.5, quality_method="ladder", quality_ladder=((0.5, 0.4), (0.8, 1.0))),
            {"quality_score": 0.79},
            2,
            id="ladder step",
        ),
        pytest.param(
            100.0,
            90.0,
            Terms(sharing_rate=0.5, quality_method="ladder", quality_ladder=((0.3, 0.5), (0.45, 0.8), (0.6, 1.0))),
            {"quality_score": 0.44999999999999996},
            4,
            id="ladder step reached but for floating point",
        ),
        pytest.param(
            100.0,
            90.0,
            Terms(sharing_rate=0.5, quality_method="gate", quality_gate=0.45),
            {"quality_score": 0.44999999999999996},
            5,
            id="gate reached but for floating point",
        ),
        pytest.param(
            100.0,
            90.0,
            Terms(sharing_rate=0.5, quality_method="multiplier"),
            {"quality_score": 0.5, "quality_factor": 1.0},
            5,
            id="factor settled outside the score",
        ),
        pytest.param(
            100.0, 99.0, dataclasses.replace(ONE, below_msr_factor=0.5), {"members": 5_000}, 0.25, id="reduced rate"
        ),
        pytest.param(
            100.0,
            99.0,
            dataclasses.replace(ONE, below_msr_factor=0.5, below_msr_members=5_000),
            {"members": 4_999},
            0,
            id="too small for the reduced rate",
        ),
    ],
)
def test_limits_known_by_thought(benchmark, actual, terms, options, payment):
    assert settle(benchmark, actual, terms, **options).payment == pytest.approx(payment, abs=1e-9)


def test_loss_rates_by_method():
    track_3 = Terms(sharing_rate=0.75, quality_method="multiplier", loss_method="one_minus_final_rate")
    track_3 = dataclasses.replace(track_3, loss_rate_floor=0.4, loss_rate_ceiling=0.75)
    assert settle(100, 110, track_3, quality_score=np.array([1.0, 0.5, 0.0])).loss_rate == pytest.approx(
        [0.4, 0.625, 0.75]
    )
    enhanced = dataclasses.replace(track_3, loss_method="one_minus_rate_times_quality", quality_method="none")
    assert settle(100, 110, enhanced, quality_score=np.array([1.0, 0.5, 0.0])).loss_rate == pytest.approx(
        [0.4, 0.625, 0.75]
    )


def test_shapes_come_back_as_they_went_in():
    assert isinstance(settle(100, 90, ONE).payment, float)
    assert isinstance(settle(100, 90, ONE).earns, bool)
    series = settle(pd.Series([100.0, 100.0], index=["a", "b"]), 90.0, ONE).payment
    assert series.to_dict() == {"a": 5.0, "b": 5.0}
    assert settle(np.full((2, 3), 100.0), 90.0, ONE).payment.shape == (2, 3)


def test_reduced_rate_leaves_losses_alone():
    contract = Terms(sharing_rate=0.5, msr=0.02, loss_method="one_minus_final_rate", below_msr_factor=0.5)
    assert settle(100.0, 110.0, contract, members=6_000).payment == pytest.approx(-5)
    with pytest.raises(InputError, match="number of members is needed"):
        settle(100.0, 99.0, contract)


def test_series_that_do_not_align_are_refused():
    with pytest.raises(InputError, match="different indexes"):
        settle(pd.Series([10.0, 120.0]), pd.Series([100.0, 0.0], index=[1, 0]), ONE)


def test_inputs_are_not_changed():
    bench = np.array([100.0, 200.0])
    settle(bench, bench * 0.9, ONE)
    assert bench.tolist() == [100.0, 200.0]


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((0.0, 90.0, ONE), {}, "benchmark is 0; a number above 0"),
        ((np.array([1.0, -5.0]), 1.0, ONE), {}, "benchmark at position 1 is -5"),
        ((100.0, float("nan"), ONE), {}, "actual is nan"),
        ((100.0, 90.0, ONE), {"quality_score": 89}, "quality_score is 89; a number at least 0 and at most 1"),
        ((100.0, 90.0, dataclasses.replace(ONE, msr="size")), {}, "needs the number of members"),
        ((100.0, 90.0, dataclasses.replace(ONE, msr="size")), {"members": 12}, "at least 100 members"),
        ((100.0, 90.0, Terms(sharing_rate=0.5, savings_cap_revenue=0.1)), {}, "revenue it refers to is needed"),
        ((np.ones(2), np.ones(3), ONE), {}, "do not fit together"),
        ((np.ones(2), np.ones(2), []), {}, "sequence of terms is empty"),
    ],
)
def test_unusable_inputs_are_named(arguments, options, words):
    with pytest.raises(InputError, match=words):
        settle(*arguments, **options)


@pytest.mark.parametrize(
    "clauses",
    [
        {"sharing_rate": 50},
        {"sharing_rate": 0.5, "loss_method": "fixed"},
        {"sharing_rate": 0.5, "loss_rate": 0.3},
        {"sharing_rate": 0.5, "loss_rate_floor": 0.6, "loss_rate_ceiling": 0.5},
        {"sharing_rate": 0.5, "quality_method": "ladder"},
        {"sharing_rate": 0.5, "quality_method": "ladder", "quality_ladder": ((0.8, 1.0), (0.5, 0.4))},
        {"sharing_rate": 0.5, "corridors": ((0.05, 1.0), (0.1, 0.5))},
        {"sharing_rate": 0.5, "msr": "large"},
        {"sharing_rate": 0.5, "sharing": 1},
    ],
)
def test_terms_that_contradict_themselves_are_refused(clauses):
    with pytest.raises((ValidationError, TypeError)):
        Terms(**clauses)


PGP = Terms(sharing_rate=0.8, msr=0.02, share_from="threshold", losses_carried=True)


def test_losses_beyond_the_threshold_are_set_against_the_next_bonus():
    first = settle(100.0, 105.0, PGP)
    assert (first.payment, first.carried_on) == (0.0, pytest.approx(3.0))
    second = settle(100.0, 93.0, PGP, carried_losses=first.carried_on)
    assert second.carried_used == pytest.approx(3.0)
    assert second.payment == pytest.approx(0.8 * (7 - 2 - 3))
    assert second.carried_on == pytest.approx(0.0)
    assert second.walk().iloc[:-1].sum() == pytest.approx(second.payment)
    within = settle(100.0, 101.9, PGP, carried_losses=1.0)
    assert within.carried_on == 1.0  # a loss within the threshold is not carried, and what was carried stays
    assert settle(100.0, 98.5, PGP, carried_losses=1.0).carried_on == 1.0  # savings within it set nothing off


def test_losses_carried_are_conserved_over_years_and_equal_the_year_by_year_settlement():
    rates = np.random.default_rng(3).normal(0.0, 0.04, (50, 6))
    carried, paid = np.zeros(50), np.zeros(50)
    made = np.zeros(50)
    for year in range(6):
        s = settle(1.0, 1 - rates[:, year], PGP, carried_losses=carried)
        made += np.maximum(-rates[:, year] - 0.02, 0) * (-rates[:, year] >= 0.02)
        paid += s.carried_used
        carried = s.carried_on
    np.testing.assert_allclose(carried + paid, made, atol=1e-12)


def test_partial_capitation_leaves_its_part_to_the_aco_and_shares_the_rest():
    mixed = settle(1_000.0, 950.0, Terms(sharing_rate=0.5, msr=0.02, capitated=0.4))
    assert (mixed.capitation, mixed.capitated_actual, mixed.savings) == (400.0, 380.0, pytest.approx(30.0))
    assert mixed.payment == pytest.approx(20 + 15)
    stated = settle(1_000.0, 950.0, Terms(sharing_rate=0.5, msr=0.02, capitated=0.4), capitated_actual=410.0)
    assert stated.savings == pytest.approx(60.0)
    assert stated.payment == pytest.approx(-10 + 30)


@pytest.mark.parametrize("actual", [900.0, 1_000.0, 1_100.0])
def test_a_global_budget_pays_or_costs_every_dollar(actual):
    budget = settle(1_000.0, actual, Terms(sharing_rate=0.5, capitated=1.0))
    assert budget.payment == 1_000.0 - actual
    assert budget.savings_rate == 0


def test_cost_of_capitated_services_needs_capitation():
    with pytest.raises(InputError, match="capitate nothing"):
        settle(100.0, 95.0, ONE, capitated_actual=10.0)


def test_a_contract_that_bears_losses_does_not_carry_them():
    with pytest.raises(ValidationError, match="losses_carried"):
        Terms(sharing_rate=0.5, loss_method="fixed", loss_rate=0.5, losses_carried=True)


def test_savings_that_quality_keeps_unpaid_set_nothing_off():
    gated = Terms(sharing_rate=0.5, msr=0.02, losses_carried=True, quality_method="gate", quality_gate=0.6)
    missed = settle(100.0, 95.0, gated, quality_score=0.5, carried_losses=3.0)
    assert (missed.payment, missed.carried_used, missed.carried_on) == (0.0, 0.0, 3.0)
    met = settle(100.0, 95.0, gated, quality_score=0.7, carried_losses=3.0)
    assert (met.payment, met.carried_used, met.carried_on) == (pytest.approx(1.0), 3.0, 0.0)


def test_a_result_does_not_change_with_its_inputs_and_is_not_written_to():
    benchmark, actual, score = np.array([100.0, 100.0]), np.array([95.0, 101.0]), np.array([0.9, 0.8])
    found = settle(benchmark, actual, TWO, quality_score=score)
    before = found.to_frame().copy()
    benchmark[:], actual[:], score[:] = 1.0, 1.0, 0.0
    pd.testing.assert_frame_equal(found.to_frame(), before)
    with pytest.raises(ValueError, match="read-only"):
        found.payment[0] = 1.0


# discount, quality on the benchmark, additions, the part that quality decides, withholds


@given(contract=contracts(), benchmark=amounts, rate=rates, score=shares)
def test_clauses_at_their_defaults_change_nothing(contract, benchmark, rate, score):
    plain = dataclasses.replace(contract, benchmark_discount=0.0, benchmark_at_risk=0.0, quality_part=1.0, withheld=0.0)
    worked = settle(benchmark, benchmark * (1 - rate), contract, quality_score=score)
    final = settle(
        worked.final_benchmark,
        benchmark * (1 - rate),
        dataclasses.replace(contract, benchmark_discount=0.0, benchmark_at_risk=0.0),
        quality_score=score,
    )
    assert final.payment == worked.payment
    assert final.final_benchmark == final.benchmark
    alike = settle(benchmark, benchmark * (1 - rate), plain, quality_score=score)
    assert (alike.final_benchmark, alike.withheld, alike.discount) == (benchmark, 0.0, 0.0)


def test_benchmark_becomes_final_in_its_order():
    contract = Terms(sharing_rate=1.0, benchmark_discount=0.1, benchmark_at_risk=0.2)
    found = settle(100.0, 70.0, contract, quality_score=0.5, benchmark_addition=4.0)
    assert (found.discount, found.benchmark_unearned) == (pytest.approx(10.0), pytest.approx(9.0))
    assert found.final_benchmark == pytest.approx(85.0)
    assert found.walk().to_dict() == pytest.approx(
        {
            "Savings": 30.0,
            "Discount": -10.0,
            "Not earned by quality": -9.0,
            "Added to the benchmark": 4.0,
            "Payment": 15.0,
        }
    )
    assert settle(100.0, 70.0, contract, quality_standard="failed").final_benchmark == pytest.approx(72.0)
    half = dataclasses.replace(contract, capitated=0.5)
    assert settle(100.0, 70.0, half, quality_score=0.5, benchmark_addition=4.0).capitation == pytest.approx(42.5)


def test_a_discount_may_turn_savings_into_losses():
    contract = Terms(sharing_rate=0.5, benchmark_discount=0.1, loss_method="fixed", loss_rate=0.5)
    found = settle(100.0, 94.0, contract)
    assert found.payment == pytest.approx(-2.0)
    walk = found.walk().to_dict()
    assert walk == pytest.approx({"Savings": 6.0, "Discount": -10.0, "Payer's share": 2.0, "Payment": -2.0})


def test_quality_decides_a_part_and_the_rest_is_paid_outright():
    contract = Terms(sharing_rate=0.8, quality_method="multiplier", quality_part=0.5)
    found = settle(100.0, 90.0, contract, quality_score=np.array([0.0, 0.5, 1.0]))
    assert found.payment == pytest.approx([4.0, 6.0, 8.0])
    assert settle(100.0, 90.0, contract, quality_standard="failed").payment == 0
    gated = dataclasses.replace(contract, quality_gate=0.3)
    assert settle(100.0, 90.0, gated, quality_score=0.2).payment == 0
    ladder = Terms(sharing_rate=0.8, quality_method="ladder", quality_ladder=((0.5, 0.5),), quality_part=0.25)
    assert settle(100.0, 90.0, ladder, quality_score=0.6).quality_factor == pytest.approx(0.875)


def test_what_is_withheld_comes_after_the_cap_and_the_advance():
    contract = Terms(sharing_rate=1.0, savings_cap_benchmark=0.1, withheld=0.25)
    found = settle(100.0, 80.0, contract, advance_balance=2.0, withheld_released=3.0)
    assert (found.earned_savings, found.withheld, found.payment) == (10.0, 2.0, 10.0 - 2.0 - 2.0 + 3.0)
    assert settle(100.0, 110.0, contract, withheld_released=3.0).payment == 3.0


def test_lines_of_a_clause_that_is_not_there_are_not_shown():
    shown = repr(settle(100.0, 90.0, ONE))
    assert not [words for words in ("Discount", "Final benchmark", "Withheld") if words in shown]
    shown = repr(settle(100.0, 90.0, dataclasses.replace(ONE, benchmark_discount=0.02, withheld=0.1)))
    assert all(words in shown for words in ("Discount", "Final benchmark", "Withheld until later"))
    assert "Added to the benchmark" not in shown


@pytest.mark.parametrize(
    ("clauses", "options", "words"),
    [
        ({}, {"benchmark_addition": -100.0}, "final_benchmark is 0; a number above 0"),
        ({}, {"withheld_released": -1.0}, "withheld_released is -1; a number at least 0"),
        ({}, {"benchmark_addition": float("nan")}, "benchmark_addition is nan"),
    ],
)
def test_what_the_new_clauses_refuse(clauses, options, words):
    with pytest.raises(InputError, match=words):
        settle(100.0, 90.0, Terms(sharing_rate=0.5, **clauses), **options)


@pytest.mark.parametrize(
    ("clauses", "words"),
    [
        ({"quality_part": 0.5}, "quality_part is given but quality_method = 'none'"),
        ({"quality_part": 0.5, "quality_method": "gate"}, "leaves nothing for it to divide"),
        ({"benchmark_discount": 1.0}, "must leave some of the benchmark"),
        ({"withheld": 25}, "less than or equal to 1"),
    ],
)
def test_new_clauses_that_contradict_themselves(clauses, words):
    with pytest.raises(ValidationError, match=words):
        Terms(sharing_rate=0.5, **clauses)
