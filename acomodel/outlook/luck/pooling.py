"""Several years or several ACOs as one: averages of years, losses carried forward, pools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from acomodel.exhibit import Exhibit
from acomodel.inputs import InputError
from acomodel.outlook.luck.chance import chance_of_savings
from acomodel.outlook.luck.costs import cost_distribution, pooled
from acomodel.outlook.luck.ratio import Noise
from acomodel.outlook.luck.savings import savings_distribution
from acomodel.outlook.luck.thresholds import error_rates
from acomodel.programs import minimum_savings_rate
from acomodel.rates import Numeric

STEPS = 400
"""Cells of savings rates from zero to a threshold whose losses are carried forward."""


def multi_year_chance(
    annual_costs: Any,
    members: Numeric,
    threshold: Numeric,
    years: int,
    *,
    true_savings: Numeric = 0.0,
    truncate: float | None = None,
    noise: Noise | None = None,
) -> Numeric:
    """
    Chance that the average savings rate of several years reaches a threshold.

    Parameters
    ----------
    annual_costs, members, threshold, true_savings, truncate, noise
        As for `chance_of_savings`; the baseline and the common shock are those of the whole period.
    years : int
        Years averaged. [years]

    Returns
    -------
    numeric
        Chance, if a member's costs of different years are independent beyond what the benchmark allows for. [share]

    Raises
    ------
    InputError
        No years, or as `chance_of_savings`.

    Examples
    --------
    >>> costs = [0.0, 2_000.0, 30_000.0]
    >>> multi_year_chance(costs, 5_000, 0.02, 3) == chance_of_savings(costs, 15_000, 0.02)
    True
    """
    if years < 1:
        raise InputError(f"threshold: an average of {years} years; at least 1 is wanted")
    size = members * years if hasattr(members, "shape") or np.isscalar(members) else np.asarray(members) * years
    return chance_of_savings(annual_costs, size, threshold, true_savings=true_savings, truncate=truncate, noise=noise)


def carry_forward(
    annual_costs: Any,
    members: int,
    threshold: float,
    years: int,
    *,
    true_savings: float = 0.0,
    truncate: float | None = None,
    noise: Noise | None = None,
) -> Exhibit:
    r"""
    Chance and size of a bonus year by year where losses beyond a threshold are set against later bonuses.

    Parameters
    ----------
    annual_costs, members, true_savings, truncate, noise
        As for `chance_of_savings`; every year draws all of its noise afresh.
    threshold : float
        Savings beyond it earn, losses beyond it are carried forward; above 0. [share]
    years : int
        Years, at least 1. [years]

    Returns
    -------
    Exhibit
        By year: chance of a bonus with and without carrying forward, expected savings that the bonus is a share of, and
        expected losses carried on, in shares of benchmark.

    Raises
    ------
    InputError
        No years, or a threshold that is not above 0.

    Notes
    -----
    With :math:`e_t = \max(s_t - m, 0)` and :math:`d_t = \max(-s_t - m, 0)`, losses carried :math:`c_t`:

    .. math:: b_t = \max(e_t - c_{t-1}, 0), \qquad c_t = \max(c_{t-1} - e_t, 0) + d_t

    on cells of a 400th of the threshold.

    References
    ----------
    .. [1] Physician Group Practice demonstration: 80 percent of savings beyond 2 percent, losses beyond 2 percent set
       against later bonuses, as CMS-1345-P describes it.

    Examples
    --------
    >>> frame = carry_forward([0.0, 2_000.0, 30_000.0], 5_000, 0.02, 3).to_frame()
    >>> frame["Chance, carried"].round(3).tolist()
    [0.135, 0.126, 0.118]
    """
    if years < 1 or not 0 < threshold <= 1:
        raise InputError(
            f"carry forward: {years} years and a threshold of {threshold:g}; at least 1 and above 0 to 1 are wanted"
        )
    found = savings_distribution(annual_costs, members, true_savings=true_savings, truncate=truncate, noise=noise)
    low, high = found.span()
    width = max(threshold / STEPS, (high - low) / 20_000)
    width = threshold / max(round(threshold / width), 1)
    reach = max(abs(low), abs(high), threshold + width)
    edges = width * np.arange(round(threshold / width), int(np.ceil(reach / width)) + 2)
    gains = -np.diff(np.asarray(found.survival(edges)))
    losses = -np.diff(np.asarray(found.cdf(-edges)))
    beyond = 2 * np.arange(len(gains)) + 1  # middles of cells, in half widths beyond the threshold
    moves = np.zeros(4 * len(gains) + 3)
    zero = 2 * len(gains) + 1
    moves[zero - beyond] += gains
    moves[zero + beyond] += losses
    moves[zero] += 1 - gains.sum() - losses.sum()
    alone = float(found.survival(threshold))
    alone_size = float(gains @ beyond) * width / 2
    carried, rows = np.ones(1), []
    for year in range(1, years + 1):
        after = np.convolve(carried, moves) if carried.size < 64 else _convolved(carried, moves)
        paid = after[:zero][::-1]
        level = beyond[beyond < carried.size]
        ties = float(carried[level] @ gains[: len(level)]) / 2
        chance = float(paid.sum()) + ties
        size = float(paid @ np.arange(1, zero + 1)) * width / 2
        carried = after[zero:].copy()
        carried[0] += chance - ties
        rows.append((year, chance, alone, size, alone_size, float(carried @ np.arange(carried.size)) * width / 2))
    columns = [
        "Year",
        "Chance, carried",
        "Chance, not carried",
        "Savings, carried",
        "Savings, not carried",
        "Losses on",
    ]
    frame = pd.DataFrame(rows, columns=columns).set_index("Year")
    title = f"Bonus beyond {threshold:.1%} with {members:,} members, losses carried forward"
    return Exhibit(title, frame, dict.fromkeys(columns[1:], "%."), "Savings and losses in shares of the benchmark.")


def _convolved(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Sum of two independent amounts on one lattice, by fast Fourier transform."""
    size = len(one) + len(other) - 1
    grid = 1 << (size - 1).bit_length()
    found = np.fft.irfft(np.fft.rfft(one, grid) * np.fft.rfft(other, grid), grid)[:size]
    return np.maximum(found, 0.0)


