"""Attribution: each branch of Exhibit 3.2, a plain oracle on random books, the two-step and its dated rules, PGP."""

from collections import defaultdict
from datetime import date, timedelta
from random import Random

import pandas as pd
import pytest
from books import dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from acomodel.claims.attribution import AttributionRule, attribute
from acomodel.claims.methods import critical_mass
from acomodel.claims.visits import Codes
from acomodel.inputs import InputError

PROVIDERS = [
    {"provider_id": "P1", "provider_class": "primary", "specialty": "08", "tin": "T1", "aco_id": "A"},
    {"provider_id": "P2", "provider_class": "primary", "specialty": "11", "tin": "T2"},
    {"provider_id": "P3", "provider_class": "primary", "specialty": "50", "tin": "T1", "aco_id": "A"},
    {"provider_id": "M1", "provider_class": "medical", "specialty": "06", "tin": "T1", "aco_id": "A"},
    {"provider_id": "M2", "provider_class": "medical", "specialty": "29", "tin": "T3", "aco_id": "B"},
    {"provider_id": "S1", "provider_class": "surgical", "specialty": "20", "tin": "T3", "aco_id": "B"},
    {"provider_id": "S2", "provider_class": "surgical", "specialty": "02", "tin": "T4"},
    {"provider_id": "X1", "provider_class": "ancillary", "specialty": "30", "tin": "T4"},
]
TIN = {p["provider_id"]: p["tin"] for p in PROVIDERS}


def visits(*seen, member="m"):
    """Lines of one member from (provider, day) or (provider, day, other cells)."""
    rows = []
    for number, (provider, day, *more) in enumerate(seen):
        cells = {"member_id": member, "provider_id": provider, "tin": TIN.get(provider), "service_date": day}
        rows.append(cells | {"claim_id": f"{member}{number}"} | (more[0] if more else {}))
    return rows


def chosen(lines, method="dartmouth", as_of="2023-12-31", **rule):
    found = attribute(dataset(claims=lines, providers=PROVIDERS), AttributionRule(method, **rule), as_of).to_frame()
    return found.set_index("member_id")["provider_id"].to_dict()


BRANCHES = {
    "one primary care visit beats any number of visits to a specialist": (
        [("P1", "2023-01-05"), *[("M1", f"2023-02-{d:02d}") for d in range(1, 9)]],
        "P1",
    ),
    "only one primary care visit": ([("P2", "2023-03-01")], "P2"),
    "one primary care provider visited more than any other": (
        [("P1", "2022-01-01"), ("P2", "2023-01-01"), ("P2", "2023-01-02")],
        "P2",
    ),
    "as many visits, more than one: longest time from first to last": (
        [("P1", "2022-06-01"), ("P1", "2023-06-01"), ("P2", "2023-10-01"), ("P2", "2023-12-01")],
        "P1",
    ),
    "as many visits, one each: most recent": ([("P1", "2023-05-01"), ("P2", "2023-05-02")], "P2"),
    "no primary care: medical before surgical": (
        [("M1", "2023-01-01"), ("S1", "2023-02-01"), ("S1", "2023-03-01")],
        "M1",
    ),
    "no primary or medical: surgical, by the same rule": (
        [("S1", "2023-01-01"), ("S2", "2023-02-01"), ("S2", "2023-03-01")],
        "S2",
    ),
    "medical, one visit each: most recent": ([("M1", "2023-02-01"), ("M2", "2023-01-01")], "M1"),
    "ancillary specialties do not count": ([("X1", "2023-01-01"), ("X1", "2023-02-01"), ("S2", "2022-01-01")], "S2"),
    "only ancillary: not attributed": ([("X1", "2023-01-01")], None),
    "nothing allowed: not a visit": ([("P1", "2023-01-01", {"allowed": 0}), ("M1", "2022-02-01")], "M1"),
    "in the hospital: not an outpatient visit": (
        [("P1", "2023-01-01", {"place_of_service": "21"}), ("S1", "2022-02-01")],
        "S1",
    ),
    "in the emergency room: not an outpatient visit": ([("P1", "2023-01-01", {"place_of_service": "23"})], None),
    "not evaluation and management: no visit": ([("P1", "2023-01-01", {"hcpcs": "80053"})], None),
    "before the two years: no visit": ([("P1", "2021-12-31"), ("P2", "2022-01-01")], "P2"),
    "after the as-of date: no visit": ([("P1", "2024-01-01"), ("P2", "2023-12-31")], "P2"),
    "two lines of one day are one visit": (
        [("P1", "2023-01-01"), ("P1", "2023-01-01"), ("P1", "2023-01-01"), ("P2", "2023-02-01"), ("P2", "2023-02-02")],
        "P2",
    ),
    "even in every key: the smaller identifier": ([("P2", "2023-05-01"), ("P1", "2023-05-01")], "P1"),
    "even spans: the later last visit": (
        [("P1", "2023-01-01"), ("P1", "2023-02-01"), ("P2", "2023-01-11"), ("P2", "2023-02-11")],
        "P2",
    ),
}


