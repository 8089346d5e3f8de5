"""Uncertain assumptions: their distributions, draws of them all at once, and resamples of what comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pydantic.dataclasses
from pydantic import ConfigDict, Field, model_validator

from acomodel.inputs import InputError

ONE_THREAD = 2**18
"""Multiplications up to which OpenBLAS multiplies two matrices on one thread."""
_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


@pydantic.dataclasses.dataclass(frozen=True, config=_STRICT)
class Uniform:
    """An assumption that is equally likely anywhere between two values."""

    low: float = Field(description="least value")
    high: float = Field(description="largest value")
    label: str = Field(default="", description="words for the assumption")

    @model_validator(mode="after")
    def _apart(self) -> Uniform:
        if not self.low < self.high:
            raise ValueError(f"low = {self.low:g} must lie below high = {self.high:g}")
        return self

    def ppf(self, chance: np.ndarray) -> np.ndarray:
        """Value at or below which the assumption lies with a chance."""
        return self.low + (self.high - self.low) * chance


@pydantic.dataclasses.dataclass(frozen=True, config=_STRICT)
class Normal:
    """An assumption with a normal distribution."""

    mean: float = Field(description="mean")
    sd: float = Field(gt=0, description="standard deviation")
    label: str = Field(default="", description="words for the assumption")

    def ppf(self, chance: np.ndarray) -> np.ndarray:
        """Value at or below which the assumption lies with a chance."""
        from scipy.special import ndtri

        return self.mean + self.sd * ndtri(chance)


@pydantic.dataclasses.dataclass(frozen=True, config=_STRICT)
class Triangular:
    """An assumption that is likeliest at one value and impossible beyond two others."""

    low: float = Field(description="least value")
    mode: float = Field(description="likeliest value")
    high: float = Field(description="largest value")
    label: str = Field(default="", description="words for the assumption")

    @model_validator(mode="after")
    def _in_order(self) -> Triangular:
        if not (self.low <= self.mode <= self.high and self.low < self.high):
            raise ValueError(f"low = {self.low:g}, mode = {self.mode:g} and high = {self.high:g} must rise")
        return self

    def ppf(self, chance: np.ndarray) -> np.ndarray:
        """Value at or below which the assumption lies with a chance."""
        span, rise = self.high - self.low, self.mode - self.low
        up = self.low + np.sqrt(chance * span * rise)
        down = self.high - np.sqrt((1 - chance) * span * (span - rise))
        return np.where(chance * span < rise, up, down)


Distribution = Uniform | Normal | Triangular
EvaluateMany = Callable[[Mapping[str, np.ndarray]], np.ndarray]
"""Outcomes for arrays of values of all uncertain assumptions."""


def checked(inputs: Mapping[str, Distribution], draws: int, resamples: int, confidence: float) -> list[str]:
    """Names of the inputs; settings that cannot serve are refused."""
    if not inputs:
        raise InputError("sensitivity: nothing is uncertain; at least one input is wanted")
    if draws < 2 or draws & (draws - 1):
        raise InputError(f"sensitivity: {draws:,} draws; a power of 2 is wanted")
    if resamples < 1 or not 0 < confidence < 1:
        raise InputError(f"sensitivity: {resamples} resamples, confidence {confidence:g}; some, and 0 to 1, are wanted")
    return list(inputs)


def labels(inputs: Mapping[str, Distribution]) -> pd.Index:
    """Words for the inputs."""
    return pd.Index([made.label or key for key, made in inputs.items()], name="assumption")


def points(dimensions: int, draws: int, seed: int) -> np.ndarray:
    """A scrambled Sobol sequence, dimensions down; strictly between 0 and 1."""
    from scipy.stats import qmc

    sequence = qmc.Sobol(d=dimensions, seed=np.random.default_rng(seed), bits=64).random(draws).T
    return np.clip(sequence, 2**-53, 1 - 2**-53)


def evaluated(evaluate: EvaluateMany, draws: int, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Outcomes of one sample, refused where they are not one number a draw."""
    found = np.asarray(evaluate(values), dtype=float)
    if found.shape != (draws,):
        raise InputError(f"sensitivity: outcomes of shape {found.shape}; one for each of {draws:,} draws is wanted")
    if not np.isfinite(found).all():
        at = int(np.argmin(np.isfinite(found)))
        where = ", ".join(f"{key} = {column[at]:g}" for key, column in values.items())
        raise InputError(f"sensitivity: the outcome at {where} is {found[at]}; a number is wanted")
    return found


def mean_and_sd(outcomes: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation, which is 0 where outcomes differ by roundoff alone."""
    mean = float(outcomes.mean())
    same = np.ptp(outcomes) <= 1e-12 * np.abs(outcomes).max()
    return (float(outcomes[0]), 0.0) if same else (mean, float(outcomes.std()))


def resampled(rows: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """
    Means of rows of numbers over bootstrap resamples of their columns: resamples by rows.

    The products are made in blocks that a BLAS takes for too small to share between threads, which wait long for each
    other on a busy machine.
    """
    rng, (height, count) = np.random.default_rng([seed, resamples]), rows.shape
    step = max(1, min(64, 2**20 // count))
    width = max(1, ONE_THREAD // (height * step))
    found = np.zeros((resamples, height))
    for start in range(0, resamples, step):
        sums = found[start : start + step]
        taken = rng.integers(count, size=(len(sums), count)) + count * np.arange(len(sums))[:, None]
        times = np.bincount(taken.ravel(), minlength=taken.size).reshape(taken.shape).astype(float)
        for left in range(0, count, width):
            sums += times[:, left : left + width] @ rows[:, left : left + width].T
    return found / count


def shares(means: np.ndarray, sd: float) -> np.ndarray:
    """Means but for the last two columns over the variance these tell, resamples down; 0 where nothing varies."""
    variance = (means[:, -1] - means[:, -2] ** 2)[:, None]
    varies = variance > 1e-12 * sd**2
    return np.divide(means[:, :-2], variance, out=np.zeros_like(means[:, :-2]), where=varies & (sd > 0))


def interval(found: np.ndarray, confidence: float) -> np.ndarray:
    """Ends of the middle part of resamples."""
    return np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
