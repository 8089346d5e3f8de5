"""Readers of claims against the real files that lie beside the project, and against damaged copies of them."""

import datetime
import gzip
import shutil
from decimal import Decimal

import duckdb
import pandas as pd
import pytest
from books import total, write
from conftest import REAL

from acomodel.claims.ingest import ingest
from acomodel.claims.sources import canonical, rif, synpuf, tuva
from acomodel.claims.sources.cells import typed
from acomodel.inputs import InputError, dictionary

READERS = {"tuva_demo": tuva.read, "bfd_rif": rif.read, "desynpuf": synpuf.read}


def folder(name):
    if not (REAL / name).is_dir():
        pytest.skip(f"the real data {name} are not beside the project")
    return REAL / name


def loaded(name, source=None):
    con = duckdb.connect()
    findings = READERS[name](con, source or folder(name))
    return con, {f.check: f for f in findings}, findings


@pytest.fixture(scope="module")
def tuva_demo():
    return loaded("tuva_demo")


@pytest.fixture(scope="module")
def bfd_rif():
    return loaded("bfd_rif")


@pytest.fixture(scope="module")
def desynpuf():
    return loaded("desynpuf")


def one(con, sql):
    return con.execute(sql).fetchone()


def money(text):
    return Decimal(text.replace(",", ""))


def cells(text):
    """A small file: columns separated by blanks, '.' for an empty cell."""
    rows = [["" if cell == "." else cell for cell in line.split()] for line in text.strip().splitlines()]
    return "\n".join(",".join(row) for row in rows) + "\n"


def copy(name, tmp_path, file, change):
    """Copy of a real folder, of two years only where it has yearly files, with one file changed."""
    target = tmp_path / name
    target.mkdir(parents=True)
    for path in folder(name).glob("*.csv"):
        if path.stem.rpartition("_")[2] in ("2015", "2016") or not path.stem.startswith("beneficiary_2"):
            shutil.copyfile(path, target / path.name)
    text = (target / file).read_text(encoding="utf-8-sig")
    (target / file).write_text(change(text), encoding="utf-8")
    return target


def error(name, source):
    with pytest.raises(InputError) as caught:
        loaded(name, source)
    message = str(caught.value)
    assert "\n" not in message
    return message


# --- all readers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("table", ["claims", "eligibility", "providers", "diagnoses"])
def test_tables_have_the_dictionary_s_columns_and_types(name, table, request):
    con, _, _ = request.getfixturevalue(name)
    rules = dictionary().query("table == @table").set_index("column")
    types = {"text": "VARCHAR", "date": "DATE", "integer": "INTEGER", "yes/no": "BOOLEAN"}
    found = {row[0]: row[1] for row in con.execute(f"DESCRIBE {table}").fetchall()}
    assert set(found) <= set(rules.index)
    assert set(rules.index[rules["required"] == "yes"]) <= set(found)
    for column, kind in found.items():
        assert kind == types.get(rules.loc[column, "type"], "DECIMAL(14,2)"), column
    for column in rules.index[rules["required"] == "yes"]:
        assert one(con, f"SELECT count(*) FROM {table} WHERE {column} IS NULL") == (0,), column
    for column in rules.index[(rules["allowed"] != "") & (rules["type"] == "text")].intersection(list(found)):
        allowed = set(rules.loc[column, "allowed"].split("|"))
        assert {v for (v,) in con.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall()} - {None} <= allowed


@pytest.mark.parametrize("name", READERS)
def test_lines_providers_and_diagnoses_stand_once(name, request):
    con, _, _ = request.getfixturevalue(name)
    for table, key in {"claims": "claim_id, line_number, claim_type = 'pharmacy'", "providers": "provider_id"}.items():
        assert one(con, f"SELECT count(*) - count(DISTINCT ({key})) FROM {table}") == (0,)
    assert one(con, "SELECT count(*) - count(DISTINCT (member_id, code, service_date)) FROM diagnoses") == (0,)


@pytest.mark.parametrize("name", READERS)
def test_a_folder_that_is_not_there(name, tmp_path):
    assert "no such folder" in error(name, tmp_path / "nowhere")
    assert "there is no " in error(name, tmp_path)


def test_reading_twice_gives_the_same():
    con = duckdb.connect()
    first = rif.read(con, folder("bfd_rif"))
    assert rif.read(con, folder("bfd_rif")) == first


# --- Tuva input layer ------------------------------------------------------------------------------------------------

MONTHS_2018 = """SELECT count(*), count(DISTINCT member_id) FROM (SELECT DISTINCT member_id, month FROM (SELECT
    member_id, unnest(generate_series(date_trunc('month', greatest(start_date, DATE '2018-01-01')),
        least(end_date, DATE '2018-12-31'), INTERVAL 1 MONTH)) AS month
    FROM eligibility WHERE start_date <= DATE '2018-12-31' AND end_date >= DATE '2018-01-01'))"""


def test_tuva_members_and_lines(tuva_demo):
    con, _, _ = tuva_demo
    assert one(con, "SELECT count(*), count(DISTINCT member_id), count(DISTINCT death_date) FROM eligibility") == (
        219,
        100,
        4,
    )
    assert one(con, MONTHS_2018) == (820, 94)
    kinds = dict(con.execute("SELECT claim_type, count(*) FROM claims GROUP BY 1").fetchall())
    assert kinds == {
        "inpatient": 86,
        "outpatient": 1087,
        "hospice": 32,
        "professional": 4838,
        "dme": 32,
        "pharmacy": 612,
    }


