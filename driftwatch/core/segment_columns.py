"""Columns as a few codes each, for splitting rows into segments that can be said in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.table import Names, Numbers, Values

_MOST_CUTS = 31
_MOST_NAMES = 50
_NAMES_SHOWN = 6
_PRIOR_ROWS = 10.0
"""Names with few rows are ordered as if they had so many more of the mean."""


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """A column as codes; the last one stands for missing values.

    Attributes
    ----------
    codes
        One a row.
    cuts
        Of numbers: code ``i`` holds values above ``cuts[i - 1]`` and up to ``cuts[i]``. Empty for names.
    names
        Of names: what each code stands for; the last but one are all rare ones together. Empty for numbers.
    """

    name: str
    codes: NDArray[np.intp]
    size: int
    cuts: tuple[float, ...] = ()
    names: tuple[str, ...] = ()

    def orders(self, counts: NDArray[np.int64], sums: NDArray[np.float64]) -> Iterator[NDArray[np.intp]]:
        """Orders of the codes in which the first few may be one side of a split.

        Parameters
        ----------
        counts, sums
            Rows and their losses by code.
        """
        missing = self.size - 1
        if counts[missing]:
            yield np.array([missing], dtype=np.intp)
        if not self.names:
            yield np.arange(missing, dtype=np.intp)
            return
        mean = float(sums.sum()) / max(int(counts.sum()), 1)
        smoothed = (sums + _PRIOR_ROWS * mean) / (counts + _PRIOR_ROWS)
        present = np.flatnonzero(counts[:missing])
        yield present[np.argsort(-smoothed[present], kind="stable")]

    def text(self, allowed: NDArray[np.bool_]) -> str:
        """Rows with some of the codes, in words.

        Examples
        --------
        >>> ages = Codes("age", np.zeros(1, dtype=np.intp), 4, cuts=(30.0, 60.0))
        >>> ages.text(np.array([False, True, False, False])), ages.text(np.array([False, True, True, True]))
        ('age > 30 and age <= 60', 'age > 30 or missing')
        """
        shown, with_missing = np.flatnonzero(allowed[:-1]), bool(allowed[-1]) and self._has_missing()
        if not len(shown):
            return f"{self.name} is missing"
        if len(shown) == self.size - 1 and not with_missing:
            return f"{self.name} is not missing"
        text = self._names_text(allowed) if self.names else self._range_text(int(shown[0]), int(shown[-1]))
        return f"{text} or missing" if with_missing else text

    def _has_missing(self) -> bool:
        return bool((self.codes == self.size - 1).any()) or not len(self.codes) > 1

    def _range_text(self, first: int, last: int) -> str:
        parts = []
        if first > 0:
            parts.append(f"{self.name} > {_number(self.cuts[first - 1])}")
        if last < len(self.cuts):
            parts.append(f"{self.name} <= {_number(self.cuts[last])}")
        return " and ".join(parts) or f"{self.name} is not missing"

    def _names_text(self, allowed: NDArray[np.bool_]) -> str:
        inside = [name for name, is_in in zip(self.names, allowed, strict=False) if is_in]
        outside = [name for name, is_in in zip(self.names, allowed, strict=False) if not is_in]
        if len(inside) <= len(outside):
            return f"{self.name} in {_listed(inside)}"
        return f"{self.name} not in {_listed(outside)}"


def coded(name: str, values: Values, searched: NDArray[np.intp]) -> Codes:
    """Codes of a column, chosen by the rows that are searched: quantiles of numbers, the most frequent names."""
    if isinstance(values, Numbers):
        return _of_numbers(name, values, searched)
    return _of_names(name, values, searched)


def _of_numbers(name: str, values: Numbers, searched: NDArray[np.intp]) -> Codes:
    seen = values.values[searched]
    seen = seen[np.isfinite(seen)]
    cuts = np.zeros(0)
    if len(seen):
        shares = np.arange(1, _MOST_CUTS + 1) / (_MOST_CUTS + 1)
        cuts = np.unique(np.quantile(seen, shares, method="lower"))
        cuts = cuts[cuts < seen.max()]
    codes = np.searchsorted(cuts, values.values, side="left").astype(np.intp)
    codes[np.isnan(values.values)] = len(cuts) + 1
    return Codes(name, codes, len(cuts) + 2, cuts=tuple(cuts.tolist()))


def _of_names(name: str, values: Names, searched: NDArray[np.intp]) -> Codes:
    counts = np.bincount(values.codes[searched][values.codes[searched] >= 0], minlength=len(values.names))
    kept = np.argsort(-counts, kind="stable")[:_MOST_NAMES]
    rare, missing = len(kept), len(kept) + 1
    lookup = np.full(len(values.names) + 1, rare, dtype=np.intp)
    lookup[kept] = np.arange(len(kept))
    lookup[-1] = missing
    names = (*(values.names[code] for code in kept.tolist()), "(rare names)")
    return Codes(name, lookup[values.codes], missing + 1, names=names)


def _number(value: float) -> str:
    return f"{value:,.0f}" if 1_000 <= abs(value) < 1e9 else f"{value:.3g}"


def _listed(names: list[str]) -> str:
    shown = ", ".join(name if len(name) <= 40 else f"{name[:39]}…" for name in names[:_NAMES_SHOWN])
    return f"{shown} and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else shown


__all__ = ["Codes", "coded"]
