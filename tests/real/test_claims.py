"""Attribution and experience on real claims: what the files are known to hold."""

from pathlib import Path

import duckdb
import ibis
import pytest
from conftest import REAL

from acomodel.claims.attribution import AttributionRule, attribute
from acomodel.claims.incurred import ContractScope, experience
from acomodel.claims.ingest import ingest
from acomodel.claims.population import everyone
from acomodel.claims.tables import Dataset, read_dataset

NO_CLAIMS = pytest.mark.skipif(not (REAL / "tuva_demo").is_dir(), reason="no real claims in ../shared/data/tuva_demo")
ANY_VISIT = AttributionRule("dartmouth", 12, count_free_visits=True)


@pytest.fixture(scope="module")
def tuva(tmp_path_factory) -> tuple[Dataset, dict]:
    out = tmp_path_factory.mktemp("tuva") / "out"
    found = ingest(REAL / "tuva_demo", out, format="tuva")
    return read_dataset(out), {f.check: f for f in found}


@NO_CLAIMS
def test_pmpm_of_2018_and_the_trap_in_it(tuva):
    data, found = tuva
    months = experience(data, everyone(data, [2018])).exposure["member_months"]
    member_months = months[[m.year == 2018 for m in months.index]].sum()
    assert member_months == 820
    medical = data.claims.filter(data.claims.claim_type != "pharmacy").paid.sum().to_pandas()
    assert round(float(medical) / member_months, 2) == 629.59
    trap = found["repeated-claim-total"]
    assert round((float(medical) + trap.dollars) / member_months, 2) == 4841.80
    assert trap.dollars == pytest.approx(3_454_013.50) and not trap.fatal


@NO_CLAIMS
def test_dollars_of_the_real_book_are_conserved_to_the_cent(tuva):
    data, _ = tuva
    parts = experience(data, everyone(data, [2018]), ContractScope(member_months="days")).conservation()
    about = data.manifest["tables"]["claims"]
    assert parts.loc["Total", "lines"] == about["rows"] == 6075 + 612
    assert parts.loc["Total", "allowed"] == pytest.approx(about["sums"]["allowed"], abs=0.004)
    assert parts.loc["outside eligibility", "lines"] == 935


@NO_CLAIMS
def test_81_members_have_a_visit_and_60_are_ties(tuva):
    data, _ = tuva
    found = attribute(data, ANY_VISIT, "2018-12-31")
    assert len(found.to_frame()) == 81
    assert found.contested() == 60


@NO_CLAIMS
def test_one_of_the_81_had_nothing_allowed_and_falls_out(tuva):
    data, _ = tuva
    strict = attribute(data, AttributionRule("dartmouth", 12), "2018-12-31").to_frame()
    every = attribute(data, ANY_VISIT, "2018-12-31").to_frame()
    assert set(every["member_id"]) - set(strict["member_id"]) == {"12812"}


@NO_CLAIMS
@pytest.mark.parametrize("seed", [0.1, 0.7])
def test_attribution_is_stable_under_shuffling(tuva, seed, tmp_path):
    data, _ = tuva
    wanted = attribute(data, ANY_VISIT, "2018-12-31").to_frame()
    shuffled = Path(tmp_path / "claims.parquet")
    with duckdb.connect() as con:
        con.execute("SET threads = 1")
        con.execute(f"SELECT setseed({seed})")
        con.execute(f"COPY (SELECT * FROM '{data.path}/claims.parquet' ORDER BY random()) TO '{shuffled}'")
    backend = ibis.duckdb.connect()
    tables = {
        t: backend.read_parquet(str(data.path / f"{t}.parquet")) for t in ("eligibility", "providers", "diagnoses")
    }
    claims = backend.read_parquet(str(shuffled))
    other = Dataset(data.path, "duckdb", claims, **tables, manifest={}, findings=data.findings, connection=backend)
    assert attribute(other, ANY_VISIT, "2018-12-31").to_frame().equals(wanted)
