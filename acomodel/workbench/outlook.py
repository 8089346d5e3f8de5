"""Outlook of a scenario: whose costs make the noise, what is uncertain, and the futures that follow."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from acomodel.contract.settlement import Settlement, settle
from acomodel.contract.terms import Terms, for_final_benchmark
from acomodel.exhibit import Assumption, Basis, Exhibit
from acomodel.inputs import InputError
from acomodel.outlook.luck.chance import chance
from acomodel.outlook.luck.costs import CostDistribution
from acomodel.outlook.luck.ratio import Noise, SpendingRatio
from acomodel.outlook.luck.savings import PaymentOutlook, SavingsDistribution
from acomodel.outlook.years.simulation import Futures, Prospect, Simulation
from acomodel.outlook.years.uncertainty import Uncertainty
from acomodel.rates import MONTHS
from acomodel.workbench.adjustments import without_large_claims
from acomodel.workbench.budget import Budget
from acomodel.workbench.member_costs import cited, member_costs, persons, truncated_at
from acomodel.workbench.scenario import Scenario
from acomodel.workbench.tables import Tables
from acomodel.workbench.years import given

PUBLISHED = "results of the Medicare Shared Savings Program, 2014 to 2024"
TREND_SD = 0.01
"""Deviation of an annual trend that was not fitted: the point up and down by which sensitivities move it. [share]"""
RISK_SD = 0.005
"""Deviation of a measured risk ratio. [share]"""
TRUNCATED = "99th percentile of annual costs, at which the programme truncates"
"""Source of an amount above which costs of a programme do not count."""
QUALITY_SD = 0.05
"""Deviation of a quality score. [share]"""
MARKET = (0.004, 0.005)
"""Yearly growth of the programme's mean savings rate, and its deviation: 0.6 percent in 2014, 4.7 in 2024. [share]"""


