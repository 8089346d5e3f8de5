"""The tables of a report, each made from a run; notebooks and pages show these and compute nothing."""

from acomodel.workbench.exhibits import (
    budget,
    chance,
    claims,
    contract,
    disclosures,
    distribution,
    forecast,
    large_claims,
    monitoring,
    negotiation,
    physicians,
    quality,
    record,
    risk,
    runoff,
    sensitivity,
)

__all__ = [
    "budget",
    "chance",
    "claims",
    "contract",
    "disclosures",
    "distribution",
    "forecast",
    "large_claims",
    "monitoring",
    "negotiation",
    "physicians",
    "quality",
    "record",
    "risk",
    "runoff",
    "sensitivity",
]
