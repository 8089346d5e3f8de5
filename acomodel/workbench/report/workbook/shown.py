"""The sheets that are read: summary, assumptions, sensitivity, chance, data and disclosures."""

from __future__ import annotations

from acomodel.exhibit import Exhibit, Note
from acomodel.workbench import exhibits
from acomodel.workbench.model import Run
from acomodel.workbench.report.workbook.inputs import Years
from acomodel.workbench.report.workbook.style import ORANGE, Book

NOT_LIVE = "As worked out by acomodel for the report; not recalculated when an input is changed."
CONTENTS = {
    "Inputs": "every figure and clause that the settlement takes",
    "Assumptions": "each with its unit, its basis and its source",
    "Experience": "what the benchmark starts from",
    "Trend": "trends as measured",
    "Projection": "unit cost and use by service category, on trends that may be changed",
    "Benchmark": "step by step; each factor may be stated instead",
    "Settlement": "every line from benchmark to payment, as formulas",
    "Outcomes": "the settlement at other savings rates, and a chart",
    "Sensitivity": "what the payment depends on",
    "Chance": "how much of it is luck",
    "Quality": "measures, score, and what a point is worth",
    "Distribution": "who gets the money",
    "Monitoring": "the year as it goes",
    "Physicians": "physicians against their peers",
    "Data": "data relied on, and what a report must disclose",
    "Tables": "thresholds by size, which formulas look up",
}
"""Sheets and what they hold."""
LIVE = ("Inputs", "Projection", "Benchmark", "Settlement", "Outcomes", "Tables")


def write_summary(book: Book, run: Run, years: Years) -> None:
    """What the workbook says, on one page: the sentence, the figures of each year, the contents."""
    sheet, report, at = book.sheets["Summary"], run.scenario.report, run.scenario.headline()
    sheet.made.set_row(0, 34)
    sheet.made.write_string(0, 0, book.title, book.style("title"))
    sheet.row = 1
    said = {"For": report.client, "Actuary": report.actuary, "Date": report.date, "Through": report.information_date}
    sheet.note("   ·   ".join(f"{name}: {words}" for name, words in said.items() if words) or " ", 9)
    sheet.row += 1
    _sentence(book, run, years, years.tags[at])
    sheet.row += 1
    _key_figures(book, run, years)
    sheet.caption("Cells")
    for kind, word, words in (
        ("input", "1,234", "an input: change it, and what depends on it recalculates"),
        ("figure", "1,234", "a formula"),
        ("stated", "1,234", "a figure of the report, or a note; it stays as it is"),
    ):
        sheet.text(sheet.row, 0, word, kind)
        sheet.made.write_string(sheet.row, 1, words, book.style("plain"))
        sheet.row += 1
    sheet.row += 1
    sheet.caption("Sheets")
    for name, words in CONTENTS.items():
        if name in book.sheets:
            sheet.made.write_url(sheet.row, 0, f"internal:'{name}'!A1", book.style("link"), string=name)
            live = "" if name not in LIVE else " (recalculates)"
            sheet.made.write_string(sheet.row, 1, f"{words}{live}", book.style("plain"))
            sheet.row += 1
    sheet.row += 1
    sheet.caption("From the report")
    for point in exhibits.contract.summary(run).points:
        sheet.note(f"•  {point}", 9)
    sheet.note(NOT_LIVE, 9)
    sheet.made.fit_to_pages(1, 1)
    sheet.close(across=9)


