"""One commit of the spool: what is new is appended to a file and synced, then one transaction says that it counts.

The transaction is SQLite's, in a write-ahead log that is synced too (``synchronous=FULL``). Where it fails, nothing of
the commit counts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from driftwatch.core.windows import from_microseconds
from driftwatch.crash_points import reached
from driftwatch.ports import SpoolEntry, SpoolReceipt
from driftwatch.stores.durable_sqlite import transaction
from driftwatch.stores.id_hash import IdHash
from driftwatch.stores.id_index import IdIndex
from driftwatch.stores.spool_bodies import Place, SpoolBodies
from driftwatch.stores.spool_file import Removed, add_entry, remove_entries
from driftwatch.stores.spool_groups import Group, Waiting, grouped, hashed, without_duplicates


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a commit did: a receipt for each batch, the entries that they became, and what was removed."""

    receipts: tuple[SpoolReceipt, ...]
    entries: tuple[SpoolEntry, ...]
    size_bytes: int
    removed_rows: int
    removed_bytes: int


class SpoolWriter:
    """Writes commits. Used by one thread.

    Parameters
    ----------
    connection
        The spool's database, for writing alone.
    bodies, ids, hashes
        The files of what was acknowledged, what is known of its ids, and how these are hashed.
    """

    def __init__(self, connection: sqlite3.Connection, bodies: SpoolBodies, ids: IdIndex, hashes: IdHash) -> None:
        self._connection = connection
        self._bodies = bodies
        self._ids = ids
        self._hash = hashes

    def write(self, wanted: Sequence[Waiting], remove_through: int | None) -> Written:
        """Write batches without their duplicates, and remove entries; it is on the disk when this returns.

        Parameters
        ----------
        wanted
            Batches that wait.
        remove_through
            The last sequence to remove; None for nothing.

        Raises
        ------
        OSError, sqlite3.Error
            As the disk says. Nothing was written or removed then, as after any other error.
        StoreError
            A batch holds text that is no Unicode.
        """
        hashes = hashed(wanted, self._hash)
        received = [one.received for one in wanted]
        newest = max(received, default=0)
        fresh = self._ids.fresh(hashes, newest)
        left, duplicates = without_duplicates(wanted, fresh)
        groups = list(grouped(left, received))
        places = self._appended(groups)
        removed = Removed(rows=0, size_bytes=0, first_file=None)
        with self._transaction() as connection:
            if remove_through is not None:
                removed = remove_entries(connection, remove_through)
            entries = tuple(
                SpoolEntry(
                    sequence=add_entry(connection, group.received, len(group.batch), place),
                    received_time=from_microseconds(group.received),
                    batch=group.batch,
                )
                for group, place in zip(groups, places, strict=True)
            )
            change = self._ids.write(connection, hashes[fresh], newest) if wanted else None
            reached("spool.written")
        reached("spool.committed")
        self._bodies.keep()
        if remove_through is not None:
            first_new = places[0].file if places else None
            self._bodies.remove_before(first_new if removed.first_file is None else removed.first_file)
        if change is not None:
            self._ids.kept(change)
        sequences = {
            member: one.sequence for group, one in zip(groups, entries, strict=True) for member in group.members
        }
        return Written(
            receipts=tuple(
                SpoolReceipt(sequence=sequences.get(position), accepted=len(batch), duplicates=gone)
                for position, (batch, gone) in enumerate(zip(left, duplicates, strict=True))
            ),
            entries=entries,
            size_bytes=sum(one.size_bytes for one in places),
            removed_rows=removed.rows,
            removed_bytes=removed.size_bytes,
        )

    def touch(self) -> None:
        """Commit something that changes nothing; raises as `write` does."""
        with self._transaction() as connection:
            connection.execute("UPDATE secret SET id_key = id_key")

    def close(self) -> None:
        """Let go of everything. What `write` wrote is on the disk."""
        self._ids.close()
        self._bodies.close()
        self._connection.close()

    def _appended(self, groups: Sequence[Group]) -> list[Place]:
        """The groups' bodies, on the disk, though nothing counts on them yet."""
        try:
            places = [self._bodies.append(group.batch) for group in groups]
            reached("spool.appended")
            self._bodies.sync()
        except BaseException:
            self._bodies.take_back(in_doubt=False)
            raise
        return places

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        committing = False
        try:
            with transaction(self._connection):
                yield self._connection
                committing = True
        except BaseException:
            self._bodies.take_back(in_doubt=committing)
            raise


__all__ = ["SpoolWriter", "Written"]
