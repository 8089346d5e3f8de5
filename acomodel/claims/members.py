"""Members year by year: who they are, how long they were assigned, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING, Any

import pandas as pd

from acomodel.claims.incurred import ContractScope
from acomodel.claims.population import Population
from acomodel.claims.tables import Dataset
from acomodel.claims.visits import day_literal
from acomodel.rates import MONTHS

if TYPE_CHECKING:
    import ibis.expr.types as ir

AGE_ON = (2, 1)
"""Month and day on which a year's age is taken, as CMS-HCC does."""
OLDEST = 120
"""Age above which a date of birth is not believed. [years]"""


def member_years(
    dataset: Dataset, population: Population, years: Sequence[int], scope: ContractScope | None = None
) -> pd.DataFrame:
    r"""
    Members of a population in each calendar year, with their exposure and their claims.

    Parameters
    ----------
    dataset : Dataset
        Canonical claims tables.
    population : Population
        Who is assigned, and when; from `assign` or `everyone`.
    years : sequence of int
        Calendar years.
    scope : ContractScope, optional
        What the contract counts; the same as for `experience`, so that both add up to the same.

    Returns
    -------
    pandas.DataFrame
        One row per member and year, in order of year and member: `member_id`, `year`, `sex`, `age` (on 1 February;
        missing where no date of birth is known, or it cannot be) [years], `months` (as the contract counts them)
        [member months], `covered_before` (months of any coverage in the year before) [months], `dual_status`, `orec`,
        `esrd`, `county`, `allowed` (reported, not completed) [$], and `continuing` (assigned in the year before too;
        missing in the first of the years, where that is not known).

    Notes
    -----
    Sums of `months` and `allowed` over the members of a year are those of `experience`. Status and county are those
    of the last span of eligibility that begins within the year or before. Identifiers stay in this frame: what
    goes into a report is made of counts and sums.

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
    >>> found = member_years(dataset, everyone(dataset, [2022]), [2022])
    >>> bool(found["months"].max() <= 12)
    True
    """
    scope = scope or ContractScope()
    parts = [_of_year(dataset, population.windows, year, scope) for year in sorted(years)]
    frame = pd.concat(parts, ignore_index=True)
    frame["allowed"] = frame["allowed"].astype(float).fillna(0.0)
    before = frame[["member_id", "year"]].assign(year=frame["year"] + 1)
    known = pd.MultiIndex.from_frame(before)
    continuing = pd.MultiIndex.from_frame(frame[["member_id", "year"]]).isin(known)
    frame["continuing"] = pd.Series(continuing, index=frame.index, dtype="boolean").mask(frame["year"] == min(years))
    return frame.sort_values(["year", "member_id"], ignore_index=True)


def diagnosed(dataset: Dataset, year: int) -> ir.Table:
    """Diagnoses of a calendar year that count for risk adjustment, each of a member once: `member_id`, `code`."""
    rows = dataset.diagnoses
    within = rows.service_date.between(day_literal(date(year, 1, 1)), day_literal(date(year, 12, 31)))
    return rows.filter(within & rows.eligible.fill_null(True)).select("member_id", "code").distinct()


def _of_year(dataset: Dataset, windows: ir.Table, year: int, scope: ContractScope) -> pd.DataFrame:
    start, end = date(year, 1, 1), date(year, 12, 31)
    within = _clipped(windows, start, end)
    exposed = _months(within, year, scope.member_months)
    earlier = _months(_clipped(_covered(dataset), date(year - 1, 1, 1), date(year - 1, 12, 31)), year - 1, "any_day")
    earlier = earlier.select("member_id", covered_before="months")
    who = _who(dataset, year)
    claims = _claims(dataset, within, scope)
    tables = [who, earlier, claims]
    joined = reduce(lambda left, right: left.left_join(right, "member_id").drop("member_id_right"), tables, exposed)
    frame = joined.to_pandas()
    frame.insert(1, "year", year)
    frame["months"] = frame["months"].astype(float)
    frame["covered_before"] = frame["covered_before"].fillna(0).astype(int)
    frame["esrd"] = frame["esrd"].fillna(False).astype(bool)
    return frame