@pytest.mark.parametrize("branch", BRANCHES)
def test_branch_of_exhibit_3_2(branch):
    seen, wanted = BRANCHES[branch]
    assert chosen(visits(*seen)).get("m") == wanted


def test_a_provider_without_a_class_comes_last():
    lines = visits(("U", "2023-01-01"), ("U", "2023-02-01"), ("S1", "2022-05-01"))
    assert chosen(lines)["m"] == "S1"
    assert chosen(visits(("U", "2023-01-01")))["m"] == "U"


def test_free_visits_count_when_the_rule_says_so():
    lines = visits(("P1", "2023-01-01", {"allowed": 0}))
    assert chosen(lines) == {}
    assert chosen(lines, count_free_visits=True) == {"m": "P1"}


def test_provider_not_exclusive_or_in_two_acos_belongs_to_none():
    providers = [
        {"provider_id": "P1", "provider_class": "primary", "aco_id": "A", "exclusive": False},
        {"provider_id": "P2", "provider_class": "primary", "aco_id": "A"},
        {"provider_id": "P2", "provider_class": "primary", "aco_id": "B"},
        {"provider_id": "P3", "provider_class": "primary", "aco_id": "B"},
    ]
    lines = [line for n in "123" for line in visits((f"P{n}", "2023-01-01"), member=f"m{n}")]
    found = attribute(dataset(claims=lines, providers=providers), as_of="2023-12-31").to_frame()
    assert found.set_index("member_id")["aco_id"].fillna("").to_dict() == {"m1": "", "m2": "", "m3": "B"}


def test_window_and_as_of_of_the_rule():
    lines = visits(("P1", "2022-06-01"), ("P2", "2023-06-01"))
    assert chosen(lines, window_months=6) == {}
    assert chosen(lines, as_of="2022-12-31", window_months=12) == {"m": "P1"}
    with pytest.raises(InputError, match="as-of date: found '2023-13-01'; a date written YYYY-MM-DD is wanted"):
        chosen(lines, as_of="2023-13-01")


def plain_dartmouth(lines, as_of, months=24):
    """Exhibit 3.2 in plain loops."""
    rank = {
        p["provider_id"]: ["primary", "medical", "surgical", "ancillary"].index(p["provider_class"]) for p in PROVIDERS
    }
    first = (pd.Timestamp(as_of) + pd.Timedelta(days=1) - pd.DateOffset(months=months)).date()
    days = defaultdict(lambda: defaultdict(set))
    for line in lines:
        day = date.fromisoformat(line["service_date"])
        counts = line.get("hcpcs", "99213") == "99213" and line.get("place_of_service", "11") == "11"
        if counts and line.get("allowed", 100) > 0 and first <= day <= as_of and rank[line["provider_id"]] < 3:
            days[line["member_id"]][line["provider_id"]].add(day)
    found = {}
    for member, seen in days.items():
        best = min(rank[p] for p in seen)
        left = [p for p in seen if rank[p] == best]
        most = max(len(seen[p]) for p in left)
        left = [p for p in left if len(seen[p]) == most]
        if len(left) > 1 and most > 1:
            longest = max(max(seen[p]) - min(seen[p]) for p in left)
            left = [p for p in left if max(seen[p]) - min(seen[p]) == longest]
        if len(left) > 1:
            latest = max(max(seen[p]) for p in left)
            left = [p for p in left if max(seen[p]) == latest]
        found[member] = (min(left), most)
    return found


START = date(2021, 12, 28)
DAYS = [*range(13), *range(360, 373), *range(725, 741)]
SEEDS = st.integers(0, 2**32 - 1)


