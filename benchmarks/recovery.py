"""Synthetic claims: how often the interval of a fitted trend covers the trend put in, and how fast they are written."""

import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time

import duckdb
import pandas as pd

from acomodel.budget.trend import TrendRule, fit_trend
from acomodel.claims.synthetic import SyntheticSettings, write_book

BOOKS = 100


def monthly(folder: Path) -> pd.DataFrame:
    """Monthly experience of a book, all claims together; a member counts in each month with a day of coverage."""
    con = duckdb.connect()
    claims = con.execute(
        f"SELECT date_trunc('month', service_date) AS month, sum(allowed)::DOUBLE AS incurred_claims, "
        f"count(*)::DOUBLE AS services FROM '{folder}/claims.parquet' GROUP BY 1"
    ).df()
    members = con.execute(
        "SELECT month, count(*)::DOUBLE AS member_months FROM (SELECT unnest(generate_series("
        "date_trunc('month', start_date), date_trunc('month', end_date), INTERVAL 1 MONTH)) AS month "
        f"FROM '{folder}/eligibility.parquet') GROUP BY 1"
    ).df()
    both = claims.merge(members, on="month").sort_values("month", ignore_index=True)
    return both.assign(month=both["month"].dt.to_period("M"), service_category="All")


def covered(seed: int, folder: Path, rule: TrendRule | None = None) -> bool:
    """Whether the interval of one small, fully paid book covers the trend put in."""
    settings = SyntheticSettings(members=1_500, months=36, runout_months=16, seed=seed)
    truth = write_book(settings, folder)
    fit = fit_trend(monthly(folder), rule)
    return fit.low <= 1 + truth.allowed_trend <= fit.high


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        hits = sum(covered(seed, Path(name)) for seed in range(BOOKS))
        print(f"trend, 95% interval: covers the truth in {hits} of {BOOKS} books of 1,500 members and 36 months")
        for members in [int(m) for m in sys.argv[1:]] or [7_000]:
            begun, worked = perf_counter(), process_time()
            truth = write_book(SyntheticSettings(members=members), Path(name))
            wall, cpu = perf_counter() - begun, process_time() - worked
            print(
                f"writing: {truth.lines:,} lines in {wall:.1f} s, {truth.lines / cpu:,.0f} lines a second of one core"
            )


if __name__ == "__main__":
    main()
