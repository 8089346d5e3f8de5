"""Risk and large claims of a scenario with claims: what is measured, what counts, and what another choice changes."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from books import dataset
from conftest import SCENARIOS

from acomodel import InputError, change, load_scenario, run
from acomodel.budget.claimants import Claimants, compress
from acomodel.budget.factor_sets import age_sex_set
from acomodel.budget.hcc.scores import hcc_scores
from acomodel.budget.prediction import hold_back
from acomodel.budget.truncation import threshold_at
from acomodel.claims.incurred import ContractScope
from acomodel.claims.population import everyone
from acomodel.exhibit import Exhibit, Note
from acomodel.workbench import exhibits, plots, reduction
from acomodel.workbench.adjustments import applied_ratio, measured_ratio, removed_in, threshold
from acomodel.workbench.people import read_people
from acomodel.workbench.reduction import enrollment_type, people_of

DEMO = SCENARIOS / "claims-demo.toml"
SMALL = {
    "claims.synthetic.members": 5000,
    "claims.synthetic.months": 36,
    "claims.synthetic.start": "2022-01",
    "claims.years": [2023, 2024],
    "claims.synthetic.seed": 7,
    "claims.compare": False,
    "report.show_small_cells": False,
}


@pytest.fixture(scope="module")
def small():
    return run(change(load_scenario(DEMO), SMALL))


def payment(small, changes):
    return run(change(small.scenario, changes), small.tables).headline()["payment"]


def test_an_older_group_raises_the_ratio_and_the_cap_holds_it(small):
    measured = measured_ratio(small.scenario, small.budget.risk, printed=False)
    assert measured > 1.03
    assert applied_ratio(small.scenario, small.budget.risk, printed=False) == pytest.approx(1.03)
    steps = small.budget.benchmark.steps
    assert steps.loc["Age/sex (risk) adjustment", "factor"] == pytest.approx(1.03)
    free = run(change(small.scenario, {"risk.cap": None}), small.tables)
    assert free.budget.benchmark.steps.loc["Age/sex (risk) adjustment", "factor"] == pytest.approx(measured)
    assert free.budget.benchmark.pmpm / small.budget.benchmark.pmpm == pytest.approx(measured / 1.03)


def test_one_line_changes_the_payment(small):
    base = small.headline()["payment"]
    off = payment(small, {"risk.cap": None})
    lower = payment(small, {"large_claims.threshold": 150_000.0})
    assert off > base + 1
    assert abs(lower - base) > 1


def test_excess_is_taken_from_both_sides(small):
    claims = small.tables.claims
    over = {year: claims.excess(year, 250_000, prorate=False) for year in (2023, 2024)}
    allowed = claims.actuals["allowed"]
    factor = small.budget.benchmark.steps.loc["Large-claim adjustment", "factor"]
    assert factor == pytest.approx(1 - over[2023] / allowed[2023])
    assert small.headline()["actual"] == pytest.approx(allowed[2024] - over[2024])
    assert removed_in(small.scenario, small.tables, 2023) == {"2024": over[2024]}
    without = run(change(small.scenario, {"large_claims": None}), small.tables)
    assert without.headline()["actual"] == pytest.approx(allowed[2024])


def test_the_floor_holds_a_fall_and_the_what_if_comes_after(small):
    back = run(change(small.scenario, {"risk.base": "2024", "risk.current": "2023"}), small.tables)
    factor = "Age/sex (risk) adjustment", "factor"
    assert back.budget.risk.current < 0.97 * back.budget.risk.base
    assert back.budget.benchmark.steps.loc[factor] == pytest.approx(0.97)
    moved = run(change(small.scenario, {"risk.adjustment": 0.01}), small.tables)
    assert moved.budget.benchmark.steps.loc[factor] == pytest.approx(1.03 * 1.01)


def test_excess_is_of_completed_claims_and_of_the_part_of_the_year(small):
    claims = small.tables.claims
    listed, ratio = claims.people.claims_of(2024), claims.completion_ratio(2024)
    assert ratio > 1.001
    limit = np.full(len(listed.allowed), 100_000.0)
    whole = np.maximum(listed.allowed * ratio - limit, 0).sum()
    assert claims.excess(2024, 100_000, prorate=False) == pytest.approx(whole)
    part = np.maximum(listed.allowed * ratio - limit * listed.months / 12, 0).sum()
    assert claims.excess(2024, 100_000, prorate=True) == pytest.approx(part, abs=0.01 * len(limit))
    assert part > whole


def test_nothing_is_taken_from_spending_that_is_stated(small):
    stated = change(small.scenario, {"years.0.actual_pmpm": 700.0})
    assert removed_in(stated, small.tables, 2023) == {}
    assert run(stated, small.tables).headline()["actual"] == pytest.approx(
        700 * small.tables.claims.actuals.loc[2024, "member_months"]
    )


def test_a_percentile_is_an_amount_of_the_baseline(small):
    changed = change(small.scenario, {"large_claims.threshold": None, "large_claims.percentile": 99.0})
    amount = threshold(changed, small.tables, 2023)
    same = run(change(small.scenario, {"large_claims.threshold": amount, "large_claims.prorate": True}), small.tables)
    assert run(changed, small.tables).headline()["payment"] == same.headline()["payment"]
    words = exhibits.large_claims.large_claims(run(changed, small.tables)).note
    assert "(the 99th percentile)" in words


@pytest.mark.parametrize("percentile", [95.0, 97.5, 99.0, 99.9])
def test_percentile_of_a_compressed_distribution_is_that_of_the_members(percentile):
    rng = np.random.default_rng(5)
    claims, months = rng.lognormal(7, 2, 4_000).round(2), rng.integers(1, 13, 4_000).astype(float)
    whole = threshold_at(claims, percentile, months=months)
    listed = compress(claims, months, threshold_at(claims, 90.0, months=months))
    assert listed.at_percentile(percentile) == pytest.approx(whole)
    again = Claimants.from_frame(listed.to_frame(), listed.floor)
    assert again.at_percentile(percentile) == pytest.approx(whole)
    with pytest.raises(InputError, match="known one by one above the"):
        listed.at_percentile(80.0)


def test_claimants_add_up_to_the_claims(small):
    claims = small.tables.claims
    for year in (2023, 2024):
        listed = claims.people.claims_of(year)
        assert listed.total == pytest.approx(claims.actuals.loc[year, "reported"], abs=0.01)
        assert listed.member_months == pytest.approx(claims.actuals.loc[year, "member_months"])


@pytest.mark.parametrize(
    ("method", "measure"),
    [
        ({"risk.factors": "own"}, "estimated from the claims of 2023"),
        ({"risk.method": "hcc"}, "CMS-HCC V28"),
        ({"risk.method": "hcc", "risk.model": "V24"}, "CMS-HCC V24"),
    ],
)
def test_other_measures_of_the_same_people(small, method, measure):
    found = run(change(small.scenario, method), small.tables)
    assert measure in found.budget.risk.measure
    assert found.budget.risk.current > found.budget.risk.base  # the group that joins is older and sicker
    assert any(measure in a.source for a in found.assumptions)
    assert found.results()["results"]["risk"]["measure"] == found.budget.risk.measure


def test_own_factors_average_1_in_their_year(small):
    people = small.tables.claims.people
    assert people.mean_factor(2023, people.own_factors(2023)) == pytest.approx(1.0)
    found = run(change(small.scenario, {"risk.factors": "own"}), small.tables)
    assert found.budget.risk.base == pytest.approx(1.0)


def test_a_stated_ratio_is_held_by_the_cap_too(small):
    found = run(change(small.scenario, {"risk.ratio": 1.2}), small.tables)
    assert found.budget.risk is None
    assert found.budget.benchmark.steps.loc["Age/sex (risk) adjustment", "factor"] == pytest.approx(1.03)
    assert exhibits.risk.change_in_risk(found).to_frame().loc["Ratio as stated", "Factor"] == 1.2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"risk.cap": -0.01}, "risk.cap: found -0.01; at least 0 is wanted"),
        ({"risk.floor": 0.02}, "risk.floor: found 0.02; at most 0 is wanted"),
        ({"risk.table": "x.csv", "risk.method": "hcc"}, "risk.table: given, but risk.method and risk.factors choose"),
        ({"risk.base": "spring"}, "risk.base: found 'spring'; with claims, a calendar year is wanted"),
        ({"risk.current": "1999"}, "no member of 1999 has an age and a sex in the claims; years that do: 2023, 2024"),
        ({"risk.method": "hcc", "risk.base": "2020"}, "nobody is scored for 2020 by V28: the diagnoses of 2019"),
        ({"large_claims.threshold": 500.0}, "a threshold of 500 is too low: in 2023 claimants are known one by one"),
        ({"large_claims.percentile": 99.0}, "large_claims.threshold and large_claims.percentile are both given"),
        ({"large_claims.threshold": None}, "large_claims.threshold and large_claims.percentile are both missing"),
        ({"risk.method": "dcg"}, "risk.method: found 'dcg'; 'age_sex' or 'hcc' is wanted"),
    ],
)
def test_settings_that_cannot_be(small, changes, words):
    with pytest.raises(InputError, match=words):
        run(change(small.scenario, changes), small.tables)


def test_percentile_without_claims():
    toolkit = load_scenario(SCENARIOS / "toolkit-2010.toml")
    with pytest.raises(InputError, match="large_claims.percentile: needs claims"):
        run(change(toolkit, {"large_claims.threshold": None, "large_claims.percentile": 99.0}))


def test_people_are_the_same_when_read_back(small, tmp_path):
    ours = small.tables.claims.people
    ours.write(tmp_path)
    again = read_people(tmp_path)
    for name, frame in ours.frames().items():
        pd.testing.assert_frame_equal(
            frame.reset_index(drop=True), again.frames()[name], check_exact=True, check_dtype=False, obj=name
        )
    (tmp_path / "scores.csv").unlink()
    with pytest.raises(InputError, match="scores.csv: no such file"):
        read_people(tmp_path)


def test_no_table_holds_a_member(small, tmp_path):
    small.tables.claims.people.write(tmp_path)
    text = "".join(path.read_text() for path in tmp_path.iterdir())
    assert "1S0" not in text  # how identifiers of the synthetic book begin


EXHIBITS = [
    exhibits.risk.change_in_risk,
    exhibits.risk.measures,
    exhibits.risk.population,
    exhibits.risk.own_factors,
    exhibits.risk.scores,
    exhibits.risk.conditions,
    exhibits.risk.prediction,
    exhibits.risk.condition_ratios,
    exhibits.risk.what_ifs,
    exhibits.large_claims.large_claims,
    exhibits.large_claims.tradeoff,
    exhibits.large_claims.reinsurance,
]


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda f: f.__name__)
def test_exhibits_show_themselves(small, exhibit):
    found = exhibit(small)
    assert isinstance(found, Exhibit)
    assert len(found.to_frame())
    assert "nan" not in repr(found).lower().replace("finan", "")
    assert found._repr_html_()


@pytest.mark.parametrize(
    "draw",
    [plots.risk.age_sex_factors, plots.risk.risk_by_year, plots.risk.predicted_deciles, plots.risk.threshold_choice],
    ids=lambda f: f.__name__,
)
def test_pictures_are_drawn(small, draw):
    made = plots.picture(draw, small, "words")
    assert made.svg.count("<path") > 10


def test_without_claims_there_is_nothing_to_show():
    hackensack = run(SCENARIOS / "hackensack-2014.toml")
    for exhibit in EXHIBITS:
        assert exhibit(hackensack) is None or isinstance(exhibit(hackensack), Note)


def test_what_ifs_are_the_runs_they_name(small):
    report = dataclasses.replace(small.scenario.report, show_small_cells=True)
    open_run = dataclasses.replace(small, scenario=dataclasses.replace(small.scenario, report=report))
    table = exhibits.risk.what_ifs(open_run).to_frame()
    assert table.loc["As in this scenario", "Payment"] == small.headline()["payment"]
    assert table.loc["Cap on the risk ratio off", "Payment"] == payment(small, {"risk.cap": None})
    changes = {"large_claims.threshold": 150_000.0}
    assert table.loc["Large claims truncated at $150,000", "Payment"] == payment(small, changes)


def test_what_ifs_do_not_tell_of_few_claimants(small):
    """Benchmarks at two thresholds with 1 to 10 claimants between, or above the scenario's own, tell what one costs."""
    shown = exhibits.risk.what_ifs(small).to_frame().index
    claims, own = small.tables.claims, threshold(small.scenario, small.tables, small.budget.base_year)
    told = [float(words.rpartition("$")[2].replace(",", "")) for words in shown if "truncated at" in words]
    for year in claims.actuals.index:
        allowed = claims.claimants(year).allowed
        counts = [int((allowed > amount).sum()) for amount in (*told, own)]
        assert not [1 for a in counts for b in counts if 0 < abs(a - b) <= 10]
        if 0 < int((allowed > own).sum()) <= 10:
            assert "Large claims not truncated" not in shown


