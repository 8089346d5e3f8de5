"""CCLF: CMS's worked example, the layout, a book written and read back, chained member numbers, damaged files."""

import csv
import random
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acomodel.claims.ingest import ingest
from acomodel.claims.sources.cclf import read, write_cclf
from acomodel.claims.sources.cclf_files import kind_of, layout, type_of
from acomodel.claims.synthetic import SyntheticSettings, write_book, write_feed
from acomodel.inputs import InputError

SHARED = Path(__file__).parents[2] / ".." / "shared"
MEMBER = {"BENE_MBI_ID": "1S00E00AA01", "BENE_PART_A_ENRLMT_BGN_DT": "2020-01-01", "BENE_SEX_CD": "2"}
PART_A = {
    "CUR_CLM_UNIQ_ID": "1",
    "PRVDR_OSCAR_NUM": "450001",
    "BENE_MBI_ID": "1S00E00AA01",
    "CLM_TYPE_CD": "60",
    "CLM_FROM_DT": "2023-03-01",
    "CLM_THRU_DT": "2023-03-06",
    "CLM_PMT_AMT": "200.00",
    "CLM_ADJSMT_TYPE_CD": "0",
    "CLM_EFCTV_DT": "2023-04-01",
}
PART_B = {
    "CUR_CLM_UNIQ_ID": "101",
    "CLM_LINE_NUM": "1",
    "BENE_MBI_ID": "1S00E00AA01",
    "CLM_FROM_DT": "2023-05-02",
    "CLM_THRU_DT": "2023-05-02",
    "CLM_LINE_HCPCS_CD": "99213",
    "CLM_LINE_CVRD_PD_AMT": "100.00",
    "CLM_LINE_ALOWD_CHRG_AMT": "100.00",
    "CLM_ADJSMT_TYPE_CD": "0",
    "CLM_EFCTV_DT": "2023-06-01",
    "CLM_CNTL_NUM": "ICN1",
    "CLM_CARR_PMT_DNL_CD": "1",
}


def line(kind: str, **fields: str) -> str:
    """One line of the feed, placed by the positions of the layout alone."""
    text = [" "] * max(p.end for p in layout()[kind].values())
    for name, value in fields.items():
        place = layout()[kind][name]
        assert len(value) <= place.width
        right = type_of(kind, name) in ("money", "integer")
        text[place.start - 1 : place.end] = value.rjust(place.width) if right else value.ljust(place.width)
    return "".join(text)


def feed(folder: Path, names=None, **records: list[dict[str, str]]) -> Path:
    """Folder of files by kind; a name of ``{}`` takes the kind."""
    folder.mkdir(exist_ok=True)
    for kind, rows in ({"k8": [MEMBER]} | records).items():
        text = "".join(line(kind[1:], **row) + "\n" for row in rows)
        (folder / (names or "cclf{}.txt").format(kind[1:])).write_text(text)
    return folder


def table(con, sql):
    return con.execute(sql).fetchall()


def names(findings):
    return {f.check: f for f in findings}


@pytest.fixture
def con():
    with duckdb.connect() as connection:
        yield connection


def worked_example() -> dict[str, list[dict[str, str]]]:
    """The records of CMS's example: paid and adjustment type."""
    stays = [("200", "0"), ("0", "2"), ("200", "1"), ("210", "2"), ("0", "2"), ("0", "1")]
    part_a = [
        PART_A | {"CUR_CLM_UNIQ_ID": str(n), "CLM_PMT_AMT": f"{paid}.00", "CLM_ADJSMT_TYPE_CD": kind}
        for n, (paid, kind) in enumerate(stays, start=1)
    ]
    part_a.append(PART_A | {"CUR_CLM_UNIQ_ID": "7", "CLM_FROM_DT": "2023-07-01", "CLM_THRU_DT": "2023-07-01"})
    part_a[-1]["CLM_PMT_AMT"] = "50.00"
    claims = [("1", ("0", "380", "227")), ("0", ("380", "227", "100")), ("0", ("0", "380", "227"))]
    part_b = [
        PART_B
        | {"CUR_CLM_UNIQ_ID": str(100 + n), "CLM_LINE_NUM": str(number), "CLM_ADJSMT_TYPE_CD": kind}
        | {"CLM_LINE_CVRD_PD_AMT": f"{paid}.00", "CLM_LINE_ALOWD_CHRG_AMT": f"{paid}.00"}
        for n, (kind, amounts) in enumerate(claims)
        for number, paid in enumerate(amounts, start=1)
    ]
    return {"k1": part_a, "k5": part_b}


@pytest.mark.parametrize(
    "files",
    ["cclf{}.txt", "CCLF{}.TXT", "P.A1234.ACO.ZC{}Y24.D240115.T1234567", "p.d1234.aco.zc{}r23.d240115.t1234567"],
)
def test_worked_example_of_cms(con, tmp_path, files):
    """CCLF Information Packet, section 5.3: Part A 260, Part B 707, total 967."""
    findings = names(read(con, feed(tmp_path, files, **worked_example())))
    totals = dict(table(con, "SELECT claim_type = 'professional', sum(paid) FROM claims GROUP BY 1"))
    assert totals == {False: Decimal(260), True: Decimal(707)}
    assert table(con, "SELECT sum(paid) FROM claims") == [(Decimal(967),)]
    assert findings["cancellation"].rows == 5
    assert findings["cancellation"].dollars == 200 + 380 + 227
    assert "unmatched-cancellation" not in findings


