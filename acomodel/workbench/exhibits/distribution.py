"""Tables of a payment's distribution within the ACO, and of the ACO as a venture."""

from __future__ import annotations

import pandas as pd

from acomodel.contract.distribution.allocation import BASES
from acomodel.contract.distribution.years import RulesCompared
from acomodel.exhibit import Exhibit, Note, show
from acomodel.outlook.negotiation.proforma import interventions
from acomodel.privacy import FEW, SMALL_CELL
from acomodel.workbench.distribution import Distributed, distribution_of, folded, venture_of
from acomodel.workbench.model import Run

DOLLAR = 1.0
"""Difference up to which two sums are the same. [$]"""
APART = 0.001
"""Difference between participants' sums and what was settled from which it is said. [share]"""
OTHERS = "Participants with 1 to 10 members stand together with others, so that no such count can be worked out."


def findings(run: Run) -> Note | None:
    """The distribution in sentences."""
    found = distribution_of(run)
    if found is None:
        return None
    one = found.of_year
    points = [
        f"Of {_money(one.payment)} for {found.leading}, {_money(one.covered + one.recovered)} cover operating cost"
        + (f", and {_money(one.deficit_out)} of it are not covered." if one.deficit_out else ".")
    ]
    if one.payment >= 0 and not one.operating_cost + one.deficit_in:
        points[0] = f"The payment for {found.leading} is {_money(one.payment)}; no operating cost is stated."
    if one.payment < 0:
        points[0] = (
            f"For {found.leading} the ACO owes {_money(-one.payment)}: {_money(one.from_reserve)} come from the "
            f"reserve, {_money(one.called)} are called from participants."
        )
    for name, amount in one.pools["amount"].items():
        if amount:
            points.append(f"{name}: {_money(int(amount))}.")
    capital = float(found.participants["capital"].sum())
    last = list(found.yearly.years.values())[-1]
    if capital > 0:
        repaid = float(last.repaid.sum()) / 100
        points.append(f"Of {show(capital, '$')} of capital, {show(repaid, '$')} are repaid by then.")
    compared = _rules(run, found)
    if compared is not None:
        made, _ = compared
        apart = made.misallocated().drop(made.reference)
        widest = str(apart.idxmax())
        points.append(
            f"Division by {BASES[widest]} instead would give {show(float(apart[widest]) / 2, '$')} of what the pools "
            "share to others."
        )
    points += _told_apart(run, found)
    return Note("Every level sums to the payment to the cent.", points)


def _told_apart(run: Run, found: Distributed) -> list[str]:
    """Where the participants' own figures are not those that were settled, which rules by contribution rest on."""
    line, listed = run.lines().loc[found.leading], found.participants
    own = {name: float(listed[name].sum()) for name in ("benchmark", "actual")}
    settled = {"benchmark": float(line["final_benchmark"]), "actual": float(line["actual"])}
    if not all(own.values()) or all(abs(own[name] / settled[name] - 1) < APART for name in own if settled[name]):
        return []
    return [
        f"The participants' benchmark and spending add up to {show(own['benchmark'], '$')} and "
        f"{show(own['actual'], '$')}; settled were {show(settled['benchmark'], '$')} and "
        f"{show(settled['actual'], '$')}. What goes by contribution or Shapley value rests on the former."
    ]


def _money(cents: int) -> str:
    return show(cents / 100, "$.")


def pools(run: Run) -> Exhibit | None:
    """From the payment to the pools, in the leading year."""
    found = distribution_of(run)
    if found is None:
        return None
    shown = found.of_year.exhibit()
    return Exhibit(f"{shown.title}, {found.leading}", shown.table, shown.formats, shown.note)


def participants(run: Run) -> Exhibit | None:
    """What each practice or physician gets from each pool, in the leading year."""
    found = distribution_of(run)
    if found is None:
        return None
    table, members, note = _folded(run, found, found.of_year.to_frame())
    formats = dict.fromkeys(map(str, table.columns), "$.") | {"Members": "#"}
    table = pd.concat([table, table.sum().to_frame("Total").T])
    counts = [*members, members.sum()]
    table.insert(0, "Members", [_count(run, n) for n in counts])
    kinds = found.of_year.units["kind"].reindex(table.index)
    if len(set(kinds.dropna())) > 1:
        table.insert(0, "Kind", kinds.fillna("").to_list())
    names = table.rename_axis("TIN" if found.of_year.units.index.name == "tin" else "Participant")
    return Exhibit(f"Distribution among participants, {found.leading}", names, formats, note)


def _count(run: Run, members: float) -> str:
    """Number of members as it may be printed."""
    few = 0 < members < SMALL_CELL + 1 and not run.scenario.report.show_small_cells
    return FEW if few else "–" if not members else show(members, "#")


