"""Records as rows of the state's tables, and back.

Findings and verdicts are msgpack and not JSON: scores may be ``nan`` and evidence infinite, which JSON cannot say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import Row

from driftwatch.core.records import (
    Alert,
    Finding,
    RetrainEpisode,
    RetrainState,
    RetrainStep,
    Status,
    Verdict,
    WindowKey,
    WindowRecord,
    WindowStage,
)
from driftwatch.core.window_quality import WindowQuality
from driftwatch.core.windows import from_microseconds, to_microseconds
from driftwatch.ports import (
    LogFile,
    MessageKind,
    OutboxMessage,
    OutboxState,
    SliceKey,
    SliceOutline,
    Stale,
    StoredBaseline,
    StoredSlice,
    StoredStream,
    StreamKey,
    VersionRole,
)

_pack = msgspec.msgpack.Encoder().encode
_findings = msgspec.msgpack.Decoder(tuple[Finding, ...])
_verdicts = msgspec.msgpack.Decoder(tuple[Verdict, ...])
_performance = msgspec.msgpack.Decoder(dict[str, float])
_quality = msgspec.msgpack.Decoder(WindowQuality)
_alert = msgspec.msgpack.Decoder(Alert)
_texts = msgspec.json.Decoder(tuple[str, ...])

Values = Mapping[str, Any]
"""What SQLAlchemy inserts: one value a column."""


def baseline_row(baseline: StoredBaseline) -> Values:
    """A baseline as it is stored."""
    return {
        "model": baseline.model,
        "model_version": baseline.model_version,
        "document": baseline.document,
        "registered_at": to_microseconds(baseline.registered_at),
        "role": baseline.role.value,
    }


def baseline_of(row: Row[Any]) -> StoredBaseline:
    """A stored baseline."""
    return StoredBaseline(
        model=row.model,
        model_version=row.model_version,
        document=row.document,
        registered_at=from_microseconds(row.registered_at),
        role=VersionRole(row.role),
    )


def slice_row(one: StoredSlice) -> Values:
    """A slice as it is stored."""
    return {
        "model": one.key.model,
        "model_version": one.key.model_version,
        "segment": one.key.segment,
        "start": one.key.start,
        "rows": one.rows,
        "labels": one.labels,
        "first_event": one.first_event,
        "reached": one.reached,
        "profile": one.profile,
        "performance": one.performance,
        "labelled": one.labelled,
        "estimate": one.estimate,
    }


def slice_of(row: Row[Any]) -> StoredSlice:
    """A stored slice."""
    return StoredSlice(
        key=SliceKey(model=row.model, model_version=row.model_version, segment=row.segment, start=row.start),
        rows=row.rows,
        labels=row.labels,
        first_event=row.first_event,
        reached=row.reached,
        profile=row.profile,
        performance=row.performance,
        labelled=row.labelled or b"",
        estimate=row.estimate or b"",
    )


def outline_of(row: Row[Any]) -> SliceOutline:
    """A stored slice without its sums."""
    return SliceOutline(
        start=row.start, rows=row.rows, labels=row.labels, first_event=row.first_event, reached=row.reached
    )


def stream_key_row(key: StreamKey) -> Values:
    """A stream's key as it is stored."""
    return {"model": key.model, "model_version": key.model_version, "segment": key.segment}


def stream_row(stream: StoredStream) -> Values:
    """A stream as it is stored."""
    closed, complete = stream.stale_closed, stream.stale_complete
    return {
        **stream_key_row(stream.key),
        "rows": stream.rows,
        "first": stream.first,
        "last": stream.last,
        "latest_event": stream.latest_event,
        "closed": stream.closed,
        "complete": stream.complete,
        "stale_closed_first": None if closed is None else closed.first,
        "stale_closed_last": None if closed is None else closed.last,
        "stale_complete_first": None if complete is None else complete.first,
        "stale_complete_last": None if complete is None else complete.last,
    }


def stream_of(row: Row[Any]) -> StoredStream:
    """A stored stream."""
    return StoredStream(
        key=StreamKey(model=row.model, model_version=row.model_version, segment=row.segment),
        rows=row.rows,
        first=row.first,
        last=row.last,
        latest_event=row.latest_event,
        closed=row.closed,
        complete=row.complete,
        stale_closed=_stale(row.stale_closed_first, row.stale_closed_last),
        stale_complete=_stale(row.stale_complete_first, row.stale_complete_last),
    )


def _stale(first: int | None, last: int | None) -> Stale | None:
    return None if first is None or last is None else Stale(first=first, last=last)


def window_key_row(key: WindowKey) -> Values:
    """A window's key as it is stored."""
    return {
        "model": key.model,
        "model_version": key.model_version,
        "start": to_microseconds(key.start),
        "end": to_microseconds(key.end),
        "first_row": key.first_row or 0,
        "end_row": key.end_row or 0,
        "segment": key.segment,
    }


def window_row(window: WindowRecord) -> Values:
    """A window as it is stored."""
    return {
        **window_key_row(window.key),
        "stage": window.stage.value,
        "rows": window.rows,
        "labels": window.labels,
        "status": window.status.value,
        "findings": _pack(window.findings),
        "verdicts": _pack(window.verdicts),
        "performance": _pack(dict(window.performance)),
        "quality": _pack(window.quality),
        "judged_at": _moment_row(window.judged_at),
        "revised": window.revised,
    }


