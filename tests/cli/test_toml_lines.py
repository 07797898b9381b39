"""Where in a TOML file something stands."""

from __future__ import annotations

import tomllib

import pytest

from driftwatch.toml_lines import line_of

TEXT = '''# a comment with [brackets] and = signs
a = """
b = 1
[no.table]
"""
'b c' = 'x # y'   # z
"d".e.f = [ # begins
  1,
  { g = 2, h = [3] },
  [ 4,
    5 ],
]
[ table . "x.y" ] # here
i = 2020-01-01T00:00:00Z
j = { k = { l = 1, m = [ "]" , "}" ] } }
[[list]]
n = 1
[[list]]
n = \'\'\'multi
line\'\'\'
[list.inner]
o = 1e3
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a",), 2),
        (("b c",), 6),
        (("d", "e", "f"), 7),
        (("d", "e", "f", 0), 8),
        (("d", "e", "f", 1, "h"), 9),
        (("d", "e", "f", 1, "h", 0), 9),
        (("d", "e", "f", 2, 1), 11),
        (("table", "x.y"), 13),
        (("table", "x.y", "i"), 14),
        (("table", "x.y", "j", "k", "m", 1), 15),
        (("list", 0, "n"), 17),
        (("list", 1, "n"), 19),
        (("list", 1, "inner", "o"), 22),
        (("list", 1, "nothing"), 18),
        (("table", "nothing"), 13),
        (("no", "table"), None),
        ((), None),
    ],
)
def test_a_path_has_its_line(path: tuple[str | int, ...], line: int | None) -> None:
    assert line_of(TEXT, path) == line


def test_every_value_that_the_reader_finds_has_a_line() -> None:
    def paths(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
        if isinstance(value, dict):
            inner = [one for key, entry in value.items() for one in paths(entry, (*path, key))]
        elif isinstance(value, list):
            inner = [one for place, entry in enumerate(value) for one in paths(entry, (*path, place))]
        else:
            return [path]
        return inner

    found = paths(tomllib.loads(TEXT))
    assert len(found) > 12
    assert all(line_of(TEXT, path) is not None for path in found)
