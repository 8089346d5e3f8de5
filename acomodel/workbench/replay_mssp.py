"""Settle every ACO of a public use file of the Shared Savings Program by the rules, as CMS printed it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from acomodel.contract.programs import terms
from acomodel.contract.settlement import Settlement, settle
from acomodel.contract.terms import Terms
from acomodel.inputs import InputError
from acomodel.programs import Rules, minimum_savings_rate
from acomodel.puf import PublicUseFile

SMALLEST = 100
"""Fewest beneficiaries of the size table; below, only a printed threshold can be used. [members]"""

DOLLAR = 1.0
"""Largest difference that counts as the same dollar amount. [$]"""


def replay_mssp(file: PublicUseFile) -> pd.DataFrame:
    """
    Rows of one public use file: terms for each ACO, three settlements, and the comparison.

    Parameters
    ----------
    file : PublicUseFile
        As `read_puf` gives it.

    Returns
    -------
    pandas.DataFrame
        As `Replay.rows`.
    """
    table = file.table
    rules = {y: Rules("mssp", int(y)) for y in table["performance_year"].unique()}
    basis = pd.DataFrame([_terms_of(row, rules[row.performance_year]) for row in table.itertuples()])
    contracts = basis.pop("terms").tolist()
    half_year = _half_year(table)
    relief = -table["disaster_adjustment"].fillna(0.0).clip(upper=0.0)
    factors = table["performance_year"].map(
        {y: r.number("half_year_disaster_factor", "*") or 1.0 for y, r in rules.items()}
    )
    relief = relief.where(~half_year, relief * factors)

    def at(end: int) -> Settlement:
        """Settlement with every printed figure moved by `end` half units in the ACO's favour."""
        move = end * file.half_unit
        score = (table["quality_score"].fillna(0.0) + move["quality_score"]).clip(0.0, 1.0)
        factor = basis["quality_factor"].where(~basis["factor_from_score"], score)
        factor = factor + move["final_sharing_rate"].where(basis["factor_from_rate"], 0.0) / basis["sharing_rate"]
        return settle(
            table["benchmark"] + move["benchmark"],
            table["actual"] - move["actual"],
            contracts,
            members=table["members"],
            quality_score=score.where(basis["standard_met"], 0.0),
            quality_factor=factor.clip(0.0, 1.0),
            disaster_adjustment=(relief + move["disaster_adjustment"]).where(relief > 0, 0.0).clip(lower=0.0),
            eligible=basis["eligible"],
        )

    exact, least, most = at(0), at(-1), at(1)
    rows = pd.DataFrame(
        {
            "program": "mssp",
            "aco_id": table["aco_id"],
            "aco_name": table["aco_name"],
            "performance_year": table["performance_year"],
            "start_date": table["start_date"],
            "track": basis["track"],
            "published": table["earned"],
            "computed": exact.earned,
        }
    )
    rows["difference"] = rows["computed"] - rows["published"]
    rows["lowest"], rows["highest"] = np.minimum(least.earned, most.earned), np.maximum(least.earned, most.earned)
    rows["within_rounding"] = _within(rows, least, most, 2 * file.half_unit["earned"] + 1e-6)
    rows["within_dollar"] = rows["difference"].abs() <= DOLLAR
    rows["msr_basis"] = basis["msr_basis"]
    rows["rate_basis"] = basis["rate_basis"]
    rows["published_sharing_rate"] = table["final_sharing_rate"]
    rows["published_loss_rate"] = table["final_loss_rate"]
    lines = exact.to_frame().drop(columns=["recouped", "payment", "target"])
    rows = pd.concat([rows, lines], axis=1)
    rate_gap = (exact.final_sharing_rate - table["final_sharing_rate"]).abs()
    tolerance = file.half_unit["final_sharing_rate"] + file.half_unit["quality_score"] + 1e-9
    rows["rate_agrees"] = (rate_gap <= tolerance).where(table["final_sharing_rate"].notna())
    said = zip(rows.itertuples(), table.itertuples(), half_year, contracts, strict=True)
    rows["explanation"] = [_explain(row, source, half, contract) for row, source, half, contract in said]
    return rows


def _within(rows: pd.DataFrame, least: Settlement, most: Settlement, slack: pd.Series) -> pd.Series:
    """
    Whether each published amount lies between the two ends.

    Where the printed digits leave open whether the threshold was met, the amount must be near nothing or near
    what is paid or owed beyond the threshold, not anywhere between.
    """
    published = rows["published"]
    inside = (published >= rows["lowest"] - slack) & (published <= rows["highest"] + slack)
    straddles = (least.earns != most.earns) | (least.owes != most.owes)
    paying = most.earned.where(most.earns, least.earned)
    rate = most.final_sharing_rate.where(most.earns, least.loss_rate)
    width = (most.savings - least.savings).abs() * rate + slack
    width += (most.final_sharing_rate - least.final_sharing_rate).abs() * most.savings.abs()
    return inside & (~straddles | (published.abs() <= slack) | ((published - paying).abs() <= width))


