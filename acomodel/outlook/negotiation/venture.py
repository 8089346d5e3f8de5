"""Pro forma of an ACO: what it costs to run, what its contract pays, when it breaks even, what it may lose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pydantic.dataclasses
from pydantic import ConfigDict, Field, model_validator

from acomodel.exhibit import Exhibit, Shown, show
from acomodel.inputs import InputError
from acomodel.outlook.negotiation.compared import REACH, Contract, chance_error, saving_more, with_clauses
from acomodel.outlook.years.draws import mean_error

if TYPE_CHECKING:
    from acomodel.outlook.years.simulation import Futures

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles of the cumulative cash. [share]"""
EVEN = 0.005
"""Cash closer to zero than this is even. [$]"""


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class AcoSettings:
    """
    The ACO as a venture: what it costs to start and to run, and who pays for that.

    Examples
    --------
    >>> AcoSettings(start_up=500_000.0, fixed_cost=1_000_000.0).cost(0, members=5_000)
    1000000.0
    """

    start_up: float = Field(default=0.0, ge=0, description="investment before the first year [$]")
    fixed_cost: float = Field(default=0.0, ge=0, description="operating cost whatever the number of members [$ a year]")
    cost_per_member: float = Field(default=0.0, ge=0, description="operating cost of a member [$ a member and year]")
    cost_growth: float = Field(default=0.0, gt=-0.5, lt=0.5, description="growth of operating cost a year [share]")
    member_growth: float = Field(default=0.0, gt=-0.5, lt=1.0, description="growth of membership a year [share]")
    years: int = Field(default=3, ge=1, le=10, description="years looked ahead [years]")
    payment_delay: int = Field(
        default=0, ge=0, le=2, description="years after a contract year in which its payment arrives [years]"
    )
    discount: float = Field(default=0.0, gt=-0.5, lt=0.5, description="rate at which later dollars count less [share]")
    capital: dict[str, float] = Field(default_factory=dict, description="capital by partner [$]")
    quantile: float = Field(
        default=0.95, gt=0.5, lt=1, description="chance with which the investment needed is enough [share]"
    )

    @model_validator(mode="after")
    def _coherent(self) -> AcoSettings:
        for partner, amount in self.capital.items():
            if not amount >= 0:
                raise ValueError(f"capital of '{partner}': found {amount:g}; dollars of at least 0 are wanted")
        return self

    def cost(self, year: int, members: float) -> float:
        """Operating cost of a year, from 0, with the members of the first. [$]"""
        per_member = self.cost_per_member * members * (1 + self.member_growth) ** year
        return (self.fixed_cost + per_member) * (1 + self.cost_growth) ** year


