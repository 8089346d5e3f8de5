"""What stands first in every report: what it is, for whom, and the result in a sentence and four figures."""

from __future__ import annotations

from dataclasses import dataclass

from acomodel.exhibit import show
from acomodel.workbench.exhibits.contract import summary
from acomodel.workbench.model import Run


@dataclass(frozen=True)
class Cover:
    """
    The first page.

    Parameters
    ----------
    kind : str
        What the document is: "Proposal".
    title, client, actuary, purpose : str
        As the scenario has them; empty ones are left out.
    date : str
        Date of the report, as the scenario has it.
    headline : str
        The result in a sentence.
    figures : tuple of (str, str, str)
        Key figures: name, value, and words beside it.
    facts : tuple of (str, str)
        Further lines, such as intended users.
    scenario : str
        Name of the scenario.
    """

    kind: str
    title: str
    client: str
    actuary: str
    purpose: str
    date: str
    headline: str
    figures: tuple[tuple[str, str, str], ...]
    facts: tuple[tuple[str, str], ...]
    scenario: str


def cover_of(run: Run, kind: str) -> Cover:
    """Cover of a run's document."""
    scenario, report = run.scenario, run.scenario.report
    head = run.headline()
    pmpm = run.budget.benchmark.pmpm if run.budget is not None else None
    figures = (
        ("Benchmark", show(head["final_benchmark"], "$"), "" if pmpm is None else f"{show(pmpm, '$.')} PMPM"),
        ("Spending", show(head["actual"], "$"), ""),
        (
            "Savings" if head["savings"] >= 0 else "Losses",
            show(abs(head["savings"]), "$"),
            f"{show(abs(head['savings_rate']), '%.')} of benchmark",
        ),
        ("Payment to the ACO" if head["payment"] >= 0 else "Owed by the ACO", show(abs(head["payment"]), "$"), ""),
    )
    return Cover(
        kind=kind,
        title=scenario.title,
        client=report.client,
        actuary=report.actuary,
        purpose=report.purpose,
        date=report.date,
        headline=f"{summary(run).text.rstrip('.')}.",
        figures=figures,
        facts=(
            ("Prepared by", report.actuary),
            ("Date", report.date),
            ("Purpose", report.purpose),
            ("Intended users", report.intended_users),
            ("Information through", report.information_date),
        ),
        scenario=scenario.name,
    )
