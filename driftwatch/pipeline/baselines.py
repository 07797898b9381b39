"""Parsed baselines, by model and version."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import replace

from driftwatch.core.baseline import Baseline
from driftwatch.core.performance.business_value import value_matrix
from driftwatch.errors import UnknownModel, UnknownVersion
from driftwatch.ports import State, StateReader, VersionRole, current_of

_LOGGER = logging.getLogger(__name__)

Values = Mapping[str, Mapping[str, float]]
"""What predictions are worth, by label, then prediction."""


class Baselines:
    """Every registered baseline, parsed once: a version's document never changes after it was registered.

    ``values`` are what predictions are worth, by model, label and prediction.
    """

    def __init__(self, state: State, values: Mapping[str, Values] | None = None) -> None:
        self._state = state
        self._values = values or {}
        self._parsed: dict[tuple[str, str], Baseline] = {}
        self._current: dict[str, str] = {}
        self._shadows: dict[str, tuple[str, ...]] = {}
        self._were_shadows: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def get(self, model: str, model_version: str | None = None, *, reader: StateReader | None = None) -> Baseline:
        """The baseline of a version, of the one registered last without ``model_version``.

        Inside a transaction, pass it as ``reader``.

        Raises
        ------
        UnknownModel, UnknownVersion
        """
        wanted = model_version if model_version is not None else self._current.get(model)
        if wanted is not None and (model, wanted) in self._parsed:
            return self._parsed[model, wanted]
        if reader is not None:
            self._read(model, reader)
        else:
            with self._state.read() as fresh:
                self._read(model, fresh)
        wanted = model_version if model_version is not None else self._current.get(model)
        if wanted is None:
            raise UnknownModel(model)
        try:
            return self._parsed[model, wanted]
        except KeyError:
            raise (UnknownVersion(model, wanted) if model in self._current else UnknownModel(model)) from None

    def read_all(self) -> None:
        """Parse what is registered, so that the first event of a model does not wait for it."""
        with self._state.read() as reader:
            for model in reader.models():
                self._read(model, reader)

    def shadows(self, model: str) -> tuple[str, ...]:
        """The versions of a model that are shadows now; none of a model that was not asked for yet."""
        return self._shadows.get(model, ())

    def was_shadow(self, model: str, model_version: str) -> bool:
        """Whether a version is a shadow, or was one in the life of this process."""
        return (model, model_version) in self._were_shadows

    def forget_current(self, model: str) -> None:
        """Look up anew which version is current: call it after a registration."""
        with self._lock:
            self._current.pop(model, None)

    def _valued(self, baseline: Baseline) -> Baseline:
        """The baseline with what the settings say that predictions are worth, in place of what it says itself."""
        values = self._values.get(baseline.model)
        if values is None:
            return baseline
        try:
            matrix = value_matrix(values, baseline.schema.classes)
        except ValueError as error:
            _LOGGER.warning(
                "model %s %s: the setting values is left out: %s", baseline.model, baseline.model_version, error
            )
            return baseline
        return replace(baseline, schema=replace(baseline.schema, values=matrix))

    def _read(self, model: str, reader: StateReader) -> None:
        stored = reader.baselines(model)
        with self._lock:
            for one in stored:
                if (model, one.model_version) not in self._parsed:
                    self._parsed[model, one.model_version] = self._valued(Baseline.from_json(one.document))
            if stored:
                self._current[model] = current_of(stored).model_version
                shadows = tuple(one.model_version for one in stored if one.role is VersionRole.SHADOW)
                self._shadows[model] = shadows
                self._were_shadows.update((model, one) for one in shadows)
