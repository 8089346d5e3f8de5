"""Tables of quality: measures, domains and the score, what a point is worth, what a score pays."""

from __future__ import annotations

import numpy as np
import pandas as pd

from acomodel.contract.quality.result import BASES
from acomodel.exhibit import Exhibit
from acomodel.privacy import FEW, HIDDEN, SMALL_CELL
from acomodel.rates import Numeric
from acomodel.workbench.model import Run
from acomodel.workbench.quality import domains_shown, hidden_measures, payments_by_score, quality_of, worth

TOP = 8
"""Measures that the table of dollars shows."""


def measures(run: Run) -> Exhibit | None:
    """Each measure: cases, rate, interval, reliability, cut point, points and how it counts."""
    found = quality_of(run.scenario, run.tables)
    if found is None:
        return None
    table, hidden = found.measures, hidden_measures(run)
    exact = hidden & (found.scheme != "mssp") & table["basis"].isin(["performance", "part"])
    counts = pd.Series(FEW, index=table.index).where(table["denominator"] <= SMALL_CELL, HIDDEN)
    cells = {
        "Measure": table["name"].where(table["name"] != table.index, ""),
        "Domain": table["domain"],
        "Cases": table["denominator"].astype(object).mask(hidden, counts),
        "Rate": table["rate"].mask(hidden),
        "Low": table["low"].mask(hidden),
        "High": table["high"].mask(hidden),
        "Reliability": table["reliability"].mask(hidden),
        "Cut point": table["cut"],
        "Next": table["next_cut"],
        "Points": table["points"].astype(object).mask(exact, HIDDEN),
        "Possible": table["possible"],
        "Counts": table["basis"].map(BASES),
    }
    frame = pd.DataFrame(cells)
    if not frame["Measure"].any():
        frame = frame.drop(columns="Measure")
    empty = [name for name in ("Cases", "Low", "High", "Reliability", "Cut point", "Next") if frame[name].isna().all()]
    frame = frame.drop(columns=empty).rename_axis("Code" if "Measure" in frame else "Measure")
    formats = dict.fromkeys(("Rate", "Low", "High", "Reliability", "Cut point", "Next"), "%.")
    formats |= {"Cases": "#", "Points": "0.000", "Possible": "#."}
    return Exhibit("Quality measures", frame, formats, _words(frame, hidden))


def _words(frame: pd.DataFrame, hidden: pd.Series) -> str:
    """What the columns of the measures are."""
    said = []
    if "Low" in frame:
        said.append("Low and high: 90% interval of the rate (Wilson).")
    if "Reliability" in frame:
        said.append("Reliability: share of the variance between those compared that is not chance.")
    if "Next" in frame:
        said.append("Cut point: what earned the points; next: from where more are earned.")
    if hidden.any():
        said.append(
            f"{FEW} and {HIDDEN}: of a measure met or missed by 1 to {SMALL_CELL} members neither cases nor rate are "
            "shown, nor points that tell the rate, nor those of another one from which they could be worked out."
        )
    return " ".join(said)


def domains(run: Run) -> Exhibit | None:
    """Points by domain, reward, maximum, and the score."""
    found = quality_of(run.scenario, run.tables)
    return None if found is None else domains_shown(run, found).exhibit()


def dollars(run: Run) -> Exhibit | None:
    """Measures that move the payment most: dollars for a percentage point and to the next step."""
    found = worth(run)
    if found is None:
        return None
    whole = found.exhibit()
    table = whole.table.head(TOP).copy()
    hidden = hidden_measures(run).reindex(table.index, fill_value=False)
    table.loc[hidden, ["Rate", "Next step at", "Score at next step", "$ at next step"]] = np.nan
    if (table["Measure"] == table.index).all():
        table = table.drop(columns="Measure").rename_axis("Measure")
    more = len(whole.table) - len(table)
    note = whole.note + (f" The first {len(table)} of {len(whole.table)} measures." if more > 0 else "")
    if not float(run.headline()["savings"]) > 0:
        note += " There are no savings to share, so that quality moves nothing but the share of losses."
    return Exhibit(f"Dollars per point of quality, {_label(run)}", table, whole.formats, note)


def payments(run: Run) -> Exhibit | None:
    """What quality does to the payment: sharing rate and payment at several scores."""
    found = quality_of(run.scenario, run.tables)
    if found is None:
        return None
    table = payments_by_score(run)
    label = [f"{_percent(score)}{' (now)' if abs(score - found.score) < 1e-12 else ''}" for score in table.index]
    words = {"met": "met", "alternative": "alternative", "failed": "failed"}
    frame = pd.DataFrame(
        {
            "Standard": table["quality_standard"].map(words).to_numpy(),
            "Quality factor": table["quality_factor"].to_numpy(),
            "Final sharing rate": table["final_sharing_rate"].to_numpy(),
            "Payment": table["payment"].to_numpy(),
        },
        index=pd.Index(label, name="Quality score"),
    )
    formats = {"Quality factor": "%.", "Final sharing rate": "%.", "Payment": "$"}
    note = (
        "Benchmark, spending and terms as they are; only the score moves, and the standard where it follows the score."
    )
    if len(set(frame["Payment"])) == 1:
        note += " The payment does not depend on it."
    return Exhibit(f"Payment by quality score, {_label(run)}", frame, formats, note)


def _percent(score: Numeric) -> str:
    return (
        f"{float(score):.2%}" if abs(float(score) * 100 - round(float(score) * 100)) > 1e-9 else f"{float(score):.0%}"
    )


def _label(run: Run) -> str:
    return run.scenario.years[run.scenario.headline()].label
