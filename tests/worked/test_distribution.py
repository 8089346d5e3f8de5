"""Distribution as published: Hackensack's payments, the Toolkit's order of pools, contribution against panel size."""

import re
import shutil

import pandas as pd
import pytest
from conftest import ROOT, SCENARIOS
from matplotlib.figure import Figure

from acomodel import change, load_scenario, run
from acomodel.contract.distribution.pools import distribute
from acomodel.contract.distribution.settings import Pool
from acomodel.contract.distribution.years import compare_rules, distribute_years
from acomodel.inputs import InputError
from acomodel.workbench import exhibits, plots
from acomodel.workbench.distribution import distribution_of, folded, venture_of
from acomodel.workbench.plots.drawing import picture

PAYMENTS = {"2013": 5_266_358.0, "2014": 2_832_988.0}
"""Gross et al.: the share of savings of both periods. [$]"""
POOLS = [
    Pool("Hospital", rule="capital", share=0.5, to=("hospital",)),
    Pool("Practices", by="members", rest=True, to=("practice",)),
]
"""Hospital first, the rest by beneficiaries for each TIN; the paper prints no share, so that a half is illustrative."""


@pytest.fixture(scope="module")
def hackensack():
    return run(SCENARIOS / "hackensack-distribution.toml")


@pytest.fixture(scope="module")
def commercial():
    return run(SCENARIOS / "commercial-two-sided.toml")


def beside(folder):
    """The example as text, to be read from a folder in which the scenario that it extends lies."""
    shutil.copy(SCENARIOS / "hackensack-2014.toml", folder)
    text = (SCENARIOS / "hackensack-distribution.toml").read_text(encoding="utf-8")
    return text.replace("hackensack-2014/participants", "participants")


def tins(invested):
    return pd.DataFrame(
        {
            "participant": ["University Medical Center", "A", "B", "C"],
            "kind": ["hospital", "practice", "practice", "practice"],
            "members": [0, 9_000, 4_000, 2_603],
            "capital": [invested, 0.0, 0.0, 0.0],
        }
    )


@pytest.mark.parametrize(
    ("invested", "repaid"),
    [
        (10e6, [2_633_179.0, 1_416_494.0]),  # not repaid in either year
        (3e6, [2_633_179.0, 366_821.0]),  # repaid in the second, and no more
        (1e6, [1_000_000.0, 0.0]),
        (0.0, [0.0, 0.0]),
    ],
)
def test_hackensack_on_both_payments(invested, repaid):
    """The hospital until what it invested is repaid, the balance to practices by beneficiaries."""
    found = distribute_years(PAYMENTS, POOLS, tins(invested))
    table = found.to_frame()
    assert table["Hospital"].tolist() == repaid
    assert (table["Hospital"] + table["Practices"]).tolist() == list(PAYMENTS.values())
    assert table["repaid"].iloc[-1] == sum(repaid) <= invested
    for year, one in found.years.items():
        balance = PAYMENTS[year] - table.loc[year, "Hospital"]
        for name, members in (("A", 9_000), ("B", 4_000), ("C", 2_603)):
            assert one.total()[name] == pytest.approx(balance * members / 15_603, abs=0.01)
        assert int(one.amounts.to_numpy().sum()) == round(100 * PAYMENTS[year])


def test_the_source_says_so():
    path = ROOT.parent / "shared" / "seeds" / "hackensack.txt"
    if not path.exists():
        pytest.skip("the paper is not beside the project (../shared/seeds/hackensack.txt)")
    text = path.read_text(encoding="utf-8")
    section = text[text.index("Distribution of Net Savings Within the ACO") :][:800]
    assert "to repay part of their initial investment" in section
    assert "based on the number of beneficiaries cared for by the TIN" in section
    assert "$5,266,358" in text
    assert "$2,832,988" in text
    assert not re.search(r"\d+ ?%|percent", section.partition("The story")[0])  # no share is printed


