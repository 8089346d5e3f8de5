"""Settle every entity of a results file of ACO REACH or Direct Contracting by the rules, as CMS printed it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from acomodel.contract.programs import terms
from acomodel.contract.settlement import settle
from acomodel.contract.terms import Terms, for_final_benchmark
from acomodel.programs import Rules
from acomodel.reach import ReachFile

DOLLAR = 1.0
"""Largest difference that counts as the same dollar amount. [$]"""


def replay_reach(file: ReachFile) -> pd.DataFrame:
    r"""
    Rows of one results file: the final benchmark and its equity adjustment settled by the rules, and the comparison.

    Parameters
    ----------
    file : ReachFile
        As `read_reach` gives it.

    Returns
    -------
    pandas.DataFrame
        As `Replay.rows`, with gross and shared savings published and computed, and the year factor that the two printed
        benchmarks imply.

    Notes
    -----
    The final benchmark is taken as printed, so that discount and quality withhold have worked on it already. They are
    held against the unadjusted benchmark :math:`B_0` by the factor that they leave over,

    .. math:: f = \frac{B}{B_0 (1 - d) \bigl(1 - w (1 - Q)\bigr) (1 - r)}

    with discount :math:`d`, quality withhold :math:`w`, score :math:`Q` and retention withhold :math:`r`. What this
    factor stands for is not published; the payment does not depend on it.

    Within rounding is what the last printed places of final benchmark, net cost and payment allow, the place of the
    payment twice: for its own rounding and for that of the sequestration. Equity adjustments are whole dollars.
    """
    table = file.table
    rules = {int(y): Rules("reach", int(y)) for y in table["performance_year"].unique()}
    pairs = list(zip(table["risk_arrangement"], table["performance_year"].astype(int), strict=True))
    full = {pair: terms("reach", *pair) for pair in set(pairs)}
    equity = _equity(table, rules)
    found = settle(
        table["final_benchmark"],
        table["actual"],
        [for_final_benchmark(full[pair]) for pair in pairs],
        quality_score=table["quality_score"].fillna(1.0).clip(0.0, 1.0),
        benchmark_addition=equity,
    )
    half = file.half_unit
    slack = half[["final_benchmark", "actual", "published", "published"]].sum(axis=1) + 1e-6
    rows = pd.DataFrame(
        {
            "program": "reach",
            "aco_id": table["aco_id"],
            "aco_name": table["aco_name"],
            "performance_year": table["performance_year"],
            "start_date": pd.NaT,
            "track": table["risk_arrangement"],
            "published": table["published"],
            "computed": found.earned,
        }
    )
    rows["start_date"] = pd.to_datetime(rows["start_date"])
    rows["difference"] = rows["computed"] - rows["published"]
    rows["lowest"], rows["highest"] = rows["computed"] - slack, rows["computed"] + slack
    rows["within_rounding"] = rows["difference"].abs() <= slack
    rows["within_dollar"] = rows["difference"].abs() <= DOLLAR
    computed = {"gross": found.savings, "shared": found.gross_savings - found.gross_losses}
    for name, amount in computed.items():
        printed = table[f"published_{name}"]
        rows[f"published_{name}"], rows[f"computed_{name}"] = printed, amount
        gap = (amount - printed).abs()
        rows[f"{name}_within_dollar"] = (gap <= DOLLAR).astype(object).where(printed.notna(), None)
    rows["msr_basis"], rows["rate_basis"] = "none: first dollar", "marginal corridors"
    rows["implied_year_factor"] = _year_factor(table, pairs, full)
    lines = found.to_frame().drop(columns=["recouped", "payment", "target"])
    rows = pd.concat([rows, lines], axis=1)
    said = zip(rows.itertuples(), table.itertuples(), pairs, strict=True)
    rows["explanation"] = [_explain(row, source, full[pair], rules[pair[1]]) for row, source, pair in said]
    return rows


def _equity(table: pd.DataFrame, rules: dict[int, Rules]) -> pd.Series:
    """Equity adjustment as printed; where only its months are printed, these times the programme's amounts. [$]"""
    years, total = table["performance_year"].astype(int), pd.Series(0.0, index=table.index)
    for side in ("up", "down"):
        amount = years.map({year: r.number(f"heba_{side}", "*") or 0.0 for year, r in rules.items()})
        total += table[f"heba_{side}"].fillna(table[f"heba_{side}_months"] * amount).fillna(0.0)
    return total


def _year_factor(table: pd.DataFrame, pairs: list[tuple[str, int]], full: dict[Any, Terms]) -> pd.Series:
    """What is left between unadjusted and final benchmark once discount and withholds are taken out. [factor]"""
    agreed = pd.DataFrame([(full[p].benchmark_discount, full[p].benchmark_at_risk) for p in pairs], index=table.index)
    discount = table["discount"].fillna(agreed[0])
    kept = (1 - discount) * (1 - agreed[1] * (1 - table["quality_score"].fillna(1.0)))
    kept *= 1 - table["retention_withhold"].fillna(0.0)
    return table["final_benchmark"] / (table["unadjusted_benchmark"].where(lambda x: x > 0) * kept)


def _explain(row: Any, source: Any, contract: Terms, rules: Rules) -> str:
    """A sentence or two: what decided the payment, and why it differs where it does."""
    side = "savings" if row.savings >= 0 else "losses"
    shared = abs(row.computed_shared)
    text = (
        f"{side} of {abs(row.savings_rate):.4%} of the benchmark with its equity adjustment; by the marginal corridors "
        f"the entity's part is ${shared:,.0f} of ${abs(row.savings):,.0f}"
    )
    if row.sequestration > 0:
        text += f", less sequestration of {contract.sequestration:.0%}"
    if rules.beyond():
        text += f"; {rules.beyond()}"
    if np.isfinite(source.discount) and abs(source.discount - contract.benchmark_discount) > 1e-9:
        text += f"; the file prints a discount of {source.discount:.2%}, the rules {contract.benchmark_discount:.2%}"
    if np.isfinite(row.implied_year_factor):
        text += f"; implied year factor {row.implied_year_factor:.4f}"
    return text if row.within_rounding else f"{text}; {_why_not(row)}"


def _why_not(row: Any) -> str:
    """Most likely reason that a published amount lies outside the rounding."""
    if pd.isna(row.published):
        return "the file prints no payment to compare with"
    if row.published == 0:
        return (
            f"the file prints a payment of 0 beside shared savings of ${row.published_shared:,.0f}, where the rules "
            f"give ${row.computed:,.0f}; it does not say why none was made"
        )
    if row.within_dollar:
        return "differs by less than a dollar"
    return f"differs by ${row.difference:,.2f} for a reason that the file does not show"
