"""The pages of a report: one a chapter from its executed notebook, and the index."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from html import escape
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any

from acomodel import __version__
from acomodel.exhibit import note_html, table_html
from acomodel.workbench.exhibits.contract import key_figures, summary
from acomodel.workbench.model import Run
from acomodel.workbench.plots.drawing import picture_html
from acomodel.workbench.report.chapters import page_name
from acomodel.workbench.report.cover import cover_of
from acomodel.workbench.report.document import (
    Block,
    Document,
    Drawing,
    Heading,
    Image,
    Listing,
    Paragraph,
    Plain,
    Quote,
    Span,
    Words,
    read_document,
)


def write_pages(stage: Path, run: Run, chapters: Mapping[str, str]) -> None:
    """
    Write one page a chapter from its executed notebook, and the index.

    Parameters
    ----------
    stage : Path
        Report folder with the executed notebooks in ``notebooks``, and the other files of the report.
    run : Run
        What the report shows.
    chapters : mapping of str to str
        Notebook, such as "10-proposal", to the heading of its page, the reader's first page first.
    """
    links = [("index.html", "Overview"), *((page_name(name), words) for name, words in chapters.items())]
    scenario = run.scenario
    common: dict[str, Any] = {
        "title": scenario.title,
        "client": scenario.report.client,
        "links": links,
        "name": scenario.name,
    }
    for name, heading in chapters.items():
        document = read_document(stage / "notebooks" / f"{name}.ipynb")
        contents = [(found.anchor, found.text) for found in document.headings() if found.level == 2]
        text = render_page(heading, body_of(document), contents=contents, here=page_name(name), **common)
        (stage / page_name(name)).write_text(text, encoding="utf-8")
    text = render_page("Overview", _overview(stage, run, chapters), here="index.html", **common)
    (stage / "index.html").write_text(text, encoding="utf-8")


def render_page(
    heading: str,
    body_html: str,
    *,
    title: str,
    client: str = "",
    links: Sequence[tuple[str, str]] = (),
    contents: Sequence[tuple[str, str]] = (),
    name: str = "",
    here: str = "",
) -> str:
    """
    A whole page in the house style: no script, nothing from the network.

    Parameters
    ----------
    heading : str
        The page's only heading of the first level; headings in the body begin with the second.
    body_html : str
        HTML of the body, in which every text from data is escaped already.
    title : str
        What the page belongs to; stands below the heading.
    client : str
        For whom the work is done; stands above the heading.
    links : sequence of (str, str)
        Pages beside this one: address and words.
    contents : sequence of (str, str)
        Places on this page: the id of an element in the body, and words.
    name : str
        Scenario, for the foot of the page.
    here : str
        Address of this page among `links`.

    Returns
    -------
    str
        The page.
    """
    from markupsafe import Markup

    text: str = _template().render(
        heading=heading,
        body=Markup(body_html),
        title=title,
        client=client,
        links=links,
        contents=contents,
        name=name,
        here=here,
        version=__version__,
    )
    return text


@cache
def _template() -> Any:
    from jinja2 import Environment

    text = files("acomodel").joinpath("data/report/page.html").read_text(encoding="utf-8")
    return Environment(autoescape=True, keep_trailing_newline=True).from_string(text)


def body_of(document: Document) -> str:
    """HTML of a document, every text escaped."""
    return "\n".join(_html(document.blocks, count(1)))


def _html(blocks: Iterable[Block], number: Iterator[int]) -> Iterator[str]:
    """HTML of each block; pictures are numbered so that the names within them stay apart."""
    for block in blocks:
        if isinstance(block, Heading):
            yield f'<h{block.level} id="{block.anchor}">{escape(block.text)}</h{block.level}>'
        elif isinstance(block, Paragraph):
            yield f"<p>{_spans(block.spans)}</p>"
        elif isinstance(block, Words):
            yield note_html(asdict(block))
        elif isinstance(block, Drawing):
            own = rf"\g<1>p{next(number)}-\g<2>"
            yield picture_html(re.sub(r'(\bid="|href="#|url\(#)([\w.-]+)', own, block.svg), block.words)
        elif isinstance(block, Image):
            words = block.words if block.words and not block.words.startswith("<") else "Picture"
            source = f"data:{block.mime};base64,{base64.b64encode(block.data).decode()}"
            yield f'<figure class="picture"><img alt="{escape(words)}" src="{source}"></figure>'
        elif isinstance(block, Listing):
            tag = "ol" if block.ordered else "ul"
            items = "".join(f"<li>{''.join(_item(item, number))}</li>" for item in block.items)
            yield f"<{tag}>{items}</{tag}>"
        elif isinstance(block, Quote):
            yield f"<blockquote>{''.join(_html(block.blocks, number))}</blockquote>"
        elif isinstance(block, Plain):
            yield f'<pre tabindex="0">{escape(block.text)}</pre>'
        else:
            yield table_html(asdict(block))


def _item(blocks: Sequence[Block], number: Iterator[int]) -> Iterator[str]:
    """HTML of an item of a list: a paragraph that opens it stands without a tag of its own."""
    if blocks and isinstance(blocks[0], Paragraph):
        yield _spans(blocks[0].spans)
        blocks = blocks[1:]
    yield from _html(blocks, number)


def _spans(spans: Iterable[Span]) -> str:
    """HTML of runs of text."""
    parts = []
    for span in spans:
        text = escape(span.text).replace("\n", "<br>")
        for tag, on in (("code", span.code), ("em", span.emphasis), ("strong", span.strong)):
            text = f"<{tag}>{text}</{tag}>" if on else text
        parts.append(f'<a href="{escape(span.link)}">{text}</a>' if span.link else text)
    return "".join(parts)


PARTS = {
    "10-proposal": "the document to put on the table, from summary to limits",
    "1-attribution": "the claims, what was found in them, whose members they are, and what other methods would say",
    "3-trend": "claims completed, what price, use and mix did, and the trend with its interval",
    "2-budget": "experience, trends, adjustments and the benchmark, step by step",
    "4-settlement": "every line from benchmark to payment, and the payment at other outcomes",
    "5-chance": "how much of it is luck: exact chances, thresholds, simulated years, where the year will end",
    "6-sensitivity": "what the payment and the benchmark depend on",
    "7-negotiation": "contracts on the same futures, terms of equal value, the frontier, the programme's pro forma",
    "8-monitoring": "where the year stands and why, alarms, high-cost cases, the expected settlement month by month",
    "9-physicians": "cost and quality of physicians against peers at their own mix, and how sure that is; referrals",
}
"""What each part of a report is about."""

FILES = {
    "proposal.pdf": "the proposal to print and to hand over",
    "workbook.xlsx": "the figures as a workbook, its settlement in live formulas",
    "results.json": "every figure, unrounded",
    "assumptions.csv": "every assumption with its source",
    "scenario.toml": "every setting in force, to be run again",
    "manifest.json": "versions, data fingerprints, time",
    "notebooks/": "the executed notebooks",
    "inputs/": "the tables read: nobody is named, small cells included; leave it out when handing this on",
}
"""What each file of a report is for."""


def _overview(stage: Path, run: Run, chapters: Mapping[str, str]) -> str:
    """Body of the index page: the result, the parts of the report, the files."""
    cover, said = cover_of(run, "Overview"), summary(run)
    figures = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
        + (f'<dd class="beside">{escape(beside)}</dd>' if beside else "")
        + "</div>"
        for name, value, beside in cover.figures
    )
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(words)}</dd>" for name, words in cover.facts if words)
    points = "".join(f"<li>{escape(point)}</li>" for point in said.points)
    parts = "".join(
        f'<li><a href="{escape(page_name(name))}">{escape(words)}</a>'
        + (f": {escape(PARTS[name])}" if name in PARTS else "")
        + "</li>"
        for name, words in chapters.items()
    )
    stored = "".join(
        f'<li><a href="{name}">{name}</a>: {escape(words)}</li>'
        for name, words in FILES.items()
        if (stage / name).exists()
    )
    return (
        f'<h2>Result</h2>\n<p class="headline">{escape(cover.headline)}</p>\n<dl class="figures">{figures}</dl>\n'
        + (f"<ul>{points}</ul>\n" if points else "")
        + key_figures(run)._repr_html_()
        + f"\n<h2>Parts</h2>\n<ul>{parts}</ul>\n<h2>Files</h2>\n<ul>{stored}</ul>"
        + (f'\n<h2>About this report</h2>\n<dl class="facts">{facts}</dl>' if facts else "")
    )
