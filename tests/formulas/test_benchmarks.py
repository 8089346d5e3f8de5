"""Benchmarks of record: published figures, limits known by thought, invariants, vector equals scalar, clear faults."""

import numpy as np
import pandas as pd
import pytest
from conftest import printed
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from acomodel import InputError
from acomodel.budget.mssp.adjustments import (
    RegionalTerms,
    benchmark_adjustment,
    prior_savings_adjustment,
    regional_adjustment,
    regional_terms,
)
from acomodel.budget.mssp.cohorts import Cohort, ablation, cohorts, fit_national_trends
from acomodel.budget.mssp.historical import (
    BASE_YEARS,
    EQUAL,
    FIRST_AGREEMENT,
    base_year_weights,
    historical_benchmark,
    historical_per_capita,
)
from acomodel.budget.mssp.prospective import acpt_dollars, acpt_growth, guardrail, prospective_update
from acomodel.budget.mssp.rebasing import rebase
from acomodel.budget.mssp.regional import national_figures, read_counties, regional_figures
from acomodel.budget.mssp.steps import TYPES, by_type
from acomodel.budget.mssp.updates import blended_update, national_update, update_rule
from acomodel.programs import rule_table
from acomodel.puf import read_puf

# Palm Beach ACO as CMS's public use file of 2014 prints it; the trends are those of its cohort.
SPENT = [[92004, 13364, 17803, 11923], [93369, 14388, 18077, 12464], [93055, 13347, 18192, 12193]]
RISK = [
    [1.07148879, 1.256641513, 1.058682184, 1.21118358],
    [1.040782096, 1.275261232, 1.08942832, 1.224053918],
    [1.055826923, 1.248561037, 1.095877192, 1.226609022],
]
PEOPLE = [260.1666667, 2133.166667, 1343.583333, 29481.91667]
TRENDS = [[1.0063, 1.06346, 1.01617, 1.04815], [1.00449, 1.0356, 1.00454, 1.02296]]

figures = st.lists(st.floats(0.5, 2.0), min_size=12, max_size=12).map(lambda x: np.reshape(x, (3, 4)))
people = st.lists(st.floats(0.01, 1.0), min_size=4, max_size=4).map(np.array)
trends = st.lists(st.floats(0.8, 1.3), min_size=8, max_size=8).map(lambda x: np.reshape(x, (2, 4)))


def frame(values, index):
    return pd.DataFrame(values, index=index, columns=list(TYPES), dtype=float)


def many(count=40, seed=1):
    rng = np.random.default_rng(seed)
    level = np.array([80_000, 11_000, 16_000, 9_500])
    spent = level * rng.uniform(0.8, 1.2, (count, 3, 4))
    return spent, rng.uniform(0.9, 1.1, (count, 3, 4)), rng.uniform(0.2, 1, (count, 4)) * [2, 15, 10, 100]


def cohort(count=40, *, noise=0.0, weights=FIRST_AGREEMENT, seed=1):
    spent, scores, counts = many(count, seed)
    shares = counts / counts.sum(axis=1, keepdims=True)
    paid = historical_per_capita(spent, scores, shares, np.array(TRENDS), weights)
    paid = paid + noise * np.random.default_rng(seed).normal(size=count)
    return Cohort("made up", tuple(f"A{i}" for i in range(count)), spent, scores, counts, paid, weights)


