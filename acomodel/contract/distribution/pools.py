"""A payment through operating cost and ordered pools to those who share in them; a loss to those who bear it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from acomodel.contract.distribution.allocation import (
    BASES,
    Basis,
    Negative,
    Sharers,
    divided,
    sharers,
    split,
    to_cents,
)
from acomodel.contract.distribution.settings import CALLED, LEFT, LINES, LOSS, RULES, SHARED, Pool, check_pools
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError

CENTS = 100


@dataclass(frozen=True, eq=False, repr=False)
class Distribution(Shown):
    """
    A payment divided, every amount in whole cents.

    Parameters
    ----------
    payment : int
        What is divided; negative for a loss owed. [cents]
    operating_cost, deficit_in : int
        Cost of the ACO, and what of earlier years' was not covered. [cents]
    covered, recovered : int
        What of either the payment, the reserve or the partners cover. [cents]
    deficit_out : int
        What is still not covered. [cents]
    reserve_in, from_reserve, reserve_out : int
        Reserve before, what is taken from it for losses and cost, and after. [cents]
    called : int
        What partners pay in, for losses and for operating cost. [cents]
    left : int
        What no pool takes, which stays with the ACO. [cents]
    pools : pandas.DataFrame
        By pool in order: `rule`, `by`, `amount` [cents].
    amounts : pandas.DataFrame
        By participant or TIN, a column for each pool that is paid out, and for what is called. [cents]
    units : pandas.DataFrame
        Those of `amounts`: TIN, kind, members and the rest.
    repaid : pandas.Series
        By participant: capital repaid, before and now. [cents]
    carried : pandas.Series
        By participant or TIN: negative contributions that are carried forward. [$]
    """

    payment: int
    operating_cost: int
    deficit_in: int
    covered: int
    recovered: int
    deficit_out: int
    reserve_in: int
    from_reserve: int
    reserve_out: int
    called: int
    left: int
    pools: pd.DataFrame
    amounts: pd.DataFrame
    units: pd.DataFrame
    repaid: pd.Series
    carried: pd.Series

    def to_frame(self) -> pd.DataFrame:
        """By participant or TIN: what each pool pays, less what is called, and the total. [$]"""
        return self.amounts.assign(Total=self.amounts.sum(axis=1)) / CENTS

    def total(self) -> pd.Series:
        """By participant or TIN, what it gets or pays in all. [$]"""
        return self.amounts.sum(axis=1).rename("total") / CENTS

    def walk(self) -> pd.Series:
        """
        From the payment to what is left with the ACO, as amounts that add up to the cent.

        Returns
        -------
        pandas.Series
            Step to amount; the last is the sum of those before it. [$]
        """
        sources = [self.payment, self.from_reserve, self.called, -self.recovered, -self.covered]
        steps = {name: cents for name, cents in zip(LINES, sources, strict=True) if cents or name == LINES[0]}
        steps |= {str(name): -int(cents) for name, cents in self.pools["amount"].items()}
        return pd.Series({**steps, LEFT: self.left}, name="amount", dtype=float) / CENTS

    def exhibit(self) -> Exhibit:
        """From the payment to the pools."""
        walk = self.walk()
        how = {
            "Payment": "settlement" if self.payment >= 0 else "loss owed under the contract",
            "From the reserve": "losses first, then operating cost",
            "Called from partners": "paid in by participants",
            "Deficit recovered": "operating cost of earlier years",
            "Operating cost": "of the period, before any pool",
            LEFT: "taken by no pool",
        } | {str(name): f"{RULES[row['rule']]}{_by(row['by'])}" for name, row in self.pools.iterrows()}
        table = pd.DataFrame({"Amount": walk, "What it is": [how[name] for name in walk.index]}).rename_axis("Step")
        notes = []
        if self.deficit_out:
            notes.append(f"Operating cost not covered, carried on as a deficit: ${self.deficit_out / CENTS:,.2f}.")
        if self.reserve_in or self.reserve_out:
            notes.append(f"Reserve: ${self.reserve_in / CENTS:,.2f} before, ${self.reserve_out / CENTS:,.2f} after.")
        return Exhibit("From the payment to the pools", table, {"Amount": "$."}, " ".join(notes))


def _by(basis: str) -> str:
    return f"; by {BASES[basis]}" if basis else ""


def distribute(
    payment: float,
    pools: Sequence[Pool],
    participants: pd.DataFrame,
    *,
    operating_cost: float = 0.0,
    deficit: float = 0.0,
    reserve: float = 0.0,
    level: str = "tin",
    within: Basis | None = None,
    negative: Negative = "zero",
    shortfall: str = "carried",
    called_by: Basis = "capital",
    losses_by: Basis | str = "same",
    values: pd.Series | None = None,
    repaid: pd.Series | None = None,
    brought: pd.Series | None = None,
) -> Distribution:
    r"""
    Divide a payment among an ACO's pools and participants, to the cent.

    Parameters
    ----------
    payment : float
        Payment to the ACO; negative for a loss that it owes. [$]
    pools : sequence of Pool
        Pools in the order in which they are filled.
    participants : pandas.DataFrame
        As `sharers` takes them.
    operating_cost, deficit : float
        Cost of the ACO in the period, and that of earlier periods not yet covered. [$]
    reserve : float
        Reserve from earlier periods, which covers losses first, then cost. [$]
    level : {"tin", "participant"}
        Whom pools are divided among.
    within : Basis, optional
        What a TIN's amount is divided by among its participants; it stays with the TIN by default.
    negative : {"zero", "subtract", "carry"}
        What becomes of a negative contribution.
    shortfall : {"carried", "called"}
        Whether cost not covered is a deficit, or is called from partners.
    called_by : Basis
        What cost called is divided by; where nobody has any of it, members, else equal parts.
    losses_by : Basis or "same"
        What a loss is divided by; "same" goes by the first pool of savings, else by the first of quality, to the kinds
        it is for; by members where there is neither.
    values : pandas.Series, optional
        Shapley values by participant or TIN, for pools that go by them. [$]
    repaid : pandas.Series, optional
        Capital repaid so far by participant. [cents]
    brought : pandas.Series, optional
        Negative contributions brought forward, by participant or TIN. [$]

    Returns
    -------
    Distribution

    Raises
    ------
    InputError
        Pools over 100 percent, a participant in two TINs, a pool that nobody shares in, a basis that is missing.

    Notes
    -----
    With payment :math:`P`, reserve drawn :math:`R`, amounts called :math:`K`, cost covered :math:`C` (a deficit first),
    pools :math:`p_j` and what is left :math:`L`,

    .. math:: P + R + K = C + \sum_j p_j + L

    to the cent, and no pool is filled before the cost is covered in full. A pool takes the least of its share or
    amount, what is left, and its own end: revenue lost, capital not yet repaid, a reserve's target. A pool of savings
    to which nobody contributed takes nothing. Shares of the whole are rounded together, so that thirds make a whole.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, section 3.4, pp. 53-54: operating cost, and the pools.
    .. [2] P. Gross et al., "The Ingredients of Success in a Medicare ACO": distribution of net savings.

    Examples
    --------
    A hospital is repaid from half of what is paid, practices share the rest by members:

    >>> who = pd.DataFrame({"participant": ["Hospital", "A", "B"], "kind": ["hospital", "practice", "practice"],
    ...                     "members": [0, 300, 100], "capital": [1_000_000, 0, 0]})
    >>> pools = [Pool("Repayment", rule="capital", share=0.5, to=("hospital",)),
    ...          Pool("Practices", rest=True, to=("practice",))]
    >>> found = distribute(500_000, pools, who, operating_cost=100_000)
    >>> found.total().to_dict()
    {'Hospital': 200000.0, 'A': 150000.0, 'B': 50000.0}
    """
    check_pools(pools)
    if level not in ("tin", "participant") or shortfall not in ("carried", "called"):
        raise InputError(
            f"distribution: level '{level}', shortfall '{shortfall}'; 'tin' or 'participant', and 'carried' or "
            "'called', are wanted"
        )
    if within == "shapley":
        raise InputError("distribution: within a TIN nothing goes by Shapley value; another basis is wanted")
    everybody = sharers(participants)
    places = {pool.name: _sharing(everybody, pool) for pool in pools if not pool.kept}
    given: dict[str, Any] = {"level": level, "within": within, "values": _mapping(values), "negative": negative}
    cost, owed, full = (
        _not_negative(name, amount)
        for name, amount in (("operating cost", operating_cost), ("deficit", deficit), ("reserve", reserve))
    )
    whole = to_cents(payment, "payment")
    gain, loss = max(whole, 0), max(-whole, 0)
    recovered = min(gain, owed)
    covered = min(gain - recovered, cost)
    available = gain - recovered - covered
    short = owed - recovered + cost - covered
    drawn = min(full, loss + short)
    helped = max(drawn - loss, 0)
    called_cost = short - helped if shortfall == "called" else 0
    called_loss = max(loss - drawn, 0)
    more = helped + called_cost
    recovered, covered = recovered + min(more, owed - recovered), covered + more - min(more, owed - recovered)
    balance = full - drawn
    invested = _in_cents(everybody["capital"])
    before = np.array([0 if repaid is None else int(repaid.get(name, 0)) for name in everybody.names])
    capital = invested - before
    carried = _mapping(brought)
    amounts: dict[str, dict[str, int]] = {}
    taken: dict[str, int] = {}
    rest, shares = available, 0.0
    for pool in pools:
        wanted, shares = _wanted(pool, available, rest, shares)
        wanted = min(wanted, rest)
        if pool.kept:
            room = wanted if pool.target is None else max(to_cents(pool.target) - balance, 0)
            taken[pool.name] = min(wanted, room)
            balance += taken[pool.name] if pool.rule == "reserve" else 0
            rest -= taken[pool.name]
            continue
        at = places[pool.name]
        if pool.rule in ("capital", "revenue"):
            ends = capital[at] if pool.rule == "capital" else _in_cents(everybody["revenue_lost"][at])
            parts = _up_to(wanted, ends)
            if pool.rule == "capital":
                capital[at] -= parts
            amounts[pool.name] = _own(everybody, at, parts, by_tin=level == "tin" and within is None)
        else:
            amounts[pool.name] = divided(wanted, everybody.at(at), pool.basis, brought=carried, **given)
        taken[pool.name] = sum(amounts[pool.name].values())
        rest -= taken[pool.name]
    if called_loss:
        at, by = _bearers(everybody, pools, losses_by)
        amounts[LOSS] = _negative(divided(called_loss, everybody.at(at), by, losses=True, **given))
    if called_cost:
        amounts[CALLED] = _negative(divided(called_cost, everybody, called_by, losses=True, **given))
    by_tin = level == "tin" and within is None
    units = everybody.by_tin().to_frame("tin") if by_tin else everybody.to_frame()
    return Distribution(
        payment=whole,
        operating_cost=cost,
        deficit_in=owed,
        covered=covered,
        recovered=recovered,
        deficit_out=cost + owed - covered - recovered,
        reserve_in=full,
        from_reserve=drawn,
        reserve_out=balance,
        called=called_loss + called_cost,
        left=rest,
        pools=_table(pools, taken),
        amounts=pd.DataFrame(
            {name: [parts.get(unit, 0) for unit in units.index] for name, parts in amounts.items()},
            index=units.index,
            dtype="int64",
        ),
        units=units,
        repaid=pd.Series(invested - capital, index=pd.Index(everybody.names, name="participant")),
        carried=_carried(everybody, places, pools, level, negative, carried),
    )


def _mapping(series: pd.Series | None) -> dict[str, float] | None:
    return None if series is None else {str(name): float(value) for name, value in series.items()}


def _in_cents(amounts: np.ndarray) -> np.ndarray:
    return np.array([to_cents(amount) for amount in amounts.tolist()], dtype=np.int64)


def _negative(parts: dict[str, int]) -> dict[str, int]:
    return {name: -cents for name, cents in parts.items()}


def _not_negative(name: str, amount: float) -> int:
    if not amount >= 0:
        raise InputError(f"distribution: {name} of {amount:g}; dollars of at least 0 are wanted")
    return to_cents(amount, name)


def _sharing(everybody: Sharers, pool: Pool) -> np.ndarray:
    """Places of the participants who share in a pool."""
    unknown = [kind for kind in pool.to if kind not in everybody.kinds]
    if unknown:
        kinds = ", ".join(dict.fromkeys(everybody.kinds))
        raise InputError(f"pools: '{pool.name}' is for kind '{unknown[0]}', which nobody is; there are {kinds}")
    return everybody.of(pool.to)


def _wanted(pool: Pool, available: int, rest: int, before: float) -> tuple[int, float]:
    """What a pool asks for, and the shares of the whole up to it. [cents]"""
    wanted = rest
    if pool.share is not None and pool.of == "whole":
        after = before + pool.share
        wanted = to_cents(available * after / CENTS) - to_cents(available * before / CENTS)
        before = after
    elif pool.share is not None:
        wanted = to_cents(rest * pool.share / CENTS)
    return wanted if pool.amount is None else min(wanted, to_cents(pool.amount)), before


def _up_to(cents: int, ends: np.ndarray) -> np.ndarray:
    """An amount in proportion to ends that no part goes beyond. [cents]"""
    ends = np.maximum(ends, 0)
    total = int(ends.sum())
    return split(cents, ends.astype(float)) if 0 < cents < total else ends * (cents > 0)


def _own(everybody: Sharers, at: np.ndarray, parts: np.ndarray, *, by_tin: bool) -> dict[str, int]:
    """Parts by participant, or summed to TINs. [cents]"""
    found: dict[str, int] = {}
    for place, part in zip(at.tolist(), parts.tolist(), strict=True):
        name = everybody.tins[place] if by_tin else everybody.names[place]
        found[name] = found.get(name, 0) + part
    return found


def _bearers(everybody: Sharers, pools: Sequence[Pool], losses_by: Any) -> tuple[np.ndarray, Basis]:
    """Who bears a loss, and by what: as the first pool of savings has it, else the first of quality."""
    if losses_by != "same":
        return everybody.of(()), losses_by
    for rule in SHARED:
        for pool in pools:
            if pool.rule == rule:
                return everybody.of(pool.to), pool.basis
    return everybody.of(()), "members" if everybody["members"].any() else "equal"


def _table(pools: Sequence[Pool], taken: dict[str, int]) -> pd.DataFrame:
    rows = [(p.rule, "" if p.kept else p.basis, taken[p.name]) for p in pools]
    index = pd.Index([p.name for p in pools], name="pool")
    return pd.DataFrame(rows, index=index, columns=["rule", "by", "amount"])


def _carried(
    everybody: Sharers,
    places: dict[str, np.ndarray],
    pools: Sequence[Pool],
    level: str,
    negative: Negative,
    brought: dict[str, float] | None,
) -> pd.Series:
    """Negative contributions carried forward, of those who share in a pool by contribution. [$]"""
    found: dict[str, float] = {}
    for pool in pools if negative == "carry" else ():
        if not pool.kept and pool.basis == "contribution":
            who = everybody.at(places[pool.name])
            units = who.by_tin() if level == "tin" else who
            for name, net in zip(units.names, (units["benchmark"] - units["actual"]).tolist(), strict=True):
                found[name] = min(net + (brought or {}).get(name, 0.0), 0.0)
    return pd.Series(found, dtype=float)
