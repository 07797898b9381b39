"""What belongs to data quality, and what of a column is left to drift when that is taken out.

Values that are missing or not finite, names that the reference never had, and numbers beyond its range are most often
the work of a broken pipe rather than of a world that moves: they call for another person, and are a kind of alert of
their own, with its own share of the false-alarm budget.

Drift of features is judged as if gaps were as usual: missing, non-finite and unseen values are counted as often beside
the others as in the reference. Given the other values that is no chance at all, so that what is judged strays less
than a random sample would, and the budget is kept. Numbers out of range stay: far values are what moves when a column
moves, so that a shift far enough is both.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from driftwatch.core.cells import NamedCells
from driftwatch.core.records import Change, ColumnKind, Direction, Finding, Status

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.profile import ColumnProfile

QUALITY_STATISTICS: Mapping[ColumnKind, tuple[str, ...]] = MappingProxyType(
    {
        ColumnKind.NUMERIC: ("missing_share", "out_of_range_share"),
        ColumnKind.CATEGORICAL: ("missing_share", "unseen_share"),
        ColumnKind.BOOLEAN: ("missing_share",),
    }
)
"""What is measured of the quality of a feature's data, by its kind."""

OF_QUALITY = frozenset(name for names in QUALITY_STATISTICS.values() for name in names)
"""The statistics that belong to data quality, whoever asks for them."""

_GAPS = 2
"""The last so many counts of a column: of names the unseen and the missing, of numbers the missing and non-finite."""


def with_usual_gaps(baseline: ColumnBaseline, live: ColumnProfile) -> ColumnProfile:
    """The live values with gaps as usual.

    Returns
    -------
    ColumnProfile
        The same one where neither side has a gap, or the reference has nothing but gaps.

    Examples
    --------
    >>> import numpy as np
    >>> from driftwatch.core.baseline import Baseline
    >>> from driftwatch.core.frames import to_table
    >>> from driftwatch.core.profile import Profile
    >>> baseline = Baseline.fit({"x": [1.0, 2.0, 3.0, None] * 25})
    >>> live = Profile.of(baseline, to_table({"x": [1.0, 2.0, 3.0] + [None] * 30}, baseline.schema))
    >>> column = with_usual_gaps(baseline.columns["x"], live.columns["x"])
    >>> column.n, int(column.counts[-2])
    (4, 1)
    """
    reference, counts = baseline.counts, live.counts
    if not counts[-_GAPS:].any() and not reference[-_GAPS:].any():
        return live
    usual, others = reference[-_GAPS:], int(reference[:-_GAPS].sum())
    if others == 0:
        return live
    gaps = np.rint(usual * (int(counts[:-_GAPS].sum()) / others)).astype(np.int64)
    return live.with_counts(np.concatenate([counts[:-_GAPS], gaps]))


def describe_quality(statistic: str, baseline: ColumnBaseline, live: ColumnProfile) -> Change:
    """What changed in the quality of a column's data, in words.

    Parameters
    ----------
    statistic
        One of `OF_QUALITY`.
    baseline, live
        Of the column.
    """
    word, before, after = _shares(statistic, baseline, live)
    direction = Direction.UP if after > before else Direction.DOWN if after < before else Direction.NONE
    return Change(direction=direction, text=f"{word} {100.0 * before:.3g} % -> {100.0 * after:.3g} %")


def _shares(statistic: str, baseline: ColumnBaseline, live: ColumnProfile) -> tuple[str, float, float]:
    cells = baseline.cells.n_cells
    if statistic == "out_of_range_share":
        present = [int(one[:cells].sum() + one[-1]) for one in (baseline.counts, live.counts)]
        held = [_outside(one, cells) for one in (baseline.counts, live.counts)]
        return "out of range", held[0] / max(present[0], 1), held[1] / max(present[1], 1)
    if statistic == "unseen_share":
        known = [int(one[:-1].sum()) for one in (baseline.counts, live.counts)]
        return "new values", int(baseline.counts[-2]) / max(known[0], 1), int(live.counts[-2]) / max(known[1], 1)
    at = -1 if isinstance(baseline.cells, NamedCells) else -2
    return "missing", int(baseline.counts[at]) / max(baseline.n, 1), int(live.counts[at]) / max(live.n, 1)


def _outside(counts: np.ndarray, cells: int) -> int:
    return int(counts[0]) + (int(counts[cells - 1]) if cells > 1 else 0) + int(counts[-1])


def is_as_usual(finding: Finding) -> bool:
    """Whether there is nothing to say: no evidence, and a score within its threshold."""
    enough = finding.status is not Status.INSUFFICIENT_DATA
    return enough and not finding.evidence and not finding.score > finding.threshold.value


def is_notable(finding: Finding) -> bool:
    """Whether a finding is worth a line: beyond its threshold, or with evidence. Most are not, and hide the rest."""
    beyond = finding.score > finding.threshold.value or finding.evidence >= 1.0
    return beyond and finding.status is not Status.INSUFFICIENT_DATA


__all__ = [
    "OF_QUALITY",
    "QUALITY_STATISTICS",
    "describe_quality",
    "is_as_usual",
    "is_notable",
    "with_usual_gaps",
]
