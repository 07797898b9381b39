r"""KSWIN: the newest values against some of those before, by the Kolmogorov-Smirnov test.

Of a window of the last values the newest ``stat_size`` are compared with as many drawn at random from the others. A
drift is a p-value of at most ``alpha`` and a distance above 0.1; the window then begins with the newest values. It
does not warn.

Both samples have the same size ``r``, so that the distance is a whole number ``h`` over ``r``, and its p-value is
exact:

.. math:: P(D \ge h / r) = 2 \sum_{j \ge 1} (-1)^{j+1} \binom{2r}{r - jh} \Big/ \binom{2r}{r}

The draws are those of CPython's ``random.sample`` from a Mersenne Twister.

References
----------
Raab, C., Heusinger, M., Schleif, F.-M. (2020). Reactive soft prototype computing for concept drift streams.
Neurocomputing 416. doi:10.1016/j.neucom.2019.11.111

Gnedenko, B. V., Korolyuk, V. S. (1951). On the maximum discrepancy between two empirical distributions. Doklady
Akademii Nauk SSSR 80.

Matsumoto, M., Nishimura, T. (1998). Mersenne twister. ACM Transactions on Modeling and Computer Simulation 8(1).
doi:10.1145/272991.272995
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numba import types
from numpy.typing import NDArray

from driftwatch.core.detectors.detector import (
    DRIFT,
    KERNEL,
    LAST,
    NOTHING,
    Detector,
    Floats,
    Signals,
    check_between,
    check_count,
    floats,
    is_whole,
)
from driftwatch.core.kernels import LARGEST, compiled
from driftwatch.errors import SettingError

_WORDS, _SHIFT = 624, 397
_COUNT, _AT, _DRAWN, _RANDOM = 1, 2, 3, 4
_HEAD = _RANDOM + _WORDS
"""After the words of the random numbers comes the window, the oldest value at `_AT`."""

_words = types.Array(types.uint32, 1, "C")


@compiled(types.void, _words)
def _next_words(words: NDArray[np.uint32]) -> None:
    for i in range(_WORDS):
        high, low = words[i] & np.uint32(0x80000000), words[(i + 1) % _WORDS] & np.uint32(0x7FFFFFFF)
        y = high | low
        mixed = words[(i + _SHIFT) % _WORDS] ^ (y >> np.uint32(1))
        words[i] = mixed ^ np.uint32(0x9908B0DF) if y & np.uint32(1) else mixed


@compiled(types.int64, _words, floats, types.int64)
def _below(words: NDArray[np.uint32], state: Floats, n: int) -> int:
    """A whole number from 0 to ``n - 1``: bits are drawn until they are one."""
    bits = 0
    while n >> bits:
        bits += 1
    while True:
        drawn = int(state[_DRAWN])
        if drawn >= _WORDS:
            _next_words(words)
            drawn = 0
        y = words[drawn]
        state[_DRAWN] = drawn + 1.0
        y ^= y >> np.uint32(11)
        y ^= (y << np.uint32(7)) & np.uint32(0x9D2C5680)
        y ^= (y << np.uint32(15)) & np.uint32(0xEFC60000)
        y ^= y >> np.uint32(18)
        value = int(np.int64(y) >> (32 - bits))
        if value < n:
            return value


@compiled(types.void, _words, floats, floats, floats, types.boolean)
def _sample(words: NDArray[np.uint32], state: Floats, population: Floats, sample: Floats, from_pool: bool) -> None:
    """Draw without replacement; ``population`` is changed. ``from_pool`` is how CPython does it for most sizes."""
    n, k = population.size, sample.size
    taken = np.zeros(n, dtype=np.bool_)
    for i in range(k):
        if from_pool:
            j = _below(words, state, n - i)
            sample[i] = population[j]
            population[j] = population[n - i - 1]
        else:
            j = _below(words, state, n)
            while taken[j]:
                j = _below(words, state, n)
            taken[j] = True
            sample[i] = population[j]


@compiled(types.int64, floats, floats)
def _distance(one: Floats, other: Floats) -> int:
    """The largest difference of two samples of one size, in values; both are sorted."""
    one.sort()
    other.sort()
    n, i, j, largest = one.size, 0, 0, 0
    while i < n and j < n:
        x = min(one[i], other[j])
        while i < n and one[i] == x:
            i += 1
        while j < n and other[j] == x:
            j += 1
        largest = max(largest, abs(i - j))
    return largest


@compiled(*KERNEL)
def _follow(values: Floats, parameters: Floats, state: Floats, signals: Signals) -> None:
    size, stat_size, least = int(parameters[0]), int(parameters[1]), parameters[2]
    window, seeded = state[_HEAD:], parameters[4:]
    words = state[_RANDOM:_HEAD].astype(np.uint32)
    for i in range(values.size):
        x = values[i]
        signals[i] = NOTHING
        if not abs(x) <= LARGEST:
            continue
        if state[LAST] == DRIFT:
            state[LAST], state[_COUNT], state[_AT], state[_DRAWN] = NOTHING, 0.0, 0.0, _WORDS
            words[:] = seeded.astype(np.uint32)
        at = int(state[_AT])
        window[at] = x
        state[_AT] = at + 1 if at + 1 < size else 0
        state[_COUNT] = min(state[_COUNT] + 1.0, parameters[0])
        if state[_COUNT] < size:
            continue
        begin = int(state[_AT])
        ordered = np.concatenate((window[begin:], window[:begin]))
        newest, sample = ordered[size - stat_size :].copy(), np.empty(stat_size)
        _sample(words, state, ordered[: size - stat_size].copy(), sample, parameters[3] > 0.0)
        if _distance(sample, newest) >= least:
            # As if the detector had been made with the newest values, and then begun anew.
            state[LAST] = DRIFT
            signals[i] = DRIFT
    state[_RANDOM:_HEAD] = words


class KSWIN(Detector):
    """Detects a change of the distribution.

    Parameters
    ----------
    alpha
        The test's level, from 0 to 1. It is tested at every value, so that it should be small.
    window_size
        Values in the window.
    stat_size
        Values in each sample; at most half of the window.
    seed
        Of the draws: not negative, below ``2**32``. None is 0: nothing here is random twice.

    Raises
    ------
    SettingError
        If a parameter is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> detector = KSWIN(alpha=0.0001, seed=42)
    >>> detector.update_many(np.concatenate([rng.integers(0, 2, 1000), rng.integers(4, 8, 1000)]))
    array([1016])
    """

    name = "kswin"

    def __init__(
        self, alpha: float = 0.005, window_size: int = 100, stat_size: int = 30, seed: int | None = None
    ) -> None:
        self.alpha = check_between(alpha, 0.0, 1.0, "alpha")
        self.window_size = check_count(window_size, 2, 100_000, "window_size")
        self.stat_size = check_count(stat_size, 1, 10_000, "stat_size")
        if 2 * self.stat_size > self.window_size:
            raise SettingError("it is more than half of window_size.", field="stat_size")
        self.seed = None if seed is None else check_count(seed, 0, 2**32 - 1, "seed")
        super().__init__()

    def _as_numbers(self) -> Floats:
        population = self.window_size - self.stat_size
        set_size = 21
        if self.stat_size > 5:
            set_size += 4 ** math.ceil(math.log(self.stat_size * 3, 4))
        [_, words, *_] = np.random.RandomState([self.seed or 0]).get_state(legacy=True)
        head = [self.window_size, self.stat_size, _least_distance(self.stat_size, self.alpha), population <= set_size]
        return np.array([*head, *np.asarray(words)], dtype=np.float64)

    def _initial(self) -> Floats:
        state = np.zeros(_HEAD + self.window_size)
        state[_DRAWN], state[_RANDOM:_HEAD] = _WORDS, self._numbers[4:]
        return state

    def _follow(self, values: Floats, signals: Signals) -> None:
        _follow(values, self._numbers, self._state, signals)

    def _accepts(self, state: Floats) -> bool:
        return (
            super()._accepts(state)
            and is_whole(state[_COUNT], 0, self.window_size)
            and is_whole(state[_AT], 0, self.window_size - 1)
            and is_whole(state[_DRAWN], 0, _WORDS)
            and is_whole(state[_RANDOM:_HEAD], 0, 2**32 - 1)
        )


def _least_distance(size: int, alpha: float) -> float:
    """The least whole number over ``size`` that is a drift: above 0.1, with a p-value of at most ``alpha``."""
    for h in range(size // 10 + 1, size + 1):
        if _p_value(size, h) <= alpha and h / size > 0.1:
            return float(h)
    return math.inf


def _p_value(size: int, h: int) -> Fraction:
    """Of a distance of ``h / size`` between two samples of one size: see the module's text."""
    terms = ((-1) ** (j + 1) * math.comb(2 * size, size - j * h) for j in range(1, size // h + 1))
    return Fraction(2 * sum(terms), math.comb(2 * size, size))
