"""Reports: of one scenario, of many side by side, of every variant of one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acomodel.exhibit import Exhibit, Shown
from acomodel.inputs import InputError
from acomodel.workbench.model import run
from acomodel.workbench.report.folder import check_replaceable
from acomodel.workbench.report.ranking import Varied, ranking_exhibit, write_ranking
from acomodel.workbench.report.workers import Job, Wanted, made
from acomodel.workbench.scenario import Scenario, change, load_scenario
from acomodel.workbench.variants import variants


@dataclass(frozen=True, eq=False, repr=False)
class Batch(Shown):
    """
    Reports of many scenarios.

    Parameters
    ----------
    folder : Path
        Folder of the reports, with `ranking.html` and `ranking.csv`.
    reports : tuple of Path
        Report folders that were made, the largest payment first.
    faults : dict of str to str
        Reports that could not be made, and why.
    varied : mapping of str to mapping
        Settings in which the reports differ, by report; empty for scenarios of their own.
    """

    folder: Path
    reports: tuple[Path, ...]
    faults: dict[str, str]
    varied: Varied = field(default_factory=dict)

    def exhibit(self) -> Exhibit:
        """The reports ranked by payment."""
        return ranking_exhibit(self.reports, self.varied)


def propose(
    scenario: str | Path,
    out: str | Path | None = None,
    *,
    changes: Mapping[str, Any] | None = None,
    chapters: Sequence[str] | None = None,
    notebooks: str | Path | None = None,
    show_progress: bool = True,
) -> Path:
    """
    Make the report of a scenario: the main job.

    Parameters
    ----------
    scenario : str or Path
        Scenario file.
    out : str or Path, optional
        Report folder; ``reports/<name>`` by default. An earlier report there is replaced once this one is done.
    changes : mapping of str to object, optional
        Settings changed before, by their dotted keys, as `change` takes them.
    chapters : sequence of str, optional
        Chapters by name, such as "proposal" and "chance"; all that the scenario can fill by default.
    notebooks : str or Path, optional
        Folder of notebooks of your own under the same names; the package's by default.
    show_progress : bool
        Whether a progress bar is drawn, in a terminal or a notebook.

    Returns
    -------
    Path
        The report folder: index page, one page and executed notebook a chapter, `proposal.pdf`, `workbook.xlsx`,
        `results.json`, `assumptions.csv`, `scenario.toml` with every setting in force, its tables, `manifest.json`.

    Raises
    ------
    InputError
        Scenario or tables at fault, or a notebook failed. Nothing is written then.
    """
    loaded = load_scenario(scenario)
    settings = dict(changes or {})
    if settings:
        settings["basis"] = {**loaded.basis, **dict.fromkeys(settings, "changed for this report")}
        loaded = change(loaded, settings)
    job = Job(loaded, _named(Path(out)) if out is not None else Path("reports") / loaded.name)
    check_replaceable(job.out)
    if loaded.claims is None:
        run(loaded)  # a fault is told at once, before a process is started
    found = made([job], Wanted.of(chapters, notebooks), 1, show_progress)
    if fault := found[0]:
        raise InputError(fault)
    return job.out


def _named(out: Path) -> Path:
    """A folder as it was given; by its name where that is a dot."""
    return out if out.name else out.resolve()


def propose_all(
    scenarios: Sequence[str | Path],
    out: str | Path = "reports",
    *,
    chapters: Sequence[str] | None = None,
    notebooks: str | Path | None = None,
    jobs: int | None = None,
    show_progress: bool = True,
) -> Batch:
    """
    Make the reports of many scenarios side by side, and a page that ranks them.

    Parameters
    ----------
    scenarios : sequence of str or Path
        Scenario files, each with a name of its own.
    out : str or Path
        Folder of the reports, which get the names of the scenarios.
    chapters : sequence of str, optional
        Chapters by name; all that a scenario can fill by default.
    notebooks : str or Path, optional
        Folder of notebooks of your own under the same names; the package's by default.
    jobs : int, optional
        Reports made at a time; one a processor by default.
    show_progress : bool
        Whether a progress bar is drawn, in a terminal or a notebook.

    Returns
    -------
    Batch
        Reports made and ranked; a scenario at fault leaves the others standing and is named with its fault.

    Raises
    ------
    InputError
        Two scenarios of one name, an unknown chapter, or a folder that holds something else.
    """
    folder, faults = Path(out), dict[str, str]()
    work: dict[str, Job] = {}
    for path in map(Path, scenarios):
        try:
            loaded = load_scenario(path)
        except InputError as error:
            faults[str(path)] = str(error)
            continue
        if loaded.name in ("ranking.html", "ranking.csv"):
            faults[str(path)] = f"{path}: name: '{loaded.name}' is that of a file of the batch; another is wanted."
            continue
        if twin := next((name for name in work if name.casefold() == loaded.name.casefold()), ""):
            other = work[twin].scenario.path
            raise InputError(f"{path}: its name '{loaded.name}' is also that of {other}; two are wanted.")
        work[loaded.name] = Job(loaded, folder / loaded.name)
    return _batch(folder, work, faults, Wanted.of(chapters, notebooks), jobs, show_progress)


def propose_sweep(
    scenario: Scenario,
    values: Mapping[str, Sequence[Any]],
    out: str | Path,
    *,
    chapters: Sequence[str] | None = None,
    notebooks: str | Path | None = None,
    jobs: int | None = None,
    show_progress: bool = True,
) -> Batch:
    """
    Make a report for every combination of values of some settings, and a page that ranks them.

    Parameters
    ----------
    scenario : Scenario
        Base of all variants.
    values : mapping of str to sequence
        Dotted keys to the values to try, as `sweep` takes them.
    out : str or Path
        Folder of the reports, numbered in the order of the combinations.
    chapters, notebooks, jobs, show_progress
        As `propose_all` takes them.

    Returns
    -------
    Batch

    Raises
    ------
    InputError
        An unknown key or chapter, or a folder that holds something else.
    """
    folder, faults = Path(out), dict[str, str]()
    work: dict[str, Job] = {}
    varied: dict[str, Mapping[str, Any]] = {}
    for number, (setting, found) in enumerate(variants(scenario, values), start=1):
        name = f"{scenario.name}-{number}"
        if isinstance(found, InputError):
            faults[name] = str(found)
            continue
        said = ", ".join(f"{key} = {value}" for key, value in setting.items())
        named = {"name": name, "title": f"{scenario.title} · {said}"}
        basis = {**scenario.basis, **dict.fromkeys(setting, "varied, one report for each value")}
        varied[name] = setting
        work[name] = Job(change(found, {**named, "basis": basis}), folder / name)
    if not work:
        raise InputError(next(iter(faults.values())))
    return _batch(folder, work, faults, Wanted.of(chapters, notebooks), jobs, show_progress, varied)


def _batch(
    folder: Path,
    work: Mapping[str, Job],
    faults: dict[str, str],
    wanted: Wanted,
    jobs: int | None,
    show_progress: bool,
    varied: Varied | None = None,
) -> Batch:
    """Make the reports of a batch, then its page, which stands only while all of them do."""
    for job in work.values():
        check_replaceable(job.out)
    for page in ("ranking.html", "ranking.csv"):
        (folder / page).unlink(missing_ok=True)
    found = made(list(work.values()), wanted, jobs or os.cpu_count() or 1, show_progress)
    faults |= {name: fault for name, fault in zip(work, found, strict=True) if fault}
    stand = [job.out for job, fault in zip(work.values(), found, strict=True) if not fault]
    ranked = write_ranking(folder, stand, faults, varied) if stand else ()
    return Batch(folder, tuple(ranked), faults, varied or {})
