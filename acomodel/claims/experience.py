"""Experience: incurred claims, exposure and use as PMPM, utilization and unit cost, and their trends."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from acomodel.inputs import InputError
from acomodel.rates import MONTHS, THOUSAND_MEMBER_YEARS, pmpm, trend_factor, unit_cost


@dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True))
class ExperienceSettings:
    """Where the experience lies and which year of it is the baseline."""

    table: str | None = Field(default=None, description="annual experience by service category [file]")
    monthly: str | None = Field(default=None, description="monthly experience by service category [file]")
    base_year: int | None = Field(
        default=None, description="calendar year of the baseline; the latest by default [year]"
    )


def cost_utilization_report(experience: pd.DataFrame) -> pd.DataFrame:
    r"""
    Cost and utilization report: allowed PMPM split into use and price, by year and service category.

    Parameters
    ----------
    experience : pandas.DataFrame
        Rows of the table `experience` of the data dictionary. Each needs its cost, as dollars with
        member months or as allowed PMPM, and may give its use, as a rate or count, or its unit cost.

    Returns
    -------
    pandas.DataFrame
        Index year and service category in the order given; columns `incurred_pmpm`,
        `cost_share_pmpm`, `allowed_pmpm` [$ PMPM], `utilization_pmpm` [services per member per month],
        `unit_cost` [$ per service], `member_months`. What the input does not allow is NaN.

    Raises
    ------
    InputError
        A row without cost, a count of services without exposure, or a use that lacks its basis.

    Notes
    -----
    .. math:: \text{allowed} = \text{incurred}/f + \text{cost share}/f, \qquad
        PMPM = \text{allowed} / MM, \qquad \bar c = PMPM / u

    with completion factor :math:`f` and utilization :math:`u` PMPM: an annual rate per 1,000 over 12,000,
    or per member over 12. Services reported are completed with the same factor as claims.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, exhibits 3.3 to 3.5, pp. 37-40.

    Examples
    --------
    >>> row = pd.DataFrame({"year": [2008], "service_category": ["Inpatient"], "member_months": [60_000],
    ...     "incurred_claims": [3_600_000], "member_cost_share": [30_000], "utilization": [300],
    ...     "utilization_basis": ["per_1000"]})
    >>> cost_utilization_report(row).round(3)[["allowed_pmpm", "utilization_pmpm", "unit_cost"]].values.tolist()
    [[60.5, 0.025, 2420.0]]
    """
    columns = ["member_months", "incurred_claims", "member_cost_share", "completion_factor", "allowed_pmpm"]
    columns += ["utilization", "utilization_basis", "unit_cost"]
    frame = experience.reindex(columns=["year", "service_category", *columns])
    complete = frame["completion_factor"].fillna(1.0)
    exposure = frame["member_months"]
    incurred = pmpm(frame["incurred_claims"] / complete, exposure)
    cost_share = pmpm(frame["member_cost_share"].fillna(0.0) / complete, exposure)
    allowed = (incurred + cost_share).fillna(frame["allowed_pmpm"])
    basis = frame["utilization_basis"].astype(object).fillna("")
    count = frame["utilization"]
    used = pd.Series(np.nan, index=frame.index)
    used = used.mask(basis == "per_1000", count / THOUSAND_MEMBER_YEARS)
    used = used.mask(basis == "per_member", count / MONTHS)
    used = used.mask(basis == "pmpm", count)
    used = used.mask(basis == "services", pmpm(count, exposure))
    used = (used / complete).fillna(pmpm(allowed, frame["unit_cost"]))
    lacking = {
        "neither dollars with member months nor an allowed PMPM": allowed.isna(),
        "a utilization without its basis": count.notna() & (basis == ""),
        "a count of services without member months": (basis == "services") & exposure.isna(),
    }
    for what, where in lacking.items():
        if where.any():
            row = frame[where].iloc[0]
            raise InputError(f"experience of {row['service_category']}, {row['year']}: {what}")
    report = pd.DataFrame(
        {
            "incurred_pmpm": incurred,
            "cost_share_pmpm": cost_share.where(incurred.notna()),
            "allowed_pmpm": allowed,
            "utilization_pmpm": used,
            "unit_cost": unit_cost(allowed, used).fillna(frame["unit_cost"]),
            "member_months": exposure,
        }
    )
    report.index = pd.MultiIndex.from_frame(frame[["year", "service_category"]])
    return report


def trend_report(report: pd.DataFrame) -> pd.DataFrame:
    r"""
    Trend factors of unit cost, utilization and allowed PMPM from each year to the next.

    Parameters
    ----------
    report : pandas.DataFrame
        Cost and utilization report of at least two years.

    Returns
    -------
    pandas.DataFrame
        Index year and service category, a row "Total" for each year; columns `cost_trend`,
        `utilization_trend`, `allowed_trend` [factor over the year before]; the total has only the last.

    Raises
    ------
    InputError
        Only one year is given, or the years are not consecutive.

    Notes
    -----
    .. math:: f_t = r_t / r_{t-1}

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, exhibit 3.6, p. 41.

    Examples
    --------
    >>> row = pd.DataFrame({"year": [2007, 2008], "service_category": ["Lab", "Lab"],
    ...     "allowed_pmpm": [18.35, 21.0], "unit_cost": [71.43, 75.0]})
    >>> trend_report(cost_utilization_report(row)).round(3).loc[(2008, "Lab")].tolist()
    [1.05, 1.09, 1.144]
    """
    years = sorted(report.index.unique("year"))
    if len(years) < 2:
        raise InputError(f"a trend needs at least two years of experience; found {years}")
    if years != list(range(years[0], years[-1] + 1)):
        raise InputError(f"the years of experience are not consecutive: {', '.join(map(str, years))}")
    measures = {
        "cost_trend": "unit_cost",
        "utilization_trend": "utilization_pmpm",
        "allowed_trend": "allowed_pmpm",
    }
    parts = []
    for before, after in itertools.pairwise(years):
        old, new = report.loc[before], report.loc[after]
        factors = pd.DataFrame({name: trend_factor(new[rate], old[rate]) for name, rate in measures.items()})
        factors = factors.reindex(new.index)
        total = trend_factor(new["allowed_pmpm"].sum(), old["allowed_pmpm"].sum())
        factors.loc["Total"] = [np.nan, np.nan, total]
        parts.append(pd.concat({after: factors}, names=["year", "service_category"]))
    return pd.concat(parts)


def check_whole(experience: pd.DataFrame, period: str) -> None:
    """
    Refuse experience in which a category lacks a period or exposure differs between categories.

    Parameters
    ----------
    experience : pandas.DataFrame
        Rows of the table `experience` or `monthly` of the data dictionary.
    period : {"year", "month"}
        Column of the period.

    Raises
    ------
    InputError
        A category without a row in some period, or two exposures in one period: a misspelt category or a
        missing row would otherwise leave the total without a word.

    Examples
    --------
    >>> rows = pd.DataFrame({"year": [2023, 2024, 2024], "service_category": ["Lab", "Lab", "lab"]})
    >>> check_whole(rows.assign(member_months=10.0), "year")
    Traceback (most recent call last):
    acomodel.inputs.InputError: experience: 'lab' has no row for 2023; every category needs one in each year
    """
    periods = sorted(experience[period].unique())
    for category, rows in experience.groupby("service_category", sort=False):
        lacking = [p for p in periods if p not in set(rows[period])]
        if lacking:
            raise InputError(
                f"experience: '{category}' has no row for {lacking[0]}; every category needs one in each {period}"
            )
    exposure = experience.groupby(period)["member_months"]
    differs = exposure.max() > exposure.min()
    if differs.any():
        at = differs[differs].index[0]
        raise InputError(
            f"experience: {at} has {exposure.min()[at]:,.10g} member months in one category and "
            f"{exposure.max()[at]:,.10g} in another; the same members stand behind all of them"
        )


def annual_from_monthly(monthly: pd.DataFrame) -> pd.DataFrame:
    """
    Annual experience from monthly, for the calendar years that have all twelve months.

    Parameters
    ----------
    monthly : pandas.DataFrame
        Rows of the table `monthly` of the data dictionary.

    Returns
    -------
    pandas.DataFrame
        Rows of the table `experience`, already completed; services as counts.

    Raises
    ------
    InputError
        No calendar year is complete.

    Examples
    --------
    >>> months = pd.period_range("2023-01", "2023-12", freq="M")
    >>> frame = pd.DataFrame({"month": months, "service_category": "Lab", "member_months": 1000.0,
    ...     "incurred_claims": 20_000.0, "services": 300.0})
    >>> annual_from_monthly(frame)[["year", "incurred_claims", "utilization"]].values.tolist()
    [[2023.0, 240000.0, 3600.0]]
    """
    frame = monthly.reindex(columns=[*monthly.columns.union(["completion_factor", "member_cost_share"], sort=False)])
    complete = frame["completion_factor"].fillna(1.0)
    frame = frame.assign(
        year=frame["month"].dt.year,
        incurred_claims=frame["incurred_claims"] / complete,
        member_cost_share=frame["member_cost_share"].fillna(0.0) / complete,
        services=frame["services"] / complete,
    )
    sums = ["member_months", "incurred_claims", "member_cost_share", "services"]
    grouped = frame.groupby(["year", "service_category"], sort=False)
    annual, months = grouped[sums].sum().reset_index(), grouped["month"].nunique().to_numpy()
    annual = annual[months == MONTHS]
    if annual.empty:
        raise InputError("the monthly experience holds no calendar year with all twelve months")
    return annual.rename(columns={"services": "utilization"}).assign(
        utilization_basis="services", completion_factor=1.0, service_unit="services"
    )
