"""The Excel workbook of a report, whose benchmark and settlement recalculate."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from acomodel import __version__
from acomodel.exhibit import Exhibit
from acomodel.inputs import InputError
from acomodel.workbench.model import Run
from acomodel.workbench.report.workbook.chain import write_experience, write_projection, write_trend
from acomodel.workbench.report.workbook.inputs import write_inputs, years_of
from acomodel.workbench.report.workbook.settled import write_outcomes, write_settlement, write_tables
from acomodel.workbench.report.workbook.shown import (
    parts_of,
    write_assumptions,
    write_chance,
    write_data,
    write_parts,
    write_sensitivity,
    write_summary,
)
from acomodel.workbench.report.workbook.steps import write_benchmark
from acomodel.workbench.report.workbook.style import ACCENT, GREEN, INK, SOFT, Book, plain

_MADE = datetime(2000, 1, 1)
"""Date of a workbook whose scenario states none: the same run gives the same bytes."""


def write_workbook(run: Run, out: Path) -> None:
    """
    Write the workbook of a run: inputs, benchmark and settlement as live formulas, everything else as values.

    Parameters
    ----------
    run : Run
        Run of a scenario.
    out : Path
        Workbook to write, such as ``workbook.xlsx``.

    Raises
    ------
    InputError
        The file cannot be written.

    Notes
    -----
    The sheet of inputs holds every figure of a year and every clause of the terms in cells with names, such as
    ``input_actual_2025`` and ``terms_msr``; the settlement is made of the formulas in `lines.FORMULAS`, which follow
    `acomodel.contract.settlement.settle` clause by clause. Every formula holds the value that Python worked out, so
    that readers which do not recalculate show the figures of the report. Text from data is never a formula or a link.

    Examples
    --------
    >>> import tempfile
    >>> from acomodel import run
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_workbook(run("scenarios/hackensack-2014.toml"), Path(folder) / "workbook.xlsx")
    """
    import xlsxwriter
    from xlsxwriter.exceptions import FileCreateError

    quiet = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    workbook = xlsxwriter.Workbook(str(out), quiet)
    report = run.scenario.report
    workbook.set_properties(
        {
            "title": plain(run.scenario.title)[:250],
            "subject": plain(report.purpose)[:250],
            "author": plain(report.actuary)[:250],
            "company": plain(report.client)[:250],
            "comments": f"acomodel {__version__}",
            "created": _dated(report.date),
        }
    )
    workbook.set_calc_mode("auto")
    book, years, parts = Book(workbook, plain(run.scenario.title)), years_of(run), parts_of(run)
    _lay_out(book, run, parts)
    write_summary(book, run, years)
    write_inputs(book, run, years)
    write_assumptions(book, run)
    if run.made is not None:
        write_experience(book, run)
        write_benchmark(book, run)
    if run.budget is not None:
        write_trend(book, run)
        write_projection(book, run, run.budget)
    write_settlement(book, run, years)
    write_outcomes(book, run, years)
    write_sensitivity(book, run)
    if run.outlook is not None:
        write_chance(book, run)
    write_parts(book, parts)
    write_data(book, run)
    write_tables(book)
    try:
        workbook.close()
    except FileCreateError as error:
        raise InputError(f"{out}: the workbook cannot be written ({error}).") from None


def _lay_out(book: Book, run: Run, parts: Mapping[str, Sequence[Exhibit]]) -> None:
    """The sheets in their order, with the widths of their columns."""
    count, rates = len(run.labels), len(run.scenario.outcomes.savings_rates)
    projected = 0 if run.budget is None else run.budget.projection.index.unique("year").size
    book.sheet("Summary", INK, [20, *[14.5] * 8], wide=True)
    book.sheet("Inputs", ACCENT, [52, 18, *[18] * count, 46], wide=count > 2)
    book.sheet("Assumptions", SOFT, [44, 18, 16, 10, 50, 36], wide=True)
    if run.made is not None:
        book.sheet("Experience", SOFT, [32, *[16] * 9], wide=True)
    if run.budget is not None:
        book.sheet("Trend", SOFT, [40, *[13] * 9], wide=True)
        book.sheet("Projection", GREEN, [34, *[11.5] * (3 + 5 * projected)], wide=True)
    if run.made is not None:
        book.sheet("Benchmark", GREEN, [46, *[14] * 7, 3, 16, 14], wide=True)
    book.sheet("Settlement", GREEN, [40, *[18] * count, 52, *[18] * (2 * count)], wide=count > 2)
    book.sheet("Outcomes", GREEN, [40, *[14] * max(7, rates)], wide=True)
    book.sheet("Sensitivity", SOFT, [40, *[15] * 8], wide=True)
    if run.outlook is not None:
        book.sheet("Chance", SOFT, [48, *[14] * 8], wide=True)
    for name, tables in parts.items():
        book.sheet(name, SOFT, [44, *[15] * max(9, *(made.table.shape[1] for made in tables))], wide=True)
    book.sheet("Data", SOFT, [24, 10, 44, 20, 10])
    book.sheet("Tables", GREEN, [16, 14, 16, 16, 44, 44], wide=True)


def _dated(text: str) -> datetime:
    """
    Date of a report, or a fixed one where it is not a plain date.

    >>> _dated("2025-03-01").year, _dated("spring").year
    (2025, 2000)
    """
    found = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", text.strip())
    try:
        return datetime.strptime(found.group(), "%Y-%m-%d") if found else _MADE
    except ValueError:
        return _MADE
