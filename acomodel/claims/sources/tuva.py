"""
Reader of the Tuva input layer: eligibility, medical_claim and pharmacy_claim, as CSV or Parquet.

The four canonical tables are made from these columns. Lines of one institutional claim that all carry one paid amount
are taken as the claim's total, repeated. Two lines that truly cost the same cannot be told from that; the finding
names the dollars, so that they can be compared with the payer's own total.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from acomodel.claims.findings import Finding
from acomodel.claims.sources.cells import counted, first_of, header_of, name_of, typed
from acomodel.inputs import InputError

if TYPE_CHECKING:
    import duckdb

_COST_SHARE = ("deductible_amount", "coinsurance_amount", "copayment_amount")

_CLAIM = "kind, data_source, member_id, claim_id"
"""What makes one claim: a number may stand again for another member or in another source."""

_BILL = """CASE
    WHEN bill IN ('11', '41') THEN 'inpatient'
    WHEN bill IN ('18', '21', '22', '23', '28') THEN 'snf'
    WHEN bill[1] = '3' THEN 'home_health'
    WHEN bill IN ('81', '82') THEN 'hospice'
    WHEN bill IN ('12', '13', '14', '83', '84', '85') OR bill[1] = '7' THEN 'outpatient'
    WHEN bool_or(revenue = '0022') OVER claim THEN 'snf'
    WHEN bool_or(revenue = '0023' OR revenue[:3] IN ('055', '056', '057', '058', '059')) OVER claim THEN 'home_health'
    WHEN bool_or(revenue[:3] = '065') OVER claim THEN 'hospice'
    WHEN bool_or(revenue BETWEEN '0100' AND '0219') OVER claim THEN 'inpatient'
    ELSE 'outpatient' END"""
"""Claim type by type of bill, else by the claim's revenue codes. 12x, Part B care of inpatients, is outpatient."""


def read(con: duckdb.DuckDBPyConnection, source: Path) -> list[Finding]:
    """
    Tables of the Tuva input layer, as claims, eligibility, providers and diagnoses.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Connection in which the four tables are made.
    source : Path
        Folder with eligibility, medical_claim and, as a rule, pharmacy_claim, each ``.csv``, ``.csv.gz`` or
        ``.parquet``.

    Returns
    -------
    list of Finding
        What was found and what was done about it.

    Raises
    ------
    InputError
        A missing file or column, or a cell that is not what its column wants.

    Notes
    -----
    `units`, `specialty` and `tin` are empty, since the layer does not give them in the sense of the data dictionary. A
    professional line whose HCPCS code begins with E, K or L is durable medical equipment. The cost share is the sum
    of the deductible, coinsurance and copayment columns where there are any; else allowed less paid where allowed is
    filled and above paid; else zero.

    References
    ----------
    .. [1] The Tuva Project, "Input Layer", data dictionary of eligibility, medical_claim and pharmacy_claim.
    .. [2] National Uniform Billing Committee, type of bill; CMS, Medicare Claims Processing Manual, ch. 25, sec. 75.1.
    """
    if not source.is_dir():
        raise InputError(f"{source}: no such folder; the folder with the Tuva input layer is wanted.")
    _eligibility(con, _file(source, "eligibility"))
    _medical(con, _file(source, "medical_claim"))
    pharmacy = _find(source, "pharmacy_claim")
    con.execute(f"CREATE OR REPLACE TABLE claims AS {_LINES}")
    if pharmacy:
        _pharmacy(con, pharmacy)
        con.execute("INSERT INTO claims BY NAME SELECT * EXCLUDE derived FROM tuva_pharmacy_lines")
    con.execute(
        "CREATE OR REPLACE TABLE providers AS SELECT DISTINCT provider_id, CAST(NULL AS VARCHAR) AS specialty"
        " FROM claims WHERE provider_id IS NOT NULL AND claim_type <> 'pharmacy'"
    )
    findings = [*_decided(con, pharmacy is not None), *_diagnoses(con), *_absent(con)]
    con.execute("DROP TABLE tuva_lines")
    if not pharmacy:
        findings.append(Finding("pharmacy-absent", "claims", "There is no pharmacy_claim file: drugs are not counted."))
    return findings


def _find(source: Path, table: str) -> Path | None:
    """The table's file; Parquet goes before CSV."""
    return next((p for end in ("parquet", "csv", "csv.gz") if (p := source / f"{table}.{end}").exists()), None)


def _file(source: Path, table: str) -> Path:
    """The table's file, which must be there."""
    if (found := _find(source, table)) is None:
        raise InputError(f"{source}: there is no {table}.csv or {table}.parquet; the Tuva input layer is wanted.")
    return found


def _share(header: list[str]) -> tuple[dict[str, tuple[str, str]], str]:
    """Cost share columns to read, and the SQL of the cost share."""
    names = [name for name in _COST_SHARE if name in header]
    given = " + ".join(f"coalesce({name_of(name)}, 0)" for name in names)
    share = given or "greatest(coalesce(allowed, paid), paid) - paid"
    return {name: (name, "money") for name in names}, f"CAST({share} AS DECIMAL(14, 2))"


