"""The sheet of inputs: every number that a settlement takes, in a cell that may be changed."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from acomodel.contract.programs import ProgramTerms
from acomodel.contract.terms import Terms
from acomodel.rates import MONTHS
from acomodel.workbench.adjustments import removed_in
from acomodel.workbench.model import Run
from acomodel.workbench.parts import YearSettings
from acomodel.workbench.report.workbook.lines import CHECK, written
from acomodel.workbench.report.workbook.style import RED, Book, Sheet, plain
from acomodel.workbench.years import months_of, seen_in_claims

SHEET = "Inputs"
SLOTS = {"quality_ladder": ("ladder_scores", "ladder_parts"), "corridors": ("corridor_ends", "corridor_parts")}
"""Clauses that are rows of pairs, and the names of both columns of pairs."""
_SLOT_WORDS = {
    "ladder_scores": "Quality ladder, step {}: score from which",
    "ladder_parts": "Quality ladder, step {}: share of the sharing rate",
    "corridor_ends": "Band {}: upper end; none for the last",
    "corridor_parts": "Band {}: part of it that is shared",
}
_LEAST_ROWS = 4
_STYLES = {"$": "$.", "$ PMPM": "$.", "members": "#.", "member months": "#."}
_PLAINER = {
    "benchmark": "Benchmark in dollars, which counts where both are given",
    "benchmark_pmpm": "Benchmark per member and month",
    "actual": "Spending in dollars, which counts where both are given",
    "actual_pmpm": "Spending per member and month",
}
"""Words for figures that may come as dollars or as PMPM."""
_NOT_ASKED = ("label", "performance_year")
"""Fields of a year that settle nothing."""
EXTRA = ("large_claims", "excess of large claims left out of spending", "$")


@dataclass(frozen=True)
class Years:
    """
    Names of the settled years in formulas.

    Parameters
    ----------
    tags : tuple of str
        One for each year: its label where that makes a name, else its position.
    shared : bool
        Whether one contract holds for all years, its clauses in one column.
    bands, steps : int
        Rows for marginal bands and for steps of a quality ladder.
    """

    tags: tuple[str, ...]
    shared: bool
    bands: int
    steps: int

    def clause(self, name: str, year: int) -> str:
        """Name of a clause in a year."""
        return name if self.shared else f"{name}_{self.tags[year]}"

    def finder(self, year: int) -> Callable[[str], str]:
        """What stands for a name in the formulas of a year."""

        def find(name: str) -> str:
            if name.startswith("terms_"):
                return self.clause(name, year)
            if name == "carried_on_before":
                return f"carried_on_{self.tags[year - 1]}" if year else "0"
            return f"{name}_{self.tags[year]}"

        return find


def years_of(run: Run) -> Years:
    """Names of the years of a run, and how its contracts are laid out."""
    labels = [year.label for year in run.scenario.years]
    simple = all(re.fullmatch(r"[A-Za-z0-9]{1,12}", label) for label in labels)
    distinct = len({label.lower() for label in labels}) == len(labels)
    tags = tuple(labels) if simple and distinct else tuple(f"period{n}" for n in range(1, len(labels) + 1))
    shared = not isinstance(run.scenario.terms, ProgramTerms) or len(labels) == 1
    bands = max(_LEAST_ROWS, *(len(terms.corridors) for terms in run.terms))
    steps = max(_LEAST_ROWS, *(len(terms.quality_ladder) for terms in run.terms))
    return Years(tags, shared, bands, steps)


def write_inputs(book: Book, run: Run, years: Years) -> None:
    """The sheet: figures of each year, then the clauses of the contract."""
    sheet, labels = book.sheets[SHEET], run.labels
    sheet.title(
        "Inputs",
        "Change a pale cell and everything that depends on it recalculates: benchmark, settlement, outcomes, summary. "
        "The word none stands for a figure or clause that is not there.",
        3 + len(labels),
    )
    top = sheet.row
    sheet.caption("Figures of each year")
    sheet.heads(["Figure", "Unit", *labels, "Source"], (0, 1, 2 + len(labels)))
    for name, words, unit in [*_year_fields(), EXTRA]:
        if name == "actual_adjustment":
            _year_row(sheet, run, years, *EXTRA)
        if name != EXTRA[0]:
            _year_row(sheet, run, years, name, words, unit)
    sheet.row += 1
    sheet.made.set_h_pagebreaks([sheet.row])
    sheet.caption("Clauses of the contract")
    heads = ["All years", "Source"] + [""] * (len(labels) - 1) if years.shared else [*labels, "Source"]
    sheet.heads(["Clause", "Unit", *heads], (0, 1, 3 if years.shared else 2 + len(labels)))
    sheet.text(sheet.row, 0, "Contract")
    sheet.text(sheet.row, 1, "", "words")
    for year, terms in _contracts(run, years):
        sheet.text(sheet.row, 2 + year, terms.name, "words")
        book.define(years.clause("terms_name", year), SHEET, (sheet.row, 2 + year))
    _cited(sheet, years, _source(run, ["terms.name"]))
    for clause in dataclasses.fields(Terms):
        if clause.name in SLOTS:
            _slots(sheet, run, years, clause.name)
        elif clause.name != "name":
            _clause_row(sheet, run, years, clause.name)
    sheet.text(sheet.row, 0, "Do the clauses fit together?", "total label")
    for column in range(1, 3 + len(labels)):
        sheet.text(sheet.row, column, "", "total label")
    for year in range(len(labels)):
        formula = written(CHECK, years.finder(year))
        sheet.formula(sheet.row, 2 + year, formula, "they fit together", "total")
        book.define(f"check_{years.tags[year]}", SHEET, (sheet.row, 2 + year))
    wrong = {"type": "cell", "criteria": "!=", "value": '"they fit together"'}
    area = (sheet.row, 2, sheet.row, 1 + len(labels))
    sheet.made.conditional_format(*area, wrong | {"format": book.workbook.add_format({"font_color": RED})})
    sheet.row += 1
    sheet.close(freeze=(top + 2, 1))


def _year_fields() -> list[tuple[str, str, str]]:
    """Name, words and unit of what a year states."""
    found = []
    for field in dataclasses.fields(YearSettings):
        if field.name not in _NOT_ASKED:
            found.append((field.name, *_words(YearSettings, field.name)))
    return found


def _words(owner: Any, name: str) -> tuple[str, str]:
    """Description of a setting and its unit."""
    words, _, unit = (owner.__pydantic_fields__[name].description or name).removesuffix("]").partition(" [")
    return words, unit


def _contracts(run: Run, years: Years) -> list[tuple[int, Terms]]:
    """Columns of the clauses: one where all years have one contract."""
    return [(0, run.terms[0])] if years.shared else list(enumerate(run.terms))


def _year_row(sheet: Sheet, run: Run, years: Years, name: str, words: str, unit: str) -> None:
    """One figure of every year, with the cells' names and what they allow."""
    row, style = sheet.row, _STYLES.get(unit, "share" if unit.startswith("share") else "")
    words = _PLAINER.get(name, words)
    sheet.text(row, 0, words[0].upper() + words[1:])
    sheet.text(row, 1, unit, "words")
    linked: dict[str, None] = {}
    for year, tag in enumerate(years.tags):
        value, formula = _figure(run, name, year, tag)
        if formula:
            linked["from the sheet Benchmark" if "made_" in formula else f"member months ÷ {MONTHS}"] = None
        if formula:
            sheet.formula(row, 2 + year, formula, value, "figure", style)
        else:
            sheet.value(row, 2 + year, value, "input", "" if isinstance(value, str) else style)
            sheet.made.data_validation(row, 2 + year, row, 2 + year, _allowed(sheet.cell(row, 2 + year), name, unit))
        sheet.book.define(f"input_{name}_{tag}", SHEET, (row, 2 + year))
    keys = [f"years.{year}.{name}" for year in range(len(years.tags))]
    stated = _source(run, ["large_claims.table", "large_claims"] if name == EXTRA[0] else keys)
    said = "; ".join(part for part in (*linked, stated) if part)
    sheet.text(row, 2 + len(years.tags), said, "words")
    sheet.row += 1


