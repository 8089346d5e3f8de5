"""Historical benchmarks of every ACO in the public use files, and the county file, that lie beside the project."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import REAL, ROOT, printed

from acomodel.budget.mssp.adjustments import regional_adjustment, regional_terms
from acomodel.budget.mssp.cohorts import ablation, cohorts, fit_national_trends
from acomodel.budget.mssp.historical import historical_benchmark
from acomodel.budget.mssp.regional import national_figures, read_counties, regional_figures
from acomodel.budget.mssp.steps import TYPES
from acomodel.puf import read_puf

PAGE = ROOT / "docs" / "historical-benchmarks.md"
YEARS = (2014, 2016, 2018, 2019)
IMPLIED = Path(REAL).parent / "rules" / "implied_national_trend_to_by3.csv"
COUNTY = REAL / "mssp_county" / "County_FFS_2018_PUF.csv"


@pytest.fixture(scope="module")
def files(puf_folder):
    return {year: read_puf(puf_folder / f"puf_{year}.csv") for year in (2013, *YEARS, 2022, 2023)}


@pytest.fixture(scope="module")
def fits(files):
    """Fits of the cohorts whose base years the rules trend nationally, by year of the file."""
    return {
        year: [fit_national_trends(cohort) for cohort in cohorts(files[year])[0] if cohort.trend == "national"]
        for year in YEARS
    }


@pytest.fixture(scope="module")
def county():
    if not COUNTY.is_file():
        pytest.skip("the county file is not beside the project (../shared/data/mssp_county)")
    return read_counties(COUNTY)


def test_2014_every_benchmark_within_90_cents(fits):
    errors = pd.concat([fit.leave_one_out for fit in fits[2014]])
    assert len(errors) == 333
    assert errors.abs().max() < 0.90
    assert errors.abs().median() < 0.30


@pytest.mark.parametrize(("year", "acos", "beyond"), [(2016, 283, 1), (2018, 303, 0)])
def test_first_agreements_within_a_thousandth(fits, year, acos, beyond):
    found = [fit for fit in fits[year] if "agreement 1" in fit.cohort.name]
    share = pd.concat([fit.leave_one_out.abs() / fit.cohort.published for fit in found])
    assert (len(share), int((share >= 0.001).sum())) == (acos, beyond)
    assert share.max() < 0.00112


@pytest.mark.parametrize(("year", "acos"), [(2016, 147), (2018, 107)])
def test_second_agreements_of_2016_by_thirds_less_prior_savings(fits, year, acos):
    """Equal weights, and the printed adjustment for prior savings added in full, give the printed benchmark."""
    (fit,) = [fit for fit in fits[year] if "agreement 2" in fit.cohort.name]
    assert len(fit.leave_one_out) == acos
    assert fit.worst_share < 0.001
    kept = fit.cohort.weights
    assert kept == pytest.approx((1 / 3,) * 3)
    assert fit_national_trends(fit.cohort, weights=(0.1, 0.3, 0.6)).worst_share > 0.02


def test_fitted_trends_are_those_found_elsewhere(fits):
    """An earlier fit of the same cohorts, kept beside the project, to its four decimals."""
    if not IMPLIED.is_file():
        pytest.skip("no earlier fit beside the project (../shared/rules)")
    table = pd.read_csv(IMPLIED)
    compared = 0
    for year in (2016, 2018, 2019):
        for fit in fits[year]:
            period, start = fit.cohort.name.split("agreement ")[1].split(" from ")
            same = (table["performance_year"] == year) & (table["agreement_period"] == int(period))
            rows = table[same & (pd.to_datetime(table["start_date"]) == pd.Timestamp(start))]
            if len(rows) == 1 and int(rows["n_acos"].iloc[0]) == len(fit.leave_one_out):
                names = [f"{t}_by{y}_to_by3" for y in (1, 2) for t in ("esrd", "disabled", "aged_dual", "aged_nondual")]
                assert fit.trends.to_numpy().ravel() == pytest.approx(rows[names].to_numpy()[0], abs=6e-5)
                assert fit.residual.abs().max() == pytest.approx(rows["max_abs_err_usd"].iloc[0], abs=0.06)
                compared += 1
    assert compared >= 7


def test_steps_of_every_aco_give_the_fitted_benchmark(fits):
    for fit in fits[2014]:
        made = fit.cohort
        steps = historical_benchmark(made.expenditures, made.risk, made.person_years, fit.trends, labels=made.ids)
        assert steps.per_capita == pytest.approx(fit.fitted.to_numpy())
        assert steps.to_frame().index.tolist() == list(made.ids)


def test_who_is_left_out_and_why(files):
    reasons = {year: cohorts(files[year])[1]["reason"].value_counts().to_dict() for year in YEARS}
    assert reasons == {
        2014: {},
        2016: {"a figure by type is suppressed or empty": 2},
        2018: {"fewer than 12 ACOs began agreement 1 that day": 2},
        2019: {
            "the file does not print the adjustment for prior savings": 87,
            "fewer than 12 ACOs began agreement 2 that day": 2,
        },
    }


def test_from_2017_on_one_trend_for_a_cohort_is_not_enough(files):
    """Later agreements take growth of each ACO's own region, so that no eight trends can fit them all."""
    trends = {cohort.trend for cohort in cohorts(files[2022])[0]}
    assert trends == {"blend"}
    errors = pd.concat([fit_national_trends(cohort).leave_one_out.abs() for cohort in cohorts(files[2022])[0]])
    assert 55 < errors.median() < 65


