"""Quality measures from claims: who is asked about, for whom it was done; a plain implementation; properties."""

from datetime import date, timedelta
from types import SimpleNamespace

import ibis
import numpy as np
import pandas as pd
import pytest
from books import dataset

from acomodel.claims.care.measure_codes import code_table, days_before, listed, measure_table, measures_in_force
from acomodel.claims.care.measures import claims_measures, measures_total
from acomodel.claims.incurred import ContractScope, experience
from acomodel.claims.population import Population, assign, everyone
from acomodel.claims.synthetic import SyntheticSettings, write_book
from acomodel.claims.tables import read_dataset
from acomodel.inputs import InputError

BREAST, CERVIX, COLON = "breast_cancer_screening", "cervical_cancer_screening", "colorectal_cancer_screening"
A1C, LDL, HEART = "diabetes_hba1c_testing", "diabetes_ldl_testing", "cardiovascular_ldl_testing"
BACK, AGAIN, VISITS = "low_back_imaging", "readmission_30_day", "emergency_visits"
TELLING = {BREAST: "77067", CERVIX: "88175", COLON: "45378", A1C: "83036", LDL: "80061", HEART: "80061", BACK: "72148"}


def bill(day, code, **more):
    return {"service_date": day, "hcpcs": code, "service_category": "Other"} | more


def stay(start, end, **more):
    return {"service_date": start, "end_date": end, "claim_type": "inpatient", "hcpcs": None, "units": 3} | more


def told(day, code, **more):
    return {"service_date": day, "code": code} | more


def person(born="1960-06-15", sex="F", spans=(("2010-01-01", "2025-12-31"),), **more):
    return [{"birth_date": born, "sex": sex, "start_date": a, "end_date": b} | more for a, b in spans]


def each_alone(histories, year=2023, away=(), since="01-01", others=(), **more):
    """Numerator and denominator of every member by measure, each with a physician of its own."""
    tables = {"claims": [], "diagnoses": [], "eligibility": []}
    for name, history in histories.items():
        for row in history:
            kind = "eligibility" if "birth_date" in row else "diagnoses" if "code" in row else "claims"
            tables[kind].append(row | {"member_id": name})
    told_once = [bill("2015-01-01", code, member_id="nobody") for code in TELLING.values()]
    tables["claims"] += told_once  # no line of a service at all leaves its measure out
    data = dataset(**tables)
    names = pd.DataFrame({"member_id": list(histories)}).assign(provider_id=lambda f: f["member_id"], aco_id="A")
    names.loc[names["member_id"].isin(others), "aco_id"] = "B"
    days = {"start_date": date.fromisoformat(f"{year}-{since}"), "end_date": date(year, 12, 31)}
    theirs = names[["member_id"]].assign(**days)
    theirs.loc[theirs["member_id"].isin(away), "end_date"] = date(year, 6, 30)
    windows = data.keep(ibis.memtable(theirs, schema={"member_id": "string", "start_date": "date", "end_date": "date"}))
    attribution = SimpleNamespace(members=data.keep(ibis.memtable(names)))
    population = Population("A", windows, (year,), pd.DataFrame(), (attribution,))
    found = claims_measures(data, population, year, **more).set_index(["measure", "provider_id"])
    return {key: (row["numerator"], row["denominator"]) for key, row in found.iterrows()}


def woman(*rows, **more):
    return [*person(**more), *rows]


