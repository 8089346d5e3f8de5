"""Figures of a run as plain numbers and text, as its results file has them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from acomodel.workbench.adjustments import applied_ratio, measured_ratio
from acomodel.workbench.budget import Budget
from acomodel.workbench.quality import quality_of
from acomodel.workbench.years import months_of

if TYPE_CHECKING:
    from acomodel.workbench.model import Run


def results_of(run: Run) -> dict[str, Any]:
    """Figures as plain numbers and text, ready for JSON; the same scenario gives the same figures."""
    lines = run.lines()
    settlements = [
        {"label": year.label, "performance_year": year.performance_year, "terms": terms.name}
        | {name: _jsonable(lines[name].iloc[i]) for name in lines}
        for i, (year, terms) in enumerate(zip(run.scenario.years, run.terms, strict=True))
    ]
    figures: dict[str, Any] = {}
    if run.budget is not None:
        budget = run.budget
        figures["baseline"] = {
            "year": budget.base_year,
            "allowed_pmpm": float(budget.report.loc[budget.base_year, "allowed_pmpm"].sum()),
            "report": _records(budget.report),
            "trends": [] if budget.history is None else _records(budget.history),
        }
        figures["risk"] = _risk(run, budget)
        figures["large_claims"] = {"removed": budget.removed}
        figures["projection"] = _records(budget.projection)
        figures["benchmark"] = {
            "year": run.scenario.benchmark.year if run.scenario.benchmark else None,
            "pmpm": budget.benchmark.pmpm,
            "total": budget.benchmark.total,
            "member_months": budget.benchmark.member_months,
            "rounding": budget.benchmark.rounding,
            "steps": _records(budget.benchmark.steps),
            "unrounded_pmpm": budget.unrounded.pmpm,
            "notes": list(budget.notes),
        }
    elif run.record is not None:
        months = months_of(run.scenario, run.tables, run.scenario.headline())
        figures["benchmark"] = {
            "year": run.scenario.historical.year if run.scenario.historical else None,
            "pmpm": run.record.pmpm,
            "per_capita": run.record.per_capita,
            "historical_per_capita": float(run.record.historical.per_capita),
            "total": run.record.pmpm * months if months else None,
            "member_months": months,
            "update": run.record.method,
            "steps": _records(run.record.summary),
            "stages": run.record.figures(),
        }
    else:
        head = run.scenario.headline()
        months = run.scenario.years[head].member_months
        total = float(lines["benchmark"].iloc[head])
        figures["benchmark"] = {
            "year": run.scenario.years[head].performance_year,
            "pmpm": total / months if months else None,
            "total": total,
            "steps": [],
        }
    figures["settlement"] = settlements[run.scenario.headline()]
    figures["settlements"] = settlements
    figures["outcomes"] = _records(run.outcomes())
    figures["outlook"] = None if run.outlook is None else _plain(run.outlook.figures())
    figures["negotiation"] = None if run.negotiation is None else _plain(run.negotiation.figures())
    figures["quality"] = _quality(run)
    figures["distribution"] = _distribution(run)
    return {
        "scenario": {"name": run.scenario.name, "title": run.scenario.title},
        "results": figures,
        "assumptions": [
            {
                "name": a.name,
                "value": a.value,
                "unit": a.unit,
                "basis": a.basis,
                "source": a.source,
                "note": a.note,
            }
            for a in run.assumptions
        ],
        "manifest": run.manifest(),
    }


def _risk(run: Run, budget: Budget) -> dict[str, Any] | None:
    """Risk of both periods, and what of its change counts."""
    if run.scenario.risk is None:
        return None
    printed = budget.benchmark.rounding == "printed"
    found = {} if budget.risk is None else dataclasses.asdict(budget.risk)
    return found | {
        "measured_ratio": measured_ratio(run.scenario, budget.risk, printed=printed),
        "applied_ratio": applied_ratio(run.scenario, budget.risk, printed=printed),
    }


def _quality(run: Run) -> dict[str, Any] | None:
    """Quality score of the leading year, where it is worked out."""
    found = quality_of(run.scenario, run.tables)
    return None if found is None else {"scheme": found.scheme, "score": found.score, "standard": found.standard}


def _distribution(run: Run) -> list[dict[str, Any]] | None:
    """From the payment to the pools, year by year, where the scenario divides it."""
    from acomodel.workbench.distribution import distribution_of

    found = distribution_of(run)
    if found is None:
        return None
    return [{"year": year} | _plain(one.walk().to_dict()) for year, one in found.yearly.years.items()]


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): _jsonable(v) for k, v in row.items()} for row in frame.reset_index().to_dict("records")]


def _plain(value: Any) -> Any:
    """Figures of tables and mappings as plain numbers and text."""
    if isinstance(value, pd.DataFrame):
        return _records(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    return _jsonable(value)


def _jsonable(value: Any) -> Any:
    """Plain number, text or null: not-a-number and infinity have no place in JSON."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
