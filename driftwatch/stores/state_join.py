"""The join of labels with predictions, on disk, in columns.

Predictions and labels that wait are rows of the index (`driftwatch.stores.join_index`), known by the hash of model and
id. A label that meets its prediction becomes a newer row of that prediction; one that does not waits as a row of its
own, and is gone when its prediction comes.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, func, insert, select

from driftwatch.core.events import LabelBatch
from driftwatch.core.row_groups import rows_by_value
from driftwatch.core.table import Names, Numbers, Values, name_of
from driftwatch.core.texts import taken
from driftwatch.ports import JoinedLabels, Outstanding, stretch_microseconds
from driftwatch.stores import state_tables as tables
from driftwatch.stores.id_hash import KEY_BYTES, Hashes, IdHash
from driftwatch.stores.join_index import Hits, JoinChange, JoinIndex, Shelf
from driftwatch.stores.join_names import JoinNames, NamesChange
from driftwatch.stores.join_rows import GONE, NAME, NO_LABEL, NUMBER, WAITING, Rows, chained, chosen, row_type
from driftwatch.stores.sorted_hashes import first_of_each, ranked
from driftwatch.stores.state_bulk import put, put_added


class JoinStore:
    """What the join keeps between transactions.

    Parameters
    ----------
    folder
        Of the files; the join's alone.
    horizon
        How long rows wait; it may be another one than before.
    """

    def __init__(self, folder: Path, horizon: timedelta) -> None:
        self.stretch_us = stretch_microseconds(horizon)
        self.index = JoinIndex(folder)
        self.names = JoinNames()
        self.hash = IdHash(bytes(KEY_BYTES))

    def load(self, connection: Connection) -> None:
        """Read what the database and the files hold; the first time, make the secret key.

        Raises
        ------
        StoreError
            If a file is absent or cut short.
        """
        key = connection.scalar(select(tables.join_key.c.key))
        if key is None:
            key = secrets.token_bytes(KEY_BYTES)
            connection.execute(insert(tables.join_key), {"key": key})
        self.hash = IdHash(bytes(key))
        self.names.load(connection)
        self.index.load(connection)

    def change(self, connection: Connection) -> JoinWork:
        """The join within a transaction. Hand it to `kept` after the commit, or drop it."""
        return JoinWork(connection, self, self.index.change(connection), NamesChange(connection, self.names))

    def kept(self, work: JoinWork) -> None:
        """After the commit: take over what the transaction did."""
        self.names.kept(work.names)
        self.index.kept(work.runs)

    def close(self) -> None:
        """Let the thread end."""
        self.index.close()


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """Ids of a batch, each once, sorted by hash. ``rows`` are their positions in the batch."""

    rows: NDArray[np.intp]
    hashes: Hashes

    def __len__(self) -> int:
        return len(self.rows)

    def without(self, positions: Sequence[NDArray[np.intp]]) -> _Asked:
        if not any(map(len, positions)):
            return self
        kept = np.ones(len(self), dtype=np.bool_)
        for some in positions:
            kept[some] = False
        return _Asked(self.rows[kept], self.hashes[kept])


class JoinWork:
    """The join within one transaction; see `driftwatch.ports.LabelJoin`. Made by `JoinStore.change`.

    Attributes
    ----------
    runs, names
        What it changes.
    """

    def __init__(self, connection: Connection, store: JoinStore, runs: JoinChange, names: NamesChange) -> None:
        self.runs = runs
        self.names = names
        self._connection = connection
        self._hash = store.hash
        self._stretch_us = store.stretch_us

    def add_predictions(self, model: str, given: Outstanding) -> list[JoinedLabels]:
        """Remember predictions; answers those whose label was already waiting."""
        asked = _distinct(self._hash.of(model, given.prediction_ids), keep_last=False)
        forgotten = self._forgotten(model)
        known = self.runs.search(asked.hashes, waiting=False, after=forgotten)
        asked = asked.without([one.asked for one in known])
        rows = np.zeros(len(asked), dtype=row_type(given.values.shape[1]))
        rows["low"] = asked.hashes[:, 1]
        rows["time"] = given.event_time[asked.rows]
        rows["version"] = self.names.number_of(given.model_version)
        rows["segment"] = self.names.numbers_of(given.segments)[asked.rows]
        rows["values"] = given.values[asked.rows]
        met = self.runs.search(asked.hashes, waiting=True, after=forgotten)
        label_time = np.zeros(len(asked), dtype=np.int64)
        counts = _Counts()
        for hits in met:
            rows["label"][hits.asked] = hits.rows["label"]
            rows["state"][hits.asked] = hits.rows["state"]
            label_time[hits.asked] = hits.rows["time"]
            self._retire(hits, asked)
            counts.add(hits.shelf, waiting=-len(hits.asked))
        self._put(asked, rows, forgotten, counts)
        self._count(model, counts)
        if not met:
            return []
        joined = np.flatnonzero(rows["state"] != NO_LABEL)
        before = np.zeros(len(joined), dtype=row_type(WAITING))
        return self._joined(asked.rows[joined], chosen(rows, joined), label_time[joined], before)

    def add_labels(self, batch: LabelBatch) -> list[JoinedLabels]:
        """Join labels; those without a prediction wait."""
        values, states = self._coded(batch.labels)
        given = np.flatnonzero(states != NO_LABEL)
        ids = batch.prediction_ids
        if len(given) < len(ids):
            ids = taken(ids, given)
        asked = _distinct(self._hash.of(batch.model, ids), keep_last=True)
        asked = _Asked(given[asked.rows], asked.hashes)
        forgotten = self._forgotten(batch.model)
        counts = _Counts()
        joined: list[JoinedLabels] = []
        found: list[NDArray[np.intp]] = []
        by_width: dict[int, list[tuple[NDArray[np.intp], Rows, Rows]]] = defaultdict(list)
        for hits in self.runs.search(asked.hashes, waiting=False, after=forgotten):
            found.append(hits.asked)
            rows = hits.rows.copy()
            rows["label"] = values[asked.rows[hits.asked]]
            rows["state"] = states[asked.rows[hits.asked]]
            news = np.flatnonzero((rows["label"] != hits.rows["label"]) | (rows["state"] != hits.rows["state"]))
            if not len(news):
                continue
            before, after = chosen(hits.rows, news), chosen(rows, news)
            self.runs.add(hits.shelf, asked.hashes[hits.asked[news], 0], after)
            counts.add(hits.shelf, outstanding=-int(np.count_nonzero(before["state"] == NO_LABEL)))
            by_width[hits.shelf.width].append((asked.rows[hits.asked[news]], after, before))
        for parts in by_width.values():
            positions = np.concatenate([part[0] for part in parts])
            after, before = chained([part[1] for part in parts]), chained([part[2] for part in parts])
            joined += self._joined(positions, after, batch.event_time[positions], before)
        unmet = asked.without(found)
        self._wait(unmet, batch.event_time, values, states, forgotten, counts)
        self._count(batch.model, counts)
        return joined

    def forget(self, model: str, before: int) -> tuple[int, int]:
        """Forget stretches that end at ``before`` or earlier; answers what never met."""
        table = tables.join_count
        old = (table.c.model == model, table.c.end <= before)
        totals = select(func.coalesce(func.sum(table.c.outstanding), 0), func.coalesce(func.sum(table.c.waiting), 0))
        unlabelled, orphans = self._connection.execute(totals.where(*old)).one()
        self._connection.execute(delete(table).where(*old))
        if before > self._forgotten(model):
            put(self._connection, tables.join_forgotten, [{"model": model, "before": before}])
        past = [shelf for shelf in self.runs.shelves if shelf.end <= before]
        if past:
            used = select(table.c.start, table.c.end).where(table.c.end <= before).distinct()
            in_use = {(row.start, row.end) for row in self._connection.execute(used)}
            self.runs.drop([shelf for shelf in past if (shelf.start, shelf.end) not in in_use])
        return int(unlabelled), int(orphans)

    def _wait(
        self,
        unmet: _Asked,
        times: NDArray[np.int64],
        values: NDArray[np.float64],
        states: NDArray[np.uint8],
        forgotten: int,
        counts: _Counts,
    ) -> None:
        """Keep labels whose prediction is not known; one that waits already is replaced."""
        if not len(unmet):
            return
        for hits in self.runs.search(unmet.hashes, waiting=True, after=forgotten):
            self._retire(hits, unmet)
            counts.add(hits.shelf, waiting=-len(hits.asked))
        rows = np.zeros(len(unmet), dtype=row_type(WAITING))
        rows["low"] = unmet.hashes[:, 1]
        rows["time"] = times[unmet.rows]
        rows["label"] = values[unmet.rows]
        rows["state"] = states[unmet.rows]
        self._put(unmet, rows, forgotten, counts, waiting=True)

    def _retire(self, hits: Hits, asked: _Asked) -> None:
        """Let labels wait no longer."""
        rows = hits.rows.copy()
        rows["state"] = GONE
        self.runs.add(hits.shelf, asked.hashes[hits.asked, 0], rows)

    def _put(self, asked: _Asked, rows: Rows, forgotten: int, counts: _Counts, *, waiting: bool = False) -> None:
        """Write new rows down, stretch by stretch."""
        if not len(rows):
            return
        width = WAITING if waiting else rows["values"].shape[1]
        time = np.maximum(rows["time"], forgotten)
        for start, mine in rows_by_value(time - time % self._stretch_us):
            shelf = Shelf(width, start, start + self._stretch_us)
            these = chosen(rows, mine)
            self.runs.add(shelf, asked.hashes[mine, 0], these)
            unlabelled = 0 if waiting else int(np.count_nonzero(these["state"] == NO_LABEL))
            counts.add(shelf, outstanding=unlabelled, waiting=len(these) if waiting else 0)

    def _joined(
        self, positions: NDArray[np.intp], rows: Rows, label_time: NDArray[np.int64], before: Rows
    ) -> list[JoinedLabels]:
        """Rows with their labels, by version, in the order of the batch."""
        order = np.argsort(positions)
        found = []
        for number, places in rows_by_value(rows["version"][order]):
            mine = order[places]
            these = chosen(rows, mine)
            labels, replaced = self._decoded(these, chosen(before, mine))
            found.append(
                JoinedLabels(
                    rows=positions[mine],
                    model_version=self.names.text_of(number),
                    segments=self.names.texts_of(these["segment"].astype(np.int64)),
                    event_time=these["time"].copy(),
                    values=these["values"].copy(),
                    labels=labels,
                    label_time=label_time[mine],
                    replaced=replaced,
                )
            )
        return found

    def _coded(self, labels: Values) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Labels as the fields ``label`` and ``state`` hold them."""
        if isinstance(labels, Numbers):
            missing, states = np.isnan(labels.values), np.full(len(labels), NUMBER, dtype=np.uint8)
            values = np.where(missing, 0.0, labels.values)
        else:
            numbers = self.names.numbers_of(labels)
            missing, states = numbers < 0, np.full(len(labels), NAME, dtype=np.uint8)
            values = np.where(missing, 0, numbers).astype(np.float64)
        states[missing] = NO_LABEL
        return values, states

    def _decoded(self, *columns: Rows) -> tuple[Values, ...]:
        """The labels of columns of rows, all of one kind."""
        if not any((rows["state"] == NAME).any() for rows in columns):
            return tuple(Numbers(np.where(rows["state"] == NUMBER, rows["label"], np.nan)) for rows in columns)
        return tuple(self._named(rows) for rows in columns)

    def _named(self, rows: Rows) -> Names:
        numbers = np.where(rows["state"] == NAME, rows["label"], -1.0).astype(np.int64)
        names = self.names.texts_of(numbers)
        plain = np.flatnonzero(rows["state"] == NUMBER)
        if not len(plain):
            return names
        texts = names.to_list()
        for row in plain.tolist():
            texts[row] = name_of(float(rows["label"][row]))
        return Names.of(texts)

    def _forgotten(self, model: str) -> int:
        table = tables.join_forgotten
        return self._connection.scalar(select(table.c.before).where(table.c.model == model)) or 0

    def _count(self, model: str, counts: _Counts) -> None:
        put_added(self._connection, tables.join_count, [{"model": model, **one} for one in counts])


class _Counts:
    """How the numbers of a model's waiting rows change, by stretch."""

    def __init__(self) -> None:
        self._changes: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])

    def add(self, shelf: Shelf, *, outstanding: int = 0, waiting: int = 0) -> None:
        change = self._changes[shelf.start, shelf.end]
        change[0] += outstanding
        change[1] += waiting

    def __iter__(self) -> Iterator[dict[str, int]]:
        for (start, end), (outstanding, waiting) in self._changes.items():
            yield {"start": start, "end": end, "outstanding": outstanding, "waiting": waiting}


def _distinct(hashes: Hashes, *, keep_last: bool) -> _Asked:
    """Each hash once, in order: its first or its last row."""
    order, inorder = ranked(hashes)
    kept = first_of_each(inorder)
    if kept.all():
        return _Asked(order, inorder)
    if keep_last:
        kept = np.append(kept[1:], True)
    return _Asked(order[kept], inorder[kept])


__all__ = ["JoinStore", "JoinWork"]
