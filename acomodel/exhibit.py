"""What a result shows: a titled table that prints itself, and the assumptions it rests on."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal

import numpy as np
import pandas as pd

Basis = Literal["data", "rule", "contract", "judgment"]

FORMATS: dict[str, str] = {
    "$": "${:,.0f}",
    "$.": "${:,.2f}",
    "%": "{:.1%}",
    "%.": "{:.2%}",
    "%..": "{:.4%}",
    "#": "{:,.0f}",
    "#.": "{:,.1f}",
    "0.000": "{:,.3f}",
    "0.0000": "{:,.4f}",
}
"""Formats by a short name: dollars, dollars and cents, percents, counts, factors."""


@dataclass(frozen=True)
class Assumption:
    """
    One number or choice that a result rests on.

    Parameters
    ----------
    name : str
        What it is, in the field's own words.
    value : float or str
        The value used.
    unit : str
        Its unit: "$ PMPM", "share of benchmark", "factor", …
    basis : {"data", "rule", "contract", "judgment"}
        Where it comes from in kind.
    source : str
        Where it comes from in particular: a file, a regulation, a page.
    note : str
        What a reader must know before relying on it.
    """

    name: str
    value: float | str
    unit: str
    basis: Basis
    source: str
    note: str = ""

    def _repr_html_(self) -> str:
        """The assumption in one line, escaped."""
        value = escape(self.value if isinstance(self.value, str) else show(self.value))
        said = f"<strong>{escape(self.name)}</strong>: {value} {escape(self.unit)}"
        return f"<p class='{PLAIN}'>{said} <small>({self.basis}: {escape(self.source)})</small></p>"


def show(value: Any, style: str | None = None) -> str:
    """
    Text of one cell: a number under a format of `FORMATS`, an en dash for a missing one.

    >>> show(1234.5, "$."), show(float("nan"), "%"), show(-5, "$")
    ('$1,234.50', '–', '−$5')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool) or (not isinstance(value, (int, float)) and not hasattr(value, "dtype")):
        return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
    if isinstance(value, np.bool_):
        return "yes" if value else "no"
    size = abs(value) * (1 + 1e-12)  # halves go up, as printed tables have it
    text = FORMATS[style].format(size) if style else f"{abs(value):,.10g}"
    return f"−{text}" if value < 0 and text.strip("$0.,%") else text


@dataclass(frozen=True, repr=False, eq=False)
class Exhibit:
    """
    A titled table that shows itself in a terminal and in a notebook.

    Parameters
    ----------
    title : str
        What the table says.
    table : pandas.DataFrame
        The figures at full precision; rounding happens only on display.
    formats : mapping of str to str
        Column, or row label for a table of lines, to a name in `FORMATS`.
    note : str
        A sentence below the table.
    """

    title: str
    table: pd.DataFrame
    formats: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    def to_frame(self) -> pd.DataFrame:
        """The figures at full precision, as a copy."""
        return self.table.copy(deep=False)

    def shown(self) -> pd.DataFrame:
        """The figures as text, formatted."""
        frame = self.table
        cells = {
            str(column): [
                show(value, self.formats.get(str(column)) or self.formats.get(str(label)))
                for label, value in zip(frame.index, frame[column], strict=True)
            ]
            for column in frame.columns
        }
        return pd.DataFrame(cells, index=[str(i) for i in frame.index]).rename_axis(frame.index.name)

    def __repr__(self) -> str:
        """Title, table and note as plain text."""
        body = self.shown().to_string()
        return "\n".join(part for part in (self.title, body, self.note) if part)

    def structure(self) -> dict[str, Any]:
        """The finished table as plain values: what it says in every form, whether page, PDF or terminal."""
        shown = self.shown()
        named = self.table.index.name is not None or self.table.index.dtype.kind not in "iu"
        return {
            "kind": "table",
            "title": self.title,
            "corner": str(self.table.index.name or "") if named else None,
            "columns": list(shown.columns),
            "text": [_is_text(self.table[column]) for column in self.table.columns],
            "labels": list(shown.index) if named else [],
            "rows": [list(row) for row in shown.itertuples(index=False, name=None)],
            "totals": [at for at, label in enumerate(shown.index) if label.lower().startswith("total")],
            "note": self.note,
        }

    def _repr_html_(self) -> str:
        """Table with a caption, scoped headers and every cell escaped, in a region that scrolls."""
        return table_html(self.structure())

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        """Text, HTML, and the structure that reports are made from."""
        return _bundle(self, self.structure())


