"""Settings of a distribution: pools in order, whom they go to, and what covers cost and losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from acomodel.contract.distribution.allocation import Basis, Negative
from acomodel.contract.terms import Share
from acomodel.inputs import InputError

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

Rule = Literal["savings", "quality", "revenue", "capital", "reserve", "infrastructure"]
"""What a pool is for."""
RULES: dict[str, str] = {
    "savings": "shares of savings",
    "quality": "shares for quality",
    "revenue": "offset of revenue lost, up to it",
    "capital": "return of capital, until it is repaid",
    "reserve": "kept in reserve, up to its target",
    "infrastructure": "kept by the ACO for care improvement",
}
"""Each rule in words."""
SHARED = ("savings", "quality")
"""Rules whose pools have no end of their own; a loss goes by the first of them that there is a pool of."""
LINES = ("Payment", "From the reserve", "Called from partners", "Deficit recovered", "Operating cost")
COLUMNS = ("Total", "Members", "Kind")
LEFT, LOSS, CALLED = "Left with the ACO", "Loss owed", "Called for operating cost"
"""Names that a pool cannot have, as the columns beside pools and the lines of a distribution."""


@dataclass(frozen=True, config=_STRICT)
class Pool:
    """
    One pool of a distribution: how much goes in, and what it goes by.

    Examples
    --------
    >>> Pool("Practices", share=0.8, of="whole", by="members").rule
    'savings'
    """

    name: str = Field(min_length=1, description="what it is called")
    rule: Rule = Field(
        default="savings",
        description="what it is for: savings, quality, offset of lost revenue (at most what was lost), return of "
        "capital (until it is repaid), reserve (up to its target) or infrastructure",
    )
    share: Share | None = Field(default=None, description="part that goes in [share]")
    of: Literal["rest", "whole"] = Field(
        default="rest", description="whether the share is of what earlier pools leave, or of all there is to distribute"
    )
    amount: float | None = Field(default=None, ge=0, description="most that goes in [$]")
    rest: bool = Field(default=False, description="whether all that is left goes in")
    by: Basis | None = Field(
        default=None,
        description="what it is divided by: members, equal parts, contribution (benchmark less actual), quality "
        "(score times members) or Shapley value; by the rule otherwise",
    )
    to: tuple[str, ...] = Field(default=(), description="kinds of participants who share in it; all by default")
    target: float | None = Field(default=None, ge=0, description="balance at which a reserve is full [$]")

    @model_validator(mode="after")
    def _coherent(self) -> Pool:
        if self.share is not None and self.rest:
            raise ValueError(f"'{self.name}': share and rest are both given; one is wanted")
        ends = self.rule in ("capital", "revenue") or (self.rule == "reserve" and self.target is not None)
        if self.share is None and self.amount is None and not self.rest and not ends:
            raise ValueError(f"'{self.name}': share, amount or rest = true is wanted")
        if self.of == "whole" and self.share is None:
            raise ValueError(f"'{self.name}': of = 'whole' goes with a share")
        if self.target is not None and self.rule != "reserve":
            raise ValueError(f"'{self.name}': target is for a reserve; the rule is {self.rule}")
        if self.by is not None and self.rule not in SHARED:
            raise ValueError(f"'{self.name}': by is for pools of savings and quality; the rule is {self.rule}")
        if self.by in ("capital", "revenue"):
            raise ValueError(f"'{self.name}': by '{self.by}' is a rule of its own: rule = '{self.by}'")
        if self.to and self.rule in ("reserve", "infrastructure"):
            raise ValueError(f"'{self.name}': to is for pools that are paid out; the rule is {self.rule}")
        if self.name in (*LINES, *COLUMNS, LEFT, LOSS, CALLED):
            raise ValueError(f"'{self.name}' is the name of a line; another is wanted")
        return self

    @property
    def basis(self) -> Basis:
        """What it is divided by."""
        fixed: dict[str, Basis] = {"capital": "capital", "revenue": "revenue", "quality": "quality"}
        return self.by or fixed.get(self.rule, "members")

    @property
    def kept(self) -> bool:
        """Whether it stays with the ACO."""
        return self.rule in ("reserve", "infrastructure")

    @property
    def takes_all(self) -> bool:
        """Whether nothing is left after it."""
        return self.rest and self.amount is None and (self.rule in SHARED or self.rule == "infrastructure")


def check_pools(pools: Sequence[Pool]) -> None:
    """
    Refuse pools that take more than there is, or that nothing can reach.

    Parameters
    ----------
    pools : sequence of Pool
        In their order.

    Raises
    ------
    InputError
        None at all, one name twice, pools over 100 percent, or a pool after one that takes what is left.

    Examples
    --------
    >>> check_pools([Pool("A", share=0.8, of="whole"), Pool("B", share=0.3, of="whole")])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    acomodel.inputs.InputError: pools: with 'B' they take 110 percent ... at most 100 is wanted
    """
    if not pools:
        raise InputError("pools: none are given; at least one is wanted")
    names = [pool.name for pool in pools]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"pools: the name '{twice[0]}' stands twice")
    left, before = 1.0, ""
    for pool in pools:
        if before:
            raise InputError(f"pools: '{pool.name}' stands after '{before}', which takes what is left")
        if pool.share is not None:
            taken = pool.share if pool.of == "whole" else pool.share * left
            if taken > left + 1e-9:
                raise InputError(
                    f"pools: with '{pool.name}' they take {100 * (1 - left + taken):.10g} percent of what is to be "
                    "distributed; at most 100 is wanted"
                )
            left -= taken
        before = pool.name if pool.takes_all else ""


@dataclass(frozen=True, config=_STRICT)
class DistributionSettings:
    """How an ACO divides a payment: operating cost first, then pools in their order."""

    table: str = Field(description="participants, their members, benchmarks, spending and capital [file]")
    pools: list[Pool] = Field(description="pools in the order in which they are filled")
    operating_cost: float = Field(default=0.0, ge=0, description="cost of the ACO covered before any pool [$ a year]")
    deficit: float = Field(default=0.0, ge=0, description="operating cost of earlier years not yet covered [$]")
    reserve: float = Field(default=0.0, ge=0, description="reserve at the start [$]")
    level: Literal["tin", "participant"] = Field(
        default="tin", description="whether pools are divided among TINs or among participants directly"
    )
    within: Literal["members", "equal", "contribution", "quality"] | None = Field(
        default=None, description="what a TIN's amount is divided by among its participants; not divided by default"
    )
    over: Literal["leading", "all"] = Field(
        default="leading", description="whether the payment of the leading year or those of all years are distributed"
    )
    negative: Negative = Field(
        default="zero",
        description="what becomes of a negative contribution: it counts nothing, is paid in, or is carried forward",
    )
    shortfall: Literal["carried", "called"] = Field(
        default="carried", description="whether operating cost not covered is carried as a deficit or called"
    )
    called_by: Literal["members", "equal", "capital"] = Field(
        default="capital", description="what operating cost called from partners is divided by"
    )
    losses_by: Literal["same", "members", "equal", "contribution", "quality", "capital", "shapley"] = Field(
        default="same",
        description="what a loss owed is divided by; by default as the first pool of savings, or of quality where "
        "there is none of savings",
    )

    @model_validator(mode="after")
    def _whole(self) -> DistributionSettings:
        check_pools(self.pools)
        return self
