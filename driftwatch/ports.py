"""What the pipeline asks of the outside, as Protocols.

The real parts are in ``stores`` and ``sinks``; working in-memory ones ship in ``driftwatch.testing``; one suite
(``tests/conformance``) holds both to the sentences below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.events import Batch, LabelBatch, PredictionBatch
from driftwatch.core.records import (
    Alert,
    AlertState,
    RetrainEpisode,
    RetrainState,
    RetrainStep,
    WindowKey,
    WindowRecord,
    WindowStage,
)
from driftwatch.core.table import Names, Values


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """The present, UTC-aware."""
        ...


# --- spool: durable acknowledgement -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SpoolEntry:
    """One accepted batch, or several alike that were acknowledged together, as it lies in the spool.

    Rows that were duplicates are already taken out.
    """

    sequence: int
    received_time: datetime
    batch: Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolReceipt:
    """What became of one appended batch: positions of rows that had been accepted before are in ``duplicates``."""

    sequence: int | None
    accepted: int
    duplicates: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolRoom:
    """How much a spool holds and may hold. ``disk_free_bytes`` is None where there is no disk.

    ``trouble`` says why it takes nothing at the moment, for people; None while it does.
    """

    rows: int
    most_rows: int
    size_bytes: int
    most_bytes: int
    disk_free_bytes: int | None
    trouble: str | None


class Spool(Protocol):
    """Batches on disk, in the order of their acknowledgement, until the pipeline has done with them.

    A prediction's id is remembered for the horizon that the spool was opened with, also after its batch is
    removed; the same id again (in the same batch or a later one) is a duplicate. Labels have no duplicates
    here: the same label again changes nothing, another one is a correction.
    """

    def append(self, batch: Batch, received_time: datetime) -> Future[SpoolReceipt]:
        """Ask for ``batch`` to be written. The future is done when it is on disk (synced), or fails.

        Raises
        ------
        StoreFull
            From the call or the future: the bound on waiting batches or on the spool's size is reached, or
            the disk is full. Nothing of the batch is kept.
        InputError
            The batch alone has more rows than the spool may hold: it never will have room.
        """
        ...

    def read(self, after: int, limit: int) -> list[SpoolEntry]:
        """Entries with a sequence above ``after``, oldest first, until they hold ``limit`` rows or more."""
        ...

    def last_of(self, after: int, limit: int) -> int:
        """The sequence of the last entry that `read` would give; ``after`` where there is none. Reads no entry."""
        ...

    def remove_through(self, sequence: int) -> None:
        """Forget the entries up to and with ``sequence``. Their ids stay known for the horizon."""
        ...

    def pending_rows(self) -> int:
        """Rows acknowledged and not yet removed."""
        ...

    def rows_after(self, sequence: int) -> int:
        """Rows of the entries above ``sequence``."""
        ...

    def last_sequence(self) -> int:
        """The highest sequence ever given; 0 at first. Never given again, also after a removal and a restart."""
        ...

    def room(self) -> SpoolRoom:
        """How much it holds and may hold, and whether it takes anything. Asks no disk for long.

        Once it had no room it is in trouble until it has a tenth of its bound free, or, where the disk was at fault,
        until the disk takes something again; nobody needs to append for that to be found out.
        """
        ...

    def wait(self, after: int, timeout_seconds: float) -> bool:
        """Block until there is an entry above ``after`` (true) or the time is over (false)."""
        ...

    def close(self) -> None:
        """Write what was promised and let go of the files."""
        ...


# --- log: every prediction and label, as plain Parquet --------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """One file of the log. ``path`` is relative to the log's folder."""

    path: str
    kind: str
    model: str
    day: date
    first_sequence: int
    last_sequence: int
    rows: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogDay:
    """A model's files of one kind and day that count: how many, how many of them small, and their bytes."""

    kind: str
    model: str
    day: date
    files: int
    small_files: int
    size_bytes: int


