"""What all tests share: printed numbers, the scenarios, and the real data where it is there."""

from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import settings

from acomodel.inputs import read_table

settings.register_profile("acomodel", deadline=None, derandomize=True, max_examples=20)
settings.load_profile("acomodel")

ROOT = Path(__file__).parents[1]
SCENARIOS = ROOT / "scenarios"
REAL = ROOT.parent / "shared" / "data"


def printed(text):
    """A number as printed: equal within half a unit in its last place."""
    bare = Decimal(text.replace(",", "").replace("$", ""))
    return pytest.approx(float(bare), abs=0.5 * 10.0 ** bare.as_tuple().exponent + 1e-9)


@pytest.fixture(scope="session")
def toolkit() -> dict[str, pd.DataFrame]:
    """The Toolkit's tables, as the scenario holds them."""
    folder = SCENARIOS / "toolkit-2010"
    keys = {
        "experience": ["year", "service_category"],
        "demographics": ["period", "age_band", "sex"],
        "large_claims": ["period", "claimant"],
        "trend": ["year", "service_category"],
    }
    return {table: read_table(folder / f"{table}.csv", table, key=key) for table, key in keys.items()}


@pytest.fixture(scope="session")
def puf_folder() -> Path:
    """Folder of the public use files; tests that need it are skipped where it is absent."""
    folder = REAL / "mssp_puf"
    if not folder.is_dir():
        pytest.skip("the public use files are not beside the project (../shared/data/mssp_puf)")
    return folder
