"""The members behind the claims, as small tables: ages, annual claims, risk scores, what they predict."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd

from acomodel.budget.claimants import Claimants
from acomodel.budget.demographics import age_sex_cells
from acomodel.exhibit import inert
from acomodel.inputs import InputError
from acomodel.privacy import SMALL_CELL

DEMOGRAPHIC = ("demographics-missing",)
"""Findings that concern every measure of risk; the others concern scores by diagnoses."""
EVERYBODY = "all members"
"""Type of members whose claims bear no status of Medicare."""


@dataclass(frozen=True, eq=False)
class People:
    """
    Members of a population as counts and sums, from which risk and large claims are worked out.

    Parameters
    ----------
    ages : pandas.DataFrame
        By `year`, `age` [years] and `sex`: `members` and `months`.
    factors : pandas.DataFrame
        By `year`: age/sex factors estimated from the claims of the year; see `AgeSexEstimate`.
    fit : pandas.DataFrame
        By `year`: `statistic` and `value` of that estimate.
    claimants : pandas.DataFrame
        By `year`: annual allowed claims (reported), those of large claimants one by one; see `Claimants`.
    scores : pandas.DataFrame
        By `year`, `model`, `type` of enrollment and how `assigned` (newly, continuously, or empty where that is not
        known): `members`, `months` and mean `score`, by diagnoses of the year before.
    categories : pandas.DataFrame
        By `year`, `model` and `category` with its `label`: `members`.
    prediction : pandas.DataFrame
        Of the years through `year`, by `model`: what each `part` (a statistic, a decile of predicted cost, a condition)
        of the members held back comes to; see `PredictiveCheck`.
    high_risk : pandas.DataFrame
        Of the last `year` scored: members of the highest predicted cost by rank, with what drives it.
    findings : pandas.DataFrame
        By `year`: `check`, `what` and the `members` it concerns.
    """

    ages: pd.DataFrame
    factors: pd.DataFrame
    fit: pd.DataFrame
    claimants: pd.DataFrame
    scores: pd.DataFrame
    categories: pd.DataFrame
    prediction: pd.DataFrame
    high_risk: pd.DataFrame
    findings: pd.DataFrame

    def claims_of(self, year: int) -> Claimants:
        """
        Distribution of annual claims of a year.

        Raises
        ------
        InputError
            The claims hold no such year.
        """
        rows = self.claimants[self.claimants["year"] == year]
        if rows.empty:
            known = ", ".join(str(y) for y in sorted(self.claimants["year"].unique()))
            raise InputError(f"large claims: the claims hold no year {year}; they hold {known}")
        return Claimants.from_frame(rows.drop(columns="year").reset_index(drop=True))

    def mean_factor(self, year: int, factors: pd.DataFrame) -> float:
        """
        Average age/sex factor of a year under a table of factors.

        Raises
        ------
        InputError
            Nobody has an age and a sex in that year.
        """
        rows = self.ages[self.ages["year"] == year]
        if rows.empty:
            known = ", ".join(str(y) for y in sorted(self.ages["year"].unique())) or "none"
            raise InputError(f"risk: no member of {year} has an age and a sex in the claims; years that do: {known}")
        return age_sex_cells(rows["age"], rows["sex"], rows["months"], factors).factor

    def own_factors(self, year: int) -> pd.DataFrame:
        """
        Age/sex factors estimated from the claims of a year.

        Raises
        ------
        InputError
            None were estimated for that year.
        """
        rows = self.factors[self.factors["year"] == year]
        if rows.empty:
            raise InputError(f"risk: no age/sex factors are estimated from the claims of {year}")
        return rows.drop(columns="year").reset_index(drop=True)

    def mean_score(self, year: int, model: str) -> float:
        """
        Average risk score of a year, weighted by months.

        Raises
        ------
        InputError
            Nobody is scored in that year.
        """
        rows = self.scores[(self.scores["year"] == year) & (self.scores["model"] == model)]
        if rows.empty:
            known = ", ".join(str(y) for y in sorted(self.scores["year"].unique())) or "none"
            raise InputError(
                f"risk: nobody is scored for {year} by {model}: the diagnoses of {year - 1} are wanted; years that are "
                f"scored: {known}"
            )
        return float(np.average(rows["score"], weights=rows["months"]))

    def frames(self) -> dict[str, pd.DataFrame]:
        """The tables by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def without_small_cells(self) -> People:
        """The same without rows that stand for single members, and without figures of 1 to 10 members held back."""
        few = self.prediction["members"].between(1, SMALL_CELL)
        hidden = ["months", "predicted", "actual", "value"]
        checked = self.prediction.assign(**{name: self.prediction[name].mask(few) for name in hidden})
        return replace(self, prediction=checked, high_risk=self.high_risk.iloc[:0])

    def write(self, folder: Path) -> None:
        """Write the tables as CSV into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in self.frames().items():
            text = {c: frame[c].map(inert) for c in frame if not pd.api.types.is_numeric_dtype(frame[c])}
            frame.assign(**text).to_csv(folder / f"{name}.csv", index=False)


_TEXT: tuple[str, ...] = (
    "assigned",
    "check",
    "what",
    "category",
    "label",
    "part",
    "drivers",
    "model",
    "type",
    "kind",
    "sex",
)
_TEXT += ("statistic",)
_EMPTY = ("assigned", "drivers", "label")
"""Columns of text that may be empty."""


def read_people(folder: Path) -> People:
    """
    Tables that an earlier run worked out from claims.

    Raises
    ------
    InputError
        A table is not there or not as it was written.
    """
    found = {}
    for field in fields(People):
        path = folder / f"{field.name}.csv"
        try:
            frame = pd.read_csv(path, dtype=dict.fromkeys(_TEXT, "str"), keep_default_na=False, na_values=[""])
            found[field.name] = frame.fillna({name: "" for name in _EMPTY if name in frame})
        except FileNotFoundError:
            raise InputError(f"{path}: no such file; it is one of the tables of a study.") from None
        except ValueError as error:
            raise InputError(f"{path}: not a table of a study ({error}).") from None
    return People(**found)
