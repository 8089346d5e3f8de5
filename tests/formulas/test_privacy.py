"""Counts that are not printed: what an attacker who has the printed table can still work out."""

import inspect
import itertools
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import SCENARIOS
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from acomodel import change, load_scenario, run
from acomodel.budget.claimants import Claimants
from acomodel.budget.demographics import age_sex_cells, age_sex_set, estimate_factors
from acomodel.budget.hcc.scores import HccScores
from acomodel.budget.reinsurance import reinsurance_pmpm, threshold_tradeoff
from acomodel.claims.findings import Finding, findings_exhibit
from acomodel.privacy import FEW, HIDDEN, nested, printed, suppressed, why
from acomodel.workbench import exhibits
from acomodel.workbench.report.folder import _unnamed, _write_figures


def is_small(values):
    return (values > 0) & (values < 11)


def attack(values, hidden, equations, never=None):
    """Least and greatest value of each small cell, by the marks and the equations alone; written anew."""
    values, hidden = np.asarray(values, float).ravel(), np.asarray(hidden).ravel()
    never = np.zeros(values.size, bool) if never is None else np.asarray(never)
    bounds = []
    for value, kept, aside in zip(values, hidden, never, strict=True):
        low, high = (1, 10) if is_small(value) else (11, None)
        bounds.append((0, None) if aside else (low, high) if kept else (value, value))
    found = {}
    for cell in np.flatnonzero(is_small(values)):
        ends = []
        for sign in (1, -1):
            goal = np.zeros(values.size)
            goal[cell] = sign
            result = linprog(goal, A_eq=equations, b_eq=np.zeros(len(equations)), bounds=bounds)
            ends.append(sign * result.fun if result.success else (np.inf if sign < 0 else -np.inf))
        found[int(cell)] = (round(ends[0], 5), round(ends[1], 5))
    return found


def margins(shape):
    """Equations of a table whose last row and column are totals."""
    rows, columns = shape
    found = []
    for r in range(rows):
        made = np.zeros(shape)
        made[r, :-1], made[r, -1] = 1, -1
        found.append(made.ravel())
    for c in range(columns):
        made = np.zeros(shape)
        made[:-1, c], made[-1, c] = 1, -1
        found.append(made.ravel())
    return np.array(found)


def with_margins(inner):
    table = pd.DataFrame(inner)
    table["T"] = table.sum(axis=1)
    table.loc["T"] = table.sum()
    return table


def check_safe(values, hidden, equations):
    """Small cells are hidden, zeros are shown, and nothing is learned that the marks alone would not tell."""
    values, hidden = np.asarray(values, float).ravel(), np.asarray(hidden).ravel()
    assert hidden[is_small(values)].all()
    assert not hidden[values == 0].any()
    marks = attack(values, values > 0, equations)
    found = attack(values, hidden, equations)
    for cell, (low, high) in found.items():
        assert high - low >= min(9, marks[cell][1] - marks[cell][0]) > 0
        assert (low, high) == (max(low, 1), min(high, 10))
        assert low <= marks[cell][0] + 1e-4 and high >= marks[cell][1] - 1e-4
    for line in equations:
        total, parts = line < 0, (line > 0) & hidden
        if parts.any() and not hidden[total].any():
            assert values[parts].sum() > 10
            assert parts.sum() > 1


counts = st.one_of(st.integers(0, 14), st.integers(0, 120))


@settings(max_examples=20)
@given(st.lists(counts, min_size=1, max_size=7))
def test_a_column_with_its_total(parts):
    cells = pd.Series([*parts, sum(parts)])
    hidden = suppressed(cells, rows={len(parts): range(len(parts))})
    equation = np.append(np.ones(len(parts)), -1.0)[None, :]
    check_safe(cells, hidden, equation)
    assert hidden.equals(suppressed(cells, rows={len(parts): range(len(parts))}))


