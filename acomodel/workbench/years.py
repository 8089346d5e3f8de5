"""What a settled year brings with it: exposure and spending, stated or of the claims, and what its terms ask for."""

from __future__ import annotations

from typing import Any

import pandas as pd

from acomodel.contract.terms import Terms
from acomodel.inputs import InputError
from acomodel.rates import MONTHS
from acomodel.workbench.parts import YearSettings
from acomodel.workbench.quality import of_year
from acomodel.workbench.scenario import Scenario
from acomodel.workbench.tables import Tables


def check_years(scenario: Scenario, tables: Tables, terms: tuple[Terms, ...]) -> None:
    """Refuse a year that lacks what its terms depend on, or gives what they have no clause for."""
    for position, (year, agreed) in enumerate(zip(scenario.years, terms, strict=True)):
        key = f"years.{position}"
        score, standard = of_year(scenario, tables, position)
        alternative = agreed.quality_method == "standard" and standard == "alternative"
        if score is None and (agreed.needs_quality_score or alternative):
            raise InputError(f"{key}.quality_score: missing; the payment for {year.label} depends on it")
        if standard == "alternative" and agreed.quality_method != "standard":
            where = f"{key}.quality_standard" if year.quality_standard == "alternative" else "quality"
            raise InputError(f"{where}: the standard is met by the alternative, of which the terms know nothing")
        if year.revenue is not None and not agreed.needs_revenue:
            hint = "; set terms.revenue_limit = true to limit losses by it" if scenario.of_programme else ""
            raise InputError(f"{key}.revenue: given, but no clause of the terms uses it{hint}")
        if year.revenue is None and agreed.needs_revenue:
            raise InputError(f"{key}.revenue: missing; a cap or limit of the terms refers to it")
        if year.capitated_actual is not None and not agreed.capitated:
            raise InputError(f"{key}.capitated_actual: given, but the terms capitate nothing")
        if year.carried_losses and not agreed.losses_carried:
            raise InputError(f"{key}.carried_losses: given, but the terms carry no losses")
        by_size = agreed.msr == "size" or (agreed.two_sided and agreed.mlr == "size")
        if by_size and given(scenario, tables, position)["members"] is None:
            raise InputError(f"{key}.members: missing; the threshold of {year.label} goes by the number of members")


def seen_in_claims(tables: Tables, year: YearSettings) -> pd.Series:
    """What the claims say of a year that states no spending; an error where they do not reach it."""
    if year.actual is not None or year.actual_pmpm is not None:
        return pd.Series(dtype=float)
    known = [] if tables.claims is None else tables.claims.years
    if tables.claims is None or year.performance_year not in known:
        raise InputError(
            f"years: '{year.label}' states no spending, and the claims hold none of {year.performance_year}; "
            f"their years are {', '.join(map(str, known))}"
        )
    return tables.claims.of_year(year.performance_year)


def months_of(scenario: Scenario, tables: Tables, position: int) -> float | None:
    """Exposure of a year: as stated, that of its claims or its table of growth, else of the budget."""
    year = scenario.years[position]
    if year.member_months is not None:
        return year.member_months
    if tables.claims is not None and year.performance_year in tables.claims.years:
        return float(tables.claims.of_year(year.performance_year)["member_months"])
    if scenario.historical is not None and year.performance_year == scenario.historical.year:
        counted = tables.person_years()
        return None if counted is None else counted * MONTHS
    return tables.exposure(scenario)


def given(scenario: Scenario, tables: Tables, position: int) -> dict[str, Any]:
    """What a year hands to `settle` beside benchmark, actual and terms; None where it is not given."""
    year = scenario.years[position]
    months, (score, standard) = months_of(scenario, tables, position), of_year(scenario, tables, position)
    members = year.members if year.members is not None else (months / MONTHS if months else None)
    return {
        "members": members,
        "quality_score": 1.0 if score is None else score,
        "quality_standard": standard,
        "revenue": year.revenue,
        "disaster_adjustment": year.disaster_adjustment,
        "advance_balance": year.advance_balance,
        "capitated_actual": year.capitated_actual,
        "carried_losses": year.carried_losses,
        "benchmark_addition": year.benchmark_addition,
        "withheld_released": year.withheld_released,
    }
