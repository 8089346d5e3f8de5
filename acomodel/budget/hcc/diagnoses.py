"""Diagnoses of a population as the CMS-HCC models see them: marks by member, and what is wrong with the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from acomodel.budget.hcc.members import Members, as_text
from acomodel.budget.hcc.tables import HccTables
from acomodel.budget.hcc.variables import CODE_SHAPE, layout, normal_code
from acomodel.inputs import InputError

if TYPE_CHECKING:
    import ibis.expr.types as ir

CHUNK = 1 << 16
"""Rows of a frame marked at a time, so that what is worked out between stays in the cache. [rows]"""

LINE = 64
"""Members to which the width of marks is rounded up, so that they can be read as words. [members]"""

NONE = -1
"""Place of a member who is not among the members, and slot of a code without a category."""

Findings = list[tuple[str, str, str, int, int]]


@dataclass(frozen=True, eq=False)
class Diagnosed:
    """
    Diagnoses of a population.

    Parameters
    ----------
    marks : callable
        Marks of the members from one place to before another: row of the layout by member. They may be used up.
    codes_of : callable
        Codes of a member that count, as they were given.
    findings : list of tuple
        Check, table, words, rows and members of what is wrong.
    """

    marks: Callable[[int, int], np.ndarray]
    codes_of: Callable[[str], pd.Series]
    findings: Findings


def read_diagnoses(diagnoses: pd.DataFrame | ir.Table, people: Members, tables: HccTables) -> Diagnosed:
    """
    Mark the diagnoses of members and name what is wrong with the rows.

    Parameters
    ----------
    diagnoses : pandas.DataFrame or ibis.expr.types.Table
        `member_id`, `code` and, if there, `eligible`.
    people : Members
        Checked members.
    tables : HccTables
        Tables of the model.

    Returns
    -------
    Diagnosed

    Raises
    ------
    InputError
        A column is missing, no code is ICD-10-CM, or no member is known.

    Notes
    -----
    A frame takes no engine: identifiers and codes are read once each, and a row costs two look-ups and a mark. Columns
    that are categorical already, such as those that Parquet gives with `read_dictionary`, are not gone through as
    text at all. Marks take one byte for each member and row of the layout. A table of an engine is reduced there to
    distinct pairs of member and slot, and its marks are made for a block of members at a time.

    Examples
    --------
    >>> from acomodel.budget.hcc.members import check_members
    >>> from acomodel.budget.hcc.tables import hcc_tables
    >>> people = check_members(pd.DataFrame({"member_id": ["A"], "age": [76], "sex": ["F"]}))
    >>> rows = pd.DataFrame({"member_id": ["A", "B"], "code": ["E119", "I10"]})
    >>> read_diagnoses(rows, people, hcc_tables("V28")).findings
    [('member-unknown', 'diagnoses', 'diagnoses of members without demographics; left out', 1, 1)]
    """
    for name in ("member_id", "code"):
        if name not in diagnoses.columns:
            raise InputError(f"diagnoses: missing column '{name}'; found {', '.join(map(str, diagnoses.columns))}.")
    read = _of_frame if isinstance(diagnoses, pd.DataFrame) else _of_engine
    return read(diagnoses, people, tables)


def _of_frame(diagnoses: pd.DataFrame, people: Members, tables: HccTables) -> Diagnosed:
    who, ids = _coded(diagnoses["member_id"])
    what, texts = _coded(diagnoses["code"])
    counts = _counting(diagnoses)
    codes = pd.DataFrame({"code": texts, "normal": normal_code(texts)})
    slot = layout(tables).slot(codes["normal"])
    place = _places(ids, people)
    last = len(tables.categories) + len(layout(tables).special)
    width = (len(people) // LINE + 1) * LINE
    marks = np.zeros((last + 1, width), dtype=bool)
    begin = np.append(layout(tables).row, last)[slot] * width
    rows, flat = np.zeros(len(texts), dtype=np.int64), marks.reshape(-1)
    for start in range(0, len(who), CHUNK):
        member, code = (column[start : start + CHUNK] for column in (who, what))
        if counts is not None:
            kept = counts[start : start + CHUNK]
            member, code = member[kept], code[kept]
        rows += np.bincount(code, minlength=len(rows))
        flat[begin.take(code, mode="clip") + place.take(member, mode="clip")] = True
    left_out = len(who) - int(rows.sum())
    codes = codes.assign(rows=rows, slot=slot)[rows > 0]
    findings = [*_left_out(left_out), *_code_findings(codes)]
    if marks[:, len(people)].any():
        strange = _rows_of(who, counts, place == len(people))
        others = ids[strange > 0].drop_duplicates()
        findings.append(_strangers(others.min(), len(others), int(strange.sum()), int(rows.sum())))

    def codes_of(member_id: str) -> pd.Series:
        mine = np.isin(who, np.flatnonzero(ids == member_id))
        return texts.iloc[np.unique(what[mine if counts is None else mine & counts])]

    return Diagnosed(lambda start, stop: marks[:last, start:stop], codes_of, findings)


def _coded(column: pd.Series) -> tuple[np.ndarray, pd.Series]:
    """A column as numbers and the texts that they stand for; the last is empty if something is missing."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        numbers, values = column.cat.codes.to_numpy(), pd.Series(column.cat.categories)
    else:
        numbers, found = pd.factorize(column)
        values = pd.Series(found)
    texts = as_text(values)
    if len(numbers) and numbers.min() < 0:
        numbers = np.where(numbers < 0, len(texts), numbers)
        texts = pd.concat([texts, pd.Series([""], dtype=texts.dtype)], ignore_index=True)
    return numbers, texts


