r"""Weak segments: rows that the model is worse on than on the others, found and confirmed.

A shallow tree over the features looks for them in one half of the labelled rows: each node splits its rows so that
their losses differ most (least squares). Nodes that are worse than the rows outside of them by a ratio or more are
candidates, the strongest few. The other half of the rows, which the tree has not seen, then decides: a candidate is
confirmed where its mean loss there is above that of the rows outside with a p-value of at most the error rate divided
by the number of candidates (Bonferroni), and by the ratio again. So the probability that anything is reported where no
segment is weak is at most the error rate, and the losses that are reported are those of rows that were not searched.

For errors of a classifier the test is exact (Fisher's, of the two by two table of inside and outside, right and wrong).
For absolute errors it is Welch's t, one-sided; losses lean to the right, which makes its upper tail cautious.

References
----------
Welch, B. L. (1947). The generalization of 'Student's' problem when several different population variances are involved.
Biometrika 34(1/2). doi:10.1093/biomet/34.1-2.28
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, stdtr

from driftwatch.core.segment_columns import Codes, coded
from driftwatch.core.table import Table

ERROR_RATE = 0.01
"""The probability that a segment is reported where none is weak."""

RATIO = 1.25
"""A segment whose loss is less than this many times that of the others is nothing to act on."""

FEWEST_ROWS = 200
"""With fewer labelled rows nothing is looked for."""

_DEPTH = 3
_FEWEST_INSIDE = 30
_SMALLEST_SHARE = 0.01
_MOST_CANDIDATES = 8
_SEED = 20_240_229

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeakSegment:
    """A confirmed weak segment.

    Attributes
    ----------
    text
        Which rows, such as ``"distance > 1,200 and carrier in EV, MQ"``.
    columns
        Those in it.
    share
        Of the rows that it holds.
    rows
        Rows inside, of the half that confirmed it.
    loss, elsewhere
        Mean loss inside and outside, in that half.
    p_value
        Of "inside it is no larger than outside", before the correction for several candidates.
    """

    text: str
    columns: tuple[str, ...]
    share: float
    rows: int
    loss: float
    elsewhere: float
    p_value: float

    @property
    def ratio(self) -> float:
        """How many times the loss outside that inside is; ``inf`` where there is none outside."""
        return self.loss / self.elsewhere if self.elsewhere > 0.0 else math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class WeakSegments:
    """What a search came to: ``candidates`` were tested on rows that had not been searched."""

    segments: tuple[WeakSegment, ...]
    measure: str
    rows: int
    candidates: int
    error_rate: float
    note: str = ""

    def to_document(self) -> dict[str, Any]:
        """A JSON-able form."""
        return {
            "measure": self.measure,
            "rows": self.rows,
            "error_rate": self.error_rate,
            "note": self.note,
            "segments": [
                {
                    "text": one.text,
                    "columns": list(one.columns),
                    "share": one.share,
                    "rows": one.rows,
                    "loss": one.loss,
                    "elsewhere": one.elsewhere,
                    "p_value": one.p_value,
                }
                for one in self.segments
            ],
        }


def find_weak_segments(
    features: Table, loss: Floats, *, measure: str = "loss", error_rate: float = ERROR_RATE, ratio: float = RATIO
) -> WeakSegments:
    """Search and confirm.

    Parameters
    ----------
    features
        Columns that segments may be made of.
    loss
        Of each row, not negative; ``nan`` for rows without a label or prediction, which are left out.
    measure
        What the mean loss is called.
    error_rate
        Between 0 and 1.
    ratio
        At least 1.

    Returns
    -------
    WeakSegments
        The strongest first; none lies within another. The same rows give the same segments.

    Examples
    --------
    >>> from driftwatch.core.table import Names, Numbers
    >>> rng = np.random.default_rng(1)
    >>> age, plan = rng.uniform(18, 80, 4_000), rng.choice(["free", "pro"], 4_000)
    >>> wrong = rng.random(4_000) < np.where((plan == "pro") & (age > 60), 0.5, 0.1)
    >>> table = Table({"age": Numbers(age), "plan": Names.of(plan.tolist())}, 4_000)
    >>> for one in find_weak_segments(table, wrong.astype(float)).segments:
    ...     print(one.text, round(one.loss, 2), round(one.elsewhere, 2))
    age > 59.9 and plan in pro 0.53 0.1
    """
    rows = np.flatnonzero(np.isfinite(loss))
    nothing = WeakSegments(segments=(), measure=measure, rows=len(rows), candidates=0, error_rate=error_rate)
    if len(rows) < FEWEST_ROWS:
        return replace(nothing, note=f"{len(rows)} labelled rows are too few: {FEWEST_ROWS} are needed.")
    order = np.random.default_rng(_SEED).permutation(rows)
    searched, held_out = np.sort(order[: len(order) // 2]), np.sort(order[len(order) // 2 :])
    columns = [coded(name, values, searched) for name, values in features.columns.items()]
    grown = _Tree(columns, loss, searched, max(_FEWEST_INSIDE, int(_SMALLEST_SHARE * len(searched))))
    candidates = _strongest(grown.nodes(), loss[searched], ratio)
    confirmed: list[tuple[_Node, WeakSegment]] = []
    level = error_rate / max(len(candidates), 1)
    for node in candidates:
        found = _tested(node, columns, loss, held_out)
        if found is not None and found.p_value <= level and found.ratio >= ratio:
            confirmed.append((node, found))
    confirmed.sort(key=lambda one: one[1].p_value)
    chosen: list[tuple[_Node, WeakSegment]] = []
    for node, found in confirmed:
        if not any(_nested(node, other) for other, _ in chosen):
            chosen.append((node, found))
    return replace(nothing, segments=tuple(one for _, one in chosen), candidates=len(candidates))


@dataclass(frozen=True, slots=True, eq=False)
class _Node:
    """Rows of the searched half, as positions in it, and by column which codes they have."""

    rows: NDArray[np.intp]
    allowed: Mapping[int, NDArray[np.bool_]] = field(default_factory=dict)
    path: tuple[int, ...] = ()


class _Tree:
    """Grown over the searched rows."""

    def __init__(self, columns: Sequence[Codes], loss: Floats, searched: NDArray[np.intp], fewest: int) -> None:
        self._columns = [one.codes[searched] for one in columns]
        self._kinds = columns
        self._loss = loss[searched]
        self._fewest = fewest
        self._coin = np.random.default_rng(_SEED).random(len(searched)) < 0.5

    def nodes(self) -> Iterator[_Node]:
        """All nodes but the root."""
        level = [_Node(np.arange(len(self._loss)))]
        for _ in range(_DEPTH):
            level = [child for node in level for child in self._split(node)]
            yield from level

    def _split(self, node: _Node) -> list[_Node]:
        """The best split of a node's rows; nothing where none leaves enough rows on both sides."""
        best, chosen = 0.0, None
        for at, column in enumerate(self._kinds):
            for order, judged in self._orders(node, at):
                counts, sums = self._counted(judged, at)
                # A half of the rows that judges stands for all of them.
                scale = len(node.rows) / max(len(judged), 1)
                cut = _best_cut(counts[order], sums[order], len(judged), float(sums.sum()), self._fewest / scale)
                if cut[0] * scale > best:
                    inside = np.zeros(column.size, dtype=bool)
                    inside[order[: cut[1] + 1]] = True
                    best, chosen = cut[0] * scale, (at, inside)
        if chosen is None:
            return []
        at, inside = chosen
        codes = self._columns[at][node.rows]
        before = node.allowed.get(at, np.ones(len(inside), dtype=bool))
        return [
            _Node(node.rows[side[codes]], {**node.allowed, at: before & side}, (*node.path, branch))
            for branch, side in enumerate((inside, ~inside))
        ]

    def _orders(self, node: _Node, at: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Orders of a column's codes, and the rows that judge cuts of each.

        Names are ordered by the losses of one half of the rows and judged by the other: of many names some have large
        losses by chance.
        """
        if not self._kinds[at].names:
            for order in self._kinds[at].orders(*self._counted(node.rows, at)):
                yield order, node.rows
            return
        coin = self._coin[node.rows]
        for order in self._kinds[at].orders(*self._counted(node.rows[coin], at)):
            yield order, node.rows[~coin]

    def _counted(self, rows: NDArray[np.intp], at: int) -> tuple[NDArray[np.int64], Floats]:
        codes, size = self._columns[at][rows], self._kinds[at].size
        sums = np.bincount(codes, self._loss[rows], minlength=size)
        return np.bincount(codes, minlength=size), sums.astype(np.float64)


def _best_cut(counts: NDArray[np.int64], sums: Floats, n: int, total: float, fewest: float) -> tuple[float, int]:
    """The largest gain in squares over cuts after each position, and where it is."""
    left, left_sum = counts.cumsum(), sums.cumsum()
    right, right_sum = n - left, total - left_sum
    enough = (left >= fewest) & (right >= fewest)
    if not enough.any():
        return 0.0, 0
    with np.errstate(divide="ignore", invalid="ignore"):
        gains = np.where(enough, left_sum**2 / left + right_sum**2 / right - total**2 / n, 0.0)
    at = int(gains.argmax())
    # What is left of rounding is no gain.
    return (float(gains[at]) if gains[at] > 1e-9 * abs(total) / n else 0.0), at


def _strongest(nodes: Iterator[_Node], loss: Floats, ratio: float) -> list[_Node]:
    """The nodes that are worse than the rows outside of them, the surest first."""
    total, n = float(loss.sum()), len(loss)
    found = []
    for node in nodes:
        inside, size = float(loss[node.rows].sum()), len(node.rows)
        if size == n:
            continue
        mean, others = inside / size, (total - inside) / (n - size)
        if mean >= ratio * others and mean > others:
            found.append(((mean - others) ** 2 * size * (n - size) / n, node))
    found.sort(key=lambda one: -one[0])
    return [node for _, node in found[:_MOST_CANDIDATES]]


def _tested(node: _Node, columns: Sequence[Codes], loss: Floats, held_out: NDArray[np.intp]) -> WeakSegment | None:
    """The candidate in rows that were not searched; None where there are too few of them."""
    inside = np.ones(len(held_out), dtype=bool)
    for at, allowed in node.allowed.items():
        inside &= allowed[columns[at].codes[held_out]]
    own, others = loss[held_out][inside], loss[held_out][~inside]
    if len(own) < _FEWEST_INSIDE or len(others) < _FEWEST_INSIDE:
        return None
    return WeakSegment(
        text=" and ".join(columns[at].text(allowed) for at, allowed in node.allowed.items()),
        columns=tuple(columns[at].name for at in node.allowed),
        share=len(own) / len(held_out),
        rows=len(own),
        loss=float(own.mean()),
        elsewhere=float(others.mean()),
        p_value=_p_value(own, others),
    )


def _p_value(inside: Floats, outside: Floats) -> float:
    """Of "the mean inside is no larger than outside"."""
    both = np.concatenate([inside, outside])
    if np.isin(both, (0.0, 1.0)).all():
        wrong = int(inside.sum())
        return _at_least(wrong, len(inside), int(both.sum()), len(both))
    spreads = inside.var(ddof=1) / len(inside), outside.var(ddof=1) / len(outside)
    spread = float(sum(spreads))
    if spread == 0.0:
        return 0.0 if inside.mean() > outside.mean() else 1.0
    degrees = spread**2 / (spreads[0] ** 2 / (len(inside) - 1) + spreads[1] ** 2 / (len(outside) - 1))
    return float(stdtr(degrees, -(inside.mean() - outside.mean()) / math.sqrt(spread)))


def _at_least(held: int, drawn: int, marked: int, n: int) -> float:
    """The probability of at least ``held`` marked ones among ``drawn`` of ``n`` without replacement.

    Examples
    --------
    >>> _at_least(2, 2, 2, 4) * 6, _at_least(0, 2, 2, 4)
    (1.0, 1.0)
    """
    at = np.arange(held, min(drawn, marked) + 1, dtype=np.float64)
    at = at[at >= max(0, drawn + marked - n)]
    logs = _log_choices(marked, at) + _log_choices(n - marked, drawn - at) - _log_choices(n, np.array(float(drawn)))
    return min(float(np.exp(logs).sum()), 1.0)


def _log_choices(n: int, k: Floats) -> Floats:
    logs: Floats = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return logs


def _nested(one: _Node, other: _Node) -> bool:
    """Whether one of two nodes holds the other."""
    shorter = min(len(one.path), len(other.path))
    return one.path[:shorter] == other.path[:shorter]


__all__ = ["ERROR_RATE", "FEWEST_ROWS", "RATIO", "WeakSegment", "WeakSegments", "find_weak_segments"]
