"""Pro forma of an ACO's programme: what interventions cost and save, and what a contract gives back of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pydantic.dataclasses
from pydantic import ConfigDict, Field, model_validator

from acomodel.exhibit import Exhibit, Shown, show
from acomodel.inputs import InputError, nearest
from acomodel.outlook.negotiation.compared import Contract, saving_more, with_clauses
from acomodel.outlook.negotiation.equivalence import POINTS, crossing
from acomodel.outlook.years.draws import mean_error
from acomodel.rates import Numeric

if TYPE_CHECKING:
    from acomodel.outlook.years.simulation import Futures


def break_even_share(programme_cost: Numeric, claims_saved: Numeric) -> Numeric:
    r"""
    Share of the claims saved at which a programme pays for itself.

    Parameters
    ----------
    programme_cost : numeric
        What the programme costs, at least 0. [$]
    claims_saved : numeric
        Claims that it saves, above 0. [$]

    Returns
    -------
    numeric
        Above 1 where no share is enough. [share of savings]

    Raises
    ------
    InputError
        A negative cost, or nothing saved.

    Notes
    -----
    .. math:: s^* = c / v

    with cost :math:`c` and claims saved :math:`v`, if savings are shared from the first dollar and nothing is left to
    chance; a threshold asks for more (`pro_forma`).

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, p. 47.

    Examples
    --------
    The patient navigator of [1]_:

    >>> break_even_share(50_000, 100_000)
    0.5
    """
    cost, saved = np.asarray(programme_cost, dtype=float), np.asarray(claims_saved, dtype=float)
    for words, bad, value in (
        ("a programme cost", ~(np.isfinite(cost) & (cost >= 0)), cost),
        ("claims saved", ~(np.isfinite(saved) & (saved > 0)), saved),
    ):
        if bad.any():
            least = "at least 0" if value is cost else "above 0"
            raise InputError(f"pro forma: {words} of {value[bad].flat[0]:g}; dollars {least} are wanted")
    return programme_cost / claims_saved


@cache
def _interventions() -> pd.DataFrame:
    with files("acomodel").joinpath("data/interventions.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, keep_default_na=False, na_values={"value": ""})


def interventions() -> pd.DataFrame:
    """
    Interventions of the ACO Toolkit as starting values, each with its page.

    Returns
    -------
    pandas.DataFrame
        `intervention`, `group`, `effect` (in the words of the source), `value` and `unit` (missing where no figure is
        printed), `service_category`, `cost`, `source`, `note`, and `sureness`: "quoted" from a study or report,
        "example" of arithmetic, or "none printed". No row is a forecast: the source calls the evidence mixed (pp.
        114 and 119) and pro formas "best guesses" (p. 48).

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 5, pp. 113-127, and part 3, p. 47.

    Examples
    --------
    >>> table = interventions().set_index("intervention")
    >>> float(table.loc["Care Transitions Intervention", "value"])
    0.28
    """
    return _interventions().copy()


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class Intervention:
    """
    One intervention of a programme: its cost, its effect on claims, and how it gets under way.

    Examples
    --------
    >>> Intervention("Patient navigator", fixed_cost=50_000, claims_saved=100_000).share_saved
    0.0
    """

    name: str = Field(description="what it is called")
    start_up: float = Field(default=0.0, ge=0, description="cost before the first year [$]")
    fixed_cost: float = Field(default=0.0, ge=0, description="cost whatever the number of members [$ a year]")
    cost_per_member: float = Field(default=0.0, ge=0, description="cost of a member reached [$ a member and year]")
    members: float = Field(default=0.0, ge=0, description="members reached in full operation [members]")
    claims_saved: float = Field(default=0.0, description="claims saved in full operation [$ a year]")
    saved_per_member: float = Field(default=0.0, description="claims saved of a member reached [$ a member and year]")
    category: str = Field(default="", description="service category that is saved in; empty for all")
    share_saved: float = Field(default=0.0, ge=-1, le=1, description="part of the category's cost saved [share]")
    ramp: tuple[float, ...] = Field(
        default=(1.0,), min_length=1, description="part of full operation by year, the last for all later [share]"
    )
    source: str = Field(default="assumed", description="where cost and effect come from")

    @model_validator(mode="after")
    def _coherent(self) -> Intervention:
        if any(not 0 <= part <= 1 for part in self.ramp):
            odd = next(part for part in self.ramp if not 0 <= part <= 1)
            raise ValueError(f"ramp: found {odd:g}; shares from 0 to 1 are wanted")
        if (self.cost_per_member or self.saved_per_member) and not self.members:
            raise ValueError("an amount per member needs the members reached")
        return self

    def reached(self, year: int) -> float:
        """Part of full operation in a year, from 0. [share]"""
        return self.ramp[min(year, len(self.ramp) - 1)]

    def cost(self, year: int) -> float:
        """Cost in a year, from 0: the fixed part in full, the part per member as far as it reaches. [$]"""
        return (
            self.fixed_cost
            + self.cost_per_member * self.members * self.reached(year)
            + (self.start_up if year == 0 else 0.0)
        )

    def saved(self, year: int, category_cost: float) -> float:
        """Claims saved in a year, from 0, of what the category would cost. [$]"""
        full = self.claims_saved + self.saved_per_member * self.members + self.share_saved * category_cost
        return full * self.reached(year)


@dataclass(frozen=True, eq=False, repr=False)
class ProForma(Shown):
    """
    Cost, savings and return of a programme, year by year.

    Parameters
    ----------
    table : pandas.DataFrame
        By year: `cost`, `saved` [$], `savings_rate` [share of expected cost], `share` (what the ACO would get were
        all savings shared), `net_share`, `paid` (expected payment with the programme less without it), `paid_error`,
        `net` and `cumulative`, at present value. Without a contract `paid` is `share`.
    by_intervention : pandas.DataFrame
        By intervention over all years: `cost`, `saved`, `share_needed`.
    share_needed : float or None
        Share of savings at which the programme pays for itself, were all savings shared; none if nothing is saved.
    rate_needed : float or None
        Sharing rate of the contract at which it does; none without a contract, or where no rate is enough.
    break_even_year : int or None
        First year by whose end the programme has paid for itself for good, from 1; none if it does not.
    contract : bool
        Whether a contract was settled.
    """

    table: pd.DataFrame
    by_intervention: pd.DataFrame
    share_needed: float | None
    rate_needed: float | None
    break_even_year: int | None
    contract: bool

    def to_frame(self) -> pd.DataFrame:
        """By year, at full precision."""
        return self.table.copy(deep=False)

    def exhibit(self) -> Exhibit:
        """Lines down, years across, and what it takes to break even."""
        lines = {
            "cost": ("Programme cost", "$"),
            "saved": ("Claims saved", "$"),
            "savings_rate": ("Savings rate", "%."),
            "share": ("ACO's share, no threshold", "$"),
            "net_share": ("Net, no threshold", "$"),
            "paid": ("Expected payment for it", "$"),
            "paid_error": ("± expected payment for it", "$"),
            "net": ("Net", "$"),
            "cumulative": ("Cumulative net", "$"),
        }
        kept = {k: v for k, v in lines.items() if self.contract or not k.startswith("paid")}
        table = self.table[list(kept)].T
        table.columns = [f"Year {year}" for year in self.table.index]
        table.index = pd.Index([words for words, _ in kept.values()], name="Line")
        never = "never in these years"
        share = "no share is enough" if self.share_needed is None else f"{show(self.share_needed, '%.')} of savings"
        note = f"Share needed to break even, no threshold: {share}."
        if self.contract:
            rate = "none is enough" if self.rate_needed is None else show(self.rate_needed, "%.")
            note += (
                f" Sharing rate needed under the contract: {rate}. Expected payment for it: with the programme less "
                "without it, on the same futures, as luck is paid for either way."
            )
        note += f" Breaks even in year: {never if self.break_even_year is None else self.break_even_year}."
        return Exhibit("Pro forma of the programme", table, dict(kept.values()), note)


def pro_forma(
    programme: Sequence[Intervention],
    claims: float | Mapping[str, float],
    *,
    years: int = 3,
    sharing_rate: float = 0.5,
    growth: float = 0.0,
    discount: float = 0.0,
    futures: Futures | None = None,
    terms: Contract | None = None,
) -> ProForma:
    r"""
    Pro forma of a programme of interventions over several years.

    Parameters
    ----------
    programme : sequence of Intervention
        What is done, at what cost and with what effect.
    claims : float or mapping of str to float
        Expected claims of the first year without the programme, in all or by service category. [$]
    years : int
        Years; those of the futures where futures are given.
    sharing_rate : float
        Share of savings the ACO would get without a threshold, for the first view. [share of savings]
    growth : float
        Annual growth of claims, of what is saved of them and of the programme's running cost; that of the futures
        where futures are given. [share]
    discount : float
        Annual rate at which later dollars count less. [share]
    futures : Futures, optional
        Futures of the ACO without the programme.
    terms : Terms or sequence of Terms, optional
        The contract, given together with the futures.

    Returns
    -------
    ProForma

    Raises
    ------
    InputError
        No interventions, a category without claims, futures without terms, or more saved than is spent.

    Notes
    -----
    A category loses what is saved of it before the next intervention takes its share: shares of one category
    compound. Under a contract with a threshold, savings are worth what they move of the expected payment:

    .. math:: v_t = E[P_t \mid s_t + \Delta_t] - E[P_t \mid s_t], \qquad \Delta_t = \text{saved}_t / E_t,

    on the same futures, with their expected cost :math:`E_t`. What the contract pays
    without savings it pays without the
    programme too, and is no return on it.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, pp. 47-48: pro forma budget.

    Examples
    --------
    The patient navigator of [1]_:

    >>> navigator = Intervention("Patient navigator", fixed_cost=50_000, claims_saved=100_000)
    >>> found = pro_forma([navigator], 20e6, years=1)
    >>> found.share_needed, found.break_even_year
    (0.5, 1)
    """
    if not programme:
        raise InputError("pro forma: no interventions are given; at least one is wanted")
    if (futures is None) != (terms is None):
        raise InputError("pro forma: futures and terms are wanted together")
    if futures is not None:
        years, growth = futures.prospect.years, futures.prospect.growth
    if years < 1 or not 0 <= sharing_rate <= 1 or not growth > -1 or not discount > -1:
        raise InputError(
            f"pro forma: {years} years, sharing rate {sharing_rate:g}, growth {growth:g}, discount {discount:g}; "
            "at least 1, a share from 0 to 1 and rates above -1 are wanted"
        )
    by_category = dict(claims) if isinstance(claims, Mapping) else {"": float(claims)}
    costs, saved = _effects(programme, by_category, years, growth)
    expected = sum(by_category.values()) if futures is None else futures.prospect.benchmark
    rates = saved.sum(axis=0) / (expected * (1 + growth) ** np.arange(years))
    worth = (1 + discount) ** -np.arange(years)
    cost, share = costs.sum(axis=0) * worth, sharing_rate * saved.sum(axis=0) * worth
    paid, error, rate_needed = share, np.full(years, np.nan), None
    if futures is not None and terms is not None:
        with_it = saving_more(futures, rates)
        before = futures.settle(terms).payment
        more = with_it.settle(terms).payment - before
        paid, error = more.mean(axis=0) * worth, np.array([mean_error(more[:, t]) for t in range(years)]) * worth
        rate_needed = _rate_needed(futures, with_it, terms, cost, worth)
    net = paid - cost
    table = pd.DataFrame(
        {
            "cost": cost,
            "saved": saved.sum(axis=0) * worth,
            "savings_rate": rates,
            "share": share,
            "net_share": share - cost,
            "paid": paid,
            "paid_error": error,
            "net": net,
            "cumulative": net.cumsum(),
        },
        index=pd.RangeIndex(1, years + 1, name="year"),
    )
    names = pd.Index([one.name for one in programme], name="intervention")
    each = pd.DataFrame({"cost": costs @ worth, "saved": saved @ worth}, index=names)
    each["share_needed"] = (each["cost"] / each["saved"]).where(each["saved"] > 0)
    total = float(table["saved"].sum())
    ahead = np.minimum.accumulate(table["cumulative"].to_numpy()[::-1])[::-1] >= -1e-6
    year = int(np.argmax(ahead)) + 1 if ahead.any() else None
    share_needed = float(break_even_share(float(cost.sum()), total)) if total > 0 else None
    return ProForma(table, each, share_needed, rate_needed, year, futures is not None)


def _effects(
    programme: Sequence[Intervention], by_category: Mapping[str, float], years: int, growth: float
) -> tuple[np.ndarray, np.ndarray]:
    """Cost and claims saved by intervention and year. [$]"""
    if not all(np.isfinite(amount) and amount >= 0 for amount in by_category.values()) or not sum(by_category.values()):
        raise InputError("pro forma: claims that are negative, missing or nothing; dollars above zero are wanted")
    costs, saved = np.zeros((len(programme), years)), np.zeros((len(programme), years))
    for t in range(years):
        grown = (1 + growth) ** t
        left = {category: amount * grown for category, amount in by_category.items()}
        for row, one in enumerate(programme):
            if one.category and one.category not in left:
                hint = nearest(one.category, [c for c in left if c])
                raise InputError(f"pro forma: '{one.name}': no claims of '{one.category}' are given.{hint}")
            base = left[one.category] if one.category else sum(left.values())
            running = one.cost(t) - (one.start_up if t == 0 else 0.0)
            costs[row, t] = running * grown + (one.start_up if t == 0 else 0.0)
            saved[row, t] = one.saved(t, base / grown) * grown
            if saved[row, t] > base:
                raise InputError(
                    f"pro forma: '{one.name}' saves {show(saved[row, t], '$')} of {show(base, '$')} in year {t + 1}; "
                    "less than is spent is wanted"
                )
            for category in [one.category] if one.category else list(left):
                left[category] -= saved[row, t] * (left[category] / base if base else 0.0)
    return costs, saved


def _rate_needed(
    futures: Futures, with_it: Futures, terms: Contract, cost: np.ndarray, worth: np.ndarray
) -> float | None:
    """Sharing rate at which the payments that a programme adds cover its cost, both at present value."""

    def gap(rate: float) -> float:
        contract = with_clauses(terms, {"sharing_rate": rate})
        more = with_it.settle(contract).payment - futures.settle(contract).payment
        return float((more @ worth).mean() - cost.sum())

    value, crossings = crossing(gap, np.linspace(0.0, 1.0, POINTS).tolist())
    return value if crossings else None
