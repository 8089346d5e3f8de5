"""Alarms of synthetic years: how often a year that runs as budgeted raises one, and when a planted drift is seen.

Without an option: shares of the kept figures, `monitoring.csv` beside this file.

With --simulate: forty books of each kind and size of population, three years before the contract year, payments of the
year and of all its run-off. The risk of a population is held even (`steady`), so that nothing but chance, growth and
seasons is in a year; `drifting` books are those whose risk drifts by itself. From April on, claims of all services are
raised by nothing, 4 and 8 percent. At the end of each month, from January to March after the year, all services and
each category of 3 percent of spending and more are tested against their budget. There are two budgets: `made` is last
year's PMPM with the trend regressed on the months before, as the workbench makes one, with all its error; `true` is
what the year came to before anything was raised, so that only its months are off. A row of `monitoring.csv` is one
year: the month of the first alarm (1 to 15, empty for none), what it was of, and the size that it gave.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from multiprocessing import Pool
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from acomodel.budget.trend import fit_trend
from acomodel.claims.completion import CompletionSettings, completion_factors
from acomodel.claims.synthetic import SyntheticSettings, write_book
from acomodel.claims.triangles import triangle
from acomodel.outlook.monitoring.drift import LOOKS, departures
from acomodel.outlook.monitoring.expected import Look, looks_at, trend_deviation

KEPT = Path(__file__).with_name("monitoring.csv")
YEAR, YEARS, RAISED, LEAST = 2024, 40, (0.0, 0.04, 0.08), 0.03
KINDS = (("commercial", 5_000), ("commercial", 15_000), ("medicare", 5_000), ("medicare", 15_000))
ALL = "All"


def claims_of(folder: Path) -> tuple[pd.DataFrame, pd.Series]:
    """Payments by month of service, of payment and category, and member months, of a whole book."""
    with duckdb.connect() as con:
        cells = con.execute(
            "SELECT date_trunc('month', service_date) AS incurred_month, date_trunc('month', paid_date) AS paid_month, "
            "service_category, sum(allowed)::DOUBLE AS allowed, sum(paid)::DOUBLE AS paid, "
            f"sum(units)::DOUBLE AS units FROM '{folder}/claims.parquet' GROUP BY ALL ORDER BY ALL"
        ).df()
        lives = con.execute(
            "SELECT month, count(*)::DOUBLE AS n FROM (SELECT unnest(generate_series(date_trunc('month', start_date), "
            "date_trunc('month', end_date), INTERVAL 1 MONTH)) AS month "
            f"FROM '{folder}/eligibility.parquet') GROUP BY 1"
        ).df()
    for name in ("incurred_month", "paid_month"):
        cells[name] = cells[name].dt.to_period("M")
    exposure = lives.set_index(pd.PeriodIndex(lives["month"], freq="M"))["n"].sort_index()
    return cells, exposure[: pd.Period(f"{YEAR}-12")]


def budgeted(months: pd.Series, exposure: pd.Series) -> tuple[float, float]:
    """Last year's PMPM with the trend fitted to the months before, all of them paid, and that trend's deviation."""
    before = months[: f"{YEAR - 1}-12"]
    frame = pd.DataFrame({"month": before.index, "member_months": exposure[before.index].to_numpy()})
    fit = fit_trend(frame.assign(services=1.0, incurred_claims=before.to_numpy()))
    last = before[f"{YEAR - 1}-01" :]
    return float(last.sum() / exposure[last.index].sum() * fit.annual_factor), trend_deviation(fit)


def shifted(one: Look, raised: float, april: pd.Period, budget: float, error: float) -> Look:
    """A look at claims raised from April on, against another budget with an error of its own."""
    off = one.deviation + np.log1p(raised) * (one.deviation.index >= april) - np.log(budget)
    return replace(one, deviation=off, chance=one.chance + error**2)


def rows_of(given: tuple[str, int, int, bool]) -> list[dict[str, object]]:
    """One book, watched against both budgets with every raise."""
    population, members, seed, steady = given
    settings = SyntheticSettings(
        members=members,
        population=population,
        start=f"{YEAR - 3}-01",
        months=48,
        runout_months=16,
        steady=steady,
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as name:
        write_book(settings, Path(name))
        payments, exposure = claims_of(Path(name))
    year = pd.period_range(f"{YEAR}-01", f"{YEAR}-12", freq="M")
    april, last = pd.Period(f"{YEAR}-04", "M"), year[0] + LOOKS - 1
    shares = payments.groupby("service_category")["allowed"].sum() / payments["allowed"].sum()
    rows, true, levels = [], {}, {}
    for name in (ALL, *shares.index[shares >= LEAST]):
        cells = triangle(payments, "allowed", None if name == ALL else name, f"{last.end_time:%Y-%m-%d}")
        months = payments[payments["service_category"].eq(name) | (name == ALL)]
        months = months.groupby("incurred_month")["allowed"].sum().reindex(exposure.index, fill_value=0.0)
        if not (months > 0).all():
            continue
        pattern = completion_factors(cells, CompletionSettings(method="chain_ladder"), exposure=exposure)
        whole = float(months[year].sum() / exposure[year].sum())
        true[name] = looks_at(cells, pattern, exposure, whole, YEAR, last)
        agreed, error = budgeted(months, exposure)
        levels[name] = (agreed / whole, error)
    for budget in ("made", "true") if steady else ("made",):
        for raised in RAISED if steady else RAISED[:1]:
            moved = {
                name: [
                    shifted(one, raised, april, *(levels[name] if budget == "made" else (1.0, 0.0))) for one in looks
                ]
                for name, looks in true.items()
            }
            alarms = departures(moved, year=YEAR, draws=2**13).alarms
            first = alarms[0] if alarms else None
            rows.append(
                {
                    "population": population,
                    "members": members,
                    "risk": "even" if steady else "drifting",
                    "seed": seed,
                    "budget": budget,
                    "raised": raised,
                    "budget_off": round(levels[ALL][0] - 1, 4),
                    "alarm": None if first is None else (first.month - year[0]).n + 1,
                    "since": None if first is None else (first.since - year[0]).n + 1,
                    "series": None if first is None else first.series,
                    "size": None if first is None else round(first.size, 4),
                }
            )
    return rows


def simulate(years: int) -> None:
    """Watch the years of all kinds and keep what was seen."""
    wanted = [(kind, size, seed, True) for kind, size in KINDS for seed in range(1, years + 1)]
    wanted += [(kind, 5_000, seed, False) for kind in ("commercial", "medicare") for seed in range(1, years + 1)]
    with Pool(2, maxtasksperchild=10) as pool:
        rows = [row for found in pool.imap(rows_of, wanted) for row in found]
    frame = pd.DataFrame(rows).astype({"alarm": "Int64", "since": "Int64"})
    frame.to_csv(KEPT, index=False)


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """Years, percent with an alarm by June, December and March after, median month and size of the first alarm."""
    keys = ["risk", "budget", "raised", "population", "members"]
    by = {"June": 6, "September": 9, "December": 12, "March": LOOKS}
    seen = frame.assign(**{name: 100.0 * (frame["alarm"].fillna(99) <= month) for name, month in by.items()})
    made = seen.groupby(keys).agg(
        years=("seed", "size"),
        **{name: (name, "mean") for name in by},
        month=("alarm", "median"),
        size=("size", "median"),
        budget_off=("budget_off", "std"),
    )
    return made.astype(float).round({"size": 3, "budget_off": 3, **dict.fromkeys([*by, "month"], 1)})


if __name__ == "__main__":
    if sys.argv[1:2] == ["--simulate"]:
        begun = time.perf_counter()
        simulate(int(sys.argv[2]) if len(sys.argv) > 2 else YEARS)
        print(f"simulated in {time.perf_counter() - begun:,.0f} s")
    pd.set_option("display.width", 200, "display.max_columns", 20)
    kept = pd.read_csv(KEPT, dtype={"alarm": "Int64", "since": "Int64"})
    print(summary(kept).to_string())
    first = kept[(kept["raised"] > 0) & kept["alarm"].notna()]
    print(first.groupby(["population", "members", "raised"])["alarm"].value_counts().unstack(fill_value=0).to_string())
