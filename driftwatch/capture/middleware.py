"""ASGI middleware: logs chosen routes of an existing application, such as one of FastAPI or Starlette.

Written on the ASGI interface alone: it imports no framework.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driftwatch.capture.baseline_names import BaselineNames
from driftwatch.capture.buffer import Buffer, BufferLimits, Dropped
from driftwatch.capture.client import Client
from driftwatch.capture.delivery import Delivery
from driftwatch.capture.map_file import mapped_routes, read_map
from driftwatch.capture.tap import PREDICTION_ID_HEADER, Field, Tap, TapRules
from driftwatch.capture.traffic import Captured, TrafficDelivery
from driftwatch.capture.transport import Transport, usual_url
from driftwatch.errors import InputError
from driftwatch.wire.path_map import path_map

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_METHODS = frozenset({"POST", "PUT", "PATCH"})


class CaptureMiddleware:
    """Logs what chosen routes of an ASGI application are asked and answer, as predictions.

    Everything passes unchanged and at once, piece by piece where it is streamed; answers with a status of the 200s get
    one header, ``x-driftwatch-prediction-id``, under which labels are sent. Copies of at most ``copy_bytes`` of each
    body wait in a bounded buffer for a background thread that reads and sends them. Whatever goes wrong with that, the
    application does not notice; ``dropped`` says what, and how often.

    Parameters
    ----------
    app
        The application.
    name
        The model's name in the service.
    routes
        By the path of the requests, where things are in the JSON of requests and answers: ``features`` (an object, a
        list of rows, or an object of columns) and ``prediction``, and where known ``score`` and ``prediction_id``. In
        the path ``*`` and ``{name}`` stand for anything between two slashes. Or a TOML file such as
        ``driftwatch proxy --map`` takes.
    url, model_version, headers, token, ca, timeout_seconds, limits
        As for ``driftwatch.watch``.
    feature_names
        The columns of rows that bring no names; by default those of the baseline.
    copy_bytes
        Larger bodies pass, and are not logged.

    Raises
    ------
    InputError
        For a URL that is none, an empty name, or a path that is none.
    FileError
        For a file that cannot be read.

    Examples
    --------
    >>> async def app(scope, receive, send):
    ...     ...
    >>> routes = {"/score": {"features": "$.customer", "prediction": "$.score"}}
    >>> watched = CaptureMiddleware(app, name="loans", routes=routes)
    >>> watched.close(timeout_seconds=0)
    True
    """

    def __init__(  # noqa: PLR0913 - an application, a name and routes are all that has no default
        self,
        app: App,
        *,
        name: str,
        routes: Mapping[str, Mapping[str, str]] | Path | str,
        url: str | None = None,
        model_version: str | None = None,
        feature_names: Sequence[str] | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        ca: str | Path | None = None,
        timeout_seconds: float = 10.0,
        limits: BufferLimits | None = None,
        copy_bytes: int = 2**20,
    ) -> None:
        if not name:
            raise InputError("is empty.", field="name", remedy="Give the name under which the service knows the model.")
        maps = mapped_routes(routes) if isinstance(routes, Mapping) else read_map(Path(routes))
        formats = {one.route: path_map(one) for one in maps}
        limits = limits or BufferLimits()
        transport = Transport(
            usual_url(url), timeout_seconds=timeout_seconds, headers=headers, token=token, ca=ca
        )  # fmt: skip
        delivery = Delivery(transport, name, limits.batch_events)
        names = None if feature_names is None else tuple(str(one) for one in feature_names)
        self.app = app
        self._rules = TapRules(formats=formats, most_bytes=copy_bytes)
        self._patterns = [one.route for one in formats.values()]
        self._reading = TrafficDelivery(
            delivery,
            BaselineNames(Client.over(transport), name, model_version, names, delivery.warn_of_waiting),
            formats,
            model_version=model_version,
            most_bytes=copy_bytes,
            batch_events=limits.batch_events,
        )
        self._buffer: Buffer[Captured] = Buffer(self._reading, limits)
        self._not_copied: Counter[str] = Counter()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Pass a request to the application, and copy it if it is on one of the routes."""
        copy = self._begun(scope)
        if copy is None:
            await self.app(scope, receive, send)
            return

        async def received() -> Message:
            message = await receive()
            copy.asked(message)
            return message

        async def sent(message: Message) -> None:
            await send(copy.told(message))
            if copy.is_complete:
                self._keep(copy)

        await self.app(scope, received, sent)

    @property
    def dropped(self) -> Counter[str]:
        """How many requests were answered and not logged, by reason.

        Reasons are those of ``driftwatch.capture.Dropped``, and ``too_large``, ``unparsable`` (no JSON, or the paths
        lead nowhere) and ``defect``.
        """
        return self._buffer.dropped + self._reading.unread + self._not_copied

    def flush(self, timeout_seconds: float = 10.0) -> bool:
        """Wait until what was copied so far is sent; false if the time was too short."""
        return self._buffer.flush(timeout_seconds)

    def close(self, timeout_seconds: float = 10.0) -> bool:
        """Send what is copied, and copy no more; the application goes on. False if some could not be sent in time."""
        return self._buffer.close(timeout_seconds)

    def _begun(self, scope: MutableMapping[str, Any]) -> _Copy | None:
        """A place for the copy; None for what is not to be logged."""
        try:
            if scope["type"] != "http" or scope["method"] not in _METHODS:
                return None
            path = scope["path"]
            below = path.removeprefix(scope.get("root_path") or "")
            found = next((one for one in (path, below) if any(map(_matches(one), self._patterns))), None)
            if found is None:
                return None
            if self._buffer.room() <= 0:
                self._buffer.lose(1, Dropped.BUFFER_FULL)
                return None
            return _Copy(Tap(self._rules, _Head(found, _fields(scope["headers"]))))
        except Exception:  # noqa: BLE001 - whatever goes wrong in here is not the application's concern
            self._not_copied["defect"] += 1
            return None

    def _keep(self, copy: _Copy) -> None:
        tap = copy.tap
        copy.is_complete = False
        if copy.is_damaged:
            self._not_copied["defect"] += 1
        elif not tap.is_whole:
            self._not_copied["too_large"] += 1
        else:
            try:
                self._buffer.put(Captured(tap, time.time()))
            except Exception:  # noqa: BLE001 - as above
                self._not_copied["defect"] += 1


