"""The test of the mean loss: exact for errors, Student's t for numbers, cautious of what the reference hides."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from driftwatch.core.loss import compared_loss
from driftwatch.core.natural import LossVariation
from driftwatch.core.performance import Measure
from driftwatch.core.records import Task, ThresholdOrigin


def measure(value, n, standard_error=None):
    if standard_error is None:
        standard_error = math.sqrt(value * (1 - value) / max(n - 1, 1))
    return Measure(value=value, standard_error=standard_error, n=n)


def run(task, reference, live, *, ratio=1.25, natural=None):
    return compared_loss(task, reference, live, ratio=ratio, natural=natural, doubt=1e-5)


def test_errors_are_binomial():
    found = run(Task.BINARY, measure(0.1, 100_000), measure(0.2, 200))
    assert found.threshold.value == pytest.approx(0.125)
    assert found.p_value == pytest.approx(stats.binom.sf(39, 200, 0.125), rel=1e-9)


def test_numbers_are_students():
    found = run(Task.REGRESSION, measure(8.0, 10_000, 0.05), measure(12.0, 50, 1.0))
    assert found.threshold.value == pytest.approx(10.0)
    assert found.p_value == pytest.approx(stats.t.sf(2.0, 49), rel=1e-9)


@pytest.mark.parametrize(
    ("task", "reference", "live", "p_value", "why"),
    [
        (Task.REGRESSION, measure(8.0, 9_000, 0.1), measure(9.9, 50, 0.1), 0.5, "below the tolerance"),
        (Task.REGRESSION, measure(8.0, 9_000, 0.1), measure(math.nan, 0, math.nan), 1.0, "no labels"),
        (Task.REGRESSION, measure(8.0, 9_000, 0.1), measure(30.0, 1, math.nan), 1.0, "one label has no spread"),
        (Task.REGRESSION, measure(math.nan, 0, math.nan), measure(9.0, 50, 1.0), 1.0, "no reference"),
        (Task.REGRESSION, measure(1.0, 900, 0.0), measure(2.0, 50, 0.0), 0.0, "a constant above the threshold"),
        (Task.REGRESSION, measure(1.0, 900, 0.0), measure(1.0, 50, 0.0), 1.0, "a constant below it"),
        (Task.BINARY, measure(0.1, 9_000), measure(0.0, 500), 1.0, "no errors"),
        (Task.BINARY, measure(0.9, 9_000), measure(1.0, 500), 1.0, "a threshold that no share exceeds"),
    ],
)
def test_edges(task, reference, live, p_value, why):
    found = run(task, reference, live).p_value
    assert (found >= p_value) if p_value == 0.5 else (found == p_value), why


def test_a_perfect_reference_of_few_rows_does_not_make_one_error_a_surprise():
    found = run(Task.BINARY, measure(0.0, 200), measure(0.02, 50))
    assert found.threshold.origin is ThresholdOrigin.SAMPLING
    assert found.threshold.value == pytest.approx(1 - 1e-5 ** (1 / 200), rel=1e-3)
    assert found.p_value > 0.1


def test_what_the_reference_hides_raises_the_threshold():
    found = run(Task.REGRESSION, measure(8.0, 20, 1.0), measure(12.0, 500, 0.1))
    assert found.threshold.origin is ThresholdOrigin.SAMPLING
    assert found.threshold.value == pytest.approx(8.0 + stats.norm.isf(1e-5))


@pytest.mark.parametrize("task", list(Task))
def test_windows_that_vary_by_nature_make_it_less_sure(task):
    reference, live = measure(0.1, 9_000), measure(0.16, 5_000)
    varied = LossVariation(deviation=0.3, of_reference=0.05, windows=30, duration_seconds=3_600)
    sure, less = run(task, reference, live).p_value, run(task, reference, live, natural=varied).p_value
    assert sure < 1e-6 < less < 1.0


@pytest.mark.parametrize("n", [30, 200])
def test_skewed_losses_do_not_make_it_cry_wolf(n):
    """At the threshold itself, with losses of the log-normal distribution: p <= .01 no more often than said."""
    rng = np.random.default_rng(n)
    rows = rng.lognormal(0, 1, (2_000, n))
    mean = math.exp(0.5)
    reference = measure(mean, 10**9, 1e-9)
    surprised = 0
    for row in rows:
        live = measure(row.mean(), n, row.std(ddof=1) / math.sqrt(n))
        surprised += run(Task.REGRESSION, reference, live, ratio=1.0).p_value <= 0.01
    assert surprised / len(rows) <= 0.01
