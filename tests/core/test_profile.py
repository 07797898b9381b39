"""Profiles: the laws of merging, and their bytes."""

from __future__ import annotations

import math
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.core.baseline import Baseline
from driftwatch.core.frames import to_table
from driftwatch.core.profile import ColumnProfile, Profile
from driftwatch.core.table import Names, Numbers, Table

RNG = np.random.default_rng(7)
REFERENCE = {
    "x": RNG.normal(size=4_000),
    "k": RNG.integers(0, 6, 4_000).astype(float),
    "c": RNG.choice(["red", "green", "blue"], 4_000),
    "y": RNG.normal(size=4_000),
}
BASELINE = Baseline.fit(REFERENCE, label="y")
OTHER_BASELINE = Baseline.fit({**REFERENCE, "x": REFERENCE["x"] + 1.0}, label="y")

number = st.floats() | st.none()
row = st.tuples(number, st.sampled_from([0.0, 3.0, 7.0, None]), st.sampled_from(["red", "green", "mauve", None]))
rows = st.lists(row, max_size=12)


def table(some_rows):
    columns = list(zip(*some_rows, strict=True)) or [(), (), ()]
    return Table(
        {
            "x": Numbers(np.array(columns[0], dtype=np.float64)),
            "k": Numbers(np.array(columns[1], dtype=np.float64)),
            "c": Names.of(columns[2]),
        },
        len(some_rows),
    )


def profile(some_rows):
    return Profile.of(BASELINE, table(some_rows))


@given(st.lists(rows, min_size=1, max_size=6), st.permutations(range(6)))
def test_profiles_merge_to_the_same_bits_in_any_order_and_grouping(parts, order):
    at_once = profile([one for part in parts for one in part])
    merged = Profile.empty(BASELINE)
    for index in order:
        if index < len(parts):
            merged = profile(parts[index]) + merged
    assert merged == at_once
    assert merged.to_bytes() == at_once.to_bytes()


@given(rows, rows, rows)
def test_grouping_does_not_matter(a, b, c):
    a, b, c = profile(a), profile(b), profile(c)
    assert (a + b) + c == a + (b + c)


@given(rows)
def test_counts_of_each_column_sum_to_the_rows(some_rows):
    result = profile(some_rows)
    assert result.n_rows == len(some_rows)
    for name in ("x", "k", "c"):
        assert result.columns[name].n == len(some_rows)


@given(rows)
def test_the_empty_profile_changes_nothing(some_rows):
    result = profile(some_rows)
    assert result + Profile.empty(BASELINE) == result


@given(rows, rows)
def test_rows_can_be_taken_out_again(kept, removed):
    left = (profile(kept) + profile(removed)) - profile(removed)
    expected = profile(kept)
    assert left.n_rows == expected.n_rows
    for name, column in left.columns.items():
        assert column.counts.tolist() == expected.columns[name].counts.tolist()
        if column.moments is not None:
            mine, theirs = column.moments, expected.columns[name].moments
            assert (mine.count, mine.total, mine.total_squares) == (theirs.count, theirs.total, theirs.total_squares)


def test_more_rows_than_counted_cannot_be_taken_out():
    one, two = profile([(1.0, 0.0, "red")]), profile([(1.0, 0.0, "red"), (2.0, 0.0, "red")])
    with pytest.raises(ValueError, match="more rows"):
        one - two
    with pytest.raises(ValueError, match="more rows"):
        one.columns["c"] - profile([(1.0, 0.0, "green")]).columns["c"]


@given(rows)
def test_profiles_survive_bytes(some_rows):
    result = profile(some_rows)
    assert Profile.from_bytes(BASELINE, result.to_bytes()) == result


def test_counts_of_every_width_survive_bytes():
    for largest in (0, 1, 255, 256, 2**16, 2**32, 2**60):
        counts = np.zeros_like(BASELINE.columns["c"].counts)
        counts[0] = largest
        changed = {**Profile.empty(BASELINE).columns, "c": ColumnProfile(counts)}
        result = Profile(largest, changed, BASELINE.layout)
        assert Profile.from_bytes(BASELINE, result.to_bytes()) == result


def test_labels_join_later_without_adding_rows():
    features = profile([(1.0, 0.0, "red"), (2.0, 0.0, "red")])
    labels = Table({"y": Numbers(np.array([0.5]))}, 1)
    joined = features + Profile.of(BASELINE, labels, n_rows=0)
    assert joined.n_rows == 2
    assert joined.columns["y"].n == 1
    assert joined.columns["x"].n == 2


def test_columns_that_the_baseline_does_not_know_are_not_counted():
    extra = Table({"x": Numbers(np.zeros(1)), "new": Numbers(np.zeros(1))}, 1)
    result = Profile.of(BASELINE, extra)
    assert set(result.columns) == set(BASELINE.columns)
    assert result.columns["c"].n == 0


