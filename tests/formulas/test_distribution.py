"""Distribution of a payment: every level to the cent, ends that are kept, Shapley values, years, rules side by side."""

import math
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from acomodel.contract.distribution.allocation import divided, sharers, split, to_cents, weights
from acomodel.contract.distribution.pools import distribute
from acomodel.contract.distribution.settings import DistributionSettings, Pool, check_pools
from acomodel.contract.distribution.shapley import coalition_payments, sampled_shapley, shapley
from acomodel.contract.distribution.years import compare_rules, distribute_years
from acomodel.contract.settlement import settle
from acomodel.contract.terms import Terms
from acomodel.inputs import InputError

PRACTICES = pd.DataFrame(
    {
        "participant": ["Hospital", "Ann", "Bob", "Cy"],
        "tin": ["H", "North", "North", "South"],
        "kind": ["hospital", "practice", "practice", "practice"],
        "members": [0, 300, 100, 200],
        "benchmark": [0.0, 3_000_000.0, 1_000_000.0, 2_000_000.0],
        "actual": [0.0, 2_900_000.0, 1_050_000.0, 1_850_000.0],
        "quality_score": [np.nan, 0.9, 0.6, 0.8],
        "capital": [400_000.0, 0.0, 0.0, 100_000.0],
        "revenue_lost": [250_000.0, 0.0, 10_000.0, 0.0],
    }
)
DOCTORS = Pool("Practices", rest=True, to=("practice",), by="members")


def conserved(found):
    """In every distribution: sources = cost + pools + left, and pools = what their sharers get, in whole cents."""
    out = found.covered + found.recovered + int(found.pools["amount"].sum()) + found.left
    assert found.payment + found.from_reserve + found.called == out
    taken = dict(zip(found.pools.index, found.pools["amount"].tolist(), strict=True))
    paid = dict(zip(found.amounts, found.amounts.to_numpy().sum(axis=0).tolist(), strict=True))
    assert {name: taken[name] for name in paid if name in taken} == {n: c for n, c in paid.items() if n in taken}
    rules = dict(zip(found.pools.index, found.pools["rule"], strict=True))
    assert set(taken) - set(paid) == {name for name, rule in rules.items() if rule in ("reserve", "infrastructure")}
    reserved = sum(taken[name] for name, rule in rules.items() if rule == "reserve")
    assert found.reserve_in - found.from_reserve + reserved == found.reserve_out
    assert found.operating_cost + found.deficit_in == found.covered + found.recovered + found.deficit_out
    assert -paid.get("Loss owed", 0) - paid.get("Called for operating cost", 0) == found.called
    assert round(100 * found.walk().iloc[:-1].sum()) == found.left


# a thousand random cases


SHARE = st.floats(0, 1).map(lambda x: round(x, 4))
MONEY = st.floats(0, 2e6).map(lambda x: round(x, 2))
RULE = st.sampled_from(["savings", "quality", "revenue", "capital", "reserve", "infrastructure"])


@st.composite
def pool_lists(draw):
    left, pools = 1.0, []
    for position in range(draw(st.integers(1, 4))):
        rule = draw(RULE)
        size = draw(st.sampled_from(["whole", "rest", "amount", "both"]))
        part = math.floor(10_000 * draw(SHARE) * (left if size == "whole" else 1.0)) / 10_000
        chosen = {
            "whole": {"share": part, "of": "whole"},
            "rest": {"share": part},
            "amount": {"amount": draw(MONEY)},
            "both": {"share": part, "amount": draw(MONEY)},
        }[size]
        if rule in ("savings", "quality"):
            chosen["by"] = draw(st.sampled_from([None, "members", "equal", "contribution", "quality", "shapley"]))
        if rule == "reserve":
            chosen["target"] = draw(st.one_of(st.none(), MONEY))
        left -= part if size == "whole" else part * left if "share" in chosen else 0.0
        pools.append(Pool(f"Pool {position}", rule=rule, **chosen))
    if draw(st.booleans()):
        pools.append(Pool("Rest", rest=True, by=draw(st.sampled_from(["members", "contribution"]))))
    return pools


