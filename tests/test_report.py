"""The report folder: complete, repeatable, atomic, free of code and of what data must not carry into it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from html import unescape
from pathlib import Path

import nbformat
import openpyxl
import pypdf
import pytest
from conftest import ROOT, SCENARIOS

from acomodel import InputError, change, load_scenario, propose, render, run
from acomodel.contract.settlement import LINES
from acomodel.exhibit import show
from acomodel.workbench import exhibits, plots
from acomodel.workbench.report.chapters import CHAPTERS as ALL_CHAPTERS
from acomodel.workbench.report.chapters import chapters_of
from acomodel.workbench.report.folder import make_report, results_text

CHAPTERS = ["proposal", "budget", "settlement", "sensitivity", "chance", "negotiation"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A report of a scenario whose texts try to become markup and formulas, and whose cells are small."""
    base = tmp_path_factory.mktemp("report")
    shutil.copytree(SCENARIOS, base / "scenarios")
    path = base / "scenarios" / "toolkit-2010.toml"
    text = path.read_text(encoding="utf-8").replace(
        'client = "Worked example of the ACO Toolkit"', 'client = "<script>alert(1)</script> & Sons"'
    )
    text = text.replace('"ACO Toolkit, exhibit 3.10"', '"=HYPERLINK(1)"')
    text = text.replace("[[negotiation", "[outlook]\ndraws = 2000\n\n[[negotiation", 1)
    path.write_text(text, encoding="utf-8")
    claims = base / "scenarios" / "toolkit-2010" / "large_claims.csv"
    claims.write_text("period,claimant,allowed\nbaseline,Jane Roe 123-45-6789,450000\n", encoding="utf-8")
    return propose(path, base / "out" / "toolkit")


def pages(folder):
    return {name: (folder / f"{name}.html").read_text(encoding="utf-8") for name in ["index", *CHAPTERS]}


FROM_CLAIMS = {"1-attribution", "3-trend", "8-monitoring", "9-physicians"}


def test_folder_is_complete(folder):
    wanted = {f"{name}.html" for name in ["index", *CHAPTERS]} | {"results.json", "assumptions.csv", "scenario.toml"}
    wanted |= {"proposal.pdf", "workbook.xlsx"}
    assert wanted | {"manifest.json", "notebooks", "inputs"} == {p.name for p in folder.iterdir()}
    assert {p.stem for p in (folder / "notebooks").iterdir()} == set(ALL_CHAPTERS) - FROM_CLAIMS
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


def test_executed_notebooks_hold_results_and_no_errors(folder):
    for path in (folder / "notebooks").glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert all(cell.execution_count for cell in code if cell.source)
        assert not any(out.output_type == "error" for cell in code for out in cell.outputs)
        assert sum(bool(cell.outputs) for cell in code) >= 4


def test_pages_show_figures_and_no_code(folder):
    for name, text in pages(folder).items():
        assert "acomodel.run(" not in text, name
        assert "import acomodel" not in text, name
        assert "input_area" not in text, name
    proposal = pages(folder)["proposal"]
    for figure in ("$402.01", "$401.60", "$132,581", "exhibit 3.13"):
        assert figure in proposal
    for chart in (
        "step by step",
        "Payment to the ACO by savings rate",
        "Allowed claims PMPM",
        "low and the high value",
    ):
        assert chart in proposal
    assert proposal.count("<svg") == 10
    assert len(re.findall(r"role=.img.", proposal)) == len(re.findall(r"<div aria-label=.[A-Z]", proposal)) == 10


