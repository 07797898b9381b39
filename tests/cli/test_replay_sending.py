from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driftwatch.capture.answers import Acceptance, Rejection
from driftwatch.cli.events_file import Label, Part, Prediction
from driftwatch.cli.sending import PATIENCE_SECONDS, Result, Sending
from driftwatch.errors import ServiceRejected, ServiceUnavailable

START = datetime(2013, 1, 1, tzinfo=UTC)


class Told:
    """A client that remembers what it was told, and when; time passes only where somebody waits."""

    def __init__(self, trouble: Iterable[Exception] = ()) -> None:
        self.sent: list[tuple[float, str, list[int]]] = []
        self.now = 1_000.0
        self.trouble = list(trouble)
        self.most = 10**9

    def send_predictions(self, model: str, events: list[dict[str, Any]]) -> Acceptance:
        return self._take("prediction", events)

    def send_labels(self, model: str, events: list[dict[str, Any]]) -> Acceptance:
        return self._take("label", events)

    def _take(self, kind: str, events: list[dict[str, Any]]) -> Acceptance:
        if self.trouble:
            raise self.trouble.pop(0)
        if len(events) > self.most:
            raise ServiceRejected("Too large.", status=413)
        rows = [int(event["prediction_id"]) for event in events]
        self.sent.append((self.now - 1_000.0, kind, rows))
        refused = tuple(Rejection(at, "features.x", "Must be a number.") for at, row in enumerate(rows) if row == 13)
        return Acceptance(accepted=len(events) - len(refused), rejected=refused)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def rows(self, kind: str) -> list[int]:
        return [row for _, what, rows in self.sent if what == kind for row in rows]


def part(hours: list[float | None], label_hours: list[float | None], first_row: int = 0) -> Part:
    """Predictions at these hours, with labels at those."""

    def when(hour: float | None) -> datetime | None:
        return None if hour is None else START + timedelta(hours=hour)

    rows = range(first_row, first_row + len(hours))
    return Part(
        len(hours),
        tuple(Prediction(row, when(hour), {"prediction_id": str(row)}) for row, hour in zip(rows, hours, strict=True)),
        tuple(Label(row, when(hour), {"prediction_id": str(row)}) for row, hour in zip(rows, label_hours, strict=True)),
    )


def send(told: Told, parts: list[Part], *, batch: int = 1, speed: float | None = None) -> Result:
    client: Any = told
    sending = Sending(
        client, "m", batch=batch, speed=speed, on_progress=lambda _: None, clock=lambda: told.now, sleep=told.sleep
    )
    sending.run(parts)
    return sending.result


def test_labels_come_when_they_became_known_and_not_before_their_predictions() -> None:
    told = Told()
    send(told, [part([0, 1, 2, 3], [2.5, 1.5, 9, 3])])
    assert [(what, rows) for _, what, rows in told.sent] == [
        ("prediction", [0]),
        ("prediction", [1]),
        ("label", [1]),
        ("prediction", [2]),
        ("label", [0]),
        ("prediction", [3]),
        ("label", [3]),
        ("label", [2]),
    ]


def test_labels_wait_over_the_parts_of_a_file() -> None:
    told = Told()
    result = send(told, [part([0, 1], [5, 2.5]), part([2, 3], [4, 3.5], first_row=2)], batch=10)
    assert told.rows("prediction") == [0, 1, 2, 3]
    assert told.rows("label") == [1, 3, 2, 0]
    assert (result.rows, result.predictions.accepted, result.labels.accepted) == (4, 4, 4)


def test_without_a_speed_nobody_waits_and_requests_are_full() -> None:
    told = Told()
    send(told, [part([float(hour) for hour in range(25)], [100.0 + hour for hour in range(25)])], batch=10)
    assert told.now == 1_000.0
    assert [len(rows) for _, _, rows in told.sent] == [10, 10, 5, 10, 10, 5]


def test_with_a_speed_each_event_is_sent_in_its_time() -> None:
    told = Told()
    send(told, [part([0, 1, 10], [0.5, 2, 30])], batch=10, speed=3_600.0)
    assert told.sent == [
        (0.0, "prediction", [0]),
        (0.5, "label", [0]),
        (1.0, "prediction", [1]),
        (2.0, "label", [1]),
        (10.0, "prediction", [2]),
        (30.0, "label", [2]),
    ]


def test_with_a_high_speed_events_of_a_moment_share_a_request() -> None:
    told = Told()
    hours: list[float | None] = [hour / 100 for hour in range(100)]
    send(told, [part(hours, hours)], batch=1_000, speed=3_600.0)
    assert len([one for one in told.sent if one[1] == "prediction"]) == 4
    assert told.rows("label") == list(range(100))


def test_without_times_labels_follow_their_predictions() -> None:
    told = Told()
    send(told, [part([None, None, None], [None, None, None])], batch=2, speed=1.0)
    assert [(what, rows) for _, what, rows in told.sent] == [
        ("prediction", [0, 1]),
        ("label", [0, 1]),
        ("prediction", [2]),
        ("label", [2]),
    ]


def test_labels_alone_are_sent_in_their_order() -> None:
    told = Told()
    result = send(told, [Part(2, (), part([0, 1], [3, 2]).labels)], batch=10)
    assert told.sent == [(0.0, "label", [1, 0])]
    assert result.rows == 2


def test_a_service_that_is_away_for_a_while_gets_the_same_events() -> None:
    away = ServiceUnavailable("Away.")
    busy = ServiceUnavailable("Busy.", status=503, retry_after_seconds=3.0)
    told = Told([away, busy, away])
    result = send(told, [part([0, 1], [0, 1])], batch=10)
    assert told.rows("prediction") == told.rows("label") == [0, 1]
    assert result.predictions.accepted == 2
    assert told.now >= 1_003.0


def test_a_service_that_stays_away_ends_the_replay_after_a_minute() -> None:
    told = Told([ServiceUnavailable("Away.")] * 1_000)
    with pytest.raises(ServiceUnavailable, match=r"Away\."):
        send(told, [part([0], [0])])
    assert told.now - 1_000.0 == pytest.approx(PATIENCE_SECONDS)


def test_a_request_that_is_too_large_is_sent_in_halves() -> None:
    told = Told()
    told.most = 3
    result = send(told, [part([float(hour) for hour in range(10)], [99.0] * 10)], batch=10)
    assert told.rows("prediction") == list(range(10))
    assert told.rows("label") == list(range(10))
    assert (result.predictions.accepted, result.labels.accepted) == (10, 10)


def test_refused_events_are_counted_and_named_by_their_row() -> None:
    told = Told()
    result = send(told, [part([float(hour) for hour in range(20)], [99.0] * 20)], batch=10)
    assert (result.predictions.accepted, result.predictions.rejected) == (19, 1)
    assert result.refusals[0] == "row 14: features.x: Must be a number."


@pytest.mark.parametrize(("status", "is_counted"), [(422, True), (404, False), (401, False), (400, False)])
def test_only_a_refusal_of_the_events_themselves_is_counted(status: int, is_counted: bool) -> None:
    told = Told([ServiceRejected("No.", field="prediction", status=status)])
    run: Callable[[], Result] = lambda: send(told, [part([0, 1], [9, 9])], batch=2)  # noqa: E731
    if is_counted:
        result = run()
        assert (result.predictions.rejected, result.labels.accepted) == (2, 2)
        assert result.refusals == ["row 1: prediction: No."]
    else:
        with pytest.raises(ServiceRejected):
            run()
