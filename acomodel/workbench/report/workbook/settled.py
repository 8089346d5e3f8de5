"""The sheets that settle: every line of every year, the same at other savings rates, and the table of thresholds."""

from __future__ import annotations

from typing import Any

from acomodel.contract.settlement import LINES
from acomodel.programs import rule_table
from acomodel.workbench.model import Run
from acomodel.workbench.report.workbook.inputs import Years
from acomodel.workbench.report.workbook.lines import FORMULAS, values_of, workings, written
from acomodel.workbench.report.workbook.style import ACCENT, INK, LINE, RED, SANS, SOFT, Book

YES = ("earns", "owes")
STRONG = ("savings", "earned_savings", "owed_losses", "payment")
"""Lines that stand out."""
RATE, PAID = 1, 6
"""Columns of the savings rate and of the payment among outcomes."""


def write_tables(book: Book) -> None:
    """The Medicare thresholds by size, which formulas look up."""
    sheet, table = book.sheets["Tables"], rule_table("mssp_msr")
    sheet.title(
        "Tables",
        "Minimum savings rate of the Medicare Shared Savings Program by assigned beneficiaries. Between the ends of a "
        "band the rate is interpolated. Contracts whose threshold goes by size look it up here.",
        6,
    )
    top = sheet.row
    sheet.heads(["Members from", "to", "Rate at the low end", "at the high end", "Source", "Note"], (4, 5))
    first = sheet.row
    for _, band in table.iterrows():
        sheet.value(sheet.row, 0, float(band["members_low"]), "input", "#")
        if band["members_high"]:
            sheet.value(sheet.row, 1, float(band["members_high"]), "input", "#")
        else:
            sheet.value(sheet.row, 1, 9.99e307, "input", "end")
        sheet.value(sheet.row, 2, float(band["msr_at_low"]), "input", "%.")
        sheet.value(sheet.row, 3, float(band["msr_at_high"]), "input", "%.")
        sheet.text(sheet.row, 4, band["source"], "words")
        sheet.text(sheet.row, 5, band["note"], "words")
        sheet.row += 1
    for column, name in enumerate(("members_low", "members_high", "msr_low", "msr_high")):
        book.define(f"table_{name}", "Tables", (first, column), (sheet.row - 1, column))
    sheet.close(freeze=(first, 0), repeat=(top, top))


def write_settlement(book: Book, run: Run, years: Years) -> None:
    """Every line of every year as a formula, beside the report's figure and the difference."""
    sheet, lines, count = book.sheets["Settlement"], run.lines(), len(years.tags)
    sheet.title(
        "Settlement",
        "Every line is a formula of the inputs. To the right stand the figures of the report and the difference, which "
        "is zero as long as no input is changed.",
        count + 2,
    )
    top = sheet.row
    said = [f"Report {label}" for label in run.labels] + [f"Change {label}" for label in run.labels]
    sheet.caption("Lines of the settlement")
    sheet.heads(["Line", *run.labels, "How", *said], (0, 1 + count))
    first = sheet.row
    for name, (label, style, how) in LINES.items():
        number, strong = "yes" if name in YES else style, name in STRONG
        sheet.text(sheet.row, 0, label, "total label" if strong else "label")
        for year, tag in enumerate(years.tags):
            value, column = lines[name].iloc[year], 2 + count + year
            kind = "total" if strong else "figure"
            sheet.formula(sheet.row, 1 + year, written(FORMULAS[name], years.finder(year)), value, kind, number)
            book.define(f"{name}_{tag}", "Settlement", (sheet.row, 1 + year))
            sheet.value(sheet.row, column, value, "total stated" if strong else "stated", number)
            now, then = sheet.cell(sheet.row, 1 + year), sheet.cell(sheet.row, column)
            sheet.formula(
                sheet.row,
                column + count,
                difference(now, then, style),
                0,
                "total" if strong else "figure",
                "" if number == "yes" else number,
            )
        sheet.text(sheet.row, 1 + count, how, "words")
        sheet.row += 1
    last = sheet.row - 1
    sheet.row += 1
    sheet.made.set_h_pagebreaks([sheet.row])
    sheet.caption("Workings")
    steps = workings(years.bands)
    for name, (label, style, template) in steps.items():
        sheet.text(sheet.row, 0, label)
        for year, tag in enumerate(years.tags):
            line, given = lines.iloc[year], run.given(year)
            values = values_of(run.terms[year], line, given["members"], _brought(run, year), years.bands)
            sheet.formula(sheet.row, 1 + year, written(template, years.finder(year)), values[name], "figure", style)
            book.define(f"{name}_{tag}", "Settlement", (sheet.row, 1 + year))
        sheet.text(sheet.row, 1 + count, "", "words")
        sheet.row += 1
    book.define("changes", "Settlement", (first, 2 + 2 * count), (last, 1 + 3 * count))
    _mark_changes(book, "Settlement", (first, 2 + 2 * count, last, 1 + 3 * count))
    sheet.close(freeze=(first, 1), repeat=(top + 1, top + 1), across=2 + count)


