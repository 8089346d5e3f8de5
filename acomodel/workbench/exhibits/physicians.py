"""Tables of physicians against their peers: cost of care, reliability, quality, referrals, one physician's page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from acomodel.claims.care.measure_codes import NOT_HEDIS
from acomodel.claims.care.peers import ABOVE, ALIKE, BELOW, FEW, NO_PEERS, UNRELIABLE
from acomodel.claims.care.physicians import Profile
from acomodel.exhibit import Exhibit, Note, show
from acomodel.inputs import InputError, nearest
from acomodel.privacy import SMALL_CELL, printed, suppressed, why
from acomodel.reliability import PUBLISHED, misclassified, spearman_brown
from acomodel.workbench.model import Run
from acomodel.workbench.physicians import physicians

TIER = 0.25
"""Share of physicians in the lower of two classes of cost, as in the published comparison."""
SHOWN = 60
"""Physicians that a table lists, those with most cases."""
WORDS = {"costs": "episodes", "panels": "panels", "quality": "measures of quality", "referrals": "referrals"}
_DOLLARS = {"episodes": "$", "panels": "$.", "referrals": "$.", "quality": "%"}
_CASES = {"episodes": "Episodes", "panels": "Member months", "referrals": "Member months", "quality": "Opportunities"}
_SORT = {BELOW: 0, ALIKE: 1, ABOVE: 2, UNRELIABLE: 3, FEW: 4, NO_PEERS: 5}


def enough(run: Run, profile: Profile) -> pd.DataFrame:
    """Physicians with the minimum of cases, and not of 1 to 10 unless small cells are shown."""
    column = "exposure" if profile.kind in ("panels", "referrals") else "units"
    kept = profile.physicians[column] >= profile.minimum
    if not run.scenario.report.show_small_cells:
        kept &= profile.summary()["members"].reindex(profile.physicians.index) > SMALL_CELL
    return profile.physicians[kept]


def summary(run: Run) -> Note | None:
    """In words: how many physicians are compared, how many stand apart, and how reliable that is."""
    found = physicians(run)
    if found is None:
        return None
    points = [_told(run, name, getattr(found, name)) for name in ("costs", "panels", "quality", "referrals")]
    points = [point for point in points if point]
    points += [f"Not compared by {WORDS[name]}: {words}." for name, words in found.absent.items()]
    where = "read in" if found.read_in else "found in the claims"
    return Note(f"Physicians against the peers of their specialty, at their own mix; episodes are {where}.", points)


def _told(run: Run, name: str, compared: object) -> str:
    profile = compared if isinstance(compared, Profile) else getattr(compared, "profile", None)
    if profile is None:
        return ""
    judged = enough(run, profile)
    counts = judged["standing"].value_counts()
    few = len(profile.physicians) - len(judged)
    reliable = judged["reliability"].dropna()
    middle = f"; median reliability {show(float(reliable.median()), '%')}" if len(reliable) else ""
    return (
        f"By {WORDS[name]}: {len(judged):,} of {len(profile.physicians):,} physicians have enough cases "
        f"({few:,} have not){middle}. {int(counts.get(BELOW, 0)):,} stand below their peers and "
        f"{int(counts.get(ABOVE, 0)):,} above; {int(counts.get(ALIKE, 0)):,} are not told apart, "
        f"{int(counts.get(UNRELIABLE, 0)):,} are measured with too little reliability to say"
        f"{f', {alone:,} have too few peers' if (alone := int(counts.get(NO_PEERS, 0))) else ''}."
    )


def cost(run: Run) -> Exhibit | Note | None:
    """Cost of episodes by physician: observed, peers at own mix, ratio, reliability, shrunk ratio, standing."""
    return _table(run, "costs", "Cost of episodes by physician against peers at the physician's own mix")


def panels(run: Run) -> Exhibit | Note | None:
    """Cost of attributed members PMPM by physician against peers at the panel's own age and sex."""
    return _table(run, "panels", "Cost of attributed members by physician against peers at the same age and sex")


def quality(run: Run) -> Exhibit | Note | None:
    """Compliance over all measures by physician against peers at the physician's own mix of opportunities."""
    made = _table(run, "quality", "Quality by physician against peers at the physician's own mix of opportunities")
    return replace(made, note=f"{made.note}{_whence(run)}") if isinstance(made, Exhibit) else made


def _whence(run: Run) -> str:
    """What must be said of measures that were worked out of the claims."""
    return f" {NOT_HEDIS}" if run.tables.physician_measures is None else ""


