"""The spool's newest entries, kept in memory too: the pipeline mostly reads what was written a moment ago."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from driftwatch.ports import SpoolEntry

MOST_ROWS = 30_000
"""So many rows of 25 columns are about 10 MB."""


class RecentEntries:
    """The last entries without a gap, as they were written. Whoever uses it sees to it that one thread does at a time.

    Parameters
    ----------
    most_rows
        What is kept; a single entry with more is not.
    """

    def __init__(self, most_rows: int = MOST_ROWS) -> None:
        self._most_rows = most_rows
        self._entries: deque[SpoolEntry] = deque()
        self._rows = 0

    def add(self, entries: Sequence[SpoolEntry]) -> None:
        """Take in what was written, in order; the oldest make room."""
        for entry in entries:
            if self._entries and self._entries[-1].sequence + 1 != entry.sequence:
                self._entries.clear()
                self._rows = 0
            self._entries.append(entry)
            self._rows += len(entry.batch)
        while self._rows > self._most_rows:
            self._rows -= len(self._entries.popleft().batch)

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
            self._rows -= len(self._entries.popleft().batch)
