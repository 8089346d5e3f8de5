"""Every published settlement of ACO REACH and Direct Contracting that lies beside the project, and odd files."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from conftest import REAL

from acomodel import InputError, settle
from acomodel.cli import main
from acomodel.contract.programs import terms
from acomodel.reach import is_reach, read_reach
from acomodel.workbench.replay import replay

FILE = REAL / "reach" / "reach_results_2021_2023.csv"
EXPECTED = {2021: (53, 53), 2023: (132, 131)}
pytestmark = pytest.mark.skipif(
    not FILE.is_file(), reason="the REACH results are not beside the project (../shared/data/reach)"
)


@pytest.fixture(scope="module")
def result():
    return replay([FILE])


@pytest.fixture(scope="module")
def table():
    return pd.read_csv(FILE, dtype=str, keep_default_na=False)


@pytest.mark.parametrize("year", EXPECTED)
def test_gross_shared_and_paid_within_a_dollar(result, year):
    rows = result.rows[result.rows["performance_year"] == year]
    entities, paid = EXPECTED[year]
    assert len(rows) == rows["gross_within_dollar"].sum() == rows["shared_within_dollar"].sum() == entities
    assert rows["within_dollar"].sum() == rows["within_rounding"].sum() == paid


def test_the_payment_that_differs_is_one_of_zero(result):
    short = result.rows[~result.rows["within_dollar"]]
    assert short[["aco_id", "performance_year"]].to_numpy().tolist() == [["D0120", 2023]]
    assert short["published"].tolist() == [0.0]
    assert short["computed"].iloc[0] == pytest.approx(0.98 * 1_304_841.19, abs=1)
    assert "prints a payment of 0 beside shared savings of $1,304,841" in short["explanation"].iloc[0]


def test_lines_conserve_dollars(result):
    rows = result.rows
    assert (rows["final_benchmark"] - rows["actual"] - rows["savings"]).abs().max() < 1e-6
    assert (rows["earned"] - (rows["earned_savings"] - rows["owed_losses"])).abs().max() < 1e-6
    assert (rows["earned_savings"] - 0.98 * rows["gross_savings"]).abs().max() < 1e-6
    assert rows["explanation"].str.contains("by the marginal corridors").all()


def test_equity_adjustment_is_months_times_the_rule(table):
    of_2023 = table[table["perf_year"] == "2023"]
    for side, printed, amount in (("up", "up", 30), ("down", "dn", -6)):
        months = of_2023[f"heba_{printed}_mnths"].astype(float)
        assert (of_2023[f"heba_{side}_amt"].astype(float) == amount * months).all()


def test_discount_and_withholds_leave_one_year_factor(result):
    """What the clauses leave over hardly varies, and with other clauses varies more; what it is stays open."""
    file = read_reach(FILE).table.query("performance_year == 2023")
    factor = result.rows.query("performance_year == 2023")["implied_year_factor"]
    assert factor.median() == pytest.approx(0.9666, abs=1e-4)
    assert factor.std() < 2.5e-4
    plain = file["final_benchmark"] / file["unadjusted_benchmark"]
    for discount, withheld, retention in ((0, 0.02, True), (1, 0.0, True), (1, 0.05, True), (1, 0.02, False)):
        kept = (1 - discount * file["discount"]) * (1 - withheld * (1 - file["quality_score"]))
        kept *= 1 - retention * file["retention_withhold"]
        assert (plain / kept).std() > 1.5 * factor.std(), (discount, withheld, retention)


def test_the_whole_chain_from_the_unadjusted_benchmark(result):
    """With the factor that is implied, every clause works and the final benchmark is the printed one."""
    file = read_reach(FILE).table
    rows = zip(
        file["risk_arrangement"], file["performance_year"].astype(int), file["retention_withhold"] > 0, strict=True
    )
    agreed = [terms("reach", track, year, retention=bool(held)) for track, year, held in rows]
    start = file["unadjusted_benchmark"] * result.rows["implied_year_factor"]
    equity = file[["heba_up", "heba_down"]].fillna(0.0).sum(axis=1)
    found = settle(start, file["actual"], agreed, quality_score=file["quality_score"], benchmark_addition=equity)
    assert (found.final_benchmark - file["final_benchmark"] - equity).abs().max() < 0.01
    assert (found.payment - result.rows["computed"]).abs().max() < 0.01


def test_command_prints_one_json_document(puf_folder):
    outcome = CliRunner().invoke(main, ["replay", "--json", str(FILE), str(puf_folder / "puf_2023.csv")])
    assert outcome.exit_code == 0, outcome.output
    document = json.loads(outcome.stdout)
    summary = {(row["program"], row["performance_year"]): row for row in document["summary"]}
    assert set(summary) == {("mssp", 2023), ("reach", 2021), ("reach", 2023)}
    found = summary["reach", 2023]
    assert [found[key] for key in ("acos", "nonzero", "within_rounding", "within_dollar")] == [132, 131, 131, 131]
    assert (found["gross_within_dollar"], found["shared_within_dollar"]) == (132, 132)
    assert (summary["mssp", 2023]["acos"], summary["mssp", 2023]["within_rounding"]) == (453, 450)
    wanted = {"aco_id", "performance_year", "track", "published", "computed", "difference", "within_rounding"}
    wanted |= {"explanation", "savings_rate", "published_gross", "computed_gross", "published_shared"}
    assert wanted <= set(document["rows"][0])
    text = CliRunner().invoke(main, ["replay", str(FILE)])
    assert "D0120 2023 Professional: published 0.00, computed 1,278,744" in text.stdout


# files of the same kind as another year may print them


def shuffled(rows):
    """Columns in another order and other letters, amounts with marks, a name for the year."""
    rows = rows[list(reversed(rows.columns))].rename(columns=str.upper)
    return rows.assign(
        FINAL_BENCHMARK="$" + rows["FINAL_BENCHMARK"], RISK_ARRANGEMENT=rows["RISK_ARRANGEMENT"].str.upper()
    )


def as_fractions(rows):
    """Shares in place of percents."""
    moved = {n: (rows[n].astype(float) / 100).astype(str) for n in ("discount", "qual_scr", "retention_withhold")}
    return rows.assign(**moved)


def without_amounts(rows):
    """Equity adjustment by its months alone."""
    return rows.drop(columns=["heba_up_amt", "heba_down_amt"])


def unsigned(rows):
    """What the equity adjustment takes off, without its sign, and words where there is none."""
    return rows.assign(heba_down_amt=rows["heba_down_amt"].str.lstrip("-").replace("", "not applicable"))


def of_the_name(rows):
    """No column for the year, and none that is not needed."""
    return rows.drop(columns=["perf_year", "unadj_benchmark", "qual_scr", "discount", "hdr_adjust", "gross_savings"])


@pytest.mark.parametrize("change", [shuffled, as_fractions, without_amounts, unsigned, of_the_name])
def test_other_layouts_give_the_same_payments(change, table, result, tmp_path):
    path = tmp_path / "reach_2023.csv"
    change(table[table["perf_year"] == "2023"]).to_csv(path, index=False)
    found = replay([path]).rows.set_index("aco_id")["computed"]
    expected = result.rows.query("performance_year == 2023").set_index("aco_id")["computed"]
    assert len(found) == 132
    assert (found - expected).abs().max() < 0.01


def test_another_year_of_the_same_layout(table, tmp_path):
    """Performance year 2022: no equity adjustment yet, and a withhold of its own."""
    rows = table[table["perf_year"] == "2021"].assign(perf_year="PY2022", cisep_flag="No")
    path = tmp_path / "results.csv"
    rows.to_csv(path, index=False)
    found = replay([path])
    assert found.summary.to_dict("records")[0] == {
        "program": "reach",
        "performance_year": 2022,
        "acos": 53,
        "nonzero": 53,
        "within_rounding": 53,
        "within_dollar": 53,
        "gross_within_dollar": 53,
        "shared_within_dollar": 53,
    }


def test_rows_that_cannot_be_settled_are_left_out_and_named(table, tmp_path):
    rows = table.head(4).copy()
    rows.loc[0, "final_benchmark"], rows.loc[1, "tot_cost_care_net"], rows.loc[2, "aco_id"] = "*", "n/a", ""
    path = tmp_path / "reach.csv"
    rows.to_csv(path, index=False)
    file = read_reach(path)
    assert file.table["aco_id"].tolist() == [rows.loc[3, "aco_id"]]
    said = " ".join(file.decisions)
    assert "1 rows without an identifier" in said
    assert "D0004 lacks a risk arrangement, a final benchmark or a net cost and was left out" in said


def test_a_payment_that_is_not_printed_is_no_agreement(table, tmp_path):
    path = tmp_path / "reach.csv"
    table.head(2).assign(shared_savings_seq=["", "5"]).to_csv(path, index=False)
    rows = replay([path]).rows
    assert rows["within_dollar"].tolist() == [False, False]
    assert rows["explanation"].str.contains("prints no payment").tolist() == [True, False]
    assert "does not show" in rows["explanation"][1]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t: t.assign(risk_arrangement="Gobal"), "row 2: found the risk arrangement 'Gobal'; Global or Profess"),
        (lambda t: pd.concat([t, t]), "two rows for D0004 in 2021"),
        (lambda t: t.assign(final_benchmark="*"), "nothing can be settled"),
        (lambda t: t.drop(columns="tot_cost_care_net"), "no column for cost of care net of stop-loss"),
        (lambda t: t.assign(perf_year="2019"), "in 2019; the table begins in 2021"),
        (lambda t: t.drop(columns="perf_year"), "the performance year is neither in the rows nor in the file's name"),
    ],
)
def test_files_at_fault_are_named(spoil, words, table, tmp_path):
    path = tmp_path / "reach.csv"
    spoil(table.head(3)).to_csv(path, index=False)
    with pytest.raises(InputError, match=words):
        replay([path])


def test_which_file_is_which(table, puf_folder, tmp_path):
    assert is_reach(FILE)
    assert not is_reach(puf_folder / "puf_2023.csv")
    with pytest.raises(InputError, match="stands in more than one of the files"):
        replay([FILE, FILE])


def test_half_units_follow_the_year_they_were_printed_in():
    file = read_reach(FILE)
    half = file.half_unit["published"].groupby(file.table["performance_year"]).median()
    assert half.to_numpy() == pytest.approx(np.array([5e-5, 5e-3]))
