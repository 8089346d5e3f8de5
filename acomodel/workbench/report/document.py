"""An executed notebook as a document: headings, paragraphs, tables, pictures; what pages and PDF are made from."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from acomodel.exhibit import STRUCTURE
from acomodel.inputs import InputError
from acomodel.workbench.report.frames import Table, table_of_html, table_of_structure


@dataclass(frozen=True)
class Span:
    """A run of text within a paragraph, plain, strong, emphasized, code or a link."""

    text: str
    strong: bool = False
    emphasis: bool = False
    code: bool = False
    link: str = ""


@dataclass(frozen=True)
class Heading:
    """A heading; level 2 begins a chapter. The anchor is unique in the document."""

    level: int
    text: str
    anchor: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of prose."""

    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Listing:
    """A list, each item a sequence of blocks."""

    ordered: bool
    items: tuple[tuple[Block, ...], ...]


@dataclass(frozen=True)
class Quote:
    """A quotation."""

    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Words:
    """A note of a result: a sentence or two, and points."""

    text: str
    points: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drawing:
    """A chart of the workbench as SVG, with the words that stand for it."""

    svg: str
    words: str


@dataclass(frozen=True)
class Image:
    """A picture of another kind, with its type and the words that stand for it."""

    data: bytes
    mime: str
    words: str


@dataclass(frozen=True)
class Plain:
    """Text as printed, in type of fixed width."""

    text: str


Block = Heading | Paragraph | Listing | Quote | Words | Drawing | Image | Plain | Table


@dataclass(frozen=True)
class Document:
    """
    What an executed notebook says, in order and without its code.

    Parameters
    ----------
    title : str
        First heading of the notebook.
    blocks : tuple of Block
        Everything below it.
    """

    title: str
    blocks: tuple[Block, ...]

    def headings(self) -> list[Heading]:
        """Headings in order."""
        return [block for block in self.blocks if isinstance(block, Heading)]

    def tables(self) -> list[Table]:
        """Tables in order."""
        return [block for block in self.blocks if isinstance(block, Table)]


def read_document(notebook: Path) -> Document:
    """
    Read an executed notebook.

    Parameters
    ----------
    notebook : Path
        Notebook with outputs, such as those of a report's folder.

    Returns
    -------
    Document
        Sections whose code shows nothing for this scenario are left out, and numbered chapters count on without a
        gap. Levels of headings never skip one.

    Raises
    ------
    InputError
        No such notebook, or not one.
    """
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except OSError as error:
        raise InputError(f"{notebook}: this notebook cannot be read ({error.strerror}).") from None
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{notebook}: this file is not a notebook.") from None
    return document_of(cells)


def document_of(cells: Sequence[Mapping[str, Any]]) -> Document:
    """Document of a notebook's cells; see `read_document`."""
    made = [(cell["cell_type"], blocks_of(cell)) for cell in cells]
    blocks = [block for _, some in _without_empty_sections(made) for block in some]
    first = next((at for at, block in enumerate(blocks) if isinstance(block, Heading)), None)
    title = ""
    if first is not None and isinstance(block := blocks[first], Heading) and block.level == 1:
        title = block.text
        blocks.pop(first)
    return Document(title, tuple(_in_order(blocks)))


def _without_empty_sections(cells: Sequence[tuple[str, list[Block]]]) -> list[tuple[str, list[Block]]]:
    """Cells without the sections that hold code and show nothing."""
    kept = list(cells)
    for level in (4, 3, 2):
        starts = [at for at, cell in enumerate(kept) if _level(cell) <= level] + [len(kept)]
        for start, end in reversed(list(pairwise(starts))):
            code = [blocks for kind, blocks in kept[start:end] if kind == "code"]
            if _level(kept[start]) == level and code and not any(code):
                del kept[start:end]
    return kept


def _level(cell: tuple[str, list[Block]]) -> int:
    """Level of the heading that a cell begins with; 9 without one."""
    kind, blocks = cell
    return blocks[0].level if kind == "markdown" and blocks and isinstance(blocks[0], Heading) else 9


def _in_order(blocks: Iterable[Block]) -> Iterable[Block]:
    """Blocks with headings of levels 2 and up that skip none, chapters numbered on, and anchors that are unique."""
    before, chapter, seen = 1, 0, set[str]()
    for block in blocks:
        if not isinstance(block, Heading):
            yield block
            continue
        before = level = max(2, min(block.level, before + 1))
        text = block.text
        if level == 2 and re.match(r"\d+\.\s", text):
            chapter += 1
            text = re.sub(r"^\d+", str(chapter), text)
        anchor = base = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "section"
        copy = 1
        while anchor in seen:
            copy += 1
            anchor = f"{base}-{copy}"
        seen.add(anchor)
        yield replace(block, level=level, text=text, anchor=anchor)


def blocks_of(cell: Mapping[str, Any]) -> list[Block]:
    """What one cell says."""
    if cell["cell_type"] == "markdown":
        return markdown_blocks(_joined(cell["source"]), cell.get("attachments", {}))
    if cell["cell_type"] == "code":
        return [block for output in cell["outputs"] if (block := output_block(output)) is not None]
    return []


