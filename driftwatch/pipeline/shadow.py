"""Stage 4: compare shadow versions with the live one, request by request.

A shadow's prediction has the ``prediction_id`` of the live version's, and the shadow's ``model_version``. It is part of
no window: it is logged, compared, and nothing else.

Two joins do it, of the kind that labels have (`driftwatch.ports.LabelJoin`): the shadow's predictions meet the live
version's like labels, whichever comes first; and the pairs then wait for the label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from driftwatch.core.baseline import Baseline
from driftwatch.core.events import LabelBatch, PredictionBatch, joined_labels
from driftwatch.core.records import Task
from driftwatch.core.shadow import Estimate, PairSums
from driftwatch.core.table import Names, Numbers, Values, name_of
from driftwatch.pipeline.shadow_ids import shadow_id
from driftwatch.pipeline.work import Work
from driftwatch.ports import JoinedLabels, Outstanding, StateReader, VersionRole

_DOCUMENT = "shadow:"
_PAIRS, _TRUTH = "\x1fpairs\x1f", "\x1ftruth\x1f"
"""No model's name has such a letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowComparison:
    """A shadow version beside a live one, on requests that both answered.

    ``agreement``, ``mean_distance`` and ``mean_gain`` are as `driftwatch.core.shadow.PairSums` says.
    """

    model: str
    model_version: str
    live_version: str
    is_shadow: bool
    pairs: int
    agreement: Estimate
    mean_distance: float
    labelled: int
    mean_gain: Estimate


def compare_shadows(work: Work) -> None:
    """Pair the step's predictions with those of the other side, and let the pairs meet their labels."""
    for batch in work.predictions():
        for version in work.baselines.shadows(batch.model):
            rows = _outstanding(batch.prediction_ids, batch.model_version, batch.event_time, _live(work, batch))
            if rows is not None:
                for joined in work.transaction.add_outstanding(f"{batch.model}{_PAIRS}{version}", rows):
                    _add_pairs(work, batch.model, version, list(batch.prediction_ids), joined)
    for batch in work.shadow_predictions():
        predicted = batch.columns.columns.get(batch.prediction or "")
        if predicted is None:
            continue
        model, version = batch.model, batch.model_version
        prefix = len(shadow_id(version, ""))
        ids = tuple(one[prefix:] for one in batch.prediction_ids)
        labels = LabelBatch(
            model=f"{model}{_PAIRS}{version}", prediction_ids=ids, event_time=batch.event_time, labels=predicted
        )
        for joined in work.transaction.join_labels(labels):
            _add_pairs(work, model, version, list(ids), joined)
        work.tally.count("shadow_predictions_total", len(ids), model=model, model_version=version)
    _join_labels(work)


def comparisons(reader: StateReader, model: str) -> dict[tuple[str, str], PairSums]:
    """What is known of a model's shadows, by shadow and live version."""
    found = {}
    for name, text in reader.documents(f"{_DOCUMENT}{model}:").items():
        _, _, versions = name.removeprefix(_DOCUMENT).partition(":")
        shadow, _, live = versions.partition("\x1f")
        found[shadow, live] = PairSums.from_json(text)
    return found


def shadow_comparisons(reader: StateReader, model: str) -> list[ShadowComparison]:
    """How a model's shadow versions compare with the live ones, the newest live one first."""
    known = comparisons(reader, model)
    if not known:
        return []
    stored = reader.baselines(model)
    order = {one.model_version: place for place, one in enumerate(stored)}
    roles = {one.model_version: one.role for one in stored}
    found = sorted(known.items(), key=lambda item: [-order.get(one, -1) for one in item[0][::-1]])
    return [
        ShadowComparison(
            model=model,
            model_version=shadow,
            live_version=live,
            is_shadow=roles.get(shadow) is VersionRole.SHADOW,
            pairs=sums.pairs,
            agreement=sums.agreement(),
            mean_distance=sums.mean_distance(),
            labelled=sums.labelled,
            mean_gain=sums.mean_gain(),
        )
        for (shadow, live), sums in found
    ]


def joins_of(reader: StateReader, model: str) -> list[str]:
    """The names of the joins of a model's shadows, for forgetting what waits too long."""
    versions = dict.fromkeys(shadow for shadow, _ in comparisons(reader, model))
    return [f"{model}{kind}{version}" for version in versions for kind in (_PAIRS, _TRUTH)]


