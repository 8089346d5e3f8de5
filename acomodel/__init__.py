"""Actuarial workbench for Accountable Care Organizations: from claims to a settled contract."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "Assumption": "acomodel.exhibit",
    "Exhibit": "acomodel.exhibit",
    "InputError": "acomodel.inputs",
    "pmpm": "acomodel.rates",
    "per_1000": "acomodel.rates",
    "unit_cost": "acomodel.rates",
    "annualize": "acomodel.rates",
    "Span": "acomodel.periods",
    "read_puf": "acomodel.puf",
    "Rules": "acomodel.programs",
    "minimum_savings_rate": "acomodel.programs",
    "ingest": "acomodel.claims.ingest",
    "read_dataset": "acomodel.claims.tables",
    "Dataset": "acomodel.claims.tables",
    "attribute": "acomodel.claims.attribution",
    "AttributionRule": "acomodel.claims.attribution",
    "assign": "acomodel.claims.population",
    "experience": "acomodel.claims.incurred",
    "compare_methods": "acomodel.claims.methods",
    "completion_factors": "acomodel.claims.completion",
    "complete": "acomodel.claims.runoff",
    "drill_down": "acomodel.claims.drilldown",
    "price_use_mix": "acomodel.claims.drilldown",
    "write_book": "acomodel.claims.synthetic",
    "write_feed": "acomodel.claims.synthetic",
    "cost_utilization_report": "acomodel.claims.experience",
    "trend_report": "acomodel.claims.experience",
    "fit_trend": "acomodel.budget.trend",
    "project": "acomodel.budget.projection",
    "age_sex_factor": "acomodel.budget.risk",
    "risk_ratio": "acomodel.budget.risk",
    "truncate": "acomodel.budget.truncation",
    "large_claim_factor": "acomodel.budget.truncation",
    "projected_benchmark": "acomodel.budget.benchmark",
    "target": "acomodel.budget.benchmark",
    "Terms": "acomodel.contract.terms",
    "terms": "acomodel.contract.mssp",
    "settle": "acomodel.contract.settlement",
    "Settlement": "acomodel.contract.settlement",
    "one_way": "acomodel.outlook.sensitivity",
    "two_way": "acomodel.outlook.sensitivity",
    "Scenario": "acomodel.workbench.scenario",
    "load_scenario": "acomodel.workbench.scenario",
    "change": "acomodel.workbench.scenario",
    "Run": "acomodel.workbench.model",
    "run": "acomodel.workbench.model",
    "sweep": "acomodel.workbench.model",
    "compare": "acomodel.workbench.comparison",
    "replay": "acomodel.workbench.replay",
    "render": "acomodel.workbench.report",
    "propose": "acomodel.workbench.report",
}

__all__ = [*sorted(_PUBLIC), "__version__"]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that importing the package costs nothing."""
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'acomodel' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
