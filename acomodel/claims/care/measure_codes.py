"""Quality measures as rows: what each one asks, the codes it looks for, and how far back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

import pandas as pd

from acomodel.inputs import InputError, nearest

NOT_HEDIS = (
    "Computed from claims by the rows of this package, after the public descriptions of the measures. It is not the "
    "certified HEDIS specification, and some of its codes are from memory, unverified."
)
"""What must stand under every table of these measures."""
READ_IN = "read in"
"""Kind of a measure that the claims tables cannot carry."""
EVER = "ever"
_OLD = 50_000
"""Days that no claim reaches back. [days]"""


@dataclass(frozen=True)
class Measure:
    """
    What one measure asks in one year; a row of `measures.csv`.

    Parameters
    ----------
    measure, name, area : str
        Identifier, name, and priority area of exhibit 3.16.
    kind : str
        How it is worked out: "year" (what was done by the year's end), "first diagnosis", "readmission", "visits";
        or "read in".
    direction : str
        Whether a "higher" or a "lower" rate is better.
    per : int
        What the rate is multiplied by: 1 for a share, 12,000 for a rate per 1,000 members a year.
    sex : str
        "F", "M", or empty for all.
    age_low, age_high : int
        Ages counted, both included. [years]
    enrolled : str
        Coverage wanted up to the end of the year, or to the day of the first diagnosis or discharge.
    gap_days : int
        Longest gap allowed, once in each calendar year. [days]
    follow_up : int
        Days after the first diagnosis or discharge that are looked at. [days]
    diagnosed : str
        When a diagnosis counts: "two days or a stay", "each year", or empty.
    source, note : str
        Where the row comes from, and what a reader should know.
    """

    measure: str
    kind: str
    name: str
    area: str
    direction: str
    per: int
    sex: str
    age_low: int
    age_high: int
    enrolled: str
    gap_days: int
    follow_up: int
    diagnosed: str
    source: str
    note: str


@cache
def measure_table() -> pd.DataFrame:
    """
    Rows of all measures, the starter set of exhibit 3.16 and two of utilization, with the year from which each holds.

    >>> measure_table().groupby("kind")["measure"].nunique()["read in"]
    np.int64(6)
    """
    return _table("measures")


@cache
def code_table() -> pd.DataFrame:
    """Codes of each measure by role (diagnosis, event, exclusion, numerator), with look-back and source."""
    return _table("measure_codes")


def _table(name: str) -> pd.DataFrame:
    with files("acomodel").joinpath(f"data/{name}.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype=str, keep_default_na=False)


def measures_in_force(year: int, chosen: Sequence[str] | None = None) -> list[Measure]:
    """
    Measures that are worked out from claims, as they stand in a year.

    Parameters
    ----------
    year : int
        Calendar year measured.
    chosen : sequence of str, optional
        Measures wanted; all that claims can carry by default.

    Returns
    -------
    list of Measure
        In the order of the table.

    Raises
    ------
    InputError
        An unknown measure, one that has to be read in, or none in force that early.

    Examples
    --------
    >>> [m.age_low for m in measures_in_force(2021, ["colorectal_cancer_screening"])]
    [51]
    >>> [m.age_low for m in measures_in_force(2022, ["colorectal_cancer_screening"])]
    [46]
    """
    table = measure_table()
    kinds = dict(zip(table["measure"], table["kind"], strict=True))
    for name in chosen or ():
        if name not in kinds:
            raise InputError(f"quality measures: no measure '{name}'.{nearest(name, kinds)}")
        if kinds[name] == READ_IN:
            why = table.loc[table["measure"] == name, "note"].iloc[0]
            raise InputError(f"quality measures: '{name}' cannot be worked out from claims: {why}.")
    rows = table[(table["kind"] != READ_IN) & table["measure"].isin(chosen if chosen is not None else list(kinds))]
    rows = rows[rows["effective_from"].astype(int) <= year]
    if missing := [name for name in chosen or () if name not in set(rows["measure"])]:
        raise InputError(f"quality measures: {', '.join(missing)}: not in force in {year}.")
    if rows.empty:
        raise InputError(f"quality measures: no measure is in force in {year}.")
    latest = rows.assign(since=rows["effective_from"].astype(int)).sort_values("since", kind="stable")
    kept = latest.groupby("measure", sort=False).tail(1).set_index("measure")
    return [_measure(name, kept.loc[name]) for name in dict.fromkeys(rows["measure"])]


def _measure(name: str, row: pd.Series) -> Measure:
    return Measure(
        measure=name,
        kind=str(row["kind"]),
        name=str(row["name"]),
        area=str(row["area"]),
        direction=str(row["direction"]),
        per=int(row["per"]),
        sex=str(row["sex"]),
        age_low=int(row["age_low"]),
        age_high=int(row["age_high"]),
        enrolled=str(row["enrolled"]),
        gap_days=int(row["gap_days"]),
        follow_up=int(row["follow_up"]),
        diagnosed=str(row["diagnosed"]),
        source=str(row["source"]),
        note=str(row["note"]),
    )


def days_before(look_back: str, last: date) -> int:
    """
    Days that a look-back reaches before a day: months and years by the calendar, that day included.

    >>> days_before("1 year", date(2022, 12, 31)), days_before("180 days", date(2022, 12, 31))
    (364, 180)
    >>> date.fromordinal(date(2022, 12, 31).toordinal() - days_before("27 months", date(2022, 12, 31))).isoformat()
    '2020-10-01'
    """
    if look_back == EVER:
        return _OLD
    number, unit = look_back.split()
    if unit.startswith("day"):
        return int(number)
    months = int(number) * (12 if unit.startswith("year") else 1)
    first = pd.Timestamp(last) + pd.Timedelta(days=1) - pd.DateOffset(months=months)
    return (last - first.date()).days


def listed(codes: str) -> list[str]:
    """
    Codes written out, where ranges run over the last digits.

    >>> listed("80061 83700-83702 G0143-G0144 3048F-3049F")
    ['80061', '83700', '83701', '83702', 'G0143', 'G0144', '3048F', '3049F']
    """
    found: list[str] = []
    for word in codes.split():
        first, _, last = word.partition("-")
        if not last:
            found.append(first)
            continue
        before, low, after = _parts(first)
        found += [f"{before}{n:0{len(low)}d}{after}" for n in range(int(low), int(_parts(last)[1]) + 1)]
    return found


def _parts(code: str) -> tuple[str, str, str]:
    """Letters before the digits of a code, its digits, and letters after them."""
    match = re.fullmatch(r"([A-Z]*)(\d+)([A-Z]*)", code)
    if match is None:
        raise InputError(f"measure_codes.csv: found '{code}'; a code with digits is wanted at the end of a range.")
    return match[1], match[2], match[3]


def sought(measures: Iterable[Measure], year: int, diagnoses: Iterable[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """
    Procedure and diagnosis codes to look for, each with its measure, role and reach.

    Parameters
    ----------
    measures : iterable of Measure
        Measures in force.
    year : int
        Calendar year measured.
    diagnoses : iterable of str
        Diagnosis codes that occur; rows of the table are their first characters.

    Returns
    -------
    tuple of pandas.DataFrame
        Procedures and diagnoses: `code`, `measure`, `role`, `days` [days], `age_from` [years].
    """
    table = code_table()
    rows = table[table["measure"].isin([m.measure for m in measures])]
    seen = sorted(set(diagnoses))
    parts: dict[str, list[tuple[str, str, str, int, int]]] = {"HCPCS": [], "ICD-10-CM": []}
    for row in rows.itertuples():
        days, age = days_before(str(row.look_back), date(year, 12, 31)), int(row.age_from or 0)
        codes = listed(str(row.codes))
        if row.system == "ICD-10-CM":
            codes = [code for code in seen if code.startswith(tuple(codes))]
        parts[str(row.system)] += [(code, str(row.measure), str(row.role), days, age) for code in codes]
    procedures, found = (
        pd.DataFrame(part, columns=["code", "measure", "role", "days", "age_from"]) for part in parts.values()
    )
    return procedures, found


def reach(measure: Measure, year: int) -> date:
    """First day of the claims that a measure would look at in a year, diagnoses of any time left out."""
    rows = code_table()
    rows = rows[(rows["measure"] == measure.measure) & (rows["look_back"] != EVER)]
    last = date(year, 12, 31) if measure.kind == "year" else date(year, 1, 1)
    spans = [days_before(str(text), last) for text in rows["look_back"]]
    if measure.kind != "year" and measure.enrolled:
        spans.append(days_before(measure.enrolled, last))
    return date.fromordinal(last.toordinal() - max(spans, default=0))