def test_pdf_page_and_workbook_carry_the_same_figures(folder):
    """Every line of every settlement and every benchmark step, read back from the workbook, stands in page and PDF."""
    book = openpyxl.load_workbook(folder / "workbook.xlsx", data_only=True)
    lines = {words: style for words, style, _ in LINES.values()}
    rows = [row for row in book["Settlement"].iter_rows(min_row=6, max_col=4, values_only=True) if row[0] in lines]
    figures = {(row[0], year): show(value, lines[row[0]]) for row in rows for year, value in enumerate(row[1:4])}
    texts = {
        "page": unescape(re.sub(r"<[^>]+>", "\n", pages(folder)["proposal"])),
        "PDF": "\n".join(page.extract_text() for page in pypdf.PdfReader(folder / "proposal.pdf").pages),
    }
    bare = {name: re.sub(r"\s", "", text) for name, text in texts.items()}
    in_brief = [words for words in lines if words in texts["page"].split("\n")]
    assert len(in_brief) >= 12
    told = 0
    for (words, _), figure in figures.items():
        for name, text in bare.items():
            if words in in_brief and figure not in ("0", "1"):  # yes and no in words elsewhere
                assert re.sub(r"\s", "", figure) in text, (words, figure, name)
                told += figure.startswith("$") and figure != "$0.00"
    assert told >= 40
    steps = [
        row for row in book["Benchmark"].iter_rows(values_only=True) if str(row[0]).startswith(("Trend to", "Age"))
    ]
    for row in steps:
        pmpm = show(next(v for v in row[4:] if isinstance(v, float) and v > 100), "$.")
        assert all(pmpm in text for text in bare.values()), row
    stated = json.loads((folder / "results.json").read_text(encoding="utf-8"))["assumptions"]
    held = {row[0] for row in book["Assumptions"].iter_rows(values_only=True)}
    for item in stated:
        assert item["name"] in held
        assert all(re.sub(r"\s", "", item["name"]) in text for text in bare.values()), item["name"]


def test_pages_need_no_network(folder):
    for name, text in pages(folder).items():
        for word in ("src=", "<link", "@import", "url(http"):
            assert word not in text, (name, word)


def test_links_lead_somewhere(folder):
    for text in pages(folder).values():
        for target in re.findall(r"""href=["']([^"'#]+)["']""", text):
            if not target.startswith("http"):
                assert (folder / target).exists(), target
        anchors = set(re.findall(r'id="([^"]+)"', text))
        assert set(re.findall(r'<li><a href="#([^"]+)"', text)) <= anchors


def test_text_of_the_scenario_is_escaped(folder):
    for name, text in pages(folder).items():
        assert "<script>alert" not in text, name
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Sons" in pages(folder)["proposal"]


def test_text_of_the_scenario_cannot_become_a_formula(folder):
    table = (folder / "assumptions.csv").read_text(encoding="utf-8-sig")
    assert "'=HYPERLINK(1)" in table
    assert ",=HYPERLINK" not in table


def test_small_cells_are_not_printed(tmp_path):
    shutil.copytree(SCENARIOS, tmp_path / "s")
    table = tmp_path / "s" / "toolkit-2010" / "demographics.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("2.646,50\n", "2.646,7\n"), encoding="utf-8")
    result = run(load_scenario(tmp_path / "s" / "toolkit-2010.toml"))
    shown = exhibits.budget.demographics(result)
    assert shown.to_frame().loc["65+, F", "Members 2008-06"] == "1–10"
    assert "1–10" in shown._repr_html_()
    asked = change(result.scenario, {"report.show_small_cells": True})
    assert exhibits.budget.demographics(run(asked)).to_frame().loc["65+, F", "Members 2008-06"] == 7


def test_claimants_are_not_named(folder):
    for path in folder.rglob("*"):
        if path.is_file():
            assert b"Jane Roe" not in path.read_bytes(), path


def test_results_are_those_of_a_run_and_of_a_run_from_the_folder(folder):
    kept = (folder / "results.json").read_bytes()
    again = results_text(run(load_scenario(folder / "scenario.toml")))
    assert again.encode() == kept
    assert (
        json.loads(kept)["results"]["benchmark"]["pmpm"]
        == run(load_scenario(folder / "scenario.toml")).budget.benchmark.pmpm
    )


def test_a_second_report_from_the_folder_is_the_same_to_the_byte(folder, tmp_path):
    second = make_report(load_scenario(folder / "scenario.toml"), tmp_path / "again")
    for name in ("results.json", "assumptions.csv", "scenario.toml", "proposal.pdf", "workbook.xlsx"):
        assert (second / name).read_bytes() == (folder / name).read_bytes(), name
    for name, text in pages(second).items():
        assert text == pages(folder)[name], name


def test_manifest_names_versions_and_data(folder):
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert {"acomodel", "python", "packages", "data", "created"} == set(manifest)
    experience = next(t for t in manifest["data"] if t["table"] == "experience")
    assert experience["rows"] == 33
    assert experience["sums"]["incurred_claims"] == 18_000_000


