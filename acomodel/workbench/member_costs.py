"""Annual costs of a scenario's members as its contract counts them: from claims, a file, or a published population."""

from __future__ import annotations

import math
from collections.abc import Callable

from acomodel.budget.claimants import Claimants
from acomodel.inputs import InputError
from acomodel.outlook.luck.cost_files import costs_of, scaled_costs
from acomodel.outlook.luck.costs import CostDistribution, cost_distribution
from acomodel.outlook.luck.populations import LISTED_AT, published_costs
from acomodel.workbench.adjustments import threshold
from acomodel.workbench.budget import Budget
from acomodel.workbench.scenario import Scenario
from acomodel.workbench.tables import Tables
from acomodel.workbench.years import months_of


def _year_of_claims(scenario: Scenario, tables: Tables) -> int | None:
    """Year whose claims by member stand for the contract year: the baseline, or the latest before it."""
    if tables.claims is None:
        return None
    until = scenario.years[scenario.headline()].performance_year
    known = [int(y) for y in tables.claims.people.claimants["year"].unique() if y < until]
    base = scenario.experience.base_year if scenario.experience is not None else None
    return base if base in known else max(known, default=None)


def persons(scenario: Scenario, tables: Tables, at: int) -> float | None:
    """Persons of the headline year: its exposure at the months a person of the baseline has."""
    year, months = _year_of_claims(scenario, tables), months_of(scenario, tables, at)
    if year is None or tables.claims is None or months is None:
        return None
    listed = tables.claims.people.claims_of(year)
    return float(months * listed.members / listed.member_months)


def truncated_at(scenario: Scenario, tables: Tables, budget: Budget | None, level: float) -> float | None:
    """Amount a member above which the contract does not count: as stated, that of large claims, or Medicare's."""
    if scenario.outlook.truncate is not None:
        return scenario.outlook.truncate
    if scenario.large_claims is not None and (scenario.large_claims.threshold or tables.claims is not None):
        return threshold(scenario, tables, 0 if budget is None else budget.base_year)
    if (scenario.of_programme or scenario.historical is not None) and tables.costs is None:
        return float(published_costs("medicare", level, truncate="percentile").strata[0].costs.max())
    return None


def _population(scenario: Scenario) -> str:
    """Published shape that stands for costs nobody knows by member."""
    medicare = scenario.of_programme or scenario.historical is not None
    return scenario.outlook.population or ("medicare" if medicare else "commercial")


def cited(scenario: Scenario) -> str:
    """Where the published shape comes from."""
    return LISTED_AT[_population(scenario)]


def member_costs(
    scenario: Scenario, tables: Tables, level: float, truncate: float | None
) -> tuple[CostDistribution, str]:
    """Annual costs of a member as the contract counts them, and where they come from."""
    year = _year_of_claims(scenario, tables)
    prorate = scenario.large_claims is not None and scenario.large_claims.prorated
    if tables.costs is not None:
        table = tables.costs
        if not costs_of(table).mean > 0:
            raise InputError(
                f"outlook.costs: the mean annual cost is {costs_of(table).mean:,.2f}; one above zero is wanted"
            )
        floor = Claimants.from_frame(table).floor if "kind" in table else 0.0
        made = _levelled(
            lambda by: costs_of(scaled_costs(table, by), truncate=truncate, prorate=prorate), level, truncate, floor
        )
        if made.mean < 0.999 * level:
            raise InputError(
                f"outlook.costs: counted up to {truncate:,.0f} a member they come to {made.mean:,.0f} at most; the "
                f"benchmark is {level:,.0f} a member, and other costs or a higher truncation are wanted"
            )
        return made, "costs by member as given, at the level of the benchmark"
    if tables.claims is None or year is None:
        shape = _population(scenario).replace("medicare", "Medicare")
        words = f"published shape of {shape} costs, at {level:,.0f} a member"
        return published_costs(_population(scenario), level, truncate=truncate), words
    listed = tables.claims.claimants(year)
    made = _levelled(
        lambda by: cost_distribution(listed.scaled(by), truncate=truncate, prorate=prorate),
        level,
        truncate,
        listed.floor,
    )
    near = "at the level of the benchmark" if made.mean > 0.999 * level else "below the level of the benchmark"
    return made, f"claims of {year} by member, {near}"


def _levelled(
    make: Callable[[float], CostDistribution], level: float, truncate: float | None, floor: float
) -> CostDistribution:
    """Costs times the factor at which what counts of them has a level, or as far as claimants are known one by one."""
    most = math.inf if truncate is None or not floor else truncate / floor
    factor = min(level / make(min(1.0, most)).mean, most)
    made = make(factor)
    for _ in range(40):
        if abs(made.mean / level - 1) < 1e-9 or factor >= min(most, 1e6):
            break
        factor = min(factor * level / made.mean, most, 1e6)
        made = make(factor)
    return made
