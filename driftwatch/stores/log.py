"""The log: every prediction and label as plain Parquet, which anything that reads Parquet can read.

::

    predictions/model=M/date=2026-01-31/FIRST-LAST-LAYOUT.parquet
    labels/model=M/date=2026-01-31/FIRST-LAST-LAYOUT.parquet

``FIRST`` and ``LAST`` are the spool's sequences that were written together; the date is the event's, in UTC (a
label's event is its becoming known). ``LAYOUT`` tells apart versions and columns, since a file has one set of
columns. What the columns are called stands in `driftwatch.stores.log_columns`. A missing number is null.

Users' readers see every file in the folder; which files count is the state's knowledge. Between a crash and the next
start there may be a file that is not counted yet: it is then written again, the same. Files that were written together
into a larger one, and files that expired, are hidden under a name that no reader of a folder takes, and deleted a while
later: who still has them in a list can read them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from driftwatch.core.events import LabelBatch, PredictionBatch
from driftwatch.core.table import Table, Values, concatenated
from driftwatch.core.texts import chained, taken
from driftwatch.core.windows import to_microseconds
from driftwatch.errors import StoreError
from driftwatch.ports import LogFile, SpoolEntry
from driftwatch.stores.disk import appearing_whole, disk_failure, temporary_name
from driftwatch.stores.log_columns import LogColumn
from driftwatch.stores.log_compaction import schema_of, write_together
from driftwatch.stores.log_names import file_name, hidden, layout_of, present
from driftwatch.stores.log_parts import FileKey, Part, as_names, cut
from driftwatch.stores.log_tables import FORMAT_VERSION, METADATA_KEY, row_groups
from driftwatch.wire.arrow import (
    NAMES_TYPE,
    integers_of,
    microseconds_of,
    texts_of,
    values_of,
    whole_texts_of,
)

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
ReadT = TypeVar("ReadT")
_UNREADABLE = (pa.ArrowException, ValueError, KeyError, TypeError, IndexError)


class ParquetLog:
    """The files of the log below one folder; see `driftwatch.ports.Log`.

    Parameters
    ----------
    root
        The log's folder; made when the first file is written.
    """

    def __init__(self, root: Path) -> None:
        self._root = Path(root)

    def write(self, entries: Sequence[SpoolEntry]) -> list[LogFile]:
        """See `driftwatch.ports.Log.write`; here a file per kind, model, day, and version with its columns.

        Raises
        ------
        StoreFull
            The disk is full. Files that were finished stay, and are written again, the same.
        StoreError
            A file cannot be written, or a model's name is no name for a folder.
        """
        if not entries:
            return []
        first = min(entry.sequence for entry in entries)
        last = max(entry.sequence for entry in entries)
        return [self._write_file(key, parts, first, last) for key, parts in sorted(cut(entries).items(), key=_key)]

    def read_predictions(
        self, files: Sequence[LogFile], start: datetime | None, end: datetime | None
    ) -> Iterator[PredictionBatch]:
        """See `driftwatch.ports.Log.read_predictions`. Holds one row group of one file in memory at a time.

        Raises
        ------
        StoreError
            A file is absent, altered, or of a later format.
        """
        for batch in chain.from_iterable(self._read(file, _predictions_of) for file in files):
            wanted = np.ones(len(batch), dtype=np.bool_)
            if start is not None:
                wanted &= batch.event_time >= to_microseconds(start)
            if end is not None:
                wanted &= batch.event_time < to_microseconds(end)
            if wanted.all():
                yield batch
            elif wanted.any():
                yield batch.take(np.flatnonzero(wanted))

    def read_labels(self, files: Sequence[LogFile]) -> Iterator[LabelBatch]:
        """See `driftwatch.ports.Log.read_labels`. Holds those files in memory that were written together.

        Raises
        ------
        StoreError
            A file is absent, altered, or of a later format.
        """
        together: list[LogFile] = []
        for file in sorted(files, key=lambda one: (one.first_sequence, one.path)):
            if together and file.first_sequence > max(one.last_sequence for one in together):
                yield from self._labels_in_order(together)
                together = []
            together.append(file)
        yield from self._labels_in_order(together)

    def alike(self, files: Sequence[LogFile]) -> list[list[LogFile]]:
        """See `driftwatch.ports.Log.alike`; here they have one layout and the same extra features.

        Raises
        ------
        StoreError
            A file is absent or altered.
        """
        found: list[list[LogFile]] = []
        by_layout: dict[str, list[LogFile]] = {}
        for file in files:
            by_layout.setdefault(layout_of(file.path), []).append(file)
        for one in by_layout.values():
            kinds: list[tuple[Any, list[LogFile]]] = []
            for file in one:
                with self._reading(file):
                    schema = schema_of(present(self._path(file.path)))
                same = next((files for known, files in kinds if known.equals(schema, check_metadata=True)), None)
                if same is None:
                    kinds.append((schema, [file]))
                else:
                    same.append(file)
            found += [same for _, same in kinds]
        return found

    def name_together(self, files: Sequence[LogFile]) -> str:
        """See `driftwatch.ports.Log.name_together`; the name has the sequences that they have together."""
        first, last = min(one.first_sequence for one in files), max(one.last_sequence for one in files)
        folder, _, _ = files[0].path.rpartition("/")
        return f"{folder}/{file_name(first, last, layout_of(files[0].path))}"

    def write_together(self, files: Sequence[LogFile]) -> LogFile:
        """See `driftwatch.ports.Log.write_together`.

        Raises
        ------
        StoreFull
            The disk is full; there is no new file.
        StoreError
            A file is absent or altered, or the new one cannot be written.
        """
        in_order = sorted(files, key=lambda one: one.first_sequence)
        name = self.name_together(files)
        path = self._path(name)
        try:
            rows = write_together([present(self._path(one.path)) for one in in_order], path)
            size = path.stat().st_size
        except OSError as error:
            raise disk_failure(error, f"The log's file {path} cannot be written") from error
        except _UNREADABLE as error:
            raise StoreError(f"Files cannot be written together as {path}: {error}") from error
        return replace(in_order[0], path=name, last_sequence=in_order[-1].last_sequence, rows=rows, size_bytes=size)

    def hide(self, files: Sequence[LogFile]) -> None:
        """See `driftwatch.ports.Log.hide`. Files that are hidden or gone already are fine.

        Raises
        ------
        StoreError
            A file cannot be hidden.
        """
        for file in files:
            path = self._path(file.path)
            try:
                path.replace(hidden(path))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise disk_failure(error, f"The log's file {path} cannot be hidden") from error

    def remove(self, files: Sequence[LogFile]) -> None:
        """See `driftwatch.ports.Log.remove`. A day's folder goes with its last file.

        Raises
        ------
        StoreError
            A file cannot be removed.
        """
        for file in files:
            path = self._path(file.path)
            try:
                for name in (path, hidden(path), temporary_name(path)):
                    name.unlink(missing_ok=True)
            except OSError as error:
                raise disk_failure(error, f"The log's file {path} cannot be removed") from error
            with suppress(OSError):
                path.parent.rmdir()

    def _write_file(self, key: FileKey, parts: Sequence[Part], first: int, last: int) -> LogFile:
        if not _MODEL.fullmatch(key.model):
            raise StoreError(f"The model's name {key.model!r} is no name for a folder of the log.")
        name = f"{key.kind}/model={key.model}/date={key.day}/{file_name(first, last, key.layout)}"
        path = self._root / name
        try:
            groups = row_groups(key.kind, parts)
            group = next(groups)
            named = [field.name for field in group.schema if field.type == NAMES_TYPE]
            with (
                appearing_whole(path) as temporary,
                pq.ParquetWriter(temporary, group.schema, compression="zstd", use_dictionary=named) as writer,
            ):
                rows = 0
                while group is not None:
                    writer.write_table(group)
                    rows += group.num_rows
                    group = next(groups, None)
            size = path.stat().st_size
        except OSError as error:
            raise disk_failure(error, f"The log's file {path} cannot be written") from error
        except _UNREADABLE as error:
            raise StoreError(f"Rows of model {key.model!r} cannot be written to the log: {error}") from error
        return LogFile(
            path=name,
            kind=key.kind,
            model=key.model,
            day=key.day,
            first_sequence=first,
            last_sequence=last,
            rows=rows,
            size_bytes=size,
        )

    def _labels_in_order(self, files: Sequence[LogFile]) -> Iterator[LabelBatch]:
        for model in sorted({file.model for file in files}):
            read = [part for file in files if file.model == model for part in self._read(file, _labels_of)]
            batches = [batch for batch, _, _ in read]
            order = np.lexsort(
                (np.concatenate([rows for _, _, rows in read]), np.concatenate([at for _, at, _ in read]))
            )
            ids = chained([batch.prediction_ids for batch in batches])
            yield LabelBatch(
                model=model,
                prediction_ids=taken(ids, order),
                event_time=np.concatenate([batch.event_time for batch in batches])[order],
                labels=_joined_label_values([batch.labels for batch in batches]).take(order),
            )

    def _read(self, file: LogFile, meaning: Callable[[Any, dict[str, Any]], ReadT]) -> Iterator[ReadT]:
        """What each row group of a file means."""
        path = self._path(file.path)
        with self._reading(file), pq.ParquetFile(present(path)) as opened:
            described = json.loads((opened.schema_arrow.metadata or {})[METADATA_KEY])
            if described["format"] != FORMAT_VERSION:
                raise StoreError(
                    f"The log's file {path} has the format {described['format']}; this driftwatch reads "
                    f"{FORMAT_VERSION}. Use the driftwatch that wrote it, or a later one."
                )
            for group in range(opened.num_row_groups):
                yield meaning(opened.read_row_group(group, use_threads=False).combine_chunks(), described)

    @contextmanager
    def _reading(self, file: LogFile) -> Iterator[None]:
        """Name what is wrong with a file."""
        path = self._path(file.path)
        try:
            yield
        except FileNotFoundError as error:
            raise StoreError(
                f"The log's file {path} is gone. The state counts it: restore both from one backup."
            ) from error
        except OSError as error:
            raise disk_failure(error, f"The log's file {path} cannot be read") from error
        except _UNREADABLE as error:
            raise StoreError(f"The log's file {path} cannot be read: {error}. It was altered or cut short.") from error

    def _path(self, name: str) -> Path:
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts or not relative.parts:
            raise StoreError(f"{name!r} is no file of the log.")
        return self._root / relative


def _key(item: tuple[FileKey, list[Part]]) -> FileKey:
    return item[0]


def _predictions_of(table: Any, described: dict[str, Any]) -> PredictionBatch:
    columns = [LogColumn(*one) for one in described["columns"]]
    event_time = microseconds_of(_array(table, "event_time"))
    values = {(one.is_extra, one.name): values_of(_array(table, one.file_name), event_time) for one in columns}
    return PredictionBatch(
        model=described["model"],
        model_version=described["model_version"],
        prediction_ids=whole_texts_of(_array(table, "prediction_id")),
        event_time=event_time,
        segments=texts_of(_array(table, "segment")),
        columns=Table({name: values[False, name] for name in described["order"]}, table.num_rows),
        extra=Table({one.name: values[True, one.name] for one in columns if one.is_extra}, table.num_rows),
        prediction=described["prediction"],
        scores=tuple(described["scores"]),
    )


def _labels_of(table: Any, described: dict[str, Any]) -> tuple[LabelBatch, NDArray[np.int64], NDArray[np.int32]]:
    batch = LabelBatch(
        model=described["model"],
        prediction_ids=whole_texts_of(_array(table, "prediction_id")),
        event_time=microseconds_of(_array(table, "label_time")),
        labels=_column(table, "label"),
    )
    return batch, integers_of(_array(table, "sequence")), integers_of(_array(table, "row"))


def _joined_label_values(parts: Sequence[Values]) -> Values:
    """Labels of one model; where its task changed between versions, all as names."""
    if len({type(part) for part in parts}) > 1:
        return concatenated([as_names(part) for part in parts])
    return concatenated(parts)


def _array(table: Any, name: str) -> Any:
    return pa.concat_arrays(table.column(name).chunks)


def _column(table: Any, name: str) -> Values:
    return values_of(_array(table, name))
