"""Who may ask for what: looked at before anything else of a request, its body above all.

With tokens, every address but the two of health wants one. Programs show it as ``Authorization: Bearer``. A browser
may show it as the password of HTTP Basic, for reading alone: a browser sends what it remembers on behalf of any
page, so what changes something never believes it. But for CloudEvents: model servers' loggers can show a token in no
other way, and a page cannot make a browser send what is taken for one without asking first.

Without tokens the service is for this machine, and believes what comes from it. A page of another site in a browser
here is kept out by the names that it has to call this machine by.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.types import Scope as Request

from driftwatch.pipeline.telemetry import Telemetry
from driftwatch.web.answer import Answer, HeaderPairs
from driftwatch.web.problems import problem
from driftwatch.web.tokens import Scope, Token, find

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""What a probe asks. It tells nothing of models."""

SHOWN_BY = "driftwatch.token"
"""Where a request that may pass has the name of the token that it showed."""

_INGEST = re.compile(r"/v1/models/[^/]+/(?:predictions|labels)")
CLOUDEVENTS_PATHS = frozenset({"/", "/v1/cloudevents"})
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_REALM = 'realm="driftwatch"'
_FAILED = "auth_failures_total"


def scope_of(method: str, path: str) -> Scope | None:
    """What is needed to ask for this; None where nothing is. What nobody thought of needs ``admin``, unless it reads.

    Examples
    --------
    >>> scope_of("POST", "/v1/models/flights/predictions").value, scope_of("GET", "/v1/alerts").value
    ('ingest', 'read')
    >>> scope_of("PUT", "/v1/models/flights/baseline").value, scope_of("GET", "/metrics").value
    ('admin', 'metrics')
    >>> scope_of("GET", "/healthz") is None
    True
    """
    if method in _SAFE_METHODS:
        if path in OPEN_PATHS:
            return None
        return Scope.METRICS if path == "/metrics" else Scope.READ
    takes_events = _INGEST.fullmatch(path) is not None or path in CLOUDEVENTS_PATHS
    return Scope.INGEST if method == "POST" and takes_events else Scope.ADMIN


class Guard:
    """Lets requests pass, or answers them.

    Parameters
    ----------
    tokens
        Those that are good. Without any, requests are believed that call the service by a name of this machine.
    telemetry
        Counts what is turned away.
    hosts
        Names besides those of this machine that the service without tokens is called by; None for any name.
    """

    def __init__(self, tokens: Sequence[Token], telemetry: Telemetry, hosts: frozenset[str] | None) -> None:
        self._tokens = tuple(tokens)
        self._telemetry = telemetry
        self._hosts = hosts
        for reason in ("missing", "malformed", "unknown", "scope", "foreign"):
            telemetry.count(_FAILED, 0, reason=reason)

    def refusal(self, request: Request) -> Answer | None:
        """The answer to a request that may not pass."""
        scope = scope_of(request["method"], request["path"])
        if scope is None:
            return None
        path, method = request["path"], request["method"]
        headers: list[tuple[bytes, bytes]] = request["headers"]
        if not self._tokens:
            return None if self._hosts is None else self._from_elsewhere(method, headers, self._hosts)
        given = [value for name, value in headers if name == b"authorization"]
        if not given:
            return self._unknown(method, scope, "missing")
        basic = method in _SAFE_METHODS or path in CLOUDEVENTS_PATHS
        shown = _shown(given[0], basic=basic) if len(given) == 1 else None
        if shown is None:
            return self._unknown(method, scope, "malformed")
        token = find(self._tokens, shown)
        if token is None:
            return self._unknown(method, scope, "unknown")
        if not token.allows(scope):
            return self._not_allowed(scope)
        request[SHOWN_BY] = token.name
        return None

    def _unknown(self, method: str, scope: Scope, reason: str) -> Answer:
        self._telemetry.count(_FAILED, reason=reason)
        error = ', error="invalid_token"' if reason == "unknown" else ""
        challenges: list[tuple[bytes, bytes]] = [(b"www-authenticate", f"Bearer {_REALM}{error}".encode())]
        if method in _SAFE_METHODS:
            challenges.append((b"www-authenticate", f'Basic {_REALM}, charset="UTF-8"'.encode()))
        said = {"missing": "There is no token.", "malformed": "The token cannot be read.", "unknown": "No such token."}
        detail = f"{said[reason]} Send Authorization: Bearer and a token with the scope {scope.value}."
        return _turned_away(HTTPStatus.UNAUTHORIZED, "unauthenticated", detail, tuple(challenges))

    def _not_allowed(self, scope: Scope) -> Answer:
        self._telemetry.count(_FAILED, reason="scope")
        challenge = f'Bearer {_REALM}, error="insufficient_scope", scope="{scope.value}"'
        detail = f"The token is not good for this: it lacks the scope {scope.value}."
        return _turned_away(HTTPStatus.FORBIDDEN, "forbidden", detail, ((b"www-authenticate", challenge.encode()),))

    def _from_elsewhere(self, method: str, headers: list[tuple[bytes, bytes]], hosts: frozenset[str]) -> Answer | None:
        """Another site's page that reaches this machine through its visitor's browser names itself, or a wrong host."""
        given = dict(headers)
        host, origin = given.get(b"host"), given.get(b"origin")
        if host and not _is_own(b"//" + host, hosts):
            detail = (
                "Without tokens the service answers to names of this machine alone. "
                "Ask at 127.0.0.1, set public_url to the name in use, or give it tokens."
            )
        elif origin is not None and method not in _SAFE_METHODS and not _is_own(origin, hosts):
            detail = "A page of another site may change nothing here."
        else:
            return None
        self._telemetry.count(_FAILED, reason="foreign")
        return _turned_away(HTTPStatus.FORBIDDEN, "forbidden", detail, ())


def is_loopback(host: str) -> bool:
    """Whether an address or a name can be reached from this machine alone.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@lru_cache(maxsize=256)
def _is_own(address: bytes, hosts: frozenset[str]) -> bool:
    try:
        host = urlsplit(address.decode("latin-1")).hostname
    except ValueError:
        return False
    return host is not None and (is_loopback(host) or host in hosts)


def _shown(authorization: bytes, *, basic: bool) -> str | None:
    """The token in a header; None where there is none, or the browser's way is not enough."""
    kind, _, rest = authorization.decode("latin-1").partition(" ")
    rest = rest.strip(" ")
    if kind.lower() == "bearer":
        return rest or None
    if kind.lower() != "basic" or not basic:
        return None
    try:
        _, colon, password = base64.b64decode(rest, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return password if colon and password else None


def _turned_away(status: HTTPStatus, kind: str, detail: str, headers: HeaderPairs) -> Answer:
    return problem(status, kind, detail, field="Authorization" if headers else "Host", headers=headers)


__all__ = ["CLOUDEVENTS_PATHS", "OPEN_PATHS", "Guard", "is_loopback", "scope_of"]
