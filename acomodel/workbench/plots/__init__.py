"""Charts: functions of a run and an axis that give the axis back."""

from acomodel.workbench.plots import (
    chance,
    claims,
    comparison,
    contract,
    distribution,
    forecast,
    monitoring,
    negotiation,
    physicians,
    quality,
    risk,
    sensitivity,
)
from acomodel.workbench.plots.drawing import Picture, picture

__all__ = [
    "Picture",
    "chance",
    "claims",
    "comparison",
    "contract",
    "distribution",
    "forecast",
    "monitoring",
    "negotiation",
    "physicians",
    "picture",
    "quality",
    "risk",
    "sensitivity",
]