class TestHistorical:
    def test_a_published_benchmark(self):
        """Palm Beach, 2014: $13,375 a person year."""
        steps = historical_benchmark(SPENT, RISK, PEOPLE, TRENDS)
        assert steps.per_capita == printed("13,375")

    def test_frames_in_any_order_are_the_same(self):
        names = list(TYPES)[::-1]
        spent = frame(SPENT, BASE_YEARS).loc[["BY3", "BY1", "BY2"], names]
        risk, growth = frame(RISK, BASE_YEARS)[names], frame(TRENDS, BASE_YEARS[:2])[names]
        counts = dict(zip(TYPES, PEOPLE, strict=True))
        found = historical_benchmark(spent, risk, counts, growth)
        assert found.per_capita == historical_benchmark(SPENT, RISK, PEOPLE, TRENDS).per_capita
        table = frame([PEOPLE] * 3, BASE_YEARS)
        table.loc[["BY1", "BY2"]] = 1.0
        assert historical_benchmark(spent, risk, table, growth).per_capita == found.per_capita
        assert historical_benchmark(SPENT, RISK, table.to_numpy(), TRENDS).per_capita == found.per_capita

    def test_by_hand(self):
        """One type counts; 100 at risk 1, 110 at risk 1.1, 121 at risk 1.1, growth 1.2 and 1.1."""
        spent, risk = np.full((3, 4), 1.0), np.full((3, 4), 1.0)
        spent[:, 3], risk[:, 3] = (100, 110, 121), (1, 1.1, 1.1)
        growth = np.ones((2, 4))
        growth[:, 3] = (1.2, 1.1)
        found = historical_benchmark(spent, risk, [0, 0, 0, 5], growth)
        assert found.per_capita == pytest.approx(0.1 * 100 * 1.1 * 1.2 + 0.3 * 110 * 1.1 + 0.6 * 121)
        equal = historical_benchmark(spent, risk, [0, 0, 0, 5], growth, weights=EQUAL)
        assert equal.per_capita == pytest.approx((132 + 121 + 121) / 3)

    @given(level=people, counts=people)
    def test_level_years_give_the_mix_of_the_third(self, level, counts):
        spent = np.tile(level * 10_000, (3, 1))
        found = historical_benchmark(spent, np.ones((3, 4)), counts, np.ones((2, 4)))
        assert found.per_capita == pytest.approx((spent[2] * counts).sum() / counts.sum())

    @given(spent=figures, risk=figures, counts=people, growth=trends, k=st.floats(0.1, 9))
    def test_scale(self, spent, risk, counts, growth, k):
        base = historical_benchmark(spent, risk, counts, growth).per_capita
        assert historical_benchmark(k * spent, risk, counts, growth).per_capita == pytest.approx(k * base)
        assert historical_benchmark(spent, k * risk, counts, growth).per_capita == pytest.approx(base)
        assert historical_benchmark(spent, risk, k * counts, growth).per_capita == pytest.approx(base)

    @given(spent=figures, risk=figures, counts=people, growth=trends)
    def test_all_weight_on_the_third_year_leaves_it(self, spent, risk, counts, growth):
        found = historical_benchmark(spent, risk, counts, growth, weights=(0, 0, 1))
        assert found.by_type.to_numpy() == pytest.approx(spent[2])

    def test_vector_equals_scalar(self):
        spent, risk, counts = many(7)
        together = historical_benchmark(spent, risk, counts, TRENDS, labels=list("abcdefg"))
        alone = [historical_benchmark(*one, TRENDS).per_capita for one in zip(spent, risk, counts, strict=True)]
        assert together.per_capita.tolist() == alone
        assert together.to_frame().loc["c", "Historical benchmark"] == alone[2]

    def test_every_line_can_be_stated(self):
        base = historical_benchmark(SPENT, RISK, PEOPLE, TRENDS)
        for line in base.lines[1:]:
            value = line.overall * 1.5 if line.by_type is None else np.asarray(line.by_type) * 1.5
            if "weight" in line.name:
                continue
            stated = historical_benchmark(SPENT, RISK, PEOPLE, TRENDS, override={line.name: value})
            assert stated.line(line.name).stated
            assert stated.per_capita > base.per_capita
            assert f"Stated and not worked out: {line.name}." in repr(stated)
        weights = {"BY1 weight": 0.0, "BY2 weight": 0.0, "BY3 weight": 1.0}
        assert historical_benchmark(SPENT, RISK, PEOPLE, TRENDS, override=weights).by_type.tolist() == SPENT[2]
        only = historical_benchmark(SPENT, RISK, PEOPLE, TRENDS, override={"BY1 trend to BY3": {"ESRD": 1.0}})
        assert only.line("BY1 trend to BY3").by_type.tolist() == [1.0, *TRENDS[0][1:]]

    def test_it_shows_every_line_and_no_blank(self):
        steps = historical_benchmark(SPENT, RISK, PEOPLE, TRENDS)
        shown = repr(steps)
        assert "nan" not in shown
        assert "$13,375.0" in shown
        assert steps.exhibit().shown().loc["BY1 trend to BY3"].tolist()[-2:] == ["1.0482", "–"]

    def test_weights_by_the_rules(self):
        assert base_year_weights(1, 2012) == base_year_weights(1, 2018) == FIRST_AGREEMENT
        assert base_year_weights(2, 2016) == EQUAL

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"expenditures": frame(SPENT, BASE_YEARS).drop(columns="ESRD")}, "the type 'ESRD' is missing"),
            ({"expenditures": frame(SPENT, BASE_YEARS).drop(index="BY2")}, "the year BY2 is missing"),
            ({"expenditures": SPENT[:2]}, "found 2 years"),
            ({"risk": np.zeros((3, 4))}, "risk: found 0; above zero"),
            ({"risk": [[np.nan] * 4] * 3}, "suppressed figure is not zero"),
            ({"risk": np.ones((2, 3, 4))}, "the same ACOs"),
            (
                {"person_years": {"ESRD": 1, "disabeld": 1, "aged/dual": 1, "aged/non-dual": 1}},
                "Did you mean 'disabled'",
            ),
            ({"person_years": [1, 2, 3]}, "found 3 where four types"),
            ({"person_years": [0, 0, 0, 0]}, "none below and one above zero"),
            ({"person_years": frame([PEOPLE], ["BY2"])}, "the year BY3 is missing"),
            ({"weights": (0.1, 0.3, 0.5)}, "weights of the base years are 0.1, 0.3, 0.5"),
            ({"weights": (-0.1, 0.5, 0.6)}, "none below zero"),
            ({"weights": (0.5, 0.5)}, "found 2 weights"),
            ({"override": {"BY1 trnd to BY3": 1.0}}, "Did you mean 'BY1 trend to BY3'"),
            ({"override": {"BY1 trend to BY3": {"disabeld": 1.0}}}, "states the type 'disabeld'"),
            ({"override": {"Share of person years": 0.3}}, "shares of person years sum to 1.2"),
        ],
    )
    def test_faults(self, change, words):
        given = {"expenditures": SPENT, "risk": RISK, "person_years": PEOPLE, "trends": TRENDS, **change}
        with pytest.raises(InputError, match=words) as fault:
            historical_benchmark(**given)
        assert "\n" not in str(fault.value)


