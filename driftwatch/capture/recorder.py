"""What happens around a recorded call, in the caller's thread: copy, number, enqueue. It raises nothing."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from functools import update_wrapper
from time import time_ns
from typing import Any

from driftwatch.capture.arguments import FirstArgument, Rows, rows_among
from driftwatch.capture.buffer import SMALL_BYTES, Buffer, Dropped
from driftwatch.capture.copying import COPIERS, StillRunning, copied
from driftwatch.capture.events import NOTHING_GIVEN, Answer, Call, Target
from driftwatch.capture.requests import current
from driftwatch.capture.rows import Form

_SAME_ROWS_NS = 1_000_000_000
_SINGLE = (str, bytes, dict)
_new = tuple.__new__


class Recorder:
    """Records the calls of one watched model.

    Safe to use from any number of threads, also where they run at the same time: a call is made by one thread and
    handed to the buffer whole. What threads share is replaced as one (``target``) or belongs to a context each.

    Parameters
    ----------
    target
        The model that answers; another one may be put in its place at any time.
    buffer
        Where recorded calls go.
    rows
        The name of the parameter that holds the rows; by default it is found out.
    """

    def __init__(self, target: Target, buffer: Buffer[Call], rows: str | None = None) -> None:
        self.target = target
        self.buffer = buffer
        self._rows = rows
        self._last: ContextVar[Call | None] = ContextVar("driftwatch_last_call", default=None)

    def recorded(self, name: str, answer: Answer) -> Callable[..., Any]:
        """The model's method ``name``: same arguments, same result, same exceptions, and its rows are recorded."""
        model = self.target.model
        method = getattr(model, name)
        asked = model if name == "__call__" else method
        rows = rows_among(asked, named=self._rows, is_function=inspect.isfunction(asked))
        is_coroutine = inspect.iscoroutinefunction(asked) or inspect.iscoroutinefunction(method)
        make = self._recorded_coroutine if is_coroutine else self._recorded_method
        wrapper = make(name, answer, rows)
        update_wrapper(wrapper, method)
        return wrapper

    def _recorded_method(self, name: str, answer: Answer, where: Rows) -> Callable[..., Any]:
        buffer = self.buffer
        room_for, put_small = buffer.room, buffer.put_small
        last_of, remember = self._last.get, self._last.set
        is_first = isinstance(where, FirstArgument) and where.position == 0

        def recorded_method(*args: Any, **kwargs: Any) -> Any:
            # Between two calls of a model everything in here has left the processor's caches: what most calls need
            # is written out in one place.
            target = self.target
            room = room_for()
            form: Form | None = None
            data = None
            if room > 0:
                # Before the model sees the rows: it may change them.
                try:
                    if is_first and args:
                        rows = args[0]
                        data, form = COPIERS[type(rows)](rows, room)
                    else:
                        data, form = where.copied(args, kwargs, room)
                except Exception:  # noqa: BLE001 - rows of any library may fail in any way
                    data, form = self._copied_slowly(where, args, kwargs, room)
            result = getattr(target.model, name)(*args, **kwargs)
            if form is None:
                self._lose(answer, target, result, Dropped.UNREADABLE if room > 0 else Dropped.BUFFER_FULL)
                return result
            if current() is not None:
                return self._record(target, answer, data, form, result, room)
            try:
                result_data, result_form = COPIERS[type(result)](result, room)
                size_bytes = form.size_bytes + result_form.size_bytes
                last = last_of()
                if result_form.total != 1 or size_bytes > SMALL_BYTES or (last and last.answer is not answer):
                    return self._record(target, answer, data, form, result, room)
                number = buffer.numbers.following()
                call = _new(
                    Call,
                    (target, answer, data, form, result_data, result_form, 1, 1, time_ns(), number, NOTHING_GIVEN,
                     size_bytes, 0),
                )  # fmt: skip
                put_small(call)
                remember(call)
            except Exception:  # noqa: BLE001 - whatever goes wrong in here is not the caller's concern
                return self._record(target, answer, data, form, result, room)
            return result

        return recorded_method

    @staticmethod
    def _copied_slowly(
        where: Rows, args: tuple[Any, ...], kwargs: dict[str, Any], room: int
    ) -> tuple[bytes | None, Form | None]:
        """Rows of a kind that comes for the first time; no form for those that cannot be read."""
        try:
            return where.copied(args, kwargs, room)
        except Exception:  # noqa: BLE001 - as above
            return None, None

    def _recorded_coroutine(self, name: str, answer: Answer, where: Rows) -> Callable[..., Any]:
        """A coroutine function stays one: frameworks ask."""
        recorded = self._recorded_method(name, answer, where)

        async def recorded_coroutine(*args: Any, **kwargs: Any) -> Any:
            result = recorded(*args, **kwargs)
            # Another model may have been put in its place that is none.
            return await result if inspect.isawaitable(result) else result

        return recorded_coroutine

    @property
    def last_prediction_ids(self) -> tuple[str, ...]:
        """The ids of the rows that this thread or task predicted last; empty before."""
        call = self._last.get()
        return () if call is None else call.prediction_ids()

    def _record(self, target: Target, answer: Answer, data: bytes | None, form: Form, result: Any, room: int) -> Any:
        """Hand a call to the buffer; gives what the caller gets: the result, or something to await it by."""
        try:
            result_data, result_form = copied(result, room)
            request = current()
            if request is not None:
                request = request.about(self)
            count = result_form.total
            call = Call(
                target,
                answer,
                data,
                form,
                result_data,
                result_form,
                count,
                count if count < room else room,
                time_ns(),
                self.buffer.numbers.following(),
                NOTHING_GIVEN if request is None else request.given,
                form.size_bytes + result_form.size_bytes,
            )
            last = self._last.get()
            if last is not None and last.answer is not answer:
                call = _joined(call, last)
            self.buffer.put(call)
            self._last.set(call)
            if request is not None:
                request.call = call
        except StillRunning:
            return self._later(target, answer, data, form, result, room)
        except Exception:  # noqa: BLE001 - whatever goes wrong in here is not the caller's concern
            self._lose(answer, target, result, Dropped.UNREADABLE)
        return result

    def _later(self, target: Target, answer: Answer, data: bytes | None, form: Form, running: Any, room: int) -> Any:
        """Record the call when its result is there."""
        if hasattr(running, "add_done_callback"):

            def done(finished: Any) -> None:
                with suppress(BaseException):  # It was cancelled, or failed: that is its caller's to see.
                    self._record(target, answer, data, form, finished.result(), room)

            with suppress(Exception):
                running.add_done_callback(done)
            return running
        return self._awaited(target, answer, data, form, running, room)

    async def _awaited(
        self, target: Target, answer: Answer, data: bytes | None, form: Form, running: Awaitable[Any], room: int
    ) -> Any:
        return self._record(target, answer, data, form, await running, room)

    def _lose(self, answer: Answer, target: Target, result: Any, reason: Dropped) -> None:
        """Count the rows of a call that cannot be kept; they have ids, but no event."""
        n_rows = 1
        if not isinstance(result, _SINGLE):
            try:
                n_rows = len(result)
            except Exception:  # noqa: BLE001 - results of any library may fail in any way
                n_rows = 1
        try:
            request = current()
            if request is not None:
                request = request.about(self)
            given = NOTHING_GIVEN if request is None else request.given
            number = self.buffer.numbers.following()
            call = _new(Call, (target, answer, None, None, None, None, n_rows, 0, time_ns(), number, given, 0, 0))
            self.buffer.lose(n_rows, reason)
            self._last.set(call)
            if request is not None:
                request.call = call
        except Exception:  # noqa: BLE001 - as everywhere here
            return


def _joined(call: Call, last: Call) -> Call:
    """The call with the ids that its rows have already, if another method was called on them just now."""
    answers = last.answers or 1 << last.answer
    if (
        last.n_rows == call.n_rows
        and call.time_ns - last.time_ns <= _SAME_ROWS_NS
        and not answers >> call.answer & 1
        and _same_rows(call, last)
    ):
        return call._replace(time_ns=last.time_ns, first=last.first, answers=answers | 1 << call.answer)
    return call


def _same_rows(call: Call, last: Call) -> bool:
    if call.data is not None and call.form is last.form:
        return call.data == last.data
    rows, before = call.rows, last.rows
    return rows is not None and before is not None and before.same_as(rows)


__all__ = ["Recorder"]