def _counting(diagnoses: pd.DataFrame) -> np.ndarray | None:
    """Which rows count for risk adjustment; None for all of them."""
    if "eligible" not in diagnoses:
        return None
    held = diagnoses["eligible"]
    counts = held.to_numpy() if held.dtype == bool else held.astype("boolean").fillna(True).to_numpy(dtype=bool)
    return None if counts.all() else counts


def _places(ids: pd.Series, people: Members) -> np.ndarray:
    """Place of each identifier among the members, and one behind them for that of a stranger."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.index_in(pa.array(ids), value_set=pa.array(people.member_id))
    return found.fill_null(len(people)).to_numpy()


def _rows_of(who: np.ndarray, counts: np.ndarray | None, wanted: np.ndarray) -> np.ndarray:
    """Rows that count of each identifier that is wanted."""
    rows = wanted.take(who) if counts is None else wanted.take(who) & counts
    return np.bincount(who[rows], minlength=len(wanted))


def _of_engine(table: ir.Table, people: Members, tables: HccTables) -> Diagnosed:
    import ibis

    counts = table.eligible.fill_null(True) if "eligible" in table.columns else ibis.literal(True)
    member_id, code = (table[name].cast("string").fill_null("") for name in ("member_id", "code"))
    table = table.select(member_id=member_id, code=code, counts=counts)
    codes = table.group_by("code").agg(rows=table.counts.sum().cast("int64"), all_rows=table.count()).to_pandas()
    left_out = int(codes["all_rows"].sum() - codes["rows"].sum())
    table = table.filter(table.counts).drop("counts")
    codes = codes[codes["rows"] > 0]
    codes = codes.assign(normal=normal_code(codes["code"]))
    codes = codes.assign(slot=layout(tables).slot(codes["normal"]))
    findings = [*_left_out(left_out), *_code_findings(codes)]
    mapped = ibis.memtable(codes.loc[codes["slot"] != NONE, ["code", "slot"]].astype({"slot": "int16"}))
    place = np.arange(len(people), dtype=np.int32)
    known = ibis.memtable(pd.DataFrame({"member_id": people.member_id, "place": place}))
    joined = table.left_join(mapped, "code").left_join(known, "member_id")
    joined = joined.select(slot=joined.slot.fill_null(NONE), place=joined.place.fill_null(NONE))
    joined = joined.filter((joined.slot != NONE) | (joined.place == NONE))
    pairs = joined.group_by("place", "slot").agg(rows=joined.count()).order_by("place").to_pyarrow()
    who, slot, rows = (pairs[name].to_numpy() for name in ("place", "slot", "rows"))
    known_from = int(np.searchsorted(who, 0))
    if known_from:
        others = table.anti_join(known, "member_id")
        found = others.agg(members=others.member_id.nunique(), first=others.member_id.min()).to_pandas()
        members, first = found.iloc[0]
        findings.append(_strangers(first, int(members), int(rows[:known_from].sum()), int(codes["rows"].sum())))
    who, row = who[known_from:], layout(tables).row[slot[known_from:]]

    def marks(start: int, stop: int) -> np.ndarray:
        low, high = np.searchsorted(who, np.array([start, stop], dtype=who.dtype))
        size = (stop - start + LINE - 1) // LINE * LINE
        made = np.zeros((len(tables.categories) + len(layout(tables).special), size), dtype=bool)
        made[row[low:high], who[low:high] - start] = True
        return made[:, : stop - start]

    def codes_of(member_id: str) -> pd.Series:
        return table.filter(table.member_id == member_id).select("code").distinct().to_pandas()["code"]

    return Diagnosed(marks, codes_of, findings)


def _left_out(rows: int) -> Findings:
    words = "diagnoses of claims that do not count for risk adjustment; left out"
    return [("not-eligible", "diagnoses", words, rows, 0)] if rows else []


def _code_findings(codes: pd.DataFrame) -> Findings:
    """Codes that are blank, and codes that are not of ICD-10-CM."""
    found: Findings = []
    blank = codes["normal"] == ""
    if blank.any():
        words = "diagnoses without a code; left out"
        found.append(("code-blank", "diagnoses", words, int(codes.loc[blank, "rows"].sum()), 0))
    doubtful = codes[~blank & (codes["slot"] == NONE)]
    foreign = doubtful[~np.array([bool(CODE_SHAPE.fullmatch(code)) for code in doubtful["normal"]], dtype=bool)]
    some = sorted(set(foreign["code"].str.strip()))[:3]
    if len(codes) and len(foreign) == (~blank).sum():
        first = f", such as '{some[0]}'" if some else ""
        raise InputError(
            f"diagnoses: column 'code': none of {int(codes['rows'].sum()):,} rows holds an ICD-10-CM code{first}; "
            "codes such as E11.9 or E119 are wanted."
        )
    if some:
        words = "codes that are not ICD-10-CM ('" + "', '".join(some) + "'); left out"
        found.append(("code-not-icd-10-cm", "diagnoses", words, int(foreign["rows"].sum()), 0))
    return found


def _strangers(first: Any, members: int, rows: int, total: int) -> tuple[str, str, str, int, int]:
    """Diagnoses of members that are not among the members."""
    if rows == total:
        raise InputError(
            f"diagnoses: none of {members:,} members is among the members (first: '{first}'); the same identifiers "
            "are wanted in both tables."
        )
    return ("member-unknown", "diagnoses", "diagnoses of members without demographics; left out", rows, members)
