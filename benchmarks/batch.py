"""Twenty scenarios to full reports, beside papermill executing the same notebooks one by one, in one run.

Wall times. Ours makes the pages, the PDF and the workbook too, and one of the twenty is broken on purpose, in a table
that is only read while its report is made; papermill starts a kernel for each notebook of the other nineteen and makes
the executed notebooks alone. Ends with an error where ours takes more than 0.3 of its time.
"""

import sys
import tempfile
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).parents[1]
VARIED = {
    "toolkit-2010": ("years.0.actual_adjustment", (-0.03, -0.02, -0.01, 0.0, 0.01)),
    "hackensack-2014": ("years.1.actual_adjustment", (-0.03, -0.02, -0.01, 0.0, 0.01)),
    "commercial-two-sided": ("years.0.actual_adjustment", (-0.03, -0.02, -0.01, 0.0, 0.01)),
    "mssp-historical": ("years.0.actual_adjustment", (-0.03, -0.02, -0.01, 0.0, 0.01)),
}


def written(folder: Path) -> list[Path]:
    """Twenty scenario files with their tables, the third of them with a column that is not there."""
    import shutil

    from acomodel import change, load_scenario

    files = []
    for name, (key, values) in VARIED.items():
        base = load_scenario(ROOT / "scenarios" / f"{name}.toml")
        if (tables := base.folder / name).is_dir():
            shutil.copytree(tables, folder / name)
        for number, value in enumerate(values):
            path = folder / f"{name}-{number}.toml"
            path.write_text(change(base, {key: value, "name": path.stem}).to_toml(), encoding="utf-8")
            files.append(path)
    (folder / "broken").mkdir()
    table = (folder / "toolkit-2010" / "experience.csv").read_text(encoding="utf-8")
    (folder / "broken" / "experience.csv").write_text(table.replace("member_months", "months", 1), encoding="utf-8")
    text = files[2].read_text(encoding="utf-8")
    assert "toolkit-2010/experience.csv" in text
    files[2].write_text(text.replace("toolkit-2010/experience.csv", "broken/experience.csv"), encoding="utf-8")
    return files


def one_by_one(files: list[Path], out: Path) -> int:
    """Every notebook of every scenario that can be read, by papermill with a kernel of its own."""
    import papermill

    from acomodel import InputError, run
    from acomodel.workbench.report.chapters import chapters_of, notebooks_folder

    executed = 0
    for path in files:
        try:
            chapters = chapters_of(run(path))
        except InputError:
            continue
        (out / path.stem).mkdir(parents=True)
        for name in chapters:
            papermill.execute_notebook(
                str(notebooks_folder() / f"{name}.ipynb"),
                str(out / path.stem / f"{name}.ipynb"),
                parameters={"scenario": str(path), "output": "."},
                progress_bar=False,
            )
            executed += 1
    return executed


def main() -> bool:
    from acomodel import propose_all

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files = written(folder)
        begun = perf_counter()
        batch = propose_all(files, folder / "ours")
        ours = perf_counter() - begun
        assert len(batch.reports) == 19, batch.faults
        assert list(batch.faults) == ["toolkit-2010-2"]
        begun = perf_counter()
        count = one_by_one(files, folder / "theirs")
        theirs = perf_counter() - begun
        print(
            f"twenty scenarios, nineteen reports: {ours:.0f} s; papermill one by one, {count} notebooks: {theirs:.0f} s"
        )
        print(f"ratio: {ours / theirs:.3f}; not made: {', '.join(map(str, batch.faults.values()))}")
        return ours > 0.3 * theirs


if __name__ == "__main__":
    sys.exit(main())
