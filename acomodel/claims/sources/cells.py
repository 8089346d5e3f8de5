"""Text cells of claim files to typed columns, in DuckDB: every cell is cast, or the first bad one is named."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from acomodel.claims.findings import Finding
from acomodel.inputs import SUPPRESSED, InputError, dictionary, nearest

if TYPE_CHECKING:
    import duckdb

ISO = ("%Y-%m-%d", "%Y-%m-%d 00:00:00")
"""Dates as the data dictionary writes them; the second is how a midnight in Parquet prints."""

_WANTED = {
    "date": "a date written YYYY-MM-DD",
    "integer": "a whole number",
    "money": "an amount in dollars, below 1,000,000,000,000",
    "quantity": "a number, below 1,000,000,000,000",
    "yes/no": "yes or no",
}
_MARKS = "(" + ", ".join(f"'{mark}'" for mark in sorted(SUPPRESSED)) + ")"
_YES, _NO = ("yes", "y", "true", "t", "1"), ("no", "n", "false", "f", "0")


def name_of(column: str) -> str:
    """
    Column or view name quoted for SQL.

    >>> print(name_of('paid "net" amount'))
    "paid ""net"" amount"
    """
    return '"' + column.replace('"', '""') + '"'


def text_of(value: str) -> str:
    """
    Text quoted for SQL.

    >>> text_of("O'Brien")
    "'O''Brien'"
    """
    return "'" + value.replace("'", "''") + "'"


def header_of(path: Path, delimiter: str = ",") -> list[str]:
    """
    Column names of a CSV file (plain or gzip) or a Parquet file.

    Raises
    ------
    InputError
        The file is missing, a folder, empty, unreadable or in another separator, or a name stands twice.
    """
    if not path.exists():
        hint = nearest(path.name, [p.name for p in path.parent.iterdir()]) if path.parent.is_dir() else ""
        raise InputError(f"{path}: no such file.{hint}")
    if path.is_dir():
        raise InputError(f"{path}: this is a folder; a file is wanted.")
    if path.suffix == ".parquet":
        import duckdb

        with one_line(str(path)):
            return [str(row[0]) for row in duckdb.connect().execute(f"DESCRIBE FROM {_place(path)}").fetchall()]
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as file:
            names = [name.strip() for name in next(csv.reader(file, delimiter=delimiter), [])]
    except (OSError, EOFError):
        raise InputError(f"{path}: cannot be read, or cut short; obtain it again.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: the file is not UTF-8; save it as 'CSV UTF-8'.") from None
    except csv.Error as error:
        raise InputError(f"{path}: the header cannot be read ({error}).") from None
    if not any(names):
        raise InputError(f"{path}: the file is empty, or its first row is; a header is wanted.")
    if len(names) == 1 and (mark := next((m for m in ",;\t|" if m in names[0]), None)):
        raise InputError(f"{path}: the columns are separated by {mark!r}; {delimiter!r} is wanted.")
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"{path}: column '{twice[0]}' stands twice in the header.")
    return names


def _place(path: Path) -> str:
    """Path quoted for SQL, with the signs of a pattern taken literally; a Parquet file inside its function."""
    quoted = text_of(re.sub(r"([*?\[])", r"[\1]", str(path)))
    return f"read_parquet({quoted})" if path.suffix == ".parquet" else quoted


def text_table(path: Path, delimiter: str = ",") -> str:
    """
    SQL that reads a file with every column as text; the file must have as many cells in each row as in the header.

    Parameters
    ----------
    path : Path
        CSV (``.csv``, ``.txt``, ``.csv.gz``) in UTF-8, or Parquet.
    delimiter : str
        Separator of a CSV file.

    Returns
    -------
    str
        A subquery in parentheses.
    """
    names = header_of(path, delimiter)
    if path.suffix == ".parquet":
        cast = ", ".join(f"CAST({name_of(n)} AS VARCHAR) AS {name_of(n)}" for n in names)
        return f"(SELECT {cast} FROM {_place(path)})"
    columns = ", ".join(f"{text_of(n)}: 'VARCHAR'" for n in names)
    return (
        f"(SELECT * FROM read_csv({_place(path)}, columns={{{columns}}}, auto_detect=false, header=true,"
        f" delim={text_of(delimiter)}, quote='\"', escape='\"', strict_mode=true, null_padding=false))"
    )


def value_sql(cell: str, kind: str, dates: Sequence[str] = ISO) -> str:
    """
    SQL that casts a text cell to a type of the data dictionary; NULL where it cannot.

    Parameters
    ----------
    cell : str
        SQL of the text, already trimmed.
    kind : str
        ``text``, ``date``, ``integer``, ``money``, ``quantity`` or ``yes/no``.
    dates : sequence of str
        Formats a date may have, as `strptime` writes them.

    Examples
    --------
    >>> value_sql("x", "yes/no")
    "CASE WHEN lower(x) IN ('yes', 'y', 'true', 't', '1') THEN true WHEN lower(x) IN ('no', 'n', 'false', 'f', '0') \
THEN false END"
    """
    if kind == "text":
        return cell
    if kind == "date":
        return f"CAST(try_strptime({cell}, [{', '.join(map(text_of, dates))}]) AS DATE)"
    if kind == "yes/no":
        return f"CASE WHEN lower({cell}) IN {_YES} THEN true WHEN lower({cell}) IN {_NO} THEN false END"
    if kind == "integer":
        number = _number(cell, "DECIMAL(18, 6)")
        return f"CASE WHEN {number} = trunc({number}) THEN TRY_CAST({number} AS INTEGER) END"
    return _number(cell, "DECIMAL(14, 2)")


def _number(cell: str, sql_type: str) -> str:
    """SQL of a number printed with ``$``, brackets for a minus, and commas between groups of three digits alone."""
    bare = rf"regexp_replace(regexp_replace({cell}, '[$\s]', '', 'g'), '^\((.*)\)$', '-\1')"
    grouped = rf"regexp_full_match({bare}, '[-+]?[1-9]\d{{0,2}}(,\d{{3}})+([.]\d*)?')"
    printed = (
        f"CASE WHEN NOT contains({cell}, ',') OR {grouped} THEN TRY_CAST(replace({bare}, ',', '') AS {sql_type}) END"
    )
    return f"coalesce(TRY_CAST({cell} AS {sql_type}), {printed})"


def rounded_away(column: str) -> str:
    """
    SQL of what rounding takes from an amount printed in a column, always positive; zero for whole cents. [$]

    A millionth of a dollar or less is noise of binary numbers and counts as nothing.
    """
    cell = _cell(column)
    lost = f"coalesce(abs({_number(cell, 'DECIMAL(18, 6)')} - {_number(cell, 'DECIMAL(14, 2)')}), 0)"
    short = f"instr({cell}, '.') IN (0, length({cell}) - 1, length({cell}) - 2) AND NOT contains(lower({cell}), 'e')"
    return f"CASE WHEN {short} THEN 0 ELSE {lost} END"


def suppressed(column: str) -> str:
    """SQL that is true where the cell of a column is a suppressed mark."""
    return f"coalesce(upper({_cell(column)}) IN {_MARKS}, false)"


def typed(
    con: duckdb.DuckDBPyConnection,
    source: Path | str,
    view: str,
    columns: Mapping[str, tuple[str | None, str]],
    label: str,
    *,
    required: Collection[str] = (),
    rules: str | None = None,
    dates: Sequence[str] = ISO,
    delimiter: str = ",",
    where: str = "",
    rows: bool = True,
) -> int:
    """
    View of a file with its columns renamed and cast; the first cell that cannot be cast is an error.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Connection in which the temporary view is made.
    source : Path or str
        A file, or the name of a relation (or a subquery in parentheses) whose columns are text.
    view : str
        Name of the view.
    columns : mapping
        Target column to source column and type of the data dictionary (``text``, ``date``, ``integer``, ``money``,
        ``quantity``, ``yes/no``); a source column of None gives NULL.
    label : str
        What stands before "row" in an error, as a rule the path of the file.
    required : collection of str
        Targets whose cells must not be empty or suppressed.
    rules : str, optional
        Table of the data dictionary whose rules (required, allowed, minimum, maximum) the targets must keep.
    dates : sequence of str
        Formats a date may have, as `strptime` writes them.
    delimiter : str
        Separator of a CSV file.
    where : str
        SQL condition on the text columns; rows that do not meet it are left out, and are not checked.
    rows : bool
        Whether a file without rows is an error.

    Returns
    -------
    int
        Number of rows of the view. [rows]

    Raises
    ------
    InputError
        A missing file or column; a row too short or too long; an empty or suppressed required cell; a cell that
        cannot be cast, or breaks a rule. One line: file, row (the header is row 1), column, what was found, what is
        wanted.

    Notes
    -----
    Cells are trimmed; empty text is NULL. A suppressed mark (``*`` and the like) in a number that is not required is
    NULL, never zero. The file is read once for the checks and again by whoever reads the view.

    Examples
    --------
    >>> import duckdb
    >>> con = duckdb.connect()
    >>> raw = "(SELECT '7' AS id, ' $1,200.50' AS amt)"
    >>> typed(con, raw, "lines", {"claim_id": ("id", "text"), "paid": ("amt", "money")}, "lines.csv")
    1
    >>> con.execute("SELECT * FROM lines").fetchall()
    [('7', Decimal('1200.50'))]
    """
    with one_line(label):
        table = text_table(source, delimiter) if isinstance(source, Path) else source
        found = [str(d[0]) for d in con.execute(f"SELECT * FROM {table} AS t LIMIT 0").description or []]
    for target, (column, _) in columns.items():
        if column is not None and column not in found:
            shown = ", ".join(found[:12]) + (f" and {len(found) - 12} more" if len(found) > 12 else "")
            raise InputError(
                f"{label}: missing column '{column}' (wanted for {target}).{nearest(column, found)} Found {shown}."
            )
    faults = _faults(columns, required, rules, dates)
    with one_line(label):
        kept = f"FROM {table} AS t" + (f" WHERE {where}" if where else "")
        counts = con.execute(
            f"SELECT count(*), {''.join(f'count(*) FILTER (WHERE {sql}), ' for _, _, sql in faults)}"
            f" count(COLUMNS(*)) {kept}"
        ).fetchone()
    assert counts is not None
    if rows and not counts[0]:
        raise InputError(f"{label}: the file has a header but no rows.")
    if any(counts[1 : 1 + len(faults)]):
        _raise_first(con, table, where, [f for f, n in zip(faults, counts[1:], strict=False) if n], label)
    shape = ", ".join(
        f"{value_sql(_cell(column), kind, dates)} AS {name_of(target)}"
        if column
        else f"CAST(NULL AS {_SQL_TYPE[kind]}) AS {name_of(target)}"
        for target, (column, kind) in columns.items()
    )
    con.execute(f"CREATE OR REPLACE TEMP VIEW {name_of(view)} AS SELECT {shape} {kept}")
    return int(counts[0])


_SQL_TYPE = {
    "text": "VARCHAR",
    "date": "DATE",
    "integer": "INTEGER",
    "money": "DECIMAL(14, 2)",
    "quantity": "DECIMAL(14, 2)",
    "yes/no": "BOOLEAN",
}


def _cell(column: str) -> str:
    """SQL of a trimmed cell, NULL where it is empty."""
    return f"nullif(trim({name_of(column)}), '')"


def _faults(
    columns: Mapping[str, tuple[str | None, str]], required: Collection[str], rules: str | None, dates: Sequence[str]
) -> list[tuple[str, str, str]]:
    """Source column, what is wanted, and the SQL that is true where the cell is at fault."""
    table = dictionary()
    rows = table[table["table"] == rules].set_index("column") if rules else table.iloc[:0].set_index("column")
    faults = []
    for target, (column, kind) in columns.items():
        if column is None:
            continue
        rule = rows.loc[target] if target in rows.index else None
        needed = target in required or (rule is not None and rule["required"] == "yes")
        wanted = _WANTED.get(kind, "text")
        if kind == "date" and dates is not ISO:
            wanted = f"a date written like {date(2019, 4, 8).strftime(dates[0])}"
        cell, value = _cell(column), value_sql(_cell(column), kind, dates)
        number = kind in ("integer", "money", "quantity")
        if needed:
            meaning = f"{rule['meaning']} is wanted" if rule is not None else f"{wanted} is wanted ({target})"
            faults.append((column, meaning, f"{cell} IS NULL"))
        if kind != "text":
            spared = f" AND upper({cell}) NOT IN {_MARKS}" if number and not needed else ""
            faults.append((column, f"{wanted} is wanted", f"{cell} IS NOT NULL{spared} AND {value} IS NULL"))
        if rule is not None and rule["allowed"] and kind == "text":
            allowed = rule["allowed"].split("|")
            listed = ", ".join(map(text_of, allowed))
            faults.append((column, f"one of {', '.join(allowed)} is wanted", f"{cell} NOT IN ({listed})"))
        if rule is not None and number and rule["minimum"]:
            faults.append((column, f"at least {rule['minimum']} is wanted", f"{value} < {rule['minimum']}"))
        if rule is not None and number and rule["maximum"]:
            faults.append((column, f"at most {rule['maximum']} is wanted", f"{value} > {rule['maximum']}"))
    return faults


def _raise_first(
    con: duckdb.DuckDBPyConnection, table: str, where: str, faults: Sequence[tuple[str, str, str]], label: str
) -> NoReturn:
    """Name the first row with a fault."""
    with one_line(label):
        hits = []
        for place, (column, wanted, sql) in enumerate(faults):
            hit = con.execute(
                f"SELECT number, found FROM (SELECT row_number() OVER () + 1 AS number, {name_of(column)} AS found,"
                f" ({sql}) AND ({where or 'true'}) AS bad FROM {table} AS t) WHERE bad ORDER BY number LIMIT 1"
            ).fetchone()
            if hit:
                hits.append((hit[0], place, column, hit[1], wanted))
    number, _, column, found, wanted = min(hits)
    text = (found or "").strip()
    seen = "the cell is empty" if not text else f"found '{text[:40]}'"
    if text.upper() in SUPPRESSED:
        seen = f"found the suppressed mark '{text}', which is not zero"
    raise InputError(f"{label}: row {number:,}, column '{column}': {seen}; {wanted}.")


def first_of(header: Collection[str], *names: str) -> str | None:
    """
    First of some names that stands in a header; None where none does.

    >>> first_of(["person_id", "sex"], "patient_id", "person_id")
    'person_id'
    """
    return next((name for name in names if name in header), None)


def counted(con: duckdb.DuckDBPyConnection, check: str, table: str, what: str, sql: str) -> list[Finding]:
    """
    Finding whose rows, members and dollars a query gives; an empty list where there are no rows.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Connection with the tables of the query.
    check, table, what : str
        As in `Finding`.
    sql : str
        Query of one row: rows, members, dollars.
    """
    row = con.execute(sql).fetchone()
    if row is None or not row[0]:
        return []
    return [Finding(check, table, what, int(row[0]), int(row[1] or 0), round(float(row[2] or 0), 2))]


@contextmanager
def one_line(label: str) -> Iterator[None]:
    """Turn an error of the database into one line that names the file."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        text = " ".join(str(error).split())
        line = re.search(r"CSV Error on Line: (\d+)", text)
        cells = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text)
        if line and cells:
            raise InputError(
                f"{label}: row {int(line[1]):,} has {cells[2]} cells; the header has {cells[1]}."
            ) from None
        if line and "unicode" in text.lower():
            raise InputError(f"{label}: row {int(line[1]):,} is not UTF-8; save the file as 'CSV UTF-8'.") from None
        if line and "unterminated quote" in text:
            raise InputError(f'{label}: row {int(line[1]):,} opens a quote (") that is never closed.') from None
        place = f"row {int(line[1]):,}: " if line else ""
        raise InputError(f"{label}: {place}cannot be read ({text[:160]}).") from None
