"""A stream whose inputs, error and base rate move where the tests say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from driftwatch.core.baseline import Baseline

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def made_stream(
    n: int, *, seed: int, moved: float = 0.0, wrong: float = 0.1, start: str = "2026-03-01"
) -> pd.DataFrame:
    """Rows every minute; ``moved`` shifts ``x``, ``wrong`` is the share of wrong predictions."""
    rng = np.random.default_rng(seed)
    x = rng.normal(moved, 1.0, n)
    truth = rng.random(n) < 0.4
    return pd.DataFrame(
        {
            "x": x,
            "colour": rng.choice(["red", "green", "blue"], n, p=[0.5, 0.3, 0.2]),
            "score": rng.random(n),
            "prediction": np.where(rng.random(n) < wrong, ~truth, truth).astype(int),
            "label": truth.astype(int),
            "event_time": pd.date_range(start, periods=n, freq="min", tz="UTC"),
        }
    )


@pytest.fixture(scope="session")
def stream() -> Callable[..., pd.DataFrame]:
    return made_stream


@pytest.fixture(scope="session")
def baseline() -> Baseline:
    return Baseline.fit(
        made_stream(6_000, seed=1, start="2026-01-01"),
        label="label",
        prediction="prediction",
        score="score",
        timestamp="event_time",
        model="lamps",
        model_version="3",
    )


@pytest.fixture(scope="session")
def moving() -> pd.DataFrame:
    """3,000 quiet rows, 1,500 with another x, 1,500 with many errors besides."""
    parts = [
        made_stream(3_000, seed=2),
        made_stream(1_500, seed=3, moved=0.7),
        made_stream(1_500, seed=4, moved=0.7, wrong=0.35),
    ]
    whole = pd.concat(parts, ignore_index=True)
    return whole.assign(event_time=pd.date_range("2026-03-01", periods=len(whole), freq="min", tz="UTC"))


@pytest.fixture(scope="session")
def data() -> Path:
    """Where the data sets for development are; the test says so where they are not."""
    if not (DATA / "sea_50k").is_dir():
        pytest.skip("needs the data sets in ../shared/data, which are not part of the project")
    return DATA
