"""Methods of attribution side by side on the same claims, and how much of a practice an ACO holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from acomodel.claims.attribution import METHODS, Attribution, AttributionRule
from acomodel.claims.incurred import ContractScope, Experience, experience
from acomodel.claims.population import MembershipRule, Population, assign
from acomodel.claims.tables import Dataset
from acomodel.claims.visits import Codes, qualifying
from acomodel.exhibit import Exhibit, Shown

CRITICAL_MASS = (0.2, 0.6)
"""Share of a practice's patients from which its ways change, by the sources: ACO Toolkit, part 3, p. 34."""


@dataclass(frozen=True, eq=False, repr=False)
class Methods(Shown):
    """
    What the choice of method does on the same claims.

    Parameters
    ----------
    aco_id : str
        The ACO.
    year : int
        Year for which the overlap is counted.
    overlap : pandas.DataFrame
        Members assigned under the method of the row and that of the column. [members]
    populations, experiences : mapping
        Population and experience by name of the method.
    """

    aco_id: str
    year: int
    overlap: pd.DataFrame
    populations: Mapping[str, Population]
    experiences: Mapping[str, Experience]

    def table(self, amount: str = "allowed") -> pd.DataFrame:
        """Members, member months and reported PMPM of the year by method, and the difference from the first."""
        months = pd.period_range(f"{self.year}-01", f"{self.year}-12", freq="M")
        frame = pd.DataFrame(
            {
                "members": {n: int(self.overlap.loc[n, n]) for n in self.populations},
                "member_months": {
                    n: float(e.exposure["member_months"].reindex(months).sum()) for n, e in self.experiences.items()
                },
                "pmpm": {n: e.pmpm(self.year, amount) for n, e in self.experiences.items()},
            }
        ).rename_axis("method")
        return frame.assign(difference=frame["pmpm"] / frame["pmpm"].iloc[0] - 1)

    def exhibit(self) -> Exhibit:
        """Members, exposure and PMPM by method."""
        frame = self.table().rename(
            columns={
                "members": "Members",
                "member_months": "Member months",
                "pmpm": "Allowed PMPM, reported",
                "difference": "Against the first",
            }
        )
        formats = {"Members": "#", "Member months": "#", "Allowed PMPM, reported": "$.", "Against the first": "%."}
        return Exhibit(f"Attribution by method, {self.aco_id}, {self.year}", frame.rename_axis("Method"), formats)


def compare_methods(
    dataset: Dataset,
    aco_id: str,
    years: Sequence[int],
    rules: Mapping[str, AttributionRule] | None = None,
    membership: MembershipRule | None = None,
    scope: ContractScope | None = None,
) -> Methods:
    """
    Assign by several methods and set the results side by side.

    Parameters
    ----------
    dataset : Dataset
        Canonical claims tables.
    aco_id : str
        The ACO.
    years : sequence of int
        Calendar years; the overlap is that of the last.
    rules : mapping of str to AttributionRule, optional
        Rules by name; each of the methods with its defaults when not given.
    membership, scope : MembershipRule, ContractScope, optional
        The same for all of them.

    Returns
    -------
    result : Methods
        Populations, experience and overlap, by name of the method.
    """
    named = rules or {method: AttributionRule(method) for method in METHODS}
    populations = {name: assign(dataset, aco_id, years, rule, membership) for name, rule in named.items()}
    year = max(years)
    sets = {name: _members(population, year) for name, population in populations.items()}
    overlap = pd.DataFrame({a: {b: len(sets[a] & sets[b]) for b in sets} for a in sets})
    experiences = {name: experience(dataset, population, scope) for name, population in populations.items()}
    return Methods(aco_id, year, overlap.rename_axis("method"), populations, experiences)


def _members(population: Population, year: int) -> set[str]:
    """Members assigned on a day of a year."""
    from datetime import date

    from acomodel.claims.visits import day_literal

    rows = population.windows
    within = rows.filter(
        (rows.start_date <= day_literal(date(year, 12, 31))) & (rows.end_date >= day_literal(date(year, 1, 1)))
    )
    return set(within.select("member_id").distinct().to_pandas()["member_id"])


def critical_mass(attribution: Attribution, aco_id: str) -> pd.DataFrame:
    """
    Share of each ACO practice's patients who are attributed to the ACO.

    Parameters
    ----------
    attribution : Attribution
        Members by one method.
    aco_id : str
        The ACO.

    Returns
    -------
    pandas.DataFrame
        Index practice (TIN, else provider), largest first; columns `patients` seen at qualifying visits of the
        window, `attributed` to the ACO, `share`, and `enough`: "below", "within" or "above" the span of 20 % to
        60 % that industry experts name.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, p. 34 (critical mass).
    """
    dataset = attribution.dataset
    codes = Codes(attribution.rule.method, attribution.rule.rule_year or attribution.as_of.year)
    visits = qualifying(dataset, codes, attribution.first, attribution.as_of)
    ours = dataset.providers.filter(dataset.providers.aco_id == aco_id)
    seen = visits.semi_join(ours, "provider_id")
    practice = seen.tin.fill_null(seen.provider_id)
    pairs = seen.select("member_id", practice=practice).distinct()
    mine = attribution.members.filter(attribution.members.aco_id == aco_id).select(attributed="member_id")
    both = pairs.left_join(mine, pairs.member_id == mine.attributed)
    sums = both.group_by("practice").agg(patients=both.count(), attributed=both.attributed.count()).to_pandas()
    frame = sums.set_index("practice").sort_values("patients", ascending=False, kind="stable")
    share = frame["attributed"] / frame["patients"]
    low, high = CRITICAL_MASS
    words = share.map(lambda s: "below" if s < low else "above" if s > high else "within")
    return frame.assign(share=share, enough=words)
