"""What a buffer has to know of its process: that it forked, and that it ends."""

from __future__ import annotations

import atexit
import os
import sys
import time
import weakref
from typing import Protocol


class Mortal(Protocol):
    """Something that starts anew in a child process, and sends what it holds before the end."""

    @property
    def limits(self) -> Limits:
        """Its limits."""
        ...

    @property
    def holds_calls(self) -> bool:
        """Whether something still waits to be sent."""
        ...

    def hurry(self) -> None:
        """Begin to send."""
        ...

    def close(self, timeout_seconds: float) -> bool:
        """Send what is held."""
        ...

    def begin_in_child(self) -> None:
        """Forget the parent's."""
        ...


class Limits(Protocol):
    """How long the end may take."""

    @property
    def exit_seconds(self) -> float:
        """The time limit for the last events."""
        ...


class Lifetime:
    """Follows a buffer through forks and to the end of the process, without keeping it alive."""

    def __init__(self, buffer: Mortal) -> None:
        _LIVING.add(buffer)
        if not _HOOKED_TO and hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_begin_all_in_child)
            _HOOKED_TO.add("fork")

    def watch_exit(self) -> None:
        """Have every buffer closed when this process ends; once a process."""
        here = f"exit of {os.getpid()}"
        if here in _HOOKED_TO:
            return
        _HOOKED_TO.add(here)
        atexit.unregister(close_all)
        atexit.register(close_all)
        processes = sys.modules.get("multiprocessing.process")
        if processes is not None and processes.parent_process() is not None:
            from multiprocessing.util import Finalize

            # A child of multiprocessing ends without running what atexit knows.
            Finalize(None, close_all, exitpriority=100)


_LIVING: weakref.WeakSet[Mortal] = weakref.WeakSet()
_HOOKED_TO: set[str] = set()


def close_all() -> None:
    """Give all buffers their last moments, at the same time."""
    holding = [buffer for buffer in list(_LIVING) if buffer.holds_calls]
    now = time.monotonic()
    deadlines = [now + buffer.limits.exit_seconds for buffer in holding]
    for buffer in holding:
        buffer.hurry()
    for buffer, deadline in zip(holding, deadlines, strict=True):
        buffer.close(max(0.0, deadline - time.monotonic()))


def _begin_all_in_child() -> None:
    for buffer in list(_LIVING):
        buffer.begin_in_child()


__all__ = ["Lifetime", "Mortal", "close_all"]
