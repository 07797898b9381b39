"""What every protocol of model servers promises, for each of ``driftwatch.wire.INFERENCE_FORMATS``."""

import pytest

from driftwatch.errors import EventError
from driftwatch.wire import INFERENCE_FORMATS
from driftwatch.wire.exchange import Request, Response
from driftwatch.wire.inference import Expected, events_of

# A new protocol adds one line: a path, and how a row of 1 and 2 that is answered with 5 is written in it.
SAMPLES: dict[str, tuple[str, bytes, bytes]] = {
    "oip_v2": (
        "/v2/models/m/infer",
        b'{"inputs": [{"name": "in", "shape": [1, 2], "datatype": "INT8", "data": [1, 2]}]}',
        b'{"outputs": [{"name": "out", "shape": [1], "datatype": "INT8", "data": [5]}]}',
    ),
    "kserve_v1": ("/v1/models/m:predict", b'{"instances": [[1, 2]]}', b'{"predictions": [5]}'),
    "tf_serving": ("/v1/models/m/versions/1:predict", b'{"inputs": [[1, 2]]}', b'{"outputs": [[5]]}'),
    "mlflow": ("/invocations", b'{"instances": [[1, 2]]}', b'{"predictions": [5]}'),
    "seldon_v1": ("/api/v1.0/predictions", b'{"data": {"ndarray": [[1, 2]]}}', b'{"data": {"ndarray": [5]}}'),
}
every_format = pytest.mark.parametrize("name", INFERENCE_FORMATS)
EXPECTED = Expected(("x", "y"), ())


def sample(name: str) -> tuple[Request, Response]:
    path, asked, told = SAMPLES[name]
    return Request(path, {}, asked), Response({}, told)


@every_format
def test_a_request_is_known_by_its_path_and_before_other_formats(name: str) -> None:
    request, _ = sample(name)
    assert INFERENCE_FORMATS[name].route.fullmatch(request.path)
    assert next(one for one, kind in INFERENCE_FORMATS.items() if kind.sniff(request)) == name


@every_format
def test_a_row_and_its_answer_are_one_event(name: str) -> None:
    found = events_of(INFERENCE_FORMATS[name].decode(*sample(name)), EXPECTED, prediction_id="a", event_time=1.0)
    [event] = found.rows
    assert (event.features, event.prediction, event.score) == ({"x": 1, "y": 2}, 5, None)
    assert (event.prediction_id, event.event_time) == ("a", 1.0)


@every_format
def test_features_that_nobody_named_are_told_apart(name: str) -> None:
    found = events_of(INFERENCE_FORMATS[name].decode(*sample(name)), Expected(), prediction_id="a", event_time=1.0)
    assert found.unnamed
    assert found.rows[0].features == {"x0": 1, "x1": 2}


@every_format
@pytest.mark.parametrize("part", [0, 1])
def test_a_body_that_was_cut_short_is_refused(name: str, part: int) -> None:
    path, *bodies = SAMPLES[name]
    for length in range(len(bodies[part]) - 1):
        cut = [*bodies]
        cut[part] = bodies[part][:length]
        with pytest.raises(EventError):
            INFERENCE_FORMATS[name].decode(Request(path, {}, cut[0]), Response({}, cut[1]))


@every_format
def test_a_request_without_an_id_has_none(name: str) -> None:
    assert INFERENCE_FORMATS[name].request_id(sample(name)[0]) is None
