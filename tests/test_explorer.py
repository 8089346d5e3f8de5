"""The explorer: its state without a screen, what it saves, and the widgets that show it."""

import re
import shutil
import tomllib

import pytest
from conftest import SCENARIOS

from acomodel import InputError, change, fit_trend, load_scenario, run
from acomodel.exhibit import show
from acomodel.workbench.explorer import Explorer, state
from acomodel.workbench.explorer.controls import controls_of
from acomodel.workbench.explorer.figures import FIGURES
from acomodel.workbench.explorer.view import View
from acomodel.workbench.scenario import settings

QUICK = ("toolkit-2010", "hackensack-2014", "mssp-historical", "commercial-two-sided")
SPENDING = "years.0.actual_adjustment"


@pytest.fixture(scope="module")
def opened():
    return {name: run(SCENARIOS / f"{name}.toml") for name in QUICK}


@pytest.fixture(autouse=True)
def undrawn(request, monkeypatch):
    """Pictures are drawn only where they are looked at."""
    if "picture" not in request.node.name:
        monkeypatch.setattr(View, "draw", lambda view: None)


@pytest.fixture
def explorer(opened):
    first = opened["toolkit-2010"]
    return Explorer(first.scenario, first.tables)


@pytest.fixture
def folder(tmp_path):
    for name in ("toolkit-2010", "hackensack-2014"):
        shutil.copy(SCENARIOS / f"{name}.toml", tmp_path)
    shutil.copytree(SCENARIOS / "toolkit-2010", tmp_path / "toolkit-2010")
    return tmp_path


def every(widget):
    """A widget and all inside it."""
    return [widget, *(inner for part in getattr(widget, "children", ()) for inner in every(part))]


def row_of(view, key):
    return next(row for row in view.rows if row.control.key == key)


def test_figures_are_those_of_a_run_of_the_changed_setting(explorer):
    explorer.set({SPENDING: -0.02, "outlook.true_savings": 0.03})
    plain = run(change(load_scenario(SCENARIOS / "toolkit-2010.toml"), {SPENDING: -0.02, "outlook.true_savings": 0.03}))
    found, head = explorer.figures(), plain.headline()
    assert list(found) == list(FIGURES)
    for line in ("benchmark", "actual", "savings", "savings_rate", "msr", "payment"):
        assert found[line] == head[line]
    assert found["payment"] > 0
    assert found["benchmark_pmpm"] == plain.made.pmpm
    luck, real = plain.outlook.payments(), plain.outlook.payments(0.03)
    assert (found["chance_luck"], found["expected_luck"]) == (luck.chance_earned, luck.expected_payment)
    assert (found["chance_true"], found["expected_true"]) == (real.chance_earned, real.expected_payment)
    assert found["chance_true"] > found["chance_luck"] > 0
    assert found["owing_luck"] is None
    assert explorer.changes() == {SPENDING: (0.0, -0.02), "outlook.true_savings": (0.0, 0.03)}
    assert explorer.loaded.run.scenario == load_scenario(SCENARIOS / "toolkit-2010.toml")


def test_two_sided_contract_tells_the_chance_to_owe(explorer):
    explorer.set({"terms.loss_method": "fixed", "terms.loss_rate": 0.5})
    assert explorer.figures()["owing_luck"] == explorer.run.outlook.payments().chance_owed > 0.1


def test_undo_redo_reset(explorer):
    first = explorer.state
    explorer.set({"terms.msr": 0.03})
    explorer.set({"terms.msr": 0.03})  # no change, no step
    explorer.set({"terms.sharing_rate": 0.6})
    last = explorer.state
    explorer.undo()
    assert explorer.changes() == {"terms.msr": (0.02, 0.03)}
    explorer.redo()
    assert explorer.state is last
    explorer.redo()
    assert explorer.state is last
    explorer.reset()
    assert explorer.state is first
    assert explorer.changes() == {}
    explorer.undo()
    assert explorer.state is last
    explorer.undo()
    explorer.set({"terms.msr": 0.01})
    assert not explorer.can_redo
    explorer.undo()
    assert explorer.changes() == {"terms.msr": (0.02, 0.03)}
    for _ in range(5):
        explorer.undo()
    assert explorer.state is first
    assert not explorer.can_undo


