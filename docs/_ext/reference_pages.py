"""Pages that are read off the package: its functions by room, settings, tables, rules and commands."""

from __future__ import annotations

import csv
import inspect
import re
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from docutils import nodes
from settings_words import Part, parts
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import nested_parse_with_titles

import acomodel
from acomodel.cli import COMMANDS

DATA = Path(acomodel.__file__).parent / "data"
ROOMS = {
    "inputs": ("inputs", "exhibit", "rates", "periods", "puf", "reach", "programs", "privacy", "reliability"),
    "claims": ("claims",),
    "budget": ("budget",),
    "contract": ("contract",),
    "outlook": ("outlook",),
    "workbench": ("workbench",),
}
"""Pages of the reference and the rooms of the package each shows."""


def names_of(page: str) -> list[str]:
    """Public names of a page, in the order of the package."""
    return [name for name, module in acomodel._PUBLIC.items() if module.split(".")[1] in ROOMS[page]]


def table(head: Sequence[str], rows: Iterable[Sequence[nodes.Node | str]], *, kind: str) -> nodes.Node:
    """A table of cells, in a region that scrolls on its own where it is wide."""
    rows = list(rows)
    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=1) for _ in head]
    group += nodes.thead("", _row(head))
    group += nodes.tbody("", *(_row(row) for row in rows))
    whole = nodes.table("", group, classes=["reference", kind])
    return nodes.container("", whole, classes=["wide"])


def _row(cells: Sequence[nodes.Node | str]) -> nodes.row:
    made = nodes.row()
    for cell in cells:
        content = nodes.paragraph("", cell) if isinstance(cell, str) else cell
        made += nodes.entry("", content)
    return made


def _code(text: str) -> nodes.paragraph:
    return nodes.paragraph("", "", nodes.literal(text, text))


