"""The loops of the loss model, compiled: histograms of residuals, and walking down trees."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from driftwatch.core.kernels import compiled

DEPTH = 3
"""Questions from the root of a tree to a leaf."""

N_NODES, N_LEAVES = 2**DEPTH - 1, 2**DEPTH

Codes = NDArray[np.uint8]
Floats = NDArray[np.float64]

_codes = types.Array(types.uint8, 2, "C", readonly=True)
_feature = types.Array(types.int16, 2, "C", readonly=True)
_cut = types.Array(types.uint8, 2, "C", readonly=True)
_leaf = types.Array(types.float64, 2, "C", readonly=True)
_values = types.Array(types.float64, 1, "C")
_node = types.Array(types.int32, 1, "C")
_sums = types.Array(types.float64, 3, "C")


@compiled(types.void, _codes, _node, _values, types.int32, _sums, _sums)
def residuals_summed(
    codes: Codes, node: NDArray[np.int32], residual: Floats, first: Any, rows: Floats, sums: Floats
) -> None:
    """Add each row's residual to ``[its node - first, feature, bin]``; rows of nodes before ``first`` are left out."""
    n_rows, n_features = codes.shape
    for i in range(n_rows):
        at = node[i] - first
        if at >= 0:
            for j in range(n_features):
                code = codes[i, j]
                rows[at, j, code] += 1.0
                sums[at, j, code] += residual[i]


@compiled(types.void, _codes, _feature, _cut, _leaf, _values)
def add_trees(codes: Codes, feature: NDArray[np.int16], cut: NDArray[np.uint8], leaf: Floats, totals: Floats) -> None:
    """Add to each row's total what every tree says of it, one tree after another."""
    for i in range(totals.size):
        total = totals[i]
        for t in range(feature.shape[0]):
            at = 0
            for _ in range(DEPTH):
                at = 2 * at + (2 if codes[i, feature[t, at]] > cut[t, at] else 1)
            total += leaf[t, at - N_NODES]
        totals[i] = total
