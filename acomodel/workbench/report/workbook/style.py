"""How the workbook looks, and the one way in which text, numbers and formulas reach its cells."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from acomodel.exhibit import Exhibit, Note

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

INK, SOFT, LINE, WASH = "#1b2430", "#5b6675", "#d5dae1", "#f3f6f9"
ACCENT, ORANGE, GREEN, RED, PALE = "#1f5a94", "#c46a16", "#3b7d4f", "#a83232", "#fffbe8"
SERIF, SANS = "Georgia", "Arial"

NUMBERS = {
    "$": "$#,##0;-$#,##0",
    "$.": "$#,##0.00;-$#,##0.00",
    "%": "0.0%",
    "%.": "0.00%",
    "%..": "0.0000%",
    "#": "#,##0",
    "#.": "#,##0.0",
    "0.000": "#,##0.000",
    "0.0000": "#,##0.0000",
    "yes": '"yes";"yes";"no"',
    "year": "0",
    "any": "General",
    "share": "0.00##%",
    "end": '"and more"',
}
"""Number formats by the short names of `acomodel.exhibit.FORMATS`, and some of a workbook's own."""

_PADDED: dict[str, Any] = {"valign": "vcenter", "font_name": SANS, "font_size": 10, "font_color": INK}
KINDS: dict[str, dict[str, Any]] = {
    "title": {"font_name": SERIF, "font_size": 20, "bold": True, "font_color": INK},
    "lead": {"font_name": SERIF, "font_size": 13, "font_color": INK, "text_wrap": True, "valign": "top"},
    "caption": {"font_name": SERIF, "font_size": 12, "bold": True, "font_color": INK, "valign": "vcenter"},
    "note": {"font_name": SANS, "font_size": 9, "font_color": SOFT, "text_wrap": True, "valign": "top"},
    "head": _PADDED
    | {"bold": True, "align": "right", "bottom": 1, "bottom_color": INK, "text_wrap": True, "valign": "bottom"},
    "head text": _PADDED | {"bold": True, "bottom": 1, "bottom_color": INK, "text_wrap": True, "valign": "bottom"},
    "group": _PADDED | {"bold": True, "font_color": ACCENT, "bottom": 1, "bottom_color": ACCENT},
    "label": _PADDED | {"text_wrap": True, "bottom": 1, "bottom_color": LINE},
    "figure": _PADDED | {"align": "right", "bottom": 1, "bottom_color": LINE},
    "stated": _PADDED | {"align": "right", "bottom": 1, "bottom_color": LINE, "font_color": SOFT},
    "words": _PADDED
    | {"text_wrap": True, "bottom": 1, "bottom_color": LINE, "font_color": SOFT, "font_size": 9, "indent": 1},
    "input": _PADDED | {"align": "right", "border": 1, "border_color": LINE, "font_color": ACCENT, "bg_color": PALE},
    "total label": _PADDED | {"bold": True, "top": 1, "top_color": INK, "bottom": 1, "bottom_color": LINE},
    "total": _PADDED | {"bold": True, "align": "right", "top": 1, "top_color": INK, "bottom": 1, "bottom_color": LINE},
    "total stated": _PADDED
    | {"align": "right", "top": 1, "top_color": INK, "bottom": 1, "bottom_color": LINE, "font_color": SOFT},
    "strong": _PADDED | {"bold": True, "align": "right", "bottom": 1, "bottom_color": LINE},
    "wrapped": _PADDED | {"align": "left", "text_wrap": True, "bottom": 1, "bottom_color": LINE},
    "stated label": _PADDED | {"bottom": 1, "bottom_color": LINE, "font_color": SOFT},
    "plain": _PADDED | {"indent": 1},
    "head words": _PADDED
    | {
        "bold": True,
        "bottom": 1,
        "bottom_color": INK,
        "text_wrap": True,
        "valign": "bottom",
        "align": "left",
        "indent": 1,
    },
    "sentence": _PADDED | {"text_wrap": True, "bottom": 1, "bottom_color": LINE, "indent": 1},
    "link": _PADDED | {"font_color": ACCENT, "underline": 1},
}
"""Kinds of cells."""

ROW = 16.0
"""Height of a row of a table."""
LONGEST = 32_000
"""Characters of text that a cell may hold, with room to spare."""


def plain(text: object) -> str:
    """
    Text without control characters, no longer than a cell allows.

    >>> plain("a" + chr(7) + "b")
    'ab'
    """
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", str(text))[:LONGEST]


