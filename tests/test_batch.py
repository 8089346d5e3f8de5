"""Many reports side by side: ranked, a fault in one leaves the others standing, variants of one scenario."""

import csv
import json
import re
import shutil
import signal
import threading
import time
from contextlib import contextmanager

import pytest
from click.testing import CliRunner
from conftest import ROOT, SCENARIOS

from acomodel import InputError, change, load_scenario, propose, propose_all, propose_sweep, run, sweep
from acomodel.cli import main
from acomodel.workbench.report.folder import _locked, _release, make_report
from acomodel.workbench.report.workers import Job, Wanted, made

HOSTILE = '=HYPERLINK("http://x","y")<script>alert(1)</script>'


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    """Four scenarios: two that stand, one at fault in its settings, one whose process ends in the middle."""
    base = tmp_path_factory.mktemp("batch")
    spoiled = base / "notebooks"
    shutil.copytree(ROOT / "notebooks", spoiled)
    path = spoiled / "4-settlement.ipynb"
    text = path.read_text(encoding="utf-8")
    ends = "__import__('os')._exit(9) if run.scenario.name == 'dies' else exhibits.contract.terms(run)"
    assert "exhibits.contract.terms(run)" in text
    path.write_text(text.replace("exhibits.contract.terms(run)", ends), encoding="utf-8")
    stated = (SCENARIOS / "hackensack-2014.toml").read_text(encoding="utf-8") + "\n[outlook]\ndraws = 2000\n"
    written = {
        "dies": stated.replace('name = "hackensack-2014"', 'name = "dies"'),
        "broken": stated.replace("benchmark = ", "benchmrak = ", 1),
        "hackensack-2014": stated,
        "hostile": re.sub('title = ".*"', f"title = '{HOSTILE}'", stated)
        .replace('"hackensack-2014"', '"hostile"', 1)
        .replace("quality_score = 0.894308036", "quality_score = 1.0"),
    }
    for name, scenario in written.items():
        (base / f"{name}.toml").write_text(scenario, encoding="utf-8")
    files = [base / f"{name}.toml" for name in written]
    return propose_all(files, base / "out", chapters=["settlement"], notebooks=spoiled, jobs=2)


def test_the_others_stand(batch):
    assert [path.name for path in batch.reports] == ["hostile", "hackensack-2014"]
    for path in batch.reports:
        assert {"index.html", "settlement.html", "workbook.xlsx", "manifest.json"} <= {p.name for p in path.iterdir()}
    names = {path.name for path in batch.folder.iterdir()}
    assert names == {"hostile", "hackensack-2014", "ranking.html", "ranking.csv"}
    broken = next(fault for name, fault in batch.faults.items() if name.endswith("broken.toml"))
    assert "benchmrak" in broken and "benchmark" in broken
    assert "the process that made the report ended (9)" in batch.faults["dies"]


