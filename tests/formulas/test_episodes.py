"""Episodes of care on claims made by hand, and read in."""

import books
import pandas as pd
import pytest

from acomodel.claims.care.episodes import EpisodeRule, check_episodes, find_episodes, flag_outliers
from acomodel.claims.care.grouping import conditions_known, episode_rules
from acomodel.claims.incurred import ContractScope
from acomodel.claims.population import everyone
from acomodel.inputs import InputError

KINDS = {"P1": ("11", "primary"), "P2": ("06", "medical"), "LAB": ("69", "ancillary")}


def visit(day, provider="P1", allowed=100, **other):
    return {"service_date": day, "provider_id": provider, "allowed": allowed, **other}


def lab(day, allowed=40):
    return visit(day, "LAB", allowed, hcpcs="83036", service_category="Lab/X-Ray")


def pain(days):
    return [(day, "M545") for day in days]


SPLIT = ["M545", "I10", "E785", "E119", "J069", "I509", "I2510"]
GAP = ["2023-03-01", "2023-03-20"]
SHARE = ["2023-05-01", "2023-05-08"]
COURSE = ["2023-05-01", "2023-05-10", "2023-06-20", "2023-08-20"]
CHRONIC = ["2022-03-01", "2022-12-01", "2023-03-01", "2024-02-20", "2024-11-01"]
TIME = ["2023-03-20", "2023-07-01", "2023-09-20"]
CASES = {
    "course": (
        [lab(COURSE[0]), visit(COURSE[1]), visit(COURSE[2], "P2", 60), visit(COURSE[3], allowed=90)],
        pain(COURSE),
    ),
    "gap of 59": ([visit("2023-03-01"), visit("2023-04-30")], pain(["2023-03-01", "2023-04-30"])),
    "gap of 60": ([visit("2023-03-01"), visit("2023-05-01")], pain(["2023-03-01", "2023-05-01"])),
    "gap of 18": ([visit(day) for day in GAP], pain(GAP)),
    "test alone": ([lab("2023-05-01")], pain(["2023-05-01"])),
    "taken back": ([visit("2023-05-01"), visit("2023-05-01", allowed=-100)], pain(["2023-05-01"])),
    "well": ([visit("2023-05-01")], [("2023-05-01", "Z0000")]),
    "split": ([visit("2023-05-10", allowed=100.03)], [("2023-05-10", code) for code in SPLIT]),
    "near": (
        [visit("2023-05-10"), visit("2023-05-11", allowed=70), lab("2023-05-12"), lab("2023-05-20")],
        [("2023-05-10", "M545"), ("2023-05-11", "J069")],
    ),
    "chronic": ([visit(day) for day in CHRONIC], [(day, "E119") for day in CHRONIC]),
    "chronic again": (
        [visit(d) for d in ("2022-01-10", "2023-06-01")],
        [(d, "I10") for d in ("2022-01-10", "2023-06-01")],
    ),
    "in time": ([visit(day) for day in TIME], pain(TIME)),
    "level 1": ([visit("2023-05-10")], [("2023-05-10", "M545"), ("2022-09-01", "I10")]),
    "level 2": ([visit("2023-05-10")], [("2023-05-10", "M545"), ("2022-09-01", "N1830")]),
    "level 4": (
        [visit("2023-05-10")],
        [("2023-05-10", code) for code in ("M545", "N183", "J449", "I48", "C509", "F03")],
    ),
    "level forgotten": ([visit("2023-05-10")], [("2023-05-10", "M545"), ("2022-05-09", "N183")]),
    "most": ([visit(SHARE[0], "P1", 80), visit(SHARE[1], "P2", 120), lab(SHARE[0], 900)], pain(SHARE)),
    "even": ([visit(SHARE[0], "P2"), visit(SHARE[1], "P1")], pain(SHARE)),
    "apart": ([visit("2023-05-10"), lab("2023-05-10")], pain(["2023-05-10"])),
}
"""Claims and diagnoses of a member; physicians bear the name of the case, for no member is named in what is found."""


