"""The document of a baseline: its round trip, its size, and what is refused."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.core.baseline import Baseline
from driftwatch.core.frames import to_table
from driftwatch.core.profile import Profile
from driftwatch.errors import BaselineError

RNG = np.random.default_rng(5)
N = 600
BASELINE = Baseline.fit(
    {
        "x": RNG.normal(size=N),
        "c": RNG.choice(["red", "grün", "blue"], N),
        "b": RNG.random(N) < 0.5,
        "note": [f"text {i}" for i in range(N)],
        "y": RNG.choice(["0", "1"], N),
        "p": RNG.choice(["0", "1"], N),
        "s": RNG.random(N),
        "ts": pd.date_range("2024-01-01", periods=N, freq="min"),
    },
    model="flights",
    model_version="7",
    label="y",
    prediction="p",
    score="s",
    timestamp="ts",
    fitted_at=dt.datetime(2024, 3, 1, 12, tzinfo=dt.UTC),
)
TEXT = BASELINE.to_json()


def test_the_round_trip_is_exact():
    again = Baseline.from_json(TEXT)
    assert again.to_json() == TEXT
    assert again.schema == BASELINE.schema
    assert (again.model, again.model_version, again.n_rows) == ("flights", "7", N)
    assert again.fitted_at == BASELINE.fitted_at
    assert again.notices == BASELINE.notices
    assert again.performance == BASELINE.performance
    assert again.natural == BASELINE.natural
    for name, column in BASELINE.columns.items():
        assert again.columns[name].counts.tolist() == column.counts.tolist()
        assert again.columns[name].psi_starts.tolist() == column.psi_starts.tolist()
        assert again.columns[name].moments == column.moments
    assert again.columns["x"].cells.edges.tolist() == BASELINE.columns["x"].cells.edges.tolist()
    assert Baseline.from_json(TEXT.encode()).to_json() == TEXT


def test_the_document_names_its_format_version_and_checksum():
    document = json.loads(TEXT)
    assert document["format"] == "driftwatch-baseline"
    assert document["format_version"] == 1
    canonical = json.dumps(document["baseline"], sort_keys=True, separators=(",", ":"))
    assert document["checksum"] == "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def test_another_order_of_keys_and_other_spaces_are_the_same_document():
    assert Baseline.from_json(json.dumps(json.loads(TEXT), indent=2, sort_keys=True)).to_json() == TEXT


def test_the_document_keeps_within_its_size():
    n = 120_000
    rng = np.random.default_rng(1)
    data = {f"x{i}": rng.standard_cauchy(n) * 10.0 ** (20 * i - 200) for i in range(20)}
    data |= {f"c{i}": rng.choice([f"category {j}" for j in range(60)], n) for i in range(5)}
    text = Baseline.fit(data).to_json()
    assert len(text) <= 1_000_000
    columns = json.loads(text)["baseline"]["columns"]
    assert max(len(json.dumps(column)) for column in columns) <= 60_000


def test_the_document_holds_no_rows():
    secret = "a value that only one row has"
    data = {"x": np.arange(200.0), "c": ["a", "b"] * 100, "t": [secret] + [f"other {i}" for i in range(199)]}
    assert secret not in Baseline.fit(data).to_json()


@given(st.integers(0, len(TEXT) - 1))
def test_a_document_cut_short_is_refused(length):
    with pytest.raises(BaselineError) as caught:
        Baseline.from_json(TEXT[:length])
    assert caught.value.remedy


@given(st.data())
def test_an_altered_document_is_refused_or_says_the_same(data):
    place = data.draw(st.integers(0, len(TEXT) - 1))
    letter = data.draw(st.sampled_from('0129aez"{}[],:. -'))
    altered = TEXT[:place] + letter + TEXT[place + 1 :]
    with suppress(BaselineError):
        assert Baseline.from_json(altered).to_json() == TEXT


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"format_version": 2}, "format_version", "format version 2; this driftwatch reads version 1"),
        ({"format_version": None}, "format_version", "format version None"),
        ({"format": "something"}, "format", "no driftwatch baseline"),
        ({"checksum": "sha256:0"}, "checksum", "was altered"),
        ({"baseline": []}, "checksum", "was altered"),
    ],
)
def test_another_envelope_is_refused_by_name(change, field, words):
    with pytest.raises(BaselineError, match=words) as caught:
        Baseline.from_json(json.dumps({**json.loads(TEXT), **change}))
    assert caught.value.field == field


@pytest.mark.parametrize("text", ["", "[]", "null", "7", "not JSON", "[" * 100_000, b"\xff\xfe\x00"])
def test_what_is_no_document_is_refused(text):
    with pytest.raises(BaselineError):
        Baseline.from_json(text)


def test_an_oversized_document_is_refused_unread():
    with pytest.raises(BaselineError, match="bytes"):
        Baseline.from_json(" " * (64 * 1024 * 1024 + 1))


def sealed(content):
    """A document with a right checksum, whatever its content."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    checksum = "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
    envelope = {"format": "driftwatch-baseline", "format_version": 1, "checksum": checksum, "baseline": content}
    return json.dumps(envelope)


