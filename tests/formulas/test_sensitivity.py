"""What a result depends on: break-even, Sobol indices, Shapley effects, and the chain at many values at once."""

from itertools import permutations
from math import factorial, pi

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from conftest import SCENARIOS
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from acomodel import InputError, Terms, change, load_scenario, project, run, settle
from acomodel.budget.benchmark import rounded
from acomodel.budget.projection import projected_totals
from acomodel.outlook.sensitivity import sobol as sobol_module
from acomodel.outlook.sensitivity.one_way import SensitivitySettings, break_even, correlation_matrix
from acomodel.outlook.sensitivity.sampling import Normal, Triangular, Uniform, resampled
from acomodel.outlook.sensitivity.sobol import Shapley, Sobol, shapley_effects, sobol
from acomodel.outlook.years import draws
from acomodel.workbench.chain import movable, outcome
from acomodel.workbench.figures import figures_of, headline_value

# ---------------------------------------------------------------------------------------------- break-even


def test_break_even_of_a_line_is_its_root():
    found = break_even(lambda at: 3 * at["x"] - 1, "x", 0.0, 1.0)
    assert found.at == pytest.approx(1 / 3, abs=found.width)
    assert not found.jump
    assert found.near == pytest.approx(0, abs=1e-5)
    assert found.near > 0 > found.far
    assert "passes on" in repr(found)


@given(msr=st.floats(0, 0.08), share=st.floats(0.1, 1), savings=st.floats(0.0, 0.09))
@settings(max_examples=15)
def test_break_even_of_a_contract_is_its_threshold(msr, share, savings):
    """Spending at which savings reach the minimum rate; from the first dollar the payment jumps there."""
    actual = 100 * (1 - savings)

    def payment(at):
        terms = Terms(sharing_rate=share, msr=msr, share_from="first_dollar")
        return settle(100.0, actual * (1 + at["spending"]), terms).payment

    found = break_even(payment, "spending", -0.1, 0.1)
    assert found.at == pytest.approx((1 - msr) * 100 / actual - 1, abs=found.width)
    assert found.jump == (msr > 1e-8)
    if found.jump:
        assert max(found.near, found.far) == pytest.approx(share * msr * 100, abs=1e-4)
        assert min(found.near, found.far) == 0


def test_beyond_the_threshold_the_payment_leaves_zero_gradually_and_says_so():
    def payment(at):
        return settle(100.0, 100 * (1 - at["rate"]), Terms(sharing_rate=0.5, msr=0.02, share_from="threshold")).payment

    leaving = break_even(payment, "rate", -0.1, 0.1)
    assert leaving.at == pytest.approx(0.02, abs=leaving.width)
    assert not leaving.jump
    assert "stays at the target, and leaves it gradually" in leaving.exhibit().note
    arriving = break_even(payment, "rate", -0.1, 0.1, base=0.05)
    assert arriving.at == pytest.approx(0.02, abs=arriving.width)
    assert "gets there gradually and stays" in arriving.exhibit().note


def test_break_even_takes_the_side_nearest_the_base():
    terms = Terms(sharing_rate=0.5, msr=0.03, loss_method="fixed", loss_rate=0.5, mlr=0.01, share_from="first_dollar")

    def payment(at):
        return settle(100.0, 100 * (1 - at["rate"]), terms).payment

    assert break_even(payment, "rate", -0.1, 0.1).at == pytest.approx(-0.01, abs=1e-6)
    assert break_even(payment, "rate", -0.1, 0.1, base=0.015).at == pytest.approx(0.03, abs=1e-6)


def test_break_even_outside_the_range_is_none_and_not_a_number_beside_it():
    found = break_even(lambda at: 5 + at["x"], "x", -1.0, 1.0)
    assert (found.at, found.jump) == (None, False)
    assert "stays on one side" in repr(found)
    assert np.isnan(found.to_frame().loc["break-even"].item())
    assert break_even(lambda at: 5 + at["x"], "x", -1.0, 1.0, target=5.5).at == pytest.approx(0.5, abs=1e-5)


def test_break_even_at_the_end_of_the_range_and_of_a_target_that_is_met_at_the_base():
    assert break_even(lambda at: float(at["x"] >= 1), "x", 0.0, 1.0).at == pytest.approx(1)
    assert break_even(lambda at: at["x"], "x", -1.0, 1.0).at == pytest.approx(0, abs=1e-5)


