"""Experience from claims: every dollar goes somewhere, months count as the contract says, use and price add up."""

from random import Random

import numpy as np
import pandas as pd
import pytest
from books import dataset
from conftest import printed
from hypothesis import given, settings
from hypothesis import strategies as st

from acomodel.claims.attribution import AttributionRule
from acomodel.claims.drilldown import cost_utilization_trend, drill_down, items, price_use_mix
from acomodel.claims.incurred import AMOUNTS, ContractScope, experience
from acomodel.claims.methods import compare_methods
from acomodel.claims.population import GroupJoin, MembershipRule, assign, everyone
from acomodel.inputs import InputError
from acomodel.periods import Span

PROVIDERS = [
    {"provider_id": "P1", "provider_class": "primary", "specialty": "08", "tin": "T1", "aco_id": "A"},
    {"provider_id": "P2", "provider_class": "primary", "specialty": "11", "tin": "T2"},
    {"provider_id": "H", "tin": "T9"},
]


def line(member, day, **cells):
    return {
        "member_id": member,
        "service_date": day,
        "provider_id": "P1",
        "tin": "T1",
        "claim_id": f"{member}{day}",
    } | cells


def months(frame):
    return {str(m): n for m, n in frame["member_months"].items() if n}


def test_every_line_goes_to_one_part():
    lines = [
        line("in", "2023-03-01"),
        line(
            "in", "2023-04-01", provider_id="H", tin="T9", claim_type="inpatient", service_category="Hospital Inpatient"
        ),
        line("in", "2023-05-01", capitated=True),
        line("in", "2023-06-01", service_category="DME"),
        line("out", "2023-03-01", provider_id="P2", tin="T2"),
        line("gone", "2023-03-01"),
        line("gone", "2023-09-01"),
        line("unknown", "2023-03-01"),
    ]
    spans = [{"member_id": "in"}, {"member_id": "out"}, {"member_id": "gone", "end_date": "2023-06-30"}]
    data = dataset(claims=lines, eligibility=spans, providers=PROVIDERS)
    found = experience(data, assign(data, "A", [2023]), ContractScope(excluded_services=["DME"]))
    parts = found.conservation()
    assert parts["lines"].to_dict() == {
        "attributed": 3,
        "capitated": 1,
        "excluded": 1,
        "unattributed": 1,
        "outside eligibility": 2,
        "Total": 8,
    }
    assert parts.loc["Total", "allowed"] == 800
    together = experience(data, assign(data, "A", [2023]), ContractScope(capitated="include"))
    assert together.conservation().loc["attributed", "lines"] == 5


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_dollars_are_conserved_to_the_cent_in_every_book(seed):
    random = Random(seed)
    spans = [
        {
            "member_id": f"m{m}",
            "start_date": f"2023-0{random.randint(1, 6)}-01",
            "end_date": f"2023-{random.randint(7, 12)}-28",
        }
        for m in range(8)
        for _ in range(random.randrange(3))
    ]
    lines = [
        line(
            f"m{random.randrange(10)}",
            f"2023-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}",
            provider_id=random.choice(["P1", "P2", "H"]),
            allowed=(cents := random.randint(-5000, 90000)) / 100,
            paid=round(0.7 * cents) / 100,
            member_cost_share=(cents - round(0.7 * cents)) / 100,
            ime_dsh=random.choice([0, 1.23]),
            capitated=random.random() < 0.1,
            service_category=random.choice(["Primary Care", "DME", "Other"]),
            paid_date=random.choice([None, "2024-01-15"]),
        )
        for _ in range(60)
    ]
    data = dataset(claims=lines, eligibility=spans or [{"member_id": "m0"}], providers=PROVIDERS)
    scope = ContractScope(
        excluded_services=[], ime_dsh=random.random() < 0.5, capitated=random.choice(["apart", "include"])
    )
    found = experience(data, assign(data, "A", [2023]), scope)
    parts = found.conservation()
    for name in AMOUNTS[:3]:
        whole = sum(round(100 * row[name]) for row in lines)
        assert round(100 * parts.loc["Total", name]) == whole
        assert round(100 * parts[name].iloc[:-1].sum()) == whole
    either = found.payments()["allowed"].sum() + found.undated()["allowed"].sum()
    assert round(100 * either) == round(100 * parts.loc["attributed", "allowed"])
    assert round(100 * found.cells["allowed"].sum()) == sum(round(100 * row["allowed"]) for row in lines)