def _covered(dataset: Dataset) -> ir.Table:
    from acomodel.claims.population import merged

    return merged(dataset.eligibility)


def _clipped(spans: ir.Table, start: date, end: date) -> ir.Table:
    """Spans cut to a year."""
    import ibis

    first, last = day_literal(start), day_literal(end)
    inside = spans.filter((spans.start_date <= last) & (spans.end_date >= first))
    return inside.select(
        "member_id",
        start_date=ibis.greatest(inside.start_date, first),
        end_date=ibis.least(inside.end_date, last),
    )


def _months(spans: ir.Table, year: int, how: str) -> ir.Table:
    """Months of each member in a year, from spans that do not overlap and lie within it."""
    import ibis

    first, last = spans.start_date.month(), spans.end_date.month()
    if how == "days":
        counted = sum((_share(spans, year, month) for month in range(1, MONTHS + 1)), ibis.literal(0.0))
        return spans.mutate(counted=counted).group_by("member_id").agg(months=ibis._.counted.sum())
    if how == "first_day":
        rows = spans.mutate(counted=last - first + (spans.start_date.day() == 1).cast("int32"))
        return rows.group_by("member_id").agg(months=rows.counted.sum())
    again = last.lag().over(ibis.window(group_by="member_id", order_by="start_date"))
    rows = spans.mutate(counted=last - first + 1 - (again == first).fill_null(False).cast("int32"))
    return rows.group_by("member_id").agg(months=rows.counted.sum())


def _share(spans: ir.Table, year: int, month: int) -> Any:
    """Share of the days of a month that lie in a span."""
    import ibis

    period = pd.Period(year=year, month=month, freq="M")
    opens, closes = day_literal(period.start_time.date()), day_literal(period.end_time.date())
    days = ibis.least(spans.end_date, closes).delta(ibis.greatest(spans.start_date, opens), unit="day") + 1
    return ibis.greatest(days, 0) / period.days_in_month


def _who(dataset: Dataset, year: int) -> ir.Table:
    """Age, sex and status of each member in a year; an age that cannot be is not known."""
    import ibis

    spans = dataset.eligibility
    begun = spans.filter(spans.start_date <= day_literal(date(year, 12, 31)))
    latest = begun.group_by("member_id").agg(
        birth_date=begun.birth_date.max(),
        sex=begun.sex.argmax(begun.start_date),
        dual_status=begun.dual_status.argmax(begun.start_date),
        orec=begun.orec.argmax(begun.start_date),
        esrd=begun.esrd.argmax(begun.start_date),
        county=begun.county.argmax(begun.start_date),
    )
    month, day = AGE_ON
    had = (latest.birth_date.month() * 100 + latest.birth_date.day() <= month * 100 + day).cast("int32")
    age = year - latest.birth_date.year() - 1 + had
    born = latest.birth_date <= day_literal(date(year, 12, 31))
    counted = ibis.cases((~born | (age > OLDEST), ibis.null("int32")), (age < 0, 0), else_=age)
    return latest.mutate(age=counted).drop("birth_date")


def _claims(dataset: Dataset, windows: ir.Table, scope: ContractScope) -> ir.Table:
    """Allowed claims of each member on the days assigned, as the contract counts them."""
    lines = dataset.claims
    if scope.excluded_services:
        lines = lines.filter(lines.service_category.notin(scope.excluded_services))
    if scope.capitated == "apart":
        lines = lines.filter(~lines.capitated.fill_null(False))
    theirs = windows.select(assigned="member_id", opens="start_date", closes="end_date")
    on_day = [
        lines.member_id == theirs.assigned,
        lines.service_date >= theirs.opens,
        lines.service_date <= theirs.closes,
    ]
    amount = lines.allowed if scope.ime_dsh else lines.allowed - lines.ime_dsh.fill_null(0)
    joined = lines.select("member_id", "service_date", amount=amount).join(theirs, on_day)
    return joined.group_by("member_id").agg(allowed=joined.amount.sum())
