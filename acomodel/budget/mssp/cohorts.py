"""National trends of a cohort, found from the benchmarks that were published for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from acomodel.budget.mssp.historical import BASE_YEARS, EQUAL, FIRST_AGREEMENT, base_year_weights, historical_per_capita
from acomodel.budget.mssp.steps import TYPES
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.programs import Rules
from acomodel.puf import PublicUseFile

COLUMNS = ("esrd", "disabled", "aged_dual", "aged_non_dual")
"""Types as the columns of a public use file name them, in the order of `TYPES`."""

SMALLEST_COHORT = 12
"""Fewest ACOs from which eight trends are found. [ACOs]"""


@dataclass(frozen=True, eq=False)
class Cohort:
    """
    ACOs that began the same kind of agreement on the same day, as published in one year.

    Parameters
    ----------
    name : str
        Year of the file, agreement and first day.
    ids : tuple of str
        Identifiers of the ACOs.
    expenditures, risk : numpy.ndarray, shape (n, 3, 4)
        Of base years and types. [$ per person year, score]
    person_years : numpy.ndarray, shape (n, 4)
        Of BY3. [person years]
    published : numpy.ndarray, shape (n,)
        Historical benchmark before any adjustment for prior savings or the region. [$ per person year]
    weights : tuple of float
        Of the base years, by the rules. [share]
    trend : str
        How the rules trend the base years: "national", "regional" or "blend".
    """

    name: str
    ids: tuple[str, ...]
    expenditures: np.ndarray
    risk: np.ndarray
    person_years: np.ndarray
    published: np.ndarray
    weights: tuple[float, float, float] = FIRST_AGREEMENT
    trend: str = "national"

    @property
    def shares(self) -> np.ndarray:
        """Person years of BY3 by type, as shares. [share]"""
        return self.person_years / self.person_years.sum(axis=1, keepdims=True)


@dataclass(frozen=True, eq=False, repr=False)
class TrendsFit(Shown):
    """
    National trends of a cohort and how near the formula comes to the published benchmarks.

    Parameters
    ----------
    cohort : Cohort
        What was fitted.
    trends : pandas.DataFrame
        Index BY1 and BY2, columns the types: growth to BY3. [factor]
    standard_error : pandas.DataFrame
        Of the trends. [factor]
    fitted, residual, leave_one_out : pandas.Series
        By ACO: benchmark by the formula; published less fitted; published less the formula with trends found
        without that ACO. [$ per person year]
    """

    cohort: Cohort
    trends: pd.DataFrame
    standard_error: pd.DataFrame
    fitted: pd.Series
    residual: pd.Series
    leave_one_out: pd.Series

    @property
    def worst(self) -> float:
        """Largest leave-one-out error. [$ per person year]"""
        return float(self.leave_one_out.abs().max())

    @property
    def worst_share(self) -> float:
        """Largest leave-one-out error as a share of the published benchmark. [share]"""
        return float((self.leave_one_out.abs() / self.cohort.published).max())

    def to_frame(self) -> pd.DataFrame:
        """Trends and their standard errors, one row a base year and type."""
        parts = {"trend": self.trends, "standard_error": self.standard_error}
        rows = {name: part.T.unstack() for name, part in parts.items()}
        return pd.DataFrame(rows).rename_axis(["base_year", "type"])

    def exhibit(self) -> Exhibit:
        """Trends by base year and type."""
        errors = self.standard_error.rename(index=lambda year: f"{year}, standard error")
        table = pd.concat([self.trends, errors]).rename_axis("Growth to BY3 from")
        note = (
            f"{len(self.fitted)} ACOs. Leaving each out in turn, the benchmark is missed by "
            f"${self.leave_one_out.abs().median():,.2f} at the median and ${self.worst:,.2f} "
            f"({self.worst_share:.3%}) at most."
        )
        return Exhibit(f"National trends of {self.cohort.name}", table, dict.fromkeys(TYPES, "0.0000"), note)


def cohorts(file: PublicUseFile) -> tuple[list[Cohort], pd.DataFrame]:
    """
    Cohorts of a public use file, and the ACOs that are in none.

    Parameters
    ----------
    file : PublicUseFile
        A year that prints historical benchmarks: 2014 and later.

    Returns
    -------
    cohorts : list of Cohort
        By agreement and first day. A printed adjustment, the higher where two are printed, is taken off.
    left_out : pandas.DataFrame
        Identifier, person years and reason of every ACO in no cohort.

    Raises
    ------
    InputError
        The file prints no historical benchmarks or no first days.

    Notes
    -----
    A file without numbers of agreements, as that of 2014, holds first agreements only.
    """
    table = file.table
    if table["historical_benchmark"].isna().all() or table["start_date"].isna().all():
        raise InputError(f"{file.path}: no historical benchmarks or start dates; a year from 2014 on is wanted.")
    frame = table.assign(period=table["agreement_period"].fillna(1).astype(int))
    figures = [f"{k}_{t}_{y.lower()}" for k in ("per_capita", "risk") for y in BASE_YEARS for t in COLUMNS]
    figures += [f"person_years_{t}_by3" for t in COLUMNS] + ["historical_benchmark", "start_date"]
    whole = frame[figures].notna().all(axis=1)
    out = [_left_out(frame[~whole], "a figure by type is suppressed or empty")]
    found = []
    for (period, start), rows in frame[whole].groupby(["period", "start_date"]):
        if len(rows) < SMALLEST_COHORT:
            out.append(_left_out(rows, f"fewer than {SMALLEST_COHORT} ACOs began agreement {period} that day"))
            continue
        choice = Rules("mssp_benchmark", max(start.year, 2013)).text("adjustment_later", "*")
        if period > 1 and choice == "prior_savings" and rows["prior_savings_adjustment"].isna().any():
            out.append(_left_out(rows, "the file does not print the adjustment for prior savings"))
            continue
        found.append(_cohort(rows, int(period), pd.Timestamp(start)))
    return found, pd.concat(out, ignore_index=True)


def _cohort(rows: pd.DataFrame, period: int, start: pd.Timestamp) -> Cohort:
    def grid(kind: str) -> np.ndarray:
        return np.stack(
            [rows[[f"{kind}_{t}_{y.lower()}" for t in COLUMNS]].to_numpy(float) for y in BASE_YEARS], axis=1
        )

    which = "first" if period <= 1 else "later"
    rule = Rules("mssp_benchmark", max(start.year, 2013)).text(f"historical_trend_{which}", "*")
    adjustment = np.fmax(rows["prior_savings_adjustment"], rows["regional_adjustment"]).fillna(0.0)
    published = rows["historical_benchmark"] - adjustment
    return Cohort(
        f"{rows['performance_year'].iloc[0]}, agreement {period} from {start.date()}",
        tuple(rows["aco_id"]),
        grid("per_capita"),
        grid("risk"),
        rows[[f"person_years_{t}_by3" for t in COLUMNS]].to_numpy(float),
        published.to_numpy(float),
        base_year_weights(period, start.year),
        rule,
    )


def _left_out(rows: pd.DataFrame, reason: str) -> pd.DataFrame:
    return pd.DataFrame({"aco_id": rows["aco_id"], "person_years": rows["person_years"], "reason": reason})


def fit_national_trends(
    cohort: Cohort,
    *,
    weights: Sequence[float] | None = None,
    adjust_risk: bool = True,
    trend_by_type: bool = True,
) -> TrendsFit:
    r"""
    National trends of a cohort by least squares on its published benchmarks.

    Parameters
    ----------
    cohort : Cohort
        ACOs with the same base years.
    weights : sequence of float, optional
        Of the base years; the cohort's own by default. [share]
    adjust_risk : bool
        Whether base years are brought to the risk of BY3.
    trend_by_type : bool
        Whether each type has its own trends; else one trend a base year.

    Returns
    -------
    TrendsFit

    Raises
    ------
    InputError
        Fewer ACOs than trends, or trends that the cohort cannot tell apart.

    Notes
    -----
    The historical benchmark is linear in its eight trends. With :math:`x_{i,yt} = p_{it} w_y E_{iyt} R_{i3t} / R_{iyt}`
    for :math:`y = 1, 2`,

    .. math:: \hat T = \arg\min_T \sum_i \Big( H_i - \sum_t p_{it} w_3 E_{i3t} - \sum_{yt} x_{i,yt} T_{yt} \Big)^2,
        \qquad e_{(i)} = e_i / (1 - h_{ii})

    where :math:`h_{ii}` is the diagonal of the hat matrix :math:`X (X'X)^{-1} X'`, so that leaving an ACO out
    needs no second fit.

    References
    ----------
    .. [1] 42 CFR 425.602(a) (2015).
    .. [2] Belsley, Kuh and Welsch, *Regression Diagnostics*, 1980, ch. 2: leave-one-out residuals.

    Examples
    --------
    Trends put in come out:

    >>> rng = np.random.default_rng(1)
    >>> spent, scores = rng.uniform(5_000, 90_000, (20, 3, 4)), rng.uniform(0.9, 1.1, (20, 3, 4))
    >>> counts, truth = rng.uniform(1, 9, (20, 4)), np.full((2, 4), 1.04)
    >>> shares = counts / counts.sum(axis=1, keepdims=True)
    >>> paid = historical_per_capita(spent, scores, shares, truth)
    >>> fit = fit_national_trends(Cohort("made up", tuple(map(str, range(20))), spent, scores, counts, paid))
    >>> fit.trends.round(6).loc["BY1"].tolist()
    [1.04, 1.04, 1.04, 1.04]
    """
    if not isinstance(cohort, Cohort):
        found = type(cohort).__name__
        raise InputError(f"national trends: found a {found}; a cohort is wanted, such as cohorts(file)[0][0]")
    used = np.asarray(cohort.weights if weights is None else weights, dtype=float)
    ratio = cohort.risk[:, 2:3, :] / cohort.risk if adjust_risk else np.ones_like(cohort.risk)
    parts = cohort.shares[:, None, :] * cohort.expenditures * ratio * used[None, :, None]
    level = cohort.published - parts[:, 2, :].sum(axis=1)
    design = parts[:, :2, :].reshape(len(level), 8) if trend_by_type else parts[:, :2, :].sum(axis=2)
    if len(level) <= design.shape[1]:
        raise InputError(
            f"cohort {cohort.name}: {len(level)} ACOs for {design.shape[1]} trends; more ACOs than trends are wanted"
        )
    scale = np.linalg.norm(design, axis=0)
    if (scale == 0).any() or np.linalg.matrix_rank(design / scale) < design.shape[1]:
        raise InputError(f"cohort {cohort.name}: some trends cannot be told apart; a type without spending?")
    q, r = np.linalg.qr(design / scale)
    trends = np.linalg.solve(r, q.T @ level) / scale
    residual = level - design @ trends
    leverage = np.minimum((q**2).sum(axis=1), 1 - 1e-12)
    spread = np.sqrt((residual**2).sum() / (len(level) - design.shape[1]))
    error = spread * np.sqrt((np.linalg.inv(r) ** 2).sum(axis=1)) / scale
    index, columns = list(BASE_YEARS[:2]), list(TYPES)

    def table(values: np.ndarray) -> pd.DataFrame:
        full = values.reshape(2, 4) if trend_by_type else np.repeat(values[:, None], 4, axis=1)
        return pd.DataFrame(full, index=index, columns=columns)

    def by_aco(values: np.ndarray) -> pd.Series:
        return pd.Series(values, index=list(cohort.ids))

    fitted, without = cohort.published - residual, residual / (1 - leverage)
    return TrendsFit(cohort, table(trends), table(error), by_aco(fitted), by_aco(residual), by_aco(without))


def ablation(found: Sequence[Cohort]) -> pd.DataFrame:
    """
    What each part of the historical benchmark is worth: the error without it.

    Parameters
    ----------
    found : sequence of Cohort
        Cohorts with national trends; each is fitted by itself.

    Returns
    -------
    pandas.DataFrame
        Index what was changed; columns `acos`, `median` and `largest` error [$ per person year], `largest_share`
        [share of the benchmark] and `within` [share of ACOs within 0.1 %]. Errors leave each ACO out in turn;
        without any trend nothing is fitted.
    """
    if not found:
        raise InputError("ablation: no cohort was given")
    swapped = [replace(c, weights=FIRST_AGREEMENT if c.weights != FIRST_AGREEMENT else EQUAL) for c in found]
    errors = {
        "as the rule says": [fit_national_trends(c).leave_one_out for c in found],
        "without the risk ratio": [fit_national_trends(c, adjust_risk=False).leave_one_out for c in found],
        "the other agreement's weights": [fit_national_trends(c).leave_one_out for c in swapped],
        "one trend for all types": [fit_national_trends(c, trend_by_type=False).leave_one_out for c in found],
        "no trend": [
            pd.Series(c.published - historical_per_capita(c.expenditures, c.risk, c.shares, np.ones((2, 4)), c.weights))
            for c in found
        ],
    }
    published = np.concatenate([c.published for c in found])
    rows = {}
    for name, parts in errors.items():
        size = np.abs(np.concatenate([part.to_numpy() for part in parts]))
        share = size / published
        rows[name] = (len(size), np.median(size), size.max(), share.max(), (share < 0.001).mean())
    columns = ["acos", "median", "largest", "largest_share", "within"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("change")