@settings(max_examples=20)
@given(st.integers(2, 4), st.integers(2, 4), st.data())
def test_a_table_with_margins(rows, columns, data):
    inner = [[data.draw(counts) for _ in range(columns)] for _ in range(rows)]
    table = with_margins(inner)
    hidden = suppressed(table, rows={"T": range(rows)}, columns={"T": range(columns)})
    check_safe(table, hidden, margins(table.shape))


@settings(max_examples=20)
@given(st.lists(counts, min_size=6, max_size=6))
def test_totals_of_totals(parts):
    sums = [sum(parts[:3]), sum(parts[3:])]
    cells = pd.Series([*parts, *sums, sum(sums)], index=[*"abcdef", "North", "South", "Total"])
    totals = {"North": list("abc"), "South": list("def"), "Total": ["North", "South"]}
    hidden = suppressed(cells, rows=totals)
    equations = np.zeros((3, 9))
    equations[0, :3], equations[0, 6] = 1, -1
    equations[1, 3:6], equations[1, 7] = 1, -1
    equations[2, 6:8], equations[2, 8] = 1, -1
    check_safe(cells, hidden, equations)


def enumerated(table, hidden):
    """Values that each small cell of two by two has in any table of whole numbers that prints the same."""
    values, kept = table.to_numpy(), hidden.to_numpy()
    grid = np.array(list(itertools.product(range(values[0, 2] + 1), range(values[1, 2] + 1))))
    first, second = grid.T  # the first cell of either row; where row totals are hidden there is more to try
    assert not kept[:, 2].any()
    made = np.zeros((len(grid), 3, 3), int)
    made[:, 0, 0], made[:, 0, 1] = first, values[0, 2] - first
    made[:, 1, 0], made[:, 1, 1] = second, values[1, 2] - second
    made[:, 2] = made[:, 0] + made[:, 1]
    made[:, :, 2] = made[:, :, 0] + made[:, :, 1]
    alike = np.where(kept, is_small(made) == is_small(values), made == values) & (~kept | (made > 0))
    fits = made[alike.all(axis=(1, 2))]
    return {at: set(fits[:, at[0], at[1]].tolist()) for at in zip(*np.nonzero(is_small(values)), strict=True)}


@pytest.mark.parametrize("inner", [[[3, 30], [40, 25]], [[50, 9], [30, 45]]])
def test_every_value_from_1_to_10_stays_possible_in_whole_numbers(inner):
    table = with_margins(inner)
    hidden = suppressed(table, rows={"T": range(2)}, columns={"T": range(2)})
    for values in enumerated(table, hidden).values():
        assert values == set(range(1, 11))
    small = pd.DataFrame(is_small(table.to_numpy()), index=table.index, columns=table.columns)
    assert any(len(values) == 1 for values in enumerated(table, small).values())


def test_a_bridge_between_two_cycles_is_seen():
    """Two hidden cells in every row and column do not make a table safe: one cell joins two blocks of hidden ones."""
    inner = np.array([[20, 30, 50, 60], [25, 35, 5, 60], [50, 60, 21, 31], [50, 60, 22, 33]])
    table = with_margins(inner)
    blocks = np.zeros(table.shape, bool)
    blocks[:2, :2] = blocks[2:4, 2:4] = blocks[1, 2] = True
    low, high = attack(table, blocks, margins(table.shape))[7]
    assert low == high == 5
    hidden = suppressed(table, rows={"T": range(4)}, columns={"T": range(4)})
    check_safe(table, hidden, margins(table.shape))


def test_what_is_hidden_is_needed_and_small():
    cells = pd.Series({"a": 3, "b": 12, "c": 25, "d": 500, "Total": 540})
    hidden = suppressed(cells, rows={"Total": list("abcd")})
    assert hidden.to_dict() == {"a": True, "b": False, "c": True, "d": False, "Total": False}
    fewer = hidden & (cells < 11)
    equation = np.array([[1, 1, 1, 1, -1.0]])
    assert attack(cells, fewer, equation)[0] == (3, 3)
    with_b = hidden.copy()
    with_b["b"], with_b["c"] = True, False
    assert attack(cells, with_b, equation)[0] == (1, 4)