@st.composite
def cases(draw):
    count = draw(st.integers(1, 5))
    column = st.lists(MONEY, min_size=count, max_size=count)
    frame = pd.DataFrame(
        {
            "participant": [f"P{n}" for n in range(count)],
            "tin": [f"T{draw(st.integers(0, 2))}" for _ in range(count)],
            "members": draw(st.lists(st.integers(1, 5_000), min_size=count, max_size=count)),
            "benchmark": [1.0 + x for x in draw(column)],
            "actual": draw(column),
            "capital": draw(column),
            "revenue_lost": draw(column),
            "quality_score": draw(st.lists(SHARE, min_size=count, max_size=count)),
        }
    )
    level = draw(st.sampled_from(["tin", "participant"]))
    units = frame["tin"].unique() if level == "tin" else frame["participant"]
    values = pd.Series(draw(st.lists(st.floats(-1e6, 1e6), min_size=len(units), max_size=len(units))), index=units)
    rules = {
        "operating_cost": draw(MONEY),
        "deficit": draw(MONEY),
        "reserve": draw(MONEY),
        "level": level,
        "within": draw(st.sampled_from([None, "members", "equal", "contribution", "quality"])),
        "negative": draw(st.sampled_from(["zero", "subtract", "carry"])),
        "shortfall": draw(st.sampled_from(["carried", "called"])),
        "losses_by": draw(st.sampled_from(["same", "members", "contribution", "quality", "capital"])),
        "values": values,
    }
    payment = draw(st.one_of(st.just(0.0), st.floats(-5e6, 5e6), st.integers(-10, 10).map(lambda n: n / 100)))
    return payment, draw(pool_lists()), frame, rules


def drawn(seed):
    """A case as `cases` makes them, drawn at once: hypothesis takes longer to draw one than a distribution does."""
    draw = np.random.default_rng(seed)
    count, left, pools = int(draw.integers(1, 9)), 1.0, []
    for position in range(int(draw.integers(1, 5))):
        rule = str(draw.choice(["savings", "quality", "revenue", "capital", "reserve", "infrastructure"]))
        part = math.floor(10_000 * draw.random() * left) / 10_000
        chosen = [{"share": part, "of": "whole"}, {"share": part}, {"amount": round(1e6 * draw.random(), 2)}][
            int(draw.integers(3))
        ]
        left -= part if "of" in chosen else part * left if "share" in chosen else 0.0
        if rule in ("savings", "quality"):
            chosen["by"] = str(draw.choice(["members", "equal", "contribution", "quality", "shapley"]))
        pools.append(Pool(f"Pool {position}", rule=rule, **chosen))
    if draw.random() < 0.5:
        pools.append(Pool("Rest", rest=True, by="members"))
    money = np.round(2e6 * draw.random((4, count)) * (draw.random((4, count)) < 0.8), 2)
    frame = pd.DataFrame(
        {
            "participant": [f"P{n}" for n in range(count)],
            "tin": [f"T{n}" for n in draw.integers(0, 3, count)],
            "members": draw.integers(1, 5_000, count),
            "benchmark": 1.0 + money[0],
            "actual": money[1],
            "capital": money[2],
            "revenue_lost": money[3],
            "quality_score": draw.random(count),
        }
    )
    level = str(draw.choice(["tin", "participant"]))
    units = frame["tin"].unique() if level == "tin" else frame["participant"]
    cost, deficit, reserve = np.round(1e6 * draw.random(3) * (draw.random(3) < 0.6), 2).tolist()
    rules = {
        "operating_cost": cost,
        "deficit": deficit,
        "reserve": reserve,
        "level": level,
        "within": [None, "members", "equal", "contribution", "quality"][int(draw.integers(5))],
        "negative": str(draw.choice(["zero", "subtract", "carry"])),
        "shortfall": str(draw.choice(["carried", "called"])),
        "losses_by": str(draw.choice(["same", "members", "contribution", "quality", "capital"])),
        "values": pd.Series(draw.normal(0, 1e6, len(units)), index=units),
    }
    payment = float(draw.choice([0.0, 1e6 * draw.normal(), 1e7 * draw.random(), draw.integers(-10, 10) / 100]))
    return payment, pools, frame, rules


