"""Realised results beside luck alone, on the public use files that lie beside the project."""

import numpy as np
import pandas as pd
import pytest
from conftest import REAL, ROOT

from acomodel.inputs import InputError
from acomodel.outlook.luck.chance import chance_of_loss, chance_of_savings
from acomodel.outlook.luck.costs import cost_distribution
from acomodel.outlook.luck.populations import published_costs
from acomodel.outlook.luck.ratio import Noise
from acomodel.outlook.luck.realised import (
    BANDS,
    BASELINE,
    PERIODS,
    luck_alone,
    luck_exactly,
    realised_against_luck,
)
from acomodel.puf import read_puf

PAGE = ROOT / "docs" / "luck.md"
CALIBRATION = REAL.parent / "calibration"
NAMES = [f"{first}-{last}" for first, last in PERIODS]
YEARS = (2014, 2016, 2018, 2019, 2022, 2023)
CONSTANTS = (2.0, 2.4, 2.54)
MEDICARE = published_costs("medicare", truncate="percentile")


@pytest.fixture(scope="module")
def files(puf_folder):
    return [read_puf(path) for path in sorted(puf_folder.glob("puf_*.csv"))]


@pytest.fixture(scope="module")
def found(files):
    return realised_against_luck(files)


@pytest.fixture(scope="module")
def published():
    """What was found on the files of all years, by period and size."""
    path = CALIBRATION / "savings_vs_msr_by_size.csv"
    if not path.is_file():
        pytest.skip("the results of all years are not beside the project (../shared/calibration)")
    return pd.read_csv(path).set_index(["period", "size"]).loc[NAMES]


def test_years_and_thresholds_that_count(found):
    """Counts of ACOs with a threshold of 2 percent or more, read off the files one by one."""
    counts = found.rows.groupby("performance_year").size().to_dict()
    assert counts == {2014: 333, 2016: 419, 2018: 497, 2019: 430, 2022: 309, 2023: 269}


def test_years_of_all_acos_equal_those_published(files):
    """The definitions are those of the shares by year: savings over benchmark, at or beyond the threshold."""
    path = CALIBRATION / "aco_savings_by_year.csv"
    if not path.is_file():
        pytest.skip("the results by year are not beside the project (../shared/calibration)")
    wanted = pd.read_csv(path).set_index("year")
    for file in files[1:]:
        table, year = file.table, int(file.table["performance_year"].iloc[0])
        rate = 1 - table["actual"] / table["benchmark"]
        got = [rate.mean(), (rate >= table["msr"]).mean(), (rate <= -table["msr"]).mean()]
        row = wanted.loc[year]
        assert len(table) == row.iloc[0]
        assert got == pytest.approx(row[["mean", "share_ge_msr", "share_le_neg_msr"]].tolist(), abs=1e-9)


def test_bands_fit_into_those_of_all_years(found, published):
    """
    What the files here hold is a part of what was found on all years: no band has more ACOs or more successes, and
    the shares differ by no more than a part drawn from the whole would, except for 2019-20, whose better year is away.
    """
    frame = found.to_frame()
    whole = published.loc[frame.index]
    acos, all_acos = frame["acos"], whole["one_sided_n"]
    earned, all_earned = acos * frame["saved"], (all_acos * whole["one_sided_ge"]).round()
    assert (acos < all_acos).all()
    assert (earned <= all_earned + 1e-6).all()
    assert (acos - earned <= all_acos - all_earned + 1e-6).all()
    share = whole["one_sided_ge"]
    gap = (frame["saved"] - share) / np.sqrt(share * (1 - share) * (1 / acos - 1 / all_acos))
    assert gap[["2014-2018", "2021-2024"]].abs().max() < 3
    assert (gap["2019-2020"] < 0).all()


def test_luck_by_band_is_that_of_all_years(found, published):
    """Luck depends on size and threshold alone, which move little from year to year."""
    frame = found.to_frame()
    gap = frame["saved_by_luck"] - published.loc[frame.index, "one_sided_luck_k2.4_ge"]
    assert gap.abs().max() < 0.01
    assert gap["2014-2018"].abs().max() < 0.0015


@pytest.mark.parametrize(("members", "threshold"), [(5_500, 0.0375), (33_000, 0.0235)])
def test_spline_of_chances_against_inversions(members, threshold):
    sizes, limits = np.array([4_800, members, 150_000]), np.array([0.039, threshold, 0.02])
    savings, losses = luck_exactly(sizes, limits, MEDICARE)
    noise = Noise(baseline_members=round(BASELINE * members))
    assert savings[1] == pytest.approx(chance_of_savings(MEDICARE, members, threshold, noise=noise), abs=1e-5)
    assert losses[1] == pytest.approx(chance_of_loss(MEDICARE, members, threshold, noise=noise), abs=1e-5)


