"""Sequential change detectors behind one two-line interface.

The names below are imported when they are first used: the first of them loads numpy and compiled code.

Examples
--------
>>> from driftwatch.detectors import ADWIN
>>> detector = ADWIN()
>>> for index, loss in enumerate([0.0] * 500 + [1.0] * 500):
...     detector.update(loss)
...     if detector.drift_detected:
...         print(index)
511
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from driftwatch.core.detectors import DETECTORS, Detector, detector_of
    from driftwatch.core.detectors.adwin import ADWIN
    from driftwatch.core.detectors.cusum import CUSUM
    from driftwatch.core.detectors.ddm import DDM
    from driftwatch.core.detectors.e_detector import EDetector
    from driftwatch.core.detectors.eddm import EDDM
    from driftwatch.core.detectors.ewma import EWMA
    from driftwatch.core.detectors.hddm_a import HDDMA
    from driftwatch.core.detectors.hddm_w import HDDMW
    from driftwatch.core.detectors.kswin import KSWIN
    from driftwatch.core.detectors.page_hinkley import PageHinkley
    from driftwatch.core.detectors.rddm import RDDM
    from driftwatch.core.detectors.stepd import STEPD

    HDDM_A, HDDM_W = HDDMA, HDDMW

__all__ = [
    "ADWIN",
    "CUSUM",
    "DDM",
    "DETECTORS",
    "EDDM",
    "EWMA",
    "HDDMA",
    "HDDMW",
    "HDDM_A",
    "HDDM_W",
    "KSWIN",
    "RDDM",
    "STEPD",
    "Detector",
    "EDetector",
    "PageHinkley",
    "detector_of",
]

_ALSO_CALLED = {"HDDM_A": "HDDMA", "HDDM_W": "HDDMW"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module("driftwatch.core.detectors"), _ALSO_CALLED.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