@settings(max_examples=1000)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_thousand_cases_sum_to_the_cent(seed):
    every_level_sums(*drawn(seed))


@given(case=cases())
def test_every_level_sums_to_the_cent(case):
    every_level_sums(*case)


def every_level_sums(payment, pools, frame, rules):
    found = distribute(payment, pools, frame, **rules)
    conserved(found)
    taken = found.pools["amount"].tolist()
    assert found.payment == to_cents(payment)
    left_for_pools = found.payment + found.from_reserve + found.called - found.covered - found.recovered
    assert min(taken) >= 0
    assert sum(taken) <= max(left_for_pools, 0)
    if found.deficit_out or found.payment <= 0:
        assert not any(taken)  # nothing before the operating cost
    assert all(a <= to_cents(b) for a, b in zip(found.repaid.tolist(), frame["capital"].tolist(), strict=True))
    for amount, pool in zip(taken, pools, strict=True):
        if pool.rule == "revenue":
            assert amount <= sum(map(to_cents, frame["revenue_lost"].tolist()))
        if pool.rule == "reserve" and pool.target is not None and amount:
            before = found.reserve_out - sum(
                a for a, p in zip(taken, pools, strict=True) if p.rule == "reserve" and p is not pool
            )
            assert before <= max(to_cents(pool.target), found.reserve_in - found.from_reserve + amount)


@given(
    cents=st.integers(-(10**9), 10**9),
    shares=st.lists(st.floats(0, 1e6), min_size=1, max_size=30).filter(lambda w: sum(w) > 1e-3),
)
def test_parts_are_within_a_cent_of_exact_ones(cents, shares):
    parts = split(cents, np.array(shares))
    exact = cents * np.array(shares) / sum(shares)
    assert parts.sum() == cents
    assert (np.abs(parts - exact) < 1 + 1e-5).all()
    assert split(-cents, np.array(shares)).tolist() == (-parts).tolist()


def test_equal_remainders_go_to_the_first():
    assert split(5, np.ones(3)).tolist() == [2, 2, 1]
    assert split(0, np.ones(2)).tolist() == [0, 0]
    assert split(100, np.array([3.0, -1.0])).tolist() == [150, -50]


def test_cents_round_half_away_from_zero():
    assert [to_cents(x) for x in (0.005, -0.005, 1.005, 2.675, 1e12)] == [1, -1, 101, 268, 10**14]


# operating cost, order, ends


def test_nothing_before_operating_cost():
    short = distribute(99_999.99, [DOCTORS], PRACTICES, operating_cost=100_000.0)
    assert short.to_frame().to_numpy().sum() == 0
    assert (short.covered, short.deficit_out) == (9_999_999, 1)
    over = distribute(100_000.01, [DOCTORS], PRACTICES, operating_cost=100_000.0)
    assert over.pools.loc["Practices", "amount"] == 1


def test_cost_that_is_called_is_paid_by_those_with_capital():
    found = distribute(10_000.0, [DOCTORS], PRACTICES, operating_cost=60_000.0, shortfall="called")
    assert found.total().to_dict() == {"H": -40_000.0, "North": 0.0, "South": -10_000.0}
    assert found.deficit_out == 0
    conserved(found)


def test_order_of_pools_matters():
    back = Pool("Capital", rule="capital")
    offset = Pool("Offset", rule="revenue", share=0.5)
    first = distribute(600_000.0, [back, offset, DOCTORS], PRACTICES)
    second = distribute(600_000.0, [offset, back, DOCTORS], PRACTICES)
    assert first.pools["amount"].to_dict() == {"Capital": 50_000_000, "Offset": 5_000_000, "Practices": 5_000_000}
    assert second.pools["amount"].to_dict() == {"Offset": 26_000_000, "Capital": 34_000_000, "Practices": 0}


