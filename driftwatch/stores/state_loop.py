"""Questions to the state about alerts, retrains and what is to be told, in SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from driftwatch.core.records import Alert, AlertState, RetrainEpisode
from driftwatch.core.windows import to_microseconds
from driftwatch.ports import OutboxMessage, OutboxState
from driftwatch.stores import state_rows as rows
from driftwatch.stores import state_tables as tables


class SqlLoopReader:
    """One part of `driftwatch.ports.StateReader`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def alerts(
        self,
        model: str | None = None,
        *,
        state: AlertState | None = None,
        is_open: bool = False,
        limit: int | None = None,
    ) -> list[Alert]:
        """Alerts, newest first."""
        table = tables.alert
        query = where_given(select(table), table.c.model, model)
        query = where_given(query, table.c.state, state)
        if is_open:
            query = query.where(table.c.state != AlertState.RESOLVED.value)
        query = query.order_by(table.c.started.desc(), table.c.alert_id.desc()).limit(limit)
        return [rows.alert_of(row) for row in self._connection.execute(query)]

    def alert(self, alert_id: str) -> Alert | None:
        """One alert."""
        row = self._connection.execute(select(tables.alert).filter_by(alert_id=alert_id)).first()
        return None if row is None else rows.alert_of(row)

    def retrains(self, model: str | None = None, *, limit: int | None = None) -> list[RetrainEpisode]:
        """Retrain episodes, newest first."""
        table = tables.retrain
        query = where_given(select(table), table.c.model, model)
        query = query.order_by(table.c.triggered.desc(), table.c.retrain_id.desc()).limit(limit)
        return [self._with_history(row) for row in self._connection.execute(query).all()]

    def retrain(self, retrain_id: str) -> RetrainEpisode | None:
        """One episode with its history."""
        row = self._connection.execute(select(tables.retrain).filter_by(retrain_id=retrain_id)).first()
        return None if row is None else self._with_history(row)

    def _with_history(self, row: Any) -> RetrainEpisode:
        table = tables.retrain_step
        query = select(table).where(table.c.retrain_id == row.retrain_id).order_by(table.c.position)
        return rows.retrain_of(row, self._connection.execute(query).all())

    def outbox(
        self,
        *,
        state: OutboxState | None = None,
        due_at: datetime | None = None,
        retrain_id: str | None = None,
        limit: int | None = None,
    ) -> list[OutboxMessage]:
        """Messages, oldest first."""
        table = tables.message
        query = where_given(select(table), table.c.state, state)
        query = where_given(query, table.c.retrain_id, retrain_id)
        if due_at is not None:
            query = query.where(table.c.state == OutboxState.PENDING, _is_due(due_at))
        query = query.order_by(table.c.created_at, table.c.ordinal).limit(limit)
        return [rows.message_of(row) for row in self._connection.execute(query)]

    def heads(self, sink: str, due_at: datetime, limit: int) -> list[OutboxMessage]:
        """What a sink is to be told next: of each model its oldest pending message, where its time has come."""
        table = tables.message
        oldest = (
            select(func.min(table.c.ordinal))
            .where(table.c.state == OutboxState.PENDING.value, table.c.sink == sink)
            .group_by(table.c.model)
        )
        query = (
            select(table)
            .where(table.c.ordinal.in_(oldest), _is_due(due_at))
            .order_by(func.coalesce(table.c.next_attempt_at, 0), table.c.ordinal)
            .limit(limit)
        )
        return [rows.message_of(row) for row in self._connection.execute(query)]

    def message(self, message_id: str) -> OutboxMessage | None:
        """One message."""
        row = self._connection.execute(select(tables.message).filter_by(message_id=message_id)).first()
        return None if row is None else rows.message_of(row)

    def pending_sinks(self) -> dict[str, int]:
        """How many messages are pending for each sink."""
        table = tables.message
        query = select(table.c.sink, func.count()).where(table.c.state == OutboxState.PENDING.value)
        return {sink: int(n) for sink, n in self._connection.execute(query.group_by(table.c.sink))}


def where_given(query: Select[Any], column: ColumnElement[Any], value: str | None) -> Select[Any]:
    """The query, narrowed down to one value where there is one."""
    return query if value is None else query.where(column == value)


def _is_due(due_at: datetime) -> ColumnElement[bool]:
    due = tables.message.c.next_attempt_at
    return or_(due.is_(None), due <= to_microseconds(due_at))
