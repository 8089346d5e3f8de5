"""Categories of members as bits, eight to a byte: weights, counts and names are looked up by byte."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from acomodel.budget.hcc.tables import COUNTS, HccTables

_BITS = np.arange(256)[:, None] >> np.arange(8) & 1


def packed(held: np.ndarray) -> np.ndarray:
    """
    Rows of flags as bits: eight rows to a byte, the first its lowest.

    Parameters
    ----------
    held : numpy.ndarray of bool
        Variable by member.

    Returns
    -------
    numpy.ndarray of uint8
        Byte by member.

    Examples
    --------
    >>> packed(np.array([[True, False], [True, True]]))
    array([[3, 2]], dtype=uint8)
    """
    size = held.shape[1]
    if spare := -size % 8:
        held = np.pad(held, ((0, 0), (0, spare)))
    words = held.view(np.uint64)
    shifts = np.arange(8, dtype=np.uint64)[:, None]
    bytes_ = [
        np.bitwise_or.reduce(words[i : i + 8] << shifts[: len(words) - i], axis=0) for i in range(0, len(words), 8)
    ]
    return np.array(bytes_).view(np.uint8)[:, :size]


@cache
def _weights(tables: HccTables) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights of each byte of categories and of interactions, by segment and value; weights of counts by segment."""
    kinds = [np.array(kind) for kind in zip(*(tables.weights(s) for s in tables.segments), strict=True)]
    return _by_byte(kinds[0]), _by_byte(kinds[1]), kinds[2].astype(np.int32)


def _by_byte(weights: np.ndarray) -> np.ndarray:
    """Sums of weights for each value of each byte: byte, then segment and value."""
    spare = -weights.shape[1] % 8
    by_bit = np.pad(weights, ((0, 0), (0, spare))).reshape(len(weights), -1, 8)
    sums = np.einsum("sbk,vk->bsv", by_bit, _BITS)
    return sums.reshape(len(sums), -1).astype(np.int32)


def weighted(categories: np.ndarray, products: np.ndarray, segment: np.ndarray, tables: HccTables) -> np.ndarray:
    """
    What categories, interactions and the count of categories add to the scores of members.

    Parameters
    ----------
    categories, products : numpy.ndarray of uint8
        Packed categories and interactions by member.
    segment : numpy.ndarray
        Place of each member's segment among those of the model.
    tables : HccTables
        Tables of the model.

    Returns
    -------
    numpy.ndarray
        Sum for each member. [thousandths]
    """
    by_category, by_interaction, by_count = _weights(tables)
    count = np.bitwise_count(categories).sum(axis=0, dtype=np.uint8)
    score = by_count[segment, np.minimum(count, len(COUNTS))]
    first = segment.astype(np.intp) * 256
    for bytes_, sums in ((categories, by_category), (products, by_interaction)):
        for byte, of_byte in zip(bytes_, sums, strict=True):
            score += of_byte.take(first + byte)
    return score


@cache
def _names(categories: tuple[str, ...]) -> Any:
    """Text of each value of each byte: its categories, ";" before each."""
    import pyarrow as pa

    groups = [categories[i : i + 8] for i in range(0, len(categories), 8)]
    texts = ["".join(f";{c}" for c, bit in zip(g, bits, strict=False) if bit) for g in groups for bits in _BITS]
    return pa.array(texts, pa.large_string())


def joined(categories: np.ndarray, names: tuple[str, ...]) -> Any:
    """
    Names of the categories of each member, joined by ";".

    The texts of all bytes of all members stand behind one another as they are looked up; those of a member begin
    where its first byte's does.

    Parameters
    ----------
    categories : numpy.ndarray of uint8
        Packed categories by member.
    names : tuple of str
        Categories in order.

    Returns
    -------
    pyarrow.Array
        Text for each member.

    Examples
    --------
    >>> joined(packed(np.array([[True, False], [True, True]])), ("17", "18")).to_pylist()
    ['17;18', '18']
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    size, count = categories.shape
    keys = np.empty((count, size), dtype=np.int16)
    np.add(categories.T, 256 * np.arange(size, dtype=np.int16), out=keys)
    texts = _names(names).take(pa.array(keys.reshape(-1)))
    _, starts, data = texts.buffers()
    begins = np.frombuffer(starts, np.int64)[: count * size + 1 : size].copy()
    held = pa.Array.from_buffers(pa.large_string(), count, [None, pa.py_buffer(begins), data])
    return pc.ascii_ltrim(held, characters=";")
