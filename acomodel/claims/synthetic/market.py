"""Providers of synthetic claims: practices, the ACOs they belong to, and whom each member sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from acomodel.claims.synthetic.tables import parameters, table

if TYPE_CHECKING:
    from acomodel.claims.synthetic import SyntheticSettings

FACILITIES = frozenset({"hospital", "snf", "home_health", "hospice"})
ACOS = (None, "ACO1", "ACO2")
NO_PRACTICE = -1


@dataclass(frozen=True)
class Market:
    """
    Providers of one block of members, in the order of roles and specialties.

    Parameters
    ----------
    role, specialty : numpy.ndarray
        Of each provider; an empty specialty for facilities.
    practice : numpy.ndarray
        Number of the provider's practice; `NO_PRACTICE` for facilities.
    aco : numpy.ndarray
        Place in `ACOS` of each practice.
    pools : dict
        First provider, number of providers and cumulative share of visits of each specialty of a role.
    by_practice : dict
        First and number of the practice's providers, for the roles "usual" and "practitioner".
    """

    role: np.ndarray
    specialty: np.ndarray
    practice: np.ndarray
    aco: np.ndarray
    pools: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]
    by_practice: dict[str, tuple[np.ndarray, np.ndarray]]


def draw_market(rng: np.random.Generator, settings: SyntheticSettings, size: int) -> Market:
    """Providers for a block of `size` members: practices of primary care, groups of specialists, facilities."""
    mixed = parameters(settings.population)["mixed_practice"]
    offices = max(3, round(size / settings.practice_members))
    doctors, practitioners = 1 + rng.poisson(1.0, offices), 1 + rng.poisson(0.3, offices)
    role: list[str] = []
    specialty: list[str] = []
    practice: list[np.ndarray] = []
    pools, by_practice, groups, seen = {}, {}, offices, 0
    for name, rows in table("specialists").groupby("role", sort=False):
        codes, weights = rows["specialty"].to_numpy(), rows["weight"].to_numpy() / rows["weight"].sum()
        if name in ("usual", "practitioner"):
            staff = doctors if name == "usual" else practitioners
            by_practice[str(name)] = (seen + np.cumsum(staff) - staff, staff)
            counts, home = np.array([staff.sum()]), [np.repeat(np.arange(offices), staff)]
            chosen = rng.choice(codes, staff.sum(), p=weights).tolist()
            weights = np.ones(1)
        else:
            counts = np.maximum(2, np.rint(size * weights / rows["members_per_provider"].to_numpy())).astype(int)
            chosen, home = np.repeat(codes, counts).tolist(), []
            for count in counts:
                own = groups + np.arange(count) // 3
                groups = int(own[-1]) + 1
                joined = (rng.random(count) < mixed) & (name == "specialist")
                home.append(np.where(joined, rng.integers(0, offices, count), own))
            if name in FACILITIES:
                home = [np.full(h.size, NO_PRACTICE) for h in home]
        total = int(counts.sum())
        pools[str(name)] = (seen + np.cumsum(counts) - counts, counts, np.cumsum(weights))
        role += [str(name)] * total
        specialty += chosen
        practice += home
        seen += total
    return Market(
        np.array(role),
        np.array(specialty),
        np.concatenate(practice),
        _acos(rng, settings, offices, groups),
        pools,
        by_practice,
    )


def _acos(rng: np.random.Generator, settings: SyntheticSettings, offices: int, groups: int) -> np.ndarray:
    """ACO of each practice: the first has its share of the offices and of the groups, the second a third of that."""
    aco = np.zeros(groups, np.int8)
    second = min(settings.aco_share / 3, 1 - settings.aco_share)
    for first, last in ((0, offices), (offices, groups)):
        order = first + rng.permutation(last - first)
        one = round(settings.aco_share * order.size)
        two = min(order.size, one + round(second * order.size))
        aco[order[:one]], aco[order[one:two]] = 1, 2
    return aco


def usual_doctors(
    rng: np.random.Generator, settings: SyntheticSettings, market: Market, size: int, years: int
) -> tuple[np.ndarray, np.ndarray]:
    """
    Usual doctor of each place and year, and whether its member moved to another county on January 1.

    Notes
    -----
    A doctor is changed with the chance `churn_doctor`, which holds the movers; movers leave the practice, of the
    others half do.
    """
    first, count = market.by_practice["usual"]
    everyone = int(count.sum())
    share = parameters(settings.population)["same_practice"]
    doctor, moved = np.empty((size, years), np.int32), np.zeros((size, years), bool)
    doctor[:, 0] = rng.integers(0, everyone, size)
    leaving = max(0.0, settings.churn_doctor - settings.movers) / max(1e-9, 1 - settings.movers)
    for y in range(1, years):
        before = doctor[:, y - 1]
        home = market.practice[before]
        moved[:, y] = rng.random(size) < settings.movers
        changed = rng.random(size) < leaving
        stays = (rng.random(size) < share) & (count[home] > 1) & ~moved[:, y]
        step = 1 + np.floor(rng.random(size) * np.maximum(count[home] - 1, 1)).astype(int)
        inside = first[home] + (before - first[home] + step) % count[home]
        outside = _elsewhere(rng.random(size), first[home], count[home], everyone)
        doctor[:, y] = np.where(changed | moved[:, y], np.where(stays, inside, outside), before)
    return doctor, moved


def _elsewhere(draw: np.ndarray, first: np.ndarray, count: np.ndarray, everyone: int) -> np.ndarray:
    """Doctor outside a practice whose doctors are `first` to `first + count - 1`."""
    return (first + count + np.floor(draw * np.maximum(everyone - count, 1)).astype(int)) % everyone


def pick(draw: np.ndarray, pool: tuple[np.ndarray, np.ndarray, np.ndarray], again: np.ndarray) -> np.ndarray:
    """Provider of a pool: a specialty by its share of visits, then one of its providers."""
    first, count, cumulative = pool
    row = np.minimum(np.searchsorted(cumulative, draw, side="right"), first.size - 1)
    return (first[row] + (again * count[row]).astype(np.int32)).astype(np.int32)


def providers_seen(
    rng: np.random.Generator,
    settings: SyntheticSettings,
    market: Market,
    role: str,
    usual: np.ndarray,
    member_draw: np.ndarray,
) -> np.ndarray:
    """
    Provider of each claim of a role.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of draws.
    settings : SyntheticSettings
        Share of visits to the usual doctor.
    market : Market
        Providers.
    role : str
        Who gives the service; an empty text for nobody.
    usual : numpy.ndarray
        The usual doctor of the member in that year.
    member_draw : numpy.ndarray
        A number of the member that stays, which fixes the member's own specialists. [share]

    Returns
    -------
    numpy.ndarray
        Provider, -1 for nobody.
    """
    size = usual.size
    if not role:
        return np.full(size, -1, np.int32)
    p = parameters(settings.population)
    if role in ("usual", "practitioner"):
        first, count = market.by_practice[role]
        home = market.practice[usual]
        inside = first[home] + np.floor(rng.random(size) * count[home]).astype(int)
        anywhere = first[0] + np.floor(rng.random(size) * int(count.sum())).astype(int)
        colleague = np.where(rng.random(size) < (p["same_practice"] if role == "usual" else 0.8), inside, anywhere)
        if role == "practitioner":
            return colleague.astype(np.int32)
        return np.where(rng.random(size) < settings.usual_doctor_share, usual, colleague).astype(np.int32)
    kind, again = rng.random(size), rng.random(size)
    if role == "specialist":
        row = np.searchsorted(market.pools[role][2], kind, side="right")
        own = (member_draw * (7919 + 104729 * (row + 1))) % 1.0
        again = np.where(rng.random(size) < p["own_specialist"], own, again)
    return pick(kind, market.pools[role], again)