DIABETES = [told("2022-03-01", "E119"), told("2023-04-01", "E1165")]
HEART_YEARS = [told("2022-03-01", "I2510"), told("2023-04-01", "I70209")]
ONE_GAP = (("2010-01-01", "2023-03-01"), ("2023-04-15", "2025-12-31"))
LONG_GAP = (("2010-01-01", "2023-03-01"), ("2023-04-17", "2025-12-31"))
TWO_GAPS = (("2010-01-01", "2023-03-01"), ("2023-03-05", "2023-06-01"), ("2023-06-04", "2025-12-31"))
YOUNG = "1985-06-15"
IN, HIT, OUT = (0, 1), (1, 1), None
CASES = {
    "mammogram on the first day of the look-back": (BREAST, woman(bill("2021-10-01", "77067")), HIT),
    "mammogram a day too early": (BREAST, woman(bill("2021-09-30", "77067")), IN),
    "mammogram on the last day": (BREAST, woman(bill("2023-12-31", "G0202")), HIT),
    "mammogram after the year": (BREAST, woman(bill("2024-01-01", "77067")), IN),
    "mammogram taken back": (
        BREAST,
        woman(bill("2022-05-05", "77067"), bill("2022-05-05", "77067", allowed=-100)),
        IN,
    ),
    "mammogram taken back and billed anew": (
        BREAST,
        woman(*(bill("2022-05-05", "77067", allowed=a) for a in (100, -100, 90))),
        HIT,
    ),
    "mammogram without a charge": (BREAST, woman(bill("2022-05-05", "77067", allowed=0)), HIT),
    "a man": (BREAST, woman(sex="M"), OUT),
    "sex not known": (BREAST, woman(sex=None), OUT),
    "52 on the last day of the year": (BREAST, woman(born="1971-12-31"), IN),
    "51 on the last day of the year": (BREAST, woman(born="1972-01-01"), OUT),
    "74 on the last day of the year": (BREAST, woman(born="1949-01-01"), IN),
    "75 on the last day of the year": (BREAST, woman(born="1948-12-31"), OUT),
    "birth not known": (BREAST, person(None), OUT),
    "both breasts removed long ago": (BREAST, woman(told("2012-01-01", "Z9013"), bill("2022-05-05", "77067")), OUT),
    "both breasts removed later": (BREAST, woman(told("2024-01-01", "Z9013")), IN),
    "in a hospice": (BREAST, woman(bill("2023-05-01", None, claim_type="hospice")), OUT),
    "in a hospice before": (BREAST, woman(bill("2022-12-31", None, claim_type="hospice")), IN),
    "dead within the year": (BREAST, woman(death_date="2023-12-31"), OUT),
    "dead after the year": (BREAST, woman(death_date="2024-01-01"), IN),
    "one gap of 44 days": (BREAST, woman(spans=ONE_GAP), IN),
    "one gap of 46 days": (BREAST, woman(spans=LONG_GAP), OUT),
    "two short gaps": (BREAST, woman(spans=TWO_GAPS), OUT),
    "a gap in the part of a year": (BREAST, woman(spans=(("2021-10-02", "2025-12-31"),)), OUT),
    "covered from 1 October": (BREAST, woman(spans=(("2021-10-01", "2025-12-31"),)), IN),
    "covered in two spans that touch": (
        BREAST,
        woman(spans=(("2010-01-01", "2022-06-30"), ("2022-07-01", "2025-12-31"))),
        IN,
    ),
    "cytology within three years": (CERVIX, woman(bill("2021-01-01", "88142"), born=YOUNG), HIT),
    "cytology before them": (CERVIX, woman(bill("2020-12-31", "88142"), born=YOUNG), IN),
    "HPV test within five years": (CERVIX, woman(bill("2019-01-01", "87624"), born=YOUNG), HIT),
    "HPV test at 29": (CERVIX, woman(bill("2020-06-14", "87624"), born="1990-06-15"), IN),
    "HPV test at 30": (CERVIX, woman(bill("2020-06-15", "87624"), born="1990-06-15"), HIT),
    "cytology at 21": (CERVIX, woman(bill("2021-01-02", "Q0091"), born="1999-12-31"), HIT),
    "no cervix": (CERVIX, woman(told("2013-01-01", "Z90710"), born=YOUNG), OUT),
    "hysterectomy": (CERVIX, woman(bill("2013-01-01", "58571"), born=YOUNG), OUT),
    "23 years": (CERVIX, woman(born="2000-01-01"), OUT),
    "64 years": (CERVIX, woman(born="1959-01-01"), IN),
    "65 years": (CERVIX, woman(born="1958-12-31"), OUT),
    "colonoscopy ten years ago": (COLON, woman(bill("2014-01-01", "45380"), sex="M"), HIT),
    "colonoscopy before": (COLON, woman(bill("2013-12-31", "45380")), IN),
    "sigmoidoscopy five years ago": (COLON, woman(bill("2019-01-01", "45330")), HIT),
    "sigmoidoscopy six years ago": (COLON, woman(bill("2018-12-31", "45330")), IN),
    "stool DNA three years ago": (COLON, woman(bill("2021-01-01", "81528")), HIT),
    "occult blood last year": (COLON, woman(bill("2022-12-31", "82270")), IN),
    "occult blood this year": (COLON, woman(bill("2023-01-01", "82270")), HIT),
    "colorectal cancer": (COLON, woman(told("2011-01-01", "C187")), OUT),
    "46 years": (COLON, woman(born="1977-12-31"), IN),
    "45 years": (COLON, woman(born="1978-01-01"), OUT),
    "joined last year": (COLON, woman(spans=(("2022-03-01", "2025-12-31"),)), OUT),
    "no diabetes": (A1C, woman(bill("2023-03-01", "83036")), OUT),
    "diabetes on two days": (A1C, woman(*DIABETES), IN),
    "diabetes twice on a day": (A1C, woman(told("2023-04-01", "E119"), told("2023-04-01", "E1165")), OUT),
    "diabetes in a stay": (A1C, woman(told("2023-04-03", "E109"), stay("2023-04-01", "2023-04-05")), IN),
    "diabetes after a stay": (A1C, woman(told("2023-04-06", "E109"), stay("2023-04-01", "2023-04-05")), OUT),
    "diabetes in a stay taken back": (
        A1C,
        woman(told("2023-04-03", "E109"), *(stay("2023-04-01", "2023-04-05", allowed=a) for a in (900, -900))),
        OUT,
    ),
    "diabetes of a laboratory": (A1C, woman(DIABETES[0], told("2023-05-05", "E119", eligible=False)), OUT),
    "diabetes two years ago": (A1C, woman(DIABETES[0], told("2021-12-31", "E119")), OUT),
    "diabetes of pregnancy": (A1C, woman(told("2023-04-01", "O24410"), told("2023-06-01", "O24410")), OUT),
    "tested": (A1C, woman(*DIABETES, bill("2023-01-01", "83036")), HIT),
    "tested, by a category II code": (A1C, woman(*DIABETES, bill("2023-02-01", "3051F")), HIT),
    "tested last year": (A1C, woman(*DIABETES, bill("2022-12-31", "83036")), IN),
    "cholesterol of a diabetic": (LDL, woman(*DIABETES, bill("2023-01-01", "83721")), HIT),
    "no cholesterol of a diabetic": (LDL, woman(*DIABETES, bill("2023-01-01", "83036")), IN),
    "heart disease in both years": (HEART, woman(*HEART_YEARS, bill("2023-07-01", "80061")), HIT),
    "heart disease twice this year": (HEART, woman(told("2023-01-03", "I2510"), told("2023-04-01", "I2510")), OUT),
    "bypass last year": (HEART, woman(bill("2022-12-31", "33533")), IN),
    "bypass this year": (HEART, woman(bill("2023-01-01", "33533")), OUT),
    "heart attack in a stay last year": (
        HEART,
        woman(told("2022-05-05", "I214"), stay("2022-05-04", "2022-05-09")),
        IN,
    ),
    "heart attack seen in the office": (HEART, woman(told("2022-05-05", "I214")), OUT),
    "back pain": (BACK, woman(told("2023-03-01", "M5450")), IN),
    "back pain on 3 December": (BACK, woman(told("2023-12-03", "M5450")), IN),
    "back pain too late to follow": (BACK, woman(told("2023-12-04", "M5450")), OUT),
    "imaging on the day": (BACK, woman(told("2023-03-01", "M5450"), bill("2023-03-01", "72100")), HIT),
    "imaging on day 28": (BACK, woman(told("2023-03-01", "M5450"), bill("2023-03-29", "72148")), HIT),
    "imaging on day 29": (BACK, woman(told("2023-03-01", "M5450"), bill("2023-03-30", "72148")), IN),
    "imaging the day before": (BACK, woman(told("2023-03-01", "M5450"), bill("2023-02-28", "72148")), IN),
    "back pain 180 days before": (BACK, woman(told("2023-06-30", "M5450"), told("2023-01-01", "M5459")), IN),
    "back pain last year, 180 days before": (BACK, woman(told("2023-03-01", "M5450"), told("2022-09-02", "M545")), OUT),
    "back pain last year, 181 days before": (BACK, woman(told("2023-03-01", "M5450"), told("2022-09-01", "M545")), IN),
    "cancer ever": (BACK, woman(told("2023-03-01", "M5450"), told("2011-03-01", "C50919")), OUT),
    "cancer found on day 28": (BACK, woman(told("2023-03-01", "M5450"), told("2023-03-29", "C50919")), OUT),
    "cancer found on day 29": (BACK, woman(told("2023-03-01", "M5450"), told("2023-03-30", "C50919")), IN),
    "fall 90 days before": (BACK, woman(told("2023-06-01", "M5450"), told("2023-03-03", "S32010A")), OUT),
    "fall 91 days before": (BACK, woman(told("2023-06-01", "M5450"), told("2023-03-02", "S32010A")), IN),
    "18 on the day": (BACK, woman(told("2023-03-01", "M5450"), born="2005-03-01"), IN),
    "17 on the day": (BACK, woman(told("2023-03-01", "M5450"), born="2005-03-02"), OUT),
    "left within the 28 days": (BACK, woman(told("2023-03-01", "M5450"), spans=(("2020-01-01", "2023-03-28"),)), OUT),
    "left after them": (BACK, woman(told("2023-03-01", "M5450"), spans=(("2020-01-01", "2023-03-29"),)), IN),
    "joined within the 180 days": (
        BACK,
        woman(told("2023-03-01", "M5450"), spans=(("2022-09-03", "2025-12-31"),)),
        OUT,
    ),
    "a stay": (AGAIN, woman(stay("2023-05-01", "2023-05-05")), IN),
    "back on day 30": (AGAIN, woman(stay("2023-05-01", "2023-05-05"), stay("2023-06-04", "2023-06-09")), (1, 2)),
    "back on day 31": (AGAIN, woman(stay("2023-05-01", "2023-05-05"), stay("2023-06-05", "2023-06-09")), (0, 2)),
    "moved to another hospital": (AGAIN, woman(stay("2023-05-01", "2023-05-05"), stay("2023-05-06", "2023-05-09")), IN),
    "back after a day at home": (
        AGAIN,
        woman(stay("2023-05-01", "2023-05-05"), stay("2023-05-07", "2023-05-09")),
        (1, 2),
    ),
    "a total of the year, not a stay": (AGAIN, woman(stay("2023-01-01", "2023-01-01", units=0)), OUT),
    "died in hospital": (AGAIN, woman(stay("2023-05-01", "2023-05-05"), death_date="2023-05-05"), OUT),
    "discharged on 1 December": (AGAIN, woman(stay("2023-11-25", "2023-12-01")), IN),
    "discharged on 2 December": (AGAIN, woman(stay("2023-11-25", "2023-12-02")), OUT),
    "admitted last year": (AGAIN, woman(stay("2022-12-25", "2023-01-01")), IN),
    "new member": (AGAIN, woman(stay("2023-05-01", "2023-05-05"), spans=(("2022-05-06", "2025-12-31"),)), OUT),
    "no longer new": (AGAIN, woman(stay("2023-05-01", "2023-05-05"), spans=(("2022-05-05", "2025-12-31"),)), IN),
    "left the ACO in June, screened": (BREAST, woman(bill("2022-05-05", "77067")), OUT),
    "left the ACO in June, back pain in March": (BACK, woman(told("2023-03-01", "M5450")), IN),
    "left the ACO in June, back pain in July": (BACK, woman(told("2023-07-01", "M5450")), OUT),
}
AWAY = [name for name in CASES if name.startswith("left the ACO")]


