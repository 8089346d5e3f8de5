"""Realised results of the Shared Savings Program beside what luck alone would give, by size and period."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.outlook.luck.chance import chance_of_loss, chance_of_savings
from acomodel.outlook.luck.costs import CostDistribution
from acomodel.outlook.luck.populations import published_costs
from acomodel.outlook.luck.ratio import Noise
from acomodel.puf import PublicUseFile, read_puf

NOISE_CONSTANT = 2.4
"""Standard deviation of a savings rate by luck alone, times the root of its person years. [share]"""
BASELINE = 1 / (0.1**2 + 0.3**2 + 0.6**2)
"""Person years of a benchmark over those of a year: base years of equal size, weighted 10/30/60. [ratio]"""
PERIODS = ((2014, 2018), (2019, 2020), (2021, 2024))
"""First and last performance year of each period."""
SIZES = (7_500, 10_000, 15_000, 25_000, 50_000)
"""Person years at which a band of sizes begins. [person years]"""
BANDS = ("<7.5k", "7.5-10k", "10-15k", "15-25k", "25-50k", "50k+")
"""Names of the bands."""
LEAST_THRESHOLD = 0.02
"""Least threshold of an ACO that is counted: the floor of the table by size, and the fixed rate of Track 2. [share]"""
WANTED = ("performance_year", "members", "benchmark", "actual", "msr")

Source: TypeAlias = PublicUseFile | pd.DataFrame | str | Path


def luck_alone(person_years: np.ndarray, threshold: np.ndarray, noise_constant: float = NOISE_CONSTANT) -> np.ndarray:
    r"""
    Chance that luck alone reaches a threshold, as if it were normal.

    Parameters
    ----------
    person_years : array-like
        Size of the ACO. [person years]
    threshold : array-like
        Minimum savings rate, or loss rate. [share]
    noise_constant : float
        Standard deviation of the rate times the root of the size. [share]

    Returns
    -------
    numpy.ndarray
        [share]

    Notes
    -----
    .. math:: \Phi(-m \sqrt n / k)

    Examples
    --------
    >>> luck_alone(np.array([5_000, 60_000]), np.array([0.039, 0.02])).round(4).tolist()
    [0.1253, 0.0206]
    """
    found: np.ndarray = ndtr(-np.asarray(threshold) * np.sqrt(person_years) / noise_constant)
    return found


def luck_exactly(
    person_years: np.ndarray, threshold: np.ndarray, costs: CostDistribution, *, baseline: float = BASELINE
) -> tuple[np.ndarray, np.ndarray]:
    """
    Chance that luck alone reaches a threshold of savings, and of losses, on costs and a benchmark that was measured.

    Parameters
    ----------
    person_years, threshold : array-like
        Of each ACO. [person years, share]
    costs : CostDistribution
        Annual costs of a member.
    baseline : float
        Person years of the benchmark over those of the year. [ratio]

    Returns
    -------
    tuple of numpy.ndarray
        Chance of savings and of losses, by inversion at 9 sizes and 13 thresholds and a spline of normal scores
        between them, within 1e-5 of the chance. [share]

    Examples
    --------
    >>> costs = published_costs("medicare", truncate="percentile")
    >>> savings, losses = luck_exactly(np.array([5_000.0, 20_000.0]), np.array([0.039, 0.025]), costs)
    >>> savings.round(3).tolist(), losses.round(3).tolist()
    ([0.109, 0.058], [0.116, 0.062])
    """
    from scipy.interpolate import RectBivariateSpline

    sizes = np.asarray(person_years, dtype=float)
    scaled = np.asarray(threshold, dtype=float) * np.sqrt(sizes)
    rows = np.geomspace(0.95 * sizes.min(), 1.05 * sizes.max(), 9)
    columns = np.linspace(max(0.95 * scaled.min(), 1e-3), 1.05 * scaled.max(), 13)
    found = []
    for chance in (chance_of_savings, chance_of_loss):
        knots = []
        for n in rows:
            noise = Noise(baseline_members=max(round(baseline * n), 1))
            limits = np.minimum(columns / np.sqrt(round(n)), 1.0)
            knots.append(ndtri(np.asarray(chance(costs, round(n), limits, noise=noise))))
        score = RectBivariateSpline(np.log(rows), columns, np.array(knots))
        found.append(ndtr(score.ev(np.log(sizes), scaled)))
    return found[0], found[1]


@dataclass(frozen=True, eq=False, repr=False)
class RealisedResults(Shown):
    """
    Shares of ACOs that reached their thresholds, beside what luck alone would give.

    Parameters
    ----------
    rows : pandas.DataFrame
        One row per ACO and year: `period`, `size` (its band), `performance_year`, `person_years`, `msr`,
        `savings_rate`, `luck` (normal), `luck_savings` and `luck_losses` (from costs).
    noise_constant : float
        Of the normal. [share]
    basis : str
        Costs that the other chances come from.
    """

    rows: pd.DataFrame
    noise_constant: float
    basis: str

    def to_frame(self) -> pd.DataFrame:
        """By period and size: ACOs, median size, mean threshold, shares realised and by luck, at full precision."""
        rows = self.rows.assign(
            saved=self.rows["savings_rate"] >= self.rows["msr"], lost=self.rows["savings_rate"] <= -self.rows["msr"]
        )
        made = rows.groupby(["period", "size"], observed=True, sort=True)
        return made.agg(
            acos=("msr", "size"),
            median_size=("person_years", "median"),
            mean_msr=("msr", "mean"),
            saved=("saved", "mean"),
            saved_by_luck=("luck", "mean"),
            saved_exactly=("luck_savings", "mean"),
            lost=("lost", "mean"),
            lost_by_luck=("luck", "mean"),
            lost_exactly=("luck_losses", "mean"),
        )

    def exhibit(self) -> Exhibit:
        """The shares, with the years that were read in the note."""
        names = {
            "acos": "ACO years",
            "mean_msr": "Mean threshold",
            "saved": "At or above it",
            "saved_by_luck": "Luck, normal",
            "saved_exactly": "Luck, from costs",
            "lost": "At or below minus it",
            "lost_exactly": "Luck, from costs, losses",
        }
        frame = self.to_frame()
        index = pd.Index([f"{period}, {size}" for period, size in frame.index], name="Period, person years")
        table = frame[list(names)].rename(columns=names).set_axis(index)
        formats = {"ACO years": "#", "Mean threshold": "%."} | dict.fromkeys(list(names.values())[2:], "%")
        years = ", ".join(str(year) for year in sorted(self.rows["performance_year"].unique()))
        note = (
            f"Performance years {years}; thresholds of at least {LEAST_THRESHOLD:.0%}. Luck, normal: deviation "
            f"{self.noise_constant:g} over the root of person years, the same for losses; from costs: {self.basis}."
        )
        return Exhibit("Results of ACOs beside luck alone", table, formats, note)


def realised_against_luck(
    files: Source | Sequence[Source],
    *,
    noise_constant: float = NOISE_CONSTANT,
    costs: CostDistribution | None = None,
    baseline: float = BASELINE,
    periods: Sequence[tuple[int, int]] = PERIODS,
) -> RealisedResults:
    r"""
    Share of ACOs at or beyond their thresholds, by size and period, beside what luck alone would give.

    Parameters
    ----------
    files : PublicUseFile, DataFrame, path, or several of them
        Public use files of the Shared Savings Program, or their tables: performance year, members, person years,
        benchmark, actual spending, minimum savings rate.
    noise_constant : float
        Standard deviation of the savings rate by luck, times the root of person years: 2.0 is the noise of the year
        alone, 2.54 that with the sampling error of the benchmark, 2.4 a fair middle. [share]
    costs : CostDistribution, optional
        Annual costs that the other chance comes from; those of Medicare beneficiaries, truncated at
        the 99th percentile as the programme does within enrollment types, if not given.
    baseline : float
        Person years of the benchmark over those of the year; 2.17 by default. [ratio]
    periods : sequence of (int, int)
        First and last year of each period; years outside are left out.

    Returns
    -------
    RealisedResults

    Raises
    ------
    InputError
        A column is missing, the constant is not above zero, or no ACO is left.

    Notes
    -----
    An ACO counts with its savings rate :math:`s = 1 - \text{actual}/\text{benchmark}` where its threshold :math:`m` is
    2 percent or more: one-sided ACOs, whose threshold follows size, and those of two sides with such a threshold. Those
    that chose a smaller one are left out, for they chose how much luck decides.

    References
    ----------
    .. [1] CMS, Shared Savings Program public use files. The constants are those of a model with first-order
       autoregressive skill and an error of the benchmark, fitted by maximum likelihood to 5,051 ACO years 2014-24.

    Examples
    --------
    >>> table = pd.DataFrame({"performance_year": 2018, "members": [6e3, 6e3, 9e4], "benchmark": 100.0,
    ...                       "actual": [95.0, 105.0, 97.0], "msr": [0.037, 0.037, 0.02]})
    >>> realised_against_luck(table).to_frame()[["acos", "saved", "saved_by_luck"]].round(3).values.tolist()
    [[2.0, 0.5, 0.116], [1.0, 1.0, 0.006]]
    """
    if not noise_constant > 0:
        raise InputError(f"realised: a noise constant of {noise_constant:g}; one above zero is wanted")
    if not baseline > 0:
        raise InputError(f"realised: a baseline of {baseline:g} times a year's size; one above zero is wanted")
    many = [files] if isinstance(files, PublicUseFile | pd.DataFrame | str | Path) else files
    rows = _rows(many)
    ends = [*SIZES, np.inf]
    rows["size"] = pd.Categorical.from_codes(np.searchsorted(ends, rows["person_years"], side="right"), BANDS, True)
    names = [f"{first}-{last}" for first, last in periods]
    inside = [rows["performance_year"].between(first, last) for first, last in periods]
    codes = np.select(inside, range(len(periods)), -1)
    rows["period"] = pd.Categorical.from_codes(codes, names, ordered=True)
    rows = rows[(codes >= 0) & (rows["msr"] >= LEAST_THRESHOLD - 1e-9)]
    if rows.empty:
        raise InputError(
            f"realised: no ACO of {', '.join(names)} has a threshold of {LEAST_THRESHOLD:.0%} or more; public use "
            "files of those years are wanted"
        )
    sizes, limits = rows["person_years"].to_numpy(), rows["msr"].to_numpy()
    made = published_costs("medicare", truncate="percentile") if costs is None else costs
    savings, losses = luck_exactly(sizes, limits, made, baseline=baseline)
    rows = rows.assign(luck=luck_alone(sizes, limits, noise_constant), luck_savings=savings, luck_losses=losses)
    words = "Medicare beneficiaries, truncated at the 99th percentile" if costs is None else made.basis or "as given"
    words += f", benchmark measured on {baseline:.2f} times as many"
    return RealisedResults(rows.reset_index(drop=True), float(noise_constant), words)


def _rows(files: Iterable[Source]) -> pd.DataFrame:
    """One row per ACO and year, with its savings rate."""
    found = []
    for number, given in enumerate(files, start=1):
        if isinstance(given, str | Path):
            given = read_puf(given)
        table = given if isinstance(given, pd.DataFrame) else given.table
        place = f"table {number}" if isinstance(given, pd.DataFrame) else str(given.path)
        if missing := [name for name in WANTED if name not in table]:
            raise InputError(f"realised: {place} has no column '{missing[0]}'; a public use file is wanted")
        kept = table[list(WANTED)].astype(float)
        wrong = ~(np.isfinite(kept).all(axis=1) & (kept["benchmark"] > 0) & (kept["members"] >= 1))
        if wrong.any():
            raise InputError(
                f"realised: {place}: row {int(np.argmax(wrong)) + 1} lacks a benchmark, members or another figure; "
                "numbers above zero are wanted"
            )
        years = table["person_years"].astype(float) if "person_years" in table else pd.Series(np.nan, table.index)
        kept["person_years"] = years.where(years > 0, kept["members"])
        kept["savings_rate"] = (kept["benchmark"] - kept["actual"]) / kept["benchmark"]
        found.append(kept.astype({"performance_year": int}))
    if not found:
        raise InputError("realised: no file is given; public use files are wanted")
    return pd.concat(found, ignore_index=True)
