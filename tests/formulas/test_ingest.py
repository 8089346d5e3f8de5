"""Ingest: canonical tables in, Parquet out; every kind of damage one line or a named finding; nothing half-written."""

import csv
import gzip
import json
import shutil

import duckdb
import pytest
from books import total, write

from acomodel.claims.categories import category_table, specialty_table, units_of
from acomodel.claims.checks import CHECKS
from acomodel.claims.ingest import ingest
from acomodel.claims.tables import TABLES, columns, read_dataset
from acomodel.inputs import InputError

ELIGIBILITY = [{"member_id": "m1"}, {"member_id": "m2", "end_date": "2023-06-30", "death_date": "2023-06-30"}]
PROVIDERS = [
    {"provider_id": "P1", "specialty": "08", "tin": "T1", "aco_id": "A"},
    {"provider_id": "P2", "specialty": "06"},
]


def line(number=1, **cells):
    return {
        "claim_id": f"C{number}",
        "member_id": "m1",
        "provider_id": "P1",
        "service_date": "2023-03-01",
        "paid_date": "2023-04-01",
    } | cells


def book(folder, claims=None, eligibility=ELIGIBILITY, providers=PROVIDERS, **more):
    claims = [line()] if claims is None else claims
    return write(folder, claims=claims, eligibility=eligibility, providers=providers, **more)


def taken(tmp_path, **tables):
    found = ingest(book(tmp_path / "in", **tables), tmp_path / "out")
    return {f.check: f for f in found}


def edit(path, change):
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(change(rows))


def test_tables_types_and_manifest(tmp_path):
    taken(tmp_path)
    out = tmp_path / "out"
    assert sorted(p.name for p in out.iterdir()) == sorted(
        [*(f"{t}.parquet" for t in TABLES), "findings.csv", "manifest.json"]
    )
    about = json.loads((out / "manifest.json").read_text())["tables"]["claims"]
    assert about["rows"] == 1 and about["sums"]["allowed"] == 100
    data = read_dataset(out)
    assert list(data.claims.columns) == list(columns("claims"))
    assert data.acos() == ["A"]
    assert "1 rows" not in repr(data) and "claims" in repr(data)


def test_the_same_rows_in_another_order_give_the_same_file(tmp_path):
    lines = [line(n, service_date=f"2023-0{1 + n % 5}-0{1 + n % 7}") for n in range(20)]
    hashes = set()
    for k, rows in enumerate((lines, lines[::-1])):
        ingest(book(tmp_path / f"in{k}", rows), tmp_path / f"out{k}")
        hashes.add(json.loads((tmp_path / f"out{k}" / "manifest.json").read_text())["tables"]["claims"]["sha256"])
    assert len(hashes) == 1


def test_parquet_and_gzip_are_read_like_csv(tmp_path):
    plain = book(tmp_path / "plain", [line(n) for n in range(9)])
    packed = tmp_path / "packed"
    packed.mkdir()
    duckdb.sql(f"COPY (SELECT * FROM '{plain}/claims.csv') TO '{packed}/claims.parquet'")
    with gzip.open(packed / "eligibility.csv.gz", "wb") as file:
        file.write((plain / "eligibility.csv").read_bytes())
    shutil.copy(plain / "providers.csv", packed)
    ingest(plain, tmp_path / "a")
    ingest(packed, tmp_path / "b")
    about = [json.loads((tmp_path / n / "manifest.json").read_text())["tables"]["claims"] for n in "ab"]
    assert about[0]["sums"] == about[1]["sums"]


