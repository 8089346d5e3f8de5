"""Notebooks call and do not compute: no def, no class, no arithmetic, two parameters, no output kept."""

import ast
import re

import nbformat
import pytest
from conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FORBIDDEN = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.BinOp, ast.For, ast.While, ast.ListComp, ast.DictComp)


START = "0-start"
"""Where to begin; it runs nothing."""
BESIDE = {START, "explorer"}
"""Notebooks that are no chapters of a report."""


@pytest.mark.parametrize("path", [p for p in NOTEBOOKS if p.stem != START], ids=lambda path: path.stem)
def test_notebook(path):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    tree = ast.parse("\n".join(cell.source for cell in code))
    assert not [node for node in ast.walk(tree) if isinstance(node, FORBIDDEN)]
    numbers = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, int | float)]
    assert all(isinstance(value, bool) for value in numbers)
    parameters = next(cell for cell in code if "parameters" in cell.metadata.get("tags", []))
    names = [target.id for line in ast.parse(parameters.source).body for target in line.targets]
    assert names == ["scenario", "output"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert sum(cell.cell_type == "markdown" for cell in notebook.cells) >= 4


def test_notebooks_of_the_report_are_there():
    from acomodel.workbench.report.chapters import CHAPTERS

    assert {path.stem for path in NOTEBOOKS} == set(CHAPTERS) | BESIDE


def test_start_page_leads_to_what_is_there():
    cells = nbformat.read(ROOT / "notebooks" / f"{START}.ipynb", as_version=4).cells
    assert {cell.cell_type for cell in cells} == {"markdown"}
    linked = set(re.findall(r"\]\(([^)]+)\)", "\n".join(cell.source for cell in cells)))
    assert not [link for link in linked if not (ROOT / "notebooks" / link).is_file()]
    assert {path.name for path in NOTEBOOKS} - linked == {f"{START}.ipynb"}
    assert {path.name for path in (ROOT / "scenarios").glob("*.toml")} == {
        link.rpartition("/")[2] for link in linked if link.endswith(".toml")
    }
