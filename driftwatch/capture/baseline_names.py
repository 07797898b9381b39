"""What the monitor's baseline says of a model: its features' names and its classes, fetched again from time to time."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from driftwatch.capture.buffer import Waiting
from driftwatch.capture.client import Client
from driftwatch.capture.events import Known
from driftwatch.errors import ServiceRejected, ServiceUnavailable

REFRESHED_AFTER_SECONDS = 60.0

_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 15.0


class _Column(msgspec.Struct):
    name: str
    role: str


class _Schema(msgspec.Struct):
    classes: tuple[str, ...] = ()


class _Baseline(msgspec.Struct):
    schema: _Schema
    columns: list[_Column]


class _Document(msgspec.Struct):
    baseline: _Baseline


class BaselineNames:
    """Asks for the baseline when it is needed. Runs in the background thread.

    Parameters
    ----------
    client
        The monitor.
    model, model_version
        Whose baseline; of the latest version where None.
    features
        Names in the model's order, where they are given: the baseline is then asked for the classes alone.
    warn
        Is told why it has to wait.
    """

    def __init__(
        self,
        client: Client,
        model: str,
        model_version: str | None,
        features: tuple[str, ...] | None,
        warn: Callable[[str], object] = lambda reason: None,
    ) -> None:
        self._client = client
        self._warn = warn
        self._model = model
        self._model_version = model_version
        self._features = features
        self._known: Known | None = None
        self._asked_at = 0.0

    def known(self, waiting: Waiting) -> Known | None:
        """What is known. Waits for the monitor the first time; None if the time for that is over.

        A monitor that does not let this be asked (a token for ingest alone) leaves the names unknown; one that has no
        baseline yet is asked again, since it would not take events either.
        """
        attempt = 0
        while self._known is None or time.monotonic() - self._asked_at > REFRESHED_AFTER_SECONDS:
            self._asked_at = time.monotonic()
            reason = ""
            try:
                document = self._client.baseline(self._model, model_version=self._model_version)
                self._known = self._read(document)
            except ServiceRejected as refusal:
                if refusal.status != 404:
                    self._known = self._known or Known(features=self._features)
                reason = refusal.detail
            except ServiceUnavailable as error:
                reason = error.detail
            if self._known is not None:
                break
            self._warn(reason)
            if not waiting.pause(min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(attempt, 10))):
                return None
            attempt += 1
        return self._known

    def close(self) -> None:
        """Close the connections; a later question opens new ones."""
        self._client.close()

    def _read(self, document: str) -> Known:
        try:
            found = msgspec.json.decode(document, type=_Document).baseline
        except (msgspec.DecodeError, UnicodeError) as error:
            raise ServiceUnavailable(f"The monitor's baseline cannot be read ({type(error).__name__}).") from None
        features = tuple(column.name for column in found.columns if column.role == "feature")
        return Known(self._features or features, found.schema.classes)


__all__ = ["REFRESHED_AFTER_SECONDS", "BaselineNames"]