def test_tuva_pmpm_is_right_and_the_naive_one_is_explained(tuva_demo):
    con, found, _ = tuva_demo
    (paid,) = one(con, "SELECT sum(paid) FROM claims WHERE claim_type <> 'pharmacy'")
    (months, _) = one(con, MONTHS_2018)
    assert paid == money("516,261.45")
    assert round(paid / months, 2) == money("629.59")
    repeated = found["repeated-claim-total"]
    assert (repeated.rows, repeated.members, repeated.dollars) == (946, 57, 3_454_013.50)
    assert round((paid + money(str(repeated.dollars))) / months, 2) == money("4,841.80")


def test_tuva_names_what_it_lacks(tuva_demo):
    _, found, _ = tuva_demo
    for check in ("paid-date-absent", "specialty-absent", "tin-absent"):
        assert (found[check].rows, found[check].dollars) == (6075, 516_261.45)
    assert found["allowed-absent"].rows == 1205
    assert (found["paid-above-allowed"].rows, found["cost-share-derived"].rows) == (648, 4021)


def test_tuva_each_institutional_total_stands_on_the_lowest_line(tuva_demo):
    con, _, _ = tuva_demo
    lines = con.execute("SELECT line_number, paid FROM claims WHERE claim_id = '1004555' ORDER BY 1").fetchall()
    assert [paid for _, paid in lines] == [money("29.56")] + [0] * (len(lines) - 1)
    assert len(lines) > 1


ELIGIBILITY = """
    patient_id enrollment_start_date enrollment_end_date birth_date gender
    a          2018-01-01            2018-12-31          1940-01-01 female"""
MEDICAL = """
    claim_id claim_line_number claim_type patient_id claim_start_date claim_end_date bill_type_code \
 place_of_service_code revenue_center_code hcpcs_code paid_amount allowed_amount diagnosis_code_1 {extra}
    same 2 institutional a 2018-01-05 2018-01-06 111 . 0120 . 900 1000 I10 1
    same 1 institutional a 2018-01-05 2018-01-06 111 . 0250 . 900 1000 I10 2
    real 1 institutional a 2018-02-05 2018-02-06 131 . 0450 99283 100 120 E11.9 4
    real 2 institutional a 2018-02-05 2018-02-06 131 . 0300 80053 40 50 E11.9 8
    single 1 institutional a 2018-03-05 2018-03-06 . . 0651 . 70 70 C188 16
    nothing 1 institutional a 2018-03-05 2018-03-06 . . 0450 . 0 0 C188 32
    nothing 2 institutional a 2018-03-05 2018-03-06 . . 0450 . 0 0 C188 64
    office 1 professional a 2018-04-05 2018-04-05 . 11 . 99213 80 100 . 128
    office 2 professional a 2018-04-05 2018-04-05 . 12 . E0110 80 100 . 256
    partb 1 institutional a 2018-05-05 2018-05-06 121 . 0300 . 10 10 . 512"""


def small(tmp_path, medical=MEDICAL, extra="other"):
    (tmp_path / "eligibility.csv").write_text(cells(ELIGIBILITY))
    (tmp_path / "medical_claim.csv").write_text(cells(medical.format(extra=extra)))
    return tmp_path


def test_tuva_real_line_amounts_survive(tmp_path):
    con, found, _ = loaded("tuva_demo", small(tmp_path))
    lines = con.execute(
        "SELECT claim_id, line_number, claim_type, paid, allowed, member_cost_share FROM claims ORDER BY ALL"
    ).fetchall()
    assert lines == [
        ("nothing", 1, "outpatient", 0, 0, 0),
        ("nothing", 2, "outpatient", 0, 0, 0),
        ("office", 1, "professional", 80, 100, 20),
        ("office", 2, "dme", 80, 100, 20),
        ("partb", 1, "outpatient", 10, 10, 0),
        ("real", 1, "outpatient", 100, 120, 20),
        ("real", 2, "outpatient", 40, 50, 10),
        ("same", 1, "inpatient", 900, 1000, 100),
        ("same", 2, "inpatient", 0, 0, 0),
        ("single", 1, "hospice", 70, 70, 0),
    ]
    assert (found["repeated-claim-total"].rows, found["repeated-claim-total"].dollars) == (1, 900)
    assert "pharmacy-absent" in found and "allowed-absent" not in found
    assert one(con, "SELECT count(*), count(DISTINCT code), max(instr(code, '.')) FROM diagnoses") == (3, 3, 0)


SAME_NUMBER = """
    claim_id claim_line_number claim_type patient_id {source} claim_start_date claim_end_date bill_type_code \
 place_of_service_code revenue_center_code hcpcs_code paid_amount diagnosis_code_1
    7 1 institutional a x 2018-01-05 2018-01-06 111 . 0120 . 900 I10
    7 2 institutional a x 2018-01-05 2018-01-06 111 . 0250 . 900 I10
    7 1 institutional {member} {other} 2018-02-05 2018-02-06 111 . 0120 . 900 I10
    7 2 institutional {member} {other} 2018-02-05 2018-02-06 111 . 0250 . 900 I10"""


@pytest.mark.parametrize(
    ("source", "member", "other"), [("data_source", "b", "x"), ("data_source", "a", "y"), ("unread", "b", "x")]
)
def test_tuva_a_claim_number_of_two_members_or_sources_is_two_claims(tmp_path, source, member, other):
    medical = SAME_NUMBER.format(source=source, member=member, other=other)
    con, found, _ = loaded("tuva_demo", small(tmp_path, medical))
    kept = "SELECT member_id, line_number, service_date, paid FROM claims WHERE paid <> 0 ORDER BY service_date"
    january, february = datetime.date(2018, 1, 5), datetime.date(2018, 2, 5)
    assert con.execute(kept).fetchall() == [("a", 1, january, 900), (member, 1, february, 900)]
    assert (found["repeated-claim-total"].rows, found["repeated-claim-total"].dollars) == (2, 1800)


