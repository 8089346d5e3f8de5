"""Attribution of members to providers and their ACO: Dartmouth, MSSP two-step, PGP."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, get_args

import pandas as pd
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as settings

from acomodel.claims import duck
from acomodel.claims.tables import Dataset
from acomodel.claims.visits import (
    ANCILLARY,
    CLINIC,
    UNKNOWN_RANK,
    Codes,
    day_literal,
    days_seen,
    known_providers,
    members_known,
    practices,
    qualifying,
)
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError

if TYPE_CHECKING:
    import ibis.expr.types as ir

Method = Literal["dartmouth", "mssp", "pgp"]
METHODS: tuple[Method, ...] = get_args(Method)


@settings(frozen=True, config=ConfigDict(extra="forbid", strict=True))
class AttributionRule:
    """Method of attribution and its variants; codes, specialties and windows are dated rows of the package."""

    method: Method = Field(default="dartmouth", description="method: dartmouth, mssp or pgp")
    window_months: int | None = Field(
        default=None, ge=1, le=60, description="months of claims looked at; the method's own by default [months]"
    )
    count_free_visits: bool = Field(default=False, description="whether visits with nothing allowed count")
    rule_year: int | None = Field(
        default=None,
        ge=1990,
        le=2100,
        description="year whose codes and steps apply; that of the as-of date by default [year]",
    )


@dataclass(frozen=True, eq=False, repr=False)
class Attribution(Shown):
    """
    Members attributed by one method, with the provider and ACO of each.

    Parameters
    ----------
    rule : AttributionRule
        How it was done.
    first, as_of : date
        First and last day of the claims looked at.
    members : ibis.expr.types.Table
        One row per attributed member: `member_id`, `provider_id`, `aco_id` (missing where the provider belongs
        to none), `method`, `visits`.
    dataset : Dataset
        The claims it was worked out from.
    """

    rule: AttributionRule
    first: date
    as_of: date
    members: ir.Table
    dataset: Dataset

    @property
    def candidates(self) -> ir.Table:
        """What each member could have been attributed to: `member_id`, `rank`, `amount` (visits or cents)."""
        codes = Codes(self.rule.method, self.rule.rule_year or self.as_of.year)
        return expressions(self.dataset, codes, (self.first, self.as_of), None, free=self.rule.count_free_visits)[1]

    def contested(self) -> int:
        """Members for whom two providers had as many visits, or two practices as much money. [members]"""
        return int(_contested(self.candidates).count().to_pandas())

    def not_attributed(self) -> int:
        """Members with coverage on a day of the window who are attributed to nobody. [members]"""
        spans = self.dataset.eligibility
        begun, still = spans.start_date <= day_literal(self.as_of), spans.end_date >= day_literal(self.first)
        enrolled = spans.filter(begun & still).select("member_id").distinct()
        return int(enrolled.anti_join(self.members, "member_id").count().to_pandas())

    def to_frame(self) -> pd.DataFrame:
        """Attributed members in order of `member_id`."""
        return self.members.order_by("member_id").to_pandas()

    def summary(self) -> pd.DataFrame:
        """Members by ACO, those of no ACO, and those not attributed."""
        counts = self.members.group_by("aco_id").agg(members=self.members.count()).to_pandas()
        named = counts.dropna(subset="aco_id").set_index("aco_id")["members"].sort_index()
        attributed = int(counts["members"].sum())
        nobody = self.not_attributed()
        rows = {str(aco): int(n) for aco, n in named.items()}
        rows |= {"no ACO": attributed - int(named.sum()), "not attributed": nobody, "Total": attributed + nobody}
        return pd.Series(rows, name="members").rename_axis("attributed to").to_frame()

    def exhibit(self) -> Exhibit:
        """Members by ACO."""
        frame = self.summary().rename(columns={"members": "Members"}).rename_axis("Attributed to")
        note = f"{self.contested():,} members were contested and decided by the later keys of the rule."
        words = {"dartmouth": "Dartmouth", "mssp": "MSSP", "pgp": "PGP"}[self.rule.method]
        return Exhibit(f"Attribution ({words}), claims {self.first} to {self.as_of}", frame, {"Members": "#"}, note)


def attribute(dataset: Dataset, rule: AttributionRule | None = None, as_of: date | str | None = None) -> Attribution:
    r"""
    Attribute members to the provider and ACO responsible for them.

    Parameters
    ----------
    dataset : Dataset
        Canonical claims tables.
    rule : AttributionRule, optional
        Method; Dartmouth by default.
    as_of : date or str, optional
        Last day of the claims looked at; the last day of service in the claims by default.

    Returns
    -------
    Attribution

    Raises
    ------
    InputError
        A date that cannot be, or no codes in force for the rule's year.

    Notes
    -----
    Members without any coverage in the data are not attributed. Reversals take back what they reverse. A visit is a
    day on which a member saw a provider. *Dartmouth*: of the providers seen in two years at
    outpatient evaluation and management visits allowed above zero, ancillary specialties left out, the first by

    .. math:: (\text{class}, -\text{visits}, -\text{days from first to last}, -\text{last visit}, \text{identifier})

    with primary care before medical before surgical; where every provider was seen once, the days are zero and the
    most recent visit decides. The identifier makes the choice independent of the order of the rows. The ACO is that
    of the provider, if the provider is exclusive to it.

    *MSSP*: a member with a primary care service from a physician of the ACO belongs to it if its allowed charges
    for primary care services by primary care practitioners exceed those of every other ACO and every practice
    outside; step 2 does the same over other practitioners for members without any service of the first kind. Charges
    are compared in whole cents. *PGP*: the ACO or practice with the largest share of outpatient evaluation and
    management charges of the year. In both the provider named is the one of the practice with the largest charges.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, pp. 31-34 and exhibit 3.2.
    .. [2] 42 CFR 425.20, 425.402 (2015); later years as cited in the rows of `rules/assignment.csv`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from acomodel.claims.synthetic import SyntheticSettings, write_book
    >>> from acomodel.claims.tables import read_dataset
    >>> folder = Path(tempfile.mkdtemp()) / "book"
    >>> _ = write_book(SyntheticSettings(members=200, months=24), folder)
    >>> found = attribute(read_dataset(folder), AttributionRule("mssp"), "2022-12-31")
    >>> list(found.to_frame().columns)
    ['member_id', 'provider_id', 'aco_id', 'method', 'visits']
    """
    rule = rule or AttributionRule()
    last = _day(dataset, as_of)
    codes = Codes(rule.method, rule.rule_year or last.year)
    first = _months_before(last, rule.window_months or int(codes.one("window_months")))
    earlier = None
    if not codes.rows("expanded_window_months").empty:
        earlier = _months_before(last, int(codes.one("expanded_window_months")))
    free = rule.count_free_visits
    if dataset.engine == "duckdb":
        members = duck.attributed(dataset, codes, (first, last), earlier, free=free)
    else:
        members = dataset.keep(expressions(dataset, codes, (first, last), earlier, free=free)[0])
    return Attribution(rule, first, last, members, dataset)


def expressions(
    dataset: Dataset, codes: Codes, window: tuple[date, date], earlier: date | None, *, free: bool
) -> tuple[ir.Table, ir.Table]:
    """
    Members attributed by a method, and what each could have been attributed to, for any engine.

    Parameters and columns are those of `duck.attributed`, the same rules as SQL of DuckDB: to compile expressions
    takes longer than to read a book of a million lines. Other engines run these, and the tests hold that SQL to them.
    """
    import ibis

    visits = qualifying(dataset, codes, *window)
    if codes.method == "dartmouth":
        chosen, candidates = _dartmouth(dataset, days_seen(visits, free=free), window[0])
    elif codes.method == "mssp":
        chosen, candidates = _mssp(dataset, visits, codes, earlier, window[1])
    else:
        chosen, candidates = _pgp(dataset, visits)
    columns = ["member_id", "provider_id", "aco_id", "method", "visits"]
    chosen = chosen.semi_join(members_known(dataset), "member_id")
    return chosen.mutate(method=ibis.literal(codes.method, "string")).select(columns), candidates


def _dartmouth(dataset: Dataset, days: ir.Table, first: date) -> tuple[ir.Table, ir.Table]:
    """Exhibit 3.2: the least of the keys class, visits, days between, last visit, identifier."""
    import ibis

    pairs = days.group_by("member_id", "provider_id").agg(
        visits=days.count(), early=days.service_date.min(), late=days.service_date.max()
    )
    seen = pairs.left_join(known_providers(dataset), "provider_id")
    rank = seen["rank"].fill_null(UNKNOWN_RANK)
    seen = seen.mutate(place=rank).filter(rank < ANCILLARY)
    back = _days_after(first, seen.early) - _days_after(first, seen.late)
    candidates = seen.select(
        "member_id", "provider_id", "aco_id", "visits", rank="place", span=back, last=-_days_after(first, seen.late)
    )
    key = ibis.struct(
        {
            "rank": candidates["rank"],
            "amount": -candidates.visits,
            "span": candidates.span,
            "last": candidates.last,
            "provider_id": candidates.provider_id,
            "aco_id": candidates.aco_id.fill_null(""),
        }
    )
    best = candidates.group_by("member_id").agg(best=key.min())
    chosen = best.select(
        "member_id",
        provider_id=best.best["provider_id"],
        aco_id=best.best["aco_id"].nullif(""),
        visits=(-best.best["amount"]).cast("int64"),
    )
    return chosen, candidates.select("member_id", "rank", amount="visits")


def _entities(parts: ir.Table, first: Any, second: Any, physician: Any) -> ir.Table:
    """
    ACOs and practices a member could be attributed to, with the rank and the charges of their step.

    A row that has services of step 1 is ranked by these alone; where no row of a member has any, all have rank 2.
    """
    import ibis

    marked = parts.mutate(one=first, two=second, physician=physician)
    top = ibis.struct({"cents": -marked.cents, "provider_id": marked.provider_id})
    whole = marked.group_by("member_id", "entity", "aco_id").agg(
        services_1=marked.services.sum(where=marked.one).fill_null(0),
        services_2=marked.services.sum(where=marked.two).fill_null(0),
        cents_1=marked.cents.sum(where=marked.one),
        cents_2=marked.cents.sum(where=marked.two),
        top_1=top.min(where=marked.one),
        top_2=top.min(where=marked.two),
        physician=marked.physician.any(),
    )
    whole = whole.filter((whole.services_1 > 0) | (whole.services_2 > 0))
    by_first = whole.services_1 > 0
    return whole.select(
        "member_id",
        "entity",
        "aco_id",
        "physician",
        rank=by_first.ifelse(_int(1), _int(2)),
        amount=by_first.ifelse(whole.cents_1, whole.cents_2).cast("int64"),
        services=by_first.ifelse(whole.services_1, whole.services_2).cast("int64"),
        provider_id=by_first.ifelse(whole.top_1["provider_id"], whole.top_2["provider_id"]),
    )


def _plurality(entities: ir.Table) -> ir.Table:
    """Entity of the first rank with the largest charges of each member, and how many are even with it."""
    import ibis

    key = ibis.struct(
        {
            "services": -entities.services,
            "entity": entities.entity,
            "aco_id": entities.aco_id.fill_null(""),
            "provider_id": entities.provider_id,
            "physician": entities.physician.cast("int32"),
        }
    )
    even = entities.group_by("member_id", "rank", "amount").agg(leaders=entities.count(), lead=key.min())
    first = ibis.struct(
        {"rank": even["rank"], "amount": -even.amount, "leaders": even.leaders}
        | {name: even.lead[name] for name in ("services", "entity", "aco_id", "provider_id", "physician")}
    )
    best = even.group_by("member_id").agg(best=first.min())
    return best.select(
        "member_id",
        provider_id=best.best["provider_id"],
        aco_id=best.best["aco_id"].nullif(""),
        visits=(-best.best["services"]).cast("int64"),
        leaders=best.best["leaders"],
        physician=best.best["physician"] == 1,
    )


def _mssp(
    dataset: Dataset, visits: ir.Table, codes: Codes, earlier: date | None, last: date
) -> tuple[ir.Table, ir.Table]:
    """Pre-step, step 1, step 2 and, where it is in force, step 3 over the expanded window."""
    parts = practices(dataset, visits)
    physicians, others = [*codes.listed("primary_physician"), CLINIC], codes.listed("non_physician")
    of_step_1 = [*physicians, *(others if codes.has("step_1_non_physicians") else [])]

    def marks(table: ir.Table) -> tuple[Any, Any]:
        specialty = table.specialty.fill_null("")
        if codes.has("step_2_any_specialty"):
            return ~specialty.isin(of_step_1), ~specialty.isin(others)
        listed = codes.listed("step_2_specialty")
        return specialty.isin(listed), specialty.isin([*physicians, *listed])

    second, physician = marks(parts)
    entities = _entities(parts, parts.specialty.fill_null("").isin(of_step_1), second, physician)
    won = _plurality(entities)
    sure = won.filter((won.leaders == 1) & (won.aco_id.isnull() | won.physician))
    chosen = sure.select("member_id", "provider_id", "aco_id", "visits")
    candidates = entities.select("member_id", "rank", "amount")
    if earlier is None:
        return chosen, candidates
    wide = practices(dataset, qualifying(dataset, codes, earlier, last))
    late = _plurality(
        _entities(
            wide, wide.specialty.fill_null("").isin([*physicians, *others]), second=False, physician=marks(wide)[1]
        )
    )
    late = late.filter((late.leaders == 1) & late.physician & late.aco_id.notnull())
    recent = parts.filter(parts.specialty.isin(others) & parts.aco_id.notnull())
    recent = recent.select(other="member_id", other_aco="aco_id").distinct()
    late = late.semi_join(recent, [late.member_id == recent.other, late.aco_id == recent.other_aco])
    placed = sure.select(other="member_id")
    late = late.anti_join(placed, [late.member_id == placed.other])
    return chosen.union(late.select("member_id", "provider_id", "aco_id", "visits")), candidates


def _pgp(dataset: Dataset, visits: ir.Table) -> tuple[ir.Table, ir.Table]:
    """Largest share of outpatient evaluation and management charges in the year."""
    entities = _entities(practices(dataset, visits), first=True, second=False, physician=True)
    chosen = _plurality(entities).select("member_id", "provider_id", "aco_id", "visits")
    return chosen, entities.select("member_id", "rank", "amount")


def _contested(candidates: ir.Table) -> ir.Table:
    """Members with two candidates of the first rank that are even."""
    import ibis

    lead = ibis.struct({"rank": candidates["rank"], "amount": -candidates.amount})
    even = candidates.mutate(lead=lead).group_by("member_id", "lead").agg(n=ibis._.count())
    best = even.group_by("member_id").agg(best=ibis.struct({"lead": even.lead, "n": even.n}).min())
    return best.filter(best.best["n"] > 1).select("member_id")


def _int(value: int) -> Any:
    import ibis

    return ibis.literal(value, "int32")


def _days_after(first: date, column: Any) -> Any:
    """Days from a date to a column of dates."""
    return column.delta(day_literal(first), unit="day").cast("int32")


def _months_before(last: date, months: int) -> date:
    """First day of the window of so many months that ends with a day."""
    return (pd.Timestamp(last) + pd.Timedelta(days=1) - pd.DateOffset(months=months)).date()


def _day(dataset: Dataset, as_of: date | str | None) -> date:
    """As-of date as given, or the last day of service."""
    if as_of is None:
        return pd.Timestamp(dataset.claims.service_date.max().to_pandas()).date()
    try:
        return date.fromisoformat(str(as_of))
    except ValueError:
        raise InputError(f"as-of date: found '{as_of}'; a date written YYYY-MM-DD is wanted.") from None
