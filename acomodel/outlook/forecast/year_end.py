"""Forecast of a contract year that is under way: what it will have cost, and what the contract will pay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from acomodel.contract.settlement import settle
from acomodel.contract.terms import Terms
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.outlook.forecast.monthly_model import ForecastSettings, condition
from acomodel.rates import MONTHS

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles that an exhibit shows."""
DRAWS = 8_192
"""Outcomes that a forecast consists of; a power of two, as Sobol points want it."""


@dataclass(frozen=True, eq=False, repr=False)
class Forecast(Shown):
    """
    Distribution of what a contract year will have cost, as it was seen at the end of a month.

    Parameters
    ----------
    as_of : pandas.Period
        Month at whose end it was seen.
    year : int
        The contract year.
    months : pandas.DataFrame
        By month of the year: `exposure` [member months], `completed` claims [$] as given, NaN in months to come, their
        `completion_error` [$]; `expected` claims and their `sd` [$] with everything seen.
    draws : numpy.ndarray
        Equally likely spending of the year. [$]
    fitted : pandas.Series
        Means after the months are seen: `trend`, `trend_sd`, `drift` in a year, `noise` of a month at the exposure of
        the year [share], `member_cv` [-].
    """

    as_of: pd.Period
    year: int
    months: pd.DataFrame
    draws: np.ndarray
    fitted: pd.Series

    @property
    def mean(self) -> float:
        """Expected spending of the year. [$]"""
        return float(self.draws.mean())

    @property
    def sd(self) -> float:
        """Standard deviation of the spending of the year. [$]"""
        return float(self.draws.std())

    @property
    def exposure(self) -> float:
        """Exposure of the year, seen and expected. [member months]"""
        return float(self.months["exposure"].sum())

    @property
    def completed(self) -> float:
        """Claims of the months so far, completed: what is paid of them, weighed against what they led to expect. [$]"""
        return float(self.months.loc[self.months["completed"].notna(), "expected"].sum())

    def quantile(self, chance: Any) -> Any:
        """
        Spending that the year stays at or below with a chance.

        Parameters
        ----------
        chance : numeric
            Chance. [share]
        """
        found = np.quantile(self.draws, chance)
        return found if np.ndim(chance) else float(found)

    def interval(self, level: float = 0.9) -> tuple[float, float]:
        """Central interval that holds the spending of the year with a chance. [$]"""
        low, high = self.quantile([(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def scaled(self, factor: float) -> Forecast:
        """The same with all dollars times a factor: what of the claims the contract counts."""
        dollars = ["completed", "completion_error", "expected", "sd"]
        months = self.months.assign(**{name: self.months[name] * factor for name in dollars})
        return Forecast(self.as_of, self.year, months, self.draws * factor, self.fitted)

    def to_frame(self) -> pd.DataFrame:
        """Figures of the year, one line each."""
        rows = {
            "Months seen": float(self.months["completed"].notna().sum()),
            "Claims of months seen, completed": self.completed,
            "Expected spending of the year": self.mean,
            "Standard deviation": self.sd,
        }
        rows |= {f"{q:.0%} quantile": self.quantile(q) for q in QUANTILES}
        return pd.Series(rows, name="Forecast").rename_axis("Line").to_frame()

    def exhibit(self) -> Exhibit:
        """Figures of the year."""
        frame = self.to_frame()
        formats = dict.fromkeys(frame.index, "$") | {"Months seen": "#"}
        fitted = self.fitted
        note = (
            f"Trend {fitted['trend']:.1%} (deviation {fitted['trend_sd']:.1%}), drift {fitted['drift']:.1%} a year, "
            f"noise of a month {fitted['noise']:.1%}."
        )
        return Exhibit(f"Spending of {self.year} as seen at the end of {self.as_of}", frame, formats, note)

    def payments(
        self,
        terms: Terms,
        benchmark: float | None = None,
        *,
        benchmark_pmpm: float | None = None,
        members: float | None = None,
        **given: Any,
    ) -> ForecastPayments:
        """
        What the contract pays over the distribution of the year's spending.

        Parameters
        ----------
        terms : Terms
            The contract.
        benchmark : float, optional
            Benchmark of the year, fixed. [$]
        benchmark_pmpm : float, optional
            Benchmark that goes with exposure, seen and expected, in place of a fixed one. [$ PMPM]
        members : float, optional
            Members that thresholds go by; the year's exposure over twelve by default. [members]
        **given
            Quality, revenue and the like, as for `settle`.

        Returns
        -------
        ForecastPayments

        Raises
        ------
        InputError
            Neither or both benchmarks; otherwise as `settle`.
        """
        if (benchmark is None) == (benchmark_pmpm is None):
            raise InputError("payments: one of benchmark and benchmark_pmpm is wanted")
        agreed = benchmark_pmpm * self.exposure if benchmark is None else benchmark  # type: ignore[operator]
        counted = self.exposure / MONTHS if members is None else members
        made = settle(np.full(self.draws.size, agreed), self.draws, terms, members=counted, **given)
        return ForecastPayments(self, float(agreed), np.asarray(made.payment, dtype=float))


@dataclass(frozen=True, eq=False, repr=False)
class ForecastPayments(Shown):
    """
    Distribution of the settlement of a year that is under way.

    Parameters
    ----------
    forecast : Forecast
        Spending of the year.
    benchmark : float
        Benchmark, seen and expected. [$]
    payment : numpy.ndarray
        Equally likely payments, negative where the ACO pays. [$]
    """

    forecast: Forecast
    benchmark: float
    payment: np.ndarray

    @property
    def expected(self) -> float:
        """Expected payment, net. [$]"""
        return float(self.payment.mean())

    @property
    def chance_earned(self) -> float:
        """Chance that the ACO is paid. [share]"""
        return float((self.payment > 0).mean())

    @property
    def chance_owed(self) -> float:
        """Chance that the ACO pays. [share]"""
        return float((self.payment < 0).mean())

    def quantile(self, chance: Any) -> Any:
        """Payment at or below which it stays with a chance. [$]"""
        found = np.quantile(self.payment, chance)
        return found if np.ndim(chance) else float(found)

    def to_frame(self) -> pd.DataFrame:
        """One line each, at full precision."""
        rows = {
            "Benchmark": self.benchmark,
            "Expected spending": self.forecast.mean,
            "Expected savings rate": 1 - self.forecast.mean / self.benchmark,
            "Expected payment": self.expected,
            "Standard deviation of the payment": float(self.payment.std()),
            "Chance that the ACO is paid": self.chance_earned,
            "Chance that the ACO pays": self.chance_owed,
        }
        rows |= {f"{q:.0%} quantile of the payment": self.quantile(q) for q in QUANTILES}
        return pd.Series(rows, name="Settlement").rename_axis("Line").to_frame()

    def exhibit(self) -> Exhibit:
        """The lines."""
        frame = self.to_frame()
        shares = {name: "%." for name in frame.index if "rate" in name or "Chance" in name}
        words = f"Settlement of {self.forecast.year} as expected at the end of {self.forecast.as_of}"
        return Exhibit(words, frame, dict.fromkeys(frame.index, "$") | shares)


def forecast_year(
    completed: pd.Series,
    exposure: pd.Series,
    year: int,
    *,
    error: pd.Series | pd.DataFrame | None = None,
    as_of: pd.Period | None = None,
    settings: ForecastSettings | None = None,
    draws: int = DRAWS,
    seed: int = 1,
) -> Forecast:
    r"""
    Distribution of what a year will have cost, from the months before it and those of it that are seen.

    Parameters
    ----------
    completed : pandas.Series
        Completed claims by month of service: months before the year, and its months so far. Amounts of the chain
        ladder serve best; those of Bornhuetter-Ferguson lean on an expectation already. [$]
    exposure : pandas.Series
        Member months by month; months of the year it does not reach are expected to be as its last. [member months]
    year : int
        The contract year.
    error : pandas.Series or pandas.DataFrame, optional
        Standard errors of completed claims, independent ones [$], or their covariance [$²]; none by default.
    as_of : pandas.Period, optional
        Month at whose end all this is known; the last month completed by default.
    settings : ForecastSettings, optional
        What is expected before the months are seen.
    draws : int
        Outcomes; a power of two serves best. [count]
    seed : int
        Seed of the outcomes; forecasts of one seed share their normal scores.

    Returns
    -------
    Forecast

    Raises
    ------
    InputError
        No month of the year, none before it, a month without exposure, an error that is none.

    Notes
    -----
    The logarithm of claims PMPM in month :math:`t`, at :math:`s` years from the middle of the year, is

    .. math:: \log y_t = \alpha + \beta s_t + \gamma_{m(t)} + u_t + \varepsilon_t, \qquad
        \varepsilon_t \sim N(0, \log(1 + c^2 / n_t)), \qquad u_{t+1} = u_t + \omega \eta_t / \sqrt{12}

    with :math:`n_t` member months: a level of which nothing is known beforehand, a trend and seasons known roughly,
    a level that drifts and stays where it drifted to, and the chance of the month, which shrinks with the root of
    exposure. A completed month is seen with its completion error on top. All but the sizes of noise :math:`c`, drift
    :math:`\omega` and seasons is normal, so that the months to come, and those seen, follow from those seen by
    conditioning; the sizes are averaged over a grid with the weight that the months seen give them. The year is
    the sum of its months in each of `draws` quasi-random outcomes (scrambled Sobol points).

    Exposure to come is taken as expected. What no month seen tells of is not in the interval: a group that joins, a
    change of fees or of the population.

    References
    ----------
    .. [1] A. Harvey, "Forecasting, Structural Time Series Models and the Kalman Filter," Cambridge, 1989, section 2.3:
       local level with trend and seasons.
    .. [2] C. Rasmussen and C. Williams, "Gaussian Processes for Machine Learning," MIT Press, 2006, sections 2.2 and
       5.2: conditioning, and the weight of sizes.
    .. [3] ASOP No. 5, "Incurred Health and Disability Claims."

    Examples
    --------
    Two years that grow by 5 %, and three months of the third:

    >>> month = pd.period_range("2022-01", periods=27, freq="M")
    >>> claims = pd.Series(2e6 * 1.05 ** (np.arange(27) / 12), month)
    >>> found = forecast_year(claims, pd.Series(5_000.0, month), 2024)
    >>> round(float(found.mean / claims[:12].sum()), 2), 0.003 < found.sd / found.mean < 0.03
    (1.1, True)
    """
    rule = settings or ForecastSettings()
    months = pd.period_range(*(f"{year}-{m}" for m in ("01", "12")), freq="M")
    seen = _checked(completed, exposure, months, year)
    lives = _expected_exposure(exposure, seen.index, months, year)
    every = lives.index
    at = every.get_indexer(seen.index)
    covariance = _log_covariance(seen, error)
    middle = year * MONTHS + (MONTHS + 1) / 2
    years = np.array([(m.year * MONTHS + m.month - middle) / MONTHS for m in every])
    z = np.log(seen.to_numpy(float) / lives.loc[seen.index].to_numpy(float))
    posterior = condition(z, at, years, lives.to_numpy(float), covariance, rule)
    index = every.get_indexer(months)
    spent = np.exp(posterior.sample(index, draws, seed)) * lives.loc[months].to_numpy(float)
    errors = np.sqrt(np.expm1(np.diag(covariance))) * seen
    table = pd.DataFrame(
        {
            "exposure": lives.loc[months],
            "completed": seen.reindex(months),
            "completion_error": errors.reindex(months),
            "expected": spent.mean(axis=0),
            "sd": spent.std(axis=0),
        },
        index=months.rename("month"),
    )
    fitted = posterior.fitted.copy()
    fitted["noise"] = fitted["member_cv"] / np.sqrt(lives.loc[months].mean())
    return Forecast(as_of or seen.index[-1], int(year), table, spent.sum(axis=1), fitted)


def _checked(completed: pd.Series, exposure: pd.Series, months: pd.PeriodIndex, year: int) -> pd.Series:
    """Completed claims in order, those without exposure before the year left out; refuses what makes no forecast."""
    for name, given in (("completed", completed), ("exposure", exposure)):
        if not isinstance(given.index, pd.PeriodIndex) or given.index.freqstr != "M":
            raise InputError(f"forecast: {name} is by {given.index.dtype}; monthly periods are wanted")
        if not given.index.is_unique:
            raise InputError(f"forecast: {given.index[given.index.duplicated()][0]} is in {name} twice")
        if given.isna().any():
            raise InputError(f"forecast: {name} of {given.index[int(given.isna().argmax())]} is empty")
    seen = completed.sort_index().astype(float)
    seen = seen[seen.index <= months[-1]]
    if not (seen.index >= months[0]).any():
        raise InputError(f"forecast: no month of {year} is in the claims so far")
    if not (seen.index < months[0]).any():
        raise InputError(f"forecast: no month before {year} is in the claims; an expectation needs at least one")
    counted = exposure.reindex(seen.index)
    if not (counted > 0).all():
        bad = seen.index[int((~(counted > 0)).to_numpy().argmax())]
        raise InputError(f"forecast: exposure of {bad} is {counted[bad]:g}; member months above zero are wanted")
    if not (seen > 0).all():
        bad = seen.index[int((~(seen > 0)).to_numpy().argmax())]
        raise InputError(f"forecast: completed claims of {bad} are {seen[bad]:,.0f}; an amount above zero is wanted")
    return seen


def _expected_exposure(exposure: pd.Series, seen: pd.Index, months: pd.PeriodIndex, year: int) -> pd.Series:
    """Exposure of the months seen and of the whole year; after the last known month, as in that."""
    every = seen.union(months)
    lives = exposure.astype(float).sort_index().reindex(every)
    lives.loc[months] = lives.loc[months].ffill()
    if not (lives > 0).all():
        raise InputError(
            f"forecast: exposure of {every[int((~(lives > 0)).to_numpy().argmax())]} in {year} is not given"
        )
    return lives


def _log_covariance(seen: pd.Series, error: pd.Series | pd.DataFrame | None) -> np.ndarray:
    """Covariance of the logarithms of completed claims: log-normal variances, correlations as given."""
    if error is None:
        return np.zeros((len(seen), len(seen)))
    if isinstance(error, pd.DataFrame):
        given = error.reindex(index=seen.index, columns=seen.index).to_numpy(float)
    else:
        given = np.diag(error.reindex(seen.index).to_numpy(float) ** 2)
    if not np.isfinite(given).all() or (np.diag(given) < 0).any():
        at = seen.index[int((~np.isfinite(given)).any(axis=1).argmax())]
        raise InputError(f"forecast: the completion error of {at} is not given; one for each month seen is wanted")
    relative = given / np.outer(seen, seen)
    own = np.diag(relative)
    shrink = np.sqrt(np.where(own > 0, np.log1p(own) / np.where(own > 0, own, 1.0), 1.0))
    return relative * np.outer(shrink, shrink)
