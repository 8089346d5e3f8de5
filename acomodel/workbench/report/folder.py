"""From a scenario to a report folder: figures, executed notebooks, pages, PDF, workbook; whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Protocol

from acomodel.exhibit import inert
from acomodel.inputs import InputError, nearest
from acomodel.workbench.model import Run, kept, run
from acomodel.workbench.report.chapters import CHAPTERS, chapters_of, notebooks_folder, page_name
from acomodel.workbench.scenario import Scenario, change, load_scenario
from acomodel.workbench.tables import TABLE_SETTINGS, table_files

PROPOSAL = "10-proposal"
"""The chapter that is also a PDF."""


class Tell(Protocol):
    """What hears of the progress of a report."""

    def __call__(self, *, step: str, done: int, of: int) -> None:
        """Take note of the step that begins, of those done and of all."""


def make_report(
    scenario: Scenario,
    target: Path,
    *,
    chapters: Sequence[str] | None = None,
    notebooks: Path | None = None,
    tell: Tell | None = None,
) -> Path:
    """
    Make the report of a scenario in this process, whose working folder moves meanwhile.

    Parameters
    ----------
    scenario : Scenario
        What is reported.
    target : Path
        Report folder; an earlier report there is replaced once this one is done.
    chapters : sequence of str, optional
        Chapters by their notebooks, such as "10-proposal"; all that the scenario can fill by default.
    notebooks : Path, optional
        Folder of the notebooks; the package's own by default.
    tell : Tell, optional
        Called when a step begins.

    Returns
    -------
    Path
        The report folder.

    Raises
    ------
    InputError
        Scenario or tables at fault, or a notebook failed. Nothing is written then.
    """
    from acomodel.workbench.report.execution import execute
    from acomodel.workbench.report.pages import write_pages
    from acomodel.workbench.report.pdf import write_pdf
    from acomodel.workbench.report.workbook import write_workbook

    target = target.resolve()
    _bring_back(target)
    source = notebooks_folder(notebooks)
    check_replaceable(target)
    given = run(scenario)
    possible = chapters_of(given)
    for name in chapters or ():
        if name not in possible:
            held = ", ".join(page_name(other).removesuffix(".html") for other in possible)
            lacking = page_name(name).removesuffix(".html")
            raise InputError(f"{scenario.path}: this scenario has no chapter '{lacking}'; it has {held}.")
    wanted = {name: words for name, words in possible.items() if chapters is None or name in chapters}
    steps = ["figures", *(f"notebook {name}" for name in wanted), "workbook", "PDF", "pages"]
    if PROPOSAL not in wanted:
        steps.remove("PDF")
    left = iter(enumerate(steps))

    def begin() -> None:
        done, step = next(left)
        if tell is not None:
            tell(step=step, done=done, of=len(steps))

    stage, lock = stage_of(target), _locked(target)
    if lock is None:
        raise InputError(f"{target}: another run is making this report; wait for it, or name another folder.")
    try:
        _made_empty(stage)
        begin()
        _write_inputs(stage, scenario, given)
        result = run(load_scenario((stage / "scenario.toml").resolve()))
        _write_figures(stage, result)
        with kept(result):
            for name in wanted:
                begin()
                execute(source / f"{name}.ipynb", stage / "scenario.toml", stage / "notebooks" / f"{name}.ipynb")
        begin()
        write_workbook(result, stage / "workbook.xlsx")
        if PROPOSAL in wanted:
            begin()
            write_pdf(stage / "notebooks" / f"{PROPOSAL}.ipynb", result, stage / "proposal.pdf")
        if not scenario.report.keep_inputs:
            shutil.rmtree(stage / "inputs", ignore_errors=True)
        begin()
        write_pages(stage, result, wanted)
        _put_in_place(stage, target)
    except InputError as error:
        shutil.rmtree(stage, ignore_errors=True)
        raise InputError(str(error).replace(str(stage.resolve() / "scenario.toml"), str(scenario.path))) from None
    except BaseException:
        shutil.rmtree(stage, ignore_errors=True)
        raise
    finally:
        _release(lock, target)
    return target


def _made_empty(stage: Path) -> None:
    """Make the stage, in place of one that a killed run left."""
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir()


def _lock_of(target: Path) -> Path:
    return target.resolve().with_name(f".{target.resolve().name}.lock")


def _locked(target: Path) -> IO[str] | None:
    """A file beside the report, locked until it is closed or its process ends; None where another run holds it."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        file = _lock_of(target).open("a", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{target.parent}: this folder cannot be made ({error.strerror}).") from None
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def _release(lock: IO[str], target: Path) -> None:
    if sys.platform != "win32":  # there an open file cannot be removed
        _lock_of(target).unlink(missing_ok=True)
    lock.close()
    if sys.platform == "win32":
        _lock_of(target).unlink(missing_ok=True)


