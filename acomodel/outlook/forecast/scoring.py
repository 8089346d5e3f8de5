"""How good a forecast was: coverage of its intervals, the continuous ranked probability score, the transform."""

from __future__ import annotations

import numpy as np

from acomodel.inputs import InputError
from acomodel.rates import Numeric


def _drawn(draws: Numeric, truth: Numeric) -> tuple[np.ndarray, np.ndarray]:
    """Draws, sorted within each forecast, and the truths beside them."""
    found, true = np.asarray(draws, dtype=float), np.asarray(truth, dtype=float)
    if found.ndim == 0 or found.shape[-1] == 0 or found.shape[:-1] != true.shape:
        raise InputError(f"score: draws of shape {found.shape} for truths of shape {true.shape}; a row for each truth")
    if not (np.isfinite(found).all() and np.isfinite(true).all()):
        raise InputError("score: a draw or a truth is no number; finite ones are wanted")
    return np.sort(found, axis=-1), true


def crps(draws: Numeric, truth: Numeric) -> Numeric:
    r"""
    Continuous ranked probability score of forecasts given as draws; smaller is better.

    Parameters
    ----------
    draws : array-like
        Equally likely outcomes of each forecast along the last axis. A single one is a forecast without spread. [$]
    truth : numeric
        What came, one for each forecast. [$]

    Returns
    -------
    numeric
        Score, in the unit of the draws: the absolute error of a forecast without spread. [$]

    Raises
    ------
    InputError
        Shapes that do not fit, or what is no number.

    Notes
    -----
    .. math:: \text{CRPS}(F, y) = E|X - y| - \tfrac12 E|X - X'|

    with :math:`X, X'` independent draws from :math:`F`. It is strictly proper: no other forecast has a better expected
    score than the distribution that the truth comes from.

    References
    ----------
    .. [1] T. Gneiting and A. Raftery, "Strictly proper scoring rules, prediction, and estimation," J. Am. Stat. Assoc.
       102(477), 2007, pp. 359-378, section 4.2, eq. 21.

    Examples
    --------
    >>> crps([7.0], 10.0), crps([0.0, 1.0], 0.0)
    (3.0, 0.25)
    """
    found, true = _drawn(draws, truth)
    n = found.shape[-1]
    rank = 2 * np.arange(1, n + 1) - n - 1
    score = np.abs(found - true[..., None]).mean(axis=-1) - (found @ rank) / n**2
    return score if true.ndim else float(score)


def pit(draws: Numeric, truth: Numeric) -> Numeric:
    """
    Probability integral transform: the chance that a forecast gave to at most what came.

    Parameters
    ----------
    draws : array-like
        Equally likely outcomes of each forecast along the last axis. [$]
    truth : numeric
        What came, one for each forecast. [$]

    Returns
    -------
    numeric
        Share of draws below the truth, equal ones counted half. Over many forecasts that are right it is uniform.
        [share]

    Raises
    ------
    InputError
        As `crps`.

    References
    ----------
    .. [1] T. Gneiting, F. Balabdaoui and A. Raftery, "Probabilistic forecasts, calibration and sharpness," J. R. Stat.
       Soc. B 69(2), 2007, pp. 243-268, section 3.1.

    Examples
    --------
    >>> pit([1.0, 2.0, 3.0, 4.0], 2.5)
    0.5
    """
    found, true = _drawn(draws, truth)
    at = true[..., None]
    share = (found < at).mean(axis=-1) + (found == at).mean(axis=-1) / 2
    return share if true.ndim else float(share)


def coverage(draws: Numeric, truth: Numeric, level: float = 0.9) -> float:
    """
    Share of truths within the central interval of their forecast.

    Parameters
    ----------
    draws : array-like
        Equally likely outcomes of each forecast along the last axis. [$]
    truth : numeric
        What came, one for each forecast. [$]
    level : float
        Chance that the interval should hold. [share]

    Returns
    -------
    float
        [share]

    Raises
    ------
    InputError
        As `crps`, no forecast, or a level that is not between 0 and 1.

    References
    ----------
    .. [1] T. Gneiting and A. Raftery, J. Am. Stat. Assoc. 102(477), 2007, section 6: interval scores and coverage.

    Examples
    --------
    >>> coverage([[0.0, 1.0, 2.0, 3.0, 4.0]] * 2, [2.5, 9.0], level=0.5)
    0.5
    """
    if not 0 < level < 1:
        raise InputError(f"coverage: a level of {level:g}; one between 0 and 1 is wanted")
    found, true = _drawn(draws, truth)
    if not true.size:
        raise InputError("coverage: no forecast to score")
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2], axis=-1)
    return float(((low <= true) & (true <= high)).mean())
