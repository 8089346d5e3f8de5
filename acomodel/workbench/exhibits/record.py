"""The tables of a report on a historical benchmark: base years, growth, risk, and every line by enrollment type."""

from __future__ import annotations

import numpy as np
import pandas as pd

from acomodel.budget.mssp.record import IN_PERFORMANCE_YEAR
from acomodel.budget.mssp.steps import ALL_TYPES, TYPES, BenchmarkSteps
from acomodel.exhibit import Exhibit
from acomodel.workbench.model import Run

BY_TYPE = "Enrollment type"


def base_years(run: Run) -> Exhibit | None:
    """Base years as handed in: expenditure, risk and person years by enrollment type; None without a record."""
    table = run.tables.base_years
    if run.record is None or table is None:
        return None
    measures = {"per_capita": "Expenditure", "risk_score": "Risk score", "person_years": "Person years"}
    years = sorted(table["period"].unique())
    found = {
        f"{words} {year}": table[table["period"] == year].set_index("enrollment_type")[name].reindex(list(TYPES))
        for name, words in measures.items()
        for year in years
    }
    frame = pd.DataFrame(found).rename_axis(BY_TYPE).dropna(axis=1, how="all")
    counts = {year: frame.get(f"Person years {year}") for year in years}
    frame.loc["Total"] = np.nan
    for year, count in counts.items():
        if count is None or count.isna().any():
            continue
        frame.loc["Total", f"Person years {year}"] = count.sum()
        frame.loc["Total", f"Expenditure {year}"] = (frame[f"Expenditure {year}"] * count).sum() / count.sum()
    styles = {"Expenditure": "$", "Risk score": "0.0000", "Person years": "#"}
    formats = {c: styles[c.rsplit(" ", 1)[0]] for c in frame}
    note = "Expenditure per person year, annualized, truncated and completed; a total is weighted by person years."
    return Exhibit("Base years by enrollment type", frame, formats, note)


def growth(run: Run) -> Exhibit | None:
    """Growth as handed in: to BY3 and since BY3, by enrollment type; None without a record."""
    table = run.tables.type_growth
    if run.record is None or table is None:
        return None
    names = {
        "by1_to_by3": "BY1 to BY3",
        "by2_to_by3": "BY2 to BY3",
        "national": "National since BY3",
        "regional": "Regional since BY3",
        "flat_dollars": "Dollars since BY3",
    }
    frame = table.set_index("enrollment_type")[list(names)].dropna(axis=1, how="all").rename(columns=names)
    frame = frame.reindex(list(TYPES)).rename_axis(BY_TYPE)
    formats = {c: "$." if c == "Dollars since BY3" else "0.0000" for c in frame}
    return Exhibit("Growth by enrollment type", frame, formats, "Factors, or dollars per person year.")


def risk(run: Run) -> Exhibit | None:
    """What risk and the mix of types in the performance year do to the benchmark; None without a record."""
    if run.record is None:
        return None
    first, second = run.record.historical, run.record.updated
    rows = {
        "BY1 risk ratio to BY3": first.line("BY1 risk ratio to BY3"),
        "BY2 risk ratio to BY3": first.line("BY2 risk ratio to BY3"),
        "Risk ratio to the performance year": second.line("Risk ratio to the performance year"),
        "Share of person years, BY3": first.line("Share of person years"),
        "Share of person years, performance year": second.line(IN_PERFORMANCE_YEAR["Share of person years"]),
    }
    frame = pd.DataFrame.from_dict({n: r.by_type for n, r in rows.items()}, orient="index", columns=list(TYPES))
    steps = run.record.summary["change"]
    note = (
        f"Worth in $ PMPM: risk of BY3 {steps['Risk of BY3']:+,.2f}, types of the year "
        f"{steps['Types of the year']:+,.2f}, risk of the year {steps['Risk of the year']:+,.2f}."
    )
    formats = {name: line.style for name, line in rows.items()}
    return Exhibit("Risk by enrollment type", frame.rename_axis("Line"), formats, note.replace("-", "−"))


def historical(run: Run) -> Exhibit | None:
    """Lines from base years to historical benchmark, by type; None without a record."""
    return None if run.record is None else _lines(run.record.historical)


def adjusted(run: Run) -> Exhibit | None:
    """Lines of the adjustments of the historical benchmark; None without a record, or where nothing is adjusted."""
    if run.record is None:
        return None
    moved = float(run.record.adjusted.line("Adjusted historical benchmark").overall) != run.record.historical.per_capita
    return _lines(run.record.adjusted) if moved else None


def updated(run: Run) -> Exhibit | None:
    """Lines from historical benchmark to the performance year, by type; None without a record."""
    return None if run.record is None else _lines(run.record.updated)


def settled(run: Run) -> Exhibit | None:
    """The updated benchmark as it is settled, all types together; None without a record."""
    return None if run.record is None else _lines(run.record.settled)


def _lines(stage: BenchmarkSteps) -> Exhibit:
    """Lines of a stage; those without a figure of all types show a dash there."""
    shown = stage.exhibit()
    table = shown.to_frame().rename(columns={ALL_TYPES: "All types"})
    return Exhibit(shown.title, table, shown.formats, shown.note)