def clear_stage(target: Path) -> None:
    """Remove what a killed run left of a report, unless another run is making it."""
    if (stage_of(target).exists() or _lock_of(target).exists()) and (lock := _locked(target)) is not None:
        shutil.rmtree(stage_of(target), ignore_errors=True)
        _release(lock, target)


def stage_of(target: Path) -> Path:
    """Folder beside the report in which it is made."""
    return target.resolve().with_name(f".{target.resolve().name}.partial")


def known_chapters(names: Sequence[str] | None) -> list[str] | None:
    """
    Chapters by their notebooks, from the names of notebooks or pages.

    >>> known_chapters(["proposal", "5-chance"])
    ['10-proposal', '5-chance']
    """
    if names is None:
        return None
    pages = {name.split("-", 1)[1]: name for name in CHAPTERS}
    for name in names:
        if name not in CHAPTERS and name not in pages:
            raise InputError(f"there is no chapter '{name}'.{nearest(name, pages)} Known: {', '.join(pages)}.")
    return [pages.get(name, name) for name in names]


def check_replaceable(target: Path) -> None:
    """Refuse a folder that is not a report of ours, or holds more than one: the new report replaces it whole."""
    if not target.name:
        raise InputError(f"{target}: a folder with a name is wanted.")
    above = next((folder for folder in target.absolute().parents if folder.exists()), None)
    if above is not None and not above.is_dir():
        raise InputError(f"{target}: cannot be made, for {above} is a file.")
    if not target.exists():
        return
    if not target.is_dir():
        raise InputError(f"{target}: this is a file; name a folder with --out.")
    written = {"index.html", "proposal.pdf", "workbook.xlsx", "results.json", "assumptions.csv", "scenario.toml"}
    written |= {"manifest.json", "notebooks", "inputs"}
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


def _before(target: Path) -> Path:
    """Where an earlier report waits while the new one takes its place."""
    return target.resolve().with_name(f".{target.resolve().name}.before")


def _bring_back(target: Path) -> None:
    """Put the earlier report back where a run was killed between taking it away and putting the new one there."""
    if not target.exists() and _before(target).exists():
        _before(target).replace(target)


def _put_in_place(stage: Path, target: Path) -> None:
    """Exchange a finished stage for the report folder; the earlier one goes only when the new one stands."""
    before = _before(target)
    if before.is_symlink():
        before.unlink()
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


def _write_inputs(stage: Path, scenario: Scenario, given: Run) -> None:
    """Every setting in force, and the tables that were read, so that the report can be made from them again."""
    named = table_files(scenario)
    if named or given.tables.claims is not None:
        (stage / "inputs").mkdir()
    for table in named:
        getattr(given.tables, table).pipe(_unnamed).to_csv(stage / "inputs" / f"{table}.csv", index=False)
    places = {TABLE_SETTINGS[table]: f"inputs/{table}.csv" for table in named}
    if given.tables.claims is not None:
        given.tables.claims.study.write(stage / "inputs" / "claims")
        people = given.tables.claims.people
        shown = people if scenario.report.show_small_cells else people.without_small_cells()
        shown.write(stage / "inputs" / "claims" / "people")
        if given.tables.claims.care is not None:
            given.tables.claims.care.write(stage / "inputs" / "claims" / "care")
        places["claims.tables"] = "inputs/claims"
    moved = change(scenario, places) if places else scenario
    (stage / "scenario.toml").write_text(moved.to_toml(), encoding="utf-8")


def _write_figures(stage: Path, result: Run) -> None:
    """Results, assumptions and manifest."""
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
    """Table without labels of claimants, which stay in the data, and without text that is a formula."""
    texts = [c for c in table if table[c].map(lambda cell: isinstance(cell, str)).any()]
    table = table.assign(**{c: table[c].map(inert, na_action="ignore") for c in texts})
    if "claimant" not in table:
        return table.dropna(axis=1, how="all")
    return table.assign(claimant=[f"claimant {n}" for n in range(1, len(table) + 1)])
