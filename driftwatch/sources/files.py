"""Tables from files: CSV, Parquet, Arrow/Feather and NDJSON, told apart by their extension.

Everything is read with pyarrow, which is imported when a file is first read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

from driftwatch.errors import FileError
from driftwatch.sources.text_files import TEXT_FORMATS, csv_conversion, read_ndjson, read_text, settled_schema

if TYPE_CHECKING:
    import pyarrow as pa

EXTENSIONS = (".csv", ".parquet", ".arrow", ".feather", ".ndjson", ".jsonl")
"""What can be read. ``.arrow`` and ``.feather`` are Arrow IPC files (or, with ``.arrow``, streams)."""

BATCH_ROWS = 65_536
"""Rows of a batch, unless told."""

LONGEST_REASON = 160
"""Characters that a message quotes of what the reader said."""


def read_table(path: str | Path) -> pa.Table:
    """Read a whole file.

    Parameters
    ----------
    path
        With one of `EXTENSIONS`, in any case.

    Returns
    -------
    pyarrow.Table
        Types as the file gives them; of CSV and NDJSON, as their values suggest. Empty cells of CSV are missing.

    Raises
    ------
    FileError
        If the file is absent, of an unknown kind, not what its extension says, or has no rows.
    """
    path = Path(path)
    extension = _checked_extension(path)
    with _failures_named(path, extension):
        table = _whole(path, extension)
        _check(table)
    _check_any(path, table.num_rows)
    return table


def read_batches(path: str | Path, rows: int = BATCH_ROWS) -> Iterator[pa.Table]:
    """Read a file in order, in parts of at most ``rows`` rows; only about one part is in memory at a time.

    Raises
    ------
    FileError
        As `read_table`, from the first step on.
    """
    return iter(FileBatches(path, rows))


class FileBatches:
    """A file's rows in order, in parts of at most ``rows`` rows, from the beginning each time.

    Only about one part is in memory at a time; of Parquet files what their row groups take. The types of CSV and
    NDJSON files are settled first, over all of it: a column of whole numbers may hold words in its last row.

    Parameters
    ----------
    path
        With one of `EXTENSIONS`, in any case.
    rows
        Most rows of a part.
    on_progress
        Told how far it is: how many times the file was read to the end for its rows (-1 while types are settled), and
        which share of it has gone by this time.

    Raises
    ------
    FileError
        While iterating, as `read_table`.
    """

    def __init__(
        self, path: str | Path, rows: int = BATCH_ROWS, *, on_progress: Callable[[int, float], object] | None = None
    ) -> None:
        self._path = Path(path)
        self._rows = rows
        self._on_progress = on_progress
        self._schema: pa.Schema | None = None
        self._times_read = 0

    def __iter__(self) -> Iterator[pa.Table]:
        import pyarrow as pa

        extension = _checked_extension(self._path)
        if extension in TEXT_FORMATS and self._schema is None:
            with _failures_named(self._path, extension):
                self._schema = settled_schema(self._path, extension, partial(self._went_by, -1))
        n_rows = 0
        with _failures_named(self._path, extension):
            for batch, share in self._read(extension):
                _check(batch)
                for start in range(0, batch.num_rows, self._rows):
                    yield pa.Table.from_batches([batch.slice(start, self._rows)])
                n_rows += batch.num_rows
                self._went_by(self._times_read, share)
        _check_any(self._path, n_rows)
        self._times_read += 1

    def _read(self, extension: str) -> Iterator[tuple[pa.RecordBatch, float]]:
        """Record batches, and the share of the file that has gone by with each."""
        if self._schema is not None:
            return read_text(self._path, extension, self._schema)
        return _READERS[extension](self._path, self._rows)

    def _went_by(self, times_read: int, share: float) -> None:
        if self._on_progress is not None:
            self._on_progress(times_read, share)


@contextmanager
def _failures_named(path: Path, extension: str) -> Iterator[None]:
    """Every failure of reading becomes a `FileError`."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = shorten(str(error) or type(error).__name__, LONGEST_REASON, placeholder=" ...").rstrip(".")
        raise FileError(
            f"the file cannot be read as {extension[1:]}: {reason}.",
            field=str(path),
            remedy="Check that it is whole, and that its extension says what it is.",
        ) from error


def _check_any(path: Path, n_rows: int) -> None:
    if n_rows == 0:
        raise FileError("the file has no rows.", field=str(path), remedy="Give a file with at least one row.")


def _check(rows: pa.Table | pa.RecordBatch) -> None:
    """Look at what a file says before it is believed: lengths, offsets, codes and texts.

    Raises
    ------
    ArrowInvalid, UnicodeDecodeError
    """
    rows.validate(full=True)
    # Only when they are asked for are the names of columns found to be no Unicode.
    _ = rows.schema.names


def _checked_extension(path: Path) -> str:
    extension = path.suffix.lower()
    if extension not in EXTENSIONS:
        raise FileError(
            f"files with the extension {extension or '(none)'!r} cannot be read.",
            field=str(path),
            remedy=f"Use one of {', '.join(EXTENSIONS)}.",
        )
    if not path.exists():
        raise FileError("there is no such file.", field=str(path), remedy="Check the path.")
    if not path.is_file():
        raise FileError("this is no file.", field=str(path), remedy="Give one file.")
    if path.stat().st_size == 0:
        raise FileError("the file is empty.", field=str(path), remedy="Give a file with at least one row.")
    return extension


def _whole(path: Path, extension: str) -> pa.Table:
    import pyarrow as pa

    if extension == ".csv":
        from pyarrow import csv

        return csv.read_csv(path, convert_options=csv_conversion())
    if extension in TEXT_FORMATS:
        return read_ndjson(path)
    batches = [batch for batch, _ in _READERS[extension](path, BATCH_ROWS)]
    return pa.Table.from_batches([batch for batch in batches if batch.num_rows] or batches[:1])


def _parquet(path: Path, rows: int) -> Iterator[tuple[pa.RecordBatch, float]]:
    from pyarrow import parquet

    # Without a buffer for whole row groups: memory is for about one part.
    with parquet.ParquetFile(path, pre_buffer=False) as file:
        total, read = max(file.metadata.num_rows, 1), 0
        for batch in file.iter_batches(batch_size=rows):
            read += batch.num_rows
            yield batch, read / total


def _arrow(path: Path, rows: int) -> Iterator[tuple[pa.RecordBatch, float]]:
    import pyarrow as pa
    from pyarrow import feather, ipc

    with pa.memory_map(str(path)) as source:
        size, magic = max(source.size(), 1), bytes(source.read(6))
        source.seek(0)
        if magic == b"ARROW1":
            reader = ipc.open_file(source)
            for position in range(reader.num_record_batches):
                yield reader.get_batch(position), (position + 1) / reader.num_record_batches
        elif magic[:4] == b"FEA1":
            yield from ((batch, 1.0) for batch in feather.read_table(source).to_batches())
        else:
            for batch in ipc.open_stream(source):
                yield batch, source.tell() / size


_READERS = {".parquet": _parquet, ".arrow": _arrow, ".feather": _arrow}
