"""Reader of CMS's Claim and Claim Line Feed (CCLF): signed dollars, final-action use, chained member numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from acomodel.claims.findings import Finding
from acomodel.claims.sources.cclf_files import (
    ADJUSTMENTS,
    CLAIM_TYPES,
    DIAGNOSES,
    EMERGENCY_ROOM,
    ESRD_STATUS,
    HEALTH_CENTER,
    OPTIONAL,
    REQUIRED,
    SHARE_OF_HOSPITALS,
    WITHOUT,
    find_files,
    load,
    stamp,
)
from acomodel.claims.sources.cclf_write import write_cclf
from acomodel.claims.sources.cells import header_of, text_of, typed
from acomodel.inputs import InputError, dictionary, nearest

if TYPE_CHECKING:
    import duckdb

__all__ = ["read", "write_cclf"]


def read(con: duckdb.DuckDBPyConnection, source: Path) -> list[Finding]:
    """
    Read a folder of CCLF files into canonical tables.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Connection in which `claims`, `eligibility`, `providers` and `diagnoses` are made.
    source : Path
        Folder with the files under CMS's names or as ``cclf1.txt`` to ``cclf9.txt``, ``cclfa.txt``; several of
        one kind are read together. CCLF8 and one of 1, 5, 6, 7 are needed. A ``providers.csv`` with the
        dictionary's columns may stand beside them.

    Returns
    -------
    list of Finding

    Raises
    ------
    InputError
        A needed file is absent; a line is cut, or a date, amount or code in it cannot be read; numbers in CCLF9
        lead back to themselves; `providers.csv` breaks the rules of its table.

    Notes
    -----
    Dollars are summed over all records, cancellations negated. Use counts final actions: within one natural key
    (Part A: facility, dates, member; Part B: control number, line, member) a cancellation takes one original or
    adjustment out, one of equal amount if there is one; among equals the earliest, which is a choice. Records
    taken out keep their dollars and have zero units.

    Members are covered from the later of the beginnings of Part A and B to death or the end of the latest claim
    year, or of the year in which they begin if that is later: the feed has no date of leaving. A span that begins
    after death is left out. `BENE_RNG_BGN_DT` and `BENE_RNG_END_DT`, known as dates of hospice, are
    taken as coverage only where both beginnings are blank. The deductible of CCLFA's header is added where the
    inpatient one is zero, as it may repeat it.

    References
    ----------
    .. [1] CMS, "CCLF Information Packet," version 38.0, Feb. 2, 2024, sections 5.2 and 5.3.
    """
    found, unknown = find_files(source)
    if "8" not in found:
        raise InputError(f"{source}: no CCLF8 (members) found; a file named like P.A1234.ACO.ZC8Y24.… is wanted.")
    if not found.keys() & {"1", "5", "6", "7"}:
        raise InputError(f"{source}: no claims found; at least one of CCLF1, CCLF5, CCLF6, CCLF7 is wanted.")
    findings = [Finding("file-absent", "claims", what) for kind, what in WITHOUT.items() if kind not in found]
    if unknown:
        findings.append(Finding("unknown-file", "claims", f"not of the feed, left unread: {', '.join(unknown)}"))
    for kind in REQUIRED.keys() & found.keys():
        _load(con, kind, found[kind])
    findings += _chain_members(con, found)
    _records(con, found)
    findings += _claims(con, found)
    findings += _eligibility(con, found["8"], source)
    _diagnoses(con, found)
    _providers(con, source / "providers.csv")
    con.execute("DROP VIEW records; DROP TABLE paired; DROP TABLE mbi")
    for kind in REQUIRED.keys() & found.keys():
        con.execute(f"DROP TABLE cclf_{kind}")
    return findings


def _load(con: duckdb.DuckDBPyConnection, kind: str, paths: Sequence[Path]) -> None:
    """Typed table of one kind; of revenue lines only those that tell something are kept."""
    allowed: Mapping[str, Sequence[str]] = {"CLM_ADJSMT_TYPE_CD": ADJUSTMENTS} if kind in "1567" else {}
    if kind == "1":
        allowed = {**allowed, "CLM_TYPE_CD": tuple(CLAIM_TYPES)}
    where = {"2": f"CLM_LINE_PROD_REV_CTR_CD IN {EMERGENCY_ROOM + HEALTH_CENTER}", "9": "HICN_MBI_XREF = 'M'"}
    load(
        con,
        kind,
        paths,
        required=REQUIRED[kind].split(),
        optional=OPTIONAL.get(kind, "").split(),
        allowed=allowed,
        where=where.get(kind, "true"),
    )


def _chain_members(con: duckdb.DuckDBPyConnection, found: Mapping[str, Sequence[Path]]) -> list[Finding]:
    """Table `mbi` of old and current numbers, over chains of any length."""
    links = "SELECT NULL::VARCHAR AS old, NULL::VARCHAR AS new WHERE false"
    if "9" in found:
        links = "SELECT DISTINCT PRVS_NUM AS old, CRNT_NUM AS new FROM cclf_9 WHERE PRVS_NUM <> CRNT_NUM"
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE mbi AS
        WITH RECURSIVE link AS ({links}), chain AS (
            SELECT old, new FROM link
            UNION SELECT chain.old, link.new FROM chain JOIN link ON chain.new = link.old)
        SELECT old, min(new) FILTER (new NOT IN (SELECT old FROM link)) AS new,
            count(*) FILTER (new NOT IN (SELECT old FROM link)) AS ends, bool_or(old = new) AS circular
        FROM chain GROUP BY old"""
    )
    circle = con.execute("SELECT min(old) FROM mbi WHERE circular").fetchone()
    if circle and circle[0]:
        where = con.execute("SELECT min(file) FROM cclf_9 WHERE PRVS_NUM = ?", [circle[0]]).fetchone()
        raise InputError(
            f"{where[0] if where else 'CCLF9'}: field PRVS_NUM: found '{circle[0]}', whose current numbers lead back to"
            " itself; a chain that ends is wanted."
        )
    count = con.execute("SELECT count(*) FROM mbi WHERE ends > 1").fetchone()
    if count and count[0]:
        what = "old MBIs have several current ones in CCLF9; the smallest is taken"
        return [Finding("ambiguous-mbi", "eligibility", what, rows=count[0], members=count[0])]
    return []


