"""The token that a client shows, and whom it trusts: given, or found in the environment."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from driftwatch.errors import FileError, InputError

if TYPE_CHECKING:
    import ssl

TOKEN_VARIABLE = "DRIFTWATCH_TOKEN"  # noqa: S105 - the variable's name, no token
TOKEN_FILE_VARIABLE = "DRIFTWATCH_TOKEN_FILE"  # noqa: S105 - as above
CA_VARIABLE = "DRIFTWATCH_CA"

_VISIBLE = re.compile(r"[!-~]+")


def authorization(token: str | None) -> dict[str, str]:
    """The header that shows a token; empty where there is none.

    Parameters
    ----------
    token
        By default what ``DRIFTWATCH_TOKEN`` holds, or the file that ``DRIFTWATCH_TOKEN_FILE`` names.

    Raises
    ------
    InputError
        If it could not be sent in a header. The message does not repeat it.
    FileError
        If the file cannot be read.

    Examples
    --------
    >>> authorization("dw_abc")
    {'Authorization': 'Bearer dw_abc'}
    """
    found = token if token is not None else os.environ.get(TOKEN_VARIABLE) or _from_file()
    if found is None:
        return {}
    found = found.strip()
    if not _VISIBLE.fullmatch(found):
        raise InputError(
            "has characters that no token has, or none.", field="token", remedy="Give one line, as it was printed."
        )
    return {"Authorization": f"Bearer {found}"}


def read_token(path: Path) -> str:
    """The token in a file.

    Raises
    ------
    FileError
        If it cannot be read.
    """
    try:
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise FileError(f"cannot be read ({error.strerror}).", field=str(path), remedy="Check its name.") from None
    except UnicodeDecodeError:
        raise FileError("holds no token.", field=str(path)) from None


def trust(ca: str | Path | None) -> ssl.SSLContext:
    """Verify the service's certificate and name, TLS 1.2 or later.

    Parameters
    ----------
    ca
        A PEM file of whom to trust; by default what ``DRIFTWATCH_CA`` names, else the machine's own authorities.

    Raises
    ------
    FileError
        If it is no such file.
    """
    import ssl

    named = ca if ca is not None else os.environ.get(CA_VARIABLE) or None
    try:
        context = ssl.create_default_context(cafile=named)
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror or "no certificates"
        raise FileError(
            f"is no file of certificates ({reason}).", field=str(named), remedy="Give a PEM file."
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _from_file() -> str | None:
    named = os.environ.get(TOKEN_FILE_VARIABLE)
    return read_token(Path(named)) if named else None


__all__ = ["CA_VARIABLE", "TOKEN_FILE_VARIABLE", "TOKEN_VARIABLE", "authorization", "read_token", "trust"]
