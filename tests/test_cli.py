"""The command line: what each command prints, and that JSON is all that --json prints."""

import doctest
import json
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner
from conftest import ROOT, SCENARIOS

import acomodel
from acomodel.cli import main

TOOLKIT = str(SCENARIOS / "toolkit-2010.toml")


def invoke(*arguments):
    outcome = CliRunner().invoke(main, [str(a) for a in arguments])
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout


def test_run_prints_figures_first():
    text = invoke("run", TOOLKIT)
    assert text.splitlines()[0] == "The contract pays nothing for 2010, and nothing is owed."
    assert "$402.01" in text
    assert "With nothing rounded it is $401.60 PMPM." in text


def test_run_json_is_one_document_of_the_documented_shape():
    document = json.loads(invoke("run", TOOLKIT, "--json"))
    assert set(document) == {"scenario", "results", "assumptions", "manifest"}
    results = document["results"]
    assert results["benchmark"]["pmpm"] == 402.01
    assert results["benchmark"]["steps"][0]["step"] == "Allowed claims 2008"
    assert results["settlement"]["payment"] == 0
    assert [s["label"] for s in results["settlements"]] == ["2010", "2011", "2012"]
    assert {"name", "value", "unit", "basis", "source", "note"} == set(document["assumptions"][0])
    assert {table["table"] for table in document["manifest"]["data"]} >= {"experience", "trend"}


def test_the_same_scenario_gives_the_same_bytes():
    command = [sys.executable, "-m", "acomodel.cli", "run", TOOLKIT, "--set", "outlook.draws=500", "--json"]
    first, second = (subprocess.run(command, capture_output=True, check=True).stdout for _ in range(2))
    assert first == second
    assert len(first) > 10_000


def test_set_changes_a_setting():
    base = json.loads(invoke("run", TOOLKIT, "--json"))["results"]["settlement"]
    moved = json.loads(invoke("run", TOOLKIT, "--json", "--set", "terms.msr=0.0"))["results"]["settlement"]
    assert (base["payment"], moved["payment"]) == (0, pytest.approx(0.5 * base["savings"]))


def test_sweep_runs_every_combination(tmp_path):
    options = ["--set", "terms.msr=0.01,0.02", "--set", "years.0.actual_pmpm=380,390,400"]
    rows = json.loads(invoke("sweep", TOOLKIT, *options, "--json"))
    assert [(r["terms.msr"], r["years.0.actual_pmpm"]) for r in rows] == [
        (m, a) for m in (0.01, 0.02) for a in (380, 390, 400)
    ]
    one = json.loads(invoke("run", TOOLKIT, "--json", "--set", "terms.msr=0.01", "--set", "years.0.actual_pmpm=390"))
    assert rows[1]["payment"] == one["results"]["settlement"]["payment"]
    assert "6 variants" in invoke("sweep", TOOLKIT, *options, "--out", tmp_path / "sweep.csv")
    assert len((tmp_path / "sweep.csv").read_text(encoding="utf-8").splitlines()) == 7


def test_check_names_settings_without_a_source(tmp_path):
    text = invoke("check", SCENARIOS / "commercial-two-sided.toml")
    assert "monthly: 252 rows read" in text
    assert "no source" not in text
    assert "fit to run" in text
    shutil.copytree(SCENARIOS, tmp_path / "s")
    path = tmp_path / "s" / "hackensack-2014.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('"years.1" =', '"years.1.members" ='), encoding="utf-8")
    assert "no source in [basis]: years.1.actual (2014: actual or expected spending)" in invoke("check", path)


@pytest.mark.parametrize("template", ["toolkit-2010", "commercial-two-sided", "hackensack-2014"])
def test_new_scenario_runs_as_its_template(tmp_path, template):
    path = tmp_path / "mine.toml"
    source = SCENARIOS / f"{template}.toml"
    invoke("new", "mine", "--from", source, "--folder", tmp_path)
    mine, theirs = (json.loads(invoke("run", p, "--json")) for p in (path, source))
    assert mine["scenario"]["name"] == "mine"
    assert mine["results"] == theirs["results"]
    outcome = CliRunner().invoke(main, ["new", "mine", "--from", str(source), "--folder", str(tmp_path)])
    assert outcome.exit_code == 1
    assert "exists already" in outcome.stderr


def test_version_and_help():
    assert acomodel.__version__ in invoke("--version")
    text = invoke("--help")
    for command in ("propose", "run", "sweep", "compare", "check", "new", "replay", "lab", "explore"):
        assert f"\n  {command}" in text


def test_help_imports_no_pandas():
    code = "import sys, acomodel.cli; print([m for m in ('numpy', 'pandas', 'pydantic') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b"[]"


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, acomodel; print([m for m in ('numpy', 'pandas', 'pydantic', 'statsmodels') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b"[]"


def test_settling_does_not_import_statsmodels_or_papermill():
    code = f"import sys; from acomodel import run, load_scenario; run(load_scenario({TOOLKIT!r}))\n"
    code += "print([m for m in ('statsmodels', 'papermill', 'matplotlib', 'scipy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b"[]"


def test_examples_of_the_readme_run():
    outcome = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert outcome.attempted >= 6
    assert outcome.failed == 0


def test_every_public_name_is_there_and_documented():
    for name in acomodel.__all__:
        thing = getattr(acomodel, name)
        if callable(thing):
            assert (thing.__doc__ or "").strip(), name
    with pytest.raises(AttributeError, match="no attribute 'settel'"):
        _ = acomodel.settel


def test_a_closed_pipe_is_no_error():
    command = f"{sys.executable} -m acomodel.cli run {TOOLKIT} --set outlook.draws=500 --json | head -c 10"
    outcome = subprocess.run(["bash", "-c", command], capture_output=True)
    assert b"Traceback" not in outcome.stderr
