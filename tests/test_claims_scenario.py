"""A scenario that starts from claims: the whole chain, its tables in the report, and the same figures again."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from books import write
from click.testing import CliRunner
from conftest import SCENARIOS

from acomodel import InputError, change, load_scenario, run, sweep
from acomodel.claims.study import read_study
from acomodel.cli import main
from acomodel.exhibit import show
from acomodel.workbench import exhibits, forecasts, plots
from acomodel.workbench.claims import read_claims
from acomodel.workbench.figures import figures_of, headline_value

DEMO = SCENARIOS / "claims-demo.toml"
SMALL = {"claims.synthetic.members": 3500, "claims.synthetic.months": 36, "claims.synthetic.start": "2022-01"}
SMALL |= {"claims.years": [2023, 2024], "claims.synthetic.seed": 7, "report.show_small_cells": False}


@pytest.fixture(scope="module")
def small():
    scenario = change(load_scenario(DEMO), SMALL)
    return run(scenario)


def test_budget_rests_on_completed_claims_before_the_contract_year(small):
    claims = small.tables.claims
    assert small.tables.monthly["month"].max() == pd.Period("2023-12")
    base = claims.monthly[claims.monthly["month"].dt.year == 2023]
    allowed = (base["incurred_claims"] + base["member_cost_share"]).sum()
    months = claims.actuals.loc[2023, "member_months"]
    assert small.budget.benchmark.steps["pmpm"].iloc[0] == pytest.approx(allowed / months)
    assert claims.actuals.loc[2023, "allowed"] == pytest.approx(allowed)


def test_settlement_takes_exposure_and_completed_spending_from_the_claims(small):
    actual = small.tables.claims.actuals.loc[2024]
    over = small.tables.claims.excess(2024, 250_000, prorate=False)
    assert small.headline()["actual"] == pytest.approx(actual["allowed"] - over)
    assert small.headline()["benchmark"] == pytest.approx(small.budget.benchmark.pmpm * actual["member_months"])
    assert actual["low"] < actual["allowed"] < actual["high"]
    assert actual["reported"] < actual["allowed"]


def test_completion_comes_near_the_truth(small):
    """Claims paid later than the book are known for a synthetic plan: complete them and see."""
    later = {"claims.synthetic.paid_through": "2026-12-31", "claims.compare": False}
    whole = run(change(small.scenario, later)).tables.claims.actuals.loc[2024, "reported"]
    found = small.tables.claims.actuals.loc[2024]
    assert abs(found["allowed"] - whole) < 4 * found["standard_error"] + 0.01 * whole
    assert abs(found["allowed"] - whole) < abs(found["reported"] - whole)


def test_every_dollar_of_the_claims_is_shown(small):
    parts = small.tables.claims.study.experience.conservation()
    source = small.tables.claims.study.source["tables"]["claims"]
    assert parts.loc["Total", "allowed"] == pytest.approx(source["sums"]["allowed"], abs=0.004)
    assert parts.loc["Total", "lines"] == source["rows"]


def test_study_is_the_same_when_read_back(small, tmp_path):
    ours = small.tables.claims.study
    ours.write(tmp_path)
    again = read_study(tmp_path, ours.scope)
    for name, frame in ours.frames().items():
        pd.testing.assert_frame_equal(frame, again.frames()[name], check_exact=True, check_dtype=False)
    (tmp_path / "cells.csv").unlink()
    with pytest.raises(InputError, match="cells.csv: no such file; the tables of a study are"):
        read_study(tmp_path, ours.scope)


EXHIBITS = [
    "claims_used",
    "findings",
    "conservation",
    "attributed",
    "members",
    "practices",
    "overlap",
    "methods",
    "completion",
    "claims_completed",
    "open_months",
    "development",
    "expected_payments",
    "tested",
    "cost_trend",
    "specialties",
    "bridge",
    "network",
]


def named(name):
    return getattr(exhibits.runoff if hasattr(exhibits.runoff, name) else exhibits.claims, name)


@pytest.mark.parametrize("name", EXHIBITS)
def test_exhibit_of_claims_and_of_none(small, name):
    made = named(name)(small)
    assert made is not None and "nan" not in repr(made).lower().split()
    assert made._repr_html_().count("<") > 2
    other = named(name)(run(SCENARIOS / "hackensack-2014.toml"))
    assert other is None or "claims" in repr(other)


@pytest.mark.parametrize("name", ["completed_months", "development_curves", "use_price_mix", "methods_side_by_side"])
def test_chart_of_claims_and_of_none(small, name):
    draw = getattr(plots.claims, name)
    assert "<svg" in plots.picture(draw, small, "words").svg
    words = draw(run(SCENARIOS / "hackensack-2014.toml")).texts[0].get_text()
    assert words in (plots.claims.NONE, exhibits.claims.NO_CLAIMS)


def test_methods_are_settled_with_their_own_experience(small):
    table = exhibits.claims.methods(small).to_frame()
    assert table.index[0] == "Dartmouth"
    assert table.loc["Dartmouth", "Payment"] == pytest.approx(small.headline()["payment"], rel=1e-6, abs=1)
    assert table["Allowed PMPM"].nunique() == 3


def test_bridge_between_years_adds_up_to_the_actuals(small):
    _, _, frame = exhibits.claims.bridge_table(small)
    actuals = small.tables.claims.actuals
    per = actuals["allowed"] / actuals["member_months"]
    assert frame.loc["Total", "before"] == pytest.approx(per.loc[2023])
    assert frame.loc["Total", "after"] == pytest.approx(per.loc[2024])
    effects = frame[["use", "price", "mix"]].sum(axis=1)
    np.testing.assert_allclose(frame["before"] + effects, frame["after"], atol=1e-9)


def test_small_cells_of_members_are_not_printed(small):
    counts = small.tables.claims.study.members.copy()
    counts.loc[2024, "died"] = 3
    tables = dataclasses.replace(
        small.tables,
        claims=dataclasses.replace(
            small.tables.claims, study=dataclasses.replace(small.tables.claims.study, members=counts)
        ),
    )
    shown = exhibits.claims.members(dataclasses.replace(small, tables=tables)).to_frame()
    assert shown.loc[2024, "Died"] == "1–10"


def test_disclosures_and_assumptions_name_the_claims(small):
    assert "claims" in repr(exhibits.disclosures.data_relied_on(small))
    names = {a.note for a in small.assumptions}
    assert "setting claims.attribution.method" in names and "setting claims.tables" not in names
    assert "regression" in repr(exhibits.budget.regressions(small)).lower()


def test_sweep_over_the_method_reads_the_claims_anew(small):
    base = change(small.scenario, {"claims.synthetic.members": 2000, "claims.compare": False})
    table = sweep(base, {"claims.completion.method": ["bornhuetter_ferguson", "none"]})
    assert table["actual"].iloc[0] > table["actual"].iloc[1]


def test_faults_of_a_claims_scenario(tmp_path):
    text = DEMO.read_text(encoding="utf-8")

    def message(*edits):
        changed = text
        for old, new in edits:
            assert old in changed
            changed = changed.replace(old, new)
        path = tmp_path / "s.toml"
        path.write_text(changed, encoding="utf-8")
        with pytest.raises(InputError) as error:
            run(path)
        assert "\n" not in str(error.value)
        return str(error.value)

    few = [
        ("members = 12000", "members = 400"),
        ("months = 60", "months = 24"),
        ("[2021, 2022, 2023, 2024]", "[2020, 2021]"),
    ]
    assert "claims.aco_id: found 'ACO9'; one of ACO1, ACO2" in message(*few, ('aco_id = "ACO1"', 'aco_id = "ACO9"'))
    assert "nobody is assigned to ACO1 in 2022" in message(*few[:2])
    assert "unknown key 'claims.metod'" in message(("years = [2021", 'metod = "x"\nyears = [2021'))
    assert "are not consecutive" in message(("[2021, 2022, 2023, 2024]", "[2021, 2023]"))
    assert "[experience] is wanted beside it" in message(("base_year = 2023", 'table = "x.csv"'))
    assert "claims.attribution.method: found 'dartmoth'" in message(('method = "dartmouth"', 'method = "dartmoth"'))
    without = text[: text.index("\n[claims.synthetic]")] + text[text.index("\n[claims.attribution]") :]
    path = tmp_path / "t.toml"
    path.write_text(without, encoding="utf-8")
    with pytest.raises(InputError, match="none of data, tables, synthetic is given"):
        load_scenario(path)
    path.write_text(without.replace("years = [2021", 'data = "nowhere"\nyears = [2021'), encoding="utf-8")
    with pytest.raises(InputError, match="nowhere: no such folder; a folder of claims tables is wanted"):
        run(path)


def test_ingest_attribute_and_check_on_the_command_line(tmp_path):
    lines = [
        {"member_id": "m1", "provider_id": "P1", "service_date": "2023-03-01", "claim_id": "1"},
        {"member_id": "zz", "provider_id": "P1", "service_date": "2023-03-01", "claim_id": "2"},
    ]
    providers = [{"provider_id": "P1", "specialty": "08", "aco_id": "=A"}]
    write(tmp_path / "in", claims=lines, eligibility=[{"member_id": "m1"}], providers=providers)
    call = CliRunner().invoke
    data = tmp_path / "data"
    done = call(main, ["ingest", str(tmp_path / "in"), "--format", "csv", "--out", str(data), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["tables"]["claims"]["rows"] == 2
    found = {f["check"]: (f["rows"], f["dollars"]) for f in told["findings"]}
    assert found["unknown-member"] == (1, 100.0)
    out = tmp_path / "a.csv"
    done = call(
        main, ["attribute", "--data", str(data), "--method", "dartmouth", "--as-of", "2023-12-31", "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    assert out.read_text().splitlines() == [
        "member_id,provider_id,aco_id,method,visits",
        "m1,P1,'=A,dartmouth,1",
    ]
    assert "not attributed" in done.output
    bad = call(
        main, ["attribute", "--data", str(tmp_path), "--method", "pgp", "--as-of", "2023-12-31", "--out", str(out)]
    )
    assert (
        bad.exit_code == 1
        and "no claims.parquet or claims.csv" in bad.output
        and len(bad.output.strip().splitlines()) == 1
    )
    assert (
        call(main, ["attribute", "--data", str(data), "--method", "coin", "--as-of", "x", "--out", "y"]).exit_code == 2
    )


def test_spending_of_a_year_that_the_claims_do_not_reach(small):
    years = [{"label": "2026", "performance_year": 2026, "benchmark_pmpm": 500.0, "member_months": 1000.0}]
    other = change(small.scenario, {"years": years})
    with pytest.raises(InputError, match="'2026' states no spending, and the claims hold none of 2026"):
        figures_of(other, small.tables)
    stated = change(small.scenario, {"years": [years[0] | {"actual_pmpm": 480.0}]})
    assert headline_value(stated, figures_of(stated, small.tables), "savings") == pytest.approx(20_000)


def test_study_of_unassigned_years_is_refused(tmp_path):
    scenario = change(load_scenario(DEMO), SMALL | {"claims.synthetic.members": 300, "claims.synthetic.months": 12})
    with pytest.raises(InputError, match="nobody is assigned to ACO1 in 2023"):
        read_claims(scenario.claims, tmp_path)


def own_book(tmp_path, change_lines, months=24, **settings):
    """A plan of one ACO with noiseless payments in three months, as a scenario with data of its own."""
    rows = []
    for n, month in enumerate(pd.period_range("2022-01", periods=months, freq="M")):
        for lag, share in enumerate((60, 30, 10)):
            paid = (month + lag).to_timestamp() + pd.Timedelta(days=14)
            if paid <= pd.Timestamp("2023-12-31"):
                rows.append(
                    {
                        "claim_id": f"{n}-{lag}",
                        "member_id": "m",
                        "provider_id": "P1",
                        "service_date": f"{month}-03",
                        "paid_date": f"{paid:%Y-%m-%d}",
                        "allowed": share / 10,
                        "paid": share / 10,
                        "member_cost_share": 0,
                    }
                )
    closing = rows[-1] | {"claim_id": "close", "paid_date": "2023-12-30", "allowed": 0.0, "paid": 0.0}
    providers = [{"provider_id": "P1", "specialty": "08", "aco_id": "A"}]
    write(tmp_path / "in", claims=change_lines([*rows, closing]), eligibility=[{"member_id": "m"}], providers=providers)
    from acomodel.claims.completion import CompletionSettings
    from acomodel.claims.ingest import ingest
    from acomodel.claims.study import ClaimsSettings

    ingest(tmp_path / "in", tmp_path / "data")
    rule = CompletionSettings(bf_months=1, **settings)
    return read_claims(ClaimsSettings(years=[2022, 2023], data="data", compare=False, completion=rule), tmp_path)


def test_noiseless_claims_are_completed_exactly(tmp_path):
    found = own_book(tmp_path, lambda rows: rows)
    assert found.actuals.loc[2023, "allowed"] == pytest.approx(120)
    assert found.actuals.loc[2023, "reported"] == pytest.approx(115)


def test_one_mistyped_day_of_payment_does_not_end_completion(tmp_path):
    found = own_book(
        tmp_path,
        lambda rows: [rows[0] | {"claim_id": "typo", "paid_date": "2099-01-05", "allowed": 0.01, "paid": 0.01}, *rows],
    )
    assert found.study.source["paid_through"] == "2023-12-30"
    assert found.actuals.loc[2023, "allowed"] == pytest.approx(120, abs=0.2)


def test_claims_without_a_day_of_payment_stand_as_reported_and_say_so(tmp_path):
    found = own_book(tmp_path, lambda rows: [r | {"paid_date": None} for r in rows])
    assert found.actuals.loc[2023, "allowed"] == found.actuals.loc[2023, "reported"] == pytest.approx(115)
    assert "nothing is completed" in found.completion.notes[0]
    some = [
        {
            "claim_id": "bare",
            "member_id": "m",
            "provider_id": "P1",
            "service_date": "2023-11-03",
            "allowed": 7,
            "paid": 7,
        }
    ]
    found = own_book(tmp_path / "some", lambda rows: rows + [s | {"member_cost_share": 0} for s in some])
    assert found.actuals.loc[2023, "allowed"] == pytest.approx(127)
    assert found.actuals.loc[2023, "reported"] == pytest.approx(122)
    assert "7 of allowed bears no day of payment" in found.completion.notes[0]


def test_a_month_of_payments_that_is_not_whole_is_left_out(tmp_path):
    def early(rows):
        return [r for r in rows if r["paid_date"] <= "2023-12-16"]

    found = own_book(tmp_path, early)
    assert found.is_forecast(2023)
    assert "claims paid through 2023-11 are in" in found.completion.notes[0]
    assert "payments end with 2023-12-15: that month is not whole" in found.completion.notes[1]
    with pytest.raises(
        InputError, match="paid_through: found 2030-12-31; the payments in the claims end with 2023-12-30"
    ):
        own_book(tmp_path / "late", lambda rows: rows, paid_through="2030-12-31")


def test_text_from_claims_cannot_become_a_formula_and_comes_back(small, tmp_path):
    items = small.tables.claims.study.items.copy()
    items.loc[0, "item"] = "=HYPERLINK(1)"
    dataclasses.replace(small.tables.claims.study, items=items).write(tmp_path)
    assert (
        "\n" + "=" not in (tmp_path / "items.csv").read_text()
        and ",'=HYPERLINK" in (tmp_path / "items.csv").read_text()
    )
    assert read_study(tmp_path, small.scenario.claims.scope).items.loc[0, "item"] == "=HYPERLINK(1)"


def test_a_category_too_thin_for_a_fit_does_not_stop_the_chain():
    thin = SMALL | {
        "claims.synthetic.population": "medicare",
        "claims.synthetic.group_join_from_age": 0,
        "claims.synthetic.members": 900,
        "claims.compare": False,
        "claims.synthetic.seed": 3,
    }
    found = run(change(load_scenario(DEMO), thin))
    assert any("fitted to points of" in note or "too thin" in note for note in found.budget.notes)
    assert exhibits.budget.regressions(found) is not None


def test_kept_tables_are_not_passed_off_as_those_of_another_choice(small, tmp_path):
    claims = small.tables.claims
    claims.study.write(tmp_path / "kept")
    claims.people.write(tmp_path / "kept" / "people")
    kept = change(small.scenario, {"claims.tables": str(tmp_path / "kept")})
    assert run(kept).headline()["payment"] == small.headline()["payment"]
    refused = {
        ("claims.attribution.method", "mssp"): 'claims.attribution.method: found "mssp"; the tables in',
        ("claims.aco_id", "ACO2"): 'worked out with "ACO1"',
        ("claims.membership.timing", "prospective"): "claims.membership.timing",
        ("claims.scope.excluded_services", ("DME",)): "another choice needs the claims themselves",
        ("claims.years", (2024,)): r"claims.years: found \[2024\]",
    }
    for (key, value), words in refused.items():
        with pytest.raises(InputError, match=words):
            run(change(kept, {key: list(value) if isinstance(value, tuple) else value}))
    assert run(change(kept, {"claims.scope.ime_dsh": False})).headline()["payment"] == small.headline()["payment"]


def test_the_trend_is_of_claims_without_large_ones(small):
    whole = run(change(small.scenario, {"large_claims": None}), small.tables)
    assert whole.fitted is whole.tables
    shares = {
        year: 1 - small.tables.claims.excess(year, 250_000, prorate=False) / row["allowed"]
        for year, row in small.tables.claims.actuals.iterrows()
    }
    before, after = small.tables.monthly, small.fitted.monthly
    kept = after["incurred_claims"] / before["incurred_claims"].where(before["incurred_claims"] != 0)
    for year, share in kept.groupby(before["month"].dt.year):
        assert share.dropna().to_numpy() == pytest.approx(shares[year])
    assert small.fitted is run(small.scenario, small.tables).fitted  # made once
    assert "Claims above the threshold are left out" in exhibits.budget.regressions(small).note
    assert any("the trend is that of claims without what lies above" in n for n in small.budget.notes)


RUNNING = {
    "claims.synthetic.members": 4000,
    "claims.synthetic.months": 36,
    "claims.synthetic.start": "2022-01",
    "claims.synthetic.group_join": 0.0,
    "claims.synthetic.seed": 7,
    "claims.years": [2023, 2024],
    "claims.compare": False,
}


@pytest.fixture(scope="module")
def in_progress():
    """The same book as it is known when the payments through June of the contract year are in, and when all are."""
    base = change(load_scenario(SCENARIOS / "claims-demo.toml"), RUNNING)
    early = {"claims.completion.paid_through": "2024-06-30", "claims.compare": True}
    return run(change(base, early)), run(base)


def test_a_year_in_progress_is_settled_on_its_forecast(in_progress):
    early, late = in_progress
    claims = early.tables.claims
    assert list(claims.actuals.index) == [2023]
    assert claims.years == [2023, 2024]
    assert claims.is_forecast(2024)
    assert claims.monthly["month"].max() == pd.Period("2024-06")
    assert claims.before(None)["month"].max() == pd.Period("2023-12")
    row, truth = claims.of_year(2024), late.tables.claims.of_year(2024)
    assert row["reported"] < row["allowed"]
    assert row["low"] < truth["allowed"] / truth["member_months"] * row["member_months"] < row["high"]
    share = claims.excess(2024, 250_000.0, prorate=False) / row["allowed"]
    assert share == pytest.approx(claims.excess(2023, 250_000.0, prorate=False) / claims.actuals.loc[2023, "allowed"])
    assert early.headline()["actual"] == pytest.approx(row["allowed"] * (1 - share))
    assert "2024 is in progress" in claims.completion.notes[0]
    assert "on the claims so far" in repr(exhibits.contract.summary(early)).lower()
    assert "on the claims so far" not in repr(exhibits.contract.summary(late)).lower()


def test_forecasts_of_a_year_in_progress_end_with_the_last_payments(in_progress):
    early, late = (forecasts.path(one) for one in in_progress)
    assert [str(f.as_of) for f in early.path.forecasts] == [f"2024-{m:02d}" for m in range(1, 7)]
    assert early.forecast
    assert not late.forecast
    assert exhibits.forecast.score(in_progress[0]) is None
    assert exhibits.forecast.score(in_progress[1]) is not None
    widths = [f.interval(0.9)[1] - f.interval(0.9)[0] for f in early.path.forecasts]
    assert widths[-1] < 0.7 * widths[0]
    assert "as in the years before" in repr(exhibits.forecast.table(in_progress[0]))
    last = early.to_frame().iloc[-1]
    assert last["expected"] == pytest.approx(in_progress[0].headline()["actual"])
    words = repr(exhibits.contract.summary(in_progress[0]))
    assert f"the expected payment is {show(float(last['payment']), '$')}" in words
    listed = {a.name: a.value for a in in_progress[0].assumptions}
    row = in_progress[0].tables.claims.of_year(2024)
    assert listed["2024: spending of the whole year"] == round(row["allowed"], 2)
    assert "when it is over" in repr(exhibits.claims.methods(in_progress[0]))


def test_only_the_last_year_may_be_in_progress():
    base = change(load_scenario(SCENARIOS / "claims-demo.toml"), RUNNING)
    with pytest.raises(InputError, match="2023 is not over in the claims"):
        run(change(base, {"claims.completion.paid_through": "2023-06-30"}))


def test_who_joins_later_is_no_risk_of_a_year_in_progress():
    base = change(
        load_scenario(SCENARIOS / "claims-demo.toml"),
        RUNNING | {"claims.synthetic.group_join": 0.25, "claims.synthetic.members": 2500},
    )
    early = run(change(base, {"claims.completion.paid_through": "2024-06-30"}))
    late = run(base)
    assert late.budget.risk.current > early.budget.risk.current + 0.03
    ages = early.tables.claims.people.ages
    now = ages[ages["year"] == 2024]
    assert now["months"].sum() == pytest.approx(early.tables.claims.completion.exposure["2024-01":].sum(), rel=0.01)
