"""Ways of getting a scenario or a file wrong: each answered in one clear line and exit code 1, nothing written."""

import shutil

import pytest
from click.testing import CliRunner
from conftest import SCENARIOS

from acomodel.cli import main

TOOLKIT, COMMERCIAL, HACKENSACK = "toolkit-2010", "commercial-two-sided", "hackensack-2014"


@pytest.fixture
def folder(tmp_path):
    """A copy of the scenarios to spoil."""
    shutil.copytree(SCENARIOS, tmp_path / "scenarios")
    return tmp_path / "scenarios"


def refused(*arguments):
    """The one line on stderr of a command that must exit with 1."""
    outcome = CliRunner().invoke(main, [str(a) for a in arguments])
    assert outcome.exit_code == 1, outcome.output
    assert outcome.exception is None or isinstance(outcome.exception, SystemExit), outcome.exception
    assert outcome.stdout == ""
    lines = outcome.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    assert "Traceback" not in lines[0]
    return lines[0]


# scenario, (text to replace, its replacement), words that the message must hold
SCENARIO_FAULTS = {
    "misspelt key": (TOOLKIT, ("sharing_rate", "sharing_rat"), "unknown key 'terms.sharing_rat'. Did you mean 'sharing_rate'?"),
    "misspelt table": (TOOLKIT, ("[benchmark]", "[benchmrk]"), "unknown key 'benchmrk'. Did you mean 'benchmark'?"),
    "percent for a share": (TOOLKIT, ("sharing_rate = 0.5", "sharing_rate = 50"), "50 percent is 0.5"),
    "percent for a threshold": (TOOLKIT, ("msr = 0.02", "msr = 2"), "terms.msr: found 2; at most 1"),
    "text for a number": (TOOLKIT, ("msr = 0.02", 'msr = "two percent"'), "terms.msr: found 'two percent'; a number or 'size'"),
    "number for text": (TOOLKIT, ('base = "2008-06"', "base = 2008"), "risk.base: found 2008; text is wanted"),
    "true for a number": (TOOLKIT, ("threshold = 50000", "threshold = true"), "large_claims.threshold: found True; a number"),
    "unknown word": (TOOLKIT, ('"threshold"  ', '"treshold"  '), "Did you mean 'threshold'?"),
    "missing key": (TOOLKIT, ("sharing_rate = 0.5", ""), "terms.sharing_rate: missing; largest share of savings"),
    "negative member months": (TOOLKIT, ("member_months = 61380        #", "member_months = -61380 #"), "found -61380; above 0"),
    "negative spending": (HACKENSACK, ("actual = 192081207.0", "actual = -1.0"), "years.1.actual: found -1; at least 0"),
    "quality score of 89": (HACKENSACK, ("0.894308036\n\n", "89.4\n\n"), "89.4 percent is 0.894"),
    "two benchmarks": (TOOLKIT, ("benchmark_pmpm = 434", "benchmark_pmpm = 434\nbenchmark = 1e6"), "both given; one is wanted"),
    "no spending": (HACKENSACK, ("actual = 192081207.0", ""), "neither actual nor actual_pmpm is given"),
    "same label twice": (TOOLKIT, ('label = "2011"', 'label = "2012"'), "the label '2012' stands twice"),
    "half a budget": (TOOLKIT, ("[benchmark]\n", "[other_benchmark]\n"), "unknown key 'other_benchmark'"),
    "no years": (TOOLKIT, ("[[years]]", "[[periods]]"), "unknown key 'periods'"),
    "benchmark of another year": (TOOLKIT, ("performance_year = 2010", "performance_year = 2009"), "the budget is for 2010, not 2009"),
    "base year not in the table": (TOOLKIT, ("base_year = 2008", "base_year = 2005"), "no year 2005; the table holds 2006"),
    "contract before the baseline": (TOOLKIT, ("year = 2010\nmember", "year = 2008\nmember"), "does not come after the baseline 2008"),
    "period not in the table": (TOOLKIT, ('current = "2009-04"', 'current = "2010-04"'), "no period '2010-04'; the table holds"),
    "trend method without its trend": (TOOLKIT, ('method = "stated"  ', 'method = "national"  '), "national trend is used but"),
    "weights that do not sum to 1": (COMMERCIAL, ("own = 0.75", "own = 0.7"), "the weights sum to 0.95; 1 is wanted"),
    "loss rate on a one-sided contract": (TOOLKIT, ("msr = 0.02", "msr = 0.02\nloss_rate = 0.5"), "does not use it"),
    "two-sided without a loss rate": (COMMERCIAL, ("loss_rate = 0.6\n", ""), "needs a loss_rate"),
    "corridor that does not end": (TOOLKIT, ("msr = 0.02", "msr = 0.02\ncorridors = [[0.05, 1.0]]"), "last corridor must end at inf"),
    "unknown track": (HACKENSACK, ('"Track 1"', '"Track One"'), "known tracks are Track 1, Track 2"),
    "track of another time": (HACKENSACK, ('"Track 1"', '"ENHANCED"'), "no 'sharing_rate' for 'ENHANCED' in 2013"),
    "threshold not offered": (HACKENSACK, ('"Track 1"', '"Track 2"\nmsr = 0.03'), "set by the programme"),
    "source for a setting that is not there": (TOOLKIT, ('"risk" =', '"risks" ='), "basis: 'risks' is no setting. Did you mean 'risk'"),
    "sensitivity of a setting that is not there": (
        HACKENSACK,
        ('key = "years.1.quality_score"', 'key = "years.1.quality"'),
        "'years.1.quality' is no setting",
    ),
    "range upside down": (HACKENSACK, ("low = -0.02", "low = 0.05"), "must lie below high"),
    "name that leaves the folder": (TOOLKIT, ('name = "toolkit-2010"', 'name = "../elsewhere"'), "name: found '../elsewhere'"),
    "not TOML": (TOOLKIT, ("[terms]", "[terms"), "not a valid TOML file"),
    "key given twice": (TOOLKIT, ("msr = 0.02", "msr = 0.02\nmsr = 0.03"), "not a valid TOML file"),
    "scenario that extends itself": (TOOLKIT, ('name = "toolkit-2010"', 'extends = "toolkit-2010.toml"\nname = "x"'), "extends itself"),
    "base that is not there": (TOOLKIT, ('name = "toolkit-2010"', 'extends = "toolkit-2011.toml"\nname = "x"'), "no such file. Did you mean"),
    "table that is not there": (TOOLKIT, ("toolkit-2010/trend.csv", "toolkit-2010/trends.csv"), "no such file. Did you mean 'trend.csv'"),
    "folder for a table": (TOOLKIT, ('"toolkit-2010/trend.csv"', '"toolkit-2010"'), "this is a folder"),
    "actual given twice": (HACKENSACK, ("actual = 192081207.0", "actual = 192081207.0\nactual_pmpm = 1"), "both given; one is wanted"),
    "quality score left out": (HACKENSACK, ("quality_score = 0.894308036\n", ""), "years.1.quality_score: missing; the payment for 2014"),
    "revenue that nothing uses": (HACKENSACK, ("members = 15603", "members = 15603\nrevenue = 1e6"), "no clause of the terms uses it"),
    "revenue left out": (COMMERCIAL, ("loss_limit_benchmark = 0.1", "loss_limit_revenue = 0.1"), "years.0.revenue: missing"),
    "members left out": (HACKENSACK, ("members = 16383\n", ""), "years.0.members: missing; the threshold of 2013"),
    "standard that the terms do not know": (HACKENSACK, ("members = 15603", 'members = 15603\nquality_standard = "alternative"'), "know nothing"),
    "agreement after the year": (HACKENSACK, ("agreement_start = 2012", "agreement_start = 2014"), "starts in 2014 has no performance year 2013"),
    "endless spending": (HACKENSACK, ("actual = 192081207.0", "actual = inf"), "a finite number is wanted"),
    "clause beside a programme": (HACKENSACK, ('"Track 1"', '"Track 1"\nsharing_rate = 0.9'), "unknown key 'terms.sharing_rate'. Known there: program, track"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "edit", "words"), SCENARIO_FAULTS.values(), ids=SCENARIO_FAULTS)
