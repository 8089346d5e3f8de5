"""The tables that a scenario points at, read and checked, and the experience they make."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import pandas as pd

from acomodel.budget.trend import Measure, TrendFit, TrendRule, all_categories, fit_trend
from acomodel.claims.care.episodes import check_episodes, unnamed
from acomodel.claims.care.physicians import check_measures
from acomodel.claims.experience import annual_from_monthly, check_whole, cost_utilization_report, trend_report
from acomodel.inputs import InputError, dictionary, read_table
from acomodel.outlook.luck.cost_files import cost_table
from acomodel.workbench.claims import Claims, measured, read_claims
from acomodel.workbench.scenario import Scenario

_KEYS = {
    "experience": ("year", "service_category"),
    "monthly": ("month", "service_category"),
    "demographics": ("period", "age_band", "sex"),
    "large_claims": ("period", "claimant"),
    "trend": ("year", "service_category"),
    "base_years": ("period", "enrollment_type"),
    "type_growth": ("enrollment_type",),
    "participants": ("participant", "tin"),
    "measures": ("measure", "payer"),
    "targets": ("kind", "name"),
    "episodes": ("episode",),
    "physician_measures": ("physician", "measure"),
}


KEPT = 64
"""Cuts of the monthly claims that are remembered, the latest of them."""


@dataclass(frozen=True, eq=False)
class Tables:
    """Tables that a scenario points at, read and checked; None where it points at none."""

    files: dict[str, str]
    experience: pd.DataFrame | None = None
    monthly: pd.DataFrame | None = None
    demographics: pd.DataFrame | None = None
    large_claims: pd.DataFrame | None = None
    trend: pd.DataFrame | None = None
    base_years: pd.DataFrame | None = None
    type_growth: pd.DataFrame | None = None
    costs: pd.DataFrame | None = None
    participants: pd.DataFrame | None = None
    measures: pd.DataFrame | None = None
    targets: pd.DataFrame | None = None
    episodes: pd.DataFrame | None = None
    physician_measures: pd.DataFrame | None = None
    claims: Claims | None = None
    _fits: dict[tuple[str, TrendRule, Measure], TrendFit] = field(default_factory=dict, repr=False)
    _kept: dict[tuple[tuple[int, float], ...], Tables] = field(default_factory=dict, repr=False)
    _prints: dict[str, dict[str, object]] = field(default_factory=dict, repr=False)
    _whole: Tables | None = field(default=None, repr=False)

    def fit(self, category: str, rule: TrendRule, measure: Measure) -> TrendFit:
        """Trend of one category ("All" for their sum) and measure; fitted once, for sensitivities ask again."""
        if self._whole is not None and measure == "utilization_per_1000":
            return self._whole.fit(category, rule, measure)  # claims are cut, services are not
        key = (category, rule, measure)
        if key not in self._fits:
            if self.monthly is None:
                raise InputError("trend: a regression needs monthly experience")
            every = category == "All"
            part = all_categories(self.monthly) if every else self.monthly.query("service_category == @category")
            self._fits[key] = fit_trend(part, rule, measure=measure)
        return self._fits[key]

    def keeping(self, shares: Mapping[int, float]) -> Tables:
        """
        These tables with each year's monthly claims cut to a share of them, made once for the same shares.

        Parameters
        ----------
        shares : mapping of int to float
            Calendar year to what is kept of its claims, in every month and category alike; others stay. [share]
        """
        assert self.monthly is not None
        key = tuple(sorted(shares.items()))
        if key not in self._kept:
            kept = self.monthly["month"].dt.year.map(shares).fillna(1.0)
            amounts = {name: self.monthly[name] * kept for name in ("incurred_claims", "member_cost_share")}
            cut = self.monthly.assign(**amounts)
            while len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = replace(self, monthly=cut, _fits={}, _kept={}, _prints={}, _whole=self)
        return self._kept[key]

    def given(self) -> dict[str, pd.DataFrame]:
        """The tables that are there, by name."""
        return {name: getattr(self, name) for name in (*_KEYS, "costs") if getattr(self, name) is not None}

    def person_years(self) -> float | None:
        """Person years of the performance year of a historical benchmark, all types; None where not given."""
        if self.type_growth is None or self.type_growth["person_years"].isna().any():
            return None
        return float(self.type_growth["person_years"].sum())

    def exposure(self, scenario: Scenario) -> float | None:
        """
        Exposure of the contract year: as stated, else that of the year in the claims, else of the latest year.

        None where neither states it. [member months]
        """
        if scenario.benchmark is not None and scenario.benchmark.member_months is not None:
            return scenario.benchmark.member_months
        if scenario.benchmark is None or self.claims is None:
            return None
        known = self.claims.years
        year = scenario.benchmark.year
        return float(self.claims.of_year(year if year in known else known[-1])["member_months"])

    @cached_property
    def report(self) -> pd.DataFrame:
        """Cost and utilization by year and category, from annual or monthly experience."""
        annual = self.experience
        if annual is None and self.monthly is not None:
            check_whole(self.monthly, "month")
            annual = annual_from_monthly(self.monthly)
        if annual is None:
            raise InputError("experience: neither a table nor monthly experience is given")
        check_whole(annual, "year")
        return cost_utilization_report(annual)

    @cached_property
    def history(self) -> pd.DataFrame | None:
        """Trend factors from year to year; None with a single year."""
        return trend_report(self.report) if self.report.index.unique("year").size > 1 else None

    def fingerprints(self) -> dict[str, object]:
        """Hash of each table's figures, by name."""
        found = {name: self.fingerprint(name)["sha256"] for name in self.given()}
        return found if self.claims is None else found | {"claims": self.claims.fingerprint()["sha256"]}

    def fingerprint(self, name: str) -> dict[str, object]:
        """Rows, sums and a hash of a table's figures; labels of claimants are left out. Hashed once."""
        if name not in self._prints:
            self._prints[name] = self._fingerprint(name)
        return dict(self._prints[name])

    def _fingerprint(self, name: str) -> dict[str, object]:
        frame = getattr(self, name).drop(columns=["claimant"], errors="ignore")
        text = frame.to_csv(index=False, float_format="%.12g")
        units = dictionary().query("table == @name").set_index("column")["unit"]
        sums = {c: float(frame[c].sum()) for c in frame if units.get(c) in ("$", "members", "services", "person years")}
        return {
            "table": name,
            "rows": int(frame["members"].sum()) if name == "costs" else len(frame),
            "sums": sums,
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
        }


