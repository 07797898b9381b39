"""A stream goes through the whole pipeline: windows, verdicts, alerts, triggers."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from driftwatch.core.records import AlertKind, AlertState, RetrainState, Status, WindowStage
from driftwatch.errors import StateConflict, UnknownModel
from driftwatch.wire.native import LabelEvent

START = datetime(2026, 1, 5, tzinfo=UTC)


def test_a_day_is_judged_when_the_stream_has_passed_its_end(world) -> None:
    world.day(0)
    assert world.service.operations.windows("flights") == []
    world.day(1)
    (window,) = world.service.operations.windows("flights")
    assert window.stage is WindowStage.CLOSED
    assert window.rows == 200


def test_quality_is_judged_when_the_labels_had_their_time(world) -> None:
    for number in range(3):
        world.day(number)
    first = world.service.operations.windows("flights", limit=5)[-1]
    assert first.stage is WindowStage.COMPLETE
    assert first.labels == 200
    assert first.performance["mae"] == pytest.approx(5.0 * 0.7979, rel=0.25)


def test_nothing_is_alerted_when_nothing_happened(world) -> None:
    for number in range(12):
        world.day(number)
    assert world.service.operations.alerts() == []
    assert world.service.operations.retrains() == []


def test_moved_inputs_are_alerted_and_the_column_is_named(world) -> None:
    for number in range(6):
        world.day(number, moved=1.6)
    kinds = {alert.kind: alert for alert in world.service.operations.alerts()}
    assert kinds[AlertKind.FEATURE_DRIFT].columns == ("distance",)


def test_worse_quality_asks_for_one_retrain_and_tells_the_sink_once(world) -> None:
    for number in range(12):
        world.day(number, error=15.0)
        world.service.runner._deliverer.deliver_due()
    (episode,) = world.service.operations.retrains()
    assert episode.state is RetrainState.DELIVERED
    (message,) = world.sink.messages
    event = msgspec.json.decode(message.body)
    assert event["data"]["retrain_id"] == episode.retrain_id
    assert event["data"]["performance"]["mae"] > 8


def test_an_alert_is_resolved_when_the_inputs_are_back(world) -> None:
    for number in range(20):
        world.day(number, moved=1.6 if number < 4 else 1.0)
    states = [alert.state for alert in world.service.operations.alerts() if alert.kind is AlertKind.FEATURE_DRIFT]
    assert states == [AlertState.RESOLVED]


def test_an_alert_of_a_replaced_version_is_resolved_with_its_last_window(world, fit) -> None:
    for number in range(6):
        world.day(number, error=15.0)
    world.register(fit("2", noise=15.0))
    for number in range(6, 12):
        world.day(number, error=15.0)
    (alert,) = world.service.operations.alerts()
    assert (alert.model_version, alert.state) == ("1", AlertState.RESOLVED)
    assert alert.ended == START + timedelta(days=6)


def test_an_alert_of_an_older_version_that_is_still_served_keeps_firing(world, fit) -> None:
    for number in range(6):
        world.day(number, error=15.0)
    world.register(fit("2", noise=15.0))
    for number in range(6, 12):
        world.day(number, error=15.0, model_version="1")
    (alert,) = world.service.operations.alerts()
    assert (alert.model_version, alert.state) == ("1", AlertState.FIRING)


def test_too_few_rows_say_so(world) -> None:
    for number in range(2):
        world.day(number, rows=5)
    (window,) = world.service.operations.windows("flights")
    assert window.status is Status.INSUFFICIENT_DATA


def test_a_label_may_come_before_its_prediction(world) -> None:
    world.label([LabelEvent(prediction_id="0-0", label=100.0)])
    for number in range(3):
        world.day(number, labelled=False)
    assert world.service.operations.windows("flights", limit=5)[-1].labels == 1


def test_a_corrected_label_replaces_the_first(world) -> None:
    world.day(0, rows=40)
    before = world.service.operations
    world.label([LabelEvent(prediction_id=f"0-{row}", label=1_000.0) for row in range(40)])
    world.settle()
    for number in (1, 2):
        world.day(number)
    window = before.windows("flights", limit=5)[-1]
    assert window.labels == 40
    assert window.performance["mae"] > 500


def test_the_same_label_again_changes_nothing(world) -> None:
    world.day(0, rows=40, labelled=False)
    for _ in range(2):
        world.label([LabelEvent(prediction_id="0-0", label=50.0)])
        world.settle()
    for number in (1, 2):
        world.day(number)
    assert world.service.operations.windows("flights", limit=5)[-1].labels == 1


def test_a_silent_stream_is_judged_when_time_has_passed(world) -> None:
    world.day(0)
    world.clock.advance(timedelta(hours=3))
    world.settle()
    assert len(world.service.operations.windows("flights")) == 1


def test_a_versions_baseline_never_changes(world, fit) -> None:
    with pytest.raises(StateConflict, match="new model_version"):
        world.register(fit("1", noise=9.0))


def test_the_same_baseline_again_changes_nothing(world, fit) -> None:
    world.register(fit("1"))
    assert world.service.operations.models()[0].versions == ("1",)


def test_traffic_without_a_version_goes_to_the_one_registered_last(world, fit) -> None:
    world.register(fit("2"))
    world.day(0)
    world.day(1)
    assert world.service.operations.windows("flights")[0].key.model_version == "2"


def test_an_old_version_never_asks_for_a_retrain(world, fit) -> None:
    world.day(0)
    world.register(fit("2"))
    for number in range(1, 12):
        world.day(number, error=15.0, model_version="1")
    assert any(alert.kind is AlertKind.QUALITY for alert in world.service.operations.alerts())
    assert world.service.operations.retrains() == []


def test_exported_rows_carry_the_labels_that_have_arrived(world) -> None:
    world.day(0, rows=40)
    world.day(1, rows=40, labelled=False)
    parts = list(world.service.operations.export("flights", labelled=True))
    assert sum(len(part.predictions) for part in parts) == 40
    everything = list(world.service.operations.export("flights"))
    assert sum(len(part.predictions) for part in everything) == 80


def test_an_export_of_an_unknown_model_says_so(world) -> None:
    with pytest.raises(UnknownModel):
        world.service.operations.export("nobody")


def test_a_service_that_was_never_started_can_be_closed(make_world) -> None:
    make_world().service.close()
