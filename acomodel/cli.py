"""The command line: one command for each job; exit 0 done, 1 the input is at fault, 2 wrong usage."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from acomodel import __version__
from acomodel.inputs import InputError

HCC_MODELS = ("V22", "V24", "V28", "ESRD V21", "ESRD V24")


def _guarded(command: Callable[..., None]) -> Callable[..., None]:
    """Turn a fault of the input into one line on stderr and exit code 1."""

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except InputError as error:
            click.echo(f"acomodel: {error}", err=True)
            sys.exit(1)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        except OSError as error:
            place = error.filename or "output"
            click.echo(f"acomodel: {place}: cannot be written or read here ({error.strerror or error}).", err=True)
            sys.exit(1)
        except KeyboardInterrupt:
            click.echo("acomodel: interrupted; nothing half-written is left.", err=True)
            sys.exit(128 + signal.SIGINT)

    return wrapper


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="acomodel")
def main() -> None:
    """Budget, settlement and proposal for Accountable Care Organizations."""
    signal.signal(signal.SIGTERM, _as_interrupt)


def _as_interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise click.UsageError(f"--set wants KEY=VALUE, found '{text}'")
    return key.strip(), value.strip()


def _value(text: str) -> Any:
    """Value as TOML reads it; a bare word is text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _check_writable(out: Path) -> None:
    """Refuse a file to write that is a folder, or in none."""
    if out.is_dir() or not out.parent.is_dir():
        wanted = "a file, not a folder, is wanted" if out.is_dir() else f"the folder {out.parent} does not exist"
        raise InputError(f"{out}: cannot be written; {wanted}.")


def _write_whole(out: Path, save: Callable[[Path], object]) -> None:
    """Write a file whole or not at all."""
    _check_writable(out)
    draft = out.with_name(f".{out.name}.partial")
    try:
        save(draft)
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)


def _write_csv(table: Any, out: Path) -> None:
    """Write a table as CSV, whole or not at all."""
    _write_whole(out, lambda draft: table.to_csv(draft, index=False))


def _print_json(document: Any) -> None:
    click.echo(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False))


@main.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Report folder; reports/NAME by default.")
@click.option("--jobs", type=click.IntRange(1, 16), default=2, show_default=True, help="Notebooks at a time.")
@_guarded
def propose(scenario: Path, out: Path | None, jobs: int) -> None:
    """Check, run, execute the notebooks and write the report folder of SCENARIO."""
    from acomodel.workbench.report import propose as make

    folder = make(scenario, out, jobs=jobs, show_progress=True)
    click.echo(f"{folder / 'index.html'}")


@main.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a setting; may be repeated.")
@_guarded
def run(scenario: Path, as_json: bool, changes: tuple[str, ...]) -> None:
    """Work out the figures of SCENARIO, without notebooks."""
    from acomodel.workbench.chance_exhibits import chance_table
    from acomodel.workbench.exhibits import benchmark, summary
    from acomodel.workbench.model import run as work_out
    from acomodel.workbench.report import results_text
    from acomodel.workbench.scenario import change, load_scenario

    loaded = load_scenario(scenario)
    if changes:
        loaded = change(loaded, {key: _value(value) for key, value in map(_setting, changes)})
    result = work_out(loaded)
    if as_json:
        click.echo(results_text(result), nl=False)
        return
    parts = [summary(result), benchmark(result), result.exhibit(), chance_table(result)]
    click.echo("\n\n".join(repr(part) for part in parts if part is not None))


@main.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--set", "changes", multiple=True, required=True, metavar="KEY=V1,V2,…", help="Values to try.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the table as CSV.")
@_guarded
def sweep(scenario: Path, changes: tuple[str, ...], as_json: bool, out: Path | None) -> None:
    """Run SCENARIO at every combination of values, as one table."""
    from acomodel.workbench.model import sweep as run_all
    from acomodel.workbench.scenario import load_scenario

    tried = {key: [_value(v) for v in value.split(",")] for key, value in map(_setting, changes)}
    table = run_all(load_scenario(scenario), tried)
    if out is not None:
        _write_csv(table, out)
    if as_json:
        _print_json(json.loads(table.to_json(orient="records", double_precision=15)))
    elif out is None:
        click.echo(table.to_string(index=False, float_format=lambda v: f"{v:,.6g}" if abs(v) < 1000 else f"{v:,.2f}"))
    else:
        click.echo(f"{out}: {len(table):,} variants")


@main.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@_guarded
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