def _sentence(book: Book, run: Run, years: Years, tag: str) -> None:
    """The result in one sentence that follows the settlement."""
    sheet, style = book.sheets["Summary"], book.style("lead")
    payment, label = f"payment_{tag}", f"label_{tag}"
    amount = f'"$"&FIXED(ABS({payment}),0)'
    formula = (
        f'=IF({payment}>=0.5,"The contract pays the ACO "&{amount}&" for "&{label}&".",'
        f'IF({payment}<=-0.5,"The ACO owes "&{amount}&" for "&{label}&".",'
        f'"The contract pays nothing for "&{label}&", and nothing is owed."))'
    )
    value = float(run.headline()["payment"])
    words = run.scenario.years[run.scenario.headline()].label
    said = (
        f"The contract pays the ACO ${value:,.0f} for {words}."
        if value >= 0.5
        else f"The ACO owes ${-value:,.0f} for {words}."
        if value <= -0.5
        else f"The contract pays nothing for {words}, and nothing is owed."
    )
    sheet.made.merge_range(sheet.row, 0, sheet.row, 8, "", style)
    sheet.made.write_formula(sheet.row, 0, formula, style, said)
    sheet.made.set_row(sheet.row, 22)
    book.define("headline", "Summary", (sheet.row, 0))
    sheet.row += 1
    checks = ",".join(f'check_{year}="they fit together"' for year in years.tags)
    moved = 'COUNTIF(changes,"<>0")'
    as_is, note = "Every figure is that of the report.", book.style("note")
    state = (
        f'=IF(NOT(AND({checks})),"The clauses of the contract do not fit together: see the end of the sheet Inputs.",'
        f'IF({moved}=0,"{as_is}","Inputs were changed: the figures here are no longer those of the report."))'
    )
    sheet.made.merge_range(sheet.row, 0, sheet.row, 8, "", note)
    sheet.made.write_formula(sheet.row, 0, state, note, as_is)
    warned = {"type": "cell", "criteria": "!=", "value": f'"{as_is}"'}
    warned |= {"format": book.workbook.add_format({"font_color": ORANGE})}
    sheet.made.conditional_format(sheet.row, 0, sheet.row, 0, warned)
    book.define("state", "Summary", (sheet.row, 0))
    sheet.row += 1


def _key_figures(book: Book, run: Run, years: Years) -> None:
    """Every settled year in one line, linked to the settlement."""
    sheet, lines = book.sheets["Summary"], run.lines()
    sheet.caption("Settlement by period")
    columns = {
        "Benchmark": ("final_benchmark", "$"),
        "Spending": ("actual", "$"),
        "Savings (losses)": ("savings", "$"),
        "Savings rate": ("savings_rate", "%."),
        "Threshold": ("msr", "%."),
        "Sharing rate": ("final_sharing_rate", "%."),
        "Payment": ("payment", "$"),
    }
    sheet.heads(["Period", *columns, "In the report"])
    for year, tag in enumerate(years.tags):
        sheet.text(sheet.row, 0, run.labels[year])
        book.define(f"label_{tag}", "Summary", (sheet.row, 0))
        for column, (name, number) in enumerate(columns.values(), start=1):
            kind = "strong" if name == "payment" else "figure"
            sheet.formula(sheet.row, column, f"={name}_{tag}", lines[name].iloc[year], kind, number)
        sheet.value(sheet.row, 8, lines["payment"].iloc[year], "stated", "$")
        sheet.row += 1
    sheet.row += 1


def write_assumptions(book: Book, run: Run) -> None:
    """Every number and choice with its source."""
    sheet = book.sheets["Assumptions"]
    sheet.title("Assumptions", f"Every number and choice behind the figures. {NOT_LIVE}", 6)
    top = sheet.row
    sheet.heads(["Assumption", "Value", "Unit", "Basis", "Source", "Setting or note"], (0, 2, 3, 4, 5))
    for item in run.assumptions:
        sheet.text(sheet.row, 0, item.name)
        whole = isinstance(item.value, str)
        number = "" if whole else "year" if item.unit.endswith("year") else _number(item.unit, float(item.value))
        sheet.value(sheet.row, 1, item.value, "wrapped" if whole else "figure", number)
        for column, text in enumerate((item.unit, item.basis, item.source, item.note.removeprefix("setting ")), 2):
            sheet.text(sheet.row, column, text, "words")
        sheet.row += 1
    sheet.made.autofilter(top, 0, sheet.row - 1, 5)
    sheet.close(freeze=(top + 1, 1), repeat=(top, top))