def test_tuva_cost_share_columns_go_before_the_difference(tmp_path):
    con, found, _ = loaded("tuva_demo", small(tmp_path, extra="coinsurance_amount"))
    shares = dict(con.execute("SELECT claim_id || line_number, member_cost_share FROM claims").fetchall())
    assert shares["office2"] == 256 and shares["same1"] == 2 and shares["same2"] == 0
    assert "cost-share-derived" not in found


def test_tuva_parquet_is_read_as_csv(tuva_demo, tmp_path):
    for table in ("eligibility", "medical_claim", "pharmacy_claim"):
        duckdb.sql(f"SELECT * FROM read_csv('{folder('tuva_demo') / table}.csv', sample_size=-1)").write_parquet(
            str(tmp_path / f"{table}.parquet")
        )
    con, _, findings = loaded("tuva_demo", tmp_path)
    assert findings == tuva_demo[2]
    query = "SELECT claim_type, count(*), sum(paid), min(service_date) FROM claims GROUP BY 1 ORDER BY 1"
    assert con.execute(query).fetchall() == tuva_demo[0].execute(query).fetchall()


@pytest.mark.parametrize(
    ("file", "change", "wanted"),
    [
        (
            "medical_claim.csv",
            lambda text: text.replace("paid_amount", "paid_amnt", 1),
            "missing column 'paid_amount' (wanted for paid). Did you mean 'paid_amnt'?",
        ),
        (
            "medical_claim.csv",
            lambda text: text.replace(",2018-06-12,2018-06-12,", ",2018-06-32,2018-06-12,", 1),
            "row 3, column 'claim_start_date': found '2018-06-32'; a date written YYYY-MM-DD is wanted.",
        ),
        (
            "medical_claim.csv",
            lambda text: text.replace(",29.56,", ",*,", 1),
            "row 2, column 'paid_amount': found the suppressed mark '*', which is not zero;",
        ),
        (
            "medical_claim.csv",
            lambda text: text.replace(",29.56,", ",,", 1),
            "row 2, column 'paid_amount': the cell is empty; an amount in dollars",
        ),
        (
            "medical_claim.csv",
            lambda text: text[: text.rindex("icd-10-cm")],
            "row 6,076 has 35 cells; the header has 137.",
        ),
        (
            "eligibility.csv",
            lambda text: text.replace("2018-02-28", "28/02/2018", 1),
            "row 3, column 'enrollment_end_date': found '28/02/2018'; a date written YYYY-MM-DD is wanted.",
        ),
        ("eligibility.csv", lambda text: text.splitlines()[0] + "\n", "the file has a header but no rows."),
        (
            "pharmacy_claim.csv",
            lambda text: text.replace("486.98", "4x6.98", 1),
            "row 2, column 'paid_amount': found '4x6.98'; an amount in dollars",
        ),
    ],
)
def test_tuva_damaged(file, change, wanted, tmp_path):
    message = error("tuva_demo", copy("tuva_demo", tmp_path, file, change))
    assert f"{file}: {wanted}" in message


# --- CMS research files ----------------------------------------------------------------------------------------------


def test_rif_sums_by_claim_type(bfd_rif):
    con, _, _ = bfd_rif
    query = (
        "SELECT claim_type, count(*), sum(paid), sum(allowed), sum(member_cost_share) FROM claims GROUP BY 1 ORDER BY 1"
    )
    found = [(kind, n, *map(str, sums)) for kind, n, *sums in con.execute(query).fetchall()]
    assert found == [
        ("dme", 1, "0.00", "54.79", "0.00"),
        ("home_health", 15, "7289.59", "7289.59", "0.00"),
        ("hospice", 8, "5314.33", "5314.33", "0.00"),
        ("inpatient", 16, "36386.46", "43028.19", "6641.73"),
        ("outpatient", 19, "132056.09", "132306.09", "250.00"),
        ("pharmacy", 18, "-101.46", "400.79", "502.25"),
        ("professional", 221, "112165.91", "145554.31", "112165.91"),
        ("snf", 67, "32052.84", "40066.02", "8013.18"),
    ]


def test_rif_a_part_b_line_and_an_admission(bfd_rif):
    con, _, _ = bfd_rif
    assert one(
        con,
        "SELECT member_id, provider_id, tin, specialty, service_date, paid_date, place_of_service, hcpcs, paid,"
        " allowed, member_cost_share FROM claims WHERE claim_id = '-100000486' AND line_number = 8",
    ) == (
        "-1000006",
        "9999310391",
        "999145882",
        "01",
        datetime.date(2015, 5, 30),
        datetime.date(2015, 6, 4),
        "11",
        "G0444",
        0,
        0,
        0,
    )
    assert one(
        con,
        "SELECT provider_id, service_date, end_date, paid_date, units, paid, allowed, revenue_code, ime_dsh FROM claims"
        " WHERE claim_id = '-100001674'",
    ) == (
        "8886687531",
        datetime.date(2017, 3, 19),
        datetime.date(2017, 3, 20),
        datetime.date(2017, 3, 24),
        1,
        money("33,248.67"),
        money("39,890.40"),
        "0001",
        0,
    )
    assert one(con, "SELECT specialty, tin FROM providers WHERE provider_id = '9999310391'") == ("01", "999145882")


