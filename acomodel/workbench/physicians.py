"""Physicians of a run against their peers: from the claims, or from tables read in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from acomodel.claims.care.episodes import check_episodes
from acomodel.claims.care.measures import measures_total
from acomodel.claims.care.peers import PhysicianSettings
from acomodel.claims.care.physicians import (
    Profile,
    cost_of_care,
    cost_of_panels,
    episode_cells,
    episode_counts,
    quality_of_care,
)
from acomodel.claims.care.referrals import Referrals, referrals
from acomodel.claims.categories import specialty_table
from acomodel.inputs import InputError
from acomodel.workbench.model import Run


@dataclass(frozen=True, eq=False)
class Physicians:
    """
    What a run knows of its physicians; None for what it does not.

    Parameters
    ----------
    rule : PhysicianSettings
        How they are compared.
    costs : Profile or None
        Cost of episodes.
    panels : Profile or None
        Cost of attributed members.
    quality : Profile or None
        Measures of quality.
    referrals : Referrals or None
        Referred services of physicians of primary care.
    episodes : pandas.DataFrame or None
        Episodes by condition, compared or not; see `episode_counts`.
    absent : mapping of str to str
        Why one of these is not known though its data are there.
    read_in : bool
        Whether the episodes were read in.
    """

    rule: PhysicianSettings
    costs: Profile | None
    panels: Profile | None
    quality: Profile | None
    referrals: Referrals | None
    episodes: pd.DataFrame | None
    absent: Mapping[str, str]
    read_in: bool

    def busiest(self) -> str | None:
        """The physician with most of the episodes, else of the opportunities; None where there is neither."""
        profile = self.costs or self.quality
        if profile is None:
            return None
        units = profile.physicians.groupby("physician")["units"].sum()
        return str(units.sort_index().idxmax())


@lru_cache(maxsize=4)
def physicians(run: Run) -> Physicians | None:
    """
    Physicians of a run against their peers.

    Parameters
    ----------
    run : Run
        A run with [physicians] or with [claims.care].

    Returns
    -------
    Physicians or None
        None where the run tells of no physician.

    Raises
    ------
    InputError
        A condition that no episode is of.

    Examples
    --------
    >>> import acomodel
    >>> physicians(acomodel.run("scenarios/hackensack-2014.toml")) is None
    True
    """
    tables = run.tables
    care = None if tables.claims is None else tables.claims.care
    if care is None and tables.episodes is None and tables.physician_measures is None:
        return None
    rule = run.scenario.physicians or PhysicianSettings()
    cells, counts = (None, None) if care is None else (care.episodes, care.conditions)
    if tables.episodes is not None:
        rows = check_episodes(tables.episodes)
        cells, counts = episode_cells(rows), episode_counts(rows)
    measures = tables.physician_measures
    if measures is None and care is not None:
        measures = _of_claims(care.measures, _specialties(care.episodes, care.panels))
    absent: dict[str, str] = {}

    def tried(name: str, made: Callable[[], Any]) -> Any:
        try:
            return made()
        except InputError as error:
            absent[name] = str(error)
            return None

    cells = None if cells is None else _named(_wanted(cells, rule.conditions))
    return Physicians(
        rule,
        None if cells is None else tried("costs", lambda: cost_of_care(cells, rule)),
        None if care is None else tried("panels", lambda: cost_of_panels(_named(care.panels), rule)),
        None if measures is None else tried("quality", lambda: quality_of_care(_named(measures), rule)),
        None if care is None else tried("referrals", lambda: referrals(_named(care.referrals), rule)),
        counts,
        absent,
        tables.episodes is not None,
    )


def _wanted(cells: pd.DataFrame, conditions: list[str]) -> pd.DataFrame:
    """Episodes of the conditions that are compared; a condition that none is of is an error."""
    known = sorted(cells["condition"].unique())
    for name in conditions:
        if name not in known:
            raise InputError(f"physicians.conditions: no episode of '{name}'; found {', '.join(known) or 'none'}.")
    return cells[cells["condition"].isin(conditions)] if conditions else cells


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """Specialties by their names where they are CMS codes."""
    table = specialty_table()
    names = dict(zip(table["specialty"], table["name"], strict=True)) | {"": "not known"}
    given = frame["specialty"].fillna("").astype(str) if "specialty" in frame else pd.Series("", index=frame.index)
    return frame.assign(specialty=given.map(lambda code: names.get(code, code)))


def _specialties(*frames: pd.DataFrame) -> dict[str, str]:
    """Specialty of each physician, as the first table that names it has it."""
    known: dict[str, str] = {}
    for frame in frames:
        rows = frame.dropna(subset=["physician", "specialty"]).drop_duplicates("physician")
        known = dict(zip(rows["physician"], rows["specialty"].astype(str), strict=True)) | known
    return known


def _of_claims(measures: pd.DataFrame, known: dict[str, str]) -> pd.DataFrame | None:
    """Measures of quality from claims that are shares of opportunities, by physician."""
    about = measures_total(measures)
    shares = about[about["per"] == 1]
    rows = measures[measures["measure"].isin(shares.index) & (measures["provider_id"].fillna("") != "")]
    if rows.empty:
        return None
    return pd.DataFrame(
        {
            "physician": rows["provider_id"],
            "specialty": rows["provider_id"].map(known),
            "measure": rows["measure"].map(shares["name"]),
            "numerator": rows["numerator"],
            "denominator": rows["denominator"],
            "better": rows["measure"].map(shares["direction"]),
        }
    )
