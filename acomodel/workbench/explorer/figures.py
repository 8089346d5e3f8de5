"""The figures that an explorer keeps in sight, and states of a scenario beside each other."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from acomodel.exhibit import Exhibit, show
from acomodel.workbench.exhibits.settings import setting_in_words
from acomodel.workbench.model import Run
from acomodel.workbench.scenario import settings
from acomodel.workbench.years import months_of

FIGURES: dict[str, tuple[str, str]] = {
    "benchmark_pmpm": ("Benchmark, PMPM", "$."),
    "benchmark": ("Benchmark", "$"),
    "actual": ("Spending", "$"),
    "savings": ("Savings (losses)", "$"),
    "savings_rate": ("Savings rate", "%."),
    "msr": ("Savings threshold", "%."),
    "payment": ("Payment to (from) the ACO", "$"),
    "chance_luck": ("Chance to be paid, by luck alone", "%."),
    "chance_true": ("Chance to be paid, with true savings", "%."),
    "owing_luck": ("Chance to owe, by luck alone", "%."),
    "owing_true": ("Chance to owe, with true savings", "%."),
    "expected_luck": ("Expected payment, by luck alone", "$"),
    "expected_true": ("Expected payment, with true savings", "$"),
}
"""Label and format of each figure, in the order they are shown."""

POINTS = ("savings_rate", "msr", "chance_luck", "chance_true", "owing_luck", "owing_true")
"""Figures whose differences are percentage points."""


@dataclass(frozen=True, eq=False)
class State:
    """
    A scenario worked out, with the figures shown of it.

    Parameters
    ----------
    run : Run
        The scenario and its result.
    figures : dict of str to float or None
        Figures by name, as in `FIGURES`; None for what this scenario does not tell.
    """

    run: Run
    figures: dict[str, float | None]


def worked_out(result: Run) -> State:
    """
    Figures of a run, with the chances that luck makes of its contract.

    Parameters
    ----------
    result : Run
        A scenario worked out.

    Returns
    -------
    State
    """
    scenario, at, head = result.scenario, result.scenario.headline(), result.headline()
    months = months_of(scenario, result.tables, at)
    found: dict[str, float | None] = dict.fromkeys(FIGURES)
    if result.made is not None:
        found["benchmark_pmpm"] = float(result.made.pmpm)
    elif months:
        found["benchmark_pmpm"] = float(head["benchmark"]) / months
    for line in ("benchmark", "actual", "savings", "savings_rate", "msr", "payment"):
        found[line] = float(head[line])
    if result.outlook is not None:
        luck = result.outlook.payments()
        saved = result.outlook.true_savings
        real = result.outlook.payments(saved) if saved else luck
        for name, of in (("luck", luck), ("true", real)):
            found[f"chance_{name}"] = of.chance_earned
            found[f"expected_{name}"] = of.expected_payment
            if result.terms[at].two_sided:
                found[f"owing_{name}"] = of.chance_owed
    return State(result, found)


def difference(name: str, before: float | None, after: float | None) -> str:
    """
    Change of a figure in words: dollars with their sign, points for rates and chances.

    >>> difference("payment", 100.0, 250.0), difference("msr", 0.02, 0.03), difference("msr", 0.02, 0.02)
    ('+$150', '+1.00 pts', '')
    """
    if before is None or after is None or math.isclose(before, after, rel_tol=1e-12, abs_tol=1e-12):
        return ""
    moved = after - before
    text = f"{abs(moved) * 100:.2f} pts" if name in POINTS else show(abs(moved), FIGURES[name][1])
    return f"{'+' if moved > 0 else '−'}{text}" if re.search("[1-9]", text) else text


def side_by_side(states: Mapping[str, State]) -> Exhibit:
    """
    Figures of several states, each after the first with its difference from the first.

    Parameters
    ----------
    states : mapping of str to State
        States by name, the one that others are held against first.
    """
    names = list(states)
    rows: dict[str, dict[str, str]] = {}
    for figure, (label, style) in FIGURES.items():
        values = [states[name].figures[figure] for name in names]
        if all(value is None for value in values):
            continue
        row: dict[str, str] = {}
        for name, value in zip(names, values, strict=True):
            row[name] = show(value, style)
            if name != names[0]:
                row[f"{name} − {names[0]}"] = difference(figure, values[0], value) or "–"
        rows[label] = row
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("Figure")
    return Exhibit("States side by side", table)


def differing(states: Mapping[str, State]) -> pd.DataFrame:
    """
    Settings that are not the same in all of several states.

    Returns
    -------
    pandas.DataFrame
        Index the setting; a column for each state with its value.
    """
    flat = {name: settings(state.run.scenario) for name, state in states.items()}
    keys = dict.fromkeys(key for values in flat.values() for key in values)
    told = [key for key in keys if not key.startswith(("name", "title", "report.", "sensitivity.", "outcomes."))]
    columns = list(flat.values())
    kept = [key for key in told if any(values.get(key) != columns[0].get(key) for values in columns[1:])]
    table = {
        name: [setting_in_words(states[name].run.scenario, key, values.get(key)) for key in kept]
        for name, values in flat.items()
    }
    return pd.DataFrame(table, index=pd.Index(kept, name="Setting"))
