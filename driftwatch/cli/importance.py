"""Feature importance as it is given on a command line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from driftwatch.errors import FileError, SettingError


def read_importance(texts: Iterable[str]) -> dict[str, float]:
    """Importance by column, from texts such as ``age=0.4`` and files with a JSON object of such pairs.

    Later ones go before earlier ones. A column's name may hold equals signs: the number stands after the last.

    Raises
    ------
    FileError
        If a text without an equals sign is no file with such an object.
    SettingError
        If what stands after the equals sign is no number.
    """
    found: dict[str, float] = {}
    for text in texts:
        column, equals, number = text.rpartition("=")
        if not equals:
            found |= _of_file(Path(text))
            continue
        try:
            found[column] = float(number)
        except ValueError:
            raise SettingError(
                f"{text!r} is no importance.",
                field="--importance",
                remedy="Write it like age=0.4, or name a JSON file.",
            ) from None
    return found


def _of_file(path: Path) -> dict[str, float]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        remedy = "Write it like age=0.4, or name a JSON file."
        raise FileError(f"cannot be read ({error.strerror}).", field=str(path), remedy=remedy) from None
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in found.values()
    ):
        raise FileError("is no JSON object of columns and numbers.", field=str(path), remedy='Write {"age": 0.4}.')
    return {column: float(value) for column, value in found.items()}