class Room(SphinxDirective):
    """Functions and classes of a page of the reference, from their docstrings."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """A summary and then each name."""
        from docutils.statemachine import StringList

        names = names_of(self.arguments[0])
        lines = [".. py:currentmodule:: acomodel", "", ".. list-table::", "   :class: summary", "   :widths: 30 70", ""]
        for name in names:
            lines += [f"   * - :py:obj:`{name} <acomodel.{name}>`", f"     - {_first_sentence(_object(name))}"]
        lines += [""]
        for name in names:
            lines += ["", name, "-" * len(name), "", *_entry(name), ""]
        holder = nodes.section()
        holder.document = self.state.document
        nested_parse_with_titles(self.state, StringList(lines, "reference"), holder)
        return holder.children


def _object(name: str) -> Any:
    return getattr(import_module(acomodel._PUBLIC[name]), name)


def _first_sentence(thing: Any) -> str:
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split()).replace("`", "``")


def _entry(name: str) -> list[str]:
    thing = _object(name)
    if not inspect.isclass(thing):
        return [f".. autofunction:: acomodel.{name}"]
    lines = [f".. autoclass:: acomodel.{name}"]
    members = [key for key, value in vars(thing).items() if not key.startswith("_") and _shown(value)]
    if members:
        lines += [f"   :members: {', '.join(members)}"]
    return lines


def _shown(value: Any) -> bool:
    function = inspect.isfunction(value) and bool(value.__doc__)
    return function or isinstance(value, (property, classmethod, staticmethod))


class Settings(SphinxDirective):
    """Every setting of a scenario."""

    def run(self) -> list[nodes.Node]:
        """A section for each table of the file."""
        made: list[nodes.Node] = []
        seen: set[str] = set()
        for part in parts():
            title = part.header or "At the head of the file"
            ident = f"settings-{_slug(part.key) or 'head'}"
            ident = ident if ident not in seen else f"{ident}-of-a-programme"
            seen.add(ident)
            section = nodes.section(ids=[ident])
            section += nodes.title("", "", nodes.literal(title, title) if part.header else nodes.Text(title))
            section += nodes.paragraph(part.about, part.about)
            if part.settings:
                section += self._table(part, seen)
            if part.key and not ident.endswith("of-a-programme"):
                self.env.domains.standard_domain.note_object("setting", part.key, ident, location=section)
            made.append(section)
        return made

    def _table(self, part: Part, seen: set[str]) -> nodes.Node:
        rows = []
        for one in part.settings:
            ident = f"setting-{_slug(one.key)}"
            cell = _code(one.key.rpartition(".")[2])
            if ident not in seen:
                seen.add(ident)
                cell["ids"].append(ident)
                self.env.domains.standard_domain.note_object("setting", one.key, ident, location=cell)
            default = one.default if one.default in ("required", "none") else _code(one.default)
            kind = f"{one.kind}; {one.unit}" if one.unit not in ("", "-", "file", "method", "number") else one.kind
            rows.append((cell, _with_note(one.description, kind), default))
        return table(("Key", "Meaning", "Default"), rows, kind="settings")


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


ABOUT = {
    "experience": "Annual experience by service category: `[experience] table`.",
    "monthly": "Monthly experience by service category: `[experience] monthly`.",
    "trend": "Stated trend factors: `[trend] table`.",
    "demographics": "Members by age band and sex: `[risk] table`.",
    "large_claims": "Claimants above the threshold: `[large_claims] table`.",
    "base_years": "Base years of a Shared Savings agreement by enrollment type: `[historical] table`.",
    "type_growth": "Growth by enrollment type: `[historical] growth`.",
    "measures": "Results of quality measures: `[quality] table`; of measures without figures the claims are asked.",
    "participants": "Practices and physicians who share in a payment: `[distribution] table`.",
    "targets": "Targets by service category or specialty: `[monitoring] table`.",
    "episodes": "Episodes of care, in place of those found in claims: `[physicians] episodes`.",
    "physician_measures": "Results of measures by physician: `[physicians] measures`.",
    "claims": "Lines of claims, as `ingest` writes and reads them.",
    "eligibility": "Spans of coverage.",
    "providers": "Who rendered the services, and who belongs to which ACO.",
    "diagnoses": "Diagnoses by member.",
    "members": "Members to be scored alone, without claims: `acomodel hcc --members`.",
}


class Tables(SphinxDirective):
    """Every column of every table that is read."""

    def run(self) -> list[nodes.Node]:
        """A section for each table."""
        with (DATA / "dictionary.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        made: list[nodes.Node] = []
        for name in dict.fromkeys(row["table"] for row in rows):
            section = nodes.section(ids=[f"table-{_slug(name)}"])
            section += nodes.title("", "", nodes.literal(name, name))
            if name in ABOUT:
                section += _marked(ABOUT[name])
            self.env.domains.standard_domain.note_object(
                "canonical-table", name, f"table-{_slug(name)}", location=section
            )
            columns = [row for row in rows if row["table"] == name]
            rows_of = [(_code(r["column"]), _with_note(r["meaning"], _type(r)), r["required"]) for r in columns]
            section += table(("Column", "Meaning", "Required"), rows_of, kind="columns")
            made.append(section)
        return made


def _marked(text: str) -> nodes.paragraph:
    """A sentence with its code marked."""
    made = nodes.paragraph()
    for position, piece in enumerate(text.split("`")):
        made += nodes.literal(piece, piece) if position % 2 else nodes.Text(piece)
    return made


def _type(row: dict[str, str]) -> str:
    low, high = row["minimum"], row["maximum"]
    span = f"{low} to {high}" if low and high else f"from {low}" if low else f"to {high}" if high else ""
    parts = (row["type"], row["unit"], span, row["allowed"].replace("|", ", "))
    return "; ".join(part for part in parts if part)


def _with_note(text: str, note: str) -> nodes.Node:
    """A cell of a sentence and, softer below it, what is to be known besides."""
    made = nodes.container("", nodes.paragraph("", text))
    if note:
        made += nodes.paragraph("", note, classes=["kind"])
    return made


BELOW = {"unit": "value", "agreement_from": "effective_from", "note": "source"}
"""Columns of data files that stand below another, so that a page is wide enough for all."""


class DataFile(SphinxDirective):
    """A data file of the package, as it is: `.. data-file:: rules/mssp.csv`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The file as a table, numbered by its own columns."""
        with (DATA / self.arguments[0]).open(encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file)
        records = [dict(zip(head, row, strict=False)) for row in rows]
        filled = [name for name in head if any(record.get(name) for record in records)]
        shown = [name for name in filled if BELOW.get(name) not in filled]
        below = {BELOW[name]: name for name in filled if BELOW.get(name) in filled}
        cells = [[_with_note(r.get(c, ""), _below(below.get(c, ""), r)) for c in shown] for r in records]
        return [table([name.replace("_", " ").capitalize() for name in shown], cells, kind="data")]


def _below(name: str, record: dict[str, str]) -> str:
    text = record.get(name) or ""
    return f"agreements from {text}" if text and name == "agreement_from" else text


class Commands(SphinxDirective):
    """Every command, from what `--help` says."""

    def run(self) -> list[nodes.Node]:
        """A section for each command."""
        made: list[nodes.Node] = []
        for command in COMMANDS:
            context = click.Context(command, info_name=f"acomodel {command.name}")
            ident = f"command-{command.name}"
            section = nodes.section(ids=[ident])
            section += nodes.title("", "", nodes.literal(str(command.name), f"acomodel {command.name}"))
            self.env.domains.standard_domain.note_object("command", str(command.name), ident, location=section)
            usage = command.get_usage(context).removeprefix("Usage: ")
            section += nodes.literal_block(usage, usage, language="text")
            for paragraph in (command.help or "").split("\n\n"):
                words = " ".join(paragraph.replace("\b", "").split())
                section += nodes.paragraph(words, words)
            rows = [_option(option, context) for option in command.params if isinstance(option, click.Option)]
            if rows:
                width = 3 if any(row[2] for row in rows) else 2
                head = ("Option", "Meaning", "Default")[:width]
                section += table(head, [row[:width] for row in rows], kind="options")
            made.append(section)
        return made


def _option(option: click.Option, context: click.Context) -> tuple[nodes.Node, str, str]:
    names = ", ".join(option.opts)
    metavar = "" if option.is_flag else f" {option.make_metavar(context)}"
    metavar = re.sub(r"(INTEGER|FLOAT)( RANGE)?$", "NUMBER", metavar)
    default = option.get_default(context, call=False)
    shown = (
        "" if option.is_flag or option.required or not isinstance(default, (str, int, float, Path)) else str(default)
    )
    if option.required:
        shown = "required"
    words = option.help or ""
    return (
        _code(names + metavar),
        words + (" May be repeated." if option.multiple and "repeat" not in words else ""),
        shown,
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives, and what they define so that pages can refer to it."""
    app.add_object_type("setting", "setting")
    app.add_object_type("canonical-table", "tab")
    app.add_object_type("command", "cmd")
    app.add_directive("api-room", Room)
    app.add_directive("scenario-settings", Settings)
    app.add_directive("canonical-tables", Tables)
    app.add_directive("data-file", DataFile)
    app.add_directive("command-line", Commands)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
