"""Stage 4: judge the windows that closed or became complete, and keep what follows in one transaction.

A window is judged twice: its inputs and predictions when it closes, its labels and quality when the labels had
their time. What must be sent because of a verdict is written to the outbox beside it.

What the evidence was after each window is kept beside it. Where rows or labels are added to a window that was judged,
it is judged again with the evidence from before it, and so are the windows after it, until one leaves the same
evidence as it did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import time, timedelta
from types import MappingProxyType

from driftwatch.core.baseline import Baseline
from driftwatch.core.conclusion import worst
from driftwatch.core.evidence import Turn
from driftwatch.core.judge import (
    Judgement,
    JudgePolicy,
    judge_inputs,
    judge_labels,
    judge_without_reference,
)
from driftwatch.core.records import AlertKind, Finding, Verdict, WindowKey, WindowRecord, WindowStage
from driftwatch.core.segments import ALL_ROWS, SegmentPlan
from driftwatch.core.window_quality import WindowEstimate
from driftwatch.core.windows import MICROSECONDS, WindowPlan, to_microseconds, watermark
from driftwatch.pipeline import marks
from driftwatch.pipeline.alerts import AlertLives
from driftwatch.pipeline.baselines import Baselines
from driftwatch.pipeline.due import DueWindow, first_judged, judged_again
from driftwatch.pipeline.estimate import window_estimate
from driftwatch.pipeline.memory import decoded, encoded
from driftwatch.pipeline.past import forget_memories, resolve_for_replaced_versions
from driftwatch.pipeline.quality import is_same, performance_of, quality_of
from driftwatch.pipeline.retrain import Asker, Asking, Situation
from driftwatch.pipeline.stages import STAGES, stale, with_judged_before, with_stale
from driftwatch.pipeline.telemetry import Tally
from driftwatch.pipeline.work import SliceSums, slice_sums
from driftwatch.ports import Clock, Stale, StateReader, StateTransaction, StoredStream, StreamKey

_MOST_AGAIN = 200
"""Windows that are judged again in one step; the others follow in later ones."""

_REST = 9
"""Judging again takes one part of the time, other work so many."""

_LOOK_EVERY = 5 * MICROSECONDS
"""How often to look for windows of rows whose labels have had their time while nothing comes in."""

_OF_LABELS = frozenset({AlertKind.LABEL_DRIFT, AlertKind.QUALITY, AlertKind.CONCEPT_DRIFT})
_KINDS = MappingProxyType(
    {WindowStage.CLOSED: frozenset(AlertKind) - _OF_LABELS, WindowStage.COMPLETE: _OF_LABELS},
)
"""What is judged in each stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSettings:
    """How windows are cut and judged, and who is told.

    ``again_after`` is how long late rows and labels are gathered before their windows are judged again.
    """

    plan: WindowPlan
    judging: JudgePolicy
    asking: Asking
    segments: SegmentPlan = field(default_factory=SegmentPlan)
    again_after: timedelta = timedelta(minutes=1)


@dataclass(slots=True)
class _Looked:
    """What is known of a model since it was looked at: nothing is due before one of these changes.

    ``due_at`` is when something is due without an event, ``again_at`` when windows may be judged again; both by the
    clock, in microseconds.
    """

    closed: int
    complete: int
    due_at: int | None = None
    again_at: int = 0


