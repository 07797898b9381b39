"""Stage 2: add accepted predictions to the profile of their slice, in every stream that they are part of."""

from __future__ import annotations

from driftwatch.core.estimators.estimator import sums_of
from driftwatch.core.events import PredictionBatch
from driftwatch.core.profile import Profile
from driftwatch.core.records import WindowStage
from driftwatch.core.row_groups import rows_by_value
from driftwatch.core.segments import ALL_ROWS
from driftwatch.core.windows import to_microseconds
from driftwatch.pipeline import marks
from driftwatch.pipeline.place import Part
from driftwatch.pipeline.work import Work, grown
from driftwatch.ports import SliceKey


def slice_predictions(work: Work) -> None:
    """Profile the step's predictions, slice by slice, and move the models' watermarks on."""
    for batch in work.predictions():
        placement = work.placement(batch)
        for part in placement.parts:
            _add(work, batch, part)
        if placement.beyond:
            work.tally.count("events_dropped_total", placement.beyond, model=batch.model, reason="segment_limit")
    _move_watermarks(work)


def _add(work: Work, batch: PredictionBatch, part: Part) -> None:
    """Add the rows of one stream. Rows of windows that are kept no longer are dropped, late ones counted."""
    baseline = work.baseline(batch.model, batch.model_version)
    counted = late = dropped = 0
    for start, chosen in rows_by_value(work.plan.slice_starts(part.positions)):
        rows = part.rows[chosen]
        times = batch.event_time[rows]
        key = SliceKey(model=batch.model, model_version=batch.model_version, segment=part.key.segment, start=start)
        sums = work.slice(key)
        if not work.takes_rows(key):
            dropped += len(rows)
            work.drop(batch, rows)
            continue
        latest = int(times.max())
        stream = grown(
            work.streams(batch.model).get(part.key), part.key, rows=len(rows), first=start, last=start, latest=latest
        )
        work.put_stream(stream)
        sums.first_event = min(sums.first_event, int(times.min())) if sums.rows else int(times.min())
        sums.reached = stream.latest_event
        # Rows are named once each, in order: as many as there are means all of them.
        columns = batch.columns if len(rows) == len(batch) else batch.columns.take(rows)
        sums.profile += Profile.of(baseline, columns)
        sums.estimate += sums_of(baseline, columns)
        sums.rows += len(rows)
        counted += len(rows)
        if work.touch(key, WindowStage.CLOSED, WindowStage.COMPLETE):
            late += len(rows)
    if part.key.segment != ALL_ROWS:
        return
    work.tally.count("predictions_total", counted, model=batch.model, model_version=batch.model_version)
    if late:
        work.tally.count("events_late_total", late, model=batch.model)
    if dropped:
        work.tally.count("events_dropped_total", dropped, model=batch.model, reason="late")


def _move_watermarks(work: Work) -> None:
    """Remember each model's latest event time, and when it was received: see ``core.windows.watermark``.

    An event from the future counts as one of the moment in which it came in: one bad clock takes no stream along.
    """
    latest: dict[str, tuple[int, int]] = {}
    for entry in work.entries:
        if isinstance(entry.batch, PredictionBatch) and len(entry.batch):
            received = to_microseconds(entry.received_time)
            seen = min(int(entry.batch.event_time.max()), received), received
            latest[entry.batch.model] = max(seen, latest.get(entry.batch.model, seen))
    for model, (event, received) in latest.items():
        if event > work.transaction.mark(marks.latest_event(model)):
            work.transaction.set_mark(marks.latest_event(model), event)
            work.transaction.set_mark(marks.latest_received(model), received)
