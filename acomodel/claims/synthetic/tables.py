"""Tables behind the synthetic claims: services, codes, conditions, payment lags; each number with its source."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

TEXT = {"specialty": str, "hcpcs": str, "revenue_code": str, "place_of_service": str, "code": str, "role": str}
LAST_LAG = 15
"""Month of lag by which every claim is paid (assumed)."""


@cache
def table(name: str) -> pd.DataFrame:
    """
    One table of `acomodel/data/synthetic`, codes as text.

    Parameters
    ----------
    name : str
        "services", "codes", "specialists", "conditions", "acute_codes", "lags", "curves", "population", "cost_share"
        or "end_of_life".

    Returns
    -------
    pandas.DataFrame
        Rows as filed; the column `source` says where the numbers come from, or that they are assumed.

    Examples
    --------
    >>> table("lags").set_index("curve").loc["hospice", "C2"]
    np.float64(0.84)
    """
    with files("acomodel").joinpath(f"data/synthetic/{name}.csv").open(encoding="utf-8") as file:
        frame = pd.read_csv(file, dtype=TEXT)
    text = [c for c in frame.columns if c in TEXT]
    return frame.assign(**{c: frame[c].fillna("") for c in text})


@cache
def parameters(population: str) -> dict[str, float]:
    """Numbers of `population.csv` for "medicare" or "commercial", by name."""
    return {str(k): float(v) for k, v in table("population").set_index("parameter")[population].items()}


@dataclass(frozen=True)
class Service:
    """A kind of claim: how often, what it costs, and who gives it; a row of `services.csv`."""

    kind: str
    service_category: str
    claim_type: str
    rate: float
    lines: float
    allowed: float
    sigma: float
    elasticity: float
    end_of_life: float
    elective: bool
    role: str
    cost_share: float


@cache
def services(population: str, drugs: bool) -> tuple[Service, ...]:
    """Kinds of claims of a population, in the order of the file; pharmacy only where it is covered."""
    rows = table("services")
    rows = rows[rows["population"] == population].drop(columns=["population", "source"])
    found = [Service(**{str(k): v for k, v in row.items()}) for row in rows.to_dict("records")]
    return tuple(s for s in found if drugs or s.claim_type != "pharmacy")


def lag_curve(points: dict[int, float], scale: float = 1.0) -> np.ndarray:
    r"""
    Cumulative share of claims paid by the end of each month after the month of service.

    Parameters
    ----------
    points : dict of int to float
        Cumulative shares at some months of lag, the last of them 1. [months, share]
    scale : float
        Factor by which payment is slower than the points. [factor]

    Returns
    -------
    numpy.ndarray
        Share paid by the end of month 0 (that of the service), 1, 2 and so on, up to all of them. [share]

    Notes
    -----
    With :math:`F` linear between its points and :math:`F(0) = 0`,

    .. math:: C_m = F\left(\frac{m + 1}{s}\right), \qquad F(m + 1) = \text{point } m

    Examples
    --------
    >>> lag_curve({0: 0.5, 2: 1.0}).tolist()
    [0.5, 0.75, 1.0]
    >>> lag_curve({0: 0.5, 2: 1.0}, scale=2).round(3).tolist()
    [0.25, 0.5, 0.625, 0.75, 0.875, 1.0]
    """
    ends = np.array([0.0, *(m + 1.0 for m in points)])
    shares = np.array([0.0, *points.values()])
    months = np.arange(1, int(np.ceil(ends[-1] * scale)) + 1)
    curve = np.interp(months / scale, ends, shares)
    return curve[: int(np.argmax(curve >= 1.0 - 1e-12)) + 1]


def lag_curves(scale: float = 1.0) -> dict[str, np.ndarray]:
    """Cumulative shares paid by month of lag, by service category; see `lag_curve`."""
    lags = table("lags").set_index("curve")
    months = [c for c in lags.columns if c.startswith("C")]
    curves = {str(name): lag_curve({int(c[1:]): float(row[c]) for c in months}, scale) for name, row in lags.iterrows()}
    return {str(r["service_category"]): curves[r["curve"]] for r in table("curves").to_dict("records")}
