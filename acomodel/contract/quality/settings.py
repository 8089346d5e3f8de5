"""Settings of a quality score."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from acomodel.contract.quality.points import PointRule
from acomodel.contract.terms import Share

Reward = Annotated[float, Field(ge=0, le=4)]
"""Reward for improvement in a domain. [points]"""


@dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class QualitySettings:
    """How the quality score of the leading year is worked out from results of measures."""

    scheme: Literal["toolkit", "mssp", "app"] = Field(
        description="how measures become a score: targets of one's own (ACO Toolkit), the Shared Savings Program "
        "to 2020, or its pathway from 2021"
    )
    table: str = Field(min_length=1, description="results of the measures [file]")
    performance_year: int | None = Field(
        default=None,
        ge=1990,
        le=2100,
        description="year whose measures and benchmarks count; the leading year's [year]",
    )
    agreement_year: int | None = Field(
        default=None, ge=1, le=10, description="year of the agreement, from 1; by the terms where not given [number]"
    )
    first_agreement: bool = Field(default=True, description="whether the agreement is the ACO's first")
    minimum_denominator: Annotated[float, Field(ge=0)] = Field(
        default=30.0, description="fewest cases with which a measure counts [cases]"
    )
    complete: bool = Field(default=True, description="whether all that must be reported was reported")
    points: PointRule = Field(default_factory=lambda: PointRule(), description="points of targets of one's own")
    reward_experience: Reward | None = Field(default=None, description="improvement reward, experience [points]")
    reward_coordination: Reward | None = Field(default=None, description="improvement reward, coordination [points]")
    reward_preventive: Reward | None = Field(default=None, description="improvement reward, preventive [points]")
    reward_at_risk: Reward | None = Field(default=None, description="improvement reward, at risk [points]")
    prior_achievement: Share | None = Field(
        default=None, description="points over points possible of the year before [share]"
    )
    incentive: bool | None = Field(
        default=None, description="whether the incentive for electronic reporting is earned; from the rates by default"
    )
    disaster: bool = Field(default=False, description="whether the ACO was struck by a disaster")
    disaster_mean: Share | None = Field(
        default=None, description="mean score of all ACOs, for one struck by a disaster [share]"
    )

    @model_validator(mode="after")
    def _of_the_scheme(self) -> QualitySettings:
        default = PointRule()
        own = {
            "toolkit": {"points": self.points != default},
            "mssp": {
                name: getattr(self, name) is not None for name in (*REWARDS.values(), "agreement_year", "disaster_mean")
            },
            "app": {"prior_achievement": self.prior_achievement is not None, "incentive": self.incentive is not None},
        }
        for scheme, given in own.items():
            for name, stated in given.items():
                shared = name == "agreement_year" and self.scheme == "app"
                if stated and scheme != self.scheme and not shared:
                    raise ValueError(f"{name} is given, but the scheme '{self.scheme}' does not use it")
        return self


REWARDS = {
    "experience": "reward_experience",
    "coordination": "reward_coordination",
    "preventive": "reward_preventive",
    "at-risk": "reward_at_risk",
}
"""Domain to the setting of its reward."""
