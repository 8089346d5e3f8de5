"""Completion of claims still running off: development of payments by lag, and the error of what it adds."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import pandas as pd
import pydantic.dataclasses
from pydantic import ConfigDict, Field

from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.rates import MONTHS

FEWEST = 4
"""Fewest incurral months with payments that a pattern is fitted to."""
IMMATERIAL = 0.005
"""Development after `development_months` that is taken as none; assumed. [share of completed]"""
NOTHING_YET, NO_MORE = (math.inf, 0.0, 0.0), (1.0, 0.0, 0.0)
"""Age-to-age factor, sigma and standard error before the first payments and after the last."""
FORMATS = {"paid_to_date": "#", "completion_factor": "0.0000", "share_complete": "0.0000"}
FORMATS |= dict.fromkeys(("lag", "completed", "standard_error", "apriori_error"), "#")


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class CompletionSettings:
    """How claims that are still running off are completed."""

    method: Literal["chain_ladder", "bornhuetter_ferguson", "none"] = Field(
        default="bornhuetter_ferguson",
        description="completion of open months; bornhuetter_ferguson is chain ladder but for the newest ones",
    )
    averaged_months: int = Field(default=12, ge=2, description="latest diagonals averaged, volume weighted [months]")
    bf_months: int = Field(default=3, ge=0, description="newest incurral months under Bornhuetter-Ferguson [months]")
    paid_through: str | None = Field(
        default=None, description="last day of payments in the data; a month that is not whole is left out [date]"
    )
    development_months: int = Field(
        default=24, ge=2, description="months of payments after which claims are taken as complete [months]"
    )
    tail: float = Field(default=1.0, gt=0, description="completed claims over those of the last lag fitted [factor]")
    apriori_trend: float = Field(
        default=0.0, gt=-1, lt=1, description="annual trend of the expected PMPM of Bornhuetter-Ferguson months [share]"
    )
    confidence: float = Field(default=0.95, gt=0, lt=1, description="confidence of the intervals [share]")


@dataclass(frozen=True, eq=False, repr=False)
class CompletionPattern(Shown):
    """
    How payments develop by lag, and what that makes of every incurral month.

    Parameters
    ----------
    rule : CompletionSettings
        How it was fitted.
    source : {"own", "fallback", "none"}
        Whose development it is; with "none" reported claims are taken as complete.
    development : pandas.DataFrame
        By lag: `age_to_age` to the next lag (the tail at the last) [factor], its `standard_error`, `sigma` of
        Mack, `share_complete` of the completed amount [share].
    months : pandas.DataFrame
        By incurral month: `paid_to_date`, `lag` [months], `share_complete` of the pattern at that lag,
        `completion_factor` = paid to date over completed [share], `completed`, `standard_error` of it and what of it
        is `apriori_error`, `method`. The two shares differ under Bornhuetter-Ferguson.
    total_standard_error : float
        Standard error of the sum of completed, with the correlation of months that share factors.
    notes : tuple of str
        What was left out, fell back or was assumed.
    """

    rule: CompletionSettings
    source: Literal["own", "fallback", "none"]
    development: pd.DataFrame
    months: pd.DataFrame
    total_standard_error: float
    notes: tuple[str, ...] = ()

    def standard_error(self, months: pd.Index | list[object] | None = None) -> float:
        """Mack's standard error of the completed sum of some incurral months, all by default."""
        rows = self.months if months is None else self.months[self.months.index.isin(months)]
        return mack_error(rows, self.development)[1]

    def exhibit(self) -> Exhibit:
        """Completed months."""
        head = f"Completion, {self.rule.method.replace('_', ' ')}"
        table = self.months.rename_axis("Incurred")
        return Exhibit(
            f"{head}: standard error {self.total_standard_error:,.0f}", table, FORMATS, "; ".join(self.notes)
        )


