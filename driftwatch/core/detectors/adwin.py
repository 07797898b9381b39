r"""ADWIN: a window that grows while nothing changes, and drops its older part when that differs from the newer.

The window is kept as buckets of 1, 2, 4, ... values, some of each size, with their sums and variances: memory grows
with the logarithm of its length. At each cut between buckets the means of both sides, of ``n0`` and ``n1`` values, are
compared; with :math:`1/m = 1/n_0 + 1/n_1` (less the shortest allowed side), the window's variance :math:`v` and
:math:`\delta' = \ln(2 \ln(n) / \delta)`, a difference beyond

.. math:: \varepsilon = \sqrt{\frac{2}{m} v \delta'} + \frac{2}{3 m} \delta'

is a change, and the oldest bucket is dropped. It does not warn.

References
----------
Bifet, A., Gavaldà, R. (2007). Learning from time-changing data with adaptive windowing. SIAM International Conference
on Data Mining. doi:10.1137/1.9781611972771.42
"""

from __future__ import annotations

import numpy as np
from numba import types

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

_WIDTH, _TOTAL, _VARIANCE, _TICK, _ROWS, _LENGTHS = range(1, 7)
MOST_ROWS = 52
"""Of buckets, each of twice the values of the one before: more values than a float counts."""

_HEAD = _LENGTHS + MOST_ROWS
_MOST = 1e140
"""Values beyond this count as this: sums of their squares stay finite."""

_DELTA, _CLOCK, _BUCKETS, _SHORTEST, _GRACE = range(5)

# A row of buckets holds up to `max_buckets` + 1 sums, and as many variances after them; the oldest comes first.


@compiled(types.int64, types.int64, types.int64)
def _sums_at(row: int, per_row: int) -> int:
    return _HEAD + 2 * row * per_row


@compiled(types.void, floats, types.int64, types.int64, types.float64, types.float64)
def _append(state: Floats, row: int, per_row: int, total: float, variance: float) -> None:
    at = _sums_at(row, per_row) + int(state[_LENGTHS + row])
    state[at], state[at + per_row] = total, variance
    state[_LENGTHS + row] += 1.0


@compiled(types.void, floats, types.int64, types.int64, types.int64)
def _drop(state: Floats, row: int, per_row: int, count: int) -> None:
    """Drop the oldest buckets of a row."""
    at, left = _sums_at(row, per_row), int(state[_LENGTHS + row]) - count
    for i in range(left):
        state[at + i] = state[at + i + count]
        state[at + per_row + i] = state[at + per_row + i + count]
    state[_LENGTHS + row] = left


@compiled(types.void, floats, types.int64, types.float64)
def _insert(state: Floats, per_row: int, x: float) -> None:
    """Add a value as a bucket of its own, and make two of one size that are too many one of the next."""
    state[_WIDTH] += 1.0
    width = state[_WIDTH]
    if width > 1.0:
        off = x - state[_TOTAL] / (width - 1.0)
        state[_VARIANCE] += (width - 1.0) * off * off / width
    state[_TOTAL] += x
    _append(state, 0, per_row, x, 0.0)
    row, size = 0, 1.0
    while int(state[_LENGTHS + row]) == per_row and row + 1 < MOST_ROWS:
        at = _sums_at(row, per_row)
        apart = state[at] / size - state[at + 1] / size
        variance = state[at + per_row] + state[at + per_row + 1] + size * size * apart * apart / (size + size)
        if row + 1 >= int(state[_ROWS]):
            state[_ROWS] = row + 2.0
        _append(state, row + 1, per_row, state[at] + state[at + 1], variance)
        _drop(state, row, per_row, 2)
        row, size = row + 1, size * 2.0


@compiled(types.float64, floats, types.int64)
def _drop_oldest(state: Floats, per_row: int) -> float:
    """Drop the oldest bucket; answers how many values it had."""
    row = int(state[_ROWS]) - 1
    at, size = _sums_at(row, per_row), 2.0**row
    state[_WIDTH] -= size
    state[_TOTAL] -= state[at]
    apart = state[at] / size - state[_TOTAL] / state[_WIDTH]
    state[_VARIANCE] -= state[at + per_row] + size * state[_WIDTH] * apart * apart / (size + state[_WIDTH])
    _drop(state, row, per_row, 1)
    while row > 0 and state[_LENGTHS + row] == 0.0:
        row -= 1
        state[_ROWS] = row + 1.0
    return float(size)


