"""Published quality scores: three ACOs of 2018 with all their rates, and what the Toolkit says of points and gaps."""

import pandas as pd
import pytest

from acomodel.contract.quality.mssp import domain_score, mssp_quality
from acomodel.contract.quality.points import gap_closed
from acomodel.contract.quality.rates import composite_rate, measure_rates
from acomodel.contract.quality.tables import measure_set

NUMBERS = (
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    34,
    8,
    35,
    36,
    37,
    38,
    43,
    11,
    44,
    12,
    13,
    14,
    15,
    16,
    17,
    18,
    19,
    20,
    42,
    "DM_Comp",
    28,
    30,
    40,
)
MEASURES = [f"ACO{n}" if isinstance(n, int) else n for n in NUMBERS]
RATES = {
    "A3321": (
        "89.28 94.84 91.94 83.63 60.78 63.89 72.4 26.23 14.89 18.76 37.77 75.32 55.55 1.6 91.3 100 63.27 77.29 66.36 "
        "58.47 77.52 76.47 64.64 57.91 59.9 78.1 26.52 75 85.57 2.27",
        "80.52 91.58 92.22 82.16 63.46 77.7 75.5 25.21 14.75 18.92 45.82 70.33 52.72 1.41 92.11 64.71 100 38.64 45.41 "
        "59.9 41.5 21.75 30.15 48.29 52.13 71.21 32.02 70.94 48.63 0",
    ),
    "A3236": (
        "87.31 91.71 92.4 81.63 57.4 57.15 73.96 29.57 14.44 18.67 31.66 63.65 53.31 2.03 99.1 54.29 99.68 80.33 70.06 "
        "82.38 70.98 66.67 74.23 52.03 54.58 76 48.26 72.63 87.21 25.93",
        "80.41 92.24 93.05 85.84 66.72 75.37 72.62 22.22 14.64 18.55 46.34 73.52 55.67 1.89 100 75.61 100 90.18 75.56 "
        "84.05 85.17 84.05 74.83 56.12 62.71 74.57 37.67 72.49 84.96 13.33",
    ),
    "A3281": (
        "88.93 94.68 93.38 83.11 61.01 64.9 76.16 24.11 14.81 19.96 33.21 68.56 55.64 1.84 99.87 57.5 68.08 77.78 "
        "66.74 84.94 70.85 85.71 81.31 62.14 83.13 80.61 59.63 81.22 89.2 12.2",
        "82.65 93.98 93.53 85.95 63.03 75.73 73.82 29.84 14.82 18.71 48.85 73.91 54.02 1.43 100 70.89 54.95 62.55 "
        "63.21 69.06 54.44 100 57.24 67.75 72.79 73.83 43.54 75.84 89.76 18.18",
    ),
}


def table_of(aco):
    """Rates of 2018 and 2017 of an ACO, as the public use files print them."""
    now, before = (pd.to_numeric(pd.Series(text.split())) / 100 for text in RATES[aco])
    return pd.DataFrame({"measure": MEASURES, "rate": now, "prior_rate": before})


def rates_of(aco):
    return measure_rates(table_of(aco), largest=measure_set("mssp", 2018)["largest"].to_dict())


PUBLISHED = {
    "A3321": (0.9277, [14.65, 21.7, 14.2, 5.55], [0, 0, 2.68, 0.92]),
    "A3236": (0.9521, [14.2, 21.7, 14.95, 7.25], [0, 0, 0, 0.92]),
    "A3281": (0.9583, [13.55, 21.7, 14.95, 7.55], [0, 0, 1.36, 0.92]),
}


@pytest.mark.parametrize("aco", list(PUBLISHED))
def test_score_of_2018_from_all_its_rates(aco):
    score, points, rewards = PUBLISHED[aco]
    found = mssp_quality(rates_of(aco), 2018, 2)
    assert round(found.score, 4) == score
    assert found.domains["points"].round(6).tolist() == points
    assert found.domains["reward"].tolist() == rewards
    assert found.domains["possible"].tolist() == [16, 22, 16, 8]


def test_domain_of_the_example():
    assert round(domain_score(5.55, 0.92, 8), 6) == 0.80875  # A3321, at risk


def test_rewards_may_be_given():
    without = rates_of("A3321").assign(prior_rate=float("nan"))
    assert round(mssp_quality(without, 2018, 2).score, 4) != 0.9277
    given = {"experience": 0.0, "coordination": 0.0, "preventive": 2.68, "at-risk": 0.92}
    assert round(mssp_quality(without, 2018, 2, rewards=given).score, 4) == 0.9277


def test_toolkit_gap_of_ten_percent_and_pooling():
    assert gap_closed(0.52, 0.50, 0.70) == pytest.approx(0.1)  # part 3, p. 64
    assert composite_rate([20, 30], [40, 60]) == 0.5  # numerators and denominators summed, p. 65
