"""The state in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from driftwatch.ports import StateReader, StateTransaction, stretch_microseconds
from driftwatch.testing.state_changes import MemoryStateTransaction
from driftwatch.testing.state_contents import Contents
from driftwatch.testing.state_questions import MemoryStateReader


class MemoryState:
    """The state in dictionaries; see `driftwatch.ports.State`.

    A transaction works on copies of the dictionaries and puts them in place when it ends well, so a reader keeps
    what it saw at first. Copies cost what the state holds: this is for tests.

    Parameters
    ----------
    label_horizon
        As that of the state in a database: a sixteenth of it is the length of the join's stretches.
    """

    def __init__(self, label_horizon: timedelta = timedelta(days=90)) -> None:
        self._stretch_us = stretch_microseconds(label_horizon)
        self._writing = threading.Lock()
        self._contents = Contents()

    @contextmanager
    def read(self) -> Iterator[StateReader]:
        """See `driftwatch.ports.State.read`."""
        yield MemoryStateReader(self._contents)

    @contextmanager
    def transaction(self) -> Iterator[StateTransaction]:
        """See `driftwatch.ports.State.transaction`. One at a time; they do not nest."""
        with self._writing:
            contents = self._contents.copy()
            yield MemoryStateTransaction(contents, self._stretch_us)
            self._contents = contents

    def close(self) -> None:
        """There is nothing to let go of."""
