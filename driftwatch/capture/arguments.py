"""Which of a call's arguments are the rows."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from driftwatch.capture.copying import Copy, copied, one_row

_ITSELF = frozenset({"self", "cls"})
_IN_ORDER = frozenset({inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD})
_REST = frozenset({inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD})


@dataclass(frozen=True, slots=True)
class FirstArgument:
    """The rows are the argument at a position, or under a name; a name of None takes whatever comes first."""

    position: int = 0
    name: str | None = None

    def copied(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], most: int) -> Copy:
        """The copy of at most so many rows; raises like `copied`, and ``LookupError`` where there are none."""
        if len(args) > self.position:
            return copied(args[self.position], most)
        if self.name is not None:
            return copied(kwargs[self.name], most)
        return copied(next(iter(kwargs.values())), most)


@dataclass(frozen=True, slots=True, eq=False)
class AllArguments:
    """All arguments together are one row, under the names of their parameters."""

    names: tuple[str, ...]
    defaults: Mapping[str, Any]
    position: int = 0

    def copied(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], most: int) -> Copy:
        """See `FirstArgument`."""
        return one_row({**self.defaults, **dict(zip(self.names, args[self.position :], strict=False)), **kwargs})


Rows = FirstArgument | AllArguments


def rows_among(function: Callable[..., Any], *, named: str | None, is_function: bool) -> Rows:
    """Where the rows are.

    The parameter that is named, where there is one of that name; else of a function with several parameters without a
    default all arguments together, each a feature; else the first parameter. ``self`` does not count.
    """
    parameters = parameters_of(function)
    begin = 1 if is_function and parameters and parameters[0].name in _ITSELF else 0
    for position, one in enumerate(parameters):
        if one.name == named and one.kind not in _REST:
            # One that can only be named is found at no position.
            return FirstArgument(position if one.kind in _IN_ORDER else len(parameters), named)
    taken = [one for one in parameters[begin:] if one.kind not in _REST]
    if is_function and sum(one.default is one.empty for one in taken) > 1:
        defaults = {one.name: one.default for one in taken if one.default is not one.empty}
        return AllArguments(tuple(one.name for one in taken if one.kind in _IN_ORDER), defaults, begin)
    return FirstArgument(begin, taken[0].name) if taken else FirstArgument(begin)


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters in their order; none where they cannot be known."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # A function of C, or a model that only looks like one.
        return []


__all__ = ["AllArguments", "FirstArgument", "Rows", "parameters_of", "rows_among"]
