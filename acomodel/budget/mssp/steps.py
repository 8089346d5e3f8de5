"""Benchmarks by enrollment type as lines that are worked out in order; any line may be stated instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError, nearest
from acomodel.rates import Numeric

TYPES = ("ESRD", "disabled", "aged/dual", "aged/non-dual")
"""Medicare enrollment types, in the order in which arrays hold them along their last axis."""

ALL_TYPES = "all types"

Override = Mapping[str, Any]
"""Name of a line to what stands in its place: one number, four by type, or a mapping of some types."""


@dataclass(frozen=True)
class Line:
    """
    One line of a benchmark.

    Parameters
    ----------
    name : str
        What the line holds.
    by_type : numpy.ndarray or None
        Value of each type along the last axis; None for a line that is of all types together.
    overall : numeric
        Value of all types together: for dollars the mean weighted by person years, else NaN.
    style : str
        Name of a format of an exhibit.
    stated : bool
        Whether the line was stated and not worked out.
    """

    name: str
    by_type: np.ndarray | None
    overall: Numeric
    style: str
    stated: bool = False


@dataclass(frozen=True, eq=False, repr=False)
class BenchmarkSteps(Shown):
    """
    A benchmark per person year and the lines that led to it, for one ACO or for many.

    Parameters
    ----------
    title : str
        What the last line is.
    lines : tuple of Line
        In the order worked out.
    note : str
        A sentence below the table.
    labels : sequence, optional
        Names of the ACOs where there are many.
    """

    title: str
    lines: tuple[Line, ...]
    note: str = ""
    labels: Sequence[Any] | None = None

    @property
    def by_type(self) -> Any:
        """Last line by type: a Series for one ACO, an array for many. [as that line]"""
        values = self.lines[-1].by_type
        if values is None:
            raise InputError(f"{self.title}: the last line is of all types together and has no figures by type")
        return pd.Series(values, index=list(TYPES)) if values.ndim == 1 else values

    @property
    def per_capita(self) -> Numeric:
        """Last line, all types together. [$ per person year]"""
        value = self.lines[-1].overall
        return float(value) if np.ndim(value) == 0 else value

    def line(self, name: str) -> Line:
        """
        One line by its name.

        Raises
        ------
        InputError
            There is no such line.
        """
        for line in self.lines:
            if line.name == name:
                return line
        names = [line.name for line in self.lines]
        raise InputError(f"{self.title}: there is no line '{name}'.{nearest(name, names)} Lines: {', '.join(names)}.")

    def to_frame(self) -> pd.DataFrame:
        """One ACO: lines by type and together, unrounded. Many: one row an ACO, each line together."""
        if np.ndim(self.lines[-1].overall) == 0:
            by_types = {n.name: np.full(4, np.nan) if n.by_type is None else n.by_type for n in self.lines}
            table = pd.DataFrame.from_dict(by_types, orient="index", columns=list(TYPES)).dropna(axis=1, how="all")
            table[ALL_TYPES] = [float(line.overall) for line in self.lines]
            return table.rename_axis("Line")
        many = len(self.lines[-1].overall)
        known = {line.name: np.broadcast_to(line.overall, many) for line in self.lines}
        kept = {name: values for name, values in known.items() if not np.isnan(values).all()}
        return pd.DataFrame(kept, index=pd.Index(self.labels if self.labels is not None else range(many), name="ACO"))

    def exhibit(self) -> Exhibit:
        """The lines as a table."""
        stated = [line.name for line in self.lines if line.stated]
        said = f"Stated and not worked out: {'; '.join(stated)}." if stated else ""
        formats = {line.name: line.style for line in self.lines}
        return Exhibit(self.title, self.to_frame(), formats, " ".join(part for part in (self.note, said) if part))


class Worksheet:
    """
    Lines worked out one after another, where a stated line takes the place of the worked one.

    Parameters
    ----------
    title : str
        What is worked out.
    override : mapping, optional
        Stated lines; a name that never comes up is an error when the steps are closed.

    Examples
    --------
    >>> sheet = Worksheet("Example", {"Trend": {"ESRD": 2.0}})
    >>> shares = sheet.shares([1, 1, 1, 1])
    >>> sheet.of_types("Trend", np.ones(4), "0.0000").tolist()
    [2.0, 1.0, 1.0, 1.0]
    """

    def __init__(self, title: str, override: Override | None = None) -> None:
        self.title = title
        self._override = dict(override or {})
        self._lines: list[Line] = []
        self._shares: np.ndarray | None = None

    @property
    def lines(self) -> tuple[Line, ...]:
        """Lines so far."""
        return tuple(self._lines)

    def shares(self, person_years: Any) -> np.ndarray:
        """Share of each type in the person years; the weights of every later line of dollars. [share]"""
        counts = by_type(person_years, f"{self.title}: person years")
        total = counts.sum(axis=-1, keepdims=True)
        if (counts < 0).any() or (total <= 0).any():
            raise InputError(
                f"{self.title}: person years sum to {total.min():g}; none below and one above zero is wanted"
            )
        self._shares = self.of_types("Share of person years", counts / total, "%.")
        if (np.abs(self._shares.sum(axis=-1) - 1) > 1e-6).any():
            found = self._shares.sum(axis=-1).flat[0]
            raise InputError(f"{self.title}: shares of person years sum to {found:.6g}; 1 is wanted")
        return self._shares

    def of_types(self, name: str, values: Any, style: str) -> np.ndarray:
        """Record a line by type; the values in force come back."""
        worked = np.asarray(values, dtype=float)
        used = _stated(self.title, name, self._override[name], worked) if name in self._override else worked
        dollars = style.startswith("$") and self._shares is not None
        overall = (used * self._shares).sum(axis=-1) if dollars else np.full(used.shape[:-1], np.nan)
        self._lines.append(Line(name, used, overall, style, name in self._override))
        return used

    def overall(self, name: str, value: Any, style: str) -> Numeric:
        """Record a line of all types together; the value in force comes back."""
        used = np.asarray(value, dtype=float)
        if name in self._override:
            used = np.broadcast_to(np.asarray(self._override[name], dtype=float), used.shape)
        self._lines.append(Line(name, None, used, style, name in self._override))
        return used

    def close(self, title: str, note: str = "", labels: Sequence[Any] | None = None) -> BenchmarkSteps:
        """The lines as a result; a stated line that never came up is an error."""
        steps = BenchmarkSteps(title, tuple(self._lines), note, labels)
        for name in self._override:
            steps.line(name)
        return steps


def _stated(title: str, name: str, stated: Any, worked: np.ndarray) -> np.ndarray:
    """Stated values over worked ones: a mapping may name some types only."""
    if isinstance(stated, Mapping):
        unknown = [t for t in stated if t not in TYPES]
        if unknown:
            raise InputError(
                f"{title}: line '{name}' states the type '{unknown[0]}'.{nearest(str(unknown[0]), TYPES)} "
                f"Types: {', '.join(TYPES)}."
            )
        used = worked.copy()
        for type_, value in stated.items():
            used[..., TYPES.index(type_)] = value
        return used
    values = by_type(stated, f"{title}: line '{name}'") if np.ndim(stated) else np.asarray(stated, dtype=float)
    return np.broadcast_to(values, worked.shape).copy()


def by_type(values: Any, what: str) -> np.ndarray:
    """
    Figures by enrollment type as an array whose last axis is `TYPES`.

    Parameters
    ----------
    values : mapping, Series, DataFrame, BenchmarkSteps or array-like
        A mapping or Series holds each type by name, a DataFrame has the types as columns; an array has four
        entries along its last axis, in the order of `TYPES`.
    what : str
        Name of the figures for messages.

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    InputError
        A type is missing, unknown or not a number.

    Examples
    --------
    >>> by_type({"disabled": 2, "ESRD": 1, "aged/dual": 3, "aged/non-dual": 4}, "example").tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    if isinstance(values, BenchmarkSteps):
        values = values.by_type
    if isinstance(values, Mapping):
        values = pd.Series(values)
    if isinstance(values, (pd.Series, pd.DataFrame)):
        names = values.columns if isinstance(values, pd.DataFrame) else values.index
        missing = [t for t in TYPES if t not in names]
        unknown = [str(n) for n in names if n not in TYPES]
        if missing or unknown:
            hint = nearest(unknown[0], TYPES) if unknown else ""
            fault = f"the type '{missing[0]}' is missing" if missing else f"'{unknown[0]}' is no enrollment type"
            raise InputError(f"{what}: {fault}; {', '.join(TYPES)} are wanted.{hint}")
        values = values[list(TYPES)]
    array = np.asarray(values, dtype=float)
    if array.ndim == 0 or array.shape[-1] != len(TYPES):
        found = array.shape[-1] if array.ndim else "one number"
        raise InputError(f"{what}: found {found} where four types are wanted: {', '.join(TYPES)}.")
    if not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(array))[0]
        place = f" in row {tuple(int(i) for i in bad[:-1])}" if array.ndim > 1 else ""
        raise InputError(f"{what}: {TYPES[bad[-1]]}{place} is not a number; a suppressed figure is not zero.")
    return array


def positive(array: np.ndarray, what: str) -> np.ndarray:
    """
    The array as it is, or an error where a figure is not above zero.

    >>> positive(np.ones(4), "risk").tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    if not (array > 0).all():
        raise InputError(f"{what}: found {array.min():g}; above zero is wanted.")
    return array


def number_or_types(value: Any, shape: tuple[int, ...], what: str) -> np.ndarray:
    """
    One number for all types, or figures by type, in the shape of other figures by type.

    >>> number_or_types(2, (4,), "example").tolist()
    [2.0, 2.0, 2.0, 2.0]
    """
    values = np.asarray(value, dtype=float) if np.ndim(value) == 0 and np.isscalar(value) else by_type(value, what)
    return np.broadcast_to(values, shape)