class Log(Protocol):
    """Files of predictions and labels. Which of them count is the state's knowledge, not the folder's."""

    def write(self, entries: Sequence[SpoolEntry]) -> list[LogFile]:
        """Write the entries' rows, a file per kind, model and day, named by the sequences given.

        Writing the same entries again writes the same files. A file appears whole (synced) or not at all.
        """
        ...

    def read_predictions(
        self, files: Sequence[LogFile], start: datetime | None, end: datetime | None
    ) -> Iterator[PredictionBatch]:
        """Rows with ``start <= event_time < end``, a batch per version and file."""
        ...

    def read_labels(self, files: Sequence[LogFile]) -> Iterator[LabelBatch]:
        """All labels of the files, oldest acknowledgement first."""
        ...

    def alike(self, files: Sequence[LogFile]) -> list[list[LogFile]]:
        """Files of one kind, model and day, put together where they may become one file; the order stays."""
        ...

    def name_together(self, files: Sequence[LogFile]) -> str:
        """The path of the file that `write_together` makes of them; no other file has it."""
        ...

    def write_together(self, files: Sequence[LogFile]) -> LogFile:
        """Write the rows of files that are alike as one file more. It appears whole (synced) or not at all."""
        ...

    def hide(self, files: Sequence[LogFile]) -> None:
        """Take files that the state no longer counts out of the sight of those who read the folder.

        Whoever has them in a list that was made before can still read them.
        """
        ...

    def remove(self, files: Sequence[LogFile]) -> None:
        """Delete files that the state no longer counts, hidden or not. Files that are gone already are fine."""
        ...


# --- state: baselines, slices, windows, alerts, episodes, outbox -----------------------------------------------------


class VersionRole(StrEnum):
    """What a version is for. A shadow answers the same requests as the live version, and is only compared with it."""

    LIVE = "live"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBaseline:
    """A registered baseline document, and what its version is for."""

    model: str
    model_version: str
    document: str
    registered_at: datetime
    role: VersionRole = VersionRole.LIVE


