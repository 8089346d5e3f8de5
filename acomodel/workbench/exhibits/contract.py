"""The tables of a contract: summary, terms, settlement, other outcomes."""

from __future__ import annotations

import pandas as pd

from acomodel.contract.programs import ProgramTerms, unverified
from acomodel.exhibit import Exhibit, Note, show
from acomodel.programs import Rules
from acomodel.workbench.adjustments import threshold
from acomodel.workbench.exhibits.monitoring import seen_earlier
from acomodel.workbench.model import Run
from acomodel.workbench.outlook import Outlook


def _dollars(value: float) -> str:
    return show(value, "$")


def summary(run: Run) -> Note:
    """The result in sentences, figures first."""
    head, scenario = run.headline(), run.scenario
    year = scenario.years[scenario.headline()]
    payment = head["payment"]
    if payment > 0:
        said = f"The contract pays the ACO {_dollars(payment)} for {year.label}"
    elif payment < 0:
        said = f"The ACO owes {_dollars(-payment)} for {year.label}"
    else:
        said = f"The contract pays nothing for {year.label}, and nothing is owed"
    word = "below" if head["savings"] >= 0 else "above"
    claims = run.tables.claims
    if claims is not None and claims.is_forecast(year.performance_year):
        said = f"On the claims so far, {said[0].lower()}{said[1:]}"
    two_sided = run.terms[scenario.headline()].two_sided
    besides = f", loss threshold {head['mlr']:.2%}." if two_sided else "; no downside risk."
    apart = float(head["capitation"])
    bench, spent = head["final_benchmark"] - apart, head["actual"] - float(head["capitated_actual"])
    worked = bool((head[["discount", "benchmark_unearned", "benchmark_addition"]] != 0).any())
    named = "Final benchmark" if worked else "Benchmark"
    points = [
        f"{f'Outside capitation: {named.lower()}' if apart else named} {_dollars(bench)}; spending {_dollars(spent)}, "
        f"which is {_dollars(abs(head['savings']))} or {abs(head['savings_rate']):.2%} {word} it.",
        f"Savings threshold {head['msr']:.2%} of benchmark{besides}",
    ]
    if apart:
        points.insert(
            1,
            f"Capitation: {_dollars(apart)} for services that cost {_dollars(head['capitated_actual'])}; the ACO "
            f"{'keeps' if head['capitation_result'] >= 0 else 'bears'} {_dollars(abs(head['capitation_result']))}.",
        )
        points[2] = points[2].replace("; no downside risk.", "; no downside risk outside capitation.")
    if worked:
        points.insert(0, _final_benchmark(head))
    if head["withheld"] or head["withheld_released"]:
        points.append(
            f"Of the savings earned {_dollars(head['withheld'])} is withheld until later; "
            f"{_dollars(head['withheld_released'])} of earlier years is paid now."
        )
    kind = scenario.terms
    if isinstance(kind, ProgramTerms) and (beyond := Rules(kind.program, year.performance_year).beyond()):
        points.append(f"Rules of the programme: {beyond}.")
    if isinstance(kind, ProgramTerms) and (unsure := unverified(kind, year.performance_year)):
        points.append(f"Clauses from memory, unverified: {', '.join(unsure)}.")
    if head["earns"] and head["final_sharing_rate"] == 0:
        points.append("The threshold is reached, but quality was not, so nothing is paid.")
    elif head["earns"]:
        points.append(
            f"Final sharing rate {head['final_sharing_rate']:.2%} on {_dollars(head['shared_savings'])} of savings to "
            "be shared."
        )
    if run.budget is not None:
        made = run.budget.benchmark
        base, left_out = float(made.steps["pmpm"].iloc[0]), ""
        if run.fitted is not run.tables:
            base *= float(made.steps["factor"]["Large-claim adjustment"])
            left_out = ", large claims left out"
        points.insert(
            0,
            f"The benchmark is {show(made.pmpm, '$.')} PMPM, {made.pmpm / base - 1:+.1%} on the baseline of "
            f"{show(base, '$.')} PMPM in {run.budget.base_year}{left_out}.",
        )
        if made.rounding == "printed":
            points.insert(
                1,
                f"It is rounded between steps as printed. With nothing rounded it is "
                f"{show(run.budget.unrounded.pmpm, '$.')} PMPM.",
            )
    if run.record is not None:
        start = run.record.summary["per_capita"].iloc[0]
        points.insert(
            0,
            f"The benchmark is {show(run.record.per_capita, '$.')} per person year "
            f"({show(run.record.pmpm, '$.')} PMPM). The historical benchmark is "
            f"{show(run.record.historical.per_capita, '$.')}, from {show(float(start), '$.')} in BY3.",
        )
    if claims is not None and claims.is_forecast(year.performance_year):
        points.append(_forecast(run))
    if seen := seen_earlier(run):
        points.append(seen)
    if run.outlook is not None:
        points.append(_luck(run.outlook))
    others = [y.label for y in scenario.years if y.label != year.label]
    for label in others:
        line = run.lines().loc[label]
        points.append(f"{label}: savings rate {line['savings_rate']:.2%}, payment {_dollars(line['payment'])}.")
    return Note(said + ".", points)


