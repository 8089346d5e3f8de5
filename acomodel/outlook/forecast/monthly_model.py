"""Claims PMPM month by month: level, trend, seasons, drift and chance, conditioned on the months that are seen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
import pydantic.dataclasses
from pydantic import ConfigDict, Field
from scipy.special import ndtri

from acomodel.inputs import InputError
from acomodel.rates import MONTHS

FAR = 1.0
"""Deviation of the logarithm of the level before any month is seen: nothing is known of it. [share]"""
KEPT = 1e-4
"""Weight, relative to the largest, below which sizes of noise are left out. [share]"""


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class ForecastSettings:
    """What is expected of claims before their months are seen; all of it assumed, and corrected by the months."""

    trend: float = Field(default=0.05, gt=-0.5, lt=1, description="annual trend expected beforehand [share]")
    trend_sd: float = Field(default=0.05, ge=0, le=1, description="deviation of that trend [share]")
    season_sd: float = Field(default=0.05, ge=0, le=1, description="size of seasons expected beforehand [share]")
    drift_sd: float = Field(
        default=0.03, ge=0, le=1, description="size of the drift in a year expected beforehand [share]"
    )
    member_cv: float = Field(
        default=5.0, gt=0, le=100, description="coefficient of variation of a member's month expected beforehand [-]"
    )
    member_cv_sd: float = Field(
        default=0.8, ge=0, le=3, description="deviation of its logarithm; 0 where it is known from members' costs [-]"
    )


@dataclass(frozen=True)
class Posterior:
    """Logarithms of claims PMPM by month, given those seen: normal for each size of noise, and the sizes' weights."""

    weights: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    fitted: pd.Series

    def sample(self, index: np.ndarray, draws: int, seed: int) -> np.ndarray:
        """Outcomes of some months, one row each."""
        chance, scores = _scores(draws, len(index), seed)
        which = np.searchsorted(np.cumsum(self.weights)[:-1], chance)
        found = np.empty(scores.shape)
        tiny = 1e-13 * np.eye(len(index))
        for k in np.unique(which):
            rows = which == k
            root = np.linalg.cholesky(self.covariance[k][np.ix_(index, index)] + tiny)
            found[rows] = self.mean[k, index] + scores[rows] @ root.T
        return found


@lru_cache(maxsize=4)
def _scores(draws: int, months: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A uniform and a normal score for each month of every outcome, from scrambled Sobol points."""
    from scipy.stats import qmc

    if not 2 <= draws <= 2**20:
        raise InputError(f"forecast: {draws} draws; a number from 2 to {2**20:,} is wanted")
    points = qmc.Sobol(months + 1, scramble=True, seed=np.random.default_rng(seed)).random(draws)
    return points[:, 0], ndtri(np.clip(points[:, 1:], 1e-12, 1 - 1e-12))


def _half_normal(size: float, points: int) -> np.ndarray:
    """Equally likely sizes: middles of equal parts of a half-normal distribution."""
    return np.unique(size * ndtri(0.5 + (np.arange(points) + 0.5) / (2 * points)))


def condition(
    z: np.ndarray,
    at: np.ndarray,
    years: np.ndarray,
    lives: np.ndarray,
    error: np.ndarray,
    rule: ForecastSettings,
) -> Posterior:
    """
    Condition the logarithms of all months on those seen, for each size of noise, drift and seasons on a grid.

    Parameters
    ----------
    z : numpy.ndarray
        Logarithms of completed claims PMPM of the months seen. [log $]
    at : numpy.ndarray
        Positions of these among all months, the earliest first.
    years : numpy.ndarray
        Time of all months from the middle of the contract year. [years]
    lives : numpy.ndarray
        Exposure of all months. [member months]
    error : numpy.ndarray
        Covariance of the errors that completion leaves in `z`.
    rule : ForecastSettings
        What is expected beforehand.

    Returns
    -------
    Posterior
        See `forecast_year` for the model.

    Examples
    --------
    Where nothing is left to chance, months follow a line:

    >>> sure = ForecastSettings(season_sd=0.0, drift_sd=0.0, member_cv=1e-3, member_cv_sd=0.0)
    >>> years = np.arange(-18, 6) / 12
    >>> found = condition(0.08 * years[:18], np.arange(18), years, np.full(24, 5_000.0), np.zeros((18, 18)), sure)
    >>> found.mean[0, -1].round(4) == round(0.08 * 5 / 12, 4)
    np.True_
    """
    month = np.rint(years * MONTHS - years[0] * MONTHS).astype(int)
    season = (month[:, None] - month[None, :]) % MONTHS == 0
    since = (years - years[at].min()).clip(min=0)
    drift = np.minimum(since[:, None], since[None, :])
    fixed = FAR**2 + rule.trend_sd**2 * np.outer(years, years)
    spread = np.linspace(-3, 3, 25) if rule.member_cv_sd else np.zeros(1)
    sizes = (
        rule.member_cv * np.exp(rule.member_cv_sd * spread),
        _half_normal(rule.drift_sd, 6),
        _half_normal(rule.season_sd, 4),
    )
    cv, walk, seasons = (part.ravel() for part in np.meshgrid(*sizes, indexing="ij"))
    prior = np.repeat(-(spread**2) / 2, len(cv) // len(spread))

    def covariances(k: np.ndarray) -> np.ndarray:
        noise = np.log1p(cv[k, None] ** 2 / lives)[:, :, None] * np.eye(len(years))
        return fixed + walk[k, None, None] ** 2 * drift + seasons[k, None, None] ** 2 * season + noise

    growth = float(np.log1p(rule.trend))
    centre = float(z.mean()) - growth * float(years[at].mean())
    off = z - centre - growth * years[at]
    root = np.linalg.cholesky(covariances(np.arange(len(cv)))[:, at[:, None], at] + error)
    scaled = np.linalg.solve(root, np.broadcast_to(off[:, None], (len(cv), len(off), 1)))[..., 0]
    chance = prior - (scaled**2).sum(axis=1) / 2 - np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
    weights = np.exp(chance - chance.max())
    kept = np.flatnonzero(weights > KEPT)
    weights = weights[kept] / weights[kept].sum()
    whole = covariances(kept)
    across = whole[:, at, :]
    slope = rule.trend_sd**2 * years[at]
    beside = np.broadcast_to(np.column_stack([off, slope]), (len(kept), len(at), 2))
    solved = np.linalg.solve(whole[:, at[:, None], at] + error, np.concatenate([beside, across], axis=2))
    turned = across.transpose(0, 2, 1)
    mean = centre + growth * years + (turned @ solved[:, :, :1])[..., 0]
    left = whole - turned @ solved[:, :, 2:]
    trends = growth + solved[:, :, 0] @ slope
    trend = float(weights @ trends)
    variance = rule.trend_sd**2 - solved[:, :, 1] @ slope + (trends - trend) ** 2
    figures = {
        "trend": float(np.expm1(trend)),
        "trend_sd": float(np.sqrt(max(weights @ variance, 0.0))),
        "drift": float(weights @ walk[kept]),
        "member_cv": float(weights @ cv[kept]),
    }
    return Posterior(weights, mean, (left + left.transpose(0, 2, 1)) / 2, pd.Series(figures))
