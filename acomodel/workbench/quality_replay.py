"""Published quality scores worked out again from the measures of a public use file, with nothing fitted to them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from acomodel.contract.quality.app import app_standard, decile_points, final_share_rate, improvement_score
from acomodel.contract.quality.mssp import DOMAINS, improvement_reward, mssp_points
from acomodel.contract.quality.rates import PERCENTILES, significant_change
from acomodel.contract.quality.tables import cut_points, measure_set, number
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError, read_cells, to_number
from acomodel.programs import Rules
from acomodel.puf import PublicUseFile, read_puf

STEPS = 3
"""Most measures by which the count of significant changes may be off."""
TESTED = ("preventive", "at-risk")
"""Domains whose measures are samples of about known size, so that changes can be tested."""
CLOSE = 0.0002 + 1e-9
"""Distance within which a score of the pathway is called the same. [share]"""


@dataclass(frozen=True, eq=False, repr=False)
class QualityReplay(Shown):
    """
    Published quality scores beside those worked out again.

    Parameters
    ----------
    rows : pandas.DataFrame
        One row for each ACO; `aco_id`, `group`, `published` and what was worked out for the group.
    summary : pandas.DataFrame
        Index what was compared; `acos`, `reproduced`, and `by_chance`, how many a score drawn at random in the same
        range would be expected to hit.
    notes : tuple of str
        What could not be worked out, and why.
    """

    rows: pd.DataFrame
    summary: pd.DataFrame
    notes: tuple[str, ...]

    def exhibit(self) -> Exhibit:
        """Counts by group."""
        names = {"acos": "ACOs", "reproduced": "Reproduced", "by_chance": "By chance"}
        table = self.summary.rename(columns=names).rename_axis("Compared")
        formats = {"ACOs": "#", "Reproduced": "#", "By chance": "#."}
        return Exhibit("Quality scores replayed", table, formats, " ".join(self.notes))


def replay_quality(path: str | Path, prior: str | Path | None = None) -> QualityReplay:
    """
    Work out the quality scores of a public use file again.

    Parameters
    ----------
    path : str or Path
        Public use file with rates of measures: performance years 2016 to 2018, or 2021 on.
    prior : str or Path, optional
        File of the year before, whose rates tell of improvement. Without it the reward of a domain is any that the
        rules allow; chance stands beside the count.

    Returns
    -------
    QualityReplay

    Raises
    ------
    InputError
        Not such a file, a file without rates of measures, or a prior file that is not of the year before.

    Notes
    -----
    To 2020: first performance years of a first agreement score 1 for complete reporting. Of second years, points come
    from the published cut points; the reward in the preventive and at-risk domains from the test of two rates, those of
    the other domains are any that are allowed, for they rest on surveys and claims whose sample sizes are not public.
    Chance: distinct scores that are allowed, over all scores of four decimals between the least and the greatest.

    From 2021: the final sharing rate from score, flags and threshold, and, of those who report by the web interface,
    the score itself.

    References
    ----------
    .. [1] CMS, Shared Savings Program public use files.
    """
    file = read_puf(path)
    year = int(file.table["performance_year"].iloc[0])
    before = None if prior is None else read_puf(prior)
    if before is not None and int(before.table["performance_year"].iloc[0]) != year - 1:
        raise InputError(f"{prior}: of {before.table['performance_year'].iloc[0]}; the file of {year - 1} is wanted.")
    if year >= 2021:
        return _pathway(file, year, before)
    return _scored(file, year, before)


def _raw(file: PublicUseFile, names: list[str]) -> pd.DataFrame:
    """Columns of a file as numbers by identifier of the ACO; suppressed cells and columns not there are NaN."""
    header, rows = read_cells(file.path)
    bare = {name.strip().lower(): at for at, name in reversed(list(enumerate(header)))}

    def cell(text: str) -> float:
        try:
            return to_number(text)
        except ValueError:
            return float("nan")

    found = {
        name: [cell(row[bare[name.lower()]]) for row in rows] if name.lower() in bare else np.nan for name in names
    }
    return pd.DataFrame(found, index=pd.Index(file.table["aco_id"], name="aco_id"))


def _scored(file: PublicUseFile, year: int, prior: PublicUseFile | None) -> QualityReplay:
    """Scores of first and second years of first agreements, to 2020."""
    table = file.table.set_index("aco_id")
    sets = measure_set("mssp", year).query("scored_in == ''")
    rates = _raw(file, list(sets.index)) / 100
    if rates.isna().all().all():
        raise InputError(f"{file.path}: no rates of measures of {year}; there is nothing to score.")
    lifted = _raw(file, ["RecvdMean"])["RecvdMean"].fillna(0).eq(1)
    first_agreement, met = table["agreement_period"].eq(1), table["standard_met"].eq(1)
    age = year - table["start_date"].dt.year + 1
    started = first_agreement & (age == 1)
    half = file.half_unit["quality_score"].to_numpy() + 1e-9
    rows = pd.DataFrame({"group": "not replayed", "published": table["quality_score"]}, index=table.index)
    rows.loc[started, "group"] = "first year"
    starters = rows[started & met]
    full = int((starters["published"] - 1).abs().le(1e-9).sum() + table.loc[starters.index, "reporting_only"].sum())
    summary = {"First year of the first agreement, standard met: score 1": (len(starters), full, np.nan)}
    notes = [
        f"{int((started & ~met).sum())} ACOs in their first year failed the standard; "
        f"{int(lifted.sum())} received the mean score after a disaster and are left out."
    ]
    second = first_agreement & (age == 2) & met & ~lifted
    lacking = _without_cuts(sets, year)
    if lacking:
        notes.append(f"Second years cannot be scored: no cut points of {', '.join(lacking)} for {year}.")
    elif second.any():
        incomplete = rates[second].isna().any(axis=1)
        chosen = incomplete.index[~incomplete]
        changes = None if prior is None else _changes(rates.loc[chosen], prior, sets, year)
        made = _second_year(
            rates.loc[chosen], rows.loc[chosen, "published"], half[table.index.isin(chosen)], changes, year
        )
        rows.loc[chosen, "group"] = "second year"
        rows = rows.join(made)
        if fitted := _estimated(sets, year):
            notes.append(f"Cut points of {', '.join(fitted)} are estimates, made from the very scores of that year.")
        notes.append(f"{int(incomplete.sum())} of {int(second.sum())} second years lack a rate and are left out.")
        for name, words in _COMPARED.items():
            if name in made:
                known = made[name].notna()
                hits = int(made.loc[known, name].sum())
                summary[f"Second year: {words}"] = (int(known.sum()), hits, made.loc[known, f"{name}_chance"].sum())
        if prior is None:
            notes.append(f"Rates of {year - 1} are not given, so that no reward for improvement can be worked out.")
        else:
            notes.append(f"{int(made['as_computed'].isna().sum())} of them lack a rate of {year - 1}.")
    columns = ["acos", "reproduced", "by_chance"]
    counts = pd.DataFrame.from_dict(summary, orient="index", columns=columns)
    return QualityReplay(rows.reset_index(), counts, tuple(notes))


_COMPARED = {
    "as_computed": "rewards as computed",
    "within_1": "rewards within one measure",
    f"within_{STEPS}": f"rewards within {STEPS} measures",
    "allowed": "any rewards that are allowed",
}


def _without_cuts(sets: pd.DataFrame, year: int) -> list[str]:
    """Measures scored in a second year that have no cut points."""
    known = set(cut_points("mssp", year)["measure"])
    return [str(name) for name, row in sets.iterrows() if _performs(row) and name not in known]


def _estimated(sets: pd.DataFrame, year: int) -> list[str]:
    """Measures scored in a second year whose cut points were estimated from scores."""
    cuts = cut_points("mssp", year)
    names = set(cuts.loc[cuts["source"].str.startswith("estimated"), "measure"])
    return [str(name) for name, row in sets.iterrows() if _performs(row) and name in names]


def _performs(row: pd.Series) -> bool:
    """Whether a measure is paid for performance in the second year of an agreement."""
    since = row["scored_from_agreement_year"]
    return not (since == 0 or since > 2)


def _points(rates: pd.DataFrame, year: int) -> pd.DataFrame:
    """Points of a second year by ACO and measure."""
    sets, cuts = measure_set("mssp", year), cut_points("mssp", year).set_index("measure")
    most, made = number("points_reported", "mssp", year) or 0.0, {}
    for name in rates.columns:
        row = sets.loc[name]
        earned = most
        if _performs(row):
            limits = cuts.loc[name, list(PERCENTILES[2:])].astype(float)
            earned = mssp_points(
                rates[name].to_numpy(),
                limits,
                lower_is_better=row["better"] == "lower",
                year=year,
                largest=row["largest"],
            )
        made[name] = earned * row["weight"] * np.ones(len(rates))
    return pd.DataFrame(made, index=rates.index)


def _changes(rates: pd.DataFrame, prior: PublicUseFile, sets: pd.DataFrame, year: int) -> pd.DataFrame:
    """Net count of significantly better measures by ACO in the domains that can be tested; NaN where a rate lacks."""
    before = (_raw(prior, list(sets.index)) / 100).reindex(rates.index)
    found = {}
    for domain in TESTED:
        total = pd.Series(0.0, index=rates.index)
        for name, row in sets[sets["domain"] == domain].iterrows():
            size = row["assumed_size"] if row["assumed_size"] > 0 else number("size", "mssp", year)
            confidence = number("significance", "mssp", year) or 0.95
            lower = row["better"] == "lower"
            pair = rates[name], size, before[name], size
            change = significant_change(*pair, confidence=confidence, lower_is_better=lower)
            total += pd.Series(change, index=rates.index).where(before[name].notna() & rates[name].notna())
        found[domain] = total
    return pd.DataFrame(found)


def _second_year(
    rates: pd.DataFrame, published: pd.Series, half: np.ndarray, changes: pd.DataFrame | None, year: int
) -> pd.DataFrame:
    """Whether each published score is among those that the rewards make possible, and how likely by chance."""
    sets, points = measure_set("mssp", year), _points(rates, year)
    sizes = {d: int((sets.loc[rates.columns, "domain"] == d).sum()) for d in DOMAINS}
    most = {d: float(number("domain_maximum", d, year) or 0.0) for d in DOMAINS}
    rewards = {d: np.asarray(improvement_reward(np.arange(n + 1) / n, year)) for d, n in sizes.items()}
    made: dict[str, list[float]] = {}
    for position, aco in enumerate(rates.index):
        base = {d: float(points.loc[aco, sets.loc[rates.columns, "domain"].eq(d).to_numpy()].sum()) for d in DOMAINS}
        free = {d: np.unique(np.minimum(1.0, (base[d] + rewards[d]) / most[d])) for d in DOMAINS}
        span = _combined(free)
        tried = {"allowed": span}
        for name, steps in (("as_computed", 0), ("within_1", 1), (f"within_{STEPS}", STEPS)):
            if changes is not None:
                known = changes.loc[aco].notna().all()
                tried[name] = _combined(free | _near(base, most, changes.loc[aco], sizes, steps, year) if known else {})
        width = round((span[-1] - span[0]) * 1e4) + 1
        for name, scores in tried.items():
            near = np.abs(scores - published.iloc[position]) <= half[position]
            made.setdefault(name, []).append(float(near.any()) if len(scores) else np.nan)
            distinct = len(np.unique(np.round(scores, 4)))
            made.setdefault(f"{name}_chance", []).append(distinct / width if len(scores) else np.nan)
    return pd.DataFrame(made, index=rates.index)


def _near(
    base: dict[str, float], most: dict[str, float], net: pd.Series, sizes: dict[str, int], steps: int, year: int
) -> dict[str, np.ndarray]:
    """Scores of the domains that are tested, with as many measures more or less significantly changed."""
    counts = np.arange(-steps, steps + 1)
    return {
        d: np.unique(
            np.minimum(1.0, (base[d] + np.asarray(improvement_reward((net[d] + counts) / sizes[d], year))) / most[d])
        )
        for d in TESTED
    }


def _combined(scores: dict[str, np.ndarray]) -> np.ndarray:
    """Every mean of the domains' scores, ascending; empty where there are none."""
    total = np.zeros(1 if scores else 0)
    for one in scores.values():
        total = np.unique(np.round(np.add.outer(total, one).ravel(), 10))
    return total / len(DOMAINS)


