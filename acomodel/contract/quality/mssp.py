"""Quality score of the Medicare Shared Savings Program, performance years 2012 to 2020."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from acomodel.contract.quality.rates import PERCENTILES, largest_of, share, significant_change
from acomodel.contract.quality.result import Quality, Standard
from acomodel.contract.quality.tables import FROM_MEMORY, cuts_of, from_memory, measure_set, number, rule
from acomodel.exhibit import Assumption
from acomodel.inputs import InputError, nearest

TIE = 1e-9
"""Rates closer than this are equal: a tie with a cut point earns its step. [share]"""
STEPS = (30, 40, 50, 60, 70, 80, 90)
"""Percentiles at which a step of points, and percents of net improvement at which a step of the reward, begins."""
REWARD_STEPS = (10, 20, *STEPS)
DOMAINS = ("experience", "coordination", "preventive", "at-risk")
"""The four domains, each a quarter of the score."""


def mssp_points(
    rate: Any, cuts: Any, *, lower_is_better: bool = False, year: int = 2018, largest: float | None = None
) -> Any:
    """
    Points of a measure that is paid for performance.

    Parameters
    ----------
    rate : numeric
        Rate. [share]
    cuts : array-like of 7
        Benchmark: its 30th, 40th, … and 90th percentile, each better than the one before. [share]
    lower_is_better : bool
        Whether points rise as the rate falls.
    year : int
        Performance year. [year]
    largest : float, optional
        Largest rate there can be; by default 1, or 10 where a cut point is above 1. [share]

    Returns
    -------
    float or numpy.ndarray
        0 below the 30th percentile, then 1.10, 1.25, 1.40, 1.55, 1.70, 1.85, and 2.00 from the 90th. [points]

    Raises
    ------
    InputError
        A percent for a share, or cut points that do not rise.

    References
    ----------
    .. [1] 42 CFR 425.502 (2015); steps as the scores of the public use files of 2017 and 2018 confirm them.

    Examples
    --------
    >>> mssp_points(np.array([0.29, 0.30, 0.655, 0.90]), np.arange(0.3, 1, 0.1)).tolist()
    [0.0, 1.1, 1.55, 2.0]
    """
    sign = -1.0 if lower_is_better else 1.0
    limits = sign * np.asarray(cuts, dtype=float)
    if limits.shape != (len(STEPS),) or not np.isfinite(limits).all() or (np.diff(limits) < 0).any():
        raise InputError(f"quality: seven cut points are wanted, each better than the one before; found {list(cuts)}")
    largest = largest or largest_of(cuts)
    share(cuts, "cut point", largest=largest)
    at = share(rate, "rate", largest=largest)
    passed = np.searchsorted(limits, sign * at + TIE, side="right")
    points = np.array([0.0, *(number(f"points_{p}", "mssp", year) for p in STEPS)])[passed]
    points = np.where(np.isnan(at), np.nan, points)
    return points if np.ndim(points) else float(points)


def improvement_reward(net_share: Any, year: int = 2018) -> Any:
    """
    Points added to a domain for measures that improved significantly, less those that declined.

    Parameters
    ----------
    net_share : numeric
        Measures significantly better less those significantly worse than the year before, over all measures of the
        domain. [share]
    year : int
        Performance year; there is no reward before 2015. [year]

    Returns
    -------
    float or numpy.ndarray
        From 0.48 at a tenth to 4.00 at nine tenths. [points]

    Notes
    -----
    The amounts are from memory and unverified; they are consistent with the published scores of 2017 and 2018.

    Examples
    --------
    >>> improvement_reward(np.array([-0.25, 0.0, 0.25, 0.625, 1.0])).tolist()
    [0.0, 0.0, 0.92, 2.68, 4.0]
    """
    steps = [number(f"reward_{p}", "mssp", year) or 0.0 for p in REWARD_STEPS]
    passed = np.searchsorted(np.array(REWARD_STEPS) / 100, np.asarray(net_share, dtype=float) + TIE, side="right")
    points = np.array([0.0, *steps])[passed]
    return points if np.ndim(points) else float(points)


def domain_score(points: Any, reward: Any, possible: Any) -> Any:
    r"""
    Score of a domain: points and reward over the points possible, at most 1.

    Notes
    -----
    .. math:: d = \min\left(1, \frac{P + R}{M}\right)

    Examples
    --------
    >>> domain_score(14.2, 2.68, 16), round(domain_score(5.55, 0.92, 8), 6)
    (1.0, 0.80875)
    """
    share = np.minimum(1.0, (np.asarray(points, dtype=float) + reward) / np.asarray(possible, dtype=float))
    return share if np.ndim(share) else float(share)


def mssp_quality(
    rates: pd.DataFrame,
    year: int,
    agreement_year: int = 2,
    *,
    first_agreement: bool = True,
    complete: bool = True,
    rewards: Mapping[str, float] | None = None,
    disaster_mean: float | None = None,
) -> Quality:
    r"""
    Quality score of an ACO in performance years 2012 to 2020.

    Parameters
    ----------
    rates : pandas.DataFrame
        Rates from `measure_rates`, measures named as in `measure_set("mssp", year)`. A measure that is reported only
        may be left out where reporting is complete.
    year : int
        Performance year. [year]
    agreement_year : int
        Year of the agreement, from 1. [number]
    first_agreement : bool
        Whether the agreement is the ACO's first; in later ones every measure with a benchmark is scored.
    complete : bool
        Whether all measures were reported completely; otherwise the standard is failed.
    rewards : mapping of str to float, optional
        Improvement reward by domain; by default from the rates of the year before, where these and the cases behind
        them tell of every measure of the domain, else none. [points]
    disaster_mean : float, optional
        Mean score of all ACOs, which one struck by a disaster receives if higher. [share]

    Returns
    -------
    Quality

    Raises
    ------
    InputError
        A year without a measure set, an unknown measure or domain, a scored measure that is missing or has no
        benchmark, a percent for a share.

    Notes
    -----
    .. math:: S = \frac14 \sum_{d=1}^{4} \min\left(1, \frac{P_d + R_d}{M_d}\right)

    The first performance year of a first agreement scores 1 for complete reporting. Without a measure at the 30th
    percentile in some domain the standard is failed.

    References
    ----------
    .. [1] 42 CFR 425.500-425.502 (2015); each row of ``data/rules/quality*.csv`` carries its own source.

    Examples
    --------
    >>> from acomodel.contract.quality.rates import measure_rates
    >>> one = measure_rates(pd.DataFrame({"measure": ["ACO14"], "rate": [0.5]}))
    >>> mssp_quality(one, 2018, 1).score
    1.0
    """
    sets = measure_set("mssp", year)
    for name in rates.index:
        if name not in sets.index:
            raise InputError(f"measures: '{name}': not in the set of {year}.{nearest(str(name), sets.index)}")
    scored = sets[sets["scored_in"] == ""]
    starts = first_agreement and agreement_year == 1
    reports = starts or (None if first_agreement else False)
    given, rows = rates.to_dict("index"), scored.to_dict("index")
    made = [_measured(n, row, given.get(n), year, agreement_year, reports) for n, row in rows.items()]
    measures = pd.DataFrame(made).set_index("measure")
    changes = pd.Series({n: _change(row, given.get(n), year) for n, row in rows.items()}, dtype=float)
    notes = [_unknown_phase(scored)] if scored["scored_from_agreement_year"].isna().any() and not starts else []
    domains = _domains(measures, changes, rewards or {}, year)
    untold = [d for d in DOMAINS if d not in (rewards or {}) and changes[_of(measures, d)].isna().any()]
    if untold and improvement_reward(1.0, year) and not starts:
        notes.append(
            f"No reward for improvement is counted in {', '.join(untold)}: whether every measure there changed "
            "significantly cannot be told from what is given."
        )
    score = float((domains["share"] * domains["weight"]).sum())
    standard: Standard = "met"
    if starts:
        score = number("first_year_reports", "mssp", year) or 1.0
        notes.append("First performance year of the first agreement: complete reporting counts in full.")
    elif not _attained(measures):
        standard = "failed"
        notes.append("A domain has no measure at the 30th percentile, so that nothing is shared.")
    if not complete:
        standard = "failed"
        notes.append("Reporting is not complete.")
    if disaster_mean is not None and float(share(disaster_mean, "disaster_mean", missing=False)) > score:
        score = float(disaster_mean)
        notes.append("Struck by a disaster: the mean score of all ACOs is received, which is higher.")
    rules = _rules(measures, rates, year)
    return Quality("mssp", measures, domains, score, standard, (*notes, *_unverified(rules)), rules)


def _measured(
    name: Any,
    row: dict[str, Any],
    found: dict[str, Any] | None,
    year: int,
    agreement_year: int,
    reports: bool | None,
) -> dict[str, Any]:
    """Points of one measure and what earned them; `reports` where the phase-in does not decide."""
    most = float(number("points_reported", "mssp", year) or 0.0) * row["weight"]
    made: dict[str, Any] = {"measure": name, "name": row["name"], "domain": row["domain"], "weight": row["weight"]}
    for key in ("numerator", "denominator", "rate", "low", "high", "reliability", "prior_rate"):
        made[key] = np.nan if found is None else found[key]
    made |= {"cut": np.nan, "next_cut": np.nan, "possible": most, "points": most, "basis": "reporting"}
    said = "" if found is None else found["reporting_only"]
    since = row["scored_from_agreement_year"]
    phased = since == 0 or (reports is None and not np.isnan(since) and agreement_year < since)
    if said == "yes" or reports or (said != "no" and phased):
        return made
    if found is None or np.isnan(found["rate"]):
        raise InputError(f"measures: '{name}' ({row['name']}) is missing; it is scored by performance in {year}.")
    if not found["enough"]:
        return made | {"points": 0.0, "basis": "few"}
    cuts, _ = cuts_of(name, found, "mssp", year)
    if cuts is None:
        raise InputError(
            f"measures: '{name}': no benchmark of {year} is known; give p30 to p90, or reporting_only = yes."
        )
    lower = row["better"] == "lower"
    points = mssp_points(found["rate"], cuts[2:], lower_is_better=lower, year=year, largest=row["largest"])
    passed = found["rate"] <= cuts[2:] + TIE if lower else found["rate"] >= cuts[2:] - TIE
    earned = int(passed.sum())
    return made | {
        "points": points * row["weight"],
        "cut": cuts[1 + earned] if earned else np.nan,
        "next_cut": cuts[2 + earned] if earned < len(STEPS) else np.nan,
        "basis": "performance",
    }


def _change(row: dict[str, Any], found: dict[str, Any] | None, year: int) -> float:
    """Significant change of a measure since the year before; NaN where it cannot be told."""
    if found is None:
        return float("nan")
    assumed = row["assumed_size"]
    if np.isnan(assumed) and row["method"] == "web interface":
        assumed = number("size", "mssp", year) or np.nan
    sizes = [found[key] if not np.isnan(found[key]) else assumed for key in ("denominator", "prior_denominator")]
    if np.isnan([found["rate"], found["prior_rate"], *sizes]).any() or 0 in sizes or row["largest"] > 1:
        return float("nan")
    return float(
        significant_change(
            found["rate"],
            sizes[0],
            found["prior_rate"],
            sizes[1],
            confidence=number("significance", "mssp", year) or 0.95,
            lower_is_better=row["better"] == "lower",
        )
    )


def _of(measures: pd.DataFrame, domain: str) -> list[str]:
    """Measures of a domain."""
    return [str(name) for name in measures.index[measures["domain"] == domain]]


def _domains(measures: pd.DataFrame, changes: pd.Series, rewards: Mapping[str, float], year: int) -> pd.DataFrame:
    """Points, reward, maximum and score of each domain."""
    if odd := [name for name in rewards if name not in DOMAINS]:
        raise InputError(f"quality: '{odd[0]}' is no domain.{nearest(odd[0], DOMAINS)} Known: {', '.join(DOMAINS)}.")
    rows = {}
    for name in DOMAINS:
        own = measures.loc[_of(measures, name)]
        counted = own[own["basis"] != "few"]
        possible = float(counted["possible"].sum())
        if not possible:
            raise InputError(f"measures: no measure of the domain '{name}' has cases enough to count.")
        net = 0.0 if changes[own.index].isna().any() else float(changes[own.index].sum()) / len(own)
        reward = rewards.get(name, float(improvement_reward(net, year)))
        most = float(improvement_reward(1.0, year))
        if not 0 <= reward <= most:
            raise InputError(f"quality: reward of '{name}' is {reward:g}; 0 to {most:g} points are wanted for {year}.")
        points = float(counted["points"].sum())
        rows[name] = {"points": points, "reward": reward, "possible": possible}
    made = pd.DataFrame.from_dict(rows, orient="index").rename_axis("domain")
    made["share"] = domain_score(made["points"], made["reward"], made["possible"])
    made["weight"] = 1 / len(DOMAINS)
    return made


def _attained(measures: pd.DataFrame) -> bool:
    """Whether every domain has a measure at the 30th percentile, or none that is paid for performance."""
    scored = measures[measures["basis"] == "performance"]
    return bool((scored.groupby("domain")["points"].max() > 0).all())


def _unknown_phase(scored: pd.DataFrame) -> str:
    """Note on a set whose phase-in is not known."""
    many = int(scored["scored_from_agreement_year"].isna().sum())
    return (
        f"From which agreement year {many} of the {len(scored)} measures are paid for performance is not in the "
        "tables; they are, unless the table of results says reporting_only."
    )


_WORDS = {
    "mssp: points_30": "scale of points",
    "mssp: points_90": "scale of points",
    "mssp: reward_90": "reward for improvement",
    "mssp: minimum_attainment": "least attainment in each domain",
}
"""Rules from memory, in the words of a note."""
_CUTS = "Cut points of "


def _unverified(rules: tuple[Assumption, ...]) -> list[str]:
    """What is from memory, in words."""
    made = []
    for opening, names in zip(
        ("From memory, unverified", "In part from memory, unverified"), from_memory(rules), strict=True
    ):
        cuts = [name.removeprefix(_CUTS).partition(",")[0] for name in names if name.startswith(_CUTS)]
        said = [_WORDS.get(name, name[0].lower() + name[1:]) for name in names if not name.startswith(_CUTS)]
        said += [f"{_CUTS.lower()}{', '.join(cuts)}"] if cuts else []
        made += [f"{opening}: {'; '.join(dict.fromkeys(said))}."] if said else []
    return made


def _sets(year: int) -> list[Assumption]:
    """Measure set with its weights and phase-in, and maxima of the domains: one row for each distinct source."""
    scored, found = measure_set("mssp", year).query("scored_in == ''"), []
    for source, rows in scored.groupby("source", sort=False):
        named = f" ({', '.join(map(str, rows.index))})" if len(rows) <= 3 else ""
        many = f"{len(rows)} measures" if len(rows) > 1 else "one measure"
        name = f"Measure set of {year}, {many}{named}"
        found.append(Assumption(name, len(rows), "measures", "rule", str(source), "with weights and phase-in"))
    maxima = {domain: rule("domain_maximum", domain, year) for domain in DOMAINS}
    for source in dict.fromkeys(one.source for one in maxima.values()):
        own = {domain: one for domain, one in maxima.items() if one.source == source}
        values = " / ".join(f"{float(one.value):g}" for one in own.values())
        name = f"Maximum points in {year} of {', '.join(own)}"
        found.append(Assumption(name, values, "points", "rule", source, "sums of the maxima of the measures"))
    return found


def _rules(measures: pd.DataFrame, rates: pd.DataFrame, year: int) -> tuple[Assumption, ...]:
    """Rules behind a score, with their sources: set, maxima, scale, reward, and cut points that are not published."""
    found = [*_sets(year), rule("points_30", "mssp", year)]
    found.append(rule("points_90", "mssp", year))
    if improvement_reward(1.0, year):
        found += [rule("reward_90", "mssp", year), rule("significance", "mssp", year), rule("size", "mssp", year)]
    found.append(rule("minimum_attainment", "mssp", year))
    for name in measures.index[measures["basis"] == "performance"]:
        cuts, source = cuts_of(str(name), rates.loc[name].to_dict(), "mssp", year)
        if cuts is not None and (FROM_MEMORY in source or not source.startswith("CMSgov/qpp")):
            at = PERCENTILES.index("p90")
            found.append(Assumption(f"Cut points of {name}, 90th percentile", float(cuts[at]), "share", "rule", source))
    return tuple(found)