def _figure(run: Run, name: str, position: int, tag: str) -> tuple[Any, str]:
    """Value of a figure of a year, and the formula where it comes from elsewhere in the workbook."""
    year, months = run.scenario.years[position], months_of(run.scenario, run.tables, position)
    stated = getattr(year, name, None)
    made = year.benchmark is None and year.benchmark_pmpm is None
    if name == EXTRA[0]:
        base = None if run.budget is None else run.budget.base_year
        return removed_in(run.scenario, run.tables, base).get(year.label, 0.0), ""
    if name == "benchmark_pmpm" and made and run.made is not None:
        return run.made.pmpm, "=made_pmpm"
    if name == "member_months" and stated is None and months is not None:
        budget = None if run.tables.claims is not None else run.budget
        linked = budget is not None and months == budget.benchmark.member_months
        return months, "=made_member_months" if linked else ""
    if name == "members" and stated is None and months is not None:
        return months / MONTHS, f"=input_member_months_{tag}/{MONTHS}"
    if name == "actual" and stated is None and year.actual_pmpm is None:
        return float(seen_in_claims(run.tables, year)["allowed"]), ""
    if name in ("quality_score", "quality_standard"):
        return run.given(position)[name], ""
    return "none" if stated is None else stated, ""


def _allowed(cell: str, name: str, unit: str) -> dict[str, Any]:
    """What the cell of a figure allows."""
    if name == "quality_standard":
        return {"validate": "list", "source": ["met", "alternative", "failed"]}
    if name.endswith("adjustment") and unit == "share":
        return {"validate": "decimal", "criteria": "between", "minimum": -0.999, "maximum": 0.999}
    if unit == "share":
        return {"validate": "decimal", "criteria": "between", "minimum": 0, "maximum": 1}
    least = "" if name in (EXTRA[0], "benchmark_addition") else f",{cell}>=0"
    return {"validate": "custom", "value": f'=OR({cell}="none",AND(ISNUMBER({cell}){least}))'}