def test_without_totals_nothing_but_small_counts_is_hidden():
    cells = pd.DataFrame({"x": [0, 1, 10, 11], "y": [5.0, np.nan, 10.5, 400]})
    hidden = suppressed(cells)
    assert hidden["x"].tolist() == [False, True, True, False]
    assert hidden["y"].tolist() == [True, False, True, False]
    assert printed(cells, hidden)["y"].tolist() == [FEW, "–", FEW, "400"]
    assert why(cells, hidden) == ""


def test_a_known_total_is_never_taken_back():
    cells = pd.Series({"a": 3, "b": 12, "T": 15})
    assert suppressed(cells, rows={"T": ["a", "b"]})["T"]
    known = suppressed(cells, rows={"T": ["a", "b"]}, known=["T"])
    assert not known["T"] and known["a"] and known["b"]


def test_an_average_is_an_equation_too():
    weights = pd.Series({"a": 0.5, "b": 1.0, "c": 2.0, "d": 3.0, "e": 1.5})
    cells = pd.Series({"a": 200, "b": 150, "c": 90, "d": 6, "e": 120})
    average = float((weights * cells).sum() / cells.sum())
    balance = weights - average
    assert suppressed(cells).sum() == 1
    hidden = suppressed(cells, balances=[balance])
    assert hidden.sum() == 2
    total = pd.concat([cells, pd.Series({"T": cells.sum()})])
    both = suppressed(total, rows={"T": list("abcde")}, balances=[balance], known=["T"])
    assert both.sum() == 3
    equations = np.array([[*np.ones(5), -1.0], [*balance, 0.0]])
    assert attack(total, both, equations)[3] == (1, 10)
    assert attack(total, total.index.isin(["d", "a"]), equations)[3] == (6, 6)


def test_a_total_that_is_not_one_is_refused():
    with pytest.raises(ValueError, match="'T' is off by 1 "):
        suppressed(pd.Series({"a": 3, "b": 12, "T": 16}), rows={"T": ["a", "b"]})


@settings(max_examples=25)
@given(st.lists(st.integers(0, 80), min_size=2, max_size=6))
def test_no_two_nested_counts_are_close_unless_one_is_hidden(groups):
    counts = pd.Series(sorted(groups, reverse=True))
    hidden = nested(counts)
    shown = counts[~hidden].tolist()
    assert all(n == 0 or n > 10 for n in shown)
    assert all(a == b or a - b > 10 for a, b in itertools.combinations(shown, 2))


def test_marks_say_which_is_which():
    cells = pd.Series([4, 30, 50, 0])
    hidden = pd.Series([True, True, False, False])
    assert printed(cells, hidden).tolist() == [FEW, HIDDEN, "50", "0"]
    assert why(cells, hidden).startswith("* Not shown")


# --- the tables of a report, as an attacker sees them


def fake(*, show=False, **claims):
    """A run as the tables of claims ask it, without claims behind it."""
    report = SimpleNamespace(show_small_cells=show)
    scenario = SimpleNamespace(report=report, benchmark=SimpleNamespace(year=2024), risk=None)
    tables = SimpleNamespace(claims=SimpleNamespace(**claims))
    return SimpleNamespace(scenario=scenario, tables=tables, budget=SimpleNamespace(base_year=2023, risk=object()))


def test_members_by_aco_cannot_be_worked_out_from_the_total():
    members = pd.Series({"A1": 2449, "A2": 7, "no ACO": 60, "not attributed": 90, "Total": 2606}, name="members")
    source = {"contested": 3, "claims_from": "2023", "claims_to": "2024"}
    found = SimpleNamespace(attributed=members.to_frame(), source=source)
    table = exhibits.claims.attributed(fake(study=found))
    assert table.to_frame()["Members"].tolist() == ["2,449", FEW, HIDDEN, "90", "2,606"]
    assert table.note.startswith("1–10 members were contested") and HIDDEN in table.note
    shown = exhibits.claims.attributed(fake(study=found, show=True))
    assert shown.to_frame()["Members"].tolist() == members.tolist() and shown.note.startswith("3 members")


