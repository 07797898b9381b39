"""What the state forgets when it is old, a bounded number of rows at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Table, delete, exists, func, select

from driftwatch.core.episodes import FINISHED
from driftwatch.core.records import AlertState
from driftwatch.core.windows import to_microseconds
from driftwatch.ports import OutboxState
from driftwatch.stores import state_rows as rows
from driftwatch.stores import state_tables as tables


def forget_slices(connection: Connection, model: str, before: int, limit: int) -> int:
    """Slices whose stream had come to less than ``before`` with their last row."""
    table = tables.slice_
    return _forget_oldest(connection, table, table.c.reached, before, limit, table.c.model == model)


def forget_history(connection: Connection, model: str, before: datetime, limit: int) -> int:
    """Windows that ended, alerts that were resolved and retrains that were finished before a moment."""
    window = tables.judged_window
    moment = to_microseconds(before)
    forgotten = _forget_oldest(connection, window, window.c.end, moment, limit, window.c.model == model)
    forgotten += _forget_alerts(connection, model, before, limit)
    forgotten += _forget_retrains(connection, model, moment, limit)
    return forgotten + _forget_memories(connection, model, moment)


def forget_messages(connection: Connection, before: datetime, limit: int) -> int:
    """Messages that were delivered or given up and written before a moment."""
    table = tables.message
    done = table.c.state.not_in([OutboxState.PENDING.value, OutboxState.HELD.value])
    return _forget_oldest(connection, table, table.c.created_at, to_microseconds(before), limit, done)


def _forget_oldest(
    connection: Connection, table: Table, column: Column[Any], before: int, limit: int, condition: Any
) -> int:
    """Delete the rows with the smallest values, up to ``limit`` and those that are equal to the last of them."""
    old = select(column).where(condition, column < before).order_by(column)
    last = connection.scalar(old.offset(limit - 1).limit(1))
    bound = column < before if last is None else column <= last
    return connection.execute(delete(table).where(condition, bound)).rowcount


def _forget_alerts(connection: Connection, model: str, before: datetime, limit: int) -> int:
    table = tables.alert
    # An alert began before it was resolved, so the index narrows them down; when it ended stands in the record.
    query = select(table).where(
        table.c.model == model, table.c.started < to_microseconds(before), table.c.state == AlertState.RESOLVED
    )
    old = [
        one.alert_id
        for one in (rows.alert_of(row) for row in connection.execute(query.order_by(table.c.started).limit(limit)))
        if one.ended is not None and one.ended < before
    ]
    return connection.execute(delete(table).where(table.c.alert_id.in_(old))).rowcount if old else 0


def _forget_retrains(connection: Connection, model: str, before: int, limit: int) -> int:
    table, steps = tables.retrain, tables.retrain_step
    # The latest one says whether another may follow.
    latest = select(func.max(table.c.triggered)).where(table.c.model == model).scalar_subquery()
    query = select(table.c.retrain_id).where(
        table.c.model == model,
        table.c.triggered < before,
        table.c.triggered < latest,
        table.c.state.in_([one.value for one in FINISHED]),
    )
    old = list(connection.scalars(query.order_by(table.c.triggered).limit(limit)))
    if not old:
        return 0
    connection.execute(delete(steps).where(steps.c.retrain_id.in_(old)))
    return connection.execute(delete(table).where(table.c.retrain_id.in_(old))).rowcount


def _forget_memories(connection: Connection, model: str, before: int) -> int:
    """What a version's evidence was that another one took over from long ago."""
    memory, stream, baseline = tables.window_memory, tables.stream, tables.baseline
    newest = select(func.max(baseline.c.registered_at)).where(baseline.c.model == model).scalar_subquery()
    replaced = select(baseline.c.model_version).where(baseline.c.model == model, baseline.c.registered_at < newest)
    busy = exists().where(
        stream.c.model == memory.c.model,
        stream.c.model_version == memory.c.model_version,
        stream.c.segment == memory.c.segment,
        stream.c.latest_event >= before,
    )
    found = delete(memory).where(memory.c.model == model, memory.c.model_version.in_(replaced), ~busy)
    return connection.execute(found).rowcount
