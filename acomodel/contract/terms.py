"""What was agreed: the terms of a shared savings contract, as plain values that settle anywhere."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from acomodel.inputs import InputError, nearest

Share = Annotated[float, Field(ge=0, le=1)]
"""A share from 0 to 1; 50 % is 0.5."""


def _pairs(value: Any) -> Any:
    """Rows of a TOML array as tuples; what is not an array of rows passes on to be refused."""
    if isinstance(value, list | tuple) and all(isinstance(row, list | tuple) for row in value):
        return tuple(tuple(float(x) if isinstance(x, int) and not isinstance(x, bool) else x for x in r) for r in value)
    return value


Pairs = Annotated[tuple[tuple[float, float], ...], BeforeValidator(_pairs)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True))
class Terms:
    """
    Terms of one contract between an ACO and a payer.

    A value of `None` means that the contract has no such clause. Shares and rates run from 0 to 1.

    Raises
    ------
    pydantic.ValidationError
        A value is out of range, or two clauses contradict each other.

    References
    ----------
    .. [1] 42 CFR 425.604, 425.606, 425.610 (2015): threshold, cap, loss limit, first-dollar sharing.
    .. [2] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, pp. 50-52: threshold, share, one or two sides.
    .. [3] Lendner, "ACO contracts," Managed Care: corridors, caps, quality as gate and ladder.
    .. [4] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, exhibit 3.12 and p. 50: partial capitation.
    .. [5] CMS-1345-P, 2011: losses of the Physician Group Practice demonstration, set against later savings.
    .. [6] CMS, ACO REACH and Direct Contracting results, 2021 and 2023: discount, quality withhold, marginal corridors.

    Examples
    --------
    >>> one_sided = Terms(sharing_rate=0.5, msr=0.02, share_from="threshold")
    >>> one_sided.two_sided
    False
    """

    sharing_rate: Share = Field(description="largest share of savings that goes to the ACO [share of savings]")
    name: str = Field(default="Shared savings contract", description="what the parties call it")
    share_from: Literal["first_dollar", "threshold"] = Field(
        default="first_dollar",
        description="whether savings and losses are shared from the first dollar once the threshold is met, "
        "or only beyond it",
    )
    msr: Share | Literal["size"] = Field(
        default=0.0, description="minimum savings rate, or 'size' for the Medicare table [share of benchmark]"
    )
    mlr: Share | Literal["size", "msr"] = Field(
        default="msr", description="minimum loss rate; 'msr' for the mirror of the savings side [share of benchmark]"
    )
    quality_method: Literal["none", "multiplier", "gate", "ladder", "standard"] = Field(
        default="none",
        description="what quality does to the sharing rate: nothing, multiplies it, opens it, sets its step, or "
        "grants it to those who meet the programme's standard",
    )
    quality_gate: Share = Field(default=0.0, description="least quality score at which savings are shared [share]")
    quality_ladder: Pairs = Field(
        default=(), description="steps of a ladder: score from which, share of the sharing rate"
    )
    savings_cap_benchmark: Share | None = Field(default=None, description="cap on the payment [share of benchmark]")
    savings_cap_revenue: Share | None = Field(default=None, description="cap on the payment [share of revenue]")
    loss_method: Literal["none", "fixed", "one_minus_final_rate", "one_minus_rate_times_quality"] = Field(
        default="none",
        description="how the ACO's share of losses is set: none (one-sided), a fixed rate, one less the final "
        "sharing rate, or one less sharing rate times quality score",
    )
    loss_rate: Share | None = Field(
        default=None, description="fixed share of losses borne by the ACO [share of losses]"
    )
    loss_rate_floor: Share = Field(default=0.0, description="least loss rate [share of losses]")
    loss_rate_ceiling: Share = Field(default=1.0, description="greatest loss rate [share of losses]")
    loss_limit_benchmark: Share | None = Field(default=None, description="limit on losses owed [share of benchmark]")
    loss_limit_revenue: Share | None = Field(default=None, description="limit on losses owed [share of revenue]")
    loss_forgiven: Share = Field(default=0.0, description="share of losses that no ACO is asked for [share of losses]")
    corridors: Pairs = Field(
        default=(),
        description="marginal bands: upper end as a share of benchmark (inf for the last), and the part of "
        "savings or losses in the band that is shared at all",
    )
    sequestration: Share = Field(default=0.0, description="reduction of earned savings before the cap [share]")
    below_msr_factor: Share = Field(
        default=0.0, description="part of the final rate paid on savings that stay below the minimum savings rate"
    )
    below_msr_members: int = Field(default=0, ge=0, description="fewest members for that reduced rate [members]")
    capitated: Share = Field(
        default=0.0,
        description="part of the benchmark paid in advance for some services: the ACO keeps what is left of it and "
        "bears what is lacking; the rest is shared [share of benchmark]",
    )
    losses_carried: bool = Field(
        default=False, description="whether losses that would have been shared are set against savings of later years"
    )
    benchmark_discount: Share = Field(
        default=0.0, description="taken off the benchmark before anything is compared [share of benchmark]"
    )
    benchmark_at_risk: Share = Field(
        default=0.0,
        description="part of the discounted benchmark that is held back and earned by the quality score "
        "[share of benchmark]",
    )
    quality_part: Share = Field(
        default=1.0, description="part of the sharing rate that quality decides; the rest is paid outright [share]"
    )
    withheld: Share = Field(
        default=0.0, description="part of what is paid for savings that is held back until later [share of payment]"
    )

    @model_validator(mode="after")
    def _coherent(self) -> Terms:
        if self.loss_method == "fixed" and self.loss_rate is None:
            raise ValueError("loss_method = 'fixed' needs a loss_rate")
        if self.loss_method != "fixed" and self.loss_rate is not None:
            raise ValueError(f"loss_rate is given but loss_method = '{self.loss_method}' does not use it")
        if self.loss_rate_floor > self.loss_rate_ceiling:
            raise ValueError("loss_rate_floor lies above loss_rate_ceiling")
        if (self.quality_method == "ladder") != bool(self.quality_ladder):
            raise ValueError("quality_method = 'ladder' and quality_ladder go together")
        steps = [score for score, _ in self.quality_ladder]
        if steps != sorted(set(steps)) or any(not 0 <= x <= 1 for row in self.quality_ladder for x in row):
            raise ValueError("quality_ladder wants rising scores and shares from 0 to 1")
        ends = [end for end, _ in self.corridors]
        if ends != sorted(set(ends)) or any(not 0 <= part <= 1 for _, part in self.corridors):
            raise ValueError("corridors want rising upper ends and shares from 0 to 1")
        if ends and not math.isinf(ends[-1]):
            raise ValueError("the last corridor must end at inf")
        if self.losses_carried and self.loss_method != "none":
            raise ValueError("losses_carried is for contracts in which the ACO bears no losses")
        if self.quality_part < 1 and self.quality_method in ("none", "gate"):
            raise ValueError(
                f"quality_part is given but quality_method = '{self.quality_method}' leaves nothing for it to divide"
            )
        if self.benchmark_discount == 1 or self.benchmark_at_risk == 1:
            raise ValueError("benchmark_discount and benchmark_at_risk must leave some of the benchmark")
        return self

    @property
    def needs_quality_score(self) -> bool:
        """Whether the payment depends on a measured score."""
        scored = self.quality_method in ("multiplier", "gate", "ladder") or self.benchmark_at_risk > 0
        return scored or self.loss_method == "one_minus_rate_times_quality"

    @property
    def needs_revenue(self) -> bool:
        """Whether a cap or limit refers to participants' revenue."""
        return self.savings_cap_revenue is not None or self.loss_limit_revenue is not None

    @property
    def two_sided(self) -> bool:
        """Whether the ACO bears a share of losses."""
        return self.loss_method != "none"


