"""From raw risk scores to those that pay: normalization, coding intensity, the blend of models, renormalizing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from acomodel.budget.hcc.scores import HccScores
from acomodel.exhibit import Assumption, Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.programs import Rules, rule_table
from acomodel.rates import Numeric


@dataclass(frozen=True, eq=False, repr=False)
class PaymentScores(Shown):
    """
    Normalized risk scores of members in a payment year.

    Parameters
    ----------
    year : int
        Payment year.
    frame : pandas.DataFrame
        `member_id`, `payment_score` [factor], in the order of the raw scores.
    assumptions : tuple of Assumption
        Factors used, each with its source.
    """

    year: int
    frame: pd.DataFrame
    assumptions: tuple[Assumption, ...]

    def to_frame(self) -> pd.DataFrame:
        """Scores by member."""
        return self.frame.copy(deep=False)

    def exhibit(self) -> Exhibit:
        """Factors used and the mean score they lead to."""
        rows = [(a.name, a.value, a.source) for a in self.assumptions]
        rows.append(("Mean payment score", float(self.frame["payment_score"].mean()), f"{len(self.frame):,} members"))
        table = pd.DataFrame(rows, columns=["Figure", "Value", "Source"]).set_index("Figure")
        return Exhibit(f"CMS-HCC payment scores, {self.year}", table, {"Value": "0.000"})


def _factor(parameter: str, model: str, year: int) -> Assumption:
    """A factor of exactly one year; these do not carry over to the next."""
    table = rule_table("hcc")
    rows = table[(table["parameter"] == parameter) & (table["track"] == model)]
    if str(year) not in set(rows["effective_from"]):
        known = ", ".join(sorted(rows["effective_from"])) or "none"
        raise InputError(f"hcc: no {parameter} of {model} for {year}; years with one: {known}.")
    return Rules("hcc", year).value(parameter, model)


def payment_scores(
    scores: HccScores, year: int, *, coding_intensity: bool = False, rounded: bool = False
) -> PaymentScores:
    r"""
    Normalize raw scores for a payment year.

    Parameters
    ----------
    scores : HccScores
        Raw scores of one model.
    year : int
        Payment year. [calendar year]
    coding_intensity : bool
        Whether to take off the coding intensity adjustment of Medicare Advantage, which ACOs do not have.
    rounded : bool
        Whether to round to three decimals after each step, as payments to Medicare Advantage plans are worked out.

    Returns
    -------
    PaymentScores

    Raises
    ------
    InputError
        No normalization factor of the model for the year.

    Notes
    -----
    .. math:: payment = \frac{raw}{f_y} (1 - c_y)

    References
    ----------
    .. [1] 42 CFR 422.308(c): risk adjustment.
    .. [2] CMS, "Announcement of Medicare Advantage Capitation Rates", by year; each value carries its own source in
       ``data/rules/hcc.csv``, and those from memory say so.

    Examples
    --------
    >>> from acomodel.budget.hcc.scores import hcc_scores
    >>> member = pd.DataFrame({"member_id": ["A"], "age": [76], "sex": ["F"], "dual_status": ["03"], "orec": ["1"]})
    >>> raw = hcc_scores(pd.DataFrame({"member_id": ["A"], "code": ["E139"]}), member)
    >>> float(payment_scores(raw, 2024, coding_intensity=True, rounded=True).frame["payment_score"].iloc[0])
    0.699
    """
    factors = [_factor("normalization", scores.model, year)]
    factors += [Rules("hcc", year).value("coding_intensity", "*")] if coding_intensity else []
    score = scores.frame["raw_score"].to_numpy() / float(factors[0].value)
    score = _thousandths(score) if rounded else score
    if coding_intensity:
        score = score * (1 - float(factors[1].value))
        score = _thousandths(score) if rounded else score
    frame = pd.DataFrame({"member_id": scores.frame["member_id"], "payment_score": score})
    return PaymentScores(year, frame, tuple(factors))


def _thousandths(score: np.ndarray) -> np.ndarray:
    """Three decimals, halves up."""
    return np.floor(score * 1000 + 0.5 + 1e-9) / 1000


def blend(
    older: HccScores, newer: HccScores, year: int, *, coding_intensity: bool = False, rounded: bool = False
) -> PaymentScores:
    r"""
    Blend the normalized scores of two models by the shares of a payment year.

    Parameters
    ----------
    older, newer : HccScores
        Raw scores of the same members under two models, such as V24 and V28.
    year : int
        Payment year. [calendar year]
    coding_intensity, rounded : bool
        As in `payment_scores`.

    Returns
    -------
    PaymentScores

    Raises
    ------
    InputError
        The two are not of the same members, or a share or factor is missing for the year.

    Notes
    -----
    .. math:: blended = w_y \, payment_{older} + (1 - w_y) \, payment_{newer}

    A model whose share is zero needs no normalization factor.

    Examples
    --------
    >>> from acomodel.budget.hcc.scores import hcc_scores
    >>> member = pd.DataFrame({"member_id": ["A"], "age": [76], "sex": ["F"], "dual_status": ["03"], "orec": ["1"]})
    >>> found = pd.DataFrame({"member_id": ["A", "A"], "code": ["E083293", "E139"]})
    >>> both = [hcc_scores(found, member, model) for model in ("V24", "V28")]
    >>> round(float(blend(*both, 2024).frame["payment_score"].iloc[0]), 6)
    0.793537
    """
    if not older.frame["member_id"].equals(newer.frame["member_id"]):
        raise InputError(
            f"hcc: the scores of {older.model} and {newer.model} are not of the same members in the same order."
        )
    total, factors = np.zeros(len(older.frame)), []
    for scores in (older, newer):
        share = _factor("blend", scores.model, year)
        factors.append(share)
        if float(share.value):
            paid = payment_scores(scores, year, coding_intensity=coding_intensity, rounded=rounded)
            total = total + float(share.value) * paid.frame["payment_score"].to_numpy()
            factors += [factor for factor in paid.assumptions if factor not in factors]
    if abs(sum(float(f.value) for f in factors if f.name.endswith(": blend")) - 1) > 1e-9:
        raise InputError(f"hcc: the shares of {older.model} and {newer.model} in {year} do not sum to 1.")
    frame = pd.DataFrame({"member_id": older.frame["member_id"], "payment_score": total})
    return PaymentScores(year, frame, tuple(factors))


def renormalize(scores: Numeric, person_years: Numeric, enrollment_type: Numeric) -> Numeric:
    r"""
    Scale risk scores so that their mean is 1 within each enrollment type.

    Parameters
    ----------
    scores : array-like
        Risk scores. [factor]
    person_years : array-like
        Weight of each score, above zero somewhere in each type. [person-years]
    enrollment_type : array-like
        Enrollment type of each score: ESRD, disabled, aged dual, aged non-dual.

    Returns
    -------
    array-like
        Scores, same shape as given. [factor]

    Raises
    ------
    InputError
        Lengths differ, a weight is below zero, or a type has no weight or a mean that is not above zero.

    Notes
    -----
    .. math:: r_i = \frac{s_i \sum_{j \in t(i)} w_j}{\sum_{j \in t(i)} w_j s_j}

    References
    ----------
    .. [1] ResDAC, Shared Savings Program ACO beneficiary-level file, "Monthly CMS-HCC Risk Score".

    Examples
    --------
    >>> [round(float(r), 6) for r in renormalize([0.8, 1.6, 2.0], [1.0, 1.0, 0.5], ["aged", "aged", "disabled"])]
    [0.666667, 1.333333, 1.0]
    """
    score, weight = np.asarray(scores, dtype=float), np.asarray(person_years, dtype=float)
    kind, names = pd.factorize(np.asarray(enrollment_type, dtype=object), use_na_sentinel=False)
    if not score.shape == weight.shape == kind.shape:
        raise InputError(
            f"renormalize: {score.size:,} scores, {weight.size:,} weights, {kind.size:,} types; one of each."
        )
    if not (weight >= 0).all() or not np.isfinite(score).all():
        raise InputError("renormalize: a weight below zero or a score that is missing; person-years of 0 or more.")
    years = np.bincount(kind, weight, minlength=len(names))
    risk = np.bincount(kind, weight * score, minlength=len(names))
    if (bad := ~((years > 0) & (risk > 0))).any():
        name = names[int(np.flatnonzero(bad)[0])]
        raise InputError(f"renormalize: enrollment type '{name}' has no person-years, or a mean score not above zero.")
    scaled = score * (years / risk)[kind]
    return pd.Series(scaled, index=scores.index) if isinstance(scores, pd.Series) else scaled
