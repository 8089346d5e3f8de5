"""Large claims: truncation at a threshold, the excess above it, and what it does to a budget."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from acomodel.inputs import InputError
from acomodel.rates import Numeric


@dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class LargeClaimSettings:
    """How large claims are kept from moving the budget and the settlement."""

    threshold: float = Field(gt=0, description="amount per claimant and year above which claims do not count [$]")
    table: str | None = Field(default=None, description="claimants above the threshold, by period [file]")
    factor: float | None = Field(default=None, gt=0, description="stated adjustment instead of the table's [factor]")


def truncate(annual_claims: Numeric, threshold: Numeric) -> Numeric:
    r"""
    Annual claims of each member up to a threshold.

    Parameters
    ----------
    annual_claims : numeric
        Allowed claims of a member in a year. [$]
    threshold : numeric
        Amount above which claims do not count. [$]

    Returns
    -------
    numeric
        Truncated claims; with `excess` they add up to the claims. [$]

    Notes
    -----
    .. math:: \min(x, d)

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, p. 46.

    Examples
    --------
    >>> float(truncate(450_000, 50_000))
    50000.0
    """
    return np.minimum(annual_claims, threshold)


def excess(annual_claims: Numeric, threshold: Numeric) -> Numeric:
    r"""
    Annual claims of each member above a threshold.

    Parameters
    ----------
    annual_claims : numeric
        Allowed claims of a member in a year. [$]
    threshold : numeric
        Amount above which claims do not count. [$]

    Returns
    -------
    numeric
        Excess, at least zero. [$]

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
    return annual_claims - truncate(annual_claims, threshold)


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
