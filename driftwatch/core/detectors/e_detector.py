r"""The e-detector: bets on every loss, with a bound on how often it alarms for nothing.

Each of some bets (`driftwatch.core.detectors.loss_bets`) has a Shiryaev-Roberts e-detector,

.. math:: M_t = (1 + M_{t-1}) e_t

whose expectation without a change is at most ``t``, whenever one looks. The average of the bets' detectors is one
again, and an alarm when it reaches ``run_length`` comes at most once in ``run_length`` rows on average. A tenth of that
is a warning. When the change happened is estimated by the bet that won most: the row since which it won the most.

References
----------
Shin, J., Ramdas, A., Rinaldo, A. (2024). E-detectors: a nonparametric framework for sequential change detection.
New England Journal of Statistics in Data Science 2(2). doi:10.51387/23-NEJSDS51
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numba import types
from numpy.typing import ArrayLike

from driftwatch.core.detectors.detector import (
    DRIFT,
    LAST,
    NOTHING,
    WARNING,
    Detector,
    Floats,
    Parameter,
    Signals,
    check_between,
    floats,
    is_whole,
    signals_written,
)
from driftwatch.core.detectors.loss_bets import LossBets
from driftwatch.core.evidence import WARNING_SHARE
from driftwatch.core.kernels import compiled
from driftwatch.errors import SettingError

_ROWS, _CHANGED, _BETS = 1, 2, 3
"""`_CHANGED` is the estimate at the last detection, -1 before the first. Each bet then has three numbers: the evidence,
the largest gain that ends at the last row, as a logarithm, and the row at which that began."""

_MOST = 1e12
"""Evidence beyond this counts as this: sums stay finite."""


@compiled(types.float64, floats, floats, types.int64)
def _step(numbers: Floats, state: Floats, cell: int) -> float:
    """Take a loss that lies in a cell; answers the evidence."""
    n_bets = (state.size - _BETS) // 3
    at, total = 2 + n_bets + cell * n_bets * 2, 0.0
    for j in range(n_bets):
        bet = _BETS + 3 * j
        state[bet] = min((1.0 + state[bet]) * numbers[at + j], _MOST)
        if state[bet + 1] <= 0.0:
            state[bet + 1], state[bet + 2] = 0.0, state[_ROWS]
        state[bet + 1] += numbers[at + n_bets + j]
        total += numbers[2 + j] * state[bet]
    return total


@compiled(types.float64, floats, floats)
def _since(numbers: Floats, state: Floats) -> float:
    """The row at which the change probably happened: that of the bet that holds the largest part of the evidence."""
    n_bets, most, since = (state.size - _BETS) // 3, -1.0, state[_ROWS]
    for j in range(n_bets):
        bet = _BETS + 3 * j
        if numbers[2 + j] * state[bet] > most:
            most, since = numbers[2 + j] * state[bet], state[bet + 2]
    return float(since)


@compiled(types.void, floats, floats, floats, floats, signals_written)
def _follow(values: Floats, edges: Floats, numbers: Floats, state: Floats, signals: Signals) -> None:
    """``numbers`` are the run length, the warning's, the weights, then by cell what bets win and its logarithm."""
    for i in range(values.size):
        x = values[i]
        signals[i] = NOTHING
        if np.isnan(x):
            continue
        if state[LAST] == DRIFT:
            state[_BETS:] = 0.0
        lower, upper = 0, edges.size
        while lower < upper:
            middle = (lower + upper) >> 1
            if edges[middle] <= x:
                lower = middle + 1
            else:
                upper = middle
        evidence = _step(numbers, state, lower)
        state[LAST] = NOTHING
        if evidence >= numbers[0]:
            state[LAST] = DRIFT
            state[_CHANGED] = _since(numbers, state)
        elif evidence >= numbers[1]:
            state[LAST] = WARNING
        signals[i] = np.int8(state[LAST])
        state[_ROWS] += 1.0


