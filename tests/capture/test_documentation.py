"""docs/capture.md, as one program: a service, and the examples in their order."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from driftwatch import Client
from tests.capture.test_middleware import ask
from tests.cli.test_serve import wait_until

PAGE = Path(__file__).parents[2] / "docs" / "capture.md"


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[str, Path]]:
    """Address and socket of a real service, started as the page says."""
    with tempfile.TemporaryDirectory(prefix="dw") as name:
        folder = Path(name)
        [command] = re.findall(r"^driftwatch serve .*$", PAGE.read_text(), re.MULTILINE)
        words = command.replace("--port 8000", "--port 0").split()[1:]
        process = subprocess.Popen(
            [sys.executable, "-m", "driftwatch", *words], cwd=folder, stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        try:
            said = next(line for line in process.stderr if "listens on" in line)
            yield said.split()[3], folder / "driftwatch.sock"
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


def test_the_examples_of_the_page_log_what_they_say(service: tuple[str, Path]) -> None:
    url, path = service
    with Client(url) as client:
        wait_until(client.ready)
    text = PAGE.read_text().replace("http://localhost:8000", url)
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    names: dict[str, Any] = {"__name__": __name__}
    exec(compile(code.replace("/run/driftwatch/driftwatch.sock", str(path)), str(PAGE), "exec"), names)
    assert names["answers"].tolist() == [0, 1]
    assert asyncio.run(names["risk"](40, income=20.0))["prediction"] == 1
    assert names["local"].predict(names["applicants"][:1]).tolist() == [0]
    answer = ask(names["app"], "POST", "/score/berlin", json={"customer": {"age": 40, "income": 55.0}})
    assert answer.json() == {"result": {"default": 0.0}}
    middleware = names["app"].middleware_stack
    while not hasattr(middleware, "flush"):
        middleware = middleware.app
    for one in (names["model"], names["risk"], names["local"], middleware):
        assert one.close()
        assert one.dropped == {}
    with Client(url) as client:
        log = client.export("loans").set_index("prediction_id")
    assert len(log) == 6
    order = log.loc["order-17"]
    assert (order["age"], order["income"], order["prediction"], order["label"]) == (40.0, 55.0, "0", "0")
    assert order["segment"] == "DE"
    assert log.loc[answer.headers["x-driftwatch-prediction-id"], "income"] == 55.0
