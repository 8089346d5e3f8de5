"""The Shared Savings Program public use files, as CMS prints them, under one set of names and units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from acomodel.inputs import SUPPRESSED, InputError, nearest, read_cells, to_number

TRACKS = {
    "track_1": "Track 1",
    "track_2": "Track 2",
    "track_3": "Track 3",
    "track_1_plus": "Track 1+",
    "basic_a": "BASIC A",
    "basic_b": "BASIC B",
    "basic_c": "BASIC C",
    "basic_d": "BASIC D",
    "basic_e": "BASIC E",
    "enhanced": "ENHANCED",
}
"""Flag columns of the files that print one column per track."""


@dataclass(frozen=True, eq=False)
class PublicUseFile:
    """
    One public use file under canonical names.

    Parameters
    ----------
    path : Path
        Where it was read.
    table : pandas.DataFrame
        One row per ACO: the columns of ``data/puf_columns.csv``; rates as shares, dollars as numbers,
        flags as 1, 0 or NaN; what the file does not print is NaN or empty. `reporting_only` is true where
        a word such as "P4R" stands in place of a quality score.
    half_unit : pandas.DataFrame
        Half a unit in the last printed place of each figure, in the table's own unit.
    decisions : tuple of str
        What had to be decided in reading: units, repairs, the year.
    """

    path: Path
    table: pd.DataFrame
    half_unit: pd.DataFrame
    decisions: tuple[str, ...]


@cache
def _data(name: str) -> pd.DataFrame:
    with files("acomodel").joinpath(f"data/{name}.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype=str, keep_default_na=False)


def plain_name(name: str) -> str:
    """
    A printed name without case, spaces and punctuation; a plus sign is spelt out.

    >>> plain_name("Total benchmark expenditures ($)"), plain_name("Current_Track_1+")
    ('totalbenchmarkexpenditures', 'currenttrack1plus')
    """
    return re.sub(r"[^a-z0-9]", "", name.lower().replace("+", "plus"))


def _repaired(path: Path, header: list[str], rows: list[list[str]]) -> tuple[list[str], list[str]]:
    """Header with a known missing name put back where the figures prove the shift, and what was done."""
    for line, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise InputError(f"{path}: row {line} has {len(row)} cells; the header has {len(header)}.")
    bare = [plain_name(name) for name in header]
    for _, repair in _data("puf_repairs").iterrows():
        wanted = [plain_name(repair[c]) for c in ("missing_after", "next_name", "surplus_name")]
        if plain_name(repair["missing_name"]) in bare or not set(wanted) <= set(bare):
            continue
        after = bare.index(wanted[0]) + 1
        if after + 1 < len(header) and _adds_up([row[after - 1 : after + 2] for row in rows]):
            surplus = bare.index(wanted[2])
            names = [*header[:after], repair["missing_name"], *header[after:surplus], *header[surplus + 1 :]]
            return names, [f"'{repair['missing_name']}' was put back as column {after + 1}: {repair['reason']}"]
    return header, []


def _adds_up(triples: list[list[str]]) -> bool:
    """Whether the first of three neighbouring columns less the second is the third, in every row."""
    try:
        first, second, third = np.array([[to_number(cell) for cell in row] for row in triples]).T
    except ValueError:
        return False
    return bool(np.all(np.abs(first - second - third) <= 1.0))


def _positions(path: Path, header: list[str]) -> dict[str, int]:
    """Canonical name to position of its printed column."""
    printed = {plain_name(name): place for place, name in reversed(list(enumerate(header)))}
    found = {}
    for _, column in _data("puf_columns").iterrows():
        for alias in column["printed_as"].split("|"):
            if plain_name(alias) in printed:
                found[column["name"]] = printed[plain_name(alias)]
                if sum(plain_name(name) == plain_name(alias) for name in header) > 1:
                    raise InputError(f"{path}: two columns are named like '{alias}'; one is wanted.")
                break
    required = _data("puf_columns").query("required == 'yes'")
    for _, column in required.iterrows():
        if column["name"] not in found:
            alias = column["printed_as"].split("|")[0]
            raise InputError(
                f"{path}: not a Shared Savings Program results file: no column for {column['meaning']} "
                f"(such as '{alias}').{nearest(alias, header)}"
            )
    if "earned" not in found and not {"earned_savings", "owed_losses"} <= set(found):
        raise InputError(f"{path}: no column for earned savings and owed losses (such as 'EarnSaveLoss').")
    return found


def _words(name: str) -> dict[str, str]:
    """Printed words of a column and what they stand for."""
    table = _data("puf_values")
    rows = table[table["name"] == name]
    return {printed.upper(): value for printed, value in zip(rows["printed"], rows["value"], strict=True)}


def _numbers(path: Path, column: pd.Series, printed: str, cells: list[str]) -> tuple[np.ndarray, list[str]]:
    """Cells as numbers, and what was left blank; the sign of a percent is left aside, words stay NaN."""
    words = _words(column["name"])
    values, said = np.full(len(cells), np.nan), []
    for i, cell in enumerate(cells):
        try:
            values[i] = np.nan if cell.strip().upper() in words else to_number(cell)
        except ValueError:
            place = f"row {i + 2}, column '{printed}'"
            if column["required"] == "yes":
                raise InputError(f"{path}: {place}: found '{cell}'; a number is wanted.") from None
            said.append(f"{place}: '{cell}' is no number and was left blank")
    return values, said


def _codes(path: Path, kind: str, printed: str, cells: list[str]) -> list[str]:
    """Cells of a coded column under their canonical values; an empty or suppressed cell stays empty."""
    words = _words(kind)
    codes = []
    for line, cell in enumerate(cells, start=2):
        text = cell.strip().upper()
        if text not in words and text and text not in SUPPRESSED:
            raise InputError(
                f"{path}: row {line}, column '{printed}': found '{cell}'; one of {', '.join(words)} is wanted."
            )
        codes.append(words.get(text, ""))
    return codes


def _places(text: str) -> int:
    """
    Decimals of a printed figure; a lone ``.0`` is a whole number, and digits past the twelfth are noise.

    >>> _places("$1,545.00"), _places("0.9000"), _places("57047752.0"), _places("0.9312999999999999")
    (2, 4, 0, 4)
    """
    fraction = re.sub(r"[^0-9.]", "", text).partition(".")[2]
    if len(fraction) > 11:
        fraction = f"{to_number(text):.12g}".partition(".")[2]
    return 0 if fraction == "0" else len(fraction)


def half_units(values: np.ndarray, cells: list[str]) -> np.ndarray:
    """
    Half a unit in the last place printed, for each figure of a column.

    The last place is that of the most decimals in the column, for some files drop trailing zeros. Where a
    column with decimals never shows more than so many significant digits, eight or more, larger figures
    were cut to that many digits: the 2013 file prints $613,084,880.4 beside $94,123,456.78.
    """
    texts = [f"{abs(v):.12g}" for v in values[np.isfinite(values)]]
    plain = [t for t in texts if "e" not in t]
    places = max((_places(c) for c, v in zip(cells, values, strict=True) if np.isfinite(v)), default=0)
    digits = max((len(t.replace(".", "").strip("0")) for t in plain), default=0)
    half = np.full(len(values), 0.5 * 10.0**-places)
    if places and digits >= 8:
        with np.errstate(divide="ignore", invalid="ignore"):
            whole = np.floor(np.log10(np.abs(values))) + 1
        half = np.fmax(half, 0.5 * 10.0 ** (whole - digits))
    return half


def years_of_rows(path: Path, header_year: np.ndarray | None, rows: int, year: int | None) -> tuple[np.ndarray, str]:
    """Performance year of each row, from the data, the caller, or the file's name."""
    marked = re.findall(r"PY\W?(20\d\d)(?!\d)", path.stem, flags=re.I)
    named = sorted({int(y) for y in marked or re.findall(r"(?<!\d)(20[1-9]\d)(?!\d)", path.stem)})
    if header_year is not None and np.isfinite(header_year).all():
        years = header_year.astype(int)
        inside = sorted(set(years.tolist()))
        told = [year] if year is not None else named if len(named) == 1 else []
        if told and len(inside) == 1 and told != inside:
            whence = "was asked for" if year is not None else "stands in the file's name"
            raise InputError(f"{path}: the rows are of {inside[0]}, but {told[0]} {whence}; wrong year's file.")
        return years, f"performance year {', '.join(map(str, inside))} from the file's own column"
    if year is not None:
        return np.full(rows, year), f"performance year {year} as asked for"
    if len(named) == 1:
        return np.full(rows, named[0]), f"performance year {named[0]} from the file's name"
    raise InputError(
        f"{path}: the performance year is neither in the rows nor in the file's name; "
        "name it with --year, or rename the file to hold one year, such as puf_2015.csv."
    )


