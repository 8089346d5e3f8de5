"""Risk ratio of two periods under a programme: what counts as risk, and how far it may move a benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
import pydantic.dataclasses
from pydantic import ConfigDict, Field

from acomodel.budget.risk_caps import (
    aggregate_limited,
    check_limits,
    continuing_risk_ratio,
    risk_ratio_capped,
    weighted_average,
)
from acomodel.exhibit import Assumption, Exhibit, Shown
from acomodel.inputs import InputError, nearest
from acomodel.programs import Rules, rule_table

__all__ = [
    "ProgramRiskRatio",
    "RiskRule",
    "aggregate_limited",
    "continuing_risk_ratio",
    "program_risk_ratio",
    "risk_ratio_capped",
    "risk_rule",
]

TABLE = "mssp_risk"
Method = Literal["new_and_continuing", "by_type", "aggregate"]
WORDS: dict[str, str] = {
    "new_and_continuing": "Newly assigned by HCC, continuously assigned by demographics unless HCC fell",
    "by_type": "HCC, limited in each enrollment type",
    "aggregate": "HCC, limited where growth over all enrollment types passes the limit",
}


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class RiskRule:
    """What a programme takes for the change in risk, and its limits."""

    method: Method = Field(description="which scores count, and where the limits hold")
    cap: float | None = Field(default=None, gt=-1, description="most that risk may grow, points of growth [share]")
    floor: float | None = Field(default=None, gt=-1, description="least that risk may grow, points of growth [share]")
    basis: Literal["flat", "demographic"] = Field(
        default="flat", description="whether the limits stand alone or are added to the growth of demographic risk"
    )
    flat_types: tuple[str, ...] = Field(default=(), description="enrollment types whose limits always stand alone")


def risk_rule(program: str, year: int, agreement_start: int | None = None) -> tuple[RiskRule, tuple[Assumption, ...]]:
    """
    Rule of a programme for a performance year, with the rows it rests on.

    Parameters
    ----------
    program : str
        "MSSP" or "ACO REACH".
    year : int
        Performance year.
    agreement_start : int, optional
        Year in which the agreement began; the performance year when not given. It decides in the Shared Savings
        Program: an agreement keeps the rule under which it began.

    Returns
    -------
    tuple of RiskRule and of Assumption

    Raises
    ------
    InputError
        No such programme, no rule yet in that year, or an agreement that starts after it.

    References
    ----------
    .. [1] 42 CFR 425.604(a) (2015), 425.605(a), 425.610(a); each value carries its own source in
       ``data/rules/mssp_risk.csv``.

    Examples
    --------
    >>> risk_rule("MSSP", 2024, agreement_start=2022)[0].method
    'by_type'
    >>> risk_rule("MSSP", 2024)[0].basis
    'demographic'
    """
    table = rule_table(TABLE)
    known = [name for name in table["track"].unique() if name != "*"]
    if program not in known:
        raise InputError(f"risk: no rules for '{program}'; known are {', '.join(known)}.{nearest(program, known)}")
    if agreement_start is not None and agreement_start > year:
        raise InputError(f"risk: an agreement that starts in {agreement_start} has no performance year {year}")
    rules = Rules(TABLE, year, agreement_start)
    if rules.row("method", program) is None:
        first = table[table["track"] == program]["effective_from"].min()
        raise InputError(f"risk: the rules of {program} begin in {first}; found the performance year {year}")
    found = {name: rules.value(name, program) for name in ("method", "cap", "floor", "basis")}
    limits = {name: _limit(found[name].value) for name in ("cap", "floor")}
    types = rules.text("flat_types", program)
    rule = RiskRule(
        method=cast(Method, found["method"].value),
        basis=cast(Any, found["basis"].value),
        flat_types=tuple(types.split("|")) if types else (),
        **limits,
    )
    return rule, tuple(found.values())


def _limit(value: float | str) -> float | None:
    """Limit of a rule row; "none" is none."""
    return None if value == "none" else float(value)


@dataclass(frozen=True, eq=False, repr=False)
class ProgramRiskRatio(Shown):
    """
    Risk ratio under a programme's rule.

    Parameters
    ----------
    rule : RiskRule
        What was applied.
    table : pandas.DataFrame
        One row per enrollment type: `hcc_ratio`, `demographic_ratio`, `lower` and `upper` limit (NaN for none),
        `ratio` used, `person_years` and `benchmark` of the type.
    ratio, unlimited : float
        Average over types of the ratios used and of the HCC ratios, weighted by benchmark times person-years. [factor]
    label : str
        Programme and year.
    assumptions : tuple of Assumption
        Rows of the rule; empty for a rule of one's own.
    note : str
        What a reader must know.
    """

    rule: RiskRule
    table: pd.DataFrame
    ratio: float
    unlimited: float
    label: str
    assumptions: tuple[Assumption, ...] = ()
    note: str = ""

    def to_frame(self) -> pd.DataFrame:
        """The types, unrounded."""
        return self.table.copy(deep=False)

    def exhibit(self) -> Exhibit:
        """Types with ratios and limits, and their average."""
        names = {
            "hcc_ratio": "HCC ratio",
            "demographic_ratio": "Demographic ratio",
            "lower": "Lower limit",
            "upper": "Upper limit",
            "ratio": "Ratio used",
            "person_years": "Person-years",
            "benchmark": "Benchmark",
        }
        total = {
            "hcc_ratio": self.unlimited,
            "demographic_ratio": _mean(self.table, "demographic_ratio"),
            "ratio": self.ratio,
            "person_years": self.table["person_years"].sum(),
        }
        table = pd.concat([self.table, pd.DataFrame(total, index=["Total"])])[list(names)].rename(columns=names)
        formats = dict.fromkeys(list(names.values())[:5], "0.0000") | {"Person-years": "#", "Benchmark": "$"}
        note = ". ".join(part for part in (WORDS[self.rule.method], self.note) if part) + "."
        return Exhibit(f"Risk ratio, {self.label}", table.rename_axis("Enrollment type"), formats, note)


def program_risk_ratio(
    scores: pd.DataFrame,
    *,
    year: int,
    agreement_start: int | None = None,
    program: str = "MSSP",
    rule: RiskRule | None = None,
) -> ProgramRiskRatio:
    r"""
    Risk ratio of two periods under a programme's rule of a year.

    Parameters
    ----------
    scores : pandas.DataFrame
        One row per `enrollment_type`: `base_hcc` and `current_hcc`, `base_demographic` and `current_demographic`
        average scores [factor, renormalized], `person_years` of the performance year [years] and historical
        `benchmark` [$ per person-year]; rows without person-years are left out. Until mid-2019 two rows per
        type, told apart by `assignment`: "new" and "continuing".
    year : int
        Performance year.
    agreement_start : int, optional
        Year in which the agreement began; the performance year when not given.
    program : str
        "MSSP" or "ACO REACH".
    rule : RiskRule, optional
        A rule of one's own, such as ``dataclasses.replace(risk_rule("MSSP", 2024)[0], cap=0.05)``.

    Returns
    -------
    ProgramRiskRatio

    Raises
    ------
    InputError
        Columns, scores or types that cannot be used, a programme without rules for the year, a cap below the floor.

    Notes
    -----
    - *New and continuing* (MSSP, agreements until mid-2019): within a type :math:`r_t` is the average, by person-years,
      of the HCC ratio of the newly assigned and `continuing_risk_ratio` of the continuously assigned.
    - *By type* (MSSP, agreements from July 2019; ACO REACH): `risk_ratio_capped` in each type.
    - *Aggregate* (MSSP, agreements from 2024): `aggregate_limited`.

    The overall ratio is :math:`\sum_t w_t r_t / \sum_t w_t` with :math:`w_t` benchmark times person-years.

    References
    ----------
    .. [1] 42 CFR 425.604(a) (2015); 425.605(a)(1) and 425.610(a), as cited in ``data/rules/mssp_risk.csv``.

    Examples
    --------
    >>> scores = pd.DataFrame({"enrollment_type": ["aged/dual", "aged/non-dual"], "base_hcc": [1.0, 1.0],
    ...     "current_hcc": [1.08, 1.02], "base_demographic": 1.0, "current_demographic": 1.01,
    ...     "person_years": [1000, 9000], "benchmark": [20_000, 10_000]})
    >>> program_risk_ratio(scores, year=2022).table["ratio"].to_dict()
    {'aged/dual': 1.03, 'aged/non-dual': 1.02}
    >>> program_risk_ratio(scores, year=2024).table["ratio"].to_dict()
    {'aged/dual': 1.08, 'aged/non-dual': 1.02}
    """
    program = program.upper()
    assumptions: tuple[Assumption, ...] = ()
    label = "own rule"
    note = ""
    if rule is None:
        rule, assumptions = risk_rule(program, year, agreement_start)
        label = f"{program} {year}"
        note = Rules(TABLE, year, agreement_start).beyond().replace("the table", "The table", 1)
    check_limits(rule.cap, rule.floor)
    given = _checked(scores, rule.method)
    table = _combined(given) if rule.method == "new_and_continuing" else given.set_index("enrollment_type")
    weight = (table["person_years"] * table["benchmark"]).to_numpy()
    if not weight.sum() > 0:
        raise InputError("risk scores: person-years times benchmark add up to nothing")
    growth = (table["demographic_ratio"] - 1) * float(rule.basis == "demographic")
    growth = growth.mask(table.index.str.upper().isin([name.upper() for name in rule.flat_types]), 0.0)
    if rule.method == "by_type":
        ratio = risk_ratio_capped(
            table["hcc_ratio"], 1.0, cap=rule.cap, floor=rule.floor, demographic_growth=growth
        ).to_numpy()
    elif rule.method == "aggregate":
        ratio = aggregate_limited(table["hcc_ratio"], growth, weight, cap=rule.cap, floor=rule.floor)
        growth = growth * 0 + float(weighted_average(growth.to_numpy(), weight))
    else:
        ratio = table["mixed_ratio"].to_numpy()
        growth = growth * np.nan
    table = table.assign(
        lower=1 + growth + (np.nan if rule.floor is None else rule.floor),
        upper=1 + growth + (np.nan if rule.cap is None else rule.cap),
        ratio=ratio,
    )
    columns = ["hcc_ratio", "demographic_ratio", "lower", "upper", "ratio", "person_years", "benchmark"]
    return ProgramRiskRatio(
        rule, table[columns], _mean(table, "ratio"), _mean(table, "hcc_ratio"), label, assumptions, note
    )


SCORES = ["base_hcc", "current_hcc", "base_demographic", "current_demographic", "person_years", "benchmark"]


def _checked(scores: pd.DataFrame, method: Method) -> pd.DataFrame:
    """Rows with person-years, their figures checked and their ratios worked out."""
    key = ["enrollment_type"] + ["assignment"] * (method == "new_and_continuing")
    for column in (*key, *SCORES):
        if column not in scores:
            raise InputError(f"risk scores: no column '{column}'; {', '.join([*key, *SCORES])} are wanted")
    for column in SCORES:
        bad = ~(scores[column] >= 0) if column in SCORES[4:] else ~(scores[column] > 0) & (scores["person_years"] > 0)
        if bad.any():
            row = scores[bad].iloc[0]
            least = "at least zero" if column in SCORES[4:] else "above zero"
            raise InputError(f"risk scores: {column} of '{row['enrollment_type']}' is {row[column]}; {least} is wanted")
    rows = scores[scores["person_years"] > 0]
    if rows.duplicated(key).any():
        raise InputError(f"risk scores: '{rows[rows.duplicated(key)]['enrollment_type'].iloc[0]}' stands twice")
    if method == "new_and_continuing" and not rows["assignment"].isin(["new", "continuing"]).all():
        strange = rows[~rows["assignment"].isin(["new", "continuing"])].iloc[0]
        raise InputError(f"risk scores: found the assignment '{strange['assignment']}'; new or continuing is wanted")
    return rows.assign(
        hcc_ratio=rows["current_hcc"] / rows["base_hcc"],
        demographic_ratio=rows["current_demographic"] / rows["base_demographic"],
    )


def _combined(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per type: ratios of the newly and the continuously assigned averaged by person-years."""
    spread = rows.groupby("enrollment_type")["benchmark"].nunique()
    if (spread > 1).any():
        raise InputError(f"risk scores: '{spread.idxmax()}' has two benchmarks; one per enrollment type is wanted")
    used = continuing_risk_ratio(rows["hcc_ratio"], rows["demographic_ratio"])
    rows = rows.assign(mixed_ratio=used.where(rows["assignment"] == "continuing", rows["hcc_ratio"]))
    ratios = ["hcc_ratio", "demographic_ratio", "mixed_ratio"]
    sums = rows[ratios].mul(rows["person_years"], axis=0).groupby(rows["enrollment_type"], sort=False).sum()
    own = rows.groupby("enrollment_type", sort=False)
    years = own["person_years"].sum()
    return sums.div(years, axis=0).assign(person_years=years, benchmark=own["benchmark"].first())


def _mean(table: pd.DataFrame, column: str) -> float:
    """Average over types by benchmark times person-years."""
    return float(weighted_average(table[column].to_numpy(), (table["person_years"] * table["benchmark"]).to_numpy()))
