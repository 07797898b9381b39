"""Rows for a command out of a service's log: of a running one by its address, of a stopped one by its data folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from driftwatch.cli.export import moment
from driftwatch.cli.output import progress_notice
from driftwatch.core.records import ColumnRole
from driftwatch.core.schema import Schema
from driftwatch.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A stretch of event time, as it was written on the command line."""

    start: str | None
    end: str | None
    options: tuple[str, str] = ("--from", "--to")

    def moments(self) -> tuple[datetime | None, datetime | None]:
        """Its ends, open where None.

        Raises
        ------
        InputError
            If one of them is no time.
        """
        return moment(self.start, self.options[0]), moment(self.end, self.options[1])

    def __bool__(self) -> bool:
        return self.start is not None or self.end is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSource:
    """Where a model's log is.

    Attributes
    ----------
    model
        Its name there.
    model_version
        Only rows of this version; of all where None.
    url, data
        The service, or the data folder of one that is stopped: one of them.
    token_file, ca
        For the service.
    """

    model: str
    model_version: str | None = None
    url: str | None = None
    data: Path | None = None
    token_file: Path | None = None
    ca: Path | None = None

    @property
    def given(self) -> bool:
        """Whether a place was named."""
        return self.url is not None or self.data is not None

    @contextmanager
    def batches(self, stretch: Stretch, schema: Schema) -> Iterator[Iterator[pa.Table]]:
        """The rows of a stretch of event time, in batches, under the names that the schema has for them.

        They are put down in a temporary file first: memory holds one batch.

        Raises
        ------
        InputError
            As `file`.
        """
        with self.file(stretch) as path:
            yield self._read(path, schema)

    @contextmanager
    def file(self, stretch: Stretch, *, labelled: bool = False) -> Iterator[Path]:
        """The rows of a stretch of event time as a Parquet file, which is gone in the end.

        With ``labelled``, a running service leaves out rows without a label; of a folder, all rows come.

        Raises
        ------
        InputError
            If no place was named, or two, or an end of the stretch is no time.
        """
        if (self.url is None) == (self.data is None):
            raise InputError(
                "rows of the log come from one place.",
                field="--url",
                remedy="Give --url of a running service, or --data with the folder of a stopped one.",
            )
        start, end = stretch.moments()
        with TemporaryDirectory(prefix="driftwatch-") as folder:
            path = Path(folder, "rows.parquet")
            with progress_notice(f"Fetching events of {self.model} …"):
                if self.url is not None:
                    self._from_service(path, start, end, labelled=labelled)
                else:
                    self._from_folder(path, start, end)
            yield path

    def _from_service(self, path: Path, start: datetime | None, end: datetime | None, *, labelled: bool) -> None:
        from driftwatch.cli.service import connected

        assert self.url is not None
        with connected(self.url, self.token_file, self.ca) as client:
            client.export(self.model, start, end, labelled=labelled, path=path)

    def _from_folder(self, path: Path, start: datetime | None, end: datetime | None) -> None:
        from driftwatch.bootstrap import stored_rows
        from driftwatch.wire.parquet import write_rows

        assert self.data is not None
        with stored_rows(self.data, self.model, start=start, end=end) as parts, path.open("wb") as file:
            write_rows(parts, file, scratch=path.parent)

    def _read(self, path: Path, schema: Schema) -> Iterator[pa.Table]:
        import pyarrow as pa
        import pyarrow.compute as pc
        from pyarrow.parquet import ParquetFile

        from driftwatch.sources.files import BATCH_ROWS

        with ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                table = pa.Table.from_batches([batch])
                if self.model_version is not None:
                    table = table.filter(pc.equal(table["model_version"], self.model_version))
                if table.num_rows:
                    yield _named_as_in(schema, table)


def _named_as_in(schema: Schema, table: pa.Table) -> pa.Table:
    """The columns that the schema knows, under its names; the log has names of its own for some (`wire.parquet`)."""
    import pyarrow as pa

    found = {}
    for column in schema.columns:
        name = column.name
        if column.role is ColumnRole.LABEL:
            name = "label"
        elif column.role is ColumnRole.PREDICTION:
            name = "prediction"
        elif column.role is ColumnRole.SCORE and len(schema.scores) == 1:
            name = "score"
        elif f"feature_{name}" in table.column_names and f"feature_{name}" not in schema.by_name:
            name = f"feature_{name}"
        if name in table.column_names:
            found[column.name] = table.column(name)
    # Ages are measured up to the time of their row.
    if schema.timestamp is not None and schema.timestamp not in found:
        found[schema.timestamp] = table.column("event_time")
    return pa.table(found)