def test_offset_and_repayment_stop_at_their_ends():
    pools = [Pool("Offset", rule="revenue"), Pool("Capital", rule="capital"), DOCTORS]
    found = distribute(1_000_000.0, pools, PRACTICES, level="participant")
    assert found.amounts["Offset"].to_dict() == {"Hospital": 25_000_000, "Ann": 0, "Bob": 1_000_000, "Cy": 0}
    assert found.amounts["Capital"].to_dict() == {"Hospital": 40_000_000, "Ann": 0, "Bob": 0, "Cy": 10_000_000}
    assert found.pools.loc["Practices", "amount"] == 24_000_000


def test_shares_of_the_whole_of_the_rest_and_amounts():
    pools = [
        Pool("A", share=0.5, of="whole", by="equal"),
        Pool("B", share=0.5, by="equal"),
        Pool("C", rule="infrastructure", amount=1_000.0),
        Pool("D", share=0.1, of="whole", amount=2_000.0, by="equal"),
    ]
    found = distribute(100_000.0, pools, PRACTICES)
    assert (found.pools["amount"] / 100).to_list() == [50_000.0, 25_000.0, 1_000.0, 2_000.0]
    assert found.left == 2_200_000
    assert found.walk()["Left with the ACO"] == 22_000.0


def test_thirds_of_the_whole_leave_no_cent():
    pools = [Pool(name, share=1 / 3, of="whole", by="equal") for name in "ABC"]
    found = distribute(100.0, pools, PRACTICES)
    assert found.pools["amount"].sum() == 10_000
    assert found.left == 0


def test_tins_and_their_physicians():
    """The practice's amount is that of the practice, whatever goes on inside it."""
    whole = distribute(60_000.0, [DOCTORS], PRACTICES)
    assert whole.total().to_dict() == {"H": 0.0, "North": 40_000.0, "South": 20_000.0}
    inside = distribute(60_000.0, [DOCTORS], PRACTICES, within="contribution")
    assert inside.total().to_dict() == {"Hospital": 0.0, "Ann": 40_000.0, "Bob": 0.0, "Cy": 20_000.0}
    by_quality = distribute(60_000.0, [DOCTORS], PRACTICES, within="quality").total()
    assert by_quality["Ann"] == pytest.approx(40_000 * 270 / 330, abs=0.01)
    assert by_quality[["Ann", "Bob"]].sum() == pytest.approx(40_000.0, abs=1e-9)


def test_contributions_that_are_negative():
    pool = [Pool("Savings", rest=True, by="contribution", to=("practice",))]
    zero = distribute(200_000.0, pool, PRACTICES, level="participant").total()
    assert zero.to_dict() == {"Hospital": 0.0, "Ann": 80_000.0, "Bob": 0.0, "Cy": 120_000.0}
    paid_in = distribute(200_000.0, pool, PRACTICES, level="participant", negative="subtract").total()
    assert paid_in.to_dict() == {"Hospital": 0.0, "Ann": 100_000.0, "Bob": -50_000.0, "Cy": 150_000.0}
    tins = distribute(200_000.0, pool, PRACTICES).total()
    assert tins.to_dict() == {"H": 0.0, "North": 50_000.0, "South": 150_000.0}


def test_a_pool_nobody_contributed_to_takes_nothing():
    worse = PRACTICES.assign(actual=PRACTICES["benchmark"] + 1)
    found = distribute(100.0, [Pool("Savings", share=1.0, by="contribution")], worse)
    assert found.left == 10_000
    conserved(found)


def test_losses_go_by_what_was_lost_and_the_reserve_comes_first():
    pool = [Pool("Savings", rest=True, by="contribution", to=("practice",))]
    found = distribute(-100_000.0, pool, PRACTICES, reserve=30_000.0, operating_cost=5_000.0, level="participant")
    assert found.total().to_dict() == {"Hospital": 0.0, "Ann": 0.0, "Bob": -70_000.0, "Cy": 0.0}
    assert (found.reserve_out, found.deficit_out) == (0, 500_000)
    by_members = distribute(-60_000.0, pool, PRACTICES, losses_by="members", level="participant").total()
    assert by_members.to_dict() == {"Hospital": 0.0, "Ann": -30_000.0, "Bob": -10_000.0, "Cy": -20_000.0}
    nobody_lost = PRACTICES.assign(actual=0.0)
    instead = distribute(-60_000.0, pool, nobody_lost, level="participant").total()
    assert instead.to_dict() == by_members.to_dict()


