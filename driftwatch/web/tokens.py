"""Bearer tokens: how they are made, how they are kept, and how one that is shown is found again.

A token is 256 random bits, so nobody guesses one, and a fast hash keeps it as well as a slow one would: slow hashes
protect passwords, which people choose. Of a token only the SHA-256 is kept.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

TOKEN_PREFIX = "dw_"  # noqa: S105 - it marks tokens for those who search texts for them
HASH_PATTERN = "sha256:[0-9a-f]{64}"
MOST_TOKENS = 100
"""Most tokens at once: each request is compared with all of them."""

_HASH = re.compile(HASH_PATTERN)


class Scope(StrEnum):
    """What a token is good for."""

    INGEST = "ingest"
    READ = "read"
    METRICS = "metrics"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is kept: whose it is, what it is good for, and its hash. ``admin`` is good for everything."""

    name: str
    scopes: frozenset[Scope]
    hash: str

    def allows(self, scope: Scope) -> bool:
        """Whether it is good for this."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


def new_token() -> str:
    """A fresh token, as its owner shows it.

    Examples
    --------
    >>> len(new_token()), new_token() != new_token()
    (46, True)
    """
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    """How a token is kept.

    Examples
    --------
    >>> hash_of("abc")
    'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    """
    return f"sha256:{hashlib.sha256(token.encode('utf-8', 'surrogatepass')).hexdigest()}"


def is_hash(text: str) -> bool:
    """Whether a text is how a token is kept.

    Examples
    --------
    >>> is_hash(hash_of("abc")), is_hash("abc")
    (True, False)
    """
    return _HASH.fullmatch(text) is not None


def find(tokens: Sequence[Token], shown: str) -> Token | None:
    """The token that was shown, where it is one of these.

    Every hash is compared, each in a time that does not depend on how much of it is right, so that the time of an
    answer tells nothing of which tokens there are.

    Examples
    --------
    >>> known = Token("model", frozenset({Scope.INGEST}), hash_of("abc"))
    >>> find([known], "abc").name, find([known], "abd")
    ('model', None)
    """
    wanted = hash_of(shown)
    found = None
    for token in tokens:
        if hmac.compare_digest(token.hash, wanted):
            found = token
    return found


__all__ = ["HASH_PATTERN", "MOST_TOKENS", "TOKEN_PREFIX", "Scope", "Token", "find", "hash_of", "is_hash", "new_token"]