def test_one_movement_is_one_step(explorer):
    for value in (0.021, 0.022, 0.023):
        explorer.set({"terms.msr": value}, step="drag 1")
    explorer.set({"terms.msr": 0.03}, step="drag 2")
    explorer.undo()
    assert explorer.scenario.terms.msr == 0.023
    explorer.undo()
    assert explorer.scenario.terms.msr == 0.02


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"terms.msr": 3.0}, "terms.msr: found 3; at most 1 is wanted"),
        ({"terms.mrs": 0.03}, "unknown key 'terms.mrs'"),
        ({"terms.loss_rate": 0.5}, "loss_rate is given"),
        ({"experience.base_year": 1999}, "no year 1999"),
    ],
)
def test_refused_value_leaves_the_state(explorer, values, words):
    before = explorer.state
    with pytest.raises(InputError, match=re.escape(words)) as fault:
        explorer.set(values)
    assert "\n" not in str(fault.value)
    assert explorer.state is before
    assert not explorer.can_undo


def test_interrupted_change_leaves_the_state(explorer, monkeypatch):
    explorer.set({"terms.msr": 0.03})
    before, view = explorer.state, explorer.view

    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(state, "worked_out", interrupted)
    with pytest.raises(KeyboardInterrupt):
        explorer.set({"terms.msr": 0.04})
    assert explorer.state is before
    row = row_of(view, "terms.msr")
    row.slider.value = 4.0
    assert explorer.state is before
    assert "Interrupted" in view.message.value
    assert (row.slider.value, row.field.value) == (3.0, "3.00%")
    monkeypatch.undo()
    row.slider.value = 4.0
    assert explorer.scenario.terms.msr == 0.04
    assert view.message.value == ""


def test_kept_states_side_by_side(explorer):
    explorer.keep("as agreed")
    for n in (1, 2, 3):
        explorer.set({SPENDING: -n / 100})
        explorer.keep(f"offer {n}")
    with pytest.raises(InputError, match="4 states are kept already"):
        explorer.keep("one more")
    explorer.set({"terms.sharing_rate": 0.6})
    assert list(explorer.kept) == ["as agreed", "offer 1", "offer 2", "offer 3"]
    table = explorer.comparison().to_frame()
    payments = [r.headline()["payment"] for r in explorer.kept.values()]
    assert table.loc["Payment to (from) the ACO", "offer 2"] == show(payments[2], "$")
    assert table.loc["Payment to (from) the ACO", "offer 2 − as agreed"] == f"+{show(payments[2] - payments[0], '$')}"
    steps = explorer.bridge("as agreed", "now").steps
    assert steps["change"].sum() == pytest.approx(explorer.figures()["payment"] - payments[0], abs=0.011)
    assert len(steps) >= 4
    explorer.drop("offer 1")
    explorer.recall("offer 2")
    assert explorer.scenario == explorer.kept["offer 2"].scenario
    explorer.undo()
    assert explorer.scenario.terms.sharing_rate == 0.6
    for missing in (lambda: explorer.recall("offer 1"), lambda: explorer.drop("now")):
        with pytest.raises(InputError, match="is kept"):
            missing()


def test_saved_scenario_says_who_changed_what_and_runs_the_same(folder):
    explorer = Explorer(folder / "toolkit-2010.toml")
    before = (folder / "toolkit-2010.toml").read_bytes()
    explorer.set({SPENDING: -0.02, "terms.msr": "size", "risk.cap": 0.03, "experience.base_year": None})
    path = explorer.save("our-offer", by="J. Doe, FSA", why="Counter-offer of May", date="2025-05-02")
    assert path == folder / "our-offer.toml"
    saved = load_scenario(path)
    told = ("name", "title", "basis", "path")
    assert {k: v for k, v in settings(saved).items() if k not in told} == {
        k: v for k, v in settings(explorer.scenario).items() if k not in told
    }
    assert (saved.name, saved.title) == ("our-offer", f"{explorer.scenario.title} (our-offer)")
    assert run(saved).headline()["payment"] == explorer.figures()["payment"]
    assert saved.basis["terms.msr"] == "J. Doe, FSA, 2025-05-02: 2% changed to by size. Counter-offer of May."
    assert saved.basis["risk.cap"] == "J. Doe, FSA, 2025-05-02: none changed to 3%. Counter-offer of May."
    assert saved.basis["terms"] == explorer.scenario.basis["terms"]
    assert set(saved.basis) - set(explorer.scenario.basis) == set(explorer.changes())
    assert "seasonality" not in path.read_text()  # defaults stay unsaid
    assert (folder / "toolkit-2010.toml").read_bytes() == before
    assert not [p for p in folder.iterdir() if "partial" in p.name]


