"""Files that people write, and answers that a client gets: their readers, and good inputs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from driftwatch.capture.answers import Acceptance, read_as
from driftwatch.capture.map_file import read_map
from driftwatch.capture.transport import Reply
from driftwatch.errors import EventError
from driftwatch.training.recipe import parse_recipe
from driftwatch.wire.json_path import json_path
from driftwatch.wire.path_map import path_map

MAP = b"""
[[routes]]
route = "/score/*"
features = "$.customer"
prediction = "$.result.class"
score = "$.result['probability']"
prediction_id = "$.rows[0].id"
"""
RECIPE = Path(__file__).parents[2].joinpath("examples", "flights.toml").read_bytes()
JSON_PATHS = (b"$.rows[*].age", b"$['first name'][0]", b'$["a"].b[12]')
ANSWER = (
    b'{"accepted": 2, "duplicates": 0, "rejected": [{"index": 0, "field": "a", "error": "b"}], "prediction_ids": ["c"]}'
)


def map_reader(folder: Callable[[], Path]) -> Callable[[bytes], None]:
    """Reads the proxy's map, and makes formats of its routes."""

    def read(data: bytes) -> None:
        path = folder() / "map.toml"
        path.write_bytes(data)
        for one in read_map(path):
            path_map(one)

    return read


def read_recipe(data: bytes) -> None:
    """Read a recipe of a retrain."""
    parse_recipe(data.decode("utf-8", "replace"))


def read_json_path(data: bytes) -> None:
    """Read a path, and follow it, wherever it leads."""
    found = json_path(data.decode("utf-8", "replace"))
    with suppress(EventError):
        found.find({"rows": [{"age": 3}], "first name": ["x"], "a": {"b": []}})


def read_answer(data: bytes) -> None:
    """Read what somebody answered in the service's place."""
    found = read_as(Acceptance, Reply(202, "application/json", data))
    assert isinstance(found, Acceptance)


__all__ = [
    "ANSWER", "JSON_PATHS", "MAP", "RECIPE", "map_reader", "read_answer", "read_json_path", "read_recipe",
]  # fmt: skip
