"""Reading what people hand in: strict delimited files, errors that name the place; and files written whole."""

from __future__ import annotations

import csv
import difflib
import io
import math
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class InputError(ValueError):
    """Input that cannot be used; the message names file, place, what was found and what is wanted."""


def nearest(word: str, words: Iterable[str]) -> str:
    """
    Hint naming the word most like a misspelt one, or an empty string.

    >>> nearest("benchmrk", ["benchmark", "actual"])
    " Did you mean 'benchmark'?"
    """
    close = difflib.get_close_matches(word.lower(), [w.lower() for w in words], n=1, cutoff=0.6)
    original = {w.lower(): w for w in words}
    return f" Did you mean '{original[close[0]]}'?" if close else ""


def read_text(path: Path) -> str:
    """
    Text of a file in UTF-8, with or without a byte order mark.

    Raises
    ------
    InputError
        The file is missing, a folder, unreadable, empty, or not UTF-8.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        folder = path.parent
        alike = [p.name for p in folder.iterdir() if p.suffix == path.suffix] if folder.is_dir() else []
        there = folder / "scenarios" / f"{path.name}.toml"
        hint = f" Did you mean '{there}'?" if there.is_file() else nearest(path.name, alike)
        raise InputError(f"{path}: no such file.{hint}") from None
    except IsADirectoryError:
        raise InputError(f"{path}: this is a folder; a file is wanted.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from None
    if not raw.strip():
        raise InputError(f"{path}: the file is empty.")
    if raw[:4] == b"%PDF":
        raise InputError(f"{path}: this is a PDF; a text file is wanted.")
    if raw[:2] == b"PK":
        raise InputError(f"{path}: this is a zip archive or an Excel workbook; save it as CSV in UTF-8.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        remedy = "save it as 'CSV UTF-8'" if path.suffix.lower() == ".csv" else "save it as UTF-8"
        raise InputError(
            f"{path}: line {line} holds the byte 0x{raw[error.start]:02X}, which is not UTF-8; {remedy}."
        ) from None


def read_cells(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a comma separated file, as text and untouched; blank lines are dropped."""
    try:
        found = list(csv.reader(io.StringIO(read_text(path), newline="")))
    except csv.Error as error:
        raise InputError(f"{path}: not a comma separated table ({error}).") from None
    rows = [row for row in found if any(cell.strip() for cell in row)]
    if not rows:
        raise InputError(f"{path}: the file holds nothing but commas.")
    header = [name.strip() for name in rows[0]]
    if len(header) == 1 and (mark := next((m for m in ";\t|" if m in header[0]), None)):
        raise InputError(f"{path}: the columns are separated by {mark!r}; save the file with commas between them.")
    if len(rows) == 1:
        raise InputError(f"{path}: the file has a header but no rows.")
    return header, rows[1:]


_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
SUPPRESSED = frozenset({"*", "**", "-", "--", ".", "NA", "N/A"})
"""Marks that stand for a suppressed or absent figure; never zero."""


def to_number(text: str) -> float:
    """
    Number printed with any of ``$``, ``,`` and ``%``; the percent sign is dropped and not applied.

    NaN for an empty or suppressed cell. Raises ValueError for anything else.

    >>> to_number("$-9,187,354.55"), to_number("2.5%"), to_number("*")
    (-9187354.55, 2.5, nan)
    """
    bare = text.strip()
    if not bare or bare.upper() in SUPPRESSED:
        return float("nan")
    bare = re.sub(r"[$,%\s]", "", bare)
    if bare.startswith("(") and bare.endswith(")"):
        bare = "-" + bare[1:-1]
    if not _NUMBER.fullmatch(bare):
        raise ValueError(text)
    return float(bare)


def check_writable(out: Path) -> None:
    """Refuse a file to write that is a folder, or in none."""
    if out.is_dir() or not out.parent.is_dir():
        wanted = "a file, not a folder, is wanted" if out.is_dir() else f"the folder {out.parent} does not exist"
        raise InputError(f"{out}: cannot be written; {wanted}.")


def write_whole(out: Path, save: Callable[[Path], object]) -> None:
    """Write a file whole or not at all."""
    check_writable(out)
    draft = out.with_name(f".{out.name}.partial")
    try:
        save(draft)
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)


