"""Formulas as MathML, made while the site is built, so that a page needs neither script nor connection to show them."""

from __future__ import annotations

import re
from html import escape
from typing import Any
from xml.etree import ElementTree

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

MATHML = "{http://www.w3.org/1998/Math/MathML}"
BAR = "\u02c9"
ACCENTS = (BAR, "\u02c6", "\u02dc")
ElementTree.register_namespace("", MATHML.strip("{}"))

_UPRIGHT = re.compile(r"(\\(?:text|mathrm|begin|end)\s*\{[^}]*\})")
_WORD = re.compile(r"(?<![\\A-Za-z])(?:[A-Z]{2,}|(?!iyt)[A-Za-z]{3,})(?![A-Za-z])")
"""Names of several letters, which stand upright; iyt are three indices."""
_NO_MATHML = re.compile(r"\\(?:big|Big|bigl|bigr|Bigl|Bigr|textstyle)(?![A-Za-z])\s*")
"""Sizes, which a browser chooses by itself."""


def mathml(text: str, *, block: bool) -> str:
    """A formula in LaTeX as one MathML element."""
    pieces = _UPRIGHT.split(text)
    text = "".join(
        piece if position % 2 else _WORD.sub(r"\\mathrm{\g<0>}", piece) for position, piece in enumerate(pieces)
    )
    text = re.sub(r"\\[td]?frac\s*(\d)\s*(\w)", r"\\frac{\1}{\2}", text)
    bare = _NO_MATHML.sub("", text.strip()).replace(r"\dots", r"\ldots")
    made = latex2mathml.tex2mathml(bare, as_block=block).replace("&ApplyFunction;", "\u2061")
    tree = ElementTree.fromstring(made)
    for node in list(tree.iter()):
        _accented(node)
    return ElementTree.tostring(tree, encoding="unicode")


def _accented(node: ElementTree.Element) -> None:
    """Set accents on their letter, with an index beside both, and bars as wide as what lies under them."""
    if node.tag == f"{MATHML}munderover" and len(node) == 3 and (node[2].text or "") in ACCENTS:
        letter, index, accent = node
        node.tag = f"{MATHML}msub"
        node[:] = [ElementTree.Element(f"{MATHML}mover", {"accent": "true"}), index]
        node[0].extend([letter, accent])
    elif node.tag == f"{MATHML}mover" and len(node) == 2 and (node[1].text or "") in (BAR, "_"):
        node.set("accent", "true")
        node[1].text, node[1].attrib = "\u00af", {"stretchy": "true"}


def _made(node: nodes.Node, *, block: bool) -> str:
    try:
        return mathml(node.astext(), block=block)
    except MathError as error:
        logger.warning("%s in the formula %r", error, node.astext(), location=node)
        return f"<code>{escape(node.astext())}</code>"


def _inline(self: Any, node: nodes.math) -> None:
    self.body.append(_made(node, block=False))
    raise nodes.SkipNode


def _block(self: Any, node: nodes.math_block) -> None:
    self.body.append(f'<div class="formula" tabindex="0">{_made(node, block=True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
