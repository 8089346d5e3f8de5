"""Thresholds and the chances they leave: by size, as confidence levels, for a real saver, with truncation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from acomodel.exhibit import Exhibit
from acomodel.inputs import InputError
from acomodel.outlook.luck.chance import chance_of_loss, chance_of_savings
from acomodel.outlook.luck.costs import CostDistribution, cost_distribution
from acomodel.outlook.luck.ratio import Noise
from acomodel.programs import minimum_savings_rate
from acomodel.rates import Numeric

NOISE_CONSTANT = 2.15
"""Standard deviation of one member's savings rate that the Medicare table implies. [ratio]"""


def threshold_for(
    annual_costs: Any,
    members: Numeric,
    chance: Numeric,
    *,
    true_savings: Numeric = 0.0,
    truncate: float | None = None,
    noise: Noise | None = None,
) -> Numeric:
    r"""
    Least threshold that the savings rate reaches with no more than a chance.

    Parameters
    ----------
    annual_costs, members, true_savings, truncate, noise
        As for `chance_of_savings`.
    chance : numeric
        Chance that is allowed, from 1e-10 to below 1. [share]

    Returns
    -------
    numeric
        Minimum savings rate, of the shape that members, chance and true savings make together; at least 0.
        [share of benchmark]

    Raises
    ------
    InputError
        The chance is out of range, or savings of 100 percent have a greater chance already.

    Notes
    -----
    .. math:: m = \min\{ m \ge 0 : P(S \ge m) \le p \}

    References
    ----------
    .. [1] CMS-1345-P, 2011: minimum savings rates of 90 to 99 percent confidence by size.

    Examples
    --------
    >>> costs = [0.0, 2_000.0, 30_000.0]
    >>> threshold = threshold_for(costs, 5_000, 0.10)
    >>> round(threshold, 4), round(chance_of_savings(costs, 5_000, threshold), 6)
    (0.0232, 0.099948)
    """
    costs = cost_distribution(annual_costs, truncate=truncate)
    wanted = np.asarray(chance, dtype=float)
    if not ((wanted >= 1e-10) & (wanted < 1)).all():
        raise InputError(f"threshold: the chance is {wanted.flat[0]:g}; one from 1e-10 to below 1 is wanted")
    size, wanted, saved = np.broadcast_arrays(np.asarray(members, dtype=float), wanted, true_savings)
    found = np.empty(wanted.shape)
    for at in np.ndindex(wanted.shape):
        found[at] = _threshold(costs, float(size[at]), float(wanted[at]), float(saved[at]), noise)
    index = next((x.index for x in (members, chance, true_savings) if isinstance(x, pd.Series)), None)
    if index is not None:
        return pd.Series(found, index=index)
    return found if found.ndim else float(found)


def _threshold(costs: CostDistribution, members: float, allowed: float, saved: float, noise: Noise | None) -> float:
    """Threshold of one size by bisection; at once below each of several points, so that one inversion serves all."""
    low, high = 0.0, 1.0
    ends = chance_of_savings(costs, members, np.array([low, high]), true_savings=saved, noise=noise)
    if ends[0] <= allowed:
        return 0.0
    if ends[1] > allowed:
        raise InputError(
            f"threshold: {members:,g} members save 100 percent by luck with a chance of {ends[1]:.4g}, so that none "
            f"leaves a chance of {allowed:g}; more members or a greater chance are wanted"
        )
    while high - low > 1e-13:
        points = np.linspace(low, high, 66 if noise is None or noise.baseline_members is None else 6)
        reached = np.asarray(chance_of_savings(costs, members, points[1:], true_savings=saved, noise=noise)) <= allowed
        first = int(np.argmax(reached))
        low, high = float(points[first]), float(points[first + 1])
    return high


def chance_by_size(
    annual_costs: Any,
    members: Sequence[int],
    thresholds: Sequence[float],
    *,
    true_savings: float = 0.0,
    truncate: float | None = None,
    noise: Noise | None = None,
) -> pd.DataFrame:
    """
    Chance of savings for every size and threshold, as a chart wants it.

    Parameters
    ----------
    annual_costs, true_savings, truncate, noise
        As for `chance_of_savings`.
    members : sequence of int
        Sizes, down the side. [members]
    thresholds : sequence of float
        Minimum savings rates, across the top. [share]

    Returns
    -------
    pandas.DataFrame
        [share]

    Examples
    --------
    >>> chance_by_size([0.0, 2_000.0, 30_000.0], [5_000, 10_000], [0.02, 0.03]).round(3).values.tolist()
    [[0.135, 0.049], [0.059, 0.01]]
    """
    sizes, limits = np.asarray(members)[:, None], np.asarray(thresholds, dtype=float)
    found = chance_of_savings(annual_costs, sizes, limits, true_savings=true_savings, truncate=truncate, noise=noise)
    index, columns = pd.Index(members, name="members"), pd.Index(thresholds, name="threshold")
    return pd.DataFrame(found, index=index, columns=columns)


