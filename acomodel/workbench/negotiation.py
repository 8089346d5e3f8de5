"""Negotiation of a scenario: its contract beside others on the same futures, terms of equal value, the frontier."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from acomodel.contract.terms import Terms, changed
from acomodel.inputs import InputError
from acomodel.outlook.negotiation.compared import ContractComparison, compare_contracts, with_clauses
from acomodel.outlook.negotiation.equivalence import EqualValue, equal_value
from acomodel.outlook.negotiation.frontier import ClauseRanking, Frontier, frontier, rank_clauses
from acomodel.outlook.negotiation.levels import BySize, by_size, levels
from acomodel.outlook.negotiation.proforma import ProForma, pro_forma
from acomodel.outlook.settings import NegotiationSettings
from acomodel.outlook.years.uncertainty import Uncertainty
from acomodel.workbench.budget import Budget
from acomodel.workbench.outlook import Outlook

SIZES = (2_500, 5_000, 10_000, 20_000, 50_000, 100_000)
"""Sizes at which contracts are compared. [members]"""
FEWER = 5_000
"""Futures of figures that are worked out for many contracts."""
POINT = 0.01
"""A point of savings rate. [share]"""


@contextmanager
def key_named(key: str) -> Iterator[None]:
    """Faults of terms name the setting that they stand in."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{key}: {error}") from None