class TestFit:
    @given(seed=st.integers(0, 50))
    def test_trends_put_in_come_out(self, seed):
        fit = fit_national_trends(cohort(seed=seed))
        assert fit.trends.to_numpy() == pytest.approx(np.array(TRENDS), abs=1e-8)
        assert fit.worst < 1e-4

    def test_leaving_one_out_in_closed_form_is_a_second_fit(self):
        whole = cohort(noise=5.0)
        fit = fit_national_trends(whole)
        for i in (0, 7, 39):
            kept = np.arange(40) != i
            parts = [getattr(whole, n)[kept] for n in ("expenditures", "risk", "person_years", "published")]
            other = fit_national_trends(Cohort("less", tuple(np.array(whole.ids)[kept]), *parts))
            shares = whole.shares[i]
            missed = historical_per_capita(whole.expenditures[i], whole.risk[i], shares, other.trends.to_numpy())
            assert fit.leave_one_out.iloc[i] == pytest.approx(whole.published[i] - missed, rel=1e-6)

    def test_against_statsmodels(self):
        import statsmodels.api as sm

        whole = cohort(noise=5.0)
        parts = whole.shares[:, None, :] * whole.expenditures * (whole.risk[:, 2:3] / whole.risk)
        parts = parts * np.array(FIRST_AGREEMENT)[None, :, None]
        peer = sm.OLS(whole.published - parts[:, 2].sum(axis=1), parts[:, :2].reshape(40, 8)).fit()
        fit = fit_national_trends(whole)
        assert fit.trends.to_numpy().ravel() == pytest.approx(peer.params, rel=1e-8)
        assert fit.standard_error.to_numpy().ravel() == pytest.approx(peer.bse, rel=1e-6)
        influence = peer.get_influence()
        assert fit.leave_one_out.to_numpy() == pytest.approx(peer.resid / (1 - influence.hat_matrix_diag))
        assert fit.to_frame().loc[("BY2", "disabled"), "trend"] == pytest.approx(peer.params[5])

    def test_each_part_is_worth_something(self):
        table = ablation([cohort(noise=1.0), cohort(noise=1.0, weights=EQUAL, seed=2)])
        assert table["median"].idxmin() == "as the rule says"
        assert (table.drop(index="as the rule says")["median"] > 3 * table.loc["as the rule says", "median"]).all()
        assert (table["acos"] == 80).all()

    def test_one_trend_a_year_where_that_is_the_truth(self):
        whole = cohort()
        growth = np.repeat([[1.05], [1.02]], 4, axis=1)
        paid = historical_per_capita(whole.expenditures, whole.risk, whole.shares, growth)
        parts = whole.expenditures, whole.risk, whole.person_years, paid
        fit = fit_national_trends(Cohort("one", whole.ids, *parts), trend_by_type=False)
        assert fit.trends.to_numpy() == pytest.approx(growth)
        assert "40 ACOs. Leaving each out in turn" in repr(fit)

    def test_faults(self):
        with pytest.raises(InputError, match="8 ACOs for 8 trends"):
            fit_national_trends(cohort(8))
        none = cohort()
        flat = Cohort(
            "no ESRD", none.ids, none.expenditures, none.risk, none.person_years * [0, 1, 1, 1], none.published
        )
        with pytest.raises(InputError, match="a type without spending"):
            fit_national_trends(flat)
        with pytest.raises(InputError, match="no cohort"):
            ablation([])

    def test_a_file_without_benchmarks(self, tmp_path):
        path = tmp_path / "puf_2022.csv"
        path.write_text("ACO_ID,Current_Track,N_AB,MinSavPerc,EarnSaveLoss,ABtotBnchmk,ABtotExp\nA,E,9,2%,0,9,9\n")
        with pytest.raises(InputError, match="no historical benchmarks"):
            cohorts(read_puf(path))


