"""Finished answers in one write: head and body together, in place of two ASGI messages."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from driftwatch.web.answer import Answer, HeaderPairs, lines_of

CYCLE = "driftwatch.cycle"
"""In the state of a request's scope: what `write_whole` takes."""


def in_one_piece(answer: Answer, of_server: Sequence[tuple[bytes, bytes]]) -> bytes:
    """An answer to no HEAD as it is written, with the headers that the server gives to every one."""
    head = _lines(tuple(of_server)), answer.head_lines()
    return b"".join((STATUS_LINE[answer.status], *head, b"\r\n", answer.body))


def write_whole(cycle: RequestResponseCycle, answer: Answer) -> bool:
    """Write an answer of an application at once.

    Parameters
    ----------
    cycle
        uvicorn's, of the request, which is no HEAD: what stands in the scope's state under `CYCLE`.
    answer
        Without headers of its own.

    Returns
    -------
    written
        False where the usual way is to be taken: the client is gone or slow, or the connection is to end.
    """
    if cycle.disconnected or cycle.response_started or cycle.flow.write_paused or not cycle.keep_alive:
        return False
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(in_one_piece(answer, cycle.default_headers))
    cycle.message_event.set()
    cycle.on_response()
    return True


@lru_cache(maxsize=4)
def _lines(headers: HeaderPairs) -> bytes:
    # They change once a second: the date is among them.
    return lines_of(headers)


__all__ = ["CYCLE", "in_one_piece", "write_whole"]
