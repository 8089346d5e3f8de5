"""Results files of ACO REACH and of Global and Professional Direct Contracting, under one set of names and units."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from acomodel.inputs import SUPPRESSED, InputError, nearest, read_cells, to_number
from acomodel.programs import Rules
from acomodel.puf import half_units, plain_name, years_of_rows

ARRANGEMENTS = ("Global", "Professional")
"""Risk arrangements of the model."""

_TELLING = ("risk_arrangement", "final_benchmark", "actual", "published")
"""Columns by which a results file is known."""


@dataclass(frozen=True, eq=False)
class ReachFile:
    """
    One results file under canonical names.

    Parameters
    ----------
    path : Path
        Where it was read.
    table : pandas.DataFrame
        One row per entity and year: the columns of ``data/reach_columns.csv``, rates as shares and dollars as numbers;
        what the file does not print is NaN or empty; equity adjustments that are not printed are zero.
    half_unit : pandas.DataFrame
        Half a unit in the last printed place of each amount. [$]
    decisions : tuple of str
        What had to be decided in reading.
    """

    path: Path
    table: pd.DataFrame
    half_unit: pd.DataFrame
    decisions: tuple[str, ...]


@cache
def _columns() -> pd.DataFrame:
    with files("acomodel").joinpath("data/reach_columns.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype=str, keep_default_na=False).set_index("name")


def _positions(header: list[str]) -> dict[str, int]:
    """Canonical name to position of the printed column that is first among its names."""
    printed = {plain_name(name): place for place, name in reversed(list(enumerate(header)))}
    found = {}
    for name, column in _columns().iterrows():
        places = [printed[plain_name(a)] for a in column["printed_as"].split("|") if plain_name(a) in printed]
        if places:
            found[str(name)] = places[0]
    return found


def is_reach(path: str | Path) -> bool:
    """
    Whether the header of a file is that of a REACH or Direct Contracting results file.

    Parameters
    ----------
    path : str or Path
        A comma separated file.

    Returns
    -------
    bool

    Raises
    ------
    InputError
        The file cannot be read as a table.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "results.csv"
    ...     _ = path.write_text("ACO_ID,Current_Track,N_AB,EarnSaveLoss,ABtotBnchmk,ABtotExp\\nA1,E,1,0,1,1")
    ...     is_reach(path)
    False
    """
    found = _positions(read_cells(Path(path))[0])
    return sum(name in found for name in _TELLING) >= 3


def read_reach(path: str | Path, *, year: int | None = None) -> ReachFile:
    """
    Read one results file of ACO REACH or Direct Contracting, of one year or of many.

    Parameters
    ----------
    path : str or Path
        CSV as published; names are matched without case and punctuation against ``data/reach_columns.csv``, in any
        order.
    year : int, optional
        Performance year, where neither the rows nor the file's name say it.

    Returns
    -------
    ReachFile

    Raises
    ------
    InputError
        Not such a file, wrong year, an arrangement that is neither Global nor Professional, two rows for one entity and
        year, or no row that can be settled.

    Notes
    -----
    Whether a rate is a percent or a fraction is decided for the whole column: above 1 it is a percent. Entities without
    the figures of a settlement are left out and named.

    References
    ----------
    .. [1] CMS, ACO REACH and Global and Professional Direct Contracting financial results, 2021 to 2023.

    Examples
    --------
    >>> import tempfile
    >>> header = "aco_id,risk_arrangement,qual_scr,final_benchmark,tot_cost_care_net,shared_savings_seq"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "reach_2022.csv"
    ...     _ = path.write_text(header + "\\nD1,GLOBAL,98.5,1000000,950000,49000")
    ...     row = read_reach(path).table.loc[0]
    >>> row["risk_arrangement"], float(row["quality_score"]), int(row["performance_year"])
    ('Global', 0.985, 2022)
    """
    path = Path(path)
    header, rows = read_cells(path)
    positions, columns = _checked(path, header, rows), _columns()
    named = [row for row in rows if row[positions["aco_id"]].strip()]
    decisions = [f"{len(rows) - len(named)} rows without an identifier were left out"] * (len(named) < len(rows))
    rows = named
    table, printed = pd.DataFrame(index=range(len(rows))), dict[str, list[str]]()
    for name, column in columns.iterrows():
        if name not in positions:
            table[name] = "" if column["kind"] == "text" else np.nan
            continue
        cells = [row[positions[str(name)]].strip() for row in rows]
        if column["kind"] == "text":
            table[name] = cells
            continue
        values, said = _numbers(header[positions[str(name)]], cells, str(column["kind"]))
        decisions += said
        if column["kind"] == "rate" and np.nanmax(np.append(values, 0.0)) > 1:
            values = values / 100
        table[name] = values
        if column["kind"] == "number":
            printed[str(name)] = cells
    given = table["performance_year"].to_numpy() if "performance_year" in positions else None
    table["performance_year"], said_year = years_of_rows(path, given, len(rows), year)
    table["risk_arrangement"] = [
        _arrangement(path, line, text) for line, text in enumerate(table["risk_arrangement"], 2)
    ]
    half = _half_units(table, printed)
    decisions = [said_year, *decisions, *_equity(table)]
    unlimited = table["actual"].isna() & table["stop_loss"].str.lower().isin(["no", "n", "0"]) & table["cost"].notna()
    table["actual"] = table["actual"].where(~unlimited, table["cost"])
    kept = table["final_benchmark"].gt(0) & table["actual"].notna() & table["risk_arrangement"].ne("")
    for name in table["aco_id"][~kept]:
        decisions.append(f"{name} lacks a risk arrangement, a final benchmark or a net cost and was left out")
    if not kept.any():
        raise InputError(f"{path}: no row has risk arrangement, final benchmark and net cost; nothing can be settled.")
    table, half = table[kept].reset_index(drop=True), half[kept].reset_index(drop=True)
    twice = table.duplicated(["aco_id", "performance_year"])
    if twice.any():
        row = table[twice].iloc[0]
        raise InputError(f"{path}: two rows for {row['aco_id']} in {row['performance_year']}; one is wanted.")
    return ReachFile(path, table, half, tuple(decisions))


def _checked(path: Path, header: list[str], rows: list[list[str]]) -> dict[str, int]:
    """Positions of the columns; an error where one is lacking or named twice, or a row is too short or long."""
    for line, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise InputError(f"{path}: row {line} has {len(row)} cells; the header has {len(header)}.")
    positions = _positions(header)
    plain = [plain_name(name) for name in header]
    for name, column in _columns().iterrows():
        first = column["printed_as"].split("|")[0]
        if column["required"] == "yes" and name not in positions:
            raise InputError(
                f"{path}: not a REACH or Direct Contracting results file: no column for {column['meaning']} "
                f"(such as '{first}').{nearest(first, header)}"
            )
        if name in positions and plain.count(plain[positions[str(name)]]) > 1:
            raise InputError(f"{path}: two columns are named like '{header[positions[str(name)]]}'; one is wanted.")
    return positions


def _numbers(printed: str, cells: list[str], kind: str) -> tuple[np.ndarray, list[str]]:
    """Cells as numbers and what was left blank: words are no figures, and a year may stand as PY2022."""
    values, said = np.full(len(cells), np.nan), []
    for place, cell in enumerate(cells):
        try:
            value = to_number(cell.upper().removeprefix("PY").strip() if kind == "year" else cell)
            if np.isinf(value) or (kind == "year" and value % 1):
                raise ValueError(cell)
            values[place] = value
        except ValueError:
            said.append(f"row {place + 2}, column '{printed}': '{cell}' is no number and was left blank")
    return values, said


def _half_units(table: pd.DataFrame, printed: dict[str, list[str]]) -> pd.DataFrame:
    """Half a unit in the last place of each amount, year by year, for a file of many prints them differently."""
    half = pd.DataFrame(0.0, index=table.index, columns=table.columns)
    for name, cells in printed.items():
        for rows in table.groupby("performance_year").indices.values():
            values = table[name].to_numpy()[rows]
            half.loc[rows, name] = half_units(values, [cells[row] for row in rows])
    return half


def _arrangement(path: Path, line: int, text: str) -> str:
    """Global or Professional, however it is spelt; empty where nothing is printed."""
    if not text or text.upper() in SUPPRESSED:
        return ""
    for name in ARRANGEMENTS:
        if text.lower().startswith(name.lower()):
            return name
    raise InputError(f"{path}: row {line}: found the risk arrangement '{text}'; {' or '.join(ARRANGEMENTS)} is wanted.")


def _equity(table: pd.DataFrame) -> list[str]:
    """Equity adjustments with the sign they work with: what is taken off stands below zero."""
    down = table["heba_down"]
    if down.notna().any() and (down.fillna(0.0) >= 0).all() and (down > 0).any():
        table["heba_down"] = -down
        return ["the equity adjustment that is taken off is printed without its sign, and was taken as negative"]
    months = [name for name in ("heba_up_months", "heba_down_months") if name in table]
    years = {int(year) for year in table["performance_year"].dropna()}
    adjusted = any(Rules("reach", year).row("heba_up", "*") is not None for year in years)
    if adjusted and not table[["heba_up", "heba_down", *months]].notna().any().any():
        return ["the file prints no equity adjustment, which its year has: settlements are off by it"]
    return []
