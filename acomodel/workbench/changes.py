"""What differs between two runs: settings grouped into the steps that a negotiation speaks of, and their mixtures."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from acomodel.contract.programs import ProgramTerms
from acomodel.workbench.exhibits.settings import field_of, in_words
from acomodel.workbench.model import Run
from acomodel.workbench.naming import PARTS, name_of, printable, value_in_words
from acomodel.workbench.parts import YearSettings
from acomodel.workbench.scenario import Scenario, change
from acomodel.workbench.tables import TABLE_SETTINGS, Tables

CHAIN = ("claims", "experience", "risk", "large_claims", "trend", "benchmark", "historical", "terms", "years")
"""Parts of a scenario that the payment depends on, in the order in which the chain uses them."""
WITHOUT_EFFECT = ("terms.name", "large_claims.reinsurance_load", "claims.engine", "claims.compare")
"""Settings of these parts that no payment depends on."""

_TOGETHER: dict[str, tuple[tuple[str, tuple[str, ...], str], ...]] = {
    "experience": (("Experience", ("table", "monthly"), ""),),
    "risk": (
        ("Members by age and sex", ("table", "base", "current"), ""),
        ("Measure of risk", ("method", "factors", "model"), ""),
    ),
    "large_claims": (("Threshold of large claims", ("threshold", "percentile", "table", "factor"), ""),),
    "trend": (("Trend", ("method", "table", "own", "rule", "national", "regional", "weights"), "method"),),
    "historical": (
        ("Performance year of the benchmark", ("year", "agreement_start", "agreement_period"), ""),
        ("Update of the benchmark", ("update", "national_weight", "acpt"), ""),
    ),
    "terms": (
        ("Loss sharing", ("loss_method", "loss_rate", "loss_rate_floor", "loss_rate_ceiling"), "loss_method"),
        ("Quality clause", ("quality_method", "quality_gate", "quality_ladder"), "quality_method"),
        ("Reduced rate below the threshold", ("below_msr_factor", "below_msr_members"), ""),
        ("Track", ("program", "track", "msr", "low_revenue", "revenue_limit"), "track"),
        ("Agreement", ("agreement_start", "agreement_year"), ""),
    ),
    "years": (
        ("Benchmark", ("benchmark", "benchmark_pmpm"), ""),
        ("Spending", ("actual", "actual_pmpm"), ""),
        ("Quality", ("quality_score", "quality_standard"), ""),
    ),
}
"""Settings that only make sense together: their name, the settings, and the one that must differ for it (or any)."""


@dataclass(frozen=True)
class Change:
    """
    What changes hands in one step.

    Parameters
    ----------
    part : str
        Part of the scenario.
    words : str
        What it is.
    keys : tuple of str
        Settings by their dotted keys; the name of a part for the whole of it.
    tables : tuple of str
        Tables that go with them.
    before, after : str
        Values in words.
    """

    part: str
    words: str
    keys: tuple[str, ...]
    tables: tuple[str, ...] = ()
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Mixture:
    """
    Scenarios between two runs.

    Parameters
    ----------
    before, after : Run
        The runs.
    """

    before: Run
    after: Run
    _tables: dict[tuple[Any, ...], Tables] = field(default_factory=dict, repr=False)

    def scenario(self, taken: Iterable[Change]) -> Scenario:
        """
        The first scenario with some changes made.

        Raises
        ------
        InputError
            The settings do not fit together.
        """
        values = {key: _value(self.after.scenario, key) for one in taken for key in one.keys}
        return change(self.before.scenario, values) if values else self.before.scenario

    def tables(self, taken: Iterable[Change], scenario: Scenario) -> Tables:
        """Tables of that scenario, each from the run whose setting points at it."""
        names = sorted({name for one in taken for name in one.tables})
        until = scenario.benchmark.year if scenario.benchmark is not None else None
        key = (*names, until)
        if key not in self._tables:
            old, new = self.before.tables, self.after.tables
            given: dict[str, Any] = {name: getattr(new, name) for name in names}
            files = {k: v for k, v in old.files.items() if k not in names}
            files |= {k: v for k, v in new.files.items() if k in names}
            claims = given.get("claims", old.claims) if "claims" in names else old.claims
            if claims is not None:
                given["monthly"] = claims.before(until)
            elif "claims" in names and "monthly" not in names:
                given["monthly"] = new.monthly
            made = dataclasses.replace(old, files=files, **given, _fits={}, _kept={}, _prints={}, _whole=None)
            self._tables[key] = made if given else old
        return self._tables[key]


def changes_of(before: Run, after: Run) -> tuple[Change, ...]:
    """
    What the payments of two runs may differ by, as steps in the order of the chain.

    Parameters
    ----------
    before, after : Run
        The runs.

    Returns
    -------
    tuple of Change
        A step for each setting, or for settings that only make sense together; for a whole part of the scenario where
        only one run has it, where both have it of another kind, and of the claims; one step for everything that the
        benchmark is made of where one run states it and the other makes it, or makes it in another way.

    Examples
    --------
    >>> from acomodel import change, load_scenario, run
    >>> base = load_scenario("scenarios/toolkit-2010.toml")
    >>> new = change(base, {"terms.msr": 0.03, "terms.loss_method": "fixed", "terms.loss_rate": 0.4})
    >>> [(c.words, c.before, c.after) for c in changes_of(run(base), run(new))]
    [('Minimum savings rate', '2%', '3%'), ('Loss sharing', 'none', 'fixed; 40%')]
    """
    differ = tables_that_differ(before.tables, after.tables)
    found: list[Change] = []
    parts: Sequence[str] = CHAIN
    kinds = [_kind(run.scenario) for run in (before, after)]
    if kinds[0] != kinds[1]:
        found.append(_made_otherwise(before, after, kinds, differ))
        parts = ("terms", "years")
    found += _scored_otherwise(before.scenario, after.scenario, differ)
    held = [key for one in found for key in one.keys]
    for part in parts:
        found += [one for one in _of_part(before, after, part, differ) if not set(one.keys) & set(held)]
    return tuple(_each_its_own_words(found))


def tables_that_differ(before: Tables, after: Tables) -> list[str]:
    """Names of the tables whose figures differ, or that only one run reads; "claims" for the claims."""
    old, new = before.fingerprints(), after.fingerprints()
    names = [*TABLE_SETTINGS, "claims"]
    if before.claims is not None or after.claims is not None:
        names.remove("monthly")
    return [name for name in names if old.get(name) != new.get(name)]


def _kind(scenario: Scenario) -> str:
    """How the benchmark of the headline year comes about."""
    year = scenario.years[scenario.headline()]
    if scenario.historical is not None and year.benchmark is None and year.benchmark_pmpm is None:
        return "made from base years"
    if scenario.benchmark is None or year.benchmark is not None or year.benchmark_pmpm is not None:
        return "stated"
    return "projected from claims" if scenario.claims is not None else "projected from experience"


def _made_otherwise(before: Run, after: Run, kinds: Sequence[str], differ: list[str]) -> Change:
    """One step for everything that the benchmark is made of."""
    made = [part for part in CHAIN if part not in ("terms", "years")]
    keys = [p for p in made if getattr(before.scenario, p) != getattr(after.scenario, p)]
    if _same_years(before.scenario, after.scenario):
        for at, (old, new) in enumerate(zip(before.scenario.years, after.scenario.years, strict=True)):
            stated = [k for k in ("benchmark", "benchmark_pmpm") if getattr(old, k) != getattr(new, k)]
            keys += [f"years.{at}.{name}" for name in stated]
    tables = [name for name in differ if name not in ("costs", "measures")]
    return Change("benchmark", "How the benchmark is made", tuple(keys), tuple(tables), *kinds)


def _scored_otherwise(before: Scenario, after: Scenario, differ: list[str]) -> list[Change]:
    """One step for how the quality score comes about, where a run works it out; a score stated instead goes with it."""
    old, new = before.quality, after.quality
    tables = tuple(name for name in differ if name == "measures")
    if old == new and not tables:
        return []
    keys = ["quality"]
    if _same_years(before, after) and (old is None) != (new is None):
        at = (before if old is not None else after).headline()
        pair = before.years[at], after.years[at]
        stated = [n for n in ("quality_score", "quality_standard") if getattr(pair[0], n) != getattr(pair[1], n)]
        keys += [f"years.{at}.{name}" for name in stated]
    words = ["as stated" if one is None else f"worked out: {one.scheme}" for one in (old, new)]
    if words[0] == words[1]:
        words[1] += ", other measures" if tables else ", other settings"
    return [Change("quality", "Quality score", tuple(keys), tables, *words)]


def _same_years(before: Scenario, after: Scenario) -> bool:
    """Whether two scenarios settle the same years in the same order."""
    return [y.performance_year for y in before.years] == [y.performance_year for y in after.years]


def _of_part(before: Run, after: Run, part: str, differ: list[str]) -> list[Change]:
    old, new = getattr(before.scenario, part), getattr(after.scenario, part)
    tables = {k.split(".")[1]: t for t, k in TABLE_SETTINGS.items() if k.startswith(f"{part}.") and t in differ}
    if part == "years" and _same_years(before.scenario, after.scenario):
        found = []
        for at in range(len(old)):
            found += _by_field(before.scenario, after.scenario, f"years.{at}", {})
        return found
    whole = part in ("claims", "years") or type(old) is not type(new)
    if not whole:
        return [] if old is None else _by_field(before.scenario, after.scenario, part, tables)
    if part == "claims":
        if "claims" not in differ and _claims_rules(old) == _claims_rules(new):
            return []
        tables = {"claims": "claims"}
    elif old == new:
        return []
    words = [_whole(run.scenario, part) for run in (before, after)]
    return [Change(part, PARTS[part], (part,), tuple(tables.values()), *words)]


def _claims_rules(claims: Any) -> Any:
    """Settings of the claims but where they are read from and how."""
    if claims is None:
        return None
    aside = ("data", "tables", "synthetic", "engine", "compare")
    return {f.name: getattr(claims, f.name) for f in dataclasses.fields(claims) if f.name not in aside}


def _whole(scenario: Scenario, part: str) -> str:
    """A part of a scenario in a word or two."""
    value = getattr(scenario, part)
    if value is None:
        return "none"
    if part == "terms":
        return f"{value.program.upper()} {value.track}" if isinstance(value, ProgramTerms) else str(value.name)
    return ", ".join(y.label for y in value) if part == "years" else "in force"


def _by_field(before: Scenario, after: Scenario, prefix: str, tables: dict[str, str]) -> list[Change]:
    """Settings of one part that differ, those that belong together as one."""
    part = prefix.split(".")[0]
    old, new = _node(before, prefix), _node(after, prefix)
    files = {k.split(".")[1] for k in TABLE_SETTINGS.values() if k.startswith(f"{part}.")} if part != "years" else set()
    names = [f.name for f in dataclasses.fields(old)]
    differs = {n: (n in tables) if n in files else getattr(old, n) != getattr(new, n) for n in names}
    for name in files:
        given = (getattr(old, name) is None, getattr(new, name) is None)
        differs[name] |= given[0] != given[1]
    changed = [n for n in names if differs[n] and f"{part}.{n}" not in WITHOUT_EFFECT]
    if isinstance(new, YearSettings):
        changed = [n for n in changed if n != "label"]
    found = []
    while changed:
        first = changed[0]
        title, together = "", [first]
        for words, members, lead in _TOGETHER.get(part, ()):
            if first in members and (lead in changed if lead else True):
                together = [n for n in changed if n in members]
                title = words if len(together) > 1 or first in files else ""
        changed = [n for n in changed if n not in together]
        keys = tuple(f"{prefix}.{n}" for n in together)
        words = name_of(after, keys[0]) if not title else _titled(after, prefix, title)
        said = [_values(s, keys, files) for s in (before, after)]
        if any(n in tables for n in together):
            said[1] = said[1].replace("table", "another table", int("table" in said[0]))
        taken = tuple(tables[n] for n in together if n in tables)
        found.append(Change(part, words, keys, taken, *said))
    return found


def _titled(scenario: Scenario, prefix: str, title: str) -> str:
    """Name of settings that belong together, with the year they are of."""
    steps = prefix.split(".")
    if steps[0] == "years" and len(scenario.years) > 1:
        return f"{scenario.years[int(steps[1])].label}: {title[0].lower()}{title[1:]}"
    return title


def _values(scenario: Scenario, keys: Sequence[str], files: set[str]) -> str:
    """Values of settings in words."""
    said = []
    for key in keys:
        value = _node(scenario, key)
        if key.split(".")[-1] in files:
            said += [] if value is None else ["table"]
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            pairs = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
            said.append(", ".join(f"{n} {in_words(v, _unit(scenario, f'{key}.{n}'))}" for n, v in pairs.items() if v))
        elif isinstance(value, dict):
            said.append("; ".join(f"{name} {in_words(v)}" for name, v in value.items()) or "none")
        elif value is not None or len(keys) == 1:
            said.append(value_in_words(value, key, _unit(scenario, key)))
    return "; ".join(said) or "none"


def _unit(scenario: Scenario, key: str) -> str:
    return field_of(scenario, key)[1]


def _node(scenario: Scenario, key: str) -> Any:
    """Value at a dotted key."""
    node: Any = scenario
    for step in key.split("."):
        node = node[int(step)] if isinstance(node, list) else getattr(node, step)
    return node


def _value(scenario: Scenario, key: str) -> Any:
    """Value at a dotted key as plain tables."""

    def plain(value: Any) -> Any:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            value = dataclasses.asdict(value)
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items() if v is not None}
        return [plain(v) for v in value] if isinstance(value, list | tuple) else value

    return plain(_node(scenario, key))


def _each_its_own_words(changes: list[Change]) -> list[Change]:
    """Changes under names that no two share; what cannot be printed is left out of them."""
    seen: dict[str, int] = {}
    found = []
    for one in changes:
        words, before, after = (printable(text) for text in (one.words, one.before, one.after))
        seen[words] = seen.get(words, 0) + 1
        words = words if seen[words] == 1 else f"{words} ({seen[words]})"
        found.append(dataclasses.replace(one, words=words, before=before, after=after))
    return found
