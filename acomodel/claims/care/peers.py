"""Physicians against their peers at their own mix: what was observed, what peers would have had, what is sure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as settings

from acomodel.inputs import InputError
from acomodel.reliability import reliability, shrunk

BELOW, ABOVE, ALIKE = "below peers", "above peers", "not told apart"
FEW, UNRELIABLE, NO_PEERS = "too few", "too little reliability", "no peers"
"""Where a physician stands against peers; the last four are no judgment of the physician."""
OWN_VARIANCE = 10
"""Physicians of a specialty from which on it has a variance of its own; the others share that of all."""


@settings(frozen=True, config=ConfigDict(extra="forbid", strict=True))
class PhysicianSettings:
    """How physicians are compared with their peers, those of their own specialty."""

    conditions: list[str] = Field(default_factory=list, description="conditions compared; all by default")
    minimum_episodes: int = Field(
        default=20, ge=1, description="episodes below which a physician is not judged by them [episodes]"
    )
    minimum_opportunities: int = Field(
        default=20, ge=1, description="opportunities below which a physician's quality is not judged [opportunities]"
    )
    minimum_member_months: float = Field(
        default=1000.0, ge=0, description="panel below which a physician is not judged by it [member months]"
    )
    minimum_reliability: float = Field(
        default=0.7, ge=0, lt=1, description="reliability below which a physician is not judged [share]"
    )
    minimum_peers: int = Field(
        default=3, ge=2, description="physicians of a specialty, below which none of them is judged [physicians]"
    )
    level: float = Field(default=0.9, gt=0, lt=1, description="level of the intervals [share]")
    leave_one_out: bool = Field(
        default=False, description="whether a physician's own cases are left out of the peers' mean"
    )
    episodes: str | None = Field(default=None, description="table of episodes, instead of those found in claims")
    measures: str | None = Field(
        default=None, description="table of results of measures by physician, instead of those from claims"
    )


def own_mix(
    cells: pd.DataFrame, by: Sequence[str], *, rates: pd.Series | None = None, leave_one_out: bool = False
) -> pd.DataFrame:
    r"""
    What peers would have had at each physician's own mix (indirect standardisation), cell by cell.

    Parameters
    ----------
    cells : pandas.DataFrame
        One row per physician and cell: `physician`, `specialty` (the peers), the columns `by`, `exposure` (episodes,
        member months, opportunities), `observed` (dollars, successes), `units` (cases), `squares`: sum over cases of
        what was observed, squared, over the exposure of the case; NaN where it is not known. Optional `clustering`:
        factor on the variance where cases are of the same patients.
    by : sequence of str
        Columns that make a cell: condition and severity, age and sex, measure.
    rates : Series, optional
        Peers' rate by the columns `by`, or by specialty and them; by default the mean of all in the specialty.
    leave_one_out : bool
        Whether the peers' mean leaves the physician out.

    Returns
    -------
    pandas.DataFrame
        The same rows with `peer_rate`, `expected` and `error`: the variance of what is observed about what is
        expected of the physician. A cell in which nobody else has cases is dropped with `leave_one_out`.

    Raises
    ------
    InputError
        An exposure that is not above zero, a row that stands twice, or peers' rates that lack a cell.

    Notes
    -----
    With exposure :math:`w`, cell :math:`c`, physician :math:`i` and cases :math:`j` of observed :math:`x`:

    .. math:: m_c = \frac{\sum_{ij} x_{ijc}}{\sum_{ij} w_{ijc}}, \qquad E_i = \sum_c w_{ic} m_c, \qquad
        \mathrm{var}(O_i) = \sum_c w_{ic} s_c^2, \qquad
        s_c^2 = \frac{\sum_{ij} x_{ijc}^2 / w_{ijc} - \sum_i O_{ic}^2 / w_{ic}}{n_c - k_c}

    :math:`s_c^2` is the variance within physicians, of :math:`n_c` cases of :math:`k_c` physicians; where each has one
    case, that about the peers' mean; where there is one case in all, as the specialty's others over their squared
    means. Taking it from all of them keeps a physician who happens to have had even cases
    from seeming sure.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3 appendix, p. 82.
    .. [2] Adams et al., NEJM 362, 2010 (PMC2878194): observed over expected at one's own mix.

    Examples
    --------
    >>> cells = pd.DataFrame({"physician": ["A", "A", "B"], "specialty": "06", "severity": [1, 2, 1],
    ...     "exposure": [10, 5, 30], "observed": [1000.0, 900.0, 2000.0], "units": [10, 5, 30]})
    >>> cells["squares"] = float("nan")
    >>> own_mix(cells, ["severity"])["expected"].tolist()
    [750.0, 900.0, 2250.0]
    """
    by = list(by)
    group = ["specialty", *by]
    if not (cells["exposure"] > 0).all():
        raise InputError("cells: an exposure above zero is wanted in every row")
    if cells.duplicated(["physician", *group]).any():
        raise InputError("cells: a physician has two rows of one cell; one row each is wanted")
    sums = cells.groupby(group)[["exposure", "observed", "units", "squares"]].transform("sum")
    count = cells.groupby(group)["physician"].transform("size")
    known = cells.groupby(group)["squares"].transform(lambda s: s.notna().all())
    own = cells["observed"] ** 2 / cells["exposure"]
    explained = own.groupby([cells[k] for k in group]).transform("sum")
    about = sums["observed"] ** 2 / sums["exposure"]
    within = (sums["squares"] - explained) / (sums["units"] - count).where(sums["units"] > count)
    alone = (sums["squares"] - about) / (sums["units"] - 1).where(sums["units"] > 1)
    mean = sums["observed"] / sums["exposure"]
    variance = within.fillna(alone).clip(lower=0)
    variance = variance.fillna(_usual(cells, variance, sums["units"] - count, mean) * mean**2).where(known)
    exposure, observed = sums["exposure"], sums["observed"]
    if leave_one_out:
        exposure, observed = exposure - cells["exposure"], observed - cells["observed"]
    if rates is None:
        rate = observed / exposure.where(exposure > 0)
    else:
        keys = group if rates.index.nlevels == len(group) else by
        index = pd.MultiIndex.from_frame(cells[keys]) if len(keys) > 1 else pd.Index(cells[keys[0]])
        rate = pd.Series(rates.reindex(index).to_numpy(dtype=float), index=cells.index)
        if rate.isna().any():
            at = cells.loc[rate.isna(), keys].iloc[0]
            raise InputError(f"peers: no rate for {', '.join(f'{k} {v}' for k, v in at.items())}")
    error = variance * cells["exposure"] * cells.get("clustering", 1.0)
    frame = cells.assign(peer_rate=rate, expected=rate * cells["exposure"], error=error)
    return frame[frame["peer_rate"].notna()]


def _usual(cells: pd.DataFrame, variance: pd.Series, freedom: pd.Series, mean: pd.Series) -> pd.Series:
    """Variance over the squared mean as it is in the cells of a specialty, for a cell of one case."""
    weight = freedom.clip(lower=1).where(variance.notna() & (mean > 0))
    relative = (variance / mean.where(mean > 0) ** 2) * weight
    of = cells["specialty"]
    own = relative.groupby(of).transform("sum") / weight.groupby(of).transform("sum").replace(0.0, np.nan)
    return own.fillna(relative.sum() / weight.sum() if weight.sum() > 0 else np.nan)


def standing(
    cells: pd.DataFrame, rule: PhysicianSettings, minimum: float, *, count: str = "units"
) -> tuple[pd.DataFrame, pd.Series]:
    r"""
    Where each physician stands against peers, as far as that is sure.

    Parameters
    ----------
    cells : pandas.DataFrame
        Rows of `own_mix`.
    rule : PhysicianSettings
        Level of the intervals, least reliability, least peers.
    minimum : float
        Least of the column `count` with which a physician is judged.
    count : str
        Column that the minimum is of: "units" or "exposure".

    Returns
    -------
    tuple of DataFrame and Series
        By specialty and physician: `units`, `exposure`, `observed`, `expected` (sums), `ratio`, `error_variance` (of
        the ratio), `reliability`, `shrunk` (ratio), `low`, `high`, `standing`; and the standard deviation of the
        true ratios by specialty.

    Notes
    -----
    The ratio :math:`y = O/E` has the error variance :math:`v = \mathrm{var}(O)/E^2`; true ratios vary about 1, the
    peers' own, with variance :math:`\tau^2`. What :math:`\tau` may be follows from the physicians with the minimum of
    cases, by specialty where it has ten of them, by the likelihood with all :math:`\tau` alike before:

    .. math:: p(\tau \mid y) \propto \prod_i (\tau^2 + v_i)^{-1/2} \exp\left(-\frac{(y_i - 1)^2}{2(\tau^2 + v_i)}\right)

    With means over it, :math:`R = \tau^2 / (\tau^2 + v)`, the reliability and the shrunk ratio with its interval are

    .. math:: \bar R = \mathrm E R, \qquad \hat\theta = 1 + \bar R\,(y - 1), \qquad
        \hat\theta \pm z \sqrt{\mathrm E[\tau^2 (1 - R)] + (y - 1)^2\, \mathrm{var}(R)}

    A physician stands below or above peers only with the minimum of cases and of reliability, and if the interval of
    the shrunk ratio does not reach 1.

    References
    ----------
    .. [1] D. B. Rubin, "Estimation in Parallel Randomized Experiments," J. Educ. Stat. 6, 1981, pp. 377-401.
    """
    from scipy.special import ndtri

    columns = ["units", "exposure", "observed", "expected", "error"]
    sums = cells.groupby(["specialty", "physician"])[columns].agg(lambda s: s.sum(skipna=False))
    known = sums["expected"] > 0
    sums["ratio"] = sums["observed"] / sums["expected"].where(known)
    sums["error_variance"] = sums.pop("error") / sums["expected"].where(known) ** 2
    posterior = _posteriors(sums, sums[count] >= minimum)
    found = [_drawn_in(rows, posterior[str(name)]) for name, rows in sums.groupby("specialty")]
    sums = sums.join(pd.concat(found))
    half = float(ndtri(0.5 + rule.level / 2)) * sums.pop("deviation")
    sums["low"], sums["high"] = sums["shrunk"] - half, sums["shrunk"] + half
    middle = {name: float((tau * weight).sum()) if len(tau) else np.nan for name, (tau, weight) in posterior.items()}
    spread = pd.Series(middle, name="spread", dtype=float).rename_axis("specialty")
    peers = sums.groupby("specialty")["ratio"].transform("size")
    words = np.select(
        [
            sums[count] < minimum,
            (peers < rule.minimum_peers) | sums["reliability"].isna(),
            sums["reliability"] < rule.minimum_reliability,
            sums["high"] < 1,
            sums["low"] > 1,
        ],
        [FEW, NO_PEERS, UNRELIABLE, BELOW, ABOVE],
        ALIKE,
    )
    return sums.assign(standing=words), spread


Posterior = tuple[np.ndarray, np.ndarray]
"""Standard deviations that true ratios may have, and how likely each is; both empty where nothing tells."""
GRID = np.linspace(0.0, 1.0, 400) ** 2
"""Places of these deviations, as shares of the largest thought of."""


def _posteriors(sums: pd.DataFrame, enough: pd.Series) -> dict[str, Posterior]:
    """For each specialty: by its own physicians with enough cases, by those of all where they are few."""
    rows = sums[enough & (sums["error_variance"] > 0) & sums["ratio"].notna()]
    every = _posterior(rows)
    own = {str(name): part for name, part in rows.groupby("specialty") if len(part) >= OWN_VARIANCE}
    return {str(name): _posterior(own[name]) if name in own else every for name in sums.index.unique("specialty")}


def _posterior(rows: pd.DataFrame) -> Posterior:
    if len(rows) < 2:
        return np.array([]), np.array([])
    away, error = (rows["ratio"] - 1).to_numpy(), rows["error_variance"].to_numpy()
    tau = GRID * max(2 * float(np.abs(away).max()), float(error.max()) ** 0.5)
    whole = tau[:, None] ** 2 + error
    likely = -0.5 * (np.log(whole) + away**2 / whole).sum(axis=1)
    weight = np.exp(likely - likely.max()) * np.gradient(tau)
    return tau, weight / weight.sum()


def _drawn_in(rows: pd.DataFrame, posterior: Posterior) -> pd.DataFrame:
    """Reliability, shrunk ratio and its standard deviation of the physicians of a specialty."""
    tau, weight = posterior
    known = (rows["error_variance"].notna() & rows["ratio"].notna()).to_numpy() & bool(len(tau))
    found = pd.DataFrame(np.nan, index=rows.index, columns=["reliability", "shrunk", "deviation"])
    if not known.any():
        return found
    error, away = rows["error_variance"].to_numpy()[known], (rows["ratio"] - 1).to_numpy()[known]
    share = reliability(tau[:, None] ** 2, error)
    mean = (weight @ share).clip(max=1.0)
    variance = weight @ (tau[:, None] ** 2 * (1 - share)) + away**2 * (weight @ share**2 - mean**2).clip(min=0)
    found.loc[known] = np.column_stack([mean, shrunk(1 + away, mean, 1.0), variance**0.5])
    return found