def test_break_even_refuses_a_base_outside_the_range_and_outcomes_that_are_no_numbers():
    with pytest.raises(InputError, match="a base of 3 between -1 and 1"):
        break_even(lambda at: at["x"], "x", -1.0, 1.0, base=3.0)
    with pytest.raises(InputError, match="a base of 0 between 1 and -1"):
        break_even(lambda at: at["x"], "x", 1.0, -1.0)
    with pytest.raises(InputError, match="x = 0 is nan"):
        break_even(lambda at: np.nan, "x", -1.0, 1.0)


# --------------------------------------------------------------------------------------------- Sobol indices

A, B = 7, 0.1
ISHIGAMI_VARIANCE = A**2 / 8 + B * pi**4 / 5 + B**2 * pi**8 / 18 + 0.5
ISHIGAMI = {
    "x1": (0.5 * (1 + B * pi**4 / 5) ** 2, 8 * B**2 * pi**8 / 225),
    "x2": (A**2 / 8, 0.0),
    "x3": (0.0, 8 * B**2 * pi**8 / 225),
}
"""Variance alone and in interactions (Ishigami & Homma 1990)."""
RANGES = dict.fromkeys(ISHIGAMI, Uniform(-pi, pi))


def ishigami(at):
    return np.sin(at["x1"]) + A * np.sin(at["x2"]) ** 2 + B * at["x3"] ** 4 * np.sin(at["x1"])


WEIGHTS = {"g1": 0.0, "g2": 1.0, "g3": 4.5, "g4": 9.0, "g5": 99.0}


def g_function(at):
    product = 1.0
    for key, weight in WEIGHTS.items():
        product = product * (np.abs(4 * at[key] - 2) + weight) / (1 + weight)
    return product


def within(table, key, first, total):
    row = table.set_index("key").loc[key]
    assert row["first_low"] <= first <= row["first_high"], key
    assert row["total_low"] <= total <= row["total_high"], key


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ishigami_lies_within_the_intervals(seed):
    found = sobol(ishigami, RANGES, seed=seed)
    for key, (alone, more) in ISHIGAMI.items():
        within(found.table, key, alone / ISHIGAMI_VARIANCE, (alone + more) / ISHIGAMI_VARIANCE)
    assert found.sd**2 == pytest.approx(ISHIGAMI_VARIANCE, rel=0.01)
    assert found.mean == pytest.approx(A / 2, abs=0.02)
    assert found.interaction == pytest.approx(8 * B**2 * pi**8 / 225 / ISHIGAMI_VARIANCE, abs=0.02)
    width = found.table["first_high"] - found.table["first_low"]
    assert (width.drop("x3") > 0.02).all()
    assert (width < 0.2).all()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_g_function_lies_within_the_intervals(seed):
    found = sobol(g_function, dict.fromkeys(WEIGHTS, Uniform(0.0, 1.0)), seed=seed)
    alone = {key: 1 / (3 * (1 + weight) ** 2) for key, weight in WEIGHTS.items()}
    whole = np.prod([1 + v for v in alone.values()]) - 1
    for key, v in alone.items():
        within(found.table, key, v / whole, v * (1 + whole) / (1 + v) / whole)


def test_estimates_are_those_of_scipy():
    theirs = scipy.stats.sobol_indices(
        func=lambda x: ishigami(dict(zip(RANGES, x, strict=True))),
        n=1024,
        dists=[scipy.stats.uniform(-pi, 2 * pi)] * 3,
        rng=np.random.default_rng(5),
    )
    ours = sobol(ishigami, RANGES, draws=1024, seed=5).table.set_index("key").loc[list(RANGES)]
    assert ours["first"].to_numpy() == pytest.approx(theirs.first_order, rel=1e-9)
    assert ours["total"].to_numpy() == pytest.approx(theirs.total_order, rel=1e-9)


def test_intervals_are_about_those_of_scipy():
    """Its intervals are bias-corrected and accelerated (BCa), ours plain percentiles."""
    dists = [scipy.stats.uniform(-pi, 2 * pi)] * 3
    theirs = scipy.stats.sobol_indices(
        func=lambda x: ishigami(dict(zip(RANGES, x, strict=True))), n=256, dists=dists, rng=np.random.default_rng(5)
    ).bootstrap(n_resamples=999)
    ours = sobol(ishigami, RANGES, draws=256, seed=5).table.set_index("key").loc[list(RANGES)]
    for order, interval in (("first", theirs.first_order), ("total", theirs.total_order)):
        low, high = interval.confidence_interval
        assert ours[f"{order}_low"].to_numpy() == pytest.approx(low, abs=0.2 * np.max(high - low))
        assert ours[f"{order}_high"].to_numpy() == pytest.approx(high, abs=0.2 * np.max(high - low))


