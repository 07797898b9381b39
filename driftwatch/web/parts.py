"""What the web asks of the service that it stands in front of."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from driftwatch.pipeline.ingest import Ingest
from driftwatch.pipeline.operations import Operations
from driftwatch.pipeline.telemetry import Telemetry


class ServiceParts(Protocol):
    """The parts of a running service."""

    @property
    def ingest(self) -> Ingest:
        """Takes predictions and labels."""
        ...

    @property
    def operations(self) -> Operations:
        """Answers everything else."""
        ...

    @property
    def telemetry(self) -> Telemetry:
        """What the service counts about itself."""
        ...


class WebSettings(Protocol):
    """The settings that the web uses."""

    @property
    def data(self) -> Path:
        """The folder that exports are made in."""
        ...

    @property
    def max_body_bytes(self) -> int:
        """Largest request body, also after inflation."""
        ...

    @property
    def max_series(self) -> int:
        """Most series on the metrics page."""
        ...


__all__ = ["ServiceParts", "WebSettings"]
