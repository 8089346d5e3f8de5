"""Claim and Claim Line Feed files: where each field stands, which file is which, and lines read into typed tables."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from acomodel.claims.sources.cells import one_line, text_of
from acomodel.inputs import InputError

if TYPE_CHECKING:
    import duckdb

KINDS = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "A", "B")
"""Files of the feed: Part A header, revenue lines, procedures, diagnoses, Part B, DME, Part D, members, MBIs, A, B."""

BLANK_DATES = ("1000-01-01", "9999-12-31")
"""Dates that stand for "none" in the feed."""

ADJUSTMENTS = ("0", "1", "2", "00", "01", "02")
"""CLM_ADJSMT_TYPE_CD: original, cancellation, adjustment."""

CLAIM_TYPES = {
    "10": "home_health",
    "20": "snf",
    "30": "snf",
    "40": "outpatient",
    "50": "hospice",
    "60": "inpatient",
    "61": "inpatient",
}
"""CLM_TYPE_CD of Part A claims."""

EMERGENCY_ROOM = (*(f"{code:04d}" for code in range(450, 460)), "0981")
HEALTH_CENTER = ("0521", "0522", "0524", "0525")
"""Revenue codes that tell what an outpatient claim was for: emergency room; visits of FQHCs and rural clinics."""

ESRD_STATUS = ("11", "21", "31")
"""BENE_MDCR_STUS_CD of members with end-stage renal disease."""

WITHOUT = {
    "1": "no CCLF1: hospital, skilled nursing, home health, hospice and outpatient claims are absent",
    "2": "no CCLF2: emergency room and health centre visits cannot be told from other outpatient claims",
    "4": "no CCLF4: diagnoses of Part A claims are absent",
    "5": "no CCLF5: claims of physicians, their specialties and practices are absent",
    "6": "no CCLF6: medical equipment is absent",
    "7": "no CCLF7: drugs are absent",
    "9": "no CCLF9: a member whose number (MBI) changed counts as two",
}
"""What follows from a file that is not there."""

SHARE_OF_HOSPITALS = (
    "CLM_MDCR_IP_PPS_CPTL_IME_AMT",
    "CLM_OPRTNL_IME_AMT",
    "CLM_MDCR_IP_PPS_DSPRPRTNT_AMT",
    "CLM_OPRTNL_DSPRPRTNT_AMT",
    "CLM_HIPPS_UNCOMPD_CARE_AMT",
)
"""Parts of a Part A payment for medical education, for treating the poor, and for uncompensated care."""

DIAGNOSES = ("CLM_LINE_DGNS_CD", *(f"CLM_DGNS_{n}_CD" for n in range(1, 13)))
"""Diagnoses of a Part B line."""

REQUIRED = {
    "1": "CUR_CLM_UNIQ_ID BENE_MBI_ID CLM_TYPE_CD CLM_FROM_DT CLM_THRU_DT CLM_PMT_AMT CLM_ADJSMT_TYPE_CD",
    "2": "CUR_CLM_UNIQ_ID",
    "4": "BENE_MBI_ID CLM_TYPE_CD CLM_FROM_DT",
    "5": "CUR_CLM_UNIQ_ID CLM_LINE_NUM BENE_MBI_ID CLM_FROM_DT CLM_LINE_CVRD_PD_AMT CLM_ADJSMT_TYPE_CD"
    " CLM_LINE_ALOWD_CHRG_AMT",
    "6": "CUR_CLM_UNIQ_ID CLM_LINE_NUM BENE_MBI_ID CLM_FROM_DT CLM_LINE_CVRD_PD_AMT CLM_ADJSMT_TYPE_CD"
    " CLM_LINE_ALOWD_CHRG_AMT",
    "7": "CUR_CLM_UNIQ_ID BENE_MBI_ID CLM_LINE_FROM_DT CLM_LINE_BENE_PMT_AMT CLM_ADJSMT_TYPE_CD",
    "8": "BENE_MBI_ID",
    "9": "HICN_MBI_XREF CRNT_NUM PRVS_NUM",
    "A": "CUR_CLM_UNIQ_ID",
}
"""Fields that every line must hold."""

OPTIONAL = {
    "1": " ".join(("PRVDR_OSCAR_NUM FAC_PRVDR_NPI_NUM CLM_EFCTV_DT", *SHARE_OF_HOSPITALS)),
    "2": "CLM_LINE_PROD_REV_CTR_CD",
    "4": "CLM_DGNS_CD",
    "5": " ".join(
        (
            "CLM_LINE_FROM_DT CLM_LINE_THRU_DT CLM_THRU_DT CLM_PRVDR_SPCLTY_CD CLM_POS_CD CLM_LINE_HCPCS_CD",
            "CLM_RNDRG_PRVDR_TAX_NUM RNDRG_PRVDR_NPI_NUM CLM_CARR_PMT_DNL_CD CLM_EFCTV_DT CLM_CNTL_NUM",
            *DIAGNOSES,
        )
    ),
    "6": "CLM_LINE_FROM_DT CLM_LINE_THRU_DT CLM_THRU_DT CLM_POS_CD CLM_LINE_HCPCS_CD PAYTO_PRVDR_NPI_NUM"
    " CLM_CARR_PMT_DNL_CD CLM_EFCTV_DT CLM_CNTL_NUM",
    "7": "PRVDR_SRVC_ID_QLFYR_CD CLM_SRVC_PRVDR_GNRC_ID_NUM CLM_DSPNSNG_STUS_CD CLM_EFCTV_DT"
    " CLM_LINE_RX_SRVC_RFRNC_NUM CLM_LINE_RX_FILL_NUM",
    "8": "BENE_FIPS_STATE_CD BENE_FIPS_CNTY_CD BENE_DOB BENE_SEX_CD BENE_MDCR_STUS_CD BENE_DUAL_STUS_CD BENE_DEATH_DT"
    " BENE_RNG_BGN_DT BENE_RNG_END_DT BENE_ORGNL_ENTLMT_RSN_CD BENE_PART_A_ENRLMT_BGN_DT BENE_PART_B_ENRLMT_BGN_DT",
    "A": "CLM_MDCR_IP_BENE_DDCTBL_AMT CLM_MDCR_COINSRNC_AMT CLM_BLOOD_LBLTY_AMT CLM_MDCR_DDCTBL_AMT",
}
"""Fields that are read where they are filled."""

INSTEAD = {"CLM_FROM_DT": "CLM_LINE_FROM_DT"}
"""Fields of CCLF5 and CCLF6 that may be blank where another is filled."""

_CMS_NAME = re.compile(r"(?:^|\.)ZC([1-9AB])(?:[A-Z]{0,2}\d{2})?(?:\.|$)", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"^CCLF([1-9AB])(?:[-_.].*)?\.TXT$", re.IGNORECASE)
_STAMP = re.compile(r"\.D(\d{6})\.T(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """
    Where a field stands in a line, and how it is written.

    Parameters
    ----------
    start, end : int
        First and last column, counted from 1. [columns]
    format : str
        As CMS prints it, such as ``X(11)``, ``YYYY-MM-DD`` or ``-9(13).99``.
    """

    start: int
    end: int
    format: str

    @property
    def width(self) -> int:
        """Width of the field. [columns]"""
        return self.end - self.start + 1


@cache
def layout() -> dict[str, dict[str, Place]]:
    """
    Fields of each file in the order of their columns.

    Returns
    -------
    dict
        By kind ("1" to "9", "A", "B"), then by CMS's name of the field.

    References
    ----------
    .. [1] CMS, "CCLF Information Packet," version 38.0, Feb. 2, 2024, appendix B.

    Examples
    --------
    >>> layout()["1"]["CLM_PMT_AMT"]
    Place(start=82, end=98, format='-9(13).99')
    """
    found: dict[str, dict[str, Place]] = {kind: {} for kind in KINDS}
    with files("acomodel").joinpath("data/cclf_layout.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            place = Place(int(row["start"]), int(row["end"]), row["format"])
            found[row["file"].removeprefix("CCLF")][row["field"]] = place
    return found


def type_of(kind: str, field: str) -> str:
    """
    Type of a field: ``date``, ``money``, ``integer`` or ``text``.

    Two amounts of CCLF5 are printed as text in the layout; their names tell.

    >>> type_of("5", "CLM_LINE_CVRD_PD_AMT"), type_of("8", "BENE_DOB")
    ('money', 'date')
    """
    if layout()[kind][field].format == "YYYY-MM-DD":
        return "date"
    if field.endswith("_AMT"):
        return "money"
    return "integer" if field == "CLM_LINE_NUM" else "text"


def kind_of(name: str) -> str | None:
    """
    Kind of a file by its name, or None.

    Examples
    --------
    >>> kind_of("P.A1234.ACO.ZC1Y24.D240115.T1234567"), kind_of("cclfA.txt"), kind_of("notes.txt")
    ('1', 'A', None)
    """
    found = _PLAIN_NAME.match(name) or _CMS_NAME.search(name)
    return found[1].upper() if found else None


def find_files(folder: Path) -> tuple[dict[str, list[Path]], list[str]]:
    """
    Files of the feed in a folder, oldest first, and the names of those that are not of it.

    Raises
    ------
    InputError
        There is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; the folder of the CCLF files is wanted.")
    found: dict[str, list[Path]] = {}
    unknown = []
    for path in sorted(folder.iterdir(), key=lambda p: (stamp(p.name), p.name)):
        kind = kind_of(path.name) if path.is_file() else None
        if kind:
            found.setdefault(kind, []).append(path)
        elif path.name != "providers.csv" and not path.name.startswith("."):
            unknown.append(path.name)
    return found, unknown