def test_a_normal_cost_makes_both_chances_the_same():
    """Costs of two values, even, with 10,000 members: the sum is normal, with the constant that the formula gives."""
    costs = cost_distribution([0.0, 2.0])  # coefficient of variation 1
    savings, losses = luck_exactly(np.array([10_000.0]), np.array([0.012]), costs, baseline=1e5)
    assert [savings[0], losses[0]] == pytest.approx([luck_alone([10_000], [0.012], 1.0)[0]] * 2, abs=3e-3)


def made(**columns):
    """Table of one ACO, or of as many as a column given has."""
    base = {"performance_year": 2018, "members": 8_000.0, "benchmark": 100.0, "actual": 97.0, "msr": 0.03} | columns
    rows = max(np.size(value) for value in base.values())
    return pd.DataFrame({name: np.broadcast_to(value, rows) for name, value in base.items()})


def test_edges_of_bands_and_thresholds():
    """Savings equal to the threshold count, as do losses; a band begins with its first size; 1.99 percent is out."""
    table = pd.concat(
        [
            made(members=7_499.9),
            made(members=7_500.0, actual=103.0),
            made(members=50_000.0, actual=97.01),
            made(members=50_000.0, actual=102.99),
            made(msr=0.0199),
            made(performance_year=2013),
        ]
    )
    frame = realised_against_luck([table]).to_frame()
    assert [size for _, size in frame.index] == ["<7.5k", "7.5-10k", "50k+"]
    assert frame["acos"].tolist() == [1, 1, 2]
    assert frame["saved"].tolist() == [1, 0, 0]
    assert frame["lost"].tolist() == [0, 1, 0]


def test_person_years_go_before_members():
    frame = realised_against_luck(made(members=[12_000.0, 12_000.0], person_years=[9_000.0, np.nan])).to_frame()
    assert frame["median_size"].tolist() == [9_000, 12_000]


@pytest.mark.parametrize(
    ("table", "constant", "words"),
    [
        (made().drop(columns="msr"), 2.4, "table 1 has no column 'msr'"),
        (made(benchmark=0.0), 2.4, "row 1 lacks a benchmark"),
        (made(actual=np.nan), 2.4, "row 1 lacks a benchmark"),
        (made(msr=0.01), 2.4, "no ACO of 2014-2018, 2019-2020, 2021-2024"),
        (made(), 0.0, "a noise constant of 0"),
    ],
)
def test_clear_words_for_what_cannot_be(table, constant, words):
    with pytest.raises(InputError, match=words):
        realised_against_luck(table, noise_constant=constant)


def test_no_file_at_all():
    with pytest.raises(InputError, match="no file is given"):
        realised_against_luck([])


def test_files_alone_and_together_are_the_same(files, found):
    one = realised_against_luck(files[1])
    part = found.rows[found.rows["performance_year"] == 2014]
    assert one.rows["luck"].to_numpy() == pytest.approx(part["luck"].to_numpy(), abs=1e-15)
    assert one.rows["luck_savings"].to_numpy() == pytest.approx(part["luck_savings"].to_numpy(), abs=1e-5)


def doc_table(heading):
    """Rows of the table under a heading of the page."""
    lines = PAGE.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return rows[2:]


def results_rows(found):
    """Rows of the page's first table."""
    rows = []
    for (period, size), row in found.to_frame().iterrows():
        shares = ["saved", "saved_by_luck", "saved_exactly", "lost", "lost_exactly"]
        of_all = row["saved_by_luck"] / row["saved"]
        rows.append(
            [period, size, f"{row['acos']:.0f}", f"{row['mean_msr']:.2%}"]
            + [f"{row[name]:.1%}" for name in shares]
            + [f"{of_all:.0%}"]
        )
    return rows


def constants_rows(files):
    """Rows of the page's second table: what luck makes of all successes, by constant."""
    frames = {k: realised_against_luck(files, noise_constant=k).to_frame() for k in CONSTANTS}
    rows = []
    for band in (BANDS[0], BANDS[2], BANDS[5]):
        for period in NAMES:
            shares = [frames[k].loc[(period, band)] for k in CONSTANTS]
            exact = shares[0]["saved_exactly"] / shares[0]["saved"]
            rows.append([band, period] + [f"{s['saved_by_luck'] / s['saved']:.0%}" for s in shares] + [f"{exact:.0%}"])
    return rows


def test_the_page_prints_the_results(found):
    assert doc_table("The table") == results_rows(found)


def test_the_page_prints_what_the_constant_does(files):
    assert doc_table("What the constant does") == constants_rows(files)


def test_the_page_words_the_figures_right(found):
    """Losses of every early band, mean savings of the first and last year, losses of the last."""
    early = found.to_frame().loc["2014-2018", "lost"]
    assert (f"{early.min():.0%}", f"{early.max():.0%}") == ("14%", "19%")
    rows = dict(iter(found.rows.groupby("performance_year")))
    assert [f"{rows[year]['savings_rate'].mean():.1%}" for year in (2014, 2023)] == ["0.6%", "3.4%"]
    assert f"{(rows[2023]['savings_rate'] <= -rows[2023]['msr']).mean():.0%}" == "3%"
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert "14 to 19 percent of the years" in page
    assert "0.6 percent in 2014 to 3.4 percent in 2023" in page
