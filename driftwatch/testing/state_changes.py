"""Changes to the state in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from driftwatch.core.events import LabelBatch
from driftwatch.core.records import Alert, RetrainEpisode, RetrainStep, WindowRecord
from driftwatch.errors import StateConflict, UnknownRetrain
from driftwatch.ports import JoinedLabel, LogFile, OutboxMessage, Outstanding, StoredBaseline, StoredSlice
from driftwatch.testing.state_contents import KnownPrediction, WaitingLabel
from driftwatch.testing.state_questions import MemoryStateReader


class MemoryStateTransaction(MemoryStateReader):
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

    def add_outstanding(self, model: str, rows: Outstanding) -> list[JoinedLabel]:
        """Remember predictions for the join; answers those whose label was already waiting."""
        joined = []
        columns = (rows.prediction_ids, rows.model_versions, rows.segments, rows.event_time.tolist(), rows.prediction)
        for prediction_id, model_version, segment, event_time, prediction in zip(*columns, strict=True):
            if (model, prediction_id) in self._contents.predictions:
                continue
            known = KnownPrediction(
                model_version=model_version, segment=segment, event_time=event_time, prediction=prediction
            )
            self._contents.predictions[model, prediction_id] = known
            waiting = self._contents.labels.pop((model, prediction_id), None)
            if waiting is not None:
                joined.append(self._joined(model, prediction_id, known, waiting))
        return joined

    def join_labels(self, batch: LabelBatch) -> list[JoinedLabel]:
        """Join labels with outstanding predictions."""
        last: dict[str, WaitingLabel] = {}
        rows = zip(batch.prediction_ids, batch.labels.to_list(), batch.event_time.tolist(), strict=True)
        for prediction_id, value, time in rows:
            if value is not None:
                last[prediction_id] = WaitingLabel(str(value), time)
        joined = []
        for prediction_id, label in last.items():
            known = self._contents.predictions.get((batch.model, prediction_id))
            if known is None:
                self._contents.labels[batch.model, prediction_id] = label
            elif known.label != label.label:
                joined.append(self._joined(batch.model, prediction_id, known, label))
        return joined

    def _joined(self, model: str, prediction_id: str, known: KnownPrediction, label: WaitingLabel) -> JoinedLabel:
        self._contents.predictions[model, prediction_id] = replace(known, label=label.label)
        return JoinedLabel(
            prediction_id=prediction_id,
            model_version=known.model_version,
            segment=known.segment,
            event_time=known.event_time,
            prediction=known.prediction,
            label=label.label,
            label_time=label.time,
            replaced=known.label,
        )

    def forget_outstanding(self, model: str, before: int) -> tuple[int, int]:
        """Forget old predictions and waiting labels; answers how many of each never met."""
        contents = self._contents
        old = [key for key, one in contents.predictions.items() if key[0] == model and one.event_time < before]
        unlabelled = sum(contents.predictions.pop(key).label is None for key in old)
        orphans = [key for key, one in contents.labels.items() if key[0] == model and one.time < before]
        for key in orphans:
            del contents.labels[key]
        return unlabelled, len(orphans)

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

    def step_retrain(self, retrain_id: str, step: RetrainStep, new_version: str | None = None) -> None:
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
        )

    def put_message(self, message: OutboxMessage) -> None:
        """Insert or replace by id."""
        self._contents.messages[message.message_id] = message

    def add_log_files(self, files: Sequence[LogFile]) -> None:
        """Count these files from now on."""
        self._contents.log_files.update((one.path, one) for one in files)

    def retire_log_files(self, paths: Sequence[str]) -> None:
        """Count these files no longer."""
        for path in paths:
            self._contents.log_files.pop(path, None)
