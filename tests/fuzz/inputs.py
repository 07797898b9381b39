"""Inputs that nobody would send by mistake: good ones that were damaged, and ones made to a shape.

Damage is done by a generator with a seed, tens of thousands of times a second; shapes are Hypothesis's, slower and
shrunk where one fails.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

TOKENS = (
    b"", b"\0", b"\xff", b"\n", b"\r\n", b'"', b"'", b"\\", b"\\u0000", b"\\ud800", b"[", b"]", b"{", b"}", b",", b":",
    b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"-0", b"0.1e-400", b"18446744073709551616", b"-1", b"\xc3\x28",
    b"\xed\xa0\x80", b"\xef\xbb\xbf", b"__class__", b"{{7*7}}", b"../../etc/passwd", b"[" * 2_000, b'{"a":' * 500,
)  # fmt: skip


def damaged(seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """One of the seeds with a few bytes flipped, put in, taken out, said twice, or taken from another seed."""
    data = bytearray(chance.choice(seeds))
    for _ in range(1 + int(chance.expovariate(0.7))):
        at = chance.randrange(len(data) + 1)
        to = min(len(data), at + 1 + int(chance.expovariate(0.1)))
        match chance.randrange(7):
            case 0 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case 1 if at < len(data):
                data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
            case 2:
                data[at:at] = chance.choice(TOKENS)
            case 3:
                del data[at:to]
            case 4:
                data[at:at] = data[at:to]
            case 5:
                del data[at:]
            case _:
                other = chance.choice(seeds)
                begin = chance.randrange(len(other) + 1)
                data[at:to] = other[begin : begin + to - at]
    return bytes(data)


def reshaped(document: Any, chance: random.Random) -> Any:
    """A JSON value in which one node became another."""
    if isinstance(document, dict) and document and chance.random() < 0.9:
        key = chance.choice(list(document))
        changed = dict(document)
        if chance.random() < 0.05:
            del changed[key]
        elif chance.random() < 0.05:
            changed[chance.choice(list(document)) + "x"] = changed.pop(key)
        else:
            changed[key] = reshaped(document[key], chance)
        return changed
    if isinstance(document, list) and document and chance.random() < 0.9:
        at = chance.randrange(len(document))
        kept = list(document)
        match chance.randrange(8):
            case 0:
                del kept[at]
            case 1:
                kept.insert(at, kept[at])
            case _:
                kept[at] = reshaped(kept[at], chance)
        return kept
    return chance.choice(
        (None, True, 0, -1, 1, 2**31, 2**63, -(2**70), 0.5, 1e308, 5e-324, "", "x", "NaN", "1970-01-01", "\ud800", [],
         {}, [document], {"a": document}, document, str(document))
    )  # fmt: skip


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def dumped(value: Any) -> bytes:
    """JSON with everything in it that Python writes and JSON has not."""
    return json.dumps(value).encode("utf-8", "surrogatepass")


def nearly(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object whose fields are what they should be, or anything, or not there, with something besides."""
    either = {name: good | JSON_VALUES for name, good in fields.items()}
    return st.builds(
        lambda known, more: {**more, **known},
        st.fixed_dictionaries({}, optional=either) | st.fixed_dictionaries(dict(fields)),
        st.just({}) | st.dictionaries(st.text(max_size=6), JSON_VALUES, max_size=2),
    )


SCALARS = st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.floats() | st.text(max_size=8)
IDS = st.text(min_size=1, max_size=8)
TIMES = (
    st.datetimes().map(lambda moment: moment.isoformat() + "Z") | st.floats() | st.integers(-(2**64), 2**64)
    | st.sampled_from(["2026-01-01T00:00:00+99:99", "0000-00-00T00:00:00Z", "2026-01-01", "9999-12-31T23:59:59-23:59"])
)  # fmt: skip
PREDICTIONS = nearly(
    features=st.dictionaries(st.sampled_from(["x", "colour", "", "é", "prediction"]), SCALARS, max_size=4),
    prediction=SCALARS,
    prediction_id=IDS,
    event_time=TIMES,
    model_version=st.sampled_from(["1", "2"]),
    segment=st.text(max_size=4),
    score=st.floats() | st.dictionaries(st.sampled_from(["a", "b"]), st.floats(), max_size=2),
)
LABELS = nearly(prediction_id=IDS, label=SCALARS, event_time=TIMES)

Reshaper = Callable[[random.Random], bytes]
"""Makes an input of a good document in which something became something else."""
