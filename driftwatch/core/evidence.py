r"""Evidence: what windows say together, and when it is enough for an alarm.

*From a p-value to a bet.* ``e = kappa * p**(kappa - 1)`` has an expectation of at most 1 if ``p`` is valid: a stake
of 1 pays ``e``, and nobody grows rich on noise.

*Over windows.* Every bet has a Shiryaev-Roberts e-detector, ``M <- (1 + M) * e``. Without drift its expectation after
``t`` windows is at most ``t``, whatever the windows' sizes and dependence on the past. Any average of e-detectors is
one again, whatever *their* dependence: over the bets of a statistic, the statistics of a column, the columns of a
kind (these with weights where the features' importance is known, see `driftwatch.core.importance`). An alarm when the
average reaches ``A`` therefore comes at most once in ``A`` windows on average.

*The budget.* The kinds of alert share it: a kind with share ``w`` alarms at ``run_length / w``, and all kinds
together alarm at most once in ``run_length`` windows. An alarm ends when its evidence has fallen to a tenth of the
limit; the kind then starts again from nothing, so that the next run length is counted in full.

*Overlapping windows.* Sliding windows share rows, and a bet on rows of which the past has seen half pays more than
it should. So windows of which each begins where one before has ended are one sequence: a window of a day that begins
every hour is of 24, each with a detector of its own, and the evidence is the average of the 24. One detector makes
one step a window's length, and run lengths are counted in window lengths. At the moment of an alarm the windows that
are not over yet share rows with those that raised it; that this helps nobody to a false alarm is simulated in the
tests, not proved.

*Sharing.* The new bet of each step, the ``1`` in ``(1 + M) * e``, is a stake: ``M <- (stake + M) * e``. Its
expectation is then at most the sum of the stakes, so whoever places stakes that add up to 1 in each window's length
keeps the budget, however the stakes are divided, as long as nobody looks at the window first: over the versions of a
model that are served at the time, and over its segments (`driftwatch.core.segments`).

*Learning.* Bets are kept apart over windows rather than averaged in each: the few that were right grow, which is what
finds a small change in the third window instead of the tenth. Lowering evidence (a cap, rounding down) never breaks
the budget.

References
----------
Shin, J., Ramdas, A., Rinaldo, A. (2024). E-detectors: a nonparametric framework for sequential change detection.
New England Journal of Statistics in Data Science 2(2). doi:10.51387/23-NEJSDS51

Vovk, V., Wang, R. (2021). E-values: calibration, combination and applications. Annals of Statistics 49(3).
doi:10.1214/20-AOS2020

Wang, R., Ramdas, A. (2022). False discovery rate control with e-values. Journal of the Royal Statistical Society B
84(3). doi:10.1111/rssb.12489
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.concept.memory import ConceptMemory
from driftwatch.core.records import AlertKind
from driftwatch.core.windows import UNIT_SECONDS
from driftwatch.errors import SettingError

KAPPA = 0.15
"""The calibrator's exponent. The best for one p-value is ``1 / ln(1 / p)``; from .01 to 1e-9 this one is within a
factor of 2.4 of it."""

WARNING_SHARE = 0.1
"""The share of the limit at which evidence is a warning, and below which an alarm ends."""

LARGEST_SHARE = 10.0
"""No statistic is left more than this many times the evidence that alarms alone: a drift's end shows soon."""

Bets = tuple[float, ...]

_BUDGET = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:per|/)\s*(\d+(?:\.\d+)?)\s*(windows?|[a-z]+)\s*", re.IGNORECASE)


def calibrated(p_value: float) -> float:
    """The e-value of a p-value, ``KAPPA * p**(KAPPA - 1)``.

    Examples
    --------
    >>> calibrated(1.0), round(calibrated(0.001))
    (0.15, 53)
    """
    return float(KAPPA * max(p_value, 1e-300) ** (KAPPA - 1.0))


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is when a window is judged, and what it may stake.

    Attributes
    ----------
    index, of
        Which of so many interleaved detectors takes the step; ``of`` is 1 where windows do not overlap.
    stake
        Of the new bet, above 0 and at most 1: the share of the model's budget.
    """

    index: int = 0
    of: int = 1
    stake: float = 1.0


ALONE = Turn()
"""Windows that do not overlap, of the only version of a model, without segments."""


def gathered(before: Bets, e_values: NDArray[np.float64], largest: float, turn: Turn = ALONE) -> Bets:
    """One step of each bet's detector, ``(stake + M) * e``, rounded down to hundredths of the stake.

    Parameters
    ----------
    before
        The bets' evidence so far; empty at first. Interleaved detectors have theirs one after another.
    e_values
        Of this window, one a bet. Where there is nothing to bet on (empty), all stays as it was.
    largest
        An average above this is scaled down to it.
    turn
        Which of the interleaved detectors takes the step; the others stay as they are.
    """
    count = len(e_values)
    if count == 0:
        return before
    if len(before) != count * turn.of:
        before = (0.0,) * (count * turn.of)
    parts = 100.0 / turn.stake
    own = slice(turn.index * count, (turn.index + 1) * count)
    if count == 1:
        grown_one = min((turn.stake + before[own][0]) * float(e_values[0]), largest)
        return _replaced(before, own, (math.floor(grown_one * parts) / parts,))
    grown = (turn.stake + np.asarray(before[own])) * e_values
    grown *= min(1.0, largest / max(float(grown.mean()), 1.0))
    return _replaced(before, own, tuple((np.floor(grown * parts) / parts).tolist()))


def _replaced(bets: Bets, own: slice, by: Bets) -> Bets:
    return (*bets[: own.start], *by, *bets[own.stop :])


@dataclass(frozen=True, slots=True, kw_only=True)
class KindMemory:
    """What one kind of alert has gathered.

    Attributes
    ----------
    alarmed
        Whether the last judged window was in alarm.
    bets
        By column, then statistic: the evidence of each of its bets.
    """

    alarmed: bool = False
    bets: Mapping[str, Mapping[str, Bets]] = field(default_factory=dict)

    def of(self, column: str, statistic: str) -> Bets:
        """The bets on one statistic of one column; empty where there are none yet."""
        return self.bets.get(column, {}).get(statistic, ())

    def evidence(self, column: str, statistic: str) -> float:
        """The average over the bets on one statistic; 0.0 where there are none yet."""
        bets = self.of(column, statistic)
        return math.fsum(bets) / len(bets) if bets else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceMemory:
    """What the judge must remember of a model between windows: numbers and names, fit for JSON.

    Its size depends on the baseline's columns and classes alone.

    Attributes
    ----------
    kinds
        By kind of alert, but for concept drift.
    concept
        Of concept drift: see `driftwatch.core.concept.memory`.
    """

    kinds: Mapping[AlertKind, KindMemory] = field(default_factory=dict)
    concept: ConceptMemory = field(default_factory=ConceptMemory)

    def of(self, kind: AlertKind) -> KindMemory:
        """The memory of one kind; an empty one at first."""
        return self.kinds.get(kind, KindMemory())

    def with_kind(self, kind: AlertKind, memory: KindMemory) -> EvidenceMemory:
        """The same memory with one kind's replaced."""
        return replace(self, kinds={**self.kinds, kind: memory})