def test_members_of_the_highest_cost_are_shown_only_where_small_cells_may_be(small):
    assert isinstance(exhibits.risk.high_risk(small), Note)
    report = dataclasses.replace(small.scenario.report, show_small_cells=True)
    open_run = dataclasses.replace(small, scenario=dataclasses.replace(small.scenario, report=report))
    table = exhibits.risk.high_risk(open_run).to_frame()
    assert table["Relative risk"].is_monotonic_decreasing
    assert list(table.index[:2]) == ["Member 1", "Member 2"]
    cost = table["Predicted annual cost"] / table["Relative risk"]
    assert cost.max() == pytest.approx(cost.min())


def test_few_members_are_not_counted_out(small):
    shown = exhibits.risk.population(small).shown()
    counts = [c for c in shown if c.startswith("Members")]
    oldest = shown.loc[["M 65+", "F 65+"], counts].to_numpy().ravel()
    assert set(oldest) <= {"1–10", "0"}


def test_enrollment_types():
    rows = pd.DataFrame(
        {
            "age": [40, 64, 65, 90, 70],
            "esrd": [True, False, False, False, False],
            "dual_status": ["02", "02", "02", "09", None],
            "orec": "0",
        }
    )
    assert enrollment_type(rows).tolist() == ["ESRD", "disabled", "aged/dual", "aged/non-dual", "aged/non-dual"]
    plain = rows.assign(esrd=False, dual_status=None, orec=None)
    assert set(enrollment_type(plain)) == {"all members"}


