"""Synthetic claims with a known truth, for examples, tests and benchmarks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pydantic.dataclasses
from pydantic import ConfigDict, Field

from acomodel.claims.synthetic.tables import lag_curves
from acomodel.inputs import InputError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BLOCK = 5_000
"""Members at the start of a block, which is generated and written as one."""
SEASONALITY = (1.02, 0.96, 1.04, 1.01, 1.01, 0.99, 0.97, 0.99, 0.98, 1.03, 0.99, 1.01)
"""Level of use in each month of the year (assumed, mild)."""
ROWS = 250_000
PLAIN = frozenset({"claim_id", "allowed", "paid", "member_cost_share", "risk", "units"})


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
class SyntheticSettings:
    """What is put into a synthetic book of claims; what is known of it afterwards is in its truth."""

    members: int = Field(default=5_000, ge=1, le=45_000_000, description="members covered at any time [members]")
    population: Literal["medicare", "commercial"] = Field(default="medicare", description="kind of population")
    start: str = Field(default="2021-01", pattern=r"^(19|20)\d\d-(0[1-9]|1[0-2])$", description="first month [YYYY-MM]")
    months: int = Field(default=36, ge=1, le=120, description="months of service [months]")
    runout_months: int = Field(default=2, ge=0, le=48, description="months of payments after the last one [months]")
    paid_through: str | None = Field(
        default=None, description="last day of payments, the end of the run-out by default [YYYY-MM-DD]"
    )
    seed: int = Field(default=1, ge=0, description="seed of all draws")
    drugs: bool = Field(default=False, description="whether Medicare members have pharmacy claims too")
    cost_trend: float = Field(default=0.03, gt=-0.5, lt=1, description="annual growth of the unit cost [share]")
    use_trend: float = Field(default=0.01, gt=-0.5, lt=1, description="annual growth of use [share]")
    seasonality: tuple[float, ...] = Field(
        default=SEASONALITY, min_length=12, max_length=12, description="use in January to December, mean 1 [factor]"
    )
    steady: bool = Field(
        default=True,
        description="whether each block's average risk, but for the second group, is held even over the months",
    )
    lag_scale: float = Field(default=1.0, gt=0, le=3, description="factor on the time to payment [factor]")
    reversals: float = Field(default=0.01, ge=0, le=0.5, description="claims taken back and billed again [share]")
    capitated: float = Field(default=0.0, ge=0, le=1, description="practices of primary care under capitation [share]")
    aco_share: float = Field(default=0.3, ge=0, le=1, description="practices that belong to ACO1 [share]")
    practice_members: int = Field(default=260, ge=20, description="members for each practice of primary care [members]")
    usual_doctor_share: float = Field(
        default=0.8, ge=0, le=1, description="visits to doctors of primary care made to the usual one [share]"
    )
    churn_doctor: float = Field(
        default=0.33, ge=0, le=1, description="members with another usual doctor next year [share]"
    )
    movers: float = Field(default=0.02, ge=0, le=1, description="members who move to another county each year [share]")
    churn_membership: float = Field(
        default=0.06, ge=0, le=0.9, description="members who leave each year and are replaced, deaths apart [share]"
    )
    deaths: float = Field(default=1.0, ge=0, le=2, description="factor on mortality [factor]")
    group_join: float = Field(
        default=0.0, ge=0, le=1, description="members of a second group that joins in July of the last year [share]"
    )
    group_join_from_age: int = Field(
        default=0, ge=0, le=60, description="youngest age in the second group, of a commercial population [years]"
    )


@dataclass(frozen=True)
class Truth:
    """
    What a synthetic book was made of.

    Parameters
    ----------
    settings : SyntheticSettings
        What was asked for.
    folder : Path
        Where the book lies.
    paid_through : date
        Last day of payments in the book.
    members, lines : int
        Members and claim lines written.
    cost_trend, use_trend, allowed_trend : float
        Annual growth of the unit cost, of use, and of allowed PMPM. [share]
    lags : dict
        Share paid by the end of each month of lag, by service category; month 0 is that of the service. [share]
    completion : dict
        Share of each month of service paid by `paid_through`, by service category. [share]
    """

    settings: SyntheticSettings
    folder: Path
    paid_through: date
    members: int
    lines: int
    cost_trend: float
    use_trend: float
    allowed_trend: float
    lags: dict[str, list[float]]
    completion: dict[str, dict[str, float]]


def last_payment(settings: SyntheticSettings) -> date:
    """
    Last day of payments of a book.

    Raises
    ------
    InputError
        `paid_through` is no date or comes before the first month.

    Examples
    --------
    >>> last_payment(SyntheticSettings(start="2021-01", months=12, runout_months=2)).isoformat()
    '2022-02-28'
    """
    first = np.datetime64(settings.start, "M")
    if settings.paid_through is None:
        end = (first + settings.months + settings.runout_months).astype("M8[D]") - 1
        return date.fromisoformat(str(end))
    try:
        last = date.fromisoformat(settings.paid_through)
    except ValueError:
        raise InputError(f"paid_through = {settings.paid_through!r} is not a date; YYYY-MM-DD is wanted") from None
    if last < date.fromisoformat(f"{settings.start}-01"):
        raise InputError(f"paid_through = {last} comes before the first month of service, {settings.start}")
    return last


def joining_month(settings: SyntheticSettings) -> int:
    """
    Month of the book in which the second group joins, counted from 0; -1 where there is none.

    Raises
    ------
    InputError
        A second group is asked for and July of the last year is not in the book.

    Examples
    --------
    >>> joining_month(SyntheticSettings(group_join=0.1, months=36))
    30
    """
    if settings.group_join == 0:
        return -1
    first = np.datetime64(settings.start, "M")
    july = (first + settings.months - 1).astype("M8[Y]").astype("M8[M]") + 6
    month = int((july - first).astype(int))
    if not 0 < month < settings.months:
        raise InputError(f"group_join = {settings.group_join}: July of the last year, {july}, is not within the book")
    return month


def _check(settings: SyntheticSettings) -> None:
    """Seasonal factors must be above zero with mean 1, and movers among those who change their doctor."""
    if settings.group_join_from_age and settings.population != "commercial":
        raise InputError("group_join_from_age: given for a Medicare population; only a commercial one has it")
    mean = float(np.mean(settings.seasonality))
    if min(settings.seasonality) <= 0 or abs(mean - 1) > 1e-6:
        raise InputError(f"seasonality: twelve factors above 0 with mean 1 are wanted; their mean is {mean:.4f}")
    if settings.movers > settings.churn_doctor:
        raise InputError(
            f"movers = {settings.movers} exceeds churn_doctor = {settings.churn_doctor}; who moves takes another doctor"
        )


def true_completion(settings: SyntheticSettings, curves: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """
    Share of each month of service that is paid by the end of a book, by service category.

    Notes
    -----
    Whole months of payments count; of a month that `paid_through` cuts, days count evenly.
    """
    last = last_payment(settings)
    first = np.datetime64(settings.start, "M")
    month = np.datetime64(last.isoformat(), "M")
    begins, after = month.astype("M8[D]"), (month + 1).astype("M8[D]")
    part = float((np.datetime64(last.isoformat(), "D") - begins + 1) / (after - begins))
    found: dict[str, dict[str, float]] = {}
    for category, curve in curves.items():
        padded = np.concatenate([[0.0], curve, np.ones(settings.months + settings.runout_months + 1)])
        rows = {}
        for m in range(settings.months):
            lag = int((month - (first + m)).astype(int))
            index = min(max(lag, -1), padded.size - 2)
            rows[str(first + m)] = (
                float(padded[index] + part * (padded[index + 1] - padded[index])) if lag >= 0 else 0.0
            )
        found[category] = rows
    return found


def write_book(
    settings: SyntheticSettings, folder: Path, *, progress: Callable[[int, int], None] | None = None
) -> Truth:
    r"""
    Write a synthetic book of claims, with its truth beside it.

    Parameters
    ----------
    settings : SyntheticSettings
        What is put in.
    folder : Path
        Where the Parquet tables of claims, eligibility, providers and diagnoses, their manifest, `truth.parquet`
        and `truth.json` are written; made where it is missing.
    progress : callable, optional
        Called with the blocks done and the blocks in all.

    Returns
    -------
    Truth
        Trends, lag curves and completion put in.

    Raises
    ------
    InputError
        Settings that contradict each other.

    Notes
    -----
    Claims of a kind of service in a month are Poisson, given the member's risk,

    .. math:: N \sim \text{Poisson}\left(\lambda_k \frac{R^{\beta_k}}{E R^{\beta_k}} s_m (1 + g_u)^{t/12}\right)

    with log-normal severities that grow by :math:`(1 + g_c)^{t/12}`. The population is stationary, so the annual
    trend of allowed PMPM is :math:`(1 + g_c)(1 + g_u) - 1`: with `steady` given the members of the book, without it on
    average over books, since risks of members drift and last. Members are made in blocks of 5,000 with seeds and
    providers of their own: whole blocks stay the same when more members are asked for. Dollars of capitated claims
    are what fee for service would have paid. A birth date, a county or an identifier belongs to nobody.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     truth = write_book(SyntheticSettings(members=50, months=12), Path(name))
    >>> round(truth.allowed_trend, 4)
    0.0403
    """
    from acomodel.claims.ingest import write_manifest
    from acomodel.claims.synthetic.arrow import SCHEMAS
    from acomodel.claims.synthetic.block import block_tables

    _check(settings)
    last, joins = last_payment(settings), joining_month(settings)
    curves = lag_curves(settings.lag_scale)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    blocks = -(-settings.members // BLOCK)
    written = dict.fromkeys(SCHEMAS, 0)
    members = 0
    with _writers(folder) as writers:
        for number in range(blocks):
            size = min(BLOCK, settings.members - number * BLOCK)
            tables: dict[str, pa.Table] = block_tables(settings, number, size, last=last, joins=joins, curves=curves)
            for name, rows in tables.items():
                writers[name].write_table(rows, row_group_size=ROWS)
                written[name] += rows.num_rows
            members += len(tables["truth"]["member_id"].unique())
            if progress is not None:
                progress(number + 1, blocks)
    truth = Truth(
        settings=settings,
        folder=folder,
        paid_through=last,
        members=members,
        lines=written["claims"],
        cost_trend=settings.cost_trend,
        use_trend=settings.use_trend,
        allowed_trend=(1 + settings.cost_trend) * (1 + settings.use_trend) - 1,
        lags={category: [round(float(c), 12) for c in curve] for category, curve in curves.items()},
        completion=true_completion(settings, curves),
    )
    (folder / "truth.json").write_text(json.dumps(_as_json(truth), indent=1) + "\n", encoding="utf-8")
    write_manifest(folder, source_format="synthetic")
    return truth


def write_feed(book: Path, folder: Path, *, aco_id: str = "A0000", old_ids: int = 0) -> list[Path]:
    """
    Write a book as CMS's claim and claim line feed (CCLF), fixed width, in the very layout.

    Parameters
    ----------
    book : Path
        Folder of canonical tables, from `write_book` or an ingest.
    folder : Path
        Folder to write; made where it is missing.
    aco_id : str
        ACO in the names of the files.
    old_ids : int
        Members who bear an earlier number in half of their records, with a row in the cross-reference file.

    Returns
    -------
    list of Path
        Files written, CMS's names.

    References
    ----------
    .. [1] CMS, "CCLF Information Packet," version 38.0, Feb. 2024, sections 5.2-5.3 and appendix B.
    """
    import duckdb

    from acomodel.claims.sources.cclf_write import write_cclf
    from acomodel.claims.sources.cells import text_of
    from acomodel.claims.tables import TABLES

    with duckdb.connect() as con:
        for name in TABLES:
            path = text_of(f"{Path(book) / name}.parquet")
            con.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({path})")
        return write_cclf(con, Path(folder), aco_id=aco_id, old_ids=old_ids)


@contextmanager
def _writers(folder: Path) -> Iterator[dict[str, pq.ParquetWriter]]:
    """One Parquet writer for each table of a book; what is half written is taken away again."""
    import pyarrow.parquet as pq

    from acomodel.claims.synthetic.arrow import SCHEMAS

    paths = {name: folder / f"{name}.parquet" for name in SCHEMAS}
    with ExitStack() as stack:
        try:
            yield {
                name: stack.enter_context(
                    pq.ParquetWriter(
                        paths[name],
                        schema,
                        compression="zstd",
                        compression_level=1,
                        store_schema=False,
                        store_decimal_as_integer=True,
                        use_dictionary=[c for c in schema.names if c not in PLAIN],
                    )
                )
                for name, schema in SCHEMAS.items()
            }
        except BaseException:
            stack.close()
            for path in paths.values():
                path.unlink(missing_ok=True)
            raise


def _as_json(truth: Truth) -> dict[str, object]:
    """Truth as plain values, without the folder, so that equal books have equal files."""
    settings = {f.name: getattr(truth.settings, f.name) for f in fields(truth.settings)}
    return {
        "settings": settings,
        "paid_through": truth.paid_through.isoformat(),
        "members": truth.members,
        "lines": truth.lines,
        "annual_trend": {
            "unit_cost": truth.cost_trend,
            "utilization": truth.use_trend,
            "allowed_pmpm": truth.allowed_trend,
        },
        "lags": truth.lags,
        "completion": truth.completion,
    }
