"""The explorer on the screen: controls, figures and pictures as widgets around one state."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ipywidgets as widgets

from acomodel.inputs import InputError
from acomodel.workbench.explorer import page
from acomodel.workbench.explorer.controls import controls_of
from acomodel.workbench.explorer.panels import Comparison, Saving
from acomodel.workbench.explorer.row import Row
from acomodel.workbench.explorer.state import Explorer
from acomodel.workbench.scenario import settings

PAUSE = 1.5
"""Seconds after which moving the same control again is a step of its own to be undone."""


class View:
    """
    Widgets of one explorer.

    Parameters
    ----------
    explorer : Explorer
        The state; whatever changes it, the widgets follow.
    """

    def __init__(self, explorer: Explorer) -> None:
        self.explorer = explorer
        self.is_quiet = False
        self._movement = ("", 0.0, 0)
        self.chooser = widgets.Dropdown(layout=widgets.Layout(width="230px"), tooltip="Scenario")
        self.undo, self.redo, self.reset = (
            widgets.Button(description=words, layout=widgets.Layout(width="72px"), tooltip=hint)
            for words, hint in (
                ("Undo", "Go one step back"),
                ("Redo", "Go forth again"),
                ("Reset", "Set everything back to the scenario file"),
            )
        )
        self.title, self.message = widgets.HTML(), widgets.HTML()
        self.figures = widgets.HTML(layout=widgets.Layout(width="100%"))
        self.rows: list[Row] = []
        self.places: page.Places = {}
        self.controls = widgets.VBox(
            layout=widgets.Layout(
                width="40%", flex="0 0 auto", max_width="480px", min_width="390px", padding="0 20px 0 0"
            )
        )
        self.shown_picture = widgets.ToggleButtons(
            style={"button_width": "auto"}, layout=widgets.Layout(margin="8px 0 2px")
        )
        self.picture = widgets.HTML(layout=widgets.Layout(width="100%"))
        self.picture.add_class("aco-picture")
        self.comparison, self.saving = Comparison(self), Saving(self)
        self.panels = widgets.Accordion(
            [self.comparison.widget, self.saving.widget],
            titles=("Compare states", "Save as a scenario"),
            selected_index=None,
        )
        self.widget = self._assembled()
        self._built_for: Any = None
        self._listen()
        explorer.watch(self.refresh)
        self.refresh()

    def _assembled(self) -> widgets.Widget:
        line = widgets.Layout(align_items="center", width="100%")
        buttons = widgets.HBox([self.chooser, self.undo, self.redo, self.reset], layout=widgets.Layout(flex="0 0 auto"))
        self.title.layout.flex = "1 1 auto"
        head = widgets.HBox([self.title, buttons], layout=line)
        right = widgets.VBox(
            [self.figures, self.shown_picture, self.picture], layout=widgets.Layout(flex="1 1 auto", min_width="0")
        )
        body = widgets.HBox([self.controls, right], layout=widgets.Layout(width="100%", align_items="stretch"))
        whole = widgets.VBox(
            [widgets.HTML(page.style()), head, self.message, body, self.panels], layout=widgets.Layout(width="100%")
        )
        whole.add_class("aco-explorer")
        for part, name in (
            (self.chooser, "scenario"),
            (self.undo, "undo"),
            (self.redo, "redo"),
            (self.reset, "reset"),
            (self.controls, "controls"),
            (self.figures, "figures"),
            (self.message, "message"),
        ):
            part.add_class(f"aco-{name}")
        return whole

    def _listen(self) -> None:
        self.undo.on_click(lambda _: self.attempt(self.explorer.undo))
        self.redo.on_click(lambda _: self.attempt(self.explorer.redo))
        self.reset.on_click(lambda _: self.attempt(self.explorer.reset))
        self.chooser.observe(self._choose, "value")
        self.shown_picture.observe(self._pick, "value")
        self.panels.observe(lambda _: self.comparison.refresh(), "selected_index")

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Widgets set here do not call back."""
        before, self.is_quiet = self.is_quiet, True
        try:
            yield
        finally:
            self.is_quiet = before

    def attempt(self, work: Callable[[], Any], row: Row | None = None) -> bool:
        """Do something to the state; what refuses or interrupts it is said, and the widgets show the state again."""
        self.say("")
        try:
            work()
        except InputError as error:
            words = str(error).removeprefix(f"{self.explorer.scenario.path}: ")
            if row is None:
                self.say(words, fault=True)
            else:
                row.fault.value = page.fault(row.control.refused(words))
        except KeyboardInterrupt:
            self.say("Interrupted; the last state stands.", fault=True)
        else:
            return True
        if row is not None:
            row.leads = False
        self.follow()
        return False

    def say(self, words: str, *, fault: bool = False) -> None:
        """Say something above the controls."""
        self.message.value = page.fault(words) if fault else page.remark(words)

    def move(self, row: Row, value: Any, *, sliding: bool) -> None:
        """Give a control another value."""
        key, last, count = self._movement
        now = time.monotonic()
        if not (sliding and key == row.control.key and now - last < PAUSE):
            count += 1
        self._movement = (row.control.key, now, count)
        step = f"{row.control.key} {count}" if sliding else None
        row.fault.value = ""
        row.leads = sliding
        try:
            self.attempt(lambda: self.explorer.set(row.control.settings(value), step=step), row)
        finally:
            row.leads = False

    def _pick(self, _: Any) -> None:
        if not self.is_quiet:
            self.draw()

    def _choose(self, change: Any) -> None:
        if self.is_quiet:
            return
        folder, name = self.explorer.scenario.folder, change["new"]
        self.say(f"Reading {name}; claims take a while the first time …")
        self.attempt(lambda: self._opened(folder / f"{name}.toml"))

    def _opened(self, path: Any) -> None:
        self.say(f"Reading {path.stem} …")
        self.explorer.open(path)

    def refresh(self) -> None:
        """Show the state: its figures first, pictures last."""
        now, loaded = self.explorer.state, self.explorer.loaded
        self.figures.value = page.figures_table(now, loaded)
        for row in self.rows:
            row.fault.value = ""
        self.follow()
        self.draw()
        self.comparison.refresh()
        self.saving.refresh()

    def follow(self) -> None:
        """Set controls and buttons to the state."""
        explorer = self.explorer
        with self.quiet():
            if self._built_for is not explorer.loaded:
                self._build()
            self.undo.disabled, self.redo.disabled = not explorer.can_undo, not explorer.can_redo
            self.reset.disabled = explorer.state is explorer.loaded
            self.chooser.value = explorer.scenario.path.stem
            runs = explorer.run, explorer.loaded.run
            flat = [settings(run.scenario) for run in runs]
            for row in self.rows:
                row.follow(*map(row.control.value, runs, flat))

    def _build(self) -> None:
        """Controls, choices and pictures of a scenario that has been opened."""
        result = self.explorer.loaded.run
        names = sorted(path.stem for path in result.scenario.folder.glob("*.toml") if not path.name.startswith("."))
        self.chooser.options = sorted({*names, result.scenario.path.stem})
        self.title.value = page.title(result)
        self.rows = [Row(control, self) for control in controls_of(result)]
        parts: list[widgets.Widget] = []
        groups = dict.fromkeys(["Benchmark", "Contract", *(row.control.group for row in self.rows)])
        for group in groups:
            inside = [row.widget for row in self.rows if row.control.group == group]
            note = page.programme_note(result) if group == "Contract" else ""
            if inside or note:
                parts.append(widgets.HTML(f"<h3 class='aco'>{page.escape(group)}</h3>"))
                parts += [*inside, *([widgets.HTML(note)] if note else [])]
        self.controls.children = parts
        chosen, offered = self.shown_picture.value, page.pictures_of(result)
        self.shown_picture.options = offered
        self.shown_picture.value = chosen if chosen in offered else offered[0]
        self._built_for = self.explorer.loaded

    def draw(self) -> None:
        """Draw the picture that is in sight."""
        self.picture.value = page.picture(self.shown_picture.value, self.explorer.run, self.places)
