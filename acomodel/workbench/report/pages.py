"""The pages of a report: one a chapter from its executed notebook, and the index."""

from __future__ import annotations

import re
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from acomodel import __version__
from acomodel.workbench.exhibits.contract import key_figures, summary
from acomodel.workbench.model import Run
from acomodel.workbench.report.chapters import chapters_of, page_name


def write_pages(stage: Path, result: Run) -> None:
    """One page a chapter from its executed notebook, and the index."""
    from jinja2 import Environment
    from markupsafe import Markup
    from nbconvert import HTMLExporter

    template = files("acomodel").joinpath("data/page.html").read_text(encoding="utf-8")
    page = Environment(autoescape=True, trim_blocks=False).from_string(template)
    exporter = HTMLExporter(
        template_name="basic", exclude_input=True, exclude_input_prompt=True, exclude_output_prompt=True
    )
    links = [{"href": "index.html", "words": "Overview"}]
    links += [{"href": page_name(name), "words": words} for name, words in chapters_of(result).items()]
    scenario = result.scenario
    common = {"title": scenario.title, "client": scenario.report.client, "name": scenario.name, "version": __version__}
    for name, heading in chapters_of(result).items():
        body, _ = exporter.from_notebook_node(_without_empty_sections(stage / "notebooks" / f"{name}.ipynb"))
        body = re.sub(r"<h1.*?</h1>", "", body, count=1, flags=re.S)
        body = re.sub(r' id="cell-id=[^"]*"', "", body)
        found = re.findall(r'<h2 id="([^"]+)"[^>]*>(.*?)<a class="anchor-link"', body, flags=re.S)
        contents = [{"anchor": anchor, "words": Markup(words)} for anchor, words in found]
        text = page.render(
            heading=heading, here=page_name(name), links=links, contents=contents, body=Markup(body), **common
        )
        (stage / page_name(name)).write_text(text, encoding="utf-8")
    (stage / "index.html").write_text(
        page.render(
            heading="Overview", here="index.html", links=links, contents=[], body=Markup(_overview(result)), **common
        ),
        encoding="utf-8",
    )


def _without_empty_sections(path: Path) -> Any:
    """Executed notebook without the sections that have nothing to show for this scenario."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    kept: list[Any] = []
    section: list[Any] = []
    for cell in [*notebook.cells, None]:
        if cell is None or (cell.cell_type == "markdown" and cell.source.startswith("## ")):
            code = [c for c in section if c.cell_type == "code"]
            headed = bool(section) and section[0].cell_type == "markdown" and section[0].source.startswith("## ")
            if not (headed and code) or any(c.outputs for c in code):
                kept += section
            section = []
        section.append(cell)
    notebook.cells = kept
    return notebook


def _overview(result: Run) -> str:
    """Body of the index page: the result, the parts of the report, the files."""
    parts = {
        "10-proposal": "the document to put on the table, from summary to limits",
        "1-attribution": "the claims, what was found in them, whose members they are, and what other methods would say",
        "3-trend": "claims completed, what price, use and mix did, and the trend with its interval",
        "2-budget": "experience, trends, adjustments and the benchmark, step by step",
        "4-settlement": "every line from benchmark to payment, and the payment at other outcomes",
        "5-chance": "how much of it is luck: exact chances, thresholds, simulated years, where the year will end",
        "6-sensitivity": "what the payment and the benchmark depend on",
        "7-negotiation": "contracts on the same futures, terms of equal value, the frontier, the programme's pro forma",
    }
    listed = "".join(
        f"<li><a href='{page_name(name)}'>{words}</a>: {escape(parts[name])}</li>"
        for name, words in chapters_of(result).items()
    )
    kept = {
        "results.json": "every figure, unrounded",
        "assumptions.csv": "every assumption with its source",
        "scenario.toml": "every setting in force, to be run again",
        "manifest.json": "versions, data fingerprints, time",
        "notebooks/": "the executed notebooks",
    }
    if result.scenario.report.keep_inputs and (result.tables.given() or result.tables.claims is not None):
        kept["inputs/"] = "the tables read: nobody is named, small cells included; leave it out when handing this on"
    stored = "".join(f"<li><a href='{name}'>{name}</a>: {escape(words)}</li>" for name, words in kept.items())
    return (
        f"<h2>Result</h2>{summary(result)._repr_html_()}{key_figures(result)._repr_html_()}"
        f"<h2>Parts</h2><ul>{listed}</ul><h2>Files</h2><ul class='files'>{stored}</ul>"
    )