def window_of(row: Row[Any]) -> WindowRecord:
    """A stored window."""
    return WindowRecord(
        key=WindowKey(
            model=row.model,
            model_version=row.model_version,
            start=from_microseconds(row.start),
            end=from_microseconds(row.end),
            first_row=row.first_row if row.end_row else None,
            end_row=row.end_row or None,
            segment=row.segment,
        ),
        stage=WindowStage(row.stage),
        rows=row.rows,
        labels=row.labels,
        status=Status(row.status),
        findings=_findings.decode(row.findings),
        verdicts=_verdicts.decode(row.verdicts),
        performance=_performance.decode(row.performance),
        quality=_quality.decode(row.quality) if row.quality else WindowQuality(),
        judged_at=_moment_of(row.judged_at),
        revised=row.revised,
    )


def alert_row(alert: Alert) -> Values:
    """An alert as it is stored: whole, beside the columns that it is searched by."""
    return {
        "alert_id": alert.alert_id,
        "model": alert.model,
        "state": alert.state.value,
        "started": to_microseconds(alert.started),
        "record": _pack(alert),
    }


def alert_of(row: Row[Any]) -> Alert:
    """A stored alert."""
    return _alert.decode(row.record)


def retrain_row(episode: RetrainEpisode) -> Values:
    """An episode as it is stored, without its history."""
    return {
        "retrain_id": episode.retrain_id,
        "model": episode.model,
        "model_version": episode.model_version,
        "state": episode.state.value,
        "triggered": to_microseconds(episode.triggered),
        "until": to_microseconds(episode.until),
        "reason": episode.reason,
        "alert_ids": msgspec.json.encode(episode.alert_ids).decode(),
        "new_version": episode.new_version,
        "segment": episode.segment,
        "calls": msgspec.json.encode(episode.calls).decode(),
        "watched_from": _moment_row(episode.watched_from),
    }


def step_row(retrain_id: str, position: int, step: RetrainStep) -> Values:
    """A line of an episode's history as it is stored."""
    return {
        "retrain_id": retrain_id,
        "position": position,
        "at": to_microseconds(step.at),
        "state": step.state.value,
        "note": step.note,
        "by": step.by,
    }


def retrain_of(row: Row[Any], steps: Sequence[Row[Any]]) -> RetrainEpisode:
    """A stored episode with its stored history."""
    return RetrainEpisode(
        retrain_id=row.retrain_id,
        model=row.model,
        model_version=row.model_version,
        state=RetrainState(row.state),
        triggered=from_microseconds(row.triggered),
        until=from_microseconds(row.until),
        reason=row.reason,
        alert_ids=_texts.decode(row.alert_ids),
        history=tuple(
            RetrainStep(at=from_microseconds(step.at), state=RetrainState(step.state), note=step.note, by=step.by)
            for step in steps
        ),
        new_version=row.new_version,
        segment=row.segment,
        calls=_texts.decode(row.calls),
        watched_from=_moment_of(row.watched_from),
    )


def message_row(message: OutboxMessage) -> Values:
    """A message as it is stored."""
    return {
        "message_id": message.message_id,
        "sink": message.sink,
        "model": message.model,
        "body": message.body,
        "created_at": to_microseconds(message.created_at),
        "retrain_id": message.retrain_id,
        "attempts": message.attempts,
        "next_attempt_at": _moment_row(message.next_attempt_at),
        "state": message.state.value,
        "last_error": message.last_error,
        "kind": message.kind.value,
        "tried_since": _moment_row(message.tried_since),
    }


def message_of(row: Row[Any]) -> OutboxMessage:
    """A stored message."""
    return OutboxMessage(
        message_id=row.message_id,
        sink=row.sink,
        model=row.model,
        body=row.body,
        created_at=from_microseconds(row.created_at),
        retrain_id=row.retrain_id,
        attempts=row.attempts,
        next_attempt_at=_moment_of(row.next_attempt_at),
        state=OutboxState(row.state),
        last_error=row.last_error,
        kind=MessageKind(row.kind),
        tried_since=_moment_of(row.tried_since),
    )


def _moment_row(moment: datetime | None) -> int | None:
    return None if moment is None else to_microseconds(moment)


def _moment_of(value: int | None) -> datetime | None:
    return None if value is None else from_microseconds(value)


def log_file_row(file: LogFile) -> Values:
    """A file of the log as it is stored."""
    return {
        "path": file.path,
        "kind": file.kind,
        "model": file.model,
        "day": file.day.isoformat(),
        "first_sequence": file.first_sequence,
        "last_sequence": file.last_sequence,
        "rows": file.rows,
        "size_bytes": file.size_bytes,
        "retired_at": None,
    }


def log_file_of(row: Row[Any]) -> LogFile:
    """A stored file of the log."""
    return LogFile(
        path=row.path,
        kind=row.kind,
        model=row.model,
        day=date.fromisoformat(row.day),
        first_sequence=row.first_sequence,
        last_sequence=row.last_sequence,
        rows=row.rows,
        size_bytes=row.size_bytes,
    )
