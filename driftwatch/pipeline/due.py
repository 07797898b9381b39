"""Which windows of a stream are to be judged: those that are due for the first time, and those that became stale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from driftwatch.core.records import WindowKey, WindowStage
from driftwatch.core.windows import WindowPlan, from_microseconds
from driftwatch.pipeline.stages import judged_before, stale
from driftwatch.ports import SliceOutline, StateReader, StoredStream, StreamKey

_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class DueWindow:
    """A window that is to be judged. ``start`` is its first position; ``reached`` how far its stream had come by it."""

    stream: StreamKey
    stage: WindowStage
    start: int
    reached: int
    key: WindowKey


def first_judged(
    reader: StateReader, plan: WindowPlan, stream: StoredStream, stage: WindowStage, now: int
) -> list[DueWindow]:
    """Windows that are due in a stage and were not judged in it yet, oldest first.

    Parameters
    ----------
    reader, plan, stream, stage
        Where to look.
    now
        How far the model's stream has come: its watermark.
    """
    earliest = plan.windows_over(stream.first)[0]
    judged = judged_before(stream, stage)
    start = earliest if judged is None else max(judged, earliest)
    if plan.counted:
        closed = plan.closed_before(stream.rows)
        if stage is WindowStage.CLOSED:
            return _windows(reader, plan, stream, stage, start, closed)
        return _complete(reader, plan, stream, start, closed, now)
    before = plan.closed_before(now) if stage is WindowStage.CLOSED else plan.complete_before(now)
    return _windows(reader, plan, stream, stage, start, before)


def judged_again(reader: StateReader, plan: WindowPlan, stream: StoredStream, stage: WindowStage) -> list[DueWindow]:
    """Windows from the first stale one to the last that was judged, oldest first."""
    windows, before = stale(stream, stage), judged_before(stream, stage)
    if windows is None or before is None:
        return []
    return _windows(reader, plan, stream, stage, windows.first, before)


def first_kept(reader: StateReader, plan: WindowPlan, stream: StoredStream, latest_event: int) -> int:
    """Windows of rows that begin before this take no more labels once there was an event at ``latest_event``."""
    for start in range(0, stream.last, _AT_ONCE * plan.slice_length):
        for outline in reader.outlines(stream.key, start, start + _AT_ONCE * plan.slice_length):
            if plan.takes_labels(outline.reached, latest_event):
                return plan.windows_over(outline.start)[0]
    return plan.windows_over(stream.last)[0]


def _complete(
    reader: StateReader, plan: WindowPlan, stream: StoredStream, start: int, closed: int, now: int
) -> list[DueWindow]:
    """Windows of rows whose labels had their time. Many more may wait for that: they are not looked at."""
    found: list[DueWindow] = []
    while start < closed:
        before = min(start + _AT_ONCE * plan.slide_length, closed)
        windows = _windows(reader, plan, stream, WindowStage.COMPLETE, start, before)
        ready = [one for one in windows if plan.is_complete(one.reached, now)]
        found += ready
        if len(ready) < len(windows):
            break
        start = before
    return found


def _windows(
    reader: StateReader, plan: WindowPlan, stream: StoredStream, stage: WindowStage, start: int, before: int
) -> list[DueWindow]:
    """Windows that begin from ``start`` to before ``before`` and have rows."""
    if start >= before:
        return []
    outlines = reader.outlines(stream.key, start, before - plan.slide_length + plan.window_length)
    held: dict[int, list[SliceOutline]] = {}
    for outline in outlines:
        for window in plan.windows_over(outline.start):
            if start <= window < before:
                held.setdefault(window, []).append(outline)
    return [_window(plan, stream.key, stage, one, held[one]) for one in sorted(held)]


def _window(
    plan: WindowPlan, stream: StreamKey, stage: WindowStage, start: int, outlines: Sequence[SliceOutline]
) -> DueWindow:
    end = start + plan.window_length
    if plan.counted:
        reached = outlines[-1].reached
        key = WindowKey(
            model=stream.model,
            model_version=stream.model_version,
            segment=stream.segment,
            start=from_microseconds(min(one.first_event for one in outlines)),
            end=from_microseconds(reached + 1),
            first_row=start,
            end_row=end,
        )
        return DueWindow(stream, stage, start, reached, key)
    key = WindowKey(
        model=stream.model,
        model_version=stream.model_version,
        segment=stream.segment,
        start=from_microseconds(start),
        end=from_microseconds(end),
    )
    return DueWindow(stream, stage, start, end, key)