def test_saving_twice_keeps_what_was_said_before(folder):
    explorer = Explorer(folder / "toolkit-2010.toml")
    explorer.set({"terms.msr": 0.03})
    explorer.open(explorer.save("first", by="A", why="one", date="2025-01-01"))
    explorer.set({"terms.msr": 0.04})
    second = load_scenario(explorer.save("second", by="B", why="two", date="2025-02-01"))
    assert second.basis["terms.msr"] == (
        "B, 2025-02-01: 3% changed to 4%. two. Before that: A, 2025-01-01: 2% changed to 3%. one."
    )


def test_scenario_that_extends_another_is_saved_whole(folder):
    (folder / "higher.toml").write_text('extends = "toolkit-2010.toml"\nname = "higher"\n[trend]\nadjustment = 0.01\n')
    explorer = Explorer(folder / "higher.toml")
    explorer.set({SPENDING: -0.03})
    path = explorer.save("higher-2", by="A", why="b")
    assert "extends" not in tomllib.loads(path.read_text())
    assert run(path).headline()["payment"] == explorer.figures()["payment"]


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("toolkit-2010", {}, "exists already"),
        ("hackensack-2014", {"replace": True}, "the scenario that was opened"),
        ("hackensack-2014.toml", {}, "exists already"),
        ("../elsewhere", {}, "lies in another folder"),
        ("a b", {}, "a name of letters"),
        ("", {}, "a name of letters"),
        ("mine", {"by": " \n"}, "who changed it"),
        ("mine", {"why": ""}, "why it was changed"),
        ("mine", {"date": "2 May"}, "found the date '2 May'"),
    ],
)
def test_what_cannot_be_saved_leaves_nothing(folder, name, given, words):
    explorer = Explorer(folder / "hackensack-2014.toml")
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    with pytest.raises(InputError, match=re.escape(words)):
        explorer.save(name, **{"by": "A", "why": "b", **given})
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_saved_file_is_replaced_only_when_told(folder):
    explorer = Explorer(folder / "hackensack-2014.toml")
    explorer.save("mine", by="A", why="b")
    explorer.set({"years.1.quality_score": 0.5})
    with pytest.raises(InputError, match="exists already"):
        explorer.save("mine", by="A", why="b")
    assert load_scenario(folder / "mine.toml").years[1].quality_score == 0.894308036
    explorer.save("mine", by="A", why="b", replace=True)
    assert load_scenario(folder / "mine.toml").years[1].quality_score == 0.5


def test_text_given_cannot_become_settings(folder):
    explorer = Explorer(folder / "hackensack-2014.toml")
    explorer.set({"years.1.quality_score": 0.5})
    why = 'x"\n[terms]\nsharing_rate = 1.0\n# \x07"""'
    saved = load_scenario(explorer.save("odd", by='"]\n[report]', why=why))
    assert saved.terms == explorer.scenario.terms
    assert 'x" [terms] sharing_rate = 1.0 # """' in saved.basis["years.1.quality_score"]


def test_another_scenario_is_opened_and_undone(folder, monkeypatch):
    explorer = Explorer(folder / "toolkit-2010.toml")
    explorer.set({"terms.msr": 0.03})
    explorer.open(folder / "hackensack-2014.toml")
    assert explorer.scenario.name == "hackensack-2014"
    assert explorer.changes() == {}
    explorer.undo()
    assert explorer.changes() == {"terms.msr": (0.02, 0.03)}
    (folder / "broken.toml").write_text("name = 3")
    before = explorer.state
    with pytest.raises(InputError, match="broken"):
        explorer.open(folder / "broken.toml")
    assert explorer.state is before
    reads = []
    monkeypatch.setattr("acomodel.workbench.model.read_tables", lambda s: reads.append(s) or state.read_tables(s))
    explorer.open(folder / "toolkit-2010.toml")
    assert not reads
    trend = folder / "toolkit-2010" / "trend.csv"
    trend.write_text(trend.read_text() + "\n")
    explorer.open(folder / "toolkit-2010.toml")
    assert len(reads) == 1


