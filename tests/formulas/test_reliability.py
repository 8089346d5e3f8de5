"""Reliability, shrinkage, intervals."""

import numpy as np
import pandas as pd
import pytest
from conftest import printed
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from acomodel.inputs import InputError
from acomodel.reliability import (
    misclassified,
    reliability,
    shrunk,
    spearman_brown,
    wilson_interval,
)

shares = st.floats(0, 1)


def test_doubling_of_published_reliability():
    assert spearman_brown(0.61, 2) == printed("0.76")


def test_reliability_at_its_limits():
    assert reliability(0.0, 1.0) == 0 and reliability(1.0, 0.0) == 1 and reliability(0.0, 0.0) == 0
    assert reliability(1.0, np.inf) == 0
    assert reliability(0.04, 0.36 / np.array([1, 9, 1e12])) == pytest.approx([0.1, 0.5, 1.0])
    assert np.isnan(reliability(np.nan, 1.0))


@given(st.floats(0.001, 10), st.floats(0.001, 10), st.integers(1, 50), st.integers(1, 50))
def test_spearman_brown_is_reliability_with_more_cases(between, within, n, k):
    assert spearman_brown(reliability(between, within / n), k) == pytest.approx(reliability(between, within / (n * k)))


def test_spearman_brown_at_its_limits():
    assert spearman_brown(0.0, 5) == 0 and spearman_brown(1.0, 0.5) == 1 and spearman_brown(1.0, 0) == 0
    assert spearman_brown(0.4, 1) == pytest.approx(0.4) and spearman_brown(0.4, 1e12) == pytest.approx(1)


@given(st.floats(-1e6, 1e6), shares, st.floats(-1e6, 1e6))
def test_shrunk_lies_between_what_is_seen_and_the_mean(seen, share, mean):
    found = shrunk(seen, share, mean)
    assert min(seen, mean) - 1e-6 <= found <= max(seen, mean) + 1e-6
    assert shrunk(seen, 0.0, mean) == mean and shrunk(seen, 1.0, mean) == seen


@given(st.integers(1, 60), st.data(), st.floats(0.5, 0.99))
def test_wilson_ends_solve_its_equation(trials, data, level):
    successes = data.draw(st.integers(0, trials))
    z, rate = norm.ppf(0.5 + level / 2), successes / trials
    low, high = wilson_interval(successes, trials, level)
    assert 0 <= low <= rate <= high <= 1
    for end in (low, high):
        if 0 < end < 1:
            assert abs(rate - end) == pytest.approx(z * np.sqrt(end * (1 - end) / trials), rel=1e-6)


def test_wilson_against_newcombe_1998():
    """Table I of Newcombe, Stat. Med. 17, 1998, method 3: 81/263, 15/148, 0/20, 1/29 at 95 % (from memory)."""
    low, high = wilson_interval(np.array([81, 15, 0, 1]), np.array([263, 148, 20, 29]), 0.95)
    assert low == pytest.approx([0.2553, 0.0624, 0.0, 0.0061], abs=5e-5)
    assert high == pytest.approx([0.3662, 0.1605, 0.1611, 0.1718], abs=5e-5)


def test_wilson_without_trials_knows_nothing():
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("cut", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("share", [0.2, 0.61, 0.9])
def test_misclassified_is_the_bivariate_normal(share, cut):
    at, root = norm.ppf(cut), share**0.5
    both = multivariate_normal([0, 0], [[1, root], [root, 1]]).cdf([at, at])
    assert misclassified(share, cut) == pytest.approx(2 * (cut - both), abs=1e-5)
    assert misclassified(share, cut) == pytest.approx(misclassified(share, 1 - cut))


def test_misclassified_at_its_limits():
    assert misclassified(0.0, 0.25) == pytest.approx(2 * 0.25 * 0.75) and misclassified(1.0, 0.25) == 0
    assert (np.diff(misclassified(np.linspace(0, 1, 11), 0.25)) < 0).all()
    assert misclassified(0.5, 0.5) == pytest.approx(np.arccos(0.5**0.5) / np.pi)  # Sheppard's formula


def test_published_22_per_cent_lies_where_the_published_reliabilities_do():
    """A quarter in the lower tier and 22 % misclassified is a reliability of 0.4, within the 0.05 to 0.79 seen."""
    assert misclassified(0.4, 0.25) == printed("0.22")
    assert misclassified(0.05, 0.25) > 0.22 > misclassified(0.79, 0.25)


def test_vector_equals_scalar_and_a_series_keeps_its_labels():
    variances = np.array([0.1, 0.5, 2.0])
    assert list(reliability(0.3, variances)) == [reliability(0.3, v) for v in variances]
    labelled = pd.Series(variances, index=["a", "b", "c"])
    assert list(shrunk(labelled, 0.5, 1.0).index) == ["a", "b", "c"]
    assert list(wilson_interval(np.array([1, 2]), 9)[0]) == [wilson_interval(1, 9)[0], wilson_interval(2, 9)[0]]
    assert list(misclassified(variances / 2, 0.25)) == [misclassified(v / 2, 0.25) for v in variances]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: reliability(-1.0, 1.0), "between_variance: found -1"),
        (lambda: reliability(1.0, [1.0, -2.0]), "error_variance: found -2"),
        (lambda: spearman_brown(61, 2), "reliability: found 61"),
        (lambda: spearman_brown(0.6, -1), "factor: found -1"),
        (lambda: shrunk(1.0, 1.5, 1.0), "reliability: found 1.5"),
        (lambda: misclassified(0.5, 1.0), "cut"),
        (lambda: wilson_interval(31, 30), "numerator: found 31 of 30"),
        (lambda: wilson_interval([1, 5], [2, 4]), "numerator: found 5 of 4"),
        (lambda: wilson_interval(-1, 30), "numerator: found -1"),
        (lambda: wilson_interval(1, 2, 90), "level: found 90"),
    ],
)
def test_wrong_input(call, words):
    with pytest.raises(InputError, match=words):
        call()
