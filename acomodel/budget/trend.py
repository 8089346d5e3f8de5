"""Trend from monthly experience: log-linear regression, with ratios where points are too few."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
import pydantic.dataclasses
from pydantic import ConfigDict, Field

from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.periods import Span, months_between
from acomodel.rates import MONTHS, annualize, per_1000, pmpm, unit_cost

Measure = Literal["allowed_pmpm", "utilization_per_1000", "unit_cost"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
WORDS = {"allowed_pmpm": "allowed PMPM", "utilization_per_1000": "use per 1,000", "unit_cost": "unit cost"}
Grouping = Literal[1, 3, 6, 12]
FEW = "one degree of freedom is left, so the interval says little"
GROUPINGS: tuple[Grouping, ...] = (12, 6, 3, 1)


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True))
class TrendRule:
    """How a trend is fitted to months of experience."""

    grouping: Grouping = Field(default=1, description="months that make one point: 12, 6, 3 or 1 [months]")
    seasonality: bool = Field(default=True, description="whether each season of the year has a level of its own")
    weights: Literal["exposure", "equal"] = Field(default="exposure", description="weight of a point in the fit")
    errors: Literal["classical", "newey-west"] = Field(
        default="classical", description="standard errors: classical, or robust to autocorrelation"
    )
    confidence: float = Field(default=0.95, gt=0, lt=1, description="confidence of the intervals [share]")


@dataclass(frozen=True, eq=False, repr=False)
class TrendFit(Shown):
    """
    Annual trend of one measure, with its interval and diagnostics.

    Parameters
    ----------
    measure : str
        "allowed_pmpm", "utilization_per_1000" or "unit_cost".
    rule : TrendRule
        How it was fitted.
    annual_factor, low, high : float
        Annual growth factor and the ends of its confidence interval; NaN ends for a ratio. [factor]
    method : {"regression", "ratio"}
        What was done; `note` says why when it is a ratio.
    points : pandas.DataFrame
        One row per point: first and last month, `years` since the first midpoint, observed, fitted,
        low and high of the fit.
    diagnostics : pandas.Series
        Figures an actuary asks for; NaN where too few points allow them.
    note : str
        Months left out, and why ratios stand in for a regression.
    """

    measure: str
    rule: TrendRule
    annual_factor: float
    low: float
    high: float
    method: Literal["regression", "ratio"]
    points: pd.DataFrame
    diagnostics: pd.Series
    note: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Trend, interval and diagnostics as one column."""
        head = pd.Series(
            {
                "annual trend": self.annual_factor - 1,
                "interval, low": self.low - 1,
                "interval, high": self.high - 1,
                "points": float(len(self.points)),
            }
        )
        return pd.concat([head, self.diagnostics]).to_frame("value")

    def exhibit(self) -> Exhibit:
        """Trend, interval and diagnostics."""
        formats = dict.fromkeys(("annual trend", "interval, low", "interval, high"), "%.")
        formats |= dict.fromkeys(self.diagnostics.index, "0.000") | dict.fromkeys(("points", "degrees of freedom"), "#")
        words = f"{self.method}, {self.rule.grouping}-month points, {self.rule.confidence:.0%} interval"
        table = self.to_frame().rename(columns={"value": "Value"}).rename_axis("Figure")
        return Exhibit(f"Trend of {WORDS[self.measure]}: {words}", table, formats, self.note)


