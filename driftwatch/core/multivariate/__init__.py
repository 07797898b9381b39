"""Tests of several columns at once: one file each, and one line in the table below.

They see rows, as two samples on one scale (`driftwatch.core.multivariate.samples`), and no level: what follows from
them, and how they share the false-alarm budget, is `driftwatch.core.multivariate.together`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from driftwatch.core.multivariate.correlation_change import CORRELATION_CHANGE
from driftwatch.core.multivariate.domain_classifier import DOMAIN_CLASSIFIER
from driftwatch.core.multivariate.joint_test import JointMeasurement, JointTest
from driftwatch.core.multivariate.mmd import MMD
from driftwatch.core.multivariate.pca_reconstruction import PCA_RECONSTRUCTION

JOINT_TESTS: Mapping[str, JointTest] = MappingProxyType(
    {
        "domain_classifier": DOMAIN_CLASSIFIER,
        "pca_reconstruction": PCA_RECONSTRUCTION,
        "mmd": MMD,
        "correlation_change": CORRELATION_CHANGE,
    }
)
"""Every test by its name."""

__all__ = ["JOINT_TESTS", "JointMeasurement", "JointTest"]
