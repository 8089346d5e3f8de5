"""Brookings-Dartmouth, "ACO Toolkit," January 2010: the pro forma of part 3, p. 47, and the interventions of part 5."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from acomodel.contract.terms import Terms
from acomodel.inputs import InputError
from acomodel.outlook.luck.costs import cost_distribution
from acomodel.outlook.negotiation.compared import saving_more, with_clauses
from acomodel.outlook.negotiation.proforma import Intervention, break_even_share, interventions, pro_forma
from acomodel.outlook.years.simulation import Prospect
from acomodel.outlook.years.uncertainty import LUCK_ONLY

NAVIGATOR = Intervention("Patient navigator", fixed_cost=50_000.0, claims_saved=100_000.0)
COSTS = cost_distribution([0.0, 2_000.0, 30_000.0])
THRESHOLD = Terms(sharing_rate=0.5, msr=0.02, share_from="threshold")
FIRST_DOLLAR = Terms(sharing_rate=0.5, loss_method="fixed", loss_rate=0.5)


def futures(members=10_000, years=3, draws=4_000, uncertainty=LUCK_ONLY, **changed):
    prospect = Prospect(COSTS, members, members * COSTS.mean, years, uncertainty, **changed)
    return prospect.futures(prospect.draw(draws))


# the example of p. 47


def test_navigator_needs_half_of_the_savings():
    assert break_even_share(50_000, 100_000) == 0.50
    found = pro_forma([NAVIGATOR], 20e6, years=1, sharing_rate=0.5)
    assert found.share_needed == 0.50
    assert found.break_even_year == 1
    assert found.to_frame().loc[1, "net"] == 0
    assert found.by_intervention.loc["Patient navigator", "share_needed"] == 0.50
    assert "50.00% of savings" in repr(found)


@pytest.mark.parametrize(("rate", "net"), [(0.49, -1_000.0), (0.51, 1_000.0)])
def test_below_half_it_loses_and_above_it_gains(rate, net):
    found = pro_forma([NAVIGATOR], 20e6, years=1, sharing_rate=rate)
    assert found.to_frame().loc[1, "net"] == pytest.approx(net)
    assert found.break_even_year == (1 if net > 0 else None)


def test_a_threshold_asks_for_more_than_half():
    """The same figures for every 10,000 members, under 50 percent of what lies beyond a threshold of 2 percent."""
    large = replace(NAVIGATOR, fixed_cost=500_000.0, claims_saved=1_000_000.0)
    found = pro_forma([large], 106e6, futures=futures(), terms=THRESHOLD)
    assert found.share_needed == pytest.approx(0.50)
    assert (found.to_frame()["paid"] < found.to_frame()["share"]).all()
    assert found.break_even_year is None
    assert found.rate_needed is None  # not even all of what lies beyond the threshold is enough
    cheap = pro_forma([replace(large, fixed_cost=100_000.0)], 106e6, futures=futures(), terms=THRESHOLD)
    assert cheap.share_needed == pytest.approx(0.10)
    assert 0.2 < cheap.rate_needed < 1


# limits


def test_without_a_threshold_the_contract_pays_the_share():
    found = pro_forma([NAVIGATOR], 106e6, futures=futures(), terms=FIRST_DOLLAR).to_frame()
    assert found["paid"].to_numpy() == pytest.approx(found["share"].to_numpy(), rel=0.002)
    assert (found["paid_error"] < 0.01 * found["paid"]).all()


def test_a_programme_without_effect_gets_no_credit_for_luck():
    idle = Intervention("Idle", fixed_cost=1_000.0)
    found = pro_forma([idle], 106e6, futures=futures(), terms=THRESHOLD)
    assert found.to_frame()["paid"].tolist() == [0.0, 0.0, 0.0]
    assert found.to_frame()["cumulative"].tolist() == [-1_000.0, -2_000.0, -3_000.0]
    assert found.share_needed is None
    assert found.rate_needed is None
    assert "no share is enough" in repr(found)
    assert "nan" not in repr(found)


def test_expected_payment_is_that_of_the_futures_with_the_savings():
    ramped = Intervention("Ramped", claims_saved=2e6, ramp=(0.25, 0.5, 1.0))
    given = futures(growth=0.04)
    found = pro_forma([ramped], 1.0e8, futures=given, terms=THRESHOLD).to_frame()
    rates = np.array([0.25, 0.5, 1.0]) * 2e6 / given.prospect.benchmark
    assert found["savings_rate"].to_numpy() == pytest.approx(rates)
    more = saving_more(given, rates).settle(THRESHOLD).payment - given.settle(THRESHOLD).payment
    assert found["paid"].to_numpy() == pytest.approx(more.mean(axis=0))
    assert found["paid_error"].to_numpy() == pytest.approx(more.std(axis=0, ddof=1) / np.sqrt(4_000))


def test_rate_needed_covers_the_cost():
    large = Intervention("Large", fixed_cost=600_000.0, claims_saved=3e6)
    given = futures()
    found = pro_forma([large], 106e6, futures=given, terms=THRESHOLD, discount=0.05)
    at = pro_forma(
        [large], 106e6, futures=given, terms=with_clauses(THRESHOLD, {"sharing_rate": found.rate_needed}), discount=0.05
    )
    assert at.to_frame()["cumulative"].iloc[-1] == pytest.approx(0, abs=0.05)
    assert found.rate_needed > found.share_needed


def test_years_ramp_and_break_even():
    slow = Intervention(
        "Slow",
        start_up=30.0,
        fixed_cost=10.0,
        cost_per_member=2.0,
        members=10.0,
        claims_saved=200.0,
        ramp=(0.0, 0.5, 1.0),
    )
    found = pro_forma([slow], 1_000.0, years=4, sharing_rate=0.5)
    frame = found.to_frame()
    assert frame["cost"].tolist() == [40.0, 20.0, 30.0, 30.0]
    assert frame["saved"].tolist() == [0.0, 100.0, 200.0, 200.0]
    assert frame["cumulative"].tolist() == [-40.0, -10.0, 60.0, 130.0]
    assert found.break_even_year == 3
    assert found.share_needed == pytest.approx(120 / 500)


def test_a_programme_that_pays_once_and_loses_again_has_not_broken_even():
    early = Intervention("Early", fixed_cost=10.0, claims_saved=40.0, ramp=(1.0, 0.0))
    assert pro_forma([early], 1_000.0, years=2, sharing_rate=0.5).break_even_year == 1
    assert pro_forma([early], 1_000.0, years=4, sharing_rate=0.5).break_even_year is None


def test_growth_and_discount():
    grown = pro_forma([NAVIGATOR], 1e6, years=2, growth=0.1).to_frame()
    assert grown.loc[2, "cost"] == pytest.approx(55_000)
    assert grown.loc[2, "saved"] == pytest.approx(110_000)
    assert grown["savings_rate"].tolist() == pytest.approx([0.1, 0.1])
    level = pro_forma([NAVIGATOR], 1e6, years=2, growth=0.1, discount=0.1).to_frame()
    assert level["cost"].tolist() == pytest.approx([50_000, 50_000])


def test_shares_of_one_category_compound():
    """A fifth less of what is left after a half: 60 percent, not 70."""
    half = Intervention("Half", category="Imaging", share_saved=0.5)
    fifth = Intervention("Fifth", category="Imaging", share_saved=0.2)
    found = pro_forma([half, fifth], {"Imaging": 100.0, "Other": 900.0}, years=1)
    assert found.by_intervention["saved"].tolist() == [50.0, 10.0]
    assert found.to_frame().loc[1, "savings_rate"] == pytest.approx(0.06)
    general = Intervention("General", share_saved=0.1)
    after = pro_forma([half, general, fifth], {"Imaging": 100.0, "Other": 900.0}, years=1)
    assert after.by_intervention["saved"].tolist() == pytest.approx([50.0, 95.0, 9.0])


@given(cost=st.floats(0, 1e9), saved=st.floats(0.01, 1e9))
def test_share_of_break_even_covers_the_cost_and_is_the_same_for_many(cost, saved):
    share = break_even_share(cost, saved)
    assert share * saved == pytest.approx(cost)
    assert break_even_share(np.array([cost, cost]), np.array([saved, saved])).tolist() == [share, share]
    series = break_even_share(pd.Series([cost], index=["a"]), saved)
    assert series.loc["a"] == share


# the interventions of part 5


def pages():
    path = ROOT.parent / "shared" / "seeds" / "toolkit.txt"
    if not path.exists():
        pytest.skip("the text of the ACO Toolkit is not beside the project (../shared/seeds/toolkit.txt)")
    parts = re.split(r"\n[^\n]*\| ACO TOOLKIT\n[^\n]*\| *(\d+)\n", path.read_text(encoding="utf-8"))
    return {int(number): text.replace("\n", " ") for number, text in zip(parts[1::2], parts[2::2], strict=True)}


def test_figures_of_the_interventions_stand_on_their_pages():
    text = pages()
    for row in interventions().itertuples():
        number = int(re.search(r"p\. (\d+)$", row.source)[1])
        page = text[number]
        for figure in re.findall(r"\$?\d[\d,.]*\d|\d", f"{row.effect} {row.cost}"):
            assert figure in page, (row.intervention, figure)
        for endnote in re.findall(r"\d+", row.note) if row.note.startswith("endnote") else []:
            assert endnote in page + text[number + 1], (row.intervention, endnote)
    assert "would need to share in at least 50 percent of the claims savings ($50,000)" in text[47]


def test_values_are_the_figures_quoted():
    table = interventions()
    assert len(table) == len(set(table["intervention"]))
    for row in table.itertuples():
        assert pd.isna(row.value) == (row.sureness == "none printed"), row.intervention
        assert bool(row.unit) == (row.sureness != "none printed"), row.intervention
        if pd.isna(row.value):
            continue
        words = f"{100 * row.value:g} percent" if row.unit.startswith("share") else f"${row.value:,.0f}"
        effect = row.effect.replace("nine percent", "9 percent").replace(" million", ",000,000")
        assert words in effect, row.intervention
    assert set(table["sureness"]) == {"quoted", "example", "none printed"}


def test_the_table_of_interventions_cannot_be_spoilt():
    table = interventions()
    table.loc[0, "value"] = 1.0
    assert interventions().loc[0, "value"] == 100_000


# input


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: break_even_share(-1.0, 10.0), "at least 0"),
        (lambda: break_even_share(1.0, 0.0), "above 0"),
        (lambda: break_even_share(1.0, np.nan), "above 0"),
        (lambda: pro_forma([], 1e6), "no interventions"),
        (lambda: pro_forma([NAVIGATOR], 0.0), "nothing"),
        (lambda: pro_forma([NAVIGATOR], {"Imaging": -1.0}), "negative"),
        (lambda: pro_forma([NAVIGATOR], 1e6, years=0), "0 years"),
        (lambda: pro_forma([NAVIGATOR], 1e6, sharing_rate=1.5), "sharing rate 1.5"),
        (lambda: pro_forma([NAVIGATOR], 1e6, terms=THRESHOLD), "together"),
        (lambda: pro_forma([NAVIGATOR], 5e4), "less than is spent"),
        (
            lambda: pro_forma([Intervention("X", category="Imagin", share_saved=0.1)], {"Imaging": 1e6}),
            "Did you mean 'Imaging'",
        ),
    ],
)
def test_unusable_input_is_named(call, words):
    with pytest.raises(InputError, match=words) as error:
        call()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("clauses", [{"ramp": (1.5,)}, {"ramp": ()}, {"saved_per_member": 5.0}, {"fixed_cost": -1.0}])
def test_interventions_that_make_no_sense_are_refused(clauses):
    with pytest.raises(ValidationError):
        Intervention("X", **clauses)
