"""What a benchmark of record takes from its two tables, each figure checked and each fault named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from acomodel.budget.mssp.historical import BASE_YEARS
from acomodel.budget.mssp.prospective import acpt_growth
from acomodel.budget.mssp.steps import TYPES, by_type
from acomodel.inputs import InputError

if TYPE_CHECKING:
    from acomodel.budget.mssp.record import HistoricalSettings

NEEDED = {
    "none": (),
    "national": ("flat_dollars",),
    "regional": ("regional",),
    "blend": ("national", "regional"),
    "prospective": ("national", "regional"),
}
"""Columns of the table of growth that each update needs."""


def base_years_of(settings: HistoricalSettings, table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Figures of the base years as arrays of years by types."""
    rows = table.set_index(["period", "enrollment_type"])
    for period in BASE_YEARS:
        held = rows.index[rows.index.get_level_values(0) == period].get_level_values(1)
        missing = [t for t in TYPES if t not in held]
        if len(missing) == len(TYPES):
            known = ", ".join(dict.fromkeys(rows.index.get_level_values(0)))
            raise InputError(f"{settings.table}: the period {period} is missing; {known} alone are given")
        if missing:
            raise InputError(f"{settings.table}: {period} has no row for the type '{missing[0]}'; one each is wanted")
    uncounted = rows.index[rows["person_years"].isna() & (rows.index.get_level_values(0) == BASE_YEARS[-1])]
    if len(uncounted):
        raise InputError(
            f"{settings.table}: {uncounted[0][0]}, '{uncounted[0][1]}': person_years is empty; those of "
            f"{BASE_YEARS[-1]} are wanted"
        )
    wanted = rows.reindex(pd.MultiIndex.from_product([BASE_YEARS, TYPES]))
    shape = (len(BASE_YEARS), len(TYPES))
    return {c: wanted[c].to_numpy(float).reshape(shape) for c in ("person_years", "per_capita", "risk_score")}


def given_in(table: pd.DataFrame, name: str) -> bool:
    """Whether a column is there with any figure."""
    return name in table and bool(table[name].notna().any())


def of_growth(settings: HistoricalSettings, table: pd.DataFrame, name: str) -> np.ndarray:
    """A column of the table of growth by type."""
    return by_type(table[name], f"{settings.growth}: column '{name}'")


def update_inputs(settings: HistoricalSettings, table: pd.DataFrame, method: str, acpt_weight: float) -> dict[str, Any]:
    """What the update needs, from the table of growth and the settings."""
    held = [str(c) for c in table if given_in(table, str(c))]
    for name in NEEDED[method]:
        if not given_in(table, name):
            raise InputError(
                f"{settings.growth}: the update '{method}' needs the column '{name}'; found {', '.join(held)}"
            )
    inputs: dict[str, Any] = {name: of_growth(settings, table, name) for name in NEEDED[method]}
    if method in ("blend", "prospective"):
        if settings.national_weight is None:
            raise InputError(
                f"historical.national_weight: missing; the update '{method}' needs the ACO's share of its region"
            )
        inputs["national_weight"] = settings.national_weight
    if method != "prospective":
        return inputs
    since = settings.year - settings.agreement_start + 1
    if settings.acpt and len(settings.acpt) != since:
        raise InputError(
            f"historical.acpt: found {len(settings.acpt)} rates; one for each of the {since} years from BY3 to "
            f"{settings.year} is wanted"
        )
    if settings.acpt:
        inputs["acpt"] = np.full(len(TYPES), acpt_growth(settings.acpt))
    elif given_in(table, "flat_dollars"):
        inputs["flat_dollars"] = of_growth(settings, table, "flat_dollars")
    else:
        raise InputError(
            f"historical.acpt: missing, and {settings.growth} has no column 'flat_dollars'; the update 'prospective' "
            "needs one of them"
        )
    return inputs | {"acpt_weight": acpt_weight}
