"""What a check of a data folder finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from driftwatch.stores.snapshot import Snapshot


class Condition(StrEnum):
    """How something is."""

    FINE = "fine"
    REPAIRED = "repaired"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at, how it is, and for a problem what to do."""

    part: str
    condition: Condition
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A data folder while it is looked at.

    Attributes
    ----------
    folder
        The data folder.
    moment
        Both of its databases, pinned.
    held_by
        Who uses it, in words; None while nobody can.
    now
        The time.
    reserve_bytes
        What should be free on its disk.
    contradictions
        What its settings say that does not go together.
    """

    folder: Path
    moment: Snapshot
    held_by: str | None
    now: datetime
    reserve_bytes: int
    contradictions: tuple[str, ...]


def fine(part: str, text: str) -> Diagnosis:
    """It is as it should be."""
    return Diagnosis(part, Condition.FINE, text)


def problem(part: str, text: str) -> Diagnosis:
    """It is not."""
    return Diagnosis(part, Condition.PROBLEM, text)


def repaired(part: str, text: str) -> Diagnosis:
    """It was not, and now is."""
    return Diagnosis(part, Condition.REPAIRED, text)


def some(names: Iterable[str], most: int = 3) -> str:
    """The first few of many names, in words.

    Examples
    --------
    >>> some(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    given = list(names)
    shown = ", ".join(given[:most])
    return f"{shown} and {len(given) - most:,} more" if len(given) > most else shown


__all__ = ["Condition", "Diagnosis", "Patient", "fine", "problem", "repaired", "some"]
