"""A density as lines of an SVG: bins are steps, so that no shape is made up between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from driftwatch.reports.axis import Axis, Spacing, Tick
from driftwatch.reports.density import Density

WIDTH, HEIGHT = 600, 150
_HEADROOM = 4.0


@dataclass(frozen=True, slots=True)
class Figure:
    """Two areas in a box of ``WIDTH`` by ``HEIGHT``; an empty path where a side has nothing.

    ``medians`` are positions from left to right in that box; ``cut_left`` and ``cut_right`` say that values lie
    beyond an end.
    """

    reference: str
    live: str
    medians: tuple[float | None, float | None]
    ticks: tuple[Tick, ...]
    scale: str
    cut_left: bool
    cut_right: bool

    @classmethod
    def of(cls, density: Density) -> Self:
        """Draw a density."""
        ours, theirs = density.heights
        return cls(
            reference=steps(ours),
            live=steps(theirs),
            medians=(_across(density.medians[0]), _across(density.medians[1])),
            ticks=density.axis.ticks(density.lower, density.upper),
            scale=_scale(density.axis),
            cut_left=bool(density.below.reference or density.below.live),
            cut_right=bool(density.above.reference or density.above.live),
        )


def steps(heights: NDArray[np.float64]) -> str:
    """Equally wide steps over the width of the box, as a closed path.

    Parameters
    ----------
    heights
        Between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> steps(np.array([0.0, 1.0, 1.0, 0.5])), steps(np.zeros(3))
    ('M0 150H150V4H450V77H600V150Z', '')
    """
    if not heights.any():
        return ""
    parts, before = [f"M0 {HEIGHT}"], f"{HEIGHT}"
    for at, height in enumerate(heights.tolist()):
        y = _coordinate(HEIGHT - height * (HEIGHT - _HEADROOM))
        if y != before:
            parts.append(f"H{_coordinate(at * WIDTH / len(heights))}V{y}" if at else f"V{y}")
            before = y
    parts.append(f"H{WIDTH}" + (f"V{HEIGHT}Z" if before != f"{HEIGHT}" else "Z"))
    return "".join(parts)


def _scale(axis: Axis) -> str:
    if axis.spacing is Spacing.ASINH:
        return f"logarithmic beyond ±{axis.unit:.2g}"
    return "" if axis.spacing is Spacing.LINEAR else "logarithmic scale"


def _across(position: float | None) -> float | None:
    return None if position is None else round(position * WIDTH, 1)


def _coordinate(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
