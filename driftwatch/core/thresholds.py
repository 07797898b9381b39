"""What is much: the distance that a column may have from its baseline, and where that limit came from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from driftwatch.core.limits import Limits
from driftwatch.core.records import Threshold, ThresholdOrigin
from driftwatch.core.statistics import Statistic

if TYPE_CHECKING:
    from driftwatch.core.baseline import Baseline, ColumnBaseline

REFERENCE_DOUBT = 1e-5
"""The probability, for each column and statistic, that the reference misleads by more than its sampling error.

The reference is drawn once and judged against for ever, so that what it misleads by does not average out over
windows. With 100 columns of two statistics a model's budget fails from this cause in 2 of 1,000 references at most.
"""


def _effect_of_psi(psi: float) -> float:
    return math.sqrt(math.expm1(min(max(psi, 0.0), 50.0)))


_STANDS_IN: Mapping[str, tuple[str, Callable[[float], float]]] = MappingProxyType(
    {
        "chi_square": ("psi", _effect_of_psi),
        "cramer_von_mises": ("ks", lambda ks: ks),
        "g_test": ("psi", lambda psi: math.sqrt(2.0 * psi)),
        "hellinger": ("psi", lambda psi: math.sqrt(psi / 8.0)),
        "jensen_shannon": ("psi", lambda psi: math.sqrt(psi / (4.0 * math.log(2.0)))),
        "kullback_leibler": ("psi", lambda psi: psi),
        "total_variation": ("psi", lambda psi: math.sqrt(psi) / 2.0),
    }
)
"""Where a statistic's own natural variation is not known: another's, and the most that the first can be then.

PSI is the sum of both Kullback-Leibler divergences, each of them at least 0. It is at least eight times the square of
Hellinger's distance, and four times the Jensen-Shannon divergence in nats (Lin 1991); half of it bounds the smaller
divergence, and so the total variation by Pinsker's inequality. A root mean square is at most the largest value.

For small changes PSI is the square of Cohen's w. Where rows gather in some of the cells, as on the days of a week,
``w**2`` is ``exp(KL) - 1``, and PSI is at least KL.

References
----------
Lin, J. (1991). Divergence measures based on the Shannon entropy. IEEE Transactions on Information Theory 37(1).
doi:10.1109/18.61115
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """The distances that nobody needs to act on.

    Attributes
    ----------
    by_statistic
        Replaces a statistic's own tolerance, in units of its score.
    by_column
        Replaces that again for one column: ``{column: {statistic: tolerance}}``.
    """

    by_statistic: Mapping[str, float] = field(default_factory=dict)
    by_column: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, limits: Limits) -> Tolerances:
        """From the shape in which settings have them.

        Examples
        --------
        >>> Tolerances.of({"psi": 0.2, "amount": {"psi": 0.1}}).by_column
        {'amount': {'psi': 0.1}}
        """
        return cls(
            by_statistic={name: value for name, value in limits.items() if not isinstance(value, Mapping)},
            by_column={name: value for name, value in limits.items() if isinstance(value, Mapping)},
        )

    def chosen(self, column: str, statistic: Statistic) -> float:
        """What was chosen for a column and a statistic."""
        general = self.by_statistic.get(statistic.name, statistic.tolerance)
        return self.by_column.get(column, {}).get(statistic.name, general)


def natural_tolerance(baseline: Baseline, column: str, statistic: str, window_seconds: float | None) -> float | None:
    """How far the reference's own windows of this duration lie from it; None where that is not known.

    Windows that are counts of rows have no duration: None.
    """
    if window_seconds is None:
        return None
    own = baseline.natural.tolerance(column, statistic, window_seconds)
    if own is not None or statistic not in _STANDS_IN:
        return own
    name, converted = _STANDS_IN[statistic]
    other = baseline.natural.tolerance(column, name, window_seconds)
    return None if other is None else converted(other)


def threshold(statistic: Statistic, baseline: ColumnBaseline, chosen: float, natural: float | None) -> Threshold:
    """The largest of what was chosen, what the reference's sampling error reaches and what is natural.

    Parameters
    ----------
    statistic, baseline
        Whose threshold it is.
    chosen
        The tolerance, in units of the score.
    natural
        Distance that the reference's own windows show among each other; None where not known.

    Returns
    -------
    Threshold
        Its origin names the largest of the three.
    """
    value, origin = chosen, ThresholdOrigin.FIXED
    sampling = statistic.sampling_error(baseline, REFERENCE_DOUBT)
    if sampling > value:
        value, origin = sampling, ThresholdOrigin.SAMPLING
    if natural is not None and natural > value:
        value, origin = natural, ThresholdOrigin.NATURAL
    return Threshold(value=value, origin=origin)
