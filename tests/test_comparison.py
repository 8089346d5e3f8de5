"""Two drafts side by side: what changed, and the walk of the payment from one to the other."""

import itertools
import json
import re
import shutil
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import SCENARIOS
from matplotlib.figure import Figure

from acomodel import InputError, change, compare, load_scenario, run
from acomodel.cli.compare import compare as command
from acomodel.cli.compare import page
from acomodel.exhibit import show
from acomodel.workbench import splitting
from acomodel.workbench.changes import changes_of
from acomodel.workbench.exhibits import comparison as tables
from acomodel.workbench.plots import comparison as charts

NAMES = ["toolkit-2010", "hackensack-2014", "mssp-historical", "commercial-two-sided"]
MOVES = {
    "toolkit-2010": {
        "terms.sharing_rate": [0.3, 0.7],
        "terms.msr": [0.0, 0.01],
        "terms.share_from": ["first_dollar"],
        "terms.loss_method": ["one_minus_final_rate"],
        "terms.savings_cap_benchmark": [0.005, 0.1],
        "trend.adjustment": [0.02, 0.05],
        "benchmark.rounding": ["none"],
        "risk.cap": [0.01],
        "large_claims.threshold": [60_000],
        "years.0.actual_adjustment": [-0.04, -0.08],
        "years.1.actual_pmpm": [400.0],
    },
    "hackensack-2014": {
        "terms.track": ["Track 2"],
        "years.1.quality_score": [0.7, 1.0],
        "years.1.actual_adjustment": [-0.01, 0.01],
        "years.1.benchmark_adjustment": [0.01],
        "years.1.members": [5000.0, 40_000.0],
        "years.0.quality_score": [0.5],
    },
    "mssp-historical": {
        "historical.adjustment": [0.01, -0.01],
        "historical.weights": [[0.2, 0.3, 0.5]],
        "historical.override.Updated benchmark": [13_200.0],
        "terms.track": ["Track 2"],
        "years.0.quality_score": [0.7, 1.0],
        "years.0.members": [5000.0],
    },
    "commercial-two-sided": {
        "terms.sharing_rate": [0.5, 0.7],
        "terms.msr": [0.01, 0.03],
        "terms.loss_rate": [0.3],
        "terms.quality_gate": [0.5, 0.9],
        "terms.corridors": [[[0.03, 0.5], [float("inf"), 1.0]]],
        "trend.weights": [{"own": 0.5, "regional": 0.5}],
        "trend.regional": [[0.05, 0.05]],
        "large_claims.threshold": [200_000],
        "risk.adjustment": [0.01],
        "years.0.actual_pmpm": [535.0, 560.0],
    },
}


@pytest.fixture(scope="module")
def runs():
    return {name: run(SCENARIOS / f"{name}.toml") for name in NAMES}


def moved(base, values):
    return run(change(base.scenario, values), base.tables)


def cents(value):
    return round(100 * float(value))


def check_sums(bridge):
    """Levels are those of the runs, and printed changes add up to the printed total, in cents."""
    steps = bridge.steps
    for at, result in ((0, bridge.before), (-1, bridge.after)):
        assert steps["payment"].iloc[at] == pytest.approx(result.headline()["payment"], abs=0.005001)
    levels = [cents(v) for v in steps["payment"]]
    changes = [cents(v) for v in steps["change"]]
    assert levels[1:] == [a + b for a, b in zip(levels, changes[1:], strict=False)]
    shown = bridge.exhibit().shown()
    printed = [Decimal(t.replace("−", "-").replace("$", "").replace(",", "")) for t in shown["Change"] if t != "–"]
    assert sum(printed[:-1]) == printed[-1]
    told = json.loads(json.dumps(bridge.to_json(), allow_nan=False), parse_float=Decimal)
    assert sum(step["change"] for step in told["steps"]) == told["total"]
    assert told["steps"][0]["payment"] + told["total"] == told["steps"][-1]["payment"]


