"""What is taken in, and what is rejected with which reason."""

from datetime import UTC, datetime

import pytest

from driftwatch.errors import UnknownModel
from driftwatch.wire.native import LabelEvent, PredictionEvent

GOOD = {"features": {"distance": 100.0, "carrier": "AA"}, "prediction": 12.5}


def submit(world, *events: dict):
    return world.service.ingest.predictions(
        "flights", [(index, PredictionEvent(**one)) for index, one in enumerate(events)]
    )


@pytest.mark.parametrize(
    ("event", "field", "says"),
    [
        ({**GOOD, "features": {"distance": "far"}}, "features.distance", "not the text 'far'"),
        ({**GOOD, "prediction": "soon"}, "prediction", "must be a number"),
        ({**GOOD, "event_time": datetime(2036, 1, 1, tzinfo=UTC)}, "event_time", "in the future"),
        ({**GOOD, "model_version": "9"}, "model_version", "no version '9'"),
        ({**GOOD, "features": {f"f{n}": 1.0 for n in range(10_000)}}, "features", "10,000 entries"),
        ({**GOOD, "prediction_id": "x" * 300}, "prediction_id", "1 to 256 characters"),
    ],
)
def test_a_bad_event_is_rejected_with_its_field_and_the_rest_is_taken(world, event, field, says) -> None:
    submission = submit(world, GOOD, event, GOOD)
    (rejection,) = submission.rejections
    assert (rejection.index, rejection.field) == (1, field)
    assert says in rejection.problem
    assert sum(receipt.result(5).accepted for receipt in submission.receipts) == 2


def test_a_rejected_event_leaves_no_trace(world) -> None:
    submit(world, {**GOOD, "prediction_id": "a", "prediction": "soon"})
    submission = submit(world, {**GOOD, "prediction_id": "a"})
    assert submission.receipts[0].result(5).accepted == 1


def test_missing_features_are_missing_values(world) -> None:
    assert not submit(world, {"features": {}, "prediction": 1.0}).rejections


def test_features_that_the_schema_does_not_know_are_kept_in_the_log(world) -> None:
    submit(world, {**GOOD, "features": {**GOOD["features"], "weather": "rain"}})
    world.settle()
    (part,) = world.service.operations.export("flights")
    assert part.predictions.extra["weather"].to_list() == ["rain"]


def test_ids_come_back_in_the_order_of_the_request(world, fit) -> None:
    world.register(fit("2"))
    submission = submit(
        world,
        {**GOOD, "prediction_id": "a", "model_version": "1"},
        {**GOOD, "prediction_id": "b", "model_version": "2"},
        {**GOOD, "prediction_id": "c", "model_version": "1"},
    )
    assert submission.prediction_ids == ("a", "b", "c")


def test_an_event_without_an_id_gets_one_that_sorts_by_time(world) -> None:
    first, second = submit(world, GOOD, GOOD).prediction_ids
    assert first != second
    assert first[14] == "7"


def test_the_same_prediction_again_is_a_duplicate(world) -> None:
    submit(world, {**GOOD, "prediction_id": "a"})
    (receipt,) = submit(world, {**GOOD, "prediction_id": "a"}).receipts
    assert receipt.result(5).duplicates == (0,)


@pytest.mark.parametrize("label", ["late", True])
def test_a_label_of_the_wrong_type_is_rejected(world, label) -> None:
    submission = world.service.ingest.labels("flights", [(0, LabelEvent(prediction_id="a", label=label))])
    assert submission.rejections[0].field == "label"
    assert not submission.receipts


def test_events_of_an_unknown_model_are_refused(world) -> None:
    with pytest.raises(UnknownModel, match="PUT /v1/models/nobody/baseline"):
        world.service.ingest.predictions("nobody", [(0, PredictionEvent(**GOOD))])
