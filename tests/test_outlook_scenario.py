"""Outlook and negotiation of a scenario: where sizes come from, what is refused, and that a report can be run again."""

import json

import numpy as np
import pandas as pd
import pytest

from acomodel import InputError, change, load_scenario, run
from acomodel.contract.settlement import settle
from acomodel.contract.terms import changed
from acomodel.outlook.luck.populations import published_costs
from acomodel.workbench.chain import outcome
from acomodel.workbench.report.folder import make_report, results_text

TOOLKIT, TWO_SIDED = "scenarios/toolkit-2010.toml", "scenarios/commercial-two-sided.toml"
NOTHING_ELSE = {"skill_sd": 0.0, "benchmark_sd": 0.0, "benchmark_constant": 0.0, "trend_sd": 0.0, "risk_sd": 0.0}
NOTHING_ELSE |= {"quality_sd": 0.0, "skill_persistence": 1.0}


@pytest.fixture(scope="module")
def two_sided():
    return run(TWO_SIDED)


def sized(settings):
    return {f"outlook.uncertainty.{name}": value for name, value in settings.items()}


def test_the_simulation_of_luck_alone_is_the_exact_distribution():
    base = change(load_scenario(TWO_SIDED), sized(NOTHING_ELSE | {"long_run_savings": 0.02}))
    look = run(base).outlook
    exact = look.payments(look.true_savings)
    drawn = look.simulation.to_frame()
    for year in ("Year 1", "Year 2", "Year 3"):
        row = drawn.loc[year]
        assert row["expected"] == pytest.approx(exact.expected_payment, abs=4 * row["expected_se"])
        assert row["chance_earned"] == pytest.approx(exact.chance_earned, abs=4 * row["chance_earned_se"])
        assert row["worst"] == pytest.approx(exact.worst_payment, abs=4 * row["worst_se"])


def test_sizes_come_from_the_scenario(two_sided):
    sizes = two_sided.outlook.uncertainty
    fit = two_sided.fitted.fit("All", two_sided.scenario.trend.rule, "allowed_pmpm")
    own = np.log(fit.high / fit.low) / 2 / 1.959964
    assert sizes.trend_sd == pytest.approx(np.hypot(0.75 * own, 0.25 * 0.01), rel=1e-6)
    assert sizes.trend_years == 2
    assert sizes.benchmark_constant == two_sided.outlook.costs.cv
    assert sizes.quality_sd == 0.05
    assert two_sided.outlook.truncated_at == 150_000
    named = {a.name: a for a in two_sided.assumptions}
    assert named["Deviation of the annual trend"].source.startswith("interval of the regression")
    assert "Medicare Shared Savings" in named["Deviation of skill at this size"].source
    assert named["What the ACO really saves in the first year"].source == "the ACO's judgment, illustrative"
    stated = run(change(two_sided.scenario, {"outlook.uncertainty.trend_sd": 0.02}), two_sided.tables)
    assert stated.outlook.uncertainty.trend_sd == 0.02


def test_members_and_costs_of_a_programme():
    look = run("scenarios/hackensack-2014.toml").outlook
    assert look.members == 15_603
    assert look.costs.cv == pytest.approx(1.88, abs=0.005)
    assert look.costs.mean == pytest.approx(198_546_103 / 15_603, rel=1e-6)
    assert look.uncertainty.market_drift == 0.004


