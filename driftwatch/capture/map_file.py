"""Routes of any JSON service, mapped by paths: in a file in TOML, or in code."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from driftwatch.errors import FileError, InputError
from driftwatch.wire.json_path import json_path
from driftwatch.wire.path_map import PathMap

_PARAMETER = re.compile(r"\{[^/{}]*\}")
_NEEDED = frozenset({"route", "features", "prediction"})
_KNOWN = _NEEDED | {"score", "prediction_id"}


def read_map(path: Path) -> list[PathMap]:
    """The mapped routes of a file.

    Raises
    ------
    FileError
        If it cannot be read, is no TOML, or has other entries than it should.
    InputError
        If a path in it is none.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"cannot be read ({error.strerror}).", field=str(path), remedy="Check its name.") from None
    except (ValueError, RecursionError) as error:
        raise FileError(f"is no TOML ({error}).", field=str(path)) from None
    routes = found.get("routes")
    if set(found) != {"routes"} or not isinstance(routes, list) or not routes:
        raise FileError("has no [[routes]].", field=str(path), remedy="See docs/proxy.md for an example.")
    return [_route(f"{path}, routes[{position}]", one) for position, one in enumerate(routes)]


def mapped_routes(routes: Mapping[str, Mapping[str, str]]) -> list[PathMap]:
    """Routes that are given in code: by the path of the requests, in which ``{name}`` stands for anything, too.

    Raises
    ------
    InputError
        If an entry is missing, means nothing, or is no path.

    Examples
    --------
    >>> [found] = mapped_routes({"/score/{customer}": {"features": "$.customer", "prediction": "$.score"}})
    >>> found.route
    '/score/*'
    """
    if not routes:
        raise InputError("is empty.", field="routes", remedy="Give the routes that are to be logged.")
    return [
        _route(f"routes[{path!r}]", {"route": _PARAMETER.sub("*", path), **found}) for path, found in routes.items()
    ]


def _route(where: str, found: Any) -> PathMap:
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise FileError("must have texts alone.", field=where)
    for name in sorted(_NEEDED - found.keys()):
        raise FileError(f"has no {name}.", field=where)
    for name in sorted(found.keys() - _KNOWN):
        raise FileError(
            f"has {name!r}, which means nothing.", field=where, remedy=f"Known: {', '.join(sorted(_KNOWN))}."
        )
    if not found["route"].startswith("/"):
        raise InputError("is no path of requests.", field=f"{where}.route", remedy="Begin it with a slash.")
    paths = {name: json_path(value) for name, value in found.items() if name != "route"}
    return PathMap(route=found["route"], **paths)


__all__ = ["mapped_routes", "read_map"]
