"""
Rates of cost and use: PMPM, per 1,000, unit cost, and annual trend.

Every function takes numbers, arrays or Series and returns the same shape. A division by zero exposure
or zero services is undefined and returns NaN, not an error, so that an empty category stays visible.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Numeric = Any
"""A float, a NumPy array or a pandas Series; functions return the shape they were given."""

MONTHS = 12
THOUSAND_MEMBER_YEARS = 12_000
"""Member months in a thousand member years."""


def _divide(numerator: Numeric, denominator: Numeric) -> Numeric:
    """Quotient that is NaN where the denominator is zero, and a plain float for two plain numbers."""
    if np.ndim(numerator) == 0 and np.ndim(denominator) == 0:
        return float(numerator) / float(denominator) if denominator else float("nan")
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = numerator / denominator
    bad = np.broadcast_to(np.asarray(denominator) == 0, np.shape(quotient))
    return quotient.mask(bad) if hasattr(quotient, "mask") else np.where(bad, np.nan, quotient)


def pmpm(dollars: Numeric, member_months: Numeric) -> Numeric:
    r"""
    Dollars per member per month.

    Parameters
    ----------
    dollars : numeric
        Claims, cost sharing or any amount for the period. [$]
    member_months : numeric
        Members enrolled, summed over the months of the same period. [member months]

    Returns
    -------
    numeric
        Amount per member per month; NaN without exposure. [$ PMPM]

    Notes
    -----
    .. math:: PMPM = \$ / MM

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, exhibit 3.3, p. 38.

    Examples
    --------
    >>> pmpm(3_630_000, 60_000)
    60.5
    """
    return _divide(dollars, member_months)


def per_1000(services: Numeric, member_months: Numeric) -> Numeric:
    r"""
    Services per thousand members per year.

    Parameters
    ----------
    services : numeric
        Services, days, admissions, visits or scripts in the period. [count]
    member_months : numeric
        Exposure of the same period. [member months]

    Returns
    -------
    numeric
        Annual rate per thousand members; NaN without exposure. [per 1,000 per year]

    Notes
    -----
    .. math:: 12\,000 \, n / MM

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, appendix 4.A, figure 4.2.

    Examples
    --------
    Calendar year 2006 of the figure:

    >>> round(per_1000(648_496, 393_668))
    19768
    """
    return _divide(services * THOUSAND_MEMBER_YEARS, member_months)


def unit_cost(dollars: Numeric, services: Numeric) -> Numeric:
    r"""
    Average cost of one service.

    Parameters
    ----------
    dollars : numeric
        Allowed amount, or allowed PMPM. [$ or $ PMPM]
    services : numeric
        Services, or utilization PMPM: on the same footing as `dollars`. [count or per member per month]

    Returns
    -------
    numeric
        Cost per service; NaN without services. [$ per service]

    Notes
    -----
    .. math:: \bar c = \$ / n = PMPM / (n / MM)

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, exhibit 3.4, p. 39.

    Examples
    --------
    An allowed PMPM of $60.50 at 300 days per 1,000 members a year:

    >>> round(unit_cost(60.50, 300 / 12_000), 2)
    2420.0
    """
    return _divide(dollars, services)


def trend_factor(later: Numeric, earlier: Numeric) -> Numeric:
    r"""
    Growth factor from one period to a later one.

    Parameters
    ----------
    later, earlier : numeric
        The same rate in two periods: PMPM, utilization or unit cost. [any, equal]

    Returns
    -------
    numeric
        Factor; 1.05 is 5 % growth. NaN where the earlier rate is zero. [factor]

    Notes
    -----
    .. math:: f = r_1 / r_0

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, exhibit 3.6, p. 41.

    Examples
    --------
    >>> round(trend_factor(323.75, 292.69), 3)
    1.106
    """
    return _divide(later, earlier)


def annualize(factor: Numeric, months: Numeric) -> Numeric:
    r"""
    Annual factor equivalent to the growth seen over some months.

    Parameters
    ----------
    factor : numeric
        Growth factor between the midpoints of two periods. [factor]
    months : numeric
        Months between those midpoints, above zero. [months]

    Returns
    -------
    numeric
        Annual growth factor. [factor]

    Notes
    -----
    .. math:: f_{12} = f_m^{12/m}

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, p. 41.

    Examples
    --------
    Six months of 5 % growth:

    >>> round(annualize(1.05, 6), 4)
    1.1025
    """
    return factor ** (MONTHS / months)
