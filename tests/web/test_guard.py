"""Who may ask for what, over real connections."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from driftwatch.web.guard import CLOUDEVENTS_PATHS, OPEN_PATHS, scope_of
from driftwatch.web.tokens import Scope, hash_of, new_token

SECRETS = {scope: new_token() for scope in Scope}
ENTRIES = [{"name": scope.value, "scopes": [scope.value], "hash": hash_of(SECRETS[scope])} for scope in Scope]
ROTATED = new_token()
ROUTES = [
    ("POST", "/v1/models/flights/predictions", Scope.INGEST),
    ("POST", "/v1/models/flights/labels", Scope.INGEST),
    ("POST", "/v1/alertmanager", Scope.ADMIN),
    ("POST", "/v1/cloudevents", Scope.INGEST),
    ("POST", "/", Scope.INGEST),
    ("GET", "/metrics", Scope.METRICS),
    ("GET", "/", Scope.READ),
    ("GET", "/static/style.css", Scope.READ),
    ("GET", "/docs", Scope.READ),
    ("GET", "/openapi.json", Scope.READ),
    ("GET", "/v1/models", Scope.READ),
    ("GET", "/v1/models/flights/baseline", Scope.READ),
    ("GET", "/v1/models/flights/events", Scope.READ),
    ("GET", "/v1/models/flights/drift", Scope.READ),
    ("GET", "/v1/alerts", Scope.READ),
    ("GET", "/v1/retrains", Scope.READ),
    ("PUT", "/v1/models/flights/baseline", Scope.ADMIN),
    ("POST", "/v1/retrains/one/status", Scope.ADMIN),
    ("DELETE", "/v1/models", Scope.ADMIN),
    ("GET", "/nothing/here", Scope.READ),
]
CHANGING = [(method, path) for method, path, _ in ROUTES if method != "GET" and path not in CLOUDEVENTS_PATHS]
every_route = pytest.mark.parametrize(("method", "path", "scope"), ROUTES)


def bearer(token: str) -> dict[str, bytes]:
    return {"authorization": f"Bearer {token}".encode()}


def basic(token: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"anybody:{token}".encode()).decode()}


@pytest.fixture(scope="module")
def guarded(shared_web: Callable[..., Any]) -> Iterator[Any]:
    """A service with a token a scope, and a second one of the same name to change over to."""
    rotated = {"name": "ingest", "scopes": ["ingest"], "hash": hash_of(ROTATED)}
    with shared_web(tokens=[*ENTRIES, rotated]) as web:
        yield web


@every_route
def test_without_a_token_nothing_is_answered(guarded: Any, method: str, path: str, scope: Scope) -> None:
    answer = guarded.client.request(method, path)
    assert answer.status_code == 401
    assert answer.json()["type"] == "urn:problem-type:driftwatch:unauthenticated"
    assert scope.value in answer.json()["detail"]
    assert answer.headers["www-authenticate"].startswith('Bearer realm="driftwatch"')


@every_route
@pytest.mark.parametrize("shown", Scope)
def test_a_token_is_good_for_its_scope_alone(guarded: Any, method: str, path: str, scope: Scope, shown: Scope) -> None:
    answer = guarded.client.request(method, path, headers=bearer(SECRETS[shown]))
    if shown in {scope, Scope.ADMIN}:
        assert answer.status_code not in {401, 403}
    else:
        assert answer.status_code == 403
        assert scope.value in answer.json()["detail"]
        assert f'scope="{scope.value}"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("path", sorted(OPEN_PATHS))
def test_probes_need_no_token(guarded: Any, path: str) -> None:
    assert guarded.client.get(path).status_code == 200


def test_what_is_in_the_way_is_not_told_to_everybody(guarded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded.service.operations, "readiness", lambda: (False, "/srv/data is full"))
    answer = guarded.client.get("/readyz")
    assert answer.status_code == 503
    assert "/srv" not in answer.text
    assert "/srv/data is full" in guarded.client.get("/", headers=bearer(SECRETS[Scope.READ])).text


def test_every_documented_route_says_the_scope_it_needs(guarded: Any) -> None:
    document = guarded.client.get("/openapi.json", headers=bearer(SECRETS[Scope.READ])).json()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            scope = scope_of(method.upper(), path.replace("{model}", "m").replace("{retrain_id}", "r"))
            assert operation.get("security", [{}])[0] == ({} if scope is None else {"bearer": [scope.value]})
            assert ("401" in operation["responses"]) is (scope is not None)


def test_the_old_and_the_new_token_are_both_good_while_they_are_changed(guarded: Any) -> None:
    for token in (SECRETS[Scope.INGEST], ROTATED):
        answer = guarded.client.post("/v1/models/nobody/labels", json=[], headers=bearer(token))
        assert answer.status_code == 404


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "bearer\tx",
        "Digest x",
        "Basic",
        "Basic !!",
        "Basic YQ==",
        "Basic YTo=",
        "Basic /////w==",
    ],
)
def test_a_header_that_holds_no_token_is_refused(guarded: Any, authorization: str) -> None:
    assert guarded.client.get("/v1/models", headers={"authorization": authorization}).status_code == 401


@pytest.mark.parametrize(
    "shown",
    [new_token(), ENTRIES[1]["hash"], SECRETS[Scope.READ][:-1], "é"],
    ids=["another", "the hash of one", "one cut short", "no ASCII"],
)
def test_a_token_that_is_not_known_is_refused(guarded: Any, shown: str) -> None:
    answer = guarded.client.get("/v1/models", headers=bearer(shown))
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_two_tokens_at_once_are_refused(guarded: Any) -> None:
    headers = [("authorization", f"Bearer {SECRETS[Scope.READ]}")] * 2
    assert guarded.client.get("/v1/models", headers=headers).status_code == 401


def test_a_browser_may_read_with_the_token_as_the_password(guarded: Any) -> None:
    answer = guarded.client.get("/", headers=basic(SECRETS[Scope.READ]))
    assert answer.status_code == 200
    assert "Basic" in guarded.client.get("/").headers.get_list("www-authenticate")[1]


@pytest.mark.parametrize(("method", "path"), CHANGING)
def test_what_a_browser_remembers_changes_nothing(guarded: Any, method: str, path: str) -> None:
    answer = guarded.client.request(method, path, headers=basic(SECRETS[Scope.ADMIN]))
    assert answer.status_code == 401


def test_a_body_is_not_waited_for_where_the_token_is_missing(guarded: Any) -> None:
    import socket

    with socket.create_connection(
        (guarded.client.base_url.host, guarded.client.base_url.port), timeout=5
    ) as connection:
        connection.sendall(b"POST /v1/models/m/predictions HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 401 ")


def test_what_is_turned_away_is_counted_by_reason(guarded: Any) -> None:
    def counted() -> dict[str, int]:
        counters = guarded.service.telemetry.snapshot().counters
        return {labels[0][1]: n for (name, labels), n in counters.items() if name == "auth_failures_total"}

    before = counted()
    guarded.client.get("/")
    guarded.client.get("/", headers={"authorization": "Bearer"})
    guarded.client.get("/", headers=bearer(new_token()))
    guarded.client.get("/", headers=bearer(SECRETS[Scope.INGEST]))
    after = counted()
    assert {reason: after[reason] - before[reason] for reason in after} == {
        "missing": 1, "malformed": 1, "unknown": 1, "scope": 1, "foreign": 0,
    }  # fmt: skip


def test_no_token_comes_back_in_an_answer_or_stands_in_a_log_or_a_setting(
    guarded: Any, caplog: pytest.LogCaptureFixture
) -> None:
    from driftwatch.settings import load_settings

    caplog.set_level(0)
    said = []
    wrong = new_token()
    for token in (*SECRETS.values(), wrong):
        for _, path, _ in ROUTES:
            answer = guarded.client.get(path, headers=bearer(token))
            said += [answer.text, str(answer.headers)]
    # httpx logs addresses; the client's own log is no part of the service's.
    said += [record.getMessage() for record in caplog.records]
    said += [repr(load_settings(tokens=ENTRIES)), json.dumps(ENTRIES)]
    everything = "\n".join(said)
    assert [token for token in (*SECRETS.values(), wrong) if token in everything] == []


def test_hashes_stay_out_of_the_settings_representation() -> None:
    from driftwatch.settings import load_settings

    assert not re.search("[0-9a-f]{64}", repr(load_settings(tokens=ENTRIES)))


def test_tokens_do_not_let_anything_pass_by_another_spelling_of_the_address(guarded: Any) -> None:
    for path in (
        "//healthz",
        "/healthz/",
        "/healthz/../v1/models",
        "/v1/models?x=/healthz",
        "/HEALTHZ",
        "/%68ealthz/x",
    ):
        assert guarded.client.get(path).status_code == 401, path


# --- without tokens: for this machine alone


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:8000", "monitor.example"])
def test_without_tokens_a_name_of_this_machine_or_of_public_url_is_believed(local: Any, host: str) -> None:
    assert local.client.get("/v1/models", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[", "localhost.evil.example"])
def test_without_tokens_another_name_is_refused_whoever_it_leads_to(local: Any, host: str) -> None:
    answer = local.client.get("/v1/models", headers={"host": host})
    assert answer.status_code == 403
    assert answer.json()["field"] == "Host"


def test_without_tokens_a_page_of_another_site_changes_nothing(local: Any) -> None:
    def register(origin: str) -> httpx.Response:
        answer: httpx.Response = local.client.put(
            "/v1/models/flights/baseline", content=local.document, headers={"origin": origin}
        )
        return answer

    assert register("https://evil.example").status_code == 403
    assert register("null").status_code == 403
    assert register("http://localhost:8000").status_code == 200


def test_insecure_answers_to_any_name(shared_web: Callable[..., Any]) -> None:
    with shared_web(insecure=True) as web:
        assert web.client.get("/v1/models", headers={"host": "monitor.internal"}).status_code == 200


@pytest.fixture(scope="module")
def local(shared_web: Callable[..., Any]) -> Iterator[Any]:
    with shared_web(public_url="https://monitor.example/driftwatch") as web:
        yield web
