"""The proposal as PDF, set by typst: text goes in as values, never as markup; same input, same bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from acomodel import __version__
from acomodel.inputs import InputError
from acomodel.workbench.model import Run
from acomodel.workbench.report.cover import Cover, cover_of
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
    Table,
    Words,
    read_document,
)
from acomodel.workbench.report.layout import MARGIN, PAGE, breakable, broken, fit, font_folder, panels, width_of

ACCESSIBLE: Final = "ua-1"
ARCHIVABLE: Final = "a-2a"
"""What the PDF keeps to: PDF/UA-1 always; PDF/A-2a, which asks for a date, where the report states its own."""


DRAWN = 0.8
"""Scale of the workbench's charts on the page: their type of 9.5 points comes out as that of the tables."""


def write_pdf(notebook: Path, run: Run, out: Path) -> None:
    """
    Write the PDF of an executed notebook.

    Parameters
    ----------
    notebook : Path
        Executed notebook, such as the proposal of a report folder.
    run : Run
        The run it shows, for the cover.
    out : Path
        PDF to write.

    Raises
    ------
    InputError
        The notebook cannot be read, or a picture in it cannot be set.
    """
    document = read_document(notebook)
    out.write_bytes(pdf_of(document, cover_of(run, document.title or "Report")))


def pdf_of(document: Document, cover: Cover) -> bytes:
    """
    Set a document as PDF.

    Parameters
    ----------
    document : Document
        What it says.
    cover : Cover
        Its first page.

    Returns
    -------
    bytes
        PDF/UA-1, and PDF/A-2a where the cover has a date; US Letter; the same input gives the same bytes.

    Raises
    ------
    InputError
        A picture cannot be set.
    """
    import typst

    begins = next((at for at, block in enumerate(document.blocks) if isinstance(block, Heading)), 0)
    given: dict[str, Any] = {
        "cover": _cover_values(cover),
        "margin": MARGIN,
        "tables": sum(bool(table.title) for table in document.tables()),
        "opening": _values(document.blocks[:begins]),
        "blocks": _values(document.blocks[begins:]),
    }
    template = files("acomodel").joinpath("data/report/proposal.typ").read_bytes()
    try:
        return typst.compile(
            template,
            font_paths=_fonts(),
            sys_inputs={"data": json.dumps(_clean(given))},
            pdf_standards=[ACCESSIBLE] if given["cover"]["day"] is None else [ACCESSIBLE, ARCHIVABLE],
        )
    except typst.TypstError as error:
        raise InputError(f"the PDF cannot be set: {error.message}") from None


@cache
def _fonts() -> Any:
    """Fonts within typst and those that come with matplotlib; none of the machine's."""
    import typst

    return typst.Fonts(include_system_fonts=False, font_paths=[font_folder()])


def _cover_values(cover: Cover) -> dict[str, Any]:
    """What the cover says, as the template wants it."""
    widest = max((width_of(value, bold=True) for _, value, _ in cover.figures), default=1.0)
    room = (PAGE - 2 * MARGIN - 36) / max(1, len(cover.figures)) - 16
    size = min(15.0, room / widest)
    foot = " · ".join(part for part in (cover.client, f"Scenario {cover.scenario}" * bool(cover.scenario)) if part)
    return {
        "kind": cover.kind,
        "name": cover.title or cover.kind,
        "title": breakable(cover.title or cover.kind),
        "short": _shortened(cover.title or cover.kind, 84),
        "client": breakable(cover.client),
        "actuary": cover.actuary,
        "purpose": cover.purpose,
        "day": _day(cover.date),
        "headline": cover.headline,
        "figures": [
            {"name": name, "value": value, "beside": beside, "size": round(size, 1)}
            for name, value, beside in cover.figures
        ],
        "facts": [[name, breakable(words)] for name, words in cover.facts if words],
        "made": " · ".join([f"Scenario {cover.scenario}"] * bool(cover.scenario) + [f"acomodel {__version__}"]),
        "foot": _shortened(foot, 96),
    }


def _shortened(text: str, letters: int) -> str:
    """
    Text on one line, with an ellipsis where it is cut.

    >>> _shortened("a long name", 7)
    'a long…'
    """
    text = " ".join(text.split())
    return breakable(text if len(text) <= letters else text[: letters - 1].rstrip() + "…")


def _day(text: str) -> list[int] | None:
    """
    Year, month and day of a date, where it is one.

    >>> _day("2025-03-14"), _day("March 14, 2025"), _day("soon")
    ([2025, 3, 14], [2025, 3, 14], None)
    """
    for form in ("%Y-%m-%d", "%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%m/%d/%Y"):
        try:
            day = datetime.strptime(text.strip(), form)
        except ValueError:
            continue
        return [day.year, day.month, day.day]
    return None


def _values(blocks: Iterable[Block]) -> list[dict[str, Any]]:
    """Blocks as plain values for the template."""
    blocks = [part for block in blocks for part in (panels(block) if isinstance(block, Table) else [block])]
    made = []
    for at, block in enumerate(blocks):
        value = _value(block)
        after = blocks[at + 1] if at + 1 < len(blocks) else None
        if isinstance(block, Paragraph):
            value["sticky"] = at > 0 and isinstance(blocks[at - 1], Heading) and not isinstance(after, Heading | None)
        made.append(value)
    return made


def _value(block: Block) -> dict[str, Any]:
    """One block as plain values."""
    if isinstance(block, Heading):
        return {"kind": "heading", "level": block.level, "text": block.text}
    if isinstance(block, Paragraph):
        return {"kind": "paragraph", "spans": [asdict(span) | {"text": breakable(span.text)} for span in block.spans]}
    if isinstance(block, Words):
        return {"kind": "words", "text": breakable(block.text), "points": [breakable(point) for point in block.points]}
    if isinstance(block, Table):
        return {"kind": "table"} | asdict(broken(block)) | asdict(fit(block))
    if isinstance(block, Listing):
        return {"kind": "listing", "ordered": block.ordered, "items": [_values(item) for item in block.items]}
    if isinstance(block, Quote):
        return {"kind": "quote", "blocks": _values(block.blocks)}
    if isinstance(block, Plain):
        return {"kind": "plain", "text": block.text}
    return _picture(block)


def _picture(block: Drawing | Image) -> dict[str, Any]:
    """A picture as plain values: drawn so that its type is that of the tables, no wider than the page."""
    room = PAGE - 2 * MARGIN
    if isinstance(block, Drawing):
        found = re.match(r"<svg[^>]*? width=\"([\d.]+)pt\"", block.svg)
        width = min(room, DRAWN * float(found[1])) if found else room
        return {"kind": "picture", "data": block.svg, "format": "svg", "words": block.words, "caption": True} | {
            "width": width
        }
    form = {"image/png": "png", "image/jpeg": "jpg", "image/svg+xml": "svg"}[block.mime]
    wide = int.from_bytes(block.data[16:20], "big") * 0.72 if form == "png" else room
    words = block.words if block.words and not block.words.startswith("<") else "Picture"
    data: Any = block.data.decode() if form == "svg" else list(block.data)
    return {"kind": "picture", "data": data, "format": form, "words": words, "caption": False} | {
        "width": min(room, wide)
    }


def _clean(value: Any) -> Any:
    """Values whose texts hold nothing that cannot be printed: no control characters, no halves of letters."""
    if isinstance(value, str):
        return re.sub(r"[^\n\t\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", value)
    if isinstance(value, dict):
        return {key: _clean(inside) for key, inside in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(inside) for inside in value]
    return value
