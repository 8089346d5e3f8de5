"""The commands that open the workbench: JupyterLab on the notebooks, and the explorer as a page of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from acomodel.cli.given import guarded
from acomodel.inputs import InputError

START = "0-start.ipynb"
"""Page that JupyterLab opens on."""


@click.command()
@click.argument("arguments", nargs=-1)
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Folder that holds notebooks/; the project's by default."
)
@guarded
def lab(arguments: tuple[str, ...], folder: Path | None) -> None:
    """Open JupyterLab on the notebooks; ARGUMENTS after -- are passed on."""
    from acomodel.workbench.report.chapters import notebooks_folder

    folder = notebooks_folder() if folder is None else folder.resolve() / "notebooks"
    if not (folder / START).is_file():
        raise InputError(f"{folder}: holds no {START}; the folder of a project, with notebooks in it, is wanted.")
    page = f"/lab/tree/{folder.name}/{START}"
    options = [f"--ServerApp.root_dir={folder.parent}", f"--LabApp.default_url={page}"]
    sys.exit(_served(["jupyter", "lab", *options, *arguments], "JUPYTER_CONFIG_PATH"))


@click.command()
@click.argument("scenario", required=False, type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(1, 65535), default=8866, show_default=True, help="Port of the page.")
@click.option("--no-browser", is_flag=True, help="Serve the page and print its address, without opening it.")
@guarded
def explore(scenario: Path | None, port: int, no_browser: bool) -> None:
    """Open the explorer of SCENARIO as a page of its own; the other scenarios of its folder can be chosen there."""
    import nbformat

    from acomodel.workbench.model import run
    from acomodel.workbench.report.chapters import notebooks_folder
    from acomodel.workbench.scenario import load_scenario

    folder = notebooks_folder()
    path = (scenario or folder.parent / "scenarios" / "toolkit-2010.toml").resolve()
    loaded = load_scenario(path)
    if loaded.claims is None:
        run(loaded)
    notebook = nbformat.read(folder / "explorer.ipynb", as_version=4)
    tagged = {cell.id: cell.metadata.get("tags", []) for cell in notebook.cells}
    notebook.cells = [cell for cell in notebook.cells if {"parameters", "page"} & set(tagged[cell.id])]
    for cell in notebook.cells:
        if "parameters" in tagged[cell.id]:
            cell.source = f"scenario = {str(path)!r}"
    notebook.metadata["title"] = f"Explorer: {loaded.name}"
    with tempfile.TemporaryDirectory(prefix="acomodel-") as made:
        nbformat.write(notebook, Path(made) / "explorer.ipynb")
        options = [f"--port={port}", "--Voila.ip=127.0.0.1", "--VoilaConfiguration.template=acomodel"]
        options += ["--VoilaConfiguration.theme=light", "--VoilaConfiguration.strip_sources=True"]
        options += ["--no-browser"] if no_browser else []
        status = _served(["voila", str(Path(made) / "explorer.ipynb"), *options], "JUPYTER_PATH")
    sys.exit(status)


def _served(module: list[str], variable: str) -> int:
    """Run a server until it ends; it finds the settings and templates of the package, and ends with this command."""
    ours = str(Path(__file__).parents[1] / "data" / "jupyter")
    there = os.environ.get(variable)
    found = os.environ | {variable: os.pathsep.join([ours, *([there] if there else [])])}
    server = subprocess.Popen([sys.executable, "-m", *module], env=found)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server hears it as well, and asks
    return server.wait()
