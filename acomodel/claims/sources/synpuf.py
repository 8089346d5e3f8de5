"""
Reader of CMS DE-SynPUF: yearly beneficiary summaries, whose money columns are annual sums, and inpatient claims.

The dollars of a member and year are lines dated January 1, one for each of inpatient, outpatient and carrier. Inpatient
claims bring the admissions and days of use, without dollars, since those stand in the annual sums.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from acomodel.claims.findings import Finding
from acomodel.claims.sources.cells import counted, typed
from acomodel.inputs import InputError

if TYPE_CHECKING:
    import duckdb

_DATES = ("%Y%m%d",)
_BUCKETS = {"IP": "inpatient", "OP": "outpatient", "CAR": "professional"}


def read(con: duckdb.DuckDBPyConnection, source: Path) -> list[Finding]:
    """
    Tables of a folder of DE-SynPUF files, as claims, eligibility, providers and diagnoses.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Connection in which the four tables are made.
    source : Path
        Folder with beneficiary summaries (``bene`` and the year in the name) and, where there are any, inpatient claims
        (``inpatient`` in the name); ``.csv`` or ``.csv.gz``.

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
    Paid is Medicare's reimbursement (MEDREIMB), the member's cost share the beneficiary's responsibility (BENRES), and
    allowed the two and the primary payer's amount (PPPYMT) together. Coverage runs from January 1 for the larger of the
    months of Part A (BENE_HI_CVRAGE_TOT_MONS) and of Part B (BENE_SMI_CVRAGE_TOT_MONS). State and county are not FIPS
    codes and are left out, as are the diagnoses, which are ICD-9-CM.

    The distribution of annual cost is that of Medicare's reimbursement of the members alive at the end of the year
    with twelve months of both parts and none in a managed care plan; in 2009 its mean is about $4,700 and its
    coefficient of variation about 1.87.

    References
    ----------
    .. [1] CMS, "CMS Linkable 2008-2010 Medicare Data Entrepreneurs' Synthetic Public Use File (DE-SynPUF) User Manual"
       and "DE-SynPUF Codebook", 2013.
    """
    if not source.is_dir():
        raise InputError(f"{source}: no such folder; the folder with the DE-SynPUF files is wanted.")
    files = sorted(p for p in source.iterdir() if re.search(r"\.csv(\.gz)?$", p.name))
    summaries = [p for p in files if "bene" in p.name.lower()]
    inpatient = [p for p in files if "inpatient" in p.name.lower()]
    if not summaries:
        raise InputError(f"{source}: there is no beneficiary summary ('bene' and the year in the name); one is wanted.")
    _summaries(con, summaries)
    findings = _eligibility(con) + _annual(con)
    con.execute("CREATE OR REPLACE TABLE providers (provider_id VARCHAR, specialty VARCHAR)")
    con.execute("CREATE OR REPLACE TABLE diagnoses (member_id VARCHAR, code VARCHAR, service_date DATE)")
    if inpatient:
        findings += _inpatient(con, inpatient) + _samples(summaries, inpatient)
    con.execute("DROP TABLE synpuf_years")
    if other := [p.name for p in files if p not in summaries and p not in inpatient]:
        findings.append(Finding("file-not-read", "claims", f"Files not read: {', '.join(other)}."))
    return findings


def _sample(path: Path) -> str:
    """
    Number of the sample in a file's name.

    >>> _sample(Path("bene_2008_s1.csv.gz")), _sample(Path("DE1_0_2008_Beneficiary_Summary_File_Sample_12.csv"))
    ('1', '12')
    """
    found = re.search(r"_s(?:ample_)?(\d+)\.csv", path.name.lower())
    return found[1] if found else path.name


def _samples(summaries: Sequence[Path], inpatient: Sequence[Path]) -> list[Finding]:
    """Samples whose inpatient claims are not there."""
    absent = sorted({_sample(p) for p in summaries} - {_sample(p) for p in inpatient})
    if not absent:
        return []
    what = (
        f"There are no inpatient claims of the samples {', '.join(absent)}: admissions and days cannot be set against"
        " the member months of all samples."
    )
    return [Finding("admissions-of-some-samples", "claims", what)]


def _summaries(con: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> None:
    """Yearly summaries of all samples in one table."""
    money = {f"{kind}_{bucket}": f"{kind}_{bucket}" for kind in ("MEDREIMB", "BENRES", "PPPYMT") for bucket in _BUCKETS}
    for place, path in enumerate(paths):
        year = re.search(r"(?<!\d)(?:19|20)\d\d(?!\d)", path.name)
        if year is None:
            raise InputError(f"{path}: there is no year in the name of this beneficiary summary; one is wanted.")
        typed(
            con,
            path,
            "synpuf_summary",
            {
                "member_id": ("DESYNPUF_ID", "text"),
                "birth_date": ("BENE_BIRTH_DT", "date"),
                "death_date": ("BENE_DEATH_DT", "date"),
                "sex": ("BENE_SEX_IDENT_CD", "text"),
                "esrd": ("BENE_ESRD_IND", "text"),
                "part_a": ("BENE_HI_CVRAGE_TOT_MONS", "integer"),
                "part_b": ("BENE_SMI_CVRAGE_TOT_MONS", "integer"),
                "hmo": ("BENE_HMO_CVRAGE_TOT_MONS", "integer"),
                **{target: (column, "money") for target, column in money.items()},
            },
            str(path),
            required=("member_id", "part_a", "part_b", "hmo", *money),
            dates=_DATES,
        )
        into = "INSERT INTO synpuf_years" if place else "CREATE OR REPLACE TEMP TABLE synpuf_years AS"
        con.execute(f"{into} SELECT {year[0]} AS year, greatest(part_a, part_b) AS months, * FROM synpuf_summary")
    wrong = con.execute(
        "SELECT year, member_id, months FROM synpuf_years WHERE least(part_a, part_b, hmo) < 0"
        " OR greatest(part_a, part_b, hmo) > 12 LIMIT 1"
    ).fetchone()
    if wrong:
        raise InputError(
            f"{paths[0].parent}: member {wrong[1]} of {wrong[0]}: months of cover from 0 to 12 are wanted."
        )
    twice = con.execute(
        "SELECT year, member_id FROM synpuf_years GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL LIMIT 1"
    ).fetchone()
    if twice:
        raise InputError(
            f"{paths[0].parent}: member {twice[1]} stands in two summaries of {twice[0]}; one row each is wanted."
        )


def _eligibility(con: duckdb.DuckDBPyConnection) -> list[Finding]:
    """One span a member and year, from January 1."""
    con.execute(
        "CREATE OR REPLACE TABLE eligibility AS SELECT member_id, make_date(year, 1, 1) AS start_date,"
        " last_day(make_date(year, months, 1)) AS end_date, birth_date,"
        " CASE sex WHEN '1' THEN 'M' WHEN '2' THEN 'F' ELSE 'U' END AS sex,"
        " CASE WHEN esrd IN ('Y', '1') THEN true WHEN esrd IN ('N', '0') THEN false END AS esrd, 'medicare' AS payer,"
        " max(death_date) OVER (PARTITION BY member_id) AS death_date FROM synpuf_years WHERE months > 0"
    )
    years = "SELECT count(*), count(DISTINCT member_id), "
    dollars = " + ".join(f"MEDREIMB_{bucket}" for bucket in _BUCKETS)
    return [
        *counted(
            con,
            "coverage-months-placed",
            "eligibility",
            "The summaries give the number of covered months, not which: years of less than twelve are placed from"
            " January 1.",
            f"{years} 0 FROM synpuf_years WHERE months BETWEEN 1 AND 11",
        ),
        *counted(
            con,
            "one-part-only",
            "eligibility",
            "Years in which the months of Part A and of Part B differ; the larger number counts as covered.",
            f"{years} 0 FROM synpuf_years WHERE part_a <> part_b",
        ),
        *counted(
            con,
            "managed-care-months",
            "eligibility",
            "Years with months in a managed care plan are left in. Dollars: Medicare's reimbursement in them.",
            f"{years} sum({dollars}) FROM synpuf_years WHERE hmo > 0 AND months > 0",
        ),
        *counted(
            con,
            "dollars-without-coverage",
            "eligibility",
            "Years without a covered month; their dollars stand outside the member months.",
            f"{years} sum({dollars}) FROM synpuf_years WHERE months = 0 AND {dollars} <> 0",
        ),
        *counted(
            con,
            "coverage-after-death",
            "eligibility",
            "Years with covered months after the month of death; the months are kept as given.",
            f"{years} 0 FROM synpuf_years WHERE months > 0 AND year(death_date) * 12 + month(death_date)"
            " < year * 12 + months",
        ),
    ]


def _annual(con: duckdb.DuckDBPyConnection) -> list[Finding]:
    """One line a member, year and kind of service with the annual sums."""
    parts = " UNION ALL ".join(
        f"SELECT member_id || '-' || year || '-{bucket}' AS claim_id, 1 AS line_number, member_id,"
        " CAST(NULL AS VARCHAR) AS provider_id, make_date(year, 1, 1) AS service_date, CAST(NULL AS DATE) AS end_date,"
        f" '{kind}' AS claim_type, CAST(0 AS DECIMAL(14, 2)) AS units,"
        f" CAST(MEDREIMB_{bucket} + BENRES_{bucket} + PPPYMT_{bucket} AS DECIMAL(14, 2)) AS allowed,"
        f" MEDREIMB_{bucket} AS paid, BENRES_{bucket} AS member_cost_share FROM synpuf_years"
        f" WHERE MEDREIMB_{bucket} <> 0 OR BENRES_{bucket} <> 0 OR PPPYMT_{bucket} <> 0"
        for bucket, kind in _BUCKETS.items()
    )
    con.execute(f"CREATE OR REPLACE TABLE claims AS {parts}")
    lines = "SELECT count(*), count(DISTINCT member_id), "
    return [
        *counted(
            con,
            "annual-sums",
            "claims",
            "Dollars are annual sums dated January 1, without use: no month, provider or service can be told from them,"
            " and they cannot be completed.",
            f"{lines} sum(paid) FROM claims",
        ),
        *counted(
            con,
            "primary-payer",
            "claims",
            "A primary payer's amount is part of allowed, and of neither paid nor cost share. Dollars: that amount.",
            f"{lines} sum(allowed - paid - member_cost_share) FROM claims WHERE allowed <> paid + member_cost_share",
        ),
        *counted(
            con,
            "negative-annual-sum",
            "claims",
            "Annual sums below zero are kept.",
            f"{lines} sum(paid) FROM claims WHERE paid < 0",
        ),
    ]


def _inpatient(con: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> list[Finding]:
    """Admissions and days, without dollars."""
    for place, path in enumerate(paths):
        typed(
            con,
            path,
            "synpuf_claims",
            {
                "claim_id": ("CLM_ID", "text"),
                "line_number": ("SEGMENT", "integer"),
                "member_id": ("DESYNPUF_ID", "text"),
                "provider_id": ("AT_PHYSN_NPI", "text"),
                "service_date": ("CLM_FROM_DT", "date"),
                "end_date": ("CLM_THRU_DT", "date"),
                "paid": ("CLM_PMT_AMT", "money"),
                "units": ("CLM_UTLZTN_DAY_CNT", "quantity"),
                "code": ("ICD9_DGNS_CD_1", "text"),
            },
            str(path),
            required=("claim_id", "line_number", "member_id", "paid"),
            dates=_DATES,
        )
        into = "INSERT INTO synpuf_stays" if place else "CREATE OR REPLACE TEMP TABLE synpuf_stays AS"
        con.execute(
            f"{into} SELECT *, member_id IN (SELECT member_id FROM synpuf_years) AS known,"
            " year(service_date) IN (SELECT year FROM synpuf_years) AS covered_year FROM synpuf_claims"
        )
    con.execute(
        "INSERT INTO claims BY NAME SELECT claim_id, line_number, member_id, provider_id, service_date, end_date,"
        " 'inpatient' AS claim_type, units, 0 AS allowed, 0 AS paid, 0 AS member_cost_share FROM synpuf_stays"
        " WHERE covered_year"
    )
    con.execute("INSERT INTO providers BY NAME SELECT DISTINCT provider_id FROM claims WHERE provider_id IS NOT NULL")
    stays = "SELECT count(*), count(DISTINCT member_id), sum(paid) FROM synpuf_stays WHERE "
    findings = [
        *counted(
            con,
            "dollars-in-annual-sums",
            "claims",
            "Inpatient claims are admissions and days without dollars, which stand in the annual sums. Dollars:"
            " payments printed on the claims.",
            f"{stays} covered_year",
        ),
        *counted(
            con,
            "year-without-summary",
            "claims",
            "Inpatient claims that began in a year without a summary are left out.",
            f"{stays} NOT covered_year",
        ),
        *counted(
            con,
            "segment-without-dates",
            "claims",
            "Rows of inpatient claims without dates, as a rule further segments of a claim, are left out.",
            f"{stays} service_date IS NULL",
        ),
        *counted(
            con,
            "members-not-in-summaries",
            "claims",
            "Inpatient claims of members who stand in no summary are kept; they have no coverage.",
            f"{stays} covered_year AND NOT known",
        ),
        *counted(
            con,
            "icd-9-diagnoses",
            "diagnoses",
            "Diagnoses are ICD-9-CM and are left out: there is no risk score from them.",
            f"{stays} code IS NOT NULL",
        ),
    ]
    con.execute("DROP TABLE synpuf_stays")
    return findings