def test_rif_lag_is_short(bfd_rif):
    con, _, _ = bfd_rif
    part_b = "SELECT min(paid_date - end_date), max(paid_date - end_date) FROM claims WHERE claim_type = "
    assert one(con, part_b + "'professional'") == (5, 7)
    assert one(con, "SELECT max(paid_date - end_date), count(*) - count(paid_date) FROM claims") == (7, 0)


def test_rif_payments_repeated_on_lines_are_counted_once(bfd_rif):
    con, _, findings = bfd_rif
    repeated = [(f.what.split()[0], f.rows, f.dollars) for f in findings if f.check == "repeated-claim-total"]
    assert repeated == [
        ("snf.csv", 66, 2_115_487.44),
        ("hha.csv", 1, 1451.30),
        ("hospice.csv", 7, 37_200.31),
    ]
    assert one(con, "SELECT min(line_number), sum(units) FROM claims WHERE claim_type = 'snf' AND paid <> 0") == (1, 1)


def test_rif_findings(bfd_rif):
    _, found, _ = bfd_rif
    assert (found["allowed-differs"].rows, found["allowed-differs"].dollars) == (113, 89_263.66)
    assert (found["pharmacy-paid-derived"].rows, found["pharmacy-paid-negative"].rows) == (18, 10)
    assert found["reference-year-differs"].rows == 3
    assert "static_sample-a-carrier.txt" in found["file-not-read"].what
    assert not found.keys() & {"managed-care-months", "one-part-only", "not-final-action", "claim-total-differs"}


def test_rif_spans_of_consecutive_months(bfd_rif):
    con, _, _ = bfd_rif
    spans = con.execute(
        "SELECT member_id, count(*), min(start_date), max(end_date), any_value(sex), any_value(birth_date),"
        " sum(date_diff('month', start_date, end_date) + 1) FROM eligibility GROUP BY 1 ORDER BY 1"
    ).fetchall()
    first, last = datetime.date(2011, 1, 1), datetime.date(2021, 5, 31)
    assert spans == [
        ("-1000006", 6, first, last, "F", datetime.date(1942, 1, 17), 125),
        ("-1000014", 1, first, last, "M", datetime.date(1945, 11, 11), 125),
        ("-1000018", 7, first, last, "M", datetime.date(1945, 11, 23), 125),
    ]


def pipe(change):
    """Change of the cells of a pipe separated file: a function of header and rows, in place."""

    def changed(text):
        rows = [line.split("|") for line in text.splitlines()]
        change(rows[0], rows[1:])
        return "\n".join("|".join(row) for row in rows) + "\n"

    return changed


def setting(column, value, *rows):
    def change(header, table):
        for row in rows:
            table[row][header.index(column)] = value

    return pipe(change)


def test_rif_rows_that_are_not_final_or_deleted_are_left_out(tmp_path, bfd_rif):
    con, found, _ = loaded("bfd_rif", copy("bfd_rif", tmp_path, "carrier.csv", setting("FINAL_ACTION", "N", 0, 1)))
    assert one(con, "SELECT count(*) FROM claims WHERE claim_type = 'professional'") == (219,)
    assert (found["not-final-action"].rows, found["not-final-action"].members) == (2, 1)
    source = copy("bfd_rif", tmp_path / "b", "inpatient.csv", setting("DML_IND", "DELETE", 0))
    con, found, _ = loaded("bfd_rif", source)
    assert one(con, "SELECT count(*) FROM claims WHERE claim_type = 'inpatient'") == (15,)
    assert found["not-final-action"].rows == 1


def test_rif_a_stay_counts_at_least_one_day_on_its_first_line(tmp_path, bfd_rif):
    con, _, _ = bfd_rif
    days = "SELECT count(*), sum(units), min(units) FROM claims WHERE claim_type = "
    assert one(con, days + "'inpatient'") == (16, 16, 1)  # 15 of them print 0 days
    assert one(con, days + "'hospice'") == (8, 7, 0)
    con, _, _ = loaded("bfd_rif", copy("bfd_rif", tmp_path, "snf.csv", setting("CLM_UTLZTN_DAY_CNT", "0", *range(67))))
    assert one(con, days + "'snf'") == (67, 1, 0)
    assert one(con, "SELECT line_number FROM claims WHERE claim_type = 'snf' AND units = 1") == (1,)
    source = copy("bfd_rif", tmp_path / "b", "snf.csv", setting("CLM_UTLZTN_DAY_CNT", "", *range(67)))
    con, _, _ = loaded("bfd_rif", source)
    assert one(con, "SELECT sum(units), count(*) - count(units) FROM claims WHERE claim_type = 'snf'") == (0, 1)


def test_rif_home_health_visits_have_the_date_of_their_line(tmp_path):
    def change(header, table):
        for row, day in ((0, "02-Feb-2015"), (1, "05-FEB-2015"), (2, "")):
            table[row][header.index("REV_CNTR_DT")] = day

    con, _, _ = loaded("bfd_rif", copy("bfd_rif", tmp_path, "hha.csv", pipe(change)))
    lines = con.execute(
        "SELECT line_number, service_date, paid FROM claims WHERE claim_id IN ('-100001739', '-100001740')"
        " AND claim_type = 'home_health' ORDER BY claim_id, line_number"
    ).fetchall()
    dates = [datetime.date(2015, 2, 2), datetime.date(2015, 2, 5), datetime.date(2015, 1, 25)]
    assert lines == list(zip([1, 2, 1], dates, [money("1451.30"), 0, money("415.94")], strict=True))
    without = copy("bfd_rif", tmp_path / "b", "hha.csv", lambda text: text.replace("|REV_CNTR_DT|", "|ANY_DT|", 1))
    con, _, _ = loaded("bfd_rif", without)
    assert one(con, "SELECT max(service_date) FROM claims WHERE claim_type = 'home_health'") == (
        datetime.date(2015, 2, 6),
    )
    message = error("bfd_rif", copy("bfd_rif", tmp_path / "c", "hha.csv", setting("REV_CNTR_DT", "soon", 3)))
    assert "row 5, column 'REV_CNTR_DT': found 'soon'" in message


