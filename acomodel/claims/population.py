"""The population an ACO answers for: who is assigned in each year, and from when to when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

import pandas as pd
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as settings

from acomodel.claims.attribution import Attribution, AttributionRule, attribute
from acomodel.claims.tables import Dataset
from acomodel.claims.visits import day_literal, members_known
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError, nearest

if TYPE_CHECKING:
    import ibis.expr.types as ir

_STRICT = ConfigDict(extra="forbid", strict=True)


@settings(frozen=True, config=_STRICT)
class GroupJoin:
    """A large group that joins during the year and is attributed on its own at that date."""

    payer: str = Field(min_length=1, description="payer of the group, as in the eligibility")
    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="day on which the group joins")


@settings(frozen=True, config=_STRICT)
class MembershipRule:
    """What becomes of members who join, move, die or lose coverage within the year."""

    timing: Literal["retrospective", "prospective"] = Field(
        default="retrospective", description="claims that decide: through the end of the year, or before it begins"
    )
    moved: Literal["stay", "leave"] = Field(
        default="stay", description="members who move to another county within the year"
    )
    died: Literal["count", "exclude"] = Field(default="count", description="members who die within the year")
    left: Literal["count", "exclude"] = Field(default="count", description="members who lose coverage within the year")
    joins: list[GroupJoin] = Field(default_factory=list, description="groups that join during a year")


@dataclass(frozen=True, eq=False, repr=False)
class Population(Shown):
    """
    Members assigned to an ACO, with the days for which it answers for them.

    Parameters
    ----------
    aco_id : str
        The ACO.
    windows : ibis.expr.types.Table
        `member_id`, `start_date`, `end_date`: days on which members are assigned and covered; those of a
        member do not overlap.
    years : tuple of int
        Calendar years for which members were assigned.
    changes : pandas.DataFrame
        Index year; members assigned, and of them those who died, moved, lost coverage or joined in the year.
    attributions : tuple of Attribution
        Attribution of each year.
    """

    aco_id: str
    windows: ir.Table
    years: tuple[int, ...]
    changes: pd.DataFrame
    attributions: tuple[Attribution, ...]

    def exhibit(self) -> Exhibit:
        """Members assigned in each year, and what became of them."""
        table = self.changes.rename(columns=lambda c: c[0].upper() + c[1:].replace("_", " ")).rename_axis("Year")
        note = "What becomes of them follows the rule of membership; a member may stand in several columns."
        return Exhibit(f"Members assigned to {self.aco_id}", table, dict.fromkeys(table.columns, "#"), note)


def assign(
    dataset: Dataset,
    aco_id: str,
    years: Sequence[int],
    rule: AttributionRule | None = None,
    membership: MembershipRule | None = None,
) -> Population:
    """
    Assign members to an ACO year by year.

    Parameters
    ----------
    dataset : Dataset
        Canonical claims tables.
    aco_id : str
        The ACO.
    years : sequence of int
        Calendar years.
    rule : AttributionRule, optional
        Method; Dartmouth by default.
    membership : MembershipRule, optional
        Timing, and what becomes of members who move, die, lose coverage or join as a group.

    Returns
    -------
    Population

    Raises
    ------
    InputError
        The data know no such ACO, or a date of a group cannot be.

    Notes
    -----
    Assignment is for a calendar year, by the rules of that year. *Retrospective*: by claims through its last day;
    *prospective*: through the last day before it. A member counts while covered; "exclude" takes those who die, or lose
    coverage, out of the whole year. A group that joins in mid-year is attributed by claims before that day alone, and
    counts from it on.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, pp. 32-35 (exclusivity, changes in membership).
    """
    rule, membership = rule or AttributionRule(), membership or MembershipRule()
    known = dataset.acos()
    if aco_id not in known:
        raise InputError(
            f"{dataset.path}: no provider of the ACO '{aco_id}'; the data know {', '.join(known) or 'none'}."
        )
    _check_joins(membership, years)
    windows, changes, found = [], {}, []
    for year in sorted(years):
        start, end = date(year, 1, 1), date(year, 12, 31)
        as_of = end if membership.timing == "retrospective" else start - timedelta(days=1)
        of_year = rule if rule.rule_year is not None else replace(rule, rule_year=year)
        attribution = attribute(dataset, of_year, as_of)
        found.append(attribution)
        members = attribution.members
        assigned = _window(members.filter(members.aco_id == aco_id), start, end)
        for group in membership.joins:
            if group.date[:4] == str(year):
                theirs, ours = _joiners(dataset, of_year, group, aco_id, end)
                assigned = dataset.keep(assigned.anti_join(theirs, "member_id").union(ours))
        assigned = dataset.keep(assigned)
        fates = dataset.keep(_fates(dataset, assigned, start, end))
        kept = _apply(fates, membership)
        windows.append(dataset.keep(kept))
        counts = fates.agg(
            assigned=fates.count(),
            died=fates.died.sum(),
            moved=fates.moved.notnull().sum(),
            lost_coverage=fates.left.sum(),
            joined=(fates.start_date > day_literal(start)).sum(),
        ).to_pandas()
        changes[year] = counts.iloc[0].fillna(0).astype(int)
    whole = windows[0] if len(windows) == 1 else windows[0].union(*windows[1:])
    frame = pd.DataFrame(changes).T.rename_axis("year")
    covered = _overlap(dataset.keep(merged(whole)), coverage(dataset))
    return Population(aco_id, dataset.keep(covered), tuple(sorted(years)), frame, tuple(found))


def everyone(dataset: Dataset, years: Sequence[int]) -> Population:
    """Everyone who is covered, as a population: the experience of a whole plan."""
    members = int(members_known(dataset).count().to_pandas())
    frame = pd.DataFrame({"assigned": members}, index=pd.Index(sorted(years), name="year"))
    return Population("all members", coverage(dataset), tuple(sorted(years)), frame, ())


def coverage(dataset: Dataset) -> ir.Table:
    """Days of coverage of each member, `merged`; worked out once for a dataset."""
    return dataset.once("coverage", lambda: merged(dataset.eligibility))


def merged(spans: ir.Table) -> ir.Table:
    """
    Spans of days of each member, with those that overlap or touch made one.

    Parameters
    ----------
    spans : ibis.expr.types.Table
        `member_id`, `start_date`, `end_date`.

    Returns
    -------
    ibis.expr.types.Table
        The same columns; the spans of a member do not overlap.
    """
    import ibis

    before = ibis.window(group_by="member_id", order_by=["start_date", "end_date"], preceding=(None, 1))
    upto = ibis.window(group_by="member_id", order_by=["start_date", "end_date"], preceding=(None, 0))
    valid = spans.filter(spans.end_date >= spans.start_date).select("member_id", "start_date", "end_date").distinct()
    reached = valid.mutate(covered_to=valid.end_date.max().over(before))
    opens = reached.covered_to.isnull() | (reached.start_date > reached.covered_to + ibis.interval(days=1))
    marked = reached.mutate(opens=opens.cast("int32"))
    numbered = marked.mutate(island=marked.opens.sum().over(upto))
    whole = numbered.group_by("member_id", "island").agg(
        start_date=numbered.start_date.min(), end_date=numbered.end_date.max()
    )
    return whole.select("member_id", "start_date", "end_date")


def _overlap(windows: ir.Table, spans: ir.Table) -> ir.Table:
    """Days on which members are both assigned and covered."""
    import ibis

    theirs = spans.select(covered="member_id", covered_from="start_date", covered_to="end_date")
    both = windows.join(
        theirs,
        [
            windows.member_id == theirs.covered,
            windows.start_date <= theirs.covered_to,
            windows.end_date >= theirs.covered_from,
        ],
    )
    return both.select(
        "member_id",
        start_date=ibis.greatest(both.start_date, both.covered_from),
        end_date=ibis.least(both.end_date, both.covered_to),
    )


def _window(members: ir.Table, start: date, end: date) -> ir.Table:
    return members.select("member_id", start_date=day_literal(start), end_date=day_literal(end))


def _joiners(
    dataset: Dataset, rule: AttributionRule, group: GroupJoin, aco_id: str, end: date
) -> tuple[ir.Table, ir.Table]:
    """Members of a group on the day it joins, and those attributed to the ACO by their claims before it."""
    day = date.fromisoformat(group.date)
    members = attribute(dataset, rule, day - timedelta(days=1)).members
    spans = dataset.eligibility
    on_day = (spans.start_date <= day_literal(day)) & (spans.end_date >= day_literal(day))
    of_group = dataset.keep(spans.filter((spans.payer == group.payer) & on_day).select("member_id").distinct())
    if not int(of_group.count().to_pandas()):
        known = spans.filter(spans.payer.notnull()).select("payer").distinct().to_pandas()["payer"]
        raise InputError(
            f"membership.joins: nobody is covered by '{group.payer}' on {group.date}; the eligibility names the payers "
            f"{', '.join(sorted(known)) or '(none)'}.{nearest(group.payer, known)}"
        )
    return of_group, _window(members.filter(members.aco_id == aco_id).semi_join(of_group, "member_id"), day, end)


def _check_joins(membership: MembershipRule, years: Sequence[int]) -> None:
    """Refuse a day that cannot be, or that lies in none of the years."""
    for group in membership.joins:
        try:
            day = date.fromisoformat(group.date)
        except ValueError:
            raise InputError(f"membership.joins: found '{group.date}'; a day written YYYY-MM-DD is wanted.") from None
        if day.year not in years:
            listed = ", ".join(map(str, sorted(years)))
            raise InputError(f"membership.joins: {group.date} lies in none of the years of experience ({listed}).")


def _fates(dataset: Dataset, assigned: ir.Table, start: date, end: date) -> ir.Table:
    """
    For each assigned member covered in the year: whether it died or lost coverage, and the day it moved, if it did.

    A move is a county other than that of the eve of the year, or of the first day covered in it.
    """
    import ibis

    spans = dataset.eligibility
    within = spans.filter((spans.start_date <= day_literal(end)) & (spans.end_date >= day_literal(start)))
    begun = within.county.notnull().ifelse(within.start_date, ibis.null("date"))
    homes = within.group_by("member_id").agg(
        home=within.county.argmin(begun),
        covered_to=within.end_date.max(),
        death_date=within.death_date.max(),
    )
    later = within.join(homes.select("member_id", "home"), "member_id")
    eve = start - timedelta(days=1)
    before = spans.filter((spans.start_date <= day_literal(eve)) & (spans.end_date >= day_literal(eve)))
    old = before.group_by("member_id").agg(old=before.county.max())
    later = later.left_join(old, "member_id")
    away = later.filter((later.county != later.old.fill_null(later.home)).fill_null(False))
    moves = away.group_by("member_id").agg(moved=ibis.greatest(away.start_date.min(), day_literal(start)))
    known = assigned.join(homes, "member_id").left_join(moves, "member_id")
    died = known.death_date.between(day_literal(start), day_literal(end)).fill_null(False)
    left = (known.covered_to < day_literal(end)).fill_null(True) & ~died
    return known.select("member_id", "start_date", "end_date", moved=known.moved, died=died, left=left)


def _apply(fates: ir.Table, membership: MembershipRule) -> ir.Table:
    """Windows of a year after the rule of membership."""
    import ibis

    kept = fates
    if membership.died == "exclude":
        kept = kept.filter(~kept.died)
    if membership.left == "exclude":
        kept = kept.filter(~kept.left)
    end = kept.end_date
    if membership.moved == "leave":
        end = ibis.least(end, (kept.moved - ibis.interval(days=1)).cast("date").fill_null(end))
    kept = kept.select("member_id", "start_date", end_date=end)
    return kept.filter(kept.end_date >= kept.start_date)
