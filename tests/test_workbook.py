"""The Excel workbook: recalculated after changes it says what Python says; text stays text; nothing is forgotten."""

import dataclasses
import os
import random
import re
import shutil
import subprocess
import zipfile
from functools import cache

import numpy as np
import openpyxl
import pytest
from conftest import SCENARIOS
from workbook_cases import CONTRACTS, FIGURES, MADE_UP, edits_of, varied

from acomodel import change, load_scenario, run
from acomodel.contract.settlement import LINES
from acomodel.contract.terms import Terms
from acomodel.workbench.parts import YearSettings
from acomodel.workbench.report.workbook import write_workbook
from acomodel.workbench.report.workbook.inputs import SLOTS
from acomodel.workbench.report.workbook.lines import CHECK, FORMULAS, workings
from acomodel.workbench.report.workbook.rounding import beyond_half, rounded_by

RANDOM = int(os.environ.get("ACOMODEL_WORKBOOKS", "4"))
"""Random contracts that are recalculated; hundreds in development."""

AT_A_TIME = 80
"""Workbooks that one start of LibreOffice recalculates."""


@cache
def ran(name):
    """Run of a scenario of the project."""
    return run(load_scenario(SCENARIOS / f"{name}.toml"))


def put(book, edits):
    """Write values into cells by their defined names; a list goes down, blanks after it."""
    for name, value in edits.items():
        ((sheet, where),) = book.defined_names[name].destinations
        cells = book[sheet][where.replace("$", "")]
        column = [row[0] for row in cells] if isinstance(cells, tuple) else [cells]
        values = value if isinstance(value, list) else [value]
        for place, cell in enumerate(column):
            cell.value = values[place] if place < len(values) else None


def cases_of(made_up):
    """Name to the run whose workbook is changed, the cells changed, and the run that must come out."""
    found = {}
    for name, values in {
        "commercial": {"terms.sharing_rate": 0.55, "terms.msr": 0.015, "years.0.actual_pmpm": 520.0},
        "commercial, losing": {"terms.loss_rate": 0.7, "terms.mlr": 0.01, "years.0.actual_pmpm": 590.25},
    }.items():
        cells = {k.replace("terms.", "terms_").replace("years.0.", "input_"): v for k, v in values.items()}
        cells = {k + "_2025" * k.startswith("input_"): v for k, v in cells.items()}
        found[name] = (ran("commercial-two-sided"), cells, run(change(ran("commercial-two-sided").scenario, values)))
    commercial = ran("commercial-two-sided")
    keys = {"trend.adjustment": 0.0125, "risk.adjustment": -0.01, "risk.cap": 0.005}
    cells = {"trend_adjustment": 0.0125, "risk_adjustment": -0.01, "risk_cap": 0.005}
    found["commercial, its chain"] = (commercial, cells, run(change(commercial.scenario, keys)))
    toolkit = ran("toolkit-2010")
    keys = {"risk.adjustment": 0.013, "trend.adjustment": -0.004, "terms.share_from": "first_dollar"}
    cells = {"risk_adjustment": 0.013, "trend_adjustment": -0.004, "terms_share_from": "first_dollar"}
    found["toolkit"] = (toolkit, cells, run(change(toolkit.scenario, keys)))
    keys = {"risk.ratio": 1.05, "large_claims.factor": 0.95, "years.0.actual_pmpm": 380.0}
    cells = {
        "stated_age_sex_risk_adjustment": 1.05,
        "stated_large_claim_adjustment": 0.95,
        "input_actual_pmpm_2010": 380.0,
    }
    found["toolkit, factors stated"] = (toolkit, cells, run(change(toolkit.scenario, keys)))
    hackensack = ran("hackensack-2014")
    keys = {"years.0.members": 4321, "years.1.members": 61_000, "years.1.quality_score": 0.75}
    cells = {"input_members_2013": 4321, "input_members_2014": 61_000, "input_quality_score_2014": 0.75}
    found["hackensack"] = (hackensack, cells, run(change(hackensack.scenario, keys)))
    mssp = ran("mssp-historical")
    keys = {"historical.adjustment": 0.012, "years.0.actual": 190e6, "years.0.benchmark_adjustment": -0.001}
    cells = {"historical_adjustment": 0.012, "input_actual_2014": 190e6, "input_benchmark_adjustment_2014": -0.001}
    found["historical"] = (mssp, cells, run(change(mssp.scenario, keys)))
    years = [{k: v for k, v in dataclasses.asdict(y).items() if v is not None} for y in made_up.scenario.years]
    for name, clauses in CONTRACTS.items():
        figures = [y | more for y, more in zip(years, FIGURES.get(name, [{}, {}, {}]), strict=True)]
        after = run(change(made_up.scenario, {"terms": {"sharing_rate": 0.6, **clauses}, "years": figures}))
        found[name] = (made_up, edits_of(after), after)
    for seed in range(RANDOM):
        after = run(change(made_up.scenario, varied(seed, made_up.scenario)))
        found[f"random {seed}"] = (made_up, edits_of(after), after)
    return found


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    """Run of three years under a plain contract."""
    path = tmp_path_factory.mktemp("made-up") / "made-up.toml"
    path.write_text(MADE_UP, encoding="utf-8")
    return run(load_scenario(path))


