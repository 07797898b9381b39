"""The model's quality as a JSON document: every measure of the labelled rows, beside the reference's."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

from driftwatch.core.compare import Report
from driftwatch.core.estimators.estimate import Estimate
from driftwatch.core.multivariate.loss_split import LossSplit
from driftwatch.core.performance.business_value import measured
from driftwatch.reports.summary import quality_notices


def quality_document(report: Report) -> dict[str, Any]:
    """Every measure of the labelled rows, beside the reference's; empty where there are none."""
    if report.sums is None or report.baseline is None or report.sums.n == 0:
        return {}
    known = report.baseline.performance
    reference = measured(report.baseline.schema, known.sums) if known is not None else {}
    return {
        "labels": report.sums.n,
        "label_coverage_ratio": report.sums.n / report.n_live if report.n_live else None,
        "reference_source": None if known is None else known.source.value,
        "notices": list(quality_notices(report)),
        "measures": {
            name: {
                "value": _number(one.value),
                "interval": [_number(one.lower), _number(one.upper)],
                "labels": one.n,
                "error_bound": one.error_bound,
                "reference": _number(reference[name].value) if name in reference else None,
            }
            for name, one in {**measured(report.baseline.schema, report.sums), **report.own}.items()
        },
        "inputs_or_concept": _split_document(report.split),
        "confusion": report.sums.confusion_document(),
        "selection": [
            {
                "column": one.column,
                "score": one.score,
                "p_value": one.p_value,
                "labelled": one.labelled,
                "unlabelled": one.unlabelled,
                "is_notable": one.is_notable,
            }
            for one in report.selection
        ],
    }


def _split_document(split: LossSplit | None) -> dict[str, Any] | None:
    if split is None:
        return None
    return {one.name: _finite(getattr(split, one.name)) for one in fields(split)}


def _finite(value: str | float) -> str | float | None:
    return value if isinstance(value, str) else _number(value)


def estimate_document(estimate: Estimate | None) -> dict[str, Any]:
    """What is expected without labels, or why nothing is; empty where nobody looked."""
    if estimate is None:
        return {}
    return {
        "measures": {
            name: {"value": _number(one.value), "interval": [_number(one.lower), _number(one.upper)]}
            for name, one in estimate.measures.items()
        },
        "reason": None if estimate.reason is None else estimate.reason.value,
        "text": estimate.text,
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
