r"""DDM, the drift detection method: the error rate is above the best that was seen.

With the error rate :math:`p_t` of the first ``t`` predictions and :math:`s_t = \sqrt{p_t (1 - p_t) / t}`, the least
:math:`p + s` is remembered as :math:`p_{min}, s_{min}`. :math:`p_t + s_t > p_{min} + 2 s_{min}` is a warning, three
times a drift.

References
----------
Gama, J., Medas, P., Castillo, G., Rodrigues, P. (2004). Learning with drift detection. Advances in Artificial
Intelligence, SBIA 2004. doi:10.1007/978-3-540-28645-5_29
"""

from __future__ import annotations

import numpy as np

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
)
from driftwatch.core.kernels import LARGEST, compiled

_N, _RATE, _LEAST_RATE, _LEAST_SPREAD, _LEAST = range(1, 6)


@compiled(*KERNEL)
def _follow(values: Floats, parameters: Floats, state: Floats, signals: Signals) -> None:
    warm_start, warns, drifts = parameters[0], parameters[1], parameters[2]
    last, n, rate = state[LAST], state[_N], state[_RATE]
    least_rate, least_spread, least = state[_LEAST_RATE], state[_LEAST_SPREAD], state[_LEAST]
    for i in range(values.size):
        x = values[i]
        signals[i] = NOTHING
        if not abs(x) <= LARGEST:
            continue
        if last == DRIFT:
            last, n, rate, least_rate, least_spread, least = float(NOTHING), 0.0, 0.0, np.inf, np.inf, np.inf
        n += 1.0
        rate += (1.0 / n) * (x - rate)
        spread = np.sqrt(max(rate * (1.0 - rate), 0.0) / n)
        if n > warm_start:
            level = rate + spread
            if level <= least:
                least_rate, least_spread, least = rate, spread, level
            last = float(NOTHING)
            if level > least_rate + drifts * least_spread:
                last = float(DRIFT)
            elif level > least_rate + warns * least_spread:
                last = float(WARNING)
        signals[i] = np.int8(last)
    state[LAST], state[_N], state[_RATE] = last, n, rate
    state[_LEAST_RATE], state[_LEAST_SPREAD], state[_LEAST] = least_rate, least_spread, least


class DDM(Detector):
    """Detects a rise of the error rate.

    Values are 1 for an error and 0 for none.

    Parameters
    ----------
    warm_start
        Nothing is detected before more than so many predictions.
    warning_threshold, drift_threshold
        In standard deviations.

    Raises
    ------
    SettingError
        If a parameter is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(2)
    >>> DDM().update_many(rng.random(2000) < np.repeat([0.1, 0.4], 1000))
    array([  89, 1058])
    """

    name = "ddm"

    def __init__(self, warm_start: int = 30, warning_threshold: float = 2.0, drift_threshold: float = 3.0) -> None:
        self.warm_start = check_count(warm_start, 0, 2**53, "warm_start")
        self.warning_threshold = check_between(warning_threshold, 0.0, LARGEST, "warning_threshold")
        self.drift_threshold = check_between(drift_threshold, 0.0, LARGEST, "drift_threshold")
        super().__init__()

    def _as_numbers(self) -> Floats:
        return np.array([self.warm_start, self.warning_threshold, self.drift_threshold])

    def _initial(self) -> Floats:
        return np.array([NOTHING, 0.0, 0.0, np.inf, np.inf, np.inf])

    def _follow(self, values: Floats, signals: Signals) -> None:
        _follow(values, self._numbers, self._state, signals)
