"""The explorer: a scenario whose settings are moved while its figures are looked at."""

from acomodel.workbench.explorer.state import Explorer

__all__ = ["Explorer"]
