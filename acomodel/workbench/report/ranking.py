"""The page that ranks the reports of a batch."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from acomodel.exhibit import Exhibit, inert
from acomodel.inputs import write_whole
from acomodel.workbench.naming import printable

_COLUMNS = {
    "Payment as stated": "$",
    "Benchmark": "$",
    "Savings rate": "%.",
    "Threshold": "%.",
    "Paid by luck alone": "%",
    "Expected, all years": "$",
    "Worst twentieth": "$",
}
_NOTE = (
    "Payment, benchmark, savings rate and threshold of the year each report leads with, at its stated spending. Paid "
    "by luck alone: chance that an ACO that saves nothing is paid. Expected and worst twentieth: all simulated years "
    "of a report together, whose savings are those its outlook expects and not those of the stated year."
)


Varied = Mapping[str, Mapping[str, Any]]
"""Settings in which the reports differ: by report, by dotted key."""


def ranking_exhibit(reports: Sequence[Path], varied: Varied | None = None) -> Exhibit:
    """
    Reports ranked by the payment to the ACO, the largest first.

    Parameters
    ----------
    reports : sequence of Path
        Report folders.
    varied : mapping of str to mapping, optional
        Settings in which the reports differ, a column each.

    Returns
    -------
    Exhibit
        Index the folder's name; payment, benchmark [$], savings rate, threshold [share], chance of a payment by luck
        alone [share], expected payment and mean of its worst twentieth over the simulated years [$].
    """
    rows = {path.name: _figures(path) for path in reports}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[*_COLUMNS, "Scenario"])
    if varied:
        table = pd.DataFrame.from_dict({name: dict(varied[name]) for name in table.index}, orient="index").join(table)
    table = table.sort_values("Payment as stated", ascending=False, kind="stable").rename_axis("Report")
    table = table.dropna(axis=1, how="all")
    return Exhibit("Reports by payment to the ACO", table, _COLUMNS, _NOTE)


def _figures(report: Path) -> list[Any]:
    """One report's row."""
    held = json.loads((report / "results.json").read_text(encoding="utf-8"))
    year, look = held["results"]["settlement"], held["results"]["outlook"]
    row, title = (
        [year["payment"], year["benchmark"], year["savings_rate"], year["msr"]],
        printable(held["scenario"]["title"]),
    )
    if look is None:
        return [*row, None, None, None, title]
    whole = next(part for part in look["simulated"] if part["year"] == "All years")
    return [*row, look["payments"]["luck"]["chance_earned"], whole["expected"], whole["worst"], title]


def write_ranking(
    folder: Path, reports: Sequence[Path], faults: Mapping[str, str], varied: Varied | None = None
) -> list[Path]:
    """
    Write `ranking.html` and `ranking.csv`, each whole or not at all.

    Parameters
    ----------
    folder : Path
        Folder of the reports.
    reports : sequence of Path
        Report folders in it.
    faults : mapping of str to str
        Reports that could not be made, and why.
    varied : mapping of str to mapping, optional
        Settings in which the reports differ.

    Returns
    -------
    list of Path
        The report folders as they are ranked.
    """
    from acomodel.workbench.report.pages import render_page

    exhibit = ranking_exhibit(reports, varied)
    ranked = [folder / str(name) for name in exhibit.table.index]
    listed = "".join(
        f"<li><a href='{escape(path.name, quote=True)}/index.html'>{escape(path.name)}</a>: "
        f"{escape(str(exhibit.table.loc[path.name, 'Scenario']))}</li>"
        for path in ranked
    )
    failed = "".join(
        f"<li><strong>{escape(name)}</strong>: {escape(words)}"
        f"{' The report there is an earlier one.' if (folder / name / 'index.html').is_file() else ''}</li>"
        for name, words in faults.items()
    )
    body = f"<h2>Ranking</h2>{_without_titles(exhibit)._repr_html_()}<h2>Reports</h2><ol>{listed}</ol>"
    body += f"<h2>Not made</h2><ul>{failed}</ul>" if failed else ""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["report", *exhibit.table.columns])
    for name, row in exhibit.table.iterrows():
        writer.writerow([inert(str(value)) for value in (name, *row)])
    page = render_page("Ranking", body, title=f"{len(ranked)} reports side by side")
    for name, written in (("ranking.csv", "\ufeff" + text.getvalue()), ("ranking.html", page)):
        write_whole(folder / name, partial(Path.write_text, data=written, encoding="utf-8"))
    return ranked


def _without_titles(exhibit: Exhibit) -> Exhibit:
    """The table without the titles, which stand in the list beneath it."""
    return Exhibit(exhibit.title, exhibit.table.drop(columns="Scenario"), exhibit.formats, exhibit.note)
