"""The sheet of the benchmark: its steps as formulas, each factor open to another value."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from acomodel.budget.benchmark import rounded
from acomodel.budget.mssp.record import Record
from acomodel.budget.projection import projected_totals
from acomodel.budget.truncation import large_claim_factor
from acomodel.rates import MONTHS
from acomodel.workbench import exhibits
from acomodel.workbench.adjustments import applied_ratio, measured_ratio
from acomodel.workbench.budget import Budget
from acomodel.workbench.model import Run
from acomodel.workbench.report.workbook.rounding import beyond_half, rounded_by
from acomodel.workbench.report.workbook.settled import difference
from acomodel.workbench.report.workbook.style import Book, Sheet

SHEET = "Benchmark"
_USED, _LEVEL, _EXACT = 3, 4, 9
"""Columns of the factor used, of the PMPM after it, and of figures before they are rounded."""
_HEADS = ["Step", "Worked out", "Stated instead", "Used", "PMPM", "Change PMPM", "PMPM in the report", "Change"]


def write_benchmark(book: Book, run: Run) -> None:
    """Steps from baseline, or from base years, to the benchmark."""
    sheet = book.sheets[SHEET]
    sheet.title(
        "Benchmark",
        "Each step multiplies the PMPM before it. To argue with a factor, write another one beside it under Stated "
        "instead; the benchmark and the settlement follow.",
        8,
    )
    if run.budget is not None:
        _projected(sheet, run, run.budget)
    elif run.record is not None:
        _historical(sheet, run, run.record)
    sheet.close(freeze=(0, 1), across=8)


def _projected(sheet: Sheet, run: Run, budget: Budget) -> None:
    """The chain of a budget: risk, large claims, trend, steps."""
    made, printed = budget.benchmark, budget.benchmark.rounding == "printed"
    shown = exhibits.budget.rounding(run)
    if shown is not None:
        sheet.row -= 1
        sheet.note(shown.text, 8)
        sheet.row += 1
    if printed:
        sheet.text(2, _EXACT, "Before rounding", "head")
        sheet.text(2, _EXACT + 1, "Beyond a half", "head")
    risk, large = _risk(sheet, run, budget, printed), _large_claims(sheet, run, budget, printed)
    trends = _trend(sheet, run, budget, printed)
    sheet.caption("Steps")
    sheet.heads(_HEADS)
    worked = ["", risk, large, *trends]
    for place, (name, step) in enumerate(made.steps.iterrows()):
        base = f"=total_{budget.base_year}" if place == 0 else ""
        _step(
            sheet, str(name), worked[place], step["factor"], step["pmpm"], step["change"], base, 2 if printed else None
        )
    _result(sheet, "Benchmark PMPM", made.pmpm)
    _line(sheet, "Member months", made.member_months, "#.", name="made_member_months")
    _line(sheet, "Benchmark", made.total, "$.", "=made_pmpm*made_member_months", name="made_total")


def _line(
    sheet: Sheet,
    label: str,
    value: Any,
    number: str,
    formula: str = "",
    *,
    name: str = "",
    places: int | None = None,
    exact: float = 0.0,
) -> None:
    """A named figure: an input, or a formula that is rounded where places are given."""
    sheet.text(sheet.row, 0, label)
    for column in (1, 2):
        sheet.text(sheet.row, column, "", "words")
    if formula and places is not None:
        cell = _rounding(sheet, formula, exact, places)
        sheet.formula(sheet.row, _USED, f"={cell}", value, "figure", number)
    elif formula:
        sheet.formula(sheet.row, _USED, formula, value, "figure", number)
    else:
        sheet.value(sheet.row, _USED, value, "input", "" if isinstance(value, str) else number)
    if name:
        sheet.book.define(name, SHEET, (sheet.row, _USED))
    sheet.row += 1


def _rounding(sheet: Sheet, formula: str, exact: float, places: int) -> str:
    """A figure before rounding, how far it lies beyond a half, and the formula of its rounded value."""
    before, beyond = (sheet.cell(sheet.row, _EXACT + n) for n in (0, 1))
    sheet.formula(sheet.row, _EXACT, formula, exact, "stated", "")
    scale = 2 * 10**places
    sheet.formula(
        sheet.row,
        _EXACT + 1,
        f"={beyond_half(before, places)}",
        exact * scale - round(exact * scale),
        "stated",
        "0.0000",
    )
    return rounded_by(before, beyond, places)


def _risk(sheet: Sheet, run: Run, budget: Budget, printed: bool) -> str:
    """Risk of both periods, and what of its change counts; name of the factor, empty where no risk is adjusted."""
    wanted, measured = run.scenario.risk, budget.risk
    if wanted is None:
        return ""
    sheet.caption("Change of risk")
    ratio = measured_ratio(run.scenario, measured, printed=printed)
    if measured is None or wanted.ratio is not None:
        _line(sheet, "Risk ratio, as stated", ratio, "0.0000", name="risk_ratio")
    else:
        sheet.note(f"Measured by {measured.measure}.", 8)
        names = []
        for name, period, value in (
            ("current", measured.current_period, measured.current),
            ("base", measured.base_period, measured.base),
        ):
            words = f"Average risk of the {name} population, {period}"
            _line(sheet, words, value, "0.0000", name=f"risk_{name}")
            names.append(f"risk_{name}")
            if printed:
                kept = round(value, 2)
                _line(
                    sheet,
                    f"{words}, as printed",
                    kept,
                    "0.0000",
                    f"=risk_{name}",
                    name=f"risk_{name}_printed",
                    places=2,
                    exact=value,
                )
                names[-1] += "_printed"
        exact = round(measured.current, 2) / round(measured.base, 2) if printed else ratio
        formula, places = f"={names[0]}/{names[1]}", 3 if printed else None
        _line(sheet, "Risk ratio, measured", ratio, "0.0000", formula, name="risk_ratio", places=places, exact=exact)
    for word, bound in (("floor", wanted.floor), ("cap", wanted.cap)):
        limit: float | str = "none" if bound is None else bound
        _line(sheet, f"{word.capitalize()} on its growth, in points", limit, "%.", name=f"risk_{word}")
    _line(sheet, "What-if: change of the risk ratio", wanted.adjustment, "%.", name="risk_adjustment")
    held = "MAX(risk_ratio,IF(ISNUMBER(risk_floor),1+risk_floor,risk_ratio))"
    held = f"=MIN({held},IF(ISNUMBER(risk_cap),1+risk_cap,9.99E+307))*(1+risk_adjustment)"
    applied = applied_ratio(run.scenario, measured, printed=printed)
    _line(sheet, "Risk ratio that counts", applied, "0.0000", held, name="risk_applied")
    sheet.row += 1
    return "risk_applied"


def _large_claims(sheet: Sheet, run: Run, budget: Budget, printed: bool) -> str:
    """What large claims take out of the baseline; name of the factor, empty where none are left out."""
    wanted = run.scenario.large_claims
    if wanted is None or (wanted.factor is None and budget.removed is None):
        return ""
    sheet.caption("Large claims")
    factor = float(budget.benchmark.steps["factor"]["Large-claim adjustment"])
    if wanted.factor is not None:
        _line(sheet, "Large-claim factor, as stated", factor, "0.0000", name="large_claim_factor")
        sheet.row += 1
        return "large_claim_factor"
    baseline, removed = budget.report.loc[budget.base_year], float(budget.removed or 0.0)
    months = baseline["member_months"].dropna()
    allowed = float((baseline["allowed_pmpm"] * baseline["member_months"].fillna(months.max())).sum())
    if months.nunique() == 1:
        words = f"Member months of {budget.base_year}"
        _line(sheet, words, float(months.iloc[0]), "#.", name="baseline_member_months")
        formula = "=baseline_pmpm*baseline_member_months"
        _line(sheet, "Allowed claims of the baseline", allowed, "$.", formula, name="baseline_allowed")
    else:
        _line(sheet, "Allowed claims of the baseline", allowed, "$.", name="baseline_allowed")
    _line(sheet, "Excess of large claims among them", removed, "$.", name="baseline_excess")
    formula, exact = "=(baseline_allowed-baseline_excess)/baseline_allowed", float(large_claim_factor(allowed, removed))
    places = 3 if printed else None
    _line(sheet, "Large-claim factor", factor, "0.0000", formula, name="large_claim_factor", places=places, exact=exact)
    sheet.row += 1
    return "large_claim_factor"


def _trend(sheet: Sheet, run: Run, budget: Budget, printed: bool) -> list[str]:
    """Projected totals of every year, and formulas of the growth from each to the next."""
    assert run.scenario.trend is not None
    baseline, places = budget.report.loc[budget.base_year], 2 if printed else None
    found = projected_totals(baseline, budget.trends, adjustment=run.scenario.trend.adjustment)
    totals = {budget.base_year: float(baseline["allowed_pmpm"].sum())} | {y: float(v) for y, v in found.items()}
    sheet.caption("Trend of all service categories")
    for year, total in totals.items():
        formula = "=baseline_pmpm" if year == budget.base_year else f"=projected_{year}"
        kept = rounded(total, 2) if printed else total
        words = f"Allowed PMPM of {year}, before adjustments"
        _line(sheet, words, kept, "$.", formula, name=f"total_{year}", places=places, exact=total)
    sheet.row += 1
    years = list(totals)
    return [f"total_{year}/total_{before}" for before, year in pairwise(years)]


def _step(
    sheet: Sheet,
    name: str,
    worked: str,
    factor: float,
    level: float,
    change: float,
    base: str = "",
    places: int | None = None,
) -> None:
    """One step: the factor worked out, one stated instead, the one used, and the level after it."""
    row = sheet.row
    sheet.text(row, 0, name)
    if base:
        for column in (1, 2, 3, 5):
            sheet.text(row, column, "", "figure")
        sheet.formula(row, _LEVEL, base, level, "figure", "$.")
    else:
        if worked:
            sheet.formula(row, 1, f"={worked}", factor, "figure", "0.0000")
        else:
            sheet.value(row, 1, factor, "stated", "0.0000")
        sheet.made.write_blank(row, 2, None, sheet.book.style("input", "0.0000"))
        sheet.made.data_validation(row, 2, row, 2, {"validate": "decimal", "criteria": ">", "value": 0})
        sheet.book.define(f"stated_{tagged(name)}", SHEET, (row, 2))
        own, found = sheet.cell(row, 2), sheet.cell(row, 1)
        sheet.formula(row, _USED, f"=IF(ISNUMBER({own}),{own},{found})", factor, "figure", "0.0000")
        before, used = sheet.cell(row - 1, _LEVEL), sheet.cell(row, _USED)
        grown = f"={before}*{used}"
        if places is not None:
            grown = "=" + _rounding(sheet, grown, (level - change) * factor, places)
        sheet.formula(row, _LEVEL, grown, level, "figure", "$.")
        sheet.formula(row, 5, f"={sheet.cell(row, _LEVEL)}-{before}", change, "figure", "$.")
    sheet.value(row, 6, level, "stated", "$.")
    sheet.formula(row, 7, difference(sheet.cell(row, _LEVEL), sheet.cell(row, 6)), 0, "figure", "$.")
    sheet.row += 1


def tagged(name: str) -> str:
    """
    Name of a step as part of a defined name.

    >>> tagged("Age/sex (risk) adjustment")
    'age_sex_risk_adjustment'
    """
    return "_".join("".join(c if c.isalnum() else " " for c in name.lower()).split())


def _result(sheet: Sheet, label: str, pmpm: float) -> None:
    """The benchmark below its steps."""
    sheet.text(sheet.row, 0, label, "total label")
    for column in (1, 2, 3, 5):
        sheet.text(sheet.row, column, "", "total")
    level = sheet.cell(sheet.row - 1, _LEVEL)
    sheet.formula(sheet.row, _LEVEL, f"={level}", pmpm, "total", "$.")
    sheet.book.define("made_pmpm", SHEET, (sheet.row, _LEVEL))
    sheet.value(sheet.row, 6, pmpm, "total stated", "$.")
    sheet.formula(sheet.row, 7, difference(sheet.cell(sheet.row, _LEVEL), sheet.cell(sheet.row, 6)), 0, "total", "$.")
    sheet.row += 2


def _historical(sheet: Sheet, run: Run, record: Record) -> None:
    """The chain of a historical benchmark: each step's level over the one before, then the lines by type as values."""
    assert run.scenario.historical is not None
    sheet.caption("Steps")
    sheet.heads(_HEADS)
    levels = [(str(name), float(level)) for name, level in record.summary["pmpm"].items()]
    whatif = float(run.scenario.historical.adjustment)
    if whatif:
        levels = [(name, level) for name, level in levels if name != "What-if"]
    before = 0.0
    for name, level in levels:
        base, sheet.row = (f"={level!r}" if not before else ""), sheet.row
        _step(sheet, name, "", level / before if before else 0.0, level, level - before, base)
        before = level
    if not record.settled.lines[-1].stated:
        _step(sheet, "What-if", "1+historical_adjustment", 1 + whatif, record.pmpm, record.pmpm - before)
    _result(sheet, "Benchmark PMPM", record.pmpm)
    _line(sheet, "What-if: change of the benchmark", whatif, "%.", name="historical_adjustment")
    _line(sheet, "Benchmark of a person year", record.per_capita, "$.", f"=made_pmpm*{MONTHS}", name="made_per_capita")
    sheet.row += 1
    sheet.made.set_h_pagebreaks([sheet.row])
    sheet.note("The lines by enrollment type below are the report's and are not recalculated.", 8)
    sheet.row += 1
    tables = (exhibits.record.historical, exhibits.record.adjusted, exhibits.record.updated, exhibits.record.settled)
    for table in tables:
        sheet.exhibit(table(run), 6)
