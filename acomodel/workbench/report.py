"""From a scenario to a report folder: notebooks executed by papermill, pages without code, results and manifest."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from acomodel import __version__
from acomodel.exhibit import inert
from acomodel.inputs import InputError
from acomodel.workbench.exhibits import key_figures, summary
from acomodel.workbench.model import Run, run
from acomodel.workbench.scenario import Scenario, change, load_scenario
from acomodel.workbench.tables import TABLE_SETTINGS, table_files

CHAPTERS = {
    "10-proposal": "Proposal",
    "1-attribution": "Attribution",
    "2-budget": "Budget",
    "3-trend": "Trend",
    "4-settlement": "Settlement",
    "5-chance": "Chance",
    "6-sensitivity": "Sensitivity",
    "7-negotiation": "Negotiation",
}
"""Notebooks of a report and the headings of their pages, the reader's first page first."""


STARTS = 3
"""Times a kernel is started before giving up: two that start at once may be handed the same port, and one dies."""


def notebooks_folder() -> Path:
    """
    Folder of the notebooks: beside the package in a checkout, or in the current folder.

    Raises
    ------
    InputError
        Neither holds the notebooks of the report.
    """
    for folder in (Path(__file__).parents[2] / "notebooks", Path.cwd() / "notebooks"):
        if all((folder / f"{name}.ipynb").is_file() for name in CHAPTERS):
            return folder
    raise InputError("the notebooks of the report are not found; run from the project's folder")


@contextmanager
def _progress(total: int, show: bool) -> Iterator[Any]:
    from tqdm import tqdm

    with tqdm(total=total, disable=not show, unit="step", bar_format="{desc:<34}{bar:24}{n}/{total} {elapsed}") as bar:
        yield bar


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
        with _progress(len(_chapters(result)) + 2, show_progress) as bar:
            bar.set_description("figures")
            _write_figures(stage, loaded, result)
            bar.update()
            bar.set_description("notebooks")
            with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
                waiting: dict[Future[Path], str] = {
                    pool.submit(
                        render, source / f"{name}.ipynb", stage / "scenario.toml", stage / "notebooks" / f"{name}.ipynb"
                    ): name
                    for name in _chapters(result)
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
            _write_pages(stage, result)
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
    written |= {_page_name(name) for name in CHAPTERS} | {".DS_Store", ".ipynb_checkpoints"}
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


def _write_pages(stage: Path, result: Run) -> None:
    """One page a chapter from its executed notebook, and the index."""
    from jinja2 import Environment
    from markupsafe import Markup
    from nbconvert import HTMLExporter

    template = files("acomodel").joinpath("data/page.html").read_text(encoding="utf-8")
    page = Environment(autoescape=True, trim_blocks=False).from_string(template)
    exporter = HTMLExporter(
        template_name="basic", exclude_input=True, exclude_input_prompt=True, exclude_output_prompt=True
    )
    links = [{"href": "index.html", "words": "Overview"}]
    links += [{"href": _page_name(name), "words": words} for name, words in _chapters(result).items()]
    scenario = result.scenario
    common = {"title": scenario.title, "client": scenario.report.client, "name": scenario.name, "version": __version__}
    for name, heading in _chapters(result).items():
        body, _ = exporter.from_notebook_node(_without_empty_sections(stage / "notebooks" / f"{name}.ipynb"))
        body = re.sub(r"<h1.*?</h1>", "", body, count=1, flags=re.S)
        body = re.sub(r' id="cell-id=[^"]*"', "", body)
        found = re.findall(r'<h2 id="([^"]+)"[^>]*>(.*?)<a class="anchor-link"', body, flags=re.S)
        contents = [{"anchor": anchor, "words": Markup(words)} for anchor, words in found]
        text = page.render(
            heading=heading, here=_page_name(name), links=links, contents=contents, body=Markup(body), **common
        )
        (stage / _page_name(name)).write_text(text, encoding="utf-8")
    (stage / "index.html").write_text(
        page.render(
            heading="Overview", here="index.html", links=links, contents=[], body=Markup(_overview(result)), **common
        ),
        encoding="utf-8",
    )


def _without_empty_sections(path: Path) -> Any:
    """Executed notebook without the sections that have nothing to show for this scenario."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    kept: list[Any] = []
    section: list[Any] = []
    for cell in [*notebook.cells, None]:
        if cell is None or (cell.cell_type == "markdown" and cell.source.startswith("## ")):
            code = [c for c in section if c.cell_type == "code"]
            headed = bool(section) and section[0].cell_type == "markdown" and section[0].source.startswith("## ")
            if not (headed and code) or any(c.outputs for c in code):
                kept += section
            section = []
        section.append(cell)
    notebook.cells = kept
    return notebook


def _chapters(result: Run) -> dict[str, str]:
    """Chapters of a report that this scenario can fill: attribution needs claims, the trend months, chance members."""
    wanted = {
        "1-attribution": result.tables.claims is not None,
        "2-budget": result.made is not None,
        "3-trend": result.budget is not None and result.tables.monthly is not None,
        "5-chance": result.outlook is not None,
        "7-negotiation": result.negotiation is not None,
    }
    return {name: words for name, words in CHAPTERS.items() if wanted.get(name, True)}


def _page_name(notebook: str) -> str:
    return f"{notebook.split('-', 1)[1]}.html"


def _overview(result: Run) -> str:
    """Body of the index page: the result, the parts of the report, the files."""
    parts = {
        "10-proposal": "the document to put on the table, from summary to limits",
        "1-attribution": "the claims, what was found in them, whose members they are, and what other methods would say",
        "3-trend": "claims completed, what price, use and mix did, and the trend with its interval",
        "2-budget": "experience, trends, adjustments and the benchmark, step by step",
        "4-settlement": "every line from benchmark to payment, and the payment at other outcomes",
        "5-chance": "how much of it is luck: exact chances, thresholds, simulated years, where the year will end",
        "6-sensitivity": "what the payment and the benchmark depend on",
        "7-negotiation": "contracts on the same futures, terms of equal value, the frontier, the programme's pro forma",
    }
    listed = "".join(
        f"<li><a href='{_page_name(name)}'>{words}</a>: {escape(parts[name])}</li>"
        for name, words in _chapters(result).items()
    )
    kept = {
        "results.json": "every figure, unrounded",
        "assumptions.csv": "every assumption with its source",
        "scenario.toml": "every setting in force, to be run again",
        "manifest.json": "versions, data fingerprints, time",
        "notebooks/": "the executed notebooks",
    }
    if result.scenario.report.keep_inputs and (result.tables.given() or result.tables.claims is not None):
        kept["inputs/"] = "the tables read: nobody is named, small cells included; leave it out when handing this on"
    stored = "".join(f"<li><a href='{name}'>{name}</a>: {escape(words)}</li>" for name, words in kept.items())
    return (
        f"<h2>Result</h2>{summary(result)._repr_html_()}{key_figures(result)._repr_html_()}"
        f"<h2>Parts</h2><ul>{listed}</ul><h2>Files</h2><ul class='files'>{stored}</ul>"
    )
