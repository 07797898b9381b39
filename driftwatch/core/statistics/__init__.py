"""The statistics: one file each, and one line in the table below.

Statistics see counts over a baseline's cells and nothing else: no threshold, no clock, no rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from driftwatch.core.records import ColumnKind
from driftwatch.core.statistics.anderson_darling import ANDERSON_DARLING
from driftwatch.core.statistics.chi_square import CHI_SQUARE
from driftwatch.core.statistics.cramer_von_mises import CRAMER_VON_MISES
from driftwatch.core.statistics.energy_distance import ENERGY_DISTANCE
from driftwatch.core.statistics.fisher import FISHER
from driftwatch.core.statistics.g_test import G_TEST
from driftwatch.core.statistics.hellinger import HELLINGER
from driftwatch.core.statistics.jensen_shannon import JENSEN_SHANNON
from driftwatch.core.statistics.ks import KS
from driftwatch.core.statistics.kullback_leibler import KULLBACK_LEIBLER
from driftwatch.core.statistics.mean_shift import MEAN_SHIFT
from driftwatch.core.statistics.missing_share import MISSING_SHARE
from driftwatch.core.statistics.out_of_range_share import OUT_OF_RANGE_SHARE
from driftwatch.core.statistics.psi import PSI
from driftwatch.core.statistics.quantile_shift import QUANTILE_SHIFT
from driftwatch.core.statistics.statistic import Statistic
from driftwatch.core.statistics.total_variation import TOTAL_VARIATION
from driftwatch.core.statistics.unseen_share import UNSEEN_SHARE
from driftwatch.core.statistics.variance_shift import VARIANCE_SHIFT
from driftwatch.core.statistics.wasserstein import WASSERSTEIN, WASSERSTEIN_STD

STATISTICS: Mapping[str, Statistic] = MappingProxyType(
    {
        "ks": KS,
        "psi": PSI,
        "chi_square": CHI_SQUARE,
        "g_test": G_TEST,
        "jensen_shannon": JENSEN_SHANNON,
        "hellinger": HELLINGER,
        "kullback_leibler": KULLBACK_LEIBLER,
        "total_variation": TOTAL_VARIATION,
        "cramer_von_mises": CRAMER_VON_MISES,
        "anderson_darling": ANDERSON_DARLING,
        "wasserstein": WASSERSTEIN,
        "wasserstein_std": WASSERSTEIN_STD,
        "energy_distance": ENERGY_DISTANCE,
        "mean_shift": MEAN_SHIFT,
        "variance_shift": VARIANCE_SHIFT,
        "quantile_shift": QUANTILE_SHIFT,
        "fisher": FISHER,
        "missing_share": MISSING_SHARE,
        "unseen_share": UNSEEN_SHARE,
        "out_of_range_share": OUT_OF_RANGE_SHARE,
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