def stamp(name: str) -> str:
    """
    Date and time in a CMS file name as sortable text; empty where there is none.

    >>> stamp("P.A1234.ACO.ZC1Y24.D240115.T1234567")
    '2401151234567'
    """
    found = _STAMP.search(name)
    return found[1] + found[2] if found else ""


def _lines(paths: Sequence[Path]) -> str:
    """SQL of the lines of files, one column each; a byte is a column, whatever the alphabet."""
    names = ", ".join(text_of(re.sub(r"([*?\[])", r"[\1]", str(path))) for path in paths)
    return (
        "(SELECT filename AS file, rtrim(line, chr(13)) AS line FROM read_csv("
        f"[{names}], columns={{'line': 'VARCHAR'}}, auto_detect=false, header=false, delim=chr(31), quote='',"
        " escape='', nullstr=chr(30), encoding='latin-1', compression='none', filename=true))"
    )


def _raw(kind: str, fields: Sequence[str], lines: str) -> str:
    """SQL of fields as text, without the blanks and tildes that stand for nothing; lines without text left out."""
    cells = ", ".join(
        f"trim(substr(line, {place.start}, {place.width}), ' ~') AS raw_{name}"
        for name, place in layout()[kind].items()
        if name in fields
    )
    return f"(SELECT *, length(line) AS width, {cells} FROM {lines} WHERE trim(line) <> '')"