@pytest.mark.parametrize("quality_first", [True, False])
def test_a_loss_goes_by_the_first_pool_of_savings_wherever_it_stands(quality_first):
    """A saved 2 million at a score of 0.5, B lost 3 at 1.0: by quality A would bear it, by savings B does."""
    two = pd.DataFrame(
        {
            "participant": ["A", "B"],
            "members": [1_000, 1_000],
            "benchmark": [20e6, 20e6],
            "actual": [18e6, 23e6],
            "quality_score": [0.5, 1.0],
        }
    )
    quality, savings = Pool("Q", rule="quality", share=0.4), Pool("S", share=1.0, by="contribution")
    pools = [quality, savings] if quality_first else [savings, quality]
    assert distribute(-500_000.0, pools, two).total().to_dict() == {"A": 0.0, "B": -500_000.0}
    assert distribute(-500_000.0, [quality], two).total().to_dict() == {"A": -500_000.0, "B": 0.0}
    kept = Pool("R", rule="reserve", share=0.4)
    assert distribute(-500_000.0, [kept], two).total().to_dict() == {"A": -250_000.0, "B": -250_000.0}


def test_reserve_pays_cost_that_the_payment_does_not():
    found = distribute(10_000.0, [DOCTORS], PRACTICES, operating_cost=30_000.0, reserve=15_000.0)
    assert (found.covered, found.from_reserve, found.deficit_out) == (2_500_000, 1_500_000, 500_000)
    conserved(found)


def test_quality_of_a_tin_is_weighed_by_members():
    tins = sharers(PRACTICES).by_tin().to_frame("tin")
    assert tins.loc["North", "quality_score"] == pytest.approx((300 * 0.9 + 100 * 0.6) / 400)
    assert weights(sharers(PRACTICES), "quality")[1:].tolist() == [270.0, 60.0, 160.0]
    assert weights(sharers(PRACTICES), "quality", losses=True)[1:] == pytest.approx([30.0, 40.0, 40.0])


def test_order_of_participants_does_not_matter_but_for_odd_cents():
    pools = [Pool("Q", rule="quality", share=0.4, to=("practice",)), DOCTORS]
    one = distribute(60_000.0, pools, PRACTICES).total()
    other = distribute(60_000.0, pools, PRACTICES.iloc[::-1]).total()
    assert (one - other.reindex(one.index)).abs().max() <= 0.01


# years


def test_deficit_capital_and_reserve_are_carried_over_the_years():
    pools = [
        Pool("Reserve", rule="reserve", share=0.2, target=60_000.0),
        Pool("Capital", rule="capital", share=0.5),
        DOCTORS,
    ]
    found = distribute_years(
        {"1": 0.0, "2": 700_000.0, "3": 800_000.0, "4": -40_000.0}, pools, PRACTICES, operating_cost=100_000.0
    )
    table = found.to_frame()
    assert table["deficit"].tolist() == [100_000.0, 0.0, 0.0, 80_000.0]
    assert table["recovered"].tolist() == [0.0, 100_000.0, 0.0, 0.0]
    assert table["Reserve"].tolist() == [0.0, 60_000.0, 0.0, 0.0]
    assert table["reserve"].tolist() == [0.0, 60_000.0, 60_000.0, 0.0]  # loss, then cost
    assert table["repaid"].tolist() == [0.0, 220_000.0, 500_000.0, 500_000.0]
    for one in found.years.values():
        conserved(one)
    paid = found.totals()["Total"].sum()
    kept = table["recovered"].sum() + table["covered"].sum() + table["reserve"].iloc[-1] + table["left"].sum()
    assert paid + kept == pytest.approx(1_460_000.0, abs=1e-6)


