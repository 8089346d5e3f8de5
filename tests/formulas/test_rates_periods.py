"""Rates and periods: limits, shapes, and properties."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acomodel import annualize, per_1000, pmpm, unit_cost
from acomodel.periods import Span, months_between
from acomodel.rates import trend_factor

positive = st.floats(0.01, 1e9)


@given(dollars=positive, services=positive, months=positive)
def test_price_times_use_is_cost(dollars, services, months):
    assert unit_cost(dollars, services) * per_1000(services, months) / 12_000 == pytest.approx(pmpm(dollars, months))


@given(factor=st.floats(0.5, 2), months=st.floats(1, 60))
def test_annualizing_a_year_changes_nothing_and_compounds(factor, months):
    assert annualize(factor, 12) == factor
    assert annualize(factor, months) ** (months / 12) == pytest.approx(factor)


@pytest.mark.parametrize("formula", [pmpm, per_1000, unit_cost, trend_factor])
def test_vector_equals_scalar_and_shape_is_kept(formula):
    top, bottom = np.array([1.0, 2.0, 0.0, 5.0]), np.array([4.0, 0.0, 3.0, 7.0])
    scalar = [formula(a, b) for a, b in zip(top, bottom, strict=True)]
    assert formula(top, bottom) == pytest.approx(scalar, nan_ok=True)
    series = formula(pd.Series(top, index=list("abcd")), pd.Series(bottom, index=list("abcd")))
    assert list(series.index) == list("abcd")
    assert series.to_numpy() == pytest.approx(scalar, nan_ok=True)
    assert np.isnan(scalar[1])


def test_member_months_of_the_toolkit():
    """Toolkit, part 3, p. 37: 50, 49 and 47 members make 146 member months."""
    assert pmpm(1_460, 50 + 49 + 47) == 10


@given(first=st.integers(0, 500), length=st.integers(1, 48), gap=st.integers(-60, 60))
def test_months_between_equal_spans_is_the_shift(first, length, gap):
    start = pd.Period("1990-01", "M") + first
    one = Span(start, start + length - 1)
    other = Span(start + gap, start + gap + length - 1)
    assert months_between(one, other) == gap
    assert months_between(one, other) == -months_between(other, one)


def test_odd_spans_have_their_middle_in_a_month():
    assert Span.of("2024-01", "2024-03").midpoint.isoformat() == "2024-02-16"
    assert months_between(Span.of("2024-01", "2024-03"), Span.year(2024)) == 4.5


def test_a_span_cannot_run_backwards():
    with pytest.raises(ValueError, match="before it begins"):
        Span.of("2024-03", "2024-01")
