"""Terms of the programmes whose rules are known, each built from its dated and cited rows."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from acomodel.contract.mssp import mssp_rules, mssp_terms
from acomodel.contract.terms import Share, Terms
from acomodel.exhibit import Assumption
from acomodel.inputs import InputError, nearest
from acomodel.programs import Rules, rule_table

Program = Literal["mssp", "pgp", "mhcq", "pioneer", "ngaco", "reach", "lead", "aqc", "medicaid", "commercial"]
"""Programmes that have a rule table."""

PROGRAMS: dict[str, str] = {
    "mssp": "MSSP",
    "pgp": "Physician Group Practice demonstration",
    "mhcq": "MHCQ demonstration",
    "pioneer": "Pioneer ACO",
    "ngaco": "Next Generation ACO",
    "reach": "ACO REACH",
    "lead": "LEAD",
    "aqc": "Alternative Quality Contract",
    "medicaid": "Medicaid",
    "commercial": "Commercial norms",
}
"""Programme to its name in words."""

FROM_MEMORY = "from memory"
"""What the source or the note of a rule says that could not be verified."""

_CHOICES = {
    "share": ("sharing_rate",),
    "discount": ("benchmark_discount",),
    "cap": ("gross_cap", "savings_cap_benchmark"),
    "msr": ("msr",),
}
"""What an ACO may choose, and the parameters of the tables that it stands for."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True))
class ProgramTerms:
    """Terms named by programme and track, and read from its dated rules."""

    program: Program = Field(description="programme whose rules apply")
    track: str = Field(default="", description="track of the programme, such as 'Track 1', 'BASIC E' or 'Global'")
    agreement_start: int | None = Field(
        default=None, ge=2005, le=2100, description="year in which the agreement began [year]"
    )
    agreement_year: int | None = Field(default=None, ge=1, le=10, description="year of the agreement, from 1")
    msr: Share | Literal["size"] | None = Field(
        default=None,
        description="the ACO's choice of minimum savings rate, where the track leaves one [share of benchmark]",
    )
    low_revenue: bool = Field(default=False, description="whether the ACO counts as low-revenue")
    revenue_limit: bool = Field(default=False, description="whether losses are also limited by participants' revenue")
    share: Share | None = Field(
        default=None, description="agreed sharing rate, where the programme leaves a range [share of savings]"
    )
    discount: Share | None = Field(
        default=None, description="the ACO's discount, where the programme leaves a range [share of benchmark]"
    )
    cap: Share | None = Field(
        default=None, description="agreed cap, where the programme leaves a range [share of benchmark]"
    )
    retention: bool = Field(default=False, description="whether the benchmark is also held back for retention")

    def in_year(self, performance_year: int) -> Terms:
        """Terms in one performance year."""
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return terms(given.pop("program"), given.pop("track"), performance_year, **given)


