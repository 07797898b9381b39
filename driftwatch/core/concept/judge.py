r"""The judge of concept drift: what the windows' labelled rows say together, and since when.

Each of what is watched (`driftwatch.core.concept.levels`) has a Shiryaev-Roberts e-detector over windows, in the form
that keeps the stretches apart: with the e-value :math:`e_{s:t}` of the rows from window ``s`` to ``t``
(`driftwatch.core.concept.e_value`),

.. math:: M_t = \sum_{s \le t} \text{stake}_s \, e_{s:t}

Its expectation without a change is at most the sum of the stakes, and the average over what is watched is the evidence
of the kind, as with other kinds (`driftwatch.core.evidence`). The stretch that holds most of it says since when. It is
fed from the same sums as the windows' quality: they add up over slices, partitions and replicas in any order, a late
label changes them and has the windows after it judged again, and what is remembered of a window is small.

After an alarm it either *holds*, until as many windows as it took to be found show no difference any more, or takes
the windows since the change as the new reference (*rebase*): some more are learned first, then watched against.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.baseline import Baseline
from driftwatch.core.concept.e_value import FEWEST, TOLERANCE, change_e_values
from driftwatch.core.concept.levels import Level, Levels, levels_of, merged, worse_way
from driftwatch.core.concept.memory import DENSE, AfterAlarm, ConceptMemory, Phase, Stretch, Track
from driftwatch.core.concept.words import moved_text
from driftwatch.core.conclusion import Judgement
from driftwatch.core.evidence import ALONE, LARGEST_SHARE, WARNING_SHARE, Turn, blamed
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.policy import JudgePolicy
from driftwatch.core.records import (
    AlertKind,
    Change,
    Direction,
    Finding,
    FindingReason,
    Status,
    Threshold,
    ThresholdOrigin,
    Verdict,
    VerdictReason,
)
from driftwatch.core.reference_performance import PerformanceSource

Floats = NDArray[np.float64]

LEARNED_WINDOWS, LEARNED_LABELS = 5, 500
"""A new reference is learned from at least so many windows and labelled rows."""

_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ConceptJudgement:
    """What was found and decided, and what to hand back with the next window."""

    findings: tuple[Finding, ...]
    verdict: Verdict
    memory: ConceptMemory


def with_concept(judgement: Judgement, concept: ConceptJudgement | None) -> Judgement:
    """A judgement of the other kinds, and that of the concept where there is one."""
    if concept is None:
        return judgement
    return Judgement(
        findings=judgement.findings + concept.findings,
        verdicts=(*judgement.verdicts, concept.verdict),
        memory=replace(judgement.memory, concept=concept.memory),
    )


@dataclass(frozen=True, slots=True)
class _Natural:
    """How much windows differ among each other with nothing wrong, in variances of a row."""

    between: float = 0.0
    of_reference: float = 0.0

    @classmethod
    def of(cls, baseline: Baseline, window_seconds: float | None) -> _Natural:
        """From the variation of mean losses: what moves the loss is taken to move the others as much."""
        if baseline.performance is None or window_seconds is None:
            return cls()
        loss, natural = baseline.performance.loss, baseline.natural.loss_variation(window_seconds)
        variance = loss.standard_error**2 * loss.n
        if natural is None or not variance > 0.0:
            return cls()
        scale = loss.value**2 / variance
        return cls(natural.deviation**2 * scale, natural.of_reference**2 * scale)


def judge_concept(
    baseline: Baseline,
    sums: PerformanceSums,
    memory: ConceptMemory,
    policy: JudgePolicy,
    window_seconds: float | None,
    *,
    turn: Turn = ALONE,
    place: str = "",
) -> ConceptJudgement | None:
    """Judge whether the concept changed.

    Parameters
    ----------
    baseline
        Whose quality is what was.
    sums
        Of the window's labelled rows.
    memory
        As the judgement of the window before handed it back; an empty one at first.
    policy
        What the user asked for.
    window_seconds
        The window's duration; None where windows are counts of rows.
    turn
        Whose turn it is where windows overlap, and the share of the budget that this window may stake.
    place
        Where the window begins, in words.

    Returns
    -------
    ConceptJudgement or None
        None where the baseline holds no quality to compare with: `driftwatch.core.judge.judge_quality` says so.
    """
    if baseline.performance is None:
        return None
    limit = policy.limit(AlertKind.CONCEPT_DRIFT, baseline, window_seconds, turn.of)
    window = _Window(
        source=baseline.performance.source,
        before=levels_of(baseline.performance.sums),
        levels=levels_of(sums),
        policy=policy,
        natural=_Natural.of(baseline, window_seconds),
        turn=turn,
        place=place,
        limit=limit,
        column=baseline.schema.prediction or "prediction",
    )
    if sums.n < policy.minimum_labels:
        text = f"{sums.n} labels are too few: {policy.minimum_labels} are needed."
        return window.unjudged(VerdictReason.TOO_FEW_LABELS, text, memory)
    tracks = memory.tracks if len(memory.tracks) == turn.of else (Track(),) * turn.of
    memory = replace(memory, tracks=tracks)
    if memory.phase is Phase.LEARNING:
        return window.learned(memory)
    memory = window.extended(memory)
    return window.held(memory) if memory.phase is Phase.ALARMED else window.watched(memory)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a window's findings are made of: the memory with it, and the stretch of windows that is spoken of."""

    memory: ConceptMemory
    stretch: Stretch | None = None
    own: Mapping[str, float] = field(default_factory=dict)
    moved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """A window with all that judging it needs."""

    source: PerformanceSource
    before: Levels
    levels: Levels
    policy: JudgePolicy
    natural: _Natural
    turn: Turn
    place: str
    limit: Threshold
    column: str

    def reference(self, memory: ConceptMemory) -> Levels:
        """What was."""
        return self.before if memory.reference is None else memory.reference

    def e_values(self, memory: ConceptMemory, stretches: Sequence[Stretch]) -> dict[str, Floats]:
        """By what is watched: those of some stretches of the windows' track."""
        now = memory.tracks[self.turn.index].windows
        windows = np.array([max(now - one.first, 1) for one in stretches], dtype=np.float64)
        of_reference = self.natural.of_reference
        if memory.reference is not None:
            of_reference = self.natural.between / max(memory.reference_windows, 1)
        return {
            name: change_e_values(
                level,
                [one.levels.get(name, Level()) for one in stretches],
                worse=worse_way(name),
                between=self.natural.between / windows,
                between_reference=of_reference,
            )
            for name, level in self.reference(memory).items()
        }

    def extended(self, memory: ConceptMemory) -> ConceptMemory:
        """With this window in its track, and the track's evidence."""
        dense = max(2, DENSE // self.turn.of)
        track = memory.tracks[self.turn.index].extended(self.levels, self.place, self.turn.stake, dense)
        tracks = (*memory.tracks[: self.turn.index], track, *memory.tracks[self.turn.index + 1 :])
        memory = replace(memory, tracks=tracks)
        stakes = np.array([one.stake for one in track.stretches])
        held = {name: float(stakes @ values) for name, values in self.e_values(memory, track.stretches).items()}
        most = LARGEST_SHARE * self.limit.value * max(len(held), 1)
        track = replace(track, evidence={name: min(value, most) for name, value in held.items()})
        tracks = (*tracks[: self.turn.index], track, *tracks[self.turn.index + 1 :])
        return replace(memory, tracks=tracks)

    def watched(self, memory: ConceptMemory) -> ConceptJudgement:
        """Say what the evidence comes to."""
        own = _averaged(memory.tracks)
        evidence = math.fsum(own.values()) / len(own) if own else 0.0
        best = self.most_likely(memory)
        if evidence < self.limit.value or best is None:
            growing = evidence >= WARNING_SHARE * self.limit.value
            status = Status.WARNING if growing else Status.OK
            reason = VerdictReason.EVIDENCE_GROWING if growing else VerdictReason.WITHIN_TOLERANCE
            text = f"{_words(self, memory, best, _strongest(own)) if growing and best else 'Within tolerance'}"
            said = f"{text}; {self.enough(evidence)}."
            return self.said(status, reason, evidence, said, _Found(memory, best, own), memory)
        moved = blamed(own, self.policy.blame_rate) or _strongest(own)
        since = f", since about {best.place}" if best.place else ""
        text = f"Moved: {_words(self, memory, best, moved)}{since}; {self.enough(evidence)}."
        track = memory.tracks[self.turn.index]
        after = replace(memory, moved=moved, since=best.place, span=track.windows - best.first, track=self.turn.index)
        if self.policy.after_alarm is AfterAlarm.HOLD:
            after = replace(after, phase=Phase.ALARMED)
        else:
            after = _learning_from(after, best)
        reason = VerdictReason.EVIDENCE_REACHED_BUDGET
        return self.said(Status.DRIFT, reason, evidence, text, _Found(memory, best, own, moved), after)

    def held(self, memory: ConceptMemory) -> ConceptJudgement:
        """Say whether what moved is back: over as many windows as it took to be found."""
        track = memory.tracks[self.turn.index]
        span = [one for one in track.stretches if track.windows - one.first >= memory.span]
        recent = span[-1] if span else track.stretches[-1]
        values = {name: float(one[0]) for name, one in self.e_values(memory, [recent]).items()}
        own = {name: values[name] for name in memory.moved if name in values} or values
        average = math.fsum(own.values()) / len(own)
        if average < 1.0:
            text = f"Back within tolerance: {_words(self, memory, recent, memory.moved)}."
            fresh = ConceptMemory(reference=memory.reference, reference_windows=memory.reference_windows)
            return self.said(Status.OK, VerdictReason.WITHIN_TOLERANCE, 0.0, text, _Found(memory, recent), fresh)
        evidence = min(max(average, WARNING_SHARE * self.limit.value), LARGEST_SHARE * self.limit.value)
        # What else moved meanwhile is named, too.
        more = tuple(name for name, value in values.items() if value >= self.limit.value and name not in memory.moved)
        moved = tuple(sorted((*memory.moved, *more), key=lambda name: -values.get(name, 0.0)))
        since = f", since about {memory.since}" if memory.since else ""
        text = f"Still moved: {_words(self, memory, recent, moved)}{since}; {self.enough(evidence)}."
        after = replace(memory, moved=moved)
        found = _Found(memory, recent, own, moved)
        return self.said(Status.DRIFT, VerdictReason.STILL_DRIFTING, evidence, text, found, after)

    def learned(self, memory: ConceptMemory) -> ConceptJudgement:
        """Add the window to the new reference; the alert stays until that is known."""
        if memory.track == self.turn.index:
            reference = merged(memory.reference or {}, self.levels)
            memory = replace(memory, reference=reference, reference_windows=memory.reference_windows + 1)
        enough = memory.reference_windows >= LEARNED_WINDOWS and _rows(memory.reference) >= LEARNED_LABELS
        since = f" since about {memory.since}" if memory.since else ""
        if not enough:
            text = f"Learning the new level{since}: {memory.reference_windows} of {LEARNED_WINDOWS} windows."
            if memory.reference_windows >= LEARNED_WINDOWS:
                text = f"Learning the new level{since}: {_rows(memory.reference)} of {LEARNED_LABELS} labels."
            return self.unjudged(VerdictReason.LEARNING, text, memory)
        fresh = ConceptMemory(reference=memory.reference, reference_windows=memory.reference_windows)
        text = f"The level{since} is the new reference."
        return self.said(Status.OK, VerdictReason.WITHIN_TOLERANCE, 0.0, text, _Found(memory), fresh)

    def most_likely(self, memory: ConceptMemory) -> Stretch | None:
        """The stretch that holds most of the evidence of what is strongest."""
        track = memory.tracks[self.turn.index]
        names = _strongest(track.evidence)
        if not names or not track.stretches:
            return None
        held = self.e_values(memory, track.stretches)[names[0]] * [one.stake for one in track.stretches]
        return track.stretches[int(held.argmax())]

    def enough(self, evidence: float) -> str:
        """The evidence in words."""
        return f"evidence {_number(evidence)} of {_number(self.limit.value)}"

    def unjudged(self, reason: VerdictReason, text: str, memory: ConceptMemory) -> ConceptJudgement:
        """A window of which nothing is said."""
        own = _averaged(memory.tracks)
        evidence = math.fsum(own.values()) / len(own) if own else 0.0
        return self.said(Status.INSUFFICIENT_DATA, reason, evidence, text, _Found(memory), memory)

    def said(
        self, status: Status, reason: VerdictReason, evidence: float, text: str, found: _Found, after: ConceptMemory
    ) -> ConceptJudgement:
        """A judgement, and what to remember after it."""
        if status is Status.DRIFT and self.source is PerformanceSource.REFERENCE:
            text += " The reference quality is that of the reference's own rows; held-out rows would be surer."
        verdict = Verdict(
            kind=AlertKind.CONCEPT_DRIFT,
            status=status,
            reason=reason,
            evidence=evidence,
            limit=self.limit,
            columns=(self.column,) if status is Status.DRIFT else (),
            text=text,
        )
        return ConceptJudgement(findings=self.findings(found), verdict=verdict, memory=after)

    def findings(self, what: _Found) -> tuple[Finding, ...]:
        """One of each of what is watched: this window's level, and how the rows since the supposed change differ."""
        memory, stretch = what.memory, what.stretch
        if stretch is None:
            return ()
        found = []
        e_values = self.e_values(memory, [stretch])
        for name, before in self.reference(memory).items():
            level, since = self.levels.get(name, Level()), stretch.levels.get(name, Level())
            if level.n == 0 or since.n == 0:
                continue
            e_value = float(e_values[name][0])
            reach = TOLERANCE * math.sqrt(max(before.variance, 0.0))
            apart = level.mean - before.mean
            few = min(level.n, before.n) < FEWEST
            status = Status.INSUFFICIENT_DATA if few else Status.DRIFT if name in what.moved else Status.OK
            found.append(
                Finding(
                    kind=AlertKind.CONCEPT_DRIFT,
                    column=self.column,
                    statistic=name,
                    score=level.mean,
                    threshold=Threshold(value=before.mean + math.copysign(reach, apart), origin=ThresholdOrigin.FIXED),
                    p_value=min(1.0, 1.0 / max(e_value, 1e-300)),
                    e_value=e_value,
                    evidence=what.own.get(name, 0.0),
                    n_reference=before.n,
                    n_live=level.n,
                    status=status,
                    change=Change(direction=_direction(apart), text=moved_text(name, before, since)),
                    reason=_reason(status, beyond=abs(apart) > reach),
                )
            )
        return tuple(found)


def _learning_from(memory: ConceptMemory, stretch: Stretch) -> ConceptMemory:
    windows = memory.tracks[memory.track].windows - stretch.first
    return replace(memory, phase=Phase.LEARNING, reference=stretch.levels, reference_windows=windows, tracks=())


def _averaged(tracks: tuple[Track, ...]) -> dict[str, float]:
    """Of interleaved detectors the average."""
    names = dict.fromkeys(name for track in tracks for name in track.evidence)
    return {name: math.fsum(track.evidence.get(name, 0.0) for track in tracks) / len(tracks) for name in names}


def _strongest(own: Mapping[str, float]) -> tuple[str, ...]:
    return (max(own, key=lambda name: own[name]),) if own else ()


def _words(window: _Window, memory: ConceptMemory, stretch: Stretch, names: tuple[str, ...]) -> str:
    before = window.reference(memory)
    said = [
        moved_text(name, before[name], stretch.levels[name])
        for name in names
        if name in before and name in stretch.levels
    ]
    more = f"; and {len(said) - _SHOWN} more" if len(said) > _SHOWN else ""
    return "; ".join(said[:_SHOWN]) + more


def _rows(levels: Levels | None) -> int:
    return max((level.n for level in (levels or {}).values()), default=0)


def _direction(apart: float) -> Direction:
    return Direction.UP if apart > 0.0 else Direction.DOWN if apart < 0.0 else Direction.NONE


def _reason(status: Status, *, beyond: bool) -> FindingReason:
    if status is Status.INSUFFICIENT_DATA:
        return FindingReason.TOO_FEW_ROWS
    if status is Status.DRIFT:
        return FindingReason.CARRIES_THE_ALARM
    return FindingReason.TOO_LITTLE_EVIDENCE if beyond else FindingReason.WITHIN_THRESHOLD


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10.0 else f"{value:.2g}"