class TestPublicUseFile:
    def test_a_made_up_file_gives_its_cohort_and_who_is_left_out(self, tmp_path):
        """Twenty renewals of 2016 with prior savings on top, one alone in its cohort, one with a figure suppressed."""
        whole, extra = cohort(22, weights=EQUAL), np.arange(22) * 10.0
        short = dict(zip(("ESRD", "DIS", "AGDU", "AGND"), ("ESRD", "DIS", "AGED_Dual", "AGED_NonDual"), strict=True))
        table = pd.DataFrame({"ACO_ID": whole.ids, "Agreement_Period_Num": 2, "Current_Start_Date": "01/01/2016"})
        table = table.assign(N_AB=9_000, EarnSaveLoss=0, ABtotBnchmk=9, ABtotExp=9, Prior_Sav_Adj=extra)
        table["HistBnchmk"] = whole.published + extra
        for place, (code, long) in enumerate(short.items()):
            table[f"N_AB_Year_{long}_BY3"] = whole.person_years[:, place]
            for year in range(3):
                table[f"Per_Capita_Exp_ALL_{code}_BY{year + 1}"] = whole.expenditures[:, year, place]
                table[f"CMS_HCC_RiskScore_{code}_BY{year + 1}"] = whole.risk[:, year, place]
        table.loc[20, "Current_Start_Date"] = "01/01/2015"
        table = table.astype({"N_AB_Year_ESRD_BY3": object})
        table.loc[21, "N_AB_Year_ESRD_BY3"] = "*"
        table.to_csv(tmp_path / "puf_2016.csv", index=False)
        (found,), out = cohorts(read_puf(tmp_path / "puf_2016.csv"))
        assert (found.name, found.weights) == ("2016, agreement 2 from 2016-01-01", EQUAL)
        assert found.published == pytest.approx(whole.published[:20])
        assert fit_national_trends(found).trends.to_numpy() == pytest.approx(np.array(TRENDS), abs=1e-6)
        assert out["aco_id"].tolist() == ["A21", "A20"]
        assert out["reason"].str.contains("suppressed").tolist() == [True, False]
        table.drop(columns="Prior_Sav_Adj").to_csv(tmp_path / "puf_2019.csv", index=False)
        none, out = cohorts(read_puf(tmp_path / "puf_2019.csv"))
        assert none == []
        assert out["reason"].str.contains("does not print the adjustment").sum() == 20

    def test_a_flag_is_not_taken_for_dollars(self, tmp_path):
        head = "ACO_ID,Current_Track,N_AB,EarnSaveLoss,ABtotBnchmk,ABtotExp,PosRegAdj,Prior_Sav_Adj"
        (tmp_path / "puf_2019.csv").write_text(f"{head}\nA,E,9,0,9,9,1,0\nB,E,9,0,9,9,0,12\n")
        found = read_puf(tmp_path / "puf_2019.csv")
        assert found.table["regional_adjustment"].isna().all()
        assert found.table["prior_savings_adjustment"].tolist() == [0, 12]
        assert "'PosRegAdj' holds flags and not dollars, and was left blank" in found.decisions

    def test_suppressed_figures_stay_missing(self, tmp_path):
        head = (
            "ACO_ID,Current_Track,N_AB,EarnSaveLoss,ABtotBnchmk,ABtotExp,N_AB_Year_ESRD_BY3,Per_Capita_Exp_ALL_AGND_PY"
        )
        (tmp_path / "puf_2022.csv").write_text(f'{head}\nA,E,9,0,9,9,*,"$10,946"\n')
        row = read_puf(tmp_path / "puf_2022.csv").table.iloc[0]
        assert np.isnan(row["person_years_esrd_by3"])
        assert row["per_capita_aged_non_dual_py"] == 10_946


EVEN = [10_000.0] * 4
MIX = [1.0, 2.0, 3.0, 14.0]


