"""Physicians against peers at their own mix: cost of care by episode or by member, and quality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from acomodel.claims.care.panels import panel_costs, referral_costs
from acomodel.claims.care.peers import PhysicianSettings, own_mix, standing
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.reliability import wilson_interval

__all__ = [
    "Profile",
    "check_measures",
    "cost_of_care",
    "cost_of_panels",
    "episode_cells",
    "panel_costs",
    "profile",
    "quality_of_care",
    "referral_costs",
]

Kind = Literal["episodes", "panels", "quality", "referrals"]
_UNITS = {"episodes": "Episodes", "panels": "Member months", "quality": "Opportunities", "referrals": "Member months"}


@dataclass(frozen=True, eq=False, repr=False)
class Profile(Shown):
    """
    Physicians against their peers at their own mix.

    Parameters
    ----------
    kind : {"episodes", "panels", "quality", "referrals"}
        What was compared.
    physicians : pandas.DataFrame
        By specialty and physician: sums, `ratio`, `reliability`, `shrunk`, `low`, `high`, `standing`; see
        `acomodel.claims.care.peers.standing`.
    cells : pandas.DataFrame
        One row per physician and cell, with `observed`, `expected`, `exposure`, `peer_rate`.
    by : tuple of str
        Columns that make a cell.
    spread : Series
        Standard deviation of the true ratios by specialty.
    rule : PhysicianSettings
        How they were compared.
    minimum : float
        Least exposure with which a physician is judged.
    """

    kind: Kind
    physicians: pd.DataFrame
    cells: pd.DataFrame
    by: tuple[str, ...]
    spread: pd.Series
    rule: PhysicianSettings
    minimum: float

    def summary(self, *levels: str) -> pd.DataFrame:
        """
        Exposure, observed and expected per unit of it, and their ratio, by physician and some of the cells' columns;
        and `members`, the patients of a cell or physician, of other sums the least that they can be.

        Parameters
        ----------
        *levels : str
            Columns of the cells, such as "condition"; none for the sum of each physician.
        """
        keys = ["specialty", "physician", *levels]
        groups = self.cells.groupby(keys, sort=True)
        sums = groups[["units", "exposure", "observed", "expected"]].sum()
        counted = "patients" in self.cells
        members = groups["patients" if levels else "panel"].max() if counted else sums["units"]
        return pd.DataFrame(
            {
                "units": sums["units"],
                "members": members,
                "exposure": sums["exposure"],
                "observed": sums["observed"] / sums["exposure"],
                "peers": sums["expected"] / sums["exposure"],
                "ratio": sums["observed"] / sums["expected"].where(sums["expected"] > 0),
            }
        )

    def exhibit(self) -> Exhibit:
        """Physicians with ratio, reliability, shrunk ratio, interval and standing."""
        found = self.physicians.reset_index()
        unit = _UNITS[self.kind]
        table = pd.DataFrame(
            {
                "Specialty": found["specialty"],
                unit: found["exposure"],
                "Observed": found["observed"] / found["exposure"],
                "Peers": found["expected"] / found["exposure"],
                "Ratio": found["ratio"],
                "Reliability": found["reliability"],
                "Shrunk": found["shrunk"],
                "Low": found["low"],
                "High": found["high"],
                "Standing": found["standing"],
            }
        ).set_index(pd.Index(found["physician"], name="Physician"))
        style = {"quality": "%", "episodes": "$"}.get(self.kind, "$.")
        formats = {unit: "#", "Observed": style, "Peers": style, "Reliability": "%"}
        formats |= dict.fromkeys(("Ratio", "Shrunk", "Low", "High"), "0.000")
        return Exhibit("Physicians against peers at their own mix", table, formats)


def episode_cells(episodes: pd.DataFrame, conditions: list[str] | None = None) -> pd.DataFrame:
    r"""
    Complete episodes that are no outliers, added up by physician, condition and severity.

    Parameters
    ----------
    episodes : pandas.DataFrame
        From `find_episodes` or `check_episodes`; those of no physician are left out.
    conditions : list of str, optional
        Conditions that count; all by default.

    Returns
    -------
    pandas.DataFrame
        `physician`, `specialty`, `condition`, `severity`, `units`, `exposure` (both episodes), `patients` of the cell
        and `panel` of the physician [patients], `observed` [$], `squares` [$ squared], `clustering`: how much more the
        sum of a physician's episodes varies than if each were of a patient of its own. [factor]

    Raises
    ------
    InputError
        A condition that no episode is of.

    Notes
    -----
    A sick patient is dear in one condition as in another, and year after year. With the dollars :math:`r` by which an
    episode differs from what a physician of that ratio would have, and patients :math:`p`, the clustering is
    :math:`\sum_p (\sum_{j \in p} r_j)^2 / \sum_j r_j^2`, at least 1.
    """
    rows = episodes[episodes["complete"].astype(bool) & ~episodes["outlier"].astype(bool)]
    rows = rows[rows["physician"].notna() & (rows["physician"].astype(str) != "")]
    if conditions:
        known = sorted(episodes["condition"].unique())
        for name in conditions:
            if name not in known:
                raise InputError(f"physicians.conditions: no episode of '{name}'; found {', '.join(known) or 'none'}.")
        rows = rows[rows["condition"].isin(conditions)]
    rows = rows.assign(specialty=rows["specialty"].fillna("").astype(str), squares=rows["cost"] ** 2, units=1)
    whose = rows["patient"] if "patient" in rows else pd.Series(range(len(rows)), index=rows.index)
    keys = ["physician", "specialty", "condition", "severity"]
    sums = (
        rows.assign(whose=whose)
        .groupby(keys, as_index=False)
        .agg(
            units=("units", "sum"), patients=("whose", "nunique"), observed=("cost", "sum"), squares=("squares", "sum")
        )
    )
    sums = sums.assign(panel=sums["physician"].map(whose.groupby(rows["physician"]).nunique()))
    return sums.assign(exposure=sums["units"].astype(float), clustering=_clustering(rows, sums))


def episode_counts(episodes: pd.DataFrame) -> pd.DataFrame:
    """
    Episodes by condition: how many are complete, outliers, compared, and what they cost.

    Parameters
    ----------
    episodes : pandas.DataFrame
        From `find_episodes` or `check_episodes`.

    Returns
    -------
    pandas.DataFrame
        `condition`, `episodes`, `complete`, `outliers` among these, `compared` (complete, no outlier, of a physician),
        `of_nobody`, `not_complete` [episodes], `patients` of complete ones that are no outliers, their `mean_cost` and
        `median_cost` [$].

    Examples
    --------
    >>> rows = pd.DataFrame({"condition": "CHF", "physician": ["A", "A", ""], "complete": [True, True, False],
    ...     "outlier": [False, True, False], "cost": [100.0, 900.0, 50.0]})
    >>> episode_counts(rows).iloc[0, 1:].astype(int).tolist()
    [3, 2, 1, 1, 0, 1, 1, 100, 100]
    """
    complete, outlier = episodes["complete"].astype(bool), episodes["outlier"].astype(bool)
    normal, whose = complete & ~outlier, episodes["physician"].fillna("") != ""
    parts = {
        "episodes": complete | True,
        "complete": complete,
        "outliers": complete & outlier,
        "compared": normal & whose,
        "of_nobody": normal & ~whose,
        "not_complete": ~complete,
    }
    sums = pd.DataFrame({name: part.groupby(episodes["condition"]).sum() for name, part in parts.items()})
    costs = episodes["cost"].where(normal).groupby(episodes["condition"])
    who = episodes["patient"] if "patient" in episodes else pd.Series(range(len(episodes)), index=episodes.index)
    patients = who.where(normal).groupby(episodes["condition"]).nunique()
    return (
        sums.assign(patients=patients, mean_cost=costs.mean(), median_cost=costs.median())
        .rename_axis("condition")
        .reset_index()
    )


CLUSTERED = 100
"""Episodes of a specialty from which on the clustering of its own patients is used; the others have that of all."""


def _clustering(rows: pd.DataFrame, cells: pd.DataFrame) -> pd.Series:
    """Variance of the sum of a patient's episodes over the sum of their variances, at least 1, by specialty."""
    if "patient" not in rows or rows.empty:
        return pd.Series(1.0, index=cells.index)
    expected = rows.groupby(["specialty", "condition", "severity"])["cost"].transform("mean")
    whose = [rows["specialty"], rows["physician"]]
    level = rows["cost"].groupby(whose).transform("sum") / expected.groupby(whose).transform("sum")
    rest = rows["cost"] - level * expected
    together = (rest.groupby([*whose, rows["patient"]]).sum() ** 2).groupby("specialty").sum()
    apart = (rest**2).groupby(rows["specialty"]).sum()
    own = (together / apart.where(apart > 0)).where(rows.groupby("specialty").size() >= CLUSTERED)
    every = together.sum() / apart.sum() if apart.sum() > 0 else 1.0
    return cells["specialty"].map(own.fillna(every).clip(lower=1.0))