def _clause_row(sheet: Sheet, run: Run, years: Years, name: str) -> None:
    """One clause of every contract, with the cells' names and what they allow."""
    row, (words, unit) = sheet.row, _words(Terms, name)
    shares, _, whole = kind_of(name)
    sheet.text(row, 0, words[0].upper() + words[1:])
    sheet.text(row, 1, unit or ("share" if shares else "choice"), "words")
    for year, terms in _contracts(run, years):
        value = getattr(terms, name)
        value = {True: "yes", False: "no"}[value] if isinstance(value, bool) else "none" if value is None else value
        style = "#" if whole else "" if isinstance(value, str) else "share"
        sheet.value(row, 2 + year, value, "input", style)
        sheet.made.data_validation(row, 2 + year, row, 2 + year, _choices(sheet.cell(row, 2 + year), name))
        sheet.book.define(years.clause(f"terms_{name}", year), SHEET, (row, 2 + year))
    keys = [f"terms.{name}"] if years.shared else []
    _cited(sheet, years, _source(run, keys) or _rule(run, name))


def _cited(sheet: Sheet, years: Years, source: str) -> None:
    """The source of a clause at the end of its row."""
    last = 2 + len(years.tags)
    if years.shared and last > 3:
        sheet.made.merge_range(sheet.row, 3, sheet.row, last, "", sheet.book.style("words"))
        sheet.made.write_string(sheet.row, 3, plain(source), sheet.book.style("words"))
    else:
        sheet.text(sheet.row, last, source, "words")
    sheet.row += 1


