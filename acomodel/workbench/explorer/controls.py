"""What can be moved in a scenario: for each control its settings, unit, reach and the words beside it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from acomodel.contract.programs import ProgramTerms
from acomodel.contract.terms import Terms
from acomodel.exhibit import show
from acomodel.inputs import InputError
from acomodel.programs import Rules
from acomodel.workbench.model import Run
from acomodel.workbench.scenario import Scenario
from acomodel.workbench.years import given

Unit = Literal["%", "$", "members", "percentile"]


@dataclass(frozen=True)
class Control:
    """
    One thing that can be moved.

    Parameters
    ----------
    key : str
        Setting that it shows.
    label : str
        What it is called.
    unit : {"%", "$", "members", "percentile"}
        How its value is written.
    low, high, step : float
        Reach and step of its slider, in the setting's own unit; of the logarithm to base 10 where `log` is set.
    group : str
        Heading that it stands under.
    off : str or None
        Words for the value that switches the clause off; None where there is none.
    off_value : object
        That value.
    start : float
        Value that it takes when switched on.
    choices : dict of str to object
        Words to values where only these can be chosen.
    log : bool
        Whether the slider moves by ratios.
    hint : str
        What a reader must know about it.
    write : callable or None
        Settings that a value stands for; the setting `key` alone where None.
    read : callable or None
        Value in a run; that of the setting `key` where None.
    """

    key: str
    label: str
    unit: Unit
    low: float
    high: float
    step: float
    group: str
    off: str | None = None
    off_value: Any = None
    start: float = 0.0
    choices: dict[str, Any] = field(default_factory=dict)
    log: bool = False
    hint: str = ""
    write: Callable[[Any], dict[str, Any]] | None = None
    read: Callable[[Run], Any] | None = None

    def value(self, result: Run, flat: Mapping[str, Any]) -> Any:
        """Value in a run, whose settings by dotted key are given."""
        return flat.get(self.key) if self.read is None else self.read(result)

    def settings(self, value: Any) -> dict[str, Any]:
        """Settings that a value stands for."""
        return {self.key: value} if self.write is None else self.write(value)

    def is_off(self, value: Any) -> bool:
        """Whether a value switches the clause off."""
        return self.off is not None and value == self.off_value

    def on_slider(self, value: float) -> float:
        """Place of a value on the slider."""
        place = math.log10(max(value, 1.0)) if self.log else value
        return place * 100 if self.unit == "%" else place

    def from_slider(self, place: float) -> float:
        """Value at a place of the slider, without the dust of binary fractions."""
        if self.log:
            return float(f"{10**place:.3g}")
        return round(place / 100, 10) if self.unit == "%" else round(place, 6)

    def written(self, value: Any) -> str:
        """
        A value as the field shows it.

        >>> Control("terms.msr", "", "%", 0, 0.1, 0.001, "").written(0.02)
        '2.00%'
        """
        if self.choices:
            return next((words for words, held in self.choices.items() if held == value), str(value))
        if self.is_off(value) or value is None:
            return self.off or "none"
        if self.unit == "%":
            return show(float(value), "%.")
        return show(float(value), {"$": "$", "members": "#"}.get(self.unit, "#."))

    def understood(self, text: str) -> Any:
        """
        Value that a person typed.

        Raises
        ------
        InputError
            It is no number.

        Examples
        --------
        >>> control = Control("terms.msr", "Threshold", "%", 0, 0.1, 0.001, "", off="by size", off_value="size")
        >>> control.understood("2.5 %"), control.understood("by size"), control.understood("−1")
        (0.025, 'size', -0.01)
        """
        said = text.strip()
        if self.off is not None and said.lower() in (self.off, "none", ""):
            return self.off_value
        bare = re.sub(r"[$%,\s]|members$", "", said.replace("−", "-"))
        try:
            number = float(bare)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            words = {"%": "a number of percent", "$": "an amount in dollars"}.get(self.unit, "a number")
            raise InputError(f"{self.label}: found '{text}'; {words} is wanted.")
        return round(number / 100, 12) if self.unit == "%" else number

    def refused(self, words: str) -> str:
        """
        A fault of the setting in the words and the unit of the control.

        >>> control = Control("terms.msr", "Threshold", "%", 0, 0.1, 0.001, "")
        >>> control.refused("terms.msr: found 3; at most 1 is wanted (rate [share]).")
        'Threshold: found 300%; at most 100% is wanted (rate).'
        """
        said = words.removeprefix(f"{self.key}: ").removeprefix("terms.")
        if self.unit == "%":
            said = re.sub(r" A share is wanted: [^:]* is [\d.]+\.$", "", said)
            said = re.sub(r"(found|at most|at least|above|below) (-?[\d.]+)(?=[; ])", _percent, said)
        return said if said == words else f"{self.label}: {_without_unit(said)}"


def _without_unit(words: str) -> str:
    """Words without the unit that a description ends with."""
    return re.sub(r" \[[^]]*\](?=\))", "", words)


def _percent(found: re.Match[str]) -> str:
    return f"{found[1]} {float(found[2]) * 100:.10g}%"


def controls_of(result: Run) -> list[Control]:
    """Controls for what a scenario has, group by group."""
    return [*_of_benchmark(result), *_of_contract(result.scenario), *_of_year(result)]


def _of_benchmark(result: Run) -> list[Control]:
    """Trend, risk, large claims, or the benchmark as a whole."""
    scenario, group, found = result.scenario, "Benchmark", []
    at = scenario.headline()
    if scenario.trend is not None:
        words = "points added to every annual trend"
        found.append(Control("trend.adjustment", "Trend what-if", "%", -5, 5, 0.1, group, hint=words))
    if scenario.historical is not None:
        words = "change of the historical benchmark"
        found.append(Control("historical.adjustment", "Benchmark what-if", "%", -10, 10, 0.1, group, hint=words))
    if scenario.trend is None and scenario.historical is None:
        key, words = f"years.{at}.benchmark_adjustment", "change of the stated benchmark"
        found.append(Control(key, "Benchmark what-if", "%", -10, 10, 0.1, group, hint=words))
    if scenario.risk is not None and scenario.benchmark is not None:
        words = "change of the risk ratio, after its cap"
        found.append(Control("risk.adjustment", "Risk what-if", "%", -5, 5, 0.1, group, hint=words))
        words = "largest rise of risk that counts"
        found.append(
            Control("risk.cap", "Largest rise of risk", "%", 0, 10, 0.1, group, "no cap", None, 0.03, hint=words)
        )
    large = scenario.large_claims
    if large is not None and large.threshold is not None:
        low, high = 10_000 * max(1, math.floor(large.threshold / 20_000)), 4 * large.threshold
        words = "what a member costs above this in a year does not count"
        found.append(Control("large_claims.threshold", "Large claims up to", "$", low, high, 5_000, group, hint=words))
    elif large is not None:
        words = "percentile of annual claims above which they do not count"
        key = "large_claims.percentile"
        found.append(Control(key, "Large claims, percentile", "percentile", 95, 100, 0.1, group, hint=words))
    return found


def _of_contract(scenario: Scenario) -> list[Control]:
    """Clauses of agreed terms; of a programme's terms the choice that it leaves."""
    group, kind = "Contract", scenario.terms
    if isinstance(kind, ProgramTerms):
        return _of_program(scenario, kind)
    assert isinstance(kind, Terms)
    words = "savings below it are not shared; by size: the Medicare table"
    found = [
        Control("terms.msr", "Savings threshold", "%", 0, 10, 0.1, group, "by size", "size", 0.02, hint=words),
        Control("terms.sharing_rate", "Sharing rate", "%", 0, 100, 1, group, hint="largest share of savings paid"),
    ]
    if kind.loss_method in ("none", "fixed"):
        words = "share of losses that the ACO bears"
        one_sided = Control(
            "terms.loss_rate", "Loss rate", "%", 0, 100, 1, group, "none", None, 0.5, hint=words, write=_loss_rate
        )
        found.append(one_sided)
    for key, label, words in (
        ("terms.savings_cap_benchmark", "Cap on savings", "cap on the payment, of benchmark"),
        ("terms.loss_limit_benchmark", "Limit on losses", "limit on losses owed, of benchmark"),
    ):
        off = "no cap" if "cap" in key else "no limit"
        found.append(Control(key, label, "%", 0, 30, 0.5, group, off, None, 0.1, hint=words))
    return found


