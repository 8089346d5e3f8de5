"""From a scenario to a report folder: figures, executed notebooks, pages, manifest; whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from acomodel.exhibit import inert
from acomodel.inputs import InputError
from acomodel.workbench.model import Run, run
from acomodel.workbench.report.chapters import CHAPTERS, chapters_of, notebooks_folder, page_name, render
from acomodel.workbench.report.pages import write_pages
from acomodel.workbench.scenario import Scenario, change, load_scenario
from acomodel.workbench.tables import TABLE_SETTINGS, table_files


@contextmanager
def _progress(total: int, show: bool) -> Iterator[Any]:
    from tqdm import tqdm

    with tqdm(total=total, disable=not show, unit="step", bar_format="{desc:<34}{bar:24}{n}/{total} {elapsed}") as bar:
        yield bar


def propose(scenario: str | Path, out: str | Path | None = None, *, jobs: int = 2, show_progress: bool = False) -> Path:
    """
    Make the report of a scenario: the main job.

    Parameters
    ----------
    scenario : str or Path
        Scenario file.
    out : str or Path, optional
        Report folder; ``reports/<name>`` by default. An earlier report there is replaced once this one is done.
    jobs : int
        Notebooks executed at a time.
    show_progress : bool
        Whether a progress bar is drawn on the error stream.

    Returns
    -------
    Path
        The report folder: index page, one page and executed notebook a chapter, `results.json`,
        `assumptions.csv`, `scenario.toml` with every setting in force, its tables, `manifest.json`.

    Raises
    ------
    InputError
        Scenario or tables at fault, or a notebook failed. Nothing is written then.
    """
    loaded = load_scenario(scenario)
    result = run(loaded)
    target = Path(out) if out is not None else Path("reports") / loaded.name
    _check_replaceable(target)
    source = notebooks_folder()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{target.parent}: this folder cannot be made ({error.strerror}).") from None
    stage = target.with_name(f".{target.name}.partial")
    shutil.rmtree(stage, ignore_errors=True)
    try:
        stage.mkdir()
        with _progress(len(chapters_of(result)) + 2, show_progress) as bar:
            bar.set_description("figures")
            _write_figures(stage, loaded, result)
            bar.update()
            bar.set_description("notebooks")
            with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
                waiting: dict[Future[Path], str] = {
                    pool.submit(
                        render, source / f"{name}.ipynb", stage / "scenario.toml", stage / "notebooks" / f"{name}.ipynb"
                    ): name
                    for name in chapters_of(result)
                }
                try:
                    for future in as_completed(waiting):
                        future.result()
                        bar.set_description(f"notebook {waiting[future]}")
                        bar.update()
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
            if not loaded.report.keep_inputs:
                shutil.rmtree(stage / "inputs", ignore_errors=True)
            bar.set_description("pages")
            write_pages(stage, result)
            bar.update()
        _put_in_place(stage, target)
    except BaseException:
        shutil.rmtree(stage, ignore_errors=True)
        raise
    return target


def _check_replaceable(target: Path) -> None:
    """Refuse a folder that is not a report of ours, or holds more than one: the new report replaces it whole."""
    if not target.exists():
        return
    if not target.is_dir():
        raise InputError(f"{target}: this is a file; name a folder with --out.")
    written = {"index.html", "results.json", "assumptions.csv", "scenario.toml", "manifest.json", "notebooks", "inputs"}
    written |= {page_name(name) for name in CHAPTERS} | {".DS_Store", ".ipynb_checkpoints"}
    held = sorted(path.name for path in target.iterdir())
    foreign = [name for name in held if name not in written]
    if foreign:
        raise InputError(f"{target}: holds '{foreign[0]}', which is not of a report; name another folder with --out.")
    try:
        ours = not held or "acomodel" in json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        ours = False
    if not ours:
        raise InputError(f"{target}: holds '{held[0]}' but no report's manifest; name another folder with --out.")


def _put_in_place(stage: Path, target: Path) -> None:
    """Exchange a finished stage for the report folder; the earlier one goes only when the new one stands."""
    before = target.with_name(f".{target.name}.before")
    shutil.rmtree(before, ignore_errors=True)
    if target.exists():
        target.replace(before)
    try:
        stage.replace(target)
    except OSError:
        if before.exists():
            before.replace(target)
        raise
    shutil.rmtree(before, ignore_errors=True)


def results_text(result: Run) -> str:
    """Results as the JSON text that a report holds; the same scenario gives the same bytes."""
    return json.dumps(result.results(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _write_figures(stage: Path, scenario: Scenario, result: Run) -> None:
    """Results, assumptions, manifest, resolved scenario and its tables."""
    named = table_files(scenario)
    if named or result.tables.claims is not None:
        (stage / "inputs").mkdir()
    for table in named:
        getattr(result.tables, table).pipe(_unnamed).to_csv(stage / "inputs" / f"{table}.csv", index=False)
    places = {TABLE_SETTINGS[table]: f"inputs/{table}.csv" for table in named}
    if result.tables.claims is not None:
        result.tables.claims.study.write(stage / "inputs" / "claims")
        people = result.tables.claims.people
        kept = people if scenario.report.show_small_cells else people.without_small_cells()
        kept.write(stage / "inputs" / "claims" / "people")
        places["claims.tables"] = "inputs/claims"
    moved = change(scenario, places) if places else scenario
    (stage / "scenario.toml").write_text(moved.to_toml(), encoding="utf-8")
    (stage / "results.json").write_text(results_text(result), encoding="utf-8")
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", "value", "unit", "basis", "source", "note"])
    for item in result.assumptions:
        writer.writerow([inert(str(x)) for x in (item.name, item.value, item.unit, item.basis, item.source, item.note)])
    (stage / "assumptions.csv").write_text("\ufeff" + text.getvalue(), encoding="utf-8")
    made = {"created": datetime.now(UTC).isoformat(timespec="seconds")}
    manifest = json.dumps(result.manifest() | made, indent=1)
    (stage / "manifest.json").write_text(manifest + "\n", encoding="utf-8")


def _unnamed(table: Any) -> Any:
    """Table without labels of claimants, which stay in the data."""
    if "claimant" not in table:
        return table.dropna(axis=1, how="all")
    return table.assign(claimant=[f"claimant {n}" for n in range(1, len(table) + 1)])
