"""A million settlement years beside as many normal draws, in the same process.

Luck drawn from the exact distribution and settled, at 500, 5,000 and 250,000 members; where the time goes; the
same with every cause uncertain; and the variance split among them. Floats, one thread; the least processor time of
several runs, draws and work by turns.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from scipy.stats import gengamma

YEARS = 1_000_000


def floor() -> None:
    """As many normal draws."""
    np.random.default_rng(1).standard_normal(YEARS)


def timed(work) -> float:
    """Processor time. [ms]"""
    begun = time.process_time()
    work()
    return 1e3 * (time.process_time() - begun)


def ratio(work, runs: int = 9) -> float:
    """Least time of work over the least time of the draws."""
    pairs = [(timed(work), timed(floor)) for _ in range(runs)]
    best, least = np.min(pairs, axis=0)
    return float(best / least)


def main() -> None:
    from acomodel import Terms
    from acomodel.outlook.luck.costs import severity_costs
    from acomodel.outlook.years.draws import luck
    from acomodel.outlook.years.simulation import Prospect
    from acomodel.outlook.years.uncertainty import LUCK_ONLY, Uncertainty
    from acomodel.outlook.years.variance import variance_by_cause

    costs = severity_costs(gengamma(0.739, 0.590, scale=4_000), zero_share=0.05, truncate=150_000)
    one_sided = Terms(sharing_rate=0.5, msr=0.02, savings_cap_benchmark=0.1)
    two_sided = Terms(
        sharing_rate=0.6, msr=0.02, loss_method="one_minus_final_rate", loss_limit_benchmark=0.1, sequestration=0.02
    )
    every = Uncertainty(trend_sd=0.01, completion_sd=0.005, risk_sd=0.01, quality_sd=0.05, market_sd=0.005)
    tied = replace(every, correlation=(("luck", "benchmark", -0.5), ("trend", "completion", 0.4)))
    print(f"{YEARS:,} normal draws: {min(timed(floor) for _ in range(15)):.1f} ms")
    for members in (500, 5_000, 250_000):
        table = ratio(lambda n=members: luck.__wrapped__(costs, n))
        print(f"{members:,} members; the table of luck, once: {table:.1f} x the draws")
        for words, uncertainty, terms, years in (
            ("luck only, one-sided", LUCK_ONLY, one_sided, 1),
            ("luck only, one-sided, 5 years each", LUCK_ONLY, one_sided, 5),
            ("luck only, two-sided", LUCK_ONLY, two_sided, 1),
            ("every cause, two-sided, 5 years each", every, two_sided, 5),
            ("the same, correlated", tied, two_sided, 5),
        ):
            prospect = Prospect(costs, members, 12_000.0 * members, years, uncertainty, quality_score=0.9)
            draws = YEARS // years
            scores = prospect.draw(draws)
            futures = prospect.futures(scores)
            parts = (
                ratio(lambda p=prospect, d=draws: p.draw(d)),
                ratio(lambda p=prospect, s=scores: p.futures(s)),
                ratio(lambda f=futures, t=terms: f.settle(t)),
            )
            whole = ratio(lambda p=prospect, d=draws, t=terms: p.futures(p.draw(d)).settle(t))
            print(
                f"  {words:38} {whole:5.1f} x the draws: scores {parts[0]:.1f}, costs and benchmarks "
                f"{parts[1]:.1f}, settlement {parts[2]:.1f}"
            )
    ahead = Prospect(costs, 5_000, 6e7, 3, tied, quality_score=0.9)
    split = ratio(lambda: variance_by_cause(ahead, two_sided), 3)
    every_year = 256 * 4096 * 3 / YEARS
    print(f"variance among 8 correlated causes, 256 subsets of 4,096 futures of 3 years: {split / every_year:.1f} x")


if __name__ == "__main__":
    main()