def cost_of_care(
    cells: pd.DataFrame, rule: PhysicianSettings | None = None, *, rates: pd.Series | None = None
) -> Profile:
    r"""
    Cost of episodes by physician against peers of the specialty, at the physician's own mix.

    Parameters
    ----------
    cells : pandas.DataFrame
        From `episode_cells`.
    rule : PhysicianSettings, optional
        How they are compared.
    rates : Series, optional
        Peers' cost per episode by condition and severity; by default the mean of the specialty. [$ per episode]

    Returns
    -------
    Profile

    Raises
    ------
    InputError
        Nothing to compare, or no rate of peers for a cell.

    Notes
    -----
    Without `leave_one_out`, the dollars observed of a specialty's physicians add up to those expected of them.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3 appendix, table 7.

    Examples
    --------
    Hyperlipidemia of Dr. Jones in table 7:

    >>> cells = pd.DataFrame({"physician": ["Jones"], "specialty": "06", "condition": "Hyperlipidemia", "severity": 1,
    ...     "units": 22, "exposure": 22.0, "observed": 22 * 348.0, "squares": float("nan")})
    >>> peers = pd.Series({("Hyperlipidemia", 1): 536.0})
    >>> round(float(cost_of_care(cells, rates=peers).physicians["ratio"].iloc[0]), 2)
    0.65
    """
    rule = rule or PhysicianSettings()
    return profile("episodes", cells, ("condition", "severity"), rule, rule.minimum_episodes, "units", rates)


