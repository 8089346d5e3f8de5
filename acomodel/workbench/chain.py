"""The chain of a scenario at many values of its uncertain settings at once, and what its outcome depends on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from acomodel.contract.settlement import LINES, settle
from acomodel.inputs import InputError, nearest
from acomodel.outlook.sensitivity.one_way import BreakEven, break_even, correlation_matrix
from acomodel.outlook.sensitivity.sampling import Uniform
from acomodel.outlook.sensitivity.sobol import Shapley, Sobol, shapley_effects, sobol
from acomodel.rates import MONTHS
from acomodel.workbench.budget import benchmarks_at
from acomodel.workbench.ranges import default_ranges
from acomodel.workbench.scenario import Scenario, change, settings
from acomodel.workbench.years import months_of

if TYPE_CHECKING:
    from acomodel.workbench.model import Run

CHUNK = 16_384
"""Settlements at a time: as many as stay in a processor's cache."""


def movable(scenario: Scenario) -> list[str]:
    """Uncertain settings of a scenario whose values `outcome` takes as arrays."""
    parts = {"trend": scenario.trend, "risk": scenario.risk, "historical": scenario.historical}
    keys = [f"{name}.adjustment" for name, part in parts.items() if part is not None]
    at = scenario.headline()
    moved = ["benchmark_adjustment", "actual_adjustment"] + ["quality_score"] * (scenario.quality is None)
    return keys + [f"years.{at}.{name}" for name in moved]


def outcome(run: Run, values: Mapping[str, np.ndarray], line: str = "payment") -> np.ndarray:
    r"""
    One settlement line of the headline year at many values of uncertain settings, everything else as it is.

    Parameters
    ----------
    run : Run
        Run of the scenario.
    values : mapping of str to array-like
        Values of settings by their dotted keys, of shapes that fit together: ``trend.adjustment``,
        ``risk.adjustment``, ``historical.adjustment``, and of the headline year ``benchmark_adjustment``,
        ``actual_adjustment`` and ``quality_score``. [share]
    line : str
        A settlement line, or "benchmark_pmpm".

    Returns
    -------
    numpy.ndarray
        The line, of the shape of the values. [as the line]

    Raises
    ------
    InputError
        A setting that is agreed and not uncertain or is not there, a value that its setting refuses, an unknown line.

    Notes
    -----
    The same as running `change(scenario, ...)` for every value, without reading or fitting anything again. A benchmark
    that is projected goes through the budget's own chain, rounding and all; the other what-ifs are factors
    :math:`1 + a` of the benchmark or of spending.

    Examples
    --------
    >>> from acomodel import run
    >>> hackensack = run("scenarios/hackensack-2014.toml")
    >>> outcome(hackensack, {"years.1.quality_score": np.array([0.8, 1.0])}).round().tolist()
    [2534239.0, 3167799.0]
    """
    scenario, at = run.scenario, run.scenario.headline()
    year, year_key = scenario.years[at], f"years.{at}"
    arrays = {key: np.asarray(column, dtype=float) for key, column in values.items()}
    _check(scenario, arrays, line)
    shape = np.broadcast_shapes(*(column.shape for column in arrays.values()))

    def value(key: str, base: float) -> np.ndarray:
        return np.broadcast_to(arrays.get(key, np.asarray(base)), shape).ravel()

    pmpm = _pmpm(run, value)
    if line == "benchmark_pmpm":
        if pmpm is None:
            raise InputError(f"{scenario.path}: the benchmark is stated in dollars; there is no PMPM to show.")
        return pmpm.reshape(shape)
    settled = run.lines().iloc[at]
    moved = {name: value(f"{year_key}.{name}", getattr(year, name)) for name in _FACTORS}
    if pmpm is not None and year.benchmark is None and year.benchmark_pmpm is None:
        agreed: Any = pmpm * months_of(scenario, run.tables, at)
    else:
        agreed = float(settled["benchmark"]) / (1 + year.benchmark_adjustment)
    benchmark = agreed * (1 + moved["benchmark_adjustment"])
    actual = float(settled["actual"]) / (1 + year.actual_adjustment) * (1 + moved["actual_adjustment"])
    clauses = run.given(at)
    quality = value(f"{year_key}.quality_score", clauses.pop("quality_score"))
    found = []
    for start in range(0, benchmark.size, CHUNK):
        part = slice(start, start + CHUNK)
        result = settle(benchmark[part], actual[part], run.terms[at], quality_score=quality[part], **clauses)
        found.append(np.asarray(getattr(result, line)))
    return np.concatenate(found).reshape(shape) if found else np.zeros(shape)


_FACTORS = ("benchmark_adjustment", "actual_adjustment")


def _pmpm(run: Run, value: Any) -> np.ndarray | None:
    """Benchmarks that are made, at the values of their what-ifs; None where the benchmark is stated. [$ PMPM]"""
    scenario = run.scenario
    if run.budget is not None and scenario.trend is not None:
        risk = 0.0 if scenario.risk is None else scenario.risk.adjustment
        moved = {"trend": value("trend.adjustment", scenario.trend.adjustment), "risk": value("risk.adjustment", risk)}
        return benchmarks_at(scenario, run.budget, **moved)
    if run.record is not None and scenario.historical is not None:
        moved_by = value("historical.adjustment", scenario.historical.adjustment)
        settled = run.record.settled
        if any(line.stated for line in settled.lines if line.name != "Updated benchmark"):
            return np.full(moved_by.shape, run.record.pmpm)
        level = float(settled.line("Updated benchmark").overall)
        return level * (1 + moved_by) / MONTHS
    return None


