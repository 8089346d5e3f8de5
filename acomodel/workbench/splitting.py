"""A total split into steps: one after the other, or each averaged over all orders, in whole cents that add up."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np

EXACT = 6
"""Steps up to which every order of them is averaged."""
ORDERS = 64
"""Orders drawn where there are more, each with its reverse."""
SEED = 1
"""Seed of these orders."""

Worth = Callable[[frozenset[int]], int | None]
"""Cents with some changes made; None where they do not fit together. All of them fit, and none of them."""
Step = tuple[int, ...]
"""Positions of the changes that are made at once."""


def chain_steps(count: int, value: Worth) -> list[Step]:
    """Changes in their order, those that do not fit without others together with the next that make them fit."""
    waiting, taken, steps = list(range(count)), frozenset[int](), list[Step]()
    while waiting:
        first, later = waiting[0], waiting[1:]
        tried = [(first,), *((first, other) for other in later)]
        tried += [(first, *later[:many]) for many in range(2, len(later) + 1)]
        step = next((t for t in tried if value(taken | set(t)) is not None), tuple(waiting))
        steps.append(step)
        taken |= set(step)
        waiting = [at for at in waiting if at not in step]
    return steps


def along(steps: Sequence[Step], value: Worth) -> list[int]:
    """Change of each step with those before it taken. [cents]"""
    levels, taken = [value(frozenset())], frozenset[int]()
    for step in steps:
        taken |= set(step)
        levels.append(value(taken))
    return [(b or 0) - (a or 0) for a, b in itertools.pairwise(levels)]


def _orders(count: int) -> list[tuple[int, ...]]:
    """Orders that are averaged: drawn with a fixed seed, each with its reverse."""
    rng = np.random.default_rng(SEED)
    drawn = [tuple(int(n) for n in rng.permutation(count)) for _ in range(ORDERS)]
    return [order for one in drawn for order in (one, one[::-1])]


def _subsets(count: int) -> list[frozenset[int]]:
    """Sets of steps that an average asks for, the small ones first."""
    if count <= EXACT:
        return [frozenset(s) for size in range(count + 1) for s in itertools.combinations(range(count), size)]
    found = {frozenset(order[:size]) for order in _orders(count) for size in range(count + 1)}
    return sorted(found, key=lambda s: (len(s), sorted(s)))


def _flat(steps: Sequence[Step], chosen: frozenset[int]) -> frozenset[int]:
    return frozenset(at for number in chosen for at in steps[number])


def merged(steps: list[Step], value: Worth) -> list[Step]:
    """Steps that fit in every order that is asked for: those that do not are joined with one that makes them fit."""
    while True:
        bad = next((s for s in _subsets(len(steps)) if value(_flat(steps, s)) is None), None)
        if bad is None:
            return steps
        others = [n for n in range(len(steps)) if n not in bad]
        partner = next((n for n in others if value(_flat(steps, bad | {n})) is not None), others[0])
        joined = sorted(bad | {partner})
        merged = tuple(sorted(at for n in joined for at in steps[n]))
        steps = [merged if n == joined[0] else step for n, step in enumerate(steps) if n not in joined[1:]]


def shapley(steps: Sequence[Step], value: Worth) -> tuple[list[int], str]:
    """Average change of each step over orders, in whole cents that add up, and what was averaged in words."""
    count = len(steps)
    level = {s: value(_flat(steps, s)) or 0 for s in _subsets(count)}
    shares = [Fraction(0)] * count
    if count <= EXACT:
        for chosen, worth in level.items():
            for step in set(range(count)) - chosen:
                weight = Fraction(1, count * math.comb(count - 1, len(chosen)))
                shares[step] += weight * (level[chosen | {step}] - worth)
        said = "Each step is its average over all orders in which the changes could be made (Shapley value)."
    else:
        orders = _orders(count)
        for order in orders:
            for at, step in enumerate(order):
                gain = level[frozenset(order[: at + 1])] - level[frozenset(order[:at])]
                shares[step] += Fraction(gain, len(orders))
        said = (
            f"Each step is its average over {len(orders)} orders in which the changes could be made, drawn with seed "
            f"{SEED} (Shapley value, sampled)."
        )
    return allotted(shares), said


def allotted(shares: Sequence[Fraction]) -> list[int]:
    """
    Whole numbers near shares that add up to their sum, by largest remainder; those of the opposite are opposite.

    >>> allotted([Fraction(1, 3), Fraction(1, 3), Fraction(4, 3)]), allotted([Fraction(-1, 2), Fraction(-1, 2)])
    ([1, 0, 1], [-1, 0])
    """
    total = sum(shares, Fraction(0))
    sign = -1 if total < 0 else 1
    floors = [math.floor(sign * share) for share in shares]
    left = int(sign * total) - sum(floors)
    order = sorted(range(len(shares)), key=lambda n: floors[n] - sign * shares[n])
    return [sign * (floor + (n in order[:left])) for n, floor in enumerate(floors)]
