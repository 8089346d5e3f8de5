"""Tables and charts of chance on the scenarios of the project, and on contracts made for the purpose."""

import itertools
import json
import re
from dataclasses import replace
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from conftest import ROOT, SCENARIOS
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from scipy.special import ndtr

from acomodel.contract.terms import Terms
from acomodel.outlook.luck.chance import chance_of_loss, chance_of_savings
from acomodel.outlook.luck.costs import cost_distribution
from acomodel.outlook.luck.ratio import Noise
from acomodel.outlook.luck.savings import savings_distribution
from acomodel.outlook.luck.thresholds import error_rates, threshold_for
from acomodel.workbench import exhibits, plots
from acomodel.workbench.model import run

TABLES = (
    "costs_used",
    "chance_table",
    "chance_by_size",
    "errors_by_threshold",
    "truncation",
    "thresholds",
    "msr_levels",
    "several_years",
    "sizes",
    "simulated",
    "variance",
)
CHARTS = ("chance_by_size", "savings_density", "variance_bars", "futures_fan")
NAMES = ("toolkit-2010", "commercial-two-sided", "hackensack-2014")


@pytest.fixture(scope="module")
def runs():
    """Runs of scenarios with published costs."""
    return {name: run(SCENARIOS / f"{name}.toml") for name in NAMES}


@pytest.fixture(scope="module")
def toolkit_run(runs):
    return runs["toolkit-2010"]


def of(run, noise=None, **changes):
    """A run with another outlook; its own costs where none are given."""
    outlook = replace(run.outlook, **changes)
    if noise is not None:
        wanted = replace(outlook.scenario.outlook, baseline_members=noise.baseline_members, shock_sd=noise.shock_sd)
        outlook = replace(outlook, scenario=replace(outlook.scenario, outlook=wanted))
    return SimpleNamespace(outlook=outlook, scenario=outlook.scenario, tables=run.tables)


def drawn(name, run, size=(7.6, 3.7)):
    """A chart as a page shows it, and its renderer."""
    with matplotlib.rc_context(plots.drawing.STYLE):
        figure = Figure(figsize=size, layout="constrained")
        ax = getattr(plots.chance, name)(run, ax=figure.add_subplot())
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return ax, canvas.get_renderer()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("table", TABLES)
def test_every_table_shows_whole_numbers_and_words(runs, name, table):
    """No figure is missing, infinite or unformatted."""
    found = getattr(exhibits.chance, table)(runs[name])
    if table == "msr_levels" and name != "hackensack-2014":
        assert found is None
        return
    assert len(found.table)
    text = found.shown().drop(columns="Source", errors="ignore").to_numpy().astype(str)
    blank = {""} if table == "variance" else set()
    for cell in set(text.ravel()) - blank:
        assert re.fullmatch(r"−?\$?[\d,]+(\.\d{1,4})?%?", cell), cell


@pytest.mark.parametrize("table", TABLES)
def test_no_table_without_members(toolkit_run, table):
    assert getattr(exhibits.chance, table)(SimpleNamespace(outlook=None, scenario=toolkit_run.scenario)) is None


def test_luck_alone_by_hand(toolkit_run):
    """One-sided, half of what lies beyond 2 percent: the expected payment is half the integral of the tail."""
    outlook, table = toolkit_run.outlook, exhibits.chance.chance_table(toolkit_run).to_frame()
    for column, saved in (("Luck alone", 0.0), ("Saves 3%", 0.03)):
        lines = table[column]
        chance = chance_of_savings(outlook.costs, outlook.members, 0.02, true_savings=saved)
        assert lines["Chance that the ACO earns"] == pytest.approx(chance, abs=1e-9)
        assert lines["Chance of reaching the threshold"] == pytest.approx(chance, abs=1e-12)
        rates = np.linspace(0.02, 0.35, 20_001)
        tail = savings_distribution(outlook.costs, outlook.members, true_savings=saved).survival(rates)
        expected = outlook.benchmark * 0.5 * np.trapezoid(tail, rates)
        assert lines["Expected payment to the ACO"] == pytest.approx(expected, rel=1e-4)
        sd = outlook.costs.cv / outlook.members**0.5
        assert lines["The same by a normal distribution"] == pytest.approx(
            ndtr((0.98 / (1 - saved) - 1) / sd), abs=1e-6
        )
        assert lines["Error of the normal"] == lines["The same by a normal distribution"] - chance
        assert lines["Average of the worst twentieth"] == 0
    assert not table.index.str.contains("owes|from").any()


