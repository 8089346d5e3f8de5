"""Simulated physicians with a known truth: who is put in the wrong class by raw ranking, and who by this package.

Twenty specialties of a hundred physicians each. True cost ratios are lognormal about 1; episodes are of three levels of
cost, gamma within (coefficient of variation 1.3), of patients who are dear in one episode as in another (frailty). The
number of episodes is lognormal, set so that about as many physicians have a reliability below 0.70 as published (59 %).

Raw ranking: the quarter of least observed ratio of a specialty is called low in cost; wrong are those who are not of
the quarter of least true ratio, and the other way round, as in the published 22 %. Ours: wrong are those said to stand
below peers whose true ratio is 1 or more, and above with 1 or less, as a share of all and of those so named; the two
definitions differ, so that the shares are not the same measure.

Then a synthetic book of claims, whose physicians do not differ: everybody said to stand apart is wrong.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from acomodel.claims.care.episodes import find_episodes
from acomodel.claims.care.panels import panel_costs, referral_costs
from acomodel.claims.care.peers import ABOVE, BELOW, PhysicianSettings
from acomodel.claims.care.physicians import cost_of_care, episode_cells
from acomodel.claims.population import assign
from acomodel.claims.synthetic import SyntheticSettings, write_book
from acomodel.claims.tables import read_dataset
from acomodel.reliability import PUBLISHED, misclassified

SPECIALTIES, PHYSICIANS, SPREAD, TIER = 20, 100, 0.18, 0.25


def simulated(seed: int, frailty: float) -> tuple[pd.DataFrame, pd.Series]:
    """Episodes and the true ratio of each physician."""
    rng = np.random.default_rng(seed)
    count = SPECIALTIES * PHYSICIANS
    truth = np.exp(rng.normal(-(SPREAD**2) / 2, SPREAD, count))
    sizes = np.maximum(8, rng.lognormal(np.log(170), 0.9, count)).astype(int)
    who = np.repeat(np.arange(count), sizes)
    hard = rng.dirichlet([4, 2, 1], count)
    level = (rng.random(len(who))[:, None] > hard.cumsum(axis=1)[who]).sum(axis=1).clip(max=2)
    patient = np.arange(len(who)) // 3
    dear = rng.gamma(1 / frailty**2, frailty**2, patient[-1] + 1) if frailty else np.ones(patient[-1] + 1)
    mean = np.array([400.0, 1_200.0, 4_000.0])[level] * truth[who] * dear[patient]
    frame = pd.DataFrame(
        {
            "physician": [f"D{n:04d}" for n in who],
            "specialty": [f"S{n // PHYSICIANS:02d}" for n in who],
            "condition": "simulated",
            "severity": level + 1,
            "cost": rng.gamma(1 / 1.3**2, mean * 1.3**2),
            "complete": True,
            "outlier": False,
            "patient": patient,
        }
    )
    return frame, pd.Series(truth, [f"D{n:04d}" for n in range(count)])


def scored(frame: pd.DataFrame, truth: pd.Series, rule: PhysicianSettings) -> dict[str, float]:
    """Shares of physicians in the wrong class, and how many are classed."""
    found = cost_of_care(episode_cells(frame), rule).physicians.reset_index("specialty")
    level = truth.reindex(found.index)
    groups = found["specialty"]
    relative = level / level.groupby(groups).transform("mean")

    def low(values: pd.Series) -> pd.Series:
        return values.groupby(groups).rank(pct=True) <= TIER

    raw = low(found["ratio"]) != low(level)
    below, above = found["standing"] == BELOW, found["standing"] == ABOVE
    wrong = (below & (relative >= 1)) | (above & (relative <= 1))
    inside = (found["low"] <= relative) & (relative <= found["high"])
    share = found["reliability"]
    return {
        "median reliability": float(share.median()),
        "below 0.70": float((share < 0.7).mean()),
        "raw ranking, wrong": float(raw.mean()),
        "of them called low, wrong": float((low(found["ratio"]) & ~low(level)).sum() / low(found["ratio"]).sum()),
        "theory": float(np.mean(misclassified(share, TIER))),
        "ours, classed": float((below | above).mean()),
        "ours, wrong": float(wrong.mean()),
        "of those classed, wrong": float(wrong.sum() / max((below | above).sum(), 1)),
        "interval holds": float(inside.mean()),
    }


def main() -> None:
    """Tables of the simulation, then a book without differences."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--runs", type=int, default=3)
    given.add_argument("--members", type=int, default=20_000)
    asked = given.parse_args()
    rule, every = PhysicianSettings(minimum_episodes=8), PhysicianSettings(minimum_episodes=8, minimum_reliability=0.0)
    rows = {}
    for name, frailty, chosen, known in (
        ("own patients", 0.0, rule, True),
        ("frail patients", 0.8, rule, True),
        ("frail, any reliability", 0.8, every, True),
        ("frail, any, patients unknown", 0.8, every, False),
    ):
        runs = []
        for seed in range(asked.runs):
            frame, truth = simulated(seed, frailty)
            runs.append(scored(frame if known else frame.drop(columns="patient"), truth, chosen))
        rows[name] = pd.DataFrame(runs).mean()
    print(pd.DataFrame(rows).round(3).to_string())
    print(f"published: {PUBLISHED}")
    with tempfile.TemporaryDirectory() as made:
        book(Path(made) / "book", asked.members)


def book(folder: Path, members: int) -> None:
    """Physicians of a synthetic book, who do not differ; and how long the engine takes."""
    write_book(SyntheticSettings(members=members, months=36, start="2020-01", aco_share=0.5), folder)
    dataset, years = read_dataset(folder), [2020, 2021, 2022]
    population = assign(dataset, "ACO1", years)
    lines = int(dataset.claims.count().to_pandas())
    began = time.perf_counter()
    episodes = find_episodes(dataset, population, years)
    middle = time.perf_counter()
    panel_costs(dataset, population, years)
    referral_costs(dataset, population, years[-1])
    ended = time.perf_counter()
    floor = time.perf_counter()
    dataset.connection.con.sql(
        f"SELECT member_id, service_date, sum(allowed) FROM '{folder}/claims.parquet' GROUP BY ALL ORDER BY 1, 2"
    ).to_arrow_table()
    floor = time.perf_counter() - floor
    print(
        f"{lines:,} lines, {len(episodes):,} episodes: {middle - began:.2f} s; panels, referrals {ended - middle:.2f} s"
    )
    print(f"beside a sum by member and day, sorted: {floor:.2f} s, ratio {(middle - began) / floor:.1f}")
    for name, reliable in (("as it is", 0.7), ("any reliability", 0.0)):
        for known in (True, False):
            rule = PhysicianSettings(minimum_reliability=reliable)
            rows = episodes if known else episodes.drop(columns="patient")
            found = cost_of_care(episode_cells(rows), rule).physicians
            apart = found["standing"].isin([BELOW, ABOVE])
            judged = int((found["units"] >= rule.minimum_episodes).sum())
            patients = "known" if known else "unknown"
            print(f"  {name}, patients {patients}: {int(apart.sum())} of {judged} said to stand apart")


if __name__ == "__main__":
    main()
