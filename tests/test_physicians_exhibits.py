"""Physicians of a scenario: tables read in, exhibits with small cells hidden, charts, wrong input."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

import acomodel
from acomodel.exhibit import Exhibit, Note
from acomodel.inputs import InputError
from acomodel.workbench import exhibits, plots
from acomodel.workbench.physicians import physicians

SCENARIO = """
name = "read-in"
title = "Physicians read in"

[terms]
sharing_rate = 0.5

[[years]]
label = "2024"
performance_year = 2024
benchmark = 100.0
actual = 95.0

[physicians]
episodes = "episodes.csv"
measures = "measures.csv"
"""


def tables():
    """Cardiologists who truly differ, two internists, a condition of a few episodes."""
    rng = np.random.default_rng(5)
    rows = []
    for at in range(12):
        level = 0.5 if at == 0 else 1.6 if at == 1 else 1.0
        for n in range(60):
            condition = "CHF" if n < 5 else "Hypertension"
            rows.append((f"C{at:02d}", "06", condition, 1 + n % 2, level * rng.gamma(4, 250 * (1 + n % 2))))
    rows += [("I01", "11", "Hypertension", 1, 400.0 + n) for n in range(30)]
    rows += [("I02", "11", "Hypertension", 1, 500.0 + n) for n in range(8)]
    frame = pd.DataFrame(rows, columns=["physician", "specialty", "condition", "severity", "cost"])
    frame = frame.assign(episode=[f"E{n}" for n in range(len(frame))], start_date="2024-01-01", end_date="2024-12-30")
    frame["patient"] = [f"SECRET{n // 2}" for n in range(len(frame))]
    measures = pd.DataFrame(
        {
            "physician": np.repeat([f"C{at:02d}" for at in range(12)], 3),
            "specialty": "06",
            "measure": ["LDL", "Blood pressure", "Imaging"] * 12,
            "numerator": [40, 6, 10] * 12,
            "denominator": [60, 8, 50] * 12,
            "better": ["", "higher", "lower"] * 12,
        }
    )
    return frame, measures


def write(folder, episodes, measures, text=SCENARIO):
    episodes.to_csv(folder / "episodes.csv", index=False)
    measures.to_csv(folder / "measures.csv", index=False)
    path = folder / "scenario.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return acomodel.run(acomodel.load_scenario(write(tmp_path_factory.mktemp("read"), *tables())))


def text(shown):
    return shown.shown() if isinstance(shown, Exhibit) else repr(shown)


def test_costs_are_compared_within_the_specialty(run):
    found = exhibits.physicians.cost(run).table
    assert found.loc["C00", "Standing"] == "below peers" and found.loc["C01", "Standing"] == "above peers"
    assert set(found["Specialty"]) == {"Cardiology", "Internal medicine"}
    assert found.loc["I01", "Standing"] == "no peers" and "I02" not in found.index  # 8 episodes
    assert list(found["Standing"].iloc[[0, -1]]) == ["below peers", "no peers"]


def test_no_count_of_1_to_10_is_printed(run):
    shown = text(exhibits.physicians.page(run, "C02"))
    assert shown.loc["CHF", "Episodes"] == "1–10" and shown.loc["CHF", "Observed"] == "–"
    assert shown.loc["CHF, level 1", "Episodes"] == "1–10" and shown.loc["All episodes", "Episodes"] == "60"
    assert "*" in set(shown["Episodes"])  # or the rest would tell
    quality = text(exhibits.physicians.quality_page(run, "C02"))
    assert quality.loc["Blood pressure", "Opportunities"] == "1–10"
    assert quality.loc["All measures", "Opportunities"] == "118"


def test_small_cells_are_shown_where_asked_for(run):
    asked = acomodel.run(acomodel.change(run.scenario, {"report.show_small_cells": True}))
    shown = text(exhibits.physicians.page(asked, "C02"))
    assert shown.loc["CHF", "Episodes"] == "5" and shown.loc["CHF", "Observed"].startswith("$")


def test_lower_is_better_for_imaging(run):
    found = physicians(run).quality.summary("measure").droplevel("specialty")
    assert found.loc[("C00", "Imaging"), "observed"] == pytest.approx(0.8)


def test_no_patient_is_named(run):
    for name in ("summary", "outliers", "cost", "reliability", "page", "quality", "quality_page"):
        assert "SECRET" not in repr(getattr(exhibits.physicians, name)(run))
    assert "SECRET" not in run.tables.episodes.to_csv() and "SECRET" not in json.dumps(
        run.tables.fingerprint("episodes")
    )
    assert run.tables.episodes["patient"].value_counts().max() == 2


def test_tables_of_a_report_make_the_same_again(run, tmp_path):
    for table, name in (("episodes", "episodes"), ("physician_measures", "measures")):
        getattr(run.tables, table).dropna(axis=1, how="all").to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "scenario.toml").write_text(SCENARIO, encoding="utf-8")
    again = acomodel.run(acomodel.load_scenario(tmp_path / "scenario.toml"))
    assert repr(exhibits.physicians.cost(again)) == repr(exhibits.physicians.cost(run))
    assert again.tables.fingerprints() == run.tables.fingerprints()


def test_reliability_stands_beside_what_was_published(run):
    found = exhibits.physicians.reliability(run)
    assert "0.05 to 0.79" in found.note and "22% misclassified" in found.note
    assert found.table.loc["Cardiology", "Physicians"] == 12
    assert found.table.loc["Cardiology", "Twice the episodes"] > found.table.loc["Cardiology", "Reliability, median"]


def test_summary_counts_them(run):
    said = repr(exhibits.physicians.summary(run))
    assert "13 of 14 physicians have enough cases" in said and "episodes are read in" in said


def test_what_is_not_there_is_left_out(run):
    assert exhibits.physicians.panels(run) is None and exhibits.physicians.referrals(run) is None
    assert plots.picture(plots.physicians.panels, run, "words") is None
    assert plots.picture(plots.physicians.referrals, run, "words") is None
    without = acomodel.run("scenarios/hackensack-2014.toml")
    assert physicians(without) is None and exhibits.physicians.cost(without) is None
    assert plots.picture(plots.physicians.caterpillar, without, "words") is None


@pytest.mark.parametrize("name", ["caterpillar", "quality", "reliability"])
def test_charts(run, name):
    ax = getattr(plots.physicians, name)(run)
    assert ax.axison and ax.get_title() and ax.get_ylabel()


def test_caterpillar_colours_only_what_is_sure(run):
    labels = [handle.get_label() for handle in plots.physicians.caterpillar(run).get_lines()]
    counts = exhibits.physicians.cost(run).table["Standing"].value_counts()
    assert counts["not told apart"] > 6
    for word in ("below peers", "above peers"):
        assert f"{word} ({counts[word]})" in labels


def test_nobody_with_enough_is_said_in_words(run):
    strict = acomodel.run(acomodel.change(run.scenario, {"physicians.minimum_episodes": 500}))
    found = exhibits.physicians.cost(strict)
    assert isinstance(found, Note) and "500 episodes are wanted" in repr(found)
    assert not plots.physicians.caterpillar(strict).axison


def test_conditions_may_be_chosen(run):
    chosen = acomodel.run(acomodel.change(run.scenario, {"physicians.conditions": ["Hypertension"]}))
    assert exhibits.physicians.page(chosen, "C02").table.loc["All episodes", "Episodes"] == "55"
    with pytest.raises(InputError, match="no episode of 'Gout'; found CHF, Hypertension"):
        physicians(acomodel.run(acomodel.change(run.scenario, {"physicians.conditions": ["Gout"]})))
    with pytest.raises(InputError, match="found 'Nobody'"):
        exhibits.physicians.page(run, "Nobody")


@pytest.mark.parametrize(
    ("table", "change", "words"),
    [
        (
            "episodes",
            {"end_date": "2023-12-31"},
            "row 2: the episode ends on 2023-12-31, before it starts on 2024-01-01",
        ),
        ("episodes", {"cost": -1.0}, "row 2, column 'cost': found -1.0; at least 0 is wanted"),
        ("episodes", {"episode": "E1"}, r"repeats an earlier row \(episode = E1\)"),
        ("measures", {"numerator": 61}, "'LDL' of C00: found 61 of 60; a numerator from zero to its denominator"),
    ],
)
def test_wrong_tables_name_the_place(tmp_path, table, change, words):
    episodes, measures = tables()
    for column, value in change.items():
        (episodes if table == "episodes" else measures).loc[0, column] = value
    with pytest.raises(InputError, match=words):
        acomodel.run(acomodel.load_scenario(write(tmp_path, episodes, measures)))


def test_unknown_setting_names_the_nearest(tmp_path):
    path = write(tmp_path, *tables(), SCENARIO + "minimum_episode = 5\n")
    with pytest.raises(InputError, match="minimum_episodes"):
        acomodel.load_scenario(path)


def test_notebook_calls_and_computes_nothing():
    cells = json.loads((ROOT / "notebooks" / "9-physicians.ipynb").read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    for name in (
        "summary",
        "outliers",
        "cost",
        "reliability",
        "page",
        "quality",
        "quality_page",
        "panels",
        "referrals",
    ):
        assert f"exhibits.physicians.{name}(run)" in code
    for name in ("caterpillar", "reliability", "quality", "referrals"):
        assert f"plots.physicians.{name}, run" in code
    assert not [word for word in ("def ", "class ", "lambda") if word in code]


def test_few_met_or_few_patients_are_not_told(tmp_path):
    """A rate tells how many met it, and many episodes may be of one patient: neither stands for 1 to 10 people."""
    episodes, measures = tables()
    measures.loc[measures["measure"] == "LDL", "numerator"] = 55  # 5 of 60 did not
    episodes.loc[(episodes["physician"] == "C00") & (episodes["condition"] == "Hypertension"), "patient"] = "ONE"
    found = acomodel.run(acomodel.load_scenario(write(tmp_path, episodes, measures)))
    shown = exhibits.physicians.quality_page(found, "C01").table
    assert shown.loc["LDL", "Opportunities"] == "60"
    assert shown.loc[["LDL", "Imaging"], ["Observed", "Ratio"]].isna().all().all()  # 10 of 50 met the other
    page = exhibits.physicians.page(found, "C00").table
    assert page["Observed"].isna().all()
    assert exhibits.physicians.page(found, "C02").table.loc["Hypertension, level 2", "Observed"] > 0


def test_a_measure_has_one_direction(tmp_path):
    episodes, measures = tables()
    measures.loc[0, "better"] = "lower"
    with pytest.raises(InputError, match="'LDL' is better higher in some rows, lower in others"):
        acomodel.run(acomodel.load_scenario(write(tmp_path, episodes, measures)))