@pytest.mark.parametrize("name", NAMES)
def test_changes_add_up_to_the_cent_whatever_differs(runs, name):
    rng = np.random.default_rng(5)
    keys = list(MOVES[name])
    for _ in range(2):
        sides = []
        for _ in range(2):
            chosen = rng.choice(len(keys), size=rng.integers(1, 3), replace=False)
            sides.append({keys[n]: MOVES[name][keys[n]][rng.integers(len(MOVES[name][keys[n]]))] for n in chosen})
        before, after = (moved(runs[name], values) for values in sides)
        for by in ("chain", "shapley"):
            check_sums(compare(before, after, by=by))


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(range(4), 2)))
def test_drafts_of_another_kind_are_compared_too(runs, first, second):
    bridge = compare(runs[NAMES[first]], runs[NAMES[second]])
    check_sums(bridge)
    assert len(bridge.steps) > 2
    same = bridge.labels[0] == bridge.labels[1]
    assert ("different years" in bridge.note) == (not same)


def test_a_step_is_what_the_runs_by_hand_say(runs):
    base = runs["commercial-two-sided"]
    new = {"trend.adjustment": 0.01, "terms.sharing_rate": 0.5, "terms.msr": 0.03, "years.0.actual_pmpm": 540.0}
    steps = compare(base, moved(base, new)).steps
    assert list(steps.index) == [
        "before",
        "What-if: trend",
        "Sharing rate",
        "Minimum savings rate",
        "Spending PMPM",
        "after",
    ]
    taken, level = {}, base.headline()["payment"]
    for (key, value), words in zip(new.items(), steps.index[1:-1], strict=True):
        taken[key] = value
        now = moved(base, taken).headline()["payment"]
        assert steps.loc[words, "change"] == pytest.approx(now - level, abs=0.011)
        assert steps.loc[words, "settings"] == key
        assert abs(steps.loc[words, "change"]) > 1
        level = now


def test_changes_name_settings_values_units_and_steps(runs):
    base = runs["commercial-two-sided"]
    bridge = compare(base, moved(base, {"terms.msr": 0.03, "outlook.true_savings": 0.01, "report.client": "Other"}))
    assert bridge.changes.loc["terms.msr"].tolist() == [0.02, 0.03, "share of benchmark", "Minimum savings rate"]
    assert bridge.changes.loc["outlook.true_savings", "step"] == ""
    assert list(bridge.changes.index) == ["terms.msr", "outlook.true_savings"]
    shown = tables.changes(bridge).shown()
    assert shown.loc["Minimum savings rate", ["Before", "After"]].tolist() == ["2%", "3%"]


@pytest.mark.parametrize("name", NAMES)
def test_a_run_beside_itself_is_empty(runs, name):
    bridge = compare(runs[name], runs[name])
    assert list(bridge.steps.index) == ["before", "after"]
    assert bridge.total == 0 and bridge.changes.empty and bridge.tables.empty and bridge.sources.empty
    assert "Nothing that the payment depends on differs" in repr(bridge)
    assert "no setting" in repr(tables.summary(bridge)).lower()


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("hackensack-2014", "years.1.quality_score", 0.5),
        ("commercial-two-sided", "terms.msr", 0.03),
        ("toolkit-2010", "years.0.actual_adjustment", -0.1),
    ],
)
def test_the_way_back_is_the_mirror_for_a_single_change(runs, name, key, value):
    base = runs[name]
    other = moved(base, {key: value})
    there, back = compare(base, other), compare(other, base)
    assert len(there.steps) == 3 and there.total != 0
    assert there.steps["change"].iloc[1] == -back.steps["change"].iloc[1]


