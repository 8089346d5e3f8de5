"""Members as the CMS-HCC models see them: checked demographics, segment, and the demographic part of the score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from acomodel.budget.factor_sets import OLDEST
from acomodel.budget.hcc.tables import SEGMENTS, HccTables
from acomodel.inputs import InputError

LONGEST = 12 * OLDEST
"""Most months since a transplant. [months]"""

BANDS = ("0_34", "35_44", "45_54", "55_59", "60_64", "65_69", "70_74", "75_79", "80_84", "85_89", "90_94", "95_GT")
NEW_BANDS = (*BANDS[:5], "65", "66", "67", "68", "69", *BANDS[6:])


def by_age(bands: tuple[str, ...]) -> np.ndarray:
    """
    Place of the band of each age.

    >>> by_age(("0_64", "65_GT"))[[64, 65]]
    array([0, 1])
    """
    starts = [int(band.partition("_")[0]) for band in bands]
    return np.searchsorted(starts, np.arange(OLDEST + 1), side="right") - 1


_BAND, _NEW_BAND = by_age(BANDS), by_age(NEW_BANDS)

_SEX = {"F": 0, "2": 0, "M": 1, "1": 1}
_DUAL = {"": 0, "NA": 0, "99": 0} | {text: n for n in range(11) for text in (str(n), f"{n:02d}")}
_REASON = {"": -1, "0": 0, "1": 1, "2": 2, "3": 3}
_YES = {"": False} | dict.fromkeys(("TRUE", "YES", "Y", "T", "1"), True)
_YES |= dict.fromkeys(("FALSE", "NO", "N", "F", "0"), False)

FULL, PARTIAL = (2, 4, 8), (1, 3, 5, 6)
MEDICAID_NEW = np.isin(np.arange(11), (1, 2, 3, 4, 5, 6, 8))
_STATUS = np.array([2 * (code in FULL) + 4 * (code in PARTIAL) for code in range(11)])


@dataclass(frozen=True, eq=False)
class Members:
    """
    Checked members as arrays, one place each.

    Parameters
    ----------
    member_id : array of str
        Identifiers, all different.
    age : numpy.ndarray
        Age on 1 February of the payment year. [years]
    male : numpy.ndarray of bool
        Whether the member is male.
    dual, orec : numpy.ndarray
        Dual status and original reason for entitlement as numbers; -1 for a reason that is not given.
    institutional, new_enrollee, snp : numpy.ndarray of bool
        Long-term institutional; fewer than 12 months of Part B; in a special needs plan for chronic conditions.
    graft_months : numpy.ndarray
        Months since a kidney transplant, that of the transplant being the first; 0 without one. [months]
    """

    member_id: pd.api.extensions.ExtensionArray
    age: np.ndarray
    male: np.ndarray
    dual: np.ndarray
    orec: np.ndarray
    institutional: np.ndarray
    new_enrollee: np.ndarray
    snp: np.ndarray
    graft_months: np.ndarray

    def __len__(self) -> int:
        """Members. [members]"""
        return len(self.member_id)

    def only(self, place: int) -> Members:
        """The member at a place, alone."""
        return Members(**{name: getattr(self, name)[place : place + 1] for name in self.__dataclass_fields__})

    @property
    def disabled(self) -> np.ndarray:
        """Under 65 and entitled for another reason than age, or for one that is not given."""
        return (self.age < 65) & (self.orec != 0)

    @property
    def originally_disabled(self) -> np.ndarray:
        """65 or older and first entitled by disability."""
        return (self.age >= 65) & (self.orec == 1)

    @cached_property
    def segment(self) -> np.ndarray:
        """Place of each member's segment in `SEGMENTS`; a new enrollee in an institution is a new enrollee."""
        community = _STATUS[self.dual] + (self.age < 65)
        settled = np.where(self.institutional, SEGMENTS.index("INS"), community)
        new = np.where(self.snp, SEGMENTS.index("SNPNE"), SEGMENTS.index("NE"))
        return np.where(self.new_enrollee, new, settled).astype(np.int8)


