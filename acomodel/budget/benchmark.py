"""From baseline to benchmark: each adjustment a step that can be read, argued with and changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import pydantic.dataclasses
from pydantic import ConfigDict, Field

from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.rates import Numeric


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class BenchmarkSettings:
    """Which year the benchmark is for, and how its steps are rounded."""

    year: int = Field(ge=1990, le=2100, description="contract year [year]")
    member_months: float | None = Field(
        default=None,
        gt=0,
        description="expected exposure of the contract year; from the claims by default [member months]",
    )
    rounding: Literal["none", "printed"] = Field(
        default="none",
        description="rounding between steps: none, or as printed (average factors to 2 decimals, adjustments to 3, "
        "PMPM to cents)",
    )


@dataclass(frozen=True, eq=False, repr=False)
class Benchmark(Shown):
    """
    A benchmark and the steps that led to it.

    Parameters
    ----------
    steps : pandas.DataFrame
        Index the step's name; columns `factor` (NaN for the baseline), `change` and `pmpm` after it.
    pmpm : float
        Benchmark. [$ PMPM]
    member_months : float
        Exposure of the contract year. [member months]
    rounding : {"none", "printed"}
        Whether steps were rounded on the way.
    """

    steps: pd.DataFrame
    pmpm: float
    member_months: float
    rounding: Literal["none", "printed"] = "none"

    @property
    def total(self) -> float:
        """Benchmark in dollars. [$]"""
        return self.pmpm * self.member_months

    def to_frame(self) -> pd.DataFrame:
        """The steps, unrounded."""
        return self.steps.copy(deep=False)

    def exhibit(self) -> Exhibit:
        """The steps as a table."""
        words = {"none": "Nothing is rounded between steps", "printed": "Factors and PMPM are rounded as printed"}
        table = self.steps.rename(columns={"factor": "Factor", "change": "Change PMPM", "pmpm": "PMPM"})
        table.index.name = "Step"
        formats = {"Factor": "0.0000", "Change PMPM": "$.", "PMPM": "$."}
        note = f"{words[self.rounding]}. {self.member_months:,.0f} member months: ${self.total:,.0f}."
        return Exhibit("From baseline to benchmark", table, formats, note)


def projected_benchmark(
    baseline_pmpm: float,
    *,
    risk_ratio: float = 1.0,
    large_claim_factor: float = 1.0,
    trend_factors: Mapping[int, float],
    member_months: float = 1.0,
    base_label: str = "Baseline",
    rounding: Literal["none", "printed"] = "none",
) -> Benchmark:
    r"""
    Projected benchmark: baseline adjusted for risk and large claims, then trended year by year.

    Parameters
    ----------
    baseline_pmpm : float
        Allowed claims of the baseline, complete; above zero. [$ PMPM]
    risk_ratio : float
        Risk of the current population over that of the baseline. [factor]
    large_claim_factor : float
        Baseline without the excess of large claims over the baseline with it. [factor]
    trend_factors : mapping of int to float
        Year to growth over the year before, in the order applied. [factor]
    member_months : float
        Exposure of the contract year. [member months]
    base_label : str
        Name of the first step.
    rounding : {"none", "printed"}
        Whether PMPM is rounded to cents after each step; factors are taken as given.

    Returns
    -------
    Benchmark

    Raises
    ------
    InputError
        A baseline or factor that is not above zero.

    Notes
    -----
    .. math:: B = PMPM_0 \cdot RR \cdot f_{HC} \cdot \prod_t f_t

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, exhibit 3.11, p. 46.

    Examples
    --------
    The exhibit's first year:

    >>> chain = projected_benchmark(323.75, risk_ratio=1.048, large_claim_factor=0.979, trend_factors={2009: 1.0994})
    >>> round(chain.pmpm, 2)
    365.18
    """
    factors = {"Age/sex (risk) adjustment": risk_ratio, "Large-claim adjustment": large_claim_factor}
    factors |= {f"Trend to {year}": factor for year, factor in trend_factors.items()}
    rows = [(base_label, float("nan"), baseline_pmpm, baseline_pmpm)]
    level = baseline_pmpm
    for name, after in zip(factors, benchmark_levels(baseline_pmpm, factors, rounding, base_label), strict=True):
        rows.append((name, factors[name], float(after) - level, float(after)))
        level = float(after)
    steps = pd.DataFrame(rows, columns=["step", "factor", "change", "pmpm"]).set_index("step")
    return Benchmark(steps, level, member_months, rounding)


def benchmark_levels(
    baseline_pmpm: Numeric,
    factors: Mapping[str, Numeric],
    rounding: Literal["none", "printed"] = "none",
    base_label: str = "Baseline",
) -> list[Numeric]:
    """
    Levels of a projected benchmark after each of its factors, for one set of figures or for many.

    Parameters
    ----------
    baseline_pmpm : numeric
        Allowed claims of the baseline; above zero. [$ PMPM]
    factors : mapping of str to numeric
        Step to factor, in the order applied; above zero. [factor]
    rounding : {"none", "printed"}
        Whether PMPM is rounded to cents after each step.
    base_label : str
        Name of the baseline in a message.

    Returns
    -------
    list of numeric
        The last is the benchmark. [$ PMPM]

    Raises
    ------
    InputError
        A baseline or factor that is not above zero.

    Examples
    --------
    >>> benchmark_levels(100.0, {"risk": np.array([1.0, 1.1]), "trend": 1.05})[-1].round(2).tolist()
    [105.0, 115.5]
    """
    for name, value in {base_label: baseline_pmpm, **factors}.items():
        if not (np.asarray(value) > 0).all():
            raise InputError(f"benchmark: {name} is {np.min(value):g}; above zero is wanted")
    levels, level = [], baseline_pmpm
    for factor in factors.values():
        level = rounded(level * factor, 2) if rounding == "printed" else level * factor
        levels.append(level)
    return levels


def rounded(value: Numeric, places: int) -> Numeric:
    """
    Value rounded as one rounds a printed figure, each of an array as it would be alone.

    Examples
    --------
    >>> rounded(2.675, 2), rounded(np.array([2.675, 2.665]), 2).tolist()
    (2.67, [2.67, 2.67])
    """
    if np.ndim(value) == 0:
        return round(float(value), places)
    each = np.asarray(value, dtype=float)
    scaled = each * 10.0**places
    found = np.rint(scaled) / 10.0**places
    near = np.abs(scaled - np.floor(scaled) - 0.5) < 1e-6
    found[near] = [round(x, places) for x in each[near].tolist()]
    return found


def target(benchmark: Numeric, threshold: Numeric) -> Numeric:
    r"""
    Target: the benchmark less the savings threshold.

    Parameters
    ----------
    benchmark : numeric
        Projected spending. [$ or $ PMPM]
    threshold : numeric
        Savings threshold. [share of benchmark]

    Returns
    -------
    numeric
        Spending below which savings count. [as the benchmark]

    Notes
    -----
    .. math:: T = B (1 - m)

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, exhibit 3.13, p. 52.

    Examples
    --------
    >>> round(target(402, 0.02), 2)
    393.96
    """
    return benchmark * (1 - threshold)
