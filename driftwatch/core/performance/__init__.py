"""How good predictions were: mergeable sums of labelled rows, and measures of them, one file a family.

A measure sees sums and nothing else: no threshold, no clock, no rows. Adding one is a function in a file of its family,
and a line in the table below.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from driftwatch.core.performance.agreement import BALANCED_ACCURACY, MATTHEWS
from driftwatch.core.performance.averages import (
    F1,
    MACRO_F1,
    MACRO_PRECISION,
    MACRO_RECALL,
    MACRO_SPECIFICITY,
    MICRO_F1,
    WEIGHTED_F1,
    WEIGHTED_PRECISION,
    WEIGHTED_RECALL,
)
from driftwatch.core.performance.errors import BIAS, MAE, MAPE, MSE, MSLE, RMSE, RMSLE, SMAPE
from driftwatch.core.performance.explained import R2
from driftwatch.core.performance.measure import LEVEL, Better, Measure, MeasureKind
from driftwatch.core.performance.probabilities import BRIER, CALIBRATION_ERROR, LOG_LOSS
from driftwatch.core.performance.ranking import (
    AVERAGE_PRECISION,
    ROC_AUC,
    WEIGHTED_AVERAGE_PRECISION,
    WEIGHTED_ROC_AUC,
)
from driftwatch.core.performance.residuals import (
    ERROR_P05,
    ERROR_P25,
    ERROR_P50,
    ERROR_P75,
    ERROR_P95,
    PINBALL_10,
    PINBALL_50,
    PINBALL_90,
)
from driftwatch.core.performance.shares import (
    ACCURACY,
    ACTUAL_RATE,
    ERROR_RATE,
    PRECISION,
    PREDICTED_RATE,
    RECALL,
    SPECIFICITY,
)
from driftwatch.core.performance.sums import LOSS_MEASURE, PerformanceSums
from driftwatch.core.records import Task

MEASURES: Mapping[str, MeasureKind] = MappingProxyType(
    {
        "mae": MAE,
        "rmse": RMSE,
        "mse": MSE,
        "bias": BIAS,
        "r2": R2,
        "mape": MAPE,
        "smape": SMAPE,
        "msle": MSLE,
        "rmsle": RMSLE,
        "error_p05": ERROR_P05,
        "error_p25": ERROR_P25,
        "error_p50": ERROR_P50,
        "error_p75": ERROR_P75,
        "error_p95": ERROR_P95,
        "pinball_10": PINBALL_10,
        "pinball_50": PINBALL_50,
        "pinball_90": PINBALL_90,
        "error_rate": ERROR_RATE,
        "accuracy": ACCURACY,
        "precision": PRECISION,
        "recall": RECALL,
        "f1": F1,
        "specificity": SPECIFICITY,
        "balanced_accuracy": BALANCED_ACCURACY,
        "matthews": MATTHEWS,
        "macro_precision": MACRO_PRECISION,
        "macro_recall": MACRO_RECALL,
        "macro_f1": MACRO_F1,
        "macro_specificity": MACRO_SPECIFICITY,
        "micro_f1": MICRO_F1,
        "weighted_precision": WEIGHTED_PRECISION,
        "weighted_recall": WEIGHTED_RECALL,
        "weighted_f1": WEIGHTED_F1,
        "actual_rate": ACTUAL_RATE,
        "predicted_rate": PREDICTED_RATE,
        "log_loss": LOG_LOSS,
        "brier": BRIER,
        "calibration_error": CALIBRATION_ERROR,
        "roc_auc": ROC_AUC,
        "weighted_roc_auc": WEIGHTED_ROC_AUC,
        "average_precision": AVERAGE_PRECISION,
        "weighted_average_precision": WEIGHTED_AVERAGE_PRECISION,
    }
)
"""Every measure by its name, in the order in which they are shown."""

DEFAULT_MEASURES: Mapping[Task, tuple[str, ...]] = MappingProxyType(
    {
        Task.REGRESSION: ("mae", "rmse", "bias", "r2", "mape", "error_p05", "error_p50", "error_p95"),
        Task.BINARY: (
            "error_rate",
            "accuracy",
            "precision",
            "recall",
            "f1",
            "actual_rate",
            "predicted_rate",
            "log_loss",
            "calibration_error",
            "roc_auc",
        ),
        Task.MULTICLASS: (
            "error_rate",
            "accuracy",
            "balanced_accuracy",
            "macro_f1",
            "log_loss",
            "calibration_error",
            "roc_auc",
        ),
    }
)
"""What is shown by task where nobody chose, and there is no room for all."""

SHOWN_MEASURES = tuple(name for name in MEASURES if any(name in names for names in DEFAULT_MEASURES.values()))
"""The same of all tasks."""

__all__ = [
    "DEFAULT_MEASURES",
    "LEVEL",
    "LOSS_MEASURE",
    "MEASURES",
    "SHOWN_MEASURES",
    "Better",
    "Measure",
    "MeasureKind",
    "PerformanceSums",
]