@dataclass(frozen=True, eq=False)
class Negotiation:
    """
    What is negotiated in a scenario.

    Parameters
    ----------
    wanted : NegotiationSettings
        Contracts, programme, clauses.
    outlook : Outlook
        Futures on which contracts are compared.
    budget : Budget or None
        What services are expected to cost; None where the benchmark is not projected.
    """

    wanted: NegotiationSettings
    outlook: Outlook
    budget: Budget | None

    @property
    def own(self) -> Terms:
        """The scenario's contract."""
        return self.outlook.terms

    def check(self) -> None:
        """
        Refuse offers and programmes that cannot be, before anything is drawn.

        Raises
        ------
        InputError
            A clause that does not exist, a value it refuses, or a category without claims.
        """
        offered = [self.contracts, self.other]
        if self.wanted.programme and offered:
            pro_forma(self.wanted.programme, self._claims(), years=1)
        with key_named("negotiation.equal_clause"):
            with_clauses(self.own, {self.wanted.equal_clause: 0.0})
        with key_named("negotiation.frontier"):
            for clause, values in self.wanted.frontier.items():
                for value in values:
                    with_clauses(self.own, {clause: value})

    @property
    def threshold(self) -> float:
        """Its minimum savings rate as a number. [share]"""
        return self.outlook.limits[0]

    @property
    def contracts(self) -> dict[str, Terms]:
        """The scenario's contract, and those beside it: as stated, or the three levels of the Toolkit."""
        offered = {}
        for position, offer in enumerate(self.wanted.contracts):
            if offer.name == self.own.name:
                raise InputError(
                    f"negotiation.contracts.{position}: '{offer.name}' is the name of the scenario's terms"
                )
            with key_named(f"negotiation.contracts.{position}.change"):
                offered[offer.name] = offer.terms(self.own)
        usual = {
            n: t for n, t in levels(threshold=self.threshold).items() if replace(t, name=self.own.name) != self.own
        }
        return {self.own.name: self.own} | (offered or usual)

    @cached_property
    def comparison(self) -> ContractComparison:
        """The contracts side by side."""
        cost = self.wanted.cost(self.outlook.scenario.outlook.years)
        made = self.pro_forma
        saved = None if made is None else made.table["savings_rate"].to_numpy()
        return compare_contracts(self.outlook.futures, self.contracts, programme_cost=cost, programme_savings=saved)

    @property
    def other(self) -> Terms:
        """Another contract that is to be worth what the scenario's is: a threshold a point higher by default."""
        change = self.wanted.equal_change or {"msr": round(min(self.threshold + POINT, 1.0), 6)}
        words = ", ".join(f"{clause} {value}" for clause, value in change.items())
        with key_named("negotiation.equal_change"):
            return changed(self.own, change, f"{self.own.name}, {words}")

    @cached_property
    def equal(self) -> EqualValue:
        """Clause of the other contract at which it is worth what the scenario's is."""
        return equal_value(self.outlook.futures, self.other, self.own, self.wanted.equal_clause)

    @cached_property
    def clauses(self) -> ClauseRanking:
        """Clauses by what they move."""
        return rank_clauses(self.outlook.futures, self.own)

    @cached_property
    def frontier(self) -> Frontier:
        """Combinations of clauses: what the ACO gains against what the payer pays without savings."""
        prospect = self.outlook.prospect
        futures = prospect.futures(prospect.draw(FEWER, self.outlook.scenario.outlook.seed))
        return frontier(futures, self.own, self.wanted.frontier or self._usual_grid())

    def _usual_grid(self) -> dict[str, list[float]]:
        """Thresholds about the contract's, sharing rates, and shares of losses where there are any."""
        grid = {
            "msr": [round(x, 6) for x in (0.0, 0.01, 0.02, 0.03, 0.04, self.threshold)],
            "sharing_rate": [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, self.own.sharing_rate],
        }
        if self.own.loss_method == "fixed" and self.own.loss_rate is not None:
            grid["loss_rate"] = [0.0, 0.3, 0.6, self.own.loss_rate]
        return {clause: sorted(set(values)) for clause, values in grid.items()}

    def place(self) -> tuple[float, float]:
        """Where the scenario's own contract lies beside the frontier: gain and cost on the frontier's futures."""
        table = self.frontier.to_frame()
        own = np.ones(len(table), dtype=bool)
        for clause in self.frontier.clauses:
            value = self.threshold if clause == "msr" else getattr(self.own, clause)
            own &= np.isclose(table[clause].to_numpy(), np.nan if value is None else float(value), atol=1e-6)
        if own.any():
            at = table[own].iloc[0]
            return float(at["gain"]), float(at["cost"])
        figures = self.comparison.to_frame()["value"][self.own.name]
        return float(figures[self.frontier.gain]), float(figures[self.frontier.cost])

    @cached_property
    def sizes(self) -> BySize:
        """One-sided, two-sided and partly capitated contracts by size of ACO."""
        look, wanted = self.outlook, self.outlook.scenario.outlook
        revenue = look.quality["revenue"]
        return by_size(
            look.costs,
            SIZES,
            levels(threshold=self.threshold),
            benchmark_per_member=look.benchmark / look.members,
            uncertainty=self._at_any_size(),
            years=wanted.years,
            draws=FEWER,
            seed=wanted.seed,
            quality_score=look.quality["quality_score"],
            revenue_per_member=None if revenue is None else revenue / look.members,
            growth=wanted.growth,
        )

    def _at_any_size(self) -> Uncertainty:
        """Sizes of the causes with a baseline that grows with the members."""
        sizes = self.outlook.uncertainty
        if sizes.benchmark_members is None:
            return sizes
        per_member = sizes.benchmark_constant * (self.outlook.members / sizes.benchmark_members) ** 0.5
        return replace(sizes, benchmark_members=None, benchmark_constant=per_member)

    @cached_property
    def pro_forma(self) -> ProForma | None:
        """Cost and return of the ACO's programme under the contract; None where there is none."""
        if not self.wanted.programme:
            return None
        wanted = self.outlook.scenario.outlook
        return pro_forma(
            self.wanted.programme,
            self._claims(),
            sharing_rate=self.own.sharing_rate,
            growth=wanted.growth,
            futures=self.outlook.futures,
            terms=self.own,
        )

    def figures(self) -> dict[str, Any]:
        """Contracts side by side, the one of equal value and the pro forma, for a file of results."""
        equal, made = self.equal, self.pro_forma
        return {
            "contracts": self.comparison.to_frame(),
            "equal_value": {
                "clause": equal.clause,
                "value": equal.value,
                "standard_error": equal.value_error,
                "difference": equal.difference,
                "difference_error": equal.difference_error,
            },
            "pro_forma": None if made is None else made.to_frame(),
        }

    def _claims(self) -> float | dict[str, float]:
        """Expected claims of the contract year, by category where a budget tells them. [$]"""
        if self.budget is None:
            return self.outlook.benchmark
        year = self.budget.projection.index.get_level_values("year").max()
        parts = self.budget.projection.loc[year, "allowed_pmpm"]
        return {str(name): float(part) for name, part in (parts / parts.sum() * self.outlook.benchmark).items()}
