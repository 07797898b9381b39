"""Names of the whole numbers that say how far the service has come."""

from __future__ import annotations

APPLIED = "applied"
"""Spool entries up to this sequence are in slices, joined and judged."""

PLANNED = "planned"
"""Spool entries up to this sequence are being written to the log."""

LOGGED = "logged"
"""Spool entries up to this sequence are in files that count."""


def latest_event(model: str) -> str:
    """A model's latest event time, in microseconds since 1970."""
    return f"latest_event:{model}"


def latest_received(model: str) -> str:
    """When the event with the latest time was received, in microseconds since 1970."""
    return f"latest_received:{model}"


def forgotten(model: str) -> str:
    """Predictions and labels before this event time no longer wait for each other."""
    return f"forgotten:{model}"
