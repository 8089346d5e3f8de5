"""Every line of a settlement as a spreadsheet formula: the same clauses in the same order as `settle`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from acomodel.contract.clauses import SCORE_TIE
from acomodel.contract.settlement import TIE
from acomodel.contract.terms import Terms
from acomodel.programs import minimum_savings_rate

FORMULAS: dict[str, str] = {
    "benchmark": "IF(ISNUMBER({input_benchmark}),{input_benchmark},{input_benchmark_pmpm}*{input_member_months})"
    "*(1+{input_benchmark_adjustment})",
    "actual": "(IF(ISNUMBER({input_actual}),{input_actual},{input_actual_pmpm}*{input_member_months})"
    "-{input_large_claims})*(1+{input_actual_adjustment})",
    "discount": "{terms_benchmark_discount}*{benchmark}",
    "benchmark_unearned": '{terms_benchmark_at_risk}*IF({input_quality_standard}="failed",1,1-{quality_score})'
    "*({benchmark}-{discount})",
    "benchmark_addition": "{input_benchmark_addition}",
    "final_benchmark": "{benchmark}-{discount}-{benchmark_unearned}+{benchmark_addition}",
    "capitation": "{terms_capitated}*{final_benchmark}",
    "capitated_actual": "IF(ISNUMBER({input_capitated_actual}),{input_capitated_actual},{terms_capitated}*{actual})",
    "savings": "{shared_benchmark}-{shared_actual}",
    "savings_rate": "IF({terms_capitated}<1,{savings}/{shared_benchmark},0)",
    "msr": 'IF({terms_msr}="size",{size_threshold}*1,{terms_msr})',
    "mlr": 'IF({terms_loss_method}="none","none",IF({terms_mlr}="msr",{msr},'
    'IF({terms_mlr}="size",{size_threshold}*1,{terms_mlr})))',
    "target": "{shared_benchmark}*(1-{msr})",
    "earns": f"IF(AND({{savings}}>0,OR({{savings_rate}}>={{msr}}-{TIE:.0E},{{reduced}}=1)),1,0)",
    "owes": f"IF(ISNUMBER({{mlr}}),IF({{savings}}<0,IF(-{{savings_rate}}>={{mlr}}-{TIE:.0E},1,0),0),0)",
    "quality_score": "{input_quality_score}",
    "quality_factor": 'IF(OR({input_quality_standard}="failed",AND({terms_quality_method}<>"none",'
    f'{{terms_quality_method}}<>"standard",{{quality_score}}<{{terms_quality_gate}}-{SCORE_TIE:.0E})),0,'
    '1-{terms_quality_part}+{terms_quality_part}*IF({terms_quality_method}="multiplier",{quality_score},'
    'IF({terms_quality_method}="ladder",{ladder_step},IF(AND({terms_quality_method}="standard",'
    '{input_quality_standard}="alternative"),{quality_score},1))))',
    "final_sharing_rate": "{terms_sharing_rate}*{quality_factor}*IF({reduced}=1,{terms_below_msr_factor},1)",
    "shared_savings": "IF({earns}=1,{savings_within},0)",
    "carried_in": 'IF({terms_losses_carried}="yes",{brought},0)',
    "carried_used": 'IF(AND({terms_losses_carried}="yes",{final_sharing_rate}>0),MIN({brought},{shared_savings}),0)',
    "carried_on": "{carried_in}-{carried_used}"
    f'+IF(AND({{terms_losses_carried}}="yes",{{savings}}<0,-{{savings}}>=({{msr}}-{TIE:.0E})*{{shared_benchmark}}),'
    "{losses_within},0)",
    "gross_savings": "{final_sharing_rate}*({shared_savings}-{carried_used})",
    "sequestration": "{terms_sequestration}*{gross_savings}",
    "savings_cap": "{cap}",
    "cut_by_cap": "{gross_savings}-{sequestration}-{earned_savings}",
    "earned_savings": "IF(ISNUMBER({savings_cap}),MIN({gross_savings}-{sequestration},{savings_cap}),"
    "{gross_savings}-{sequestration})",
    "shared_losses": "IF({owes}=1,{losses_within},0)",
    "loss_rate": 'IF({terms_loss_method}="none",0,MIN({terms_loss_rate_ceiling},MAX({terms_loss_rate_floor},'
    'IF({terms_loss_method}="fixed",N({terms_loss_rate}),IF({terms_loss_method}="one_minus_final_rate",'
    '1-{final_sharing_rate},1-{terms_sharing_rate}*IF({input_quality_standard}="failed",0,{quality_score}))))))',
    "gross_losses": "{loss_rate}*{shared_losses}",
    "loss_relief": "MIN({gross_losses},IF({owes}=1,{input_disaster_adjustment},0)"
    "+{terms_loss_forgiven}*{gross_losses})",
    "loss_limit": "{limit}",
    "cut_by_limit": "{gross_losses}-{loss_relief}-{owed_losses}",
    "owed_losses": "IF(ISNUMBER({loss_limit}),MIN({gross_losses}-{loss_relief},{loss_limit}),"
    "{gross_losses}-{loss_relief})",
    "earned": "{earned_savings}-{owed_losses}",
    "recouped": "MIN({input_advance_balance},{earned_savings})",
    "withheld": "{terms_withheld}*({earned_savings}-{recouped})",
    "withheld_released": "{input_withheld_released}",
    "capitation_result": "{capitation}-{capitated_actual}",
    "payment": "{earned_savings}-{owed_losses}-{recouped}-{withheld}+{withheld_released}+{capitation_result}",
}
"""Line of a settlement to its formula; `{terms_…}` are clauses, `{input_…}` figures of the year, others are lines."""


def _least(of: str) -> str:
    """Lesser of the limits that the contract sets, in dollars; none where it sets none."""
    whole, income = f"{{terms_{of}_benchmark}}", f"{{terms_{of}_revenue}}"
    return (
        f'IF(COUNT({whole},{income})=0,"none",MIN(IF(ISNUMBER({whole}),{whole}*{{shared_benchmark}},9.99E+307),'
        f"IF(ISNUMBER({income}),{income}*({{input_revenue}}*1),9.99E+307)))"
    )


def _within(side: str, amount: str, start: str, bands: int) -> str:
    """Part of savings or losses beyond a threshold that is shared: all of it, or the sum of the bands."""
    each = "+".join(f"{{band_{n}_{side}}}" for n in range(1, bands + 1))
    return f"IF(COUNT({{terms_corridor_parts}})=0,MAX({amount}-{start}*{{shared_benchmark}},0),{each})"


def _band(band: int, amount: str, start: str) -> str:
    """Shared part of one marginal band, from the end of the band below or the threshold to its own end."""
    part, end = f"INDEX({{terms_corridor_parts}},{band})", f"INDEX({{terms_corridor_ends}},{band})"
    bench, below = "{shared_benchmark}", f"INDEX({{terms_corridor_ends}},{band - 1})"
    lower = f"{start}*{bench}" if band == 1 else f"MAX({below}*{bench},{start}*{bench})"
    given = f"ISNUMBER({part})" if band == 1 else f"AND(ISNUMBER({part}),ISNUMBER({below}))"
    return f"IF({given},{part}*MAX(0,MIN({amount},IF(ISNUMBER({end}),{end}*{bench},{amount}))-{lower}),0)"


_SIZE = "MATCH({input_members},table_members_low,1)"
_LOSSES = 'IF({terms_losses_carried}="yes",{start},{loss_start})'


def workings(bands: int) -> dict[str, tuple[str, str, str]]:
    """
    Steps between the lines of a settlement: name to label, display format and formula.

    Parameters
    ----------
    bands : int
        Marginal bands that the inputs have room for.
    """
    found = {
        "shared_benchmark": ("Final benchmark less capitation", "$.", "{final_benchmark}-{capitation}"),
        "shared_actual": ("Spending less cost of capitated services", "$.", "{actual}-{capitated_actual}"),
        "size_threshold": (
            "Threshold by the Medicare table",
            "%..",
            f'IF(N({{input_members}})<INDEX(table_members_low,1),"none",INDEX(table_msr_low,{_SIZE})'
            f"+(INDEX(table_msr_high,{_SIZE})-INDEX(table_msr_low,{_SIZE}))*MAX(0,MIN(1,({{input_members}}"
            f"-INDEX(table_members_low,{_SIZE}))/(INDEX(table_members_high,{_SIZE})"
            f"-INDEX(table_members_low,{_SIZE})))))",
        ),
        "reduced": (
            "Reduced rate below the threshold",
            "yes",
            f"IF({{terms_below_msr_factor}}>0,IF(AND({{savings}}>0,{{savings_rate}}<{{msr}}-{TIE:.0E},"
            "{terms_below_msr_members}<={input_members}*1),1,0),0)",
        ),
        "ladder_step": (
            "Step of the quality ladder",
            "%.",
            f"IF(SUMPRODUCT(ISNUMBER({{terms_ladder_scores}})*({{terms_ladder_scores}}<={{quality_score}}+{SCORE_TIE:.0E}))=0,0,"
            "INDEX({terms_ladder_parts},SUMPRODUCT(ISNUMBER({terms_ladder_scores})"
            f"*({{terms_ladder_scores}}<={{quality_score}}+{SCORE_TIE:.0E}))))",
        ),
        "start": ("Savings shared from", "%..", 'IF({terms_share_from}="threshold",{msr},0)'),
        "loss_start": ("Losses shared from", "%..", 'IF(AND({terms_share_from}="threshold",ISNUMBER({mlr})),{mlr},0)'),
    }
    for side, words, start in (("savings", "Savings", "{start}"), ("losses", "Losses", f"({_LOSSES})")):
        amount = "{savings}" if side == "savings" else "(-{savings})"
        for band in range(1, bands + 1):
            found[f"band_{band}_{side}"] = (f"{words} shared in band {band}", "$.", _band(band, amount, start))
        label = f"{words} beyond the start, by bands"
        found[f"{side}_within"] = (label, "$.", _within(side, amount, start, bands))
    found["brought"] = ("Losses of all years before", "$.", "{input_carried_losses}+{carried_on_before}")
    found["cap"] = ("Least of the caps", "$.", _least("savings_cap"))
    found["limit"] = ("Lesser of the limits on losses", "$.", _least("loss_limit"))
    return found


CHECK = (
    'IF(AND({terms_loss_method}="fixed",NOT(ISNUMBER({terms_loss_rate}))),"a fixed loss rate is wanted",'
    'IF(AND({terms_loss_method}<>"fixed",ISNUMBER({terms_loss_rate})),"the loss rate is not used by this method",'
    'IF({terms_loss_rate_floor}>{terms_loss_rate_ceiling},"the floor of the loss rate lies above its ceiling",'
    'IF(({terms_quality_method}="ladder")<>(COUNT({terms_ladder_scores})>0),"ladder and its steps go together",'
    'IF(AND({terms_quality_part}<1,OR({terms_quality_method}="none",{terms_quality_method}="gate")),'
    '"quality decides no part by this method",'
    'IF(AND({terms_losses_carried}="yes",{terms_loss_method}<>"none"),"losses are carried where none are borne",'
    "IF(AND(COUNT({terms_corridor_parts})>0,ISNUMBER(INDEX({terms_corridor_ends},"
    'MAX(1,COUNT({terms_corridor_parts}))))),"the last band must have no end",'
    'IF(AND(OR({terms_msr}="size",AND({terms_loss_method}<>"none",{terms_mlr}="size"),{terms_below_msr_factor}>0),'
    'NOT(ISNUMBER({input_members}))),"members are wanted",'
    "IF(AND(OR(ISNUMBER({terms_savings_cap_revenue}),ISNUMBER({terms_loss_limit_revenue})),"
    'NOT(ISNUMBER({input_revenue}))),"revenue is wanted",'
    'IF({final_benchmark}<=0,"nothing is left of the benchmark","they fit together"))))))))))'
)
"""What does not fit together in the clauses of a year, in words."""


class References(Mapping[str, str]):
    """What stands for each name in a formula."""

    def __init__(self, find: Callable[[str], str]) -> None:
        self.find = find

    def __getitem__(self, name: str) -> str:
        """Reference of a name."""
        return self.find(name)

    def __iter__(self) -> Any:
        """No names are known beforehand."""
        return iter(())

    def __len__(self) -> int:
        """No names are known beforehand."""
        return 0


def written(template: str, find: Callable[[str], str]) -> str:
    """
    Formula with references in place of names.

    >>> written("{terms_capitated}*{benchmark}", lambda name: f"{name}_2025")
    '=terms_capitated_2025*benchmark_2025'
    """
    return "=" + template.format_map(References(find))


def values_of(terms: Terms, line: Mapping[str, Any], members: float | None, brought: float, bands: int) -> dict:
    """
    Values of the steps between the lines of one settlement, for the cells to hold before anything is recalculated.

    Parameters
    ----------
    terms : Terms
        Contract in force.
    line : mapping of str to object
        Lines of the settlement.
    members : float or None
        Members that a threshold by size depends on. [members]
    brought : float
        Losses of all years before. [$]
    bands : int
        Marginal bands that the inputs have room for.

    Returns
    -------
    dict of str to float or str
    """
    bench = line["final_benchmark"] - line["capitation"]
    msr, mlr = line["msr"], line["mlr"]
    beyond = terms.share_from == "threshold"
    start, loss_start = msr if beyond else 0.0, mlr if beyond and np.isfinite(mlr) else 0.0
    reduced = line["savings"] > 0 and line["savings_rate"] < msr - TIE and terms.below_msr_factor > 0
    steps = [part for score, part in terms.quality_ladder if line["quality_score"] >= score - SCORE_TIE]
    found: dict[str, Any] = {
        "shared_benchmark": bench,
        "shared_actual": line["actual"] - line["capitated_actual"],
        "size_threshold": "none" if (members or 0) < 100 else minimum_savings_rate(float(members or 0)),
        "reduced": int(reduced and terms.below_msr_members <= (members or 0)),
        "ladder_step": steps[-1] if steps else 0.0,
        "start": start,
        "loss_start": loss_start,
    }
    for side, amount, since in (
        ("savings", line["savings"], start),
        ("losses", -line["savings"], start if terms.losses_carried else loss_start),
    ):
        low, parts = 0.0, list(terms.corridors)
        for band in range(1, bands + 1):
            shared = 0.0
            if band <= len(parts):
                high, part = parts[band - 1]
                upper = min(amount, high * bench) if np.isfinite(high) else amount
                shared, low = part * max(0.0, upper - max(low * bench, since * bench)), high
            found[f"band_{band}_{side}"] = shared
        whole = max(amount - since * bench, 0.0)
        found[f"{side}_within"] = sum(found[f"band_{n}_{side}"] for n in range(1, bands + 1)) if parts else whole
    return found | {"brought": brought, "cap": line["savings_cap"], "limit": line["loss_limit"]}