def test_against_a_plain_loop():
    """Saltelli's scheme with Jansen's estimators, written out, on plain random numbers."""
    rng, draws = np.random.default_rng(7), 4000
    a, b = rng.uniform(-pi, pi, (2, draws, 3))
    at = [{key: rows[:, i] for i, key in enumerate(RANGES)} for rows in (a, b)]
    y_a, y_b = ishigami(at[0]), ishigami(at[1])
    variance = np.var(np.concatenate([y_a, y_b]))
    ours = sobol(ishigami, RANGES).table.set_index("key")
    for i, key in enumerate(RANGES):
        first, total = 0.0, 0.0
        mixed = a.copy()
        mixed[:, i] = b[:, i]
        for j, y in enumerate(ishigami({k: mixed[:, n] for n, k in enumerate(RANGES)})):
            first += (y_b[j] - y) ** 2 / (2 * draws)
            total += (y_a[j] - y) ** 2 / (2 * draws)
        row = ours.loc[key]
        assert 1 - first / variance == pytest.approx(row["first"], abs=row["first_high"] - row["first_low"])
        assert total / variance == pytest.approx(row["total"], abs=row["total_high"] - row["total_low"])


def test_a_sum_has_no_interactions():
    inputs = {"a": Normal(5.0, 1.0), "b": Normal(-2.0, 2.0), "c": Triangular(0.0, 1.0, 2.0)}
    found = sobol(lambda at: at["a"] + at["b"] + at["c"], inputs).table.set_index("key")
    shares = pd.Series({"a": 1.0, "b": 4.0, "c": 1 / 6}) / (5 + 1 / 6)
    assert found.loc[shares.index, "first"].to_numpy() == pytest.approx(shares.to_numpy(), abs=0.005)
    assert found.loc[shares.index, "total"].to_numpy() == pytest.approx(shares.to_numpy(), abs=0.005)
    assert found.index.tolist() == ["b", "a", "c"]


@given(scale=st.floats(1e-3, 1e6), level=st.floats(-1e6, 1e6))
@settings(max_examples=20)
def test_neither_the_scale_nor_the_level_of_an_outcome_matters(scale, level):
    plain = sobol(ishigami, RANGES, draws=64, resamples=9)
    moved = sobol(lambda at: level + scale * ishigami(at), RANGES, draws=64, resamples=9)
    if scale > 1e-6 * abs(level):
        columns = ["first", "total", "first_low", "total_high"]
        assert moved.table[columns].to_numpy() == pytest.approx(plain.table[columns].to_numpy(), abs=1e-6)


def test_one_input_brings_everything_and_an_idle_one_nothing():
    one = sobol(lambda at: at["x"] ** 2, {"x": Uniform(0.0, 1.0)}).table.iloc[0]
    assert one[["first", "total"]].tolist() == pytest.approx([1, 1], abs=0.01)
    two = sobol(lambda at: at["x"] ** 2, {"x": Uniform(0.0, 1.0), "idle": Uniform(0.0, 1.0)})
    assert two.table.loc["idle", ["total", "total_low", "total_high"]].tolist() == [0, 0, 0]


@pytest.mark.parametrize("level", [0.0, 3.7e8])
def test_an_outcome_that_never_moves_has_no_shares_and_says_so(level):
    found = sobol(lambda at: np.full(at["x1"].shape, level), RANGES)
    assert found.sd == 0
    assert (found.table.drop(columns="key").to_numpy() == 0).all()
    assert "there is no variance to share out" in found.exhibit().note
    effects = shapley_effects(lambda at: np.full(at["x1"].shape, level), RANGES, np.eye(3))
    assert (effects.table.drop(columns="key").to_numpy() == 0).all()
    assert "no variance to share out" in repr(effects)


def test_an_outcome_that_hardly_ever_moves_is_never_nan():
    rare = sobol(lambda at: np.where(at["x1"] > 3.12, at["x2"], 0.0), RANGES, draws=256)
    assert np.isfinite(rare.table.drop(columns="key").to_numpy(dtype=float)).all()
    draws = iter([np.zeros(64), np.zeros(64), np.zeros(64), np.zeros(64), np.eye(64)[0]])
    with pytest.raises(InputError, match="hardly any of 64 draws"):
        sobol(lambda at: next(draws), RANGES, draws=64)


