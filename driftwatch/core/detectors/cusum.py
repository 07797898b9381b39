r"""CUSUM: the sum of what values exceed their running mean by, never below zero.

.. math:: S_t = \max(0, S_{t-1} + x_t - \bar x_t - \delta)

A drift is detected when :math:`S` exceeds a threshold. It does not warn.

References
----------
Page, E. S. (1954). Continuous inspection schemes. Biometrika 41(1/2). doi:10.1093/biomet/41.1-2.100
"""

from __future__ import annotations

import numpy as np

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
)
from driftwatch.core.kernels import LARGEST, compiled

_N, _MEAN, _SUM = range(1, 4)


@compiled(*KERNEL)
def _follow(values: Floats, parameters: Floats, state: Floats, signals: Signals) -> None:
    min_instances, delta, threshold = parameters[0], parameters[1], parameters[2]
    last, n, mean, total = state[LAST], state[_N], state[_MEAN], state[_SUM]
    for i in range(values.size):
        x = values[i]
        signals[i] = NOTHING
        if not abs(x) <= LARGEST:
            continue
        if last == DRIFT:
            n, mean, total = 0.0, 0.0, 0.0
        n += 1.0
        mean += (1.0 / n) * (x - mean)
        total = max(0.0, total + x - mean - delta)
        last = np.float64(NOTHING)
        if n >= min_instances and total > threshold:
            last = np.float64(DRIFT)
            signals[i] = DRIFT
    state[LAST], state[_N], state[_MEAN], state[_SUM] = last, n, mean, total


class CUSUM(Detector):
    """Detects a rise of the mean.

    Parameters
    ----------
    min_instances
        Nothing is detected before so many values.
    delta
        Deviations of this size are nothing to act on, in units of the values.
    threshold
        The sum of deviations that is a drift, in units of the values.

    Raises
    ------
    SettingError
        If a parameter is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> CUSUM().update_many(np.repeat([0.0, 1.0], [100, 100]))
    array([165])
    """

    name = "cusum"

    def __init__(self, min_instances: int = 30, delta: float = 0.005, threshold: float = 50.0) -> None:
        self.min_instances = check_count(min_instances, 0, 2**53, "min_instances")
        self.delta = check_between(delta, 0.0, LARGEST, "delta")
        self.threshold = check_between(threshold, 0.0, LARGEST, "threshold")
        super().__init__()

    def _as_numbers(self) -> Floats:
        return np.array([self.min_instances, self.delta, self.threshold])

    def _initial(self) -> Floats:
        return np.array([NOTHING, 0.0, 0.0, 0.0])

    def _follow(self, values: Floats, signals: Signals) -> None:
        _follow(values, self._numbers, self._state, signals)
