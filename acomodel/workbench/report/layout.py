"""How a table fits a printed page: widths of columns, size of type, and whether the page is turned."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from acomodel.workbench.report.frames import Table

PAGE, PAGE_HIGH, MARGIN = 612.0, 792.0, 64.0
"""US Letter and the margins at its sides. [points]"""

SIZES = (7.5, 7.0, 6.5)
"""Sizes of type that a table may have, the wanted one first. [points]"""

PAD = (5.0, 3.5)
"""Space beside the words of a cell: wanted and least. [points]"""


def font_folder() -> Path:
    """Folder of the sans serif that tables and charts are set in; it comes with matplotlib."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"


@cache
def _advances(bold: bool) -> dict[int, float]:
    """Width of each letter that the sans serif has. [em]"""
    from fontTools.ttLib import TTFont

    with TTFont(font_folder() / f"DejaVuSans{'-Bold' * bold}.ttf", lazy=True) as face:
        em, widths = face["head"].unitsPerEm, face["hmtx"].metrics
        return {code: widths[name][0] / em for code, name in face.getBestCmap().items()}


def width_of(text: str, *, bold: bool = False) -> float:
    """
    Width of a line of text in the sans serif of tables. [em]

    >>> 0.6 < width_of("0") < 0.7
    True
    """
    advances = _advances(bold)
    return sum(advances.get(ord(letter), 1.0) for letter in text)


@dataclass(frozen=True)
class Fit:
    """
    How a table is set.

    Parameters
    ----------
    widths : tuple of float
        Width of each column, space included. [points]
    size : float
        Size of type. [points]
    pad : float
        Space beside the words of a cell. [points]
    landscape : bool
        Whether it stands on a turned page.
    high : float
        Its height, about. [points]
    whole : bool
        Whether it is kept on one page, which short tables are.
    rows_break : bool
        Whether a row may go over to the next page, which only very long ones may.
    """

    widths: tuple[float, ...]
    size: float
    pad: float
    landscape: bool
    high: float
    whole: bool
    rows_break: bool


class _Column:
    """One column: what its cells measure, and how many lines each takes in a given width. [em]"""

    def __init__(self, head: str, cells: Sequence[str], totals: Sequence[int], words: bool) -> None:
        self.parts = [_parts(head, True), *(_parts(cell, at in totals) for at, cell in enumerate(cells))]
        body = max((_length(parts) for parts in self.parts[1:]), default=0.0)
        longest = [max((width for width, _ in parts), default=0.0) for parts in self.parts]
        line = _length(self.parts[0])
        self.least = max(longest) if words else max(body, longest[0])
        self.wanted = max(self.least, body, line if words else min(line, 7.0))
        self.counted: dict[int, list[int]] = {}

    def lines(self, width: float) -> list[int]:
        """Lines of the head and of each cell."""
        key = round(width * 20)
        if key not in self.counted:
            self.counted[key] = [_lines(parts, width) for parts in self.parts]
        return self.counted[key]


SPACE = 0.318
"""Width of the space between two words. [em]"""

Parts = list[tuple[float, float]]
"""Pieces between which a line may end: the width of each and of the space before it. [em]"""


def _parts(text: str, bold: bool) -> Parts:
    return [
        (width_of(piece, bold=bold), 0.0 if at else SPACE)
        for word in text.split()
        for at, piece in enumerate(breaks(word))
    ]


def _length(parts: Parts) -> float:
    """Width of a text on one line. [em]"""
    return sum(width + space for width, space in parts) - (SPACE if parts else 0.0)


def _lines(parts: Parts, room: float) -> int:
    """Lines that a text takes in a column of some width. [em]"""
    lines, used = 1, 0.0
    for width, space in parts:
        if used and used + space + width > room + 0.01:
            lines, used = lines + 1, width
        else:
            used += width + (space if used else 0.0)
    return lines


def _columns(table: Table) -> list[_Column]:
    """Columns of a table, labels first; words wrap between words, figures do not."""
    made = [_Column(table.corner, table.labels, table.totals, True)] if table.corner is not None else []
    cells = zip(*table.rows, strict=True) if table.rows else ((),) * len(table.columns)
    for head, column, words in zip(table.columns, cells, table.text, strict=True):
        made.append(_Column(head, list(column), table.totals, words))
    return made


def fit(table: Table) -> Fit:
    """
    Set a table: at the wanted size where it fits, else closer, then smaller, then on a turned page.

    Parameters
    ----------
    table : Table
        What is set.

    Returns
    -------
    Fit
        Widths that add up to no more than the page allows. Words wrap; a figure is never broken unless even a turned
        page with the smallest type is too narrow for all columns.
    """
    columns = _columns(table)
    best = None
    for turned in (False, True):
        for size, pad in [(size, pad) for size in SIZES for pad in PAD]:
            room = _room(turned, len(columns), pad) / size
            widths = _widths(columns, room)
            if widths is None or (not turned and max(_rows(columns, widths)) > CRAMPED):
                continue
            tried = _fit(columns, widths, size, pad, turned)
            if best is None or tried.high < SHORTER * best.high:
                best = tried
        if best is not None:
            return best
    share = [min(column.least, 12.0) for column in columns]
    room = _room(True, len(columns), PAD[-1]) / SIZES[-1]
    return _fit(columns, [width * room / sum(share) for width in share], SIZES[-1], PAD[-1], True)


