"""The ASGI middleware: what it logs, and that the application does not notice."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel

from driftwatch.capture import BufferLimits, CaptureMiddleware
from driftwatch.capture.tap import Tap
from driftwatch.errors import FileError, InputError

ROUTES = {
    "/score": {
        "features": "$.customer",
        "prediction": "$.result.label",
        "score": "$.result.probability",
        "prediction_id": "$.order",
    },
    "/batch/{customer}": {"features": "$.rows", "prediction": "$.labels"},
}
NAMED = {"x-driftwatch-prediction-id"}


class Customer(BaseModel):
    age: int
    country: str


class Order(BaseModel):
    customer: Customer
    order: str | None = None


def application() -> FastAPI:
    app = FastAPI()

    @app.post("/score")
    async def score(order: Order) -> dict[str, Any]:
        if order.customer.age < 0:
            raise ZeroDivisionError
        return {"result": {"label": "yes", "probability": order.customer.age / 100}}

    @app.post("/batch/{customer}")
    async def batch(customer: str, request: Request) -> JSONResponse:
        rows = (await request.json())["rows"]
        return JSONResponse({"labels": [sum(row) for row in rows]}, headers={"x-mine": customer})

    @app.post("/other")
    async def other(order: Order) -> dict[str, Any]:
        return {"result": {"label": "no"}}

    @app.get("/score")
    async def about() -> dict[str, str]:
        return {"about": "scores"}

    @app.post("/stream")
    async def stream() -> StreamingResponse:
        async def pieces() -> Any:
            for piece in (b'{"label"', b": 1}"):
                yield piece

        return StreamingResponse(pieces(), media_type="application/json")

    return app


Make = Callable[..., Any]


@pytest.fixture
def make(service: Any) -> Iterator[Make]:
    """Put the middleware before an application; closed at the end."""
    made: list[CaptureMiddleware] = []

    def watched(app: Any = None, **options: Any) -> CaptureMiddleware:
        given = {"url": service.url, "name": "m", "routes": ROUTES, **options}
        made.append(CaptureMiddleware(app or application(), **given))
        return made[-1]

    yield watched
    for one in made:
        one.close(timeout_seconds=1.0)


def ask(app: Any, method: str, path: str, **options: Any) -> httpx.Response:
    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, **options.pop("transport", {}))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **options)

    return asyncio.run(asked())


ORDER = {"customer": {"age": 40, "country": "DE"}}


def test_chosen_routes_are_logged_and_answers_say_under_which_id(make: Make, service: Any) -> None:
    app = make(model_version="3")
    answer = ask(app, "POST", "/score", json=ORDER)
    assert answer.json() == {"result": {"label": "yes", "probability": 0.4}}
    assert app.flush()
    [event] = service.events
    assert event.pop("event_time") > 1.6e9
    assert event == {
        "features": {"age": 40, "country": "DE"},
        "prediction": "yes",
        "score": 0.4,
        "prediction_id": answer.headers["x-driftwatch-prediction-id"],
        "model_version": "3",
        "segment": None,
    }
    assert service.requests[0].path == "/v1/models/m/predictions"


def test_a_parameter_in_the_path_stands_for_anything_and_rows_are_events_each(make: Make, service: Any) -> None:
    app = make(feature_names=["a", "b"])
    answer = ask(app, "POST", "/batch/peter", json={"rows": [[1, 2], [3, 4]]})
    assert (answer.json(), answer.headers["x-mine"]) == ({"labels": [3, 7]}, "peter")
    assert app.flush()
    told = [(event["features"], event["prediction"], event["prediction_id"]) for event in service.events]
    name = answer.headers["x-driftwatch-prediction-id"]
    assert told == [({"a": 1, "b": 2}, 3, f"{name}/0"), ({"a": 3, "b": 4}, 7, f"{name}/1")]


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [({**ORDER, "order": "o-1"}, {"x-request-id": "r-1"}, "o-1"), (ORDER, {"X-Request-Id": "r-1"}, "r-1")],
)
def test_ids_are_those_of_the_body_or_the_request(
    make: Make, service: Any, body: Any, headers: dict[str, str], expected: str
) -> None:
    app = make()
    answer = ask(app, "POST", "/score", json=body, headers=headers)
    assert app.flush()
    assert answer.headers["x-driftwatch-prediction-id"] == expected == service.events[0]["prediction_id"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/other", ORDER, 200),
        ("GET", "/score", None, 200),
        ("POST", "/score/more", ORDER, 404),
        ("POST", "/score", {"customer": {}}, 422),
        ("POST", "/score", {"customer": {"age": -1, "country": "DE"}}, 500),
    ],
)
def test_everything_else_passes_as_it_is_and_is_not_logged(
    make: Make, service: Any, method: str, path: str, body: Any, status: int
) -> None:
    app = make()
    answer, direct = (ask(one, method, path, json=body) for one in (app, application()))
    assert answer.status_code == direct.status_code == status
    assert answer.headers == direct.headers
    assert answer.content == direct.content
    assert app.flush()
    assert service.requests == []
    assert app.dropped == {}


def test_answers_in_pieces_and_below_a_root_path_are_logged(make: Make, service: Any) -> None:
    app = make(routes={"/stream": {"features": "$", "prediction": "$.label"}})
    ask(app, "POST", "/api/stream", json={"a": 1}, transport={"root_path": "/api"})
    assert app.flush()
    assert [(event["features"], event["prediction"]) for event in service.events] == [({"a": 1}, 1)]


def test_compressed_bodies_are_read(make: Make, service: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert gzip.decompress((await receive())["body"]) == json.dumps(ORDER).encode()
        head = [(b"content-encoding", b"gzip"), (b"Content-Type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": gzip.compress(b'{"result": {"label": 1, "probability": 1}}')})

    watched = make(app)
    body = gzip.compress(json.dumps(ORDER).encode())
    ask(watched, "POST", "/score", content=body, headers={"content-encoding": "gzip"})
    assert watched.flush()
    assert watched.dropped == {}
    assert service.events[0]["prediction"] == 1


def test_a_map_file_as_the_proxy_takes_it_does_as_well(make: Make, service: Any, tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text('[[routes]]\nroute = "/score"\nfeatures = "$.customer"\nprediction = "$.result.label"\n')
    app = make(routes=path)
    ask(app, "POST", "/score", json=ORDER)
    assert app.flush()
    assert service.events[0]["prediction"] == "yes"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"name": ""}, InputError),
        ({"routes": {}}, InputError),
        ({"routes": {"score": ROUTES["/score"]}}, InputError),
        ({"routes": {"/score": {"features": "$.x"}}}, InputError),
        ({"routes": {"/score": {**ROUTES["/score"], "label": "$.y"}}}, InputError),
        ({"routes": {"/score": {**ROUTES["/score"], "features": "x + 1"}}}, InputError),
        ({"routes": "/nowhere/map.toml"}, FileError),
        ({"url": "ftp://x"}, InputError),
    ],
)
def test_wrong_use_is_said_at_once(make: Make, options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        make(**options)


# --- the application does not notice ---


Messages = list[dict[str, Any]]
SCOPE = {"type": "http", "method": "POST", "path": "/score", "headers": [(b"x-request-id", b"r-1")]}


def drive(
    app: Any, scope: dict[str, Any], incoming: Messages, on_send: Callable[[Any], None] | None = None
) -> Messages:
    """Speak ASGI to an application; gives what it sent."""
    sent: Messages = []
    left = list(incoming)

    async def receive() -> Any:
        return left.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)
        if on_send is not None:
            on_send(message)

    asyncio.run(app(scope, receive, send))
    return sent


def test_pieces_pass_one_by_one_in_both_directions(make: Make, service: Any) -> None:
    order: list[str] = []

    async def echo(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        more = True
        while more:
            message = await receive()
            more = message.get("more_body", False)
            order.append(f"received {message['body'].decode()}")
            await send({"type": "http.response.body", "body": message["body"], "more_body": more})

    watched = make(echo, routes={"/score": {"features": "$", "prediction": "$.a"}})
    pieces = [
        {"type": "http.request", "body": b'{"a"', "more_body": True},
        {"type": "http.request", "body": b":1}", "more_body": False},
    ]
    drive(watched, SCOPE, pieces, lambda message: order.append(f"sent {message.get('body', b'').decode()}"))
    assert order == ["sent ", 'received {"a"', 'sent {"a"', "received :1}", "sent :1}"]
    assert watched.flush()
    assert service.events[0]["features"] == {"a": 1}


def test_of_large_bodies_no_copy_is_held_and_they_are_counted(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    taps: list[Tap] = []

    def remembered(*given: Any) -> Tap:
        taps.append(Tap(*given))
        return taps[-1]

    monkeypatch.setattr("driftwatch.capture.middleware.Tap", remembered)

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(100):
            await send({"type": "http.response.body", "body": b"x" * 1_000, "more_body": True})
            assert max(map(len, taps[0].bodies())) <= 10_000
        await send({"type": "http.response.body", "body": b""})

    watched = make(endless, copy_bytes=10_000)
    sent = drive(watched, SCOPE, [{"type": "http.request", "body": b"{}"}])
    assert sum(len(message.get("body", b"")) for message in sent) == 100_000
    assert watched.dropped == {"too_large": 1}


@pytest.mark.parametrize("body", [b"", b"no JSON", b"[]", b'{"customer": 7}', b"\xff" * 100])
def test_bodies_that_cannot_be_read_pass_and_are_counted(make: Make, service: Any, body: bytes) -> None:
    async def fixed(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    watched = make(fixed)
    assert drive(watched, SCOPE, [{"type": "http.request", "body": body}])[1]["body"] == body
    assert watched.flush()
    assert watched.dropped == {"unparsable": 1}


def test_a_full_buffer_drops_and_counts(make: Make) -> None:
    app = make(url="http://127.0.0.1:9", limits=BufferLimits(events=2, linger_seconds=60.0))
    for _ in range(5):
        assert ask(app, "POST", "/score", json=ORDER).status_code == 200
    assert app.dropped == {"buffer_full": 3}
    app.close(timeout_seconds=0)


@pytest.mark.parametrize(
    "scope", [{**SCOPE, "headers": None}, {**SCOPE, "headers": [(1,)]}, {**SCOPE, "path": None}, {"type": "http"}]
)
def test_a_scope_that_breaks_the_rules_reaches_the_application(make: Make, scope: dict[str, Any]) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    watched = make(app)
    drive(watched, scope, [])
    assert seen == [scope]
    assert watched.dropped == {"defect": 1}


@pytest.mark.parametrize("message", [{"type": "http.response.start"}, {}, {"type": "http.response.body", "body": 7}])
def test_a_message_that_breaks_the_rules_is_passed_on(make: Make, message: dict[str, Any]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(message)

    watched = make(app)
    assert drive(watched, SCOPE, [{}]) == [message]


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_other_protocols_pass_untouched(make: Make, kind: str) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope, receive, send))

    async def receive() -> Any: ...

    async def send(message: Any) -> None: ...

    scope = {"type": kind, "path": "/score"}
    asyncio.run(make(app)(scope, receive, send))
    assert seen == [(scope, receive, send)]


def test_a_client_that_goes_away_and_a_failing_application_are_not_logged(make: Make, service: Any) -> None:
    async def failing(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b'{"result"', "more_body": True})
        raise ConnectionResetError

    watched = make(failing)
    with pytest.raises(ConnectionResetError):
        drive(watched, SCOPE, [{"type": "http.request", "body": b"{}"}])
    assert watched.flush()
    assert service.requests == []
    assert watched.dropped == {}


def test_it_is_added_to_an_application_as_every_middleware_is(service: Any) -> None:
    app = application()
    app.add_middleware(
        CaptureMiddleware, name="m", url=service.url, routes=ROUTES, limits=BufferLimits(linger_seconds=0.0)
    )
    assert ask(app, "POST", "/score", json=ORDER).headers["x-driftwatch-prediction-id"]
    wrapped: Any = app.middleware_stack
    while not isinstance(wrapped, CaptureMiddleware):
        wrapped = wrapped.app
    assert wrapped.close()
    assert len(service.events) == 1