@pytest.mark.parametrize("name", QUICK)
def test_every_control_moves_what_it_says(opened, name):
    base = opened[name]
    explorer = Explorer(base.scenario, base.tables)
    view = explorer.view
    for row in view.rows:
        control = row.control
        if control.off:
            row.off.value = False
        place = row.slider.value + row.slider.step
        row.slider.value = place
        value = control.from_slider(place)
        assert row.fault.value == "", control.label
        expected = run(change(base.scenario, control.settings(value)), base.tables)
        assert explorer.scenario == expected.scenario, control.label
        assert explorer.figures()["payment"] == expected.headline()["payment"], control.label
        assert row.field.value == control.written(value)
        assert f"data-figure='payment'>{show(expected.headline()['payment'], '$')}<" in view.figures.value
        if control.off:
            row.off.value = True
            held = control.value(explorer.run, settings(explorer.scenario))
            assert control.is_off(held), control.label
        explorer.reset()
        assert row.field.value == control.written(control.value(base, settings(base.scenario)))


def test_size_takes_dollars_with_it_where_they_are_per_member(opened):
    toolkit, medicare = (controls_of(opened[name])[-1] for name in ("toolkit-2010", "mssp-historical"))
    assert toolkit.settings(10_000.0) == {"years.0.member_months": 120_000.0, "benchmark.member_months": 120_000.0}
    assert medicare.settings(10_000.0) == {"years.0.members": 10_000.0}
    explorer = Explorer(opened["toolkit-2010"].scenario, opened["toolkit-2010"].tables)
    before = explorer.figures()
    explorer.set(toolkit.settings(4 * 5115.0))
    after = explorer.figures()
    assert after["benchmark"] == pytest.approx(4 * before["benchmark"])
    assert after["savings_rate"] == pytest.approx(before["savings_rate"])
    assert after["chance_luck"] < before["chance_luck"]


def test_programme_offers_its_own_choices(folder):
    text = (folder / "hackensack-2014.toml").read_text().replace("Track 1", "ENHANCED").partition("[sensitivity]")[0]
    text = re.sub(r"(?s)\[\[years\]\]\nlabel = \"2013\".*?\n\n", "", text)
    text = text.replace("2012", "2022").replace("2014", "2023")
    (folder / "enhanced.toml").write_text(text.replace('name = "hackensack-2023"', 'name = "enhanced"'))
    explorer = Explorer(folder / "enhanced.toml")
    row = row_of(explorer.view, "terms.msr")
    assert row.choice.options[0] == "0.00%"
    assert row.choice.value == "by size"
    row.choice.value = "0.50%"
    assert (explorer.scenario.terms.msr, explorer.figures()["msr"]) == (0.005, 0.005)


def test_field_takes_what_a_person_types(explorer):
    view = explorer.view
    row = row_of(view, "terms.msr")
    row.field.value = " 2,5 %".replace(",", ".")
    assert explorer.scenario.terms.msr == 0.025
    assert (row.field.value, row.slider.value) == ("2.50%", 2.5)
    row.field.value = "300"
    assert "Savings threshold: found 300%; at most 100% is wanted" in row.fault.value
    assert row.field.value == "2.50%"
    row.field.value = "<b>"
    assert "found &#x27;&lt;b&gt;&#x27;" in row.fault.value
    assert explorer.scenario.terms.msr == 0.025
    row.off.value = True
    assert explorer.scenario.terms.msr == "size"
    assert row.fault.value == ""
    row.field.value = "40"  # beyond the slider, which reaches as far as the value
    assert (explorer.scenario.terms.msr, row.slider.value, row.slider.max) == (0.4, 40.0, 40.0)
    row_of(view, "large_claims.threshold").field.value = "$75,000"
    assert explorer.scenario.large_claims.threshold == 75_000.0


def test_a_browser_that_rounds_a_slider_moves_nothing(opened):
    base = opened["hackensack-2014"]
    explorer = Explorer(base.scenario, base.tables)
    row = row_of(explorer.view, "years.1.quality_score")
    row.slider.value = 89.0  # the score is 89.43
    assert not explorer.can_undo
    row.slider.value = 90.0
    assert explorer.scenario.years[1].quality_score == 0.9


