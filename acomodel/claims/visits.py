"""Visits that attribution looks at: dated codes and specialties, qualifying lines, practices and their ACOs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd

from acomodel.claims.tables import Dataset
from acomodel.inputs import InputError
from acomodel.programs import rule_table

if TYPE_CHECKING:
    import ibis.expr.types as ir

CLASSES = {"primary": 1, "medical": 2, "surgical": 3}
"""Rank of the classes of exhibit 3.2; providers whose class is not known come after them, ancillary ones never."""
UNKNOWN_RANK, ANCILLARY = 4, 9
CLINIC = "clinic"
"""Specialty of lines that qualify by revenue centre: federally qualified health centers, rural health clinics."""


@dataclass(frozen=True)
class Codes:
    """
    Codes, specialties and choices of a method in force in one year.

    Examples
    --------
    >>> Codes("mssp", 2014).listed("primary_physician")
    ['01', '08', '11', '38']
    >>> "99490" in Codes("mssp", 2014).listed("visit_code"), "99490" in Codes("mssp", 2016).listed("visit_code")
    (False, True)
    """

    method: str
    year: int

    def rows(self, parameter: str) -> pd.DataFrame:
        """Rows of one parameter in force."""
        return _in_force(self.method, self.year, parameter)

    def listed(self, parameter: str) -> list[str]:
        """Values of one parameter in force, ranges written out."""
        found: list[str] = []
        for row in self.rows(parameter).itertuples():
            first, last = str(row.first), str(row.last)
            digits = len(first) - len(first.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
            span = range(int(first[digits:]), int(last[digits:]) + 1) if first != last else ()
            found += [f"{first[:digits]}{n:0{len(first) - digits}d}" for n in span] or [first]
        return sorted(set(found))

    def one(self, parameter: str) -> str:
        """The one value of a parameter, or an error."""
        rows = self.rows(parameter)
        if rows.empty:
            raise InputError(
                f"attribution by '{self.method}' has no {parameter.replace('_', ' ')} in force in {self.year}"
            )
        return str(rows["first"].iloc[-1])

    def has(self, parameter: str) -> bool:
        """Whether a choice is "yes"; no row means no."""
        rows = self.rows(parameter)
        return not rows.empty and str(rows["first"].iloc[-1]) == "yes"


@cache
def _in_force(method: str, year: int, parameter: str) -> pd.DataFrame:
    table = rule_table("assignment")
    rows = table[(table["method"] == method) & (table["parameter"] == parameter)]
    until = rows["effective_to"].replace("", "9999").astype(int)
    return rows[(rows["effective_from"].astype(int) <= year) & (year <= until)]


def visit_codes(codes: Codes) -> list[str]:
    """Visit codes of a method in force, or an error."""
    if wanted := codes.listed("visit_code"):
        return wanted
    raise InputError(f"attribution by '{codes.method}' has no visit codes in force in {codes.year}")


def qualifying(dataset: Dataset, codes: Codes, first: date, last: date) -> ir.Table:
    """
    Claim lines that bear the visit codes of a method, outside its excluded places, reversals among them.

    Parameters
    ----------
    dataset : Dataset
        Canonical claims tables.
    codes : Codes
        Codes in force.
    first, last : date
        Days between which the service lies.

    Returns
    -------
    ibis.expr.types.Table
        Lines of `claims` that qualify.

    Raises
    ------
    InputError
        No visit codes are in force in that year.
    """
    lines = dataset.claims
    wanted = visit_codes(codes)
    kind = (lines.claim_type == "professional") & lines.hcpcs.isin(wanted)
    if excluded := codes.listed("excluded_place"):
        kind &= lines.place_of_service.isnull() | lines.place_of_service.notin(excluded)
    if revenue := codes.listed("visit_revenue_code"):
        kind |= (lines.claim_type == "outpatient") & lines.revenue_code.isin(revenue)
    in_time = lines.service_date.between(day_literal(first), day_literal(last))
    return lines.filter(kind & in_time & lines.provider_id.notnull())


def days_seen(visits: ir.Table, *, free: bool = False) -> ir.Table:
    """
    Days on which members saw providers, net of reversals: `member_id`, `provider_id`, `service_date`.

    A day counts if what is allowed on it, reversals taken off, is above zero; with `free`, also if it has more lines
    than reversals.
    """
    lines = visits.mutate(line=(visits.allowed < 0).ifelse(-1, 1)) if free else visits
    grouped = lines.group_by("member_id", "provider_id", "service_date")
    net = grouped.agg(net=lines.line.sum() if free else lines.allowed.sum())
    return net.filter(net.net > 0).select("member_id", "provider_id", "service_date")


def known_providers(dataset: Dataset) -> ir.Table:
    """
    One row per provider: rank of its class, specialty, practice, and the one ACO to which it is exclusive.

    A provider listed more than once has the first of its classes (primary, medical, surgical, not known, ancillary)
    with the specialty of that row. One listed in two practices has none, one listed exclusively in two ACOs
    belongs to neither.
    """
    return dataset.once("known_providers", lambda: _known_providers(dataset))


def _known_providers(dataset: Dataset) -> ir.Table:
    import ibis

    rows = dataset.providers
    rank = rows.provider_class.isnull().ifelse(
        UNKNOWN_RANK, rows.provider_class.cases(*CLASSES.items(), else_=ANCILLARY)
    )
    rows = rows.mutate(
        aco=rows.exclusive.ifelse(rows.aco_id, ibis.null("string")),
        kind=ibis.struct({"rank": rank.cast("int32"), "specialty": rows.specialty.fill_null("")}),
    )
    one = rows.group_by("provider_id").agg(
        kind=rows.kind.min(),
        low=rows.aco.min(),
        high=rows.aco.max(),
        low_tin=rows.tin.min(),
        high_tin=rows.tin.max(),
    )
    return one.select(
        "provider_id",
        rank=one.kind["rank"],
        specialty=one.kind["specialty"].nullif(""),
        own_tin=(one.low_tin == one.high_tin).ifelse(one.low_tin, ibis.null("string")),
        aco_id=(one.low == one.high).ifelse(one.low, ibis.null("string")),
    )


def practice_acos(dataset: Dataset) -> ir.Table:
    """The one ACO to which the providers of a practice are exclusive: `of` (the practice), `tin_aco`."""
    rows = dataset.providers
    listed = rows.filter(rows.aco_id.notnull() & rows.exclusive & rows.tin.notnull())
    each = listed.group_by("tin").agg(low=listed.aco_id.min(), high=listed.aco_id.max())
    return dataset.once("practice_acos", lambda: each.filter(each.low == each.high).select(of="tin", tin_aco="low"))


def members_known(dataset: Dataset) -> ir.Table:
    """Members with coverage: `member_id`."""
    return dataset.once("members_known", lambda: dataset.eligibility.select("member_id").distinct())


def practices(dataset: Dataset, visits: ir.Table) -> ir.Table:
    """
    Charges and services of each member at each provider, with the ACO or practice the provider bills for.

    Returns
    -------
    ibis.expr.types.Table
        One row per member, provider and practice: `member_id`, `provider_id`, `specialty`, `aco_id`, `entity`
        (the ACO, else the practice, else the provider), `cents` [0.01 $], `services`; both net of reversals, and
        above zero. Lines that qualify by their revenue centre bear the specialty "clinic".

    Notes
    -----
    A line without a practice (TIN) is of the one its provider is listed in. It belongs to the ACO of the practice, or
    to that of its provider where no practice is known. Amounts are summed in whole cents: sums of fractions would
    depend on their order, and so would ties.
    """
    import ibis

    lines = visits.mutate(cents=(visits.allowed * 100).cast("int64"), clinic=visits.claim_type == "outpatient")
    charged, taken_back = (lines.cents > 0).sum(), (lines.cents < 0).sum()
    sums = lines.group_by("member_id", "provider_id", "tin", "clinic").agg(
        cents=lines.cents.sum(), services=charged - taken_back
    )
    known = sums.filter((sums.cents > 0) & (sums.services > 0)).left_join(known_providers(dataset), "provider_id")
    known = known.mutate(practice=known.tin.fill_null(known.own_tin))
    of_tin = practice_acos(dataset)
    joined = known.left_join(of_tin, known.practice == of_tin.of)
    own = joined.practice.isnull().ifelse(joined.aco_id, ibis.null("string"))
    aco = joined.tin_aco.fill_null(own)
    entity = ("A" + aco).fill_null("T" + joined.practice).fill_null("P" + joined.provider_id)
    specialty = joined.clinic.ifelse(CLINIC, joined.specialty)
    return joined.select(
        "member_id", "provider_id", "cents", "services", specialty=specialty, aco_id=aco, entity=entity
    )


def day_literal(day: date) -> Any:
    """Date as a literal of the engine."""
    import ibis

    return ibis.date(day.isoformat())
