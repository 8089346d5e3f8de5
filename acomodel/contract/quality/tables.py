"""Measure sets and cut points of programmes, as dated and cited rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from acomodel.contract.quality.rates import PERCENTILES
from acomodel.exhibit import Assumption
from acomodel.inputs import InputError
from acomodel.programs import Rules, rule_table


@cache
def measure_set(scheme: str, year: int) -> pd.DataFrame:
    """
    Measures of a programme in one performance year.

    Parameters
    ----------
    scheme : {"mssp", "app"}
        Scheme.
    year : int
        Performance year; a year past the last row takes the newest set. [year]

    Returns
    -------
    pandas.DataFrame
        Index measure; `name`, `domain`, `better`, `method`, `scored_in`, `scored_from_agreement_year`, `weight`,
        `assumed_size`, `largest`, `outcome`, `source`.

    Raises
    ------
    InputError
        A year before the scheme, or past it.

    Examples
    --------
    >>> scored = measure_set("mssp", 2018).query("scored_in == ''")
    >>> int((2 * scored["weight"]).sum()), len(scored)
    (62, 30)
    """
    table = rule_table("quality_measures")
    rows = table[table["scheme"] == scheme]
    first, last = rows["first_year"].astype(int), rows["last_year"].astype(int)
    ends = {"mssp": last.max()}.get(scheme)
    if year < first.min() or (ends is not None and year > ends):
        span = f"{first.min()} to {ends}" if ends is not None else f"{first.min()} on"
        raise InputError(f"quality: scheme '{scheme}' holds for performance years {span}; found {year}.")
    at = min(year, int(last.max()))
    found = rows[(first <= at) & (at <= last)].set_index("measure").drop(columns=["scheme", "first_year", "last_year"])
    for name in ("weight", "assumed_size", "largest", "scored_from_agreement_year"):
        found[name] = pd.to_numeric(found[name])
    return found


@cache
def cut_points(scheme: str, year: int) -> pd.DataFrame:
    """
    Cut points of measures in one performance year.

    Parameters
    ----------
    scheme : {"mssp", "app"}
        Scheme.
    year : int
        Performance year. [year]

    Returns
    -------
    pandas.DataFrame
        Columns `measure`, `collection`, `p10` to `p90` [share], `source`, `note`.

    Examples
    --------
    >>> float(cut_points("mssp", 2018).set_index("measure").loc["ACO13", "p90"])
    0.9073
    """
    table = rule_table("quality_cuts")
    rows = table[table["scheme"] == scheme]
    first, last = rows["first_year"].astype(int), rows["last_year"].astype(int)
    at = min(year, int(last.max())) if scheme == "app" else year
    found = rows[(first <= at) & (at <= last)].drop(columns=["scheme", "first_year", "last_year", "unit"])
    for name in PERCENTILES:
        found[name] = (pd.to_numeric(found[name]) / 100).round(8)
    return found.reset_index(drop=True)


def cuts_of(
    name: str, row: Mapping[Any, Any], scheme: str, year: int, collection: str = ""
) -> tuple[np.ndarray | None, str]:
    """
    Cut points of one measure, from the 10th to the 90th percentile, and their source.

    What the table of results gives comes before the rows of the programme; None where there is neither.
    """
    own = np.array([row[name] for name in PERCENTILES], dtype=float)
    if np.isfinite(own[2:]).all():
        return own, "cut points of the table of results"
    known = _known_cuts(scheme, year)
    found = known.get((name, collection)) or known.get((name, ""))
    return (None, "") if found is None else (found[0].copy(), found[1])


@cache
def _known_cuts(scheme: str, year: int) -> dict[tuple[str, str], tuple[np.ndarray, str]]:
    """Measure and collection to cut points and their source."""
    table = cut_points(scheme, year)
    cuts = table[list(PERCENTILES)].to_numpy(dtype=float)
    sources = [s + (f" ({n})" if n else "") for s, n in zip(table["source"], table["note"], strict=True)]
    keys = zip(table["measure"], table["collection"], strict=True)
    return {key: (cuts[at], sources[at]) for at, key in enumerate(keys)}


FROM_MEMORY = "from memory"
"""Words in the source or note of a row that nothing has confirmed yet."""


def from_memory(rules: Iterable[Assumption]) -> tuple[list[str], list[str]]:
    """
    Names of the rules that are from memory as a whole, and of those of which a part is, as their sources say.

    Examples
    --------
    >>> from_memory([rule("points_30", "mssp", 2014), rule("points_40", "mssp", 2018), rule("reward_90", "mssp", 2018)])
    (['mssp: points_30'], ['mssp: reward_90'])
    """
    unsure = [one for one in rules if FROM_MEMORY in f"{one.source} {one.note}"]
    whole = [one.name for one in unsure if one.source.startswith(FROM_MEMORY)]
    return whole, [one.name for one in unsure if not one.source.startswith(FROM_MEMORY)]


def rule(parameter: str, track: str, year: int) -> Assumption:
    """A rule of a scheme in a year, with its source."""
    return Rules("quality", year).value(parameter, track)


@cache
def number(parameter: str, track: str, year: int) -> float | None:
    """A rule of a scheme in a year as a number; None where none is in force."""
    return Rules("quality", year).number(parameter, track)
