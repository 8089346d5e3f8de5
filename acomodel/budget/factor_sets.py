"""Standard age/sex factors: dated sets, and the cell of each member."""

from __future__ import annotations

from datetime import date
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

from acomodel.inputs import InputError, nearest
from acomodel.rates import Numeric

CELL = ["age_from", "age_to", "sex"]
OLDEST = 120
"""Oldest age that is taken for an age. [years]"""


@cache
def _sets() -> pd.DataFrame:
    with files("acomodel").joinpath("data/factors/age_sex.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype=str, keep_default_na=False)


def age_sex_set(name: str = "toolkit", on: date | None = None) -> pd.DataFrame:
    """
    Standard age/sex factors of a published set, as they stood on a date.

    Parameters
    ----------
    name : str
        Name of the set; "toolkit" is the ACO Toolkit's typical commercial population.
    on : date, optional
        Day for which the factors are wanted; the newest version when not given.

    Returns
    -------
    pandas.DataFrame
        One row per cell: `age_from` and `age_to` (infinite where open) [years], `sex` (F or M), `factor`
        [standard population = 1], `effective_from`, `source`.

    Raises
    ------
    InputError
        No such set, or none in force on that date.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, exhibits 3.8 and 3.9, p. 45.

    Examples
    --------
    >>> standard = age_sex_set("toolkit", on=date(2009, 4, 1))
    >>> standard.query("age_from == 60")[["sex", "factor"]].values.tolist()
    [['M', 2.546], ['F', 2.17]]
    """
    table = _sets()
    names = sorted(table["set"].unique())
    if name not in names:
        raise InputError(f"age/sex factors: no set '{name}'; known are {', '.join(names)}.{nearest(name, names)}")
    rows = table[table["set"] == name]
    starts = sorted(rows["effective_from"].unique())
    past = starts if on is None else [start for start in starts if start <= on.isoformat()]
    if not past:
        raise InputError(f"age/sex factors: the set '{name}' starts on {starts[0]}; {on} is before it")
    rows = rows[rows["effective_from"] == past[-1]].reset_index(drop=True)
    return check_factors(
        pd.DataFrame(
            {
                "age_from": rows["age_from"].astype(float),
                "age_to": rows["age_to"].replace("", "inf").astype(float),
                "sex": rows["sex"],
                "factor": rows["factor"].astype(float),
                "effective_from": rows["effective_from"],
                "source": rows["source"],
            }
        )
    )


def check_factors(factors: pd.DataFrame) -> pd.DataFrame:
    """
    A factor table whose cells cover every age from zero once, for both sexes; sorted by age, men first.

    Parameters
    ----------
    factors : pandas.DataFrame
        Columns `age_from`, `age_to` [whole years, both ends included], `sex`, `factor`.

    Returns
    -------
    pandas.DataFrame
        The same rows, sorted.

    Raises
    ------
    InputError
        A missing column, a sex other than F and M, a factor that is not above zero, a gap or an overlap of ages.

    Examples
    --------
    >>> one = pd.DataFrame({"age_from": [0, 0], "age_to": [np.inf, 64], "sex": ["M", "F"], "factor": [1.0, 1.0]})
    >>> check_factors(one)
    Traceback (most recent call last):
    ...
    acomodel.inputs.InputError: age/sex factors: the bands of sex F end at 64; the last one is to be open
    """
    for column in (*CELL, "factor"):
        if column not in factors:
            raise InputError(f"age/sex factors: no column '{column}'; age_from, age_to, sex and factor are wanted")
    strange = factors["sex"][~factors["sex"].isin(["F", "M"])]
    if len(strange):
        raise InputError(f"age/sex factors: row {strange.index[0]} has the sex '{strange.iloc[0]}'; F or M is wanted")
    if not (factors["factor"] > 0).all():
        bad = factors[~(factors["factor"] > 0)].iloc[0]
        raise InputError(f"age/sex factors: {cell_label(bad)} has the factor {bad['factor']}; above zero is wanted")
    for sex in ("F", "M"):
        bands = factors[factors["sex"] == sex].sort_values("age_from")
        expected = 0.0
        for low, high in zip(bands["age_from"], bands["age_to"], strict=True):
            if low != expected or high < low:
                raise InputError(f"age/sex factors: sex {sex} wants a band from {expected:g}; found {low:g}-{high:g}")
            expected = high + 1
        if not np.isinf(expected):
            raise InputError(
                f"age/sex factors: the bands of sex {sex} end at {expected - 1:g}; the last one is to be open"
            )
    return factors.sort_values(["age_from", "sex"], ascending=[True, False]).reset_index(drop=True)


def cell_label(cell: pd.Series) -> str:
    """
    Words for one cell.

    >>> cell_label(pd.Series({"age_from": 65.0, "age_to": np.inf, "sex": "M"}))
    'M 65+'
    """
    ages = f"{cell['age_from']:.0f}+" if np.isinf(cell["age_to"]) else f"{cell['age_from']:.0f}-{cell['age_to']:.0f}"
    return f"{cell['sex']} {ages}"


def cell_index(ages: Numeric, sexes: Numeric, factors: pd.DataFrame) -> np.ndarray:
    """
    Position of each member's cell in a factor table.

    Parameters
    ----------
    ages : array-like
        Age of each member; part of a year does not count. [years]
    sexes : array-like of str
        F or M.
    factors : pandas.DataFrame
        A table of `check_factors`.

    Returns
    -------
    numpy.ndarray of int
        Row of `factors` for each member.

    Raises
    ------
    InputError
        An age that is missing or cannot be, or a sex other than F and M.

    Examples
    --------
    >>> cell_index([18.9, 19], ["M", "F"], age_sex_set()).tolist()
    [0, 3]
    """
    years, sex = np.asarray(ages, dtype=float), np.asarray(sexes, dtype=object)
    if years.shape != sex.shape or years.ndim != 1:
        raise InputError(f"age/sex: {years.size} ages and {sex.size} sexes; one of each for each member is wanted")
    usable = (years >= 0) & (years <= OLDEST)
    if not usable.all():
        row = int(np.flatnonzero(~usable)[0])
        raise InputError(f"age/sex: row {row + 1} has the age {years[row]:g}; 0 to {OLDEST} is wanted")
    known = np.isin(sex, ["F", "M"])
    if not known.all():
        row = int(np.flatnonzero(~known)[0])
        raise InputError(f"age/sex: row {row + 1} has the sex '{sex[row]}'; F or M is wanted")
    found = np.empty(years.size, dtype=int)
    for value in ("F", "M"):
        bands = factors.index[factors["sex"] == value].to_numpy()
        at = np.searchsorted(factors["age_from"].to_numpy()[bands], years[sex == value], side="right") - 1
        found[sex == value] = bands[at]
    return found


def member_months(months: Numeric, members: int) -> np.ndarray:
    """
    Exposure of each member as an array, one number standing for all.

    Parameters
    ----------
    months : array-like or float
        Exposure, at least zero. [member months]
    members : int
        Members expected. [members]

    Returns
    -------
    numpy.ndarray of float

    Raises
    ------
    InputError
        Another number of entries, or one that is missing or below zero.

    Examples
    --------
    >>> member_months(12, 2).tolist()
    [12.0, 12.0]
    """
    given = np.asarray(months, dtype=float)
    if given.ndim and given.shape != (members,):
        raise InputError(f"exposure: {given.size} entries for {members} members; one each is wanted")
    exposure = np.broadcast_to(given, (members,))
    usable = (exposure >= 0) & np.isfinite(exposure)
    if not usable.all():
        row = int(np.flatnonzero(~usable)[0])
        raise InputError(f"exposure: row {row + 1} has {exposure[row]:g} months; at least zero is wanted")
    return exposure
