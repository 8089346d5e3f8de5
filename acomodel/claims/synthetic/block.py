"""One block of synthetic claims: members, providers and services put together as tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from acomodel.claims.synthetic import arrow
from acomodel.claims.synthetic.market import ACOS, Market, draw_market, usual_doctors
from acomodel.claims.synthetic.population import (
    draw_slots,
    drugs_covered,
    end_of_life,
    levels,
    log_risk,
    personal_risk,
)
from acomodel.claims.synthetic.services import BEFORE, SESSIONS, Book, Calendar, Claims, death_dates, draw_claims
from acomodel.claims.synthetic.tables import Service, parameters, services, table

if TYPE_CHECKING:
    import pyarrow as pa

    from acomodel.claims.synthetic import SyntheticSettings

ROOM = 100_000
COUNTIES = 3
RECORDED = 0.9
FULL_RECORD = 0.6
RULED_OUT = 0.5


@dataclass(frozen=True)
class Members:
    """Members of a block: place, first and last month, and the month in which they die (-1: none)."""

    slot: np.ndarray
    first: np.ndarray
    last: np.ndarray
    dies: np.ndarray


def number_members(dies: np.ndarray, leaves: np.ndarray, opens: np.ndarray) -> tuple[np.ndarray, Members]:
    """
    Number of the member in each place and month, -1 for none, and the members.

    Parameters
    ----------
    dies, leaves : numpy.ndarray
        Whether the member of a place goes in a month, by place and month, the first `BEFORE` months before the book.
    opens : numpy.ndarray
        First month of each place.
    """
    size, months = dies.shape
    month = np.arange(months)
    inside = month >= np.maximum(opens, BEFORE)[:, None]
    fresh = np.ones((size, months), bool)
    fresh[:, 1:] = (dies | leaves)[:, :-1]
    fresh |= month == opens[:, None]
    tenure = np.cumsum(fresh.ravel()).reshape(size, months)
    seen = np.zeros(int(tenure[-1, -1]) + 1, bool)
    seen[tenure[inside]] = True
    member = np.where(seen, np.cumsum(seen) - 1, -1)[tenure]
    member[month < opens[:, None]] = -1
    slot, there = np.nonzero(inside)
    first = np.flatnonzero(np.append(True, np.diff(member[slot, there]) > 0))
    last = there[np.append(first[1:], there.size) - 1]
    slot = slot[first]
    return member, Members(slot, there[first], last, np.where(dies[slot, last], last, -1))


def block_tables(
    settings: SyntheticSettings,
    number: int,
    size: int,
    *,
    last: date,
    joins: int,
    curves: dict[str, np.ndarray],
) -> dict[str, pa.Table]:
    """
    Tables of one block.

    Parameters
    ----------
    settings : SyntheticSettings
        What is put in.
    number, size : int
        Number of the block and its members at the start.
    last : date
        Last day of payments.
    joins : int
        Month in which the second group joins, counted from 0; -1 for none.
    curves : dict
        Cumulative share paid by month of lag, by service category.

    Returns
    -------
    dict of str to pyarrow.Table
        `claims`, `eligibility`, `providers`, `diagnoses`, `truth`.
    """
    rng = np.random.default_rng(np.random.SeedSequence(settings.seed, spawn_key=(number,)))
    calendar = Calendar.of(settings.start, settings.months)
    months = settings.months + BEFORE
    whole = size + round(settings.group_join * size)
    population, deaths = settings.population, settings.deaths
    second = np.arange(whole) >= size
    slots = draw_slots(
        rng,
        whole,
        months,
        population=population,
        deaths=deaths,
        churn=settings.churn_membership,
        youngest=second * (12 * settings.group_join_from_age),
    )
    opens = np.where(second, joins + BEFORE, 0)
    member, members = number_members(slots.dies[:, :months], slots.leaves[:, :months], opens)
    market = draw_market(rng, settings, whole)
    year = calendar.year[:months]
    doctor, moved = usual_doctors(rng, settings, market, whole, int(year.max()) + 1)
    risk, has = log_risk(slots, personal_risk(rng, whole, year, population), population=population, deaths=deaths)
    county = (rng.integers(0, COUNTIES, whole)[:, None] + np.cumsum(moved, axis=1)) % COUNTIES
    born = rng.integers(0, 28, whole)
    book = Book(settings, calendar, slots, member, opens, market, doctor, rng.random(whole))
    kinds = services(population, drugs_covered(settings))
    drawn, relative = _draw(rng, book, kinds, risk, curves)
    ids = [f"1S{number * ROOM + j:09d}" for j in range(members.slot.size)]
    names = [f"9{number:04d}{i:05d}" for i in range(market.role.size)]
    tins = [f"89{number:04d}{i:03d}" for i in range(market.aco.size)]
    claims, kept = _claims(rng, book, kinds, drawn, last=last, number=number, ids=ids, names=names, tins=tins)
    return {
        "claims": claims,
        "eligibility": _eligibility(book, members, moved, county, born, ids, number),
        "providers": _providers(market, names, tins),
        "diagnoses": _diagnoses(rng, book, kinds, drawn, kept, has, ids),
        "truth": _truth(book, relative, ids, names, tins),
    }


def steady_level(use: np.ndarray, there: np.ndarray) -> np.ndarray:
    """
    Factor by month that holds the average use of those present to its average over all months.

    Parameters
    ----------
    use : numpy.ndarray
        Expected use by place and month.
    there : numpy.ndarray
        Whether a member is there.

    Examples
    --------
    >>> steady_level(np.array([[1.0, 3.0], [1.0, 1.0]]), np.ones((2, 2), bool)).tolist()
    [1.5, 0.75]
    """
    mean = np.where(there, use, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    return np.where(mean > 0, mean.mean() / np.where(mean > 0, mean, 1), 1.0)


def _draw(
    rng: np.random.Generator, book: Book, kinds: tuple[Service, ...], risk: np.ndarray, curves: dict[str, np.ndarray]
) -> tuple[list[Claims], np.ndarray]:
    """Claims of each kind, and the relative expected cost of each place and month."""
    settings, calendar = book.settings, book.calendar
    months = book.member.shape[1]
    with_death, without = levels(settings.population, settings.deaths, drugs_covered(settings))
    month = np.arange(months)
    growth = (1 + settings.use_trend) ** ((month - BEFORE) / 12) * np.take(
        settings.seasonality, calendar.month[:months]
    )
    there = book.member >= 0
    late = end_of_life(book.slots, months)
    avoid = np.where(book.slots.avoids, parameters(settings.population)["avoider_use"], 1.0)[:, None]
    relative, dollars = np.zeros_like(risk), 0.0
    powers = {elasticity: np.exp(elasticity * risk) for elasticity in {s.elasticity for s in kinds}}
    drawn: list[Claims] = []
    for k, service in enumerate(kinds):
        use = powers[service.elasticity] * avoid if service.elective else powers[service.elasticity]
        if service.kind == "dialysis":
            use = np.broadcast_to(12 * SESSIONS * book.slots.esrd[:, None], risk.shape)
        dying = use * (late if service.end_of_life == 1 else late**service.end_of_life) if service.end_of_life else use
        level = steady_level(dying, there & (book.opens == 0)[:, None]) if settings.steady else np.ones(months)
        days = parameters(settings.population)["snf_days"] if service.kind == "snf" else 1.0
        cost = service.rate * service.lines * service.allowed * days
        relative += (cost / without[k]) * use * level
        dollars += cost
        rate = dying * there * (service.rate / with_death[k] * level * growth / 12)
        stays = drawn[0] if drawn else None
        drawn.append(draw_claims(rng, book, service, rate, curves[service.service_category], stays))
    return drawn, relative / dollars


def _claims(
    rng: np.random.Generator,
    book: Book,
    kinds: tuple[Service, ...],
    drawn: list[Claims],
    *,
    last: date,
    number: int,
    ids: list[str],
    names: list[str],
    tins: list[str],
) -> tuple[pa.Table, np.ndarray]:
    """Lines of all claims paid by the last day, in order, and which claims those are."""
    settings, market = book.settings, book.market
    through = (last - date(1970, 1, 1)).days
    column = {name: np.concatenate([getattr(c, name) for c in drawn]) for name in Claims.__dataclass_fields__}
    kind = np.repeat(np.arange(len(drawn)), [c.slot.size for c in drawn])
    kept = (column["month"] >= BEFORE) & (column["paid"] <= through)
    starts = np.cumsum(column["lines"]) - column["lines"]
    event = np.flatnonzero(kept)
    back = event[rng.random(event.size) < settings.reversals]
    again = column["paid"][back] + rng.integers(20, 76, back.size)
    back, again = back[again <= through], again[again <= through]
    version = np.repeat([0, 1, 2], [event.size, back.size, back.size])
    source = np.concatenate([event, back, back])
    paid = np.concatenate([column["paid"][event], again, again])
    counts = np.ones(source.size, np.int8)
    counts[: event.size][np.isin(event, back)] = 0
    counts[version == 1] = 0
    member = book.member[column["slot"][source], column["month"][source]]
    order = np.argsort(member * (1 << 20) + (column["begins"][source] + (1 << 18)), kind="stable")
    source, paid, counts, version, member = (a[order] for a in (source, paid, counts, version, member))
    lines = column["lines"][source]
    row = np.repeat(np.arange(source.size), lines)
    line = np.arange(row.size) - (np.cumsum(lines) - lines)[row]
    at, of = starts[source][row] + line, source[row]
    sign = np.where(version == 1, -1, 1)[row]
    allowed, shared = column["allowed"][at] * sign, column["cost_share"][at] * sign
    provider, service = column["provider"][of], kind[of]
    professional = np.array([s.claim_type in ("professional", "dme") for s in kinds])[service]
    practice = np.where(professional & (provider >= 0), market.practice[provider], -1)
    special, specials = np.unique(market.specialty, return_inverse=True)
    codes = table("codes")
    code = column["code"][at]
    teaching = np.zeros(row.size, np.int64)
    p = parameters(settings.population)
    if p["ime_dsh"] > 0:
        pays = (kind == 0) & (rng.random(kind.size) < p["ime_dsh_stays"])
        teaching = np.where(pays[of], np.rint((allowed - shared) * p["ime_dsh"]), 0).astype(np.int64)
    capitated = np.zeros(row.size, bool)
    if settings.capitated > 0:
        offices = market.by_practice["usual"][0].size
        under = rng.permutation(offices)[: round(settings.capitated * offices)]
        capitated = (np.array([s.role == "usual" for s in kinds])[service]) & np.isin(practice, under)
    identifier = (10_000 + number) * 10**8 + np.arange(source.size)
    cells = {
        "claim_id": arrow.numbered(identifier).take(row),
        "line_number": arrow.numbers(line + 1),
        "member_id": arrow.labels(member[row], ids),
        "provider_id": arrow.labels(provider, names),
        "tin": arrow.labels(practice, tins),
        "specialty": arrow.labels(np.where(professional, specials[provider], -1), special.tolist()),
        "service_date": arrow.dates(column["begins"][of]),
        "end_date": arrow.dates(column["ends"][of]),
        "paid_date": arrow.dates(paid[row]),
        "claim_type": arrow.labels(service, [s.claim_type for s in kinds]),
        "service_category": arrow.labels(service, [s.service_category for s in kinds]),
        "units": arrow.money(column["units"][at] * counts[row] * 100),
        "allowed": arrow.money(allowed),
        "paid": arrow.money(allowed - shared),
        "member_cost_share": arrow.money(shared),
        "ime_dsh": arrow.money(teaching),
        "capitated": arrow.flags(capitated),
    }
    for name in ("hcpcs", "place_of_service", "revenue_code"):
        cells[name] = arrow.labels(code, codes[name].tolist())
    return arrow.as_table("claims", cells, row.size), kept


def _eligibility(
    book: Book,
    members: Members,
    moved: np.ndarray,
    county: np.ndarray,
    born: np.ndarray,
    ids: list[str],
    number: int,
) -> pa.Table:
    """One span a member, and one more after each move."""
    calendar, slots, settings = book.calendar, book.slots, book.settings
    months = book.member.shape[1]
    turns = np.zeros(book.member.shape, bool)
    turns[:, 1:] = (np.diff(calendar.year[:months]) > 0) & moved[:, calendar.year[1:months]]
    turns[members.slot, members.first] = True
    turns &= book.member >= 0
    turns[:, :BEFORE] = False
    slot, first = np.nonzero(turns)
    of = book.member[slot, first]
    ends = np.append(of[1:] != of[:-1], True)
    until = np.where(ends, members.last[of], np.append(first[1:], 0) - 1)
    death = members.dies[of]
    day = death_dates(book)[slot, np.maximum(death, 0)]
    closes = np.where(ends & (death >= 0), day, calendar.first[until] + calendar.days[until] - 1)
    opened = members.first[of]
    start = np.datetime64(settings.start, "M") - BEFORE
    age = slots.age[slot, opened].astype(int)
    birth = (start + opened - age - 1).astype("M8[D]").astype(np.int64) + born[slot]
    medicare = settings.population == "medicare"
    counties = [f"{90_000 + (number * COUNTIES + c) % 10_000}" for c in range(COUNTIES)]
    payers = ["Medicare FFS" if medicare else "Group A", "Group B"]
    cells = {
        "member_id": arrow.labels(of, ids),
        "start_date": arrow.dates(calendar.first[first]),
        "end_date": arrow.dates(closes),
        "birth_date": arrow.dates(birth),
        "sex": arrow.labels(slots.female[slot].astype(int), ["M", "F"]),
        "payer": arrow.labels((book.opens[slot] > 0).astype(int), payers),
        "county": arrow.labels(county[slot, calendar.year[first]], counties),
        "death_date": arrow.dates(day, absent=death < 0),
        "esrd": arrow.flags(slots.esrd[slot]),
    }
    if medicare:
        cells["dual_status"] = arrow.labels(slots.dual[slot, opened].astype(int), ["NA", "02"])
        cells["orec"] = arrow.labels(slots.disabled[slot, opened].astype(int), ["0", "1"])
    return arrow.as_table("eligibility", cells, of.size)


def _providers(market: Market, names: list[str], tins: list[str]) -> pa.Table:
    """All providers of the block; facilities have neither specialty nor class."""
    from acomodel.claims.categories import specialty_table

    known = specialty_table().set_index("specialty")["provider_class"].to_dict()
    there = np.arange(market.role.size)
    classes = [known.get(code) or None for code in market.specialty]
    aco = np.where(market.practice >= 0, market.aco[market.practice], 0)
    cells = {
        "provider_id": arrow.labels(there, names),
        "specialty": arrow.labels(there, market.specialty.tolist()),
        "provider_class": arrow.labels(there, classes),
        "tin": arrow.labels(market.practice, tins),
        "aco_id": arrow.labels(aco, list(ACOS)),
        "exclusive": arrow.flags(np.ones(there.size, bool)),
    }
    return arrow.as_table("providers", cells, there.size)


def _diagnoses(
    rng: np.random.Generator,
    book: Book,
    kinds: tuple[Service, ...],
    drawn: list[Claims],
    kept: np.ndarray,
    has: list[np.ndarray],
    ids: list[str],
) -> pa.Table:
    """Conditions written down at stays and at some visits, complaints at visits, suspicions at imaging."""
    conditions, acute = table("conditions")["code"].tolist(), table("acute_codes")
    codes = conditions + acute["code"].tolist()
    weight = np.cumsum(acute["weight"] / acute["weight"].sum())
    keys, begin = [], 0
    for service, claims in zip(kinds, drawn, strict=True):
        here = np.flatnonzero(kept[begin : begin + claims.slot.size])
        begin += claims.slot.size
        slot, month = claims.slot[here], claims.month[here]
        base = (book.member[slot, month] * (1 << 20) + claims.begins[here] + (1 << 18)) * 128
        if service.kind == "imaging":
            guess = rng.integers(0, len(conditions), here.size)
            doubt = rng.random(here.size) < RULED_OUT
            keys.append((base + guess * 2)[doubt])
        if service.role in ("usual", "practitioner", "specialist", "mental"):
            said = np.searchsorted(weight, rng.random(here.size), side="right").clip(0, weight.size - 1)
            keys.append(base + (len(conditions) + said) * 2 + 1)
        if service.role == "usual" or service.kind == "stay":
            full = np.flatnonzero(rng.random(here.size) < (1.0 if service.kind == "stay" else FULL_RECORD))
            slot, month, base = slot[full], month[full], base[full]
            for c, there in enumerate(has):
                written = there[slot, month] & (rng.random(slot.size, np.float32) < RECORDED)
                keys.append(base[written] + c * 2 + 1)
    key = np.sort(np.concatenate(keys))
    key = key[np.diff(key, prepend=-1) != 0]
    day = (key >> 7) % (1 << 20) - (1 << 18)
    cells = {
        "member_id": arrow.labels(key >> 27, ids),
        "code": arrow.labels((key % 128) >> 1, codes),
        "service_date": arrow.dates(day),
        "eligible": arrow.flags(key % 2 == 1),
    }
    return arrow.as_table("diagnoses", cells, key.size)


def _truth(book: Book, relative: np.ndarray, ids: list[str], names: list[str], tins: list[str]) -> pa.Table:
    """Usual doctor and average risk of each member in each calendar year."""
    there = book.member >= 0
    there[:, :BEFORE] = False
    slot, month = np.nonzero(there)
    years = int(book.calendar.year.max()) + 1
    cell = book.member[slot, month] * years + book.calendar.year[month]
    first = np.flatnonzero(np.append(True, cell[1:] != cell[:-1]))
    found, count = cell[first], np.diff(np.append(first, cell.size))
    risk = np.add.reduceat(relative[slot, month], first) / count
    doctor = book.doctor[slot[first], found % years]
    start = int(book.settings.start[:4])
    cells = {
        "member_id": arrow.labels(found // years, ids),
        "year": arrow.numbers(start + found % years),
        "usual_provider": arrow.labels(doctor, names),
        "usual_tin": arrow.labels(book.market.practice[doctor], tins),
        "risk": arrow.plain(risk),
    }
    return arrow.as_table("truth", cells, found.size)
