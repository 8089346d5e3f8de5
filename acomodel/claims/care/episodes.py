"""Episodes of care from claims by a transparent rule: start, related services, clean period, severity, outliers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass as settings

from acomodel.claims.care.grouping import conditions_known, episode_table, parts_of_a_cent
from acomodel.claims.incurred import ContractScope
from acomodel.claims.population import Population
from acomodel.claims.tables import Dataset
from acomodel.inputs import InputError, nearest

LEVELS = 4
"""Highest level of severity."""
COLUMNS = (
    "physician",
    "specialty",
    "condition",
    "severity",
    "start_date",
    "end_date",
    "cost",
    "lines",
    "complete",
    "outlier",
    "patient",
)
"""Columns of episodes, whether found in claims or read in."""


@settings(frozen=True, config=ConfigDict(extra="forbid", strict=True))
class EpisodeRule:
    """How claims become episodes of care; codes and clean periods are rows of the package."""

    conditions: list[str] = Field(
        default_factory=list, description="conditions looked for; all of the package by default"
    )
    clean_days: int | None = Field(
        default=None,
        ge=1,
        le=730,
        description="days without care that end an acute episode; each condition's own by default [days]",
    )
    near_days: int = Field(
        default=0, ge=0, le=30, description="days before and after a diagnosis on which services belong to it [days]"
    )
    minimum_share: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="part of an episode's visits, in dollars, a physician must have to be given it [share]",
    )
    outliers: Literal["percentiles", "median"] = Field(
        default="percentiles", description="bounds of normal cost: percentiles, or multiples of the median"
    )
    outlier_percentile: float = Field(
        default=0.02,
        ge=0,
        lt=0.5,
        description="part of a condition's episodes beyond each bound, with percentiles [share]",
    )
    outlier_low: float = Field(
        default=0.1, ge=0, lt=1, description="lower bound over the median, with multiples [factor]"
    )
    outlier_high: float = Field(default=10.0, gt=1, description="upper bound over the median, with multiples [factor]")

    @model_validator(mode="after")
    def _known(self) -> EpisodeRule:
        known = list(conditions_known())
        for name in self.conditions:
            if name not in known:
                raise ValueError(
                    f"conditions: unknown condition '{name}'.{nearest(name, known)} Known: {', '.join(known)}"
                )
        return self


def find_episodes(
    dataset: Dataset,
    population: Population,
    years: Sequence[int],
    scope: ContractScope | None = None,
    rule: EpisodeRule | None = None,
) -> pd.DataFrame:
    r"""
    Episodes of care of a population, each with the physician responsible; no member is named.

    Parameters
    ----------
    dataset, population : Dataset, Population
        Claims, and whose they are.
    years : sequence of int
        Calendar years whose services are looked at, in a row.
    scope : ContractScope, optional
        What the contract counts.
    rule : EpisodeRule, optional
        Conditions, clean period, bounds of outliers.

    Returns
    -------
    pandas.DataFrame
        One row per episode, in order of physician, condition and time: `physician` and `specialty` (missing where
        nobody had enough of the visits), `condition`, `severity` (1 to 4), `start_date`, `end_date`, `cost` (allowed)
        [$], `lines` [claim lines], `complete`, `outlier`, `patient`: a number in this table alone, that tells which of
        its episodes are of one member.

    Notes
    -----
    1. *Related services.* Diagnoses bear a member and a day, not a claim: all services of a member on a day with a
       diagnosis of the condition belong to it (with `near_days`, on days around it too, to the nearest diagnosis). A
       day with diagnoses of several conditions is split evenly among them, so that no dollar counts twice.
    2. *Start*: the first day on which a clinician evaluated the member (a visit code, not of an ancillary provider)
       with a diagnosis of the condition. Services before it are in no episode.
    3. *End*: the last related service before as many days without one as the clean period of the condition. A
       chronic condition goes on over gaps shorter than its clean period and is cut into intervals of 365 days from
       its start.
    4. *Complete*: acute, when clean periods before and after lie within the years and the member's time in the
       population; chronic, when the whole interval does.
    5. *Severity*: one more than the comorbidities diagnosed from 365 days before the start to the end, at most 4.
    6. *Physician*: the one with most of the dollars of visits in the episode, and at least the minimum share of them.
    7. *Outliers*: cost beyond the bounds of complete episodes of that condition and severity; see `flag_outliers`.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3 appendix, pp. 79-81 and table 6.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from acomodel.claims.population import everyone
    >>> from acomodel.claims.synthetic import SyntheticSettings, write_book
    >>> from acomodel.claims.tables import read_dataset
    >>> folder = Path(tempfile.mkdtemp()) / "book"
    >>> _ = write_book(SyntheticSettings(members=100, months=24, start="2021-01"), folder)
    >>> dataset = read_dataset(folder)
    >>> found = find_episodes(dataset, everyone(dataset, [2021, 2022]), [2021, 2022])
    >>> bool((found["cost"] >= 0).all()), "member_id" in found
    (True, False)
    """
    rule, scope = rule or EpisodeRule(), scope or ContractScope()
    clean = rule.clean_days
    wanted = {
        name: (kind, clean if clean and kind == "acute" else days)
        for name, (kind, days) in conditions_known().items()
        if not rule.conditions or name in rule.conditions
    }
    span = date(min(years), 1, 1), date(max(years), 12, 31)
    table = episode_table(
        dataset, population, scope, wanted, span, near=rule.near_days, minimum_share=rule.minimum_share
    ).to_pandas()
    table["severity"] = (table["comorbidities"] + 1).clip(upper=LEVELS).astype(int)
    table["cost"] = table["parts"].map(int).astype(float) / (100 * parts_of_a_cent(wanted))
    table["lines"] = table["lines"].astype(int)
    for day in ("start_date", "end_date"):
        table[day] = pd.to_datetime(table[day])
    table["complete"] = table["complete"].astype(bool)
    order = ["physician", "condition", "start_date", "end_date", "severity", "cost", "lines", "complete"]
    table = table.sort_values([*order, "member_id"], ignore_index=True)
    table["patient"] = pd.factorize(table.pop("member_id"))[0]
    return flag_outliers(table, rule)[list(COLUMNS)]


def flag_outliers(episodes: pd.DataFrame, rule: EpisodeRule | None = None) -> pd.DataFrame:
    """
    Mark episodes whose cost lies outside the bounds of their condition and severity.

    Parameters
    ----------
    episodes : pandas.DataFrame
        `condition`, `severity`, `cost` [$], `complete`.
    rule : EpisodeRule, optional
        Percentiles, or multiples of the median.

    Returns
    -------
    pandas.DataFrame
        The same rows with `outlier`. Bounds come from complete episodes; where a cell has none, nothing is marked.

    Examples
    --------
    >>> costs = [90.0, 100.0, 110.0, 2000.0]
    >>> table = pd.DataFrame({"condition": "CHF", "severity": 1, "cost": costs, "complete": True})
    >>> flag_outliers(table, EpisodeRule(outliers="median"))["outlier"].tolist()
    [False, False, False, True]
    """
    rule = rule or EpisodeRule()
    if episodes.empty:
        return episodes.assign(outlier=pd.Series(dtype=bool))
    keys = ["condition", "severity"]
    cost = episodes["cost"].where(episodes["complete"])
    by_cell = cost.groupby([episodes[k] for k in keys])
    if rule.outliers == "median":
        middle = by_cell.transform("median")
        low, high = middle * rule.outlier_low, middle * rule.outlier_high
    else:
        low = by_cell.transform(lambda c: c.quantile(rule.outlier_percentile))
        high = by_cell.transform(lambda c: c.quantile(1 - rule.outlier_percentile))
    return episodes.assign(outlier=(episodes["cost"] < low) | (episodes["cost"] > high))


def check_episodes(episodes: pd.DataFrame, source: str = "episodes") -> pd.DataFrame:
    """
    Episodes read in from another grouper, checked, under the columns of those found in claims.

    Parameters
    ----------
    episodes : pandas.DataFrame
        Rows of the table `episodes` of the data dictionary; days as text YYYY-MM-DD or as dates.
    source : str
        Name of the file, for messages.

    Returns
    -------
    pandas.DataFrame
        Columns of `find_episodes`; `lines` is 0 where it is not known, each episode of a patient of its own where the
        patient is not.

    Raises
    ------
    InputError
        A day that cannot be, an end before its start, a cost below zero or missing, a severity below 1.

    Examples
    --------
    >>> rows = pd.DataFrame({"physician": ["A"], "condition": ["CHF"], "severity": [1], "start_date": ["2024-01-01"],
    ...     "end_date": ["2023-12-01"], "cost": [100.0]})
    >>> check_episodes(rows, "episodes.csv")
    Traceback (most recent call last):
    ...
    acomodel.inputs.InputError: episodes.csv: row 2: the episode ends on 2023-12-01, before it starts on 2024-01-01.
    """
    frame = episodes.reset_index(drop=True)
    days = {}
    for name in ("start_date", "end_date"):
        parsed = pd.to_datetime(frame[name], format="%Y-%m-%d", errors="coerce")
        if parsed.isna().any():
            at = int(np.flatnonzero(parsed.isna())[0])
            found = frame[name].iloc[at]
            raise InputError(f"{source}: row {at + 2}, column '{name}': found '{found}'; a day YYYY-MM-DD is wanted.")
        days[name] = parsed
    _refuse(
        source,
        (
            days["end_date"] < days["start_date"],
            lambda at: (
                "the episode ends on "
                f"{days['end_date'][at]:%Y-%m-%d}, before it starts on {days['start_date'][at]:%Y-%m-%d}."
            ),
        ),
        (~(frame["cost"] >= 0), lambda at: f"column 'cost': found {frame['cost'][at]:g}; at least 0 is wanted."),
        (~(frame["severity"] >= 1), lambda at: f"column 'severity': found {frame['severity'][at]:g}; at least 1."),
    )
    every = frame.assign(**days)
    for name, default in {"specialty": "", "complete": "yes", "outlier": "no", "lines": 0}.items():
        column = every[name] if name in every else pd.Series(np.nan, index=every.index)
        every[name] = column.astype(object).where(column.notna() & (column != ""), default)
    for name in ("complete", "outlier"):
        every[name] = every[name].isin(["yes", True])
    every["lines"] = every["lines"].astype(int)
    every["severity"] = every["severity"].astype(int)
    label = every["patient"].astype(object) if "patient" in every else pd.Series(np.nan, index=every.index)
    known = label.notna() & (label != "")
    apart = pd.Series([("row", n) for n in every.index], index=every.index, dtype=object)
    every["patient"] = pd.factorize(label.where(known, apart))[0]
    return every[list(COLUMNS)]


def unnamed(episodes: pd.DataFrame) -> pd.DataFrame:
    """
    Episodes read in, with numbers in place of the labels of episodes and patients.

    >>> rows = pd.DataFrame({"episode": ["E77", "E78", "E79"], "patient": ["Ann", "", "Ann"]})
    >>> unnamed(rows)["patient"].tolist()
    ['1', '', '1']
    """
    frame = episodes.reset_index(drop=True)
    named = frame["patient"].fillna("").astype(str)
    numbers = pd.Series(pd.factorize(named.where(named != ""))[0] + 1, index=frame.index).astype(str)
    return frame.assign(episode=[str(n + 1) for n in range(len(frame))], patient=numbers.where(named != "", ""))


def _refuse(source: str, *checks: tuple[pd.Series, Callable[[int], str]]) -> None:
    """Name the first row that fails a check."""
    for bad, words in checks:
        if bad.any():
            at = int(np.flatnonzero(bad)[0])
            raise InputError(f"{source}: row {at + 2}: {words(at)}")
