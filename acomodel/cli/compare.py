"""The command that sets two drafts side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acomodel.cli.given import guarded, print_json
from acomodel.inputs import InputError, check_writable, write_whole

if TYPE_CHECKING:
    from acomodel.workbench.comparison import Bridge
    from acomodel.workbench.model import Run


@click.command()
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option(
    "--by",
    type=click.Choice(["chain", "shapley"]),
    default="chain",
    show_default=True,
    help="Steps in the order of the chain, or each averaged over all orders.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option("--out", type=click.Path(path_type=Path), help="Write a page with tables and chart, FILE.html.")
@guarded
def compare(before: Path, after: Path, by: str, as_json: bool, out: Path | None) -> None:
    """What changed from BEFORE to AFTER (scenarios or report folders), and the payment step by step."""
    from acomodel.workbench.comparison import compare as set_side_by_side
    from acomodel.workbench.exhibits import comparison as tables
    from acomodel.workbench.naming import printable

    files = [_scenario_in(path) for path in (before, after)]
    if out is not None:
        if out.suffix.lower() not in (".html", ".htm"):
            raise InputError(f"{out}: found the suffix '{out.suffix}'; .html is wanted.")
        check_writable(out)
        if out.resolve() in [path.resolve() for path in files]:
            raise InputError(f"{out}: this is a file that is read; another name is wanted.")
    bridge = set_side_by_side(*_runs(*files), by=by)  # type: ignore[arg-type]
    if out is not None:
        write_whole(out, lambda draft: draft.write_text(page(bridge), encoding="utf-8"))
    if as_json:
        print_json(bridge.to_json())
        return
    parts = [
        tables.summary(bridge),
        tables.levels(bridge),
        tables.steps(bridge),
        tables.changes(bridge),
        tables.tables(bridge),
        tables.sources(bridge),
        tables.chances(bridge),
    ]
    text = "\n\n".join(repr(part) for part in parts if part is not None)
    click.echo("\n".join(map(printable, text.split("\n"))))
    if out is not None:
        click.echo(f"\n{out}: written")


def page(bridge: Bridge) -> str:
    """A comparison as one self-contained page."""
    from acomodel.workbench.exhibits import comparison as tables
    from acomodel.workbench.plots.comparison import drawn
    from acomodel.workbench.report.pages import render_page

    sections: dict[str, list[Any]] = {
        "Result": [tables.summary(bridge), tables.levels(bridge)],
        "Step by step": [drawn(bridge), tables.steps(bridge)],
        "How much is luck": [tables.chances(bridge)],
        "What changed in the inputs": [tables.changes(bridge), tables.tables(bridge), tables.sources(bridge)],
    }
    kept = {words: [part for part in parts if part is not None] for words, parts in sections.items()}
    kept = {words: parts for words, parts in kept.items() if parts}
    anchors = {words: words.lower().replace(" ", "-") for words in kept}
    body = "".join(
        f"<h2 id='{anchors[words]}'>{words}</h2>{''.join(part._repr_html_() for part in parts)}"
        for words, parts in kept.items()
    )
    after = bridge.after.scenario
    return render_page(
        "Comparison of two drafts",
        body,
        title=after.title,
        client=after.report.client,
        contents=[(anchor, words) for words, anchor in anchors.items()],
        name=f"{bridge.before.scenario.name} to {after.name}",
    )


def _scenario_in(path: Path) -> Path:
    """Scenario file of a path: the file itself, or that of a report folder."""
    if not path.is_dir():
        return path
    inside = path / "scenario.toml"
    if not inside.is_file():
        raise InputError(f"{path}: this folder holds no scenario.toml; a scenario file or a report folder is wanted.")
    return inside


def _runs(before: Path, after: Path) -> tuple[Run, Run]:
    """Both runs; what both read is read once."""
    from acomodel.workbench.model import run
    from acomodel.workbench.scenario import load_scenario
    from acomodel.workbench.tables import table_files

    old, new = load_scenario(before), load_scenario(after)
    first = run(old)
    alike = old.folder.resolve() == new.folder.resolve() and table_files(old) == table_files(new)
    until = [None if s.benchmark is None else s.benchmark.year for s in (old, new)]
    shared = alike and repr(old.claims) == repr(new.claims) and (old.claims is None or until[0] == until[1])
    return first, run(new, first.tables) if shared else run(new)