def test_the_average_over_orders_is_the_mirror_for_many_changes(runs):
    base = runs["commercial-two-sided"]
    new = {"terms.sharing_rate": 0.7, "terms.msr": 0.025, "years.0.actual_pmpm": 540.0, "trend.adjustment": 0.01}
    other = moved(base, new)
    there, back = (compare(*pair, by="shapley").steps["change"] for pair in ((base, other), (other, base)))
    assert there.iloc[1:-1].tolist() == (-back.iloc[1:-1]).tolist()
    chain = compare(base, other).steps["change"]
    assert chain.iloc[1:-1].tolist() != there.iloc[1:-1].tolist()
    assert chain.sum() == pytest.approx(there.sum(), abs=1e-6)


def test_the_order_is_stated(runs):
    base = runs["commercial-two-sided"]
    other = moved(base, {"terms.msr": 0.03, "terms.sharing_rate": 0.5})
    assert "another order" in compare(base, other).note
    assert "all orders" in compare(base, other, by="shapley").note
    single = moved(base, {"terms.msr": 0.03})
    assert compare(base, single).note == ""
    with pytest.raises(InputError, match="found by = 'shaply'; chain or shapley is wanted. Did you mean 'shapley'"):
        compare(base, other, by="shaply")


def game(worths):
    return lambda taken: worths[tuple(sorted(taken))]


def test_shapley_of_a_game_known_by_thought():
    steps = [(0,), (1,), (2,)]
    glove = {s: 100 * (0 in s and len(s) > 1) for n in range(4) for s in itertools.combinations(range(3), n)}
    shares, said = splitting.shapley(steps, game(glove))
    assert sum(shares) == 100 and shares[0] == 67 and sorted(shares[1:]) == [16, 17]
    assert "all orders" in said
    equal = {s: len(s) * 7 for n in range(4) for s in itertools.combinations(range(3), n)}
    assert splitting.shapley(steps, game(equal))[0] == [7, 7, 7]


def test_shapley_of_many_steps_is_sampled_with_a_seed_and_says_so():
    steps = [(n,) for n in range(9)]
    weights = [2**n for n in range(9)]

    def worth(taken):
        return sum(weights[n] for n in taken) + 100 * (0 in taken and 8 in taken)

    shares, said = splitting.shapley(steps, worth)
    assert "128 orders" in said and "seed 1" in said
    assert shares == splitting.shapley(steps, worth)[0]
    assert sum(shares) == worth(range(9))
    assert shares[1:8] == weights[1:8]
    assert shares[0] - weights[0] == shares[8] - weights[8] == 50


def test_cents_go_to_the_largest_remainders():
    shares = [Fraction(10, 3), Fraction(10, 3), Fraction(1, 3)]
    assert splitting.allotted(shares) == [4, 3, 0]
    assert splitting.allotted([-s for s in shares]) == [-4, -3, 0]
    rng = np.random.default_rng(3)
    for _ in range(200):
        parts = [Fraction(int(n), 7) for n in rng.integers(-50, 50, size=5)]
        parts.append(-sum(parts) + int(rng.integers(-20, 20)))
        found = splitting.allotted(parts)
        assert sum(found) == sum(parts)
        assert all(abs(a - b) < 1 for a, b in zip(found, parts, strict=True))


def test_settings_that_do_not_stand_alone_are_one_step(runs):
    base = runs["hackensack-2014"]
    text = {"program": None, "track": None, "agreement_start": None, "sharing_rate": 0.5}
    gate = change(base.scenario, {"terms": {"sharing_rate": 0.5, "quality_method": "gate", "quality_gate": 0.5}})
    free = change(
        base.scenario,
        {"terms": {k: v for k, v in text.items() if v}, "years.0.quality_score": None, "years.1.quality_score": None},
    )
    with pytest.raises(InputError):
        run(change(gate, {"years.1.quality_score": None, "years.0.quality_score": None}), base.tables)
    there = compare(run(free, base.tables), run(gate, base.tables))
    assert any("Quality clause" in step and "quality" in step.split("Quality clause")[1] for step in there.steps.index)
    check_sums(there)
    for by in ("chain", "shapley"):
        check_sums(compare(run(gate, base.tables), run(free, base.tables), by=by))