def output_block(output: Mapping[str, Any]) -> Block | None:
    """What one output of a cell says; nothing for warnings and for errors, which no report is made with."""
    if output["output_type"] == "stream":
        text = _joined(output["text"])
        return _plain(text) if output["name"] == "stdout" else None
    data = output.get("data", {})
    structure, page = data.get(STRUCTURE), _joined(data.get("text/html", ""))
    if structure is not None:
        if structure["kind"] == "table":
            return table_of_structure(structure)
        if structure["kind"] == "note":
            return Words(structure["text"], tuple(structure["points"]))
        if (found := re.search(r"<svg.*</svg>", page, re.S)) and "<script" not in found[0]:
            return Drawing(found[0], structure["words"])
    said = _joined(data.get("text/plain", ""))
    if "image/svg+xml" in data:
        return Image(_joined(data["image/svg+xml"]).encode(), "image/svg+xml", said)
    for mime in ("image/png", "image/jpeg"):
        if mime in data:
            return Image(base64.b64decode(_joined(data[mime])), mime, said)
    if (table := table_of_html(page)) is not None:
        return table
    if "text/markdown" in data:
        return Quote(tuple(markdown_blocks(_joined(data["text/markdown"]), {})))
    return _plain(said)


def _plain(text: str) -> Plain | None:
    """Printed text without colours of a terminal."""
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text).strip("\n")
    text = re.sub(r"[^\n\t\x20-\U0010ffff]", "", text)
    return Plain(text.expandtabs(8)) if text.strip() and text.strip() != "None" else None


def _joined(text: str | Sequence[str]) -> str:
    """Text of a notebook, which may be kept line by line."""
    return text if isinstance(text, str) else "".join(text)


def markdown_blocks(source: str, attachments: Mapping[str, Mapping[str, str]]) -> list[Block]:
    """
    Blocks of a text in Markdown. HTML within it counts as words: its tags are left out.

    >>> markdown_blocks("Paid *if* earned.", {})
    [Paragraph(spans=(Span(text='Paid ', strong=False, emphasis=False, code=False, link=''), \
Span(text='if', strong=False, emphasis=True, code=False, link=''), \
Span(text=' earned.', strong=False, emphasis=False, code=False, link='')))]
    """
    import mistune

    parse = mistune.create_markdown(renderer=None, plugins=["table"])
    return _blocks(parse(source), attachments)


def _blocks(tokens: Iterable[Mapping[str, Any]], attachments: Mapping[str, Mapping[str, str]]) -> list[Block]:
    """Blocks of parsed Markdown."""
    blocks: list[Block] = []
    for token in tokens:
        kind, inside = token["type"], token.get("children", [])
        if kind == "heading":
            blocks.append(Heading(token["attrs"]["level"], _words(_spans(inside)), ""))
        elif kind in ("paragraph", "block_text"):
            blocks += _attached(inside, attachments)
            spans = _spans(inside)
            if _words(spans).strip():
                blocks.append(Paragraph(spans))
        elif kind == "list":
            items = tuple(tuple(_blocks(item["children"], attachments)) for item in inside)
            blocks.append(Listing(token["attrs"]["ordered"], items))
        elif kind == "block_quote":
            blocks.append(Quote(tuple(_blocks(inside, attachments))))
        elif kind == "block_code":
            blocks.append(Plain(token["raw"].rstrip("\n").expandtabs(8)))
        elif kind == "table":
            blocks.append(_markdown_table(inside))
        elif kind == "block_html" and (text := _untagged(token["raw"]).strip()):
            blocks.append(Paragraph((Span(text),)))
    return blocks


def _markdown_table(parts: Sequence[Mapping[str, Any]]) -> Table:
    """Table of parsed Markdown."""
    head = parts[0]["children"]
    body = parts[1]["children"] if len(parts) > 1 else []
    return Table(
        title="",
        corner=None,
        columns=tuple(_words(_spans(cell["children"])) for cell in head),
        text=tuple(cell["attrs"]["align"] != "right" for cell in head),
        labels=(),
        rows=tuple(tuple(_words(_spans(cell["children"])) for cell in row["children"]) for row in body),
        totals=(),
        note="",
    )


def _attached(tokens: Iterable[Mapping[str, Any]], attachments: Mapping[str, Mapping[str, str]]) -> list[Block]:
    """Pictures attached to the cell; any other is named by its words."""
    images: list[Block] = []
    for token in tokens:
        if token["type"] == "image" and (held := attachments.get(token["attrs"]["url"].removeprefix("attachment:"))):
            mime = next((mime for mime in ("image/png", "image/jpeg") if mime in held), None)
            if mime is not None:
                images.append(Image(base64.b64decode(held[mime]), mime, _words(_spans(token["children"]))))
    return images


def _spans(tokens: Iterable[Mapping[str, Any]], style: Span | None = None) -> tuple[Span, ...]:
    """Runs of text of parsed Markdown."""
    style = style or Span("")
    spans: list[Span] = []
    for token in tokens:
        kind = token["type"]
        if kind == "text":
            spans.append(replace(style, text=html.unescape(token["raw"])))
        elif kind == "strong":
            spans += _spans(token["children"], replace(style, strong=True))
        elif kind == "emphasis":
            spans += _spans(token["children"], replace(style, emphasis=True))
        elif kind == "codespan":
            spans.append(replace(style, text=html.unescape(token["raw"]), code=True))
        elif kind == "link":
            url = token["attrs"]["url"]
            known = url if re.match(r"(https?://|mailto:)", url) else ""
            spans += _spans(token["children"], replace(style, link=known))
        elif kind == "image" and not token["attrs"]["url"].startswith("attachment:"):
            spans += _spans(token["children"], style)
        elif kind == "softbreak":
            spans.append(replace(style, text=" "))
        elif kind == "linebreak" or (kind == "inline_html" and re.match(r"<br\b", token["raw"])):
            spans.append(replace(style, text="\n"))
    return tuple(spans)


def _words(spans: Iterable[Span]) -> str:
    """Text alone."""
    return "".join(span.text for span in spans)


def _untagged(text: str) -> str:
    """Text of a piece of HTML."""
    return html.unescape(re.sub(r"<!--.*?-->|<(script|style)\b.*?</\1>|<[^>]*>", "", text, flags=re.S | re.I))
