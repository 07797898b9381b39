"""No bytes whatever break a decoder: they are taken, or refused on purpose.

In the suite a few hundred inputs each; ``make fuzz`` gives each a hundred thousand (``FUZZ_INPUTS``). A tenth of them
are made to a shape, the others are good inputs that were damaged. ``FUZZ_SEED`` chooses others than the usual ones.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.decoders import Decoder, table
from tests.fuzz.inputs import damaged

INPUTS = int(os.environ.get("FUZZ_INPUTS", "300"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
DECODERS = table()


def taken_or_refused(decoder: Decoder) -> Callable[[bytes], bool]:
    """Whether an input is taken; everything but a refusal on purpose ends the test and shows the input."""

    def decode(data: bytes) -> bool:
        try:
            decoder.decode(data)
        except decoder.refusals:
            return False
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} for {data[:2_000]!r}") from error
        return True

    return decode


@pytest.mark.parametrize("name", DECODERS)
def test_good_inputs_are_taken(name: str) -> None:
    for seed in DECODERS[name].seeds:
        if name not in {"retrain report", "address", "headers"}:
            assert taken_or_refused(DECODERS[name])(seed), seed[:200]


@pytest.mark.parametrize("name", DECODERS)
def test_damaged_inputs_are_taken_or_refused(name: str) -> None:
    decoder = DECODERS[name]
    decode = taken_or_refused(decoder)
    chance = random.Random(f"{name} {SEED}")
    refused = 0
    for _ in range(INPUTS - INPUTS // 10):
        if decoder.reshape is not None and chance.random() < 0.5:
            data = decoder.reshape(chance)
        else:
            data = damaged(decoder.seeds, chance)
        refused += not decode(data)
    if decoder.refusals:
        assert refused, "the damage does damage"


@pytest.mark.parametrize("name", DECODERS)
def test_inputs_of_any_shape_are_taken_or_refused(name: str) -> None:
    decode = taken_or_refused(DECODERS[name])

    @settings(
        max_examples=INPUTS // 10,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(DECODERS[name].shapes | st.binary(max_size=200))
    def holds(data: bytes) -> None:
        decode(data)

    holds()
