"""What one sender can make the service keep is bounded by settings."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from driftwatch.core.baseline import Baseline
from driftwatch.core.events import PredictionBatch
from driftwatch.pipeline.extra_features import LONGEST_NAME
from driftwatch.settings import load_settings
from tests.web.conftest import MODEL, event

MOMENT = datetime(2026, 1, 5, tzinfo=UTC)


def with_features(prediction_id: str, **features: Any) -> dict[str, Any]:
    one = event(prediction_id, MOMENT)
    return {**one, "features": {**one["features"], **features}}


def logged(web: Any) -> list[str]:
    """Names of the extra columns that were spooled."""
    found: dict[str, None] = {}
    for entry in web.service.spool.read(0, 1_000):
        if isinstance(entry.batch, PredictionBatch):
            found |= dict.fromkeys(entry.batch.extra.columns)
    return list(found)


def counted(web: Any) -> dict[str, int]:
    counters = web.service.telemetry.snapshot().counters
    return {dict(labels)["outcome"]: n for (name, labels), n in counters.items() if name == "extra_features_total"}


def test_features_that_the_baseline_does_not_know_are_logged_and_counted(web: Any) -> None:
    web.send("predictions", [with_features("a", b=1, c="x"), with_features("b", c=None), with_features("c")])
    assert logged(web) == ["b", "c"]
    assert counted(web) == {"logged": 2, "dropped": 0}
    assert 'driftwatch_extra_features_total{model="flights",outcome="logged"}' in metrics(web)


def metrics(web: Any) -> str:
    import time

    deadline = time.monotonic() + 10
    while "extra_features_total{" not in (text := web.client.get("/metrics").text) and time.monotonic() < deadline:
        time.sleep(0.05)
    return str(text)


def test_features_without_end_make_no_columns_without_end(make_web: Callable[..., Any]) -> None:
    web = make_web(max_extra_features=3)
    web.register()
    for n in range(10):
        web.send("predictions", [with_features(f"{n}", **{f"made-up-{n}": n})])
    web.send("predictions", [with_features("again", **{"made-up-0": 0})])
    assert logged(web) == ["made-up-0", "made-up-1", "made-up-2"]
    assert counted(web) == {"logged": 4, "dropped": 7}


def test_a_feature_with_an_endless_name_is_dropped_and_its_event_taken(web: Any) -> None:
    web.send("predictions", [with_features("a", **{"x" * (LONGEST_NAME + 1): 1})])
    assert logged(web) == []
    assert counted(web) == {"logged": 0, "dropped": 1}


def test_a_missing_feature_is_a_missing_value(web: Any) -> None:
    one = event("a", MOMENT)
    del one["features"]["distance"], one["features"]["carrier"]
    web.send("predictions", [one])
    (entry,) = web.service.spool.read(0, 10)
    assert entry.batch.columns["distance"].to_list() == entry.batch.columns["carrier"].to_list() == [None]


def test_an_event_has_at_most_so_many_features(make_web: Callable[..., Any]) -> None:
    web = make_web(max_features=5)
    web.register()
    good, bad = event("a", MOMENT), with_features("b", **{f"f{n}": n for n in range(4)})
    answer = web.send("predictions", [good, bad])
    assert answer["accepted"] == 1
    assert [(one["index"], one["field"]) for one in answer["rejected"]] == [(1, "features")]


@pytest.mark.parametrize(
    ("setting", "field"), [({"max_columns": 2}, "columns"), ({"max_categories": 5}, "columns.colour")]
)
def test_a_baseline_has_at_most_so_many_columns_and_categories(
    make_web: Callable[..., Any], setting: dict[str, int], field: str
) -> None:
    web = make_web(**setting)
    rng = np.random.default_rng(3)
    reference = {
        "x": rng.normal(size=500),
        "colour": rng.choice([f"colour {n}" for n in range(6)], 500),
        "y": rng.normal(size=500),
    }
    document = Baseline.fit(reference, model=MODEL).to_json()
    answer = web.client.put(f"/v1/models/{MODEL}/baseline", content=document)
    assert answer.status_code == 422
    assert answer.json()["field"] == field
    assert next(iter(setting)) in answer.json()["detail"]
    assert web.client.get("/v1/models").json() == []


def test_there_are_at_most_so_many_models(make_web: Callable[..., Any]) -> None:
    web = make_web(max_models=1)
    web.register()
    document = Baseline.fit({"x": np.arange(100.0)}, model="another").to_json()
    assert web.client.put("/v1/models/another/baseline", content=document).status_code == 409


@pytest.mark.parametrize(
    "name", ["max_body_bytes", "max_head_bytes", "max_headers", "max_features", "max_columns", "max_categories"]
)
def test_every_bound_is_a_setting_with_a_least_value(name: str) -> None:
    from driftwatch.errors import SettingError

    with pytest.raises(SettingError, match=name):
        load_settings(**{name: 0})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("window", False),
        ("window", 0),
        ("window", "0s"),
        ("lateness", -5),
        ("lateness", "9" * 30 + "h"),
        ("ahead", 1e18),
    ],
)
def test_a_length_of_time_that_cannot_be_is_a_setting_error(name: str, value: object) -> None:
    from driftwatch.errors import SettingError

    with pytest.raises(SettingError, match=name):
        load_settings(**{name: value})
