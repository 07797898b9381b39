"""A service of in-memory parts, and a model to watch: minutes of a flight, predicted from its distance."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from driftwatch.bootstrap import Service, assemble
from driftwatch.core.baseline import Baseline
from driftwatch.ports import SpoolReceipt
from driftwatch.settings import load_settings
from driftwatch.testing import ManualClock, MemoryLog, MemorySpool, MemoryState, RecordingSink
from driftwatch.wire.native import LabelEvent, PredictionEvent

START = datetime(2026, 1, 5, tzinfo=UTC)
MODEL = "flights"


def fitted(model_version: str = "1", *, noise: float = 5.0, segments: Sequence[str] = ()) -> Baseline:
    rng = np.random.default_rng(7)
    distance = rng.gamma(4.0, 200.0, 4_000)
    predicted = distance / 8
    reference = {
        "distance": distance,
        "carrier": rng.choice(["AA", "DL", "UA"], 4_000, p=[0.5, 0.3, 0.2]),
        "predicted": predicted,
        "minutes": predicted + rng.normal(0.0, noise, 4_000),
    }
    held_out = {name: values[-1_000:] for name, values in reference.items()}
    return Baseline.fit(
        reference,
        evaluation=held_out,
        model=MODEL,
        model_version=model_version,
        task="regression",
        label="minutes",
        prediction="predicted",
        segments=segments,
    )


QUALITY_ALONE = {"concept_drift": 0.0}
"""One kind tells of a worse model in these stories; concept drift, which would as well, has stories of its own."""


@dataclass
class World:
    """A service, a clock, and shorthands to send a day of flights and its labels."""

    service: Service
    clock: ManualClock
    sink: RecordingSink
    state: MemoryState
    spool: MemorySpool
    log: MemoryLog
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(11))

    def register(self, baseline: Baseline | None = None) -> None:
        self.service.operations.register_baseline(MODEL, (baseline or fitted()).to_json())

    def predict(self, events: Sequence[PredictionEvent]) -> list[SpoolReceipt]:
        submission = self.service.ingest.predictions(MODEL, list(enumerate(events)))
        assert not submission.rejections
        return [one.result(10) for one in submission.receipts]

    def label(self, events: Sequence[LabelEvent]) -> list[SpoolReceipt]:
        submission = self.service.ingest.labels(MODEL, list(enumerate(events)))
        assert not submission.rejections
        return [one.result(10) for one in submission.receipts]

    def day(
        self,
        number: int,
        *,
        rows: int = 200,
        error: float = 5.0,
        moved: float = 1.0,
        labelled: bool = True,
        model_version: str | None = None,
        name: str = "",
    ) -> None:
        """Send a day of predictions and, two hours after each, its label."""
        begin = START + timedelta(days=number)
        distance = self.rng.gamma(4.0, 200.0, rows) * moved
        carrier = self.rng.choice(["AA", "DL", "UA"], rows, p=[0.5, 0.3, 0.2])
        times = [begin + timedelta(minutes=1_439 * row / rows) for row in range(rows)]
        self.predict(
            [
                PredictionEvent(
                    prediction_id=f"{name}{number}-{row}",
                    event_time=times[row],
                    features={"distance": float(distance[row]), "carrier": str(carrier[row])},
                    prediction=float(distance[row] / 8),
                    model_version=model_version,
                )
                for row in range(rows)
            ]
        )
        if labelled:
            truth = distance / 8 + self.rng.normal(0.0, error, rows)
            self.label(
                [
                    LabelEvent(
                        prediction_id=f"{name}{number}-{row}",
                        label=float(truth[row]),
                        event_time=times[row] + timedelta(hours=2),
                    )
                    for row in range(rows)
                ]
            )
        self.settle()

    def settle(self) -> None:
        while self.service.pipeline.step():
            continue


@pytest.fixture(scope="session")
def fit() -> Callable[..., Baseline]:
    return fitted


@pytest.fixture
def make_world() -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(**options: object) -> World:
        options.setdefault("shares", QUALITY_ALONE)
        clock = ManualClock(datetime(2026, 11, 1, tzinfo=UTC))
        spool, log, state, sink = MemorySpool(), MemoryLog(), MemoryState(), RecordingSink()
        service = assemble(
            load_settings(**options), spool=spool, log=log, state=state, clock=clock, told={sink.name: sink}
        )
        made.append(World(service, clock, sink, state, spool, log))
        return made[-1]

    yield make
    for world in made:
        world.service.spool.close()
        world.service.state.close()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    one = make_world()
    one.register()
    return one
