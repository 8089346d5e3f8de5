"""How much of what is uncertain is luck, how much is trend: variance split by cause, by Shapley effects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from acomodel.contract.terms import Terms
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.outlook.years.draws import regression, root, shapley_weights
from acomodel.outlook.years.simulation import AGREED, LEAST, Prospect, Scores
from acomodel.outlook.years.uncertainty import CAUSES, WORDS

MOST = 8
"""Most groups of which all subsets are tried."""
COLUMNS = ("share", "share_se", "first", "first_se", "total", "total_se")


_WORDS = ("Payment", "± payment", "Goes if alone known", "± goes", "Stays if others known", "± stays")
_SUMMED = ("Payment", "Savings rate")


@dataclass(frozen=True, eq=False)
class Effects:
    """
    Variance of one outcome by group of inputs.

    Parameters
    ----------
    outcome : str
        Of what.
    variance : float
        Variance estimated, the square of the outcome's unit.
    variance_se : float
        Its standard error.
    table : pandas.DataFrame
        By group: `share`, the Shapley effect over the variance; `first`, the part that would go were the group alone
        known; `total`, the part that would stay were all the others known; each with its standard error. Shares add up
        to 1; all are 0 where nothing varies.
    """

    outcome: str
    variance: float
    variance_se: float
    table: pd.DataFrame

    @property
    def sd(self) -> float:
        """Standard deviation estimated."""
        return self.variance**0.5


def shapley_split(
    outcomes: Callable[[np.ndarray], Mapping[str, np.ndarray]],
    covariance: np.ndarray,
    groups: Mapping[str, Sequence[int]],
    *,
    draws: int = 4096,
    seed: int = 1,
) -> dict[str, Effects]:
    r"""
    Split the variance of outcomes among groups of normal inputs, correlated or not.

    Parameters
    ----------
    outcomes : callable
        From normal inputs of mean zero, a row for each draw, to the values of each outcome by name.
    covariance : numpy.ndarray
        Covariance of the inputs.
    groups : mapping of str to sequence of int
        Inputs of each group; every input is in one.
    draws : int
        Draws of each of the :math:`2^d` subsets.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    dict of str to Effects

    Raises
    ------
    InputError
        More than 8 groups, or fewer draws than 100.

    Notes
    -----
    With the inputs :math:`X`, a subset :math:`u` of the groups and :math:`X^u`, which is :math:`X` but for :math:`u`,
    drawn anew given all the others,

    .. math:: c(u) = E\,\mathrm{Var}(f \mid X_{-u}) = \tfrac12 E\bigl(f(X) - f(X^u)\bigr)^2, \qquad
        \phi_i = \frac1d \sum_{u \not\ni i} \binom{d-1}{|u|}^{-1} \bigl(c(u + i) - c(u)\bigr).

    Every :math:`c(u)` is averaged over the same draws, so that the :math:`\phi_i` add up to
    :math:`c(\text{all}) = \tfrac12 E(f(X) - f(X'))^2`, the variance estimated, exactly. What is drawn anew comes from
    one further draw :math:`X'` by :math:`X'_u + \Sigma_{u,-u}\Sigma_{-u,-u}^{-1}(X_{-u} - X'_{-u})`, which has the
    conditional distribution exactly. The first-order part is :math:`c(\text{all}) - c(-i)`, the total :math:`c(i)`;
    their difference to the share is what causes do only together. Where causes are correlated either may be the
    larger. Standard errors are those of means over draws, and of ratios of such means.

    References
    ----------
    .. [1] Owen, "Sobol' indices and Shapley value," SIAM/ASA J. Uncertainty Quantification 2, 2014, pp. 245-251.
    .. [2] Song, Nelson and Staum, "Shapley effects for global sensitivity analysis: theory and computation," SIAM/ASA
       J. Uncertainty Quantification 4, 2016, pp. 1060-1083: the cost function c and conditional resampling.

    Examples
    --------
    >>> found = shapley_split(lambda x: {"sum": x @ np.array([1.0, 2.0])}, np.eye(2), {"a": [0], "b": [1]})
    >>> found["sum"].table["share"].round(2).to_dict()  # 0.2 and 0.8, each ± 0.01
    {'a': 0.19, 'b': 0.81}
    """
    names = list(groups)
    if len(names) > MOST or draws < LEAST:
        raise InputError(
            f"variance: {len(names)} causes and {draws} draws; at most {MOST} causes and at least {LEAST} draws "
            "are wanted"
        )

    rng = np.random.default_rng(seed)
    mix = root(covariance)
    x, other = (rng.standard_normal((draws, len(covariance))) @ mix for _ in range(2))
    base = outcomes(x)
    halves = {name: np.zeros((1 << len(names), draws)) for name in base}
    for u in range(1, 1 << len(names)):
        anew = [i for k, name in enumerate(names) if u >> k & 1 for i in groups[name]]
        for name, found in outcomes(_redrawn(x, other, anew, covariance)).items():
            halves[name][u] = (base[name] - found) ** 2 / 2
    return {name: _effects(name, names, costs) for name, costs in halves.items()}


def _redrawn(x: np.ndarray, other: np.ndarray, anew: list[int], covariance: np.ndarray) -> np.ndarray:
    """Draws with some inputs drawn anew given the rest."""
    inside = np.isin(np.arange(x.shape[1]), anew)
    found = x.copy()
    found[:, inside] = other[:, inside]
    if covariance[np.ix_(inside, ~inside)].any():
        found[:, inside] += (x - other)[:, ~inside] @ regression(covariance, inside).T
    return found


def _effects(outcome: str, names: list[str], costs: np.ndarray) -> Effects:
    """Shapley, first and total effects of each group from half squared differences by subset and draw."""
    draws, weights = costs.shape[1], shapley_weights(len(names))
    every = costs[-1]
    variance = float(every.mean())
    rows = []
    each = np.array([weights[u] for u in range(1, len(costs))]).reshape(len(costs) - 1, len(names))
    shares = each.T @ costs[1:]
    for i, own in enumerate(shares):
        parts = (own, every - costs[-1 - (1 << i)], costs[1 << i])
        rows.append([number for part in parts for number in _ratio(part, every)])
    table = pd.DataFrame(rows, index=pd.Index(names, name="cause"), columns=list(COLUMNS))
    return Effects(outcome, variance, float(every.std(ddof=1) / draws**0.5), table)


def _ratio(part: np.ndarray, whole: np.ndarray) -> tuple[float, float]:
    """Mean of a part over that of the whole, and its standard error; 0 where the whole is."""
    size = float(whole.mean())
    if not size:
        return 0.0, 0.0
    share = float(part.mean()) / size
    return share, float((part - share * whole).std(ddof=1)) / len(part) ** 0.5 / size


@dataclass(frozen=True, eq=False, repr=False)
class VarianceSplit(Shown):
    """
    Variance of what a contract pays, and of the savings rate, by cause.

    Parameters
    ----------
    payment : Effects
        Of the payment of all years together. [$]
    savings_rate : Effects
        Of the savings of all years over their benchmarks. [share]
    """

    payment: Effects
    savings_rate: Effects

    def to_frame(self) -> pd.DataFrame:
        """Both tables, by outcome and cause."""
        both = {"payment": self.payment.table, "savings_rate": self.savings_rate.table}
        return pd.concat(both, names=["outcome"])

    def exhibit(self) -> Exhibit:
        """Shares of the payment's variance with standard errors, its parts; those of the savings rate's."""
        payment, rate = self.payment.table, self.savings_rate.table
        columns = {name: payment[column] for name, column in zip(_WORDS, COLUMNS, strict=True)}
        columns |= {"Savings rate": rate["share"], "± savings rate": rate["share_se"]}
        sums = [frame.sum() if name in _SUMMED else "" for name, frame in columns.items()]
        rows = [[*row] for row in zip(*columns.values(), strict=True)]
        index = pd.Index([*(WORDS[cause] for cause in payment.index), "Total"], name="Cause")
        table = pd.DataFrame([*rows, sums], index=index, columns=list(columns), dtype=object)
        formats = dict.fromkeys(columns, "%")
        note = (
            "Share: Shapley effects on the variance of all years together, which share out what causes bring about "
            "together, so that they add up; goes if alone known, and stays if all others are known, need not. "
            f"± one standard error, on futures of their own. Standard deviation there: "
            f"${self.payment.sd:,.0f} of the payment, {self.savings_rate.sd:.2%} of the savings rate."
        )
        return Exhibit("Variance by cause", table, formats, note)


def variance_by_cause(
    prospect: Prospect, terms: Terms | Sequence[Terms], *, draws: int = 4096, seed: int = 1
) -> VarianceSplit:
    """
    Split what is uncertain of an ACO's payment, all years together, among its causes.

    Parameters
    ----------
    prospect : Prospect
        The coming years.
    terms : Terms or sequence of Terms
        The contract, or one for each year.
    draws : int
        Futures drawn for each of the subsets of the causes, at least 100.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    VarianceSplit

    Raises
    ------
    InputError
        Fewer draws than 100, or as `settle`.

    Notes
    -----
    All scores of a cause, one for each year or agreement, are one group of `shapley_split`.

    References
    ----------
    .. [1] Owen, SIAM/ASA J. Uncertainty Quantification 2, 2014, pp. 245-251.
    .. [2] Song, Nelson and Staum, SIAM/ASA J. Uncertainty Quantification 4, 2016, pp. 1060-1083.

    Examples
    --------
    >>> from acomodel.outlook.luck.costs import cost_distribution
    >>> ahead = Prospect(cost_distribution([0.0, 2_000.0, 30_000.0]), 5_000, 53e6)
    >>> found = variance_by_cause(ahead, Terms(sharing_rate=0.5, msr=0.02), draws=1_000)
    >>> found.payment.table["share"].round(1).to_dict()
    {'luck': 0.1, 'skill': 0.6, 'benchmark': 0.4}
    """
    groups, covariance = layout(prospect)

    def both(x: np.ndarray) -> dict[str, np.ndarray]:
        scores = Scores(len(x), prospect.years, seed, {cause: x[:, at] for cause, at in groups.items()})
        futures = prospect.futures(scores)
        saved = 1 - futures.actual.sum(axis=1) / futures.benchmark.sum(axis=1)
        return {"payment": futures.settle(terms).total, "savings rate": saved}

    found = shapley_split(both, covariance, groups, draws=draws, seed=seed)
    return VarianceSplit(found["payment"], found["savings rate"])


def layout(prospect: Prospect) -> tuple[dict[str, list[int]], np.ndarray]:
    """
    Scores of a prospect side by side: columns of each cause, and the covariance of all.

    Parameters
    ----------
    prospect : Prospect
        The coming years.

    Returns
    -------
    dict of str to list of int, numpy.ndarray
        Columns by cause, and the covariance that `correlated` gives the scores.
    """
    agreements, causes = prospect.agreements, prospect.causes
    cells = [(c, t) for c in causes for t in (sorted(set(agreements)) if c in AGREED else range(prospect.years))]
    groups = {c: [i for i, (cause, _) in enumerate(cells) if cause == c] for c in causes}
    matrix = prospect.uncertainty.matrix()
    shared = matrix[[CAUSES.index(c) for c in causes if c in AGREED]]
    through = shared.T @ np.linalg.pinv(shared[:, [CAUSES.index(c) for c in causes if c in AGREED]]) @ shared
    found = np.eye(len(cells))
    for i, (one, t) in enumerate(cells):
        for j, (other, s) in enumerate(cells):
            if i == j:
                continue
            g, h = (a if c in AGREED else agreements[a] for c, a in ((one, t), (other, s)))
            same = t == s or one in AGREED or other in AGREED
            at = CAUSES.index(one), CAUSES.index(other)
            found[i, j] = 0.0 if g != h else matrix[at] if same and one != other else through[at]
    return groups, found