def _loss_rate(value: float | None) -> dict[str, Any]:
    """Both settings of a loss rate: a contract without one is one-sided."""
    return {"terms.loss_rate": value, "terms.loss_method": "none" if value is None else "fixed"}


def _of_program(scenario: Scenario, kind: ProgramTerms) -> list[Control]:
    """The threshold, where the track leaves a choice."""
    rules = Rules(kind.program, scenario.years[scenario.headline()].performance_year, kind.agreement_start)
    if rules.text("msr_method", kind.track) in ("size", "fixed"):
        return []
    offered = rules.text("msr_choice", kind.track).split("|")
    choices = {"by size" if x == "size" else show(float(x), "%."): x if x == "size" else float(x) for x in offered}
    words = "the ACO's choice in this track"
    read = _chosen
    return [Control("terms.msr", "Savings threshold", "%", 0, 0, 0, "Contract", choices=choices, hint=words, read=read)]


def _chosen(result: Run) -> Any:
    """The ACO's choice of threshold; by size where it made none."""
    chosen = result.scenario.terms.msr
    return "size" if chosen is None else chosen


def _of_year(result: Run) -> list[Control]:
    """Spending, quality, size and true savings of the headline year."""
    scenario, at = result.scenario, result.scenario.headline()
    year, key = scenario.years[at], f"years.{scenario.headline()}"
    group = f"Year {year.label}"
    words = "change of actual or expected spending"
    found = [Control(f"{key}.actual_adjustment", "Spending what-if", "%", -10, 10, 0.1, group, hint=words)]
    if year.quality_score is not None and result.terms[at].quality_method != "none":
        found.append(
            Control(f"{key}.quality_score", "Quality score", "%", 0, 100, 1, group, hint="quality score as measured")
        )
    if result.outlook is not None:
        words = "what the ACO really saves, luck apart"
        found.append(Control("outlook.true_savings", "True savings", "%", -2, 10, 0.1, group, hint=words))
        found.append(_size(result, group))
    return found


