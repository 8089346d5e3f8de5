"""Attribution as SQL of DuckDB, beside the Ibis expressions that other engines run; the tables are the same."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING
from uuid import uuid4

from acomodel.claims.sources.cells import text_of
from acomodel.claims.visits import (
    ANCILLARY,
    CLINIC,
    UNKNOWN_RANK,
    Codes,
    known_providers,
    members_known,
    practice_acos,
    visit_codes,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from acomodel.claims.tables import Dataset

BASE = 2**14
"""Base in which class, visits and days make one number; windows have fewer days."""
STEP = 2**60
"""Weight of a step above any cents."""


def name_of(dataset: Dataset, table: ir.Table) -> str:
    """Quoted name of a table in DuckDB; an expression is worked out first."""
    from ibis.expr.operations import PhysicalTable

    held = table if isinstance(table.op(), PhysicalTable) else dataset.keep(table)
    return '"' + held.op().name.replace('"', '""') + '"'


def day_of(day: date) -> str:
    """Date as a literal of SQL."""
    return f"DATE {text_of(day.isoformat())}"


def among(column: str, values: Iterable[str]) -> str:
    """Condition that a column holds one of some texts; it is false where the column is missing."""
    listed = ", ".join(text_of(value) for value in values)
    return f"({column} IS NOT NULL AND {column} IN ({listed}))" if listed else "false"


def attributed(
    dataset: Dataset, codes: Codes, window: tuple[date, date], earlier: date | None, *, free: bool
) -> ir.Table:
    """
    Members attributed by a method, kept in the engine.

    Parameters
    ----------
    dataset : Dataset
        Canonical claims tables on DuckDB.
    codes : Codes
        Method, with its codes in force.
    window : tuple of date
        First and last day of the claims looked at.
    earlier : date or None
        First day of the expanded window of step 3, where it is in force.
    free : bool
        Whether visits with nothing allowed count (Dartmouth).

    Returns
    -------
    ibis.expr.types.Table
        `members` of `Attribution`.

    Raises
    ------
    InputError
        No visit codes are in force in that year.
    """
    if codes.method == "dartmouth":
        steps = _dartmouth(dataset, codes, window, free=free)
    else:
        steps = _two_step(dataset, codes, window, earlier)
    name = f"kept_{uuid4().hex}"
    dataset.connection.con.execute(
        f"CREATE TEMP TABLE {name} AS {_with(steps)} "
        f"SELECT member_id, provider_id, nullif(aco_id, '') AS aco_id, {text_of(codes.method)} AS method, visits "
        f"FROM chosen WHERE member_id IN (SELECT member_id FROM {name_of(dataset, members_known(dataset))})"
    )
    return dataset.connection.table(name)


def _with(steps: dict[str, str]) -> str:
    return "WITH " + ", ".join(f"{name} AS ({query})" for name, query in steps.items())


def _visits(dataset: Dataset, codes: Codes, first: date, last: date) -> str:
    """Lines that qualify; see `visits.qualifying`. The span of the codes lets a scan skip most lines unread."""
    wanted = visit_codes(codes)
    kind = (
        f"claim_type = 'professional' AND hcpcs BETWEEN {text_of(min(wanted))} AND {text_of(max(wanted))} "
        f"AND {among('hcpcs', wanted)} AND NOT {among('place_of_service', codes.listed('excluded_place'))}"
    )
    if revenue := codes.listed("visit_revenue_code"):
        kind = f"({kind} OR claim_type = 'outpatient' AND {among('revenue_code', revenue)})"
    return (
        "SELECT member_id, provider_id, tin, claim_type, service_date, allowed "
        f"FROM {name_of(dataset, dataset.claims)} WHERE {kind} AND provider_id IS NOT NULL "
        f"AND service_date BETWEEN {day_of(first)} AND {day_of(last)}"
    )


def _dartmouth(dataset: Dataset, codes: Codes, window: tuple[date, date], *, free: bool) -> dict[str, str]:
    """Exhibit 3.2: the keys class, visits, days between and last visit as digits of one number, then the identifier."""
    net = "sum(CASE WHEN allowed < 0 THEN -1 ELSE 1 END)" if free else "sum(allowed)"
    key = f"((rank * {BASE} + {BASE - 1} - visits) * {BASE} + {BASE - 1} - span) * {BASE} + {BASE - 1} - late"
    known = name_of(dataset, known_providers(dataset))
    return {
        "visit": _visits(dataset, codes, *window),
        "days": f"SELECT member_id, provider_id, service_date FROM visit GROUP BY ALL HAVING {net} > 0",
        "pairs": f"""
            SELECT member_id, provider_id, count(*) AS visits, max(service_date) - min(service_date) AS span,
                   max(service_date) - {day_of(window[0])} AS late
            FROM days GROUP BY ALL""",
        "candidates": f"""
            SELECT pairs.*, aco_id, coalesce(rank, {UNKNOWN_RANK}) AS rank
            FROM pairs LEFT JOIN {known} USING (provider_id) WHERE coalesce(rank, {UNKNOWN_RANK}) < {ANCILLARY}""",
        "best": f"""
            SELECT member_id, min({{key: {key}, provider_id: provider_id, aco_id: aco_id}}) AS best
            FROM candidates GROUP BY member_id""",
        "chosen": f"""
            SELECT member_id, best.provider_id AS provider_id, best.aco_id AS aco_id,
                   CAST({BASE - 1} - (best.key // {BASE**2}) % {BASE} AS BIGINT) AS visits
            FROM best""",
    }


def _practices(dataset: Dataset, visits: str) -> str:
    """Charges and services by member, provider and practice; see `visits.practices`."""
    known, of_tin = name_of(dataset, known_providers(dataset)), name_of(dataset, practice_acos(dataset))
    return f"""
        SELECT member_id, provider_id, cents, services, CASE WHEN clinic THEN {text_of(CLINIC)} ELSE specialty END
                   AS specialty, aco_id, coalesce('A' || aco_id, 'T' || practice, 'P' || provider_id) AS entity
        FROM (SELECT sums.*, specialty, coalesce(sums.tin, own_tin) AS practice,
                     coalesce(tin_aco, CASE WHEN coalesce(sums.tin, own_tin) IS NULL THEN known.aco_id END) AS aco_id
              FROM (SELECT member_id, provider_id, tin, claim_type = 'outpatient' AS clinic,
                           CAST(sum(CAST(allowed * 100 AS BIGINT)) AS BIGINT) AS cents,
                           count(*) FILTER (allowed > 0) - count(*) FILTER (allowed < 0) AS services
                    FROM ({visits}) GROUP BY ALL HAVING cents > 0 AND services > 0) AS sums
              LEFT JOIN {known} AS known USING (provider_id)
              LEFT JOIN {of_tin} ON of = coalesce(sums.tin, own_tin))"""


def _entities(parts: str, step: str, physician: str) -> str:
    """ACOs and practices of each member; those with services of step 1 are ranked by these alone."""
    return f"""
        SELECT member_id, entity, aco_id, physician, rank, top.provider_id AS provider_id,
               CASE rank WHEN 1 THEN cents_1 ELSE cents_2 END AS amount,
               CASE rank WHEN 1 THEN services_1 ELSE services_2 END AS services
        FROM (SELECT member_id, entity, aco_id, min(step) AS rank, bool_or(physician) AS physician,
                     sum(cents) FILTER (step = 1) AS cents_1, sum(cents) FILTER (step = 2) AS cents_2,
                     sum(services) FILTER (step = 1) AS services_1, sum(services) FILTER (step = 2) AS services_2,
                     min({{key: step * {STEP} - cents, provider_id: provider_id}}) FILTER (step IS NOT NULL) AS top
              FROM (SELECT *, {step} AS step, {physician} AS physician FROM {parts})
              GROUP BY member_id, entity, aco_id HAVING rank IS NOT NULL)"""


def _plurality(entities: str) -> str:
    """Entity of the first rank with the largest charges of each member, and whether none is even with it."""
    return f"""
        SELECT member_id, best.*, best_keys[1] IS DISTINCT FROM best_keys[2] AS alone FROM (
            SELECT member_id, min(key, 2) AS best_keys,
                   min({{key: key, more: -services, entity: entity, aco_id: coalesce(aco_id, ''),
                        provider_id: provider_id, physician: physician}}) AS best
            FROM (SELECT *, CAST(rank * {STEP} - amount AS BIGINT) AS key FROM {entities}) GROUP BY member_id)"""


def _two_step(dataset: Dataset, codes: Codes, window: tuple[date, date], earlier: date | None) -> dict[str, str]:
    """Pre-step, steps 1 and 2 and, where it is in force, step 3 over the expanded window; or the shares of PGP."""
    steps = {"parts": _practices(dataset, _visits(dataset, codes, *window))}
    columns = "SELECT member_id, provider_id, aco_id, CAST(-more AS BIGINT) AS visits"
    if codes.method == "pgp":
        candidates = _entities("parts", "1", "true")
        return steps | {"candidates": candidates, "won": _plurality("candidates"), "chosen": f"{columns} FROM won"}
    physicians, others = [*codes.listed("primary_physician"), CLINIC], codes.listed("non_physician")
    of_step_1 = among("specialty", [*physicians, *(others if codes.has("step_1_non_physicians") else [])])
    if codes.has("step_2_any_specialty"):
        of_step_2, physician = "true", f"NOT {among('specialty', others)}"
    else:
        listed = codes.listed("step_2_specialty")
        of_step_2, physician = among("specialty", listed), among("specialty", [*physicians, *listed])
    step = f"CASE WHEN {of_step_1} THEN 1 WHEN {of_step_2} THEN 2 END"
    steps |= {"candidates": _entities("parts", step, physician), "won": _plurality("candidates")}
    steps["sure"] = "SELECT * FROM won WHERE alone AND (aco_id = '' OR physician)"
    if earlier is None:
        return steps | {"chosen": f"{columns} FROM sure"}
    of_step_3 = f"CASE WHEN {among('specialty', [*physicians, *others])} THEN 1 END"
    steps["wide_parts"] = _practices(dataset, _visits(dataset, codes, earlier, window[1]))
    steps["wide"] = _entities("wide_parts", of_step_3, physician)
    steps["late"] = _plurality("wide")
    steps["chosen"] = f"""
        {columns} FROM sure UNION ALL
        {columns} FROM late WHERE alone AND physician AND aco_id <> ''
        AND (member_id, aco_id) IN (SELECT (member_id, aco_id) FROM parts WHERE {among("specialty", others)}
                                    AND aco_id IS NOT NULL)
        AND member_id NOT IN (SELECT member_id FROM sure)"""
    return steps
