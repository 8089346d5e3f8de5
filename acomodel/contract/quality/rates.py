"""Results of measures: counts and rates checked, pooled across payers, and how far a rate can be relied on."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from acomodel.inputs import InputError, nearest
from acomodel.reliability import reliability, wilson_interval

PERCENTILES = tuple(f"p{p}" for p in range(10, 100, 10))
"""Columns of cut points, from the 10th to the 90th percentile of a distribution."""

TIE = 1e-9
"""What a rate may lie above the largest there can be, by rounding. [share]"""

_STATED = ("domain", "better", "threshold", "top", "target", "weight", "between_sd", "collection", *PERCENTILES)
_COUNTS = ("numerator", "denominator", "prior_numerator", "prior_denominator")
_TEXTS = ("payer", "domain", "composite", "better", "collection", "reporting_only")


def share(value: Any, name: str, *, largest: float = 1.0, missing: bool = True) -> np.ndarray:
    """
    Rates, scores or targets as an array of floats, refused where they are no shares.

    Parameters
    ----------
    value : numeric
        What was given. [share]
    name : str
        What it is, for the message.
    largest : float
        Largest there can be; above 1 for rates that are no shares, such as admissions per person year. [share]
    missing : bool
        Whether NaN passes.

    Raises
    ------
    InputError
        Text, a percent, or what is below zero.

    Examples
    --------
    >>> share(90, "rate")
    Traceback (most recent call last):
    acomodel.inputs.InputError: quality: rate: found 90; a share from 0 to 1 is wanted; 90 percent is 0.9.
    """
    wanted = f"a share from 0 to {largest:g} is wanted"
    try:
        found = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"quality: {name}: found {value!r}; {wanted}.") from None
    wrong = (found < 0) | (found > largest + TIE) | (np.isnan(found) & (not missing))
    if wrong.any():
        first = float(found[wrong].flat[0])
        hint = f"; {first:g} percent is {first / 100:g}" if largest < first <= 100 else ""
        raise InputError(f"quality: {name}: found {first:g}; {wanted}{hint}.")
    return found


def largest_of(cuts: Any) -> float:
    """Largest rate that cut points allow: 1, or 10 where one is above 1, as for admissions per person year. [share]"""
    return 10.0 if np.max(np.asarray(cuts, dtype=float), initial=0.0) > 1 else 1.0


def composite_rate(numerators: Any, denominators: Any) -> float:
    r"""
    Rate of several measures taken together, each weighted by its opportunities.

    Parameters
    ----------
    numerators, denominators : array-like
        Times that care was given and times that it was due, by measure or by payer, as many of the one as of the
        other. [cases]

    Returns
    -------
    float
        Rate of all of them; NaN where nothing was due. [share]

    Raises
    ------
    InputError
        A numerator above its denominator, a negative one, or not as many of both.

    Notes
    -----
    .. math:: r = \frac{\sum_i x_i}{\sum_i n_i}

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, p. 65: numerators and denominators summed over payers;
       composite measures.

    Examples
    --------
    >>> composite_rate([40, 10], [50, 50])
    0.5
    """
    given, due = np.asarray(numerators, dtype=float), np.asarray(denominators, dtype=float)
    if given.shape != due.shape:
        raise InputError(
            f"quality: found {given.size} numerators and {due.size} denominators; one denominator for each is wanted."
        )
    wrong = (given > due) | (given < 0)
    if wrong.any():
        x, n = float(given[wrong].flat[0]), float(due[wrong].flat[0])
        raise InputError(f"quality: found numerator {x:g} of denominator {n:g}; from 0 to the denominator is wanted.")
    return _ratio(given, due)


def _ratio(given: Any, due: Any) -> float:
    """Sum over sum; NaN where nothing was due."""
    total = float(np.sum(due))
    return float(np.sum(given)) / total if total else float("nan")


def significant_change(
    rate: Any, size: Any, prior: Any, prior_size: Any, *, confidence: float = 0.95, lower_is_better: bool = False
) -> Any:
    r"""
    Whether a rate is significantly better (1) or worse (-1) than a year before, or neither (0).

    Parameters
    ----------
    rate, prior : numeric
        Rates of the two years. [share]
    size, prior_size : numeric
        Cases behind them. [cases]
    confidence : float
        Confidence of the two-sided test. [share]
    lower_is_better : bool
        Whether a fall is an improvement.

    Returns
    -------
    int or numpy.ndarray of int

    Notes
    -----
    With :math:`p` the rate of both years together,

    .. math:: z = \frac{r_1 - r_0}{\sqrt{p (1 - p) (1/n_1 + 1/n_0)}}

    The programme's own test is not public.

    Examples
    --------
    >>> significant_change(0.66, 280, 0.45, 280), significant_change(0.75, 280, 0.71, 280)
    (1, 0)
    """
    from statistics import NormalDist

    now, before = np.asarray(rate, dtype=float), np.asarray(prior, dtype=float)
    n, m = np.asarray(size, dtype=float), np.asarray(prior_size, dtype=float)
    both = (now * n + before * m) / (n + m)
    error = np.sqrt(np.maximum(both * (1 - both), 0.0) * (1 / n + 1 / m))
    z = np.divide(now - before, error, out=np.zeros(np.broadcast_shapes(now.shape, error.shape)), where=error > 0)
    limit = NormalDist().inv_cdf((1 + confidence) / 2)
    found = (np.where(z >= limit, 1, 0) - np.where(z <= -limit, 1, 0)) * (-1 if lower_is_better else 1)
    return found if np.ndim(found) else int(found)


def measure_rates(
    table: pd.DataFrame,
    *,
    minimum: float = 30,
    level: float = 0.9,
    known: Collection[str] | None = None,
    largest: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    r"""
    Rates of measures from their results, pooled across payers, with intervals and reliability.

    Parameters
    ----------
    table : pandas.DataFrame
        A row for each measure and payer: `measure` and `numerator` with `denominator` [cases], or `rate` [share].
        Optional: `payer`, `domain`, `composite` (measures of one name count together, by opportunities),
        `prior_numerator`, `prior_denominator`, `prior_rate`, `better` ("higher" or "lower"), `threshold`, `top`,
        `target`, `p10` to `p90` [share], `weight`, `between_sd` [share], `reporting_only` ("yes" or "no"),
        `collection`.
    minimum : float
        Fewest cases with which a measure counts. [cases]
    level : float
        Chance with which an interval holds the rate. [share]
    known : collection of str, optional
        Measures of the scheme; any may be given by default.
    largest : mapping of str to float, optional
        Largest rate of measures that are no shares, such as admissions per person year.

    Returns
    -------
    pandas.DataFrame
        Index measure; `numerator`, `denominator`, `rate`, `low`, `high`, `reliability`, the same of the year before
        where given, `enough` (whether it counts), and what else the table says.

    Raises
    ------
    InputError
        Text where a number is wanted, a numerator above its denominator, a percent for a share, an unknown measure, a
        negative count, rates without counts that are to be pooled, payers that state different targets.

    Notes
    -----
    Reliability is the share of the variance between those compared that is no chance, with error variance
    :math:`r (1 - r) / n` and `between_sd` squared between; without the latter, and with cut points of which not all
    are ten points apart, the variance observed is taken from the 40th and 80th percentiles of a normal distribution
    and the error is taken out of it.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3, pp. 64-65: thirty observations, as HEDIS has
       it; pooling.

    Examples
    --------
    >>> results = pd.DataFrame({"measure": ["Eye exam"] * 2, "payer": ["A", "B"], "numerator": [12, 40],
    ...                         "denominator": [20, 60]})
    >>> measure_rates(results)[["numerator", "denominator", "rate"]].iloc[0].to_list()
    [52.0, 80.0, 0.65]
    """
    parts: dict[str, list[dict[str, Any]]] = {}
    for row in _complete(table).to_dict("records"):
        _check(row, known, largest or {})
        parts.setdefault(str(row["composite"] or row["measure"]), []).append(row)
    found = {name: _pooled(name, rows) for name, rows in parts.items()}
    made = pd.DataFrame.from_dict(found, orient="index").rename_axis("measure")
    made["enough"] = ~(made["denominator"] < minimum)
    limits = pd.Series({name: (largest or {}).get(str(name), 1.0) for name in made.index}, dtype=float)
    counted = made["denominator"].gt(0) & limits.le(1.0)
    made["low"], made["high"], made["reliability"] = np.nan, np.nan, np.nan
    if counted.any():
        part = made[counted]
        low, high = wilson_interval(part["rate"] * part["denominator"], part["denominator"], level)
        made.loc[counted, "low"], made.loc[counted, "high"] = np.asarray(low), np.asarray(high)
        made.loc[counted, "reliability"] = [_reliability(row) for row in part.to_dict("records")]
    return made


def _complete(table: pd.DataFrame) -> pd.DataFrame:
    """The table with every column there may be; empty where it gives none."""
    if "measure" not in table or table.empty:
        raise InputError("measures: a column 'measure' and at least one row are wanted.")
    rows = table.copy(deep=False)
    for name in _TEXTS:
        rows[name] = rows[name].fillna("").astype(str) if name in rows else ""
    for name in (*_COUNTS, "rate", "prior_rate", *_STATED):
        if name not in _TEXTS:
            rows[name] = _numbers(rows, name) if name in rows else np.nan
    return rows


def _numbers(rows: pd.DataFrame, name: str) -> pd.Series:
    """A column as numbers; what is neither a number nor blank is refused by its measure."""
    cells = rows[name]
    found = pd.to_numeric(cells, errors="coerce").astype(float)
    blank = cells.isna() | cells.astype(str).str.strip().eq("")
    odd = (found.isna() & ~blank) | np.isinf(found)
    if odd.any():
        at = int(np.argmax(odd.to_numpy()))
        raise InputError(
            f"measures: '{rows['measure'].iloc[at]}': {name} is '{cells.iloc[at]}'; a number is wanted, without signs "
            "or words; 85 percent is 0.85."
            if name not in (*_COUNTS, "weight")
            else f"measures: '{rows['measure'].iloc[at]}': {name} is '{cells.iloc[at]}'; a number is wanted."
        )
    return found


def _check(row: dict[str, Any], known: Collection[str] | None, largest: Mapping[str, float]) -> None:
    """Refuse a row that cannot be."""
    name = row["measure"]
    place = f"measures: '{name}'" + (f" of {row['payer']}" if row["payer"] else "")
    if known is not None and name not in known:
        raise InputError(f"{place}: no measure of the set.{nearest(str(name), known)} Known: {', '.join(known)}.")
    for column, wanted in (("better", ("higher", "lower")), ("reporting_only", ("yes", "no"))):
        if row[column] and row[column] not in wanted:
            raise InputError(f"{place}: {column} is '{row[column]}'; {' or '.join(wanted)} is wanted.")
    limit = largest.get(name, 1.0)
    for prefix in ("", "prior_"):
        x, n, rate = (row[f"{prefix}{column}"] for column in ("numerator", "denominator", "rate"))
        for column, value in (("numerator", x), ("denominator", n), ("rate", rate)):
            if value < 0:
                raise InputError(f"{place}: {prefix}{column} is {value:g}; at least 0 is wanted.")
        if math.isnan(x) != math.isnan(n):
            lacking = "numerator" if math.isnan(x) else "denominator"
            raise InputError(f"{place}: {prefix}{lacking} is missing; numerator and denominator go together.")
        if x > n * limit:
            raise InputError(f"{place}: {prefix}numerator {x:g} is above {prefix}denominator {n:g}.")
        if rate > limit:
            hint = (
                f"a share is wanted: {rate:g} percent is {rate / 100:g}" if limit == 1 else "it counts per person year"
            )
            raise InputError(f"{place}: {prefix}rate is {rate:g}; {hint}.")
        if n > 0 and abs(x / n - rate) > 0.005:
            raise InputError(f"{place}: {prefix}rate {rate:g} is not {x:g} of {n:g}, {x / n:.4f}; give one of them.")
    for column in ("threshold", "top", "target", *PERCENTILES):
        if not np.isnan(row[column]) and not 0 <= row[column] <= limit:
            raise InputError(f"{place}: {column} is {row[column]:g}; a share from 0 to {limit:g} is wanted.")
    if np.isnan(row["denominator"]) and np.isnan(row["rate"]) and row["reporting_only"] != "yes":
        raise InputError(f"{place}: neither numerator and denominator nor a rate is given; one of them is wanted.")


def _pooled(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """One measure of several payers, or several measures of one composite, by their counts."""
    if any(row["composite"] for row in rows) and len({row["better"] for row in rows}) > 1:
        raise InputError(f"measures: '{name}': its parts are not all better when higher; a composite wants one way.")
    made: dict[str, Any] = {}
    for prefix in ("", "prior_"):
        x, n, rate = ([row[f"{prefix}{c}"] for row in rows] for c in ("numerator", "denominator", "rate"))
        counted, stated = not any(map(math.isnan, n)), any(v == v for v in (*n, *rate))
        if len(rows) > 1 and not counted and not prefix and stated:
            raise InputError(
                f"measures: '{name}' stands in several rows; pooling wants numerator and denominator in all."
            )
        made[f"{prefix}numerator"] = float(sum(x)) if counted else math.nan
        made[f"{prefix}denominator"] = float(sum(n)) if counted else math.nan
        made[f"{prefix}rate"] = _ratio(x, n) if counted else float(rate[0]) if len(rows) == 1 else math.nan
    for column in _STATED:
        given = dict.fromkeys(row[column] for row in rows if row[column] != "" and row[column] == row[column])
        if len(given) > 1:
            said = ", ".join(map(str, given))
            raise InputError(f"measures: '{name}': its rows give different {column}: {said}; one is wanted.")
        made[column] = next(iter(given), "" if column in _TEXTS else math.nan)
    only = {row["reporting_only"] for row in rows} - {""}
    made["reporting_only"] = only.pop() if len(only) == 1 else ""
    return made


def _reliability(row: dict[Any, Any]) -> float:
    """Reliability of one rate; NaN where nothing tells how far those compared differ."""
    error = row["rate"] * (1 - row["rate"]) / row["denominator"]
    if row["between_sd"] > 0:
        return float(reliability(row["between_sd"] ** 2, error))
    steps = np.abs(np.diff([row[name] for name in PERCENTILES[2:]]))
    if np.isnan(row["p40"]) or np.isnan(row["p80"]) or np.allclose(steps[~np.isnan(steps)], 0.1):
        return math.nan
    seen = (abs(row["p80"] - row["p40"]) / (0.8416212 + 0.2533471)) ** 2
    return float(reliability(max(seen - error, 0.0), error)) if seen > 0 else math.nan
