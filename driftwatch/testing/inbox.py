"""An inbox in memory."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime

from driftwatch.errors import StoreError, StoreFull
from driftwatch.ports import HalfKind, InboxRoom, LoggedHalf

_PAIR = {HalfKind.REQUEST, HalfKind.RESPONSE}


class MemoryInbox:
    """Halves of exchanges in memory; see `driftwatch.ports.Inbox`.

    Parameters
    ----------
    max_halves, max_bytes
        The most that may be kept; beyond it `append` raises `StoreFull`, but for halves that make an exchange whole.
    """

    def __init__(self, *, max_halves: int = 100_000, max_bytes: int = 2**28) -> None:
        self._max_halves = max_halves
        self._max_bytes = max_bytes
        self._changed = threading.Condition()
        self._halves: dict[bytes, dict[HalfKind, tuple[LoggedHalf, datetime]]] = {}
        self._whole: dict[bytes, None] = {}
        self._known: dict[bytes, datetime] = {}
        self._closed = False

    def append(self, halves: Sequence[LoggedHalf], received_time: datetime) -> Future[tuple[int, ...]]:
        """See `driftwatch.ports.Inbox.append`.

        Raises
        ------
        StoreFull, StoreError
        """
        future: Future[tuple[int, ...]] = Future()
        with self._changed:
            if self._closed:
                raise StoreError("The inbox is closed. Open another one.")
            known: list[int] = []
            wanted: list[LoggedHalf] = []
            for position, half in enumerate(halves):
                here = self._halves.get(half.key, {})
                again = any(half.key == one.key and half.kind is one.kind for one in wanted)
                if half.key in self._known or half.kind in here or again:
                    known.append(position)
                else:
                    wanted.append(half)
            if not self._has_room(wanted):
                raise StoreFull("The inbox holds as many halves of exchanges as it may. Try again later.")
            for half in wanted:
                here = self._halves.setdefault(half.key, {})
                here[half.kind] = (half, received_time)
                if half.kind is HalfKind.FEEDBACK or here.keys() == _PAIR:
                    self._whole[half.key] = None
            self._changed.notify_all()
        future.set_result(tuple(known))
        return future

    def whole(self, limit: int) -> list[tuple[LoggedHalf, ...]]:
        """See `driftwatch.ports.Inbox.whole`."""
        with self._changed:
            keys = list(self._whole)[:limit]
            return [
                tuple(self._halves[key][kind][0] for kind in sorted(self._halves[key], key=lambda one: one.value))
                for key in keys
            ]

    def done(self, keys: Sequence[bytes], at: datetime) -> None:
        """See `driftwatch.ports.Inbox.done`."""
        with self._changed:
            for key in keys:
                self._whole.pop(key, None)
                self._halves.pop(key, None)
                self._known[key] = at

    def forget_waiting(self, before: datetime, limit: int) -> list[LoggedHalf]:
        """See `driftwatch.ports.Inbox.forget_waiting`."""
        with self._changed:
            old = [
                (received, half)
                for key, here in self._halves.items()
                if key not in self._whole
                for half, received in here.values()
                if received < before
            ]
            found = [half for _, half in sorted(old, key=lambda one: one[0])[:limit]]
            for half in found:
                del self._halves[half.key]
        return [replace(half, body=b"") for half in found]

    def forget_known(self, before: datetime) -> None:
        """See `driftwatch.ports.Inbox.forget_known`."""
        with self._changed:
            self._known = {key: at for key, at in self._known.items() if at >= before}

    def wait(self, timeout_seconds: float) -> bool:
        """See `driftwatch.ports.Inbox.wait`."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._whole) or self._closed, timeout_seconds)
            return bool(self._whole)

    def room(self) -> InboxRoom:
        """See `driftwatch.ports.Inbox.room`."""
        with self._changed:
            halves = [half for here in self._halves.values() for half, _ in here.values()]
            waiting = sum(half.key not in self._whole for half in halves)
            return InboxRoom(halves=len(halves), waiting=waiting, size_bytes=sum(len(one.body) for one in halves))

    def close(self) -> None:
        """End: nothing more is taken, and nobody waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _has_room(self, wanted: Sequence[LoggedHalf]) -> bool:
        room = self.room()
        size = sum(len(one.body) for one in wanted)
        if room.halves + len(wanted) <= self._max_halves and room.size_bytes + size <= self._max_bytes:
            return True
        return all(one.kind in _PAIR and self._halves.get(one.key) for one in wanted)
