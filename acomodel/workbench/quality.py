"""The quality score of a scenario's leading year: results of measures through the scheme it names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from acomodel.contract.programs import ProgramTerms
from acomodel.contract.quality.app import TIE, app_quality
from acomodel.contract.quality.mssp import mssp_quality
from acomodel.contract.quality.points import toolkit_quality
from acomodel.contract.quality.rates import measure_rates
from acomodel.contract.quality.result import Quality
from acomodel.contract.quality.settings import REWARDS, QualitySettings
from acomodel.contract.quality.tables import measure_set, number
from acomodel.contract.quality.value import DollarsPerPoint, dollars_per_point
from acomodel.contract.settlement import settle
from acomodel.exhibit import Assumption
from acomodel.inputs import InputError
from acomodel.privacy import SMALL_CELL
from acomodel.programs import Rules
from acomodel.workbench.scenario import Scenario
from acomodel.workbench.tables import Tables

if TYPE_CHECKING:
    from acomodel.workbench.model import Run

SCHEMES = {
    "toolkit": "targets of the contract (ACO Toolkit)",
    "mssp": "Shared Savings Program to 2020",
    "app": "APM Performance Pathway",
}
"""Schemes in words."""


def quality_of(scenario: Scenario, tables: Tables) -> Quality | None:
    """
    Quality score of the leading year, worked out from the results of its measures; None where none are given.

    Parameters
    ----------
    scenario : Scenario
        Settings, of which `quality` names scheme and table.
    tables : Tables
        The tables it reads.

    Returns
    -------
    Quality or None

    Raises
    ------
    InputError
        Results at fault, or a scheme that does not know the year.

    Examples
    --------
    >>> from acomodel import run
    >>> hackensack = run("scenarios/hackensack-2014.toml")
    >>> quality_of(hackensack.scenario, hackensack.tables) is None
    True
    """
    found = _asked(scenario)
    if found is None or tables.measures is None:
        return None
    return _scored(*found, tables)


def of_year(scenario: Scenario, tables: Tables, position: int) -> tuple[float | None, str]:
    """Quality score of a year, worked out or stated (None where neither), and how its standard is met."""
    year = scenario.years[position]
    found = quality_of(scenario, tables) if position == scenario.headline() else None
    return (year.quality_score, year.quality_standard) if found is None else (found.score, found.standard)


def rates_of(scenario: Scenario, tables: Tables) -> pd.DataFrame | None:
    """Rates of the scenario's measures, pooled and checked; None where none are given."""
    found = _asked(scenario)
    return None if found is None or tables.measures is None else _rates(found[0], found[1], tables)


def scheme_of(wanted: QualitySettings, year: int, agreement_year: int) -> Callable[[pd.DataFrame], Quality]:
    """
    Scheme of the settings: a function of rates that gives a score.

    Parameters
    ----------
    wanted : QualitySettings
        Scheme and its choices.
    year : int
        Performance year. [year]
    agreement_year : int
        Year of the agreement, from 1. [number]
    """
    if wanted.scheme == "toolkit":
        return lambda rates: toolkit_quality(rates, wanted.points)
    if wanted.scheme == "mssp":
        stated = {domain: getattr(wanted, name) for domain, name in REWARDS.items()}
        rewards = {domain: points for domain, points in stated.items() if points is not None}
        return lambda rates: mssp_quality(
            rates,
            year,
            agreement_year,
            first_agreement=wanted.first_agreement,
            complete=wanted.complete,
            rewards=rewards,
            disaster_mean=wanted.disaster_mean,
        )
    return lambda rates: app_quality(
        rates,
        year,
        prior_achievement=wanted.prior_achievement,
        incentive=wanted.incentive,
        first_year=wanted.first_agreement and agreement_year == 1,
        disaster=wanted.disaster,
        complete=wanted.complete,
    )