def _pathway(file: PublicUseFile, year: int, prior: PublicUseFile | None) -> QualityReplay:
    """Final sharing rates and scores from 2021."""
    table = file.table.set_index("aco_id")
    flags = _raw(file, ["Met_Incentive", "Met_FirstYear", "Recvd30p", "Recvd40p", "Report_WI", "Report_eCQM_CQM"])
    flags = flags.fillna(0).eq(1)
    score = table["quality_score"].to_numpy()
    standard = app_standard(
        score,
        year,
        incentive=flags["Met_Incentive"],
        first_year=flags["Met_FirstYear"],
        outcome=table["alternative_met"].ne(0) if table["alternative_met"].notna().any() else True,
        reported=table["standard_met"].eq(1) | table["alternative_met"].eq(1),
    )
    rules = Rules("mssp", year)
    maximum = table["track"].map({track: rules.number("sharing_rate", track) for track in set(table["track"])})
    rate = final_share_rate(maximum, standard, score)
    agrees = np.abs(rate - table["final_sharing_rate"].to_numpy()) <= file.half_unit["final_sharing_rate"].max() + 1e-4
    made = pd.DataFrame({"published": score, "standard": standard, "sharing_rate": rate}, index=table.index)
    made["sharing_rate_agrees"] = agrees
    how = pd.Series(standard).value_counts().to_dict()
    said = ", ".join(f"{count} {name}" for name, count in how.items())
    summary = {"Final sharing rate from score and standard": (len(made), int(agrees.sum()), np.nan)}
    notes = [f"Standard: {said}."]
    if set(how) == {"met"}:
        notes.append("All met it, so that the alternative standard is not put to the test.")
    lifted = flags["Recvd30p"] | flags["Recvd40p"]
    at = np.abs(score[lifted.to_numpy()] - (number("threshold_score", "app", year) or 0.0)) <= 1e-9
    summary["Lifted to the threshold score after a disaster: threshold of the rules"] = (len(at), int(at.sum()), np.nan)
    achieved = _achieved(file, year)
    chosen = flags["Report_WI"] & ~flags["Report_eCQM_CQM"] & ~lifted & achieved.notna()
    made["group"] = np.where(chosen, "web interface", "other")
    made["achieved"] = achieved
    close = (made["published"] - made["achieved"]).abs() <= CLOSE
    words = "Web interface: score to 0.02 points"
    summary[f"{words}, without improvement"] = (int(chosen.sum()), int(close[chosen].sum()), np.nan)
    if prior is not None:
        last = _achieved(prior, year - 1).reindex(made.index)
        made["computed"] = np.minimum(1.0, achieved + improvement_score(achieved, last, year))
        near = (made["published"] - made["computed"]).abs() <= CLOSE
        both = chosen & last.notna()
        summary[f"{words}, with improvement"] = (int(both.sum()), int(near[both].sum()), np.nan)
    fit = made.loc[chosen, ["published", "computed" if prior is not None else "achieved"]].corr().iloc[0, 1]
    notes.append(
        f"Correlation of scores worked out and published: {fit:.3f}. Suppressed measures, reporting in two ways and "
        "points for health equity are not modelled."
    )
    columns = ["acos", "reproduced", "by_chance"]
    counts = pd.DataFrame.from_dict(summary, orient="index", columns=columns)
    return QualityReplay(made.reset_index(), counts, tuple(notes))


