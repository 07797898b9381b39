"""What predictions are worth, as it is given on a command line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from driftwatch.errors import FileError, SettingError

_REMEDY = "Write it like fraud:fine=-500, or name a JSON file."


def read_values(texts: Iterable[str]) -> dict[str, dict[str, float]]:
    """Values by label, then prediction, from texts such as ``fraud:fine=-500`` and files with a JSON object of objects.

    Later ones go before earlier ones. Names with a colon in them are for a file.

    Raises
    ------
    FileError
        If a text without an equals sign is no file with such an object.
    SettingError
        If a text is no pair of names and a number.
    """
    found: dict[str, dict[str, float]] = {}
    for text in texts:
        pair, equals, number = text.rpartition("=")
        if not equals:
            for label, row in _of_file(Path(text)).items():
                found.setdefault(label, {}).update(row)
            continue
        names = pair.split(":")
        try:
            label, prediction = names
            found.setdefault(label, {})[prediction] = float(number)
        except ValueError:
            raise SettingError(f"{text!r} is no value of a prediction.", field="--value", remedy=_REMEDY) from None
    return found


def _of_file(path: Path) -> dict[str, dict[str, float]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"cannot be read ({error.strerror}).", field=str(path), remedy=_REMEDY) from None
    except ValueError:
        found = None
    try:
        return {str(label): {str(name): float(value) for name, value in row.items()} for label, row in found.items()}
    except (AttributeError, TypeError, ValueError):
        raise FileError(
            "is no JSON object of labels, predictions and numbers.",
            field=str(path),
            remedy='Write {"fraud": {"fine": -500}}.',
        ) from None