def test_a_clause_goes_with_what_it_needs(runs):
    base = runs["commercial-two-sided"]
    other = moved(base, {"terms.loss_method": "none", "terms.loss_rate": None, "years.0.actual_pmpm": 590.0})
    steps = compare(moved(base, {"years.0.actual_pmpm": 590.0}), other).steps
    assert steps.loc["Loss sharing", "settings"] == "terms.loss_method terms.loss_rate"
    assert steps.loc["Loss sharing", ["was", "became"]].tolist() == ["fixed; 60%", "none"]
    assert steps.loc["Loss sharing", "change"] > 0


def test_programme_terms_against_terms_of_ones_own_are_one_step(runs):
    base = runs["hackensack-2014"]
    own = run(change(base.scenario, {"terms": {"sharing_rate": 0.4, "msr": 0.02, "name": "Our own"}}), base.tables)
    steps = compare(base, own).steps
    assert list(steps.index) == ["before", "Terms of the contract", "after"]
    assert steps.loc["Terms of the contract", ["was", "became"]].tolist() == ["MSSP Track 1", "Our own"]


def test_a_benchmark_stated_in_one_and_made_in_the_other(runs):
    made = runs["mssp-historical"]
    stated = run(change(made.scenario, {"historical": None, "basis": {}, "years.0.benchmark": 198_000_000.0}))
    steps = compare(stated, made).steps
    assert list(steps.index) == ["before", "How the benchmark is made", "after"]
    assert steps.iloc[1][["was", "became"]].tolist() == ["stated", "made from base years"]
    by_hand = made.headline()["payment"] - stated.headline()["payment"]
    assert steps["change"].iloc[1] == pytest.approx(by_hand, abs=0.011)


def test_tables_that_differ_are_steps_with_rows_and_sums(tmp_path, runs):
    shutil.copytree(SCENARIOS, tmp_path / "s")
    path = tmp_path / "s" / "toolkit-2010.toml"
    for name, old, new in [
        ("toolkit-2010/trend.csv", "2010,Pharmacy,1.05", "2010,Pharmacy,1.25"),
        ("toolkit-2010/experience.csv", "1500000,180000", "1800000,180000"),
    ]:
        table = tmp_path / "s" / name
        text = table.read_text(encoding="utf-8")
        assert old in text
        table.write_text(text.replace(old, new), encoding="utf-8")
    after = run(load_scenario(path))
    bridge = compare(runs["toolkit-2010"], after)
    assert list(bridge.steps.index) == ["before", "Experience", "Table of trends", "after"]
    assert (bridge.steps["change"].iloc[1:-1] > 0).all()
    assert bridge.changes.empty
    told = bridge.tables
    assert told.loc[("experience", "incurred_claims"), "after"] - told.loc[
        ("experience", "incurred_claims"), "before"
    ] == pytest.approx(300_000)
    assert told.loc[("trend", "cells that differ"), "after"] == 1
    check_sums(bridge)


def test_names_of_files_that_hold_the_same_are_no_change(tmp_path, runs):
    shutil.copytree(SCENARIOS, tmp_path / "s")
    shutil.move(tmp_path / "s" / "toolkit-2010", tmp_path / "s" / "elsewhere")
    path = tmp_path / "s" / "toolkit-2010.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace('table = "toolkit-2010/', 'table = "elsewhere/'), encoding="utf-8"
    )
    bridge = compare(runs["toolkit-2010"], run(load_scenario(path)))
    assert bridge.changes.empty and len(bridge.steps) == 2


