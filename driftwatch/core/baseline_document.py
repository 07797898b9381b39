"""The JSON document of a baseline: canonical content with a version and a checksum, checked strictly when read."""

from __future__ import annotations

import hashlib
import json
import math
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from driftwatch.core.baseline import FORMAT_VERSION, Baseline, ColumnBaseline
from driftwatch.core.cells import Cells, NamedCells, NumericCells
from driftwatch.core.counting import with_psi_bins
from driftwatch.core.estimators.dle import LossModel
from driftwatch.core.moments import Moments
from driftwatch.core.natural import LossVariation, NaturalVariation
from driftwatch.core.performance import PerformanceSums
from driftwatch.core.profile import ColumnProfile, Profile
from driftwatch.core.records import ColumnKind, ColumnRole, Task
from driftwatch.core.reference_performance import PerformanceSource, ReferencePerformance
from driftwatch.core.schema import Column, Schema, SetAside
from driftwatch.errors import BaselineError

FORMAT = "driftwatch-baseline"

LARGEST_DOCUMENT_BYTES = 64 * 1024 * 1024
"""Longer documents are refused unread."""

_AGE_KIND = "datetime"
_LARGEST_CELLS = 10_000
_REFIT = "Fit it again with `driftwatch baseline fit`."


def written_baseline(baseline: Baseline) -> str:
    """The document of a baseline: one line of JSON, the same for the same baseline."""
    content = {
        "model": baseline.model,
        "model_version": baseline.model_version,
        "fitted_at": None if baseline.fitted_at is None else baseline.fitted_at.isoformat(),
        "n_rows": baseline.n_rows,
        "schema": _written_schema(baseline.schema),
        "columns": [_written_column(column) for column in baseline.columns.values()],
        "performance": _written_performance(baseline.performance),
        "natural": _written_natural(baseline.natural),
        "notices": list(baseline.notices),
    }
    if baseline.segments:
        content["segments"] = {name: _written_segment(part) for name, part in baseline.segments.items()}
    if baseline.loss_model is not None:
        content["loss_model"] = baseline.loss_model.to_document()
    if baseline.importance:
        content["importance"] = dict(baseline.importance)
    document = {
        "format": FORMAT,
        "format_version": baseline.format_version,
        "checksum": _checksum(content),
        "baseline": content,
    }
    return json.dumps(document, separators=(",", ":"), allow_nan=False)


def read_baseline(text: str | bytes) -> Baseline:
    """The baseline of a document.

    Raises
    ------
    BaselineError
        If the document is of another kind or version, cut short, altered, or holds what cannot be.
    """
    if len(text) > LARGEST_DOCUMENT_BYTES:
        raise BaselineError(f"the document has {len(text):,} bytes; no baseline has that many.", remedy=_REFIT)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise BaselineError(
            "the document is not whole JSON: it was cut short, or is no baseline.", remedy=f"Copy it again. {_REFIT}"
        ) from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise BaselineError(
            "the document is no driftwatch baseline.", field="format", remedy="Give what `baseline fit` wrote."
        )
    version = document.get("format_version")
    if version != FORMAT_VERSION:
        raise BaselineError(
            f"the baseline is of format version {version!r}; this driftwatch reads version {FORMAT_VERSION}.",
            field="format_version",
            remedy=f"Use the driftwatch that wrote it. {_REFIT}",
        )
    content = document.get("baseline")
    if not isinstance(content, dict) or document.get("checksum") != _checksum(content):
        raise BaselineError(
            "the baseline was altered: its checksum does not fit.", field="checksum", remedy=f"Copy it again. {_REFIT}"
        )
    if not _is_unicode(text, content):
        raise BaselineError("the baseline holds a text that is no Unicode (half of a surrogate pair).", remedy=_REFIT)
    try:
        return _read_content(content)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BaselineError(f"the baseline holds what cannot be: {error}.", remedy=_REFIT) from error


