"""Predictive use of risk scores: the members to look at first, and how well scores predict costs held back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from acomodel.budget.factor_sets import member_months
from acomodel.budget.markers import aligned, marker_table, weight_table
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.privacy import printed, suppressed
from acomodel.rates import MONTHS, Numeric, trend_factor

TRUNCATION = 250_000.0
"""Amount per member and year above which costs do not count in the truncated R squared; assumed. [$]"""


@dataclass(frozen=True, eq=False, repr=False)
class HighRiskList(Shown):
    """
    Members of the highest predicted cost.

    Parameters
    ----------
    table : pandas.DataFrame
        In order of risk: `relative_risk`, `predicted_cost` [$ per year], `drivers`. Index "Member 1", …, or the
        members' identifiers where they were asked for.
    average_cost : float
        Predicted cost of an average member. [$ per year]
    """

    table: pd.DataFrame
    average_cost: float

    def to_frame(self) -> pd.DataFrame:
        """The list, unrounded."""
        return self.table.copy(deep=False)

    def exhibit(self) -> Exhibit:
        """The list, closed by the average of all members."""
        last = pd.DataFrame(
            {"relative_risk": 1.0, "predicted_cost": self.average_cost, "drivers": ""}, index=["All members"]
        )
        names = {
            "relative_risk": "Relative risk",
            "predicted_cost": "Predicted annual cost",
            "drivers": "Primary risk drivers",
        }
        table = pd.concat([self.table, last]).rename(columns=names).rename_axis("Member")
        formats = {"Relative risk": "0.000", "Predicted annual cost": "$"}
        return Exhibit("Members of highest predicted cost", table, formats)


def risk_drivers(markers: pd.DataFrame, weights: pd.Series, *, most: int = 3) -> pd.Series:
    """
    Words for what drives each member's score: its heaviest markers.

    Parameters
    ----------
    markers : pandas.DataFrame
        Members by markers, or long with `member` and `marker`.
    weights : pandas.Series
        Weight of each marker in one model; markers without one do not count. [relative risk]
    most : int
        Markers named, at most. [count]

    Returns
    -------
    pandas.Series of str
        By member, heaviest first; empty where no marker adds to the score.

    Examples
    --------
    >>> long = pd.DataFrame({"member": "a", "marker": ["Asthma", "CHF"]})
    >>> risk_drivers(long, pd.Series({"Asthma": 0.4, "CHF": 2.8}))["a"]
    'CHF, Asthma'
    """
    table = marker_table(markers)
    parts = table.to_numpy() * weight_table(weights).iloc[:, 0].reindex(table.columns).fillna(0.0).to_numpy()
    order = np.argsort(-parts, axis=1, kind="stable")[:, :most]
    words = [", ".join(str(table.columns[m]) for m in own if parts[row, m] > 0) for row, own in enumerate(order)]
    return pd.Series(words, index=table.index, dtype=object)


def high_risk_list(
    scores: pd.Series,
    drivers: pd.Series | None = None,
    *,
    top: int = 20,
    average_cost: float,
    average_score: float = 1.0,
    identify: bool = False,
) -> HighRiskList:
    r"""
    List the members of highest predicted cost.

    Parameters
    ----------
    scores : pandas.Series
        Relative risk by member. [factor]
    drivers : pandas.Series of str, optional
        What drives each member's risk, as `risk_drivers` words it.
    top : int
        Members listed. [members]
    average_cost : float
        Cost of an average member. [$ per year]
    average_score : float
        Score of an average member; the mean of the scores of the whole population where they do not average 1. [factor]
    identify : bool
        Whether the list names members by identifier; by rank otherwise, so that identifiers stay in the data.

    Returns
    -------
    HighRiskList

    Raises
    ------
    InputError
        A score that is missing, a member who stands twice, or a count, cost or average that is not above zero.

    Notes
    -----
    .. math:: \hat c_i = \bar c \, R_i / \bar R

    Equal scores are ordered by identifier.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3 appendix, table 3, p. 73.

    Examples
    --------
    >>> scores = pd.Series({"x17": 81.0, "x04": 87.5, "x99": 0.4})
    >>> high_risk_list(scores, top=2, average_cost=2_500).table["predicted_cost"].to_dict()
    {'Member 1': 218750.0, 'Member 2': 202500.0}
    """
    for what, value in (("members listed", top), ("average cost", average_cost), ("average score", average_score)):
        if not value > 0:
            raise InputError(f"high-risk list: {what} {value:g}; above zero is wanted")
    values = aligned(scores, scores.index, "risk scores")
    order = np.lexsort([scores.index.astype(str).to_numpy(dtype=object), -values])[: int(top)]
    relative = values[order] / average_score
    words = [""] * len(order) if drivers is None else drivers.reindex(scores.index[order]).fillna("").tolist()
    table = pd.DataFrame(
        {"relative_risk": relative, "predicted_cost": relative * average_cost, "drivers": words},
        index=scores.index[order] if identify else [f"Member {rank}" for rank in range(1, len(order) + 1)],
    )
    return HighRiskList(table, average_cost)


def hold_back(members: pd.Index, share: float = 0.3, *, seed: int = 1) -> pd.Series:
    """
    Draw the members who are held back from a fit.

    Parameters
    ----------
    members : pandas.Index
        Members; their order does not matter.
    share : float
        Share held back. [share]
    seed : int
        Seed of the draw.

    Returns
    -------
    pandas.Series of bool
        True for a member who is held back.

    Raises
    ------
    InputError
        A share that leaves nobody on one side.

    Examples
    --------
    >>> int(hold_back(pd.RangeIndex(10), 0.3).sum())
    3
    """
    count = round(share * len(members)) if 0 < share < 1 else 0
    if not 0 < count < len(members):
        raise InputError(f"held-back share {share:g} of {len(members)} members leaves nobody on one side")
    sorted_members = np.argsort(members.astype(str).to_numpy(dtype=object), kind="stable")
    chosen = np.random.default_rng(seed).permutation(len(members))[:count]
    held = np.zeros(len(members), dtype=bool)
    held[sorted_members[chosen]] = True
    return pd.Series(held, index=members)


@dataclass(frozen=True, eq=False, repr=False)
class PredictiveCheck(Shown):
    """
    How well models predict the costs of members held back.

    Parameters
    ----------
    summary : pandas.DataFrame
        One row per model: `r_squared`, `r_squared_truncated`, `mean_absolute_error` [share of mean cost],
        `predictive_ratio` over all held back.
    deciles : pandas.DataFrame
        Index model and decile of predicted cost: `members`, `months`, `predicted` and `actual` [$ PMPM],
        `predictive_ratio`.
    groups : pandas.DataFrame
        The same by model and group of members.
    members, fitted : int
        Members held back, and members on whom the level was set. [members]
    truncation : float
        Amount above which costs do not count in the truncated R squared. [$ per year]
    """

    summary: pd.DataFrame
    deciles: pd.DataFrame
    groups: pd.DataFrame
    members: int
    fitted: int
    truncation: float

    def to_frame(self) -> pd.DataFrame:
        """The models, unrounded."""
        return self.summary.copy(deep=False)

    def exhibit(self) -> Exhibit:
        """Models side by side."""
        names = {
            "r_squared": "R squared",
            "r_squared_truncated": "R squared, truncated",
            "mean_absolute_error": "Mean absolute error",
            "predictive_ratio": "Predictive ratio",
        }
        formats = {
            "R squared": "%",
            "R squared, truncated": "%",
            "Mean absolute error": "%",
            "Predictive ratio": "0.000",
        }
        note = (
            f"{self.members:,} members held back; levels set on {self.fitted:,} others. Truncated at "
            f"${self.truncation:,.0f} a year. Errors in shares of the mean cost."
        )
        table = self.summary.rename(columns=names).rename_axis("Model")
        return Exhibit("Prediction of costs held back", table, formats, note)

    def ratios(self, by: str = "deciles") -> Exhibit:
        """Predictive ratios by "deciles" or "groups"; those of 1 to 10 members are not shown."""
        table = self.groups if by == "groups" else self.deciles
        table = table[table["members"] > 0]
        few = suppressed(table["members"])
        shown = pd.DataFrame({"Members": printed(table["members"], few)})
        for column, words in (
            ("predicted", "Predicted"),
            ("actual", "Actual"),
            ("predictive_ratio", "Predictive ratio"),
        ):
            shown[words] = table[column].mask(few)
        shown.index = pd.Index([f"{model}: {part}" for model, part in table.index], name="Model and part")
        formats = {"Predicted": "$.", "Actual": "$.", "Predictive ratio": "0.000"}
        return Exhibit(f"Predictive ratios by {by}", shown, formats, "Predicted over actual PMPM of members held back.")


def predictive_check(
    predicted: pd.Series | pd.DataFrame,
    actual: pd.Series,
    months: pd.Series | float,
    groups: pd.DataFrame | Mapping[str, pd.Series] | None = None,
    *,
    holdout: pd.Series | float = 0.3,
    seed: int = 1,
    truncation: float = TRUNCATION,
) -> PredictiveCheck:
    r"""
    Check predictions of cost against the costs of members held back.

    Weights must have been fitted without those members: draw them with `hold_back`, fit on the others, and hand the
    same draw in as `holdout`.

    Parameters
    ----------
    predicted : pandas.Series or DataFrame
        Predicted cost or relative risk by member, any scale; one column per model, such as prospective beside age
        and sex alone.
    actual : pandas.Series
        Cost of each member over its months in the period predicted. [$]
    months : pandas.Series or float
        Exposure in that period, above zero. [member months]
    groups : pandas.DataFrame or mapping of str to Series of bool, optional
        Members of each condition or group; a member may be in several.
    holdout : pandas.Series of bool or float
        Members held back, or the share of them to draw. [share]
    seed : int
        Seed of that draw.
    truncation : float
        Amount per member and year above which costs do not count in the truncated R squared. [$]

    Returns
    -------
    PredictiveCheck

    Raises
    ------
    InputError
        Members without a figure, nobody on one side, or predictions or costs that add up to nothing.

    Notes
    -----
    Each prediction is scaled so that its average over the members not held back is their average cost. Of those held
    back, with cost per month :math:`y`, prediction :math:`\hat y` and months :math:`m`,

    .. math:: R^2 = 1 - \frac{\sum m (y - \hat y)^2}{\sum m (y - \bar y)^2}, \qquad
        MAE = \frac{\sum m |y - \hat y|}{\sum m y}, \qquad PR = \frac{\sum m \hat y}{\sum m y}

    The truncated :math:`R^2` takes cost at the truncation and scales the prediction to the truncated average. Deciles
    are of members by predicted cost; equal predictions share a decile.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3 appendix, pp. 70-71.
    .. [2] G. Hileman and S. Steele, "Accuracy of Claims-Based Risk Scoring Models," Society of Actuaries, 2016:
       R squared, mean absolute error and predictive ratios, costs truncated at $250,000.

    Examples
    --------
    >>> cost = pd.Series(np.tile([1200.0, 2400.0, 6000.0, 2400.0], 10))
    >>> check = predictive_check(pd.DataFrame({"perfect": cost, "none": 1.0}), cost, 12, seed=4)
    >>> check.summary["r_squared"].round(2).to_dict()["perfect"]
    1.0
    """
    models = predicted.to_frame("model") if isinstance(predicted, pd.Series) else predicted
    members = models.index
    held = hold_back(members, holdout, seed=seed) if isinstance(holdout, (int, float)) else holdout
    out = aligned(held, members, "held back") > 0
    if not 0 < out.sum() < len(out):
        raise InputError(f"held back: {out.sum():,} of {len(out):,} members; some on either side are wanted")
    exposure = member_months(aligned(months, members, "months") if isinstance(months, pd.Series) else months, len(out))
    if not (exposure > 0).all():
        raise InputError(f"months: member '{members[int(np.argmin(exposure))]}' has no exposure; leave it out")
    if not truncation > 0:
        raise InputError(f"truncation: found ${truncation:,.0f} a year; above zero is wanted")
    cost = aligned(actual, members, "actual cost") / exposure
    short = np.minimum(cost, truncation / MONTHS)
    given = {} if groups is None else dict(groups)
    parts = {str(name): aligned(own, members, f"group '{name}'")[out] > 0 for name, own in given.items()}
    rows: dict[str, dict[str, float]] = {}
    deciles: dict[tuple[str, str | int], list[float]] = {}
    by_group: dict[tuple[str, str | int], list[float]] = {}
    for column in models:
        name = str(column)
        score = aligned(models[column], members, f"prediction '{name}'")
        full = _levelled(score, cost, exposure, out, name)
        level = _levelled(score, short, exposure, out, name)
        y, p, m = cost[out], full[out], exposure[out]
        rows[name] = {
            "r_squared": _r_squared(y, p, m),
            "r_squared_truncated": _r_squared(short[out], level[out], m),
            "mean_absolute_error": float(trend_factor((m * np.abs(y - p)).sum(), (m * y).sum())),
            "predictive_ratio": float(trend_factor((m * p).sum(), (m * y).sum())),
        }
        tenth = np.ceil(pd.Series(p).rank(pct=True).to_numpy() * 10 - 1e-9).astype(int)
        for decile in range(1, 11):
            deciles[name, decile] = _part(y, p, m, tenth == decile)
        for part, own in parts.items():
            by_group[name, part] = _part(y, p, m, own)
    columns = ["members", "months", "predicted", "actual", "predictive_ratio"]
    return PredictiveCheck(
        pd.DataFrame.from_dict(rows, orient="index"),
        _frame(deciles, columns, "decile"),
        _frame(by_group, columns, "group"),
        int(out.sum()),
        int((~out).sum()),
        truncation,
    )


def _levelled(score: np.ndarray, cost: np.ndarray, months: np.ndarray, out: np.ndarray, name: str) -> np.ndarray:
    """Predictions scaled to the average cost of the members not held back."""
    known, fitted = (cost * months)[~out].sum(), (score * months)[~out].sum()
    if not (known > 0 and fitted > 0):
        raise InputError(f"prediction '{name}': costs or predictions of members not held back add up to nothing")
    return score * (known / fitted)


def _r_squared(y: np.ndarray, p: np.ndarray, m: np.ndarray) -> float:
    """Share of variance explained, weighted; NaN where costs do not vary."""
    spread = (m * (y - (m * y).sum() / m.sum()) ** 2).sum()
    return float(trend_factor(spread - (m * (y - p) ** 2).sum(), spread))


def _part(y: np.ndarray, p: np.ndarray, m: np.ndarray, own: Numeric) -> list[float]:
    """Members, months, predicted and actual PMPM and their ratio, of part of the members."""
    months, predicted, actual = m[own].sum(), (m * p)[own].sum(), (m * y)[own].sum()
    return [
        int(own.sum()),
        months,
        float(trend_factor(predicted, months)),
        float(trend_factor(actual, months)),
        float(trend_factor(predicted, actual)),
    ]


def _frame(rows: Mapping[tuple[str, str | int], list[float]], columns: list[str], part: str) -> pd.DataFrame:
    """Rows by model and part."""
    index = pd.MultiIndex.from_tuples(list(rows), names=["model", part]) if rows else None
    return pd.DataFrame(list(rows.values()), columns=columns, index=index)