class EDetector(Detector):
    """Detects that losses became larger than those of the reference, with a budget for false alarms.

    Rows are taken to be as independent as the reference's. Where good and bad days follow each other, single rows are
    no news, and windows of the service, which count natural variation, are the better judge.

    Parameters
    ----------
    reference
        Losses of held-out rows (never of rows that the model was trained on), such as squared residuals; shape
        ``(n,)``, ``n`` at least 50, better some thousand. ``nan`` is left out.
    run_length
        Rows between two false alarms, on average, at least 10: the budget.
    bounds
        The least and the largest loss that there can be; None where losses have no bound. Without being told,
        references of zeros and ones alone are bounded.

    Attributes
    ----------
    change_point
        Where the change probably began that was detected last: the number of losses that were taken before it. None
        before the first detection.

    Raises
    ------
    SettingError
        If there are too few reference losses, or a parameter is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> detector = EDetector(reference=rng.normal(size=2000) ** 2)
    >>> detector.update_many(rng.normal(0.0, np.repeat([1.0, 2.0], [1000, 30])) ** 2)
    array([1025])
    >>> detector.change_point
    1013
    """

    name = "e_detector"

    def __init__(
        self, reference: ArrayLike, run_length: float = 250_000, bounds: tuple[float, float] | None = None
    ) -> None:
        losses = np.asarray(reference, dtype=np.float64).ravel()
        losses = losses[~np.isnan(losses)]
        if not np.isfinite(losses).all():
            raise SettingError("there are infinite losses.", field="reference")
        self.run_length = check_between(run_length, 10.0, 1e9, "run_length")
        if bounds is None and np.isin(losses, (0.0, 1.0)).all():
            bounds = (0.0, 1.0)
        if bounds is None:
            self.bounds: tuple[float, float] | None = None
            bets = LossBets.of(losses, self.run_length)
        else:
            self.bounds = least, most = float(bounds[0]), float(bounds[1])
            if not -math.inf < least < most < math.inf:
                raise SettingError(f"{bounds!r} are no two ascending finite numbers.", field="bounds")
            bets = LossBets.of_bounded(losses, least, most)
        self._take(bets)

    def _take(self, bets: LossBets) -> None:
        self._bets = bets
        super().__init__()

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """What the detector was made with, by name; of the reference, what is left of it is in the document."""
        least, most = (None, None) if self.bounds is None else self.bounds
        return {"run_length": self.run_length, "least": least, "most": most}

    @property
    def evidence(self) -> float:
        """The average of what the bets hold; at `run_length` it alarms."""
        return float(self._bets.weights @ self._state[_BETS::3])

    @property
    def rows(self) -> int:
        """The losses that were taken."""
        return int(self._state[_ROWS])

    @property
    def change_point(self) -> int | None:
        """Where the change probably began that was detected last; None before the first detection."""
        return None if self._state[_CHANGED] < 0.0 else int(self._state[_CHANGED])

    def _as_numbers(self) -> Floats:
        e_values = self._bets.e_values
        by_cell = np.concatenate([e_values, np.log(e_values)], axis=1)
        head = [self.run_length, WARNING_SHARE * self.run_length, *self._bets.weights]
        return np.concatenate([head, by_cell.ravel()])

    def _initial(self) -> Floats:
        state = np.zeros(_BETS + 3 * len(self._bets.weights))
        state[_CHANGED] = -1.0
        return state

    def _follow(self, values: Floats, signals: Signals) -> None:
        _follow(values, self._bets.edges, self._numbers, self._state, signals)

    def to_document(self) -> dict[str, Any]:
        """A JSON-able form, exact: of the reference there are some hundred quantiles and what losses win."""
        bets = {
            "edges": self._bets.edges.tolist(),
            "e_values": self._bets.e_values.ravel().tolist(),
            "weights": self._bets.weights.tolist(),
        }
        return {**super().to_document(), "bets": bets}

    @classmethod
    def from_document(cls, document: Any) -> Self:
        """The inverse of `to_document`: a detector that goes on where the written one was.

        Raises
        ------
        ValueError
            If the document is cut short, altered, or another detector's.
        """
        try:
            if document["detector"] != cls.name or document["version"] != 1:
                raise ValueError(f"this is no document of {cls.name} that this version of driftwatch reads")
            given, held = document["parameters"], document["bets"]
            edges, weights, e_values = (
                np.array(held[name], dtype=np.float64) for name in ("edges", "weights", "e_values")
            )
            bets = LossBets(edges=edges, e_values=e_values.reshape(len(edges) + 1, len(weights)), weights=weights)
            detector = cls.__new__(cls)
            detector.run_length = check_between(given["run_length"], 10.0, 1e9, "run_length")
            detector.bounds = None if given["least"] is None else (float(given["least"]), float(given["most"]))
            state = np.array(document["state"], dtype=np.float64)
            said = int(document["said"])
        except (KeyError, TypeError, SettingError) as error:
            raise ValueError(f"a document of {cls.name} is cut short or altered") from error
        if not (np.all(np.diff(edges) > 0.0) and np.all(e_values > 0.0) and np.isfinite(e_values).all()):
            raise ValueError(f"the bets of {cls.name} are cut short or altered")
        detector._take(bets)
        if said not in (NOTHING, WARNING, DRIFT) or not detector._accepts(state):
            raise ValueError(f"a state of {cls.name} does not fit its bets")
        detector._state = state
        detector._signal[0] = said
        return detector

    def _accepts(self, state: Floats) -> bool:
        return super()._accepts(state) and bool(np.isfinite(state).all()) and is_whole(state[_ROWS], 0, 2**53)

    def __repr__(self) -> str:
        return f"EDetector(run_length={self.run_length:g}, bounds={self.bounds!r})"
