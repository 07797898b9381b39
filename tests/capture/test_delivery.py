from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from driftwatch.capture import BufferLimits, Watched, watch

Make = Callable[..., Watched]
NO_LINGER = BufferLimits(linger_seconds=0.0)


def identity(rows: Any) -> Any:
    """A model that answers the first column."""
    return np.asarray(rows)[:, 0]


@pytest.fixture
def make(service: Any) -> Iterator[Make]:
    """Watch :func:`identity` with the test's service; closed at the end."""
    made: list[Watched] = []

    def watched(**options: Any) -> Watched:
        made.append(watch(identity, **{"url": service.url, "name": "m", **options}))
        return made[-1]

    yield watched
    for one in made:
        one.close(timeout_seconds=0.0)


def rows(count: int) -> np.ndarray:
    return np.arange(float(count)).reshape(-1, 1)


def test_calls_share_requests_of_bounded_size_and_one_connection(make: Make, service: Any) -> None:
    model = make(limits=BufferLimits(batch_events=100, linger_seconds=60.0))
    for value in range(250):
        model(rows(250)[value : value + 1])
    assert model.flush()
    assert [event["prediction"] for event in service.events] == list(range(250))
    assert max(len(request.json) for request in service.requests) <= 100
    assert len(service.requests) <= 5
    assert service.connections == 1


def test_a_call_of_many_rows_is_sent_in_requests_of_bounded_size(make: Make, service: Any) -> None:
    model = make(limits=BufferLimits(batch_events=100))
    model(rows(250))
    assert model.flush()
    assert [len(request.json) for request in service.requests] == [100, 100, 50]
    assert [event["prediction_id"] for event in service.events] == list(model.last_prediction_ids)


def test_calls_return_while_the_service_has_not_answered(make: Make, service: Any) -> None:
    answered = threading.Event()

    def hang(request: Any) -> Any:
        answered.wait(30)
        return service.accepted(request)

    service.replies(hang)
    model = make(limits=NO_LINGER)
    for _ in range(500):
        model(rows(1))
    assert not answered.is_set()
    answered.set()
    assert model.flush()
    assert len(service.events) == 500


def bad_json(service: Any) -> Any:
    return service.Reply(202, b"{")


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 500, "body": b"Internal Server Error", "content_type": "text/plain"},
        {"status": 502, "body": b"<html>Bad gateway</html>", "content_type": "text/html"},
        {"status": 503, "headers": {"Retry-After": "0"}},
        {"status": 503, "headers": {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}},
        {"status": 429},
        {"status": 408},
        {"status": 401},
        {"status": 403},
        {"status": 404, "body": b'{"detail": "No model is called \'m\'."}'},
        {"status": 200, "body": b"<html>Welcome</html>", "content_type": "text/html"},
        {"status": 202, "body": b"{"},
        {"status": 202, "body": b"[]"},
        {"status": 202, "body": b'{"accepted": "all"}'},
        {"status": 202, "body": b"\xff\xfe"},
        {"break_off": True},
    ],
    ids=str,
)
def test_after_any_trouble_that_may_pass_the_same_events_are_sent_again(
    make: Make, service: Any, trouble: dict[str, Any]
) -> None:
    service.replies(service.Reply(**trouble), service.accepted)
    model = make(limits=NO_LINGER)
    model(rows(3))
    assert model.flush()
    first, second = service.requests
    assert first.json == second.json
    assert len(first.json) == 3
    assert model.dropped == {}


@pytest.mark.parametrize("status", [301, 400, 409, 415, 422])
def test_what_the_service_refuses_is_counted_and_not_sent_again(make: Make, service: Any, status: int) -> None:
    service.replies(service.Reply(status, b'{"detail": "no", "field": "features.x0"}'), service.accepted)
    model = make(limits=NO_LINGER)
    model(rows(3))
    assert model.flush()
    model(rows(2))
    assert model.flush()
    assert [len(request.json) for request in service.requests] == [3, 2]
    assert model.dropped == {"rejected": 3}


def test_single_events_that_the_service_refuses_are_counted(make: Make, service: Any) -> None:
    refused = {
        "accepted": 2,
        "duplicates": 0,
        "rejected": [{"index": 1, "field": "features.x0", "error": "must be a number"}],
        "prediction_ids": [],
    }
    service.replies(service.Reply(202, json.dumps(refused).encode()))
    model = make(limits=NO_LINGER)
    model(rows(3))
    assert model.flush()
    assert model.dropped == {"rejected": 1}


def test_a_request_that_is_too_large_is_sent_in_halves(make: Make, service: Any) -> None:
    service.script = lambda request: service.Reply(413) if len(request.json) > 3 else service.accepted(request)
    model = make(limits=NO_LINGER)
    model(rows(10))
    assert model.flush()
    taken = [event["prediction"] for request in service.requests if len(request.json) <= 3 for event in request.json]
    assert taken == list(range(10))
    assert model.dropped == {}


def test_an_event_that_is_too_large_alone_is_counted(make: Make, service: Any) -> None:
    service.replies(service.Reply(413))
    model = make(limits=NO_LINGER)
    model(rows(2))
    assert model.flush()
    assert model.dropped == {"rejected": 2}


def test_a_service_that_was_away_gets_everything_that_the_buffer_held(make: Make, service: Any) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        model = make(url=f"http://127.0.0.1:{reserved.getsockname()[1]}", limits=NO_LINGER)
        model(rows(3))
        assert not model.flush(timeout_seconds=0.3)
    model._recorder.buffer._deliver._transport._parts = model._recorder.buffer._deliver._transport._parts._replace(
        netloc=service.url.removeprefix("http://")
    )
    assert model.flush()
    assert len(service.events) == 3


