"""Two runs side by side: what changed in the inputs, and the walk of the payment from one to the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError, nearest
from acomodel.workbench.assumptions import fingerprint_shown
from acomodel.workbench.changes import Change, Mixture, changes_of, tables_that_differ
from acomodel.workbench.exhibits.settings import field_of
from acomodel.workbench.figures import figures_of, headline_value
from acomodel.workbench.model import Run
from acomodel.workbench.naming import PARTS, printable
from acomodel.workbench.scenario import settings
from acomodel.workbench.splitting import Worth, along, chain_steps, merged, shapley
from acomodel.workbench.tables import TABLE_SETTINGS

Order = Literal["chain", "shapley"]
CHAIN_SAID = (
    "Steps are taken one after the other in the order of the chain, each with those above it already taken; in another "
    "order the same total would be split otherwise."
)
ASIDE = ("name", "title", "report.", "sensitivity.", "outcomes.")
"""Settings that say how a report looks, and that no comparison lists."""


@dataclass(frozen=True, eq=False, repr=False)
class Bridge(Shown):
    """
    Walk of the payment from one run to another.

    Parameters
    ----------
    steps : pandas.DataFrame
        Index what changes hands, first "before", last "after"; columns `part` of the scenario, `settings` (their keys),
        `was` and `became` in words, `change` and `payment` after the step in whole cents, which add up exactly. [$]
    changes : pandas.DataFrame
        Index the setting; columns `before`, `after` as they are in the scenarios, `unit`, and the `step` that the
        setting is part of, empty where no payment depends on it.
    before, after : Run
        The runs.
    by : {"chain", "shapley"}
        How the steps are worked out.
    note : str
        What the steps are in words: how their order matters, and what else a reader must know.
    """

    steps: pd.DataFrame
    changes: pd.DataFrame
    before: Run
    after: Run
    by: Order
    note: str

    @property
    def labels(self) -> tuple[str, str]:
        """The years whose payments are compared."""
        first, last = (run.scenario.years[run.scenario.headline()].label for run in (self.before, self.after))
        return printable(first), printable(last)

    @property
    def total(self) -> float:
        """Payment after less payment before, in whole cents. [$]"""
        cents = [round(100 * float(level)) for level in self.steps["payment"].iloc[[0, -1]]]
        return (cents[1] - cents[0]) / 100

    @cached_property
    def levels(self) -> pd.DataFrame:
        """Benchmark, spending, savings and payment of both runs, and their change."""
        lines = ("benchmark", "actual", "savings", "savings_rate", "msr", "payment")
        columns = {name: run.headline()[list(lines)] for name, run in (("before", self.before), ("after", self.after))}
        frame = pd.DataFrame(columns).astype(float)
        for line in ("benchmark", "actual", "savings", "payment"):
            frame.loc[line] = [_dollars(_cents(value)) for value in frame.loc[line]]
        frame["change"] = frame["after"] - frame["before"]
        for line in ("benchmark", "actual", "savings", "payment"):
            first, last = (_cents(value) for value in frame.loc[line, ["before", "after"]])
            frame.loc[line, "change"] = _dollars(last - first)
        return frame.rename_axis("line")

    @cached_property
    def chances(self) -> pd.DataFrame | None:
        """
        Chance of a payment and expected payments of both contracts; None unless both runs have an outlook.

        By luck alone, nothing being saved, and, where either scenario states true savings, with these.
        """
        looks = [run.outlook for run in (self.before, self.after)]
        if looks[0] is None or looks[1] is None:
            return None
        columns = {}
        for name, look in zip(("before", "after"), looks, strict=True):
            assert look is not None
            alone = look.payments(0.0)
            rows = {
                "members": float(look.members),
                "chance_earned": alone.chance_earned,
                "chance_owed": alone.chance_owed,
                "expected_payment": alone.expected_payment,
            }
            if any(other is not None and other.true_savings for other in looks):
                really = look.payments(look.true_savings)
                rows |= {"true_savings": look.true_savings, "chance_earned_so": really.chance_earned}
                rows |= {"chance_owed_so": really.chance_owed, "expected_payment_so": really.expected_payment}
            columns[name] = rows
        frame = pd.DataFrame(columns).rename_axis("figure")
        return frame.assign(change=frame["after"] - frame["before"])

    @cached_property
    def tables(self) -> pd.DataFrame:
        """Tables whose figures differ: by `table` and `figure`, `before` and `after`."""
        rows = []
        for name in tables_that_differ(self.before.tables, self.after.tables):
            prints = [_print(run, name) for run in (self.before, self.after)]
            for figure in dict.fromkeys([*prints[0], *prints[1]]):
                rows.append((name, figure, prints[0].get(figure), prints[1].get(figure)))
            cells = _cells_that_differ(*(getattr(run.tables, name, None) for run in (self.before, self.after)))
            if cells:
                rows.append((name, "cells that differ", None, cells))
        return _as_given(rows, ["table", "figure", "before", "after"]).set_index(["table", "figure"])

    @cached_property
    def sources(self) -> pd.DataFrame:
        """Sources that differ: index the setting, columns `before`, `after`."""
        old, new = self.before.scenario.basis, self.after.scenario.basis
        keys = [key for key in dict.fromkeys([*old, *new]) if old.get(key) != new.get(key)]
        rows = [(old.get(key, ""), new.get(key, "")) for key in keys]
        return pd.DataFrame(rows, columns=["before", "after"], index=pd.Index(keys, name="setting", dtype=object))

    def exhibit(self) -> Exhibit:
        """The walk as a table."""
        from acomodel.workbench.exhibits.comparison import steps

        return steps(self)

    def to_json(self) -> dict[str, Any]:
        """The comparison as plain numbers and text, ready for JSON; the changes add up to the cent."""
        named = {}
        for side, run, label in zip(("before", "after"), (self.before, self.after), self.labels, strict=True):
            scenario = run.scenario
            named[side] = {"name": scenario.name, "title": scenario.title, "path": str(scenario.path), "year": label}
        return named | {
            "by": self.by,
            "note": self.note,
            "total": self.total,
            "levels": _records(self.levels),
            "steps": _records(self.steps),
            "changes": _records(self.changes),
            "tables": _records(self.tables),
            "sources": _records(self.sources),
            "chances": None if self.chances is None else _records(self.chances),
        }


def compare(before: Run, after: Run, *, by: Order = "chain") -> Bridge:
    r"""
    Bridge of the headline payment from one run to another, step by step.

    Parameters
    ----------
    before, after : Run
        Two runs. Each leads with its own year.
    by : {"chain", "shapley"}
        Steps in the order of the chain, or the average of each over all orders.

    Returns
    -------
    Bridge
        A step for each setting that differs, or for settings that only make sense together (`changes_of`); settings
        that no valid scenario has without others are one step with these.

    Raises
    ------
    InputError
        An unknown way of splitting.

    Notes
    -----
    In the order of the chain (claims, experience, risk, large claims, trend, benchmark, terms, years) a step is

    .. math:: v(\{1, \dots, k\}) - v(\{1, \dots, k - 1\})

    where :math:`v(S)` is the payment of the first scenario with the changes in :math:`S` made, in whole cents. The
    Shapley value is the average of :math:`v(S \cup \{k\}) - v(S)` over all orders, exact for up to six steps and over
    128 orders drawn with a fixed seed beyond; cents are allotted by largest remainder, so that both add up exactly.

    References
    ----------
    .. [1] L. S. Shapley, "A value for n-person games," Contributions to the Theory of Games II, 1953, pp. 307-317.

    Examples
    --------
    >>> from acomodel import change, load_scenario, run
    >>> base = load_scenario("scenarios/hackensack-2014.toml")
    >>> bridge = compare(run(base), run(change(base, {"years.1.quality_score": 1.0})))
    >>> bridge.steps["change"].to_dict()
    {'before': 0.0, '2014: quality score': 334810.9, 'after': 0.0}
    """
    if by not in get_args(Order):
        raise InputError(f"compare: found by = '{by}'; chain or shapley is wanted.{nearest(str(by), get_args(Order))}")
    differences = changes_of(before, after)
    value = _payments(before, after, differences)
    steps = chain_steps(len(differences), value)
    if by == "shapley":
        steps = merged(steps, value)
        worth, note = shapley(steps, value)
    else:
        worth, note = along(steps, value), CHAIN_SAID
    if len(steps) < 2:
        note = ""
    rows = [("before", "", "", "", "", 0.0, _dollars(value(frozenset())))]
    level = value(frozenset()) or 0
    of_key: dict[str, str] = {}
    for step, cents in zip(steps, worth, strict=True):
        taken = [differences[at] for at in step]
        level += cents
        label = ", ".join(one.words for one in taken)
        if len(taken) > 3:
            parts = list(dict.fromkeys(PARTS.get(one.part, one.part) for one in taken))
            reach = f"{parts[0]} to {parts[-1].lower()}" if parts[1:] else parts[0]
            label = f"{reach}, {len(taken)} settings"
        keys = [key for one in taken for key in one.keys]
        of_key |= dict.fromkeys(keys, label)
        was, became = ("; ".join(t for t in said) for said in zip(*((o.before, o.after) for o in taken), strict=True))
        if len(taken) > 3:
            was, became = "", ""  # too many for a cell; all of them stand among the settings that differ
        rows.append((label, taken[0].part, " ".join(keys), was, became, _dollars(cents), _dollars(level)))
    rows.append(("after", "", "", "", "", 0.0, _dollars(level)))
    columns = ["step", "part", "settings", "was", "became", "change", "payment"]
    frame = pd.DataFrame(rows, columns=columns).set_index("step")
    bridge = Bridge(frame, _changed_settings(before, after, of_key), before, after, by, note)
    return Bridge(frame, bridge.changes, before, after, by, " ".join(t for t in (_heads(bridge), note) if t))


def _heads(bridge: Bridge) -> str:
    """A word of warning where the runs lead with different years."""
    first, last = bridge.labels
    return "" if first == last else f"The runs lead with different years: {first} before, {last} after."


def _payments(before: Run, after: Run, differences: Sequence[Change]) -> Worth:
    """Payment in cents with some of the changes made; None where they do not fit together."""
    mixture = Mixture(before, after)
    everything = frozenset(range(len(differences)))
    known: dict[frozenset[int], int | None] = {everything: _cents(after.headline()["payment"])}
    known[frozenset()] = _cents(before.headline()["payment"])

    def value(taken: frozenset[int]) -> int | None:
        if taken not in known:
            made = [differences[at] for at in sorted(taken)]
            try:
                scenario = mixture.scenario(made)
                amount = headline_value(scenario, figures_of(scenario, mixture.tables(made, scenario)), "payment")
                known[taken] = _cents(amount) if math.isfinite(amount) else None
            except InputError:
                known[taken] = None
        return known[taken]

    return value


def _cents(amount: float) -> int:
    """Whole cents nearest an amount, halves away from zero."""
    return int(math.copysign(math.floor(abs(float(amount)) * 100 + 0.5), amount)) if math.isfinite(amount) else 0


def _dollars(cents: int | None) -> float:
    return (cents or 0) / 100


def _changed_settings(before: Run, after: Run, of_key: dict[str, str]) -> pd.DataFrame:
    """Settings that differ, but those of the report's looks and names of files that hold the same."""
    old, new = settings(before.scenario), settings(after.scenario)
    same = [key for table, key in TABLE_SETTINGS.items() if table not in _differing(before, after)]
    if "claims" not in _differing(before, after):
        same += ["claims.data", "claims.tables", "claims.synthetic", "claims.engine"]
    rows = {}
    for key in dict.fromkeys([*old, *new]):
        unlike = old.get(key) != new.get(key) and not key.startswith(ASIDE)
        alike = any(key == name or key.startswith(f"{name}.") for name in same)
        if not unlike or alike or _left_at_default(before, after, old, new, key):
            continue
        holder = after if key in new else before
        step = next((of_key[k] for k in of_key if key == k or key.startswith(f"{k}.")), "")
        rows[key] = (key, old.get(key), new.get(key), field_of(holder.scenario, key)[1], step)
    return _as_given([*rows.values()], ["setting", "before", "after", "unit", "step"]).set_index("setting")


