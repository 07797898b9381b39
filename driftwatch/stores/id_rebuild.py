"""Builds the spool's memory of known ids again, out of the log and the spool's own entries."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq

from driftwatch.core.events import PredictionBatch
from driftwatch.errors import StoreError
from driftwatch.stores.disk import disk_failure
from driftwatch.stores.id_hash import IdHash
from driftwatch.stores.id_index import IdIndex
from driftwatch.stores.id_runs import Run
from driftwatch.stores.snapshot import Snapshot
from driftwatch.stores.spool_file import connected
from driftwatch.wire.arrow import decode, microseconds_of


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
        with closing(connected(path)) as connection:
            (key,) = connection.execute("SELECT id_key FROM secret").fetchone()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM id_run")
            connection.execute("DELETE FROM recent_ids")
            connection.execute("COMMIT")
            index = IdIndex(connection, path.with_name(f"{path.name}.ids"), horizon)
            hashes, known = IdHash(bytes(key)), 0
            # Oldest first: the index forgets by what it was told last.
            parts = sorted([*_logged(files), *_spooled(connection)], key=lambda part: part[0])
            newest = parts[-1][0] if parts else 0
            for received, model, source in parts:
                if received < newest - horizon:
                    continue
                ids = _ids(source, connection)
                of_these = hashes.of(model, ids)
                fresh = index.fresh(of_these, received)
                connection.execute("BEGIN IMMEDIATE")
                change = index.write(connection, of_these[fresh], received)
                connection.execute("COMMIT")
                index.kept(change)
                known += int(fresh.sum())
            index.close()
            return known
    except (OSError, sqlite3.Error) as error:
        raise disk_failure(error, f"The ids of {path} cannot be built again") from error


def _logged(files: Sequence[Path]) -> Iterator[tuple[int, str, Path | int]]:
    for path in files:
        table = pq.read_table(path, columns=["received_time"], partitioning=None)
        if table.num_rows:
            received = int(microseconds_of(table["received_time"].combine_chunks()).max())
            yield received, path.parent.parent.name.removeprefix("model="), path


def _spooled(connection: sqlite3.Connection) -> Iterator[tuple[int, str, Path | int]]:
    for sequence, received, body in connection.execute("SELECT sequence, received_time, body FROM entry").fetchall():
        batch = decode(body)
        if isinstance(batch, PredictionBatch):
            yield received, batch.model, sequence


def _ids(source: Path | int, connection: sqlite3.Connection) -> list[str]:
    if isinstance(source, Path):
        table = pq.read_table(source, columns=["prediction_id"], partitioning=None)
        return [str(one) for one in table["prediction_id"].to_pylist()]
    (body,) = connection.execute("SELECT body FROM entry WHERE sequence = ?", (source,)).fetchone()
    batch = decode(body)
    if not isinstance(batch, PredictionBatch):
        raise StoreError(f"The spool's entry {source} holds no predictions.")
    return list(batch.prediction_ids)
