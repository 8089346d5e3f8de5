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
    "member_years": "acomodel.claims.members",
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
    "age_sex_set": "acomodel.budget.factor_sets",
    "age_sex_cells": "acomodel.budget.demographics",
    "estimate_factors": "acomodel.budget.demographics",
    "hcc_scores": "acomodel.budget.hcc.scores",
    "payment_scores": "acomodel.budget.hcc.payment",
    "risk_scores": "acomodel.budget.markers",
    "fit_weights": "acomodel.budget.markers",
    "program_risk_ratio": "acomodel.budget.risk_ratio",
    "adjusted_capitation": "acomodel.budget.capitation",
    "high_risk_list": "acomodel.budget.prediction",
    "predictive_check": "acomodel.budget.prediction",
    "truncate": "acomodel.budget.truncation",
    "threshold_at": "acomodel.budget.truncation",
    "shock_claim_adjustment": "acomodel.budget.truncation",
    "threshold_tradeoff": "acomodel.budget.reinsurance",
    "pooling_charge": "acomodel.budget.reinsurance",
    "reinsurance_pmpm": "acomodel.budget.reinsurance",
    "large_claim_factor": "acomodel.budget.truncation",
    "historical_benchmark": "acomodel.budget.mssp.historical",
    "cohorts": "acomodel.budget.mssp.cohorts",
    "fit_national_trends": "acomodel.budget.mssp.cohorts",
    "national_update": "acomodel.budget.mssp.updates",
    "blended_update": "acomodel.budget.mssp.updates",
    "prospective_update": "acomodel.budget.mssp.prospective",
    "regional_adjustment": "acomodel.budget.mssp.adjustments",
    "rebase": "acomodel.budget.mssp.rebasing",
    "read_counties": "acomodel.budget.mssp.regional",
    "regional_figures": "acomodel.budget.mssp.regional",
    "projected_benchmark": "acomodel.budget.benchmark",
    "target": "acomodel.budget.benchmark",
    "Terms": "acomodel.contract.terms",
    "terms": "acomodel.contract.mssp",
    "settle": "acomodel.contract.settlement",
    "Settlement": "acomodel.contract.settlement",
    "cost_distribution": "acomodel.outlook.costs",
    "chance": "acomodel.outlook.chance",
    "chance_of_savings": "acomodel.outlook.chance",
    "chance_of_loss": "acomodel.outlook.chance",
    "savings_distribution": "acomodel.outlook.savings",
    "threshold_for": "acomodel.outlook.thresholds",
    "Noise": "acomodel.outlook.ratio",
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