class TestUpdates:
    def test_a_published_compound_trend(self):
        """Milliman: 4.9 % from 2023 to 2024 and 4.3 % to 2025 make 9.4 %."""
        assert 100 * (acpt_growth([0.049, 0.043]) - 1) == printed("9.4")

    def test_the_published_formula_of_the_trend_factor(self):
        """Milliman: PY ACPT x 1/3 + (national x weight + regional x (1 - weight)) x 2/3."""
        steps = prospective_update(EVEN, [1.09] * 4, [1.06] * 4, 0.3, MIX, acpt=[1.049] * 4)
        factor = 1.049 / 3 + (1.09 * 0.3 + 1.06 * 0.7) * 2 / 3
        assert steps.line("Update factor").by_type == pytest.approx([factor] * 4)
        assert steps.per_capita == pytest.approx(10_000 * factor)

    def test_rules_by_year_and_agreement(self):
        methods = {(2014, 2013): "national_flat_dollar", (2023, 2019): "blend", (2024, 2023): "blend"}
        assert {key: update_rule(*key).method for key in methods} == methods
        assert update_rule(2018, 2016, 2).adjustment == "prior_savings"
        assert update_rule(2018, 2017, 2).method == "regional"
        new = [update_rule(year, 2024) for year in (2024, 2025, 2026)]
        assert [round(rule.acpt_weight, 6) for rule in new] == [0.166667, 0.333333, 0.333333]
        assert new[0].adjustment == "higher_of_both"
        assert update_rule(2024, 2022).acpt_weight == 0
        with pytest.raises(InputError, match="after the performance year 2020"):
            update_rule(2020, 2021)

    def test_national_dollars_by_hand(self):
        steps = national_update(
            [80_000, 10_000, 15_000, 9_000], [800, 100, 150, 90], [1, 0, 0, 3], risk_ratio=[1, 1, 1, 1.1]
        )
        assert steps.per_capita == pytest.approx((80_800 + 3 * (9_900 + 90)) / 4)

    def test_flat_dollars_lift_a_low_benchmark_by_more_percent(self):
        low, high = (national_update([b] * 4, [500] * 4, MIX).per_capita / b for b in (8_000, 12_000))
        assert low > high > 1

    @given(w=st.floats(0, 1), national=people, regional=people)
    def test_a_blend_lies_between_its_parts(self, w, national, regional):
        ends = [blended_update(EVEN, national, regional, end, MIX).by_type for end in (0.0, 1.0)]
        between = blended_update(EVEN, national, regional, w, MIX).by_type
        assert (between >= np.minimum(*ends) - 1e-6).all()
        assert (between <= np.maximum(*ends) + 1e-6).all()
        assert ends[0].to_numpy() == pytest.approx(10_000 * regional)
        assert ends[1].to_numpy() == pytest.approx(10_000 * national)

    def test_no_weight_on_the_trend_is_the_blend(self):
        args = (EVEN, [1.04] * 4, [1.08] * 4, [0.1, 0.2, 0.3, 0.4], MIX)
        assert prospective_update(*args, acpt=[9.0] * 4, acpt_weight=0).per_capita == blended_update(*args).per_capita

    def test_flat_dollars_are_the_trend_at_the_national_level(self):
        dollars = acpt_dollars(np.array(EVEN), acpt_growth([0.049]))
        args = ([1.0] * 4, [1.0] * 4, 0.0, MIX)
        at = prospective_update(EVEN, *args, flat_dollars=dollars)
        assert at.per_capita == pytest.approx(prospective_update(EVEN, *args, acpt=[1.049] * 4).per_capita)
        low = prospective_update([8_000] * 4, *args, flat_dollars=dollars).per_capita
        assert low == pytest.approx(8_000 + 490 / 3)

    @given(k=st.floats(0.2, 5))
    def test_scale(self, k):
        base = np.array([80_000, 10_000, 15_000, 9_000])
        assert national_update(k * base, k * base * 0.03, MIX).per_capita == pytest.approx(
            k * national_update(base, base * 0.03, MIX).per_capita
        )
        growth = ([1.04] * 4, [1.05] * 4, 0.2, MIX)
        assert blended_update(k * base, *growth).per_capita == pytest.approx(
            k * blended_update(base, *growth).per_capita
        )

    def test_steps_follow_one_another(self):
        history = historical_benchmark(SPENT, RISK, PEOPLE, TRENDS)
        updated = blended_update(history, [1.0] * 4, [1.0] * 4, 0.5, PEOPLE)
        assert updated.per_capita == pytest.approx(history.per_capita)
        stated = blended_update(history, [1.0] * 4, [1.0] * 4, 0.5, PEOPLE, override={"Blended growth": 1.02})
        assert stated.per_capita == pytest.approx(1.02 * history.per_capita)

    def test_vector_equals_scalar(self):
        level = np.random.default_rng(3).uniform(5_000, 20_000, (6, 4))
        counts = np.random.default_rng(4).uniform(1, 9, (6, 4))
        rest = ([1.04] * 4, [1.06] * 4, 0.2)
        for one in (
            lambda b, p: national_update(b, [100, 200, 300, 400], p).per_capita,
            lambda b, p: blended_update(b, *rest, p, risk_ratio=1.01).per_capita,
            lambda b, p: prospective_update(b, *rest, p, flat_dollars=[500] * 4).per_capita,
            lambda b, p: regional_adjustment(b, EVEN, EVEN, p).per_capita,
        ):
            assert one(level, counts).tolist() == [one(b, p) for b, p in zip(level, counts, strict=True)]

    @pytest.mark.parametrize(
        ("call", "words"),
        [
            (lambda: blended_update(EVEN, [1.0] * 4, [1.0] * 4, 1.2, MIX), "the national weight is 1.2"),
            (lambda: blended_update(EVEN, [0.0] * 4, [1.0] * 4, 0.2, MIX), "national growth: found 0"),
            (lambda: blended_update(EVEN, [1.0] * 3, [1.0] * 4, 0.2, MIX), "found 3 where four types"),
            (lambda: blended_update(EVEN, 1.0, [1.0] * 4, 0.2, MIX), "found one number where four types"),
            (lambda: national_update([0.0] * 4, EVEN, MIX), "benchmark: found 0; above zero"),
            (lambda: national_update(EVEN, EVEN, MIX, risk_ratio=-1.0), "risk ratio: found -1"),
            (lambda: prospective_update(EVEN, EVEN, EVEN, 0.2, MIX), "neither of acpt and flat_dollars"),
            (lambda: prospective_update(EVEN, EVEN, EVEN, 0.2, MIX, acpt=EVEN, flat_dollars=EVEN), "both of"),
            (lambda: prospective_update(EVEN, EVEN, EVEN, 0.2, MIX, acpt=EVEN, acpt_weight=2), "ACPT weight is 2"),
        ],
    )
    def test_faults(self, call, words):
        with pytest.raises(InputError, match=words):
            call()


class TestGuardrail:
    def test_applies_to_losses_that_the_trend_alone_makes(self):
        found = guardrail(
            [10_000.0] * 4, [10_400, 10_400, 9_900, 10_400], [10_300, 9_900, 10_300, 10_050], minimum_loss_rate=0.01
        )
        assert found.applied.tolist() == [True, False, False, False]
        assert found.benchmark.tolist() == [10_400, 10_000, 10_000, 10_000]
        assert "Guardrail" in repr(found)

    def test_vector_equals_scalar(self):
        one = guardrail(10_000, 10_200, 10_300)
        assert (one.benchmark, one.applied) == (10_200.0, True)
        assert guardrail([10_000], [10_200], [10_300]).benchmark.tolist() == [one.benchmark]