def column(content, name):
    return next(one for one in content["columns"] if one["name"] == name)


def edges_descend(content):
    column(content, "x")["edges"].reverse()


def edge_is_infinite(content):
    column(content, "x")["edges"][-1] = float("inf")


def count_is_negative(content):
    column(content, "c")["counts"][0] = -1


def count_is_missing(content):
    column(content, "c")["counts"].pop()


def count_is_fractional(content):
    column(content, "c")["counts"][0] = 1.5


def count_is_too_many(content):
    column(content, "c")["counts"][0] = 10 * N


def moments_do_not_fit(content):
    column(content, "x")["moments"]["count"] += 1


def bins_do_not_ascend(content):
    column(content, "x")["psi_starts"][1] = 0


def bins_go_beyond(content):
    column(content, "x")["psi_starts"][-1] = 10_000


def names_repeat(content):
    column(content, "c")["names"][0] = column(content, "c")["names"][1]


def name_is_a_number(content):
    column(content, "c")["names"][0] = 3


def kind_is_unknown(content):
    column(content, "c")["kind"] = "colour"


def column_repeats(content):
    content["columns"].append(content["columns"][0])


def columns_are_gone(content):
    content["columns"] = []


def label_is_gone(content):
    content["columns"] = [one for one in content["columns"] if one["name"] != "y"]


def key_is_gone(content):
    del content["n_rows"]


def performance_is_of_another_task(content):
    content["performance"]["sums"]["classes"] = ["0", "2"]


def distance_is_negative(content):
    content["natural"]["loss"] = {"3600": -1.0}


def time_is_no_time(content):
    content["fitted_at"] = "yesterday"


def list_is_endless(content):
    content["notices"] = ["x"] * 10_001


@pytest.mark.parametrize(
    "spoil",
    [
        edges_descend, edge_is_infinite, count_is_negative, count_is_missing, count_is_fractional, count_is_too_many,
        moments_do_not_fit, bins_do_not_ascend, bins_go_beyond, names_repeat, name_is_a_number, kind_is_unknown,
        column_repeats, columns_are_gone, label_is_gone, key_is_gone, performance_is_of_another_task,
        distance_is_negative, time_is_no_time, list_is_endless,
    ],
)  # fmt: skip
def test_content_that_cannot_be_is_refused_though_its_checksum_fits(spoil):
    content = json.loads(TEXT)["baseline"]
    spoil(content)
    with pytest.raises(BaselineError, match="cannot be") as caught:
        Baseline.from_json(sealed(content))
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["\ud800", "x\udfff"])
def test_half_a_surrogate_pair_is_refused_whatever_it_names(name: str) -> None:
    content = json.loads(TEXT)["baseline"] | {"model_version": name}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    checksum = f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"
    document = json.loads(TEXT) | {"checksum": checksum, "baseline": content}
    for ensure_ascii in (True, False):
        with pytest.raises(BaselineError, match="no Unicode"):
            Baseline.from_json(json.dumps(document, ensure_ascii=ensure_ascii))


def test_a_whole_surrogate_pair_is_a_character() -> None:
    content = json.loads(TEXT)["baseline"] | {"model_version": "\N{GRINNING FACE}"}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    checksum = f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"
    document = json.dumps(json.loads(TEXT) | {"checksum": checksum, "baseline": content})
    assert "\\ud83d" in document
    assert Baseline.from_json(document).model_version == "\N{GRINNING FACE}"


def test_a_process_that_never_saw_the_reference_counts_alike(tmp_path):
    (tmp_path / "baseline.json").write_text(TEXT, encoding="utf-8")
    live = {"x": [0.1, None, 1e9], "c": ["red", "new", None], "b": [True, False, None], "s": [0.5, 0.1, 0.9]}
    live |= {"y": ["0", "1", "0"], "p": ["1", "1", "0"]}
    code = (
        "import sys, json; from driftwatch.core.baseline import Baseline; from driftwatch.core.profile import Profile; "
        "from driftwatch.core.frames import to_table; baseline = Baseline.from_json(open(sys.argv[1], 'rb').read()); "
        "live = to_table(json.loads(sys.argv[2]), baseline.schema); "
        "sys.stdout.write(Profile.of(baseline, live).to_bytes().hex())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "baseline.json"), json.dumps(live)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert bytes.fromhex(done.stdout) == Profile.of(BASELINE, to_table(live, BASELINE.schema)).to_bytes()