def test_own_true_savings_have_a_column(toolkit_run):
    uncertainty = replace(toolkit_run.outlook.uncertainty, true_savings=0.012)
    table = exhibits.chance.chance_table(of(toolkit_run, uncertainty=uncertainty)).to_frame()
    assert list(table) == ["Luck alone", "Saves 1%", "Saves 1.20%", "Saves 2%", "Saves 3%", "Saves 5%"]
    assert table.loc["Chance that the ACO earns"].is_monotonic_increasing


def test_two_sided_owes(runs):
    outlook = runs["commercial-two-sided"].outlook
    table = exhibits.chance.chance_table(runs["commercial-two-sided"]).to_frame()
    loss = chance_of_loss(outlook.costs, outlook.members, 0.02)
    assert table.loc["Chance that the ACO owes", "Luck alone"] == pytest.approx(loss, abs=1e-9)
    net = table.loc["Expected payment to the ACO"] - table.loc["Expected payment from the ACO"]
    assert net.to_numpy() == pytest.approx(table.loc["Expected payment, net"].to_numpy())
    assert (table.loc["Average of the worst twentieth"].diff().dropna() > 0).all()


def test_sizes_and_thresholds(toolkit_run):
    outlook, table = toolkit_run.outlook, exhibits.chance.chance_by_size(toolkit_run).to_frame()
    assert list(table) == ["0%", "1%", "2% (contract)", "3%", "4%", "5%"]
    assert "5,115 (here)" in table.index
    assert table.loc["20,000", "3%"] == chance_of_savings(outlook.costs, 20_000, 0.03)
    assert (table.diff().dropna() < 0).all().all()
    assert (table.diff(axis=1).iloc[:, 1:] < 0).all().all()


def test_a_measured_benchmark_is_measured_on_as_many_times_the_members(toolkit_run):
    noisy = of(toolkit_run, Noise(baseline_members=10_230))
    table = exhibits.chance.chance_by_size(noisy).to_frame()
    costs = toolkit_run.outlook.costs
    wanted = chance_of_savings(costs, 50_000, 0.01, noise=Noise(baseline_members=100_000))
    assert table.loc["50,000", "1%"] == pytest.approx(wanted, abs=1e-12)
    wanted = chance_of_savings(costs, 5_115, 0.02, noise=Noise(baseline_members=10_230))
    assert table.loc["5,115 (here)", "2% (contract)"] == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("noise", [Noise(), Noise(baseline_members=10_000), Noise(shock_sd=0.01)])
def test_errors_and_thresholds_are_those_of_the_functions(toolkit_run, noise):
    made = of(toolkit_run, noise)
    costs, members = made.outlook.costs, made.outlook.members
    found = exhibits.chance.errors_by_threshold(made).to_frame()
    wanted = error_rates(costs, [members], exhibits.chance.THRESHOLDS, noise=noise)
    assert found["Luck alone earns"].to_numpy() == pytest.approx(wanted["false_positive"].to_numpy(), abs=1e-7)
    assert found["Real 3% saver is denied"].to_numpy() == pytest.approx(wanted["false_negative"].to_numpy(), abs=1e-7)
    limits = exhibits.chance.thresholds(made).to_frame()
    assert limits.index.tolist() == ["20%", "10%", "5%", "1%", "as in this contract"]
    if noise.shock_sd == 0:
        assert limits.loc["5%", "Threshold"] == pytest.approx(
            threshold_for(costs, members, 0.05, noise=noise), abs=1e-7
        )
    assert limits["Luck alone earns"].iloc[:4].to_numpy() == pytest.approx([0.2, 0.1, 0.05, 0.01], abs=1e-9)