def test_use_of_the_worked_example_is_of_final_actions(con, tmp_path):
    read(con, feed(tmp_path, **worked_example()))
    used = table(con, "SELECT claim_id, paid, units FROM claims WHERE claim_type = 'inpatient' AND units > 0")
    kept = sorted(paid for _, paid, _ in used)
    assert kept == [0, 50, 210]  # the original of 200 and one adjustment of 0 are taken out
    assert sorted(units for _, _, units in used) == [1, 5, 5]  # days; a stay of one day counts one
    lines = table(con, "SELECT paid FROM claims WHERE claim_type = 'professional' AND units IS NULL ORDER BY paid")
    assert [paid for (paid,) in lines] == [100, 227, 380]
    assert table(con, "SELECT count(*) FROM claims WHERE units = 0") == [(4 + 6,)]


def test_a_cancellation_takes_the_equal_amount_and_else_another(con, tmp_path):
    rows = [("300.00", "0"), ("200.00", "0"), ("200.00", "1"), ("40.00", "1"), ("7.00", "1")]
    part_a = [
        PART_A | {"CUR_CLM_UNIQ_ID": str(n), "CLM_PMT_AMT": paid, "CLM_ADJSMT_TYPE_CD": kind}
        for n, (paid, kind) in enumerate(rows)
    ]
    findings = names(read(con, feed(tmp_path, k1=part_a[:3])))
    assert table(con, "SELECT claim_id FROM claims WHERE units > 0") == [("0",)]
    findings = names(read(con, feed(tmp_path, k1=part_a)))
    assert table(con, "SELECT count(*) FROM claims WHERE units > 0") == [(0,)]
    assert table(con, "SELECT sum(paid) FROM claims") == [(Decimal("253.00"),)]
    assert (findings["unmatched-cancellation"].rows, findings["unmatched-cancellation"].dollars) in [(1, 7), (1, 40)]


def test_layout_is_contiguous():
    found = layout()
    assert sum(map(len, found.values())) == 283
    for kind, fields in found.items():
        ends = [0] + [place.end for place in fields.values()]
        starts = [place.start for place in fields.values()]
        assert starts == [end + 1 for end in ends[:-1]], kind


def test_layout_is_that_of_the_information_packet():
    path = SHARED / "rules" / "cclf_layout.csv"
    if not path.is_file():
        pytest.skip("the layout as extracted from the packet is not beside the project")
    with path.open() as file:
        for row in csv.DictReader(file):
            place = layout()[row["file"].removeprefix("CCLF")][row["field"]]
            assert (place.start, place.end, place.width, place.format) == (
                int(row["start"]),
                int(row["end"]),
                int(row["length"]),
                row["format"],
            )


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("P.A1234.ACO.ZC1Y24.D240115.T1234567", "1"),
        ("P.A1234.ACO.ZCAR23.D240115.T1234567", "A"),
        ("P.A1234.ACO.ZCB", "B"),
        ("cclf9.TXT", "9"),
        ("Cclfa.txt", "A"),
        ("cclf5_2024-01.txt", "5"),
        ("P.A1234.ACO.ZC0Y24.D240115.T1234567", None),
        ("cclf10.txt", None),
        ("cclf1.csv", None),
        ("zclf1.txt", None),
    ],
)
def test_names_of_files(name, kind):
    assert kind_of(name) == kind


BOOK_COLUMNS = (
    "claim_id VARCHAR, line_number INTEGER, member_id VARCHAR, provider_id VARCHAR, tin VARCHAR, specialty VARCHAR,"
    " service_date DATE, end_date DATE, paid_date DATE, claim_type VARCHAR, hcpcs VARCHAR, revenue_code VARCHAR,"
    " place_of_service VARCHAR, allowed DECIMAL(14,2), paid DECIMAL(14,2), member_cost_share DECIMAL(14,2),"
    " ime_dsh DECIMAL(14,2)"
)
KEPT = {
    "claims": "claim_id, line_number, member_id, provider_id, tin, specialty, service_date, end_date, paid_date,"
    " claim_type, hcpcs, revenue_code, place_of_service, allowed, paid, member_cost_share, ime_dsh",
    "eligibility": "member_id, start_date, end_date, birth_date, sex, dual_status, orec, esrd, county, death_date",
    "diagnoses": "member_id, code, service_date, eligible",
    "providers": "provider_id, specialty, provider_class, tin, aco_id, exclusive",
}