def _number(unit: str, value: float) -> str:
    """Format of an assumption by its unit."""
    if unit.startswith("$"):
        return "$."
    if unit.startswith("share"):
        return "share"
    return "#" if value == round(value) and abs(value) >= 1000 else "any"


def write_sensitivity(book: Book, run: Run) -> None:
    """What the payment depends on."""
    sheet = book.sheets["Sensitivity"]
    sheet.title("Sensitivity", NOT_LIVE, 7)
    sheet.exhibit(exhibits.sensitivity.one_way(run), 6)
    if run.made is not None:
        sheet.exhibit(exhibits.sensitivity.one_way(run, "benchmark_pmpm"), 6)
    sheet.exhibit(exhibits.sensitivity.two_way(run), 7)
    sheet.close(freeze=(0, 1))


def write_chance(book: Book, run: Run) -> None:
    """How much of the settlement is luck."""
    sheet = book.sheets["Chance"]
    sheet.title("Chance", NOT_LIVE, 7)
    tables = exhibits.chance
    for table in (tables.costs_used, tables.chance_table, tables.chance_by_size, tables.simulated):
        sheet.exhibit(table(run), 7)
    sheet.close(freeze=(0, 1))


PARTS = {
    "Quality": ("quality", ("measures", "domains", "payments", "dollars")),
    "Distribution": (
        "distribution",
        ("pools", "participants", "rules", "shapley", "years", "venture", "venture_needs"),
    ),
    "Monitoring": (
        "monitoring",
        (
            "bridge",
            "budget_to_actual",
            "specialties",
            "rolling_rates",
            "departures",
            "high_cost",
            "settlement",
            "changes",
        ),
    ),
    "Physicians": ("physicians", ("outliers", "cost", "panels", "quality", "referrals")),
}
"""Sheets of tables of a part that a scenario may have: where the tables are, and which."""


def parts_of(run: Run) -> dict[str, list[Exhibit]]:
    """Tables of each part that the scenario has, by the name of its sheet."""
    found: dict[str, list[Exhibit]] = {}
    for name, (subject, tables) in PARTS.items():
        if subject == "distribution" or getattr(run.scenario, subject) is not None:
            made = [getattr(getattr(exhibits, subject), table)(run) for table in tables]
            shown = [table for table in made if isinstance(table, Exhibit)]
            found |= {name: shown} if shown else {}
    return found


def write_parts(book: Book, parts: dict[str, list[Exhibit]]) -> None:
    """Tables of the parts that the scenario has."""
    for name, tables in parts.items():
        sheet = book.sheets[name]
        sheet.title(name, NOT_LIVE, 9)
        for table in tables:
            sheet.exhibit(table, 9)
        sheet.close(freeze=(0, 1))


def write_data(book: Book, run: Run) -> None:
    """Data relied on, and what an actuarial report says about itself."""
    sheet = book.sheets["Data"]
    sheet.title("Data", "Data relied on and disclosures (ASOP No. 23 and No. 41).", 5)
    relied = exhibits.disclosures.data_relied_on(run)
    if isinstance(relied, Note):
        sheet.note(relied.text, 5)
        sheet.row += 1
    else:
        sheet.exhibit(relied, 5)
    shown: Exhibit = exhibits.disclosures.disclosures(run)
    sheet.caption(shown.title)
    for item, said in shown.table["Statement"].items():
        sheet.text(sheet.row, 0, item)
        row = sheet.row
        sheet.paragraph(row, 1, 4, str(said))
        sheet.row += 1
    sheet.row += 1
    sheet.note(
        "This workbook settles by its own formulas, which were held against acomodel line by line when it was made. "
        "Trends, historical benchmarks by enrollment type, sensitivities and chances stand as values.",
        5,
    )
    sheet.close()
