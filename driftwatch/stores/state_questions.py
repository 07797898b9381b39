"""Questions to the state, in SQL."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, Table, case, func, select

from driftwatch.core.records import WindowKey, WindowRecord, WindowStage
from driftwatch.core.windows import to_microseconds
from driftwatch.ports import (
    LogDay,
    LogFile,
    SliceOutline,
    StoredBaseline,
    StoredSlice,
    StoredStream,
    StreamKey,
)
from driftwatch.stores import state_rows as rows
from driftwatch.stores import state_tables as tables
from driftwatch.stores.state_loop import SqlLoopReader, where_given

_OUTLINE = ("start", "rows", "labels", "first_event", "reached")
_NEWEST = ("end", "first_row", "start")


class SqlStateReader(SqlLoopReader):
    """Answers from one connection's transaction; see `driftwatch.ports.StateReader`."""

    def models(self) -> list[str]:
        """Names of all models, sorted."""
        model = tables.baseline.c.model
        return list(self._connection.scalars(select(model).distinct().order_by(model)))

    def baselines(self, model: str) -> list[StoredBaseline]:
        """All versions of a model, oldest registration first."""
        table = tables.baseline
        query = select(table).where(table.c.model == model).order_by(table.c.registered_at, table.c.model_version)
        return [rows.baseline_of(row) for row in self._connection.execute(query)]

    def mark(self, name: str) -> int:
        """A named whole number; 0 until it is set."""
        table = tables.mark
        return self._connection.scalar(select(table.c.value).where(table.c.name == name)) or 0

    def marks(self, prefix: str) -> dict[str, int]:
        """All marks whose name starts with ``prefix``."""
        return {row.name: row.value for row in self._connection.execute(_by_prefix(tables.mark, prefix))}

    def document(self, name: str) -> str | None:
        """A named document; None until it is put."""
        table = tables.document
        return self._connection.scalar(select(table.c.document).where(table.c.name == name))

    def documents(self, prefix: str) -> dict[str, str]:
        """All documents whose name starts with ``prefix``."""
        return {row.name: row.document for row in self._connection.execute(_by_prefix(tables.document, prefix))}

    def slices(self, model: str, model_version: str, segment: str, start: int, end: int) -> list[StoredSlice]:
        """Slices with ``start <= key.start < end``, in order."""
        table = tables.slice_
        query = (
            select(table)
            .where(
                table.c.model == model,
                table.c.model_version == model_version,
                table.c.segment == segment,
                table.c.start >= start,
                table.c.start < end,
            )
            .order_by(table.c.start)
        )
        return [rows.slice_of(row) for row in self._connection.execute(query)]

    def outlines(self, stream: StreamKey, start: int, end: int) -> list[SliceOutline]:
        """What `slices` answers, without the sums."""
        table = tables.slice_
        query = (
            select(*(table.c[name] for name in _OUTLINE))
            .filter_by(**rows.stream_key_row(stream))
            .where(table.c.start >= start, table.c.start < end)
            .order_by(table.c.start)
        )
        return [rows.outline_of(row) for row in self._connection.execute(query)]

    def streams(self, model: str) -> list[StoredStream]:
        """All streams of a model, by version and segment."""
        table = tables.stream
        query = select(table).where(table.c.model == model).order_by(table.c.model_version, table.c.segment)
        return [rows.stream_of(row) for row in self._connection.execute(query)]

    def memory_before(self, stream: StreamKey, stage: WindowStage, start: int) -> bytes | None:
        """What the newest window that begins before ``start`` left to be remembered."""
        table = tables.window_memory
        query = (
            select(table.c.memory)
            .filter_by(**rows.stream_key_row(stream), stage=stage.value)
            .where(table.c.start < start)
            .order_by(table.c.start.desc())
            .limit(1)
        )
        return self._connection.scalar(query)

    def memory_after(self, stream: StreamKey, stage: WindowStage, start: int) -> bytes | None:
        """What the window that begins at ``start`` left to be remembered."""
        query = select(tables.window_memory.c.memory).filter_by(
            **rows.stream_key_row(stream), stage=stage.value, start=start
        )
        return self._connection.scalar(query)

    def windows(
        self,
        model: str,
        *,
        model_version: str | None = None,
        limit: int | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        segment: str | None = None,
        stage: WindowStage | None = None,
    ) -> list[WindowRecord]:
        """Judged windows, newest first."""
        table = tables.judged_window
        query = select(table).where(table.c.model == model)
        query = where_given(query, table.c.model_version, model_version)
        query = where_given(query, table.c.stage, stage)
        query = where_given(query, table.c.segment, segment)
        if start is not None:
            query = query.where(table.c.start >= to_microseconds(start))
        if end is not None:
            query = query.where(table.c.start < to_microseconds(end))
        query = query.order_by(*(table.c[name].desc() for name in _NEWEST), table.c.model_version, table.c.segment)
        return [rows.window_of(row) for row in self._connection.execute(query.limit(limit))]

    def window(self, key: WindowKey) -> WindowRecord | None:
        """One window."""
        row = self._connection.execute(select(tables.judged_window).filter_by(**rows.window_key_row(key))).first()
        return None if row is None else rows.window_of(row)

    def log_days(self, small_rows: int) -> list[LogDay]:
        """The files that count, summed up by day, oldest first."""
        table = tables.log_file
        key = (table.c.day, table.c.model, table.c.kind)
        small = func.sum(case((table.c.rows < small_rows, 1), else_=0)).label("small_files")
        sums = (func.count().label("files"), small, func.sum(table.c.size_bytes).label("size_bytes"))
        query = select(*key, *sums).where(table.c.retired_at.is_(None)).group_by(*key).order_by(*key)
        return [
            LogDay(
                kind=row.kind,
                model=row.model,
                day=date.fromisoformat(row.day),
                files=int(row.files),
                small_files=int(row.small_files),
                size_bytes=int(row.size_bytes),
            )
            for row in self._connection.execute(query)
        ]

    def log_files(self, model: str | None = None, kind: str | None = None, day: date | None = None) -> list[LogFile]:
        """The files that count, by first sequence."""
        table = tables.log_file
        query = where_given(select(table).where(table.c.retired_at.is_(None)), table.c.model, model)
        query = where_given(query, table.c.kind, kind)
        query = where_given(query, table.c.day, day.isoformat() if day is not None else None)
        query = query.order_by(table.c.first_sequence, table.c.path)
        return [rows.log_file_of(row) for row in self._connection.execute(query)]

    def retired_log_files(self, before: datetime | None = None) -> list[LogFile]:
        """Files that count no longer and may still be there, by first sequence."""
        table = tables.log_file
        query = select(table).where(table.c.retired_at.is_not(None))
        if before is not None:
            query = query.where(table.c.retired_at <= to_microseconds(before))
        query = query.order_by(table.c.first_sequence, table.c.path)
        return [rows.log_file_of(row) for row in self._connection.execute(query)]

    def log_size(self) -> tuple[int, int]:
        """How many files count, and how many bytes they have."""
        table = tables.log_file
        query = select(func.count(), func.coalesce(func.sum(table.c.size_bytes), 0)).where(table.c.retired_at.is_(None))
        files, size_bytes = self._connection.execute(query).one()
        return int(files), int(size_bytes)

    def outstanding_count(self, model: str) -> int:
        """Predictions that wait for their label."""
        table = tables.join_count
        return self._connection.scalar(select(func.sum(table.c.outstanding)).where(table.c.model == model)) or 0

    def waiting_label_count(self, model: str) -> int:
        """Labels that wait for their prediction."""
        table = tables.join_count
        return self._connection.scalar(select(func.sum(table.c.waiting)).where(table.c.model == model)) or 0


def _by_prefix(table: Table, prefix: str) -> Select[Any]:
    # LIKE would not tell upper from lower case in SQLite. The first condition lets the index be used.
    name = table.c.name
    return select(table).where(name >= prefix, func.substr(name, 1, len(prefix)) == prefix).order_by(name)