def test_patients_of_others_cannot_be_worked_out_from_those_of_a_practice():
    practices = pd.DataFrame({"patients": [100, 60, 40], "attributed": [55, 55, 4]}, index=["p", "q", "r"])
    practices = practices.assign(share=practices["attributed"] / practices["patients"], enough="within")
    found = SimpleNamespace(practices=practices)
    table = exhibits.claims.practices(fake(study=found)).shown()
    assert table.loc["p", ["Patients", "Attributed"]].tolist() == ["100", "55"]
    assert table.loc["q", "Attributed"] == HIDDEN and table.loc["q", "Share"] == "–"
    assert table.loc["r", "Attributed"] == FEW and table.loc["r", "Share"] == "–"
    shown = exhibits.claims.practices(fake(study=found, show=True)).to_frame()
    assert shown["Attributed"].tolist() == [55, 55, 4]


def test_members_of_one_method_alone_cannot_be_worked_out_from_the_overlap():
    names = ["dartmouth", "mssp", "pgp"]
    overlap = pd.DataFrame([[500, 400, 300], [400, 405, 280], [300, 280, 330]], index=names, columns=names)
    table = exhibits.claims.overlap(fake(study=SimpleNamespace(overlap=overlap))).shown()
    cells = table.to_numpy()
    assert (cells == cells.T).all()
    assert table.loc["Dartmouth", "Dartmouth"] == "500"
    assert HIDDEN in (table.loc["MSSP", "MSSP"], table.loc["Dartmouth", "MSSP"])
    assert table.loc["PGP", "MSSP"] == "280"
    shown = exhibits.claims.overlap(fake(study=SimpleNamespace(overlap=overlap), show=True)).to_frame()
    assert shown.to_numpy().tolist() == overlap.to_numpy().tolist()


@pytest.fixture(scope="module")
def people():
    """Members by age and sex with few in one cell, two of unknown sex, few newly assigned."""
    cells = age_sex_set()
    members = np.array([40 + n for n in range(len(cells))])
    members[-1] = 4
    ages = pd.DataFrame(
        {
            "year": 2023,
            "age": cells["age_from"].astype(int),
            "sex": cells["sex"],
            "members": members,
            "months": members * 12.0,
        }
    )
    factors = cells.assign(year=2023, members=members, months=members * 12.0, observed=1.1, standard_error=0.1)
    factors = factors.assign(standard=1.0, credibility=0.5)
    findings = pd.DataFrame(
        [(2023, "demographics-missing", "few members", 2)], columns=["year", "check", "what", "members"]
    )
    total = members.sum()
    scores = pd.DataFrame(
        [(2023, "V28", "aged", "continuously", total - 8, 9.0, 1.2), (2023, "V28", "aged", "newly", 8, 5.0, 1.3)],
        columns=["year", "model", "type", "assigned", "members", "months", "score"],
    )
    fit = pd.DataFrame({"statistic": ["R squared", "p-value, F", "p-value, chi-square"], "value": 0.1, "year": 2023})
    return SimpleNamespace(ages=ages, factors=factors, findings=findings, scores=scores, fit=fit)


