"""`acomodel propose` beside papermill executing an empty notebook four times: the ratio of wall times."""

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import nbformat

ROOT = Path(__file__).parents[1]
RUNS = 3


def timed(command: list[str]) -> float:
    begun = perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return perf_counter() - begun


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.ipynb"
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("")])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, empty)
        code = (
            "import papermill\nfor n in range(4):\n"
            f"    papermill.execute_notebook({str(empty)!r}, {folder!r} + f'/{{n}}.ipynb', progress_bar=False)"
        )
        floor, ours = [], []
        for n in range(RUNS):
            floor.append(timed([sys.executable, "-c", code]))
            scenario = str(ROOT / "scenarios" / "toolkit-2010.toml")
            ours.append(
                timed([sys.executable, "-m", "acomodel.cli", "propose", scenario, "--out", f"{folder}/report{n}"])
            )
        ratio = median(ours) / median(floor)
        print(f"propose, toolkit-2010: {ratio:.2f} times the wall time of papermill on an empty notebook four times")


if __name__ == "__main__":
    main()
