"""One `settle` call on 5,000 ACOs beside the same through a Python loop: the ratio of their times."""

from statistics import median
from time import perf_counter

import numpy as np

from acomodel import settle, terms

ACOS = 5_000
TRACKS = ["Track 1", "Track 2", "Track 3", "Track 1+"]


def main() -> None:
    rng = np.random.default_rng(2018)
    benchmark = rng.lognormal(18.9, 0.7, ACOS)
    actual = benchmark * (1 - rng.normal(0.01, 0.04, ACOS))
    members = rng.integers(5_000, 80_000, ACOS)
    quality = rng.uniform(0.6, 1.0, ACOS)
    kinds = [terms("mssp", track, 2018) for track in TRACKS]
    contracts = [kinds[k] for k in rng.integers(0, len(kinds), ACOS)]

    def one_call() -> np.ndarray:
        return settle(benchmark, actual, contracts, members=members, quality_score=quality).payment

    def loop() -> np.ndarray:
        rows = zip(benchmark, actual, contracts, members, quality, strict=True)
        return np.array([settle(b, a, c, members=n, quality_score=q).payment for b, a, c, n, q in rows])

    times: dict[str, list[float]] = {"one call": [], "loop": []}
    for _ in range(3):
        for name, work in (("one call", one_call), ("loop", loop)):
            begun = perf_counter()
            payments = work()
            times[name].append(perf_counter() - begun)
            if name == "one call":
                whole = payments
    assert np.array_equal(whole, payments), "the loop and the one call disagree"
    ratio = median(times["loop"]) / median(times["one call"])
    print(
        f"settle, {ACOS:,} ACOs: the loop takes {ratio:,.0f} times as long as one call; same payments to the last digit"
    )


if __name__ == "__main__":
    main()
