"""Experience from claims: incurred and paid months by category, member months, and where every dollar went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as settings

from acomodel.claims import duck_sums
from acomodel.claims.categories import units_of
from acomodel.claims.population import Population, coverage
from acomodel.claims.tables import Dataset
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError, nearest
from acomodel.rates import MONTHS, per_1000

if TYPE_CHECKING:
    import ibis.expr.types as ir

PARTS = ("attributed", "capitated", "excluded", "unattributed", "outside eligibility")
"""Where a claim line goes; every line goes to one of them."""
AMOUNTS = ("paid", "member_cost_share", "allowed", "ime_dsh")


@settings(frozen=True, config=ConfigDict(extra="forbid", strict=True))
class ContractScope:
    """Which claims and months a contract counts."""

    excluded_services: list[str] = Field(default_factory=list, description="service categories the contract leaves out")
    ime_dsh: bool = Field(default=True, description="whether payments for medical education and the poor count")
    capitated: Literal["apart", "include"] = Field(
        default="apart", description="capitated services: kept apart, or counted with the rest"
    )
    member_months: Literal["any_day", "first_day", "days"] = Field(
        default="any_day", description="a month counts if covered on any day, on its first day, or by share of days"
    )


@dataclass(frozen=True, eq=False, repr=False)
class Experience(Shown):
    """
    Experience of a population, small enough for memory: what leaves the engine.

    Parameters
    ----------
    cells : pandas.DataFrame
        One row per month of service, month of payment (missing where unknown), service category and part:
        `lines`, `stays` (lines with use, net of reversals), `units`, `paid`, `member_cost_share`, `allowed`,
        `ime_dsh` [$].
    exposure : pandas.DataFrame
        Index month; `member_months` of the population and `unattributed` of all others covered.
    scope : ContractScope
        What the contract counts.
    """

    cells: pd.DataFrame
    exposure: pd.DataFrame
    scope: ContractScope

    def counted(self) -> pd.DataFrame:
        """Cells of the part that the contract counts, IME and DSH taken off where it says so."""
        rows = self.cells[self.cells["part"] == "attributed"]
        if self.scope.ime_dsh:
            return rows
        return rows.assign(allowed=rows["allowed"] - rows["ime_dsh"], paid=rows["paid"] - rows["ime_dsh"])

    def payments(self) -> pd.DataFrame:
        """Counted cells with a day of payment, by month of service, month of payment and category."""
        rows = self.counted().dropna(subset="paid_month")
        keys = ["incurred_month", "paid_month", "service_category"]
        return rows.groupby(keys, as_index=False)[["paid", "allowed", "units"]].sum()

    def undated(self) -> pd.DataFrame:
        """Counted cells without a day of payment, by month of service and category; completion cannot reach them."""
        rows = self.counted()
        rows = rows[rows["paid_month"].isna()].rename(columns={"incurred_month": "month"})
        return rows.groupby(["month", "service_category"], as_index=False)[["paid", "allowed", "units"]].sum()

    def monthly(self) -> pd.DataFrame:
        """
        Reported experience by month and category: rows of the table `monthly` of the data dictionary, with use.

        A category without claims in a month stands with zeros; months without exposure are left out.
        """
        rows = (
            self.counted().groupby(["incurred_month", "service_category"])[["paid", "allowed", "units", "stays"]].sum()
        )
        months = self.exposure.index[self.exposure["member_months"] > 0]
        categories = [c for c in units_of() if c in rows.index.unique("service_category")]
        categories += sorted(set(rows.index.unique("service_category")) - set(categories))
        every = pd.MultiIndex.from_product([months, categories], names=["month", "service_category"])
        frame = rows.reindex(every, fill_value=0.0).reset_index()
        return pd.DataFrame(
            {
                "month": frame["month"],
                "service_category": frame["service_category"],
                "member_months": self.exposure["member_months"].reindex(frame["month"]).to_numpy(),
                "incurred_claims": frame["paid"],
                "member_cost_share": frame["allowed"] - frame["paid"],
                "services": frame["units"],
                "stays": frame["stays"],
            }
        )

    def utilization(self, year: int) -> pd.DataFrame:
        """
        Reported use of a calendar year in the units of exhibit 3.4, not completed.

        Returns
        -------
        pandas.DataFrame
            Index service category; `unit`, `per_1000` [units per 1,000 members a year], `per_member` [units per
            member a year], `stays_per_1000` and `length_of_stay` [days] where the unit is days, `unit_cost` [$ per
            unit], `allowed_pmpm` [$ PMPM].
        """
        rows = self.monthly()
        rows = rows[rows["month"].dt.year == year]
        months = float(rows.drop_duplicates("month")["member_months"].sum())
        sums = rows.groupby("service_category", sort=False)[
            ["services", "stays", "incurred_claims", "member_cost_share"]
        ].sum()
        allowed = sums["incurred_claims"] + sums["member_cost_share"]
        units = pd.Series(units_of()).reindex(sums.index).fillna("service")
        by_days = units == "day"
        return pd.DataFrame(
            {
                "unit": units,
                "per_1000": per_1000(sums["services"], months),
                "per_member": per_1000(sums["services"], months) / 1000,
                "stays_per_1000": per_1000(sums["stays"], months).where(by_days),
                "length_of_stay": (sums["services"] / sums["stays"].where(sums["stays"] > 0)).where(by_days),
                "unit_cost": allowed / sums["services"].where(sums["services"] != 0),
                "allowed_pmpm": allowed / months,
            }
        )

    def pmpm(self, year: int, amount: str = "allowed") -> float:
        """Reported amount PMPM of a calendar year, not completed. [$ PMPM]"""
        months = pd.period_range(f"{year}-01", f"{year}-12", freq="M")
        rows = self.counted()
        exposed = self.exposure["member_months"].reindex(months).sum()
        return float(rows.loc[rows["incurred_month"].isin(months), amount].sum() / exposed) if exposed else float("nan")

    def conservation(self) -> pd.DataFrame:
        """
        Where every claim dollar went; the parts add up to the claims read.

        Returns
        -------
        pandas.DataFrame
            Index part, a row "Total"; columns lines, paid, member_cost_share, allowed [$]. IME and DSH that the
            contract leaves out stand under "excluded".
        """
        sums = self.cells.groupby("part")[["lines", *AMOUNTS]].sum().reindex(PARTS, fill_value=0.0)
        if not self.scope.ime_dsh:
            off = sums.loc["attributed", "ime_dsh"]
            sums.loc["attributed", ["paid", "allowed"]] -= off
            sums.loc["excluded", ["paid", "allowed"]] += off
        frame = sums[["lines", "paid", "member_cost_share", "allowed"]]
        frame = frame.assign(lines=frame["lines"].astype(int)).round(2)
        frame.loc["Total"] = frame.sum().round(2)
        return frame

    def exhibit(self) -> Exhibit:
        """Where every claim dollar went."""
        frame = self.conservation().rename(columns=lambda c: c.replace("_", " ").capitalize()).rename_axis("Part")
        formats = {"Lines": "#"} | dict.fromkeys(("Paid", "Member cost share", "Allowed"), "$")
        return Exhibit("Where the claims went", frame, formats, "Total: all claims read.")


def experience(dataset: Dataset, population: Population, scope: ContractScope | None = None) -> Experience:
    r"""
    Experience of a population by month of service, month of payment and service category.

    Parameters
    ----------
    dataset : Dataset
        Canonical claims tables.
    population : Population
        Who is assigned, and when; from `assign` or `everyone`.
    scope : ContractScope, optional
        What the contract counts.

    Returns
    -------
    Experience

    Raises
    ------
    InputError
        An excluded service that the claims do not know.

    Notes
    -----
    A line belongs to the month of its first day. It lies outside eligibility when the member was not covered on
    that day; it is attributed when the member was assigned on it, wherever the service was rendered. Amounts are
    decimals, summed exactly, so

    .. math:: \text{claims} = \text{attributed} + \text{capitated} + \text{excluded} + \text{unattributed}
        + \text{outside eligibility}

    holds to the cent, in each month and category.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, pp. 36-40, exhibits 3.3 to 3.5.
    """
    scope = scope or ContractScope()
    lines = dataset.claims
    if scope.excluded_services:
        known = sorted(lines.select("service_category").distinct().to_pandas()["service_category"])
        for name in scope.excluded_services:
            if name not in known:
                raise InputError(
                    f"excluded_services: no claims of '{name}'.{nearest(name, known)} Known: {', '.join(known)}."
                )
    spans = coverage(dataset)
    return Experience(_cells(dataset, spans, population.windows, scope), _exposure(dataset, population, scope), scope)


def summed_lines(
    dataset: Dataset, spans: ir.Table, windows: ir.Table, parts: Mapping[str, int], excluded: list[str], *, apart: bool
) -> pd.DataFrame:
    """Sums of the lines by months, category and part, in one pass over the claims; see `duck_sums.summed_lines`."""
    import ibis

    lines, member, day = dataset.claims, dataset.claims.member_id, dataset.claims.service_date
    covered = spans.select(covered="member_id", covered_from="start_date", covered_to="end_date")
    assigned = windows.select(assigned="member_id", assigned_from="start_date", assigned_to="end_date")
    joined = lines.left_join(
        covered, [member == covered.covered, day >= covered.covered_from, day <= covered.covered_to]
    ).left_join(assigned, [member == assigned.assigned, day >= assigned.assigned_from, day <= assigned.assigned_to])
    capitated = joined.capitated.fill_null(False) if apart else ibis.literal(False)
    out = joined.service_category.isin(excluded) if excluded else ibis.literal(False)
    part = ibis.cases(
        (joined.covered.isnull(), parts["outside eligibility"]),
        (joined.assigned.isnull(), parts["unattributed"]),
        (out, parts["excluded"]),
        (capitated, parts["capitated"]),
        else_=parts["attributed"],
    )
    marked = joined.select(
        "service_category",
        "units",
        *AMOUNTS,
        incurred=_month_number(joined.service_date),
        paid_in=_month_number(joined.paid_date),
        part=part,
    )
    sums = marked.group_by("incurred", "paid_in", "service_category", "part").agg(
        lines=marked.count(),
        stays=marked.units.sign().sum().cast("int64"),
        **{name: marked[name].sum().cast("float64") for name in ("units", *AMOUNTS)},
    )
    return sums.to_pandas()


def _cells(dataset: Dataset, spans: ir.Table, windows: ir.Table, scope: ContractScope) -> pd.DataFrame:
    """Cells of the experience, in order."""
    summed = duck_sums.summed_lines if dataset.engine == "duckdb" else summed_lines
    parts = {name: number for number, name in enumerate(PARTS)}
    frame = summed(dataset, spans, windows, parts, scope.excluded_services, apart=scope.capitated == "apart")
    frame[["units", *AMOUNTS]] = frame[["units", *AMOUNTS]].astype(float).fillna(0.0).round(2)
    frame["incurred_month"] = _periods(frame.pop("incurred"))
    frame["paid_month"] = _periods(frame.pop("paid_in"))
    frame["stays"] = frame["stays"].fillna(0).astype("int64")
    frame["part"] = np.array(PARTS, dtype=object)[frame["part"].to_numpy(int)]
    keys = ["incurred_month", "paid_month", "service_category", "part"]
    frame = frame[[*keys, "lines", "stays", "units", *AMOUNTS]]
    return frame.sort_values(keys, ignore_index=True)


def _exposure(dataset: Dataset, population: Population, scope: ContractScope) -> pd.DataFrame:
    """Member months of the population and of all others covered, in the months of its years and of the claims."""
    limits = (duck_sums.service_days if dataset.engine == "duckdb" else service_days)(dataset).iloc[0]
    first = min(pd.Period(limits["first"], "M"), pd.Period(f"{min(population.years)}-01", "M"))
    last = max(pd.Period(limits["last"], "M"), pd.Period(f"{max(population.years)}-12", "M"))
    months = pd.period_range(first, last, freq="M", name="month")
    windows, spans = population.windows, coverage(dataset)
    ours = _member_months(dataset, windows, months, scope)
    everyone = ours if windows is spans else _member_months(dataset, spans, months, scope)
    return pd.DataFrame({"member_months": ours, "unattributed": everyone - ours}, index=months)


def service_days(dataset: Dataset) -> pd.DataFrame:
    """First and last day of service in the claims."""
    day = dataset.claims.service_date
    return dataset.claims.agg(first=day.min(), last=day.max()).to_pandas()


def summed_spans(spans: ir.Table) -> pd.DataFrame:
    """
    Spans that do not overlap by their first and last month: `spans`, and sums from which member months follow.

    `again` are spans that begin in the month in which the one before ended, `from_day_1` those that begin on the
    first of a month; `start_days` and `end_days` are sums of days of the month.
    """
    import ibis

    rows = spans.mutate(first=_month_number(spans.start_date), last=_month_number(spans.end_date))
    again = rows["last"].lag().over(ibis.window(group_by="member_id", order_by="start_date"))
    rows = rows.mutate(again=(again == rows["first"]).fill_null(False).cast("int32"))
    grouped = rows.group_by("first", "last").agg(
        spans=rows.count(),
        again=rows.again.sum(),
        from_day_1=(rows.start_date.day() == 1).sum(),
        start_days=rows.start_date.day().sum(),
        end_days=rows.end_date.day().sum(),
    )
    return grouped.to_pandas()


def _member_months(dataset: Dataset, spans: ir.Table, months: pd.PeriodIndex, scope: ContractScope) -> np.ndarray:
    """
    Member months in each month, from spans that do not overlap.

    Spans are grouped by their first and last month; all months between are whole. Where a member leaves and comes
    back within one month, "any day" counts that month once.
    """
    on_duckdb = dataset.engine == "duckdb"
    frame = (duck_sums.summed_spans(dataset, spans) if on_duckdb else summed_spans(spans)).astype("int64")
    first, last = frame["first"].to_numpy()[:, None], frame["last"].to_numpy()[:, None]
    number = (months.year * MONTHS + months.month).to_numpy()[None, :]
    column = {name: frame[name].to_numpy()[:, None] for name in frame}
    opens, inside = number == first, (number > first) & (number <= last)
    if scope.member_months == "any_day":
        counted = (opens | inside) * column["spans"] - opens * column["again"]
    elif scope.member_months == "first_day":
        counted = inside * column["spans"] + opens * column["from_day_1"]
    else:
        length = months.days_in_month.to_numpy()[None, :]
        ends = number == last
        until = np.where(ends, column["end_days"], length * column["spans"])
        days = until - opens * (column["start_days"] - column["spans"])
        counted = (opens | inside) * days / length
    return counted.sum(axis=0).astype(float)


def _month_number(column: Any) -> Any:
    return column.year() * MONTHS + column.month()


def _periods(numbers: pd.Series) -> pd.Series:
    """Months from their numbers, year times twelve plus month."""
    known = numbers.notna()
    found = pd.Series(pd.NaT, index=numbers.index, dtype="period[M]")
    values = numbers[known].astype(int)
    found[known] = pd.PeriodIndex.from_fields(year=(values - 1) // MONTHS, month=(values - 1) % MONTHS + 1, freq="M")
    return found