def _join_labels(work: Work) -> None:
    batches: dict[str, list[LabelBatch]] = {}
    for entry in work.entries:
        if isinstance(entry.batch, LabelBatch) and work.baselines.shadows(entry.batch.model):
            batches.setdefault(entry.batch.model, []).append(entry.batch)
    for model, parts in batches.items():
        labels = joined_labels(parts)
        for version in work.baselines.shadows(model):
            for joined in work.transaction.join_labels(replace(labels, model=f"{model}{_TRUTH}{version}")):
                _add_labelled(work, model, version, joined)


def _add_pairs(work: Work, model: str, version: str, ids: list[str], joined: JoinedLabels) -> None:
    """Count pairs, and let them wait for their labels."""
    live = work.baseline(model, joined.model_version)
    ours, theirs = joined.values[:, 0], _coded(live, joined.labels)
    task = live.schema.task
    sums = PairSums.of_pairs(task, ours, theirs)
    before = np.flatnonzero(_is_known(joined.replaced))
    if len(before):
        sums -= PairSums.of_pairs(task, ours[before], _coded(live, joined.replaced)[before])
    _keep(work, model, version, joined.model_version, sums)
    pair_ids = [ids[row] for row in joined.rows.tolist()]
    values = np.column_stack([ours, theirs])
    rows = _outstanding(pair_ids, joined.model_version, joined.event_time, values)
    if rows is not None:
        for labelled in work.transaction.add_outstanding(f"{model}{_TRUTH}{version}", rows):
            _add_labelled(work, model, version, labelled)


def _add_labelled(work: Work, model: str, version: str, joined: JoinedLabels) -> None:
    """Count labels of pairs; a correction takes the place of what it corrects."""
    live = work.baseline(model, joined.model_version)
    ours, theirs, task = joined.values[:, 0], joined.values[:, 1], live.schema.task
    sums = PairSums.of_labels(task, ours, theirs, _coded(live, joined.labels))
    before = np.flatnonzero(_is_known(joined.replaced))
    if len(before):
        sums -= PairSums.of_labels(task, ours[before], theirs[before], _coded(live, joined.replaced)[before])
    _keep(work, model, version, joined.model_version, sums)


def _keep(work: Work, model: str, shadow: str, live: str, sums: PairSums) -> None:
    name = f"{_DOCUMENT}{model}:{shadow}\x1f{live}"
    before = work.transaction.document(name)
    total = sums if before is None else PairSums.from_json(before) + sums
    work.transaction.put_document(name, total.to_json())


def _live(work: Work, batch: PredictionBatch) -> NDArray[np.float64] | None:
    baseline = work.baseline(batch.model, batch.model_version)
    predicted = batch.columns.columns.get(baseline.schema.prediction or "")
    return None if predicted is None else _coded(baseline, predicted)[:, np.newaxis]


def _outstanding(
    ids: Sequence[str], model_version: str, event_time: NDArray[np.int64], values: NDArray[np.float64] | None
) -> Outstanding | None:
    if values is None or not len(values):
        return None
    return Outstanding(
        prediction_ids=tuple(ids),
        model_version=model_version,
        segments=Names.of([""] * len(values)),
        event_time=event_time,
        values=values,
    )


def _coded(live: Baseline, values: Values) -> NDArray[np.float64]:
    """Numbers as they are, names as positions among the live version's classes: -1 for another, ``nan`` for none."""
    if live.schema.task is Task.REGRESSION:
        if isinstance(values, Numbers):
            return values.values
        return Numbers(np.array([*map(_number, values.names), np.nan])[values.codes]).values
    if isinstance(values, Names):
        names = values
    else:
        names = Names.of([None if one is None else name_of(one) for one in values.to_list()])
    codes = names.recoded(live.schema.classes).astype(np.float64)
    codes[codes == len(live.schema.classes)] = -2.0
    codes[codes == -1.0] = np.nan
    codes[codes == -2.0] = -1.0
    return codes


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def _is_known(values: Values) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = values.codes >= 0 if isinstance(values, Names) else ~np.isnan(values.values)
    return found


__all__ = ["ShadowComparison", "compare_shadows", "comparisons", "joins_of", "shadow_comparisons"]
