"""Claims above a threshold: what a threshold trades away, pooling and reinsurance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from acomodel.budget.claimants import Claimants, as_claimants, checked_amounts
from acomodel.budget.truncation import truncate
from acomodel.exhibit import Exhibit, Shown, show
from acomodel.inputs import InputError
from acomodel.privacy import nested, printed
from acomodel.rates import Numeric, pmpm


@dataclass(frozen=True, eq=False, repr=False)
class ThresholdTradeoff(Shown):
    """
    What truncation takes away and what it calms, by threshold.

    Parameters
    ----------
    table : pandas.DataFrame
        By threshold [$]: `claimants` above it [members], `removed` share of claims [share], truncated `mean` [$ per
        member], `pmpm` [$ PMPM], `sd` [$ per member] and `cv` [ratio] of a member's truncated claims, and, for each
        size n, `sd_of_mean_n` [share of mean].
    members : tuple of int
        Sizes of population. [members]
    prorate : bool
        Whether members enrolled for part of the year have that part of the threshold.
    """

    table: pd.DataFrame
    members: tuple[int, ...]
    prorate: bool

    def to_frame(self) -> pd.DataFrame:
        """One row per threshold, unrounded."""
        return self.table.copy()

    def exhibit(self, *, small_cells: bool = False) -> Exhibit:
        """The table for a reader; where one to ten claimants are above, neither they nor dollars are shown."""
        names = {
            "claimants": ("Claimants above", "#"),
            "removed": ("Claims removed", "%."),
            "mean": ("Truncated mean", "$"),
            "pmpm": ("Truncated PMPM", "$."),
            "sd": ("SD of a member", "$"),
            "cv": ("CV of a member", "0.000"),
        } | {f"sd_of_mean_{n}": (f"SD of mean, {n:,} members", "%.") for n in self.members}
        table = self.table if small_cells else _hidden(self.table)
        table = table.set_axis(pd.Index([_words(d) for d in self.table.index], name="Threshold"))
        part = "their part of the threshold" if self.prorate else "the whole threshold"
        return Exhibit(
            "What the truncation threshold trades",
            table.rename(columns={key: label for key, (label, _) in names.items()}),
            dict(names.values()),
            f"Every member counts once; members enrolled for part of the year have {part}. The SD of the mean is that "
            "of chance alone, members independent of one another, as a share of the truncated mean.",
        )


def _hidden(table: pd.DataFrame) -> pd.DataFrame:
    """
    A table without the figures of rows with 1 to 10 claimants above, or between them and another row that is shown.

    Dollars at two thresholds would tell what few members cost.
    """
    hidden = nested(table["claimants"])
    return table.mask(hidden).assign(claimants=printed(table["claimants"], hidden))


def _words(amount: float) -> str:
    """Words for a threshold."""
    return "none" if math.isinf(amount) else show(amount, "$" if amount == round(amount) else "$.")


def threshold_tradeoff(
    annual_claims: Numeric | Claimants,
    thresholds: Numeric,
    *,
    months: Numeric | None = None,
    members: Sequence[int] = (5_000, 10_000, 20_000, 50_000),
    prorate: bool = False,
) -> ThresholdTradeoff:
    r"""
    Dollars that a truncation threshold removes against the chance variation that it takes out.

    Parameters
    ----------
    annual_claims : array-like or Claimants
        Allowed claims of each member in a year, or their compressed distribution. [$]
    thresholds : array-like
        Amounts per member and year; infinity is no truncation. [$]
    months : array-like, optional
        Months of enrollment of each member; 12 if not given. [months]
    members : sequence of int
        Sizes of population for which the SD of the mean is shown. [members]
    prorate : bool
        Whether a member enrolled for part of the year has that part of the threshold.

    Returns
    -------
    ThresholdTradeoff

    Raises
    ------
    InputError
        An input cannot be used, or a threshold lies below the floor of the distribution.

    Notes
    -----
    With truncated claims :math:`t_i = \min(x_i, d)` of :math:`N` members,

    .. math:: \bar t = \frac1N \sum t_i, \quad s^2 = \frac1N \sum t_i^2 - \bar t^2, \quad
        \text{CV} = s / \bar t, \quad \text{SD of the mean of } n = \text{CV} / \sqrt n

    Every member counts once, whatever the months: that some stay for part of the year is part of the spread.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, p. 46: smaller ACOs may warrant lower thresholds.
    .. [2] S. A. Klugman, H. H. Panjer and G. E. Willmot, "Loss Models," 4th ed., Wiley, 2012, section 8.5.

    Examples
    --------
    >>> book = [0.0] * 5 + [1_000.0] * 4 + [96_000.0]
    >>> threshold_tradeoff(book, [6_000, np.inf], members=[100]).to_frame()[["mean", "cv", "sd_of_mean_100"]].round(3)
                  mean     cv  sd_of_mean_100
    threshold
    6000.0      1000.0  1.732           0.173
    inf        10000.0  2.867           0.287
    """
    wanted = checked_amounts(thresholds, "threshold")
    if not members or min(members) < 1:
        raise InputError(f"large claims: sizes of population are {list(members)}; members above zero are wanted")
    book = as_claimants(annual_claims, months, wanted[0], "threshold")
    rows = []
    for threshold in wanted:
        kept = truncate(book.allowed, threshold, months=book.months, prorate=prorate)
        kept_total = book.rest_allowed + float(kept.sum())
        mean = kept_total / book.members
        square = (book.rest_squares + float((kept**2).sum())) / book.members
        variance = square - mean**2
        spread = math.sqrt(variance) if variance > 1e-13 * square else 0.0
        cv = spread / mean if mean > 0 else math.nan
        row = {
            "claimants": int((book.allowed > kept).sum()),
            "removed": 1 - kept_total / book.total if book.total > 0 else math.nan,
            "mean": mean,
            "pmpm": pmpm(kept_total, book.member_months),
            "sd": spread,
            "cv": cv,
        }
        rows.append(row | {f"sd_of_mean_{n}": cv / math.sqrt(n) for n in members})
    return ThresholdTradeoff(pd.DataFrame(rows, index=pd.Index(wanted, name="threshold")), tuple(members), prorate)


def pooling_charge(
    annual_claims: Numeric | Claimants,
    attachment: Numeric,
    months: Numeric | None = None,
    *,
    credibility: float = 1.0,
    manual: Numeric | None = None,
    load: float = 0.0,
) -> Numeric:
    r"""
    Charge for pooling claims above an attachment point: their expected cost per member per month.

    Parameters
    ----------
    annual_claims : array-like or Claimants
        Allowed claims of each member in a year, or their compressed distribution. [$]
    attachment : numeric
        Amount per member and year above which claims are pooled. [$]
    months : array-like, optional
        Months of enrollment of each member; 12 if not given. [months]
    credibility : float
        Weight of the book's own excess, 0 to 1. [share]
    manual : numeric, optional
        Expected excess of a larger population above the same attachment; needed below full credibility. [$ PMPM]
    load : float
        Addition for risk and expense as a share of the expected excess. [share]

    Returns
    -------
    numeric
        Charge, one for each attachment. [$ PMPM]

    Raises
    ------
    InputError
        Credibility is below 1 and the manual excess is missing, or an input cannot be used.

    Notes
    -----
    .. math:: c = (1 + \lambda) \Big[ Z \frac{\sum (x_i - d)^+}{\sum m_i} + (1 - Z) \, e_{manual} \Big]

    References
    ----------
    .. [1] IC 83, "Group Insurance and Retirement Benefit," e-book, p. 143: pooling of catastrophic claims, credibility.
    .. [2] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, p. 46: high-cost claims turned into a PMPM.

    Examples
    --------
    One claimant of $450,000 among 5,000 members pooled above $50,000:

    >>> book = [450_000.0] + [0.0] * 4_999
    >>> round(pooling_charge(book, 50_000), 2)
    6.67
    >>> round(pooling_charge(book, 50_000, credibility=0.25, manual=9.0, load=0.1), 2)
    9.26
    """
    _share("credibility", credibility)
    _not_negative("load", load)
    if credibility < 1 and manual is None:
        raise InputError(f"pooling: credibility is {credibility:g} and no manual excess is given; $ PMPM are wanted")
    bounds = checked_amounts(attachment, "attachment")
    book = as_claimants(annual_claims, months, bounds[0], "attachment")
    above = {d: pmpm(float((book.allowed - truncate(book.allowed, d)).sum()), book.member_months) for d in bounds}
    own = np.array([above[float(d)] for d in np.ravel(attachment)]).reshape(np.shape(attachment))
    charge = (1 + load) * (credibility * own + ((1 - credibility) * manual if manual is not None else 0.0))
    return float(charge) if np.ndim(charge) == 0 else charge


def claims_charge(experience: Numeric, manual: Numeric, pooling: Numeric, credibility: Numeric) -> Numeric:
    r"""
    Expected claims of a book under pooling: credible experience below the attachment, and the pooling charge.

    Parameters
    ----------
    experience : numeric
        The book's own claims truncated at the attachment, trended and adjusted. [$ PMPM]
    manual : numeric
        Expected claims of its kind of members, also below the attachment: claims above it are in the charge, and
        would count twice. [$ PMPM]
    pooling : numeric
        Pooling charge (`pooling_charge`). [$ PMPM]
    credibility : numeric
        Weight of the experience, 0 to 1. [share]

    Returns
    -------
    numeric
        Expected claims. [$ PMPM]

    Raises
    ------
    InputError
        Credibility is not a share.

    Notes
    -----
    .. math:: Z \, x + (1 - Z) \, m + c

    References
    ----------
    .. [1] IC 83, "Group Insurance and Retirement Benefit," e-book, p. 143: pooling of catastrophic claims, credibility.

    Examples
    --------
    >>> claims_charge(300.0, 320.0, 6.50, 0.75)
    311.5
    """
    _share("credibility", credibility)
    return credibility * experience + (1 - credibility) * manual + pooling


MOST = 2.0
"""Largest load. [share]"""


def _share(name: str, value: Numeric) -> None:
    """Refuse what is not between 0 and 1."""
    if not np.all((np.asarray(value) >= 0) & (np.asarray(value) <= 1)):
        raise InputError(f"large claims: {name} is {value}; a share from 0 to 1 is wanted")


def _not_negative(name: str, value: float) -> None:
    """Refuse what is below zero, missing, or more than a share may be."""
    if not 0 <= value <= MOST:
        raise InputError(f"large claims: {name} is {value}; a share from 0 to {MOST:g} is wanted, 0.2 for 20 percent")


@dataclass(frozen=True, eq=False, repr=False)
class Reinsurance(Shown):
    """
    Cost of excess-of-loss reinsurance by attachment point, and claims by layer.

    Parameters
    ----------
    table : pandas.DataFrame
        By attachment [$]: `claimants` above it [members], `excess` up to the limit [$], its `share` of all claims
        [share], what is `reinsured` and what is `retained` [$], the `net_pmpm` of the reinsured claims and the `pmpm`
        with load [$ PMPM].
    layers : pandas.DataFrame
        Lower end `over` and upper end `up_to` of each layer [$], `members` with claims over the lower end, `claims`
        in the layer [$], their `share` and `pmpm`; the claims add up to those of the book.
    coinsurance, limit, load : float
        Terms the table rests on.
    """

    table: pd.DataFrame
    layers: pd.DataFrame
    coinsurance: float
    limit: float
    load: float

    def to_frame(self) -> pd.DataFrame:
        """One row per attachment, unrounded."""
        return self.table.copy()

    def exhibit(self, *, small_cells: bool = False) -> Exhibit:
        """The table for a reader; where one to ten claimants are above, neither they nor dollars are shown."""
        table = self.table if small_cells else _hidden(self.table)
        table = table.set_axis(pd.Index([_words(d) for d in self.table.index], name="Attachment"))
        table.columns = [
            "Claimants",
            "Excess",
            "Share of claims",
            "Reinsured",
            "Retained",
            "Net PMPM",
            "PMPM with load",
        ]
        formats = dict(zip(table.columns, ("#", "$", "%.", "$", "$", "$.", "$."), strict=True))
        top = "without limit" if math.isinf(self.limit) else f"up to {_words(self.limit)} of claims"
        terms = f"{show(self.coinsurance, '%')} of the excess is reinsured, {top}; load {show(self.load, '%')}."
        return Exhibit("Reinsurance by attachment point", table, formats, terms)


def reinsurance_pmpm(
    annual_claims: Numeric | Claimants,
    attachments: Numeric,
    *,
    months: Numeric | None = None,
    coinsurance: float = 1.0,
    limit: float = math.inf,
    load: float = 0.0,
) -> Reinsurance:
    r"""
    Price of reinsuring each member's claims above an attachment point, for several attachment points.

    Parameters
    ----------
    annual_claims : array-like or Claimants
        Allowed claims of each member in a year, or their compressed distribution. [$]
    attachments : array-like
        Amounts per member and year at which reinsurance begins. [$]
    months : array-like, optional
        Months of enrollment of each member; 12 if not given. [months]
    coinsurance : float
        Part of the excess that the reinsurer pays; 0.9 leaves a tenth of it with the ACO. [share]
    limit : float
        Claims of a member and year above which the reinsurer pays nothing more; above all attachments. [$]
    load : float
        Addition for risk and expense as a share of the net price. [share]

    Returns
    -------
    Reinsurance

    Raises
    ------
    InputError
        The limit is not above the attachments, or an input cannot be used.

    Notes
    -----
    With attachment :math:`d`, limit :math:`u`, coinsurance :math:`\alpha` and load :math:`\lambda`,

    .. math:: (1 + \lambda) \, \alpha \, \frac{\sum [\min(x_i, u) - \min(x_i, d)]}{\sum m_i}

    The attachment is not prorated: a member enrolled for part of the year has the whole of it.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, p. 46: full or partial reinsurance as a PMPM.
    .. [2] S. A. Klugman, H. H. Panjer and G. E. Willmot, "Loss Models," 4th ed., Wiley, 2012, theorem 8.7.

    Examples
    --------
    >>> book = [450_000.0, 40_000.0] + [1_000.0] * 4_998
    >>> reinsurance_pmpm(book, [30_000, 50_000], coinsurance=0.9).to_frame()[["claimants", "excess", "pmpm"]].round(2)
                claimants    excess  pmpm
    attachment
    30000.0             2  430000.0  6.45
    50000.0             1  400000.0  6.00
    """
    _share("coinsurance", coinsurance)
    _not_negative("load", load)
    bounds = checked_amounts(attachments, "attachment")
    if not limit > bounds[-1]:
        raise InputError(f"reinsurance: the limit {limit:,.2f} is not above the attachment {bounds[-1]:,.2f}")
    book = as_claimants(annual_claims, months, bounds[0], "attachment")
    below = {d: book.rest_allowed + float(truncate(book.allowed, d).sum()) for d in [*bounds, limit]}
    rows = []
    for attachment in bounds:
        over = below[limit] - below[attachment]
        net = pmpm(coinsurance * over, book.member_months)
        rows.append(
            {
                "claimants": int((book.allowed > attachment).sum()),
                "excess": over,
                "share": over / book.total if book.total else math.nan,
                "reinsured": coinsurance * over,
                "retained": book.total - coinsurance * over,
                "net_pmpm": net,
                "pmpm": (1 + load) * net,
            }
        )
    table = pd.DataFrame(rows, index=pd.Index(bounds, name="attachment"))
    return Reinsurance(table, _layers(book, [*bounds, limit]), coinsurance, limit, load)


def _layers(book: Claimants, bounds: list[float]) -> pd.DataFrame:
    """Claims of a book cut at the bounds, the last layer without an upper end."""
    upper = bounds if math.isinf(bounds[-1]) else [*bounds, math.inf]
    lower = [0.0, *upper[:-1]]
    reached = np.array([book.rest_allowed + float(truncate(book.allowed, d).sum()) for d in upper])
    claims = np.diff(reached, prepend=0.0)
    return pd.DataFrame(
        {
            "over": lower,
            "up_to": upper,
            "members": [book.members, *(int((book.allowed > d).sum()) for d in lower[1:])],
            "claims": claims,
            "share": claims / book.total if book.total else math.nan,
            "pmpm": pmpm(claims, book.member_months),
        }
    )
