"""Settings of a scenario's outlook: whose costs make the noise, what is uncertain, what is negotiated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from acomodel.contract.terms import Terms, changed
from acomodel.outlook.negotiation.proforma import Intervention
from acomodel.outlook.years.uncertainty import Uncertainty

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def _all_optional() -> Any:
    """Settings class with every field of `Uncertainty` but true savings, none of which need be given."""
    known: Any = Uncertainty
    body: dict[str, Any] = {"__annotations__": {}, "__doc__": "Sizes of causes that are stated."}
    for name, field in known.__pydantic_fields__.items():
        if name != "true_savings":
            kind: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
            body["__annotations__"][name] = kind | None
            body[name] = Field(default=None, description=field.description)
    return dataclass(type("StatedUncertainty", (), body), frozen=True, config=_STRICT)


if TYPE_CHECKING:
    StatedUncertainty = Uncertainty
else:
    StatedUncertainty = _all_optional()


@dataclass(frozen=True, config=_STRICT)
class OutlookSettings:
    """How much of a settlement is luck: costs, members, what is really saved, what is uncertain."""

    costs: str | None = Field(
        default=None, description="annual costs by member; the claims of the baseline by default [file]"
    )
    population: Literal["medicare", "commercial"] | None = Field(
        default=None, description="published shape of costs where none are known by member; by the terms by default"
    )
    members: float | None = Field(default=None, ge=1, description="members; those of the year by default [members]")
    true_savings: float = Field(
        default=0.0, gt=-0.5, lt=0.5, description="what the ACO really saves in the first year [share]"
    )
    truncate: float | None = Field(
        default=None, gt=0, description="amount a member above which costs do not count; the contract's by default [$]"
    )
    baseline_members: int | None = Field(
        default=None, ge=1, description="member years of the baseline, if its chance counts too [members]"
    )
    shock_sd: float = Field(default=0.0, ge=0, le=0.5, description="deviation of a factor common to all [share]")
    years: int = Field(default=3, ge=1, le=30, description="years simulated [years]")
    draws: int = Field(default=20_000, ge=100, le=2_000_000, description="futures simulated")
    seed: int = Field(default=1, ge=0, description="seed of the simulation")
    growth: float = Field(default=0.0, gt=-0.5, lt=0.5, description="growth of the benchmark a year [share]")
    uncertainty: StatedUncertainty = Field(
        default_factory=StatedUncertainty, description="sizes of the causes other than the defaults"
    )

    @model_validator(mode="after")
    def _coherent(self) -> OutlookSettings:
        if self.costs is not None and self.population is not None:
            raise ValueError("costs and population are both given; one is wanted")
        try:
            self.sizes()
        except ValidationError as error:
            said = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
            raise ValueError(f"uncertainty.{said}") from None
        return self

    def sizes(self, **defaults: Any) -> Uncertainty:
        """Sizes of the causes: those stated, else the defaults given, else the published ones."""
        stated = {name: value for name, value in vars(self.uncertainty).items() if value is not None}
        return Uncertainty(**defaults | {"true_savings": self.true_savings} | stated)


@dataclass(frozen=True, config=_STRICT)
class Offer:
    """A contract on the table: the scenario's own terms with some clauses changed."""

    name: str = Field(min_length=1, description="what the parties call it")
    change: dict[str, Any] = Field(default_factory=dict, description="clauses that differ from the scenario's terms")

    def terms(self, base: Terms) -> Terms:
        """
        The contract offered.

        Raises
        ------
        InputError
            A clause that does not exist, or a value that it refuses.
        """
        return changed(base, self.change, self.name)


@dataclass(frozen=True, config=_STRICT)
class NegotiationSettings:
    """What is negotiated: contracts side by side, the ACO's own cost, terms of equal value, clauses to try."""

    programme_cost: float = Field(default=0.0, ge=0, description="what the ACO's programme costs it a year [$]")
    programme: list[Intervention] = Field(
        default_factory=list, description="interventions whose cost and effect a pro forma follows"
    )
    contracts: list[Offer] = Field(
        default_factory=list, description="contracts set beside the scenario's own; usual ones by default"
    )
    equal_change: dict[str, Any] = Field(
        default_factory=dict, description="clauses of another contract that is to be worth the same"
    )
    equal_clause: str = Field(default="sharing_rate", description="clause of it that is solved for")
    frontier: dict[str, list[float]] = Field(
        default_factory=dict, description="clauses and the values of each that are tried in every combination"
    )

    @model_validator(mode="after")
    def _told_apart(self) -> NegotiationSettings:
        names = [offer.name for offer in self.contracts]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"contracts: the name '{twice[0]}' stands twice")
        if self.equal_clause in self.equal_change:
            raise ValueError(f"equal_change states {self.equal_clause}, which equal_clause asks for")
        empty = [clause for clause, values in self.frontier.items() if not values]
        if empty:
            raise ValueError(f"frontier: no values of {empty[0]} are given; one or more are wanted")
        if self.programme and self.programme_cost:
            raise ValueError("programme and programme_cost are both given; one is wanted")
        return self

    def cost(self, years: int) -> float:
        """What the ACO's programme costs it a year, on average over some years. [$]"""
        if not self.programme:
            return self.programme_cost
        return sum(one.cost(year) for one in self.programme for year in range(years)) / years
