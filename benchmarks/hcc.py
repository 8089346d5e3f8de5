"""CMS-HCC scores of 100,000 and 1,000,000 members beside the calculator of hccinfhir; 50M diagnoses with --full.

The members are those of the correctness test: all segments, ages from 0 to 105, 0 to 40 diagnoses each, one in ten
invalid. Each piece runs in a process of its own, so that its CPU and peak memory are its own; CPU is user and system
time of all its threads, the median of three runs. Tables are loaded before, as the other calculator loads its own when
it is made. That one takes one member at a time; it is timed on 4,000 of the same members in the same call of this
script, and its time scaled. With --check, every score of 20,000 random members of each model is compared with it.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

_TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(_TESTS / "formulas"), str(_TESTS)]

SAMPLE = 4_000
FULL = 2_500_000
"""Members with 50M diagnoses. [members]"""
PIECES = {
    "memory": "diagnoses in memory as categoricals",
    "parquet": "diagnoses from Parquet as dictionaries",
    "engine": "diagnoses through the engine",
}


def book(folder: Path, size: int) -> None:
    """Write members and diagnoses as Parquet; print how many rows of diagnoses there are."""
    from test_hcc import population

    folder.mkdir(parents=True)
    diagnoses, members = population(size, "V28")
    members.to_parquet(folder / "members.parquet", index=False)
    diagnoses.to_parquet(folder / "diagnoses.parquet", index=False)
    print(len(diagnoses))


def _coded(folder: Path) -> pd.DataFrame:
    import pyarrow.parquet as pq

    named = ["member_id", "code"]
    return pq.read_table(folder / "diagnoses.parquet", columns=named, read_dictionary=named).to_pandas()


def _memory(folder: Path, members: pd.DataFrame) -> Callable[[], float]:
    from acomodel.budget.hcc.scores import hcc_scores

    diagnoses = _coded(folder)
    return lambda: float(hcc_scores(diagnoses, members).frame["raw_score"].mean())


def _parquet(folder: Path, members: pd.DataFrame) -> Callable[[], float]:
    from acomodel.budget.hcc.scores import hcc_scores

    return lambda: float(hcc_scores(_coded(folder), members).frame["raw_score"].mean())


def _engine(folder: Path, members: pd.DataFrame) -> Callable[[], float]:
    import ibis

    from acomodel.budget.hcc.scores import hcc_scores

    connection = ibis.duckdb.connect()
    table = connection.read_parquet(str(folder / "diagnoses.parquet"))
    return lambda: float(hcc_scores(table, members).frame["raw_score"].mean())


def _other(folder: Path, members: pd.DataFrame) -> Callable[[], float]:
    from hccinfhir import Demographics, HCCInFHIR

    calculator = HCCInFHIR(model_name="CMS-HCC Model V28")
    rows = members.head(SAMPLE)
    last = ("member_id", "<=", rows["member_id"].iloc[-1])
    found = pd.read_parquet(folder / "diagnoses.parquet", filters=[last]).astype("str")
    codes = found.groupby("member_id")["code"].agg(list).to_dict()

    def run() -> float:
        scores = [
            calculator.calculate_from_diagnosis(
                codes.get(row.member_id, []),
                Demographics(
                    age=row.age,
                    sex=row.sex,
                    dual_elgbl_cd=row.dual_status,
                    orec=row.orec,
                    crec=row.crec,
                    lti=row.institutional,
                    new_enrollee=row.new_enrollee,
                    snp=row.snp,
                ),
            ).risk_score
            for row in rows.itertuples()
        ]
        return statistics.fmean(scores)

    return run


def child(folder: Path, name: str) -> None:
    """Run one piece; print its CPU and wall time and its peak memory."""
    from test_hcc import population

    from acomodel.budget.hcc.scores import hcc_scores

    members = pd.read_parquet(folder / "members.parquet")
    scale = len(members) / SAMPLE if name == "other" else 1.0
    run = {"memory": _memory, "parquet": _parquet, "engine": _engine, "other": _other}[name](folder, members)
    hcc_scores(*population(100, "V28"))  # loads the tables
    times = [_timed(run) for _ in range(3)]
    cpu, wall, mean = (statistics.median(column) for column in zip(*times, strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({"cpu": cpu * scale, "wall": wall * scale, "gb": peak, "mean": mean}))


def _timed(run: Callable[[], float]) -> tuple[float, float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    mean = run()
    return time.process_time() - cpu, time.perf_counter() - wall, mean


def measured(*arguments: str) -> Any:
    """What this script prints last in a fresh process; books are made in one too, so that this one stays small."""
    command = [sys.executable, "-W", "ignore", __file__, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def _line(words: str, row: dict[str, float], ratio: str = "") -> None:
    figures = f"{row['cpu']:8.3f} s CPU {row['wall']:8.3f} s {row['gb']:6.2f} GB  mean {row['mean']:.6f}"
    print(f"  {words:50s} {figures} {ratio}", flush=True)


def main(*, full: bool) -> None:
    for size in (100_000, 1_000_000):
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made) / "book"
            rows = measured("--book", str(folder), str(size))
            print(f"{size:,} members, {rows:,} diagnoses", flush=True)
            other = measured("--child", str(folder), "other")
            _line(f"hccinfhir, {SAMPLE:,} members, scaled", other)
            for name, words in PIECES.items():
                row = measured("--child", str(folder), name)
                cpu, wall = (other[kind] / row[kind] for kind in ("cpu", "wall"))
                _line(f"acomodel, {words}", row, f"{cpu:.0f} x of CPU, {wall:.0f} x of wall time")
    if full:
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made) / "book"
            rows = measured("--book", str(folder), str(FULL))
            print(f"{FULL:,} members, {rows:,} diagnoses", flush=True)
            _line(f"acomodel, {PIECES['engine']}", measured("--child", str(folder), "engine"))


def check(size: int = 20_000) -> None:
    """Compare every score of random members with the other calculator's."""
    import test_hcc
    import test_hcc_esrd

    cases = [(test, model) for test in (test_hcc, test_hcc_esrd) for model in test.EXPLAINED]
    for test, model in cases:
        names = test.EXPLAINED[model]
        rows, counts, _ = test.differences(size, model, seed=7)
        print(f"{model}: {size:,} members, largest difference {rows['difference'].max():.1e}; named: {counts}")
        wrong = (rows["difference"] > 1e-9) | ~rows["same_categories"] | rows["unexplained"]
        if wrong.any() or set(counts) != names:
            sys.exit(f"{model}: {int(wrong.sum()):,} scores differ without a name")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(Path(sys.argv[2]), sys.argv[3])
    elif sys.argv[1:2] == ["--book"]:
        book(Path(sys.argv[2]), int(sys.argv[3]))
    elif "--check" in sys.argv:
        check()
    else:
        main(full="--full" in sys.argv)
