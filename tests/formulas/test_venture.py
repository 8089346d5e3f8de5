"""Pro forma of an ACO: cash by year on simulated futures, what it takes to break even."""

import numpy as np
import pytest
from pydantic import ValidationError

from acomodel.contract.terms import Terms
from acomodel.inputs import InputError
from acomodel.outlook.luck.costs import cost_distribution
from acomodel.outlook.negotiation.compared import saving_more, with_clauses
from acomodel.outlook.negotiation.proforma import Intervention, pro_forma
from acomodel.outlook.negotiation.venture import AcoSettings, venture
from acomodel.outlook.years.simulation import Prospect
from acomodel.outlook.years.uncertainty import LUCK_ONLY, Uncertainty

COSTS = cost_distribution([0.0, 2_000.0, 30_000.0])
HALF = Terms(sharing_rate=0.5)
TWO_SIDED = Terms(sharing_rate=0.5, msr=0.02, loss_method="fixed", loss_rate=0.5)


def certain(savings, years=3, **changed):
    sure = Uncertainty(
        true_savings=savings, long_run_savings=savings, skill_sd=0.0, benchmark_sd=0.0, benchmark_constant=0.0
    )
    prospect = Prospect(cost_distribution([10_000.0]), 5_000, 50e6, years, sure, **changed)
    return prospect.futures(prospect.draw(100))


def uncertain(years=3, draws=3_000, members=10_000):
    prospect = Prospect(COSTS, members, members * COSTS.mean, years, LUCK_ONLY)
    return prospect.futures(prospect.draw(draws))


def test_cash_of_a_certain_future_is_arithmetic():
    aco = AcoSettings(start_up=500_000.0, fixed_cost=600_000.0, cost_per_member=40.0)
    found = venture(aco, certain(0.04), HALF)
    table = found.to_frame()
    assert found.certain
    assert table["payment"].to_numpy() == pytest.approx([0.0, 1e6, 1e6, 1e6])
    assert table["operating"].tolist() == [500_000.0, 800_000.0, 800_000.0, 800_000.0]
    assert table["cumulative"].to_numpy() == pytest.approx([-500_000.0, -300_000.0, -100_000.0, 100_000.0])
    assert found.break_even_year == 3
    assert found.investment == found.expected_investment == pytest.approx(500_000.0)
    assert table["chance_lost"].tolist() == [1.0, 1.0, 1.0, 0.0]
    assert found.rate_needed == pytest.approx(2.9e6 / 6e6, abs=1e-5)
    assert found.savings_needed == pytest.approx(2.9e6 / (0.5 * 150e6), abs=1e-5)


def test_delay_growth_and_discount():
    aco = AcoSettings(fixed_cost=100.0, cost_growth=0.1, member_growth=0.2, payment_delay=1, discount=0.25)
    table = venture(aco, certain(0.04), HALF).to_frame()
    worth = 1.25 ** -np.arange(5.0)
    assert table["operating"].to_numpy() == pytest.approx([0, *(100 * 1.1 ** np.arange(3)), 0] * worth)
    assert table["payment"].to_numpy() == pytest.approx([0, 0, *(1e6 * 1.2 ** np.arange(3))] * worth)
    assert AcoSettings(cost_per_member=10.0, member_growth=0.2).cost(2, 100.0) == pytest.approx(1_440.0)


def test_cumulative_is_the_sum_of_net_in_every_future():
    aco = AcoSettings(start_up=1e5, fixed_cost=2e5)
    found = venture(aco, uncertain(), TWO_SIDED)
    table = found.to_frame()
    assert table["net"].cumsum().to_numpy() == pytest.approx(table["cumulative"].to_numpy())
    assert (table["payment"] - table["operating"]).to_numpy() == pytest.approx(table["net"].to_numpy())
    payments = uncertain().settle(TWO_SIDED).payment
    assert found.cash[:, -1] == pytest.approx(payments.sum(axis=1) - 7e5)
    assert table["chance_lost"].iloc[-1] == pytest.approx((payments.sum(axis=1) < 7e5).mean())
    assert (np.diff(table[["q05", "q25", "q50", "q75", "q95"]].to_numpy(), axis=1) >= 0).all()


def test_investment_is_enough_with_its_chance():
    aco = AcoSettings(start_up=1e5, fixed_cost=2e5, quantile=0.9)
    found = venture(aco, uncertain(), TWO_SIDED)
    worst = -found.cash.min(axis=1)
    assert (worst <= found.investment).mean() == pytest.approx(0.9, abs=0.001)
    stated = AcoSettings(start_up=1e5, fixed_cost=2e5, capital={"Hospital": found.investment, "Doctors": 1.0})
    assert venture(stated, uncertain(), TWO_SIDED).chance_short == pytest.approx(0.1, abs=0.001)
    assert found.chance_short is None