def test_ages_and_scores_cannot_be_worked_out_from_all_members(people):
    result = fake(people=people, actuals=pd.DataFrame(index=[2023]))
    table = exhibits.risk.population(result).to_frame()
    marks = table["Members 2023"]
    assert marks.iloc[-1] == FEW and (marks == HIDDEN).sum() >= 1
    hidden = marks.isin([FEW, HIDDEN]).to_numpy()
    assert table["Factor, own costs"].isna().to_numpy().tolist() == hidden.tolist()
    values = np.array([*people.ages["members"], 2, people.ages["members"].sum() + 2], float)
    equation = np.append(np.ones(len(values) - 1), -1.0)[None, :]
    assert set(attack(values, [*hidden, True, False], equation).values()) == {(1, 10)}
    own = exhibits.risk.own_factors(result).to_frame()
    assert own["Members"].tolist() == marks.tolist()
    assert own.loc[hidden, ["Observed", "Standard error", "Credibility", "Used"]].isna().all(axis=None)
    scores = exhibits.risk.scores(result).to_frame()
    assert scores["Members"].tolist() == [HIDDEN, FEW]
    assert scores[["Member months", "Mean V28"]].isna().all(axis=None)
    open_to_all = fake(people=people, actuals=pd.DataFrame(index=[2023]), show=True)
    assert exhibits.risk.population(open_to_all).to_frame()["Members 2023"].tolist() == people.ages["members"].tolist()
    assert exhibits.risk.scores(open_to_all).to_frame()["Members"].tolist()[1] == 8
    assert exhibits.risk.findings(result).to_frame()["Members"].tolist() == [FEW]


def test_members_without_an_age_cannot_be_worked_out_from_those_with_one(people):
    ages = people.ages.assign(members=people.ages["members"] + 10)
    result = fake(people=SimpleNamespace(**vars(people) | {"ages": ages}), actuals=pd.DataFrame(index=[2023]))
    assert (exhibits.risk.population(result).to_frame()["Members 2023"] == HIDDEN).sum() == 1
    nobody = people.findings.iloc[:0]
    result = fake(
        people=SimpleNamespace(**vars(people) | {"ages": ages, "findings": nobody}), actuals=pd.DataFrame(index=[2023])
    )
    assert exhibits.risk.population(result).to_frame()["Members 2023"].tolist() == ages["members"].tolist()


def test_members_by_age_cannot_be_worked_out_from_the_average_factor(tmp_path):
    shutil.copytree(SCENARIOS, tmp_path / "s")
    table = tmp_path / "s" / "toolkit-2010" / "demographics.csv"
    text = table.read_text(encoding="utf-8")
    assert "2.646,50\n" in text
    table.write_text(text.replace("2.646,50\n", "2.646,7\n"), encoding="utf-8")
    result = run(load_scenario(tmp_path / "s" / "toolkit-2010.toml"))
    shown = exhibits.budget.demographics(result)
    for period, average in (("2008-06", result.budget.risk.base), ("2009-04", result.budget.risk.current)):
        column = shown.to_frame()[f"Members {period}"]
        hidden = column.isin([FEW, HIDDEN]).to_numpy()
        rows = result.tables.demographics.query("period == @period")
        values = rows["members"].to_numpy(float)
        if not is_small(values).any():
            assert not hidden.any()
            continue
        assert hidden.sum() >= 3
        equations = np.array([[*np.ones(len(values)), -1.0], [*(rows["factor"] - average), 0.0]])
        assert set(attack([*values, values.sum()], [*hidden, False], equations).values()) == {(1, 10)}
    assert HIDDEN in shown.note
    asked = run(change(result.scenario, {"report.show_small_cells": True}))
    assert exhibits.budget.demographics(asked).to_frame().loc["65+, F", "Members 2008-06"] == 7


def test_cells_of_factors_stand_against_averages():
    ages = np.repeat([5, 22, 27, 33, 40, 52, 61, 70], [60, 50, 40, 45, 55, 48, 52, 3])
    cells = age_sex_cells(ages, np.tile(["F", "M"], 200)[: len(ages)], 12, age_sex_set())
    table = cells.exhibit().to_frame()
    hidden = table["Members"].isin([FEW, HIDDEN])
    assert (table["Members"] == HIDDEN).sum() >= 2
    assert table.loc[hidden, ["Member months", "Weighted"]].isna().all(axis=None)
    assert "F " not in cells.exhibit().note and HIDDEN in cells.exhibit().note
    book = pd.DataFrame({"age": ages, "sex": "F", "months": 12.0, "allowed": 1000.0 + np.arange(len(ages)) % 7 * 300})
    own = estimate_factors(book, age_sex_set()).exhibit().to_frame()
    marks = own["Members"]
    assert (marks == HIDDEN).sum() >= 2
    assert own.loc[marks.isin([FEW, HIDDEN]), ["Member months", "Observed", "Z", "Used"]].isna().all(axis=None)


