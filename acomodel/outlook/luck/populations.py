"""Annual costs of populations whose members are not known one by one, from published shapes."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, Literal

from acomodel.inputs import InputError
from acomodel.outlook.luck.costs import CostDistribution, severity_costs

SHAPES = {
    "medicare": (0.05, 0.7390322749107316, 0.5903341905398413),
    "commercial": (0.13, 94.34527740894647, 0.0568093),
}
"""Share without cost (assumed) and the shapes of a generalized gamma, by population."""
LISTED_AT = {
    "medicare": "fitted to the concentration of spending in Medicare fee for service, 65 and older, 2007-18 (Wallis et "
    "al., EClinicalMedicine, 2021)",
    "commercial": "fitted to the concentration of spending in employer plans, 2013-17 (EBRI Issue Brief 493)",
}
"""Where the shapes come from."""
TOP = 1e-6
"""Share of those with costs whose costs count as much as the least of theirs; the shapes tell nothing of more."""
PERCENTILE = 0.99
"""Percentile at which Medicare's Shared Savings Program truncates annual costs, within each enrollment type."""


def published_costs(
    population: str, mean: float = 1.0, *, truncate: float | Literal["percentile"] | None = None
) -> CostDistribution:
    """
    Annual costs of a published population at a level.

    Parameters
    ----------
    population : {"medicare", "commercial"}
        Whose shape.
    mean : float
        Expected cost of a member, of what counts. [$]
    truncate : float or "percentile", optional
        Amount above which costs do not count, or the 99th percentile. [$]

    Returns
    -------
    CostDistribution
        Some members without cost, the others a generalized gamma, scaled so that what counts has the mean.

    Raises
    ------
    InputError
        No such population, a mean that is not above zero, or a truncation at or below it.

    Notes
    -----
    Medicare's top 1, 5, 10, 20 and 50 percent have 14.9, 41.5, 60.0, 79.1 and 95.7 percent of spending [1]_, against
    15.4, 41.8, 59.4, 78.7 and 97.3 of the fit; in employer plans the top 1, 5, 10 and 20 percent have 28, 56, 70 and
    84 [2]_, against 28.2, 55.6, 70.1 and 84.2. The highest of a million costs stands for all beyond it, of which the
    shares say nothing.

    References
    ----------
    .. [1] Wallis et al., EClinicalMedicine, 2021: Medicare fee for service, 65 and older, 2007-18.
    .. [2] EBRI Issue Brief 493: employer plans, 2013-17.

    Examples
    --------
    >>> round(published_costs("medicare", truncate="percentile").cv, 2), round(published_costs("medicare").cv, 2)
    (1.88, 2.17)
    """
    return _published(population, mean, truncate)


@lru_cache(maxsize=32)
def _published(population: str, mean: float, truncate: float | Literal["percentile"] | None) -> CostDistribution:
    """The same, worked out once for those who ask again."""
    if population not in SHAPES:
        raise InputError(f"costs: no population '{population}'; one of {', '.join(SHAPES)} is wanted")
    if not mean > 0:
        raise InputError(f"costs: a mean of {mean:g} a member; dollars above zero are wanted")
    if truncate is None or truncate == "percentile":
        unit = _at(population, None if truncate is None else _percentile(population))
        return _level(population, mean / unit.mean, None if truncate is None else _percentile(population))
    if not truncate > mean:
        raise InputError(f"costs: truncation at {truncate:,.2f} a member, whose mean is {mean:,.2f}; more is wanted")
    from scipy.optimize import brentq

    if _at(population, truncate / (50 * mean)).mean * 50 < 1:
        raise InputError(
            f"costs: truncated at {truncate:,.2f} a member, no costs of this shape come to a mean of {mean:,.2f}; "
            "a higher truncation is wanted"
        )
    scale = brentq(lambda s: s * _at(population, truncate / s).mean - mean, mean, 50 * mean, xtol=1e-9 * mean)
    return _level(population, float(scale), truncate / scale)


@cache
def _percentile(population: str) -> float:
    """Quantile of a population of mean 1 untruncated at which Medicare truncates."""
    zero = SHAPES[population][0]
    return float(_severity(population).ppf(1 - (1 - PERCENTILE) / (1 - zero)))


def _severity(population: str, level: float = 1.0) -> Any:
    from scipy.stats import gengamma

    zero, a, c = SHAPES[population]
    return gengamma(a=a, c=c, scale=level / ((1 - zero) * gengamma(a=a, c=c).mean()))


def _at(population: str, truncate: float | None) -> CostDistribution:
    """Population of mean 1 untruncated."""
    return _level(population, 1.0, truncate)


def _level(population: str, level: float, truncate: float | None) -> CostDistribution:
    """Population at a level; the truncation is of mean 1."""
    severity = _severity(population, level)
    top = float(severity.ppf(1 - TOP))
    at = top if truncate is None else min(truncate * level, top)
    return severity_costs(severity, zero_share=SHAPES[population][0], truncate=at)