def _check(scenario: Scenario, arrays: Mapping[str, np.ndarray], line: str) -> None:
    """Refuse keys that are not uncertain, values that their settings refuse, and unknown lines."""
    if line not in LINES and line != "benchmark_pmpm":
        raise InputError(f"there is no settlement line '{line}'.{nearest(line, [*LINES, 'benchmark_pmpm'])}")
    known = movable(scenario)
    for key, column in arrays.items():
        if key not in known:
            raise InputError(
                f"{scenario.path}: '{key}' is agreed or given, not uncertain; what can be moved: {', '.join(known)}."
            )
        if not np.isfinite(column).all():
            raise InputError(f"{scenario.path}: {key}: values that are no numbers")
    filled = {key: column for key, column in arrays.items() if column.size}
    for end in (np.min, np.max) if filled else ():
        change(scenario, {key: float(end(column)) for key, column in filled.items()})


def sobol_of(run: Run, line: str = "payment") -> Sobol | Shapley:
    """
    Shares of the variance of one settlement line by the uncertain settings of a scenario.

    Parameters
    ----------
    run : Run
        Run of the scenario.
    line : str
        A settlement line, or "benchmark_pmpm".

    Returns
    -------
    Sobol or Shapley
        Shapley effects where the scenario's sensitivity correlates assumptions.

    Raises
    ------
    InputError
        Nothing uncertain is left, or a correlation of what is not drawn.
    """
    scenario, known = run.scenario, movable(run.scenario)
    chosen = scenario.sensitivity
    ranges = chosen.one_way or default_ranges(scenario)
    inputs = {r.key: Uniform(r.low, r.high, r.label) for r in ranges if r.key in known}
    left_out = [r.label or r.key for r in ranges if r.key not in known]
    note = "Every value of a range is taken for equally likely."
    if left_out:
        note += f" Left out, as agreed or given and not uncertain: {'; '.join(left_out)}."
    given_all: dict[str, Any] = {"draws": chosen.sobol_draws, "note": note, "outcome": _title(run, line)}
    if not inputs:
        raise InputError(f"{scenario.path}: sensitivity: no range of what is uncertain; one of {', '.join(known)}.")

    def evaluate(values: Mapping[str, np.ndarray]) -> np.ndarray:
        return outcome(run, values, line)

    if not chosen.correlation:
        return sobol(evaluate, inputs, **given_all)
    return shapley_effects(evaluate, inputs, correlation_matrix(list(inputs), chosen.correlation), **given_all)


def break_even_of(
    run: Run, evaluate: Any, key: str | None, line: str, target: float, low: float | None, high: float | None
) -> BreakEven:
    """
    Value of one setting at which a settlement line starts to be on another side of a target.

    Parameters
    ----------
    run : Run
        Run of the scenario.
    evaluate : callable
        The line for a mapping of settings to values.
    key : str, optional
        The setting; by default the trend's what-if, else the historical benchmark's, else that of actual spending.
    line : str
        A settlement line, or "benchmark_pmpm".
    target : float
        Outcome looked for. [as the line]
    low, high : float, optional
        Range to search; by default ten points to either side of the setting, or a tenth of a setting above 1.

    Returns
    -------
    BreakEven

    Raises
    ------
    InputError
        A setting that is not there or is no number, and no range to search.
    """
    scenario = run.scenario
    if key is None:
        parts = {"trend.adjustment": scenario.trend, "historical.adjustment": scenario.historical}
        built = [name for name, part in parts.items() if part is not None]
        key = built[0] if built else f"years.{scenario.headline()}.actual_adjustment"
    flat = settings(scenario)
    if key not in flat:
        raise InputError(f"{scenario.path}: '{key}' is no setting of the scenario.{nearest(key, flat)}")
    stated = flat[key]
    base = float(stated) if isinstance(stated, int | float) and not isinstance(stated, bool) else None
    if base is None and (low is None or high is None):
        raise InputError(f"{scenario.path}: '{key}' has no value; low and high of a range are wanted.")
    ends = (0.0, 0.0) if base is None else _around(key, base)
    low, high = ends[0] if low is None else low, ends[1] if high is None else high
    return break_even(evaluate, key, low, high, target=target, base=base, outcome=_title(run, line))


def _around(key: str, base: float) -> tuple[float, float]:
    """Range about a setting: ten points, or a tenth of what is no share; shares stay shares."""
    if abs(base) > 1:
        return base - abs(base) / 10, base + abs(base) / 10
    if key.endswith("adjustment") or base < 0:
        return base - 0.1, base + 0.1
    return max(0.0, base - 0.1), min(1.0, base + 0.1)


def _title(run: Run, line: str) -> str:
    """A line and the year in words."""
    named = {"benchmark_pmpm": "Benchmark PMPM"} | {name: words[0] for name, words in LINES.items()}
    return f"{named.get(line, line)}, {run.scenario.years[run.scenario.headline()].label}"
