"""What is not known of an ACO's coming years, cause by cause, with published sizes as defaults."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

CAUSES = ("luck", "skill", "benchmark", "trend", "completion", "risk", "quality", "market")
"""Causes of an uncertain settlement, in the order of an exhibit."""
WORDS = {
    "luck": "Luck: what the members of the year happen to cost",
    "skill": "Skill: what the ACO really saves",
    "benchmark": "Error of the benchmark",
    "trend": "Error of the trend",
    "completion": "Error of completion",
    "risk": "Drift of risk scores",
    "quality": "Quality score",
    "market": "Market: what all ACOs share",
}
"""Words for the causes."""
SIZE = 12_000
"""Members of the ACO that the spread of skill is stated for. [members]"""

Deviation = Annotated[float, Field(ge=0, le=0.5)]


def _rows(value: Any) -> Any:
    """Rows of a TOML array as tuples."""
    listed = isinstance(value, list | tuple)
    whole = listed and all(isinstance(row, list | tuple) and len(row) == 3 for row in value)
    return tuple(tuple(row) for row in value) if whole else value


@dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class Uncertainty:
    r"""
    Sizes of the causes that make a settlement uncertain.

    The defaults are those of ACOs of the Medicare Shared Savings Program, as their published results of 2014 to 2024
    show them: skill that is half forgotten after two and a half years, an error of the benchmark that stays until it
    is reset, noise that shrinks with the square root of size.

    Parameters
    ----------
    true_savings : float
        True savings of the first year. [share]
    long_run_savings : float
        True savings that skill tends to in later years. [share]
    skill_sd : float
        Deviation of skill, for 12,000 members. [share]
    skill_size_power : float
        Power of size at which the deviation of skill falls. [-]
    skill_persistence : float
        Part of skill kept from year to year. [-]
    benchmark_sd : float
        Deviation of the benchmark beyond sampling. [share]
    benchmark_constant : float
        Sampling error of the benchmark times the root of its members. [share]
    benchmark_members : float, optional
        Member years the benchmark was measured on; the ACO's by default. [members]
    agreement_years : int
        Years after which the benchmark is reset. [years]
    trend_sd : float
        Deviation of the annual trend. [share]
    trend_years : float
        Years that the benchmark is trended to the first year. [years]
    completion_sd : float
        Deviation of completed spending. [share]
    risk_sd : float
        Deviation of a year's growth of the risk ratio. [share]
    risk_drift : float
        Growth of the risk ratio a year within an agreement. [share]
    quality_sd : float
        Deviation of the quality score. [share]
    market_drift : float
        Growth of all ACOs' savings rates a year. [share]
    market_sd : float
        Deviation of a year's growth of all ACOs' savings rates. [share]
    correlation : rows of (str, str, float)
        Rows of two causes and the correlation of their normal scores. Causes: luck, skill, benchmark, trend,
        completion, risk, quality, market.

    Notes
    -----
    With :math:`n` members, the savings rate of year :math:`t` in agreement :math:`g` is about

    .. math:: s_t = m_t + A_t + B_g + E_t, \qquad A_{t+1} - \bar a = \rho (A_t - \bar a) + \sqrt{1-\rho^2}\, \sigma_n
        \varepsilon_t, \qquad \sigma_n = 3.46\% \, (n / 12{,}000)^{-1/4},

    :math:`\rho = 0.76`, :math:`B_g` of deviation :math:`\sqrt{1.65\%^2 + 1.56^2 / n_b}`, and :math:`E_t` the luck of
    the members, whose distribution is worked out from costs. With the fitted luck of :math:`2.01/\sqrt n` that gives
    consecutive savings rates correlations of about 0.68 within an agreement and 0.44 across its end; the files have
    0.70 and 0.44.

    The yearly drift of the programme's mean, about 0.4 points, is rules, selection and market; it is not among the
    defaults. Nothing published was found for the other causes, so that they are zero until stated.

    References
    ----------
    .. [1] CMS, Shared Savings Program public use files 2014-2024: random effects of 5,051 ACO years, fitted by maximum
       likelihood; yearly means of the programme for the market.
    """

    true_savings: float = Field(default=0.0, gt=-0.5, lt=0.5, description="true savings of the first year [share]")
    long_run_savings: float = Field(
        default=0.0, gt=-0.5, lt=0.5, description="true savings that skill tends to in later years [share]"
    )
    skill_sd: Deviation = Field(default=0.0346, description="deviation of skill, for 12,000 members [share]")
    skill_size_power: float = Field(
        default=0.25, ge=0, le=1, description="power of size at which the deviation of skill falls [-]"
    )
    skill_persistence: float = Field(default=0.76, ge=0, le=1, description="part of skill kept from year to year [-]")
    benchmark_sd: Deviation = Field(default=0.0165, description="deviation of the benchmark beyond sampling [share]")
    benchmark_constant: float = Field(
        default=1.56, ge=0, le=10, description="sampling error of the benchmark times the root of its members [share]"
    )
    benchmark_members: float | None = Field(
        default=None, ge=1, description="member years the benchmark was measured on; the ACO's by default [members]"
    )
    agreement_years: int = Field(default=3, ge=1, le=30, description="years after which the benchmark is reset [years]")
    trend_sd: Deviation = Field(default=0.0, description="deviation of the annual trend [share]")
    trend_years: float = Field(
        default=1.0, ge=0, le=10, description="years that the benchmark is trended to the first year [years]"
    )
    completion_sd: Deviation = Field(default=0.0, description="deviation of completed spending [share]")
    risk_sd: Deviation = Field(default=0.0, description="deviation of a year's growth of the risk ratio [share]")
    risk_drift: float = Field(
        default=0.0, gt=-0.1, lt=0.1, description="growth of the risk ratio a year within an agreement [share]"
    )
    quality_sd: Deviation = Field(default=0.0, description="deviation of the quality score [share]")
    market_drift: float = Field(
        default=0.0, gt=-0.1, lt=0.1, description="growth of all ACOs' savings rates a year [share]"
    )
    market_sd: Deviation = Field(
        default=0.0, description="deviation of a year's growth of all ACOs' savings rates [share]"
    )
    correlation: Annotated[tuple[tuple[str, str, float], ...], BeforeValidator(_rows)] = Field(
        default=(), description="rows of two causes and the correlation of their normal scores"
    )

    @model_validator(mode="after")
    def _a_correlation(self) -> Uncertainty:
        for one, other, rho in self.correlation:
            for name in (one, other):
                if name not in CAUSES:
                    raise ValueError(f"correlation: '{name}' is no cause; one of {', '.join(CAUSES)} is wanted")
            if one == other or not -1 <= rho <= 1:
                raise ValueError(f"correlation: {one}, {other}, {rho:g}; two causes and -1 to 1 are wanted")
        pairs = [frozenset(row[:2]) for row in self.correlation]
        if len(set(pairs)) < len(pairs):
            raise ValueError("correlation: a pair of causes stands twice")
        least = float(np.linalg.eigvalsh(self.matrix())[0])
        if least < -1e-9:
            raise ValueError("correlation: no causes can be correlated like that; the matrix is not positive")
        return self

    def matrix(self) -> np.ndarray:
        """Correlation of the normal scores of the causes, in their order."""
        found = np.eye(len(CAUSES))
        for one, other, rho in self.correlation:
            i, j = CAUSES.index(one), CAUSES.index(other)
            found[i, j] = found[j, i] = rho
        return found

    def skill_deviation(self, members: float) -> float:
        """Deviation of skill of an ACO of a size. [share]"""
        return float(self.skill_sd * (members / SIZE) ** -self.skill_size_power)

    def benchmark_deviation(self, members: float) -> float:
        """Deviation of the benchmark of an ACO of a size, sampling included. [share]"""
        counted = members if self.benchmark_members is None else self.benchmark_members
        return float(np.hypot(self.benchmark_sd, self.benchmark_constant / np.sqrt(counted)))


LUCK_ONLY = Uncertainty(skill_sd=0.0, benchmark_sd=0.0, benchmark_constant=0.0)
"""Nothing uncertain but what the members of the year happen to cost."""
