"""Steps from claims to episodes of care, as expressions of the engine, and the codes they go by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pandas as pd

from acomodel.claims.drilldown import counted_lines
from acomodel.claims.incurred import ContractScope
from acomodel.claims.population import Population
from acomodel.claims.tables import Dataset
from acomodel.claims.visits import ANCILLARY, day_literal, known_providers

if TYPE_CHECKING:
    import ibis.expr.types as ir

YEAR = 365
"""Days of one interval of a chronic condition, and days before an episode in which comorbidities are looked for."""

Conditions = Mapping[str, tuple[str, int]]
"""Conditions looked for: each "acute" or "chronic", with its clean period. [days]"""


@cache
def episode_rules() -> pd.DataFrame:
    """Groups of codes: conditions with their clean periods, comorbidities, and codes of an evaluation."""
    with files("acomodel").joinpath("data/episodes.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype=str, keep_default_na=False)


def conditions_known() -> dict[str, tuple[str, int]]:
    """
    Conditions of the package, each "acute" or "chronic" with the days without care that end it.

    >>> conditions_known()["Low back pain"]
    ('acute', 60)
    """
    rows = episode_rules()
    rows = rows[rows["kind"].isin(["acute", "chronic"])].drop_duplicates("group")
    return {str(r.group): (str(r.kind), int(str(r.clean_days))) for r in rows.itertuples()}


def episode_table(
    dataset: Dataset,
    population: Population,
    scope: ContractScope,
    wanted: Conditions,
    span: tuple[date, date],
    *,
    near: int,
    minimum_share: float,
) -> ir.Table:
    """
    Episodes in the engine, by the steps of `find_episodes`.

    Returns
    -------
    ibis.expr.types.Table
        `member_id`, `physician`, `specialty`, `condition`, `comorbidities`, `start_date`, `end_date`, `parts` (of a
        cent; see `parts_of_a_cent`), `lines`, `complete`.
    """
    first, last = span
    marked = dataset.keep(_diagnosed(dataset, first - timedelta(days=YEAR), last))
    lines = _evaluated(dataset, population, scope, first, last)
    related = dataset.keep(_related(marked, wanted, near, first, last))
    days = dataset.keep(_in_episodes(dataset.keep(_care(lines, related, wanted)), wanted))
    found = dataset.keep(_episodes(days, wanted))
    frame = _complete(found, population, wanted, first, last)
    frame = frame.left_join(_comorbidities(found, marked), "episode").drop("episode_right")
    frame = frame.left_join(_physicians(days, minimum_share), "episode").drop("episode_right")
    known = known_providers(dataset).select(who="provider_id", specialty="specialty")
    frame = frame.left_join(known, frame.physician == known.who)
    return frame.select(
        "member_id",
        "physician",
        "specialty",
        "condition",
        "start_date",
        "end_date",
        "parts",
        "lines",
        "complete",
        comorbidities=frame.comorbidities.fill_null(0),
    )


def parts_of_a_cent(wanted: Conditions) -> int:
    """Parts into which a cent is cut, so that a day shared by any number of conditions is split exactly."""
    return math.lcm(*range(1, len(wanted) + 1))


def _starts(column: Any, prefixes: Sequence[str]) -> Any:
    """Condition that a code begins with one of some prefixes."""
    found = column.startswith(prefixes[0])
    for prefix in prefixes[1:]:
        found = found | column.startswith(prefix)
    return found


def _prefixes(*kinds: str) -> dict[str, list[str]]:
    rows = episode_rules()
    rows = rows[rows["kind"].isin(kinds)]
    return {str(name): part["prefix"].tolist() for name, part in rows.groupby("group", sort=False)}


def _diagnosed(dataset: Dataset, first: date, last: date) -> ir.Table:
    """Days on which members had a diagnosis of a condition or comorbidity: `member_id`, `day`, `condition`."""
    import ibis

    rows = dataset.diagnoses
    rows = rows.filter(rows.service_date.between(day_literal(first), day_literal(last)))
    named = _prefixes("acute", "chronic", "comorbidity")
    group = ibis.cases(*[(_starts(rows.code, some), name) for name, some in named.items()])
    marked = rows.select("member_id", day="service_date", condition=group)
    return marked.filter(marked.condition.notnull()).distinct()


def _evaluated(dataset: Dataset, population: Population, scope: ContractScope, first: date, last: date) -> ir.Table:
    """Counted lines of the years, with whether each is a clinician's evaluation."""
    lines = counted_lines(dataset, population, scope)
    lines = lines.filter(lines.service_date.between(day_literal(first), day_literal(last)))
    who = known_providers(dataset).select(clinician="provider_id", of_rank="rank")
    lines = lines.left_join(who, lines.provider_id == who.clinician)
    seen = (lines.claim_type == "professional") & _starts(lines.hcpcs, _prefixes("visit")["Evaluation"])
    return lines.select(
        "member_id",
        "provider_id",
        day="service_date",
        cents=(lines.net * 100).cast("int64"),
        visit=(seen & (lines.of_rank < ANCILLARY)).fill_null(False),
    )


