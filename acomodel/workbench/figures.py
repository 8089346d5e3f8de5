"""The chain of a scenario once: benchmark, terms of each year, settlement of all years in one call."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from acomodel.budget.benchmark import Benchmark
from acomodel.budget.mssp.record import Record, benchmark_of_record
from acomodel.contract.programs import ProgramTerms
from acomodel.contract.settlement import Settlement, settle
from acomodel.contract.terms import Terms
from acomodel.inputs import InputError
from acomodel.workbench.adjustments import removed_in
from acomodel.workbench.budget import Budget, make_budget
from acomodel.workbench.scenario import Scenario
from acomodel.workbench.tables import Tables
from acomodel.workbench.years import check_years, given, months_of, seen_in_claims


class Figures(NamedTuple):
    """The chain of a scenario worked out: a projected or historical benchmark, terms by year, settlement."""

    budget: Budget | None
    terms: tuple[Terms, ...]
    settlement: Settlement
    record: Record | None = None

    @property
    def made(self) -> Benchmark | Record | None:
        """The benchmark that is worked out; None where it is stated."""
        return self.record if self.budget is None else self.budget.benchmark


def figures_of(scenario: Scenario, tables: Tables) -> Figures:
    """The chain once: budget, terms of each year, settlement of all years in one call; faults name the scenario."""
    with faults_named(scenario):
        return _figures(scenario, tables)


@contextmanager
def faults_named(scenario: Scenario) -> Iterator[None]:
    """Faults of what is worked out name the scenario."""
    try:
        yield
    except InputError as error:
        if str(scenario.folder) in str(error):
            raise
        raise InputError(f"{scenario.path}: {error}") from None


def _figures(scenario: Scenario, tables: Tables) -> Figures:
    budget, record = make_budget(scenario, tables), None
    if scenario.historical is not None and tables.base_years is not None and tables.type_growth is not None:
        record = benchmark_of_record(scenario.historical, tables.base_years, tables.type_growth)
    kind = scenario.terms
    terms = tuple(kind.in_year(y.performance_year) if isinstance(kind, ProgramTerms) else kind for y in scenario.years)
    removed = removed_in(scenario, tables, None if budget is None else budget.base_year)
    benchmark, actual = [], []
    for position, year in enumerate(scenario.years):
        seen = seen_in_claims(tables, year)
        months = months_of(scenario, tables, position) or math.nan
        if year.benchmark is not None:
            agreed = year.benchmark
        elif year.benchmark_pmpm is not None:
            agreed = year.benchmark_pmpm * months
        else:
            made = record if budget is None else budget.benchmark
            assert made is not None
            if math.isnan(months):
                raise InputError(f"years: '{year.label}' has no member_months, and the table of growth no person_years")
            agreed = made.pmpm * months
        if year.actual is not None:
            spent = year.actual
        else:
            spent = float(seen["allowed"]) if year.actual_pmpm is None else year.actual_pmpm * months
        benchmark.append(agreed * (1 + year.benchmark_adjustment))
        actual.append((spent - removed.get(year.label, 0.0)) * (1 + year.actual_adjustment))
    check_years(scenario, tables, terms)
    clauses = [given(scenario, tables, position) for position in range(len(scenario.years))]
    gathered: dict[str, Any] = {}
    for name in clauses[0]:
        values = [clause[name] for clause in clauses]
        missing = [year.label for year, value in zip(scenario.years, values, strict=True) if value is None]
        if missing and len(missing) < len(values):
            raise InputError(f"{scenario.path}: years: '{missing[0]}' gives no {name}, as other years do.")
        gathered[name] = None if missing else np.array(values)
    settlement = _settled(np.array(benchmark), np.array(actual), terms, gathered)
    return Figures(budget, terms, settlement, record)


def _settled(benchmark: np.ndarray, actual: np.ndarray, terms: tuple[Terms, ...], given: dict[str, Any]) -> Settlement:
    """Settlement of all years in one call, the losses that each brings forward worked out before."""
    for year in range(1, len(terms)):
        if terms[year].losses_carried:
            before = settle(
                benchmark[:year], actual[:year], terms[:year], **{k: _first(v, year) for k, v in given.items()}
            )
            given["carried_losses"][year] += np.asarray(before.carried_on)[-1]
    return settle(benchmark, actual, terms, **given)


def _first(values: Any, count: int) -> Any:
    return None if values is None else values[:count]


def headline_value(scenario: Scenario, figures: Figures, line: str) -> float:
    """One figure of the headline year."""
    if line == "benchmark_pmpm":
        if figures.made is None:
            raise InputError(f"{scenario.path}: the benchmark is stated in dollars; there is no PMPM to show.")
        return figures.made.pmpm
    return float(np.asarray(getattr(figures.settlement, line))[scenario.headline()])