@compiled(types.boolean, floats, floats, types.int64)
def _cut(parameters: Floats, state: Floats, per_row: int) -> bool:
    """Look at every cut, oldest first; drop the oldest bucket at the first that shows a change."""
    n_old, n_new, old, new = 0.0, state[_WIDTH], 0.0, state[_TOTAL]
    shortest, variance = parameters[_SHORTEST], state[_VARIANCE] / state[_WIDTH]
    log = np.log(2.0 * np.log(state[_WIDTH]) / parameters[_DELTA])
    for row in range(int(state[_ROWS]) - 1, -1, -1):
        at, size = _sums_at(row, per_row), 2.0**row
        for i in range(int(state[_LENGTHS + row]) - (1 if row == 0 else 0)):
            n_old, n_new = n_old + size, n_new - size
            old, new = old + state[at + i], new - state[at + i]
            if n_new < shortest or n_old < shortest:
                continue
            inverse = 1.0 / (n_old - shortest + 1.0) + 1.0 / (n_new - shortest + 1.0)
            bound = np.sqrt(2.0 * inverse * variance * log) + 2.0 / 3.0 * log * inverse
            if abs(old / n_old - new / n_new) > bound:
                _drop_oldest(state, per_row)
                return True
    return False


@compiled(*KERNEL)
def _follow(values: Floats, parameters: Floats, state: Floats, signals: Signals) -> None:
    per_row, clock = int(parameters[_BUCKETS]) + 1, parameters[_CLOCK]
    for i in range(values.size):
        x = values[i]
        signals[i] = NOTHING
        if not abs(x) <= LARGEST:
            continue
        if state[LAST] == DRIFT:
            state[:_HEAD] = 0.0
            state[_ROWS] = 1.0
        _insert(state, per_row, min(max(x, -_MOST), _MOST))
        state[_TICK] += 1.0
        state[LAST] = NOTHING
        if state[_TICK] % clock == 0.0 and state[_WIDTH] > parameters[_GRACE]:
            while _cut(parameters, state, per_row):
                state[LAST] = DRIFT
            signals[i] = np.int8(state[LAST])


class ADWIN(Detector):
    """Detects a change of the mean, up or down.

    Parameters
    ----------
    delta
        The chance of a false detection at one look, above 0 and below 1.
    clock
        Look for a change every so many values.
    max_buckets
        Of each size.
    min_window_length
        Shorter sides of a cut are not compared.
    grace_period
        Nothing is detected before more than so many values.

    Raises
    ------
    SettingError
        If a parameter is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> detector = ADWIN()
    >>> detector.update_many(np.concatenate([rng.integers(0, 2, 1000), rng.integers(4, 8, 1000)]))
    array([1023])
    """

    name = "adwin"

    def __init__(
        self,
        delta: float = 0.002,
        clock: int = 32,
        max_buckets: int = 5,
        min_window_length: int = 5,
        grace_period: int = 10,
    ) -> None:
        self.delta = check_between(delta, 1e-300, 1.0, "delta")
        self.clock = check_count(clock, 1, 2**31, "clock")
        self.max_buckets = check_count(max_buckets, 1, 1_000, "max_buckets")
        self.min_window_length = check_count(min_window_length, 1, 2**31, "min_window_length")
        self.grace_period = check_count(grace_period, 1, 2**31, "grace_period")
        super().__init__()

    @property
    def width(self) -> int:
        """The values in the window."""
        return int(self._state[_WIDTH])

    @property
    def estimation(self) -> float:
        """The mean of the values in the window; 0.0 where there is none."""
        return float(self._state[_TOTAL] / self._state[_WIDTH]) if self._state[_WIDTH] else 0.0

    def _as_numbers(self) -> Floats:
        shortest = self.min_window_length
        return np.array([self.delta, self.clock, self.max_buckets, shortest, self.grace_period], dtype=np.float64)

    def _initial(self) -> Floats:
        state = np.zeros(_HEAD + 2 * MOST_ROWS * (self.max_buckets + 1))
        state[_ROWS] = 1.0
        return state

    def _follow(self, values: Floats, signals: Signals) -> None:
        _follow(values, self._numbers, self._state, signals)

    def _accepts(self, state: Floats) -> bool:
        if not super()._accepts(state) or not np.isfinite(state).all():
            return False
        lengths = state[_LENGTHS:_HEAD]
        if not (is_whole(state[_ROWS], 1, MOST_ROWS) and is_whole(lengths, 0, self.max_buckets)):
            return False
        held = float((lengths * 2.0 ** np.arange(MOST_ROWS)).sum())
        return held == state[_WIDTH] and not lengths[int(state[_ROWS]) :].any()