@pytest.fixture(scope="module")
def cases(made_up):
    """The cases, run once."""
    return cases_of(made_up)


@cache
def loaded(path, values=False):
    """A workbook that is only read: its formulas or its values."""
    return openpyxl.load_workbook(path, data_only=values)


@pytest.fixture(scope="module")
def written(made_up, tmp_path_factory):
    """Run to its workbook as it is written."""
    folder = tmp_path_factory.mktemp("written")
    names = ("commercial-two-sided", "toolkit-2010", "hackensack-2014", "mssp-historical")
    found = {}
    for result in [made_up, *map(ran, names)]:
        found[result] = folder / f"{result.scenario.name}.xlsx"
        write_workbook(result, found[result])
    return found


ROUNDED = 300
"""Numbers on or near halves that are rounded by formula."""


def halves():
    """Factors of products whose rounding decides a benchmark: most of them a half of a cent, as far as one can see."""
    rng, found = random.Random(5), [(862.5, 1.15), (358.75, 1.1), (2.675, 1.0), (323.7, 1.05), (100.0, 1.0)]
    while len(found) < ROUNDED:
        level, factor = round(rng.uniform(1, 900), 2), round(rng.uniform(0.9, 1.2), 2)
        halves = 200 * level * factor
        if (abs(halves - round(halves)) < 1e-6 and round(halves) % 2) or rng.random() < 0.01:
            found.append((level, factor))
    return found


@pytest.fixture(scope="module")
def recalculated(written, cases, made_up, tmp_path_factory):
    """Workbooks with cells changed, and as written, recalculated by LibreOffice in one start."""
    office = shutil.which("soffice") or shutil.which("libreoffice")
    if office is None:
        pytest.skip("LibreOffice is not installed, so nothing recalculates the workbook")
    folder, out = tmp_path_factory.mktemp("changed"), tmp_path_factory.mktemp("recalculated")
    places = {}
    for before, path in written.items():
        book = openpyxl.load_workbook(path)
        book.save(folder / f"as written {path.name}")
        for name, (base, cells, _) in cases.items():
            if base is before:
                if name.startswith("random"):
                    for sheet in ("Assumptions", "Sensitivity", "Data"):
                        if sheet in book:
                            del book[sheet]
                put(book, cells)
                places[name] = folder / f"{re.sub('[^a-z0-9]', '-', name)}.xlsx"
                book.save(places[name])
                if base is not made_up:
                    book = openpyxl.load_workbook(path)
    book = openpyxl.load_workbook(written[made_up])
    put(book, {"terms_loss_method": "fixed", "terms_loss_rate": "none"})
    book.save(folder / "contradiction.xlsx")
    _roundings(folder / "roundings.xlsx")
    files = sorted(folder.glob("*.xlsx"))
    command = [office, "--headless", f"-env:UserInstallation={(out / 'profile').as_uri()}", "--convert-to", "xlsx"]
    for start in range(0, len(files), AT_A_TIME):
        some = map(str, files[start : start + AT_A_TIME])
        subprocess.run([*command, "--outdir", str(out), *some], check=True, capture_output=True, timeout=600)
    return {name: (out / path.name, cases[name][2]) for name, path in places.items()}, out


