"""Public use files of other years and shapes: made here from published cases, read without new code."""

import pytest

from acomodel import InputError
from acomodel.puf import read_puf
from acomodel.workbench.replay import replay


def write(path, header, *rows):
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def one(path, **options):
    return replay([path], **options).rows.iloc[0]


def test_2017_with_flags_and_dates_with_times(tmp_path):
    """Balance ACO 2017: paid 12,842,326, exactly 10 percent of its benchmark."""
    header = (
        "ACO_ID,ACO_Name,Current_Start_Date,Current_Track_1,Current_Track_2,Current_Track_3,N_AB,Sav_rate,MinSavPerc,"
    )
    header += "BnchmkMinExp,EarnSaveLoss,DisAdj,Met_QPS,QualScore,ABtotBnchmk,ABtotExp,FinalShareRate"
    row = "A9999,Balance,01/01/2017 12:00:00 AM,1,0,0,8000,0.2985,0.0310,38333745,12842326,,1,1,128423263,90089518,0.5"
    found = one(write(tmp_path / "PY2017_results.csv", header, row))
    assert found["within_rounding"]
    assert found["cut_by_cap"] > 0
    assert "held at the cap of 10% of benchmark" in found["explanation"]


def test_2015_without_track_columns(tmp_path):
    """Where no track is printed it is inferred from rate and threshold, and the row says so."""
    header = "aco_num,n_ab,sav_rate,minsavperc,earnsaveloss,qualscore,abtotbnchmk,abtotexp,finalsharerate"
    one_sided = "A1,15603,0.0326,0.0268,2832988,0.894308036,198546103,192081207,0.447154018"
    two_sided = "A2,9000,0.0500,0.0200,2940000,1,100000000,95000000,0.6"
    rows = replay([write(tmp_path / "puf_2015.csv", header, one_sided, two_sided)]).rows
    assert rows["within_rounding"].all()
    assert rows["rate_basis"].str.contains("inferred").all()
    assert rows["track"].tolist() == ["Track 1", "Track 2"]
    assert rows["msr_basis"].tolist() == ["size table", "set by the programme"]


def test_2021_with_track_codes_and_percent_signs(tmp_path):
    header = "ACO_ID,Current_Start_Date,Current_Track,N_AB,Sav_rate,MinSavPerc,EarnSaveLoss,Met_QPS,QualScore,"
    header += "ABtotBnchmk,ABtotExp,FinalShareRate"
    good = 'A1,07/01/2019,EN,74992,6.46%,2.00%,45867446,1,89.41%,"$966,116,777","$903,712,089",75.00%'
    failed = 'A2,07/01/2019,B,30324,5.00%,2.40%,0,0,20.00%,"$100,000,000","$95,000,000",0.00%'
    rows = replay([write(tmp_path / "py2021.csv", header, good, failed)]).rows
    assert rows["within_rounding"].all()
    assert rows["final_sharing_rate"].tolist() == [0.75, 0.0]
    assert "quality standard was not met" in rows["explanation"].iloc[1]


def test_2024_alternative_standard_reduced_rate_and_guardrail(tmp_path):
    header = "ACO_ID,Current_Start_Date,Current_Track,N_AB,MinSavPerc,EarnSaveLoss,Met_QPS,Met_AltQPS,QualScore,AIP,"
    header += "AIPRecoup,Guardrail,ABtotBnchmk,ABtotExp,FinalShareRate,ReducedSS,FinalLossRate,Rev_Exp_Cat"
    rows = [
        "A1,01/01/2022,E,20000,2.50%,1960000,1,0,80.00%,0,0,0,100000000,96000000,50.00%,0,30.00%,High Revenue",
        "A2,01/01/2022,E,20000,2.50%,980000,0,1,50.00%,0,0,0,100000000,96000000,25.00%,0,30.00%,High Revenue",
        "A3,01/01/2024,A,6000,3.60%,196000,1,0,80.00%,0,0,0,100000000,99000000,20.00%,1,,Low Revenue",
        "A4,01/01/2024,E,20000,0.00%,0,1,0,80.00%,0,0,1,100000000,99900000,50.00%,0,30.00%,High Revenue",
        "A5,01/01/2022,EN,20000,0.00%,-600000,1,0,80.00%,0,0,0,100000000,101500000,75.00%,0,40.00%,High Revenue",
    ]
    result = replay([write(tmp_path / "puf_2024.csv", header, *rows)]).rows
    assert result["computed"].tolist() == pytest.approx(result["published"].tolist())
    assert result["within_rounding"].all()
    assert result["rate_agrees"].all()
    assert "guardrail" in result["explanation"].iloc[3]
    assert "reduced rate" in result["explanation"].iloc[2]


