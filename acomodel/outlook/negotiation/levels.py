"""One-sided, two-sided, partial capitation: the three levels of the ACO Toolkit, by size of ACO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from acomodel.contract.terms import Terms
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.outlook.luck.costs import cost_distribution
from acomodel.outlook.negotiation.compared import Contract, chance_error, contract_scores
from acomodel.outlook.years.draws import WORST, mean_error
from acomodel.outlook.years.simulation import Prospect
from acomodel.outlook.years.uncertainty import Uncertainty

AMBULATORY = 182.08 / 323.75
"""Hospital outpatient, laboratory, imaging, primary, specialty and mental health care in exhibit 3.4. [share]"""
FIGURES = {
    "payment": ("Expected payment", "$."),
    "chance_year": ("Chance of a payment", "%."),
    "loss_year": ("Chance of a loss", "%."),
    "worst": ("Worst {worst:.0%}", "$."),
}
"""Figures by size: amounts in dollars a member and year, chances of a year."""


def levels(
    *,
    sharing_rates: tuple[float, float, float] = (0.5, 0.6, 0.8),
    threshold: float = 0.02,
    loss_limit: float | None = 0.1,
    capitated: float = AMBULATORY,
) -> dict[str, Terms]:
    """
    Three contracts, one for each level of the ACO Toolkit, for comparison.

    Parameters
    ----------
    sharing_rates : tuple of float
        Share of savings at each level; the share of losses at levels 2 and 3 is the same. [share]
    threshold : float
        Savings, and losses, beyond which they are shared at levels 1 and 2. [share of benchmark]
    loss_limit : float, optional
        Limit on the losses shared at levels 2 and 3. [share of benchmark]
    capitated : float
        Part of the benchmark in services paid by capitation at level 3. [share of benchmark]

    Returns
    -------
    dict of str to Terms
        "Level 1: one-sided", "Level 2: two-sided", "Level 3: partial capitation".

    Raises
    ------
    InputError
        A share that is not from 0 to 1.

    Notes
    -----
    The Toolkit describes the levels and prints few figures. Of it are: half of the savings beyond a threshold of 2
    percent (level 1), a threshold on losses too (level 2), a share of 80 percent, savings and losses from the first
    dollar, and a capitated amount for all ambulatory care (level 3). That ambulatory care is 56 percent of the
    benchmark is worked out from exhibit 3.4. The 60 percent of level 2 are those of Medicare's Track 2, the limit of
    10 percent that of its third year. Equal shares of savings and losses are assumed.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, exhibits 3.4 (p. 39) and 3.12 (p. 49), pp. 50-52.
    .. [2] 42 CFR 425.606 (2015): Track 2.

    Examples
    --------
    >>> [round(terms.capitated, 2) for terms in levels().values()]
    [0.0, 0.0, 0.56]
    """
    given = [*sharing_rates, threshold, capitated, 0.0 if loss_limit is None else loss_limit]
    if len(sharing_rates) != 3 or not all(0 <= share <= 1 for share in given):
        raise InputError(f"levels: found {given}; three sharing rates and shares from 0 to 1 are wanted")
    one, two, three = (float(rate) for rate in sharing_rates)
    return {
        "Level 1: one-sided": Terms(one, "Level 1: one-sided", share_from="threshold", msr=threshold),
        "Level 2: two-sided": Terms(
            two,
            "Level 2: two-sided",
            share_from="threshold",
            msr=threshold,
            loss_method="fixed",
            loss_rate=two,
            loss_limit_benchmark=loss_limit,
        ),
        "Level 3: partial capitation": Terms(
            three,
            "Level 3: partial capitation",
            loss_method="fixed",
            loss_rate=three,
            loss_limit_benchmark=loss_limit,
            capitated=capitated,
        ),
    }


@dataclass(frozen=True, eq=False, repr=False)
class BySize(Shown):
    """
    Contracts by size of ACO.

    Parameters
    ----------
    table : pandas.DataFrame
        By contract and members: `payment` and `worst` [$ a member and year], `chance_year` and `loss_year` [share],
        each with its standard error under the same name with `_se`.
    draws, years : int
        Futures behind each row, and years of each.
    worst : float
        Share of worst futures whose average is shown. [share]
    """

    table: pd.DataFrame
    draws: int
    years: int
    worst: float

    def to_frame(self) -> pd.DataFrame:
        """The figures at full precision."""
        return self.table.copy(deep=False)

    def exhibit(self) -> Exhibit:
        """Sizes down, contract by contract."""
        frame = self.table.reset_index()
        heads = {"contract": "Contract", "members": "Members"}
        formats = {"Members": "#"}
        for name, (words, style) in FIGURES.items():
            head = words.format(worst=self.worst)
            heads |= {name: head, f"{name}_se": f"± {head[0].lower()}{head[1:]}"}
            formats |= dict.fromkeys((heads[name], heads[f"{name}_se"]), style)
        frame = frame.rename(columns=heads).set_index("Contract")
        note = (
            f"Amounts in dollars a member and year, chances of a year, over {self.years} years; worst futures by their "
            f"payment of all years. {self.draws:,} futures, the same scores at every size; ± one standard error."
        )
        return Exhibit("Contracts by size of ACO", frame, formats, note)


def by_size(
    annual_costs: Any,
    sizes: Sequence[int],
    contracts: Mapping[str, Contract] | None = None,
    *,
    benchmark_per_member: float | None = None,
    uncertainty: Uncertainty | None = None,
    years: int = 3,
    draws: int = 20_000,
    seed: int = 1,
    quality_score: float = 1.0,
    quality_standard: str = "met",
    revenue_per_member: float | None = None,
    growth: float = 0.0,
    truncate: float | None = None,
    worst: float = WORST,
) -> BySize:
    """
    Compare contracts by size of ACO: the smaller, the more luck.

    Parameters
    ----------
    annual_costs : array-like, Claimants or CostDistribution
        Costs of members in a year, from which every ACO's are drawn. [$]
    sizes : sequence of int
        Members. [members]
    contracts : mapping of str to Terms or sequence of Terms, optional
        `levels` by default.
    benchmark_per_member : float, optional
        Benchmark of the first year; the mean cost if not given. [$ a member and year]
    uncertainty, years, draws, seed, quality_score, quality_standard, growth, truncate
        As for `simulate`.
    revenue_per_member : float, optional
        Participants' revenue of the first year. [$ a member and year]
    worst : float
        Share of worst futures whose average is wanted. [share]

    Returns
    -------
    BySize

    Raises
    ------
    InputError
        No sizes, no contracts, or as `simulate`.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, exhibit 3.12 (p. 49) and pp. 50-52.

    Examples
    --------
    >>> frame = by_size([0.0, 2_000.0, 30_000.0], [5_000, 50_000], draws=1_000).to_frame()
    >>> bool(frame.loc["Level 1: one-sided", "loss_year"].max() == 0)
    True
    """
    made = levels() if contracts is None else contracts
    if not made or not len(sizes):
        raise InputError(f"by size: {len(made)} contracts and {len(sizes)} sizes; at least one of both is wanted")
    if not 0 < worst <= 1:
        raise InputError(f"by size: worst {worst:g} of futures; a share above 0 and at most 1 is wanted")
    costs = cost_distribution(annual_costs, truncate=truncate)
    each = costs.mean if benchmark_per_member is None else float(benchmark_per_member)
    rows: dict[tuple[str, int], dict[str, float]] = {}
    for size in sizes:
        prospect = Prospect(
            costs,
            int(size),
            each * size,
            years,
            Uncertainty() if uncertainty is None else uncertainty,
            quality_score,
            quality_standard,
            None if revenue_per_member is None else revenue_per_member * size,
            growth,
        )
        futures = prospect.futures(prospect.draw(draws, seed))
        for name, terms in made.items():
            simulation = futures.settle(terms)
            scores = contract_scores(simulation, simulation, worst)
            row: dict[str, float] = {}
            for figure, (words, _) in FIGURES.items():
                chance = words.startswith("Chance")
                unit = 1.0 if chance else size * years
                error = chance_error(scores[figure]) if chance else mean_error(scores[figure]) / unit
                row |= {figure: float(scores[figure].mean()) / unit, f"{figure}_se": error}
            rows[name, int(size)] = row
    ordered = {(name, int(size)): rows[name, int(size)] for name in made for size in sizes}
    index = pd.MultiIndex.from_tuples(ordered, names=["contract", "members"])
    table = pd.DataFrame(list(ordered.values()), index=index).astype(np.float64)
    return BySize(table, int(draws), int(years), worst)
