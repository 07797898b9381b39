"""What the web asks of the service that it stands in front of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from driftwatch.pipeline.ingest import Ingest
from driftwatch.pipeline.operations import Operations
from driftwatch.pipeline.pairing import Pairing
from driftwatch.pipeline.telemetry import Telemetry
from driftwatch.web.tokens import Token


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
    def pairing(self) -> Pairing | None:
        """Takes what model servers' loggers send; None where nothing does."""
        ...

    @property
    def telemetry(self) -> Telemetry:
        """What the service counts about itself."""
        ...


class KnownToken(Protocol):
    """A token among the settings."""

    def token(self) -> Token:
        """What the web knows of it."""
        ...


class WebSettings(Protocol):
    """The settings that the web uses."""

    @property
    def data(self) -> Path:
        """The folder that exports are made in."""
        ...

    @property
    def tokens(self) -> Sequence[KnownToken]:
        """The tokens that are good; none for a service of this machine."""
        ...

    @property
    def insecure(self) -> bool:
        """Whether a service without tokens answers to any name."""
        ...

    @property
    def public_url(self) -> str:
        """Where people reach it; empty for host and port."""
        ...

    @property
    def max_body_bytes(self) -> int:
        """Largest request body, also after inflation."""
        ...

    @property
    def max_series(self) -> int:
        """Most series on the metrics page."""
        ...

    @property
    def measures(self) -> Sequence[str]:
        """Measures of quality on the metrics page."""
        ...


__all__ = ["KnownToken", "ServiceParts", "WebSettings"]
