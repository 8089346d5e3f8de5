"""Risk markers and weights: scores of any additive model, how they come about, and weights from own costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from acomodel.budget.factor_sets import member_months
from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError, nearest
from acomodel.privacy import printed, suppressed

TOTAL = "Total risk score"


def marker_table(markers: pd.DataFrame) -> pd.DataFrame:
    """
    Markers as one row per member and one column per marker.

    Parameters
    ----------
    markers : pandas.DataFrame
        Either that already, members in the index, markers true, false or a number; or long, with the columns `member`
        and `marker` and optionally `value`. A marker listed twice for a member without a value counts once.

    Returns
    -------
    pandas.DataFrame
        Members by markers, as numbers.

    Raises
    ------
    InputError
        A member or marker that stands twice, or a value that is not a number.

    Examples
    --------
    >>> long = pd.DataFrame({"member": ["a", "a", "b"], "marker": ["CHF", "CHF", "Asthma"]})
    >>> marker_table(long).to_dict("index")
    {'a': {'CHF': 1.0, 'Asthma': 0.0}, 'b': {'CHF': 0.0, 'Asthma': 1.0}}
    """
    if {"member", "marker"} <= set(markers.columns):
        strange = [str(c) for c in markers.columns if c not in ("member", "marker", "value")]
        if strange:
            raise InputError(f"markers: unknown column '{strange[0]}'; member, marker and value are wanted")
        missing = markers[["member", "marker"]].isna().any(axis=1)
        if missing.any():
            raise InputError(f"markers: row {int(np.flatnonzero(missing)[0]) + 1} lacks its member or marker")
        twice = markers.duplicated(["member", "marker"])
        if "value" in markers and twice.any():
            row = markers[twice].iloc[0]
            raise InputError(f"markers: '{row['marker']}' of member '{row['member']}' has two values; one is wanted")
        rows = markers[~twice]
        member, members = pd.factorize(rows["member"])
        marker, names = pd.factorize(rows["marker"])
        values = np.zeros((len(members), len(names)))
        values[member, marker] = _numbers(rows["value"]) if "value" in rows else 1.0
        table = pd.DataFrame(values, index=members, columns=names)
    else:
        for what, labels in (("member", markers.index), ("marker", markers.columns)):
            if labels.has_duplicates:
                raise InputError(f"markers: the {what} '{labels[labels.duplicated()][0]}' stands twice")
        table = pd.DataFrame({name: _numbers(markers[name]) for name in markers}, index=markers.index)
    bad = ~np.isfinite(table.to_numpy(dtype=float))
    if bad.any():
        member, marker = (int(where[0]) for where in np.nonzero(bad))
        raise InputError(f"markers: '{table.columns[marker]}' of member '{table.index[member]}' has no value")
    return table


def _numbers(values: pd.Series) -> np.ndarray:
    """Values as floats; text is refused."""
    try:
        return values.to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError):
        raise InputError(f"markers: '{values.name}' holds '{values.iloc[0]}'; numbers or yes/no are wanted") from None


def weight_table(weights: pd.Series | pd.DataFrame) -> pd.DataFrame:
    """
    Weights as one row per marker and one column per model.

    Parameters
    ----------
    weights : pandas.Series or DataFrame
        Markers in the index; models in the columns of a frame. A missing weight is a marker that the model does
        not know. [relative risk]

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    InputError
        A marker that stands twice, or a weight that is not a finite number.

    Examples
    --------
    >>> weight_table(pd.Series({"Ulcer": 1.231}, name="retrospective")).columns.tolist()
    ['retrospective']
    """
    table = weights.to_frame("risk" if weights.name is None else weights.name) if weights.ndim == 1 else weights
    if table.index.has_duplicates:
        raise InputError(f"weights: the marker '{table.index[table.index.duplicated()][0]}' stands twice")
    try:
        table = table.astype(float)
    except (TypeError, ValueError) as error:
        raise InputError(f"weights: not a number ({error})") from None
    if np.isinf(table.to_numpy()).any():
        raise InputError("weights: found an infinite weight; finite ones are wanted")
    return table


def _known(table: pd.DataFrame, weights: pd.DataFrame) -> pd.DataFrame:
    """Weights of the markers that members have; a marker without any weight is refused."""
    for marker in table.columns:
        if marker not in weights.index:
            hint = nearest(str(marker), list(map(str, weights.index)))
            raise InputError(f"markers: '{marker}' has no weight in any model.{hint}")
    return weights.loc[table.columns]


def risk_scores(markers: pd.DataFrame, weights: pd.Series | pd.DataFrame) -> pd.Series | pd.DataFrame:
    r"""
    Risk scores of members: the sum of the weights of their markers.

    Parameters
    ----------
    markers : pandas.DataFrame
        Members by markers, or long with `member` and `marker`; see `marker_table`.
    weights : pandas.Series or DataFrame
        Weight of each marker, in one column per model: retrospective, prospective, age and sex, … A missing weight
        counts nothing. [relative risk]

    Returns
    -------
    pandas.Series or DataFrame
        Score by member: a Series for one model given as a Series, else one column per model. [relative risk]

    Raises
    ------
    InputError
        A marker without a weight in any model, or figures that cannot be used.

    Notes
    -----
    .. math:: Risk_i = \sum_m Wt_m \, Marker_{i,m}

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3 appendix, equation 1, p. 70, and table 1, p. 72.

    Examples
    --------
    The retrospective score of the woman of 35 in table 1:

    >>> weights = pd.Series({"Nerve inflammation": 0.767, "Normal pregnancy": 2.253, "Females, 35 to 44": 0.0})
    >>> member = pd.DataFrame({"member": "F35", "marker": weights.index})
    >>> risk_scores(member, weights).round(3).to_dict()
    {'F35': 3.02}
    """
    table = marker_table(markers)
    known = _known(table, weight_table(weights)).fillna(0.0)
    scores = pd.DataFrame(table.to_numpy() @ known.to_numpy(), index=table.index, columns=known.columns)
    return scores if weights.ndim == 2 else scores.iloc[:, 0].rename(weights.name)


def explain(markers: pd.DataFrame, weights: pd.Series | pd.DataFrame) -> pd.DataFrame:
    """
    How each member's score comes about: its markers, their contributions, and the total.

    Parameters
    ----------
    markers : pandas.DataFrame
        Members by markers, or long with `member` and `marker`; see `marker_table`.
    weights : pandas.Series or DataFrame
        Weight of each marker, in one column per model. [relative risk]

    Returns
    -------
    pandas.DataFrame
        Index member and marker, in the order given, each member closed by "Total risk score"; one column per
        model, NaN where the model does not know the marker. [relative risk]

    Raises
    ------
    InputError
        As `risk_scores`.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3 appendix, table 1, p. 72.

    Examples
    --------
    >>> weights = pd.DataFrame({"prospective": [0.36, 0.326], "age_sex": [np.nan, 0.495]}, index=["Asthma", "F 12-18"])
    >>> explain(pd.DataFrame({"member": "F14", "marker": ["Asthma", "F 12-18"]}), weights).loc["F14"].round(3)
                      prospective  age_sex
    marker
    Asthma                  0.360      NaN
    F 12-18                 0.326    0.495
    Total risk score        0.686    0.495
    """
    table = marker_table(markers)
    known = _known(table, weight_table(weights))
    has, which = np.nonzero(table.to_numpy())
    parts = known.to_numpy()[which] * table.to_numpy()[has, which][:, None]
    totals = table.to_numpy() @ known.fillna(0.0).to_numpy()
    order = np.argsort(np.concatenate([has, np.arange(len(table))]), kind="stable")
    labels = [*(table.columns[m] for m in which), *[TOTAL] * len(table)]
    owners = [*table.index[has], *table.index]
    index = pd.MultiIndex.from_arrays([owners, labels], names=["member", "marker"])
    return pd.DataFrame(np.vstack([parts, totals]), index=index, columns=known.columns).iloc[order]


@dataclass(frozen=True, eq=False, repr=False)
class MarkerWeights(Shown):
    """
    Weights fitted to members' costs, on the scale where the population's mean risk is 1.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per marker: `members` who have it and its `weight`. [relative risk]
    mean_cost : float
        Cost that a risk of 1 stands for. [$ PMPM]
    r_squared : float
        Share of the variance of cost per month that the fit explains where it was fitted.
    method : str
        How the weights were fitted.
    """

    table: pd.DataFrame
    mean_cost: float
    r_squared: float
    method: str

    @property
    def weights(self) -> pd.Series:
        """Weight of each marker. [relative risk]"""
        return self.table["weight"]

    def to_frame(self) -> pd.DataFrame:
        """Weights and members, unrounded."""
        return self.table.copy(deep=False)

    def exhibit(self) -> Exhibit:
        """Weights; markers of 1 to 10 members are not counted out."""
        counts = self.table["members"]
        table = self.table.assign(members=printed(counts, suppressed(counts)))
        table = table.rename(columns={"members": "Members", "weight": "Weight"}).rename_axis("Marker")
        note = f"Risk 1 is ${self.mean_cost:,.2f} PMPM; R squared {self.r_squared:.3f} where it was fitted."
        return Exhibit(f"Risk weights: {self.method}", table, {"Weight": "0.000"}, note)


def fit_weights(
    markers: pd.DataFrame,
    costs: pd.Series,
    months: pd.Series | float,
    *,
    penalty: float = 0.0,
    nonnegative: bool = False,
) -> MarkerWeights:
    r"""
    Fit the weights of markers to members' costs.

    Costs of the same period as the markers give a concurrent model, costs of the next period a prospective one.
    There is no intercept: cells of age and sex among the markers carry the level.

    Parameters
    ----------
    markers : pandas.DataFrame
        Members by markers, or long with `member` and `marker`; see `marker_table`.
    costs : pandas.Series
        Cost of each member over its months, by member. [$]
    months : pandas.Series or float
        Exposure of each member, above zero. [member months]
    penalty : float
        Ridge penalty on the squared weights, at least zero; 0 is least squares. [member years]
    nonnegative : bool
        Whether no weight may fall below zero.

    Returns
    -------
    MarkerWeights

    Raises
    ------
    InputError
        Members without cost or exposure, a marker that nobody has, markers of which one follows from the others
        where there is no penalty, or costs whose fit is not above zero.

    Notes
    -----
    With cost per month over its average :math:`y_i` and months :math:`m_i`,

    .. math:: \min_\beta \sum_i \frac{m_i}{12} \left( y_i - x_i^\top \beta \right)^2 + \lambda \lVert \beta \rVert^2

    and the weights are scaled so that the average risk over the months is 1.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3 appendix, pp. 70-71.
    .. [2] A. E. Hoerl and R. W. Kennard, "Ridge Regression," Technometrics 12, 1970, pp. 55-67.
    .. [3] C. L. Lawson and R. J. Hanson, Solving Least Squares Problems, 1974, chapter 23.

    Examples
    --------
    >>> has = pd.DataFrame({"Adult": [1, 1, 1, 1], "CHF": [0, 0, 1, 1]}, index=list("abcd"))
    >>> fit = fit_weights(has, pd.Series([1.0, 3.0, 6.0, 6.0], index=list("abcd")) * 1200, 12)
    >>> fit.weights.round(6).to_dict(), round(fit.mean_cost, 6)
    ({'Adult': 0.5, 'CHF': 1.0}, 400.0)
    """
    from scipy.optimize import nnls

    table = marker_table(markers)
    exposure = aligned(months, table.index, "months") if isinstance(months, pd.Series) else months
    exposure = member_months(exposure, len(table))
    cost = aligned(costs, table.index, "costs")
    if not (exposure > 0).all():
        raise InputError(f"members: '{table.index[int(np.argmin(exposure))]}' has no exposure; leave it out")
    if not cost.sum() > 0:
        raise InputError(f"members: costs add up to ${cost.sum():,.0f}; above zero is wanted")
    if not penalty >= 0:
        raise InputError(f"ridge: found a penalty of {penalty:g}; at least zero is wanted")
    design = table.to_numpy()
    count = (design != 0).sum(axis=0)
    if not count.all():
        raise InputError(f"markers: nobody has '{table.columns[int(np.argmin(count))]}'; leave it out")
    mean = float(cost.sum() / exposure.sum())
    relative = cost / exposure / mean
    root = np.sqrt(exposure / 12)
    rows, target = design * root[:, None], relative * root
    if penalty:
        rows = np.vstack([rows, np.sqrt(penalty) * np.eye(design.shape[1])])
        target = np.concatenate([target, np.zeros(design.shape[1])])
    width = design.shape[1]
    triangle: Any = np.linalg.qr(np.column_stack([rows, target]), mode="r")[:width]
    if np.linalg.matrix_rank(triangle[:, :width]) < width:
        raise InputError(
            f"markers: '{_dependent(table)}' follows from the other markers; leave it out or set a penalty"
        )
    solve = nnls if nonnegative else np.linalg.lstsq
    beta = solve(triangle[:, :width], triangle[:, width])[0]
    level = float((design @ beta * exposure).sum() / exposure.sum())
    if not level > 0:
        raise InputError(f"markers: the fitted risk averages {level:g}; above zero is wanted")
    weights = beta / level
    spread = float((exposure * (relative - 1) ** 2).sum())
    left = float((exposure * (relative - design @ weights) ** 2).sum())
    words = ("ridge" if penalty else "least squares") + (", none below zero" if nonnegative else "")
    result = pd.DataFrame({"members": count, "weight": weights}, index=table.columns.rename("marker"))
    return MarkerWeights(result, mean, 1 - left / spread if spread > 0 else float("nan"), words)


def aligned(values: pd.Series, members: pd.Index, what: str) -> np.ndarray:
    """Values in the order of the members, as floats; a member without one is refused."""
    if values.index.has_duplicates:
        raise InputError(f"{what}: the member '{values.index[values.index.duplicated()][0]}' stands twice")
    found = values.reindex(members).to_numpy(dtype=float)
    if not np.isfinite(found).all():
        raise InputError(f"{what}: nothing for member '{members[int(np.argmin(np.isfinite(found)))]}'")
    return found


def _dependent(table: pd.DataFrame) -> str:
    """First marker that adds nothing to those before it."""
    triangle: Any = np.linalg.qr(table.to_numpy(), mode="r")
    for last in range(1, table.shape[1] + 1):
        if np.linalg.matrix_rank(triangle[:, :last]) < last:
            return str(table.columns[last - 1])
    return str(table.columns[-1])