def blamed(evidence: Mapping[str, float], rate: float, weights: Mapping[str, float] | None = None) -> tuple[str, ...]:
    """The columns to name, with a false-discovery rate of at most ``rate`` (weighted e-BH).

    Parameters
    ----------
    evidence
        E-values by column. For evidence gathered over windows the rate is a guide: it is exact for the first.
    rate
        Between 0 and 1.
    weights
        Of the columns, fixed before the data, adding up to 1: an e-value times its weight and the number of columns
        takes its place. None: all alike.

    Returns
    -------
    tuple of str
        The ``k`` columns with the most weighted evidence, strongest first, for the largest ``k`` such that each of
        them has at least ``1 / (rate * k)`` times its weight's inverse: unweighted, ``len(evidence) / (rate * k)``.

    Examples
    --------
    >>> blamed({"a": 0.3, "b": 900.0, "c": 41.0}, rate=0.1)
    ('b', 'c')
    >>> blamed({"a": 0.3, "b": 900.0, "c": 41.0}, rate=0.1, weights={"a": 0.1, "b": 0.8, "c": 0.1})
    ('b',)
    """
    weights = weights or {}
    weighted = {column: value * weights.get(column, 1.0 / len(evidence)) for column, value in evidence.items()}
    ordered = sorted(weighted, key=lambda column: -weighted[column])
    count = 0
    for k, column in enumerate(ordered, start=1):
        if weighted[column] >= 1.0 / (rate * k):
            count = k
    return tuple(ordered[:count])


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseAlarmBudget:
    """How often a false alarm may come: ``alarms`` in so many windows, or in so many seconds; one of the two is None.

    Examples
    --------
    >>> FalseAlarmBudget.parse("1 per 90d").run_length(window_seconds=3600)
    2160.0
    >>> FalseAlarmBudget.parse("1 per 1000 windows").run_length(window_seconds=None)
    1000.0
    >>> FalseAlarmBudget.parse("1 per 960 windows").run_length(window_seconds=86_400, overlap=24)
    40.0
    """

    alarms: float = 1.0
    windows: float | None = None
    seconds: float | None = None

    @classmethod
    def parse(cls, text: str) -> FalseAlarmBudget:
        """Read ``"1 per 90d"`` or ``"1 per 1000 windows"``; units are ``s, m, h, d, w`` and ``windows``.

        Raises
        ------
        SettingError
            If the text is not of that form, or one of its numbers is zero.
        """
        match = _BUDGET.fullmatch(text)
        unit = match[3].lower() if match else ""
        if match is None or float(match[1]) <= 0.0 or float(match[2]) <= 0.0 or not _known(unit):
            raise SettingError(
                f"{text!r} is no budget for false alarms.",
                field="false_alarms",
                remedy="Write it like '1 per 90d' or '1 per 1000 windows'.",
            )
        alarms, span = float(match[1]), float(match[2])
        if unit.startswith("window"):
            return cls(alarms=alarms, windows=span)
        return cls(alarms=alarms, seconds=span * UNIT_SECONDS[unit])

    def run_length(self, window_seconds: float | None, overlap: int = 1) -> float:
        """The window lengths that one false alarm may take, on average; at least 1.

        Parameters
        ----------
        window_seconds
            The duration of a window; None where windows are counts of rows.
        overlap
            How many windows begin in the length of one: a budget in windows counts each of them.

        Raises
        ------
        SettingError
            If the budget is in time and windows have no duration.
        """
        if self.windows is not None:
            return max(self.windows / overlap / self.alarms, 1.0)
        if self.seconds is None or window_seconds is None:
            raise SettingError(
                "the budget is in time, but windows are counted in rows.",
                field="false_alarms",
                remedy="Write it in windows, like '1 per 1000 windows'.",
            )
        return max(self.seconds / window_seconds / self.alarms, 1.0)


def _known(unit: str) -> bool:
    return unit in UNIT_SECONDS or unit in {"window", "windows"}
