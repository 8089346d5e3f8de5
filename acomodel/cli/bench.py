"""The command that opens JupyterLab."""

from __future__ import annotations

import subprocess
import sys

import click

from acomodel.cli.given import guarded


@click.command()
@click.argument("arguments", nargs=-1)
@guarded
def lab(arguments: tuple[str, ...]) -> None:
    """Open JupyterLab on the notebooks; ARGUMENTS after -- are passed on."""
    from acomodel.workbench.report.chapters import notebooks_folder

    folder = notebooks_folder()
    options = [f"--ServerApp.root_dir={folder.parent}", f"--LabApp.default_url=/lab/tree/{folder.name}"]
    sys.exit(subprocess.call([sys.executable, "-m", "jupyter", "lab", *options, *arguments]))
