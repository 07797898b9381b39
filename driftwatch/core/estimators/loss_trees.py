"""A small model of a row's loss: boosted trees of depth three over bins of the features. No row is in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 32
"""Most bins of a feature."""

MOST_TREES = 60
"""Of a model; how many it has is decided on rows that were left out."""

_SHRINKAGE = 0.15
_SMALLEST_LEAF = 20.0

Codes = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LossTrees:
    """Trees whose leaves add up to the expected loss of a row.

    Attributes
    ----------
    start
        What every row begins with.
    feature, cut
        ``int16`` and ``uint8`` of shape ``(t, 7)``: the node's feature, and the last bin that goes to the left. The
        children of node ``i`` are ``2 i + 1`` and ``2 i + 2``.
    leaf
        ``float64`` of shape ``(t, 8)``.
    """

    start: float
    feature: NDArray[np.int16]
    cut: NDArray[np.uint8]
    leaf: Floats

    def __len__(self) -> int:
        return len(self.feature)

    def of(self, codes: Codes) -> Floats:
        """The expected loss of rows.

        Parameters
        ----------
        codes
            ``uint8`` of shape ``(n, f)``: the bins of each row.
        """
        from driftwatch.core.estimators.tree_kernels import add_trees

        totals = np.zeros(len(codes))
        add_trees(np.ascontiguousarray(codes), self.feature, self.cut, self.leaf, totals)
        return self.start + totals

    def steps(self, codes: Codes) -> Iterator[Floats]:
        """What rows are told to expect by no tree, by the first, by the first two, and so on, to all of them."""
        from driftwatch.core.estimators.tree_kernels import add_trees

        codes, totals = np.ascontiguousarray(codes), np.zeros(len(codes))
        yield self.start + totals
        for feature, cut, leaf in zip(self.feature, self.cut, self.leaf, strict=True):
            add_trees(codes, feature[np.newaxis], cut[np.newaxis], leaf[np.newaxis], totals)
            yield self.start + totals

    def used(self) -> NDArray[np.intp]:
        """The features that any tree asks for."""
        asks = self.cut < BINS
        return np.unique(self.feature[asks]).astype(np.intp)

    def to_document(self) -> dict[str, Any]:
        """A JSON-able form, exact."""
        return {
            "start": self.start,
            "feature": self.feature.tolist(),
            "cut": self.cut.tolist(),
            "leaf": self.leaf.tolist(),
        }

    @classmethod
    def from_document(cls, document: Any, n_features: int) -> LossTrees:
        """The inverse of `to_document`.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the document is not such a form.
        """
        from driftwatch.core.estimators.tree_kernels import N_LEAVES, N_NODES

        feature, cut = (_whole(document[name], N_NODES) for name in ("feature", "cut"))
        leaf = np.array(document["leaf"], dtype=np.float64).reshape(-1, N_LEAVES)
        fits = len(feature) == len(cut) == len(leaf) <= MOST_TREES and bool(np.isfinite(leaf).all())
        if not fits or feature.max(initial=0) >= max(n_features, 1) or cut.max(initial=0) > BINS:
            raise ValueError("the trees of a loss model do not fit each other")
        start = float(document["start"])
        if not np.isfinite(start):
            raise ValueError("a loss model begins with no number")
        return cls(start, feature.astype(np.int16), cut.astype(np.uint8), leaf)


def _whole(values: Any, width: int) -> NDArray[np.int64]:
    found = np.array(values, dtype=np.int64).reshape(-1, width)
    if found.min(initial=0) < 0:
        raise ValueError("a tree of a loss model points before its first feature")
    return found


def grown_trees(codes: Codes, loss: Floats, n_trees: int) -> LossTrees:
    """Fit trees to losses by least squares, one after another on what is left.

    Parameters
    ----------
    codes
        Shape ``(n, f)``, each below `BINS`; at least one row and one feature.
    loss
        Shape ``(n,)``, finite.
    n_trees
        How many.

    References
    ----------
    Friedman, J. H. (2001): Greedy function approximation: a gradient boosting machine.
    https://doi.org/10.1214/aos/1013203451

    Examples
    --------
    >>> codes = np.repeat(np.arange(4, dtype=np.uint8), 50)[:, np.newaxis]
    >>> trees = grown_trees(codes, codes[:, 0] * 1.0, 60)
    >>> trees.of(codes[::50]).round(2).tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    from driftwatch.core.estimators.tree_kernels import N_LEAVES, N_NODES

    codes = np.ascontiguousarray(codes)
    start = float(loss.mean())
    residual = loss - start
    feature = np.zeros((n_trees, N_NODES), dtype=np.int16)
    cut = np.full((n_trees, N_NODES), BINS, dtype=np.uint8)
    leaf = np.zeros((n_trees, N_LEAVES))
    for tree in range(n_trees):
        node = _split(codes, residual, feature[tree], cut[tree])
        at = node - N_NODES
        rows = np.bincount(at, minlength=N_LEAVES)
        sums = np.bincount(at, weights=residual, minlength=N_LEAVES)
        leaf[tree] = _SHRINKAGE * sums / np.maximum(rows, 1)
        residual = residual - leaf[tree][at]
    return LossTrees(start, feature, cut, leaf)


def _split(codes: Codes, residual: Floats, feature: NDArray[np.int16], cut: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Choose the questions of one tree, level by level; answers the node that each row ends in."""
    from driftwatch.core.estimators.tree_kernels import DEPTH, residuals_summed

    node = np.zeros(len(codes), dtype=np.int32)
    for level in range(DEPTH):
        first, width = 2**level - 1, 2**level
        shape = (width, codes.shape[1], BINS)
        rows, sums = np.zeros(shape), np.zeros(shape)
        residuals_summed(codes, node, residual, first, rows, sums)
        for at, (chosen, last) in enumerate(_best(rows, sums)):
            if last is not None:
                feature[first + at], cut[first + at] = chosen, last
        right = codes[np.arange(len(codes)), feature[node]] > cut[node]
        node = 2 * node + 1 + right.astype(np.int32)
    return node


def _best(rows: Floats, sums: Floats) -> Sequence[tuple[int, int | None]]:
    """For each node the feature and the bin after which cutting lessens the squares most; None where none may be."""
    left_rows, left_sums = rows.cumsum(axis=2)[..., :-1], sums.cumsum(axis=2)[..., :-1]
    all_rows, all_sums = rows.sum(axis=2, keepdims=True), sums.sum(axis=2, keepdims=True)
    right_rows, right_sums = all_rows - left_rows, all_sums - left_sums
    allowed = (left_rows >= _SMALLEST_LEAF) & (right_rows >= _SMALLEST_LEAF)
    gain = np.square(left_sums) / np.maximum(left_rows, 1) + np.square(right_sums) / np.maximum(right_rows, 1)
    before = np.square(all_sums) / np.maximum(all_rows, 1)
    # Where all rows of a node are the same, rounding alone is no gain.
    gain = np.where(allowed & (gain > (1.0 + 1e-9) * before), gain - before, 0.0)
    result: list[tuple[int, int | None]] = []
    for one in gain:
        best = int(one.argmax())
        chosen, last = divmod(best, one.shape[1])
        result.append((chosen, last if one.flat[best] > 0.0 else None))
    return result