def for_final_benchmark(terms: Terms) -> Terms:
    """
    Terms for a benchmark on which discount and quality have worked already.

    Parameters
    ----------
    terms : Terms
        The contract.

    Returns
    -------
    Terms
        Without discount and without a part of the benchmark at risk; the very terms where they have neither.

    Examples
    --------
    >>> for_final_benchmark(Terms(sharing_rate=1.0, benchmark_discount=0.03)).benchmark_discount
    0.0
    """
    if terms.benchmark_discount == terms.benchmark_at_risk == 0:
        return terms
    return dataclasses.replace(terms, benchmark_discount=0.0, benchmark_at_risk=0.0)


def changed(terms: Terms, clauses: Mapping[str, Any], name: str | None = None) -> Terms:
    """
    Terms with some clauses at other values.

    Parameters
    ----------
    terms : Terms
        The contract to start from.
    clauses : mapping of str to object
        Clauses and their values. A loss rate or a quality ladder goes with the method that uses it.
    name : str, optional
        Name of the new contract; that of the old one by default.

    Returns
    -------
    Terms

    Raises
    ------
    InputError
        A clause that does not exist, or a value that the terms do not allow.

    Examples
    --------
    >>> changed(Terms(sharing_rate=0.5), {"msr": 0.03}).msr
    0.03
    """
    stated = {field.name: getattr(terms, field.name) for field in dataclasses.fields(terms)}
    for clause, value in clauses.items():
        if clause not in stated:
            raise InputError(f"terms: '{clause}' is no clause of a contract.{nearest(clause, stated)}")
        whole = isinstance(value, int) and not isinstance(value, bool) and clause != "below_msr_members"
        stated[clause] = float(value) if whole else value
    if stated["loss_method"] != "fixed" and "loss_rate" not in clauses:
        stated["loss_rate"] = None
    if stated["quality_method"] != "ladder" and "quality_ladder" not in clauses:
        stated["quality_ladder"] = ()
    try:
        return Terms(**stated | ({} if name is None else {"name": name}))
    except ValidationError as error:
        said = error.errors(include_url=False)[0]
        raise InputError(f"terms '{name or terms.name}': {_fault(said)}") from None


def _fault(said: Any) -> str:
    """A fault of a clause in words: clause, what was found, what is wanted."""
    clause, found, message = ".".join(map(str, said["loc"])), said["input"], said["msg"].removeprefix("Value error, ")
    if said["type"] not in ("less_than_equal", "greater_than_equal"):
        return f"{clause}: found {found!r}; {message}" if clause else message
    bound = said["ctx"]["le" if said["type"].startswith("less") else "ge"]
    words = (
        f"{clause}: found {found:g}; {'at most' if said['type'].startswith('less') else 'at least'} {bound:g} is wanted"
    )
    return f"{words}. A share is wanted: {found:g} percent is {found / 100:g}" if bound == 1 < found <= 100 else words