def terms(
    program: Program,
    track: str,
    performance_year: int,
    *,
    agreement_start: int | None = None,
    agreement_year: int | None = None,
    msr: float | Literal["size"] | None = None,
    low_revenue: bool = False,
    revenue_limit: bool = False,
    share: float | None = None,
    discount: float | None = None,
    cap: float | None = None,
    retention: bool = False,
) -> Terms:
    """
    Terms of a programme's track in one performance year, from its rule table.

    Parameters
    ----------
    program : str
        "mssp" (Shared Savings Program), "pgp" (Physician Group Practice demonstration), "mhcq" (Medicare Health Care
        Quality demonstration), "pioneer", "ngaco" (Next Generation), "reach" (ACO REACH, and Direct Contracting before
        2023), "lead", "aqc" (Alternative Quality Contract), "medicaid" or "commercial" (norms, no payer's terms).
    track : str
        Track of the programme: "Track 1", "BASIC E", "ENHANCED"; "Core", "Option A"; "Arrangement A"; "Global",
        "Professional"; "Indiana"; … Empty where the programme has one track only.
    performance_year : int
        Year settled; past the last year of the table the newest rows stand in (`rules_used` says so).
    agreement_start : int, optional
        Year in which the agreement began; the performance year when not given.
    agreement_year : int, optional
        1, 2, 3, …: year of the agreement, for clauses that change with it; by default counted from
        `agreement_start`.
    msr : float or "size", optional
        The ACO's choice of threshold where the track leaves one; "size" when not given. [share of benchmark]
    low_revenue : bool
        Whether CMS calls the ACO low-revenue, which from 2024 opens a reduced rate below the threshold.
    revenue_limit : bool
        Whether losses are also limited by a share of the participants' revenue, which `settle` then needs.
    share, discount, cap : float, optional
        Sharing rate, discount on the benchmark and cap that were agreed, where the programme leaves a range. A cap of
        Next Generation counts before sharing, others cap the payment. [share]
    retention : bool
        Whether a part of the benchmark is also held back until the ACO stays (REACH).

    Returns
    -------
    Terms

    Raises
    ------
    InputError
        Unknown programme or track, a choice the programme does not offer, or one that it asks for and was not made.

    References
    ----------
    .. [1] Each value carries its own source in ``data/rules/<program>.csv``; those from memory say so.

    Examples
    --------
    >>> terms("mssp", "ENHANCED", 2023, msr=0.01).loss_method
    'one_minus_rate_times_quality'
    >>> terms("reach", "Global", 2023).benchmark_discount
    0.03
    >>> terms("ngaco", "Arrangement A", 2017, discount=0.02, cap=0.1).corridors
    ((0.1, 1.0), (inf, 0.0))
    """
    rules = _rules(program, performance_year, agreement_start)
    chosen = {"share": share, "discount": discount, "cap": cap, "msr": msr}
    if program == "mssp":
        del chosen["msr"]
        _refuse(program, chosen | {"retention": retention or None})
        return mssp_terms(
            rules,
            track,
            agreement_year=agreement_year,
            msr=msr,
            low_revenue=low_revenue,
            revenue_limit=revenue_limit,
        )
    _refuse(program, {"low_revenue": low_revenue or None, "revenue_limit": revenue_limit or None})
    track = _track(rules, track)
    clauses: dict[str, Any] = {}
    for clause, parameter in _stated(rules, track, agreement_year).items():
        clauses[clause] = _value(clause, rules.text(parameter, track))
    for choice, value in chosen.items():
        clauses |= _chosen(rules, track, choice, value, set(clauses))
    if clauses.get("loss_rate") == "sharing_rate":
        clauses["loss_rate"] = clauses["sharing_rate"]
    if retention:
        held = rules.number("retention", track)
        if held is None:
            raise InputError(f"{program}: retention is no clause of '{track}' in {performance_year}")
        clauses["benchmark_discount"] = 1 - (1 - clauses.get("benchmark_discount", 0.0)) * (1 - held)
    beyond = f" ({rules.beyond()})" if rules.beyond() else ""
    words = PROGRAMS[program] if len(rules.tracks()) == 1 else f"{PROGRAMS[program]} {track}"
    return Terms(name=f"{words}, performance year {performance_year}{beyond}", **clauses)


def _rules(program: str, performance_year: Any, agreement_start: int | None) -> Rules:
    """Rules of a programme in a year, both checked."""
    if program not in PROGRAMS:
        hint = nearest(str(program), PROGRAMS)
        raise InputError(f"no rule table for the programme '{program}'; known are {', '.join(PROGRAMS)}.{hint}")
    if not isinstance(performance_year, int) or isinstance(performance_year, bool):
        raise InputError(f"performance year: found {performance_year!r}; a whole number is wanted")
    if agreement_start is not None and agreement_start > performance_year:
        raise InputError(f"an agreement that starts in {agreement_start} has no performance year {performance_year}")
    return Rules(program, performance_year, agreement_start)


def _refuse(program: str, choices: dict[str, Any]) -> None:
    """Refuse choices that a programme does not know."""
    for name, value in choices.items():
        if value is not None:
            raise InputError(f"{program}: '{name}' is given, but this programme leaves no such choice")


def _track(rules: Rules, track: str) -> str:
    """The track, or the only one there is."""
    known = rules.tracks()
    if not track and len(known) == 1:
        return known[0]
    if track not in known:
        words = f"known tracks are {', '.join(known)}" if known else f"the table begins in {rules.first_year()}"
        raise InputError(
            f"{rules.program}: no track '{track}' in {rules.year}; {words}.{nearest(track, known) if track else ''}"
        )
    return track