def test_losses_stand_beside_in_a_contract_of_two_sides(runs):
    made = runs["commercial-two-sided"]
    found = exhibits.chance.errors_by_threshold(made).to_frame()
    costs, members = made.outlook.costs, made.outlook.members
    for words, limit in (("0%", 0.0), ("3%", 0.03)):
        assert found.loc[words, "Luck alone loses as much"] == pytest.approx(
            chance_of_loss(costs, members, limit), abs=1e-9
        )


def test_truncation_lessens_both_errors(runs):
    made = runs["commercial-two-sided"]
    found = exhibits.chance.truncation(made).to_frame()
    assert found.index.tolist() == ["$10,000", "$25,000", "$50,000", "$75,000", "$100,000", "as in this contract"]
    assert (found.diff().dropna() > 0).all().all()
    errors = exhibits.chance.errors_by_threshold(made).to_frame().loc["2% (contract)"]
    last = found.iloc[-1]
    for name in ("Luck alone earns", "Real 3% saver is denied"):
        assert last[name] == pytest.approx(errors[name], abs=1e-12)
    half = cost_distribution(made.outlook.costs, truncate=50_000)
    assert found.loc["$50,000", "Luck alone earns"] == chance_of_savings(half, made.outlook.members, 0.02)


def test_truncation_counts_the_noise_of_the_benchmark(toolkit_run):
    made = of(toolkit_run, Noise(baseline_members=5_115))
    last = exhibits.chance.truncation(made).to_frame().iloc[-1]
    errors = exhibits.chance.errors_by_threshold(made).to_frame().loc["2% (contract)"]
    for name in ("Luck alone earns", "Real 3% saver is denied"):
        assert last[name] == pytest.approx(errors[name], abs=1e-7)


def test_costs_too_small_to_truncate(toolkit_run):
    assert exhibits.chance.truncation(of(toolkit_run, costs=cost_distribution([0.0, 9_000.0]))) is None


def test_medicare_table_where_it_is_referred_to(runs, toolkit_run):
    found = exhibits.chance.msr_levels(runs["hackensack-2014"]).to_frame()
    assert found.loc["5,000", "Threshold of the table"] == 0.039
    levels = found.loc[["5,000", "20,000", "50,000"], "Confidence the table implies"]
    assert levels.tolist() == pytest.approx([0.90, 0.95, 0.99], abs=0.002)
    assert "15,603 (here)" in found.index
    assert exhibits.chance.msr_levels(of(toolkit_run, terms=Terms(sharing_rate=0.5, msr="size"))) is not None


def test_years(toolkit_run):
    outlook, found = toolkit_run.outlook, exhibits.chance.several_years(toolkit_run).to_frame()
    one = chance_of_savings(outlook.costs, outlook.members, 0.02)
    assert found["Average: luck alone earns"].iloc[0] == one
    assert found["Average: luck alone earns"].iloc[2] == chance_of_savings(outlook.costs, 3 * outlook.members, 0.02)
    carried = found["The same, losses carried forward"]
    assert carried.iloc[0] == pytest.approx(one, abs=1e-4)
    assert (carried.diff().dropna() < 0).all()
    assert (found["Bonus of that year by luck"] == found["Bonus of that year by luck"].iloc[0]).all()
    denied = found["Average: real 3% saver is denied"]
    assert denied.iloc[0] == pytest.approx(
        1 - chance_of_savings(outlook.costs, outlook.members, 0.02, true_savings=0.03)
    )
    assert (denied.diff().dropna() < 0).all()


def test_years_without_a_threshold_carry_nothing(toolkit_run):
    made = of(toolkit_run, terms=Terms(sharing_rate=0.5))
    assert len(exhibits.chance.several_years(made).table.columns) == 2


