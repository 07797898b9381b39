"""Heads of HTTP/1.1 messages, read strictly: what two readers could take for two different things is refused.

References
----------
RFC 9112 (HTTP/1.1), sections 2.2, 3, 5.2, 6.1, 6.3 and 11.2; RFC 9110, section 7.6.1.
"""

from __future__ import annotations

import re
from http import HTTPStatus

MOST_HEAD_BYTES = 64 * 1024
MOST_FIELDS = 200

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([!-~\x80-\xff]+) HTTP/1\.([01])")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [\t -~\x80-\xff]*)?")
_FIELDS = re.compile(rb"(?:" + _TOKEN + rb":[\t -~\x80-\xff]*\r\n)*")
_FIELD = re.compile(_TOKEN + rb":[\t -~\x80-\xff]*\r\n")
_LENGTH = re.compile(rb"[0-9]{1,18}")
BARE_LINE_END = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)")

_HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"te", b"upgrade"})
_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"host", b"trailer"})
_LOOKED_AT = _HOP_BY_HOP | _FRAMING | {b"expect"}

Field = tuple[bytes, bytes, bytes]
"""A header: its name in lower case, its value, and its line as it came."""


class Refused(Exception):
    """A message that is not passed on: the status to answer with, and why."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        self.status = status
        self.detail = detail
        super().__init__(detail)


def _bad(detail: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, detail)


class _Head:
    __slots__ = ("chunked", "fields", "length", "minor", "options", "te_trailers", "upgrade")

    def __init__(self, minor: int, block: bytes) -> None:
        self.minor = minor
        self.length: int | None = None
        self.chunked = False
        self.upgrade = b""
        self.te_trailers = False
        self.options: frozenset[bytes] = frozenset()
        if not _FIELDS.fullmatch(block):
            raise _bad("A header is malformed.")
        lines = block.split(b"\r\n")
        lines.pop()
        if len(lines) > MOST_FIELDS:
            raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"There are more than {MOST_FIELDS} headers.")
        self.fields: list[Field] = []
        hosts = 0
        for line in lines:
            name, _, value = line.partition(b":")
            name = name.lower()
            value = value.strip(b" \t")
            self.fields.append((name, value, line))
            if name in _LOOKED_AT:
                hosts += name == b"host"
                self._look_at(name, value)
        if self.chunked and self.length is not None:
            raise _bad("A message has both Content-Length and Transfer-Encoding.")
        if hosts > 1:
            raise _bad("There is more than one Host.")
        self._check(hosts)

    def _check(self, hosts: int) -> None:
        pass

    def _look_at(self, name: bytes, value: bytes) -> None:
        if name == b"content-length":
            if self.length is not None or not _LENGTH.fullmatch(value):
                raise _bad("Content-Length is no single number.")
            self.length = int(value)
        elif name == b"transfer-encoding":
            if self.minor == 0:
                raise _bad("HTTP/1.0 has no Transfer-Encoding.")
            if self.chunked or value.lower() != b"chunked":
                raise Refused(HTTPStatus.NOT_IMPLEMENTED, "Transfer-Encoding is not chunked alone.")
            self.chunked = True
        elif name == b"connection":
            self.options |= {one.strip(b" \t").lower() for one in value.split(b",")}
        elif name == b"upgrade":
            self.upgrade = value.lower()
        elif name == b"te":
            self.te_trailers = b"trailers" in value.lower()

    def value(self, name: bytes) -> bytes | None:
        """The first value of a header."""
        return next((value for found, value, _ in self.fields if found == name), None)

    def kept_lines(self) -> list[bytes]:
        """The lines that are passed on: all but those that are of this connection alone."""
        dropped = _HOP_BY_HOP
        if self.options:
            dropped = dropped | (self.options - _FRAMING)
        return [line for name, _, line in self.fields if name not in dropped]


class RequestHead(_Head):
    """What a client asks."""

    __slots__ = ("expects_continue", "method", "path", "target")

    def __init__(self, block: bytes) -> None:
        line, _, rest = block.partition(b"\r\n")
        found = _REQUEST_LINE.fullmatch(line)
        if found is None:
            raise _bad("The request line is malformed.")
        self.method, self.target = found[1], found[2]
        self.expects_continue = False
        super().__init__(int(found[3]), rest[:-2])
        self.path = self.target.partition(b"?")[0].decode("latin-1")

    def _check(self, hosts: int) -> None:
        if self.minor == 1 and not hosts:
            raise _bad("There is no Host.")
        if self.method == b"CONNECT":
            raise Refused(HTTPStatus.NOT_IMPLEMENTED, "CONNECT is not for a reverse proxy.")

    def _look_at(self, name: bytes, value: bytes) -> None:
        if name == b"expect":
            self.expects_continue = value.lower() == b"100-continue"
        else:
            super()._look_at(name, value)

    @property
    def keeps_alive(self) -> bool:
        """Whether the client goes on using its connection."""
        return self.minor == 1 and b"close" not in self.options

    @property
    def is_websocket(self) -> bool:
        """Whether it asks for a WebSocket (RFC 6455)."""
        return self.upgrade == b"websocket" and b"upgrade" in self.options and self.method == b"GET"

    @property
    def has_body(self) -> bool:
        """Whether a body follows."""
        return self.chunked or bool(self.length)

    def forwarded(self) -> bytes:
        """The head as the upstream gets it."""
        lines = self.kept_lines()
        if self.minor == 0 and self.value(b"host") is None:
            # HTTP/1.1 wants one, and an empty one where the client named none.
            lines.insert(0, b"Host:")
        if self.is_websocket:
            lines += [b"Upgrade: websocket", b"Connection: Upgrade"]
        elif self.te_trailers:
            lines += [b"TE: trailers", b"Connection: TE"]
        return b"%b %b HTTP/1.1\r\n%b\r\n\r\n" % (self.method, self.target, b"\r\n".join(lines))


class ResponseHead(_Head):
    """What the upstream answers."""

    __slots__ = ("line", "status")

    def __init__(self, block: bytes) -> None:
        line, _, rest = block.partition(b"\r\n")
        found = _STATUS_LINE.fullmatch(line)
        if found is None:
            raise _bad("The status line is malformed.")
        self.status = int(found[2])
        self.line = b"HTTP/1.1" + line[8:]
        super().__init__(int(found[1]), rest[:-2])

    @property
    def keeps_alive(self) -> bool:
        """Whether the upstream goes on using its connection."""
        if self.minor == 0:
            return b"keep-alive" in self.options
        return b"close" not in self.options

    def has_body(self, method: bytes) -> bool:
        """Whether a body may follow (RFC 9112, section 6.3)."""
        return method != b"HEAD" and self.status >= 200 and self.status not in {204, 304}

    def forwarded(self, more: list[bytes], *, without_chunks: bool = False) -> bytes:
        """The head as the client gets it, with more lines."""
        lines = self.kept_lines()
        if without_chunks:
            lines = [line for line in lines if not line.lower().startswith(b"transfer-encoding:")]
        return b"\r\n".join([self.line, *lines, *more, b"", b""])


def is_trailer(line: bytes) -> bool:
    """Whether a line may stand behind a chunked body: a header, but none that says how to read the message."""
    return _FIELD.fullmatch(line) is not None and line.partition(b":")[0].lower() not in _FRAMING


__all__ = ["BARE_LINE_END", "MOST_HEAD_BYTES", "Field", "Refused", "RequestHead", "ResponseHead", "is_trailer"]
