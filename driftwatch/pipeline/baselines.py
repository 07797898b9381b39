"""Parsed baselines, by model and version."""

from __future__ import annotations

import threading

from driftwatch.core.baseline import Baseline
from driftwatch.errors import UnknownModel, UnknownVersion
from driftwatch.ports import State, StateReader, current_of


class Baselines:
    """Every registered baseline, parsed once: a version's document never changes after it was registered."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._parsed: dict[tuple[str, str], Baseline] = {}
        self._current: dict[str, str] = {}
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

    def forget_current(self, model: str) -> None:
        """Look up anew which version is current: call it after a registration."""
        with self._lock:
            self._current.pop(model, None)

    def _read(self, model: str, reader: StateReader) -> None:
        stored = reader.baselines(model)
        with self._lock:
            for one in stored:
                if (model, one.model_version) not in self._parsed:
                    self._parsed[model, one.model_version] = Baseline.from_json(one.document)
            if stored:
                self._current[model] = current_of(stored).model_version
