"""One scenario: the settings of every step, composed, read strictly from TOML and never changed in place."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import tomli_w
from pydantic import Discriminator, Field, Tag, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from acomodel.budget.benchmark import BenchmarkSettings
from acomodel.budget.mssp.record import HistoricalSettings
from acomodel.budget.projection import TrendSettings
from acomodel.budget.risk import RiskSettings
from acomodel.budget.truncation import LargeClaimSettings
from acomodel.claims.care.peers import PhysicianSettings
from acomodel.claims.experience import ExperienceSettings
from acomodel.claims.study import ClaimsSettings
from acomodel.contract.distribution.settings import DistributionSettings
from acomodel.contract.programs import ProgramTerms
from acomodel.contract.quality.settings import QualitySettings
from acomodel.contract.terms import Terms
from acomodel.inputs import InputError, nearest, read_text
from acomodel.outlook.monitoring.settings import MonitoringSettings
from acomodel.outlook.negotiation.venture import AcoSettings
from acomodel.outlook.sensitivity.one_way import SensitivitySettings
from acomodel.outlook.settings import NegotiationSettings, OutlookSettings
from acomodel.workbench.faults import fault_in, known_beside
from acomodel.workbench.parts import STRICT, OutcomeSettings, ReportSettings, YearSettings


def _kind_of_terms(value: Any) -> str:
    named = "program" in value if isinstance(value, dict) else isinstance(value, ProgramTerms)
    return "<program>" if named else "<agreed>"


AnyTerms = Annotated[
    Annotated[Terms, Tag("<agreed>")] | Annotated[ProgramTerms, Tag("<program>")],
    Discriminator(_kind_of_terms),
]


@dataclass(frozen=True, config=STRICT, repr=False)
class Scenario:
    """
    Everything a run needs, as frozen settings; `change` makes another one.

    The chain may be entered at claims (`claims`), at experience tables (`experience`, `risk`, `large_claims`, `trend`,
    `benchmark`), at base years (`historical`) or at a stated benchmark in `years`.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="short name, also of the report's folder")
    title: str = Field(description="what the scenario is")
    terms: AnyTerms = Field(description="terms of the contract")
    years: list[YearSettings] = Field(min_length=1, description="periods to be settled")
    report: ReportSettings = Field(
        default_factory=lambda: ReportSettings(), description="what the report says about itself"
    )
    claims: ClaimsSettings | None = Field(default=None, description="claims that the experience is made of")
    experience: ExperienceSettings | None = Field(default=None, description="experience the budget starts from")
    risk: RiskSettings | None = Field(default=None, description="change in the population's risk")
    large_claims: LargeClaimSettings | None = Field(default=None, description="treatment of large claims")
    trend: TrendSettings | None = Field(default=None, description="trend to the contract year")
    benchmark: BenchmarkSettings | None = Field(default=None, description="the budget's contract year")
    historical: HistoricalSettings | None = Field(default=None, description="historical benchmark of the programme")
    outcomes: OutcomeSettings = Field(default_factory=lambda: OutcomeSettings(), description="outcomes shown")
    sensitivity: SensitivitySettings = Field(
        default_factory=lambda: SensitivitySettings(), description="assumptions moved"
    )
    outlook: OutlookSettings = Field(
        default_factory=lambda: OutlookSettings(), description="how much of a settlement is luck"
    )
    negotiation: NegotiationSettings = Field(
        default_factory=lambda: NegotiationSettings(), description="what is negotiated"
    )
    quality: QualitySettings | None = Field(default=None, description="quality score of the leading year")
    distribution: DistributionSettings | None = Field(
        default=None, description="how the payment is divided within the ACO"
    )
    aco: AcoSettings | None = Field(default=None, description="what the ACO costs to start and to run")
    monitoring: MonitoringSettings | None = Field(default=None, description="how the year is watched as it goes")
    physicians: PhysicianSettings | None = Field(
        default=None, description="how physicians are compared with their peers"
    )
    basis: dict[str, str] = Field(default_factory=dict, description="where each setting comes from")
    path: Path = Field(default_factory=lambda: Path(), description="file the scenario was read from")

    @model_validator(mode="after")
    def _chain(self) -> Scenario:
        parts = {"experience": self.experience, "trend": self.trend, "benchmark": self.benchmark}
        given = [name for name, part in parts.items() if part is not None]
        self._one_benchmark(given)
        self._one_score()
        if given and len(given) < len(parts):
            lacking = ", ".join(name for name in parts if name not in given)
            raise ValueError(f"a budget needs the tables experience, trend and benchmark; missing: {lacking}")
        if self.claims is not None and (self.experience is None or self.experience.table or self.experience.monthly):
            raise ValueError("claims: [experience] is wanted beside it, with its base year and without a table")
        if self.benchmark is not None and self.benchmark.member_months is None and self.claims is None:
            raise ValueError("benchmark.member_months: missing; expected exposure of the contract year is wanted")
        labels = [year.label for year in self.years]
        twice = [label for label in labels if labels.count(label) > 1]
        if twice:
            raise ValueError(f"years: the label '{twice[0]}' stands twice")
        for year in self.years:
            if year.benchmark is None and year.benchmark_pmpm is None:
                made = self.benchmark or self.historical
                if made is None:
                    raise ValueError(f"years: '{year.label}' has no benchmark, and there is no budget to take it from")
                if made.year != year.performance_year:
                    kind = "budget" if self.benchmark is not None else "historical benchmark"
                    raise ValueError(
                        f"years: '{year.label}' has no benchmark; the {kind} is for {made.year}, "
                        f"not {year.performance_year}"
                    )
            if year.actual is None and year.actual_pmpm is None and self.claims is None:
                raise ValueError(f"years: '{year.label}': neither actual nor actual_pmpm is given; one is wanted")
            exposed = year.member_months is not None or year.benchmark is None
            if year.actual_pmpm is not None and not (exposed and (year.member_months or self.benchmark)):
                raise ValueError(f"years: '{year.label}' gives actual_pmpm without member_months")
        return self

    def _one_score(self) -> None:
        """Refuse a quality score that is stated beside measures to work it out from."""
        year = self.years[self.headline()]
        if self.quality is not None and (year.quality_score is not None or year.quality_standard != "met"):
            stated = "quality_standard" if year.quality_score is None else "quality_score"
            raise ValueError(f"years: '{year.label}' states a {stated} and [quality] works it out; one is wanted")

    def _one_benchmark(self, budget: list[str]) -> None:
        """Refuse a historical benchmark beside a projected one, or of another agreement than the terms."""
        if self.historical is None:
            return
        beside = [*budget, *(name for name in ("claims", "risk", "large_claims") if getattr(self, name) is not None)]
        if beside:
            raise ValueError(f"historical: [{beside[0]}] is given beside it; one way to a benchmark is wanted")
        began = self.terms.agreement_start if isinstance(self.terms, ProgramTerms) else None
        if began is not None and began != self.historical.agreement_start:
            raise ValueError(
                f"historical.agreement_start: found {self.historical.agreement_start}; terms.agreement_start is {began}"
            )

    @property
    def folder(self) -> Path:
        """Folder that the scenario's files are relative to."""
        return self.path.parent

    @property
    def of_programme(self) -> bool:
        """Whether the terms are those of a programme."""
        return isinstance(self.terms, ProgramTerms)

    def headline(self) -> int:
        """Position of the year the report leads with: that of the benchmark that is made, else the last."""
        made = self.benchmark or self.historical
        if made is not None:
            for position, year in enumerate(self.years):
                if year.performance_year == made.year:
                    return position
        return len(self.years) - 1

    def to_toml(self) -> str:
        """Every setting in force, defaults included, as a scenario file."""
        return tomli_w.dumps(_plain(self), multiline_strings=True)

    def __repr__(self) -> str:
        """Settings by part, as text."""
        from acomodel.workbench.exhibits.settings import as_text

        return as_text(self)

    def _repr_html_(self) -> str:
        """Settings by part, with what they mean and where they come from."""
        from acomodel.workbench.exhibits.settings import as_html

        return as_html(self)


