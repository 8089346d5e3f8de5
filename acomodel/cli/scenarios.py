"""Commands on a scenario: report, figures, variants, check, a new one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from acomodel.cli.given import guarded, print_json, setting, value_of, write_csv

_SETTING = click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a setting; repeatable.")
_CHAPTERS = click.option("--chapters", metavar="A,B,…", help="Only these chapters, such as proposal,chance.")
_JOBS = click.option("--jobs", type=click.IntRange(1, 64), help="Reports at a time; one a processor by default.")


def _changes(texts: tuple[str, ...]) -> dict[str, Any]:
    return {key: value_of(value) for key, value in map(setting, texts)}


@click.command()
@click.argument("scenarios", nargs=-1, required=True, metavar="SCENARIO…", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder: of the report, or of the reports of many.")
@_SETTING
@_CHAPTERS
@_JOBS
@guarded
def propose(
    scenarios: tuple[Path, ...], out: Path | None, changes: tuple[str, ...], chapters: str | None, jobs: int | None
) -> None:
    """Make the report folder of a scenario; of many side by side, with a page that ranks them."""
    from acomodel.exhibit import show
    from acomodel.workbench.report.batch import propose as make
    from acomodel.workbench.report.batch import propose_all

    wanted = None if chapters is None else chapters.split(",")
    if len(scenarios) > 1:
        if changes:
            raise click.UsageError("--set goes with one scenario; `sweep --reports` varies one over many values")
        _ranked(propose_all(scenarios, out or "reports", chapters=wanted, jobs=jobs))
        return
    folder = make(scenarios[0], out, changes=_changes(changes), chapters=wanted)
    paid = json.loads((folder / "results.json").read_text(encoding="utf-8"))["results"]["settlement"]
    click.echo(f"{paid['label']}: payment to the ACO {show(paid['payment'], '$')}")
    click.echo(f"{folder / 'index.html'}")


def _ranked(found: Any) -> None:
    """Say what a batch has made; what could not be made is an error, with the others standing."""
    if found.reports:
        click.echo(repr(found))
        click.echo(f"{found.folder / 'ranking.html'}")
    for name, fault in found.faults.items():
        click.echo(f"acomodel: {name}: {fault.removeprefix(f'{name}: ')}", err=True)
    if found.faults:
        sys.exit(1)


@click.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@_SETTING
@guarded
def run(scenario: Path, as_json: bool, changes: tuple[str, ...]) -> None:
    """Work out the figures of SCENARIO, without notebooks."""
    from acomodel.workbench.exhibits.budget import benchmark
    from acomodel.workbench.exhibits.chance import chance_table
    from acomodel.workbench.exhibits.contract import summary
    from acomodel.workbench.model import run as work_out
    from acomodel.workbench.report.folder import results_text
    from acomodel.workbench.scenario import change, load_scenario

    loaded = load_scenario(scenario)
    if changes:
        loaded = change(loaded, _changes(changes))
    result = work_out(loaded)
    said = _parts(result)
    if as_json:
        click.echo(results_text(result), nl=False)
        return
    parts = [summary(result), benchmark(result), result.exhibit(), chance_table(result)]
    click.echo("\n\n".join(repr(part) for part in parts if part is not None))
    if said:
        click.echo("\n" + "\n".join(f"- {point}" for point in said))


@click.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--set", "changes", multiple=True, required=True, metavar="KEY=V1,V2,…", help="Values to try.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the table as CSV.")
@click.option("--reports", type=click.Path(path_type=Path), help="Make a report of every variant in this folder.")
@_CHAPTERS
@_JOBS
@guarded
def sweep(
    scenario: Path,
    changes: tuple[str, ...],
    as_json: bool,
    out: Path | None,
    reports: Path | None,
    chapters: str | None,
    jobs: int | None,
) -> None:
    """Run SCENARIO at every combination of values, as one table or as a report each."""
    from acomodel.workbench.report.batch import propose_sweep
    from acomodel.workbench.scenario import load_scenario
    from acomodel.workbench.variants import sweep as run_all

    tried = {key: [value_of(v) for v in value.split(",")] for key, value in map(setting, changes)}
    if reports is not None:
        if as_json or out is not None:
            raise click.UsageError("--reports writes ranking.csv itself; it does not go with --json or --out")
        wanted = None if chapters is None else chapters.split(",")
        _ranked(propose_sweep(load_scenario(scenario), tried, reports, chapters=wanted, jobs=jobs))
        return
    table = run_all(load_scenario(scenario), tried)
    if out is not None:
        write_csv(table, out)
    if as_json:
        print_json(json.loads(table.to_json(orient="records", double_precision=15)))
    elif out is None:
        click.echo(table.to_string(index=False, float_format=lambda v: f"{v:,.6g}" if abs(v) < 1000 else f"{v:,.2f}"))
    else:
        click.echo(f"{out}: {len(table):,} variants")


@click.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@guarded
def check(scenario: Path) -> None:
    """Check SCENARIO and its tables without making a report."""
    from acomodel.claims.findings import Finding
    from acomodel.workbench.distribution import venture_of
    from acomodel.workbench.model import run as work_out
    from acomodel.workbench.scenario import load_scenario

    result = work_out(load_scenario(scenario))
    if result.tables.claims is not None:
        about = result.tables.claims.study.source["tables"]["claims"]
        click.echo(f"claims: {about['rows']:,} lines read, ${about['sums']['allowed']:,.2f} allowed")
        for row in result.tables.claims.study.findings.itertuples():
            click.echo(f"finding: {Finding(**{f: getattr(row, f) for f in Finding.__dataclass_fields__})}")
        for note in result.tables.claims.completion.notes:
            click.echo(f"completion: {note}")
    for table in result.tables.given():
        found = result.tables.fingerprint(table)
        click.echo(f"{table}: {found['rows']:,} rows read")
    if result.budget is not None:
        for note in result.budget.notes:
            click.echo(f"note: {note}")
    if result.record is not None:
        for item in result.record.assumptions:
            if item.basis == "judgment" and not item.note:
                click.echo(f"note: {item.source}")
    if result.outlook is not None and result.negotiation is not None:
        look = result.outlook
        click.echo(f"outlook: {look.members:,} members, {look.source}, coefficient of variation {look.costs.cv:.2f}")
    venture_of(result)
    for said in _parts(result):
        click.echo(f"note: {said}")
    if result.scenario.report.show_small_cells and result.scenario.claims is not None:
        real = "" if result.scenario.claims.synthetic is not None else " of real claims"
        click.echo(f"note: counts of 1 to 10 members are printed{real}, as report.show_small_cells says")
    unsourced = [a for a in result.assumptions if a.source == "not stated"]
    for item in unsourced:
        click.echo(f"no source in [basis]: {item.note.removeprefix('setting ')} ({item.name})")
    click.echo(f"{scenario}: fit to run")


def _parts(result: Any) -> list[str]:
    """What monitoring, physicians and distribution come to; a fault in them is one of the scenario."""
    from acomodel.workbench.exhibits import distribution, monitoring, physicians

    wanted, found = result.scenario, list[str]()
    for name, told in (("monitoring", monitoring.summary), ("physicians", physicians.summary)):
        said = told(result) if getattr(wanted, name) is not None else None
        found += [] if said is None else said.points
        if getattr(wanted, name) is not None and said is None:
            lacking = "claims of the contract year and a budget" if name == "monitoring" else "[claims.care], or tables"
            found.append(f"[{name}] shows nothing here: it needs {lacking}")
    divided = distribution.findings(result)
    return [*found, *(() if divided is None else divided.points)]


@click.command()
@click.argument("name")
@click.option("--from", "template", default="toolkit-2010", show_default=True, help="Scenario to start from.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("scenarios"), show_default=True)
@guarded
def new(name: str, template: str, folder: Path) -> None:
    """Write a commented scenario NAME to fill in, with copies of its template's tables."""
    from acomodel.workbench.templates import new_scenario

    click.echo(str(new_scenario(name, template, folder)))