def test_bootstrap_means_are_as_spread_as_their_standard_error():
    rows = np.random.default_rng(1).normal(size=(3, 1000)) * [[1.0], [2.0], [0.0]]
    means = resampled(rows, 2000, 3)
    assert means.mean(axis=0) == pytest.approx(rows.mean(axis=1), abs=0.01)
    assert means.std(axis=0) == pytest.approx(rows.std(axis=1) / np.sqrt(1000), rel=0.06, abs=1e-12)
    assert len(np.unique(means[:, 0])) == 2000


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Uniform(2.0, 5.0), scipy.stats.uniform(2, 3)),
        (Normal(1.0, 0.5), scipy.stats.norm(1, 0.5)),
        (Triangular(1.0, 2.0, 5.0), scipy.stats.triang(0.25, 1, 4)),
        (Triangular(1.0, 1.0, 5.0), scipy.stats.triang(0, 1, 4)),
        (Triangular(1.0, 5.0, 5.0), scipy.stats.triang(1, 1, 4)),
    ],
)
def test_distributions(ours, theirs):
    chances = np.linspace(0.001, 0.999, 101)
    assert ours.ppf(chances) == pytest.approx(theirs.ppf(chances))


def test_what_cannot_be_drawn_is_refused():
    for made in (lambda: Uniform(1.0, 1.0), lambda: Normal(0.0, 0.0), lambda: Triangular(0.0, 2.0, 1.0)):
        with pytest.raises(ValidationError):
            made()
    with pytest.raises(InputError, match="nothing is uncertain"):
        sobol(ishigami, {})
    with pytest.raises(InputError, match="100 draws; a power of 2"):
        sobol(ishigami, RANGES, draws=100)
    with pytest.raises(InputError, match="confidence 1"):
        sobol(ishigami, RANGES, confidence=1.0)
    with pytest.raises(InputError, match=r"x1 = .*, x2 = .* is nan; a number"):
        sobol(lambda at: np.where(at["x1"] > 3, np.nan, 1.0), RANGES)
    with pytest.raises(InputError, match=r"outcomes of shape \(\)"):
        sobol(lambda at: 1.0, RANGES)


# ------------------------------------------------------------------------------------------- Shapley effects


def linear_effects(slopes, covariance):
    """Effects of a linear outcome of normal inputs, by every order, from variances given what is known."""
    count = len(slopes)

    def known(u):
        """Variance of the mean given u."""
        u, rest = list(u), [i for i in range(count) if i not in u]
        if not u:
            return 0.0
        to = np.linalg.solve(covariance[np.ix_(u, u)], covariance[np.ix_(u, rest)]) @ slopes[rest]
        combined = slopes[u] + to
        return combined @ covariance[np.ix_(u, u)] @ combined

    found = np.zeros(count)
    for order in permutations(range(count)):
        for k, i in enumerate(order):
            found[i] += (known(order[: k + 1]) - known(order[:k])) / factorial(count)
    return found / (slopes @ covariance @ slopes)


def normals(deviations):
    return {f"x{i}": Normal(float(i), d) for i, d in enumerate(deviations)}


@pytest.mark.parametrize("rho", [-0.9, -0.4, 0.0, 0.5, 0.95])
def test_two_correlated_normals_are_owen_and_prieur(rho):
    """Owen & Prieur (2017), two inputs of a linear outcome."""
    b, s = np.array([1.0, 0.7]), np.array([1.0, 2.0])
    variance = (b * s) @ np.array([[1, rho], [rho, 1]]) @ (b * s)
    own, other = (b * s) ** 2, ((b * s) ** 2)[::-1]
    expected = (own * (1 - rho**2 / 2) + rho * np.prod(b * s) + other * rho**2 / 2) / variance
    assert expected == pytest.approx(linear_effects(b, np.outer(s, s) * [[1, rho], [rho, 1]]))
    found = shapley_effects(lambda at: b[0] * at["x0"] + b[1] * at["x1"], normals(s), [[1, rho], [rho, 1]])
    table = found.table.set_index("key").loc[["x0", "x1"]]
    assert table["effect"].to_numpy() == pytest.approx(expected, abs=0.01)
    assert (table["low"].to_numpy() <= expected).all()
    assert (expected <= table["high"].to_numpy()).all()
    assert table["effect"].sum() == pytest.approx(1, abs=1e-12)


