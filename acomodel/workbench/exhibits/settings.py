"""The settings of a scenario as tables by part, in words, with where each comes from."""

from __future__ import annotations

import dataclasses
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from acomodel.exhibit import Exhibit

if TYPE_CHECKING:
    from acomodel.workbench.scenario import Scenario

PARTS = {
    "claims": "Claims",
    "experience": "Experience",
    "risk": "Risk",
    "large_claims": "Large claims",
    "trend": "Trend",
    "benchmark": "Benchmark",
    "historical": "Historical benchmark",
    "terms": "Terms of the contract",
    "years": "Years settled",
    "outlook": "Outlook",
    "negotiation": "Negotiation",
    "quality": "Quality",
    "physicians": "Physicians against peers",
    "distribution": "Distribution",
    "aco": "The ACO as a venture",
    "sensitivity": "Sensitivity",
    "outcomes": "Outcomes shown",
    "report": "Report",
}
"""Parts of a scenario in the order of the chain, and their headings."""


def in_words(value: Any, unit: str = "") -> str:
    """
    Value of a setting as a person writes it, by the unit of its description.

    >>> in_words(0.02, "share of benchmark"), in_words("size"), in_words(None), in_words(True)
    ('2%', 'by size', 'none', 'yes')
    >>> in_words(150000.0, "$"), in_words(5115.0, "members"), in_words(2014, "year"), in_words(-0.03, "share")
    ('$150,000', '5,115', '2014', '−3%')
    """
    if value is None or value == () or value == []:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(in_words(part, unit) for part in value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return {"True": "yes", "False": "no", "size": "by size"}.get(str(value), str(value))
    sign, size = "−" if value < 0 else "", abs(value)
    if unit.startswith("share") and size != float("inf"):
        return f"{sign}{size * 100:,.10g}%"
    number = f"{size:.10g}" if unit == "year" else f"{size:,.10g}"
    return f"{sign}{'$' if unit.startswith('$') else ''}{number}"


def field_of(scenario: Scenario, key: str) -> tuple[str, str, bool]:
    """Meaning of a setting, its unit, and whether it has its default value; empty for the name of a line."""
    node: Any = scenario
    *above, last = key.split(".")
    for step in above:
        beyond = isinstance(node, list) and int(step) >= len(node)
        node = None if beyond else node[int(step)] if isinstance(node, list) else getattr(node, step, None)
    field = getattr(type(node), "__pydantic_fields__", {}).get(last)
    if field is None:
        return "", "", False
    text, _, unit = (field.description or "").partition(" [")
    default = not field.is_required() and field.get_default(call_default_factory=True) == getattr(node, last)
    return text, unit.rstrip("]"), default


def setting_in_words(scenario: Scenario, key: str, value: Any) -> str:
    """
    Value that a setting of a scenario has or might have, as a person writes it.

    >>> from acomodel import load_scenario
    >>> setting_in_words(load_scenario("scenarios/toolkit-2010.toml"), "terms.sharing_rate", 0.6)
    '60%'
    """
    return in_words(value, field_of(scenario, key)[1])


def by_part(scenario: Scenario) -> dict[str, Exhibit]:
    """
    Settings that a scenario states or that differ from their defaults, one table for each of its parts.

    Parameters
    ----------
    scenario : Scenario
        Settings, from `load_scenario` or `change`.

    Returns
    -------
    dict of str to Exhibit
        Part to a table of setting, value, meaning and source.
    """
    from acomodel.workbench.scenario import settings

    rows: dict[str, list[tuple[str, str, str, str]]] = {}
    for key, value in settings(scenario).items():
        part, _, rest = key.partition(".")
        meaning, unit, default = field_of(scenario, key)
        if part in PARTS and rest and not default:
            rows.setdefault(part, []).append((rest, in_words(_bare(value), unit), meaning, _source(scenario, key)))
    found = {}
    for part, heading in PARTS.items():
        if part in rows:
            table = pd.DataFrame(rows[part], columns=["Setting", "Value", "Meaning", "Source"]).set_index("Setting")
            found[part] = Exhibit(heading, table)
    return found


def _bare(value: Any) -> Any:
    """Value with settings inside it as text."""
    if isinstance(value, list | tuple):
        return [_bare(part) for part in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return ", ".join(f"{f.name} {getattr(value, f.name)}" for f in dataclasses.fields(value))
    return value


def _source(scenario: Scenario, key: str) -> str:
    """Source of a setting in `basis`, under its own key or the nearest one above it."""
    steps = key.split(".")
    above = (".".join(steps[:n]) for n in range(len(steps), 0, -1))
    return next((scenario.basis[prefix] for prefix in above if prefix in scenario.basis), "")


def as_text(scenario: Scenario) -> str:
    """Title and settings by part, as text."""
    head = f"Scenario {scenario.name}: {scenario.title}"
    parts = []
    for part, table in by_part(scenario).items():
        values = table.table["Value"]
        width = max(map(len, values.index))
        parts.append("\n".join([f"[{part}]", *(f"  {key:<{width}}  {value}" for key, value in values.items())]))
    return "\n\n".join([head, *parts])


def as_html(scenario: Scenario) -> str:
    """Title and settings by part, as HTML; parts that describe the report and its tables are folded."""
    said = [
        f"<p><b>{escape(scenario.title)}</b><br><span style='color:#5b6675'>Scenario {escape(scenario.name)}, "
        f"{escape(str(scenario.path))}. Settings at their defaults are left out.</span></p>"
    ]
    for part, table in by_part(scenario).items():
        body = table._repr_html_()
        folded = part in ("sensitivity", "outcomes", "report", "negotiation")
        said.append(f"<details><summary>{PARTS[part]}</summary>{body}</details>" if folded else body)
    return f"<div class='scenario'>{''.join(said)}</div>"
