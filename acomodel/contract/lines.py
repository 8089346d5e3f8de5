"""Every line of a settlement: its words, and the result that holds them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from acomodel.exhibit import Exhibit, Shown
from acomodel.rates import Numeric

LINES: dict[str, tuple[str, str, str]] = {
    "benchmark": ("Benchmark", "$.", "agreed spending for the period"),
    "actual": ("Actual spending", "$.", "incurred and allowed under the contract"),
    "discount": ("Discount", "$.", "benchmark × discount"),
    "benchmark_unearned": (
        "Held back and not earned by quality",
        "$.",
        "(benchmark − discount) × part at risk × (1 − quality score)",
    ),
    "benchmark_addition": ("Added to the benchmark", "$.", "as given; negative where it is taken off"),
    "final_benchmark": ("Final benchmark", "$.", "benchmark − discount − held back + added; what follows is of it"),
    "capitation": ("Capitation", "$.", "part of the benchmark paid in advance; what follows is of the rest"),
    "capitated_actual": ("Cost of capitated services", "$.", "as given, or in proportion"),
    "savings": ("Savings (losses)", "$.", "benchmark − actual"),
    "savings_rate": ("Savings rate", "%..", "savings ÷ benchmark, unrounded"),
    "msr": ("Minimum savings rate", "%..", "from the terms, unrounded"),
    "mlr": ("Minimum loss rate", "%..", "from the terms, unrounded; none in a one-sided contract"),
    "target": ("Target", "$.", "benchmark × (1 − minimum savings rate)"),
    "earns": ("Savings are shared", "", "savings rate at least the minimum, and sharing allowed"),
    "owes": ("Losses are shared", "", "loss rate at least the minimum; never in a one-sided contract"),
    "quality_score": ("Quality score", "%..", "as measured"),
    "quality_factor": ("Quality factor", "%..", "what the score does to the sharing rate"),
    "final_sharing_rate": ("Final sharing rate", "%..", "sharing rate × quality factor (× reduced rate)"),
    "shared_savings": ("Savings to be shared", "$.", "from the first dollar, or beyond the threshold"),
    "carried_in": ("Losses brought forward", "$.", "of earlier years, not yet set off"),
    "carried_used": (
        "Losses of earlier years set off",
        "$.",
        "at most the savings to be shared, if they are paid for",
    ),
    "carried_on": ("Losses carried on", "$.", "losses brought forward − set off + those of the period"),
    "gross_savings": ("ACO's share of savings", "$.", "final sharing rate × (savings to be shared − losses set off)"),
    "sequestration": ("Sequestration", "$.", "share of savings × sequestration rate"),
    "savings_cap": ("Cap on savings", "$.", "least of the caps, after sequestration"),
    "cut_by_cap": ("Cut by the cap", "$.", "what the cap takes"),
    "earned_savings": ("Earned savings", "$.", "share − sequestration, at most the cap"),
    "shared_losses": ("Losses to be shared", "$.", "from the first dollar, or beyond the threshold"),
    "loss_rate": ("Final loss rate", "%..", "by the contract's method"),
    "gross_losses": ("ACO's share of losses", "$.", "loss rate × losses to be shared"),
    "loss_relief": ("Relief from losses", "$.", "disaster adjustment and losses forgiven"),
    "loss_limit": ("Limit on losses", "$.", "lesser of the limits"),
    "cut_by_limit": ("Cut by the limit", "$.", "what the limit takes"),
    "owed_losses": ("Losses owed", "$.", "share − relief, at most the limit"),
    "earned": ("Earned (owed)", "$.", "earned savings − losses owed"),
    "recouped": ("Advance recouped", "$.", "from savings only, at most the balance"),
    "withheld": ("Withheld until later", "$.", "part of earned savings less advance recouped"),
    "withheld_released": ("Withheld before and paid now", "$.", "as given"),
    "capitation_result": ("Capitation less cost", "$.", "kept or borne by the ACO in full"),
    "payment": (
        "Payment to (from) the ACO",
        "$.",
        "earned (owed) − recouped − withheld + paid of earlier years + capitation less cost",
    ),
}
"""Label, display format and plain-words formula of every line, in the order they are worked out."""


_OF_A_CLAUSE = (
    *("discount", "benchmark_unearned", "benchmark_addition"),
    *("capitation", "capitated_actual", "capitation_result"),
    *("carried_in", "carried_used", "carried_on", "withheld", "withheld_released"),
)
"""Lines that an exhibit leaves out where they are zero: few contracts have their clause."""


@dataclass(frozen=True, repr=False, eq=False)
class Settlement(Shown):
    """
    Every line of a settlement, each a number, an array or a Series as the inputs were.

    All amounts are dollars and rates are shares; `LINES` gives each line's label and formula. Lines of
    the side that does not apply are zero, but for the rates, which are those that would apply; a cap, limit or
    loss threshold that the contract lacks is infinite.
    """

    benchmark: Numeric
    actual: Numeric
    discount: Numeric
    benchmark_unearned: Numeric
    benchmark_addition: Numeric
    final_benchmark: Numeric
    capitation: Numeric
    capitated_actual: Numeric
    savings: Numeric
    savings_rate: Numeric
    msr: Numeric
    mlr: Numeric
    target: Numeric
    earns: Numeric
    owes: Numeric
    quality_score: Numeric
    quality_factor: Numeric
    final_sharing_rate: Numeric
    shared_savings: Numeric
    carried_in: Numeric
    carried_used: Numeric
    carried_on: Numeric
    gross_savings: Numeric
    sequestration: Numeric
    savings_cap: Numeric
    cut_by_cap: Numeric
    earned_savings: Numeric
    shared_losses: Numeric
    loss_rate: Numeric
    gross_losses: Numeric
    loss_relief: Numeric
    loss_limit: Numeric
    cut_by_limit: Numeric
    owed_losses: Numeric
    earned: Numeric
    recouped: Numeric
    withheld: Numeric
    withheld_released: Numeric
    capitation_result: Numeric
    payment: Numeric

    def to_frame(self) -> pd.DataFrame:
        """One row per settlement, one column per line, unrounded."""
        lines = {f.name: getattr(self, f.name) for f in fields(self)}
        if any(isinstance(v, pd.Series) for v in lines.values()):
            return pd.DataFrame(lines)
        return pd.DataFrame({name: np.atleast_1d(np.asarray(v)) for name, v in lines.items()})

    def exhibit(
        self, title: str = "Settlement", labels: Sequence[str] | None = None, *, brief: bool = False
    ) -> Exhibit:
        """Lines down, settlements across, in the order they are worked out; brief leaves out what does not apply."""
        frame = self.to_frame()
        unused = [name for name in _OF_A_CLAUSE if not frame[name].any()]
        unused += ["final_benchmark"] if (frame["final_benchmark"] == frame["benchmark"]).all() else []
        frame = frame.drop(columns=unused)
        if brief:
            idle = [
                name for name in frame if (frame[name].isin([0, np.inf])).all() and name not in ("savings", "payment")
            ]
            idle += ["quality_factor"] if (frame["quality_factor"] == frame["quality_score"]).all() else []
            frame = frame.drop(columns=idle)
        columns = [str(x) for x in (labels if labels is not None else frame.index)]
        if len(columns) == 1 and labels is None:
            columns = ["amount"]
        table = frame.astype(object).T.set_axis(columns, axis=1)
        table = table.map(lambda v: "none" if isinstance(v, float) and np.isinf(v) else v)
        table.insert(len(columns), "How", [LINES[name][2] for name in frame.columns])
        table.index = pd.Index([LINES[name][0] for name in frame.columns], name="Line")
        formats = {label: style for label, style, _ in LINES.values() if style}
        return Exhibit(title, table, formats)

    def walk(self, position: int = 0) -> pd.Series:
        """
        From savings (or losses) against the agreed benchmark to the payment of one settlement, as amounts that add up.

        Parameters
        ----------
        position : int
            Which settlement.

        Returns
        -------
        pandas.Series
            Step to amount, first the savings, last the payment; the steps between are what each clause
            takes or gives back, and zero steps are left out. [$]

        Examples
        --------
        >>> from acomodel import Terms, settle
        >>> contract = Terms(sharing_rate=0.5, msr=0.02, share_from="threshold")
        >>> settle(434.0, 421.0, contract).walk().round(2).to_dict()
        {'Savings': 13.0, 'Within the threshold': -8.68, "Payer's share": -2.16, 'Payment': 2.16}
        """
        at = self.to_frame().iloc[position]
        gain = at["savings"] > 0
        shared, within = (at["earns"], "shared_savings") if gain else (at["owes"], "shared_losses")
        sign = 1 if gain else -1
        kept = at["savings"] - sign * at[within]
        threshold = at["msr"] if gain else at["mlr"]
        taken = at["discount"] + at["benchmark_unearned"] - at["benchmark_addition"]
        first = at["savings"] + taken
        steps = {
            "Savings" if first > 0 else "Losses": first,
            "Discount": -at["discount"],
            "Not earned by quality": -at["benchmark_unearned"],
            "Added to the benchmark": at["benchmark_addition"],
            "Within the threshold" if shared and threshold > 0 else "Not shared": -kept,
            "Losses of earlier years": -at["carried_used"],
            "Payer's share": -sign
            * (at[within] - at["carried_used"] - at["gross_savings" if gain else "gross_losses"]),
            "Sequestration": -at["sequestration"],
            "Cap": -at["cut_by_cap"],
            "Relief": at["loss_relief"],
            "Limit on losses": at["cut_by_limit"],
            "Advance recouped": -at["recouped"],
            "Withheld until later": -at["withheld"],
            "Withheld before": at["withheld_released"],
            "Capitation": at["capitation_result"],
        }
        start = next(iter(steps))
        walk = {name: float(v) for name, v in steps.items() if name == start or abs(v) > 1e-9}
        return pd.Series({**walk, "Payment": float(at["payment"])}, name="amount")

    def __repr__(self) -> str:
        """The settlement as a table of lines; a summary where there are many."""
        frame = self.to_frame()
        if len(frame) <= 4:
            return repr(self.exhibit())
        return (
            f"{len(frame):,} settlements: {int((frame['payment'] > 0).sum()):,} paid "
            f"${frame['payment'].clip(lower=0).sum():,.0f}, {int((frame['payment'] < 0).sum()):,} owe "
            f"${-frame['payment'].clip(upper=0).sum():,.0f}"
        )

    def _repr_html_(self) -> str:
        """The settlement as an HTML table of lines."""
        return self.exhibit()._repr_html_() if len(self.to_frame()) <= 4 else f"<p>{self!r}</p>"
