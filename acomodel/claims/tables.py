"""Canonical claims tables: their types, and a dataset of them on DuckDB or PySpark."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args
from uuid import uuid4

import pandas as pd

from acomodel.claims.findings import findings_exhibit
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError, dictionary

if TYPE_CHECKING:
    import ibis
    import ibis.expr.types as ir

Engine = Literal["duckdb", "pyspark"]
ENGINES: tuple[Engine, ...] = get_args(Engine)
TABLES = ("claims", "eligibility", "providers", "diagnoses")
"""Canonical tables, in the order in which they are written."""

SQL_TYPES = {
    "text": "VARCHAR",
    "date": "DATE",
    "integer": "INTEGER",
    "money": "DECIMAL(14,2)",
    "quantity": "DECIMAL(14,2)",
    "yes/no": "BOOLEAN",
}
"""Type of a dictionary type in Parquet. Money and quantities are exact, so that no sum depends on its order."""


@cache
def columns(table: str) -> dict[str, str]:
    """
    Columns of a canonical table in order, with their dictionary types.

    >>> columns("diagnoses")
    {'member_id': 'text', 'code': 'text', 'service_date': 'date', 'eligible': 'yes/no'}
    """
    rows = dictionary()[dictionary()["table"] == table]
    return dict(zip(rows["column"], rows["type"], strict=True))


@cache
def required(table: str) -> tuple[str, ...]:
    """Columns of a canonical table that every row must have."""
    rows = dictionary()[dictionary()["table"] == table]
    return tuple(rows.loc[rows["required"] == "yes", "column"])


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Shown):
    """
    Canonical claims tables on an engine; nothing is read into memory until a result is asked for.

    Parameters
    ----------
    path : Path
        Folder of the Parquet files.
    engine : {"duckdb", "pyspark"}
        Where the tables are worked on.
    claims, eligibility, providers, diagnoses : ibis.expr.types.Table
        The tables of the data dictionary.
    manifest : mapping
        Rows, sums and fingerprints of each table, and where it came from.
    findings : pandas.DataFrame
        What was found when the data were read.
    connection : object
        The Ibis backend.
    kept : dict
        Tables worked out once and used again; see `once`.
    """

    path: Path
    engine: Engine
    claims: ir.Table
    eligibility: ir.Table
    providers: ir.Table
    diagnoses: ir.Table
    manifest: Mapping[str, Any]
    findings: pd.DataFrame
    connection: ibis.BaseBackend
    kept: dict[str, ir.Table] = field(default_factory=dict)

    def acos(self) -> list[str]:
        """ACOs named in the list of providers."""
        named = self.providers.filter(self.providers.aco_id.notnull()).select("aco_id").distinct()
        return sorted(named.to_pandas()["aco_id"])

    def keep(self, expression: ir.Table) -> ir.Table:
        """Work an expression out once and keep the result in the engine."""
        name = f"kept_{uuid4().hex}"
        if self.engine == "duckdb":
            return self.connection.create_table(name, expression, temp=True)
        session = self.connection._session  # Ibis has no public way to a kept table on Spark
        session.sql(str(self.connection.compile(expression))).cache().createOrReplaceTempView(name)
        return self.connection.table(name)

    def once(self, name: str, expression: Callable[[], ir.Table]) -> ir.Table:
        """Table of an expression that is worked out when it is first asked for, and kept in the engine."""
        if name not in self.kept:
            self.kept[name] = self.keep(expression())
        return self.kept[name]

    def exhibit(self) -> Exhibit:
        """Tables with rows, sums and fingerprints."""
        rows = [
            (name, about["rows"], ", ".join(f"{k} {v:,.2f}" for k, v in about["sums"].items()), about["sha256"][:16])
            for name, about in self.manifest["tables"].items()
        ]
        table = pd.DataFrame(rows, columns=["Table", "Rows", "Sums", "SHA-256, first 16"]).set_index("Table")
        return Exhibit(f"Claims data ({self.manifest['format']}), on {self.engine}", table, {"Rows": "#"})

    def findings_exhibit(self) -> Exhibit:
        """What was found in the data, with rows, members and dollars at stake."""
        return findings_exhibit(self.findings)


def read_dataset(path: str | Path, engine: Engine = "duckdb", *, connection: Any = None) -> Dataset:
    """
    Open a folder of canonical Parquet tables.

    Parameters
    ----------
    path : str or Path
        Folder written by `ingest` or by the synthetic generator; or one of tables under the dictionary's names, as
        CSV or Parquet, which are taken in to a temporary folder first.
    engine : {"duckdb", "pyspark"}
        DuckDB inside this process, or PySpark (the extra `acomodel[spark]`, and Java).
    connection : object, optional
        For PySpark, a session of one's own; by default a local one with both cores.

    Returns
    -------
    Dataset

    Raises
    ------
    InputError
        No such folder, a table missing or damaged, a column missing or of the wrong type, a fatal finding
        of the ingest, an unknown engine, or PySpark without its extra.

    Examples
    --------
    >>> import tempfile
    >>> from acomodel.claims.synthetic import SyntheticSettings, write_book
    >>> folder = Path(tempfile.mkdtemp()) / "book"
    >>> _ = write_book(SyntheticSettings(members=100, months=12), folder)
    >>> read_dataset(folder).acos()
    ['ACO1', 'ACO2']
    """
    folder = Path(path)
    if engine not in ENGINES:
        raise InputError(f"engine: found '{engine}'; one of {', '.join(ENGINES)} is wanted.")
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; a folder of claims tables is wanted.")
    if not (folder / "manifest.json").is_file():
        folder = _taken_in(folder)
    manifest = _manifest(folder)
    _check_files(folder)
    backend = _duckdb() if engine == "duckdb" else _pyspark(connection)
    tables = {name: backend.read_parquet(str(folder / f"{name}.parquet")) for name in TABLES}
    return Dataset(folder, engine, **tables, manifest=manifest, findings=_findings(folder), connection=backend)


def _duckdb() -> Any:
    import ibis

    return ibis.duckdb.connect()


def _pyspark(session: Any) -> Any:
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise InputError(
            "engine 'pyspark': PySpark is not installed; pip install 'acomodel[spark]', and check Java with "
            "'java -version'."
        ) from None
    import ibis

    if session is None:
        settings = {
            "spark.ui.enabled": "false",
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.shuffle.partitions": "4",
            "spark.ui.showConsoleProgress": "false",
            "spark.driver.memory": "4g",
            "spark.driver.host": "localhost",
            "spark.driver.bindAddress": "127.0.0.1",
        }
        builder = SparkSession.builder.master("local[*]").appName("acomodel")
        for key, value in settings.items():
            builder = builder.config(key, value)
        try:
            session = builder.getOrCreate()
        except Exception as error:  # py4j has no error class of its own for a Java that is not there
            first = str(error).strip().splitlines()[0]
            raise InputError(
                f"engine 'pyspark': Spark does not start ({first}); check Java with 'java -version'."
            ) from None
        session.sparkContext.setLogLevel("ERROR")
    return ibis.pyspark.connect(session)


def _taken_in(folder: Path) -> Path:
    """Tables of a folder that no ingest has made, taken in to a folder that goes when the process ends."""
    from acomodel.claims.ingest import ingest

    if not any((folder / f"claims{suffix}").is_file() for suffix in (".parquet", ".csv", ".csv.gz")):
        raise InputError(f"{folder}: no claims.parquet or claims.csv; make the tables with 'acomodel ingest'.")
    made = Path(tempfile.mkdtemp(prefix="acomodel-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    ingest(folder, made / "tables")
    return made / "tables"


def _manifest(folder: Path) -> dict[str, Any]:
    """Manifest of an ingest."""
    path = folder / "manifest.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(
            f"{path}: not the manifest of an ingest; make the tables anew with 'acomodel ingest'."
        ) from None


def _findings(folder: Path) -> pd.DataFrame:
    from acomodel.claims.findings import findings_frame

    path = folder / "findings.csv"
    return pd.read_csv(path) if path.is_file() else findings_frame([])


def _check_files(folder: Path) -> None:
    """Refuse a table that is missing, damaged, or without the columns and types of the dictionary."""
    import duckdb

    with duckdb.connect() as con:
        for name in TABLES:
            path = folder / f"{name}.parquet"
            if not path.is_file():
                raise InputError(f"{path}: no such file; the claims tables are {', '.join(TABLES)}.")
            try:
                found = con.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
            except duckdb.Error:
                raise InputError(f"{path}: damaged, or not a Parquet file; make the tables anew.") from None
            types = {row[0]: row[1] for row in found}
            for column, kind in columns(name).items():
                if types.get(column) != SQL_TYPES[kind]:
                    held = types.get(column, "no such column")
                    raise InputError(f"{path}: column '{column}': found {held}; {SQL_TYPES[kind]} is wanted.")