def make_book(con, lines: int = 40, seed: int = 1, members: int = 6) -> None:
    """A random book whose every column the feed can hold, with reversals and rebilled lines."""
    rng = random.Random(seed)
    kinds = ["inpatient", "snf", "home_health", "hospice", "outpatient", "professional", "professional", "dme"]
    rows: list[tuple] = []

    def add(*row):
        rows.append((f"{len(rows) + 1:013d}", 1, *row))

    for n in range(lines):
        kind = kinds[n % len(kinds)]
        member, doctor = f"1S{rng.randrange(members):09d}", rng.randrange(5)
        physician = kind == "professional"
        month, day = rng.randrange(1, 13), rng.randrange(1, 20)
        start = f"2023-{month:02d}-{day:02d}"
        end = f"2023-{month:02d}-{day + rng.randrange(8):02d}" if not physician else start
        paid, share = Decimal(rng.randrange(1, 2_000_000)) / 100, Decimal(rng.randrange(0, 50_000)) / 100
        add(
            member,
            f"19{doctor:08d}",
            f"98{doctor % 2:07d}" if physician else None,
            f"{8 + doctor:02d}" if physician else None,
            start,
            end,
            "2024-01-10",
            kind,
            rng.choice(["99213", "G0439", "A1234"]) if kind in ("professional", "dme") else None,
            rng.choice(["0450", "0521", None]) if kind == "outpatient" else None,
            rng.choice(["11", "22"]) if kind in ("professional", "dme") else None,
            paid + share,
            paid,
            share,
            Decimal(rng.randrange(0, 9999)) / 100 if kind == "inpatient" else None,
        )
        if n % 5 == 0:
            first = rows[-1]
            money = [-x if x is not None else None for x in first[13:17]]
            add(*first[2:8], "2024-02-10", *first[9:13], *money)
            add(*first[2:8], "2024-02-11", *first[9:13], *first[13:17])
    con.execute(f"CREATE OR REPLACE TABLE claims ({BOOK_COLUMNS})")
    con.executemany(f"INSERT INTO claims VALUES ({', '.join('?' * 17)})", rows)
    con.execute(
        """CREATE OR REPLACE TABLE eligibility AS SELECT member_id, DATE '2023-01-01' AS start_date,
            DATE '2023-12-31' AS end_date, DATE '1950-02-03' AS birth_date, 'F' AS sex, '02' AS dual_status,
            '0' AS orec, right(member_id, 1) = '1' AS esrd, '01003' AS county, NULL::DATE AS death_date
        FROM (SELECT DISTINCT member_id FROM claims);
        CREATE OR REPLACE TABLE providers AS SELECT DISTINCT provider_id, '08' AS specialty,
            'primary' AS provider_class, '980000001' AS tin, 'ACO1' AS aco_id, right(provider_id, 1) <> '2' AS exclusive
        FROM claims;
        CREATE OR REPLACE TABLE diagnoses AS SELECT DISTINCT member_id, 'E11' || right(claim_id, 1) AS code,
            service_date, claim_type IN ('inpatient', 'outpatient', 'professional') AS eligible
        FROM claims WHERE claim_type <> 'dme'
            QUALIFY bool_or(eligible) OVER (PARTITION BY member_id, code, service_date) = eligible"""
    )


def same(con, other, *, tables=tuple(KEPT)) -> None:
    for name in tables:
        sql = f"SELECT {KEPT[name]} FROM {name} ORDER BY ALL"
        assert table(other, sql) == table(con, sql), name


@pytest.mark.parametrize("old_ids", [0, 3])
def test_a_book_written_and_read_back_equals_itself(con, tmp_path, old_ids):
    make_book(con)
    assert table(con, "SELECT count(DISTINCT claim_type), count(*) FROM claims") == [(7, 56)]
    paths = write_cclf(con, tmp_path, old_ids=old_ids)
    for path in paths[:-1]:
        kind = kind_of(path.name)
        width = max(place.end for place in layout()[kind].values())
        assert {len(text) for text in path.read_text().splitlines()} <= {width}
    with duckdb.connect() as other:
        findings = names(read(other, tmp_path))
        same(con, other)
        assert ("old-mbi" in findings) == (old_ids > 0)
        assert findings["cancellation"].rows == 8
        assert "unmatched-cancellation" not in findings
        assert "cost-share-absent" not in findings
        live = table(other, "SELECT count(*) FROM claims WHERE units IS NULL OR units > 0")
        assert live == [(40,)]
    if old_ids:
        assert len({text[12:23] for text in paths[8].read_text().splitlines()}) == 3
    assert table(con, "SELECT count(*) FROM information_schema.tables") == [(4,)]  # nothing of the writer is left


def test_the_original_its_reversal_and_only_they_share_a_control_number(con, tmp_path):
    make_book(con, lines=16)
    paths = write_cclf(con, tmp_path)
    place = layout()["5"]["CLM_CNTL_NUM"]
    numbers = [text[place.start - 1 : place.end].strip() for text in paths[4].read_text().splitlines()]
    shared = {n for n in numbers if numbers.count(n) > 1}
    reversals = table(con, "SELECT count(*) FROM claims WHERE paid < 0 AND claim_type = 'professional'")[0][0]
    assert reversals == len(shared) > 0
    assert all(numbers.count(n) == 2 for n in shared)