def random_lines(random, books=200):
    """Lines of 200 small books, one member each, few days and providers apart so that ties abound."""
    lines = []
    for number in range(books):
        seen = []
        for _ in range(random.randrange(10)):
            cells = {
                "allowed": random.choice([100, 100, 100, 0, 40]),
                "hcpcs": random.choice(["99213", "99213", "99213", "80053"]),
                "place_of_service": random.choice(["11", "11", "11", "21"]),
            }
            day = START + timedelta(days=random.choice(DAYS))
            seen.append((random.choice(PROVIDERS)["provider_id"], str(day), cells))
        lines += visits(*seen, member=f"m{number:03d}")
    return lines


@settings(max_examples=6, deadline=None)
@given(SEEDS)
def test_dartmouth_equals_plain_loops_on_200_books_whatever_the_order(seed):
    random = Random(seed)
    lines = random_lines(random)
    wanted = plain_dartmouth(lines, date(2023, 12, 31))
    for _ in range(2):
        random.shuffle(lines)
        found = attribute(dataset(claims=lines, providers=PROVIDERS), as_of="2023-12-31").to_frame()
        got = {r.member_id: (r.provider_id, r.visits) for r in found.itertuples()}
        assert got == wanted


def plain_mssp(lines, as_of, *, first_step, second_step, physicians):
    """The two steps in plain loops; entities are ACOs and practices outside."""
    specialty = {p["provider_id"]: p["specialty"] for p in PROVIDERS}
    acos = {p["tin"]: p["aco_id"] for p in PROVIDERS if p.get("aco_id")}
    start = (pd.Timestamp(as_of) + pd.Timedelta(days=1) - pd.DateOffset(months=12)).date()
    of_member = defaultdict(list)
    for line in lines:
        day = date.fromisoformat(line["service_date"])
        if line.get("hcpcs", "99213") == "99213" and line.get("allowed", 100) > 0 and start <= day <= as_of:
            of_member[line["member_id"]].append(line)
    found = {}
    for member, mine in of_member.items():
        code = {id(line): specialty[line["provider_id"]] for line in mine}
        step = [line for line in mine if first_step(code[id(line)])]
        step = step or [line for line in mine if second_step(code[id(line)])]
        charges = defaultdict(int)
        for line in step:
            charges[acos.get(line["tin"], line["tin"])] += round(100 * line.get("allowed", 100))
        if not charges:
            continue
        most = max(charges.values())
        leaders = [entity for entity, cents in charges.items() if cents == most]
        if len(leaders) > 1:
            continue
        aco = leaders[0] if leaders[0] in acos.values() else None
        seen = any(acos.get(line["tin"]) == aco and physicians(code[id(line)]) for line in mine)
        if aco is None or seen:
            found[member] = aco
    return found


PRIMARY = {"01", "08", "11", "37", "38"}
LISTED = {"06", "29"}
RULES = {
    2014: {
        "first_step": lambda s: s in PRIMARY - {"37"},
        "second_step": lambda s: s not in PRIMARY - {"37"},
        "physicians": lambda s: s not in {"50", "89", "97"},
    },
    2018: {
        "first_step": lambda s: s in PRIMARY | {"50", "89", "97"},
        "second_step": lambda s: s in LISTED,
        "physicians": lambda s: s in PRIMARY | LISTED,
    },
}


@settings(max_examples=4, deadline=None)
@given(SEEDS, st.sampled_from(sorted(RULES)))
def test_two_step_equals_plain_loops_on_200_books_whatever_the_order(seed, year):
    random = Random(seed)
    lines = random_lines(random)
    wanted = plain_mssp(lines, date(2023, 12, 31), **RULES[year])
    random.shuffle(lines)
    rule = AttributionRule("mssp", rule_year=year)
    found = attribute(dataset(claims=lines, providers=PROVIDERS), rule, "2023-12-31").to_frame()
    got = {r.member_id: r.aco_id if isinstance(r.aco_id, str) else None for r in found.itertuples()}
    assert got == wanted


def aco_of(lines, year, **rule):
    found = attribute(
        dataset(claims=lines, providers=PROVIDERS), AttributionRule("mssp", rule_year=year, **rule), "2023-12-31"
    )
    return found.to_frame().set_index("member_id")["aco_id"].to_dict()


