"""A guard's series as a file of Prometheus metrics, which the node exporter's textfile collector reads.

A training is no service that can be scraped, and may end between two scrapes: the file keeps its last words. It appears
whole each time.
"""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

from driftwatch.errors import FileError, InputError
from driftwatch.training.guard import GuardStatus, StopReason

_SUFFIX = ".prom"
_LABEL = re.compile(r"[\x00-\x1f\x7f]")


class MetricsFile:
    """Writes a guard's status to a file, at most so often; give it to the guard as ``on_step``.

    The metrics, all labelled ``model``: ``driftwatch_training_steps_total``, ``driftwatch_training_loss``,
    ``driftwatch_training_gradient_norm``, ``driftwatch_training_clipped_steps_total``,
    ``driftwatch_training_stopped{reason}`` (1 for the reason, else 0) and
    ``driftwatch_training_last_step_timestamp_seconds``.

    Parameters
    ----------
    path
        Ends in ``.prom``; its folder is there.
    model
        The label's value.
    every_seconds
        How long to wait between two writes; a stop is written at once.

    Raises
    ------
    InputError
        If the name does not end in ``.prom``, which the collector asks for.
    FileError
        From the constructor, if the file cannot be written. Later a disk that fails stops no training: `failed` says
        so.
    """

    def __init__(
        self,
        path: str | Path,
        model: str,
        *,
        every_seconds: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path = Path(path)
        if self._path.suffix != _SUFFIX:
            raise InputError("must end in .prom.", field=str(path), remedy="The collector reads no other files.")
        self._model = _LABEL.sub(" ", model).replace("\\", "\\\\").replace('"', '\\"')
        self._every = every_seconds
        self._monotonic, self._now = monotonic, now
        self._due = -math.inf
        self.failed: OSError | None = None
        nothing = GuardStatus(steps=0, loss=math.nan, grad_norm=math.nan, clipped=0, stopped=None)
        try:
            self._write(nothing)
        except OSError as error:
            raise FileError(f"cannot be written ({error.strerror}).", field=str(path)) from None

    def __call__(self, status: GuardStatus) -> None:
        """Write the status, if it is time."""
        if self._monotonic() >= self._due or status.stopped is not None:
            self._due = self._monotonic() + self._every
            self.write(status)

    def write(self, status: GuardStatus) -> None:
        """Write the status now: at the end of a training."""
        try:
            self._write(status)
        except OSError as error:
            self.failed = error

    def _write(self, status: GuardStatus) -> None:
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            beside.write_text(self.text(status), encoding="utf-8")
            beside.replace(self._path)
        finally:
            beside.unlink(missing_ok=True)

    def text(self, status: GuardStatus) -> str:
        """The metrics in the Prometheus text format."""
        label = f'model="{self._model}"'
        lines = [
            *_metric("steps_total", "counter", "Steps of the training so far.", [(label, status.steps)]),
            *_metric("loss", "gauge", "Loss of the latest step.", [(label, status.loss)]),
            *_metric("gradient_norm", "gauge", "Norm of the latest gradient.", [(label, status.grad_norm)]),
            *_metric("clipped_steps_total", "counter", "Steps whose gradient was clipped.", [(label, status.clipped)]),
            *_metric(
                "stopped",
                "gauge",
                "Whether the guard stopped the training, by reason.",
                [(f'{label},reason="{one.value}"', int(one is status.stopped)) for one in StopReason],
            ),
            *_metric("last_step_timestamp_seconds", "gauge", "When this was written.", [(label, self._now())]),
        ]
        return "\n".join(lines) + "\n"


def _metric(name: str, kind: str, text: str, values: list[tuple[str, float]]) -> list[str]:
    full = f"driftwatch_training_{name}"
    return [
        f"# HELP {full} {text}",
        f"# TYPE {full} {kind}",
        *(f"{full}{{{labels}}} {_number(value)}" for labels, value in values),
    ]


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return repr(value) if math.isfinite(value) else ("+Inf" if value > 0 else "-Inf")
