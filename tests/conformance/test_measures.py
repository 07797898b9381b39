"""What every measure of the table promises, on rows of every task that it is for."""

from __future__ import annotations

import math

import pytest

from driftwatch.core.performance import MEASURES, Better, PerformanceSums
from driftwatch.core.records import Task
from tests.core.performance.rows import Rows, binary, multiclass, regression

ROWS = {Task.BINARY: binary(400), Task.MULTICLASS: multiclass(400), Task.REGRESSION: regression(400)}


@pytest.fixture(params=MEASURES.values(), ids=MEASURES.keys())
def kind(request):
    return request.param


@pytest.fixture
def rows(kind) -> Rows:
    return ROWS[sorted(kind.tasks)[0]]


def test_it_is_listed_under_its_name_and_says_which_way_is_better(kind):
    assert MEASURES[kind.name] is kind
    assert kind.better in Better
    assert kind.tasks <= set(Task)


def test_its_value_lies_in_its_interval(kind):
    for task in kind.tasks:
        found = kind.measure(ROWS[task].sums())
        assert math.isfinite(found.value)
        assert found.lower <= found.value <= found.upper
        assert 0 < found.n <= 400
        assert found.error_bound >= 0.0


def test_it_is_the_same_of_rows_in_any_grouping(kind, rows):
    parts = [rows.take(slice(at, at + 80)).sums() for at in range(0, 400, 80)]
    assert kind.measure(sum(reversed(parts[:-1]), parts[-1])) == kind.measure(rows.sums())


def test_it_survives_being_stored(kind, rows):
    sums = rows.sums()
    assert kind.measure(PerformanceSums.from_bytes(sums.to_bytes())) == kind.measure(sums)


def test_it_is_undefined_without_rows(kind, rows):
    found = kind.measure(rows.take(slice(0, 0)).sums())
    assert math.isnan(found.value)
    assert math.isnan(found.lower)
    assert found.n == 0


def test_one_row_is_no_reason_to_fail(kind, rows):
    found = kind.measure(rows.take(slice(0, 1)).sums())
    assert math.isnan(found.value) or found.n == 1


def test_it_has_nothing_to_say_of_sums_that_lack_what_it_needs(kind, rows):
    bare = Rows(rows.task, rows.label, rows.prediction, None, rows.n_classes)
    found = kind.measure(bare.sums())
    assert found is None or math.isfinite(found.value)
