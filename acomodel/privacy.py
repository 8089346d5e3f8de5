"""Which counts of members a report may not print, so that nobody can work out a count of 1 to 10."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

SMALL_CELL = 10
"""Largest number of members that is not printed (CMS cell suppression policy: 1 to 10)."""
FEW, HIDDEN = f"1–{SMALL_CELL}", "*"
"""Marks of a count of 1 to 10, and of one that is not shown so that such a count cannot be worked out."""
WHY_HIDDEN = f"{HIDDEN} Not shown: more than {SMALL_CELL}, and a count of {FEW} could be worked out from it."
"""What the second mark means, for the note of a table."""

Totals = Mapping[Any, Sequence[Any]] | Sequence[tuple[Any, Sequence[Any]]]
"""A label and those of what it is the sum of."""


def suppressed(
    counts: pd.Series | pd.DataFrame,
    *,
    rows: Totals = (),
    columns: Totals = (),
    balances: Sequence[pd.Series] = (),
    unpublished: Collection[Hashable] = (),
    known: Collection[Hashable] = (),
) -> Any:
    r"""
    Cells of a table of counts that are not printed: those of 1 to 10, and others from which these could be worked out.

    Parameters
    ----------
    counts : Series or DataFrame
        Members in each cell, totals among them; labels stand once. [members]
    rows, columns : mapping or sequence of pairs
        Label of a row (column) that is the sum of others, in every column (row), and the labels of these; totals of
        totals, and several sums to one total, are fine.
    balances : sequence of Series
        Weights by row whose weighted sum of counts is nothing in every column: that of a printed average
        :math:`\bar f` is :math:`f_r - \bar f`.
    unpublished : collection of labels
        Rows and columns that are never printed, such as the rest of a list, but that would be known from a total.
    known : collection of labels
        Rows and columns that stand elsewhere too, and cannot be taken back.

    Returns
    -------
    Series or DataFrame of bool
        True where the cell is not printed; of the shape given.

    Raises
    ------
    ValueError
        A total that is not the sum of its parts.

    Notes
    -----
    What is printed is all cells that are left, sums, averages, "1–10" for a hidden cell of 1 to 10 and "*" (more than
    10) for another one. With all of this, a linear programme finds the least and the greatest value that a cell of 1
    to 10 may have. The table is safe when both are as far apart as if every cell but zeros and what is known were
    hidden: then nothing is learned beyond the marks, which as a rule means that every value from 1 to 10 stays
    possible. Until it is, the cells are hidden that a least costly change of the table would move, small ones and parts
    before large ones and totals; cells that turn out not to be needed are shown again, large ones first.

    References
    ----------
    .. [1] CMS, "Cell Size Suppression Policy": no cell of 1 to 10, nor what lets one be derived.
    .. [2] L. H. Cox, "Suppression Methodology and Statistical Disclosure Control," JASA 75, 1980, pp. 377-385.
    .. [3] A. Hundepool et al., "Statistical Disclosure Control," Wiley, 2012, chapter 4: complementary suppression.

    Examples
    --------
    >>> members = pd.Series({"North": 4, "South": 30, "West": 25, "Total": 59})
    >>> suppressed(members, rows={"Total": ["North", "South", "West"]}).to_dict()
    {'North': True, 'South': False, 'West': True, 'Total': False}
    """
    frame = counts.to_frame() if isinstance(counts, pd.Series) else counts
    values = frame.to_numpy(dtype=float, na_value=np.nan)
    values = np.where(np.isnan(values), 0.0, values)
    small = (values > 0) & (values < SMALL_CELL + 1)
    aside = _marked(frame, unpublished)
    hidden = small | aside
    if small.any():
        equations = np.array(list(_equations(frame, rows, columns, balances)))
        if len(equations):
            _check(frame, equations, values, len(balances) * frame.shape[1])
            system = _System(values.ravel(), small.ravel(), aside.ravel(), _marked(frame, known).ravel(), equations)
            hidden = system.solve().reshape(values.shape)
    if isinstance(counts, pd.Series):
        return pd.Series(hidden[:, 0], index=counts.index, name=counts.name)
    return pd.DataFrame(hidden, index=frame.index, columns=frame.columns)


def nested(counts: pd.Series) -> pd.Series:
    """
    Counts not printed of groups each within the one before: neither is a difference of 1 to 10 between two of them.

    Parameters
    ----------
    counts : Series
        Members in each group, the widest first, such as claimants above rising amounts. [members]

    Returns
    -------
    Series of bool

    Examples
    --------
    >>> nested(pd.Series([40, 37, 20, 0], index=[50_000, 75_000, 100_000, 200_000])).tolist()
    [False, True, False, False]
    """
    sizes = [float(n) for n in counts]
    pairs = [(a, b) for a in range(len(sizes)) for b in range(a + 1, len(sizes))]
    cells = pd.Series(
        [*sizes, *(sizes[a] - sizes[b] for a, b in pairs)],
        index=pd.Index([*range(len(sizes)), *pairs], dtype=object, tupleize_cols=False),
    )
    sums = [(a, [b, (a, b)]) for a, b in pairs]
    found = suppressed(cells, rows=sums, unpublished=pairs)
    return pd.Series(found.to_numpy()[: len(sizes)], index=counts.index)


def printed(counts: Any, hidden: Any) -> Any:
    """
    Counts as text: "1–10" for a hidden one of 1 to 10, "*" for another hidden one.

    Parameters
    ----------
    counts : Series or DataFrame
        Members in each cell. [members]
    hidden : Series or DataFrame of bool
        What is not printed, as `suppressed` finds it.

    Returns
    -------
    Series or DataFrame of str

    Examples
    --------
    >>> members = pd.Series([0, 10, 11, 1200])
    >>> printed(members, pd.Series([False, True, True, False])).tolist()
    ['0', '1–10', '*', '1,200']
    """
    if isinstance(counts, pd.DataFrame):
        return pd.DataFrame({name: printed(counts[name], hidden[name]) for name in counts})
    texts = [
        (FEW if 0 < n < SMALL_CELL + 1 else HIDDEN) if kept else show_count(n)
        for n, kept in zip(counts, hidden, strict=True)
    ]
    return pd.Series(texts, index=counts.index, name=counts.name, dtype=object)


def show_count(count: float) -> str:
    """A count as text; an en dash where there is none."""
    return "–" if count != count else f"{count:,.0f}"


def why(counts: Any, hidden: Any) -> str:
    """
    Note for a table in which more is hidden than counts of 1 to 10; empty where there is nothing to explain.

    >>> why(pd.Series([4, 30]), pd.Series([True, False]))
    ''
    """
    values = np.asarray(counts, dtype=float)
    return WHY_HIDDEN if bool((np.asarray(hidden) & ~((values > 0) & (values < SMALL_CELL + 1))).any()) else ""


def _marked(frame: pd.DataFrame, labels: Collection[Hashable]) -> np.ndarray:
    """Cells in rows and columns of these labels."""
    found = np.zeros(frame.shape, dtype=bool)
    if labels:
        found[[label in labels for label in frame.index], :] = True
        found[:, [label in labels for label in frame.columns]] = True
    return found


def _pairs(totals: Totals) -> list[tuple[Any, Sequence[Any]]]:
    return list(totals.items()) if isinstance(totals, Mapping) else list(totals)


def _equations(
    frame: pd.DataFrame, rows: Totals, columns: Totals, balances: Sequence[pd.Series]
) -> Iterator[np.ndarray]:
    """Coefficients of sums of cells that are nothing: totals of rows, of columns, balances."""
    at_row = {label: n for n, label in enumerate(frame.index)}
    at_column = {label: n for n, label in enumerate(frame.columns)}
    for total, parts in _pairs(rows):
        for column in range(frame.shape[1]):
            made = np.zeros(frame.shape)
            made[[at_row[part] for part in parts], column] = 1.0
            made[at_row[total], column] -= 1.0
            yield made.ravel()
    for total, parts in _pairs(columns):
        for row in range(frame.shape[0]):
            made = np.zeros(frame.shape)
            made[row, [at_column[part] for part in parts]] = 1.0
            made[row, at_column[total]] -= 1.0
            yield made.ravel()
    for weights in balances:
        for column in range(frame.shape[1]):
            made = np.zeros(frame.shape)
            made[:, column] = weights.reindex(frame.index).fillna(0.0)
            yield made.ravel()


def _check(frame: pd.DataFrame, equations: np.ndarray, values: np.ndarray, balances: int) -> None:
    """Refuse totals that are not the sum of their parts."""
    off = np.abs(equations @ values.ravel())[: len(equations) - balances]
    if off.size and off.max() > 1e-6 * max(1.0, values.max()):
        at = int(np.flatnonzero(equations[int(off.argmax())] < 0)[0])
        label = frame.index[at // frame.shape[1]]
        raise ValueError(f"'{label}' is off by {off.max():,.6g} from the sum of its parts")


@dataclass(frozen=True, eq=False)
class _System:
    """Cells as one row of values, the equations between them, and what may be hidden."""

    values: np.ndarray
    small: np.ndarray
    aside: np.ndarray
    known: np.ndarray
    equations: np.ndarray

    def solve(self) -> np.ndarray:
        """Cells that are not printed."""
        free = (self.values > 0) & ~self.known
        all_hidden = free | self.small | self.aside
        widest = {int(n): self._reach(int(n), all_hidden) for n in np.flatnonzero(self.small)}
        hidden = self.small | self.aside
        for cell in sorted(widest, key=lambda n: (-self.values[n], n)):
            for up in (False, True):
                if not self._as_wide(cell, widest[cell], hidden, up=up):
                    hidden = hidden | self._moved(cell, widest[cell][int(up)], hidden, free)
        extra = [int(n) for n in np.flatnonzero(hidden & ~self.small & ~self.aside)]
        for cell in sorted(extra, key=lambda n: (-self.values[n], n)):
            fewer = hidden.copy()
            fewer[cell] = False
            if all(self._as_wide(n, widest[n], fewer, up=up) for n in widest for up in (True, False)):
                hidden = fewer
        return hidden

    def _bounds(self, hidden: np.ndarray) -> list[tuple[float, float | None]]:
        """What the marks say of each cell: its value where it is printed."""
        found: list[tuple[float, float | None]] = []
        for value, kept, small, aside in zip(self.values, hidden, self.small, self.aside, strict=True):
            if not kept:
                found.append((value, value))
            elif aside:
                found.append((0.0, None))
            elif small:
                found.append((min(1.0, value), max(float(SMALL_CELL), value)))
            else:
                found.append((min(float(SMALL_CELL + 1), value), None))
        return found

    def _reach(self, cell: int, hidden: np.ndarray) -> tuple[float, float]:
        """Least and greatest value that a cell may have, within 1 and 10."""
        return self._end(cell, hidden, up=False), self._end(cell, hidden, up=True)

    def _end(self, cell: int, hidden: np.ndarray, *, up: bool) -> float:
        if not (self.equations[:, cell] != 0).any():
            return float(SMALL_CELL) if up else 1.0
        goal = np.zeros(self.values.size)
        goal[cell] = -1.0 if up else 1.0
        bounds = self._bounds(hidden)
        low, high = bounds[cell]
        value = self.values[cell]
        most = max(float(SMALL_CELL), value)
        bounds[cell] = (max(low, min(1.0, value)), most if high is None else min(high, most))
        found = _minimum(goal, self.equations, self.equations @ self.values, bounds)
        if found is None:  # not known to be wide enough
            return float("nan")
        return float(found[cell])

    def _as_wide(self, cell: int, widest: tuple[float, float], hidden: np.ndarray, *, up: bool) -> bool:
        end = self._end(cell, hidden, up=up)
        return end >= widest[1] - 1e-6 if up else end <= widest[0] + 1e-6

    def _moved(self, cell: int, target: float, hidden: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Cells besides the hidden ones that move in the least costly change that brings a cell to a target."""
        if not np.isfinite(target):
            return free
        everything = hidden | free
        bounds = self._bounds(everything)
        parts = (self.equations > 0).sum(axis=0) >= (self.equations < 0).sum(axis=0)
        cost = np.where(parts, 1.0, 20.0) + self.values / max(self.values.max(), 1.0)
        cost = np.where(hidden, 0.0, cost)
        size = self.values.size
        both = np.hstack([self.equations, -self.equations])
        limits: list[tuple[float, float | None]] = []
        for value, (_, high) in zip(self.values, bounds, strict=True):
            limits.append((0.0, None if high is None else max(high - value, 0.0)))
        for value, (low, _) in zip(self.values, bounds, strict=True):
            limits.append((0.0, max(value - low, 0.0)))
        moved = cell if target >= self.values[cell] else cell + size
        limits[moved] = (abs(target - self.values[cell]) - 1e-7, None)
        limits[cell if moved != cell else cell + size] = (0.0, 0.0)
        found = _minimum(np.concatenate([cost, cost]), both, np.zeros(len(both)), limits)
        if found is None:
            return free
        return free & (found[:size] + found[size:] > 1e-6)


def _minimum(
    goal: np.ndarray, equations: np.ndarray, right: np.ndarray, bounds: Sequence[tuple[float, float | None]]
) -> np.ndarray | None:
    """Solution of a linear programme; None where there is none."""
    from scipy.optimize import linprog

    found = linprog(goal, A_eq=equations, b_eq=right, bounds=list(bounds), method="highs-ds")
    return found.x if found.success else None
