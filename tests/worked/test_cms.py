"""Settlements that CMS and others published, line by line, and the printed points of the size table."""

import numpy as np
import pytest
from conftest import SCENARIOS, printed

from acomodel import load_scenario, minimum_savings_rate, run, settle, terms
from acomodel.contract.terms import Terms


@pytest.mark.parametrize(
    ("beneficiaries", "percent"),
    [
        (7_500, "3.3"),  # CMS-1345-P, p. 268
        (16_383, "2.6447"),  # Hackensack Alliance, 2013
        (15_603, "2.675875175"),  # Hackensack Alliance, 2014
        (5_000, "3.9"),
        (5_999, "3.6"),
        (10_000, "3.0"),
        (60_000, "2.0"),
        (250_000, "2.0"),
    ],
)
def test_minimum_savings_rate_by_size(beneficiaries, percent):
    assert 100 * minimum_savings_rate(beneficiaries) == printed(percent)


def test_hackensack_both_periods():
    """Gross et al., "The Ingredients of Success in a Medicare ACO," table 3; CMS public use files 2013, 2014."""
    result = run(load_scenario(SCENARIOS / "hackensack-2014.toml")).lines()
    assert result.loc["2013", "payment"] == printed("5,266,358")
    assert result.loc["2013", "savings"] == pytest.approx(10_747_668.5)
    assert result.loc["2014", "payment"] == printed("2,832,988")
    assert result.loc["2014", "final_sharing_rate"] == printed("0.447154018")
    assert 100 * result.loc["2014", "savings_rate"] == printed("3.26")


def test_balance_aco_2017_is_paid_exactly_the_cap():
    result = settle(128_423_263, 128_423_263 - 38_333_745, terms("mssp", "Track 1", 2017), members=8_000)
    assert result.payment == printed("12,842,326")
    assert result.cut_by_cap > 0
    assert result.payment == pytest.approx(0.1 * 128_423_263)


@pytest.mark.parametrize(
    ("loss", "quality", "adjustment", "owed"),
    [
        pytest.param(2_828_054, 0.0, 2_797, "2,118,244", id="Accountable Care of Nevada 2018, quality failed"),
        pytest.param(3_340_682, 0.7416 / 0.75, 136_037, "1,200,236", id="TC2 2018, disaster relief"),
    ],
)
def test_track_3_losses_of_2018(loss, quality, adjustment, owed):
    contract = terms("mssp", "Track 3", 2018, msr=0.0)
    result = settle(1e8, 1e8 + loss, contract, quality_score=quality, disaster_adjustment=adjustment)
    assert -result.payment == pytest.approx(float(owed.replace(",", "")), abs=1.0)


def test_reach_corridors_are_marginal():
    """ACO REACH, Global and Professional (Pearl Health): 100/50/25/10 at 25/35/50; 50/35/15/5 at 5/10/15."""
    world = ((0.25, 1.0), (0.35, 0.5), (0.5, 0.25), (float("inf"), 0.1))
    professional = ((0.05, 0.5), (0.10, 0.35), (0.15, 0.15), (float("inf"), 0.05))
    for corridors, rate, share in [
        (world, 0.20, 0.20),
        (world, 0.40, 0.25 + 0.05 + 0.0125),
        (world, 1.00, 0.25 + 0.05 + 0.0375 + 0.05),
        (professional, 0.04, 0.02),
        (professional, 0.20, 0.025 + 0.0175 + 0.0075 + 0.0025),
    ]:
        contract = Terms(sharing_rate=1.0, corridors=corridors, loss_method="fixed", loss_rate=1.0)
        gain, loss = settle(np.array([1e6, 1e6]), np.array([1e6 * (1 - rate), 1e6 * (1 + rate)]), contract).payment
        assert gain == pytest.approx(share * 1e6)
        assert loss == pytest.approx(-share * 1e6)


def test_lead_global_corridors():
    """LEAD 2027, Global: savings of the whole benchmark share 33.75 %."""
    bands = ((0.15, 1.0), (0.35, 0.5), (0.5, 0.25), (float("inf"), 0.1))
    assert settle(1.0, 0.0, Terms(sharing_rate=1.0, corridors=bands)).payment == pytest.approx(0.3375)


def test_pgp_shares_eighty_percent_beyond_two_percent():
    """Toolkit, p. 51: Physician Group Practice demonstration."""
    contract = Terms(sharing_rate=0.8, msr=0.02, share_from="threshold")
    assert settle(1_000_000, 950_000, contract).payment == pytest.approx(0.8 * 30_000)
