"""Values replaced by keyed hashes: the same value has the same pseudonym, and without the key nobody finds it again.

A pseudonym is ``hmac:KEY:HASH``. ``KEY`` are eight hexadecimal digits that tell two keys apart, ``HASH`` are the first
96 bits of HMAC-SHA-256 over the column's name and the value, so that the same value in two columns has two pseudonyms.
A plain hash would not do: whoever can list what may have been there (numbers, names, addresses) could hash the list.

References
----------
Krawczyk, H., Bellare, M., Canetti, R. (1997). HMAC: Keyed-Hashing for Message Authentication. RFC 2104.
doi:10.17487/RFC2104
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence

import numpy as np

from driftwatch.core.table import Names, Numbers, Values, name_of
from driftwatch.errors import InputError

SHORTEST_KEY_BYTES = 16
_KEY_DIGITS, _HASH_DIGITS = 8, 24


class Pseudonyms:
    """Makes pseudonyms with one key.

    Parameters
    ----------
    key
        At least 16 bytes, of which nobody knows any.

    Raises
    ------
    InputError
        For a shorter key.

    Examples
    --------
    >>> pseudonyms = Pseudonyms(bytes(range(32)))
    >>> pseudonyms.name("email", "a@example.com")
    'hmac:21e38a89:b1657b2a21da25c6a573ce4f'
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < SHORTEST_KEY_BYTES:
            raise InputError(
                f"holds {len(key)} bytes; a key has at least {SHORTEST_KEY_BYTES}.",
                field="hash_key_file",
                remedy="Make one with: head -c 32 /dev/urandom | base64 > hash.key",
            )
        self._key = key
        self._prefix = f"hmac:{hmac.digest(key, b'driftwatch key', 'sha256').hex()[:_KEY_DIGITS]}:"

    def name(self, column: str, value: str) -> str:
        """The pseudonym of one value of a column."""
        said = column.encode("utf-8", "surrogatepass"), value.encode("utf-8", "surrogatepass")
        return self._prefix + hmac.digest(self._key, b"%d:%b%b" % (len(said[0]), *said), "sha256").hex()[:_HASH_DIGITS]

    def names(self, column: str, values: Sequence[str | bool | int | float | None]) -> list[str | None]:
        """The pseudonyms of values as they come from files and JSON; None for None and NaN."""
        known: dict[str, str] = {}
        found: list[str | None] = []
        for value in values:
            name = None if value is None or value != value else name_of(value)  # noqa: PLR0124 - NaN is missing
            if name is not None and name not in known:
                known[name] = self.name(column, name)
            found.append(None if name is None else known[name])
        return found

    def of(self, column: str, values: Values) -> Names:
        """The pseudonyms of a column; what is missing stays missing."""
        if isinstance(values, Numbers):
            distinct, codes = np.unique(values.values, return_inverse=True)
            is_missing = np.isnan(values.values)
            names = tuple(self.name(column, name_of(float(value))) for value in distinct[~np.isnan(distinct)])
            return Names(np.where(is_missing, -1, codes).astype(np.int32), names)
        return Names(values.codes, tuple(self.name(column, name) for name in values.names))

    def made(self, names: Iterable[str]) -> bool:
        """Whether all of these are pseudonyms of this key."""
        return all(name.startswith(self._prefix) and len(name) == len(self._prefix) + _HASH_DIGITS for name in names)


__all__ = ["SHORTEST_KEY_BYTES", "Pseudonyms"]