def test_ime_and_dsh_are_left_out_where_the_contract_says_so():
    data = dataset(claims=[line("m", "2023-03-01", ime_dsh=30)], providers=PROVIDERS)
    who = assign(data, "A", [2023])
    assert experience(data, who).counted()["allowed"].sum() == 100
    found = experience(data, who, ContractScope(ime_dsh=False))
    assert found.counted()[["allowed", "paid"]].sum().tolist() == [70, 50]
    assert found.conservation()["allowed"].to_dict()["excluded"] == 30


def test_member_months_of_partial_spans():
    spans = [
        {"member_id": "m", "start_date": "2023-01-11", "end_date": "2023-02-28"},
        {"member_id": "m", "start_date": "2023-02-15", "end_date": "2023-03-10"},
        {"member_id": "m", "start_date": "2023-05-01", "end_date": "2023-05-31"},
    ]
    data = dataset(claims=[line("m", "2023-01-15"), line("m", "2023-06-01")], eligibility=spans, providers=PROVIDERS)
    who = everyone(data, [2023])

    def counted(how):
        return months(experience(data, who, ContractScope(member_months=how)).exposure)

    assert counted("any_day") == {"2023-01": 1, "2023-02": 1, "2023-03": 1, "2023-05": 1}
    assert counted("first_day") == {"2023-02": 1, "2023-03": 1, "2023-05": 1}
    by_days = counted("days")
    assert by_days["2023-01"] == pytest.approx(21 / 31) and by_days["2023-03"] == pytest.approx(10 / 31)
    assert by_days["2023-02"] == 1


def test_members_who_die_move_lose_coverage():
    spans = [
        {"member_id": "dies", "end_date": "2023-05-15", "death_date": "2023-05-15"},
        {"member_id": "moves", "end_date": "2023-06-30", "county": "1"},
        {"member_id": "moves", "start_date": "2023-07-01", "county": "2"},
        {"member_id": "leaves", "end_date": "2023-03-31"},
        {"member_id": "stays", "county": "1"},
    ]
    lines = [line(m, "2023-01-10") for m in ("dies", "moves", "leaves", "stays")] + [line("stays", "2023-12-31")]
    data = dataset(claims=lines, eligibility=spans, providers=PROVIDERS)

    def year(**rule):
        who = assign(data, "A", [2023], membership=MembershipRule(**rule))
        return who, experience(data, who).exposure["member_months"].sum()

    who, total = year()
    assert who.changes.loc[2023].to_dict() == {"assigned": 4, "died": 1, "moved": 1, "lost_coverage": 1, "joined": 0}
    assert total == 5 + 12 + 3 + 12
    assert year(moved="leave")[1] == 5 + 6 + 3 + 12
    assert year(died="exclude")[1] == 12 + 3 + 12
    assert year(left="exclude")[1] == 5 + 12 + 12
    assert year(timing="prospective")[1] == 0


def test_a_group_that_joins_in_mid_year_counts_from_that_day():
    spans = [{"member_id": "old"}, {"member_id": "new", "start_date": "2023-07-01", "payer": "Mill"}]
    lines = [line("old", "2022-03-01"), line("new", "2023-02-01"), line("old", "2023-12-01")]
    data = dataset(claims=lines, eligibility=spans, providers=PROVIDERS)
    before = assign(data, "A", [2023], membership=MembershipRule(timing="prospective"))
    assert before.changes.loc[2023, "assigned"] == 1
    rule = MembershipRule(timing="prospective", joins=[GroupJoin("Mill", "2023-07-01")])
    after = assign(data, "A", [2023], membership=rule)
    assert after.changes.loc[2023, ["assigned", "joined"]].tolist() == [2, 1]
    assert experience(data, after).exposure["member_months"].sum() == 12 + 6