def kind_of(name: str) -> tuple[bool, list[str], bool]:
    """
    What a clause may be: whether a share, which words, whether a whole number.

    >>> kind_of("mlr"), kind_of("losses_carried"), kind_of("savings_cap_revenue")
    ((True, ['size', 'msr'], False), (False, ['no', 'yes'], False), (True, ['none'], False))
    """
    fields: Any = Terms
    hint = fields.__pydantic_fields__[name].annotation
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    shares, words, whole = False, [], False
    for part in typing.get_args(hint) if union else [hint]:
        part = typing.get_args(part)[0] if typing.get_origin(part) is typing.Annotated else part
        if typing.get_origin(part) is Literal:
            words += [str(word) for word in typing.get_args(part)]
        elif part is bool:
            words += ["no", "yes"]
        elif part is type(None):
            words.append("none")
        elif part is int:
            whole = True
        elif part is float:
            shares = True
        else:
            raise TypeError(f"the workbook has no cell for clause '{name}' of kind {part}")
    return shares, words, whole


def _choices(cell: str, name: str) -> dict[str, Any]:
    """What the cell of a clause allows."""
    shares, words, whole = kind_of(name)
    if whole:
        return {"validate": "integer", "criteria": ">=", "value": 0}
    if not shares:
        return {"validate": "list", "source": words}
    said = "".join(f'{cell}="{word}",' for word in words)
    wanted = " or ".join(["a share from 0 to 1", *words])
    return {
        "validate": "custom",
        "value": f"=OR({said}AND(ISNUMBER({cell}),{cell}>=0,{cell}<=1))",
        "error_title": "Not allowed here",
        "error_message": f"Wanted: {wanted}.",
    }


def _slots(sheet: Sheet, run: Run, years: Years, name: str) -> None:
    """The rows of a clause that is a list of pairs, with room for some more."""
    count = years.bands if name == "corridors" else years.steps
    source = _source(run, [f"terms.{name}"]) or _rule(run, name)
    for side, part in enumerate(SLOTS[name]):
        first = sheet.row
        for slot in range(count):
            sheet.text(sheet.row, 0, _SLOT_WORDS[part].format(slot + 1))
            sheet.text(sheet.row, 1, "share" if part != "corridor_ends" else "share of benchmark", "words")
            for year, terms in _contracts(run, years):
                pairs, place = getattr(terms, name), sheet.cell(sheet.row, 2 + year)
                if slot < len(pairs):
                    sheet.value(sheet.row, 2 + year, pairs[slot][side], "input", "share")
                else:
                    sheet.made.write_blank(sheet.row, 2 + year, None, sheet.book.style("input", "share"))
                allowed = f'=OR({place}="none",AND(ISNUMBER({place}),{place}>=0))'
                where = (sheet.row, 2 + year, sheet.row, 2 + year)
                sheet.made.data_validation(*where, {"validate": "custom", "value": allowed})
            _cited(sheet, years, source if slot == 0 else "")
        for year, _ in _contracts(run, years):
            ends = (first, 2 + year), (sheet.row - 1, 2 + year)
            sheet.book.define(years.clause(f"terms_{part}", year), SHEET, *ends)


def _source(run: Run, keys: list[str]) -> str:
    """Sources of settings, each once; empty where none of them is an assumption."""
    found: dict[str, None] = {}
    for key in keys:
        for item in run.assumptions:
            if item.note == f"setting {key}" or item.note.startswith(f"setting {key};"):
                found[item.source] = None
    return "; ".join(found)


def _rule(run: Run, clause: str) -> str:
    """Source of a clause in the rules of a programme, or that the contract does not have it."""
    words = {clause.replace("_", " "), f"{clause}_method".replace("_", " ")}
    found: dict[str, None] = {}
    for item in run.assumptions:
        if item.basis == "rule" and item.name.partition(": ")[2] in words:
            found[item.source] = None
    return "; ".join(found) or "not in the contract"
