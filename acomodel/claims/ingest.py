"""Ingest: claims in any known format become canonical Parquet tables, a manifest and a list of findings."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from acomodel.claims.checks import check_tables
from acomodel.claims.findings import Finding, findings_frame
from acomodel.claims.sources.cells import text_of
from acomodel.claims.tables import SQL_TYPES, TABLES, columns, required
from acomodel.exhibit import inert
from acomodel.inputs import InputError

if TYPE_CHECKING:
    import duckdb

Format = Literal["csv", "cclf", "tuva", "rif", "synpuf"]
FORMATS: tuple[Format, ...] = get_args(Format)
READERS = {"csv": "canonical", "cclf": "cclf", "tuva": "tuva", "rif": "rif", "synpuf": "synpuf"}
"""Module of `acomodel.claims.sources` that reads each format."""

ORDER = {
    "claims": "member_id, service_date, claim_id, line_number, paid, paid_date",
    "eligibility": "member_id, start_date, end_date",
    "providers": "provider_id",
    "diagnoses": "member_id, code, service_date",
}
"""Order of the rows in Parquet: the same data give the same file, whatever the order they came in."""


def ingest(source: str | Path, out: str | Path, *, format: Format = "csv") -> list[Finding]:
    """
    Read claims in one of the known formats into canonical Parquet tables.

    Parameters
    ----------
    source : str or Path
        Folder of the files, as they were delivered.
    out : str or Path
        Folder to write; it is made, or an earlier ingest there is replaced.
    format : {"csv", "cclf", "tuva", "rif", "synpuf"}
        "csv" are the tables of the data dictionary, as CSV or Parquet; "cclf" the claim and claim line feed of
        CMS; "tuva" the Tuva input layer; "rif" research files of CMS; "synpuf" its DE-SynPUF.

    Returns
    -------
    list of Finding
        What is wrong with the data, each with rows, members and dollars at stake.

    Raises
    ------
    InputError
        A file is missing or cannot be read, or a finding is fatal; nothing is written then.

    Notes
    -----
    The folder holds `claims`, `eligibility`, `providers` and `diagnoses` as Parquet, `findings.csv`, and
    `manifest.json` with rows, sums and SHA-256 of each table. Everything runs in DuckDB, which spills to disk.
    """
    folder, target = Path(source), Path(out)
    if format not in FORMATS:
        raise InputError(f"format: found '{format}'; one of {', '.join(FORMATS)} is wanted.")
    if not folder.is_dir():
        held = "this is a file" if folder.is_file() else "no such folder"
        raise InputError(f"{folder}: {held}; the folder of the {format} files is wanted.")
    _check_target(target)
    import duckdb

    reader: Callable[[duckdb.DuckDBPyConnection, Path], list[Finding]]
    reader = import_module(f"acomodel.claims.sources.{READERS[format]}").read
    stage = target.with_name(f".{target.name}.partial")
    shutil.rmtree(stage, ignore_errors=True)
    try:
        stage.mkdir(parents=True)
        with duckdb.connect(str(stage / "work.duckdb")) as con:
            con.execute(f"SET temp_directory = {text_of(str(stage / 'spill'))}")
            found = reader(con, folder)
            conform(con)
            found += _further(found, check_tables(con))
            _refuse_fatal(folder, found)
            write_tables(con, stage, source_format=format)
        (stage / "work.duckdb").unlink(missing_ok=True)
        shutil.rmtree(stage / "spill", ignore_errors=True)
        write_findings(stage, found)
        shutil.rmtree(target, ignore_errors=True)
        stage.replace(target)
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror}).") from None
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return found


SAID = {"paid-date-missing": "paid-date-absent", "negative-amount": "cancellation"}
"""Checks of every ingest that say again what a reader has said under another name."""


def _further(said: list[Finding], checked: list[Finding]) -> list[Finding]:
    """Findings of the checks that the reader has not made already, so that no dollar is named twice."""
    names = {(f.table, f.check) for f in said}
    return [f for f in checked if not {(f.table, f.check), (f.table, SAID.get(f.check, ""))} & names]


def _check_target(target: Path) -> None:
    """Refuse to replace anything but an earlier ingest."""
    known = {f"{name}.parquet" for name in TABLES} | {"findings.csv", "manifest.json", "truth.parquet", "truth.json"}
    if target.is_file():
        raise InputError(f"{target}: this is a file; name a folder with --out.")
    if target.is_dir():
        foreign = sorted(p.name for p in target.iterdir() if p.name not in known)
        if foreign:
            raise InputError(
                f"{target}: holds '{foreign[0]}', which is not of an ingest; name another folder with --out."
            )


def _refuse_fatal(source: Path, found: list[Finding]) -> None:
    fatal = [f for f in found if f.fatal]
    if fatal:
        more = f" (and {len(fatal) - 1} more)" if len(fatal) > 1 else ""
        first = fatal[0]
        raise InputError(
            f"{source}: {first.table}: {first.what}; {first.rows:,} rows, {first.members:,} members, "
            f"${first.dollars:,.2f} [{first.check}]{more}"
        )


def conform(con: duckdb.DuckDBPyConnection) -> None:
    """
    Give the tables of a reader every column of the dictionary, in its type, and work out what may be left empty.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Connection with the tables `claims`, `eligibility`, `providers`, `diagnoses` as a reader left them;
        afterwards tables `canonical_claims`, … hold them in full.

    Notes
    -----
    Allowed is paid plus cost sharing where it is not given. A service category, a unit count and a provider's
    class are worked out where they are empty, by the tables `service_categories.csv` and `specialties.csv`.
    """
    from acomodel.claims.categories import fill_claims, fill_providers

    for name in TABLES:
        found = {row[0] for row in con.execute(f"DESCRIBE {name}").fetchall()}
        missing = [c for c in required(name) if c not in found]
        if missing:
            raise InputError(f"{name}: column '{missing[0]}' is missing.")
        cells = [
            f"CAST({column if column in found else 'NULL'} AS {SQL_TYPES[kind]}) AS {column}"
            for column, kind in columns(name).items()
        ]
        con.execute(f"CREATE OR REPLACE VIEW typed_{name} AS SELECT {', '.join(cells)} FROM {name}")
    con.execute("CREATE OR REPLACE TABLE canonical_eligibility AS SELECT * FROM typed_eligibility")
    con.execute("CREATE OR REPLACE TABLE canonical_diagnoses AS SELECT DISTINCT * FROM typed_diagnoses")
    fill_claims(con)
    fill_providers(con)


def write_tables(con: duckdb.DuckDBPyConnection, folder: Path, *, source_format: str) -> None:
    """Write the canonical tables of a connection as Parquet, sorted, with their manifest."""
    for name in TABLES:
        con.execute(
            f"COPY (SELECT * FROM canonical_{name} ORDER BY {ORDER[name]}) TO {text_of(f'{folder / name}.parquet')} "
            "(FORMAT parquet, COMPRESSION zstd)"
        )
    write_manifest(folder, source_format=source_format)


def write_manifest(folder: Path, *, source_format: str) -> None:
    """Write rows, sums and SHA-256 of the Parquet tables in a folder."""
    import duckdb

    about: dict[str, Any] = {}
    with duckdb.connect() as con:
        for name in TABLES:
            path = folder / f"{name}.parquet"
            money = [c for c, kind in columns(name).items() if kind == "money"]
            sums = "".join(f", coalesce(sum({c}), 0)::VARCHAR" for c in money)
            row = con.execute(f"SELECT count(*){sums} FROM read_parquet(?)", [str(path)]).fetchone()
            assert row is not None
            about[name] = {
                "rows": row[0],
                "sums": {c: float(v) for c, v in zip(money, row[1:], strict=True)},
                "sha256": _sha256(path),
            }
    text = json.dumps({"format": source_format, "tables": about}, indent=1)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")


def inspect_tables(folder: Path) -> list[Finding]:
    """Run the checks on canonical tables that were not made by an ingest, and write what they find beside them."""
    import duckdb

    with duckdb.connect() as con:
        for name in TABLES:
            path = text_of(f"{folder / name}.parquet")
            con.execute(f"CREATE VIEW canonical_{name} AS SELECT * FROM read_parquet({path})")
        con.execute("CREATE VIEW typed_providers AS SELECT * FROM canonical_providers")
        found = check_tables(con)
    write_findings(folder, found)
    return found


def write_findings(folder: Path, found: list[Finding]) -> None:
    """Write findings as CSV that no spreadsheet takes for formulas."""
    frame = findings_frame(found)
    frame.assign(what=frame["what"].map(inert)).to_csv(folder / "findings.csv", index=False)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