def test_use_stays_and_unit_cost_in_the_units_of_exhibit_3_4():
    stay = {"claim_type": "inpatient", "service_category": "Hospital Inpatient", "provider_id": "H"}
    lines = [
        line("m", "2023-01-10"),
        line("m", "2023-02-01", units=4, allowed=9000, **stay),
        line("m", "2023-03-01", units=2, allowed=5000, **stay),
        line("m", "2023-03-20", units=-2, allowed=-5000, **stay),
    ]
    data = dataset(claims=lines, providers=PROVIDERS)
    rows = experience(data, assign(data, "A", [2023])).monthly()
    hospital = rows[rows["service_category"] == "Hospital Inpatient"][["services", "stays", "incurred_claims"]].sum()
    assert hospital["services"] == 4 and hospital["stays"] == 1
    use = experience(data, assign(data, "A", [2023])).utilization(2023)
    assert use.loc["Hospital Inpatient", ["per_1000", "stays_per_1000", "length_of_stay"]].tolist() == [4000, 1000, 4]
    assert use.loc["Primary Care", "unit"] == "visit" and np.isnan(use.loc["Primary Care", "length_of_stay"])
    assert use["allowed_pmpm"].sum() == pytest.approx(9100 / 12)


def test_an_excluded_service_that_is_not_there_is_an_error():
    data = dataset(claims=[line("m", "2023-03-01")], providers=PROVIDERS)
    with pytest.raises(InputError, match="no claims of 'Primary care'. Did you mean 'Primary Care'"):
        experience(data, everyone(data, [2023]), ContractScope(excluded_services=["Primary care"]))
    with pytest.raises(InputError, match="no provider of the ACO 'Z'; the data know A"):
        assign(data, "Z", [2023])


FIGURES = {
    "4.2": [
        (393668, 648496, 29617865),
        (334380, 644084, 26562294),
        (297360, 512716, 21696165),
        (265164, 580164, 20691324),
    ],
    "4.3": [(393668, 10112, 843521), (334380, 9536, 752831), (297360, 8496, 660665), (265164, 8236, 653518)],
}
PRINTED = {
    "4.2": (
        ["75.24", "79.44", "72.96", "78.03"],
        ["19768", "23114", "20691", "26255"],
        ["45.67", "41.24", "42.32", "35.66"],
    ),
    "4.3": (["2.14", "2.25", "2.22", "2.46"], ["308", "342", "343", "373"], ["83.42", "78.95", "77.76", "79.35"]),
}
CHANGES = {
    "4.2": ([0.06, -0.08, 0.07], [0.17, -0.10, 0.27], [-0.10, 0.03, -0.16]),
    "4.3": ([0.05, -0.01, 0.11], [0.11, 0.0, 0.09], [-0.05, -0.02, 0.02]),
}


@pytest.mark.parametrize("figure", FIGURES)
def test_figures_4_2_and_4_3(figure):
    rows = pd.DataFrame(FIGURES[figure], columns=["member_months", "procedures", "claims"])
    found = cost_utilization_trend(rows)
    for name, texts in zip(("pmpm", "utilization_per_1000", "unit_cost"), PRINTED[figure], strict=True):
        for value, text in zip(found[name], texts, strict=True):
            assert value == printed(text), (name, text)
    names = ("pmpm_change", "utilization_change", "unit_cost_change")
    for name, wanted in zip(names, CHANGES[figure], strict=True):
        assert found[name].iloc[1:].tolist() == pytest.approx(wanted, abs=0.0051), name


def test_drill_down_by_category_and_one_level_deeper():
    lines = [
        line("m", "2022-05-01", allowed=100),
        line("m", "2023-05-01", allowed=150),
        line("m", "2023-06-01", allowed=50, service_category="Other", provider_id="P2"),
    ]
    data = dataset(claims=lines, providers=PROVIDERS)
    who = everyone(data, [2022, 2023])
    periods = {"2022": Span.year(2022), "2023": Span.year(2023)}
    ours = experience(data, who)
    whole = drill_down(data, who, periods, ours)
    assert whole.loc[("Primary Care", "2023"), "pmpm_change"] == pytest.approx(0.5)
    assert whole.loc[("Other", "2022"), "claims"] == 0
    deeper = drill_down(data, who, periods, ours, by="network", within={"service_category": "Other"})
    assert deeper.index.unique("network").tolist() == ["outside the ACO"]
    raised = drill_down(data, who, periods, ours, completion={"2023": 1.1})
    assert raised.loc[("Primary Care", "2023"), "claims"] == pytest.approx(165)
    found = items(data, who, ContractScope())
    assert found["allowed"].sum() == 300 and set(found["year"]) == {2022, 2023}


