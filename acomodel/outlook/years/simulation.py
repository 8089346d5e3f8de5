"""Coming years of an ACO, drawn many times: what costs, benchmarks and scores become, and what a contract then pays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from acomodel.contract.settlement import STANDARDS
from acomodel.contract.terms import Terms
from acomodel.inputs import InputError
from acomodel.outlook.luck.costs import CostDistribution, cost_distribution
from acomodel.outlook.years.draws import Luck, correlated, luck
from acomodel.outlook.years.futures import CHUNK, Difference, Futures, Simulation, difference, no_bar
from acomodel.outlook.years.uncertainty import CAUSES, Uncertainty

__all__ = ["Difference", "Futures", "Prospect", "Scores", "Simulation", "difference", "simulate"]

LEAST = 100
"""Fewest futures that a standard error can be read from."""
AGREED = ("benchmark", "trend")
"""Causes of one score for each agreement; the others have one for each year."""


@dataclass(frozen=True, eq=False, repr=False)
class Scores:
    """
    Standard normal scores of each cause that is uncertain.

    Parameters
    ----------
    draws, years, seed : int
        Futures, years of each, and the seed they came from.
    by_cause : mapping of str to numpy.ndarray
        Scores by cause: a row for each future, a column for each year, or agreement.
    """

    draws: int
    years: int
    seed: int
    by_cause: Mapping[str, np.ndarray]

    def __repr__(self) -> str:
        """How many of which."""
        return (
            f"{self.draws:,} futures of {self.years} years, seed {self.seed}: {', '.join(self.by_cause) or 'certain'}"
        )


@dataclass(frozen=True, eq=False)
class Prospect:
    r"""
    Coming years of an ACO.

    Parameters
    ----------
    costs : CostDistribution
        Annual costs of a member, truncated as the contract has it.
    members : int
        Members of each year. [members]
    benchmark : float
        Expected benchmark of the first year, which is also what the members are expected to cost. [$]
    years : int
        Years, from 1.
    uncertainty : Uncertainty
        Sizes of the causes.
    quality_score : float
        Expected quality score. [share]
    quality_standard : str
        As for `settle`.
    revenue : float, optional
        Participants' revenue of the first year. [$]
    growth : float
        Annual growth of benchmark, costs and revenue. [share]

    person_years : float, optional
        Members on whom thresholds by size depend; those drawn if not given. [members]
    carried_losses : float
        Losses brought forward into the first year. [$]

    Raises
    ------
    InputError
        A number is out of range.

    Notes
    -----
    In year :math:`t`, the :math:`k`-th of agreement :math:`g`, with :math:`E_t = E_1 (1 + \gamma)^{t-1}`,

    .. math:: \text{actual}_t = E_t (1 - A_t) Y_t C_t, \qquad
        \text{benchmark}_t = E_t B_g T_g^{(k)} R_t M_t,

    luck :math:`Y_t` of the exact distribution of the members' mean cost; skill :math:`A_t` normal, autoregressive and
    stationary about :math:`\bar a + \rho^{t-1}(a_1 - \bar a)`; lognormal factors of mean one for completion
    :math:`C_t`, the benchmark's error :math:`B_g` and the trend's :math:`T_g^{(k)}`, whose one score grows with the
    years trended; risk scores :math:`R_t`, a random walk that starts anew with each agreement; and the market
    :math:`M_t`, a random walk that does not. The drift of both starts after the first year.

    So expected savings in dollars are exactly zero without true savings and drift. The expected savings *rate* lies
    below by the variance of the benchmark's factor (Jensen), 0.05 points for 12,000 members with the defaults.
    Own savings do not lower the benchmark at a reset.
    """

    costs: CostDistribution
    members: int
    benchmark: float
    years: int = 3
    uncertainty: Uncertainty = field(default_factory=Uncertainty)
    quality_score: float = 1.0
    quality_standard: str = "met"
    revenue: float | None = None
    growth: float = 0.0
    person_years: float | None = None
    carried_losses: float = 0.0

    def __post_init__(self) -> None:
        _wanted("benchmark", self.benchmark, 0 < self.benchmark < np.inf, "dollars above zero")
        _wanted("years", self.years, isinstance(self.years, int | np.integer) and self.years >= 1, "1 or more")
        whole = isinstance(self.members, int | np.integer)
        _wanted("members", self.members, whole and self.members >= 1, "a whole number of at least 1")
        _wanted("quality_score", self.quality_score, 0 <= self.quality_score <= 1, "a share from 0 to 1")
        _wanted("quality_standard", self.quality_standard, self.quality_standard in STANDARDS, ", ".join(STANDARDS))
        _wanted("growth", self.growth, -1 < self.growth < 10, "a share above -1")
        if self.revenue is not None:
            _wanted("revenue", self.revenue, 0 <= self.revenue < np.inf, "dollars at or above zero")

    @property
    def luck(self) -> Luck:
        """Distribution of what the members of a year happen to cost."""
        return luck(self.costs, int(self.members))

    @property
    def causes(self) -> tuple[str, ...]:
        """Causes that are uncertain at all, in their order."""
        u = self.uncertainty
        sizes = {
            "luck": 0.0 if self.luck.certain else 1.0,
            "skill": u.skill_deviation(self.members),
            "benchmark": u.benchmark_deviation(self.members),
            "trend": u.trend_sd,
            "completion": u.completion_sd,
            "risk": u.risk_sd,
            "quality": u.quality_sd,
            "market": u.market_sd,
        }
        return tuple(cause for cause in CAUSES if sizes[cause] > 0)

    @property
    def agreements(self) -> list[int]:
        """Agreement of each year, from 0."""
        return [t // self.uncertainty.agreement_years for t in range(self.years)]

    def expected_savings(self, year: int) -> float:
        """Expected true savings of a year, from 0. [share]"""
        u = self.uncertainty
        return u.long_run_savings + u.skill_persistence**year * (u.true_savings - u.long_run_savings)

    def draw(self, draws: int = 20_000, seed: int = 1) -> Scores:
        """
        Draw the scores of many futures; contracts and savings tried on the same scores are compared without noise.

        Each cause has random numbers of its own, so that to make another cause certain leaves its scores as they were,
        but for those correlated with it.

        Parameters
        ----------
        draws : int
            Futures, at least 100.
        seed : int
            Seed of the random numbers.

        Raises
        ------
        InputError
            Fewer futures than 100, or no seed.
        """
        whole = isinstance(draws, int | np.integer)
        _wanted("draws", draws, whole and draws >= LEAST, f"{LEAST} or more")
        _wanted("seed", seed, isinstance(seed, int | np.integer) and seed >= 0, "a whole number from 0")
        agreements, own = self.agreements, {}
        for cause in self.causes:
            periods = agreements[-1] + 1 if cause in AGREED else self.years
            own[cause] = np.random.default_rng([int(seed), CAUSES.index(cause)]).standard_normal((periods, draws))
        at = [CAUSES.index(cause) for cause in own]
        mixed = correlated(own, self.uncertainty.matrix()[np.ix_(at, at)], AGREED, agreements)
        return Scores(int(draws), self.years, int(seed), {cause: z.T for cause, z in mixed.items()})

    def futures(self, scores: Scores) -> Futures:
        """
        Costs, benchmarks and quality scores of every future.

        Parameters
        ----------
        scores : Scores
            As `draw` gives them, of this prospect or of another with the same years and at least its causes.

        Raises
        ------
        InputError
            The scores are of fewer years, or lack a cause.
        """
        return self._futures(scores, no_bar)

    def _futures(self, scores: Scores, tick: Callable[[], object]) -> Futures:
        causes = self.causes
        if lacking := [c for c in causes if c not in scores.by_cause or scores.years != self.years]:
            raise InputError(
                f"simulation: the scores are of {scores!r}; those of {self.years} years and of {lacking[0]} are wanted"
            )
        shape = (self.years, scores.draws)
        expected = self.benchmark * (1 + self.growth) ** np.arange(self.years)
        moved = {"benchmark", "trend", "risk", "market"} & set(causes)
        u = self.uncertainty
        level = np.array([(1 + u.risk_drift) ** (t % u.agreement_years) for t in range(self.years)])
        level = level * (1 + u.market_drift) ** np.arange(self.years) * expected
        savings = np.array([self.expected_savings(t) for t in range(self.years)])
        found = {
            "benchmark": np.empty(shape) if moved else np.broadcast_to(level[:, None], shape),
            "actual": np.empty(shape),
            "quality_score": np.empty(shape) if "quality" in causes else np.broadcast_to(self.quality_score, shape),
            "true_savings": np.empty(shape) if "skill" in causes else np.broadcast_to(savings[:, None], shape),
        }
        luck_of = self.luck
        for start in range(0, scores.draws, CHUNK):
            rows = slice(start, start + CHUNK)
            z = {cause: scores.by_cause[cause].T[:, rows] for cause in causes}
            if "skill" in causes:
                found["true_savings"][:, rows] = savings[:, None] + self._skill(z["skill"])
            if moved:
                found["benchmark"][:, rows] = level[:, None] * np.exp(self._log_benchmark(z))
            if "quality" in causes:
                quality = self.quality_score + u.quality_sd * z["quality"]
                found["quality_score"][:, rows] = np.clip(quality, 0.0, 1.0)
            actual = found["actual"][:, rows]
            for t in range(self.years):
                drawn = luck_of(z["luck"][t]) if "luck" in causes else luck_of(actual[t])
                actual[t] = drawn * (expected[t] * (1 - found["true_savings"][t, rows]))
            if "completion" in causes:
                actual *= np.exp(_log(z["completion"], u.completion_sd))
            tick()
        return Futures(self, scores, **{name: values.T for name, values in found.items()})

    def _skill(self, z: np.ndarray) -> np.ndarray:
        """Deviation of true savings from what is expected, by year: autoregressive, of the same variance each year."""
        kept = self.uncertainty.skill_persistence
        found = z * self.uncertainty.skill_deviation(self.members)
        for t in range(1, len(found)):
            found[t] = kept * found[t - 1] + (1 - kept**2) ** 0.5 * found[t]
        return found

    def _log_benchmark(self, z: Mapping[str, np.ndarray]) -> np.ndarray:
        """Logarithm of the benchmark over its expectation, by year."""
        u, size = self.uncertainty, next(iter(z.values())).shape[1]
        found, risk, market = np.zeros((self.years, size)), np.zeros(size), np.zeros(size)
        for t, g in enumerate(self.agreements):
            year = t - g * u.agreement_years
            if "benchmark" in z:
                found[t] += _log(z["benchmark"][g], u.benchmark_deviation(self.members))
            if "trend" in z:
                spread = u.trend_sd * (u.trend_years + year)
                found[t] += spread * z["trend"][g] - spread**2 / 2
            if "risk" in z:
                risk = (risk if year else 0.0) + _log(z["risk"][t], u.risk_sd)
                found[t] += risk
            if "market" in z:
                market = market + _log(z["market"][t], u.market_sd)
                found[t] += market
        return found


def _wanted(name: str, value: Any, right: bool, words: str) -> None:
    if not right:
        raise InputError(f"simulation: {name} is {value!r}; {words} is wanted")


def _log(z: np.ndarray, sd: float) -> np.ndarray:
    """Logarithm of a lognormal factor of mean one and a deviation, at normal scores."""
    spread = np.log1p(sd**2) ** 0.5
    found: np.ndarray = spread * z - spread**2 / 2
    return found


def simulate(
    annual_costs: Any,
    members: int,
    benchmark: float,
    terms: Terms | Sequence[Terms],
    *,
    years: int = 3,
    draws: int = 20_000,
    seed: int = 1,
    uncertainty: Uncertainty | None = None,
    quality_score: float = 1.0,
    quality_standard: str = "met",
    revenue: float | None = None,
    growth: float = 0.0,
    truncate: float | None = None,
    progress: bool = False,
) -> Simulation:
    """
    Simulate what a contract pays over several years.

    Parameters
    ----------
    annual_costs : array-like, Claimants or CostDistribution
        Costs of members in a year, from which the ACO's are drawn. [$]
    members : int
        Members of each year. [members]
    benchmark : float
        Expected benchmark of the first year. [$]
    terms : Terms or sequence of Terms
        The contract, or one for each year.
    years, draws, seed : int
        Years, futures (at least 100) and the seed of their random numbers.
    uncertainty : Uncertainty, optional
        Sizes of the causes; those of the Medicare Shared Savings Program by default.
    quality_score, quality_standard, revenue
        As for `settle`, expected in the first year.
    growth : float
        Annual growth of benchmark, costs and revenue. [share]
    truncate : float, optional
        Amount per member and year above which costs do not count. [$]
    progress : bool
        Whether a bar is shown on the error stream.

    Returns
    -------
    Simulation
        The same to the last bit for the same seed.

    Raises
    ------
    InputError
        As `Prospect`, `Prospect.draw` and `settle`.

    Notes
    -----
    `Prospect` states the model.

    References
    ----------
    .. [1] Glasserman, *Monte Carlo Methods in Financial Engineering*, 2004, chapters 1 and 4.
    .. [2] CMS, Shared Savings Program public use files 2014-2024: the sizes of the causes.

    Examples
    --------
    >>> found = simulate([0.0, 2_000.0, 30_000.0], 5_000, 53e6, Terms(sharing_rate=0.5, msr=0.02), draws=1_000)
    >>> float(found.to_frame().loc["All years", "chance_earned"].round(2))
    0.55
    """
    costs = cost_distribution(annual_costs, truncate=truncate)
    prospect = Prospect(
        costs,
        members,
        benchmark,
        years,
        Uncertainty() if uncertainty is None else uncertainty,
        quality_score,
        quality_standard,
        revenue,
        growth,
    )
    scores = prospect.draw(draws, seed)
    if not progress:
        return prospect.futures(scores).settle(terms)
    from tqdm import tqdm

    with tqdm(total=2 * -(-draws // CHUNK), unit="chunk", desc="Simulation") as bar:
        return prospect._futures(scores, bar.update).settled(terms, bar.update)
