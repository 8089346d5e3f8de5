"""Charts: functions of a run and an axis that give the axis back."""

from acomodel.workbench.plots import (
    chance,
    claims,
    comparison,
    contract,
    forecast,
    negotiation,
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
    "forecast",
    "negotiation",
    "picture",
    "risk",
    "sensitivity",
]
