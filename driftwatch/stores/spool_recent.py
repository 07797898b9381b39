"""The spool's newest entries, kept in memory too: the pipeline mostly reads what was written a moment ago."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from driftwatch.core.events import size_bytes
from driftwatch.ports import SpoolEntry

MOST_BYTES = 8 << 20
"""What a file of the log holds, so that entries are read from the disk only where the pipeline lags."""


class RecentEntries:
    """The last entries without a gap, as they were written. Whoever uses it sees to it that one thread does at a time.

    Parameters
    ----------
    most_bytes
        What is kept; a single entry with more is not.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._entries: deque[SpoolEntry] = deque()
        self._sizes: deque[int] = deque()
        self._bytes = 0

    def add(self, entries: Sequence[SpoolEntry]) -> None:
        """Take in what was written, in order; the oldest make room."""
        for entry in entries:
            size = size_bytes(entry.batch)
            if self._entries and self._entries[-1].sequence + 1 != entry.sequence:
                self._entries.clear()
                self._sizes.clear()
            self._entries.append(entry)
            self._sizes.append(size)
        self._bytes = sum(self._sizes)
        while self._bytes > self._most_bytes:
            self._drop()

    def read(self, after: int, limit: int) -> list[SpoolEntry] | None:
        """What `driftwatch.ports.Spool.read` answers; None where older entries than these are asked for."""
        if not self._entries or self._entries[0].sequence > after + 1:
            return None
        found: list[SpoolEntry] = []
        rows = 0
        for entry in self._entries:
            if rows >= limit:
                break
            if entry.sequence > after:
                found.append(entry)
                rows += len(entry.batch)
        return found

    def remove_through(self, sequence: int) -> None:
        """Let go of entries up to and with ``sequence``."""
        while self._entries and self._entries[0].sequence <= sequence:
            self._drop()

    def _drop(self) -> None:
        self._entries.popleft()
        self._bytes -= self._sizes.popleft()
