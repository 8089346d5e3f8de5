"""Contracts on the same futures: what each is worth to either side, and terms that are worth the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from acomodel.contract.terms import Terms, changed
from acomodel.exhibit import Exhibit, Shown, show
from acomodel.inputs import InputError, nearest
from acomodel.outlook.years.draws import WORST, mean_error

if TYPE_CHECKING:
    from acomodel.outlook.years.simulation import Futures, Simulation

CLAUSES: dict[str, tuple[str, float, float]] = {
    "sharing_rate": ("Sharing rate", 1.0, 0.1),
    "msr": ("Minimum savings rate", 0.1, 0.01),
    "mlr": ("Minimum loss rate", 0.1, 0.01),
    "savings_cap_benchmark": ("Cap on savings, of benchmark", 0.3, 0.025),
    "savings_cap_revenue": ("Cap on savings, of revenue", 0.5, 0.025),
    "loss_rate": ("Loss rate", 1.0, 0.1),
    "loss_rate_floor": ("Least loss rate", 1.0, 0.1),
    "loss_rate_ceiling": ("Greatest loss rate", 1.0, 0.1),
    "loss_limit_benchmark": ("Limit on losses, of benchmark", 0.3, 0.025),
    "loss_limit_revenue": ("Limit on losses, of revenue", 0.5, 0.025),
    "loss_forgiven": ("Losses forgiven", 1.0, 0.1),
    "quality_gate": ("Quality gate", 1.0, 0.1),
    "sequestration": ("Sequestration", 0.1, 0.01),
    "below_msr_factor": ("Reduced rate below the threshold", 1.0, 0.1),
    "capitated": ("Capitated part", 1.0, 0.1),
}
"""Clauses that can be moved: words, the greatest value tried from 0, and a step of a negotiation (both assumed)."""
FIGURES: dict[str, tuple[str, str]] = {
    "payment": ("Expected payment to the ACO", "$"),
    "payer_keeps": ("Expected savings that the payer keeps", "$"),
    "unsaved": ("Paid without savings", "$"),
    "chance_year": ("Chance that the ACO is paid in a year", "%."),
    "chance": ("Chance that the ACO is paid in any year", "%."),
    "loss_year": ("Chance that the ACO pays in a year", "%."),
    "loss": ("Chance that the ACO pays on balance", "%."),
    "worst": ("Average of the worst {worst:.0%}", "$"),
    "return": ("Return on the ACO's programme", "%."),
    "break_even": ("Break-even savings", "%."),
}
"""Figures of a contract over all years, in words and with their format."""
REACH = 0.4
"""Largest true savings, and losses, among which a break-even is sought. [share]"""
Contract = Terms | Sequence[Terms]
"""Terms of all years, or one for each year."""


def with_clauses(terms: Contract, clauses: Mapping[str, float]) -> Contract:
    """
    Terms with some clauses at other values.

    Parameters
    ----------
    terms : Terms or sequence of Terms
        Terms of all years, or one for each year.
    clauses : mapping of str to float
        Clause of `CLAUSES` to its value. [share]

    Returns
    -------
    Terms or list of Terms

    Raises
    ------
    InputError
        There is no such clause, or the terms do not allow the value.

    Examples
    --------
    >>> with_clauses(Terms(sharing_rate=0.5), {"msr": 0.02}).msr
    0.02
    """
    for clause in clauses:
        if clause not in CLAUSES:
            hint = nearest(clause, CLAUSES) or f" One of {', '.join(CLAUSES)} is wanted."
            raise InputError(f"terms: '{clause}' is no clause that can be moved.{hint}")
    if not isinstance(terms, Terms):
        return [changed(one, clauses) for one in terms]
    return changed(terms, clauses)


def worst_scores(amounts: np.ndarray, worst: float) -> np.ndarray:
    r"""
    Score of each future whose mean is the average of the worst amounts, and whose spread gives its standard error.

    Parameters
    ----------
    amounts : numpy.ndarray
        One for each future. [$]
    worst : float
        Share of worst futures, above 0 and at most 1. [share]

    Returns
    -------
    numpy.ndarray
        [$]

    Notes
    -----
    .. math:: h_i = q + \min(x_i - q, 0) / w

    with :math:`q` the amount at share :math:`w`; the mean of :math:`h` is the average of the lowest :math:`w`, the last
    future counted in part, and :math:`h` its influence function.

    Examples
    --------
    >>> float(worst_scores(np.array([-10.0, 0.0, 5.0, 7.0]), 0.5).mean())
    -5.0
    """
    place = min(int(np.ceil(worst * len(amounts) - 1e-9)), len(amounts)) - 1
    at = np.partition(amounts, place)[place]
    found: np.ndarray = at + np.minimum(amounts - at, 0.0) / worst
    return found


def without_savings(futures: Futures) -> Futures:
    """
    The same futures, had the ACO truly saved nothing in any of them.

    Parameters
    ----------
    futures : Futures
        Futures of an ACO.

    Returns
    -------
    Futures
        Luck, errors of the benchmark and the market are left; what is paid on them is not paid for savings.
    """
    return saving_more(futures, -futures.true_savings)


def saving_more(futures: Futures, more: Any) -> Futures:
    r"""
    The same futures, with more truly saved in each year.

    Parameters
    ----------
    futures : Futures
        Futures of an ACO.
    more : array-like
        By year, or by future and year. [share of the cost expected without the ACO]

    Returns
    -------
    Futures

    Raises
    ------
    InputError
        More would be saved than is spent.

    Notes
    -----
    .. math:: A'_t = A_t \, \frac{1 - s_t - \Delta_t}{1 - s_t}

    with spending :math:`A` and true savings :math:`s`.
    """
    saved = futures.true_savings + np.asarray(more, dtype=float)
    if not (saved < 1).all():
        raise InputError(f"true savings of {saved.max():.1%} in some future; less than all spending is wanted")
    actual = futures.actual * ((1 - saved) / (1 - futures.true_savings))
    return replace(futures, actual=actual, true_savings=saved)


@dataclass(frozen=True, eq=False, repr=False)
class ContractComparison(Shown):
    """
    Contracts side by side on the same futures.

    Parameters
    ----------
    simulations : mapping of str to Simulation
        Name of a contract to what it pays in every future.
    programme_cost : float
        Cost of the ACO's programme a year. [$]
    worst : float
        Share of worst futures whose average is shown. [share]
    table : pandas.DataFrame
        By contract and figure (`FIGURES`): `value`, `standard_error`, and `difference` to the first contract with
        its `difference_error` on paired futures. A break-even is infinite where no savings are enough, and minus
        infinite where none are needed.
    """

    simulations: Mapping[str, Simulation]
    programme_cost: float
    worst: float
    table: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """The figures at full precision."""
        return self.table.copy(deep=False)

    def payments(self) -> pd.DataFrame:
        """Payment over all years in every future, by contract. [$]"""
        return pd.DataFrame({name: simulation.total for name, simulation in self.simulations.items()})

    def distributions(self, levels: Sequence[float] | None = None) -> pd.DataFrame:
        """Quantiles of the payment over all years by contract, every hundredth by default, for a picture. [$]"""
        at = np.arange(1, 100) / 100 if levels is None else np.asarray(levels, dtype=float)
        if not ((at >= 0) & (at <= 1)).all():
            raise InputError("distributions: levels from 0 to 1 are wanted")
        return self.payments().quantile(at).rename_axis("quantile")

    def exhibit(self) -> Exhibit:
        """Figures down, contracts with standard errors across."""
        names = list(self.simulations)
        return self._shown("Contracts on the same futures", names, "value", "standard_error", self._note())

    def differences(self) -> Exhibit:
        """Differences to the first contract, with standard errors on paired futures."""
        first, *others = self.simulations
        note = "Standard errors on the same futures, which are smaller than those of futures drawn apart."
        return self._shown(f"Difference to {first}", others, "difference", "difference_error", note)

    def _note(self) -> str:
        draws, years = next(iter(self.simulations.values())).payment.shape
        cost = f", programme cost {show(self.programme_cost, '$')} a year" if self.programme_cost else ""
        covers = "covers the programme's cost" if cost else "is zero"
        covers += "; 'none' and 'always' where none between -40 and 40 percent does"
        covers += (
            ". Return: what the programme adds to the expected payment, less its cost, over its cost" if cost else ""
        )
        return (
            f"{years} years, {draws:,} futures{cost}; ± one standard error. Paid without savings: expected payment "
            "had the ACO saved nothing in any future: luck, and "
            f"errors of the benchmark. Break-even: true savings a year at which the expected payment {covers}."
        )

    def _shown(self, title: str, names: Sequence[str], column: str, error: str, note: str) -> Exhibit:
        figures = [figure for figure in FIGURES if figure in self.table.index.get_level_values("figure")]
        labels = [FIGURES[figure][0].format(worst=self.worst) for figure in figures]
        shown: dict[str, list[str]] = {}
        for name in names:
            rows = [self.table.loc[(name, figure)] for figure in figures]
            styles = [FIGURES[figure][1] for figure in figures]
            shown[name] = [
                _cell(float(row[column]), float(row[error]), style) for row, style in zip(rows, styles, strict=True)
            ]
        return Exhibit(title, pd.DataFrame(shown, index=pd.Index(labels, name="Figure")), note=note)


def _cell(value: float, error: float, style: str) -> str:
    """Figure as text with its standard error; a break-even that does not exist in words."""
    if np.isinf(value):
        return "none" if value > 0 else "always"
    return show(value, style) + (f" ± {show(error, style)}" if np.isfinite(error) and error > 0 else "")


def compare_contracts(
    futures: Futures,
    contracts: Mapping[str, Contract],
    *,
    programme_cost: float = 0.0,
    programme_savings: Sequence[float] | np.ndarray | None = None,
    worst: float = WORST,
) -> ContractComparison:
    r"""
    Compare any number of contracts on the same futures.

    Parameters
    ----------
    futures : Futures
        Futures of an ACO.
    contracts : mapping of str to Terms or sequence of Terms
        Name of a contract to its terms of all years, or one for each year; the first is what others are compared to.
    programme_cost : float
        What the ACO spends on its programme a year. [$]
    programme_savings : array-like, optional
        What the programme saves by year, on top of the futures' true savings; for its return. [share]
    worst : float
        Share of worst futures whose average is wanted. [share]

    Returns
    -------
    ContractComparison
        Of all years together: expected payment, what the payer keeps of the savings, what is paid without
        savings, chances of payment and of loss, the worst futures, return on the ACO's investment, break-even savings.

    Raises
    ------
    InputError
        No contracts, a negative cost, a share of worst futures that is not above 0 and at most 1.

    Notes
    -----
    In every future, payment + what the payer keeps + actual spending = benchmark. The return is
    :math:`(E[P'] - E[P] - c) / c` with the programme's cost :math:`c` and :math:`P'` what is paid with it; where
    nothing says what it saves, what is paid beyond the payment without savings stands for the difference. The
    break-even is the :math:`s` for which :math:`E[P \mid s] = c`, found on the same scores. Each figure is a mean of
    one score for each future, so that its standard error, and that of a difference on paired futures, is the scores'
    deviation over the root of their number.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, p. 47: programme cost; pp. 50-52: threshold,
       share, one or two sides.
    """
    if not contracts:
        raise InputError("contracts: none are given; at least one is wanted")
    if not (np.isfinite(programme_cost) and programme_cost >= 0):
        raise InputError(f"contracts: a programme cost of {programme_cost:g}; at least 0 is wanted")
    if not 0 < worst <= 1:
        raise InputError(f"contracts: worst {worst:g} of futures; a share above 0 and at most 1 is wanted")
    cost = programme_cost * futures.actual.shape[1]
    idle = without_savings(futures)
    simulations = {name: futures.settle(terms) for name, terms in contracts.items()}
    found: dict[str, dict[str, tuple[float, np.ndarray]]] = {}
    for name, terms in contracts.items():
        every = contract_scores(simulations[name], idle.settle(terms), worst)
        if cost:
            more = every["payment"] - every["unsaved"]
            if programme_savings is not None:
                more = saving_more(futures, programme_savings).settle(terms).total - every["payment"]
            every["return"] = (more - cost) / cost
        found[name] = {figure: (float(one.mean()), one) for figure, one in every.items()}
        found[name]["break_even"] = _break_even(futures, terms, cost)
    first = next(iter(found.values()))
    rows = {}
    for name, figures in found.items():
        for figure, (value, scores) in figures.items():
            base, base_scores = first[figure]
            known = np.isfinite(value) and np.isfinite(base)
            rows[name, figure] = (
                value,
                _error(figure, scores) if np.isfinite(value) else np.nan,
                value - base if known else np.nan,
                mean_error(scores - base_scores) if known else np.nan,
            )
    index = pd.MultiIndex.from_tuples(rows, names=["contract", "figure"])
    columns = ["value", "standard_error", "difference", "difference_error"]
    table = pd.DataFrame(list(rows.values()), index=index, columns=columns)
    return ContractComparison(simulations, float(programme_cost), worst, table)


def contract_scores(simulation: Simulation, idle: Simulation, worst: float = WORST) -> dict[str, np.ndarray]:
    """
    Scores of every future whose means are the figures of a contract.

    Parameters
    ----------
    simulation : Simulation
        What the contract pays.
    idle : Simulation
        What it pays where nothing is saved, as `without_savings` has it.
    worst : float
        Share of worst futures. [share]

    Returns
    -------
    dict of str to numpy.ndarray
        By figure of `FIGURES`, without return and break-even.
    """
    payment, total, futures = simulation.payment, simulation.total, simulation.futures
    return {
        "payment": total,
        "payer_keeps": (futures.benchmark - futures.actual - payment).sum(axis=1),
        "unsaved": idle.total,
        "chance_year": (payment > 0).mean(axis=1),
        "chance": (payment > 0).any(axis=1).astype(float),
        "loss_year": (payment < 0).mean(axis=1),
        "loss": (total < 0).astype(float),
        "worst": worst_scores(total, worst),
    }


def _error(figure: str, scores: np.ndarray) -> float:
    """Standard error of a figure."""
    return chance_error(scores) if FIGURES[figure][0].startswith("Chance") else mean_error(scores)


def chance_error(scores: np.ndarray) -> float:
    """Standard error of a chance, never zero: an event that has not been seen may still come."""
    least = 1 / (len(scores) + 2)
    return max(mean_error(scores), float(np.sqrt(least * (1 - least) / len(scores))))


def _break_even(futures: Futures, terms: Contract, cost: float) -> tuple[float, np.ndarray]:
    """True savings at which the expected payment is a cost, and its score in every future; infinite."""
    from scipy.optimize import brentq

    def gap(savings: float) -> float:
        return float(futures.saving(savings).settle(terms).total.mean()) - cost

    nothing = np.zeros(len(futures.actual))
    if gap(REACH) <= 0:
        return np.inf, nothing
    if gap(-REACH) >= 0:
        return -np.inf, nothing
    value = float(brentq(gap, -REACH, REACH, xtol=1e-7))
    step = 0.0025
    slope = (gap(value + step) - gap(value - step)) / (2 * step)
    at = futures.saving(value).settle(terms).total
    return value, value - (at - at.mean()) / slope if slope > 0 else nothing
