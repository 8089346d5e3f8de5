"""How the months of a year are expected to run, and how they stand against their budget as they were seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
import pandas as pd

from acomodel.budget.trend import TrendFit
from acomodel.claims.completion import CompletionPattern, mack_error, share_at
from acomodel.inputs import InputError
from acomodel.outlook.forecast.monthly_model import ForecastSettings, condition
from acomodel.outlook.forecast.path import LEAST_SHARE, completion_covariance
from acomodel.rates import MONTHS


@dataclass(frozen=True, eq=False)
class Expectation:
    """
    How the months of a year are expected to run, seen from the years before.

    Parameters
    ----------
    phase : pandas.Series
        PMPM of each month over that of the year: seasons, and growth within the year; its mean by exposure is 1.
        [factor]
    covariance : pandas.DataFrame
        Of the logarithms of PMPM in the months: level, trend and seasons that the years before leave unsure, and the
        chance of the months.
    """

    phase: pd.Series
    covariance: pd.DataFrame


def expected_months(
    completed: pd.Series,
    exposure: pd.Series,
    year: int,
    *,
    error: pd.DataFrame | None = None,
    settings: ForecastSettings | None = None,
) -> Expectation:
    """
    How the months of a year are expected to run, from the months before it.

    Parameters
    ----------
    completed : pandas.Series
        Completed claims by month; those of the year and after it are not looked at. [$]
    exposure : pandas.Series
        Member months by month; after the last, exposure stays. [member months]
    year : int
        The contract year.
    error : pandas.DataFrame, optional
        Covariance of the errors of the completed. [$²]
    settings : ForecastSettings, optional
        What is expected beforehand; a drift is not, for it is what is looked for.

    Returns
    -------
    Expectation

    Raises
    ------
    InputError
        No month before the year with claims and exposure.

    Notes
    -----
    The model of `acomodel.outlook.forecast.year_end.forecast_year` without its drift, averaged over the sizes of noise
    and seasons with the weight that the months before give them.

    Examples
    --------
    >>> month = pd.period_range("2022-01", periods=24, freq="M")
    >>> found = expected_months(pd.Series(2e6, month), pd.Series(5_000.0, month), 2024)
    >>> found.phase.round(1).unique().tolist(), found.covariance.shape
    ([1.0], (12, 12))
    """
    rule = replace(settings or ForecastSettings(), drift_sd=0.0)
    months = pd.period_range(f"{year}-01", f"{year}-12", freq="M", name="month")
    lives = exposure.astype(float).sort_index()
    past = completed.sort_index().astype(float)
    past = past[(past.index < months[0]) & (past > 0) & (lives.reindex(past.index) > 0)]
    if past.empty:
        raise InputError(f"monitoring: no month before {year} has claims and exposure; an expectation needs some")
    every = past.index.union(months)
    counted = lives.reindex(every.union(lives.index)).ffill().loc[every]
    middle = year * MONTHS + (MONTHS + 1) / 2
    years = np.array([(m.year * MONTHS + m.month - middle) / MONTHS for m in every])
    unsure = np.zeros((len(past), len(past)))
    if error is not None:
        given = error.reindex(index=past.index, columns=past.index).fillna(0.0).to_numpy(float)
        unsure = given / np.outer(past, past)
    z = np.log(past.to_numpy() / counted.loc[past.index].to_numpy())
    found = condition(z, every.get_indexer(past.index), years, counted.to_numpy(), unsure, rule)
    at = every.get_indexer(months)
    means, weights = found.mean[:, at], found.weights
    mean = weights @ means
    off = means - mean
    covariance = np.einsum("k,kij->ij", weights, found.covariance[:, at[:, None], at]) + (off.T * weights) @ off
    level = np.exp(mean - mean.mean())
    phase = level / np.average(level, weights=counted.loc[months].to_numpy())
    return Expectation(pd.Series(phase, months), pd.DataFrame(covariance, months, months))


@dataclass(frozen=True, eq=False)
class Look:
    """
    The months of a year against their budget, as they were seen at the end of a month.

    Parameters
    ----------
    as_of : pandas.Period
        The month.
    deviation : pandas.Series
        Logarithm of completed over budgeted PMPM, by month seen.
    chance : pandas.DataFrame
        Its covariance where spending runs as budgeted, with everything paid.
    completion : pandas.DataFrame
        What completion adds to it.
    planned : pandas.Series, optional
        Budget of these months, by which they weigh together; alike by default. [$]
    """

    as_of: pd.Period
    deviation: pd.Series
    chance: pd.DataFrame
    completion: pd.DataFrame
    planned: pd.Series | None = None


def look(
    as_of: pd.Period,
    completed: pd.Series,
    exposure: pd.Series,
    budget_pmpm: float,
    expected: Expectation,
    error: pd.DataFrame | None = None,
) -> Look:
    """
    The months of a year against their budget.

    Parameters
    ----------
    as_of : pandas.Period
        Month at whose end they are seen.
    completed : pandas.Series
        Completed claims by month; months outside the year are left out. [$]
    exposure : pandas.Series
        Member months by month. [member months]
    budget_pmpm : float
        Budget of the year. [$ PMPM]
    expected : Expectation
        How its months are expected to run.
    error : pandas.DataFrame, optional
        Covariance of the errors of the completed. [$²]

    Returns
    -------
    Look

    Raises
    ------
    InputError
        A budget that is not above zero.
    """
    if not budget_pmpm > 0:
        raise InputError(f"monitoring: a budget of {budget_pmpm:,.2f} PMPM; dollars above zero are wanted")
    seen = completed[completed.index.isin(expected.phase.index) & (completed > 0)].sort_index().astype(float)
    seen = seen[exposure.reindex(seen.index) > 0]
    planned = budget_pmpm * expected.phase.loc[seen.index] * exposure.loc[seen.index]
    unsure = np.zeros((len(seen), len(seen)))
    if error is not None:
        unsure = error.reindex(index=seen.index, columns=seen.index).to_numpy(float) / np.outer(seen, seen)
    chance = expected.covariance.loc[seen.index, seen.index]
    return Look(as_of, np.log(seen / planned), chance, pd.DataFrame(unsure, seen.index, seen.index), planned)


def looks_at(
    cells: pd.DataFrame,
    pattern: CompletionPattern,
    exposure: pd.Series,
    budget_pmpm: float,
    year: int,
    as_of: pd.Period,
    *,
    settings: ForecastSettings | None = None,
    added: pd.Series | None = None,
    budget_sd: float = 0.0,
) -> list[Look]:
    """
    The months of a year against their budget, as they were seen at the end of each month until now.

    Parameters
    ----------
    cells : pandas.DataFrame
        Incremental triangle of allowed claims, as `acomodel.claims.triangles.triangle` makes it. [$]
    pattern : CompletionPattern
        How these claims are paid.
    exposure : pandas.Series
        Member months by month. [member months]
    budget_pmpm : float
        Budget of the year. [$ PMPM]
    year : int
        The contract year.
    as_of : pandas.Period
        Month at whose end the last look is taken.
    settings : ForecastSettings, optional
        What is expected beforehand; see `expected_months`.
    added : pandas.Series, optional
        Claims by month of service that bear no day of payment, and stand as they are. [$]
    budget_sd : float
        Deviation of the logarithm of the budget by an error of its own, such as that of its trend. [share]

    Returns
    -------
    list of Look
        Of the months of the year until then and, after it, of its run-off; a month of which less than a fiftieth is
        paid is not seen yet. None where nothing before the year is known.

    Notes
    -----
    Every look has the payments known then. How claims are paid, and what the years before led to expect, are as they
    are known now, so that the look of a month may differ in digits from what was reported at that month.

    Examples
    --------
    >>> from acomodel.claims.completion import CompletionSettings, completion_factors
    >>> from acomodel.claims.triangles import triangle
    >>> month = pd.period_range("2022-01", periods=30, freq="M")
    >>> first = pd.DataFrame({"incurred_month": month, "paid_month": month, "service_category": "Imaging",
    ...     "paid": 40.0, "allowed": 500_000.0, "units": 2.0})
    >>> data = pd.concat([first, first.assign(paid_month=month + 1)])
    >>> cells = triangle(data, through="2024-06-30")
    >>> pattern = completion_factors(cells, CompletionSettings(method="chain_ladder"))
    >>> looks = looks_at(cells, pattern, pd.Series(2_500.0, month), 400.0, 2024, pd.Period("2024-06"))
    >>> len(looks), bool(abs(looks[-1].deviation).max() < 0.01)
    (6, True)
    """
    lives = exposure[exposure > 0]
    rows = cells.index[cells.index.isin(lives.index)]
    paid = cells.loc[rows].fillna(0.0).to_numpy(float).cumsum(axis=1)
    bare = np.zeros(len(rows)) if added is None else added.reindex(rows).fillna(0.0).to_numpy(float)
    share = share_at(pattern.development, np.arange(paid.shape[1]))

    def seen(month: pd.Period) -> tuple[pd.Series, pd.DataFrame]:
        lag = np.array([(month - row).n for row in rows])
        known = np.minimum(np.maximum(lag, 0), paid.shape[1] - 1)
        amount, part = paid[np.arange(len(rows)), known], share[known]
        kept = (lag >= 0) & (part >= LEAST_SHARE) & (amount > 0)
        done = pd.DataFrame(
            {"lag": known[kept], "share_complete": part[kept], "completed": amount[kept] / part[kept]}, rows[kept]
        )
        each, total = mack_error(done, pattern.development)
        made = replace(pattern, months=done.assign(standard_error=each), total_standard_error=total)
        return done["completed"] + bare[kept], completion_covariance(made)

    completed, error = seen(as_of)
    if not (completed.index < pd.Period(f"{year}-01", "M")).any():
        return []
    expected = expected_months(completed, lives[:as_of], year, error=error, settings=settings)
    expected = replace(expected, covariance=expected.covariance + budget_sd**2)
    looks = []
    for month in pd.period_range(f"{year}-01", as_of, freq="M"):
        completed, error = seen(month)
        looks.append(look(month, completed, lives, budget_pmpm, expected, error))
    return looks


def trend_deviation(fit: TrendFit) -> float:
    """
    Deviation of the logarithm of an annual trend, from the interval of its regression; none for a ratio.

    Parameters
    ----------
    fit : TrendFit
        The trend.

    Returns
    -------
    float
        Standard deviation. [share]

    Examples
    --------
    >>> from acomodel.budget.trend import fit_trend
    >>> month = pd.period_range("2022-01", periods=24, freq="M")
    >>> rows = pd.DataFrame({"month": month, "member_months": 100.0, "services": 1.0, "incurred_claims": 5.0})
    >>> trend_deviation(fit_trend(rows)) < 1e-6
    True
    """
    if not (fit.low > 0 and fit.high > 0):
        return 0.0
    return float(np.log(fit.high / fit.low) / 2 / NormalDist().inv_cdf((1 + fit.rule.confidence) / 2))
