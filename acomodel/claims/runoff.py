"""Run-off of all service categories: completed claims by month, their PMPM, and how earlier estimates fared."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
import pandas as pd

from acomodel.claims.completion import CompletionPattern, CompletionSettings, completion_factors, share_at
from acomodel.claims.triangles import VALUES, Value, last_whole_month, triangle
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.periods import Span
from acomodel.rates import pmpm

ALL = "All"
"""Name of all categories together."""
MEASURES: dict[str, Value] = {"dollars": "allowed", "units": "units"}
"""What a pattern is of, and the values it is fitted to."""


@dataclass(frozen=True, eq=False, repr=False)
class Completion(Shown):
    """
    Reported and completed claims of every category and incurral month.

    Parameters
    ----------
    rule : CompletionSettings
        How claims were completed.
    monthly : pandas.DataFrame
        `month`, `service_category`; reported `paid`, `allowed` [$], `units` [services]; `completion_factor` of
        dollars and `units_completion_factor` [share]; `completed_paid`, `completed_allowed` [$],
        `completed_units` [services]; `standard_error` of completed allowed [$].
    exposure : pandas.Series
        Member months by month. [member months]
    patterns : dict
        Patterns by category (or "All") and "dollars" or "units".
    notes : tuple of str
        What was left out, fell back or was assumed.
    """

    rule: CompletionSettings
    monthly: pd.DataFrame
    exposure: pd.Series
    patterns: dict[tuple[str, str], CompletionPattern]
    notes: tuple[str, ...] = ()

    def pmpm(self, span: int | Span, *, correlation: float = 0.0) -> pd.DataFrame:
        r"""
        Completed allowed PMPM of a span of months, with its standard error and interval.

        Parameters
        ----------
        span : int or Span
            Calendar year, or the months.
        correlation : float
            Correlation of the errors of any two categories; assumed, 0 for independent ones. [-]

        Returns
        -------
        pandas.DataFrame
            Index service category and "All"; `member_months`, `allowed`, `completed_allowed` [$],
            `allowed_pmpm`, `standard_error`, `low`, `high` [$ PMPM].

        Raises
        ------
        InputError
            A month of the span is not in the data, or has no exposure.

        Notes
        -----
        Months of one category share their factors and are correlated as Mack has it. Over categories, with
        correlation :math:`\rho`,

        .. math:: s^2 = (1 - \rho) \sum_c s_c^2 + \rho \Big( \sum_c s_c \Big)^2

        Claims operations that slow all categories at once make for :math:`\rho > 0`. The interval is normal and
        holds what the run-off adds, not the chance in claims already paid.
        """
        span = Span.year(span) if isinstance(span, int) else span
        months = pd.period_range(span.first, span.last, freq="M")
        reported = months.isin(self.monthly["month"]) & months.isin(self.exposure.dropna().index)
        if not reported.all():
            raise InputError(f"claims: {months[~reported][0]} has no payments or no exposure; {span.months} are wanted")
        rows = self.monthly[self.monthly["month"].isin(months)]
        table = rows.groupby("service_category", sort=False)[["allowed", "completed_allowed"]].sum()
        errors = np.array([self.patterns[name, "dollars"].standard_error(months) for name in table.index])
        both = math.sqrt((1 - correlation) * (errors**2).sum() + correlation * errors.sum() ** 2)
        table.loc[ALL] = table.sum()
        members = float(self.exposure.loc[months].sum())
        table.insert(0, "member_months", members)
        rate, error = pmpm(table["completed_allowed"], members), np.append(errors, both) / members
        width = NormalDist().inv_cdf((1 + self.rule.confidence) / 2) * error
        return table.assign(allowed_pmpm=rate, standard_error=error, low=rate - width, high=rate + width)

    def exhibit(self) -> Exhibit:
        """Allowed of all categories in the latest twelve months."""
        sums = self.monthly.assign(variance=self.monthly["standard_error"] ** 2).groupby("month")
        table = sums[["allowed", "completed_allowed", "variance"]].sum().tail(12)
        table["factor"] = table["allowed"] / table["completed_allowed"].where(table["completed_allowed"] != 0)
        table["standard_error"] = np.sqrt(table.pop("variance"))
        names = {
            "allowed": "Reported",
            "completed_allowed": "Completed",
            "factor": "Share complete",
            "standard_error": "Standard error",
        }
        table = table.rename(columns=names).rename_axis("Incurred in")
        formats = dict.fromkeys(("Reported", "Completed", "Standard error"), "$") | {"Share complete": "%."}
        return Exhibit("Completion of allowed claims, all categories", table, formats, "; ".join(self.notes))


def complete(
    payments: pd.DataFrame, exposure: pd.Series | None = None, rule: CompletionSettings | None = None
) -> Completion:
    """
    Complete the claims of every service category.

    Parameters
    ----------
    payments : pandas.DataFrame
        Payments by incurred month, paid month and category, as for `triangle`.
    exposure : pandas.Series, optional
        Member months by incurred month; without it every month counts alike. [member months]
    rule : CompletionSettings, optional
        Method, diagonals, tail, last day of payments.

    Returns
    -------
    Completion

    Raises
    ------
    InputError
        Payments lack a column or a value, or a month lacks exposure.

    Notes
    -----
    A category has one pattern of dollars, fitted to allowed, and one of units. What is still to be paid stands to
    what is still to be allowed as paid to allowed of the same month so far, or of the category where a month has
    nothing. The pattern of all categories stands in for one that cannot be fitted.

    References
    ----------
    .. [1] ASOP No. 5, "Incurred Health and Disability Claims."

    Examples
    --------
    >>> month = pd.period_range("2024-01", periods=6, freq="M")
    >>> first = pd.DataFrame({"incurred_month": month, "paid_month": month, "service_category": "Imaging",
    ...     "paid": 40.0, "allowed": 50.0, "units": 2.0})
    >>> data = pd.concat([first, first.assign(paid_month=month + 1)])
    >>> complete(data, rule=CompletionSettings(paid_through="2024-06-30")).monthly["completed_allowed"].tolist()
    [100.0, 100.0, 100.0, 100.0, 100.0, 100.0]
    """
    rule = rule or CompletionSettings()
    names = list(payments["service_category"].unique()) if "service_category" in payments else []
    patterns: dict[tuple[str, str], CompletionPattern] = {}
    parts, notes = [], []
    for name in (ALL, *names):
        category = None if name == ALL else name
        table = {value: triangle(payments, value, category, rule.paid_through) for value in VALUES}
        for kind, value in MEASURES.items():
            whole = None if category is None else patterns[ALL, kind]
            pattern = completion_factors(table[value], rule, exposure=exposure, fallback=whole)
            patterns[name, kind] = pattern
            known = () if whole is None else whole.notes
            notes += [
                note if whole is None else f"{name}, {kind}: {note}" for note in pattern.notes if note not in known
            ]
        if category:
            reported = {str(value): cells.sum(axis=1) for value, cells in table.items()}
            parts.append(_months(name, reported, patterns[name, "dollars"], patterns[name, "units"]))
    months = parts[0]["month"]
    lives = pd.Series(np.nan, index=pd.Index(months)) if exposure is None else exposure.astype(float)
    return Completion(rule, pd.concat(parts, ignore_index=True), lives, patterns, tuple(dict.fromkeys(notes)))


def _months(
    name: str, reported: dict[str, pd.Series], dollars: CompletionPattern, units: CompletionPattern
) -> pd.DataFrame:
    """Reported and completed months of one category."""
    paid, allowed = reported["paid"], reported["allowed"]
    whole = float(paid.sum() / allowed.sum()) if allowed.sum() > 0 else 1.0
    ratio = (paid / allowed.where(allowed > 0)).where(paid >= 0).fillna(whole)
    return pd.DataFrame(
        {
            "month": allowed.index,
            "service_category": name,
            "paid": paid.to_numpy(),
            "allowed": allowed.to_numpy(),
            "units": reported["units"].to_numpy(),
            "completion_factor": dollars.months["completion_factor"].to_numpy(),
            "units_completion_factor": units.months["completion_factor"].to_numpy(),
            "completed_paid": (paid + (dollars.months["completed"] - allowed) * ratio).to_numpy(),
            "completed_allowed": dollars.months["completed"].to_numpy(),
            "completed_units": units.months["completed"].to_numpy(),
            "standard_error": dollars.months["standard_error"].to_numpy(),
        }
    )


def _earlier(payments: pd.DataFrame, rule: CompletionSettings, months: int) -> CompletionSettings:
    """The rule as of some whole months before the last."""
    newest = payments["paid_month"].max() if rule.paid_through is None else last_whole_month(rule.paid_through)
    if months < 1:
        raise InputError(f"months: found {months}; at least 1 month back is wanted")
    if newest - months < payments["paid_month"].min():
        raise InputError(f"months: {months} months before {newest} there are no payments yet; fewer are wanted")
    return replace(rule, paid_through=f"{(newest - months).end_time:%Y-%m-%d}")


def actual_against_expected(
    payments: pd.DataFrame,
    rule: CompletionSettings | None = None,
    months: int = 1,
    exposure: pd.Series | None = None,
) -> pd.DataFrame:
    r"""
    Allowed paid since some months ago against what the pattern of that time expected.

    Parameters
    ----------
    payments : pandas.DataFrame
        Payments by incurred month, paid month and category, as for `triangle`.
    rule : CompletionSettings, optional
        Method, diagonals, tail, last day of payments.
    months : int
        Calendar months gone back. [months]
    exposure : pandas.Series, optional
        Member months by incurred month. [member months]

    Returns
    -------
    pandas.DataFrame
        Index service category and "All"; `expected`, `actual`, `difference` [$] of payments since then for
        months incurred until then, and their ratio `actual_to_expected`.

    Raises
    ------
    InputError
        There are no payments so many months back.

    Notes
    -----
    Of what was open then, :math:`U - C`, the pattern expects the share
    :math:`(G_{k+m} - G_k) / (1 - G_k)` in the :math:`m` months after lag :math:`k`.

    References
    ----------
    .. [1] ASOP No. 5, "Incurred Health and Disability Claims": follow-up studies.

    Examples
    --------
    >>> month = pd.period_range("2024-01", periods=8, freq="M")
    >>> first = pd.DataFrame({"incurred_month": month, "paid_month": month, "service_category": "Imaging",
    ...     "paid": 40.0, "allowed": 50.0, "units": 2.0})
    >>> data = pd.concat([first, first.assign(paid_month=month + 1)])
    >>> through = CompletionSettings(paid_through="2024-08-31")
    >>> actual_against_expected(data, through).loc["All"].tolist()
    [50.0, 50.0, 0.0, 1.0]
    """
    rule = rule or CompletionSettings()
    before = _earlier(payments, rule, months)
    found: dict[str, tuple[float, float]] = {}
    for (name, kind), pattern in complete(payments, exposure, before).patterns.items():
        if name == ALL or kind != "dollars":
            continue
        then, lag = pattern.months, pattern.months["lag"].to_numpy()
        now = triangle(payments, "allowed", name, rule.paid_through).sum(axis=1).reindex(then.index)
        share, later = then["share_complete"], share_at(pattern.development, lag + months)
        part = ((later - share) / (1 - share).where(share != 1)).fillna(0.0)
        expected = float(((then["completed"] - then["paid_to_date"]) * part).sum())
        found[name] = (expected, float((now - then["paid_to_date"]).sum()))
    table = pd.DataFrame.from_dict(found, orient="index", columns=["expected", "actual"])
    table.loc[ALL] = table.sum()
    table = table.rename_axis("service_category").assign(difference=table["actual"] - table["expected"])
    return table.assign(actual_to_expected=table["actual"] / table["expected"].where(table["expected"] != 0))


def back_test(
    payments: pd.DataFrame,
    rule: CompletionSettings | None = None,
    months: int = 12,
    exposure: pd.Series | None = None,
) -> pd.DataFrame:
    """
    Completed allowed estimated some months ago against today's, for the months then open.

    Parameters
    ----------
    payments : pandas.DataFrame
        Payments by incurred month, paid month and category, as for `triangle`.
    rule : CompletionSettings, optional
        Method, diagonals, tail, last day of payments.
    months : int
        Calendar months gone back. [months]
    exposure : pandas.Series, optional
        Member months by incurred month. [member months]

    Returns
    -------
    pandas.DataFrame
        Index service category (and "All") and incurral month; `paid_to_date`, `estimate`, `standard_error` as
        of then, `today` completed [$]; `error` of the estimate [share of today's] and
        `error_in_standard_errors`. The standard error is the estimate's alone: what is still open today has
        one of its own. For "All", categories are independent.

    Raises
    ------
    InputError
        There are no payments so many months back.

    References
    ----------
    .. [1] ASOP No. 5, "Incurred Health and Disability Claims": follow-up studies.

    Examples
    --------
    >>> month = pd.period_range("2023-01", periods=20, freq="M")
    >>> first = pd.DataFrame({"incurred_month": month, "paid_month": month, "service_category": "Imaging",
    ...     "paid": 40.0, "allowed": 50.0, "units": 2.0})
    >>> data = pd.concat([first, first.assign(paid_month=month + 1)])
    >>> through = CompletionSettings(paid_through="2024-08-31")
    >>> back_test(data, through).loc[("All", pd.Period("2023-08")), ["estimate", "today", "error"]].tolist()
    [100.0, 100.0, 0.0]
    """
    rule = rule or CompletionSettings()
    then = complete(payments, exposure, _earlier(payments, rule, months))
    today = complete(payments, exposure, rule)
    names = [name for name, kind in then.patterns if kind == "dollars" and name != ALL]
    parts = {
        name: then.patterns[name, "dollars"].months.assign(
            today=today.patterns[name, "dollars"].months["completed"],
            variance=lambda rows: rows["standard_error"] ** 2,
            open=lambda rows: rows["method"] != "complete",
        )
        for name in names
    }
    columns = ["paid_to_date", "completed", "variance", "today", "open"]
    stacked = pd.concat({name: part[columns] for name, part in parts.items()}, names=["service_category", "month"])
    whole = pd.concat({ALL: stacked.groupby("month").sum()}, names=["service_category"])
    table = pd.concat([stacked.astype(float), whole.astype(float)])
    table = table[table["open"] > 0].rename(columns={"completed": "estimate"})
    table["standard_error"] = np.sqrt(table["variance"])
    gap = table["estimate"] - table["today"]
    table["error"] = gap / table["today"].where(table["today"] != 0)
    table["error_in_standard_errors"] = gap / table["standard_error"].where(table["standard_error"] > 0)
    return table[["paid_to_date", "estimate", "standard_error", "today", "error", "error_in_standard_errors"]]
