"""Services of synthetic claims: when they happen, what they cost, and when they are paid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from acomodel.claims.synthetic.market import Market, providers_seen
from acomodel.claims.synthetic.population import Slots
from acomodel.claims.synthetic.tables import Service, parameters, table

if TYPE_CHECKING:
    from acomodel.claims.synthetic import SyntheticSettings

WEEKDAYS = (1.3, 1.3, 1.3, 1.2, 1.2, 0.4, 0.3)
"""Weight of Monday to Sunday in office services (health-actuary.com, sample factors)."""
BEFORE = 4
"""Months drawn before the book, for the hospital stays whose skilled nursing falls into it."""
SESSIONS = 12.0
"""Dialysis sessions a month (assumed)."""


@dataclass(frozen=True)
class Calendar:
    """
    Months of a book, and `BEFORE` months before it.

    Parameters
    ----------
    first, days : numpy.ndarray
        First day of each month, counted from 1970, and number of its days.
    month, year : numpy.ndarray
        Month of the year from 0, and year counted from the first of the book.
    weekdays : numpy.ndarray
        Day of an office service, from 0, for each of 4,096 even draws, by month of the book.
    """

    first: np.ndarray
    days: np.ndarray
    month: np.ndarray
    year: np.ndarray
    weekdays: np.ndarray

    @classmethod
    def of(cls, start: str, months: int) -> Calendar:
        """Calendar from some months before `start`, with five years beyond the book for payments."""
        month = np.datetime64(start, "M") + np.arange(-BEFORE, months + 60)
        first = month.astype("M8[D]").astype(np.int64)
        year = month.astype("M8[Y]").astype(np.int64)
        days = np.diff(first)
        return cls(
            first=first[:-1],
            days=days,
            month=(month.astype(np.int64) % 12)[:-1],
            year=(year - year[BEFORE]).clip(0)[:-1],
            weekdays=_weekday_table(first[: months + BEFORE], days[: months + BEFORE]),
        )


@dataclass(frozen=True)
class Book:
    """What the services of one block are drawn from; arrays by place and month."""

    settings: SyntheticSettings
    calendar: Calendar
    slots: Slots
    member: np.ndarray
    opens: np.ndarray
    market: Market
    doctor: np.ndarray
    draw: np.ndarray


@dataclass(frozen=True)
class Claims:
    """Claims of one kind and their lines, as columns; `lines` says how many lines each claim has."""

    slot: np.ndarray
    month: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    paid: np.ndarray
    provider: np.ndarray
    lines: np.ndarray
    allowed: np.ndarray
    code: np.ndarray
    units: np.ndarray
    cost_share: np.ndarray


def service_days(rng: np.random.Generator, book: Book, slot: np.ndarray, month: np.ndarray, office: bool) -> np.ndarray:
    """Day of each service, counted from 1970: by weekday in offices, evenly elsewhere, never after a death."""
    calendar, slots = book.calendar, book.slots
    draw = rng.random(slot.size)
    days = calendar.days[month]
    day = np.floor(draw * days).astype(np.int64)
    if office:
        day = calendar.weekdays[month, (draw * 4096).astype(np.int64)]
    dying = np.flatnonzero(slots.dies[slot, month])
    day[dying] = np.floor(draw[dying] * (np.floor(slots.death_day[slot, month][dying] * days[dying]) + 1))
    return calendar.first[month] + day


def _weekday_table(first: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Day of the month, from 0, for 4,096 even draws in each month."""
    even = (np.arange(4096) + 0.5) / 4096
    rows = []
    for begin, count in zip(first, days, strict=True):
        weight = np.take(WEEKDAYS, (begin + 3 + np.arange(count)) % 7)
        rows.append(np.searchsorted(np.cumsum(weight) / weight.sum(), even))
    return np.array(rows, np.int64)


def death_dates(book: Book) -> np.ndarray:
    """Day of death by place and month, where the member dies in it."""
    months = book.slots.dies.shape[1]
    days = book.calendar.days[:months]
    return book.calendar.first[:months] + np.floor(book.slots.death_day * days).astype(np.int64)