def small_book(**status):
    """Two members over three years, diabetes of one written down in 2022 alone."""
    spans = [
        {"member_id": "a", "birth_date": "1950-05-05", "sex": "F", "start_date": "2021-01-01"} | status,
        {"member_id": "b", "birth_date": "1962-05-05", "sex": "M", "start_date": "2023-03-01"} | status,
    ]
    lines = [
        {
            "member_id": m,
            "provider_id": "P",
            "service_date": f"{y}-06-01",
            "paid_date": f"{y}-07-01",
            "claim_id": f"{m}{y}",
        }
        for m in "ab"
        for y in (2021, 2022, 2023, 2024)
    ]
    found = [{"member_id": "a", "code": "E11.9", "service_date": "2022-06-01"}]
    return dataset(claims=lines, eligibility=spans, diagnoses=found)


def test_a_year_is_scored_by_the_diagnoses_of_the_year_before():
    data = small_book(orec="0", dual_status="00")
    found = people_of(data, everyone(data, [2022, 2023, 2024]), [2022, 2023, 2024], ContractScope())
    held = found.categories.query("model == 'V28'").set_index("year")["category"].to_dict()
    assert held == {2023: "38"}
    rows = found.scores.query("model == 'V24' and year == 2023").set_index("type")
    diabetes = hcc_scores(
        pd.DataFrame({"member_id": ["a"], "code": ["E119"]}),
        pd.DataFrame({"member_id": ["a"], "age": [72], "sex": ["F"], "dual_status": ["00"], "orec": ["0"]}),
        "V24",
    ).frame["raw_score"][0]
    assert rows.loc["aged/non-dual", "score"] == pytest.approx(diabetes)
    assert rows.loc["disabled", "months"] == 10
    new = hcc_scores(
        pd.DataFrame({"member_id": ["b"], "code": ["Z000"]}),
        pd.DataFrame(
            {
                "member_id": ["b"],
                "age": [60],
                "sex": ["M"],
                "dual_status": ["00"],
                "orec": ["0"],
                "new_enrollee": [True],
            }
        ),
        "V24",
    ).frame["raw_score"][0]
    assert rows.loc["disabled", "score"] == pytest.approx(new)  # covered for less than a year before