def test_scenario_at_fault(folder, name, edit, words):
    path = folder / f"{name}.toml"
    text = path.read_text(encoding="utf-8")
    assert edit[0] in text
    path.write_text(text.replace(*edit), encoding="utf-8")
    line = refused("run", path)
    assert words in line
    assert str(folder) in line


# table of the Toolkit scenario, what is done to its bytes, words that the message must hold
FILE_FAULTS = {
    "missing column": ("demographics", lambda b: b.replace(b"members", b"persons"), "unknown column 'persons'"),
    "column left out": ("trend", lambda b: cut(b, 3), "missing column 'utilization_trend'"),
    "column twice": ("trend", lambda b: b.replace(b"utilization_trend", b"cost_trend"), "'cost_trend' stands twice"),
    "suppressed cell": ("demographics", lambda b: b.replace(b"0.532,275", b"0.532,*", 1), "row 2, column 'members': found the suppressed mark '*'"),
    "negative members": ("demographics", lambda b: b.replace(b",275", b",-275", 1), "row 2, column 'members': found -275; at least 0"),
    "half a member": ("demographics", lambda b: b.replace(b",275", b",27.5", 1), "found 27.5; a whole number"),
    "negative member months": ("experience", lambda b: b.replace(b"60000,", b"-60000,", 1), "column 'member_months': found -60000"),
    "text in a number": ("experience", lambda b: b.replace(b"3600000", b"3.6 million", 1), "found '3.6 million'; a number is wanted"),
    "percent for a factor": ("trend", lambda b: b.replace(b",1.06,", b",6%,", 1), "found 6%; at most 2 is wanted"),
    "sex in words": ("demographics", lambda b: b.replace(b",M,", b",male,", 1), "found 'male'; one of F, M"),
    "same row twice": ("trend", lambda b: b + b.splitlines()[1] + b"\n", "repeats an earlier row (year = 2009, service_category"),
    "row too long": ("trend", lambda b: b.replace(b",1.05\n", b",1.05,9\n", 1), "has 5 cells; the header has 4"),
    "category without a trend": ("trend", lambda b: b.replace(b"Pharmacy", b"Drugs"), "no factors for 'Pharmacy'"),
    "empty file": ("trend", lambda b: b"", "the file is empty"),
    "header alone": ("trend", lambda b: b.splitlines()[0] + b"\n", "a header but no rows"),
    "not UTF-8": ("trend", lambda b: b.replace(b"Lab/X-Ray", b"R\xf6ntgen", 1), "byte 0xF6, which is not UTF-8"),
    "UTF-16": ("trend", lambda b: b.decode().encode("utf-16"), "not UTF-8"),
    "Excel workbook": ("trend", lambda b: b"PK\x03\x04" + b, "Excel workbook; save it as CSV"),
    "claimant of no period": ("large_claims", lambda b: b.replace(b"baseline", b"2015"), "period '2015' is neither 'baseline' nor"),
    "semicolons": ("trend", lambda b: b.replace(b",", b";"), "separated by ';'; save the file with commas"),
    "category misspelt in one year": ("experience", lambda b: b.replace(b"2008,Pharmacy", b"2008,pharmacy", 1), "'Pharmacy' has no row for 2008"),
    "row missing": ("experience", lambda b: b.replace(b"2007,DME", b"2009,DME", 1), "has no row for"),
    "exposure that differs": ("experience", lambda b: b.replace(b"60000,", b"6000,", 1), "2008 has 6,000 member months in one category and 60,000"),
    "age band in one period only": ("demographics", lambda b: b.replace(b"2009-04,65+,F", b"2009-04,66+,F"), "stands in only one of 2008-06 and 2009-04"),
    "factor that differs": ("demographics", lambda b: b.replace(b"65+,F,2.646", b"65+,F,2.7", 1), "'65+, F' has one factor in 2008-06 and another"),
    "no dollars and no PMPM": ("experience", lambda b: b.replace(b"51.59", b"", 1), "neither dollars with member months nor an allowed PMPM"),
}  # fmt: skip