@pytest.fixture(scope="module")
def found():
    return each_alone({name: history for name, (_, history, _) in CASES.items()}, away=AWAY)


@pytest.mark.parametrize("name", CASES)
def test_each_case(found, name):
    measure, _, wanted = CASES[name]
    assert found.get((measure, name)) == wanted


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    folder = tmp_path_factory.mktemp("measures") / "book"
    wanted = SyntheticSettings(members=600, months=36, churn_membership=0.2, capitated=0.3, aco_share=0.6, seed=3)
    write_book(wanted, folder)
    return read_dataset(folder)


@pytest.mark.parametrize(
    ("scope", "wanted"),
    [
        ({}, (2, 6)),
        ({"member_months": "first_day", "capitated": "include"}, (3, 5)),
        ({"member_months": "days", "excluded_services": ["Imaging"]}, (2, 5 + 17 / 31)),
    ],
)
def test_visits_and_member_months_of_the_days_assigned(scope, wanted):
    days = ["2023-01-14", "2023-02-03", "2023-02-03", "2023-03-03", "2023-07-01", "2022-05-05"]
    lines = [bill(day, "99284", service_category="Emergency Room") for day in days]
    lines[3]["capitated"] = True
    history = {"m": [*person(), *lines, bill("2023-02-04", "70450", service_category="Imaging")]}
    found = each_alone(history, away=["m"], since="01-15", scope=ContractScope(**scope), measures=[VISITS])
    assert found == {(VISITS, "m"): pytest.approx(wanted)}
    if not scope:
        left_out = ContractScope(excluded_services=["Emergency Room"])
        assert each_alone(history, scope=left_out, measures=[VISITS]) == {}