def _achieved(file: PublicUseFile, year: int) -> pd.Series:
    """Points over points possible of each ACO that reports by the web interface; NaN without any clinical measure."""
    sets = measure_set("app", year)
    cuts = cut_points("app", year).set_index(["measure", "collection"])
    printed = {str(n): _printed(str(n), r["domain"]) for n, r in sets.iterrows() if n != "CAHPS"}
    raw = _raw(file, [name for names in printed.values() for name in names])
    points: dict[str, np.ndarray] = {}
    parts: list[np.ndarray] = []
    for name, columns in printed.items():
        row = sets.loc[name]
        collection = "web interface" if row["domain"] == "clinical" else str(row["method"])
        values = raw[columns].bfill(axis=1).iloc[:, 0].to_numpy() / (1 if name == "479" else 100)
        if (name, collection) not in cuts.index:
            continue
        limits = cuts.loc[(name, collection), list(PERCENTILES)].astype(float)
        track = {"claims": "app claims", "survey": "app survey"}.get(row["domain"], "app")
        floor = number("floor_points", track, year) or 1.0
        lower = row["better"] == "lower"
        earned = np.asarray(decile_points(values, limits, lower_is_better=lower, floor=floor, largest=row["largest"]))
        if row["scored_in"]:
            parts.append(earned)
        else:
            points[name] = earned
    clinical = [name for name in points if sets.loc[name, "domain"] == "clinical"]
    if parts:
        answered = np.isfinite(parts).any(axis=0)
        points["CAHPS"] = np.where(
            answered, np.nansum(parts, axis=0) / np.maximum(np.isfinite(parts).sum(axis=0), 1), np.nan
        )
    frame = pd.DataFrame(points, index=raw.index)
    score = frame.sum(axis=1) / (10 * frame.notna().sum(axis=1))
    return score.where(frame[clinical].notna().any(axis=1))


def _printed(name: str, domain: str) -> list[str]:
    """Columns in which a file prints a measure."""
    if domain == "clinical":
        return [f"QualityID_{name}", f"QualityID_{name}_WI"]
    return [name] if domain == "survey" else [f"Measure_{name}"]
