r"""EDDM, the early drift detection method: errors come closer together.

With the mean :math:`p'` and the standard deviation :math:`s'` of the number of predictions between two errors, the
largest :math:`p' + 2 s'` is remembered. Falling below ``alpha`` times that is a warning, below ``beta`` times a drift.

References
----------
Baena-García, M., del Campo-Ávila, J., Fidalgo, R., Bifet, A., Gavaldà, R., Morales-Bueno, R. (2006). Early drift
detection method. Fourth International Workshop on Knowledge Discovery from Data Streams.
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
from driftwatch.errors import SettingError

_N, _ERRORS, _MEAN, _SQUARES, _LAST_ERROR, _MOST = range(1, 7)


@compiled(*KERNEL)
def _follow(values: Floats, parameters: Floats, state: Floats, signals: Signals) -> None:
    warm_start, alpha, beta = parameters[0], parameters[1], parameters[2]
    last, n, errors, mean = state[LAST], state[_N], state[_ERRORS], state[_MEAN]
    squares, last_error, most = state[_SQUARES], state[_LAST_ERROR], state[_MOST]
    for i in range(values.size):
        x = values[i]
        signals[i] = NOTHING
        if not abs(x) <= LARGEST:
            continue
        if last == DRIFT:
            last, n, errors, mean, squares, last_error, most = float(NOTHING), 0.0, 0.0, 0.0, 0.0, 0.0, -1.0
        n += 1.0
        if x == 1.0:
            errors += 1.0
            distance = n - last_error
            before = mean
            mean += (1.0 / errors) * (distance - mean)
            squares += (distance - before) * (distance - mean)
            if n > warm_start:
                spread = np.sqrt(squares / (errors - 1.0)) if errors > 1.0 else 0.0
                reached = mean + 2.0 * spread
                if reached > most:
                    most = reached
                elif errors > warm_start:
                    level = reached / most
                    last = float(DRIFT) if level < beta else float(WARNING) if level < alpha else float(NOTHING)
            last_error = n
        signals[i] = np.int8(last)
    state[LAST], state[_N], state[_ERRORS], state[_MEAN] = last, n, errors, mean
    state[_SQUARES], state[_LAST_ERROR], state[_MOST] = squares, last_error, most


class EDDM(Detector):
    """Detects errors that come closer together: slow changes sooner than `DDM`.

    Values are 1 for an error; everything else is none.

    Parameters
    ----------
    warm_start
        Nothing is detected before more than so many predictions and errors.
    alpha
        The share of the largest distance below which there is a warning.
    beta
        The share below which there is a drift; at most ``alpha``.

    Raises
    ------
    SettingError
        If a parameter is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(2)
    >>> EDDM().update_many(rng.random(2000) < np.repeat([0.05, 0.4], 1000))
    array([1028, 1100, 1194])
    """

    name = "eddm"

    def __init__(self, warm_start: int = 30, alpha: float = 0.95, beta: float = 0.9) -> None:
        self.warm_start = check_count(warm_start, 0, 2**53, "warm_start")
        self.alpha = check_between(alpha, 0.0, 1.0, "alpha")
        self.beta = check_between(beta, 0.0, 1.0, "beta")
        if self.alpha < self.beta:
            raise SettingError("it is below beta.", field="alpha", remedy="A warning comes before a drift.")
        super().__init__()

    def _as_numbers(self) -> Floats:
        return np.array([self.warm_start, self.alpha, self.beta])

    def _initial(self) -> Floats:
        return np.array([NOTHING, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0])

    def _follow(self, values: Floats, signals: Signals) -> None:
        _follow(values, self._numbers, self._state, signals)
