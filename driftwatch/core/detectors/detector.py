"""What every sequential detector is: two lines to use it, and a state that is numbers.

A detector is told one value after another, or many at once, and says after each whether the stream changed. After a
detection it begins anew with the next value, as if it had been made then.

What a detector knows is one array of numbers, which goes through JSON unchanged: a detector that is written down and
read again answers as the first one would have.
"""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numba import types
from numpy.typing import ArrayLike, NDArray

from driftwatch.errors import SettingError

Floats = NDArray[np.float64]
Signals = NDArray[np.int8]
Parameter = float | int | str | bool | None

NOTHING, WARNING, DRIFT = 0, 1, 2
"""What is said after a value."""

LAST = 0
"""Where each state keeps what was said last: after `DRIFT` the next value begins anew."""

floats = types.Array(types.float64, 1, "C")
signals_written = types.Array(types.int8, 1, "C")

KERNEL = (types.void, floats, floats, floats, signals_written)
"""The types of what goes over values: values, parameters, state, and where the signals go.

None is read-only: a call with an array of another type than these takes ten times as long, which one value would feel.
"""


class Detector(ABC):
    """A sequential change detector.

    Attributes
    ----------
    name
        In the table of detectors, and in documents.
    """

    name: ClassVar[str]

    def __init__(self) -> None:
        self._numbers = self._as_numbers()
        self._state = self._initial()
        self._value, self._signal = np.empty(1), np.zeros(1, dtype=np.int8)

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """What the detector was made with, by name: each is kept under the name that it was given by."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    @abstractmethod
    def _as_numbers(self) -> Floats:
        """The parameters as the compiled loop takes them."""

    @abstractmethod
    def _initial(self) -> Floats:
        """The state before the first value."""

    @abstractmethod
    def _follow(self, values: Floats, signals: Signals) -> None:
        """Go over values: change the state, and write what is said after each."""

    def update(self, x: float) -> None:
        """Take one value.

        Parameters
        ----------
        x
            A loss, or 1 for an error and 0 for none where the detector watches error rates. ``nan`` and infinite
            values are not counted: nothing is said after them, and nothing is remembered of them.
        """
        self._value[0] = x
        self._follow(self._value, self._signal)

    def signals(self, values: ArrayLike) -> Signals:
        """Take many values, and answer what was said after each: 0 for nothing, 1 for a warning, 2 for a drift.

        Parameters
        ----------
        values
            Shape ``(n,)``, as for `update`, in order; ``n`` may be 0.

        Raises
        ------
        ValueError
            If the values are not one-dimensional, or no numbers.
        """
        taken = np.require(values, dtype=np.float64, requirements=("C", "W"))
        if taken.ndim != 1:
            raise ValueError(f"values have one dimension, not {taken.ndim}")
        said = np.zeros(len(taken), dtype=np.int8)
        if len(taken):
            self._follow(taken, said)
            self._signal[0] = said[-1]
        return said

    def update_many(self, values: ArrayLike) -> NDArray[np.intp]:
        """Take many values, much faster than one by one.

        Parameters
        ----------
        values
            As for `signals`.

        Returns
        -------
        array
            The indices at which a drift was detected, ascending.
        """
        return np.flatnonzero(self.signals(values) == DRIFT)

    @property
    def drift_detected(self) -> bool:
        """Whether the last value completed a detection."""
        return bool(self._signal[0] == DRIFT)

    @property
    def warning_detected(self) -> bool:
        """Whether the stream may be changing, as of the last value; always False of detectors that do not warn."""
        return bool(self._signal[0] == WARNING)

    def reset(self) -> None:
        """Forget every value."""
        self._state = self._initial()
        self._signal[0] = NOTHING

    def to_document(self) -> dict[str, Any]:
        """A JSON-able form of parameters and state, exact."""
        return {
            "detector": self.name,
            "version": 1,
            "parameters": dict(self.parameters),
            "said": int(self._signal[0]),
            "state": [value if math.isfinite(value) else repr(value) for value in self._state.tolist()],
        }

    @classmethod
    def from_document(cls, document: Any) -> Self:
        """The inverse of `to_document`: a detector that goes on where the written one was.

        Raises
        ------
        ValueError
            If the document is cut short, altered, or another detector's.
        """
        try:
            if document["detector"] != cls.name or document["version"] != 1:
                raise ValueError(f"this is no document of {cls.name} that this version of driftwatch reads")
            detector = cls(**{str(name): value for name, value in document["parameters"].items()})
            state = np.array([float(value) for value in document["state"]])
            said = int(document["said"])
        except (KeyError, TypeError, AttributeError, OverflowError, SettingError) as error:
            raise ValueError(f"a document of {cls.name} is cut short or altered") from error
        if said not in (NOTHING, WARNING, DRIFT) or not detector._accepts(state):
            raise ValueError(f"a state of {cls.name} does not fit its parameters")
        detector._state = state
        detector._signal[0] = said
        return detector

    def _accepts(self, state: Floats) -> bool:
        """Whether a state that was read fits the parameters: the loops index by what it says."""
        return len(state) == len(self._state) and state[LAST] in (NOTHING, WARNING, DRIFT)

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())
        return f"{type(self).__name__}({given})"


def is_whole(values: Floats, least: float, most: float) -> bool:
    """Whether all values are whole numbers between two, both included."""
    return bool(np.all((values >= least) & (values <= most) & (values == np.floor(values))))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating))


def check_between(value: float, least: float, most: float, name: str) -> float:
    """The value, if it lies between two numbers, both included.

    Raises
    ------
    SettingError
        If it does not, or is no number.
    """
    if not _is_number(value) or not least <= value <= most:
        raise SettingError(f"{value!r} does not lie between {least:g} and {most:g}.", field=name)
    return float(value)


def check_count(value: int, least: int, most: int, name: str) -> int:
    """The value, if it is a whole number between two, both included.

    Raises
    ------
    SettingError
        If it is not.
    """
    if isinstance(value, bool) or not _is_number(value) or not least <= value <= most or value != int(value):
        raise SettingError(f"{value!r} is no whole number between {least:,} and {most:,}.", field=name)
    return int(value)
