"""Forecasts of synthetic years at the end of March, June and September, held against what the years came to.

Without an option: scores of the kept figures, `forecast.csv` beside this file: how often the 90% interval held the
year's complete claims, and the continuous ranked probability score beside that of two simple forecasts. Then the time
of one forecast beside that of completing the claims it rests on.

With --simulate: two hundred books of each kind of population, 5,000 members and three years before the contract year,
whose risks drift and last (`steady` is off), payments of the year and of all its run-off. A row of `forecast.csv` is
one forecast: its mean, deviation, ends of the 90% interval, score and transform, the truth, and the two others: claims
so far, completed, annualized; and last year by exposure with the trend fitted to the months before. Both state no
spread, so that their score is their absolute error; that of the forecast's median stands beside.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import duckdb
import pandas as pd

from acomodel.budget.trend import fit_trend
from acomodel.claims.completion import CompletionSettings
from acomodel.claims.runoff import complete
from acomodel.claims.synthetic import SyntheticSettings, write_book
from acomodel.outlook.forecast.path import forecast_path
from acomodel.outlook.forecast.scoring import crps, pit

KEPT = Path(__file__).with_name("forecast.csv")
YEAR, BOOKS, MEMBERS, MONTHS = 2024, 200, 5_000, (3, 6, 9)


def claims_of(folder: Path) -> tuple[pd.DataFrame, pd.Series]:
    """Payments by month of service and of payment, and member months, of a whole book."""
    with duckdb.connect() as con:
        cells = con.execute(
            "SELECT date_trunc('month', service_date) AS incurred_month, date_trunc('month', paid_date) AS paid_month, "
            "sum(allowed)::DOUBLE AS allowed, sum(paid)::DOUBLE AS paid, sum(units)::DOUBLE AS units "
            f"FROM '{folder}/claims.parquet' GROUP BY ALL ORDER BY ALL"
        ).df()
        lives = con.execute(
            "SELECT month, count(*)::DOUBLE AS n FROM (SELECT unnest(generate_series(date_trunc('month', start_date), "
            "date_trunc('month', end_date), INTERVAL 1 MONTH)) AS month "
            f"FROM '{folder}/eligibility.parquet') GROUP BY 1"
        ).df()
    for name in ("incurred_month", "paid_month"):
        cells[name] = cells[name].dt.to_period("M")
    exposure = lives.set_index(pd.PeriodIndex(lives["month"], freq="M"))["n"].sort_index()
    return cells.assign(service_category="All claims"), exposure[: pd.Period(f"{YEAR}-12")]


def scored(population: str, seed: int, *, steady: bool = False) -> list[dict[str, object]]:
    """Forecasts of one book."""
    settings = SyntheticSettings(
        members=MEMBERS,
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
    months = pd.period_range(f"{YEAR}-01", f"{YEAR}-12", freq="M")
    truth = float(payments.loc[payments["incurred_month"].isin(months), "allowed"].sum())
    path = forecast_path(payments, exposure, YEAR, as_of=months[[m - 1 for m in MONTHS]])
    rows: list[dict[str, object]] = []
    for m, forecast in zip(MONTHS, path.forecasts, strict=True):
        low, high = forecast.interval(0.9)
        annualized, trended = simple(payments, exposure, forecast.as_of, m, forecast.exposure)
        rows.append(
            {
                "population": population,
                "seed": seed,
                "month": m,
                "truth": truth,
                "mean": forecast.mean,
                "sd": forecast.sd,
                "low": low,
                "high": high,
                "crps": crps(forecast.draws, truth),
                "pit": pit(forecast.draws, truth),
                "median_error": abs(forecast.quantile(0.5) - truth),
                "annualized_error": abs(annualized - truth),
                "trended_error": abs(trended - truth),
            }
        )
    return rows


def simple(
    payments: pd.DataFrame, exposure: pd.Series, as_of: pd.Period, months: int, lives: float
) -> tuple[float, float]:
    """The year so far, completed, annualized; and last year by exposure with the trend of the months before."""
    through = CompletionSettings(paid_through=f"{as_of.end_time:%Y-%m-%d}")
    made = complete(payments, exposure, through).monthly.set_index("month")["completed_allowed"]
    so_far = made[f"{YEAR}-01" :].sum() / months * 12
    before = made[: f"{YEAR - 1}-12"]
    frame = pd.DataFrame({"month": before.index, "member_months": exposure[before.index].to_numpy()})
    fit = fit_trend(frame.assign(services=1.0, incurred_claims=before.to_numpy()))
    last = before[f"{YEAR - 1}-01" :]
    return float(so_far), float(last.sum() / exposure[last.index].sum() * fit.annual_factor * lives)


def simulate(books: int) -> None:
    """Score books of both populations and keep the figures."""
    KEPT.unlink(missing_ok=True)
    for population in ("commercial", "medicare"):
        for seed in range(1, books + 1):
            frame = pd.DataFrame(scored(population, seed))
            dollars = [c for c in frame if c not in ("population", "seed", "month", "pit")]
            frame[dollars] = frame[dollars].round().astype("int64")
            frame.round({"pit": 4}).to_csv(KEPT, mode="a", header=not KEPT.exists(), index=False)


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """Coverage of the 90% interval in percent and mean scores in percent of the truth, by population and month."""
    share = frame[["crps", "median_error", "annualized_error", "trended_error", "sd"]].div(frame["truth"], axis=0) * 100
    made = share.assign(
        years=1,
        covered=100.0 * frame["truth"].between(frame["low"], frame["high"]),
        bias=100 * (frame["mean"] / frame["truth"] - 1),
        population=frame["population"],
        month=frame["month"],
    )
    how = dict.fromkeys([c for c in made if c not in ("population", "month", "years")], "mean")
    return made.groupby(["population", "month"]).agg({"years": "sum", **how}).round(2)


def timed() -> None:
    """Milliseconds of a path of twelve months, and of completing the same claims twelve times."""
    with tempfile.TemporaryDirectory() as name:
        write_book(SyntheticSettings(members=MEMBERS, start=f"{YEAR - 3}-01", months=48), Path(name))
        payments, exposure = claims_of(Path(name))
    months = pd.period_range(f"{YEAR}-01", f"{YEAR}-12", freq="M")
    forecast_path(payments, exposure, YEAR, as_of=months[:1])
    begun = time.perf_counter()
    forecast_path(payments, exposure, YEAR, as_of=months)
    between = time.perf_counter()
    for month in months:
        complete(payments, exposure, CompletionSettings(paid_through=f"{month.end_time:%Y-%m-%d}"))
    floor = time.perf_counter() - between
    path = between - begun
    print(f"a path of 12 months: {1e3 * path:,.0f} ms, {path / floor:.1f} times completing the claims 12 times")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--simulate"]:
        simulate(int(sys.argv[2]) if len(sys.argv) > 2 else BOOKS)
    pd.set_option("display.width", 200, "display.max_columns", 20)
    print(summary(pd.read_csv(KEPT)).to_string())
    timed()