LONGEST_AGREEMENT = 6
"""Years from the start of an agreement after which no performance year of it can come. [years]"""


def _check_years(path: Path, table: pd.DataFrame) -> None:
    """Refuse a year that the agreements in the file cannot belong to."""
    starts = table["start_date"].dt.year
    late = starts > table["performance_year"]
    if late.any():
        row = int(np.flatnonzero(late)[0])
        raise InputError(
            f"{path}: row {row + 2}: the agreement of {table['aco_id'][row]} begins in {starts[row]:.0f}, after "
            f"performance year {table['performance_year'][row]}; wrong year's file?"
        )
    if starts.notna().any() and starts.max() < table["performance_year"].min() - LONGEST_AGREEMENT:
        raise InputError(
            f"{path}: the latest agreement began in {starts.max():.0f}, too long before performance year "
            f"{table['performance_year'].min()}; wrong year's file?"
        )


def read_puf(path: str | Path, *, year: int | None = None) -> PublicUseFile:
    """
    Read one public use file of Shared Savings Program results.

    Parameters
    ----------
    path : str or Path
        CSV as CMS publishes it, any performance year. Names are matched without case and punctuation
        against ``data/puf_columns.csv``, so a year whose columns keep their meaning needs no new code.
    year : int, optional
        Performance year, where neither the rows nor the file's name say it.

    Returns
    -------
    PublicUseFile

    Raises
    ------
    InputError
        Not such a file, wrong year, a suppressed cell where a figure is needed, two rows for one ACO, …

    Notes
    -----
    Whether a rate is printed as a fraction or a percent is decided from its values for the whole column,
    not from its sign or name: the 2013 file prints "0.0234%" for 2.34 percent, the 2014 file "2.354".

    References
    ----------
    .. [1] CMS, Shared Savings Program Accountable Care Organizations public use files and dictionaries.

    Examples
    --------
    >>> import tempfile
    >>> header = "ACO_ID,Current_Track,N_AB,MinSavPerc,EarnSaveLoss,ABtotBnchmk,ABtotExp"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "puf_2022.csv"
    ...     _ = path.write_text(header + "\\nA1,E,20000,2.50%,0,$100,$99")
    ...     row = read_puf(path).table.loc[0]
    >>> row["track"], float(row["msr"]), float(row["benchmark"])
    ('BASIC E', 0.025, 100.0)
    """
    path = Path(path)
    header, rows = read_cells(path)
    header, decisions = _repaired(path, header, rows)
    positions = _positions(path, header)
    table = pd.DataFrame(index=range(len(rows)))
    half_unit = pd.DataFrame(0.0, index=table.index, columns=list(_data("puf_columns")["name"]))
    for _, column in _data("puf_columns").iterrows():
        name, kind = column["name"], column["kind"]
        if name not in positions:
            table[name] = "" if kind in ("text", "code") else pd.NaT if kind == "date" else np.nan
            continue
        printed = header[positions[name]]
        cells = [row[positions[name]] for row in rows]
        if kind == "text":
            table[name] = [cell.strip() for cell in cells]
        elif kind == "code":
            table[name] = _codes(path, name, printed, cells)
        elif kind == "flag":
            words = _words("flag")
            flags = [words.get(cell.strip().upper(), "") for cell in cells]
            odd_cells = {c for c, f in zip(cells, flags, strict=True) if not f} - {"", *SUPPRESSED}
            decisions += [
                f"'{printed}': '{cell}' is neither yes nor no and was left blank" for cell in sorted(odd_cells)
            ]
            table[name] = pd.to_numeric(pd.Series(flags))
        elif kind == "date":
            dates = pd.Series([cell.strip().split(" ")[0] for cell in cells])
            table[name] = pd.to_datetime(dates, format="mixed", errors="coerce")
            odd = table[name].isna() & ~dates.str.upper().isin(["", *SUPPRESSED])
            if odd.any():
                row = int(np.flatnonzero(odd)[0])
                raise InputError(f"{path}: row {row + 2}, column '{printed}': found '{cells[row]}'; a date is wanted.")
        else:
            values, blank = _numbers(path, column, printed, cells)
            decisions += blank
            scale = 1.0
            if kind == "rate":
                scale, said = _unit(printed, values, cells, float(column["fraction_below"]))
                decisions += said
            if kind == "adjustment" and set(values[np.isfinite(values)]) in ({0.0, 1.0}, {1.0}):
                values = np.full(len(rows), np.nan)
                decisions.append(f"'{printed}' holds flags and not dollars, and was left blank")
            table[name] = values / scale
            exact = kind == "count" or (kind == "rate" and scale == 1 and np.isin(values, [0, 1]).all())
            half_unit[name] = 0.0 if exact else half_units(values, cells) / scale
            for word, value in _words(name).items():
                meant = np.array([cell.strip().upper() == word for cell in cells])
                table.loc[meant, name], half_unit.loc[meant, name] = float(value), 0.0
            missing = np.flatnonzero(np.isnan(values))
            if column["required"] == "yes" and len(missing):
                raise InputError(
                    f"{path}: row {missing[0] + 2}, column '{printed}': found '{cells[missing[0]].strip()}'; "
                    f"{column['meaning']} is needed to settle, and a suppressed or empty cell is not zero."
                )
    if "earned" not in positions:
        empty = {n: [not row[positions[n]].strip() for row in rows] for n in ("earned_savings", "owed_losses")}
        parts = [table[name].mask(pd.Series(cells), 0.0) for name, cells in empty.items()]
        table["earned"] = parts[0] + parts[1]
        half_unit["earned"] = half_unit["earned_savings"]
    given = table["performance_year"].to_numpy() if "performance_year" in positions else None
    table["performance_year"], said_year = years_of_rows(path, given, len(rows), year)
    decisions.append(said_year)
    table["track"] = _track(path, table, positions)
    place = positions.get("quality_score")
    words = _words("quality_score")
    table["reporting_only"] = [place is not None and row[place].strip().upper() in words for row in rows]
    _check_years(path, table)
    _check_rows(path, table)
    return PublicUseFile(path, table, half_unit, tuple(decisions))


