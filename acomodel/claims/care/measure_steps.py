"""Steps of the quality measures in the engine: who is asked about, who is left out, for whom it was done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from acomodel.claims.care.measure_codes import Measure, days_before, sought
from acomodel.claims.population import Population, coverage, merged
from acomodel.claims.tables import Dataset
from acomodel.claims.visits import day_literal

if TYPE_CHECKING:
    import ibis.expr.types as ir

CASE = ["measure", "member_id", "day"]
"""What one case of a measure is: a member on the last day of the year, of a first diagnosis, or of a discharge."""
_CODES = {"code": "string", "measure": "string", "role": "string", "days": "int64", "age_from": "int64"}
_RULES = {"measure": "string", "sex": "string", "age_low": "int64", "age_high": "int64", "follow_up": "int64"}
_RULES |= {"kind": "string", "diagnosed": "string"}
_WINDOWS = {"measure": "string", "opens": "int64", "closes": "int64", "gap": "int64"}


@dataclass(frozen=True)
class Facts:
    """What the measures of a year look at, worked out once in the engine; the measures and their coverage as tables."""

    dataset: Dataset
    chosen: Sequence[Measure]
    year: int
    assigned: ir.Table
    events: ir.Table
    stays: ir.Table

    @property
    def last(self) -> date:
        """Last day of the year."""
        return date(self.year, 12, 31)

    @property
    def rules(self) -> ir.Table:
        """Measures with what they ask of a member: sex, ages, diagnoses, days of follow-up."""
        return small(self.dataset, pd.DataFrame([asdict(m) for m in self.chosen], columns=list(_RULES)), _RULES)

    def of(self, role: str) -> ir.Table:
        """Days on which codes stand in one role: `on`, of `of_measure` and `other` (the member)."""
        rows = self.events.filter(self.events.role == role)
        return rows.select(
            "days", "age_from", "eligible", "coded", of_measure="measure", other="member_id", on="service_date"
        )


def small(dataset: Dataset, frame: pd.DataFrame, schema: dict[str, str]) -> ir.Table:
    """A few rows as a table of the engine."""
    import ibis

    table = ibis.memtable(frame, schema=schema)
    if dataset.engine != "duckdb":
        dataset.connection._register_in_memory_tables(table)  # Spark keeps what it is told in SQL alone
    return table


def facts_of(dataset: Dataset, population: Population, chosen: Sequence[Measure], year: int) -> Facts:
    """Days of the codes that the measures of a year look for, and hospital stays, kept in the engine."""
    events, stays = dataset.keep(_events(dataset, chosen, year)), dataset.keep(_stays(dataset))
    return Facts(dataset, chosen, year, population.windows, events, stays)


def _events(dataset: Dataset, chosen: Sequence[Measure], year: int) -> ir.Table:
    """Days on which the codes of the measures were billed and not taken back, and those of their diagnoses."""
    import ibis

    lines, rows, last = dataset.claims, dataset.diagnoses, day_literal(date(year, 12, 31))
    occur = rows.select("code").distinct().to_pandas()["code"]
    procedures, diagnoses = sought(chosen, year, occur)
    billed = lines.filter(lines.hcpcs.isin(sorted(set(procedures["code"]))) & (lines.service_date <= last))
    billed = billed.mutate(line=(billed.allowed.fill_null(0) < 0).ifelse(-1, 1))
    net = billed.group_by("member_id", "service_date", code=billed.hcpcs).agg(net=billed.line.sum())
    told = rows.filter(rows.code.isin(sorted(set(diagnoses["code"]))) & (rows.service_date <= last))
    told = told.group_by("member_id", "service_date", "code").agg(eligible=told.eligible.fill_null(True).max())
    done = net.filter(net.net > 0).mutate(eligible=ibis.literal(True))
    both = []
    for events, codes, coded in ((done, procedures, "procedure"), (told, diagnoses, "diagnosis")):
        joined = events.join(small(dataset, codes, _CODES), "code")
        shown = ["member_id", "measure", "role", "days", "age_from", "eligible", "service_date"]
        both.append(joined.select(*shown, coded=ibis.literal(coded)))
    return both[0].union(both[1])


def _stays(dataset: Dataset) -> ir.Table:
    """Hospital stays that were not taken back; those that overlap or lie a day apart are one."""
    lines = dataset.claims.filter(dataset.claims.claim_type == "inpatient")
    lines = lines.mutate(line=(lines.allowed.fill_null(0) < 0).ifelse(-1, 1))
    ends = lines.end_date.fill_null(lines.service_date)
    each = lines.group_by("member_id", start_date=lines.service_date).agg(
        end_date=ends.max(), lines=lines.line.sum(), days=lines.units.sum()
    )
    return merged(each.filter((each.lines > 0) & (each.days > 0)))


def cases(facts: Facts) -> ir.Table:
    """
    Everybody a measure counts, and whether it was `done`.

    Parameters
    ----------
    facts : Facts
        What the measures look at.

    Returns
    -------
    ibis.expr.types.Table
        One row per case: `measure`, `member_id`, `day`, `done`.
    """
    asked = _enrolled(facts.dataset.keep(_asked(facts)), facts)
    enough = _diagnosed(facts)
    known = asked.left_join(enough, [asked.measure == enough.of_measure, asked.member_id == enough.other])
    asked = known.filter((known.diagnosed == "") | known.other.notnull()).drop("of_measure", "other")
    kept = facts.dataset.keep(asked.anti_join(_near(asked, facts.of("exclusion")), CASE))
    done = _near(kept, facts.of("numerator")).union(_again(facts)).mutate(hit=True)
    joined = kept.left_join(done, CASE)
    return joined.select(*CASE, done=joined.hit.fill_null(False))


def _asked(facts: Facts) -> ir.Table:
    """Possible cases of members who are assigned on the day, alive, of the age and sex, and in no hospice."""
    opens, last = day_literal(date(facts.year, 1, 1)), day_literal(facts.last)
    possible = _first_diagnosed(facts).union(_discharged(facts).select(*CASE))
    spans = facts.dataset.eligibility
    people = spans.group_by("member_id").agg(
        birth_date=spans.birth_date.max(), sex_of=spans.sex.argmax(spans.start_date), death_date=spans.death_date.min()
    )
    rules, windows = facts.rules, facts.assigned
    whole = rules.filter(rules.kind == "year").select("measure")
    at_end = windows.filter((windows.start_date <= last) & (windows.end_date >= last)).select("member_id").distinct()
    possible = possible.union(at_end.cross_join(whole).select("measure", "member_id", day=last))
    known = possible.join(people, "member_id").join(rules, "measure")
    age = _age(known.day, known.birth_date)
    right = age.between(known.age_low, known.age_high) & ((known.sex == "") | (known.sex_of == known.sex))
    alive = known.death_date.isnull() | (known.death_date > known.day)
    known = known.filter((right & alive).fill_null(False)).select(*CASE, "birth_date", "follow_up", "diagnosed")
    ours = windows.select(assigned="member_id", opens="start_date", closes="end_date")
    joined = known.join(ours, known.member_id == ours.assigned)
    on_day = joined.filter((joined.day >= joined.opens) & (joined.day <= joined.closes))
    on_day = on_day.select(*CASE, "birth_date", "follow_up", "diagnosed").distinct()
    lines = facts.dataset.claims
    hospice = lines.filter((lines.claim_type == "hospice") & lines.service_date.between(opens, last))
    return on_day.anti_join(hospice.select("member_id").distinct(), "member_id")


def _first_diagnosed(facts: Facts) -> ir.Table:
    """First diagnoses of the year that can be followed up within it, with none before them within the look-back."""
    told, rules = facts.of("diagnosis"), facts.rules
    told = told.join(rules.filter(rules.kind == "first diagnosis"), told.of_measure == rules.measure)
    told = told.select("measure", "days", "eligible", "follow_up", "other", "on")
    to_end = day_literal(facts.last).delta(told.on, unit="day")
    met = told.filter(told.eligible & (told.on.year() == facts.year) & (to_end >= told.follow_up))
    first = met.group_by("measure", member_id=met.other).agg(day=met.on.min())
    pairs = [first.measure == told.measure, first.member_id == told.other]
    both = first.join(told, pairs).select(*CASE, "days", before=first.day.delta(told.on, unit="day"))
    return first.anti_join(both.filter(both.before.between(1, both.days)), CASE)


def _discharged(facts: Facts) -> ir.Table:
    """Stays that ended in the year early enough to be followed up, and when the next one began (`after`)."""
    import ibis

    stays, rules = facts.stays, facts.rules
    after = stays.start_date.lead().over(ibis.window(group_by="member_id", order_by="start_date"))
    ended = stays.select("member_id", day=stays.end_date, after=after)
    ended = ended.filter(ended.day.year() == facts.year)
    index = ended.cross_join(rules.filter(rules.kind == "readmission").select("measure", "follow_up"))
    return index.filter(day_literal(facts.last).delta(index.day, unit="day") >= index.follow_up)


def _again(facts: Facts) -> ir.Table:
    """Discharges after which the next stay began within the days of follow-up."""
    index = _discharged(facts)
    return index.filter(index.after.delta(index.day, unit="day") <= index.follow_up).select(*CASE)


def _enrolled(rows: ir.Table, facts: Facts) -> ir.Table:
    """Cases of members covered as long as the measure says, but for the gap it allows in each calendar year."""
    import ibis

    frame = pd.concat([_windows(measure, facts.last) for measure in facts.chosen])
    wanted = small(facts.dataset, frame.astype({"opens": "int64", "closes": "int64", "gap": "int64"}), _WINDOWS)
    spans = coverage(facts.dataset).select(covered="member_id", since="start_date", until="end_date")
    each = rows.select(*CASE).join(wanted, "measure").join(spans, rows.member_id == spans.covered)
    since, until = each.since.delta(each.day, unit="day"), each.until.delta(each.day, unit="day")
    each = each.filter((since <= each.closes) & (until >= each.opens))
    first, last = ibis.greatest(since, each.opens), ibis.least(until, each.closes)
    each = each.mutate(first=first, last=last, held=last - first + 1)
    keys = [*CASE, "opens", "closes", "gap"]
    sums = each.group_by(keys).agg(
        parts=each.count(), held=each.held.sum(), first=each.first.min(), last=each.last.max()
    )
    ends = (sums.first > sums.opens).cast("int64") + (sums.last < sums.closes).cast("int64")
    gaps, missing = sums.parts - 1 + ends, sums.closes - sums.opens + 1 - sums.held
    whole = sums.filter((gaps == 0) | ((gaps == 1) & (missing <= sums.gap)))
    counted = whole.group_by(CASE).agg(held=whole.count())
    needed = wanted.group_by("measure").agg(needed=wanted.count())
    enough = counted.join(needed, "measure")
    return rows.semi_join(enough.filter(enough.held == enough.needed), CASE)


def _windows(measure: Measure, last: date) -> pd.DataFrame:
    """Days of coverage wanted, counted from the day of the case, by calendar year where that is the year's end."""
    if measure.kind == "visits":
        return pd.DataFrame(columns=list(_WINDOWS))
    before = days_before(measure.enrolled, last)
    if measure.kind != "year":
        return pd.DataFrame([(measure.measure, -before, measure.follow_up, 0)], columns=list(_WINDOWS))
    rows, opens = [], last - timedelta(days=before)
    while opens <= last:
        closes = date(opens.year, 12, 31)
        gap = measure.gap_days if opens == date(opens.year, 1, 1) else 0
        rows.append((measure.measure, (opens - last).days, (closes - last).days, gap))
        opens = closes + timedelta(days=1)
    return pd.DataFrame(rows, columns=list(_WINDOWS))


