"""Claims of a scenario: worked out once, completed, and handed to the budget as monthly experience."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from acomodel.claims.runoff import ALL, Completion, complete
from acomodel.claims.study import ClaimsSettings, Study, study


@dataclass(frozen=True, eq=False)
class Claims:
    """
    Claims of a scenario as experience.

    Parameters
    ----------
    study : Study
        What left the engine.
    completion : Completion
        Completed claims and use by month and category.
    monthly : pandas.DataFrame
        Rows of the table `monthly`, completed, of every month with exposure.
    actuals : pandas.DataFrame
        Index calendar year; `member_months`, `reported` and `allowed` (completed) [$], its `standard_error` [$]
        and the ends `low` and `high` of its interval [$].
    """

    study: Study
    completion: Completion
    monthly: pd.DataFrame
    actuals: pd.DataFrame

    def before(self, year: int | None) -> pd.DataFrame:
        """Monthly experience before a calendar year; all of it where none is given."""
        return self.monthly if year is None else self.monthly[self.monthly["month"].dt.year < year]

    def fingerprint(self) -> dict[str, object]:
        """Rows, sums and a hash of the figures the experience is made of."""
        cells, exposure = self.study.cells, self.study.exposure
        text = cells.to_csv(index=False, float_format="%.12g") + exposure.to_csv(float_format="%.12g")
        sums = {name: float(cells[name].sum()) for name in ("paid", "member_cost_share", "allowed")}
        return {
            "table": "claims",
            "rows": int(cells["lines"].sum()),
            "sums": sums,
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
        }


def read_claims(wanted: ClaimsSettings, folder: Path) -> Claims:
    """
    Work out the claims of a scenario, and complete them.

    Parameters
    ----------
    wanted : ClaimsSettings
        Claims and rules of the scenario.
    folder : Path
        Folder of the scenario.

    Returns
    -------
    Claims

    Raises
    ------
    InputError
        Claims that cannot be read, or an ACO or year that is not in them.
    """
    found = study(wanted, folder)
    ours = found.experience
    exposure = ours.exposure["member_months"]
    exposure = exposure[exposure > 0]
    payments = ours.payments()
    completion = complete(payments[payments["incurred_month"].isin(exposure.index)], exposure, wanted.completion)
    monthly = completed_monthly(completion, exposure)
    rows = {}
    for year in sorted(wanted.years):
        total = completion.pmpm(year).loc[ALL]
        members = float(total["member_months"])
        rows[year] = {
            "member_months": members,
            "reported": float(total["allowed"]),
            "allowed": float(total["completed_allowed"]),
            "standard_error": float(total["standard_error"]) * members,
            "low": float(total["low"]) * members,
            "high": float(total["high"]) * members,
        }
    return Claims(found, completion, monthly, pd.DataFrame.from_dict(rows, orient="index").rename_axis("year"))


def completed_monthly(completion: Completion, exposure: pd.Series) -> pd.DataFrame:
    """Completed experience as rows of the table `monthly`; what payers and members pay keeps its share."""
    rows = completion.monthly
    return pd.DataFrame(
        {
            "month": rows["month"],
            "service_category": rows["service_category"],
            "member_months": exposure.reindex(rows["month"]).to_numpy(),
            "incurred_claims": rows["completed_paid"],
            "member_cost_share": rows["completed_allowed"] - rows["completed_paid"],
            "completion_factor": 1.0,
            "services": rows["completed_units"],
        }
    )