def test_two_step_by_rule_year():
    nurse = visits(("P3", "2023-03-01", {"allowed": 500}), ("P2", "2023-03-02", {"allowed": 100}), ("M1", "2023-04-01"))
    assert aco_of(nurse, 2014).get("m") is None or pd.isna(
        aco_of(nurse, 2014)["m"]
    )  # P2 is the only physician of step 1
    assert aco_of(nurse, 2018) == {"m": "A"}  # nurse practitioners belong to step 1
    surgeon = visits(("S1", "2023-03-01"))
    assert aco_of(surgeon, 2014) == {"m": "B"}  # step 2 is open to every specialty
    assert aco_of(surgeon, 2018) == {}  # surgery is not on the list


def test_pre_step_asks_for_a_physician_of_the_aco():
    nurse_alone = visits(("P3", "2023-03-01"))
    assert aco_of(nurse_alone, 2018) == {}
    assert aco_of([*nurse_alone, *visits(("M1", "2023-05-01"))], 2018) == {"m": "A"}


def test_step_2_is_closed_to_those_who_saw_a_primary_care_physician():
    lines = visits(("P2", "2023-01-01", {"allowed": 1}), ("M1", "2023-02-01", {"allowed": 900}))
    assert pd.isna(aco_of(lines, 2018)["m"])


def test_the_aco_must_exceed_every_other():
    even = visits(("P1", "2023-01-01", {"allowed": 70.10}), ("P2", "2023-01-02", {"allowed": 70.10}))
    assert aco_of(even, 2018) == {}
    more = visits(("P1", "2023-01-01", {"allowed": 70.11}), ("P2", "2023-01-02", {"allowed": 70.10}))
    assert aco_of(more, 2018) == {"m": "A"}


def test_cents_are_summed_exactly():
    tenth = [("P1", f"2023-01-{d:02d}", {"allowed": 0.10}) for d in range(1, 11)]
    assert aco_of(visits(*tenth, ("P2", "2023-02-01", {"allowed": 1.00})), 2018) == {}


def test_clinics_qualify_by_revenue_centre():
    clinic = {"claim_type": "outpatient", "revenue_code": "0521", "hcpcs": None}
    assert aco_of(visits(("P1", "2023-01-01", clinic)), 2018) == {"m": "A"}


def test_skilled_nursing_facility_is_out_from_2019():
    lines = visits(("P1", "2023-01-01", {"hcpcs": "99308", "place_of_service": "31"}))
    assert aco_of(lines, 2018) == {"m": "A"}
    assert aco_of(lines, 2019) == {}


def test_step_3_from_2025_looks_back_24_months():
    lines = visits(("P3", "2023-05-01"), ("P1", "2022-05-01"))
    assert aco_of(lines, 2024) == {}
    assert aco_of(lines, 2025) == {"m": "A"}
    assert aco_of(visits(("P3", "2022-06-01"), ("P1", "2022-05-01")), 2025) == {}


def test_pgp_takes_the_largest_share_of_charges():
    lines = visits(("P1", "2023-01-01", {"allowed": 60}), ("M1", "2023-01-02", {"allowed": 50}), ("P2", "2023-01-03"))
    assert chosen(lines, "pgp") == {"m": "P1"}  # 110 at the ACO against 100, and P1 has more of it
    assert chosen(visits(("P1", "2022-12-31"), ("P2", "2023-01-01", {"allowed": 5})), "pgp") == {"m": "P2"}


def test_dated_codes():
    assert "99495" not in Codes("mssp", 2015).listed("visit_code")
    assert "99495" in Codes("mssp", 2016).listed("visit_code")
    assert Codes("mssp", 2014).listed("excluded_place") == []
    assert Codes("dartmouth", 2009).one("window_months") == "24"
    with pytest.raises(InputError, match="no visit codes are in force in 2011|has no visit codes in force in 2011"):
        chosen(visits(("P1", "2011-05-01")), "mssp", as_of="2011-12-31")


def test_every_rule_row_names_a_source():
    from acomodel.programs import rule_table

    table = rule_table("assignment")
    assert (table["source"] != "").all()
    assert table["method"].isin(["dartmouth", "mssp", "pgp"]).all()


def test_contested_counts_ties_of_the_first_class_only():
    lines = visits(("P1", "2023-01-01"), ("P2", "2023-01-02"), ("M1", "2023-01-03"), member="tie")
    lines += visits(("P1", "2023-01-01"), ("M1", "2023-01-02"), ("M2", "2023-01-02"), member="clear")
    found = attribute(dataset(claims=lines, providers=PROVIDERS), as_of="2023-12-31")
    assert found.contested() == 1
    assert found.summary()["members"].to_dict() == {"A": 1, "no ACO": 1, "not attributed": 0, "Total": 2}


