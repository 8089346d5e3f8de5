"""
A process that makes one report after another, with everything imported once: ``python -m ...report.worker``.

It reads one job a line (JSON) and answers with lines of progress, then one with the folder or the fault. It ends when
its input does, so that none is left behind when the program that started it goes, however that goes.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, TextIO

from acomodel.inputs import InputError


def main() -> None:
    """Serve jobs until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the program that started this one decides
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # nothing that is printed on the way mixes with the answers
    jobs: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
    warm()
    while True:
        _answer(jobs.get(), answers)


def _listen(jobs: queue.SimpleQueue[dict[str, Any]]) -> None:
    for line in sys.stdin:
        jobs.put(json.loads(line))
    os._exit(0)


def warm() -> None:
    """Import what every report needs."""
    import scipy.optimize
    import scipy.stats  # noqa: F401
    import statsmodels.api  # noqa: F401
    import xlsxwriter  # noqa: F401

    import acomodel.workbench.exhibits
    import acomodel.workbench.plots
    import acomodel.workbench.report.execution
    import acomodel.workbench.report.folder
    import acomodel.workbench.report.pages
    import acomodel.workbench.report.pdf
    import acomodel.workbench.report.workbook  # noqa: F401


def _answer(job: dict[str, Any], answers: TextIO) -> None:
    from acomodel.workbench.report.folder import make_report
    from acomodel.workbench.scenario import parse_scenario

    def tell(**words: Any) -> None:
        print(json.dumps(words), file=answers, flush=True)

    try:
        scenario = parse_scenario(job["scenario"], Path(job["path"]))
        notebooks = Path(job["notebooks"])
        folder = make_report(scenario, Path(job["out"]), chapters=job["chapters"], notebooks=notebooks, tell=tell)
        tell(report=str(folder))
    except InputError as error:
        tell(fault=str(error))
    except OSError as error:
        tell(fault=f"{error.filename or job['out']}: cannot be written or read here ({error.strerror or error}).")
    except Exception as error:  # whatever it is, the other reports stand
        traceback.print_exc()
        tell(fault=f"{job['path']}: acomodel failed: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
