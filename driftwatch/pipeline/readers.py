"""Who reads the log at the moment: what they have in their lists is not deleted under them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from driftwatch.pipeline.export import EventPart, labelled_events
from driftwatch.ports import Clock, Log, State


class Readers:
    """Readers of the log and since when they read. Safe to use from any thread."""

    def __init__(self, state: State, log: Log, clock: Clock) -> None:
        self._state = state
        self._log = log
        self._clock = clock
        self._lock = threading.Lock()
        self._since: dict[object, datetime] = {}

    @contextmanager
    def reading(self) -> Iterator[None]:
        """While the block runs, no file that counts now is deleted: ask which files count inside it."""
        me = object()
        with self._lock:
            self._since[me] = self._clock.now()
        try:
            yield
        finally:
            with self._lock:
                del self._since[me]

    def events(
        self, model: str, start: datetime | None, end: datetime | None, *, labelled: bool
    ) -> Iterator[EventPart]:
        """Logged predictions with their labels; see `driftwatch.pipeline.export.labelled_events`."""
        with self.reading():
            with self._state.read() as reader:
                predictions, labels = reader.log_files(model, "predictions"), reader.log_files(model, "labels")
            yield from labelled_events(self._log, predictions, labels, start=start, end=end, only_labelled=labelled)

    def oldest(self) -> datetime | None:
        """Since when the one that began first reads; None where nobody does."""
        with self._lock:
            return min(self._since.values(), default=None)


__all__ = ["Readers"]
