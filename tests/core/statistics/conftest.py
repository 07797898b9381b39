"""Columns to measure."""

from __future__ import annotations

import pytest

from driftwatch.core.baseline import Baseline
from driftwatch.core.frames import to_table
from driftwatch.core.profile import Profile


@pytest.fixture(scope="session")
def column():
    """A column's baseline and profile, of raw values."""

    def of(reference, live):
        baseline = Baseline.fit({"x": reference})
        return baseline.columns["x"], Profile.of(baseline, to_table({"x": live}, baseline.schema)).columns["x"]

    return of
