"""Tables from files: CSV, Parquet, Arrow/Feather and NDJSON, told apart by their extension.

Everything is read with pyarrow, which is imported when a file is first read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from driftwatch.errors import FileError

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
    import pyarrow as pa

    batches = list(_batches(Path(path), BATCH_ROWS, whole=True))
    return pa.Table.from_batches(batches)


def read_batches(path: str | Path, rows: int = BATCH_ROWS) -> Iterator[pa.Table]:
    """Read a file in order, in parts of at most ``rows`` rows; only about one part is in memory at a time.

    Raises
    ------
    FileError
        As `read_table`, from the first step on. Also where a later part of a CSV or NDJSON file has values of
        another type than the beginning suggested.
    """
    import pyarrow as pa

    for batch in _batches(Path(path), rows, whole=False):
        for start in range(0, batch.num_rows, rows):
            yield pa.Table.from_batches([batch.slice(start, rows)])


def _batches(path: Path, rows: int, *, whole: bool) -> Iterator[pa.RecordBatch]:
    """Record batches that are not empty; every failure of reading is a `FileError`."""
    import pyarrow as pa

    extension = _checked_extension(path)
    n_rows = 0
    try:
        for batch in _READERS[extension](path, rows, whole):
            n_rows += batch.num_rows
            if batch.num_rows:
                yield batch
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = shorten(str(error) or type(error).__name__, LONGEST_REASON, placeholder=" ...").rstrip(".")
        raise FileError(
            f"the file cannot be read as {extension[1:]}: {reason}.",
            field=str(path),
            remedy="Check that it is whole, and that its extension says what it is.",
        ) from error
    if n_rows == 0:
        raise FileError("the file has no rows.", field=str(path), remedy="Give a file with at least one row.")


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


def _csv(path: Path, rows: int, whole: bool) -> Iterator[pa.RecordBatch]:
    from pyarrow import csv

    if whole:
        # Types are settled over the whole file: a column of integers may turn out to hold words in its last row.
        yield from csv.read_csv(path, convert_options=_csv_conversion()).to_batches()
        return
    with csv.open_csv(path, convert_options=_csv_conversion()) as reader:
        yield from reader


def _csv_conversion() -> Any:
    from pyarrow import csv

    return csv.ConvertOptions(strings_can_be_null=True, null_values=["", "NA", "N/A", "NaN", "nan", "null", "NULL"])


def _parquet(path: Path, rows: int, whole: bool) -> Iterator[pa.RecordBatch]:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        yield from file.iter_batches(batch_size=rows)


def _arrow(path: Path, rows: int, whole: bool) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    from pyarrow import feather, ipc

    with pa.memory_map(str(path)) as source:
        magic = bytes(source.read(6))
        source.seek(0)
        if magic == b"ARROW1":
            reader = ipc.open_file(source)
            for position in range(reader.num_record_batches):
                yield reader.get_batch(position)
        elif magic[:4] == b"FEA1":
            yield from feather.read_table(source).to_batches()
        else:
            yield from ipc.open_stream(source)


def _ndjson(path: Path, rows: int, whole: bool) -> Iterator[pa.RecordBatch]:
    from pyarrow import json

    if whole:
        yield from json.read_json(path).to_batches()
        return
    with json.open_json(path) as reader:
        yield from reader


_READERS = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".arrow": _arrow,
    ".feather": _arrow,
    ".ndjson": _ndjson,
    ".jsonl": _ndjson,
}
