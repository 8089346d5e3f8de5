"""Members year by year: exposure and claims are those of the experience; age, status and diagnoses as defined."""

import math

import pandas as pd
import pytest
from books import dataset

from acomodel.claims.incurred import ContractScope, experience
from acomodel.claims.members import diagnosed, member_years
from acomodel.claims.population import assign, everyone
from acomodel.claims.synthetic import SyntheticSettings, write_book
from acomodel.claims.tables import read_dataset


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    folder = tmp_path_factory.mktemp("members") / "book"
    wanted = SyntheticSettings(members=900, months=36, capitated=0.3, churn_membership=0.3, aco_share=0.5, seed=3)
    write_book(wanted, folder)
    return read_dataset(folder)


@pytest.mark.parametrize("rule", ["any_day", "first_day", "days"])
@pytest.mark.parametrize(
    "scope",
    [{}, {"excluded_services": ["Skilled Nursing", "Home Health"]}, {"capitated": "include"}, {"ime_dsh": False}],
)
def test_members_add_up_to_the_experience(book, rule, scope):
    contract = ContractScope(member_months=rule, **scope)
    population = assign(book, "ACO1", [2022, 2023])
    members = member_years(book, population, [2022, 2023], contract)
    whole = experience(book, population, contract)
    for year, rows in members.groupby("year"):
        months = whole.exposure["member_months"][whole.exposure.index.year == year].sum()
        assert rows["months"].sum() == pytest.approx(months, abs=1e-6)
        counted = whole.counted()
        allowed = counted.loc[counted["incurred_month"].dt.year == year, "allowed"].sum()
        assert rows["allowed"].sum() == pytest.approx(allowed, abs=0.005)
        assert rows["member_id"].is_unique
    assert members["months"].max() <= 12 + 1e-9


def line(day, **more):
    return {"member_id": "m", "service_date": day, "paid_date": day, "provider_id": "P"} | more


def test_age_is_that_of_1_february_and_a_newborn_is_0():
    spans = [
        {"member_id": name, "birth_date": born, "sex": "F"}
        for name, born in {"eve": "1960-02-01", "day": "1960-02-02", "new": "2023-05-05"}.items()
    ]
    spans.append({"member_id": "unknown"})
    spans.append({"member_id": "unborn", "birth_date": "2024-01-05"})
    spans.append({"member_id": "Methuselah", "birth_date": "1890-01-05"})
    data = dataset(claims=[line("2023-03-01")], eligibility=spans)
    found = member_years(data, everyone(data, [2023]), [2023]).set_index("member_id")["age"]
    assert found["eve"] == 63
    assert found["day"] == 62
    assert found["new"] == 0
    assert math.isnan(found["unknown"])
    assert math.isnan(found["unborn"])
    assert math.isnan(found["Methuselah"])


def test_coverage_of_the_year_before_and_status_of_the_last_span():
    spans = [
        {"member_id": "m", "start_date": "2022-06-15", "end_date": "2022-12-31", "dual_status": "00"},
        {"member_id": "m", "start_date": "2023-01-01", "end_date": "2023-06-10", "dual_status": "02"},
        {"member_id": "m", "start_date": "2023-06-20", "end_date": "2023-08-31", "dual_status": "04", "orec": "1"},
        {"member_id": "m", "start_date": "2024-01-01", "end_date": "2024-12-31", "dual_status": "08"},
    ]
    data = dataset(claims=[line("2023-03-01")], eligibility=spans)
    row = member_years(data, everyone(data, [2023]), [2023]).iloc[0]
    assert row["covered_before"] == 7
    assert row["months"] == 8  # June counts once, although covered in two parts
    assert (row["dual_status"], row["orec"]) == ("04", "1")
    assert pd.isna(row["continuing"])


def test_who_was_assigned_the_year_before_is_continuing():
    spans = [
        {"member_id": "old", "start_date": "2021-01-01", "end_date": "2023-12-31"},
        {"member_id": "new", "start_date": "2023-01-01", "end_date": "2023-12-31"},
    ]
    data = dataset(claims=[line("2023-03-01", member_id="old")], eligibility=spans)
    found = member_years(data, everyone(data, [2022, 2023]), [2022, 2023]).set_index(["year", "member_id"])
    assert found["continuing"].isna().to_dict() == {(2022, "old"): True, (2023, "new"): False, (2023, "old"): False}
    assert found["continuing"][2023].to_dict() == {"new": False, "old": True}


def test_a_line_that_says_nothing_of_capitation_counts():
    lines = [line("2023-03-01", claim_id=str(n), capitated=c) for n, c in enumerate((None, False, True))]
    data = dataset(claims=lines)
    assert member_years(data, everyone(data, [2023]), [2023])["allowed"].tolist() == [200.0]


def test_diagnoses_of_a_year_count_once_and_only_if_eligible():
    rows = [
        {"member_id": "m", "code": "E119", "service_date": "2022-01-01"},
        {"member_id": "m", "code": "E119", "service_date": "2022-12-31"},
        {"member_id": "m", "code": "I509", "service_date": "2022-05-05", "eligible": False},
        {"member_id": "m", "code": "J449", "service_date": "2023-01-01", "eligible": True},
    ]
    data = dataset(claims=[line("2022-03-01")], diagnoses=rows)
    found = diagnosed(data, 2022).to_pandas()
    pd.testing.assert_frame_equal(found, pd.DataFrame({"member_id": ["m"], "code": ["E119"]}), check_dtype=False)
