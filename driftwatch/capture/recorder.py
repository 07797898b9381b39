"""What happens around a recorded call, in the caller's thread: copy, number, enqueue. It raises nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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

    def __init__(self, target: Target, buffer: Buffer) -> None:
        self.target = target
        self.buffer = buffer
        self._last: ContextVar[Call | None] = ContextVar("driftwatch_last_call", default=None)
        self._request: ContextVar[Request | None] = ContextVar("driftwatch_request", default=None)

    def recorded(self, name: str, answer: Answer) -> Callable[..., Any]:
        """The model's method ``name``: same arguments, same result, same exceptions, and its rows are recorded."""
        buffer = self.buffer

        def recorded_method(*args: Any, **kwargs: Any) -> Any:
            target = self.target
            room = buffer.room()
            # Before the model sees the rows: it may change them.
            rows = _rows(args, kwargs, room) if room > 0 else None
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
        count = 1
        try:
            if not isinstance(result, _SINGLE) and hasattr(result, "__len__") and getattr(result, "ndim", 1) != 0:
                count = len(result)
            request = self._request.get()
            given = NOTHING_GIVEN if request is None else request.given
            lost = Dropped.BUFFER_FULL
            answers: Rows | None = None
            if rows is not None:
                try:
                    answers = copied(result, room)
                except Exception:  # noqa: BLE001 - a result of any library may fail in any way
                    rows = None
            if rows is None and room > 0:
                lost = Dropped.UNREADABLE
            kept = 0 if rows is None else min(count, room)
            call = Call(target, answer, rows, answers, count, kept, time_ns(), given)
            first = self._numbered_before(call)
            self.buffer.put(call, first, lost)
            self._last.set(call)
            if request is not None:
                request.call = call
        except Exception:  # noqa: BLE001 - whatever goes wrong in here is not the caller's concern
            self._last.set(None)
            self.buffer.drop(Dropped.UNREADABLE, count)

    def _numbered_before(self, call: Call) -> int | None:
        """The number of these rows, if the other method was called on them just now: they are one event each."""
        last = self._last.get()
        if (
            last is None
            or last.answer is call.answer
            or last.paired
            or last.count != call.count
            or call.rows is None
            or last.rows is None
            or call.time_ns - last.time_ns > _SAME_ROWS_NS
            or not last.rows.same_as(call.rows)
        ):
            return None
        call.time_ns = last.time_ns
        call.paired = True
        return last.first


def _rows(args: tuple[Any, ...], kwargs: dict[str, Any], room: int) -> Rows | None:
    """The rows are the first argument, or the first that was given by name; none if they cannot be read."""
    try:
        return copied(args[0] if args else next(iter(kwargs.values())), room)
    except Exception:  # noqa: BLE001 - rows of any library may fail in any way
        return None


def _each(values: Any) -> tuple[Any, ...]:
    """A single value is the one for all rows."""
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        return (values,)
    return tuple(values)


__all__ = ["Recorder", "Request"]
