"""The settings of a monitor: those of the service, with defaults that fit rows which are already there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from driftwatch.core.event_names import EventNames
from driftwatch.core.windows import format_length
from driftwatch.errors import SettingError
from driftwatch.settings import Settings, load_settings, setting_text

_ROWS = 1_000
_PER_WINDOWS = "1 per 1000 windows"
_NO_TIMES_HORIZON = timedelta(seconds=1_000_000)
"""Rows without times happen a second apart: a million of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody asked for: a service's file of settings, and settings by name that go before it."""

    config: Path | None = None
    options: Mapping[str, Any]

    def settings(self, names: EventNames | None = None) -> Settings:
        """The settings for events that have these columns.

        Where nothing was said about it: windows of events without times are of rows; a budget for windows of rows is
        in windows, and nothing is late for them; labels that come with their rows are not waited for; what comes late
        is looked at at once.

        Parameters
        ----------
        names
            Which columns there are. None while that is not known: as if there were all.

        Raises
        ------
        SettingError
            If a value cannot work, or windows of time were asked for and there are no times.
        """
        timed = names is None or names.event_time is not None
        late_labels = names is None or names.label_time is not None

        def defaults(written: Settings) -> dict[str, Any]:
            window = written.window if timed or "window" in written.model_fields_set else _ROWS
            counted = isinstance(window, int)
            if not counted and not timed:
                raise SettingError(
                    "windows of time need rows with times, and there is no column event_time.",
                    field="window",
                    remedy="Name the column of times, or ask for windows of rows, such as '1000 rows'.",
                )
            found: dict[str, Any] = {"window": window, "again_after": timedelta(0)}
            lateness = written.lateness
            if counted:
                found["false_alarms"] = _PER_WINDOWS
                if "lateness" not in written.model_fields_set:
                    found["lateness"] = lateness = timedelta(0)
            if not late_labels:
                found["label_wait"] = lateness
            if not timed:
                found["label_horizon"] = _NO_TIMES_HORIZON
            # What lies behind every window that may change is in the history.
            return found | {"windows_keep": timedelta(0), "slices_keep": timedelta(0)}

        return load_settings(self.config, defaults=defaults, **self.options)


_NOT_OF_JUDGING = (
    "data", "host", "port", "public_url", "tokens", "insecure", "tls_", "privacy", "webhook_", "max_", "spool_",
    "disk_", "file_", "log_", "cloudevents_", "windows_keep", "slices_keep", "duplicate_horizon", "ahead", "retry_",
    "measures",
)  # fmt: skip
"""How the names of settings begin that change nothing about what is said of a stream."""


def judging_settings(settings: Settings) -> dict[str, str]:
    """What decides how a stream is judged, as texts: settings of places, sizes and secrets are not among them."""
    names = [name for name in Settings.model_fields if not name.startswith(_NOT_OF_JUDGING)]
    found = {name: setting_text(getattr(settings, name)) for name in (*names, "max_segments")}
    for name in ("window", "slide", "slice"):
        length: timedelta | int | None = getattr(settings, name)
        found[name] = "" if length is None else format_length(length)
    policy = settings.retrain.model_dump_json(exclude_defaults=True)
    return found | {"retrain": "" if policy == "{}" else policy}


__all__ = ["Asked", "judging_settings"]
