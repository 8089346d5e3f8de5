"""A quality score with every measure and domain behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from acomodel.exhibit import Assumption, Exhibit, Shown

Standard = Literal["met", "alternative", "failed"]
"""Ways of meeting a quality standard, as a settlement knows them."""

BASES = {
    "performance": "by performance",
    "reporting": "reported only",
    "few": "too few cases",
    "unscored": "no benchmark",
    "part": "part of a composite",
}
"""How a measure counts, in words."""


@dataclass(frozen=True, eq=False, repr=False)
class Quality(Shown):
    """
    A quality score.

    Parameters
    ----------
    scheme : str
        Scheme by which it was scored.
    measures : pandas.DataFrame
        Index measure; `name`, `domain`, `denominator` [cases], `rate`, `low`, `high`, `reliability`, `cut` (what earned
        its points), `next_cut` (from which it earns more) [share], `points`, `possible` and `basis`, a key of `BASES`.
    domains : pandas.DataFrame
        Index domain; `points`, `reward` for improvement, `possible`, `share` of it, `weight` in the score.
    score : float
        Score. [share]
    standard : {"met", "alternative", "failed"}
        How the standard was met, as `settle` takes it.
    notes : tuple of str
        What a reader must know.
    assumptions : tuple of Assumption
        Rules that the score rests on.
    """

    scheme: str
    measures: pd.DataFrame
    domains: pd.DataFrame
    score: float
    standard: Standard
    notes: tuple[str, ...] = ()
    assumptions: tuple[Assumption, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Measures with rate, points and what they count."""
        return self.measures.copy()

    def exhibit(self) -> Exhibit:
        """Points by domain and the score."""
        table = self.domains.copy()
        table.loc["Score"] = pd.Series({"share": self.score, "weight": table["weight"].sum()}).reindex(table.columns)
        names = {name: name.capitalize() for name in table.columns} | {"reward": "For improvement"}
        formats = {"Points": "0.000", "For improvement": "0.000", "Possible": "#.", "Share": "%..", "Weight": "%."}
        table = table.rename(columns=names).rename_axis("Domain")
        said = {"met": "The standard is met.", "failed": "The standard is not met: no savings are shared."}
        note = said.get(self.standard, "The alternative standard is met: the sharing rate is multiplied by the score.")
        return Exhibit("Quality score", table, formats, " ".join([note, *self.notes]))
