"""The tables of a report on chance: what luck alone pays, by size and threshold, over years, and what else may err."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from acomodel.contract.programs import ProgramTerms
from acomodel.exhibit import Exhibit, show
from acomodel.outlook.luck.approximations import normal
from acomodel.outlook.luck.chance import METHODS
from acomodel.outlook.luck.costs import cost_distribution
from acomodel.outlook.luck.pooling import carry_forward, multi_year_chance
from acomodel.outlook.luck.ratio import TIE, Noise, SpendingRatio
from acomodel.outlook.luck.savings import SavingsDistribution
from acomodel.outlook.luck.thresholds import chance_by_size as chances_of_sizes
from acomodel.outlook.luck.thresholds import error_rates, msr_confidence
from acomodel.outlook.years.variance import VarianceSplit, variance_by_cause
from acomodel.workbench.exhibits.large_claims import amounts_shown
from acomodel.workbench.model import Run
from acomodel.workbench.outlook import Outlook

REAL_SAVER = 0.03
"""True savings of the real saver whom a threshold must not deny. [share]"""
SAVINGS = (0.0, 0.01, 0.02, 0.03, 0.05)
"""True savings that payments are shown for. [share]"""
SIZES = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
"""Sizes that chances are shown for. [members]"""
THRESHOLDS = (0.0, 0.01, 0.02, 0.03, 0.04, 0.05)
"""Thresholds that chances are shown for. [share]"""
CHANCES = (0.20, 0.10, 0.05, 0.01)
"""Chances that thresholds are found for. [share]"""
PROGRAM_SIZES = (5_000, 7_000, 10_000, 15_000, 20_000, 50_000, 60_000)
"""Sizes at which the Medicare table is read. [members]"""
AMOUNTS = (10e3, 25e3, 50e3, 75e3, 100e3, 150e3, 250e3, 500e3, 1e6)
"""Amounts at which large claims might be truncated. [$]"""
MOST_YEARS = 5
"""Years that may be averaged. [years]"""


def reaching(rates: SavingsDistribution, threshold: float) -> float:
    """Chance of reaching a threshold; at 0 savings must be above zero, as in a settlement."""
    return float(rates.survival(threshold) if threshold > TIE else 1 - float(rates.cdf(0.0)))


def losing(rates: SavingsDistribution, threshold: float) -> float:
    """Chance of losses of a threshold or more; at 0 losses must be above zero."""
    return float(rates.cdf(-threshold) if threshold > TIE else 1 - float(rates.survival(0.0)))


def noise_at(outlook: Outlook, members: int) -> Noise:
    """Noise of an ACO of another size, whose benchmark was measured on as many times its members."""
    noise = outlook.noise
    if noise.baseline_members is None or members == outlook.members:
        return noise
    counted = max(round(noise.baseline_members * members / outlook.members), 1)
    return Noise(baseline_members=counted, shock_sd=noise.shock_sd, shock=noise.shock)


def by_size(outlook: Outlook, sizes: tuple[int, ...], thresholds: tuple[float, ...]) -> pd.DataFrame:
    """Chance that luck alone reaches each threshold at each size. [share]"""
    rows = [chances_of_sizes(outlook.costs, [n], thresholds, noise=noise_at(outlook, n)) for n in sizes]
    return pd.concat(rows)


@lru_cache(maxsize=4)
def variance_of(outlook: Outlook) -> VarianceSplit:
    """What is uncertain split by cause, once for table and chart."""
    return variance_by_cause(outlook.prospect, outlook.terms)


def noise_words(outlook: Outlook) -> str:
    """How the benchmark and common causes add to luck, in words."""
    noise = outlook.noise
    words = "the benchmark is taken as exact"
    if noise.baseline_members is not None:
        words = f"the benchmark was measured on {noise.baseline_members:,} member years"
    if noise.shock_sd:
        words += f", and a factor common to all members deviates by {noise.shock_sd:.1%}"
    return words


def _percent(share: float) -> str:
    """
    A share in words: no decimals where it has none.

    >>> _percent(0.03), _percent(0.0236)
    ('3%', '2.36%')
    """
    return f"{share:.0%}" if abs(share - round(share, 2)) < 1e-9 else f"{share:.2%}"


def costs_used(run: Run) -> Exhibit | None:
    """Costs that luck is worked out from: mean, spread, truncation and source."""
    outlook = run.outlook
    if outlook is None:
        return None
    costs = outlook.costs
    lines = {
        "Members": outlook.members,
        "Mean annual cost": costs.mean,
        "Standard deviation": costs.sd,
        "Coefficient of variation": costs.cv,
        "Skewness": costs.skewness,
        "Costs count up to": outlook.truncated_at,
        "Members without cost": sum(s.share * float(s.weights[s.costs == 0].sum()) for s in costs.strata),
        "Deviation of the savings rate by luck": costs.cv / outlook.members**0.5,
        "The same with the benchmark and common causes": outlook.savings().sd,
    }
    styles = ("#", "$.", "$.", "0.000", "0.000", "$", "%.", "%.", "%.")
    formats = dict(zip(lines, styles, strict=True))
    if outlook.truncated_at is None:
        del lines["Costs count up to"]
    if not outlook.noise.baseline_members and not outlook.noise.shock_sd:
        del lines["The same with the benchmark and common causes"]
    if not lines["Members without cost"]:  # unknown where most members are known only in sums
        del lines["Members without cost"]
    table = pd.Series(lines, name="Value").rename_axis("Line").to_frame()
    source = outlook.source.rstrip(".")
    words = [source[:1].upper() + source[1:]]
    if costs.basis and costs.basis not in source:
        words.append(costs.basis[:1].upper() + costs.basis[1:])
    words.append(f"In what follows {noise_words(outlook)}")
    return Exhibit("Annual costs of a member", table, formats, ". ".join(words) + ".")


def chance_table(run: Run) -> Exhibit | None:
    """Exact chance that the ACO earns and owes, and expected payments, for luck alone and several true savings."""
    outlook = run.outlook
    if outlook is None:
        return None
    saved = sorted({*SAVINGS, round(outlook.true_savings, 6)})
    limit, loss_limit = outlook.limits
    ratio = outlook.ratio
    columns = {}
    for share in saved:
        paid, rates = outlook.payments(share), outlook.savings(share)
        exact = reaching(rates, limit)
        near = float(normal(ratio, np.array([(1 - limit) / (1 - share)]), -1)[0])
        lines = {
            "Chance that the ACO earns": paid.chance_earned,
            "Chance that the ACO owes": paid.chance_owed,
            "Expected payment to the ACO": paid.expected_earned,
            "Expected payment from the ACO": paid.expected_owed,
            "Expected payment, net": paid.expected_payment,
            "Average of the worst twentieth": paid.worst_payment,
            "Chance of reaching the threshold": exact,
            "The same by a normal distribution": near,
            "Error of the normal": near - exact,
        }
        columns["Luck alone" if share == 0 else f"Saves {_percent(share)}"] = lines
    table = pd.DataFrame(columns).rename_axis("Line")
    formats = dict.fromkeys(table.index, "%.") | dict.fromkeys(table.index[2:6], "$")
    if not outlook.terms.two_sided:
        none = ["Chance that the ACO owes", "Expected payment from the ACO", "Expected payment, net"]
        if not table.loc[none[0]].any():
            table = table.drop(index=none)
    limits = f"Threshold {limit:.2%}" + ("" if np.isnan(loss_limit) else f", of losses {loss_limit:.2%}")
    how = f"{METHODS[ratio.year.method]}, error at most {ratio.year.error:.0e}"
    note = f"{limits}; {outlook.members:,} members; {noise_words(outlook)}. Worked out by {how}."
    return Exhibit("What luck alone pays, and what real savings add", table, formats, note)


def chance_by_size(run: Run) -> Exhibit | None:
    """Chance that luck alone reaches thresholds of 0 to 5 percent and the contract's own, by size."""
    outlook = run.outlook
    if outlook is None:
        return None
    own = outlook.limits[0]
    limits = tuple(sorted({*THRESHOLDS, round(own, 10)}))
    found = by_size(outlook, tuple(sorted({*SIZES, outlook.members})), limits)
    found.columns = pd.Index([f"{_percent(m)} (contract)" if m == round(own, 10) else _percent(m) for m in limits])
    labels = [f"{n:,} (here)" if n == outlook.members else f"{n:,}" for n in found.index]
    table = found.set_axis(pd.Index(labels, name="Members"))
    return Exhibit(
        "Chance that luck alone reaches a threshold, by size",
        table,
        dict.fromkeys(table.columns, "%."),
        "Costs as above at every size. Where the baseline is noisy too, it grows and shrinks with the members.",
    )


