"""Spans of whole months, their midpoints, and the months between them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd


@dataclass(frozen=True, order=True)
class Span:
    """
    A run of whole calendar months, both ends included.

    Parameters
    ----------
    first, last : pandas.Period
        First and last month, monthly frequency; `last` must not come before `first`.

    Raises
    ------
    ValueError
        The last month lies before the first.

    Examples
    --------
    >>> half = Span.of("2006-01", "2006-06")
    >>> half.months, half.midpoint
    (6, datetime.date(2006, 4, 1))
    """

    first: pd.Period
    last: pd.Period

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"a span cannot end in {self.last}, before it begins in {self.first}")

    @classmethod
    def of(cls, first: str, last: str) -> Span:
        """Span from two months written as ``YYYY-MM``."""
        return cls(pd.Period(first, "M"), pd.Period(last, "M"))

    @classmethod
    def year(cls, year: int) -> Span:
        """Span of a calendar year."""
        return cls.of(f"{year}-01", f"{year}-12")

    @property
    def months(self) -> int:
        """Number of months in the span."""
        return (self.last - self.first).n + 1

    @property
    def midpoint(self) -> date:
        """
        Middle of the span: the first of a month, or its sixteenth when the number of months is odd.

        The Toolkit (part 3, p. 41) names March 1 as the midpoint of January to June; half of six months
        after January 1 is April 1, which is also what the six months it then counts require.
        """
        whole, odd = divmod(self.months, 2)
        start = (self.first + whole).start_time.date()
        return start + timedelta(days=15) if odd else start


def months_between(earlier: Span, later: Span) -> float:
    """
    Months between the midpoints of two spans.

    Parameters
    ----------
    earlier, later : Span
        Any two spans; the result is negative when they come in the wrong order.

    Returns
    -------
    float
        Months from the midpoint of `earlier` to the midpoint of `later`. [months]

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, p. 41.

    Examples
    --------
    The two half years of the Toolkit's example:

    >>> months_between(Span.of("2006-01", "2006-06"), Span.of("2006-07", "2006-12"))
    6.0
    """
    return (later.first - earlier.first).n + (later.months - earlier.months) / 2
