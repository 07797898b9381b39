"""The sequential change detectors: one file each, and one line in the table below.

They see one value after another and nothing else: no clock, no columns, no rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from driftwatch.core.detectors.adwin import ADWIN
from driftwatch.core.detectors.cusum import CUSUM
from driftwatch.core.detectors.ddm import DDM
from driftwatch.core.detectors.detector import Detector
from driftwatch.core.detectors.e_detector import EDetector
from driftwatch.core.detectors.eddm import EDDM
from driftwatch.core.detectors.ewma import EWMA
from driftwatch.core.detectors.hddm_a import HDDMA
from driftwatch.core.detectors.hddm_w import HDDMW
from driftwatch.core.detectors.kswin import KSWIN
from driftwatch.core.detectors.page_hinkley import PageHinkley
from driftwatch.core.detectors.rddm import RDDM
from driftwatch.core.detectors.stepd import STEPD

DETECTORS: Mapping[str, type[Detector]] = MappingProxyType(
    {
        "e_detector": EDetector,
        "adwin": ADWIN,
        "page_hinkley": PageHinkley,
        "cusum": CUSUM,
        "ddm": DDM,
        "eddm": EDDM,
        "hddm_a": HDDMA,
        "hddm_w": HDDMW,
        "kswin": KSWIN,
        "rddm": RDDM,
        "stepd": STEPD,
        "ewma": EWMA,
    }
)
"""Every detector by its name."""


def detector_of(document: Any) -> Detector:
    """The detector of a document, whichever it is: see `Detector.to_document`.

    Raises
    ------
    ValueError
        If it is the document of none.
    """
    name = document.get("detector") if isinstance(document, dict) else None
    if not isinstance(name, str) or name not in DETECTORS:
        raise ValueError("this is the document of no detector")
    return DETECTORS[name].from_document(document)


__all__ = ["DETECTORS", "Detector", "detector_of"]
