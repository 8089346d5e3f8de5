"""The sheets before the benchmark: experience, trend, and the projection as formulas of trends that may be changed."""

from __future__ import annotations

import pandas as pd

from acomodel.budget.projection import projected_totals
from acomodel.exhibit import Exhibit
from acomodel.workbench import exhibits
from acomodel.workbench.budget import Budget
from acomodel.workbench.model import Run
from acomodel.workbench.report.workbook.style import Book, Sheet

_BASE = {"Allowed PMPM": "$.", "Use PMPM": "0.0000", "Cost per service": "$."}
"""Columns of the experience that a projection starts from."""
_YEARLY = ("Cost trend", "Use trend", "Cost per service", "Use PMPM", "Allowed PMPM")
_BY_YEAR = len(_YEARLY)


def write_experience(book: Book, run: Run) -> None:
    """Experience of the baseline, whose figures may be changed where a projection starts from them; or base years."""
    sheet, shown = book.sheets["Experience"], exhibits.budget.experience(run)
    if run.budget is None or not isinstance(shown, Exhibit):
        sheet.title("Experience", "The tables that the benchmark starts from, as handed in; not recalculated.", 8)
        for table in (shown, exhibits.record.growth(run), exhibits.record.risk(run)):
            sheet.exhibit(table, 8)
        sheet.close(freeze=(0, 1))
        return
    sheet.title("Experience", "What the baseline cost. The pale column is where the projection starts.", 6)
    sheet.caption(shown.title)
    table = shown.table.drop(index="Total")
    sheet.heads(["Service category", *table.columns])
    sheet.first, total = sheet.row, sheet.row + len(table)
    for category, line in table.iterrows():
        sheet.text(sheet.row, 0, category)
        for column, head in enumerate(map(str, table.columns), start=1):
            kind = "input" if head == "Allowed PMPM" and not pd.isna(line[head]) else "stated"
            sheet.value(sheet.row, column, line[head], kind, _BASE.get(head, shown.formats.get(head, "")))
        sheet.row += 1
    sheet.text(total, 0, "Total", "total label")
    for column, head in enumerate(map(str, table.columns), start=1):
        if head.endswith("PMPM") and head != "Use PMPM":
            area = f"{sheet.cell(sheet.first, column)}:{sheet.cell(total - 1, column)}"
            sheet.formula(total, column, f"=SUM({area})", table[head].sum(), "total", "$.")
            if head == "Allowed PMPM":
                book.define("baseline_pmpm", "Experience", (total, column))
        else:
            sheet.text(total, column, "", "total")
    sheet.row = total + 2
    if exhibits.budget.demographics(run) is not None:
        sheet.made.set_h_pagebreaks([sheet.row])
        sheet.exhibit(exhibits.budget.demographics(run), 5)
    sheet.close(freeze=(sheet.first, 1))


def write_trend(book: Book, run: Run) -> None:
    """Trends from year to year and by regression, as the report has them."""
    sheet = book.sheets["Trend"]
    sheet.title("Trend", "Trends as measured; not recalculated. Those in use stand on the sheet Projection.", 8)
    sheet.exhibit(exhibits.budget.trends(run), 8)
    sheet.exhibit(exhibits.budget.regressions(run), 7)
    sheet.close(freeze=(0, 1))


