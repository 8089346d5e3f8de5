"""Columns of synthetic claims as Arrow arrays: identifiers, dates and money without a loop over rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from acomodel.inputs import dictionary

MONEY = pa.decimal128(14, 2)
TEXT = pa.dictionary(pa.int32(), pa.string())
TYPES = {
    "text": TEXT,
    "date": pa.date32(),
    "integer": pa.int32(),
    "money": MONEY,
    "quantity": MONEY,
    "yes/no": pa.bool_(),
}


def schema(table: str) -> pa.Schema:
    """Columns and types of a table of the data dictionary."""
    rows = dictionary()
    rows = rows[rows["table"] == table]
    kinds = zip(rows["column"], rows["type"], strict=True)
    return pa.schema([(name, pa.string() if name == "claim_id" else TYPES[kind]) for name, kind in kinds])


SCHEMAS = {name: schema(name) for name in ("claims", "eligibility", "providers", "diagnoses")} | {
    "truth": pa.schema(
        [
            ("member_id", TEXT),
            ("year", pa.int32()),
            ("usual_provider", TEXT),
            ("usual_tin", TEXT),
            ("risk", pa.float64()),
        ]
    )
}


def money(cents: np.ndarray) -> pa.Array:
    """
    Amounts with two decimals from whole cents.

    >>> money(np.array([-150, 20])).to_pylist()
    [Decimal('-1.50'), Decimal('0.20')]
    """
    words = np.empty((cents.size, 2), np.int64)
    words[:, 0] = cents
    words[:, 1] = cents >> 63
    return pa.Array.from_buffers(MONEY, cents.size, [None, pa.py_buffer(words)])


def dates(days: np.ndarray, absent: np.ndarray | None = None) -> pa.Array:
    """Dates from days since 1970."""
    return pa.array(days.astype(np.int32), mask=absent).cast(pa.date32())


def flags(values: np.ndarray) -> pa.Array:
    """Yes and no."""
    return pa.array(values)


def plain(values: np.ndarray) -> pa.Array:
    """Numbers as they are."""
    return pa.array(values)


def numbers(values: np.ndarray) -> pa.Array:
    """Whole numbers of 32 bits."""
    return pa.array(values.astype(np.int32))


def labels(index: np.ndarray, values: Sequence[str | None]) -> pa.Array:
    """
    Text from places in a list; the place -1, or a value that is None or empty, is null.

    >>> labels(np.array([1, 0, -1]), ["", "06"]).to_pylist()
    ['06', None, None]
    """
    words = list(dict.fromkeys(v for v in values if v)) or [""]
    place = {word: n for n, word in enumerate(words)}
    empty = np.array([*(not v for v in values), True])
    code = np.array([*(place.get(v or "", 0) for v in values), 0], np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(code[index], mask=empty[index]), pa.array(words, pa.string()))


def numbered(numbers: np.ndarray) -> pa.Array:
    """Text of whole numbers."""
    return pa.array(numbers).cast(pa.string())


def as_table(name: str, columns: dict[str, Any], rows: int) -> pa.Table:
    """Table with all columns of its schema; those not given are null."""
    arrays = []
    for field in SCHEMAS[name]:
        column = columns.get(field.name)
        if column is None:
            column = pa.nulls(rows, field.type)
        arrays.append(column.cast(field.type) if column.type != field.type else column)
    return pa.Table.from_arrays(arrays, schema=SCHEMAS[name])
