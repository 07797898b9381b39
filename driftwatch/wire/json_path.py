"""Paths into JSON: a small part of JSONPath (RFC 9535) that only walks, and computes nothing.

``$`` is the whole document; ``.name`` and ``['name']`` go into an object, ``[0]`` into a list, ``[*]`` into each
element of one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from driftwatch.errors import EventError, InputError

_STEP = re.compile(
    r"""\.(?P<bare>[^\s.\[\]'"*$()?@]+)|\['(?P<single>[^'\\]+)'\]|\["(?P<double>[^"\\]+)"\]|\[(?P<index>\d{1,9})\]"""
    r"""|(?P<each>\[\*\])"""
)


class _Each:
    """The step into each element."""


EACH = _Each()


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A path, read.

    Attributes
    ----------
    text
        As it was written.
    steps
        Names, positions, and `EACH`.
    """

    text: str
    steps: tuple[str | int | _Each, ...]

    @property
    def is_several(self) -> bool:
        """Whether it leads to a list with an entry an element."""
        return EACH in self.steps

    def find(self, document: Any) -> Any:
        """What is there.

        Raises
        ------
        EventError
            If the path leads nowhere.

        Examples
        --------
        >>> json_path("$.rows[*].age").find({"rows": [{"age": 3}, {"age": 4}]})
        [3, 4]
        """
        return self._walk(document, 0)

    def _walk(self, value: Any, at: int) -> Any:
        for position in range(at, len(self.steps)):
            step = self.steps[position]
            if isinstance(step, _Each):
                if not isinstance(value, list):
                    raise self._nowhere()
                found = [self._walk(one, position + 1) for one in value]
                inner = any(isinstance(one, _Each) for one in self.steps[position + 1 :])
                return [one for part in found for one in part] if inner else found
            if isinstance(step, int):
                if not isinstance(value, list) or step >= len(value):
                    raise self._nowhere()
                value = value[step]
            elif not isinstance(value, dict) or step not in value:
                raise self._nowhere()
            else:
                value = value[step]
        return value

    def _nowhere(self) -> EventError:
        return EventError("leads nowhere in the body.", field=self.text)


def json_path(text: str) -> JsonPath:
    """Read a path.

    Raises
    ------
    InputError
        If it is none, or asks for more than walking.

    Examples
    --------
    >>> json_path("$.customer['first name'][0]").steps
    ('customer', 'first name', 0)
    """
    remedy = "Write one such as $.customer, $['first name'], $.rows[0] or $.rows[*].age."
    if not text.startswith("$") or len(text) > 1_000:
        raise InputError("is no path into JSON.", field=text[:100], remedy=remedy)
    steps: list[str | int | _Each] = []
    at = 1
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            raise InputError(f"is no path into JSON from character {at + 1} on.", field=text[:100], remedy=remedy)
        name = found["bare"] or found["single"] or found["double"]
        steps.append(name if name is not None else int(found["index"]) if found["index"] is not None else EACH)
        at = found.end()
    return JsonPath(text, tuple(steps))


__all__ = ["EACH", "JsonPath", "json_path"]
