"""Tables and charts of what a result depends on: one and two assumptions, break-even, shares of variance."""

from __future__ import annotations

import pandas as pd

from acomodel.exhibit import Exhibit, Note, show
from acomodel.outlook.sensitivity.one_way import OneWay
from acomodel.workbench.chain import movable
from acomodel.workbench.exhibits.budget import NO_BUDGET
from acomodel.workbench.exhibits.contract import signed
from acomodel.workbench.model import Run
from acomodel.workbench.ranges import default_ranges


def one_way(run: Run, line: str = "payment") -> Exhibit | Note:
    """One figure at the low and the high of each assumption."""
    if line == "benchmark_pmpm" and run.made is None:
        return Note(NO_BUDGET)
    result = run.one_way(line)
    if line == "benchmark_pmpm":  # what moves spending or the contract does not move the benchmark
        moving = result.table[result.table["swing"] > 0]
        return OneWay(result.outcome, result.base, moving).exhibit("$.")
    return result.exhibit("$")


def two_way(run: Run, line: str = "payment") -> Exhibit:
    """The payment over a grid of two assumptions."""
    frame = run.two_way(line)

    def label(key: str, value: float) -> str:
        if key.endswith("adjustment"):
            return signed(value)
        return show(value, "%" if key.endswith(("rate", "score", "msr", "mlr")) else None)

    down, across = str(frame.index.name), str(frame.columns.name)
    frame.index = pd.Index([label(down, v) for v in frame.index], name=words_for(run, down))
    frame.columns = [label(across, v) for v in frame.columns]
    note = f"Down: {words_for(run, down)}. Across: {words_for(run, across)}."
    return Exhibit("Payment by two assumptions", frame, dict.fromkeys(frame.columns, "$"), note)


def words_for(run: Run, key: str) -> str:
    """A setting's key in words, with the year it belongs to."""
    steps = key.split(".")
    name = {"actual_adjustment": "change of actual spending", "benchmark_adjustment": "change of the benchmark"}
    name |= {"adjustment": f"points added to the annual {steps[0]}" if steps[0] == "trend" else f"change of {steps[0]}"}
    text = name.get(steps[-1], steps[-1].replace("_", " "))
    return f"{text}, {run.scenario.years[int(steps[1])].label}" if steps[0] == "years" else text


def break_evens(run: Run) -> Exhibit:
    """Value of each uncertain assumption at which the payment begins or ends, the others at their base."""
    rows = []
    ranges = run.scenario.sensitivity.one_way or default_ranges(run.scenario)
    known = movable(run.scenario)
    for item in ranges:
        if item.key not in known:
            continue
        found = run.break_even(item.key)
        words, show_it = words_for(run, item.key), _points if item.key.endswith("adjustment") else _percent
        row = [words[0].upper() + words[1:], show_it(found.base)]
        if found.at is None:
            rows.append([*row, "none within ten points", found.at_base, None])
        else:
            rows.append([*row, show_it(found.at), found.near, found.far])
    columns = ["Assumption", "As it is", "Break-even", "Payment just before", "Payment just beyond"]
    table = pd.DataFrame(rows, columns=columns).set_index("Assumption")
    note = "Where the payment begins or ends. A contract pays in steps, so that it may jump there."
    return Exhibit("Break-even, one assumption at a time", table, dict.fromkeys(columns[3:], "$"), note)


def _points(share: float) -> str:
    return f"{share:+.2%}".replace("-", "−").replace("+0.00%", "0.00%").replace("−0.00%", "0.00%")


def _percent(share: float) -> str:
    return show(share, "%.")


def variance(run: Run) -> Exhibit:
    """Shares of the variance of the payment by uncertain assumption, over the ranges of the tables above."""
    return run.sobol().exhibit("$")
