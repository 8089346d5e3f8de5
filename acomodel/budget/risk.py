"""Risk of a population by age and sex, and its change between two dates."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from acomodel.inputs import InputError
from acomodel.rates import Numeric


@dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class RiskSettings:
    """How the change in the population's risk enters the budget."""

    table: str | None = Field(default=None, description="members and factors by age band and sex [file]")
    base: str = Field(default="", description="period that belongs to the baseline; with claims, its year")
    current: str = Field(default="", description="period that belongs to the contract year; with claims, that year")
    method: Literal["age_sex", "hcc"] = Field(
        default="age_sex", description="measure of risk, where it comes from claims: age_sex, or hcc (CMS-HCC)"
    )
    factors: Literal["toolkit", "own"] = Field(
        default="toolkit", description="age/sex factors: toolkit, or own (estimated from the claims of the baseline)"
    )
    model: Literal["V28", "V24"] = Field(default="V28", description="version of the CMS-HCC model")
    ratio: float | None = Field(default=None, gt=0, description="stated risk ratio instead of a measured one [factor]")
    cap: float | None = Field(default=None, ge=0, le=1, description="largest rise of risk that counts [share]")
    floor: float | None = Field(
        default=None, ge=-1, le=0, description="largest fall of risk that counts, below zero [share]"
    )
    adjustment: float = Field(default=0.0, gt=-1, lt=1, description="what-if: change of the risk ratio [share]")

    @model_validator(mode="after")
    def _one_measure(self) -> RiskSettings:
        if self.table is not None and (self.method, self.factors) != ("age_sex", "toolkit"):
            raise ValueError("risk.table: given, but risk.method and risk.factors choose a measure taken from claims")
        return self


def age_sex_factor(members: Numeric, factors: Numeric) -> float:
    r"""
    Average age/sex factor of a population.

    Parameters
    ----------
    members : array-like
        Members in each age and sex cell, at least zero. [members]
    factors : array-like
        Standard factor of each cell. [factor, standard population = 1]

    Returns
    -------
    float
        Average, weighted by members. [factor]

    Raises
    ------
    InputError
        No members, or fewer than none in a cell.

    Notes
    -----
    .. math:: \bar f = \sum_c m_c f_c \big/ \sum_c m_c

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, exhibits 3.8 and 3.9, p. 45.

    Examples
    --------
    >>> age_sex_factor([300, 100], [0.8, 1.6])
    1.0
    """
    counts, weights = np.asarray(members, dtype=float), np.asarray(factors, dtype=float)
    if (counts < 0).any():
        raise InputError(f"age/sex: {counts.min():,g} members in a cell; at least zero is wanted")
    if counts.sum() == 0:
        raise InputError("age/sex: the population has no members")
    return float((counts * weights).sum() / counts.sum())


def risk_ratio(current: Numeric, base: Numeric) -> Numeric:
    r"""
    Change in risk from the baseline population to the current one.

    Parameters
    ----------
    current, base : numeric
        Average factors or risk scores on one scale. [factor]

    Returns
    -------
    numeric
        Ratio; 1.05 means 5 % more expected cost. [factor]

    Notes
    -----
    .. math:: RR = \bar f_1 / \bar f_0

    The Toolkit divides the rounded 1.10 by the rounded 1.05 and arrives at 1.048; unrounded it is 1.0465.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, p. 44.

    Examples
    --------
    >>> round(risk_ratio(1.10, 1.05), 3)
    1.048
    """
    return current / base


def age_sex_factors(table: pd.DataFrame, base: str, current: str) -> tuple[float, float]:
    """
    Average factors of the two periods of a demographic table.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of the table `demographics` of the data dictionary.
    base, current : str
        Periods of the baseline and of the contract population.

    Returns
    -------
    tuple of float
        Factor of the base and of the current population.

    Raises
    ------
    InputError
        A period that the table does not hold.

    Examples
    --------
    >>> cells = pd.DataFrame({"period": ["2008", "2009"], "factor": [1.0, 1.1], "members": [10, 10]})
    >>> age_sex_factors(cells, "2008", "2009")
    (1.0, 1.1)
    """
    found = []
    for period in (base, current):
        rows = table[table["period"] == period]
        if rows.empty:
            known = ", ".join(table["period"].unique())
            raise InputError(f"demographics: no period '{period}'; the table holds {known}")
        found.append(age_sex_factor(rows["members"], rows["factor"]))
    if "age_band" in table:
        _check_same_cells(table, base, current)
    return found[0], found[1]


def _check_same_cells(table: pd.DataFrame, base: str, current: str) -> None:
    """Refuse two periods that do not hold the same cells with the same factors."""
    both = table[table["period"].isin([base, current])]
    cells = both["age_band"] + ", " + both["sex"]
    counts = cells.value_counts()
    if base != current and (counts < 2).any():
        raise InputError(
            f"demographics: '{counts.idxmin()}' stands in only one of {base} and {current}; give 0 members in the other"
        )
    spread = both["factor"].groupby(cells).agg(lambda f: f.max() - f.min())
    if (spread > 0).any():
        raise InputError(f"demographics: '{spread.idxmax()}' has one factor in {base} and another in {current}")