@lru_cache(maxsize=2)
def worth(run: Run) -> DollarsPerPoint | None:
    """What a point of each measure is worth in the leading year's payment; None without measures."""
    found = _asked(run.scenario)
    rates = rates_of(run.scenario, run.tables)
    if found is None or rates is None:
        return None
    at, line = run.scenario.headline(), run.headline()
    beside = {k: v for k, v in run.given(at).items() if not k.startswith("quality_")}
    benchmark, actual = float(line["benchmark"]), float(line["actual"])
    return dollars_per_point(rates, scheme_of(*found), benchmark, actual, run.terms[at], **beside)


def payments_by_score(run: Run, scores: np.ndarray | None = None) -> pd.DataFrame:
    """
    Settlement of the leading year at several quality scores, everything else as it is.

    Parameters
    ----------
    run : Run
        The run.
    scores : numpy.ndarray, optional
        Scores; by default tenths from 0 to 1 and the present one. [share]

    Returns
    -------
    pandas.DataFrame
        Index score [share]; `quality_standard`, `quality_factor`, `final_sharing_rate` [share], `payment` [$]. The
        standard of the pathway follows the score; a minimum of points, too; otherwise it stays as it is.
    """
    at, line = run.scenario.headline(), run.headline()
    clauses = run.given(at)
    now, standard = float(clauses.pop("quality_score")), str(clauses.pop("quality_standard"))
    tried = np.unique(np.append(np.linspace(0, 1, 11), now)) if scores is None else np.asarray(scores, dtype=float)
    how = np.array([_standard_at(run, float(score), standard) for score in tried])
    settled = settle(
        float(line["benchmark"]),
        float(line["actual"]),
        run.terms[at],
        quality_score=tried,
        quality_standard=how,
        **clauses,
    )
    kept = {name: np.asarray(getattr(settled, name)) for name in ("quality_factor", "final_sharing_rate", "payment")}
    return pd.DataFrame({"quality_standard": how} | kept, index=pd.Index(tried, name="score"))


def _standard_at(run: Run, score: float, now: str) -> str:
    """How the standard would be met at a score."""
    found, quality = _asked(run.scenario), quality_of(run.scenario, run.tables)
    if found is None or quality is None or abs(score - quality.score) < 1e-12:
        return now
    wanted, year, _ = found
    if wanted.scheme == "toolkit":
        return "met" if score >= wanted.points.minimum_points - TIE else "failed"
    if wanted.scheme == "mssp" or not wanted.complete:
        return now
    threshold = number("threshold_score", "app", year) or 0.0
    if score >= threshold - TIE or (now == "met" and quality.score < threshold):
        return "met"
    if now != "met":
        return now
    return "alternative" if number("alternative_standard", "app", year) else "failed"


def hidden_measures(run: Run) -> pd.Series:
    """
    Measures whose cases, rate and exact points a report does not show.

    Those with 1 to 10 members in them, meeting them or missing them; and, where points tell a rate and a single measure
    would be hidden, the smallest other one, for the score would give it away.
    """
    found = quality_of(run.scenario, run.tables)
    assert found is not None
    table = found.measures
    missed = table["denominator"] - table["numerator"]
    counts = (table["denominator"], table["numerator"], missed)
    hidden = pd.Series(False, index=table.index)
    if run.scenario.report.show_small_cells:
        return hidden
    for count in counts:
        hidden |= count.gt(0) & count.lt(SMALL_CELL + 1)
    scored = table["basis"].isin(["performance", "part"]) & table["rate"].notna()
    if found.scheme != "mssp" and int((hidden & scored).sum()) == 1 and (scored & ~hidden).any():
        sizes = table.loc[scored & ~hidden, "denominator"].fillna(np.inf)
        hidden[sizes.idxmin()] = True
    return hidden