def test_a_member_of_another_acos_physician_stands_under_no_name():
    found = each_alone({"m": woman(), "n": woman()}, others=["n"], measures=[BREAST])
    assert found == {(BREAST, "m"): (0, 1), (BREAST, ""): (0, 1)}


@pytest.mark.parametrize("rule", ["any_day", "days"])
def test_emergency_visits_are_those_of_the_experience(book, rule):
    scope = ContractScope(member_months=rule, capitated="include" if rule == "days" else "apart")
    population = assign(book, "ACO1", [2023])
    frame = claims_measures(book, population, 2023, scope, measures=[VISITS])
    whole = experience(book, population, scope)
    counted = whole.counted()
    visits = counted.loc[counted["service_category"] == "Emergency Room", "units"].sum()
    assert frame["numerator"].sum() == pytest.approx(visits) and visits > 100
    assert frame["denominator"].sum() == pytest.approx(whole.exposure["member_months"].sum())
    total = measures_total(frame).loc[VISITS]
    assert total["rate"] == pytest.approx(12_000 * visits / whole.exposure["member_months"].sum())


def gaps(spans, year):
    """Runs of days of a year that no span covers, and the days in them."""
    days = np.zeros(365, dtype=bool)
    for row in spans:
        first, last = ((d.date() - date(year, 1, 1)).days for d in (row.start_date, row.end_date))
        days[max(first, 0) : max(last + 1, 0)] = True
    missing = np.concatenate([[False], ~days]).astype(int)
    return int((np.diff(missing) == 1).sum()), int(missing.sum()), bool(days[-1])


