"""Commands on claims: read in, attribute, score."""

from __future__ import annotations

import json
from pathlib import Path

import click

from acomodel.cli.given import guarded, print_json, write_csv
from acomodel.inputs import InputError, check_writable, write_whole

HCC_MODELS = ("V22", "V24", "V28", "ESRD V21", "ESRD V24")


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--format", "source_format", required=True, type=click.Choice(["csv", "cclf", "tuva", "rif", "synpuf"]))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the canonical tables.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@guarded
def ingest(source: Path, source_format: str, out: Path, as_json: bool) -> None:
    """Read claims in SOURCE into canonical Parquet tables, and say what is wrong with them."""
    from acomodel.claims.findings import findings_frame
    from acomodel.claims.ingest import ingest as read_in

    found = read_in(source, out, format=source_format)  # type: ignore[arg-type]
    tables = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["tables"]
    if as_json:
        findings = json.loads(findings_frame(found).to_json(orient="records", double_precision=15))
        print_json({"out": str(out), "tables": tables, "findings": findings})
        return
    for name, about in tables.items():
        sums = ", ".join(f"{k} ${v:,.2f}" for k, v in about["sums"].items() if v)
        click.echo(f"{name}: {about['rows']:,} rows" + (f", {sums}" if sums else ""))
    for finding in sorted(found, key=lambda f: -abs(f.dollars)):
        click.echo(f"finding: {finding}")
    click.echo(f"{out}: written")


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Folder of canonical tables.")
@click.option("--method", required=True, type=click.Choice(["dartmouth", "mssp", "pgp"]))
@click.option("--as-of", required=True, help="Last day of the claims looked at, YYYY-MM-DD.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV of members to write.")
@click.option("--window-months", type=click.IntRange(1, 60), help="Months of claims; the method's own by default.")
@click.option("--rule-year", type=click.IntRange(1990, 2100), help="Year whose codes and steps apply.")
@click.option("--engine", type=click.Choice(["duckdb", "pyspark"]), default="duckdb", show_default=True)
@guarded
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
    write_csv(frame.assign(**{name: frame[name].map(inert, na_action="ignore") for name in named}), out)
    click.echo(repr(found))
    click.echo(f"{out}: written")


@click.command()
@click.option("--diagnoses", required=True, type=click.Path(path_type=Path), help="CSV or Parquet of diagnoses.")
@click.option("--members", required=True, type=click.Path(path_type=Path), help="CSV or Parquet of members.")
@click.option("--model", required=True, type=click.Choice(HCC_MODELS), help="Version of CMS-HCC.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV or Parquet to write, by its suffix.")
@click.option("--table-year", type=click.IntRange(2000, 2100), help="Year of the mapping of diagnoses.")
@guarded
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
    check_writable(out)
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
        write_csv(frame.assign(member_id=frame["member_id"].map(inert)), out)
    else:
        write_whole(out, lambda draft: frame.to_parquet(draft, index=False))
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
