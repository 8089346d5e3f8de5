"""Writer of CMS's Claim and Claim Line Feed (CCLF): canonical tables in the very layout of the feed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from acomodel.claims.sources.cclf_files import KINDS, layout, type_of
from acomodel.claims.sources.cells import text_of
from acomodel.inputs import InputError, dictionary

if TYPE_CHECKING:
    import duckdb

INSTITUTIONAL = {"home_health": "10", "snf": "20", "outpatient": "40", "hospice": "50", "inpatient": "60"}
"""CLM_TYPE_CD under which claims of Part A are written."""

_SQL_TYPES = {
    "text": "VARCHAR",
    "date": "DATE",
    "integer": "INTEGER",
    "money": "DECIMAL(14,2)",
    "quantity": "DECIMAL(14,2)",
    "yes/no": "BOOLEAN",
}
_NEGATIVE = "(paid < 0 OR allowed < 0 OR member_cost_share < 0)"
_SIGN = f"CASE WHEN {_NEGATIVE} THEN -1 ELSE 1 END"


def write_cclf(
    con: duckdb.DuckDBPyConnection, folder: Path, *, aco_id: str = "A0000", when: str = "240115", old_ids: int = 0
) -> list[Path]:
    """
    Write canonical tables as CCLF files 1 to 9 and A, and `providers.csv`.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Connection that holds `claims`, `eligibility`, `providers` and `diagnoses`, or some of them.
    folder : Path
        Folder to write; it is made if need be, and files of the same names are replaced.
    aco_id : str
        Number of the ACO in the file names.
    when : str
        Day in the file names, YYMMDD.
    old_ids : int
        How many members have an earlier MBI on every second of their claims, with a row in CCLF9. [members]

    Returns
    -------
    list of Path
        The files, in the order of the feed, then `providers.csv`.

    Raises
    ------
    InputError
        A value does not fit its field.

    Notes
    -----
    A negative line becomes a cancellation on the natural key of the line it reverses: same member, provider, days
    and line number, opposite amounts. The lines of an institutional claim are summed to its header. Facilities are
    numbered, as PRVDR_OSCAR_NUM is shorter than an NPI. What the feed has no field for is lost: categories, units,
    practice and specialty on Part A and DME, the plan's payment for drugs. Spans of coverage stand in the BENE_RNG
    fields and the beginnings of Part A and B stay blank, as the feed has no other place for an end of coverage.

    References
    ----------
    .. [1] CMS, "CCLF Information Packet," version 38.0, Feb. 2, 2024, appendix B.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for table in ("claims", "eligibility", "providers", "diagnoses"):
        _view(con, table)
    _prepare(con, old_ids)
    files = _files()
    written = []
    for kind in (k for k in KINDS if k != "B"):
        path = folder / f"P.{aco_id}.ACO.ZC{kind}Y{when[:2]}.D{when}.T0000000"
        fields, source = files.get(kind, ({}, "SELECT 1 WHERE false"))
        _copy(con, kind, path, fields, source)
        written.append(path)
    path = folder / "providers.csv"
    con.execute(
        "COPY (SELECT * REPLACE (CASE WHEN exclusive THEN 'yes' WHEN NOT exclusive THEN 'no' END AS exclusive)"
        f" FROM book_providers ORDER BY provider_id) TO {text_of(str(path))} (HEADER)"
    )
    con.execute("DROP TABLE controls; DROP TABLE facilities; DROP TABLE renamed; DROP TABLE marks; DROP VIEW headers")
    for table in ("claims", "eligibility", "providers", "diagnoses"):
        con.execute(f"DROP VIEW book_{table}")
    return [*written, path]


