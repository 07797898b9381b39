"""Traffic goes to the new version by the user's own command: no shell, what was promoted on its standard input."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import msgspec

from driftwatch.errors import TrainingFailed

_LAST_WORDS = 500


class Promotion(msgspec.Struct, frozen=True, kw_only=True):
    """What the command is told."""

    model: str
    model_version: str
    former_version: str | None
    folder: str
    file: str
    sha256: str
    retrain_id: str | None
    reason: str


def run_switch(command: Sequence[str], promotion: Promotion, timeout: timedelta, folder: Path) -> None:
    """Run the command in a folder, and wait for it.

    Parameters
    ----------
    command
        A program and its arguments, as they are; no shell sees them.
    promotion
        Written to its standard input as JSON.
    timeout
        Then it is killed.
    folder
        Where it runs.

    Raises
    ------
    TrainingFailed
        If it cannot be started, takes too long, or ends with another exit code than 0.
    """
    try:
        done = subprocess.run(  # noqa: S603 - the recipe's author chose the program; no shell reads the arguments
            list(command),
            input=msgspec.json.encode(promotion),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout.total_seconds(),
            cwd=folder,
            check=False,
        )
    except OSError as error:
        raise TrainingFailed(
            f"The switch {command[0]!r} cannot be run ({error.strerror}). Check output.switch."
        ) from None
    except subprocess.TimeoutExpired:
        raise TrainingFailed(
            f"The switch {command[0]!r} took more than {timeout.total_seconds():g} s and was ended. "
            "Check which version is live."
        ) from None
    if done.returncode != 0:
        said = " ".join(done.stdout[-_LAST_WORDS:].decode(errors="replace").split())
        raise TrainingFailed(
            f"The switch {command[0]!r} ended with exit code {done.returncode}: {said} Check which version is live."
        )