def _as_given(rows: Sequence[tuple[Any, ...]], columns: Sequence[str]) -> pd.DataFrame:
    """Rows as a table whose cells stay what they are: nothing is not a number."""
    return pd.DataFrame({c: pd.Series([row[n] for row in rows], dtype=object) for n, c in enumerate(columns)})


def _differing(before: Run, after: Run) -> list[str]:
    return tables_that_differ(before.tables, after.tables)


def _left_at_default(before: Run, after: Run, old: dict[str, Any], new: dict[str, Any], key: str) -> bool:
    """Whether only one scenario has the setting, and leaves it at its default."""
    if key in old and key in new:
        return False
    return field_of((after if key in new else before).scenario, key)[2]


def _print(run: Run, name: str) -> dict[str, Any]:
    """Rows and sums of a table."""
    found = run.tables.claims.fingerprint() if name == "claims" and run.tables.claims is not None else None
    if found is None and name != "claims" and getattr(run.tables, name) is not None:
        found = fingerprint_shown(run.scenario, run.tables.fingerprint(name))
    if found is None:
        return {}
    sums: Any = found["sums"]
    return {"rows": found["rows"]} | dict(sums)


def _cells_that_differ(old: Any, new: Any) -> int:
    """Cells of two tables of the same shape that differ; 0 where they have no cells in common."""
    frames = isinstance(old, pd.DataFrame) and isinstance(new, pd.DataFrame)
    if not frames or old.shape != new.shape or list(old.columns) != list(new.columns):
        return 0
    alike = (old.reset_index(drop=True) == new.reset_index(drop=True)) | (old.isna() & new.isna()).to_numpy()
    return int((~alike).to_numpy().sum())


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): _plain(v) for k, v in row.items()} for row in frame.reset_index().to_dict("records")]


def _plain(value: Any) -> Any:
    """Plain number, text, list or null."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
