"""The assumptions behind a run, gathered from its settings, its rules and what its budget worked out."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from acomodel.budget.mssp.record import Record
from acomodel.contract.programs import ProgramTerms, rules_used
from acomodel.exhibit import Assumption, Basis
from acomodel.privacy import FEW, SMALL_CELL
from acomodel.workbench.budget import Budget
from acomodel.workbench.quality import assumptions as quality_assumptions
from acomodel.workbench.scenario import Scenario, settings
from acomodel.workbench.tables import Tables

_NOT_ASSUMED = (
    "name",
    "title",
    "report.",
    "sensitivity.",
    "outcomes.",
    "claims.tables",
    "claims.engine",
    "claims.compare",
    "historical.override.",
    "monitoring.",
    "physicians.",
)
_ZERO_IS_UNUSED = (
    "adjustment",
    "balance",
    "carried_losses",
    "benchmark_addition",
    "withheld_released",
    "weights.own",
    "weights.national",
    "weights.regional",
    "weights.stated",
)


def assumptions_of(
    scenario: Scenario, tables: Tables, budget: Budget | None, record: Record | None = None
) -> tuple[Assumption, ...]:
    """
    Every number and choice that a scenario's figures rest on.

    Parameters
    ----------
    scenario : Scenario
        Its settings, with their sources in `basis`.
    tables : Tables
        The tables it reads.
    budget : Budget or None
        What the budget derived from the tables.
    record : Record or None
        The historical benchmark, with the rules it used and the lines stated in it.

    Returns
    -------
    tuple of Assumption
        Settings in force (what-ifs only where they are used), derived factors, and programme rules.
    """
    found = []
    for key, value in settings(scenario).items():
        unset = value is None or value is False or value in ("", (), []) or key.endswith(".label")
        unused = (key.endswith(_ZERO_IS_UNUSED) and value == 0) or _goes_without_saying(scenario, key, value)
        if not (unset or unused or not _in_force(scenario, tables, key) or key.startswith(_NOT_ASSUMED)):
            found.append(_of_setting(scenario, tables, key, value))
    if tables.claims is not None and (row := tables.claims.in_progress) is not None:
        source = "forecast from the claims so far: level, trend, seasons and drift of the months before"
        for name, words, unit in (("member_months", "Exposure", "member months"), ("allowed", "Spending", "$")):
            text = f"{row.name}: {words.lower()} of the whole year"
            found.append(Assumption(text, round(float(row[name]), 2), unit, "judgment", source))
    found += quality_assumptions(scenario, tables)
    if budget is not None:
        found += _derived(budget)
    if record is not None:
        for item in record.assumptions:
            key = item.note.removeprefix("setting ") if item.source == "not stated" else ""
            found.append(dataclasses.replace(item, source=_source(scenario, key) or item.source))
    if isinstance(scenario.terms, ProgramTerms):
        for year in sorted({year.performance_year for year in scenario.years}):
            for rule in rules_used(scenario.terms, year):
                found.append(dataclasses.replace(rule, name=f"{year} {rule.name.replace('_', ' ')}"))
    return tuple(found)


def _in_force(scenario: Scenario, tables: Tables, key: str) -> bool:
    """Whether a setting of the trend, the risk or large claims is used by the method that was chosen."""
    trend = scenario.trend
    if key.startswith("trend.") and trend is not None:
        weights = trend.weights
        used = {trend.method}
        if trend.method == "blend" and weights is not None:
            used |= {name for name in ("own", "national", "regional", "stated") if getattr(weights, name) > 0}
        part = key.split(".")[1]
        asked = {"table": "stated", "weights": "blend", "rule": "own"}.get(part, part)
        if part in ("table", "own", "national", "regional", "weights"):
            return asked in used
        return part != "rule" or ("own" in used and trend.own == "regression" and tables.monthly is not None)
    risk = scenario.risk
    if risk is not None and key in ("risk.method", "risk.factors", "risk.model"):
        measured = risk.ratio is None and risk.table is None and tables.claims is not None
        chosen = {"risk.method": True, "risk.factors": risk.method == "age_sex", "risk.model": risk.method == "hcc"}
        return measured and chosen[key]
    stated = risk is not None and risk.ratio is not None
    return not (stated and key in ("risk.table", "risk.base", "risk.current"))


def _goes_without_saying(scenario: Scenario, key: str, value: Any) -> bool:
    """Whether a setting need not be listed: an unused clause of the terms, a year that is its label."""
    steps = key.split(".")
    if steps[-1] == "quality_standard" and scenario.quality is not None and int(steps[1]) == scenario.headline():
        return True
    if steps[-1] == "quality_standard" and not scenario.of_programme:
        return value == "met"
    if steps[0] == "quality":
        return _of_another_scheme(scenario, steps)
    if steps[-1] == "performance_year":
        return str(value) == scenario.years[int(steps[1])].label
    if steps[0] == "negotiation" and steps[-1] == "name":
        return True
    said = ("terms.share_from", "terms.msr", "terms.loss_method", "outlook.years", "outlook.draws", "outlook.seed")
    return steps[0] in ("terms", "outlook", "negotiation") and key not in said and _field(scenario, steps)[1]


def _of_another_scheme(scenario: Scenario, steps: list[str]) -> bool:
    """Whether a quality setting says nothing: points of another scheme, or one that every score has."""
    if scenario.quality is None:
        return True
    if scenario.quality.scheme == "toolkit" and steps[1] in ("first_agreement", "complete"):
        return True
    return steps[1] == "points" and (scenario.quality.scheme != "toolkit" or steps[-1] == "improvement")


def _field(scenario: Scenario, steps: list[str]) -> tuple[str, bool]:
    """Description of a setting, and whether it stands at its default."""
    node: Any = scenario
    for step in steps[:-1]:
        node = node[int(step)] if step.isdigit() else getattr(node, step)
    if isinstance(node, dict):
        return f"{steps[-2]}: {steps[-1]}".replace("_", " "), False
    field = type(node).__pydantic_fields__[steps[-1]]
    return field.description or steps[-1], field.get_default(call_default_factory=True) == getattr(node, steps[-1])


def _source(scenario: Scenario, key: str) -> str:
    """Source of a setting in `basis`, under its own key or the nearest one above it; empty where there is none."""
    steps = key.split(".")
    above = (".".join(steps[:n]) for n in range(len(steps), 0, -1))
    return next((scenario.basis[prefix] for prefix in above if prefix in scenario.basis), "")


def _of_setting(scenario: Scenario, tables: Tables, key: str, value: Any) -> Assumption:
    """One setting as an assumption: its words and unit from the settings class, its source from `basis`."""
    steps = key.split(".")
    description, is_default = _field(scenario, steps)
    words, _, unit = description.removesuffix("]").partition(" [")
    words = re.split("[:;]", words)[0]
    if steps[0] == "years":
        words = f"{scenario.years[int(steps[1])].label}: {words}"
    if steps[0] == "distribution" and len(steps) > 3 and scenario.distribution is not None:
        words = f"{scenario.distribution.pools[int(steps[2])].name}: {words}"
    if steps[0] == "negotiation" and len(steps) > 3:
        words = f"{getattr(scenario.negotiation, steps[1])[int(steps[2])].name}: {words}"
    if isinstance(value, dict):
        value = ", ".join(f"{name} {part}" for name, part in value.items())
    source = _source(scenario, key)
    if not source:
        source = "default of the package" if is_default else "not stated"
    note = f"setting {key}"
    if unit == "file":
        table = next(name for name, file in tables.files.items() if file == value)
        print_of = tables.fingerprint(table)
        rows = rows_in_words(scenario, table, int(str(print_of["rows"])))
        value, unit, note = f"{rows} rows", "table", f"{note}; sha256 {str(print_of['sha256'])[:16]}"
    if isinstance(value, bool):
        value = "yes"
    if isinstance(value, tuple | list):
        value = ", ".join(f"{100 * v:.10g}%" if unit.startswith("share") else str(v) for v in value)
    shown = float(value) if isinstance(value, int | float) else str(value)
    return Assumption(f"{words[0].upper()}{words[1:]}", shown, unit, _kind(steps, unit), source, note)


def rows_in_words(scenario: Scenario, table: str, rows: int) -> str:
    """Rows of a table; of a list of claimants, a member each, 1 to 10 are not counted out."""
    return FEW if _few(scenario, table, rows) else f"{rows:,}"


def fingerprint_shown(scenario: Scenario, found: Mapping[str, Any]) -> dict[str, Any]:
    """Fingerprint of a table as it may be printed: of 1 to 10 claimants neither their number nor their sum."""
    if not _few(scenario, str(found["table"]), int(found["rows"])):
        return dict(found)
    return {**found, "rows": FEW, "sums": {}}


def _few(scenario: Scenario, table: str, rows: int) -> bool:
    return table == "large_claims" and 0 < rows <= SMALL_CELL and not scenario.report.show_small_cells


_AGREED = (
    ["large_claims", "threshold"],
    ["large_claims", "percentile"],
    ["risk", "cap"],
    ["risk", "floor"],
    ["benchmark", "rounding"],
)
"""Settings outside the terms that a contract agrees on."""


def _kind(steps: list[str], unit: str) -> Basis:
    """Kind of basis: contract for terms, data for tables and figures of a period, else judgment."""
    if steps[0] == "claims" and steps[1] in ("aco_id", "attribution", "membership", "scope"):
        return "contract"
    if steps[0] == "terms" or steps in _AGREED or (steps[0] in ("distribution", "quality") and unit != "table"):
        return "contract"
    if steps[0] == "historical" and (unit in ("year", "number") or steps[1] in ("weights", "update")):
        return "rule"
    judged = ("member_months", "benchmark_adjustment", "actual_adjustment")
    if unit == "table" or (steps[0] == "years" and steps[-1] not in judged):
        return "data"
    return "judgment"


def _derived(budget: Budget) -> list[Assumption]:
    """Factors that the budget worked out from its tables."""
    found = []
    if budget.risk is not None:
        risk = budget.risk
        for words, period, value in (
            ("base", risk.base_period, risk.base),
            ("current", risk.current_period, risk.current),
        ):
            text = f"Average risk of the {words} population ({period})"
            found.append(Assumption(text, value, "factor", "data", f"worked out: {risk.measure}"))
    if budget.removed is not None:
        text = "Excess of large claims taken out of the baseline"
        found.append(Assumption(text, budget.removed, "$", "data", "worked out from the claimants above the threshold"))
    for name, row in budget.benchmark.steps.iterrows():
        if str(name).startswith("Trend to"):
            text = f"{name}, all service categories"
            found.append(Assumption(text, float(row["factor"]), "factor", "data", "worked out from the projection"))
    found += [Assumption("Decision on the way", note, "", "judgment", "acomodel") for note in budget.notes]
    return found
