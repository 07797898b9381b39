"""Single events of many requests, checked and spooled together.

Making columns of one event costs as much as of fifty, and so does waiting for a commit. While one group's commit is
under way the next one gathers: a busy service takes large groups, an idle one each event at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

from driftwatch.errors import DriftwatchError
from driftwatch.pipeline.ingest import Submission
from driftwatch.wire.native import Rejection

MOST_EVENTS = 1_000
"""Of one group: nobody waits behind more."""

_LOGGER = logging.getLogger(__name__)

KeyT = TypeVar("KeyT")
EventT = TypeVar("EventT")


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What became of one event, once it is durable or refused."""

    prediction_id: str = ""
    is_duplicate: bool = False
    rejection: Rejection | None = None


Then = Callable[[Outcome | BaseException], None]
"""What is to be done with an outcome, or with the error in its place: a `DriftwatchError` holds for the whole group."""

_Waiting = tuple[EventT, Then]


@dataclass(slots=True)
class _Line(Generic[EventT]):
    """Events of one key that wait, and how many groups are under way."""

    waiting: list[_Waiting[EventT]] = field(default_factory=list)
    under_way: int = 0


class Gathering(Generic[KeyT, EventT]):
    """Takes single events of one kind. Used from one event loop.

    Parameters
    ----------
    submit
        Checks and spools events of one key: of one model, say. Their indexes are their places among them.
    """

    def __init__(self, submit: Callable[[KeyT, list[EventT]], Submission]) -> None:
        self._submit = submit
        self._lines: dict[KeyT, _Line[EventT]] = {}

    def put(self, key: KeyT, event: EventT, then: Then) -> None:
        """Take an event; ``then`` is called when it is durable, or refused, and not before this returns."""
        line = self._lines.get(key)
        if line is None:
            # Those that arrived together with this one are read before the next turn of the loop.
            line = self._lines[key] = _Line()
            loop = asyncio.get_running_loop()
            loop.call_soon(self._go_on, loop, key)
        line.waiting.append((event, then))

    def _go_on(self, loop: asyncio.AbstractEventLoop, key: KeyT) -> None:
        """Send the next group where none is under way."""
        line = self._lines[key]
        while not line.under_way:
            group, line.waiting = line.waiting[:MOST_EVENTS], line.waiting[MOST_EVENTS:]
            if not group:
                del self._lines[key]
                return
            self._send(loop, key, line, group)

    def _send(
        self, loop: asyncio.AbstractEventLoop, key: KeyT, line: _Line[EventT], group: list[_Waiting[EventT]]
    ) -> None:
        try:
            submission = self._submit(key, [event for event, _ in group])
        except Exception as error:  # noqa: BLE001 - each of them answers its own request with it
            if isinstance(error, DriftwatchError) or len(group) == 1:
                _tell(group, [error] * len(group))
            else:
                # An event that nobody foresaw must not take its neighbours with it.
                for one in group:
                    self._send(loop, key, line, [one])
            return
        if not submission.receipts:
            _tell(group, _outcomes(submission, len(group)))
            return
        line.under_way += 1
        left = len(submission.receipts)
        # Taken out when it is written: a receipt keeps what it calls, and would keep itself by way of the submission.
        under_way = [(group, submission)]

        def written() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                line.under_way -= 1
                members, done = under_way.pop()
                _tell(members, _outcomes(done, len(members)))
                self._go_on(loop, key)

        for receipt in submission.receipts:
            receipt.add_done_callback(lambda _: loop.call_soon_threadsafe(written))


def _outcomes(submission: Submission, count: int) -> Sequence[Outcome | BaseException]:
    refused = {one.index: Outcome(rejection=one) for one in submission.rejections}
    found: list[Outcome | BaseException] = [refused.get(position, _NOTHING) for position in range(count)]
    good = (position for position in range(count) if position not in refused)
    ids = dict(zip(good, submission.prediction_ids, strict=True))
    for positions, receipt in zip(submission.positions, submission.receipts, strict=True):
        problem = receipt.exception()
        duplicates = frozenset() if problem else frozenset(receipt.result().duplicates)
        for row, position in enumerate(positions):
            found[position] = problem or Outcome(ids[position], row in duplicates)
    return found


_NOTHING = Outcome()


def _tell(group: Sequence[_Waiting[EventT]], outcomes: Sequence[Outcome | BaseException]) -> None:
    for (_, then), outcome in zip(group, outcomes, strict=True):
        try:
            then(outcome)
        except Exception:
            # The others are to hear of theirs, and the next group is to go.
            _LOGGER.exception("An outcome was not told")


__all__ = ["Gathering", "Outcome", "Then"]