def current_of(stored: Sequence[StoredBaseline]) -> StoredBaseline:
    """Of a model's versions, oldest registration first, the one that answers now: the last that is live.

    Where there are shadows alone, the last of them.
    """
    live = [one for one in stored if one.role is VersionRole.LIVE]
    return (live or stored)[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamKey:
    """The rows of one version, or of one segment of it; the segment of all rows is empty."""

    model: str
    model_version: str
    segment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """Judged windows that rows or labels were added to, by the starts of the first and of the last of them."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStream:
    """How far one stream has come. Positions are those of ``core.windows``.

    ``rows`` were counted; ``first`` and ``last`` are the starts of its outermost slices; ``latest_event`` is the
    latest event time. Windows that begin before ``closed`` have had their inputs judged, those before ``complete``
    their labels; None before there was one.
    """

    key: StreamKey
    rows: int
    first: int
    last: int
    latest_event: int
    closed: int | None = None
    complete: int | None = None
    stale_closed: Stale | None = None
    stale_complete: Stale | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceKey:
    """The smallest unit of a stream that is profiled. ``start`` is a position of ``core.windows``."""

    model: str
    model_version: str
    segment: str
    start: int

    @property
    def stream(self) -> StreamKey:
        """The stream that it is a slice of."""
        return StreamKey(model=self.model, model_version=self.model_version, segment=self.segment)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSlice:
    """A slice's mergeable sums: what is of bytes is what ``core`` encodes itself to.

    ``labelled`` is the profile of what the model answered for the rows that have a label, ``estimate`` the sums that
    quality is estimated from; both are empty where nobody counted.

    ``first_event`` is the earliest event time of its rows; ``reached`` is how far the stream had come with the last
    of them: its latest event time until then. Both in microseconds since 1970 UTC.
    """

    key: SliceKey
    rows: int
    labels: int
    first_event: int
    reached: int
    profile: bytes
    performance: bytes
    labelled: bytes = b""
    estimate: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceOutline:
    """A slice without its sums."""

    start: int
    rows: int
    labels: int
    first_event: int
    reached: int


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Outstanding:
    """Predictions of one version of a model that wait for labels, as columns of equal length.

    ``segments`` has one text a row, in an encoding of the pipeline's choice; there are few different ones.
    ``values``, of shape ``(n, k)``, is what quality needs of each row (the prediction, then its scores) in an
    encoding of the pipeline's choice; ``k`` is the same for all rows of a version.
    """

    prediction_ids: Sequence[str]
    model_version: str
    segments: Names
    event_time: NDArray[np.int64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.prediction_ids)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class JoinedLabels:
    """Labels that met predictions of one version of a model, as columns of equal length.

    Attributes
    ----------
    rows
        Positions, ascending, among the predictions or labels that were given.
    model_version, segments, event_time, values
        Of the predictions: see `Outstanding`.
    labels, label_time
        The labels, and when they became known.
    replaced
        The label that had been joined before; missing where none had been. Of the same kind as ``labels``: where
        a version has had both numbers and names, both are names, numbers as `driftwatch.core.table.name_of` names
        them.
    """

    rows: NDArray[np.intp]
    model_version: str
    segments: Names
    event_time: NDArray[np.int64]
    values: NDArray[np.float64]
    labels: Values
    label_time: NDArray[np.int64]
    replaced: Values

    def __len__(self) -> int:
        return len(self.rows)


class OutboxState(StrEnum):
    """Where a notification stands.

    One is held while its retrain waits for approval, and withdrawn when nobody shall be told any more.
    """

    HELD = "held"
    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    WITHDRAWN = "withdrawn"


class MessageKind(StrEnum):
    """What a notification is about. A sink takes those kinds that it says."""

    RETRAIN = "retrain"
    ALERT = "alert"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMessage:
    """Something that a sink must be told, with a key that stays the same over every retry.

    ``tried_since`` is when it was first attempted, or again after somebody asked for it.
    """

    message_id: str
    sink: str
    model: str
    body: str
    created_at: datetime
    retrain_id: str | None = None
    attempts: int = 0
    next_attempt_at: datetime | None = None
    state: OutboxState = OutboxState.PENDING
    last_error: str = ""
    kind: MessageKind = MessageKind.RETRAIN
    tried_since: datetime | None = None


class StateReader(Protocol):
    """Questions to the state; each answers from one consistent moment."""

    def models(self) -> list[str]:
        """Names of all models, sorted."""
        ...

    def baselines(self, model: str) -> list[StoredBaseline]:
        """All versions of a model, oldest registration first; empty for an unknown model."""
        ...

    def mark(self, name: str) -> int:
        """A named whole number; 0 until it is set."""
        ...

    def marks(self, prefix: str) -> dict[str, int]:
        """All marks whose name starts with ``prefix``."""
        ...

    def document(self, name: str) -> str | None:
        """A small named JSON document (a detector's memory, for one); None until it is put."""
        ...

    def documents(self, prefix: str) -> dict[str, str]:
        """All documents whose name starts with ``prefix``."""
        ...

    def slices(self, model: str, model_version: str, segment: str, start: int, end: int) -> list[StoredSlice]:
        """Slices with ``start <= key.start < end``, in order."""
        ...

    def outlines(self, stream: StreamKey, start: int, end: int) -> list[SliceOutline]:
        """What `slices` answers, without the sums."""
        ...

    def streams(self, model: str) -> list[StoredStream]:
        """All streams of a model, by version and segment."""
        ...

    def memory_before(self, stream: StreamKey, stage: WindowStage, start: int) -> bytes | None:
        """What the newest window that begins before ``start`` left to be remembered; None where none did."""
        ...

    def memory_after(self, stream: StreamKey, stage: WindowStage, start: int) -> bytes | None:
        """What the window that begins at ``start`` left to be remembered; None where it left nothing."""
        ...

    def windows(
        self,
        model: str,
        *,
        model_version: str | None = None,
        limit: int | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        segment: str | None = None,
        stage: WindowStage | None = None,
    ) -> list[WindowRecord]:
        """Judged windows by end, newest first; ``start``/``end`` keep windows that begin in that range."""
        ...

    def alerts(
        self,
        model: str | None = None,
        *,
        state: AlertState | None = None,
        is_open: bool = False,
        limit: int | None = None,
    ) -> list[Alert]:
        """Alerts, newest first; with ``is_open`` those that are not resolved."""
        ...

    def alert(self, alert_id: str) -> Alert | None:
        """One alert."""
        ...

    def retrains(self, model: str | None = None, *, limit: int | None = None) -> list[RetrainEpisode]:
        """Retrain episodes, newest first."""
        ...

    def retrain(self, retrain_id: str) -> RetrainEpisode | None:
        """One episode with its history."""
        ...

    def outbox(
        self,
        *,
        state: OutboxState | None = None,
        due_at: datetime | None = None,
        retrain_id: str | None = None,
        limit: int | None = None,
    ) -> list[OutboxMessage]:
        """Messages, oldest first; with ``due_at`` only pending ones whose next attempt is not after it."""
        ...

    def heads(self, sink: str, due_at: datetime, limit: int) -> list[OutboxMessage]:
        """What a sink is to be told next: of each model its oldest pending message, where its time has come.

        Those whose attempt is due longest come first.
        """
        ...

    def message(self, message_id: str) -> OutboxMessage | None:
        """One message."""
        ...

    def pending_sinks(self) -> dict[str, int]:
        """How many messages are pending for each sink; those without any are left out."""
        ...

    def log_files(self, model: str | None = None, kind: str | None = None, day: date | None = None) -> list[LogFile]:
        """The files that count, by first sequence."""
        ...

    def log_days(self, small_rows: int) -> list[LogDay]:
        """The files that count, summed up by day, oldest first; those with fewer rows than given are small."""
        ...

    def retired_log_files(self, before: datetime | None = None) -> list[LogFile]:
        """Files that count no longer and may still be there; with ``before``, those retired by then."""
        ...

    def log_size(self) -> tuple[int, int]:
        """How many files count, and how many bytes they have."""
        ...

    def outstanding_count(self, model: str) -> int:
        """Predictions that wait for their label."""
        ...

    def waiting_label_count(self, model: str) -> int:
        """Labels that wait for their prediction."""
        ...


def stretch_microseconds(horizon: timedelta) -> int:
    """The length of the stretches of event time by which the join forgets: a sixteenth of the horizon.

    Examples
    --------
    >>> stretch_microseconds(timedelta(days=16)) // 1_000_000
    86400
    """
    return max(1, -(-(horizon // timedelta(microseconds=1)) // 16))


class LabelJoin(Protocol):
    """Where labels meet predictions, whichever comes first.

    What is forgotten is forgotten by whole stretches of event time: see `stretch_microseconds`.
    """

    def add_outstanding(self, model: str, rows: Outstanding) -> list[JoinedLabels]:
        """Remember predictions for the join; answers those whose label was already waiting.

        A prediction that is known already stays as it is.
        """
        ...

    def join_labels(self, batch: LabelBatch) -> list[JoinedLabels]:
        """Join labels with outstanding predictions, by version.

        A label whose prediction is not known waits. A label that comes again replaces the one before: the last
        acknowledged counts, and of several in the batch the last. One equal to that already joined is not answered.
        """
        ...

    def forget_outstanding(self, model: str, before: int) -> tuple[int, int]:
        """Forget predictions (joined or not) and waiting labels of all stretches that end at ``before`` or earlier.

        What comes later and is older counts as of the stretch that ``before`` lies in. Answers how many predictions
        never met a label, and how many labels never met a prediction.
        """
        ...


class StateTransaction(StateReader, LabelJoin, Protocol):
    """Changes that happen together or not at all; reads inside see them."""

    def put_baseline(self, baseline: StoredBaseline) -> None:
        """Register a version; the same version again replaces its document."""
        ...

    def set_mark(self, name: str, value: int) -> None:
        """Set a named whole number."""
        ...

    def put_document(self, name: str, document: str) -> None:
        """Insert or replace a small named JSON document."""
        ...

    def put_slices(self, slices: Sequence[StoredSlice]) -> None:
        """Insert or replace by key."""
        ...

    def put_streams(self, streams: Sequence[StoredStream]) -> None:
        """Insert or replace by key."""
        ...

    def forget_stream(self, stream: StreamKey) -> None:
        """Forget a stream with its slices and with all that its windows left to be remembered."""
        ...

    def put_memory(self, stream: StreamKey, stage: WindowStage, start: int, memory: bytes) -> None:
        """Insert or replace what the window that begins at ``start`` leaves to be remembered."""
        ...

    def forget_memories(self, stream: StreamKey, stage: WindowStage, before: int) -> None:
        """Forget what windows left that begin before ``before``, but for the newest of them."""
        ...

    def put_window(self, window: WindowRecord) -> None:
        """Insert or replace by key."""
        ...

    def window(self, key: WindowKey) -> WindowRecord | None:
        """One window; None where it was not judged yet."""
        ...

    def put_alert(self, alert: Alert) -> None:
        """Insert or replace by id."""
        ...

    def open_retrain(self, episode: RetrainEpisode) -> None:
        """Insert an episode with its history."""
        ...

    def step_retrain(
        self,
        retrain_id: str,
        step: RetrainStep,
        new_version: str | None = None,
        watched_from: datetime | None = None,
    ) -> None:
        """Append to the history and take the step's state; what is given else stays from then on."""
        ...

    def put_message(self, message: OutboxMessage) -> None:
        """Insert or replace by id."""
        ...

    def forget_slices(self, model: str, before: int, limit: int) -> int:
        """Forget a model's slices whose ``reached`` lies before, oldest first; answers how many.

        About ``limit`` at most: those that are equal to the last one go with it. Likewise below.
        """
        ...

    def forget_history(self, model: str, before: datetime, limit: int) -> int:
        """Forget windows that ended, alerts that were resolved and retrains that were finished before.

        The latest retrain stays. What windows of replaced versions left to be remembered goes when the last event of
        their stream lies before.
        """
        ...

    def forget_messages(self, before: datetime, limit: int) -> int:
        """Forget messages that were delivered, given up or withdrawn and created before."""
        ...

    def add_log_files(self, files: Sequence[LogFile]) -> None:
        """Count these files from now on; a path that counts already is replaced."""
        ...

    def retire_log_files(self, paths: Sequence[str], at: datetime) -> None:
        """Count these files no longer, and remember since when."""
        ...

    def forget_log_files(self, paths: Sequence[str]) -> None:
        """Know nothing more of these files."""
        ...


class State(Protocol):
    """The small relational memory of the service."""

    def read(self) -> AbstractContextManager[StateReader]:
        """A consistent view, for as long as the context lasts."""
        ...

    def transaction(self) -> AbstractContextManager[StateTransaction]:
        """All changes made inside are kept when the context ends, none if it ends by an exception."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


# --- inbox: logged exchanges whose halves come one by one -------------------------------------------------------------


class HalfKind(StrEnum):
    """Which part of an exchange with a model server was logged; feedback is whole by itself."""

    REQUEST = "request"
    RESPONSE = "response"
    FEEDBACK = "feedback"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedHalf:
    """One side of an exchange, as a model server's logger sent it.

    ``key`` is the same for a request and its answer, and for nothing else. ``model_version`` is empty for the version
    that is current when the exchange is read. ``event_time`` is when it happened, as its logger says.
    """

    key: bytes
    kind: HalfKind
    model: str
    model_version: str
    prediction_id: str
    event_time: datetime
    content_type: str
    protocol: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxRoom:
    """How much an inbox holds: halves, those of them that wait for their other half, and the bytes of all."""

    halves: int
    waiting: int
    size_bytes: int


class Inbox(Protocol):
    """Halves of exchanges on disk, until they are whole and somebody has done with them."""

    def append(self, halves: Sequence[LoggedHalf], received_time: datetime) -> Future[tuple[int, ...]]:
        """Ask for halves to be kept. The future is done when they are on disk (synced), or fails.

        It answers the positions of those that were known: the same key and kind is here, or has been until
        `forget_known` forgets it.

        Raises
        ------
        StoreFull
            From the call or the future: the bound on halves or bytes is reached, or the disk is full. Nothing of
            this call is kept.
        """
        ...

    def whole(self, limit: int) -> list[tuple[LoggedHalf, ...]]:
        """Exchanges that are whole, in the order in which they became so: a request and its answer, or a feedback."""
        ...

    def done(self, keys: Sequence[bytes], at: datetime) -> None:
        """Forget the bodies of these exchanges, and know that they were here."""
        ...

    def forget_waiting(self, before: datetime, limit: int) -> list[LoggedHalf]:
        """Forget halves that were received before and never became whole; answers them, without their bodies."""
        ...

    def forget_known(self, before: datetime) -> None:
        """Know nothing more of what was done before."""
        ...

    def wait(self, timeout_seconds: float) -> bool:
        """Block until an exchange is whole (true) or the time is over (false)."""
        ...

    def room(self) -> InboxRoom:
        """How much it holds."""
        ...

    def close(self) -> None:
        """Write what was promised and let go of the files."""
        ...


# --- sinks ------------------------------------------------------------------------------------------------------------


class Sink(Protocol):
    """Something that is told. One small file a sink."""

    name: str
    takes: frozenset[MessageKind]
    """What it is told of."""

    def deliver(self, message: OutboxMessage) -> str:
        """Tell it, and answer what to note in the history.

        Raises
        ------
        SinkUnavailable
            It may work later.
        SinkRejected
            It never will.
        """
        ...


@runtime_checkable
class RepeatingSink(Sink, Protocol):
    """A sink that forgets alerts which nobody repeats."""

    repeat_seconds: float

    def repeat(self, alerts: Sequence[Alert], public_url: str) -> None:
        """Tell it of all alerts that fire; links begin with ``public_url``.

        Raises
        ------
        SinkUnavailable
            It may work the next time.
        SinkRejected
            It never will.
        """
        ...


__all__ = [
    "Clock",
    "HalfKind",
    "Inbox",
    "InboxRoom",
    "JoinedLabels",
    "LabelJoin",
    "Log",
    "LogDay",
    "LogFile",
    "LoggedHalf",
    "MessageKind",
    "OutboxMessage",
    "OutboxState",
    "Outstanding",
    "RepeatingSink",
    "RetrainState",
    "Sink",
    "SliceKey",
    "SliceOutline",
    "Spool",
    "SpoolEntry",
    "SpoolReceipt",
    "SpoolRoom",
    "Stale",
    "State",
    "StateReader",
    "StateTransaction",
    "StoredBaseline",
    "StoredSlice",
    "StoredStream",
    "StreamKey",
    "VersionRole",
    "current_of",
    "stretch_microseconds",
]