def _roundings(path):
    """Numbers and their rounded values by the formula of the benchmark."""
    book = openpyxl.Workbook()
    for row, (level, factor) in enumerate(halves(), start=1):
        book.active[f"A{row}"] = f"={level}*{factor}"
        book.active[f"B{row}"] = f"={beyond_half(f'A{row}', 2)}"
        book.active[f"C{row}"] = f"={rounded_by(f'A{row}', f'B{row}', 2)}"
    book.save(path)


def read(book, name):
    """Value of a cell by its defined name."""
    ((sheet, where),) = book.defined_names[name].destinations
    return book[sheet][where.replace("$", "")].value


def agree(found, expected, name):
    """A cell and a figure: to the cent for amounts, to nine digits for rates, words where nothing is agreed."""
    if np.isinf(expected):
        return found == "none"
    places = 0.005 if LINES.get(name, ("", "$", ""))[1].startswith("$") else 1e-9
    return isinstance(found, int | float) and abs(found - float(expected)) < places


def test_every_line_of_a_changed_workbook_is_pythons(recalculated):
    cases, wrong = recalculated[0], []
    for case, (path, after) in cases.items():
        book = loaded(path, values=True)
        for label, line in after.lines().iterrows():
            for name in LINES:
                found = read(book, f"{name}_{label}")
                if not agree(found, line[name], name):
                    wrong.append((case, label, name, found, line[name]))
        ((sheet, where),) = book.defined_names["outcome_payments"].destinations
        cells = [row[0].value for row in book[sheet][where.replace("$", "")]]
        for cell, (rate, value) in zip(cells, after.outcomes()["payment"].items(), strict=True):
            wrong += [] if agree(cell, value, "payment") else [(case, "outcome", rate, cell, value)]
        if after.made is not None:
            found = read(book, "made_pmpm")
            wrong += [] if agree(found, after.made.pmpm, "payment") else [(case, "benchmark", found, after.made.pmpm)]
    assert not wrong, f"{len(wrong)} differ: {wrong[:8]}"
    paid = [after.headline()["payment"] for _, after in cases.values()]
    assert len(cases) == 18 + RANDOM and min(paid) < 0 < max(paid)


def test_cases_reach_every_clause(cases):
    """The contracts that are recalculated use each clause away from its default, and every line is reached."""
    tried = [after for name, (_, _, after) in cases.items() if not name.startswith("random")]
    default = Terms(sharing_rate=0.6)
    for clause in dataclasses.fields(Terms):
        if clause.name != "name":
            assert any(getattr(t, clause.name) != getattr(default, clause.name) for a in tried for t in a.terms), clause
    for name in LINES:
        assert any((a.lines()[name].replace(np.inf, 0) != 0).any() for a in tried), name


def test_sentence_and_state_follow_the_inputs(recalculated, written, made_up):
    cases, out = recalculated
    path, after = cases["commercial, losing"]
    book = loaded(path, values=True)
    assert read(book, "headline") == f"The ACO owes ${-after.headline()['payment']:,.0f} for 2025."
    assert read(book, "state").startswith("Inputs were changed")
    as_written = loaded(out / f"as written {written[made_up].name}", values=True)
    assert read(as_written, "state") == "Every figure is that of the report."
    assert read(as_written, "headline") == read(loaded(written[made_up], values=True), "headline")