CORRELATION = np.array([[1, 0.6, 0.2, 0], [0.6, 1, -0.3, 0.5], [0.2, -0.3, 1, 0.1], [0, 0.5, 0.1, 1]])
SLOPES, DEVIATIONS = np.array([1.0, -0.5, 2.0, 1.5]), np.array([1.0, 2.0, 0.5, 1.0])


def line(at):
    return sum(slope * at[f"x{i}"] for i, slope in enumerate(SLOPES))


@pytest.mark.parametrize("most", [10, 2], ids=["subsets", "orders"])
def test_four_correlated_normals(monkeypatch, most):
    monkeypatch.setattr(sobol_module, "MOST_SUBSETS", most)
    expected = linear_effects(SLOPES, np.outer(DEVIATIONS, DEVIATIONS) * CORRELATION)
    found = shapley_effects(line, normals(DEVIATIONS), CORRELATION)
    table = found.table.set_index("key").loc[[f"x{i}" for i in range(4)]]
    assert table["effect"].to_numpy() == pytest.approx(expected, abs=0.01 if most == 10 else 0.05)
    assert (table["low"].to_numpy() <= expected).all()
    assert (expected <= table["high"].to_numpy()).all()
    assert table["effect"].sum() == pytest.approx(1, abs=1e-12)
    assert (table["high"] - table["low"] < (0.1 if most == 10 else 0.25)).all()


def test_every_subset_that_is_drawn_anew_keeps_the_distribution_of_all():
    seen = []

    def kept(at):
        seen.append(np.array([at[f"x{i}"] for i in range(4)]))
        return line(at)

    shapley_effects(kept, normals(DEVIATIONS), CORRELATION)
    assert len(seen) == 2**4 - 1
    for sample in seen:
        assert np.corrcoef(sample) == pytest.approx(CORRELATION, abs=0.02)
        assert sample.std(axis=1) == pytest.approx(DEVIATIONS, rel=0.02)
        assert sample.mean(axis=1) == pytest.approx(np.arange(4), abs=0.03)
    frozen = [tuple(np.flatnonzero((sample == seen[0]).all(axis=1))) for sample in seen[1:]]
    assert len(set(frozen)) == len(frozen)


def test_all_orders_make_the_weights_of_all_subsets():
    exact = draws.shapley_weights(4)
    every = sobol_module._weights_of(np.array(list(permutations(range(4)))))
    assert exact.keys() == every.keys()
    for subset, weight in exact.items():
        assert every[subset] == pytest.approx(weight)


def test_effects_of_independent_inputs_share_interactions_alike():
    """A sum has its Sobol indices; an interaction of two goes half to each (Owen 2014)."""
    whole = shapley_effects(ishigami, RANGES, np.eye(3)).table.set_index("key")
    for key, (alone, more) in ISHIGAMI.items():
        assert whole.loc[key, "effect"] == pytest.approx((alone + more / 2) / ISHIGAMI_VARIANCE, abs=0.02)
    inputs = {"a": Uniform(0.0, 1.0), "b": Uniform(0.0, 2.0)}
    effects = shapley_effects(lambda at: at["a"] + at["b"], inputs, np.eye(2)).table["effect"]
    assert effects[["a", "b"]].tolist() == pytest.approx([0.2, 0.8], abs=0.005)


def test_two_that_are_one_share_alike_whatever_their_distributions():
    inputs = {"a": Uniform(0.0, 1.0), "b": Triangular(0.0, 0.0, 5.0), "c": Normal(0.0, 0.3)}
    matrix = [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    effects = shapley_effects(lambda at: at["a"] + at["c"], inputs, matrix).table["effect"]
    assert effects["a"] == pytest.approx(effects["b"], abs=0.01)
    assert effects["c"] == pytest.approx(0.09 / (0.09 + 1 / 12), abs=0.02)


def test_more_than_ten_inputs_still_sum_to_one():
    inputs = {f"x{i}": Normal(0.0, 1.0 + i) for i in range(12)}
    found = shapley_effects(lambda at: sum(at.values()), inputs, np.eye(12), draws=512, orders=8)
    expected = (1 + np.arange(12.0)) ** 2
    assert found.table["effect"].sum() == pytest.approx(1, abs=1e-12)
    table = found.table.set_index("key").loc[list(inputs)]
    assert table["effect"].to_numpy() == pytest.approx(expected / expected.sum(), abs=0.03)


def test_a_matrix_that_is_no_correlation_is_refused():
    for matrix, said in (
        (np.eye(2), "for 3 inputs"),
        (np.eye(3) * 2, "ones on its diagonal"),
        ([[1, 0.5, 0], [0, 1, 0], [0, 0, 1]], "symmetric"),
        ([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]], "not positive"),
    ):
        with pytest.raises(InputError, match=said):
            shapley_effects(ishigami, RANGES, matrix)