def test_the_scenario_distributes_what_it_settles(hackensack):
    found = distribution_of(hackensack)
    settled = (100 * hackensack.lines()["payment"]).round().astype(int)
    for year, one in found.yearly.years.items():
        assert one.payment == settled[year]
        assert int(one.amounts.to_numpy().sum()) + one.left == settled[year]
        assert round(one.payment / 100) == PAYMENTS[year]
    assert found.yearly.to_frame()["repaid"].iloc[-1] == 3_000_000.0
    assert found.participants["members"].sum() == 15_603  # the published totals of 2014
    assert found.participants["benchmark"].sum() == 198_546_103
    assert found.participants["actual"].sum() == 192_081_207
    assert found.shapley_values.value.sum() == pytest.approx(2_832_988.0, abs=1.0)


@pytest.mark.parametrize("payment", [0.0, 100_000.0, 400_000.0, 2e6])
def test_toolkit_covers_operating_cost_first_and_asks_partners_for_the_rest(payment):
    """Part 3, p. 54: costs are covered before savings are distributed; partners contribute what is lacking."""
    who = tins(750_000.0).assign(revenue_lost=[300_000.0, 0.0, 0.0, 0.0])
    pools = [
        Pool("Revenue offset", rule="revenue", share=0.3, of="whole"),
        Pool("Savings", share=0.4, of="whole", by="members"),
        Pool("Return of capital", rule="capital", share=0.3, of="whole"),
    ]
    found = distribute(payment, pools, who, operating_cost=400_000.0, shortfall="called")
    lacking = max(400_000.0 - payment, 0.0)
    assert found.called == 100 * lacking
    assert found.total()["University Medical Center"] >= 0 if not lacking else -lacking
    rest = max(payment - 400_000.0, 0.0)
    taken = (found.pools["amount"] / 100).to_list()
    assert taken == pytest.approx([min(0.3 * rest, 300_000.0), 0.4 * rest, min(0.3 * rest, 750_000.0)], abs=0.01)


def test_everybody_is_paid_by_panel_and_contributors_by_contribution():
    """The published invariant: the panel pays every practice, contribution leaves some without."""
    table = pd.read_csv(SCENARIOS / "hackensack-2014" / "participants.csv").query("kind == 'practice'")
    found = compare_rules(2e6, table, ("members", "contribution")).to_frame()
    assert (found["members"] > 0).all()
    assert (found["contribution"] == 0).sum() == (table["actual"] >= table["benchmark"]).sum() == 2


# the scenarios, their tables and pictures


def drawn(function, result):
    return function(result, ax=Figure(figsize=(7.6, 3.7), layout="constrained").add_subplot())


def test_tables_say_what_is_distributed(hackensack, commercial):
    for result in (hackensack, commercial):
        found = distribution_of(result)
        shown = exhibits.distribution.participants(result).table
        assert shown.loc["Total", "Total"] == pytest.approx(found.of_year.total().sum())
        walk = exhibits.distribution.pools(result).table["Amount"]
        assert walk.iloc[:-1].sum() == pytest.approx(walk.iloc[-1], abs=1e-6)
        rules = exhibits.distribution.rules(result).table
        assert set(rules.loc["Total"].round(2)) == {round(float(rules.loc["Total"].iloc[0]), 2)}
        assert "Shapley value" in rules
        assert exhibits.distribution.findings(result) is not None
    assert exhibits.distribution.years(commercial) is None
    by_year = exhibits.distribution.years_by_participant(hackensack).table
    assert by_year.loc["Hospital"].tolist() == pytest.approx([2_633_178.79, 366_821.21, 3_000_000.0], abs=0.011)


