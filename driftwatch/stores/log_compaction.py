"""Several files of the log as one: the same rows in the same order, in row groups of a good size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from driftwatch.stores.disk import appearing_whole
from driftwatch.wire.arrow import NAMES_TYPE

ROWS_A_GROUP = 50_000
"""Rows that are in memory at once, and that readers take at once."""


def schema_of(path: Path) -> Any:
    """A file's columns and what it says of them; only its footer is read.

    Raises
    ------
    OSError, pyarrow.ArrowException
        The file is absent or no Parquet.
    """
    return pq.read_schema(path)


def write_together(sources: Sequence[Path], destination: Path) -> int:
    """Write the rows of all sources to one file, which appears whole or not at all; answers how many they are.

    Raises
    ------
    OSError, pyarrow.ArrowException
        As the disk or Parquet says.
    """
    schema = pq.read_schema(sources[0])
    named = [field.name for field in schema if field.type == NAMES_TYPE]
    rows = 0
    with (
        appearing_whole(destination) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", use_dictionary=named) as writer,
    ):
        for table in _groups(sources):
            writer.write_table(table.unify_dictionaries(), row_group_size=ROWS_A_GROUP)
            rows += table.num_rows
    return rows


def _groups(sources: Sequence[Path]) -> Iterator[Any]:
    waiting: list[Any] = []
    rows = 0
    for path in sources:
        with pq.ParquetFile(path) as source:
            for group in range(source.num_row_groups):
                waiting.append(source.read_row_group(group, use_threads=False))
                rows += waiting[-1].num_rows
                if rows >= ROWS_A_GROUP:
                    yield pa.concat_tables(waiting)
                    waiting, rows = [], 0
    if waiting:
        yield pa.concat_tables(waiting)