def _half_year(table: pd.DataFrame) -> pd.Series:
    """ACOs whose total benchmark covers half of their person years: six-month performance periods."""
    ratio = table["benchmark"] / (table["updated_benchmark"] * table["person_years"])
    return ratio.between(0.45, 0.55)


def _terms_of(row: Any, rules: Rules) -> dict[str, Any]:
    """Terms of one ACO, and on what each of its threshold and its sharing rate rests."""
    start = row.start_date.year if pd.notna(row.start_date) else None
    track = row.track
    if track and rules.row("sharing_rate", track) is None:
        raise InputError(f"ACO {row.aco_id}: '{track}' did not exist in {rules.year}; wrong year's file?")
    result: dict[str, Any] = {
        "rate_basis": f"{track or 'unknown track'} and quality by the rules",
        "eligible": row.guardrail != 1,
    }
    rules = Rules(rules.program, rules.year, start)
    standard, factor = _quality(row, rules.text("quality_method", track or "*"))
    result["standard_met"] = standard != "failed"
    if not track:
        track, result["rate_basis"] = _inferred_track(row, rules, factor)
    msr, result["msr_basis"] = _threshold(row, rules, track)
    result["track"] = track
    low_revenue = row.reduced_rate == 1 or (pd.isna(row.reduced_rate) and "low" in row.revenue_category.lower())
    contract = terms(
        "mssp",
        track,
        rules.year,
        agreement_start=start,
        msr=msr if msr != "set" else None,
        low_revenue=low_revenue,
    )
    if row.members < SMALLEST and contract.msr == "size":
        known = pd.notna(row.msr)
        contract = dataclasses.replace(contract, msr=float(row.msr) if known else 1.0)
        result["msr_basis"] = "as printed: too few beneficiaries for the size table" if known else "none: too few"
    from_rate = False
    if row.reporting_only and pd.isna(row.standard_met) and row.final_sharing_rate == 0:
        factor, standard = 0.0, "failed"
        result["rate_basis"] = "the published final rate of 0: the file marks the score as reporting only, and only "
        result["rate_basis"] += "that rate shows that reporting was not complete"
    elif np.isnan(factor):
        known = pd.notna(row.final_sharing_rate)
        factor = min(1.0, row.final_sharing_rate / contract.sharing_rate) if known else 1.0
        from_rate, standard = bool(known), "standard"
        result["rate_basis"] = "the published final rate: what quality earned is not printed"
        if not known:
            result["rate_basis"] = "the maximum rate: neither a quality score nor a final rate is printed"
    result |= {"terms": contract, "quality_factor": factor, "sharing_rate": contract.sharing_rate}
    return result | {"factor_from_score": standard == "score", "factor_from_rate": from_rate}


def _quality(row: Any, method: str) -> tuple[str, float]:
    """How the quality standard was met, and the part of the sharing rate that it earns."""
    if method == "score":
        if row.standard_met == 0:
            return "failed", 0.0
        return "score", row.quality_score
    if row.alternative_met == 1 and row.standard_met != 1 and method == "standard_or_alternative":
        return "score", row.quality_score
    if row.standard_met == 0:
        return "failed", 0.0
    return "standard", 1.0 if row.standard_met == 1 else np.nan


def _threshold(row: Any, rules: Rules, track: str) -> tuple[Any, str]:
    """Threshold for `terms`, and on what it rests: the size table, the programme, or the ACO's choice."""
    method = rules.text("msr_method", track)
    if row.reduced_rate == 1 and method == "choice":
        return "size", "size table, below which the reduced rate applies"
    if method != "choice":
        return "set", {"size": "size table", "fixed": "set by the programme"}[method]
    offered = [float(x) for x in rules.text("msr_choice", track).split("|") if x != "size"]
    printed = row.msr
    if pd.isna(printed):
        return "size", "size table: the file prints no threshold"
    choice = min(offered, key=lambda x: abs(x - printed))
    table = minimum_savings_rate(row.members)
    if abs(choice - printed) <= abs(table - printed) and abs(choice - printed) < 1e-4:
        return choice, "the ACO's choice, as printed"
    if abs(table - printed) < 1e-4:
        return "size", "the ACO's choice of the size table"
    return "size", f"size table: the printed {printed:.4%} is neither its rate nor one that the programme offers"