def test_rows_of_a_correlation():
    rows = (("b", "a", 0.5),)
    assert correlation_matrix(["a", "b", "c"], rows).tolist() == [[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]]
    assert SensitivitySettings(correlation=[["a", "b", 0.5]]).correlation == (("a", "b", 0.5),)
    for wrong, said in (
        ([("a", "d", 0.5)], "'d' is not drawn; one of a, b, c"),
        ([("a", "a", 0.5)], "two assumptions"),
        ([("a", "b", 1.5)], "-1 to 1"),
        ([("a", "b", 0.5), ("b", "a", 0.2)], "twice"),
        ([("a", "b", 0.9), ("b", "c", 0.9), ("a", "c", -0.9)], "not positive"),
    ):
        with pytest.raises(InputError, match=said):
            correlation_matrix(["a", "b", "c"], wrong)
        if "drawn" not in said:
            with pytest.raises(ValidationError, match=said):
                SensitivitySettings(correlation=wrong)
    with pytest.raises(ValidationError, match="a power of 2 is wanted"):
        SensitivitySettings(sobol_draws=5000)


# ----------------------------------------------------------------------------------------- the chain as arrays

NAMES = ["toolkit-2010", "commercial-two-sided", "hackensack-2014", "mssp-historical", "claims-demo"]


@pytest.fixture(scope="module", params=NAMES)
def made(request):
    scenario = load_scenario(SCENARIOS / f"{request.param}.toml")
    return run(
        scenario
        if scenario.claims is None
        else change(scenario, {"claims.synthetic.members": 2000, "claims.compare": False})
    )


@pytest.fixture(scope="module")
def toolkit_run():
    return run(SCENARIOS / "toolkit-2010.toml")


def one_by_one(made, values, *lines):
    """Lines from `change` and the whole chain, one value after another."""
    found = []
    for row in zip(*values.values(), strict=True):
        variant = change(made.scenario, dict(zip(values, map(float, row), strict=True)))
        figures = figures_of(variant, made.tables)
        found.append([headline_value(variant, figures, line) for line in lines])
    return np.array(found).T


def drawn(keys, count, seed=3):
    rng = np.random.default_rng(seed)
    spans = {"quality_score": (0.0, 1.0), "actual_adjustment": (-0.08, 0.04)}
    return {key: rng.uniform(*spans.get(key.split(".")[-1], (-0.03, 0.03)), count) for key in keys}


def lines_of(made):
    pmpm = ["benchmark_pmpm"] if made.made is not None else []
    return ["payment", "benchmark", "actual", "savings_rate", "final_sharing_rate", *pmpm]


def test_the_chain_as_arrays_is_the_chain(made):
    values, wanted = drawn(movable(made.scenario), 6), lines_of(made)
    for line, expected in zip(wanted, one_by_one(made, values, *wanted), strict=True):
        assert outcome(made, values, line) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_each_setting_alone(made):
    for key in movable(made.scenario):
        values = drawn([key], 2)
        assert outcome(made, values) == pytest.approx(one_by_one(made, values, "payment")[0], rel=1e-9, abs=1e-9)
        if "quality" not in key and "actual" not in key:
            assert np.ptp(outcome(made, values, "benchmark")) > 0


def test_no_values_are_the_base(made):
    assert outcome(made, {}) == pytest.approx(made.headline()["payment"], rel=1e-12)
    assert outcome(made, {}).shape == ()


@pytest.mark.parametrize("name", ["toolkit-2010", "commercial-two-sided"])
@pytest.mark.parametrize("rounding", ["printed", "none"])
def test_rounding_between_steps_is_that_of_the_chain(name, rounding):
    moved = {"trend.adjustment": 0.004, "risk.adjustment": -0.01, "years.0.actual_adjustment": -0.03}
    base = change(load_scenario(SCENARIOS / f"{name}.toml"), moved | {"benchmark.rounding": rounding})
    made = run(base)
    values = drawn(["trend.adjustment", "risk.adjustment"], 25)
    exact, payments = one_by_one(made, values, "benchmark_pmpm", "payment")
    assert outcome(made, values, "benchmark_pmpm").tolist() == exact.tolist()
    assert outcome(made, values) == pytest.approx(payments, rel=1e-9, abs=1e-9)
    assert (np.round(exact, 2) == exact).all() == (rounding == "printed")