class _Copy:
    """The copy of one exchange. Its methods raise nothing."""

    __slots__ = ("_is_good", "is_complete", "is_damaged", "tap")

    def __init__(self, tap: Tap) -> None:
        self.tap = tap
        self._is_good = False
        self.is_complete = False
        """Whether all of it is here, and is worth keeping."""
        self.is_damaged = False

    def asked(self, message: Message) -> None:
        """Take what the application receives."""
        try:
            if message["type"] == "http.request":
                self.tap.asked(message.get("body", b""))
        except Exception:  # noqa: BLE001 - whatever goes wrong in here is not the application's concern
            self.is_damaged = True

    def told(self, message: Message) -> Message:
        """Take what the application sends; gives what is sent on."""
        try:
            kind = message["type"]
            if kind == "http.response.start":
                self._is_good = 200 <= message["status"] < 300
                if self._is_good:
                    return self._with_id(message)
            elif kind == "http.response.body" and self._is_good:
                if self.tap.wants_answer:
                    self.tap.told(message.get("body", b""))
                # Where the application did not read to the end, what is missing shows when the copy is read.
                self.is_complete = not message.get("more_body", False)
        except Exception:  # noqa: BLE001 - as above
            self.is_damaged = True
        return message

    def _with_id(self, message: Message) -> Message:
        headers = list(message.get("headers", ()))
        self.tap.answered(_Head("", _fields(headers)))
        return {**message, "headers": [*headers, (PREDICTION_ID_HEADER.encode(), self.tap.prediction_id.encode())]}


@dataclass(frozen=True, slots=True)
class _Head:
    path: str
    fields: Sequence[Field]


def _fields(headers: Any) -> list[Field]:
    return [(bytes(name).lower(), bytes(value), b"") for name, value in headers]


def _matches(path: str) -> Callable[[Any], bool]:
    return lambda pattern: pattern.fullmatch(path) is not None


__all__ = ["CaptureMiddleware"]
