"""Quality score and standard of the Shared Savings Program from 2021: the APM Performance Pathway."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pandas as pd

from acomodel.contract.quality.rates import PERCENTILES, largest_of, share
from acomodel.contract.quality.result import Quality, Standard
from acomodel.contract.quality.tables import cut_points, cuts_of, measure_set, number, rule
from acomodel.exhibit import Assumption
from acomodel.inputs import InputError, nearest

TIE = 1e-9
"""Rates and scores closer than this are equal. [share]"""
TOP = 10.0
"""Points of a measure in the highest decile. [points]"""
ELECTRONIC = ("electronic", "registry")
"""Collections of measures that are reported electronically, for all patients of all payers."""


def decile_points(
    rate: Any, cuts: Any, *, lower_is_better: bool = False, floor: float = 1.0, largest: float | None = None
) -> Any:
    r"""
    Points of a measure by its decile and the place inside it.

    Parameters
    ----------
    rate : numeric
        Rate. [share]
    cuts : array-like of 9
        Benchmark: where the second to the tenth decile begin, each no worse than the one before. [share]
    lower_is_better : bool
        Whether points rise as the rate falls.
    floor : float
        Least points. [points]
    largest : float, optional
        Largest rate there can be; by default 1, or 10 where a cut point is above 1. [share]

    Returns
    -------
    float or numpy.ndarray
        From `floor` to 10. [points]

    Raises
    ------
    InputError
        A percent for a share, or cut points that do not rise.

    Notes
    -----
    In decile :math:`d` from :math:`c_d` to :math:`c_{d+1}`,

    .. math:: q = d + \frac{r - c_d}{c_{d+1} - c_d}

    unrounded; 10 in the tenth decile, 1 in the first.

    References
    ----------
    .. [1] CMS, quality benchmarks of the Quality Payment Program; unrounded places as the scores of the public use
       files of 2022 and 2023 show them.

    Examples
    --------
    >>> decile_points(np.array([0.05, 0.25, 0.95]), np.arange(0.1, 1, 0.1)).round(6).tolist()
    [1.0, 3.5, 10.0]
    """
    sign = -1.0 if lower_is_better else 1.0
    limits = sign * np.asarray(cuts, dtype=float)
    if limits.shape != (len(PERCENTILES),) or not np.isfinite(limits).all() or (np.diff(limits) < 0).any():
        raise InputError(f"quality: nine cut points are wanted, each no worse than the one before; found {list(cuts)}")
    largest = largest or largest_of(cuts)
    share(cuts, "cut point", largest=largest)
    at = sign * share(rate, "rate", largest=largest)
    passed = np.searchsorted(limits, at + TIE, side="right")
    low, high = limits[np.clip(passed - 1, 0, 8)], limits[np.clip(passed, 0, 8)]
    inside = np.clip((at - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
    points = np.where(passed == 0, 1.0, np.where(passed == 9, TOP, 1 + passed + inside))
    points = np.where(np.isnan(at), np.nan, np.maximum(points, floor))
    return points if np.ndim(points) else float(points)


def improvement_score(achievement: Any, prior: Any, year: int = 2023) -> Any:
    r"""
    Points of a percent that growth of the achievement adds to the score.

    Parameters
    ----------
    achievement, prior : numeric
        Points over points possible, this year and last. [share]
    year : int
        Performance year. [year]

    Returns
    -------
    float or numpy.ndarray
        From 0 to 0.1. [share]

    Notes
    -----
    .. math:: 0.1 \min\left(1, \max\left(0, \frac{a_1 - a_0}{a_0}\right)\right)

    Examples
    --------
    >>> round(improvement_score(0.8, 0.64), 6)
    0.025
    """
    most = (number("improvement_points", "app", year) or 0.0) / 100
    now, before = share(achievement, "achievement"), share(prior, "prior")
    grown = np.where(before > 0, (now - before) / np.where(before > 0, before, 1.0), 0.0)
    added = most * np.clip(np.where(np.isnan(grown), 0.0, grown), 0.0, 1.0)
    return added if np.ndim(added) else float(added)


def app_standard(
    score: Any,
    year: int,
    *,
    incentive: Any = False,
    first_year: Any = False,
    outcome: Any = True,
    reported: Any = True,
) -> Any:
    """
    How the quality standard is met.

    Parameters
    ----------
    score : numeric
        Quality score. [share]
    year : int
        Performance year. [year]
    incentive : bool or array of bool
        Whether the incentive for electronic reporting is earned.
    first_year : bool or array of bool
        Whether it is the first performance year of the first agreement.
    outcome : bool or array of bool
        Whether an outcome measure is at the 10th percentile, which the alternative standard asks for.
    reported : bool or array of bool
        Whether what must be reported was reported.

    Returns
    -------
    str or numpy.ndarray of str
        "met" at the threshold score, with the incentive or in a first year; else "alternative" where the year knows it,
        else "failed".

    References
    ----------
    .. [1] 42 CFR 425.512, second-hand; threshold scores by year as ``data/rules/quality.csv`` cites them.

    Examples
    --------
    >>> app_standard(0.70, 2024), app_standard(0.70, 2024, incentive=True), app_standard(0.70, 2022)
    ('alternative', 'met', 'failed')
    """
    threshold = number("threshold_score", "app", year)
    if threshold is None:
        raise InputError(f"quality: no threshold score for {year}; the standard of the pathway begins in 2021")
    passed = share(score, "score") >= threshold - TIE
    first = np.asarray(first_year, dtype=bool) & bool(number("first_year_meets", "app", year))
    met = passed | np.asarray(incentive, dtype=bool) | first
    other = bool(number("alternative_standard", "app", year)) & np.asarray(outcome, dtype=bool)
    found = np.where(met, "met", np.where(other, "alternative", "failed"))
    found = np.where(np.asarray(reported, dtype=bool), found, "failed")
    return found if np.ndim(found) else str(found)


def final_share_rate(maximum: Any, standard: Any, score: Any) -> Any:
    """
    Final sharing rate by the standard: the maximum, the maximum times the score, or nothing.

    Parameters
    ----------
    maximum : numeric
        Sharing rate of the track. [share of savings]
    standard : str or array of str
        "met", "alternative" or "failed".
    score : numeric
        Quality score. [share]

    Returns
    -------
    float or numpy.ndarray
        Rate. [share of savings]

    Raises
    ------
    InputError
        A standard of another name, or a percent for a share.

    Examples
    --------
    >>> [round(final_share_rate(0.75, how, 0.6), 4) for how in ("met", "alternative", "failed")]
    [0.75, 0.45, 0.0]
    """
    how = np.asarray(standard)
    if (odd := ~np.isin(how, get_args(Standard))).any():
        found = str(how[odd].flat[0])
        raise InputError(
            f"quality: standard: found '{found}'; {', '.join(get_args(Standard))} are known."
            f"{nearest(found, get_args(Standard))}"
        )
    factor = np.where(how == "met", 1.0, np.where(how == "alternative", share(score, "score"), 0.0))
    rate = share(maximum, "maximum") * factor
    return rate if np.ndim(rate) else float(rate)


def app_quality(
    rates: pd.DataFrame,
    year: int,
    *,
    prior_achievement: float | None = None,
    incentive: bool | None = None,
    first_year: bool = False,
    disaster: bool = False,
    complete: bool = True,
) -> Quality:
    """
    Quality score and standard of an ACO from 2021.

    Parameters
    ----------
    rates : pandas.DataFrame
        Rates from `measure_rates`, measures named as in `measure_set("app", year)`; `collection` says which benchmark a
        clinical measure has: "web interface" (the default to 2024), "electronic" or "registry".
    year : int
        Performance year. [year]
    prior_achievement : float, optional
        Points over points possible of the year before, from which growth earns up to ten points. [share]
    incentive : bool, optional
        Whether the incentive for electronic reporting is earned; by default from the rates.
    first_year : bool
        Whether it is the first performance year of the first agreement.
    disaster : bool
        Whether the ACO was struck by a disaster: it receives the threshold score if that is higher.
    complete : bool
        Whether what must be reported was reported.

    Returns
    -------
    Quality

    Raises
    ------
    InputError
        A year before 2021, an unknown measure, no measure with a benchmark, or a percent for a share.

    Notes
    -----
    Score: points over ten points for each measure with a benchmark, and improvement. The survey counts as one measure,
    the mean of its parts. The health equity adjustment is not modelled.

    References
    ----------
    .. [1] 42 CFR 425.512, second-hand; benchmarks: CMSgov/qpp-measures-data.

    Examples
    --------
    >>> from acomodel.contract.quality.rates import measure_rates
    >>> found = app_quality(measure_rates(pd.DataFrame({"measure": ["110", "226"], "rate": [0.85, 0.75]})), 2023)
    >>> round(found.score, 4), found.standard
    (0.9, 'met')
    """
    sets = measure_set("app", year)
    if prior_achievement is not None:
        share(prior_achievement, "prior_achievement", missing=False)
    for name in rates.index:
        if name not in sets.index:
            raise InputError(f"measures: '{name}': not in the set of {year}.{nearest(str(name), sets.index)}")
    measures = pd.DataFrame([_measured(str(n), sets.loc[n], row, year) for n, row in rates.iterrows()])
    measures = _with_survey(measures.set_index("measure"), sets)
    counted = measures[measures["basis"].isin(["performance", "reporting"])]
    if counted.empty:
        raise InputError(f"measures: none has a benchmark of {year} and cases enough; the score would rest on nothing.")
    domains = counted.groupby("domain", sort=False)[["points", "possible"]].sum()
    domains.insert(1, "reward", 0.0)
    domains["share"] = domains["points"] / domains["possible"]
    domains["weight"] = domains["possible"] / domains["possible"].sum()
    achieved = float(counted["points"].sum() / counted["possible"].sum())
    added = 0.0 if prior_achievement is None else float(improvement_score(achieved, prior_achievement, year))
    score, notes = min(1.0, achieved + added), []
    if added:
        notes.append(f"Growth since the year before adds {added:.2%} to the {achieved:.2%} achieved.")
    threshold = number("threshold_score", "app", year) or 0.0
    if disaster and score < threshold:
        score = threshold
        notes.append("Struck by a disaster: the threshold score is received, which is higher.")
    earned = incentive if incentive is not None else earns_incentive(rates, year)
    standard: Standard = app_standard(
        score, year, incentive=earned, first_year=first_year, outcome=_outcome(rates, year), reported=complete
    )
    notes += [said for said, holds in _why(year, threshold, bool(earned), first_year, complete) if holds]
    notes.append("The health equity adjustment is not modelled.")
    return Quality("app", measures, domains, score, standard, tuple(notes), _rules(rates, measures, year))


def earns_incentive(rates: pd.DataFrame, year: int) -> bool:
    """
    Whether the incentive for electronic reporting is earned.

    All clinical measures that are open to electronic reporting must be reported so, one outcome measure at the 10th
    percentile, and one of the other measures at that of the year (30th, from 2024 40th).
    """
    least, other = (number(f"incentive_{part}_percentile", "app", year) for part in ("outcome", "other"))
    table, sets = cut_points("app", year), measure_set("app", year)
    open_to = set(table.loc[table["collection"] == "electronic", "measure"]) & set(sets.index)
    wanted = {name for name in open_to if sets.loc[name, "method"] != "web interface"}
    electronic = {str(name) for name, row in rates.iterrows() if row["collection"] in ELECTRONIC}
    if least is None or other is None or not wanted or not wanted <= electronic:
        return False
    first = [
        str(name) for name in rates.index if sets.loc[name, "outcome"] == "1" and _reaches(rates, name, least, year)
    ]
    second = [str(name) for name in rates.index if _reaches(rates, name, other, year)]
    return any(set(second) - {name} for name in first)


def _reaches(rates: pd.DataFrame, name: Any, percentile: float, year: int) -> bool:
    """Whether a measure is at a percentile of its benchmark."""
    found, row = rates.loc[name], measure_set("app", year).loc[name]
    cuts, _ = cuts_of(name, found.to_dict(), "app", year, _collection(found, row, year))
    if cuts is None or np.isnan(found["rate"]):
        return False
    cut = cuts[PERCENTILES.index(f"p{percentile:.0f}")]
    return bool(found["rate"] <= cut + TIE if row["better"] == "lower" else found["rate"] >= cut - TIE)


def _outcome(rates: pd.DataFrame, year: int) -> bool:
    """Whether an outcome measure is at the percentile that the alternative standard asks for."""
    least, sets = number("incentive_outcome_percentile", "app", year) or 10.0, measure_set("app", year)
    return any(sets.loc[name, "outcome"] == "1" and _reaches(rates, name, least, year) for name in rates.index)


def _collection(found: pd.Series, row: pd.Series, year: int) -> str:
    """How a measure was collected: as stated, else as its row says."""
    if found["collection"]:
        return str(found["collection"])
    if row["method"] == "clinical":
        return "web interface" if year <= 2024 else "electronic"
    return str(row["method"])


def _measured(name: str, row: pd.Series, found: pd.Series, year: int) -> dict[str, Any]:
    """Points of one measure and what earned them."""
    kept = ("numerator", "denominator", "rate", "low", "high", "reliability", "prior_rate")
    made: dict[str, Any] = {"measure": name, "name": row["name"], "domain": row["domain"], "weight": 1.0}
    made |= {key: found[key] for key in kept} | {"cut": np.nan, "next_cut": np.nan, "points": 0.0, "possible": TOP}
    if found["reporting_only"] == "yes" or not found["enough"]:
        return made | {"basis": "few" if not found["enough"] else "unscored"}
    cuts, _ = cuts_of(name, found.to_dict(), "app", year, _collection(found, row, year))
    if cuts is None or not np.isfinite(cuts).all() or np.isnan(found["rate"]):
        return made | {"basis": "unscored"}
    track = {"claims": "app claims", "survey": "app survey"}.get(row["domain"], "app")
    lower, floor = row["better"] == "lower", number("floor_points", track, year) or 1.0
    points = decile_points(found["rate"], cuts, lower_is_better=lower, floor=floor, largest=row["largest"])
    passed = int((found["rate"] <= cuts + TIE if lower else found["rate"] >= cuts - TIE).sum())
    return made | {
        "points": points,
        "cut": cuts[passed - 1] if passed else np.nan,
        "next_cut": cuts[passed] if passed < len(cuts) else np.nan,
        "basis": "part" if row["scored_in"] else "performance",
    }


def _with_survey(measures: pd.DataFrame, sets: pd.DataFrame) -> pd.DataFrame:
    """Measures with the survey as one more: the mean of the points of its parts."""
    parts = measures[measures["basis"] == "part"]
    if parts.empty:
        return measures
    if "CAHPS" in measures.index:
        raise InputError("measures: 'CAHPS' and its parts are both given; one of them is wanted.")
    whole = measures.iloc[[0]].copy().set_axis(pd.Index(["CAHPS"], name="measure"))
    whole[["numerator", "denominator", "rate", "low", "high", "reliability", "prior_rate", "cut", "next_cut"]] = np.nan
    whole[["name", "domain", "basis"]] = [sets.loc["CAHPS", "name"], "survey", "performance"]
    whole[["points", "possible"]] = [parts["points"].mean(), TOP]
    measures.loc[parts.index, "possible"] = TOP / len(parts)
    measures.loc[parts.index, "points"] /= len(parts)
    return pd.concat([measures, whole])


def _why(year: int, threshold: float, incentive: bool, first_year: bool, complete: bool) -> list[tuple[str, bool]]:
    """What decides the standard, in words, and whether it holds."""
    percentile = number("standard_percentile", "app", year) or 0.0
    return [
        (f"Standard of {year}: {threshold:.2%}, the {percentile:.0f}th percentile.", True),
        ("The incentive for electronic reporting is earned.", incentive),
        ("First performance year of the first agreement.", first_year),
        ("Not all that must be reported was reported.", not complete),
    ]


def _rules(rates: pd.DataFrame, measures: pd.DataFrame, year: int) -> tuple[Assumption, ...]:
    """Rules behind a score, with their sources."""
    names = ("threshold_score", "standard_percentile", "floor_points", "alternative_standard", "improvement_points")
    found = [rule(name, "app", year) for name in names if number(name, "app", year) is not None]
    scored = [name for name in rates.index if measures.loc[name, "basis"] in ("performance", "part")]
    sets = measure_set("app", year)
    how = {name: _collection(rates.loc[name], sets.loc[name], year) for name in scored}
    sources = {cuts_of(str(name), rates.loc[name].to_dict(), "app", year, how[name])[1] for name in scored}
    return (*found, *(Assumption("Benchmarks of the measures", str(year), "year", "rule", s) for s in sorted(sources)))
