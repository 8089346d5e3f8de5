"""Exhibits of a negotiation: contracts side by side, terms of equal value, the frontier, the pro forma."""

from __future__ import annotations

import dataclasses

import pandas as pd

from acomodel.contract.terms import Terms
from acomodel.exhibit import Exhibit, Note, show
from acomodel.outlook.negotiation.compared import CLAUSES
from acomodel.outlook.negotiation.levels import levels
from acomodel.outlook.negotiation.proforma import interventions
from acomodel.workbench.model import Run

SHOWN = 12
"""Efficient combinations that a table shows."""
NOBODY = "Nobody says how many members the ACO has, so that its futures cannot be drawn."


def findings(run: Run) -> Note:
    """The comparison in sentences."""
    made = run.negotiation
    if made is None:
        return Note(NOBODY)
    table = made.comparison.to_frame()["value"]
    own = made.own.name
    years = run.scenario.outlook.years
    span = f"{years} years" if years > 1 else "one year"
    unsaved, error = (float(x) for x in made.comparison.to_frame().loc[(own, "unsaved"), ["value", "standard_error"]])
    points = [
        f"Over {span} '{own}' is expected to pay the ACO {show(table[own, 'payment'], '$')}; had the ACO saved "
        f"nothing in any future, the contract would be expected to pay {show(unsaved, '$')} (± {show(error, '$')}).",
        f"The ACO is paid in {table[own, 'chance_year']:.0%} of years and pays in {table[own, 'loss_year']:.0%}; its "
        f"worst twentieth of futures averages {show(table[own, 'worst'], '$')}.",
    ]
    best = table.xs("payment", level="figure").idxmax()
    safest = table.xs("worst", level="figure").idxmax()
    if best != own or safest != own:
        points.append(f"Most is expected of '{best}'; the worst futures are mildest under '{safest}'.")
    front = made.frontier.to_frame()
    ours = made.place()
    better = front[
        (front["gain"] > ours[0] + 2 * front["gain_error"]) & (front["cost"] < ours[1] - 2 * front["cost_error"])
    ]
    points.append(
        f"{len(better)} of {len(front)} combinations of clauses pay the ACO more, and less without savings, by more "
        "than two standard errors."
        if len(better)
        else "No combination of clauses tried is better for both sides by more than two standard errors."
    )
    equal = made.equal
    word = CLAUSES[equal.clause][0].lower()
    change = _words(made.own, made.other)
    found = f"a {word} of {show(equal.value, '%.')} is worth the same (± {show(equal.value_error, '%.')})"
    points.append(f"With {change}, {f'no {word} is worth the same' if equal.value is None else found}.")
    return Note(f"Contracts on the same {run.scenario.outlook.draws:,} futures.", points)


def terms_compared(run: Run) -> Exhibit | None:
    """Clauses in which the contracts differ."""
    if run.negotiation is None:
        return None
    contracts = run.negotiation.contracts
    fields = [f for f in dataclasses.fields(Terms) if f.name != "name"]
    rows = {}
    for field in fields:
        values = [getattr(terms, field.name) for terms in contracts.values()]
        if len({repr(v) for v in values}) > 1:
            rows[_name(field.name)] = [_value(v) for v in values]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(contracts)).rename_axis("Clause")
    return Exhibit("Clauses in which the contracts differ", table)


def _name(clause: str) -> str:
    words = CLAUSES[clause][0] if clause in CLAUSES else clause.replace("_", " ").capitalize()
    return words if words.isupper() else words[0].upper() + words[1:]


def _value(value: object) -> str:
    if value is None or value == "none" or value == ():
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "no limit" if value == float("inf") else show(value, "%.")
    return str(value).replace("_", " ")


def _words(one: Terms, other: Terms) -> str:
    """Clauses of another contract that differ, in words."""
    names = [f.name for f in dataclasses.fields(Terms) if f.name != "name"]
    changed = [n for n in names if getattr(one, n) != getattr(other, n)]
    return ", ".join(f"a {_name(n).lower()} of {_value(getattr(other, n))}" for n in changed)