def _record(kind: str, columns: Mapping[str, str], joins: str = "") -> str:
    """SQL of the records of one file, with what all kinds have in common."""
    every = {
        "kind": f"'{kind}'",
        "record": "c.rowid",
        "claim_id": "c.CUR_CLM_UNIQ_ID",
        "member_id": "coalesce(mbi.new, c.BENE_MBI_ID)",
        "renamed": "mbi.new IS NOT NULL",
        "cancels": "right(c.CLM_ADJSMT_TYPE_CD, 1) = '1'",
        "paid_date": "c.CLM_EFCTV_DT",
        **columns,
    }
    listed = ", ".join(f"{sql} AS {name}" for name, sql in every.items())
    return f"SELECT {listed} FROM cclf_{kind} AS c LEFT JOIN mbi ON c.BENE_MBI_ID = mbi.old {joins}"


def _part_a(found: Mapping[str, Sequence[Path]]) -> str:
    """Records of CCLF1: one line each, with cost sharing of CCLFA and the telling revenue code of CCLF2."""
    kinds = " ".join(f"WHEN '{code}' THEN '{name}'" for code, name in CLAIM_TYPES.items())
    claim_type = f"CASE c.CLM_TYPE_CD {kinds} END"
    joins, share, matched, revenue = "", "0", "true", "NULL::VARCHAR"
    if "2" in found:
        revenue = "revenue.code"
        joins += (
            " LEFT JOIN (SELECT CUR_CLM_UNIQ_ID AS claim, coalesce("
            f"min(CLM_LINE_PROD_REV_CTR_CD) FILTER (CLM_LINE_PROD_REV_CTR_CD IN {EMERGENCY_ROOM}),"
            " min(CLM_LINE_PROD_REV_CTR_CD)) AS code FROM cclf_2 GROUP BY ALL) AS revenue"
            " ON c.CUR_CLM_UNIQ_ID = revenue.claim"
        )
    if "A" in found:
        share, matched = "coalesce(share.amount, 0)", "share.claim IS NOT NULL"
        joins += (
            " LEFT JOIN (SELECT CUR_CLM_UNIQ_ID AS claim, max(coalesce(nullif(CLM_MDCR_IP_BENE_DDCTBL_AMT, 0),"
            " CLM_MDCR_DDCTBL_AMT, 0) + coalesce(CLM_MDCR_COINSRNC_AMT, 0) + coalesce(CLM_BLOOD_LBLTY_AMT, 0))"
            " AS amount FROM cclf_A GROUP BY ALL) AS share ON c.CUR_CLM_UNIQ_ID = share.claim"
        )
    amounts = " + ".join(f"coalesce(c.{name}, 0)" for name in SHARE_OF_HOSPITALS)
    given = ", ".join(f"c.{name}" for name in SHARE_OF_HOSPITALS)
    days = "greatest(1, date_diff('day', c.CLM_FROM_DT, c.CLM_THRU_DT))"
    columns = {
        "line_number": "1",
        "natural_key": "concat_ws('|', coalesce(c.PRVDR_OSCAR_NUM, ''), c.CLM_FROM_DT, c.CLM_THRU_DT)",
        "provider_id": "c.FAC_PRVDR_NPI_NUM",
        "service_date": "c.CLM_FROM_DT",
        "end_date": "c.CLM_THRU_DT",
        "claim_type": claim_type,
        "revenue_code": revenue,
        "units": f"CASE WHEN {claim_type} IN ('inpatient', 'snf', 'hospice') THEN {days} ELSE 1 END",
        "amount": "c.CLM_PMT_AMT",
        "paid": "c.CLM_PMT_AMT",
        "member_cost_share": share,
        "allowed": f"c.CLM_PMT_AMT + {share}",
        "ime_dsh": f"CASE WHEN coalesce({given}) IS NOT NULL THEN {amounts} END",
        "share_known": matched,
    }
    return _record("1", columns, joins)


