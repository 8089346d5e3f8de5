"""Terms of the Medicare Shared Savings Program, built from its dated rules."""

from __future__ import annotations

from typing import Any, Literal, cast

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from acomodel.contract.terms import Share, Terms
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


@dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True))
class ProgramTerms:
    """Terms named by programme and track, and read from its dated rules."""

    program: Literal["mssp"] = Field(description="programme whose rules apply")
    track: str = Field(description="track of the programme, such as 'Track 1' or 'BASIC E'")
    agreement_start: int | None = Field(
        default=None, ge=2012, le=2100, description="year in which the agreement began [year]"
    )
    agreement_year: int | None = Field(default=None, ge=1, le=10, description="year of the agreement, from 1")
    msr: Share | Literal["size"] | None = Field(
        default=None,
        description="the ACO's choice of minimum savings rate, where the track leaves one [share of benchmark]",
    )
    low_revenue: bool = Field(default=False, description="whether the ACO counts as low-revenue")
    revenue_limit: bool = Field(default=False, description="whether losses are also limited by participants' revenue")

    def in_year(self, performance_year: int) -> Terms:
        """Terms in one performance year."""
        return terms(
            self.program,
            self.track,
            performance_year,
            agreement_start=self.agreement_start,
            agreement_year=self.agreement_year,
            msr=self.msr,
            low_revenue=self.low_revenue,
            revenue_limit=self.revenue_limit,
        )


def terms(
    program: Literal["mssp"],
    track: str,
    performance_year: int,
    *,
    agreement_start: int | None = None,
    agreement_year: int | None = None,
    msr: float | Literal["size"] | None = None,
    low_revenue: bool = False,
    revenue_limit: bool = False,
) -> Terms:
    """
    Terms of a programme's track in one performance year, from its rule table.

    Parameters
    ----------
    program : {"mssp"}
        Medicare Shared Savings Program.
    track : str
        "Track 1", "Track 2", "Track 3", "Track 1+", "BASIC A" to "BASIC E", or "ENHANCED".
    performance_year : int
        Year settled; past the last year of the table the newest rows stand in (`rules_used` says so).
    agreement_start : int, optional
        Year in which the agreement began; the performance year when not given.
    agreement_year : int, optional
        1, 2, 3, …: year of the agreement, for limits that rise with it; by default counted from
        `agreement_start`.
    msr : float or "size", optional
        The ACO's choice of threshold where the track leaves one (0, 0.005, 0.01, 0.015, 0.02 or "size");
        "size" when not given. [share of benchmark]
    low_revenue : bool
        Whether CMS calls the ACO low-revenue, which from 2024 opens a reduced rate below the threshold.
    revenue_limit : bool
        Whether losses are also limited by a share of the participants' revenue, which `settle` then needs.

    Returns
    -------
    Terms

    Raises
    ------
    InputError
        Unknown programme or track, or a threshold the programme does not offer.

    References
    ----------
    .. [1] 42 CFR 425.600-425.610; each value carries its own source in ``data/rules/mssp.csv``.

    Examples
    --------
    >>> terms("mssp", "ENHANCED", 2023, msr=0.01).loss_method
    'one_minus_rate_times_quality'
    """
    if program != "mssp":
        raise InputError(f"no rule table for the programme '{program}'; 'mssp' is the one there is")
    if not isinstance(performance_year, int):
        raise InputError(f"performance year: found {performance_year!r}; a whole number is wanted")
    if agreement_start is not None and agreement_start > performance_year:
        raise InputError(f"an agreement that starts in {agreement_start} has no performance year {performance_year}")
    rules = Rules(program, performance_year, agreement_start)
    sharing_rate = cast(float, rules.value("sharing_rate", track).value)
    applied = _applied(rules, track, agreement_year, low_revenue=low_revenue, revenue_limit=revenue_limit)
    clauses: dict[str, Any] = {clause: rules.number(parameter, track) for clause, parameter in applied.items()}
    if "below_msr_members" in clauses:
        clauses["below_msr_members"] = int(clauses["below_msr_members"])
    score_method = rules.text("quality_method", track) == "score"
    beyond = f" ({rules.beyond()})" if rules.beyond() else ""
    return Terms(
        name=f"MSSP {track}, performance year {performance_year}{beyond}",
        sharing_rate=sharing_rate,
        msr=_threshold(rules, track, msr),
        quality_method="multiplier" if score_method else "standard",
        loss_method=cast(Any, rules.text("loss_method", track)),
        **clauses,
    )


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


def rules_used(kind: ProgramTerms, performance_year: int) -> list[Assumption]:
    """
    Cited rules behind the terms of a programme in one year: the same rows that `terms` reads.

    Parameters
    ----------
    kind : ProgramTerms
        Programme, track and choices.
    performance_year : int
        Year settled.

    Returns
    -------
    list of Assumption

    Examples
    --------
    >>> rules_used(ProgramTerms(program="mssp", track="Track 1"), 2014)[0].value
    0.5
    """
    rules = Rules(kind.program, performance_year, kind.agreement_start)
    applied = _applied(
        rules, kind.track, kind.agreement_year, low_revenue=kind.low_revenue, revenue_limit=kind.revenue_limit
    )
    names = ["sharing_rate", "msr_method", "msr", "quality_method", "loss_method", *applied.values()]
    return [rules.value(name, kind.track) for name in names if rules.row(name, kind.track) is not None]