def test_rate_and_savings_needed_end_even():
    aco = AcoSettings(start_up=2e5, fixed_cost=4e5, payment_delay=1)
    futures, programme = uncertain(), np.array([0.01, 0.015, 0.02])
    found = venture(aco, futures, TWO_SIDED, programme_savings=programme, programme_cost=[1e5, 1e5, 1e5])
    at_rate = venture(
        aco,
        futures,
        with_clauses(TWO_SIDED, {"sharing_rate": found.rate_needed}),
        programme_savings=programme,
        programme_cost=[1e5, 1e5, 1e5],
    )
    assert at_rate.to_frame()["cumulative"].iloc[-1] == pytest.approx(0, abs=20)
    jump = 0.5 * 0.02 * futures.prospect.benchmark / len(futures.actual)  # of one future that meets the threshold
    more = programme + found.savings_needed - found.savings_expected
    at_savings = venture(aco, futures, TWO_SIDED, programme_savings=more, programme_cost=[1e5, 1e5, 1e5])
    assert at_savings.to_frame()["cumulative"].iloc[-1] == pytest.approx(0, abs=1.1 * jump)


def test_programme_is_that_of_its_own_pro_forma():
    """The navigator of the Toolkit saves 1 percent; cost and savings come from the one pro forma."""
    navigator = Intervention("Navigator", fixed_cost=5e5, claims_saved=1.06e6, ramp=(0.5, 1.0))
    futures = uncertain()
    made = pro_forma([navigator], 106e6, futures=futures, terms=TWO_SIDED).to_frame()
    found = venture(
        AcoSettings(), futures, TWO_SIDED, programme_cost=made["cost"], programme_savings=made["savings_rate"]
    )
    bare = venture(AcoSettings(), futures, TWO_SIDED)
    more = found.to_frame()["net"].iloc[1:].to_numpy() - bare.to_frame()["net"].iloc[1:].to_numpy()
    assert more == pytest.approx(made["net"].to_numpy(), abs=1e-6)
    with_it = saving_more(futures, made["savings_rate"].to_numpy()).settle(TWO_SIDED).payment.mean(axis=0)
    assert found.to_frame()["payment"].iloc[1:].to_numpy() == pytest.approx(with_it)


def test_more_savings_and_less_cost_are_never_worse():
    futures = uncertain()
    base = venture(AcoSettings(fixed_cost=3e5), futures, TWO_SIDED, programme_savings=[0.02] * 3)
    saving = venture(AcoSettings(fixed_cost=3e5), futures, TWO_SIDED, programme_savings=[0.03] * 3)
    cheaper = venture(AcoSettings(fixed_cost=1e5), futures, TWO_SIDED, programme_savings=[0.02] * 3)
    for better in (saving, cheaper):
        assert (better.cash >= base.cash - 1e-6).all()
        assert better.investment <= base.investment
        assert better.rate_needed <= base.rate_needed


def test_what_cannot_be_reached_is_said():
    found = venture(AcoSettings(fixed_cost=1e8), certain(0.0), HALF)
    assert (found.rate_needed, found.savings_needed, found.break_even_year) == (None, None, None)
    words = repr(found.needs())
    assert "no rate is enough" in words
    assert "not in these years" in words
    assert "none within 40%" in words
    free = venture(AcoSettings(), certain(0.0), HALF)
    assert (free.break_even_year, free.investment) == (0, 0.0)


def test_exhibits_of_a_certain_future_show_no_chances():
    found = venture(AcoSettings(fixed_cost=1.0, capital={"A": 5.0}), certain(0.01), HALF)
    assert "hance" not in repr(found.exhibit()) + repr(found.needs())
    unsure = venture(AcoSettings(fixed_cost=1.0, capital={"A": 5.0}), uncertain(), TWO_SIDED)
    assert "Chance of having lost money" in repr(unsure.exhibit())
    assert "Chance that it does not last" in repr(unsure.needs())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: venture(AcoSettings(years=2), certain(0.0), HALF), "futures of 3 years; 2"),
        (lambda: venture(AcoSettings(), certain(0.0), HALF, programme_cost=[1.0]), "one finite number for each of 3"),
        (lambda: venture(AcoSettings(), certain(0.0), HALF, programme_savings=[np.nan] * 3), "finite number"),
    ],
)
def test_unusable_input_is_named(call, words):
    with pytest.raises(InputError, match=words):
        call()


@pytest.mark.parametrize(
    "fields", [{"start_up": -1.0}, {"capital": {"A": -1.0}}, {"payment_delay": 5}, {"quantile": 95.0}, {"years": 0}]
)
def test_settings_that_make_no_sense_are_refused(fields):
    with pytest.raises(ValidationError):
        AcoSettings(**fields)
