"""Processes that make reports, a few at a time, each with everything imported once."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acomodel.workbench.report.chapters import notebooks_folder
from acomodel.workbench.report.folder import clear_stage, known_chapters
from acomodel.workbench.scenario import Scenario

WORKER = ("-P", "-m", "acomodel.workbench.report.worker")


@dataclass(frozen=True)
class Job:
    """One report to be made: a scenario, and the report's folder."""

    scenario: Scenario
    out: Path


@dataclass(frozen=True)
class Wanted:
    """What every report of a batch holds, and where its notebooks are."""

    chapters: list[str] | None
    notebooks: Path

    @classmethod
    def of(cls, chapters: Sequence[str] | None, notebooks: str | Path | None) -> Wanted:
        """As the user names them, checked."""
        named = notebooks_folder(None if notebooks is None else Path(notebooks))
        return cls(known_chapters(chapters), named.resolve())


def made(work: Sequence[Job], wanted: Wanted, jobs: int, show_progress: bool) -> list[str]:
    """
    Make reports, as many at a time as there are jobs; the fault of each, empty where there is none.

    When interrupted, the processes end and nothing half-made stays.
    """
    faults = ["not made"] * len(work)
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for position in range(len(work)):
        waiting.put(position)
    with _progress(len(work), show_progress) as heard, _workers(min(jobs, len(work)), work) as workers:
        threads = [
            threading.Thread(target=_serve, args=(worker, work, wanted, waiting, faults, heard), daemon=True)
            for worker in workers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():  # a wait without end could not be interrupted on every platform
                thread.join(0.2)
    return faults


class _Worker:
    """A process that makes reports, started anew when it dies."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.stopped = False
        self.lock = threading.Lock()
        self.words = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115

    def start(self) -> subprocess.Popen[str] | None:
        """The process, running; None where it has been stopped for good."""
        with self.lock:
            if self.stopped:
                return None
            if self.process is None or self.process.poll() is not None:
                one_thread = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
                self.process = subprocess.Popen(
                    [sys.executable, *WORKER],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self.words,
                    encoding="utf-8",
                    env=os.environ | one_thread | {"PYTHONIOENCODING": "utf-8"},
                )
            return self.process

    def stop(self) -> None:
        """End the process for good, whatever it is doing."""
        with self.lock:
            self.stopped = True
            if self.process is not None:
                self.process.kill()
                self.process.wait()

    def make(self, job: Job, wanted: Wanted, heard: Any) -> str:
        """Make one report; its fault, empty where there is none."""
        process = self.start()
        if process is None:
            return "interrupted"
        assert process.stdin is not None
        assert process.stdout is not None
        asked = {
            "scenario": job.scenario.to_toml(),
            "path": str(job.scenario.path),
            "out": str(job.out),
            "chapters": wanted.chapters,
            "notebooks": str(wanted.notebooks),
        }
        said = self.words.seek(0, os.SEEK_END)
        try:
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
        except OSError:
            pass  # it died: its output ends
        for line in process.stdout:
            answer = json.loads(line)
            if "step" in answer:
                heard(job.out.name, answer)
            else:
                return str(answer.get("fault", ""))
        process.wait()
        if self.stopped:
            return "interrupted"
        clear_stage(job.out)
        self.words.seek(said)
        last = self.words.read().strip().splitlines()[-1:]
        ended = f"the process that made the report ended ({process.returncode})"
        return f"{job.scenario.path}: {ended}. {''.join(last)}".strip()


@contextmanager
def _workers(count: int, work: Sequence[Job]) -> Iterator[list[_Worker]]:
    """Processes that make reports; when interrupted they are ended, and nothing half-made stays."""
    workers = [_Worker() for _ in range(count)]
    try:
        for worker in workers:
            worker.start()
        yield workers
    finally:
        for worker in workers:
            worker.stop()
        for job in work:
            clear_stage(job.out)


def _serve(
    worker: _Worker,
    work: Sequence[Job],
    wanted: Wanted,
    waiting: queue.SimpleQueue[int],
    faults: list[str],
    heard: Any,
) -> None:
    """Hand jobs to one worker until none is waiting."""
    while not worker.stopped:
        try:
            position = waiting.get_nowait()
        except queue.Empty:
            return
        try:
            faults[position] = worker.make(work[position], wanted, heard)
        except Exception as error:  # an answer that is none, no memory for a process: the others go on
            faults[position] = f"{work[position].scenario.path}: {type(error).__name__}: {error}"
        heard(work[position].out.name, {"step": "", "done": 1, "of": 1})


@contextmanager
def _progress(reports: int, show: bool) -> Iterator[Any]:
    """What hears of the steps of each report and draws them as one bar."""
    from tqdm.auto import tqdm

    drawn = None if show else True  # None: in a terminal or a notebook, not in a file
    line = "{desc:<34}{bar:24}{percentage:3.0f}% {elapsed}"
    bar = tqdm(total=float(reports), disable=drawn, bar_format=line, leave=False)
    bar.set_description_str("starting")
    lock, parts = threading.Lock(), dict[str, float]()

    def heard(name: str, answer: Mapping[str, Any]) -> None:
        with lock:
            parts[name] = answer["done"] / answer["of"]
            if answer["step"]:
                bar.set_description_str(answer["step"] if reports == 1 else f"{name[:20]}: {answer['step']}"[:33])
            bar.n = round(sum(parts.values()), 6)
            bar.refresh()

    with bar:
        yield heard
