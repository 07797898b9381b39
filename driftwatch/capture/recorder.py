"""What happens around a recorded call, in the caller's thread: copy, number, enqueue. It raises nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from contextvars import ContextVar, Token
from functools import update_wrapper
from time import time_ns
from types import TracebackType
from typing import Any

from driftwatch.capture.buffer import Buffer, Dropped
from driftwatch.capture.events import NOTHING_GIVEN, Answer, Call, Given, Target
from driftwatch.capture.rows import Rows, copied

_SAME_ROWS_NS = 1_000_000_000
_SINGLE = (str, bytes, dict)


class Request:
    """The rows that a block of code predicts: what is known of them, and their ids afterwards.

    Made by ``model.request(...)``; see there.
    """

    def __init__(self, given: Given, current: ContextVar[Request | None]) -> None:
        self.given = given
        self.call: Call | None = None
        self._current = current
        self._token: Token[Request | None] | None = None

    @property
    def prediction_ids(self) -> tuple[str, ...]:
        """The ids of the rows that were last predicted in the block, also from another thread; empty before."""
        return () if self.call is None else self.call.prediction_ids()

    def __enter__(self) -> Request:
        self._token = self._current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            self._current.reset(self._token)


class Recorder:
    """Records the calls of one watched model.

    Parameters
    ----------
    target
        The model that answers; another one may be put in its place at any time.
    buffer
        Where recorded calls go.
    """

    def __init__(self, target: Target, buffer: Buffer[Call]) -> None:
        self.target = target
        self.buffer = buffer
        self._last: ContextVar[Call | None] = ContextVar("driftwatch_last_call", default=None)
        self._request: ContextVar[Request | None] = ContextVar("driftwatch_request", default=None)

    def recorded(self, name: str, answer: Answer) -> Callable[..., Any]:
        """The model's method ``name``: same arguments, same result, same exceptions, and its rows are recorded."""
        room_for = self.buffer.room

        def recorded_method(*args: Any, **kwargs: Any) -> Any:
            target = self.target
            room = room_for()
            rows = None
            if room > 0:
                # Before the model sees the rows: it may change them.
                try:
                    rows = copied(args[0] if args else next(iter(kwargs.values())), room)
                except Exception:  # noqa: BLE001 - rows of any library may fail in any way
                    rows = None
            result = getattr(target.model, name)(*args, **kwargs)
            self._record(target, answer, rows, result, room)
            return result

        update_wrapper(recorded_method, getattr(self.target.model, name))
        return recorded_method

    def request(
        self,
        ids: Iterable[str] | str | None,
        event_times: Iterable[object] | object | None,
        segments: Iterable[str] | str | None,
    ) -> Request:
        """Facts about the rows that are predicted next."""
        given = Given(
            ids=None if ids is None else tuple(str(one) for one in _each(ids)),
            event_times=None if event_times is None else _each(event_times),
            segments=None if segments is None else tuple(str(one) for one in _each(segments)),
        )
        return Request(given, self._request)

    @property
    def last_prediction_ids(self) -> tuple[str, ...]:
        """The ids of the rows that this thread or task predicted last; empty before."""
        call = self._last.get()
        return () if call is None else call.prediction_ids()

    def _record(self, target: Target, answer: Answer, rows: Rows | None, result: Any, room: int) -> None:
        try:
            answers = None if rows is None else copied(result, room)
            if rows is None or answers is None:
                self._lose(target, answer, result, Dropped.UNREADABLE if room > 0 else Dropped.BUFFER_FULL)
                return
            request = self._request.get()
            given = NOTHING_GIVEN if request is None else request.given
            count = answers.total
            call = Call(
                target,
                answer,
                rows,
                answers,
                count,
                count if count < room else room,
                time_ns(),
                next(self.buffer.numbers),
                given,
                rows.size_bytes + answers.size_bytes,
            )
            last = self._last.get()
            if last is not None and last.answer is not answer:
                _join(call, last)
            self.buffer.put(call)
            self._last.set(call)
            if request is not None:
                request.call = call
        except Exception:  # noqa: BLE001 - whatever goes wrong in here is not the caller's concern
            self._lose(target, answer, result, Dropped.UNREADABLE)

    def _lose(self, target: Target, answer: Answer, result: Any, reason: Dropped) -> None:
        """Count the rows of a call that cannot be kept; they have ids, but no event."""
        count = 1
        with suppress(Exception):
            if not isinstance(result, _SINGLE):
                count = len(result)
        with suppress(Exception):
            request = self._request.get()
            given = NOTHING_GIVEN if request is None else request.given
            call = Call(target, answer, None, None, count, 0, time_ns(), next(self.buffer.numbers), given, 0)
            self.buffer.put(call, reason)
            self._last.set(call)
            if request is not None:
                request.call = call


def _join(call: Call, last: Call) -> None:
    """Give the rows of a call their ids again, if the other method was called on them just now."""
    if (
        not last.paired
        and last.count == call.count
        and call.rows is not None
        and last.rows is not None
        and call.time_ns - last.time_ns <= _SAME_ROWS_NS
        and last.rows.same_as(call.rows)
    ):
        call.time_ns = last.time_ns
        call.first = last.first
        call.paired = True


def _each(values: Any) -> tuple[Any, ...]:
    """A single value is the one for all rows."""
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        return (values,)
    return tuple(values)


__all__ = ["Recorder", "Request"]