def _points(monthly: pd.DataFrame, measure: Measure, grouping: int) -> tuple[pd.DataFrame, str]:
    """Points of a measure: whole groups of months counted back from the latest, and what was left out."""
    frame = all_categories(monthly).set_index("month").rename(columns={"incurred_claims": "allowed"})
    whole = pd.period_range(frame.index[0], frame.index[-1], freq="M")
    if len(whole) != len(frame):
        gap = whole.difference(frame.index)[0]
        raise InputError(f"monthly experience: {gap} is missing between {whole[0]} and {whole[-1]}")
    spare = len(frame) % grouping
    note = "" if not spare else f"the first {spare} month{'s' * (spare > 1)} left out to keep groups whole; "
    frame = frame.iloc[spare:]
    if frame.empty:
        raise InputError(f"monthly experience: {spare} months cannot make one point of {grouping} months")
    group = np.arange(len(frame)) // grouping
    sums = frame.groupby(group).sum()
    spans = [Span(m[0], m[-1]) for m in np.split(np.array(frame.index), len(sums))]
    rate = {
        "allowed_pmpm": lambda: pmpm(sums["allowed"], sums["member_months"]),
        "utilization_per_1000": lambda: per_1000(sums["services"], sums["member_months"]),
        "unit_cost": lambda: unit_cost(sums["allowed"], sums["services"]),
    }[measure]()
    if not (rate > 0).all():
        bad = spans[int(np.flatnonzero(~(rate > 0))[0])]
        span = f"{bad.first}" if bad.first == bad.last else f"{bad.first} to {bad.last}"
        raise InputError(
            f"monthly experience{_of(monthly)}: {WORDS[measure]} of {span} is not above zero, as a log-linear fit "
            "needs; look for negative claims or months without services"
        )
    return pd.DataFrame(
        {
            "first": [span.first for span in spans],
            "last": [span.last for span in spans],
            "years": [months_between(spans[0], span) / MONTHS for span in spans],
            "season": [(span.first.month - 1) // grouping if MONTHS % grouping == 0 else 0 for span in spans],
            "observed": rate.to_numpy(),
            "weight": sums["member_months"].to_numpy(),
        }
    ), note


def _of(monthly: pd.DataFrame) -> str:
    """Words for the one category a table is of, if it is of one."""
    names = monthly["service_category"].unique() if "service_category" in monthly else []
    return f" of {names[0]}" if len(names) == 1 else ""


def fit_trend(monthly: pd.DataFrame, rule: TrendRule | None = None, *, measure: Measure = "allowed_pmpm") -> TrendFit:
    r"""
    Fit the annual trend of a measure to months of experience.

    Parameters
    ----------
    monthly : pandas.DataFrame
        Rows of the table `monthly` of the data dictionary; several categories are added up. Every month
        from the first to the last must be there.
    rule : TrendRule, optional
        Grouping, seasonality, weights, errors and confidence.
    measure : {"allowed_pmpm", "utilization_per_1000", "unit_cost"}
        What is fitted. [$ PMPM, services per 1,000 per year, $ per service]

    Returns
    -------
    TrendFit

    Raises
    ------
    InputError
        A month is missing, or the measure is not above zero somewhere.

    Notes
    -----
    With points at :math:`t` years, seasons :math:`s(t)` and weights by member months,

    .. math:: \log y_t = \alpha + \beta t + \gamma_{s(t)} + \varepsilon_t, \qquad
        \text{annual factor} = e^{\beta}

    with a Student-t interval for :math:`\beta`. Seasons are calendar months, quarters or halves, by the
    grouping. With no more points than coefficients the annualized ratio of last to first point stands in.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, p. 40: 36 months grouped by 12, 6 and 3.
    .. [2] ASOP No. 5, "Incurred Health and Disability Claims," 2017: seasonality and trend.

    Examples
    --------
    Thirty-six months that grow by 6 % a year:

    >>> months = pd.period_range("2021-01", periods=36, freq="M")
    >>> growth = 1.06 ** (np.arange(36) / 12)
    >>> data = pd.DataFrame({"month": months, "member_months": 1000.0, "services": 300.0,
    ...     "incurred_claims": 400_000 * growth})
    >>> round(fit_trend(data).annual_factor, 6)
    1.06
    """
    rule = rule or TrendRule()
    points, note = _points(monthly, measure, rule.grouping)
    seasons = sorted(points["season"].unique())[1:] if rule.seasonality and rule.grouping < MONTHS else []
    if len(points) <= 2 + len(seasons):
        return _ratio(measure, rule, points, note)
    return _regression(measure, rule, points, seasons, note)


def _ratio(measure: str, rule: TrendRule, points: pd.DataFrame, note: str) -> TrendFit:
    """Annualized ratio of the last point to the first, or to the same season a whole number of years back."""
    last = points.iloc[-1]
    earlier = points.iloc[:-1]
    same = earlier[earlier["season"] == last["season"]] if rule.seasonality else earlier
    seasonal = "" if len(same) else " of another season"
    pool = same if len(same) else earlier
    if pool.empty:
        raise InputError(
            f"monthly experience: {measure} has one point of {rule.grouping} months; a trend needs at least two"
        )
    first = pool.iloc[0]
    months = (last["years"] - first["years"]) * MONTHS
    factor = float(annualize(last["observed"] / first["observed"], months))
    why = (
        f"{len(points)} points are too few for a regression: the annualized ratio to the first point{seasonal} is used"
    )
    fitted = points["observed"] * np.nan
    shown = points.assign(fitted=fitted, low=fitted, high=fitted)
    return TrendFit(
        measure,
        rule,
        factor,
        math.nan,
        math.nan,
        "ratio",
        shown,
        pd.Series(dtype=float),
        (note + why).capitalize(),
    )


def _regression(measure: str, rule: TrendRule, points: pd.DataFrame, seasons: list[int], note: str) -> TrendFit:
    """Weighted log-linear regression with seasonal levels."""
    import statsmodels.api as sm

    season = np.column_stack([(points["season"] == s).to_numpy(float) for s in seasons] or [np.empty((len(points), 0))])
    design = np.column_stack([np.ones(len(points)), points["years"], season])
    weights = (points["weight"] / points["weight"].mean()).to_numpy() if rule.weights == "exposure" else 1.0
    model = sm.WLS(np.log(points["observed"].to_numpy()), design, weights=weights)
    lags = max(1, round(0.75 * len(points) ** (1 / 3)))
    robust: dict[str, Any] = {
        "cov_type": "HAC",
        "cov_kwds": {"maxlags": lags, "use_correction": True},
        "use_t": True,
    }
    fit = model.fit(**robust) if rule.errors == "newey-west" else model.fit()
    low, high = fit.conf_int(1 - rule.confidence)[1]
    band = fit.get_prediction(design).conf_int(alpha=1 - rule.confidence)
    shown = points.assign(fitted=np.exp(fit.fittedvalues), low=np.exp(band[:, 0]), high=np.exp(band[:, 1]))
    return TrendFit(
        measure,
        rule,
        float(np.exp(fit.params[1])),
        float(np.exp(low)),
        float(np.exp(high)),
        "regression",
        shown,
        _diagnostics(fit, design, len(seasons)),
        (note + (FEW if fit.df_resid < 2 else "")).rstrip("; ").capitalize(),
    )


def _diagnostics(fit: Any, design: np.ndarray, seasons: int) -> pd.Series:
    """What an actuary asks of a trend fit: how well, how noisy, which month stands out, what is left over."""
    from statsmodels.stats.diagnostic import het_breuschpagan
    from statsmodels.stats.stattools import durbin_watson, jarque_bera

    enough = fit.df_resid >= 8
    residuals = np.asarray(fit.wresid)
    spread = math.sqrt(fit.scale)
    leverage = np.clip((np.linalg.qr(fit.model.wexog)[0] ** 2).sum(axis=1), 0, 1 - 1e-12)
    studentized = residuals / (spread * np.sqrt(1 - leverage)) if spread > 0 else np.zeros(len(residuals))
    found = {
        "R squared": float(fit.rsquared) if fit.centered_tss > 1e-20 else math.nan,
        "residual standard deviation (log)": spread,
        "degrees of freedom": float(fit.df_resid),
        "p-value, no trend": float(fit.pvalues[1]),
        "p-value, no seasons": math.nan,
        "Durbin-Watson": float(durbin_watson(residuals)) if spread > 1e-12 else math.nan,
        "p-value, even variance (Breusch-Pagan)": math.nan,
        "p-value, normal residuals (Jarque-Bera)": math.nan,
        "largest studentized residual": float(studentized[np.argmax(np.abs(studentized))]),
    }
    if seasons:
        restrictions = np.eye(design.shape[1])[2:]
        found["p-value, no seasons"] = float(np.squeeze(fit.f_test(restrictions).pvalue))
    if enough and spread > 1e-12:
        found["p-value, even variance (Breusch-Pagan)"] = float(het_breuschpagan(residuals, design[:, :2])[1])
        found["p-value, normal residuals (Jarque-Bera)"] = float(jarque_bera(residuals)[1])
    return pd.Series(found)


def trend_study(monthly: pd.DataFrame, rule: TrendRule | None = None) -> pd.DataFrame:
    """
    Trends of all service categories, measures and groupings side by side.

    Parameters
    ----------
    monthly : pandas.DataFrame
        Rows of the table `monthly` of the data dictionary.
    rule : TrendRule, optional
        Seasonality, weights, errors and confidence; its grouping is replaced by 12, 6, 3 and 1 in turn.

    Returns
    -------
    pandas.DataFrame
        Index service category ("All" for their sum, PMPM only), measure and grouping in months; columns
        `annual_trend`, `low`, `high` [share], `points`, `method`, `r_squared`. Groupings that make fewer than
        two points, or one that is not above zero, are left out.

    Examples
    --------
    >>> months = pd.period_range("2021-01", periods=36, freq="M")
    >>> data = pd.DataFrame({"month": months, "service_category": "Lab", "member_months": 1000.0,
    ...     "services": 300.0, "incurred_claims": 400_000 * 1.06 ** (np.arange(36) / 12)})
    >>> trend_study(data).loc[("Lab", "allowed_pmpm", 6), "annual_trend"].round(6)
    np.float64(0.06)
    """
    rule = rule or TrendRule()
    rows = []
    for category, measures in [
        *((c, MEASURES) for c in monthly["service_category"].unique()),
        ("All", MEASURES[:1]),
    ]:
        part = all_categories(monthly) if category == "All" else monthly[monthly["service_category"] == category]
        for measure in measures:
            for grouping in GROUPINGS:
                if part["month"].nunique() < 2 * grouping:
                    continue
                settings = {name: getattr(rule, name) for name in ("seasonality", "weights", "errors", "confidence")}
                try:
                    fit = fit_trend(part, TrendRule(grouping=grouping, **settings), measure=measure)
                except InputError:  # a thin category with an empty month has no log-linear fit at that grouping
                    continue
                rows.append(
                    {
                        "service_category": category,
                        "measure": measure,
                        "grouping": grouping,
                        "annual_trend": fit.annual_factor - 1,
                        "low": fit.low - 1,
                        "high": fit.high - 1,
                        "points": len(fit.points),
                        "method": fit.method,
                        "r_squared": fit.diagnostics.get("R squared", math.nan),
                    }
                )
    return pd.DataFrame(rows).set_index(["service_category", "measure", "grouping"])


def all_categories(monthly: pd.DataFrame) -> pd.DataFrame:
    """
    Sum over service categories by month: dollars and services added, exposure taken once.

    Parameters
    ----------
    monthly : pandas.DataFrame
        Rows of the table `monthly` of the data dictionary; dollars are completed before they are added.

    Returns
    -------
    pandas.DataFrame
        One row per month, complete.

    Examples
    --------
    >>> two = pd.DataFrame({"month": pd.PeriodIndex(["2024-01", "2024-01"], freq="M"),
    ...     "service_category": ["Lab", "DME"], "member_months": 100.0, "services": 5.0, "incurred_claims": 10.0})
    >>> all_categories(two)[["member_months", "services", "incurred_claims"]].values.tolist()
    [[100.0, 10.0, 20.0]]
    """
    complete = monthly["completion_factor"].fillna(1.0) if "completion_factor" in monthly else 1.0
    share = monthly["member_cost_share"].fillna(0.0) if "member_cost_share" in monthly else 0.0
    frame = monthly.assign(
        incurred_claims=(monthly["incurred_claims"] + share) / complete,
        services=monthly["services"] / complete,
    )
    by_month = frame.groupby("month")
    total = by_month[["incurred_claims", "services"]].sum()
    return total.assign(member_months=by_month["member_months"].max()).reset_index()
