"""The statistics: one file each, and one line in the table below.

Statistics see counts over a baseline's cells and nothing else: no threshold, no clock, no rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from driftwatch.core.records import ColumnKind
from driftwatch.core.statistics.chi_square import CHI_SQUARE
from driftwatch.core.statistics.ks import KS
from driftwatch.core.statistics.psi import PSI
from driftwatch.core.statistics.statistic import Statistic

STATISTICS: Mapping[str, Statistic] = MappingProxyType(
    {
        "ks": KS,
        "psi": PSI,
        "chi_square": CHI_SQUARE,
    }
)
"""Every statistic by its name."""

DEFAULT_STATISTICS: Mapping[ColumnKind, tuple[str, ...]] = MappingProxyType(
    {
        ColumnKind.NUMERIC: ("ks", "psi"),
        ColumnKind.CATEGORICAL: ("chi_square", "psi"),
        ColumnKind.BOOLEAN: ("chi_square", "psi"),
    }
)
"""What is measured unless somebody chooses otherwise: by kind alone, so that scores stay comparable over time."""

__all__ = ["DEFAULT_STATISTICS", "STATISTICS", "Statistic"]
