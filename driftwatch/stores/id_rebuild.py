"""Builds the spool's memory of known ids again, out of the log and the spool's own entries."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from driftwatch.core.events import Batch, PredictionBatch
from driftwatch.errors import StoreError
from driftwatch.stores.disk import disk_failure
from driftwatch.stores.durable_sqlite import connected, transaction
from driftwatch.stores.id_hash import IdHash
from driftwatch.stores.id_index import IdIndex
from driftwatch.stores.id_runs import Run
from driftwatch.stores.snapshot import Snapshot
from driftwatch.stores.spool_bodies import Place, SpoolBodies, body_file
from driftwatch.stores.spool_file import bodies_folder, body_files, prepared, stored_after
from driftwatch.wire.arrow import decode, microseconds_of

_Source = tuple[int, str, Callable[[], list[str]]]
"""When ids were received at the latest, the model, and what reads them."""


def ids_are_whole(moment: Snapshot) -> bool:
    """Whether every file of ids that the spool counts on can be used."""
    runs = moment.spool.execute("SELECT name, stretch, newest, ids FROM id_run").fetchall()
    for name, stretch, newest, ids in runs:
        try:
            Run.opened(moment.folder / "spool.db.ids" / name, stretch=stretch, newest=newest, ids=ids)
        except (OSError, ValueError):
            return False
    return True


def rebuild_ids(path: Path, files: Sequence[Path], horizon_seconds: float) -> int:
    """Forget all known ids, and know those again that stand in the log's files and in the spool.

    Parameters
    ----------
    path
        The spool's database; nobody else uses it.
    files
        The log's files of predictions that count.
    horizon_seconds
        How long ids are known; older ones are left out.

    Returns
    -------
    int
        How many are known now.

    Raises
    ------
    StoreError
        Something cannot be read or written.
    """
    horizon = round(horizon_seconds * 1_000_000)
    try:
        with closing(connected(path)) as connection, closing(connected(path)) as reader:
            key = prepared(connection, reader, path)
            with transaction(connection):
                connection.execute("DELETE FROM id_run")
                connection.execute("DELETE FROM recent_ids")
            index = IdIndex(connection, path.with_name(f"{path.name}.ids"), horizon)
            bodies = SpoolBodies(bodies_folder(path), tuple(body_files(connection)))
            hashes, known = IdHash(key), 0
            # Oldest first: the index forgets by what it was told last.
            parts = sorted([*_logged(files), *_spooled(connection, bodies)], key=lambda part: part[0])
            newest = parts[-1][0] if parts else 0
            for received, model, ids_of in parts:
                if received < newest - horizon:
                    continue
                of_these = hashes.of(model, ids_of())
                fresh = index.fresh(of_these, received)
                with transaction(connection):
                    change = index.write(connection, of_these[fresh], received)
                index.kept(change)
                known += int(fresh.sum())
            index.close()
            return known
    except (OSError, sqlite3.Error) as error:
        raise disk_failure(error, f"The ids of {path} cannot be built again") from error


def _logged(files: Sequence[Path]) -> Iterator[_Source]:
    for path in files:
        table = pq.read_table(path, columns=["received_time"], partitioning=None)
        if table.num_rows:
            received = int(microseconds_of(table["received_time"].combine_chunks()).max())
            yield received, path.parent.parent.name.removeprefix("model="), partial(_ids_in_log, path)


def _ids_in_log(path: Path) -> list[str]:
    table = pq.read_table(path, columns=["prediction_id"], partitioning=None)
    return [str(one) for one in table["prediction_id"].to_pylist()]


def _spooled(connection: sqlite3.Connection, bodies: SpoolBodies) -> Iterator[_Source]:
    for one in stored_after(connection, 0, 2**63 - 1):
        batch = _batch(bodies, one.place)
        if isinstance(batch, PredictionBatch):
            yield one.received, batch.model, partial(_ids_in_spool, bodies, one.place)


def _ids_in_spool(bodies: SpoolBodies, place: Place) -> list[str]:
    return list(_batch(bodies, place).prediction_ids)


def _batch(bodies: SpoolBodies, place: Place) -> Batch:
    (body,) = bodies.read([place])
    if body is None:
        raise StoreError(f"The spool has no file {body_file(place.file)}. Restore a backup.")
    return decode(body)
