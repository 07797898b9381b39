"""A service that is killed while it tells its receivers tells every one of them, under the same key, and says so."""

from __future__ import annotations

import base64
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from driftwatch.core.records import RetrainEpisode, RetrainState, RetrainStep
from driftwatch.ports import OutboxMessage, OutboxState
from driftwatch.stores.folder import DataFolder
from driftwatch.stores.state import SqlState

from .serving import Serving, until

SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four b").decode()
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MESSAGES = 5


@contextmanager
def receiver() -> Iterator[tuple[str, Counter[str]]]:
    """An address, and how often each key came there."""
    received: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            received[self.headers["webhook-id"]] += 1
            self.send_response(202)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", received
        finally:
            server.shutdown()
            thread.join()


def fill_outbox(data: Path) -> None:
    with DataFolder(data) as folder, closing(SqlState.open(folder.state_url)) as state, state.transaction() as changes:
        for number in range(MESSAGES):
            changes.open_retrain(
                RetrainEpisode(
                    retrain_id=f"r{number}",
                    model="m",
                    model_version="1",
                    state=RetrainState.REQUESTED,
                    triggered=NOW,
                    until=NOW,
                    reason="it got worse",
                    alert_ids=(),
                    history=(RetrainStep(at=NOW, state=RetrainState.REQUESTED, note="it got worse"),),
                )
            )
            changes.put_message(
                OutboxMessage(
                    message_id=f"r{number}.webhook",
                    sink="webhook",
                    model="m",
                    body="{}",
                    created_at=datetime.now(UTC),
                    retrain_id=f"r{number}",
                    next_attempt_at=NOW,
                )
            )


@pytest.mark.slow
def test_every_receiver_is_told_under_one_key_however_often_the_service_is_killed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    fill_outbox(data)
    with receiver() as (url, received):
        serving = Serving(data, tmp_path / "serve.log", webhook_url=url, webhook_secret=SECRET)
        try:
            for place in ("outbox.delivering", "outbox.delivered", "outbox.noted"):
                serving.start(crash_at=f"{place}:2")
                serving.wait_for_death()
            serving.start()
            until(lambda: len(received) == MESSAGES, what="delivery")
        finally:
            serving.stop()
    with closing(SqlState.open(f"sqlite:///{data}/state.db")) as state, state.read() as reader:
        messages, retrains = reader.outbox(), reader.retrains()
    assert {one.state for one in messages} == {OutboxState.DELIVERED}
    assert set(received) == {one.message_id for one in messages}
    # Only what its receiver had when the service died is sent again.
    assert sum(received.values()) == MESSAGES + 1
    assert [[step.state for step in one.history] for one in retrains] == [
        [RetrainState.REQUESTED, RetrainState.DELIVERED]
    ] * MESSAGES
