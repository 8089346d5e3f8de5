"""Tables that already bear the names of the data dictionary, as CSV or Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from acomodel.claims.findings import Finding
from acomodel.claims.sources.cells import (
    header_of,
    one_line,
    rounded_away,
    suppressed,
    text_table,
    typed,
    value_sql,
)
from acomodel.claims.tables import TABLES, columns, required
from acomodel.inputs import InputError, nearest

if TYPE_CHECKING:
    import duckdb

SUFFIXES = (".parquet", ".csv", ".csv.gz")


def read(con: duckdb.DuckDBPyConnection, source: Path) -> list[Finding]:
    """
    Tables `claims`, `eligibility`, `providers` and `diagnoses` from files of those names.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Connection in which the tables are made.
    source : Path
        Folder with `claims.csv` or `claims.parquet` and so on; providers and diagnoses may be absent.

    Returns
    -------
    list of Finding
        Which optional tables and columns are absent, which cells are suppressed or rounded, and what follows.

    Raises
    ------
    InputError
        A required table or column is missing, a column is unknown, or a cell breaks its rule.
    """
    found: list[Finding] = []
    for table in TABLES:
        path = next((source / f"{table}{s}" for s in SUFFIXES if (source / f"{table}{s}").is_file()), None)
        if path is None:
            if table in ("claims", "eligibility"):
                held = ", ".join(sorted(p.name for p in source.iterdir())[:8]) or "nothing"
                raise InputError(f"{source}: no {table}.csv or {table}.parquet; the folder holds {held}.")
            found.append(Finding("table-absent", table, _ABSENT[table]))
            con.execute(f"CREATE TABLE {table} ({', '.join(f'{c} VARCHAR' for c in columns(table))})")
            continue
        header = header_of(path)
        unknown = [name for name in header if name not in columns(table)]
        if unknown:
            raise InputError(
                f"{path}: unknown column '{unknown[0]}' for the table '{table}'.{nearest(unknown[0], columns(table))} "
                f"Known: {', '.join(columns(table))}."
            )
        if missing := [name for name in required(table) if name not in header]:
            raise InputError(f"{path}: missing column '{missing[0]}'; found {', '.join(header)}.")
        given = {c: (c if c in header else None, kind) for c, kind in columns(table).items()}
        typed(con, path, table, given, str(path), rules=table, rows=table in ("claims", "eligibility"))
        for column, words in _COLUMN_ABSENT.items():
            if table == "claims" and column not in header:
                found.append(Finding(f"{column.replace('_', '-')}-absent", table, words))
        if table == "claims":
            found += _amounts(con, path, header)
    return found


def _amounts(con: duckdb.DuckDBPyConnection, path: Path, header: list[str]) -> list[Finding]:
    """Suppressed cells and fractions of a cent among the amounts of claims, in one reading of the file."""
    given = {c: kind for c, kind in columns("claims").items() if c in header}
    lost = " + ".join(rounded_away(c) for c, kind in given.items() if kind == "money")
    marks = {
        c: suppressed(c) for c, kind in given.items() if kind in ("money", "quantity") and c not in required("claims")
    }
    with one_line(str(path)):
        row = con.execute(
            f"""SELECT count(*) FILTER (hidden), count(DISTINCT member) FILTER (hidden), sum(paid) FILTER (hidden),
                count(*) FILTER (lost > 0), count(DISTINCT member) FILTER (lost > 0), sum(lost)
                {"".join(f", count(*) FILTER (mark_{c})" for c in marks)}
            FROM (SELECT trim(member_id) AS member, {value_sql("trim(paid)", "money")} AS paid, {lost} AS lost,
                {" OR ".join(marks.values()) or "false"} AS hidden
                {"".join(f", {sql} AS mark_{c}" for c, sql in marks.items())}
                FROM {text_table(path)} AS t)"""
        ).fetchone()
    assert row is not None
    found = []
    if row[0]:
        each = ", ".join(f"{c} {n:,}" for c, n in zip(marks, row[6:], strict=True) if n)
        words = f"{_SUPPRESSED} Cells: {each}."
        found.append(Finding("suppressed-cell", "claims", words, row[0], row[1], round(float(row[2]), 2)))
    if row[3]:
        found.append(Finding("fractions-of-a-cent", "claims", _FRACTIONS, row[3], row[4], float(row[5])))
    return found


_SUPPRESSED = (
    "suppressed cells are not zero: allowed = paid + cost share stands for a suppressed allowed amount, and is"
    " too low where the cost share is suppressed too. Dollars: paid on these rows."
)
_FRACTIONS = (
    "amounts with more than two decimals are rounded to the cent. Dollars: what was rounded away, whatever its sign."
)
_ABSENT = {
    "providers": "no list of providers: specialties and ACOs are not known, so nobody can be attributed to an ACO",
    "diagnoses": "no diagnoses: risk scores by condition cannot be worked out",
}
_COLUMN_ABSENT = {
    "allowed": "allowed amounts are not given: paid plus cost sharing stands for them",
    "paid_date": "no day of payment is given: claims still running off cannot be completed",
}
