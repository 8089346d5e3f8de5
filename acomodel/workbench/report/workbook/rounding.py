"""Rounding by formula as the benchmark rounds: exact halves go the way of the binary number behind them."""

from __future__ import annotations

GRID = 4096
"""A number less the second point of this grid below it is short enough for what follows to be exact."""


def beyond_half(cell: str, places: int) -> str:
    """
    How far a number lies beyond a half of its last place, in halves; exact where it is near one.

    A spreadsheet's ROUND takes 2.675 for a half and goes up; the number behind it lies just below, and Python goes
    down. What decides is the number less a multiple of 1/4096, which leaves digits enough to multiply without error.

    Parameters
    ----------
    cell : str
        Reference of the number, from 0 to some ten thousands.
    places : int
        Decimals that are kept.
    """
    scale, below = 2 * 10**places, f"(INT({cell}*{GRID})-1)"
    return f"{scale}*({cell}-{below}/{GRID})-(ROUND({scale}*{cell},0)-{scale / GRID!r}*{below})"


def rounded_by(cell: str, beyond: str, places: int) -> str:
    """
    A number rounded as Python rounds it.

    Parameters
    ----------
    cell : str
        Reference of the number.
    beyond : str
        Reference of the cell that holds `beyond_half` of it.
    places : int
        Decimals that are kept.
    """
    scale = 2 * 10**places
    halves = f"ROUND({scale}*{cell},0)"
    even = f"IF(MOD({halves},4)=1,-1,1)"
    toward = f"IF({beyond}>0,1,IF({beyond}<0,-1,{even}))"
    half = f"AND(ABS({beyond})<0.0000001,MOD({halves},2)=1)"
    return f"IF({half},ROUND(({halves}+{toward})/{scale},{places}),ROUND({cell},{places}))"
