"""A service that is killed while loggers send it exchanges logs each that it said yes to, once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import httpx
import pytest
from pyarrow import parquet

from driftwatch import Client
from tests.wire.loggers import Sent, kserve

from .load import MODEL, baseline
from .serving import Serving, until

EXCHANGES = 30
PLACES = ("inbox.written:3", "inbox.committed:3", "inbox.ingested:2", "inbox.forgotten:2", "inbox.committed:1")


def exchange(number: int) -> tuple[Sent, Sent]:
    how = {"name": MODEL, "event_id": f"e-{number}"}
    asked = {"instances": [{"x": number / 10, "k": "a"}, {"x": 0.5, "k": "b"}]}
    return kserve("request", asked, **how), kserve("response", {"predictions": [number, 0.5]}, **how)


@pytest.mark.slow
def test_every_acknowledged_exchange_is_logged_once_however_often_the_service_is_killed(tmp_path: Path) -> None:
    serving = Serving(tmp_path / "data", tmp_path / "serve.log", file_age="1s")
    waiting = [one for number in range(EXCHANGES) for one in exchange(number)]
    acknowledged = 0

    def send() -> None:
        """Send what was not acknowledged, in its order, until the service is gone."""
        nonlocal acknowledged
        with httpx.Client(base_url=serving.url, trust_env=False, timeout=10) as client:
            while acknowledged < len(waiting):
                one = waiting[acknowledged]
                try:
                    answer = client.post("/", content=one.body, headers=one.headers)
                except httpx.TransportError:
                    return
                assert answer.status_code == 200, answer.text
                acknowledged += 1

    serving.start()
    try:
        with Client(serving.url) as client:
            client.register(baseline())
        for place in PLACES:
            serving.kill()
            serving.start(crash_at=place)
            serving.wait_for_death(send)
        assert acknowledged < len(waiting), "the kills come while exchanges are on their way"
        serving.start()
        until(lambda: send() is None and acknowledged == len(waiting), what="sending")
        with Client(serving.url, timeout_seconds=60) as client:

            def ids() -> Counter[str]:
                path = tmp_path / "exported.parquet"
                path.unlink(missing_ok=True)
                client.export(MODEL, path=path)
                return Counter(parquet.read_table(path).column("prediction_id").to_pylist())

            until(lambda: len(ids()) == 2 * EXCHANGES, what="reading")
            assert ids() == Counter(f"e-{number}/{row}" for number in range(EXCHANGES) for row in range(2))
    finally:
        serving.stop()