def _final_benchmark(head: pd.Series) -> str:
    """How the agreed benchmark became the final one."""
    parts = [f"Agreed benchmark {_dollars(head['benchmark'])}"]
    if head["discount"]:
        parts.append(f"discount {_dollars(head['discount'])}")
    if head["benchmark_unearned"]:
        parts.append(
            f"{_dollars(head['benchmark_unearned'])} held back and not earned by a quality score of "
            f"{head['quality_score']:.1%}"
        )
    if head["benchmark_addition"]:
        word = "added" if head["benchmark_addition"] > 0 else "taken off"
        parts.append(f"{_dollars(abs(head['benchmark_addition']))} {word}")
    return "; ".join(parts) + "."


def _forecast(run: Run) -> str:
    """What the forecast of a year in progress says beyond its mean."""
    from acomodel.workbench.forecasts import path

    found = path(run)
    if found is None:
        return "The year is in progress, and settled on the expected spending of the whole of it."
    last = found.to_frame().iloc[-1]
    return (
        f"The year is in progress: it is settled on its expected spending, {_dollars(found.actual)}, with a 90% "
        f"interval of {_dollars(last['low'])} to {_dollars(last['high'])}. Over that, the expected payment is "
        f"{_dollars(last['payment'])}; the ACO is paid with a chance of {last['earned']:.0%} and owes with one of "
        f"{last['owed']:.0%}."
    )


def _luck(outlook: Outlook) -> str:
    """Chance that an ACO that saves nothing earns, and owes."""
    found = outlook.payments()
    against = " against the final benchmark" if outlook.final else ""
    earned = f"An ACO of this size that saves nothing{against} would be paid by luck alone with a chance of "
    earned += f"{found.chance_earned:.1%}"
    return f"{earned}, and would owe with one of {found.chance_owed:.1%}." if outlook.terms.two_sided else f"{earned}."


def key_figures(run: Run) -> Exhibit:
    """Every settled year in one line each."""
    lines = run.lines()
    table = lines[["final_benchmark", "actual", "savings", "savings_rate", "msr", "final_sharing_rate", "payment"]]
    names = ["Benchmark", "Spending", "Savings (losses)", "Savings rate", "Threshold", "Sharing rate", "Payment"]
    table = table.set_axis(names, axis=1).rename_axis("Period")
    formats = dict.fromkeys(("Benchmark", "Spending", "Savings (losses)", "Payment"), "$")
    return Exhibit("Settlement by period", table, formats | dict.fromkeys(names[3:6], "%."))