def domains_shown(run: Run, found: Quality) -> Quality:
    """The score as a report shows it: points of domains with hidden measures rounded, where they would tell a rate."""
    hidden = hidden_measures(run)
    named = set(found.measures.loc[hidden & found.measures["basis"].isin(["performance", "part"]), "domain"])
    if found.scheme == "mssp" or not named:
        return found
    table = found.domains.copy()
    rows = table.index.isin(named)
    table.loc[rows, "points"] = table.loc[rows, "points"].round(1)
    table.loc[rows, "share"] = (table.loc[rows, "points"] / table.loc[rows, "possible"]).round(2)
    measures = found.measures.copy()
    measures.loc[hidden, "points"] = measures.loc[hidden, "points"].round(1)
    said = f"Points are rounded in {', '.join(sorted(named))}, where a measure has 1 to {SMALL_CELL} members."
    return replace(found, measures=measures, domains=table, notes=(*found.notes, said))


def assumptions(scenario: Scenario, tables: Tables) -> list[Assumption]:
    """The score that was worked out and the rules behind it, for the list of assumptions."""
    found, quality = _asked(scenario), quality_of(scenario, tables)
    if found is None or quality is None:
        return []
    label = scenario.years[scenario.headline()].label
    source = f"worked out from the results of {len(quality.measures)} measures: {SCHEMES[quality.scheme]}"
    note = " ".join(quality.notes)
    made = [
        Assumption(f"{label}: quality score", round(quality.score, 6), "share", "data", source, note),
        Assumption(f"{label}: quality standard", quality.standard, "", "data", source),
    ]
    if quality.scheme == "toolkit":
        said = "the ACO Toolkit (part 3, p. 64) names the framework; numbers of points are the contract's to agree"
        made.append(Assumption("Points of quality measures", "as the settings say", "", "judgment", said))
    return made + [_named(rule, found[1]) for rule in quality.assumptions]


_RULES = {
    "points_30": "points at the 30th percentile",
    "points_90": "points at the 90th percentile",
    "reward_90": "most points of a domain for improvement",
    "significance": "confidence of the test for improvement",
    "size": "cases behind a rate without a denominator",
    "minimum_attainment": "measures of each domain at the 30th percentile",
}
"""Rules in words."""


def _named(rule: Assumption, year: int) -> Assumption:
    words = rule.name.partition(": ")[2] or rule.name
    name = f"{year} quality: {_RULES.get(words, words.replace('_', ' '))}"
    return Assumption(name, rule.value, rule.unit, rule.basis, rule.source, rule.note)


def _asked(scenario: Scenario) -> tuple[QualitySettings, int, int] | None:
    """Settings, performance year and agreement year; None where no measures are given."""
    wanted = scenario.quality
    if wanted is None:
        return None
    leading = scenario.years[scenario.headline()].performance_year
    year = wanted.performance_year or leading
    began = scenario.terms.agreement_start if isinstance(scenario.terms, ProgramTerms) else None
    stated = scenario.terms.agreement_year if isinstance(scenario.terms, ProgramTerms) else None
    first = int(Rules("mssp", year).number("first_performance_year", "*") or 0)
    counted = None if began is None else year - max(began, first) + 1
    agreement = wanted.agreement_year or stated or counted
    if agreement is None and wanted.scheme == "mssp":
        raise InputError("quality.agreement_year: missing; which measures count depends on the year of the agreement")
    return wanted, year, agreement or 2


def _rates(wanted: QualitySettings, year: int, tables: Tables) -> pd.DataFrame:
    assert tables.measures is not None
    if wanted.scheme == "toolkit":
        return measure_rates(tables.measures, minimum=wanted.minimum_denominator)
    sets = measure_set(wanted.scheme, year)
    largest = {str(name): float(top) for name, top in sets["largest"].items()}
    known = [str(name) for name in sets.index]
    table = tables.measures.copy(deep=False)
    table["better"] = table["measure"].map(sets["better"]).fillna("")
    return measure_rates(table, minimum=wanted.minimum_denominator, known=known, largest=largest)


@lru_cache(maxsize=8)
def _scored(wanted: QualitySettings, year: int, agreement_year: int, tables: Tables) -> Quality:
    return scheme_of(wanted, year, agreement_year)(_rates(wanted, year, tables))