def write_projection(book: Book, run: Run, budget: Budget) -> None:
    """Cost and use of every category, year by year."""
    sheet, trend, shown = book.sheets["Projection"], run.scenario.trend, exhibits.budget.experience(run)
    assert trend is not None and isinstance(shown, Exhibit)
    base, years = shown.table.drop(index="Total"), sorted(budget.projection.index.unique("year"))
    sheet.title(
        "Projection",
        "Unit cost and use of each service category, each on its own trend, before risk and large-claim adjustments. "
        "Points are added to the combined trend of every category and year, through unit cost.",
        9,
    )
    sheet.text(sheet.row, 0, "What-if: points added to every annual trend")
    sheet.value(sheet.row, 1, trend.adjustment, "input", "%.")
    sheet.allow_share(sheet.row, 1, -0.499, 0.499)
    book.define("trend_adjustment", "Projection", (sheet.row, 1))
    sheet.row += 2
    for part in range(3):
        sheet.text(sheet.row, 1 + part, str(budget.base_year) if part == 0 else "", "group")
    for number, year in enumerate(years):
        for part in range(_BY_YEAR):
            sheet.text(sheet.row, 4 + _BY_YEAR * number + part, str(year) if part == 0 else "", "group")
    sheet.row += 1
    sheet.heads(["Service category", *_BASE, *list(_YEARLY) * len(years)])
    sheet.first = sheet.row
    for place, category in enumerate(base.index):
        sheet.text(sheet.row, 0, category)
        before = _linked(sheet, book.sheets["Experience"].first + place, base, place)
        for number, year in enumerate(years):
            before = _projected(sheet, 4 + _BY_YEAR * number, budget, (year, category), before)
        sheet.row += 1
    _totals(sheet, run, budget, [int(year) for year in years])
    sheet.row += 1
    sheet.close(freeze=(sheet.first, 1), repeat=(sheet.first - 2, sheet.first - 1))


def _linked(sheet: Sheet, source: int, base: pd.DataFrame, place: int) -> dict[str, str]:
    """Figures of a category taken from the experience, and where they stand."""
    found = {}
    for column, (head, style) in enumerate(_BASE.items(), start=1):
        value = base[head].iloc[place] if head in base else None
        if pd.isna(value):
            sheet.value(sheet.row, column, None)
            continue
        link = sheet.cell(source, 1 + list(base.columns).index(head))
        sheet.formula(sheet.row, column, f"=Experience!{link}", value, "figure", style)
        found[head] = sheet.cell(sheet.row, column)
    return found


def _projected(
    sheet: Sheet, at: int, budget: Budget, key: tuple[int, object], before: dict[str, str]
) -> dict[str, str]:
    """One year of a category: its trends, and what they make of the year before."""
    line, trends = budget.projection.loc[key], budget.trends.loc[key]
    cost, use = sheet.cell(sheet.row, at), sheet.cell(sheet.row, at + 1)
    sheet.value(sheet.row, at, trends["cost_trend"], "input", "0.0000")
    sheet.value(sheet.row, at + 1, trends["utilization_trend"], "input", "0.0000")
    moved, found = f"({cost}+trend_adjustment/{use})", {}
    steps = {
        "Cost per service": (f"*{moved}", line["unit_cost"]),
        "Use PMPM": (f"*{use}", line["utilization_pmpm"]),
        "Allowed PMPM": (f"*{moved}*{use}", line["allowed_pmpm"]),
    }
    for column, (head, (growth, value)) in enumerate(steps.items(), start=at + 2):
        if head not in before:
            sheet.value(sheet.row, column, None)
            continue
        sheet.formula(sheet.row, column, f"={before[head]}{growth}", value, "figure", _BASE[head])
        found[head] = sheet.cell(sheet.row, column)
    return found


def _totals(sheet: Sheet, run: Run, budget: Budget, years: list[int]) -> None:
    """Allowed PMPM of all categories, added in their order as the benchmark adds them."""
    trend, baseline = run.scenario.trend, budget.report.loc[budget.base_year]
    assert trend is not None
    values = projected_totals(baseline, budget.trends, adjustment=trend.adjustment)
    rows, total = range(sheet.first, sheet.row), sheet.row
    sheet.text(total, 0, "Total", "total label")
    for column in range(1, 4 + _BY_YEAR * len(years)):
        sheet.text(total, column, "", "total")
    sheet.formula(total, 1, "=baseline_pmpm", float(baseline["allowed_pmpm"].sum()), "total", "$.")
    for number, year in enumerate(years):
        column = 3 + _BY_YEAR * (number + 1)
        each = "+".join(f"N({sheet.cell(row, column)})" for row in rows)
        sheet.formula(total, column, f"={each}", values[year], "total", "$.")
        sheet.book.define(f"projected_{year}", sheet.name, (total, column))
    sheet.row += 1
