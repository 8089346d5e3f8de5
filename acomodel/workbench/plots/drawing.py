"""What all charts share: the house style, the picture a page shows, a waterfall."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from acomodel.exhibit import PLAIN, STRUCTURE, show
from acomodel.workbench.model import Run

BLUE, ORANGE, GREEN, RED, GREY = "#1f5a94", "#c46a16", "#3b7d4f", "#a83232", "#6b7280"


STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "figure.dpi": 100,
    "svg.hashsalt": "acomodel",
    "svg.fonttype": "path",
    "text.parse_math": False,
}


@dataclass(frozen=True)
class Picture:
    """A finished chart as SVG, with the words that stand for it."""

    svg: str
    words: str

    def __repr__(self) -> str:
        """The words."""
        return f"[chart] {self.words}"

    def _repr_html_(self) -> str:
        """The chart with its caption, in a region that scrolls."""
        return picture_html(self.svg, self.words)

    def structure(self) -> dict[str, str]:
        """The words as plain values; the drawing itself stands in the HTML, and is not kept twice."""
        return {"kind": "picture", "words": self.words}

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        """Text, HTML, and the structure that reports are made from."""
        return {"text/plain": repr(self), "text/html": self._repr_html_(), STRUCTURE: self.structure()}


def picture_html(svg: str, words: str) -> str:
    """HTML of a drawing and the words that stand for it."""
    said = escape(words, quote=True)
    return (
        f"<figure class='picture {PLAIN}'><div class='scroll' tabindex='0' role='group' aria-label='Chart'>"
        f"<div aria-label='{said}' role='img'>{svg}</div></div>"
        f"<figcaption aria-hidden='true'>{said}</figcaption></figure>"
    )


def picture(
    draw: Callable[..., Axes], run: Run, words: str, *, size: tuple[float, float] = (7.6, 3.7)
) -> Picture | None:
    """
    Draw a chart of a run and finish it as a picture.

    Parameters
    ----------
    draw : callable
        A chart: a function of a run and an axis.
    run : Run
        What it shows.
    words : str
        Caption, which also stands for the chart where it cannot be seen.
    size : tuple of float
        Width and height. [inches]

    Returns
    -------
    Picture or None
        None for a chart of a budget where the benchmark is stated, of claims where none are read, or of a part that
        the scenario does not have.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        drawn = draw(run, ax=figure.add_subplot())
        if not drawn.axison and (run.tables.claims is None or drawn.get_gid() == LEFT_OUT):
            return None
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return Picture(_lean(buffer.getvalue()), words)


def _lean(svg: str) -> str:
    """
    Drawing without what no reader sees: prologue, metadata, comments, names that nothing refers to, blank space.

    >>> _lean("<?xml ?>\\n<svg>\\n <!-- a -->\\n <g id='x_1'>\\n </g></svg>".replace("'", '"'))
    '<svg><g></g></svg>'
    """
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg[svg.index("<svg") :], flags=re.S)
    svg = re.sub(
        r'<svg(.*?)<defs>\s*<style type="text/css">\*\{([^}<]*)\}</style>\s*</defs>',
        r'<svg style="\2"\1',
        svg,
        flags=re.S,
    )
    named = set(re.findall(r"#([\w.-]+)", svg))
    svg = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in named else "", svg)
    return re.sub(r"\s+", " ", re.sub(r">\s+<", "><", svg)).strip()


def axes_of(ax: Axes | None) -> Axes:
    """The axes given, or new ones in the house style."""
    if ax is not None:
        return ax
    with matplotlib.rc_context(STYLE):
        return Figure(figsize=(7.6, 3.7), layout="constrained").add_subplot()


def scale_of(largest: float) -> tuple[float, str]:
    """Divisor and unit that keep axis labels short."""
    if largest >= 2e6:
        return 1e6, "$ million"
    return (1e3, "$ thousand") if largest >= 2e4 else (1.0, "$")


def dollars(amount: float) -> str:
    """Amount in short, in millions or thousands where it is large."""
    scale, unit = scale_of(abs(amount))
    if scale == 1:
        return show(amount, "$")
    return f"{'−' if amount < 0 else ''}${abs(amount) / scale:,.{2 if scale == 1e6 else 0}f} {unit[2:]}"


def waterfall(
    ax: Axes, steps: pd.Series, *, scale: float, style: str, totals: tuple[str, ...], costs: bool = False
) -> Axes:
    """Bars from running level to running level; the named steps stand on zero; of costs, what rises is not green."""
    level = 0.0
    rising, falling = (ORANGE, GREEN) if costs else (GREEN, ORANGE)
    positions = np.arange(len(steps))
    amounts = steps.to_numpy(dtype=float) / scale
    tops = []
    for position, (name, amount) in enumerate(zip(steps.index, amounts, strict=True)):
        whole = name in totals
        start = 0.0 if whole else level
        color = BLUE if whole else rising if amount >= 0 else falling
        ax.bar(position, amount, bottom=start, color=color, width=0.62)
        level = amount if whole else level + amount
        if position + 1 < len(steps):
            ax.plot([position + 0.31, position + 0.69], [level, level], color=GREY, lw=0.8)
        tops.append((position, max(start, start + amount), amount))
    low, high = ax.get_ylim()
    for position, top, amount in tops:
        text = show(float(amount) * scale, style)
        ax.annotate(text, (position, top), (0, 2), textcoords="offset points", ha="center", va="bottom", fontsize=8.5)
    ax.set_ylim(low, high + 0.08 * (high - low))
    ax.axhline(0, color=GREY, lw=0.8)
    width, size = min(14, 90 // len(steps)), 8.5 if len(steps) < 9 else 7.8
    ax.set_xticks(positions, [_wrapped(str(name), width) for name in steps.index], fontsize=size)
    return ax


def _wrapped(text: str, width: int) -> str:
    """Label broken into short lines at spaces."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


LEFT_OUT = "left out"
"""Mark of a chart of a part that the scenario does not have, which no page shows."""


def nothing(ax: Axes, words: str, *, left_out: bool = False) -> Axes:
    """Words where there is nothing to draw; a page leaves the chart out where it runs into `left_out`."""
    ax.set_axis_off()
    ax.set_gid(LEFT_OUT if left_out else None)
    ax.text(0.5, 0.5, words, ha="center", va="center", color=GREY, transform=ax.transAxes)
    return ax
