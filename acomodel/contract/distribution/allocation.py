"""A pool to those who share in it: whole cents by members, contribution, quality, capital, revenue or Shapley value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from acomodel.inputs import InputError, nearest

Basis = Literal["members", "equal", "contribution", "quality", "capital", "revenue", "shapley"]
"""What a pool is divided by."""
BASES: dict[str, str] = {
    "members": "members",
    "equal": "equal parts",
    "contribution": "contribution to savings (benchmark − actual)",
    "quality": "quality score × members",
    "capital": "capital not yet repaid",
    "revenue": "revenue lost",
    "shapley": "Shapley value",
}
"""Each basis in words."""
Negative = Literal["zero", "subtract", "carry"]
"""What becomes of a negative contribution: it counts nothing, is paid in, or is set against later ones."""
MOST = 10**15
"""Amounts of which every cent is told apart. [cents]"""
NUMBERS = ("members", "benchmark", "actual", "capital", "revenue_lost")
"""Columns of participants that are nothing where they are empty."""
_NEEDS: dict[str, tuple[str, ...]] = {
    "members": ("members",),
    "quality": ("members",),
    "contribution": ("benchmark",),
}


def to_cents(amount: float, name: str = "amount") -> int:
    """
    Whole cents nearest an amount, halves away from zero.

    Parameters
    ----------
    amount : float
        [$]
    name : str
        What it is, for the message of an error.

    Returns
    -------
    int
        [cents]

    Raises
    ------
    InputError
        No finite number, or one of which not every cent can be told apart.

    Examples
    --------
    >>> to_cents(12.345), to_cents(-0.004)
    (1235, 0)
    """
    size = abs(float(amount)) * 100
    if not size < MOST:
        raise InputError(f"distribution: {name} of {amount:g}; a finite amount below {MOST // 100:,} dollars is wanted")
    whole = math.floor(round(size, 6) + 0.5)
    return -whole if amount < 0 else whole


def split(cents: int, shares: np.ndarray) -> np.ndarray:
    r"""
    Divide whole cents in proportion to shares by the method of the largest remainder.

    Parameters
    ----------
    cents : int
        What is divided, of either sign. [cents]
    shares : numpy.ndarray
        Weights whose sum is above zero; single ones may be negative. [any unit]

    Returns
    -------
    numpy.ndarray of int
        Parts that sum to the whole; each less than a cent from its exact part.

    Raises
    ------
    InputError
        Shares that are missing, or whose sum is not above zero.

    Notes
    -----
    With exact parts :math:`q_i = c\,w_i / \sum w`, each gets :math:`\lfloor q_i \rfloor`; the cents left go one each to
    the largest remainders :math:`q_i - \lfloor q_i \rfloor`, the first of equal ones first. A negative amount is
    divided as the positive one is, with the sign turned.

    References
    ----------
    .. [1] M. L. Balinski and H. P. Young, *Fair Representation*, 1982, chapter 3: the method of Hamilton.

    Examples
    --------
    >>> split(100, np.array([1.0, 1.0, 1.0])).tolist()
    [34, 33, 33]
    >>> split(-100, np.array([1.0, 1.0, 1.0])).tolist()
    [-34, -33, -33]
    """
    weights = np.asarray(shares, dtype=float)
    total = math.fsum(weights)
    if not (np.isfinite(weights).all() and total > 0):
        raise InputError(f"distribution: weights that sum to {total:g}; a sum above zero is wanted")
    if cents < 0:
        return -split(-cents, weights)
    exact = cents * (weights / total)
    parts = np.floor(exact).astype(np.int64)
    left = cents - int(parts.sum())
    order = np.argsort(-np.round(exact - parts, 9), kind="stable")
    while left:  # once, but for the rounding of large weights of both signs
        step = 1 if left > 0 else -1
        taken = order[: abs(left)] if left > 0 else order[::-1][: abs(left)]
        parts[taken] += step
        left -= step * len(taken)
    return parts


@dataclass(frozen=True, eq=False)
class Sharers:
    """
    Those who share in a distribution: participants, or the TINs they make.

    Parameters
    ----------
    names, tins, kinds : tuple of str
        Of each.
    numbers : mapping of str to numpy.ndarray
        `members` [members], `benchmark`, `actual`, `capital`, `revenue_lost` [$], `quality_score` [share].
    """

    names: tuple[str, ...]
    tins: tuple[str, ...]
    kinds: tuple[str, ...]
    numbers: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        """How many."""
        return len(self.names)

    def __getitem__(self, column: str) -> np.ndarray:
        """A number of each."""
        return self.numbers[column]

    def to_frame(self, name: str = "participant") -> pd.DataFrame:
        """One row each."""
        index = pd.Index(self.names, name=name)
        return pd.DataFrame({"tin": self.tins, "kind": self.kinds, **self.numbers}, index=index)

    def at(self, places: np.ndarray) -> Sharers:
        """Some of them."""
        names, tins, kinds = (tuple(of[i] for i in places) for of in (self.names, self.tins, self.kinds))
        return Sharers(names, tins, kinds, {name: values[places] for name, values in self.numbers.items()})

    def of(self, kinds: tuple[str, ...]) -> np.ndarray:
        """Places of those of some kinds; of all where none are named."""
        return np.array([i for i, kind in enumerate(self.kinds) if not kinds or kind in kinds], dtype=np.intp)

    def codes(self) -> np.ndarray:
        """Place of each one's TIN in order of first mention."""
        place = {tin: n for n, tin in enumerate(dict.fromkeys(self.tins))}
        return np.array([place[tin] for tin in self.tins], dtype=np.intp)

    def by_tin(self) -> Sharers:
        """TINs: numbers summed, the quality score averaged by members, else plainly."""
        codes, tins = self.codes(), tuple(dict.fromkeys(self.tins))
        found = {name: np.bincount(codes, self[name], len(tins)) for name in NUMBERS}
        known = ~np.isnan(self["quality_score"])
        score = np.where(known, self["quality_score"], 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            weighed, plain = (
                np.bincount(codes, weight * score, len(tins)) / np.bincount(codes, weight, len(tins))
                for weight in (self["members"] * known, known.astype(float))
            )
        found["quality_score"] = np.where(np.isnan(weighed), plain, weighed)
        kinds: dict[str, dict[str, None]] = {tin: {} for tin in tins}
        for tin, kind in zip(self.tins, self.kinds, strict=True):
            kinds[tin][kind] = None
        return Sharers(tins, tins, tuple(", ".join(kinds[tin]) for tin in tins), found)


def sharers(participants: pd.DataFrame) -> Sharers:
    """
    Participants as a distribution takes them.

    Parameters
    ----------
    participants : pandas.DataFrame
        `participant` (physician or practice), and any of `tin`, `kind`, `members` [members], `benchmark`, `actual`,
        `capital`, `revenue_lost` [$], `quality_score` [share]. Empty numbers are nothing, but for the quality score; a
        participant without a `tin` is its own, one without a `kind` a practice.

    Returns
    -------
    Sharers

    Raises
    ------
    InputError
        A participant in two TINs or listed twice, an unknown column, a number below zero, a score that is no share.

    Examples
    --------
    >>> sharers(pd.DataFrame({"participant": ["A"], "members": [500]})).tins
    ('A',)
    """
    known = ("participant", "tin", "kind", *NUMBERS, "quality_score")
    given = {str(column): participants[column].tolist() for column in participants}
    for column in given:
        if column not in known:
            raise InputError(f"participants: unknown column '{column}'.{nearest(column, known)}")
    if not given.get("participant"):
        raise InputError("participants: none are given; a column 'participant' with one row each is wanted")
    names = tuple(map(str, given["participant"]))
    tins = _text(given.get("tin"), names)
    first: dict[str, str] = {}
    for name, tin in zip(names, tins, strict=True):
        if name in first:
            one = first[name]
            found = f"stands in two TINs, {one} and {tin}; one" if tin != one else "is listed twice; one row"
            raise InputError(f"participants: '{name}' {found} is wanted")
        first[name] = tin
    numbers = {}
    for column in (*NUMBERS, "quality_score"):
        score = column == "quality_score"
        values = np.array(given.get(column, [math.nan] * len(names)), dtype=float)
        off = (values < 0) | (values > (1.0 if score else math.inf)) | np.isinf(values)
        if off.any():
            value = float(values[off][0])
            share = f"; {value:g} percent is {value / 100:g}" if score and 1 < value <= 100 else ""
            wanted = "a share from 0 to 1" if score else "a number of at least 0"
            name = names[int(off.argmax())]
            raise InputError(f"participants: '{name}': {column} of {value:g}; {wanted} is wanted{share}")
        numbers[column] = values if score else np.nan_to_num(values)
    return Sharers(names, tins, _text(given.get("kind"), ("practice",) * len(names)), numbers)


def _text(given: list[Any] | None, instead: tuple[str, ...]) -> tuple[str, ...]:
    """Text of each, or what stands for it where it is empty."""
    if given is None:
        return instead
    return tuple(str(a) if isinstance(a, str | int) and a != "" else b for a, b in zip(given, instead, strict=True))


def weights(
    who: Sharers,
    by: Basis,
    *,
    negative: Negative = "zero",
    losses: bool = False,
    values: Mapping[str, float] | None = None,
    brought: Mapping[str, float] | None = None,
) -> np.ndarray:
    """
    Weights by which a pool, or a loss, is divided.

    Parameters
    ----------
    who : Sharers
        Those who share in it.
    by : Basis
        What it goes by.
    negative : {"zero", "subtract", "carry"}
        What becomes of a negative contribution or Shapley value.
    losses : bool
        Whether a loss is divided: then by contributions to the loss, and by what quality lacks.
    values : mapping of str to float, optional
        Shapley values of those who share, which the basis "shapley" needs. [$]
    brought : mapping of str to float, optional
        Negative contributions of earlier years, for "carry". [$]

    Returns
    -------
    numpy.ndarray
        One for each; nothing where nobody has a share.

    Raises
    ------
    InputError
        What the basis goes by is missing.

    Examples
    --------
    >>> two = sharers(pd.DataFrame({"participant": ["A", "B"], "benchmark": [100, 90], "actual": [80, 95]}))
    >>> weights(two, "contribution").tolist(), weights(two, "contribution", negative="subtract").tolist()
    ([20.0, 0.0], [20.0, -5.0])
    """
    if by not in BASES:
        raise InputError(f"distribution: '{by}' is nothing to divide by.{nearest(by, BASES)}")
    for column in _NEEDS.get(by, ()):
        if not who[column].any():
            raise InputError(f"distribution: by {BASES[by]}: nobody who shares in it has a figure in '{column}'")
    if by == "equal":
        return np.ones(len(who))
    if by == "quality":
        score = who["quality_score"]
        lacking = np.isnan(score) & (who["members"] > 0)
        if lacking.any():
            raise InputError(f"distribution: by quality: '{who.names[int(lacking.argmax())]}' has no quality_score")
        score = np.nan_to_num(score)
        return who["members"] * (1 - score if losses else score)
    if by in ("members", "capital", "revenue"):
        return who["revenue_lost" if by == "revenue" else by]
    worth = who["benchmark"] - who["actual"]
    if by == "shapley":
        lacking_name = next((name for name in who.names if values is None or name not in values), None)
        if values is None or lacking_name is not None:
            raise InputError(f"distribution: by Shapley value: none is given for '{lacking_name}'")
        worth = np.array([values[name] for name in who.names])
    elif brought is not None and negative == "carry":
        worth = worth + np.array([brought.get(name, 0.0) for name in who.names])
    worth = -worth if losses else worth
    return worth if negative == "subtract" else np.maximum(worth, 0.0)


def divided(
    cents: int,
    who: Sharers,
    by: Basis,
    *,
    level: str = "participant",
    within: Basis | None = None,
    negative: Negative = "zero",
    losses: bool = False,
    values: Mapping[str, float] | None = None,
    brought: Mapping[str, float] | None = None,
) -> dict[str, int]:
    """
    One amount to the cent, to participants or to TINs, and from TINs to their participants where that is agreed.

    Parameters
    ----------
    cents : int
        What is divided. [cents]
    who : Sharers
        Participants who share in it.
    by : Basis
        What it goes by.
    level : {"participant", "tin"}
        Whom it goes to.
    within : Basis, optional
        What each TIN's amount goes by to its participants; it stays with the TIN by default.
    negative, losses, values, brought
        As for `weights`.

    Returns
    -------
    dict of str to int
        By participant or TIN; empty where nobody has a share of what is no loss. [cents]

    Raises
    ------
    InputError
        As `weights`.

    Notes
    -----
    Where a basis gives nobody a share of a loss, or of what a TIN divides, it goes by members, else in equal parts.

    Examples
    --------
    >>> two = sharers(pd.DataFrame({"participant": ["A", "B"], "tin": ["T", "T"], "members": [2, 1]}))
    >>> divided(1_000, two, "members"), divided(1_000, two, "members", level="tin", within="equal")
    ({'A': 667, 'B': 333}, {'A': 500, 'B': 500})
    """
    units = who.by_tin() if level == "tin" else who
    found = weights(units, by, negative=negative, losses=losses, values=values, brought=brought)
    if not math.fsum(found) > 0:
        if not losses:
            return {}
        found = _instead(units)
    parts = split(cents, found)
    if level != "tin" or within is None:
        return dict(zip(units.names, parts.tolist(), strict=True))
    each: dict[str, int] = {}
    codes = who.codes()
    for tin, part in enumerate(parts.tolist()):
        inside = who.at(np.flatnonzero(codes == tin))
        known = all(inside[column].any() for column in _NEEDS.get(within, ()))
        kept: Negative = "zero" if negative == "carry" else negative
        shares = weights(inside, within, negative=kept, losses=losses) if known else np.zeros(len(inside))
        shares = shares if math.fsum(shares) > 0 else _instead(inside)
        each |= dict(zip(inside.names, split(part, shares).tolist(), strict=True))
    return each


def _instead(who: Sharers) -> np.ndarray:
    """Members, or equal parts where there are none."""
    return who["members"] if who["members"].any() else np.ones(len(who))
