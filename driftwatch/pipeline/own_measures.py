"""Measures of the user's own in the service: functions of installed packages, named by the one who runs it."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from driftwatch.core.performance.own import OwnMeasure, OwnSums, arrays_of, own_sums
from driftwatch.core.table import Values

_LOGGER = logging.getLogger(__name__)


class OwnMeasures:
    """Adds up what functions say of labelled rows. One that fails says nothing of those rows, and the log says why."""

    def __init__(self, measures: Mapping[str, OwnMeasure] | None = None) -> None:
        self._measures = dict(measures or {})
        self._told: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._measures)

    def of(self, columns: Mapping[str, Values], n: int) -> dict[str, OwnSums]:
        """The sums of ``n`` labelled rows with these columns: label, prediction and scores."""
        rows = arrays_of(columns)
        found = {}
        for name, measure in self._measures.items():
            try:
                sums = own_sums(measure, rows, n)
                if sums is None:
                    raise ValueError("it gave one number for all rows")
                found[name] = sums
            except Exception:
                # Whatever is wrong with it, labels are counted and all other measures are had.
                if name not in self._told:
                    self._told.add(name)
                    _LOGGER.exception("the measure %s failed: rows are left out of it", name)
        return found