def test_clauses_that_contradict_each_other_are_named(recalculated):
    book = loaded(recalculated[1] / "contradiction.xlsx", values=True)
    assert read(book, "check_2024") == "a fixed loss rate is wanted"
    assert read(book, "state").startswith("The clauses of the contract do not fit together")


def test_no_cell_shows_an_error(recalculated):
    _, out = recalculated
    files = sorted(out.glob("*.xlsx"))
    seen = 0
    for path in [f for f in files if f.name.startswith("as written")] + files[-3:]:
        for sheet in openpyxl.load_workbook(path, data_only=True, read_only=True):
            for row in sheet.iter_rows(values_only=True):
                seen += 1
                assert not [v for v in row if isinstance(v, str) and re.match(r"#[A-Z/0!?]+", v)], (
                    path.name,
                    sheet,
                    row,
                )
    assert seen > 1000


def test_halves_are_rounded_as_python_rounds_them(recalculated):
    sheet = openpyxl.load_workbook(recalculated[1] / "roundings.xlsx", data_only=True).active
    numbers = [level * factor for level, factor in halves()]
    found = [sheet[f"C{row}"].value for row in range(1, len(numbers) + 1)]
    assert [f"{x:.2f}" for x in found] == [f"{round(x, 2):.2f}" for x in numbers]
    assert sum(round(x, 2) != round(x + 1e-9, 2) for x in numbers) > 30, "few halves that Python rounds down"


def test_formulas_hold_what_python_worked_out(written):
    for result, path in written.items():
        formulas, values = loaded(path), loaded(path, values=True)
        for label, line in result.lines().iterrows():
            for name in LINES:
                assert str(read(formulas, f"{name}_{label}")).startswith("="), name
                assert agree(read(values, f"{name}_{label}"), line[name], name), (path.name, label, name)
        for name in FORMULAS.keys() | workings(4).keys():
            assert read(values, f"{name}_{result.labels[0]}") is not None


def test_every_formula_holds_the_value_it_recalculates_to(recalculated, written):
    wrong, seen = [], 0
    for path in written.values():
        formulas, values = loaded(path), loaded(path, values=True)
        again = loaded(recalculated[1] / f"as written {path.name}", values=True)
        for sheet in formulas:
            for cell in (c for row in sheet.iter_rows() for c in row if c.data_type == "f"):
                held, found = values[sheet.title][cell.coordinate].value, again[sheet.title][cell.coordinate].value
                both = isinstance(held, int | float) and isinstance(found, int | float)
                same = abs(held - found) <= 1e-6 + 1e-12 * abs(held) if both else held == found
                wrong += [] if same else [(path.name, sheet.title, cell.coordinate, held, found)]
                seen += 1
    assert not wrong, f"{len(wrong)} differ: {wrong[:6]}"
    assert seen > 4000


def test_every_setting_has_a_cell_that_a_formula_uses(written, made_up):
    book = loaded(written[made_up])
    templates = " ".join([*FORMULAS.values(), *(step[2] for step in workings(4).values())])
    for clause in dataclasses.fields(Terms):
        for name in SLOTS.get(clause.name, [clause.name]):
            assert f"terms_{name}" in book.defined_names, name
            assert clause.name == "name" or f"{{terms_{name}}}" in templates, f"no formula uses {name}"
    for item in dataclasses.fields(YearSettings):
        if item.name not in ("label", "performance_year"):
            assert f"input_{item.name}_2024" in book.defined_names, item.name
            assert f"{{input_{item.name}}}" in templates, f"no formula uses {item.name}"
    assert list(FORMULAS) == list(LINES)
    assert set(re.findall(r"{(\w+)}", CHECK)) >= {"terms_loss_rate", "terms_losses_carried", "input_revenue"}


def test_names_point_at_cells_that_are_there(written):
    for path in written.values():
        book = loaded(path)
        for name, defined in book.defined_names.items():
            ((sheet, where),) = defined.destinations
            assert sheet in book.sheetnames, name
            cells = book[sheet][where.replace("$", "")]
            first = cells[0][0] if isinstance(cells, tuple) else cells
            assert first.value is not None or name.startswith(("terms_ladder", "terms_corridor", "stated_")), name
        assert read(book, "terms_sharing_rate" if "terms_sharing_rate" in book.defined_names else "payment_2014")


