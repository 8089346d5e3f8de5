"""Sums of the experience as SQL of DuckDB, beside the Ibis expressions that other engines run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acomodel.claims.duck import among, name_of
from acomodel.rates import MONTHS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis.expr.types as ir
    import pandas as pd

    from acomodel.claims.tables import Dataset


def summed_lines(
    dataset: Dataset, spans: ir.Table, windows: ir.Table, parts: Mapping[str, int], excluded: list[str], *, apart: bool
) -> pd.DataFrame:
    """
    Sums of the claim lines by month of service, month of payment, category and part.

    Parameters
    ----------
    dataset : Dataset
        Canonical claims tables on DuckDB.
    spans, windows : ibis.expr.types.Table
        Days of coverage, and days of assignment within them; those of a member do not overlap. The same table
        where everyone is assigned.
    parts : mapping of str to int
        Number of each part.
    excluded : list of str
        Service categories the contract leaves out.
    apart : bool
        Whether capitated services are kept apart.

    Returns
    -------
    pandas.DataFrame
        `incurred` and `paid_in` [months, year times twelve plus month], `service_category`, `part`, `lines`, `stays`,
        `units`, `paid`, `member_cost_share`, `allowed`, `ime_dsh` [$].
    """
    everyone = windows is spans
    part = f"""
        CASE WHEN span.member_id IS NULL THEN {parts["outside eligibility"]}
             WHEN {"false" if everyone else "assigned.member_id IS NULL"} THEN {parts["unattributed"]}
             WHEN {among("service_category", excluded)} THEN {parts["excluded"]}
             WHEN {"capitated" if apart else "false"} THEN {parts["capitated"]}
             ELSE {parts["attributed"]} END"""
    within = f"""
        LEFT JOIN {name_of(dataset, windows)} AS assigned
          ON line.member_id = assigned.member_id AND service_date BETWEEN assigned.start_date AND assigned.end_date"""
    amounts = ", ".join(
        f"CAST(sum({name}) AS DOUBLE) AS {name}"
        for name in ("units", "paid", "member_cost_share", "allowed", "ime_dsh")
    )
    return dataset.connection.con.execute(
        f"""
        SELECT {_month("service_date")} AS incurred, {_month("paid_date")} AS paid_in, service_category, {part} AS part,
               count(*) AS lines, CAST(sum(CAST(units > 0 AS INTEGER) - CAST(units < 0 AS INTEGER)) AS BIGINT) AS stays,
               {amounts}
        FROM {name_of(dataset, dataset.claims)} AS line
        LEFT JOIN {name_of(dataset, spans)} AS span
          ON line.member_id = span.member_id AND service_date BETWEEN span.start_date AND span.end_date
        {"" if everyone else within}
        GROUP BY ALL"""
    ).df()


def summed_spans(dataset: Dataset, spans: ir.Table) -> pd.DataFrame:
    """Spans that do not overlap by their first and last month; see `incurred.summed_spans`."""
    return dataset.connection.con.execute(
        f"""
        SELECT {_month("start_date")} AS first, {_month("end_date")} AS last, count(*) AS spans,
               count(*) FILTER (again) AS again, count(*) FILTER (day(start_date) = 1) AS from_day_1,
               sum(day(start_date)) AS start_days, sum(day(end_date)) AS end_days
        FROM (SELECT start_date, end_date, {_month("start_date")} = {_month("before")} AS again
              FROM (SELECT *, lag(end_date) OVER (PARTITION BY member_id ORDER BY start_date) AS before
                    FROM {name_of(dataset, spans)}))
        GROUP BY ALL"""
    ).df()


def service_days(dataset: Dataset) -> pd.DataFrame:
    """First and last day of service in the claims."""
    query = f"SELECT min(service_date) AS first, max(service_date) AS last FROM {name_of(dataset, dataset.claims)}"
    return dataset.connection.con.execute(query).df()


def _month(column: str) -> str:
    return f"year({column}) * {MONTHS} + month({column})"
