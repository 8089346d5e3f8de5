"""Distributions one year after another, and one payment under several rules side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from acomodel.contract.distribution.allocation import (
    BASES,
    Basis,
    Negative,
    sharers,
    split,
    to_cents,
    weights,
)
from acomodel.contract.distribution.pools import CENTS, Distribution, distribute
from acomodel.contract.distribution.settings import Pool
from acomodel.exhibit import Exhibit, Shown, show
from acomodel.inputs import InputError


@dataclass(frozen=True, eq=False, repr=False)
class YearlyDistribution(Shown):
    """
    Payments of several years divided, deficit, reserve and capital carried from each to the next.

    Parameters
    ----------
    years : mapping of str to Distribution
        Year to its distribution.
    """

    years: Mapping[str, Distribution]

    def to_frame(self) -> pd.DataFrame:
        """
        Lines by year. [$]

        Returns
        -------
        pandas.DataFrame
            Index year; payment, what reserve and partners give, cost and deficit covered, each pool, what is left; and
            deficit, reserve and capital repaid at the end of the year.
        """
        rows = {}
        for year, found in self.years.items():
            cents = {
                "payment": found.payment,
                "from_reserve": found.from_reserve,
                "called": found.called,
                "recovered": found.recovered,
                "covered": found.covered,
                **{str(name): int(amount) for name, amount in found.pools["amount"].items()},
                "left": found.left,
                "deficit": found.deficit_out,
                "reserve": found.reserve_out,
                "repaid": int(found.repaid.sum()),
            }
            rows[year] = {name: amount / CENTS for name, amount in cents.items()}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("year")

    def totals(self) -> pd.DataFrame:
        """By participant or TIN and year, what it gets or pays in all, with the sum. [$]"""
        sums = {year: found.amounts.sum(axis=1) for year, found in self.years.items()}
        table = pd.DataFrame(sums).fillna(0)
        return table.assign(Total=table.sum(axis=1)) / CENTS

    def exhibit(self) -> Exhibit:
        """Lines down, years across."""
        words = {
            "payment": "Payment",
            "from_reserve": "From the reserve",
            "called": "Called from partners",
            "recovered": "Deficit recovered",
            "covered": "Operating cost covered",
            "left": "Left with the ACO",
            "deficit": "Deficit at the end",
            "reserve": "Reserve at the end",
            "repaid": "Capital repaid so far",
        }
        frame = self.to_frame()
        idle = [name for name in words if name in frame and name != "payment" and not frame[name].any()]
        table = frame.drop(columns=idle).rename(columns=words).T.rename_axis("Line")
        note = "Payment, reserve and what is called = cost and deficit covered, pools and what is left, in every year."
        return Exhibit("Distribution by year", table, dict.fromkeys(map(str, table.columns), "$."), note)


def distribute_years(
    payments: Mapping[str, float],
    pools: Sequence[Pool],
    participants: pd.DataFrame | Mapping[str, pd.DataFrame],
    *,
    operating_cost: float | Mapping[str, float] = 0.0,
    deficit: float = 0.0,
    reserve: float = 0.0,
    values: Mapping[str, pd.Series] | None = None,
    **rules: Any,
) -> YearlyDistribution:
    """
    Divide the payments of several years, one after the other.

    Parameters
    ----------
    payments : mapping of str to float
        Year to payment, in order. [$]
    pools : sequence of Pool
        As for `distribute`, the same in every year.
    participants : pandas.DataFrame or mapping of str to pandas.DataFrame
        The same in every year, or by year; `capital` is what was invested, not what is left of it.
    operating_cost : float or mapping of str to float
        Cost of the ACO of a year. [$]
    deficit, reserve : float
        At the start. [$]
    values : mapping of str to pandas.Series, optional
        Shapley values by year. [$]
    **rules
        `level`, `within`, `negative`, `shortfall`, `called_by`, `losses_by`, as for `distribute`.

    Returns
    -------
    YearlyDistribution
        A deficit is recovered before anything else is paid, capital is repaid once over all years, a reserve grows to
        its target; negative contributions are carried where `negative` is "carry".

    Raises
    ------
    InputError
        As `distribute`; a year without participants or cost.

    Examples
    --------
    >>> hospital = pd.DataFrame({"participant": ["Hospital"], "kind": ["hospital"], "capital": [500_000]})
    >>> found = distribute_years({"2013": 0, "2014": 700_000}, [Pool("Repayment", rule="capital")], hospital,
    ...                          operating_cost=150_000)
    >>> found.to_frame()[["recovered", "covered", "Repayment", "deficit"]].to_numpy().tolist()
    [[0.0, 0.0, 0.0, 150000.0], [150000.0, 150000.0, 400000.0, 0.0]]
    """
    if not payments:
        raise InputError("distribution: no payments are given; one or more years are wanted")
    found: dict[str, Distribution] = {}
    left_over, kept = deficit, reserve
    repaid: pd.Series | None = None
    brought: pd.Series | None = None
    for year, payment in payments.items():
        one = distribute(
            payment,
            pools,
            _of_year("participants", participants, year),
            operating_cost=_of_year("operating cost", operating_cost, year),
            deficit=left_over,
            reserve=kept,
            values=None if values is None else values[year],
            repaid=repaid,
            brought=brought,
            **rules,
        )
        found[year] = one
        left_over, kept = one.deficit_out / CENTS, one.reserve_out / CENTS
        repaid = one.repaid if repaid is None else one.repaid.combine_first(repaid)
        brought = one.carried if brought is None else one.carried.combine_first(brought)
    return YearlyDistribution(found)


def _of_year(what: str, given: Any, year: str) -> Any:
    if not isinstance(given, Mapping):
        return given
    if year not in given:
        raise InputError(f"distribution: {what} of {year} is missing; given are {', '.join(map(str, given))}")
    return given[year]


AGREED = "agreed"
"""Rule that stands for what the pools pay as they are."""


@dataclass(frozen=True, eq=False, repr=False)
class RulesCompared(Shown):
    """
    One amount among the same participants under several rules.

    Parameters
    ----------
    cents : pandas.DataFrame
        By participant or TIN and rule; every column sums to the amount. [cents]
    reference : str
        Rule that others are held against.
    """

    cents: pd.DataFrame
    reference: str

    def to_frame(self) -> pd.DataFrame:
        """By participant or TIN and rule. [$]"""
        return self.cents / CENTS

    def beside(self, agreed: pd.Series) -> RulesCompared:
        """The same beside what was agreed, which the rules are then held against; missing ones get nothing. [cents]"""
        first = agreed.reindex(self.cents.index).fillna(0).astype(self.cents.iloc[:, 0].dtype)
        return RulesCompared(pd.concat([first.rename(AGREED), self.cents], axis=1), AGREED)

    def misallocated(self) -> pd.Series:
        r"""
        Sum of absolute differences of each rule to the reference.

        Returns
        -------
        pandas.Series
            By rule; half of it is what changes hands. [$]

        Notes
        -----
        .. math:: D_r = \sum_i |a_{i,r} - a_{i,\text{ref}}|

        References
        ----------
        .. [1] Validate Health, "The Importance of Calculating Shared Savings/Loss Contribution by Provider": the sum of
           absolute differences, 1.3 million of 2.0 million dollars among nine physicians.
        """
        apart = self.cents.sub(self.cents[self.reference], axis=0).abs().sum()
        return (apart / CENTS).rename("misallocated")

    def exhibit(self) -> Exhibit:
        """Participants down, rules across, with the difference to the reference below."""
        table = self.to_frame()
        total, apart = table.sum(), self.misallocated()
        table = pd.concat([table, total.to_frame("Total").T, apart.to_frame("Differs by").T, (apart / 2).to_frame(
            "Changes hands").T])  # fmt: skip
        names = {name: _title(name) for name in table.columns}
        table = table.rename(columns=names).rename_axis(self.cents.index.name)
        note = (
            f"Differs by: sum of absolute differences to '{names[self.reference]}'; half of it changes hands. Negative "
            f"contributions {'are paid in' if (self.cents < 0).any().any() else 'count nothing'}."
        )
        return Exhibit(f"{show(float(total.iloc[0]), '$.')} under each rule", table, dict.fromkeys(table, "$"), note)


def _title(rule: str) -> str:
    words = {
        AGREED: "As agreed",
        "contribution": "Contribution",
        "quality": "Quality × members",
        "equal": "Equal parts",
    }
    return words.get(rule, BASES[rule][0].upper() + BASES[rule][1:] if rule in BASES else rule)


def compare_rules(
    amount: float,
    participants: pd.DataFrame,
    rules: Sequence[Basis] = ("members", "contribution", "quality", "equal"),
    *,
    reference: Basis | None = None,
    level: str = "participant",
    negative: Negative = "zero",
    values: pd.Series | None = None,
) -> RulesCompared:
    """
    Divide one amount under several rules, each to the cent.

    Parameters
    ----------
    amount : float
        What is divided. [$]
    participants : pandas.DataFrame
        Those who share in it, as `sharers` takes them.
    rules : sequence of Basis
        Rules set side by side.
    reference : Basis, optional
        Rule that the others are held against; contribution by default, else the first.
    level : {"participant", "tin"}
        Whom it goes to.
    negative : {"zero", "subtract"}
        What becomes of a negative contribution or Shapley value.
    values : pandas.Series, optional
        Shapley values. [$]

    Returns
    -------
    RulesCompared
        A rule under which nobody has a share is left out.

    Raises
    ------
    InputError
        No rule is left, or the reference is not among them.

    Examples
    --------
    >>> two = pd.DataFrame({"participant": ["A", "B"], "members": [300, 100], "benchmark": [900, 400],
    ...                     "actual": [880, 360]})
    >>> found = compare_rules(100.0, two, ("members", "contribution"))
    >>> found.to_frame().to_numpy().round(2).tolist(), found.misallocated().round(2).to_dict()
    ([[75.0, 33.33], [25.0, 66.67]], {'members': 83.34, 'contribution': 0.0})
    """
    everybody = sharers(participants)
    units = everybody.by_tin() if level == "tin" else everybody
    known = None if values is None else {str(name): float(value) for name, value in values.items()}
    index = pd.Index(units.names, name="tin" if level == "tin" else "participant")
    found: dict[str, pd.Series] = {}
    for rule in rules:
        shares = weights(units, rule, negative=negative, values=known)
        if shares.sum() > 0:
            found[str(rule)] = pd.Series(split(to_cents(amount), shares), index=index)
    if not found:
        raise InputError("distribution: under none of the rules does anybody have a share")
    first = "contribution" if "contribution" in found else next(iter(found))
    against = str(reference or first)
    if against not in found:
        raise InputError(f"distribution: the reference '{against}' is not among the rules {', '.join(found)}")
    return RulesCompared(pd.DataFrame(found), against)