def test_nobody_is_new_to_medicare_without_medicare():
    data = small_book()
    found = people_of(data, everyone(data, [2023]), [2023], ContractScope())
    assert set(found.scores["type"]) == {"all members"}
    settled = hcc_scores(
        pd.DataFrame({"member_id": ["a"], "code": ["E119"]}),
        pd.DataFrame({"member_id": ["a", "b"], "age": [72, 60], "sex": ["F", "M"]}),
    ).frame["raw_score"]
    weights = [12, 10]
    assert found.mean_score(2023, "V28") == pytest.approx(np.average(settled, weights=weights))


def test_members_without_age_or_sex_are_left_out_of_risk_but_not_of_claims():
    data = small_book(birth_date=None, sex="U")
    found = people_of(data, everyone(data, [2023]), [2023], ContractScope())
    assert found.ages.empty and found.scores.empty
    assert found.claims_of(2023).total == pytest.approx(200.0)
    with pytest.raises(InputError, match="no member of 2023 has an age and a sex in the claims; years that do: none"):
        found.mean_factor(2023, age_sex_set())


def test_no_fit_sees_the_members_held_back(monkeypatch):
    rng = np.random.default_rng(2)
    rows = pd.DataFrame({"member_id": [f"m{n}" for n in range(400)] * 2, "age": rng.integers(20, 60, 800), "sex": "F"})
    rows = rows.assign(months=12.0, cost=rng.gamma(1, 1, 800), level=500.0, V28=1.0, V24=1.0, hccs=";;")
    rows.index = pd.Index([f"{m}/{n}" for n, m in enumerate(rows["member_id"])])
    seen = []

    def spy(members):
        seen.append(set(members["member_id"]))

    monkeypatch.setattr(reduction, "_estimated", spy)
    monkeypatch.setattr(
        reduction, "_own_weights", lambda rows, fitted, cells: seen.append(set(rows["member_id"][fitted]))
    )
    reduction._predicted(rows, 2024)
    held = hold_back(pd.Index(rows["member_id"].unique()))
    assert seen == [set(held.index[~held])] * 2