def check_members(members: pd.DataFrame) -> Members:
    """
    Members of a table, checked.

    Parameters
    ----------
    members : pandas.DataFrame
        Rows of the table `members` of the data dictionary. `members.attrs["source"]` is what messages call it.

    Returns
    -------
    Members

    Raises
    ------
    InputError
        A column or cell is missing, a value is unknown, an age cannot be, or a member stands twice. Rows are counted
        as in a file whose header is row 1.

    Examples
    --------
    >>> table = pd.DataFrame({"member_id": ["A"], "age": [76], "sex": ["F"], "dual_status": ["03"]})
    >>> SEGMENTS[check_members(table).segment[0]]
    'CPA'
    """
    place = str(members.attrs.get("source", "members"))
    for name in ("member_id", "age", "sex"):
        if name not in members:
            raise InputError(f"{place}: missing column '{name}'; found {', '.join(map(str, members.columns))}.")
    if members.empty:
        raise InputError(f"{place}: no rows; members with their ages are wanted.")
    ids = as_text(members["member_id"])
    if (blank := ids == "").any():
        raise InputError(f"{_cell(place, blank, 'member_id')}: the cell is empty; the member is wanted.")
    if not _rising(ids) and (twice := ids.duplicated().to_numpy()).any():
        row = int(np.flatnonzero(twice)[0])
        raise InputError(f"{place}: row {row + 2} repeats member '{ids.iloc[row]}' of an earlier row; one row each.")
    flags = {name: _coded(members, place, name, _YES, "yes or no") for name in ("institutional", "new_enrollee", "snp")}
    _coded(members, place, "crec", _REASON, "one of 0, 1, 2, 3")
    return Members(
        ids.array,
        _ages(members["age"], place),
        _coded(members, place, "sex", _SEX, "F or M").astype(bool),
        _coded(members, place, "dual_status", _DUAL, "a code from 00 to 10, 99 or NA"),
        _coded(members, place, "orec", _REASON, "one of 0, 1, 2, 3"),
        flags["institutional"].astype(bool),
        flags["new_enrollee"].astype(bool),
        flags["snp"].astype(bool),
        _graft_months(members, place),
    )


def as_text(column: pd.Series) -> pd.Series:
    """
    A column as trimmed text; empty where nothing is given.

    >>> list(as_text(pd.Series([7.0, None])))
    ['7', '']
    """
    if pd.api.types.is_float_dtype(column.dtype) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    return column.astype("str").fillna("").str.strip()