@dataclass(frozen=True, eq=False, repr=False)
class Venture(Shown):
    """
    Cash of an ACO by year, in every future.

    Parameters
    ----------
    settings : AcoSettings
        What it rests on.
    table : pandas.DataFrame
        By year from 0 (before the first): `operating`, `programme`, expected `payment`, `payment_error`, `net`,
        `cumulative`, its quantiles (`q05` to `q95`) [$], `chance_lost` of having lost money by its end and
        `chance_error` [share]. All at present value.
    cash : numpy.ndarray
        Cumulative cash, a row for each future, a column for each year. [$]
    break_even_year : int or None
        First year by whose end the expected cash is at or above zero for good.
    investment : float
        Cash needed until the worst is over, enough with the chance of the settings. [$]
    expected_investment : float
        Largest lack of cash on the path that is expected. [$]
    rate_needed : float or None
        Sharing rate at which the ACO is expected to end even; none where no rate is enough.
    savings_needed : float or None
        True savings a year, programme included, at which it is; none where none between -40 and 40 percent are.
    savings_expected : float
        True savings a year that were reckoned with, programme included. [share]
    certain : bool
        Whether a single future was followed, nobody knowing how many members there are.
    """

    settings: AcoSettings
    table: pd.DataFrame
    cash: np.ndarray
    break_even_year: int | None
    investment: float
    expected_investment: float
    rate_needed: float | None
    savings_needed: float | None
    savings_expected: float
    certain: bool

    def to_frame(self) -> pd.DataFrame:
        """By year, at full precision."""
        return self.table.copy(deep=False)

    @property
    def capital(self) -> float:
        """Capital of all partners. [$]"""
        return float(sum(self.settings.capital.values()))

    @property
    def chance_short(self) -> float | None:
        """Chance that the partners' capital does not last; none where none is stated. [share]"""
        if not self.settings.capital:
            return None
        return float((-self.cash.min(axis=1) > self.capital + EVEN).mean())

    def exhibit(self) -> Exhibit:
        """Cash by year: lines down, years across."""
        lines = {
            "operating": ("Operating cost", "$"),
            "programme": ("Programme cost", "$"),
            "payment": ("Expected payment", "$"),
            "payment_error": ("± expected payment", "$"),
            "net": ("Net", "$"),
            "cumulative": ("Cumulative", "$"),
            "q05": ("Cumulative, 5% quantile", "$"),
            "q95": ("Cumulative, 95% quantile", "$"),
            "chance_lost": ("Chance of having lost money", "%"),
        }
        if self.certain:
            lines = {name: words for name, words in lines.items() if name in ("net", "cumulative", *_FLOWS)}
        table = self.table[list(lines)].T
        table.columns = ["Start", *(f"Year {year}" for year in self.table.index[1:])]
        table.index = pd.Index([words for words, _ in lines.values()], name="Line")
        note = "One future, as expected: nobody says how many members there are. " if self.certain else ""
        if self.settings.payment_delay:
            years = self.settings.payment_delay
            late = "the year after" if years == 1 else f"{years} years after"
            note += f"Payments arrive {late} the one they are for. "
        if self.settings.discount:
            note += f"Present value at {show(self.settings.discount, '%')} a year. "
        return Exhibit("Pro forma of the ACO", table, dict(lines.values()), note.strip())

    def needs(self) -> Exhibit:
        """What it takes: break-even, chance of loss, investment, sharing rate and savings."""
        end = self.table.index[-1]
        never = "not in these years"
        rows = {
            "Breaks even by the end of year": never if self.break_even_year is None else str(self.break_even_year),
            "Expected to be lacking at the worst": show(self.expected_investment, "$"),
        }
        if not self.certain:
            lost = self.table.loc[end]
            enough = f"{self.settings.quantile:.0%}"
            rows |= {
                f"Chance of having lost money after year {end}": (
                    f"{show(lost['chance_lost'], '%.')} ± {show(lost['chance_error'], '%.')}"
                ),
                f"Investment that is enough with {enough}": show(self.investment, "$"),
            }
        if self.settings.capital:
            rows["Capital of the partners"] = show(self.capital, "$")
            if self.chance_short is not None and not self.certain:
                rows["Chance that it does not last"] = show(self.chance_short, "%.")
        rows |= {
            "Sharing rate at which it ends even": _or_none(self.rate_needed, "no rate is enough"),
            "True savings a year at which it ends even": _or_none(self.savings_needed, "none within 40% either way"),
            "True savings a year reckoned with": show(self.savings_expected, "%."),
        }
        table = pd.DataFrame({"Value": pd.Series(rows)}).rename_axis("Figure")
        note = "Even: expected cash at the end of the last year. Each is sought with all else as it is."
        return Exhibit("What it takes to break even", table, note=note)


_FLOWS = ("operating", "programme", "payment")


def _or_none(value: float | None, words: str) -> str:
    if value is not None and value <= -REACH:
        return "none are needed"
    return words if value is None else show(value, "%.")