@settings(max_examples=5)
@given(seed=st.integers(0, 10_000), old_ids=st.integers(0, 4))
def test_dollars_survive_whatever_the_book(tmp_path_factory, seed, old_ids):
    folder = tmp_path_factory.mktemp("book")
    with duckdb.connect() as con, duckdb.connect() as other:
        make_book(con, lines=60, seed=seed)
        write_cclf(con, folder, old_ids=old_ids)
        read(other, folder)
        same(con, other, tables=("claims", "eligibility"))


def test_pharmacy_keeps_what_the_member_paid(con, tmp_path):
    make_book(con, lines=8)
    con.execute(
        """INSERT INTO claims (claim_id, line_number, member_id, provider_id, service_date, paid_date, claim_type,
            allowed, paid, member_cost_share) VALUES
            ('9000000000001', 1, '1S000000001', '1500000001', '2023-02-02', '2023-02-03', 'pharmacy', 90, 70, 20),
            ('9000000000002', 1, '1S000000001', '1500000001', '2023-02-02', '2023-02-09', 'pharmacy', -90, -70, -20),
            ('9000000000003', 1, '1S000000001', '1500000001', '2023-02-02', '2023-02-10', 'pharmacy', 80, 70, 10)"""
    )
    write_cclf(con, tmp_path)
    with duckdb.connect() as other:
        findings = names(read(other, tmp_path))
        found = table(
            other,
            "SELECT right(claim_id, 1), provider_id, paid_date::VARCHAR, allowed, paid, member_cost_share, units"
            " FROM claims WHERE claim_type = 'pharmacy' ORDER BY 1",
        )
    assert found == [
        ("1", "1500000001", "2023-02-03", 20, 0, 20, 0),
        ("2", "1500000001", "2023-02-09", -20, 0, -20, 0),
        ("3", "1500000001", "2023-02-10", 10, 0, 10, 1),
    ]
    assert findings["part-d-plan-payment-absent"].rows == 3


def test_lines_of_an_institutional_claim_are_summed_to_its_header(con, tmp_path):
    make_book(con, lines=8)
    con.execute("INSERT INTO claims SELECT * REPLACE (2 AS line_number) FROM claims WHERE claim_type = 'outpatient'")
    total = table(
        con, "SELECT claim_id, 1, sum(allowed), sum(paid) FROM claims WHERE claim_type = 'outpatient' GROUP BY 1"
    )
    write_cclf(con, tmp_path)
    with duckdb.connect() as other:
        read(other, tmp_path)
        assert (
            table(other, "SELECT claim_id, line_number, allowed, paid FROM claims WHERE claim_type = 'outpatient'")
            == total
        )


def test_diagnoses_beyond_the_twelve_of_a_line_go_to_the_file_of_diagnoses(con, tmp_path):
    make_book(con, lines=8)
    con.execute(
        """CREATE OR REPLACE TABLE diagnoses AS
        SELECT member_id, 'E' || (100 + n) AS code, service_date, true AS eligible FROM range(15) AS r(n),
            (SELECT DISTINCT member_id, service_date FROM claims WHERE claim_type = 'professional')"""
    )
    days = table(con, "SELECT count(*) FROM diagnoses")[0][0] // 15
    paths = write_cclf(con, tmp_path)
    assert len(paths[3].read_text().splitlines()) == 3 * days > 0
    with duckdb.connect() as other:
        read(other, tmp_path)
        same(con, other, tables=("diagnoses",))


def test_a_value_too_long_for_its_field_is_named(con, tmp_path):
    make_book(con, lines=8)
    con.execute("UPDATE claims SET claim_id = '12345678901234' WHERE claim_type = 'professional'")
    with pytest.raises(InputError, match=r"ZC5Y24.*CUR_CLM_UNIQ_ID takes 13 characters; '12345678901234' has 14"):
        write_cclf(con, tmp_path)


def link(new, old, **more):
    return {"HICN_MBI_XREF": "M", "CRNT_NUM": new, "PRVS_NUM": old} | more


def test_old_numbers_are_chained_in_every_file(con, tmp_path):
    """Three links, A to B to C to D: one member, in claims, demographics and diagnoses."""
    chain = [link("D", "C"), link("B", "A"), link("C", "B"), link("Z", "D", HICN_MBI_XREF="H")]
    part_a = [PART_A | {"BENE_MBI_ID": m, "CUR_CLM_UNIQ_ID": m} for m in "ABCD"]
    mark = {"CUR_CLM_UNIQ_ID": "A", "CLM_TYPE_CD": "60", "CLM_DGNS_CD": "E119", "CLM_FROM_DT": "2023-03-01"}
    folder = feed(
        tmp_path,
        k1=part_a,
        k4=[mark | {"BENE_MBI_ID": "A"}, mark | {"BENE_MBI_ID": "C"}],
        k5=[PART_B | {"BENE_MBI_ID": "B", "CLM_DGNS_1_CD": "I10"}],
        k6=[PART_B | {"BENE_MBI_ID": "A"}],
        k7=[
            {
                "CUR_CLM_UNIQ_ID": "7",
                "BENE_MBI_ID": "C",
                "CLM_LINE_FROM_DT": "2023-01-01",
                "CLM_LINE_BENE_PMT_AMT": "5.00",
            }
            | {"CLM_ADJSMT_TYPE_CD": "0"}
        ],
        k8=[MEMBER | {"BENE_MBI_ID": "D", "BENE_DUAL_STUS_CD": "2"}, MEMBER | {"BENE_MBI_ID": "B"}],
        k9=chain,
    )
    findings = names(read(con, folder))
    for name, count in (("claims", 7), ("eligibility", 1), ("diagnoses", 2)):
        assert table(con, f"SELECT member_id, count(*) FROM {name} GROUP BY 1") == [("D", count)], name
    assert table(con, "SELECT dual_status FROM eligibility") == [("2",)]  # of the current number
    assert findings["old-mbi"].rows == 6
    assert findings["old-mbi"].members == 1