def _room(turned: bool, columns: int, pad: float) -> float:
    """Width that is left for the words of all columns. [points]"""
    return (PAGE_HIGH if turned else PAGE) - 2 * MARGIN - columns * (2 * pad + 0.5)


def _fit(columns: Sequence[_Column], widths: Sequence[float], size: float, pad: float, turned: bool) -> Fit:
    """How a table is set with columns of some widths. [em]"""
    rows = _rows(columns, widths)
    high = sum(rows) * size * 1.22 + len(rows) * 6.2 + 40
    points = tuple(round(width * size + 2 * pad + 0.5, 2) for width in widths)
    return Fit(points, size, pad, turned, high, whole=not turned and high < 300, rows_break=max(rows) > 30)


SHORTER = 0.8
"""Part of its height to which a table must come down to be set smaller than need be."""

CRAMPED = 14
"""Lines of a row beyond which a table is set smaller or wider."""


def _rows(columns: Sequence[_Column], widths: Sequence[float]) -> list[int]:
    """Lines of each row, the head first."""
    lines = [column.lines(width) for column, width in zip(columns, widths, strict=True)]
    return [max(row) for row in zip(*lines, strict=True)]


def _widths(columns: Sequence[_Column], room: float) -> list[float] | None:
    """
    Widths within the room that keep the table short; None where it is too small. [em]

    What is left beyond the least widths goes, piece by piece, where it saves the most lines for its size.
    """
    widths = [column.least for column in columns]
    rest = room - sum(widths)
    if rest < 0:
        return None
    if sum(column.wanted for column in columns) <= room:
        return [column.wanted for column in columns]
    steps = (1.0, 2.0, 4.0, 8.0)
    while rest > 0.5:
        now, best = sum(_rows(columns, widths)), (0.0, 0, 0.0)
        for at, column in enumerate(columns):
            for step in steps:
                more = min(step, rest, column.wanted - widths[at])
                if more > 0.05:
                    tried = [*widths[:at], widths[at] + more, *widths[at + 1 :]]
                    best = max(best, ((now - sum(_rows(columns, tried))) / more, at, more))
        if best[0] <= 0:
            break
        widths[best[1]] += best[2]
        rest -= best[2]
    open_at = [at for at, column in enumerate(columns) if column.wanted > widths[at]]
    for at in sorted(open_at, key=lambda at: columns[at].wanted - widths[at]):
        widths[at] += min(rest / max(1, len(open_at)), columns[at].wanted - widths[at])
    return widths


def panels(table: Table) -> list[Table]:
    """
    Table in parts that fit a page upright, where it has too many columns for any page; else the table alone.

    Parameters
    ----------
    table : Table
        What is set.

    Returns
    -------
    list of Table
        Parts with the same rows and labels, the columns shared out in order; the note stands below the last.
    """
    columns = _columns(table)
    if len(table.columns) < 2 or _fits(columns, turned=True):
        return [table]
    labels = columns[:1] if table.corner is not None else []
    for count in range(2, len(table.columns) + 1):
        size = -(-len(table.columns) // count)
        cuts = [slice(at, at + size) for at in range(0, len(table.columns), size)]
        if all(_fits([*labels, *columns[len(labels) :][cut]], turned=False) for cut in cuts):
            break
    return [
        replace(
            table,
            title=f"{table.title} (part {at} of {len(cuts)})".strip(),
            columns=table.columns[cut],
            text=table.text[cut],
            rows=tuple(row[cut] for row in table.rows),
            note=table.note if at == len(cuts) else "",
        )
        for at, cut in enumerate(cuts, 1)
    ]


def _fits(columns: Sequence[_Column], *, turned: bool) -> bool:
    """Whether columns fit a page in the smallest type."""
    return sum(column.least for column in columns) <= _room(turned, len(columns), PAD[-1]) / SIZES[-1]


LONGEST = 18
"""Letters that a word may have before it may be broken."""


def breaks(text: str) -> list[str]:
    """
    Pieces between which a line may end: words, and parts of long ones.

    >>> breaks("setting years.0.quality_standard.measured")
    ['setting', 'years.', '0.', 'quality_', 'standard.', 'measured']
    """
    pieces = []
    for word in text.split():
        if len(word) <= LONGEST:
            pieces.append(word)
            continue
        for part in re.findall(r"[^/_.:;,=&?|\\-]*[/_.:;,=&?|\\-]+|[^/_.:;,=&?|\\-]+", word):
            pieces += [part[at : at + LONGEST] for at in range(0, len(part), LONGEST)]
    return pieces


def breakable(text: str) -> str:
    """Text in which long words hold places to break that do not show."""
    return re.sub(r"\S+", lambda word: "\u200b".join(breaks(word[0])), text)


def broken(table: Table) -> Table:
    """Table whose long words may be broken."""
    return replace(
        table,
        corner=None if table.corner is None else breakable(table.corner),
        columns=tuple(map(breakable, table.columns)),
        labels=tuple(map(breakable, table.labels)),
        rows=tuple(tuple(map(breakable, row)) for row in table.rows),
    )
