"""Rows whose truth is known, and a recipe for them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from driftwatch.training.columns import Columns
from driftwatch.training.recipe import Recipe, parse_recipe
from driftwatch.training.splits import Split, split

START = datetime(2026, 1, 5, tzinfo=UTC)
REGRESSION = """
model = "minutes"
task = "regression"

[estimator]
name = "sklearn.linear_model.Ridge"

[data]
numeric = ["distance", "wind"]
categorical = ["carrier"]
segments = ["carrier"]
"""
BINARY = """
model = "late"
task = "binary"

[estimator]
name = "sklearn.linear_model.LogisticRegression"

[data]
label = "late"
numeric = ["distance", "wind"]
categorical = ["carrier"]
"""


def flights(n: int = 4_000, *, days: float = 40.0, seed: int = 0, champion_error: float = 10.0) -> dict[str, Any]:
    """Minutes are an eighth of the distance and a carrier's own; what was live knows them with an error of its own."""
    random = np.random.default_rng(seed)
    distance, wind = random.gamma(4.0, 200.0, n), random.normal(0, 1, n)
    carrier = random.choice(["AA", "DL", "UA"], n, p=[0.5, 0.3, 0.2])
    own = np.select([carrier == "AA", carrier == "DL"], [0.0, 10.0], 20.0)
    minutes = distance / 8 + own + 2.0 * wind + random.normal(0, 2.0, n)
    times = np.datetime64(START.replace(tzinfo=None), "us") + (np.arange(n) * days * 86.4e9 / n).astype(
        "timedelta64[us]"
    )
    wind[::50] = np.nan
    return {
        "event_time": pa.array(times).cast(pa.timestamp("us", tz="UTC")),
        "distance": distance,
        "wind": wind,
        "carrier": carrier,
        "prediction": minutes + random.normal(0, champion_error, n),
        "label": minutes,
        "late": (minutes > 110).astype(np.int64),
    }


def table(**columns: Any) -> pa.Table:
    return pa.table(columns)


@pytest.fixture
def rows() -> pa.Table:
    return table(**flights())


@pytest.fixture
def cut(tmp_path: Path) -> Callable[[pa.Table, str], tuple[Recipe, Columns, Split]]:
    """Splits a table by the recipe in a text."""
    made = 0

    def run(given: pa.Table, text: str = REGRESSION) -> tuple[Recipe, Columns, Split]:
        nonlocal made
        made += 1
        folder = tmp_path / f"split-{made}"
        folder.mkdir()
        recipe = parse_recipe(text)
        columns = Columns.found(recipe.task, recipe.data, given.column_names)
        return recipe, columns, split([given], columns, recipe.splits, folder)

    return run


def day(number: float) -> datetime:
    return START + timedelta(days=number)
