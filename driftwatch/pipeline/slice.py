"""Stage 2: add accepted predictions to the profile of their slice of event time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.events import PredictionBatch
from driftwatch.core.profile import Profile
from driftwatch.core.records import WindowStage
from driftwatch.core.windows import to_microseconds
from driftwatch.pipeline import marks
from driftwatch.pipeline.work import Work
from driftwatch.ports import SliceKey


def slice_predictions(work: Work) -> None:
    """Profile the step's predictions, slice by slice, and move the models' watermarks on."""
    for batch in work.predictions():
        baseline = work.baseline(batch.model, batch.model_version)
        starts = work.plan.slice_starts(batch.event_time)
        _count_late(work, batch, starts)
        for start in np.unique(starts).tolist():
            rows = np.flatnonzero(starts == start)
            sums = work.slice(SliceKey(model=batch.model, model_version=batch.model_version, segment="", start=start))
            sums.profile += Profile.of(baseline, batch.columns.take(rows))
            sums.rows += len(rows)
        work.tally.count("predictions_total", len(batch), model=batch.model, model_version=batch.model_version)
    _move_watermarks(work)


def _count_late(work: Work, batch: PredictionBatch, starts: NDArray[np.int64]) -> None:
    """Events of a window that was judged already are added to it, and counted."""
    closed = work.transaction.mark(marks.judged(WindowStage.CLOSED, batch.model, batch.model_version, ""))
    late = int(np.count_nonzero(starts < closed))
    if late:
        work.tally.count("events_late_total", late, model=batch.model)


def _move_watermarks(work: Work) -> None:
    """Remember each model's latest event time, and when it was received: see ``core.windows.watermark``."""
    latest: dict[str, tuple[int, int]] = {}
    for entry in work.entries:
        if isinstance(entry.batch, PredictionBatch) and len(entry.batch):
            seen = int(entry.batch.event_time.max()), to_microseconds(entry.received_time)
            latest[entry.batch.model] = max(seen, latest.get(entry.batch.model, seen))
    for model, (event, received) in latest.items():
        if event > work.transaction.mark(marks.latest_event(model)):
            work.transaction.set_mark(marks.latest_event(model), event)
            work.transaction.set_mark(marks.latest_received(model), received)
