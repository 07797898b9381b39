"""What is estimated of a window, what is kept of its rows for it, and why nothing is said where that is so."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.moments import decoded_units, encoded_units
from driftwatch.core.performance.measure import Measure
from driftwatch.core.window_quality import EstimateReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Quality without labels.

    Attributes
    ----------
    measures
        By name, as realized quality has them. Empty where there is a reason for silence.
    reason
        Why nothing is said; None where something is.
    text
        The reason in words.
    """

    measures: Mapping[str, Measure] = field(default_factory=dict)
    reason: EstimateReason | None = None
    text: str = ""


def silent(reason: EstimateReason, text: str) -> Estimate:
    """Nothing is said, and why."""
    return Estimate(reason=reason, text=text)


@dataclass(frozen=True, slots=True, eq=False)
class EstimateSums:
    """What an estimator keeps of rows: counts and exact sums, which add up in any order to the same bits.

    Attributes
    ----------
    n
        Rows.
    left_out
        Rows of ``n`` of which nothing can be expected: without a score, say.
    beyond
        Rows of ``n`` unlike any that the estimator learned from.
    counts
        ``int64``; the estimator says of what.
    sums
        In units of ``2**-1074``, likewise.
    """

    n: int
    left_out: int
    beyond: int
    counts: NDArray[np.int64]
    sums: tuple[int, ...] = ()

    @classmethod
    def empty(cls, n_counts: int, n_sums: int) -> EstimateSums:
        """No rows yet."""
        return cls(0, 0, 0, np.zeros(n_counts, dtype=np.int64), (0,) * n_sums)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EstimateSums):
            return NotImplemented
        mine = (self.n, self.left_out, self.beyond, self.sums)
        return mine == (other.n, other.left_out, other.beyond, other.sums) and np.array_equal(self.counts, other.counts)

    def __hash__(self) -> int:
        return hash((self.n, self.left_out, self.beyond, self.sums, self.counts.tobytes()))

    def __add__(self, other: EstimateSums) -> EstimateSums:
        """The sums of both sets of rows.

        Raises
        ------
        ValueError
            If they are of different estimators.
        """
        if len(self.counts) != len(other.counts) or len(self.sums) != len(other.sums):
            raise ValueError("sums of different estimators cannot be combined")
        return replace(
            self,
            n=self.n + other.n,
            left_out=self.left_out + other.left_out,
            beyond=self.beyond + other.beyond,
            counts=self.counts + other.counts,
            sums=tuple(a + b for a, b in zip(self.sums, other.sums, strict=True)),
        )

    def to_bytes(self) -> bytes:
        """Compact JSON with a version."""
        document = {
            "v": 1,
            "n": [self.n, self.left_out, self.beyond],
            "counts": self.counts.tolist(),
            "sums": [encoded_units(total) for total in self.sums],
        }
        return json.dumps(document, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes, n_counts: int, n_sums: int) -> EstimateSums:
        """The inverse of `to_bytes`; no bytes are no rows.

        Raises
        ------
        ValueError
            If ``data`` is cut short, altered, of another version or of another estimator.
        """
        if not data:
            return cls.empty(n_counts, n_sums)
        document: Any = json.loads(data)
        if not isinstance(document, dict) or document.get("v") != 1:
            raise ValueError("sums of an estimate were written by another version of driftwatch")
        try:
            n, left_out, beyond = (int(count) for count in document["n"])
            counts = np.array(document["counts"], dtype=np.int64).reshape(-1)
            sums = tuple(decoded_units(total) for total in document["sums"])
        except (KeyError, TypeError) as error:
            raise ValueError("sums of an estimate are cut short or altered") from error
        fits = len(counts) == n_counts and len(sums) == n_sums and counts.min(initial=0) >= 0
        if not fits or not 0 <= max(left_out, beyond) <= n or min(left_out, beyond) < 0:
            raise ValueError("sums of an estimate do not fit their estimator")
        return cls(n, left_out, beyond, counts, sums)


def differs(estimated: Measure, realized: Measure) -> bool:
    """Whether labels contradict an estimate: the two intervals have nothing in common.

    Examples
    --------
    >>> said = Measure(value=0.90, standard_error=0.01, n=500, lower=0.88, upper=0.92)
    >>> differs(said, Measure(value=0.80, standard_error=0.02, n=400, lower=0.76, upper=0.84))
    True
    >>> differs(said, Measure(value=0.87, standard_error=0.02, n=400, lower=0.83, upper=0.91))
    False
    """
    ends = (estimated.lower, estimated.upper, realized.lower, realized.upper)
    if not all(map(math.isfinite, ends)):
        return False
    return estimated.upper < realized.lower or realized.upper < estimated.lower
