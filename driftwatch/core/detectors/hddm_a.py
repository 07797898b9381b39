r"""HDDM with averages: Hoeffding's bound on how far two averages may lie apart.

Of all cuts of the stream, the one whose first part has the least upper bound of its mean is kept. With ``n`` values
before the cut and ``N`` in all, the mean of all lies above that of the first part by

.. math:: \varepsilon = \sqrt{\frac{N - n}{2 n N} \ln \frac{2}{\text{confidence}}}

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
)
from driftwatch.core.kernels import LARGEST, compiled

_N, _MEAN, _N_LOW, _LOW, _N_HIGH, _HIGH = range(1, 7)


@compiled(types.float64, types.float64, types.float64)
def _bound(n: float, log_confidence: float) -> float:
    return float(np.sqrt(1.0 / (2.0 * n) * log_confidence))


@compiled(types.float64, types.float64, types.float64, types.float64)
def _apart(n_first: float, n: float, log_confidence: float) -> float:
    """How far the mean of all may lie from that of the first part; infinite where that is all."""
    if n_first == n:
        return float(np.inf)
    return float(np.sqrt((n - n_first) / n_first * (1.0 / n) / 2.0 * log_confidence))


@compiled(*KERNEL)
def _follow(values: Floats, parameters: Floats, state: Floats, signals: Signals) -> None:
    log_cut, log_drift, log_warning, two_sided = parameters[0], parameters[1], parameters[2], parameters[3] > 0.0
    last, n, mean = state[LAST], state[_N], state[_MEAN]
    n_low, low, n_high, high = state[_N_LOW], state[_LOW], state[_N_HIGH], state[_HIGH]
    for i in range(values.size):
        x = values[i]
        signals[i] = NOTHING
        if not abs(x) <= LARGEST:
            continue
        if last == DRIFT:
            n, mean, n_low, n_high = 0.0, 0.0, 0.0, 0.0
        n += 1.0
        mean += (1.0 / n) * (x - mean)
        here = _bound(n, log_cut)
        if n_low == 0.0 or low + _bound(n_low, log_cut) >= mean + here:
            n_low, low = n, mean
        if n_high == 0.0 or high - _bound(n_high, log_cut) <= mean - here:
            n_high, high = n, mean
        last = float(NOTHING)
        if mean - low >= _apart(n_low, n, log_drift) or (two_sided and high - mean >= _apart(n_high, n, log_drift)):
            last = float(DRIFT)
        elif mean - low >= _apart(n_low, n, log_warning) or (
            two_sided and high - mean >= _apart(n_high, n, log_warning)
        ):
            last = float(WARNING)
        signals[i] = np.int8(last)
    state[LAST], state[_N], state[_MEAN] = last, n, mean
    state[_N_LOW], state[_LOW], state[_N_HIGH], state[_HIGH] = n_low, low, n_high, high


class HDDMA(Detector):
    """Detects a rise of the mean of values between 0 and 1, or a change of it: HDDM_A.

    Parameters
    ----------
    drift_confidence, warning_confidence
        Chances of a false detection and of a false warning at one cut, above 0 and at most 1.
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
    >>> HDDMA().update_many(rng.random(2000) < np.repeat([0.1, 0.4], 1000))
    array([1062])
    """

    name = "hddm_a"

    def __init__(
        self, drift_confidence: float = 0.001, warning_confidence: float = 0.005, two_sided_test: bool = False
    ) -> None:
        self.drift_confidence = check_between(drift_confidence, 1e-300, 1.0, "drift_confidence")
        self.warning_confidence = check_between(warning_confidence, 1e-300, 1.0, "warning_confidence")
        self.two_sided_test = bool(two_sided_test)
        super().__init__()

    def _as_numbers(self) -> Floats:
        cut = np.log(1.0 / self.drift_confidence)
        drift, warning = np.log(2.0 / self.drift_confidence), np.log(2.0 / self.warning_confidence)
        return np.array([cut, drift, warning, float(self.two_sided_test)])

    def _initial(self) -> Floats:
        return np.zeros(7)

    def _follow(self, values: Floats, signals: Signals) -> None:
        _follow(values, self._numbers, self._state, signals)