def test_conditions_of_few_members_are_not_shown(small):
    people = small.tables.claims.people
    counts = people.categories.query("model == 'V28'").set_index(["year", "category"])["members"]
    table = exhibits.risk.conditions(small).to_frame()
    for name, row in table.iterrows():
        for year, value in row.items():
            members = counts.get((int(year), name.split()[0]), 0)
            assert np.isnan(value) == (1 <= members <= 10)
    assert table.isna().any(axis=None)


def test_two_thresholds_do_not_tell_what_one_member_costs(small):
    for exhibit in (exhibits.large_claims.tradeoff, exhibits.large_claims.reinsurance):
        shown = exhibit(small).shown()
        counts = shown.iloc[:, 0]
        assert not counts.eq("1–10").any()
    assert max(exhibits.large_claims.tradeoff_of(small).table["claimants"].iloc[:-1].min(), 11) > 10


def test_too_few_claimants_for_a_choice_of_threshold(small, monkeypatch):
    monkeypatch.setattr(exhibits.large_claims, "LADDER", (2_000_000.0,))
    assert list(exhibits.large_claims.tradeoff(small).to_frame().index) == ["none"]
    assert exhibits.large_claims.reinsurance(small) is None
    assert not plots.risk.threshold_choice(small).axison


def test_what_stands_for_one_member_stays_out_of_the_report(small, tmp_path):
    people = small.tables.claims.people
    assert len(people.high_risk)
    people.without_small_cells().write(tmp_path)
    again = read_people(tmp_path)
    assert again.high_risk.empty
    few = again.prediction["members"].between(1, 10)
    assert few.any() and again.prediction.loc[few, ["actual", "value"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("change_book", "check"),
    [
        ({"sex": "U"}, "demographics-missing"),
        ({"dual_status": "XX"}, "status-unknown"),
        ({"orec": "9"}, "status-unknown"),
        ({"esrd": True}, "esrd-in-the-community"),
    ],
)
def test_what_risk_cannot_use_is_a_finding(change_book, check):
    data = small_book(**({"orec": "0", "dual_status": "00"} | change_book))
    found = people_of(data, everyone(data, [2023]), [2023], ContractScope())
    assert found.findings.set_index("check")["members"][check] == 2


def test_years_without_diagnoses_are_not_scored_and_said():
    data = small_book(orec="0")
    found = people_of(data, everyone(data, [2023, 2024]), [2023, 2024], ContractScope())
    absent = found.findings.set_index(["year", "check"])["what"]
    assert "the claims hold no diagnosis of 2023" in absent[2024, "diagnoses-absent"]
    with pytest.raises(InputError, match="nobody is scored for 2024 by V28: the diagnoses of 2023 are wanted"):
        found.mean_score(2024, "V28")


def test_one_spelling_of_a_status():
    data = small_book(orec="0", dual_status="2", birth_date="1950-01-01")
    found = people_of(data, everyone(data, [2023]), [2023], ContractScope())
    assert set(found.scores["type"]) == {"aged/dual"}


def test_how_somebody_was_assigned_before_the_first_year_is_not_known(small):
    rows = small.tables.claims.people.scores.set_index("year")["assigned"]
    assert set(rows[2023]) == {""}
    assert set(rows[2024]) == {"newly", "continuously"}
    assert "2023, all members" in exhibits.risk.scores(small).to_frame().index


def test_the_group_that_joins_is_said_to_have_no_diagnoses(small):
    rows = small.tables.claims.people.findings.set_index(["year", "check"])["what"]
    assert "of members were not covered in 2023: no diagnosis speaks for them" in rows[2024, "no-year-before"]
    notes = run(change(small.scenario, {"risk.method": "hcc"}), small.tables).budget.notes
    assert any("no-year-before" in n for n in notes) and not any("no-year-before" in n for n in small.budget.notes)


def test_settings_of_risk_are_listed_where_they_decide(small):
    def listed(changes):
        found = run(change(small.scenario, changes), small.tables).assumptions
        return {a.note.removeprefix("setting ").split(";")[0]: a.basis for a in found}

    by_age, by_score = listed({}), listed({"risk.method": "hcc"})
    assert "risk.factors" in by_age and "risk.model" not in by_age
    assert "risk.model" in by_score and "risk.factors" not in by_score
    assert by_age["risk.cap"] == by_age["large_claims.threshold"] == "contract"
