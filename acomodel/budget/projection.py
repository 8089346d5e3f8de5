"""Projecting unit cost and utilization separately, year by year, on trends of one's choice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import pydantic.dataclasses
from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from acomodel.budget.trend import TrendRule
from acomodel.inputs import InputError
from acomodel.rates import Numeric

Rate = Annotated[float, Field(gt=-0.5, lt=1)]


def _rates(value: Any) -> Any:
    """One rate, or one for each year, as a tuple of floats; anything else passes on to be refused."""
    values = value if isinstance(value, list | tuple) else [value]
    return tuple(float(v) if isinstance(v, int) and not isinstance(v, bool) else v for v in values)


Rates = Annotated[tuple[Rate, ...], BeforeValidator(_rates)]


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class BlendWeights:
    """Weights of the trends that are blended; they sum to 1."""

    own: float = Field(default=0.0, ge=0, le=1, description="weight of the ACO's own trend [share]")
    national: float = Field(default=0.0, ge=0, le=1, description="weight of the national trend [share]")
    regional: float = Field(default=0.0, ge=0, le=1, description="weight of the regional trend [share]")
    stated: float = Field(default=0.0, ge=0, le=1, description="weight of the stated trend [share]")

    @model_validator(mode="after")
    def _sum(self) -> BlendWeights:
        total = self.own + self.national + self.regional + self.stated
        if abs(total - 1) > 1e-9:
            raise ValueError(f"the weights sum to {total:g}; 1 is wanted")
        return self


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class TrendSettings:
    """Which trend carries the baseline to the contract year."""

    method: Literal["stated", "own", "national", "regional", "blend"] = Field(
        default="own", description="trend method: stated by category, the ACO's own, national, regional, or a blend"
    )
    table: str | None = Field(default=None, description="stated factors by year and service category [file]")
    own: Literal["latest_ratio", "average_ratio", "regression"] = Field(
        default="latest_ratio", description="how the ACO's own trend is measured"
    )
    rule: TrendRule = Field(default_factory=lambda: TrendRule(), description="how a regression is fitted")
    national: Rates = Field(default=(), description="national trend of allowed PMPM, one rate or one a year [share]")
    regional: Rates = Field(default=(), description="regional trend of allowed PMPM, one rate or one a year [share]")
    weights: BlendWeights | None = Field(default=None, description="weights of a blend")
    adjustment: float = Field(
        default=0.0, gt=-0.5, lt=0.5, description="what-if: points added to every annual trend [share]"
    )

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> TrendSettings:
        needed = {self.method} if self.method != "blend" else set()
        if self.method == "blend":
            if self.weights is None:
                raise ValueError("method = 'blend' needs the table trend.weights")
            needed = {n for n in ("own", "national", "regional", "stated") if getattr(self.weights, n) > 0}
        for source in ("national", "regional"):
            if source in needed and not getattr(self, source):
                raise ValueError(f"a {source} trend is used but trend.{source} is not given")
        if "stated" in needed and self.table is None:
            raise ValueError("a stated trend is used but trend.table is not given")
        return self


def uniform_trend(rates: Sequence[float], years: Sequence[int], categories: Sequence[str]) -> pd.DataFrame:
    """
    Trend factors of one rate a year for every service category, all of it in unit cost.

    Parameters
    ----------
    rates : sequence of float
        One rate for all years, or one for each. [share]
    years : sequence of int
        Years trended to.
    categories : sequence of str
        Service categories.

    Returns
    -------
    pandas.DataFrame
        Index year and service category; columns `cost_trend`, `utilization_trend`. [factor]

    Raises
    ------
    InputError
        Neither one rate nor one for each year.

    Examples
    --------
    >>> uniform_trend([0.04], [2009], ["Lab"]).loc[(2009, "Lab")].tolist()
    [1.04, 1.0]
    """
    if len(rates) not in (1, len(years)):
        raise InputError(
            f"trend: {len(rates)} rates for {len(years)} years ({years[0]} to {years[-1]}); one or one each"
        )
    each = list(rates) * len(years) if len(rates) == 1 else list(rates)
    index = pd.MultiIndex.from_product([years, categories], names=["year", "service_category"])
    return pd.DataFrame({"cost_trend": 1 + np.repeat(each, len(categories)), "utilization_trend": 1.0}, index=index)


def blend(trends: Mapping[str, pd.DataFrame], weights: Mapping[str, float]) -> pd.DataFrame:
    r"""
    Blend trend factors by weights.

    Parameters
    ----------
    trends : mapping of str to pandas.DataFrame
        Trends by name, each with index year and service category.
    weights : mapping of str to float
        Weight of each name; they sum to 1. [share]

    Returns
    -------
    pandas.DataFrame
        As the trends: unit cost and utilization blended so that their product is the blend of products.

    Notes
    -----
    .. math:: u = \sum_i w_i u_i, \qquad c = \sum_i w_i c_i u_i \big/ u

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, pp. 44 and 48: partial adjustment of
       past trends to national or regional ones.

    Examples
    --------
    >>> own, national = uniform_trend([0.10], [2009], ["Lab"]), uniform_trend([0.04], [2009], ["Lab"])
    >>> blend({"own": own, "national": national}, {"own": 0.5, "national": 0.5})["cost_trend"].round(4).tolist()
    [1.07]
    """
    used = {name: weight for name, weight in weights.items() if weight > 0}
    utilization = sum(weight * trends[name]["utilization_trend"] for name, weight in used.items())
    allowed = sum(w * trends[n]["cost_trend"] * trends[n]["utilization_trend"] for n, w in used.items())
    return pd.DataFrame({"cost_trend": allowed / utilization, "utilization_trend": utilization})


def project(baseline: pd.DataFrame, trends: pd.DataFrame, *, adjustment: float = 0.0) -> pd.DataFrame:
    r"""
    Project a baseline year by year, unit cost and utilization each on its own trend.

    Parameters
    ----------
    baseline : pandas.DataFrame
        Index service category; columns `unit_cost` [$ per service], `utilization_pmpm` [services per
        member per month] and `allowed_pmpm` [$ PMPM]. Where use is unknown, allowed PMPM is trended.
    trends : pandas.DataFrame
        Index year and service category; columns `cost_trend` and `utilization_trend`, each over the
        year before. [factor] Years may differ; every category of the baseline must be there each year.
    adjustment : float
        Points added to each year's combined trend: a what-if. [share]

    Returns
    -------
    pandas.DataFrame
        Index year and service category; columns `cost_trend`, `utilization_trend`, `unit_cost`,
        `utilization_pmpm`, `allowed_pmpm`.

    Raises
    ------
    InputError
        A category without a trend in some year, or years that are not consecutive.

    Notes
    -----
    .. math:: c_t = c_{t-1} f^c_t, \qquad u_t = u_{t-1} f^u_t, \qquad PMPM_t = c_t u_t

    An adjustment :math:`a` moves the combined trend :math:`f^c f^u` to :math:`f^c f^u + a` through
    unit cost.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, exhibit 3.7, p. 43.

    Examples
    --------
    Primary care of the exhibit, 2008 to 2010:

    >>> base = pd.DataFrame({"unit_cost": [28 / 0.3], "utilization_pmpm": [0.3], "allowed_pmpm": [28.0]},
    ...     index=pd.Index(["Primary Care"], name="service_category"))
    >>> index = pd.MultiIndex.from_tuples([(2009, "Primary Care"), (2010, "Primary Care")])
    >>> trends = pd.DataFrame({"cost_trend": [1.03, 1.03], "utilization_trend": [1.04, 1.045]}, index=index)
    >>> project(base, trends)["allowed_pmpm"].round(2).tolist()
    [29.99, 32.28]
    """
    parts = {}
    for year, step in _years(baseline, trends, adjustment):
        columns = {name: np.ravel(values) for name, values in step.items()}
        parts[year] = pd.DataFrame(columns, index=baseline.index)
    return pd.concat(parts, names=["year", "service_category"])


def projected_totals(baseline: pd.DataFrame, trends: pd.DataFrame, *, adjustment: Numeric = 0.0) -> dict[int, Numeric]:
    """
    Projected allowed PMPM of all categories together, for one adjustment or for many.

    Parameters
    ----------
    baseline, trends : pandas.DataFrame
        As for `project`, whose years these are.
    adjustment : numeric
        Points added to each year's combined trend. [share]

    Returns
    -------
    dict of int to numeric
        Year to allowed PMPM, of the shape of the adjustment; unknown categories count nothing. [$ PMPM]

    Raises
    ------
    InputError
        As `project`.

    Examples
    --------
    >>> base = pd.DataFrame({"unit_cost": [10.0], "utilization_pmpm": [10.0], "allowed_pmpm": [100.0]}, index=["Lab"])
    >>> trends = uniform_trend([0.05], [2009], ["Lab"])
    >>> projected_totals(base, trends, adjustment=np.array([0.0, 0.01]))[2009].round(2).tolist()
    [105.0, 106.0]
    """
    totals: dict[int, Numeric] = {}
    for year, step in _years(baseline, trends, adjustment):
        total = reduce(np.add, np.where(np.isnan(step["allowed_pmpm"]), 0.0, step["allowed_pmpm"]))
        totals[int(year)] = total if np.ndim(total) else float(total)
    return totals


def _years(
    baseline: pd.DataFrame, trends: pd.DataFrame, adjustment: Numeric
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Each year of a projection: arrays of categories by the shape of the adjustment."""
    years = sorted(trends.index.get_level_values(0).unique())
    if years != list(range(years[0], years[-1] + 1)):
        raise InputError(f"trend: the years are not consecutive: {', '.join(map(str, years))}")
    points = np.asarray(adjustment, dtype=float)
    down = (len(baseline), *[1] * points.ndim)
    names = ["unit_cost", "utilization_pmpm", "allowed_pmpm"]
    price, services, allowed = (baseline[name].to_numpy(dtype=float).reshape(down) for name in names)
    for year in years:
        factors = trends.loc[year].reindex(baseline.index)
        if factors["cost_trend"].isna().any() or factors["utilization_trend"].isna().any():
            category = factors.index[factors.isna().any(axis=1)][0]
            raise InputError(f"trend: no factors for '{category}' in {year}")
        use = factors["utilization_trend"].to_numpy(dtype=float).reshape(down)
        with np.errstate(divide="ignore", invalid="ignore"):
            cost = factors["cost_trend"].to_numpy(dtype=float).reshape(down) + points / use
        price, services, allowed = price * cost, services * use, allowed * cost * use
        step = {"cost_trend": cost, "utilization_trend": use, "unit_cost": price}
        yield year, step | {"utilization_pmpm": services, "allowed_pmpm": allowed}
