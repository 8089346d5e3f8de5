"""Members of synthetic claims: ages, coverage, deaths, conditions and risk, in a population that stays as it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from acomodel.claims.synthetic.tables import parameters, services, table

if TYPE_CHECKING:
    from acomodel.claims.synthetic import SyntheticSettings

OLDEST = 110 * 12
AT_65 = 65 * 12
AHEAD = 6
"""Months beyond the book in which deaths are drawn, since spending rises before them."""
NEVER = 127


@dataclass(frozen=True)
class Ages:
    """Ages of a stationary population in months: `share` and `entry` sum to 1, rows disabled before 65 and not."""

    share: np.ndarray
    entry: np.ndarray
    mortality: np.ndarray


@cache
def ages(population: str, deaths: float) -> Ages:
    """
    Age distribution that deaths, ageing and new members leave as it is.

    Parameters
    ----------
    population : str
        "medicare" or "commercial".
    deaths : float
        Factor on mortality. [factor]

    Returns
    -------
    Ages
        Share of members by age, age at entry and monthly mortality.

    Notes
    -----
    Medicare: the dead are replaced by members who turn 65 or become disabled, in the numbers that keep

    .. math:: p_{a+1} = p_a (1 - h_a) + e_{a+1}

    Commercial: ages 0 to 64 in equal shares; who turns 65 is replaced by a newborn, who dies by a member alike.

    Examples
    --------
    >>> round(float(ages("medicare", 1.0).share[:, :780].sum()), 3)
    0.112
    """
    p = parameters(population)
    month = np.arange(OLDEST + 1)
    gompertz = p["mortality_65"] * np.exp(p["mortality_slope"] * (month / 12 - 65))
    yearly = deaths * np.clip(np.maximum(gompertz, np.where(month < AT_65, p["mortality_floor"], 0)), 0, None)
    hazard = np.minimum(yearly, p["mortality_cap"]) / 12
    share, entry = np.zeros((2, OLDEST + 1)), np.zeros((2, OLDEST + 1))
    if population == "commercial":
        share[0, :AT_65] = 1 / AT_65
        entry[0, 0] = 1.0
        return Ages(share, entry, hazard)
    hazard[OLDEST] = 1.0
    working = (month >= 25 * 12) & (month < AT_65)
    entry[0, working] = np.exp(0.05 * month[working] / 12)
    entry[1, AT_65] = 1.0
    share[:, 0] = entry[:, 0]
    for a in range(OLDEST):
        share[:, a + 1] = share[:, a] * (1 - hazard[a]) + entry[:, a + 1]
    young, whole = share[0, :AT_65].sum(), share.sum(axis=1)
    entry[1] *= (young / p["under_65"] - whole[0]) / whole[1]
    share[1] *= (young / p["under_65"] - whole[0]) / whole[1]
    return Ages(share / share.sum(), entry / entry.sum(), hazard)


@dataclass(frozen=True)
class Slots:
    """
    Places of a population, each always held by one member; arrays by place and month.

    Parameters
    ----------
    age : numpy.ndarray
        Age at the first of the month. [months]
    disabled : numpy.ndarray
        Whether the member was entitled before 65.
    dies, leaves : numpy.ndarray
        Whether the member dies in the month, or leaves at its end.
    death_day : numpy.ndarray
        Draw that places the death within the month. [share]
    to_death : numpy.ndarray
        Months until the member's death, `NEVER` where it lies beyond sight. [months]
    hospice : numpy.ndarray
        Months of hospice before that death. [months]
    female, esrd, dual, avoids : numpy.ndarray
        By place; `dual` by place and month.
    liability : numpy.ndarray
        Propensity to each condition, by place and condition. [standard deviations]
    """

    age: np.ndarray
    disabled: np.ndarray
    dies: np.ndarray
    leaves: np.ndarray
    death_day: np.ndarray
    to_death: np.ndarray
    hospice: np.ndarray
    female: np.ndarray
    esrd: np.ndarray
    dual: np.ndarray
    avoids: np.ndarray
    liability: np.ndarray


def draw_slots(
    rng: np.random.Generator,
    size: int,
    months: int,
    *,
    population: str,
    deaths: float,
    churn: float,
    youngest: np.ndarray | None = None,
) -> Slots:
    """
    Places of a stationary population over some months, and who comes and goes; see `Slots`.

    Where `youngest` gives an age in months for each place, the ages of a commercial population lie between it and 65.
    """
    from scipy.special import ndtri

    p, chain = parameters(population), ages(population, deaths)
    cumulative, entry = np.cumsum(chain.share), np.cumsum(chain.entry)

    def drawn(levels: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        cell = np.minimum(np.searchsorted(levels, rng.random(count)), levels.size - 1)
        return (cell % (OLDEST + 1)).astype(np.int16), cell // (OLDEST + 1) == 0

    span = months + AHEAD
    age, disabled = np.empty((span, size), np.int16), np.empty((span, size), bool)
    dies, leaves = np.empty((span, size), bool), np.empty((span, size), bool)
    now, early = drawn(cumulative, size)
    floor = np.zeros(size, np.int16) if youngest is None else youngest.astype(np.int16)
    now = np.where(floor > 0, floor + now * (1 - floor / AT_65), now).astype(np.int16)
    renewing = population == "medicare"
    for t in range(span):
        age[t], disabled[t] = now, early
        draw = rng.random(size)
        dies[t] = draw < chain.mortality[now]
        leaves[t] = ~dies[t] & (draw > 1 - churn / 12)
        now = now + np.int16(1)
        if renewing:
            dead = np.flatnonzero(dies[t])
            early = early.copy()
            now[dead], early[dead] = drawn(entry, dead.size)
        else:
            old = now >= AT_65
            leaves[t] |= old & ~dies[t]
            now[old] = floor[old]
    to_death, hospice = np.full((span, size), NEVER, np.int8), np.zeros((span, size), np.int8)
    stay = rng.random((2, span, size), dtype=np.float32)
    length = np.where(stay[0] < p["hospice_choice"], 1 + np.floor(-p["hospice_months"] * np.log1p(-stay[1])), 0).clip(
        0, 24
    )
    for t in range(span - 1, -1, -1):
        if t < span - 1:
            gone = leaves[t]
            to_death[t] = np.where(gone, NEVER, np.minimum(to_death[t + 1] + np.int16(1), NEVER))
            hospice[t] = np.where(gone, 0, hospice[t + 1])
        to_death[t][dies[t]] = 0
        hospice[t] = np.where(dies[t], length[t], hospice[t])
    count = len(table("conditions"))
    common = rng.standard_normal(size)
    own = np.sqrt(1 - p["comorbidity"]) * rng.standard_normal((size, count))
    poor = rng.random(size)
    return Slots(
        age=age.T,
        disabled=disabled.T,
        dies=dies.T,
        leaves=leaves.T,
        death_day=rng.random((size, span), dtype=np.float32),
        to_death=to_death.T,
        hospice=hospice.T,
        female=rng.random(size) < p["female"],
        esrd=rng.random(size) < p["esrd"],
        dual=poor[:, None] < np.where(disabled.T, p["dual_disabled"], p["dual_aged"]),
        avoids=0.8 * rng.standard_normal(size) - 0.6 * common > -ndtri(p["avoiders"]),
        liability=np.sqrt(p["comorbidity"]) * common[:, None] + own,
    )


@cache
def thresholds(population: str, deaths: float) -> np.ndarray:
    """Liability above which a member has a condition, by condition and age in months, so that prevalences are met."""
    from scipy.optimize import brentq
    from scipy.special import ndtr

    p, share = parameters(population), ages(population, deaths).share.sum(axis=0)
    years = np.arange(OLDEST + 1) / 12 - p["age_centre"]
    rows = table("conditions")
    levels = np.empty((len(rows), years.size))
    for c, (target, slope) in enumerate(zip(rows[population], rows["age_slope"], strict=True)):
        level = brentq(lambda x, s=slope, g=target: share @ ndtr(x + s * years) - g, -12, 12)
        levels[c] = -(level + slope * years)
    return levels


def log_risk(
    slots: Slots, personal: np.ndarray, *, population: str, deaths: float
) -> tuple[np.ndarray, list[np.ndarray]]:
    r"""
    Logarithm of risk by place and month, and whether each condition is there.

    Parameters
    ----------
    slots : Slots
        Places.
    personal : numpy.ndarray
        What age and conditions do not explain, by place and month. [log risk]
    population : str
        "medicare" or "commercial".
    deaths : float
        Factor on mortality, which shapes the ages. [factor]

    Returns
    -------
    tuple of numpy.ndarray and list of numpy.ndarray
        Log risk; one array by place and month for each condition.

    Notes
    -----
    Risk of age, conditions and person saturates at a ceiling :math:`c`, since spending has a lighter tail than a
    log-normal; end-stage renal disease comes on top:

    .. math:: R = \frac{e^x}{1 + e^x / c}\, e^{\text{ESRD}}
    """
    p, limits = parameters(population), thresholds(population, deaths)
    age = slots.age[:, : personal.shape[1]]
    risk = personal + p["age_effect"] * (np.maximum(age, 12 * 40 if population == "medicare" else 0) / 12)
    risk -= p["age_effect"] * p["age_centre"]
    risk += p["dual_effect"] * slots.dual[:, : personal.shape[1]]
    young = age < AT_65
    risk += p["disabled_effect"] * (slots.disabled[:, : personal.shape[1]] & young)
    has = []
    for c, effect in enumerate(table("conditions")["effect"]):
        there = slots.liability[:, [c]] > limits[c].astype(np.float32)[age]
        risk += effect * there
        has.append(there)
    risk -= np.log1p(np.exp(risk) / p["ceiling"])
    return risk + p["esrd_effect"] * slots.esrd[:, None], has


def personal_risk(rng: np.random.Generator, size: int, year: np.ndarray, population: str) -> np.ndarray:
    r"""
    Log risk that age and conditions do not explain: permanent, and drifting from year to year.

    Notes
    -----
    .. math:: z_y = a + b_y, \qquad b_y = \rho b_{y-1} + \sqrt{1 - \rho^2}\,\sigma_b\,\varepsilon_y
    """
    p = parameters(population)
    rho = p["drift_persistence"]
    fixed = p["permanent_sd"] * rng.standard_normal(size)
    drift = np.empty((size, int(year.max()) + 1))
    drift[:, 0] = rng.standard_normal(size)
    for y in range(1, drift.shape[1]):
        drift[:, y] = rho * drift[:, y - 1] + np.sqrt(1 - rho**2) * rng.standard_normal(size)
    return (fixed[:, None] + p["drift_sd"] * drift)[:, year]


def end_of_life(slots: Slots, months: int) -> np.ndarray:
    """Factor on use in the months before death, by place and month."""
    factors = np.ones(NEVER + 1)
    rows = table("end_of_life")
    factors[rows["months_before_death"].to_numpy()] = rows["factor"].to_numpy()
    return factors[slots.to_death[:, :months]]


@cache
def levels(population: str, deaths: float, drugs: bool) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """
    Average use of each kind of service before its rate is applied, and the same without the months before death.

    Notes
    -----
    Taken once from a reference population of 300,000 with a seed of its own, so that rates come out as filed.
    """
    rng = np.random.default_rng(20_100_101)
    size, months = 300_000, 1
    slots = draw_slots(rng, size, months, population=population, deaths=deaths, churn=0.0)
    year = np.zeros(months, int)
    risk, _ = log_risk(slots, personal_risk(rng, size, year, population), population=population, deaths=deaths)
    late = end_of_life(slots, months)
    avoid = np.where(slots.avoids, parameters(population)["avoider_use"], 1.0)[:, None]
    with_death, without = [], []
    for service in services(population, drugs):
        use = np.exp(service.elasticity * risk) * (avoid if service.elective else 1.0)
        without.append(float(use.mean()))
        with_death.append(float((use * late**service.end_of_life).mean()))
    return tuple(with_death), tuple(without)


def drugs_covered(settings: SyntheticSettings) -> bool:
    """Whether the book holds pharmacy claims: always commercial, Medicare on request."""
    return settings.population == "commercial" or settings.drugs