def cost_of_panels(panels: pd.DataFrame, rule: PhysicianSettings | None = None, *, year: int | None = None) -> Profile:
    """
    Cost of each physician's attributed members against peers of the specialty, at the panel's own age and sex.

    Parameters
    ----------
    panels : pandas.DataFrame
        From `panel_costs`.
    rule : PhysicianSettings, optional
        How they are compared.
    year : int, optional
        Calendar year; the latest by default. Years are not added up: a member's costs of two years go together, and
        intervals would be too narrow.

    Returns
    -------
    Profile
    """
    rule = rule or PhysicianSettings()
    chosen = panels["year"].max() if year is None else year
    rows = panels[panels["year"] == chosen]
    if rows.empty:
        raise InputError(f"panels: no member months of {chosen}" if len(panels) else "panels: no member months")
    cells = rows.rename(columns={"members": "units", "member_months": "exposure", "allowed": "observed"})
    return profile("panels", cells, ("cell",), rule, rule.minimum_member_months, "exposure", None)


def quality_of_care(
    results: pd.DataFrame, rule: PhysicianSettings | None = None, *, rates: pd.Series | None = None
) -> Profile:
    r"""
    Compliance with measures of quality by physician against peers, at the physician's own mix of opportunities.

    Parameters
    ----------
    results : pandas.DataFrame
        One row per physician and measure: `physician`, `specialty`, `measure`, `numerator`, `denominator`; where lower
        is better, `better` says "lower" and the rest of the denominator counts as compliant.
    rule : PhysicianSettings, optional
        How they are compared.
    rates : Series, optional
        Peers' compliance by measure; by default that of the specialty. [share]

    Returns
    -------
    Profile
        The ratio of each physician is the composite's: all that was complied with over what peers would have, at the
        same opportunities.

    Raises
    ------
    InputError
        A numerator below zero or above its denominator, no opportunities at all.

    Notes
    -----
    Opportunities of one patient go together, so that the composite is somewhat less reliable than it says.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3 appendix, p. 76 and table 4.

    Examples
    --------
    >>> rows = pd.DataFrame({"physician": ["Smith"] * 2, "specialty": "11", "measure": ["HbA1c", "LDL"],
    ...     "numerator": [90, 160], "denominator": [200, 200]})
    >>> found = quality_of_care(rows, rates=pd.Series({"HbA1c": 0.60, "LDL": 0.85}))
    >>> round(float(found.physicians["ratio"].iloc[0]), 3)
    0.862
    """
    rule = rule or PhysicianSettings()
    frame = check_measures(results).reset_index(drop=True)
    lower = frame["better"].eq("lower") if "better" in frame else pd.Series(False, index=frame.index)
    observed = frame["numerator"].where(~lower, frame["denominator"] - frame["numerator"]).astype(float)
    cells = pd.DataFrame(
        {
            "physician": frame["physician"],
            "specialty": frame["specialty"].fillna("").astype(str) if "specialty" in frame else "",
            "measure": frame["measure"],
            "units": frame["denominator"],
            "exposure": frame["denominator"].astype(float),
            "observed": observed,
            "squares": observed,
        }
    )
    cells = cells[cells["exposure"] > 0]
    found = profile("quality", cells, ("measure",), rule, rule.minimum_opportunities, "units", rates)
    low, high = wilson_interval(found.cells["observed"], found.cells["exposure"], rule.level)
    return Profile(**{**vars(found), "cells": found.cells.assign(low=low, high=high)})


