"""Run, sweep, compare: the only place where the steps meet."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from acomodel import __version__
from acomodel.budget.benchmark import Benchmark
from acomodel.budget.mssp.record import Record
from acomodel.contract.settlement import LINES, Settlement, settle
from acomodel.contract.terms import Terms
from acomodel.exhibit import Assumption, Exhibit, Shown
from acomodel.outlook.sensitivity.one_way import BreakEven, OneWay, one_way, two_way
from acomodel.outlook.sensitivity.sobol import Shapley, Sobol
from acomodel.workbench.adjustments import without_large_claims
from acomodel.workbench.assumptions import assumptions_of, fingerprint_shown
from acomodel.workbench.budget import Budget
from acomodel.workbench.chain import break_even_of, movable, outcome, sobol_of
from acomodel.workbench.figures import faults_named, figures_of, headline_value
from acomodel.workbench.negotiation import Negotiation
from acomodel.workbench.outlook import Outlook, outlook_of
from acomodel.workbench.ranges import default_grid, default_ranges
from acomodel.workbench.results import results_of
from acomodel.workbench.scenario import Scenario, change, load_scenario
from acomodel.workbench.tables import Tables, read_tables
from acomodel.workbench.years import given


@dataclass(frozen=True, eq=False, repr=False)
class Run(Shown):
    """
    Result of a scenario, with every assumption it used.

    Parameters
    ----------
    scenario : Scenario
        What was run.
    tables : Tables
        The tables it read.
    budget : Budget or None
        Chain from experience to benchmark; None where the benchmark is stated or historical.
    terms : tuple of Terms
        Contract in force in each year.
    settlement : Settlement
        Every line, one entry for each year.
    agreed : tuple of Assumption
        Every number and choice behind the settlement, with its source.
    record : Record or None
        Historical benchmark of the programme; None where there is none.
    """

    scenario: Scenario
    tables: Tables
    budget: Budget | None
    terms: tuple[Terms, ...]
    settlement: Settlement
    agreed: tuple[Assumption, ...]
    record: Record | None = None

    @property
    def made(self) -> Benchmark | Record | None:
        """The benchmark that is worked out, projected or historical; None where it is stated."""
        return self.record if self.budget is None else self.budget.benchmark

    @cached_property
    def fitted(self) -> Tables:
        """Tables that trends are fitted to: without large claims where the claims tell of them."""
        return (
            self.tables
            if self.budget is None
            else without_large_claims(self.scenario, self.tables, self.budget.base_year)
        )

    @cached_property
    def outlook(self) -> Outlook | None:
        """How much of the settlement is luck; None where the number of members is not known."""
        with faults_named(self.scenario):
            return outlook_of(self.scenario, self.tables, self.budget, self.terms, self.settlement)

    @cached_property
    def negotiation(self) -> Negotiation | None:
        """Contracts on the same futures; None where there is no outlook."""
        if self.outlook is None:
            return None
        made = Negotiation(self.scenario.negotiation, self.outlook, self.budget)
        with faults_named(self.scenario):
            made.check()
        return made

    @cached_property
    def assumptions(self) -> tuple[Assumption, ...]:
        """Every number and choice, with its source: those behind the settlement, then those of the outlook."""
        return self.agreed + (() if self.outlook is None else tuple(self.outlook.assumptions()))

    @property
    def labels(self) -> list[str]:
        """Names of the settled years."""
        return [year.label for year in self.scenario.years]

    def lines(self) -> pd.DataFrame:
        """Settlement lines, one row for each year."""
        return self.settlement.to_frame().set_axis(pd.Index(self.labels, name="year"))

    def headline(self) -> pd.Series:
        """Settlement lines of the year the report leads with."""
        return self.lines().iloc[self.scenario.headline()]

    def given(self, position: int) -> dict[str, Any]:
        """What a year hands to `settle` beside benchmark, spending and terms, losses of the years before with it."""
        brought = float(self.lines()["carried_in"].iloc[position])
        return given(self.scenario, self.tables, position) | {"carried_losses": brought}

    def outcomes(self, position: int | None = None, rates: Sequence[float] | np.ndarray | None = None) -> pd.DataFrame:
        """
        Settlement of one year at several savings rates, everything else as it is.

        Parameters
        ----------
        position : int, optional
            Position of the year; the headline year by default.
        rates : sequence of float, optional
            Savings rates; the scenario's by default. [share of final benchmark]

        Returns
        -------
        pandas.DataFrame
            Index savings rate [share of benchmark]; columns the settlement lines.
        """
        at = self.scenario.headline() if position is None else position
        tried = np.sort(np.array(self.scenario.outcomes.savings_rates if rates is None else rates))
        benchmark = float(self.lines()["benchmark"].iloc[at])
        final = float(self.lines()["final_benchmark"].iloc[at])
        beside = self.given(at)
        if beside["capitated_actual"] is not None:
            beside["capitated_actual"] *= final / float(self.lines()["actual"].iloc[at]) * (1 - tried)
        result = settle(benchmark, final * (1 - tried), self.terms[at], **beside)
        return result.to_frame().set_axis(pd.Index(tried, name="outcome"))

    def one_way(self, line: str = "payment") -> OneWay:
        """
        One settlement line at the low and high of each assumption, the others at their base.

        Parameters
        ----------
        line : str
            A settlement line, or "benchmark_pmpm".

        Returns
        -------
        OneWay
            Trend first, then the widest swing.
        """
        ranges = self.scenario.sensitivity.one_way or default_ranges(self.scenario)
        named = {"benchmark_pmpm": "Benchmark PMPM"} | {k: v[0] for k, v in LINES.items()}
        result = one_way(self._evaluator(line), ranges, f"{named[line]}, {self._headline_label()}")
        is_trend = [
            label in {r.label or r.key for r in ranges if r.key.startswith("trend.")} for label in result.table.index
        ]
        order = np.argsort(~np.array(is_trend), kind="stable")
        return OneWay(result.outcome, result.base, result.table.iloc[order])

    def two_way(self, line: str = "payment") -> pd.DataFrame:
        """One settlement line over the scenario's grid of two assumptions, or a sensible grid."""
        return two_way(self._evaluator(line), self.scenario.sensitivity.two_way or default_grid(self.scenario))

    def break_even(
        self,
        key: str | None = None,
        line: str = "payment",
        *,
        target: float = 0.0,
        low: float | None = None,
        high: float | None = None,
    ) -> BreakEven:
        """
        Value of one setting, nearest its base, at which a settlement line starts to be on another side of a target.

        Parameters
        ----------
        key : str, optional
            The setting; by default the trend's what-if, else the historical benchmark's, else that of actual spending.
        line : str
            A settlement line, or "benchmark_pmpm".
        target : float
            What is looked for. [as the line]
        low, high : float, optional
            Range to search; by default ten points to either side of the setting, or a tenth of one above 1.

        Returns
        -------
        BreakEven
        """
        return break_even_of(self, self._evaluator(line), key, line, target, low, high)

    def sobol(self, line: str = "payment") -> Sobol | Shapley:
        """
        Shares of the variance of one settlement line by the uncertain settings, over the ranges of `one_way`.

        Parameters
        ----------
        line : str
            A settlement line, or "benchmark_pmpm".

        Returns
        -------
        Sobol or Shapley
            Sobol indices; Shapley effects where the scenario's sensitivity correlates assumptions.
        """
        return sobol_of(self, line)

    def _headline_label(self) -> str:
        return self.scenario.years[self.scenario.headline()].label

    def _evaluator(self, line: str) -> Any:
        uncertain = set(movable(self.scenario))

        def evaluate(values: Mapping[str, float]) -> float:
            if values and uncertain.issuperset(values):
                return float(outcome(self, {key: np.asarray(value) for key, value in values.items()}, line))
            variant = change(self.scenario, values) if values else self.scenario
            tables = self.tables if variant.claims == self.scenario.claims else read_tables(variant)
            return headline_value(variant, figures_of(variant, tables), line)

        return evaluate

    def results(self) -> dict[str, Any]:
        """Figures as plain numbers and text, ready for JSON; the same scenario gives the same figures."""
        return results_of(self)

    def manifest(self) -> dict[str, Any]:
        """Versions and data behind the figures."""
        packages = {p: version(p) for p in ("numpy", "pandas", "scipy", "statsmodels", "pydantic")}
        return {
            "acomodel": __version__,
            "python": ".".join(map(str, sys.version_info[:3])),
            "packages": packages,
            "data": ([] if self.tables.claims is None else [self.tables.claims.fingerprint()])
            + [fingerprint_shown(self.scenario, self.tables.fingerprint(name)) for name in self.tables.given()],
        }

    def exhibit(self) -> Exhibit:
        """Settlement lines of every year."""
        return self.settlement.exhibit(f"Settlement: {self.scenario.title}", self.labels)


