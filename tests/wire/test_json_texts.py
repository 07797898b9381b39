"""Texts as a JSON array, made in one piece where that can be."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from driftwatch.core.texts import Texts
from driftwatch.wire.json_texts import json_list

AWKWARD = st.text('a\\"\n\x7f', min_size=2, max_size=2)


@given(st.lists(st.text(max_size=5), max_size=6) | st.lists(AWKWARD, max_size=6))
def test_any_reader_of_json_finds_the_texts(values):
    assert json.loads(json_list(Texts.of(values))) == values
    assert json.loads(json_list(values)) == values


def test_ids_of_one_length_are_a_plain_array():
    assert json_list(Texts.of(["0a", "1b"])) == b'["0a","1b"]'
