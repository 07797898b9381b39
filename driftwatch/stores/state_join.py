"""The join of labels with predictions, on disk, in bulk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Table, bindparam, delete, func, insert, select, update

from driftwatch.core.events import LabelBatch
from driftwatch.ports import JoinedLabel, Outstanding
from driftwatch.stores import state_tables as tables
from driftwatch.stores.upsert import put

_IDS_A_QUESTION = 5_000
"""Far below what SQLite (32,766) and PostgreSQL (65,535) take as parameters of one statement."""


class LabelJoin:
    """One model's predictions that wait for labels, labels that wait for predictions, and the counts of both."""

    def __init__(self, connection: Connection, model: str) -> None:
        self._connection = connection
        self._model = model

    def add_predictions(self, rows: Outstanding) -> list[JoinedLabel]:
        """Remember predictions; answers those whose label was already waiting."""
        known = {row.prediction_id for row in self._rows(tables.outstanding, rows.prediction_ids, ("prediction_id",))}
        columns = (rows.prediction_ids, rows.model_versions, rows.segments, rows.event_time.tolist(), rows.prediction)
        fresh: dict[str, dict[str, Any]] = {}
        for prediction_id, model_version, segment, event_time, prediction in zip(*columns, strict=True):
            if prediction_id not in known and prediction_id not in fresh:
                fresh[prediction_id] = {
                    "model": self._model,
                    "prediction_id": prediction_id,
                    "model_version": model_version,
                    "segment": segment,
                    "event_time": event_time,
                    "prediction": prediction,
                    "label": None,
                }
        joined = []
        for waiting in self._waiting(tuple(fresh)):
            row = fresh[waiting.prediction_id]
            row["label"] = waiting.label
            joined.append(_joined(row, waiting.label, waiting.label_time, replaced=None))
        if fresh:
            # In the order of the key, so that neighbours in the tree are written together.
            self._connection.execute(insert(tables.outstanding), [fresh[one] for one in sorted(fresh)])
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
        known = {
            row.prediction_id: row
            for row in self._rows(
                tables.outstanding,
                tuple(last),
                ("prediction_id", "model_version", "segment", "event_time", "prediction", "label"),
            )
        }
        joined, corrected = [], 0
        unmet: dict[str, tuple[str, int]] = {}
        for prediction_id, (label, time) in last.items():
            row = known.get(prediction_id)
            if row is None:
                unmet[prediction_id] = label, time
            elif row.label != label:
                joined.append(_joined(row._mapping, label, time, replaced=row.label))
                corrected += row.label is not None
        self._write_labels(joined)
        there = len(self._waiting(tuple(unmet)))
        put(
            self._connection,
            tables.waiting_label,
            [
                {"model": self._model, "prediction_id": one, "label": label, "label_time": time}
                for one, (label, time) in sorted(unmet.items())
            ],
        )
        self._count(outstanding=corrected - len(joined), waiting=len(unmet) - there)
        return joined

    def forget(self, before: int) -> tuple[int, int]:
        """Forget predictions and waiting labels with an event time before ``before``."""
        predictions, labels = tables.outstanding, tables.waiting_label
        old = (predictions.c.model == self._model, predictions.c.event_time < before)
        count = select(func.count()).select_from(predictions).where(*old, predictions.c.label.is_(None))
        unlabelled = self._connection.scalar(count) or 0
        self._connection.execute(delete(predictions).where(*old))
        orphans = self._connection.execute(
            delete(labels).where(labels.c.model == self._model, labels.c.label_time < before)
        ).rowcount
        self._count(outstanding=-unlabelled, waiting=-orphans)
        return unlabelled, orphans

    def _rows(self, table: Table, ids: Sequence[str], columns: Sequence[str]) -> Iterator[Row[Any]]:
        query = select(*(table.c[name] for name in columns)).where(
            table.c.model == self._model, table.c.prediction_id.in_(bindparam("ids", expanding=True))
        )
        for start in range(0, len(ids), _IDS_A_QUESTION):
            yield from self._connection.execute(query, {"ids": ids[start : start + _IDS_A_QUESTION]})

    def _waiting(self, ids: Sequence[str]) -> list[Row[Any]]:
        """Waiting labels of these ids; no question is asked where none wait at all."""
        counts = tables.join_count
        if not ids or not self._connection.scalar(select(counts.c.waiting).where(counts.c.model == self._model)):
            return []
        return list(self._rows(tables.waiting_label, ids, ("prediction_id", "label", "label_time")))

    def _write_labels(self, joined: Sequence[JoinedLabel]) -> None:
        if joined:
            table = tables.outstanding
            change = update(table).where(table.c.model == self._model, table.c.prediction_id == bindparam("met"))
            self._connection.execute(
                change.values(label=bindparam("text")),
                [{"met": one.prediction_id, "text": one.label} for one in joined],
            )

    def _delete_waiting(self, ids: Sequence[str]) -> None:
        if ids:
            table = tables.waiting_label
            self._connection.execute(
                delete(table).where(table.c.model == self._model, table.c.prediction_id == bindparam("met")),
                [{"met": one} for one in ids],
            )

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


def _joined(row: Mapping[Any, Any], label: str, label_time: int, *, replaced: str | None) -> JoinedLabel:
    return JoinedLabel(
        prediction_id=row["prediction_id"],
        model_version=row["model_version"],
        segment=row["segment"],
        event_time=row["event_time"],
        prediction=row["prediction"],
        label=label,
        label_time=label_time,
        replaced=replaced,
    )
