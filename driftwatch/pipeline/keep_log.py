"""Housekeeping of the log: small files become large ones, old days go, and what is no longer needed is deleted.

Which files count changes in one transaction. The rest repeats where a crash came between: a file that was planned and
does not count is thrown away, files that were retired are hidden, and deleted when everybody had time to read them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import msgspec

from driftwatch.core.windows import from_microseconds
from driftwatch.crash_points import reached
from driftwatch.pipeline.judge import stream_time
from driftwatch.pipeline.readers import Readers
from driftwatch.pipeline.telemetry import Telemetry
from driftwatch.ports import Clock, Log, LogDay, LogFile, State, StateReader

_PLAN = "compaction"
_AT_ONCE = 256
"""Most files that are retired, or looked at for writing them together, in one step."""
_FEW = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepLog:
    """How long the log is kept, and how few its files are.

    Attributes
    ----------
    age
        A day is kept until its model's stream is this far past it.
    size_bytes
        The most that all files may have together; the oldest days go first. 0 for no bound.
    files
        So many small files of a day become one; of a day that is over, any two.
    rows_a_file
        The most rows of a file that is made so. A file of half as many is not small.
    grace
        How long a file that no longer counts can still be read; longer by those of this process who read already.
    """

    age: timedelta = timedelta(days=400)
    size_bytes: int = 0
    files: int = 16
    rows_a_file: int = 500_000
    grace: timedelta = timedelta(minutes=10)


class LogKeeper:
    """Keeps the log as it should be, a bounded step at a time. Used by one thread."""

    def __init__(
        self, state: State, log: Log, clock: Clock, telemetry: Telemetry, keep: KeepLog, readers: Readers
    ) -> None:
        self._state = state
        self._log = log
        self._clock = clock
        self._telemetry = telemetry
        self._keep = keep
        self._readers = readers
        self._settled = False

    def step(self) -> bool:
        """Do what is due, but not much at once; answers whether there is more."""
        if not self._settled:
            self._settle()
        removed = self._remove_retired()
        with self._state.read() as reader:
            days = reader.log_days(self._small_rows)
            passed = {model: self._stream_day(reader, model) for model in {one.model for one in days}}
        return self._expire(days, passed) or self._compact(days, passed) or removed

    @property
    def _small_rows(self) -> int:
        return self._keep.rows_a_file // 2

    def _settle(self) -> None:
        """Finish what the process before this one had begun."""
        with self._state.read() as reader:
            planned = reader.document(_PLAN)
            retired = reader.retired_log_files()
        if planned:
            self._log.remove([msgspec.json.decode(planned, type=LogFile)])
            with self._state.transaction() as transaction:
                transaction.put_document(_PLAN, "")
        self._log.hide(retired)
        self._settled = True

    def _remove_retired(self) -> bool:
        before = self._clock.now() - self._keep.grace
        if (reading := self._readers.oldest()) is not None:
            # What was retired at the same instant may be in its list.
            before = min(before, reading - timedelta(microseconds=1))
        with self._state.read() as reader:
            files = reader.retired_log_files(before)[:_AT_ONCE]
        if not files:
            return False
        self._log.remove(files)
        reached("log.removed")
        with self._state.transaction() as transaction:
            transaction.forget_log_files([one.path for one in files])
        return True

    def _stream_day(self, reader: StateReader, model: str) -> datetime:
        moment = stream_time(reader, model, self._clock)
        return self._clock.now() if moment is None else from_microseconds(moment)

    def _expire(self, days: Sequence[LogDay], passed: dict[str, datetime]) -> bool:
        """Retire what is too old, then the oldest of what is too much."""
        for one in days:
            if one.day < (passed[one.model] - self._keep.age).date():
                with self._state.read() as reader:
                    files = reader.log_files(one.model, one.kind, one.day)[:_AT_ONCE]
                self._retire(files, "age")
                return True
        over = sum(one.size_bytes for one in days) - self._keep.size_bytes
        if not self._keep.size_bytes or over <= 0:
            return False
        oldest = min(days, key=lambda one: one.day)
        with self._state.read() as reader:
            files = reader.log_files(oldest.model, oldest.kind, oldest.day)
        too_much = []
        for file in files[:_AT_ONCE]:
            if over > 0:
                too_much.append(file)
                over -= file.size_bytes
        self._retire(too_much, "size")
        return True

    def _compact(self, days: Sequence[LogDay], passed: dict[str, datetime]) -> bool:
        for one in days:
            is_over = one.day < (passed[one.model] - timedelta(days=1)).date()
            least = _FEW if is_over else self._keep.files
            if one.small_files >= least and (together := self._together(one.kind, one.model, one.day, least)):
                self._write_together(together)
                return True
        return False

    def _together(self, kind: str, model: str, day: date, least: int) -> list[LogFile]:
        """Small files that may become one, oldest first; none where there are fewer than ``least``."""
        with self._state.read() as reader:
            small = [one for one in reader.log_files(model, kind, day) if one.rows < self._small_rows]
        for alike in self._log.alike(small[:_AT_ONCE]):
            taken: list[LogFile] = []
            rows = 0
            for one in alike:
                if rows + one.rows <= self._keep.rows_a_file:
                    taken.append(one)
                    rows += one.rows
            if len(taken) >= least:
                return taken
        return []

    def _write_together(self, files: Sequence[LogFile]) -> None:
        planned = replace(files[0], path=self._log.name_together(files))
        with self._state.transaction() as transaction:
            transaction.put_document(_PLAN, msgspec.json.encode(planned).decode())
        reached("compaction.planned")
        # Where this fails half way, the next step begins as after a crash.
        self._settled = False
        written = self._log.write_together(files)
        reached("compaction.written")
        self._retire(files, "compacted", written)
        self._settled = True

    def _retire(self, files: Sequence[LogFile], reason: str, instead: LogFile | None = None) -> None:
        """Count files no longer, and another one in their place."""
        with self._state.transaction() as transaction:
            if instead is not None:
                transaction.add_log_files([instead])
                transaction.put_document(_PLAN, "")
            transaction.retire_log_files([one.path for one in files], self._clock.now())
        reached("log.retired")
        self._telemetry.count("log_files_retired_total", len(files), reason=reason)
        self._log.hide(files)
        reached("log.hidden")