def test_chances_are_those_of_both_outlooks(runs):
    base = runs["commercial-two-sided"]
    other = moved(base, {"terms.msr": 0.03})
    found = compare(base, other).chances
    for side, result in (("before", base), ("after", other)):
        assert found.loc["chance_earned", side] == result.outlook.payments(0.0).chance_earned
        assert found.loc["expected_payment_so", side] == result.outlook.payments(0.02).expected_payment
    assert found.loc["chance_earned", "change"] < 0
    silent = change(runs["mssp-historical"].scenario, {"outlook.true_savings": 0.0})
    assert "true_savings" not in compare(runs["mssp-historical"], run(silent)).chances.index


def test_levels_stand_ahead_of_the_steps(runs):
    base = runs["hackensack-2014"]
    other = moved(base, {"years.1.actual_adjustment": 0.01})
    levels = compare(base, other).levels
    assert levels.loc["actual", "change"] == pytest.approx(0.01 * 192_081_207)
    assert list(levels.index) == ["benchmark", "actual", "savings", "savings_rate", "msr", "payment"]


def test_the_chart_walks_from_payment_to_payment(runs):
    base = runs["commercial-two-sided"]
    new = {"terms.sharing_rate": 0.7, "terms.loss_rate": 0.3, "years.0.actual_pmpm": 540.0, "risk": None}
    bridge = compare(base, moved(base, new))
    ax = charts.bridge(bridge, Figure().add_subplot())
    heights = [bar.get_height() for bar in ax.patches]
    scale = bridge.steps["payment"].iloc[0] / heights[0]
    moved_steps = bridge.steps[bridge.steps["change"] != 0]["change"]
    np.testing.assert_allclose(np.array(heights[1:-1]) * scale, moved_steps, atol=1e-6)
    assert heights[-1] * scale == pytest.approx(bridge.steps["payment"].iloc[-1])
    labels = [t.get_text().replace("\n", " ") for t in ax.get_xticklabels()]
    assert labels[0] == "Before" and labels[-1] == "After" and "Sharing rate 60% to 70%" in labels
    many = {f"years.0.{k}": v for k, v in (("actual_pmpm", 540.0), ("benchmark_adjustment", 0.01))}
    many |= {"terms.sharing_rate": 0.7, "terms.msr": 0.01, "trend.adjustment": 0.01, "risk.adjustment": 0.01}
    long = compare(base, moved(base, many))
    lying = charts.bridge(long, Figure().add_subplot())
    widths = [bar.get_width() for bar in lying.patches]
    assert len(widths) == len(long.steps)
    assert sum(widths[:-1]) == pytest.approx(widths[-1])
    words = charts.drawn(bridge).words
    assert show(float(moved_steps.iloc[0]), "$.") in words
    assert charts.bridge(compare(base, base), Figure().add_subplot()).patches


HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def drafts(tmp_path_factory):
    """Two drafts in one folder, the second with hostile words; a report folder of the first."""
    folder = tmp_path_factory.mktemp("drafts")
    text = (SCENARIOS / "hackensack-2014.toml").read_text(encoding="utf-8")
    (folder / "a.toml").write_text(text, encoding="utf-8")
    for old, new in [
        ('label = "2014"', f'label = "2014 {HOSTILE} \\u0007 \\u001b[31m"'),
        ("quality_score = 0.894308036", "quality_score = 0.9"),
        ("members = 15603", "members = 9000"),
        ('title = "Hack', f'title = "=HYPERLINK(1) {HOSTILE} Hack'),
        ('"years.1" = "', f'"years.1" = "{HOSTILE} '),
        ('client = "', f'client = "{HOSTILE} '),
    ]:
        assert old in text
        text = text.replace(old, new)
    (folder / "b.toml").write_text(text, encoding="utf-8")
    (folder / "report").mkdir()
    shutil.copy(folder / "a.toml", folder / "report" / "scenario.toml")
    (folder / "empty").mkdir()
    return folder


def called(*arguments):
    return CliRunner().invoke(command, [str(a) for a in arguments])


