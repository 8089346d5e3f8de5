"""Files of annual costs, one row per member, per cost or per claimant, read into a distribution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from acomodel.budget.claimants import COLUMNS, Claimants
from acomodel.inputs import InputError, read_cells, to_number
from acomodel.outlook.luck.costs import CostDistribution, cost_distribution

COSTS = ("annual_cost", "annual_costs", "annual_claims", "cost", "costs", "allowed", "paid")
"""Names that the column of costs may have."""
OPTIONAL = {"members": "members", "months": "months", "stratum": "stratum", "enrollment_type": "stratum"}
"""Other columns that count, and their names in a table of costs."""
IGNORED = ("member_id", "year")


def read_costs(path: Path, *, truncate: float | None = None) -> CostDistribution:
    """
    Distribution of annual costs from a CSV or Parquet file.

    Parameters
    ----------
    path : Path
        One column of costs under any name or none; or a column `annual_cost` (or allowed, paid, cost) with any of
        `members` (how many a row stands for), `months`, `stratum`; or the table of a distribution of claims,
        with columns kind, members, months, allowed and squares. [$, members, months]
    truncate : float, optional
        Amount per member and year above which costs do not count. [$]

    Returns
    -------
    CostDistribution

    Raises
    ------
    InputError
        The file cannot be read, no column is one of costs, or a cell is not a number.
    """
    table = cost_table(path)
    try:
        return costs_of(table, truncate=truncate)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def cost_table(path: Path) -> pd.DataFrame:
    """
    Costs of a file as a table of values, equal ones together and in order, without what names a member.

    Parameters
    ----------
    path : Path
        As for `read_costs`.

    Returns
    -------
    pandas.DataFrame
        `annual_cost` [$] and `members` with `months` and `stratum` where the file has them; or the table of a
        distribution of claims as it is.

    Raises
    ------
    InputError
        As `read_costs`.
    """
    table = _table(path)
    if set(COLUMNS) <= set(table):
        kinds = {name: _numbers(path, table, name) for name in COLUMNS[1:]}
        return pd.DataFrame({"kind": table["kind"].astype(str), **kinds})
    column = _column_of_costs(path, table)
    given: dict[str, Any] = {"annual_cost": _numbers(path, table, column)}
    for name, role in OPTIONAL.items():
        if name in table and role not in given and name != column:
            given[role] = table[name].astype(str) if role == "stratum" else _numbers(path, table, name)
    if "member_id" in table and "year" not in table and table["member_id"].duplicated().any():
        again = int(table["member_id"].duplicated().to_numpy().argmax())
        raise InputError(
            f"{path}: row {again + 2}: a member_id stands again; one row a member, or a column year is wanted."
        )
    frame = pd.DataFrame({"members": 1.0, **given})
    if (frame["members"] < 0).any() or not frame["members"].sum() > 0:
        raise InputError(f"{path}: members are {frame['members'].min():g}; counts, some above zero, are wanted.")
    return frame.groupby([name for name in frame if name != "members"], as_index=False)["members"].sum()


def scaled_costs(table: pd.DataFrame, factor: float) -> pd.DataFrame:
    """Table of costs made by `cost_table` with every cost times a factor."""
    if "kind" in table:
        return table.assign(allowed=table["allowed"] * factor, squares=table["squares"] * factor**2)
    return table.assign(annual_cost=table["annual_cost"] * factor)


def costs_of(table: pd.DataFrame, *, truncate: float | None = None, prorate: bool = False) -> CostDistribution:
    """Distribution of the costs of a table made by `cost_table`; prorated by months only where it has them."""
    if "kind" in table:
        return cost_distribution(Claimants.from_frame(table), truncate=truncate, prorate=prorate)
    return cost_distribution(
        table["annual_cost"],
        counts=table["members"],
        months=table.get("months"),
        strata=table.get("stratum"),
        truncate=truncate,
        prorate=prorate and "months" in table,
    )


def _table(path: Path) -> pd.DataFrame:
    """Cells of a file under their names; a column of numbers without a name is one of costs."""
    if path.suffix == ".parquet":
        if not path.is_file():
            raise InputError(f"{path}: no such file.")
        try:
            return pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read as Parquet ({str(error).splitlines()[0]}).") from None
    try:
        header, rows = read_cells(path)
    except InputError as error:
        if "header but no rows" not in str(error):
            raise
        header, rows = [path.read_text(encoding="utf-8-sig").strip()], []
    if len(header) == 1 and _is_number(header[0]):
        header, rows = ["annual_cost"], [header, *rows]
    elif not rows:
        raise InputError(f"{path}: the file has a header but no rows.")
    for line, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise InputError(f"{path}: row {line} has {len(row)} cells; the header has {len(header)}.")
    if twice := [name for name in header if header.count(name) > 1]:
        raise InputError(f"{path}: column '{twice[0]}' stands twice in the header.")
    return pd.DataFrame(rows, columns=header, dtype=str)


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(to_number(text)))
    except ValueError:
        return False


def _column_of_costs(path: Path, table: pd.DataFrame) -> str:
    """Name of the column that holds the costs."""
    if len(table.columns) == 1 and str(table.columns[0]) not in IGNORED:
        return str(table.columns[0])
    found = [name for name in COSTS if name in table]
    known = {*COSTS, *OPTIONAL, *IGNORED}
    if unknown := [str(name) for name in table if name not in known]:
        raise InputError(
            f"{path}: unknown column '{unknown[0]}'; one column of costs, or annual_cost with any of "
            f"{', '.join(OPTIONAL)} is wanted."
        )
    if len(found) != 1:
        words = f"{len(found)} columns of costs ({', '.join(found)})" if found else "no column of costs"
        raise InputError(f"{path}: {words} among {', '.join(map(str, table))}; one, named annual_cost, is wanted.")
    return found[0]


def _numbers(path: Path, table: pd.DataFrame, name: str) -> np.ndarray:
    """Numbers of a column; a cell that is none is named."""
    try:
        numbers = table[name].astype(float).to_numpy()
    except (TypeError, ValueError):
        numbers = np.array([_number(path, line, name, cell) for line, cell in enumerate(table[name], start=2)])
    if (bad := ~np.isfinite(numbers)).any():
        line = int(np.argmax(bad))
        _number(path, line + 2, name, table[name].iloc[line])
    return np.asarray(numbers, dtype=float)


def _number(path: Path, line: int, name: str, cell: Any) -> float:
    try:
        number = to_number(str(cell))
    except ValueError:
        number = float("nan")
    if not np.isfinite(number):
        raise InputError(f"{path}: row {line}, column '{name}': found '{cell}'; a number is wanted.")
    return number
