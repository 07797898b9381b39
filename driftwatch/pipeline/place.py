"""Where rows belong: the streams that they are part of, and their positions in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.events import PredictionBatch
from driftwatch.core.segments import ALL_ROWS, SegmentPlan
from driftwatch.core.table import Names
from driftwatch.core.windows import WindowPlan
from driftwatch.ports import StoredStream, StreamKey


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The rows of a batch that are part of one stream, and their positions in it; equal lengths."""

    key: StreamKey
    rows: NDArray[np.intp]
    positions: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """All streams that a batch's rows are part of.

    Attributes
    ----------
    segments
        A text a row: see `driftwatch.core.segments.divided`.
    positions
        Of shape ``(n, 1 + d)``: each row's position among all rows, then that in its segment of each of the ``d`` ways
        of dividing them; ``nan`` where it is in none.
    beyond
        How often a row was in a segment for which there was no room.
    """

    parts: tuple[Part, ...]
    segments: Names
    positions: NDArray[np.float64]
    beyond: int


def placed(
    batch: PredictionBatch, plan: WindowPlan, segments: SegmentPlan, streams: Mapping[StreamKey, StoredStream]
) -> Placement:
    """Find the streams of a batch's rows.

    Parameters
    ----------
    batch
        Of one version.
    plan, segments
        How streams are cut, and which there are.
    streams
        All of the model's as they stand before the batch.
    """
    membership = segments.of(batch)
    positions = np.full((len(batch), 1 + len(membership.divisions)), np.nan)
    everything = _part(batch, plan, streams, ALL_ROWS, np.arange(len(batch), dtype=np.intp))
    positions[:, 0] = everything.positions
    parts = [everything]
    known = {key.segment for key in streams} - {ALL_ROWS}
    beyond = 0
    for division, name, rows in membership.groups():
        if name not in known and len(known) >= segments.most:
            beyond += len(rows)
            continue
        known.add(name)
        parts.append(_part(batch, plan, streams, name, rows))
        positions[rows, 1 + division] = parts[-1].positions
    admitted = membership.only(known) if beyond else membership
    return Placement(tuple(parts), admitted.texts(), positions, beyond)


def _part(
    batch: PredictionBatch,
    plan: WindowPlan,
    streams: Mapping[StreamKey, StoredStream],
    segment: str,
    rows: NDArray[np.intp],
) -> Part:
    key = StreamKey(model=batch.model, model_version=batch.model_version, segment=segment)
    if not plan.counted:
        return Part(key, rows, batch.event_time[rows])
    before = streams[key].rows if key in streams else 0
    return Part(key, rows, np.arange(before, before + len(rows), dtype=np.int64))
