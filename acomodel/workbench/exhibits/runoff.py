"""Tables of completion: completed claims with their interval, development by lag, and how earlier estimates fared."""

from __future__ import annotations

import pandas as pd

from acomodel.claims.runoff import ALL, actual_against_expected, back_test
from acomodel.exhibit import Exhibit, Note
from acomodel.workbench.claims import Claims, payments_of
from acomodel.workbench.exhibits.claims import NO_CLAIMS
from acomodel.workbench.model import Run

NOTHING_COMPLETED = "Reported claims stand; nothing is completed."


def completion(run: Run) -> Exhibit | Note:
    """Reported and completed allowed PMPM of each year, with the interval of the run-off."""
    claims = run.tables.claims
    if claims is None:
        return Note(NO_CLAIMS)
    frame = claims.actuals
    per = frame["member_months"]
    table = pd.DataFrame(
        {
            "Reported": frame["reported"],
            "Completed": frame["allowed"],
            "Share complete": frame["reported"] / frame["allowed"],
            "Completed PMPM": frame["allowed"] / per,
            "Low": frame["low"] / per,
            "High": frame["high"] / per,
        }
    ).rename_axis("Incurred in")
    formats = dict.fromkeys(("Reported", "Completed"), "$") | {"Share complete": "%."}
    formats |= dict.fromkeys(("Completed PMPM", "Low", "High"), "$.")
    confidence = claims.completion.rule.confidence
    note = f"Low and high: {confidence:.0%} interval of what is still to be paid, by Mack's formula."
    return Exhibit("Completed claims by year", table, formats, note)


def claims_completed(run: Run) -> Exhibit | None:
    """Completed claims by year; nothing where the scenario starts from experience."""
    made = completion(run)
    return made if isinstance(made, Exhibit) else None


def open_months(run: Run) -> Exhibit | Note:
    """Months still running off, all categories: reported, completed, standard error."""
    claims = run.tables.claims
    return Note(NO_CLAIMS) if claims is None else claims.completion.exhibit()


def development(run: Run) -> Exhibit | Note:
    """Share of claims paid by months after service, by category."""
    claims = run.tables.claims
    if claims is None:
        return Note(NO_CLAIMS)
    shares = {
        name: pattern.development["share_complete"]
        for (name, kind), pattern in claims.completion.patterns.items()
        if kind == "dollars"
    }
    lags = [0, 1, 2, 3, 4, 5, 6, 9, 12]
    wide = pd.DataFrame(shares).reindex(range(max(lags) + 1)).ffill().loc[lags].T
    wide.columns = [str(lag) for lag in lags]
    note = f"Newest {claims.completion.rule.averaged_months} diagonals, weighted by volume."
    frame = wide.rename_axis("Paid by months after service")
    return Exhibit("Development: share of allowed that is paid", frame, dict.fromkeys(frame.columns, "%"), note)


def expected_payments(run: Run) -> Exhibit | Note:
    """Paid in the latest three months on claims then open, against what the earlier pattern expected."""
    claims = run.tables.claims
    if claims is None:
        return Note(NO_CLAIMS)
    if claims.completion.rule.method == "none":
        return Note(NOTHING_COMPLETED)
    frame = actual_against_expected(
        _payments(claims), claims.completion.rule, months=3, exposure=claims.completion.exposure
    )
    names = {"expected": "Expected", "actual": "Actual", "difference": "Difference", "actual_to_expected": "Ratio"}
    table = frame.rename(columns=names).rename_axis("Service category")
    formats = dict.fromkeys(("Expected", "Actual", "Difference"), "$") | {"Ratio": "0.000"}
    return Exhibit("Actual against expected payments, latest three months", table, formats)


def tested(run: Run) -> Exhibit | Note:
    """What a year-old estimate said of the months then open, against what is known now."""
    claims = run.tables.claims
    if claims is None:
        return Note(NO_CLAIMS)
    if claims.completion.rule.method == "none":
        return Note(NOTHING_COMPLETED)
    frame = back_test(_payments(claims), claims.completion.rule, months=12, exposure=claims.completion.exposure)
    rows = frame.loc[ALL].tail(8)
    table = pd.DataFrame(
        {
            "Paid then": rows["paid_to_date"],
            "Estimate then": rows["estimate"],
            "Standard error": rows["standard_error"],
            "Today": rows["today"],
            "Error": rows["error"],
            "In standard errors": rows["error_in_standard_errors"],
        },
    )
    table.index = pd.Index([str(m) for m in rows.index], name="Incurred in")
    formats = dict.fromkeys(("Paid then", "Estimate then", "Standard error", "Today"), "$")
    note = "All categories; estimates made twelve months before the end of the data by the same rule."
    return Exhibit("Back-test of completion", table, formats | {"Error": "%.", "In standard errors": "#."}, note)


def _payments(claims: Claims) -> pd.DataFrame:
    rows = payments_of(claims.study)
    return rows[rows["incurred_month"].isin(claims.completion.exposure.index)]
