"""Counters that go on where they were: kept in the transaction that does what they count.

Prometheus takes a counter that falls for one that began anew, and whoever adds up would miss what was counted between
the last scrape and the end of the process. Kept beside the slices, joins and verdicts that they count, these are
exact however the process ends.
"""

from __future__ import annotations

import json
from collections import Counter

from driftwatch.pipeline.telemetry import LabelSet, Tally, Telemetry
from driftwatch.ports import StateReader, StateTransaction

_PREFIX = "total:"


class Totals:
    """What was ever counted, by name and labels. Used by the thread that steps the pipeline."""

    def __init__(self) -> None:
        self._kept: Counter[tuple[str, LabelSet]] | None = None

    def recall(self, reader: StateReader, telemetry: Telemetry) -> None:
        """Hand what was counted before this process to its telemetry; a second call does nothing."""
        if self._kept is not None:
            return
        self._kept = Counter()
        for name, amount in reader.marks(_PREFIX).items():
            key = _key_of(name)
            self._kept[key] = amount
            telemetry.count(key[0], amount, **dict(key[1]))

    def keep(self, transaction: StateTransaction, tally: Tally) -> Counter[tuple[str, LabelSet]]:
        """Write down the totals with what ``tally`` adds to them; answers what it adds."""
        added = tally.counted()
        for key, amount in added.items():
            transaction.set_mark(_name_of(key), (self._kept or Counter())[key] + amount)
        return added

    def kept(self, added: Counter[tuple[str, LabelSet]]) -> None:
        """Take over what the transaction has kept."""
        if self._kept is not None:
            self._kept.update(added)


def _name_of(key: tuple[str, LabelSet]) -> str:
    name, labels = key
    return f"{_PREFIX}{name}:{json.dumps(dict(labels), sort_keys=True)}"


def _key_of(mark: str) -> tuple[str, LabelSet]:
    name, _, labels = mark.removeprefix(_PREFIX).partition(":")
    return name, tuple(sorted(json.loads(labels).items()))
