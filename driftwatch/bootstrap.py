"""The one place that chooses the parts and builds the service from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path

from driftwatch.core.performance.own import OwnMeasure
from driftwatch.core.pseudonyms import Pseudonyms
from driftwatch.core.segments import SegmentPlan
from driftwatch.core.windows import WindowPlan
from driftwatch.errors import FileError, SettingError
from driftwatch.pipeline.alerts import AlertLives, SilenceKeeper
from driftwatch.pipeline.announce import Announcer
from driftwatch.pipeline.baselines import Baselines
from driftwatch.pipeline.deliver import Backoff, Deliverer
from driftwatch.pipeline.episodes import EpisodeKeeper
from driftwatch.pipeline.export import EventPart
from driftwatch.pipeline.halves import ModelNaming
from driftwatch.pipeline.ingest import Ingest, IngestLimits
from driftwatch.pipeline.judge import Judge, JudgeSettings
from driftwatch.pipeline.keep_log import KeepLog, LogKeeper
from driftwatch.pipeline.keep_state import KeepState, StateKeeper
from driftwatch.pipeline.operations import ModelLimits, Operations
from driftwatch.pipeline.own_measures import OwnMeasures
from driftwatch.pipeline.pairing import Pairing, PairingRules
from driftwatch.pipeline.privacy import Privacy, PrivacyRules
from driftwatch.pipeline.readers import Readers
from driftwatch.pipeline.record import Recorder
from driftwatch.pipeline.repeat import AlertRepeater
from driftwatch.pipeline.retrain import Asking
from driftwatch.pipeline.run import Pace, Pipeline
from driftwatch.pipeline.stored import stored_events
from driftwatch.pipeline.telemetry import Telemetry
from driftwatch.pipeline.threads import Runner
from driftwatch.ports import Clock, Inbox, Log, MessageKind, Sink, Spool, State
from driftwatch.setting_types import PrivacySetting
from driftwatch.settings import Settings, judge_policy, retrain_policies
from driftwatch.sinks import SINKS
from driftwatch.sinks.webhook import WebhookSink
from driftwatch.sources.keys import read_key
from driftwatch.stores.folder import DataFolder
from driftwatch.stores.inbox import SqliteInbox
from driftwatch.stores.log import ParquetLog
from driftwatch.stores.spool import SqliteSpool
from driftwatch.stores.state import SqlState

MEASURE_GROUP = "driftwatch.measures"
"""Of entry points."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present, UTC-aware."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service whose parts know each other; ``start`` sets its threads going."""

    ingest: Ingest
    operations: Operations
    telemetry: Telemetry
    baselines: Baselines
    pipeline: Pipeline
    runner: Runner
    spool: Spool
    state: State
    repeater: AlertRepeater
    pairing: Pairing | None = None
    folder: DataFolder | None = None

    def start(self) -> None:
        """Set the pipeline and the delivery going."""
        self.baselines.read_all()
        self.operations.warn_of_privacy()
        self.pipeline.recall()
        self.runner.start()
        if self.pairing is not None:
            self.pairing.start()
        self.repeater.start()

    def close(self) -> None:
        """Let the threads finish what they are at, and let go of the files."""
        if self.pairing is not None:
            self.pairing.stop()
        self.repeater.stop()
        self.runner.stop()
        self.spool.close()
        self.state.close()
        if self.folder is not None:
            self.folder.close()


def window_plan(settings: Settings) -> WindowPlan:
    """How streams are cut."""
    return WindowPlan(
        window=settings.window,
        slide=settings.slide,
        slice=settings.slice,
        lateness=settings.lateness,
        label_wait=settings.label_wait,
        keep=settings.keep,
        label_horizon=settings.label_horizon,
    )


def segment_plan(settings: Settings) -> SegmentPlan:
    """Which segments have windows of their own."""
    return SegmentPlan(columns=settings.segments, values=settings.segment_values, most=settings.max_segments)


def own_measures(names: Sequence[str]) -> dict[str, OwnMeasure]:
    """The measures that installed packages offer as entry points of the group ``driftwatch.measures``, by name.

    Raises
    ------
    SettingError
        If no package offers one of that name, or it cannot be loaded.
    """
    offered = {one.name: one for one in entry_points(group=MEASURE_GROUP)}
    found: dict[str, OwnMeasure] = {}
    for name in names:
        if name not in offered:
            known = ", ".join(sorted(offered)) or "none"
            raise SettingError(
                f"no installed package has a measure {name!r}.",
                field="own_measures",
                remedy=f"Entry points of the group {MEASURE_GROUP}: {known}.",
            )
        try:
            found[name] = offered[name].load()
        except Exception as error:
            problem = f"{name!r} cannot be loaded ({type(error).__name__}: {error})."
            raise SettingError(problem, field="own_measures", remedy="Check the package that offers it.") from error
    return found


def keep_log(settings: Settings) -> KeepLog:
    """How long the log is kept."""
    return KeepLog(age=settings.log_keep, size_bytes=settings.log_bytes, files=settings.log_day_files)


def keep_state(settings: Settings) -> KeepState:
    """How long the state remembers: never less than windows that may be judged again need."""
    window = settings.window if isinstance(settings.window, timedelta) else timedelta(0)
    needed = window + max(settings.label_horizon, settings.label_wait + settings.keep)
    return KeepState(windows=max(settings.windows_keep, needed), slices=max(settings.slices_keep, needed))


def pairing_rules(settings: Settings) -> PairingRules:
    """How exchanges that loggers send are named, and how long they wait."""
    return PairingRules(
        naming=ModelNaming(templates=settings.cloudevents_names, models=settings.cloudevents_models),
        wait=settings.cloudevents_wait,
        most_bytes=settings.max_body_bytes,
    )


def sinks(settings: Settings) -> dict[str, Sink]:
    """Everybody who is told, by name."""
    found: dict[str, Sink] = {}
    if settings.webhook_url:
        found["webhook"] = WebhookSink(settings.webhook_url, settings.webhook_secret.get_secret_value())
    for options in settings.sinks:
        if options.name in found:
            raise SettingError("is the name of the sink of webhook_url.", field=f"sinks.{options.name}")
        try:
            found[options.name] = SINKS[options.kind].make(options)
        except SettingError as error:
            field = f"sinks.{options.name}" + (f".{error.field}" if error.field else "")
            raise SettingError(error.problem, field=field, remedy=error.remedy) from None
    return found


def privacy_rules(setting: PrivacySetting) -> Privacy:
    """What is dropped and hashed.

    Raises
    ------
    FileError
        The key's file cannot be read.
    InputError
        The key is too short, or something is to be hashed and there is no key.
    """
    everywhere = PrivacyRules(setting.drop, setting.hash)
    models = {name: PrivacyRules(one.drop, one.hash) for name, one in setting.models.items()}
    pseudonyms = None
    if setting.hash_key_file is not None:
        pseudonyms = Pseudonyms(read_key(setting.hash_key_file))
    elif everywhere.hash or any(one.hash for one in models.values()):
        raise SettingError(
            "is missing.",
            field="privacy.hash_key_file",
            remedy="Make one with: head -c 32 /dev/urandom | base64 > hash.key",
        )
    return Privacy(everywhere, models, pseudonyms)


def build_service(settings: Settings) -> Service:
    """The service with its embedded stores in ``settings.data``.

    Raises
    ------
    StoreError
        The folder cannot be used; `StoreInUse` where another service holds it.
    """
    folder = DataFolder(settings.data)
    try:
        spool = SqliteSpool(
            folder.spool_path,
            horizon_seconds=settings.duplicate_horizon.total_seconds(),
            max_rows=settings.spool_rows,
            max_bytes=settings.spool_bytes,
            reserve_bytes=settings.disk_reserve_bytes,
        )
        state = SqlState.open(folder.state_url, label_horizon=settings.label_horizon)
        inbox = SqliteInbox(
            folder.inbox_path, max_halves=settings.cloudevents_halves, max_bytes=settings.cloudevents_bytes
        )
        return assemble(settings, spool=spool, log=ParquetLog(folder.log_path), state=state, inbox=inbox, folder=folder)
    except BaseException:
        folder.close()
        raise


@contextmanager
def stored_rows(
    data: Path, model: str, *, start: datetime | None = None, end: datetime | None = None
) -> Iterator[Iterator[EventPart]]:
    """The rows of a model in the data folder of a service that is stopped, ``start <= event_time < end``.

    Raises
    ------
    FileError
        There is no service's data.
    StoreError
        It cannot be read; `StoreInUse` where a running service holds it.
    UnknownModel
        Nobody registered the model there.
    """
    if not (data / "state.db").is_file():
        raise FileError("holds no service's data.", field=str(data), remedy="Name the folder that it was given.")
    with ExitStack() as opened:
        folder = opened.enter_context(DataFolder(data))
        spool = opened.enter_context(closing(SqliteSpool(folder.spool_path)))
        state = opened.enter_context(closing(SqlState.open(folder.state_url)))
        yield stored_events(spool, ParquetLog(folder.log_path), state, model, start=start, end=end)


def assemble(
    settings: Settings,
    *,
    spool: Spool,
    log: Log,
    state: State,
    inbox: Inbox | None = None,
    clock: Clock | None = None,
    told: dict[str, Sink] | None = None,
    folder: DataFolder | None = None,
    own: Mapping[str, OwnMeasure] | None = None,
) -> Service:
    """A service of the given stores; tests pass those of ``driftwatch.testing``. Without inbox, no CloudEvents.

    ``own`` are measures that come on top of those that the settings name.
    """
    clock = clock or SystemClock()
    told = sinks(settings) if told is None else told
    telemetry = Telemetry()
    baselines = Baselines(state, settings.values)
    plan, segments = window_plan(settings), segment_plan(settings)
    pace = Pace(rows_a_file=settings.file_rows, file_age=settings.file_age, label_horizon=settings.label_horizon)
    policies = retrain_policies(settings)
    public_url = settings.public_url or f"http://{settings.host}:{settings.port}"
    judge_settings = JudgeSettings(
        plan=plan,
        judging=judge_policy(settings),
        asking=Asking(
            policies=policies,
            announcer=Announcer(
                retrain_sinks=tuple(name for name, sink in told.items() if MessageKind.RETRAIN in sink.takes),
                alert_sinks=tuple(name for name, sink in told.items() if MessageKind.ALERT in sink.takes),
                public_url=public_url,
            ),
            label_wait=settings.label_wait,
            minimum_labels=settings.minimum_labels,
            alert_windows=settings.alert_windows,
        ),
        segments=segments,
        again_after=settings.again_after,
    )
    pipeline = Pipeline(
        spool=spool,
        state=state,
        baselines=baselines,
        judge=Judge(judge_settings, baselines, clock),
        recorder=Recorder(spool, log, state, rows_a_file=pace.rows_a_file),
        plan=plan,
        segments=segments,
        clock=clock,
        telemetry=telemetry,
        pace=pace,
        own=OwnMeasures({**own_measures(settings.own_measures), **(own or {})}),
    )
    readers = Readers(state, log, clock)
    log_keeper = LogKeeper(state, log, clock, telemetry, keep_log(settings), readers)
    state_keeper = StateKeeper(state, clock, keep_state(settings))
    episode_keeper = EpisodeKeeper(state, clock, policies, telemetry)
    lives = AlertLives(announcer=judge_settings.asking.announcer, windows=settings.alert_windows)
    silence_keeper = SilenceKeeper(state, clock, lives, telemetry)

    def housekeep() -> bool:
        """All have their turn."""
        left = [one.step() for one in (log_keeper, state_keeper, episode_keeper, silence_keeper)]
        return any(left)

    backoff = Backoff(first=settings.retry_first, longest=settings.retry_longest, give_up=settings.retry_give_up)
    limits = IngestLimits(
        features=settings.max_features, extra_features=settings.max_extra_features, ahead=settings.ahead
    )
    privacy = privacy_rules(settings.privacy)
    ingest = Ingest(baselines, spool, clock, telemetry, limits, privacy)
    pairing = None
    if inbox is not None:
        pairing = Pairing(inbox, ingest, baselines, clock, telemetry, pairing_rules(settings))
    repeater = AlertRepeater(state, clock, told, public_url, telemetry)
    beside = pairing.trouble if pairing is not None else lambda: None
    runner = Runner(pipeline, Deliverer(state, told, clock, telemetry, backoff), housekeep, pace, beside)
    return Service(
        ingest=ingest,
        operations=Operations(
            spool=spool,
            state=state,
            pipeline=pipeline,
            runner=runner,
            readers=readers,
            baselines=baselines,
            clock=clock,
            telemetry=telemetry,
            limits=ModelLimits(
                models=settings.max_models, columns=settings.max_columns, categories=settings.max_categories
            ),
            privacy=privacy,
        ),
        telemetry=telemetry,
        baselines=baselines,
        pipeline=pipeline,
        runner=runner,
        spool=spool,
        state=state,
        pairing=pairing,
        repeater=repeater,
        folder=folder,
    )


__all__ = [
    "Service",
    "SystemClock",
    "assemble",
    "build_service",
    "judge_policy",
    "pairing_rules",
    "privacy_rules",
    "segment_plan",
    "sinks",
    "stored_rows",
    "window_plan",
]