@cache
def dictionary() -> pd.DataFrame:
    """Data dictionary: one row per column of each table that may be handed in."""
    import pandas as pd

    with files("acomodel").joinpath("data/dictionary.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype=str, keep_default_na=False)


def _convert(path: Path, name: str, rule: pd.Series, cells: list[str]) -> list[object]:
    """Cells of one column under its dictionary rule."""
    import pandas as pd

    allowed = [a for a in rule["allowed"].split("|") if a] if rule["type"] == "text" else []
    low = float(rule["minimum"]) if rule["minimum"] else -math.inf
    high = float(rule["maximum"]) if rule["maximum"] else math.inf
    values: list[object] = []
    for line, cell in enumerate(cells, start=2):
        place = f"{path}: row {line}, column '{name}'"
        text = cell.strip()
        if not text and rule["required"] == "yes":
            raise InputError(f"{place}: the cell is empty; {rule['meaning']} is wanted.")
        if rule["type"] == "text":
            if allowed and text and text not in allowed:
                raise InputError(f"{place}: found '{text}'; one of {', '.join(allowed)} is wanted.")
            values.append(text[1:] if re.match(r"'[=+\-@]", text) else text)
        elif rule["type"] == "month":
            if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text):
                raise InputError(f"{place}: found '{text}'; a month written YYYY-MM is wanted.")
            values.append(pd.Period(text, "M"))
        else:
            if text.upper() in SUPPRESSED:
                raise InputError(
                    f"{place}: found the suppressed mark '{text}'; a number is needed here. "
                    "A suppressed cell is not zero: obtain the figure or leave the row out."
                )
            try:
                number = to_number(text)
            except ValueError:
                raise InputError(f"{place}: found '{text}'; a number is wanted ({rule['unit']}).") from None
            if number < low or number > high:
                bound = f"at least {low:,g}" if number < low else f"at most {high:,g}"
                raise InputError(f"{place}: found {text}; {bound} is wanted ({rule['meaning']}).")
            if rule["type"] == "integer" and number == number and number != int(number):
                raise InputError(f"{place}: found {text}; a whole number is wanted.")
            values.append(int(number) if rule["type"] == "integer" and number == number else number)
    return values


def read_table(path: Path, table: str, *, key: Sequence[str]) -> pd.DataFrame:
    """
    Read one table of the data dictionary from CSV, strictly.

    Parameters
    ----------
    path : Path
        A comma separated file in UTF-8 with the dictionary's column names in any order.
    table : str
        Name of the table in the dictionary.
    key : sequence of str
        Columns that together identify a row; two rows with the same key are an error.

    Returns
    -------
    pandas.DataFrame
        Columns in dictionary order; optional columns that are absent are NaN or empty text.

    Raises
    ------
    InputError
        Unknown, missing or repeated column; a cell of the wrong type or out of range; a row that is too
        short or too long; two rows with one key.
    """
    rules = dictionary().query("table == @table").set_index("column")
    header, rows = read_cells(path)
    unknown = [name for name in header if name not in rules.index]
    if unknown:
        raise InputError(
            f"{path}: unknown column '{unknown[0]}' for the table '{table}'.{nearest(unknown[0], rules.index)}"
            f" Known: {', '.join(rules.index)}."
        )
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise InputError(f"{path}: column '{repeated[0]}' stands twice in the header.")
    missing = [n for n in rules.index[rules["required"] == "yes"] if n not in header]
    if missing:
        raise InputError(
            f"{path}: missing column '{missing[0]}' ({rules.loc[missing[0], 'meaning']}); found {', '.join(header)}."
        )
    for line, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise InputError(f"{path}: row {line} has {len(row)} cells; the header has {len(header)}.")
    import pandas as pd

    frame = pd.DataFrame(index=range(len(rows)))
    for name, rule in rules.iterrows():
        if name in header:
            position = header.index(str(name))
            frame[name] = _convert(path, str(name), rule, [row[position] for row in rows])
        else:
            frame[name] = "" if rule["type"] == "text" else math.nan
    twice = frame.duplicated(list(key), keep="first")
    if twice.any():
        line = int(twice.argmax()) + 2
        which = ", ".join(f"{k} = {frame[k].iloc[line - 2]}" for k in key)
        raise InputError(f"{path}: row {line} repeats an earlier row ({which}); one row each is wanted.")
    return frame