def test_a_column_of_another_kind_is_refused():
    with pytest.raises(TypeError, match="numeric cells count numbers"):
        Profile.of(BASELINE, Table({"x": Names.of(["a"])}, 1))


def test_moments_are_those_of_the_finite_values():
    moments = profile([(1.0, None, None), (math.inf, None, None), (None, None, None), (3.0, None, None)])
    assert moments.columns["x"].moments.count == 2
    assert moments.columns["x"].moments.mean == pytest.approx(2.0, rel=1e-15)
    assert (moments.columns["x"].moments.minimum, moments.columns["x"].moments.maximum) == (1.0, 3.0)


def test_equal_profiles_have_equal_hashes_and_equal_nothing_else():
    one, same = profile([(1.0, 0.0, "red")]), profile([(1.0, 0.0, "red")])
    assert len({one, same}) == len({one.columns["x"], same.columns["x"]}) == 1
    assert one != "a profile"
    assert one.columns["x"] != "a column"


def test_the_reference_counted_again_gives_the_baseline_counts():
    again = Profile.of(BASELINE, to_table(REFERENCE, BASELINE.schema))
    for name, column in BASELINE.columns.items():
        assert again.columns[name].counts.tolist() == column.counts.tolist()
        assert again.columns[name].moments == column.moments


def test_profiles_of_different_baselines_do_not_combine():
    with pytest.raises(ValueError, match="different baselines"):
        Profile.empty(BASELINE) + Profile.empty(OTHER_BASELINE)
    with pytest.raises(ValueError, match="different baselines"):
        Profile.empty(BASELINE).columns["x"] + Profile.empty(BASELINE).columns["c"]


def test_bytes_of_another_baseline_are_refused():
    assert len(BASELINE.columns["x"].counts) == len(OTHER_BASELINE.columns["x"].counts)
    with pytest.raises(ValueError, match="was not counted over this baseline"):
        Profile.from_bytes(OTHER_BASELINE, Profile.empty(BASELINE).to_bytes())


@given(st.data())
def test_altered_bytes_are_refused(data):
    whole = profile([(1.0, 0.0, "red"), (None, 3.0, "mauve")]).to_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    altered = bytearray(whole)
    altered[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueError, match="profile"):
        Profile.from_bytes(BASELINE, bytes(altered))


@given(st.integers(0, 200))
def test_bytes_cut_short_are_refused(length):
    whole = profile([(1.0, 0.0, "red")]).to_bytes()
    with pytest.raises(ValueError, match="cut short or altered"):
        Profile.from_bytes(BASELINE, whole[: min(length, len(whole) - 1)])


def test_bytes_of_another_version_say_so():
    whole = Profile.empty(BASELINE).to_bytes()
    with pytest.raises(ValueError, match="another version"):
        Profile.from_bytes(BASELINE, b"DWP2" + whole[4:])


def repacked(body):
    packed = zlib.compress(body)
    return b"DWP1" + struct.pack("<I", zlib.crc32(packed)) + packed


@given(st.binary(max_size=60))
def test_any_body_with_a_right_checksum_is_read_or_refused(body):
    with suppress(ValueError):
        read = Profile.from_bytes(BASELINE, repacked(BASELINE.layout.encode() + body))
        assert Profile.from_bytes(BASELINE, read.to_bytes()) == read


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"\x00" + b"\x00\x00" * 4 + b"more", "goes on after its last column"),
        (b"\xff" * 12, "a number is too long"),
        (b"\x00\x03", "unknown width"),
        (b"\x00\x00\x01\x01\xff\xff\x7f\x01", "out of range"),
        (b"\x00\x00\x01\x01\x00\xff\x7f", "out of range"),
        (b"\x00\x08" + b"\xff" * 8 * 2_000, "a count is negative"),
        (b"\x00\x00\x01\x01\x00\x01\x01\x00\x01\x01" + struct.pack("<dd", math.nan, 1.0), "its extremes are none"),
        (b"\x00\x00\x01\x01\x00\x01\x01\x00\x01\x01" + struct.pack("<dd", 2.0, 1.0), "its extremes are none"),
    ],
)
def test_a_body_that_cannot_be_says_what_is_wrong(body, words):
    with pytest.raises(ValueError, match=words):
        Profile.from_bytes(BASELINE, repacked(BASELINE.layout.encode() + body))


def test_a_body_that_is_not_compressed_is_refused():
    packed = b"not zlib"
    with pytest.raises(ValueError, match="cut short or altered"):
        Profile.from_bytes(BASELINE, b"DWP1" + struct.pack("<I", zlib.crc32(packed)) + packed)


def test_a_body_that_inflates_without_end_is_refused():
    with pytest.raises(ValueError, match="too large"):
        Profile.from_bytes(BASELINE, repacked(bytes((1 << 25) + 1)))


def test_a_profile_is_small():
    many = to_table(REFERENCE, BASELINE.schema)
    assert len(Profile.of(BASELINE, many).to_bytes()) < 4_000
    assert len(Profile.empty(BASELINE).to_bytes()) < 200