def msr_confidence(annual_costs: Any, members: Sequence[int], *, truncate: float | None = None) -> pd.DataFrame:
    r"""
    The Medicare table of minimum savings rates seen as confidence levels.

    Parameters
    ----------
    annual_costs : array-like, Claimants or CostDistribution
        Costs of members in a year. [$]
    members : sequence of int
        Sizes, at least 100. [members]
    truncate : float, optional
        Amount above which costs do not count. [$]

    Returns
    -------
    pandas.DataFrame
        By size: `msr`, `chance` that luck alone reaches it, `confidence` that it does not, and
        `table_confidence`, that of a normal savings rate with the noise the table implies.

    Notes
    -----
    .. math:: \text{confidence} = \Phi(m \sqrt n / k), \qquad k = 2.15

    for the table: 90 percent at 5,000, 95 at 20,000 and 99 at 50,000.

    References
    ----------
    .. [1] CMS-1345-P, 2011; 42 CFR 425.604(b) (2015). The constant is derived from both.

    Examples
    --------
    >>> frame = msr_confidence([0.0, 2_000.0, 30_000.0], [5_000, 20_000])
    >>> frame["table_confidence"].round(3).tolist()
    [0.9, 0.95]
    """
    from scipy.special import ndtr

    rates = np.asarray(minimum_savings_rate(np.asarray(members, dtype=float)))
    if np.isnan(rates).any():
        raise InputError(f"threshold: {min(members):,} members; the table wants at least 100")
    luck = np.asarray(chance_of_savings(annual_costs, np.asarray(members), rates, truncate=truncate))
    table = ndtr(rates * np.sqrt(members) / NOISE_CONSTANT)
    return pd.DataFrame(
        {"msr": rates, "chance": luck, "confidence": 1 - luck, "table_confidence": table},
        index=pd.Index(members, name="members"),
    )


def error_rates(
    annual_costs: Any,
    members: Sequence[int],
    thresholds: Sequence[float],
    *,
    true_savings: float = 0.03,
    truncate: float | None = None,
    noise: Noise | None = None,
) -> pd.DataFrame:
    """
    False positives and false negatives of a threshold together, by size and threshold.

    Parameters
    ----------
    annual_costs, truncate, noise
        As for `chance_of_savings`.
    members : sequence of int
        Sizes. [members]
    thresholds : sequence of float
        Minimum savings rates, and loss rates alike. [share]
    true_savings : float
        What a real saver saves. [share]

    Returns
    -------
    pandas.DataFrame
        One row per size and threshold: `members`, `threshold`, `false_positive` (luck alone earns), `false_loss` (luck
        alone costs), `false_negative` (the real saver is denied).

    References
    ----------
    .. [1] DeLia, Hoover and Cantor, Medicare & Medicaid Research Review 2(4), 2012.

    Examples
    --------
    >>> frame = error_rates([0.0, 2_000.0, 30_000.0], [5_000], [0.02])
    >>> frame[["false_positive", "false_negative"]].round(3).values.tolist()
    [[0.135, 0.285]]
    """
    costs = cost_distribution(annual_costs, truncate=truncate)
    sizes, limits = np.repeat(list(members), len(thresholds)), np.tile(list(thresholds), len(members))
    return pd.DataFrame(
        {
            "members": sizes,
            "threshold": limits,
            "false_positive": chance_of_savings(costs, sizes, limits, noise=noise),
            "false_loss": chance_of_loss(costs, sizes, limits, noise=noise),
            "false_negative": 1 - chance_of_savings(costs, sizes, limits, true_savings=true_savings, noise=noise),
        }
    )


def truncation_effect(
    annual_costs: Any,
    members: int,
    threshold: float,
    amounts: Sequence[float],
    *,
    true_savings: float = 0.03,
    chance: float = 0.05,
) -> Exhibit:
    """
    What truncation of large claims does to the noise, to both errors and to the threshold wanted.

    Parameters
    ----------
    annual_costs : array-like, Claimants or CostDistribution
        Costs of members in a year. [$]
    members : int
        Members. [members]
    threshold : float
        Minimum savings rate. [share]
    amounts : sequence of float
        Amounts per member and year above which costs do not count; infinity for none. [$]
    true_savings : float
        What a real saver saves of the costs that count. [share]
    chance : float
        Chance that the threshold wanted leaves to luck. [share]

    Returns
    -------
    Exhibit
        By amount: coefficient of variation, false positives, false negatives, threshold.

    Examples
    --------
    >>> frame = truncation_effect([0.0, 2_000.0, 90_000.0], 5_000, 0.02, [25_000, np.inf]).to_frame()
    >>> bool((frame["False positives"].diff().dropna() > 0).all())
    True
    """
    rows = []
    for amount in amounts:
        costs = cost_distribution(annual_costs, truncate=None if np.isinf(amount) else amount)
        rates = error_rates(costs, [members], [threshold], true_savings=true_savings).iloc[0]
        wanted = threshold_for(costs, members, chance)
        rows.append((costs.cv, rates["false_positive"], rates["false_negative"], wanted))
    columns = ["Coefficient of variation", "False positives", "False negatives", f"Threshold for {chance:.0%}"]
    index = pd.Index(["none" if np.isinf(a) else f"${a:,.0f}" for a in amounts], name="Truncated at")
    formats = dict(zip(columns, ("0.000", "%.", "%.", "%."), strict=True))
    title = f"Truncation with {members:,} members and a threshold of {threshold:.1%}"
    note = f"False negatives: an ACO that really saves {true_savings:.1%} is denied."
    return Exhibit(title, pd.DataFrame(rows, columns=columns, index=index), formats, note)