COST = st.floats(1, 1e4)
USE = st.integers(0, 50)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), USE, COST, USE, COST), min_size=1, max_size=9))
def test_use_price_and_mix_add_up_exactly(rows):
    frame = pd.DataFrame(rows, columns=["group", "item", "u0", "p0", "u1", "p1"])
    old = frame.assign(units=frame["u0"], allowed=frame["u0"] * frame["p0"], member_months=70)
    new = frame.assign(units=frame["u1"], allowed=frame["u1"] * frame["p1"], member_months=90)
    found = price_use_mix(old, new)
    summed = found["before"] + found[["use", "price", "mix"]].sum(axis=1)
    np.testing.assert_allclose(summed, found["after"], rtol=1e-9, atol=1e-9)
    assert found.loc["Total", "after"] == pytest.approx(new["allowed"].sum() / 90)


def test_each_effect_alone():
    old = pd.DataFrame(
        {"group": "g", "item": ["x", "y"], "units": [10, 10], "allowed": [100.0, 300.0], "member_months": 100}
    )
    more = price_use_mix(old, old.assign(units=[20, 20], allowed=[200.0, 600.0])).loc["g"]
    assert more[["use", "price", "mix"]].tolist() == pytest.approx([4, 0, 0])
    dearer = price_use_mix(old, old.assign(allowed=[150.0, 450.0])).loc["g"]
    assert dearer[["use", "price", "mix"]].tolist() == pytest.approx([0, 2, 0])
    richer = price_use_mix(old, old.assign(units=[5, 15], allowed=[50.0, 450.0])).loc["g"]
    assert richer[["use", "price", "mix"]].tolist() == pytest.approx([0, 0, 1])
    bare = price_use_mix(old.assign(units=0), old.assign(units=0, allowed=[200.0, 300.0])).loc["g"]
    assert bare[["use", "price", "mix"]].tolist() == pytest.approx([0, 1, 0])


def test_methods_side_by_side():
    lines = [
        line("both", "2023-05-01"),
        line("early", "2022-03-01"),
        line("other", "2023-01-01", provider_id="P2", tin="T2"),
    ]
    data = dataset(claims=lines, providers=PROVIDERS)
    found = compare_methods(data, "A", [2023])
    assert found.overlap.loc["dartmouth"].to_dict() == {"dartmouth": 2, "mssp": 1, "pgp": 1}
    assert found.table()["members"].to_dict() == {"dartmouth": 2, "mssp": 1, "pgp": 1}
    assert found.table().loc["mssp", "pmpm"] == pytest.approx(100 / 12)


def test_months_without_a_claim_count_in_the_years_of_the_population():
    spans = [{"member_id": "m", "start_date": "2022-01-01", "end_date": "2023-12-31"}]
    data = dataset(claims=[line("m", "2023-03-01", allowed=1200)], eligibility=spans, providers=PROVIDERS)
    found = experience(data, everyone(data, [2022, 2023]))
    assert found.exposure["member_months"].sum() == 24
    assert found.pmpm(2023) == 100


def test_those_without_a_covered_day_in_the_year_are_not_assigned():
    spans = [{"member_id": "gone", "end_date": "2022-11-30"}, {"member_id": "here"}]
    data = dataset(
        claims=[line("gone", "2022-03-01"), line("here", "2022-03-01")], eligibility=spans, providers=PROVIDERS
    )
    changes = assign(data, "A", [2022, 2023]).changes
    assert changes["assigned"].tolist() == [2, 1] and changes["lost_coverage"].tolist() == [1, 0]


def test_a_move_on_the_first_of_january_is_a_move():
    spans = [
        {"member_id": "m", "end_date": "2022-12-31", "county": "1"},
        {"member_id": "m", "start_date": "2023-01-01", "county": "2"},
    ]
    data = dataset(claims=[line("m", "2022-03-01"), line("m", "2023-03-01")], eligibility=spans, providers=PROVIDERS)
    assert assign(data, "A", [2022, 2023]).changes["moved"].tolist() == [0, 1]
    left = assign(data, "A", [2022, 2023], membership=MembershipRule(moved="leave"))
    assert experience(data, left).exposure["member_months"].sum() == 12


