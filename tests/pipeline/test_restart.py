"""The service is closed and opened again mid-window, on real files: everything goes on as if it had not been."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from driftwatch.bootstrap import Service, assemble
from driftwatch.settings import load_settings
from driftwatch.stores.log import ParquetLog
from driftwatch.stores.spool import SqliteSpool
from driftwatch.stores.state import SqlState
from driftwatch.testing import ManualClock, RecordingSink
from driftwatch.wire.native import LabelEvent
from tests.pipeline.streams import Flight, flights

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SEGMENTS = ("", "carrier=AA", "carrier=DL", "carrier=UA")

PLANS = {
    "time": {"window": "6h"},
    "sliding": {"window": "6h", "slide": "2h"},
    "rows": {"window": "100 rows", "false_alarms": "1 per 100 windows"},
    "sliding rows": {"window": "100 rows", "slide": "50 rows", "slice": "25 rows", "false_alarms": "1 per 100 windows"},
}


@dataclass
class Place:
    """A data folder, and a service on it that can be closed and opened again."""

    folder: Path
    options: dict[str, object]
    clock: ManualClock
    service: Service | None = None

    def open(self) -> Service:
        self.folder.mkdir(exist_ok=True)
        sink = RecordingSink()
        self.service = assemble(
            load_settings(**self.options),
            spool=SqliteSpool(self.folder / "spool.db", horizon_seconds=1e6, max_rows=100_000),
            log=ParquetLog(self.folder / "log"),
            state=SqlState.open(f"sqlite:///{self.folder / 'state.db'}"),
            clock=self.clock,
            told={sink.name: sink},
        )
        return self.service

    def close(self) -> None:
        assert self.service is not None
        self.service.close()

    def take(self, predictions: list[Flight], labels: list[LabelEvent]) -> None:
        assert self.service is not None
        submitted = [
            self.service.ingest.predictions("flights", list(enumerate(one.prediction for one in predictions))),
            self.service.ingest.labels("flights", list(enumerate(labels))),
        ]
        for submission in submitted:
            assert not submission.rejections
            for receipt in submission.receipts:
                receipt.result(10)

    def settle(self) -> None:
        assert self.service is not None
        while self.service.pipeline.step():
            continue

    def told(self) -> list[object]:
        assert self.service is not None
        operations = self.service.operations
        windows = [one for name in SEGMENTS for one in operations.windows("flights", segment=name, limit=999)]
        alerts = [(one.kind, one.segment, one.started, one.ended) for one in operations.alerts()]
        return [*windows, *sorted(alerts, key=str)]


@pytest.mark.parametrize("plan", PLANS)
def test_a_service_that_is_restarted_mid_window_says_what_it_says_without(tmp_path, fit, plan: str) -> None:
    """Rows and labels come late in places, and there is a correction, so that windows are judged again, too."""
    options = {**PLANS[plan], "segments": ("carrier",), "label_wait": "8h", "minimum_rows": 5, "again_after": "0s"}
    clocks = [ManualClock(START + timedelta(days=3)) for _ in range(2)]
    steady, restarted = (Place(tmp_path / name, options, clock) for name, clock in zip("ab", clocks, strict=True))
    given = flights(START, 600, 3 * MINUTE)
    late = {number: given[number * 60 : number * 60 + 5] for number in range(10)}
    for place in (steady, restarted):
        place.open()
        place.service.operations.register_baseline("flights", fit().to_json())
        for number in range(10):
            part = given[number * 60 + 5 : number * 60 + 60] + (late[number - 3] if number >= 3 else [])
            labels = [one.label for one in given[(number - 2) * 60 + 5 : (number - 2) * 60 + 55]] if number >= 2 else []
            if number == 8:
                labels += [LabelEvent(prediction_id=given[70].label.prediction_id, label=500.0)]
            place.take(part, labels)
            if place is restarted:
                # What is acknowledged and not yet counted is in the spool: the next one takes it.
                place.close()
                place.open()
            place.settle()
            if place is restarted:
                place.close()
                place.open()
            place.clock.advance(MINUTE)
        place.settle()
    assert len(steady.told()) > 8
    assert restarted.told() == steady.told()
    for place in (steady, restarted):
        place.close()
