"""The join of labels with predictions, on disk, in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from driftwatch.core.events import LabelBatch
from driftwatch.ports import JoinedLabel, Outstanding
from driftwatch.stores import state_tables as tables
from driftwatch.stores.state_bulk import GIVEN, among_given, execute_many, given, upsert

_OUTSTANDING = ("ordinal", "model", "prediction_id", "model_version", "segment", "event_time", "prediction")


class LabelJoin:
    """One model's predictions that wait for labels, labels that wait for predictions, and the counts of both."""

    def __init__(self, connection: Connection, model: str) -> None:
        self._connection = connection
        self._model = model

    def add_predictions(self, rows: Outstanding) -> list[JoinedLabel]:
        """Remember predictions; answers those whose label was already waiting."""
        known = {row[0] for row in self._known(rows.prediction_ids, only_ids=True)}
        waiting = {row[0]: row for row in self._waiting(rows.prediction_ids)}
        ordinal = self._connection.scalar(select(func.max(tables.outstanding.c.ordinal))) or 0
        columns = (rows.prediction_ids, rows.model_versions, rows.segments, rows.event_time.tolist(), rows.prediction)
        fresh: list[tuple[Any, ...]] = []
        labels: list[tuple[int, str]] = []
        joined: list[JoinedLabel] = []
        for prediction_id, model_version, segment, event_time, prediction in zip(*columns, strict=True):
            if prediction_id in known:
                continue
            known.add(prediction_id)
            ordinal += 1
            fresh.append((ordinal, self._model, prediction_id, model_version, segment, event_time, prediction))
            if prediction_id in waiting:
                _, label, label_time = waiting[prediction_id]
                labels.append((ordinal, label))
                joined.append(
                    JoinedLabel(
                        prediction_id=prediction_id,
                        model_version=model_version,
                        segment=segment,
                        event_time=event_time,
                        prediction=prediction,
                        label=label,
                        label_time=label_time,
                        replaced=None,
                    )
                )
        execute_many(self._connection, (insert(tables.outstanding), _OUTSTANDING), fresh)
        self._write_labels(labels)
        self._delete_waiting([one.prediction_id for one in joined])
        self._count(outstanding=len(fresh) - len(joined), waiting=-len(joined))
        return joined

    def add_labels(self, batch: LabelBatch) -> list[JoinedLabel]:
        """Join labels; those without a prediction wait."""
        last: dict[str, tuple[str, int]] = {}
        rows = zip(batch.prediction_ids, batch.labels.to_list(), batch.event_time.tolist(), strict=True)
        for prediction_id, value, time in rows:
            if value is not None:
                last[prediction_id] = str(value), time
        known = {row[0]: row for row in self._known(tuple(last))}
        joined: list[JoinedLabel] = []
        labels: list[tuple[int, str]] = []
        unmet: list[tuple[str, str, str, int]] = []
        corrected = 0
        for prediction_id, (label, time) in last.items():
            row = known.get(prediction_id)
            if row is None:
                unmet.append((prediction_id, self._model, label, time))
                continue
            _, ordinal, model_version, segment, event_time, prediction, replaced = row
            if replaced == label:
                continue
            corrected += replaced is not None
            labels.append((ordinal, label))
            joined.append(
                JoinedLabel(
                    prediction_id=prediction_id,
                    model_version=model_version,
                    segment=segment,
                    event_time=event_time,
                    prediction=prediction,
                    label=label,
                    label_time=time,
                    replaced=replaced,
                )
            )
        self._write_labels(labels)
        there = len(self._waiting([one[0] for one in unmet]))
        columns = ("prediction_id", "model", "label", "label_time")
        # In the order of the key, so that neighbours in the tree are written together.
        execute_many(self._connection, upsert(self._connection, tables.waiting_label, columns), sorted(unmet))
        self._count(outstanding=corrected - len(joined), waiting=len(unmet) - there)
        return joined

    def forget(self, before: int) -> tuple[int, int]:
        """Forget predictions and waiting labels with an event time before ``before``."""
        predictions, labels, waiting = tables.outstanding, tables.joined_label, tables.waiting_label
        old = (predictions.c.model == self._model, predictions.c.event_time < before)
        ordinals = select(predictions.c.ordinal).where(*old)
        labelled = self._connection.execute(delete(labels).where(labels.c.ordinal.in_(ordinals))).rowcount
        unlabelled = self._connection.execute(delete(predictions).where(*old)).rowcount - labelled
        orphans = self._connection.execute(
            delete(waiting).where(waiting.c.model == self._model, waiting.c.label_time < before)
        ).rowcount
        self._count(outstanding=-unlabelled, waiting=-orphans)
        return unlabelled, orphans

    def _known(self, ids: Sequence[str], *, only_ids: bool = False) -> list[tuple[Any, ...]]:
        """Predictions that are known: id, ordinal, version, segment, time, prediction and joined label."""
        predictions, labels = tables.outstanding, tables.joined_label
        mine = (predictions.c.prediction_id.in_(among_given(self._connection)), predictions.c.model == self._model)
        query = (
            select(predictions.c.prediction_id)
            if only_ids
            else select(
                predictions.c.prediction_id,
                predictions.c.ordinal,
                predictions.c.model_version,
                predictions.c.segment,
                predictions.c.event_time,
                predictions.c.prediction,
                labels.c.label,
            ).select_from(predictions.outerjoin(labels, labels.c.ordinal == predictions.c.ordinal))
        )
        return [tuple(row) for row in self._connection.execute(query.where(*mine), {GIVEN: given(ids)})]

    def _waiting(self, ids: Sequence[str]) -> list[tuple[Any, ...]]:
        """Waiting labels: id, label and time. No question is asked where none wait at all."""
        counts, labels = tables.join_count, tables.waiting_label
        if not self._connection.scalar(select(counts.c.waiting).where(counts.c.model == self._model)):
            return []
        query = select(labels.c.prediction_id, labels.c.label, labels.c.label_time).where(
            labels.c.prediction_id.in_(among_given(self._connection)), labels.c.model == self._model
        )
        return [tuple(row) for row in self._connection.execute(query, {GIVEN: given(ids)})]

    def _write_labels(self, labels: Sequence[tuple[int, str]]) -> None:
        statement = upsert(self._connection, tables.joined_label, ("ordinal", "label"))
        execute_many(self._connection, statement, sorted(labels))

    def _delete_waiting(self, ids: Sequence[str]) -> None:
        table = tables.waiting_label
        statement = delete(table).where(
            table.c.prediction_id == bindparam("prediction_id"), table.c.model == bindparam("model")
        )
        rows = [(one, self._model) for one in sorted(ids)]
        execute_many(self._connection, (statement, ("prediction_id", "model")), rows)

    def _count(self, *, outstanding: int, waiting: int) -> None:
        if not outstanding and not waiting:
            return
        table = tables.join_count
        change = (
            update(table)
            .where(table.c.model == self._model)
            .values(outstanding=table.c.outstanding + outstanding, waiting=table.c.waiting + waiting)
        )
        if not self._connection.execute(change).rowcount:
            self._connection.execute(
                insert(table), {"model": self._model, "outstanding": outstanding, "waiting": waiting}
            )
