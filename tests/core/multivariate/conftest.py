"""Rows whose columns are the same one by one, and go together in one way or another."""

from collections.abc import Callable

import numpy as np
import pytest

from driftwatch.core.multivariate.samples import Samples
from driftwatch.core.table import Names, Numbers, Table


def correlated(n: int, correlation: float, seed: int, columns: int = 5) -> Table:
    """Standard normal columns, the first two correlated, and one of names."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, columns))
    x[:, 1] = correlation * x[:, 0] + np.sqrt(1.0 - correlation**2) * x[:, 1]
    found = {f"x{at}": Numbers(x[:, at]) for at in range(columns)}
    return Table({**found, "c": Names(rng.integers(0, 3, n).astype(np.int32), ("a", "b", "c"))}, n)


def both(n: int, before: float, after: float, seed: int = 1, columns: int = 5) -> Samples:
    """Reference and live rows."""
    return Samples.of(correlated(n, before, seed, columns), correlated(n, after, seed + 10_000, columns))


@pytest.fixture
def rows() -> Callable[..., Table]:
    return correlated


@pytest.fixture
def samples() -> Callable[..., Samples]:
    return both