def table_html(table: Mapping[str, Any]) -> str:
    """HTML of a table's structure (see `Exhibit.structure`), every text escaped."""
    left = " style='text-align:left'"
    longest = [max(map(len, cells)) for cells in zip(*table["rows"], strict=True)] or [0] * len(table["columns"])
    kinds = ["text long" if size > 40 else "text" for size in longest]
    sides = [f" class='{kind}'{left}" if text else "" for text, kind in zip(table["text"], kinds, strict=True)]
    named = table["corner"] is not None
    corner = f"<th scope='col'{left}>{escape(table['corner'])}</th>" if table["corner"] else "<td></td>" * named
    head = corner + "".join(
        f"<th scope='col'{side}>{escape(column)}</th>" for column, side in zip(table["columns"], sides, strict=True)
    )
    long = " class='long'" if max(map(len, table["labels"]), default=0) > 40 else ""
    rows = []
    for at, row in enumerate(table["rows"]):
        first = f"<th scope='row'{long}{left}>{escape(table['labels'][at])}</th>" if named else ""
        cells = "".join(f"<td{side}>{_foldable(cell)}</td>" for cell, side in zip(row, sides, strict=True))
        total = " class='total'" if at in table["totals"] else ""
        rows.append(f"<tr{total}>{first}{cells}</tr>")
    title = escape(table["title"])
    region = f" role='region' aria-label='{title}'" if title else ""
    caption = f"<caption{left[:-1]};font-weight:bold'><span>{title}</span></caption>" if title else ""
    note = f"<p class='note'>{escape(table['note'])}</p>" if table["note"] else ""
    return (
        f"<figure class='exhibit {PLAIN}'><div class='scroll' tabindex='0'{region} style='overflow-x:auto'>"
        f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>{note}</figure>"
    )


def _foldable(text: str) -> str:
    """
    Text escaped, its long names with places where a line may end.

    >>> _foldable("<b>"), _foldable("historical.agreement_start")
    ('&lt;b&gt;', 'historical.<wbr>agreement_<wbr>start')
    """
    folded = re.sub(r"\S{19,}", lambda word: re.sub(r"(?<=\w)([._/])(?=\w)", "\\1\u200b", word[0]), text)
    return escape(folded).replace("\u200b", "<wbr>")


PLAIN = "mathjax_ignore tex2jax_ignore"
"""Classes that keep a notebook from taking what stands between two dollar signs for a formula."""

STRUCTURE = "application/vnd.acomodel+json"
"""Type of the output, beside text and HTML, that holds a result's finished structure."""


def _bundle(shown: Any, structure: Mapping[str, Any]) -> dict[str, Any]:
    """What a result hands to a notebook: text, HTML, structure."""
    return {"text/plain": repr(shown), "text/html": shown._repr_html_(), STRUCTURE: dict(structure)}


@dataclass(frozen=True)
class Note:
    """A paragraph, or a list of points, that stands where a table would."""

    text: str
    points: Sequence[str] = ()

    def __repr__(self) -> str:
        """The text."""
        return "\n".join([self.text, *(f"- {point}" for point in self.points)])

    def _repr_html_(self) -> str:
        """The text as HTML, escaped."""
        return note_html(self.structure())

    def structure(self) -> dict[str, Any]:
        """The finished words as plain values."""
        return {"kind": "note", "text": self.text, "points": list(self.points)}

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        """Text, HTML, and the structure that reports are made from."""
        return _bundle(self, self.structure())


def note_html(note: Mapping[str, Any]) -> str:
    """HTML of a note's structure, every text escaped."""
    listed = "".join(f"<li>{escape(point)}</li>" for point in note["points"])
    told = f"<ul class='{PLAIN}'>{listed}</ul>" if listed else ""
    return f"<p class='{PLAIN}'>{escape(note['text'])}</p>{told}"


class Shown:
    """A result that shows itself through the exhibit it makes, in a terminal and in a notebook."""

    def exhibit(self) -> Exhibit:
        """The result as a titled table."""
        raise TypeError(f"{type(self).__name__} makes no exhibit")

    def __repr__(self) -> str:
        """The exhibit as text."""
        return repr(self.exhibit())

    def _repr_html_(self) -> str:
        """The exhibit as HTML."""
        return self.exhibit()._repr_html_()

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        """Text, HTML and structure of the exhibit; a result that shows itself in a sentence is a note."""
        if "<table" in self._repr_html_():
            return _bundle(self, self.exhibit().structure())
        return Note(repr(self))._repr_mimebundle_()


_NUMBER = r"[−+-]?\$?[\d,.]+%?"
_FIGURE = re.compile(rf"{_NUMBER}( ± {_NUMBER})?|1–10|\*|–|none|always|yes|no|")


def _is_text(column: pd.Series) -> bool:
    """Whether a column holds words, which stand to the left; figures, printed or not, stand to the right."""
    return all(isinstance(value, str) for value in column) and not all(map(_FIGURE.fullmatch, column))


def inert(text: str) -> str:
    """
    Text that a spreadsheet does not take for a formula; numbers stay numbers.

    >>> inert("=1+1"), inert("-0.02"), inert("+cmd")
    ("'=1+1", '-0.02', "'+cmd")
    """
    number = re.fullmatch(r"-?[\d.]+(e[+-]?\d+)?", text)
    return f"'{text}" if text[:1] in "=+-@\t\r" and text and not number else text


def actual(text: str) -> str:
    """
    Text as it was before `inert`.

    >>> actual("'=1+1"), actual("'tis"), actual("-0.02")
    ('=1+1', "'tis", '-0.02')
    """
    return text[1:] if text[:1] == "'" and inert(text[1:]) == text else text