def cut(data, column):
    """Table without one column."""
    rows = [line.split(b",") for line in data.splitlines()]
    return b"\n".join(b",".join(row[:column] + row[column + 1 :]) for row in rows) + b"\n"


@pytest.mark.parametrize(("table", "spoil", "words"), FILE_FAULTS.values(), ids=FILE_FAULTS)
def test_file_at_fault(folder, table, spoil, words):
    path = folder / TOOLKIT / f"{table}.csv"
    good = path.read_bytes()
    path.write_bytes(spoil(good))
    assert path.read_bytes() != good
    assert words in refused("run", folder / f"{TOOLKIT}.toml")


def test_base_that_extends_a_third_one(folder):
    (folder / "b.toml").write_text('extends = "toolkit-2010.toml"\n', encoding="utf-8")
    (folder / "c.toml").write_text('extends = "b.toml"\n', encoding="utf-8")
    assert "one level is allowed" in refused("run", folder / "c.toml")


def test_scenario_that_is_not_there(folder):
    assert "no such file. Did you mean 'toolkit-2010.toml'?" in refused("run", folder / "toolkit-2011.toml")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("terms.mrs=0.03", "unknown key 'terms.mrs'. Did you mean 'msr'?"),
        ("terms.msr=3", "at most 1 is wanted"),
        ("years.7.actual_pmpm=1", "there is no number 7; 3 are given"),
        ("term.msr=0.03", "unknown key 'term.msr'. Did you mean 'terms'?"),
        ("name.first=x", "no setting that can be changed"),
    ],
)
def test_setting_that_cannot_be_changed(folder, setting, words):
    assert words in refused("run", folder / f"{TOOLKIT}.toml", "--set", setting)
    assert words in refused("sweep", folder / f"{TOOLKIT}.toml", "--set", setting)


