"""Settlement: benchmark, actual spending and terms in; every line down to the payment out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from acomodel.contract.terms import Terms
from acomodel.exhibit import Exhibit
from acomodel.inputs import InputError
from acomodel.programs import minimum_savings_rate
from acomodel.rates import Numeric

LINES: dict[str, tuple[str, str, str]] = {
    "benchmark": ("Benchmark", "$.", "agreed spending for the period"),
    "actual": ("Actual spending", "$.", "incurred and allowed under the contract"),
    "savings": ("Savings (losses)", "$.", "benchmark − actual"),
    "savings_rate": ("Savings rate", "%..", "savings ÷ benchmark, unrounded"),
    "msr": ("Minimum savings rate", "%..", "from the terms, unrounded"),
    "mlr": ("Minimum loss rate", "%..", "from the terms, unrounded"),
    "target": ("Target", "$.", "benchmark × (1 − minimum savings rate)"),
    "earns": ("Savings are shared", "", "savings rate at least the minimum, and sharing allowed"),
    "owes": ("Losses are shared", "", "loss rate at least the minimum, and the contract is two-sided"),
    "quality_score": ("Quality score", "%..", "as measured"),
    "quality_factor": ("Quality factor", "%..", "what the score does to the sharing rate"),
    "final_sharing_rate": ("Final sharing rate", "%..", "sharing rate × quality factor (× reduced rate)"),
    "shared_savings": ("Savings to be shared", "$.", "from the first dollar, or beyond the threshold"),
    "gross_savings": ("ACO's share of savings", "$.", "final sharing rate × savings to be shared"),
    "sequestration": ("Sequestration", "$.", "share of savings × sequestration rate"),
    "savings_cap": ("Cap on savings", "$.", "least of the caps, after sequestration"),
    "cut_by_cap": ("Cut by the cap", "$.", "what the cap takes"),
    "earned_savings": ("Earned savings", "$.", "share − sequestration, at most the cap"),
    "shared_losses": ("Losses to be shared", "$.", "from the first dollar, or beyond the threshold"),
    "loss_rate": ("Final loss rate", "%..", "by the contract's method"),
    "gross_losses": ("ACO's share of losses", "$.", "loss rate × losses to be shared"),
    "loss_relief": ("Relief from losses", "$.", "disaster adjustment and losses forgiven"),
    "loss_limit": ("Limit on losses", "$.", "lesser of the limits"),
    "cut_by_limit": ("Cut by the limit", "$.", "what the limit takes"),
    "owed_losses": ("Losses owed", "$.", "share − relief, at most the limit"),
    "earned": ("Earned (owed)", "$.", "earned savings − losses owed"),
    "recouped": ("Advance recouped", "$.", "from savings only, at most the balance"),
    "payment": ("Payment to (from) the ACO", "$.", "earned (owed) − advance recouped"),
}
"""Label, display format and plain-words formula of every line, in the order they are worked out."""


@dataclass(frozen=True, repr=False, eq=False)
class Settlement:
    """
    Every line of a settlement, each a number, an array or a Series as the inputs were.

    All amounts are dollars and rates are shares; `LINES` gives each line's label and formula. Lines of
    the side that does not apply are zero; a cap or limit that the contract lacks is infinite.
    """

    benchmark: Numeric
    actual: Numeric
    savings: Numeric
    savings_rate: Numeric
    msr: Numeric
    mlr: Numeric
    target: Numeric
    earns: Numeric
    owes: Numeric
    quality_score: Numeric
    quality_factor: Numeric
    final_sharing_rate: Numeric
    shared_savings: Numeric
    gross_savings: Numeric
    sequestration: Numeric
    savings_cap: Numeric
    cut_by_cap: Numeric
    earned_savings: Numeric
    shared_losses: Numeric
    loss_rate: Numeric
    gross_losses: Numeric
    loss_relief: Numeric
    loss_limit: Numeric
    cut_by_limit: Numeric
    owed_losses: Numeric
    earned: Numeric
    recouped: Numeric
    payment: Numeric

    def to_frame(self) -> pd.DataFrame:
        """One row per settlement, one column per line, unrounded."""
        lines = {f.name: getattr(self, f.name) for f in fields(self)}
        if any(isinstance(v, pd.Series) for v in lines.values()):
            return pd.DataFrame(lines)
        return pd.DataFrame({name: np.atleast_1d(np.asarray(v)) for name, v in lines.items()})

    def exhibit(self, title: str = "Settlement", labels: Sequence[str] | None = None) -> Exhibit:
        """Lines down, settlements across, in the order they are worked out."""
        frame = self.to_frame()
        columns = [str(x) for x in (labels if labels is not None else frame.index)]
        if len(columns) == 1 and labels is None:
            columns = ["amount"]
        table = frame.astype(object).T.set_axis(columns, axis=1)
        table = table.map(lambda v: "none" if isinstance(v, float) and np.isinf(v) else v)
        table.insert(len(columns), "how", [LINES[name][2] for name in frame.columns])
        table.index = pd.Index([LINES[name][0] for name in frame.columns], name="line")
        formats = {label: style for label, style, _ in LINES.values() if style}
        return Exhibit(title, table, formats)

    def __repr__(self) -> str:
        """The settlement as a table of lines; a summary where there are many."""
        frame = self.to_frame()
        if len(frame) <= 4:
            return repr(self.exhibit())
        return (
            f"{len(frame):,} settlements: {int((frame['payment'] > 0).sum()):,} paid "
            f"${frame['payment'].clip(lower=0).sum():,.0f}, {int((frame['payment'] < 0).sum()):,} owe "
            f"${-frame['payment'].clip(upper=0).sum():,.0f}"
        )

    def _repr_html_(self) -> str:
        """The settlement as an HTML table of lines."""
        return self.exhibit()._repr_html_() if len(self.to_frame()) <= 4 else f"<p>{self!r}</p>"


def settle(
    benchmark: Numeric,
    actual: Numeric,
    terms: Terms | Sequence[Terms],
    *,
    members: Numeric | None = None,
    quality_score: Numeric = 1.0,
    quality_factor: Numeric | None = None,
    revenue: Numeric | None = None,
    disaster_adjustment: Numeric = 0.0,
    advance_balance: Numeric = 0.0,
    eligible: Numeric = True,
) -> Settlement:
    r"""
    Settle any number of periods or ACOs under one contract or one contract each.

    Parameters
    ----------
    benchmark, actual : numeric
        Agreed and actual spending of the period; PMPM works as well as dollars, for then every amount is
        PMPM. Benchmarks are above zero. [$]
    terms : Terms or sequence of Terms
        One contract for all, or one for each settlement.
    members : numeric, optional
        Members the thresholds by size depend on; needed where a threshold is "size". [members]
    quality_score : numeric
        Score as measured, 0 to 1. [share]
    quality_factor : numeric, optional
        What the score does to the sharing rate, 0 to 1, where the programme settles it outside the
        score; by default the terms derive it from the score. [share]
    revenue : numeric, optional
        Participants' revenue that caps or limits refer to; needed where the terms name one. [$]
    disaster_adjustment : numeric
        Losses forgiven for extreme circumstances, at least zero. [$]
    advance_balance : numeric
        Advance payments still to be recouped, taken from savings only. [$]
    eligible : bool or array of bool
        False where sharing is refused for a reason outside the arithmetic.

    Returns
    -------
    Settlement
        Lines of the same shape as the inputs broadcast together.

    Raises
    ------
    InputError
        A benchmark that is not above zero, a missing or out-of-range input, shapes that do not fit.

    Notes
    -----
    With benchmark :math:`B`, actual :math:`A`, threshold :math:`m`, sharing rate :math:`s`, quality
    factor :math:`q`, sequestration :math:`z` and cap :math:`C`,

    .. math:: \text{earned} = \min\bigl(s\,q\,(1-z)\,(B - A - mB\,[\text{beyond threshold}]),\; C\bigr)
        \quad\text{if } (B-A)/B \ge m,

    rates unrounded; sequestration comes before the cap, which it does not cut. Losses mirror it with the
    loss rate in place of :math:`s q`, less relief, at most the lesser limit, and no sequestration.

    References
    ----------
    .. [1] 42 CFR 425.604, 425.606, 425.610 (2015).
    .. [2] CMS, Shared Savings Program public use files: the order of the steps, as the published
       settlements of 2013-2024 show it.
    .. [3] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, exhibit 3.13: sharing beyond a threshold.

    Examples
    --------
    Hackensack Alliance, 2014:

    >>> from acomodel import terms
    >>> track_1 = terms("mssp", "Track 1", 2014)
    >>> result = settle(198_546_103, 192_081_207, track_1, members=15_603, quality_score=0.894308036)
    >>> f"{result.payment:,.0f}"
    '2,832,988'
    """
    contract = _Columns(terms)
    inputs = [benchmark, actual, members, quality_score, quality_factor, revenue]
    inputs += [disaster_adjustment, advance_balance, eligible]
    index = next((x.index for x in inputs if isinstance(x, pd.Series)), None)
    try:
        shape = np.broadcast_shapes(contract.shape, *(np.shape(x) for x in inputs if x is not None))
    except ValueError:
        raise InputError(
            f"settle: inputs of different lengths do not fit together: "
            f"{sorted({np.shape(x) for x in inputs if x is not None} | {contract.shape})}"
        ) from None
    bench, spent = _number("benchmark", benchmark, above=0.0), _number("actual", actual)
    score = _number("quality_score", quality_score, low=0.0, high=1.0)
    relief = _number("disaster_adjustment", disaster_adjustment, low=0.0)
    balance = _number("advance_balance", advance_balance, low=0.0)

    savings = bench - spent
    savings_rate = savings / bench
    msr = contract.threshold("msr", members)
    mlr = np.where(contract.states("mlr", "msr"), msr, contract.threshold("mlr", members))
    may_share = np.asarray(eligible, dtype=bool)
    passes = savings_rate >= msr
    reduced = ~passes & (contract["below_msr_factor"] > 0) & (contract["below_msr_members"] <= _size(members))
    earns = (savings > 0) & (passes | reduced) & may_share
    owes = (savings < 0) & (-savings_rate >= mlr) & ~contract.states("loss_method", "none") & may_share
    beyond = contract.states("share_from", "threshold")

    factor = contract.quality_factor(score)
    if quality_factor is not None:
        factor = _number("quality_factor", quality_factor, low=0.0, high=1.0)
    final_sharing_rate = contract["sharing_rate"] * factor * np.where(reduced, contract["below_msr_factor"], 1.0)
    shared_savings = np.where(earns, contract.within_corridors(savings, np.where(beyond, msr, 0.0), bench), 0.0)
    gross_savings = final_sharing_rate * shared_savings
    sequestration = contract["sequestration"] * gross_savings
    savings_cap = contract.least("savings_cap", bench, revenue)
    earned_savings = np.minimum(gross_savings - sequestration, savings_cap)

    shared_losses = np.where(owes, contract.within_corridors(-savings, np.where(beyond, mlr, 0.0), bench), 0.0)
    loss_rate = contract.loss_rate(final_sharing_rate, score)
    gross_losses = loss_rate * shared_losses
    loss_relief = np.minimum(gross_losses, np.where(owes, relief, 0.0) + contract["loss_forgiven"] * gross_losses)
    loss_limit = contract.least("loss_limit", bench, revenue)
    owed_losses = np.minimum(gross_losses - loss_relief, loss_limit)

    recouped = np.minimum(balance, earned_savings)
    lines: dict[str, Any] = {
        "benchmark": bench,
        "actual": spent,
        "savings": savings,
        "savings_rate": savings_rate,
        "msr": msr,
        "mlr": mlr,
        "target": bench * (1 - msr),
        "earns": earns,
        "owes": owes,
        "quality_score": score,
        "quality_factor": factor,
        "final_sharing_rate": final_sharing_rate,
        "shared_savings": shared_savings,
        "gross_savings": gross_savings,
        "sequestration": sequestration,
        "savings_cap": savings_cap,
        "cut_by_cap": gross_savings - sequestration - earned_savings,
        "earned_savings": earned_savings,
        "shared_losses": shared_losses,
        "loss_rate": loss_rate,
        "gross_losses": gross_losses,
        "loss_relief": loss_relief,
        "loss_limit": loss_limit,
        "cut_by_limit": gross_losses - loss_relief - owed_losses,
        "owed_losses": owed_losses,
        "earned": earned_savings - owed_losses,
        "recouped": recouped,
        "payment": earned_savings - owed_losses - recouped,
    }
    return Settlement(**{name: _shaped(value, shape, index) for name, value in lines.items()})


def _shaped(value: Any, shape: tuple[int, ...], index: pd.Index | None) -> Numeric:
    """Value broadcast to the result's shape: a plain number, an array, or a Series."""
    full = np.broadcast_to(value, shape)
    if not shape:
        return full.item()
    return pd.Series(full.copy(), index=index) if index is not None else full.copy()