def _folded(run: Run, found: Distributed, table: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series, str]:
    """A table by participant with the small ones in one row, its members, and a note where that was needed."""
    people = found.participants
    units = people.by_tin() if table.index.name == "tin" else people
    counts = pd.Series(units["members"], index=list(units.names))
    shown, members = folded(table, counts, small_cells=run.scenario.report.show_small_cells)
    return shown, members, OTHERS if len(shown) < len(table) else ""


def rules(run: Run) -> Exhibit | None:
    """Who would get what under which rule, of what the pools of savings and quality pay."""
    found = distribution_of(run)
    made = None if found is None else _rules(run, found)
    if found is None or made is None:
        return None
    shown = made[0].exhibit()
    note = f"{shown.note} {made[1]}".strip()
    return Exhibit(f"{shown.title}, {found.leading}", shown.table.rename_axis("Participant"), shown.formats, note)


def _rules(run: Run, found: Distributed) -> tuple[RulesCompared, str] | None:
    """The rules side by side with small participants in one row, of which the differences are too; and a note."""
    made = found.rules()
    if made is None:
        return None
    cents, _, note = _folded(run, found, made.cents)
    return RulesCompared(cents, made.reference), note


def shapley(run: Run) -> Exhibit | None:
    """What each practice brings to what all earn together under the contract."""
    found = distribution_of(run)
    if found is None or found.shapley_values is None:
        return None
    shown = found.shapley_values.exhibit()
    table, _, note = _folded(run, found, shown.table.rename_axis("tin" if found.wanted.level == "tin" else None))
    total = table.sum().where(table.columns == "Shapley value")
    table = pd.concat([table, total.to_frame("Total").T]).rename_axis("Participant")
    said = (
        f"Value: of what every coalition would have been paid by itself for {found.leading}, on the sum of its "
        f"benchmarks and spending. Alone: by itself. Lost without it: what all others lose. {shown.note} "
        f"{_apart(run, found)} {note}"
    )
    return Exhibit("Shapley values of the participants", table, shown.formats, " ".join(said.split()))


def _apart(run: Run, found: Distributed) -> str:
    """Where the values do not sum to the payment, both amounts and why; else nothing."""
    assert found.shapley_values is not None
    values, paid = float(found.shapley_values.value.sum()), found.of_year.payment / 100
    if abs(values - paid) <= DOLLAR:
        return ""
    said = f"The values sum to {show(values, '$.')}, the payment is {show(paid, '$.')}: "
    players, head = found.units.query("benchmark > 0"), run.headline()
    listed, settled = players[["benchmark", "actual"]].sum(), head[["benchmark", "actual"]]
    if (listed - settled).abs().max() <= DOLLAR:
        return f"{said}members, or amounts carried, added or withheld, do not count for participants as for the ACO."
    of_table, of_run = (
        f"a benchmark of {show(float(both['benchmark']), '$')} and spending of {show(float(both['actual']), '$')}"
        for both in (listed, settled)
    )
    return f"{said}the participants have {of_table} together, the settlement {of_run}."


def years(run: Run) -> Exhibit | None:
    """Distribution year after year, with deficit, reserve and capital carried; None of a single year."""
    found = distribution_of(run)
    return None if found is None or len(found.yearly.years) < 2 else found.yearly.exhibit()


def years_by_participant(run: Run) -> Exhibit | None:
    """What each practice or physician gets in each year; None of a single year."""
    found = distribution_of(run)
    if found is None or len(found.yearly.years) < 2:
        return None
    totals = found.yearly.totals().rename_axis(found.of_year.units.index.name)
    table, _, note = _folded(run, found, totals)
    table = pd.concat([table, table.sum().to_frame("Total").T]).rename_axis("Participant")
    note = f"Participants are those of the table in every year. {note}".strip()
    return Exhibit("Distribution among participants by year", table, dict.fromkeys(map(str, table), "$."), note)


def venture(run: Run) -> Exhibit | None:
    """Pro forma of the ACO: cash by year, with what of it is assumed."""
    made = venture_of(run)
    if made is None:
        return None
    shown = made.exhibit()
    assumed = [one.name for one in run.scenario.negotiation.programme if one.source == "assumed"]
    said = f"Assumed, without a source: {', '.join(assumed)}. " if assumed else ""
    if run.scenario.negotiation.programme:
        said += f"{len(interventions())} published interventions are kept as starting values. "
    return Exhibit(shown.title, shown.table, shown.formats, f"{shown.note} {said}".strip())


def venture_needs(run: Run) -> Exhibit | None:
    """What the ACO needs to break even: year, chance of loss, investment, sharing rate, savings."""
    made = venture_of(run)
    return None if made is None else made.needs()
