"""The distribution of annual claims of a book of members, and the same without a table of members."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from acomodel.inputs import InputError
from acomodel.rates import MONTHS, Numeric

COLUMNS = ("kind", "members", "months", "allowed", "squares")
"""Columns of a distribution of claims as a table: one row per claimant, and the rest of the members in sums."""


def checked_claims(annual_claims: Numeric, months: Numeric | None = None) -> tuple[np.ndarray, np.ndarray]:
    """
    Claims and months of a book of members as arrays, checked.

    Parameters
    ----------
    annual_claims : array-like
        Allowed claims of each member in a year. [$]
    months : array-like or float, optional
        Months of enrollment of each member; 12 if not given. [months]

    Returns
    -------
    tuple of numpy.ndarray
        Claims [$] and months [months], one of each per member.

    Raises
    ------
    InputError
        Nobody is there, lengths differ, an amount is missing, or months are not above 0 and at most 12.

    Examples
    --------
    >>> checked_claims([100.0, 250.0])[1].tolist()
    [12.0, 12.0]
    """
    try:
        claims = np.asarray(annual_claims, dtype=float).ravel()
        given = np.asarray(MONTHS if months is None else months, dtype=float).ravel()
    except (TypeError, ValueError) as error:
        raise InputError(f"large claims: claims and months must be numbers ({error})") from None
    if not claims.size:
        raise InputError("large claims: no members; the annual claims of at least one are wanted")
    if given.size not in (1, claims.size):
        raise InputError(
            f"large claims: {claims.size} members have claims, {given.size} have months; as many are wanted"
        )
    enrolled = np.broadcast_to(given, claims.shape)
    if (lacking := ~np.isfinite(claims)).any():
        at = int(np.argmax(lacking))
        raise InputError(
            f"large claims: member {at + 1} of {claims.size} has claims of {claims[at]}; dollars are wanted"
        )
    if (wrong := ~((enrolled > 0) & (enrolled <= MONTHS))).any():
        at = int(np.argmax(wrong))
        raise InputError(
            f"large claims: member {at + 1} of {claims.size} has {enrolled[at]:g} months of enrollment; "
            "above 0 and at most 12 are wanted"
        )
    return claims, enrolled


def prorated_threshold(threshold: Numeric, months: Numeric) -> Numeric:
    r"""
    Threshold of members enrolled for part of a year, to the cent.

    Parameters
    ----------
    threshold : numeric
        Amount per member and year. [$]
    months : numeric
        Months of enrollment in the year. [months]

    Returns
    -------
    numeric
        Threshold times the part of the year, halves of a cent upwards. [$]

    Notes
    -----
    .. math:: d_m = d \, m / 12

    Truncating claims at :math:`d_m` is truncating annualized claims :math:`12 x / m` at :math:`d` and taking the part
    of the year of what is left.

    References
    ----------
    .. [1] 42 CFR 425.604(a) (2015): annualized expenditures are truncated at a percentile.

    Examples
    --------
    >>> float(prorated_threshold(50_000, 7))
    29166.67
    """
    return np.floor(np.rint(np.asarray(threshold, dtype=float) * 100) * months / MONTHS + 0.5) / 100


@dataclass(frozen=True, eq=False)
class Claimants:
    """
    Distribution of annual claims: claimants above a floor one by one, all other members as four sums.

    Parameters
    ----------
    floor : float
        Amount per member and year, prorated by months, above which members are listed. [$]
    allowed, months : numpy.ndarray
        Claims [$] and months of enrollment [months] of each claimant, largest claims first.
    rest_members, rest_months, rest_allowed, rest_squares : float
        Number of all other members, their months, their claims and the squares of these.
    """

    floor: float
    allowed: np.ndarray
    months: np.ndarray
    rest_members: int
    rest_months: float
    rest_allowed: float
    rest_squares: float

    @property
    def members(self) -> int:
        """All members. [members]"""
        return self.rest_members + len(self.allowed)

    @property
    def member_months(self) -> float:
        """Exposure of all members. [member months]"""
        return self.rest_months + float(self.months.sum())

    @property
    def total(self) -> float:
        """Claims of all members. [$]"""
        return self.rest_allowed + float(self.allowed.sum())

    def scaled(self, factor: float) -> Claimants:
        """
        Distribution with all claims multiplied by one factor above zero, as to complete them.

        >>> compress([500.0, 700.0, 90_000.0], None, 50_000).scaled(2.0).total
        182400.0
        """
        return Claimants(
            self.floor * factor,
            self.allowed * factor,
            self.months,
            self.rest_members,
            self.rest_months,
            self.rest_allowed * factor,
            self.rest_squares * factor**2,
        )

    def at_percentile(self, percentile: float) -> float:
        """
        Annualized claims at a percentile of the member months, as `threshold_at` defines it. [$]

        Parameters
        ----------
        percentile : float
            Percentile, 1 to 100. [percent]

        Raises
        ------
        InputError
            The percentile lies among the members who are known only in sums.

        Examples
        --------
        >>> compress([500.0, 700.0, 60_000.0, 90_000.0], None, 50_000).at_percentile(75)
        60000.0
        """
        wanted = percentile * self.member_months / 100 * (1 - 1e-12)
        if wanted <= self.rest_months:
            known = 100 * self.rest_months / self.member_months
            raise InputError(
                f"large claims: members are known one by one above the {known:.2f}th percentile; found {percentile:g}"
            )
        annual = self.allowed * MONTHS / self.months
        order = np.argsort(annual, kind="stable")
        reached = self.rest_months + np.cumsum(self.months[order])
        return float(annual[order][min(np.searchsorted(reached, wanted), len(order) - 1)])

    def to_frame(self) -> pd.DataFrame:
        """Columns `COLUMNS`: a row "claimant" for each claimant, then one row "rest"."""
        listed = {"kind": "claimant", "members": 1, "months": self.months, "allowed": self.allowed}
        rest = ("rest", self.rest_members, self.rest_months, self.rest_allowed, self.rest_squares)
        last = pd.DataFrame([rest], columns=list(COLUMNS))
        if not len(self.allowed):
            return last
        return pd.concat([pd.DataFrame(listed | {"squares": self.allowed**2}), last], ignore_index=True)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, floor: float | None = None) -> Claimants:
        """
        Distribution from the table that `to_frame` makes.

        Parameters
        ----------
        frame : pandas.DataFrame
            Columns `COLUMNS`; several rows "rest" are added up.
        floor : float, optional
            Amount above which members are listed; if not given, the least annualized claims among the claimants,
            below which the table cannot tell. [$]

        Raises
        ------
        InputError
            A column, the row "rest" or a number is missing or cannot be.
        """
        if lacking := [name for name in COLUMNS if name not in frame]:
            raise InputError(f"claimants: no column {lacking[0]!r}; {', '.join(COLUMNS)} are wanted")
        if len(other := frame.loc[~frame["kind"].isin(["claimant", "rest"]), "kind"]):
            raise InputError(f"claimants: kind {other.iloc[0]!r} in row {other.index[0]}; claimant or rest is wanted")
        listed, rest = frame[frame["kind"] == "claimant"], frame[frame["kind"] == "rest"]
        if rest.empty:
            raise InputError("claimants: no row 'rest'; the members at or below the floor are wanted as sums")
        if len(many := listed.loc[listed["members"] != 1, "members"]):
            raise InputError(f"claimants: row {many.index[0]} has {many.iloc[0]} members; a claimant is one member")
        numbers = frame[list(COLUMNS[1:])].apply(pd.to_numeric, errors="coerce")
        if (blank := ~np.isfinite(numbers)).any(axis=None):
            row, name = next((i, n) for n in numbers for i in numbers.index[blank[n]])
            raise InputError(f"claimants: {name} in row {row} is {frame.loc[row, name]!r}; a number is wanted")
        sums = numbers.loc[rest.index].sum()
        if sums["members"] + len(listed) < 1 or sums["members"] * sums["squares"] < 0.999 * sums["allowed"] ** 2:
            raise InputError(
                f"claimants: row 'rest' has {sums['members']:g} members with {sums['allowed']:,.2f}, whose squares "
                f"cannot add up to {sums['squares']:,.2f}"
            )
        allowed, months = np.empty(0), np.empty(0)
        if len(listed):
            allowed, months = checked_claims(listed["allowed"], listed["months"])
        least = float((allowed * MONTHS / months).min()) if len(listed) else math.inf
        bound = least if floor is None else float(floor)
        if (allowed <= _limit(bound, months)).any() and floor is not None:
            raise InputError(f"claimants: annualized claims of {least:,.2f} are not above the floor of {bound:,.2f}")
        order = np.argsort(-allowed, kind="stable")
        return cls(bound, allowed[order], months[order], int(sums["members"]), *(float(sums[c]) for c in COLUMNS[2:]))


def compress(annual_claims: Numeric, months: Numeric | None, floor: float) -> Claimants:
    r"""
    Distribution of claims without a table of members: claimants above a floor, and sums of all others.

    Parameters
    ----------
    annual_claims : array-like
        Allowed claims of each member in a year. [$]
    months : array-like or None
        Months of enrollment of each member; None for 12. [months]
    floor : float
        Amount per member and year above which a member is listed; prorated by months, so that a distribution serves
        thresholds with and without proration. [$]

    Returns
    -------
    Claimants
        Serves every threshold at or above the floor.

    Raises
    ------
    InputError
        Claims, months or floor cannot be used.

    Examples
    --------
    >>> compress([500.0, 700.0, 90_000.0], None, 50_000).to_frame().values.tolist()
    [['claimant', 1, 12.0, 90000.0, 8100000000.0], ['rest', 2, 24.0, 1200.0, 740000.0]]
    """
    claims, enrolled = checked_claims(annual_claims, months)
    (bound,) = checked_amounts([floor], "floor")
    above = claims > _limit(bound, enrolled)
    order = np.argsort(-claims[above], kind="stable")
    rest = claims[~above]
    return Claimants(
        floor=bound,
        allowed=claims[above][order],
        months=enrolled[above][order],
        rest_members=len(rest),
        rest_months=float(enrolled[~above].sum()),
        rest_allowed=float(rest.sum()),
        rest_squares=float((rest**2).sum()),
    )


def _limit(floor: float, months: np.ndarray) -> np.ndarray:
    """Claims above which a member is listed: the floor prorated, and never more than the floor."""
    return np.minimum(prorated_threshold(floor, months), floor)


def checked_amounts(amounts: Numeric, what: str) -> list[float]:
    """
    Thresholds or attachments, sorted and each once.

    Parameters
    ----------
    amounts : array-like
        Amounts at or above zero; infinity is none. [$]
    what : str
        What they are called in a message.

    Raises
    ------
    InputError
        None is there, or one is negative or missing.

    Examples
    --------
    >>> checked_amounts([50_000, 30_000], "threshold")
    [30000.0, 50000.0]
    """
    found = np.unique(np.asarray(amounts, dtype=float).ravel())
    if not found.size or not (found >= 0).all():
        shown = f"is {found[~(found >= 0)][0]:,g}" if found.size else "is not given"
        raise InputError(f"large claims: the {what} {shown}; dollars at or above zero are wanted")
    return [float(amount) for amount in found]


def as_claimants(annual_claims: Numeric | Claimants, months: Numeric | None, least: float, what: str) -> Claimants:
    """
    A distribution that serves amounts from the least one on: as given, or compressed from a book of members.

    Parameters
    ----------
    annual_claims : array-like or Claimants
        Allowed claims of each member in a year, or their distribution. [$]
    months : array-like, optional
        Months of enrollment of each member; a distribution has its own. [months]
    least : float
        Least threshold or attachment that is wanted. [$]
    what : str
        What it is called in a message.

    Raises
    ------
    InputError
        The amount lies below the floor of the distribution.
    """
    if not isinstance(annual_claims, Claimants):
        return compress(annual_claims, months, least)
    if months is not None:
        raise InputError("large claims: a distribution has months of its own; no others are wanted beside it")
    if least < annual_claims.floor:
        raise InputError(
            f"large claims: the {what} {least:,.2f} lies below the floor {annual_claims.floor:,.2f}, under which "
            "members are known only in sums; one at or above the floor is wanted"
        )
    return annual_claims
