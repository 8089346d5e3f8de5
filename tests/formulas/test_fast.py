"""The SQL that DuckDB runs gives the tables of the expressions that every other engine runs, to the byte."""

import hashlib
from datetime import date
from random import Random

import pandas as pd
import pytest
from books import dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from acomodel.claims import duck, duck_sums, incurred
from acomodel.claims.attribution import METHODS, AttributionRule, attribute, expressions
from acomodel.claims.incurred import PARTS, summed_lines, summed_spans
from acomodel.claims.population import assign, coverage, everyone
from acomodel.claims.synthetic import SyntheticSettings, write_book
from acomodel.claims.tables import read_dataset
from acomodel.claims.visits import Codes
from acomodel.inputs import InputError

SEEDS = st.integers(0, 2**32 - 1)
WINDOW, EARLIER = (date(2023, 1, 1), date(2023, 12, 31)), date(2022, 1, 1)
NUMBERS = {name: number for number, name in enumerate(PARTS)}
CATEGORIES = ["Primary Care", "DME", "Other", "O'Brien's", None]


def random_providers(random):
    """Providers listed once, twice or never, in no class, in two practices, exclusive to two ACOs or to none."""
    ids = [f"P{n}" for n in range(9)]
    return [
        {
            "provider_id": random.choice(ids[:8]),
            "provider_class": random.choice(["primary", "primary", "medical", "surgical", "ancillary", None]),
            "specialty": random.choice(["08", "11", "50", "06", "20", None]),
            "tin": random.choice(["T1", "T2", "T'3", None]),
            "aco_id": random.choice(["A", "B", "", None]),
            "exclusive": random.choice([True, True, False, None]),
        }
        for _ in range(10)
    ]


def random_claims(random, lines=150):
    """Lines of a few members, days, providers and amounts, so that ties and reversals abound."""
    return [
        {
            "member_id": f"m{random.randrange(14)}",
            "provider_id": random.choice([*(f"P{n}" for n in range(9)), None]),
            "tin": random.choice(["T1", "T2", "T'3", None]),
            "claim_type": random.choice(["professional", "professional", "professional", "outpatient", "inpatient"]),
            "hcpcs": random.choice(["99213", "99213", "99308", "80053", "99500", None]),
            "revenue_code": random.choice(["0521", None]),
            "place_of_service": random.choice(["11", "11", "31", "21", None]),
            "service_date": f"{random.choice([2022, 2023, 2023])}-0{random.randint(1, 3)}-{random.randint(10, 13)}",
            "paid_date": random.choice(["2023-05-01", "2024-01-15", None]),
            "service_category": random.choice(CATEGORIES),
            "units": random.choice([1, 0, -1, 2.5, None]),
            "allowed": random.choice([100, 100, 50, 0.1, 0, -100, -50, None]),
            "paid": random.choice([80, -80, 0.07]),
            "capitated": random.choice([True, False, None]),
        }
        for _ in range(lines)
    ]


def random_spans(random):
    """Spans that overlap, touch, leave gaps, or end before they begin; some members have none."""
    return [
        {
            "member_id": f"m{random.randrange(13)}",
            "start_date": f"2022-0{random.randint(1, 9)}-{random.choice(['01', '11'])}",
            "end_date": random.choice(["2022-02-20", "2022-12-31", "2023-01-11", "2023-03-12", "2023-12-31"]),
        }
        for _ in range(16)
    ]


def random_book(seed):
    random = Random(seed)
    return dataset(claims=random_claims(random), providers=random_providers(random), eligibility=random_spans(random))


def digest(frame):
    """Fingerprint of a table, of its types, and of the order of its rows."""
    text = frame.to_csv(index=False, float_format="%.17g") + str(frame.dtypes.to_dict())
    return hashlib.sha256(text.encode()).hexdigest()


def both(data, codes, window, earlier, free):
    """Members attributed by SQL and by expressions, in order."""
    fast = duck.attributed(data, codes, window, earlier, free=free)
    slow = data.keep(expressions(data, codes, window, earlier, free=free)[0])
    return [table.order_by("member_id").to_pandas() for table in (fast, slow)]


@settings(max_examples=7, deadline=None)
@given(SEEDS, st.sampled_from(METHODS), st.sampled_from([2014, 2018, 2019, 2025]), st.booleans())
def test_attribution_is_the_same_in_every_book(seed, method, year, free):
    earlier = EARLIER if year == 2025 else None
    pd.testing.assert_frame_equal(
        *both(random_book(seed), Codes(method, year), WINDOW, earlier, free), check_exact=True
    )