def test_critical_mass_is_the_attributed_share_of_a_practice():
    lines = [*visits(("P1", "2023-01-01"), member="a"), *visits(("P1", "2023-01-01"), ("P2", "2023-02-01"), member="b")]
    lines += visits(("P2", "2023-01-01"), member="c")
    found = critical_mass(attribute(dataset(claims=lines, providers=PROVIDERS), as_of="2023-12-31"), "A")
    assert found.loc["T1"].to_dict() == {"patients": 2, "attributed": 1, "share": 0.5, "enough": "within"}


def reversed_visit(provider, day, amount=100):
    back = {"allowed": -amount, "paid": -0.8 * amount}
    return [(provider, day, {"allowed": amount}), (provider, day, back)]


@pytest.mark.parametrize("method", ["dartmouth", "mssp", "pgp"])
def test_a_visit_taken_back_does_not_count(method):
    lines = visits(*reversed_visit("P1", "2023-05-01"))
    assert chosen(lines, method, rule_year=2018) == {}
    assert chosen(lines, "dartmouth", count_free_visits=True) == {}
    again = visits(*reversed_visit("P1", "2023-05-01"), ("P1", "2023-05-01"), ("P2", "2023-06-01", {"allowed": 150}))
    wanted = {"dartmouth": "P2", "mssp": "P2", "pgp": "P2"}
    assert chosen(again, method, rule_year=2018) == {"m": wanted[method]}


def test_charges_are_net_of_reversals():
    seen = [*reversed_visit("P1", "2023-05-01"), ("P1", "2023-05-01"), ("P2", "2023-06-01", {"allowed": 99})]
    assert aco_of(visits(*seen), 2018) == {"m": "A"}
    assert pd.isna(aco_of(visits(*seen, ("P2", "2023-07-01", {"allowed": 2})), 2018)["m"])


def test_a_line_without_a_practice_is_of_the_one_its_provider_is_listed_in():
    seen = [
        ("P1", "2023-01-01"),
        ("P2", "2023-02-01", {"allowed": 60}),
        ("P2", "2023-03-01", {"allowed": 60, "tin": None}),
    ]
    assert pd.isna(aco_of(visits(*seen), 2018)["m"])


def test_a_provider_listed_twice_has_the_first_of_its_classes():
    twice = [
        {"provider_id": "P1", "provider_class": "primary", "specialty": "11", "aco_id": "A"},
        {"provider_id": "P1", "provider_class": "ancillary", "specialty": "30"},
        {"provider_id": "M1", "provider_class": "medical", "specialty": "06"},
    ]
    lines = visits(("P1", "2023-01-01"), ("M1", "2023-02-01"), ("M1", "2023-03-01"))
    found = attribute(dataset(claims=lines, providers=twice), as_of="2023-12-31").to_frame()
    assert found[["provider_id", "aco_id"]].to_numpy().tolist() == [["P1", "A"]]


def test_members_unknown_to_the_eligibility_are_not_attributed():
    lines = visits(("P1", "2023-01-01"), member="known") + visits(("P1", "2023-01-01"), member="stranger")
    spans = [{"member_id": "known"}, {"member_id": "idle"}]
    found = attribute(dataset(claims=lines, eligibility=spans, providers=PROVIDERS), as_of="2023-12-31")
    assert found.to_frame()["member_id"].tolist() == ["known"]
    assert found.summary()["members"].to_dict() == {"A": 1, "no ACO": 0, "not attributed": 1, "Total": 2}


def test_a_facility_line_with_a_visit_code_is_no_visit():
    assert chosen(visits(("P1", "2023-01-01", {"claim_type": "outpatient"}))) == {}


def test_a_practice_with_providers_in_two_acos_counts_to_neither():
    shared = [
        {"provider_id": "P1", "provider_class": "primary", "specialty": "08", "tin": "T1", "aco_id": "A"},
        {"provider_id": "P2", "provider_class": "primary", "specialty": "08", "tin": "T1", "aco_id": "B"},
    ]
    lines = visits(("P1", "2023-01-01"))
    found = attribute(dataset(claims=lines, providers=shared), AttributionRule("mssp"), "2023-12-31").to_frame()
    assert found["aco_id"].isna().all() and len(found) == 1
