r"""HDDM with weighted averages: McDiarmid's bound on how far two moving averages may lie apart.

A moving average :math:`z_t = \lambda x_t + (1 - \lambda) z_{t-1}` has the sum of squared weights
:math:`v_t = \lambda^2 + (1 - \lambda)^2 v_{t-1}`. The cut is kept whose average has the least upper bound; the values
after it have an average of their own, which lies above the first by

.. math:: \varepsilon = \sqrt{\frac{v_1 + v_2}{2} \ln \frac{1}{\text{confidence}}}

only by a chance of ``confidence`` at a cut that was chosen in advance.

References
----------
Frías-Blanco, I., del Campo-Ávila, J., Ramos-Jiménez, G., Morales-Bueno, R., Ortiz-Díaz, A., Caballero-Mota, Y. (2015).
Online and non-parametric drift detection methods based on Hoeffding's bounds. IEEE Transactions on Knowledge and Data
Engineering 27(3). doi:10.1109/TKDE.2014.2345382
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
    floats,
)
from driftwatch.core.kernels import LARGEST, compiled

# Each average is three numbers: how many values (0, 1 or 2 for more), the average, and the sum of squared weights.
_ALL, _BEFORE_RISE, _AFTER_RISE, _BEFORE_FALL, _AFTER_FALL = 1, 4, 7, 10, 13
_CUT_RISE, _CUT_FALL, _SIZE = 16, 17, 18


@compiled(types.void, floats, types.int64, types.float64, types.float64)
def _add(state: Floats, at: int, x: float, weight: float) -> None:
    state[at + 1] = x if state[at] == 0.0 else weight * x + (1.0 - weight) * state[at + 1]
    state[at + 2] = weight * weight + (1.0 - weight) * (1.0 - weight) * state[at + 2]
    state[at] = 1.0


@compiled(types.void, floats, types.int64)
def _forget(state: Floats, at: int) -> None:
    state[at], state[at + 1], state[at + 2] = 0.0, 0.0, 1.0


@compiled(types.boolean, floats, types.int64, types.int64, types.float64)
def _above(state: Floats, lower: int, upper: int, log_confidence: float) -> bool:
    if state[lower] == 0.0 or state[upper] == 0.0:
        return False
    return bool(
        state[upper + 1] - state[lower + 1] > np.sqrt((state[lower + 2] + state[upper + 2]) * log_confidence / 2.0)
    )


@compiled(types.void, floats)
def _begin(state: Floats) -> None:
    for at in range(_ALL, _CUT_RISE, 3):
        _forget(state, at)
    state[_CUT_RISE], state[_CUT_FALL] = np.inf, -np.inf


@compiled(*KERNEL)
def _follow(values: Floats, parameters: Floats, state: Floats, signals: Signals) -> None:
    log_drift, log_warning, weight, two_sided = parameters[0], parameters[1], parameters[2], parameters[3] > 0.0
    for i in range(values.size):
        x = values[i]
        signals[i] = NOTHING
        if not abs(x) <= LARGEST:
            continue
        if state[LAST] == DRIFT:
            _begin(state)
        _add(state, _ALL, x, weight)
        bound = np.sqrt(state[_ALL + 2] * log_drift / 2.0)
        if state[_ALL + 1] + bound < state[_CUT_RISE]:
            state[_CUT_RISE] = state[_ALL + 1] + bound
            state[_BEFORE_RISE : _BEFORE_RISE + 3] = state[_ALL : _ALL + 3]
            _forget(state, _AFTER_RISE)
        else:
            _add(state, _AFTER_RISE, x, weight)
        if state[_ALL + 1] - bound > state[_CUT_FALL]:
            state[_CUT_FALL] = state[_ALL + 1] - bound
            state[_BEFORE_FALL : _BEFORE_FALL + 3] = state[_ALL : _ALL + 3]
            _forget(state, _AFTER_FALL)
        else:
            _add(state, _AFTER_FALL, x, weight)
        said = NOTHING
        if _above(state, _BEFORE_RISE, _AFTER_RISE, log_drift) or (
            two_sided and _above(state, _AFTER_FALL, _BEFORE_FALL, log_drift)
        ):
            said = DRIFT
        elif _above(state, _BEFORE_RISE, _AFTER_RISE, log_warning) or (
            two_sided and _above(state, _AFTER_FALL, _BEFORE_FALL, log_warning)
        ):
            said = WARNING
        signals[i] = said
        state[LAST] = said


class HDDMW(Detector):
    """Detects a rise of the mean of values between 0 and 1, or a change of it, sooner where it is sudden: HDDM_W.

    Parameters
    ----------
    drift_confidence, warning_confidence
        Chances of a false detection and of a false warning at one cut, above 0 and at most 1.
    lambda_val
        The weight of the newest value, from 0 to 1.
    two_sided_test
        Detect falls, too.

    Raises
    ------
    SettingError
        If a parameter is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(2)
    >>> HDDMW().update_many(rng.random(2000) < np.repeat([0.1, 0.6], 1000))
    array([1024, 1673])
    """

    name = "hddm_w"

    def __init__(
        self,
        drift_confidence: float = 0.001,
        warning_confidence: float = 0.005,
        lambda_val: float = 0.05,
        two_sided_test: bool = False,
    ) -> None:
        self.drift_confidence = check_between(drift_confidence, 1e-300, 1.0, "drift_confidence")
        self.warning_confidence = check_between(warning_confidence, 1e-300, 1.0, "warning_confidence")
        self.lambda_val = check_between(lambda_val, 0.0, 1.0, "lambda_val")
        self.two_sided_test = bool(two_sided_test)
        super().__init__()

    def _as_numbers(self) -> Floats:
        drift, warning = np.log(1.0 / self.drift_confidence), np.log(1.0 / self.warning_confidence)
        return np.array([drift, warning, self.lambda_val, float(self.two_sided_test)])

    def _initial(self) -> Floats:
        state = np.zeros(_SIZE)
        _begin(state)
        return state

    def _follow(self, values: Floats, signals: Signals) -> None:
        _follow(values, self._numbers, self._state, signals)
