import asyncio
import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.web import bodies
from driftwatch.web.bodies import Disconnected, read_body
from driftwatch.web.problems import ProblemError


def receiving(messages: Iterable[dict[str, Any]]) -> Any:
    waiting = iter(messages)

    async def receive() -> dict[str, Any]:
        message = next(waiting, None)
        if message is None:
            await asyncio.sleep(3_600)
        assert message is not None
        return message

    return receive


def status_of(error: ProblemError) -> int:
    return int(json.loads(error.answer.body)["status"])


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_a_body_is_the_same_however_it_is_cut(body: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[start:end] for start, end in pairwise(edges)]
    messages = [
        {"type": "http.request", "body": piece, "more_body": index + 1 < len(pieces)}
        for index, piece in enumerate(pieces)
    ]
    assert asyncio.run(read_body(receiving(messages), {}, 300)) == body


def test_a_client_that_goes_away_is_noticed() -> None:
    messages = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    with pytest.raises(Disconnected):
        asyncio.run(read_body(receiving(messages), {}, 300))


@pytest.mark.parametrize("messages", [[], [{"type": "http.request", "body": b"{", "more_body": True}]])
def test_a_client_that_never_ends_its_body_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, messages: list[dict[str, Any]]
) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.01)
    with pytest.raises(ProblemError) as caught:
        asyncio.run(read_body(receiving(messages), {}, 300))
    assert status_of(caught.value) == 408


def test_a_length_that_is_too_large_is_refused_without_reading() -> None:
    with pytest.raises(ProblemError) as caught:
        asyncio.run(read_body(receiving([]), {"content-length": "301"}, 300))
    assert status_of(caught.value) == 413