def _related(marked: ir.Table, wanted: Conditions, near: int, first: date, last: date) -> ir.Table:
    """Days of members that belong to conditions: how far the diagnosis is, how many conditions share the day."""
    import ibis

    rows = marked.filter(marked.condition.isin(list(wanted)))
    rows = rows.filter(rows.day.between(day_literal(first - timedelta(days=near)), day_literal(last)))
    rows = rows.mutate(away=ibis.literal(0, "int32"))
    around = [rows]
    for away in range(1, near + 1):
        for shift in (-away, away):
            moved = (rows.day + ibis.interval(days=shift)).cast("date")
            around.append(rows.mutate(day=moved, away=ibis.literal(away, "int32")))
    every = rows if near == 0 else around[0].union(*around[1:])
    nearest_of = every.group_by("member_id", "day", "condition").agg(away=every.away.min())
    by_day = ibis.window(group_by=["member_id", "day"])
    least = nearest_of.mutate(least=nearest_of.away.min().over(by_day))
    kept = least.filter(least.away == least.least)
    return kept.select("member_id", "day", "condition", "away", sharing=kept.condition.count().over(by_day))


def _care(lines: ir.Table, related: ir.Table, wanted: Conditions) -> ir.Table:
    """Care of each condition by member, day and clinician: parts of a cent, those of visits, lines."""
    whole = parts_of_a_cent(wanted)
    joined = lines.join(related, ["member_id", "day"])
    joined = joined.mutate(part=joined.cents * (whole // joined.sharing).cast("int64"))
    joined = joined.mutate(seen=joined.visit.ifelse(joined.part, 0))
    keys = ["member_id", "condition", "day", "away", "provider_id"]
    return joined.group_by(keys).agg(parts=joined.part.sum(), seen=joined.seen.sum(), lines=joined.count())


def _kinds(column: Any, wanted: Conditions) -> tuple[Any, Any]:
    """Whether a condition is chronic, and its clean period."""
    import ibis

    chronic = column.isin([n for n, (kind, _) in wanted.items() if kind == "chronic"])
    return chronic, ibis.cases(*[(column == n, d) for n, (_, d) in wanted.items()]).cast("int32")


def _in_episodes(care: ir.Table, wanted: Conditions) -> ir.Table:
    """Care with the number of its episode: runs of days without a clean period, from the first evaluation on."""
    import ibis

    one = care.group_by("member_id", "condition", "day").agg(seen=(care.away == 0).ifelse(care.seen, 0).sum())
    own = ibis.window(group_by=["member_id", "condition"], order_by="day")
    gaps = one.mutate(gap=one.day.delta(one.day.lag().over(own), unit="day"))
    opens = (gaps.gap > _kinds(gaps.condition, wanted)[1]).fill_null(True).cast("int32")
    upto = ibis.window(group_by=["member_id", "condition"], order_by="day", preceding=(None, 0))
    runs = gaps.mutate(opens=opens)
    runs = runs.mutate(run=runs.opens.sum().over(upto))
    whole = ibis.window(group_by=["member_id", "condition", "run"])
    runs = runs.mutate(start=(runs.seen > 0).ifelse(runs.day, ibis.null("date")).min().over(whole))
    runs = runs.filter(runs.day >= runs.start)
    chronic, _ = _kinds(runs.condition, wanted)
    runs = runs.mutate(interval=chronic.ifelse(runs.day.delta(runs.start, unit="day") // YEAR, 0).cast("int32"))
    keys = ["member_id", "condition", "run", "interval"]
    number = ibis.dense_rank().over(ibis.window(order_by=keys))
    runs = runs.select(*keys, "day", "start", episode=number)
    return care.join(runs, ["member_id", "condition", "day"])


def _episodes(days: ir.Table, wanted: Conditions) -> ir.Table:
    """Episodes with their dates, cost and lines; a chronic one ends with its interval."""
    import ibis

    sums = days.group_by("episode", "member_id", "condition", "interval", "start").agg(
        parts=days.parts.sum(), lines=days.lines.sum(), last_day=days.day.max()
    )
    chronic, _ = _kinds(sums.condition, wanted)
    begins = (sums.start + (sums.interval * YEAR).as_interval("D")).cast("date")
    ends = (begins + ibis.interval(days=YEAR - 1)).cast("date")
    return sums.select(
        "episode",
        "member_id",
        "condition",
        "parts",
        "lines",
        start_date=chronic.ifelse(begins, sums.start),
        end_date=chronic.ifelse(ends, sums.last_day),
    )


def _complete(found: ir.Table, population: Population, wanted: Conditions, first: date, last: date) -> ir.Table:
    """Episodes with whether the time that makes them whole lies within the years and the member's time."""
    import ibis

    windows = population.windows.select(ours="member_id", opens="start_date", closes="end_date")
    opens, closes = ibis.greatest(windows.opens, day_literal(first)), ibis.least(windows.closes, day_literal(last))
    windows = windows.mutate(opens=opens, closes=closes)
    chronic, clean = _kinds(found.condition, wanted)
    spare = chronic.ifelse(0, clean)
    needed = found.mutate(
        needs_from=(found.start_date - spare.as_interval("D")).cast("date"),
        needs_to=(found.end_date + spare.as_interval("D")).cast("date"),
    )
    within = needed.join(
        windows,
        [needed.member_id == windows.ours, needed.needs_from >= windows.opens, needed.needs_to <= windows.closes],
    )
    whole = within.select(sure="episode").distinct()
    joined = found.left_join(whole, found.episode == whole.sure)
    return joined.mutate(complete=joined.sure.notnull()).drop("sure")


def _comorbidities(found: ir.Table, marked: ir.Table) -> ir.Table:
    """Number of comorbidities of each episode: `episode`, `comorbidities`."""
    import ibis

    rows = episode_rules()
    listed = sorted(rows.loc[rows["comorbidity"] == "yes", "group"].unique())
    beside = marked.filter(marked.condition.isin(listed)).select(whose="member_id", when="day", beside="condition")
    from_day = (found.start_date - ibis.interval(days=YEAR)).cast("date")
    joined = found.mutate(from_day=from_day).join(
        beside,
        [
            found.member_id == beside.whose,
            found.condition != beside.beside,
        ],
    )
    joined = joined.filter(joined.when.between(joined.from_day, joined.end_date))
    return joined.group_by("episode").agg(comorbidities=joined.beside.nunique().cast("int64"))


def _physicians(days: ir.Table, minimum_share: float) -> ir.Table:
    """Physician of each episode: most dollars of visits, and enough of them; the lower identifier where even."""
    import ibis

    seen = days.filter(days.provider_id.notnull())
    sums = seen.group_by("episode", "provider_id").agg(seen=seen.seen.sum())
    sums = sums.filter(sums.seen > 0)
    own = ibis.window(group_by="episode")
    ranked = sums.mutate(
        whole=sums.seen.sum().over(own),
        place=ibis.row_number().over(ibis.window(group_by="episode", order_by=[sums.seen.desc(), sums.provider_id])),
    )
    best = ranked.filter((ranked.place == 0) & (ranked.seen >= minimum_share * ranked.whole))
    return best.select("episode", physician="provider_id")