def _size(result: Run, group: str) -> Control:
    """Members: with exposure and dollars where these are per member, else for thresholds by size and chance alone."""
    scenario, at = result.scenario, result.scenario.headline()
    year = scenario.years[at]
    stated = year.member_months is not None and year.members is None
    per_member = stated and year.benchmark is None and year.actual is None
    whole = scenario.benchmark is None or scenario.benchmark.member_months is not None
    scaled = per_member and (year.benchmark_pmpm is not None or whole)
    persons = scenario.outlook.members

    def write(members: Any) -> dict[str, Any]:
        values: dict[str, Any] = {}
        if scaled:
            values[f"years.{at}.member_months"] = members * 12
            if scenario.benchmark is not None and scenario.benchmark.member_months is not None:
                values["benchmark.member_months"] = members * 12
        else:
            values[f"years.{at}.members"] = members
        if persons is not None or (not scaled and result.tables.claims is not None):
            values["outlook.members"] = members
        return values

    def read(of: Run) -> float:
        if not scaled and of.outlook is not None:
            return float(of.outlook.members)
        return float(given(of.scenario, of.tables, at)["members"])

    words = "benchmark and spending grow with it" if scaled else "for chance and thresholds by size; dollars stay"
    shown = f"years.{at}.member_months" if scaled else f"years.{at}.members"
    return Control(shown, "Members", "members", 3, 5.6, 0.01, group, log=True, hint=words, write=write, read=read)
