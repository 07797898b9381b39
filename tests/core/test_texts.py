"""Texts without an object a row: whatever is done with them, they are the texts that they were made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.core.texts import Repeated, Texts, chained, taken

LISTS = st.lists(st.text(max_size=6), max_size=8) | st.lists(st.text("ab", min_size=3, max_size=3), max_size=8)


@pytest.mark.parametrize("kind", [Texts, Repeated])
@given(values=LISTS, data=st.data())
def test_they_are_a_sequence_of_the_texts_they_were_made_of(kind, values, data):
    texts = kind.of(values)
    begin, end = data.draw(st.integers(-9, 9)), data.draw(st.integers(-9, 9))
    assert list(texts) == values
    assert [texts[at] for at in range(-len(values), len(values))] == [*values, *values]
    assert list(texts[begin:end]) == values[begin:end]
    assert texts == tuple(values)
    assert texts != [*values, "one more"]


@pytest.mark.parametrize("kind", [Texts, Repeated])
def test_there_is_no_text_beyond_the_last(kind):
    with pytest.raises(IndexError):
        kind.of(["a"])[1]


@pytest.mark.parametrize("kind", [Texts, Repeated, tuple])
@given(parts=st.lists(LISTS.filter(bool), min_size=1, max_size=4), data=st.data())
def test_rows_are_taken_and_parts_chained_as_of_tuples(kind, parts, data):
    whole = chained([kind(part) if kind is tuple else kind.of(part) for part in parts])
    values = [one for part in parts for one in part]
    rows = data.draw(st.lists(st.integers(0, len(values) - 1), max_size=9))
    assert isinstance(whole, kind)
    assert list(whole) == values
    assert list(taken(whole, np.array(rows, dtype=np.intp))) == [values[row] for row in rows]


def test_texts_are_encoded_as_they_are_given():
    with pytest.raises(UnicodeEncodeError):
        Texts.of(["fine", "\ud800"])


@given(LISTS)
def test_a_block_is_the_bytes_of_texts_that_are_equally_long(values):
    block = Texts.of(values).block
    sizes = {len(one.encode()) for one in values}
    assert (block is None) == (len(sizes) != 1)
    if block is not None:
        assert [row.tobytes().decode() for row in block] == values


def test_a_view_of_a_larger_piece_holds_its_own_texts_alone():
    part = Texts(np.frombuffer(b"xxabcdyy", np.uint8), np.array([2, 4, 6], np.int32))
    assert list(part) == ["ab", "cd"]
    assert list(part.take(np.array([1]))) == ["cd"]
    assert list(chained([part, Texts.of(["e"])])) == ["ab", "cd", "e"]
