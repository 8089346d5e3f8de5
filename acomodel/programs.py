"""Rules of a programme as dated, cited rows: one lookup for every parameter, and the size table of the MSR."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

from acomodel.exhibit import Assumption
from acomodel.inputs import InputError, nearest
from acomodel.rates import Numeric


@cache
def rule_table(name: str) -> pd.DataFrame:
    """Rule rows as they stand in the package: all columns text but the years."""
    with files("acomodel").joinpath(f"data/rules/{name}.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype=str, keep_default_na=False)


@cache
def _in_force(program: str, parameter: str, track: str, year: int, began: int) -> pd.Series | None:
    table = rule_table(program)
    rows = table[(table["parameter"] == parameter) & table["track"].isin([track, "*"])]
    since = rows["effective_from"].astype(int)
    agreement = rows["agreement_from"].replace("", "0").astype(int)
    rows = rows.assign(since=since, agreement=agreement, own=rows["track"] == track)
    rows = rows[(since <= year) & (agreement <= began)]
    return None if rows.empty else rows.sort_values(["own", "since", "agreement"]).iloc[-1]


@dataclass(frozen=True)
class Rules:
    """
    Values of one programme in one performance year.

    Parameters
    ----------
    program : str
        Name of the rule table, such as "mssp".
    year : int
        Performance year.
    agreement_start : int, optional
        Year in which the agreement began; the performance year when not given. Some rules hold only for
        agreements from a year on.

    Examples
    --------
    >>> Rules("mssp", 2014).value("sharing_rate", "Track 1").value
    0.5
    >>> Rules("mssp", 2024).text("quality_method", "BASIC E")
    'standard_or_alternative'
    """

    program: str
    year: int
    agreement_start: int | None = None

    def row(self, parameter: str, track: str) -> pd.Series | None:
        """Row in force: the track's own before one for all tracks, then the latest; None where there is none."""
        began = self.year if self.agreement_start is None else self.agreement_start
        return _in_force(self.program, parameter, track, self.year, began)

    def text(self, parameter: str, track: str) -> str:
        """Value as text, or an empty string where no row is in force."""
        row = self.row(parameter, track)
        return "" if row is None else str(row["value"])

    def number(self, parameter: str, track: str) -> float | None:
        """Value as a number, or None where no row is in force."""
        text = self.text(parameter, track)
        return float(text) if text else None

    def value(self, parameter: str, track: str) -> Assumption:
        """
        Value with its unit and source.

        Raises
        ------
        InputError
            No row of that parameter is in force for the track and year.
        """
        row = self.row(parameter, track)
        if row is None:
            raise InputError(
                f"the {self.program.upper()} rules have no '{parameter}' for '{track}' in {self.year}; "
                f"known tracks are {', '.join(self.tracks()) or f'none before {self.first_year()}'}."
                f"{nearest(track, self.tracks())}"
            )
        try:
            value: float | str = float(row["value"])
        except ValueError:
            value = row["value"]
        note = "; ".join(part for part in (row["note"], self.beyond()) if part)
        return Assumption(f"{track}: {parameter}", value, row["unit"], "rule", row["source"], note)

    def tracks(self) -> list[str]:
        """Tracks that the programme's table knows in this year."""
        table = rule_table(self.program)
        named = table["parameter"].isin(["sharing_rate", "sharing_rate_range"])
        return sorted(table[named & (table["effective_from"].astype(int) <= self.year)]["track"].unique())

    def first_year(self) -> int:
        """First performance year that the programme's table knows a track of."""
        table = rule_table(self.program)
        named = table["parameter"].isin(["sharing_rate", "sharing_rate_range"])
        return int(table[named]["effective_from"].astype(int).min()) if named.any() else 0

    def beyond(self) -> str:
        """Sentence for a year past the last one checked, or an empty string."""
        through = int(self.text("table_through", "*") or 0)
        if self.year <= through:
            return ""
        return f"the table is checked through {through}; its newest row stands in for {self.year}"


def minimum_savings_rate(beneficiaries: Numeric) -> Numeric:
    r"""
    Minimum savings rate of the Medicare Shared Savings Program by number of assigned beneficiaries.

    Parameters
    ----------
    beneficiaries : numeric
        Assigned beneficiaries, at least 100. [members]

    Returns
    -------
    numeric
        Rate, same shape as given; NaN below the table's first band. [share of benchmark]

    Notes
    -----
    Within a band from :math:`n_0` to :math:`n_1` beneficiaries, whose printed rates are :math:`r_0` and
    :math:`r_1`,

    .. math:: r(n) = r_0 + (r_1 - r_0) \frac{n - n_0}{n_1 - n_0}

    and 2 % from 60,000 on. Below 5,000 the bands are those the published settlements imply.

    References
    ----------
    .. [1] 42 CFR 425.604(b) (2015).
    .. [2] CMS, Shared Savings Program public use files, performance years 2013-2024.

    Examples
    --------
    Hackensack Alliance in 2013 and 2014, as published:

    >>> round(minimum_savings_rate(16_383), 6), round(minimum_savings_rate(15_603), 8)
    (0.026447, 0.02675875)
    """
    bands = rule_table("mssp_msr").replace("", "inf")
    low, high, at_low, at_high = (
        bands[c].astype(float).to_numpy() for c in ("members_low", "members_high", "msr_at_low", "msr_at_high")
    )
    members = np.asarray(beneficiaries, dtype=float)
    band = np.clip(np.searchsorted(low, members, side="right") - 1, 0, len(low) - 1)
    within = np.clip((members - low[band]) / (high[band] - low[band]), 0, 1)
    rate = np.where(members >= low[0], at_low[band] + (at_high - at_low)[band] * within, np.nan)
    if isinstance(beneficiaries, pd.Series):
        return pd.Series(rate, index=beneficiaries.index)
    return rate if np.ndim(beneficiaries) else float(rate)