def draw_claims(
    rng: np.random.Generator,
    book: Book,
    service: Service,
    rate: np.ndarray,
    curve: np.ndarray,
    stays: Claims | None,
) -> Claims:
    """
    Claims of one kind of service.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of draws.
    book : Book
        Members, months and providers.
    service : Service
        Kind of claim.
    rate : numpy.ndarray
        Expected claims by place and month.
    curve : numpy.ndarray
        Cumulative share paid by month of lag.
    stays : Claims, optional
        Hospital stays, from which skilled nursing follows.

    Returns
    -------
    Claims
        Counts are Poisson, severities log-normal, lags from the curve; all independent given the rate.
    """
    calendar, settings, slots = book.calendar, book.settings, book.slots
    p = parameters(settings.population)
    if service.kind == "snf" and stays is not None:
        slot, month, begins, ends = _nursing(rng, book, stays, service)
    else:
        cells = np.repeat(np.arange(rate.size), _counts(rng, book, service, rate).ravel())
        slot, month = np.divmod(cells, rate.shape[1])
        begins = service_days(rng, book, slot, month, service.claim_type in ("professional", "outpatient"))
        ends = begins
    lag = np.searchsorted(curve, rng.random(slot.size), side="right").clip(0, curve.size - 1)
    spread = rng.standard_normal(slot.size if service.kind in ("stay", "hospice", "snf") else 0, np.float32)
    if service.kind == "stay":
        begins, ends = _stays(rng, book, slot, month, lag, begins, spread, p["stay_days"])
    elif service.kind == "hospice":
        begins, ends = _whole_month(book, month)
    dead = slots.dies[slot, month]
    if service.kind in ("snf", "hospice") and dead.any():
        ends = np.where(dead, np.minimum(ends, death_dates(book)[slot, month]), ends)
    month_end = calendar.first[month + lag] + calendar.days[month + lag] - 1
    earliest = np.maximum(calendar.first[month + lag], ends)
    paid = earliest + np.floor(rng.random(slot.size) * (month_end - earliest + 1)).astype(np.int64)
    usual = book.doctor[slot, calendar.year[month]]
    provider = providers_seen(rng, settings, book.market, service.role, usual, book.draw[slot])
    lines = 1 + rng.poisson(service.lines - 1, slot.size) if service.lines > 1 else np.ones(slot.size, np.int64)
    of = np.repeat(np.arange(slot.size), lines)
    rows = table("codes").reset_index(drop=True)
    rows = rows[rows["kind"] == service.kind]
    weight = (rows["weight"] / rows["weight"].sum()).to_numpy()
    choice = np.searchsorted(np.cumsum(weight), rng.random(of.size), side="right").clip(0, weight.size - 1)
    price = rows["price"].to_numpy() / (rows["price"] @ weight)
    days = np.maximum(ends - begins, 1) if service.kind == "stay" else ends - begins + 1
    noise = spread if spread.size else rng.standard_normal(of.size, np.float32)
    allowed = service.allowed * price[choice] * np.exp(service.sigma * noise - service.sigma**2 / 2)
    allowed *= ((1 + settings.cost_trend) ** ((np.arange(rate.shape[1]) - BEFORE) / 12))[month][of]
    if service.kind in ("snf", "hospice"):
        allowed *= days
    ramp = table("cost_share").sort_values("month")[settings.population].to_numpy()
    cents = np.maximum(np.rint(allowed * 100), 1).astype(np.int64)
    shared = np.rint(cents * (service.cost_share * ramp[calendar.month[month]])[of]).astype(np.int64)
    return Claims(
        slot=slot,
        month=month,
        begins=begins,
        ends=ends,
        paid=paid,
        provider=provider,
        lines=lines,
        allowed=cents,
        code=rows.index.to_numpy()[choice],
        units=_units(rng, service, days, lines, of),
        cost_share=shared,
    )


