"""Large claims: truncation at an amount or a percentile, the excess above it, and what it does to a budget."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pydantic.dataclasses
from pydantic import ConfigDict, Field, model_validator

from acomodel.budget.claimants import checked_claims, prorated_threshold
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.rates import MONTHS, Numeric, pmpm


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class LargeClaimSettings:
    """How large claims are kept from moving the budget and the settlement."""

    threshold: float | None = Field(
        default=None, gt=0, description="amount per claimant and year above which claims do not count [$]"
    )
    percentile: float | None = Field(
        default=None,
        ge=95,
        le=100,
        description="percentile of annualized claims of the baseline instead of an amount [percent]",
    )
    prorate: bool | None = Field(
        default=None,
        description="whether part of a year has that part of the threshold; by default with a percentile, as Medicare",
    )
    table: str | None = Field(default=None, description="claimants above the threshold, by period [file]")
    factor: float | None = Field(default=None, gt=0, description="stated adjustment instead of the table's [factor]")
    reinsurance_load: float = Field(
        default=0.2, ge=0, le=2, description="load on the expected claims above an attachment point [share]"
    )

    @property
    def prorated(self) -> bool:
        """Whether part of a year has that part of the threshold."""
        return self.percentile is not None if self.prorate is None else self.prorate

    @model_validator(mode="after")
    def _one_of_each(self) -> LargeClaimSettings:
        if (self.threshold is None) == (self.percentile is None):
            both = "both given" if self.threshold is not None else "both missing"
            raise ValueError(f"large_claims.threshold and large_claims.percentile are {both}; one is wanted")
        return self


def truncate(
    annual_claims: Numeric, threshold: Numeric, *, months: Numeric | None = None, prorate: bool = False
) -> Numeric:
    r"""
    Annual claims of each member up to a threshold.

    Parameters
    ----------
    annual_claims : numeric
        Allowed claims of a member in a year. [$]
    threshold : numeric
        Amount above which claims do not count. [$]
    months : numeric, optional
        Months of enrollment in the year; used where the threshold is prorated. [months]
    prorate : bool
        Whether a member enrolled for part of the year has that part of the threshold.

    Returns
    -------
    numeric
        Truncated claims; with `excess` they add up to the claims, to the cent. [$]

    Raises
    ------
    InputError
        A threshold is to be prorated and no months are given.

    Notes
    -----
    .. math:: \min(x, d) \quad\text{or}\quad \min(x, d \, m / 12)

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, p. 46.

    Examples
    --------
    >>> float(truncate(450_000, 50_000)), float(truncate(450_000, 50_000, months=6, prorate=True))
    (50000.0, 25000.0)
    """
    if not prorate:
        return np.minimum(annual_claims, threshold)
    if months is None:
        raise InputError("truncation: a prorated threshold wants each member's months of enrollment; none are given")
    return np.minimum(annual_claims, prorated_threshold(threshold, months))


def excess(
    annual_claims: Numeric, threshold: Numeric, *, months: Numeric | None = None, prorate: bool = False
) -> Numeric:
    r"""
    Annual claims of each member above a threshold.

    Parameters
    ----------
    annual_claims : numeric
        Allowed claims of a member in a year. [$]
    threshold : numeric
        Amount above which claims do not count. [$]
    months, prorate
        As for `truncate`.

    Returns
    -------
    numeric
        Excess, at least zero. [$]

    Raises
    ------
    InputError
        A threshold is to be prorated and no months are given.

    Notes
    -----
    .. math:: x - \min(x, d)

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, exhibit 3.10, p. 46.

    Examples
    --------
    >>> float(excess(450_000, 50_000))
    400000.0
    """
    return annual_claims - truncate(annual_claims, threshold, months=months, prorate=prorate)


def threshold_at(
    annual_claims: Numeric,
    percentile: float,
    *,
    months: Numeric | None = None,
    enrollment_type: Numeric | None = None,
) -> float | pd.Series:
    r"""
    Truncation threshold at a percentile of annualized claims, by enrollment type.

    Parameters
    ----------
    annual_claims : array-like
        Allowed claims of each member in the year, as incurred and not annualized. [$]
    percentile : float
        Percentile, 1 to 100; 99 for Medicare's. [percent]
    months : array-like, optional
        Months of enrollment of each member in the year; 12 if not given. [months]
    enrollment_type : array-like, optional
        Type of each member, such as ESRD, disabled, aged dual and aged non-dual.

    Returns
    -------
    float or pandas.Series
        Threshold for a full year, one for each type where types are given; a member enrolled for part of the year
        is truncated at its part (`truncate` with `prorate`). [$]

    Raises
    ------
    InputError
        The percentile, claims, months or types cannot be used.

    Notes
    -----
    Member :math:`i` with claims :math:`x_i` in :math:`m_i` months has annualized claims :math:`y_i = 12 x_i / m_i`,
    to the cent. The threshold is the least of the :math:`y_i` at or below which lie at least :math:`p` percent of
    the member months of the type:

    .. math:: d = \min\Big\{ y_j : \sum_{y_i \le y_j} m_i \ge \frac{p}{100} \sum_i m_i \Big\}

    It is always somebody's amount: nothing is interpolated.

    References
    ----------
    .. [1] 42 CFR 425.604(a) (2015): 99th percentile of national expenditures, by enrollment type.

    Examples
    --------
    >>> threshold_at(range(1, 101), 99)
    99.0
    >>> threshold_at([10, 20, 30, 900], 75, enrollment_type=["aged", "aged", "aged", "ESRD"]).to_dict()
    {'ESRD': 900.0, 'aged': 30.0}
    """
    claims, enrolled = checked_claims(annual_claims, months)
    if not 1 <= percentile <= 100:
        raise InputError(f"large claims: the percentile is {percentile:g}; percent from 1 to 100 are wanted, as 99")
    annual = np.rint(claims * 100 * MONTHS / enrolled) / 100
    if enrollment_type is None:
        return _weighted_percentile(annual, enrolled, percentile)
    types = pd.Series(np.asarray(enrollment_type))
    if len(types) != claims.size or types.isna().any():
        known = int(types.notna().sum())
        raise InputError(f"large claims: {known} of {claims.size} members have an enrollment type; each must have one")
    found = {
        kind: _weighted_percentile(annual[at], enrolled[at], percentile)
        for kind, at in types.groupby(types).indices.items()
    }
    return pd.Series(found, name="threshold").rename_axis("enrollment_type")


def _weighted_percentile(amounts: np.ndarray, weights: np.ndarray, percentile: float) -> float:
    """Least amount at or below which lies that percentage of the weight."""
    order = np.argsort(amounts, kind="stable")
    reached = 100 * np.cumsum(weights[order])
    wanted = percentile * reached[-1] / 100
    return float(amounts[order][np.searchsorted(reached, wanted * (1 - 1e-12))])


def large_claim_factor(allowed: Numeric, removed: Numeric) -> Numeric:
    r"""
    Factor that takes the excess of large claims out of an allowed amount.

    Parameters
    ----------
    allowed : numeric
        Baseline allowed claims, above zero. [$]
    removed : numeric
        Excess of the large claims among them; negative where claims are added in. [$]

    Returns
    -------
    numeric
        Adjusted over unadjusted. [factor]

    Raises
    ------
    InputError
        More is to be removed than there is.

    Notes
    -----
    .. math:: f = (A - E) / A

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, exhibit 3.10, p. 46.

    Examples
    --------
    >>> round(large_claim_factor(19_425_000, 400_000), 3)
    0.979
    """
    if np.any(np.asarray(removed) > np.asarray(allowed)):
        raise InputError(f"large claims: {np.max(removed):,.0f} in excess exceeds the allowed {np.max(allowed):,.0f}")
    return (allowed - removed) / allowed


@dataclass(frozen=True, eq=False, repr=False)
class ShockClaimAdjustment(Shown):
    """
    Shock claims taken out of a baseline, or long-term illnesses added back in.

    Parameters
    ----------
    allowed : float
        Baseline allowed claims before the adjustment. [$]
    member_months : float
        Exposure of the baseline. [member months]
    claims : float
        Claims of the claimants adjusted for. [$]
    adjustment : float
        Their excess above the threshold: negative taken out, positive added in. [$]
    """

    allowed: float
    member_months: float
    claims: float
    adjustment: float

    @property
    def factor(self) -> float:
        """Adjusted over unadjusted baseline, to be applied to the projection. [factor]"""
        return float(large_claim_factor(self.allowed, -self.adjustment))

    @property
    def adjusted_pmpm(self) -> float:
        """Baseline after the adjustment. [$ PMPM]"""
        return pmpm(self.allowed + self.adjustment, self.member_months)

    def to_frame(self) -> pd.DataFrame:
        """The lines of exhibit 3.10 and the factor, at full precision."""
        lines = {
            "Baseline allowed claims": self.allowed,
            "Member months": self.member_months,
            "Allowed claims PMPM": pmpm(self.allowed, self.member_months),
            "Claims of the claimants": self.claims,
            "Claim adjustment": self.adjustment,
            "Adjusted baseline claims": self.allowed + self.adjustment,
            "Adjusted baseline PMPM": self.adjusted_pmpm,
            "Percentage adjustment": self.factor - 1,
            "Adjustment factor": self.factor,
        }
        return pd.Series(lines, name="Baseline").rename_axis("Line").to_frame()

    def exhibit(self) -> Exhibit:
        """The adjustment, line by line."""
        frame = self.to_frame()
        styles = ("$", "#", "$.", "$", "$", "$", "$.", "%", "0.000")
        return Exhibit("Shock claim adjustment", frame, dict(zip(frame.index, styles, strict=True)))


def shock_claim_adjustment(
    allowed: float, member_months: float, claims: Numeric, threshold: float, *, add_back: bool = False
) -> ShockClaimAdjustment:
    """
    Adjust a baseline for shock claims: excess taken out, or for long-term illness added back in.

    Parameters
    ----------
    allowed : float
        Baseline allowed claims. They hold the claims in full where the excess is taken out, and do not hold the
        excess where it is added. [$]
    member_months : float
        Exposure of the baseline. [member months]
    claims : numeric
        Annual claims of each claimant concerned. [$]
    threshold : float
        Amount of each claimant that stays in the baseline. [$]
    add_back : bool
        Whether the excess is added in rather than taken out.

    Returns
    -------
    ShockClaimAdjustment

    Raises
    ------
    InputError
        Claims that are to be taken out exceed the baseline.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, exhibit 3.10, p. 46.

    Examples
    --------
    >>> found = shock_claim_adjustment(19_425_000, 60_000, 450_000, 50_000)
    >>> round(found.factor, 3), round(found.adjusted_pmpm, 2)
    (0.979, 317.08)
    """
    listed = float(np.sum(np.asarray(claims, dtype=float)))
    if not add_back and listed > allowed:
        raise InputError(f"large claims: claimants with {listed:,.0f} are not part of an allowed {allowed:,.0f}")
    over = float(np.sum(excess(np.asarray(claims, dtype=float), threshold)))
    return ShockClaimAdjustment(float(allowed), float(member_months), listed, over if add_back else -over)


def excess_by_period(table: pd.DataFrame, threshold: float) -> pd.Series:
    """
    Excess of the listed claimants above a threshold, by period.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of the table `large_claims` of the data dictionary.
    threshold : float
        Amount above which claims do not count. [$]

    Returns
    -------
    pandas.Series
        Period to dollars. [$]

    Examples
    --------
    >>> cases = pd.DataFrame({"period": ["baseline", "baseline"], "allowed": [450_000.0, 40_000.0]})
    >>> float(excess_by_period(cases, 50_000)["baseline"])
    400000.0
    """
    return excess(table["allowed"], threshold).groupby(table["period"]).sum()