def test_six_month_period_of_2019_halves_the_printed_adjustment(tmp_path):
    header = (
        "ACO_ID,Current_Start_Date,Current_Track_1,Current_Track_1_Plus,N_AB,MinSavPerc,EarnSaveLoss,DisAdj,Met_QPS,"
    )
    header += "QualScore,UpdatedBnchmk,N_AB_Year_PY,ABtotBnchmk,ABtotExp,FinalShareRate"
    row = "A1,01/01/2018,0,1,9000,0.0000,-295000,-10000,1,0.9,10000,8000,40000000,41000000,0.45"
    found = one(write(tmp_path / "puf_2019.csv", header, row))
    assert found["computed"] == pytest.approx(-295_000)
    assert "six-month performance period" in found["explanation"]


def test_a_year_beyond_the_rules_takes_the_newest(tmp_path):
    header = "ACO_ID,Current_Track,N_AB,MinSavPerc,EarnSaveLoss,Met_QPS,QualScore,ABtotBnchmk,ABtotExp,FinalShareRate"
    row = "A1,E,20000,2.50%,1960000,1,80.00%,100000000,96000000,50.00%"
    found = one(write(tmp_path / "py2026.csv", header, row))
    assert found["within_rounding"]
    assert "its newest row stands in for 2026" in found["explanation"]


HEADER = "ACO_ID,Current_Start_Date,Current_Track,N_AB,MinSavPerc,EarnSaveLoss,Met_QPS,QualScore,ABtotBnchmk,ABtotExp"
ROW = "A1,01/01/2022,E,20000,2.50%,1960000,1,80.00%,100000000,96000000"


def test_year_may_be_given_and_units_are_decided_from_values(tmp_path):
    path = write(tmp_path / "results.csv", HEADER.replace("MinSavPerc", "MinSavPerc (%)"), ROW.replace("2.50%", "2.5"))
    found = read_puf(write(tmp_path / "results.csv", HEADER, ROW.replace("2.50%", "2.5")), year=2022)
    assert found.table["msr"].iloc[0] == 0.025
    assert any("bears no sign but holds percents" in said for said in found.decisions)
    assert path.exists()


def test_a_word_in_place_of_a_score_counts_in_full(tmp_path):
    header = (
        "ACO_Num,Start_Date,Track1,Track2,N_AB,MinSavPerc,EarnSaveLoss,QualScore,ABtotBnchmk,ABtotExp,FinalShareRate"
    )
    rows = [
        "A1,01/01/2014,1,0,9999,3,2450000,P4R,100000000,95000000,0.5",
        "A2,01/01/2014,1,0,9999,3,0,P4R,100000000,95000000,0",
    ]
    result = replay([write(tmp_path / "puf_2014.csv", header, *rows)]).rows
    assert result["within_rounding"].all()
    assert "only that rate shows that reporting was not complete" in result["rate_basis"].iloc[1]