def plainly(book, measure):
    """Diabetes or colorectal measure of 2023 as loops over members: numerator and denominator."""
    end = pd.Timestamp(2023, 12, 31)
    codes = code_table().query(f"measure == '{measure}' and role == 'numerator'")
    reach = {
        code: end - timedelta(days=days_before(row.look_back, end.date()))
        for row in codes.itertuples()
        for code in listed(row.codes)
    }
    lines = book.claims.select("member_id", "claim_type", "hcpcs", "service_date", "end_date", "allowed").to_pandas()
    lines = lines[lines["hcpcs"].isin(reach) | lines["claim_type"].isin(["inpatient", "hospice"])]
    frames = {"claims": lines, "diagnoses": book.diagnoses.to_pandas(), "eligibility": book.eligibility.to_pandas()}
    rows = {name: {} for name in frames}
    for name, frame in frames.items():
        for row in frame.itertuples():
            rows[name].setdefault(row.member_id, []).append(row)
    low, high, years = (46, 75, (2022, 2023)) if measure == COLON else (18, 75, (2023,))
    done = []
    for member, spans in rows["eligibility"].items():
        held = [gaps(spans, year) for year in years]
        age, deaths = 2023 - spans[0].birth_date.year, [s.death_date for s in spans if s.death_date <= end]
        if any(n > 1 or days > 45 for n, days, _ in held) or not held[-1][2] or not low <= age <= high or deaths:
            continue
        mine, ill = rows["claims"].get(member, []), rows["diagnoses"].get(member, [])
        if any(line.claim_type == "hospice" and line.service_date.year == 2023 for line in mine):
            continue
        if measure == COLON:
            if any(d.code.startswith(("C18", "C19", "C20", "C212", "C218", "C785", "Z850")) for d in ill):
                continue
        else:
            told_on = {d.service_date for d in ill if d.code.startswith(("E10", "E11", "E13")) and d.eligible}
            told_on = {d for d in told_on if d.year in (2022, 2023)}
            beds = [line for line in mine if line.claim_type == "inpatient"]
            stayed = any(bed.service_date <= d <= bed.end_date for d in told_on for bed in beds)
            if len(told_on) < 2 and not stayed:
                continue
        net = {}
        for line in mine:
            if line.hcpcs in reach and reach[line.hcpcs] <= line.service_date <= end:
                key = line.hcpcs, line.service_date
                net[key] = net.get(key, 0) + (-1 if line.allowed < 0 else 1)
        done.append(any(n > 0 for n in net.values()))
    return float(sum(done)), float(len(done))