def _plain(scenario: Scenario) -> dict[str, Any]:
    """Settings as plain tables, without those that are not set."""

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: clean(v) for k, v in value.items() if v is not None}
        return [clean(v) for v in value] if isinstance(value, list | tuple) else value

    tables = dataclasses.asdict(scenario)
    del tables["path"]
    return {name: value for name, value in clean(tables).items() if value not in ({}, [])}


@cache
def _reader() -> TypeAdapter[Scenario]:
    return TypeAdapter(Scenario)


def load_scenario(path: str | Path) -> Scenario:
    """
    Read a scenario from TOML, strictly.

    Parameters
    ----------
    path : str or Path
        Scenario file. It may extend another one (`extends = "base.toml"`, one level): its tables are laid
        over the other's, its arrays replace the other's.

    Returns
    -------
    Scenario

    Raises
    ------
    InputError
        Not TOML, an unknown key, a wrong type, a value out of range, or settings that do not fit together;
        the message names file, key, what was found and what is wanted.

    Examples
    --------
    >>> load_scenario("scenarios/toolkit-2010.toml").terms.sharing_rate
    0.5
    """
    path = Path(path)
    scenario = _build(stated(path), path)
    settings(scenario)
    return scenario


def stated(path: Path) -> dict[str, Any]:
    """
    Tables of a scenario file as they are written, laid over those of the scenario that it extends.

    Parameters
    ----------
    path : Path
        Scenario file.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        Not TOML, or it extends what cannot be extended.
    """
    tables = _toml(path)
    parent = tables.pop("extends", None)
    if parent is None:
        return tables
    if not isinstance(parent, str):
        raise InputError(f"{path}: extends: found {parent!r}; the name of a scenario file is wanted.")
    base_path = path.parent / parent
    if base_path.resolve() == path.resolve():
        raise InputError(f"{path}: extends: the scenario extends itself.")
    base = _toml(base_path)
    if "extends" in base:
        raise InputError(f"{path}: extends: '{parent}' itself extends '{base['extends']}'; one level is allowed.")
    if base_path.parent.resolve() != path.parent.resolve():
        raise InputError(f"{path}: extends: '{parent}' lies in another folder; files are found beside the scenario.")
    return _laid_over(base, tables)


