"""What the state in memory holds."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime

from driftwatch.core.records import Alert, RetrainEpisode, WindowKey, WindowRecord, WindowStage
from driftwatch.ports import (
    LogFile,
    OutboxMessage,
    SliceKey,
    StoredBaseline,
    StoredSlice,
    StoredStream,
    StreamKey,
)

Label = float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPrediction:
    """A prediction that waits for its label, or has it. ``end`` is that of its stretch of event time."""

    model_version: str
    segment: str | None
    event_time: int
    values: tuple[float, ...]
    end: int
    label: Label | None = None


@dataclass(frozen=True, slots=True)
class WaitingLabel:
    """A label that waits for its prediction. ``end`` is that of its stretch of event time."""

    label: Label
    time: int
    end: int


@dataclass(slots=True)
class Contents:
    """One dictionary a table; records are frozen, so a copy of the dictionaries is a copy of the state."""

    baselines: dict[tuple[str, str], StoredBaseline] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)
    documents: dict[str, str] = field(default_factory=dict)
    streams: dict[StreamKey, StoredStream] = field(default_factory=dict)
    memories: dict[tuple[StreamKey, WindowStage, int], bytes] = field(default_factory=dict)
    slices: dict[SliceKey, StoredSlice] = field(default_factory=dict)
    windows: dict[WindowKey, WindowRecord] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    retrains: dict[str, RetrainEpisode] = field(default_factory=dict)
    messages: dict[str, OutboxMessage] = field(default_factory=dict)
    log_files: dict[str, LogFile] = field(default_factory=dict)
    retired_files: dict[str, tuple[LogFile, datetime]] = field(default_factory=dict)
    predictions: dict[tuple[str, str], KnownPrediction] = field(default_factory=dict)
    labels: dict[tuple[str, str], WaitingLabel] = field(default_factory=dict)
    forgotten: dict[str, int] = field(default_factory=dict)

    def copy(self) -> Contents:
        """The same records in dictionaries of their own."""
        return Contents(**{one.name: getattr(self, one.name).copy() for one in fields(self)})