def _records(con: duckdb.DuckDBPyConnection, found: Mapping[str, Sequence[Path]]) -> None:
    """View `records` of all claim files, unsigned, and table `paired` of cancellations and what they take out."""
    line = {
        "line_number": "c.CLM_LINE_NUM",
        "natural_key": "concat_ws('|', coalesce(c.CLM_CNTL_NUM, c.CUR_CLM_UNIQ_ID), c.CLM_LINE_NUM)",
        "service_date": "coalesce(c.CLM_LINE_FROM_DT, c.CLM_FROM_DT)",
        "end_date": "coalesce(c.CLM_LINE_THRU_DT, c.CLM_THRU_DT)",
        "hcpcs": "c.CLM_LINE_HCPCS_CD",
        "place_of_service": "c.CLM_POS_CD",
        "units": "NULL::BIGINT",
        "amount": "c.CLM_LINE_CVRD_PD_AMT",
        "paid": "c.CLM_LINE_CVRD_PD_AMT",
        "member_cost_share": "c.CLM_LINE_ALOWD_CHRG_AMT - c.CLM_LINE_CVRD_PD_AMT",
        "allowed": "c.CLM_LINE_ALOWD_CHRG_AMT",
        "denied": "ltrim(c.CLM_CARR_PMT_DNL_CD, '0') = ''",
    }
    physician = {
        "provider_id": "c.RNDRG_PRVDR_NPI_NUM",
        "tin": "c.CLM_RNDRG_PRVDR_TAX_NUM",
        "specialty": "c.CLM_PRVDR_SPCLTY_CD",
        "claim_type": "'professional'",
    }
    drug = {
        "line_number": "1",
        "natural_key": "concat_ws('|', c.CLM_LINE_FROM_DT, coalesce(c.PRVDR_SRVC_ID_QLFYR_CD, ''),"
        " coalesce(c.CLM_SRVC_PRVDR_GNRC_ID_NUM, ''), coalesce(c.CLM_DSPNSNG_STUS_CD, ''),"
        " coalesce(c.CLM_LINE_RX_SRVC_RFRNC_NUM, ''), coalesce(c.CLM_LINE_RX_FILL_NUM, ''))",
        "provider_id": "CASE WHEN c.PRVDR_SRVC_ID_QLFYR_CD = '01' THEN c.CLM_SRVC_PRVDR_GNRC_ID_NUM END",
        "service_date": "c.CLM_LINE_FROM_DT",
        "end_date": "c.CLM_LINE_FROM_DT",
        "claim_type": "'pharmacy'",
        "units": "1",
        "amount": "c.CLM_LINE_BENE_PMT_AMT",
        "paid": "0::DECIMAL(14,2)",
        "member_cost_share": "c.CLM_LINE_BENE_PMT_AMT",
        "allowed": "c.CLM_LINE_BENE_PMT_AMT",
    }
    parts = {
        "1": _part_a(found),
        "5": _record("5", line | physician),
        "6": _record("6", line | {"provider_id": "c.PAYTO_PRVDR_NPI_NUM", "claim_type": "'dme'"}),
        "7": _record("7", drug),
    }
    shape = (
        "SELECT NULL::VARCHAR AS hcpcs, NULL::VARCHAR AS tin, NULL::VARCHAR AS specialty,"
        " NULL::VARCHAR AS revenue_code, NULL::VARCHAR AS place_of_service, NULL::DECIMAL(14,2) AS ime_dsh,"
        " NULL::BOOLEAN AS denied, NULL::BOOLEAN AS share_known WHERE false"
    )
    union = " UNION ALL BY NAME ".join([shape, *(sql for kind, sql in parts.items() if kind in found)])
    con.execute(f"CREATE OR REPLACE TEMP VIEW records AS {union}")
    key, order = "kind, member_id, natural_key", "ORDER BY paid_date, claim_id, record"
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE paired AS
        WITH near AS (
            SELECT {key}, record, cancels, amount, paid_date, claim_id FROM records
            WHERE ({key}) IN (SELECT ({key}) FROM records WHERE cancels)),
        equal AS (
            SELECT *, row_number() OVER (PARTITION BY {key}, amount, cancels {order})
                <= least(count(*) FILTER (cancels) OVER same, count(*) FILTER (NOT cancels) OVER same) AS matched
            FROM near WINDOW same AS (PARTITION BY {key}, amount)),
        rest AS (
            SELECT *, row_number() OVER (PARTITION BY {key}, matched, cancels {order})
                <= least(count(*) FILTER (cancels) OVER same, count(*) FILTER (NOT cancels) OVER same) AS left_over
            FROM equal WINDOW same AS (PARTITION BY {key}, matched))
        SELECT kind, record, cancels, matched OR left_over AS matched FROM rest"""
    )


def _claims(con: duckdb.DuckDBPyConnection, found: Mapping[str, Sequence[Path]]) -> list[Finding]:
    """Table `claims`, signed, and what was found in the records."""
    plain = (
        "claim_id, line_number, member_id, provider_id, tin, specialty, service_date, end_date, paid_date, claim_type,"
        " hcpcs, revenue_code, place_of_service"
    )
    signed = ", ".join(
        f"CAST(CASE WHEN r.cancels THEN -{name} ELSE {name} END AS DECIMAL(14,2)) AS {name}"
        for name in ("allowed", "paid", "member_cost_share", "ime_dsh")
    )
    con.execute(
        f"""CREATE OR REPLACE TABLE claims AS SELECT {plain},
            CAST(CASE WHEN r.cancels OR p.matched THEN 0 ELSE units END AS DECIMAL(14,2)) AS units, {signed}
        FROM records AS r LEFT JOIN paired AS p USING (kind, record)"""
    )
    checks = {
        "cancellation": ("cancels", "allowed", "cancellations subtract their dollars"),
        "unmatched-cancellation": (
            "cancels AND NOT matched",
            "allowed",
            "cancellations without a record on their natural key; their dollars are subtracted all the same",
        ),
        "old-mbi": ("renamed", "allowed", "records under an old MBI; the current one of CCLF9 is put in its place"),
        "denied-line": ("denied", "allowed", "denied lines of Part B and DME keep the dollars printed on them"),
        "cost-share-absent": (
            "NOT share_known" if "A" in found else "kind = '1'",
            "paid",
            f"Part A claims without {'a row in' if 'A' in found else 'the file'} CCLFA: cost sharing is taken as zero",
        ),
        "part-d-plan-payment-absent": (
            "kind = '7'",
            "allowed",
            "what the Part D plan paid is not in the feed: drugs are allowed at what the member paid",
        ),
    }
    sums = ", ".join(
        f"count(*) FILTER ({where}), count(DISTINCT member_id) FILTER ({where}), sum({amount}) FILTER ({where})"
        for where, amount, _ in checks.values()
    )
    row = con.execute(f"SELECT {sums} FROM records LEFT JOIN paired USING (kind, record, cancels)").fetchone()
    assert row is not None
    return [
        Finding(check, "claims", what, rows=row[3 * i], members=row[3 * i + 1], dollars=float(row[3 * i + 2] or 0))
        for i, (check, (_, _, what)) in enumerate(checks.items())
        if row[3 * i]
    ]


def _eligibility(con: duckdb.DuckDBPyConnection, paths: Sequence[Path], source: Path) -> list[Finding]:
    """Table `eligibility`: a span a member, from the newest file that has it."""
    years = con.execute("SELECT min(year(service_date)), max(year(service_date)) FROM claims").fetchone()
    if years is None or years[0] is None:
        raise InputError(f"{source}: the claim files hold no lines; claims are wanted.")
    enrolled = "greatest(BENE_PART_A_ENRLMT_BGN_DT, BENE_PART_B_ENRLMT_BGN_DT)"
    newest = ", ".join(text_of(str(path)) for path in sorted(paths, key=lambda p: (stamp(p.name), p.name)))
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE spans AS
        SELECT coalesce(mbi.new, BENE_MBI_ID) AS member_id, {enrolled} IS NULL AS ranged, BENE_RNG_BGN_DT AS ranges,
            coalesce({enrolled}, BENE_RNG_BGN_DT, make_date({years[0]}, 1, 1)) AS start_date,
            CASE WHEN {enrolled} IS NULL THEN BENE_RNG_END_DT END AS range_end, BENE_DEATH_DT AS death_date,
            BENE_DOB AS birth_date, CASE BENE_SEX_CD WHEN '1' THEN 'M' WHEN '2' THEN 'F' ELSE 'U' END AS sex,
            BENE_DUAL_STUS_CD AS dual_status, BENE_ORGNL_ENTLMT_RSN_CD AS orec,
            BENE_MDCR_STUS_CD IN {ESRD_STATUS} AS esrd, 'medicare' AS payer,
            lpad(BENE_FIPS_STATE_CD, 2, '0') || lpad(BENE_FIPS_CNTY_CD, 3, '0') AS county
        FROM cclf_8 AS c LEFT JOIN mbi ON c.BENE_MBI_ID = mbi.old
        QUALIFY row_number() OVER (PARTITION BY coalesce(mbi.new, BENE_MBI_ID), CASE WHEN {enrolled} IS NULL THEN
            BENE_RNG_BGN_DT END
            ORDER BY list_position([{newest}], file) DESC, mbi.new IS NULL DESC, c.rowid DESC) = 1"""
    )
    con.execute(
        f"""CREATE OR REPLACE TABLE eligibility AS SELECT member_id, start_date,
            least(coalesce(range_end, make_date(greatest({years[1]}, year(start_date)), 12, 31)), death_date)
            AS end_date, birth_date, sex, dual_status, orec, esrd, payer, county, death_date FROM spans
        WHERE coalesce(death_date >= start_date, true)"""
    )
    checks = {
        "hospice-range": ("NOT ranged AND ranges IS NOT NULL", "BENE_RNG dates are of hospice, not taken as coverage"),
        "range-as-coverage": ("ranged AND ranges IS NOT NULL", "no Part A or B beginning: BENE_RNG dates are coverage"),
        "coverage-begin-absent": (
            "ranged AND ranges IS NULL",
            f"no beginning of coverage: January 1, {years[0]}, of the first claim year is taken",
        ),
        "coverage-after-claims": (
            f"range_end IS NULL AND year(start_date) > {years[1]} AND coalesce(death_date >= start_date, true)",
            f"coverage begins after {years[1]}, the latest claim year; it is taken to the end of the year it begins in",
        ),
        "death-before-coverage": (
            "death_date < start_date",
            "coverage begins after death; the spans are left out, and claims of members without another are outside"
            " the experience",
        ),
    }
    findings = []
    for check, (where, what) in checks.items():
        count = con.execute(f"SELECT count(*), count(DISTINCT member_id) FROM spans WHERE {where}").fetchone()
        if count and count[0]:
            findings.append(Finding(check, "eligibility", what, rows=count[0], members=count[1]))
    con.execute("DROP TABLE spans")
    return findings


