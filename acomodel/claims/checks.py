"""Checks of the canonical tables, run in the engine: each gives rows, members and dollars at stake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from acomodel.claims.findings import Finding
from acomodel.claims.tables import required
from acomodel.inputs import dictionary

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class _Check:
    """A check: the rows at fault as SQL with `member_id` and `dollars`, what is said of them, and one provider."""

    name: str
    table: str
    rows: str
    words: str
    fatal: bool = False
    example: str = ""


_LINES = "SELECT member_id, abs(allowed) AS dollars FROM canonical_claims c WHERE "
_NONE = "0::DECIMAL(14,2) AS dollars"
_SPANS = (
    "SELECT member_id, start_date, end_date, max(end_date) OVER (PARTITION BY member_id ORDER BY start_date, end_date "
    "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS covered_to FROM canonical_eligibility"
)
_COVERED = (
    "EXISTS (SELECT 1 FROM canonical_eligibility e WHERE e.member_id = c.member_id "
    "AND c.service_date BETWEEN e.start_date AND e.end_date)"
)
_MIRROR = (
    "SELECT member_id, coalesce(provider_id, '') AS provider, service_date, abs(allowed) AS size, "
    "sum(CASE WHEN allowed < 0 THEN 1 ELSE -1 END) AS surplus FROM canonical_claims WHERE allowed <> 0 GROUP BY ALL "
    "HAVING bool_or(allowed < 0) AND surplus > 0"
)
_REPEATED = (
    "SELECT member_id, (count(*) - 1) * abs(min(paid)) AS dollars FROM canonical_claims WHERE claim_type IN "
    "('inpatient', 'outpatient', 'snf', 'home_health', 'hospice') GROUP BY claim_id, member_id, claim_type "
    "HAVING count(*) > 2 AND min(paid) = max(paid) AND min(paid) > 0 AND count(DISTINCT line_number) = count(*)"
)
_BOTH = (
    "SELECT '' AS member_id, 0::DECIMAL(14,2) AS dollars FROM canonical_providers WHERE aco_id IS NOT NULL "
    "AND exclusive GROUP BY provider_id HAVING count(DISTINCT aco_id) > 1"
)

CHECKS = (
    _Check(
        "span-ends-before-it-begins",
        "eligibility",
        f"SELECT member_id, {_NONE} FROM canonical_eligibility WHERE end_date < start_date",
        "spans of coverage end before they begin",
        fatal=True,
    ),
    _Check(
        "provider-in-two-acos",
        "providers",
        _BOTH,
        "providers belong to two ACOs; a provider used for attribution belongs to one (exclusive = no otherwise)",
        fatal=True,
        example="SELECT min(provider_id) FROM (SELECT provider_id FROM canonical_providers WHERE aco_id IS NOT NULL "
        "AND exclusive GROUP BY provider_id HAVING count(DISTINCT aco_id) > 1)",
    ),
    _Check(
        "tin-in-two-acos",
        "providers",
        f"SELECT '' AS member_id, {_NONE} FROM canonical_providers WHERE aco_id IS NOT NULL AND tin IS NOT NULL "
        "AND exclusive GROUP BY tin HAVING count(DISTINCT aco_id) > 1",
        "practices (TIN) have providers in two ACOs; attribution by practice counts them to neither",
    ),
    _Check(
        "overlapping-spans",
        "eligibility",
        f"SELECT member_id, {_NONE} FROM ({_SPANS}) WHERE start_date <= covered_to",
        "spans of a member overlap; a month is counted once",
    ),
    _Check(
        "coverage-after-death",
        "eligibility",
        f"SELECT member_id, {_NONE} FROM canonical_eligibility WHERE end_date > death_date",
        "spans of coverage reach past the member's death; their months count as they are given",
    ),
    _Check(
        "age-that-cannot-be",
        "eligibility",
        f"SELECT member_id, {_NONE} FROM canonical_eligibility WHERE birth_date > end_date "
        "OR birth_date < start_date - INTERVAL 121 YEARS",
        "spans of coverage end before the member's birth or begin at an age above 120; their age counts as not known",
    ),
    _Check(
        "demographics-missing",
        "eligibility",
        f"SELECT member_id, {_NONE} FROM canonical_eligibility GROUP BY member_id "
        "HAVING count(birth_date) = 0 OR count(*) FILTER (sex IN ('F', 'M')) = 0",
        "members bear no date of birth or no sex; risk by age, sex and diagnoses leaves them out",
    ),
    _Check(
        "diagnosis-of-unknown-member",
        "diagnoses",
        f"SELECT member_id, {_NONE} FROM canonical_diagnoses d WHERE NOT EXISTS "
        "(SELECT 1 FROM canonical_eligibility e WHERE e.member_id = d.member_id)",
        "diagnoses are of members without any eligibility; no score counts them",
    ),
    _Check(
        "diagnosis-of-another-code-set",
        "diagnoses",
        f"SELECT member_id, {_NONE} FROM canonical_diagnoses WHERE NOT regexp_full_match("
        "upper(regexp_replace(code, '[.\\s]', '', 'g')), '[A-Z][0-9][0-9A-Z]{1,5}')",
        "diagnoses are not codes of ICD-10-CM; no score counts them",
        example="SELECT min(code) FROM canonical_diagnoses WHERE NOT regexp_full_match("
        "upper(regexp_replace(code, '[.\\s]', '', 'g')), '[A-Z][0-9][0-9A-Z]{1,5}')",
    ),
    _Check(
        "unknown-member",
        "claims",
        f"{_LINES}NOT EXISTS (SELECT 1 FROM canonical_eligibility e WHERE e.member_id = c.member_id)",
        "lines are of members without any eligibility; they are kept outside the experience",
    ),
    _Check(
        "outside-eligibility",
        "claims",
        f"{_LINES}EXISTS (SELECT 1 FROM canonical_eligibility e WHERE e.member_id = c.member_id) AND NOT {_COVERED}",
        "lines are of days on which the member was not covered; they are kept outside the experience",
    ),
    _Check(
        "unknown-provider",
        "claims",
        f"{_LINES}provider_id IS NOT NULL AND provider_id NOT IN (SELECT provider_id FROM typed_providers)",
        "lines are of providers who are not on the list; specialty and practice are taken from the lines, no ACO",
    ),
    _Check(
        "unclassified-provider",
        "claims",
        f"{_LINES}claim_type = 'professional' AND provider_id IN (SELECT provider_id FROM canonical_providers "
        "WHERE provider_class IS NULL)",
        "professional lines are of providers without a known specialty; they come after all other classes",
    ),
    _Check(
        "duplicate-line",
        "claims",
        "SELECT member_id, (count(*) - 1) * abs(min(allowed)) AS dollars FROM canonical_claims "
        "GROUP BY claim_id, line_number, member_id, paid, allowed HAVING count(*) > 1",
        "lines stand twice with the same claim, line and amounts; all of them are counted",
    ),
    _Check(
        "repeated-claim-total",
        "claims",
        _REPEATED,
        "institutional claims carry one amount on each of three lines or more: if it is the total of the claim, "
        "these dollars are counted too often",
    ),
    _Check(
        "negative-amount",
        "claims",
        f"{_LINES}(allowed < 0 OR (paid < 0 AND allowed = 0))",
        "lines are negative: reversals, which subtract",
    ),
    _Check(
        "unmatched-reversal",
        "claims",
        f"SELECT member_id, size * surplus AS dollars FROM ({_MIRROR})",
        "negative amounts have no positive line of the same member, provider, day and size to take back",
    ),
    _Check(
        "paid-before-service",
        "claims",
        f"{_LINES}paid_date < service_date",
        "lines were paid before the service; they count as paid in the month of service",
    ),
    _Check(
        "paid-date-missing",
        "claims",
        f"{_LINES}paid_date IS NULL",
        "lines bear no day of payment and cannot take part in completion",
    ),
    _Check(
        "ends-before-service",
        "claims",
        f"{_LINES}end_date < service_date",
        "lines end before they begin; the length of the stay counts as one day",
    ),
    _Check(
        "service-after-death",
        "claims",
        f"{_LINES}EXISTS (SELECT 1 FROM canonical_eligibility e WHERE e.member_id = c.member_id "
        "AND c.service_date > e.death_date)",
        "lines are of days after the member's death",
    ),
    _Check(
        "allowed-differs",
        "claims",
        "SELECT member_id, abs(allowed - paid - member_cost_share) AS dollars FROM canonical_claims WHERE "
        "abs(allowed - paid - member_cost_share) > 0.01",
        "allowed differs from paid plus cost sharing; allowed is used as given",
    ),
)
"""Checks of every ingest, the traps of real files among them."""


def check_tables(con: duckdb.DuckDBPyConnection) -> list[Finding]:
    """
    Findings of all checks on the canonical tables of a connection.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Connection with the views that `conform` makes.

    Returns
    -------
    list of Finding
        Those that concern at least one row.
    """
    found = _missing(con) + _not_allowed(con)
    for check in CHECKS:
        row = con.execute(
            f"SELECT count(*), count(DISTINCT nullif(member_id, '')), coalesce(sum(dollars), 0) FROM ({check.rows})"
        ).fetchone()
        if row is not None and row[0]:
            named = con.execute(check.example).fetchone() if check.example else None
            words = check.words + (f"; one is {named[0]}" if named else "")
            found.append(Finding(check.name, check.table, words, row[0], row[1], float(row[2]), check.fatal))
    return found


def _missing(con: duckdb.DuckDBPyConnection) -> list[Finding]:
    """Rows without a cell that every row must have."""
    found = []
    for table in ("claims", "eligibility", "providers", "diagnoses"):
        for column in required(table):
            row = con.execute(f"SELECT count(*) FROM canonical_{table} WHERE {column} IS NULL").fetchone()
            if row is not None and row[0]:
                words = f"{row[0]:,} rows have no {column}"
                found.append(Finding("missing-value", table, words, row[0], 0, 0.0, fatal=True))
        count = con.execute(f"SELECT count(*) FROM canonical_{table}").fetchone()
        if table in ("claims", "eligibility") and count is not None and not count[0]:
            found.append(Finding("empty-table", table, "no row at all", 0, 0, 0.0, fatal=True))
    return found


def _not_allowed(con: duckdb.DuckDBPyConnection) -> list[Finding]:
    """Words that a column does not know."""
    found = []
    for rule in dictionary().query("table in ('claims', 'eligibility', 'providers') and allowed != ''").itertuples():
        known = ", ".join(f"'{word}'" for word in str(rule.allowed).split("|"))
        row = con.execute(
            f"SELECT count(*), min({rule.column}) FROM canonical_{rule.table} WHERE {rule.column} NOT IN ({known})"
        ).fetchone()
        if row is not None and row[0]:
            words = f"{rule.column}: found '{row[1]}'; one of {str(rule.allowed).replace('|', ', ')} is wanted"
            found.append(Finding("unknown-word", str(rule.table), words, row[0], 0, 0.0, fatal=True))
    return found
