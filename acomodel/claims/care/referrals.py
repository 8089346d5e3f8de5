"""Referrals of physicians of primary care with their outliers, and a scorecard of points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from acomodel.claims.care.panels import ALL, counted_groups
from acomodel.claims.care.peers import PhysicianSettings
from acomodel.claims.care.physicians import Profile, profile
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError


@dataclass(frozen=True, eq=False, repr=False)
class Referrals(Shown):
    """
    What the members of each physician of primary care cost by who rendered it, and whose referrals stand out.

    Parameters
    ----------
    table : pandas.DataFrame
        By specialty and physician: `member_months`, the groups and `total` [$ PMPM], `mean` and `sd` of the
        specialty's totals, `mark` ("", "^", "^^").
    profile : Profile or None
        The totals against peers at the panel's own age and sex, with reliability; None where it is not known.
    minimum : float
        Member months below which a physician is left out.
    left_out : int
        Physicians left out for that. [physicians]
    """

    table: pd.DataFrame
    profile: Profile | None
    minimum: float
    left_out: int

    def exhibit(self) -> Exhibit:
        """Physicians with PMPM by group, total and mark."""
        frame = self.table.drop(columns=["mean", "sd"]).reset_index("specialty")
        frame = frame.rename(columns=lambda c: c.replace("_", " ").capitalize() if c.islower() else c)
        formats = dict.fromkeys(frame.columns, "$.") | {"Member months": "#"}
        return Exhibit("Referred service costs PMPM by physician of primary care", frame.rename_axis("PCP"), formats)


MARKS = ("", "^", "^^")
"""Marks of a total up to one standard deviation above the mean of the specialty, above one, and above two."""


def marks(totals: pd.Series, specialties: pd.Series) -> pd.DataFrame:
    r"""
    Mark totals that lie above the mean of their specialty by one or two standard deviations.

    Parameters
    ----------
    totals : Series
        Total of each physician. [$ PMPM]
    specialties : Series
        Specialty of each.

    Returns
    -------
    pandas.DataFrame
        `mean`, `sd` (with n - 1) and `mark`.

    Notes
    -----
    Of :math:`n` totals, none lies further above the mean than :math:`(n - 1)/\sqrt n` standard deviations: two need at
    least six physicians, and a share of totals is marked however alike their physicians are.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 4, figure 4.5.

    Examples
    --------
    >>> found = marks(pd.Series([40.0] * 8 + [60.0]), pd.Series(["08"] * 9))
    >>> found["mark"].iloc[-1], round(float(found["sd"].iloc[0]), 2)
    ('^^', 6.67)
    """
    groups = totals.groupby(specialties)
    mean, sd = groups.transform("mean"), groups.transform("std")
    above = (totals - mean) / sd.where(sd > 1e-9 * mean.abs())
    mark = np.select([above > 2, above > 1], [MARKS[2], MARKS[1]], MARKS[0])
    return pd.DataFrame({"mean": mean, "sd": sd, "mark": mark}, index=totals.index)


def referrals(costs: pd.DataFrame, rule: PhysicianSettings | None = None) -> Referrals:
    """
    Referral costs PMPM by physician of primary care, outliers marked, and what of it is sure.

    Parameters
    ----------
    costs : pandas.DataFrame
        From `referral_costs`.
    rule : PhysicianSettings, optional
        Least member months, level of intervals.

    Returns
    -------
    Referrals

    Raises
    ------
    InputError
        No physician with as many member months.
    """
    rule = rule or PhysicianSettings()
    keys = ["specialty", "physician"]
    total = costs[costs["group"] == ALL]
    months = total.groupby(keys)["member_months"].sum()
    kept = months[months >= rule.minimum_member_months]
    if kept.empty:
        raise InputError(f"referrals: no physician has {rule.minimum_member_months:,.0f} member months")
    sums = costs.pivot_table(index=keys, columns="group", values="allowed", aggfunc="sum").reindex(kept.index)
    named = [name for name in counted_groups() if name in sums]
    others = [name for name in sums if name not in (*named, ALL)]
    pmpm = sums[[*named, *others, ALL]].div(kept, axis=0).rename(columns={ALL: "total"})
    specialty = pd.Series(pmpm.index.get_level_values("specialty"), index=pmpm.index)
    table = pmpm.assign(member_months=kept)[["member_months", *pmpm.columns]].join(marks(pmpm["total"], specialty))
    cells = total.rename(columns={"members": "units", "member_months": "exposure", "allowed": "observed"})
    cells = cells[pd.MultiIndex.from_frame(cells[keys]).isin(kept.index)]
    mixed = profile("referrals", cells, ("cell",), rule, rule.minimum_member_months, "exposure", None)
    return Referrals(table, mixed, rule.minimum_member_months, len(months) - len(kept))


@dataclass(frozen=True, eq=False, repr=False)
class Scorecard(Shown):
    """
    Points of a physician on targets: all of a measure's points where it is met, else none.

    Parameters
    ----------
    table : pandas.DataFrame
        The measures with `result`, `met`, `points`, `points_possible`.
    points, possible : float
        Sums; a measure without patients counts in neither. [points]
    """

    table: pd.DataFrame
    points: float
    possible: float

    def exhibit(self) -> Exhibit:
        """Measures with target, result and points."""
        columns = ["measure", "direction", "target", "denominator", "numerator", "result", "points", "points_possible"]
        frame = self.table[columns].rename(columns=lambda c: c.replace("_", " ").capitalize()).set_index("Measure")
        frame.loc["Total"] = pd.Series({"Points": self.points, "Points possible": self.possible})
        return Exhibit("Quality scorecard", frame, dict.fromkeys(("Points", "Points possible"), "0.000"))


_MEETS: Mapping[str, Any] = {">=": np.greater_equal, "<=": np.less_equal, ">": np.greater, "<": np.less, "=": np.equal}


def scorecard(measures: pd.DataFrame) -> Scorecard:
    """
    Points of a scorecard with targets.

    Parameters
    ----------
    measures : pandas.DataFrame
        `measure`, `direction` (">=", "<=", ">", "<", "="), `target`, `denominator`, `numerator` and
        `points_possible`. The result is the numerator over the denominator, or the numerator where there is no
        denominator, or `result` where it alone is given; a denominator of 0 means no eligible patients.

    Returns
    -------
    Scorecard

    Raises
    ------
    InputError
        An unknown direction, or a numerator above its denominator.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 4, figure 4.6.

    Examples
    --------
    >>> rows = pd.DataFrame({"measure": ["HbA1c", "LDL"], "direction": ">=", "target": [0.81, 0.79],
    ...     "denominator": [44, 44], "numerator": [33, 36], "points_possible": [0.5, 0.5]})
    >>> found = scorecard(rows)
    >>> found.points, found.possible
    (0.5, 1.0)
    """
    rows = measures.reset_index(drop=True)
    for row in rows.itertuples():
        if row.direction not in _MEETS:
            raise InputError(
                f"scorecard: '{row.measure}': found '{row.direction}'; one of {', '.join(_MEETS)} is wanted"
            )
        if row.numerator > row.denominator:
            raise InputError(f"scorecard: '{row.measure}': found {row.numerator:g} of {row.denominator:g}")
    none = rows["denominator"] == 0
    share = rows["numerator"] / rows["denominator"].where(~none)
    result = share.fillna(rows["numerator"].where(rows["denominator"].isna()))
    if "result" in rows:
        result = result.fillna(rows["result"].where(~none))
    met = [bool(_MEETS[d](r, t)) for d, r, t in zip(rows["direction"], result, rows["target"], strict=True)]
    possible = rows["points_possible"].where(~none, 0.0)
    table = rows.assign(result=result, met=met, points=possible.where(met, 0.0), points_possible=possible)
    return Scorecard(table, float(table["points"].sum()), float(possible.sum()))
