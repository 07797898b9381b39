"""The model's quality as a JSON document: every measure of the labelled rows, beside the reference's."""

from __future__ import annotations

import math
from typing import Any

from driftwatch.core.compare import Report


def quality_document(report: Report) -> dict[str, Any]:
    """Every measure of the labelled rows, beside the reference's; empty where there are none."""
    if report.sums is None or report.baseline is None or report.sums.n == 0:
        return {}
    known = report.baseline.performance
    reference = known.sums.measures() if known is not None else {}
    return {
        "labels": report.sums.n,
        "label_coverage_ratio": report.sums.n / report.n_live if report.n_live else None,
        "reference_source": None if known is None else known.source.value,
        "measures": {
            name: {
                "value": _number(one.value),
                "interval": [_number(one.lower), _number(one.upper)],
                "labels": one.n,
                "error_bound": one.error_bound,
                "reference": _number(reference[name].value) if name in reference else None,
            }
            for name, one in report.sums.measures().items()
        },
        "confusion": report.sums.confusion_document(),
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
