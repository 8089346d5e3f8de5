"""Rolling rates: PMPM, use per 1,000 and unit cost over the latest months, against the same months a year before."""

from __future__ import annotations

import pandas as pd

from acomodel.inputs import InputError
from acomodel.rates import MONTHS, per_1000, pmpm, unit_cost


def rolling_rates(months: pd.DataFrame, length: int = 3) -> pd.DataFrame:
    r"""
    PMPM, use per 1,000 and unit cost over the latest months, month after month.

    Parameters
    ----------
    months : pandas.DataFrame
        Index month, none left out; columns `member_months` [member months], `services` [services] and `claims` [$],
        completed.
    length : int
        Months of a rate. [months]

    Returns
    -------
    pandas.DataFrame
        Index the last month of each stretch; `member_months`, `services`, `claims` of the stretch, `pmpm` [$ PMPM],
        `utilization_per_1000` [services per 1,000 members a year], `unit_cost` [$ per service], and `pmpm_change`,
        `utilization_change`, `unit_cost_change` from the same months a year before (NaN where these are not there)
        [share].

    Raises
    ------
    InputError
        A length below one, a month that is missing or stands twice, or an index that is not of months.

    Notes
    -----
    Sums over sums, so that a month counts by its exposure:

    .. math:: PMPM_t = \sum_{i=0}^{k-1} C_{t-i} \Big/ \sum_{i=0}^{k-1} MM_{t-i}

    A stretch of three or six months keeps seasons in; the change from the same months a year before takes them out.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, appendix 4.A, figures 4.2 and 4.3, for the rates.

    Examples
    --------
    >>> month = pd.period_range("2024-01", periods=4, freq="M")
    >>> rows = pd.DataFrame({"member_months": 100.0, "services": 10.0, "claims": [100.0, 200.0, 300.0, 400.0]}, month)
    >>> rolling_rates(rows, 3)["pmpm"].tolist()
    [2.0, 3.0]
    """
    if length < 1:
        raise InputError(f"rolling: {length} months; at least 1 is wanted")
    if not isinstance(months.index, pd.PeriodIndex) or months.index.freqstr != "M":
        raise InputError(f"rolling: an index of {months.index.dtype}; months are wanted")
    rows = months.sort_index()
    if not rows.index.is_unique:
        raise InputError(f"rolling: {rows.index[rows.index.duplicated()][0]} stands twice")
    every = pd.period_range(rows.index[0], rows.index[-1], freq="M") if len(rows) else rows.index
    absent = every.difference(rows.index)
    if len(absent):
        raise InputError(f"rolling: {absent[0]} is missing between {every[0]} and {every[-1]}")
    sums = rows[["member_months", "services", "claims"]].astype(float).rolling(length).sum().iloc[length - 1 :]
    table = sums.assign(
        pmpm=pmpm(sums["claims"], sums["member_months"]),
        utilization_per_1000=per_1000(sums["services"], sums["member_months"]),
        unit_cost=unit_cost(sums["claims"], sums["services"]),
    )
    before = table.shift(MONTHS)
    for name, rate in (("pmpm", "pmpm"), ("utilization", "utilization_per_1000"), ("unit_cost", "unit_cost")):
        table[f"{name}_change"] = table[rate] / before[rate].where(before[rate] != 0) - 1
    return table