DAMAGE = {
    "a missing column": (
        lambda rows: [[c for c, name in zip(r, rows[0], strict=True) if name != "paid"] for r in rows],
        "claims.csv: missing column 'paid'",
    ),
    "an unknown column": (
        lambda rows: [[*rows[0], "alowed"], *[[*r, "1"] for r in rows[1:]]],
        "unknown column 'alowed' for the table 'claims'. Did you mean 'allowed'",
    ),
    "a date that cannot be": (
        lambda rows: [[c.replace("2023-03-01", "2023-02-30") for c in r] for r in rows],
        "claims.csv: row 2, column 'service_date': found '2023-02-30'; a date written YYYY-MM-DD is wanted.",
    ),
    "an amount that is none": (
        lambda rows: [[c.replace("80", "eighty") for c in r] for r in rows],
        "claims.csv: row 2, column 'paid': found 'eighty'; an amount in dollars",
    ),
    "a suppressed cell": (
        lambda rows: [[c.replace("80", "*") for c in r] for r in rows],
        "found the suppressed mark '*', which is not zero",
    ),
    "an unknown kind of claim": (
        lambda rows: [[c.replace("professional", "profesional") for c in r] for r in rows],
        "found 'profesional'; one of inpatient, outpatient",
    ),
    "a row cut short": (lambda rows: [rows[0], rows[1][:-2]], "row 2 has"),
    "no member": (
        lambda rows: [[c.replace("m1", "") for c in r] for r in rows],
        "column 'member_id': the cell is empty; member is wanted",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_one_line_and_leaves_nothing(tmp_path, name):
    change, words = DAMAGE[name]
    source = book(tmp_path / "in")
    edit(source / "claims.csv", change)
    with pytest.raises(InputError) as error:
        ingest(source, tmp_path / "out")
    assert words in str(error.value) and "\n" not in str(error.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in"]


def test_a_truncated_parquet_is_one_line(tmp_path):
    ingest(book(tmp_path / "in", [line(n) for n in range(50)]), tmp_path / "out")
    path = tmp_path / "out" / "claims.parquet"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="claims.parquet: damaged, or not a Parquet file; make the tables anew"):
        read_dataset(tmp_path / "out")
    again = tmp_path / "again"
    again.mkdir()
    for name in ("claims", "eligibility"):
        shutil.copy(tmp_path / "out" / f"{name}.parquet", again)
    with pytest.raises(InputError) as error:
        ingest(again, tmp_path / "third")
    assert "claims.parquet" in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "third").exists()


def test_a_provider_in_two_acos_is_fatal(tmp_path):
    twice = [*PROVIDERS, {"provider_id": "P1", "aco_id": "B"}]
    with pytest.raises(
        InputError, match=r"providers: providers belong to two ACOs.*one is P1.*\[provider-in-two-acos\]"
    ):
        taken(tmp_path, providers=twice)
    assert not (tmp_path / "out").exists()
    shared = [{"provider_id": "P1", "aco_id": a, "exclusive": False} for a in "AB"]
    assert "provider-in-two-acos" not in taken(tmp_path / "shared", providers=shared)


FINDINGS = {
    "unknown-member": ([line(member_id="zz")], 1, 100),
    "outside-eligibility": ([line(member_id="m2", service_date="2023-07-01")], 1, 100),
    "negative-amount": ([line(), line(2, allowed=-100, paid=-80, member_cost_share=-20)], 1, 100),
    "unmatched-reversal": ([line(), line(2, allowed=-70, paid=-50, member_cost_share=-20)], 1, 70),
    "paid-before-service": ([line(paid_date="2023-02-01")], 1, 100),
    "paid-date-missing": ([line(paid_date=None), line(2)], 1, 100),
    "ends-before-service": ([line(end_date="2023-02-01")], 1, 100),
    "service-after-death": ([line(member_id="m2", service_date="2023-07-02")], 1, 100),
    "duplicate-line": ([line(), line()], 1, 100),
    "unknown-provider": ([line(provider_id="P9", specialty="11")], 1, 100),
    "unclassified-provider": ([line(provider_id="P9")], 1, 100),
    "allowed-differs": ([line(allowed=130)], 1, 30),
    "repeated-claim-total": (
        [line(line_number=n, claim_type="outpatient", paid=500, allowed=500, member_cost_share=0) for n in (1, 2, 3)],
        1,
        1000,
    ),
}


@pytest.mark.parametrize("check", FINDINGS)
def test_finding_with_rows_and_dollars(tmp_path, check):
    lines, rows, dollars = FINDINGS[check]
    found = taken(tmp_path, claims=[*lines, line(99)])[check]
    assert (found.rows, found.dollars, found.members, found.fatal) == (rows, dollars, 1, False)
    assert check not in taken(tmp_path / "clean")


def test_overlapping_spans_and_a_tin_in_two_acos(tmp_path):
    spans = [{"member_id": "m1", "end_date": "2023-05-31"}, {"member_id": "m1", "start_date": "2023-05-01"}]
    assert taken(tmp_path, eligibility=spans)["overlapping-spans"].rows == 1
    late = [{"member_id": "m1", "end_date": "2023-12-31", "death_date": "2023-03-15"}]
    assert taken(tmp_path / "late", eligibility=late)["coverage-after-death"].rows == 1
    tins = [{"provider_id": f"P{n}", "tin": "T1", "aco_id": a} for n, a in ((1, "A"), (2, "B"))]
    assert "tin-in-two-acos" in taken(tmp_path / "tins", providers=tins)
    wrong = [{"member_id": "m1", "start_date": "2023-05-01", "end_date": "2023-04-01"}]
    with pytest.raises(InputError, match="span-ends-before-it-begins"):
        taken(tmp_path / "wrong", eligibility=wrong)


WHO = {"member_id": "m1", "birth_date": "1980-05-05", "sex": "F"}
DIAGNOSIS = {"member_id": "m1", "code": "E11.9", "service_date": "2023-03-01"}
RISK = {
    "age-that-cannot-be": ([WHO | {"birth_date": "2031-01-01"}], [DIAGNOSIS]),
    "demographics-missing": ([WHO | {"sex": "U"}], [DIAGNOSIS]),
    "diagnosis-of-unknown-member": ([WHO], [DIAGNOSIS | {"member_id": "zz"}]),
    "diagnosis-of-another-code-set": ([WHO], [DIAGNOSIS | {"code": "250.00"}]),
}


@pytest.mark.parametrize("check", RISK)
def test_what_scores_cannot_use_is_named(tmp_path, check):
    spans, diagnoses = RISK[check]
    found = taken(tmp_path, eligibility=spans, diagnoses=diagnoses)
    assert (found[check].rows, found[check].members, found[check].fatal) == (1, 1, False)
    clean = taken(tmp_path / "clean", eligibility=[WHO], diagnoses=[DIAGNOSIS])
    assert not set(RISK) & set(clean)


def test_every_check_is_tried():
    tried = {*FINDINGS, "span-ends-before-it-begins", "provider-in-two-acos", "tin-in-two-acos", "overlapping-spans"}
    tried |= {"coverage-after-death", *RISK}
    assert {c.name for c in CHECKS} == tried


def test_what_is_absent_is_worked_out(tmp_path):
    source = book(tmp_path / "in")
    header = "claim_id,line_number,member_id,provider_id,service_date,end_date,claim_type,hcpcs,paid,member_cost_share"
    lines = [
        f"{header},specialty",
        "A,1,m1,H,2023-03-01,2023-03-05,inpatient,,900,100,",
        "A,2,m1,H,2023-03-01,2023-03-05,inpatient,,0,0,",
        "B,1,m1,P1,2023-03-07,,professional,99213,80,20,08",
        "B,2,m1,P1,2023-03-07,,professional,99214,80,20,08",
        "B,3,m1,P1,2023-03-07,,professional,80053,10,0,08",
        "C,1,m1,P9,2023-03-08,,professional,99213,70,0,",
        "D,1,m1,R,2023-03-09,,pharmacy,,30,5,",
        "E,1,m1,P1,2023-03-07,,professional,99213,-80,-20,08",
    ]
    (source / "claims.csv").write_text("\n".join(lines) + "\n")
    found = {f.check for f in ingest(source, tmp_path / "out")}
    assert {"allowed-absent", "paid-date-absent"} <= found
    assert "paid-date-missing" not in found  # said once
    rows = duckdb.sql(
        "SELECT claim_id, line_number, service_category, units::DOUBLE, allowed::DOUBLE "
        f"FROM '{tmp_path}/out/claims.parquet' ORDER BY claim_id, line_number"
    ).fetchall()
    assert rows == [
        ("A", 1, "Hospital Inpatient", 4, 1000),
        ("A", 2, "Hospital Inpatient", 0, 0),
        ("B", 1, "Primary Care", 1, 100),
        ("B", 2, "Primary Care", 0, 100),
        ("B", 3, "Lab/X-Ray", 1, 10),
        ("C", 1, "Primary Care", 1, 70),
        ("D", 1, "Pharmacy", 1, 35),
        ("E", 1, "Primary Care", -1, -100),
    ]
    assert total(tmp_path / "out" / "claims.parquet") == 1215
    providers = duckdb.sql(f"SELECT provider_id, provider_class FROM '{tmp_path}/out/providers.parquet'").fetchall()
    assert dict(providers)["P1"] == "primary" and dict(providers)["P9"] is None


def test_only_an_earlier_ingest_is_replaced(tmp_path):
    source, out = book(tmp_path / "in"), tmp_path / "out"
    ingest(source, out)
    ingest(source, out)
    (out / "mine.txt").write_text("x")
    with pytest.raises(InputError, match="holds 'mine.txt', which is not of an ingest"):
        ingest(source, out)
    with pytest.raises(InputError, match="no such folder; the folder of the csv files is wanted"):
        ingest(tmp_path / "nowhere", tmp_path / "x")
    with pytest.raises(InputError, match="no claims.csv or claims.parquet; the folder holds nothing"):
        (tmp_path / "empty").mkdir()
        ingest(tmp_path / "empty", tmp_path / "x")
    with pytest.raises(InputError, match="format: found 'hl7'; one of csv, cclf, tuva, rif, synpuf is wanted"):
        ingest(source, tmp_path / "x", format="hl7")


def test_opening_what_is_no_dataset(tmp_path):
    with pytest.raises(InputError, match="no such folder; a folder of claims tables is wanted"):
        read_dataset(tmp_path / "x")
    with pytest.raises(InputError, match="no claims.parquet or claims.csv; make the tables with 'acomodel ingest"):
        (tmp_path / "bare").mkdir()
        read_dataset(tmp_path / "bare")
    with pytest.raises(InputError, match="engine: found 'spark'; one of duckdb, pyspark is wanted"):
        read_dataset(tmp_path, "spark")


def test_categories_and_classes_are_known_words():
    table = category_table()
    assert set(table["unit"]) == {"day", "visit", "script", "service"}
    assert table.groupby("service_category")["unit"].nunique().max() == 1
    assert table.iloc[-1][["claim_type", "field"]].tolist() == ["", ""]  # the last row takes whatever is left
    assert len(units_of()) == 14
    assert set(specialty_table()["provider_class"]) == {"primary", "medical", "surgical", "ancillary"}
    assert not specialty_table()["specialty"].duplicated().any()


def test_one_visit_to_the_emergency_room_counts_once(tmp_path):
    source = book(tmp_path / "in")
    head = "claim_id,line_number,member_id,provider_id,service_date,claim_type,hcpcs,revenue_code,place_of_service,paid"
    lines = [
        head,
        "F,1,m1,H,2023-03-01,outpatient,,0250,,900",
        "F,2,m1,H,2023-03-01,outpatient,,0450,,0",
        "D,1,m1,P1,2023-03-01,professional,99284,,23,150",
        "X,1,m1,P2,2023-03-01,professional,71045,,23,20",
        "E,1,m1,P2,2023-03-01,professional,93010,,23,10",
    ]
    (source / "claims.csv").write_text("\n".join(lines) + "\n")
    ingest(source, tmp_path / "out")
    rows = duckdb.sql(
        "SELECT service_category, sum(units)::INT, sum(allowed)::INT "
        f"FROM '{tmp_path}/out/claims.parquet' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert rows == [("Emergency Room", 1, 1060), ("Lab/X-Ray", 1, 20)]


def test_folders_with_an_apostrophe(tmp_path):
    folder = tmp_path / "O'Brien"
    folder.mkdir()
    ingest(book(folder / "in"), folder / "out")
    assert read_dataset(folder / "out").manifest["tables"]["claims"]["rows"] == 1


def test_a_folder_of_tables_that_was_not_taken_in_is_taken_in_on_the_way(tmp_path):
    data = read_dataset(book(tmp_path / "in", [line(), line(2, member_id="zz")]))
    assert data.manifest["tables"]["claims"]["rows"] == 2
    assert "unknown-member" in set(data.findings["check"])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in"]
    with pytest.raises(InputError, match="missing column 'paid'"):
        source = book(tmp_path / "damaged")
        edit(source / "claims.csv", DAMAGE["a missing column"][0])
        read_dataset(source)
