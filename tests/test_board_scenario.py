"""A scenario with monitoring, physicians, quality from claims and a distribution, from its claims to a report."""

import re
import shutil

import openpyxl
import pandas as pd
import pytest
from conftest import SCENARIOS

from acomodel import InputError, change, load_scenario, run
from acomodel.claims.care.tables import read_care
from acomodel.inputs import read_table
from acomodel.workbench import exhibits, plots
from acomodel.workbench.claims import measured
from acomodel.workbench.report.folder import make_report, results_text
from acomodel.workbench.templates import new_scenario

SMALL = {"claims.synthetic.members": 1800, "claims.synthetic.months": 36, "claims.synthetic.start": "2022-01"}
SMALL |= {"claims.years": [2023, 2024], "outlook.draws": 2000, "report.show_small_cells": False}
SMALL |= {"physicians.minimum_member_months": 200.0}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("board")
    shutil.copytree(SCENARIOS / "aco-board", folder / "aco-board")
    path = folder / "small.toml"
    path.write_text(change(load_scenario(SCENARIOS / "aco-board.toml"), SMALL).to_toml(), encoding="utf-8")
    return make_report(load_scenario(path), folder / "first", chapters=["8-monitoring", "9-physicians"])


@pytest.fixture(scope="module")
def again(report):
    return run(report / "scenario.toml")


def test_a_report_from_claims_gives_the_same_figures_again(report, again):
    assert {"monitoring.html", "physicians.html", "workbook.xlsx"} <= {p.name for p in report.iterdir()}
    assert not list(report.rglob("*.parquet"))
    assert results_text(again) == (report / "results.json").read_text(encoding="utf-8")


def test_tables_on_care_hold_nobody(report, again):
    care = again.tables.claims.care
    for name, frame in read_care(report / "inputs" / "claims" / "care").frames().items():
        pd.testing.assert_frame_equal(frame, getattr(care, name), check_exact=True)
        assert not {"member_id", "patient", "start_date", "end_date", "claim_id"} & set(frame)


SUBJECTS = {
    "monitoring": ["summary", "bridge", "budget_to_actual", "specialties", "trends", "rolling_rates", "departures"],
    "physicians": ["summary", "outliers", "cost", "reliability", "page", "quality", "panels", "referrals"],
    "quality": ["measures", "domains", "payments", "dollars"],
    "distribution": ["findings", "pools", "participants"],
}


@pytest.mark.parametrize(("subject", "name"), [(s, name) for s, names in SUBJECTS.items() for name in names])
def test_every_table_has_something_to_say(again, subject, name):
    made = getattr(getattr(exhibits, subject), name)(again)
    assert made is not None
    text = repr(made)
    assert len(text.splitlines()) > 2
    assert not re.search(r"\bnan\b|\binf\b", text)
    other = run(SCENARIOS / "hackensack-2014.toml")
    absent = getattr(getattr(exhibits, subject), name)(other)
    assert absent is None or "<table" not in absent._repr_html_()


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        *(("monitoring", name) for name in ("bridge", "categories", "rolling", "departures", "months")),
        *(("physicians", name) for name in ("caterpillar", "reliability", "quality", "panels", "referrals")),
        *(("quality", name) for name in ("points", "payment", "dollars_per_point")),
        ("distribution", "waterfall"),
    ],
)
def test_every_chart_is_drawn_or_left_out(again, subject, name):
    draw = getattr(getattr(plots, subject), name)
    assert "<svg" in plots.picture(draw, again, "words").svg
    assert plots.picture(draw, run(SCENARIOS / "hackensack-2014.toml"), "words") is None


def test_a_claims_scenario_without_quality_shows_no_chart_of_it(again):
    scenario = change(again.scenario, {"quality": None, "terms.quality_method": "none", "terms.quality_ladder": []})
    without = run(scenario, again.tables)
    assert without.tables.claims is not None
    assert plots.picture(plots.quality.points, without, "words") is None


def test_measures_without_figures_are_taken_from_the_claims(again):
    table = again.tables.measures.set_index("measure")
    found = table.loc["Diabetes: HbA1c testing"]
    rows = again.tables.claims.care.measures.query("measure == 'diabetes_hba1c_testing'")
    assert found[["numerator", "denominator"]].tolist() == rows[["numerator", "denominator"]].sum().tolist()
    assert found["domain"] == "Population Health"
    assert found["better"] == "higher"
    assert table.loc["Cervical cancer screening", "numerator"] == 530
    said = exhibits.quality.measures(again).note
    assert "not the certified HEDIS specification" in said and "Cervical" not in said
    assert re.search(r"the claims reach: Colorectal cancer screening \d+\.\d%", said)
    assert "not the certified HEDIS specification" in exhibits.physicians.quality(again).note
    stated = read_table(SCENARIOS / "aco-board" / "measures.csv", "measures", key=("measure", "payer"))
    pd.testing.assert_frame_equal(measured(stated, None), stated)


def test_the_score_of_the_claims_is_settled(again):
    shown = float(re.search(r"Score .*?(\d+\.\d+)%", repr(exhibits.quality.domains(again))).group(1)) / 100
    assert again.headline()["quality_score"] == pytest.approx(shown, abs=5e-7)


def test_other_choices_of_care_need_the_claims(again):
    with pytest.raises(InputError, match=r"claims\.care: found .*another choice needs the claims themselves"):
        run(change(again.scenario, {"claims.care.high_cost": 60_000.0}))
    assert run(change(again.scenario, {"claims.care": None, "quality.table": "inputs/measures.csv"})).terms


def test_the_workbook_has_a_sheet_of_each_part(report):
    book = openpyxl.load_workbook(report / "workbook.xlsx", read_only=True)
    assert {"Quality", "Distribution", "Monitoring", "Physicians"} <= set(book.sheetnames)
    cells = [cell for row in book["Distribution"].iter_rows(values_only=True) for cell in row]
    assert "Practice A" in cells and "As agreed" in cells


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"monitoring.as_of": "2024-13"},
            r"monitoring\.as_of: found '2024-13'; month at whose end .*YYYY-MM.* is wanted",
        ),
        ({"monitoring.rolling": []}, r"monitoring\.rolling: found \[\]; at least 1 of them are wanted"),
        ({"distribution.pools.0.name": "Total"}, "'Total' is the name of a line; another is wanted"),
    ],
)
def test_settings_at_fault(values, words):
    with pytest.raises(InputError, match=words):
        change(load_scenario(SCENARIOS / "aco-board.toml"), values)


def test_claims_of_ones_own_take_the_place_of_the_made_up_plan(tmp_path):
    for name in ("aco-board.toml", "claims-demo.toml"):
        shutil.copy(SCENARIOS / name, tmp_path)
    made = new_scenario("own", str(tmp_path / "claims-demo.toml"), tmp_path)
    assert "show_small_cells" not in made.read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text('extends = "claims-demo.toml"\nname = "mine"\n[claims]\ndata = "book"\n', encoding="utf-8")
    assert load_scenario(path).claims.synthetic is None
