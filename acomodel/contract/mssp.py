"""Terms of the Medicare Shared Savings Program, built from its dated rules."""

from __future__ import annotations

from typing import Any, Literal, cast

from acomodel.contract.terms import Terms
from acomodel.exhibit import Assumption
from acomodel.inputs import InputError
from acomodel.programs import Rules

_NUMBERS = (
    "savings_cap_benchmark",
    "loss_rate",
    "loss_rate_floor",
    "loss_rate_ceiling",
    "loss_limit_benchmark",
    "sequestration",
    "loss_forgiven",
)


def mssp_terms(
    rules: Rules,
    track: str,
    *,
    agreement_year: int | None = None,
    msr: float | Literal["size"] | None = None,
    low_revenue: bool = False,
    revenue_limit: bool = False,
) -> Terms:
    """
    Terms of one track of the Shared Savings Program.

    Parameters
    ----------
    rules : Rules
        Rules of the programme in the year settled.
    track : str
        "Track 1", "Track 2", "Track 3", "Track 1+", "BASIC A" to "BASIC E", or "ENHANCED".
    agreement_year : int, optional
        Year of the agreement; by default counted from its start.
    msr : float or "size", optional
        The ACO's choice of threshold where the track leaves one. [share of benchmark]
    low_revenue : bool
        Whether CMS calls the ACO low-revenue.
    revenue_limit : bool
        Whether losses are also limited by a share of the participants' revenue.

    Returns
    -------
    Terms

    Raises
    ------
    InputError
        Unknown track, or a threshold the programme does not offer.

    References
    ----------
    .. [1] 42 CFR 425.600-425.610; each value carries its own source in ``data/rules/mssp.csv``.

    Examples
    --------
    >>> mssp_terms(Rules("mssp", 2023), "ENHANCED", msr=0.01).loss_method
    'one_minus_rate_times_quality'
    """
    sharing_rate = cast(float, rules.value("sharing_rate", track).value)
    applied = _applied(rules, track, agreement_year, low_revenue=low_revenue, revenue_limit=revenue_limit)
    clauses: dict[str, Any] = {clause: rules.number(parameter, track) for clause, parameter in applied.items()}
    if "below_msr_members" in clauses:
        clauses["below_msr_members"] = int(clauses["below_msr_members"])
    score_method = rules.text("quality_method", track) == "score"
    beyond = f" ({rules.beyond()})" if rules.beyond() else ""
    return Terms(
        name=f"MSSP {track}, performance year {rules.year}{beyond}",
        sharing_rate=sharing_rate,
        msr=_threshold(rules, track, msr),
        quality_method="multiplier" if score_method else "standard",
        loss_method=cast(Any, rules.text("loss_method", track)),
        **clauses,
    )


def mssp_rules(
    rules: Rules,
    track: str,
    agreement_year: int | None = None,
    *,
    low_revenue: bool = False,
    revenue_limit: bool = False,
) -> list[Assumption]:
    """
    Cited rules behind the terms of a track: the same rows that `mssp_terms` reads.

    Parameters
    ----------
    rules, track, agreement_year, low_revenue, revenue_limit
        As for `mssp_terms`.

    Returns
    -------
    list of Assumption

    Examples
    --------
    >>> mssp_rules(Rules("mssp", 2014), "Track 1")[0].value
    0.5
    """
    applied = _applied(rules, track, agreement_year, low_revenue=low_revenue, revenue_limit=revenue_limit)
    names = ["sharing_rate", "msr_method", "msr", "quality_method", "loss_method", *applied.values()]
    return [rules.value(name, track) for name in names if rules.row(name, track) is not None]


def _threshold(rules: Rules, track: str, msr: float | str | None) -> Any:
    """Threshold of the track: its own, or the ACO's choice where it has one."""
    method = rules.text("msr_method", track)
    if method == "size":
        own: float | str = "size"
    elif method == "fixed":
        own = cast(float, rules.number("msr", track))
    else:
        offered = [x if x == "size" else float(x) for x in rules.text("msr_choice", track).split("|")]
        chosen: float | str = "size" if msr is None else msr
        if chosen not in offered:
            raise InputError(f"{track}: a minimum savings rate of {chosen} is not offered; choose one of {offered}")
        return chosen
    if msr not in (None, own):
        raise InputError(f"{track}: the minimum savings rate is set by the programme ('{own}'), not {msr}")
    return own


def _applied(
    rules: Rules, track: str, agreement_year: int | None, *, low_revenue: bool, revenue_limit: bool
) -> dict[str, str]:
    """Clause to the parameter of the rule table that sets it, for the clauses that are in force."""
    began = rules.year if rules.agreement_start is None else rules.agreement_start
    first = max(began, int(rules.number("first_performance_year", "*") or began))
    year = agreement_year or rules.year - first + 1
    applied = {clause: clause for clause in _NUMBERS}
    if rules.row(f"loss_limit_benchmark_year_{year}", track) is not None:
        applied["loss_limit_benchmark"] = f"loss_limit_benchmark_year_{year}"
    if revenue_limit:
        applied["loss_limit_revenue"] = "loss_limit_revenue"
    if low_revenue and rules.row("below_msr_factor", track) is not None:
        applied |= {"below_msr_factor": "below_msr_factor", "below_msr_members": "below_msr_members"}
    return {clause: name for clause, name in applied.items() if rules.row(name, track) is not None}
