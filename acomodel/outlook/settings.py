"""Settings of a scenario's outlook: whose costs make the noise, what is uncertain, what is negotiated."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from acomodel.contract.terms import Terms, changed
from acomodel.inputs import nearest
from acomodel.outlook.proforma import Intervention
from acomodel.outlook.uncertainty import Uncertainty

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
_SIZES = {field.name for field in dataclasses.fields(Uncertainty)}


@dataclass(frozen=True, config=_STRICT)
class OutlookSettings:
    """How much of a settlement is luck: costs, members, what is really saved, what is uncertain."""

    costs: str | None = Field(
        default=None, description="file of annual costs by member; the claims of the baseline by default"
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
    uncertainty: dict[str, float | int | list[Any]] = Field(
        default_factory=dict, description="sizes of the causes other than the defaults"
    )

    @model_validator(mode="after")
    def _known(self) -> OutlookSettings:
        for name in self.uncertainty:
            if name not in _SIZES:
                raise ValueError(f"uncertainty: unknown key '{name}'.{nearest(name, _SIZES)}")
        try:
            self.sizes()
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ValueError(f"uncertainty.{where}: found {first['input']!r}; {first['msg']}") from None
        return self

    def sizes(self, **defaults: Any) -> Uncertainty:
        """Sizes of the causes: those stated, else the defaults given, else the published ones."""
        stated = defaults | {"true_savings": self.true_savings} | self.uncertainty
        numbers: dict[str, Any] = {k: _number(v) if k != "agreement_years" else v for k, v in stated.items()}
        return Uncertainty(**numbers)


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
        if len(set(names)) < len(names):
            raise ValueError("contracts: a name stands twice")
        if self.programme and self.programme_cost:
            raise ValueError("programme and programme_cost are both given; one is wanted")
        return self

    def cost(self, years: int) -> float:
        """What the ACO's programme costs it a year, on average over some years. [$]"""
        if not self.programme:
            return self.programme_cost
        return sum(one.cost(year) for one in self.programme for year in range(years)) / years


def _number(value: Any) -> Any:
    """Whole numbers as TOML may have them, as numbers."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
