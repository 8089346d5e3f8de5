"""Notebooks call and do not compute: no def, no class, no arithmetic, two parameters, no output kept."""

import ast

import nbformat
import pytest
from conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FORBIDDEN = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.BinOp, ast.For, ast.While, ast.ListComp, ast.DictComp)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
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

    assert {path.stem for path in NOTEBOOKS} == set(CHAPTERS)
