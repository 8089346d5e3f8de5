"""Lag triangles: payments by month of service and months after it, whole months only."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

import numpy as np
import pandas as pd

from acomodel.inputs import InputError
from acomodel.rates import MONTHS

Value = Literal["paid", "allowed", "units"]
VALUES: tuple[Value, ...] = get_args(Value)


def last_whole_month(day: str) -> pd.Period:
    """
    Last month that is whole on a day.

    Raises
    ------
    InputError
        The text is not a date written YYYY-MM-DD.

    Examples
    --------
    >>> last_whole_month("2024-06-30"), last_whole_month("2024-06-29")
    (Period('2024-06', 'M'), Period('2024-05', 'M'))
    """
    try:
        at = datetime.strptime(day, "%Y-%m-%d")
    except ValueError:
        raise InputError(f"paid_through: found {day!r}; a date written YYYY-MM-DD is wanted") from None
    month = pd.Period(at, "M")
    return month if at.day == month.days_in_month else month - 1


def triangle(
    payments: pd.DataFrame, value: Value = "allowed", category: str | None = None, through: str | None = None
) -> pd.DataFrame:
    """
    Incremental lag triangle of payments.

    Parameters
    ----------
    payments : pandas.DataFrame
        Columns `incurred_month`, `paid_month` (monthly periods), `service_category`, `paid` [$], `allowed` [$],
        `units` [services]: sums of what was paid in a month for a month. Reversals are negative.
    value : {"allowed", "paid", "units"}
        What is summed.
    category : str, optional
        One service category; all together by default.
    through : str, optional
        Last day of payments, YYYY-MM-DD; the end of the latest paid month by default.

    Returns
    -------
    pandas.DataFrame
        Index every month from the first to the last with payments of any category; columns lag [months]
        from 0; NaN where the future is, 0 where nothing was paid. What was left out or moved is named in
        ``attrs["notes"]``.

    Raises
    ------
    InputError
        A column is missing, is not of months, or holds no number; nothing is left; no such category.

    Examples
    --------
    >>> month = pd.PeriodIndex(["2024-01", "2024-01", "2024-03"], freq="M")
    >>> data = pd.DataFrame({"incurred_month": month, "paid_month": month + [0, 2, 0],
    ...     "service_category": "Imaging", "paid": 8.0, "allowed": [10.0, 5.0, 7.0], "units": 1.0})
    >>> triangle(data).to_numpy().tolist()
    [[10.0, 0.0, 5.0], [0.0, 0.0, nan], [7.0, nan, nan]]
    """
    kept, newest, notes = _kept(payments, through)
    first, last = kept["incurred_month"].min(), kept["incurred_month"].max()
    rows = pd.period_range(first, last, freq="M", name="incurred_month")
    lags = (newest - rows).map(lambda offset: offset.n).to_numpy()
    if category is not None:
        if category not in set(payments["service_category"]):
            names = ", ".join(sorted(map(str, payments["service_category"].unique())))
            raise InputError(f"payments: no service_category {category!r}; there are {names}")
        kept = kept[kept["service_category"] == category]
    incurred, paid = _ordinal(kept["incurred_month"]), _ordinal(kept["paid_month"])
    if (early := paid < incurred).any():
        amount = float(kept.loc[early, value].sum())
        notes += (f"{amount:,.0f} of {value} paid before the month of service is counted in lag 0",)
    cells = np.zeros((len(rows), int(lags[0]) + 1))
    at = (incurred - (first.year * MONTHS + first.month), np.maximum(paid - incurred, 0))
    np.add.at(cells, at, kept[value].to_numpy(float))
    cells[np.arange(cells.shape[1]) > lags[:, None]] = np.nan
    table = pd.DataFrame(cells, index=rows, columns=pd.RangeIndex(cells.shape[1], name="lag"))
    table.attrs["notes"] = notes
    return table


def _ordinal(months: pd.Series) -> np.ndarray:
    """Months counted from year 0."""
    return (months.dt.year * MONTHS + months.dt.month).to_numpy()


def _kept(payments: pd.DataFrame, through: str | None) -> tuple[pd.DataFrame, pd.Period, tuple[str, ...]]:
    """Payments of whole months, the last of those, and a note on what is left out."""
    for name in ("incurred_month", "paid_month", "service_category", *VALUES):
        if name not in payments:
            raise InputError(f"payments: column {name} is missing")
        if name.endswith("_month") and payments[name].dtype != pd.PeriodDtype("M"):
            raise InputError(f"payments: column {name} holds {payments[name].dtype}; monthly periods are wanted")
        if (void := payments[name].isna()).any():
            raise InputError(f"payments: {name} of row {payments.index[void.argmax()]} is empty; a value is wanted")
    try:
        payments = payments.astype(dict.fromkeys(VALUES, float))
    except (TypeError, ValueError) as error:
        raise InputError(f"payments: {', '.join(VALUES)} must be numbers ({error})") from None
    newest = payments["paid_month"].max() if through is None else last_whole_month(through)
    late = (payments["paid_month"] > newest) | (payments["incurred_month"] > newest)
    if late.all():
        raise InputError(f"payments: none are of months up to {newest}")
    amount = float(payments.loc[late, "allowed"].sum())
    note = (f"payments after {newest}, the last whole month, are left out: {amount:,.0f} of allowed",)
    return payments[~late], newest, note if late.any() else ()
