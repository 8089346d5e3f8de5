"""Drill-down of cost and utilization by period, and the bridge of price, use and mix between two of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from acomodel.claims.incurred import ContractScope, Experience
from acomodel.claims.population import Population
from acomodel.claims.tables import Dataset
from acomodel.claims.visits import day_literal, known_providers
from acomodel.inputs import InputError
from acomodel.periods import Span
from acomodel.rates import per_1000, pmpm, unit_cost

if TYPE_CHECKING:
    import ibis.expr.types as ir

By = Literal["service_category", "specialty", "provider_id", "tin", "hcpcs", "claim_type", "network"]


def cost_utilization_trend(periods: pd.DataFrame) -> pd.DataFrame:
    r"""
    PMPM, use per 1,000 and unit cost of each period, with the change from the one before.

    Parameters
    ----------
    periods : pandas.DataFrame
        One row per period in order; columns `member_months` [member months], `procedures` [services] and
        `claims` [$], completed.

    Returns
    -------
    pandas.DataFrame
        The same rows with `pmpm` [$ PMPM], `utilization_per_1000` [services per 1,000 members a year],
        `unit_cost` [$ per service] and `pmpm_change`, `utilization_change`, `unit_cost_change` [share].

    Notes
    -----
    .. math:: PMPM = C / MM, \qquad u = 12{,}000 \, N / MM, \qquad \bar c = C / N

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 4, figures 4.2 and 4.3.

    Examples
    --------
    The last two periods of figure 4.3, cardiology:

    >>> rows = pd.DataFrame({"member_months": [297_360, 265_164], "procedures": [8_496, 8_236],
    ...     "claims": [660_665, 653_518]})
    >>> cost_utilization_trend(rows).round(2).iloc[1][["pmpm", "utilization_per_1000", "unit_cost"]].tolist()
    [2.46, 372.72, 79.35]
    """
    frame = periods.assign(
        pmpm=pmpm(periods["claims"], periods["member_months"]),
        utilization_per_1000=per_1000(periods["procedures"], periods["member_months"]),
        unit_cost=unit_cost(periods["claims"], periods["procedures"]),
    )
    changes = {
        "pmpm_change": "pmpm",
        "utilization_change": "utilization_per_1000",
        "unit_cost_change": "unit_cost",
    }
    return frame.assign(**{name: frame[rate].pct_change(fill_method=None) for name, rate in changes.items()})


def drill_down(
    dataset: Dataset,
    population: Population,
    periods: Mapping[str, Span],
    exposure: Experience,
    *,
    by: By = "service_category",
    within: Mapping[str, str] | None = None,
    completion: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """
    Cost and utilization of the population by period, broken down by one column, as figures 4.2 and 4.3.

    Parameters
    ----------
    dataset, population : Dataset, Population
        Claims, and whose they are.
    periods : mapping of str to Span
        Names of the periods and their months, in order; they may overlap.
    exposure : Experience
        Experience of the same population: gives the member months, and what the contract counts.
    by : str
        Column to break down by: service category, specialty, provider, practice, procedure code, claim type, or
        "network" (whether the provider belongs to the ACO).
    within : mapping of str to str, optional
        Values that other such columns must have, to go one level deeper.
    completion : mapping of str to float, optional
        Factor by which the claims and services of a period are raised (IBNR); 1 by default. [factor]

    Returns
    -------
    pandas.DataFrame
        Index the broken-down value and period; columns of `cost_utilization_trend`.

    Raises
    ------
    InputError
        A period without exposure.
    """
    lines = counted_lines(dataset, population, exposure.scope)
    for column, value in (within or {}).items():
        lines = lines.filter(lines[column] == value)
    parts = []
    for name, span in periods.items():
        months = exposure.exposure["member_months"].reindex(pd.period_range(span.first, span.last, freq="M"))
        if not months.sum() > 0:
            raise InputError(f"drill-down: the period '{name}' ({span.first} to {span.last}) has no member months")
        first, last = span.first.start_time.date(), span.last.end_time.date()
        inside = lines.filter(lines.service_date.between(day_literal(first), day_literal(last)))
        sums = inside.group_by(value=inside[by]).agg(
            procedures=inside.units.sum().cast("float64"), claims=inside.net.sum().cast("float64")
        )
        factor = (completion or {}).get(name, 1.0)
        frame = sums.to_pandas().assign(value=lambda f: f["value"].fillna("not known").astype(str))
        frame = frame.groupby("value")[["procedures", "claims"]].sum() * factor
        parts.append(frame.assign(period=name, member_months=float(months.sum())).set_index("period", append=True))
    every = pd.MultiIndex.from_product(
        [pd.concat(parts).index.unique("value"), list(periods)], names=["value", "period"]
    )
    whole = pd.concat(parts).reindex(every)
    spans = whole["member_months"].groupby("period").transform("max")
    whole = whole.fillna({"procedures": 0.0, "claims": 0.0}).assign(member_months=spans)
    tables = {value: cost_utilization_trend(rows.droplevel("value")) for value, rows in whole.groupby("value")}
    found = pd.concat(tables, names=[by, "period"])
    largest = found.groupby(by)["claims"].sum().sort_values(ascending=False, kind="stable").index
    return found.reindex(largest, level=by)


def counted_lines(dataset: Dataset, population: Population, scope: ContractScope) -> ir.Table:
    """
    Lines of the population that the contract counts, with specialty and network.

    Parameters
    ----------
    dataset, population : Dataset, Population
        Claims, and whose they are.
    scope : ContractScope
        What the contract counts.

    Returns
    -------
    ibis.Table
        Columns of `claims`, with `net` (allowed less what the contract leaves out) [$], `specialty` (of the provider
        where the line bears none) and `network`.
    """
    lines, windows = dataset.claims, population.windows
    ours = windows.select(assigned="member_id", assigned_from="start_date", assigned_to="end_date")
    joined = lines.join(
        ours,
        [
            lines.member_id == ours.assigned,
            lines.service_date >= ours.assigned_from,
            lines.service_date <= ours.assigned_to,
        ],
    )
    who = known_providers(dataset).select(who="provider_id", of_provider="specialty", of_aco="aco_id")
    known = joined.left_join(who, joined.provider_id == who.who)
    if scope.capitated == "apart":
        known = known.filter(~known.capitated.fill_null(False))
    if scope.excluded_services:
        known = known.filter(known.service_category.notin(scope.excluded_services))
    own = (known.of_aco == population.aco_id).fill_null(False)
    return known.mutate(
        net=known.allowed if scope.ime_dsh else known.allowed - known.ime_dsh.fill_null(0),
        specialty=known.specialty.fill_null(known.of_provider),
        network=own.ifelse("in the ACO", "outside the ACO"),
    )


def items(dataset: Dataset, population: Population, scope: ContractScope) -> pd.DataFrame:
    """
    Use and allowed dollars of a population by year and by everything a price depends on.

    Parameters
    ----------
    dataset, population : Dataset, Population
        Claims, and whose they are.
    scope : ContractScope
        What the contract counts.

    Returns
    -------
    pandas.DataFrame
        `year`, `service_category`, `specialty`, `network`, `item` (procedure code, else claim type), `units`
        [services], `allowed` [$], as reported.
    """
    lines = counted_lines(dataset, population, scope)
    marked = lines.select(
        "service_category",
        "network",
        year=lines.service_date.year().cast("int64"),
        specialty=lines.specialty.fill_null(""),
        item=lines.hcpcs.fill_null(lines.claim_type),
        units=(lines.units * 100).cast("int64"),
        allowed=(lines.net * 100).cast("int64"),
    )
    keys = ["year", "service_category", "specialty", "network", "item"]
    sums = marked.group_by(keys).agg(units=marked.units.sum(), allowed=marked.allowed.sum()).to_pandas()
    sums[["units", "allowed"]] = sums[["units", "allowed"]] / 100
    return sums[[*keys, "units", "allowed"]].sort_values(keys, ignore_index=True)


def price_use_mix(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    r"""
    Change of allowed PMPM between two periods, split exactly into use, price and mix.

    Parameters
    ----------
    before, after : pandas.DataFrame
        One row per item; columns `group` (service category), `item` (procedure, specialty: what has a price of
        its own), `units` [services], `allowed` [$] and `member_months`, the same on every row of a period.

    Returns
    -------
    pandas.DataFrame
        Index group, a row "Total"; columns `before`, `use`, `price`, `mix`, `after` [$ PMPM].

    Raises
    ------
    InputError
        A period without rows or member months.

    Notes
    -----
    With use :math:`U=\sum u_i` per member month, shares :math:`s_i=u_i/U` and prices :math:`p_i`, the PMPM of a
    group is :math:`U \sum s_i p_i`. Bars are means of the two periods:

    .. math:: \Delta = \underbrace{\overline{\textstyle\sum s p}\,\Delta U}_{use}
        + \underbrace{\bar U \textstyle\sum \bar s_i \Delta p_i}_{price}
        + \underbrace{\bar U \textstyle\sum \bar p_i \Delta s_i}_{mix}

    which is an identity. An item used in one period alone has the price of that period in both, so that its coming
    or going is use and mix, never price.

    References
    ----------
    .. [1] J. Marshall and F. Y. Edgeworth's index numbers with mean weights; identity by expansion.

    Examples
    --------
    >>> old = pd.DataFrame({"group": "Lab", "item": ["a", "b"], "units": [10, 10], "allowed": [100.0, 300.0],
    ...     "member_months": 100})
    >>> new = old.assign(units=[10, 20], allowed=[110.0, 600.0])
    >>> price_use_mix(old, new).round(3).loc["Lab"].tolist()
    [4.0, 2.183, 0.104, 0.812, 7.1]
    """
    both = []
    for name, frame in (("before", before), ("after", after)):
        if frame.empty or not (frame["member_months"] > 0).all():
            raise InputError(f"price, use and mix: the period '{name}' has no rows or no member months")
        sums = frame.groupby(["group", "item"])[["units", "allowed"]].sum()
        both.append(sums.div(float(frame["member_months"].iloc[0])))
    old, new = both[0].align(both[1], fill_value=0.0)
    rows = {}
    for group in old.index.unique("group"):
        rows[group] = _split(old.loc[group], new.loc[group])
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["before", "use", "price", "mix", "after"])
    table.loc["Total"] = table.sum()
    return table.rename_axis("group")


def _split(old: pd.DataFrame, new: pd.DataFrame) -> tuple[float, float, float, float, float]:
    """Before, use, price, mix and after of one group."""
    u0, u1 = old["units"].to_numpy(), new["units"].to_numpy()
    a0, a1 = old["allowed"].to_numpy(), new["allowed"].to_numpy()
    if (u0.sum() <= 0) != (u1.sum() <= 0):  # a group that comes or goes is use
        return float(a0.sum()), float(a1.sum() - a0.sum()), 0.0, 0.0, float(a1.sum())
    if u0.sum() <= 0:  # dollars without a count of services: all of the change is price
        return float(a0.sum()), 0.0, float(a1.sum() - a0.sum()), 0.0, float(a1.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        p0, p1 = np.where(u0 != 0, a0 / u0, np.nan), np.where(u1 != 0, a1 / u1, np.nan)
    p0, p1 = np.where(np.isnan(p0), p1, p0), np.where(np.isnan(p1), p0, p1)
    p0, p1 = np.nan_to_num(p0), np.nan_to_num(p1)
    stray0, stray1 = a0.sum() - (u0 * p0).sum(), a1.sum() - (u1 * p1).sum()  # dollars without services
    s0, s1 = u0 / u0.sum(), u1 / u1.sum()
    mean_use = (u0.sum() + u1.sum()) / 2
    use = ((s0 * p0).sum() + (s1 * p1).sum()) / 2 * (u1.sum() - u0.sum())
    price = mean_use * ((s0 + s1) / 2 * (p1 - p0)).sum() + (stray1 - stray0)
    mix = mean_use * ((p0 + p1) / 2 * (s1 - s0)).sum()
    return float(a0.sum()), float(use), float(price), float(mix), float(a1.sum())
