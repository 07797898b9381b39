"""What a token is, and what is kept of it."""

import hashlib
import hmac
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.web import tokens
from driftwatch.web.tokens import Scope, Token, find, hash_of, is_hash, new_token

KNOWN = [Token(name, frozenset({Scope.READ}), hash_of(name)) for name in ("a", "b", "c")]


def test_a_token_is_256_random_bits_and_never_the_same() -> None:
    made = {new_token() for _ in range(200)}
    assert len(made) == 200
    assert all(len(one.removeprefix("dw_")) * 6 >= 256 for one in made)


@given(st.text())
def test_what_is_kept_is_the_sha_256_and_not_the_token(token: str) -> None:
    kept = hash_of(token)
    assert kept == "sha256:" + hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
    assert is_hash(kept)


@pytest.mark.parametrize("shown", ["a", "b", "c"])
def test_any_of_several_tokens_is_found(shown: str) -> None:
    found = find(KNOWN, shown)
    assert found is not None
    assert found.name == shown


@pytest.mark.parametrize("shown", ["", "d", "A", "a ", hash_of("a"), "\ud800"])
def test_nothing_else_is_found(shown: str) -> None:
    assert find(KNOWN, shown) is None


@pytest.mark.parametrize("shown", ["a", "c", "nobody"])
def test_every_token_is_compared_whichever_is_shown(monkeypatch: pytest.MonkeyPatch, shown: str) -> None:
    compared = []

    def counting(left: str, right: str) -> bool:
        compared.append(left)
        return hmac.compare_digest(left, right)

    monkeypatch.setattr(tokens, "hmac", SimpleNamespace(compare_digest=counting))
    find(KNOWN, shown)
    assert compared == [one.hash for one in KNOWN]


@pytest.mark.parametrize("scope", Scope)
def test_admin_is_good_for_everything_and_every_other_scope_for_itself(scope: Scope) -> None:
    assert Token("", frozenset({Scope.ADMIN}), "").allows(scope)
    assert [one for one in Scope if Token("", frozenset({scope}), "").allows(one)] == (
        list(Scope) if scope is Scope.ADMIN else [scope]
    )
