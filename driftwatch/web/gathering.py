"""Single events of many requests, checked and spooled together.

Making columns of one event costs as much as of fifty, and so does waiting for a commit. While one group's commit is
under way the next one gathers: a busy service takes large groups, an idle one each event at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from driftwatch.errors import DriftwatchError
from driftwatch.pipeline.ingest import Submission
from driftwatch.wire.native import Rejection

MOST_EVENTS = 1_000
"""Of one group: nobody waits behind more."""

KeyT = TypeVar("KeyT")
EventT = TypeVar("EventT")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one event, once it is durable or refused."""

    prediction_id: str = ""
    is_duplicate: bool = False
    rejection: Rejection | None = None


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[EventT]):
    event: EventT
    outcome: asyncio.Future[Outcome]


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

    async def take(self, key: KeyT, event: EventT) -> Outcome:
        """Wait until the event is durable, or refused.

        Raises
        ------
        DriftwatchError
            As ``submit`` and the spool do; it then holds for every event of the group.
        """
        loop = asyncio.get_running_loop()
        line = self._lines.get(key)
        if line is None:
            # Those that arrived together with this one are read before the next turn of the loop.
            line = self._lines[key] = _Line()
            loop.call_soon(self._go_on, loop, key)
        one = _Waiting(event, loop.create_future())
        line.waiting.append(one)
        return await one.outcome

    def _go_on(self, loop: asyncio.AbstractEventLoop, key: KeyT) -> None:
        """Send the next group where none is under way."""
        line = self._lines[key]
        while not line.under_way:
            # A request that was given up does not take part.
            line.waiting = [one for one in line.waiting if not one.outcome.done()]
            group, line.waiting = line.waiting[:MOST_EVENTS], line.waiting[MOST_EVENTS:]
            if not group:
                del self._lines[key]
                return
            self._send(loop, key, line, group)

    def _send(
        self, loop: asyncio.AbstractEventLoop, key: KeyT, line: _Line[EventT], group: list[_Waiting[EventT]]
    ) -> None:
        try:
            submission = self._submit(key, [one.event for one in group])
        except Exception as error:  # noqa: BLE001 - each of them answers its own request with it
            if isinstance(error, DriftwatchError) or len(group) == 1:
                _fail(group, error)
            else:
                # An event that nobody foresaw must not take its neighbours with it.
                for one in group:
                    self._send(loop, key, line, [one])
            return
        left = len(submission.receipts)
        if not left:
            _settle(group, submission)
            return
        line.under_way += 1

        def written() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                line.under_way -= 1
                _settle(group, submission)
                self._go_on(loop, key)

        for receipt in submission.receipts:
            receipt.add_done_callback(lambda _: loop.call_soon_threadsafe(written))


def _settle(group: Sequence[_Waiting[EventT]], submission: Submission) -> None:
    found: dict[int, Outcome | BaseException] = {one.index: Outcome(rejection=one) for one in submission.rejections}
    ids = iter(submission.prediction_ids)
    named = {position: next(ids) for position in range(len(group)) if position not in found}
    for positions, receipt in zip(submission.positions, submission.receipts, strict=True):
        problem = receipt.exception()
        duplicates = set() if problem else set(receipt.result().duplicates)
        for row, position in enumerate(positions):
            found[position] = problem or Outcome(named[position], row in duplicates)
    for position, one in enumerate(group):
        outcome = found[position]
        if one.outcome.done():
            continue
        if isinstance(outcome, BaseException):
            one.outcome.set_exception(outcome)
        else:
            one.outcome.set_result(outcome)


def _fail(group: Sequence[_Waiting[EventT]], error: Exception) -> None:
    for one in group:
        if not one.outcome.done():
            one.outcome.set_exception(error)


__all__ = ["Gathering", "Outcome"]
