"""A run's payment divided within its ACO, and the ACO as a venture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import pandas as pd

from acomodel.contract.distribution.allocation import Basis, Negative, Sharers, sharers, weights
from acomodel.contract.distribution.pools import CENTS, Distribution
from acomodel.contract.distribution.settings import SHARED, DistributionSettings
from acomodel.contract.distribution.shapley import (
    EXACT,
    ShapleyValues,
    coalition_payments,
    sampled_shapley,
    shapley,
)
from acomodel.contract.distribution.years import RulesCompared, YearlyDistribution, compare_rules, distribute_years
from acomodel.inputs import InputError
from acomodel.outlook.luck.costs import cost_distribution
from acomodel.outlook.negotiation.proforma import ProForma, pro_forma
from acomodel.outlook.negotiation.venture import Venture, venture
from acomodel.outlook.years.simulation import Futures, Prospect
from acomodel.outlook.years.uncertainty import Uncertainty
from acomodel.privacy import SMALL_CELL
from acomodel.workbench.figures import faults_named
from acomodel.workbench.model import Run
from acomodel.workbench.negotiation import Negotiation
from acomodel.workbench.scenario import change

SIDE_BY_SIDE: tuple[Basis, ...] = ("members", "contribution", "quality", "shapley", "equal")
"""Rules that are set side by side, as far as the table of participants tells of them."""


@dataclass(frozen=True, eq=False)
class Distributed:
    """
    A run's payments divided within its ACO.

    Parameters
    ----------
    wanted : DistributionSettings
        Operating cost, pools, rules.
    participants : Sharers
        Those of the table.
    yearly : YearlyDistribution
        Every year that is distributed.
    leading : str
        Label of the year shown first.
    shapley_values : ShapleyValues or None
        What each unit brings under the contract of that year; None where the table does not tell.
    """

    wanted: DistributionSettings
    participants: Sharers
    yearly: YearlyDistribution
    leading: str
    shapley_values: ShapleyValues | None

    @property
    def of_year(self) -> Distribution:
        """Distribution of the year shown first."""
        return self.yearly.years[self.leading]

    @property
    def sharing(self) -> Sharers:
        """Participants who share in a pool of savings or quality; all where there is none."""
        pools = [pool for pool in self.wanted.pools if pool.rule in SHARED]
        named = any(not pool.to for pool in pools)
        kinds = () if named else tuple(kind for pool in pools for kind in pool.to)
        return self.participants.at(self.participants.of(kinds))

    @property
    def units(self) -> pd.DataFrame:
        """Participants, or the TINs they make where pools go to TINs."""
        tins = self.wanted.level == "tin"
        return self.participants.by_tin().to_frame("tin") if tins else self.participants.to_frame()

    def rules(self) -> RulesCompared | None:
        """What the pools of savings and quality pay, under several rules; None where they pay nothing."""
        pools = [pool.name for pool in self.wanted.pools if pool.rule in SHARED]
        amount = int(self.of_year.pools.loc[pools, "amount"].sum())
        if amount <= 0:
            return None
        who = self.sharing
        units = who.by_tin() if self.wanted.level == "tin" else who
        values = None if self.shapley_values is None else self.shapley_values.value
        negative: Negative = "subtract" if self.wanted.negative == "subtract" else "zero"
        known = [rule for rule in SIDE_BY_SIDE if _shared_by(units, rule, values)]
        if len(known) < 2:
            return None
        listed = who.to_frame().reset_index()
        made = compare_rules(amount / CENTS, listed, known, level=self.wanted.level, negative=negative, values=values)
        paid = self.of_year.to_frame()[pools].sum(axis=1)
        return made.beside((paid * CENTS).round())


def _shared_by(units: Sharers, rule: Basis, values: pd.Series | None) -> bool:
    """Whether a rule gives anybody a share, and all it goes by is known."""
    try:
        return bool(weights(units, rule, values=None if values is None else values.to_dict()).sum() > 0)
    except InputError:
        return False


@lru_cache(maxsize=4)
def distribution_of(run: Run) -> Distributed | None:
    """
    The payments of a run divided as its scenario has it; None where it does not say.

    Parameters
    ----------
    run : Run
        The run.

    Raises
    ------
    InputError
        A table of participants, or pools, that do not fit together.
    """
    wanted = run.scenario.distribution
    if wanted is None or run.tables.participants is None:
        return None
    at = run.scenario.headline()
    lines = run.lines()["payment"]
    kept = lines if wanted.over == "all" else lines.iloc[[at]]
    payments = {str(label): float(amount) for label, amount in kept.items()}
    with faults_named(run.scenario):
        listed = run.tables.participants
        everybody = sharers(listed)
        asked = [pool.name for pool in wanted.pools if pool.basis == "shapley"]
        values = _shapley_of(run, listed, wanted.level, must=bool(asked) or wanted.losses_by == "shapley")
        yearly = distribute_years(
            payments,
            wanted.pools,
            listed,
            operating_cost=wanted.operating_cost,
            deficit=wanted.deficit,
            reserve=wanted.reserve,
            values=None if values is None else dict.fromkeys(payments, values.value),
            level=wanted.level,
            within=wanted.within,
            negative=wanted.negative,
            shortfall=wanted.shortfall,
            called_by=wanted.called_by,
            losses_by=wanted.losses_by,
        )
    return Distributed(wanted, everybody, yearly, str(lines.index[at]), values)


def _shapley_of(run: Run, listed: pd.DataFrame, level: str, *, must: bool) -> ShapleyValues | None:
    """Shapley values under the contract of the leading year; None where the table does not tell and nothing asks."""
    at = run.scenario.headline()
    beside = run.given(at)
    try:
        value, players = coalition_payments(
            listed,
            run.terms[at],
            level=level,
            quality_score=beside["quality_score"],
            quality_standard=beside["quality_standard"],
            revenue=beside["revenue"],
        )
        return shapley(value, players) if len(players) <= EXACT else sampled_shapley(value, players)
    except InputError:
        if must:
            raise
        return None


def folded(table: pd.DataFrame, members: pd.Series, *, small_cells: bool = False) -> tuple[pd.DataFrame, pd.Series]:
    """
    Amounts by participant with those of 1 to 10 members in one row, from which no such count can be worked out.

    Parameters
    ----------
    table : pandas.DataFrame
        Amounts by participant or TIN. [$]
    members : pandas.Series
        Members of each. [members]
    small_cells : bool
        Whether cells of 1 to 10 members are shown.

    Returns
    -------
    (pandas.DataFrame, pandas.Series)
        Amounts and members; where there are small ones, they are summed with the next larger until they are more than
        10 together.

    Examples
    --------
    >>> paid = pd.DataFrame({"Paid": [4.0, 50.0, 300.0]}, index=["A", "B", "C"])
    >>> folded(paid, pd.Series([4, 50, 300], index=["A", "B", "C"]))[0]["Paid"].to_dict()
    {'C': 300.0, '2 others': 54.0}
    """
    counts = members.reindex(table.index).fillna(0.0)
    small = counts[(counts > 0) & (counts < SMALL_CELL + 1)]
    if small_cells or not len(small):
        return table, counts
    rising = counts[counts > 0].sort_values(kind="stable")
    taken = len(small)
    while taken < len(rising) and (taken < 2 or rising.iloc[:taken].sum() < SMALL_CELL + 1):
        taken += 1
    names = list(rising.index[:taken])
    label = f"{taken} others" if taken > 1 else "Other"
    kept = table.drop(index=names)
    rest = table.loc[names].sum().to_frame(label).T
    summed = pd.concat([kept, rest]).rename_axis(table.index.name)
    return summed, pd.concat([counts.drop(names), pd.Series({label: float(counts[names].sum())})])


@lru_cache(maxsize=4)
def venture_of(run: Run) -> Venture | None:
    """
    Pro forma of the ACO under the contract of the leading year; None where the scenario does not say what it costs.

    Parameters
    ----------
    run : Run
        The run.

    Raises
    ------
    InputError
        A cost per member where nobody says how many members there are.

    Notes
    -----
    On the futures of the negotiation, as many years as are wanted. Where nobody says how many members there are, a
    single future is followed, in which the savings rate of the leading year lasts.
    """
    aco = run.scenario.aco
    if aco is None:
        return None
    with faults_named(run.scenario):
        made = run.negotiation
        if made is None:
            if aco.cost_per_member:
                raise InputError("aco.cost_per_member: given, but nobody says how many members the ACO has")
            return _certain(run)
        other = _looking_ahead(run, made, aco.years)
        spent = other.pro_forma
        return venture(aco, other.outlook.futures, other.own, **_programme(spent))


def _looking_ahead(run: Run, made: Negotiation, years: int) -> Negotiation:
    """The negotiation with futures of as many years as are wanted."""
    if run.scenario.outlook.years == years:
        return made
    longer = change(run.scenario, {"outlook.years": years})
    return replace(made, outlook=replace(made.outlook, scenario=longer))


def _programme(made: ProForma | None) -> dict[str, Any]:
    """Cost and savings of the interventions by year, as the pro forma of the programme has them."""
    if made is None:
        return {}
    table = made.to_frame()
    return {
        "programme_cost": table["cost"].to_numpy(),
        "programme_savings": table["savings_rate"].to_numpy(),
    }


def _certain(run: Run) -> Venture:
    """Pro forma on the one future in which savings stay as they are."""
    aco, wanted, at = run.scenario.aco, run.scenario.outlook, run.scenario.headline()
    assert aco is not None
    head, beside = run.headline(), run.given(at)
    savings = wanted.true_savings or float(head["savings_rate"])
    sure = Uncertainty(
        true_savings=savings, long_run_savings=savings, skill_sd=0.0, benchmark_sd=0.0, benchmark_constant=0.0
    )
    prospect = Prospect(
        cost_distribution([1.0]),
        1,
        float(head["benchmark"]),
        aco.years,
        sure,
        growth=wanted.growth,
        carried_losses=float(head["carried_in"]),
        **{name: beside[name] for name in ("quality_score", "quality_standard", "revenue")},
    )
    futures: Futures = prospect.futures(prospect.draw(100))
    programme = run.scenario.negotiation.programme
    spent = pro_forma(programme, prospect.benchmark, years=aco.years, growth=wanted.growth) if programme else None
    return venture(aco, futures, run.terms[at], **_programme(spent))
