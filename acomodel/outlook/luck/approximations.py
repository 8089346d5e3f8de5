"""Normal and saddlepoint approximations of a chance, to stand beside the exact one with the error they make."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from acomodel.exhibit import Exhibit
from acomodel.outlook.luck.characteristic import Cells, Part
from acomodel.outlook.luck.costs import cost_distribution
from acomodel.outlook.luck.ratio import Noise, Side, SpendingRatio


def normal(ratio: SpendingRatio, at: np.ndarray, side: Side) -> np.ndarray:
    r"""
    Chance of a spending ratio at or below (-1), or at or above (+1), as if all noise were normal.

    Parameters
    ----------
    ratio : SpendingRatio
        What is approximated.
    at : numpy.ndarray
        Actual over benchmark. [factor]
    side : {-1, 1}
        Which side.

    Returns
    -------
    numpy.ndarray
        Chance. [share]

    Notes
    -----
    .. math:: \Phi\Bigl(\mp \frac{r - 1}{\sqrt{c^2/n + \tau^2 + r^2 c^2 / n_b}}\Bigr)

    with the coefficient of variation :math:`c` of a member's cost and the sd :math:`\tau` of the common factor.

    References
    ----------
    .. [1] CMS-1345-P, 2011: minimum savings rates from the normal distribution.
    """
    from scipy.special import ndtr

    counts = [sum(p.count * (p.scale * p.cells.sd) ** 2 for p in ratio.parts(float(r))) for r in at.ravel()]
    sd = np.sqrt(np.reshape(counts, at.shape) / ratio.total**2 + ratio.noise.shock_sd**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(sd > 0, (at - 1) / sd, np.where(at == 1, 0.0, np.sign(at - 1) * np.inf))
    found: np.ndarray = ndtr(-side * z)
    return found


def _nodes(cells: Cells) -> tuple[np.ndarray, np.ndarray]:
    """Centred costs and probabilities with the first three moments of every cell."""
    mass = cells.moments[0]
    if not cells.half:
        return cells.centres, mass
    mean = cells.moments[1] / mass
    spread = np.sqrt(np.maximum(2 * cells.moments[2] / mass - mean**2, 0.0))
    nodes = [cells.centres + cells.half * (mean + s * spread) for s in (-1, 1)]
    return np.concatenate(nodes), np.concatenate([mass, mass]) / 2


def _cumulants(parts: Sequence[tuple[np.ndarray, np.ndarray, int]], theta: np.ndarray) -> np.ndarray:
    """Cumulant generating function of a sum and its first two derivatives, rows, at each tilt."""
    found = np.zeros((3, theta.size))
    for nodes, weights, count in parts:
        power = np.multiply.outer(theta, nodes)
        top = power.max(axis=1, keepdims=True)
        tilted = np.exp(power - top) * weights
        mass = tilted.sum(axis=1)
        first = tilted @ nodes / mass
        second = tilted @ nodes**2 / mass - first**2
        found += count * np.array([np.log(mass) + top[:, 0], first, second])
    return found


def tail(parts: Sequence[Part], x: np.ndarray, side: Side) -> np.ndarray:
    r"""
    Chance of a centred sum at or below (-1), or at or above (+1), by the formula of Lugannani and Rice.

    Parameters
    ----------
    parts : sequence of Part
        Independent costs.
    x : numpy.ndarray
        Sum less its mean. [$]
    side : {-1, 1}
        Which side.

    Returns
    -------
    numpy.ndarray
        Chance; 0 or 1 where no tilt of the costs reaches the sum. [share]

    Notes
    -----
    With :math:`K'(\theta) = x`, :math:`w = \operatorname{sign}(\theta)\sqrt{2(\theta x - K(\theta))}` and
    :math:`u = \theta \sqrt{K''(\theta)}`,

    .. math:: P(S \ge x) \approx 1 - \Phi(w) + \phi(w) (1/u - 1/w).

    References
    ----------
    .. [1] Lugannani, R. and Rice, S., "Saddle point approximation for the distribution of the sum of independent
       random variables," Advances in Applied Probability 12, 1980, pp. 475-490.
    """
    from scipy.special import ndtr

    y = np.asarray(x, dtype=float).ravel()
    nodes = [(p.scale * n, w, p.count) for p in parts if p.count and p.cells.sd for n, w in [_nodes(p.cells)]]
    sd = math.sqrt(sum(p.count * (p.scale * p.cells.sd) ** 2 for p in parts))
    if not nodes or sd == 0:
        return np.where(side * np.reshape(y, np.shape(x)) <= 0, 1.0, 0.0)
    third = sum(n * float(w @ (v - w @ v) ** 3) for v, w, n in nodes) / sd**3
    low, high = np.full(y.size, -1.0), np.full(y.size, 1.0)
    for _ in range(60):
        short = _cumulants(nodes, high / sd)[1] < y
        long = _cumulants(nodes, low / sd)[1] > y
        if not (short | long).any() or max(high.max(), -low.min()) > 1e4:
            break
        high, low = np.where(short, 2 * high, high), np.where(long, 2 * low, low)
    reached = ~(short | long)
    theta = np.clip(y / sd, low, high)
    for _ in range(80):
        _, first, second = _cumulants(nodes, theta / sd)
        low, high = np.where(first < y, theta, low), np.where(first >= y, theta, high)
        step = theta - (first - y) * sd / np.maximum(second, 1e-30 * sd**2)
        theta_next = np.where((step > low) & (step < high), step, (low + high) / 2)
        done = np.abs(theta_next - theta).max() < 1e-12
        theta = theta_next
        if done:
            break
    growth, _, second = _cumulants(nodes, theta / sd)
    w = np.sign(theta) * np.sqrt(np.maximum(2 * (theta / sd * y - growth), 0.0))
    u = theta / sd * np.sqrt(np.maximum(second, 0.0))
    middle = np.abs(w) < 1e-4
    safe_w, safe_u = np.where(middle, 1.0, w), np.where(middle, 1.0, np.where(u == 0, 1.0, u))
    correction = np.where(middle, -third / 6, 1 / safe_u - 1 / safe_w)
    upper = ndtr(-w) + np.exp(-(w**2) / 2) / math.sqrt(2 * math.pi) * correction
    upper = np.where(reached, upper, np.where(y > 0, 0.0, 1.0))
    found: np.ndarray = np.clip(upper if side > 0 else 1 - upper, 0.0, 1.0).reshape(np.shape(x))
    return found


def saddlepoint(ratio: SpendingRatio, at: np.ndarray, side: Side) -> np.ndarray:
    """
    Chance of a spending ratio at or below (-1), or at or above (+1), by a saddlepoint approximation.

    Parameters
    ----------
    ratio, at, side
        As for `normal`.

    Returns
    -------
    numpy.ndarray
        Chance. [share]

    References
    ----------
    .. [1] Lugannani and Rice, Advances in Applied Probability 12, 1980.
    """

    def own(r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = ratio.total * (r - 1)
        if ratio.noise.baseline_members is None:
            return tail(ratio.parts(1.0), x, side), np.zeros(r.shape, dtype=bool)
        each = [tail(ratio.parts(float(v)), np.array([w]), side)[0] for v, w in zip(r.ravel(), x.ravel(), strict=True)]
        return np.reshape(each, r.shape), np.zeros(r.shape, dtype=bool)

    return ratio.mixed(at, own)[0]


def approximation_errors(
    annual_costs: Any, members: Sequence[int], thresholds: Sequence[float], *, truncate: float | None = None
) -> Exhibit:
    """
    Chance of savings by luck beside its normal and saddlepoint approximations, by size and threshold.

    Parameters
    ----------
    annual_costs : array-like, Claimants or CostDistribution
        Costs of members in a year. [$]
    members : sequence of int
        Sizes. [members]
    thresholds : sequence of float
        Minimum savings rates. [share]
    truncate : float, optional
        Amount above which costs do not count. [$]

    Returns
    -------
    Exhibit
        Members, threshold, chance, both approximations and their errors relative to the chance; an error is missing
        where the chance is 0 or lost in rounding.

    Examples
    --------
    >>> frame = approximation_errors([0.0, 1.0, 9.0], [500], [0.05]).to_frame()
    >>> frame[["Chance", "Normal", "Error of the normal"]].round(4).values.tolist()
    [[0.1782, 0.1774, -0.0043]]
    """
    costs = cost_distribution(annual_costs, truncate=truncate)
    rows = []
    for n in members:
        ratio = SpendingRatio(costs, n, Noise())
        at = 1 - np.asarray(thresholds, dtype=float)
        exact, lost = ratio.chance(at, -1, np.zeros(at.shape, dtype=bool))
        near, finer = normal(ratio, at, -1), saddlepoint(ratio, at, -1)
        known = np.where(lost | (exact == 0), np.nan, exact)
        rows += list(
            zip([n] * at.size, thresholds, exact, near, finer, near / known - 1, finer / known - 1, strict=True)
        )
    columns = [
        "Members",
        "Threshold",
        "Chance",
        "Normal",
        "Saddlepoint",
        "Error of the normal",
        "Error of the saddlepoint",
    ]
    formats = dict(zip(columns, ("#", "%.", "%..", "%..", "%..", "%.", "%.."), strict=True))
    note = f"Errors relative to the chance; coefficient of variation {costs.cv:.3f}, skewness {costs.skewness:.2f}."
    return Exhibit(
        "Chance of savings by luck, and its approximations", pd.DataFrame(rows, columns=columns), formats, note
    )
