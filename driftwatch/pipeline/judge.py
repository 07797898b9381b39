"""Stage 4: judge the windows that closed or became complete, and keep what follows in one transaction.

A window is judged twice: its inputs and predictions when it closes, its labels and quality when the labels had
their time. What must be sent because of a verdict is written to the outbox beside it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from driftwatch.core.conclusion import worst
from driftwatch.core.evidence import EvidenceMemory
from driftwatch.core.judge import Judgement, JudgePolicy, judge_inputs, judge_labels
from driftwatch.core.records import (
    Alert,
    AlertState,
    RetrainEpisode,
    RetrainState,
    RetrainStep,
    Status,
    Verdict,
    WindowKey,
    WindowRecord,
    WindowStage,
)
from driftwatch.core.retrain import RetrainPolicy, decide
from driftwatch.core.windows import WindowPlan, from_microseconds, to_microseconds, watermark
from driftwatch.identifiers import uuid7
from driftwatch.pipeline import marks
from driftwatch.pipeline.announce import retrain_requested
from driftwatch.pipeline.baselines import Baselines
from driftwatch.pipeline.telemetry import Tally
from driftwatch.pipeline.work import SliceSums, slice_sums
from driftwatch.ports import Clock, OutboxMessage, StateReader, StateTransaction, StoredSlice


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSettings:
    """How windows are cut and judged, and who is told."""

    plan: WindowPlan
    judging: JudgePolicy
    retraining: RetrainPolicy
    sinks: tuple[str, ...] = ()
    public_url: str = ""


class Judge:
    """Judges every window that is due."""

    def __init__(self, settings: JudgeSettings, baselines: Baselines, clock: Clock) -> None:
        self._settings = settings
        self._baselines = baselines
        self._clock = clock
        self._looked: dict[str, tuple[int, int]] = {}

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
            closed, complete = plan.closed_before(now), plan.complete_before(now)
            if self._looked.get(model) == (closed, complete) and changed.get(model, closed) >= closed:
                continue
            due = [
                *self._due(transaction, model, WindowStage.CLOSED, closed),
                *self._due(transaction, model, WindowStage.COMPLETE, complete),
            ]
            for end, stage, key, stored in sorted(due, key=lambda one: (one[0], one[1].value)):
                self._judge(transaction, tally, stage, key, stored)
                transaction.set_mark(marks.judged(stage, model, key.model_version, key.segment), end)
            if due:
                self._resolve_for_replaced_versions(transaction, model, complete)
            self._looked[model] = (closed, complete)
            found[model] = now
        return found

    def look_again(self) -> None:
        """Forget which windows were looked at: the transaction in which that happened was not kept."""
        self._looked.clear()

    def _resolve_for_replaced_versions(self, transaction: StateTransaction, model: str, complete_before: int) -> None:
        """Close the alerts of versions that another took over from: when their last window is judged, they are past."""
        current = transaction.baselines(model)[-1].model_version
        replaced = [one for one in transaction.alerts(model, state=AlertState.FIRING) if one.model_version != current]
        if not replaced:
            return
        plan = self._settings.plan
        last: dict[str, int] = defaultdict(int)
        for (version, _), (_, start) in transaction.slice_bounds(model).items():
            last[version] = max(last[version], plan.window_start(start))
        for alert in replaced:
            if last[alert.model_version] < complete_before:
                end = from_microseconds(last[alert.model_version] + plan.window_us)
                transaction.put_alert(replace(alert, state=AlertState.RESOLVED, ended=end))

    def _due(
        self, transaction: StateTransaction, model: str, stage: WindowStage, before: int
    ) -> list[tuple[int, WindowStage, WindowKey, list[StoredSlice]]]:
        plan = self._settings.plan
        due = []
        for (version, segment), (first, _) in transaction.slice_bounds(model).items():
            mark = transaction.mark(marks.judged(stage, model, version, segment))
            stored = transaction.slices(model, version, segment, max(mark, first), before)
            windows: dict[int, list[StoredSlice]] = defaultdict(list)
            for one in stored:
                windows[plan.window_start(one.key.start)].append(one)
            for start, slices in windows.items():
                end = start + plan.window_us
                key = WindowKey(
                    model=model,
                    model_version=version,
                    segment=segment,
                    start=from_microseconds(start),
                    end=from_microseconds(end),
                )
                due.append((end, stage, key, slices))
        return due

    def _judge(
        self,
        transaction: StateTransaction,
        tally: Tally,
        stage: WindowStage,
        key: WindowKey,
        stored: Sequence[StoredSlice],
    ) -> None:
        baseline = self._baselines.get(key.model, key.model_version, reader=transaction)
        sums = slice_sums(baseline, stored)
        memory = _remembered(transaction, key)
        seconds = self._settings.plan.window.total_seconds()
        policy = self._settings.judging
        if stage is WindowStage.CLOSED:
            judgement = judge_inputs(baseline, sums.profile, memory, policy, seconds)
        else:
            judgement = judge_labels(baseline, sums.profile, sums.performance, memory, policy, seconds)
        transaction.put_document(_memory_name(key), msgspec.json.encode(judgement.memory).decode())
        window = self._window(transaction.window(key), key, stage, sums, judgement)
        transaction.put_window(window)
        alerts = self._alerts(transaction, tally, key, judgement.verdicts)
        self._retrain(transaction, tally, window, judgement.verdicts, alerts)
        lag = to_microseconds(self._clock.now()) - transaction.mark(marks.latest_received(key.model))
        tally.count("windows_judged_total", model=key.model, stage=stage.value)
        tally.observe("detection_lag_seconds", [max(0, lag) / 1e6], model=key.model)

    def _window(
        self, before: WindowRecord | None, key: WindowKey, stage: WindowStage, sums: SliceSums, judgement: Judgement
    ) -> WindowRecord:
        findings = (*(before.findings if before else ()), *judgement.findings)
        verdicts = (*(before.verdicts if before else ()), *judgement.verdicts)
        return WindowRecord(
            key=key,
            stage=stage,
            rows=sums.rows,
            labels=sums.labels,
            status=worst(one.status for one in verdicts),
            findings=findings,
            verdicts=verdicts,
            performance={name: one.value for name, one in sums.performance.measures().items()} if sums.labels else {},
            judged_at=self._clock.now(),
        )

    def _alerts(
        self, transaction: StateTransaction, tally: Tally, key: WindowKey, verdicts: Sequence[Verdict]
    ) -> list[Alert]:
        """Open an alert a kind that drifts, close the alerts of kinds that are well again; answers the open ones."""
        firing = {
            alert.kind: alert
            for alert in transaction.alerts(key.model, state=AlertState.FIRING)
            if alert.model_version == key.model_version
        }
        for verdict in verdicts:
            present = firing.get(verdict.kind)
            if verdict.status is Status.DRIFT:
                alert = present or Alert(
                    alert_id=uuid7(),
                    model=key.model,
                    model_version=key.model_version,
                    kind=verdict.kind,
                    state=AlertState.FIRING,
                    started=key.end,
                    ended=None,
                    columns=verdict.columns,
                    evidence=verdict.evidence,
                    reason=verdict.text,
                )
                columns = tuple(dict.fromkeys((*alert.columns, *verdict.columns)))
                firing[verdict.kind] = replace(alert, columns=columns, evidence=max(alert.evidence, verdict.evidence))
                transaction.put_alert(firing[verdict.kind])
                if present is None:
                    tally.count("alerts_total", model=key.model, kind=verdict.kind.value)
            elif present is not None and verdict.status is Status.OK:
                transaction.put_alert(replace(present, state=AlertState.RESOLVED, ended=key.end))
                del firing[verdict.kind]
        return list(firing.values())

    def _retrain(
        self,
        transaction: StateTransaction,
        tally: Tally,
        window: WindowRecord,
        verdicts: Sequence[Verdict],
        alerts: Sequence[Alert],
    ) -> None:
        key = window.key
        episodes = transaction.retrains(key.model, limit=1)
        decision = decide(
            self._settings.retraining,
            verdicts,
            window_end=key.end,
            is_current_version=transaction.baselines(key.model)[-1].model_version == key.model_version,
            latest=episodes[0] if episodes else None,
        )
        if not decision.trigger:
            return
        asking = [one for one in verdicts if one.kind in self._settings.retraining.kinds and one.status is Status.DRIFT]
        now = self._clock.now()
        triggered = stream_time(transaction, key.model, self._clock)
        episode = RetrainEpisode(
            retrain_id=uuid7(),
            model=key.model,
            model_version=key.model_version,
            state=RetrainState.REQUESTED,
            triggered=from_microseconds(triggered or to_microseconds(key.end)),
            until=key.end,
            reason=asking[0].text,
            alert_ids=tuple(alert.alert_id for alert in alerts if alert.kind in self._settings.retraining.kinds),
            history=(RetrainStep(at=now, state=RetrainState.REQUESTED, note=asking[0].text),),
        )
        transaction.open_retrain(episode)
        body = retrain_requested(episode, window, asking, self._settings.public_url, now)
        for sink in self._settings.sinks:
            transaction.put_message(
                OutboxMessage(
                    message_id=f"{episode.retrain_id}.{sink}",
                    sink=sink,
                    model=key.model,
                    body=body,
                    created_at=now,
                    next_attempt_at=now,
                    retrain_id=episode.retrain_id,
                )
            )
        tally.count("retrain_triggers_total", model=key.model, reason=decision.reason.value)


def stream_time(reader: StateReader, model: str, clock: Clock) -> int | None:
    """How far a model's stream has come, in microseconds of event time; None before its first event."""
    latest = reader.mark(marks.latest_event(model))
    if latest == 0:
        return None
    return watermark(latest, reader.mark(marks.latest_received(model)), to_microseconds(clock.now()))


def _remembered(reader: StateReader, key: WindowKey) -> EvidenceMemory:
    document = reader.document(_memory_name(key))
    return EvidenceMemory() if document is None else msgspec.json.decode(document, type=EvidenceMemory)


def _memory_name(key: WindowKey) -> str:
    return f"evidence:{key.model}:{key.model_version}:{key.segment}"
