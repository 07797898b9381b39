"""Flights in a stream of any shape, and what was said of them, to compare one telling with another."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from driftwatch.core.records import WindowRecord
from driftwatch.wire.native import LabelEvent, PredictionEvent

CARRIERS = ("AA", "DL", "UA")


@dataclass(frozen=True)
class Flight:
    """One prediction and its label."""

    prediction: PredictionEvent
    label: LabelEvent


def flights(
    start: datetime,
    count: int,
    every: timedelta,
    *,
    seed: int = 0,
    moved: float = 1.0,
    error: float = 5.0,
    name: str = "",
    **fields: Any,
) -> list[Flight]:
    """Flights from ``start`` on; each label is known two hours after its prediction."""
    rng = np.random.default_rng(seed)
    distance = rng.gamma(4.0, 200.0, count) * moved
    carrier = rng.choice(CARRIERS, count, p=[0.5, 0.3, 0.2])
    truth = distance / 8 + rng.normal(0.0, error, count)
    made = []
    for row in range(count):
        moment, key = start + row * every, f"{name}{start:%d%H%M}-{row}"
        made.append(
            Flight(
                PredictionEvent(
                    prediction_id=key,
                    event_time=moment,
                    features={"distance": float(distance[row]), "carrier": str(carrier[row])},
                    prediction=float(distance[row] / 8),
                    **fields,
                ),
                LabelEvent(prediction_id=key, label=float(truth[row]), event_time=moment + timedelta(hours=2)),
            )
        )
    return made


def send(world: Any, given: Sequence[Flight], *, labelled: bool = True) -> None:
    """Send flights, their labels with them, and let the pipeline take them."""
    if given:
        world.predict([one.prediction for one in given])
        if labelled:
            world.label([one.label for one in given])
    world.settle()


def told(world: Any, segment: str = "", **options: Any) -> list[WindowRecord]:
    """What was said of every window, oldest first, without when and how often it was said."""
    found = world.service.operations.windows("flights", segment=segment, limit=1_000, **options)
    return [replace(one, judged_at=None, revised=0) for one in reversed(found)]


def counted(world: Any, name: str, **labels: str) -> int:
    """A counter of the service, over all labels that are not given."""
    wanted = set(labels.items())
    counters = world.service.telemetry.snapshot().counters
    return sum(amount for (one, given), amount in counters.items() if one == name and wanted <= set(given))