def test_a_practice_with_as_many_reversals_as_services_is_no_candidate():
    seen = [("P0", 100), ("P0", -50), ("P1", 10)]
    lines = [{"member_id": "m", "provider_id": p, "service_date": "2023-01-01", "allowed": cents} for p, cents in seen]
    data = dataset(claims=lines, providers=[{"provider_id": p, "specialty": "08"} for p in ("P0", "P1")])
    fast, slow = both(data, Codes("mssp", 2018), WINDOW, None, False)
    assert fast["provider_id"].tolist() == slow["provider_id"].tolist() == ["P1"]


@settings(max_examples=7, deadline=None)
@given(SEEDS, st.booleans(), st.sampled_from([[], ["DME", "O'Brien's"]]))
def test_sums_are_the_same_in_every_book(seed, apart, excluded):
    random = Random(seed)
    data = random_book(seed)
    spans = coverage(data)
    ours = dataset(eligibility=[{"member_id": f"m{n}"} for n in random.sample(range(13), 6)]).eligibility.to_pandas()
    some = data.keep(spans.filter(spans.member_id.isin(list(ours["member_id"]))))
    keys = ["incurred", "paid_in", "service_category", "part"]
    for windows in (some, spans):
        fast = duck_sums.summed_lines(data, spans, windows, NUMBERS, excluded, apart=apart)
        slow = summed_lines(data, spans, windows, NUMBERS, excluded, apart=apart)
        assert fast["lines"].sum() == 150
        fast, slow = (f[list(slow)].sort_values(keys, ignore_index=True) for f in (fast, slow))
        pd.testing.assert_frame_equal(fast, slow, check_exact=True, check_dtype=False)
        fast, slow = duck_sums.summed_spans(data, windows), summed_spans(windows)
        fast, slow = (f[list(slow)].sort_values(["first", "last"], ignore_index=True) for f in (fast, slow))
        pd.testing.assert_frame_equal(fast, slow, check_exact=True, check_dtype=False)


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fast") / "book"
    write_book(SyntheticSettings(members=2000, months=24, seed=5, capitated=0.2), folder)
    return read_dataset(folder)


@pytest.mark.parametrize("year", [2014, 2022, 2025])
@pytest.mark.parametrize("method", METHODS)
def test_attribution_of_a_book_is_identical_by_hash(book, method, year):
    found = attribute(book, AttributionRule(method, rule_year=year), "2022-12-31")
    earlier = date(2021, 1, 1) if (method, year) == ("mssp", 2025) else None
    codes, window = Codes(method, year), (found.first, found.as_of)
    slow = book.keep(expressions(book, codes, window, earlier, free=False)[0]).order_by("member_id").to_pandas()
    assert digest(found.to_frame()) == digest(slow)
    assert len(slow) > 1000


def test_experience_of_a_book_is_identical_by_hash(book, monkeypatch):
    populations = [everyone(book, [2021, 2022]), assign(book, "ACO1", [2021, 2022])]
    fast = [incurred.experience(book, who) for who in populations]
    monkeypatch.setattr(duck_sums, "summed_lines", summed_lines)
    monkeypatch.setattr(duck_sums, "summed_spans", lambda _, spans: summed_spans(spans))
    monkeypatch.setattr(duck_sums, "service_days", incurred.service_days)
    slow = [incurred.experience(book, who) for who in populations]
    for one, other in zip(fast, slow, strict=True):
        assert digest(one.cells) == digest(other.cells)
        assert digest(one.exposure.reset_index()) == digest(other.exposure.reset_index())
    assert digest(fast[0].cells) != digest(fast[1].cells)


def test_names_and_texts_are_quoted():
    assert duck.among("a", ["x", "O'Brien"]) == "(a IS NOT NULL AND a IN ('x', 'O''Brien'))"
    assert duck.among("a", []) == "false"
    data = dataset(claims=[{"member_id": "m", "service_date": "2023-01-01"}])
    odd = data.connection.create_table('a "b" c', data.claims)
    assert duck.name_of(data, odd) == '"a ""b"" c"'
    assert data.connection.con.execute(f"SELECT count(*) FROM {duck.name_of(data, odd)}").fetchone() == (1,)
    part = data.claims.filter(data.claims.member_id == "m")  # an expression without a name is worked out first
    assert data.connection.con.execute(f"SELECT count(*) FROM {duck.name_of(data, part)}").fetchone() == (1,)


def test_what_is_worked_out_once_is_kept():
    data = dataset(claims=[{"member_id": "m", "service_date": "2023-01-01"}])
    assert coverage(data) is coverage(data)
    assert everyone(data, [2023]).windows is coverage(data)
    with pytest.raises(InputError, match="no visit codes in force in 2011"):
        duck.attributed(data, Codes("mssp", 2011), WINDOW, None, free=False)