def test_a_circle_of_numbers_is_an_error(con, tmp_path):
    folder = feed(tmp_path, k1=[PART_A], k9=[link("A", "B"), link("C", "A"), link("B", "C"), link("B", "Q")])
    with pytest.raises(InputError, match=r"cclf9\.txt: field PRVS_NUM: found '[ABC]', whose current numbers lead back"):
        read(con, folder)


def test_a_number_with_two_successors_takes_one_and_says_so(con, tmp_path):
    folder = feed(tmp_path, k1=[PART_A | {"BENE_MBI_ID": "A"}], k9=[link("C", "A"), link("B", "A"), link("A", "A")])
    assert "ambiguous-mbi" in names(read(con, folder))
    assert table(con, "SELECT member_id FROM claims") == [("B",)]


def test_part_a_cost_sharing_revenue_codes_and_hospital_shares(con, tmp_path):
    ime = {name: "1.00" for name in layout()["1"] if "IME" in name or "DSPRPRT" in name or "UNCOMPD" in name}
    assert len(ime) == 5
    part_a = [
        PART_A | ime,
        PART_A | ime | {"CUR_CLM_UNIQ_ID": "2", "CLM_ADJSMT_TYPE_CD": "1"},
        PART_A | {"CUR_CLM_UNIQ_ID": "3", "CLM_TYPE_CD": "40", "CLM_EFCTV_DT": "1000-01-01"},
        PART_A | {"CUR_CLM_UNIQ_ID": "4", "CLM_TYPE_CD": "40"},
    ]
    revenue = [("3", "0521"), ("3", "0981"), ("3", "0250"), ("4", "0300")]
    shares = {"CLM_MDCR_IP_BENE_DDCTBL_AMT": "10.00", "CLM_MDCR_DDCTBL_AMT": "10.00", "CLM_MDCR_COINSRNC_AMT": "4.00"}
    folder = feed(
        tmp_path,
        k1=part_a,
        k2=[{"CUR_CLM_UNIQ_ID": claim, "CLM_LINE_PROD_REV_CTR_CD": code} for claim, code in revenue],
        kA=[
            {"CUR_CLM_UNIQ_ID": "1", "CLM_BLOOD_LBLTY_AMT": "0.50"} | shares,
            {"CUR_CLM_UNIQ_ID": "2", "CLM_BLOOD_LBLTY_AMT": "0.50"} | shares,
            {"CUR_CLM_UNIQ_ID": "3", "CLM_MDCR_DDCTBL_AMT": "3.00", "CLM_MDCR_IP_BENE_DDCTBL_AMT": "0.00"},
        ],
    )
    findings = names(read(con, folder))
    columns = "claim_id, allowed, member_cost_share, ime_dsh, revenue_code, units, paid_date IS NULL"
    assert table(con, f"SELECT {columns} FROM claims ORDER BY 1") == [
        ("1", Decimal("214.50"), Decimal("14.50"), 5, None, 0, False),
        ("2", Decimal("-214.50"), Decimal("-14.50"), -5, None, 0, False),
        ("3", 203, 3, None, "0981", 1, True),
        ("4", 200, 0, None, None, 1, False),
    ]
    assert (findings["cost-share-absent"].rows, findings["cost-share-absent"].dollars) == (1, 200)


def test_spans_of_coverage(con, tmp_path):
    begun = {"BENE_PART_A_ENRLMT_BGN_DT": "2020-01-01", "BENE_PART_B_ENRLMT_BGN_DT": "2020-05-01"}
    range_ = {"BENE_RNG_BGN_DT": "2023-02-01", "BENE_RNG_END_DT": "2023-03-31"}
    details = {"BENE_SEX_CD": "1", "BENE_MDCR_STUS_CD": "31", "BENE_FIPS_STATE_CD": "5", "BENE_FIPS_CNTY_CD": "001"}
    members = [
        begun | {"BENE_MBI_ID": "A"} | details,
        begun | {"BENE_MBI_ID": "B", "BENE_DEATH_DT": "2023-06-07", "BENE_MDCR_STUS_CD": "10"},
        begun | {"BENE_MBI_ID": "C"} | range_,
        {"BENE_MBI_ID": "D"} | range_,
        {"BENE_MBI_ID": "D", "BENE_RNG_BGN_DT": "2023-08-01", "BENE_DEATH_DT": "9999-12-31"},
        {"BENE_MBI_ID": "E"},
    ]
    findings = names(read(con, feed(tmp_path, k1=[PART_A], k8=members)))
    sql = "SELECT member_id, start_date::VARCHAR, end_date::VARCHAR, sex, esrd, county FROM eligibility ORDER BY 1, 2"
    assert table(con, sql) == [
        ("A", "2020-05-01", "2023-12-31", "M", True, "05001"),
        ("B", "2020-05-01", "2023-06-07", "U", False, None),
        ("C", "2020-05-01", "2023-12-31", "U", None, None),
        ("D", "2023-02-01", "2023-03-31", "U", None, None),
        ("D", "2023-08-01", "2023-12-31", "U", None, None),
        ("E", "2023-01-01", "2023-12-31", "U", None, None),
    ]
    assert findings["hospice-range"].rows == 1
    assert findings["range-as-coverage"].rows == 2
    assert findings["coverage-begin-absent"].rows == 1