def _unit(printed: str, values: np.ndarray, cells: list[str], fraction_below: float) -> tuple[float, list[str]]:
    """Divisor that turns printed rates into shares, and a sentence where the print misleads."""
    largest = np.nanmax(np.abs(values), initial=0.0)
    percent = largest > fraction_below
    signed = any("%" in cell for cell in cells)
    if percent and not signed:
        return 100.0, [f"'{printed}' bears no sign but holds percents (largest {largest:g})"]
    if signed and not percent and largest:
        return 1.0, [f"'{printed}' bears a percent sign but holds fractions (largest {largest:g})"]
    return (100.0 if percent else 1.0), []


def _track(path: Path, table: pd.DataFrame, positions: Mapping[str, int]) -> pd.Series:
    """Track of each ACO: its code, its flag, or Track 1 where the file only flags Track 2; else empty."""
    flags = table[list(TRACKS)].fillna(0).sum(axis=1)
    if (flags > 1).any():
        row = int(np.flatnonzero(flags > 1)[0])
        raise InputError(f"{path}: row {row + 2}: ACO {table['aco_id'][row]} is flagged for two tracks; one is wanted.")
    track = table["track"].copy()
    for flag, name in TRACKS.items():
        track = track.mask((track == "") & (table[flag] == 1), name)
    if "track_2" in positions and "track_1" not in positions:
        track = track.mask(track == "", "Track 1")
    return track


def _check_rows(path: Path, table: pd.DataFrame) -> None:
    """Refuse two rows for one settlement and figures that cannot be."""
    nameless = table["aco_id"] == ""
    if nameless.any():
        raise InputError(f"{path}: row {int(np.flatnonzero(nameless)[0]) + 2}: the identifier of the ACO is empty.")
    twice = table.duplicated(["aco_id", "performance_year", "start_date"])
    if twice.any():
        row = int(np.flatnonzero(twice)[0])
        raise InputError(f"{path}: row {row + 2}: a second row for ACO {table['aco_id'][row]}; one row each is wanted.")
    for name in ("members", "benchmark"):
        bad = table[name] <= 0
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise InputError(f"{path}: row {row + 2}: {name} is {table[name][row]:,g}; above zero is wanted.")
