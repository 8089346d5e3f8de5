"""Settings of a scenario that belong to no formula: the report, the periods to be settled, the outcomes shown."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from acomodel.contract.terms import Share

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True, config=STRICT)
class ReportSettings:
    """Who the report is for, by whom, and on what information: what an actuarial report must say."""

    client: str = Field(default="", description="for whom the work is done")
    actuary: str = Field(default="", description="responsible actuary")
    intended_users: str = Field(default="", description="who may rely on the report")
    purpose: str = Field(default="", description="what the work is for")
    date: str = Field(default="", description="date of the report")
    information_date: str = Field(default="", description="date through which information was considered")
    limits: str = Field(default="", description="limits on use, in addition to the standing ones")
    keep_inputs: bool = Field(default=True, description="whether the report folder holds the tables read")
    show_small_cells: bool = Field(default=False, description="whether cells of 1 to 10 members are printed")


@dataclass(frozen=True, config=STRICT)
class YearSettings:
    """One period to be settled."""

    label: str = Field(min_length=1, description="name of the period")
    performance_year: int = Field(ge=1990, le=2100, description="year whose rules apply [year]")
    benchmark: float | None = Field(default=None, gt=0, description="stated benchmark [$]")
    benchmark_pmpm: float | None = Field(default=None, gt=0, description="stated benchmark [$ PMPM]")
    actual: float | None = Field(default=None, ge=0, description="actual or expected spending [$]")
    actual_pmpm: float | None = Field(default=None, ge=0, description="actual or expected spending [$ PMPM]")
    member_months: float | None = Field(default=None, gt=0, description="exposure of the period [member months]")
    members: float | None = Field(default=None, gt=0, description="members on whom thresholds by size depend [members]")
    quality_score: Share | None = Field(default=None, description="quality score as measured [share]")
    quality_standard: Literal["met", "alternative", "failed"] = Field(
        default="met", description="how the programme's quality standard was met"
    )
    revenue: float | None = Field(default=None, ge=0, description="participants' revenue that limits refer to [$]")
    disaster_adjustment: float = Field(default=0.0, ge=0, description="losses forgiven for extreme circumstances [$]")
    advance_balance: float = Field(default=0.0, ge=0, description="advance payments to be recouped [$]")
    capitated_actual: float | None = Field(
        default=None, ge=0, description="spending on capitated services; in proportion by default [$]"
    )
    carried_losses: float = Field(
        default=0.0, ge=0, description="losses brought forward from before the first period [$]"
    )
    benchmark_addition: float = Field(
        default=0.0, description="added to the benchmark after discount and quality, such as an equity adjustment [$]"
    )
    withheld_released: float = Field(default=0.0, ge=0, description="withheld in earlier periods and paid now [$]")
    benchmark_adjustment: float = Field(
        default=0.0, gt=-1, lt=1, description="what-if: change of the benchmark [share]"
    )
    actual_adjustment: float = Field(default=0.0, gt=-1, lt=1, description="what-if: change of actual spending [share]")

    @model_validator(mode="after")
    def _one_of_each(self) -> YearSettings:
        if self.benchmark is not None and self.benchmark_pmpm is not None:
            raise ValueError("benchmark and benchmark_pmpm are both given; one is wanted")
        if self.actual is not None and self.actual_pmpm is not None:
            raise ValueError("actual and actual_pmpm are both given; one is wanted")
        if self.member_months is None and (self.benchmark_pmpm is not None):
            raise ValueError("benchmark_pmpm needs member_months")
        return self


@dataclass(frozen=True, config=STRICT)
class OutcomeSettings:
    """Savings rates at which the settlement is shown."""

    savings_rates: list[Annotated[float, Field(gt=-1, lt=1)]] = Field(
        default_factory=lambda: [
            -0.08,
            -0.06,
            -0.04,
            -0.03,
            -0.02,
            -0.01,
            0.0,
            0.01,
            0.02,
            0.03,
            0.04,
            0.06,
            0.08,
            0.1,
        ],
        min_length=1,
        description="savings rates of the settlement table [share of benchmark]",
    )