def test_negative_contributions_are_set_against_later_ones():
    two = pd.DataFrame({"participant": ["A", "B"], "benchmark": [100.0, 100.0]})
    by_year = {"1": two.assign(actual=[80.0, 110.0]), "2": two.assign(actual=[90.0, 70.0])}
    pool = [Pool("Savings", rest=True, by="contribution")]
    found = distribute_years({"1": 10.0, "2": 30.0}, pool, by_year, negative="carry")
    assert found.years["1"].total().to_dict() == {"A": 10.0, "B": 0.0}
    assert found.years["2"].total().to_dict() == {"A": 10.0, "B": 20.0}  # 10 of A, 30 − 10 of B
    forgotten = distribute_years({"1": 10.0, "2": 30.0}, pool, by_year)
    assert forgotten.years["2"].total().to_dict() == {"A": 7.5, "B": 22.5}


@settings(max_examples=30)
@given(payments=st.lists(st.floats(-1e6, 2e6), min_size=1, max_size=4), cost=MONEY)
def test_years_sum_to_the_cent(payments, cost):
    pools = [Pool("Reserve", rule="reserve", share=0.1, target=50_000.0), Pool("Capital", rule="capital", share=0.5)]
    found = distribute_years(
        {str(n): p for n, p in enumerate(payments)}, [*pools, DOCTORS], PRACTICES, operating_cost=cost
    )
    for one in found.years.values():
        conserved(one)
    last = list(found.years.values())[-1]
    repaid = sum(int(one.amounts["Capital"].sum()) for one in found.years.values())
    assert int(last.repaid.sum()) == repaid <= 50_000_000


# Shapley values


def brute_force(value, size):
    """Mean contribution over all orders."""
    found = np.zeros(size)
    for order in permutations(range(size)):
        inside, before = np.zeros((1, size), dtype=bool), 0.0
        for player in order:
            inside[0, player] = True
            after = float(value(inside)[0])
            found[player] += after - before
            before = after
    return found / math.factorial(size)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6])
def test_shapley_is_brute_force(size):
    table = np.random.default_rng(size).normal(size=1 << size)
    table[0] = 0.0
    powers = 1 << np.arange(size)
    found = shapley(lambda s: table[s @ powers], [f"P{n}" for n in range(size)])
    assert found.value.to_numpy() == pytest.approx(brute_force(lambda s: table[s @ powers], size))


@pytest.mark.parametrize("size", [7, 8])
def test_shapley_is_brute_force_up_to_eight(size):
    """All orders at once: what each player adds, looked up in one table of coalitions."""
    table = np.random.default_rng(size).normal(size=1 << size)
    orders = np.array(list(permutations(range(size))))
    codes = np.cumsum(1 << orders, axis=1)
    added = table[codes] - table[np.column_stack([np.zeros(len(orders), dtype=int), codes[:, :-1]])]
    expected = np.bincount(orders.ravel(), weights=added.ravel()) / len(orders)
    powers = 1 << np.arange(size)
    found = shapley(lambda s: table[s @ powers], [f"P{n}" for n in range(size)])
    assert found.value.to_numpy() == pytest.approx(expected)


def random_practices(count, seed=3):
    draw = np.random.default_rng(seed)
    benchmark = draw.uniform(5e6, 4e7, count)
    return pd.DataFrame(
        {
            "participant": [f"P{n}" for n in range(count)],
            "members": np.round(benchmark / 11_000),
            "benchmark": benchmark,
            "actual": benchmark * (1 - draw.normal(0.03, 0.04, count)),
            "quality_score": draw.uniform(0.6, 1.0, count),
        }
    )


BY_SIZE = Terms(sharing_rate=0.5, msr="size", quality_method="multiplier", savings_cap_benchmark=0.1)


