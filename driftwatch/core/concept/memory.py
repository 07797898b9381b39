"""What the judge of concept drift remembers between windows: numbers and names, fit for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from driftwatch.core.concept.levels import Level

DENSE = 16
"""Every window of the last so many may be where the change began; of those before every second, fourth, and so on."""

OLDEST = 64
"""At most this many times as long ago."""


class AfterAlarm(StrEnum):
    """What happens once concept drift was found."""

    HOLD = "hold"
    REBASE = "rebase"


class Phase(StrEnum):
    """What is done with windows."""

    WATCHING = "watching"
    ALARMED = "alarmed"
    LEARNING = "learning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The windows since one that may be the first after a change.

    Attributes
    ----------
    first
        Its number among the windows that were judged.
    place
        Where it begins, in words.
    stake
        Of the bet that it is.
    levels
        Of all rows since.
    """

    first: int
    place: str
    stake: float
    levels: Mapping[str, Level]


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One of interleaved sequences of windows; there is one where windows do not overlap.

    Attributes
    ----------
    windows
        How many were judged.
    stretches
        Oldest first.
    evidence
        By what is watched, after the last window.
    """

    windows: int = 0
    stretches: tuple[Stretch, ...] = ()
    evidence: Mapping[str, float] = field(default_factory=dict)

    def extended(self, levels: Mapping[str, Level], place: str, stake: float, dense: int) -> Track:
        """With one more window; its evidence is still that of before."""
        from driftwatch.core.concept.levels import merged

        grown = [
            Stretch(first=one.first, place=one.place, stake=one.stake, levels=merged(one.levels, levels))
            for one in self.stretches
            if _is_kept(one.first, self.windows, dense)
        ]
        new = Stretch(first=self.windows, place=place, stake=stake, levels=dict(levels))
        return Track(windows=self.windows + 1, stretches=(*grown, new), evidence=self.evidence)


def _is_kept(first: int, now: int, dense: int) -> bool:
    every = 1
    while now - first > dense * every:
        every *= 2
    return every <= OLDEST and first % every == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConceptMemory:
    """All of it.

    Attributes
    ----------
    phase
        What is done with the next window.
    tracks
        As many as windows overlap.
    moved
        What had moved when it was found; empty while watching.
    since, span
        Where that probably began, in words, and how many windows it took to be found.
    track
        Which of the tracks found it.
    reference, reference_windows
        What took the place of the baseline's after an alarm, and of how many windows; None while nothing did.
    """

    phase: Phase = Phase.WATCHING
    tracks: tuple[Track, ...] = ()
    moved: tuple[str, ...] = ()
    since: str = ""
    span: int = 0
    track: int = 0
    reference: Mapping[str, Level] | None = None
    reference_windows: int = 0
