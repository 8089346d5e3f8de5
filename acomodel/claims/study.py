"""From a book of claims to the small tables a scenario needs: attribution, experience, findings."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass as settings

from acomodel.claims.attribution import METHODS, AttributionRule
from acomodel.claims.care.tables import CareSettings
from acomodel.claims.completion import CompletionSettings
from acomodel.claims.drilldown import items
from acomodel.claims.incurred import AMOUNTS, ContractScope, Experience
from acomodel.claims.ingest import inspect_tables
from acomodel.claims.methods import Methods, compare_methods, critical_mass
from acomodel.claims.population import MembershipRule, Population
from acomodel.claims.synthetic import SyntheticSettings, write_book
from acomodel.claims.tables import Dataset, Engine, read_dataset
from acomodel.exhibit import actual, inert
from acomodel.inputs import InputError


@settings(frozen=True, config=ConfigDict(extra="forbid", strict=True))
class ClaimsSettings:
    """Where the claims lie, whose they are, and how they become experience."""

    years: list[int] = Field(min_length=1, description="calendar years of experience")
    data: str | None = Field(default=None, description="folder of claims tables made by ingest")
    tables: str | None = Field(default=None, description="folder of tables already worked out from claims")
    synthetic: SyntheticSettings | None = Field(default=None, description="synthetic claims instead of data")
    engine: Engine = Field(default="duckdb", description="engine: duckdb, or pyspark")
    aco_id: str = Field(default="", description="the ACO; the only one of the data by default")
    attribution: AttributionRule = Field(default_factory=AttributionRule, description="how members are attributed")
    membership: MembershipRule = Field(default_factory=MembershipRule, description="joiners, movers, deaths, leavers")
    scope: ContractScope = Field(default_factory=ContractScope, description="claims and months the contract counts")
    completion: CompletionSettings = Field(default_factory=CompletionSettings, description="completion of claims")
    compare: bool = Field(default=True, description="whether all methods of attribution are set side by side")
    care: CareSettings | None = Field(
        default=None, description="tables on the year and on physicians; none are worked out by default"
    )

    @model_validator(mode="after")
    def _one_source(self) -> ClaimsSettings:
        given = [n for n in ("data", "tables", "synthetic") if getattr(self, n) is not None]
        if not given:
            raise ValueError("claims: none of data, tables, synthetic is given; one is wanted")
        if len(given) > 1 and "tables" not in given:
            raise ValueError(f"claims: {' and '.join(given)} are both given; one is wanted")
        if sorted(set(self.years)) != list(range(min(self.years), max(self.years) + 1)):
            raise ValueError(f"claims: the years {', '.join(map(str, self.years))} are not consecutive")
        return self


@dataclass(frozen=True, eq=False)
class Study:
    """
    What leaves the engine: tables small enough for a report, from which everything later is worked out.

    Parameters
    ----------
    cells, exposure : pandas.DataFrame
        Experience of the ACO; see `Experience`.
    members : pandas.DataFrame
        Index year; members assigned, and what became of them.
    attributed : pandas.DataFrame
        Index "attributed to"; members of the last year by ACO, those of none, and those not attributed.
    methods : pandas.DataFrame
        Reported experience by method, month and category, where methods are set side by side.
    overlap : pandas.DataFrame
        Members of the last year under two methods at once.
    items : pandas.DataFrame
        Use and dollars by year, category, specialty, network and item; see `drilldown.items`.
    practices : pandas.DataFrame
        Patients of each practice of the ACO, and how many are attributed to it.
    findings : pandas.DataFrame
        What was found in the data.
    source : mapping
        Where the claims come from: format, rows, sums and fingerprints, the ACO, the days looked at.
    scope : ContractScope
        What the contract counts.
    """

    cells: pd.DataFrame
    exposure: pd.DataFrame
    members: pd.DataFrame
    attributed: pd.DataFrame
    methods: pd.DataFrame
    overlap: pd.DataFrame
    items: pd.DataFrame
    practices: pd.DataFrame
    findings: pd.DataFrame
    source: Mapping[str, Any]
    scope: ContractScope = field(default_factory=ContractScope)

    @property
    def experience(self) -> Experience:
        """Experience of the ACO under the contract's scope."""
        return Experience(self.cells, self.exposure, self.scope)

    def frames(self) -> dict[str, pd.DataFrame]:
        """The tables by name."""
        return {name: getattr(self, name) for name in _FRAMES}

    def write(self, folder: Path) -> None:
        """Write the tables as CSV, and the source as JSON, into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in self.frames().items():
            rows = frame.reset_index() if name in _INDEXED else frame
            safe = {c: rows[c].map(lambda v: inert(str(v))) for c in rows if c in _TEXT}
            rows.assign(**safe).to_csv(folder / f"{name}.csv", index=False)
        text = json.dumps(dict(self.source), indent=1, ensure_ascii=False)
        (folder / "source.json").write_text(text + "\n", encoding="utf-8")


_FRAMES = ("cells", "exposure", "members", "attributed", "methods", "overlap", "items", "practices", "findings")
_INDEXED = {
    "exposure": "month",
    "members": "year",
    "attributed": "attributed to",
    "overlap": "method",
    "practices": "practice",
}
_TEXT = {"service_category", "part", "method", "item", "specialty", "network", "practice", "enough", "attributed to"}
_TEXT |= {"check", "table", "what"}
_MONTHS = {"cells": ["incurred_month", "paid_month"], "methods": ["month"]}


def read_study(folder: Path, scope: ContractScope) -> Study:
    """
    Tables that an earlier run worked out from claims.

    Raises
    ------
    InputError
        The folder or one of its tables is not there or not as it was written.
    """
    frames = {}
    for name in _FRAMES:
        path = folder / f"{name}.csv"
        try:
            text = pd.read_csv(path, dtype=str, keep_default_na=False)
            months = [*_MONTHS.get(name, []), *(["month"] if name == "exposure" else [])]
            frame = pd.DataFrame({c: _column(text[c], c in months) for c in text})
            if name in _INDEXED:
                frame = frame.set_index(_INDEXED[name])
        except FileNotFoundError:
            raise InputError(f"{path}: no such file; the tables of a study are {', '.join(_FRAMES)}.") from None
        except (ValueError, KeyError) as error:
            raise InputError(f"{path}: not a table of a study ({error}).") from None
        frames[name] = frame
    try:
        source = json.loads((folder / "source.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(f"{folder / 'source.json'}: missing, or not the source of a study.") from None
    return Study(**frames, source=source, scope=scope)


def _column(cells: pd.Series, month: bool) -> pd.Series:
    """Column of a table as it was before it was written; numbers to the last digit."""
    if month:
        return pd.Series(pd.PeriodIndex(cells.where(cells != "", None), freq="M"), index=cells.index)
    if cells.name in _TEXT:
        return cells.map(actual)
    if cells.isin(["True", "False"]).all() and len(cells):
        return cells == "True"
    whole = cells.str.fullmatch(r"-?\d+").all() and len(cells) > 0
    return cells.map(int if whole else float)


@contextmanager
def open_book(wanted: ClaimsSettings, folder: Path) -> Iterator[Dataset]:
    """
    The claims of a scenario: those of its folder, or synthetic ones that go again afterwards.

    Parameters
    ----------
    wanted : ClaimsSettings
        Where the claims lie.
    folder : Path
        Folder that `data` is relative to.

    Raises
    ------
    InputError
        Claims that cannot be read.
    """
    if wanted.data is not None:
        yield read_dataset(folder / wanted.data, wanted.engine)
        return
    assert wanted.synthetic is not None
    with tempfile.TemporaryDirectory(prefix="acomodel-") as made:
        book = Path(made) / "book"
        write_book(wanted.synthetic, book)
        inspect_tables(book)
        yield read_dataset(book, wanted.engine)


def study(wanted: ClaimsSettings, dataset: Dataset) -> tuple[Study, Population]:
    """
    Work out the small tables of a scenario from its claims, and the population they are of.

    Parameters
    ----------
    wanted : ClaimsSettings
        The ACO, the years and the rules.
    dataset : Dataset
        Canonical claims tables.

    Returns
    -------
    tuple of Study and Population

    Raises
    ------
    InputError
        An ACO that is not there, years without claims.
    """
    known = dataset.acos()
    aco = wanted.aco_id or (known[0] if len(known) == 1 else "")
    if aco not in known:
        found = f"found '{aco}'; " if aco else ""
        raise InputError(f"claims.aco_id: {found}one of {', '.join(known) or 'no ACO in the data'} is wanted")
    side = _side_by_side(wanted, dataset, aco)
    method = wanted.attribution.method
    population, ours = side.populations[method], side.experiences[method]
    lives = ours.exposure["member_months"].groupby(ours.exposure.index.year).sum()
    absent = [y for y in wanted.years if not lives.get(y, 0) > 0]
    if absent:
        raise InputError(f"claims.years: nobody is assigned to {aco} in {absent[0]}; the data hold no such year")
    latest = population.attributions[-1]
    methods, overlap = pd.DataFrame(columns=_METHOD_COLUMNS), pd.DataFrame().rename_axis("method")
    if wanted.compare:
        parts = [e.monthly().assign(method=n) for n, e in side.experiences.items()]
        methods, overlap = pd.concat(parts, ignore_index=True)[_METHOD_COLUMNS], side.overlap
    practices = critical_mass(latest, aco)
    source = {
        "format": dataset.manifest["format"],
        "aco_id": aco,
        "made_with": made_with(wanted, aco),
        "claims_from": str(latest.first),
        "claims_to": str(latest.as_of),
        "contested": latest.contested(),
        "paid_through": paid_through(dataset),
        "tables": {name: {k: about[k] for k in ("rows", "sums")} for name, about in dataset.manifest["tables"].items()},
    }
    worked_out = Study(
        ours.cells.astype(dict.fromkeys(("units", *AMOUNTS), float)),
        ours.exposure,
        population.changes,
        latest.summary(),
        methods,
        overlap,
        items(dataset, population, wanted.scope),
        practices,
        dataset.findings,
        source,
        wanted.scope,
    )
    return worked_out, population


def made_with(wanted: ClaimsSettings, aco: str) -> dict[str, Any]:
    """
    Settings that the tables of a study were worked out with, and that they cannot be without the claims.

    >>> made_with(ClaimsSettings(years=[2024], data="claims"), "A1")["attribution.method"]
    'dartmouth'
    """
    parts: dict[str, Any] = {"attribution": wanted.attribution, "membership": wanted.membership, "scope": wanted.scope}
    flat = {f"{part}.{k}": v for part, value in parts.items() for k, v in asdict(value).items()}
    del flat["scope.ime_dsh"]  # the cells keep these payments apart, so it can still be chosen
    if wanted.care is not None:
        flat["care"] = asdict(wanted.care)
    book = None if wanted.synthetic is None else asdict(wanted.synthetic)
    return json.loads(json.dumps({"aco_id": aco, "years": sorted(wanted.years)} | flat | {"synthetic": book}))


def paid_through(dataset: Dataset) -> str | None:
    """
    Last day of payments in the claims, leaving out days that stand alone far behind the others.

    A mistyped day of payment years ahead would make every month look complete. Days after a gap of half a year do not
    count if they hold less than a twentieth of the lines, nor days with hardly a line around them: in the 31 days
    before, under a hundredth of the median. None where no line bears a day of payment.
    """
    lines = dataset.claims.filter(dataset.claims.paid_date.notnull())
    counts = lines.group_by("paid_date").agg(n=lines.count()).to_pandas()
    if counts.empty:
        return None
    daily = pd.Series(counts["n"].to_numpy(float), pd.DatetimeIndex(counts["paid_date"])).sort_index()
    days = daily.index.to_series()
    for start in days[days.diff() > pd.Timedelta(days=183)][::-1]:
        if daily[start:].sum() < 0.05 * daily.sum():
            daily = daily[daily.index < start]
    stretch = daily.rolling("31D").sum()
    busy = stretch[stretch >= stretch.median() / 100]
    return f"{busy.index[-1]:%Y-%m-%d}"


_METHOD_COLUMNS = [
    "method",
    "month",
    "service_category",
    "member_months",
    "incurred_claims",
    "member_cost_share",
    "services",
]


def _side_by_side(wanted: ClaimsSettings, dataset: Dataset, aco: str) -> Methods:
    """The scenario's own method first, then, where they are compared, the others with their defaults."""
    chosen = wanted.attribution
    rules: dict[str, AttributionRule] = {chosen.method: chosen}
    if wanted.compare:
        rules |= {m: AttributionRule(m) for m in METHODS if m != chosen.method}
    return compare_methods(dataset, aco, wanted.years, rules, wanted.membership, wanted.scope)
