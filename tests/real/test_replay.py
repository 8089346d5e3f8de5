"""Every settlement of the public use files that lie beside the project."""

import json

import pytest
from click.testing import CliRunner

from acomodel.cli import main
from acomodel.workbench.replay import replay

EXPECTED = {
    2013: (220, 220),
    2014: (333, 333),
    2016: (432, 432),
    2018: (548, 548),
    2019: (475, 474),
    2022: (482, 482),
    2023: (453, 450),
}


@pytest.fixture(scope="module")
def result(puf_folder):
    return replay(sorted(puf_folder.glob("puf_*.csv")))


@pytest.mark.parametrize("year", EXPECTED)
def test_payments_within_the_rounding_of_the_printed_inputs(result, year):
    rows = result.rows[result.rows["performance_year"] == year]
    assert (len(rows), int(rows["within_rounding"].sum())) == EXPECTED[year]


def test_every_row_that_falls_short_is_explained(result):
    short = result.rows[~result.rows["within_rounding"]]
    assert len(short) == 4
    assert short["explanation"].str.contains("limit of .* of participants' revenue").all()
    assert (short["computed"] < short["published"]).all()


def test_no_row_falls_short_for_an_unknown_reason(result):
    assert not result.rows["explanation"].str.contains("does not show").any()


def test_derived_sharing_rates_agree_with_the_published_ones(result):
    assert result.rows["rate_agrees"].all()
    used = result.rows["rate_basis"].str.startswith("the published final rate")
    assert used.sum() == 3
    assert (result.rows.loc[used, "performance_year"] == 2014).all()


def test_thresholds_agree_with_the_printed_ones(result, puf_folder):
    from acomodel.puf import read_puf

    for year in EXPECTED:
        file = read_puf(puf_folder / f"puf_{year}.csv")
        rows = result.rows[result.rows["performance_year"] == year]
        gap = (rows["msr"].to_numpy() - file.table["msr"].to_numpy()).__abs__()
        tight = gap <= file.half_unit["msr"].to_numpy() + 1e-9
        assert tight.mean() > 0.995, year


def test_lines_conserve_dollars(result):
    rows = result.rows
    assert (rows["benchmark"] - rows["actual"] - rows["savings"]).abs().max() < 1e-6
    assert (rows["earned"] - (rows["earned_savings"] - rows["owed_losses"])).abs().max() < 1e-6
    kept = rows["gross_savings"] - rows["sequestration"] - rows["cut_by_cap"] - rows["earned_savings"]
    assert kept.abs().max() < 1e-6


def test_command_prints_one_json_document(puf_folder):
    outcome = CliRunner().invoke(main, ["replay", "--json", str(puf_folder / "puf_2023.csv")])
    assert outcome.exit_code == 0
    document = json.loads(outcome.stdout)
    summary = document["summary"][0]
    assert summary["performance_year"] == 2023
    assert (summary["acos"], summary["within_rounding"]) == (453, 450)
    wanted = {"aco_id", "performance_year", "track", "published", "computed", "difference", "within_rounding"}
    assert wanted | {"explanation", "savings_rate", "msr"} <= set(document["rows"][0])
