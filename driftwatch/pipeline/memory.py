"""What a window leaves to be remembered, as it is stored: JSON, compressed."""

from __future__ import annotations

import zlib

import msgspec

from driftwatch.core.evidence import EvidenceMemory

_DECODER = msgspec.json.Decoder(EvidenceMemory)


def encoded(memory: EvidenceMemory) -> bytes:
    """The bytes of a memory; equal ones for equal memories."""
    return zlib.compress(msgspec.json.encode(memory), 6)


def decoded(data: bytes | None) -> EvidenceMemory:
    """The inverse of `encoded`; an empty memory for None.

    Examples
    --------
    >>> decoded(encoded(EvidenceMemory())) == decoded(None)
    True
    """
    return EvidenceMemory() if data is None else _DECODER.decode(zlib.decompress(data))
