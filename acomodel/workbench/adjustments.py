"""What the population and its large claims do to a scenario's benchmark: change of risk, excess above a threshold."""

from __future__ import annotations

from dataclasses import dataclass

from acomodel.budget.demographics import age_sex_set
from acomodel.budget.risk import age_sex_factors, risk_ratio
from acomodel.budget.risk_caps import risk_ratio_capped
from acomodel.budget.truncation import excess_by_period
from acomodel.inputs import InputError
from acomodel.workbench.claims import Claims
from acomodel.workbench.parts import YearSettings
from acomodel.workbench.people import DEMOGRAPHIC
from acomodel.workbench.scenario import Scenario
from acomodel.workbench.tables import Tables


@dataclass(frozen=True)
class RiskChange:
    """
    Average risk of the population in two periods.

    Parameters
    ----------
    measure : str
        What risk is measured by, in words.
    base_period, current_period : str
        The periods.
    base, current : float
        Average factor or score of each. [factor]
    """

    measure: str
    base_period: str
    current_period: str
    base: float
    current: float


def risk_change(scenario: Scenario, tables: Tables, base_year: int) -> RiskChange | None:
    """
    Average risk in the period of the baseline and in that of the contract year.

    Parameters
    ----------
    scenario : Scenario
        Its risk settings say what is measured.
    tables : Tables
        A demographic table, or claims.
    base_year : int
        Year of the baseline.

    Returns
    -------
    RiskChange or None
        None where the scenario states a ratio, or none is asked for.

    Raises
    ------
    InputError
        Neither a table nor claims to measure risk by, or periods they do not hold.
    """
    wanted = scenario.risk
    if wanted is None or wanted.ratio is not None:
        return None
    if tables.demographics is not None:
        found = age_sex_factors(tables.demographics, wanted.base, wanted.current)
        return RiskChange("age/sex factor of the demographic table", wanted.base, wanted.current, *found)
    if tables.claims is None or scenario.benchmark is None:
        return None
    people = tables.claims.people
    years = [_year(wanted.base, "base", base_year), _year(wanted.current, "current", scenario.benchmark.year)]
    if wanted.method == "hcc":
        levels = [people.mean_score(year, wanted.model) for year in years]
        measure = f"CMS-HCC {wanted.model} score, by diagnoses of the year before"
    elif wanted.factors == "own":
        factors = people.own_factors(base_year)
        levels = [people.mean_factor(year, factors) for year in years]
        measure = f"age/sex factor, estimated from the claims of {base_year}"
    else:
        levels = [people.mean_factor(year, age_sex_set()) for year in years]
        measure = "age/sex factor of the ACO Toolkit"
    return RiskChange(measure, str(years[0]), str(years[1]), levels[0], levels[1])


def _year(text: str, key: str, default: int) -> int:
    """A period of the risk settings as a year of the claims."""
    if text and not text.isdigit():
        raise InputError(f"risk.{key}: found '{text}'; with claims, a calendar year is wanted")
    return int(text) if text else default


def measured_ratio(scenario: Scenario, risk: RiskChange | None, *, printed: bool) -> float:
    """Risk ratio as stated or measured, before floor and cap; rounded as printed exhibits are, if asked. [factor]"""
    if scenario.risk is not None and scenario.risk.ratio is not None:
        return scenario.risk.ratio
    if risk is None:
        return 1.0
    if printed:
        return round(float(risk_ratio(round(risk.current, 2), round(risk.base, 2))), 3)
    return float(risk_ratio(risk.current, risk.base))


def applied_ratio(scenario: Scenario, risk: RiskChange | None, *, printed: bool) -> float:
    """Risk ratio within its floor and cap, with the what-if of the scenario. [factor]"""
    if scenario.risk is None:
        return 1.0
    measured = measured_ratio(scenario, risk, printed=printed)
    within = risk_ratio_capped(measured, 1.0, cap=scenario.risk.cap, floor=scenario.risk.floor)
    return float(within) * (1 + scenario.risk.adjustment)


def threshold(scenario: Scenario, tables: Tables, base_year: int) -> float:
    """
    Amount per claimant and year above which claims do not count: as stated, or at its percentile. [$]

    Raises
    ------
    InputError
        A percentile without claims to take it from, or one below what the claims tell one by one.
    """
    wanted = scenario.large_claims
    assert wanted is not None
    if wanted.threshold is not None:
        return wanted.threshold
    if tables.claims is None:
        raise InputError("large_claims.percentile: needs claims to be taken from; state large_claims.threshold")
    assert wanted.percentile is not None
    return tables.claims.claimants(base_year).at_percentile(wanted.percentile)


