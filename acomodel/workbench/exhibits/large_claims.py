"""The tables of a report on large claims: what is above the threshold, and what another threshold would do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from acomodel.budget.claimants import Claimants
from acomodel.budget.reinsurance import ThresholdTradeoff, reinsurance_pmpm, threshold_tradeoff
from acomodel.exhibit import Exhibit, Note
from acomodel.privacy import SMALL_CELL, printed, suppressed
from acomodel.rates import MONTHS
from acomodel.workbench.adjustments import listed_claims, threshold
from acomodel.workbench.exhibits.contract import threshold_words
from acomodel.workbench.model import Run

NO_LARGE = "The terms leave no large claims out."
LADDER = (50_000.0, 75_000.0, 100_000.0, 150_000.0, 200_000.0, 250_000.0, 400_000.0, 500_000.0, 1_000_000.0)
"""Thresholds at which choices are shown, as far as the claims tell them. [$]"""


def large_claims(run: Run) -> Exhibit | Note:
    """Claims above the threshold in the baseline and in each settled year that claims tell of."""
    budget, wanted = run.budget, run.scenario.large_claims
    if wanted is None and run.record is not None:
        return Note("Expenditure is truncated before it is handed in, as the programme has it.")
    if wanted is None or budget is None:
        return Note(
            NO_LARGE if wanted is None else f"Claims above {threshold_words(run)} a member and year do not count."
        )
    claims = listed_claims(run.scenario, run.tables)
    factor = float(budget.benchmark.steps["factor"].get("Large-claim adjustment", 1.0))
    if claims is None:
        said = "stated" if wanted.factor is not None else "worked out from the table of claimants"
        return Note(
            f"Claims above {threshold_words(run)} a member and year do not count. The factor on the baseline is "
            f"{factor:.4f}, {said}."
        )
    amount = threshold(run.scenario, run.tables, budget.base_year)
    years = sorted({budget.base_year, *(y.performance_year for y in run.scenario.years)} & set(claims.actuals.index))
    rows = {}
    for year in years:
        row = claims.actuals.loc[year]
        over = claims.excess(year, amount, prorate=wanted.prorated)
        rows[str(year)] = {
            "Claimants above": _above(claims.claimants(year), amount, prorate=wanted.prorated),
            "Allowed claims": row["allowed"],
            "Excess": over,
            "Share": over / row["allowed"],
            "Excess PMPM": over / row["member_months"],
            "Truncated PMPM": (row["allowed"] - over) / row["member_months"],
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("Year")
    if not run.scenario.report.show_small_cells:
        counts = table["Claimants above"]
        table["Claimants above"] = printed(counts, suppressed(counts))
    formats = dict.fromkeys(("Allowed claims", "Excess"), "$") | {"Claimants above": "#", "Share": "%."}
    formats |= dict.fromkeys(("Excess PMPM", "Truncated PMPM"), "$.")
    note = (
        f"Threshold {threshold_words(run)}; factor on the baseline {factor:.4f}. Each claimant's claims are completed "
        "at the rate of the whole year. Excess and truncated claims add up to allowed claims."
    )
    return Exhibit("Claims above the threshold", table, formats, note)


def _above(listed: Claimants, amount: float, *, prorate: bool) -> int:
    """Claimants above a threshold. [members]"""
    limits = amount * (listed.months / MONTHS if prorate else 1.0)
    return int((listed.allowed > limits).sum())


def tradeoff_of(run: Run) -> ThresholdTradeoff | None:
    """What thresholds take out and what they leave to chance, in the baseline year; None without claims."""
    listed = _baseline(run)
    if listed is None:
        return None
    ladder = ladder_of(run, listed)
    own = listed.members
    sizes = sorted({own, 5_000, 20_000})
    prorate = run.scenario.large_claims is not None and run.scenario.large_claims.prorated
    return threshold_tradeoff(listed, [*ladder, np.inf], members=sizes, prorate=prorate)


def tradeoff(run: Run) -> Exhibit | None:
    """The choice of threshold: dollars removed against chance left."""
    found = tradeoff_of(run)
    return None if found is None else found.exhibit(small_cells=run.scenario.report.show_small_cells)


def reinsurance(run: Run) -> Exhibit | None:
    """Expected claims above several attachment points, PMPM, and their price with a load."""
    listed = _baseline(run)
    if listed is None:
        return None
    load = run.scenario.large_claims.reinsurance_load if run.scenario.large_claims is not None else 0.2
    ladder = ladder_of(run, listed)
    if not ladder:
        return None
    return reinsurance_pmpm(listed, ladder, load=load).exhibit(small_cells=run.scenario.report.show_small_cells)


def amounts_shown(run: Run, amounts: Sequence[float]) -> list[float]:
    """
    Amounts whose truncation may be shown for every year of the claims, zero standing for none at all.

    None at all may be, where no year has 1 to 10 claimants above the scenario's own threshold.
    """
    claims = run.tables.claims
    if claims is None or run.scenario.report.show_small_cells:
        return list(amounts)
    kept = [amount for amount in amounts if amount]
    whole = 0 in amounts
    for year in claims.actuals.index:
        listed = claims.claimants(year)
        kept = ladder_of(run, listed, kept) if kept else []
        if run.scenario.large_claims is not None and run.budget is not None:
            own = threshold(run.scenario, run.tables, run.budget.base_year)
            whole = whole and not 0 < _above(listed, own, prorate=False) <= SMALL_CELL
    return kept + [0.0] * whole


def ladder_of(run: Run, listed: Claimants, amounts: Sequence[float] = ()) -> list[float]:
    """
    Thresholds that can be shown: those the claims tell, with more than ten claimants above and between any two.

    Of fewer, dollars at two thresholds would tell what one member costs. Claimants are counted above the whole of a
    threshold and, where the scenario prorates it, above their part of it; those above the scenario's own are known.
    """
    wanted = [d for d in amounts or LADDER if d >= listed.floor]
    if run.scenario.report.show_small_cells:
        return wanted
    prorated = run.scenario.large_claims is not None and run.scenario.large_claims.prorated
    shown: list[list[int]] = []
    if run.scenario.large_claims is not None and run.budget is not None:
        own = threshold(run.scenario, run.tables, run.budget.base_year)
        shown += [[_above(listed, own, prorate=prorated)]] if own >= listed.floor else []
    kept = []
    for amount in wanted[::-1]:
        counts = [_above(listed, amount, prorate=p) for p in ({False, prorated})]
        apart = [abs(a - b) for a in counts for other in [*shown, counts] for b in other]
        if min(counts) > SMALL_CELL and not any(0 < n <= SMALL_CELL for n in apart):
            shown.append(counts)
            kept.append(amount)
    return kept[::-1]


def _baseline(run: Run) -> Claimants | None:
    """Annual claims of the baseline year; None where they do not come from claims."""
    if run.budget is None or run.tables.claims is None:
        return None
    return run.tables.claims.claimants(run.budget.base_year)