def test_shapley_values_that_do_not_sum_to_the_payment_say_so(hackensack):
    """Half a million more of spending than the practices have together; then losses that only the ACO carries."""
    assert "The values sum to" not in exhibits.distribution.shapley(hackensack).note
    stated, at = hackensack.scenario, hackensack.scenario.headline()
    spent = float(hackensack.headline()["actual"])
    more = run(change(stated, {f"years.{at}.actual": spent + 500_000.0}))
    paid = float(more.headline()["payment"])
    note = exhibits.distribution.shapley(more).note
    values = distribution_of(more).shapley_values.value.sum()
    assert values == pytest.approx(2_832_988.0, abs=1.0)
    assert values - paid > 200_000.0
    assert f"The values sum to ${values:,.2f}, the payment is ${paid:,.2f}: the participants have" in note
    settled = f"the settlement a benchmark of $198,546,103 and spending of ${spent + 5e5:,.0f}."
    assert f"spending of $192,081,207 together, {settled}" in note
    added = run(change(stated, {f"years.{at}.benchmark_addition": -500_000.0}))
    note = exhibits.distribution.shapley(added).note
    assert "carried, added or withheld, do not count for participants as for the ACO" in note


def test_pro_forma_of_the_example(commercial):
    found = venture_of(commercial)
    made = commercial.negotiation.pro_forma.to_frame()
    table = found.to_frame()
    assert table["programme"].iloc[1:4].tolist() == pytest.approx(made["cost"].tolist())
    assert table["operating"].iloc[:2].tolist() == pytest.approx([400_000.0, 140_000.0 + 6 * 20_250])
    own = commercial.negotiation.outlook.simulation.payment.mean(axis=0) + made["paid"].to_numpy()
    assert table["payment"].iloc[2:].to_numpy() == pytest.approx(own * 1.05 ** pd.RangeIndex(3).to_numpy())
    note = exhibits.distribution.venture(commercial).note
    assert "Assumed, without a source: Guidance when imaging is ordered" in note
    assert exhibits.distribution.venture_needs(commercial) is not None


def test_without_members_one_future_is_followed(hackensack):
    stated = load_scenario(SCENARIOS / "hackensack-distribution.toml")
    one = change(stated, {"aco": {"fixed_cost": 500_000.0, "start_up": 1e6}})
    terms = {"sharing_rate": 0.5, "quality_method": "multiplier"}
    years = [{k: v for k, v in vars(y).items() if k in ("label", "performance_year", "benchmark", "actual",
              "quality_score")} for y in one.years]  # fmt: skip
    bare = run(change(one, {"terms": terms, "years": years}))
    assert bare.outlook is None
    found = venture_of(bare)
    assert found.certain
    paid = 0.5 * 0.894308036 * (198_546_103 - 192_081_207)
    assert found.to_frame()["payment"].iloc[1:].tolist() == pytest.approx([paid] * 3, rel=1e-6)
    assert drawn(plots.distribution.venture, bare).get_title()
    asks = run(change(bare.scenario, {"aco.cost_per_member": 5.0}))
    with pytest.raises(InputError, match="nobody says how many members"):
        venture_of(asks)
    assert venture_of(hackensack) is None


def test_pictures_show_the_tables(hackensack, commercial):
    ax = drawn(plots.distribution.waterfall, commercial)
    heights = [round(abs(bar.get_height()), 3) for bar in ax.patches]
    assert heights == [round(abs(x) / 1e3, 3) for x in distribution_of(commercial).of_year.walk().iloc[:-1]]
    ax = drawn(plots.distribution.rules, hackensack)
    made = distribution_of(hackensack).rules().to_frame()
    assert len(ax.get_yticks()) == len(made) == 12
    seen = {line.get_label(): sorted(line.get_xdata()) for line in ax.lines}
    assert seen["members"] == pytest.approx(sorted(made["members"] / 1e3))
    assert seen["Shapley value"] == pytest.approx(sorted(made["shapley"] / 1e3))
    line = drawn(plots.distribution.venture, commercial).lines[0]
    assert list(line.get_ydata()) == pytest.approx((venture_of(commercial).to_frame()["cumulative"] / 1e6).tolist())


def test_what_a_scenario_lacks_is_left_out():
    toolkit = run(SCENARIOS / "toolkit-2010.toml")
    for name in ("findings", "pools", "participants", "rules", "shapley", "years", "venture", "venture_needs"):
        assert getattr(exhibits.distribution, name)(toolkit) is None
    for name in ("waterfall", "rules", "venture"):
        assert picture(getattr(plots.distribution, name), toolkit, "words") is None


