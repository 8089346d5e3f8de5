"""Clauses of one contract or of many, as arrays that a settlement broadcasts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from acomodel.contract.terms import Terms
from acomodel.inputs import InputError
from acomodel.programs import minimum_savings_rate
from acomodel.rates import Numeric

SCORE_TIE = 1e-9
"""Quality scores closer than this are equal: a gate or a step of a ladder is reached at, not only above. [share]"""


def number(
    name: str,
    value: Numeric,
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
) -> np.ndarray:
    """Input as an array of floats, refused where it is missing or out of range."""
    array = np.asarray(value, dtype=float)
    wanted = []
    bad = ~np.isfinite(array)
    for bound, wrong, words in (
        (above, lambda b: array <= b, "above {:g}"),
        (low, lambda b: array < b, "at least {:g}"),
        (high, lambda b: array > b, "at most {:g}"),
    ):
        if bound is not None:
            bad |= wrong(bound)
            wanted.append(words.format(bound))
    if bad.any():
        first = tuple(np.argwhere(bad)[0])
        where = f" at position {', '.join(map(str, first))}" if array.ndim else ""
        words = f"a number {' and '.join(wanted)}" if wanted else "a finite number"
        raise InputError(f"settle: {name}{where} is {array[first]:g}; {words} is wanted")
    return array


class Clauses:
    """Clauses of one contract or of many, as arrays that broadcast against the other inputs."""

    def __init__(self, terms: Terms | Sequence[Terms]) -> None:
        one = isinstance(terms, Terms)
        contracts: list[Terms] = [terms] if isinstance(terms, Terms) else list(terms)
        if not contracts:
            raise InputError("settle: the sequence of terms is empty; one for each settlement is wanted")
        position: dict[Terms, int] = {}
        codes = [position.setdefault(contract, len(position)) for contract in contracts]
        self.distinct = list(position)
        self.codes = np.asarray(codes[0] if one else codes)
        self.shape = self.codes.shape

    def _column(self, clause: str, missing: float = np.nan) -> np.ndarray:
        """A clause as numbers, with `missing` where a contract lacks it or states it in words."""
        values = [getattr(contract, clause) for contract in self.distinct]
        return np.asarray([v if isinstance(v, int | float) else missing for v in values], dtype=float)[self.codes]

    def __getitem__(self, clause: str) -> np.ndarray:
        """A clause that is always a number."""
        return self._column(clause)

    def states(self, clause: str, word: str | bool) -> np.ndarray:
        """Where a clause that makes a choice makes this one."""
        return np.asarray([getattr(contract, clause) == word for contract in self.distinct], dtype=bool)[self.codes]

    def threshold(self, clause: str, members: Numeric | None) -> np.ndarray:
        """Threshold as a share: stated, or by size from the Medicare table."""
        by_size, fixed = self.states(clause, "size"), self._column(clause, 0.0)
        if not by_size.any():
            return fixed
        if members is None:
            raise InputError(f"settle: {clause} = 'size' needs the number of members")
        table = np.asarray(minimum_savings_rate(number("members", members)))
        if np.isnan(np.where(by_size, table, 0.0)).any():
            raise InputError(f"settle: {clause} = 'size' wants at least 100 members; found {np.min(members):,g}")
        return np.where(by_size, table, fixed)

    def quality_factor(self, score: np.ndarray, standard: np.ndarray) -> np.ndarray:
        """Part of the sharing rate that a quality score, or the way the standard was met, earns."""
        steps = np.zeros(np.broadcast_shapes(self.shape, score.shape))
        for code, contract in enumerate(self.distinct):
            for since, part in contract.quality_ladder:
                steps = np.where((self.codes == code) & (score >= since - SCORE_TIE), part, steps)
        by_standard = self.states("quality_method", "standard")
        counts = ~(self.states("quality_method", "none") | by_standard)
        factor = np.where(self.states("quality_method", "multiplier"), score, 1.0)
        factor = np.where(self.states("quality_method", "ladder"), steps, factor)
        factor = np.where(by_standard & (standard == "alternative"), score, factor)
        decided = self["quality_part"]
        factor = np.where(decided < 1, 1 - decided + decided * factor, factor)
        return np.where((counts & (score < self["quality_gate"] - SCORE_TIE)) | (standard == "failed"), 0.0, factor)

    def loss_rate(self, final_sharing_rate: np.ndarray, score: np.ndarray, standard: np.ndarray) -> np.ndarray:
        """ACO's share of losses by the contract's method, between its floor and ceiling; failed quality counts 0."""
        score = np.where(standard == "failed", 0.0, score)
        rate = np.where(self.states("loss_method", "fixed"), self._column("loss_rate", 0.0), 1 - final_sharing_rate)
        by_quality = self.states("loss_method", "one_minus_rate_times_quality")
        rate = np.where(by_quality, 1 - self["sharing_rate"] * score, rate)
        bounded = np.clip(rate, self["loss_rate_floor"], self["loss_rate_ceiling"])
        return np.where(self.states("loss_method", "none"), 0.0, bounded)

    def least(self, clause: str, benchmark: np.ndarray, revenue: Numeric | None) -> np.ndarray:
        """Lesser of the limits that the contract sets, in dollars; infinite where it sets none."""
        of_benchmark = self._column(f"{clause}_benchmark", np.inf)
        of_revenue = self._column(f"{clause}_revenue", np.inf)
        stated = np.isfinite(of_benchmark)
        limit = np.where(stated, np.where(stated, of_benchmark, 0.0) * benchmark, np.inf)
        if np.isfinite(of_revenue).any():
            if revenue is None:
                raise InputError(f"settle: {clause}_revenue is set, so the revenue it refers to is needed")
            limit = np.minimum(limit, of_revenue * number("revenue", revenue, low=0.0))
        return limit

    @property
    def carries(self) -> np.ndarray:
        """Where losses are set against savings of later years."""
        return self.states("losses_carried", True)

    def carried(
        self,
        brought: np.ndarray,
        shared_savings: np.ndarray,
        savings: np.ndarray,
        start: np.ndarray,
        least: np.ndarray,
        benchmark: np.ndarray,
        rate: np.ndarray,
    ) -> tuple[Numeric, Numeric, Numeric]:
        """Losses brought forward, what of them is set off, and what is carried on, new ones beyond `start` included."""
        if not self.carries.any():
            return 0.0, 0.0, 0.0
        used = np.where(self.carries & (rate > 0), np.minimum(brought, shared_savings), 0.0)
        loses = self.carries & (savings < 0) & (-savings >= (least - 1e-12) * benchmark)
        new = np.where(loses, self.within_corridors(-savings, start, benchmark), 0.0)
        carried_in = np.where(self.carries, brought, 0.0)
        return carried_in, used, carried_in - used + new

    def within_corridors(self, amount: np.ndarray, threshold: np.ndarray, benchmark: np.ndarray) -> np.ndarray:
        """Part of savings or losses beyond a threshold that is shared: all of it, or by marginal bands."""
        start = threshold * benchmark
        shared = np.maximum(amount - start, 0.0) + np.zeros(np.broadcast_shapes(self.shape, np.shape(amount)))
        for code, contract in enumerate(self.distinct):
            if not contract.corridors:
                continue
            banded, low = np.zeros_like(shared), 0.0
            for high, part in contract.corridors:
                upper = high * benchmark if np.isfinite(high) else np.inf
                lower = np.maximum(low * benchmark, start)
                banded = banded + part * np.maximum(np.minimum(amount, upper) - lower, 0.0)
                low = high
            shared = np.where(self.codes == code, banded, shared)
        return shared