class TestRegionalAdjustment:
    def test_35_and_15_percent(self):
        """The second-hand percentages of a first application, from either side of the region."""
        terms = RegionalTerms(ceiling=None, floor=None, negative="kept")
        below = regional_adjustment(EVEN, [11_000] * 4, EVEN, MIX, terms)
        above = regional_adjustment([11_000] * 4, EVEN, EVEN, MIX, terms)
        assert (below.per_capita, above.per_capita) == (pytest.approx(350), pytest.approx(-150))

    def test_caps_of_national_expenditure_by_type(self):
        far = regional_adjustment(EVEN, [90_000] * 4, [10_000, 20_000, 10_000, 10_000], MIX)
        assert far.by_type.tolist() == [500, 1_000, 500, 500]
        kept = RegionalTerms(negative="kept")
        down = regional_adjustment([90_000] * 4, EVEN, [10_000, 20_000, 10_000, 10_000], MIX, kept)
        assert down.by_type.tolist() == [-150, -300, -150, -150]

    def test_an_adjustment_below_zero_overall_is_removed(self):
        region = [90_000, 9_000, 9_000, 9_000]
        mixed = regional_adjustment(EVEN, region, EVEN, [0.01, 1, 1, 1])
        assert mixed.line("Adjustment after caps").overall < 0
        assert mixed.per_capita == 0
        assert (
            regional_adjustment(EVEN, region, EVEN, [1, 0.01, 0.01, 0.01]).line("Adjustment after caps").by_type[1] < 0
        )

    def test_the_side_is_decided_over_all_types(self):
        """The disabled of an ACO above its region overall are weighed as the others are, though they cost less."""
        terms = RegionalTerms(ceiling=None, floor=None, negative="kept")
        found = regional_adjustment(EVEN, [9_000, 12_000, 9_000, 9_000], EVEN, [1, 1, 9, 9], terms)
        assert found.by_type.tolist() == pytest.approx([-150, 300, -150, -150])

    def test_the_region_is_brought_to_the_risk_of_the_aco(self):
        """An ACO whose people cost 10 percent more for being 10 percent riskier is level with its region."""
        found = regional_adjustment([11_000] * 4, EVEN, EVEN, MIX, risk_ratio=1.1)
        assert found.per_capita == pytest.approx(0, abs=1e-9)
        assert found.line("Region less ACO").by_type == pytest.approx(0, abs=1e-9)

    @given(gap=st.floats(-5_000, 5_000), share=st.floats(0, 1))
    def test_within_caps_and_towards_the_region(self, gap, share):
        terms = RegionalTerms(percent_below=share, percent_above=share, negative="kept")
        found = regional_adjustment(EVEN, [10_000 + gap] * 4, EVEN, MIX, terms).per_capita
        assert -150 - 1e-6 <= found <= 500 + 1e-6
        assert found * gap >= 0
        assert abs(found) <= abs(gap) + 1e-6

    def test_ladder_by_rules(self):
        first, fourth = regional_terms(2024), regional_terms(2024, 4)
        assert (first.percent_below, first.percent_above) == (0.35, 0.15)
        assert (fourth.percent_below, fourth.percent_above) == (0.5, 0.5)
        assert regional_terms(2024, 9) == fourth
        assert (first.ceiling, first.floor, first.negative) == (0.05, -0.015, "removed")
        old = regional_terms(2019)
        assert (old.floor, old.negative) == (-0.05, "kept")
        assert regional_terms(2017).ceiling is None

    def test_faults(self):
        with pytest.raises(InputError, match="ceiling -0.02 stands below the floor 0.01"):
            regional_adjustment(EVEN, EVEN, EVEN, MIX, RegionalTerms(ceiling=-0.02, floor=0.01))
        with pytest.raises(InputError, match="agreements begun 2014 have none"):
            regional_terms(2014)
        with pytest.raises(InputError, match="application 0"):
            regional_terms(2024, 0)
        with pytest.raises(InputError, match="the type 'ESRD' is missing"):
            regional_adjustment(EVEN, {"disabled": 1.0, "aged/dual": 1.0, "aged/non-dual": 1.0}, EVEN, MIX)
        with pytest.raises(ValidationError, match="percent_below"):
            RegionalTerms(percent_below=35.0)


class TestPriorSavings:
    def test_half_of_the_average_up_to_the_cap(self):
        assert prior_savings_adjustment([300, 0, 600]).per_capita == 150
        assert prior_savings_adjustment([3_000, 3_000, 3_000], ceiling=500).per_capita == 500
        assert prior_savings_adjustment([-300, 0, -600]).per_capita == 0

    @given(savings=st.lists(st.floats(-2_000, 2_000), min_size=3, max_size=3), share=st.floats(0, 1))
    def test_bounds(self, savings, share):
        found = prior_savings_adjustment(savings, share=share, ceiling=600).per_capita
        assert 0 <= found <= min(600, max(0, max(savings)) + 1e-9)

    def test_the_higher_of_both(self):
        region = regional_adjustment(EVEN, [11_000] * 4, EVEN, MIX)
        assert benchmark_adjustment(region, prior_savings_adjustment([1_000] * 3)).per_capita == 500
        assert benchmark_adjustment(region, 100.0).per_capita == pytest.approx(350)
        both = benchmark_adjustment(np.array([1.0, 5.0]), np.array([2.0, 4.0]))
        assert both.per_capita.tolist() == [2, 5]
        assert list(benchmark_adjustment(1.0, 2.0).to_frame().columns) == ["all types"]

    def test_vector_equals_scalar(self):
        table = np.random.default_rng(5).normal(100, 300, (5, 3))
        assert prior_savings_adjustment(table).per_capita.tolist() == [
            prior_savings_adjustment(row).per_capita for row in table
        ]

    @pytest.mark.parametrize(
        ("call", "words"),
        [
            (lambda: prior_savings_adjustment([1, np.nan]), "a missing year is not zero"),
            (lambda: prior_savings_adjustment([1], share=50), "the share is 50"),
            (lambda: prior_savings_adjustment([1], ceiling=-1), "the ceiling is -1"),
            (lambda: benchmark_adjustment(np.nan, 1.0), "a missing adjustment is not zero"),
            (lambda: benchmark_adjustment(1.0, 2.0).by_type, "no figures by type"),
        ],
    )
    def test_faults(self, call, words):
        with pytest.raises(InputError, match=words):
            call()