def test_members_who_begin_after_the_claims_have_a_span_and_the_dead_have_none(con, tmp_path):
    def begin(day, **more):
        return {"BENE_PART_A_ENRLMT_BGN_DT": day, "BENE_SEX_CD": "2"} | more

    members = [
        begin("2023-12-01", BENE_MBI_ID="A"),
        begin("2024-01-01", BENE_MBI_ID="B"),
        begin("2025-02-01", BENE_MBI_ID="C", BENE_DEATH_DT="2025-03-04"),
        begin("2024-02-01", BENE_MBI_ID="1S00E00AA01", BENE_DEATH_DT="2023-03-07"),
        begin("2023-05-06", BENE_MBI_ID="E", BENE_DEATH_DT="2023-05-06"),
        {"BENE_MBI_ID": "F", "BENE_RNG_BGN_DT": "2024-03-01"},
        {"BENE_MBI_ID": "G", "BENE_DEATH_DT": "2022-12-31"},
    ]
    source = feed(tmp_path / "in", k1=[PART_A], k8=members)
    found = names(ingest(source, tmp_path / "out", format="cclf"))
    spans = f"SELECT member_id, start_date::VARCHAR, end_date::VARCHAR FROM '{tmp_path}/out/eligibility.parquet'"
    assert table(con, f"{spans} ORDER BY 1") == [
        ("A", "2023-12-01", "2023-12-31"),
        ("B", "2024-01-01", "2024-12-31"),
        ("C", "2025-02-01", "2025-03-04"),
        ("E", "2023-05-06", "2023-05-06"),
        ("F", "2024-03-01", "2024-12-31"),
    ]
    assert (found["coverage-after-claims"].rows, found["coverage-after-claims"].members) == (3, 3)
    dead = found["death-before-coverage"]
    assert (dead.rows, dead.members, dead.fatal) == (2, 2, False)
    assert found["unknown-member"].dollars == 200  # the claims of the member left out stay in the data


def test_a_feed_in_a_folder_with_an_apostrophe(con, tmp_path):
    folder = feed(tmp_path / "O'Brien", "P.A1.ACO.ZC{}Y23.D231215.T0000000", k1=[PART_A], k5=[PART_B])
    feed(folder, "P.A1.ACO.ZC{}Y24.D240115.T0000000", k1=[PART_A | {"CUR_CLM_UNIQ_ID": "2"}])
    (folder / "providers.csv").write_text("provider_id,specialty\n3,97\n")
    ingest(folder, tmp_path / "out", format="cclf")
    assert table(con, f"SELECT count(*), sum(paid) FROM '{tmp_path}/out/claims.parquet'") == [(3, 500)]
    with duckdb.connect() as other:
        read(other, folder)
        write_cclf(other, tmp_path / "O'Brien" / "again")
    (folder / "P.A1.ACO.ZC1Y24.D240115.T0000000").write_text(line("1", **PART_A)[:96] + "\n")
    with pytest.raises(InputError, match=r"O'Brien/P\.A1\.ACO\.ZC1Y24.*line 1, field CLM_PMT_AMT"):
        ingest(folder, tmp_path / "out", format="cclf")


def test_months_are_read_together_and_the_newest_demographics_hold(con, tmp_path):
    stamps = {"P.A1.ACO.ZC{}Y23.D231215.T0000000": "0", "P.A1.ACO.ZC{}Y24.D240115.T0000000": "2"}
    for n, (files, dual) in enumerate(stamps.items()):
        feed(tmp_path, files, k1=[PART_A | {"CUR_CLM_UNIQ_ID": str(n)}], k8=[MEMBER | {"BENE_DUAL_STUS_CD": dual}])
    (tmp_path / "P.A1.ACO.ZC0Y24.D240115.T0000000").write_text("summary")
    findings = read(con, tmp_path)
    assert table(con, "SELECT count(*), sum(paid) FROM claims") == [(2, 400)]
    assert table(con, "SELECT dual_status FROM eligibility") == [("2",)]
    unknown = names(findings)["unknown-file"]
    assert "ZC0Y24" in unknown.what
    assert "providers" not in unknown.what
    assert {f.what[3:8] for f in findings if f.check == "file-absent"} == {f"CCLF{k}" for k in "245679"}


