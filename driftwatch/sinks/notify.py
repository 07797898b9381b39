"""Chat, mail and pagers, through Apprise (the extra ``notify``): whatever it has an address for.

Addresses of Apprise hold tokens and passwords, so they are read from a file or the environment. Those services know no
keys: a delivery whose answer was lost is sent again. Give each service that others must not wait for a sink of its own.

References
----------
Apprise, https://github.com/caronc/apprise/wiki: addresses of services.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from driftwatch.errors import SettingError, SinkUnavailable
from driftwatch.ports import OutboxMessage
from driftwatch.sinks.notice import ALERT_FIRING, ALERT_RESOLVED, Notice, notice_of
from driftwatch.sinks.options import EVERYTHING, SinkKind, SinkOptions, Told
from driftwatch.sinks.secret import needed

if TYPE_CHECKING:
    from apprise import Apprise

_MOST_ADDRESSES = 100
_MOST_COLUMNS = 20
_LINKS = ("page_url", "events_url", "alert_url")


class NotifyOptions(SinkOptions):
    """The table of a sink for people."""

    told: frozenset[Told] = Field(EVERYTHING, min_length=1, description="What it is told of: triggers, alerts.")
    addresses_file: Path | None = Field(None, description="Apprise's addresses, one a line; # begins a comment.")
    addresses_env: str | None = None


class NotifySink:
    """Writes to people: what is the matter, in which columns, and where to look.

    Parameters
    ----------
    options
        Its table in the configuration.

    Raises
    ------
    SettingError
        Apprise is not installed, or an address is none of its.
    """

    def __init__(self, options: NotifyOptions) -> None:
        self.name, self.takes = options.name, options.takes
        self._timeout_seconds = options.timeout_seconds
        self._addresses = needed(options.secret("addresses"), "addresses")
        # What it logs may show an address.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        try:
            self._services()
        except ImportError:
            raise SettingError(
                "needs Apprise, which is not installed.",
                field="kind",
                remedy="Install driftwatch-monitor[notify].",
            ) from None

    def __repr__(self) -> str:
        return f"NotifySink({self.name})"

    def deliver(self, message: OutboxMessage) -> str:
        """Write to every address.

        Raises
        ------
        SinkUnavailable
            Not every one was reached; Apprise does not say whether it ever will be.
        """
        from apprise import NotifyType

        notice = notice_of(message)
        kinds = {ALERT_FIRING: NotifyType.WARNING, ALERT_RESOLVED: NotifyType.SUCCESS}
        services = self._services()
        try:
            told = services.notify(
                body=_text(notice), title=notice.fields["title"], notify_type=kinds.get(notice.type, NotifyType.INFO)
            )
        except Exception as error:  # noqa: BLE001 - a service of Apprise may raise anything, and its text show an address
            raise SinkUnavailable(f"{self.name} could not be told ({type(error).__name__}).") from None
        if not told:
            raise SinkUnavailable(f"Not every address of {self.name} could be told.")
        return f"told {len(services)} addresses"

    def _services(self) -> Apprise:
        from apprise import Apprise, AppriseAsset

        lines = [line.strip() for line in self._addresses.text().splitlines()]
        addresses = [line for line in lines if line and not line.startswith("#")]
        if not 0 < len(addresses) <= _MOST_ADDRESSES:
            problem = f"must hold 1 to {_MOST_ADDRESSES} addresses, one a line."
            raise SettingError(problem, field="addresses", remedy="See Apprise's wiki.")
        services = Apprise(asset=AppriseAsset(http_redirects=False, secure_logging=True))
        for number, address in enumerate(addresses, 1):
            if not services.add(address):
                raise SettingError(
                    f"number {number} is no address of Apprise.", field="addresses", remedy="See Apprise's wiki."
                )
        for service in services:
            service.redirects = False
            service.socket_connect_timeout = service.socket_read_timeout = self._timeout_seconds
        return services


def _text(notice: Notice) -> str:
    """What people read."""
    fields = notice.fields
    lines = [fields["reason"] or fields["title"]]
    if fields["segment"]:
        lines.append(f"Segment: {fields['segment']}")
    if notice.columns:
        more = len(notice.columns) - _MOST_COLUMNS
        lines.append(
            "Columns: " + ", ".join(notice.columns[:_MOST_COLUMNS]) + (f" and {more} more" if more > 0 else "")
        )
    lines += [f"Version: {fields['model_version']}"] if fields["model_version"] else []
    lines += [fields[name] for name in _LINKS if fields[name]][:1]
    return "\n".join(lines)


NOTIFY = SinkKind("Chat, mail and pagers through Apprise", NotifyOptions, NotifySink)

__all__ = ["NOTIFY", "NotifyOptions", "NotifySink"]
