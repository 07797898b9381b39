"""Whether a connection is read from: several reasons may forbid it, and all must have gone before it goes on."""

from __future__ import annotations

import asyncio
from enum import IntFlag


class Reason(IntFlag):
    """Why nothing more is read from a client.

    ``CONNECTING``: there is no connection to the upstream yet. ``UPSTREAM``: it does not take more at the moment.
    ``AHEAD``: enough was sent ahead of an answer.
    """

    CONNECTING = 1
    UPSTREAM = 2
    AHEAD = 4


class Gate:
    """Pauses and resumes the reading of one connection."""

    __slots__ = ("_transport", "reasons")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.reasons = 0

    def shut(self, reason: int) -> None:
        """Read no more."""
        if not self.reasons and not self._transport.is_closing():
            self._transport.pause_reading()
        self.reasons |= reason

    def open(self, reason: int) -> None:
        """Read on, unless there is another reason not to."""
        if self.reasons and not self.reasons & ~reason and not self._transport.is_closing():
            self._transport.resume_reading()
        self.reasons &= ~reason


__all__ = ["Gate", "Reason"]
