"""What is wrong with the data: named checks with the rows, members and dollars at stake."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from acomodel.exhibit import Exhibit, show
from acomodel.privacy import printed, suppressed


@dataclass(frozen=True)
class Finding:
    """
    One thing that was found in the data.

    Parameters
    ----------
    check : str
        Name of the check, such as ``repeated-claim-total``.
    table : str
        Table it was found in.
    what : str
        What was found, and what was done about it.
    rows, members : int
        Rows and members concerned.
    dollars : float
        Dollars at stake: how far the total would be off, or the amount on the rows. [$]
    fatal : bool
        Whether the data cannot be used as they are.
    """

    check: str
    table: str
    what: str
    rows: int = 0
    members: int = 0
    dollars: float = 0.0
    fatal: bool = False

    def __str__(self) -> str:
        """One line."""
        size = (
            f"{self.rows:,} rows, {self.members:,} members, {show(self.dollars, '$.')}" if self.rows else "whole table"
        )
        return f"{'FATAL ' if self.fatal else ''}{self.check} ({self.table}): {self.what} [{size}]"


def findings_frame(findings: Iterable[Finding]) -> pd.DataFrame:
    """Findings as a table, fatal ones first, then by dollars."""
    columns = list(Finding.__dataclass_fields__)
    frame = pd.DataFrame([asdict(f) for f in findings], columns=columns)
    order = frame.assign(size=frame["dollars"].abs()).sort_values(["fatal", "size"], ascending=False, kind="stable")
    return order.drop(columns="size").reset_index(drop=True)


def findings_exhibit(findings: Sequence[Finding] | pd.DataFrame) -> Exhibit:
    """Findings as an exhibit; counts of 1 to 10 members are not printed, nor are as few rows, that bound them."""
    frame = findings if isinstance(findings, pd.DataFrame) else findings_frame(findings)
    few = suppressed(frame["members"])
    rows = printed(frame["rows"], few & suppressed(frame["rows"])) if few.any() else frame["rows"]
    table = pd.DataFrame(
        {
            "Table": frame["table"],
            "Finding": frame["what"],
            "Rows": rows,
            "Members": printed(frame["members"], few),
            "Dollars at stake": frame["dollars"],
            "Fatal": frame["fatal"].astype(bool).map({True: "yes", False: "no"}),
        }
    ).set_axis(pd.Index(frame["check"], name="Check"))
    return Exhibit("What was found in the data", table, {"Rows": "#", "Dollars at stake": "$"})
