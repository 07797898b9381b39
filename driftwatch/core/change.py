"""In which direction a column changed, in numbers and in words.

The direction comes from counts over cells and not from means, so that heavy tails do not blind it: how often a live
value lies above a reference value, and how many lie within the reference's middle half.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.cells import NamedCells
from driftwatch.core.records import Change, Direction

if TYPE_CHECKING:
    from driftwatch.core.baseline import ColumnBaseline
    from driftwatch.core.profile import ColumnProfile

_WORTH_SAYING = 0.02
_LEANS = 0.03
_NAMES_SHOWN = 2


def describe(baseline: ColumnBaseline, profile: ColumnProfile) -> Change:
    """What changed in a column.

    Returns
    -------
    Change
        Numbers: up or down where live values lie above reference values more or less often than not; else wider or
        narrower where fewer or more of them lie in the reference's middle half; else reshaped. Names: a change of
        the mix. ``none`` where nothing moved, or there are no rows.

    Examples
    --------
    >>> from driftwatch.core.baseline import Baseline
    >>> from driftwatch.core.frames import to_table
    >>> from driftwatch.core.profile import Profile
    >>> baseline = Baseline.fit({"x": [1.5, 2.5] * 50})
    >>> live = Profile.of(baseline, to_table({"x": [2.5] * 20}, baseline.schema))
    >>> describe(baseline.columns["x"], live.columns["x"])
    Change(direction=<Direction.UP: 'up'>, text='mean 2 -> 2.5')
    """
    if not baseline.counts.any() or not profile.counts.any():
        return Change(direction=Direction.NONE, text="no rows" if not profile.counts.any() else "no reference")
    absent = _absent(baseline, profile)
    if isinstance(baseline.cells, NamedCells):
        direction, text = _of_names(baseline, profile)
    else:
        direction, text = _of_numbers(baseline, profile)
    if absent and direction is Direction.NONE:
        direction = Direction.MIX
    return Change(direction=direction, text="; ".join(part for part in (absent, text) if part) or "no change")


def _absent(baseline: ColumnBaseline, profile: ColumnProfile) -> str:
    """The shares of missing and of non-finite values, where they moved."""
    cells = baseline.cells.n_cells
    if not baseline.counts[cells:].any() and not profile.counts[cells:].any():
        return ""
    kinds = ("missing",) if isinstance(baseline.cells, NamedCells) else ("missing", "non-finite")
    before = baseline.counts[cells:] / baseline.counts.sum()
    after = profile.counts[cells:] / profile.counts.sum()
    parts = [
        f"{kind} {_percent(a)} -> {_percent(b)}"
        for kind, a, b in zip(kinds, before, after, strict=True)
        if abs(b - a) >= _WORTH_SAYING
    ]
    return ", ".join(parts)


def _of_numbers(baseline: ColumnBaseline, profile: ColumnProfile) -> tuple[Direction, str]:
    reference, up_to_live = _reference(baseline), profile.counts[:-2].cumsum()
    n, m = reference.n, int(up_to_live[-1])
    if n == 0 or m == 0:
        return Direction.NONE, ""
    lean = float(np.dot(profile.counts[:-2], reference.below)) / m - 0.5
    middle = _between(up_to_live, *reference.middle) / m - reference.in_middle
    if abs(lean) >= _LEANS:
        direction = Direction.UP if lean > 0.0 else Direction.DOWN
    elif abs(middle) >= _LEANS:
        direction = Direction.NARROWER if middle > 0.0 else Direction.WIDER
    else:
        largest = float(np.abs(reference.up_to - up_to_live / m).max())
        direction = Direction.RESHAPED if largest >= _LEANS else Direction.NONE
    return direction, _numbers_text(direction, baseline, profile)


class _Reference(NamedTuple):
    """What follows from the reference alone: worked out once a baseline."""

    n: int
    up_to: NDArray[np.float64]
    """The share of values up to the end of each cell."""
    below: NDArray[np.float64]
    """The share of values below one of each cell: all of the cells before its own, and half of those in it."""
    middle: tuple[int, int]
    """The first and the last cell of the middle half."""
    in_middle: float


@lru_cache(maxsize=1024)
def _reference(baseline: ColumnBaseline) -> _Reference:
    counts = baseline.counts[:-2]
    up_to = counts.cumsum()
    n = int(up_to[-1])
    lower, upper = np.searchsorted(up_to, [0.25 * n, 0.75 * n]).tolist()
    rows = max(n, 1)
    in_middle = _between(up_to, lower, upper) / rows
    return _Reference(n, up_to / rows, (up_to - 0.5 * counts) / rows, (lower, upper), in_middle)


def _between(up_to: NDArray[np.int64], lower: int, upper: int) -> int:
    """The rows of some cells, the first and the last one with them."""
    return int(up_to[upper]) - (int(up_to[lower - 1]) if lower else 0)


def _numbers_text(direction: Direction, baseline: ColumnBaseline, profile: ColumnProfile) -> str:
    before, after = baseline.moments, profile.moments
    if before is None or after is None or direction is Direction.NONE:
        return ""
    if direction in (Direction.UP, Direction.DOWN):
        if (after.mean > before.mean) == (direction is Direction.UP):
            if baseline.column.is_age:
                return f"mean age {age_text(before.mean)} -> {age_text(after.mean)}"
            return f"mean {_number(before.mean)} -> {_number(after.mean)}"
        return f"values tend to be {'higher' if direction is Direction.UP else 'lower'}"
    if direction is Direction.RESHAPED:
        return "another shape, at the same level"
    spread, spread_after = math.sqrt(before.variance), math.sqrt(after.variance)
    if (spread_after > spread) == (direction is Direction.WIDER):
        shown = age_text if baseline.column.is_age else _number
        return f"{direction.value}: standard deviation {shown(spread)} -> {shown(spread_after)}"
    return f"{direction.value} around the middle"


def _of_names(baseline: ColumnBaseline, profile: ColumnProfile) -> tuple[Direction, str]:
    reference, live = baseline.counts[:-1], profile.counts[:-1]
    if not live.any():
        return Direction.NONE, ""
    before = reference / max(int(reference.sum()), 1)
    moved = live / live.sum() - before
    more = [cell for cell in np.argsort(-moved)[:_NAMES_SHOWN].tolist() if moved[cell] >= _WORTH_SAYING]
    fewer = [cell for cell in np.argsort(moved)[:_NAMES_SHOWN].tolist() if moved[cell] <= -_WORTH_SAYING]
    parts = [
        f"{word} {' and '.join(_name(baseline, cell) for cell in cells)}"
        for word, cells in (("more", more), ("fewer", fewer))
        if cells
    ]
    return (Direction.MIX if parts else Direction.NONE), ", ".join(parts)


def _name(baseline: ColumnBaseline, cell: int) -> str:
    text = baseline.cell_text(cell)
    return {"other": "rare values", "unseen": "new values"}.get(text, text) if cell >= _first_group(baseline) else text


def _first_group(baseline: ColumnBaseline) -> int:
    return baseline.cells.n_cells - 2


def _number(value: float) -> str:
    return f"{value:.4g}"


def age_text(seconds: float) -> str:
    """An age in the largest unit that it has two of.

    Examples
    --------
    >>> age_text(90.0), age_text(36 * 3_600), age_text(-3 * 86_400), age_text(40 * 365.25 * 86_400)
    ('90 s', '36 h', '-3 d', '40 years')
    """
    units = ((31_557_600.0, "years"), (86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))
    length, unit = next((one for one in units if abs(seconds) >= 2.0 * one[0]), units[-1])
    return f"{seconds / length:.3g} {unit}"


def _percent(share: float) -> str:
    return f"{100.0 * share:.3g} %"
