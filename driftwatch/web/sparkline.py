"""A small line of values over windows, as points of an SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

WIDTH, HEIGHT = 600.0, 96.0
_EDGE = 6.0


@dataclass(frozen=True, slots=True)
class Point:
    """One value and where it is drawn."""

    x: float
    y: float
    group: str
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Sparkline:
    """Points in a box of ``WIDTH`` by ``HEIGHT``.

    ``reference_y`` is the height of the reference's value; ``steps`` are the first points of a new group.
    """

    points: tuple[Point, ...]
    reference_y: float | None
    steps: tuple[Point, ...] = ()

    @classmethod
    def of(cls, values: Sequence[tuple[str, str, float]], reference: float | None) -> Self | None:
        """Draw (group, name, value) from left to right, the scale from 0; None for fewer than two values.

        Examples
        --------
        >>> line = Sparkline.of([("1", "May", 1.0), ("2", "June", 3.0)], 2.0)
        >>> [(point.x, point.y) for point in line.points], line.reference_y, line.steps[0].group
        ([(6.0, 62.0), (594.0, 6.0)], 34.0, '2')
        """
        if len(values) < 2:
            return None
        known = [value for *_, value in values] + ([reference] if reference is not None else [])
        lowest, highest = min(0.0, *known), max(known)
        scale = (HEIGHT - 2 * _EDGE) / (highest - lowest or 1.0)
        step = (WIDTH - 2 * _EDGE) / (len(values) - 1)

        def height(value: float) -> float:
            return round(HEIGHT - _EDGE - (value - lowest) * scale, 2)

        points = tuple(
            Point(round(_EDGE + index * step, 2), height(value), group, name, value)
            for index, (group, name, value) in enumerate(values)
        )
        steps = tuple(point for before, point in pairwise(points) if before.group != point.group)
        return cls(points, height(reference) if reference is not None else None, steps)

    @property
    def path(self) -> str:
        """The line, for a polyline."""
        return " ".join(f"{point.x},{point.y}" for point in self.points)

    @property
    def area(self) -> str:
        """What lies below the line, for a polygon."""
        first, last = self.points[0], self.points[-1]
        return f"{first.x},{HEIGHT - _EDGE} {self.path} {last.x},{HEIGHT - _EDGE}"


__all__ = ["HEIGHT", "WIDTH", "Point", "Sparkline"]
