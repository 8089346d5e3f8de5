"""Tables and charts of negotiation and sensitivity say what the figures behind them are."""

import numpy as np
import pytest
from conftest import SCENARIOS
from matplotlib.figure import Figure

from acomodel import change, load_scenario, run
from acomodel.exhibit import show
from acomodel.workbench import exhibits, plots


@pytest.fixture(scope="module")
def two_sided():
    return run(SCENARIOS / "commercial-two-sided.toml")


@pytest.fixture(scope="module")
def toolkit():
    return run(SCENARIOS / "toolkit-2010.toml")


def drawn(function, result):
    return function(result, ax=Figure(figsize=(7.6, 3.7), layout="constrained").add_subplot())


def test_findings_say_the_figures_of_the_comparison(two_sided):
    value = two_sided.negotiation.comparison.to_frame()["value"]
    own = two_sided.negotiation.own.name
    words = repr(exhibits.negotiation.findings(two_sided))
    payments = value.xs("payment", level="figure")
    for figure in (payments[own], value[own, "unsaved"], value[own, "worst"]):
        assert show(float(figure), "$") in words
    assert f"Most is expected of '{payments.idxmax()}'" in words
    assert show(two_sided.negotiation.equal.value, "%.") in words


def test_clauses_that_differ_are_shown_and_no_others(two_sided):
    table = exhibits.negotiation.terms_compared(two_sided).table
    assert list(table.index) == ["Sharing rate", "Share from", "Minimum savings rate", "Loss method", "Loss rate"]
    assert table.loc["Sharing rate"].tolist() == ["60.00%", "75.00%", "40.00%", "45.00%"]
    assert table.loc["Loss rate"].tolist() == ["60.00%", "75.00%", "none", "45.00%"]


def test_the_navigator_needs_half_of_what_it_saves(toolkit):
    assert exhibits.negotiation.programme(toolkit).table.loc["Patient navigator", "Share needed"] == 0.5
    printed = exhibits.negotiation.starting_values(toolkit).table
    assert "Care Transitions Intervention" in printed.index
    assert "Hospitalists" not in printed.index  # the source prints no figure


def test_a_frontier_of_many_is_thinned_between_its_ends(two_sided):
    best = two_sided.negotiation.frontier.exhibit().table
    shown = exhibits.negotiation.frontier(two_sided).table
    assert len(shown) == exhibits.negotiation.SHOWN < len(best)
    assert shown.iloc[0].tolist() == best.iloc[0].tolist()
    assert shown.iloc[-1].tolist() == best.iloc[-1].tolist()


def test_bars_of_contracts_end_at_their_quantiles(two_sided):
    ax = drawn(plots.negotiation.contract_distributions, two_sided)
    levels = two_sided.negotiation.comparison.distributions([0.05, 0.95]) / 1e6
    wide = [line.get_xdata() for line in ax.lines if len(set(line.get_ydata())) == 1 and len(line.get_xdata()) == 2]
    ends = [tuple(x) for x in wide if x[0] != x[1]]
    for name in levels:
        assert any(np.allclose(end, levels[name]) for end in ends), name


def test_the_diamond_is_where_the_contract_lies(two_sided):
    ax = drawn(plots.negotiation.frontier, two_sided)
    gain, cost = two_sided.negotiation.place()
    diamond = next(line for line in ax.lines if line.get_marker() == "D")
    assert (diamond.get_xdata()[0], diamond.get_ydata()[0]) == pytest.approx((cost / 1e6, gain / 1e6))


def test_clauses_and_sizes_are_drawn_from_their_tables(two_sided):
    ax = drawn(plots.negotiation.clause_tornado, two_sided)
    ranking = two_sided.negotiation.clauses
    widths = sorted(abs(patch.get_width()) for patch in ax.patches)
    moved = ranking.table.iloc[:8]
    wanted = [abs(moved[f"payment_{end}"] - ranking.base["payment"]) / 1e6 for end in ("low", "high")]
    assert widths == pytest.approx(sorted(np.concatenate(wanted)))
    ax = drawn(plots.negotiation.by_size, two_sided)
    first = two_sided.negotiation.sizes.to_frame().loc["Level 1: one-sided", "payment"]
    assert ax.lines[0].get_ydata().tolist() == first.tolist()


@pytest.mark.parametrize("key", ["trend.adjustment", "years.0.actual_adjustment"])
def test_the_payment_ends_at_the_break_even(two_sided, key):
    found = two_sided.break_even(key)
    step = np.sign(found.at) * 2 * found.width
    beyond, before = (
        run(change(two_sided.scenario, {key: found.at + move}), two_sided.tables).headline()["payment"]
        for move in (step, -50 * step)
    )
    assert beyond == 0
    assert before > 0


def test_break_evens_and_shares_are_those_of_the_run(two_sided):
    table = exhibits.sensitivity.break_evens(two_sided).table
    at = two_sided.break_even("trend.adjustment").at
    assert table.loc["Points added to the annual trend", "Break-even"] == f"{at:+.2%}".replace("-", "−")
    assert table.loc["Quality score, 2025", "Break-even"] == "none within ten points"
    ax = drawn(plots.sensitivity.variance_shares, two_sided)
    found = two_sided.sobol().table
    assert sorted(p.get_width() for p in ax.patches) == pytest.approx(sorted([*found["first"], *found["total"]]))


def test_nothing_is_negotiated_where_nobody_says_how_many_members():
    values = {"terms": {"sharing_rate": 0.5, "msr": 0.02}, "years.0.members": None, "years.1.members": None}
    values |= {"years.0.quality_score": None, "years.1.quality_score": None}
    alone = run(change(load_scenario(SCENARIOS / "hackensack-2014.toml"), values))
    assert "Nobody says how many members" in repr(exhibits.negotiation.findings(alone))
    for name in ("terms_compared", "contracts", "differences", "equal_value", "clauses", "frontier", "by_size"):
        assert getattr(exhibits.negotiation, name)(alone) is None
    for name in ("contract_distributions", "clause_tornado", "frontier", "by_size"):
        assert not drawn(getattr(plots.negotiation, name), alone).axison
