"""What a monthly report of the contract year shows, and when it raises an alarm."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class MonitoringSettings:
    """The month a report is made at, what it shows, and when it raises an alarm."""

    as_of: str | None = Field(
        default=None,
        pattern=r"^(19|20)\d\d-(0[1-9]|1[0-2])$",
        description="month at whose end the year is seen; the last whole month of payments by default [YYYY-MM]",
    )
    rolling: list[Annotated[int, Field(ge=1, le=24)]] = Field(
        default_factory=lambda: [3, 6], min_length=1, max_length=4, description="lengths of rolling rates [months]"
    )
    false_alarm: float = Field(
        default=0.1,
        gt=0.001,
        le=0.5,
        description="chance that a year which runs as budgeted raises an alarm, if the budget is right [share]",
    )
    table: str | None = Field(
        default=None,
        description="targets by service category or specialty, in place of the budget worked out here [file]",
    )