def contracts(run: Run) -> Exhibit | None:
    """Contracts side by side on the same futures."""
    return None if run.negotiation is None else run.negotiation.comparison.exhibit()


def differences(run: Run) -> Exhibit | None:
    """Differences to the scenario's contract, with standard errors on paired futures."""
    made = run.negotiation
    return None if made is None or len(made.contracts) < 2 else made.comparison.differences()


def equal_value(run: Run) -> Exhibit | None:
    """The other contract of equal value."""
    made = run.negotiation
    if made is None:
        return None
    shown = made.equal.exhibit()
    change = _words(made.own, made.other)
    return Exhibit(f"{shown.title}, with {change}", shown.table, shown.formats, shown.note)


def clauses(run: Run) -> Exhibit | None:
    """Clauses by what they move."""
    return None if run.negotiation is None else run.negotiation.clauses.exhibit()


def frontier(run: Run) -> Exhibit | None:
    """Efficient combinations of clauses, thinned out where there are many."""
    if run.negotiation is None:
        return None
    shown = run.negotiation.frontier.exhibit()
    count = len(shown.table)
    if count <= SHOWN:
        return shown
    kept = sorted({round(i * (count - 1) / (SHOWN - 1)) for i in range(SHOWN)})
    note = f"{shown.note} {len(kept)} of them are shown; the picture has all."
    return Exhibit(shown.title, shown.table.iloc[kept].reset_index(drop=True), shown.formats, note)


def by_size(run: Run) -> Exhibit | None:
    """One-sided, two-sided and partly capitated contracts by size."""
    if run.negotiation is None:
        return None
    shown = run.negotiation.sizes.exhibit()
    said = []
    for terms in levels(threshold=run.negotiation.threshold).values():
        kept = f", {terms.capitated:.0%} capitated" if terms.capitated else ""
        lost = "" if terms.loss_rate is None else f" and {terms.loss_rate:.0%} of losses"
        start = f"beyond {terms.msr:.1%}" if terms.msr else "from the first dollar"
        said.append(f"{terms.name}: {terms.sharing_rate:.0%} of savings{lost} {start}{kept}")
    return Exhibit(shown.title, shown.table, shown.formats, f"{'; '.join(said)}. {shown.note}")


def pro_forma(run: Run) -> Exhibit | None:
    """The programme's cost, savings and return."""
    made = run.negotiation
    return None if made is None or made.pro_forma is None else made.pro_forma.exhibit()


def programme(run: Run) -> Exhibit | None:
    """Interventions of the programme: cost, effect, and where they come from."""
    made = run.negotiation
    if made is None or made.pro_forma is None:
        return None
    table = made.pro_forma.by_intervention.rename(
        columns={"cost": "Cost", "saved": "Claims saved", "share_needed": "Share needed"}
    ).rename_axis("Intervention")
    table["Source"] = [one.source for one in made.wanted.programme]
    formats = {"Cost": "$", "Claims saved": "$", "Share needed": "%"}
    return Exhibit("Interventions over all years", table, formats, "Share needed: of the claims saved, to break even.")


def starting_values(run: Run) -> Exhibit | None:
    """Interventions with a printed effect, as starting values for a programme of one's own."""
    if run.negotiation is None or run.negotiation.pro_forma is None:
        return None
    found = interventions()
    found = found[found["sureness"] != "none printed"]
    table = found[["intervention", "effect", "cost", "source", "note"]].set_index("intervention")
    table = table.rename(columns={"effect": "Effect", "cost": "Cost", "source": "Source", "note": "Note"})
    note = "As printed; the source calls the evidence mixed. Effects on a few are no effects on all."
    return Exhibit("Interventions of the ACO Toolkit", table.rename_axis("Intervention"), note=note)