def _is_unicode(text: str | bytes, content: Mapping[str, Any]) -> bool:
    r"""Whether every text of it can be written: JSON may name half a surrogate pair, as ``"\\ud800"``."""
    plain = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if plain.isascii() and b"\\ud" not in plain and b"\\uD" not in plain:
        return True
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _checksum(content: Mapping[str, Any]) -> str:
    """SHA-256 over the content as JSON with sorted keys and no spaces."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def _written_schema(schema: Schema) -> dict[str, Any]:
    written: dict[str, Any] = {
        "task": schema.task.value,
        "label": schema.label,
        "prediction": schema.prediction,
        "scores": list(schema.scores),
        "timestamp": schema.timestamp,
        "classes": list(schema.classes),
        "set_aside": [{"name": aside.name, "reason": aside.reason} for aside in schema.set_aside],
    }
    if schema.values:
        written["values"] = [list(row) for row in schema.values]
    return written


def _written_column(baseline: ColumnBaseline) -> dict[str, Any]:
    column, cells = baseline.column, baseline.cells
    written: dict[str, Any] = {"name": column.name, "kind": column.kind_text, "role": column.role.value}
    if isinstance(cells, NumericCells):
        written["edges"] = cells.edges.tolist()
        written["psi_starts"] = baseline.psi_starts.tolist()
    else:
        written["names"] = list(cells.names)
        written["rare"] = list(cells.rare)
    written["counts"] = baseline.counts.tolist()
    if baseline.moments is not None:
        written["moments"] = baseline.moments.to_document()
    return written


def _written_performance(performance: ReferencePerformance | None) -> dict[str, Any] | None:
    if performance is None:
        return None
    return {"source": performance.source.value, "sums": performance.sums.to_document()}


def _written_natural(natural: NaturalVariation) -> dict[str, Any]:
    return {
        "distances": {
            str(duration): {name: dict(sorted(found.items())) for name, found in sorted(columns.items())}
            for duration, columns in natural.distances.items()
        },
        "windows": {str(duration): n for duration, n in natural.windows.items()},
        "loss": {
            str(duration): {
                "deviation": loss.deviation,
                "of_reference": loss.of_reference,
                "windows": loss.windows,
            }
            for duration, loss in natural.loss.items()
        },
    }


def _written_segment(part: Baseline) -> dict[str, Any]:
    """A segment's rows as a profile over the cells of all rows."""
    columns = {name: ColumnProfile(column.counts, column.moments) for name, column in part.columns.items()}
    profile = Profile(part.n_rows, columns, part.layout)
    return {
        "profile": b64encode(profile.to_bytes()).decode(),
        "performance": _written_performance(part.performance),
        "natural": _written_natural(part.natural),
    }


def _with_segments(whole: Baseline, written: Mapping[str, Any]) -> Baseline:
    return replace(whole, segments={_text(name): _read_segment(whole, part) for name, part in written.items()})


def _read_segment(whole: Baseline, written: Mapping[str, Any]) -> Baseline:
    profile = Profile.from_bytes(whole, b64decode(_text(written["profile"]), validate=True))
    _require(profile.n_rows <= whole.n_rows, "a segment has more rows than the reference")
    columns = {
        name: with_psi_bins(replace(column, counts=found.counts, moments=found.moments))
        for (name, column), found in zip(whole.columns.items(), profile.columns.values(), strict=True)
    }
    return replace(
        whole,
        n_rows=profile.n_rows,
        columns=columns,
        performance=_read_performance(written["performance"], whole.schema),
        natural=_read_natural(written["natural"]),
        notices=(),
    )


def _read_content(content: dict[str, Any]) -> Baseline:
    columns = [_read_column(written) for written in _items(content["columns"])]
    by_name = {column.column.name: column for column in columns}
    _require(0 < len(columns) == len(by_name), "columns are missing or named twice")
    schema = _read_schema(content["schema"], tuple(column.column for column in columns))
    n_rows = _count(content["n_rows"])
    _require(all(column.n <= n_rows for column in columns), "a column has more rows than the reference")
    fitted_at = content["fitted_at"]
    whole = Baseline(
        model=_text(content["model"]),
        model_version=_text(content["model_version"]),
        schema=schema,
        n_rows=n_rows,
        columns=by_name,
        performance=_read_performance(content["performance"], schema),
        natural=_read_natural(content["natural"]),
        importance=_read_importance(content.get("importance", {}), schema),
        fitted_at=None if fitted_at is None else datetime.fromisoformat(fitted_at),
        loss_model=_read_loss_model(content.get("loss_model"), by_name, schema),
        notices=tuple(_text(notice) for notice in _items(content["notices"])),
    )
    return _with_segments(whole, content.get("segments", {}))


def _read_schema(written: dict[str, Any], columns: tuple[Column, ...]) -> Schema:
    schema = Schema(
        task=Task(written["task"]),
        columns=columns,
        label=_optional_text(written["label"]),
        prediction=_optional_text(written["prediction"]),
        scores=tuple(_text(name) for name in _items(written["scores"])),
        timestamp=_optional_text(written["timestamp"]),
        classes=tuple(_text(name) for name in _items(written["classes"])),
        set_aside=tuple(
            SetAside(name=_text(aside["name"]), reason=_text(aside["reason"])) for aside in _items(written["set_aside"])
        ),
        values=tuple(tuple(map(float, _items(row))) for row in _items(written.get("values", []))),
    )
    size = len(schema.classes)
    square = not schema.values or (len(schema.values) == size and all(len(row) == size for row in schema.values))
    finite = all(math.isfinite(value) for row in schema.values for value in row)
    _require(square and finite, "the values of predictions do not fit the classes")
    named: dict[ColumnRole, set[str | None]] = {
        ColumnRole.LABEL: {schema.label},
        ColumnRole.PREDICTION: {schema.prediction},
        ColumnRole.SCORE: set(schema.scores),
    }
    for role, names in named.items():
        held = {column.name for column in columns if column.role is role}
        _require(held == names - {None}, f"the {role.value} is not a column of it")
    return schema