def test_a_failing_notebook_leaves_nothing_and_keeps_the_report_before(folder, tmp_path):
    spoiled = tmp_path / "notebooks"
    shutil.copytree(ROOT / "notebooks", spoiled)
    path = spoiled / "6-sensitivity.ipynb"
    path.write_text(
        path.read_text(encoding="utf-8").replace("exhibits.sensitivity.two_way(run)", "1 / 0"), encoding="utf-8"
    )
    target = tmp_path / "kept"
    shutil.copytree(folder, target)
    before = (target / "results.json").stat().st_mtime_ns
    with pytest.raises(InputError, match=r"6-sensitivity.ipynb: cell \d+ failed: ZeroDivisionError"):
        make_report(load_scenario(folder / "scenario.toml"), target, chapters=["6-sensitivity"], notebooks=spoiled)
    assert (target / "results.json").stat().st_mtime_ns == before
    assert {p.name for p in tmp_path.iterdir()} == {"notebooks", "kept"}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=lambda s: s.name)
def test_an_interrupted_report_leaves_nothing_that_looks_finished(tmp_path, how):
    command = [sys.executable, "-m", "acomodel.cli", "propose", str(SCENARIOS / "hackensack-2014.toml")]
    process = subprocess.Popen([*command, "--out", str(tmp_path / "report")], stderr=subprocess.PIPE, cwd=ROOT)
    stage = tmp_path / ".report.partial"
    for _ in range(600):
        if (stage / "manifest.json").exists():
            break
        time.sleep(0.05)
    assert stage.exists()
    os.kill(process.pid, how)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert not (tmp_path / "report").exists()
    if how != signal.SIGKILL:
        assert not stage.exists()
    held = sorted(stage.rglob("*"))
    time.sleep(1)
    assert sorted(stage.rglob("*")) == held, "the process that made the report goes on"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="os.fork is not there")
