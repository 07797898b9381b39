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


@pytest.mark.slow
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


@pytest.mark.parametrize(
    ("before", "after"),
    [("time", "sliding"), ("time", "rows"), ("rows", "time"), ("rows", "sliding rows"), ("sliding rows", "rows")],
)
def test_windows_that_are_cut_otherwise_after_a_restart_begin_anew(tmp_path, fit, before: str, after: str) -> None:
    """Labels of what came before find no window; what was said of former windows stays."""
    place = Place(tmp_path / "data", {**PLANS[before], "segments": ("carrier",)}, ManualClock(START))
    place.open()
    place.service.operations.register_baseline("flights", fit().to_json())
    old, new = flights(START, 450, 3 * MINUTE), flights(START + timedelta(days=3), 450, 3 * MINUTE, seed=1)
    place.clock.advance(timedelta(days=5))
    place.take(old, [])
    place.settle()
    former = place.service.operations.windows("flights", limit=99)
    place.close()
    place.options = {**PLANS[after], "segments": ("carrier",)}
    place.open()
    place.take(new, [one.label for one in old])
    place.settle()
    place.take([], [one.label for one in new])
    place.clock.advance(timedelta(days=3))
    place.settle()
    windows = place.service.operations.windows("flights", limit=99)
    assert all(one in windows for one in former)
    fresh = [one for one in windows if one not in former]
    assert len(fresh) >= 3
    assert min(one.key.start for one in fresh) >= START + timedelta(days=2)
    assert all(one.labels == one.rows for one in fresh)
    if after in ("time", "rows"):
        complete = 450 if after == "time" else 400
        assert sum(one.rows for one in fresh) == complete
    place.close()


def test_nothing_begins_anew_where_windows_are_cut_as_before(tmp_path, fit) -> None:
    place = Place(tmp_path / "data", PLANS["time"], ManualClock(START + timedelta(days=2)))
    place.open()
    place.service.operations.register_baseline("flights", fit().to_json())
    given = flights(START, 200, 3 * MINUTE)
    for part in (given[:50], given[50:]):
        place.take(part, [])
        place.settle()
        place.close()
        place.open()
    place.clock.advance(timedelta(days=3))
    place.settle()
    assert sum(one.rows for one in place.service.operations.windows("flights", limit=9)) == 200
    place.close()
