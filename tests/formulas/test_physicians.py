"""Physicians against peers at their own mix: cost, quality, referrals, panels."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acomodel.claims.care import peers
from acomodel.claims.care.episodes import find_episodes
from acomodel.claims.care.panels import ALL, SELF, counted_groups, panel_costs, referral_costs
from acomodel.claims.care.peers import PhysicianSettings, own_mix
from acomodel.claims.care.physicians import cost_of_care, cost_of_panels, episode_cells, quality_of_care
from acomodel.claims.care.referrals import marks, referrals
from acomodel.claims.population import assign, everyone
from acomodel.claims.synthetic import SyntheticSettings, write_book
from acomodel.claims.tables import read_dataset
from acomodel.inputs import InputError
from acomodel.rates import pmpm
from acomodel.reliability import misclassified


def simulated(physicians=40, episodes=60, spread=0.3, seed=1, specialty="06"):
    """Episodes of physicians with known true ratios: two cells of different cost, gamma costs."""
    rng = np.random.default_rng(seed)
    truth = pd.Series(1 + spread * rng.standard_normal(physicians), [f"D{i:02d}" for i in range(physicians)]).clip(0.2)
    rows = []
    for name, level in truth.items():
        severity = 1 + (rng.random(episodes) < rng.uniform(0.1, 0.6)).astype(int)
        mean = np.where(severity == 1, 500.0, 2_000.0) * level
        rows.append(pd.DataFrame({"physician": name, "severity": severity, "cost": rng.gamma(2.0, mean / 2.0)}))
    frame = pd.concat(rows, ignore_index=True)
    return frame.assign(specialty=specialty, condition="CHF", complete=True, outlier=False), truth


@pytest.fixture(scope="module")
def cells():
    return episode_cells(simulated()[0])


def test_only_complete_normal_attributed_episodes_count():
    frame, _ = simulated(physicians=2, episodes=10)
    frame.loc[0, "complete"], frame.loc[1, "outlier"], frame.loc[2, "physician"] = False, True, None
    found = episode_cells(frame)
    assert found["units"].sum() == 17 and found["observed"].sum() == pytest.approx(frame["cost"][3:].sum())


def test_observed_add_up_to_expected(cells):
    both = pd.concat([cells, cells.assign(specialty="11", observed=cells["observed"] * 2)])
    both["physician"] += both["specialty"]
    found = cost_of_care(both).physicians.groupby("specialty")[["observed", "expected"]].sum()
    assert found["observed"].to_numpy() == pytest.approx(found["expected"].to_numpy())


counts = st.integers(1, 30)


@given(
    st.lists(st.tuples(counts, st.floats(1, 1e4), counts, st.floats(1, 1e4)), min_size=2, max_size=6), st.floats(0.1, 9)
)
def test_expected_is_observed_in_total_and_scales(rows, factor):
    frame = pd.DataFrame(
        [
            {"physician": i, "specialty": "06", "cell": cell, "units": n, "exposure": float(n), "observed": n * cost}
            for i, (n, cost, m, other) in enumerate(rows)
            for cell, n, cost in (("a", n, cost), ("b", m, other))
        ]
    ).assign(squares=np.nan)
    found = own_mix(frame, ["cell"])
    assert found["expected"].sum() == pytest.approx(frame["observed"].sum())
    scaled = own_mix(frame.assign(observed=frame["observed"] * factor), ["cell"])
    assert scaled["expected"].to_numpy() == pytest.approx(found["expected"].to_numpy() * factor)
    ratios = found.groupby("physician")[["observed", "expected"]].sum()
    assert (ratios["observed"] / ratios["expected"]).between(0, np.inf, inclusive="neither").all()


def test_own_mix_takes_away_what_the_mix_explains():
    """Two physicians who cost the same for the same, one with the harder cases, are both at 1."""
    rows = pd.DataFrame(
        {"physician": ["easy", "easy", "hard", "hard"], "severity": [1, 2, 1, 2], "units": [90, 10, 10, 90]}
    )
    rows = rows.assign(specialty="06", exposure=rows["units"].astype(float), squares=np.nan)
    rows["observed"] = rows["exposure"] * rows["severity"].map({1: 500.0, 2: 2000.0})
    found = own_mix(rows, ["severity"]).groupby("physician")[["observed", "expected"]].sum()
    assert (found["observed"] / found["expected"]).to_numpy() == pytest.approx([1.0, 1.0])


def test_leave_one_out_compares_with_the_others():
    rows = pd.DataFrame({"physician": ["A", "B", "C"], "severity": [1, 1, 2], "observed": [1000.0, 4000.0, 70.0]})
    rows = rows.assign(specialty="06", units=[10, 20, 1], exposure=[10.0, 20.0, 1.0], squares=np.nan)
    found = own_mix(rows, ["severity"], leave_one_out=True)
    assert list(found["peer_rate"]) == [200.0, 100.0]  # C has nobody to be compared with
    assert list(own_mix(rows, ["severity"])["peer_rate"].round(3)) == [166.667, 166.667, 70.0]


def test_variance_is_that_within_physicians():
    frame = pd.DataFrame({"physician": ["A", "A", "B", "B"], "cost": [90.0, 110.0, 290.0, 310.0]})
    frame = frame.assign(specialty="06", condition="CHF", severity=1, complete=True, outlier=False)
    found = own_mix(episode_cells(frame), ["condition", "severity"])
    assert list(found["error"]) == pytest.approx([2 * 200.0] * 2)  # (2 × 100 + 2 × 100) / (4 − 2), two cases each


def test_a_cell_of_one_case_has_the_usual_variance():
    """Two cases of 90 and 110 in the one cell, whose variance is 0.02 of the squared mean; one of 300 in the other."""
    frame = pd.DataFrame({"physician": ["A", "A", "B"], "severity": [1, 1, 2], "cost": [90.0, 110.0, 300.0]})
    frame = frame.assign(specialty="06", condition="CHF", complete=True, outlier=False)
    found = own_mix(episode_cells(frame), ["condition", "severity"])
    assert list(found["error"]) == pytest.approx([2 * 200.0, 0.02 * 300**2])


def test_more_cases_are_more_reliable_and_shrink_less():
    rule = PhysicianSettings(minimum_episodes=1)
    few, many = (cost_of_care(episode_cells(simulated(episodes=n)[0]), rule).physicians for n in (10, 200))
    assert few["reliability"].median() < 0.6 < 0.9 < many["reliability"].median()
    for found in (few, many):
        inside = (found["shrunk"] - 1).abs() <= (found["ratio"] - 1).abs() + 1e-12
        assert inside.all() and ((found["shrunk"] - 1) * (found["ratio"] - 1) >= 0).all()


def test_episodes_of_the_same_patients_are_worth_less():
    """Each episode twice over, as of the same patient, tells no more than once; as of another, it would."""
    frame, _ = simulated(episodes=30, spread=0.1)
    once = cost_of_care(episode_cells(frame.assign(patient=frame.index))).physicians
    twice = pd.concat([frame.assign(patient=frame.index)] * 2)
    again = cost_of_care(episode_cells(twice)).physicians
    believed = cost_of_care(episode_cells(twice.assign(patient=range(len(twice))))).physicians
    assert again["error_variance"].to_numpy() == pytest.approx(once["error_variance"].to_numpy(), rel=0.05)
    assert believed["error_variance"].to_numpy() == pytest.approx(once["error_variance"].to_numpy() / 2, rel=0.05)
    assert (again["reliability"] < believed["reliability"]).all()


def test_noise_alone_is_not_ranked():
    found = cost_of_care(episode_cells(simulated(spread=0.0, episodes=40)[0])).physicians
    assert not found["standing"].isin([peers.BELOW, peers.ABOVE]).any()
    assert found["ratio"].std() > 0.05  # though ratios differ


def test_those_who_stand_apart_do():
    frame, truth = simulated(episodes=150)
    found = cost_of_care(episode_cells(frame)).physicians.droplevel("specialty")
    below, above = (found.index[found["standing"] == word] for word in (peers.BELOW, peers.ABOVE))
    assert len(below) > 5 and len(above) > 5
    assert (truth[below] < 1).all() and (truth[above] > 1).all()


def test_intervals_cover_the_truth():
    hits = []
    for seed in range(5):
        frame, truth = simulated(episodes=30, seed=seed)
        found = cost_of_care(episode_cells(frame)).physicians.droplevel("specialty")
        level = truth.reindex(found.index) / truth.mean()
        hits += list((found["low"] <= level) & (level <= found["high"]))
    assert np.mean(hits) == pytest.approx(0.9, abs=0.05)


def test_raw_ranking_puts_more_in_the_wrong_class_than_we_do():
    """The least quarter by observed ratio against that by truth, beside what the reliabilities foretell."""
    frame, truth = simulated(physicians=120, episodes=60, spread=0.18, seed=4)
    rule = PhysicianSettings(minimum_reliability=0.0)
    found = cost_of_care(episode_cells(frame), rule).physicians.droplevel("specialty")
    level = truth.reindex(found.index) / truth.mean()
    quarter = int(0.25 * len(found))
    raw = ((found["ratio"].rank() <= quarter) != (level.rank() <= quarter)).mean()
    assert raw == pytest.approx(np.mean(misclassified(found["reliability"], 0.25)), abs=0.05)
    below, above = found["standing"] == peers.BELOW, found["standing"] == peers.ABOVE
    wrong = (below & (level >= 1)) | (above & (level <= 1))
    assert (below | above).sum() >= 20 and wrong.sum() <= 0.1 * (below | above).sum() and wrong.mean() < raw / 5


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"minimum_episodes": 61}, peers.FEW),
        ({"minimum_reliability": 0.999}, peers.UNRELIABLE),
        ({"minimum_peers": 41}, peers.NO_PEERS),
    ],
)
def test_nobody_is_judged_on_too_little(cells, change, word):
    assert set(cost_of_care(cells, PhysicianSettings(**change)).physicians["standing"]) == {word}


def test_order_of_rows_does_not_matter(cells):
    shuffled = cells.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(cost_of_care(cells).physicians, cost_of_care(shuffled).physicians)


def test_small_specialties_share_the_spread_of_all(cells):
    small = episode_cells(
        simulated(physicians=4, seed=9, specialty="11")[0].assign(physician=lambda f: f["physician"] + "x")
    )
    found = cost_of_care(pd.concat([cells, small])).spread
    assert found["06"] == pytest.approx(cost_of_care(cells).spread["06"]) and found["11"] > 0


RESULTS = pd.DataFrame(
    {
        "physician": ["A", "A", "B", "B"],
        "specialty": "11",
        "measure": ["x", "y", "x", "y"],
        "numerator": [50, 2, 70, 8],
        "denominator": [100, 10, 100, 10],
    }
)


def test_quality_at_ones_own_opportunities():
    found = quality_of_care(RESULTS)
    assert found.cells["peer_rate"].tolist() == pytest.approx([0.6, 0.5, 0.6, 0.5])
    assert found.summary().loc[("11", "A"), "peers"] == pytest.approx((100 * 0.6 + 10 * 0.5) / 110)
    assert (found.cells["low"] <= found.cells["observed"] / found.cells["exposure"]).all()


def test_lower_is_better_where_it_says_so():
    better = ["higher", "lower", "higher", "lower"]
    found = quality_of_care(RESULTS.assign(better=better)).cells
    assert found["observed"].tolist() == [50.0, 8.0, 70.0, 2.0]


@pytest.mark.parametrize("bad", [{"numerator": [50, 11, 70, 8]}, {"numerator": [50, -1, 70, 8]}])
def test_numerator_above_its_denominator(bad):
    with pytest.raises(InputError, match=r"measures: 'y' of A: found (11|-1) of 10"):
        quality_of_care(RESULTS.assign(**bad))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda cells: cost_of_care(cells.iloc[:0]), "no episodes to compare"),
        (
            lambda cells: cost_of_care(cells, rates=pd.Series({("CHF", 1): 5.0})),
            "no rate for condition CHF, severity 2",
        ),
        (lambda cells: cost_of_care(pd.concat([cells, cells])), "two rows of one cell"),
        (lambda cells: cost_of_care(cells.assign(exposure=0.0)), "exposure above zero"),
        (
            lambda cells: cost_of_care(cells[cells["physician"] == "D00"], PhysicianSettings(leave_one_out=True)),
            "another",
        ),
        (lambda cells: episode_cells(simulated(2, 5)[0], ["Gout"]), "no episode of 'Gout'; found CHF"),
    ],
)
def test_wrong_input(cells, call, words):
    with pytest.raises(InputError, match=words):
        call(cells)


@given(st.lists(st.floats(1, 200), min_size=1, max_size=30))
@settings(max_examples=20)
def test_marks_never_reach_beyond_what_their_number_allows(totals):
    series = pd.Series(totals)
    found = marks(series, pd.Series("08", index=series.index))
    assert (found.loc[found["mark"] != "", "mean"] < series[found["mark"] != ""]).all()
    if (len(totals) - 1) / len(totals) ** 0.5 <= 2:
        assert not (found["mark"] == "^^").any()


def test_marks_are_of_ones_own_specialty():
    totals = pd.Series([10.0] * 8 + [20.0] + [100.0] * 9)
    found = marks(totals, pd.Series(["08"] * 9 + ["11"] * 9))["mark"]
    assert list(found) == [""] * 8 + ["^^"] + [""] * 9


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    folder = tmp_path_factory.mktemp("physicians") / "book"
    made = SyntheticSettings(members=700, months=24, start="2021-01", aco_share=1.0, practice_members=100)
    write_book(made, folder)
    dataset = read_dataset(folder)
    return dataset, assign(dataset, "ACO1", [2021, 2022])


@pytest.fixture(scope="module")
def panels(book):
    return panel_costs(*book, [2021, 2022])


@pytest.fixture(scope="module")
def costs(book):
    return referral_costs(*book, 2022)


def test_panels_hold_every_attributed_member_and_dollar(book, panels):
    from acomodel.claims.members import member_years

    dataset, population = book
    members = member_years(dataset, population, [2021, 2022])
    assert panels["member_months"].sum() == pytest.approx(members["months"].sum())
    assert panels["allowed"].sum() == pytest.approx(members["allowed"].sum())
    assert panels["members"].sum() == len(members) and "member_id" not in panels
    capped = panel_costs(dataset, population, [2022], limit=20_000.0)
    assert capped["allowed"].sum() == pytest.approx(members.query("year == 2022")["allowed"].clip(upper=20_000).sum())


def test_panels_are_compared_at_their_own_age_and_sex(panels):
    found = cost_of_panels(panels, PhysicianSettings(minimum_member_months=100))
    sums = found.physicians.groupby("specialty")[["observed", "expected"]].sum()
    assert sums["observed"].to_numpy() == pytest.approx(sums["expected"].to_numpy())
    assert set(found.cells["year"]) == {2022}
    with pytest.raises(InputError, match="no member months of 1999"):
        cost_of_panels(panels, year=1999)


def test_panels_need_an_attribution(book):
    dataset, population = book
    with pytest.raises(InputError, match="no attribution"):
        panel_costs(dataset, everyone(dataset, [2022]), [2022])
    with pytest.raises(InputError, match="found the year 2030"):
        referral_costs(dataset, population, 2030)


def test_referrals_add_up_to_what_the_panels_cost(panels, costs):
    primary = costs["physician"].unique()
    whole = panels[(panels["year"] == 2022) & panels["physician"].isin(primary)]
    groups = costs[costs["group"] != ALL]
    assert groups["allowed"].sum() == pytest.approx(whole["allowed"].sum())
    counted = [name for name, yes in counted_groups().items() if yes]
    total = costs[costs["group"] == ALL]
    assert total["allowed"].sum() == pytest.approx(groups.loc[groups["group"].isin(counted), "allowed"].sum())
    assert total["member_months"].sum() == pytest.approx(whole["member_months"].sum())


def test_own_services_are_those_a_pcp_rendered_to_members_of_the_panel(book, costs):
    dataset, population = book
    members = population.attributions[1].members.to_pandas()
    lines = dataset.claims.filter(dataset.claims.service_date.year() == 2022).to_pandas()
    own = lines.merge(members.query("aco_id == 'ACO1'"), on=["member_id", "provider_id"])
    windows = population.windows.to_pandas()
    covered = own.merge(windows, on="member_id", suffixes=("", "_of")).query(
        "start_date <= service_date <= end_date_of"
    )
    spent = covered.groupby("provider_id")["allowed"].sum().astype(float)
    found = costs[costs["group"] == SELF].set_index("physician")["allowed"]
    assert found.to_numpy() == pytest.approx(spent.reindex(found.index).fillna(0).to_numpy()) and found.sum() > 0


def test_referrals_leave_out_small_panels_and_mark_the_rest(costs):
    found = referrals(costs, PhysicianSettings(minimum_member_months=200))
    months = costs[costs["group"] == ALL].groupby("physician")["member_months"].sum()
    assert len(found.table) == (months >= 200).sum() and found.left_out == (months < 200).sum() > 0
    row = found.table.iloc[0]
    name = found.table.index[0][1]
    spent = costs[(costs["physician"] == name) & (costs["group"] == ALL)]["allowed"].sum()
    assert row["total"] == pytest.approx(pmpm(spent, row["member_months"]))
    assert set(found.profile.physicians["standing"]) <= {peers.ALIKE, peers.UNRELIABLE, peers.NO_PEERS, peers.ABOVE}
    with pytest.raises(InputError, match="no physician has 99,999,999 member months"):
        referrals(costs, PhysicianSettings(minimum_member_months=99_999_999))


def test_episodes_of_a_book_conserve_dollars(book):
    dataset, population = book
    found = find_episodes(dataset, population, [2021, 2022])
    spent = panel_costs(dataset, population, [2021, 2022])["allowed"].sum()
    assert 0 < found["cost"].sum() < spent
    profile = cost_of_care(episode_cells(found))
    assert profile.physicians["observed"].sum() == pytest.approx(profile.physicians["expected"].sum())
    assert "Ratio" in repr(profile)
