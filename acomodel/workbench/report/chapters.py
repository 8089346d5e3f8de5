"""The chapters of a report: notebooks executed by papermill."""

from __future__ import annotations

import os
from pathlib import Path

from acomodel.inputs import InputError
from acomodel.workbench.model import Run
from acomodel.workbench.monitoring import monitoring
from acomodel.workbench.physicians import physicians
from acomodel.workbench.scenario import load_scenario

CHAPTERS = {
    "10-proposal": "Proposal",
    "1-attribution": "Attribution",
    "2-budget": "Budget",
    "3-trend": "Trend",
    "4-settlement": "Settlement",
    "5-chance": "Chance",
    "6-sensitivity": "Sensitivity",
    "7-negotiation": "Negotiation",
    "8-monitoring": "Monitoring",
    "9-physicians": "Physicians",
}
"""Notebooks of a report and the headings of their pages, the reader's first page first."""


STARTS = 3
"""Times a kernel is started before giving up: two that start at once may be handed the same port, and one dies."""


def notebooks_folder(named: Path | None = None) -> Path:
    """
    Folder of the notebooks: the one named, or beside the package in a checkout, or in the current folder.

    Raises
    ------
    InputError
        None of them holds the notebooks of the report.
    """
    usual = (Path(__file__).parents[3] / "notebooks", Path.cwd() / "notebooks")
    for folder in usual if named is None else (named,):
        lacking = [name for name in CHAPTERS if not (folder / f"{name}.ipynb").is_file()]
        if not lacking:
            return folder
    if named is not None:
        raise InputError(f"{named}: the notebook {lacking[0]}.ipynb is not there.")
    raise InputError("the notebooks of the report are not found; run from the project's folder")


def chapters_of(result: Run) -> dict[str, str]:
    """Chapters of a report that this scenario can fill: attribution needs claims, the trend months, and so on."""
    wanted = {
        "1-attribution": result.tables.claims is not None,
        "2-budget": result.made is not None,
        "3-trend": result.budget is not None and result.tables.monthly is not None,
        "5-chance": result.outlook is not None,
        "7-negotiation": result.negotiation is not None,
        "8-monitoring": result.scenario.monitoring is not None and monitoring(result) is not None,
        "9-physicians": physicians(result) is not None,
    }
    return {name: words for name, words in CHAPTERS.items() if wanted.get(name, True)}


def page_name(notebook: str) -> str:
    """Name of the page of a chapter."""
    return f"{notebook.split('-', 1)[1]}.html"


def render(notebook: str | Path, scenario: str | Path, output: str | Path) -> Path:
    """
    Execute one notebook on a scenario.

    Parameters
    ----------
    notebook : str or Path
        Notebook with the parameters `scenario` and `output`.
    scenario : str or Path
        Scenario file.
    output : str or Path
        Executed notebook to write; nothing is left there when the execution fails.

    Returns
    -------
    Path
        The executed notebook.

    Raises
    ------
    InputError
        The notebook lacks a parameter, the scenario is at fault, or a cell failed.
    """
    import papermill

    notebook, scenario, output = Path(notebook), Path(scenario), Path(output)
    load_scenario(scenario)
    if not notebook.is_file():
        raise InputError(f"{notebook}: no such notebook.")
    known = papermill.inspect_notebook(str(notebook))
    for name in ("scenario", "output"):
        if name not in known:
            raise InputError(f"{notebook}: the notebook has no parameter '{name}'.")
    output.parent.mkdir(parents=True, exist_ok=True)
    relative = os.path.relpath(scenario.resolve(), output.parent.resolve())
    draft = output.with_name(f".{output.stem}.partial.ipynb")
    try:
        for start in range(STARTS):
            try:
                papermill.execute_notebook(
                    str(notebook),
                    str(draft),
                    parameters={"scenario": relative.replace(os.sep, "/"), "output": "."},
                    resources={"metadata": {"path": str(output.parent)}},  # `cwd` would move this whole process
                    progress_bar=False,
                    log_output=False,
                    extra_arguments=["--IPKernelApp.log_level=40"],
                )
                break
            except RuntimeError as error:
                if start + 1 == STARTS:
                    raise InputError(f"{notebook.name}: the Python kernel did not start: {error}") from None
        draft.replace(output)
    except papermill.PapermillExecutionError as error:
        raise InputError(f"{notebook.name}: cell {error.exec_count} failed: {error.ename}: {error.evalue}") from None
    finally:
        draft.unlink(missing_ok=True)
    return output