def _eligibility(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Spans as given."""
    header = header_of(path)
    member = first_of(header, "patient_id", "person_id") or "patient_id"
    typed(
        con,
        path,
        "tuva_spans",
        {
            "member_id": (member, "text"),
            "start_date": ("enrollment_start_date", "date"),
            "end_date": ("enrollment_end_date", "date"),
            "birth_date": ("birth_date", "date"),
            "gender": ("gender", "text"),
            "dual_status": (first_of(header, "dual_status_code"), "text"),
            "status": (first_of(header, "medicare_status_code"), "text"),
            "payer": (first_of(header, "payer"), "text"),
            "death_date": (first_of(header, "death_date"), "date"),
        },
        str(path),
        rules="eligibility",
    )
    con.execute(
        "CREATE OR REPLACE TABLE eligibility AS SELECT member_id, start_date, end_date, birth_date,"
        " CASE lower(gender) WHEN 'male' THEN 'M' WHEN 'm' THEN 'M' WHEN 'female' THEN 'F' WHEN 'f' THEN 'F'"
        " ELSE 'U' END AS sex, dual_status, CASE WHEN status IN ('11', '21', '31') THEN true"
        " WHEN status IN ('10', '20') THEN false END AS esrd, payer, death_date FROM tuva_spans"
    )


def _medical(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Medical lines with their claim type, and whether the claim's total is repeated on them."""
    header = header_of(path)
    shares, share = _share(header)
    codes = ["diagnosis_code_1", *(c for n in range(2, 26) if (c := f"diagnosis_code_{n}") in header)]
    typed(
        con,
        path,
        "tuva_medical",
        {
            "claim_id": ("claim_id", "text"),
            "data_source": (first_of(header, "data_source"), "text"),
            "line_number": ("claim_line_number", "integer"),
            "kind": ("claim_type", "text"),
            "member_id": (first_of(header, "patient_id", "person_id") or "patient_id", "text"),
            "claim_start": ("claim_start_date", "date"),
            "claim_end": ("claim_end_date", "date"),
            "line_start": (first_of(header, "claim_line_start_date"), "date"),
            "line_end": (first_of(header, "claim_line_end_date"), "date"),
            "discharge": (first_of(header, "discharge_date"), "date"),
            "paid_date": (first_of(header, "paid_date"), "date"),
            "place_of_service": ("place_of_service_code", "text"),
            "bill_type": ("bill_type_code", "text"),
            "revenue_code": ("revenue_center_code", "text"),
            "hcpcs": ("hcpcs_code", "text"),
            "rendering": (first_of(header, "rendering_npi", "rendering_id"), "text"),
            "facility": (first_of(header, "facility_npi", "facility_id"), "text"),
            "paid": ("paid_amount", "money"),
            "allowed": (first_of(header, "allowed_amount"), "money"),
            **shares,
            "code_type": (first_of(header, "diagnosis_code_type"), "text"),
            **{code: (code, "text") for code in codes},
        },
        str(path),
        required=("claim_id", "line_number", "member_id", "kind", "claim_start", "paid"),
    )
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE tuva_lines AS
        SELECT * EXCLUDE ({", ".join(codes)}), {share} AS share, {not shares} AS derived,
            coalesce(line_start, claim_start) AS service_date,
            coalesce(discharge, line_end, claim_end) AS end_date,
            kind = 'institutional' AND count(*) OVER claim > 1 AND paid <> 0
                AND min(paid) OVER claim = max(paid) OVER claim AS repeated,
            row_number() OVER (PARTITION BY {_CLAIM} ORDER BY line_number) = 1 AS first_line,
            min(allowed) OVER claim = max(allowed) OVER claim AND count(allowed) OVER claim = count(*) OVER claim
                AS allowed_alike,
            CASE WHEN kind = 'institutional' THEN {_BILL}
                WHEN upper(hcpcs[1]) IN ('E', 'K', 'L') THEN 'dme' ELSE 'professional' END AS claim_type
        FROM (SELECT * REPLACE (lower(kind) AS kind), regexp_replace(bill_type, '^0', '')[:2] AS bill,
            lpad(revenue_code, 4, '0') AS revenue FROM tuva_medical)
        WINDOW claim AS (PARTITION BY {_CLAIM})"""
    )


_LINES = """SELECT claim_id, line_number, member_id,
    CASE WHEN kind = 'institutional' THEN facility ELSE rendering END AS provider_id,
    CAST(NULL AS VARCHAR) AS tin, CAST(NULL AS VARCHAR) AS specialty, service_date, end_date, paid_date, claim_type,
    hcpcs, revenue AS revenue_code, place_of_service, CAST(NULL AS DECIMAL(14, 2)) AS units,
    CASE WHEN repeated AND allowed_alike AND NOT first_line THEN 0 ELSE allowed END AS allowed,
    CASE WHEN repeated AND NOT first_line THEN 0 ELSE paid END AS paid,
    CASE WHEN repeated AND NOT first_line THEN 0 ELSE share END AS member_cost_share
    FROM tuva_lines"""


def _pharmacy(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Pharmacy lines."""
    header = header_of(path)
    shares, share = _share(header)
    typed(
        con,
        path,
        "tuva_pharmacy",
        {
            "claim_id": ("claim_id", "text"),
            "line_number": ("claim_line_number", "integer"),
            "member_id": (first_of(header, "patient_id", "person_id") or "patient_id", "text"),
            "provider_id": (first_of(header, "dispensing_provider_npi", "dispensing_provider_id"), "text"),
            "service_date": ("dispensing_date", "date"),
            "paid_date": (first_of(header, "paid_date"), "date"),
            "paid": ("paid_amount", "money"),
            "allowed": (first_of(header, "allowed_amount"), "money"),
            **shares,
        },
        str(path),
        rules="claims",
        rows=False,
    )
    con.execute(
        f"CREATE OR REPLACE TEMP VIEW tuva_pharmacy_lines AS SELECT claim_id, line_number, member_id, provider_id,"
        f" service_date, service_date AS end_date, paid_date, 'pharmacy' AS claim_type, allowed, paid,"
        f" {share} AS member_cost_share, {not shares} AS derived FROM tuva_pharmacy"
    )


def _decided(con: duckdb.DuckDBPyConnection, pharmacy: bool) -> list[Finding]:
    """What was decided: repeated totals, claims of another kind, cost share as a difference."""
    shares = "SELECT member_id, share FROM tuva_lines WHERE derived"
    if pharmacy:
        shares += " UNION ALL SELECT member_id, member_cost_share FROM tuva_pharmacy_lines WHERE derived"
    return [
        *counted(
            con,
            "repeated-claim-total",
            "claims",
            "Institutional claims carry their total paid amount on every line: it is kept on the first line of the"
            " claim and set to 0 on the others. Dollars: what the repeats would have added.",
            "SELECT count(*), count(DISTINCT member_id), sum(paid) FROM tuva_lines WHERE repeated AND NOT first_line",
        ),
        *counted(
            con,
            "claim-type-other",
            "claims",
            "Lines whose claim type is neither institutional nor professional are taken as professional.",
            "SELECT count(*), count(DISTINCT member_id), sum(paid) FROM tuva_lines"
            " WHERE kind NOT IN ('institutional', 'professional')",
        ),
        *counted(
            con,
            "cost-share-derived",
            "claims",
            "There are no cost share columns: where allowed is above paid, the difference is taken as cost share.",
            f"SELECT count(*), count(DISTINCT member_id), sum(share) FROM ({shares}) WHERE share > 0",
        ),
    ]


def _diagnoses(con: duckdb.DuckDBPyConnection) -> list[Finding]:
    """Distinct member, code and date of the medical lines; codes that are not ICD-10-CM are left out."""
    names = [str(d[0]) for d in con.execute("SELECT * FROM tuva_medical LIMIT 0").description or []]
    codes = ", ".join(name for name in names if name.startswith("diagnosis_code_"))
    ten = "coalesce(lower(code_type), 'icd-10-cm') = 'icd-10-cm'"
    con.execute(
        "CREATE OR REPLACE TABLE diagnoses AS SELECT DISTINCT member_id, upper(replace(code, '.', '')) AS code,"
        f" service_date FROM (SELECT member_id, coalesce(line_start, claim_start) AS service_date, unnest([{codes}]) AS"
        f" code FROM tuva_medical WHERE {ten}) WHERE code IS NOT NULL"
    )
    return counted(
        con,
        "icd-9-diagnoses",
        "diagnoses",
        "Diagnoses that are not ICD-10-CM are left out.",
        f"SELECT count(*), count(DISTINCT member_id), 0 FROM tuva_medical WHERE NOT ({ten})",
    )


def _absent(con: duckdb.DuckDBPyConnection) -> list[Finding]:
    """What the layer does not give."""
    lines = "SELECT count(*), count(DISTINCT member_id), sum(paid) FROM claims WHERE claim_type <> 'pharmacy' AND "
    return [
        *counted(
            con,
            "paid-date-absent",
            "claims",
            "Medical lines have no paid date: they cannot be completed.",
            lines + "paid_date IS NULL",
        ),
        *counted(
            con,
            "allowed-absent",
            "claims",
            "Medical lines have no allowed amount: it is paid plus cost share.",
            lines + "allowed IS NULL",
        ),
        *counted(
            con,
            "paid-above-allowed",
            "claims",
            "Lines are paid above their allowed amount; both are kept. Dollars: paid less allowed.",
            "SELECT count(*), count(DISTINCT member_id), sum(paid - allowed) FROM claims WHERE paid > allowed",
        ),
        *counted(
            con,
            "specialty-absent",
            "claims",
            "The layer has no specialty: providers need a table of their own for attribution.",
            lines + "specialty IS NULL",
        ),
        *counted(
            con,
            "tin-absent",
            "claims",
            "The layer has no tax number: attribution cannot be by practice.",
            lines + "tin IS NULL",
        ),
    ]
