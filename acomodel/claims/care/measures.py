"""Quality measures of the starter set from claims: who is asked about, and for whom it was done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd

from acomodel.claims.care.measure_codes import READ_IN, Measure, measure_table, measures_in_force, reach
from acomodel.claims.care.measure_steps import Facts, cases, facts_of, small
from acomodel.claims.incurred import ContractScope
from acomodel.claims.population import Population
from acomodel.claims.tables import Dataset
from acomodel.claims.visits import known_providers
from acomodel.inputs import InputError

if TYPE_CHECKING:
    import ibis.expr.types as ir

By = Literal["provider_id", "tin"]
EMERGENCY = "Emergency Room"
"""Service category whose visits are counted."""
COLUMNS = ("provider_id", "measure", "numerator", "denominator", "look_back_seen")


def claims_measures(
    dataset: Dataset,
    population: Population,
    year: int,
    scope: ContractScope | None = None,
    *,
    measures: Sequence[str] | None = None,
    by: By = "provider_id",
) -> pd.DataFrame:
    r"""
    Quality measures of a population in one year, by the physician or practice each member is attributed to.

    Parameters
    ----------
    dataset : Dataset
        Canonical claims tables.
    population : Population
        Who is assigned, and when; from `assign` or `everyone`.
    year : int
        Calendar year measured, one of the population's.
    scope : ContractScope, optional
        What the contract counts; it steers emergency visits and their member months, so that both add up to the
        experience. Whether care was given is asked of all claims.
    measures : sequence of str, optional
        Measures wanted; all that claims can carry by default.
    by : {"provider_id", "tin"}
        Physicians, or the practices they are listed in.

    Returns
    -------
    pandas.DataFrame
        One row per measure and physician (empty where none is known): `provider_id`, `measure`, `numerator` and
        `denominator` [members; stays; visits and member months], `look_back_seen` [share of the days looked at that
        the claims reach back to].

    Raises
    ------
    InputError
        A measure that is unknown or has to be read in, a year for which nobody was assigned, an unknown `by`.

    Notes
    -----
    A member is asked about who is assigned on the last day of the year (on the day of the first diagnosis or discharge)
    alive, of the age and sex of the row, covered as long as it says, and not in a hospice within the year. A
    service counts once it is not taken back by a reversal of the same code and day; a diagnosis counts where the claim
    is eligible for risk adjustment, which leaves out those of laboratories. A measure for whose services no line of
    any claim is found is left out: such claims cannot say for whom it was done. Where `look_back_seen` is below one, a
    screening done earlier is not seen, and the rate is too low.

    Low back pain: the first such diagnosis between 1 January and the 28th day before the end of the year, none in
    the 180 days before; the numerator has imaging on that day or in the 28 after it. Readmission: stays a day
    apart or less are one; the numerator has the next admission within 30 days.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, exhibit 3.16 and pp. 59-65; codes and ages as cited in
       the rows of `measures.csv` and `measure_codes.csv`. It is not the certified HEDIS specification.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from acomodel.claims.population import everyone
    >>> from acomodel.claims.synthetic import SyntheticSettings, write_book
    >>> from acomodel.claims.tables import read_dataset
    >>> folder = Path(tempfile.mkdtemp()) / "book"
    >>> _ = write_book(SyntheticSettings(members=200, months=24, start="2021-01"), folder)
    >>> dataset = read_dataset(folder)
    >>> found = claims_measures(dataset, everyone(dataset, [2022]), 2022, measures=["diabetes_hba1c_testing"])
    >>> bool((found["numerator"] <= found["denominator"]).all())
    True
    """
    if by not in get_args(By):
        raise InputError(f"quality measures: found by '{by}'; one of {', '.join(get_args(By))} is wanted.")
    if year not in population.years:
        years = ", ".join(map(str, population.years))
        raise InputError(f"quality measures: nobody was assigned for {year}; the years of the population are {years}.")
    scope = scope or ContractScope()
    chosen = measures_in_force(year, measures)
    facts = facts_of(dataset, population, chosen, year)
    rows = cases(facts)
    counted = rows.select("measure", "member_id", numerator=rows.done.cast("float64"), denominator=1.0)
    for measure in chosen:
        if measure.kind == "visits":
            counted = counted.union(_visits(facts, measure, scope))
    sums = _summed(counted, _responsible(dataset, population, year, by))
    seen = _seen(facts, scope)
    order = {measure.measure: place for place, measure in enumerate(chosen)}
    found = sums[(sums["denominator"] > 0) & sums["measure"].isin(seen)]
    found = found.assign(look_back_seen=found["measure"].map(seen).astype(float), place=found["measure"].map(order))
    return found.sort_values(["place", "provider_id"], ignore_index=True)[list(COLUMNS)]


def measures_total(frame: pd.DataFrame) -> pd.DataFrame:
    """
    Measures of the whole population, with their names.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows of `claims_measures`.

    Returns
    -------
    pandas.DataFrame
        Index measure, every one that claims can carry; `name`, `area`, `direction` ("higher" or "lower" is better),
        `per` (what the rate is multiplied by), `numerator`, `denominator`, `rate` (missing where nobody is
        asked about or the claims carry no such service), `look_back_seen` [share].

    Examples
    --------
    >>> rows = pd.DataFrame({"provider_id": ["A", "B"], "measure": "breast_cancer_screening", "numerator": [3.0, 1.0],
    ...     "denominator": [4.0, 4.0], "look_back_seen": 1.0})
    >>> measures_total(rows).loc["breast_cancer_screening", ["numerator", "denominator", "rate"]].tolist()
    [4.0, 8.0, 0.5]
    """
    table = measure_table()
    named = table[table["kind"] != READ_IN].drop_duplicates("measure", keep="last").set_index("measure")
    total = named[["name", "area", "direction"]].assign(per=named["per"].astype(int))
    sums = frame.groupby("measure")[["numerator", "denominator"]].sum().reindex(total.index, fill_value=0.0)
    seen = frame.groupby("measure")["look_back_seen"].min().reindex(total.index)
    counted = sums["denominator"].where(sums["denominator"] > 0)
    return total.assign(**sums, rate=total["per"] * sums["numerator"] / counted, look_back_seen=seen)


def _visits(facts: Facts, measure: Measure, scope: ContractScope) -> ir.Table:
    """Emergency visits on the days assigned in the year, and member months, as the contract counts them."""
    import ibis

    lines, year = facts.dataset.claims, facts.year
    kept = (lines.service_category == EMERGENCY) & (lines.service_date.year() == year)
    if scope.capitated == "apart":
        kept &= ~lines.capitated.fill_null(False)
    ours = facts.assigned.select(assigned="member_id", opens="start_date", closes="end_date")
    used = lines.filter(kept).select("member_id", "service_date", "units")
    used = used.join(ours, used.member_id == ours.assigned)
    used = used.filter((used.service_date >= used.opens) & (used.service_date <= used.closes))
    months = pd.period_range(f"{year}-01", f"{year}-12", freq="M")
    frame = pd.DataFrame({"since": months.start_time.date, "until": months.end_time.date})
    each = ours.cross_join(small(facts.dataset, frame, {"since": "date", "until": "date"}))
    each = each.filter((each.opens <= each.until) & (each.closes >= each.since))
    days = ibis.least(each.closes, each.until).delta(ibis.greatest(each.opens, each.since), unit="day") + 1
    each = each.mutate(share=days / (each.until.delta(each.since, unit="day") + 1), begun=each.opens <= each.since)
    held = each.group_by("assigned", "since").agg(share=each.share.sum(), begun=each.begun.any())
    ways = {"any_day": ibis.literal(1.0), "first_day": held.begun.cast("float64"), "days": held.share}
    exposed = held.select(member_id="assigned", numerator=0.0, denominator=ways[scope.member_months])
    both = used.select("member_id", numerator=used.units.cast("float64"), denominator=0.0).union(exposed)
    return both.mutate(measure=ibis.literal(measure.measure)).select("measure", *both.columns)


def _responsible(dataset: Dataset, population: Population, year: int, by: By) -> ir.Table | None:
    """Physician or practice of each member attributed to the ACO in a year: `other` (the member), `provider_id`."""
    if not population.attributions:
        return None
    members = population.attributions[population.years.index(year)].members
    ours = members.filter(members.aco_id == population.aco_id).select("provider_id", other="member_id")
    if by == "provider_id":
        return ours
    known = known_providers(dataset).select("own_tin", listed="provider_id")
    joined = ours.left_join(known, ours.provider_id == known.listed)
    return joined.select("other", provider_id=joined.own_tin)


def _summed(counted: ir.Table, unit: ir.Table | None) -> pd.DataFrame:
    """Numerator and denominator by measure and physician or practice."""
    import ibis

    if unit is None:
        named = counted.mutate(provider_id=ibis.literal(""))
    else:
        joined = counted.left_join(unit, counted.member_id == unit.other)
        named = joined.mutate(provider_id=joined.provider_id.fill_null(""))
    sums = named.group_by("measure", "provider_id").agg(
        numerator=named.numerator.sum(), denominator=named.denominator.sum()
    )
    return sums.to_pandas()


def _seen(facts: Facts, scope: ContractScope) -> dict[str, float]:
    """Measures that the claims carry, each with the share of the days looked at that they reach back to."""
    lines, events = facts.dataset.claims, facts.events
    about = lines.agg(first=lines.service_date.min(), emergencies=(lines.service_category == EMERGENCY).any())
    first, emergencies = about.to_pandas().iloc[0]
    if pd.isna(first):
        return {}
    told = set(events.filter(events.role == "numerator").select("measure").distinct().to_pandas()["measure"])
    kinds = {"readmission"} | ({"visits"} if emergencies and EMERGENCY not in scope.excluded_services else set())
    shares = {}
    for measure in facts.chosen:
        if measure.measure in told or measure.kind in kinds:
            wanted = (facts.last - reach(measure, facts.year)).days + 1
            shares[measure.measure] = float(
                np.clip(((facts.last - pd.Timestamp(first).date()).days + 1) / wanted, 0, 1)
            )
    return shares