def test_a_full_buffer_drops_the_newest_and_counts_them(make: Make, service: Any) -> None:
    answered = threading.Event()
    asked = threading.Event()

    def hang(request: Any) -> Any:
        asked.set()
        answered.wait(30)
        return service.accepted(request)

    service.replies(hang)
    model = make(limits=BufferLimits(events=10, linger_seconds=0.0))
    model(rows(4))
    assert asked.wait(10)
    model(rows(4))
    model(rows(4))
    assert len(model.last_prediction_ids) == 4
    model(rows(1))
    assert model.dropped == {"buffer_full": 3}
    answered.set()
    assert model.flush()
    assert [event["prediction"] for event in service.events] == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    model(rows(1))
    assert model.flush()
    assert len(service.events) == 11


def test_the_buffer_is_bounded_in_bytes_too(make: Make, service: Any) -> None:
    model = make(limits=BufferLimits(size_bytes=100_000, linger_seconds=60.0))
    wide = np.zeros((10, 1_000))
    model(wide)
    model(wide)
    assert model.dropped == {"buffer_full": 10}
    assert model.flush()
    model(wide)
    assert model.flush()
    assert len(service.events) == 20


def test_events_that_json_cannot_hold_do_not_take_others_with_them(make: Make, service: Any) -> None:
    model = watch(lambda found: [0] * len(found), url=service.url, name="m", feature_names=["x"])
    model(["fine", "\ud800", "too"])
    model(["\udfff"])
    assert model.flush()
    assert [event["features"]["x"] for event in service.events] == ["fine", "too"]
    assert model.dropped == {"unreadable": 2}
    model.close()


def test_one_unreadable_row_does_not_take_others_of_its_kind_with_it(make: Make, service: Any) -> None:
    class Uncertain:
        def predict_proba(self, found: np.ndarray) -> np.ndarray:
            return found

    model = watch(Uncertain(), url=service.url, name="m", limits=BufferLimits(linger_seconds=60.0))
    for value in (0.25, np.nan, 0.75):
        model.predict_proba(np.array([[1 - value, value]]))
    assert model.flush()
    assert [event["score"] for event in service.events] == [0.25, 0.75]
    assert model.dropped == {"unreadable": 1}
    model.close()


def test_what_cannot_be_read_is_counted_and_the_rest_is_sent(make: Make, service: Any) -> None:
    model = watch(lambda found: [0], url=service.url, name="m")
    model(object())
    model([[1], [2]])
    model([[3]])
    assert model.flush()
    assert [event["features"] for event in service.events] == [{"x0": 3}]
    assert model.dropped == {"unreadable": 2}
    model.close()


def test_trouble_is_logged_once_a_minute_and_no_value_of_a_feature_is(
    make: Make, service: Any, caplog: pytest.LogCaptureFixture
) -> None:
    detail = b'{"detail": "must be a number, not the text \'secret\'", "field": "features.x"}'
    service.replies(service.Reply(422, detail))
    model = watch(lambda found: [0], url=service.url, name="m", feature_names=["x"], limits=NO_LINGER)
    with caplog.at_level(logging.WARNING, logger="driftwatch.capture"):
        for _ in range(3):
            model([["secret"]])
            assert model.flush()
    model.close()
    (message,) = caplog.messages
    assert "features.x" in message
    assert "'m'" in message
    assert "secret" not in message


def test_model_names_are_quoted_in_the_address(make: Make, service: Any) -> None:
    model = make(name="a b/c")
    model(rows(1))
    assert model.flush()
    assert service.requests[0].path == "/v1/models/a%20b%2Fc/predictions"


def test_a_prefix_of_the_address_and_headers_are_kept(make: Make, service: Any) -> None:
    model = make(url=service.url + "/watch/", headers={"Authorization": "Bearer t"})
    model(rows(1))
    assert model.flush()
    assert service.requests[0].path == "/watch/v1/models/m/predictions"
    assert service.requests[0].headers["Authorization"] == "Bearer t"


def test_after_close_the_model_goes_on_and_calls_are_counted(make: Make, service: Any) -> None:
    model = make()
    model(rows(2))
    assert model.close()
    np.testing.assert_array_equal(model(rows(3)), [0, 1, 2])
    assert len(service.events) == 2
    assert model.dropped == {"closed": 3}
    assert model.close()


def test_what_a_closing_buffer_cannot_send_in_time_is_counted(make: Make, service: Any) -> None:
    service.replies(service.Reply(503, headers={"Retry-After": "60"}))
    model = make(limits=BufferLimits(batch_events=1, linger_seconds=0.0))
    for _ in range(3):
        model(rows(1))
    assert not model.close(timeout_seconds=0.3)
    model._recorder.buffer._thread.join(5)
    assert model.dropped == {"closed": 3}


def test_a_thread_that_had_nothing_to_do_ends_and_comes_back(make: Make, service: Any) -> None:
    model = make(limits=BufferLimits(linger_seconds=0.0, idle_seconds=0.0))
    for turn in range(3):
        model(rows(1))
        assert model.flush()
        thread = model._recorder.buffer._thread
        if thread is not None:
            thread.join(5)
        assert model._recorder.buffer._thread is None
        assert len(service.events) == turn + 1


def test_calls_from_many_threads_all_arrive_once(make: Make, service: Any) -> None:
    model = make(limits=BufferLimits(batch_events=50, linger_seconds=0.0, idle_seconds=0.0))

    def predict(start: int) -> None:
        for value in range(start, start + 300):
            model(np.array([[float(value)]]))

    threads = [threading.Thread(target=predict, args=(300 * one,)) for one in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert model.flush()
    events = service.events
    assert sorted(event["prediction"] for event in events) == list(range(1_200))
    assert len({event["prediction_id"] for event in events}) == 1_200
    assert all(event["features"]["x0"] == event["prediction"] for event in events)
