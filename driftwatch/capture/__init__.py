"""What runs in or before the model server. The names are imported when they are first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from driftwatch.capture.answers import Acceptance, Rejection
    from driftwatch.capture.buffer import BufferLimits, Dropped
    from driftwatch.capture.client import Client
    from driftwatch.capture.middleware import CaptureMiddleware
    from driftwatch.capture.requests import Request
    from driftwatch.capture.watching import watch
    from driftwatch.capture.wrapper import Watched

__all__ = [
    "Acceptance",
    "BufferLimits",
    "CaptureMiddleware",
    "Client",
    "Dropped",
    "Rejection",
    "Request",
    "Watched",
    "watch",
]

_HOME = {
    "Acceptance": "answers",
    "BufferLimits": "buffer",
    "CaptureMiddleware": "middleware",
    "Client": "client",
    "Dropped": "buffer",
    "Rejection": "answers",
    "Request": "requests",
    "Watched": "wrapper",
    "watch": "watching",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