def completion_factors(
    triangle: pd.DataFrame,
    rule: CompletionSettings | None = None,
    *,
    exposure: pd.Series | None = None,
    apriori: float | pd.Series | None = None,
    fallback: CompletionPattern | None = None,
) -> CompletionPattern:
    r"""
    Fit the development of a triangle and complete its open months.

    Parameters
    ----------
    triangle : pandas.DataFrame
        Incremental triangle: one row per incurral month (or year) in order, one column per lag, NaN where the
        future is.
    rule : CompletionSettings, optional
        Method, diagonals, tail.
    exposure : pandas.Series, optional
        Member months by incurral month; every month counts alike by default. [member months]
    apriori : float or pandas.Series, optional
        Expected completed amount per unit of exposure under Bornhuetter-Ferguson; from the twelve months
        before the newest ones by default. [$ PMPM or services PMPM]
    fallback : CompletionPattern, optional
        Pattern in whose stead this triangle cannot be fitted: fewer than four months with payments, a cumulative
        amount below zero, a lag nothing was seen at. Without one, claims are taken as complete.

    Returns
    -------
    CompletionPattern

    Raises
    ------
    InputError
        Rows are not a triangle, or a month has no exposure.

    Notes
    -----
    With cumulative amounts :math:`C_{ik}` and the latest diagonals,

    .. math:: f_k = \sum_i C_{i,k+1} \Big/ \sum_i C_{ik}, \qquad G_k = 1 \Big/ \prod_{j \ge k} f_j, \qquad
        U^{CL} = C / G, \qquad U^{BF} = C + (1 - G)\, E \, q

    with exposure :math:`E` and expected :math:`q = \sum C / \sum E\,G` of the twelve months before. Months in
    which nothing is paid yet use the second, for the first would leave them at nothing. The errors are Mack's;
    a Bornhuetter-Ferguson month has his at the amount to date :math:`G\,U^{BF}` that its completed amount
    implies and, independent of it and of other months, :math:`(1 - G) E s \sqrt{1 + 1/n}`, with :math:`s` the
    spread around :math:`q` of the :math:`n = 12` months. Lags at which nothing was ever paid have :math:`G = 0`.

    References
    ----------
    .. [1] T. Mack, "Distribution-free calculation of the standard error of chain ladder reserve estimates,"
       ASTIN Bulletin 23(2), 1993, pp. 213-225; the recursion: T. Mack, ASTIN Bulletin 29(2), 1999, pp. 361-366.
    .. [2] R. Bornhuetter and R. Ferguson, "The actuary and IBNR," Proc. CAS 59, 1972, pp. 181-195.
    .. [3] ASOP No. 5, "Incurred Health and Disability Claims."

    Examples
    --------
    Half is paid in the month of service, the rest in the next:

    >>> cells = pd.DataFrame(np.where(np.tri(6)[::-1, :2] > 0, 50.0, np.nan))
    >>> completion_factors(cells, CompletionSettings(method="chain_ladder")).months["completed"].tolist()
    [100.0, 100.0, 100.0, 100.0, 100.0, 100.0]
    """
    rule = rule or CompletionSettings()
    cumulative, lag = _cumulative(triangle)
    notes = list(triangle.attrs.get("notes", ()))
    source, development, said = _development(cumulative, lag, rule, fallback)
    notes += said
    to_date = pd.Series(cumulative[np.arange(len(lag)), lag], triangle.index)
    share = pd.Series(share_at(development, lag), triangle.index)
    open_ = lag < len(development) - (development["age_to_age"].iloc[-1] == 1)
    newest = np.arange(len(lag)) >= len(lag) - (rule.bf_months if rule.method == "bornhuetter_ferguson" else 0)
    stuck = open_ & ((to_date <= 0) | (share <= 0)).to_numpy()
    expected, error = to_date * 0, to_date * 0
    if (open_ & (newest | stuck)).any():
        expected, error = _expected(to_date, share, newest & open_, exposure, apriori, rule)
    ferguson = open_ & (newest | stuck)
    if (unseen := stuck & ~newest).any():
        names = ", ".join(map(str, triangle.index[unseen]))
        notes.append(f"nothing is paid yet for {names}: completed by Bornhuetter-Ferguson")
    completed = (to_date / share.where(share > 0, 1)).mask(ferguson, to_date + (1 - share) * expected)
    months = pd.DataFrame(
        {
            "paid_to_date": to_date,
            "lag": lag,
            "share_complete": share,
            "completion_factor": (to_date / completed.where(completed != 0)).where(ferguson).fillna(share),
            "completed": completed,
            "standard_error": 0.0,
            "apriori_error": ((1 - share) * error).where(ferguson, 0.0),
            "method": np.select([ferguson, open_], ["bornhuetter_ferguson", "chain_ladder"], "complete"),
        }
    )
    each, total = mack_error(months, development)
    return CompletionPattern(
        rule, source, development, months.assign(standard_error=each), total, tuple(dict.fromkeys(notes))
    )


