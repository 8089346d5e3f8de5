"""Points of the ACO Toolkit's framework: a threshold, more above it, and improvement that closes a gap."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from acomodel.contract.quality.rates import share
from acomodel.contract.quality.result import Quality, Standard
from acomodel.contract.terms import Share
from acomodel.inputs import InputError

TIE = 1e-9
"""Rates closer than this are equal: a threshold is met at, not only above. [share]"""


@dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True))
class PointRule:
    """
    How rates earn points under the Toolkit's framework.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, p. 64. It names a threshold such as the 50th
       percentile and a gap reduced by 10 percent; the numbers of points are assumed.
    """

    at_threshold: Annotated[float, Field(ge=0)] = Field(default=1.0, description="points at the threshold [points]")
    at_top: Annotated[float, Field(gt=0)] = Field(default=2.0, description="points at the top of the scale [points]")
    steps: Annotated[int, Field(ge=0)] = Field(
        default=0, description="equal steps from threshold to top; 0 for a straight line [number]"
    )
    gap_closed: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.1, description="part of the gap to the target that counts as improvement [share]"
    )
    for_improvement: Annotated[float, Field(ge=0)] = Field(default=0.0, description="points for improvement [points]")
    improvement: Literal["instead", "added"] = Field(
        default="instead", description="whether improvement counts instead of performance, if more, or is added to it"
    )
    minimum_points: Share = Field(
        default=0.0, description="least part of the possible points with which savings are shared [share]"
    )

    @model_validator(mode="after")
    def _rising(self) -> PointRule:
        if self.at_top < self.at_threshold:
            raise ValueError("at_top is below at_threshold; more points are wanted for a higher rate")
        if self.for_improvement > self.at_top:
            raise ValueError("for_improvement is above at_top, the most a measure can earn")
        return self


def attainment_points(
    rate: Any, threshold: Any, top: Any, rule: PointRule | None = None, *, lower_is_better: bool = False
) -> Any:
    r"""
    Points for the rate of a measure: none below the threshold, more the further above it, up to the top.

    Parameters
    ----------
    rate, threshold, top : numeric
        Rate, threshold and the rate at which the most points are earned; a missing top makes a measure that is passed
        or not. [share]
    rule : PointRule, optional
        Points and steps.
    lower_is_better : bool
        Whether points rise as the rate falls.

    Returns
    -------
    float or numpy.ndarray
        Points. [points]

    Raises
    ------
    InputError
        A percent for a share, or a top on the wrong side of the threshold.

    Notes
    -----
    .. math:: q = q_0 + (q_1 - q_0) \min\left(1, \frac{r - t}{u - t}\right) \quad\text{for } r \ge t

    and 0 below; with :math:`k` steps the fraction is rounded down to a multiple of :math:`1/k`.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, p. 64.

    Examples
    --------
    >>> attainment_points(np.array([0.55, 0.60, 0.70, 0.90]), 0.60, 0.80).round(6).tolist()
    [0.0, 1.0, 1.5, 2.0]
    """
    rule, sign = rule or PointRule(), -1.0 if lower_is_better else 1.0
    stated = {"rate": rate, "threshold": threshold, "top": top}
    r, t, u = (sign * share(value, name) for name, value in stated.items())
    if np.any(u < t):
        raise InputError("points: the top of a scale lies on the wrong side of its threshold")
    width = np.where(np.isfinite(u), u - t, 0.0)
    above = np.where(width > 0, (r - t) / np.where(width > 0, width, 1.0), 1.0)
    above = np.clip(above, 0.0, 1.0)
    if rule.steps:
        above = np.floor(above * rule.steps + TIE) / rule.steps
    points = np.where(r >= t - TIE, rule.at_threshold + (rule.at_top - rule.at_threshold) * above, 0.0)
    return points if np.ndim(points) else float(points)


def gap_closed(rate: Any, prior: Any, target: Any, *, lower_is_better: bool = False) -> Any:
    r"""
    Part of last year's gap to a target that was closed.

    Parameters
    ----------
    rate, prior, target : numeric
        Rates of this and the last year, and the target. [share]
    lower_is_better : bool
        Whether the target is approached from above.

    Returns
    -------
    float or numpy.ndarray
        Part of the gap; where there was none, 1 if the target is still met, else 0. [share]

    Raises
    ------
    InputError
        A percent for a share.

    Notes
    -----
    .. math:: g = \frac{r_1 - r_0}{T - r_0}

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, p. 64: "reducing the gap ... by 10 percent".

    Examples
    --------
    >>> round(gap_closed(0.63, 0.60, 0.90), 4)
    0.1
    """
    sign = -1.0 if lower_is_better else 1.0
    stated = {"rate": rate, "prior": prior, "target": target}
    now, before, goal = (sign * share(value, name) for name, value in stated.items())
    gap = goal - before
    closed = np.where(gap > 0, (now - before) / np.where(gap > 0, gap, 1.0), (now >= goal - TIE) * 1.0)
    return closed if np.ndim(closed) else float(closed)


def toolkit_quality(rates: pd.DataFrame, rule: PointRule | None = None) -> Quality:
    """
    Score of measures with thresholds of their own.

    Parameters
    ----------
    rates : pandas.DataFrame
        Rates from `measure_rates`; `threshold` and `top` of each measure, by default its 50th and 90th percentile;
        `target` of improvement, by default the top; `weight`, by default 1.
    rule : PointRule, optional
        Points, improvement and the minimum to share savings.

    Returns
    -------
    Quality
        Score: points earned over points possible. Below the minimum points the standard is failed.

    Raises
    ------
    InputError
        A measure without a threshold, a top on the wrong side of it, a negative weight, or no measure that counts.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, pp. 64-65.

    Examples
    --------
    >>> from acomodel.contract.quality.rates import measure_rates
    >>> table = pd.DataFrame({"measure": ["A", "B"], "rate": [0.7, 0.5], "threshold": 0.6, "top": 0.8})
    >>> round(toolkit_quality(measure_rates(table)).score, 6)
    0.375
    """
    rule = rule or PointRule()
    measures = pd.DataFrame([_measured(str(name), row, rule) for name, row in rates.iterrows()]).set_index("measure")
    counted = measures[measures["basis"].isin(["performance", "reporting"])]
    if counted.empty or counted["possible"].sum() == 0:
        raise InputError("measures: none has cases enough to count; the score would rest on nothing.")
    total = counted["possible"].sum()
    domains = counted.groupby("domain", sort=False)[["points", "possible"]].sum()
    domains["share"], domains["weight"] = domains["points"] / domains["possible"], domains["possible"] / total
    domains.insert(1, "reward", 0.0)
    score = float(counted["points"].sum() / total)
    standard: Standard = "met" if score >= rule.minimum_points - TIE else "failed"
    notes = []
    if few := [str(name) for name in measures.index[measures["basis"] == "few"]]:
        notes.append(f"Not counted, with too few cases: {', '.join(few)}.")
    return Quality("toolkit", measures, domains, score, standard, tuple(notes))


def _measured(name: str, row: pd.Series, rule: PointRule) -> dict[str, Any]:
    """Points of one measure and what earned them."""
    lower, weight = row["better"] == "lower", 1.0 if np.isnan(row["weight"]) else float(row["weight"])
    if not 0 <= weight < np.inf:
        raise InputError(f"measures: '{name}': weight is {weight:g}; at least 0 is wanted.")
    made = {"measure": name, "name": name, "domain": row["domain"] or "All measures", "weight": weight}
    made |= {key: row[key] for key in ("numerator", "denominator", "rate", "low", "high", "reliability", "prior_rate")}
    made |= {"cut": np.nan, "next_cut": np.nan, "possible": weight * rule.at_top, "points": 0.0}
    if row["reporting_only"] == "yes":
        return made | {"points": weight * rule.at_top, "basis": "reporting"}
    if not row["enough"]:
        return made | {"basis": "few"}
    threshold = row["p50"] if np.isnan(row["threshold"]) else row["threshold"]
    top = row["p90"] if np.isnan(row["top"]) and np.isnan(row["threshold"]) else row["top"]
    if np.isnan(threshold):
        raise InputError(
            f"measures: '{name}': neither a threshold nor a 50th percentile (p50) is given; one is wanted."
        )
    if not np.isnan(top) and (top > threshold if lower else top < threshold):
        raise InputError(f"measures: '{name}': top {top:g} lies on the wrong side of the threshold {threshold:g}.")
    rate = float(row["rate"])
    earned = attainment_points(rate, threshold, top, rule, lower_is_better=lower)
    if rule.for_improvement and not np.isnan(row["prior_rate"]):
        goal = row["target"] if not np.isnan(row["target"]) else top if not np.isnan(top) else threshold
        closed = gap_closed(rate, row["prior_rate"], goal, lower_is_better=lower)
        bonus = rule.for_improvement if closed >= rule.gap_closed - TIE else 0.0
        earned = max(earned, bonus) if rule.improvement == "instead" else min(rule.at_top, earned + bonus)
    next_cut = _next(rate, float(threshold), float(top), rule, lower)
    met = rate <= threshold + TIE if lower else rate >= threshold - TIE
    return made | {
        "points": weight * earned,
        "cut": threshold if met else np.nan,
        "next_cut": next_cut,
        "basis": "performance",
    }


def _next(rate: float, threshold: float, top: float, rule: PointRule, lower: bool) -> float:
    """Rate from which more points are earned: the threshold, the next step, or the top of a straight line."""
    sign = -1.0 if lower else 1.0
    if sign * rate < sign * threshold - TIE:
        return threshold
    if np.isnan(top) or sign * rate >= sign * top - TIE:
        return float("nan")
    if not rule.steps:
        return top
    passed = np.floor((rate - threshold) / (top - threshold) * rule.steps + TIE)
    return float(threshold + (top - threshold) * (passed + 1) / rule.steps)