def test_coalitions_are_settled_as_one_aco():
    """Each by its own members, on whom the threshold depends, and by its own quality."""
    frame = random_practices(5, seed=1)
    value, players = coalition_payments(frame, BY_SIZE)
    inside = (np.arange(1, 32)[:, None] >> np.arange(5)) & 1 == 1
    rows = [frame[row] for row in inside]
    sums = {name: np.array([row[name].sum() for row in rows]) for name in ("benchmark", "actual", "members")}
    scores = np.array([np.average(row["quality_score"], weights=row["members"]) for row in rows])
    paid = settle(sums["benchmark"], sums["actual"], BY_SIZE, members=sums["members"], quality_score=scores)
    assert value(inside) == pytest.approx(np.asarray(paid.payment))
    assert 3 < (np.asarray(paid.payment) > 0).sum() < 31  # some fall short of the threshold of their size
    rate, msr = np.asarray(paid.savings_rate), np.asarray(paid.msr)
    assert ((rate > msr.min()) & (rate < msr)).any()  # and would not of another's
    assert value(np.zeros((1, 5), dtype=bool)).tolist() == [0.0]
    assert players == list(frame["participant"])
    few, _ = coalition_payments(frame, BY_SIZE, least_members=1e9)
    assert not few(inside).any()


def test_axioms():
    frame = random_practices(8, seed=1)
    value, players = coalition_payments(frame, BY_SIZE)
    found = shapley(value, players).value
    together = value(np.ones((1, 8), dtype=bool))[0]
    assert together > 1e5
    assert found.sum() == pytest.approx(together)  # efficiency
    twins = pd.concat([frame.iloc[:5], frame.iloc[[4]].assign(participant="Twin")])
    same = shapley(*coalition_payments(twins, BY_SIZE)).value
    assert same["P4"] == pytest.approx(same["Twin"])  # symmetry
    first_dollar = Terms(sharing_rate=0.5, loss_method="fixed", loss_rate=0.5)
    even = frame.assign(actual=[*frame["actual"][:7], frame["benchmark"][7]])
    dummy = shapley(*coalition_payments(even, first_dollar)).value
    assert dummy["P7"] == pytest.approx(0.0, abs=1e-6)  # who changes nothing gets nothing
    linear = 0.5 * (even["benchmark"] - even["actual"])
    assert dummy.to_numpy() == pytest.approx(linear.to_numpy(), abs=1e-5)  # nothing but each one's own savings


def test_sampled_values_agree_within_their_error():
    frame = random_practices(9, seed=1)
    value, players = coalition_payments(frame, BY_SIZE)
    exact, near = shapley(value, players), sampled_shapley(value, players, orders=400, seed=5)
    table = near.to_frame()
    assert table["value"].sum() == pytest.approx(exact.value.sum())
    z = (table["value"] - exact.value) / table["standard_error"]
    assert z.abs().max() < 4
    assert 0.2 < float((z**2).mean()) < 3  # the errors are as large as is said
    assert table[["alone", "last"]].to_numpy() == pytest.approx(exact.to_frame()[["alone", "last"]].to_numpy())


def test_pool_by_shapley_value():
    values = pd.Series({"North": 30_000.0, "South": 10_000.0})
    found = distribute(8_000.0, [Pool("S", rest=True, by="shapley", to=("practice",))], PRACTICES, values=values)
    assert found.total().to_dict() == {"H": 0.0, "North": 6_000.0, "South": 2_000.0}


# rules side by side


def test_rules_side_by_side():
    found = compare_rules(200_000.0, PRACTICES.iloc[1:], ("members", "contribution", "quality", "equal"))
    table = found.to_frame()
    assert table.sum().tolist() == pytest.approx([200_000.0] * 4, abs=1e-6)
    assert table["members"].tolist() == [100_000.0, 33_333.33, 66_666.67]
    assert table["contribution"].tolist() == [80_000.0, 0.0, 120_000.0]
    assert found.misallocated()["members"] == pytest.approx(20_000 + 33_333.33 + 53_333.33)
    assert found.misallocated()["contribution"] == 0
    shown = found.exhibit().table
    assert (shown.loc["Differs by"] / 2).tolist() == shown.loc["Changes hands"].tolist()