def test_segments_of_scores_cannot_be_worked_out_from_the_total():
    segments = ["Community, NonDual, Aged"] * 40 + ["Community, FBDual, Aged"] * 25 + ["Institutional"] * 3
    frame = pd.DataFrame({"segment": segments, "raw_score": 1.0})
    tables = SimpleNamespace(segments=sorted(set(segments)), version="v")
    table = HccScores.exhibit(SimpleNamespace(frame=frame, tables=tables, model="V28")).to_frame()
    assert table.loc["Institutional", "Members"] == FEW
    assert table["Members"].tolist().count(HIDDEN) == 1 and table.loc["Total", "Members"] == "68"
    assert table["Mean raw score"].isna().sum() == 2


def test_thresholds_that_few_members_lie_between_are_not_both_shown():
    amounts = [60_000.0] * 5 + [90_000.0] * 20 + [120_000.0] * 20 + [300_000.0] * 4
    book = [1000.0] * 500 + amounts
    found = threshold_tradeoff(book, [50_000, 75_000, 100_000, 250_000, np.inf])
    assert found.table["claimants"].tolist() == [49, 44, 24, 4, 0]
    table = found.exhibit().to_frame()
    marks = table["Claimants above"].tolist()
    assert marks[1:] == ["44", "24", FEW, "0"] or marks[0] == "49"
    hidden = [m in (FEW, HIDDEN) for m in marks]
    assert sum(hidden) >= 2
    assert table.loc[hidden, "Claims removed"].isna().all()
    assert found.exhibit(small_cells=True).to_frame()["Claimants above"].tolist()[0] == 49
    priced = reinsurance_pmpm(book, [50_000, 75_000]).exhibit().to_frame()
    assert priced["Claimants"].tolist().count(HIDDEN) == 1
    assert priced["Excess"].isna().sum() == 1


def test_the_ladder_of_thresholds_leaves_out_what_tells_of_few():
    amounts = np.array([52_000.0] * 8 + [80_000.0] * 20 + [120_000.0] * 30 + [180_000.0] * 4 + [300_000.0] * 15)
    listed = Claimants(50_000.0, amounts, np.full(len(amounts), 12.0), 500, 6000.0, 500_000.0, 1e9)
    scenario = SimpleNamespace(report=SimpleNamespace(show_small_cells=False), large_claims=None)
    result = SimpleNamespace(scenario=scenario, budget=None)
    ladder = exhibits.large_claims.ladder_of(result, listed)
    above = [int((amounts > d).sum()) for d in ladder]
    assert all(n > 10 for n in above) and len(ladder) >= 3
    assert all(a == b or a - b > 10 for a, b in itertools.combinations(above, 2))
    scenario.report.show_small_cells = True
    assert len(exhibits.large_claims.ladder_of(result, listed)) > len(ladder)


def test_few_rows_do_not_bound_few_members():
    rows = [
        Finding("a", "claims", "x", 1, 1, 5.0),
        Finding("b", "claims", "y", 900, 4),
        Finding("c", "claims", "z", 3, 0),
    ]
    table = findings_exhibit(rows).to_frame()
    assert table["Rows"].to_dict() == {"a": FEW, "b": "900", "c": "3"}
    assert table["Members"].to_dict() == {"a": FEW, "b": FEW, "c": "0"}


# --- names and markup

