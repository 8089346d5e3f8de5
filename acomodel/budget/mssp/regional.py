"""The ACO's region: expenditure and risk by enrollment type from CMS's county file and the ACO's county mix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from acomodel.budget.mssp.steps import TYPES
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError, nearest, read_cells, to_number

MEASURES = {
    "per_capita": "Per capita {} expenditures",
    "risk": "Average {} HCC risk score",
    "person_years": "{} person-years",
}
"""Measures of the county file and how their columns are printed for a type."""


@dataclass(frozen=True, eq=False)
class Counties:
    """
    CMS's county file of fee-for-service beneficiaries.

    Parameters
    ----------
    path : Path
        Where it was read.
    year : int
        Calendar year of the figures.
    names : pandas.Series
        "County, State" by code: two digits of the state, three of the county, as CMS numbers them.
    per_capita, risk, person_years : pandas.DataFrame
        By code and type; NaN where suppressed. [$ per person year, score, person years]
    """

    path: Path
    year: int
    names: pd.Series
    per_capita: pd.DataFrame
    risk: pd.DataFrame
    person_years: pd.DataFrame


def read_counties(path: str | Path) -> Counties:
    """
    Read CMS's file of county expenditure, risk score and person years by enrollment type.

    Parameters
    ----------
    path : str or Path
        CSV as CMS publishes it ("Aggregate Expenditure and Risk Score Data on Assignable Beneficiaries by
        County"); capitals and outer blanks of the names do not matter.

    Returns
    -------
    Counties

    Raises
    ------
    InputError
        A column is missing, a cell is neither a number nor a mark of suppression, a county stands twice, more
        than one year.

    References
    ----------
    .. [1] CMS, Shared Savings Program benchmark public use files, county-level fee-for-service data.
    """
    path = Path(path)
    header, rows = read_cells(path)
    places = {name.strip().lower(): place for place, name in enumerate(header)}

    def column(name: str) -> list[str]:
        if name.lower() not in places:
            hint = nearest(name, header)
            raise InputError(f"{path}: not a county file of the Shared Savings Program: no column '{name}'.{hint}")
        return [row[places[name.lower()]].strip() for row in rows]

    short = next((i for i, row in enumerate(rows, start=2) if len(row) != len(header)), None)
    if short is not None:
        raise InputError(f"{path}: row {short} has {len(rows[short - 2])} cells; the header has {len(header)}.")

    def numbers(name: str) -> np.ndarray:
        values = []
        for line, cell in enumerate(column(name), start=2):
            try:
                values.append(to_number(cell))
            except ValueError:
                raise InputError(
                    f"{path}: row {line}, column '{name}': found '{cell}'; a number or '*' is wanted."
                ) from None
        return np.array(values)

    years = sorted(set(column("Year")))
    if len(years) != 1 or not years[0].isdigit():
        raise InputError(f"{path}: column 'Year' holds {', '.join(years[:3])}; one year is wanted.")
    ids = []
    for line, (state, county) in enumerate(zip(column("State ID"), column("County ID"), strict=True), start=2):
        if not (state.isdigit() and county.isdigit()):
            raise InputError(
                f"{path}: row {line}: county '{state}', '{county}'; the numbers of state and county are wanted."
            )
        ids.append(f"{int(state):02d}{int(county):03d}")
    twice = pd.Index(ids).duplicated()
    if twice.any():
        line = int(np.flatnonzero(twice)[0])
        raise InputError(f"{path}: row {line + 2}: a second row for county {ids[line]}; one row each is wanted.")
    code = pd.Index(ids, name="county")
    tables = {
        measure: pd.DataFrame({t: numbers(words.format(t.upper())) for t in TYPES}, index=code)
        for measure, words in MEASURES.items()
    }
    names = [f"{county}, {state}" for county, state in zip(column("County Name"), column("State Name"), strict=True)]
    return Counties(path, int(years[0]), pd.Series(names, index=code), **tables)


def national_figures(counties: Counties) -> pd.DataFrame:
    r"""
    The nation by enrollment type: means over the counties, weighted by person years.

    Parameters
    ----------
    counties : Counties
        The county file.

    Returns
    -------
    pandas.DataFrame
        Index the types; columns `per_capita` [$ per person year], `risk` [score], `person_years` of the counties
        that are not suppressed.

    Notes
    -----
    .. math:: \bar x_t = \sum_c n_{ct} x_{ct} \big/ \sum_c n_{ct}
    """
    whole = counties.person_years.notna() & counties.per_capita.notna() & counties.risk.notna()
    weight = counties.person_years.where(whole, 0.0)
    total = weight.sum()
    means = {
        name: (table.where(whole, 0.0) * weight).sum() / total
        for name, table in (("per_capita", counties.per_capita), ("risk", counties.risk))
    }
    return pd.DataFrame({**means, "person_years": total}).loc[list(TYPES)].rename_axis("type")


@dataclass(frozen=True, eq=False, repr=False)
class RegionalFigures(Shown):
    """
    The ACO's region by enrollment type.

    Parameters
    ----------
    figures : pandas.DataFrame
        Index the types. Columns `per_capita` [$ per person year], `risk` (renormalized: the nation is 1) [score],
        `region_person_years`, `aco_person_years`, `market_share` (the ACO's part of its counties) [share] and
        `suppressed` (person years of the ACO in counties whose cell is suppressed).
    findings : tuple of str
        One line a suppressed cell in the mix, with person years.
    """

    figures: pd.DataFrame
    findings: tuple[str, ...] = ()

    @property
    def per_capita(self) -> pd.Series:
        """Expenditure of the region by type. [$ per person year]"""
        return self.figures["per_capita"]

    @property
    def risk(self) -> pd.Series:
        """Renormalized risk of the region by type. [score]"""
        return self.figures["risk"]

    def to_frame(self) -> pd.DataFrame:
        """The figures, unrounded."""
        return self.figures.copy(deep=False)

    def exhibit(self) -> Exhibit:
        """The figures as a table."""
        styles = ("$.", "0.0000", "#.", "#.", "%.", "#.")
        said = " ".join(self.findings[:5]) + (" …" if len(self.findings) > 5 else "")
        note = f"Counties are weighted by the ACO's person years in them. {said}".strip()
        return Exhibit("The ACO's region", self.to_frame(), dict(zip(self.figures.columns, styles, strict=True)), note)


def regional_figures(counties: Counties, mix: Mapping[str, float] | pd.Series | pd.DataFrame) -> RegionalFigures:
    r"""
    Expenditure and risk of the ACO's region by enrollment type, from where its people live.

    Parameters
    ----------
    counties : Counties
        The county file: `read_counties`.
    mix : mapping, Series or DataFrame
        The ACO's person years by county code; a table has the types as columns. With one number a county the
        same mix holds for each type. [person years]

    Returns
    -------
    RegionalFigures
        Suppressed cells are left out of the mix, with a finding that names county, type and person years.

    Raises
    ------
    InputError
        An unknown county, person years below zero or not a number, no usable county for a type.

    Notes
    -----
    With the ACO's person years :math:`m_{ct}` and the county's :math:`n_{ct}`,

    .. math:: E_t = \frac{\sum_c m_{ct} E_{ct}}{\sum_c m_{ct}}, \qquad
        R_t = \frac{\sum_c m_{ct} R_{ct}}{\sum_c m_{ct}} \Big/ \bar R_t, \qquad
        w_t = \frac{\sum_c m_{ct} (m_{ct} / n_{ct})}{\sum_c m_{ct}}

    where :math:`\bar R_t` is the nation's mean, so that the nation's risk is 1 within each type. With one number
    a county, :math:`n` is the county's person years of all types. The market share :math:`w` is the mean over
    counties of the ACO's part of each, weighted by its people; that weighting is assumed.

    References
    ----------
    .. [1] CMS, Shared Savings Program benchmark public use files: county expenditure and risk by type.
    .. [2] 42 CFR 425.601 and 425.654, not opened: counties weighted by the ACO's assigned beneficiaries.

    Examples
    --------
    >>> table = pd.DataFrame(10_000.0, index=["01000", "01010"], columns=list(TYPES))
    >>> table.loc["01010"] = 12_000.0
    >>> ones, names = table * 0 + 1.0, pd.Series(["A, S", "B, S"], index=table.index)
    >>> county = Counties(Path("made-up.csv"), 2018, names, table, ones, ones * 100)
    >>> regional_figures(county, {"01000": 30, "01010": 10}).per_capita.tolist()
    [10500.0, 10500.0, 10500.0, 10500.0]
    """
    given = mix if isinstance(mix, pd.DataFrame) else pd.Series(mix, dtype=float)
    unknown = [str(c) for c in given.index if c not in counties.names.index]
    if unknown:
        known = nearest(unknown[0], counties.names.index)
        raise InputError(
            f"county mix: '{unknown[0]}' is no county of {counties.path}; a code such as 01000 is wanted.{known}"
        )
    if given.index.duplicated().any():
        raise InputError(f"county mix: county {given.index[given.index.duplicated()][0]} stands twice; once is wanted.")
    by_types = isinstance(given, pd.DataFrame)
    if by_types:
        missing = [t for t in TYPES if t not in given.columns]
        if missing:
            raise InputError(f"county mix: the type '{missing[0]}' is missing; {', '.join(TYPES)} are wanted.")
        people = given[list(TYPES)].astype(float)
    else:
        people = pd.DataFrame(dict.fromkeys(TYPES, given))
    if not (people >= 0).to_numpy().all():
        row, column = np.argwhere(~(people >= 0).to_numpy())[0]
        raise InputError(
            f"county mix: county {people.index[row]}, {people.columns[column]}: found {people.iloc[row, column]:g}; "
            "person years of zero or more are wanted."
        )
    per_capita, risk, living = (
        t.loc[people.index] for t in (counties.per_capita, counties.risk, counties.person_years)
    )
    whole = per_capita.notna() & risk.notna() & living.notna()
    used = people.where(whole, 0.0)
    total = used.sum()
    empty = [t for t in TYPES if total[t] <= 0]
    if empty:
        raise InputError(f"county mix: no county with person years and a printed figure for {empty[0]}; one is wanted.")
    nation = national_figures(counties)
    county_size = living if by_types else pd.DataFrame({t: living.sum(axis=1) for t in TYPES})
    figures = pd.DataFrame(
        {
            "per_capita": (used * per_capita.where(whole, 0.0)).sum() / total,
            "risk": (used * risk.where(whole, 0.0)).sum() / total / nation["risk"],
            "region_person_years": living.where((people > 0) & whole, 0.0).sum(),
            "aco_person_years": people.sum(),
            "market_share": (used * (used / county_size.where(whole)).fillna(0.0)).sum() / total,
            "suppressed": (people - used).sum(),
        }
    ).loc[list(TYPES)]
    hidden = people.where(~whole, 0.0)
    findings = tuple(
        f"{counties.names[code]} ({code}): {t} is suppressed; {hidden.loc[code, t]:,.1f} person years of the ACO are "
        "left out of the mix."
        for code in hidden.index[(hidden > 0).any(axis=1)]
        for t in TYPES
        if hidden.loc[code, t] > 0
    )
    return RegionalFigures(figures.rename_axis("type"), findings)
