"""The state of an explorer: a scenario that is moved, undone, kept and saved, without a screen."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acomodel.exhibit import Exhibit
from acomodel.inputs import InputError, nearest
from acomodel.workbench.comparison import Bridge, compare
from acomodel.workbench.explorer.figures import State, side_by_side, worked_out
from acomodel.workbench.explorer.saving import changed_settings, write_scenario
from acomodel.workbench.model import Run, run
from acomodel.workbench.scenario import Scenario, change, load_scenario
from acomodel.workbench.tables import Tables, read_tables, table_files

if TYPE_CHECKING:
    from acomodel.workbench.explorer.view import View

KEPT = 4
"""States that may be kept beside each other."""
STEPS = 200
"""Steps that can be undone."""
NOW = "now"
"""Name of the state that is being moved."""


class Explorer:
    """
    A scenario whose settings are moved while its figures follow.

    In a notebook it shows itself with sliders, figures and pictures; everything they do can be called as well. A
    change that is refused, or that is interrupted, leaves the state as it was.

    Parameters
    ----------
    scenario : Scenario, str or Path
        Where to start; the scenarios of the same folder can be chosen from.
    tables : Tables, optional
        Its tables, if they have been read already.

    Examples
    --------
    >>> explorer = Explorer("scenarios/toolkit-2010.toml")
    >>> explorer.set({"years.0.actual_adjustment": -0.02})
    >>> round(explorer.figures()["payment"])
    240910
    >>> explorer.undo()
    >>> explorer.figures()["payment"], explorer.changes()
    (0.0, {})
    """

    def __init__(self, scenario: Scenario | str | Path, tables: Tables | None = None) -> None:
        first = worked_out(run(scenario, tables))
        self._opened: dict[str, tuple[Any, State]] = {}
        self._steps: list[tuple[State, State]] = [(first, first)]
        self._at = 0
        self._step: str | None = None
        self._kept: dict[str, State] = {}
        self._watching: list[Callable[[], None]] = []
        self._view: View | None = None
        self._opened[str(first.run.scenario.path)] = (_stamp(first.run.scenario), first)

    @property
    def state(self) -> State:
        """The state as it is moved."""
        return self._steps[self._at][0]

    @property
    def loaded(self) -> State:
        """The state as the scenario file has it."""
        return self._steps[self._at][1]

    @property
    def run(self) -> Run:
        """Result of the state."""
        return self.state.run

    @property
    def scenario(self) -> Scenario:
        """Settings of the state."""
        return self.state.run.scenario

    @property
    def kept(self) -> dict[str, Run]:
        """States kept for comparison, by name."""
        return {name: state.run for name, state in self._kept.items()}

    def figures(self) -> dict[str, float | None]:
        """
        Figures of the state.

        Returns
        -------
        dict of str to float or None
            `benchmark_pmpm` [$ PMPM]; `benchmark`, `actual`, `savings`, `payment` [$]; `savings_rate`, `msr` [share of
            benchmark]; chances to be paid `chance_luck`, `chance_true` and to owe `owing_luck`, `owing_true` [share],
            and payments to be expected `expected_luck`, `expected_true` [$], with true savings of nothing and with
            those of the scenario. None for what the scenario does not tell.
        """
        return dict(self.state.figures)

    def changes(self) -> dict[str, tuple[Any, Any]]:
        """Settings that differ from those of the scenario file: as loaded, and now."""
        return changed_settings(self.loaded.run.scenario, self.scenario)

    def set(self, values: Mapping[str, Any], *, step: str | None = None) -> None:
        """
        Change settings of the state.

        Parameters
        ----------
        values : mapping of str to object
            Dotted keys to values, such as ``{"terms.msr": 0.03}``.
        step : str, optional
            Name of a movement: changes of one movement that follow each other are undone together.

        Raises
        ------
        InputError
            A key that does not exist, a value that its setting refuses, or settings that cannot be worked out; the
            state stays as it was.
        """
        variant = change(self.scenario, values)
        if variant == self.scenario:
            return
        state = worked_out(run(variant, _tables_of(variant, self.run)))
        follows = step is not None and step == self._step and self._at > 0
        self._go(self._steps[: self._at + (0 if follows else 1)], (state, self.loaded), step)

    def open(self, scenario: Scenario | str | Path) -> None:
        """
        Go on with another scenario; undo leads back to this one.

        Parameters
        ----------
        scenario : Scenario, str or Path
            A scenario or its file; tables that have been read already and did not change are not read again.

        Raises
        ------
        InputError
            The scenario or one of its tables is at fault; the state stays as it was.
        """
        wanted = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
        key, stamp = str(wanted.path), _stamp(wanted)
        known = self._opened.get(key)
        state = known[1] if known is not None and known[0] == stamp else worked_out(run(wanted))
        self._opened[key] = (stamp, state)
        self._go(self._steps[: self._at + 1], (state, state), None)

    def undo(self) -> None:
        """Go one step back, if there is one."""
        self._turn_to(max(self._at - 1, 0))

    def redo(self) -> None:
        """Go forth again the step that was undone last, if there is one."""
        self._turn_to(min(self._at + 1, len(self._steps) - 1))

    def reset(self) -> None:
        """Set everything back to the scenario file; this can be undone as well."""
        if self.state is not self.loaded:
            self._go(self._steps[: self._at + 1], (self.loaded, self.loaded), None)

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to go back."""
        return self._at > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone step to go forth."""
        return self._at + 1 < len(self._steps)

    def keep(self, name: str) -> None:
        """
        Keep the state for comparison.

        Parameters
        ----------
        name : str
            What to call it; a name that is kept already is replaced.

        Raises
        ------
        InputError
            No name, a name that stands for the moving state, or four others are kept already.
        """
        name = name.strip()
        if not name or name == NOW:
            raise InputError(f"keep: found the name '{name}'; a name other than '{NOW}' is wanted.")
        if name not in self._kept and len(self._kept) >= KEPT:
            raise InputError(f"keep: {KEPT} states are kept already ({', '.join(self._kept)}); drop one of them first.")
        self._kept[name] = self.state
        self._tell()

    def drop(self, name: str) -> None:
        """
        Keep a state no longer.

        Raises
        ------
        InputError
            No state of that name is kept.
        """
        if name not in self._kept:
            raise InputError(f"no state '{name}' is kept.{nearest(name, self._kept)}")
        self._kept = {other: state for other, state in self._kept.items() if other != name}
        self._tell()

    def recall(self, name: str) -> None:
        """
        Go on from a kept state; this can be undone.

        Raises
        ------
        InputError
            No state of that name is kept.
        """
        state = self._find(name)
        known = self._opened.get(str(state.run.scenario.path))
        loaded = self.loaded if known is None else known[1]
        self._go(self._steps[: self._at + 1], (state, loaded), None)

    def states(self) -> dict[str, State]:
        """The kept states by name, and the moving one as "now"."""
        return {**self._kept, NOW: self.state}

    def comparison(self) -> Exhibit:
        """The kept states and the moving one side by side, with differences from the first."""
        return side_by_side(self.states())

    def bridge(self, before: str, after: str = NOW) -> Bridge:
        """
        Walk of the payment from one kept state to another.

        Parameters
        ----------
        before, after : str
            Names of kept states, or "now".

        Raises
        ------
        InputError
            An unknown name, or states that cannot be held against each other.
        """
        return compare(self._find(before).run, self._find(after).run)

    def save(
        self,
        path: str | Path,
        *,
        by: str,
        why: str,
        date: str | datetime.date | None = None,
        title: str | None = None,
        replace: bool = False,
    ) -> Path:
        """
        Write the state as a scenario file beside the one it was made from, so that its tables are found.

        Parameters
        ----------
        path : str or Path
            Name of the new scenario, or its file.
        by : str
            Who changed the settings.
        why : str
            Why they were changed.
        date : str or datetime.date, optional
            When; today by default.
        title : str, optional
            Title of the new scenario; by default that of the old one with the new name.
        replace : bool
            Whether a file of that name may be written over.

        Returns
        -------
        Path
            The file, whole: who changed what, when, from what and why stands in its `[basis]`.

        Raises
        ------
        InputError
            A name that cannot be one, another folder, a file that is there already, nobody or no reason named.
        """
        when = date.isoformat() if isinstance(date, datetime.date) else date or datetime.date.today().isoformat()
        return write_scenario(
            self.loaded.run.scenario, self.scenario, path, by=by, why=why, date=when, title=title, replace=replace
        )

    def watch(self, told: Callable[[], None]) -> None:
        """Have a function called whenever the state or what is kept changes."""
        self._watching.append(told)

    def _find(self, name: str) -> State:
        known = self.states()
        if name not in known:
            raise InputError(f"no state '{name}' is kept.{nearest(name, known)}")
        return known[name]

    def _go(self, past: list[tuple[State, State]], to: tuple[State, State], step: str | None) -> None:
        steps = [*past, to][-STEPS - 1 :]
        self._steps, self._at, self._step = steps, len(steps) - 1, step
        self._tell()

    def _turn_to(self, at: int) -> None:
        self._at, self._step = at, None
        self._tell()

    def _tell(self) -> None:
        for told in self._watching:
            told()

    def __repr__(self) -> str:
        """The state as text."""
        return repr(side_by_side({"as loaded": self.loaded, NOW: self.state}))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """The explorer on the screen, and its figures as text where there is none."""
        return self.view.widget._repr_mimebundle_() | {"text/plain": repr(self)}

    @property
    def view(self) -> View:
        """The explorer on the screen."""
        from acomodel.workbench.explorer.view import View

        if self._view is None:
            self._view = View(self)
        return self._view


def _tables_of(variant: Scenario, before: Run) -> Tables:
    """Tables of a variant: those read before, unless it points at others."""
    same = table_files(variant) == table_files(before.scenario) and variant.claims == before.scenario.claims
    return before.tables if same else read_tables(variant)


def _stamp(scenario: Scenario) -> tuple[Any, ...]:
    """What tells whether a scenario or one of its files has changed."""
    files = [scenario.folder / file for file in table_files(scenario).values()]
    if scenario.claims is not None and scenario.claims.data is not None:
        data = scenario.folder / scenario.claims.data
        files += sorted(data.iterdir()) if data.is_dir() else [data]
    told = [(str(f), f.stat().st_mtime_ns, f.stat().st_size) for f in files if f.is_file()]
    return scenario.to_toml(), *told
