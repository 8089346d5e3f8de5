"""The Toolkit's physicians: appendix tables 4 and 7, figures 4.5 and 4.6."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import printed

from acomodel.claims.care.physicians import cost_of_care, quality_of_care
from acomodel.claims.care.referrals import marks, scorecard

EXHIBITS = Path(__file__).parents[2] / ".." / "shared" / "exhibits"


def exhibit(name: str) -> pd.DataFrame:
    path = EXHIBITS / f"{name}.csv"
    if not path.is_file():
        pytest.skip(f"the published exhibits are not beside the project (../shared/exhibits/{name}.csv)")
    return pd.read_csv(path)


@pytest.fixture(scope="module")
def table_7():
    rows = exhibit("appendix_table_7_episode_cost")
    cells = pd.DataFrame(
        {
            "physician": rows["physician"],
            "specialty": "06",
            "condition": rows["condition"],
            "severity": rows["severity"],
            "units": rows["episodes"],
            "exposure": rows["episodes"].astype(float),
            "observed": rows["episodes"] * rows["observed_cost_per_episode"],
            "squares": np.nan,
        }
    )
    peers = rows.groupby(["condition", "severity"])["peer_cost_per_episode"].first()
    return cost_of_care(cells, rates=peers)


SUMMARY = [
    ("Jones", "CHF", 24, 1254, 2094, "0.60"),
    ("Jones", "Hyperlipidemia", 22, 348, 536, "0.65"),
    ("Jones", "Hypertension", 85, 980, 947, "1.03"),
    ("Jones", "Ischemic heart disease", 88, 5601, 6361, "0.88"),
    ("Smith", "CHF", 21, 1776, 1905, "0.93"),
    ("Smith", "Hyperlipidemia", 30, 590, 536, "1.10"),
    ("Smith", "Hypertension", 143, 791, 919, "0.86"),
    ("Smith", "Ischemic heart disease", 199, 4929, 5609, "0.88"),
    ("Jones", "Overall", 219, 2804, 3207, "0.87"),
    ("Smith", "Overall", 393, 2924, 3317, "0.88"),
]


ROUNDED = {
    ("Smith", "CHF"): "1,775.43",
    ("Jones", "Overall"): "2,803.47",
    ("Smith", "Overall"): "2,923.46",
}
"""Rows whose observed dollars are printed one more than the rows printed above them make."""


def summary_row(table_7, physician, condition):
    if condition == "Overall":
        return table_7.summary().loc[("06", physician)]
    return table_7.summary("condition").loc[("06", physician, condition)]


@pytest.mark.parametrize(
    ("physician", "condition", "observed"),
    [
        pytest.param(
            *row[:2],
            row[3],
            marks=pytest.mark.xfail(
                strict=True,
                reason=f"episodes times the rounded costs printed make {ROUNDED[row[:2]]}; printed {row[3]:,}",
            )
            if row[:2] in ROUNDED
            else (),
        )
        for row in SUMMARY
    ],
)
def test_table_7_observed_as_printed(table_7, physician, condition, observed):
    assert summary_row(table_7, physician, condition)["observed"] == printed(str(observed))


@pytest.mark.parametrize(("physician", "condition", "episodes", "observed", "peers", "ratio"), SUMMARY)
def test_table_7_summary(table_7, physician, condition, episodes, observed, peers, ratio):
    row = summary_row(table_7, physician, condition)
    if condition == "Overall":
        assert row["ratio"] == pytest.approx(table_7.physicians.loc[("06", physician), "ratio"])
    assert row["units"] == episodes
    assert row["peers"] == printed(str(peers))
    assert row["observed"] == pytest.approx(observed, abs=1)
    assert row["ratio"] == printed(ratio)


def test_table_7_rows(table_7):
    rows = exhibit("appendix_table_7_episode_cost").set_index(["physician", "condition", "severity"])
    found = table_7.summary("condition", "severity").droplevel("specialty")
    assert len(found) == 22
    assert (found["ratio"] - rows["relative_cost"]).abs().max() <= 0.005 + 1e-9


def test_table_7_tells_no_reliability(table_7):
    """Means alone say nothing of how much episodes vary, so nobody is judged."""
    assert table_7.physicians["reliability"].isna().all()
    assert set(table_7.physicians["standing"]) == {"no peers"}


@pytest.fixture(scope="module")
def table_4():
    rows = exhibit("appendix_table_4_physician_quality")
    measures = rows[~rows["measure"].str.startswith("All")]
    results = pd.DataFrame(
        {
            "physician": "Smith",
            "specialty": "11",
            "measure": measures["measure"],
            "numerator": measures["compliant"],
            "denominator": measures["opportunities"],
        }
    )
    return quality_of_care(results, rates=measures.set_index("measure")["peer_rate"])


def test_table_4_rows(table_4):
    rows = exhibit("appendix_table_4_physician_quality").set_index("measure")
    found = table_4.summary("measure").droplevel(["specialty", "physician"])
    for name, row in found.iterrows():
        assert row["observed"] == printed(f"{rows.loc[name, 'rate']:.2f}")
        assert row["ratio"] == printed(f"{rows.loc[name, 'relative']:.2f}"), name


def test_table_4_composite(table_4):
    row = table_4.summary().iloc[0]
    assert (row["units"], table_4.cells["observed"].sum()) == (1205, 774)
    assert row["observed"] == printed("0.64") and row["peers"] == printed("0.74") and row["ratio"] == printed("0.87")


def test_figure_4_5_marks_follow_the_totals():
    """Whoever bears ^^ costs more than whoever bears ^, as any cut by mean and deviation has it."""
    rows = exhibit("figure_4_5_referral_costs")
    assert rows.loc[rows["rank"] == "^^", "total_pmpm"].min() > rows.loc[rows["rank"] == "^", "total_pmpm"].max()


def test_figure_4_5_shows_an_excerpt():
    """Of n totals none is above the mean by more than (n - 1)/√n deviations: four can bear no ^^."""
    totals = exhibit("figure_4_5_referral_costs")["total_pmpm"]
    assert len(totals) == 4 and (len(totals) - 1) / len(totals) ** 0.5 < 2


@pytest.mark.xfail(strict=True, reason="figure 4.5 prints four PCPs of its specialty; mean and deviation are of all")
def test_figure_4_5_marks():
    rows = exhibit("figure_4_5_referral_costs")
    found = marks(rows["total_pmpm"], pd.Series("family/gen practice", index=rows.index))
    assert list(found["mark"]) == list(rows["rank"])


@pytest.mark.xfail(strict=True, reason="figure 4.5 prints four of its columns; the total is of more of them")
def test_figure_4_5_totals():
    rows = exhibit("figure_4_5_referral_costs")
    assert list(rows["cardio"] + rows["all_other"]) == pytest.approx(list(rows["total_pmpm"]), abs=0.005)


def test_figure_4_5_marks_among_peers_that_could_be():
    """With 36 others from $28 to $46 PMPM (made up), the rule gives the printed marks."""
    rows = exhibit("figure_4_5_referral_costs")
    totals = pd.concat([rows["total_pmpm"], pd.Series(np.linspace(28, 46, 36))], ignore_index=True)
    found = marks(totals, pd.Series("family/gen practice", index=totals.index))["mark"]
    assert list(found[:4]) == list(rows["rank"])


def figure_4_6():
    rows = exhibit("figure_4_6_quality_scorecard").rename(columns={"points": "printed"})
    first = rows["measure"].str.startswith("CIRRIS initiative")
    return rows.assign(result=rows["result"].where(~first, 0.75))  # its result is not printed; it was met


def test_figure_4_6_points():
    found = scorecard(figure_4_6())
    assert list(found.table["points"]) == list(found.table["printed"])
    assert found.points == pytest.approx(3.4) and found.possible == pytest.approx(3.9)
    shown = found.table.set_index("measure")
    for name, result in (("HbA1c performed", "0.75"), ("LDL performed", "0.82"), ("nephropathy testing", "0.84")):
        assert shown.loc[f"Diabetes: {name}", "result"] == printed(result)


@pytest.mark.xfail(strict=True, reason="figure 4.6 prints the target of blood pressure as <= 90%; it is a minimum")
def test_figure_4_6_as_printed():
    rows = figure_4_6()
    pressure = rows["measure"].str.contains("blood pressure")
    found = scorecard(rows.assign(direction=rows["direction"].where(~pressure, "<=")))
    assert list(found.table["points"]) == list(found.table["printed"])


def test_figure_4_6_without_patients_has_no_points_to_earn():
    rows = pd.DataFrame(
        {
            "measure": ["smoking"],
            "direction": "=",
            "target": 1.0,
            "denominator": 0,
            "numerator": 0,
            "points_possible": 0.5,
        }
    )
    found = scorecard(rows)
    assert (found.points, found.possible) == (0.0, 0.0)