YEARS = range(2013, 2022)


class TestRebasing:
    @given(growth=st.floats(0.95, 1.1), level=people)
    def test_on_trend_rebasing_changes_nothing(self, growth, level):
        spent = frame(np.outer(growth ** np.arange(9), level * 10_000), YEARS)
        found = rebase(spent, frame(growth, YEARS), first_performance_year=2016, agreement_years=3).years
        assert found["effect"].to_numpy() == pytest.approx(np.zeros(6), abs=1e-6)
        assert found["savings"].to_numpy() == pytest.approx(np.zeros(6), abs=1e-6)

    def test_savings_are_lost_and_half_given_back(self):
        spent = frame(10_000.0, YEARS)
        spent.loc[2016:] *= 0.95
        terms = {"first_performance_year": 2016, "agreement_years": 3}
        found = rebase(spent, frame(1.0, YEARS), **terms).years
        assert found["savings"].tolist() == pytest.approx([500, 500, 500, 0, 0, 0])
        assert found["savings_without"].tolist() == pytest.approx([500] * 6)
        half = rebase(spent, frame(1.0, YEARS), **terms, prior_savings_share=0.5)
        assert half.years["effect"].tolist() == pytest.approx([0, 0, 0, -250, -250, -250])
        capped = rebase(spent, frame(1.0, YEARS), **terms, prior_savings_share=0.5, prior_savings_ceiling=100).years
        assert capped["prior_savings"].tolist() == pytest.approx([0, 0, 0, 100, 100, 100])
        assert "after the first agreement move by −$250.00" in repr(half)
        assert half.years["base_years"].unique().tolist() == ["2013-2015", "2016-2018"]

    def test_what_was_given_back_counts_as_saved_in_the_third_agreement(self):
        spent = frame(10_000.0, range(2013, 2023))
        spent.loc[2016:] *= 0.95
        found = rebase(spent, spent * 0 + 1.0, first_performance_year=2016, agreement_years=3, prior_savings_share=0.5)
        assert found.years["prior_savings"].tolist() == pytest.approx([0, 0, 0, 250, 250, 250, 125])

    def test_a_year_agrees_with_the_historical_benchmark_and_its_update(self):
        rng = np.random.default_rng(7)
        spent, risk, growth = (frame(rng.uniform(0.9, 1.1, (9, 4)), YEARS) for _ in range(3))
        spent, counts = spent * 10_000, frame(rng.uniform(1, 9, (9, 4)), YEARS)
        found = rebase(spent, growth, first_performance_year=2016, agreement_years=5, risk=risk, person_years=counts)
        step = growth.loc[2015] * growth.loc[2014]
        trend = np.array([step, growth.loc[2015]])
        history = historical_benchmark(
            spent.loc[2013:2015].to_numpy(), risk.loc[2013:2015].to_numpy(), counts.loc[2015], trend
        )
        later = growth.loc[2016] * growth.loc[2017]
        updated = blended_update(
            history, later, later, 1.0, counts.loc[2017], risk_ratio=risk.loc[2017] / risk.loc[2015]
        )
        assert found.years.loc[2017, "benchmark"] == pytest.approx(updated.per_capita)
        last = risk.loc[2018:2020].to_numpy(), counts.loc[2020], [growth.loc[2020] * growth.loc[2019], growth.loc[2020]]
        again = historical_benchmark(spent.loc[2018:2020].to_numpy(), *last, weights=EQUAL)
        step = growth.loc[2021]
        renewed = blended_update(again, step, step, 1.0, counts.loc[2021], risk_ratio=risk.loc[2021] / risk.loc[2020])
        assert found.years.loc[2021, "rebased"] == pytest.approx(renewed.per_capita)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"first_performance_year": 2015}, "expenditures: the year 2012 is missing"),
            ({"first_performance_year": 2030}, "before the first performance year 2030"),
            ({"agreement_years": 0}, "an agreement of 0 years"),
            ({"growth": frame(0.0, YEARS)}, "growth: found 0; above zero"),
            ({"person_years": frame(1.0, range(2014, 2022))}, "person years: the year 2013 is missing"),
        ],
    )
    def test_faults(self, change, words):
        given = {"growth": frame(1.0, YEARS), "first_performance_year": 2016, "agreement_years": 3, **change}
        with pytest.raises(InputError, match=words):
            rebase(frame(10_000.0, YEARS), **given)


PRINTED_TYPES = ("ESRD", "DISABLED", "AGED/DUAL", "AGED/NON-DUAL")
HEADER = "Year,State Name,County Name,State ID,County ID" + "".join(
    f",Per capita {t} expenditures,Average {t} HCC risk score,{t} person-years " for t in PRINTED_TYPES
)
ONE = "2018,Alabama,Autauga,1,0,64000,0.9,50,8000,0.8,600,16000,1.0,200,9000,1.1,3000"
TWO = "2018,Alaska,Bethel,2,50,*,*,*,12000,1.2,200,20000,1.0,100,11000,0.9,1000"


