"""Settlement: benchmark, actual spending and terms in; every line down to the payment out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from acomodel.contract.clauses import Clauses, number
from acomodel.contract.terms import Terms
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.rates import Numeric

LINES: dict[str, tuple[str, str, str]] = {
    "benchmark": ("Benchmark", "$.", "agreed spending for the period"),
    "actual": ("Actual spending", "$.", "incurred and allowed under the contract"),
    "capitation": ("Capitation", "$.", "part of the benchmark paid in advance; what follows is of the rest"),
    "capitated_actual": ("Cost of capitated services", "$.", "as given, or in proportion"),
    "savings": ("Savings (losses)", "$.", "benchmark − actual"),
    "savings_rate": ("Savings rate", "%..", "savings ÷ benchmark, unrounded"),
    "msr": ("Minimum savings rate", "%..", "from the terms, unrounded"),
    "mlr": ("Minimum loss rate", "%..", "from the terms, unrounded; none in a one-sided contract"),
    "target": ("Target", "$.", "benchmark × (1 − minimum savings rate)"),
    "earns": ("Savings are shared", "", "savings rate at least the minimum, and sharing allowed"),
    "owes": ("Losses are shared", "", "loss rate at least the minimum; never in a one-sided contract"),
    "quality_score": ("Quality score", "%..", "as measured"),
    "quality_factor": ("Quality factor", "%..", "what the score does to the sharing rate"),
    "final_sharing_rate": ("Final sharing rate", "%..", "sharing rate × quality factor (× reduced rate)"),
    "shared_savings": ("Savings to be shared", "$.", "from the first dollar, or beyond the threshold"),
    "carried_in": ("Losses brought forward", "$.", "of earlier years, not yet set off"),
    "carried_used": (
        "Losses of earlier years set off",
        "$.",
        "at most the savings to be shared, if they are paid for",
    ),
    "carried_on": ("Losses carried on", "$.", "losses brought forward − set off + those of the period"),
    "gross_savings": ("ACO's share of savings", "$.", "final sharing rate × (savings to be shared − losses set off)"),
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
    "capitation_result": ("Capitation less cost", "$.", "kept or borne by the ACO in full"),
    "payment": ("Payment to (from) the ACO", "$.", "earned (owed) − advance recouped + capitation less cost"),
}
"""Label, display format and plain-words formula of every line, in the order they are worked out."""


_OF_A_CLAUSE = ("capitation", "capitated_actual", "capitation_result", "carried_in", "carried_used", "carried_on")
"""Lines that an exhibit leaves out where they are zero: few contracts have their clause."""

_AS_GIVEN = ("benchmark", "actual", "capitated_actual", "quality_score", "quality_factor", "carried_in")
"""Lines that may be the very arrays given, of which a result takes copies."""

STANDARDS = ("met", "alternative", "failed")
"""Ways of meeting a programme's quality standard."""

TIE = 1e-12
"""Rates closer than this are equal: a threshold is met at, not only above; far below a cent in a billion."""