def held(value: Any) -> Any:
    """
    What a cell holds for a value: a plain number, a word for what is endless, a dash for what is missing.

    >>> held(np.float64("inf")), held(None), held(np.bool_(True)), held(2)
    ('none', '–', 1, 2.0)
    """
    if isinstance(value, str):
        return plain(value)
    if value is None or value is pd.NaT:
        return "–"
    if isinstance(value, bool | np.bool_):
        return int(value)
    number = float(value)
    return "–" if math.isnan(number) else "none" if math.isinf(number) else number


class Book:
    """A workbook in the making: its formats, its defined names, its sheets."""

    def __init__(self, workbook: Workbook, title: str) -> None:
        self.workbook, self.title = workbook, title
        self.sheets: dict[str, Sheet] = {}
        self.names: dict[str, str] = {}
        self._formats: dict[tuple[str, str], Format] = {}

    def style(self, kind: str, number: str = "") -> Format:
        """Format of a kind of cell and a kind of number."""
        if (kind, number) not in self._formats:
            said = {"num_format": NUMBERS[number]} if number else {}
            self._formats[kind, number] = self.workbook.add_format(KINDS[kind] | said)
        return self._formats[kind, number]

    def sheet(self, name: str, colour: str, widths: Sequence[float], *, wide: bool = False) -> Sheet:
        """A new sheet with the widths of its columns."""
        made = self.workbook.add_worksheet(name)
        made.hide_gridlines(2)
        made.set_default_row(ROW)
        made.set_tab_color(colour)
        made.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})
        made.set_paper(1)
        made.set_margins(left=0.6, right=0.6, top=0.9, bottom=0.8)
        made.fit_to_pages(1, 0)
        header = plain(self.title).replace("&", "&&")[:110]
        made.set_header(f'&L&"{SERIF}"&9{_apart(header)}&R&"{SANS}"&9{name}')
        made.set_footer(f'&L&"{SANS}"&8Pale cells are inputs; the rest recalculates or is a note.&R&"{SANS}"&8&P of &N')
        if wide:
            made.set_landscape()
        for column, width in enumerate(widths):
            made.set_column(column, column, width)
        self.sheets[name] = Sheet(self, made, name, list(widths))
        return self.sheets[name]

    def define(self, name: str, sheet: str, first: tuple[int, int], last: tuple[int, int] | None = None) -> None:
        """Name a cell or a range."""
        from xlsxwriter.utility import xl_rowcol_to_cell

        where = xl_rowcol_to_cell(*first, row_abs=True, col_abs=True)
        where += "" if last is None else ":" + xl_rowcol_to_cell(*last, row_abs=True, col_abs=True)
        self.names[name] = f"{sheet}!{where}"
        self.workbook.define_name(name, f"={sheet}!{where}")


def _apart(text: str) -> str:
    """Text of a header, with a space where a digit would be taken for the size of the font."""
    return f" {text}" if text[:1].isdigit() else text