def value_sql(kind: str, field: str) -> str:
    """SQL of a field's value: date, DECIMAL(14,2), integer or text; NULL where it is blank or cannot be cast."""
    raw = f"raw_{field}"
    match type_of(kind, field):
        case "date":
            blank = ", ".join(map(text_of, BLANK_DATES))
            return f"CASE WHEN length({raw}) = 10 AND {raw} NOT IN ({blank}) THEN TRY_CAST({raw} AS DATE) END"
        case "money":
            return f"TRY_CAST({raw} AS DECIMAL(14,2))"
        case "integer":
            return f"TRY_CAST({raw} AS INTEGER)"
    return f"nullif({raw}, '')"


def _fault(kind: str, field: str, *, required: bool, last: bool, allowed: Sequence[str]) -> str:
    """SQL that is true where a field is at fault."""
    place, value, raw = layout()[kind][field], value_sql(kind, field), f"raw_{field}"
    faults = []
    inside = f"width BETWEEN {place.start} AND {place.end - 1}"
    match type_of(kind, field):
        case "date":
            blank = ", ".join(map(text_of, BLANK_DATES))
            faults += [f"({raw} NOT IN ('', {blank}) AND {value} IS NULL)"]
        case "money":
            faults += [f"({raw} <> '' AND ({value} IS NULL OR NOT regexp_full_match({raw}, '[-+]?[0-9]*[.]?[0-9]+')))"]
            faults += [f"({inside} AND NOT regexp_matches({raw}, '[.][0-9][0-9]$'))"]
        case "integer":
            faults += [f"({raw} <> '' AND ({value} IS NULL OR NOT regexp_full_match({raw}, '[0-9]+')))", f"({inside})"]
        case _ if required and not last:
            faults += [f"width < {place.end}"]
    if required:
        other = INSTEAD.get(field) if kind in "56" else None
        faults += [f"coalesce({value}, {value_sql(kind, other)}) IS NULL" if other else f"{value} IS NULL"]
    if allowed:
        faults += [f"{raw} NOT IN ({', '.join(map(text_of, allowed))})"]
    return " OR ".join(faults)


