"""Synthetic claims: published figures are near, the truth put in comes out, and equal settings give equal bytes."""

import json
from dataclasses import replace

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import binom

from acomodel import InputError, fit_trend
from acomodel.claims.synthetic import SEASONALITY, SyntheticSettings, last_payment, write_book
from acomodel.claims.synthetic.population import ages
from acomodel.claims.synthetic.tables import lag_curve, lag_curves, table
from acomodel.inputs import dictionary

TABLES = ("claims", "eligibility", "providers", "diagnoses")
SQL = {"text": "VARCHAR", "date": "DATE", "integer": "INTEGER", "money": "DECIMAL(14,2)", "yes/no": "BOOLEAN"}


class Book:
    """A written book and what is asked of it."""

    def __init__(self, folder, **settings):
        self.folder = folder
        self.truth = write_book(SyntheticSettings(**settings), folder)
        self.con = duckdb.connect()
        for name in (*TABLES, "truth"):
            self.con.execute(f"CREATE VIEW {name} AS SELECT * FROM '{folder}/{name}.parquet'")

    def ask(self, sql):
        return self.con.execute(sql).df()

    def one(self, sql):
        value = self.con.execute(sql).fetchall()[0][0]
        return float(value) if value is not None else None

    def member_months(self):
        """Members with a day of coverage in each month."""
        return self.ask(
            "SELECT month, count(*)::DOUBLE AS member_months FROM (SELECT unnest(generate_series(date_trunc('month', "
            "start_date), date_trunc('month', end_date), INTERVAL 1 MONTH)) AS month FROM eligibility) GROUP BY 1"
        )

    def monthly(self):
        """Monthly experience, all claims together."""
        claims = self.ask(
            "SELECT date_trunc('month', service_date) AS month, sum(allowed)::DOUBLE AS incurred_claims, "
            "count(*)::DOUBLE AS services FROM claims GROUP BY 1"
        )
        both = claims.merge(self.member_months(), on="month").sort_values("month", ignore_index=True)
        return both.assign(month=both["month"].dt.to_period("M"), service_category="All")

    def annual(self):
        """Allowed dollars and visits of each member and year, members covered for the year or until they died."""
        return self.ask(
            "WITH covered AS (SELECT member_id, unnest(range(2019, 2019 + 2)) AS year, min(start_date) AS s, "
            "max(end_date) AS e, max(death_date) AS d FROM eligibility GROUP BY 1), "
            "whole AS (SELECT member_id, year FROM covered WHERE s <= make_date(year, 1, 1) "
            "AND (e >= make_date(year, 12, 31) OR year(d) = year)) "
            "SELECT member_id, w.year, coalesce(sum(allowed), 0)::DOUBLE AS allowed, "
            "count(*) FILTER (service_category = 'Primary Care') AS primary_visits "
            "FROM whole w LEFT JOIN claims c USING (member_id) WHERE c.service_date IS NULL OR "
            "year(c.service_date) = w.year GROUP BY 1, 2 "
            "UNION ALL SELECT member_id, year, 0, 0 FROM whole w WHERE EXISTS (SELECT 1 FROM claims c WHERE "
            "c.member_id = w.member_id) AND NOT EXISTS (SELECT 1 FROM claims c WHERE c.member_id = w.member_id "
            "AND year(c.service_date) = w.year)"
        )


CALIBRATED = {"start": "2019-01", "months": 24, "runout_months": 16, "cost_trend": 0.0, "use_trend": 0.0}


@pytest.fixture(scope="module")
def medicare(tmp_path_factory):
    return Book(tmp_path_factory.mktemp("medicare"), members=20_000, reversals=0.0, seed=11, **CALIBRATED)


