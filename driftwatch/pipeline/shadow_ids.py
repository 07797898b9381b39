"""The ids under which predictions of shadow versions are stored.

A shadow's prediction has the ``prediction_id`` of the live version's. Under an id of its own it is no duplicate of
that, takes no label away from it, and is in no labelled export.
"""

from __future__ import annotations

from dataclasses import replace

from driftwatch.core.events import PredictionBatch


def shadow_id(model_version: str, prediction_id: str) -> str:
    """The id under which a shadow's prediction is stored.

    Examples
    --------
    >>> shadow_id("2", "a-1")
    'shadow/2/a-1'
    """
    return f"shadow/{model_version}/{prediction_id}"


def as_shadow(batch: PredictionBatch) -> PredictionBatch:
    """A shadow's predictions as they are stored."""
    ids = tuple(shadow_id(batch.model_version, one) for one in batch.prediction_ids)
    return replace(batch, prediction_ids=ids)


__all__ = ["as_shadow", "shadow_id"]
