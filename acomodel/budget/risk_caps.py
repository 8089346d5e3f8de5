"""Limits on the change in risk: caps and floors, by type and over all types."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from acomodel.budget.risk import risk_ratio
from acomodel.inputs import InputError
from acomodel.rates import Numeric


def risk_ratio_capped(
    current: Numeric,
    base: Numeric,
    *,
    cap: float | None = None,
    floor: float | None = None,
    demographic_growth: Numeric = 0.0,
) -> Numeric:
    r"""
    Change in risk from one period to another, held between a floor and a cap.

    Parameters
    ----------
    current, base : numeric
        Risk scores on one scale, renormalized where the programme does so; above zero. [factor]
    cap, floor : float, optional
        Most and least growth, in points; 0.03 lets risk grow by 3 %. No limit when not given. [share]
    demographic_growth : numeric
        Growth of demographic risk to which both limits are added; 0 for limits that stand alone. [share]

    Returns
    -------
    numeric
        Risk ratio. [factor]

    Raises
    ------
    InputError
        A cap below the floor, or scores that are not above zero.

    Notes
    -----
    .. math:: RR = \min\left( \max\left( R_1 / R_0,\; 1 + g + f \right),\; 1 + g + c \right)

    References
    ----------
    .. [1] 42 CFR 425.605(a) and 425.610(a).

    Examples
    --------
    >>> round(risk_ratio_capped(1.10, 1.05, cap=0.03), 4)
    1.03
    >>> risk_ratio_capped(1.10, 1.05, cap=0.03, demographic_growth=0.01)
    1.04
    """
    _above_zero(current, "current risk score")
    _above_zero(base, "base risk score")
    check_limits(cap, floor)
    ratio = risk_ratio(current, base)
    if floor is not None:
        ratio = np.maximum(ratio, 1 + demographic_growth + floor)
    if cap is not None:
        ratio = np.minimum(ratio, 1 + demographic_growth + cap)
    return ratio if np.ndim(ratio) else float(ratio)


def check_limits(cap: float | None, floor: float | None) -> None:
    """
    Refuse a cap below the floor.

    >>> check_limits(0.03, None)
    """
    if cap is not None and floor is not None and cap < floor:
        raise InputError(f"risk: the cap {cap:+.2%} is below the floor {floor:+.2%}")


def continuing_risk_ratio(hcc_ratio: Numeric, demographic_ratio: Numeric) -> Numeric:
    r"""
    Risk ratio of continuously assigned beneficiaries until mid-2019.

    Parameters
    ----------
    hcc_ratio, demographic_ratio : numeric
        Performance year over benchmark year 3, by HCC score and by demographic factors. [factor]

    Returns
    -------
    numeric
        The HCC ratio where the HCC score fell, else the demographic ratio. [factor]

    Notes
    -----
    .. math:: RR = RR_{HCC} \text{ if } RR_{HCC} < 1, \text{ else } RR_{dem}

    "Lower" is read as lower than in the benchmark year, as the regulation's text has it, not as the lower of the two.

    References
    ----------
    .. [1] 42 CFR 425.604(a)(2) (2015).

    Examples
    --------
    >>> float(continuing_risk_ratio(1.05, 1.01)), float(continuing_risk_ratio(0.97, 1.01))
    (1.01, 0.97)
    """
    chosen: Any = np.where(np.asarray(hcc_ratio) < 1, hcc_ratio, demographic_ratio)
    if isinstance(hcc_ratio, pd.Series):
        return pd.Series(chosen, index=hcc_ratio.index)
    return chosen if np.ndim(chosen) else float(chosen)


def aggregate_limited(
    hcc_ratio: Numeric,
    demographic_growth: Numeric,
    weights: Numeric,
    *,
    cap: float | None = None,
    floor: float | None = None,
) -> np.ndarray:
    r"""
    Risk ratios of the enrollment types where a limit on the growth of all types together decides.

    Parameters
    ----------
    hcc_ratio : array-like
        Risk ratio of each type, types on the last axis. [factor]
    demographic_growth : array-like or float
        Growth of demographic risk of each type, or 0 for a limit that stands alone. [share]
    weights : array-like
        Historical benchmark times person-years of the performance year. [$]
    cap, floor : float, optional
        Most and least growth over all types beyond demographic growth, in points. [share]

    Returns
    -------
    numpy.ndarray
        Ratio used for each type. [factor]

    Raises
    ------
    InputError
        A cap below the floor, or no weight.

    Notes
    -----
    With the aggregates :math:`R = \sum_t w_t r_t / \sum_t w_t` and :math:`g = \sum_t w_t g_t / \sum_t w_t`, the
    bound is :math:`b = 1 + g + c`. Where :math:`R \le b` no type is touched, not even one above the bound; else every
    type above it is held at it. A floor works the same way from below.

    References
    ----------
    .. [1] 42 CFR 425.605(a)(1)(ii); 87 FR 69935 (2022), worked application.

    Examples
    --------
    Growth of 6 % and 1 % in equal types is 3.5 % together, above 3 %; of 4 % and 1 % it is not:

    >>> aggregate_limited([1.06, 1.01], 0.0, [1, 1], cap=0.03).tolist()
    [1.03, 1.01]
    >>> aggregate_limited([1.04, 1.01], 0.0, [1, 1], cap=0.03).tolist()
    [1.04, 1.01]
    """
    check_limits(cap, floor)
    ratios, share = np.asarray(hcc_ratio, dtype=float), np.asarray(weights, dtype=float)
    if not ((share >= 0).all() and (share.sum(axis=-1) > 0).all()):
        raise InputError("risk: weights at least zero, and above zero in one enrollment type, are wanted")
    growth = np.broadcast_to(np.asarray(demographic_growth, dtype=float), ratios.shape)
    total = weighted_average(ratios, share)[..., None]
    around = 1 + weighted_average(growth, share)[..., None]
    used = ratios
    if cap is not None:
        used = np.where(total > around + cap, np.minimum(used, around + cap), used)
    if floor is not None:
        used = np.where(total < around + floor, np.maximum(used, around + floor), used)
    return used


def weighted_average(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """
    Average over the last axis.

    >>> float(weighted_average(np.array([1.0, 2.0]), np.array([3.0, 1.0])))
    1.25
    """
    return (values * weights).sum(axis=-1) / weights.sum(axis=-1)


def _above_zero(value: Numeric, what: str) -> None:
    """Refuse scores that are missing or not above zero."""
    given = np.asarray(value, dtype=float)
    if not (given > 0).all():
        raise InputError(f"risk: found a {what} of {given[~(given > 0)].flat[0]:g}; above zero is wanted")
