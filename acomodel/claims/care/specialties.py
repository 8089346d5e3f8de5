"""What a monthly report of the year asks of claims: specialties month by month, and high-cost cases by diagnosis."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import pandas as pd

from acomodel.claims.drilldown import counted_lines
from acomodel.claims.incurred import ContractScope
from acomodel.claims.population import Population
from acomodel.claims.tables import Dataset
from acomodel.claims.visits import day_literal
from acomodel.inputs import InputError
from acomodel.rates import MONTHS, per_1000, pmpm, unit_cost

if TYPE_CHECKING:
    import ibis.expr.types as ir

UNKNOWN = "Not known"
"""Group of a case without a diagnosis on the days of its claims."""
ALL_CASES = "Grand total"
"""Row of all high-cost cases, as figure 4.4 calls it."""
SPECIALTY_COLUMNS = ["month", "service_category", "specialty", "network", "units", "allowed"]
HIGH_COST_COLUMNS = ["year", "diagnosis_group", "cases", "services", "allowed"]


@cache
def diagnosis_groups() -> pd.DataFrame:
    """
    Groups of diagnoses by the first three characters of the code; of rows that overlap the first holds.

    >>> diagnosis_groups().iloc[1][["group", "first", "last"]].tolist()
    ['Neoplasms', 'C00', 'D49']
    """
    with files("acomodel").joinpath("data/diagnosis_groups.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype=str, keep_default_na=False)


def diagnosis_group(code: str) -> str:
    """
    Group of a diagnosis.

    Parameters
    ----------
    code : str
        ICD-10-CM code, with or without its dot.

    Returns
    -------
    str
        Its group, or "Not known".

    References
    ----------
    .. [1] ICD-10-CM, chapters 1 to 22 by category; "Nephritis, nephrotic syndrome, nephrosis" is set apart as in
       figure 4.4 of the ACO Toolkit.

    Examples
    --------
    >>> diagnosis_group("N18.6"), diagnosis_group("C7A1"), diagnosis_group("250")
    ('Nephritis, nephrotic syndrome, nephrosis', 'Neoplasms', 'Not known')
    """
    rows = diagnosis_groups()
    start = code.strip().upper()[:3]
    found = rows[(rows["first"] <= start) & (start <= rows["last"])]
    return str(found["group"].iloc[0]) if len(found) else UNKNOWN


def monthly_by_specialty(dataset: Dataset, population: Population, scope: ContractScope) -> pd.DataFrame:
    """
    Use and allowed dollars of a population by month of service, category, specialty and network.

    Parameters
    ----------
    dataset, population : Dataset, Population
        Claims, and whose they are.
    scope : ContractScope
        What the contract counts.

    Returns
    -------
    pandas.DataFrame
        `month`, `service_category`, `specialty` (CMS code, empty where not known), `network`, `units` [services],
        `allowed` [$], as reported: they add up to the counted cells of the experience.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from acomodel.claims.population import everyone
    >>> from acomodel.claims.synthetic import SyntheticSettings, write_book
    >>> from acomodel.claims.tables import read_dataset
    >>> folder = Path(tempfile.mkdtemp()) / "book"
    >>> _ = write_book(SyntheticSettings(members=100, months=12, start="2022-01"), folder)
    >>> dataset = read_dataset(folder)
    >>> monthly_by_specialty(dataset, everyone(dataset, [2022]), ContractScope())["month"].nunique()
    12
    """
    lines = counted_lines(dataset, population, scope)
    marked = lines.select(
        "service_category",
        "network",
        specialty=lines.specialty.fill_null(""),
        number=(lines.service_date.year() * MONTHS + lines.service_date.month() - 1).cast("int64"),
        units=(lines.units * 100).cast("int64"),
        allowed=(lines.net * 100).cast("int64"),
    )
    keys = ["number", "service_category", "specialty", "network"]
    sums = marked.group_by(keys).agg(units=marked.units.sum(), allowed=marked.allowed.sum()).to_pandas()
    sums[["units", "allowed"]] = sums[["units", "allowed"]].astype(float).fillna(0.0) / 100
    numbers = sums.pop("number").astype(int)
    sums["month"] = pd.PeriodIndex.from_fields(year=numbers // MONTHS, month=numbers % MONTHS + 1, freq="M")
    return sums[SPECIALTY_COLUMNS].sort_values(SPECIALTY_COLUMNS[:4], ignore_index=True)


def high_cost_cases(
    dataset: Dataset, population: Population, years: Sequence[int], scope: ContractScope, threshold: float
) -> pd.DataFrame:
    r"""
    Members whose allowed claims of a calendar year exceed a threshold, by the diagnosis that stands for most of them.

    Parameters
    ----------
    dataset, population : Dataset, Population
        Claims, and whose they are.
    years : sequence of int
        Calendar years.
    scope : ContractScope
        What the contract counts.
    threshold : float
        Allowed claims of a member in a year above which the member is a case. [$]

    Returns
    -------
    pandas.DataFrame
        `year`, `diagnosis_group`, `cases` [members], `services`, `allowed` [$], as reported; the most dollars first,
        then a row "Grand total" for each year. All services and dollars of a case count in its group.

    Raises
    ------
    InputError
        A threshold that is not above zero, or no year.

    Notes
    -----
    The allowed dollars of a day are divided equally among the groups of the diagnoses recorded for the member on that
    day. The group with the most dollars of the year stands for the case; of groups with equal dollars, the first by
    name. Symptoms, external causes and reasons for contact name no disease: they stand for a case only where nothing
    else does. A case whose claims have no diagnosis on any of their days is "Not known". Comorbid conditions do not
    show: a patient on dialysis who is treated for cancer is one case, in one group.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, appendix 4.A, figure 4.4. How a patient is put in one group is
       not printed there; the rule here is ours.
    .. [2] ICD-10-CM, chapters 1 to 22; see `diagnosis_groups`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from acomodel.claims.population import everyone
    >>> from acomodel.claims.synthetic import SyntheticSettings, write_book
    >>> from acomodel.claims.tables import read_dataset
    >>> folder = Path(tempfile.mkdtemp()) / "book"
    >>> _ = write_book(SyntheticSettings(members=100, months=12, start="2022-01"), folder)
    >>> dataset = read_dataset(folder)
    >>> found = high_cost_cases(dataset, everyone(dataset, [2022]), [2022], ContractScope(), 20_000.0)
    >>> found["diagnosis_group"].iloc[-1], bool(found["cases"].iloc[:-1].sum() == found["cases"].iloc[-1])
    ('Grand total', True)
    """
    if not threshold > 0:
        raise InputError(f"high-cost cases: a threshold of {threshold:,.0f}; dollars above zero are wanted")
    if not years:
        raise InputError("high-cost cases: no calendar year is given; at least one is wanted")
    every = counted_lines(dataset, population, scope)
    first, last = date(min(years), 1, 1), date(max(years), 12, 31)
    lines = every.filter(every.service_date.between(day_literal(first), day_literal(last)))
    marked = lines.select(
        "member_id",
        "service_date",
        year=lines.service_date.year().cast("int64"),
        units=(lines.units * 100).cast("int64"),
        allowed=(lines.net * 100).cast("int64"),
    )
    marked = marked.filter(marked.year.isin([int(y) for y in years]))
    sums = marked.group_by("member_id", "year").agg(units=marked.units.sum(), allowed=marked.allowed.sum())
    cases = dataset.keep(sums.filter(sums.allowed > round(threshold * 100)))
    named = _named(dataset, marked, cases)
    joined = cases.left_join(named, ["member_id", "year"])
    known = joined.select("units", "allowed", year=joined.year, group=joined.group.fill_null(UNKNOWN))
    found = known.group_by("year", "group").agg(
        cases=known.count(), services=known.units.sum(), allowed=known.allowed.sum()
    )
    return _table(found.to_pandas(), [int(y) for y in years])


def high_cost_rates(cases: pd.DataFrame, member_months: float, completion: float = 1.0) -> pd.DataFrame:
    r"""
    Frequency, PMPM and cost per case of high-cost cases, as figure 4.4.

    Parameters
    ----------
    cases : pandas.DataFrame
        Columns `cases` [members] and `allowed`, as reported [$], of a year; others stay.
    member_months : float
        Exposure of the year. [member months]
    completion : float
        Factor by which the claims of the year are raised in PMPM (IBNR). [factor]

    Returns
    -------
    pandas.DataFrame
        The rows with `per_1000` [cases per 1,000 members a year], `pmpm`, completed [$ PMPM], and `per_case`, as
        reported [$].

    Raises
    ------
    InputError
        Exposure that is not above zero.

    Notes
    -----
    .. math:: f = 12{,}000 \, n / MM, \qquad PMPM = c\, C / MM, \qquad \bar C = C / n

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, appendix 4.A, figure 4.4: its PMPM are completed and its costs
       per case are not, which reproduces all its rows but one cost per case.

    Examples
    --------
    >>> row = pd.DataFrame({"cases": [13], "allowed": [145_491.0]})
    >>> high_cost_rates(row, 265_164, 1.016).round(2)[["per_1000", "pmpm", "per_case"]].values.tolist()
    [[0.59, 0.56, 11191.62]]
    """
    if not member_months > 0:
        raise InputError(f"high-cost cases: exposure is {member_months:g}; member months above zero are wanted")
    return cases.assign(
        per_1000=per_1000(cases["cases"], member_months),
        pmpm=pmpm(cases["allowed"] * completion, member_months),
        per_case=unit_cost(cases["allowed"], cases["cases"]),
    )


def _named(dataset: Dataset, lines: ir.Table, cases: ir.Table) -> ir.Table:
    """Group that stands for each case with a diagnosis on a day of its claims: `member_id`, `year`, `group`."""
    import ibis

    theirs = lines.semi_join(cases, ["member_id", "year"])
    days = theirs.group_by("member_id", "year", "service_date").agg(allowed=theirs.allowed.sum())
    codes = dataset.diagnoses
    start = codes.code.upper().substr(0, 3)
    rows = diagnosis_groups()
    bounds = zip(rows["first"], rows["last"], range(len(rows)), strict=True)
    number = ibis.cases(*((start.between(a, b), n) for a, b, n in bounds), else_=-1)
    of_day = codes.select("member_id", "service_date", number=number)
    leading = {n: int(rows.index[rows["group"] == name][0]) for n, name in enumerate(rows["group"])}
    merged = ibis.cases(
        *((of_day.number == n, first) for n, first in leading.items() if n != first), else_=of_day.number
    )
    of_day = of_day.filter(of_day.number >= 0).select("member_id", "service_date", number=merged).distinct()
    joined = days.join(of_day, ["member_id", "service_date"])
    shared = joined.mutate(
        part=joined.allowed.cast("float64")
        / joined.count().over(ibis.window(group_by=["member_id", "service_date"])).cast("float64")
    )
    by_group = shared.group_by("member_id", "year", "number").agg(dollars=shared.part.sum())
    vague = [int(n) for n in rows.index[rows["names_disease"] == "no"]]
    names = {int(n): rows["group"].iloc[n] for n in set(leading.values())}
    told = by_group.mutate(
        vague=by_group.number.isin(vague),
        group=ibis.cases(*((by_group.number == n, name) for n, name in names.items()), else_=UNKNOWN),
    )
    order = [told.vague, told.dollars.round(2).desc(), told.group]
    placed = told.mutate(place=ibis.row_number().over(ibis.window(group_by=["member_id", "year"], order_by=order)))
    return placed.filter(placed.place == 0).select("member_id", "year", "group")


def _table(found: pd.DataFrame, years: list[int]) -> pd.DataFrame:
    """Groups of each year, the most dollars first, and the row of all."""
    frame = found.rename(columns={"group": "diagnosis_group"}).astype({"year": "int64", "cases": "int64"})
    frame[["services", "allowed"]] = frame[["services", "allowed"]].astype(float).fillna(0.0) / 100
    parts = []
    for year in sorted(years):
        rows = frame[frame["year"] == year].sort_values(["allowed", "diagnosis_group"], ascending=[False, True])
        sums = rows[["cases", "services", "allowed"]].sum()
        whole = pd.DataFrame([{"year": year, "diagnosis_group": ALL_CASES, **sums.to_dict()}])
        parts.append(pd.concat([rows, whole.astype({"cases": "int64"})]) if len(rows) else whole.astype({"cases": int}))
    return pd.concat(parts, ignore_index=True)[HIGH_COST_COLUMNS]
