r"""STEPD, the statistical test of equal proportions: recent predictions against all before them.

With ``r`` hits among the last ``n`` predictions, ``R`` among the ``N`` before and :math:`p = (r + R) / (n + N)`,

.. math:: T = \frac{R / N - r / n - \tfrac12 (1/N + 1/n)}{\sqrt{p (1 - p) (1/N + 1/n)}}

is compared with the standard normal distribution: a one-sided test, with a correction for continuity, of "the recent
accuracy is no lower". It begins when ``N`` is at least ``n``.

References
----------
Nishida, K., Yamauchi, K. (2007). Detecting concept drift using statistical testing. Discovery Science, LNCS 4755.
doi:10.1007/978-3-540-75488-6_27
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

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
    is_whole,
)
from driftwatch.core.kernels import LARGEST, compiled

_N, _OLD_ERRORS, _NEW_ERRORS, _AT, _WINDOW = range(1, 6)


@compiled(*KERNEL)
def _follow(values: Floats, parameters: Floats, state: Floats, signals: Signals) -> None:
    size, drifts, warns = int(parameters[0]), parameters[1], parameters[2]
    recent = state[_WINDOW:]
    last, n, old, new, at = state[LAST], state[_N], state[_OLD_ERRORS], state[_NEW_ERRORS], int(state[_AT])
    for i in range(values.size):
        x = values[i]
        signals[i] = NOTHING
        if not abs(x) <= LARGEST:
            continue
        if last == DRIFT:
            n, old, new, at = 0.0, 0.0, 0.0, 0
        n += 1.0
        if n > size:
            old, new = old + recent[at], new - recent[at]
        recent[at] = x
        new += x
        at = at + 1 if at + 1 < size else 0
        last = float(NOTHING)
        n_old = n - size
        if n_old >= size:
            widths = 1.0 / n_old + 1.0 / size
            share = (old + new) / n
            spread = np.sqrt(max(share * (1.0 - share), 0.0) * widths)
            excess = new / size - old / n_old - 0.5 * widths
            if excess > drifts * spread:
                last = float(DRIFT)
            elif excess > warns * spread:
                last = float(WARNING)
        signals[i] = np.int8(last)
    state[LAST], state[_N], state[_OLD_ERRORS], state[_NEW_ERRORS], state[_AT] = last, n, old, new, at


class STEPD(Detector):
    """Detects that recent predictions are wrong more often than those before.

    Values are 1 for an error and 0 for none.

    Parameters
    ----------
    window_size
        How many predictions are recent.
    alpha_drift, alpha_warning
        The test's levels, above 0 and at most 0.5.

    Raises
    ------
    SettingError
        If a parameter is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(5)
    >>> STEPD(alpha_drift=1e-5).update_many(rng.random(2000) < np.repeat([0.1, 0.6], 1000))
    array([1014])
    """

    name = "stepd"

    def __init__(self, window_size: int = 30, alpha_drift: float = 0.003, alpha_warning: float = 0.05) -> None:
        self.window_size = check_count(window_size, 1, 1_000_000, "window_size")
        self.alpha_drift = check_between(alpha_drift, 1e-300, 0.5, "alpha_drift")
        self.alpha_warning = check_between(alpha_warning, 1e-300, 0.5, "alpha_warning")
        super().__init__()

    def _as_numbers(self) -> Floats:
        return np.array([self.window_size, -float(ndtri(self.alpha_drift)), -float(ndtri(self.alpha_warning))])

    def _initial(self) -> Floats:
        return np.zeros(_WINDOW + self.window_size)

    def _follow(self, values: Floats, signals: Signals) -> None:
        _follow(values, self._numbers, self._state, signals)

    def _accepts(self, state: Floats) -> bool:
        return super()._accepts(state) and is_whole(state[_AT], 0, self.window_size - 1)