def test_dragging_is_undone_at_once_and_pausing_is_not(explorer, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("acomodel.workbench.explorer.view.time.monotonic", lambda: clock[0])
    row = row_of(explorer.view, "terms.msr")
    for later, place in ((0.1, 2.1), (0.1, 2.2), (0.1, 2.3), (9.0, 2.4)):
        clock[0] += later
        row.slider.value = place
    explorer.view.undo.click()
    assert explorer.scenario.terms.msr == 0.023
    explorer.view.undo.click()
    assert explorer.scenario.terms.msr == 0.02
    assert explorer.view.undo.disabled
    assert row.slider.value == 2.0
    explorer.view.redo.click()
    assert row.field.value == "2.30%"


def test_pictures_follow_the_one_in_sight(explorer):
    view = explorer.view
    assert view.shown_picture.options == ("Payment", "By outcome", "Chance", "Benchmark")
    for name in view.shown_picture.options:
        view.shown_picture.value = name
        before = view.picture.value
        assert "<svg" in before
        assert "aria-label" in before
        explorer.set({SPENDING: explorer.scenario.years[0].actual_adjustment - 0.02, "trend.adjustment": 0.001})
        assert view.picture.value != before
        explorer.reset()


def test_panels_compare_and_save(folder):
    explorer = Explorer(folder / "toolkit-2010.toml")
    view = explorer.view
    view.panels.selected_index = 0
    view.comparison.keep.click()
    explorer.set({SPENDING: -0.03})
    assert list(explorer.kept) == ["State 1"]
    assert show(explorer.figures()["payment"], "$") in view.comparison.table.value
    assert SPENDING in view.comparison.settings.value
    assert "<table" in view.comparison.bridge.value
    view.saving.save.click()
    assert "a name of letters" in view.saving.said.value
    view.saving.name.value, view.saving.by.value, view.saving.why.value = "mine", "A", "b"
    view.saving.save.click()
    assert (folder / "mine.toml").is_file()
    assert "mine" in view.chooser.options
    assert view.chooser.value == "toolkit-2010"
    view.chooser.value = "mine"
    assert explorer.scenario.name == "mine"
    (folder / "mine.toml").write_text("name = 3")
    view.chooser.value = "hackensack-2014"
    view.chooser.value = "mine"
    assert "mine.toml" in view.message.value
    assert view.chooser.value == explorer.scenario.name == "hackensack-2014"
    assert [row.control.key for row in view.rows][:1] == ["years.1.benchmark_adjustment"]


def test_markup_in_data_stays_text(folder):
    odd = "<script>alert(1)</script>"
    path = folder / "hackensack-2014.toml"
    text = path.read_text()
    text = text.replace("Hackensack Alliance ACO, Track 1, first two performance periods", odd)
    path.write_text(text.replace('label = "2014"', f'label = "{odd}"'))
    explorer = Explorer(path)
    view = explorer.view
    view.panels.selected_index = 0
    explorer.keep(odd)
    explorer.set({"years.1.quality_score": 0.5})
    shown = [w.value for w in every(view.widget) if type(w).__name__ == "HTML"]
    assert sum("&lt;script&gt;" in value for value in shown) >= 3
    assert not [value for value in shown if "<script" in value]
    assert "<script" not in explorer.scenario._repr_html_()
    assert "&lt;script&gt;" in explorer.scenario._repr_html_()


def test_scenario_shows_its_settings(opened):
    scenario = opened["toolkit-2010"].scenario
    text, html = repr(scenario), scenario._repr_html_()
    assert re.search(r"\[terms\]\n  sharing_rate  50%", text)
    assert re.search(r"threshold +\$50,000", text)
    assert "seasonality" not in text
    assert "ACO Toolkit, exhibit 3.13" in html
    assert html.count("<table") == html.count("</table>") >= 7


def test_cutting_claims_leaves_the_trend_of_use(opened):
    base = opened["commercial-two-sided"]
    tables, rule = base.tables, base.scenario.trend.rule
    cut = tables.keeping({2022: 0.9, 2023: 0.8})
    category = tables.monthly["service_category"].iloc[0]
    part = cut.monthly[cut.monthly["service_category"] == category]
    for measure in ("utilization_per_1000", "unit_cost", "allowed_pmpm"):
        plain, found = fit_trend(part, rule, measure=measure), cut.fit(category, rule, measure)
        assert (found.annual_factor, found.low, found.high) == (plain.annual_factor, plain.low, plain.high)
    assert cut.fit(category, rule, "unit_cost").annual_factor != tables.fit(category, rule, "unit_cost").annual_factor
    assert cut.fingerprint("monthly") != tables.fingerprint("monthly")
