"""Care by specialty, diagnosis, physician and episode: small tables worked out of claims, no member among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as settings

from acomodel.claims.care.episodes import EpisodeRule, find_episodes
from acomodel.claims.care.measures import claims_measures
from acomodel.claims.care.panels import panel_costs, referral_costs
from acomodel.claims.care.physicians import episode_cells, episode_counts
from acomodel.claims.care.specialties import high_cost_cases, monthly_by_specialty
from acomodel.claims.incurred import ContractScope
from acomodel.claims.population import Population
from acomodel.claims.tables import Dataset
from acomodel.exhibit import actual, inert
from acomodel.inputs import InputError


@settings(frozen=True, config=ConfigDict(extra="forbid", strict=True))
class CareSettings:
    """What is worked out of claims for the reports on the year and on physicians."""

    high_cost: float = Field(
        default=50_000.0,
        gt=0,
        description="claims of a member in a calendar year above which it is a high-cost case [$]",
    )
    episodes: EpisodeRule = Field(default_factory=EpisodeRule, description="how claims become episodes of care")


@dataclass(frozen=True, eq=False)
class Care:
    """
    Care of a population as sums.

    Parameters
    ----------
    specialties : pandas.DataFrame
        Use and dollars by month, category, specialty and network; see `monthly_by_specialty`.
    high_cost : pandas.DataFrame
        High-cost cases by year and group of diagnoses; see `high_cost_cases`.
    episodes, conditions : pandas.DataFrame
        Episodes of care by physician, condition and severity, and by condition; see `episode_cells` and
        `episode_counts`: sums, of which one may be of a single episode.
    panels : pandas.DataFrame
        Members of each physician of primary care and what they cost; see `panel_costs`.
    referrals : pandas.DataFrame
        What members of each of them cost by who rendered it; see `referral_costs`.
    measures : pandas.DataFrame
        Measures of quality by provider, from the claims of the last year; see `claims_measures`.
    """

    specialties: pd.DataFrame
    high_cost: pd.DataFrame
    episodes: pd.DataFrame
    conditions: pd.DataFrame
    panels: pd.DataFrame
    referrals: pd.DataFrame
    measures: pd.DataFrame

    def frames(self) -> dict[str, pd.DataFrame]:
        """The tables by name."""
        return {part.name: getattr(self, part.name) for part in fields(self)}

    def write(self, folder: Path) -> None:
        """Write the tables as CSV into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in self.frames().items():
            text = {c: frame[c].map(inert, na_action="ignore") for c in frame if c in _TEXT}
            frame.assign(**text).to_csv(folder / f"{name}.csv", index=False)


_TEXT = {
    "service_category",
    "specialty",
    "network",
    "diagnosis_group",
    "physician",
    "condition",
    "pcp",
    "pcp_specialty",
}
_TEXT |= {"group", "cell", "provider_id", "measure"}


def care_of(
    dataset: Dataset, population: Population, years: Sequence[int], scope: ContractScope, wanted: CareSettings
) -> Care:
    """
    Work out the tables on the year and on physicians from claims.

    Parameters
    ----------
    dataset, population : Dataset, Population
        Claims, and whose they are.
    years : sequence of int
        Calendar years; measures and referrals are of the last.
    scope : ContractScope
        What the contract counts.
    wanted : CareSettings
        High-cost cases and episodes.

    Returns
    -------
    Care
    """
    last, found = max(years), find_episodes(dataset, population, years, scope, wanted.episodes)
    frames = (
        monthly_by_specialty(dataset, population, scope),
        high_cost_cases(dataset, population, years, scope, wanted.high_cost),
        episode_cells(found),
        episode_counts(found),
        panel_costs(dataset, population, years, scope),
        referral_costs(dataset, population, last, scope),
        claims_measures(dataset, population, last, scope),
    )
    return Care(*(frame.assign(**{c: frame[c].fillna("") for c in frame if c in _TEXT}) for frame in frames))


def read_care(folder: Path) -> Care:
    """
    Tables that an earlier run worked out from claims.

    Raises
    ------
    InputError
        A table is not there or not as it was written.
    """
    found: dict[str, pd.DataFrame] = {}
    for part in fields(Care):
        path = folder / f"{part.name}.csv"
        try:
            frame = pd.read_csv(path, dtype=dict.fromkeys(_TEXT, "str"), keep_default_na=False, na_values=[""])
            plain = {c: frame[c].fillna("").map(actual) for c in frame if c in _TEXT}
            month = {"month": pd.PeriodIndex(frame["month"], freq="M")} if "month" in frame else {}
            found[part.name] = frame.assign(**plain, **month)
        except FileNotFoundError:
            raise InputError(f"{path}: no such file; it is one of the tables of a study.") from None
        except ValueError as error:
            raise InputError(f"{path}: not a table of a study ({error}).") from None
    return Care(**found)
