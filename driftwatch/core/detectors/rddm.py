r"""RDDM, the reactive drift detection method: DDM that forgets.

DDM grows insensitive in long concepts. RDDM counts anew over the newest ``min_size_stable_concept`` predictions once a
concept is longer than ``max_size_concept`` and there is no warning, keeping the least rate that was seen; and it takes
a warning that lasts ``warn_limit`` predictions for a drift. After a drift it begins with the predictions since the
warning.

References
----------
Barros, R. S. M., Cabral, D. R. L., Gonçalves, P. M., Santos, S. G. T. C. (2017). RDDM: reactive drift detection
method. Expert Systems with Applications 90. doi:10.1016/j.eswa.2017.08.023
"""

from __future__ import annotations

import numpy as np
from numba import types

from driftwatch.core.detectors.detector import (
    DRIFT,
    KERNEL,
    LAST,
    NOTHING,
    WARNING,
    Detector,
    Floats,
    Signals,
    check_between,
    check_count,
    floats,
    is_whole,
)
from driftwatch.core.kernels import LARGEST, compiled

_N, _RATE, _LEAST_RATE, _LEAST_SPREAD, _LEAST = range(1, 6)
_STORED, _AT, _WARNED, _RECOUNT, _WINDOW = range(6, 11)
# `_STORED`: how many predictions are kept; `_AT`: where the next one goes; `_WARNED`: how many there were since the
# warning, with the one that raised it, 0 where there is none; `_RECOUNT`: the concept is long.
_MIN_N, _WARNS, _DRIFTS, _LONGEST, _STABLE, _LIMIT = range(6)


@compiled(types.void, floats, floats)
def _count_again(parameters: Floats, state: Floats) -> None:
    """Take the rate of the predictions that are kept as that of the concept."""
    size, kept = int(parameters[_STABLE]), int(state[_STORED])
    begin = (int(state[_AT]) - kept) % size
    after_drift = state[LAST] == DRIFT
    if after_drift:
        state[_LEAST_RATE], state[_LEAST_SPREAD], state[_LEAST] = np.inf, np.inf, np.inf
    n, rate = 1.0, 1.0
    for i in range(kept):
        rate += (state[_WINDOW + (begin + i) % size] - rate) / n
        spread = np.sqrt(max(rate * (1.0 - rate), 0.0) / n)
        if after_drift and n > parameters[_MIN_N] and rate + spread < state[_LEAST]:
            state[_LEAST_RATE], state[_LEAST_SPREAD], state[_LEAST] = rate, spread, rate + spread
        n += 1.0
    state[_N], state[_RATE] = n, rate
    state[_WARNED], state[_RECOUNT] = 0.0, 0.0


@compiled(types.float64, floats, floats)
def _said(parameters: Floats, state: Floats) -> float:
    """What is said of the rate, and from which prediction on the next concept is counted."""
    # `n` is the number of predictions and one more, as in the published implementation.
    n, rate = state[_N], state[_RATE]
    if n <= parameters[_MIN_N]:
        return float(NOTHING)
    spread = np.sqrt(max(rate * (1.0 - rate), 0.0) / (n - 1.0))
    level = rate + spread
    if level < state[_LEAST]:
        state[_LEAST_RATE], state[_LEAST_SPREAD], state[_LEAST] = rate, spread, level
    if level > state[_LEAST_RATE] + parameters[_DRIFTS] * state[_LEAST_SPREAD]:
        state[_STORED] = min(max(state[_WARNED], 1.0), parameters[_STABLE])
        return float(DRIFT)
    if level > state[_LEAST_RATE] + parameters[_WARNS] * state[_LEAST_SPREAD]:
        if state[_WARNED] > parameters[_LIMIT]:
            state[_STORED] = 1.0
            return float(DRIFT)
        state[_WARNED] = max(state[_WARNED], 1.0)
        return float(WARNING)
    state[_WARNED] = 0.0
    if n > parameters[_LONGEST]:
        state[_RECOUNT] = 1.0
    return float(NOTHING)


@compiled(*KERNEL)
def _follow(values: Floats, parameters: Floats, state: Floats, signals: Signals) -> None:
    size = int(parameters[_STABLE])
    for i in range(values.size):
        x = values[i]
        signals[i] = NOTHING
        if not abs(x) <= LARGEST:
            continue
        if state[LAST] == DRIFT or state[_RECOUNT] > 0.0:
            _count_again(parameters, state)
        at = int(state[_AT])
        state[_WINDOW + at] = x
        state[_AT] = at + 1 if at + 1 < size else 0
        state[_STORED] = min(state[_STORED] + 1.0, parameters[_STABLE])
        if state[_WARNED] > 0.0:
            state[_WARNED] += 1.0
        state[_RATE] += (x - state[_RATE]) / state[_N]
        state[_N] += 1.0
        state[LAST] = _said(parameters, state)
        signals[i] = np.int8(state[LAST])


class RDDM(Detector):
    """Detects a rise of the error rate, in long concepts too.

    Values are 1 for an error and 0 for none.

    Parameters
    ----------
    warm_start
        Nothing is detected before so many predictions.
    warning_threshold, drift_threshold
        In standard deviations.
    max_size_concept
        A longer concept is counted anew.
    min_size_stable_concept
        How many predictions are kept for that.
    warn_limit
        A warning that lasts so many predictions is a drift.

    Raises
    ------
    SettingError
        If a parameter is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(4)
    >>> RDDM().update_many(rng.random(2000) < np.repeat([0.1, 0.4], 1000))
    array([ 392,  522, 1011])
    """

    name = "rddm"

    def __init__(
        self,
        warm_start: int = 129,
        warning_threshold: float = 1.773,
        drift_threshold: float = 2.258,
        max_size_concept: int = 40_000,
        min_size_stable_concept: int = 7_000,
        warn_limit: int = 1_400,
    ) -> None:
        self.warm_start = check_count(warm_start, 1, 2**31, "warm_start")
        self.warning_threshold = check_between(warning_threshold, 0.0, LARGEST, "warning_threshold")
        self.drift_threshold = check_between(drift_threshold, 0.0, LARGEST, "drift_threshold")
        self.max_size_concept = check_count(max_size_concept, 1, 2**31, "max_size_concept")
        self.min_size_stable_concept = check_count(min_size_stable_concept, 1, 1_000_000, "min_size_stable_concept")
        self.warn_limit = check_count(warn_limit, 1, 2**31, "warn_limit")
        super().__init__()

    def _as_numbers(self) -> Floats:
        return np.array(list(self.parameters.values()), dtype=np.float64)

    def _initial(self) -> Floats:
        state = np.zeros(_WINDOW + self.min_size_stable_concept)
        state[_N], state[_RATE] = 1.0, 1.0
        state[_LEAST_RATE : _LEAST + 1] = np.inf
        return state

    def _follow(self, values: Floats, signals: Signals) -> None:
        _follow(values, self._numbers, self._state, signals)

    def _accepts(self, state: Floats) -> bool:
        size = self.min_size_stable_concept
        return (
            super()._accepts(state)
            and is_whole(state[_STORED], 0, size)
            and is_whole(state[_AT], 0, size - 1)
            and is_whole(state[_N], 1, 2**53)
        )