class Judge:
    """Judges every window that is due."""

    def __init__(self, settings: JudgeSettings, baselines: Baselines, clock: Clock) -> None:
        self._settings = settings
        self._baselines = baselines
        self._clock = clock
        self._asker = Asker(settings.asking, baselines, clock)
        self._lives = AlertLives(announcer=settings.asking.announcer, windows=settings.asking.alert_windows)
        self._looked: dict[str, _Looked] = {}

    def judge_due(self, transaction: StateTransaction, tally: Tally, changed: Mapping[str, int]) -> dict[str, int]:
        """Judge all windows that are due, oldest first.

        Parameters
        ----------
        transaction, tally
            Where it is kept and counted.
        changed
            By model, the earliest start of a slice that this step added to.

        Returns
        -------
        dict
            By model, how far its stream has come: of those models for which windows may have become due. The others
            are not looked at again before another window of theirs closes or is complete.
        """
        plan = self._settings.plan
        found: dict[str, int] = {}
        for model in transaction.models():
            now = stream_time(transaction, model, self._clock)
            if now is None:
                continue
            looked = _Looked(plan.closed_before(now), plan.complete_before(now))
            before = self._looked.get(model)
            if before is not None:
                looked.again_at = before.again_at
                if self._nothing_is_due(before, looked, changed.get(model)):
                    continue
            self._look(transaction, tally, model, now, looked)
            self._looked[model] = looked
            found[model] = now
        self._asker.reconsider(transaction, tally)
        return found

    def look_again(self) -> None:
        """Forget which windows were looked at: the transaction in which that happened was not kept."""
        self._looked.clear()

    def _nothing_is_due(self, before: _Looked, present: _Looked, changed: int | None) -> bool:
        if before.due_at is not None and self._now() >= before.due_at:
            return False
        if self._settings.plan.counted:
            return changed is None
        if (before.closed, before.complete) != (present.closed, present.complete):
            return False
        return changed is None or changed >= present.closed

    def _look(self, transaction: StateTransaction, tally: Tally, model: str, now: int, looked: _Looked) -> None:
        plan = self._settings.plan
        streams = {stream.key: stream for stream in transaction.streams(model)}
        before = dict(streams)
        if self._now() >= looked.again_at:
            self._judge_again(transaction, tally, streams, looked)
        due = [
            window
            for stream in streams.values()
            for stage in STAGES
            for window in first_judged(transaction, plan, stream, stage, now)
        ]
        for window in sorted(due, key=lambda one: (one.reached, one.stage.value, one.start)):
            self._judge(transaction, tally, streams, window)
            stream = streams[window.stream]
            streams[window.stream] = with_judged_before(stream, window.stage, window.start + plan.slide_length)
        transaction.put_streams([stream for key, stream in streams.items() if stream != before[key]])
        if due:
            resolve_for_replaced_versions(
                transaction, self._lives, plan, model, streams, reached=now, now=self._clock.now()
            )
            forget_memories(transaction, plan, model, streams)
        looked.due_at = self._due_at(streams, looked)

    def _judge_again(
        self, transaction: StateTransaction, tally: Tally, streams: dict[StreamKey, StoredStream], looked: _Looked
    ) -> None:
        """Judge stale windows again, a bounded number of them, and say when the next time may be."""
        began, left = self._now(), _MOST_AGAIN
        some = False
        for key in list(streams):
            for stage in STAGES:
                if stale(streams[key], stage) is not None and left > 0:
                    some = True
                    rest, left = self._one_stale(transaction, tally, streams, key, stage, left)
                    streams[key] = with_stale(streams[key], stage, rest)
        if some:
            pause = _REST * (self._now() - began)
            if left > 0:
                pause = max(pause, self._settings.again_after // timedelta(microseconds=1))
            looked.again_at = self._now() + pause

    def _one_stale(
        self,
        transaction: StateTransaction,
        tally: Tally,
        streams: Mapping[StreamKey, StoredStream],
        key: StreamKey,
        stage: WindowStage,
        left: int,
    ) -> tuple[Stale | None, int]:
        """Judge the stale windows of one stream again; answers those that remain, and what is left of the bound."""
        windows = stale(streams[key], stage)
        last = windows.last if windows is not None else 0
        for window in judged_again(transaction, self._settings.plan, streams[key], stage):
            if left == 0:
                return Stale(first=window.start, last=max(last, window.start)), left
            before = transaction.memory_after(key, stage, window.start)
            after = self._judge(transaction, tally, streams, window)
            left -= 1
            if window.start >= last and after == before:
                break
        return None, left

    def _judge(
        self,
        transaction: StateTransaction,
        tally: Tally,
        streams: Mapping[StreamKey, StoredStream],
        due: DueWindow,
    ) -> bytes:
        """Judge one window in one stage; answers what it leaves to be remembered."""
        plan, policy = self._settings.plan, self._settings.judging
        key, stage = due.key, due.stage
        baseline = self._baselines.get(key.model, key.model_version, reader=transaction)
        end = due.start + plan.window_length
        sums = slice_sums(baseline, transaction.slices(key.model, key.model_version, key.segment, due.start, end))
        memory = decoded(transaction.memory_before(due.stream, stage, due.start))
        turn = self._turn(streams, due)
        reference = baseline if key.segment == ALL_ROWS else baseline.segments.get(key.segment)
        if reference is None:
            judgement = judge_without_reference(
                baseline, _KINDS[stage], memory, policy, plan.seconds, segment=key.segment, turn=turn
            )
        elif stage is WindowStage.CLOSED:
            judgement = judge_inputs(reference, sums.profile, memory, policy, plan.seconds, turn=turn)
        else:
            judgement = judge_labels(
                reference, sums.profile, sums.performance, memory, policy, plan.seconds, turn=turn, place=_place(key)
            )
        remembered = encoded(judgement.memory)
        transaction.put_memory(due.stream, stage, due.start, remembered)
        before = transaction.window(key)
        again = before is not None and (stage is WindowStage.CLOSED or before.stage is WindowStage.COMPLETE)
        estimate = window_estimate(transaction, baseline, due, sums, policy.minimum_rows)
        window = self._window(before, due, baseline, sums, judgement, estimate, again=again)
        if window != before:
            transaction.put_window(window)
        alerts = self._lives.follow(transaction, tally, key, judgement.verdicts, self._clock.now(), again=again)
        self._asker.note_window(transaction, window)
        self._asker.ask(transaction, tally, Situation(due.stream, window, judgement.verdicts, tuple(alerts)))
        if again:
            tally.count("windows_revised_total", model=key.model, stage=stage.value)
        else:
            lag = self._now() - transaction.mark(marks.latest_received(key.model))
            tally.count("windows_judged_total", model=key.model, stage=stage.value)
            tally.observe("detection_lag_seconds", [max(0, lag) / MICROSECONDS], model=key.model)
        return remembered

    def _turn(self, streams: Mapping[StreamKey, StoredStream], due: DueWindow) -> Turn:
        """Whose turn it is, and the stake: the segment's share of the budget, by the versions that share the time."""
        plan = self._settings.plan
        versions = 1
        if not plan.counted:
            end = due.start + plan.window_length
            served = [one for one in streams.values() if one.key.segment == ALL_ROWS]
            versions = max(1, sum(one.first < end and one.last >= due.start for one in served))
        stake = self._settings.segments.share(due.stream.segment) / versions
        return Turn(plan.turn(due.start), plan.overlap, stake)

    def _window(
        self,
        before: WindowRecord | None,
        due: DueWindow,
        baseline: Baseline,
        sums: SliceSums,
        judgement: Judgement,
        estimate: WindowEstimate,
        *,
        again: bool,
    ) -> WindowRecord:
        """The window's record: what was found in this stage takes the place of what had been."""
        kept_findings, kept_verdicts = _of_other_stage(before, due.stage)
        findings, verdicts = (*kept_findings, *judgement.findings), (*kept_verdicts, *judgement.verdicts)
        if due.stage is WindowStage.CLOSED:
            findings, verdicts = (*judgement.findings, *kept_findings), (*judgement.verdicts, *kept_verdicts)
        stage = before.stage if before is not None and again else due.stage
        performance, intervals = performance_of(baseline.schema, sums.performance)
        quality = quality_of(baseline, sums, intervals, stage, self._settings.judging, self._settings.plan.seconds)
        window = WindowRecord(
            key=due.key,
            stage=stage,
            rows=sums.rows,
            labels=sums.labels,
            status=worst(one.status for one in verdicts),
            findings=findings,
            verdicts=verdicts,
            performance=performance,
            quality=replace(quality, estimate=estimate),
            judged_at=before.judged_at if before is not None else None,
            revised=before.revised if before is not None else 0,
        )
        if before is not None and is_same(window, before):
            return before
        return replace(window, judged_at=self._clock.now(), revised=window.revised + again)

    def _due_at(self, streams: Mapping[StreamKey, StoredStream], looked: _Looked) -> int | None:
        """When, by the clock, something may be due although nothing came in."""
        moments = []
        if any(stale(stream, stage) is not None for stream in streams.values() for stage in STAGES):
            moments.append(looked.again_at)
        if any(stream.complete != stream.closed for stream in streams.values()) and self._settings.plan.counted:
            moments.append(self._now() + _LOOK_EVERY)
        return min(moments, default=None)

    def _now(self) -> int:
        return to_microseconds(self._clock.now())


def _place(key: WindowKey) -> str:
    """Where a window begins, in words."""
    if key.first_row is not None:
        return f"row {key.first_row:,}"
    return f"{key.start:%Y-%m-%d}" if key.start.time() == time() else f"{key.start:%Y-%m-%d %H:%M}"


def stream_time(reader: StateReader, model: str, clock: Clock) -> int | None:
    """How far a model's stream has come, in microseconds of event time; None before its first event."""
    latest = reader.mark(marks.latest_event(model))
    if latest == 0:
        return None
    return watermark(latest, reader.mark(marks.latest_received(model)), to_microseconds(clock.now()))


def _of_other_stage(window: WindowRecord | None, stage: WindowStage) -> tuple[tuple[Finding, ...], tuple[Verdict, ...]]:
    """What was found in a window in the stage that is not judged now."""
    if window is None:
        return (), ()
    judged = _KINDS[stage]
    findings = tuple(one for one in window.findings if one.kind not in judged)
    return findings, tuple(one for one in window.verdicts if one.kind not in judged)