def run(names, rule=None, scope=None):
    claims, diagnoses, providers, spans = [], [], [], []
    for name in names:
        lines, codes = CASES[name]
        claims += [line | {"member_id": name, "provider_id": f"{name} {line['provider_id']}"} for line in lines]
        diagnoses += [{"member_id": name, "service_date": d, "code": c, "eligible": True} for d, c in codes]
        for who, (specialty, kind) in KINDS.items():
            providers.append({"provider_id": f"{name} {who}", "specialty": specialty, "provider_class": kind})
        span = ("2023-02-01", "2023-10-31") if name == "in time" else ("2020-01-01", "2025-12-31")
        spans.append({"member_id": name, "start_date": span[0], "end_date": span[1]})
    data = books.dataset(claims=claims, diagnoses=diagnoses, providers=providers, eligibility=spans)
    years = [2022, 2023, 2024]
    return find_episodes(data, everyone(data, years), years, scope, rule)


@pytest.fixture(scope="module")
def every():
    return run(CASES)


@pytest.fixture(scope="module")
def of(every):
    """Episodes of a case, one condition at a time."""

    def chosen(name, condition="Low back pain"):
        rows = every[every["physician"].fillna("").str.startswith(f"{name} P") & (every["condition"] == condition)]
        return rows.sort_values("start_date")

    return chosen


def test_it_starts_with_an_evaluation_and_ends_before_a_clean_period(of):
    found = of("course")
    assert list(found["start_date"].astype(str)) == ["2023-05-10", "2023-08-20"]  # the test before it is in neither
    assert list(found["end_date"].astype(str)) == ["2023-06-20", "2023-08-20"]
    assert list(found["cost"]) == [160.0, 90.0] and list(found["lines"]) == [2, 1]
    assert set(found["physician"]) == {"course P1"} and set(found["specialty"]) == {"11"}
    assert found["complete"].all() and "member_id" not in found


def test_clean_period_is_days_without_care(of):
    assert len(of("gap of 59")) == 1 and len(of("gap of 60")) == 2


def test_shorter_clean_period_makes_two_of_one(of):
    assert len(of("gap of 18")) == 1
    assert len(run(["gap of 18"], EpisodeRule(conditions=["Low back pain"], clean_days=10))) == 2


@pytest.mark.parametrize("name", ["test alone", "taken back", "well"])
def test_without_an_evaluation_there_is_no_episode(every, name):
    assert len(every) and not every["physician"].fillna("").str.startswith(name).any()


def test_episodes_are_of_members_one_by_one(every):
    """Nobody's episodes run into another's, and none is there that no case explains."""
    found = every["physician"].str.rsplit(" ", n=1).str[0].value_counts().to_dict()
    two, others = ["course", "gap of 60", "near", "chronic again"], {"split": 7, "chronic": 3, "in time": 3}
    none = ["test alone", "taken back", "well"]
    assert found == {name: 2 if name in two else others.get(name, 1) for name in CASES if name not in none}


def test_a_day_shared_by_conditions_is_split_to_the_cent(every):
    found = every[every["physician"] == "split P1"]
    assert len(found) == 7 and found["cost"].sum() == pytest.approx(100.03, abs=1e-9)
    assert found["cost"].to_numpy() == pytest.approx(100.03 / 7)


def test_services_near_a_diagnosis_belong_to_the_nearest(of):
    rule = EpisodeRule(conditions=["Low back pain", "Upper respiratory infection"], near_days=3)
    found = run(["near"], rule).set_index("condition")["cost"]
    assert found.to_dict() == {"Low back pain": 100.0, "Upper respiratory infection": 110.0}
    assert list(of("near")["cost"]) == [100.0] and list(of("near", "Upper respiratory infection")["cost"]) == [70.0]


def test_a_chronic_condition_is_cut_into_years(of):
    found = of("chronic", "Diabetes")
    assert list(found["start_date"].astype(str)) == ["2022-03-01", "2023-03-01", "2024-02-29"]
    assert list(found["end_date"].astype(str)) == ["2023-02-28", "2024-02-28", "2025-02-27"]
    assert list(found["cost"]) == [200.0, 200.0, 100.0]
    assert list(found["complete"]) == [True, True, False]  # the last goes on after the years


def test_a_chronic_condition_ends_after_a_year_without_care(of):
    assert list(of("chronic again", "Hypertension")["start_date"].astype(str)) == ["2022-01-10", "2023-06-01"]


