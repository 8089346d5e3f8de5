"""Sobol indices with intervals beside SALib, and a sweep beside a plain loop: ratios of their times in one run.

SALib is no dependency. Where it is not installed its part is left out; to have it, from the root of the project:

    pip install --no-deps --target salib SALib multiprocess dill
    PYTHONPATH=salib python benchmarks/sensitivity.py

Both draw 15 inputs of a g-function in 2^14 base samples, without second order, and make intervals of 100 resamples,
which is SALib's default; ours with 999 is shown beside it. SALib gets the function on whole columns, as we do. Every
time is the least of three, wall and CPU.
"""

from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any

import numpy as np

WEIGHTS = (0, 0.5, 1, 2, 3, 4.5, 6, 9, 12, 20, 30, 50, 70, 99, 99)
DRAWS = 2**14
RESAMPLES = 100


def g_function(columns: Any) -> np.ndarray:
    """Product of the inputs, each of them weaker than the last (Sobol's g-function)."""
    product = np.ones(np.shape(columns[0]))
    for column, weight in zip(columns, WEIGHTS, strict=True):
        product *= (np.abs(4 * column - 2) + weight) / (1 + weight)
    return product


def least(work: Callable[[], Any], runs: int = 3) -> tuple[float, float, Any]:
    """Least wall time, least CPU time and the result. [s]"""
    wall, cpu = [], []
    for _ in range(runs):
        begun, spent = perf_counter(), process_time()
        found = work()
        wall.append(perf_counter() - begun)
        cpu.append(process_time() - spent)
    return min(wall), min(cpu), found


def indices() -> None:
    from acomodel.outlook.sensitivity.sampling import Uniform
    from acomodel.outlook.sensitivity.sobol import sobol

    names = [f"x{i}" for i in range(len(WEIGHTS))]
    inputs = dict.fromkeys(names, Uniform(0.0, 1.0))

    def ours(resamples: int = RESAMPLES) -> Any:
        return sobol(lambda at: g_function(list(at.values())), inputs, draws=DRAWS, resamples=resamples)

    ours()
    times = {RESAMPLES: least(ours), 999: least(lambda: ours(999))}
    print(f"Sobol indices of {len(names)} inputs, {DRAWS:,} base samples")
    for resamples, (wall, cpu, _) in times.items():
        print(f"  acomodel, {resamples:4} resamples: {wall:7.3f} s, {cpu:7.3f} s of CPU")
    try:
        from SALib.analyze import sobol as analysis
        from SALib.sample import sobol as sampling
    except ImportError:
        print("  SALib is not installed, so that nothing is compared; see the top of this file")
        return
    problem = {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}

    def theirs() -> Any:
        drawn = sampling.sample(problem, DRAWS, calc_second_order=False, seed=1)
        outcomes = g_function(drawn.T)
        return analysis.analyze(problem, outcomes, calc_second_order=False, num_resamples=RESAMPLES, seed=1)

    wall, cpu, found = least(theirs)
    print(f"  SALib,    {RESAMPLES:4} resamples: {wall:7.3f} s, {cpu:7.3f} s of CPU")
    for resamples, (own_wall, own_cpu, _) in times.items():
        print(f"  SALib over acomodel with {resamples}: {wall / own_wall:5.1f} in time, {cpu / own_cpu:5.1f} in CPU")
    table = times[RESAMPLES][2].table.set_index("key").loc[names]
    for order, key in (("first", "S1"), ("total", "ST")):
        apart = np.abs(table[order].to_numpy() - found[key])
        half = np.abs(table[f"{order}_high"] - table[f"{order}_low"]).to_numpy() / 2
        agree = int((apart <= half + found[f"{key}_conf"]).sum())
        print(f"  {order} order: {agree} of {len(names)} within both intervals; largest distance {apart.max():.4f}")


def sweeps() -> None:
    from acomodel import change, load_scenario, run, sweep
    from acomodel.workbench.tables import read_tables

    scenario = load_scenario("scenarios/commercial-two-sided.toml")
    values = {"trend.adjustment": [-0.01, -0.005, 0.0, 0.005, 0.01], "terms.msr": [0.0, 0.01, 0.02, 0.03]}
    cells = [{"trend.adjustment": t, "terms.msr": m} for t in values["trend.adjustment"] for m in values["terms.msr"]]

    def loop() -> list[float]:
        tables = read_tables(scenario)
        return [float(run(change(scenario, cell), tables).headline()["payment"]) for cell in cells]

    swept = least(lambda: sweep(scenario, values)["payment"].tolist())
    looped = least(loop)
    assert swept[2] == looped[2], "the sweep and the loop disagree"
    print(f"Sweep of {len(cells)} variants: {swept[0]:.3f} s, {swept[1]:.3f} s of CPU")
    print(f"  plain loop over `run`: {looped[0]:.3f} s, {looped[1]:.3f} s of CPU")
    print(f"  sweep over loop: {swept[0] / looped[0]:.2f} in time, {swept[1] / looped[1]:.2f} in CPU")


def arrays() -> None:
    from acomodel import change, run
    from acomodel.workbench.chain import outcome
    from acomodel.workbench.figures import figures_of, headline_value

    for name in ("toolkit-2010", "commercial-two-sided"):
        made = run(f"scenarios/{name}.toml")
        rng = np.random.default_rng(1)
        many = {"trend.adjustment": rng.uniform(-0.02, 0.02, 2**16), "risk.adjustment": rng.uniform(-0.02, 0.02, 2**16)}
        few = [
            dict(zip(many, map(float, row), strict=True)) for row in zip(*(c[:10] for c in many.values()), strict=True)
        ]

        def one_by_one(made: Any = made, few: Any = few) -> list[float]:
            variants = [change(made.scenario, row) for row in few]
            return [headline_value(v, figures_of(v, made.tables), "payment") for v in variants]

        together = least(lambda made=made, many=many: outcome(made, many))
        alone = least(one_by_one)
        assert np.allclose(together[2][:10], alone[2], rtol=1e-9, atol=1e-9)
        each = together[1] / 2**16
        print(
            f"{name}: {1e6 * each:.2f} µs of CPU a variant as arrays, {alone[1] / 10 / each:,.0f} times that one by one"
        )


if __name__ == "__main__":
    indices()
    sweeps()
    arrays()