def pool_effect(
    populations: Sequence[tuple[Any, int]], *, threshold: float | None = None, true_savings: float = 0.03
) -> Exhibit:
    """
    Chances of ACOs alone, and of the pool in which they settle as one.

    Parameters
    ----------
    populations : sequence of (costs, int)
        Costs of members and number of members of each ACO. [$, members]
    threshold : float, optional
        Minimum savings rate of all; by default that of the Medicare table at each size. [share]
    true_savings : float
        What a real saver saves. [share]

    Returns
    -------
    Exhibit
        One row per ACO, and one for the pool: members, threshold, false positives and false negatives.

    Examples
    --------
    >>> costs = [0.0, 2_000.0, 30_000.0]
    >>> frame = pool_effect([(costs, 5_000), (costs, 5_000)], threshold=0.02).to_frame()
    >>> bool(frame.loc["Pool", "False positives"] == chance_of_savings(costs, 10_000, 0.02))
    True
    """
    made = [(cost_distribution(costs), int(n)) for costs, n in populations]
    every = [*made, (pooled(made), sum(n for _, n in made))]
    rows = []
    for costs, n in every:
        limit = minimum_savings_rate(n) if threshold is None else threshold
        found = error_rates(costs, [n], [limit], true_savings=true_savings).iloc[0]
        rows.append((n, limit, found["false_positive"], found["false_negative"]))
    columns = ["Members", "Threshold", "False positives", "False negatives"]
    index = pd.Index([*(f"ACO {i}" for i in range(1, len(made) + 1)), "Pool"], name="ACO")
    formats = dict(zip(columns, ("#", "%.", "%.", "%."), strict=True))
    note = f"False negatives: an ACO that really saves {true_savings:.1%} is denied."
    return Exhibit("ACOs alone and pooled", pd.DataFrame(rows, columns=columns, index=index), formats, note)
