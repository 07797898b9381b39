"""Where in a TOML file something stands: the standard library reads values and forgets their lines.

The text was read by ``tomllib`` before, so it is known to be TOML; this looks only for the places of keys, of the
entries of arrays and of those of inline tables.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable

Path = tuple[str | int, ...]
"""Names of tables and keys, and positions in arrays."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.DOTALL)
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SCALAR = re.compile(r"[^,\]}\n#]+")


def line_of(text: str, path: Iterable[str | int]) -> int | None:
    r"""The line, from 1, of what a path names, or of the last part of the path that is there; None for no part.

    Examples
    --------
    >>> text = 'window = "1d"\n[retrain]\nany = [\n  "quality",\n  { age = "90d" },\n]\n'
    >>> line_of(text, ("retrain", "any", 1, "age")), line_of(text, ("retrain", "cooldown")), line_of(text, ("slide",))
    (5, 2, None)
    """
    lines = _Lines(text).lines
    wanted = tuple(path)
    for length in range(len(wanted), 0, -1):
        if wanted[:length] in lines:
            return lines[wanted[:length]]
    return None


class _Lines:
    """The lines of all paths of a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.lines: dict[Path, int] = {}
        self._tables: Counter[Path] = Counter()
        self._read()

    def _read(self) -> None:
        table: Path = ()
        while self._skip() < len(self._text):
            if self._text.startswith("[[", self._at):
                table = self._header("]]")
            elif self._text.startswith("[", self._at):
                table = self._header("]")
            else:
                self._entry(table)

    def _skip(self) -> int:
        match = _SPACE.match(self._text, self._at)
        self._at = match.end() if match is not None else self._at
        return self._at

    def _note(self, path: Path) -> None:
        self.lines.setdefault(path, self._text.count("\n", 0, self._at) + 1)

    def _header(self, close: str) -> Path:
        begin = self._at
        self._at += len(close)
        names = self._key()
        self._at = self._text.index(close, self._at) + len(close)
        path = self._resolved(names[:-1]) + names[-1:]
        if close == "]]":
            self._tables[path] += 1
            path = (*path, self._tables[path] - 1)
        end, self._at = self._at, begin
        for length in range(1, len(path) + 1):
            self._note(path[:length])
        self._at = end
        return path

    def _resolved(self, names: Path) -> Path:
        """A path of names, with the position of the newest table where one of them is an array of tables."""
        path: Path = ()
        for name in names:
            path = (*path, name)
            if self._tables[path]:
                path = (*path, self._tables[path] - 1)
        return path

    def _key(self) -> tuple[str, ...]:
        names: list[str] = []
        while True:
            self._skip()
            string, bare = _STRING.match(self._text, self._at), _BARE.match(self._text, self._at)
            match = string or bare
            if match is None:
                raise ValueError("there is no key")
            names.append(_unquoted(match[0]) if string else match[0])
            self._at = match.end()
            if not self._text.startswith(".", self._skip()):
                return tuple(names)
            self._at += 1

    def _entry(self, table: Path) -> None:
        begin = self._at
        names = self._key()
        end, self._at = self._at, begin
        for length in range(1, len(names) + 1):
            self._note((*table, *names[:length]))
        self._at = self._text.index("=", end) + 1
        self._value((*table, *names))

    def _value(self, path: Path) -> None:
        self._skip()
        if self._text.startswith("[", self._at):
            self._at += 1
            position = 0
            while not self._text.startswith("]", self._skip()):
                self._note((*path, position))
                self._value((*path, position))
                self._comma()
                position += 1
            self._at += 1
        elif self._text.startswith("{", self._at):
            self._at += 1
            while not self._text.startswith("}", self._skip()):
                self._entry(path)
                self._comma()
            self._at += 1
        else:
            match = _STRING.match(self._text, self._at) or _SCALAR.match(self._text, self._at)
            if match is None:
                raise ValueError("there is no value")
            self._at = match.end()

    def _comma(self) -> None:
        if self._text.startswith(",", self._skip()):
            self._at += 1


def _unquoted(name: str) -> str:
    if name.startswith("'"):
        return name[1:-1]
    try:
        return str(json.loads(name))
    except ValueError:
        # An escape that TOML has and JSON has not.
        return name[1:-1]


__all__ = ["line_of"]
