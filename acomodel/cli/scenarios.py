"""Commands on a scenario: report, figures, variants, check, a new one."""

from __future__ import annotations

import json
from pathlib import Path

import click

from acomodel.cli.given import guarded, print_json, setting, value_of, write_csv


@click.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Report folder; reports/NAME by default.")
@click.option("--jobs", type=click.IntRange(1, 16), default=2, show_default=True, help="Notebooks at a time.")
@guarded
def propose(scenario: Path, out: Path | None, jobs: int) -> None:
    """Check, run, execute the notebooks and write the report folder of SCENARIO."""
    from acomodel.workbench.report.folder import propose as make

    folder = make(scenario, out, jobs=jobs, show_progress=True)
    click.echo(f"{folder / 'index.html'}")


@click.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a setting; may be repeated.")
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
        loaded = change(loaded, {key: value_of(value) for key, value in map(setting, changes)})
    result = work_out(loaded)
    if as_json:
        click.echo(results_text(result), nl=False)
        return
    parts = [summary(result), benchmark(result), result.exhibit(), chance_table(result)]
    click.echo("\n\n".join(repr(part) for part in parts if part is not None))


@click.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--set", "changes", multiple=True, required=True, metavar="KEY=V1,V2,…", help="Values to try.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the table as CSV.")
@guarded
def sweep(scenario: Path, changes: tuple[str, ...], as_json: bool, out: Path | None) -> None:
    """Run SCENARIO at every combination of values, as one table."""
    from acomodel.workbench.model import sweep as run_all
    from acomodel.workbench.scenario import load_scenario

    tried = {key: [value_of(v) for v in value.split(",")] for key, value in map(setting, changes)}
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
    unsourced = [a for a in result.assumptions if a.source == "not stated"]
    for item in unsourced:
        click.echo(f"no source in [basis]: {item.note.removeprefix('setting ')} ({item.name})")
    click.echo(f"{scenario}: fit to run")


@click.command()
@click.argument("name")
@click.option("--from", "template", default="toolkit-2010", show_default=True, help="Scenario to start from.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("scenarios"), show_default=True)
@guarded
def new(name: str, template: str, folder: Path) -> None:
    """Write a commented scenario NAME to fill in, with copies of its template's tables."""
    from acomodel.workbench.templates import new_scenario

    click.echo(str(new_scenario(name, template, folder)))
