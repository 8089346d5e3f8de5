"""Settlement: benchmark, actual spending and terms in; every line down to the payment out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from acomodel.contract.clauses import Clauses, number
from acomodel.contract.lines import LINES, Settlement
from acomodel.contract.terms import Terms
from acomodel.inputs import InputError
from acomodel.rates import Numeric

__all__ = ["LINES", "STANDARDS", "TIE", "Settlement", "settle"]

_AS_GIVEN = (
    *("benchmark", "actual", "benchmark_addition", "capitated_actual", "quality_score", "quality_factor"),
    *("carried_in", "withheld_released"),
)
"""Lines that may be the very arrays given, of which a result takes copies."""

STANDARDS = ("met", "alternative", "failed")
"""Ways of meeting a programme's quality standard."""

TIE = 1e-12
"""Rates closer than this are equal: a threshold is met at, not only above; far below a cent in a billion."""


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
    benchmark_addition: Numeric = 0.0,
    withheld_released: Numeric = 0.0,
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
    benchmark_addition : numeric
        Added to the benchmark once discount and quality have worked on it, such as a health equity adjustment;
        negative where it is taken off. [$]
    withheld_released : numeric
        Amounts withheld in earlier years that are paid now, at least zero. [$]
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
    The agreed benchmark :math:`B_0` first becomes the final one, with discount :math:`d`, part at risk :math:`w`,
    quality score :math:`Q` (none where the standard was failed) and addition :math:`h`,

    .. math:: B = B_0 (1 - d) \bigl(1 - w (1 - Q)\bigr) + h

    With benchmark :math:`B`, actual :math:`A`, threshold :math:`m`, sharing rate :math:`s`, quality
    factor :math:`q`, sequestration :math:`z` and cap :math:`C`,

    .. math:: \text{earned} = \min\bigl(s\,q\,(1-z)\,(B - A - mB\,[\text{beyond threshold}]),\; C\bigr)
        \quad\text{if } (B-A)/B \ge m,

    rates unrounded; sequestration comes before the cap, which it does not cut. Losses mirror it with the
    loss rate in place of :math:`s q`, less relief, at most the lesser limit, and no sequestration. Under partial
    capitation :math:`B` and :math:`A` are those of the other services, and the ACO has :math:`cB - A_c` besides. Losses
    brought forward are set against the savings to be shared. Where quality decides a part :math:`p` of the rate, and
    the contract's method makes :math:`f` of the score, :math:`q = 1 - p + p f`; it is zero below a gate and where a
    standard was failed. What is withheld comes last, from earned savings less advances recouped.

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
    inputs += [benchmark_addition, withheld_released]
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
    released = number("withheld_released", withheld_released, low=0.0)
    addition = number("benchmark_addition", benchmark_addition)
    standard = np.asarray(quality_standard)
    if not np.isin(standard, STANDARDS).all():
        odd = standard[~np.isin(standard, STANDARDS)].flat[0]
        raise InputError(f"settle: quality_standard is '{odd}'; one of {', '.join(STANDARDS)} is wanted")

    whole, part = (bench, spent), contract["capitated"]
    discount = contract["benchmark_discount"] * bench
    lacking = np.where(standard == "failed", 1.0, 1 - score)
    unearned = contract["benchmark_at_risk"] * lacking * (bench - discount)
    bench = number("final_benchmark", bench - discount - unearned + addition, above=0.0)
    final_benchmark = bench
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
    withheld = contract["withheld"] * (earned_savings - recouped)
    lines: dict[str, Any] = {
        "benchmark": whole[0],
        "actual": whole[1],
        "discount": discount,
        "benchmark_unearned": unearned,
        "benchmark_addition": addition,
        "final_benchmark": final_benchmark,
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
        "withheld": withheld,
        "withheld_released": released,
        "capitation_result": capitation - cost,
        "payment": earned_savings - owed_losses - recouped - withheld + released + (capitation - cost),
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