def test_costs_name_source_and_spread(toolkit_run):
    found = exhibits.chance.costs_used(toolkit_run)
    outlook = toolkit_run.outlook
    values = found.to_frame()["Value"]
    assert values["Deviation of the savings rate by luck"] == outlook.costs.cv / outlook.members**0.5
    assert values["Costs count up to"] == 50_000
    assert outlook.source.casefold() in found.note.casefold()
    assert "taken as exact" in found.note
    noisy = exhibits.chance.costs_used(of(toolkit_run, Noise(baseline_members=5_115)))
    both = noisy.to_frame()["Value"]["The same with the benchmark and common causes"]
    assert both == pytest.approx(2**0.5 * values["Deviation of the savings rate by luck"], rel=1e-3)
    assert "5,115 member years" in noisy.note


def test_simulated_is_the_simulation(runs):
    found = exhibits.chance.simulated(runs["commercial-two-sided"])
    paid = runs["commercial-two-sided"].outlook.simulation.payment
    assert found.to_frame().loc["Expected payment"].iloc[:3].astype(float).tolist() == pytest.approx(
        paid.mean(axis=0).tolist()
    )
    assert found.table.index.str.contains("owes").sum() == 2
    one_sided = exhibits.chance.simulated(runs["toolkit-2010"]).table
    assert not one_sided.index.str.contains("owes").any()
    assert "50% quantile" in one_sided.index


def test_variance_adds_up(toolkit_run):
    found = exhibits.chance.variance(toolkit_run).to_frame()
    assert found["Payment"].astype(float).iloc[:-1].sum() == pytest.approx(1)
    assert len(found) == len(toolkit_run.outlook.prospect.causes) + 1


@pytest.mark.parametrize("name", CHARTS)
def test_no_chart_without_members(name):
    ax, _ = drawn(name, SimpleNamespace(outlook=None))
    assert not ax.axison


def variants(runs):
    """Contracts whose charts might crowd: close thresholds, none, many members, few, savings below zero, a gate."""
    two = runs["commercial-two-sided"]
    yield from runs.values()
    yield of(two, terms=replace(two.outlook.terms, msr=0.005, mlr=0.005))
    yield of(two, terms=replace(two.outlook.terms, msr=0.0))
    yield of(runs["hackensack-2014"], members=150_000)
    yield of(two, members=600)
    yield of(two, uncertainty=replace(two.outlook.uncertainty, true_savings=-0.02))
    yield of(two, quality=two.outlook.quality | {"quality_score": 0.1})


@pytest.mark.parametrize("name", CHARTS)
def test_no_words_cover_others(runs, name):
    """The boxes of all texts of a chart are apart, in the size a page shows, and inside the picture."""
    for made in variants(runs):
        ax, renderer = drawn(name, made)
        titles = [ax.title, ax._left_title, ax._right_title, ax.xaxis.label, ax.yaxis.label]
        legend = ax.get_legend()
        ends = {axis: sorted(axis.get_view_interval()) for axis in (ax.xaxis, ax.yaxis)}
        ticks = [
            t.label1 for axis, (low, high) in ends.items() for t in axis.get_major_ticks() if low <= t.get_loc() <= high
        ]
        texts = [t for t in [*ax.texts, *titles, *ticks] if t.get_text() and t.get_visible()]
        boxes = [(t.get_text(), Text.get_window_extent(t, renderer)) for t in texts]
        if legend is not None:
            boxes.append(("legend", legend.get_window_extent(renderer)))
        for (one, a), (other, b) in itertools.combinations(boxes, 2):
            both = a.padded(-1.5).overlaps(b.padded(-1.5))
            assert not both, (made.outlook.members, one, other)
        whole = ax.figure.bbox.padded(1)
        beyond = [words for words, b in boxes if (whole.x0 > b.x0, b.x1 > whole.x1, b.y1 > whole.y1) != (False,) * 3]
        assert not beyond, made.outlook.members


def test_the_point_of_the_contract(toolkit_run):
    ax, _ = drawn("chance_by_size", toolkit_run)
    point = ax.lines[-1]
    chance = chance_of_savings(toolkit_run.outlook.costs, 5_115, 0.02)
    assert point.get_xydata().tolist() == [[5_115, pytest.approx(chance)]]
    assert ax.get_xscale() == "log"
    two = next(line for line in ax.lines if line.get_label() == "2%")
    assert np.interp(np.log(5_115), np.log(two.get_xdata()), two.get_ydata()) == pytest.approx(chance, abs=2e-3)
    assert "chance 23.9%" in ax.texts[0].get_text()
    assert ax.texts[0].xy == (5_115, pytest.approx(chance))


