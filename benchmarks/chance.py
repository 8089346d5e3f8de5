"""The exact chance of savings: its time beside a floor, and members drawn one by one to hold it against.

Without an option: milliseconds for 50,000 costs, as they come and with the distribution made before, at 5,000 and
250,000 members, beside (a) the exponentials of the inversion, 512 cells by its terms, and (b) one exponentiation of
70 complex values for each of the 50,000 costs, which is what is saved; then the error of the normal and the
saddlepoint approximation by size and threshold.

With --simulate: ten million years a case, to `chance_simulated.csv` beside this file, which the tests read. Members
of 500 and 5,000 are drawn one by one from 65,536 costs. For larger sizes the members who draw each of 40 costs are
counted (multinomial), which is the same experiment.
"""

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path

import numpy as np
from scipy.stats import gengamma

KEPT = Path(__file__).with_name("chance_simulated.csv")
YEARS = 10_000_000
DRAWN = 65_536
POPULATIONS = {"Medicare": (0.05, 0.739, 0.590, 11_000.0), "employer": (0.13, 94.3, 0.0568, 5_600.0)}
"""Share without cost, shapes of a generalized gamma and mean; shares assumed, shapes fitted to published shares."""


def costs(population: str, capped: bool, number: int) -> np.ndarray:
    """Costs at the middle of equal probabilities, capped at the 99th percentile or not; the same each time."""
    zero, a, c, mean = POPULATIONS[population]
    severity = gengamma(a, c)
    at = (np.arange(number) + 0.5) / number
    values = np.where(at < zero, 0.0, severity.ppf(np.clip((at - zero) / (1 - zero), 1e-12, 1)))
    values = np.rint(values * mean / (severity.mean() * (1 - zero)) * 100) / 100
    return np.minimum(values, values[int(0.99 * number)]) if capped else values


def table(population: str, capped: bool) -> tuple[np.ndarray, np.ndarray]:
    """Forty costs and their probabilities, finer towards the tail."""
    values = costs(population, capped, 50_000)
    cut = np.unique((50_000 * (1 - np.geomspace(1, 1e-4, 41))).astype(int)[1:-1])
    groups = np.split(values, cut)
    return np.array([round(float(g.mean()), 2) for g in groups]), np.array([len(g) / 50_000 for g in groups])


def thresholds(cv: float, members: int) -> list[float]:
    """Thresholds about one, two and three standard deviations away."""
    return [round(float(z * cv / members**0.5), 4) for z in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5)]


def one_by_one(values: np.ndarray, members: int, seed: int) -> np.ndarray:
    """Totals of years whose members are drawn one by one from 65,536 costs, two random bytes each."""
    rng = np.random.Generator(np.random.SFC64(seed))
    totals = np.empty(YEARS)
    rows = max(1, 200_000 // members)
    drawn = np.empty(rows * members)
    for start in range(0, YEARS, rows):
        np.take(values, np.frombuffer(rng.bytes(2 * rows * members), dtype=np.uint16), out=drawn, mode="clip")
        n = min(rows, YEARS - start)
        totals[start : start + n] = drawn.reshape(rows, members).sum(axis=1)[:n]
    return totals


def by_counts(values: np.ndarray, chances: np.ndarray, members: int, seed: int) -> np.ndarray:
    """Totals of years by the members who draw each cost."""
    rng = np.random.default_rng(seed)
    totals = np.empty(YEARS)
    for start in range(0, YEARS, 100_000):
        n = min(100_000, YEARS - start)
        totals[start : start + n] = rng.multinomial(members, chances, n) @ values
    return totals


def simulate(cases: list[str]) -> None:
    """Count years that reach each threshold on either side, and keep the counts."""
    new = not KEPT.exists()
    with KEPT.open("a", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        if new:
            out.writerow(["draw", "population", "capped", "members", "threshold", "years", "savings", "losses"])
        seed = 0
        for population in POPULATIONS:
            for capped in (True, False):
                for draw, sizes in (
                    ("counts", [500, 5_000, 20_000, 60_000, 250_000]),
                    ("members", [500, 5_000]),
                ):
                    for members in sizes:
                        seed += 1
                        if cases and f"{draw}-{members}" not in cases:
                            continue
                        if draw == "counts":
                            values, chances = table(population, capped)
                            totals = by_counts(values, chances, members, seed)
                        else:
                            values = costs(population, capped, DRAWN)
                            chances = np.full(len(values), 1 / len(values))
                            totals = one_by_one(values, members, seed)
                        mean = float(chances @ values)
                        cv = float(np.sqrt(chances @ (values - mean) ** 2)) / mean
                        rates = 1 - totals / (members * mean)
                        for m in thresholds(cv, members):
                            reached = [int((rates >= m).sum()), int((rates <= -m).sum())]
                            out.writerow([draw, population, int(capped), members, m, YEARS, *reached])
                        file.flush()
                        print(draw, population, capped, members, flush=True)


def least(work, runs: int = 15) -> float:
    """Least time of several runs. [ms]"""
    best = np.inf
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begun)
    return 1e3 * best


def main() -> None:
    from acomodel.outlook.luck.approximations import approximation_errors
    from acomodel.outlook.luck.chance import chance_of_savings
    from acomodel.outlook.luck.costs import cost_distribution
    from acomodel.outlook.luck.ratio import Noise, SpendingRatio

    for population in POPULATIONS:
        for capped in (True, False):
            values = costs(population, capped, 50_000)
            made = cost_distribution(values)
            cells = made.cells()[0]
            print(f"{population}, {'capped' if capped else 'uncapped'}: {len(values):,} costs, cv {made.cv:.3f}")
            for members in (500, 5_000, 250_000):
                m = thresholds(made.cv, members)[2]
                terms = len(SpendingRatio(made, members, Noise()).year.terms)
                angles = 1j * np.multiply.outer(np.linspace(0, 1, terms), np.linspace(-1, 1, len(cells.centres)))
                floor = least(lambda a=angles: np.exp(a))
                fresh = least(lambda n=members, t=m, v=values: chance_of_savings(v, n, t))
                again = least(lambda n=members, t=m, d=made: chance_of_savings(d, n, t))
                print(
                    f"  {members:8,} members: {fresh:6.2f} ms from costs, {again:6.2f} ms from their distribution; "
                    f"{terms} terms, whose exponentials take {floor:5.2f} ms: {again / floor:4.1f} times that"
                )
            every = 1j * np.multiply.outer(np.linspace(0, 1e-4, 70), values)
            print(f"  70 exponentials for each cost: {least(lambda e=every: np.exp(e), 3):6.1f} ms")
    for population, capped in (("Medicare", True), ("employer", False)):
        print(f"{population}, {'capped' if capped else 'uncapped'}")
        sizes = [500, 5_000, 20_000, 60_000, 250_000]
        print(approximation_errors(costs(population, capped, 50_000), sizes, [0.01, 0.02, 0.03, 0.05]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--simulate"]:
        simulate(sys.argv[2:])
    else:
        main()
