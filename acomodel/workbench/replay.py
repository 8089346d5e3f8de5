"""Settle every ACO of published results by the rules, and hold the outcome against what CMS paid."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.puf import read_puf
from acomodel.reach import is_reach, read_reach
from acomodel.workbench.replay_mssp import replay_mssp
from acomodel.workbench.replay_reach import replay_reach


@dataclass(frozen=True, eq=False, repr=False)
class Replay(Shown):
    """
    Settlements of published results beside the published payments.

    Parameters
    ----------
    rows : pandas.DataFrame
        One row per settlement: published, computed, difference, whether it lies within the rounding of
        the printed inputs, the bases of threshold and rate, every line of the settlement, an explanation.
    summary : pandas.DataFrame
        One row per programme and performance year: settlements, not zero, within rounding, within a dollar; for REACH
        also gross and shared savings within a dollar.
    decisions : dict of str to tuple of str
        File name to what had to be decided in reading it.
    """

    rows: pd.DataFrame
    summary: pd.DataFrame
    decisions: dict[str, tuple[str, ...]]

    def to_json(self) -> dict[str, Any]:
        """Rows, summary and decisions as plain values; what is not a number is null."""
        rows = self.rows.assign(start_date=self.rows["start_date"].dt.strftime("%Y-%m-%d"))
        rows = rows.rename(columns={"start_date": "agreement_start"}).replace([np.inf, -np.inf], np.nan)
        return {
            "rows": json.loads(rows.to_json(orient="records", double_precision=15)),
            "summary": self.summary.to_dict("records"),
            "decisions": {name: list(said) for name, said in self.decisions.items()},
        }

    def exhibit(self) -> Exhibit:
        """Summary by performance year."""
        years = self.summary["performance_year"].astype(str)
        if len(set(self.summary["program"])) > 1:
            years = self.summary["program"].str.upper() + " " + years
        table = self.summary.drop(columns=["program", "performance_year"])
        table = table.set_index(pd.Index(years, name="performance_year"))
        return Exhibit("Settlements replayed", table, dict.fromkeys(table.columns, "#"))


def replay(paths: Sequence[str | Path], *, year: int | None = None) -> Replay:
    """
    Settle every ACO of one or more files of published results and compare with what CMS published.

    Parameters
    ----------
    paths : sequence of str or Path
        Public use files of the Shared Savings Program, or results files of ACO REACH and Direct Contracting, as CMS
        prints them; which of the two a file is, its header tells. They may be mixed.
    year : int, optional
        Performance year of a single file that does not say it.

    Returns
    -------
    Replay

    Raises
    ------
    InputError
        A file cannot be read as such, or one settlement stands in two files.

    Notes
    -----
    A payment is *within rounding* when the published amount lies between the payments at the two ends of
    the interval that the printed precision of benchmark, spending, quality score and adjustment allows,
    widened by one unit of its own last place: half for the rounding of the amount and half for that of the
    sequestration taken from it. Payment rises with benchmark and quality and falls with spending (at a
    binding loss limit it is the other way round, by as little), so the two ends are two settlements.

    Examples
    --------
    >>> import tempfile
    >>> header = "ACO_ID,Current_Track,N_AB,EarnSaveLoss,Met_QPS,QualScore,ABtotBnchmk,ABtotExp"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "puf_2022.csv"
    ...     _ = path.write_text(header + "\\nA1,B,20000,1960000,1,90%,100000000,95000000")
    ...     replay([path]).summary.loc[0, ["acos", "within_rounding"]].astype(int).tolist()
    [1, 1]
    """
    if not paths:
        raise InputError("replay: no file given")
    parts, decisions = [], {}
    for path in map(Path, paths):
        if is_reach(path):
            results = read_reach(path, year=year)
            parts.append(replay_reach(results))
            decisions[path.name] = results.decisions
        else:
            file = read_puf(path, year=year)
            parts.append(replay_mssp(file))
            decisions[path.name] = file.decisions
    rows = pd.concat(parts, ignore_index=True)
    twice = rows.duplicated(["program", "aco_id", "performance_year", "start_date"])
    if twice.any():
        row = rows[twice].iloc[0]
        raise InputError(f"ACO {row['aco_id']} of {row['performance_year']} stands in more than one of the files")
    counted = {
        "acos": ("aco_id", "size"),
        "nonzero": ("published", lambda x: int((x.fillna(0.0) != 0).sum())),
        "within_rounding": ("within_rounding", "sum"),
        "within_dollar": ("within_dollar", "sum"),
    }
    if "gross_within_dollar" in rows:
        counted |= {name: (name, lambda x: int(x.eq(True).sum())) for name in _COMPARED}
    summary = rows.groupby(["program", "performance_year"], as_index=False, sort=True).agg(**counted)
    return Replay(rows, summary, decisions)


_COMPARED = ("gross_within_dollar", "shared_within_dollar")
"""Columns of what else a results file of REACH prints, whether it agrees."""
