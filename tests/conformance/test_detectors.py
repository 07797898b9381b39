"""Every detector of the table, every check: a new one is tested by being listed."""

from __future__ import annotations

import csv
import inspect
import json
import random
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import driftwatch.detectors
from driftwatch.core.detectors import DETECTORS, Detector, detector_of
from driftwatch.errors import SettingError

GOLDEN = Path(__file__).parent.parent / "golden" / "detectors.csv"
NEEDS = {"e_detector": {"reference": (np.random.default_rng(5).random(2_000) < 0.3).astype(float)}}
"""What a detector cannot be made without."""

NAMES = list(DETECTORS)
PUBLISHED = set(NAMES) - {"geometric_average"}
"""But for the example in CONTRIBUTING.md, which a test adds to a copy of the project."""


def made(name: str, **parameters: object) -> Detector:
    return DETECTORS[name](**{**NEEDS.get(name, {}), **parameters})


@cache
def stream(name: str) -> np.ndarray:
    """The streams of the golden table; rows 10 to 12 are those of the list that they were published with."""
    if name == "row 10":
        rng = np.random.RandomState(31)
        return np.concatenate([rng.normal(0, 0.5, 100), rng.normal(4, 0.2, 100), rng.normal(6, 0.5, 100)])
    if name == "row 11":
        draw = random.Random(12345)
        return np.array(draw.choices([0, 1], k=1000) + draw.choices(range(4, 8), k=1000), dtype=float)
    if name == "row 12":
        draw = random.Random(42)
        return np.array(draw.choices([0, 1], k=1000) + draw.choices([0, 1], k=1000, weights=[0.3, 0.7]), dtype=float)
    draw = random.Random(7)
    shares = ((0.1, 3000), (0.3, 1000), (0.15, 2000))
    return np.array([x for p, k in shares for x in draw.choices([0, 1], k=k, weights=[1 - p, p])], dtype=float)


def risen(seed: int = 3) -> np.ndarray:
    """Errors of a model that becomes worse in the middle."""
    return (np.random.default_rng(seed).random(4_000) < np.repeat([0.1, 0.8], 2_000)).astype(float)


def golden():
    with GOLDEN.open(newline="") as file:
        return list(csv.DictReader(file))


def first_warnings(signals: np.ndarray) -> list[int]:
    """The first warning, and the first one after each drift."""
    found, looking = [], True
    for index, said in enumerate(signals.tolist()):
        if said == 1 and looking:
            found.append(index)
        looking = said == 2 or (looking and said != 1)
    return found


@pytest.mark.parametrize("row", golden(), ids=lambda row: f"{row['detector']} on {row['stream']}: {row['source'][:20]}")
def test_golden_detections(row):
    signals = made(row["detector"], **json.loads(row["parameters"])).signals(stream(row["stream"]))
    drifts, warnings = ([int(one) for one in row[column].split()] for column in ("drifts", "warnings"))
    assert np.flatnonzero(signals == 2).tolist()[: len(drifts) if "first" in row["source"] else None] == drifts
    if warnings:
        assert first_warnings(signals)[: len(warnings)] == warnings


def test_the_table_lists_each_under_its_own_name_and_the_public_module_has_them_all():
    assert all(name == detector.name for name, detector in DETECTORS.items())
    public = [getattr(driftwatch.detectors, name) for name in driftwatch.detectors.__all__]
    assert all(detector in public for name, detector in DETECTORS.items() if name in PUBLISHED)
    with pytest.raises(AttributeError, match="no attribute 'ADWIM'"):
        driftwatch.detectors.ADWIM  # noqa: B018


@pytest.mark.parametrize("name", NAMES)
def test_a_rise_of_the_error_rate_is_detected_after_it_happened(name):
    found = made(name).update_many(risen())
    assert len(found[found >= 2_000])


@pytest.mark.parametrize("name", NAMES)
def test_one_by_one_says_what_many_at_once_say(name):
    values = risen()
    one, signals = made(name), made(name).signals(values)
    assert {1, 2} & set(signals.tolist())
    for value, said in zip(values.tolist(), signals.tolist(), strict=True):
        one.update(value)
        assert (one.drift_detected, one.warning_detected) == (said == 2, said == 1)
    assert np.flatnonzero(signals == 2).tolist() == made(name).update_many(values).tolist()


