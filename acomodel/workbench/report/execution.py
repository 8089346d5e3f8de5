"""Notebooks executed by papermill inside this process, so that what is imported and worked out once serves them all."""

from __future__ import annotations

import os
import sys
import traceback
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import papermill
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from papermill.engines import Engine, papermill_engines
from traitlets.config import Config

from acomodel.inputs import InputError

ENGINE = "acomodel"


class InProcess(Engine):
    """Engine of papermill that executes cells in an IPython shell of this process instead of a kernel of their own."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> None:  # noqa: ARG003
        """Execute the cells one after the other, up to the first that fails."""
        shell = _shell()
        shell.reset(new_session=True)
        for position, cell in enumerate(nb_man.nb.cells):
            if cell.cell_type != "code":
                continue
            nb_man.cell_start(cell, position)
            with capture_output() as captured:
                shell.display_trap.hook = sys.displayhook  # last values are captured too, not printed
                result = shell.run_cell(cell.source, store_history=True)
            cell.execution_count = result.execution_count
            cell.outputs = _outputs(captured, cell.execution_count)
            fault = result.error_before_exec or result.error_in_exec
            if fault is not None:
                cell.outputs.append(_error(fault))
                nb_man.cell_exception(cell, position)
            nb_man.cell_complete(cell, position)
            if fault is not None:
                return


papermill_engines.register(ENGINE, InProcess)


@cache
def _shell() -> InteractiveShell:
    settings = Config()
    settings.HistoryManager.enabled = False
    settings.InteractiveShell.colors = "nocolor"
    return InteractiveShell.instance(config=settings)


def _outputs(captured: Any, count: int) -> list[Any]:
    """What a cell printed and showed, as outputs of a notebook; its last value is its result."""
    made = []
    for name in ("stdout", "stderr"):
        if text := getattr(captured, name):
            made.append(nbformat.v4.new_output("stream", name=name, text=text))
    for shown in captured.outputs:
        made.append(nbformat.v4.new_output("display_data", data=shown.data, metadata=shown.metadata or {}))
    if made and made[-1].output_type == "display_data":
        last = made.pop()
        made.append(
            nbformat.v4.new_output("execute_result", data=last.data, metadata=last.metadata, execution_count=count)
        )
    return made


def _error(fault: BaseException) -> Any:
    lines = traceback.format_exception(fault)
    return nbformat.v4.new_output("error", ename=type(fault).__name__, evalue=str(fault), traceback=lines)


def execute(notebook: Path, scenario: Path, output: Path) -> None:
    """
    Execute one notebook on a scenario in this process, whose working folder moves to that of the output meanwhile.

    Parameters
    ----------
    notebook : Path
        Notebook with the parameters `scenario` and `output`.
    scenario : Path
        Scenario file.
    output : Path
        Executed notebook to write.

    Raises
    ------
    InputError
        A cell failed.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    relative = os.path.relpath(scenario.resolve(), output.parent.resolve()).replace(os.sep, "/")
    try:
        made = papermill.execute_notebook(
            str(notebook.resolve()),
            str(output.resolve()),
            parameters={"scenario": relative, "output": "."},
            engine_name=ENGINE,
            request_save_on_cell_execute=False,
            progress_bar=False,
            cwd=str(output.parent.resolve()),
        )
    except papermill.PapermillExecutionError as error:
        raise InputError(f"{notebook.name}: cell {error.exec_count} failed: {error.ename}: {error.evalue}") from None
    for place in ("input_path", "output_path"):  # folders of this machine
        made.metadata.papermill.pop(place, None)
    nbformat.write(made, output)
