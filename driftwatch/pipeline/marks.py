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


RECONSIDER = "reconsider:"
"""With a model's name: from this event time on, in microseconds, it is decided anew whether to retrain it; 0 for no."""


def reconsider(model: str) -> str:
    """When to decide anew whether to retrain a model."""
    return f"{RECONSIDER}{model}"


def began(model: str, model_version: str) -> str:
    """The event time at which a version's first window begins, in microseconds since 1970."""
    return f"began:{model}:{model_version}"


def labels(model: str) -> str:
    """How many labels ever met a prediction of a model, corrections not counted."""
    return f"labels:{model}"


def labels_used(model: str) -> str:
    """How many of them had when a retrain was last asked for."""
    return f"labels_used:{model}"
