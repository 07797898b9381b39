"""What is seen while the replay runs: a bar on a terminal, a line a month elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """How things stand after a day. ``error`` is that of the last week's arrived labels, minutes."""

    day: datetime
    error: float
    model_version: str
    alerts: int
    retraining: bool = False

    def __str__(self) -> str:
        words = f"{self.day:%Y-%m-%d}  version {self.model_version}  error {self.error:4.1f} min  alerts {self.alerts}"
        return f"{words}  retraining" if self.retraining else words


class Display(Protocol):
    """Shows moments, and says what is worth a line of its own."""

    def show(self, moment: Moment) -> None:
        """Show how things stand now."""
        ...

    def say(self, text: str) -> None:
        """Say something once."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def display(console: Console, days: int) -> Display:
    """The display that suits the console."""
    if console.is_terminal and not console.is_dumb_terminal:
        return Bar(console, days)
    return Lines(console)


class Bar:
    """A bar that moves a day at a time."""

    def __init__(self, console: Console, days: int) -> None:
        columns = (BarColumn(bar_width=12), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, transient=True)
        self._task = self._progress.add_task("", total=days)
        self._day: datetime | None = None

    def show(self, moment: Moment) -> None:
        """Show how things stand now."""
        new_day = moment.day != self._day
        self._day = moment.day
        self._progress.update(self._task, advance=1 if new_day else 0, description=str(moment))

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._progress.console.print(text, highlight=False, markup=False)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


class Lines:
    """A line for the first day shown of each month."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._month = 0

    def show(self, moment: Moment) -> None:
        """Print how things stand, once a month."""
        if moment.day.month != self._month:
            self._month = moment.day.month
            self.say(str(moment))

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None
