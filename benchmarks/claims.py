"""Attribution and experience on 1M, 10M and (with --full) 50M claim lines, beside DuckDB's floors and pandas.

Each piece runs in a process of its own, so that its peak memory is its own. Ratios are of CPU time, the least of
three runs (fifteen of those under a second), to a floor on the same Parquet file in the same call of this script:

- attribution: a bare hash aggregate by (member, provider), over the lines that qualify and over all lines
- experience: scan and sum of the same amounts by service category, and by category and month of service

The least of them leaves out what is worked out once for a dataset and then kept: providers, members and spans of
coverage, a few hundredths of a second, mostly to compile.
"""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from itertools import pairwise
from pathlib import Path

LINES_PER_MEMBER = 24.6  # commercial members, 24 months


def _pieces(folder: Path):
    import duckdb

    from acomodel.claims.attribution import AttributionRule, attribute
    from acomodel.claims.incurred import experience
    from acomodel.claims.population import everyone
    from acomodel.claims.tables import read_dataset
    from acomodel.claims.visits import Codes, qualifying

    path = folder / "claims.parquet"
    con = duckdb.connect()
    seen = qualifying(read_dataset(folder), Codes("dartmouth", 2022), date(2021, 1, 1), date(2022, 12, 31))
    pairs = seen.group_by("member_id", "provider_id").agg(n=seen.count())

    def floor(sql: str):
        return lambda: con.execute(sql).fetchall()

    def method(name: str):
        data = read_dataset(folder)
        return lambda: attribute(data, AttributionRule(name), "2022-12-31")  # kept in the engine, worked out

    def build():
        data = read_dataset(folder)
        who = everyone(data, [2021, 2022])
        return lambda: experience(data, who)

    def pandas():
        import pandas as pd

        listed = Codes("dartmouth", 2022).listed("visit_code")
        providers = pd.read_parquet(folder / "providers.parquet", columns=["provider_id", "provider_class"])

        def run():
            columns = ["member_id", "provider_id", "service_date", "hcpcs", "claim_type", "allowed"]
            lines = pd.read_parquet(path, columns=columns)
            lines = lines[(lines["claim_type"] == "professional") & lines["hcpcs"].isin(listed)]
            days = lines[["member_id", "provider_id", "service_date"]].drop_duplicates()
            pairs = (
                days.groupby(["member_id", "provider_id"])["service_date"].agg(["count", "min", "max"]).reset_index()
            )
            pairs = pairs.merge(providers, on="provider_id", how="left")
            pairs = pairs[pairs["provider_class"] != "ancillary"]
            rank = pairs["provider_class"].map({"primary": 1, "medical": 2, "surgical": 3}).fillna(4)
            pairs = pairs.assign(rank=rank, span=pairs["max"] - pairs["min"])
            keys = ["member_id", "rank", "count", "span", "max", "provider_id"]
            ordered = pairs.sort_values(keys, ascending=[True, True, False, False, False, True])
            return ordered.drop_duplicates("member_id")

        return run

    by_category = (
        "service_category, sum(paid), sum(member_cost_share), sum(allowed), sum(ime_dsh), sum(units), count(*)"
    )
    return {
        "floor: aggregate by (member, provider), visits": lambda: pairs.agg(k=pairs.count(), n=pairs.n.sum()).to_pandas,
        "floor: aggregate by (member, provider), all lines": lambda: floor(
            "SELECT count(*), sum(n) FROM (SELECT member_id, provider_id, count(*) AS n "
            f"FROM read_parquet('{path}') GROUP BY ALL)"
        ),
        "Dartmouth": lambda: method("dartmouth"),
        "MSSP": lambda: method("mssp"),
        "pandas: Dartmouth": pandas,
        "floor: scan and sum by category": lambda: floor(
            f"SELECT {by_category} FROM read_parquet('{path}') GROUP BY 1"
        ),
        "floor: scan and sum by category and month": lambda: floor(
            f"SELECT year(service_date), month(service_date), {by_category} FROM read_parquet('{path}') "
            "GROUP BY 1, 2, 3"
        ),
        "experience": build,
    }


def child(folder: Path, name: str) -> None:
    """Run one piece three times, or fifteen if it is quick; print the least CPU and wall time and the peak memory."""
    run = _pieces(folder)[name]()
    best, runs = (math.inf, math.inf), 0
    while runs < (15 if best[1] < 1 else 3):
        runs += 1
        before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        run()
        wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        best = min(best, (cpu, wall))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({"cpu": best[0], "wall": best[1], "gb": peak}))


def measured(folder: Path, name: str) -> dict[str, float]:
    """Figures of one piece in a fresh process."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", str(folder), name], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


def main(sizes: list[int]) -> None:
    from acomodel.claims.synthetic import SyntheticSettings, write_book

    found: dict[int, dict[str, dict[str, float]]] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made) / "book"
            start = time.perf_counter()
            settings = SyntheticSettings(members=int(size / LINES_PER_MEMBER / 2), months=24, population="commercial")
            book = write_book(settings, folder)
            print(f"{book.lines:,} lines, written in {time.perf_counter() - start:.0f} s", flush=True)
            names = [n for n in _pieces(folder) if not (n.startswith("pandas") and size > 20_000_000)]
            found[size] = {name: measured(folder, name) for name in names}
        for name, row in found[size].items():
            print(f"  {name:52s} {row['cpu']:8.2f} s CPU {row['wall']:8.2f} s {row['gb']:6.2f} GB", flush=True)
        rows = found[size]
        visits, lines = (rows[f"floor: aggregate by (member, provider), {n}"]["cpu"] for n in ("visits", "all lines"))
        for name in ("Dartmouth", "MSSP"):
            print(f"  {name}: {rows[name]['cpu'] / visits:.2f} times the floor over the visits, ", end="")
            print(f"{rows[name]['cpu'] / lines:.2f} times that over all lines")
        for grain in ("category", "category and month"):
            ratio = rows["experience"]["cpu"] / rows[f"floor: scan and sum by {grain}"]["cpu"]
            print(f"  experience: {ratio:.2f} times the scan and sum by {grain}")
        if "pandas: Dartmouth" in rows:
            ratio = rows["pandas: Dartmouth"]["wall"] / rows["Dartmouth"]["wall"]
            print(f"  pandas: {ratio:.1f} times the wall time of Dartmouth")
    for small, large in pairwise(sizes):
        for name in ("Dartmouth", "MSSP", "experience"):
            growth = found[large][name]["cpu"] / found[small][name]["cpu"]
            print(
                f"{name}: exponent {math.log(growth) / math.log(large / small):.2f} from {small:,} to {large:,} lines"
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(Path(sys.argv[2]), sys.argv[3])
    else:
        main([1_000_000, 10_000_000] + ([50_000_000] if "--full" in sys.argv else []))