def listed_claims(scenario: Scenario, tables: Tables) -> Claims | None:
    """Claims that large claims are taken from; None where they come from a table or nowhere."""
    return None if scenario.large_claims is None or tables.large_claims is not None else tables.claims


def removed_from(scenario: Scenario, tables: Tables, base_year: int) -> float | None:
    """
    Excess of large claims in the baseline; None where none is measured. [$]

    Raises
    ------
    InputError
        A threshold that cannot be served.
    """
    wanted = scenario.large_claims
    if wanted is None or wanted.factor is not None:
        return None
    if tables.large_claims is not None:
        found = excess_by_period(tables.large_claims, threshold(scenario, tables, base_year))
        return float(found.get("baseline", 0.0))
    if tables.claims is None:
        return None
    return tables.claims.excess(base_year, threshold(scenario, tables, base_year), prorate=wanted.prorated)


def removed_in(scenario: Scenario, tables: Tables, base_year: int | None) -> dict[str, float]:
    """
    Excess of large claims in each settled year, by its label. [$]

    Raises
    ------
    InputError
        Claimants of a period that is not settled, or a threshold that cannot be served.
    """
    wanted = scenario.large_claims
    if wanted is None:
        return {}
    if tables.large_claims is not None:
        found = excess_by_period(tables.large_claims, threshold(scenario, tables, base_year or 0)).to_dict()
        unknown = set(found) - {"baseline"} - {y.label for y in scenario.years}
        if unknown:
            raise InputError(
                f"{scenario.folder / tables.files['large_claims']}: period '{sorted(unknown)[0]}' is neither "
                f"'baseline' nor the label of a settlement year ({', '.join(y.label for y in scenario.years)})."
            )
        return {str(period): float(amount) for period, amount in found.items()}
    claims = listed_claims(scenario, tables)
    if claims is None or base_year is None:
        return {}
    amount = threshold(scenario, tables, base_year)
    return {
        year.label: claims.excess(year.performance_year, amount, prorate=wanted.prorated)
        for year in scenario.years
        if not _states_spending(year) and year.performance_year in claims.years
    }


def without_large_claims(scenario: Scenario, tables: Tables, base_year: int) -> Tables:
    """
    Tables whose monthly claims are those that a trend is fitted to: without what lies above the threshold.

    The excess of a year is taken from its months and categories in proportion, for it is known by member and year.
    """
    claims = listed_claims(scenario, tables)
    if claims is None or tables.monthly is None or scenario.large_claims is None:
        return tables
    amount, prorate = threshold(scenario, tables, base_year), scenario.large_claims.prorated
    years = set(tables.monthly["month"].dt.year) & set(claims.actuals.index)
    allowed = claims.actuals["allowed"]
    return tables.keeping({int(y): 1 - claims.excess(y, amount, prorate=prorate) / float(allowed[y]) for y in years})


def _states_spending(year: YearSettings) -> bool:
    return year.actual is not None or year.actual_pmpm is not None


def remarks(scenario: Scenario, tables: Tables, risk: RiskChange | None) -> list[str]:
    """What a reader must know of risk and large claims that were taken from claims."""
    said = []
    if tables.claims is not None and risk is not None:
        rows = tables.claims.people.findings
        rows = rows[rows["year"].astype(str).isin([risk.base_period, risk.current_period])]
        scored = rows["check"].isin(DEMOGRAPHIC) | (scenario.risk is not None and scenario.risk.method == "hcc")
        said += [f"risk of {row['year']}: {row['what']} ({row['check']})" for _, row in rows[scored].iterrows()]
        if scenario.risk is not None and scenario.risk.method == "hcc":
            said.append("scores are raw: growth of coding in the whole country is part of their ratio")
    if listed_claims(scenario, tables) is not None:
        said.append(
            "the trend is that of claims without what lies above the threshold, which is taken from the months of its "
            "year in proportion"
        )
        said += [
            f"{year.label}: spending is stated, and counts as without what large claims leave out"
            for year in scenario.years
            if _states_spending(year)
        ]
    return said