@pytest.mark.parametrize(
    ("name", "header", "rows", "words"),
    [
        ("results.csv", HEADER, [ROW], "name it with --year"),
        ("puf_2019.csv", HEADER, [ROW], "begins in 2022, after performance year 2019"),
        ("puf_2030.csv", HEADER, [ROW], "wrong year's file"),
        ("puf_2022.csv", HEADER, [ROW.replace("A1", "")], "identifier of the ACO is empty"),
        ("puf_2022.csv", HEADER, [ROW.replace("01/01/2022", "43647x")], "a date is wanted"),
        (
            "puf_2018.csv",
            "ACO_ID,Track1,Track2,N_AB,EarnSaveLoss,QualScore,ABtotBnchmk,ABtotExp",
            ["A,1,1,9999,0,1,9,9"],
            "two tracks",
        ),
        ("puf_2022.csv", HEADER + ",n_ab", [ROW + ",1"], "two columns are named like 'N_AB'"),
        ("puf_2022.csv", ",,", [",,"], "nothing but commas"),
        ("puf_2016.csv", HEADER.replace("01/", "") + ",year", [ROW.replace("2022", "2018") + ",2018"], "are of 2018"),
        ("puf_2022.csv", HEADER, [ROW, ROW], "row 3: a second row for ACO A1"),
        ("puf_2022.csv", HEADER, [ROW.replace("96000000", "*")], r"found '\*'; total expenditures is needed"),
        ("puf_2022.csv", HEADER, [ROW.replace("96000000", "n.k.")], "found 'n.k.'; a number is wanted"),
        ("puf_2022.csv", HEADER, [ROW.replace(",E,", ",Z,")], "found 'Z'; one of"),
        ("puf_2022.csv", HEADER, [ROW + ",1"], "row 2 has 11 cells; the header has 10"),
        ("puf_2022.csv", HEADER.replace("ABtotBnchmk", "Bench"), [ROW], "no column for total benchmark"),
        ("puf_2022.csv", HEADER.replace("EarnSaveLoss", "Paid"), [ROW], "earned savings and owed losses"),
        ("puf_2016.csv", HEADER, [ROW.replace("2022", "2016")], "'BASIC E' did not exist in 2016"),
        ("puf_2022.csv", HEADER, [ROW.replace("100000000", "0")], "benchmark is 0; above zero"),
        ("puf_2022.csv", HEADER, [], "no rows"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, header, rows, words):
    with pytest.raises(InputError, match=words):
        replay([write(tmp_path / name, header, *rows)])


def changed(values, row=ROW):
    """The good row with some cells exchanged."""
    cells = dict(zip(HEADER.split(","), row.split(","), strict=True)) | values
    return ",".join(cells.values())


@pytest.mark.parametrize("earned", ["1960002", "1959998", "1960100", "0", "-1960000"])
def test_an_amount_that_the_digits_do_not_allow_is_not_within(tmp_path, earned):
    found = one(write(tmp_path / "puf_2022.csv", HEADER, changed({"EarnSaveLoss": earned})))
    assert not found["within_rounding"]
    assert abs(found["highest"] - found["lowest"]) < 2


@pytest.mark.parametrize(("earned", "within"), [("0", True), ("1470000", True), ("777777", False)])
def test_an_open_threshold_allows_both_ends_and_nothing_between(tmp_path, earned, within):
    values = {"N_AB": "10000", "MinSavPerc": "3.00%", "ABtotExp": "97000000", "EarnSaveLoss": earned}
    found = one(write(tmp_path / "puf_2022.csv", HEADER, changed(values)))
    assert found["within_rounding"] == within


def test_half_units_follow_the_printed_digits(tmp_path):
    rows = [ROW, changed({"ACO_ID": "A2", "QualScore": "81.5%", "ABtotExp": "95000000.25"})]
    half = read_puf(write(tmp_path / "puf_2022.csv", HEADER, *rows)).half_unit
    assert half["quality_score"].tolist() == pytest.approx([5e-5, 5e-5])
    assert half["benchmark"].tolist() == [0.5, 0.5]
    assert half["actual"].tolist() == pytest.approx([0.005, 0.005])
    assert half["members"].tolist() == [0, 0]


def test_a_missing_score_falls_back_to_the_published_rate_and_its_rounding(tmp_path):
    header = "ACO_ID,Current_Track_1,N_AB,EarnSaveLoss,QualScore,ABtotBnchmk,ABtotExp,FinalShareRate"
    found = one(write(tmp_path / "puf_2018.csv", header, "A1,1,10000,2205400,*,100000000,95000000,0.45"))
    assert found["computed"] == pytest.approx(2_205_000)
    assert found["within_rounding"]
    assert "the published final rate" in found["rate_basis"]


def test_a_word_among_percents_counts_in_full(tmp_path):
    header = "ACO_ID,Track1,N_AB,EarnSaveLoss,QualScore,ABtotBnchmk,ABtotExp,FinalShareRate"
    rows = ["A1,1,10000,2450000,P4R,100000000,95000000,0.5", "A2,1,10000,1960000,80%,100000000,95000000,0.4"]
    assert replay([write(tmp_path / "puf_2015.csv", header, *rows)]).rows["within_rounding"].all()


def test_a_plus_sign_is_part_of_a_name(tmp_path):
    header = "ACO_ID,Current_Track_1,Current_Track_1+,N_AB,MinSavPerc,EarnSaveLoss,QualScore,ABtotBnchmk,ABtotExp"
    found = one(write(tmp_path / "puf_2018.csv", header, "A1,0,1,10000,0,-1500000,1,100000000,105000000"))
    assert found["track"] == "Track 1+"
    assert found["within_rounding"]


def test_a_suppressed_payment_is_not_zero(tmp_path):
    header = "ACO_ID,Track 2 ACO,N_AB,Quality Score,ABtotBnchmk,ABtotExp,Shared Savings ($),Shared Losses ($)"
    rows = ["A1,0,10000,1,100000000,100000000,*,", "A2,0,10000,1,100000000,100000000,,"]
    result = replay([write(tmp_path / "puf_2013.csv", header, *rows)]).rows
    assert result["within_rounding"].tolist() == [False, True]
    assert "no payment to compare with" in result["explanation"].iloc[0]


def test_a_small_aco_and_a_strange_optional_cell_do_not_stop_the_file(tmp_path):
    header = HEADER.replace("EarnSaveLoss", "EarnSaveLoss,Sav_rate,Prorate_Shared_Losses")
    rows = [
        "A1,01/01/2022,A,60,30.00%,0,n/a%,0.5,1,80.00%,100000,99000",
        ROW.replace("1960000", "1960000,4.00%,0").replace("A1", "A2"),
    ]
    file = read_puf(write(tmp_path / "puf_2022.csv", header, *rows))
    assert sum("left blank" in said for said in file.decisions) == 2
    result = replay([file.path]).rows
    assert result["within_rounding"].all()
    assert "too few" in result["msr_basis"].iloc[0]


def test_a_threshold_that_is_not_offered_is_said(tmp_path):
    found = one(write(tmp_path / "puf_2022.csv", HEADER, changed({"MinSavPerc": "1.20%"})))
    assert found["msr_basis"].startswith("size table: the printed 1.2000% is neither")


def test_reduced_rate_flag_goes_before_a_printed_threshold_of_zero(tmp_path):
    header, row = HEADER + ",ReducedSS", ROW.replace("01/01/2022", "01/01/2024") + ",1"
    row = row.replace("2.50%", "0.00%").replace("1960000", "245000").replace("96000000", "99000000")
    assert one(write(tmp_path / "puf_2024.csv", header, row))["within_rounding"]


def test_one_settlement_in_two_files(tmp_path):
    paths = [write(tmp_path / f"{n}_2022.csv", HEADER, ROW) for n in "ab"]
    with pytest.raises(InputError, match="more than one of the files"):
        replay(paths)