def test_providers_given_and_from_the_claims(con, tmp_path):
    bills = [
        ("1", "08", "T1"),
        ("1", "08", "T2"),
        ("1", "11", "T2"),
        ("2", "50", "T9"),
        ("2", "11", "T9"),
        ("3", "06", "T3"),
    ]
    part_b = [
        PART_B
        | {"CUR_CLM_UNIQ_ID": str(n), "CLM_CNTL_NUM": str(n), "RNDRG_PRVDR_NPI_NUM": npi}
        | {"CLM_PRVDR_SPCLTY_CD": specialty, "CLM_RNDRG_PRVDR_TAX_NUM": tin}
        for n, (npi, specialty, tin) in enumerate(bills)
    ]
    folder = feed(tmp_path, k5=part_b, k1=[PART_A | {"FAC_PRVDR_NPI_NUM": "8"}])
    (folder / "providers.csv").write_text("provider_id,specialty,aco_id,exclusive\n3,97,ACO1,no\n9,,,\n")
    read(con, folder)
    sql = "SELECT provider_id, specialty, tin, aco_id, exclusive FROM providers ORDER BY 1"
    assert table(con, sql) == [
        ("1", "08", "T2", None, None),
        ("2", "11", "T9", None, None),
        ("3", "97", None, "ACO1", False),
        ("8", None, None, None, None),
        ("9", None, None, None, None),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("provider_id,speciality\n1,08\n", "unknown column 'speciality'.*Did you mean 'specialty'"),
        ("specialty\n08\n", "missing column 'provider_id'"),
        ("provider_id,tin\n1,2\n1,3\n", "provider_id '1' stands in several rows"),
        ("provider_id,exclusive\n1,perhaps\n", "row 2, column 'exclusive': found 'perhaps'"),
    ],
)
def test_providers_that_break_the_rules(con, tmp_path, text, message):
    folder = feed(tmp_path, k1=[PART_A])
    (folder / "providers.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read(con, folder)


def test_diagnoses_of_a_line_and_denied_lines(con, tmp_path):
    codes = {"CLM_LINE_DGNS_CD": "I10"} | {f"CLM_DGNS_{n}_CD": f"E11{n}" for n in range(1, 13)}
    marks = [("20", "I10"), ("20", "J44"), ("61", "J45"), ("40", "J46"), ("50", "J47")]
    folder = feed(
        tmp_path,
        k5=[PART_B | codes | {"CLM_CARR_PMT_DNL_CD": "0"}, PART_B | codes | {"CLM_LINE_NUM": "2"}],
        k4=[
            {"BENE_MBI_ID": "1S00E00AA01", "CLM_TYPE_CD": kind, "CLM_DGNS_CD": code, "CLM_FROM_DT": "2023-05-02"}
            for kind, code in marks
        ],
    )
    findings = names(read(con, folder))
    assert table(con, "SELECT count(*), count(DISTINCT code) FROM diagnoses") == [(17, 17)]
    assert table(con, "SELECT code FROM diagnoses WHERE NOT eligible ORDER BY 1") == [("J44",), ("J47",)]
    assert (findings["denied-line"].rows, findings["denied-line"].dollars) == (1, 100)
    assert table(con, "SELECT sum(paid) FROM claims") == [(200,)]


def test_trimmed_lines_blank_lines_and_windows_line_ends_do_no_harm(con, tmp_path):
    folder = feed(tmp_path, k1=[PART_A])
    (folder / "cclf1.txt").write_bytes(("\r\n" + line("1", **PART_A)[:150].rstrip() + "\r\n\r\n").encode())
    (folder / "cclf8.txt").write_bytes(line("8", **MEMBER, BENE_LAST_NAME='O"Brién, ').encode("latin-1").rstrip())
    read(con, folder)
    assert table(con, "SELECT paid, paid_date FROM claims") == [(200, None)]
    assert table(con, "SELECT sex, start_date::VARCHAR FROM eligibility") == [("F", "2020-01-01")]


CASES = {
    "cut amount": (
        "1",
        PART_A,
        96,
        r"line 3, field CLM_PMT_AMT \(columns 82 to 98\): found '200\.' \(the line ends at col",
    ),
    "cut date": ("1", PART_A, 60, r"line 3, field CLM_THRU_DT .*found '2023-03' \(the line ends at column 60\)"),
    "cut member": ("1", PART_A, 25, r"line 3, field BENE_MBI_ID .*found '1S00E0' \(the line ends at column 25\)"),
    "cut last amount": ("5", PART_B, 235, r"CLM_LINE_ALOWD_CHRG_AMT .*found '10' \(the line ends at column 235\)"),
    "ends too soon": ("5", PART_B, 211, r"line 3, field CLM_LINE_ALOWD_CHRG_AMT .*found nothing \(the line ends at"),
    "date": (
        "1",
        PART_A | {"CLM_FROM_DT": "2023-02-30"},
        999,
        r"field CLM_FROM_DT .*found '2023-02-30'; a date written",
    ),
    "other date": ("1", PART_A | {"CLM_FROM_DT": "03/01/2023"}, 999, r"field CLM_FROM_DT .*found '03/01/2023'"),
    "optional date": ("1", PART_A | {"CLM_EFCTV_DT": "soon"}, 999, r"field CLM_EFCTV_DT .*found 'soon'"),
    "amount": ("1", PART_A | {"CLM_PMT_AMT": "2OO.00"}, 999, r"CLM_PMT_AMT .*found '2OO.00'; an amount in dollars"),
    "power": ("1", PART_A | {"CLM_PMT_AMT": "2e3"}, 999, r"CLM_PMT_AMT .*found '2e3'"),
    "suppressed": ("5", PART_B | {"CLM_LINE_CVRD_PD_AMT": "*"}, 999, r"CLM_LINE_CVRD_PD_AMT .*found '\*'"),
    "adjustment": ("5", PART_B | {"CLM_ADJSMT_TYPE_CD": "3"}, 999, r"found '3'; one of 0, 1, 2, 00, 01, 02 is wanted"),
    "type": ("1", PART_A | {"CLM_TYPE_CD": "71"}, 999, r"CLM_TYPE_CD .*found '71'; one of 10, 20"),
    "no day": ("5", PART_B | {"CLM_FROM_DT": "1000-01-01"}, 999, r"CLM_FROM_DT .*found '1000-01-01'"),
    "line number": ("5", PART_B | {"CLM_LINE_NUM": "one"}, 999, r"CLM_LINE_NUM .*found 'one'; a whole number"),
}


@pytest.mark.parametrize(("kind", "record", "cut", "message"), CASES.values(), ids=CASES)
def test_damaged_lines_are_named(con, tmp_path, kind, record, cut, message):
    good = PART_A if kind == "1" else PART_B
    folder = feed(tmp_path, **{f"k{kind}": [good]})
    path = folder / f"cclf{kind}.txt"
    path.write_text(f"{line(kind, **good)}\n\n{line(kind, **record)[:cut]}\n{line(kind, **good)}\n")
    with pytest.raises(InputError, match=rf"cclf{kind}\.txt: .*{message}") as caught:
        read(con, folder)
    assert "line 3, field" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_must_be_there(con, tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        read(con, tmp_path / "nowhere")
    with pytest.raises(InputError, match="no CCLF8"):
        read(con, tmp_path)
    feed(tmp_path)
    with pytest.raises(InputError, match="at least one of CCLF1, CCLF5, CCLF6, CCLF7"):
        read(con, tmp_path)
    (tmp_path / "cclf1.txt").write_text("")
    with pytest.raises(InputError, match="the claim files hold no lines"):
        read(con, tmp_path)


def test_a_large_book_is_written_and_read_to_the_cent(tmp_path):
    with duckdb.connect() as con, duckdb.connect() as other:
        make_book(con, lines=160, members=500)
        con.execute(
            """CREATE OR REPLACE TABLE claims AS SELECT * REPLACE (
                lpad(CAST(CAST(claim_id AS BIGINT) + 1000 * n AS VARCHAR), 13, '0') AS claim_id,
                left(member_id, 2) || lpad(CAST(n AS VARCHAR), 4, '0') || right(member_id, 5) AS member_id)
            FROM claims, range(450) AS r(n);
            CREATE OR REPLACE TABLE eligibility AS SELECT DISTINCT member_id, DATE '2023-01-01' AS start_date,
                DATE '2023-12-31' AS end_date FROM claims;"""
        )
        write_cclf(con, tmp_path, old_ids=1000)
        read(other, tmp_path)
        sums = "SELECT count(*), sum(paid), sum(allowed), sum(ime_dsh), count(DISTINCT member_id) FROM claims"
        assert table(other, sums) == table(con, sums)
        assert table(con, "SELECT count(*) FROM claims")[0][0] > 100_000


def test_a_synthetic_book_written_as_a_feed_and_read_back_equals_itself_to_the_cent(tmp_path):
    write_book(SyntheticSettings(members=600, months=24, seed=9), tmp_path / "book")
    write_feed(tmp_path / "book", tmp_path / "feed", old_ids=5)
    ingest(tmp_path / "feed", tmp_path / "back", format="cclf")
    sums = """SELECT member_id, claim_type, date_trunc('month', service_date) AS month, provider_id,
        sum(allowed) AS allowed, sum(paid) AS paid, sum(member_cost_share) AS share, coalesce(sum(ime_dsh), 0) AS ime
        FROM read_parquet('{}/claims.parquet') GROUP BY ALL ORDER BY ALL"""
    both = [duckdb.sql(sums.format(tmp_path / name)).fetchall() for name in ("book", "back")]
    assert len(both[0]) > 5000
    assert both[0] == both[1]
    who = "SELECT member_id, start_date, end_date, birth_date, sex FROM '{}/eligibility.parquet' ORDER BY ALL"
    spans = [duckdb.sql(who.format(tmp_path / name)).fetchall() for name in ("book", "back")]
    assert spans[0] == spans[1]