def test_members_of_a_group_count_by_its_joining_alone():
    spans = [
        {"member_id": "m", "end_date": "2023-06-30", "payer": "Old"},
        {"member_id": "m", "start_date": "2023-07-01", "payer": "Mill"},
    ]
    seen = [line("m", "2023-02-01", provider_id="P2", tin="T2"), line("m", "2023-09-01"), line("m", "2023-10-01")]
    data = dataset(claims=seen, eligibility=spans, providers=PROVIDERS)
    joins = [GroupJoin("Mill", "2023-07-01")]
    assert assign(data, "A", [2023]).changes.loc[2023, "assigned"] == 1
    assert assign(data, "A", [2023], membership=MembershipRule(joins=joins)).changes.loc[2023, "assigned"] == 0
    for group, words in (
        (GroupJoin("Mil", "2023-07-01"), "nobody is covered by 'Mil'.*Did you mean 'Mill'"),
        (GroupJoin("Mill", "2019-07-01"), "2019-07-01 lies in none of the years of experience"),
        (GroupJoin("Mill", "2023-13-01"), "found '2023-13-01'; a day written YYYY-MM-DD"),
    ):
        with pytest.raises(InputError, match=words):
            assign(data, "A", [2023], membership=MembershipRule(joins=[group]))


def test_drill_down_counts_what_the_contract_counts():
    seen = [
        line("m", "2023-03-01", ime_dsh=40),
        line("m", "2023-04-01", capitated=True),
        line("m", "2023-05-01", service_category="DME"),
    ]
    data = dataset(claims=seen, providers=PROVIDERS)
    who = everyone(data, [2023])
    ours = experience(data, who, ContractScope(excluded_services=["DME"], ime_dsh=False))
    found = drill_down(data, who, {"2023": Span.year(2023)}, ours, by="specialty")
    assert found["claims"].sum() == ours.counted()["allowed"].sum() == 60


def test_the_rules_are_those_of_the_year_of_assignment():
    """A nurse practitioner counts in step 1 from 2016 on, whichever claims decide."""
    nurse = [
        *PROVIDERS,
        {"provider_id": "N", "provider_class": "primary", "specialty": "50", "tin": "T1", "aco_id": "A"},
    ]
    seen = [line("m", "2015-03-01", provider_id="N", allowed=900), line("m", "2015-04-01", allowed=50)]
    seen.append(line("m", "2015-05-01", provider_id="P2", tin="T2", allowed=200))
    spans = [{"member_id": "m", "start_date": "2015-01-01"}]
    data = dataset(claims=seen, eligibility=spans, providers=nurse)
    rule = AttributionRule("mssp")
    before = assign(data, "A", [2015], rule)
    after = assign(data, "A", [2016], rule, MembershipRule(timing="prospective"))
    assert before.changes.loc[2015, "assigned"] == 0
    assert after.changes.loc[2016, "assigned"] == 1


def test_a_gap_in_coverage_is_no_coverage():
    spans = [
        {"member_id": "m", "start_date": "2023-01-01", "end_date": "2023-01-10"},
        {"member_id": "m", "start_date": "2023-01-21", "end_date": "2023-01-31"},
    ]
    data = dataset(claims=[line("m", "2023-01-15"), line("m", "2023-01-05")], eligibility=spans, providers=PROVIDERS)
    found = experience(data, everyone(data, [2023]), ContractScope(member_months="days"))
    assert months(found.exposure) == {"2023-01": pytest.approx(21 / 31)}
    assert found.conservation()["lines"].to_dict()["outside eligibility"] == 1
    assert months(experience(data, everyone(data, [2023])).exposure) == {"2023-01": 1}


def test_an_item_that_comes_new_is_use_and_mix_and_never_price():
    old = pd.DataFrame({"group": "g", "item": ["x"], "units": [10], "allowed": [100.0], "member_months": 100})
    new = pd.DataFrame(
        {"group": "g", "item": ["x", "y"], "units": [10, 5], "allowed": [100.0, 400.0], "member_months": 100}
    )
    found = price_use_mix(old, new).loc["g"]
    assert found["price"] == 0 and found[["use", "mix"]].sum() == pytest.approx(4)