@dataclass(frozen=True, eq=False)
class Outlook:
    """
    Outlook of the contract of the headline year.

    Parameters
    ----------
    scenario : Scenario
        Its settings.
    members : int
        Members whose costs are drawn. [members]
    benchmark : float
        Final benchmark of the headline year. [$]
    terms : Terms
        Contract of the headline year, taken for every year simulated.
    quality : dict
        Quality score and standard, and revenue, as `settle` wants them.
    person_years : float
        Members on whom thresholds by size depend. [members]
    carried_losses : float
        Losses brought forward into the headline year. [$]
    uncertainty : Uncertainty
        Sizes of the causes.
    sizes : dict of str to (basis, str)
        Where the sizes that are not published ones come from.
    costs : CostDistribution
        Annual costs of a member as the contract counts them.
    source : str
        Where they come from.
    truncated_at : float or None
        Amount a member above which costs do not count. [$]
    final : bool
        Whether discount, quality or an addition have worked on the benchmark.
    """

    scenario: Scenario
    members: int
    benchmark: float
    terms: Terms
    quality: dict[str, Any]
    person_years: float
    carried_losses: float
    uncertainty: Uncertainty
    sizes: dict[str, tuple[Basis, str]]
    costs: CostDistribution
    source: str
    truncated_at: float | None
    final: bool = False

    @property
    def true_savings(self) -> float:
        """What the ACO really saves in the first year. [share]"""
        return self.uncertainty.true_savings

    @property
    def noise(self) -> Noise:
        """What is chance besides the members of the year."""
        wanted = self.scenario.outlook
        return Noise(baseline_members=wanted.baseline_members, shock_sd=wanted.shock_sd)

    @cached_property
    def ratio(self) -> SpendingRatio:
        """Distribution of spending over the benchmark by chance alone, inverted once for all that ask."""
        return _ratio(self.costs, self.members, self.noise)

    def savings(self, true_savings: float = 0.0) -> SavingsDistribution:
        """Distribution of the savings rate of the headline year at some true savings."""
        return SavingsDistribution(self.ratio, true_savings)

    def payments(self, true_savings: float = 0.0) -> PaymentOutlook:
        """What the contract is expected to pay for the headline year at some true savings, all else being luck."""
        return self.savings(true_savings).payments(self.terms, benchmark=self.benchmark, **self._settled)

    @property
    def _settled(self) -> dict[str, Any]:
        """What a settlement of the contract wants besides benchmark, spending and terms."""
        return self.quality | {"settled_members": self.person_years, "carried_losses": self.carried_losses}

    @cached_property
    def prospect(self) -> Prospect:
        """The coming years."""
        wanted = self.scenario.outlook
        return Prospect(
            self.costs,
            self.members,
            self.benchmark,
            wanted.years,
            self.uncertainty,
            growth=wanted.growth,
            person_years=self.person_years,
            carried_losses=self.carried_losses,
            **self.quality,
        )

    @cached_property
    def futures(self) -> Futures:
        """Futures of the coming years, the same in every run."""
        wanted = self.scenario.outlook
        return self.prospect.futures(self.prospect.draw(wanted.draws, wanted.seed))

    @cached_property
    def simulation(self) -> Simulation:
        """What the contract pays in these futures."""
        return self.futures.settle(self.terms)

    def figures(self) -> dict[str, Any]:
        """Chances, expected payments and the simulation, for a file of results."""
        alone = chance(
            self.costs,
            self.members,
            self.limits[0],
            loss_threshold=self.limits[1] if self.terms.two_sided else None,
            noise=self.noise,
        )
        at = {"luck": 0.0} | ({"true_savings": self.true_savings} if self.true_savings else {})
        return {
            "members": self.members,
            "costs": {
                "source": self.source,
                "mean": self.costs.mean,
                "cv": self.costs.cv,
                "counted_to": self.truncated_at,
            },
            "chance_of_savings": alone.probability_of_savings,
            "chance_of_loss": alone.probability_of_loss if self.terms.two_sided else 0.0,
            "payments": {name: dataclasses.asdict(self.payments(saved)) for name, saved in at.items()},
            "simulated": self.simulation.to_frame(),
        }

    @property
    def limits(self) -> tuple[float, float]:
        """Minimum savings rate and minimum loss rate at this size; the latter not a number if one-sided. [share]"""
        found = settle(self.benchmark, self.benchmark, self.terms, members=self.person_years, **self.quality)
        return float(found.msr), float(found.mlr) if self.terms.two_sided else math.nan

    def assumptions(self) -> list[Assumption]:
        """Members, costs and the size of every cause, with where they come from."""
        wanted = self.scenario.outlook
        source = "exposure of the year" if wanted.members is None else "stated"
        published = self.source.startswith("published")
        basis: Basis = "judgment" if published else "data"
        found = [
            Assumption("Members whose costs are drawn", float(self.members), "members", "data", source),
            Assumption("Costs of a member", self.source, "", basis, cited(self.scenario) if published else "the data"),
        ]
        if self.truncated_at is not None:
            words = "the contract" if self.scenario.large_claims or wanted.truncate else TRUNCATED
            amount = round(self.truncated_at, 2)
            found.append(Assumption("Costs of a member count up to", amount, "$", "contract", words))
        if self.final:
            words = "final benchmark: after discount, what quality earned of it, and what is added"
            found.append(Assumption("Savings of the coming years are against", self.benchmark, "$", "contract", words))
        for name, words, size in self._sizes():
            if not self._stated(name):
                basis, where = self._whence(name)
                found.append(Assumption(words, size, "share", basis, where))
        return found

    def exhibit(self) -> Exhibit:
        """Sizes of the causes that the years are drawn with, and where they come from."""
        rows = {words: (size, self._whence(name)[1]) for name, words, size in self._sizes()}
        table = pd.DataFrame.from_dict(rows, orient="index", columns=["Size", "Source"]).rename_axis("Cause")
        u, drawn = self.uncertainty, self.prospect.causes
        pairs = [f"{a} with {b} {rho:g}" for a, b, rho in u.correlation if {a, b} <= set(drawn)]
        idle = [f"{a} with {b}" for a, b, _ in u.correlation if not {a, b} <= set(drawn)]
        note = (
            f"Agreements of {u.agreement_years} years, after which the benchmark is reset. Skill tends to "
            f"{u.long_run_savings:.1%} in later years. "
            + (f"Correlated: {', '.join(pairs)}." if pairs else "Causes are independent of each other.")
            + (f" Without effect, for one of the two is not uncertain here: {', '.join(idle)}." if idle else "")
        )
        return Exhibit("What is uncertain in the coming years", table, {"Size": "%."}, note)

    def _stated(self, name: str) -> bool:
        wanted = self.scenario.outlook
        return getattr(wanted.uncertainty, name, None) is not None or (
            name == "true_savings" and wanted.true_savings != 0
        )

    def _whence(self, name: str) -> tuple[Basis, str]:
        """Kind of basis and source of a size."""
        if self._stated(name):
            return "judgment", self.scenario.basis.get("outlook") or "stated in the scenario"
        if name in self.sizes:
            return self.sizes[name]
        ours = self.scenario.of_programme or self.scenario.historical is not None
        return ("data", PUBLISHED) if ours else ("judgment", f"taken over from Medicare: {PUBLISHED}")

    def _sizes(self) -> list[tuple[str, str, float]]:
        u = self.uncertainty
        rows = [
            ("true_savings", "True savings of the first year", u.true_savings),
            ("skill_sd", "Deviation of skill at this size", u.skill_deviation(self.members)),
            ("skill_persistence", "Part of skill kept from year to year", u.skill_persistence),
            ("benchmark_sd", "Deviation of the benchmark", u.benchmark_deviation(self.members)),
            ("trend_sd", "Deviation of the annual trend", u.trend_sd),
            ("completion_sd", "Deviation of completed spending", u.completion_sd),
            ("risk_sd", "Deviation of the risk ratio", u.risk_sd),
            ("quality_sd", "Deviation of the quality score", u.quality_sd),
            ("market_drift", "Growth of all ACOs' savings rates a year", u.market_drift),
            ("market_sd", "Deviation of that growth", u.market_sd),
        ]
        return [row for row in rows if row[2] or row[0] == "true_savings"]