def test_sheets_print_and_scroll_well(written):
    for path in written.values():
        book = loaded(path)
        for sheet in book:
            assert sheet.print_area and sheet.sheet_properties.pageSetUpPr.fitToPage, sheet.title
            assert sheet.page_setup.fitToWidth in (None, 1)
            assert sheet.sheet_properties.tabColor is not None and not sheet.sheet_view.showGridLines
            assert sheet.oddFooter.right.text == "&P of &N" or "of" in str(sheet.oddFooter.right.text)
            assert sheet.freeze_panes or sheet.title in ("Summary", "Data"), sheet.title
        assert book["Settlement"].print_title_rows
        assert book.properties.title and book["Inputs"].data_validations.dataValidation
        links = [c.hyperlink.location for row in book["Summary"].iter_rows() for c in row if c.hyperlink]
        assert {name.strip("'").split("'!")[0] for name in links} == set(book.sheetnames) - {"Summary"}


HOSTILE = ('=HYPERLINK("http://x","y")', "+cmd|' /C calc'!A0", "<script>alert(1)</script>", "@SUM(1)", "http://x/y")


def test_text_from_data_stays_text(tmp_path):
    scenario = ran("toolkit-2010").scenario
    keys = ["report.client", "report.actuary", "title", "report.purpose", "report.limits"]
    values = dict(zip(keys, HOSTILE, strict=True)) | {"terms.name": HOSTILE[0], "years.0.label": HOSTILE[0]}
    values |= {"basis.years": HOSTILE[1], "basis.terms": HOSTILE[0], "years.1.label": "&P", "years.2.label": "A1"}
    table = ran("toolkit-2010").tables
    result = run(change(scenario, values), table)
    write_workbook(result, tmp_path / "workbook.xlsx")
    book, texts = openpyxl.load_workbook(tmp_path / "workbook.xlsx"), set()
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    assert not any(bad in str(cell.value) for bad in ("HYPERLINK", "cmd|", "http", "script", "@")), cell
                elif isinstance(cell.value, str):
                    texts.add(cell.value)
                assert cell.hyperlink is None or cell.hyperlink.target is None, cell
    assert all(any(bad in text for text in texts) for bad in HOSTILE)
    with zipfile.ZipFile(tmp_path / "workbook.xlsx") as packed:
        parts = {name: packed.read(name).decode("utf-8") for name in packed.namelist() if name.endswith("xml.rels")}
    assert not any('TargetMode="External"' in part for part in parts.values())
    assert "shock claim" not in " ".join(texts)


def test_the_same_run_gives_the_same_bytes(tmp_path):
    for name in ("first", "second"):
        write_workbook(ran("hackensack-2014"), tmp_path / f"{name}.xlsx")
    assert (tmp_path / "first.xlsx").read_bytes() == (tmp_path / "second.xlsx").read_bytes()


def test_small_cells_stay_hidden(tmp_path):
    base = ran("toolkit-2010")
    table = base.tables.demographics.copy()
    table.loc[table.index[:2], "members"] = [7, 3]
    result = run(base.scenario, dataclasses.replace(base.tables, demographics=table, _fits={}, _kept={}))
    write_workbook(result, tmp_path / "workbook.xlsx")
    book = openpyxl.load_workbook(tmp_path / "workbook.xlsx")
    rows = [[c.value for c in row] for row in book["Experience"].iter_rows()]
    start = next(n for n, row in enumerate(rows) if row[0] == "Age and sex")
    shown = [str(cell) for row in rows[start:] for cell in row[1:]]
    assert "1–10" in shown and "275" in shown and not {"7", "3", "7.0", "3.0"} & set(shown)


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(Exception, match="missing"):
        write_workbook(ran("hackensack-2014"), tmp_path / "missing" / "workbook.xlsx")