def test_no_members_no_outlook():
    values = {"terms": {"sharing_rate": 0.5, "msr": 0.02}, "years.0.members": None, "years.1.members": None}
    values |= {"years.0.quality_score": None, "years.1.quality_score": None}
    base = load_scenario("scenarios/hackensack-2014.toml")
    result = run(change(base, values))
    assert result.outlook is None
    assert result.negotiation is None
    assert result.results()["results"]["outlook"] is None
    assert run(change(base, values | {"outlook.members": 9_000.0})).outlook.members == 9_000


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"outlook.uncertainty.skil_sd": 0.1}, "Did you mean 'skill_sd'"),
        ({"outlook.uncertainty.skill_sd": 3.0}, "outlook.uncertainty.skill_sd: found 3; at most 0.5 is wanted"),
        ({"outlook.uncertainty.correlation": [["luck", "skill", 2.0]]}, "-1 to 1"),
        ({"outlook.uncertainty.correlation": [["luck", "moon", 0.2]]}, "'moon' is no cause"),
        ({"outlook.draws": 10}, "outlook.draws: found 10; at least 100"),
        ({"outlook.true_savings": 3.0}, "outlook.true_savings"),
        ({"outlook.population": "medicaid"}, "outlook.population"),
        ({"outlook.truncate": 3_000.0}, "truncation at 3,000.00 a member"),
        ({"outlook.truncate": 6_800.0}, "no costs of this shape come to a mean of"),
        ({"negotiation.contracts": [{"name": "A", "change": {"mrs": 0.03}}]}, "'mrs' is no clause"),
        ({"negotiation.contracts": [{"name": "A", "change": {"msr": 3.0}}]}, "msr"),
        ({"negotiation.contracts": [{"name": "A"}, {"name": "A"}]}, "the name 'A' stands twice"),
        ({"negotiation.equal_change": {"mrs": 0.03}}, "'mrs' is no clause"),
        ({"negotiation.frontier": {"sharing": [0.03]}}, "'sharing' is no clause"),
        ({"negotiation.equal_clause": "sharing"}, "'sharing' is no clause"),
        ({"outlook.uncertainty.correlation": ["trend", "risk", 0.3]}, "outlook.uncertainty.correlation"),
        ({"outlook.costs": "a.csv", "outlook.population": "medicare"}, "costs and population are both given"),
        ({"negotiation.contracts": [{"name": "A", "change": {"sharing_rate": 80}}]}, "80 percent is 0.8"),
        ({"negotiation.equal_change": {"sharing_rate": 0.4}}, "which equal_clause asks for"),
        ({"negotiation.frontier": {"msr": []}}, "no values of msr"),
        ({"negotiation.programme": [{"name": "A", "ramp": [50.0]}]}, "ramp: found 50; shares from 0 to 1"),
        ({"negotiation.programme_cost": 5.0}, "programme and programme_cost are both given"),
        ({"negotiation.programme": [{"name": "A", "category": "Imagin", "share_saved": 0.1}]}, "no claims of 'Imagin'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(values, words):
    with pytest.raises(InputError) as error:
        run(change(load_scenario(TWO_SIDED), values)).results()
    assert words in str(error.value)
    assert str(error.value).startswith(TWO_SIDED)
    assert "\n" not in str(error.value)


def test_costs_by_member_are_used_and_kept_without_names(tmp_path):
    rng = np.random.default_rng(1)
    costs = pd.DataFrame(
        {"member_id": [f"M{n}" for n in range(4_000)], "annual_cost": rng.gamma(0.3, 9_000, 4_000).round(2)}
    )
    for name in ("toolkit-2010.toml", "toolkit-2010"):
        (tmp_path / name).symlink_to((load_scenario(TOOLKIT).folder / name).resolve())
    costs.to_csv(tmp_path / "costs.csv", index=False)
    own = tmp_path / "own.toml"
    own.write_text(
        'extends = "toolkit-2010.toml"\nname = "own"\n[outlook]\ndraws = 2000\ncosts = "costs.csv"\n', encoding="utf-8"
    )
    result = run(own)
    assert result.outlook.source == "costs by member as given, at the level of the benchmark"
    assert result.outlook.costs.mean == pytest.approx(result.outlook.benchmark / result.outlook.members)
    assert result.outlook.costs.strata[0].costs.max() == 50_000
    assert result.tables.fingerprint("costs")["rows"] == 4_000
    folder = make_report(load_scenario(own), tmp_path / "report", chapters=[])
    kept = (folder / "inputs" / "costs.csv").read_text(encoding="utf-8")
    assert "M17" not in kept
    assert results_text(run(folder / "scenario.toml")) == (folder / "results.json").read_text(encoding="utf-8")
    figures = json.loads((folder / "results.json").read_text(encoding="utf-8"))["results"]["outlook"]
    assert figures["costs"]["source"] == "costs by member as given, at the level of the benchmark"


def test_offers_are_the_own_terms_with_clauses_changed(two_sided):
    made = two_sided.negotiation.contracts
    assert list(made)[1:] == [offer.name for offer in two_sided.scenario.negotiation.contracts]
    one_sided = made["One-sided, 40 percent"]
    assert (one_sided.loss_method, one_sided.loss_rate, one_sided.quality_gate) == ("none", None, 0.6)
    assert changed(one_sided, {}) == one_sided


def test_terms_of_equal_value_are_equal(two_sided):
    equal = two_sided.negotiation.equal
    assert equal.value is not None
    assert abs(equal.difference) <= equal.difference_error
    futures = two_sided.outlook.futures
    paid = futures.settle(changed(two_sided.negotiation.other, {"sharing_rate": equal.value})).total
    assert paid.mean() == pytest.approx(two_sided.outlook.simulation.total.mean(), abs=1.0)


def test_the_same_scenario_has_the_same_figures(two_sided):
    assert results_text(run(TWO_SIDED)) == results_text(two_sided)


@pytest.mark.parametrize(
    ("population", "shares"),
    [
        ("medicare", {0.01: 0.154, 0.05: 0.418, 0.10: 0.594, 0.20: 0.787, 0.50: 0.973}),
        ("commercial", {0.01: 0.282, 0.05: 0.556, 0.10: 0.701, 0.20: 0.842}),
    ],
)
def test_published_populations_have_the_concentration_they_were_fitted_to(population, shares):
    costs = published_costs(population, 8_000.0)
    stratum = costs.strata[0]
    order = np.argsort(-stratum.costs)
    members, spent = np.cumsum(stratum.weights[order]), np.cumsum((stratum.weights * stratum.costs)[order])
    for top, share in shares.items():
        assert np.interp(top, members, spent) / costs.mean == pytest.approx(share, abs=0.002)
    assert costs.mean == pytest.approx(8_000.0, rel=1e-5)
    cut = published_costs(population, 8_000.0, truncate=100_000.0)
    assert cut.mean == pytest.approx(8_000.0, rel=1e-6)
    assert cut.strata[0].costs.max() == 100_000.0
    with pytest.raises(InputError, match="whose mean is"):
        published_costs(population, 8_000.0, truncate=7_000.0)


def test_another_contract_may_not_bear_the_name_of_the_own_one(two_sided):
    offer = {"name": two_sided.negotiation.own.name, "change": {"msr": 0.03}}
    with pytest.raises(InputError, match="is the name of the scenario's terms"):
        run(change(two_sided.scenario, {"negotiation.contracts": [offer]}), two_sided.tables).results()


def test_what_is_stated_is_listed_with_its_source(two_sided):
    values = {"outlook.uncertainty.long_run_savings": 0.03, "outlook.uncertainty.correlation": [["trend", "risk", 0.3]]}
    values |= {"basis": {}}
    listed = {a.note: a for a in run(change(two_sided.scenario, values), two_sided.tables).assumptions}
    for key in ("outlook.uncertainty.long_run_savings", "outlook.uncertainty.correlation", "outlook.true_savings"):
        assert listed[f"setting {key}"].source == "not stated"
    assert listed["setting outlook.seed"].source == "default of the package"
    assert "0.05" in str(listed["setting negotiation.programme.0.share_saved"].value)
    assert "msr 0.03" in str(listed["setting negotiation.contracts.0.change"].value)


def test_costs_that_are_nothing_are_refused(tmp_path, two_sided):
    path = tmp_path / "zeros.csv"
    path.write_text("annual_cost\n0\n0\n", encoding="utf-8")
    base = change(two_sided.scenario, {"outlook.costs": str(path)})
    with pytest.raises(InputError, match="outlook.costs: the mean annual cost is 0.00"):
        run(base).results()
    path.write_text("annual_cost\n0\n9000\n", encoding="utf-8")
    with pytest.raises(InputError, match="outlook.costs: counted up to 9,000 a member they come to 4,500 at most"):
        run(change(base, {"outlook.truncate": 9_000.0})).results()
    path.write_text("annual_cost\n" + "10\n" * 9_999 + "50000000\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"outlook.uncertainty.benchmark_constant: worked out as \d+.*out of range"):
        run(change(base, {"outlook.truncate": 1e9})).results()
    path.write_text("member_id,annual_cost\nM1,5\nM1,7\n", encoding="utf-8")
    with pytest.raises(InputError, match="row 3: a member_id stands again"):
        run(base)


def test_losses_brought_forward_reach_every_view_of_the_year(two_sided):
    terms = {"sharing_rate": 0.5, "msr": 0.02, "losses_carried": True, "share_from": "threshold"}
    base = change(two_sided.scenario, {"terms": terms, "years.0.carried_losses": 1e6, "negotiation.contracts": []})
    with_losses = run(base, two_sided.tables)
    without = run(change(base, {"years.0.carried_losses": 0.0}), two_sided.tables)
    at = {"years.0.actual_adjustment": np.array([0.0, -0.05])}
    for move, paid in zip(at["years.0.actual_adjustment"], outcome(with_losses, at), strict=True):
        moved = run(change(base, {"years.0.actual_adjustment": float(move)}), two_sided.tables)
        assert paid == pytest.approx(moved.headline()["payment"])
    rate = float(with_losses.headline()["savings_rate"])
    assert with_losses.outcomes(rates=[rate])["payment"].iloc[0] == pytest.approx(with_losses.headline()["payment"])
    expected = [r.outlook.payments(r.outlook.true_savings) for r in (with_losses, without)]
    assert expected[0].expected_payment < expected[1].expected_payment - 1e5
    first = [r.outlook.simulation.payment[:, 0].mean() for r in (with_losses, without)]
    assert first[0] < first[1] - 1e5


def test_the_baseline_grows_with_the_members_by_size(two_sided):
    sizes = two_sided.negotiation._at_any_size()
    here = two_sided.outlook.uncertainty.benchmark_deviation(two_sided.outlook.members)
    assert sizes.benchmark_deviation(two_sided.outlook.members) == pytest.approx(here)
    assert sizes.benchmark_deviation(4 * two_sided.outlook.members) == pytest.approx(here / 2)


def test_return_is_that_of_the_pro_forma(two_sided):
    made = two_sided.negotiation
    table = made.pro_forma.table
    cost = float(table["cost"].sum())
    value = made.comparison.to_frame()["value"][made.own.name, "return"]
    assert value == pytest.approx(float(table["paid"].sum()) / cost - 1, abs=1e-9)


def test_a_threshold_by_size_goes_by_person_years(two_sided):
    base = change(
        two_sided.scenario,
        {"terms.msr": "size", "terms.mlr": "size", "outlook.members": 15_000.0, "negotiation.contracts": []},
    )
    result = run(base, two_sided.tables)
    assert result.outlook.members == 15_000
    assert result.outlook.limits[0] == pytest.approx(result.headline()["msr"])
    assert result.outlook.prospect.person_years == 20_250
    futures = result.outlook.futures
    found = settle(
        futures.benchmark[:, 0],
        futures.actual[:, 0],
        result.outlook.terms,
        members=20_250,
        quality_score=futures.quality_score[:, 0],
    )
    np.testing.assert_allclose(result.outlook.simulation.payment[:, 0], found.payment)


def test_the_contract_lies_where_the_frontier_has_its_clauses(two_sided):
    made = two_sided.negotiation
    table = made.frontier.to_frame()
    own = table[(table["msr"] == 0.02) & (table["sharing_rate"] == 0.6) & (table["loss_rate"] == 0.6)]
    assert made.place() == (own["gain"].iloc[0], own["cost"].iloc[0])


def test_losses_of_one_settled_year_are_set_off_in_the_next():
    base = change(load_scenario(TOOLKIT), {"terms.losses_carried": True, "years.0.actual_pmpm": 420.0})
    result = run(base)
    lines = result.lines()
    assert lines["carried_on"].iloc[0] > 0
    assert lines["carried_in"].iloc[1] == lines["carried_on"].iloc[0]
    assert lines["carried_in"].iloc[2] == lines["carried_on"].iloc[1]
    assert lines["carried_used"].iloc[1] > 0
    assert result.given(1)["carried_losses"] == lines["carried_in"].iloc[1]
    rate = float(lines["savings_rate"].iloc[1])
    assert result.outcomes(1, rates=[rate])["payment"].iloc[0] == pytest.approx(lines["payment"].iloc[1])
    free = run(change(base, {"terms.losses_carried": False})).lines()
    assert lines["payment"].sum() < free["payment"].sum()
