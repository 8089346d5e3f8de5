"""Small books of claims for tests: rows as dictionaries, everything else filled in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import ibis
import pandas as pd

from acomodel.claims.findings import findings_frame
from acomodel.claims.tables import SQL_TYPES, TABLES, Dataset, columns

DEFAULTS: dict[str, dict[str, Any]] = {
    "claims": {
        "claim_id": "C",
        "line_number": 1,
        "claim_type": "professional",
        "hcpcs": "99213",
        "place_of_service": "11",
        "service_category": "Primary Care",
        "units": 1,
        "allowed": 100,
        "paid": 80,
        "member_cost_share": 20,
        "ime_dsh": 0,
        "capitated": False,
    },
    "eligibility": {"start_date": "2020-01-01", "end_date": "2025-12-31"},
    "providers": {"exclusive": True},
    "diagnoses": {},
}


def frame(table: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows of a table with defaults, in dictionary order."""
    filled = [DEFAULTS[table] | row for row in rows]
    return pd.DataFrame(filled, columns=list(columns(table)), dtype=object)


def dataset(**tables: list[dict[str, Any]]) -> Dataset:
    """Dataset in memory from lists of rows; eligibility of every member is made up where none is given."""
    if "eligibility" not in tables:
        members = sorted({row["member_id"] for row in tables.get("claims", [])})
        tables["eligibility"] = [{"member_id": m} for m in members]
    backend = ibis.duckdb.connect()
    made = {}
    for name in TABLES:
        cells = ", ".join(f"CAST({c} AS {SQL_TYPES[kind]}) AS {c}" for c, kind in columns(name).items())
        rows = frame(name, tables.get(name, []))
        text = rows.map(lambda v: None if v is None or v != v else str(v)).astype(object)
        backend.con.register("rows", text) if len(text) else backend.con.execute(
            "CREATE OR REPLACE TEMP VIEW rows AS SELECT "
            + ", ".join(f"NULL::VARCHAR AS {c}" for c in columns(name))
            + " WHERE false"
        )
        backend.con.execute(f"CREATE TABLE {name} AS SELECT {cells} FROM rows")
        backend.con.execute("DROP VIEW rows")
        made[name] = backend.table(name)
    return Dataset(Path("book"), "duckdb", **made, manifest={}, findings=findings_frame([]), connection=backend)


def write(folder: Path, **tables: list[dict[str, Any]]) -> Path:
    """The same rows as canonical CSV files in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        kept = frame(name, rows).dropna(axis=1, how="all")
        kept.to_csv(folder / f"{name}.csv", index=False)
    return folder


def total(path: Path, column: str = "allowed") -> float:
    """Sum of a column of a Parquet file."""
    return float(duckdb.sql(f"SELECT sum({column}) FROM read_parquet('{path}')").fetchall()[0][0])
