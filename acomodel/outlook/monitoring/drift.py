"""When spending departs from budget: a sequential test of the months with a stated chance of a false alarm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.outlook.monitoring.expected import Look
from acomodel.rates import MONTHS

LOOKS = 15
"""Months over which the chance of a false alarm is spread: those of the year and three of its run-off."""
SHORTEST = 2
"""Months that a departure must have lasted: one dear month is no drift. [months]"""
CLIP = 3.0
"""Deviations of a month beyond so many of its standard deviations count as that many: one dear case is no drift."""
DRAWS = 2**13
"""Years without a departure that the bounds are worked out from."""
MADE = (
    "where the budget is itself right; with budgets made from the claims 22 of 160 simulated years did, at a stated 10%"
)
"""What a chance of false alarms rests on, in words."""
LEVEL = 0.9
"""Chance with which an interval holds the size of a departure. [share]"""


@dataclass(frozen=True)
class Alarm:
    """
    A departure from budget.

    Parameters
    ----------
    series : str
        What departed: all services, or a service category.
    month : pandas.Period
        Month at whose end it was seen first.
    since : pandas.Period
        Month from which spending most likely departed.
    size : float
        Spending since then over budget, less one. [share]
    low, high : float
        Its 90 % interval, the month taken as known. [share]
    chance : float
        Chance that anything in a year which runs as budgeted looks as far off at that month. [share]
    """

    series: str
    month: pd.Period
    since: pd.Period
    size: float
    low: float
    high: float
    chance: float


@dataclass(frozen=True, eq=False, repr=False)
class Drift(Shown):
    """
    Departures from budget month after month.

    Parameters
    ----------
    table : pandas.DataFrame
        Index `as_of` and `series`; `months` seen, `deviation` of all of them from budget [share], the likeliest
        departure `since` a month, its `size`, `low` and `high` [share], `statistic`, `bound`, `chance` [share] and
        `alarm`.
    false_alarm : float
        Chance that a year which runs as budgeted raises an alarm, where the budget is itself right. [share]
    deviations : pandas.DataFrame
        Completed over budgeted PMPM, less one, of the months as they were seen last, a column for each series. [share]
    """

    table: pd.DataFrame
    false_alarm: float
    deviations: pd.DataFrame

    @property
    def as_of(self) -> pd.Period:
        """Month at whose end the year was seen last."""
        return self.table.index.get_level_values("as_of")[-1]

    @property
    def latest(self) -> pd.DataFrame:
        """Rows of the last look, one for each series."""
        return self.table.loc[self.as_of]

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """The first alarm of each series, the earliest first."""
        keys = ["since", "size", "low", "high", "chance"]
        rows = self.table[self.table["alarm"]].reset_index().drop_duplicates("series")
        return tuple(Alarm(row["series"], row["as_of"], *(row[k] for k in keys)) for _, row in rows.iterrows())

    def exhibit(self) -> Exhibit:
        """Every series at the last look, with its first alarm, and what the test is."""
        frame, first = self.latest, {alarm.series: alarm for alarm in self.alarms}
        table = pd.DataFrame(
            {
                "Off budget": frame["deviation"],
                "Likeliest since": [str(m) if isinstance(m, pd.Period) else "–" for m in frame["since"]],
                "By": frame["size"],
                "Low": frame["low"],
                "High": frame["high"],
                "Statistic": frame["statistic"],
                "Bound": frame["bound"],
                "Chance": frame["chance"],
                "First alarm": [str(first[name].month) if name in first else "none" for name in frame.index],
            },
            index=pd.Index(frame.index, name="Service category"),
        )
        formats = dict.fromkeys(("Off budget", "By", "Low", "High"), "%") | {"Chance": "%."}
        formats |= dict.fromkeys(("Statistic", "Bound"), "0.000")
        note = (
            "Off budget: months seen together, completed, against their budget with its seasons. Likeliest since, by: "
            f"a departure that lasts from that month on, at least {SHORTEST} months, with its {LEVEL:.0%} interval. "
            f"A month counts for at most {CLIP:g} of its standard deviations. "
            "Chance: that anything in a year which runs as budgeted looks so far off, up or down. A statistic beyond "
            f"the bound is an alarm; bounds are such that {self.false_alarm:.0%} of the years which run as budgeted "
            f"raise one, in any row and any month, {MADE}."
        )
        return Exhibit(f"Departures from budget, seen at the end of {self.as_of}", table, formats, note)


def departures(
    looks: Mapping[str, Sequence[Look]],
    *,
    false_alarm: float = 0.1,
    draws: int = DRAWS,
    seed: int = 1,
    year: int | None = None,
) -> Drift:
    r"""
    Test month after month whether spending has departed from budget, all of it or that of a service category.

    Parameters
    ----------
    looks : mapping of str to sequence of Look
        By series, its months as they were seen at the end of each month, in order.
    false_alarm : float
        Chance that a year which runs as budgeted raises an alarm in any series, any of its months or its run-off.
        [share]
    draws : int
        Such years that the bounds are worked out from.
    seed : int
        Seed of these.
    year : int, optional
        The contract year; that of the first month seen by default.

    Returns
    -------
    Drift

    Raises
    ------
    InputError
        Looks out of order, none of them with a month of the year, or a chance that is none.

    Notes
    -----
    Deviations :math:`z` of the months seen have covariance :math:`\Sigma` where spending runs as budgeted. A departure
    that lasts from month :math:`j` on, with ones from there in :math:`s_j`, is

    .. math:: \hat\delta_j = \frac{s_j' \Sigma^{-1} z}{s_j' \Sigma^{-1} s_j}, \qquad
        T_j = \frac{s_j' \Sigma^{-1} z}{\sqrt{s_j' \Sigma^{-1} s_j}}, \qquad T = \max_j |T_j|

    over departures that have lasted two months or more. A month further off than `CLIP` of its own standard
    deviations counts as that far off in :math:`T`, so that a single dear case raises no alarm. The level, the trend and
    the seasons that the years before leave unsure are in :math:`\Sigma`, so that a departure must stand out beyond
    them; a level that was off all along shows as one since January.

    Each of `LOOKS` months gets an even share of the chance of a false alarm (spending function, linear), and its
    bound, the same for every series, is the one that this share of simulated years without a departure exceed in any
    series, of those that have not yet raised an alarm. Series, and the errors of completion from look to look, are
    taken as independent, which errs towards fewer alarms. Deviations are taken as normal, but for the clip.

    At a stated chance of 10 %, 7 of 160 synthetic years raised an alarm against their true level, and 22 of 160 against
    a budget that was made of the years before, with its own error. A rise of 8 % from April on was seen in 40 of 40
    years of 15,000 members, at the median in May (Medicare) and June (commercial), one of 4 % in 40 and 27 of 40; with
    5,000 commercial members in 29 and 7 of 40 (`benchmarks/monitoring.py`).

    References
    ----------
    .. [1] D. Siegmund and E. Venkatraman, "Using the Generalized Likelihood Ratio Statistic for Sequential Detection of
       a Change-Point," Annals of Statistics 23(1), 1995, pp. 255-271: the statistic; from memory, unverified.
    .. [2] K. Lan and D. DeMets, "Discrete Sequential Boundaries for Clinical Trials," Biometrika 70(3), 1983,
       pp. 659-663: the spending function; from memory, unverified.

    Examples
    --------
    Ten percent above budget from April on, seen at the end of each month:

    >>> month = pd.period_range("2024-01", periods=12, freq="M")
    >>> off = pd.Series([0.0] * 3 + [0.1] * 9, month)
    >>> noise, sure = pd.DataFrame(0.0016 * np.eye(12), month, month), pd.DataFrame(np.zeros((12, 12)), month, month)
    >>> looks = [Look(m, off[:m], noise.loc[:m, :m], sure.loc[:m, :m]) for m in month]
    >>> first = departures({"All": looks}).alarms[0]
    >>> str(first.month), str(first.since), round(first.size, 3)
    ('2024-05', '2024-04', 0.105)
    """
    if not 0 < false_alarm < 1:
        raise InputError(f"monitoring: a chance of false alarms of {false_alarm:g}; a share between 0 and 1 is wanted")
    for name, several in looks.items():
        order = [one.as_of for one in several]
        if order != sorted(set(order)):
            raise InputError(f"monitoring: the looks at {name} are not in order of their months, or one stands twice")
    told = {name: [one for one in several if len(one.deviation)] for name, several in looks.items()}
    told = {name: several for name, several in told.items() if several}
    if not told:
        raise InputError("monitoring: no month of the year is seen yet")
    start = pd.Period(f"{next(iter(told.values()))[0].deviation.index[0].year if year is None else year}-01", "M")
    rng = np.random.default_rng(seed)
    years = {name: rng.standard_normal((draws, MONTHS)) for name in told}
    crossed = np.zeros(draws, dtype=bool)
    rows = []
    for month in sorted({one.as_of for several in told.values() for one in several}):
        here = {name: one for name, several in told.items() for one in several if one.as_of == month}
        tested = {name: _tested(one, years[name], rng) for name, one in here.items()}
        known = [highest for _, highest in tested.values() if highest is not None]
        anywhere = np.max(known, axis=0) if known else np.zeros(draws)
        bound = _bound(anywhere, crossed, false_alarm * min((month - start).n + 1, LOOKS) / LOOKS)
        crossed = crossed | (anywhere > bound)
        for name, (row, highest) in tested.items():
            seen = {"as_of": month, "series": name} | row | {"bound": bound, "chance": np.nan, "alarm": False}
            if highest is not None:
                seen["chance"] = float((anywhere >= row["statistic"]).mean())
                seen["alarm"] = bool(row["statistic"] > bound)
            rows.append(seen)
    table = pd.DataFrame(rows).set_index(["as_of", "series"])
    last = {name: np.expm1(several[-1].deviation) for name, several in told.items()}
    return Drift(table, false_alarm, pd.DataFrame(last))


def _bound(highest: np.ndarray, crossed: np.ndarray, spent: float) -> float:
    """Bound that simulated years exceed so often that the share spent of them have raised an alarm by now."""
    still = np.sort(highest[~crossed])[::-1]
    left = round(spent * len(highest)) - int(crossed.sum())
    return float(still[left - 1 : left + 1].mean()) if 0 < left < len(still) and still[left] > 0 else np.inf


def _tested(one: Look, years: np.ndarray, rng: np.random.Generator) -> tuple[dict[str, Any], np.ndarray | None]:
    """Likeliest departure of one look, and the statistics of simulated years without one."""
    n = len(one.deviation)
    z, chance, late = one.deviation.to_numpy(), one.chance.to_numpy(float), one.completion.to_numpy(float)
    row: dict[str, Any] = {"months": n, "deviation": float(np.average(np.expm1(z), weights=one.planned))}
    if n < SHORTEST:
        return row | {"since": pd.NaT, "size": np.nan, "low": np.nan, "high": np.nan, "statistic": np.nan}, None
    steps = np.tril(np.ones((n, n)))[:, : n - SHORTEST + 1]
    solved = np.linalg.solve(chance + late, steps)
    size = np.sqrt((steps * solved).sum(axis=0))
    weights = solved / size
    simulated = years[:, :n] @ (np.linalg.cholesky(chance).T @ weights)
    if late.any():
        values, vectors = np.linalg.eigh(late)
        root = vectors * np.sqrt(np.clip(values, 0.0, None))
        simulated = simulated + rng.standard_normal((len(years), n)) @ (root.T @ weights)
    own = CLIP * np.sqrt(np.diag(chance + late))
    kept = np.clip(z, -own, own)
    observed = np.abs(kept @ weights)
    at = int(observed.argmax())
    estimate, deviation = float(z @ weights[:, at] / size[at]), 1.0 / size[at]
    width = NormalDist().inv_cdf((1 + LEVEL) / 2) * deviation
    row |= {
        "since": one.deviation.index[at],
        "size": float(np.expm1(estimate)),
        "low": float(np.expm1(estimate - width)),
        "high": float(np.expm1(estimate + width)),
        "statistic": float(observed[at]),
    }
    return row, np.abs(simulated).max(axis=1)
