"""What a report says about itself: its assumptions with sources, the data relied on, and its disclosures."""

from __future__ import annotations

import pandas as pd

from acomodel.exhibit import Assumption, Exhibit, Note, show
from acomodel.workbench.model import Run


def assumptions(run: Run) -> Exhibit:
    """Every assumption with its source."""
    rows = [(a.name, _with_unit(a), a.basis, a.source, a.note.removeprefix("setting ")) for a in run.assumptions]
    table = pd.DataFrame(rows, columns=["Assumption", "Value", "Basis", "Source", "Setting or note"])
    return Exhibit("Assumptions and their sources", table.set_index("Assumption"))


def _with_unit(item: Assumption) -> str:
    """
    Value and unit as one would say them.

    >>> _with_unit(Assumption("", 0.6, "share of savings", "contract", ""))
    '60% of savings'
    >>> _with_unit(Assumption("", 545.0, "$ PMPM", "data", "")), _with_unit(Assumption("", 2025.0, "year", "data", ""))
    ('$545 PMPM', '2025')
    """
    if isinstance(item.value, str):
        return item.value.replace("_", " ")
    if item.unit.startswith("share"):
        return f"{100 * item.value:.6g}%{item.unit.removeprefix('share')}"
    if item.unit.endswith("year") or item.unit in ("factor", "method", ""):
        return f"{item.value:.0f}" if item.unit.endswith("year") else f"{item.value:,.6g}"
    unit = item.unit.removeprefix("$").strip()
    return f"{'$' * item.unit.startswith('$')}{show(item.value)} {unit}".strip()


def data_relied_on(run: Run) -> Exhibit | Note:
    """Tables read: rows, sums and fingerprint."""
    prints = run.manifest()["data"]
    if not prints:
        return Note("No table was read; the figures are stated in the scenario.")
    rows = [
        (
            p["table"],
            p["rows"],
            ", ".join(f"{k} {v:,.0f}" for k, v in p["sums"].items()),
            p["sha256"][:16],
        )
        for p in prints
    ]
    table = pd.DataFrame(rows, columns=["Table", "Rows", "Sums", "SHA-256, first 16"]).set_index("Table")
    return Exhibit("Data relied on", table, {"Rows": "#"})


def disclosures(run: Run) -> Exhibit:
    """What an actuarial report says about itself (ASOP No. 41, sections 3 and 4)."""
    report, packages = run.scenario.report, run.manifest()["packages"]
    versions = f"acomodel {run.manifest()['acomodel']}, " + ", ".join(f"{n} {v}" for n, v in packages.items())
    stated = "not stated in the scenario"
    rows = {
        "Purpose": report.purpose or stated,
        "Prepared for": report.client or stated,
        "Intended users": report.intended_users or stated,
        "Responsible actuary": report.actuary or stated,
        "Date of the report": report.date or stated,
        "Information through": report.information_date or stated,
        "Reliance on data": (
            "The tables listed above were used as given. They were checked for form, range, repetition and gaps, not "
            "audited (ASOP No. 23)."
            if run.tables.given()
            else "No table was read; benchmark and spending are used as stated in the scenario (ASOP No. 23)."
        ),
        "Methods": (
            "Projection of unit cost and utilization by service category; adjustment for risk and large claims; "
            if run.budget is not None
            else "Historical benchmark from three base years by enrollment type, brought to the risk of the "
            "performance year, updated and adjusted; "
            if run.record is not None
            else ""
        )
        + "settlement by the terms listed. Formulas and their sources stand in the package's docstrings.",
        "Uncertainty": "Payments move with every assumption; see the sensitivities. "
        + (
            "Random variation of claims is not quantified, for the number of members is not known."
            if run.outlook is None
            else f"Random variation of claims is worked out from {run.outlook.source}; the other causes are as large "
            "as the assumptions say, and nothing but these is in the simulated years."
        ),
        "Limits on use": " ".join(
            part
            for part in (
                report.limits,
                "A change of terms, data or assumptions changes the result; the figures hold for the scenario named "
                "here and no other.",
            )
            if part
        ),
        "Software": versions,
    }
    return Exhibit("Disclosures", pd.DataFrame({"Statement": rows}).rename_axis("Item"))