@given(st.lists(st.floats(0.1, 1e6) | st.integers(10, 10**7).map(lambda n: n / 1000), min_size=1, max_size=20))
def test_many_are_rounded_as_one_is(values):
    for places in (2, 3):
        assert rounded(np.array(values), places).tolist() == [round(v, places) for v in values]


def test_halves_that_are_none_in_binary_are_rounded_as_one_is():
    halves = [1.005, 2.675, 1.115, 0.285, 1.25, 1.35, 323.745, 402.325, 355.915]
    assert rounded(np.array(halves), 2).tolist() == [round(v, 2) for v in halves]
    assert any(np.round(halves, 2) != [round(v, 2) for v in halves])


def test_totals_of_a_projection_are_its_sums_and_vector_is_scalar(toolkit_run):
    budget = toolkit_run.budget
    baseline, points = budget.report.loc[budget.base_year], np.array([-0.02, 0.0, 0.013])
    together = projected_totals(baseline, budget.trends, adjustment=points)
    for i, adjustment in enumerate(points):
        frame = project(baseline, budget.trends, adjustment=adjustment)["allowed_pmpm"].groupby("year").sum()
        alone = projected_totals(baseline, budget.trends, adjustment=adjustment)
        assert list(alone) == frame.index.tolist()
        assert [total[i] for total in together.values()] == list(alone.values())
        assert list(alone.values()) == pytest.approx(frame.tolist(), rel=1e-14)


def test_values_of_any_shape_that_fit_together(toolkit_run):
    trend, spending = np.linspace(-0.01, 0.01, 3)[:, None], np.linspace(-0.05, 0.0, 4)
    grid = outcome(toolkit_run, {"trend.adjustment": trend, "years.0.actual_adjustment": spending})
    assert grid.shape == (3, 4)
    flat = {"trend.adjustment": np.repeat(trend, 4), "years.0.actual_adjustment": np.tile(spending, 3)}
    assert grid.ravel().tolist() == outcome(toolkit_run, flat).tolist()
    assert outcome(toolkit_run, {"trend.adjustment": np.array([])}).shape == (0,)


def test_chunks_make_no_difference(toolkit_run):
    values = drawn(["trend.adjustment", "years.0.actual_adjustment"], 40_000)
    whole = outcome(toolkit_run, values)
    last = {key: column[-3:] for key, column in values.items()}
    assert whole[-3:].tolist() == outcome(toolkit_run, last).tolist()


@pytest.mark.parametrize("name", ["Benchmark of the performance year", "What-if"])
def test_a_stated_line_of_the_record_holds_whatever_the_what_if(name):
    stated = {"historical.adjustment": 0.01, f"historical.override.{name}": 12_900.0 if "year" in name else 0.02}
    made = run(change(load_scenario(SCENARIOS / "mssp-historical.toml"), stated))
    values = {"historical.adjustment": np.array([-0.02, 0.015])}
    assert outcome(made, values, "benchmark") == pytest.approx(one_by_one(made, values, "benchmark")[0], rel=1e-12)


def test_what_is_agreed_cannot_be_moved(toolkit_run):
    with pytest.raises(
        InputError, match=r"'terms.msr' is agreed or given, .* trend.adjustment, risk.adjustment, years"
    ):
        outcome(toolkit_run, {"terms.msr": np.array([0.01])})
    with pytest.raises(InputError, match=r"trend.adjustment"):
        outcome(toolkit_run, {"trend.adjustment": np.array([0.0, 0.6])})
    with pytest.raises(InputError, match="no numbers"):
        outcome(toolkit_run, {"trend.adjustment": np.array([0.0, np.nan])})
    with pytest.raises(InputError, match="no settlement line 'paymnt'. Did you mean 'payment'"):
        outcome(toolkit_run, {}, "paymnt")
    with pytest.raises(InputError, match="there is no PMPM"):
        outcome(run(SCENARIOS / "hackensack-2014.toml"), {}, "benchmark_pmpm")


