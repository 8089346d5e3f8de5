"""The page that ranks the reports of a batch."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from acomodel.exhibit import Exhibit, inert

_COLUMNS = {
    "Payment": "$",
    "Benchmark": "$",
    "Savings rate": "%.",
    "Threshold": "%.",
    "Paid by luck alone": "%",
    "Expected payment": "$",
    "Worst twentieth": "$",
}
_NOTE = (
    "Payment, benchmark, savings rate and threshold of the year each report leads with. Paid by luck alone: chance "
    "that an ACO that saves nothing is paid. Expected payment and worst twentieth: all simulated years of a report "
    "together, with the uncertainties of its scenario."
)


def ranking_exhibit(reports: Sequence[Path]) -> Exhibit:
    """
    Reports ranked by the payment to the ACO, the largest first.

    Parameters
    ----------
    reports : sequence of Path
        Report folders.

    Returns
    -------
    Exhibit
        Index the folder's name; payment, benchmark [$], savings rate, threshold [share], chance of a payment by luck
        alone [share], expected payment and mean of its worst twentieth over the simulated years [$].
    """
    rows = {path.name: _figures(path) for path in reports}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["Scenario", *_COLUMNS])
    table = table.sort_values("Payment", ascending=False, kind="stable").rename_axis("Report")
    table = table.dropna(axis=1, how="all")
    return Exhibit("Reports by payment to the ACO", table, _COLUMNS, _NOTE)


def _figures(report: Path) -> list[Any]:
    """One report's row."""
    held = json.loads((report / "results.json").read_text(encoding="utf-8"))
    year, look = held["results"]["settlement"], held["results"]["outlook"]
    row = [held["scenario"]["title"], year["payment"], year["benchmark"], year["savings_rate"], year["msr"]]
    if look is None:
        return [*row, None, None, None]
    whole = next(part for part in look["simulated"] if part["year"] == "All years")
    return [*row, look["payments"]["luck"]["chance_earned"], whole["expected"], whole["worst"]]


def write_ranking(folder: Path, reports: Sequence[Path], faults: Mapping[str, str]) -> list[Path]:
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

    Returns
    -------
    list of Path
        The report folders as they are ranked.
    """
    from acomodel.workbench.report.pages import render_page

    exhibit = ranking_exhibit(reports)
    ranked = [folder / str(name) for name in exhibit.table.index]
    listed = "".join(
        f"<li><a href='{escape(path.name, quote=True)}/index.html'>{escape(path.name)}</a>: "
        f"{escape(str(exhibit.table.loc[path.name, 'Scenario']))}</li>"
        for path in ranked
    )
    failed = "".join(f"<li><strong>{escape(name)}</strong>: {escape(words)}</li>" for name, words in faults.items())
    body = f"<h2>Ranking</h2>{exhibit._repr_html_()}<h2>Reports</h2><ol>{listed}</ol>"
    body += f"<h2>Not made</h2><ul>{failed}</ul>" if failed else ""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["report", *exhibit.table.columns])
    for name, row in exhibit.table.iterrows():
        writer.writerow([inert(str(value)) for value in (name, *row)])
    _write(folder / "ranking.csv", "\ufeff" + text.getvalue())
    _write(folder / "ranking.html", render_page("Ranking", body, title=f"{len(ranked)} reports side by side"))
    return ranked


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.partial")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
