r"""EWMA, the chart for concept drift (ECDD): a moving average of errors against the error rate so far.

.. math:: Z_t = (1 - \lambda) Z_{t-1} + \lambda x_t, \qquad
    \sigma_t^2 = p_t (1 - p_t) \frac{\lambda}{2 - \lambda} \left(1 - (1 - \lambda)^{2 t}\right)

with the error rate :math:`p_t` of all predictions so far. :math:`Z_t > p_t + L \sigma_t` is a drift, where the paper
gives ``L`` as a polynomial in :math:`p_t` for three average run lengths without drift, for ``lambda`` 0.2; half of
``L`` is a warning.

References
----------
Ross, G. J., Adams, N. M., Tasoulis, D. K., Hand, D. J. (2012). Exponentially weighted moving average charts for
detecting concept drift. Pattern Recognition Letters 33(2). doi:10.1016/j.patrec.2011.08.019
"""

from __future__ import annotations

from types import MappingProxyType

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
from driftwatch.errors import SettingError

_LIMITS = MappingProxyType(
    {
        100: (2.76, -6.23, 18.12, -312.45, 1002.18),
        400: (3.97, -6.56, 48.73, -330.13, 848.18),
        1000: (1.17, 7.56, -21.24, 112.12, -987.23),
    }
)
"""By average run length, the coefficients of 1, p, p**3, p**5 and p**7: table 1 of the paper."""

_N, _ERRORS, _MOVING, _REST = range(1, 5)


@compiled(*KERNEL)
def _follow(values: Floats, parameters: Floats, state: Floats, signals: Signals) -> None:
    weight, warning_level, warm_start = parameters[0], parameters[1], parameters[2]
    a, b, c, d, e = parameters[3], parameters[4], parameters[5], parameters[6], parameters[7]
    last, n, errors, moving, rest = state[LAST], state[_N], state[_ERRORS], state[_MOVING], state[_REST]
    for i in range(values.size):
        x = values[i]
        signals[i] = NOTHING
        if not abs(x) <= LARGEST:
            continue
        if last == DRIFT:
            n, errors, moving, rest = 0.0, 0.0, 0.0, 1.0
        n += 1.0
        errors += x
        rate = errors / n
        rest *= (1.0 - weight) * (1.0 - weight)
        moving += weight * (x - moving)
        last = float(NOTHING)
        if n >= warm_start:
            spread = np.sqrt(max(rate * (1.0 - rate), 0.0) * weight * (1.0 - rest) / (2.0 - weight))
            square = rate * rate
            width = (a + rate * (b + square * (c + square * (d + square * e)))) * spread
            if moving > rate + width:
                last = float(DRIFT)
            elif moving > rate + warning_level * width:
                last = float(WARNING)
        signals[i] = np.int8(last)
    state[LAST], state[_N], state[_ERRORS], state[_MOVING], state[_REST] = last, n, errors, moving, rest


class EWMA(Detector):
    """Detects a rise of the error rate, with a chosen mean time between false detections.

    Values are 1 for an error and 0 for none.

    Parameters
    ----------
    lambda_val
        The weight of the newest value, above 0 and at most 1. The run length is that of 0.2.
    average_run_length
        Predictions between two false detections, on average: 100, 400 or 1000.
    warning_level
        The share of the limit at which there is a warning, from 0 to 1.
    warm_start
        Nothing is detected before so many predictions.

    Raises
    ------
    SettingError
        If a parameter is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(2)
    >>> EWMA().update_many(rng.random(300) < np.repeat([0.05, 0.6], 150))
    array([ 49, 156])
    """

    name = "ewma"

    def __init__(
        self,
        lambda_val: float = 0.2,
        average_run_length: int = 400,
        warning_level: float = 0.5,
        warm_start: int = 30,
    ) -> None:
        self.lambda_val = check_between(lambda_val, 1e-6, 1.0, "lambda_val")
        if average_run_length not in _LIMITS:
            known = ", ".join(map(str, _LIMITS))
            raise SettingError(f"{average_run_length!r} is none of {known}.", field="average_run_length")
        self.average_run_length = int(average_run_length)
        self.warning_level = check_between(warning_level, 0.0, 1.0, "warning_level")
        self.warm_start = check_count(warm_start, 0, 2**53, "warm_start")
        super().__init__()

    def _as_numbers(self) -> Floats:
        return np.array([self.lambda_val, self.warning_level, self.warm_start, *_LIMITS[self.average_run_length]])

    def _initial(self) -> Floats:
        return np.array([NOTHING, 0.0, 0.0, 0.0, 1.0])

    def _follow(self, values: Floats, signals: Signals) -> None:
        _follow(values, self._numbers, self._state, signals)