def test_small_panels_cannot_be_worked_out(tmp_path, hackensack):
    """Where payments go by members, an amount tells a count: small panels stand in one row with a larger one."""
    rows = pd.read_csv(SCENARIOS / "hackensack-2014" / "participants.csv")
    rows.loc[rows["participant"] == "Practice L", "members"] = 4
    rows.to_csv(tmp_path / "participants.csv", index=False)
    text = beside(tmp_path)
    (tmp_path / "small.toml").write_text(text)
    result = run(tmp_path / "small.toml")
    for name in ("participants", "rules", "shapley", "years_by_participant"):
        shown = getattr(exhibits.distribution, name)(result)
        assert "Practice L" not in shown.table.index
        assert "2 others" in shown.table.index
        assert "stand together" in shown.note
    counts = exhibits.distribution.participants(result).table
    assert counts.loc["2 others", "Members"] == "514"
    rules = exhibits.distribution.rules(result).table
    apart = (rules["Contribution"] - rules["As agreed"]).iloc[:-3].abs().sum()
    assert rules.loc["Differs by", "Contribution"] == pytest.approx(apart)  # of the rows that are shown
    labels = [label.get_text() for label in drawn(plots.distribution.rules, result).get_yticklabels()]
    assert "Practice L" not in labels
    open_one = run(change(result.scenario, {"report.show_small_cells": True}))
    assert exhibits.distribution.participants(open_one).table.loc["Practice L", "Members"] == "4"


def test_few_are_folded_until_they_are_more_than_ten():
    paid = pd.DataFrame({"Paid": [1.0, 2.0, 3.0, 90.0]}, index=list("ABCD"))
    table, members = folded(paid, pd.Series([1, 2, 3, 0], index=list("ABCD")))
    assert table["Paid"].to_dict() == {"D": 90.0, "3 others": 6.0}
    assert members["3 others"] == 6  # printed as 1–10
    table, members = folded(paid, pd.Series([8, 9, 40, 500], index=list("ABCD")))
    assert members.to_dict() == {"C": 40.0, "D": 500.0, "2 others": 17.0}


@pytest.mark.parametrize(
    ("change_to", "words"),
    [
        ('share = 0.5\nto = ["hospital"]', 'share = 50\nto = ["hospital"]'),
        ('share = 0.5\nto = ["hospital"]', 'share = 0.5\nto = ["surgeon"]'),
        ("rest = true", "share = 0.6\nof = 'whole'"),
        ('rule = "capital"', 'rule = "capitol"'),
    ],
)
def test_faults_of_a_scenario_are_named(tmp_path, change_to, words):
    text = beside(tmp_path)
    assert change_to in text
    text = text.replace(change_to, words)
    said = {
        "50\n": "50 percent is 0.5",
        "surgeon": "'surgeon', which nobody is",
        "0.6": "110 percent",
        "capitol": "Did you mean 'capital'",
    }
    pd.read_csv(SCENARIOS / "hackensack-2014" / "participants.csv").to_csv(tmp_path / "participants.csv", index=False)
    (tmp_path / "s.toml").write_text(text)
    wanted = next(message for mark, message in said.items() if mark in words)
    with pytest.raises(InputError, match=wanted) as error:
        distribution_of(run(tmp_path / "s.toml"))
    assert "s.toml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_provider_in_two_tins_is_named(tmp_path):
    rows = pd.read_csv(SCENARIOS / "commercial-two-sided" / "participants.csv")
    again = rows[rows["participant"] == "Dr. Chen"].assign(tin="Northgate")
    both = pd.concat([rows, again])
    with pytest.raises(InputError, match=r"'Dr\. Chen' stands in two TINs, Lakeside and Northgate; one is wanted"):
        distribute(1.0, [Pool("A", rest=True)], both)
