"""Two panels of the explorer: states compared, and the state saved as a scenario."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from acomodel.inputs import InputError
from acomodel.workbench.exhibits.settings import setting_in_words
from acomodel.workbench.explorer import page
from acomodel.workbench.explorer.state import KEPT, NOW
from acomodel.workbench.plots.comparison import drawn

if TYPE_CHECKING:
    from acomodel.workbench.explorer.view import View


def _button(words: str, width: str = "auto", **beside: Any) -> widgets.Button:
    return widgets.Button(description=words, layout=widgets.Layout(width=width), **beside)


class Comparison:
    """
    Kept states side by side, and the walk of the payment between two of them.

    Parameters
    ----------
    view : View
        The explorer on the screen.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        narrow = widgets.Layout(width="170px")
        self.name = widgets.Text(placeholder="name of this state", layout=narrow, tooltip="Name of the state to keep")
        self.keep = _button("Keep this state", button_style="primary")
        self.chosen = widgets.Dropdown(layout=narrow, tooltip="A kept state")
        self.recall, self.drop = _button("Go on from it"), _button("Drop it")
        self.before = widgets.Dropdown(description="Bridge from", layout=widgets.Layout(width="210px"))
        self.after = widgets.Dropdown(description="to", layout=widgets.Layout(width="150px"))
        for field in (self.before, self.after):
            field.style.description_width = "initial"
        self.table, self.settings, self.bridge = (widgets.HTML(layout=widgets.Layout(width="100%")) for _ in range(3))
        line = widgets.Layout(align_items="center", flex_flow="row wrap")
        kept = widgets.HBox([self.name, self.keep, self.chosen, self.recall, self.drop], layout=line)
        self.walk = widgets.VBox([widgets.HBox([self.before, self.after], layout=line), self.bridge])
        beside = widgets.VBox([self.settings, self.walk], layout=widgets.Layout(flex="1 1 40%", min_width="300px"))
        self.table.layout = widgets.Layout(flex="1 1 55%", min_width="420px")
        tables = widgets.HBox([self.table, beside], layout=widgets.Layout(flex_flow="row wrap", grid_gap="10px 28px"))
        self.widget = widgets.VBox([kept, tables], layout=widgets.Layout(grid_gap="10px"))
        self.name.add_class("aco-keep-name")
        self.keep.add_class("aco-keep")
        self.bridge.add_class("aco-picture")
        self.keep.on_click(lambda _: self._keep())
        self.recall.on_click(lambda _: view.attempt(lambda: view.explorer.recall(self.chosen.value or "")))
        self.drop.on_click(lambda _: view.attempt(lambda: view.explorer.drop(self.chosen.value or "")))
        for field in (self.before, self.after):
            field.observe(self._choose, "value")

    def _keep(self) -> None:
        kept = self.view.explorer.kept
        name = self.name.value.strip() or next(f"State {n}" for n in range(1, KEPT + 2) if f"State {n}" not in kept)
        if self.view.attempt(lambda: self.view.explorer.keep(name)):
            self.name.value = ""

    def refresh(self) -> None:
        """Show what is kept; nothing is worked out while the panel is folded."""
        if self.view.panels.selected_index != 0:
            return
        explorer = self.view.explorer
        names = list(explorer.kept)
        with self.view.quiet():
            self._offer(self.chosen, names, names[-1] if names else None)
            self._offer(self.before, [*names, NOW], names[0] if names else NOW)
            self._offer(self.after, [*names, NOW], NOW)
            if names and self.before.value == self.after.value == NOW:
                self.before.value = names[0]
        for part in (self.chosen, self.recall, self.drop):
            part.disabled = not names
        self.walk.layout.display = "" if names else "none"
        if not names:
            words = f"Keep this state under a name, go on, and up to {KEPT} of them stand here side by side."
            self.table.value, self.settings.value = page.remark(words), ""
            return
        states = explorer.states()
        self.table.value, self.settings.value = page.states_table(states), page.settings_table(states)
        self._walk()

    @staticmethod
    def _offer(field: widgets.Dropdown, options: list[str], default: str | None) -> None:
        chosen = field.value
        if list(field.options) != options:
            field.options = options
        field.value = chosen if chosen in options else default

    def _choose(self, _: Any) -> None:
        if not self.view.is_quiet:
            self._walk()

    def _walk(self) -> None:
        before, after = self.before.value, self.after.value
        if before is None or after is None or before == after:
            self.bridge.value = page.remark("Two different states make a bridge.")
            return
        try:
            made = self.view.explorer.bridge(before, after)
            self.bridge.value = made.exhibit()._repr_html_() + drawn(made)._repr_html_()
        except InputError as error:
            self.bridge.value = page.fault(str(error))


class Saving:
    """
    A form that writes the state as a scenario file.

    Parameters
    ----------
    view : View
        The explorer on the screen.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        wide = widgets.Layout(width="100%", max_width="560px")
        self.name, self.by, self.date, self.why = (
            widgets.Text(description=words, placeholder=example, layout=wide, style={"description_width": "90px"})
            for words, example in (
                ("Name", "toolkit-2010-offer"),
                ("Changed by", "who answers for the changes"),
                ("Date", "YYYY-MM-DD"),
                ("Why", "what the changes rest on"),
            )
        )
        self.date.value = datetime.date.today().isoformat()
        self.replace = widgets.Checkbox(description="replace a file of that name", indent=False, layout=wide)
        self.save = _button("Save", "96px", button_style="primary")
        self.said = widgets.HTML()
        self.changes = widgets.HTML(layout=widgets.Layout(width="100%"))
        form = widgets.VBox(
            [self.name, self.by, self.date, self.why, widgets.HBox([self.save, self.replace]), self.said],
            layout=widgets.Layout(flex="1 1 50%"),
        )
        self.widget = widgets.HBox([form, widgets.Box([self.changes], layout=widgets.Layout(flex="1 1 50%"))])
        for part, name in ((self.name, "name"), (self.by, "by"), (self.why, "why"), (self.save, "save")):
            part.add_class(f"aco-save-{name}")
        self.said.add_class("aco-saved")
        self.save.on_click(lambda _: self._save())

    def refresh(self) -> None:
        """Show what has been changed."""
        explorer = self.view.explorer
        self.changes.value = page.changes_table(
            {
                key: (setting_in_words(explorer.scenario, key, old), setting_in_words(explorer.scenario, key, new))
                for key, (old, new) in explorer.changes().items()
            }
        )

    def _save(self) -> None:
        explorer = self.view.explorer
        try:
            path = explorer.save(
                self.name.value,
                by=self.by.value,
                why=self.why.value,
                date=self.date.value.strip() or None,
                replace=self.replace.value,
            )
        except InputError as error:
            self.said.value = page.fault(str(error))
            return
        except OSError as error:
            self.said.value = page.fault(f"{error.filename}: cannot be written ({error.strerror}).")
            return
        self.said.value = page.remark(f"Saved as {path}; it can be chosen above now.")
        self.replace.value = False
        with self.view.quiet():
            chosen = self.view.chooser.value
            self.view.chooser.options = sorted({*self.view.chooser.options, path.stem})
            self.view.chooser.value = chosen