def terms(run: Run) -> Exhibit:
    """Clauses of the contract in force in the headline year, in words."""
    position = run.scenario.headline()
    agreed = run.terms[position]

    def share(value: float | None) -> str:
        return "none" if value is None else f"{value:.4g}".rstrip() if value > 1 else f"{value:.2%}"

    def from_size(value: float | str) -> str:
        return {"size": "by number of members (Medicare table)", "msr": "as for savings"}.get(str(value)) or share(
            float(value)
        )

    quality = {
        "none": "does not change the sharing rate",
        "multiplier": "multiplies the sharing rate",
        "gate": f"opens sharing at a score of {agreed.quality_gate:.0%}",
        "standard": "full rate where the standard is met; rate × score at the alternative standard; else none",
        "ladder": "; ".join(f"from {s:.0%}: {part:.0%} of the rate" for s, part in agreed.quality_ladder),
    }[agreed.quality_method]
    if agreed.quality_part < 1:
        quality += f"; so for {agreed.quality_part:.0%} of the rate, the rest is paid outright"
    losses = {
        "none": "none: one-sided",
        "fixed": f"{(agreed.loss_rate or 0):.2%} of losses",
        "one_minus_final_rate": "one less the final sharing rate",
        "one_minus_rate_times_quality": "one less sharing rate times quality score",
    }[agreed.loss_method]
    bounded = agreed.loss_rate_floor > 0 or agreed.loss_rate_ceiling < 1
    if agreed.loss_method != "none" and bounded:
        losses += f", between {agreed.loss_rate_floor:.0%} and {agreed.loss_rate_ceiling:.0%}"
    first = {
        "first_dollar": "from the first dollar once the threshold is met",
        "threshold": "only beyond the threshold",
    }
    rows = {
        "Contract": agreed.name,
        "ACO's largest share of savings": share(agreed.sharing_rate),
        "Savings threshold": from_size(agreed.msr),
        "Shared": first[agreed.share_from],
        "Quality": quality,
        "Cap on savings": _limits(agreed.savings_cap_benchmark, agreed.savings_cap_revenue),
        "ACO's share of losses": losses,
    }
    if agreed.benchmark_discount:
        rows["Discount on the benchmark"] = share(agreed.benchmark_discount)
    if agreed.benchmark_at_risk:
        rows["Benchmark held back for quality"] = f"{share(agreed.benchmark_at_risk)}, earned by the quality score"
    if agreed.withheld:
        rows["Withheld until later"] = f"{agreed.withheld:.0%} of what is paid for savings"
    if agreed.two_sided:
        rows["Loss threshold"] = from_size(agreed.mlr)
        rows["Limit on losses"] = _limits(agreed.loss_limit_benchmark, agreed.loss_limit_revenue)
    kind = run.scenario.terms
    if isinstance(kind, ProgramTerms) and not kind.revenue_limit:
        rules = Rules(kind.program, run.scenario.years[position].performance_year, kind.agreement_start)
        left_out = rules.number("loss_limit_revenue", kind.track)
        if left_out is not None:
            rows["Limit by revenue"] = f"{left_out:.0%} of participants' revenue, left out here (terms.revenue_limit)"
    if isinstance(kind, ProgramTerms) and kind.program == "reach":
        rows["Stop-loss"] = "stop-loss is not modelled: spending is stated net of it"
    if isinstance(kind, ProgramTerms) and (unsure := unverified(kind, run.scenario.years[position].performance_year)):
        rows["From memory, unverified"] = ", ".join(unsure)
    if agreed.corridors:
        bands, low = [], 0.0
        for high, part in agreed.corridors:
            reach = "and beyond" if high == float("inf") else f"to {high:.0%}"
            bands.append(f"{low:.0%} {reach}: {part:.0%}")
            low = high
        rows["Corridors"] = "; ".join(bands)
    if agreed.sequestration:
        rows["Sequestration"] = share(agreed.sequestration)
    large = run.scenario.large_claims
    if large is not None:
        rows["Large claims"] = f"not counted above {threshold_words(run)} a member and year"
    table = pd.DataFrame({"Agreed": rows}).rename_axis("Clause")
    label = run.scenario.years[position].label
    return Exhibit(f"Terms in force in {label}", table)


def threshold_words(run: Run) -> str:
    """Amount above which large claims do not count, with its percentile where it is taken from one."""
    large = run.scenario.large_claims
    assert large is not None
    if run.budget is None:
        return _dollars(large.threshold) if large.threshold is not None else f"the {large.percentile:g}th percentile"
    amount = _dollars(threshold(run.scenario, run.tables, run.budget.base_year))
    return amount if large.percentile is None else f"{amount} (the {large.percentile:g}th percentile)"


def _limits(of_benchmark: float | None, of_revenue: float | None) -> str:
    parts = [f"{of_benchmark:.2%} of benchmark"] if of_benchmark is not None else []
    parts += [f"{of_revenue:.2%} of participants' revenue"] if of_revenue is not None else []
    return "; ".join(parts) + (" (the lesser)" if len(parts) == 2 else "") or "none"


def settlement(run: Run, *, brief: bool = False) -> Exhibit:
    """Lines of the settlement of every year: all of them, or those that apply."""
    return run.settlement.exhibit(f"Settlement: {run.scenario.title}", run.labels, brief=brief)


def outcomes(run: Run) -> Exhibit:
    """The headline year settled at several savings rates."""
    frame = run.outcomes()
    label = run.scenario.years[run.scenario.headline()].label
    table = pd.DataFrame(
        {
            "Spending": frame["actual"],
            "Savings (losses)": frame["savings"],
            "Sharing rate applied": frame["final_sharing_rate"].where(frame["earns"], 0.0),
            "Loss rate applied": frame["loss_rate"].where(frame["owes"], 0.0),
            "Payment": frame["payment"],
            "Kept by the payer": frame["savings"] - frame["payment"],
        }
    )
    table.index = pd.Index([signed(rate) for rate in frame.index], name="Savings rate")
    formats = dict.fromkeys(("Spending", "Savings (losses)", "Payment", "Kept by the payer"), "$")
    formats |= dict.fromkeys(("Sharing rate applied", "Loss rate applied"), "%.")
    if not run.terms[run.scenario.headline()].two_sided:
        table = table.drop(columns="Loss rate applied")
    note = "Kept by the payer: savings less payment; negative where the payer bears losses."
    return Exhibit(f"Settlement of {label} at several outcomes", table, formats, note)


def signed(share: float) -> str:
    """Share in percent with its sign; zero without."""
    text = f"{share:+.1%}"
    return "0.0%" if float(text.strip("%")) == 0 else text.replace("-", "−")