def _inferred_track(row: Any, rules: Rules, factor: float) -> tuple[str, str]:
    """Track that printed rates and threshold point to, where a file names none."""
    candidates = sorted(rules.tracks(), key=lambda t: "+" in t)
    rates = {t: rules.number("sharing_rate", t) or 0.0 for t in candidates}
    printed = row.sharing_rate if pd.notna(row.sharing_rate) else row.final_sharing_rate / factor if factor else np.nan
    by_rate = [t for t in candidates if pd.notna(printed) and abs(rates[t] - printed) < 0.02]
    size = minimum_savings_rate(row.members)
    fixed = pd.notna(row.msr) and abs(row.msr - size) > 1e-4
    by_msr = [t for t in candidates if (rules.text("msr_method", t) != "size") == fixed]
    both = [t for t in by_rate if t in by_msr]
    track = (both or by_rate or by_msr or candidates)[0]
    return (
        track,
        f"{track}, inferred from the printed rate and threshold as the file names no track, and quality",
    )


def _explain(row: Any, source: Any, half_year: bool, contract: Terms) -> str:
    """One sentence or two: what decided the payment, and why it differs where it does."""
    if source.guardrail == 1:
        text = "benchmark guardrail applied: no savings or losses are shared"
    elif row.earns:
        share = f"{row.final_sharing_rate:.4%} of savings"
        if row.savings_rate < row.msr:
            share = "a reduced rate for a low-revenue ACO below the threshold, " + share
        text = f"savings rate {row.savings_rate:.4%} reaches the threshold {row.msr:.4%}: {share}"
        if row.cut_by_cap > 0:
            text += f"; held at the cap of {contract.savings_cap_benchmark:.0%} of benchmark"
    elif row.owes:
        text = f"loss rate {-row.savings_rate:.4%} reaches the threshold {row.mlr:.4%}: {row.loss_rate:.4%} of losses"
        if contract.loss_forgiven == 1:
            text += "; forgiven for all ACOs in this year"
        if row.cut_by_limit > 0:
            text += f"; held at the limit of {contract.loss_limit_benchmark:.0%} of benchmark"
    elif row.savings > 0:
        text = f"savings rate {row.savings_rate:.4%} stays below the threshold {row.msr:.4%}"
    elif contract.two_sided:
        text = f"loss rate {-row.savings_rate:.4%} stays below the threshold {row.mlr:.4%}"
    else:
        text = "losses, which a one-sided contract does not share"
    if row.earns and row.final_sharing_rate == 0:
        text += "; the quality standard was not met, so nothing is paid"
    beyond = Rules("mssp", int(row.performance_year)).beyond()
    text += f"; {beyond}" if beyond else ""
    if half_year:
        text += "; six-month performance period"
    if not row.within_rounding:
        text += "; " + _why_not(row, source)
    if row.rate_agrees is False or row.rate_agrees == 0:
        text += f"; the published final rate is {source.final_sharing_rate:.4%}"
    return text


def _why_not(row: Any, source: Any) -> str:
    """Most likely reason that a published amount lies outside the rounding."""
    if pd.isna(row.published):
        return "the file prints no payment to compare with"
    held = row.computed < row.published < 0
    limit = Rules("mssp", int(row.performance_year)).number("loss_limit_revenue", row.track)
    ended = source.mid_year_end == 1
    if source.disaster_adjustment > 0:
        return "the file prints a disaster adjustment above zero, which no other year does; it was not applied"
    if held and limit is not None and source.revenue_limit != 0:
        says = "as the file's flag says, " if source.revenue_limit == 1 else "consistent with this, "
        text = (
            f"published ${-row.published:,.0f}, which is ${row.published - row.computed:,.0f} less: {says}the loss is "
            f"held down by the limit of {limit:.0%} of participants' revenue, whose dollars the file does not print "
            f"(the amount implies revenue of ${-row.published / limit:,.0f})"
        )
        return text + ("; the agreement also ended during the year" if ended else "")
    if held and ended:
        return "the agreement ended during the year and the loss was pro-rated by months the file does not print"
    if source.reduced_rate == 1 and row.computed == 0:
        return "the file says that a reduced rate was paid, but the agreement began before the rule for it"
    if row.published == 0 and row.computed > 0:
        return "computed a payment where none is published; the file does not say why none was made"
    if row.published != 0 and row.computed == 0:
        return "published a payment that the threshold does not allow; the file does not say why"
    return f"differs by ${row.difference:,.2f} for a reason that the file does not show"