TABLE_SETTINGS = {
    "experience": "experience.table",
    "monthly": "experience.monthly",
    "demographics": "risk.table",
    "large_claims": "large_claims.table",
    "trend": "trend.table",
    "base_years": "historical.table",
    "type_growth": "historical.growth",
    "costs": "outlook.costs",
    "participants": "distribution.table",
    "measures": "quality.table",
    "targets": "monitoring.table",
    "episodes": "physicians.episodes",
    "physician_measures": "physicians.measures",
}
"""Table name to the setting that names its file."""


def table_files(scenario: Scenario) -> dict[str, str]:
    """Table name to file name, for the tables a scenario points at."""
    found = {}
    for table, key in TABLE_SETTINGS.items():
        part, name = key.split(".")
        file = getattr(getattr(scenario, part), name, None)
        if file:
            found[table] = file
    return found


def read_tables(scenario: Scenario) -> Tables:
    """
    Read every table a scenario points at.

    Raises
    ------
    InputError
        A file that is missing or at fault, or a risk or large-claim clause without its table.
    """
    files = table_files(scenario)
    read = {t: read_table(scenario.folder / f, t, key=_KEYS[t]) for t, f in files.items() if t in _KEYS}
    if "episodes" in read:
        check_episodes(read["episodes"], str(scenario.folder / files["episodes"]))
        read["episodes"] = unnamed(read["episodes"])
    if "physician_measures" in read:
        check_measures(read["physician_measures"], str(scenario.folder / files["physician_measures"]))
    if "costs" in files:
        read["costs"] = cost_table(scenario.folder / files["costs"])
    if scenario.claims is None:
        return Tables(files, **read)
    try:
        claims = read_claims(scenario.claims, scenario.folder)
    except InputError as error:
        raise InputError(str(error) if str(scenario.folder) in str(error) else f"{scenario.path}: {error}") from None
    until = scenario.benchmark.year if scenario.benchmark is not None else None
    if "measures" in read:
        read["measures"] = measured(read["measures"], claims.care)
    return Tables(files, **read, monthly=claims.before(until), claims=claims)
