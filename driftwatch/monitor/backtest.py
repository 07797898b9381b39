"""What would have been alerted and asked for, over events of the past, under some settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from driftwatch.core.baseline import Baseline
from driftwatch.core.event_names import EventNames
from driftwatch.core.history import History
from driftwatch.monitor.monitor import Monitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Settings to try: a service's file, and settings by name that go before it."""

    name: str
    config: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def backtest(
    baseline: Baseline,
    frames: Iterable[Any],
    runs: Sequence[Run],
    *,
    columns: EventNames | None = None,
    known_changes: Sequence[int | datetime] = (),
    on_rows: Callable[[int], object] = lambda rows: None,
) -> tuple[History, ...]:
    """Let monitors go over events, all of them at once: the events are read once, and never held together.

    Parameters
    ----------
    baseline
        What the model was trained on.
    frames
        The events in their order, in parts.
    runs
        The settings to try.
    columns
        Which column is what, where the names are no usual ones.
    known_changes
        Rows (from 0) or times at which something is known to have changed.
    on_rows
        Told how many rows went by.

    Returns
    -------
    tuple of History
        One a run.

    Raises
    ------
    InputError
        If the events or the settings cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(2)
    >>> baseline = Baseline.fit({"x": rng.normal(size=4_000)})
    >>> frames = [{"x": rng.normal(size=2_000)}, {"x": rng.normal(1.0, size=1_000)}]
    >>> runs = [Run(name=window, options={"window": window}) for window in ("100 rows", "500 rows")]
    >>> for history in backtest(baseline, frames, runs, known_changes=[2_000]):
    ...     found = history.detections()[0]
    ...     print(history.name, len(history.windows), found.kind.value, found.delay_rows)
    100 rows 30 feature_drift 100
    500 rows 6 feature_drift 500
    """
    monitors = [
        Monitor(baseline, config=run.config, columns=columns, known_changes=known_changes, **run.options)
        for run in runs
    ]
    try:
        for frame in frames:
            for monitor in monitors:
                monitor.update(frame)
            on_rows(monitors[0].rows)
        for monitor in monitors:
            monitor.finish()
        return tuple(one.history(run.name) for one, run in zip(monitors, runs, strict=True))
    finally:
        for monitor in monitors:
            monitor.close()


__all__ = ["Run", "backtest"]
