"""Brookings-Dartmouth, "ACO Toolkit," January 2010, appendix 4.A: figures 4.1 to 4.4, at printed precision.

Inputs are the earliest that are printed: dollars, procedures, cases and member months. Slips of the source are strict
xfails with the reason.
"""

import pandas as pd
import pytest
from conftest import printed

from acomodel.claims.care.specialties import high_cost_rates
from acomodel.claims.drilldown import cost_utilization_trend
from acomodel.outlook.monitoring.variance import target_variance

FIGURE_4_1 = pd.DataFrame(
    {
        "prior": [6.36, 2.38, 9.08, 4.46],
        "current": [6.60, 3.37, 9.88, 4.81],
        "target": [3.48, 6.55, 5.93, 4.73],
    },
    index=["Hospital", "Laboratory/Pathology", "PCP: Family/General Practice", "PCP: Internal Medicine"],
)
MEMBER_MONTHS = [393_668, 334_380, 297_360, 265_164]
FIGURE_4_2 = {
    "procedures": [648_496, 644_084, 512_716, 580_164],
    "claims": [29_617_865, 26_562_294, 21_696_165, 20_691_324],
    "pmpm": ["75.24", "79.44", "72.96", "78.03"],
    "utilization_per_1000": ["19,768", "23,114", "20,691", "26,255"],
    "unit_cost": ["45.67", "41.24", "42.32", "35.66"],
    "pmpm_change": ["6", "-8", "7"],
    "utilization_change": ["17", "-10", "27"],
    "unit_cost_change": ["-10", "3", "-16"],
}
FIGURE_4_3 = {
    "procedures": [10_112, 9_536, 8_496, 8_236],
    "claims": [843_521, 752_831, 660_665, 653_518],
    "pmpm": ["2.14", "2.25", "2.22", "2.46"],
    "utilization_per_1000": ["308", "342", "343", "373"],
    "unit_cost": ["83.42", "78.95", "77.76", "79.35"],
    "pmpm_change": ["5", "-1", "11"],
    "utilization_change": ["11", "0", "9"],
    "unit_cost_change": ["-5", "-2", "2"],
}
FIGURE_4_4 = [
    ("Injuries, sprains, strains, and poisoning", "0.6", 13, 145_491, "0.56", "11,192"),
    ("Nephritis, nephrotic syndrome, nephrosis", "0.5", 11, 349_896, "1.34", "31,809"),
    ("Diseases of the respiratory system", "0.2", 5, 55_362, "0.21", "11,072"),
    ("Congenital anomalies", "0.1", 2, 41_862, "0.16", "20,932"),
    ("Grand total", "12.4", 273, 4_095_043, "15.69", "15,000"),
]
IBNR = 1.016


def variances():
    return target_variance(FIGURE_4_1["current"], FIGURE_4_1["target"])


@pytest.mark.parametrize(
    ("row", "variance", "share"),
    [
        ("Hospital", "3.12", "0.897"),
        ("Laboratory/Pathology", "-3.18", "-0.485"),
        ("PCP: Family/General Practice", "3.95", "0.666"),
        ("PCP: Internal Medicine", "0.08", "0.017"),
    ],
)
def test_figure_4_1_variance_of_current_to_target(row, variance, share):
    assert variances().loc[row, "variance"] == printed(variance)
    assert variances().loc[row, "share"] == printed(share)


@pytest.mark.xfail(
    strict=True,
    reason="the targets of hospital and laboratory look exchanged: $3.48 fits the laboratory's $3.37 and $6.55 the "
    "hospital's $6.60, as printed both are off by half or more",
)
def test_figure_4_1_targets_are_near_what_they_are_of():
    assert variances().loc[["Hospital", "Laboratory/Pathology"], "share"].abs().max() < 0.2


@pytest.mark.parametrize("figure", [FIGURE_4_2, FIGURE_4_3], ids=["4.2 total", "4.3 cardiology"])
def test_figures_4_2_and_4_3(figure):
    rows = pd.DataFrame({"member_months": MEMBER_MONTHS} | {name: figure[name] for name in ("procedures", "claims")})
    found = cost_utilization_trend(rows)
    for name in ("pmpm", "utilization_per_1000", "unit_cost"):
        assert [found[name].iloc[n] == printed(text) for n, text in enumerate(figure[name])] == [True] * 4, name
    for name in ("pmpm_change", "utilization_change", "unit_cost_change"):
        assert [100 * found[name].iloc[n + 1] == printed(text) for n, text in enumerate(figure[name])] == [True] * 3


def high_cost():
    columns = ["diagnosis_group", "per_1000", "cases", "allowed", "pmpm", "per_case"]
    shown = pd.DataFrame(FIGURE_4_4, columns=columns).set_index("diagnosis_group")
    return shown, high_cost_rates(shown[["cases", "allowed"]], MEMBER_MONTHS[3], IBNR)


def test_figure_4_4_frequency_and_pmpm():
    shown, found = high_cost()
    for row in shown.index:
        for name in ("per_1000", "pmpm"):
            assert found.loc[row, name] == printed(shown.loc[row, name]), (row, name)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(
            row[0],
            marks=pytest.mark.xfail(strict=True, reason="41,862 over 2 cases is 20,931; printed 20,932")
            if row[0] == "Congenital anomalies"
            else (),
        )
        for row in FIGURE_4_4
    ],
)
def test_figure_4_4_cost_per_case(row):
    shown, found = high_cost()
    assert found.loc[row, "per_case"] == printed(shown.loc[row, "per_case"])
