r"""Page-Hinkley: sums of deviations from the running mean, up and down.

.. math::
    S^+_t = \alpha S^+_{t-1} + x_t - \bar x_t - \delta, \qquad S^-_t = \alpha S^-_{t-1} + x_t - \bar x_t + \delta

A drift is detected when :math:`S^+` is more than a threshold above its least value so far, or :math:`S^-` as much
below its largest. It does not warn.

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
from driftwatch.errors import SettingError

_MODES = ("up", "down", "both")
_N, _MEAN, _UP, _DOWN, _LEAST, _MOST = range(1, 7)


@compiled(*KERNEL)
def _follow(values: Floats, parameters: Floats, state: Floats, signals: Signals) -> None:
    min_instances, delta, threshold, alpha = parameters[0], parameters[1], parameters[2], parameters[3]
    sees_up, sees_down = parameters[4] > 0.0, parameters[5] > 0.0
    last, n, mean = state[LAST], state[_N], state[_MEAN]
    up, down, least, most = state[_UP], state[_DOWN], state[_LEAST], state[_MOST]
    for i in range(values.size):
        x = values[i]
        signals[i] = NOTHING
        if not abs(x) <= LARGEST:
            continue
        if last == DRIFT:
            n, mean, up, down, least, most = 0.0, 0.0, 0.0, 0.0, np.inf, -1.0
        n += 1.0
        mean += (1.0 / n) * (x - mean)
        deviation = x - mean
        up = alpha * up + deviation - delta
        down = alpha * down + deviation + delta
        least, most = min(least, up), max(most, down)
        last = np.float64(NOTHING)
        if n >= min_instances and ((sees_up and up - least > threshold) or (sees_down and most - down > threshold)):
            last = np.float64(DRIFT)
            signals[i] = DRIFT
    state[LAST], state[_N], state[_MEAN] = last, n, mean
    state[_UP], state[_DOWN], state[_LEAST], state[_MOST] = up, down, least, most


class PageHinkley(Detector):
    """Detects a change of the mean.

    Parameters
    ----------
    min_instances
        Nothing is detected before so many values.
    delta
        Deviations of this size are nothing to act on, in units of the values.
    threshold
        The sum of deviations that is a drift, in units of the values.
    alpha
        How much of the sums is kept at each value, from 0 to 1.
    mode
        ``"up"``, ``"down"`` or ``"both"``: which way the mean may move.

    Raises
    ------
    SettingError
        If a parameter is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> detector = PageHinkley()
    >>> detector.update_many(np.concatenate([rng.integers(0, 2, 1000), rng.integers(4, 8, 1000)]))
    array([1008, 1838])
    """

    name = "page_hinkley"

    def __init__(
        self,
        min_instances: int = 30,
        delta: float = 0.005,
        threshold: float = 50.0,
        alpha: float = 1 - 0.0001,
        mode: str = "both",
    ) -> None:
        self.min_instances = check_count(min_instances, 0, 2**53, "min_instances")
        self.delta = check_between(delta, 0.0, LARGEST, "delta")
        self.threshold = check_between(threshold, 0.0, LARGEST, "threshold")
        self.alpha = check_between(alpha, 0.0, 1.0, "alpha")
        if mode not in _MODES:
            raise SettingError(f"{mode!r} is none of {', '.join(_MODES)}.", field="mode")
        self.mode = mode
        super().__init__()

    def _as_numbers(self) -> Floats:
        ways = (float(self.mode != "down"), float(self.mode != "up"))
        return np.array([self.min_instances, self.delta, self.threshold, self.alpha, *ways])

    def _initial(self) -> Floats:
        return np.array([NOTHING, 0.0, 0.0, 0.0, 0.0, np.inf, -1.0])

    def _follow(self, values: Floats, signals: Signals) -> None:
        _follow(values, self._numbers, self._state, signals)
