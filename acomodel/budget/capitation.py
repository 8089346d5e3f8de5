"""Capitation adjusted for risk: rates that follow relative risk and move no money between payer and groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.rates import Numeric

ALL = "All groups"


@dataclass(frozen=True, eq=False, repr=False)
class Capitation(Shown):
    """
    Capitation of groups before and after risk adjustment.

    Parameters
    ----------
    groups : pandas.DataFrame
        One row per group: `relative_risk` as given, `members`, `base_rate` and `adjusted_rate` [$ PMPM],
        `unadjusted` and `adjusted` monthly payment, in whole cents that add up to the same total. [$]
    neutrality : float
        Factor on all rates that keeps the total; 1 where the risks already average to 1. [factor]
    """

    groups: pd.DataFrame
    neutrality: float

    def to_frame(self) -> pd.DataFrame:
        """The groups and, last, all of them: rates and risk averaged by members, payments added."""
        groups = self.groups
        members = groups["members"]
        rates = {
            name: float((groups[name] * members).sum() / members.sum())
            for name in ("relative_risk", "base_rate", "adjusted_rate")
        }
        sums = {name: round(groups[name].sum(), 2) for name in ("unadjusted", "adjusted")}
        total = pd.DataFrame({**rates, "members": members.sum(), **sums}, index=[ALL])
        return pd.concat([groups, total])[groups.columns]

    def exhibit(self) -> Exhibit:
        """Groups side by side, as the Toolkit prints them."""
        lines = {
            "relative_risk": ("Relative health risk", "0.000"),
            "members": ("Members", "#"),
            "base_rate": ("Base capitation rate, monthly", "$."),
            "adjusted_rate": ("Risk adjusted capitation rate", "$."),
            "unadjusted": ("Unadjusted total monthly payments", "$"),
            "adjusted": ("Adjusted total monthly payments", "$"),
        }
        table = self.to_frame().T.rename(index={name: words for name, (words, _) in lines.items()})
        note = f"Rates carry the factor {self.neutrality:.4f}, so that the total stays what it was."
        return Exhibit("Risk adjusted capitation", table.rename_axis("Figure"), dict(lines.values()), note)


def adjusted_capitation(base_rate: Numeric, relative_risk: Numeric, members: Numeric) -> Capitation:
    r"""
    Adjust capitation rates of groups for their members' relative risk, neutral to the budget.

    Parameters
    ----------
    base_rate : float or array-like
        Capitation before adjustment, of all groups or of each; above zero somewhere. [$ PMPM]
    relative_risk : array-like
        Average relative risk of each group's members; a Series names the groups. [factor]
    members : array-like
        Members of each group. [members]

    Returns
    -------
    Capitation

    Raises
    ------
    InputError
        Figures of different length, or below zero, or without any risk or payment to spread.

    Notes
    -----
    With base rates :math:`b_g`, relative risks :math:`r_g` and members :math:`n_g`,

    .. math:: b'_g = b_g r_g \cdot \frac{\sum_h b_h n_h}{\sum_h b_h r_h n_h}

    Payments are rounded to cents by largest remainders, so that they add up to the unadjusted total exactly.

    References
    ----------
    .. [1] Brookings-Dartmouth, "ACO Toolkit," Jan. 2010, part 3 appendix, table 2, p. 73.

    Examples
    --------
    >>> adjusted_capitation(30, [1.15, 0.95, 0.90], [2500, 3500, 2000]).groups["adjusted"].tolist()
    [86250.0, 99750.0, 54000.0]
    """
    risk, count = np.atleast_1d(np.asarray(relative_risk, dtype=float)), np.atleast_1d(np.asarray(members, dtype=float))
    base = np.asarray(base_rate, dtype=float)
    if risk.ndim != 1 or count.shape != risk.shape or (base.ndim and base.shape != risk.shape):
        raise InputError(
            f"capitation: {risk.size} risks, {count.size} members, {base.size} rates; one per group is wanted"
        )
    names = list(relative_risk.index) if isinstance(relative_risk, pd.Series) else list(range(1, risk.size + 1))
    rate = np.broadcast_to(base, risk.shape)
    for what, values in (("base rate", rate), ("relative risk", risk), ("members", count)):
        bad = ~((values >= 0) & np.isfinite(values))
        if bad.any():
            place = int(np.flatnonzero(bad)[0])
            raise InputError(
                f"capitation: {what} of group {names[place]} is {values[place]:g}; at least zero is wanted"
            )
    cents = np.rint(rate * count * 100)
    expected = rate * count * risk
    if not expected.sum() > 0:
        raise InputError("capitation: base rates, risks and members leave nothing to spread; above zero is wanted")
    paid = _whole_cents(expected / expected.sum() * cents.sum(), int(cents.sum()))
    neutrality = float((rate * count).sum() / expected.sum())
    groups = pd.DataFrame(
        {
            "relative_risk": risk,
            "members": count,
            "base_rate": rate,
            "adjusted_rate": rate * risk * neutrality,
            "unadjusted": cents / 100,
            "adjusted": paid / 100,
        },
        index=names,
    )
    return Capitation(groups, neutrality)


def _whole_cents(amounts: np.ndarray, total: int) -> np.ndarray:
    """Amounts in whole cents that add up to the total: rounded down, then one cent more for the largest remainders."""
    down = np.floor(np.round(amounts, 6))
    left = total - int(down.sum())
    order = np.argsort(-(amounts - down), kind="stable")
    down[order[:left]] += 1
    return down
