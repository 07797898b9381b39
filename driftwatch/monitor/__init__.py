"""The service's own pipeline in one process, without a server: `Monitor`."""

from driftwatch.core.history import AlertPoint, TriggerPoint, WindowPoint
from driftwatch.monitor.monitor import Monitor

__all__ = ["AlertPoint", "Monitor", "TriggerPoint", "WindowPoint"]
