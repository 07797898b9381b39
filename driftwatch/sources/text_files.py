"""CSV and NDJSON in blocks of whole lines: types are settled over all blocks, then every block is read with them.

Each block is read by pyarrow as if it were a file. So a column's type does not depend on where a block ends, and what
would be read of the whole file at once is read of its blocks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

TEXT_FORMATS = (".csv", ".ndjson", ".jsonl")

BLOCK_BYTES = 8 * 1024 * 1024
"""Of a block, unless a single line is longer."""

LONGEST_QUOTED_BYTES = 4 * BLOCK_BYTES
"""Line breaks are taken for the ends of lines, quoted or not, where none is unquoted for so long."""

_NULL = re.compile(rb"\s*null")
_NULL_LINE = re.compile(rb"\n\s*null")

_NUMBER_ORDER = ("int64", "double")
_TIME_ORDER = ("date32[day]", "timestamp[s]", "timestamp[ns]")


def settled_schema(path: Path, extension: str, went_by: Callable[[float], object]) -> pa.Schema:
    """The types of all columns over a whole file; ``went_by`` is told the share of it that was read.

    Columns are in the order in which they appear. A column of whole numbers and others is one of floats, of dates and
    times one of times; one of nothing in common is text, as when the file is read at once.
    """
    import pyarrow as pa

    found: dict[str, Any] = {}
    header: list[str] | None = None
    for block, share in _blocks(path, extension):
        table = _parsed(block, extension, header=header)
        if extension == ".csv":
            header = table.column_names
        for field in table.schema:
            found[field.name] = _wider(found.get(field.name, field.type), field.type)
        went_by(share)
    return pa.schema(list(found.items()))


def read_text(path: Path, extension: str, schema: pa.Schema) -> Iterator[tuple[pa.RecordBatch, float]]:
    """A file's rows with these types, and the share of the file that has gone by with each batch."""
    header: list[str] | None = None
    for block, share in _blocks(path, extension):
        table = _parsed(block, extension, header=header, schema=schema)
        header = schema.names
        batches = table.combine_chunks().to_batches()
        yield from ((batch, share) for batch in batches)


def read_ndjson(path: Path) -> pa.Table:
    """A file of JSON objects, at once."""
    from pyarrow import json

    for block, _ in _blocks(path, ".ndjson"):
        _check_objects(block)
    return json.read_json(path)


def csv_conversion(schema: pa.Schema | None = None) -> Any:
    """How cells of a CSV file are read; empty ones and the usual words are missing."""
    from pyarrow import csv

    return csv.ConvertOptions(
        column_types=schema,
        strings_can_be_null=True,
        null_values=["", "NA", "N/A", "NaN", "nan", "null", "NULL"],
    )


def _parsed(block: bytes, extension: str, *, header: list[str] | None, schema: pa.Schema | None = None) -> pa.Table:
    import pyarrow as pa

    size = len(block) + 1
    if extension == ".csv":
        from pyarrow import csv

        # The first block has the header in it.
        reading = csv.ReadOptions(column_names=header, block_size=size)
        parsing = csv.ParseOptions(newlines_in_values=True)
        return csv.read_csv(pa.BufferReader(block), reading, parsing, csv_conversion(schema))
    from pyarrow import json

    _check_objects(block)
    options = None if schema is None else json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    return json.read_json(pa.BufferReader(block), json.ReadOptions(block_size=size), options)


def _check_objects(lines: bytes) -> None:
    """Refuse a line that is null: where it is the first that Arrow's reader sees, the process ends.

    References
    ----------
    https://github.com/apache/arrow/issues/47409
    """
    import pyarrow as pa

    if _NULL.match(lines) or _NULL_LINE.search(lines):
        raise pa.ArrowInvalid("a line is null, and no object")


def _blocks(path: Path, extension: str) -> Iterator[tuple[bytes, float]]:
    """Whole lines, at most about `BLOCK_BYTES` at a time, and the share of the file up to their end."""
    size, read = max(path.stat().st_size, 1), 0
    rest = b""
    with path.open("rb") as file:
        while chunk := file.read(BLOCK_BYTES):
            read += len(chunk)
            rest += chunk
            end = _end_of_lines(rest, quoted=extension == ".csv")
            # A block of nothing but empty lines is no file.
            if end and rest[:end].strip():
                yield rest[:end], read / size
            rest = rest[end:]
    if rest.strip():
        yield rest, 1.0


def _end_of_lines(text: bytes, *, quoted: bool) -> int:
    """Where the last whole line ends, 0 if there is none. A line break within quotes ends none."""
    last = end = text.rfind(b"\n") + 1
    inside = quoted and text.count(b'"', 0, end) % 2
    while inside and end:
        before = text.rfind(b"\n", 0, end - 1) + 1
        inside ^= text.count(b'"', before, end) % 2
        end = before
    # Quotes that never end are no quotes: a single one must not keep the rest of the file in memory.
    return end or (last if len(text) > LONGEST_QUOTED_BYTES else 0)


def _wider(one: Any, other: Any) -> Any:
    """A type for the values of both."""
    import pyarrow as pa

    if one == other or str(other) == "null":
        return one
    if str(one) == "null":
        return other
    for order in (_NUMBER_ORDER, _TIME_ORDER):
        if str(one) in order and str(other) in order:
            return max(one, other, key=lambda kind: order.index(str(kind)))
    return pa.string()