@pytest.mark.parametrize("measure", [A1C, COLON])
def test_a_synthetic_book_as_loops_count_it(book, measure):
    wanted = plainly(book, measure)
    frame = claims_measures(book, everyone(book, [2023]), 2023, measures=[measure])
    assert (frame["numerator"].sum(), frame["denominator"].sum()) == wanted
    assert wanted[1] > 50 and 0 < wanted[0] < wanted[1]


def test_physicians_and_practices_add_up_to_the_aco(book):
    population = assign(book, "ACO1", [2022, 2023])
    physicians = claims_measures(book, population, 2023)
    practices = claims_measures(book, population, 2023, by="tin", measures=[A1C, AGAIN, VISITS])
    assert list(physicians) == ["provider_id", "measure", "numerator", "denominator", "look_back_seen"]
    ours = set(population.attributions[1].to_frame().query("aco_id == 'ACO1'")["provider_id"])
    assert set(physicians["provider_id"]) <= ours
    assert set(practices["provider_id"]) <= set(book.providers.to_pandas().query("aco_id == 'ACO1'")["tin"])
    columns = ["numerator", "denominator", "rate", "look_back_seen"]
    total = measures_total(physicians)
    some = total.index.isin([A1C, AGAIN, VISITS])
    pd.testing.assert_frame_equal(total.loc[some, columns], measures_total(practices).loc[some, columns])
    assert total.loc[[A1C, LDL, COLON, AGAIN], "denominator"].min() > 0
    shares = physicians[physicians["measure"] != VISITS]
    assert (shares["numerator"] <= shares["denominator"]).all()
    assert total.loc[COLON, "look_back_seen"] == pytest.approx((3 * 365) / (10 * 365 + 2), abs=1e-6)
    assert total.loc[A1C, "look_back_seen"] == 1
    # no mammography and no cytology in the claims: no rate, not a rate of none
    assert {BREAST, CERVIX}.isdisjoint(physicians["measure"])
    assert total.loc[[BREAST, CERVIX], "rate"].isna().all()