NAMES = ["Jane Roe <script>alert(1)</script>", "=HYPERLINK(1)"]
HOSTILE = ("<script>alert", "<img", "onerror=")


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A run whose claimants have names and whose words are markup and formulas."""
    folder = tmp_path_factory.mktemp("planted")
    shutil.copytree(SCENARIOS, folder / "s")
    path = folder / "s" / "toolkit-2010.toml"
    text = path.read_text(encoding="utf-8")
    for old, new in [
        ('client = "Worked', 'client = "<script>alert(1)</script> Worked'),
        ('name = "One-sided', 'name = "=HYPERLINK(1) <img src=x onerror=alert(1)> One-sided'),
        ('label = "2010"', 'label = "<script>alert(2)</script>"'),
        ('"terms" = "ACO', '"terms" = "=1+1 <script>alert(3)</script> ACO'),
        ('name = "Patient navigator"', 'name = "<script>alert(4)</script>"'),
    ]:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    large = folder / "s" / "toolkit-2010" / "large_claims.csv"
    rows = large.read_text(encoding="utf-8").splitlines()
    header = rows[0].split(",")
    at, period = header.index("claimant"), rows[1].split(",")[header.index("period")]
    first = rows[1].split(",")
    made = []
    for name in NAMES:
        cells = [*first]
        cells[at], cells[header.index("period")] = f'"{name}"', period
        made.append(",".join(cells))
    large.write_text("\n".join([rows[0], *made]) + "\n", encoding="utf-8")
    for name in ("experience", "trend"):
        table = folder / "s" / "toolkit-2010" / f"{name}.csv"
        body = table.read_text(encoding="utf-8")
        assert "Pharmacy" in body
        table.write_text(body.replace("Pharmacy", "=Pharmacy <script>alert(5)</script>"), encoding="utf-8")
    return run(load_scenario(path))


def shown_by(result):
    """Everything that the tables of a report show of a run."""
    found = {}
    for module in (getattr(exhibits, name) for name in exhibits.__all__):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            first = next(iter(inspect.signature(function).parameters.values()), None)
            told = str(inspect.signature(function).return_annotation)
            own = function.__module__ == module.__name__ and ("Exhibit" in told or "Note" in told)
            if own and first is not None and first.name == "run" and str(first.annotation) == "Run":
                needed = [p for p in list(inspect.signature(function).parameters.values())[1:] if p.default is p.empty]
                made = None if needed else function(result)
                if hasattr(made, "_repr_html_"):
                    found[f"{module.__name__}.{name}"] = made._repr_html_()
    return found


def test_no_table_holds_markup_or_names(planted):
    shown = shown_by(planted)
    assert len(shown) > 25
    for name, text in shown.items():
        assert not any(mark in text for mark in HOSTILE[:2]), name
        assert "Jane Roe" not in text and "HYPERLINK(1)</td>" not in text, name
    assert "&lt;script&gt;alert(5)" in shown["acomodel.workbench.exhibits.budget.experience"]


def test_no_file_of_figures_holds_names_or_formulas(planted, tmp_path):
    assert "Jane Roe" not in json.dumps(planted.results(), default=str)
    _write_figures(tmp_path, planted)
    table = (tmp_path / "assumptions.csv").read_text(encoding="utf-8-sig")
    for path in tmp_path.iterdir():
        assert b"Jane Roe" not in path.read_bytes()
    assert not [c for line in table.splitlines() for c in line.split(",") if c.strip('"')[:1] in ("=", "+", "@")]
    assert "'=1+1" in table
    kept = _unnamed(planted.tables.experience)
    assert kept["service_category"].str.startswith("'=").any()
    assert not _unnamed(planted.tables.large_claims).to_csv().count("Jane")


def test_few_claimants_are_not_counted_out(planted):
    rows = exhibits.disclosures.data_relied_on(planted).to_frame()["Rows"]
    assert rows["large_claims"] == FEW and rows["experience"] > 10
    named = {a.note.split(";")[0]: a.value for a in planted.assumptions}
    assert named["setting large_claims.table"] == "1–10 rows"
