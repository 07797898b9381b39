"""Any HTTP interface by a template: Jenkins, GitLab, and whatever has an address.

Fields such as ``{model}`` are replaced by their texts, each as its place wants it: percent-encoded in the address, as a
form or as JSON in the body. Nothing is computed. ``{secret}`` stands for the secret, in headers and forms alone.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, field_validator, model_validator

from driftwatch.errors import SinkRejected
from driftwatch.ports import OutboxMessage
from driftwatch.sinks.notice import Notice, notice_of
from driftwatch.sinks.options import HttpOptions, SinkKind, checked_address, checked_template
from driftwatch.sinks.receiver import Receiver
from driftwatch.sinks.secret import Secret, needed, optional

_SECRET = "{secret}"  # noqa: S105 - stands for one
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_IN_HEADER = re.compile(r"[\x20-\x7e]*")
_MOST_ENTRIES = 100


def _checked(value: Any, *, secret: bool) -> None:
    """Every text in it is a template; only where it may, one has the secret."""
    if isinstance(value, str):
        checked_template(value.replace(_SECRET, "") if secret else value)
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            _checked(one, secret=secret)


class TemplateOptions(HttpOptions):
    """The table of a templated request. The body is the CloudEvent, unless there is a ``form`` or ``json``."""

    url: str = Field(description="The address; fields may stand in its path and query.")
    method: Literal["POST", "PUT", "PATCH"] = Field("POST", description="Of the request.")
    headers: dict[str, str] = Field({}, max_length=_MOST_ENTRIES, description="Headers besides the usual ones.")
    form: dict[str, str] | None = Field(None, max_length=_MOST_ENTRIES, description="A form's fields.")
    json_body: dict[str, Any] | None = Field(
        None, alias="json", max_length=_MOST_ENTRIES, description="A JSON object; every text in it is a template."
    )
    fine: frozenset[int] = Field(frozenset(), description="Statuses besides those of the 200s that are well.")
    user: str | None = Field(None, min_length=1, description="Of HTTP Basic, with the secret as the password.")
    secret_file: Path | None = Field(None, description="What {secret} stands for.")
    secret_env: str | None = None

    @field_validator("url")
    @classmethod
    def _with_fields(cls, url: str) -> str:
        checked_template(url)
        if "{" in url.partition("://")[2].partition("/")[0]:
            raise ValueError("must have no field in its host")
        checked_address(re.sub(r"\{[a-z_]+\}", "x", url))
        return url

    @model_validator(mode="after")
    def _fits(self) -> TemplateOptions:
        for name, text in self.headers.items():
            if not _HEADER_NAME.fullmatch(name) or name.lower() in {"host", "content-length", "transfer-encoding"}:
                raise ValueError(f"headers: {name[:64]} can be no header of a template")
            _checked(text, secret=True)
        _checked(self.form, secret=True)
        _checked(self.json_body, secret=False)
        if self.form is not None and self.json_body is not None:
            raise ValueError("form and json are both given: one is enough")
        return self

    @property
    def names_secret(self) -> bool:
        """Whether it stands somewhere."""
        texts = [*self.headers.values(), *(self.form or {}).values()]
        return self.user is not None or any(_SECRET in text for text in texts)


class TemplateSink:
    """Sends a request that is written in the configuration; the message's key is in ``webhook-id``.

    Parameters
    ----------
    options
        Its table in the configuration.
    """

    def __init__(self, options: TemplateOptions) -> None:
        self.name, self.takes = options.name, options.takes
        self._options = options
        scheme, _, rest = options.url.partition("://")
        authority, slash, path = rest.partition("/")
        self._path = slash + path
        self._receiver = Receiver(
            f"{scheme}://{authority}", timeout_seconds=options.timeout_seconds, ca_file=options.ca_file
        )
        found = options.secret("secret")
        self._secret: Secret | None = (needed if options.names_secret else optional)(found, "secret")

    def __repr__(self) -> str:
        return f"TemplateSink({self.name}, {self._receiver.host})"

    def deliver(self, message: OutboxMessage) -> str:
        """Send it.

        Raises
        ------
        SinkUnavailable, SinkRejected
        """
        notice, options = notice_of(message), self._options
        headers = {"webhook-id": message.message_id}
        for name, text in options.headers.items():
            headers[name.lower()] = self._in_header(notice, text)
        if options.user is not None:
            assert self._secret is not None
            pair = f"{options.user}:{self._secret.text()}".encode()
            headers["authorization"] = "Basic " + base64.b64encode(pair).decode()
        path = notice.filled(self._path, lambda text: quote(text, safe=""))
        form = None if options.form is None else {one: self._with_secret(notice, t) for one, t in options.form.items()}
        content = None
        if form is None and options.json_body is None:
            content = message.body.encode()
            headers.setdefault("content-type", "application/cloudevents+json")
        reply = self._receiver.ask(
            options.method,
            path,
            headers=headers,
            form=form,
            json=None if options.json_body is None else notice.filled_throughout(options.json_body),
            content=content,
            fine=options.fine,
        )
        return f"delivered to {self._receiver.host} ({reply.status})"

    def _with_secret(self, notice: Notice, text: str) -> str:
        # The secret is put in last: a field's text that looks like it stays a text.
        parts = [notice.filled(part) for part in text.split(_SECRET)]
        return (self._secret.text() if self._secret is not None and len(parts) > 1 else "").join(parts)

    def _in_header(self, notice: Notice, text: str) -> str:
        value = self._with_secret(notice, text)
        if not _IN_HEADER.fullmatch(value):
            raise SinkRejected("A header would have characters that none may have. Put that field into the body.")
        return value


TEMPLATE = SinkKind("A template: Jenkins, GitLab and others", TemplateOptions, TemplateSink)

__all__ = ["TEMPLATE", "TemplateOptions", "TemplateSink"]
