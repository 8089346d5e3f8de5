"""Service categories divided by specialty: what came as its claims are, a budget as its baseline was."""

from __future__ import annotations

import pandas as pd


def divided(whole: pd.DataFrame, parts: pd.DataFrame) -> pd.DataFrame:
    """
    Amounts by month and category, divided by specialty as the parts are; where these are not, they stay whole.

    Parameters
    ----------
    whole : pandas.DataFrame
        Columns `month`, `service_category`, `units` [services], `allowed` [$].
    parts : pandas.DataFrame
        The same and `specialty`.

    Returns
    -------
    pandas.DataFrame
        Columns `month`, `service_category`, `specialty` (empty where not known), `units`, `allowed`.

    Examples
    --------
    >>> whole = pd.DataFrame({"month": [1], "service_category": ["Lab"], "units": [10.0], "allowed": [100.0]})
    >>> parts = pd.DataFrame({"month": 1, "service_category": "Lab", "specialty": ["06", "11"], "units": [2.0, 2.0],
    ...     "allowed": [30.0, 10.0]})
    >>> divided(whole, parts)[["specialty", "units", "allowed"]].values.tolist()
    [['06', 5.0, 75.0], ['11', 5.0, 25.0]]
    """
    keys = ["month", "service_category"]
    sums = parts.groupby([*keys, "specialty"], as_index=False)[["units", "allowed"]].sum()
    totals = sums.groupby(keys)[["units", "allowed"]].transform("sum")
    shares = (sums[["units", "allowed"]] / totals.where(totals > 0)).set_axis(["of_units", "of_allowed"], axis=1)
    shares = pd.concat([sums[[*keys, "specialty"]], shares], axis=1)
    joined = whole[[*keys, "units", "allowed"]].merge(shares, on=keys, how="left")
    first = ~joined.duplicated(keys)
    for name in ("units", "allowed"):
        alone = joined[f"of_{name}"].isna()
        joined[name] = joined[name] * joined[f"of_{name}"].where(~alone, first.astype(float))
    joined["specialty"] = joined["specialty"].fillna("")
    return joined[[*keys, "specialty", "units", "allowed"]]


def planned(budget: pd.DataFrame, base: pd.DataFrame, actual: pd.DataFrame, lives: float) -> pd.DataFrame:
    """
    Budget by category, divided by specialty as the baseline was; use without a target is taken as it came.

    Parameters
    ----------
    budget : pandas.DataFrame
        Index service category; `utilization_pmpm` [services per member per month], NaN where it has no target, and
        `allowed_pmpm` [$ PMPM].
    base, actual : pandas.DataFrame
        Columns `service_category`, `specialty`, `units` [services], `allowed` [$] of the baseline, and of what came.
    lives : float
        Exposure of what came. [member months]

    Returns
    -------
    pandas.DataFrame
        Columns `group` (service category), `item` (specialty), `utilization_pmpm`, `allowed_pmpm`, as
        `budget_to_actual` takes them.

    Examples
    --------
    >>> plan = pd.DataFrame({"utilization_pmpm": [2.0], "allowed_pmpm": [100.0]}, index=["Lab"])
    >>> base = pd.DataFrame({"service_category": "Lab", "specialty": ["06", "11"], "units": [3.0, 1.0],
    ...     "allowed": [50.0, 50.0]})
    >>> planned(plan, base, base, 1.0)[["item", "utilization_pmpm", "allowed_pmpm"]].values.tolist()
    [['06', 1.5, 50.0], ['11', 0.5, 50.0]]
    """
    keys = ["service_category", "specialty"]
    sums = base.groupby(keys)[["units", "allowed"]].sum()
    shares = sums / sums.groupby("service_category").transform("sum").where(lambda f: f > 0)
    absent = [c for c in budget.index if c not in shares.index.unique("service_category")]
    if absent:
        index = pd.MultiIndex.from_product([absent, [""]], names=keys)
        shares = pd.concat([shares, pd.DataFrame({"units": 1.0, "allowed": 1.0}, index)])
    came = actual.groupby("service_category")["units"].sum() / lives
    use = budget["utilization_pmpm"].fillna(came)
    rows = shares.reset_index()
    rows = rows[rows["service_category"].isin(budget.index)]
    return pd.DataFrame(
        {
            "group": rows["service_category"],
            "item": rows["specialty"],
            "utilization_pmpm": rows["units"].fillna(0.0) * rows["service_category"].map(use).fillna(0.0),
            "allowed_pmpm": rows["allowed"].fillna(0.0) * rows["service_category"].map(budget["allowed_pmpm"]),
        }
    )