@pytest.mark.parametrize("year", [2013, *YEARS, 2022, 2023])
def test_types_add_up_in_every_year(files, year):
    """Person years by type add up to the total, and expenditure by type to the printed total, as far as printed."""
    table = files[year].table
    counts = table[[f"person_years_{t}_py" for t in ("esrd", "disabled", "aged_dual", "aged_non_dual")]]
    spent = table[[f"per_capita_{t}_py" for t in ("esrd", "disabled", "aged_dual", "aged_non_dual")]]
    whole = counts.notna().all(axis=1) & spent.notna().all(axis=1)
    assert whole.mean() > 0.85
    assert counts[whole].sum(axis=1).to_numpy() == pytest.approx(table["person_years"][whole].to_numpy(), abs=3.0)
    total = (counts.to_numpy() * spent.to_numpy()).sum(axis=1)[whole]
    per_head = total / counts[whole].sum(axis=1)
    ratio = table["actual"][whole] / table["person_years"][whole] / per_head
    if year == 2013:  # agreements begun 2012 were settled over 18 or 21 months
        ratio = ratio[table["start_date"][whole].dt.year == 2013]
    within = (ratio - 1).abs() < 0.002
    if year == 2019:  # six-month periods are settled at half the dollars
        within |= (ratio - 0.5).abs() < 0.002
    assert len(ratio) > 100
    assert within.mean() > 0.98


def doc_table(heading):
    """Rows of the table under a heading of the page."""
    lines = PAGE.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return rows[2:]


def test_the_page_prints_the_fits(fits):
    rows = []
    for year in YEARS:
        for fit in fits[year]:
            period, start = fit.cohort.name.split("agreement ")[1].split(" from ")
            weights = "10/30/60" if fit.cohort.weights[2] == 0.6 else "thirds"
            error = fit.leave_one_out.abs()
            figures = (f"{error.median():.2f}", f"{fit.worst:.2f}", f"{fit.worst_share:.3%}")
            rows.append([str(year), period, start, str(len(error)), weights, *figures])
    assert doc_table("How near") == rows


def test_the_page_prints_what_each_part_is_worth(fits):
    rows = []
    for year in YEARS:
        for change, row in ablation([fit.cohort for fit in fits[year]]).iterrows():
            figures = (
                f"{row['median']:.2f}",
                f"{row['largest']:.2f}",
                f"{row['largest_share']:.3%}",
                f"{row['within']:.1%}",
            )
            rows.append([str(year), change, f"{row['acos']:.0f}", *figures])
    assert doc_table("What each part is worth") == rows


def test_the_nation_in_the_county_file(county):
    """CMS's renormalized risk is 1 within each type; expenditure by type of 2018."""
    nation = national_figures(county)
    assert nation["risk"].to_numpy() == pytest.approx(np.ones(4), abs=0.0003)
    for type_, text in zip(TYPES, ("85,402", "11,158", "17,244", "10,173"), strict=True):
        assert nation.loc[type_, "per_capita"] == printed(text)


def test_every_county_can_be_a_region(county):
    """3,219 counties; a region of one is that county, and a suppressed cell is a finding or an error."""
    assert len(county.names) == 3219
    assert county.per_capita.isna().sum().tolist() == [744, 50, 64, 3]
    whole = county.person_years.notna().all(axis=1)
    for code in county.names.index[whole][::200]:
        region = regional_figures(county, {code: 100.0})
        assert region.per_capita.to_numpy() == pytest.approx(county.per_capita.loc[code].to_numpy())
        assert not region.findings
    mixed = regional_figures(county, {"01000": 500.0, "02013": 3.0})
    assert [finding.split(":")[1].split()[0] for finding in mixed.findings] == ["ESRD", "disabled"]


def test_a_regional_adjustment_from_the_county_file(county):
    """An ACO at 95 % of its region takes 35 % of the gap, short of the cap."""
    region = regional_figures(county, {"01000": 5_000.0, "01010": 9_000.0})
    nation = national_figures(county)
    found = regional_adjustment(
        0.95 * region.per_capita, region.per_capita, nation["per_capita"], [50, 700, 400, 9_000], regional_terms(2024)
    )
    assert found.by_type.to_numpy() == pytest.approx(0.35 * 0.05 * region.per_capita.to_numpy())
    assert 0 < found.per_capita < found.line("Ceiling").overall