def _cumulative(triangle: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Cumulative amounts and the latest lag of every row; refuses what is no triangle."""
    known = triangle.notna().to_numpy()
    known = known[:, : int(known.sum(axis=1).max(initial=0))]
    lag = known.sum(axis=1) - 1
    wanted = np.minimum(lag[-1:] + np.arange(len(lag))[::-1], known.shape[1] - 1)
    wrong = (lag != wanted) | (lag < 0) | (known != (np.arange(known.shape[1]) <= lag[:, None])).any(axis=1)
    if not len(lag) or wrong.any():
        at = (
            f"row {triangle.index[int(wrong.argmax())]} has {known[wrong.argmax()].sum()} lags" if len(lag) else "empty"
        )
        raise InputError(f"triangle: {at}; every row wants one lag more than the next, known from lag 0")
    return triangle.to_numpy(float)[:, : known.shape[1]].cumsum(axis=1), lag


def share_at(development: pd.DataFrame, lag: np.ndarray) -> np.ndarray:
    """
    Share complete at some lags; 1 beyond the last of a pattern.

    >>> share_at(pd.DataFrame({"share_complete": [0.25, 0.8]}), np.array([0, 1, 2, 9])).tolist()
    [0.25, 0.8, 1.0, 1.0]
    """
    return np.append(development["share_complete"].to_numpy(float), 1.0)[np.minimum(lag, len(development))]


def _table(factors: np.ndarray, tail: float) -> pd.DataFrame:
    """Development by lag from age-to-age factors, their sigmas and standard errors; an infinite factor has share 0."""
    columns = np.vstack([factors, [tail, 0.0, 0.0]])
    share = 1 / np.cumprod(columns[::-1, 0])[::-1]
    index = pd.RangeIndex(len(columns), name="lag")
    names = ["age_to_age", "sigma", "standard_error"]
    return pd.DataFrame(columns, index, names).assign(share_complete=share)


AT_ONCE = _table(np.empty((0, 3)), 1.0)
"""Development of claims that are complete as reported."""


def _development(
    cumulative: np.ndarray, lag: np.ndarray, rule: CompletionSettings, fallback: CompletionPattern | None
) -> tuple[Literal["own", "fallback", "none"], pd.DataFrame, list[str]]:
    """Development of a triangle, or that of the fallback and why."""
    if rule.method == "none":
        return "none", AT_ONCE, []
    notes = []
    width = min(cumulative.shape[1], rule.development_months)
    used = _links(lag, cumulative.shape[1], rule.averaged_months)
    before, after = (np.where(used, part, 0.0) for part in (cumulative[:, :-1], cumulative[:, 1:]))
    volume = before.sum(axis=0)
    plain = after.sum(axis=0) / np.where(volume > 0, volume, np.nan)
    late = float(np.nanprod(plain[width - 1 :])) - 1
    if abs(late) > IMMATERIAL:
        width = cumulative.shape[1]
        notes.append(f"payments after {rule.development_months} months add {late:.1%}: all lags seen are used")
    elif width < rule.development_months:
        notes.append(f"only {width} months of development are seen; a tail of {rule.tail:g} stands for the rest")
    steps = slice(0, width - 1)
    before, after, volume, plain = before[:, steps], after[:, steps], volume[steps], plain[steps]
    lead = int((np.cumsum(volume > 0) == 0).sum())
    seen = int(np.flatnonzero(np.append(True, volume > 0))[-1])
    paid = int((np.nanmax(cumulative, axis=1) > 0).sum())
    why = ""
    if paid < FEWEST:
        why = f"{paid} months with payments are too few (at least {FEWEST})"
    elif (before < 0).any() or (after < 0).any():
        why = "a cumulative amount is below zero"
    elif not seen or not (plain[lead:seen] > 0).all():
        why = "a lag has no payments to develop from"
    if why and fallback is not None:
        return "fallback", fallback.development, [*notes, f"{why}: the pattern of all categories is used"]
    if why:
        return "none", AT_ONCE, [*notes, f"{why}: claims are taken as complete"]
    factors = _fit(cumulative[:, :width], lag, rule.averaged_months)
    partly = (used[:, steps] & ((before == 0) | (after == 0))).any(axis=0)
    factors[:, 0] = np.where(partly, plain, factors[:, 0])
    factors[:, 2] = np.where(factors[:, 2] > 0, factors[:, 2], factors[:, 1] / np.sqrt(np.maximum(volume, 1e-12)))
    factors[:lead] = NOTHING_YET
    if seen < width - 1:
        known = np.empty((0, 3)) if fallback is None else fallback.development.iloc[:-1, :3].to_numpy()
        factors[seen:] = np.vstack([known, np.tile(NO_MORE, (width, 1))])[seen : width - 1]
        notes.append(f"no development is seen after lag {seen}: that of all categories, or none, stands in")
    return "own", _table(factors, rule.tail), notes


def _links(lag: np.ndarray, width: int, averaged: int) -> np.ndarray:
    """Whether the step of a row from a lag to the next is among the newest ones averaged."""
    seen = lag[:, None] > np.arange(width - 1)
    return seen & (seen[::-1].cumsum(axis=0)[::-1] <= averaged)


def _fit(cumulative: np.ndarray, lag: np.ndarray, averaged: int) -> np.ndarray:
    """Volume weighted age-to-age factors, sigmas and standard errors of chainladder, one row per lag."""
    whole = np.ascontiguousarray(cumulative, dtype=float)
    return _fit_once(whole.tobytes(), whole.shape, tuple(map(int, lag)), averaged).copy()


@lru_cache(maxsize=256)
def _fit_once(cells_of: bytes, shape: tuple[int, ...], lags: tuple[int, ...], averaged: int) -> np.ndarray:
    """The fit of one triangle, remembered: a report and an explorer meet the same triangles again and again."""
    import chainladder

    cl: Any = chainladder
    cumulative, lag = np.frombuffer(cells_of).reshape(shape), np.array(lags)
    row, column = np.nonzero(np.arange(cumulative.shape[1]) <= lag[:, None])
    dates = pd.period_range("2000-01", periods=sum(cumulative.shape), freq="M").to_timestamp()
    cells = pd.DataFrame({"origin": dates[row], "paid": dates[row + column], "value": cumulative[row, column]})
    gap = min(int(lag[-1]), cumulative.shape[1] - 1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"chainladder\.")
        square = cl.Triangle(cells, origin="origin", development="paid", columns="value", cumulative=True)
        periods = [averaged + max(0, gap - 1 - k) for k in range(square.shape[3] - 1)]
        fit = cl.Development(average="volume", n_periods=periods, sigma_interpolation="mack").fit(square)
    found = np.column_stack([part.values[0, 0, 0] for part in (fit.ldf_, fit.sigma_, fit.std_err_)])  # noqa: PD011
    found = found[: cumulative.shape[1] - 1]
    found[:, 1:] = np.nan_to_num(found[:, 1:])
    return found


def _expected(
    to_date: pd.Series,
    share: pd.Series,
    newest: np.ndarray,
    exposure: pd.Series | None,
    apriori: float | pd.Series | None,
    rule: CompletionSettings,
) -> tuple[pd.Series, pd.Series]:
    """Expected completed amounts from exposure and the twelve months before the newest, and their standard errors."""
    index = to_date.index
    if exposure is not None and not exposure.index.is_unique:
        raise InputError(f"exposure: {exposure.index[exposure.index.duplicated()][0]} is there twice")
    lives = pd.Series(1.0, index) if exposure is None else exposure.reindex(index).astype(float)
    if lives.isna().any():
        raise InputError(f"exposure: {index[int(lives.isna().argmax())]} is missing; each incurral month wants its own")
    level = lives * (1 + rule.apriori_trend) ** (np.arange(len(index)) / MONTHS)
    base = np.flatnonzero(~newest)[-MONTHS:] if not newest.all() else np.arange(len(index))
    weight, paid = (level * share).iloc[base], to_date.iloc[base]
    if apriori is None:
        expected = level * (max(float(paid.sum()), 0.0) / weight.sum() if weight.sum() > 0 else 0.0)
    else:
        expected = lives * (apriori.reindex(index) if isinstance(apriori, pd.Series) else apriori)
    if not np.isfinite(expected).all():
        raise InputError(f"apriori: {index[int((~np.isfinite(expected)).argmax())]} has none; a number is wanted")
    count = int((weight > 0).sum())
    off = (paid / weight.where(weight > 0) - (expected / level.where(level > 0)).iloc[base]).fillna(0.0)
    spread = float((weight * off**2).sum() / weight.sum()) * (count + 1) / (count - 1) if count > 1 else 0.0
    return expected, level * math.sqrt(spread)


def mack_error(months: pd.DataFrame, development: pd.DataFrame) -> tuple[np.ndarray, float]:
    r"""
    Standard errors of completed amounts, of each month and of their sum.

    Parameters
    ----------
    months : pandas.DataFrame
        `lag`, `share_complete` and `completed` of some incurral months; `apriori_error` where there is one.
    development : pandas.DataFrame
        `age_to_age`, `sigma`, `standard_error` and `share_complete` by lag.

    Returns
    -------
    each : numpy.ndarray
        Standard error of each month's completed amount.
    total : float
        Standard error of their sum.

    Notes
    -----
    From the amount to date on, lag by lag,

    .. math:: p_{k+1}^2 = f_k^2 p_k^2 + \sigma_k^2 C_k, \qquad q_{k+1}^2 = f_k^2 q_k^2 + C_k^2 s_k^2

    for process and parameter error; in the sum, process errors are independent and :math:`C_k` of the second
    is summed over months first, which is the correlation of months that share factors.

    References
    ----------
    .. [1] T. Mack, ASTIN Bulletin 23(2), 1993, pp. 213-225, theorem 3 and its corollary.
    .. [2] T. Mack, ASTIN Bulletin 29(2), 1999, pp. 361-366.

    Examples
    --------
    >>> development = pd.DataFrame({"age_to_age": [2.0, 1.0], "sigma": [3.0, 0.0], "standard_error": [0.4, 0.0],
    ...     "share_complete": [0.5, 1.0]})
    >>> months = pd.DataFrame({"lag": [0], "share_complete": [0.5], "completed": [200.0]})
    >>> mack_error(months, development)[0].tolist()  # sqrt(9 * 100 + 0.16 * 100**2)
    [50.0]
    """
    factor, sigma, error = development[["age_to_age", "sigma", "standard_error"]].to_numpy(float).T
    shares = development["share_complete"].to_numpy(float)
    start = np.maximum(months["lag"].to_numpy(), int((shares == 0).sum()))
    begin = np.maximum(months["completed"].to_numpy(float) * share_at(development, start), 0.0)
    amount = np.zeros(len(start))
    process, parameter, joint = np.zeros(len(start)), np.zeros(len(start)), 0.0
    for k in range(int((shares == 0).sum()), len(factor)):
        amount = np.where(start == k, begin, amount)
        square = factor[k] ** 2
        process = square * process + sigma[k] ** 2 * amount
        parameter = square * parameter + (amount * error[k]) ** 2
        joint = square * joint + (amount.sum() * error[k]) ** 2
        amount = factor[k] * amount
    if "apriori_error" in months:
        process = process + months["apriori_error"].to_numpy(float) ** 2
    return np.sqrt(process + parameter), math.sqrt(process.sum() + joint)
