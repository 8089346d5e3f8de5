"""
Reader of CMS research files: yearly beneficiary files and the claim files, pipe separated, dates DD-Mon-YYYY.

Institutional files print the payment of the claim on each of its lines; it is counted on the first line alone. Amounts
of a primary payer and per-diem pass-throughs are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from acomodel.claims.findings import Finding
from acomodel.claims.sources.cells import counted, first_of, header_of, name_of, text_of, text_table, typed
from acomodel.inputs import InputError

if TYPE_CHECKING:
    import duckdb

_DATES = ("%d-%b-%Y",)
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEPT", "OCT", "NOV", "DEC")
_COVERED, _ONE_PART = "('1', '2', '3', 'A', 'B', 'C')", "('1', '2', 'A', 'B')"

_CLAIM = {
    "claim_id": ("CLM_ID", "text"),
    "member_id": ("BENE_ID", "text"),
    "from_date": ("CLM_FROM_DT", "date"),
    "thru_date": ("CLM_THRU_DT", "date"),
    "paid_date": ("NCH_WKLY_PROC_DT", "date"),
    "hcpcs": ("HCPCS_CD", "text"),
}
_FACILITY = _CLAIM | {
    "line_number": ("CLM_LINE_NUM", "integer"),
    "provider_id": ("ORG_NPI_NUM", "text"),
    "revenue_code": ("REV_CNTR", "text"),
    "paid": ("CLM_PMT_AMT", "money"),
}
_PART_B = _CLAIM | {
    "line_number": ("LINE_NUM", "integer"),
    "type_code": ("NCH_CLM_TYPE_CD", "text"),
    "first_date": ("LINE_1ST_EXPNS_DT", "date"),
    "last_date": ("LINE_LAST_EXPNS_DT", "date"),
    "tin": ("TAX_NUM", "text"),
    "specialty": ("PRVDR_SPCLTY", "text"),
    "place_of_service": ("LINE_PLACE_OF_SRVC_CD", "text"),
    "allowed": ("LINE_ALOWD_CHRG_AMT", "money"),
    "paid": ("LINE_NCH_PMT_AMT", "money"),
}
_DRUG = {
    "claim_id": ("PDE_ID", "text"),
    "member_id": ("BENE_ID", "text"),
    "from_date": ("SRVC_DT", "date"),
    "paid_date": ("PD_DT", "date"),
    "allowed": ("TOT_RX_CST_AMT", "money"),
}
_PART_A_SHARE = ("NCH_BENE_IP_DDCTBL_AMT", "NCH_BENE_PTA_COINSRNC_LBLTY_AM", "NCH_BENE_BLOOD_DDCTBL_LBLTY_AM")
_PART_B_SHARE = ("NCH_BENE_PTB_DDCTBL_AMT", "NCH_BENE_PTB_COINSRNC_AMT", "NCH_BENE_BLOOD_DDCTBL_LBLTY_AM")
_LINE_SHARE = ("LINE_BENE_PTB_DDCTBL_AMT", "LINE_COINSRNC_AMT")
_IME_DSH = ("IME_OP_CLM_VAL_AMT", "DSH_OP_CLM_VAL_AMT", "CLM_UNCOMPD_CARE_PMT_AMT")


@dataclass(frozen=True)
class _File:
    """One claim file: claim type, columns, cost share, count of use, dates by line, and whether it must be there."""

    claim_type: str
    columns: dict[str, tuple[str, str]]
    share: tuple[str, ...] = ()
    units: str | None = None
    ime_dsh: tuple[str, ...] = ()
    dated_lines: bool = False
    risk: bool = True
    needed: bool = False


_FILES = {
    "inpatient": _File("inpatient", _FACILITY, _PART_A_SHARE, "CLM_UTLZTN_DAY_CNT", _IME_DSH, needed=True),
    "outpatient": _File("outpatient", _FACILITY, _PART_B_SHARE, needed=True),
    "snf": _File("snf", _FACILITY, _PART_A_SHARE, "CLM_UTLZTN_DAY_CNT", risk=False),
    "hha": _File("home_health", _FACILITY, dated_lines=True, risk=False),
    "hospice": _File("hospice", _FACILITY, (), "CLM_UTLZTN_DAY_CNT", risk=False),
    "carrier": _File("professional", _PART_B | {"provider_id": ("PRF_PHYSN_NPI", "text")}, _LINE_SHARE, needed=True),
    "dme": _File("dme", _PART_B | {"provider_id": ("PRVDR_NPI", "text")}, _LINE_SHARE, risk=False),
    "pde": _File("pharmacy", _DRUG, ("PTNT_PAY_AMT",)),
}

_CLAIMS = """CREATE OR REPLACE TABLE claims (claim_id VARCHAR, line_number INTEGER, member_id VARCHAR,
    provider_id VARCHAR, tin VARCHAR, specialty VARCHAR, service_date DATE, end_date DATE, paid_date DATE,
    claim_type VARCHAR, hcpcs VARCHAR, revenue_code VARCHAR, place_of_service VARCHAR, units DECIMAL(14, 2),
    allowed DECIMAL(14, 2), paid DECIMAL(14, 2), member_cost_share DECIMAL(14, 2), ime_dsh DECIMAL(14, 2))"""


def read(con: duckdb.DuckDBPyConnection, source: Path) -> list[Finding]:
    """
    Tables of a folder of CMS research files, as claims, eligibility, providers and diagnoses.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Connection in which the four tables are made.
    source : Path
        Folder with beneficiary_YYYY.csv of one or more years, carrier.csv, inpatient.csv and outpatient.csv, and as a
        rule snf, hha, hospice, dme and pde.

    Returns
    -------
    list of Finding
        What was found and what was done about it.

    Raises
    ------
    InputError
        A missing file or column, a cell that is not what its column wants, a member twice in a year.

    Notes
    -----
    Rows that are not final action (``FINAL_ACTION``) or are deleted (``DML_IND``) are left out. Allowed of an
    institutional claim is its payment plus deductible, coinsurance and blood deductible; of a Part B line the printed
    allowed charge. What a drug plan paid is total drug cost less what the patient paid. Units are the days of
    inpatient, skilled nursing and hospice claims, at least one, on the first line; 1 for a drug, unless its total cost
    is negative; elsewhere they are empty. A line of home health has the date of its revenue line where there is one. A
    month is covered with Part A, Part B or both; consecutive months with one dual status, county and ESRD indicator are
    one span. `ime_dsh` adds the operating IME and DSH amounts and the uncompensated care payment.

    References
    ----------
    .. [1] CMS Chronic Conditions Warehouse, "Medicare Fee-for-Service Claims Codebook" and "Master Beneficiary Summary
       File: Base" (variables as named here), `MDCR_ENTLMT_BUYIN_IND`, `HMO_IND`.
    """
    if not source.is_dir():
        raise InputError(f"{source}: no such folder; the folder with the research files is wanted.")
    for name, file in _FILES.items():
        if file.needed and not (source / f"{name}.csv").exists():
            raise InputError(f"{source}: there is no {name}.csv; the claim files of the research files are wanted.")
    findings = _eligibility(con, source)
    con.execute(_CLAIMS)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE rif_codes (member_id VARCHAR, code VARCHAR, nine BOOLEAN, service_date DATE,"
        " risk BOOLEAN)"
    )
    read_files = [name for name in _FILES if (source / f"{name}.csv").exists()]
    for name in read_files:
        findings += _claims(con, source / f"{name}.csv", _FILES[name])
    findings += _left_out(con, [source / f"{name}.csv" for name in read_files])
    findings += _diagnoses(con)
    _providers(con)
    con.execute("DROP TABLE rif_codes")
    return findings + _amounts(con) + _files(source)


def _kept(header: list[str]) -> str:
    """SQL of the rows to keep: final action, not deleted."""
    conditions = {"FINAL_ACTION": "trim(FINAL_ACTION) = 'F'", "DML_IND": "upper(coalesce(DML_IND, '')) <> 'DELETE'"}
    return " AND ".join(f"coalesce({sql}, false)" for column, sql in conditions.items() if column in header)


def _sum(names: tuple[str, ...]) -> str:
    """SQL of a sum of amounts, empty ones counting nothing."""
    return " + ".join(f"coalesce({name_of(name)}, 0)" for name in names) or "0"


def _claims(con: duckdb.DuckDBPyConnection, path: Path, file: _File) -> list[Finding]:
    """Lines of one file into `claims`, its diagnoses into `rif_codes`."""
    header = header_of(path, "|")
    codes = [f"ICD_DGNS_CD{n}" for n in range(1, 26) if f"ICD_DGNS_CD{n}" in header]
    if file.columns is not _DRUG:
        codes = ["PRNCPAL_DGNS_CD", *(codes or ["ICD_DGNS_CD1"])]
    versions = [c.replace("DGNS_CD", "DGNS_VRSN_CD") for c in codes]
    optional = tuple(name for name in file.ime_dsh if name in header)
    typed(
        con,
        path,
        "rif_file",
        file.columns
        | {name: (name, "money") for name in (*file.share, *optional)}
        | ({"count": (file.units, "quantity")} if file.units else {})
        | ({"line_date": (first_of(header, "REV_CNTR_DT"), "date")} if file.dated_lines else {})
        | {code: (code, "text") for code in codes}
        | {version: (first_of(header, version), "text") for version in versions},
        str(path),
        required=("claim_id", "line_number", "member_id", "from_date", "paid", *(("allowed",) if not codes else ())),
        dates=_DATES,
        delimiter="|",
        where=_kept(header),
        rows=False,
    )
    if codes:
        pairs = ", ".join(f"{{'code': {c}, 'nine': {v} = '9'}}" for c, v in zip(codes, versions, strict=True))
        day = "from_date" if file.columns is _FACILITY else "coalesce(first_date, from_date)"
        con.execute(
            "INSERT INTO rif_codes SELECT DISTINCT member_id, upper(replace(c.code, '.', '')), coalesce(c.nine, false),"
            f" day, {file.risk} FROM (SELECT member_id, {day} AS day, unnest([{pairs}]) AS c FROM rif_file)"
            " WHERE c.code IS NOT NULL"
        )
    if file.columns is _FACILITY:
        return _facility(con, path, file, _sum(optional) if optional else None)
    if file.columns is not _DRUG:
        con.execute(
            "INSERT INTO claims BY NAME SELECT claim_id, line_number, member_id, provider_id, tin, specialty,"
            " coalesce(first_date, from_date) AS service_date, coalesce(last_date, thru_date) AS end_date, paid_date,"
            f" CASE WHEN type_code = '72' THEN 'dme' ELSE {text_of(file.claim_type)} END AS claim_type, hcpcs,"
            f" place_of_service, allowed, paid, {_sum(file.share)} AS member_cost_share FROM rif_file"
        )
    else:
        con.execute(
            "INSERT INTO claims BY NAME SELECT claim_id, 1 AS line_number, member_id, from_date AS service_date,"
            " from_date AS end_date, paid_date, 'pharmacy' AS claim_type, allowed,"
            " CASE WHEN allowed >= 0 THEN 1 END AS units,"
            f" allowed - {_sum(file.share)} AS paid, {_sum(file.share)} AS member_cost_share FROM rif_file"
        )
    return []


def _facility(con: duckdb.DuckDBPyConnection, path: Path, file: _File, ime_dsh: str | None) -> list[Finding]:
    """Lines of an institutional file, amounts and use on the first line of each claim."""
    day = "coalesce(line_date, from_date)" if file.dated_lines else "from_date"
    days = "CASE WHEN NOT first THEN 0 WHEN count < 1 THEN 1 ELSE count END" if file.units else "NULL"
    con.execute(
        f"""INSERT INTO claims BY NAME
        SELECT claim_id, line_number, member_id, provider_id, {day} AS service_date,
            thru_date AS end_date, paid_date, {text_of(file.claim_type)} AS claim_type, hcpcs, revenue_code,
            {days} AS units,
            CASE WHEN first THEN paid + {_sum(file.share)} ELSE 0 END AS allowed,
            CASE WHEN first THEN paid ELSE 0 END AS paid,
            CASE WHEN first THEN {_sum(file.share)} ELSE 0 END AS member_cost_share,
            {f"CASE WHEN first THEN {ime_dsh} ELSE 0 END" if ime_dsh else "NULL"} AS ime_dsh
        FROM (SELECT *, row_number() OVER (PARTITION BY claim_id ORDER BY line_number) = 1 AS first FROM rif_file)"""
    )
    return counted(
        con,
        "repeated-claim-total",
        "claims",
        f"{path.name} prints the payment of a claim on each of its lines: it is kept on the first line and set to 0 on"
        " the others. Dollars: what the repeats would have added.",
        "SELECT count(*), count(DISTINCT member_id), sum(paid) FROM (SELECT member_id, paid, row_number() OVER"
        " (PARTITION BY claim_id ORDER BY line_number) AS place FROM rif_file) WHERE place > 1",
    ) + counted(
        con,
        "claim-total-differs",
        "claims",
        f"{path.name} has claims whose lines print different payments; the first line's is kept. Dollars: largest less"
        " smallest.",
        "SELECT sum(n), count(DISTINCT member_id), sum(spread) FROM (SELECT any_value(member_id) AS member_id, count(*)"
        " AS n, max(paid) - min(paid) AS spread FROM rif_file GROUP BY claim_id) WHERE spread <> 0",
    )


def _left_out(con: duckdb.DuckDBPyConnection, paths: list[Path]) -> list[Finding]:
    """Rows that are not final action, or deleted."""
    parts = [
        f"SELECT BENE_ID FROM {text_table(path, '|')} AS t WHERE NOT ({kept})"
        for path in paths
        if (kept := _kept(header_of(path, "|")))
    ]
    return counted(
        con,
        "not-final-action",
        "claims",
        "Rows that are not final action, or are marked as deleted, are left out.",
        f"SELECT count(*), count(DISTINCT BENE_ID), 0 FROM ({' UNION ALL '.join(parts)})"
        if parts
        else "SELECT 0, 0, 0",
    )


def _diagnoses(con: duckdb.DuckDBPyConnection) -> list[Finding]:
    """Distinct ICD-10 codes; those that stand on claims of no use for risk adjustment alone are marked."""
    con.execute(
        "CREATE OR REPLACE TABLE diagnoses AS SELECT member_id, code, service_date,"
        " CASE WHEN NOT bool_or(risk) THEN false END AS eligible FROM rif_codes WHERE NOT nine GROUP BY ALL"
    )
    return counted(
        con,
        "icd-9-diagnoses",
        "diagnoses",
        "Diagnoses in ICD-9-CM are left out.",
        "SELECT count(*), count(DISTINCT member_id), 0 FROM rif_codes WHERE nine",
    )


def _providers(con: duckdb.DuckDBPyConnection) -> None:
    """Providers of the claims with the specialty and tax number they most often bill under."""
    con.execute(
        "CREATE OR REPLACE TABLE providers AS SELECT provider_id, arg_max(specialty, (n,"
        " specialty)) AS specialty, arg_max(tin, (n, tin)) AS tin FROM (SELECT"
        " provider_id, specialty, tin, count(*) AS n FROM claims WHERE provider_id IS NOT NULL GROUP BY ALL)"
        " GROUP BY provider_id"
    )


def _amounts(con: duckdb.DuckDBPyConnection) -> list[Finding]:
    """Allowed amounts that do not add up, and drug payments that were worked out."""
    lines = "SELECT count(*), count(DISTINCT member_id), "
    return [
        *counted(
            con,
            "allowed-differs",
            "claims",
            "The printed allowed charge of a Part B line is not paid plus deductible and coinsurance; the printed one"
            " is kept. Dollars: sum of the differences.",
            lines + "sum(abs(allowed - paid - member_cost_share)) FROM claims WHERE claim_type IN"
            " ('professional', 'dme') AND abs(allowed - paid - member_cost_share) > 0.01",
        ),
        *counted(
            con,
            "pharmacy-paid-derived",
            "claims",
            "What the drug plan paid is taken as total drug cost less what the patient paid.",
            lines + "sum(paid) FROM claims WHERE claim_type = 'pharmacy'",
        ),
        *counted(
            con,
            "pharmacy-paid-negative",
            "claims",
            "The patient paid more for a drug than its total cost; what the plan paid is negative, and use counts 1.",
            lines + "sum(-paid) FROM claims WHERE claim_type = 'pharmacy' AND paid < 0 AND units = 1",
        ),
    ]


def _files(source: Path) -> list[Finding]:
    """Files that were not read, and files that are not there."""
    known = re.compile(rf"(beneficiary_\d{{4}}|{'|'.join(_FILES)})\.csv")
    other = sorted(p.name for p in source.iterdir() if p.suffix in (".csv", ".txt") and not known.fullmatch(p.name))
    absent = [f"{name}.csv" for name in _FILES if not (source / f"{name}.csv").exists()]
    findings = [Finding("file-not-read", "claims", f"Files not read: {', '.join(other)}.")] if other else []
    if absent:
        findings.append(Finding("file-absent", "claims", f"Not there, and so not counted: {', '.join(absent)}."))
    return findings


def _eligibility(con: duckdb.DuckDBPyConnection, source: Path) -> list[Finding]:
    """Spans of covered months from the yearly files."""
    paths = sorted(p for p in source.iterdir() if re.fullmatch(r"beneficiary_\d{4}\.csv", p.name))
    if not paths:
        raise InputError(f"{source}: there is no beneficiary_YYYY.csv; the yearly beneficiary files are wanted.")
    columns = ", ".join(
        f"unnest([{', '.join(f'{stem}{n}' for n in range(1, 13))}]) AS {stem}"
        for stem in ("code", "hmo", "dual", "county")
    )
    for place, path in enumerate(paths):
        year = int(path.stem[-4:])
        _year(con, path)
        twice = con.execute("SELECT member_id FROM rif_year GROUP BY 1 HAVING count(*) > 1 LIMIT 1").fetchone()
        if twice:
            raise InputError(f"{path}: member {twice[0]} stands in two rows; one row each is wanted.")
        into = "INSERT INTO rif_months" if place else "CREATE OR REPLACE TEMP TABLE rif_months AS"
        con.execute(
            f"{into} SELECT {year} AS year, member_id, reference, birth_date, sex, orec, esrd, death_date,"
            f" unnest(range(1, 13)) AS month, {columns} FROM rif_year"
        )
    con.execute(
        f"""CREATE OR REPLACE TABLE eligibility AS
        SELECT member_id, min(day) AS start_date, last_day(max(day)) AS end_date,
            arg_max(birth_date, day) AS birth_date,
            CASE arg_max(sex, day) WHEN '1' THEN 'M' WHEN '2' THEN 'F' ELSE 'U' END AS sex, dual AS dual_status,
            arg_max(orec, day) AS orec, esrd, 'medicare' AS payer, county, max(died) AS death_date
        FROM (SELECT *, year * 12 + month - row_number() OVER (PARTITION BY member_id, dual, county, esrd ORDER BY day)
                AS island
            FROM (SELECT * REPLACE (CASE WHEN length(dual) = 1 THEN '0' || dual ELSE dual END AS dual,
                    CASE WHEN esrd IN ('Y', '1') THEN true WHEN esrd IN ('N', '0') THEN false END AS esrd),
                    make_date(year, month, 1) AS day, max(death_date) OVER (PARTITION BY member_id) AS died
                FROM rif_months) WHERE code IN {_COVERED})
        GROUP BY member_id, dual, county, esrd, island"""
    )
    months = "SELECT count(*), count(DISTINCT member_id), 0 FROM rif_months WHERE "
    return [
        *counted(
            con,
            "managed-care-months",
            "eligibility",
            "Months in a managed care plan are left in; their claims are not in these files.",
            f"{months} code IN {_COVERED} AND hmo NOT IN ('0', '4')",
        ),
        *counted(
            con,
            "one-part-only",
            "eligibility",
            "Months with Part A or Part B alone count as covered.",
            f"{months} code IN {_ONE_PART}",
        ),
        *counted(
            con,
            "reference-year-differs",
            "eligibility",
            "The reference year in the file (RFRNC_YR) is not the year in its name; the name is kept.",
            f"{months} month = 1 AND reference <> year",
        ),
    ]


def _year(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """One yearly file as the view `rif_year`."""
    header = header_of(path, "|")
    typed(
        con,
        path,
        "rif_year",
        {
            "member_id": ("BENE_ID", "text"),
            "reference": (first_of(header, "RFRNC_YR"), "integer"),
            "birth_date": ("BENE_BIRTH_DT", "date"),
            "sex": ("BENE_SEX_IDENT_CD", "text"),
            "orec": (first_of(header, "BENE_ENTLMT_RSN_ORIG"), "text"),
            "esrd": (first_of(header, "BENE_ESRD_IND"), "text"),
            "death_date": (first_of(header, "DEATH_DT"), "date"),
            **{f"code{n}": (f"MDCR_ENTLMT_BUYIN_{n}_IND", "text") for n in range(1, 13)},
            **{f"hmo{n}": (f"HMO_{n}_IND", "text") for n in range(1, 13)},
            **{
                f"{stem}{n}": (first_of(header, f"{name}_{month}_CD"), "text")
                for stem, name in (("dual", "META_DUAL_ELGBL_STUS"), ("county", "FIPS_STATE_CNTY"))
                for n, month in enumerate(_MONTHS, start=1)
            },
        },
        str(path),
        required=("member_id",),
        dates=_DATES,
        delimiter="|",
        where=_kept([name for name in header if name == "DML_IND"]),
    )
