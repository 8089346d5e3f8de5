"""The same tables from DuckDB and PySpark; needs the extra `spark` and Java."""

import hashlib
import shutil

import pandas as pd
import pytest

from acomodel.claims.attribution import METHODS, AttributionRule, attribute
from acomodel.claims.incurred import experience
from acomodel.claims.population import MembershipRule, assign
from acomodel.claims.synthetic import SyntheticSettings, write_book
from acomodel.claims.tables import read_dataset

pytest.importorskip("pyspark", reason="the extra 'spark' is not installed")
if shutil.which("java") is None:
    pytest.skip("Java is not on this machine", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("engines") / "book"
    write_book(SyntheticSettings(members=1500, months=24, seed=5), folder)
    return [read_dataset(folder, engine) for engine in ("duckdb", "pyspark")]


@pytest.mark.parametrize("method", METHODS)
def test_member_to_provider_is_identical_by_hash(both, method):
    frames = [attribute(data, AttributionRule(method), "2022-12-31").to_frame() for data in both]
    hashes = {hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest() for frame in frames}
    assert len(hashes) == 1 and len(frames[0]) > 500


def test_experience_is_identical_to_the_cent(both):
    rule = MembershipRule(moved="leave", died="exclude")
    found = [experience(data, assign(data, "ACO1", [2021, 2022], membership=rule)) for data in both]
    pd.testing.assert_frame_equal(found[0].cells, found[1].cells, check_dtype=False, check_exact=True)
    pd.testing.assert_frame_equal(found[0].exposure, found[1].exposure, check_dtype=False, check_exact=True)
