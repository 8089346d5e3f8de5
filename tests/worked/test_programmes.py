"""Programmes beside the Shared Savings Program: published settlements where there are any, else the rules' order."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from conftest import SCENARIOS
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from acomodel import InputError, Rules, load_scenario, run, settle
from acomodel.budget.capitation import adjusted_capitation
from acomodel.contract.programs import PROGRAMS, Program, ProgramTerms, rules_used, terms, unverified
from acomodel.contract.settlement import LINES
from acomodel.contract.terms import Terms, for_final_benchmark
from acomodel.programs import rule_table
from acomodel.workbench import exhibits

MILLION = 1e6
OTHERS = [name for name in PROGRAMS if name != "mssp"]
CHOICES = {"mhcq": {"share": 0.5}, "aqc": {"share": 0.75}, "ngaco": {"discount": 0.02, "cap": 0.1}}
CHOICES |= {"lead": {"discount": 0.03}}


def between(low, high):
    """A figure that may lie anywhere between two ends."""
    return pytest.approx((low + high) / 2, abs=(high - low) / 2 + 1e-9)


# every programme


@pytest.mark.parametrize("program", OTHERS)
def test_every_track_settles_in_the_first_and_the_last_year(program):
    table = rule_table(program)
    through = int(table.set_index("parameter").loc["table_through", "value"])
    first = Rules(program, through).first_year()
    for year in (first, through):
        for track in Rules(program, year).tracks():
            agreed = terms(program, track, year, **CHOICES.get(program, {}))
            paid = settle(100.0, np.array([80.0, 100.0, 120.0]), agreed, quality_score=0.9)
            assert paid.payment[0] > 0 >= paid.payment[2], (track, year)
            assert agreed.name.endswith(f"performance year {year}")
            kind = ProgramTerms(program=program, track=track, **CHOICES.get(program, {}))
            assert kind.in_year(year) == agreed
            assert all(rule.source for rule in rules_used(kind, year))
    assert "its newest row stands in" in terms(program, track, through + 3, **CHOICES.get(program, {})).name


@pytest.mark.parametrize("program", OTHERS)
def test_every_rule_is_sourced_stated_once_and_read(program):
    table = rule_table(program)
    assert (table[["value", "unit", "source"]] != "").all().all()
    assert not table.duplicated(["parameter", "track", "effective_from"]).any()
    clauses = {field.name for field in dataclasses.fields(Terms)} | {"gross_cap"}
    known = clauses | {f"{c}_range" for c in clauses} | {f"{c}_year_{n}" for c in clauses for n in range(2, 6)}
    known |= {"table_through", "msr_method", "retention", "heba_up", "heba_down"}
    assert set(table["parameter"]) <= known


def test_what_is_from_memory_is_named():
    assert set(PROGRAMS) == set(Program.__args__)
    assert unverified(ProgramTerms(program="reach", track="Professional"), 2023) == []
    assert unverified(ProgramTerms(program="pgp"), 2006) == ["savings cap benchmark", "quality part", "withheld"]
    assert "sharing rate" in unverified(ProgramTerms(program="pioneer", track="Option B"), 2012)


@pytest.mark.parametrize(
    ("program", "track", "choices", "words"),
    [
        ("reech", "Global", {}, "no rule table for the programme 'reech'; known are mssp, .* Did you mean 'reach'"),
        ("reach", "Globl", {}, "no track 'Globl' in 2020; the table begins in 2021"),
        ("mhcq", "Indiana", {}, "'share' is missing; .* a share from 0 to 1 is wanted"),
        ("ngaco", "Arrangement A", {"discount": 0.2, "cap": 0.1}, "discount: found 0.2; a share from 0.005 to 0.045"),
        ("ngaco", "Arrangement A", {"discount": 0.02}, "'cap' is missing"),
        ("commercial", "One-sided", {"share": 50}, "share: found 50; a share from 0.5 to 0.8"),
        ("pgp", "", {"cap": 0.1}, "'cap' is given, but 'PGP' in 2020 leaves no such choice"),
        ("pgp", "", {"low_revenue": True}, "'low_revenue' is given"),
        ("pgp", "", {"retention": True}, "retention is no clause"),
        ("mssp", "Track 1", {"discount": 0.1}, "mssp: 'discount' is given"),
    ],
)
def test_what_a_programme_does_not_know_is_named(program, track, choices, words):
    with pytest.raises(InputError, match=words):
        terms(program, track, 2020, **choices)


def test_a_misspelt_track_and_a_misspelt_programme_of_a_scenario():
    with pytest.raises(InputError, match="known tracks are Global, Professional. Did you mean 'Global'"):
        terms("reach", "global", 2023)
    with pytest.raises(ValidationError, match="'reach'"):
        ProgramTerms(program="reech", track="Global")


# ACO REACH and Direct Contracting: CMS, financial results; cents as printed

REACH = {
    "D0004 2021": ("Global", 2021, 75_558_439.9116, 0.0, 71_678_885.4508, 3_879_554.46, 3_879_554.46, 3_801_963.37),
    "D0006 2021": ("Professional", 2021, 26_652_184.8599, 0, 29_659_424.4299, -3_007_239.57, -1_184_021.02, None),
    "D0032 2023": ("Professional", 2023, 28_380_121.13, 48_156, 25_124_675.5, 3_303_601.62, 1_277_317.86, 1_251_771.51),
    "D0004 2023": ("Global", 2023, 206_175_258.93, -413_280, 167_965_318.67, 37_796_660.25, None, 37_040_727.05),
}


@pytest.mark.parametrize("case", REACH)
def test_reach_to_the_cent(case):
    track, year, final, equity, cost, gross, shared, paid = REACH[case]
    agreed = for_final_benchmark(terms("reach", track, year))
    found = settle(final, cost, agreed, benchmark_addition=equity)
    assert found.savings == pytest.approx(gross, abs=0.0151)
    assert found.gross_savings - found.gross_losses == pytest.approx(gross if shared is None else shared, abs=0.0151)
    assert found.payment == pytest.approx(shared if paid is None else paid, abs=0.0151)


def test_reach_changed_in_one_clause_misses_the_published_figures():
    """The equity adjustment belongs to the base of the corridors, and these are marginal."""
    track, year, final, equity, cost, *_, paid = REACH["D0032 2023"]
    agreed = for_final_benchmark(terms("reach", track, year))
    without = settle(final, cost, agreed).payment
    outside = settle(final, cost - equity, agreed).payment
    assert abs(without - paid) > 1_000
    assert abs(outside - paid) > 100


def test_reach_scenario_is_the_published_year():
    result = run(load_scenario(SCENARIOS / "reach-2023.toml"))
    head = result.headline()
    assert head["final_benchmark"] == pytest.approx(28_380_121.13 + 48_156, abs=0.005)
    assert head["payment"] == pytest.approx(1_251_771.51, abs=0.01)
    said = repr(exhibits.contract.summary(result))
    assert "held back and not earned by a quality score of 76.0%; $48,156 added" in said
    assert "saves nothing against the final benchmark" in said
    assert "5% to 10%: 35%" in repr(exhibits.contract.terms(result))
    assert exhibits.chance.msr_levels(result) is None
    assert "final benchmark: after discount" in " ".join(str(a.source) for a in result.assumptions)


def test_reach_discount_withhold_and_retention():
    agreed = terms("reach", "Global", 2023, retention=True)
    found = settle(100.0, 90.0, agreed, quality_score=0.5)
    assert found.final_benchmark == pytest.approx(100 * 0.97 * 0.98 * 0.99)
    assert [terms("reach", "Global", y).benchmark_discount for y in range(2021, 2027)] == [
        0.02,
        0.02,
        0.03,
        0.03,
        0.035,
        0.035,
    ]
    assert terms("reach", "Professional", 2023).benchmark_discount == 0
    assert terms("reach", "Global", 2026).corridors[0] == (0.1, 1.0)


# Physician Group Practice demonstration: ACO Toolkit, part 3, section 3.3, p. 51; the year-by-year figures are ours


def test_pgp_over_five_years():
    """
    Target of 100 million a year, worked out by hand from the rule.

    Savings count beyond 2 percent; 80 percent of them; the cost share outright and the quality share by the score;
    at most 5 percent of the target; a quarter withheld; losses beyond 2 percent set against later savings.
    """
    actual, score = [105, 94, 90, 99, 93], [1.0, 0.9, 0.8, 1.0, 1.0]
    earned = [0.0, 0.8 * (4 - 3) * (0.6 + 0.4 * 0.9), 5.0, 0.0, 0.8 * 5]
    carried, held, paid = 0.0, 0.0, []
    for year in range(5):
        released = held if year == 4 else 0.0
        agreed = terms("pgp", "", 2005 + year)
        found = settle(
            100.0,
            actual[year],
            agreed,
            quality_score=score[year],
            carried_losses=carried,
            withheld_released=released,
        )
        assert found.earned_savings == pytest.approx(earned[year]), year
        assert found.withheld == pytest.approx(earned[year] / 4)
        assert found.walk().iloc[:-1].sum() == pytest.approx(found.payment)
        carried, held = found.carried_on, held + found.withheld
        paid.append(found.payment)
    assert paid == pytest.approx([0, 0.576, 3.75, 0, 3.0 + 0.192 + 1.25])
    assert held - 0.192 - 1.25 == pytest.approx(1.0)  # the quarter of the last year follows
    assert sum(paid) + 1.0 == pytest.approx(sum(earned))


def test_pgp_a_loss_within_two_percent_is_not_carried():
    agreed = terms("pgp", "", 2005)
    assert settle(100.0, 101.9, agreed).carried_on == 0
    assert settle(100.0, 105.0, agreed).carried_on == pytest.approx(3.0)


@pytest.mark.xfail(
    strict=True, reason="the totals net other groups or earlier withholds: more than 80 percent was paid"
)
@pytest.mark.parametrize(("saved", "paid"), [(38.7, 31.7), (36.2, 29.4)])
def test_pgp_totals_of_years_4_and_5(saved, paid):
    """Healthcare Finance News and Healthcare IT News: no settlement of the rule pays more than its share."""
    most = settle(1_000.0, 1_000.0 - saved, dataclasses.replace(terms("pgp", "", 2008), withheld=0.0, msr=0.0))
    assert most.payment >= paid - 0.05


# Medicare Health Care Quality demonstration: ACO Toolkit, part 3, p. 51


def test_mhcq_thresholds():
    assert terms("mhcq", "Indiana", 2012, share=0.5).msr == 0.015
    years = [terms("mhcq", "North Carolina", year, share=0.5).msr for year in range(2010, 2015)]
    assert years == [0.029, 0.029, 0.015, 0.015, 0.015]
    first = settle(100.0, 98.0, [terms("mhcq", "North Carolina", y, share=0.8) for y in (2011, 2012)])
    assert first.payment == pytest.approx([0.0, 0.8 * 0.5])


# Pioneer: settlements as the press printed them, in millions


def test_pioneer_montefiore_2012():
    """23.3 million are 7.1 percent; 14.0 million are paid, 60 percent."""
    found = settle(23.3 / 0.071, 23.3 / 0.071 - np.array([23.25, 23.3, 23.35]), terms("pioneer", "Core", 2012))
    assert found.payment == pytest.approx(14.0, abs=0.0501)
    assert found.final_sharing_rate[0] == 0.6


def test_pioneer_genesys_2012():
    """A loss of 5.1 million, 2.9 percent; 2.55 million are owed, 50 percent."""
    found = settle(5.1 / 0.029, 5.1 / 0.029 + np.array([5.05, 5.1, 5.15]), terms("pioneer", "Option A", 2012))
    assert -found.payment[1] == pytest.approx(2.55)
    assert (-found.payment[0], -found.payment[2]) == pytest.approx((2.525, 2.575))


def test_pioneer_genesys_2013_by_the_printed_rate():
    """A loss of 4.86 million, 2.8 percent; 2.49 million are owed, 51 percent, each of them rounded."""
    bench, ends = 4.86 / 0.028, []
    for loss, rate in ((4.855, 0.505), (4.865, 0.515)):
        agreed = Terms(sharing_rate=0.6, msr=0.01, loss_method="fixed", loss_rate=rate)
        ends.append(-settle(bench, bench + loss, agreed).payment)
    assert between(*ends) == 2.49
    assert ends[1] - ends[0] < 0.06


@pytest.mark.xfail(strict=True, reason="60 percent in the second year of option A is from memory; 51 percent was owed")
def test_pioneer_genesys_2013_by_the_rule_from_memory():
    bench = 4.86 / 0.028
    found = settle(bench, bench + 4.86, terms("pioneer", "Option A", 2013))
    assert -found.payment == pytest.approx(2.49, abs=0.01)


# Next Generation and LEAD


def test_next_generation_in_its_order():
    """Discount, first dollar, cap on gross savings, share, sequestration on savings only."""
    agreed = terms("ngaco", "Arrangement A", 2017, discount=0.02, cap=0.1)
    found = settle(100.0, [80.0, 95.0, 97.9, 100.0, 130.0], agreed)
    expected = [0.98 * 0.8 * 9.8, 0.98 * 0.8 * 3.0, 0.98 * 0.8 * 0.1, -0.8 * 2.0, -0.8 * 9.8]
    assert found.payment == pytest.approx(expected)
    full = terms("ngaco", "Arrangement B", 2020, cap=0.15)
    assert (full.sharing_rate, full.loss_rate, full.benchmark_discount) == (1, 1, 0.0125)
    assert terms("ngaco", "Arrangement A", 2020, cap=0.05).sharing_rate == 0.85


def test_lead_saving_everything():
    """Savings of the whole benchmark in Global leave 33.75 percent of it: 0.15 + 0.10 + 0.0375 + 0.05."""
    agreed = terms("lead", "Global", 2027, discount=0.03)
    found = settle(100.0, 0.0, agreed)
    assert found.gross_savings / found.final_benchmark == pytest.approx(0.3375)
    assert settle(100.0, 97.0 * 2, agreed).payment == pytest.approx(-0.3375 * 97)


# Alternative Quality Contract, Medicaid, commercial norms


def test_contracts_of_other_payers():
    for share in (0.5, 1.0):
        found = settle(100.0, np.array([96.0, 104.0]), terms("aqc", "", 2009, share=share))
        assert found.payment == pytest.approx([4 * share, -4 * share])
    third = terms("medicaid", "Minnesota IHP two-sided", 2015, agreement_start=2013)
    assert (third.quality_part, terms("medicaid", "Minnesota IHP two-sided", 2015).quality_part) == (0.5, 0.25)
    assert settle(100.0, 90.0, third, quality_score=0.6).payment == pytest.approx(0.5 * 10 * (0.5 + 0.5 * 0.6))
    common = terms("commercial", "One-sided", 2012)
    assert settle(100.0, 92.0, common).payment == pytest.approx(0.5 * (8 - 2))
    assert settle(100.0, 50.0, common).payment == pytest.approx(10.0)
    generous = terms("commercial", "Two-sided", 2012, share=0.8, cap=0.15, msr=0.04)
    assert settle(100.0, np.array([95.0, 108.0]), generous).payment == pytest.approx([0.8, -0.8 * 4])


# levels 1 to 3: ACO Toolkit, exhibit 3.12; appendix table 2

LEVELS = {
    "level 1: one-sided": Terms(sharing_rate=0.5, msr=0.02, share_from="threshold"),
    "level 2: two-sided": Terms(sharing_rate=0.6, msr=0.02, loss_method="fixed", loss_rate=0.6),
    "level 3: partial capitation": Terms(sharing_rate=0.6, capitated=0.3, loss_method="fixed", loss_rate=0.6),
    "level 3: global budget": Terms(sharing_rate=1.0, capitated=1.0),
}


def test_each_level_bears_more_than_the_one_before():
    at_stake = []
    for agreed in LEVELS.values():
        found = settle(100.0, np.array([90.0, 110.0]), agreed)
        at_stake.append((found.payment[0], -found.payment[1]))
    assert at_stake == [pytest.approx(x) for x in ((4.0, 0.0), (6.0, 6.0), (3 + 0.6 * 7, 3 + 0.6 * 7), (10.0, 10.0))]
    assert at_stake == sorted(at_stake)


@given(
    benchmark=st.floats(1e3, 1e9),
    rate=st.floats(-0.9, 0.9),
    share=st.floats(0, 1),
    addition=st.floats(-0.1, 0.1),
)
def test_capitating_everything_is_a_global_budget_and_nothing_is_shared_savings(benchmark, rate, share, addition):
    actual, extra = benchmark * (1 - rate), addition * benchmark
    whole = Terms(sharing_rate=share, msr=0.02, loss_method="fixed", loss_rate=share, capitated=1.0)
    budget = settle(benchmark, actual, whole, benchmark_addition=extra)
    assert budget.payment == pytest.approx(benchmark + extra - actual, abs=1e-9 * benchmark)
    none, plain = (
        dataclasses.replace(whole, capitated=0.0),
        Terms(sharing_rate=share, msr=0.02, loss_method="fixed", loss_rate=share),
    )
    one, other = (settle(benchmark, actual, agreed, benchmark_addition=extra) for agreed in (none, plain))
    for line in LINES:
        assert getattr(one, line) == getattr(other, line)


def test_partial_capitation_by_the_risk_adjusted_rates_of_table_2():
    """Appendix table 2: $30 a member and month for the capitated services, by relative risk; the rest is shared."""
    groups = adjusted_capitation(30.0, pd.Series([1.15, 0.95, 0.90], index=list("ABC")), [2500, 3500, 2000]).groups
    agreed = [Terms(sharing_rate=0.5, msr=0.02, capitated=x / 1_000_000) for x in groups["adjusted"]]
    cost = np.array([80_000.0, 105_000.0, 54_000.0])
    found = settle(np.full(3, 1e6), cost + np.array([900_000, 890_000, 946_000]), agreed, capitated_actual=cost)
    assert found.capitation == pytest.approx([86_250, 99_750, 54_000])
    assert found.capitation_result == pytest.approx([6_250, -5_250, 0])
    assert found.savings == pytest.approx([13_750, 10_250, 0])
    assert found.payment == pytest.approx([6_250, -5_250, 0])
    assert found.capitation.sum() == pytest.approx(240_000)
    more = settle(1e6, 80_000 + 850_000, agreed[0], capitated_actual=80_000)
    assert more.payment == pytest.approx(6_250 + 0.5 * 63_750)


# Vermont's all-payer model: OneCare Vermont, shared savings results


@pytest.mark.parametrize(
    ("settled", "fixed", "total"),
    [(-6_505_293, 8_245_865, 1_740_572), (11_621_236, 43_738_036, 55_359_272)],
    ids=["Medicaid 2019", "Medicaid 2020"],
)
def test_vermont_settlement_and_fixed_payment_add_up(settled, fixed, total):
    """
    Result of the shared services and result of the fixed payment, to the dollar.

    Benchmark and capitated part are not published, so that only the sum is held: the settlement is of services that
    are shared in full, the fixed payment what the capitated ones left over.
    """
    agreed = Terms(sharing_rate=1.0, capitated=0.5, loss_method="fixed", loss_rate=1.0)
    half = 200e6
    found = settle(2 * half, 2 * half - settled - fixed, agreed, capitated_actual=half - fixed)
    assert (found.earned, found.capitation_result) == (settled, fixed)
    assert found.payment == total


# the clauses behind all of them, at their limits


def test_corridors_mirror_and_a_cap_on_gross_savings_is_a_corridor():
    agreed = for_final_benchmark(terms("reach", "Professional", 2023))
    bare = dataclasses.replace(agreed, sequestration=0.0)
    rates = np.linspace(0.01, 0.4, 14)
    gains, losses = (settle(100.0, 100 * (1 - sign * rates), bare).payment for sign in (1, -1))
    assert gains == pytest.approx(-losses)
    capped = Terms(sharing_rate=0.8, corridors=((0.1, 1.0), (math.inf, 0.0)))
    assert settle(100.0, 70.0, capped).payment == pytest.approx(8.0)


PGP = """
name = "pgp"
title = "A group of the demonstration over three years"
[terms]
program = "pgp"
"""


def test_pgp_in_a_scenario_carries_its_losses_and_says_what_is_from_memory(tmp_path):
    years = [(2005, 105e6, 1.0, 0.0), (2006, 94e6, 0.9, 0.0), (2007, 90e6, 0.8, 0.192e6)]
    text = PGP + "".join(
        f'[[years]]\nlabel = "{year}"\nperformance_year = {year}\nbenchmark = 100e6\nactual = {spent}\n'
        f"quality_score = {score}\nwithheld_released = {released}\n"
        for year, spent, score, released in years
    )
    (tmp_path / "pgp.toml").write_text(text, encoding="utf-8")
    result = run(load_scenario(tmp_path / "pgp.toml"))
    assert result.lines()["payment"].tolist() == pytest.approx([0.0, 0.576e6, 3.75e6 + 0.192e6])
    assert result.lines()["carried_in"].tolist() == pytest.approx([0.0, 3e6, 0.0])
    said = repr(exhibits.contract.summary(result))
    assert "Clauses from memory, unverified: savings cap benchmark, quality part, withheld." in said
    assert "$1,250,000 is withheld until later; $192,000 of earlier years is paid now" in said
    shown = repr(exhibits.contract.terms(result))
    assert "so for 50% of the rate, the rest is paid outright" in shown
    assert "25% of what is paid for savings" in shown
    sources = [a.source for a in result.assumptions if a.name == "2007 PGP: withheld"]
    assert sources == ["from memory, unverified"]