def test_rif_a_drug_the_patient_overpaid_is_use_and_no_reversal(tmp_path, bfd_rif):
    con, _, _ = bfd_rif
    drugs = "SELECT count(*), sum(paid), sum(units) FROM claims WHERE claim_type = 'pharmacy'"
    assert one(con, drugs + " AND paid < 0") == (10, money("-144.12"), 10)
    source = copy("bfd_rif", tmp_path, "pde.csv", setting("TOT_RX_CST_AMT", "-60.00", 0))
    found = {f.check: f for f in ingest(source, tmp_path / "out", format="rif")}
    assert found["pharmacy-paid-negative"].rows == 9
    used = f"SELECT units, count(*) FROM '{tmp_path}/out/claims.parquet' WHERE claim_type = 'pharmacy' GROUP BY 1"
    assert dict(duckdb.sql(used).fetchall()) == {1: 17, -1: 1}


def test_rif_months_without_cover_and_in_managed_care(tmp_path):
    def change(header, table):
        for month in (4, 5):
            table[1][header.index(f"MDCR_ENTLMT_BUYIN_{month}_IND")] = "0"
        table[1][header.index("MDCR_ENTLMT_BUYIN_7_IND")] = "A"
        table[1][header.index("HMO_1_IND")] = "C"
        table[1][header.index("HMO_2_IND")] = "4"
        table[1][header.index("DEATH_DT")] = "03-MAR-2021"

    source = copy("bfd_rif", tmp_path, "beneficiary_2015.csv", pipe(change))
    con, found, _ = loaded("bfd_rif", source)
    spans = con.execute("SELECT start_date, end_date, death_date FROM eligibility WHERE member_id = '-1000014'")
    died = datetime.date(2021, 3, 3)
    assert sorted(spans.fetchall()) == [
        (datetime.date(2015, 1, 1), datetime.date(2015, 3, 31), died),
        (datetime.date(2015, 6, 1), datetime.date(2016, 12, 31), died),
    ]
    assert (found["managed-care-months"].rows, found["one-part-only"].rows) == (1, 1)


def test_rif_icd_9_diagnoses_are_left_out(tmp_path, bfd_rif):
    def change(header, table):
        row = table[0]
        row[header.index("ICD_DGNS_CD2")], row[header.index("ICD_DGNS_VRSN_CD2")] = "V5866", "9"

    con, found, _ = loaded("bfd_rif", copy("bfd_rif", tmp_path, "inpatient.csv", pipe(change)))
    assert found["icd-9-diagnoses"].rows == 1
    assert one(con, "SELECT count(*) FROM diagnoses WHERE code = 'V5866'") == (0,)
    alone = "SELECT count(*) FROM diagnoses WHERE eligible IS NOT NULL AND eligible"
    assert one(bfd_rif[0], alone) == (0,)


def test_rif_provider_has_the_specialty_billed_most_often(tmp_path):
    con, _, _ = loaded("bfd_rif", copy("bfd_rif", tmp_path, "carrier.csv", setting("PRVDR_SPCLTY", "08", *range(200))))
    assert one(con, "SELECT count(DISTINCT provider_id) FROM claims WHERE specialty = '08'") == (4,)
    assert one(con, "SELECT max(specialty) FROM providers WHERE provider_id = '9999310391'") == ("08",)
    con, _, _ = loaded("bfd_rif", copy("bfd_rif", tmp_path / "b", "carrier.csv", setting("PRVDR_SPCLTY", "08", 0)))
    assert one(con, "SELECT specialty FROM providers WHERE provider_id = '9999310391'") == ("01",)


@pytest.mark.parametrize(
    ("file", "change", "wanted"),
    [
        (
            "carrier.csv",
            lambda text: text.replace("|TAX_NUM|", "|TAX_NO|", 1),
            "missing column 'TAX_NUM' (wanted for tin). Did you mean 'TAX_NO'?",
        ),
        (
            "carrier.csv",
            setting("LINE_NCH_PMT_AMT", "**", 6),
            "row 8, column 'LINE_NCH_PMT_AMT': found the suppressed mark '**', which is not zero;",
        ),
        (
            "outpatient.csv",
            setting("NCH_WKLY_PROC_DT", "2015-11-27", 0),
            "row 2, column 'NCH_WKLY_PROC_DT': found '2015-11-27'; a date written like 08-Apr-2019 is wanted.",
        ),
        ("hospice.csv", lambda text: text[: len(text) - 400], "row 9 has "),
        (
            "beneficiary_2016.csv",
            setting("BENE_BIRTH_DT", "31-Feb-1942", 0),
            "row 2, column 'BENE_BIRTH_DT': found '31-Feb-1942'; a date written like 08-Apr-2019 is wanted.",
        ),
        (
            "beneficiary_2016.csv",
            lambda text: text.rstrip() + "\n" + text.splitlines()[1] + "\n",
            "member -1000006 stands in two rows; one row each is wanted.",
        ),
        ("pde.csv", lambda text: text.replace("|", ","), "the columns are separated by ','; '|' is wanted."),
        ("pde.csv", lambda _: "", "the file is empty"),
    ],
)
def test_rif_damaged(file, change, wanted, tmp_path):
    message = error("bfd_rif", copy("bfd_rif", tmp_path, file, change))
    assert f"{file}: {wanted}" in message


