"""What is known of the rows that a block of code predicts, and their ids afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any

from driftwatch.capture.events import NOTHING_GIVEN, Call, Given
from driftwatch.errors import InputError


class Request:
    """The rows that a block of code predicts: what is known of them, and their ids afterwards.

    Made by ``driftwatch.watch.request(...)``, for every watched model that is called in the block, or by
    ``model.request(...)``, for this one alone; see there. It holds for the thread or task that enters the block, and
    for the tasks that are started in it.
    """

    __slots__ = ("_outer", "_token", "call", "given", "recorder")

    def __init__(self, given: Given, recorder: object | None = None) -> None:
        self.given = given
        self.recorder = recorder
        self.call: Call | None = None
        self._outer: Request | None = None
        self._token: Token[Request | None] | None = None

    @property
    def prediction_ids(self) -> tuple[str, ...]:
        """The ids of the rows that were last predicted in the block, also from another thread; empty before."""
        return () if self.call is None else self.call.prediction_ids()

    @property
    def prediction_id(self) -> str | None:
        """The id of the row that was last predicted in the block, of several that of the first; None before."""
        ids = self.prediction_ids
        return ids[0] if ids else None

    def __enter__(self) -> Request:
        self._outer = _CURRENT.get()
        self._token = _CURRENT.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _CURRENT.reset(self._token)
            self._token = None

    def about(self, recorder: object) -> Request | None:
        """The block itself, or the nearest around it that speaks of the recorder's model."""
        found: Request | None = self
        while found is not None and found.recorder is not None and found.recorder is not recorder:
            found = found._outer
        return found


_CURRENT: ContextVar[Request | None] = ContextVar("driftwatch_request", default=None)
current = _CURRENT.get
"""The innermost block that runs now; None outside of all."""


def made_request(
    recorder: object | None,
    *,
    id: str | None,
    ids: Iterable[str] | str | None,
    event_time: object | None,
    event_times: Iterable[object] | object | None,
    segment: str | None,
    segments: Iterable[str] | str | None,
) -> Request:
    """A block's facts, where each may be given for one row or for several.

    Raises
    ------
    InputError
        If one is given in both ways.
    """
    all_ids = _one_of("id", id, ids)
    times = _one_of("event_time", event_time, event_times)
    all_segments = _one_of("segment", segment, segments)
    if all_ids is None and times is None and all_segments is None:
        return Request(NOTHING_GIVEN, recorder)
    given = Given(
        ids=None if all_ids is None else tuple(map(str, all_ids)),
        event_times=times,
        segments=None if all_segments is None else tuple(map(str, all_segments)),
    )
    return Request(given, recorder)


def _one_of(name: str, one: object | None, several: object | None) -> tuple[Any, ...] | None:
    if one is not None and several is not None:
        raise InputError(f"is given, and so is {name}.", field=f"{name}s", remedy="Give one of them.")
    found = several if one is None else one
    return None if found is None else _each(found)


def _each(values: Any) -> tuple[Any, ...]:
    """A single value is the one for all rows."""
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        return (values,)
    return tuple(values)


__all__ = ["Request", "current", "made_request"]
