"""Changes to the state, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from driftwatch.core.events import LabelBatch
from driftwatch.core.records import Alert, RetrainEpisode, RetrainStep, WindowRecord, WindowStage
from driftwatch.core.windows import to_microseconds
from driftwatch.errors import StateConflict, UnknownRetrain
from driftwatch.ports import (
    JoinedLabels,
    LogFile,
    OutboxMessage,
    Outstanding,
    StoredBaseline,
    StoredSlice,
    StoredStream,
    StreamKey,
)
from driftwatch.stores import state_retention as retention
from driftwatch.stores import state_rows as rows
from driftwatch.stores import state_tables as tables
from driftwatch.stores.state_bulk import put
from driftwatch.stores.state_join import JoinStore, JoinWork
from driftwatch.stores.state_questions import SqlStateReader


class SqlStateTransaction(SqlStateReader):
    """Changes within one connection's transaction; see `driftwatch.ports.StateTransaction`."""

    def __init__(self, connection: Connection, joins: JoinStore) -> None:
        super().__init__(connection)
        self._joins = joins
        self._joining: JoinWork | None = None

    def put_baseline(self, baseline: StoredBaseline) -> None:
        """Insert or replace by model and version."""
        put(self._connection, tables.baseline, [rows.baseline_row(baseline)])

    def set_mark(self, name: str, value: int) -> None:
        """Set a named whole number."""
        put(self._connection, tables.mark, [{"name": name, "value": value}])

    def put_document(self, name: str, document: str) -> None:
        """Insert or replace a named document."""
        put(self._connection, tables.document, [{"name": name, "document": document}])

    def put_slices(self, slices: Sequence[StoredSlice]) -> None:
        """Insert or replace by key."""
        put(self._connection, tables.slice_, [rows.slice_row(one) for one in slices])

    def put_streams(self, streams: Sequence[StoredStream]) -> None:
        """Insert or replace by key."""
        put(self._connection, tables.stream, [rows.stream_row(one) for one in streams])

    def forget_stream(self, stream: StreamKey) -> None:
        """Forget a stream with its slices and with all that its windows left to be remembered."""
        for table in (tables.stream, tables.slice_, tables.window_memory):
            mine = [table.c[name] == value for name, value in rows.stream_key_row(stream).items()]
            self._connection.execute(delete(table).where(*mine))

    def put_memory(self, stream: StreamKey, stage: WindowStage, start: int, memory: bytes) -> None:
        """Insert or replace what a window leaves to be remembered."""
        row = {**rows.stream_key_row(stream), "stage": stage.value, "start": start, "memory": memory}
        put(self._connection, tables.window_memory, [row])

    def forget_memories(self, stream: StreamKey, stage: WindowStage, before: int) -> None:
        """Forget what windows left that begin before ``before``, but for the newest of them."""
        table = tables.window_memory
        mine = [table.c[name] == value for name, value in rows.stream_key_row(stream).items()]
        mine.append(table.c.stage == stage.value)
        newest = select(func.max(table.c.start)).where(*mine, table.c.start < before).scalar_subquery()
        self._connection.execute(delete(table).where(*mine, table.c.start < newest))

    def add_outstanding(self, model: str, rows: Outstanding) -> list[JoinedLabels]:
        """Remember predictions for the join; answers those whose label was already waiting."""
        return self._join().add_predictions(model, rows)

    def join_labels(self, batch: LabelBatch) -> list[JoinedLabels]:
        """Join labels with outstanding predictions; missing labels are no labels."""
        return self._join().add_labels(batch)

    def forget_outstanding(self, model: str, before: int) -> tuple[int, int]:
        """Forget old predictions and waiting labels; answers how many of each never met."""
        return self._join().forget(model, before)

    def committed(self) -> None:
        """Say that the changes are on disk."""
        if self._joining is not None:
            self._joins.kept(self._joining)

    def _join(self) -> JoinWork:
        if self._joining is None:
            self._joining = self._joins.change(self._connection)
        return self._joining

    def put_window(self, window: WindowRecord) -> None:
        """Insert or replace by key."""
        put(self._connection, tables.judged_window, [rows.window_row(window)])

    def put_alert(self, alert: Alert) -> None:
        """Insert or replace by id."""
        put(self._connection, tables.alert, [rows.alert_row(alert)])

    def open_retrain(self, episode: RetrainEpisode) -> None:
        """Insert an episode.

        Raises
        ------
        StateConflict
            There is one with this id.
        """
        if self.retrain(episode.retrain_id) is not None:
            raise StateConflict(f"A retrain with the id {episode.retrain_id!r} is open already. Use another id.")
        self._connection.execute(insert(tables.retrain), rows.retrain_row(episode))
        for position, step in enumerate(episode.history):
            self._connection.execute(insert(tables.retrain_step), rows.step_row(episode.retrain_id, position, step))

    def step_retrain(
        self,
        retrain_id: str,
        step: RetrainStep,
        new_version: str | None = None,
        watched_from: datetime | None = None,
    ) -> None:
        """Append to the history and take the step's state.

        Raises
        ------
        UnknownRetrain
            There is no episode with this id.
        """
        table, steps = tables.retrain, tables.retrain_step
        change = update(table).where(table.c.retrain_id == retrain_id).values(state=step.state)
        if new_version is not None:
            change = change.values(new_version=new_version)
        if watched_from is not None:
            change = change.values(watched_from=to_microseconds(watched_from))
        if not self._connection.execute(change).rowcount:
            raise UnknownRetrain(retrain_id)
        count = select(func.count()).select_from(steps).where(steps.c.retrain_id == retrain_id)
        position = self._connection.scalar(count) or 0
        self._connection.execute(insert(steps), rows.step_row(retrain_id, position, step))

    def put_message(self, message: OutboxMessage) -> None:
        """Insert or replace by id."""
        put(self._connection, tables.message, [rows.message_row(message)], key=("message_id",))

    def forget_slices(self, model: str, before: int, limit: int) -> int:
        """Forget a model's old slices, oldest first."""
        return retention.forget_slices(self._connection, model, before, limit)

    def forget_history(self, model: str, before: datetime, limit: int) -> int:
        """Forget a model's old windows, alerts and retrains."""
        return retention.forget_history(self._connection, model, before, limit)

    def forget_messages(self, before: datetime, limit: int) -> int:
        """Forget old messages that nobody waits for."""
        return retention.forget_messages(self._connection, before, limit)

    def add_log_files(self, files: Sequence[LogFile]) -> None:
        """Count these files from now on."""
        put(self._connection, tables.log_file, [rows.log_file_row(one) for one in files])

    def retire_log_files(self, paths: Sequence[str], at: datetime) -> None:
        """Count these files no longer."""
        table = tables.log_file
        change = update(table).where(table.c.path == bindparam("file")).values(retired_at=to_microseconds(at))
        if paths:
            self._connection.execute(change, [{"file": path} for path in paths])

    def forget_log_files(self, paths: Sequence[str]) -> None:
        """Know nothing more of these files."""
        change = delete(tables.log_file).where(tables.log_file.c.path == bindparam("file"))
        if paths:
            self._connection.execute(change, [{"file": path} for path in paths])
