"""Contracts whose workbooks are recalculated: one for every clause, and random ones."""

import dataclasses
import random

import numpy as np

from acomodel.contract.terms import Terms
from acomodel.workbench.parts import YearSettings
from acomodel.workbench.report.workbook.inputs import SLOTS

MADE_UP = """
name = "made-up"
title = "A contract of every clause"
[terms]
sharing_rate = 0.5
[[years]]
label = "2023"
performance_year = 2023
benchmark = 100000000.0
actual = 97000000.0
members = 9000
[[years]]
label = "2024"
performance_year = 2024
benchmark = 104000000.0
actual = 106000000.0
members = 9500
[[years]]
label = "2025"
performance_year = 2025
benchmark_pmpm = 950.0
actual_pmpm = 900.0
member_months = 120000
[outcomes]
savings_rates = [-0.06, -0.02, 0.0, 0.02, 0.07]
"""
CAPITATED = {"capitated": 0.2}
CONTRACTS = {
    "corridors": {
        "msr": 0.03,
        "mlr": 0.01,
        "share_from": "threshold",
        "corridors": [[0.02, 0.25], [0.05, 0.5], [float("inf"), 1.0]],
        "loss_method": "fixed",
        "loss_rate": 0.4,
        "loss_limit_benchmark": 0.0005,
    },
    "ladder": {
        "quality_method": "ladder",
        "quality_ladder": [[0.5, 0.3], [0.7, 0.9], [0.8, 0.6]],
        "quality_gate": 0.55,
    },
    "gate": {"quality_method": "gate", "quality_gate": 0.75, "sequestration": 0.02, "savings_cap_benchmark": 0.01},
    "standard": {
        "quality_method": "standard",
        "loss_method": "one_minus_rate_times_quality",
        "loss_rate_floor": 0.45,
        "loss_rate_ceiling": 0.75,
        "loss_limit_revenue": 0.08,
        "loss_forgiven": 0.1,
    },
    "below the threshold": {"msr": "size", "below_msr_factor": 0.4, "below_msr_members": 9200, "mlr": 0.005},
    "caps": {
        "savings_cap_benchmark": 0.02,
        "savings_cap_revenue": 0.05,
        "loss_method": "one_minus_final_rate",
        "loss_rate_floor": 0.3,
        "quality_method": "multiplier",
    },
    "capitation": {**CAPITATED, "loss_method": "fixed", "loss_rate": 1.0, "mlr": "size"},
    "carried": {"losses_carried": True, "msr": 0.01, "share_from": "threshold"},
    "discount": {
        "benchmark_discount": 0.03,
        "benchmark_at_risk": 0.02,
        "corridors": [[0.05, 0.5], [0.1, 0.35], [0.15, 0.15], [float("inf"), 0.05]],
        "loss_method": "fixed",
        "loss_rate": 1.0,
        "sequestration": 0.02,
    },
    "withheld": {
        "quality_method": "multiplier",
        "quality_part": 0.4,
        "withheld": 0.25,
        "savings_cap_benchmark": 0.05,
        "losses_carried": True,
        "msr": 0.02,
        "share_from": "threshold",
    },
    "part by ladder": {
        "quality_method": "ladder",
        "quality_ladder": [[0.5, 0.5], [0.8, 1.0]],
        "quality_gate": 0.4,
        "quality_part": 0.6,
        "benchmark_at_risk": 0.04,
        **CAPITATED,
    },
}
FIGURES = {
    "ladder": [{"quality_score": 0.75}, {"quality_score": 0.8}, {"quality_score": 0.5}],
    "gate": [{"quality_score": 0.75}, {"quality_score": 0.74}, {"quality_score": 0.9, "advance_balance": 5e4}],
    "standard": [
        {"quality_standard": "alternative", "quality_score": 0.6, "revenue": 4e7},
        {"quality_standard": "met", "quality_score": 0.9, "revenue": 4e7, "disaster_adjustment": 1e5},
        {"quality_standard": "failed", "quality_score": 0.9, "revenue": 4e7},
    ],
    "caps": [{"revenue": 3e7, "quality_score": s} for s in (0.9, 0.6, 0.8)],
    "capitation": [{"capitated_actual": 1.9e7}, {"capitated_actual": 2.3e7}, {"capitated_actual": 2.2e7}],
    "carried": [{"actual": 103e6, "carried_losses": 2e5}, {"actual": 107e6}, {"actual_pmpm": 880.0}],
    "discount": [
        {"quality_score": 0.79, "benchmark_addition": 48_156.0, "actual": 86e6},
        {"quality_score": 1.0, "benchmark_addition": -413_280.0, "actual": 117e6},
        {"quality_standard": "failed", "quality_score": 0.9, "benchmark_addition": 1e5},
    ],
    "withheld": [
        {"quality_score": 0.9, "actual": 88e6, "advance_balance": 2e5},
        {"quality_score": 0.8},
        {"quality_score": 0.7, "withheld_released": 1.1e6, "actual_pmpm": 880.0},
    ],
    "part by ladder": [{"quality_score": 0.6}, {"quality_score": 0.3}, {"quality_score": 0.8, "actual_pmpm": 800.0}],
}