def check_measures(results: pd.DataFrame, source: str = "measures") -> pd.DataFrame:
    """
    Results of measures as they are.

    Raises
    ------
    InputError
        A numerator below zero or above its denominator, or a measure with two directions.
    """
    if "better" in results:
        ways = results["better"].replace("", "higher").fillna("higher").groupby(results["measure"]).nunique()
        if (ways > 1).any():
            raise InputError(f"{source}: '{ways.index[ways > 1][0]}' is better higher in some rows, lower in others")
    bad = ~((results["numerator"] >= 0) & (results["numerator"] <= results["denominator"]))
    if bad.any():
        row = results[bad].iloc[0]
        raise InputError(
            f"{source}: '{row['measure']}' of {row['physician']}: found {row['numerator']:g} of "
            f"{row['denominator']:g}; a numerator from zero to its denominator is wanted"
        )
    return results


def profile(
    kind: Kind,
    cells: pd.DataFrame,
    by: tuple[str, ...],
    rule: PhysicianSettings,
    minimum: float,
    count: str,
    rates: pd.Series | None,
) -> Profile:
    """
    Compare physicians cell by cell; the column `count` must reach the minimum for one to be judged.

    Raises
    ------
    InputError
        Nothing to compare.
    """
    if cells.empty:
        raise InputError(f"physicians: no {kind} to compare")
    mixed = own_mix(cells, by, rates=rates, leave_one_out=rule.leave_one_out)
    if mixed.empty:
        raise InputError(f"physicians: no {kind} that another physician has too")
    physicians, spread = standing(mixed, rule, minimum, count=count)
    return Profile(kind, physicians, mixed.reset_index(drop=True), by, spread, rule, minimum)
