"""From marks of diagnoses to the variables of a CMS-HCC model, on arrays: edits, hierarchies, interactions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from acomodel.budget.hcc.esrd_tables import IMPLIED
from acomodel.budget.hcc.tables import GROUPS, INTERACTIONS, NEEDS_ANOTHER, HccTables, Slot

CODE_SHAPE = re.compile(r"[A-Z][0-9][0-9A-Z]{1,5}")
"""What a code of ICD-10-CM looks like, without its dot."""


def normal_code(code: pd.Series) -> pd.Series:
    """
    Diagnosis codes without dots and blanks, in capitals; empty where none is given.

    >>> list(normal_code(pd.Series([" e08.3293", None])))
    ['E083293', '']
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pa.array(code.astype("str").fillna(""))
    for pattern, found in ((".", pc.replace_substring), (r"\s", pc.replace_substring_regex)):
        text = found(text, pattern, "")
    return pd.Series(pd.array(pc.utf8_upper(text), dtype="str"), index=code.index)


@dataclass(frozen=True, eq=False)
class Layout:
    """
    Where the diagnoses of members are marked, a row for each category and each slot that is more than one category.

    Parameters
    ----------
    codes : pyarrow.Array
        Diagnosis codes of the tables.
    slots : numpy.ndarray
        Slot of each of `codes`.
    row : numpy.ndarray
        Row of each slot: that of its category if it leads to one without an edit, or one behind the categories.
    special : tuple of Slot
        Slots of the rows behind the categories, in order.
    """

    codes: Any
    slots: np.ndarray
    row: np.ndarray
    special: tuple[Slot, ...]

    def slot(self, normal: pd.Series) -> np.ndarray:
        """Slot of each code, and -1 for a code without one."""
        import pyarrow as pa
        import pyarrow.compute as pc

        place = pc.index_in(pa.array(normal), value_set=self.codes).fill_null(-1).to_numpy()
        return np.append(self.slots, -1)[place]


@cache
def layout(tables: HccTables) -> Layout:
    """
    Rows in which the diagnoses of a model are marked.

    >>> from acomodel.budget.hcc.tables import hcc_tables
    >>> rows = layout(hcc_tables("V28"))
    >>> rows.slot(pd.Series(["E119", "I10"])) >= 0
    array([ True, False])
    """
    import pyarrow as pa

    plain = [not held.kind and len(held.categories) == 1 for held in tables.slots]
    behind = iter(range(len(tables.categories), len(tables.categories) + len(tables.slots)))
    pairs = zip(tables.slots, plain, strict=True)
    row = [tables.place[held.categories[0]] if alone else next(behind) for held, alone in pairs]
    special = tuple(held for held, alone in zip(tables.slots, plain, strict=True) if not alone)
    slots = np.fromiter(tables.codes.values(), dtype=np.int16)
    return Layout(pa.array(list(tables.codes), pa.large_string()), slots, np.array(row), special)


def apply_edits(marks: np.ndarray, age: np.ndarray, male: np.ndarray, tables: HccTables, *, mce: bool) -> np.ndarray:
    """
    Categories that marked diagnoses lead to after age and sex edits.

    Parameters
    ----------
    marks : numpy.ndarray of bool
        Row of the layout by member; used up.
    age, male : numpy.ndarray
        Age [years] and sex of each member.
    tables : HccTables
        Tables of the model.
    mce : bool
        Whether the age edits of the Medicare Code Editor apply.

    Returns
    -------
    numpy.ndarray of bool
        Category by member; the first rows of `marks`.
    """
    held = marks[: len(tables.categories)]
    for slot, mark in zip(layout(tables).special, marks[len(held) :], strict=True):
        if not mark.any():
            continue
        moved = mark & slot.applies(age, male, mce=mce)
        for category in slot.instead:
            held[tables.place[category]] |= moved
        for category in slot.categories:
            held[tables.place[category]] |= mark & ~moved
    return held


def apply_hierarchies(held: np.ndarray, tables: HccTables) -> None:
    """
    Drop categories that another one covers, or that the model itself implies, in place.

    Parameters
    ----------
    held : numpy.ndarray of bool
        Category by member.
    tables : HccTables
        Tables of the model.
    """
    place = tables.place
    for category in IMPLIED.get(tables.model, ()):
        held[place[category]] = False
    for category, others in NEEDS_ANOTHER.get(tables.model, {}).items():
        held[place[category]] &= held[[place[o] for o in others]].any(axis=0)
    for parent, children in tables.hierarchies:
        if held[place[parent]].any():
            without = ~held[place[parent]]
            for child in children:
                held[place[child]] &= without


def interactions(held: np.ndarray, disabled: np.ndarray, tables: HccTables) -> np.ndarray:
    """
    Interactions of the categories that are left.

    Parameters
    ----------
    held : numpy.ndarray of bool
        Category by member, after hierarchies.
    disabled : numpy.ndarray of bool
        Whether each member is under 65 and disabled, or non-aged in the ESRD models.
    tables : HccTables
        Tables of the model.

    Returns
    -------
    numpy.ndarray of bool
        Interaction by member, in the order of `INTERACTIONS`.
    """
    place = tables.place
    groups = GROUPS[tables.model]
    factors = {name: np.logical_or.reduce([held[place[c]] for c in group]) for name, group in groups.items()}
    factors["DISABLED"] = disabled
    products = [
        np.logical_and.reduce([factors[f] if f in factors else held[place[f]] for f in product.split()])
        for product in INTERACTIONS[tables.model].values()
    ]
    return np.array(products)