@pytest.fixture(scope="module")
def commercial(tmp_path_factory):
    settings = {"members": 20_000, "population": "commercial", "reversals": 0.0, "seed": 11, **CALIBRATED}
    return Book(tmp_path_factory.mktemp("commercial"), **settings)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Three years with all that may complicate a book."""
    settings = {"members": 1_200, "population": "commercial", "group_join": 0.25, "capitated": 0.4, "reversals": 0.05}
    return Book(tmp_path_factory.mktemp("small"), seed=3, **settings)


def shares(dollars):
    """Share of spending of the costliest 1, 5, 10, 20 and 50 percent. [%]"""
    ordered = np.sort(dollars)[::-1]
    return [100 * ordered[: round(len(ordered) * q)].sum() / ordered.sum() for q in (0.01, 0.05, 0.1, 0.2, 0.5)]


# --- published figures -------------------------------------------------------------------------------------------


def test_medicare_concentration_is_that_of_wallis(medicare):
    """Wallis et al., EClinicalMedicine 2021: 14.9, 41.5, 60.0, 79.1 and 95.7 percent of Medicare spending."""
    annual = medicare.annual()
    dollars = annual.loc[annual["year"] == 2019, "allowed"].to_numpy()
    assert shares(dollars) == pytest.approx([14.9, 41.5, 60.0, 79.1, 95.7], abs=4)
    assert (dollars == 0).mean() == pytest.approx(0.05, abs=0.02)


def test_commercial_concentration_is_that_of_employer_plans(commercial):
    """EBRI Issue Brief 493: 28, 56, 70 and 84 percent; without any claim about 13 percent (MEPS 2018)."""
    annual = commercial.annual()
    dollars = annual.loc[annual["year"] == 2019, "allowed"].to_numpy()
    assert shares(dollars)[:4] == pytest.approx([28, 56, 70, 84], abs=4)
    assert (dollars == 0).mean() == pytest.approx(0.13, abs=0.04)
    pmpm = commercial.one("SELECT sum(allowed) FROM claims") / commercial.member_months()["member_months"].sum()
    assert pmpm == pytest.approx(450, rel=0.06)


def test_commercial_persistence_is_that_of_hirth(commercial):
    """Of the costliest tenth 43.4 percent stay (Hirth 2015); of the lower half three of four (MEPS)."""
    wide = commercial.annual().pivot(index="member_id", columns="year", values="allowed").dropna()
    rank = wide.rank(pct=True, method="first")
    assert (rank[2020][rank[2019] > 0.9] > 0.9).mean() == pytest.approx(0.434, abs=0.06)
    assert (rank[2020][rank[2019] <= 0.5] <= 0.5).mean() == pytest.approx(0.75, abs=0.05)


def test_medicare_use_is_that_of_the_public_use_file(medicare):
    """MSSP 2019 per 1,000 person years: 304 admissions, 57 SNF admissions, 700 ED visits; visits by kind."""
    years = medicare.member_months()["member_months"].sum() / 12
    found = (
        medicare.ask(
            "SELECT count(*) FILTER (claim_type = 'inpatient') AS stays, "
            "sum(units) FILTER (service_category = 'Emergency Room') AS emergency, "
            "count(*) FILTER (service_category = 'Primary Care' AND specialty NOT IN ('50', '97')) AS physicians, "
            "count(*) FILTER (service_category = 'Primary Care' AND specialty IN ('50', '97')) AS practitioners, "
            "count(*) FILTER (service_category = 'Specialty Care') AS specialists FROM claims"
        )
        .iloc[0]
        .astype(float)
        / years
    )
    expected = {"stays": 0.304, "emergency": 0.700, "physicians": 3.93, "practitioners": 1.60, "specialists": 4.63}
    assert found.to_dict() == pytest.approx(expected, rel=0.06)
    nursing = medicare.one(
        "SELECT count(*) FROM (SELECT service_date, lag(end_date) OVER (PARTITION BY member_id ORDER BY service_date) "
        "AS before FROM claims WHERE claim_type = 'snf') WHERE before IS NULL OR before < service_date - 1"
    )
    assert nursing / years == pytest.approx(0.057, rel=0.12)
    annual = medicare.annual()
    assert 0.18 <= (annual["primary_visits"] == 0).mean() <= 0.25


def test_medicare_spending_and_mix_are_those_of_the_public_use_file(medicare):
    """MSSP 2019: $11,294 per capita; inpatient .293, SNF .064, outpatient .230, Part B .316, home health .049."""
    years = medicare.member_months()["member_months"].sum() / 12
    paid = medicare.ask("SELECT claim_type, sum(paid)::DOUBLE AS paid FROM claims GROUP BY 1").set_index("claim_type")
    assert paid["paid"].sum() / years == pytest.approx(11_294, rel=0.06)
    expected = {
        "inpatient": 0.293,
        "snf": 0.064,
        "outpatient": 0.230,
        "professional": 0.316,
        "home_health": 0.049,
        "dme": 0.025,
        "hospice": 0.023,
    }
    assert (paid["paid"] / paid["paid"].sum()).to_dict() == pytest.approx(expected, abs=0.02)


def test_medicare_members_are_those_of_the_public_use_file(medicare):
    """Person years 2019: ESRD 0.7, disabled 11.2 and aged dual 6.4 percent; conditions as in the CCW table of 2019."""
    found = medicare.ask(
        "SELECT avg(esrd::INT) AS esrd, avg((birth_date > DATE '1954-01-01')::INT) AS disabled, "
        "avg((dual_status = '02' AND birth_date <= DATE '1954-01-01')::INT) AS dual FROM eligibility "
        "WHERE start_date = DATE '2019-01-01'"
    ).iloc[0]
    assert found["esrd"] == pytest.approx(0.007, abs=0.003)
    assert found["disabled"] == pytest.approx(0.112, abs=0.01)
    assert found["dual"] == pytest.approx(0.064, abs=0.02)
    recorded = medicare.ask(
        "SELECT code, count(DISTINCT member_id) / (SELECT count(DISTINCT member_id) FROM eligibility) AS share "
        "FROM diagnoses WHERE eligible GROUP BY 1"
    ).set_index("code")["share"]
    conditions = table("conditions").set_index("code")["medicare"]
    common = conditions[conditions > 0.15]
    assert (recorded[common.index] / common).between(0.75, 1.1).all()


def test_visits_to_doctors_are_those_of_pham(medicare):
    """Pham, NEJM 2007: two PCPs and four practices a year; 35 percent of visits with the doctor seen most."""
    seen = medicare.ask(
        "SELECT member_id, provider_id, tin, service_category = 'Primary Care' AS office FROM claims "
        "WHERE service_category IN ('Primary Care', 'Specialty Care') AND year(service_date) = 2019"
    )
    by_member = seen.groupby("member_id")
    assert seen[seen["office"]].groupby("member_id")["provider_id"].nunique().median() == 2
    assert by_member["tin"].nunique().median() == pytest.approx(4, abs=1)
    most = seen.value_counts(["member_id", "provider_id"]).groupby("member_id").max()
    assert (most / by_member.size()).median() == pytest.approx(0.35, abs=0.08)


def test_usual_doctors_change_as_often_as_pham_says(medicare):
    """A third of members have another usual doctor next year; about half of them in the same practice."""
    pairs = "truth a JOIN truth b ON a.member_id = b.member_id AND b.year = a.year + 1"
    next_year = "SELECT avg((a.{0} <> b.{0})::INT) FROM " + pairs
    assert medicare.one(next_year.format("usual_provider")) == pytest.approx(0.33, abs=0.015)
    assert 0.15 <= medicare.one(next_year.format("usual_tin")) <= 0.25


# --- the truth put in comes out ----------------------------------------------------------------------------------


@pytest.mark.parametrize("book", ["medicare", "commercial"])
def test_lags_come_out(book, request):
    """Claims paid by each month of lag, by category, within four standard errors of the curve."""
    book = request.getfixturevalue(book)
    found = book.ask(
        "SELECT service_category, date_diff('month', service_date, paid_date) AS lag, count(*) AS claims FROM "
        "(SELECT DISTINCT claim_id, service_category, service_date, paid_date FROM claims) GROUP BY 1, 2"
    )
    for category, group in found.groupby("service_category"):
        count = group.set_index("lag")["claims"].sort_index()
        for month, truth in enumerate(book.truth.lags[category]):
            share = count[count.index <= month].sum() / count.sum()
            assert abs(share - truth) <= 4 * np.sqrt(truth * (1 - truth) / count.sum()) + 1e-12, (category, month)


def test_slower_payment_comes_out(tmp_path):
    book = Book(tmp_path, members=1_500, months=12, runout_months=40, lag_scale=2.0, reversals=0.0)
    share = book.one(
        "SELECT avg((date_diff('month', service_date, paid_date) <= 3)::INT) FROM "
        "(SELECT DISTINCT claim_id, service_date, paid_date FROM claims WHERE service_category = 'Specialty Care')"
    )
    assert book.truth.lags["Specialty Care"][3] == pytest.approx(0.72)
    assert share == pytest.approx(0.72, abs=0.02)


def test_trend_interval_covers_the_truth(tmp_path):
    """A 95 percent interval of the allowed trend covers the truth in as many of 15 books as chance allows."""
    books, hits = 15, 0
    for seed in range(books):
        book = Book(tmp_path, members=800, months=36, runout_months=16, seed=seed)
        fit = fit_trend(book.monthly())
        hits += fit.low <= 1 + book.truth.allowed_trend <= fit.high
        book.con.close()
    assert hits >= binom.ppf(0.005, books, 0.95)


def test_unit_cost_and_use_grow_as_told(tmp_path):
    book = Book(tmp_path, members=5_000, months=24, runout_months=16, cost_trend=0.2, use_trend=-0.1, reversals=0.0)
    year = book.ask(
        "SELECT year(service_date) AS year, count(*) AS lines, avg(allowed)::DOUBLE AS price FROM claims "
        "WHERE service_category IN ('Primary Care', 'Specialty Care') GROUP BY 1 ORDER BY 1"
    )
    assert book.truth.allowed_trend == pytest.approx(1.2 * 0.9 - 1)
    assert year["price"][1] / year["price"][0] == pytest.approx(1.2, rel=0.01)
    assert year["lines"][1] / year["lines"][0] == pytest.approx(0.9, rel=0.02)


def test_seasons_come_out(tmp_path):
    wave = tuple(float(1 + 0.3 * np.sin(np.pi * m / 6)) for m in range(12))
    book = Book(tmp_path, members=5_000, months=12, runout_months=16, use_trend=0.0, seasonality=wave, reversals=0.0)
    lines = book.ask(
        "SELECT month(service_date) AS m, count(*) AS n FROM claims WHERE service_category = 'Specialty Care' "
        "GROUP BY 1 ORDER BY 1"
    )["n"]
    assert (lines / lines.mean()).to_numpy() == pytest.approx(wave, abs=0.09)


def test_usual_doctor_gets_the_share_of_visits_told(tmp_path):
    """All visits at 1; at 0.5 half of them and what falls to the usual doctor among the colleagues."""
    share = (
        "SELECT avg((provider_id = usual_provider)::INT) FROM claims c JOIN truth t ON t.member_id = c.member_id "
        "AND t.year = year(service_date) WHERE service_category = 'Primary Care' AND specialty NOT IN ('50', '97')"
    )
    always = Book(tmp_path / "always", members=1_000, months=12, usual_doctor_share=1.0)
    assert always.one(share) == 1
    half = Book(tmp_path / "half", members=1_000, months=12, usual_doctor_share=0.5)
    assert 0.5 < half.one(share) < 0.8


def test_true_risk_foretells_cost(medicare):
    """Members in the upper tenth of true risk cost as many times the average as their risk says."""
    found = medicare.ask(
        "WITH cost AS (SELECT member_id, sum(allowed)::DOUBLE AS dollars FROM claims WHERE year(service_date) = 2019 "
        "GROUP BY 1), whole AS (SELECT member_id FROM eligibility WHERE start_date = DATE '2019-01-01' "
        "AND end_date >= DATE '2019-12-31') SELECT t.risk, coalesce(dollars, 0) AS dollars FROM truth t "
        "JOIN whole USING (member_id) LEFT JOIN cost USING (member_id) WHERE t.year = 2019"
    )
    top = found["risk"] > found["risk"].quantile(0.9)
    ratio = found.loc[top, "dollars"].mean() / found["dollars"].mean()
    assert ratio == pytest.approx(found.loc[top, "risk"].mean() / found["risk"].mean(), rel=0.1)


def test_completion_follows_the_curve():
    book = SyntheticSettings(months=3, start="2024-01", runout_months=0)
    from acomodel.claims.synthetic import true_completion

    found = true_completion(book, lag_curves())["Home Health"]
    assert list(found.values()) == pytest.approx([0.79, 0.29, 0.05])
    half = replace(book, paid_through="2024-02-15")
    found = true_completion(half, lag_curves())["Home Health"]
    assert found["2024-01"] == pytest.approx(0.05 + 15 / 29 * 0.24)
    assert found["2024-03"] == 0


# --- equal settings, equal bytes ---------------------------------------------------------------------------------


def test_equal_settings_give_equal_bytes(tmp_path):
    settings = SyntheticSettings(members=200, months=12)
    for name in ("one", "two"):
        write_book(settings, tmp_path / name)
    write_book(replace(settings, seed=2), tmp_path / "three")
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes(), file.name
    names = {file.name for file in (tmp_path / "one").iterdir()}
    assert names == {f"{name}.parquet" for name in (*TABLES, "truth")} | {"truth.json", "manifest.json"}
    assert (tmp_path / "one" / "claims.parquet").read_bytes() != (tmp_path / "three" / "claims.parquet").read_bytes()


def test_whole_blocks_stay_when_more_members_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr("acomodel.claims.synthetic.BLOCK", 300)
    few = Book(tmp_path / "few", members=600, months=12)
    more = Book(tmp_path / "more", members=700, months=12)
    for name in (*TABLES, "truth"):
        same = f"SELECT count(*) FROM ((SELECT * FROM '{few.folder}/{name}.parquet') EXCEPT ALL "
        assert few.one(same + f"(SELECT * FROM '{more.folder}/{name}.parquet'))") == 0, name
        assert few.one(f"SELECT count(*) FROM {name}") < more.one(f"SELECT count(*) FROM {name}")


# --- a book is whole ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TABLES)
def test_columns_and_types_are_those_of_the_dictionary(small, name):
    rows = dictionary()
    rows = rows[rows["table"] == name]
    found = small.ask(f"DESCRIBE {name}")
    assert found["column_name"].tolist() == rows["column"].tolist()
    assert found["column_type"].tolist() == [SQL.get(kind, "DECIMAL(14,2)") for kind in rows["type"]]
    for column in rows.loc[rows["required"] == "yes", "column"]:
        assert small.one(f"SELECT count(*) FROM {name} WHERE {column} IS NULL") == 0, column


def test_lines_are_sorted_and_add_up(small):
    keys = small.ask("SELECT member_id, service_date, claim_id, line_number FROM claims")
    assert keys.equals(keys.sort_values(list(keys.columns), ignore_index=True))
    assert not keys.duplicated(["claim_id", "line_number"]).any()
    assert small.one("SELECT count(*) FROM claims WHERE allowed <> paid + member_cost_share") == 0
    assert small.one("SELECT count(*) FROM claims WHERE paid_date < end_date OR end_date < service_date") == 0
    assert small.one("SELECT count(*) FROM claims WHERE abs(ime_dsh) > abs(paid)") == 0
    last = last_payment(small.truth.settings)
    assert small.one(f"SELECT count(*) FROM claims WHERE paid_date > DATE '{last}'") == 0


def test_identifiers_have_their_widths(small):
    widths = "SELECT count(*) FROM {} WHERE NOT regexp_full_match({}, '{}')"
    assert small.one(widths.format("claims", "claim_id", "[1-9][0-9]{12}")) == 0
    assert small.one(widths.format("eligibility", "member_id", "1S[0-9]{9}")) == 0
    assert small.one(widths.format("providers", "provider_id", "[0-9]{10}")) == 0
    assert small.one(widths.format("providers", "coalesce(tin, '000000000')", "[0-9]{9}")) == 0


def test_services_fall_within_coverage_and_providers_are_listed(small):
    assert (
        small.one(
            "SELECT count(*) FROM claims c WHERE NOT EXISTS (SELECT 1 FROM eligibility e WHERE "
            "e.member_id = c.member_id AND c.service_date BETWEEN e.start_date AND e.end_date)"
        )
        == 0
    )
    assert small.one("SELECT count(*) FROM claims ANTI JOIN providers USING (provider_id) WHERE provider_id > ''") == 0
    assert (
        small.one(
            "SELECT count(*) FROM claims c JOIN providers p USING (provider_id) "
            "WHERE c.claim_type = 'professional' AND (c.tin <> p.tin OR c.specialty <> p.specialty)"
        )
        == 0
    )
    assert (
        small.one(
            "SELECT count(*) FROM (SELECT tin FROM providers WHERE tin IS NOT NULL GROUP BY 1 "
            "HAVING count(DISTINCT coalesce(aco_id, '')) > 1)"
        )
        == 0
    )


def test_reversals_leave_dollars_and_use_as_they_are(small):
    """Every negative claim has its original, without units, and its claim billed again with them."""
    found = small.ask(
        "SELECT member_id, provider_id, service_date, hcpcs, abs(allowed) AS size, count(*) AS lines, "
        "sum(sign(allowed)) AS net, sum(units) AS units, any_value(service_category) AS category FROM claims "
        "GROUP BY 1, 2, 3, 4, 5 HAVING min(allowed) < 0"
    )
    assert len(found) > 100
    assert (found["net"] == 1).mean() > 0.99
    visits = found[(found["category"] == "Specialty Care") & (found["net"] == 1)]
    assert (visits["units"] == 1).all()
    none = small.one("SELECT count(*) FROM claims WHERE allowed < 0 AND units <> 0")
    assert none == 0


def test_second_group_joins_in_july(small):
    payers = small.ask(
        "SELECT payer, min(start_date)::DATE AS first, count(DISTINCT member_id) AS members FROM eligibility GROUP BY 1"
    ).set_index("payer")
    assert str(payers.loc["Group B", "first"].date()) == "2023-07-01"
    members = small.member_months().sort_values("month")["member_months"].to_numpy()
    assert members[:30].tolist() == [1_200] * 30
    assert members[30:].tolist() == [1_500] * 6


def test_capitation_is_told_by_the_practice(small):
    shares = small.ask(
        "SELECT tin, avg(capitated::INT) AS share FROM claims WHERE service_category = 'Primary Care' "
        "AND specialty NOT IN ('50', '97') GROUP BY 1"
    )["share"]
    assert set(shares) == {0.0, 1.0}
    assert small.one("SELECT count(*) FROM claims WHERE capitated AND claim_type <> 'professional'") == 0


def test_spans_do_not_overlap_and_movers_change_county(medicare):
    spans = medicare.ask("SELECT member_id, start_date, end_date, county FROM eligibility ORDER BY 1, 2")
    later = spans["member_id"] == spans["member_id"].shift()
    assert (spans["start_date"] == spans["end_date"].shift() + pd.Timedelta(days=1))[later].all()
    assert (spans["county"] != spans["county"].shift())[later].all()
    assert later.sum() / 20_000 == pytest.approx(0.02, abs=0.005)


def test_deaths_cost_and_end_coverage(medicare):
    """Mortality near that of the ages put in; a month before death costs many times the average month."""
    years = medicare.member_months()["member_months"].sum() / 12
    dead = medicare.one("SELECT count(DISTINCT member_id) FROM eligibility WHERE death_date IS NOT NULL")
    chain = ages("medicare", 1.0)
    assert dead / years == pytest.approx(12 * (chain.share.sum(axis=0) @ chain.mortality), rel=0.1)
    last = medicare.one(
        "SELECT sum(allowed) FROM claims JOIN (SELECT member_id, max(death_date) AS died FROM eligibility GROUP BY 1) "
        "USING (member_id) WHERE service_date BETWEEN died - 30 AND died"
    )
    average = medicare.one("SELECT sum(allowed) FROM claims") / years / 12
    assert last / dead > 4 * average
    assert medicare.one("SELECT count(*) FROM eligibility WHERE end_date > death_date") == 0


def test_the_book_does_not_age(medicare):
    """Two years later members are as old as at the start, since deaths and newcomers balance ageing."""
    age = "SELECT avg(date_diff('day', birth_date, DATE '{0}')) / 365.25 FROM eligibility WHERE start_date <= '{0}' "
    age += "AND end_date >= '{0}'"
    assert medicare.one(age.format("2020-12-31")) == pytest.approx(medicare.one(age.format("2019-01-01")), abs=0.25)


def test_truth_file_says_what_was_put_in(small):
    told = json.loads((small.folder / "truth.json").read_text())
    assert told["settings"]["members"] == 1_200
    assert told["annual_trend"]["allowed_pmpm"] == pytest.approx(1.03 * 1.01 - 1)
    assert told["lags"]["Pharmacy"][:3] == [0.8, 0.99, 1.0]
    assert told["lines"] == small.one("SELECT count(*) FROM claims")
    assert told["members"] == small.one("SELECT count(DISTINCT member_id) FROM eligibility")


# --- parts -------------------------------------------------------------------------------------------------------


def test_filed_curves_pass_through_their_points():
    rows = table("lags").set_index("curve")
    hospital, drugs = lag_curves()["Hospital Inpatient"], lag_curves()["Pharmacy"]
    for month in (0, 1, 2, 3, 4, 6, 9, 12):
        assert hospital[month] == pytest.approx(rows.loc["inpatient", f"C{month}"])
    assert hospital[-1] == 1
    assert len(hospital) == 16
    assert drugs.tolist() == [0.8, 0.99, 1.0]


@given(
    gains=st.lists(st.floats(0.01, 1), min_size=1, max_size=8),
    scale=st.floats(0.2, 3),
)
def test_curves_rise_to_one(gains, scale):
    points = np.cumsum(gains) / np.sum(gains)
    curve = lag_curve(dict(enumerate(points.tolist())), scale)
    assert (np.diff(curve) >= -1e-12).all()
    assert curve[-1] == pytest.approx(1)
    assert curve[0] > 0


def test_ages_are_stationary():
    """Deaths, ageing and entries leave every age as it was."""
    chain = ages("medicare", 1.0)
    survive = chain.share * (1 - chain.mortality)
    dead = (chain.share * chain.mortality).sum()
    after = np.roll(survive, 1, axis=1) + dead * chain.entry
    assert after == pytest.approx(chain.share, abs=1e-12)


def test_default_seasons_have_mean_one():
    assert np.mean(SEASONALITY) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"paid_through": "2021-02-30"}, "is not a date"),
        ({"paid_through": "2020-12-31"}, "before the first month"),
        ({"seasonality": (1.1,) * 12}, "mean is 1.1000"),
        ({"movers": 0.5}, "exceeds churn_doctor"),
        ({"months": 6, "group_join": 0.1}, "July of the last year, 2021-07"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(tmp_path, settings, words):
    with pytest.raises(InputError, match=words):
        write_book(SyntheticSettings(**settings), tmp_path / "book")
    assert not (tmp_path / "book").exists()


@pytest.mark.parametrize("settings", [{"member": 5}, {"members": 0}, {"population": "medicaid"}, {"start": "2021"}])
def test_unknown_or_impossible_settings_are_refused(settings):
    with pytest.raises(ValidationError):
        SyntheticSettings(**settings)


def test_nothing_half_written_stays(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_book(SyntheticSettings(members=50, months=6), tmp_path, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_one_member_makes_a_book(tmp_path):
    book = Book(tmp_path, members=1, months=1)
    assert book.one("SELECT count(*) FROM eligibility") == 1
    assert book.one("SELECT count(*) FROM providers") > 10