def _view(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """View `book_<table>` with every column of the dictionary, empty where the table is absent."""
    found = {row[0] for row in con.execute("SELECT table_name FROM information_schema.tables").fetchall()}
    names = {row[0] for row in con.execute(f"DESCRIBE {table}").fetchall()} if table in found else set()
    rules = dictionary().query("table == @table")
    columns = {
        str(name): f"CAST({name if name in names else 'NULL'} AS {_SQL_TYPES[kind]})"
        for name, kind in zip(rules["column"], rules["type"], strict=True)
    }
    if table == "claims":
        columns["paid"] = f"coalesce({columns['paid']}, 0)"
        share = f"coalesce({columns['member_cost_share']}, {columns['allowed']} - {columns['paid']}, 0)"
        columns["member_cost_share"] = share
        columns["allowed"] = f"coalesce({columns['allowed']}, {columns['paid']} + {columns['member_cost_share']})"
    listed = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    rows = f"FROM {table}" if names else "WHERE false"
    con.execute(f"CREATE OR REPLACE TEMP VIEW book_{table} AS SELECT {listed} {rows}")


def _prepare(con: duckdb.DuckDBPyConnection, old_ids: int) -> None:
    """Control numbers of reversals, numbers of facilities, earlier MBIs, diagnoses by line, headers of Part A."""
    same = (
        "member_id, claim_type, service_date, line_number, coalesce(provider_id, '') AS provider,"
        " coalesce(end_date, service_date) AS day, coalesce(hcpcs, '') AS code, abs(paid) AS p, abs(allowed) AS a"
    )
    key = "member_id, claim_type, service_date, line_number, provider, day, code, p, a"
    keyed = f"row_number() OVER (PARTITION BY {key} ORDER BY paid_date, claim_id) AS place"
    lines = f"SELECT {same}, claim_id, paid_date, {_NEGATIVE} AS negative FROM book_claims"
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE controls AS
        WITH lines AS ({lines} WHERE claim_type NOT IN {tuple(INSTITUTIONAL)}),
            reversals AS (SELECT *, {keyed} FROM lines WHERE negative),
            originals AS (SELECT *, {keyed} FROM lines
                WHERE NOT negative AND ({key}) IN (SELECT ({key}) FROM reversals))
        SELECT r.member_id, r.claim_id, r.line_number, min(o.claim_id) AS control
        FROM reversals AS r JOIN originals AS o USING ({key}, place) GROUP BY ALL;
        CREATE OR REPLACE TEMP TABLE facilities AS
        SELECT provider_id, lpad(CAST(row_number() OVER (ORDER BY provider_id) AS VARCHAR), 6, '0') AS oscar
        FROM (SELECT DISTINCT provider_id FROM book_claims WHERE claim_type IN {tuple(INSTITUTIONAL)});
        CREATE OR REPLACE TEMP TABLE renamed AS
        SELECT member_id, claim_id,
            'OLD' || lpad(CAST(dense_rank() OVER (ORDER BY member_id) AS VARCHAR), 8, '0') AS old
        FROM (SELECT DISTINCT member_id, claim_id FROM book_claims WHERE member_id IN (
            SELECT DISTINCT member_id FROM book_claims ORDER BY member_id LIMIT {int(old_ids)}))
        QUALIFY row_number() OVER (PARTITION BY member_id ORDER BY claim_id) % 2 = 0;
        CREATE OR REPLACE TEMP VIEW headers AS
        SELECT claim_id, member_id, provider_id, claim_type, min(service_date) AS service_date,
            max(coalesce(end_date, service_date)) AS end_date, max(paid_date) AS paid_date, sum(paid) AS paid,
            sum(allowed) AS allowed, sum(member_cost_share) AS member_cost_share, sum(ime_dsh) AS ime_dsh
        FROM book_claims WHERE claim_type IN {tuple(INSTITUTIONAL)}
        GROUP BY claim_id, member_id, provider_id, claim_type, {_NEGATIVE};
        CREATE OR REPLACE TEMP TABLE marks AS
        WITH physician AS (
            SELECT member_id, service_date, min((claim_id, line_number)) AS line FROM book_claims
            WHERE claim_type = 'professional' AND NOT {_NEGATIVE} GROUP BY ALL),
        facility AS (
            SELECT member_id, service_date, claim_type IN ('inpatient', 'outpatient') AS ok,
                min((claim_id, claim_type)) AS claim
            FROM headers GROUP BY ALL)
        SELECT member_id, service_date, code, ok, line[1] AS claim_id, line[2] AS line_number, f.claim[1] AS facility,
            f.claim[2] AS claim_type,
            row_number() OVER (PARTITION BY member_id, service_date, ok AND facility IS NULL AND line IS NOT NULL
                ORDER BY code) AS place
        FROM (SELECT DISTINCT member_id, service_date, code, coalesce(eligible, true) AS ok FROM book_diagnoses)
        LEFT JOIN physician USING (member_id, service_date)
        LEFT JOIN facility AS f USING (member_id, service_date, ok)"""
    )


def _files() -> dict[str, tuple[dict[str, str], str]]:
    """By kind: SQL of each filled field, and the SQL they are taken from."""
    named = "coalesce(old, c.member_id)"
    renamed = "LEFT JOIN renamed AS n ON n.member_id = c.member_id AND n.claim_id = c.claim_id"
    adjustment = f"CASE WHEN {_NEGATIVE} THEN '1' ELSE '0' END"
    share = f"member_cost_share * {_SIGN}"
    kinds = " ".join(f"WHEN '{name}' THEN '{code}'" for name, code in INSTITUTIONAL.items())
    claim_type = f"CASE claim_type {kinds} END"
    header = (
        f"SELECT c.*, {named} AS mbi, oscar FROM headers AS c {renamed}"
        " LEFT JOIN facilities AS f ON f.provider_id = c.provider_id"
    )
    part_a = {"CUR_CLM_UNIQ_ID": "claim_id", "BENE_MBI_ID": "mbi", "CLM_TYPE_CD": claim_type}
    facility = {"PRVDR_OSCAR_NUM": "oscar", "CLM_FROM_DT": "service_date", "CLM_THRU_DT": "end_date"}
    lines = f"""SELECT c.* REPLACE (coalesce(c.end_date, c.service_date) AS end_date), {named} AS mbi,
        coalesce(control, c.claim_id) AS control FROM book_claims AS c {renamed} LEFT JOIN controls AS r
        ON {_NEGATIVE} AND r.claim_id = c.claim_id AND r.line_number = c.line_number AND r.member_id = c.member_id"""
    line = {
        "CUR_CLM_UNIQ_ID": "claim_id",
        "CLM_LINE_NUM": "line_number",
        "BENE_MBI_ID": "mbi",
        "CLM_FROM_DT": "service_date",
        "CLM_THRU_DT": "end_date",
        "CLM_LINE_FROM_DT": "service_date",
        "CLM_LINE_THRU_DT": "end_date",
        "CLM_POS_CD": "place_of_service",
        "CLM_LINE_HCPCS_CD": "hcpcs",
        "CLM_LINE_CVRD_PD_AMT": f"paid * {_SIGN}",
        "CLM_LINE_ALOWD_CHRG_AMT": f"allowed * {_SIGN}",
        "CLM_CARR_PMT_DNL_CD": "'1'",
        "CLM_ADJSMT_TYPE_CD": adjustment,
        "CLM_EFCTV_DT": "paid_date",
        "CLM_CNTL_NUM": "control",
    }
    noted = (
        f"SELECT c.*, codes FROM ({lines} WHERE c.claim_type = 'professional') AS c LEFT JOIN (SELECT claim_id,"
        " line_number, member_id, list(code ORDER BY code) AS codes FROM marks WHERE ok AND facility IS NULL"
        f" AND place <= 12 AND claim_id IS NOT NULL GROUP BY ALL) AS m ON NOT {_NEGATIVE} AND m.claim_id = c.claim_id"
        " AND m.line_number = c.line_number AND m.member_id = c.member_id"
    )
    physician = {
        "CLM_TYPE_CD": "'71'",
        "CLM_PRVDR_SPCLTY_CD": "specialty",
        "CLM_RNDRG_PRVDR_TAX_NUM": "tin",
        "RNDRG_PRVDR_NPI_NUM": "provider_id",
        **{f"CLM_DGNS_{n}_CD": f"codes[{n}]" for n in range(1, 13)},
    }
    order = "ORDER BY claim_id, line_number, paid_date"
    return {
        "1": (
            part_a
            | facility
            | {
                "CLM_PMT_AMT": f"paid * {_SIGN}",
                "FAC_PRVDR_NPI_NUM": "provider_id",
                "CLM_ADJSMT_TYPE_CD": adjustment,
                "CLM_EFCTV_DT": "paid_date",
                "CLM_OPRTNL_IME_AMT": f"ime_dsh * {_SIGN}",
            },
            f"{header} ORDER BY claim_id, paid_date",
        ),
        "2": (
            part_a
            | {
                "CLM_LINE_NUM": "line_number",
                "CLM_LINE_PROD_REV_CTR_CD": "revenue_code",
                "CLM_LINE_HCPCS_CD": "hcpcs",
                "CLM_FROM_DT": "service_date",
                "CLM_LINE_FROM_DT": "service_date",
                "CLM_LINE_CVRD_PD_AMT": f"paid * {_SIGN}",
            },
            f"{lines} WHERE c.claim_type IN {tuple(INSTITUTIONAL)} AND revenue_code IS NOT NULL {order}",
        ),
        "4": (
            {
                "CUR_CLM_UNIQ_ID": "coalesce(facility, '0000000000000')",
                "BENE_MBI_ID": "member_id",
                "CLM_TYPE_CD": f"coalesce({claim_type}, CASE WHEN ok THEN '40' ELSE '20' END)",
                "CLM_DGNS_CD": "code",
                "CLM_FROM_DT": "service_date",
                "CLM_THRU_DT": "service_date",
            },
            "SELECT * FROM marks WHERE NOT (ok AND facility IS NULL AND place <= 12 AND claim_id IS NOT NULL)"
            " ORDER BY member_id, service_date, code",
        ),
        "5": (line | physician, f"{noted} {order}"),
        "6": (
            line | {"CLM_TYPE_CD": "'82'", "PAYTO_PRVDR_NPI_NUM": "provider_id"},
            f"{lines} WHERE c.claim_type = 'dme' {order}",
        ),
        "7": (
            {
                "CUR_CLM_UNIQ_ID": "claim_id",
                "BENE_MBI_ID": "mbi",
                "CLM_TYPE_CD": "'01'",
                "CLM_LINE_FROM_DT": "service_date",
                "PRVDR_SRVC_ID_QLFYR_CD": "CASE WHEN provider_id IS NOT NULL THEN '01' END",
                "CLM_SRVC_PRVDR_GNRC_ID_NUM": "provider_id",
                "CLM_LINE_BENE_PMT_AMT": share,
                "CLM_ADJSMT_TYPE_CD": adjustment,
                "CLM_EFCTV_DT": "paid_date",
                "CLM_LINE_RX_SRVC_RFRNC_NUM": "right(control, 12)",
            },
            f"{lines} WHERE c.claim_type = 'pharmacy' {order}",
        ),
        "8": (
            {
                "BENE_MBI_ID": "member_id",
                "BENE_FIPS_STATE_CD": "county[:2]",
                "BENE_FIPS_CNTY_CD": "county[3:]",
                "BENE_DOB": "birth_date",
                "BENE_SEX_CD": "CASE sex WHEN 'M' THEN '1' WHEN 'F' THEN '2' ELSE '0' END",
                "BENE_MDCR_STUS_CD": "CASE WHEN esrd THEN '11' WHEN NOT esrd THEN '10' END",
                "BENE_DUAL_STUS_CD": "dual_status",
                "BENE_DEATH_DT": "death_date",
                "BENE_RNG_BGN_DT": "start_date",
                "BENE_RNG_END_DT": "end_date",
                "BENE_ORGNL_ENTLMT_RSN_CD": "orec",
            },
            "SELECT * FROM book_eligibility ORDER BY member_id, start_date",
        ),
        "9": (
            {"HICN_MBI_XREF": "'M'", "CRNT_NUM": "member_id", "PRVS_NUM": "old"},
            "SELECT DISTINCT member_id, old FROM renamed ORDER BY old",
        ),
        "A": (
            part_a
            | {
                "CLM_MDCR_IP_BENE_DDCTBL_AMT": f"CASE WHEN claim_type = 'inpatient' THEN {share} END",
                "CLM_MDCR_COINSRNC_AMT": f"CASE WHEN claim_type <> 'inpatient' THEN {share} END",
            },
            f"{header} ORDER BY claim_id, paid_date",
        ),
    }


def _copy(con: duckdb.DuckDBPyConnection, kind: str, path: Path, fields: Mapping[str, str], source: str) -> None:
    """One file: every field at its place, blank where nothing fills it; a value too long is an error."""
    cast = {"money": "DECIMAL(14,2)", "date": "DATE", "integer": "INTEGER", "text": "VARCHAR"}
    texts = {
        name: f"coalesce(CAST(CAST({sql} AS {cast[type_of(kind, name)]}) AS VARCHAR), '')"
        for name, sql in fields.items()
    }
    parts = []
    for name, place in layout()[kind].items():
        if name not in texts:
            parts.append(f"repeat(' ', {place.width})")
        else:
            pad = "lpad" if type_of(kind, name) in ("money", "integer") else "rpad"
            parts.append(f"{pad}({texts[name]}, {place.width}, ' ')")
    if texts:
        widest = ", ".join(f"max_by({sql}, length({sql}))" for sql in texts.values())
        row = con.execute(f"SELECT {widest} FROM ({source})").fetchone() or ()
        for name, value in zip(texts, row, strict=True):
            width = layout()[kind][name].width
            if len(value or "") > width:
                raise InputError(f"{path.name}: field {name} takes {width} characters; '{value}' has {len(value)}.")
    con.execute(
        f"COPY (SELECT {' || '.join(parts)} AS line FROM ({source})) TO {text_of(str(path))}"
        " (FORMAT csv, HEADER false, DELIMITER '\x1f', QUOTE '', ESCAPE '')"
    )