def test_rif_files_that_are_not_there(tmp_path):
    source = copy("bfd_rif", tmp_path, "pde.csv", str)
    (source / "pde.csv").unlink()
    con, found, _ = loaded("bfd_rif", source)
    assert "pde.csv" in found["file-absent"].what
    assert one(con, "SELECT count(*) FROM claims WHERE claim_type = 'pharmacy'") == (0,)
    (source / "carrier.csv").unlink()
    assert "there is no carrier.csv" in error("bfd_rif", source)


# --- DE-SynPUF -------------------------------------------------------------------------------------------------------


def test_synpuf_members_and_months(desynpuf):
    con, _, _ = desynpuf
    years = con.execute(
        "SELECT year(start_date), count(*), sum(date_diff('month', start_date, end_date) + 1), max(end_date),"
        " count(DISTINCT member_id) FROM eligibility GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert years == [
        (2008, 47955, 559544, datetime.date(2008, 12, 31), 47955),
        (2009, 46625, 558563, datetime.date(2009, 12, 31), 46625),
    ]


def summaries(year):
    """Summaries of all samples, as they lie."""
    columns = {"DESYNPUF_ID": str, "BENE_DEATH_DT": str}
    return pd.concat(pd.read_csv(p, dtype=columns) for p in sorted(folder("desynpuf").glob(f"bene_{year}_s*.csv.gz")))


def test_synpuf_has_ten_thousand_members_a_sample():
    counts = [len(pd.read_csv(p)) for p in sorted(folder("desynpuf").glob("bene_2008_s*.csv.gz"))]
    assert counts == [10_000] * 5


@pytest.mark.parametrize("year", [2008, 2009])
def test_synpuf_annual_cost_is_that_of_whole_samples(desynpuf, year):
    """Medicare's reimbursement of the living, with both parts all year and no managed care, within sampling error."""
    path = REAL.parent / "calibration" / "person_cost_distribution.csv"
    if not path.exists():
        pytest.skip("the distribution of whole samples is not beside the project")
    whole = pd.read_csv(path, index_col="group").loc[f"DE-SynPUF {year} all"]
    con, _, _ = desynpuf
    paid = con.execute(
        f"SELECT member_id, sum(paid)::DOUBLE AS paid FROM claims WHERE year(service_date) = {year} GROUP BY 1"
    ).df()
    rows = summaries(year).set_index("DESYNPUF_ID")
    months = rows[[f"BENE_{part}_CVRAGE_TOT_MONS" for part in ("HI", "SMI", "HMO")]]
    people = rows.index[rows["BENE_DEATH_DT"].isna() & (months == [12, 12, 0]).all(axis=1)]
    cost = paid.set_index("member_id")["paid"].reindex(people, fill_value=0.0)
    error_of_mean = cost.std() / len(cost) ** 0.5
    zero = (cost == 0).mean()
    assert abs(cost.mean() - whole["mean"]) < 2 * error_of_mean
    assert cost.std() / cost.mean() == pytest.approx(whole["cv"], rel=0.02)
    assert abs(zero - whole["zero_share"]) < 2 * (zero * (1 - zero) / len(cost)) ** 0.5
    for more in ("BENRES", "PPPYMT"):
        other = cost + rows.loc[people].filter(like=more).sum(axis=1)
        assert abs(other.mean() - whole["mean"]) > abs(cost.mean() - whole["mean"]) + error_of_mean
        assert abs(other.std() / other.mean() - whole["cv"]) > abs(cost.std() / cost.mean() - whole["cv"])


def test_synpuf_dollars_are_those_of_the_summaries(desynpuf):
    con, found, _ = desynpuf
    rows = pd.concat([summaries(2008), summaries(2009)])
    sums = {kind: rows.filter(like=kind).sum().sum() for kind in ("MEDREIMB", "BENRES", "PPPYMT")}
    paid, share, allowed = one(con, "SELECT sum(paid), sum(member_cost_share), sum(allowed) FROM claims")
    assert (paid, share, allowed) == (sums["MEDREIMB"], sums["BENRES"], sum(sums.values()))
    assert paid == money("409,855,220")
    assert found["primary-payer"].dollars == sums["PPPYMT"]
    assert one(con, "SELECT count(*) FROM claims WHERE paid <> 0 AND month(service_date) + day(service_date) > 2") == (
        0,
    )


