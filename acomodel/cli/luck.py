"""Commands on published settlements and on chance."""

from __future__ import annotations

import math
from pathlib import Path

import click

from acomodel.cli.given import guarded, print_json, write_csv
from acomodel.inputs import InputError


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option("--year", type=click.IntRange(2012, 2100), help="Performance year, where the file does not say it.")
@click.option("--out", type=click.Path(path_type=Path), help="Write every row and line as CSV.")
@guarded
def replay(files: tuple[Path, ...], as_json: bool, year: int | None, out: Path | None) -> None:
    """Settle every ACO of results FILES (Shared Savings Program, ACO REACH) and compare with what was published."""
    from acomodel.exhibit import inert
    from acomodel.workbench.replay import replay as settle_all

    result = settle_all(files, year=year)
    if out is not None:
        named = result.rows.select_dtypes("str").columns
        write_csv(result.rows.assign(**{name: result.rows[name].map(inert) for name in named}), out)
    if as_json:
        print_json(result.to_json())
        return
    for name, decisions in result.decisions.items():
        for decision in decisions:
            click.echo(f"{name}: {decision}", err=True)
    click.echo(repr(result))
    for row in result.rows[~result.rows["within_rounding"]].itertuples():
        published = "nothing" if math.isnan(row.published) else f"{row.published:,.2f}"
        click.echo(
            f"\n{row.aco_id} {row.performance_year} {row.track}: published {published}, "
            f"computed {row.computed:,.2f}\n  {row.explanation}"
        )


@click.command()
@click.option("--costs", required=True, type=click.Path(path_type=Path), help="CSV or Parquet of annual costs.")
@click.option("--members", required=True, type=click.IntRange(1), help="Members of the ACO.")
@click.option("--threshold", required=True, type=float, help="Minimum savings rate, a share: 3 % is 0.03.")
@click.option("--loss-threshold", type=float, help="Minimum loss rate; that of savings by default.")
@click.option("--true-savings", type=float, default=0.0, show_default=True, help="What is really saved, a share.")
@click.option("--truncate", type=float, help="Dollars per member and year above which costs do not count.")
@click.option("--baseline-members", type=click.IntRange(1), help="Member years the benchmark was measured on.")
@click.option("--shock", type=float, default=0.0, show_default=True, help="Deviation of a factor common to all.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@guarded
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
    from acomodel.outlook.luck.chance import chance as work_out
    from acomodel.outlook.luck.cost_files import read_costs
    from acomodel.outlook.luck.ratio import Noise

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
        print_json(result.to_json())
    else:
        click.echo(repr(result))
