"""A command of this machine: no shell, the message on its standard input, and a time limit."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from driftwatch.errors import SettingError, SinkRejected, SinkUnavailable
from driftwatch.ports import OutboxMessage
from driftwatch.sinks.notice import notice_of
from driftwatch.sinks.options import SinkKind, SinkOptions

TRY_AGAIN = 75
"""The exit code by which a command asks to be tried again: ``EX_TEMPFAIL`` of ``sysexits.h``."""

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "VIRTUAL_ENV")
_IN_ENVIRONMENT = ("type", "model", "model_version", "retrain_id", "alert_id", "events_url", "status_url")
_TERMINATE_SECONDS = 5.0

Argument = Annotated[str, Field(max_length=4_096)]


class CommandOptions(SinkOptions):
    """The table of a command."""

    command: tuple[Argument, ...] = Field(
        min_length=1, max_length=100, description="The program and its arguments, one by one; no shell reads them."
    )
    timeout_seconds: float = Field(60.0, gt=0, le=86_400, description="How long it may take; then it is killed.")
    folder: Path | None = Field(None, description="That it runs in.")
    environment: tuple[str, ...] = Field((), description="Variables of the service that it sees, besides the usual.")

    @field_validator("command")
    @classmethod
    def _of_texts(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        if not command[0] or any("\0" in one for one in command):
            raise ValueError("must begin with a program, and hold no NUL")
        return command


class CommandSink:
    """Runs a command; what it writes goes nowhere.

    It sees the CloudEvent on its standard input; in its environment the key as ``DRIFTWATCH_KEY``, and likewise the
    type, model, retrain and links; and of the service's environment only what a program needs (``PATH``, ``HOME`` and
    so on), so that no secret of the service is in it. Exit code 0: it is told. 75: try again. Any other: never again.
    The command itself is to do nothing the second time that it sees a key.

    Parameters
    ----------
    options
        Its table in the configuration.
    """

    def __init__(self, options: CommandOptions) -> None:
        self.name, self.takes = options.name, options.takes
        self._options = options
        if options.folder is not None and not options.folder.is_dir():
            raise SettingError("is no folder.", field="folder", remedy="Name one that is there.")

    def __repr__(self) -> str:
        return f"CommandSink({self.name}, {Path(self._options.command[0]).name})"

    def deliver(self, message: OutboxMessage) -> str:
        """Run it.

        Raises
        ------
        SinkUnavailable
            It took too long, was killed, ended with 75, or cannot be started at the moment.
        SinkRejected
            It ended with another code, or there is no such program.
        """
        program = Path(self._options.command[0]).name
        with tempfile.TemporaryFile() as given:
            # From a file, so that a command that reads nothing does not keep the service waiting.
            given.write(message.body.encode())
            given.seek(0)
            try:
                process = subprocess.Popen(  # noqa: S603 - the configuration's, argument by argument
                    self._options.command,
                    stdin=given,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd=self._options.folder,
                    env=self._environment(message),
                    start_new_session=True,
                )
            except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
                raise SinkRejected(f"{program} cannot be started ({error.strerror}).") from None
            except OSError as error:
                raise SinkUnavailable(f"{program} cannot be started ({error.strerror}).") from None
            code = self._waited(process, program)
        if code == 0:
            return f"{program} is done"
        if code == TRY_AGAIN or code < 0:
            raise SinkUnavailable(f"{program} ended with {code}.")
        raise SinkRejected(f"{program} ended with {code}.")

    def _waited(self, process: subprocess.Popen[bytes], program: str) -> int:
        try:
            return process.wait(self._options.timeout_seconds)
        except subprocess.TimeoutExpired:
            raise SinkUnavailable(f"{program} took more than {self._options.timeout_seconds:g} seconds.") from None
        finally:
            _end(process)

    def _environment(self, message: OutboxMessage) -> dict[str, str]:
        notice = notice_of(message)
        wanted = (*_INHERITED, *self._options.environment)
        found = {name: os.environ[name] for name in wanted if name in os.environ}
        found |= {f"DRIFTWATCH_{name.upper()}": notice.fields[name] for name in _IN_ENVIRONMENT if notice.fields[name]}
        return {**found, "DRIFTWATCH_KEY": message.message_id}


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a command, with everything that it started."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        os.killpg(process.pid, sign)
        try:
            process.wait(_TERMINATE_SECONDS)
        except subprocess.TimeoutExpired:
            continue


COMMAND = SinkKind("A local command", CommandOptions, CommandSink)

__all__ = ["COMMAND", "TRY_AGAIN", "CommandOptions", "CommandSink"]
