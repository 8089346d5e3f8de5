"""The tables of a comparison: the figures of both runs, the steps between them, and what changed in the inputs."""

from __future__ import annotations

import pandas as pd

from acomodel.exhibit import Exhibit, Note, show
from acomodel.inputs import dictionary
from acomodel.workbench.comparison import Bridge
from acomodel.workbench.exhibits.settings import field_of
from acomodel.workbench.naming import name_of, value_in_words

_LINES = {
    "benchmark": ("Benchmark", "$."),
    "actual": ("Spending", "$."),
    "savings": ("Savings", "$."),
    "savings_rate": ("Savings rate", "%."),
    "msr": ("Savings threshold", "%."),
    "payment": ("Payment to the ACO", "$."),
}
_CHANCES = {
    "members": ("Members", "#"),
    "chance_earned": ("Chance that luck alone pays the ACO", "%."),
    "chance_owed": ("Chance that luck alone makes it pay", "%."),
    "expected_payment": ("Expected payment, nothing saved", "$"),
    "true_savings": ("True savings as stated", "%."),
    "chance_earned_so": ("Chance that the ACO is paid then", "%."),
    "chance_owed_so": ("Chance that it pays then", "%."),
    "expected_payment_so": ("Expected payment then", "$"),
}
_DOLLARS = {row.column for row in dictionary().itertuples() if row.unit == "$"} | {
    "paid",
    "member_cost_share",
    "allowed",
}
_TABLES = {
    "experience": "Experience",
    "monthly": "Monthly experience",
    "demographics": "Members by age and sex",
    "large_claims": "Large claims",
    "trend": "Trends",
    "base_years": "Base years",
    "type_growth": "Growth of the base years",
    "costs": "Costs by member",
    "claims": "Claims",
}


def summary(bridge: Bridge) -> Note:
    """The comparison in sentences."""
    first, last = (float(level) for level in bridge.steps["payment"].iloc[[0, -1]])
    years = bridge.labels
    moved = bridge.total
    if moved:
        said = f"The payment {'rises' if moved > 0 else 'falls'} by {show(abs(moved), '$.')}"
    else:
        said = "The payment stays as it is"
    said += f": {show(first, '$.')} for {years[0]} before, {show(last, '$.')} for {years[1]} after."
    sides = {"Before": bridge.before.scenario, "After": bridge.after.scenario}
    points = [f"{side}: {scenario.title} ({scenario.name})." for side, scenario in sides.items()]
    walk = bridge.steps.iloc[1:-1]
    if walk.empty:
        points.append("No setting and no table that the payment depends on differs.")
    elif len(walk) > 1:
        heaviest = walk["change"].abs().idxmax()
        words = f"{heaviest}, {show(float(walk.loc[heaviest, 'change']), '$.')}"
        points.append(f"Of {len(walk)} steps the largest is {words}.")
    return Note(said, points)


def levels(bridge: Bridge) -> Exhibit:
    """Benchmark, spending, savings and payment of both runs."""
    frame = _columns(bridge, bridge.levels.rename(index={line: words for line, (words, _) in _LINES.items()}))
    return Exhibit("Both settlements", frame.rename_axis("Line"), dict(_LINES.values()))


def steps(bridge: Bridge) -> Exhibit:
    """The walk of the payment; the changes add up exactly."""
    frame = bridge.steps.rename(index={"before": "Before", "after": "After"})
    table = frame[["was", "became", "change", "payment"]].set_axis(["From", "To", "Change", "Payment"], axis=1)
    table["Change"] = table["Change"].where(table["Change"].index.isin(frame.index[1:-1]))
    if bridge.by == "shapley":
        table["Payment"] = table["Payment"].where(~table.index.isin(frame.index[1:-1]))
    table.loc["Total change"] = ["", "", bridge.total, float("nan")]
    note = bridge.note if len(frame) > 2 else f"{bridge.note} Nothing that the payment depends on differs.".strip()
    return Exhibit("Payment, step by step", table.rename_axis("Step"), {"Change": "$.", "Payment": "$."}, note)


def changes(bridge: Bridge) -> Exhibit | Note:
    """Settings that differ, in words and by key."""
    if bridge.changes.empty:
        return Note("No setting differs.")
    rows = []
    for key, before, after, unit, step in bridge.changes.itertuples():
        holder = next((r for r in (bridge.after, bridge.before) if field_of(r.scenario, key)[0]), bridge.after)
        if unit == "file":
            sides, unit = ["none" if before is None else "table", "none" if after is None else "another table"], ""
        else:
            sides = [
                "by the rules of the programme"
                if value is None and key.startswith("terms.") and run.scenario.of_programme
                else value_in_words(value, key, unit)
                for run, value in ((bridge.before, before), (bridge.after, after))
            ]
        rows.append((name_of(holder.scenario, key), *sides, unit, step or "not in the payment", key))
    columns = ["Setting", "Before", "After", "Unit", "Step", "Key"]
    table = pd.DataFrame(rows, columns=columns).set_index("Setting")
    return Exhibit("Settings that differ", table, note="Step: where the setting enters the payment.")


def tables(bridge: Bridge) -> Exhibit | None:
    """Tables whose figures differ; None where none does."""
    if bridge.tables.empty:
        return None
    shown = bridge.tables.copy()
    for side in ("before", "after"):
        shown[side] = [_cell(value, str(figure)) for (_, figure), value in zip(shown.index, shown[side], strict=True)]
    labels = [
        f"{_TABLES.get(str(table), str(table))}: {str(figure).replace('_', ' ')}" for table, figure in shown.index
    ]
    table = shown.set_axis(pd.Index(labels, name="Table and figure")).set_axis(["Before", "After"], axis=1)
    return Exhibit("Tables that differ", table, note="Rows and sums; cells that differ are counted where shapes agree.")


def _cell(value: object, figure: str) -> str:
    """A figure of a table; one in words, such as 1 to 10 rows, stays as it is."""
    if value is None:
        return "–"
    return show(value, None if isinstance(value, str) else "$." if figure in _DOLLARS else "#")


def sources(bridge: Bridge) -> Exhibit | None:
    """Sources that differ; None where none does."""
    if bridge.sources.empty:
        return None
    table = bridge.sources.set_axis(["Before", "After"], axis=1).rename_axis("Setting")
    return Exhibit("Sources that differ", table.replace("", "not stated"))


def chances(bridge: Bridge) -> Exhibit | None:
    """What luck alone pays under both, and what is expected; None where either has no outlook."""
    if bridge.chances is None:
        return None
    frame = _columns(bridge, bridge.chances.rename(index={k: words for k, (words, _) in _CHANCES.items()}))
    note = "Exact distributions of the members' costs, every other figure as settled."
    return Exhibit("Chances and expected payments", frame.rename_axis("Figure"), dict(_CHANCES.values()), note)


def _columns(bridge: Bridge, frame: pd.DataFrame) -> pd.DataFrame:
    """Columns named by side, with the year where the sides lead with different ones."""
    first, last = bridge.labels
    sides = ["Before", "After"] if first == last else [f"Before, {first}", f"After, {last}"]
    shares = {words for words, style in (*_LINES.values(), *_CHANCES.values()) if style.startswith("%")}
    change = [
        f"{100 * value:+.2f} points".replace("-", "−") if label in shares else value
        for label, value in frame.iloc[:, -1].items()
    ]
    return frame.assign(**{str(frame.columns[-1]): pd.Series(change, frame.index, dtype=object)}).set_axis(
        [*sides, "Change"], axis=1
    )