def _number(
    name: str, value: Numeric, *, low: float | None = None, high: float | None = None, above: float | None = None
) -> np.ndarray:
    """Input as an array of floats, refused where it is missing or out of range."""
    array = np.asarray(value, dtype=float)
    wanted = []
    bad = ~np.isfinite(array)
    for bound, wrong, words in (
        (above, lambda b: array <= b, "above {:g}"),
        (low, lambda b: array < b, "at least {:g}"),
        (high, lambda b: array > b, "at most {:g}"),
    ):
        if bound is not None:
            bad |= wrong(bound)
            wanted.append(words.format(bound))
    if bad.any():
        first = tuple(np.argwhere(bad)[0])
        where = f" at position {', '.join(map(str, first))}" if array.ndim else ""
        raise InputError(f"settle: {name}{where} is {array[first]:g}; a number {' and '.join(wanted)} is wanted".rstrip())
    return array


def _size(members: Numeric | None) -> np.ndarray:
    """Members, or minus infinity where no size is given."""
    return np.asarray(-np.inf if members is None else members, dtype=float)


class _Columns:
    """Clauses of one contract or of many, as arrays that broadcast against the other inputs."""

    def __init__(self, terms: Terms | Sequence[Terms]) -> None:
        one = isinstance(terms, Terms)
        contracts: list[Terms] = [terms] if isinstance(terms, Terms) else list(terms)
        if not contracts:
            raise InputError("settle: the sequence of terms is empty; one for each settlement is wanted")
        position: dict[Terms, int] = {}
        codes = [position.setdefault(contract, len(position)) for contract in contracts]
        self.distinct = list(position)
        self.codes = np.asarray(codes[0] if one else codes)
        self.shape = self.codes.shape

    def _column(self, clause: str, missing: float = np.nan) -> np.ndarray:
        """A clause as numbers, with `missing` where a contract lacks it or states it in words."""
        values = [getattr(contract, clause) for contract in self.distinct]
        return np.asarray([v if isinstance(v, int | float) else missing for v in values], dtype=float)[self.codes]

    def __getitem__(self, clause: str) -> np.ndarray:
        """A clause that is always a number."""
        return self._column(clause)

    def states(self, clause: str, word: str) -> np.ndarray:
        """Where a clause that names a choice names this one."""
        return np.asarray([getattr(contract, clause) == word for contract in self.distinct], dtype=bool)[self.codes]

    def threshold(self, clause: str, members: Numeric | None) -> np.ndarray:
        """Threshold as a share: stated, or by size from the Medicare table."""
        by_size, fixed = self.states(clause, "size"), self._column(clause, 0.0)
        if not by_size.any():
            return fixed
        if members is None:
            raise InputError(f"settle: {clause} = 'size' needs the number of members")
        table = np.asarray(minimum_savings_rate(_number("members", members)))
        if np.isnan(np.where(by_size, table, 0.0)).any():
            raise InputError(f"settle: {clause} = 'size' wants at least 100 members; found {np.min(members):,g}")
        return np.where(by_size, table, fixed)

    def quality_factor(self, score: np.ndarray) -> np.ndarray:
        """Part of the sharing rate that a quality score earns."""
        steps = np.zeros(np.broadcast_shapes(self.shape, score.shape))
        for code, contract in enumerate(self.distinct):
            for since, part in contract.quality_ladder:
                steps = np.where((self.codes == code) & (score >= since), part, steps)
        counts = ~self.states("quality_method", "none")
        factor = np.where(self.states("quality_method", "multiplier"), score, 1.0)
        factor = np.where(self.states("quality_method", "ladder"), steps, factor)
        return np.where(counts & (score < self["quality_gate"]), 0.0, factor)

    def loss_rate(self, final_sharing_rate: np.ndarray, score: np.ndarray) -> np.ndarray:
        """ACO's share of losses by the contract's method, between its floor and ceiling."""
        rate = np.where(self.states("loss_method", "fixed"), self._column("loss_rate", 0.0), 1 - final_sharing_rate)
        by_quality = self.states("loss_method", "one_minus_rate_times_quality")
        rate = np.where(by_quality, 1 - self["sharing_rate"] * score, rate)
        bounded = np.clip(rate, self["loss_rate_floor"], self["loss_rate_ceiling"])
        return np.where(self.states("loss_method", "none"), 0.0, bounded)

    def least(self, clause: str, benchmark: np.ndarray, revenue: Numeric | None) -> np.ndarray:
        """Lesser of the limits that the contract sets, in dollars; infinite where it sets none."""
        of_benchmark = self._column(f"{clause}_benchmark", np.inf)
        of_revenue = self._column(f"{clause}_revenue", np.inf)
        limit = of_benchmark * benchmark
        if np.isfinite(of_revenue).any():
            if revenue is None:
                raise InputError(f"settle: {clause}_revenue is set, so the revenue it refers to is needed")
            limit = np.minimum(limit, of_revenue * _number("revenue", revenue, low=0.0))
        return limit

    def within_corridors(self, amount: np.ndarray, threshold: np.ndarray, benchmark: np.ndarray) -> np.ndarray:
        """Part of savings or losses beyond a threshold that is shared: all of it, or by marginal bands."""
        start = threshold * benchmark
        shared = np.maximum(amount - start, 0.0) + np.zeros(np.broadcast_shapes(self.shape, np.shape(amount)))
        for code, contract in enumerate(self.distinct):
            if not contract.corridors:
                continue
            banded, low = np.zeros_like(shared), 0.0
            for high, part in contract.corridors:
                upper, lower = high * benchmark, np.maximum(low * benchmark, start)
                banded = banded + part * np.maximum(np.minimum(amount, upper) - lower, 0.0)
                low = high
            shared = np.where(self.codes == code, banded, shared)
        return shared
