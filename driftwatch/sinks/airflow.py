"""A DAG run of Apache Airflow: its version 2 (API v1) and 3 (API v2).

``POST /api/v1|v2/dags/{dag_id}/dagRuns`` with ``dag_run_id`` as the key: a run that is there already answers 409, which
says that the request arrived before. ``logical_date`` is always sent: version 3 demands it. What the run finds in
``dag_run.conf`` is the message's data.

References
----------
Airflow 2.10 Stable REST API, "Trigger a new DAG run"; Airflow 3 REST API, ``TriggerDAGRunPostBody``; Airflow 3 FAB and
simple auth managers, ``POST /auth/token``.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from pydantic import Field

from driftwatch.errors import SettingError, SinkRejected
from driftwatch.ports import OutboxMessage
from driftwatch.sinks.notice import notice_of
from driftwatch.sinks.options import HttpOptions, SinkKind, Template
from driftwatch.sinks.receiver import Receiver, Reply
from driftwatch.sinks.secret import needed, optional

_THERE_ALREADY = frozenset({HTTPStatus.CONFLICT.value})
_MOST_BYTES = 256 * 1024


class AirflowOptions(HttpOptions):
    """The table of an Airflow sink: a token, or a user with a password."""

    version: Literal[2, 3] = Field(3, description="Airflow's major version.")
    dag_id: Template = Field(description="The DAG to run; fields such as {model} may be in it.")
    user: str | None = Field(None, min_length=1, description="A user of Airflow.")
    password_file: Path | None = Field(None, description="The user's password.")
    password_env: str | None = None
    token_file: Path | None = Field(None, description="A token (JWT, or of a managed Airflow), in place of a user.")
    token_env: str | None = None


class AirflowSink:
    """Runs a DAG of Airflow.

    Of a user, version 2 is shown the password (HTTP Basic); version 3 exchanges it for a token first. A token is shown
    as it is.

    Parameters
    ----------
    options
        Its table in the configuration.
    now
        Where the logical date comes from.
    """

    def __init__(self, options: AirflowOptions, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.name, self.takes = options.name, options.takes
        self._options = options
        self._now = now
        self._receiver = Receiver(options.url, timeout_seconds=options.timeout_seconds, ca_file=options.ca_file)
        self._token = optional(options.secret("token"), "token")
        self._password = None
        if self._token is None:
            if options.user is None:
                raise SettingError("is missing.", field="user", remedy="Give a user and its password, or a token_file.")
            self._password = needed(options.secret("password"), "password")
        self._exchanged: tuple[str, float] | None = None

    def __repr__(self) -> str:
        return f"AirflowSink({self.name}, {self._receiver.host})"

    def deliver(self, message: OutboxMessage) -> str:
        """Trigger the run; one that is there already is as good.

        Raises
        ------
        SinkUnavailable, SinkRejected
        """
        notice = notice_of(message)
        dag_id = notice.filled(self._options.dag_id)
        run_id = notice.object_name
        body: dict[str, object] = {
            "dag_run_id": run_id,
            "logical_date": self._now().isoformat(),
            "conf": notice.compact(_MOST_BYTES),
            "note": notice.fields["reason"][:1_000],
        }
        path = f"/api/{'v1' if self._options.version == 2 else 'v2'}/dags/{quote(dag_id, safe='')}/dagRuns"
        was_exchanged = self._exchanged is not None
        # A token that was exchanged before may be good no longer, where the server has started again.
        fine = _THERE_ALREADY | ({HTTPStatus.UNAUTHORIZED.value} if was_exchanged else set())
        reply = self._triggered(path, body, fine)
        if reply.status == HTTPStatus.UNAUTHORIZED:
            self._exchanged = None
            reply = self._triggered(path, body, _THERE_ALREADY)
        there = " is there already" if reply.status in _THERE_ALREADY else ""
        return f"run {run_id} of {dag_id}{there} ({self._receiver.host})"

    def _triggered(self, path: str, body: dict[str, object], fine: frozenset[int]) -> Reply:
        headers = {"authorization": self._authorization(), "accept": "application/json"}
        return self._receiver.ask("POST", path, headers=headers, json=body, fine=fine)

    def _authorization(self) -> str:
        if self._token is not None:
            return f"Bearer {self._token.header_value()}"
        assert self._password is not None
        assert self._options.user is not None
        password = self._password.text()
        if self._options.version == 2:
            return "Basic " + base64.b64encode(f"{self._options.user}:{password}".encode()).decode()
        return f"Bearer {self._exchange(self._options.user, password)}"

    def _exchange(self, user: str, password: str) -> str:
        """A token for the password; it is asked for anew after a few minutes, well before any ends."""
        if self._exchanged is None or time.monotonic() - self._exchanged[1] > _TOKEN_SECONDS:
            reply = self._receiver.ask("POST", "/auth/token", json={"username": user, "password": password})
            token = reply.record().get("access_token")
            if not isinstance(token, str) or not (token.isascii() and token.isprintable() and token):
                raise SinkRejected(f"{self._receiver.host} gave no token for the user. Give a token_file in its place.")
            self._exchanged = (token, time.monotonic())
        return self._exchanged[0]


_TOKEN_SECONDS = 300.0

AIRFLOW = SinkKind("Airflow 2 and 3", AirflowOptions, AirflowSink)

__all__ = ["AIRFLOW", "AirflowOptions", "AirflowSink"]