def _diagnosed(facts: Facts) -> ir.Table:
    """Members with the diagnoses that measures of the year's end ask for: `of_measure`, `other`."""
    told, rules = facts.of("diagnosis"), facts.rules
    told = told.join(rules.select("measure", "diagnosed"), told.of_measure == rules.measure)
    told = told.filter(told.eligible & (day_literal(facts.last).delta(told.on, unit="day") <= told.days))
    counted = told.group_by("of_measure", "other", "diagnosed").agg(
        days=told.on.nunique(), years=told.on.year().nunique()
    )
    twice = (counted.diagnosed == "two days or a stay") & (counted.days > 1)
    each = (counted.diagnosed == "each year") & (counted.years > 1)
    stayed = _in_stay(told.filter(told.diagnosed == "two days or a stay"), facts)
    event = facts.of("event")
    event = event.filter(event.on.year() == facts.year - 1)
    billed = event.filter(event.coded == "procedure").select("of_measure", "other")
    stayed = stayed.union(_in_stay(event.filter(event.coded == "diagnosis"), facts))
    return counted.filter(twice | each).select("of_measure", "other").union(stayed).union(billed).distinct()


def _in_stay(told: ir.Table, facts: Facts) -> ir.Table:
    """Members with a diagnosis on a day of a hospital stay: `of_measure`, `other`."""
    stays = facts.stays
    both = told.join(stays, told.other == stays.member_id)
    return both.filter(both.on.between(both.start_date, both.end_date)).select("of_measure", "other")


def _near(rows: ir.Table, events: ir.Table) -> ir.Table:
    """Cases with an event within its look-back or the days of follow-up, at the age it wants."""
    both = rows.join(events, [rows.measure == events.of_measure, rows.member_id == events.other])
    before = both.day.delta(both.on, unit="day")
    seen = (before <= both.days) & (before >= -both.follow_up)
    return both.filter(seen & (_age(both.on, both.birth_date) >= both.age_from)).select(*CASE).distinct()


def _age(day: Any, born: Any) -> Any:
    """Age on a day. [years]"""
    had = day.month() * 100 + day.day() >= born.month() * 100 + born.day()
    return day.year() - born.year() - 1 + had.cast("int64")