def _read_column(written: dict[str, Any]) -> ColumnBaseline:
    name = _text(written["name"])
    is_age = written["kind"] == _AGE_KIND
    kind = ColumnKind.NUMERIC if is_age else ColumnKind(written["kind"])
    column = Column(name=name, kind=kind, role=ColumnRole(written["role"]), is_age=is_age)
    counts = np.array([_count(count) for count in _items(written["counts"])], dtype=np.int64)
    cells: Cells
    moments = None
    if column.kind is ColumnKind.NUMERIC:
        edges = np.array([float(edge) for edge in _items(written["edges"])], dtype=np.float64)
        _require(bool(np.isfinite(edges).all() and (np.diff(edges) > 0).all()), f"edges of {name!r} do not ascend")
        cells = NumericCells(edges)
        starts = np.array([_count(start) for start in _items(written["psi_starts"])], dtype=np.intp)
        moments = Moments.from_document(written["moments"])
        _require(moments.count == int(counts[: cells.n_cells].sum()), f"moments of {name!r} do not fit its counts")
    else:
        names = tuple(_text(item) for item in _items(written["names"]))
        rare = tuple(_text(item) for item in _items(written["rare"]))
        _require(len({*names, *rare}) == len(names) + len(rare), f"names of {name!r} repeat")
        cells = NamedCells(names, rare)
        starts = np.arange(cells.n_cells, dtype=np.intp)
    _require(len(counts) == cells.n_counts, f"counts of {name!r} do not fit its cells")
    ascending = len(starts) > 0 and starts[0] == 0 and (np.diff(starts) > 0).all() and starts[-1] < cells.n_cells
    _require(bool(ascending), f"PSI bins of {name!r} do not fit its cells")
    return ColumnBaseline(column=column, cells=cells, counts=counts, moments=moments, psi_starts=starts)


def _read_performance(written: dict[str, Any] | None, schema: Schema) -> ReferencePerformance | None:
    if written is None:
        return None
    sums = PerformanceSums.from_document(written["sums"])
    _require((sums.task, sums.classes) == (schema.task, schema.classes), "the performance is of another task")
    return ReferencePerformance(sums=sums, source=PerformanceSource(written["source"]))


def _read_natural(written: dict[str, Any]) -> NaturalVariation:
    return NaturalVariation(
        distances={
            int(duration): {
                _text(column): {_text(statistic): _distance(value) for statistic, value in found.items()}
                for column, found in columns.items()
            }
            for duration, columns in written["distances"].items()
        },
        windows={int(duration): _count(n) for duration, n in written["windows"].items()},
        loss={
            int(duration): LossVariation(
                deviation=_distance(loss["deviation"]),
                of_reference=_distance(loss["of_reference"]),
                windows=_count(loss["windows"]),
                duration_seconds=float(int(duration)),
            )
            for duration, loss in written["loss"].items()
        },
    )


def _read_importance(written: dict[str, Any], schema: Schema) -> dict[str, float]:
    features = {column.name for column in schema.columns if column.role is ColumnRole.FEATURE}
    shares = {_text(name): _distance(value) for name, value in written.items()}
    _require(features >= shares.keys(), "an importance is of no feature")
    _require(not shares or abs(sum(shares.values()) - 1.0) < 1e-6, "the importance does not add up to 1")
    return shares


def _read_loss_model(written: Any, columns: Mapping[str, ColumnBaseline], schema: Schema) -> LossModel | None:
    if written is None:
        return None
    model = LossModel.from_document(written, columns)
    _require(schema.task is Task.REGRESSION, "a loss model is of another task")
    features = {column.name for column in schema.features}
    _require(features.issuperset(model.features), "a loss model looks at what is no feature")
    return model


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise ValueError(problem)


def _items(value: Any) -> list[Any]:
    _require(isinstance(value, list) and len(value) <= _LARGEST_CELLS, "a list is missing or too long")
    return list(value)


def _text(value: Any) -> str:
    _require(isinstance(value, str), f"{value!r} is no text")
    return str(value)


def _optional_text(value: Any) -> str | None:
    return None if value is None else _text(value)


def _count(value: Any) -> int:
    _require(isinstance(value, int) and 0 <= value < 2**62, f"{value!r} is no count")
    return int(value)


def _distance(value: Any) -> float:
    number = float(value)
    _require(0.0 <= number < float("inf"), f"{value!r} is no distance")
    return number