def _rising(ids: pd.Series) -> bool:
    """Whether each identifier stands behind the one before it, so that none is there twice."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pa.array(ids)
    return bool(pc.all(pc.less(text[:-1], text[1:])).as_py())


def _cell(place: str, wrong: np.ndarray | pd.Series, column: str) -> str:
    return f"{place}: row {int(np.flatnonzero(np.asarray(wrong))[0]) + 2}, column '{column}'"


def _ages(column: pd.Series, place: str) -> np.ndarray:
    """Ages as whole numbers."""
    return _whole(column, place, "age", f"of years from 0 to {OLDEST}", 0, OLDEST)


def _graft_months(members: pd.DataFrame, place: str) -> np.ndarray:
    """Months since a transplant, 0 where the cell is empty or the column absent."""
    months = np.zeros(len(members), dtype=np.int16)
    if "graft_months" in members:
        column = members["graft_months"]
        if column.dtype.kind not in "iuf":
            column = as_text(column).replace("", None)
        given = column.notna().to_numpy()
        words = f"of months from 1 to {LONGEST}, or nothing without a transplant,"
        found = _whole(column.where(given, 1), place, "graft_months", words, 1, LONGEST)
        months[given] = found[given]
    return months


def _whole(column: pd.Series, place: str, name: str, wanted: str, lowest: int, highest: int) -> np.ndarray:
    """A column as whole numbers within bounds."""
    number = column if column.dtype.kind in "iuf" else pd.to_numeric(as_text(column), errors="coerce")
    value = number.to_numpy(dtype=float)
    wrong = ~((value >= lowest) & (value <= highest) & (value == np.floor(value)))
    if wrong.any():
        found = as_text(column)[wrong].iloc[0]
        words = f"found {found}" if found else "the cell is empty"
        raise InputError(f"{_cell(place, wrong, name)}: {words}; a whole number {wanted} is wanted.")
    return value.astype(np.int16)


def _coded(members: pd.DataFrame, place: str, name: str, codes: Mapping[str, int], wanted: str) -> np.ndarray:
    """A column of codes as numbers; a column that is absent counts as empty where empty cells may be."""
    if name not in members:
        return np.full(len(members), codes[""], dtype=np.int8)
    if members[name].dtype == bool:
        return members[name].to_numpy(dtype=np.int8)
    places, values = pd.factorize(members[name], use_na_sentinel=False)
    values = as_text(pd.Series(values)).str.upper()
    numbers = np.array([codes.get(value, -9) for value in values], dtype=np.int8)[places]
    if (wrong := numbers == -9).any():
        found = values.iloc[places[wrong][0]]
        words = f"found '{found}'" if found else "the cell is empty"
        raise InputError(f"{_cell(place, wrong, name)}: {words}; {wanted} is wanted.")
    return numbers


def cells(members: Members) -> np.ndarray:
    """
    Place of each member's demographic cell: age and sex, for new enrollees with Medicaid and original disability.

    A new enrollee of 64 who is entitled by age is in the cell of 65.
    """
    band = _BAND[members.age]
    turning = (members.age == 64) & (members.orec == 0)
    new_band = _NEW_BAND[members.age + turning]
    medicaid = MEDICAID_NEW[members.dual]
    kind = (medicaid * 2 + members.originally_disabled) * 2 + members.male
    settled = members.male * len(BANDS) + band
    return np.where(members.new_enrollee, len(_NAMES) + kind * len(NEW_BANDS) + new_band, settled)


_NAMES = tuple(f"{sex}{band}" for sex in "FM" for band in BANDS)
_NEW_NAMES = tuple(
    f"{medicaid}_{disabled}_NE{sex}{band}"
    for medicaid in ("NMCAID", "MCAID")
    for disabled in ("NORIGDIS", "ORIGDIS")
    for sex in "FM"
    for band in NEW_BANDS
)
CELLS = (*_NAMES, *_NEW_NAMES)
"""Demographic variables in the order of `cells`."""


def demographic_parts(members: Members, tables: HccTables) -> dict[str, np.ndarray]:
    """
    Parts of the score that come from demographics.

    Parameters
    ----------
    members : Members
        Checked members.
    tables : HccTables
        Tables of the model.

    Returns
    -------
    dict
        "cell", "originally disabled" and "medicaid" to a coefficient for each member; the names of the variables are
        `CELLS`, `OriginallyDisabled_Female` and `OriginallyDisabled_Male` in the community and `ORIGDS` in
        institutions, and `LTIMCAID`. [thousandths]
    """
    segment, sex = members.segment, members.male.astype(int)
    lookup = [tables.coefficients[s] for s in SEGMENTS]
    by_cell = np.array([[held.get(cell.lower(), 0) for cell in CELLS] for held in lookup])
    names = ("originallydisabled_female", "originallydisabled_male")
    disabled = np.array([[held.get(name, held.get("origds", 0)) for name in names] for held in lookup])
    medicaid = np.array([held.get("ltimcaid", 0) for held in lookup])
    return {
        "cell": by_cell[segment, cells(members)],
        "originally disabled": disabled[segment, sex] * members.originally_disabled,
        "medicaid": medicaid[segment] * (members.dual > 0),
    }
