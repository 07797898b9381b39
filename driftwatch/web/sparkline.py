"""A small line of values over windows, as points of an SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

WIDTH, HEIGHT = 600.0, 96.0
_EDGE = 6.0


@dataclass(frozen=True, slots=True)
class Point:
    """One value and where it is drawn."""

    x: float
    y: float
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Sparkline:
    """Points in a box of ``WIDTH`` by ``HEIGHT``; ``reference_y`` is the height of the reference's value."""

    points: tuple[Point, ...]
    reference_y: float | None
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[tuple[str, float]], reference: float | None) -> Self | None:
        """Draw values from left to right, the scale beginning at 0 where none is negative; None below two values.

        Examples
        --------
        >>> line = Sparkline.of([("May", 1.0), ("June", 3.0)], 2.0)
        >>> [(point.x, point.y) for point in line.points], line.reference_y
        ([(6.0, 62.0), (594.0, 6.0)], 34.0)
        """
        if len(values) < 2:
            return None
        known = [value for _, value in values] + ([reference] if reference is not None else [])
        lowest, highest = min(0.0, *known), max(known)
        scale = (HEIGHT - 2 * _EDGE) / (highest - lowest or 1.0)
        step = (WIDTH - 2 * _EDGE) / (len(values) - 1)

        def height(value: float) -> float:
            return round(HEIGHT - _EDGE - (value - lowest) * scale, 2)

        points = tuple(
            Point(round(_EDGE + index * step, 2), height(value), name, value)
            for index, (name, value) in enumerate(values)
        )
        return cls(points, height(reference) if reference is not None else None, lowest, highest)

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