def _diagnoses(con: duckdb.DuckDBPyConnection, found: Mapping[str, Sequence[Path]]) -> None:
    """Table `diagnoses`: member, code and day once, from CCLF4 and the lines of CCLF5."""
    parts = ["SELECT NULL::VARCHAR AS named, NULL::VARCHAR AS code, NULL::DATE AS day, NULL::BOOLEAN AS ok WHERE false"]
    if "4" in found:
        counts = tuple(code for code, name in CLAIM_TYPES.items() if name in ("inpatient", "outpatient"))
        parts.append(f"SELECT BENE_MBI_ID, CLM_DGNS_CD, CLM_FROM_DT, CLM_TYPE_CD IN {counts} FROM cclf_4")
    if "5" in found:
        parts.append(
            f"SELECT BENE_MBI_ID, unnest([{', '.join(DIAGNOSES)}]), coalesce(CLM_LINE_FROM_DT, CLM_FROM_DT), true"
            " FROM cclf_5"
        )
    con.execute(
        f"""CREATE OR REPLACE TABLE diagnoses AS
        SELECT coalesce(mbi.new, named) AS member_id, replace(code, '.', '') AS code, day AS service_date,
            bool_or(ok) AS eligible
        FROM ({" UNION ALL ".join(parts)}) LEFT JOIN mbi ON named = mbi.old WHERE code IS NOT NULL GROUP BY ALL"""
    )


