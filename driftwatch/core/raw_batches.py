"""A reference in batches of rows, which are gone through several times and never held together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from driftwatch.core.column_reading import as_times
from driftwatch.core.frames import RawTable, column_names, missing_column, table_from
from driftwatch.core.raw_column import RawColumn, RawKind
from driftwatch.core.table import Numbers
from driftwatch.errors import ReferenceDataError

_AGAIN = "Give a list of batches, or a function that returns them anew each time."


class RawBatches:
    """Reads batches column by column, each time anew, and notices where they are not the same rows again.

    Parameters
    ----------
    source
        Something to iterate over that begins anew each time, or a function that returns it.
    wanted
        Given the columns of the first batch, says which to read; it may raise.
    timestamp
        A column that is read as times.
    of
        For messages.
    keep
        Keep the columns that were read: for a single frame that is in memory anyway.
    """

    def __init__(
        self,
        source: Iterable[Any] | Callable[[], Iterable[Any]],
        wanted: Callable[[Sequence[str]], Sequence[str]],
        *,
        timestamp: str | None = None,
        of: str = "the reference",
        keep: bool = False,
    ) -> None:
        self._source = source
        self._choose = wanted
        self._timestamp = timestamp
        self._of = of
        self._existing: list[str] | None = None
        self._wanted: Sequence[str] = ()
        self._n_rows: int | None = None
        self._kept: list[RawTable] | None = [] if keep else None

    @property
    def existing(self) -> Sequence[str]:
        """The columns of the first batch, once it has been read."""
        return self._existing or ()

    def __iter__(self) -> Iterator[RawTable]:
        if self._kept and self._n_rows is not None:
            yield from self._kept
            return
        n_rows = 0
        for batch in self._begun():
            raw = self._read(batch)
            n_rows += raw.n_rows
            if self._kept is not None:
                self._kept.append(raw)
            if raw.n_rows:
                yield raw
        if self._n_rows is not None and n_rows != self._n_rows:
            raise ReferenceDataError(
                f"{self._of} had {self._n_rows:,} rows at first and {n_rows:,} when it was read again.", remedy=_AGAIN
            )
        self._n_rows = n_rows

    def _begun(self) -> Iterable[Any]:
        source = self._source() if callable(self._source) else self._source
        if not callable(self._source) and isinstance(source, Iterator):
            raise ReferenceDataError("the batches can be gone through only once.", remedy=_AGAIN)
        return source

    def _read(self, batch: Any) -> RawTable:
        existing = column_names(batch, error=ReferenceDataError)
        if self._existing is None:
            self._wanted = self._choose(existing)
            self._existing = list(existing)
        for name in self._wanted:
            if name not in existing:
                raise missing_column(name, existing, ReferenceDataError, of=f"a later batch of {self._of}")
        late = next((name for name in existing if name not in self._existing), None)
        if late is not None:
            raise ReferenceDataError(
                f"a later batch of {self._of} has a column that the first one lacks.",
                field=late,
                remedy="Give every batch the same columns; missing values are fine.",
            )
        raw = table_from(batch, self._wanted, error=ReferenceDataError)
        if self._timestamp is None or self._timestamp not in raw.columns:
            return raw
        times = Numbers(as_times(raw.columns[self._timestamp], self._timestamp, ReferenceDataError))
        return RawTable({**raw.columns, self._timestamp: RawColumn(RawKind.TIME, times)}, raw.n_rows)
