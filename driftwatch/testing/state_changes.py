"""Changes to the state in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from driftwatch.core.episodes import FINISHED
from driftwatch.core.records import Alert, AlertState, RetrainEpisode, RetrainStep, WindowRecord, WindowStage
from driftwatch.core.windows import to_microseconds
from driftwatch.errors import StateConflict, UnknownRetrain
from driftwatch.ports import LogFile, OutboxMessage, OutboxState, StoredBaseline, StoredSlice, StoredStream, StreamKey
from driftwatch.testing.state_join import MemoryLabelJoin

KeyT = TypeVar("KeyT")


class MemoryStateTransaction(MemoryLabelJoin):
    """Changes a copy of the contents; see `driftwatch.ports.StateTransaction`."""

    def put_baseline(self, baseline: StoredBaseline) -> None:
        """Insert or replace by model and version."""
        self._contents.baselines[baseline.model, baseline.model_version] = baseline

    def set_mark(self, name: str, value: int) -> None:
        """Set a named whole number."""
        self._contents.marks[name] = value

    def put_document(self, name: str, document: str) -> None:
        """Insert or replace a named document."""
        self._contents.documents[name] = document

    def put_slices(self, slices: Sequence[StoredSlice]) -> None:
        """Insert or replace by key."""
        self._contents.slices.update((one.key, one) for one in slices)

    def put_streams(self, streams: Sequence[StoredStream]) -> None:
        """Insert or replace by key."""
        self._contents.streams.update((one.key, one) for one in streams)

    def forget_stream(self, stream: StreamKey) -> None:
        """Forget a stream with its slices and with all that its windows left to be remembered."""
        contents = self._contents
        contents.streams.pop(stream, None)
        for key in [one for one in contents.slices if one.stream == stream]:
            del contents.slices[key]
        for memory in [one for one in contents.memories if one[0] == stream]:
            del contents.memories[memory]

    def put_memory(self, stream: StreamKey, stage: WindowStage, start: int, memory: bytes) -> None:
        """Insert or replace what a window leaves to be remembered."""
        self._contents.memories[stream, stage, start] = memory

    def forget_memories(self, stream: StreamKey, stage: WindowStage, before: int) -> None:
        """Forget what windows left that begin before ``before``, but for the newest of them."""
        found = self._contents.memories
        old = sorted(key[2] for key in found if key[:2] == (stream, stage) and key[2] < before)
        for start in old[:-1]:
            del found[stream, stage, start]

    def put_window(self, window: WindowRecord) -> None:
        """Insert or replace by key."""
        self._contents.windows[window.key] = window

    def put_alert(self, alert: Alert) -> None:
        """Insert or replace by id."""
        self._contents.alerts[alert.alert_id] = alert

    def open_retrain(self, episode: RetrainEpisode) -> None:
        """Insert an episode.

        Raises
        ------
        StateConflict
            There is one with this id.
        """
        if episode.retrain_id in self._contents.retrains:
            raise StateConflict(f"A retrain with the id {episode.retrain_id!r} is open already. Use another id.")
        self._contents.retrains[episode.retrain_id] = episode

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
        episode = self._contents.retrains.get(retrain_id)
        if episode is None:
            raise UnknownRetrain(retrain_id)
        self._contents.retrains[retrain_id] = replace(
            episode,
            state=step.state,
            history=(*episode.history, step),
            new_version=new_version if new_version is not None else episode.new_version,
            watched_from=watched_from if watched_from is not None else episode.watched_from,
        )

    def put_message(self, message: OutboxMessage) -> None:
        """Insert or replace by id."""
        self._contents.messages[message.message_id] = message

    def forget_slices(self, model: str, before: int, limit: int) -> int:
        """Forget a model's old slices, oldest first."""
        found = self._contents.slices
        old = [key for key, one in found.items() if key.model == model and one.reached < before]
        return _drop(found, sorted(old, key=lambda key: found[key].reached)[:limit])

    def forget_history(self, model: str, before: datetime, limit: int) -> int:
        """Forget a model's old windows, alerts and retrains."""
        windows, alerts, retrains = self._contents.windows, self._contents.alerts, self._contents.retrains
        old_windows = sorted((key for key in windows if key.model == model and key.end < before), key=lambda k: k.end)
        old_alerts = [
            key
            for key, one in alerts.items()
            if one.model == model and one.state is AlertState.RESOLVED and one.ended is not None and one.ended < before
        ]
        mine = [one for one in retrains.values() if one.model == model]
        latest = max((one.triggered for one in mine), default=before)
        old_retrains = [one.retrain_id for one in mine if one.state in FINISHED and one.triggered < min(before, latest)]
        forgotten = _drop(windows, old_windows[:limit]) + _drop(alerts, old_alerts[:limit])
        return forgotten + _drop(retrains, old_retrains[:limit]) + self._forget_replaced(model, to_microseconds(before))

    def _forget_replaced(self, model: str, before: int) -> int:
        versions = self.baselines(model)
        replaced = {one.model_version for one in versions[:-1]}
        busy = {key for key, one in self._contents.streams.items() if one.latest_event >= before}
        memories = self._contents.memories
        old = [
            key for key in memories if key[0].model == model and key[0].model_version in replaced and key[0] not in busy
        ]
        return _drop(memories, old)

    def forget_messages(self, before: datetime, limit: int) -> int:
        """Forget old messages that nobody waits for."""
        messages = self._contents.messages
        waiting = {OutboxState.PENDING, OutboxState.HELD}
        old = [one for one in messages.values() if one.state not in waiting and one.created_at < before]
        return _drop(messages, [one.message_id for one in sorted(old, key=lambda one: one.created_at)[:limit]])

    def add_log_files(self, files: Sequence[LogFile]) -> None:
        """Count these files from now on."""
        self.forget_log_files([one.path for one in files])
        self._contents.log_files.update((one.path, one) for one in files)

    def retire_log_files(self, paths: Sequence[str], at: datetime) -> None:
        """Count these files no longer."""
        for path in paths:
            if path in self._contents.log_files:
                self._contents.retired_files[path] = self._contents.log_files.pop(path), at

    def forget_log_files(self, paths: Sequence[str]) -> None:
        """Know nothing more of these files."""
        for path in paths:
            self._contents.log_files.pop(path, None)
            self._contents.retired_files.pop(path, None)


def _drop(found: dict[KeyT, Any], keys: Sequence[KeyT]) -> int:
    for key in keys:
        del found[key]
    return len(keys)
