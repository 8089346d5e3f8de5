"""What an explorer shows besides its controls: figures, kept states, pictures, as HTML with all data escaped."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from acomodel.contract.programs import ProgramTerms
from acomodel.exhibit import show
from acomodel.workbench import plots
from acomodel.workbench.explorer.figures import FIGURES, State, difference, differing
from acomodel.workbench.model import Run
from acomodel.workbench.plots.drawing import STYLE as DRAWN

STYLE = """
.aco-explorer { container-type: inline-size; color: #1b2430; background: #ffffff;
  font: 13px/1.35 system-ui, "Segoe UI", Arial, sans-serif; }
.aco-explorer .jupyter-widgets { color: #1b2430; font-size: 13px; overflow: hidden; }
.aco-explorer .widget-html-content { line-height: 1.35; font-size: 13px; }
.aco-explorer h2.aco { font: 600 20px/1.25 Georgia, serif; margin: 0; color: #1b2430; padding: 0; border: 0; }
.aco-explorer h3.aco { font: 600 12px/1 system-ui, "Segoe UI", Arial, sans-serif; letter-spacing: .04em;
  margin: 10px 0 4px; padding: 0 0 4px; text-transform: uppercase; color: #5b6675; border-bottom: 1px solid #d5dae1; }
.aco-explorer p.aco { margin: 0; color: #5b6675; font-size: 12px; }
.aco-explorer p.fault { margin: 0 0 4px; color: #a83232; font-size: 12px; white-space: normal; }
.aco-explorer .aco-label { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.aco-explorer .aco-label.moved { color: #1f5a94; }
.aco-explorer .aco-label.moved::before { content: '• '; }
.aco-explorer .aco-field input { text-align: right; font-variant-numeric: tabular-nums; border: 1px solid #d5dae1;
  border-radius: 2px; background: #f3f6f9; color: #1f5a94; padding: 2px 5px; height: 25px; }
.aco-explorer .aco-field input:disabled { color: #5b6675; opacity: 1; }
.aco-explorer .aco-off label { font-size: 12px; color: #5b6675; }
.aco-explorer .widget-slider .noUi-connect { background: #1f5a94; }
.aco-explorer .widget-slider .slider-container { margin-left: 6px; margin-right: 10px; }
.aco-explorer .jupyter-button { font-size: 12px; height: 26px; line-height: 26px; color: #1b2430; background: #f3f6f9;
  border: 1px solid #d5dae1; box-shadow: none; border-radius: 2px; }
.aco-explorer .jupyter-button.mod-active, .aco-explorer .jupyter-button.mod-primary { background: #1f5a94;
  color: #ffffff; border-color: #1f5a94; }
.aco-explorer .jupyter-button:disabled { color: #5b6675; opacity: .6; }
.aco-explorer table.aco { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; margin: 0; }
.aco-explorer table.aco caption { text-align: left; font-weight: 700; padding: 0 0 4px; color: #1b2430; }
.aco-explorer table.aco th, .aco-explorer table.aco td { padding: 3px 8px; border: 0; text-align: right;
  border-bottom: 1px solid #d5dae1; white-space: nowrap; background: none; vertical-align: top; font-weight: 400; }
.aco-explorer table.aco th:first-child { text-align: left; padding-left: 0; }
.aco-explorer table.aco thead th { font-weight: 600; border-bottom: 1.5px solid #1b2430; color: #1b2430; }
.aco-explorer table.aco td.now { color: #1b2430; }
.aco-explorer table.aco td.was, .aco-explorer table.aco td.same, .aco-explorer table.aco small { color: #5b6675; }
.aco-explorer table.aco small { display: block; font-size: 11px; }
.aco-explorer table.aco td.text { text-align: left; white-space: normal; }
.aco-explorer table.aco .moved { color: #1f5a94; }
.aco-explorer table.aco tr.total th, .aco-explorer table.aco tr.total td { font-weight: 700; font-size: 15px;
  border-top: 1.5px solid #1b2430; border-bottom: 1.5px solid #1b2430; }
.aco-explorer table.aco tr.total td.was { font-weight: 400; font-size: 13px; vertical-align: bottom; }
.aco-explorer .jupyter-widget-Collapse-header { background: #f3f6f9; color: #1b2430; border: 1px solid #d5dae1;
  padding: 6px 10px; font-weight: 600; }
.aco-explorer .jupyter-widget-Collapse-contents { border: 1px solid #d5dae1; border-top: 0; padding: 10px; }
.aco-explorer table.figures th:first-child { white-space: normal; }
.aco-explorer .aco-controls { width: 40%; flex: 0 0 auto; max-width: 480px; min-width: 430px; padding-right: 24px; }
@container (max-width: 960px) { .aco-explorer table.figures .was { display: none; }
  .aco-explorer .aco-controls { padding-right: 16px; } }
.aco-explorer .aco-picture svg { width: 100%; height: auto; display: block; }
.aco-explorer .aco-picture figure { margin: 0; }
.aco-explorer .aco-picture figcaption { font-size: 12px; color: #5b6675; }
.aco-explorer figure.exhibit { margin: 0; }
.aco-explorer figure.exhibit table { margin: 0; font-size: 13px; width: 100%; border-collapse: collapse; }
.aco-explorer figure.exhibit caption, .aco-explorer figure.exhibit caption span { color: #1b2430; padding: 0 0 4px; }
.aco-explorer figure.exhibit th, .aco-explorer figure.exhibit td { border: 0; border-bottom: 1px solid #d5dae1;
  background: none; padding: 3px 6px; text-align: right; font-weight: 400; vertical-align: top; }
.aco-explorer figure.exhibit th:first-child { padding-left: 0; }
.aco-explorer figure.exhibit thead th { font-weight: 600; border-bottom: 1.5px solid #1b2430; }
.aco-explorer figure.exhibit tr.total th, .aco-explorer figure.exhibit tr.total td { font-weight: 700;
  border-top: 1.5px solid #1b2430; }
.aco-explorer p.note { color: #5b6675; font-size: 12px; margin: 4px 0 0; }
"""

PICTURES: dict[str, tuple[Callable[..., Any], str]] = {
    "Payment": (
        plots.contract.settlement_steps,
        "From savings or losses to the payment: what each clause takes",
    ),
    "By outcome": (
        plots.contract.payment_by_outcome,
        "Payment to the ACO by savings rate, with the threshold and this state's outcome",
    ),
    "Chance": (
        plots.chance.savings_density,
        "Savings rates by luck alone (shaded by what the contract pays) and with true savings (dashed)",
    ),
    "Benchmark": (plots.contract.benchmark_steps, "From the baseline to the benchmark, step by step"),
}
"""Pictures that follow the state: name, drawing, words that stand for it."""

SIZE = (7.6, 3.0)
"""Width and height of a picture. [inches]"""


def style() -> str:
    """Style of the explorer's parts."""
    return f"<style>{STYLE}</style>"


def title(result: Run) -> str:
    """Title of the scenario, and the contract that is settled."""
    scenario = result.scenario
    agreed = result.terms[scenario.headline()].name
    return f"<h2 class='aco'>{escape(scenario.title)}</h2><p class='aco'>{escape(agreed)}</p>"


def fault(words: str) -> str:
    """A fault in one line."""
    return f"<p class='fault' role='alert'>{escape(words)}</p>" if words else ""


def remark(words: str) -> str:
    """A remark in one line."""
    return f"<p class='aco'>{escape(words)}</p>" if words else ""


def figures_table(now: State, loaded: State) -> str:
    """Figures of the state beside those of the scenario as it was loaded."""
    rows = []
    saved = now.run.scenario.outlook.true_savings
    real = saved or loaded.run.scenario.outlook.true_savings
    for name, (words, form) in FIGURES.items():
        value, was = now.figures[name], loaded.figures[name]
        if (value is None and was is None) or (name.endswith("_true") and not real):
            continue
        change = difference(name, was, value)
        total = " class='total'" if name == "payment" else ""
        label = words.replace("true savings", f"true savings of {show(saved, '%')}") if "_true" in name else words
        rows.append(
            f"<tr{total}><th scope='row'>{escape(label)}</th>"
            f"<td class='now' data-figure='{name}'>{show(value, form)}</td><td class='was'>{show(was, form)}</td>"
            f"<td class='{'moved' if change else 'same'}'>{change or '–'}</td></tr>"
        )
    label = now.run.scenario.years[now.run.scenario.headline()].label
    head = "<th scope='col'>Now</th><th scope='col' class='was'>As loaded</th><th scope='col'>Change</th>"
    return (
        f"<table class='aco figures'><thead><tr><th scope='col'>Figures of {escape(label)}</th>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def states_table(states: Mapping[str, State]) -> str:
    """Figures of several states side by side; under each the difference from the first."""
    first, rows = next(iter(states.values())), []
    for name, (words, form) in FIGURES.items():
        if all(state.figures[name] is None for state in states.values()):
            continue
        cells = []
        for state in states.values():
            change = difference(name, first.figures[name], state.figures[name])
            below = f"<small class='moved'>{change}</small>" if change else ""
            cells.append(f"<td class='now'>{show(state.figures[name], form)}{below}</td>")
        total = " class='total'" if name == "payment" else ""
        rows.append(f"<tr{total}><th scope='row'>{escape(words)}</th>{''.join(cells)}</tr>")
    head = "".join(f"<th scope='col'>{escape(name)}</th>" for name in states)
    return (
        f"<table class='aco'><caption>Figures, and their differences from the first</caption>"
        f"<thead><tr><th scope='col'>Figure</th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def settings_table(states: Mapping[str, State]) -> str:
    """Settings in which several states differ."""
    table = differing(states)
    return remark("These states have the same settings.") if table.empty else _table("Settings that differ", table)


def _table(caption: str, table: pd.DataFrame) -> str:
    """Table of text in the explorer's style."""
    head = "".join(f"<th scope='col'>{escape(str(name))}</th>" for name in table)
    rows = "".join(
        f"<tr><th scope='row'>{escape(str(key))}</th>{''.join(f'<td>{escape(str(value))}</td>' for value in row)}</tr>"
        for key, row in zip(table.index, table.itertuples(index=False), strict=True)
    )
    return (
        f"<table class='aco'><caption>{escape(caption)}</caption>"
        f"<thead><tr><th scope='col'>{escape(str(table.index.name))}</th>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def changes_table(changes: Mapping[str, tuple[str, str]]) -> str:
    """Settings changed since the scenario was loaded."""
    if not changes:
        return remark("Nothing has been changed since the scenario was loaded.")
    table = pd.DataFrame.from_dict(changes, orient="index", columns=["As loaded", "Now"]).rename_axis("Setting")
    return _table("What has been changed", table)


Places = dict[tuple[str, str, int], Any]
"""Where the axes of a picture lie, by picture, words of its axis and number of its ticks."""


def picture(name: str, result: Run, places: Places) -> str:
    """
    One of the pictures, or a remark where there is nothing to draw.

    Parameters
    ----------
    name : str
        Which of `PICTURES`.
    result : Run
        What it shows.
    places : dict
        Places found before; to find them costs as much as to draw, and a moved slider seldom changes them.
    """
    draw, words = PICTURES[name]
    with matplotlib.rc_context(DRAWN):
        figure = Figure(figsize=SIZE)
        axes = draw(result, ax=figure.add_subplot())
        if not axes.axison:
            return remark("There is nothing to draw here for this scenario.")
        key = (name, axes.get_ylabel(), len(axes.get_xticks()))
        if key not in places:
            figure.set_layout_engine("constrained")
            figure.draw_without_rendering()
            figure.set_layout_engine("none")
            places[key] = axes.get_position()
        axes.set_position(places[key])
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    return plots.Picture(svg[svg.index("<svg") :], words)._repr_html_()


def pictures_of(result: Run) -> list[str]:
    """Names of the pictures that a scenario has."""
    wanted = {"Chance": result.outlook is not None, "Benchmark": result.made is not None}
    return [name for name in PICTURES if wanted.get(name, True)]


def programme_note(result: Run) -> str:
    """What a programme's rules set, in place of the clauses that cannot be moved."""
    if not isinstance(result.scenario.terms, ProgramTerms):
        return ""
    terms = result.terms[result.scenario.headline()]
    said = [f"sharing rate {show(terms.sharing_rate, '%')}", f"cap {show(terms.savings_cap_benchmark, '%')}"]
    said += ["two-sided" if terms.two_sided else "one-sided"]
    threshold = "by size" if terms.msr == "size" else show(float(terms.msr), "%.")
    return remark(f"Set by the programme: threshold {threshold}, {', '.join(said)}.")