def errors_by_threshold(run: Run) -> Exhibit | None:
    """False positives and false negatives at this size by threshold."""
    outlook = run.outlook
    if outlook is None:
        return None
    own, two_sided = round(outlook.limits[0], 10), outlook.terms.two_sided
    limits = sorted({*THRESHOLDS, own})
    luck, saver = outlook.savings(), outlook.savings(REAL_SAVER)
    rows = {
        (f"{_percent(m)} (contract)" if m == own else _percent(m)): {
            "Luck alone earns": reaching(luck, m),
            "Luck alone loses as much": losing(luck, m),
            f"Real {_percent(REAL_SAVER)} saver is denied": 1 - reaching(saver, m),
        }
        for m in limits
    }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("Threshold")
    if not two_sided:
        table = table.drop(columns="Luck alone loses as much")
    note = f"{outlook.members:,} members; {noise_words(outlook)}. A threshold trades one error for the other."
    return Exhibit("Errors of a threshold", table, dict.fromkeys(table.columns, "%."), note)


def truncation(run: Run) -> Exhibit | None:
    """What truncation of large claims at lower amounts does to both errors at the contract's threshold."""
    outlook = run.outlook
    if outlook is None:
        return None
    largest = max(float(s.costs[s.weights > 0].max()) for s in outlook.costs.strata)
    amounts = [a for a in AMOUNTS if a < largest * (1 - 1e-9)][-5:]
    amounts = amounts_shown(run, amounts) if amounts else []
    if not amounts:
        return None
    limit = outlook.limits[0]
    rows = {}
    for amount in [*amounts, None]:
        costs = cost_distribution(outlook.costs, truncate=amount)
        rates = error_rates(costs, [outlook.members], [limit], true_savings=REAL_SAVER, noise=outlook.noise).iloc[0]
        rows["as in this contract" if amount is None else show(amount, "$")] = {
            "Mean annual cost": costs.mean,
            "Coefficient of variation": costs.cv,
            "Deviation of the savings rate": SpendingRatio(costs, outlook.members, outlook.noise).sd,
            "Luck alone earns": rates["false_positive"],
            f"Real {_percent(REAL_SAVER)} saver is denied": rates["false_negative"],
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("Truncated at")
    formats = dict.fromkeys(table.columns, "%.") | {"Mean annual cost": "$.", "Coefficient of variation": "0.000"}
    note = (
        f"Threshold {limit:.2%}, {outlook.members:,} members. Savings are shares of the costs that count; what "
        "lies above the amount is neither saved nor lost."
    )
    return Exhibit("What truncation of large claims does", table, formats, note)


def thresholds(run: Run) -> Exhibit | None:
    """Threshold that leaves luck a chance, at this size, and what it does to a real saver."""
    outlook = run.outlook
    if outlook is None:
        return None
    luck, saver = outlook.savings(), outlook.savings(REAL_SAVER)
    own = outlook.limits[0]
    wanted = [(f"{p:.0%}", max(float(luck.quantile(1 - p)), 0.0)) for p in CHANCES]
    rows = {
        words: {"Threshold": m, "Luck alone earns": reaching(luck, m), "denied": 1 - reaching(saver, m)}
        for words, m in [*wanted, ("as in this contract", own)]
    }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("Chance allowed to luck")
    table = table.rename(columns={"denied": f"Real {_percent(REAL_SAVER)} saver is denied"})
    note = f"{outlook.members:,} members; {noise_words(outlook)}."
    return Exhibit("Threshold wanted", table, dict.fromkeys(table.columns, "%."), note)


def msr_levels(run: Run) -> Exhibit | None:
    """The Medicare table of thresholds as confidence levels; None for contracts that do not refer to it."""
    outlook = run.outlook
    kind = run.scenario.terms
    medicare = isinstance(kind, ProgramTerms) and kind.program == "mssp"
    if outlook is None or not (medicare or outlook.terms.msr == "size"):
        return None
    sizes = sorted({*PROGRAM_SIZES, *([outlook.members] if outlook.members >= 100 else [])})
    found = msr_confidence(outlook.costs, sizes)
    names = {
        "msr": "Threshold of the table",
        "chance": "Luck alone reaches it",
        "confidence": "Confidence",
        "table_confidence": "Confidence the table implies",
    }
    labels = [f"{n:,} (here)" if n == outlook.members else f"{n:,}" for n in found.index]
    table = found.rename(columns=names).set_axis(pd.Index(labels, name="Members"))
    note = (
        "By the costs above, the benchmark taken as exact; the table implies a normal savings rate with a deviation of "
        "2.15 over the root of members (42 CFR 425.604(b); CMS-1345-P)."
    )
    return Exhibit("The Medicare thresholds as confidence levels", table, dict.fromkeys(table.columns, "%."), note)


def several_years(run: Run) -> Exhibit | None:
    """Chances where years are averaged, and where losses are set against later bonuses."""
    outlook = run.outlook
    if outlook is None:
        return None
    limit = outlook.limits[0]
    years = range(1, MOST_YEARS + 1)
    luck, saver = (
        [
            float(multi_year_chance(outlook.costs, outlook.members, limit, y, true_savings=s, noise=outlook.noise))
            for y in years
        ]
        for s in (0.0, REAL_SAVER)
    )
    table = pd.DataFrame(
        {
            "Average: luck alone earns": luck,
            f"Average: real {_percent(REAL_SAVER)} saver is denied": [1 - p for p in saver],
        },
        index=pd.Index([str(y) for y in years], name="Years"),
    )
    note = (
        f"Threshold {limit:.2%} on the average of so many years, {outlook.members:,} members in each; a member's costs "
        "of different years are taken as independent."
    )
    if limit > 0:
        carried = carry_forward(outlook.costs, outlook.members, limit, MOST_YEARS, noise=outlook.noise).to_frame()
        table["Bonus of that year by luck"] = carried["Chance, not carried"].to_numpy()
        table["The same, losses carried forward"] = carried["Chance, carried"].to_numpy()
        note += " Losses carried forward are those beyond the threshold, set against later savings beyond it."
    return Exhibit("Several years", table, dict.fromkeys(table.columns, "%."), note)


def simulated(run: Run) -> Exhibit | None:
    """Simulated payments by year, everything unsure together, with standard errors."""
    outlook = run.outlook
    if outlook is None:
        return None
    found = outlook.simulation.exhibit()
    rows = found.table.index
    nothing = (found.table == 0).all(axis=1) & rows.str.startswith("±")
    if not (outlook.simulation.payment < 0).any():
        nothing |= rows.str.contains("owes")
    table = found.table[~nothing]
    year = run.scenario.years[run.scenario.headline()].label
    words = (
        f"Year 1 is {year}. Everything uncertain drawn together, seed {outlook.scenario.outlook.seed}; the exact table "
        "above holds luck alone."
    )
    return Exhibit(found.title, table, found.formats, f"{words} {found.note}")


def sizes(run: Run) -> Exhibit | None:
    """Sizes of what is uncertain besides luck, and where they come from."""
    return None if run.outlook is None else run.outlook.exhibit()


def variance(run: Run) -> Exhibit | None:
    """How much of the uncertainty of the payment each cause makes."""
    outlook = run.outlook
    return None if outlook is None else variance_of(outlook).exhibit()