def _counts(rng: np.random.Generator, book: Book, service: Service, rate: np.ndarray) -> np.ndarray:
    """Claims of each place and month; hospice is there or not, month by month before a death."""
    if service.kind == "hospice":
        months = rate.shape[1]
        return ((book.slots.to_death < book.slots.hospice)[:, :months] & (book.member >= 0)).astype(np.int64)
    return rng.poisson(rate)


def _units(
    rng: np.random.Generator, service: Service, days: np.ndarray, lines: np.ndarray, of: np.ndarray
) -> np.ndarray:
    """Use on each line: days, visits on the first line of a claim, or one service a line."""
    first = np.arange(of.size) == (np.cumsum(lines) - lines)[of]
    if service.kind in ("stay", "snf", "hospice"):
        return days
    if service.kind == "home health":
        return 1 + rng.poisson(8, of.size)
    if service.kind == "emergency doctor":
        return np.zeros(of.size, np.int64)
    if service.kind == "emergency":
        return first.astype(np.int64)
    return np.ones(of.size, np.int64)


def _stays(
    rng: np.random.Generator,
    book: Book,
    slot: np.ndarray,
    month: np.ndarray,
    lag: np.ndarray,
    begins: np.ndarray,
    spread: np.ndarray,
    mean_days: float,
) -> tuple[np.ndarray, np.ndarray]:
    """First and last day of each stay; dear stays are longer; a stay paid in its month of admission ends in it."""
    calendar = book.calendar
    first, days = calendar.first[month], calendar.days[month]
    mixed = 0.6 * spread + 0.8 * rng.standard_normal(slot.size, np.float32)
    length = np.maximum(1, np.rint(mean_days * np.exp(0.75 * mixed - 0.75**2 / 2))).astype(np.int64)
    at_once = np.flatnonzero(lag == 0)
    room = np.maximum(days[at_once] - length[at_once], 1)
    dying = book.slots.dies[slot, month]
    free = at_once[~dying[at_once]]
    begins[free] = first[free] + np.floor(rng.random(free.size) * room[~dying[at_once]]).astype(np.int64)
    last = calendar.first[month + lag] + calendar.days[month + lag] - 1
    ends = np.minimum(begins + length, last)
    return begins, np.where(dying, np.minimum(ends, death_dates(book)[slot, month]), ends)


def _whole_month(book: Book, month: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and last day of each month."""
    first = book.calendar.first[month]
    return first, first + book.calendar.days[month] - 1


def _nursing(
    rng: np.random.Generator, book: Book, stays: Claims, service: Service
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Skilled nursing after some stays, billed by the month: place, month, first and last day of each bill."""
    calendar = book.calendar
    months = book.member.shape[1]
    expected = service.rate / _stay_rate(book.settings.population)
    follows = np.flatnonzero(rng.random(stays.slot.size) < expected)
    mean = parameters(book.settings.population)["snf_days"]
    length = np.maximum(1, np.rint(rng.gamma(1.6, mean / 1.6, follows.size))).astype(np.int64).clip(1, 100)
    begins = stays.ends[follows]
    ends = begins + length - 1
    bills = []
    for later in range(6):
        start = np.searchsorted(calendar.first, begins, side="right") - 1
        month = start + later
        inside = (month < months) & (calendar.first[np.minimum(month, calendar.first.size - 1)] <= ends)
        at = np.flatnonzero(inside)
        slot, when = stays.slot[follows[at]], month[at]
        same = book.member[slot, when] == book.member[slot, stays.month[follows[at]]]
        at, slot, when = at[same], slot[same], when[same]
        opens = np.maximum(begins[at], calendar.first[when])
        closes = np.minimum(ends[at], calendar.first[when] + calendar.days[when] - 1)
        alive = ~book.slots.dies[slot, when] | (opens <= death_dates(book)[slot, when])
        bills.append([part[alive] for part in (slot, when, opens, closes)])
    slot, when, opens, closes = (np.concatenate(parts) for parts in zip(*bills, strict=True))
    return slot, when, opens, closes


def _stay_rate(population: str) -> float:
    """Stays a member and year, as filed."""
    rows = table("services")
    return float(rows.loc[(rows["population"] == population) & (rows["kind"] == "stay"), "rate"].iloc[0])