def test_complete_needs_clean_periods_within_the_members_time(of):
    assert list(of("in time")["complete"]) == [False, True, False]


@pytest.mark.parametrize(("name", "level"), [("level 1", 1), ("level 2", 2), ("level 4", 4), ("level forgotten", 1)])
def test_severity_counts_comorbidities_of_a_year(of, name, level):
    assert list(of(name)["severity"]) == [level]


def test_physician_is_the_one_with_most_of_the_visits(of):
    assert list(of("most")["physician"]) == ["most P2"]  # dollars of tests do not count
    assert list(of("even")["physician"]) == ["even P1"]


def test_physician_needs_enough_of_the_visits_and_the_scope_its_services():
    rule = EpisodeRule(conditions=["Low back pain"], minimum_share=0.7)
    found = run(["most", "apart"], rule, ContractScope(excluded_services=["Lab/X-Ray"]))
    assert list(found["physician"].fillna("nobody")) == ["apart P1", "nobody"]
    assert list(found["cost"]) == [100.0, 200.0]  # tests are left out of both


def test_outliers_by_percentile_and_by_median():
    costs = [10.0, *[100.0] * 97, 900.0, 5_000.0]
    table = pd.DataFrame({"condition": "CHF", "severity": 1, "cost": costs, "complete": True})
    by_median = flag_outliers(table, EpisodeRule(outliers="median", outlier_low=0.2, outlier_high=10.0))
    assert list(by_median.index[by_median["outlier"]]) == [0, 99]
    by_share = flag_outliers(table, EpisodeRule(outlier_percentile=0.01))
    assert list(by_share.index[by_share["outlier"]]) == [0, 99]
    assert not flag_outliers(table, EpisodeRule(outlier_percentile=0.0))["outlier"].any()


def test_bounds_come_from_complete_episodes_alone():
    table = pd.DataFrame(
        {"condition": "CHF", "severity": 1, "cost": [1.0, 100.0, 110.0, 120.0], "complete": [False, True, True, True]}
    )
    found = flag_outliers(table, EpisodeRule(outliers="median"))
    assert list(found["outlier"]) == [True, False, False, False]
    assert not flag_outliers(table.assign(complete=False))["outlier"].any()


def test_rules_of_the_package():
    rows = episode_rules()
    assert not rows.duplicated("prefix").any()
    prefixes = rows.loc[rows["kind"] != "visit", "prefix"]
    inside = [(a, b) for a in prefixes for b in prefixes if a != b and a.startswith(b)]
    assert not inside  # no code is of two groups
    assert rows["source"].str.contains("unverified").all()
    assert {kind for kind, _ in conditions_known().values()} == {"acute", "chronic"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"end_date": "2023-12-31"}, "row 2: the episode ends on 2023-12-31, before it starts on 2024-01-01"),
        ({"start_date": "01/02/2024"}, "row 2, column 'start_date': found '01/02/2024'; a day YYYY-MM-DD"),
        ({"cost": -5.0}, "row 2: column 'cost': found -5"),
        ({"cost": float("nan")}, "row 2: column 'cost': found nan"),
        ({"severity": 0}, "row 2: column 'severity': found 0"),
    ],
)
def test_episodes_read_in_are_checked(change, words):
    row = {"physician": "A", "condition": "CHF", "severity": 1, "start_date": "2024-01-01", "end_date": "2024-12-30"}
    with pytest.raises(InputError, match=words):
        check_episodes(pd.DataFrame([row | {"cost": 10.0} | change]), "episodes.csv")


def test_episodes_read_in_are_complete_and_normal_unless_they_say_otherwise():
    row = {"physician": "A", "condition": "CHF", "severity": 1, "start_date": "2024-01-01", "end_date": "2024-12-30"}
    found = check_episodes(
        pd.DataFrame([row | {"cost": 10.0}, row | {"cost": 12.0, "complete": "no", "outlier": "yes"}])
    )
    assert list(found["complete"]) == [True, False] and list(found["outlier"]) == [False, True]


def test_unknown_condition_names_the_nearest():
    with pytest.raises(ValueError, match="unknown condition 'Hypertention'.*Hypertension"):
        EpisodeRule(conditions=["Hypertention"])