def test_ranked_by_payment(batch):
    table = batch.exhibit().table
    held = [json.loads((path / "results.json").read_text(encoding="utf-8")) for path in batch.reports]
    paid = [results["results"]["settlement"]["payment"] for results in held]
    assert table["Payment as stated"].tolist() == paid == sorted(paid, reverse=True)
    outlook = run(batch.folder.parent / "hackensack-2014.toml").outlook
    assert table.loc["hackensack-2014", "Paid by luck alone"] == outlook.payments().chance_earned
    page = (batch.folder / "ranking.html").read_text(encoding="utf-8")
    assert page.index("hostile/index.html") < page.index("hackensack-2014/index.html")
    assert "benchmrak" in page and "ended (9)" in page
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page
    for target in re.findall(r"href='([^'#]+)'", page):
        assert (batch.folder / target).exists()
    with (batch.folder / "ranking.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["Scenario"] == f"'{HOSTILE}"
    assert float(rows[1]["Payment as stated"]) == paid[1]


def test_variants_as_reports(tmp_path):
    base = change(load_scenario(SCENARIOS / "hackensack-2014.toml"), {"outlook.draws": 2000})
    tried = {"years.1.quality_score": [0.5, 1.0, 1.5]}
    found = propose_sweep(base, tried, tmp_path, chapters=[], jobs=1)
    assert [path.name for path in found.reports] == ["hackensack-2014-2", "hackensack-2014-1"]
    assert "years.1.quality_score" in found.faults["hackensack-2014-3"]
    held = sweep(base, {"years.1.quality_score": [1.0, 0.5]})["payment"].tolist()
    assert found.exhibit().table["Payment as stated"].tolist() == held
    again = load_scenario(found.reports[0] / "scenario.toml")
    assert again.title.endswith("years.1.quality_score = 1.0")
    assert again.basis["years.1.quality_score"] == "varied, one report for each value"
    assert again.basis["terms"] == base.basis["terms"]
    assert again.outlook.draws == 2000


def test_changes_of_one_report(tmp_path):
    path = SCENARIOS / "hackensack-2014.toml"
    command = [
        "propose",
        str(path),
        "--set",
        "years.1.quality_score=1.0",
        "--set",
        "outlook.draws=2000",
        "--chapters",
        "settlement",
        "--out",
    ]
    done = CliRunner().invoke(main, [*command, str(tmp_path / "one")])
    assert done.exit_code == 0, done.output
    kept = json.loads((tmp_path / "one" / "results.json").read_text(encoding="utf-8"))
    assert kept["results"]["settlement"]["quality_score"] == 1.0
    noted = next(a for a in kept["assumptions"] if a["note"] == "setting years.1.quality_score")
    assert noted["source"] == "changed for this report"


def test_what_no_batch_can_be_made_of(tmp_path):
    one, two = SCENARIOS / "toolkit-2010.toml", tmp_path / "two.toml"
    two.write_text((SCENARIOS / "hackensack-2014.toml").read_text("utf-8").replace("hackensack-2014", "toolkit-2010"))
    with pytest.raises(InputError, match="'toolkit-2010' is also that of"):
        propose_all([one, two], tmp_path / "out")
    with pytest.raises(InputError, match="no chapter 'chanse'.*Did you mean 'chance'"):
        propose_all([one], tmp_path / "out", chapters=["chanse"])
    with pytest.raises(InputError, match="unknown key"):
        propose_sweep(load_scenario(one), {"terms.mrs": [0.1]}, tmp_path / "out")
    with pytest.raises(InputError, match=r"10-proposal.ipynb is not there"):
        propose(one, tmp_path / "out", notebooks=tmp_path)
    assert not (tmp_path / "out").exists()
    wrong = CliRunner().invoke(main, ["propose", str(one), str(two), "--set", "terms.msr=0.1"])
    assert wrong.exit_code == 2


def test_a_batch_at_fault_ends_with_one(batch, monkeypatch):
    monkeypatch.setattr("acomodel.workbench.report.batch.propose_all", lambda *_, **__: batch)
    done = CliRunner().invoke(main, ["propose", "one.toml", "two.toml"])
    assert done.exit_code == 1
    assert done.stdout.strip().endswith("ranking.html")
    lines = done.stderr.strip().splitlines()
    assert len(lines) == len(batch.faults) == 2
    assert all(line.startswith("acomodel: ") and "Traceback" not in line for line in lines)


def stub(tmp_path, monkeypatch, code):
    """A worker of one's own in place of the one that makes reports."""
    path = tmp_path / "stub.py"
    path.write_text("import json, os, sys, time\n" + code, encoding="utf-8")
    monkeypatch.setattr("acomodel.workbench.report.workers.WORKER", (str(path),))
    scenario = load_scenario(SCENARIOS / "hackensack-2014.toml")
    return [Job(change(scenario, {"name": name}), tmp_path / "out" / name) for name in ("a", "b", "c")]


def test_an_answer_that_is_none_is_a_fault(tmp_path, monkeypatch):
    work = stub(tmp_path, monkeypatch, "for line in sys.stdin: print('{\"repo', flush=True)")
    faults = made(work, Wanted.of(None, None), 2, False)
    assert all("JSONDecodeError" in fault for fault in faults)


def test_the_cause_of_an_end_is_that_of_the_job(tmp_path, monkeypatch):
    code = """for line in sys.stdin:
    job = json.loads(line)
    if job["out"].endswith("a"):
        print("ValueError: of the first", file=sys.stderr, flush=True)
        print(json.dumps({"fault": "first"}), flush=True)
    else:
        os._exit(9)
"""
    faults = made(stub(tmp_path, monkeypatch, code), Wanted.of(None, None), 1, False)
    assert faults[0] == "first"
    assert all(fault.endswith("ended (9).") for fault in faults[1:])


def test_an_interrupted_batch_starts_nothing_more(tmp_path, monkeypatch):
    code = """for line in sys.stdin:
    open(json.loads(line)["out"].replace("/", "_")[-1], "w")
    time.sleep(20)
    sys.exit()
"""
    monkeypatch.chdir(tmp_path)
    work = stub(tmp_path, monkeypatch, code)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    timer = threading.Timer(1.5, signal.raise_signal, [signal.SIGINT])
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            made(work, Wanted.of(None, None), 2, False)
    finally:
        signal.signal(signal.SIGINT, before)
    time.sleep(1.0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "stub.py"]


def test_two_runs_of_one_report(tmp_path):
    with pytest.raises(InputError, match="another run is making this report"), lock_held(tmp_path / "r"):
        make_report(load_scenario(SCENARIOS / "hackensack-2014.toml"), tmp_path / "r", chapters=[])
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    make_report(load_scenario(SCENARIOS / "hackensack-2014.toml"), tmp_path / "link", chapters=[])
    assert (tmp_path / "real" / "results.json").exists() and (tmp_path / "link").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]
    with pytest.raises(InputError, match="no chapter 'trend'; it has proposal, settlement"):
        make_report(load_scenario(SCENARIOS / "hackensack-2014.toml"), tmp_path / "real", chapters=["3-trend"])


@contextmanager
def lock_held(target):
    lock = _locked(target)
    try:
        yield
    finally:
        _release(lock, target)