def parse_scenario(text: str, path: Path) -> Scenario:
    """
    Read a scenario from its text, as `Scenario.to_toml` writes it.

    Parameters
    ----------
    text : str
        The scenario in TOML, whole.
    path : Path
        File that its tables lie beside, which messages name.

    Returns
    -------
    Scenario

    Raises
    ------
    InputError
        As `load_scenario`.
    """
    scenario = _build(tomllib.loads(text), path)
    settings(scenario)
    return scenario


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not a valid TOML file: {error}.") from None


def _laid_over(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    """Tables of one scenario over those of another; terms stated in full replace a programme's, data a made-up plan."""
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        if key == "claims" and isinstance(below, dict) and isinstance(value, dict) and "data" in value:
            below = merged[key] = {name: part for name, part in below.items() if name != "synthetic"}
        replaced = key == "terms" and isinstance(value, dict) and "sharing_rate" in value
        if isinstance(value, dict) and isinstance(below, dict) and not (replaced and "program" in below):
            merged[key] = _laid_over(below, value)
        else:
            merged[key] = value
    return merged


def _build(tables: dict[str, Any], path: Path) -> Scenario:
    """Scenario from plain tables; the first fault becomes one clear message."""
    if "path" in tables:
        raise InputError(f"{path}: unknown key 'path'.")
    try:
        return _reader().validate_json(json.dumps({**tables, "path": str(path)}, default=str))
    except ValidationError as error:
        raise InputError(f"{path}: {fault_in(Scenario, tables, error)}") from None


def settings(scenario: Scenario) -> dict[str, Any]:
    """
    Settings of a scenario by dotted key, such as ``years.0.quality_score``.

    Raises
    ------
    InputError
        A key of `basis` or of the sensitivity that is no setting of the scenario.
    """
    flat: dict[str, Any] = {}

    def walk(prefix: str, value: Any) -> None:
        if dataclasses.is_dataclass(value):
            for field in dataclasses.fields(value):
                walk(f"{prefix}.{field.name}" if prefix else field.name, getattr(value, field.name))
        elif isinstance(value, list) and value and dataclasses.is_dataclass(value[0]):
            for position, item in enumerate(value):
                walk(f"{prefix}.{position}", item)
        elif _takes_any_key(prefix.split(".")) and value:
            flat.update({f"{prefix}.{name}": stated for name, stated in value.items()})
        else:
            flat[prefix] = value

    walk("", scenario)
    flat.pop("path"), flat.pop("basis")
    prefixes = {".".join(k.split(".")[:n]) for k in flat for n in range(1, k.count(".") + 2)}
    for key in scenario.basis:
        if key not in prefixes and not _takes_any_key(key.split(".")):
            raise InputError(f"{scenario.path}: basis: '{key}' is no setting.{nearest(key, prefixes)}")
    moved = [r.key for r in scenario.sensitivity.one_way]
    if scenario.sensitivity.two_way:
        moved += [scenario.sensitivity.two_way.row, scenario.sensitivity.two_way.column]
    for key in moved:
        if key not in flat and not _takes_any_key(key.split(".")):
            raise InputError(
                f"{scenario.path}: sensitivity: '{key}' is no setting of the scenario.{nearest(key, flat)}"
            )
    return flat


def _takes_any_key(steps: list[str]) -> bool:
    """Whether a table's keys are names of lines and not settings."""
    free = (["historical", "override"], ["negotiation", "equal_change"])
    return steps[:2] in (*free, ["negotiation", "frontier"])


def _meant(scenario: Scenario, key: str, known: list[str]) -> str:
    """What may have been meant by a key that is not there: a setting of that name in a table, else one spelt alike."""
    full = [other for other in settings(scenario) if other.endswith(f".{key}")]
    return f" Did you mean '{full[0]}'?" if len(full) == 1 else nearest(key.rpartition(".")[2], known)


def change(scenario: Scenario, values: Mapping[str, Any]) -> Scenario:
    """
    Another scenario with some settings changed; the given one stays as it is.

    Parameters
    ----------
    scenario : Scenario
        Scenario to start from.
    values : mapping of str to object
        Dotted keys to values, such as ``{"terms.msr": 0.03, "years.0.quality_score": 0.9}``.

    Returns
    -------
    Scenario

    Raises
    ------
    InputError
        A key that does not exist or a value that its setting refuses.

    Examples
    --------
    >>> base = load_scenario("scenarios/toolkit-2010.toml")
    >>> change(base, {"terms.msr": 0.03}).terms.msr, base.terms.msr
    (0.03, 0.02)
    """
    tables = _plain(scenario)
    for key, value in values.items():
        steps = key.split(".")
        node: Any = tables
        for step in steps[:-1]:
            if isinstance(node, list):
                if not step.isdigit() or int(step) >= len(node):
                    raise InputError(f"{scenario.path}: '{key}': there is no number {step}; {len(node)} are given.")
                node = node[int(step)]
            elif isinstance(node, dict):
                here = steps[: steps.index(step) + 1]
                if step not in node and not _takes_any_key(here) and step not in known_beside(Scenario, here, tables):
                    hint = nearest(step, known_beside(Scenario, here, tables))
                    raise InputError(f"{scenario.path}: unknown key '{key}'.{hint}")
                node = node.setdefault(step, {})
        if not isinstance(node, dict):
            raise InputError(f"{scenario.path}: '{key}' is no setting that can be changed.")
        free = steps[:-1] == ["basis"] or _takes_any_key(steps[:-1])
        if not free and steps[-1] not in known_beside(Scenario, steps, tables):
            raise InputError(
                f"{scenario.path}: unknown key '{key}'.{_meant(scenario, key, known_beside(Scenario, steps, tables))}"
            )
        node[steps[-1]] = value
    return _build(tables, scenario.path)