def _providers(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Table `providers`: those of `providers.csv`, then those of the claims with what their lines say most often."""
    if path.is_file():
        _given_providers(con, path)
    else:
        con.execute("CREATE OR REPLACE TEMP VIEW given AS SELECT NULL::VARCHAR AS provider_id WHERE false")

    def most_frequent(column: str) -> str:
        return (
            f"SELECT provider_id, arg_min({column}, (-lines, {column})) AS {column} FROM (SELECT provider_id, {column},"
            f" count(*) AS lines FROM claims WHERE claim_type = 'professional' AND {column} IS NOT NULL GROUP BY ALL)"
            " GROUP BY ALL"
        )

    con.execute(
        f"""CREATE OR REPLACE TABLE providers AS
        SELECT * FROM given UNION ALL BY NAME
        SELECT provider_id, specialty, tin FROM (SELECT DISTINCT provider_id FROM claims WHERE provider_id IS NOT NULL)
        LEFT JOIN ({most_frequent("specialty")}) USING (provider_id)
        LEFT JOIN ({most_frequent("tin")}) USING (provider_id)
        WHERE provider_id NOT IN (SELECT provider_id FROM given)"""
    )
    con.execute("DROP VIEW given")


def _given_providers(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """View `given` of a file of providers, which must keep the rules of its table."""
    rules = dictionary().query("table == 'providers'").set_index("column")
    header = header_of(path)
    if unknown := [name for name in header if name not in rules.index]:
        hint = nearest(unknown[0], rules.index)
        raise InputError(f"{path}: unknown column '{unknown[0]}' for the table 'providers'.{hint}")
    columns = {str(n): (str(n) if n in header else None, str(rule["type"])) for n, rule in rules.iterrows()}
    if "provider_id" not in header:
        raise InputError(f"{path}: missing column 'provider_id'; found {', '.join(header)}.")
    typed(con, path, "given", columns, str(path), rules="providers", rows=False)
    repeated = "SELECT provider_id FROM given GROUP BY provider_id HAVING count(*) > 1 ORDER BY provider_id LIMIT 1"
    twice = con.execute(repeated).fetchone()
    if twice:
        raise InputError(f"{path}: provider_id '{twice[0]}' stands in several rows; one row each is wanted.")