@dataclass(frozen=True, repr=False, eq=False)
class Settlement(Shown):
    """
    Every line of a settlement, each a number, an array or a Series as the inputs were.

    All amounts are dollars and rates are shares; `LINES` gives each line's label and formula. Lines of
    the side that does not apply are zero, but for the rates, which are those that would apply; a cap, limit or
    loss threshold that the contract lacks is infinite.
    """

    benchmark: Numeric
    actual: Numeric
    capitation: Numeric
    capitated_actual: Numeric
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
    carried_in: Numeric
    carried_used: Numeric
    carried_on: Numeric
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
    capitation_result: Numeric
    payment: Numeric

    def to_frame(self) -> pd.DataFrame:
        """One row per settlement, one column per line, unrounded."""
        lines = {f.name: getattr(self, f.name) for f in fields(self)}
        if any(isinstance(v, pd.Series) for v in lines.values()):
            return pd.DataFrame(lines)
        return pd.DataFrame({name: np.atleast_1d(np.asarray(v)) for name, v in lines.items()})

    def exhibit(
        self, title: str = "Settlement", labels: Sequence[str] | None = None, *, brief: bool = False
    ) -> Exhibit:
        """Lines down, settlements across, in the order they are worked out; brief leaves out what does not apply."""
        frame = self.to_frame()
        frame = frame.drop(columns=[name for name in _OF_A_CLAUSE if not frame[name].any()])
        if brief:
            idle = [
                name for name in frame if (frame[name].isin([0, np.inf])).all() and name not in ("savings", "payment")
            ]
            idle += ["quality_factor"] if (frame["quality_factor"] == frame["quality_score"]).all() else []
            frame = frame.drop(columns=idle)
        columns = [str(x) for x in (labels if labels is not None else frame.index)]
        if len(columns) == 1 and labels is None:
            columns = ["amount"]
        table = frame.astype(object).T.set_axis(columns, axis=1)
        table = table.map(lambda v: "none" if isinstance(v, float) and np.isinf(v) else v)
        table.insert(len(columns), "How", [LINES[name][2] for name in frame.columns])
        table.index = pd.Index([LINES[name][0] for name in frame.columns], name="Line")
        formats = {label: style for label, style, _ in LINES.values() if style}
        return Exhibit(title, table, formats)

    def walk(self, position: int = 0) -> pd.Series:
        """
        From savings (or losses) to the payment of one settlement, as amounts that add up.

        Parameters
        ----------
        position : int
            Which settlement.

        Returns
        -------
        pandas.Series
            Step to amount, first the savings, last the payment; the steps between are what each clause
            takes or gives back, and zero steps are left out. [$]

        Examples
        --------
        >>> contract = Terms(sharing_rate=0.5, msr=0.02, share_from="threshold")
        >>> settle(434.0, 421.0, contract).walk().round(2).to_dict()
        {'Savings': 13.0, 'Within the threshold': -8.68, "Payer's share": -2.16, 'Payment': 2.16}
        """
        at = self.to_frame().iloc[position]
        gain = at["savings"] > 0
        shared, within = (at["earns"], "shared_savings") if gain else (at["owes"], "shared_losses")
        sign = 1 if gain else -1
        kept = at["savings"] - sign * at[within]
        steps = {
            "Savings" if gain else "Losses": at["savings"],
            "Within the threshold" if shared else "Not shared": -kept,
            "Losses of earlier years": -at["carried_used"],
            "Payer's share": -sign
            * (at[within] - at["carried_used"] - at["gross_savings" if gain else "gross_losses"]),
            "Sequestration": -at["sequestration"],
            "Cap": -at["cut_by_cap"],
            "Relief": at["loss_relief"],
            "Limit on losses": at["cut_by_limit"],
            "Advance recouped": -at["recouped"],
            "Capitation": at["capitation_result"],
        }
        first = next(iter(steps))
        walk = {name: float(v) for name, v in steps.items() if name == first or abs(v) > 1e-9}
        return pd.Series({**walk, "Payment": float(at["payment"])}, name="amount")

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
    quality_standard: Any = "met",
    quality_factor: Numeric | None = None,
    revenue: Numeric | None = None,
    disaster_adjustment: Numeric = 0.0,
    advance_balance: Numeric = 0.0,
    capitated_actual: Numeric | None = None,
    carried_losses: Numeric = 0.0,
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
    quality_standard : str or array of str
        How the programme's quality standard was met: "met", "alternative" or "failed". A failed standard
        earns nothing under any terms; the alternative counts where the terms go by the standard.
    quality_factor : numeric, optional
        What the score does to the sharing rate, 0 to 1, where the programme settles it outside the
        score; by default the terms derive it from the score. [share]
    revenue : numeric, optional
        Participants' revenue that caps or limits refer to; needed where the terms name one. [$]
    disaster_adjustment : numeric
        Losses forgiven for extreme circumstances, at least zero. [$]
    advance_balance : numeric
        Advance payments still to be recouped, taken from savings only. [$]
    capitated_actual : numeric, optional
        What the capitated services cost; by default the part of actual spending that they are of the benchmark. [$]
    carried_losses : numeric
        Losses brought forward from earlier years, at least zero; `carried_on` of the year before. [$]
    eligible : bool or array of bool
        False where sharing is refused for a reason outside the arithmetic.

    Returns
    -------
    Settlement
        Lines of the same shape as the inputs broadcast together; arrays are read-only.

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
    loss rate in place of :math:`s q`, less relief, at most the lesser limit, and no sequestration. Under partial
    capitation :math:`B` and :math:`A` are those of the other services, and the ACO has :math:`cB - A_c` besides. Losses
    brought forward are set against the savings to be shared.

    References
    ----------
    .. [1] 42 CFR 425.604, 425.606, 425.610 (2015).
    .. [2] CMS, Shared Savings Program public use files: the order of the steps, as the published
       settlements of 2013-2024 show it.
    .. [3] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, exhibit 3.13: sharing beyond a threshold; exhibit 3.12
       and p. 50: partial capitation.

    Examples
    --------
    Hackensack Alliance, 2014:

    >>> from acomodel import terms
    >>> track_1 = terms("mssp", "Track 1", 2014)
    >>> result = settle(198_546_103, 192_081_207, track_1, members=15_603, quality_score=0.894308036)
    >>> f"{result.payment:,.0f}"
    '2,832,988'
    """
    contract = Clauses(terms)
    inputs = [benchmark, actual, members, quality_score, quality_standard, quality_factor, revenue]
    inputs += [disaster_adjustment, advance_balance, eligible, capitated_actual, carried_losses]
    index = next((x.index for x in inputs if isinstance(x, pd.Series)), None)
    if any(isinstance(x, pd.Series) and not x.index.equals(index) for x in inputs):
        raise InputError("settle: Series with different indexes; align them first")
    try:
        shape = np.broadcast_shapes(contract.shape, *(np.shape(x) for x in inputs if x is not None))
    except ValueError:
        raise InputError(
            f"settle: inputs of different lengths do not fit together: "
            f"{sorted({np.shape(x) for x in inputs if x is not None} | {contract.shape})}"
        ) from None
    bench, spent = number("benchmark", benchmark, above=0.0), number("actual", actual)
    score = number("quality_score", quality_score, low=0.0, high=1.0)
    relief = number("disaster_adjustment", disaster_adjustment, low=0.0)
    balance = number("advance_balance", advance_balance, low=0.0)

    whole, part = (bench, spent), contract["capitated"]
    capitation = part * bench
    cost = part * spent if capitated_actual is None else number("capitated_actual", capitated_actual, low=0.0)
    if capitated_actual is not None and (part == 0).any():
        raise InputError("settle: capitated_actual is given where the terms capitate nothing")
    bench, spent = bench - capitation, spent - cost
    savings = bench - spent
    savings_rate = savings / np.where(part < 1, bench, np.inf)
    msr = contract.threshold("msr", members)
    mlr = np.where(contract.states("mlr", "msr"), msr, contract.threshold("mlr", members))
    mlr = np.where(contract.states("loss_method", "none"), np.inf, mlr)
    may_share = np.asarray(eligible, dtype=bool)
    if members is None and (contract["below_msr_factor"] > 0).any():
        raise InputError("settle: below_msr_factor is set, so the number of members is needed")
    size = np.asarray(-np.inf if members is None else members, dtype=float)
    passes = savings_rate >= msr - TIE
    reduced = (savings > 0) & ~passes & (contract["below_msr_factor"] > 0) & (contract["below_msr_members"] <= size)
    earns = (savings > 0) & (passes | reduced) & may_share
    owes = (savings < 0) & (-savings_rate >= mlr - TIE) & may_share
    beyond = contract.states("share_from", "threshold")

    standard = np.asarray(quality_standard)
    if not np.isin(standard, STANDARDS).all():
        odd = standard[~np.isin(standard, STANDARDS)].flat[0]
        raise InputError(f"settle: quality_standard is '{odd}'; one of {', '.join(STANDARDS)} is wanted")
    factor = contract.quality_factor(score, standard)
    if quality_factor is not None:
        factor = number("quality_factor", quality_factor, low=0.0, high=1.0)
    final_sharing_rate = contract["sharing_rate"] * factor * np.where(reduced, contract["below_msr_factor"], 1.0)
    shared_savings = np.where(earns, contract.within_corridors(savings, np.where(beyond, msr, 0.0), bench), 0.0)
    brought = number("carried_losses", carried_losses, low=0.0) if contract.carries.any() else np.zeros(())
    start, offered = np.where(beyond, msr, 0.0), np.where(may_share, savings, 0.0)
    carried_in, carried_used, carried_on = contract.carried(
        brought, shared_savings, offered, start, msr, bench, final_sharing_rate
    )
    gross_savings = final_sharing_rate * (shared_savings - carried_used)
    sequestration = contract["sequestration"] * gross_savings
    savings_cap = contract.least("savings_cap", bench, revenue)
    earned_savings = np.minimum(gross_savings - sequestration, savings_cap)

    shared_losses = np.where(
        owes, contract.within_corridors(-savings, np.where(beyond & np.isfinite(mlr), mlr, 0.0), bench), 0.0
    )
    loss_rate = contract.loss_rate(final_sharing_rate, score, standard)
    gross_losses = loss_rate * shared_losses
    loss_relief = np.minimum(gross_losses, np.where(owes, relief, 0.0) + contract["loss_forgiven"] * gross_losses)
    loss_limit = contract.least("loss_limit", bench, revenue)
    owed_losses = np.minimum(gross_losses - loss_relief, loss_limit)

    recouped = np.minimum(balance, earned_savings)
    lines: dict[str, Any] = {
        "benchmark": whole[0],
        "actual": whole[1],
        "capitation": capitation,
        "capitated_actual": cost,
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
        "carried_in": carried_in,
        "carried_used": carried_used,
        "carried_on": carried_on,
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
        "capitation_result": capitation - cost,
        "payment": earned_savings - owed_losses - recouped + (capitation - cost),
    }
    return Settlement(**{name: _shaped(value, shape, index, name in _AS_GIVEN) for name, value in lines.items()})


def _shaped(value: Any, shape: tuple[int, ...], index: pd.Index | None, given: bool) -> Numeric:
    """Value in the result's shape: a plain number, a Series, or an array that is not to be written to."""
    full = np.broadcast_to(value, shape)
    if not shape:
        return full.item()
    if index is not None:
        return pd.Series(full.copy(), index=index)
    return full.copy() if given else full
