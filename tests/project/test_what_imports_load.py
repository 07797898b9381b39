"""The wrapper lives in other people's processes, and a service is small while it is idle: imports stay light."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import driftwatch

HEAVY_FOR_A_MODEL_SERVER = {
    "asyncio", "fastapi", "numpy", "pandas", "polars", "pyarrow", "scipy", "sklearn", "sqlalchemy", "starlette",
}  # fmt: skip
HEAVY_FOR_A_SERVICE = {"pandas", "sklearn", "polars", "plotly"}

WATCHED_MODEL = """
import driftwatch

class Model:
    def predict(self, rows):
        return [1.0 for _ in rows]

model = driftwatch.watch(Model(), url="http://127.0.0.1:9", name="m")
model.predict([[1.0, 2.0]])
model.close(timeout_seconds=0)
"""


WATCHED_APPLICATION = """
import driftwatch.capture
from driftwatch.capture import CaptureMiddleware

async def app(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b'{"score": 1}'})

class Passing:
    def __init__(self, answer=None):
        self.answer = answer

    def __await__(self):
        return self.answer
        yield

def receive():
    return Passing({"type": "http.request", "body": b'{"customer": {"age": 40}}'})

routes = {"/score": {"features": "$.customer", "prediction": "$.score"}}
watched = CaptureMiddleware(app, url="http://127.0.0.1:9", name="m", routes=routes)
scope = {"type": "http", "method": "POST", "path": "/score", "headers": []}
try:
    watched(scope, receive, lambda message: Passing()).send(None)
except StopIteration:
    pass
assert not watched.close(timeout_seconds=1)
"""


@pytest.mark.parametrize(
    "code",
    [
        "import driftwatch",
        "import driftwatch.capture",
        "import driftwatch; driftwatch.watch; driftwatch.Client",
        WATCHED_MODEL,
        WATCHED_APPLICATION,
    ],
    ids=["driftwatch", "driftwatch.capture", "watch-and-client", "a-watched-model", "a-watched-application"],
)
def test_a_model_server_gets_no_heavy_package_with_the_wrapper(
    modules_after: Callable[[str], set[str]], code: str
) -> None:
    loaded = modules_after(code)
    assert "driftwatch" in loaded
    assert not loaded & HEAVY_FOR_A_MODEL_SERVER


@pytest.mark.parametrize("module", ["driftwatch.bootstrap", "driftwatch.web.app", "driftwatch.cli.app"])
def test_a_service_starts_without_what_only_reports_and_models_need(
    modules_after: Callable[[str], set[str]], module: str
) -> None:
    loaded = modules_after(f"import {module}")
    assert module in loaded
    assert not loaded & HEAVY_FOR_A_SERVICE


@pytest.mark.parametrize("name", [name for name in driftwatch.__all__ if name != "__version__"])
def test_every_public_name_is_found_on_first_use(name: str) -> None:
    assert callable(getattr(driftwatch, name))
    assert name in dir(driftwatch)


def test_a_name_that_driftwatch_does_not_have_is_an_attribute_error_that_says_so() -> None:
    with pytest.raises(AttributeError, match=r"module 'driftwatch' has no attribute 'wacth'"):
        driftwatch.wacth  # noqa: B018