@pytest.mark.parametrize("name", NAMES)
def test_cutting_a_stream_into_batches_changes_nothing(name):
    values, cut = risen(), made(name)
    parts = [cut.signals(part) for part in np.split(values, [1, 7, 999, 1_000, 2_503])]
    assert np.concatenate(parts).tolist() == made(name).signals(values).tolist()


@pytest.mark.parametrize("name", NAMES)
def test_missing_values_are_not_counted_and_nothing_is_said_after_them(name):
    values = risen()
    where = np.sort(np.random.default_rng(1).choice(len(values), 200, replace=False))
    holed = np.insert(values, where, np.nan)
    is_hole = np.isnan(holed)
    signals = made(name).signals(holed)
    assert not signals[is_hole].any()
    assert signals[~is_hole].tolist() == made(name).signals(values).tolist()
    detector = made(name)
    detector.update(np.nan)
    assert [detector.drift_detected, detector.warning_detected] == [False, False]


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"e_detector"}))
def test_infinite_values_are_not_counted(name):
    values = risen()
    holed = np.insert(values, [5, 700], [np.inf, -np.inf])
    assert made(name).signals(holed)[np.isfinite(holed)].tolist() == made(name).signals(values).tolist()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("values", [[], [0.0], [1.0] * 500, [0.0] * 500, [1e300, -1e300] * 50, [5e-324] * 400])
def test_odd_streams_raise_nothing_and_leave_a_state_that_can_be_written(name, values):
    detector = made(name)
    assert len(detector.signals(values)) == len(values)
    assert detector_of(json.loads(json.dumps(detector.to_document(), allow_nan=False))).to_document()


@pytest.mark.parametrize("name", NAMES)
def test_reset_forgets_every_value(name):
    detector = made(name)
    detector.update_many(risen(8)[:3_000])
    detector.reset()
    assert not detector.drift_detected
    assert detector.signals(risen()).tolist() == made(name).signals(risen()).tolist()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15)
@given(cut=st.integers(0, 4_000), seed=st.integers(0, 2**16))
def test_a_detector_that_was_written_down_and_read_goes_on_as_it_would_have(name, cut, seed):
    values, detector = risen(seed), made(name)
    detector.signals(values[:cut])
    document = json.loads(json.dumps(detector.to_document(), allow_nan=False))
    read = detector_of(document)
    assert type(read) is type(detector)
    assert (read.drift_detected, read.warning_detected) == (detector.drift_detected, detector.warning_detected)
    assert read.signals(values[cut:]).tolist() == detector.signals(values[cut:]).tolist()
    assert read.to_document() == detector.to_document()


@pytest.mark.parametrize("name", NAMES)
def test_an_altered_document_is_refused(name):
    detector = made(name)
    detector.update_many(risen()[:500])
    document = detector.to_document()
    altered = [
        None,
        {},
        {**document, "detector": "sundial"},
        {**document, "version": 2},
        {**document, "said": 7},
        {**document, "state": document["state"][:-1]},
        {**document, "state": [*document["state"], 0.0]},
        {**document, "state": ["much", *document["state"][1:]]},
        {**document, "state": [9.0, *document["state"][1:]]},
        {**document, "parameters": {"nonsense": 1}},
        {key: value for key, value in document.items() if key != "parameters"},
    ]
    for one in altered:
        with pytest.raises(ValueError, match=r"document|state|bets|could not convert"):
            detector_of(one)
        with pytest.raises(ValueError, match=r"document|state|bets|could not convert"):
            DETECTORS[name].from_document(one)


@pytest.mark.parametrize("name", NAMES)
def test_values_of_two_dimensions_are_refused(name):
    with pytest.raises(ValueError, match="one dimension, not 2"):
        made(name).signals(np.zeros((2, 2)))


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_documented_kept_and_refused_where_it_cannot_be(name):
    detector = DETECTORS[name]
    text = inspect.getdoc(detector)
    assert "Examples\n--------" in text
    assert "References\n----------" in inspect.getmodule(detector).__doc__
    for parameter in inspect.signature(detector).parameters:
        assert re.search(rf"^(\w+, )*{parameter}\b", text, re.MULTILINE), parameter
        if name != "e_detector":
            assert parameter in made(name).parameters
            if parameter != "two_sided_test":
                with pytest.raises(SettingError, match=parameter):
                    made(name, **{parameter: -1})
                with pytest.raises(SettingError, match=parameter):
                    made(name, **{parameter: "many"})
    assert name in repr(made(name)).lower().replace("detector", "_detector") or repr(made(name)).endswith(")")