@lru_cache(maxsize=8)
def _ratio(costs: CostDistribution, members: int, noise: Noise) -> SpendingRatio:
    """Distribution of spending, worked out once where only the contract differs."""
    return SpendingRatio(costs, members, noise)


def outlook_of(
    scenario: Scenario, tables: Tables, budget: Budget | None, terms: tuple[Terms, ...], settlement: Settlement
) -> Outlook | None:
    """
    Outlook of a scenario's headline year; None where nobody says how many members it has.

    Raises
    ------
    InputError
        A large-claim threshold that the claims cannot serve.
    """
    at, wanted = scenario.headline(), scenario.outlook
    beside = given(scenario, tables, at)
    members = wanted.members or persons(scenario, tables, at) or beside["members"]
    if members is None or members < 1:
        return None
    quality = {name: beside[name] for name in ("quality_score", "quality_standard", "revenue")}
    benchmark = float(np.atleast_1d(np.asarray(settlement.final_benchmark))[at])
    truncated = truncated_at(scenario, tables, budget, benchmark / members)
    costs, source = member_costs(scenario, tables, benchmark / members, truncated)
    found = _sizes(scenario, tables, budget, terms[at], costs)
    try:
        uncertainty = wanted.sizes(**{name: size for name, (size, _, _) in found.items()})
    except ValidationError as error:
        said = error.errors(include_url=False)[0]
        name = ".".join(map(str, said["loc"]))
        raise InputError(
            f"outlook.uncertainty.{name}: worked out as {said['input']:.4g}, which is out of range; state it"
        ) from None
    sizes = {name: (basis, where) for name, (_, basis, where) in found.items()}
    return Outlook(
        scenario,
        round(members),
        benchmark,
        for_final_benchmark(terms[at]),
        quality,
        float(beside["members"] or members),
        float(np.atleast_1d(np.asarray(settlement.carried_in))[at]),
        uncertainty,
        sizes,
        costs,
        source,
        truncated,
        final=benchmark != float(np.atleast_1d(np.asarray(settlement.benchmark))[at]),
    )


def _sizes(
    scenario: Scenario, tables: Tables, budget: Budget | None, terms: Terms, costs: CostDistribution
) -> dict[str, tuple[float, Basis, str]]:
    """Sizes of causes that this scenario tells of: size, kind of basis and where it comes from."""
    at = scenario.headline()
    found: dict[str, tuple[float, Basis, str]] = {
        "true_savings": (0.0, "judgment", "default of the package: nothing is expected, though skill varies")
    }
    if budget is not None and scenario.trend is not None and scenario.benchmark is not None:
        found["trend_sd"] = _trend_sd(scenario, tables, budget)
        ahead = float(scenario.benchmark.year - budget.base_year)
        found["trend_years"] = (ahead, "data", "years from the baseline to the contract year")
        words = "chance in the claims of the baseline; the error of the trend stands beside it"
        found["benchmark_sd"] = (0.0, "data", words)
        months = budget.report.loc[budget.base_year, "member_months"].max()
        if months > 0:
            found["benchmark_members"] = (float(months) / MONTHS, "data", "members of the baseline")
            found["benchmark_constant"] = (costs.cv, "data", "chance in the costs of the baseline")
    if scenario.of_programme or scenario.historical is not None:
        found["market_drift"] = (MARKET[0], "data", PUBLISHED)
        found["market_sd"] = (MARKET[1], "data", PUBLISHED)
    year = scenario.years[at]
    if tables.claims is not None and year.performance_year in tables.claims.actuals.index:
        row = tables.claims.of_year(year.performance_year)
        error = float(row["standard_error"]) / float(row["allowed"])
        found["completion_sd"] = (error, "data", "standard error of the completed claims of the year")
    if scenario.risk is not None and scenario.risk.ratio is None:
        found["risk_sd"] = (RISK_SD, "judgment", "default of the package")
    if terms.needs_quality_score:
        found["quality_sd"] = (QUALITY_SD, "judgment", "default of the package")
    return found


def _trend_sd(scenario: Scenario, tables: Tables, budget: Budget) -> tuple[float, Basis, str]:
    """Deviation of the annual trend: of the regression for the part that is the ACO's own, else a point."""
    assert scenario.trend is not None
    wanted, weight = scenario.trend, 1.0
    if wanted.method == "blend" and wanted.weights is not None:
        weight = wanted.weights.own
    fitted = without_large_claims(scenario, tables, budget.base_year)
    if weight == 0 or wanted.method not in ("own", "blend") or wanted.own != "regression" or fitted.monthly is None:
        return TREND_SD, "judgment", "default of the package: a point up and down"
    fit = fitted.fit("All", wanted.rule, "allowed_pmpm")
    if math.isnan(fit.high):
        return TREND_SD, "judgment", "default of the package: a point up and down"
    own = math.log(fit.high / fit.low) / (2 * NormalDist().inv_cdf((1 + wanted.rule.confidence) / 2))
    size = math.hypot(weight * own, (1 - weight) * TREND_SD)
    return (
        size,
        "data",
        "interval of the regression, the error of the fit alone"
        + ("; a point up and down for the part that is not fitted" if weight < 1 else ""),
    )
