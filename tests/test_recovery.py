"""Estimates held against the truth that synthetic claims were made with."""

import json

import duckdb
import numpy as np
import pandas as pd
import pytest

from acomodel.claims.attribution import AttributionRule, attribute
from acomodel.claims.completion import CompletionSettings
from acomodel.claims.incurred import experience
from acomodel.claims.population import everyone
from acomodel.claims.runoff import complete
from acomodel.claims.synthetic import SyntheticSettings, write_book
from acomodel.claims.tables import read_dataset


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recovery") / "book"
    write_book(SyntheticSettings(members=6000, months=36, start="2021-01", seed=11), folder)
    return folder


def usual_doctors(folder, year=2023):
    truth = pd.read_parquet(folder / "truth.parquet")
    return truth[truth["year"] == year].set_index("member_id")["usual_provider"]


def hits(folder, **rule):
    found = attribute(read_dataset(folder), AttributionRule("dartmouth", 12, **rule), "2023-12-31").to_frame()
    usual = usual_doctors(folder).reindex(found["member_id"])
    return found["provider_id"].to_numpy() == usual.to_numpy()


def test_the_usual_doctor_is_always_found_where_nobody_strays(tmp_path):
    faithful = {"usual_doctor_share": 1.0, "churn_doctor": 0.0, "movers": 0.0}
    write_book(SyntheticSettings(members=1500, months=12, start="2023-01", seed=2, **faithful), tmp_path / "book")
    found = attribute(read_dataset(tmp_path / "book"), AttributionRule("dartmouth", 12), "2023-12-31").to_frame()
    classes = pd.read_parquet(tmp_path / "book" / "providers.parquet").set_index("provider_id")
    of = classes.loc[found["provider_id"]]
    physician = ((of["provider_class"] == "primary") & ~of["specialty"].isin(["50", "89", "97"])).to_numpy()
    usual = usual_doctors(tmp_path / "book").reindex(found["member_id"]).to_numpy()
    assert (found["provider_id"].to_numpy() == usual)[physician].mean() > 0.995
    assert physician.sum() > 500


def test_the_usual_doctor_is_found_as_often_as_the_visits_allow(book):
    """Counted from the visits themselves: at least where it leads alone, at most where it leads or is even."""
    visits = duckdb.sql(
        f"""WITH days AS (SELECT member_id, provider_id, count(DISTINCT service_date) AS n FROM '{book}/claims.parquet'
            JOIN (SELECT provider_id, provider_class FROM '{book}/providers.parquet') USING (provider_id)
            WHERE provider_class = 'primary' AND service_category = 'Primary Care' AND units > 0
            AND service_date >= DATE '2023-01-01' AND service_date <= DATE '2023-12-31' GROUP BY ALL)
        SELECT member_id, provider_id, n = max(n) OVER m AS leads, count(*) FILTER (n = most) OVER m AS leaders FROM
            (SELECT *, max(n) OVER (PARTITION BY member_id) AS most FROM days) WINDOW m AS (PARTITION BY member_id)"""
    ).df()
    usual = usual_doctors(book)
    mine = visits[visits["provider_id"] == usual.reindex(visits["member_id"]).to_numpy()]
    members = visits["member_id"].nunique()
    alone = (mine["leads"] & (mine["leaders"] == 1)).sum() / members
    at_most = mine["leads"].sum() / members
    found = attribute(read_dataset(book), AttributionRule("dartmouth", 12), "2023-12-31").to_frame()
    found = found[found["member_id"].isin(visits["member_id"])]
    rate = (found["provider_id"].to_numpy() == usual.reindex(found["member_id"]).to_numpy()).mean()
    assert alone - 0.005 <= rate <= at_most + 0.005
    assert 0.5 < rate < 0.95


def test_payment_lags_put_in_come_out_within_their_errors(book):
    data = read_dataset(book)
    ours = experience(data, everyone(data, [2021, 2022, 2023]))
    rule = CompletionSettings(method="chain_ladder", averaged_months=24, development_months=15)
    exposure = ours.exposure["member_months"]
    payments = ours.payments()
    payments = payments[payments["incurred_month"] <= pd.Period("2023-12")]
    found = complete(payments, exposure[:36], rule)
    curves = json.loads((book / "truth.json").read_text())["lags"]
    scores = []
    for (name, kind), pattern in found.patterns.items():
        if kind == "units" and name in curves and pattern.source == "own":
            true = np.array(curves[name])
            ages = pattern.development.iloc[1:10]
            for lag, row in ages.iterrows():
                if row["standard_error"] > 1e-6:
                    scores.append((row["age_to_age"] - true[lag + 1] / true[lag]) / row["standard_error"])
    scores = np.array(scores)
    assert len(scores) > 60
    assert np.mean(np.abs(scores) < 2) > 0.8 and np.mean(np.abs(scores) < 4) > 0.95
    assert abs(np.median(scores)) < 0.6
