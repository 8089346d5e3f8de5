"""Tables of a report: those of the workbench, and those that a notebook shows otherwise, such as a DataFrame."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any


@dataclass(frozen=True)
class Table:
    """
    A finished table: everything is text.

    Parameters
    ----------
    title : str
        Caption; may be empty.
    corner : str or None
        Head of the column of labels; None for a table without labels.
    columns : tuple of str
        Heads of the other columns.
    text : tuple of bool
        Whether each of these holds words, which stand to the left.
    labels : tuple of str
        Label of each row; none where `corner` is None.
    rows : tuple of tuple of str
        Cells.
    totals : tuple of int
        Rows that are totals.
    note : str
        Sentence below the table.
    """

    title: str
    corner: str | None
    columns: tuple[str, ...]
    text: tuple[bool, ...]
    labels: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    totals: tuple[int, ...]
    note: str

    def cells(self) -> list[str]:
        """Every text of the table, heads, labels and cells."""
        return [self.corner or "", *self.columns, *self.labels, *(cell for row in self.rows for cell in row)]


def table_of_structure(structure: Mapping[str, Any]) -> Table:
    """Table from the structure that an exhibit leaves in a notebook (see `acomodel.exhibit.Exhibit.structure`)."""
    return Table(
        title=structure["title"],
        corner=structure["corner"],
        columns=tuple(structure["columns"]),
        text=tuple(structure["text"]),
        labels=tuple(structure["labels"]),
        rows=tuple(tuple(row) for row in structure["rows"]),
        totals=tuple(structure["totals"]),
        note=structure["note"],
    )


def table_of_html(page: str) -> Table | None:
    """
    Table of a piece of HTML that holds one plain table, as pandas writes a DataFrame.

    Parameters
    ----------
    page : str
        HTML of an output.

    Returns
    -------
    Table or None
        None where there is no table, more than one, or one with cells that span others.

    Examples
    --------
    >>> import pandas as pd
    >>> table = table_of_html(pd.DataFrame({"PMPM": [323.75]}, index=["2008"]).to_html())
    >>> table.columns, table.labels, table.rows
    (('PMPM',), ('2008',), (('323.75',),))
    """
    if page.count("<table") != 1 or re.search(r"(row|col)span=", page):
        return None
    reader = _Rows()
    reader.feed(page)
    heads = [row for row in reader.rows if all(head for head, _ in row)]
    body = [row for row in reader.rows if not all(head for head, _ in row)]
    if not heads or not body or len({len(row) for row in reader.rows}) != 1 or len(heads) > 2:
        return None
    labelled = all(row[0][0] for row in body)
    names = [text for _, text in heads[0]]
    if len(heads) == 2:
        if not labelled or any(text for _, text in heads[1][1:]):
            return None
        names[0] = heads[1][0][1]
    skip = 1 if labelled else 0
    rows = tuple(tuple(text for _, text in row[skip:]) for row in body)
    labels = tuple(row[0][1] for row in body) if labelled else ()
    return Table(
        title="",
        corner=names[0] if labelled else None,
        columns=tuple(names[skip:]),
        text=tuple(not all(_NUMBER.fullmatch(row[at]) for row in rows) for at in range(len(names) - skip)),
        labels=labels,
        rows=rows,
        totals=tuple(at for at, label in enumerate(labels) if label.lower().startswith("total")),
        note="",
    )


_NUMBER = re.compile(r"[−+-]?\$?[\d,.]+(e[+-]?\d+)?%?|NaN|nan|None|NaT|–|")


class _Rows(HTMLParser):
    """Reader of a table's rows: whether each cell is a head, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[tuple[bool, str]]] = []
        self.open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        """Begin a row or a cell."""
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td") and self.rows:
            self.rows[-1].append((tag == "th", ""))
            self.open = True

    def handle_endtag(self, tag: str) -> None:
        """End a cell."""
        if tag in ("th", "td"):
            self.open = False

    def handle_data(self, data: str) -> None:
        """Text of the cell."""
        if self.open:
            head, text = self.rows[-1][-1]
            self.rows[-1][-1] = (head, text + data)