def difference(now: str, then: str, style: str = "$.") -> str:
    """Formula of the change of a cell over the report's figure, to the cent; words are the same or are changed."""
    places = 2 if style.startswith("$") else 8
    return f'=IF(AND(ISNUMBER({now}),ISNUMBER({then})),ROUND({now}-{then},{places}),IF({now}={then},0,"changed"))'


def _mark_changes(book: Book, sheet: str, area: tuple[int, int, int, int]) -> None:
    """Show changes in colour, and what is as reported softly."""
    made = book.sheets[sheet].made
    soft, loud = (book.workbook.add_format({"font_color": c}) for c in (SOFT, RED))
    made.conditional_format(
        *area, {"type": "cell", "criteria": "between", "minimum": -1e-9, "maximum": 1e-9, "format": soft}
    )
    made.conditional_format(*area, {"type": "no_blanks", "format": loud})


def _brought(run: Run, year: int) -> float:
    """Losses of all years before, whether or not the contract carries them. [$]"""
    before = float(run.lines()["carried_on"].iloc[year - 1]) if year else 0.0
    return run.scenario.years[year].carried_losses + before


def write_outcomes(book: Book, run: Run, years: Years) -> None:
    """The headline year settled at other savings rates, by the same formulas, with a chart."""
    sheet, found, at = book.sheets["Outcomes"], run.outcomes(), run.scenario.headline()
    label, rates = run.labels[at], len(found)
    sheet.title(
        "Outcomes",
        f"The contract of {label} at other savings rates, all else as on the sheets before. The rates may be changed; "
        "the working below settles each of them line by line, and is not printed.",
        8,
    )
    heads = [
        "Result",
        "Savings rate",
        "Spending",
        "Savings (losses)",
        "Sharing rate applied",
        "Loss rate applied",
        "Payment",
    ]
    heads += ["Kept by the payer", "Payment in the report"]
    sheet.caption(f"Settlement of {label} by savings rate")
    sheet.heads(heads)
    first, below = sheet.row, sheet.row + rates + 20
    places = {name: below + 2 + n for n, name in enumerate([*FORMULAS, *workings(years.bands)])}
    for place, (rate, line) in enumerate(found.iterrows()):
        here = {name: sheet.cell(row, 1 + place) for name, row in places.items()}
        paid, due = round(float(line["payment"]), 2) or 0.0, sheet.cell(sheet.row, PAID)
        words = "The ACO is paid" if paid > 0 else "The ACO owes" if paid < 0 else "Nothing is paid"
        said = f'=IF({due}>0,"The ACO is paid",IF({due}<0,"The ACO owes","Nothing is paid"))'
        sheet.formula(sheet.row, 0, said, words, "label")
        sheet.value(sheet.row, RATE, rate, "input", "%.")
        sheet.allow_share(sheet.row, RATE, -0.999, 0.999)
        applied = {"earns": "final_sharing_rate", "owes": "loss_rate"}
        cells: list[tuple[str, Any, str]] = [
            (f"={here['actual']}", line["actual"], "$"),
            (f"={here['savings']}", line["savings"], "$"),
            *((f"=IF({here[w]}=1,{here[r]},0)", line[r] if line[w] else 0.0, "%.") for w, r in applied.items()),
            (f"=ROUND({here['payment']},2)", paid, "$"),
            (f"={here['savings']}-{sheet.cell(sheet.row, PAID)}", line["savings"] - paid, "$"),
        ]
        for column, (formula, value, number) in enumerate(cells, start=RATE + 1):
            sheet.formula(sheet.row, column, formula, value, "strong" if column == PAID else "figure", number)
        sheet.value(sheet.row, PAID + 2, paid, "stated", "$")
        sheet.row += 1
    book.define("outcome_rates", "Outcomes", (first, RATE), (sheet.row - 1, RATE))
    book.define("outcome_payments", "Outcomes", (first, PAID), (sheet.row - 1, PAID))
    _chart(book, first, sheet.row - 1)
    sheet.row = below
    sheet.caption("Working: every line at each savings rate")
    sheet.text(sheet.row, 0, "Line", "head text")
    for place in range(rates):
        sheet.formula(sheet.row, 1 + place, f"={sheet.cell(first + place, RATE)}", found.index[place], "head", "%.")
    _working(book, run, years, first, places)
    sheet.row = below - 2
    sheet.close(freeze=(first, 1), across=PAID + 3)


