"""Stage 6: move what was sliced and joined from the spool to the log, in steps.

The range of a step is written down before its files are, so that a crash in between repeats the same files and
never counts a row twice. The spool forgets a range only when the state counts its files.
"""

from __future__ import annotations

from driftwatch.pipeline.marks import APPLIED, LOGGED, PLANNED
from driftwatch.ports import Log, Spool, State


class Recorder:
    """Writes the log, one range of the spool at a time."""

    def __init__(self, spool: Spool, log: Log, state: State, *, rows_a_file: int) -> None:
        self._spool = spool
        self._log = log
        self._state = state
        self._rows = rows_a_file

    def unrecorded(self) -> bool:
        """Whether entries wait that were sliced and are not in the log."""
        with self._state.read() as reader:
            return reader.mark(LOGGED) < reader.mark(APPLIED)

    def record(self) -> int:
        """Write one step of at most about ``rows_a_file`` rows; answers how many rows."""
        with self._state.transaction() as transaction:
            logged, applied = transaction.mark(LOGGED), transaction.mark(APPLIED)
            planned = transaction.mark(PLANNED)
            if planned <= logged:
                fresh = [one for one in self._spool.read(logged, self._rows) if one.sequence <= applied]
                if not fresh:
                    return 0
                planned = fresh[-1].sequence
                transaction.set_mark(PLANNED, planned)
        entries = [one for one in self._spool.read(logged, self._rows) if one.sequence <= planned]
        files = self._log.write(entries)
        with self._state.transaction() as transaction:
            transaction.add_log_files(files)
            transaction.set_mark(LOGGED, planned)
        self._spool.remove_through(planned)
        return sum(len(one.batch) for one in entries)

    def record_all(self) -> None:
        """Write everything that was sliced."""
        while self.record():
            continue
