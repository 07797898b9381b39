"""What is told. Adding a sink is one new file with a class that fits `driftwatch.ports.Sink`, and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from driftwatch.ports import Sink
from driftwatch.sinks.webhook import WebhookSink

SINKS: Mapping[str, type[Sink]] = {
    "webhook": WebhookSink,
}

__all__ = ["SINKS"]
