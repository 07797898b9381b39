"""Questions to the state in memory."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime

from driftwatch.core.records import Alert, AlertState, RetrainEpisode, WindowKey, WindowRecord, WindowStage
from driftwatch.ports import (
    LogDay,
    LogFile,
    OutboxMessage,
    OutboxState,
    SliceOutline,
    StoredBaseline,
    StoredSlice,
    StoredStream,
    StreamKey,
)
from driftwatch.testing.state_contents import Contents


class MemoryStateReader:
    """Answers from one moment's contents; see `driftwatch.ports.StateReader`."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents

    def models(self) -> list[str]:
        """Names of all models, sorted."""
        return sorted({model for model, _ in self._contents.baselines})

    def baselines(self, model: str) -> list[StoredBaseline]:
        """All versions of a model, oldest registration first."""
        found = [one for one in self._contents.baselines.values() if one.model == model]
        return sorted(found, key=lambda one: (one.registered_at, one.model_version))

    def mark(self, name: str) -> int:
        """A named whole number; 0 until it is set."""
        return self._contents.marks.get(name, 0)

    def marks(self, prefix: str) -> dict[str, int]:
        """All marks whose name starts with ``prefix``."""
        return {name: value for name, value in sorted(self._contents.marks.items()) if name.startswith(prefix)}

    def document(self, name: str) -> str | None:
        """A named document; None until it is put."""
        return self._contents.documents.get(name)

    def documents(self, prefix: str) -> dict[str, str]:
        """All documents whose name starts with ``prefix``."""
        return {name: text for name, text in sorted(self._contents.documents.items()) if name.startswith(prefix)}

    def slices(self, model: str, model_version: str, segment: str, start: int, end: int) -> list[StoredSlice]:
        """Slices with ``start <= key.start < end``, in order."""
        wanted = (model, model_version, segment)
        found = [
            one
            for key, one in self._contents.slices.items()
            if (key.model, key.model_version, key.segment) == wanted and start <= key.start < end
        ]
        return sorted(found, key=lambda one: one.key.start)

    def outlines(self, stream: StreamKey, start: int, end: int) -> list[SliceOutline]:
        """What `slices` answers, without the sums."""
        return [
            SliceOutline(
                start=one.key.start,
                rows=one.rows,
                labels=one.labels,
                first_event=one.first_event,
                reached=one.reached,
            )
            for one in self.slices(stream.model, stream.model_version, stream.segment, start, end)
        ]

    def streams(self, model: str) -> list[StoredStream]:
        """All streams of a model, by version and segment."""
        found = [one for key, one in self._contents.streams.items() if key.model == model]
        return sorted(found, key=lambda one: (one.key.model_version, one.key.segment))

    def memory_before(self, stream: StreamKey, stage: WindowStage, start: int) -> bytes | None:
        """What the newest window that begins before ``start`` left to be remembered."""
        found = self._contents.memories
        earlier = [key[2] for key in found if key[:2] == (stream, stage) and key[2] < start]
        return found[stream, stage, max(earlier)] if earlier else None

    def memory_after(self, stream: StreamKey, stage: WindowStage, start: int) -> bytes | None:
        """What the window that begins at ``start`` left to be remembered."""
        return self._contents.memories.get((stream, stage, start))

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
        found = [
            one
            for key, one in self._contents.windows.items()
            if key.model == model
            and model_version in (None, key.model_version)
            and segment in (None, key.segment)
            and stage in (None, one.stage)
            and (start is None or key.start >= start)
            and (end is None or key.start < end)
        ]
        found.sort(key=lambda one: (one.key.model_version, one.key.segment))
        found.sort(key=lambda one: (one.key.end, one.key.first_row or 0, one.key.start), reverse=True)
        return found[:limit]

    def window(self, key: WindowKey) -> WindowRecord | None:
        """One window."""
        return self._contents.windows.get(key)

    def alerts(
        self,
        model: str | None = None,
        *,
        state: AlertState | None = None,
        is_open: bool = False,
        limit: int | None = None,
    ) -> list[Alert]:
        """Alerts, newest first."""
        found = [
            one
            for one in self._contents.alerts.values()
            if model in (None, one.model)
            and state in (None, one.state)
            and not (is_open and one.state is AlertState.RESOLVED)
        ]
        return sorted(found, key=lambda one: (one.started, one.alert_id), reverse=True)[:limit]

    def alert(self, alert_id: str) -> Alert | None:
        """One alert."""
        return self._contents.alerts.get(alert_id)

    def retrains(self, model: str | None = None, *, limit: int | None = None) -> list[RetrainEpisode]:
        """Retrain episodes, newest first."""
        found = [one for one in self._contents.retrains.values() if model in (None, one.model)]
        return sorted(found, key=lambda one: (one.triggered, one.retrain_id), reverse=True)[:limit]

    def retrain(self, retrain_id: str) -> RetrainEpisode | None:
        """One episode with its history."""
        return self._contents.retrains.get(retrain_id)

    def outbox(
        self,
        *,
        state: OutboxState | None = None,
        due_at: datetime | None = None,
        retrain_id: str | None = None,
        limit: int | None = None,
    ) -> list[OutboxMessage]:
        """Messages, oldest first."""
        found = [
            one
            for one in self._contents.messages.values()
            if state in (None, one.state)
            and retrain_id in (None, one.retrain_id)
            and (due_at is None or _is_due(one, due_at))
        ]
        return sorted(found, key=lambda one: one.created_at)[:limit]

    def heads(self, sink: str, due_at: datetime, limit: int) -> list[OutboxMessage]:
        """What a sink is to be told next: of each model its oldest pending message, where its time has come."""
        oldest: dict[str, OutboxMessage] = {}
        for one in self._contents.messages.values():
            if one.sink == sink and one.state is OutboxState.PENDING:
                oldest.setdefault(one.model, one)
        due = [one for one in oldest.values() if _is_due(one, due_at)]
        # Sorting keeps the order of those that are equal, which is that of their first being put.
        placed = [one for one in self._contents.messages.values() if one in due]
        placed.sort(key=lambda one: (one.next_attempt_at is not None, one.next_attempt_at or due_at))
        return placed[:limit]

    def message(self, message_id: str) -> OutboxMessage | None:
        """One message."""
        return self._contents.messages.get(message_id)

    def pending_sinks(self) -> dict[str, int]:
        """How many messages are pending for each sink."""
        pending = [one.sink for one in self._contents.messages.values() if one.state is OutboxState.PENDING]
        return dict(Counter(pending))

    def log_days(self, small_rows: int) -> list[LogDay]:
        """The files that count, summed up by day, oldest first."""
        days: dict[tuple[date, str, str], list[LogFile]] = {}
        for one in self._contents.log_files.values():
            days.setdefault((one.day, one.model, one.kind), []).append(one)
        return [
            LogDay(
                kind=kind,
                model=model,
                day=day,
                files=len(files),
                small_files=sum(one.rows < small_rows for one in files),
                size_bytes=sum(one.size_bytes for one in files),
            )
            for (day, model, kind), files in sorted(days.items(), key=lambda item: item[0])
        ]

    def log_files(self, model: str | None = None, kind: str | None = None, day: date | None = None) -> list[LogFile]:
        """The files that count, by first sequence."""
        found = [
            one
            for one in self._contents.log_files.values()
            if model in (None, one.model) and kind in (None, one.kind) and day in (None, one.day)
        ]
        return sorted(found, key=lambda one: (one.first_sequence, one.path))

    def retired_log_files(self, before: datetime | None = None) -> list[LogFile]:
        """Files that count no longer and may still be there, by first sequence."""
        found = [one for one, at in self._contents.retired_files.values() if before is None or at <= before]
        return sorted(found, key=lambda one: (one.first_sequence, one.path))

    def log_size(self) -> tuple[int, int]:
        """How many files count, and how many bytes they have."""
        files = self.log_files()
        return len(files), sum(one.size_bytes for one in files)

    def outstanding_count(self, model: str) -> int:
        """Predictions that wait for their label."""
        return sum(name == model and known.label is None for (name, _), known in self._contents.predictions.items())

    def waiting_label_count(self, model: str) -> int:
        """Labels that wait for their prediction."""
        return sum(name == model for name, _ in self._contents.labels)


def _is_due(message: OutboxMessage, at: datetime) -> bool:
    if message.state is not OutboxState.PENDING:
        return False
    return message.next_attempt_at is None or message.next_attempt_at <= at
