"""What may be left empty in claims and providers, worked out by tables: category, use, allowed, class."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import pandas as pd

from acomodel.claims.tables import columns

if TYPE_CHECKING:
    import duckdb


@cache
def category_table() -> pd.DataFrame:
    """Service categories in the order in which they are tried, with the codes that lead to each."""
    with files("acomodel").joinpath("data/service_categories.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype=str, keep_default_na=False)


@cache
def specialty_table() -> pd.DataFrame:
    """Specialties (CMS codes) with their names and the class each has for attribution."""
    with files("acomodel").joinpath("data/specialties.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype=str, keep_default_na=False)


def units_of() -> dict[str, str]:
    """
    Unit of use of each service category.

    >>> units_of()["Hospital Inpatient"], units_of()["Pharmacy"]
    ('day', 'script')
    """
    table = category_table().drop_duplicates("service_category")
    return dict(zip(table["service_category"], table["unit"], strict=True))


_TELLING = (
    "CASE WHEN claim_type = 'outpatient' THEN coalesce("
    "max(CASE WHEN revenue_code BETWEEN '0450' AND '0459' OR revenue_code = '0981' THEN revenue_code END) OVER claim, "
    "max(CASE WHEN revenue_code IN ('0521', '0522', '0524', '0525') THEN revenue_code END) OVER claim, revenue_code) "
    "ELSE revenue_code END"
)
"""Revenue centre of an outpatient claim that says what it was: emergency room, then clinic; it holds for all lines."""


def _category_sql() -> str:
    """Service category of a claim line, the first row of the table that fits."""
    branches = []
    for row in category_table().itertuples():
        tests = [f"claim_type = '{row.claim_type}'"] if row.claim_type else []
        if row.field:
            tests.append(f"{row.field} BETWEEN '{row.first}' AND '{row.last}'")
        branches.append(f"WHEN {' AND '.join(tests) or 'true'} THEN '{row.service_category}'")
    return f"CASE {' '.join(branches)} END"


def _units_sql() -> str:
    """Use of a claim line in the unit of its category, negative on a reversal; 0 where it is no further use."""
    by_unit = pd.Series(units_of()).groupby(pd.Series(units_of())).groups

    def named(unit: str) -> str:
        return "(" + ", ".join(f"'{c}'" for c in by_unit.get(unit, [])) + ")"

    sign = "CASE WHEN allowed < 0 OR (paid < 0 AND allowed = 0) THEN -1 ELSE 1 END"
    days = "greatest(coalesce(date_diff('day', first_service_date, last_end_date), 0), 1)"
    return (
        f"({sign}) * CASE WHEN service_category IN {named('day')} THEN (CASE WHEN of_claim = 1 THEN {days} ELSE 0 END) "
        f"WHEN service_category IN {named('visit')} THEN (CASE WHEN of_visit = 1 THEN 1 ELSE 0 END) ELSE 1 END"
    )


def fill_claims(con: duckdb.DuckDBPyConnection) -> None:
    """
    Make the table `canonical_claims` of `typed_claims`: allowed, service category and units where they are empty.

    Notes
    -----
    Days are counted once a claim, from its first to its last day, at least one; visits once a claim, day and
    category, in the emergency room once a member and day, whoever bills; scripts and services once a line. The use of
    a reversal is negative, so that pairs cancel out.
    """
    own = list(columns("claims"))
    classes = (
        "(SELECT provider_id, min(coalesce(provider_class, by_specialty)) AS provider_class FROM known GROUP BY 1)"
    )
    con.register("specialty_rows", specialty_table())
    con.execute("CREATE OR REPLACE TABLE specialty_classes AS SELECT specialty, provider_class FROM specialty_rows")
    con.execute(
        "CREATE OR REPLACE VIEW known AS SELECT p.*, s.provider_class AS by_specialty FROM typed_providers p "
        "LEFT JOIN specialty_classes s USING (specialty)"
    )
    con.execute(
        "CREATE OR REPLACE VIEW classed_claims AS SELECT c.* REPLACE ("
        f"{_TELLING} AS revenue_code, "
        "CAST(coalesce(allowed, paid + coalesce(member_cost_share, 0)) AS DECIMAL(14,2)) AS allowed), "
        "coalesce(s.provider_class, p.provider_class) AS provider_class FROM typed_claims c "
        f"LEFT JOIN specialty_classes s USING (specialty) LEFT JOIN {classes} p ON c.provider_id = p.provider_id "
        "WINDOW claim AS (PARTITION BY c.claim_id, c.member_id, c.claim_type)"
    )
    con.execute(
        f"CREATE OR REPLACE VIEW categorized AS SELECT * REPLACE (coalesce(service_category, {_category_sql()}) "
        "AS service_category) FROM classed_claims"
    )
    absent = con.execute("SELECT count(*) FROM typed_claims WHERE units IS NULL").fetchone()
    if absent is not None and absent[0] == 0:
        con.execute(f"CREATE OR REPLACE TABLE canonical_claims AS SELECT {', '.join(own)} FROM categorized")
        return
    same = "PARTITION BY claim_id, member_id, service_category, (paid < 0 OR allowed < 0)"
    visit = (
        "PARTITION BY CASE WHEN service_category = 'Emergency Room' THEN '' ELSE claim_id END, member_id, "
        "service_category, (paid < 0 OR allowed < 0), service_date"
    )
    con.execute(
        "CREATE OR REPLACE VIEW counted AS SELECT *, "
        f"row_number() OVER ({same} ORDER BY line_number) AS of_claim, "
        f"row_number() OVER ({visit} ORDER BY claim_type, claim_id, line_number) AS of_visit, "
        f"min(service_date) OVER ({same}) AS first_service_date, "
        f"max(coalesce(end_date, service_date)) OVER ({same}) AS last_end_date FROM categorized"
    )
    cells = [f"CAST(coalesce(units, {_units_sql()}) AS DECIMAL(14,2)) AS units" if c == "units" else c for c in own]
    con.execute(f"CREATE OR REPLACE TABLE canonical_claims AS SELECT {', '.join(cells)} FROM counted")


def fill_providers(con: duckdb.DuckDBPyConnection) -> None:
    """
    Make the table `canonical_providers`: those listed, then those seen on claims alone, with class by specialty.

    Notes
    -----
    A provider without a specialty takes the one most lines of its claims carry; of two as frequent, the smaller code.
    """
    con.execute(
        "CREATE OR REPLACE TABLE seen_providers AS WITH counted AS (SELECT provider_id, specialty, tin, count(*) AS n "
        "FROM typed_claims WHERE provider_id IS NOT NULL GROUP BY ALL), ranked AS (SELECT *, row_number() OVER ("
        "PARTITION BY provider_id ORDER BY specialty IS NULL, n DESC, specialty, tin) AS place FROM counted) "
        "SELECT provider_id, specialty, tin FROM ranked WHERE place = 1"
    )
    con.execute(
        "CREATE OR REPLACE VIEW listed AS SELECT p.provider_id, coalesce(p.specialty, s.specialty) AS specialty, "
        "p.provider_class, coalesce(p.tin, s.tin) AS tin, p.aco_id, coalesce(p.exclusive, true) AS exclusive "
        "FROM typed_providers p LEFT JOIN seen_providers s USING (provider_id) "
        "UNION ALL SELECT provider_id, specialty, NULL, tin, NULL, true FROM seen_providers "
        "WHERE provider_id NOT IN (SELECT provider_id FROM typed_providers)"
    )
    con.execute(
        "CREATE OR REPLACE TABLE canonical_providers AS SELECT DISTINCT l.provider_id, l.specialty, "
        "coalesce(l.provider_class, s.provider_class) AS provider_class, l.tin, l.aco_id, l.exclusive "
        "FROM listed l LEFT JOIN specialty_classes s USING (specialty)"
    )
