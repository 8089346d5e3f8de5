"""Docstrings as pages: numbered references as lists, names in single quotes as links where there is one."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from settings_words import kind_of
from sphinx.application import Sphinx

QUIET = {"obj", "class", "attr"}
"""Kinds of reference that words of a type or a parameter make too, and that lead nowhere without a fault."""


def _numbered(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:  # noqa: ARG001
    """Footnotes of numpydoc as a numbered list: two docstrings of one page would share their numbers."""
    if what == "class" and hasattr(obj, "__pydantic_fields__") and not {"Parameters", "Attributes"} & set(lines):
        _fields(obj, lines)
    for position, line in enumerate(lines):
        line = re.sub(r"^\.\. \[(\d+)\] ", r"\1. ", line)
        lines[position] = re.sub(r"\[(\d+)\]_", r"[\1]", line)


def _fields(kind: Any, lines: list[str]) -> None:
    """Lay the descriptions of a settings class into its docstring, as its parameters."""
    head = next((i for i, line in enumerate(lines) if i and set(line) == {"-"}), len(lines) + 1) - 1
    said = ["Parameters", "----------"]
    for name, field in kind.__pydantic_fields__.items():
        if field.description:
            said += [f"{name} : {kind_of(field)}", f"    {field.description.replace('`', '``')}"]
    lines[head:head] = [*([""] if head and lines[head - 1 : head] != [""] else []), *said, ""]


def _quiet(app: Sphinx, env: Any, node: Any, contnode: nodes.Element) -> nodes.Element | None:  # noqa: ARG001
    known = node.get("refdomain") == "py" and node.get("reftype") in QUIET
    return contnode if known and not node.get("refexplicit") else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Register both."""
    app.connect("autodoc-process-docstring", _numbered, priority=100)
    app.connect("missing-reference", _quiet)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
