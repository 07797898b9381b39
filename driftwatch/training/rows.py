"""Rows of one part of the data, as they lie in a file: whole, in batches, or shuffled in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

GROUP_ROWS = 4_096
"""Rows of a row group: the smallest piece that is read at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """How many rows there are, and which event times they span; the times are None where rows have none."""

    rows: int
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows in a Parquet file with small row groups."""

    path: Path
    stretch: Stretch

    def __len__(self) -> int:
        return self.stretch.rows

    def frame(self) -> pd.DataFrame:
        """All of them."""
        return framed(parquet.read_table(self.path, use_threads=False))

    def batches(self, rows: int = GROUP_ROWS) -> Iterator[pd.DataFrame]:
        """In order, at most so many at a time."""
        with parquet.ParquetFile(self.path, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=rows, use_threads=False):
                yield framed(pa.Table.from_batches([batch]))

    def shuffled(self, rows: int, buffer_rows: int, random: np.random.Generator) -> Iterator[pd.DataFrame]:
        """Each row once, in a random order, so many at a time.

        Row groups come in a random order into a buffer, from which batches are drawn: with all rows in the buffer,
        every order is equally likely; with fewer, a batch has rows of as many places of the file as the buffer holds
        groups.

        Parameters
        ----------
        rows
            Of a batch; the last may have fewer.
        buffer_rows
            Most rows in memory, besides a row group and a batch.
        random
            What decides.
        """
        with parquet.ParquetFile(self.path, pre_buffer=False) as file:
            order = random.permutation(file.metadata.num_row_groups)
            held: list[pa.Table] = []
            count = 0
            for group in order.tolist():
                table = file.read_row_group(group, use_threads=False)
                held.append(table)
                count += table.num_rows
                if count >= max(buffer_rows, rows):
                    drawn, held = _drawn(held, count // 2, rows, random)
                    count = sum(one.num_rows for one in held)
                    yield from drawn
            if count:
                # What is left is drawn whole.
                drawn, _ = _drawn(held, count, rows, random)
                yield from drawn


def _drawn(
    held: list[pa.Table], wanted: int, rows: int, random: np.random.Generator
) -> tuple[Iterator[pd.DataFrame], list[pa.Table]]:
    """About so many rows at random, in batches, and those that stay."""
    together = pa.concat_tables(held)
    order = random.permutation(together.num_rows)
    taken = together.num_rows if wanted >= together.num_rows else max(wanted // rows, 1) * rows
    out, rest = together.take(order[:taken]), together.take(order[taken:])

    def batches() -> Iterator[pd.DataFrame]:
        for start in range(0, out.num_rows, rows):
            yield framed(out.slice(start, rows))

    return batches(), [rest] if rest.num_rows else []


def framed(table: pa.Table) -> pd.DataFrame:
    """A frame of Arrow rows; texts are plain Python objects, which every version of scikit-learn takes."""
    frame: pd.DataFrame = table.to_pandas(strings_to_categorical=False, use_threads=False)
    texts = [name for name, kind in frame.dtypes.items() if isinstance(kind, pd.StringDtype)]
    return frame.astype(dict.fromkeys(texts, object)) if texts else frame
