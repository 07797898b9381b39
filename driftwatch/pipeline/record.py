"""Stage 6: move what was sliced and joined from the spool to the log, in steps.

The range of a step is written down before its files are, so that a crash in between repeats the same files and
never counts a row twice. The spool forgets a range only when the state counts its files.
"""

from __future__ import annotations

from driftwatch.crash_points import reached
from driftwatch.pipeline.marks import APPLIED, LOGGED, PLANNED
from driftwatch.ports import Log, Spool, SpoolEntry, State


class Recorder:
    """Writes the log, one range of the spool at a time."""

    def __init__(self, spool: Spool, log: Log, state: State, *, rows_a_file: int) -> None:
        self._spool = spool
        self._log = log
        self._state = state
        self._rows = rows_a_file
        self._removed = 0

    def unrecorded(self) -> bool:
        """Whether entries wait that were sliced and are not in the log, or are in it and still in the spool."""
        with self._state.read() as reader:
            logged = reader.mark(LOGGED)
            return logged < reader.mark(APPLIED) or self._removed < logged

    def record(self) -> int:
        """Write one step of at most about ``rows_a_file`` rows; answers how many rows."""
        with self._state.transaction() as transaction:
            logged, applied = transaction.mark(LOGGED), transaction.mark(APPLIED)
            planned = transaction.mark(PLANNED)
            if planned <= logged:
                planned = min(self._spool.last_of(logged, self._rows), max(applied, logged))
                if planned > logged:
                    transaction.set_mark(PLANNED, planned)
        if self._removed < logged:
            # The process before this one may have died between counting the files and this.
            self._forget_through(logged)
        if planned <= logged:
            return 0
        reached("record.planned")
        entries = self._entries(logged, planned)
        files = self._log.write(entries)
        reached("record.files_written")
        with self._state.transaction() as transaction:
            transaction.add_log_files(files)
            transaction.set_mark(LOGGED, planned)
        reached("record.counted")
        self._forget_through(planned)
        return sum(len(one.batch) for one in entries)

    def record_all(self) -> None:
        """Write everything that was sliced."""
        while self.record():
            continue

    def _entries(self, logged: int, planned: int) -> list[SpoolEntry]:
        """All entries of the plan, also of one that was made when more rows went to a file."""
        found: list[SpoolEntry] = []
        while (after := found[-1].sequence if found else logged) < planned:
            read = [one for one in self._spool.read(after, self._rows) if one.sequence <= planned]
            if not read:
                # A spool that is not of this state's moment: `driftwatch doctor` says what is missing.
                break
            found += read
        return found

    def _forget_through(self, sequence: int) -> None:
        self._spool.remove_through(sequence)
        self._removed = sequence
        reached("record.removed")