def test_density_and_regions(runs):
    made = runs["commercial-two-sided"]
    ax, _ = drawn("savings_density", made)
    luck, saver = ax.lines[:2]
    for line in (luck, saver):
        assert np.trapezoid(line.get_ydata(), line.get_xdata()) == pytest.approx(1, abs=0.003)
    mean = [np.trapezoid(x * y, x) for x, y in (line.get_data() for line in (luck, saver))]
    assert mean == pytest.approx([0, 0.02], abs=3e-4)
    words = {t.get_text().splitlines()[0]: t.get_text().splitlines()[1:] for t in ax.texts if "\n" in t.get_text()}
    table = exhibits.chance.chance_table(made).to_frame()
    for word, line in (("earns", "Chance that the ACO earns"), ("owes", "Chance that the ACO owes")):
        chances = table.loc[line, ["Luck alone", "Saves 2%"]]
        assert words[word] == [f"luck alone: {chances.iloc[0]:.1%}", f"saves 2.0%: {chances.iloc[1]:.1%}"]
    shades = {tuple(np.round(c.get_facecolor()[0][:3], 2)): c for c in ax.collections}
    for color, low, high in (("GREEN", 0.02, 1), ("RED", -1, -0.02), ("GREY", -0.02, 0.02)):
        rgb = tuple(np.round(matplotlib.colors.to_rgb(getattr(plots.drawing, color)), 2))
        places = shades[rgb].get_paths()[0].vertices[:, 0]
        assert low - 1e-3 <= places.min() <= places.max() <= high + 1e-3


def test_true_savings_are_those_of_the_scenario(toolkit_run):
    uncertainty = replace(toolkit_run.outlook.uncertainty, true_savings=0.01)
    ax, _ = drawn("savings_density", of(toolkit_run, uncertainty=uncertainty))
    x, y = ax.lines[1].get_data()
    assert np.trapezoid(x * y, x) == pytest.approx(0.01, abs=3e-4)


def test_nothing_is_left_to_chance(toolkit_run):
    ax, _ = drawn("savings_density", of(toolkit_run, costs=cost_distribution([5_000.0, 5_000.0])))
    assert not ax.axison


def test_bars_are_the_split(toolkit_run):
    ax, _ = drawn("variance_bars", toolkit_run)
    split = exhibits.chance.variance_of(toolkit_run.outlook)
    widths = [bar.get_width() for bar in ax.patches]
    wanted = [*split.payment.table["share"][::-1], *split.savings_rate.table["share"][::-1]]
    assert widths == pytest.approx(wanted)
    assert sum(widths) == pytest.approx(2)


def test_fan_is_the_simulation(runs):
    made = runs["commercial-two-sided"]
    ax, _ = drawn("futures_fan", made)
    paid = made.outlook.simulation.payment / 1e6
    outer = ax.collections[0].get_paths()[0].vertices
    assert [outer[:, 1].min(), outer[:, 1].max()] == pytest.approx(
        [np.quantile(paid, 0.05, axis=0).min(), np.quantile(paid, 0.95, axis=0).max()]
    )
    expected = next(line for line in ax.lines if line.get_label() == "expected")
    assert expected.get_ydata() == pytest.approx(paid.mean(axis=0))
    first = ax.get_xticklabels()[0].get_text()
    assert first == f"year 1\nearns {(paid[:, 0] > 0).mean():.0%}\nowes {(paid[:, 0] < 0).mean():.0%}"


def test_the_notebook_calls_what_there_is():
    cells = json.loads((ROOT / "notebooks" / "5-chance.ipynb").read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert set(re.findall(r"exhibits\.chance\.(\w+)\(run\)", code)) == set(TABLES)
    assert set(re.findall(r"plots\.picture\(plots.chance\.(\w+), run", code)) == set(CHARTS)
