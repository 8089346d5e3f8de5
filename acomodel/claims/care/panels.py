"""Members of each physician as panels: what they cost, and where the physician sends them. No member is named."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from acomodel.claims.drilldown import counted_lines
from acomodel.claims.incurred import ContractScope
from acomodel.claims.members import member_years
from acomodel.claims.population import Population
from acomodel.claims.tables import Dataset
from acomodel.claims.visits import CLASSES, day_literal, known_providers
from acomodel.inputs import InputError

if TYPE_CHECKING:
    import ibis.expr.types as ir

AGES = (0, 18, 45, 65, 75, 85)
"""Youngest ages of the bands by which panels are adjusted. [years]"""
SELF, OTHER, ALL = "PCP self", "All other", "Total counted"
"""Groups of services: the physician's own, those of no other group, the sum of those that are referrals."""
PANEL_COLUMNS = ("year", "physician", "specialty", "cell", "members", "member_months", "allowed", "squares")
REFERRAL_COLUMNS = ("physician", "specialty", "group", "cell", "members", "member_months", "allowed", "squares")


@cache
def referral_groups() -> pd.DataFrame:
    """Groups of referred services, by kind of claim, specialty or class of provider, and whether they are counted."""
    with files("acomodel").joinpath("data/referral_groups.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype=str, keep_default_na=False)


def counted_groups() -> dict[str, bool]:
    """
    Whether each group of services counts as referred.

    >>> counted_groups()["Cardiology"], counted_groups()["Hospital"], counted_groups()["PCP self"]
    (True, False, False)
    """
    rows = referral_groups().drop_duplicates("group")
    return {SELF: False} | {str(r.group): r.counted == "yes" for r in rows.itertuples()}


def panel_costs(
    dataset: Dataset,
    population: Population,
    years: Sequence[int],
    scope: ContractScope | None = None,
    *,
    limit: float | None = None,
) -> pd.DataFrame:
    r"""
    Cost of the members attributed to each physician, by age and sex.

    Parameters
    ----------
    dataset, population : Dataset, Population
        Claims, and whose they are; the population must come from `assign`.
    years : sequence of int
        Calendar years, among those of the population.
    scope : ContractScope, optional
        What the contract counts.
    limit : float, optional
        Claims of a member in a year above which the rest is left out. [$]

    Returns
    -------
    pandas.DataFrame
        One row per year, physician and cell of age and sex: `year`, `physician`, `specialty`, `cell`, `members`,
        `member_months`, `allowed` (reported, not completed) [$], `squares`: sum over the members of their squared
        claims over their months, from which `cost_of_care` takes how much members vary. [$ squared per month]

    Raises
    ------
    InputError
        A population without attribution, or a year that is not among its own.

    Notes
    -----
    A member is in the panel of the physician to whom the year's attribution gives the member. Those of a group that
    joined in mid-year, who are attributed on their own, are in none.
    """
    scope = scope or ContractScope()
    members = member_years(dataset, population, years, scope)
    parts = []
    for year in sorted(years):
        rows = members[members["year"] == year].merge(_physicians(dataset, population, year), on="member_id")
        parts.append(_cells(rows, limit).assign(year=year))
    return pd.concat(parts, ignore_index=True)[list(PANEL_COLUMNS)]


def referral_costs(
    dataset: Dataset, population: Population, year: int, scope: ContractScope | None = None
) -> pd.DataFrame:
    """
    Cost of the members of each physician of primary care, by the group of who rendered the service.

    Parameters
    ----------
    dataset, population : Dataset, Population
        Claims, and whose they are; the population must come from `assign`.
    year : int
        Calendar year.
    scope : ContractScope, optional
        What the contract counts.

    Returns
    -------
    pandas.DataFrame
        `physician`, `specialty`, `group`, `cell`, `members`, `member_months`, `allowed` [$], `squares`. One row per
        physician and group, with an empty cell; and under "Total counted", the sum of the groups that are counted, one
        per physician and cell of age and sex, with squares as in `panel_costs`.

    Raises
    ------
    InputError
        A population without attribution, or a year that is not among its own.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 4, figure 4.5.
    """
    scope = scope or ContractScope()
    who = _physicians(dataset, population, year)
    who = who[who["primary"]]
    lines = _grouped(dataset, population, scope, year)
    sums = lines.group_by("physician", "group").agg(cents=lines.cents.sum()).to_pandas()
    counted = [name for name, yes in counted_groups().items() if yes]
    ours = lines.filter(lines.group.isin(counted))
    each = ours.group_by("member_id").agg(cents=ours.cents.sum()).to_pandas()
    members = member_years(dataset, population, [year], scope).merge(who, on="member_id")
    cents = each.set_index("member_id")["cents"].reindex(members["member_id"]).fillna(0)
    total = _cells(members.assign(allowed=cents.astype(float).to_numpy() / 100), None).assign(group=ALL)
    sizes = total.groupby(["physician", "specialty"], as_index=False)[["members", "member_months"]].sum()
    every = sizes.merge(pd.DataFrame({"group": list(counted_groups())}), how="cross")
    sums = sums.assign(allowed=sums["cents"].astype(float) / 100)[["physician", "group", "allowed"]]
    groups = every.merge(sums, on=["physician", "group"], how="left").fillna({"allowed": 0.0})
    found = pd.concat([groups.assign(cell="", squares=np.nan), total], ignore_index=True)
    return found[list(REFERRAL_COLUMNS)]


def _physicians(dataset: Dataset, population: Population, year: int) -> pd.DataFrame:
    """Physician of each member in a year: `member_id`, `physician`, `specialty`, `primary`."""
    rows = _attributed(population, year)
    known = known_providers(dataset).select("provider_id", "specialty", "rank")
    frame = rows.left_join(known, "provider_id").select("member_id", "provider_id", "specialty", "rank").to_pandas()
    return pd.DataFrame(
        {
            "member_id": frame["member_id"],
            "physician": frame["provider_id"],
            "specialty": frame["specialty"].fillna("").astype(str),
            "primary": frame["rank"] == CLASSES["primary"],
        }
    )


def _attributed(population: Population, year: int) -> ir.Table:
    """Members attributed to the ACO in a year, with the physician of each."""
    if not population.attributions:
        raise InputError("panels: the population has no attribution, so that no member has a physician")
    if year not in population.years:
        known = ", ".join(map(str, population.years))
        raise InputError(f"panels: found the year {year}; one of {known}, for which members are assigned, is wanted")
    members = population.attributions[population.years.index(year)].members
    return members.filter((members.aco_id == population.aco_id) & members.provider_id.notnull())


def _cells(members: pd.DataFrame, limit: float | None) -> pd.DataFrame:
    """Members added up by physician and cell of age and sex."""
    rows = members[members["months"] > 0]
    allowed = rows["allowed"] if limit is None else rows["allowed"].clip(upper=limit)
    rows = rows.assign(
        cell=_cell(rows["age"], rows["sex"]), allowed=allowed, squares=allowed**2 / rows["months"], members=1
    )
    rows = rows.rename(columns={"months": "member_months"})
    keys = ["physician", "specialty", "cell"]
    rows = rows.sort_values([*keys, "allowed", "member_months"])
    return rows.groupby(keys, as_index=False)[["members", "member_months", "allowed", "squares"]].sum()


def _cell(ages: pd.Series, sexes: pd.Series) -> pd.Series:
    """
    Words for age and sex.

    >>> _cell(pd.Series([70, 91, None]), pd.Series(["F", "M", "F"])).tolist()
    ['F 65-74', 'M 85+', 'not known']
    """
    bounds = [*AGES, np.inf]
    names = [
        f"{low}-{high - 1}" if np.isfinite(high) else f"{low}+" for low, high in zip(AGES, bounds[1:], strict=True)
    ]
    band = pd.cut(pd.to_numeric(ages, errors="coerce").astype(float), bounds, right=False, labels=names).astype(object)
    known = sexes.isin(["F", "M"]) & band.notna()
    return (sexes.astype(str) + " " + band.astype(str)).where(known, "not known")


def _grouped(dataset: Dataset, population: Population, scope: ContractScope, year: int) -> ir.Table:
    """Counted lines of the year: `member_id`, `physician` (of primary care), `group`, `cents`."""
    lines = counted_lines(dataset, population, scope)
    lines = lines.filter(lines.service_date.between(day_literal(date(year, 1, 1)), day_literal(date(year, 12, 31))))
    ranks = known_providers(dataset).select(renderer="provider_id", of_rank="rank")
    lines = lines.left_join(ranks, lines.provider_id == ranks.renderer)
    members = _attributed(population, year).select(whose="member_id", physician="provider_id")
    own = known_providers(dataset)
    primary = own.filter(own["rank"] == CLASSES["primary"]).select("provider_id")
    members = members.semi_join(primary, members.physician == primary.provider_id)
    joined = lines.join(members, lines.member_id == members.whose)
    return joined.select("member_id", "physician", group=_group(joined), cents=(joined.net * 100).cast("int64"))


def _group(lines: ir.Table) -> Any:
    """Group of a line: the physician's own, then by kind of claim, by specialty, by class; else all other."""
    import ibis

    rows = referral_groups()
    surgical = rows.loc[rows["by"] == "provider_class", "group"].iloc[0]
    branches = [((lines.provider_id == lines.physician).fill_null(False), SELF)]
    for by in ("claim_type", "specialty"):
        for name, part in rows[rows["by"] == by].groupby("group", sort=False):
            branches.append((lines[by].isin(part["value"].tolist()).fill_null(False), str(name)))
    branches.append(((lines.of_rank == CLASSES["surgical"]).fill_null(False), str(surgical)))
    return ibis.cases(*branches, else_=OTHER)
