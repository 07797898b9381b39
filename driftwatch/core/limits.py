"""Numbers that users choose, by statistic, and by column where one is different.

``{"psi": 0.2, "amount": {"psi": 0.1}}`` is 0.2 for the PSI of every column, but 0.1 for that of ``amount``. The same
shape is a TOML table of a settings file, and ``psi=0.2`` and ``amount.psi=0.1`` are the same on a command line.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from driftwatch.core.statistics import STATISTICS
from driftwatch.errors import SettingError

Limits = Mapping[str, float | Mapping[str, float]]
"""A number by the name of a statistic; or by the name of a column, numbers by the names of statistics."""


def limit_of(limits: Limits, column: str, statistic: str) -> float | None:
    """What was chosen for one column and statistic: the column's own before the statistic's; None for neither.

    Examples
    --------
    >>> limits = {"psi": 0.2, "amount": {"psi": 0.1}}
    >>> limit_of(limits, "age", "psi"), limit_of(limits, "amount", "psi"), limit_of(limits, "age", "ks")
    (0.2, 0.1, None)
    """
    own = own_limit(limits, column, statistic)
    general = limits.get(statistic)
    return own if own is not None or isinstance(general, Mapping) else general


def own_limit(limits: Limits, column: str, statistic: str) -> float | None:
    """What was chosen for this column by its name; None where nothing was."""
    own = limits.get(column)
    return own.get(statistic) if isinstance(own, Mapping) else None


def check_limits(limits: Mapping[str, object], field: str, *, largest: float = math.inf, tests: bool = False) -> None:
    """Check that statistics exist and numbers can be.

    Parameters
    ----------
    limits
        Of the shape of `Limits`, or not.
    field
        Its name, for the message.
    largest
        No number may be larger, and none negative.
    tests
        Whether the statistics must have a plain two-sample test.

    Raises
    ------
    SettingError
        The message names the entry, such as ``thresholds.amount.psi``.
    """
    for name, value in limits.items():
        entries = value.items() if isinstance(value, Mapping) else [(name, value)]
        for statistic, number in entries:
            path = f"{field}.{name}.{statistic}" if isinstance(value, Mapping) else f"{field}.{name}"
            check_statistic(statistic, path, tests=tests)
            if isinstance(number, bool) or not isinstance(number, int | float) or not 0.0 <= number <= largest:
                what = f"between 0 and {largest:g}" if math.isfinite(largest) else "of 0 or more"
                raise SettingError(f"{number!r} is no number {what}.", field=path, remedy="Write one such as 0.1.")


def check_statistic(name: object, field: str, *, tests: bool = False) -> None:
    """Check that there is such a statistic, and with a plain two-sample test if ``tests``.

    Raises
    ------
    SettingError
        The message names those that there are.
    """
    possible = sorted(name for name, one in STATISTICS.items() if one.has_test or not tests)
    if name in possible:
        return
    if name in STATISTICS:
        raise SettingError(f"{name} has no p-value.", field=field, remedy=f"Those that have: {', '.join(possible)}.")
    raise SettingError(f"there is no statistic {name!r}.", field=field, remedy=closest(str(name), possible))


def closest(name: str, possible: Sequence[str]) -> str:
    """What to write instead of a name that there is not."""
    near = get_close_matches(name, possible, n=1)
    return f"Did you mean {near[0]}?" if near else f"There are: {', '.join(possible)}."


def read_limits(texts: Iterable[str], field: str) -> dict[str, float | dict[str, float]]:
    """Limits as they are written on a command line, ``STATISTIC=NUMBER`` or ``COLUMN.STATISTIC=NUMBER``.

    A column's name may hold points and equals signs: what stands after the last of each is meant.

    Raises
    ------
    SettingError
        If a text is not of that form.

    Examples
    --------
    >>> read_limits(["psi=0.2", "amount.psi=0.1", "a.b.ks=0.3"], "--threshold")
    {'psi': 0.2, 'amount': {'psi': 0.1}, 'a.b': {'ks': 0.3}}
    """
    limits: dict[str, float | dict[str, float]] = {}
    for text in texts:
        name, _, written = text.rpartition("=")
        column, point, statistic = name.rpartition(".")
        number = _number(written)
        if number is None or not statistic or (point and not column):
            raise SettingError(
                f"{text!r} is no limit.", field=field, remedy="Write it like psi=0.2, or amount.psi=0.1 for a column."
            )
        own = limits.setdefault(column, {}) if column else limits
        if not isinstance(own, dict):
            raise SettingError(f"{column!r} is a statistic, not a column.", field=field)
        own[statistic] = number
    return limits


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
