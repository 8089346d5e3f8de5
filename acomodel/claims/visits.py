"""Visits that attribution looks at: dated codes and specialties, qualifying lines, practices and their ACOs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd

from acomodel.claims.tables import Dataset
from acomodel.inputs import InputError
from acomodel.programs import rule_table

if TYPE_CHECKING:
    import ibis.expr.types as ir

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
        table = rule_table("assignment")
        rows = table[(table["method"] == self.method) & (table["parameter"] == parameter)]
        until = rows["effective_to"].replace("", "9999").astype(int)
        return rows[(rows["effective_from"].astype(int) <= self.year) & (self.year <= until)]

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


def qualifying(dataset: Dataset, codes: Codes, first: date, last: date, *, free: bool = False) -> ir.Table:
    """
    Claim lines that count as visits of a method: its codes, outside its excluded places, allowed above zero.

    Parameters
    ----------
    dataset : Dataset
        Canonical claims tables.
    codes : Codes
        Codes in force.
    first, last : date
        Days between which the service lies.
    free : bool
        Whether lines with nothing allowed count too.

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
    wanted = codes.listed("visit_code")
    if not wanted:
        raise InputError(f"attribution by '{codes.method}' has no visit codes in force in {codes.year}")
    kind = (lines.claim_type == "professional") & lines.hcpcs.isin(wanted)
    if excluded := codes.listed("excluded_place"):
        kind &= lines.place_of_service.isnull() | lines.place_of_service.notin(excluded)
    if revenue := codes.listed("visit_revenue_code"):
        kind |= (lines.claim_type == "outpatient") & lines.revenue_code.isin(revenue)
    in_time = lines.service_date.between(day_literal(first), day_literal(last))
    charged = (lines.allowed >= 0) if free else (lines.allowed > 0)
    return lines.filter(kind & in_time & lines.provider_id.notnull() & charged)


def known_providers(dataset: Dataset) -> ir.Table:
    """
    One row per provider: class, specialty, and the one ACO to which it is exclusive.

    A provider listed in several practices keeps the first class and specialty in order; one listed exclusively in
    two ACOs belongs to neither.
    """
    import ibis

    rows = dataset.providers
    aco = rows.exclusive.ifelse(rows.aco_id, ibis.null("string"))
    one = (
        rows.mutate(aco=aco)
        .group_by("provider_id")
        .agg(
            provider_class=rows.provider_class.min(),
            specialty=rows.specialty.min(),
            low=ibis._.aco.min(),
            high=ibis._.aco.max(),
        )
    )
    alone = (one.low == one.high).ifelse(one.low, ibis.null("string"))
    return one.select("provider_id", "provider_class", "specialty", aco_id=alone)


def practices(dataset: Dataset, visits: ir.Table) -> ir.Table:
    """
    Charges and services of each member at each provider, with the ACO or practice the provider bills for.

    Returns
    -------
    ibis.expr.types.Table
        One row per member, provider and practice: `member_id`, `provider_id`, `specialty`, `aco_id`, `entity`
        (the ACO, else the practice, else the provider), `cents` [0.01 $], `services`. Lines that qualify by
        their revenue centre bear the specialty "clinic".

    Notes
    -----
    A line belongs to the ACO that its practice (TIN) belongs to, or that of its provider where it bears no TIN.
    Amounts are summed in whole cents: sums of fractions would depend on their order, and so would ties.
    """
    import ibis

    lines = visits.mutate(cents=(visits.allowed * 100).cast("int64"), clinic=visits.claim_type == "outpatient")
    sums = lines.group_by("member_id", "provider_id", "tin", "clinic").agg(
        cents=lines.cents.sum(), services=lines.count()
    )
    listed = dataset.providers.filter(dataset.providers.aco_id.notnull() & dataset.providers.exclusive)
    each = listed.filter(listed.tin.notnull()).group_by("tin").agg(low=listed.aco_id.min(), high=listed.aco_id.max())
    of_tin = each.filter(each.low == each.high).select("tin", tin_aco="low")
    joined = sums.left_join(of_tin, "tin").drop("tin_right").left_join(known_providers(dataset), "provider_id")
    own = joined.tin.isnull().ifelse(joined.aco_id, ibis.null("string"))
    aco = joined.tin_aco.fill_null(own)
    entity = ("A" + aco).fill_null("T" + joined.tin).fill_null("P" + joined.provider_id)
    specialty = joined.clinic.ifelse(CLINIC, joined.specialty)
    return joined.select(
        "member_id", "provider_id", "cents", "services", specialty=specialty, aco_id=aco, entity=entity
    )


def day_literal(day: date) -> Any:
    """Date as a literal of the engine."""
    import ibis

    return ibis.date(day.isoformat())
