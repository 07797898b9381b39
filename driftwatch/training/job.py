"""What a run is given, whom it tells, and how it ends."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from driftwatch.core.baseline import Baseline
from driftwatch.core.records import RetrainState
from driftwatch.training.estimators import ALLOWED
from driftwatch.training.model_card import Evidence, ModelCard
from driftwatch.training.model_store import ModelStore
from driftwatch.training.recipe import Recipe


class Outcome(StrEnum):
    """How a run ends, unless it raises."""

    PROMOTED = "promoted"
    REJECTED = "rejected"
    STOPPED = "stopped"


class Service(Protocol):
    """Who is told how the retrain goes, and gets the new baseline."""

    def report(self, state: RetrainState, note: str, new_version: str | None = None) -> None:
        """Say how it goes."""
        ...

    def register(self, baseline: Baseline) -> None:
        """Put up the baseline of a version that goes live."""
        ...


class Nobody:
    """A service for those who have none."""

    def report(self, state: RetrainState, note: str, new_version: str | None = None) -> None:
        """Tell nobody."""

    def register(self, baseline: Baseline) -> None:
        """Put it nowhere: the file in the model's folder remains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to be done.

    Attributes
    ----------
    recipe, version
        What is trained, and what its version will be called.
    batches, source
        The rows, from the beginning each time; and where they are from, in words.
    store
        Where models are.
    former
        The baseline of the version that is live, where it is known.
    evidence
        Why a retrain was asked for, if one was.
    allowed
        Packages that estimators may come from.
    base
        The folder that relative paths of the recipe begin at: where the switch runs.
    """

    recipe: Recipe
    version: str
    batches: Iterable[pa.Table]
    source: str
    store: ModelStore
    former: Baseline | None = None
    evidence: Evidence | None = None
    allowed: Collection[str] = ALLOWED
    base: Path = field(default_factory=Path)

    @property
    def former_version(self) -> str | None:
        """The version that is live, where it is known."""
        return None if self.former is None else self.former.model_version


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How it ended. ``folder`` is the model's, or where the card of a rejected one is; None where there is none."""

    outcome: Outcome
    reason: str
    text: str
    version: str
    folder: Path | None = None
    card: ModelCard | None = None

    @property
    def promoted(self) -> bool:
        """Whether the new version is live."""
        return self.outcome is Outcome.PROMOTED
