"""Shares side by side: of names, of the few values that a numeric column may have, of what is missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.baseline import ColumnBaseline
from driftwatch.core.cells import NamedCells, NumericCells
from driftwatch.reports.density import Apart

FEW_VALUES = 12
"""A numeric column with up to so many different values is shown value by value."""

LARGEST_SHOWN, MOST_MOVED_SHOWN = 8, 4
"""Names that are shown for their share, and for how far it moved; the others are one line."""

_BETWEEN = 0.05


@dataclass(frozen=True, slots=True)
class Share:
    """One line: a name and its share on both sides.

    ``group`` is true where the text is driftwatch's own words and no name or value of the data.
    """

    text: str
    reference: float
    live: float
    group: bool = False


def of_names(column: ColumnBaseline, live: NDArray[np.int64]) -> tuple[Share, ...]:
    """Shares of the names among the values that are there: the largest, those that moved most, then groups.

    Empty for a column of numbers.
    """
    if not isinstance(column.cells, NamedCells):
        return ()
    names = column.cells.names
    before, after = _shares(column.counts[:-1]), _shares(live[:-1])
    mine, others = before[: len(names)], after[: len(names)]
    chosen = set(np.argsort(-np.maximum(mine, others), kind="stable")[:LARGEST_SHOWN].tolist())
    if live[:-1].any():
        chosen |= set(np.argsort(-np.abs(others - mine), kind="stable")[:MOST_MOVED_SHOWN].tolist())
    left = np.array([cell for cell in range(len(names)) if cell not in chosen], dtype=np.intp)
    if len(left) == 1:
        chosen, left = chosen | set(left.tolist()), left[:0]
    lines = [Share(names[cell], float(before[cell]), float(after[cell])) for cell in sorted(chosen)]
    if len(left):
        text = f"{len(left):,} other names"
        lines.append(Share(text, float(mine[left].sum()), float(others[left].sum()), group=True))
    lines.append(Share("rare in the reference", float(before[-2]), float(after[-2]), group=True))
    lines.append(Share("never in the reference", float(before[-1]), float(after[-1]), group=True))
    return tuple(one for one in lines if not one.group or one.reference or one.live)


def of_few_values(column: ColumnBaseline, live: NDArray[np.int64]) -> tuple[Share, ...]:
    """Shares of single values, where the reference has few; empty otherwise, and for a column of names."""
    if not isinstance(column.cells, NumericCells):
        return ()
    edges, last = column.cells.edges, column.cells.n_cells - 1
    own = 1 + np.flatnonzero(np.nextafter(edges[:-1], np.inf) == edges[1:])
    held = np.flatnonzero(column.counts[: last + 1])
    if len(held) > FEW_VALUES or not set(held.tolist()) <= set(own.tolist()):
        return ()
    before, after = _shares(column.counts[: last + 1]), _shares(live[: last + 1])
    between = [cell for cell in range(1, last) if cell not in set(held.tolist())]
    groups = [("lower values", [0]), ("values between", between), ("higher values", [last])]
    if len(held) > 2 and after[between].sum() > _BETWEEN:
        return ()  # A continuous column of which the reference has a few rows.
    if len(held) == 0:
        groups = [("any value", list(range(last + 1)))]
    lines = [Share(f"{edges[cell]:.6g}", float(before[cell]), float(after[cell])) for cell in held.tolist()]
    sums = [Share(text, float(before[at].sum()), float(after[at].sum()), group=True) for text, at in groups]
    return (*lines, *(one for one in sums if one.reference or one.live))


def of_apart(apart: tuple[Apart, ...]) -> tuple[Share, ...]:
    """What a density leaves out."""
    return tuple(Share(one.text, one.reference, one.live, group=True) for one in apart)


def of_absent(column: ColumnBaseline, live: NDArray[np.int64]) -> tuple[Share, ...]:
    """Shares of missing and non-finite values among all rows, where there are any."""
    cells = column.cells.n_cells
    kinds = ("missing",) if isinstance(column.cells, NamedCells) else ("missing", "not finite")
    before, after = _shares(column.counts)[cells:], _shares(live)[cells:]
    lines = [
        Share(f"{kind} (of all rows)", float(a), float(b), group=True)
        for kind, a, b in zip(kinds, before, after, strict=True)
    ]
    return tuple(one for one in lines if one.reference or one.live)


def _shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    return counts / max(int(counts.sum()), 1)