# --------------------------------------------------------------------------------------------- runs


def test_break_even_of_a_run_is_where_its_payment_starts():
    hackensack = run(SCENARIOS / "hackensack-2014.toml")
    lines = hackensack.headline()
    found = hackensack.break_even()
    assert found.key == "years.1.actual_adjustment"
    assert found.at == pytest.approx((1 - lines["msr"]) * lines["benchmark"] / lines["actual"] - 1, abs=found.width)
    assert (found.jump, found.far) == (True, 0)
    assert found.near == pytest.approx(lines["msr"] * lines["benchmark"] * lines["final_sharing_rate"] * 0.98, rel=1e-4)
    idle = hackensack.break_even("years.1.members", target=1e9)
    assert (idle.at, idle.low, idle.high) == (None, pytest.approx(15603 * 0.9), pytest.approx(15603 * 1.1))


def test_break_even_of_the_trend(made):
    if made.scenario.trend is None:
        assert made.break_even().key in ("historical.adjustment", "years.1.actual_adjustment")
        return
    if made.scenario.claims is not None:
        return
    found = made.break_even()
    assert found.key == "trend.adjustment"
    around = outcome(made, {found.key: found.at + np.array([-1, 1]) * 2 * found.width})
    assert (np.abs(around) < 1e-6).sum() == 1


def test_range_searched_by_default():
    hackensack = run(SCENARIOS / "hackensack-2014.toml")
    score = hackensack.break_even("years.1.quality_score", target=1e12)
    assert (score.low, score.high) == (pytest.approx(0.794308036), pytest.approx(0.994308036))
    full = hackensack.break_even("years.0.quality_score", target=1e12)
    assert (full.low, full.high) == (pytest.approx(0.9), 1.0)


def test_break_even_of_what_is_no_number(toolkit_run):
    with pytest.raises(InputError, match="'terms.mrs' is no setting"):
        toolkit_run.break_even("terms.mrs")
    with pytest.raises(InputError, match="has no value; low and high"):
        toolkit_run.break_even("years.0.quality_score")
    with pytest.raises(InputError, match="has no value; low and high"):
        toolkit_run.break_even("name")
    assert toolkit_run.break_even("years.0.quality_score", low=0.1, high=0.9).at is None


def test_sobol_of_a_run_names_what_it_leaves_out(made):
    found = made.sobol()
    assert isinstance(found, Sobol)
    assert found.table["key"].isin(movable(made.scenario)).all()
    assert np.isfinite(found.table.drop(columns="key").to_numpy(dtype=float)).all()
    assert found.sd > 0
    moved = made.scenario.sensitivity.one_way
    agreed = not hasattr(made.scenario.terms, "program") or any(r.key.endswith("members") for r in moved)
    assert ("Left out, as agreed or given" in found.exhibit().note) == agreed
    pd.testing.assert_frame_equal(found.table, made.sobol().table)


def test_a_run_whose_assumptions_are_correlated_shares_out_by_shapley(toolkit_run):
    rows = [["trend.adjustment", "years.0.actual_adjustment", 0.8]]
    scenario = change(toolkit_run.scenario, {"sensitivity.correlation": rows, "sensitivity.sobol_draws": 512})
    found = run(scenario, toolkit_run.tables).sobol("savings_rate")
    assert isinstance(found, Shapley)
    assert found.table["effect"].sum() == pytest.approx(1, abs=1e-12)
    assert found.evaluations == 512 * 7
    other = change(toolkit_run.scenario, {"sensitivity.correlation": [["trend.adjustment", "terms.msr", 0.8]]})
    with pytest.raises(InputError, match="'terms.msr' is not drawn"):
        run(other, toolkit_run.tables).sobol()


def test_nothing_uncertain_is_an_error(toolkit_run):
    only = [{"key": "terms.msr", "low": 0.01, "high": 0.03}]
    with pytest.raises(InputError, match="no range of what is uncertain"):
        run(change(toolkit_run.scenario, {"sensitivity.one_way": only}), toolkit_run.tables).sobol()


def test_correlations_are_written_and_read_back(toolkit_run, tmp_path):
    rows = [["trend.adjustment", "risk.adjustment", 0.3]]
    scenario = change(toolkit_run.scenario, {"sensitivity.correlation": rows})
    path = tmp_path / "again.toml"
    path.write_text(scenario.to_toml(), encoding="utf-8")
    assert load_scenario(path).sensitivity == scenario.sensitivity