def venture(
    aco: AcoSettings,
    futures: Futures,
    terms: Contract,
    *,
    members: float | None = None,
    programme_cost: Sequence[float] | np.ndarray | None = None,
    programme_savings: Sequence[float] | np.ndarray | None = None,
) -> Venture:
    r"""
    Pro forma of an ACO under a contract, on simulated futures.

    Parameters
    ----------
    aco : AcoSettings
        What it costs to start and to run.
    futures : Futures
        Futures of the contract years, as many as the settings look ahead, without the programme.
    terms : Terms or sequence of Terms
        The contract.
    members : float, optional
        Members of the first year; those of the futures by default. [members]
    programme_cost, programme_savings : array-like, optional
        Cost of the interventions by year [$], and what they save of the cost expected [share]; see `pro_forma`.

    Returns
    -------
    Venture

    Raises
    ------
    InputError
        As many years as are looked ahead are not given.

    Notes
    -----
    With payments :math:`P_t` of the futures with the programme, growth of membership :math:`g`, operating cost
    :math:`O_t`, programme cost :math:`c_t`, start-up :math:`I`, delay :math:`d` and discount :math:`r`,

    .. math:: N_0 = -I, \qquad N_t = \frac{(1 + g)^{t-1-d} P_{t-d} - O_t - c_t}{(1 + r)^t}, \qquad
        C_t = \sum_{u \le t} N_u

    in every future. The chance of having lost money is that of :math:`C_t < 0`; the investment needed is the quantile
    of :math:`\max_t (-C_t)^+`; of a payment that arrives late, years after the last have no cost. Membership that
    grows makes payments larger in proportion; luck stays that of the first year's members, and so do thresholds by
    size. Cost of starting an intervention falls in its first year. A threshold moves the payments of a sample in
    jumps, so that rate and savings that end even do so within one future's jump.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, pp. 47-48 and 54: pro forma budget, and operating
       cost that partners cover where savings do not.

    Examples
    --------
    >>> from acomodel.contract.terms import Terms
    >>> from acomodel.outlook.luck.costs import cost_distribution
    >>> from acomodel.outlook.years.simulation import Prospect
    >>> from acomodel.outlook.years.uncertainty import Uncertainty
    >>> sure = Uncertainty(true_savings=0.04, skill_sd=0.0, long_run_savings=0.04, benchmark_sd=0.0,
    ...                    benchmark_constant=0.0)
    >>> one = Prospect(cost_distribution([10_000.0]), 5_000, 50e6, 3, sure)
    >>> aco = AcoSettings(start_up=500_000.0, fixed_cost=800_000.0)
    >>> found = venture(aco, one.futures(one.draw(100)), Terms(sharing_rate=0.5))
    >>> found.to_frame()["cumulative"].round().tolist(), found.break_even_year
    ([-500000.0, -300000.0, -100000.0, 100000.0], 3)
    """
    years = aco.years
    if futures.actual.shape[1] != years:
        raise InputError(f"pro forma: futures of {futures.actual.shape[1]} years; {years} are looked ahead")
    spent, saved = (_by_year(given, years) for given in (programme_cost, programme_savings))
    count = futures.prospect.members if members is None else members
    length = years + aco.payment_delay + 1
    worth = (1 + aco.discount) ** -np.arange(length, dtype=float)
    operating, programme = np.zeros(length), np.zeros(length)
    operating[0] = aco.start_up
    operating[1 : years + 1] = [aco.cost(t, count) for t in range(years)]
    programme[1 : years + 1] = spent
    grown = (1 + aco.member_growth) ** np.arange(years)
    later = worth[1 + aco.payment_delay :]

    def paid(more: float = 0.0, contract: Contract = terms) -> np.ndarray:
        return saving_more(futures, saved + more).settle(contract).payment * (grown * later)

    payment = paid()
    cost = (operating + programme) * worth
    net = np.zeros((len(payment), length)) - cost
    net[:, 1 + aco.payment_delay :] += payment
    cash = net.cumsum(axis=1)
    expected = cash.mean(axis=0)
    lost = cash < -EVEN
    received = np.zeros(length)
    received[1 + aco.payment_delay :] = payment.mean(axis=0)
    error = np.zeros(length)
    error[1 + aco.payment_delay :] = [mean_error(payment[:, t]) for t in range(years)]
    table = pd.DataFrame(
        {
            "operating": operating * worth,
            "programme": programme * worth,
            "payment": received,
            "payment_error": error,
            "net": net.mean(axis=0),
            "cumulative": expected,
            **{f"q{level * 100:02.0f}": np.quantile(cash, level, axis=0) for level in LEVELS},
            "chance_lost": lost.mean(axis=0),
            "chance_error": [chance_error(lost[:, t].astype(float)) for t in range(length)],
        },
        index=pd.RangeIndex(length, name="year"),
    )
    ahead = np.minimum.accumulate(expected[::-1])[::-1] >= -EVEN
    total = float(cost.sum())
    base = float((futures.true_savings + saved).mean())
    return Venture(
        settings=aco,
        table=table,
        cash=cash,
        break_even_year=int(ahead.argmax()) if ahead.any() else None,
        investment=float(np.quantile(np.maximum(-cash.min(axis=1), 0.0), aco.quantile)),
        expected_investment=float(max(-expected.min(), 0.0)),
        rate_needed=_even(lambda rate: _mean(paid(0.0, with_clauses(terms, {"sharing_rate": rate}))) - total, 0.0, 1.0),
        savings_needed=_even(lambda savings: _mean(paid(savings - base)) - total, -REACH, REACH),
        savings_expected=base,
        certain=not futures.prospect.causes,
    )


def _mean(payments: np.ndarray) -> float:
    """Expected payment over all years. [$]"""
    return float(payments.sum(axis=1).mean())


def _by_year(given: Sequence[float] | np.ndarray | None, years: int) -> np.ndarray:
    found = np.zeros(years) if given is None else np.asarray(given, dtype=float)
    if found.shape != (years,) or not np.isfinite(found).all():
        raise InputError(
            f"pro forma: a programme of {found.size} years; one finite number for each of {years} is wanted"
        )
    return found


def _even(gap: Callable[[float], float], low: float, high: float) -> float | None:
    """Where a rising gap is zero; the low end where it never lies below, none where it never lies above. [$]"""
    from scipy.optimize import brentq

    if gap(high) < -EVEN:
        return None
    return low if gap(low) >= 0 else float(brentq(gap, low, high, xtol=1e-7))