@pytest.fixture(scope="module")
def counties(tmp_path_factory):
    path = tmp_path_factory.mktemp("counties") / "county.csv"
    path.write_text("\n".join([HEADER, ONE, TWO]) + "\n")
    return read_counties(path)


class TestRegion:
    def test_means_by_county_mix(self, counties):
        region = regional_figures(counties, {"01000": 20.0, "02050": 20.0})
        assert region.per_capita["aged/non-dual"] == pytest.approx(10_000)
        nation = (1.1 * 3_000 + 0.9 * 1_000) / 4_000
        assert region.risk["aged/non-dual"] == pytest.approx(1.0 / nation)
        assert national_figures(counties).loc["aged/non-dual", "risk"] == pytest.approx(nation)

    def test_suppressed_cells_are_named_with_person_years(self, counties):
        region = regional_figures(counties, {"01000": 30.0, "02050": 10.0})
        assert region.findings == (
            "Bethel, Alaska (02050): ESRD is suppressed; 10.0 person years of the ACO are left out of the mix.",
        )
        assert region.figures["suppressed"].tolist() == [10, 0, 0, 0]
        assert region.per_capita["ESRD"] == 64_000
        assert "left out of the mix" in repr(region)

    def test_market_share_by_type(self, counties):
        mix = frame([[5, 60, 20, 300], [0, 0, 0, 100]], ["01000", "02050"])
        assert regional_figures(counties, mix).figures["market_share"].tolist() == pytest.approx([0.1] * 4)

    @settings(max_examples=20)
    @given(k=st.floats(0.01, 100), first=st.floats(0.1, 1))
    def test_only_the_mix_matters(self, counties, k, first):
        mix = pd.Series({"01000": first, "02050": 1 - first})
        low, high = sorted(counties.per_capita["aged/dual"])
        found = regional_figures(counties, mix).per_capita
        assert low - 1e-6 <= found["aged/dual"] <= high + 1e-6
        assert regional_figures(counties, k * mix).per_capita.to_numpy() == pytest.approx(found.to_numpy())

    def test_the_nation_as_a_mix_is_the_nation(self, counties):
        region = regional_figures(counties, counties.person_years.fillna(0.0))
        assert region.risk.tolist() == pytest.approx([1.0] * 4)
        assert region.per_capita.tolist() == pytest.approx(national_figures(counties)["per_capita"].tolist())
        assert region.figures["market_share"].tolist() == pytest.approx([1.0] * 4)

    @pytest.mark.parametrize(
        ("mix", "words"),
        [
            ({"01001": 5.0}, "'01001' is no county of .*Did you mean '01000'"),
            ({"02050": 5.0}, "no county with person years and a printed figure for ESRD"),
            ({"01000": -5.0}, "county 01000, ESRD: found -5"),
            ({"01000": float("nan")}, "found nan"),
            (pd.Series([1.0, 1.0], index=["01000", "01000"]), "county 01000 stands twice"),
            (pd.DataFrame({"ESRD": [1.0]}, index=["01000"]), "the type 'disabled' is missing"),
        ],
    )
    def test_faults_of_the_mix(self, counties, mix, words):
        with pytest.raises(InputError, match=words):
            regional_figures(counties, mix)

    @pytest.mark.parametrize(
        ("lines", "words"),
        [
            ([HEADER.replace("Average ESRD HCC risk score", "x"), ONE], "no column 'Average ESRD HCC risk score'"),
            ([HEADER, ONE, ONE], "row 3: a second row for county 01000"),
            ([HEADER, ONE.replace("64000", "many")], "row 2, column 'Per capita ESRD expenditures': found 'many'"),
            ([HEADER, ONE, TWO.replace("2018", "2019")], "2018, 2019; one year"),
            ([HEADER, ONE + ",1"], "row 2 has 18 cells"),
            ([HEADER, ONE.replace("Autauga,1,0", "Autauga,*,0")], "row 2: county '\\*', '0'"),
        ],
    )
    def test_faults_of_the_file(self, tmp_path, lines, words):
        path = tmp_path / "county.csv"
        path.write_text("\n".join(lines) + "\n")
        with pytest.raises(InputError, match=words):
            read_counties(path)


def test_every_rule_has_value_unit_and_source():
    table = rule_table("mssp_benchmark")
    for column in ("value", "unit", "source"):
        assert (table[column].str.strip() != "").all(), column
    assert not table.duplicated(["parameter", "track", "effective_from", "agreement_from"]).any()


def test_types_by_name_or_by_place():
    assert by_type(pd.Series([4, 3, 2, 1], index=list(TYPES)[::-1]), "x").tolist() == [1, 2, 3, 4]
    with pytest.raises(InputError, match="'other' is no enrollment type"):
        by_type({**dict.fromkeys(TYPES, 1), "other": 1}, "x")


def test_trends_want_a_cohort():
    with pytest.raises(InputError, match=r"found a DataFrame; a cohort is wanted, such as cohorts\(file\)"):
        fit_national_trends(pd.DataFrame())
