"""Rule tables: every row sourced, lookups dated, the size table continuous where the rule is."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from conftest import SCENARIOS

from acomodel import InputError, Rules, change, load_scenario, minimum_savings_rate, run, settle, terms
from acomodel.contract.programs import PROGRAMS, ProgramTerms, rules_used, unverified
from acomodel.programs import rule_table
from acomodel.workbench import exhibits

TABLE = rule_table("mssp")


def test_every_row_has_value_unit_and_source():
    for table, columns in (("mssp", ["value", "unit", "source"]), ("mssp_msr", ["msr_at_low", "source"])):
        for column in columns:
            assert (rule_table(table)[column].str.strip() != "").all(), (table, column)


def test_no_two_rows_say_the_same_thing():
    assert not TABLE.duplicated(["parameter", "track", "effective_from", "agreement_from"]).any()


def test_only_changes_are_written():
    rows = TABLE[TABLE["agreement_from"] == ""].sort_values("effective_from")
    for _, group in rows.groupby(["parameter", "track"]):
        assert (group["value"] != group["value"].shift()).all()


@pytest.mark.parametrize(
    ("year", "expected"), [(2013, 0.02), (2018, 0.02), (2019, 0.0), (2020, 0.0), (2021, 0.02), (2024, 0.02)]
)
def test_sequestration_by_performance_year(year, expected):
    assert terms("mssp", "Track 1", year).sequestration == expected


@pytest.mark.parametrize(
    ("year", "method"), [(2013, "score"), (2020, "score"), (2021, "standard"), (2023, "standard_or_alternative")]
)
def test_quality_method_by_performance_year(year, method):
    assert Rules("mssp", year).text("quality_method", "ENHANCED") == method


@pytest.mark.parametrize(
    ("track", "rate", "cap", "losses"),
    [
        ("Track 1", 0.5, 0.1, "none"),
        ("Track 2", 0.6, 0.15, "one_minus_final_rate"),
        ("Track 3", 0.75, 0.2, "one_minus_final_rate"),
        ("Track 1+", 0.5, 0.1, "fixed"),
        ("BASIC A", 0.4, 0.1, "none"),
        ("BASIC B", 0.4, 0.1, "none"),
        ("BASIC C", 0.5, 0.1, "fixed"),
        ("BASIC D", 0.5, 0.1, "fixed"),
        ("BASIC E", 0.5, 0.1, "fixed"),
        ("ENHANCED", 0.75, 0.2, "one_minus_rate_times_quality"),
    ],
)
def test_tracks(track, rate, cap, losses):
    agreed = terms("mssp", track, 2019)
    assert (agreed.sharing_rate, agreed.savings_cap_benchmark, agreed.loss_method) == (rate, cap, losses)


@pytest.mark.parametrize("start", [2012, 2013])
def test_track_2_limit_rises_with_the_year_of_the_agreement(start):
    """An agreement of 2012 has its first period through 2013 (42 CFR 425.608)."""
    years = (2013, 2014, 2015, 2016)
    limits = [terms("mssp", "Track 2", y, agreement_start=start).loss_limit_benchmark for y in years]
    assert limits == [0.05, 0.075, 0.1, 0.1]
    assert terms("mssp", "Track 2", 2014).loss_limit_benchmark == 0.05


def test_rules_listed_are_the_rules_applied():
    for track, year, start in [("Track 2", 2014, 2014), ("BASIC E", 2024, 2024), ("ENHANCED", 2023, 2022)]:
        kind = ProgramTerms(
            program="mssp", track=track, agreement_start=start, low_revenue=True, revenue_limit=track == "BASIC E"
        )
        agreed = kind.in_year(year)
        listed = {rule.name.split(": ")[1]: rule.value for rule in rules_used(kind, year)}
        for clause in ("savings_cap_benchmark", "loss_rate", "loss_limit_revenue", "sequestration", "below_msr_factor"):
            assert listed.get(clause) in (getattr(agreed, clause), None), (track, clause)
        limits = [value for name, value in listed.items() if name.startswith("loss_limit_benchmark")]
        assert limits == [agreed.loss_limit_benchmark]


# clause by track as in the regulation's summary: caps, loss rates, floors, ceilings, limits of benchmark and of revenue
CLAUSES = """
Track 1  | 0.10 | none | 0    | 1    | none | none
Track 2  | 0.15 | none | 0    | 0.60 | 0.10 | none
Track 3  | 0.20 | none | 0.40 | 0.75 | 0.15 | none
Track 1+ | 0.10 | 0.30 | 0    | 1    | 0.04 | 0.08
BASIC A  | 0.10 | none | 0    | 1    | none | none
BASIC B  | 0.10 | none | 0    | 1    | none | none
BASIC C  | 0.10 | 0.30 | 0    | 1    | 0.01 | 0.02
BASIC D  | 0.10 | 0.30 | 0    | 1    | 0.02 | 0.04
BASIC E  | 0.10 | 0.30 | 0    | 1    | 0.04 | 0.08
ENHANCED | 0.20 | none | 0.40 | 0.75 | 0.15 | none
"""


@pytest.mark.parametrize("row", CLAUSES.strip().splitlines(), ids=lambda row: row.split("|")[0].strip())
def test_every_number_of_a_track(row):
    track, *numbers = (cell.strip() for cell in row.split("|"))
    agreed = terms("mssp", track, 2019, agreement_start=2016, revenue_limit=True)
    names = ("savings_cap_benchmark", "loss_rate", "loss_rate_floor", "loss_rate_ceiling")
    names += ("loss_limit_benchmark", "loss_limit_revenue")
    assert [getattr(agreed, n) for n in names] == [None if x == "none" else float(x) for x in numbers]


def test_failed_quality_costs_the_ceiling_of_the_loss_rate():
    for track, year in (("Track 3", 2018), ("ENHANCED", 2023)):
        agreed = terms("mssp", track, year, msr=0.0)
        assert settle(100.0, 110.0, agreed, quality_score=0.9, quality_standard="failed").loss_rate == 0.75
        assert settle(100.0, 110.0, agreed, quality_score=1.0).loss_rate == pytest.approx(0.4)


def test_track_2_threshold_is_fixed_until_agreements_of_2016():
    assert terms("mssp", "Track 2", 2014, agreement_start=2013).msr == 0.02
    assert terms("mssp", "Track 2", 2016, agreement_start=2016, msr=0.0).msr == 0.0
    with pytest.raises(InputError, match="set by the programme"):
        terms("mssp", "Track 2", 2014, agreement_start=2013, msr=0.01)


def test_no_loss_was_collected_for_2020_to_2022():
    for year, owed in ((2019, 300.0), (2020, 0.0), (2022, 0.0), (2023, 300.0)):
        result = settle(10_000.0, 11_000.0, terms("mssp", "BASIC E", year, msr=0.0))
        assert result.owed_losses == pytest.approx(owed), year


def test_low_revenue_rule_needs_an_agreement_from_2024():
    def agreed(start):
        return terms("mssp", "BASIC B", 2024, agreement_start=start, low_revenue=True)

    assert agreed(2022).below_msr_factor == 0
    assert (agreed(2024).below_msr_factor, agreed(2024).below_msr_members) == (0.5, 5_000)
    assert settle(1e6, 0.99e6, agreed(2024), members=6_000).payment == pytest.approx(0.98 * 0.2 * 0.01e6)


def test_a_year_beyond_the_table_takes_the_newest_row_and_says_so():
    assert terms("mssp", "ENHANCED", 2031, msr=0.0).sharing_rate == 0.75
    enhanced = ProgramTerms(program="mssp", track="ENHANCED")
    notes = [rule.note for rule in rules_used(enhanced, 2031)]
    assert all("its newest row stands in for 2031" in note for note in notes)
    assert not any("stands in" in rule.note for rule in rules_used(enhanced, 2024))


def test_a_tracks_own_row_comes_before_one_for_all(monkeypatch):
    columns = ["parameter", "track", "effective_from", "agreement_from", "value", "unit", "source", "note"]
    rows = [["cap", "A", "2013", "", "0.1", "", "s", ""], ["cap", "*", "2020", "", "0.3", "", "s", ""]]
    monkeypatch.setattr("acomodel.programs.rule_table", lambda _: pd.DataFrame(rows, columns=columns))
    assert Rules("made up", 2022).number("cap", "A") == 0.1
    assert Rules("made up", 2022).number("cap", "B") == 0.3


@pytest.mark.parametrize(
    ("track", "year", "words"),
    [
        ("Track1", 2014, "Did you mean 'Track 1'"),
        ("ENHANCED", 2016, "no 'sharing_rate' for 'ENHANCED' in 2016"),
        ("Track 1", 2011, "in 2011"),
    ],
)
def test_a_track_that_is_not_there(track, year, words):
    with pytest.raises(InputError, match=words):
        terms("mssp", track, year)


def test_a_threshold_that_is_not_offered():
    with pytest.raises(InputError, match="is not offered"):
        terms("mssp", "ENHANCED", 2022, msr=0.03)


def test_size_table_falls_and_joins_within_the_programme():
    members = np.arange(100, 70_000)
    rate = minimum_savings_rate(members)
    assert (np.diff(rate) <= 1e-15).all()
    starts = rule_table("mssp_msr")["members_low"].astype(int).to_numpy()[1:]
    assert minimum_savings_rate(starts - 1) == pytest.approx(minimum_savings_rate(starts), abs=1e-12)


def test_size_table_shapes_and_ends():
    assert np.isnan(minimum_savings_rate(99))
    assert isinstance(minimum_savings_rate(5_000), float)
    series = minimum_savings_rate(pd.Series([5_000, 60_000], index=["a", "b"]))
    assert series.to_dict() == {"a": 0.039, "b": 0.02}
    assert [minimum_savings_rate(n) for n in (5_000, 7_321)] == minimum_savings_rate(np.array([5_000, 7_321])).tolist()


# what is from memory, or was not found


def test_years_of_reach_that_are_from_memory():
    of_reach = {2021: ["at risk"], 2022: [], 2023: [], 2024: ["discount", "at risk"], 2025: ["at risk"], 2026: []}
    for year, clauses in of_reach.items():
        found = unverified(ProgramTerms(program="reach", track="Global"), year)
        assert found == [f"benchmark {clause}" for clause in clauses], year
    assert [terms("reach", "Global", year).benchmark_at_risk for year in of_reach] == [0.05, 0.05, *[0.02] * 3, 0.05]


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_row_is_partly_from_memory(program):
    """A row whose note alone says it is from memory, or for some of its years only, is two rows."""
    rows = rule_table(program).query("parameter != 'table_through'")
    said = rows["source"].str.contains("from memory") | rows["note"].str.contains("from memory")
    assert (rows[said]["source"].str.startswith("from memory")).all()


def test_a_note_that_says_from_memory_counts(monkeypatch):
    pgp = ProgramTerms(program="pgp")
    rule = rules_used(pgp, 2007)[0]
    told = dataclasses.replace(rule, source="a rule book", note="from 2006 from memory")
    monkeypatch.setattr("acomodel.contract.programs.rules_used", lambda *_: [told])
    assert unverified(pgp, 2007) == [rule.name.partition(": ")[2].replace("_", " ")]


def test_reach_of_a_year_from_memory_says_so_and_has_no_stop_loss():
    stated = load_scenario(SCENARIOS / "reach-2023.toml")
    shown = exhibits.contract.terms(run(stated)).table["Agreed"]
    assert shown["Stop-loss"] == "stop-loss is not modelled: spending is stated net of it"
    assert "From memory, unverified" not in shown
    later = run(change(stated, {"terms.track": "Global", "years.0.label": "2024", "years.0.performance_year": 2024}))
    words = "benchmark discount, benchmark at risk"
    assert exhibits.contract.terms(later).table.loc["From memory, unverified", "Agreed"] == words
    assert f"Clauses from memory, unverified: {words}." in repr(exhibits.contract.summary(later))
    sources = {a.name: a.source for a in later.assumptions}
    assert sources["2024 Global: benchmark discount"] == "from memory, unverified"


AQC = """
name = "aqc"
title = "A group under the Alternative Quality Contract"
[terms]
program = "aqc"
share = 0.6
[[years]]
label = "2011"
performance_year = 2011
benchmark = 100e6
actual = 96e6
"""


def test_aqc_from_2011_says_that_its_share_was_not_found(tmp_path):
    (tmp_path / "aqc.toml").write_text(AQC, encoding="utf-8")
    result = run(load_scenario(tmp_path / "aqc.toml"))
    beyond = "the table is checked through 2010; its newest row stands in for 2011"
    assert f"Rules of the programme: {beyond}." in repr(exhibits.contract.summary(result))
    assert beyond in exhibits.contract.terms(result).table.loc["Contract", "Agreed"]
    rule = next(a for a in result.assumptions if a.name == "2011 AQC: sharing rate range")
    assert rule.source == "not found in any source opened"
    assert "depends on quality by a table that was not found" in rule.note
    assert not any(
        "not found" in a.note for a in run(change(result.scenario, {"years.0.performance_year": 2010})).assumptions
    )