@dataclass
class Sheet:
    """One sheet, and the row that is written next."""

    book: Book
    made: Worksheet
    name: str
    widths: list[float]
    row: int = 0
    first: int = 0
    last: int = 0
    lines: dict[int, int] = field(default_factory=dict)

    def text(self, row: int, column: int, text: object, kind: str = "label") -> None:
        """Text that stays text, whatever it begins with."""
        self.made.write_string(row, column, plain(text), self.book.style(kind))
        if KINDS[kind].get("text_wrap"):
            self._needs(row, len(plain(text)), self.widths[column], KINDS[kind]["font_size"])
        self._reached(column)

    def value(self, row: int, column: int, value: Any, kind: str = "figure", number: str = "") -> None:
        """A number or a word."""
        found, style = held(value), self.book.style(kind, number)
        if isinstance(found, str):
            self.text(row, column, found, kind)
        else:
            self.made.write_number(row, column, found, style)
        self._reached(column)

    def formula(self, row: int, column: int, formula: str, value: Any, kind: str = "figure", number: str = "") -> None:
        """A formula with the value it has as long as nothing is changed."""
        self.made.write_formula(row, column, formula, self.book.style(kind, number), held(value))
        self._reached(column)

    def cell(self, row: int, column: int) -> str:
        """Reference of a cell of this sheet."""
        from xlsxwriter.utility import xl_rowcol_to_cell

        return str(xl_rowcol_to_cell(row, column))

    def title(self, text: str, note: str = "", across: int = 6) -> None:
        """Heading of the sheet, and what it holds."""
        self.made.set_row(self.row, 30)
        self.made.write_string(self.row, 0, plain(text), self.book.style("title"))
        self.row += 1
        if note:
            self.note(note, across)
        self.row += 1

    def caption(self, text: str) -> None:
        """Caption above a table."""
        self.made.set_row(self.row, 20)
        self.made.write_string(self.row, 0, plain(text), self.book.style("caption"))
        self.row += 1

    def note(self, text: str, across: int, kind: str = "note") -> None:
        """A paragraph over some columns, as high as it needs."""
        said, size = plain(text), 1.0 if kind == "note" else 1.35
        room = sum(self.widths[:across]) * 1.08 / size
        lines = sum(max(1, math.ceil(len(part) / room)) for part in said.split("\n"))
        self.made.set_row(self.row, lines * 12.5 * size + 3)
        if across > 1:
            self.made.merge_range(self.row, 0, self.row, across - 1, "", self.book.style(kind))
        self.made.write_string(self.row, 0, said, self.book.style(kind))
        self._reached(across - 1)
        self.row += 1

    def paragraph(self, row: int, column: int, last: int, text: str, kind: str = "label") -> None:
        """Text over some columns of a row, as high as it needs."""
        said, style = plain(text), self.book.style(kind)
        room = sum(self.widths[column : last + 1]) * 1.02
        self.made.set_row(row, max(1, math.ceil(len(said) / room)) * 13.5 + 3)
        self.made.merge_range(row, column, row, last, "", style)
        self.made.write_string(row, column, said, style)
        self._reached(last)

    def allow_share(self, row: int, column: int, low: float = 0.0, high: float = 1.0) -> None:
        """Let a cell take numbers of a range only."""
        between = {"validate": "decimal", "criteria": "between", "minimum": low, "maximum": high}
        self.made.data_validation(row, column, row, column, between)

    def heads(self, words: Sequence[str], text: Sequence[int] = (0,)) -> None:
        """Heads of the columns of a table; those of words stand to the left."""
        for column, head in enumerate(words):
            kind = "head" if column not in text else "head words" if column else "head text"
            self.made.write_string(self.row, column, plain(head), self.book.style(kind))
            self._reached(column)
        longest = max(math.ceil(len(h) / max(w * 1.2, 1)) for h, w in zip(words, self.widths, strict=False))
        self.made.set_row(self.row, 14 * longest + 2)
        self.row += 1

    def exhibit(self, shown: Exhibit | Note | None, across: int = 6) -> None:
        """A table of the report as values, with its caption and note; nothing where there is none."""
        if shown is None:
            return
        if isinstance(shown, Note):
            self.note("\n".join([shown.text, *(f"• {point}" for point in shown.points)]), across)
            self.row += 1
            return
        table = shown.table
        self.caption(shown.title)
        wordy = [c for c in range(table.shape[1]) if _wordy(table.iloc[:, c])]
        self.heads([str(table.index.name or ""), *map(str, table.columns)], (0, *(c + 1 for c in wordy)))
        for place, label in enumerate(table.index):
            total = str(label).startswith("Total")
            self.text(self.row, 0, label, "total label" if total else "label")
            for column, head in enumerate(table.columns):
                number = shown.formats.get(str(head)) or shown.formats.get(str(label)) or ""
                value = table.iloc[place, column]
                kind = "total" if total else "sentence" if column in wordy else "figure"
                if isinstance(value, bool | np.bool_):
                    number = "yes"
                self.value(self.row, column + 1, value, kind, "" if isinstance(value, str) else number)
            self.row += 1
        if shown.note:
            self.note(shown.note, max(across, 1))
        self.row += 1

    def close(
        self, *, freeze: tuple[int, int] = (0, 0), repeat: tuple[int, int] | None = None, across: int = 0
    ) -> None:
        """Frozen panes, the rows that every printed page repeats, and the area that is printed."""
        for row, lines in self.lines.items():
            if lines > 1:
                self.made.set_row(row, 13 * lines + 3)
        if freeze != (0, 0):
            self.made.freeze_panes(*freeze)
        if repeat is not None:
            self.made.repeat_rows(*repeat)
        self.made.print_area(0, 0, max(self.row, 1), (across or self.last + 1) - 1)

    def _needs(self, row: int, length: int, width: float, size: float) -> None:
        lines = math.ceil(length * size / 10 / max(width * 1.2 - 1, 1))
        self.lines[row] = max(self.lines.get(row, 1), lines)

    def _reached(self, column: int) -> None:
        self.last = max(self.last, column)


def _wordy(column: pd.Series) -> bool:
    """Whether a column holds sentences, which stand to the left and wrap."""
    return all(isinstance(v, str) for v in column) and any(len(v) > 14 and not v[:1].isdigit() for v in column)
