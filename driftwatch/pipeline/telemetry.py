"""What the service counts about itself; the metrics page is drawn from a snapshot of it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LabelSet = tuple[tuple[str, str], ...]
Durations = Sequence[float] | NDArray[np.float64]

DELAY_BOUNDS_SECONDS = (60.0, 600.0, 3_600.0, 6 * 3_600.0, 86_400.0, 3 * 86_400.0, 7 * 86_400.0, 30 * 86_400.0)


@dataclass(frozen=True, slots=True)
class HistogramValue:
    """Cumulative counts at ``bounds`` (seconds) and above them all, and the sum of what was observed."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All counters and histograms at one moment, by name and labels."""

    counters: Mapping[tuple[str, LabelSet], int]
    histograms: Mapping[tuple[str, LabelSet], HistogramValue]


class Telemetry:
    """Counters and histograms, safe to use from any thread.

    Examples
    --------
    >>> telemetry = Telemetry()
    >>> telemetry.count("predictions_total", 3, model="flights")
    >>> telemetry.snapshot().counters
    {('predictions_total', (('model', 'flights'),)): 3}
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: dict[tuple[str, LabelSet], int] = {}
        self._histograms: dict[tuple[str, LabelSet], tuple[list[int], float]] = {}
        self._revision = 0

    @property
    def revision(self) -> int:
        """A number that grows whenever something changed that the metrics page shows."""
        return self._revision

    def touch(self) -> None:
        """Say that something else which the page shows has changed."""
        with self._lock:
            self._revision += 1

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter; adding nothing makes it appear with 0."""
        key = (name, tuple(sorted(labels.items())))
        with self._lock:
            self._counters[key] = self._counters.get(key, 0) + amount
            self._revision += 1

    def observe(self, name: str, values_seconds: Durations, **labels: str) -> None:
        """Add to a histogram of durations, in seconds."""
        key = (name, tuple(sorted(labels.items())))
        values = np.asarray(values_seconds, dtype=np.float64)
        buckets = np.searchsorted(DELAY_BOUNDS_SECONDS, values)
        added = np.bincount(buckets, minlength=len(DELAY_BOUNDS_SECONDS) + 1)
        with self._lock:
            counts, total = self._histograms.get(key) or ([0] * len(added), 0.0)
            counts = [count + more for count, more in zip(counts, added.tolist(), strict=True)]
            self._histograms[key] = (counts, total + float(values.sum()))
            self._revision += 1

    def snapshot(self) -> Snapshot:
        """Everything, as it is now."""
        with self._lock:
            histograms = {key: _cumulative(counts, total) for key, (counts, total) in self._histograms.items()}
            return Snapshot(dict(self._counters), histograms)


class Tally:
    """What a transaction counts: published when it is kept, forgotten when it is not."""

    def __init__(self) -> None:
        self._counts: list[tuple[str, int, dict[str, str]]] = []
        self._observed: list[tuple[str, Durations, dict[str, str]]] = []

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Like :meth:`Telemetry.count`, later."""
        self._counts.append((name, amount, labels))

    def observe(self, name: str, values_seconds: Durations, **labels: str) -> None:
        """Like :meth:`Telemetry.observe`, later."""
        self._observed.append((name, values_seconds, labels))

    def counted(self) -> Counter[tuple[str, LabelSet]]:
        """What is added to each counter."""
        found: Counter[tuple[str, LabelSet]] = Counter()
        for name, amount, labels in self._counts:
            found[name, tuple(sorted(labels.items()))] += amount
        return found

    def publish(self, telemetry: Telemetry) -> None:
        """Hand everything on."""
        for name, amount, labels in self._counts:
            telemetry.count(name, amount, **labels)
        for name, values_seconds, labels in self._observed:
            telemetry.observe(name, values_seconds, **labels)


def _cumulative(counts: list[int], total: float) -> HistogramValue:
    running, cumulative = 0, []
    for count in counts:
        running += count
        cumulative.append(running)
    return HistogramValue(DELAY_BOUNDS_SECONDS, tuple(cumulative), total)