def test_rules_under_which_nobody_has_a_share_are_left_out():
    worse = PRACTICES.iloc[1:].assign(actual=9e6)
    assert list(compare_rules(1.0, worse, ("members", "contribution")).cents) == ["members"]


# input


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: check_pools([Pool("A", share=0.7, of="whole"), Pool("B", share=0.4, of="whole")]), "110 percent"),
        (lambda: check_pools([Pool("A", share=0.5), Pool("B", share=0.6, of="whole")]), "110 percent"),
        (lambda: check_pools([DOCTORS, Pool("B", share=0.1)]), "stands after 'Practices'"),
        (lambda: check_pools([DOCTORS, DOCTORS]), "stands twice"),
        (lambda: check_pools([]), "none are given"),
        (lambda: sharers(PRACTICES.assign(participant=["X", "X", "B", "C"])), "two TINs, H and North"),
        (lambda: sharers(PRACTICES.assign(participant=["H", "X", "X", "C"])), "listed twice"),
        (lambda: sharers(PRACTICES.assign(members=-1.0)), "at least 0"),
        (lambda: sharers(PRACTICES.assign(quality_score=90.0)), "90 percent is 0.9"),
        (lambda: sharers(PRACTICES.rename(columns={"members": "membres"})), "Did you mean 'members'"),
        (lambda: distribute(1.0, [Pool("A", rest=True, to=("surgeon",))], PRACTICES), "'surgeon', which nobody is"),
        (lambda: distribute(math.nan, [DOCTORS], PRACTICES), "payment of nan"),
        (lambda: distribute(1.0, [DOCTORS], PRACTICES, operating_cost=-5.0), "operating cost of -5"),
        (lambda: distribute(1.0, [Pool("A", rest=True, by="shapley")], PRACTICES), "Shapley value: none is given"),
        (lambda: distribute(1.0, [DOCTORS], PRACTICES.assign(members=0)), "figure in 'members'"),
        (lambda: distribute(1.0, [DOCTORS], PRACTICES, level="physician"), "'tin' or 'participant'"),
        (
            lambda: distribute(1.0, [Pool("Q", rule="quality", rest=True)], PRACTICES.assign(quality_score=np.nan)),
            "'North' has no quality_score",
        ),
        (lambda: shapley(lambda s: s.sum(1), [f"P{n}" for n in range(17)]), "at most 16"),
        (lambda: shapley(lambda s: s.sum(1), ["A", "A"]), "named twice"),
        (lambda: coalition_payments(PRACTICES.drop(columns="benchmark"), BY_SIZE), "no participant has a benchmark"),
        (lambda: coalition_payments(random_practices(2).drop(columns="members"), BY_SIZE), "threshold goes by size"),
        (lambda: distribute_years({}, [DOCTORS], PRACTICES), "no payments"),
        (lambda: distribute_years({"1": 1.0}, [DOCTORS], PRACTICES, operating_cost={"2": 1.0}), "of 1 is missing"),
        (lambda: compare_rules(1.0, PRACTICES, ("members",), reference="equal"), "not among the rules"),
        (lambda: divided(1, sharers(PRACTICES), "member"), "Did you mean 'members'"),
    ],
)
def test_unusable_input_is_named(call, words):
    with pytest.raises(InputError, match=words) as error:
        call()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"share": 80.0},
        {"share": -0.1},
        {},
        {"share": 0.5, "rest": True},
        {"amount": 5.0, "of": "whole"},
        {"rule": "capital", "by": "members"},
        {"rule": "reserve"},
        {"rule": "infrastructure", "rest": True, "to": ("practice",)},
        {"rest": True, "by": "capital"},
        {"rest": True, "target": 5.0},
    ],
)
def test_pools_that_make_no_sense_are_refused(fields):
    with pytest.raises(ValidationError):
        Pool("X", **fields)


def test_settings_check_their_pools():
    with pytest.raises(ValidationError, match="110 percent"):
        DistributionSettings("a.csv", [Pool("A", share=0.7, of="whole"), Pool("B", share=0.4, of="whole")])
    with pytest.raises(ValidationError, match="name of a line"):
        Pool("Payment", rest=True)
