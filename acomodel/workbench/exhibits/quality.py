"""Tables of quality: measures, domains and the score, what a point is worth, what a score pays."""

from __future__ import annotations

import numpy as np
import pandas as pd

from acomodel.contract.clauses import SCORE_TIE
from acomodel.contract.quality.result import BASES
from acomodel.contract.quality.value import DollarsPerPoint
from acomodel.exhibit import Exhibit
from acomodel.privacy import FEW, HIDDEN, SMALL_CELL
from acomodel.rates import Numeric
from acomodel.workbench.claims import told_by_claims
from acomodel.workbench.model import Run
from acomodel.workbench.quality import domains_shown, hidden_measures, payments_by_score, quality_of, worth

TOP = 8
"""Measures that the table of dollars shows."""
CENT = 0.005
"""Changes of a payment below this are none. [$]"""


def measures(run: Run) -> Exhibit | None:
    """Each measure: cases, rate, interval, reliability, cut point, points and how it counts."""
    found = quality_of(run.scenario, run.tables)
    if found is None:
        return None
    table, hidden = found.measures, hidden_measures(run)
    exact = hidden & (found.scheme != "mssp") & table["basis"].isin(["performance", "part"])
    aside = table["basis"].isin(["few", "unscored"])
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
        "Points": table["points"].mask(aside).astype(object).mask(exact, HIDDEN),
        "Possible": table["possible"].mask(aside),
        "Counts": table["basis"].map(BASES),
    }
    frame = pd.DataFrame(cells)
    if not frame["Measure"].any():
        frame = frame.drop(columns="Measure")
    empty = [name for name in ("Cases", "Low", "High", "Reliability", "Cut point", "Next") if frame[name].isna().all()]
    frame = frame.drop(columns=empty).rename_axis("Code" if "Measure" in frame else "Measure")
    formats = dict.fromkeys(("Rate", "Low", "High", "Reliability", "Cut point", "Next"), "%.")
    formats |= {"Cases": "#", "Points": "0.000", "Possible": "#."}
    claims = run.tables.claims
    said = "" if claims is None or run.tables.measures is None else told_by_claims(run.tables.measures, claims.care)
    return Exhibit("Quality measures", frame, formats, f"{_words(frame, hidden)} {said}".strip())


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
    said = _moves(run, found)
    return Exhibit(f"Dollars per point of quality, {_label(run)}", table, whole.formats, " ".join([note, *said]))


def _moves(run: Run, found: DollarsPerPoint) -> list[str]:
    """Where a measure alone moves the payment by steps only, or not at all: that, and why."""
    by_point = (found.table["dollars_per_point"].abs() >= CENT).any()
    by_step = (found.table["dollars_at_next"].abs() >= CENT).any()
    said = []
    if not float(run.headline()["savings"]) > 0:
        said.append("There are no savings to share, so that quality moves nothing but the share of losses.")
    elif not by_point and not by_step:
        said.append(_still(run, found))
    elif not by_point:
        said.append("One percentage point of a measure moves no payment; only a whole step does.")
        if ahead := _ahead(run, found):
            name, since, away = ahead
            said.append(f"{name.capitalize()}, {_percent(since)}, is {away * 100:.1f} points of score away.")
    return said


def _still(run: Run, found: DollarsPerPoint) -> str:
    """Why no measure alone moves the payment."""
    terms, line, quality = run.terms[run.scenario.headline()], run.headline(), quality_of(run.scenario, run.tables)
    if quality is not None and quality.standard == "failed":
        return "The quality standard is not met, and no measure alone changes that: nothing is shared."
    if not line["earns"]:
        return "Savings do not reach the least that is shared, so that quality moves nothing."
    if len(set(np.round(payments_by_score(run)["payment"], 2))) == 1:
        return "By this contract the payment is the same at every score."
    if ahead := _ahead(run, found):
        name, since, away = ahead
        most = float(found.table[["score_per_point", "score_at_next"]].max().max())
        if not most >= away - SCORE_TIE:
            return (
                f"No measure alone reaches {name}, {_percent(since)}, which is {away * 100:.1f} points of score away."
            )
    if terms.quality_method in ("gate", "ladder") or terms.quality_gate > 0:
        return "The score is at the highest step that is paid; more adds nothing."
    if terms.quality_method == "standard" and quality is not None and quality.standard == "met":
        return "The quality standard is met; more adds nothing."
    if np.isfinite(line["savings_cap"]) and line["cut_by_cap"] >= CENT:
        return "The cap holds the payment down, so that quality moves nothing."
    return "No measure alone moves the score by its next step."


def _ahead(run: Run, found: DollarsPerPoint) -> tuple[str, float, float] | None:
    """The gate or step of the ladder that lies ahead: its name, from which score, and how far away; None where none."""
    terms = run.terms[run.scenario.headline()]
    counts = terms.quality_method not in ("none", "standard")
    steps = [("the gate", terms.quality_gate)] if counts else []
    if found.score >= terms.quality_gate - SCORE_TIE:
        steps = [("the next step of the ladder", since) for since, _ in terms.quality_ladder]
    away = [(name, since, since - found.score) for name, since in steps if since > found.score + SCORE_TIE]
    return away[0] if away else None


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