def test_synpuf_findings(desynpuf):
    _, found, _ = desynpuf
    counts = {check: (f.rows, f.members) for check, f in found.items()}
    assert counts["annual-sums"] == (146_657, 40_816)
    assert counts["coverage-months-placed"] == (3098, 3082)
    assert counts["dollars-without-coverage"] == (729, 704)
    assert counts["coverage-after-death"] == (1272, 1272)
    assert counts["dollars-in-annual-sums"][0] + counts["year-without-summary"][0] + 7 == 5775
    assert counts["segment-without-dates"] == (7, 7)
    assert "members-not-in-summaries" not in counts
    assert "samples 2, 3, 4, 5:" in found["admissions-of-some-samples"].what


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The first sample alone."""
    target = tmp_path_factory.mktemp("synpuf")
    for path in folder("desynpuf").glob("*_s1.csv.gz"):
        shutil.copyfile(path, target / path.name)
    return target


def test_synpuf_admissions_bring_days_and_no_dollars(sample):
    con, found, _ = loaded("desynpuf", sample)
    assert "admissions-of-some-samples" not in found
    admissions = con.execute(
        "SELECT year(service_date), count(*), sum(units), sum(allowed) FROM claims WHERE claim_type = 'inpatient'"
        " AND claim_id NOT LIKE '%-IP' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert admissions == [(2008, 2347, 13214, 0), (2009, 2189, 12477, 0)]
    assert one(con, "SELECT sum(units) FROM claims WHERE claim_id LIKE '%-IP'") == (0,)
    (months,) = one(con, "SELECT sum(date_diff('month', start_date, end_date) + 1) FROM eligibility")
    assert 4536 / float(months) * 12_000 == pytest.approx(245, abs=5)


def test_synpuf_members_without_a_summary(sample, tmp_path):
    shutil.copyfile(sample / "inpatient_s1.csv.gz", tmp_path / "inpatient_s1.csv.gz")
    lines = gzip.decompress((sample / "bene_2008_s1.csv.gz").read_bytes()).splitlines()[:1001]
    (tmp_path / "DE1_0_2008_Beneficiary_Summary_File_Sample_1.csv").write_bytes(b"\n".join(lines) + b"\n")
    con, found, _ = loaded("desynpuf", tmp_path)
    assert found["members-not-in-summaries"].rows > 2000
    assert one(con, "SELECT count(DISTINCT year(service_date)) FROM claims") == (1,)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda t: t.replace("BENRES_OP", "BENRES", 1), "missing column 'BENRES_OP' (wanted for BENRES_OP)."),
        (
            lambda t: t.replace("19430101", "19431301", 1),
            "row 2, column 'BENE_BIRTH_DT': found '19431301'; a date written like 20190408 is wanted.",
        ),
        (lambda t: t.replace(",700.00,", ",seven,", 1), "row 2, column 'MEDREIMB_CAR': found 'seven'; an amount"),
        (lambda t: t.replace(",12,12,", ",12,6.5,", 1), "column 'BENE_SMI_CVRAGE_TOT_MONS': found '6.5'; a whole"),
        (lambda t: t[:1500], "cells; the header has 32."),
        (lambda t: t.replace(",12,12,", ",13,12,", 1), "months of cover from 0 to 12 are wanted."),
        (lambda t: t + t.splitlines()[1] + "\n", "stands in two summaries of 2008; one row each is wanted."),
    ],
)
def test_synpuf_damaged(sample, tmp_path, change, wanted):
    lines = gzip.decompress((sample / "bene_2008_s1.csv.gz").read_bytes()).decode().splitlines()[:50]
    (tmp_path / "bene_2008_s1.csv").write_text(change("\n".join(lines) + "\n"))
    assert wanted in error("desynpuf", tmp_path)


def test_synpuf_truncated_archive(sample, tmp_path):
    raw = (sample / "bene_2008_s1.csv.gz").read_bytes()
    (tmp_path / "bene_2008_s1.csv.gz").write_bytes(raw[: len(raw) // 2])
    assert "bene_2008_s1.csv.gz: " in error("desynpuf", tmp_path)


# --- cells -----------------------------------------------------------------------------------------------------------

HEADER = b"id,amount,day\n"
COLUMNS = {"claim_id": ("id", "text"), "paid": ("amount", "money"), "service_date": ("day", "date")}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1200.5", "1200.50"),
        ('"$1,200.50"', "1200.50"),
        ("(3)", "-3.00"),
        (" -7 ", "-7.00"),
        ("1e3", "1000.00"),
        ('"1,234,567.89"', "1234567.89"),
        ('"-$1,200"', "-1200.00"),
        ('"($12,345.6)"', "-12345.60"),
        ("", None),
        ("*", None),
    ],
)
def test_cells_amounts(tmp_path, text, value):
    (tmp_path / "x [1] it's.csv").write_bytes(
        b"\xef\xbb\xbf" + HEADER.replace(b"\n", b"\r\n") + f"1,{text},\r\n".encode()
    )
    con = duckdb.connect()
    assert typed(con, tmp_path / "x [1] it's.csv", "v", COLUMNS, "x") == 1
    assert one(con, "SELECT paid::VARCHAR FROM v") == (value,)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b"1,2,2018-01-01\n2,x,2018-02-30\n", "x: row 3, column 'amount': found 'x'; an amount in dollars"),
        (b"1,2,2018-01-01\n2,nan,\n", "x: row 3, column 'amount': found 'nan'"),
        (b"1,2,2018-01-01\n2\n", "x: row 3 has 1 cells; the header has 3."),
        (b"1,2,2018-01-01\n2,3,,4\n", "x: row 3 has 4 cells; the header has 3."),
        (b'1,"2,2018-01-01\n', 'x: row 2 opens a quote (") that is never closed.'),
        (b"1,2,2018-01-01\n" * 5000 + b"\xff,2,\n", "is not UTF-8; save"),
        (b"", "x: the file has a header but no rows."),
    ],
)
def test_cells_name_the_first_fault(tmp_path, body, wanted):
    (tmp_path / "x.csv").write_bytes(HEADER + body)
    with pytest.raises(InputError) as caught:
        typed(duckdb.connect(), tmp_path / "x.csv", "v", COLUMNS, "x")
    assert wanted in str(caught.value) and "\n" not in str(caught.value)


def test_cells_keep_the_dictionary_s_rules(tmp_path):
    (tmp_path / "x.csv").write_text("kind,line\nsnf,1\nsmf,1\n")
    columns = {"claim_type": ("kind", "text"), "line_number": ("line", "integer")}
    with pytest.raises(InputError, match="row 3, column 'kind': found 'smf'; one of inpatient, outpatient, snf"):
        typed(duckdb.connect(), tmp_path / "x.csv", "v", columns, "x", rules="claims")
    (tmp_path / "x.csv").write_text("kind,line\nsnf,-1\n")
    with pytest.raises(InputError, match="row 2, column 'line': found '-1'; at least 0 is wanted"):
        typed(duckdb.connect(), tmp_path / "x.csv", "v", columns, "x", rules="claims")
    assert (
        typed(duckdb.connect(), tmp_path / "x.csv", "v", columns, "x", rules="claims", where="line <> '-1'", rows=False)
        == 0
    )


@pytest.mark.parametrize("amount", ["12,50", "1,2345", "1234,567", "1,234,56", ",123", "0,123", "1.234,56", "1,,234"])
def test_cells_a_comma_stands_between_groups_of_three_alone(tmp_path, amount):
    (tmp_path / "x.csv").write_bytes(HEADER + f'1,"{amount}",\n'.encode())
    wanted = f"x: row 2, column 'amount': found '{amount}'; an amount in dollars, below 1,000,000,000,000 is wanted."
    with pytest.raises(InputError) as caught:
        typed(duckdb.connect(), tmp_path / "x.csv", "v", COLUMNS, "x")
    assert str(caught.value) == wanted
    with pytest.raises(InputError, match=f"found '{amount}'; a whole number is wanted"):
        typed(duckdb.connect(), tmp_path / "x.csv", "v", {"line_number": ("amount", "integer")}, "x")


# --- canonical tables ------------------------------------------------------------------------------------------------


def canonical_of(source):
    con = duckdb.connect()
    return con, {f.check: f for f in canonical.read(con, source)}


def amounts(**cells):
    return {"member_id": "m1", "service_date": "2023-03-01"} | cells


def test_canonical_fractions_of_a_cent_are_named(tmp_path):
    rows = [
        amounts(paid="80.004", member_cost_share="19.998", allowed="100"),
        amounts(paid="$ (5.0049)", member_id="m2"),
        amounts(paid="1.500", allowed="1.50000", member_id="m3"),
        amounts(paid="0.30000000000000004", member_id="m4"),
    ]
    source = write(tmp_path, claims=rows, eligibility=[{"member_id": "m1"}])
    con, found = canonical_of(source)
    finding = found["fractions-of-a-cent"]
    assert (finding.rows, finding.members) == (2, 2)
    assert finding.dollars == pytest.approx(0.004 + 0.002 + 0.0049, abs=1e-9)
    assert one(con, "SELECT sum(paid) FROM claims") == (money("76.80"),)
    whole = write(tmp_path / "b", claims=rows[2:], eligibility=[{"member_id": "m1"}])
    assert "fractions-of-a-cent" not in canonical_of(whole)[1]


def test_canonical_suppressed_cells_are_named(tmp_path):
    rows = [
        amounts(paid="80", allowed="*"),
        amounts(paid="70.25", units="n/a", ime_dsh="--"),
        amounts(paid="-10", member_cost_share="**", member_id="m2"),
        amounts(paid="5", hcpcs="*", member_id="m3"),
    ]
    source = write(tmp_path / "in", claims=rows, eligibility=[{"member_id": m} for m in ("m1", "m2", "m3")])
    con, found = canonical_of(source)
    finding = found["suppressed-cell"]
    assert (finding.rows, finding.members, finding.dollars, finding.fatal) == (3, 2, 140.25, False)
    assert "not zero" in finding.what and "allowed = paid + cost share" in finding.what
    assert finding.what.endswith("Cells: units 1, allowed 1, member_cost_share 1, ime_dsh 1.")
    counts = "count(units), count(allowed), count(member_cost_share), count(ime_dsh)"
    assert one(con, f"SELECT {counts} FROM claims") == (3, 3, 3, 3)
    ingest(source, tmp_path / "out")
    assert total(tmp_path / "out" / "claims.parquet") == 100 + 100 + 100 + 100
    clean = write(tmp_path / "b", claims=rows[3:], eligibility=[{"member_id": "m1"}])
    assert "suppressed-cell" not in canonical_of(clean)[1]


def test_canonical_few_columns_have_nothing_to_name(tmp_path):
    write(tmp_path, eligibility=[{"member_id": "m1"}])
    header = "claim_id,line_number,member_id,service_date,claim_type,paid"
    (tmp_path / "claims.csv").write_text(f"{header}\nA,1,m1,2023-03-01,professional,80\n")
    assert canonical_of(tmp_path)[1].keys() == {"table-absent", "allowed-absent", "paid-date-absent"}


# --- folders with an apostrophe --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "files", "paid"),
    [
        ("tuva_demo", "*.csv", "704262.42"),
        ("bfd_rif", "[!b]*.csv beneficiary_2015.csv", "325163.76"),
        ("desynpuf", "bene_2008_s1.csv.gz", "39540750"),
    ],
)
def test_a_folder_with_an_apostrophe(name, files, paid, tmp_path):
    source = tmp_path / "O'Brien"
    source.mkdir()
    for pattern in files.split():
        for path in folder(name).glob(pattern):
            (source / path.name).symlink_to(path)
    con, _, _ = loaded(name, source)
    assert one(con, "SELECT sum(paid) FROM claims") == (money(paid),)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_canonical_tables_in_a_folder_with_an_apostrophe(tmp_path, kind):
    source = write(tmp_path / "O'Brien", claims=[amounts()], eligibility=[{"member_id": "m1"}])
    if kind == "parquet":
        duckdb.from_csv_auto(str(source / "claims.csv")).write_parquet(str(source / "claims.parquet"))
        (source / "claims.csv").unlink()
    ingest(source, tmp_path / "out")
    assert total(tmp_path / "out" / "claims.parquet") == 100
