"""Settings that each can work, and do not go together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Protocol


class LifeSettings(Protocol):
    """The settings that say how long things wait and are kept."""

    @property
    def window(self) -> timedelta | int:
        """A window's length; a whole number is rows."""
        ...

    @property
    def label_wait(self) -> timedelta:
        """How long a window waits for labels."""
        ...

    @property
    def label_horizon(self) -> timedelta:
        """How long a prediction waits for its label."""
        ...

    @property
    def log_keep(self) -> timedelta:
        """How long the log keeps a day."""
        ...

    @property
    def spool_rows(self) -> int:
        """Most rows in the spool."""
        ...

    @property
    def file_rows(self) -> int:
        """Rows that make the log's next files."""
        ...


def contradictions(settings: LifeSettings) -> Iterator[str]:
    """What does not go together, and what to do; each is one sentence."""
    window = settings.window if isinstance(settings.window, timedelta) else timedelta(0)
    if settings.label_horizon < window + settings.label_wait:
        yield (
            "label_horizon is shorter than window and label_wait: predictions are forgotten before their window has "
            "waited for labels; raise label_horizon"
        )
    if settings.log_keep < window + settings.label_wait:
        yield (
            "log_keep is shorter than window and label_wait: days leave the log before their quality is judged, and "
            "no retrain can use them; raise log_keep"
        )
    if settings.file_rows > settings.spool_rows:
        yield (
            "file_rows is above spool_rows: a busy spool is full before its rows move to the log; lower file_rows or "
            "raise spool_rows"
        )


__all__ = ["LifeSettings", "contradictions"]