def _table(run: Run, name: str, title: str) -> Exhibit | Note | None:
    found = physicians(run)
    if found is None:
        return None
    profile = getattr(found, name)
    if profile is None:
        return (
            Note(f"Physicians are not compared by {WORDS[name]}: {found.absent[name]}.")
            if name in found.absent
            else None
        )
    judged = enough(run, profile)
    if judged.empty:
        return Note(f"No physician has enough {WORDS[name]} to be compared: {_minimum(profile)} are wanted.")
    rows = judged.nlargest(SHOWN, "exposure").reset_index()
    rows = rows.sort_values(
        ["standing", "shrunk", "physician"], key=lambda c: c.map(_SORT) if c.name == "standing" else c
    )
    cases = _CASES[profile.kind]
    if profile.kind == "quality" and not run.scenario.report.show_small_cells:
        met = rows["observed"].round()
        few = met.between(1, SMALL_CELL) | (rows["exposure"] - met).between(1, SMALL_CELL)
        rows.loc[few, ["observed", "ratio", "shrunk", "low", "high"]] = np.nan
    table = pd.DataFrame(
        {
            "Specialty": rows["specialty"],
            cases: rows["exposure"],
            "Observed": rows["observed"] / rows["exposure"],
            "Peers": rows["expected"] / rows["exposure"],
            "Ratio": rows["ratio"],
            "Reliability": rows["reliability"],
            "Shrunk ratio": rows["shrunk"],
            "From": rows["low"],
            "To": rows["high"],
            "Standing": rows["standing"],
        }
    ).set_index(pd.Index(rows["physician"], name="Physician"))
    formats = {cases: "#", "Observed": _DOLLARS[profile.kind], "Peers": _DOLLARS[profile.kind], "Reliability": "%"}
    formats |= dict.fromkeys(("Ratio", "Shrunk ratio", "From", "To"), "0.000")
    return Exhibit(title, table, formats, _cost_note(profile, len(judged)))


def _minimum(profile: Profile) -> str:
    return f"{profile.minimum:,.0f} {_CASES[profile.kind].lower()}"


def _cost_note(profile: Profile, judged: int) -> str:
    rule = profile.rule
    own = "without the physician's own cases" if rule.leave_one_out else "the physician's own cases among them"
    listed = f" The {SHOWN} with most of them are listed." if judged > SHOWN else ""
    return (
        f"Peers: mean of the specialty at this physician's mix, {own}. Physicians with fewer than {_minimum(profile)} "
        f"are left out.{listed} Shrunk ratio: the ratio drawn to 1 as far as it is noise, with its {rule.level:.0%} "
        f"interval. Below or above peers stands only where that interval does not reach 1 and reliability is at least "
        f"{rule.minimum_reliability:.0%}; rows are in order of standing, and an order among those not told apart means "
        "nothing."
    )