def run(scenario: Scenario | str | Path, tables: Tables | None = None) -> Run:
    """
    Run a scenario: tables, budget, benchmark, settlement of every year.

    Parameters
    ----------
    scenario : Scenario, str or Path
        Settings, from `load_scenario` or `change`; or the file to read them from.
    tables : Tables, optional
        Tables already read for a scenario that points at the same files.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        A table at fault, or settings that the tables or the terms cannot serve.

    Examples
    --------
    >>> round(run("scenarios/hackensack-2014.toml").headline()["payment"])
    2832988
    """
    if not isinstance(scenario, Scenario):
        scenario = load_scenario(scenario)
    for kept in _KEPT if tables is None else ():
        if kept.scenario == dataclasses.replace(scenario, path=scenario.path.resolve()):
            return kept
    tables = read_tables(scenario) if tables is None else tables
    found = figures_of(scenario, tables)
    assumptions = assumptions_of(scenario, tables, found.budget, found.record)
    return Run(scenario, tables, found.budget, found.terms, found.settlement, assumptions, found.record)


_KEPT: list[Run] = []


@contextmanager
def kept(result: Run) -> Iterator[None]:
    """
    Within this context, running the very scenario of a run again gives that run and does not work it out again.

    Parameters
    ----------
    result : Run
        The run, whose files do not change meanwhile; its scenario names its file in full.
    """
    _KEPT.append(result)
    try:
        yield
    finally:
        _KEPT.remove(result)