def test_the_command_prints_all_tables(drafts):
    found = called(drafts / "a.toml", drafts / "b.toml")
    assert found.exit_code == 0
    for words in (
        "Both settlements",
        "Payment, step by step",
        "Settings that differ",
        "Sources that differ",
        "Members",
    ):
        assert words in found.stdout
    assert "\x1b" not in found.stdout and "\x07" not in found.stdout


def test_the_command_prints_one_json_document(drafts):
    found = called(drafts / "a.toml", drafts / "b.toml", "--json", "--by", "shapley")
    assert found.exit_code == 0
    told = json.loads(found.stdout, parse_float=Decimal)
    assert told["by"] == "shapley" and sum(s["change"] for s in told["steps"]) == told["total"] != 0
    assert {c["setting"] for c in told["changes"]} >= {"years.1.quality_score", "years.1.members"}
    assert told["chances"] and told["sources"] and told["levels"]


def test_the_page_holds_everything_and_nothing_harmful(drafts):
    out = drafts / "page.html"
    found = called(drafts / "a.toml", drafts / "b.toml", "--out", out)
    assert found.exit_code == 0 and "page.html: written" in found.stdout
    text = out.read_text(encoding="utf-8")
    assert "<script" not in text and "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    for word in ("src=", "<link", "@import", "url(http"):
        assert word not in text
    for words in ("Payment, step by step", "<svg", "What changed in the inputs", "How much is luck"):
        assert words in text
    assert not list(drafts.glob(".*partial"))


def test_a_report_folder_stands_for_its_scenario(drafts):
    found = called(drafts / "report", drafts / "a.toml", "--json")
    assert found.exit_code == 0
    assert json.loads(found.stdout)["total"] == 0
    assert called(drafts / "a.toml", drafts / "a.toml").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a.toml", "c.toml"), "no such file"),
        (("empty", "a.toml"), "holds no scenario.toml"),
        (("a.toml", "b.toml", "--out", "page.pdf"), ".html is wanted"),
        (("a.toml", "b.toml", "--out", "nowhere/page.html"), "cannot be written"),
    ],
)
def test_wrong_input_is_one_line_and_exit_1(drafts, arguments, words):
    found = called(*(a if a.startswith("--") else drafts / a for a in arguments))
    assert found.exit_code == 1
    assert words in found.stderr and found.stderr.count("\n") == 1 and "Traceback" not in found.output


def test_a_failed_page_leaves_the_earlier_one(drafts, monkeypatch):
    out = drafts / "kept.html"
    out.write_text("earlier", encoding="utf-8")

    def broken(*_):
        raise InputError("no page")

    monkeypatch.setattr("acomodel.cli.compare.page", broken)
    assert called(drafts / "a.toml", drafts / "b.toml", "--out", out).exit_code == 1
    assert out.read_text(encoding="utf-8") == "earlier"
    assert not list(drafts.glob(".*partial"))


def test_words_that_two_steps_share_are_told_apart(runs):
    base = runs["toolkit-2010"]
    other = moved(base, {"years.0.label": "x", "years.1.label": "y", "years.0.actual_pmpm": 380.0})
    assert [c.words for c in changes_of(base, other)] == ["X: spending PMPM"] or len(changes_of(base, other)) == 1
    assert page(compare(base, other)).count("<h2") >= 3


def test_few_claimants_of_either_side_are_not_counted_out():
    files = [str(SCENARIOS / f"{name}.toml") for name in ("toolkit-2010", "commercial-two-sided")]
    text = CliRunner().invoke(command, files)
    assert text.exit_code == 0, text.output
    assert re.search(r"Large claims: rows +1–10", text.stdout)
    assert re.search(r"Large claims: allowed +–", text.stdout)
    document = json.loads(CliRunner().invoke(command, [*files, "--json"]).stdout)
    rows = [row for row in document["tables"] if row["table"] == "large_claims"]
    assert [(row["figure"], row["before"]) for row in rows] == [("rows", "1–10"), ("allowed", None)]