def _working(book: Book, run: Run, years: Years, first: int, places: dict[str, int]) -> None:
    """Every line at each rate: lines down, rates across."""
    sheet, found, at = book.sheets["Outcomes"], run.outcomes(), run.scenario.headline()
    tag, steps, beside = years.tags[at], workings(years.bands), run.given(at)
    words = {name: (label, "yes" if name in YES else style) for name, (label, style, _) in LINES.items()}
    words |= {name: (label, style) for name, (label, style, _) in steps.items()}
    templates = FORMULAS | {name: template for name, (_, _, template) in steps.items()}
    templates |= {
        "benchmark": "{year_benchmark}",
        "actual": "{final_benchmark}*(1-{rate})",
        "capitated_actual": "IF(ISNUMBER({input_capitated_actual}),{input_capitated_actual}*{final_benchmark}"
        "/{year_actual}*(1-{rate}),{terms_capitated}*{actual})",
        "brought": "{year_carried_in}",
    }
    of_year = years.finder(at)
    for name, row in places.items():
        sheet.text(row, 0, words[name][0], "total label" if name == "payment" else "label")
    for place in range(len(found)):
        line = found.iloc[place]
        values = values_of(run.terms[at], line, beside["members"], beside["carried_losses"], years.bands)
        values |= {name: line[name] for name in FORMULAS}

        def find(name: str, place: int = place) -> str:
            if name in places:
                return sheet.cell(places[name], 1 + place)
            if name.startswith("year_"):
                return f"{name.removeprefix('year_')}_{tag}"
            return sheet.cell(first + place, RATE) if name == "rate" else of_year(name)

        for name, row in places.items():
            kind = "total" if name == "payment" else "figure"
            number = {"$.": "$"}.get(words[name][1], words[name][1])
            sheet.formula(row, 1 + place, written(templates[name], find), values[name], kind, number)


def _chart(book: Book, first: int, last: int) -> None:
    """Payment by savings rate."""
    chart: Any = book.workbook.add_chart({"type": "scatter", "subtype": "straight_with_markers"})
    chart.add_series(
        {
            "name": "Payment to (from) the ACO",
            "categories": ["Outcomes", first, RATE, last, RATE],
            "values": ["Outcomes", first, PAID, last, PAID],
            "line": {"color": ACCENT, "width": 2.25},
            "marker": {"type": "circle", "size": 5, "fill": {"color": ACCENT}, "border": {"color": ACCENT}},
        }
    )
    font = {"name": SANS, "size": 9, "color": SOFT}
    axis = {"num_font": font, "line": {"color": SOFT}, "label_position": "low"}
    title = {"name_font": {"name": SANS, "size": 9, "bold": False, "color": SOFT}}
    chart.set_x_axis(axis | title | {"name": "Savings rate", "num_format": "0%", "major_gridlines": {"visible": False}})
    grid = {"visible": True, "line": {"color": LINE, "width": 0.75}}
    chart.set_y_axis(axis | {"num_format": "$#,##0", "major_gridlines": grid, "line": {"none": True}})
    chart.set_title(
        {
            "name": "Payment to (from) the ACO by savings rate",
            "name_font": {"name": "Georgia", "size": 12, "bold": True, "color": INK},
            "overlay": False,
        }
    )
    chart.set_legend({"none": True})
    chart.set_chartarea({"border": {"none": True}})
    chart.set_size({"width": 1000, "height": 340})
    options = {"x_offset": 4, "y_offset": 8, "description": "Payment to or from the ACO at each savings rate"}
    book.sheets["Outcomes"].made.insert_chart(last + 1, 0, chart, options)