def cell_of(value):
    """What one writes into an input cell for a setting."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else value


def edits_of(result):
    """Cells of the sheet of inputs that make one run's contract and figures of another's."""
    terms, found = result.terms[0], {}
    for clause in dataclasses.fields(Terms):
        value = getattr(terms, clause.name)
        if clause.name in SLOTS:
            for part, name in enumerate(SLOTS[clause.name]):
                found[f"terms_{name}"] = ["none" if row[part] == np.inf else row[part] for row in value]
        elif clause.name != "name":
            found[f"terms_{clause.name}"] = cell_of(value)
    for year in result.scenario.years:
        for item in dataclasses.fields(YearSettings):
            stated = getattr(year, item.name)
            if item.name in ("label", "performance_year") or (item.name == "members" and stated is None):
                continue
            value = 1.0 if stated is None and item.name == "quality_score" else cell_of(stated)
            found[f"input_{item.name}_{year.label}"] = value
    return found


def varied(seed, base):
    """A random contract and random figures that its clauses know."""
    rng = random.Random(seed)
    pick, maybe = rng.choice, lambda p, value: value if rng.random() < p else None
    share = lambda low=0.0, high=1.0: round(rng.uniform(low, high), rng.choice([1, 2, 4]))  # noqa: E731
    terms = {"sharing_rate": share(0.2), "share_from": pick(["first_dollar", "threshold"])}
    terms["msr"] = pick(["size", 0.0, 0.02, share(0, 0.05)])
    terms["mlr"] = pick(["size", "msr", 0.0, 0.01, share(0, 0.05)])
    terms["quality_method"] = pick(["none", "multiplier", "gate", "ladder", "standard"])
    terms["quality_gate"] = pick([0.0, 0.5, share()])
    if terms["quality_method"] == "ladder":
        scores = sorted({share() for _ in range(rng.randint(1, 4))})
        terms["quality_ladder"] = [[score, share()] for score in scores]
    if rng.random() < 0.3:
        ends = sorted({share(0.005, 0.1) or 0.01 for _ in range(rng.randint(0, 3))})
        terms["corridors"] = [[end, share()] for end in [*ends, float("inf")]]
    for clause in ("savings_cap_benchmark", "savings_cap_revenue", "loss_limit_benchmark", "loss_limit_revenue"):
        terms |= {} if (value := maybe(0.4, share(0, 0.1))) is None else {clause: value}
    terms["losses_carried"] = rng.random() < 0.3
    methods = ["none"] if terms["losses_carried"] else ["none", "fixed", "one_minus_final_rate"]
    terms["loss_method"] = pick([*methods, *([] if terms["losses_carried"] else ["one_minus_rate_times_quality"])])
    terms |= {"loss_rate": share()} if terms["loss_method"] == "fixed" else {}
    terms["loss_rate_floor"], terms["loss_rate_ceiling"] = sorted([share(0, 0.6), share(0.4, 1)])
    terms["loss_forgiven"] = maybe(0.3, share()) or 0.0
    terms["sequestration"] = maybe(0.4, share(0, 0.1)) or 0.0
    terms["below_msr_factor"], terms["below_msr_members"] = maybe(0.4, share()) or 0.0, rng.randint(0, 20_000)
    terms["capitated"] = maybe(0.3, pick([0.3, share()])) or 0.0
    terms["benchmark_discount"] = maybe(0.3, share(0, 0.05)) or 0.0
    terms["benchmark_at_risk"] = maybe(0.3, share(0, 0.05)) or 0.0
    terms["withheld"] = maybe(0.3, share(0, 0.5)) or 0.0
    if terms["quality_method"] not in ("none", "gate"):
        terms["quality_part"] = pick([1.0, 0.5, share()])
    years, needs = [], {"savings_cap_revenue", "loss_limit_revenue"} & set(terms)
    for position, year in enumerate(base.years):
        bench = rng.choice([1e8, round(rng.uniform(5e6, 9e8), 2)])
        rate = rng.choice([0.02, -0.02, 0.0, 0.01, rng.gauss(0, 0.05), rng.gauss(0, 0.05)])
        amounts = {"benchmark": bench, "actual": bench * (1 - rate)}
        if position == 2:
            pmpm = round(rng.uniform(300, 1500), 2)
            amounts = {"benchmark_pmpm": pmpm, "actual_pmpm": pmpm * (1 - rate)}
            amounts["member_months"] = float(rng.randint(30_000, 900_000))
        amounts |= {"label": year.label, "performance_year": year.performance_year}
        amounts["members"] = float(rng.randint(400, 90_000))
        amounts["quality_score"] = pick([0.5, 1.0, share(), rng.random()])
        standards = ["met", "met", "failed", *(["alternative"] if terms["quality_method"] == "standard" else [])]
        amounts["quality_standard"] = pick(standards)
        amounts["disaster_adjustment"] = maybe(0.3, rng.uniform(0, 1e6)) or 0.0
        amounts["advance_balance"] = maybe(0.3, rng.uniform(0, 2e6)) or 0.0
        amounts["benchmark_adjustment"] = maybe(0.3, share(-0.02, 0.02)) or 0.0
        amounts["actual_adjustment"] = maybe(0.3, share(-0.02, 0.02)) or 0.0
        amounts |= {"revenue": rng.uniform(1e6, 3e8)} if needs else {}
        amounts["benchmark_addition"] = maybe(0.3, rng.uniform(-5e5, 5e5)) or 0.0
        amounts["withheld_released"] = maybe(0.3, rng.uniform(0, 1e6)) or 0.0
        if terms["losses_carried"]:
            amounts["carried_losses"] = maybe(0.4, rng.uniform(0, 3e6)) or 0.0
        years.append(amounts)
    if terms["capitated"] and rng.random() < 0.6:
        for amounts in years:
            spent = amounts.get("actual") or amounts["actual_pmpm"] * amounts["member_months"]
            amounts["capitated_actual"] = terms["capitated"] * spent * rng.uniform(0.8, 1.2)
    return {"terms": terms, "years": years}
