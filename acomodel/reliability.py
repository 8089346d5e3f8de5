"""
How much of a difference between physicians, practices or years is real: reliability, shrinkage, intervals.

Shares outside 0 to 1, counts and variances below zero raise `InputError`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from acomodel.inputs import InputError

PUBLISHED = {"below 0.70": 0.59, "misclassified": 0.22, "lowest median": 0.05, "highest median": 0.79}
"""
What was found of physicians' cost profiles in Massachusetts (Adams et al. 2010, PMC2878194): share with a reliability
below 0.70, share misclassified in two classes of cost, lowest and highest median reliability of a specialty.
"""


def reliability(between_variance: Any, error_variance: Any) -> Any:
    r"""
    Share of the variance of what is observed that is difference between those observed.

    Parameters
    ----------
    between_variance : numeric
        Variance of the true values. [squared unit of the value]
    error_variance : numeric
        Variance of one's observed value about one's true value; that of a mean of n is :math:`\sigma^2/n`.
        [squared unit of the value]

    Returns
    -------
    numeric
        From 0 (noise alone) to 1; 0 where there are no differences. [share]

    Raises
    ------
    InputError
        A variance below zero.

    Notes
    -----
    .. math:: R = \frac{\tau^2}{\tau^2 + \sigma^2 / n}

    References
    ----------
    .. [1] J. L. Adams, A. Mehrotra, J. W. Thomas, E. A. McGlynn, "Physician Cost Profiling - Reliability and Risk of
       Misclassification," NEJM 362, 2010, pp. 1014-1021 (PMC2878194).

    Examples
    --------
    >>> reliability(0.04, 0.36 / 9), reliability(0.0, 1.0), reliability(0.04, 0.0)
    (0.5, 0.0, 1.0)
    """
    between, error = np.asarray(between_variance, dtype=float), np.asarray(error_variance, dtype=float)
    _from(between, 0, np.inf, "between_variance: a variance is not below zero")
    _from(error, 0, np.inf, "error_variance: a variance is not below zero")
    whole = between + error
    share = np.divide(between, whole, out=np.zeros(np.broadcast(between, error).shape), where=whole > 0)
    share = np.where(np.isinf(error) & np.isfinite(between), 0.0, np.where(np.isnan(whole), np.nan, share))
    return _like(share, between_variance, error_variance)


def spearman_brown(reliability: Any, factor: Any) -> Any:
    r"""
    Reliability with a multiple of the observations.

    Parameters
    ----------
    reliability : numeric
        Reliability now. [share]
    factor : numeric
        Observations then over observations now. [factor]

    Returns
    -------
    numeric
        [share]

    Notes
    -----
    .. math:: R_k = \frac{k R}{1 + (k - 1) R}

    References
    ----------
    .. [1] Adams et al., NEJM 2010 (PMC2878194): twice the data raise 0.61 to 0.76.

    Examples
    --------
    >>> round(spearman_brown(0.61, 2), 2)
    0.76
    """
    share, times = np.asarray(reliability, dtype=float), np.asarray(factor, dtype=float)
    _from(share, 0, 1, "reliability: a share from 0 to 1 is wanted")
    _from(times, 0, np.inf, "factor: a multiple of the observations, not below zero, is wanted")
    bottom = 1 + (times - 1) * share
    raised = np.divide(times * share, bottom, out=np.zeros(np.shape(bottom)), where=bottom != 0)
    return _like(raised, reliability, factor)


def shrunk(estimate: Any, reliability: Any, mean: Any) -> Any:
    r"""
    Best estimate of a true value: what is observed, drawn to the mean as far as it is noise.

    Parameters
    ----------
    estimate, mean : numeric
        What is observed, and the mean of all. [any]
    reliability : numeric
        Reliability of what is observed. [share]

    Returns
    -------
    numeric
        In the unit of the estimate; always between it and the mean.

    Notes
    -----
    .. math:: \hat\theta = \mu + R\,(y - \mu)

    Examples
    --------
    >>> round(shrunk(1.30, 0.4, 1.0), 2)
    1.12
    """
    share = np.asarray(reliability, dtype=float)
    _from(share, 0, 1, "reliability: a share from 0 to 1 is wanted")
    own, all_of_them = np.asarray(estimate, dtype=float), np.asarray(mean, dtype=float)
    return _like(share * own + (1 - share) * all_of_them, estimate, reliability, mean)


def wilson_interval(numerator: Any, denominator: Any, level: float = 0.9) -> tuple[Any, Any]:
    r"""
    Interval of a rate that was counted.

    Parameters
    ----------
    numerator, denominator : numeric
        Successes, and trials. [counts]
    level : float
        Level of the interval. [share]

    Returns
    -------
    low, high : numeric
        Ends, within 0 and 1; 0 and 1 where nothing was counted. [share]

    Raises
    ------
    InputError
        A count below zero, a numerator above its denominator, or a level outside 0 to 1.

    Notes
    -----
    With :math:`z` of the level, the rates :math:`p` for which :math:`|\hat p - p| \le z \sqrt{p(1-p)/n}`:

    .. math:: \frac{\hat p + z^2/2n \pm z \sqrt{\hat p (1 - \hat p)/n + z^2/4n^2}}{1 + z^2/n}

    References
    ----------
    .. [1] E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference," JASA 22, 1927.

    Examples
    --------
    >>> low, high = wilson_interval(27, 30)
    >>> round(low, 3), round(high, 3)
    (0.774, 0.959)
    """
    from scipy.special import ndtri

    if not 0 < level < 1:
        raise InputError(f"level: found {level:g}; a level between 0 and 1 is wanted")
    successes, trials = np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float)
    _from(successes, 0, np.inf, "numerator: a count is not below zero")
    _from(trials, 0, np.inf, "denominator: a count is not below zero")
    if (above := successes > trials).any():
        found = np.broadcast_arrays(successes, trials)
        at = np.flatnonzero(above)[0]
        raise InputError(f"numerator: found {found[0].flat[at]:g} of {found[1].flat[at]:g}; at most all of them can be")
    z = float(ndtri(0.5 + level / 2))
    some = np.where(trials > 0, trials, 1.0)
    rate = successes / some
    half = z * np.sqrt(rate * (1 - rate) / some + (z / (2 * some)) ** 2)
    middle, spread = rate + z * z / (2 * some), 1 + z * z / some
    low = np.where(trials > 0, np.where(successes == 0, 0.0, (middle - half) / spread), 0.0)
    high = np.where(trials > 0, np.where(successes == trials, 1.0, (middle + half) / spread), 1.0)
    return _like(low, numerator, denominator), _like(high, numerator, denominator)


def misclassified(reliability: Any, cut: Any) -> Any:
    r"""
    Chance of standing on the wrong side of a cut, where observed values are cut at a percentile.

    Parameters
    ----------
    reliability : numeric
        Reliability of what is observed. [share]
    cut : numeric
        Share of all that stands on one side of the cut; 0.25 for the quarter of least cost. [share]

    Returns
    -------
    numeric
        Share of all whose observed class is not that of their true value. [share]

    Notes
    -----
    True and observed values are bivariate normal with correlation :math:`\rho = \sqrt R`. With
    :math:`h = \Phi^{-1}(c)` and Owen's function :math:`T`,

    .. math:: P = 2\,\left(c - \Phi_2(h, h; \rho)\right) = 4\,T\left(h, \sqrt{\tfrac{1 - \rho}{1 + \rho}}\right)

    which is :math:`2c(1-c)` where nothing but noise is observed, and 0 where there is none.

    References
    ----------
    .. [1] Adams et al., NEJM 2010 (PMC2878194): 22 % in a system of two classes.
    .. [2] D. B. Owen, "Tables for Computing Bivariate Normal Probabilities," Ann. Math. Stat. 27, 1956.

    Examples
    --------
    >>> round(misclassified(0.0, 0.25), 3), round(misclassified(0.5, 0.25), 3), misclassified(1.0, 0.25)
    (0.375, 0.197, 0.0)
    """
    from scipy.special import ndtri, owens_t

    share, at = np.asarray(reliability, dtype=float), np.asarray(cut, dtype=float)
    _from(share, 0, 1, "reliability: a share from 0 to 1 is wanted")
    if not ((at > 0) & (at < 1) | np.isnan(at)).all():
        raise InputError("cut: a share between 0 and 1 is wanted")
    root = np.sqrt(share)
    return _like(4 * owens_t(ndtri(at), np.sqrt((1 - root) / (1 + root))), reliability, cut)


def _from(values: np.ndarray, low: float, high: float, wanted: str) -> None:
    """Refuse numbers outside a range; missing ones pass."""
    outside = (values < low) | (values > high)
    if outside.any():
        name, words = wanted.split(": ", 1)
        raise InputError(f"{name}: found {values[outside].flat[0]:g}; {words}")


def _like(result: Any, *given: Any) -> Any:
    """The result as a Series where one was given, a float where all were numbers."""
    for one in given:
        if isinstance(one, pd.Series):
            return pd.Series(np.asarray(result), index=one.index)
    return float(result) if np.ndim(result) == 0 else np.asarray(result)