@main.command()
@click.argument("name")
@click.option("--from", "template", default="toolkit-2010", show_default=True, help="Scenario to start from.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("scenarios"), show_default=True)
@_guarded
def new(name: str, template: str, folder: Path) -> None:
    """Write a commented scenario NAME to fill in, with copies of its template's tables."""
    from acomodel.workbench.templates import new_scenario

    click.echo(str(new_scenario(name, template, folder)))


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option("--year", type=click.IntRange(2012, 2100), help="Performance year, where the file does not say it.")
@click.option("--out", type=click.Path(path_type=Path), help="Write every row and line as CSV.")
@_guarded
def replay(files: tuple[Path, ...], as_json: bool, year: int | None, out: Path | None) -> None:
    """Settle every ACO of the public use FILES and compare with what CMS published."""
    from acomodel.exhibit import inert
    from acomodel.workbench.replay import replay as settle_all

    result = settle_all(files, year=year)
    if out is not None:
        named = result.rows.select_dtypes("str").columns
        _write_csv(result.rows.assign(**{name: result.rows[name].map(inert) for name in named}), out)
    if as_json:
        _print_json(result.to_json())
        return
    for name, decisions in result.decisions.items():
        for decision in decisions:
            click.echo(f"{name}: {decision}", err=True)
    click.echo(repr(result))
    for row in result.rows[~result.rows["within_rounding"]].itertuples():
        click.echo(
            f"\n{row.aco_id} {row.performance_year} {row.track}: published {row.published:,.2f}, "
            f"computed {row.computed:,.2f}\n  {row.explanation}"
        )


@main.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--format", "source_format", required=True, type=click.Choice(["csv", "cclf", "tuva", "rif", "synpuf"]))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the canonical tables.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@_guarded
def ingest(source: Path, source_format: str, out: Path, as_json: bool) -> None:
    """Read claims in SOURCE into canonical Parquet tables, and say what is wrong with them."""
    from acomodel.claims.findings import findings_frame
    from acomodel.claims.ingest import ingest as read_in

    found = read_in(source, out, format=source_format)  # type: ignore[arg-type]
    tables = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["tables"]
    if as_json:
        findings = json.loads(findings_frame(found).to_json(orient="records", double_precision=15))
        _print_json({"out": str(out), "tables": tables, "findings": findings})
        return
    for name, about in tables.items():
        sums = ", ".join(f"{k} ${v:,.2f}" for k, v in about["sums"].items() if v)
        click.echo(f"{name}: {about['rows']:,} rows" + (f", {sums}" if sums else ""))
    for finding in sorted(found, key=lambda f: -abs(f.dollars)):
        click.echo(f"finding: {finding}")
    click.echo(f"{out}: written")


@main.command()
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Folder of canonical tables.")
@click.option("--method", required=True, type=click.Choice(["dartmouth", "mssp", "pgp"]))
@click.option("--as-of", required=True, help="Last day of the claims looked at, YYYY-MM-DD.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV of members to write.")
@click.option("--window-months", type=click.IntRange(1, 60), help="Months of claims; the method's own by default.")
@click.option("--rule-year", type=click.IntRange(1990, 2100), help="Year whose codes and steps apply.")
@click.option("--engine", type=click.Choice(["duckdb", "pyspark"]), default="duckdb", show_default=True)
@_guarded
def attribute(
    data: Path, method: str, as_of: str, out: Path, window_months: int | None, rule_year: int | None, engine: str
) -> None:
    """Attribute members to providers and ACOs; those of nobody are counted, not listed."""
    from acomodel.claims.attribution import AttributionRule
    from acomodel.claims.attribution import attribute as attribute_members
    from acomodel.claims.tables import read_dataset
    from acomodel.exhibit import inert

    rule = AttributionRule(method, window_months, rule_year=rule_year)  # type: ignore[arg-type]
    found = attribute_members(read_dataset(data, engine), rule, as_of)  # type: ignore[arg-type]
    frame = found.to_frame()
    if frame.empty:
        raise InputError(
            f"{data}: no visit qualifies from {found.first} to {found.as_of}: no claims of those days, or none "
            "with visit codes and providers. Nothing is written."
        )
    named = ["member_id", "provider_id", "aco_id"]
    _write_csv(frame.assign(**{name: frame[name].map(inert, na_action="ignore") for name in named}), out)
    click.echo(repr(found))
    click.echo(f"{out}: written")


@main.command()
@click.option("--diagnoses", required=True, type=click.Path(path_type=Path), help="CSV or Parquet of diagnoses.")
@click.option("--members", required=True, type=click.Path(path_type=Path), help="CSV or Parquet of members.")
@click.option("--model", required=True, type=click.Choice(HCC_MODELS), help="Version of CMS-HCC.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV or Parquet to write, by its suffix.")
@click.option("--table-year", type=click.IntRange(2000, 2100), help="Year of the mapping of diagnoses.")
@_guarded
def hcc(diagnoses: Path, members: Path, model: str, out: Path, table_year: int | None) -> None:
    """Risk scores of MEMBERS from their DIAGNOSES: raw, neither normalized nor adjusted for coding."""
    import ibis

    from acomodel.budget.hcc.scores import hcc_scores
    from acomodel.claims.sources.cells import typed
    from acomodel.exhibit import inert

    if out.suffix not in (".csv", ".parquet"):
        raise InputError(f"{out}: found the suffix '{out.suffix}'; .csv or .parquet is wanted.")
    if out in (diagnoses, members):
        raise InputError(f"{out}: this is a file that is read; another name is wanted.")
    _check_writable(out)
    connection = ibis.duckdb.connect()
    people = _given_columns(members, "members")
    typed(connection.con, members, "members", people, str(members), rules="members")
    table = connection.con.sql("FROM members").df()
    table.attrs["source"] = str(members)
    rows = typed(
        connection.con,
        diagnoses,
        "diagnoses",
        _given_columns(diagnoses, "diagnoses"),
        str(diagnoses),
        required=["member_id"],
    )
    click.echo(f"{rows:,} diagnoses of {len(table):,} members read", err=True)
    found = hcc_scores(connection.table("diagnoses"), table, model, table_year=table_year)
    frame = found.to_frame()[["member_id", "model", "raw_score", "hccs"]]
    if out.suffix == ".csv":
        _write_csv(frame.assign(member_id=frame["member_id"].map(inert)), out)
    else:
        _write_whole(out, lambda draft: frame.to_parquet(draft, index=False))
    for finding in found.findings.itertuples():
        click.echo(f"finding: {finding.check} ({finding.table}): {finding.what} [{finding.rows:,} rows]", err=True)
    click.echo(repr(found), err=True)
    click.echo(f"{out}: written", err=True)


def _given_columns(path: Path, table: str) -> dict[str, tuple[str | None, str]]:
    """Columns that a file gives of those a score needs, with their types; one that is unknown is an error."""
    from acomodel.claims.sources.cells import header_of
    from acomodel.claims.tables import columns, required
    from acomodel.inputs import nearest

    known, header = columns(table), header_of(path)
    if unknown := [name for name in header if name not in known]:
        raise InputError(
            f"{path}: unknown column '{unknown[0]}' for the table '{table}'.{nearest(unknown[0], known)} "
            f"Known: {', '.join(known)}."
        )
    used = [name for name in known if name != "service_date"]
    wanted = [name for name in used if name in required(table)]
    if missing := [name for name in wanted if name not in header]:
        raise InputError(f"{path}: missing column '{missing[0]}'; found {', '.join(header)}.")
    return {name: (name if name in header else None, known[name]) for name in used}


@main.command()
@click.option("--costs", required=True, type=click.Path(path_type=Path), help="CSV or Parquet of annual costs.")
@click.option("--members", required=True, type=click.IntRange(1), help="Members of the ACO.")
@click.option("--threshold", required=True, type=float, help="Minimum savings rate, a share: 3 % is 0.03.")
@click.option("--loss-threshold", type=float, help="Minimum loss rate; that of savings by default.")
@click.option("--true-savings", type=float, default=0.0, show_default=True, help="What is really saved, a share.")
@click.option("--truncate", type=float, help="Dollars per member and year above which costs do not count.")
@click.option("--baseline-members", type=click.IntRange(1), help="Member years the benchmark was measured on.")
@click.option("--shock", type=float, default=0.0, show_default=True, help="Deviation of a factor common to all.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@_guarded
def chance(
    costs: Path,
    members: int,
    threshold: float,
    loss_threshold: float | None,
    true_savings: float,
    truncate: float | None,
    baseline_members: int | None,
    shock: float,
    as_json: bool,
) -> None:
    """Exact chance that luck alone earns savings, and that it owes losses."""
    from acomodel.outlook.chance import chance as work_out
    from acomodel.outlook.cost_files import read_costs
    from acomodel.outlook.ratio import Noise

    if not 0 <= shock <= 0.5:
        raise InputError(f"--shock is {shock:g}; a share from 0 to 0.5 is wanted.")
    result = work_out(
        read_costs(costs, truncate=truncate),
        members,
        threshold,
        loss_threshold=loss_threshold,
        true_savings=true_savings,
        noise=Noise(baseline_members=baseline_members, shock_sd=shock),
    )
    if as_json:
        _print_json(result.to_json())
    else:
        click.echo(repr(result))


@main.command()
@click.argument("arguments", nargs=-1)
@_guarded
def lab(arguments: tuple[str, ...]) -> None:
    """Open JupyterLab on the notebooks; ARGUMENTS after -- are passed on."""
    from acomodel.workbench.report import notebooks_folder

    folder = notebooks_folder()
    options = [f"--ServerApp.root_dir={folder.parent}", f"--LabApp.default_url=/lab/tree/{folder.name}"]
    sys.exit(subprocess.call([sys.executable, "-m", "jupyter", "lab", *options, *arguments]))


if __name__ == "__main__":
    main()