def a_history(rng):
    """Some person with some codes of every measure on some days."""
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 5 * 365, 14), unit="D")
    codes = rng.choice([*TELLING.values(), "82270", "88141", "99213"], 6)
    ills = rng.choice(["E119", "E119", "I2510", "I2510", "M5450", "M5450", "C50919", "S32010A", "Z9013"], 8)
    rows = [bill(str(d.date()), c, allowed=rng.choice([100, 100, -100])) for d, c in zip(days, codes, strict=False)]
    rows += [told(str(d.date()), c) for d, c in zip(days[6:], ills, strict=False)]
    spans = (
        ("2015-01-01", str(days[0].date())),
        (str((days[0] + timedelta(int(rng.integers(1, 90)))).date()), "2025-12-31"),
    )
    return [*person(f"{rng.integers(1940, 2000)}-05-05", rng.choice(["F", "M"]), spans), *rows]


def test_one_more_service_never_lowers_a_numerator():
    rng = np.random.default_rng(1)
    people = {f"m{n}": a_history(rng) for n in range(130)}
    extra = {
        name: [*rows, bill(f"2023-{rng.integers(1, 13):02d}-05", TELLING[rng.choice(list(TELLING))])]
        for name, rows in people.items()
    }
    before, after = each_alone(people), each_alone(extra)
    assert before.keys() == after.keys() and len(before) > 60
    assert all(after[key][0] >= done and after[key][1] == asked for key, (done, asked) in before.items())
    assert all(done <= asked for (measure, _), (done, asked) in after.items() if measure != VISITS)
    assert any(after[key][0] > done for key, (done, _) in before.items())


def test_what_is_asked_changes_with_the_year():
    lows = {year: measures_in_force(year, [COLON, BACK, BREAST]) for year in (2010, 2021, 2025)}
    assert [[(m.age_low, m.age_high) for m in found] for found in lows.values()] == [
        [(18, 50), (42, 69), (51, 75)],
        [(18, 50), (52, 74), (51, 75)],
        [(18, 75), (42, 74), (46, 75)],
    ]


def test_the_starter_set_is_whole_and_every_row_says_where_it_comes_from():
    table, codes = measure_table(), code_table()
    starter = table[~table["measure"].isin([AGAIN, VISITS])]["measure"]
    assert starter.nunique() == 13  # exhibit 3.16
    assert set(table.loc[table["kind"] == "read in", "measure"]).isdisjoint(codes["measure"])
    assert (table["source"] != "").all() and (codes["source"] != "").all()
    assert set(codes["role"]) == {"diagnosis", "event", "exclusion", "numerator"}
    for row in codes.itertuples():
        written = listed(row.codes)
        assert len(set(written)) == len(written)
        if row.system == "HCPCS":
            assert all(len(code) == 5 for code in written)


def test_wrong_input(book):
    population = everyone(book, [2023])
    with pytest.raises(InputError, match="no measure 'breast_cancer_screning'.*'breast_cancer_screening'"):
        claims_measures(book, population, 2023, measures=["breast_cancer_screning"])
    with pytest.raises(InputError, match="'asthma_medication' cannot be worked out from claims.*drug codes"):
        claims_measures(book, population, 2023, measures=["asthma_medication"])
    with pytest.raises(InputError, match="nobody was assigned for 2022; the years of the population are 2023"):
        claims_measures(book, population, 2022)
    with pytest.raises(InputError, match="found by 'county'; one of provider_id, tin is wanted"):
        claims_measures(book, population, 2023, by="county")
    with pytest.raises(InputError, match="no measure is in force in 2005"):
        measures_in_force(2005)
    with pytest.raises(InputError, match="diabetes_ldl_testing: not in force in 2005"):
        measures_in_force(2005, [LDL])


def test_a_book_without_claims_has_no_measures():
    data = dataset(eligibility=[{"member_id": "m", "birth_date": "1960-01-01", "sex": "F"}])
    found = claims_measures(data, everyone(data, [2023]), 2023)
    assert found.empty and list(found)[:2] == ["provider_id", "measure"]
    assert measures_total(found)["rate"].isna().all()
