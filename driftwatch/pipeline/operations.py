"""What people ask of the running service, besides events. Safe to call from any thread; calls may block."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from driftwatch.core.alert_lives import FIRES, HEARD
from driftwatch.core.baseline import Baseline
from driftwatch.core.cells import NamedCells
from driftwatch.core.performance import Measure
from driftwatch.core.records import Alert, RetrainEpisode, WindowRecord, WindowStage
from driftwatch.core.segments import ALL_ROWS
from driftwatch.core.windows import from_microseconds
from driftwatch.errors import InputError, StateConflict, UnknownModel, UnknownVersion
from driftwatch.pipeline.baselines import Baselines
from driftwatch.pipeline.export import EventPart
from driftwatch.pipeline.judge import stream_time
from driftwatch.pipeline.loop_operations import LoopOperations
from driftwatch.pipeline.privacy import Privacy
from driftwatch.pipeline.provisional import Performances, WindowPerformance
from driftwatch.pipeline.readers import Readers
from driftwatch.pipeline.run import Pipeline
from driftwatch.pipeline.shadow import ShadowComparison, shadow_comparisons
from driftwatch.pipeline.telemetry import Telemetry
from driftwatch.pipeline.threads import Runner
from driftwatch.ports import Clock, Spool, SpoolRoom, State, StateReader, StoredBaseline, VersionRole, current_of

_LOGGER = logging.getLogger(__name__)
_MOST_WINDOWS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSummary:
    """One model at a glance. ``watermark`` is how far its stream has come, in event time."""

    model: str
    versions: tuple[str, ...]
    current_version: str
    watermark: datetime | None
    pending_rows: int
    outstanding: int
    waiting_labels: int
    latest_window: WindowRecord | None
    firing_alerts: int
    retrain: RetrainEpisode | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionFacts:
    """The newest judged windows of a version, or of a segment of it: of its inputs, and of its quality.

    ``provisional`` is the former with the labels that came by now, where their time is not over; else None.
    """

    model: str
    model_version: str
    segment: str = ALL_ROWS
    inputs: WindowRecord | None
    quality: WindowRecord | None
    provisional: WindowRecord | None = None
    reference: Mapping[str, Measure]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsFacts:
    """Everything that the gauges show.

    ``firing`` has silenced alerts, too; ``segments`` are those of every model's current version.
    """

    models: tuple[ModelSummary, ...]
    versions: tuple[VersionFacts, ...]
    segments: tuple[VersionFacts, ...] = ()
    shadows: tuple[ShadowComparison, ...] = ()
    firing: tuple[Alert, ...]
    outbox_pending: int
    room: SpoolRoom
    log_files: int
    log_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLimits:
    """How many models there may be, and how large each baseline."""

    models: int
    columns: int
    categories: int

    def check(self, baseline: Baseline) -> None:
        """Refuse a baseline that is too large.

        Raises
        ------
        InputError
            It names the column where one has too many categories.
        """
        if len(baseline.columns) > self.columns:
            raise InputError(
                f"the baseline has {len(baseline.columns):,} columns; at most {self.columns:,} are taken.",
                field="columns",
                remedy="Leave some out with baseline fit --ignore, or raise the setting max_columns.",
            )
        for name, column in baseline.columns.items():
            if isinstance(column.cells, NamedCells):
                categories = len(column.cells.names) + len(column.cells.rare)
                if categories > self.categories:
                    raise InputError(
                        f"the baseline has {categories:,} categories of it; at most {self.categories:,} are taken.",
                        field=f"columns.{name}",
                        remedy="Leave it out with baseline fit --ignore, or raise the setting max_categories.",
                    )


class Operations(LoopOperations):
    """The questions and orders that the web and the command line pass on."""

    def __init__(
        self,
        *,
        spool: Spool,
        state: State,
        pipeline: Pipeline,
        runner: Runner,
        readers: Readers,
        baselines: Baselines,
        clock: Clock,
        telemetry: Telemetry,
        limits: ModelLimits,
        privacy: Privacy | None = None,
    ) -> None:
        super().__init__(state, clock, telemetry)
        self._spool = spool
        self._pipeline = pipeline
        self._readers = readers
        self._runner = runner
        self._baselines = baselines
        self._limits = limits
        self._privacy = privacy or Privacy()
        self._performances = Performances(baselines)

    def register_baseline(self, model: str, document: str, role: VersionRole | None = None) -> StoredBaseline:
        """Register a version of a model; the same document again changes nothing but what the version is for.

        Parameters
        ----------
        model, document
            Whose, and what.
        role
            What the version is for: None leaves it as it is, and makes a new one live. One that becomes live is the
            current one from then on.

        Raises
        ------
        BaselineError
            The document cannot be read.
        InputError
            The document is another model's, or has more columns or categories than the settings allow.
        StateConflict
            The version has another baseline already, there is no room for another model, or no version would be live.
        """
        baseline = Baseline.from_json(document)
        if baseline.model != model:
            raise InputError(
                f"the baseline is of model {baseline.model!r}, not {model!r}.",
                field="model",
                remedy=f"Put it to /v1/models/{baseline.model}/baseline, or fit it with --model {model}.",
            )
        self._limits.check(baseline)
        stored = StoredBaseline(
            model=model,
            model_version=baseline.model_version,
            document=document,
            registered_at=self._clock.now(),
            role=role or VersionRole.LIVE,
        )
        with self._state.transaction() as transaction:
            present = {one.model_version: one for one in transaction.baselines(model)}
            if baseline.model_version in present:
                if present[baseline.model_version].document != document:
                    raise StateConflict(
                        f"Version {baseline.model_version!r} of {model!r} has another baseline already. "
                        "A version's baseline never changes: register this one under a new model_version."
                    )
                known = present[baseline.model_version]
                if role is None or role is known.role:
                    return known
            if role is VersionRole.SHADOW and not any(
                one.role is VersionRole.LIVE for name, one in present.items() if name != baseline.model_version
            ):
                raise StateConflict(
                    f"{model!r} would have no live version beside {baseline.model_version!r}: "
                    "a shadow is compared with one. Register that first."
                )
            if not present and len(transaction.models()) >= self._limits.models:
                raise StateConflict(f"There are {self._limits.models} models already. Raise the setting max_models.")
            transaction.put_baseline(stored)
        self._warn(baseline)
        self._baselines.forget_current(model)
        self._baselines.get(model)
        self._telemetry.touch()
        return stored

    def warn_of_privacy(self) -> None:
        """Log what the settings keep from being compared, of every model's current version."""
        with self._state.read() as reader:
            models = reader.models()
        for model in models:
            self._warn(self._baselines.get(model))

    def _warn(self, baseline: Baseline) -> None:
        for notice in self._privacy.notices(baseline):
            _LOGGER.warning("model %s: %s", baseline.model, notice)

    def baseline(self, model: str, model_version: str | None = None) -> StoredBaseline:
        """The registered document of a version, of the one registered last without ``model_version``."""
        with self._state.read() as reader:
            stored = _known(reader, model)
        if model_version is None:
            return current_of(stored)
        for one in stored:
            if one.model_version == model_version:
                return one
        raise UnknownVersion(model, model_version)

    def models(self) -> list[ModelSummary]:
        """All models at a glance."""
        pending = self._pipeline.unapplied_rows()
        with self._state.read() as reader:
            return [self._summary(reader, model, pending) for model in reader.models()]

    def windows(
        self,
        model: str,
        *,
        model_version: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        segment: str = ALL_ROWS,
        stage: WindowStage | None = None,
        limit: int | None = None,
    ) -> list[WindowRecord]:
        """Judged windows of all rows or of one segment, newest first; the newest one alone without range and limit."""
        with self._state.read() as reader:
            versions = {one.model_version for one in _known(reader, model)}
            if model_version is not None and model_version not in versions:
                raise UnknownVersion(model, model_version)
            if limit is None:
                limit = 1 if start is None and end is None else _MOST_WINDOWS
            return reader.windows(
                model,
                model_version=model_version,
                start=start,
                end=end,
                segment=segment,
                stage=stage,
                limit=min(limit, _MOST_WINDOWS),
            )

    def performances(self, windows: Sequence[WindowRecord]) -> list[WindowPerformance]:
        """Windows that `windows` answered, with what is known of their quality by now."""
        with self._state.read() as reader:
            return self._performances.of(reader, windows)

    def reference_performance(self, model: str, model_version: str, segment: str = ALL_ROWS) -> Mapping[str, Measure]:
        """The quality that a version's baseline measured, of a segment of it; empty where it measured none."""
        return self._performances.reference_measures(model, model_version, segment)

    def shadows(self, model: str) -> list[ShadowComparison]:
        """How a model's shadow versions compare with the live ones on the same requests, the newest live one first.

        Raises
        ------
        UnknownModel
        """
        with self._state.read() as reader:
            _known(reader, model)
            return shadow_comparisons(reader, model)

    def export(
        self, model: str, *, start: datetime | None = None, end: datetime | None = None, labelled: bool = False
    ) -> Iterator[EventPart]:
        """Logged predictions with their labels, everything acknowledged before the call included.

        Raises
        ------
        UnknownModel
        """
        with self._state.read() as reader:
            _known(reader, model)
        self._pipeline.flush()
        return self._readers.events(model, start, end, labelled=labelled)

    def readiness(self) -> tuple[bool, str]:
        """Whether the service does its work at the moment, and what keeps it from it."""
        found = [one for one in (self._spool.room().trouble, self._runner.trouble()) if one]
        return not found, "; ".join(dict.fromkeys(found)) or "ready"

    def metrics_facts(self) -> MetricsFacts:
        """What the gauges show, from one moment."""
        unapplied = self._pipeline.unapplied_rows()
        with self._state.read() as reader:
            models = tuple(self._summary(reader, model, unapplied) for model in reader.models())
            versions = tuple(self._facts(reader, one.model, version) for one in models for version in one.versions)
            segments = tuple(
                self._facts(reader, one.model, one.current_version, stream.key.segment)
                for one in models
                for stream in reader.streams(one.model)
                if stream.key.model_version == one.current_version and stream.key.segment != ALL_ROWS
            )
            shadows = tuple(found for one in models for found in shadow_comparisons(reader, one.model))
            firing = tuple(one for one in self._open_alerts(reader) if one.state in FIRES)
            pending = sum(reader.pending_sinks().values())
            log_files, log_bytes = reader.log_size()
        return MetricsFacts(
            models=models,
            versions=versions,
            segments=segments,
            shadows=shadows,
            firing=firing,
            outbox_pending=pending,
            room=self._spool.room(),
            log_files=log_files,
            log_bytes=log_bytes,
        )

    def _summary(self, reader: StateReader, model: str, pending_rows: int) -> ModelSummary:
        stored = reader.baselines(model)
        versions = tuple(one.model_version for one in stored)
        moment = stream_time(reader, model, self._clock)
        windows = reader.windows(model, segment=ALL_ROWS, limit=1)
        retrains = reader.retrains(model, limit=1)
        return ModelSummary(
            model=model,
            versions=versions,
            current_version=current_of(stored).model_version,
            watermark=from_microseconds(moment) if moment is not None else None,
            pending_rows=pending_rows,
            outstanding=reader.outstanding_count(model),
            waiting_labels=reader.waiting_label_count(model),
            latest_window=windows[0] if windows else None,
            firing_alerts=sum(one.state in HEARD for one in self._open_alerts(reader, model)),
            retrain=retrains[0] if retrains else None,
        )

    def _facts(self, reader: StateReader, model: str, model_version: str, segment: str = ALL_ROWS) -> VersionFacts:
        inputs = reader.windows(model, model_version=model_version, segment=segment, limit=1)
        quality = reader.windows(
            model, model_version=model_version, segment=segment, stage=WindowStage.COMPLETE, limit=1
        )
        self._baselines.get(model, model_version, reader=reader)
        newest = inputs[0] if inputs and inputs[0].stage is not WindowStage.COMPLETE else None
        return VersionFacts(
            model=model,
            model_version=model_version,
            segment=segment,
            inputs=inputs[0] if inputs else None,
            quality=quality[0] if quality else None,
            provisional=None if newest is None else self._performances.up_to_date(reader, newest),
            reference=self.reference_performance(model, model_version, segment),
        )


def _known(reader: StateReader, model: str) -> Sequence[StoredBaseline]:
    stored = reader.baselines(model)
    if not stored:
        raise UnknownModel(model)
    return stored
