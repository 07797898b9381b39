"""Keyed hashes in place of values."""

import hashlib
import hmac

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.core.pseudonyms import Pseudonyms
from driftwatch.core.table import Names, Numbers
from driftwatch.errors import InputError

KEY = bytes(range(32))
ONE = Pseudonyms(KEY)


def test_a_pseudonym_is_the_hmac_of_the_column_and_the_value() -> None:
    expected = hmac.new(KEY, b"5:emaila@b", hashlib.sha256).hexdigest()[:24]
    assert ONE.name("email", "a@b").rsplit(":", 1)[1] == expected


@given(st.text(min_size=4), st.text())
def test_the_same_value_has_the_same_pseudonym_and_none_shows_the_value(value: str, column: str) -> None:
    found = ONE.name(column, value)
    assert found == Pseudonyms(KEY).name(column, value)
    if not set(value) <= set("hmac:0123456789abcdef"):
        assert value not in found


@given(st.text(), st.text(), st.text(), st.text())
def test_different_columns_or_values_have_different_pseudonyms(a: str, b: str, c: str, d: str) -> None:
    assert ((a, b) == (c, d)) is (ONE.name(a, b) == ONE.name(c, d))


def test_another_key_makes_other_pseudonyms_and_knows_the_others_from_its_own() -> None:
    other = Pseudonyms(bytes(32))
    assert other.name("a", "b") != ONE.name("a", "b")
    assert ONE.made([ONE.name("a", "b"), ONE.name("c", "d")])
    assert not ONE.made([ONE.name("a", "b"), other.name("a", "b")])
    assert not ONE.made(["plain"])


def test_numbers_and_names_of_the_same_value_have_the_same_pseudonym() -> None:
    numbers = ONE.of("id", Numbers(np.array([3.0, np.nan, 0.5, 3.0])))
    names = ONE.of("id", Names.of(["3", None, "0.5", "3"]))
    assert numbers.to_list() == names.to_list() == ONE.names("id", [3, None, 0.5, "3"])
    assert ONE.names("id", [float("nan")]) == [None]


def test_columns_of_nothing_have_no_pseudonyms() -> None:
    assert ONE.of("id", Numbers(np.array([np.nan, np.nan]))).to_list() == [None, None]
    assert ONE.of("id", Numbers(np.array([]))).to_list() == []


def test_a_short_key_is_refused_with_how_to_make_a_longer_one() -> None:
    with pytest.raises(InputError, match="at least 16"):
        Pseudonyms(b"short")
