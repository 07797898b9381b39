"""A file of events as what a service is sent: predictions in order, and labels with the time they became known."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftwatch.capture.values import class_name, plain, plain_list, rfc_3339
from driftwatch.core.event_names import EventNames
from driftwatch.core.schema import Schema
from driftwatch.errors import FileError

if TYPE_CHECKING:
    import pyarrow as pa

_IDS = uuid.UUID("5ce0e9a5-6532-5b17-9f5c-0f0e5d2f3a51")


@dataclass(frozen=True, slots=True)
class Prediction:
    """A prediction to send: its row in the file (from 0), its time if it has one, and the event."""

    row: int
    time: datetime | None
    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Label:
    """A label to send: its row in the file (from 0), when it became known if that is known, and the event."""

    row: int
    time: datetime | None
    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of the file, in order. ``n_rows`` counts those that have neither a prediction nor a label, too."""

    n_rows: int
    predictions: tuple[Prediction, ...]
    labels: tuple[Label, ...]


def read_parts(path: Path, schema: Schema, *, rows: int, by_time: bool) -> Iterator[Part]:
    """Read a file of events in parts of ``rows`` rows.

    Events without an id get one from the file's content and their row, so that the same file sent again changes
    nothing. A label without a time of its own became known with its prediction.

    Raises
    ------
    FileError
        If the file cannot be read, or has no predictions.
    """
    names: EventNames | None = None
    digest = cache(lambda: _digest(path))
    for first_row, table in _tables(path, schema, rows, by_time):
        names = names or _names(table.column_names, schema)
        yield _part(table, names, schema, digest, first_row)


def count_rows(path: Path) -> int | None:
    """How many rows a file has, where that can be known without reading it."""
    if path.suffix.lower() != ".parquet":
        return None
    from pyarrow import ArrowException, parquet

    try:
        return int(parquet.read_metadata(path).num_rows)
    except (ArrowException, OSError):
        return None


def _tables(path: Path, schema: Schema, rows: int, by_time: bool) -> Iterator[tuple[int | None, pa.Table]]:
    """Tables with the row of the file that they begin with; None where they have a column of rows."""
    from driftwatch.sources.files import read_batches, read_table

    if not by_time:
        first_row = 0
        for table in read_batches(path, rows):
            yield first_row, table
            first_row += table.num_rows
        return
    import pyarrow as pa

    whole = read_table(path)
    time_column = _names(whole.column_names, schema).event_time
    if time_column is None:
        raise FileError(
            "has no column event_time to sort by.", field="EVENTS", remedy="Leave --by-time out: rows keep their order."
        )
    times = [_text(moment) or "" for moment in whole[time_column].to_pylist()]
    order = sorted(range(whole.num_rows), key=times.__getitem__)
    whole = whole.append_column(_ROW, pa.array(range(whole.num_rows))).take(order)
    for start in range(0, whole.num_rows, rows):
        yield None, whole.slice(start, rows)


_ROW = "driftwatch:row"


def _names(columns: Sequence[str], schema: Schema) -> EventNames:
    names = EventNames.found(columns, schema)
    names.check(schema, labels_alone=True, error=FileError)
    return names


def _part(table: pa.Table, names: EventNames, schema: Schema, digest: Callable[[], str], first_row: int | None) -> Part:
    count = table.num_rows
    columns = {name: table[name].to_pylist() for name in table.column_names}
    rows = columns.pop(_ROW, None) or range(first_row or 0, (first_row or 0) + count)
    features = {name: plain_list(values) for name, values in columns.items() if name not in names.reserved}

    def column(name: str | None) -> list[Any]:
        return [None] * count if name is None else columns[name]

    given = map(_name, column(names.prediction_id))
    ids = [one or str(uuid.uuid5(_IDS, f"{digest()}:{row}")) for row, one in zip(rows, given, strict=True)]
    times = [_text(moment) for moment in column(names.event_time)]
    label_times = [_text(moment) for moment in column(names.label_time)]
    labels = tuple(
        Label(row, _moment(time), _event(prediction_id=one, label=plain(label), event_time=time))
        for row, one, label, time in zip(
            rows, ids, column(names.label), label_times if names.label_time else times, strict=True
        )
        if plain(label) is not None
    )
    if names.prediction is None:
        return Part(count, (), labels)
    keys = tuple(features)
    values = zip(*features.values(), strict=True) if features else iter([()] * count)
    predictions = tuple(
        Prediction(
            row,
            _moment(time),
            _event(
                prediction_id=one,
                event_time=time,
                model_version=version,
                segment=segment,
                features=dict(zip(keys, cells, strict=True)),
                prediction=prediction,
                score=score,
            ),
        )
        for row, one, time, version, segment, cells, prediction, score in zip(
            rows,
            ids,
            times,
            map(_name, column(names.model_version)),
            map(_name, column(names.segment)),
            values,
            plain_list(columns[names.prediction]),
            _scores([columns[name] for name in names.scores], schema, count),
            strict=True,
        )
    )
    return Part(count, predictions, labels)


def _event(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _scores(columns: list[list[Any]], schema: Schema, count: int) -> Iterator[Any]:
    if len(columns) < 2:
        return iter(plain_list(columns[0]) if columns else [None] * count)
    return (
        {class_name(name): plain(value) for name, value in zip(schema.classes, row, strict=True)}
        for row in zip(*columns, strict=True)
    )


def _name(value: Any) -> str | None:
    return None if plain(value) is None else class_name(value)


def _text(moment: Any) -> str | None:
    """A time as the service reads it; what is none is left for the service to refuse."""
    try:
        return rfc_3339(moment)
    except (ValueError, OverflowError, OSError):
        return str(moment)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


__all__ = ["Label", "Part", "Prediction", "count_rows", "read_parts"]
