"""One control of the explorer on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from acomodel.inputs import InputError
from acomodel.workbench.explorer import page
from acomodel.workbench.explorer.controls import Control

if TYPE_CHECKING:
    from acomodel.workbench.explorer.view import View


def _fixed(width: str) -> widgets.Layout:
    """Layout of a part that keeps its width."""
    return widgets.Layout(width=width, flex=f"0 0 {width}", margin="2px")


class Row:
    """
    A control on the screen: label, slider, field, a box that switches it off, and a line for faults.

    Parameters
    ----------
    control : Control
        What it moves.
    view : View
        Whom it tells.
    """

    def __init__(self, control: Control, view: View) -> None:
        self.control, self.view, self.leads, self._place = control, view, False, 0.0
        self.label = widgets.HTML(layout=_fixed("134px"))
        self.slider = widgets.FloatSlider(
            min=control.low,
            max=max(control.high, control.low + 1),
            step=control.step or 1,
            readout=False,
            tooltip=control.hint,
            layout=widgets.Layout(flex="1 1 auto", width="auto", min_width="60px"),
        )
        self.field = widgets.Text(continuous_update=False, tooltip=control.label, layout=_fixed("72px"))
        self.off = widgets.Checkbox(description=control.off or "", indent=False, layout=_fixed("74px"))
        self.choice = widgets.Dropdown(options=list(control.choices), layout=widgets.Layout(width="120px"))
        self.fault = widgets.HTML()
        name = control.key.replace(".", "-")
        self.slider.add_class(f"aco-slider-{name}")
        self.field.add_class("aco-field")
        self.field.add_class(f"aco-field-{name}")
        self.off.add_class("aco-off")
        blank = widgets.Box(layout=_fixed("74px"))
        inside = [self.slider, self.field, self.off if control.off else blank]
        line = widgets.HBox(
            [self.label, *([self.choice] if control.choices else inside)],
            layout=widgets.Layout(align_items="center", width="100%", height="28px"),
        )
        self.widget = widgets.VBox([line, self.fault], layout=widgets.Layout(width="100%"))
        self.slider.observe(self._slid, "value")
        self.field.observe(self._typed, "value")
        self.off.observe(self._switched, "value")
        self.choice.observe(self._chosen, "value")

    def _slid(self, change: Any) -> None:
        if self.view.is_quiet or abs(change["new"] - self._place) <= 0.5 * self.slider.step:
            return  # a browser sets a slider to its nearest step of its own accord
        self.view.move(self, self.control.from_slider(change["new"]), sliding=True)

    def _typed(self, change: Any) -> None:
        if self.view.is_quiet:
            return
        try:
            value = self.control.understood(change["new"])
        except InputError as error:
            self.fault.value = page.fault(str(error))
            self.view.follow()
            return
        self.view.move(self, value, sliding=False)

    def _switched(self, change: Any) -> None:
        if not self.view.is_quiet:
            value = self.control.off_value if change["new"] else self.control.start
            self.view.move(self, value, sliding=False)

    def _chosen(self, change: Any) -> None:
        if not self.view.is_quiet and change["new"] is not None:
            self.view.move(self, self.control.choices[change["new"]], sliding=False)

    def follow(self, value: Any, loaded: Any) -> None:
        """Show a value, and whether it differs from the one that was loaded."""
        control = self.control
        moved = " moved" if value != loaded else ""
        hint = f"{control.hint}; as loaded {control.written(loaded)}; setting {control.key}"
        self.label.value = (
            f"<div class='aco-label{moved}' title='{page.escape(hint, quote=True)}'>{page.escape(control.label)}</div>"
        )
        if control.choices:
            self.choice.value = control.written(value)
            return
        off = control.is_off(value)
        self.off.value, self.slider.disabled, self.field.disabled = off, off, off
        self.field.value = control.written(value)
        self._place = control.on_slider(control.start if off or value is None else float(value))
        if not self.leads:
            self.slider.min, self.slider.max = min(self.slider.min, self._place), max(self.slider.max, self._place)
            self.slider.value = self._place
