"""Age and sex: the cells of a population, its average factor, and factors estimated from its own costs."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, get_args

import numpy as np
import pandas as pd

from acomodel.budget.factor_sets import CELL, age_sex_set, cell_index, cell_label, check_factors, member_months
from acomodel.budget.risk import age_sex_factor
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.privacy import printed, suppressed, why
from acomodel.rates import Numeric

Credibility = Literal["buhlmann-straub", "limited-fluctuation"]

__all__ = [
    "AgeSexCells",
    "AgeSexEstimate",
    "age_sex_cells",
    "age_sex_set",
    "estimate_factors",
    "full_credibility_claims",
]


@dataclass(frozen=True, eq=False, repr=False)
class AgeSexCells(Shown):
    """
    A population by age and sex, with its average standard factor.

    Parameters
    ----------
    cells : pandas.DataFrame
        One row per cell of the factor table: `age_from`, `age_to`, `sex`, `members`, `months`, `factor`.
    factor : float
        Average factor, weighted by months; over another population's it is the risk ratio. [factor]
    """

    cells: pd.DataFrame
    factor: float

    def by_sex(self) -> pd.Series:
        """Average factor of each sex that has members. [factor]"""
        own = self.cells[self.cells["months"] > 0].groupby("sex")
        return pd.Series({str(sex): age_sex_factor(rows["months"], rows["factor"]) for sex, rows in own})

    def to_frame(self) -> pd.DataFrame:
        """The cells, unrounded."""
        return self.cells.copy(deep=False)

    def exhibit(self) -> Exhibit:
        """Cells and average factor; cells of 1 to 10 members are not counted out."""
        few = _hidden(self.cells, self.cells["factor"], self.factor)
        months = self.cells["months"].mask(few)
        table = pd.DataFrame(
            {
                "Members": printed(self.cells["members"], few),
                "Member months": months,
                "Factor": self.cells["factor"],
                "Weighted": months * self.cells["factor"],
            }
        ).set_axis([cell_label(cell) for _, cell in self.cells.iterrows()], axis=0)
        sexes = ", ".join(f"{sex} {factor:.3f}" for sex, factor in self.by_sex().items())
        formats = {"Member months": "#", "Factor": "0.000", "Weighted": "#."}
        note = (
            f"Average factor {self.factor:.4f} ({sexes})."
            if not few.any()
            else (f"Average factor {self.factor:.4f}. {why(self.cells['members'], few)}".strip())
        )
        return Exhibit("Age/sex factor", table.rename_axis("Cell"), formats, note)


def age_sex_cells(ages: Numeric, sexes: Numeric, months: Numeric, factors: pd.DataFrame) -> AgeSexCells:
    r"""
    Count a population into the cells of a factor table and average its factor.

    Parameters
    ----------
    ages : array-like
        Age of each member. [years]
    sexes : array-like of str
        F or M.
    months : array-like or float
        Exposure of each member, at least zero; 1 counts members on a date. [member months]
    factors : pandas.DataFrame
        Standard factors, as `age_sex_set` gives them.

    Returns
    -------
    AgeSexCells

    Raises
    ------
    InputError
        An age, sex, exposure or factor table that cannot be used, or no exposure at all.

    Notes
    -----
    .. math:: \bar f = \sum_c m_c f_c \big/ \sum_c m_c

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, exhibits 3.8 and 3.9, p. 45.

    Examples
    --------
    >>> round(age_sex_cells([30, 62], ["F", "M"], 12, age_sex_set()).factor, 4)
    1.824
    """
    standard = check_factors(factors)
    at = cell_index(ages, sexes, standard)
    exposure = member_months(months, at.size)
    cells = standard[[*CELL, "factor"]].assign(
        members=np.bincount(at, minlength=len(standard)),
        months=np.bincount(at, weights=exposure, minlength=len(standard)),
    )
    return AgeSexCells(cells[[*CELL, "members", "months", "factor"]], age_sex_factor(cells["months"], cells["factor"]))


def full_credibility_claims(probability: float = 0.9, within: float = 0.05) -> float:
    r"""
    Claims at which a frequency is fully credible.

    Parameters
    ----------
    probability : float
        Probability that the observed frequency is close enough. [share]
    within : float
        How close it is to be. [share of the mean]

    Returns
    -------
    float
        Claims. [count]

    Raises
    ------
    InputError
        A probability or distance that does not lie between 0 and 1.

    Notes
    -----
    With Poisson claims and :math:`z` the quantile of the normal distribution at :math:`(1 + p) / 2`,

    .. math:: n_F = (z / k)^2

    The size of claims is not in it: costs need more.

    References
    ----------
    .. [1] L. H. Longley-Cook, "An Introduction to Credibility Theory," PCAS 49, 1962.

    Examples
    --------
    >>> round(full_credibility_claims())
    1082
    """
    if not (0 < probability < 1 and 0 < within < 1):
        raise InputError(f"credibility: found {probability:g} within {within:g}; both between 0 and 1 are wanted")
    return (NormalDist().inv_cdf((1 + probability) / 2) / within) ** 2


@dataclass(frozen=True, eq=False, repr=False)
class AgeSexEstimate(Shown):
    """
    Age/sex factors of a population's own costs, drawn towards a standard set where the cells are thin.

    Parameters
    ----------
    cells : pandas.DataFrame
        One row per cell: `age_from`, `age_to`, `sex`, `members`, `months`, `observed` relative cost (NaN
        without exposure) with its `standard_error`, `standard` factor on the population's scale,
        `credibility` Z, and `factor` used; both factors average to 1 over the population's months.
    credibility : {"buhlmann-straub", "limited-fluctuation"}
        Where Z comes from.
    scale : float
        Average standard factor of the population; times `factor`, factors on the standard set's scale. [factor]
    process_variance, between_variance : float
        Variance of actual over expected cost within cells per unit of expected cost, and of its mean between cells.
    fit : pandas.Series
        R squared, F test of no difference between cells, chi-square test of the standard set.
    """

    cells: pd.DataFrame
    credibility: Credibility
    scale: float
    process_variance: float
    between_variance: float
    fit: pd.Series

    def to_frame(self) -> pd.DataFrame:
        """The cells, unrounded."""
        return self.cells.copy(deep=False)

    def factors(self) -> pd.DataFrame:
        """Factors used, as a factor table for `age_sex_cells`."""
        return self.cells[[*CELL, "factor"]].copy()

    def exhibit(self) -> Exhibit:
        """Cells with observed, standard and used factors; cells of 1 to 10 members are not counted out."""
        few = _hidden(self.cells, self.cells["standard"], 1.0)
        table = pd.DataFrame(
            {
                "Members": printed(self.cells["members"], few),
                "Member months": self.cells["months"].mask(few),
                "Observed": self.cells["observed"].mask(few),
                "Standard error": self.cells["standard_error"].mask(few),
                "Standard": self.cells["standard"],
                "Z": self.cells["credibility"].mask(few),
                "Used": self.cells["factor"].mask(few),
            }
        ).set_axis([cell_label(cell) for _, cell in self.cells.iterrows()], axis=0)
        formats = dict.fromkeys(("Observed", "Standard error", "Standard", "Z", "Used"), "0.000")
        fit = self.fit
        note = (
            f"R squared {fit['R squared']:.4f}; F {fit['F']:.1f} ({_p(fit['p-value, F'])}); chi-square against the "
            f"standard set {fit['chi-square']:.1f} on {fit['degrees of freedom, chi-square']:.0f} degrees of freedom "
            f"({_p(fit['p-value, chi-square'])}). Averages are 1; the standard set's average is {self.scale:.4f}. "
            + why(self.cells["members"], few)
        ).strip()
        words = {"buhlmann-straub": "Bühlmann-Straub", "limited-fluctuation": "limited fluctuation"}
        title = f"Age/sex factors from own costs, {words[self.credibility]} credibility"
        return Exhibit(title, table.rename_axis("Cell"), {"Member months": "#", **formats}, note)


def _hidden(cells: pd.DataFrame, factors: pd.Series, average: float) -> pd.Series:
    """Cells that are not printed; all members, and the average factor over their months, are taken for known."""
    members = cells["members"].to_numpy(dtype=float)
    months = np.divide(cells["months"], members, out=np.zeros(len(members)), where=members > 0)
    counts = pd.Series([*members, members.sum()])
    parts = range(len(members))
    weights = pd.Series((factors.to_numpy() - average) * months, index=parts)
    hidden = suppressed(counts, rows={len(members): parts}, balances=[weights], known=[len(members)])
    return pd.Series(hidden.to_numpy()[:-1], index=cells.index)


def estimate_factors(
    members: pd.DataFrame,
    standard: pd.DataFrame,
    *,
    credibility: Credibility = "buhlmann-straub",
    claims_full: float | None = None,
) -> AgeSexEstimate:
    r"""
    Estimate age/sex factors from members' costs, with credibility towards a standard set.

    Parameters
    ----------
    members : pandas.DataFrame
        One row per member: `age` [years], `sex` (F or M), `months` [member months], `allowed` [$]; also
        `claims` [count] for limited fluctuation. Members without exposure are left out. Large claims are best
        truncated first.
    standard : pandas.DataFrame
        Standard factors, as `age_sex_set` gives them.
    credibility : {"buhlmann-straub", "limited-fluctuation"}
        Credibility from the variances of the costs themselves, or from the number of claims.
    claims_full : float, optional
        Claims of full credibility, for limited fluctuation; those of `full_credibility_claims`, 1,082, when not
        given. [count]

    Returns
    -------
    AgeSexEstimate

    Raises
    ------
    InputError
        A column is missing, a cell cannot be read, the costs add up to nothing, one cell holds everybody, or the
        credibility is of another kind.

    Notes
    -----
    With cost per month over its average, :math:`x_i`, and months :math:`m_i`, the regression of :math:`x` on
    indicators of the cells, weighted by months, gives the observed relative cost :math:`X_c`, which is the cell's
    average; standard errors are robust to variances that differ between cells (HC1). With standard factors
    :math:`s_c` scaled to average 1 and expected cost :math:`w_c = m_c s_c`, actual over expected is
    :math:`Y_c = X_c / s_c`, and

    .. math:: f_c = s_c \left( Z_c Y_c + 1 - Z_c \right), \qquad Z_c = \frac{w_c}{w_c + \sigma^2 / \tau^2}

    .. math:: \sigma^2 = \frac{\sum_c \sum_{i \in c} w_i (y_i - Y_c)^2}{n - C}, \qquad
        \tau^2 = \frac{\sum_c w_c (Y_c - 1)^2 - (C - 1) \sigma^2}{w - \sum_c w_c^2 / w}

    where :math:`\tau^2` below zero is zero. Limited fluctuation has :math:`Z_c = \min(1, \sqrt{n_c / n_F})` with
    :math:`n_c` claims. The factors used are scaled to average 1. The chi-square statistic is
    :math:`\sum_c w_c (Y_c - 1)^2 / \sigma^2` on :math:`C - 1` degrees of freedom.

    References
    ----------
    .. [1] H. Bühlmann and E. Straub, "Glaubwürdigkeit für Schadensätze," Bulletin of the Swiss Association of
       Actuaries 70, 1970, pp. 111-133.
    .. [2] L. H. Longley-Cook, "An Introduction to Credibility Theory," PCAS 49, 1962.
    .. [3] ASOP No. 25, "Credibility Procedures."

    Examples
    --------
    Two cells of 200 members, one of which costs twice the other where the standard set sees no difference:

    >>> flat = pd.DataFrame({"age_from": [0.0, 0.0], "age_to": [np.inf, np.inf], "sex": ["M", "F"], "factor": 1.0})
    >>> book = pd.DataFrame({"age": 40, "sex": ["M"] * 200 + ["F"] * 200, "months": 12,
    ...     "allowed": [900.0, 1100.0] * 100 + [1900.0, 2100.0] * 100})
    >>> estimate_factors(book, flat).cells[["sex", "observed", "factor"]].round(3).values.tolist()
    [['M', 0.667, 0.667], ['F', 1.333, 1.333]]
    """
    if credibility not in get_args(Credibility):
        raise InputError(f"credibility: found '{credibility}'; one of {', '.join(get_args(Credibility))} is wanted")
    full = full_credibility_claims() if claims_full is None else claims_full
    if not full > 0:
        raise InputError(f"credibility: full at {full:g} claims; above zero is wanted")
    wanted = ["age", "sex", "months", "allowed"] + ["claims"] * (credibility == "limited-fluctuation")
    for column in wanted:
        if column not in members:
            raise InputError(f"members: no column '{column}'; {', '.join(wanted)} are wanted")
    table = check_factors(standard)[[*CELL, "factor"]]
    at = cell_index(members["age"], members["sex"], table)
    months = member_months(members["months"], at.size)
    allowed = members["allowed"].to_numpy(dtype=float)
    if not np.isfinite(allowed).all():
        raise InputError(f"members: row {int(np.flatnonzero(~np.isfinite(allowed))[0]) + 1} has no allowed amount")
    exposed = months > 0
    at, months, allowed = at[exposed], months[exposed], allowed[exposed]
    if not allowed.sum() > 0:
        raise InputError(f"members: allowed claims add up to ${allowed.sum():,.0f}; above zero is wanted")
    held = np.unique(at)
    if len(held) < 2 or len(at) <= len(held):
        raise InputError(
            f"members: {len(at)} with exposure in {len(held)} cells; more, in two cells at least, are wanted"
        )
    relative = allowed / months * (months.sum() / allowed.sum())
    count = np.bincount(at, minlength=len(table))
    exposure = np.bincount(at, weights=months, minlength=len(table))
    scale = age_sex_factor(exposure, table["factor"])
    expected = (table["factor"] / scale).to_numpy()
    observed, error, fit = _regression(relative, at, months, len(table))
    weight, ratio = exposure * expected, observed / expected
    process = float((months * expected[at] * (relative / expected[at] - ratio[at]) ** 2).sum() / (len(at) - len(held)))
    spread = float(np.nansum(weight * (ratio - 1) ** 2))
    freedom = len(held) - 1
    between = max(0.0, (spread - freedom * process) / (weight.sum() - (weight**2).sum() / weight.sum()))
    if credibility == "limited-fluctuation":
        claims = np.bincount(at, weights=members["claims"].to_numpy(float)[exposed], minlength=len(table))
        z = np.minimum(1.0, np.sqrt(claims / full))
    else:
        z = weight * between / (weight * between + process) if process > 0 else np.where(count > 0, 1.0, 0.0)
    used = expected * np.where(count > 0, z * np.nan_to_num(ratio) + 1 - z, 1.0)
    cells = table[CELL].assign(
        members=count,
        months=exposure,
        observed=observed,
        standard_error=error,
        standard=expected,
        credibility=z,
        factor=used / age_sex_factor(exposure, used),
    )
    fit |= _chi_square(spread / process if process > 0 else np.inf, freedom)
    return AgeSexEstimate(cells, credibility, scale, process, between, pd.Series(fit))


def _regression(
    relative: np.ndarray, at: np.ndarray, months: np.ndarray, cells: int
) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
    """Weighted regression on cell indicators, solved cell by cell: coefficients, HC1 errors, R squared and F test."""
    from scipy.stats import f

    exposure = np.bincount(at, weights=months, minlength=cells)
    count = np.bincount(at, minlength=cells)
    held = int((count > 0).sum())
    freedom = len(at) - held
    with np.errstate(invalid="ignore"):
        observed = np.bincount(at, weights=months * relative, minlength=cells) / exposure
        left = relative - observed[at]
        squares = np.bincount(at, weights=(months * left) ** 2, minlength=cells)
        error = np.where(count > 1, np.sqrt(squares * len(at) / freedom) / exposure, np.nan)
    unexplained = float((months * left**2).sum())
    explained = float((months * (relative - 1) ** 2).sum()) - unexplained
    ratio = explained / (held - 1) / (unexplained / freedom) if unexplained > 0 else np.inf
    fit = {
        "R squared": explained / (explained + unexplained) if explained + unexplained > 0 else np.nan,
        "F": ratio,
        "p-value, F": float(f.sf(ratio, held - 1, freedom)),
    }
    return observed, error, fit


def _chi_square(statistic: float, freedom: int) -> dict[str, float]:
    """Chi-square statistic with its degrees of freedom and p-value."""
    from scipy.stats import chi2

    return {
        "chi-square": statistic,
        "degrees of freedom, chi-square": float(freedom),
        "p-value, chi-square": float(chi2.sf(statistic, freedom)),
    }


def _p(value: float) -> str:
    """Words for a p-value."""
    return "p below 0.0001" if value < 1e-4 else f"p {value:.4f}"