def test_report_folder_that_holds_something_else(folder, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work", encoding="utf-8")
    line = refused("propose", folder / f"{TOOLKIT}.toml", "--out", tmp_path / "mine")
    assert "holds 'thesis.txt', which is not of a report" in line
    assert (tmp_path / "mine" / "thesis.txt").read_text(encoding="utf-8") == "years of work"


@pytest.mark.parametrize("manifest", [None, "{}", "not json"])
def test_folder_that_only_looks_like_a_report(folder, tmp_path, manifest):
    (tmp_path / "mine" / "notebooks").mkdir(parents=True)
    (tmp_path / "mine" / "notebooks" / "thesis.ipynb").write_text("years of work", encoding="utf-8")
    if manifest is not None:
        (tmp_path / "mine" / "manifest.json").write_text(manifest, encoding="utf-8")
    assert "no report's manifest" in refused("propose", folder / f"{TOOLKIT}.toml", "--out", tmp_path / "mine")
    assert (tmp_path / "mine" / "notebooks" / "thesis.ipynb").exists()


@pytest.mark.parametrize("command", ["sweep", "replay"])
def test_table_that_cannot_be_written(folder, tmp_path, command):
    if command == "sweep":
        arguments = ["sweep", folder / f"{TOOLKIT}.toml", "--set", "terms.msr=0.01,0.02"]
    else:
        header = "ACO_ID,Current_Track,N_AB,EarnSaveLoss,Met_QPS,QualScore,ABtotBnchmk,ABtotExp"
        (tmp_path / "puf_2022.csv").write_text(f"{header}\nA1,B,20000,0,1,1,100,100\n", encoding="utf-8")
        arguments = ["replay", tmp_path / "puf_2022.csv"]
    before = sorted(p.name for p in tmp_path.iterdir())
    assert "does not exist" in refused(*arguments, "--out", tmp_path / "nowhere" / "x.csv")
    assert "a file, not a folder, is wanted" in refused(*arguments, "--out", folder)
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_report_below_a_file(folder, tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    line = refused("propose", folder / f"{TOOLKIT}.toml", "--out", tmp_path / "file" / "deep" / "report")
    assert "cannot be made" in line


def test_nothing_is_written_when_a_scenario_is_at_fault(folder, tmp_path):
    (folder / TOOLKIT / "trend.csv").write_bytes(b"")
    refused("propose", folder / f"{TOOLKIT}.toml", "--out", tmp_path / "out" / "report")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["settle"],
        ["run"],
        ["run", "x.toml", "--sett", "a=1"],
        ["run", "x.toml", "--set", "terms.msr"],
        ["replay"],
        ["replay", "x.csv", "--year", "1999"],
        ["propose", "x.toml", "--jobs", "0"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(arguments):
    if "--set" in arguments:
        arguments = [arguments[0], str(SCENARIOS / "toolkit-2010.toml"), *arguments[2:]]
    outcome = CliRunner().invoke(main, arguments)
    assert outcome.exit_code == 2
    assert "Traceback" not in outcome.output


def test_what_may_have_been_meant(folder, monkeypatch):
    assert "Did you mean 'terms.msr'?" in refused("run", folder / f"{TOOLKIT}.toml", "--set", "msr=0.01")
    monkeypatch.chdir(folder.parent)
    assert "Did you mean 'scenarios/toolkit-2010.toml'?" in refused("run", "toolkit-2010")
    (folder / "r.pdf").write_bytes(b"%PDF-1.7 ...")
    assert "this is a PDF" in refused("compare", folder / "r.pdf", folder / f"{TOOLKIT}.toml")
