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
    assert rows["track"].tolist() == ["", ""]
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
    assert one(write(tmp_path / "py2026.csv", header, row))["within_rounding"]


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


def test_one_settlement_in_two_files(tmp_path):
    paths = [write(tmp_path / f"{n}_2022.csv", HEADER, ROW) for n in "ab"]
    with pytest.raises(InputError, match="more than one of the files"):
        replay(paths)
