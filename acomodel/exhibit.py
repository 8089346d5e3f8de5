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

    def _repr_html_(self) -> str:
        """Table with a caption, scoped headers and every cell escaped."""
        shown = self.shown()
        named = self.table.index.name is not None or self.table.index.dtype.kind not in "iu"
        corner = (
            f"<th scope='col' style='text-align:left'>{escape(str(self.table.index.name or ''))}</th>" if named else ""
        )
        sides = {c: " class='text' style='text-align:left'" if _is_text(self.table[c]) else "" for c in shown.columns}
        head = corner + "".join(f"<th scope='col'{sides[c]}>{escape(c)}</th>" for c in shown.columns)
        rows = []
        for label, (_, row) in zip(shown.index, shown.iterrows(), strict=True):
            first = f"<th scope='row' style='text-align:left'>{escape(label)}</th>" if named else ""
            total = " class='total'" if label.lower().startswith("total") else ""
            cells = "".join(f"<td{sides[c]}>{escape(row[c])}</td>" for c in shown.columns)
            rows.append(f"<tr{total}>{first}{cells}</tr>")
        note = f"<p class='note'>{escape(self.note)}</p>" if self.note else ""
        caption = f"<caption style='text-align:left;font-weight:bold'>{escape(self.title)}</caption>"
        return (
            f"<figure class='exhibit'><table>{caption}"
            f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{note}</figure>"
        )


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
        listed = "".join(f"<li>{escape(point)}</li>" for point in self.points)
        return f"<p>{escape(self.text)}</p>" + (f"<ul>{listed}</ul>" if listed else "")


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


_FIGURE = re.compile(r"[−+-]?\$?[\d,.]+%?|1–10|–|none|yes|no|")


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


SMALL_CELL = 10
"""Largest number of members that a report does not print (CMS cell suppression policy: 1 to 10)."""


def suppress_small_cells(counts: pd.Series) -> pd.Series:
    """
    Counts of members as text, with 1 to 10 members not shown.

    Parameters
    ----------
    counts : pandas.Series
        Members in each cell. [members]

    Returns
    -------
    pandas.Series of str
        The count, or "1–10".

    Examples
    --------
    >>> list(suppress_small_cells(pd.Series([0, 10, 11])))
    ['0', '1–10', '11']
    """
    return counts.map(lambda n: "1–10" if 0 < n <= SMALL_CELL else f"{n:,.0f}").astype(object)