def load(
    con: duckdb.DuckDBPyConnection,
    kind: str,
    paths: Sequence[Path],
    *,
    required: Sequence[str],
    optional: Sequence[str] = (),
    allowed: Mapping[str, Sequence[str]] | None = None,
    where: str = "true",
) -> str:
    """
    Read files of one kind into a temporary table of typed columns.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Connection in which the table ``cclf_<kind>`` is made.
    kind : str
        Kind of the files.
    paths : sequence of Path
        The files.
    required, optional : sequence of str
        Fields to read, by CMS's names; a required one must be there in every line.
    allowed : mapping, optional
        Codes a field may hold.
    where : str
        Condition on the typed columns; lines that do not meet it are checked and not kept.

    Returns
    -------
    str
        Name of the table; its columns are the fields and `file`.

    Raises
    ------
    InputError
        A line ends inside or before a required field, or a date, amount, number or code cannot be read: the
        first such line is named with its file, number, field and what was found.

    Notes
    -----
    Blanks trimmed from the end of a line do no harm. An amount that the end of a line cuts is known by its
    missing cents.
    """
    table, rules = f"cclf_{kind}", allowed or {}
    fields = sorted({*required, *optional}, key=lambda f: layout()[kind][f].start)
    last = max(required, key=lambda f: layout()[kind][f].start)
    values = ", ".join(f"{value_sql(kind, f)} AS {f}" for f in fields)
    faults = " ".join(
        f"WHEN {sql} THEN {text_of(f)}"
        for f in fields
        if (sql := _fault(kind, f, required=f in required, last=f == last, allowed=rules.get(f, ())))
    )
    checked = f"CASE {faults} END"
    with one_line(str(paths[0].parent)):
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM (SELECT file, {values}, {checked} AS fault"
            f" FROM {_raw(kind, fields, _lines(paths))}) WHERE fault IS NOT NULL OR ({where})"
        )
        bad = {row[0] for row in con.execute(f"SELECT DISTINCT file FROM {table} WHERE fault IS NOT NULL").fetchall()}
    if bad:
        path = next(path for path in paths if str(path) in bad)
        _raise_first(con, kind, path, fields, checked, rules)
    con.execute(f"ALTER TABLE {table} DROP COLUMN fault")
    return table


_WANTED = {
    "date": "a date written YYYY-MM-DD",
    "money": "an amount in dollars and cents",
    "integer": "a whole number",
    "text": "a code",
}


def _raise_first(
    con: duckdb.DuckDBPyConnection,
    kind: str,
    path: Path,
    fields: Sequence[str],
    checked: str,
    allowed: Mapping[str, Sequence[str]],
) -> NoReturn:
    """Name the first line at fault of a file."""
    numbered = f"(SELECT *, row_number() OVER () AS number FROM {_lines([path])})"
    row = con.execute(
        f"SELECT number, fault, line FROM (SELECT number, line, {checked} AS fault FROM {_raw(kind, fields, numbered)})"
        " WHERE fault IS NOT NULL ORDER BY number LIMIT 1"
    ).fetchone()
    assert row is not None
    count, field, line = row
    place = layout()[kind][field]
    text = line[place.start - 1 : place.end].strip()
    wanted = f"one of {', '.join(allowed[field])}" if field in allowed else _WANTED[type_of(kind, field)]
    found = f"found '{text}'" if text else "found nothing"
    if len(line) < place.end:
        found += f" (the line ends at column {len(line)})"
    raise InputError(
        f"{path}: line {_line_number(path, count):,}, field {field} (columns {place.start} to {place.end}): {found};"
        f" {wanted} is wanted."
    )


def _line_number(path: Path, count: int) -> int:
    """Number, with the empty lines, of the so many-th line that is not empty."""
    with path.open("rb") as file:
        filled = (number for number, line in enumerate(file, start=1) if line.strip(b"\r\n"))
        return next(islice(filled, count - 1, None))