def test_killed_at_ten_moments(tmp_path):
    """Reports made one after another by processes killed at random moments, the first anew, the others over one."""
    code = f"""
import os, random, signal, sys, time
from pathlib import Path
from acomodel import change, load_scenario
from acomodel.workbench.report.folder import make_report
from acomodel.workbench.report.worker import warm

warm()
scenario = change(load_scenario({str(SCENARIOS / "hackensack-2014.toml")!r}), {{"outlook.draws": 2000}})
target = Path({str(tmp_path / "report")!r})
make = lambda: make_report(scenario, target, chapters=[])

def state():
    if not target.exists():
        return "none"
    names = {{p.name for p in target.iterdir()}}
    whole = {{"index.html", "workbook.xlsx", "results.json", "assumptions.csv", "scenario.toml", "manifest.json"}}
    return "whole" if names == whole else f"torn: {{sorted(whole - names)}}"

def forked():
    child = os.fork()
    if child == 0:
        make()
        os._exit(0)
    return child

begun = time.time()
os.waitpid(forked(), 0)
span = time.time() - begun
first = state()
import shutil
shutil.rmtree(target)
random.seed(int(sys.argv[1]))
for n in range(10):
    if n == 5:
        make_again = forked(); os.waitpid(make_again, 0)
    child = forked()
    time.sleep(random.uniform(0, span))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print(n, state())
os.waitpid(forked(), 0)
print("then", first, state(), sorted(p.name for p in target.parent.iterdir()))
"""
    done = subprocess.run([sys.executable, "-c", code, "7"], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert all(line.split(" ", 1)[1] in ("none", "whole") for line in lines[:10]), lines
    assert all(line.endswith("whole") for line in lines[5:10]), lines
    assert lines[-1] == "then whole whole ['report']"


def test_a_report_taken_away_by_a_killed_run_is_put_back(folder, tmp_path):
    shutil.copytree(folder, tmp_path / ".kept.before")
    with pytest.raises(InputError, match=r"10-proposal.ipynb is not there"):
        make_report(load_scenario(folder / "scenario.toml"), tmp_path / "kept", notebooks=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept" / "results.json").exists()


def test_the_working_folder_stays_where_it_is(tmp_path):
    """Notebooks run side by side in one process, each in its own folder; the process itself must not move."""
    before = Path.cwd()
    short = nbformat.read(ROOT / "notebooks" / "6-sensitivity.ipynb", as_version=4)
    code = [cell for cell in short.cells if cell.cell_type == "code"]
    short.cells = code[:1]
    nbformat.write(short, tmp_path / "short.ipynb")
    render(tmp_path / "short.ipynb", SCENARIOS / "hackensack-2014.toml", tmp_path / "a" / "out.ipynb")
    assert Path.cwd() == before
    notebook = nbformat.read(tmp_path / "a" / "out.ipynb", as_version=4)
    path = notebook.metadata["papermill"]["parameters"]["scenario"]
    assert (tmp_path / "a" / path).resolve() == SCENARIOS / "hackensack-2014.toml"


def test_render_refuses_a_notebook_without_the_parameters(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    nbformat.write(notebook, tmp_path / "n.ipynb")
    with pytest.raises(InputError, match="no parameter 'scenario'"):
        render(tmp_path / "n.ipynb", SCENARIOS / "toolkit-2010.toml", tmp_path / "out.ipynb")
    assert not (tmp_path / "out.ipynb").exists()


@pytest.mark.parametrize("name", ["toolkit-2010", "commercial-two-sided", "hackensack-2014"])
def test_every_exhibit_and_chart_shows_itself(name):
    result = run(load_scenario(SCENARIOS / f"{name}.toml"))
    shown = [getattr(exhibits.contract, name) for name in ("summary", "key_figures", "terms")]
    budget = ("experience", "trends", "regressions", "diagnostics", "projection")
    for table in shown + [getattr(exhibits.budget, name) for name in budget]:
        made = table(result)
        if made is None:
            assert name == "hackensack-2014" or table is exhibits.budget.diagnostics
            continue
        assert repr(made).strip()
        assert made._repr_html_().startswith("<")
    for draw in ("benchmark_steps", "settlement_steps", "trend", "tornado", "payment_by_outcome"):
        chart = getattr(plots.contract, draw)
        axis = chart(result)
        assert axis is chart(result, ax=axis)
        picture = plots.picture(chart, result, "a chart & its words")
        if picture is None:
            assert result.budget is None
            continue
        assert "aria-label='a chart &amp; its words'" in picture._repr_html_()


def bars(axis):
    """Ends of the bars of a chart, in the order drawn."""
    return [(bar.get_x(), bar.get_x() + bar.get_width(), bar.get_y(), bar.get_height()) for bar in axis.patches]


def test_tornado_draws_the_figures_of_the_table():
    result = run(load_scenario(SCENARIOS / "commercial-two-sided.toml"))
    table = result.one_way().table.iloc[::-1]
    drawn = bars(plots.contract.tornado(result))
    ends = [end for row in table[["at_low", "at_high"]].to_numpy() / 1e6 for end in row]
    assert [max(right, left, key=lambda v: abs(v - result.one_way().base / 1e6)) for left, right, *_ in drawn] == (
        pytest.approx(ends)
    )
    assert plots.contract.tornado(result).get_yticklabels()[-1].get_text().startswith("Annual trend")


def test_waterfalls_end_where_the_figures_do():
    result = run(load_scenario(SCENARIOS / "commercial-two-sided.toml"))
    heights = [bar[3] for bar in bars(plots.contract.settlement_steps(result))]
    assert heights == pytest.approx(result.settlement.walk().to_numpy() / 1e6)
    drawn = bars(plots.contract.benchmark_steps(result))
    assert drawn[-1][3] == pytest.approx(result.budget.benchmark.pmpm)
    levels = [bottom + height for *_, bottom, height in drawn[:-1]]
    assert levels == pytest.approx(result.budget.benchmark.steps["pmpm"].to_numpy())


def test_inputs_stay_out_where_the_scenario_says_so(tmp_path):
    shutil.copytree(SCENARIOS, tmp_path / "s")
    path = tmp_path / "s" / "toolkit-2010.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("[report]", "[report]\nkeep_inputs = false"), "utf-8")
    folder = make_report(load_scenario(path), tmp_path / "out", chapters=["4-settlement"])
    assert not (folder / "inputs").exists()
    assert "inputs/" not in (folder / "index.html").read_text(encoding="utf-8")
    (folder / "notes.docx").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="holds 'notes.docx'"):
        make_report(load_scenario(path), folder)
    assert (folder / "notes.docx").exists()


def test_a_stated_benchmark_has_no_budget_chapter(tmp_path):
    kept = chapters_of(run(SCENARIOS / "hackensack-2014.toml"))
    assert list(kept) == ["10-proposal", "4-settlement", "5-chance", "6-sensitivity", "7-negotiation"]
    stated = load_scenario(SCENARIOS / "hackensack-2014.toml")
    folder = make_report(stated, tmp_path / "hackensack", chapters=["10-proposal"])
    assert not (folder / "budget.html").exists()
    assert "budget.html" not in (folder / "index.html").read_text(encoding="utf-8")
    proposal = (folder / "proposal.html").read_text(encoding="utf-8")
    assert proposal.count("The scenario states its benchmark") == 1
    assert "$5,266,358" in proposal
    assert "$2,832,988" in proposal
