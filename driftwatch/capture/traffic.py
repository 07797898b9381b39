"""Copied exchanges made into events and brought to the monitor. Runs in the background thread."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

from driftwatch.capture.baseline_names import BaselineNames
from driftwatch.capture.buffer import Dropped, Waiting
from driftwatch.capture.delivery import Delivery
from driftwatch.capture.tap import Tap, text_headers
from driftwatch.errors import EventError
from driftwatch.wire.exchange import Request, Response, inflated
from driftwatch.wire.inference import Expected, InferenceFormat, events_of
from driftwatch.wire.native import PredictionEvent

_BREATH_SECONDS = 0.0001
_AT_ONCE = 5


class Captured:
    """One exchange that waits to be read; until it is, it counts as one event."""

    __slots__ = ("kept", "n_rows", "paired", "size_bytes", "tap", "time_seconds")

    def __init__(self, tap: Tap, time_seconds: float) -> None:
        self.tap = tap
        self.time_seconds = time_seconds
        self.n_rows = self.kept = 1
        self.size_bytes = tap.size_bytes + 1_024
        self.paired = False


class TrafficDelivery:
    """Reads exchanges and sends their events.

    Parameters
    ----------
    delivery
        Brings events to the monitor.
    names
        What the baseline says of features and classes.
    formats
        By name; the first that knows a request reads it.
    model_version
        Of all events; None leaves it to the monitor.
    most_bytes
        What a body may inflate to.
    batch_events
        Most events of one request.
    """

    def __init__(
        self,
        delivery: Delivery,
        names: BaselineNames,
        formats: Mapping[str, InferenceFormat],
        *,
        model_version: str | None,
        most_bytes: int,
        batch_events: int,
    ) -> None:
        self._delivery = delivery
        self._names = names
        self._formats = formats
        self._model_version = model_version
        self._most_bytes = most_bytes
        self._batch_events = batch_events
        self.unread: Counter[str] = Counter()
        """Exchanges that gave no events, by reason."""
        self.captured = 0
        """Events that were read."""
        self.unnamed = 0
        """Exchanges whose features had to be called ``x0``, ``x1`` and so on."""

    def __call__(self, calls: list[Captured], waiting: Waiting) -> None:
        """See `driftwatch.capture.buffer.Deliver`."""
        known = self._names.known(waiting)
        if known is None:
            waiting.drop(Dropped.CLOSED, len(calls))
            return
        expected = Expected(known.features, known.classes)
        events: list[PredictionEvent] = []
        for position, one in enumerate(calls):
            events += self._events(one, expected)
            if position % _AT_ONCE == _AT_ONCE - 1:
                # Python runs one thread at a time, and traffic goes first: reading a hundred exchanges without a pause
                # was 2 ms of its 99th percentile.
                time.sleep(_BREATH_SECONDS)
        for start in range(0, len(events), self._batch_events):
            self._delivery.send(events[start : start + self._batch_events], waiting)

    def close(self) -> None:
        """Close the connections."""
        self._delivery.close()
        self._names.close()

    def _events(self, captured: Captured, expected: Expected) -> list[PredictionEvent]:
        try:
            return self._read(captured, expected)
        except EventError as error:
            self._lose("unparsable", str(error))
        except Exception as error:  # noqa: BLE001 - a defect in a decoder must cost no more than the event
            self._lose("defect", f"a defect in driftwatch: {type(error).__name__}")
        return []

    def _read(self, captured: Captured, expected: Expected) -> list[PredictionEvent]:
        tap = captured.tap
        asked, told = tap.bodies()
        headers, answer_headers = text_headers(tap.head.fields), text_headers(tap.answer_fields)
        request = Request(tap.head.path, headers, inflated(headers, asked, self._most_bytes))
        kind = next((one for one in self._formats.values() if one.sniff(request)), None)
        if kind is None:
            self._lose("unrecognised", "the body is of no known format")
            return []
        response = Response(answer_headers, inflated(answer_headers, told, self._most_bytes))
        found = events_of(
            kind.decode(request, response),
            expected,
            prediction_id=tap.prediction_id,
            event_time=captured.time_seconds,
            model_version=self._model_version,
        )
        self.captured += len(found.rows)
        self.unnamed += found.unnamed
        return found.rows

    def _lose(self, reason: str, detail: str) -> None:
        self.unread[reason] += 1
        self._delivery.warn(f"a request passed and was not logged ({reason}: {detail[:200]})")


__all__ = ["Captured", "TrafficDelivery"]
