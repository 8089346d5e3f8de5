"""Brookings-Dartmouth, "ACO Toolkit," January 2010: part 3 appendix, tables 1 to 3; exhibits 3.8 and 3.9 by member."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import printed

from acomodel import risk_ratio
from acomodel.budget.capitation import ALL, adjusted_capitation
from acomodel.budget.demographics import age_sex_cells, age_sex_set
from acomodel.budget.markers import TOTAL, explain, risk_scores
from acomodel.budget.prediction import high_risk_list

SHARED = Path(__file__).parents[2] / ".." / "shared" / "exhibits"
MODELS = ["retrospective", "prospective", "age_sex"]
TABLE_1 = """
Male, age 58|Insulin dependent diabetes, with co-morbidity|2.268|2.532|n/a
Male, age 58|Congestive heart failure, with co-morbidity|3.028|2.842|n/a
Male, age 58|Ulcer|1.231|0.606|n/a
Male, age 58|Lower cost dermatology|0.105|0.103|n/a
Male, age 58|Males, 55 to 64|0.000|0.658|2.250
Male, age 58|Total risk score|6.632|6.741|2.250
Female, age 14|Asthma|0.352|0.360|n/a
Female, age 14|Lower cost infectious disease|0.066|0.045|n/a
Female, age 14|Females, 12 to 18|0.000|0.326|0.495
Female, age 14|Total risk score|0.418|0.731|0.495
Female, age 35|Non-cranial nerve inflam, incl carpal tunnel|0.767|0.591|n/a
Female, age 35|Normal pregnancy, delivery|2.253|0.000|n/a
Female, age 35|Females, 35 to 44|0.000|0.326|1.224
Female, age 35|Total risk score|3.020|0.917|1.224
"""
ROWS = [line.split("|") for line in TABLE_1.strip().splitlines()]
LONG = pd.DataFrame([row[:2] for row in ROWS if row[1] != TOTAL], columns=["member", "marker"])
WEIGHTS = pd.DataFrame(
    [[np.nan if text == "n/a" else float(text) for text in row[2:]] for row in ROWS if row[1] != TOTAL],
    index=pd.Index(LONG["marker"], name="marker"),
    columns=MODELS,
)
TABLE_3 = [
    ("Malignant neoplasm, lung", "87.50", "218,750"),
    ("Chronic Kidney Disease, CHF, Diabetes", "84.00", "210,000"),
    ("Hemophilia", "81.00", "202,500"),
    ("CHF, COPD, Diabetes", "74.50", "186,250"),
    ("Chronic Kidney Disease, Diabetes", "71.10", "177,750"),
    ("Malignant neoplasm, bone", "68.20", "170,500"),
    ("Neoplastic blood disease", "55.40", "138,500"),
    ("CHF, Diabetes, Depression", "54.35", "135,875"),
    ("Chronic Kidney Disease", "52.00", "130,000"),
    ("Malignant neoplasm, GI system", "45.00", "112,500"),
    ("CHF, Diabetes", "44.50", "111,250"),
]
BANDS = [0, 19, 25, 30, 35, 40, 45, 50, 55, 60, 65]
ENROLLMENT = {
    "M 2008-06": ([275, 275, 275, 228, 210, 250, 175, 150, 75, 125, 75], "2,113", "1,924", "0.91"),
    "F 2008-06": ([250, 225, 250, 275, 300, 250, 275, 175, 150, 100, 50], "2,300", "2,715", "1.18"),
    "M 2009-04": ([275, 250, 290, 300, 225, 375, 250, 300, 150, 125, 100], "2,640", "2,582", "0.98"),
    "F 2009-04": ([250, 225, 250, 275, 300, 275, 300, 200, 175, 125, 100], "2,475", "3,045", "1.23"),
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}: {row[1]}")
def test_table_1_lines_and_totals(row):
    shown = explain(LONG, WEIGHTS).loc[(row[0], row[1])]
    for model, text in zip(MODELS, row[2:], strict=True):
        assert np.isnan(shown[model]) if text == "n/a" else shown[model] == printed(text)


def test_table_1_in_its_order_and_its_totals_are_the_scores():
    shown = explain(LONG, WEIGHTS)
    assert list(shown.index) == [(row[0], row[1]) for row in ROWS]
    scores = risk_scores(LONG, WEIGHTS)
    assert shown.xs(TOTAL, level="marker").to_numpy() == pytest.approx(scores.to_numpy(), abs=0)
    wide = pd.crosstab(LONG["member"], LONG["marker"]).astype(bool)
    assert risk_scores(wide, WEIGHTS).loc[scores.index].to_numpy() == pytest.approx(scores.to_numpy(), abs=1e-12)


def test_table_2_capitation():
    risk = pd.Series([1.15, 0.95, 0.90], index=["Medical Group A", "Medical Group B", "Medical Group C"])
    result = adjusted_capitation(30.0, risk, [2500, 3500, 2000])
    table = result.to_frame()
    assert table["adjusted_rate"].to_numpy() == pytest.approx([34.50, 28.50, 27.00, 30.00], abs=1e-12)
    assert table["relative_risk"].to_numpy() == pytest.approx([1.15, 0.95, 0.9, 1.0], abs=1e-12)
    assert table["unadjusted"].tolist() == [75_000, 105_000, 60_000, 240_000]
    assert table["adjusted"].tolist() == [86_250, 99_750, 54_000, 240_000]
    assert table.loc[ALL, "members"] == 8000
    assert result.neutrality == pytest.approx(1, abs=1e-12)
    assert "$34.50" in repr(result)
    assert "$86,250" in repr(result)


def test_table_3_high_risk_members():
    names = pd.Index([f"id{n}" for n in (8, 3, 5, 1, 9, 2, 7, 4, 11, 10, 6)])
    scores = pd.Series([float(score) for _, score, _ in TABLE_3], index=names)
    drivers = pd.Series([words for words, _, _ in TABLE_3], index=names)
    shuffled = scores.sample(frac=1, random_state=2)
    listed = high_risk_list(shuffled, drivers, average_cost=2_500)
    for (_, row), (words, score, cost) in zip(listed.table.iterrows(), TABLE_3, strict=True):
        assert row["relative_risk"] == printed(score)
        assert row["predicted_cost"] == printed(cost)
        assert row["drivers"] == words
    last = listed.exhibit().shown().iloc[-1]
    assert (last.name, last["Relative risk"], last["Predicted annual cost"]) == ("All members", "1.000", "$2,500")


def population(*keys):
    """Ages, sexes and one month for each member that exhibits 3.8 and 3.9 count."""
    ages, sexes = [], []
    for key in keys:
        for age, members in zip(BANDS, ENROLLMENT[key][0], strict=True):
            ages += [age] * members
            sexes += [key[0]] * members
    return ages, sexes, 1


@pytest.mark.parametrize("key", ENROLLMENT)
def test_exhibits_3_8_and_3_9_by_sex(key):
    _, members, weighted, factor = ENROLLMENT[key]
    cells = age_sex_cells(*population(key), age_sex_set(on=date(2008, 6, 1)))
    assert cells.cells["members"].sum() == printed(members)
    assert (cells.cells["months"] * cells.cells["factor"]).sum() == printed(weighted)
    assert cells.factor == printed(factor)
    assert cells.by_sex()[key[0]] == cells.factor


def test_exhibits_3_8_and_3_9_total_and_ratio():
    before = age_sex_cells(*population("M 2008-06", "F 2008-06"), age_sex_set(on=date(2008, 6, 1)))
    after = age_sex_cells(*population("M 2009-04", "F 2009-04"), age_sex_set(on=date(2009, 4, 1)))
    assert (before.factor, after.factor) == (printed("1.05"), printed("1.10"))
    assert risk_ratio(round(after.factor, 2), round(before.factor, 2)) == printed("1.048")
    assert risk_ratio(after.factor, before.factor) == printed("1.0465")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the exhibits are not beside the project (../shared/exhibits)")
def test_tables_agree_with_the_transcribed_exhibits():
    cells = pd.read_csv(SHARED / "exhibit_3_8_3_9_age_sex.csv")
    standard = age_sex_set()
    for as_of, rows in cells.groupby("as_of"):
        low = rows["age_band"].str.extract(r"(\d+)")[0].astype(float)
        found = rows.assign(age_from=low).merge(standard, on=["age_from", "sex"], suffixes=("_printed", ""))
        assert len(found) == 22, as_of
        assert (found["factor_printed"] == found["factor"]).all()
    scores = pd.read_csv(SHARED / "appendix_table_1_risk_markers.csv").query("marker != 'Total'")
    weights = scores.drop_duplicates("marker").set_index("marker")[MODELS]
    totals = pd.read_csv(SHARED / "appendix_table_1_risk_markers.csv").query("marker == 'Total'").set_index("person")
    found = risk_scores(scores.rename(columns={"person": "member"})[["member", "marker"]], weights)
    assert found.loc[totals.index].to_numpy() == pytest.approx(totals[MODELS].to_numpy(), abs=5e-4)