def reliability(run: Run) -> Exhibit | None:
    """By specialty: how far physicians truly differ, how reliable their ratios are, and what more cases would do."""
    found = physicians(run)
    if found is None or found.costs is None:
        return None
    profile = found.costs
    judged = enough(run, profile)
    judged = judged[judged["reliability"].notna() & (judged["standing"] != NO_PEERS)]
    if judged.empty:
        return None
    rows = {}
    for specialty, part in judged.groupby("specialty"):
        share = part["reliability"]
        middle = float(share.median())
        needed = _needed(middle, float(part["units"].median()), profile.rule.minimum_reliability)
        rows[str(specialty)] = {
            "Physicians": len(part),
            "Episodes, median": float(part["units"].median()),
            "True ratios, SD": float(profile.spread[specialty]),
            "Reliability, median": middle,
            "Below threshold": float((share < profile.rule.minimum_reliability).mean()),
            "Episodes needed": needed,
            "Twice the episodes": float(spearman_brown(middle, 2)),
            "Misclassified": float(np.mean(misclassified(share, TIER))),
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("Specialty")
    formats = dict.fromkeys(("Physicians", "Episodes, median", "Episodes needed"), "#") | {"True ratios, SD": "0.000"}
    formats |= dict.fromkeys(("Reliability, median", "Below threshold", "Twice the episodes", "Misclassified"), "%")
    note = (
        f"Of physicians with enough episodes. Episodes needed: for a median reliability of "
        f"{profile.rule.minimum_reliability:.0%} (Spearman-Brown). Misclassified: share that would stand on the wrong "
        f"side if the {TIER:.0%} of least observed cost were named a class, which this report does not do. "
        f"Published, physicians of Massachusetts (Adams et al., NEJM 2010): median reliability of a specialty from "
        f"{PUBLISHED['lowest median']:.2f} to {PUBLISHED['highest median']:.2f}, {PUBLISHED['below 0.70']:.0%} of "
        f"physicians below 0.70, {PUBLISHED['misclassified']:.0%} misclassified."
    )
    return Exhibit("Reliability of cost by specialty", table, formats, note)


def _needed(share: float, cases: float, wanted: float) -> float:
    """Cases with which a reliability would be the one wanted; missing where there is none to begin with."""
    if not 0 < share < 1:
        return float("nan")
    return float(np.ceil(cases * wanted / (1 - wanted) * (1 - share) / share))


def page(run: Run, physician: str | None = None) -> Exhibit | Note | None:
    """One physician's episodes by condition and severity against peers, the one with most by default."""
    found = physicians(run)
    if found is None or found.costs is None:
        return None
    who = _one(found.costs, physician or found.busiest())
    levels = found.costs.summary("condition", "severity").xs(who, level="physician")
    conditions = found.costs.summary("condition").xs(who, level="physician")
    whole = found.costs.summary().xs(who, level="physician")
    specialty = whole.index[0]
    parts, totals = [], {}
    for name, rows in levels.loc[[specialty]].groupby("condition"):
        labels = [f"{name}, level {level}" for level in rows.index.get_level_values("severity")]
        totals[str(name)] = labels
        parts.append(rows.set_axis(labels))
    parts.append(conditions.loc[[specialty]].droplevel("specialty"))
    totals["All episodes"] = [str(c) for c in conditions.loc[[specialty]].index.get_level_values("condition")]
    parts.append(whole.loc[[specialty]].set_axis(["All episodes"]))
    frame = pd.concat(parts)
    title = f"Cost of episodes, {who} ({specialty})"
    note = "Peers: all physicians of the specialty, at this physician's mix."
    return _one_table(run, frame, totals, title, "Episodes", "$", note, _standing_words(found.costs, who))


def quality_page(run: Run, physician: str | None = None) -> Exhibit | Note | None:
    """One physician's measures of quality against peers, the same physician as on the page of costs by default."""
    found = physicians(run)
    if found is None or found.quality is None:
        return None
    who = physician or found.busiest()
    if physician is None and who not in found.quality.physicians.index.get_level_values("physician"):
        units = found.quality.physicians.groupby("physician")["units"].sum()
        who = str(units.sort_index().idxmax())
    who = _one(found.quality, who)
    rows = found.quality.summary("measure").xs(who, level="physician")
    specialty = rows.index.get_level_values("specialty")[0]
    rows = rows.loc[[specialty]].droplevel("specialty")
    whole = found.quality.summary().xs(who, level="physician").loc[[specialty]].set_axis(["All measures"])
    frame = pd.concat([rows, whole])
    note = f"All measures: by opportunities, peers at the same opportunities.{_whence(run)}"
    sure = _standing_words(found.quality, who)
    title = f"Quality, {who} ({specialty})"
    return _one_table(run, frame, {"All measures": list(rows.index)}, title, "Opportunities", "%", note, sure)


def _one(profile: Profile, physician: str | None) -> str:
    known = profile.physicians.index.get_level_values("physician")
    if physician is None or physician not in known:
        raise InputError(
            f"physician: found '{physician}'; nobody of that name is compared.{nearest(str(physician), known)}"
        )
    return physician


def _standing_words(profile: Profile, who: str) -> str:
    row = profile.physicians.xs(who, level="physician").iloc[0]
    if np.isnan(row["reliability"]):
        return ""
    return (
        f"Reliability {row['reliability']:.0%}; ratio drawn to 1 as far as it is noise {row['shrunk']:.3f} "
        f"({row['low']:.3f} to {row['high']:.3f}): {row['standing']}."
    )


def _one_table(
    run: Run,
    frame: pd.DataFrame,
    totals: dict[str, list[str]],
    title: str,
    cases: str,
    style: str,
    note: str,
    sure: str,
) -> Exhibit:
    """
    A physician's rows and their sums, the whole last; what stands for 1 to 10 people, or would tell of them, is not
    printed, nor how sure the whole is where the whole is not.
    """
    table = frame[["units", "observed", "peers", "ratio"]].rename_axis(None).astype({"units": float})
    table.columns = pd.Index([cases, "Observed", "Peers", "Ratio"])
    formats = {cases: "#", "Observed": style, "Peers": style, "Ratio": "0.000"}
    if not run.scenario.report.show_small_cells:
        counts, met = table[cases], (table["Observed"] * table[cases]).round()
        members = frame["members"].set_axis(counts.index).astype(float)
        hidden = suppressed(counts, rows=totals) | _of_few(members, totals)
        told = hidden | (_of_few(met, totals) | _of_few(counts - met, totals) if style == "%" else False)
        table = table.astype(object)
        table[cases] = printed(counts, hidden)
        table.loc[hidden, "Peers"] = np.nan
        table.loc[told, ["Observed", "Ratio"]] = np.nan
        sure = "" if told.iloc[-1] else sure
        note = " ".join(part for part in (note, why(counts, hidden)) if part)
    return Exhibit(title, table, formats, f"{note} {sure}".strip())


def _of_few(counts: pd.Series, totals: dict[str, list[str]]) -> pd.Series:
    """Rows of 1 to 10, and those from which such a row could be worked out; totals are added up from their parts."""
    leaves = counts.copy()
    for name, parts in totals.items():
        leaves[name] = leaves[parts].sum()
    hidden: pd.Series = suppressed(leaves, rows=totals)
    return hidden | counts.between(1, SMALL_CELL)


def referrals(run: Run) -> Exhibit | Note | None:
    """Referred services PMPM by physician of primary care, outliers marked, and whether that is sure."""
    found = physicians(run)
    if found is None:
        return None
    if found.referrals is None:
        if "referrals" not in found.absent:
            return None
        return Note(f"Physicians are not compared by referrals: {found.absent['referrals']}.")
    table, profile = found.referrals.table, found.referrals.profile
    kept = table
    if profile is not None and not run.scenario.report.show_small_cells:
        kept = table[profile.physicians["units"].reindex(table.index).to_numpy() > SMALL_CELL]
    kept = kept.sort_values(["specialty", "total"], ascending=[True, False]).head(SHOWN)
    groups = [c for c in kept.columns if c not in ("member_months", "total", "mean", "sd", "mark")]
    largest = kept[groups].mean().nlargest(6).index
    frame = pd.DataFrame(
        {"Specialty": kept.index.get_level_values("specialty"), "Member months": kept["member_months"]}
    )
    for name in [g for g in groups if g in largest]:
        frame[name] = kept[name]
    frame["Referred"] = kept["total"]
    frame["Mark"] = kept["mark"]
    if profile is not None:
        own = profile.physicians.reindex(kept.index)
        frame["Shrunk ratio"], frame["Standing"] = own["shrunk"], own["standing"]
    frame.index = pd.Index(kept.index.get_level_values("physician"), name="PCP")
    formats = dict.fromkeys(frame.columns, "$.") | {"Member months": "#", "Shrunk ratio": "0.000"}
    note = (
        "$ PMPM. Referred: all specialties but hospital, laboratory, obstetrics and primary care; the six largest "
        f"groups are shown. {found.referrals.left_out:,} physicians with fewer than {found.referrals.minimum:,.0f} "
        "member months are left out. ^ more than one standard deviation above the mean of the specialty, ^^ more than "
        "two: some lie there however alike all are. Standing says what is sure: against peers at the same age and sex, "
        "drawn to 1 as far as it is noise."
    )
    return Exhibit("Referred services by physician of primary care", frame, formats, note)


def outliers(run: Run) -> Exhibit | None:
    """Episodes by condition: how many are complete, how many outliers, and what they cost."""
    found = physicians(run)
    if found is None or found.episodes is None or found.episodes.empty:
        return None
    names = {
        "episodes": "Episodes",
        "complete": "Complete",
        "outliers": "Outliers among them",
        "compared": "Compared",
        "of_nobody": "nobody's",
        "not_complete": "not complete",
        "patients": "patients",
        "mean_cost": "Mean cost",
        "median_cost": "Median cost",
    }
    sums = found.episodes.set_index("condition").rename(columns=names)
    shown, costs = [*names.values()][:4], [*names.values()][7:]
    table, patients, sums = sums[[*shown, *costs]], sums["patients"], sums.drop(columns=["patients", *costs])
    if not run.scenario.report.show_small_cells:
        columns = {"Episodes": ["Complete", "not complete"], "Complete": [*shown[2:], "nobody's"]}
        hidden = suppressed(sums, columns=columns, unpublished=["nobody's", "not complete"])
        table = table.astype(object)
        table[shown] = printed(sums[shown], hidden[shown])
        few = hidden["Compared"] | hidden["Complete"] | (patients <= SMALL_CELL)
        table.loc[few, ["Mean cost", "Median cost"]] = np.nan
    formats = dict.fromkeys(shown, "#") | dict.fromkeys(("Mean cost", "Median cost"), "$")
    note = "Compared: complete, no outlier, and of a physician who had enough of the visits; costs are of normal ones."
    return Exhibit("Episodes of care", table.rename_axis("Condition"), formats, note)
