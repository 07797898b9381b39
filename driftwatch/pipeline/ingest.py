"""Stage 1: check events against their model's schema, and spool them.

Events come as rows and leave as columns. One bad event is rejected with its index and field; the rest is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from driftwatch.core.baseline import Baseline
from driftwatch.core.events import LabelBatch, PredictionBatch
from driftwatch.core.records import ColumnKind, Task
from driftwatch.core.schema import Schema
from driftwatch.core.table import Table, Values
from driftwatch.core.texts import Repeated
from driftwatch.core.windows import to_microseconds
from driftwatch.errors import EventError, UnknownModel, UnknownVersion
from driftwatch.pipeline.baselines import Baselines
from driftwatch.pipeline.columns import (
    by_name,
    class_values,
    column_values,
    event_microseconds,
    extra_values,
    number_values,
    target_numbers,
)
from driftwatch.pipeline.extra_features import ExtraFeatures
from driftwatch.pipeline.ingest_columns import checked_labels, checked_predictions
from driftwatch.pipeline.ingest_limits import FieldProblems, IngestLimits, Problems, checked_ids
from driftwatch.pipeline.privacy import Privacy
from driftwatch.pipeline.shadow_ids import as_shadow
from driftwatch.pipeline.telemetry import Telemetry
from driftwatch.ports import Clock, Spool, SpoolReceipt
from driftwatch.wire.columnar import LabelColumns, PredictionColumns
from driftwatch.wire.native import LabelEvent, PredictionEvent, Rejection
from driftwatch.wire.typed_json import Prediction, TypedEvent, TypedJson, typed_json

IndexedPrediction = tuple[int, PredictionEvent]
IndexedLabel = tuple[int, LabelEvent]
_Taken = tuple[PredictionBatch | LabelBatch, Sequence[int]]
"""A batch that is good, with its rows' places in the request."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of a request: ids of the events that were taken, and the others with their reasons.

    The receipts are done when the events are durable. ``positions`` are the places in the request of each receipt's
    rows.
    """

    prediction_ids: Sequence[str]
    rejections: tuple[Rejection, ...]
    receipts: tuple[Future[SpoolReceipt], ...]
    positions: tuple[Sequence[int], ...]


class Ingest:
    """Takes events in, durably. Safe to use from several threads."""

    def __init__(
        self,
        baselines: Baselines,
        spool: Spool,
        clock: Clock,
        telemetry: Telemetry,
        limits: IngestLimits,
        privacy: Privacy | None = None,
    ) -> None:
        self._baselines = baselines
        self._spool = spool
        self._clock = clock
        self._telemetry = telemetry
        self._limits = limits
        self._privacy = privacy or Privacy()
        self._readers: dict[str, tuple[Baseline, TypedJson | None]] = {}
        self._extra_features = ExtraFeatures(telemetry, limits.extra_features)

    def predictions(self, model: str, events: Sequence[IndexedPrediction]) -> Submission:
        """Check and spool predictions, each with its index in the request.

        Raises
        ------
        UnknownModel
            Nobody registered the model.
        StoreFull
            There is no room at the moment; nothing was taken.
        """
        now = self._clock.now()
        default = self._baselines.get(model)
        rejections: list[Rejection] = []
        by_version: dict[str, list[IndexedPrediction]] = {}
        for index, event in events:
            by_version.setdefault(event.model_version or default.model_version, []).append((index, event))
        taken: list[_Taken] = []
        for version, rows in by_version.items():
            try:
                baseline = self._baselines.get(model, version)
            except UnknownVersion as error:
                rejections += [Rejection(index, "model_version", str(error)) for index, _ in rows]
                continue
            batch, indexes, problems = self._checked(baseline, rows, now)
            rejections += problems
            if batch is not None:
                taken.append((batch, indexes))
        return self._spooled(model, "predictions", taken, rejections, now)

    def labels(self, model: str, events: Sequence[IndexedLabel]) -> Submission:
        """Check and spool labels, each with its index in the request; raises like :meth:`predictions`."""
        now = self._clock.now()
        baseline = self._baselines.get(model)
        rows = list(events)
        rejections: list[Rejection] = []
        while rows:
            problems = Problems()
            indexes = [index for index, _ in rows]
            ids = checked_ids(
                [event.prediction_id for _, event in rows], self._limits, problems.at("prediction_id", indexes)
            )
            times = self._times([event.event_time for _, event in rows], problems, indexes, now)
            labels = _targets(baseline, [event.label for _, event in rows], problems.at("label", indexes))
            if not problems.by_row:
                batch = LabelBatch(model=model, prediction_ids=ids, event_time=times, labels=labels)
                return self._spooled(model, "labels", [(batch, indexes)], rejections, now)
            rejections += problems.by_row.values()
            rows = [row for position, row in enumerate(rows) if position not in problems.by_row]
        return self._spooled(model, "labels", [], rejections, now)

    def typed_json(self, model: str) -> tuple[TypedJson, str] | None:
        """What reads the model's predictions straight into columns, and the version whose schema it knows.

        None where nobody registered the model, and where the schema has what single values must be looked at for.
        """
        try:
            baseline = self._baselines.get(model)
        except UnknownModel:
            return None
        known = self._readers.get(model)
        if known is None or known[0] is not baseline:
            known = self._readers[model] = (baseline, _reader_of(baseline.schema))
        return None if known[1] is None else (known[1], baseline.model_version)

    def typed_events(self, model: str, reader: TypedJson, events: Sequence[TypedEvent]) -> Submission:
        """Check and spool predictions that came one by one; raises like :meth:`predictions`."""
        return self.prediction_columns(model, reader.columns(events))

    def prediction_columns(self, model: str, columns: PredictionColumns) -> Submission:
        """Check and spool predictions that came as columns; raises like :meth:`predictions`.

        Raises
        ------
        EventError
            A whole column cannot be what the schema asks for.
        """
        now = self._clock.now()
        default = self._baselines.get(model)
        versions = [one or default.model_version for one in columns.model_versions or ()]
        distinct = dict.fromkeys(versions) or (default.model_version,)
        rejections: list[Rejection] = []
        taken: list[_Taken] = []
        for version in distinct:
            rows = None if len(distinct) == 1 else np.array([one == version for one in versions])
            indexes = np.arange(columns.n_rows) if rows is None else np.flatnonzero(rows)
            try:
                baseline = self._baselines.get(model, version)
            except UnknownVersion as error:
                rejections += [Rejection(index, "model_version", str(error)) for index in indexes.tolist()]
                continue
            problems = Problems()
            given = columns if rows is None else columns.take(rows)
            batch = checked_predictions(baseline, given, self._limits, now, problems, indexes.tolist())
            good = problems.good(len(batch))
            if good is not None:
                batch, indexes = batch.take(good), indexes[good]
            rejections += problems.by_row.values()
            taken.append((batch, indexes.tolist()))
        return self._spooled(model, "predictions", taken, rejections, now)

    def label_columns(self, model: str, columns: LabelColumns) -> Submission:
        """Check and spool labels that came as columns; raises like :meth:`prediction_columns`."""
        now = self._clock.now()
        problems = Problems()
        indexes: Sequence[int] = range(columns.n_rows)
        batch = checked_labels(self._baselines.get(model), columns, self._limits, now, problems, indexes)
        good = problems.good(len(batch))
        if good is not None:
            batch, indexes = batch.take(good), good.tolist()
        return self._spooled(model, "labels", [(batch, indexes)], list(problems.by_row.values()), now)

    def _checked(
        self, baseline: Baseline, rows: list[IndexedPrediction], now: datetime
    ) -> tuple[PredictionBatch | None, list[int], list[Rejection]]:
        rejections: list[Rejection] = []
        while rows:
            problems = Problems()
            batch = self._columns(baseline, rows, now, problems)
            if not problems.by_row:
                return batch, [index for index, _ in rows], rejections
            rejections += problems.by_row.values()
            rows = [row for position, row in enumerate(rows) if position not in problems.by_row]
        return None, [], rejections

    def _columns(
        self, baseline: Baseline, rows: list[IndexedPrediction], now: datetime, problems: Problems
    ) -> PredictionBatch:
        schema = baseline.schema
        indexes = [index for index, _ in rows]
        events = [event for _, event in rows]
        ids = checked_ids(
            [event.prediction_id for event in events], self._limits, problems.at("prediction_id", indexes)
        )
        times = self._times([event.event_time for event in events], problems, indexes, now)
        features = [event.features for event in events]
        for row, one in enumerate(features):
            if len(one) > self._limits.features:
                text = f"has {len(one):,} entries; at most {self._limits.features:,} are taken."
                problems.at("features", indexes)(row, text)
        if problems.by_row:
            features = [{} if row in problems.by_row else one for row, one in enumerate(features)]
        given = by_name(features)
        nothing = (None,) * len(rows)
        columns: dict[str, Values] = {
            column.name: column_values(
                given.pop(column.name, nothing), column, problems.at(f"features.{column.name}", indexes), times
            )
            for column in schema.features
        }
        extra: dict[str, Values] = {name: extra_values(values) for name, values in given.items()}
        predicted = [event.prediction for event in events]
        if schema.prediction is None:
            extra["prediction"] = extra_values(predicted)
        else:
            columns[schema.prediction] = _targets(baseline, predicted, problems.at("prediction", indexes))
        columns |= _scores(baseline, events, problems.at("score", indexes))
        return PredictionBatch(
            model=baseline.model,
            model_version=baseline.model_version,
            prediction_ids=ids,
            event_time=times,
            segments=Repeated.of([event.segment or "" for event in events]),
            columns=Table(columns, len(rows)),
            extra=Table(extra, len(rows)),
            prediction=schema.prediction,
            scores=schema.scores,
        )

    def _times(self, given: list[object], problems: Problems, indexes: list[int], now: datetime) -> np.ndarray:
        problem = problems.at("event_time", indexes)
        received, latest = to_microseconds(now), to_microseconds(now + self._limits.ahead)
        if all(one is None for one in given):
            return np.full(len(given), received, dtype=np.int64)
        times = np.empty(len(given), dtype=np.int64)
        for row, one in enumerate(given):
            try:
                times[row] = event_microseconds(one, received, latest)
            except EventError as error:
                problem(row, f"{error.problem} {error.remedy}" if error.remedy else error.problem)
        return times

    def _spooled(
        self,
        model: str,
        kind: str,
        taken: Sequence[_Taken],
        rejections: list[Rejection],
        now: datetime,
    ) -> Submission:
        taken = [(batch, indexes) for batch, indexes in taken if len(batch)]
        receipts = tuple(self._spool.append(self._storable(batch), now) for batch, _ in taken)
        if rejections:
            self._telemetry.count("events_rejected_total", len(rejections), model=model, kind=kind, reason="invalid")
        return Submission(
            prediction_ids=_ids_in_order(taken),
            rejections=tuple(sorted(rejections, key=lambda one: one.index)),
            receipts=receipts,
            positions=tuple(indexes for _, indexes in taken),
        )

    def _storable(self, batch: PredictionBatch | LabelBatch) -> PredictionBatch | LabelBatch:
        """The batch without what must not be kept, and without more features than there is room for."""
        if isinstance(batch, LabelBatch):
            return batch
        baseline = self._baselines.get(batch.model, batch.model_version)
        kept = self._extra_features.kept(self._privacy.applied(batch, baseline))
        return as_shadow(kept) if batch.model_version in self._baselines.shadows(batch.model) else kept


def _reader_of(schema: Schema) -> TypedJson | None:
    if any(column.is_age for column in schema.features):
        return None
    features = tuple((column.name, column.kind is ColumnKind.NUMERIC) for column in schema.features)
    if schema.prediction is None:
        return typed_json(features, Prediction.EITHER)
    return typed_json(features, Prediction.NUMBER if schema.task is Task.REGRESSION else Prediction.NAME)


def _ids_in_order(taken: Sequence[_Taken]) -> Sequence[str]:
    if len(taken) == 1:
        return taken[0][0].prediction_ids
    ids = [pair for batch, indexes in taken for pair in zip(indexes, batch.prediction_ids, strict=True)]
    return tuple(one for _, one in sorted(ids))


def _targets(baseline: Baseline, values: Sequence[object], problem: FieldProblems) -> Values:
    """Predictions and labels are both values of the label's kind."""
    if baseline.schema.task is Task.REGRESSION:
        return target_numbers(values, problem)
    return class_values(values, baseline.schema.classes, problem)


def _scores(baseline: Baseline, events: list[PredictionEvent], problem: FieldProblems) -> dict[str, Values]:
    """The schema's score columns; a lone number is the probability of a binary model's positive class."""
    schema = baseline.schema
    names = schema.scores
    given = [event.score for event in events]
    if not names:
        return {}
    wanted = schema.classes[-1:] if len(names) == 1 else schema.classes
    found: dict[str, Values] = {}
    for name, class_name in zip(names, wanted, strict=True):
        values = [one.get(class_name) if isinstance(one, dict) else one if len(names) == 1 else None for one in given]
        found[name] = number_values(values, problem)
    return found


__all__ = ["Ingest", "IngestLimits", "Submission"]
