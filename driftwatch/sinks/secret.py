"""Secrets of sinks: named in the configuration, and kept in files or the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from driftwatch.errors import SettingError, SinkUnavailable

_LONGEST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret is found. It is read whenever it is needed: a file may be replaced while the service runs.

    Its text is in no ``repr``, and is to be in no message.

    Attributes
    ----------
    name
        What the configuration calls it.
    file, variable
        A file, or an environment variable.

    Examples
    --------
    >>> os.environ["TOKEN_OF_AN_EXAMPLE"] = "abc"
    >>> Secret("token", variable="TOKEN_OF_AN_EXAMPLE").text()
    'abc'
    """

    name: str
    file: Path | None = None
    variable: str | None = None

    def text(self) -> str:
        """The secret, without white space around it.

        Raises
        ------
        SinkUnavailable
            It is not there, or is no text: somebody may put it there later.
        """
        if self.file is None:
            found = os.environ.get(self.variable or "", "")
        else:
            try:
                with self.file.open("rb") as opened:
                    found = opened.read(_LONGEST_BYTES).decode()
            except (OSError, UnicodeDecodeError):
                raise SinkUnavailable(f"{self.name}_file cannot be read.") from None
        found = found.strip()
        if not found:
            raise SinkUnavailable(f"{self.name} is empty.")
        return found

    def header_value(self) -> str:
        """The secret, if it can be in a header.

        Raises
        ------
        SinkUnavailable
            It is not there, or has other characters than visible ASCII.
        """
        found = self.text()
        if not (found.isascii() and found.isprintable()):
            raise SinkUnavailable(f"{self.name} has characters that no header may have.")
        return found


def needed(secret: Secret | None, name: str) -> Secret:
    """The secret, which must be there when the service starts.

    Raises
    ------
    SettingError
        It is not configured, or cannot be read.
    """
    if secret is None:
        raise SettingError(
            "is missing.", field=f"{name}_file", remedy=f"Name a file, or an environment variable as {name}_env."
        )
    try:
        secret.text()
    except SinkUnavailable as error:
        where = f"the file {secret.file}" if secret.file is not None else f"the environment variable {secret.variable}"
        raise SettingError(str(error), field=name, remedy=f"It is expected in {where}.") from None
    return secret


def optional(secret: Secret | None, name: str) -> Secret | None:
    """The secret, which must be there when the service starts if it is configured.

    Raises
    ------
    SettingError
        It cannot be read.
    """
    return None if secret is None else needed(secret, name)


__all__ = ["Secret", "needed", "optional"]
