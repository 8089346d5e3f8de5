"""Two runs side by side: what changed in the inputs, and the walk of the payment from one to the other."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import pandas as pd

from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.workbench.model import Run, figures_of, headline_value
from acomodel.workbench.scenario import settings


@dataclass(frozen=True, eq=False, repr=False)
class Bridge(Shown):
    """
    Walk of the payment from one run to another.

    Parameters
    ----------
    steps : pandas.DataFrame
        Index the part of the scenario that changed, first "before", last "after"; columns `payment` after
        the step and `change`; the changes add up exactly.
    changes : pandas.DataFrame
        Index the setting; columns `before`, `after`.
    """

    steps: pd.DataFrame
    changes: pd.DataFrame

    def exhibit(self) -> Exhibit:
        """The walk as a table."""
        frame = self.steps.rename(columns={"change": "Change", "payment": "Payment"})
        return Exhibit("Payment, before to after", frame, {"Change": "$.", "Payment": "$."})


_ORDER = ("claims", "experience", "risk", "large_claims", "trend", "benchmark", "historical", "terms", "years")


def compare(before: Run, after: Run) -> Bridge:
    """
    Bridge of the headline payment from one run to another, part by part.

    Parameters
    ----------
    before, after : Run
        Two runs; the headline years must be the same.

    Returns
    -------
    Bridge
        Parts are exchanged one after the other in the order of the chain (claims, experience, risk, large claims,
        trend, benchmark, historical, terms, years), each step being the payment with the parts so far exchanged.

    Raises
    ------
    InputError
        The runs lead with different years, or the scenarios cannot be mixed part by part.

    Examples
    --------
    >>> from acomodel import change, load_scenario, run
    >>> base = load_scenario("scenarios/hackensack-2014.toml")
    >>> bridge = compare(run(base), run(change(base, {"years.1.quality_score": 1.0})))
    >>> bridge.steps["change"].round().to_dict()
    {'before': 0.0, 'years': 334811.0, 'after': 0.0}
    """
    first, last = before.scenario, after.scenario
    labels = [s.years[s.headline()].label for s in (first, last)]
    if labels[0] != labels[1]:
        raise InputError(f"compare: the runs lead with different years, {labels[0]} and {labels[1]}")
    old, new = settings(first), settings(last)
    keys = [k for k in dict.fromkeys([*old, *new]) if old.get(k) != new.get(k)]
    kept = [k for k in keys if not k.startswith(("name", "title", "report.", "sensitivity.", "outcomes."))]
    changes = pd.DataFrame(
        {"before": [str(old.get(k, "")) for k in kept], "after": [str(new.get(k, "")) for k in kept]},
        index=pd.Index(kept, name="setting"),
    )
    level = float(before.headline()["payment"])
    rows, mixed, tables = [("before", 0.0, level)], first, before.tables
    for part in _ORDER:
        exchanged = tables.with_part(part, after.tables)
        if getattr(first, part) == getattr(last, part) and exchanged.fingerprints() == tables.fingerprints():
            continue
        mixed, tables = dataclasses.replace(mixed, **{part: getattr(last, part)}), exchanged
        value = headline_value(mixed, figures_of(mixed, tables), "payment")
        rows.append((part, value - level, value))
        level = value
    rows.append(("after", 0.0, level))
    return Bridge(pd.DataFrame(rows, columns=["part", "change", "payment"]).set_index("part"), changes)