def _stated(rules: Rules, track: str, agreement_year: int | None) -> dict[str, str]:
    """Clause to the parameter that sets it, for the clauses that have a row in force; a year's own row comes first."""
    began = rules.year if rules.agreement_start is None else rules.agreement_start
    year = agreement_year or rules.year - began + 1
    found, written = {}, set(rule_table(rules.program)["parameter"])
    for field in dataclasses.fields(Terms):
        for parameter in (f"{field.name}_year_{year}", field.name):
            if parameter in written and rules.row(parameter, track) is not None:
                found[field.name] = parameter
                break
    return found


def _value(clause: str, text: str) -> Any:
    """
    Value of a clause as a table writes it.

    >>> _value("losses_carried", "yes"), _value("corridors", "0.1:1|inf:0"), _value("msr", "0.02")
    (True, ((0.1, 1.0), (inf, 0.0)), 0.02)
    """
    if clause in ("corridors", "quality_ladder"):
        rows = [row.split(":") for row in text.split("|")]
        return tuple((float(end), float(part)) for end, part in rows)
    if clause == "losses_carried":
        return text == "yes"
    try:
        return float(text)
    except ValueError:
        return text


def _chosen(rules: Rules, track: str, choice: str, value: Any, stated: set[str]) -> dict[str, Any]:
    """Clause that an agreed figure sets; an error where it lies outside the range, is not offered or is lacking."""
    offered = next((p for p in _CHOICES[choice] if rules.row(f"{p}_range", track) is not None), None)
    if offered is None:
        if value is not None:
            raise InputError(
                f"{rules.program}: '{choice}' is given, but '{track}' in {rules.year} leaves no such choice"
            )
        return {}
    low, high = (float(end) for end in rules.text(f"{offered}_range", track).split(":"))
    if value is None:
        if offered in stated:
            return {}
        raise InputError(
            f"{rules.program}: '{choice}' is missing; '{track}' in {rules.year} leaves it to the contract: "
            f"a share from {low:g} to {high:g} is wanted"
        )
    if not isinstance(value, int | float) or not low <= value <= high:
        raise InputError(f"{rules.program}: {choice}: found {value}; a share from {low:g} to {high:g} is wanted")
    if offered == "gross_cap":
        return {"corridors": ((float(value), 1.0), (math.inf, 0.0))}
    return {offered: float(value)}


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
    >>> [rule.name for rule in rules_used(ProgramTerms(program="pgp"), 2007) if "from memory" in rule.source]
    ['PGP: savings_cap_benchmark', 'PGP: quality_part', 'PGP: withheld']
    """
    rules = _rules(kind.program, performance_year, kind.agreement_start)
    if kind.program == "mssp":
        limited = {"low_revenue": kind.low_revenue, "revenue_limit": kind.revenue_limit}
        return mssp_rules(rules, kind.track, kind.agreement_year, **limited)
    track = _track(rules, kind.track)
    names = list(_stated(rules, track, kind.agreement_year).values())
    for choice, parameters in _CHOICES.items():
        if getattr(kind, choice) is not None:
            names = [name for name in names if name not in parameters]
            names += [f"{name}_range" for name in parameters if rules.row(f"{name}_range", track) is not None][:1]
    names += ["retention"] if kind.retention and rules.row("retention", track) is not None else []
    return [rules.value(name, track) for name in names]


def unverified(kind: ProgramTerms, performance_year: int) -> list[str]:
    """
    Clauses of a programme's terms in one year that are from memory, as their source or their note says.

    Parameters
    ----------
    kind : ProgramTerms
        Programme, track and choices.
    performance_year : int
        Year settled.

    Returns
    -------
    list of str
        Their parameters in words.

    Examples
    --------
    >>> unverified(ProgramTerms(program="reach", track="Global"), 2023)
    []
    >>> unverified(ProgramTerms(program="reach", track="Global"), 2024)
    ['benchmark discount', 'benchmark at risk']
    >>> unverified(ProgramTerms(program="pgp"), 2007)
    ['savings cap benchmark', 'quality part', 'withheld']
    """
    used = rules_used(kind, performance_year)
    return [r.name.partition(": ")[2].replace("_", " ") for r in used if FROM_MEMORY in f"{r.source}; {r.note}"]
